//! Finds of an egress at directories that it reaches badly, or not at all, on a network that is
//! not there: turmoil's. The egress, its HTTP server and its client are those of production;
//! directories are a function behind the same server, for real ones need a table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use turmoil::net::{TcpListener, TcpStream};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::peer::FIND_CHUNK_MAX;
use weft_daemons::contract::{
    CoordAction, CoordEvent, Effect, Event, HttpAction, HttpEvent, Machine, RequestHead,
    ResponseHead, Task,
};
use weft_daemons::egress::{Egress, EgressConfig, EgressTask};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::{Metadata, SeriesId, SipKey, WrapKey};
use weft_http::{
    BuiltIn, Client, Destination, Limits, Listener, Patience, Responder, Server, Sink,
};
use weft_wire::streaming;
use weft_wire::token::{ReadToken, TokenAuthority, TokenKeys};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

use super::{Network, Peers};

const PORT: u16 = 80;

/// Series of a shard: their answer is several pieces for the egress, too.
const SERIES: i64 = FIND_CHUNK_MAX as i64 * 5 / 2;

/// Series in a piece of a directory's answer.
const PIECE: i64 = 100;

/// The longest that a message is under way.
const LATENCY: Duration = Duration::from_millis(5);

/// How long an egress waits for a directory, each time.
const PATIENCE: Duration = Duration::from_millis(300);

/// The longest that a find may take: a directory may keep it waiting for its head and its last piece.
const FIND_MAX: Duration = Duration::from_millis(1_500);

/// How often a find is cut.
const CUTS: u32 = 24;

/// Connections over turmoil's network.
struct Net(TcpListener);

