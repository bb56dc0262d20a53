//! Hosts, machines and clients of these tests.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{
    Effect, Event, HttpAction, HttpEvent, LogAction, LogEvent, Machine, ResponseHead, Task,
};
use weft_daemons::ingress::{Ingress, IngressConfig, IngressTask};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::{Decoder, IdKeys, SipKey, Value, WrapKey};
use weft_http::{
    BuiltIn, Client, Destination, Limits, Listener, Patience, Responder, Server, Sink,
};
use weft_wire::thrift::KafkaDataMessage;
use weft_wire::token::{TokenAuthority, TokenKeys, WriteToken};

/// Where servers listen.
pub(crate) const PORT: u16 = 80;

/// The address of a host named `server`.
pub(crate) const SERVER: &str = "server:80";

/// The longest that a message is under way.
pub(crate) const LATENCY: Duration = Duration::from_millis(10);

/// Times short enough to be waited for.
pub(crate) fn limits() -> Limits {
    Limits {
        head_time: Duration::from_millis(800),
        body_time: Duration::from_millis(400),
        ping_time: Duration::from_millis(600),
        close_time: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// A world whose links drop, delay and turn around what the seed says.
pub(crate) fn world(seed: u64) -> Builder {
    let mut builder = Builder::new();
    builder
        .rng_seed(seed)
        .enable_random_order()
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(LATENCY)
        .simulation_duration(Duration::from_secs(600));
    builder
}

/// Runs a world until its clients have ended.
pub(crate) fn run(mut sim: Sim<'_>) {
    if let Err(error) = sim.run() {
        panic!("{error}");
    }
}

/// Connections that come over turmoil's network.
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

/// Serves every request by `sink`.
pub(crate) async fn serve(limits: Limits, sink: Sink, responder: Responder) -> turmoil::Result {
    let listener = Net(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let built_in = BuiltIn { ready: Arc::new(|| Ok(())), metrics: Arc::new(String::new) };
    let route = Arc::new(move |_: &_| Destination::To(sink.clone()));
    Server::new(listener, limits, route, built_in, responder).run().await;
    Ok(())
}

/// What a test sees of a server from outside.
#[derive(Clone, Default)]
pub(crate) struct View(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    sink: Option<Weak<dyn Fn(HttpEvent) + Send + Sync>>,
    events: Vec<String>,
}

impl View {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the sink of a server; requests that are open are counted by its clones.
    pub(crate) fn sink(&self, tell: impl Fn(HttpEvent) + Send + Sync + 'static) -> Sink {
        let sink: Sink = Arc::new(tell);
        self.lock().sink = Some(Arc::downgrade(&sink));
        sink
    }

    /// Whether the server has forgotten every request and every connection.
    pub(crate) fn is_released(&self) -> bool {
        // One is the route's.
        let sinks = self.lock().sink.as_ref().map_or(0, Weak::strong_count);
        sinks <= 1 && turmoil::established_tcp_stream_count_on("server") == 0
    }

    /// Notes what a machine was told.
    pub(crate) fn note(&self, event: &HttpEvent) {
        let what = match event {
            HttpEvent::Head { .. } => "head",
            HttpEvent::Body { .. } => "body",
            HttpEvent::End { .. } => "end",
            HttpEvent::Broken { .. } => "broken",
            HttpEvent::Gone { .. } => "gone",
            HttpEvent::Drained { .. } => "drained",
            HttpEvent::Message { .. } => "message",
        };
        self.say(what);
    }

    /// Notes something else.
    pub(crate) fn say(&self, what: &str) {
        self.lock().events.push(what.to_owned());
    }

    /// What was noted since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().events)
    }
}

/// A machine that is a function: it gets each event, and what it wants done it says itself.
pub(crate) async fn serve_with(
    limits: Limits,
    view: View,
    mut machine: impl FnMut(&Responder, HttpEvent) + Send + 'static,
) -> turmoil::Result {
    let (sender, mut events) = unbounded_channel();
    let responder = Responder::default();
    let own = responder.clone();
    let noted = view.clone();
    let sink = view.sink(move |event| drop(sender.send(event)));
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            noted.note(&event);
            machine(&own, event);
        }
    });
    serve(limits, sink, responder).await
}

/// Answers with a text.
pub(crate) fn answer(responder: &Responder, request: RequestId, status: u16, text: &str) {
    let head = ResponseHead { status, headers: Vec::new() };
    responder.act(HttpAction::Head { request, head });
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    responder.act(HttpAction::Body { request, bytes });
    responder.act(HttpAction::End { request });
}

/// The log of these tests: datapoints in the order in which they were appended. It outlives hosts.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(i64, i64)>>>);

impl Log {
    /// Ticks and values.
    pub(crate) fn points(&self) -> Vec<(i64, i64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes a record of the data topic.
    fn append(&self, record: &[u8]) {
        let message = KafkaDataMessage::decode(record).expect("a message");
        let data = message.data.expect("datapoints");
        let points = Decoder::new(0, &data, None).map(|point| {
            let point = point.expect("a datapoint");
            let Value::Long(value) = point.value else { panic!("a number") };
            (point.tick, value)
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(points);
    }
}

/// How long the log takes, before it appends and after.
const LOG_TIME: Duration = Duration::from_millis(2);

/// Serves an ingress whose records of data are at most about so long.
pub(crate) async fn serve_ingress(
    limits: Limits,
    view: View,
    log: Log,
    record_bytes: usize,
) -> turmoil::Result {
    let (sender, events) = unbounded_channel::<Event<IngressTask>>();
    let responder = Responder::default();
    let tell = sender.clone();
    let noted = view.clone();
    let sink = view.sink(move |event| {
        noted.note(&event);
        drop(tell.send(Event::Http(event)));
    });
    let ids = IdKeys { class: SipKey::new(1, 2), labels: SipKey::new(3, 4) };
    let mut config = IngressConfig::minimal(ids, TokenAuthority::new(token_keys()));
    config.data_batch_bytes_max = record_bytes;
    let own = responder.clone();
    let act = move |effect| match effect {
        Effect::Http(action) => own.act(action),
        Effect::Log(LogAction::Describe { id, .. }) => {
            let _ = sender.send(Event::Log(LogEvent::Described { id, result: Ok(1) }));
        }
        Effect::Log(LogAction::Append { id, topic, records }) => {
            let (sender, log) = (sender.clone(), log.clone());
            tokio::spawn(async move {
                tokio::time::sleep(LOG_TIME).await;
                if &*topic == "data" {
                    records.iter().for_each(|record| log.append(&record.value));
                }
                tokio::time::sleep(LOG_TIME).await;
                let result = Ok(vec![(0, 0); records.len()]);
                let _ = sender.send(Event::Log(LogEvent::Appended { id, result }));
            });
        }
        Effect::Warn(warning) => panic!("{warning}"),
        _ => {}
    };
    tokio::spawn(drive(Ingress::new(config), events, act));
    serve(limits, sink, responder).await
}

/// Runs a machine in virtual time. Tasks run at once.
async fn drive<M: Machine>(
    mut machine: M,
    mut events: UnboundedReceiver<Event<M::Task>>,
    mut act: impl FnMut(Effect<M::Task>),
) {
    let begun = Instant::now();
    let mut computed = VecDeque::new();
    loop {
        while let Some(effect) = machine.poll() {
            match effect {
                Effect::Compute(id, task) => computed.push_back(Event::Computed(id, task.run())),
                other => act(other),
            }
        }
        let event = match (computed.pop_front(), machine.deadline()) {
            (Some(event), _) => Some(event),
            (None, None) => events.recv().await,
            (None, Some(deadline)) => {
                let at = begun + Duration::from_nanos(deadline.0);
                tokio::select! {
                    biased;
                    event = events.recv() => event,
                    () = tokio::time::sleep_until(at) => Some(Event::Tick),
                }
            }
        };
        let Some(event) = event else { return };
        let ns = begun.elapsed().as_nanos() as u64;
        machine.handle(Now { mono: Mono(ns), wall: Wall(ns as i64) }, event);
    }
}

fn token_keys() -> TokenKeys {
    TokenKeys {
        sip: SipKey::new(5, 6),
        app: SipKey::new(7, 8),
        aes: WrapKey::new(&[9; 32]).expect("a key"),
    }
}

/// A token that writes.
pub(crate) fn write_token() -> String {
    token_keys().encode_write(&WriteToken {
        expiry_ms: i64::MAX,
        app_name: "test".to_owned(),
        producer_id: vec![7; 16],
        owner_id: vec![7; 16],
        ..WriteToken::default()
    })
}

/// A connection to the server.
pub(crate) async fn connect() -> TcpStream {
    TcpStream::connect(SERVER).await.expect("it listens")
}

/// Writes what there is of a request.
pub(crate) async fn write(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    stream.write_all(bytes.as_ref()).await.expect("a connection");
}

/// Reads until the other side closes, or breaks off.
pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The client that components use.
pub(crate) fn client(patience: Duration) -> Client {
    let patience = Patience { connect: patience, head: patience, body: patience };
    Client::over(patience, TcpStream::connect::<String>)
}

/// Waits in virtual time.
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Links to the server that are down while this lives.
pub(crate) struct Cut(String);

impl Cut {
    /// Cuts a host off from the server.
    pub(crate) fn off(host: &str) -> Self {
        turmoil::partition(host, "server");
        Self(host.to_owned())
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        turmoil::repair(self.0.as_str(), "server");
    }
}