impl Listener for Net {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(self.0.accept().await?.0)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn client(patience: Duration) -> Client {
    let patience = Patience { connect: patience, head: patience, body: patience };
    Client::over(patience, TcpStream::connect::<String>)
}

async fn serve(sink: Sink, responder: Responder) -> turmoil::Result {
    let listener = Net(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let built_in = BuiltIn { ready: Arc::new(|| Ok(())), metrics: Arc::new(String::new) };
    let route = Arc::new(move |_: &_| Destination::To(sink.clone()));
    Server::new(listener, Limits::default(), route, built_in, responder).run().await;
    Ok(())
}

/// The lines of a piece of a shard's answer: every other series is the other shard's.
fn piece(shard: i64, from: i64) -> Bytes {
    let mut lines = Vec::new();
    for number in from..(from + PIECE).min(SERIES) {
        let labels = [("n", number.to_string()), ("shard", shard.to_string())];
        let mut metadata = Metadata::new("a", labels.into_iter().collect());
        metadata.id = SeriesId { class_id: 1, labels_id: number * 2 + shard };
        streaming::write_line(&mut lines, &metadata);
    }
    lines.into()
}

/// A directory that answers every find with its whole shard, piece by piece.
async fn directory(shard: i64) -> turmoil::Result {
    let (sender, mut events) = unbounded_channel();
    let responder = Responder::default();
    let own = responder.clone();
    tokio::spawn(async move {
        let mut next: BTreeMap<RequestId, i64> = BTreeMap::new();
        while let Some(event) = events.recv().await {
            let request = match event {
                HttpEvent::End { request } => {
                    let head = ResponseHead { status: 200, headers: Vec::new() };
                    own.act(HttpAction::Head { request, head });
                    next.insert(request, 0);
                    request
                }
                HttpEvent::Drained { request } => request,
                HttpEvent::Gone { request } => {
                    next.remove(&request);
                    continue;
                }
                _ => continue,
            };
            let Some(from) = next.get_mut(&request) else { continue };
            if *from < SERIES {
                own.act(HttpAction::Body { request, bytes: piece(shard, *from) });
                *from += PIECE;
            } else {
                own.act(HttpAction::End { request });
                next.remove(&request);
            }
        }
    });
    serve(Arc::new(move |event| drop(sender.send(event))), responder).await
}

fn token_keys() -> TokenKeys {
    TokenKeys {
        sip: SipKey::new(5, 6),
        app: SipKey::new(7, 8),
        aes: WrapKey::new(&[9; 32]).expect("a key"),
    }
}

fn read_token() -> String {
    token_keys().encode_read(&ReadToken {
        expiry_ms: i64::MAX,
        app_name: Some("test".to_owned()),
        apps: vec!["test".to_owned()],
        owners: vec![vec![7; 16]],
        billed_id: vec![7; 16],
        ..ReadToken::default()
    })
}

fn config() -> EgressConfig {
    EgressConfig::minimal(TokenAuthority::new(token_keys()), "/d".to_owned())
}

/// What a directory registers: its name is its host's and ends in its shard.
fn registered(name: &str) -> Bytes {
    let remainder = &name[name.len() - 1..];
    let port = PORT.to_string();
    let payload = [("modulus", "2"), ("remainder", remainder), ("streaming.port", &port)];
    let instance = ServiceInstance {
        name: DIRECTORY_SERVICE.to_owned(),
        id: name.to_owned(),
        address: name.to_owned(),
        port: 1,
        payload: payload.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        registered_ms: 0,
    };
    instance.encode().into()
}

/// An egress that knows these directories.
async fn egress(directories: &'static [&'static str]) -> turmoil::Result {
    let (sender, mut events) = unbounded_channel::<Event<EgressTask>>();
    let responder = Responder::default();
    let peers = Arc::<Peers>::default();
    let network = Network::new(SipKey::new(1, 2), "X-Signature".to_owned(), false);
    peers.reach_through(network.over(client(PATIENCE)), Handle::current());
    let tell = sender.clone();
    let seat = peers.join(Arc::new(move |event| drop(tell.send(Event::Peer(event)))));
    let own = responder.clone();
    let _ = sender.send(Event::Coord(CoordEvent::Connected));
    let tell = sender.clone();
    tokio::spawn(async move {
        let begun = Instant::now();
        let mut machine = Egress::new(config(), [1; 32]);
        let mut own_events = VecDeque::new();
        loop {
            while let Some(effect) = machine.poll() {
                match effect {
                    Effect::Http(action) => own.act(action),
                    Effect::Peer(action) => peers.act(seat, action),
                    Effect::Compute(id, task) => {
                        own_events.push_back(Event::Computed(id, task.run()));
                    }
                    Effect::Coord(CoordAction::Children { id, .. }) => {
                        let result = Ok(directories.iter().map(|&d| d.to_owned()).collect());
                        own_events.push_back(Event::Coord(CoordEvent::Children { id, result }));
                    }
                    Effect::Coord(CoordAction::Get { id, path, .. }) => {
                        let name = path.rsplit('/').next().unwrap_or_default();
                        let result = Ok(registered(name));
                        own_events.push_back(Event::Coord(CoordEvent::Data { id, result }));
                    }
                    _ => {}
                }
            }
            let event = match own_events.pop_front() {
                Some(event) => Some(event),
                None => events.recv().await,
            };
            let Some(event) = event else { return };
            let ns = begun.elapsed().as_nanos() as u64;
            machine.handle(Now { mono: Mono(ns), wall: Wall(ns as i64) }, event);
        }
    });
    serve(Arc::new(move |event| drop(tell.send(Event::Http(event)))), responder).await
}

/// A find of everything: how many series there are, or why that is not known. It takes no longer
/// than it may.
async fn find() -> Result<usize, String> {
    let begun = Instant::now();
    let found = ask().await;
    assert!(begun.elapsed() <= FIND_MAX, "{found:?} took {:?}", begun.elapsed());
    found
}

async fn ask() -> Result<usize, String> {
    let client = client(4 * FIND_MAX);
    let head = RequestHead {
        method: "GET".to_owned(),
        path: "/api/v0/find".to_owned(),
        query: "selector=~.%2A%7B%7D".to_owned(),
        headers: vec![("X-Warp10-Token".to_owned(), read_token())],
    };
    let answer = client.call("egress:80", &head, Bytes::new()).await;
    let mut answer = answer.map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    while let Some(piece) = answer.piece().await.map_err(|error| error.to_string())? {
        body.extend_from_slice(&piece);
    }
    let text = String::from_utf8(body).expect("text");
    if answer.status != 200 {
        return Err(format!("{}: {text}", answer.status));
    }
    let series: BTreeSet<&str> = text.lines().collect();
    assert_eq!(series.len(), text.lines().count(), "each once");
    assert!(text.lines().all(|line| line.starts_with("a{")), "{:?}", text.lines().last());
    Ok(series.len())
}

const ALL: usize = 2 * SERIES as usize;

/// A world with an egress and directories, and a client that does this.
fn world(
    seed: u64,
    directories: &'static [&'static str],
    client: impl Future<Output = turmoil::Result> + 'static,
) {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .enable_random_order()
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(LATENCY)
        .tcp_capacity(2)
        .simulation_duration(Duration::from_secs(600))
        .build();
    for &name in directories {
        let shard = i64::from(name.ends_with('1'));
        sim.host(name, move || directory(shard));
    }
    sim.host("egress", move || egress(directories));
    sim.client("client", client);
    if let Err(error) = sim.run() {
        panic!("seed {seed}: {error}");
    }
}

#[test]
fn a_find_across_a_partition_is_whole_or_an_error() {
    for seed in 1..=2 {
        world(seed, &["d0", "d1"], async move {
            assert_eq!(find().await, Ok(ALL));
            let begun = Instant::now();
            assert_eq!(find().await, Ok(ALL));
            let whole = begun.elapsed();
            let mut failed = 0;
            // From the beginning of a find to after its end.
            for cut in 0..=CUTS {
                let at = whole * 3 / 2 * cut / CUTS;
                let find = tokio::spawn(find());
                tokio::time::sleep(at).await;
                turmoil::partition("egress", "d1");
                let found = find.await?;
                assert!(found == Ok(ALL) || found.is_err(), "cut at {at:?}: {found:?}");
                failed += u32::from(found.is_err());
                turmoil::repair("egress", "d1");
                // Nothing that was broken is used again.
                assert_eq!(self::find().await, Ok(ALL), "after a cut at {at:?}");
            }
            let is_within = (CUTS / 4..=CUTS).contains(&failed);
            assert!(is_within, "{failed} of {CUTS}: the cuts are in the find, of {whole:?}");
            Ok(())
        });
    }
}

#[test]
fn a_find_that_is_held_up_is_whole_or_an_error() {
    world(3, &["d0", "d1"], async move {
        let mut failed = 0;
        for hold_ms in (0..140).step_by(20) {
            for lasts in [PATIENCE / 3, 2 * FIND_MAX] {
                let find = tokio::spawn(find());
                tokio::time::sleep(Duration::from_millis(hold_ms)).await;
                turmoil::hold("egress", "d1");
                tokio::time::sleep(lasts).await;
                turmoil::release("egress", "d1");
                let found = find.await?;
                assert!(found == Ok(ALL) || found.is_err(), "held at {hold_ms}: {found:?}");
                assert!(found.is_ok() || lasts > PATIENCE, "held at {hold_ms} for a short time");
                failed += usize::from(found.is_err());
            }
        }
        assert!(failed > 0, "what is held up for long is given up");
        assert_eq!(find().await, Ok(ALL));
        Ok(())
    });
}

#[test]
fn a_replica_answers_for_one_that_cannot_be_reached() {
    world(4, &["d0", "d1", "other1"], async move {
        for name in ["d1", "other1"] {
            turmoil::partition("egress", name);
            for _ in 0..4 {
                assert_eq!(find().await, Ok(ALL), "without {name}");
            }
            turmoil::repair("egress", name);
        }
        turmoil::partition("egress", "d1");
        turmoil::partition("egress", "other1");
        let error = find().await.expect_err("nobody has that shard");
        assert!(error.starts_with("503"), "{error}");
        Ok(())
    });
}
