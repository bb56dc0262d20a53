//! `plasmaFE`: takes subscriptions and pushes the datapoints of their series.
//!
//! It promises:
//! - While a client lives, every record of its topic of a series that the client subscribed to
//!   reaches it, in order, from when the series was found until the client no longer wants it or
//!   its token has expired.
//! - Where datapoints may have been missed, for the nodes of its series were gone for a while, the
//!   client is cut off with a reason, before it sees any that came later.
//! - A client sees what its token allows: the token's labels replace those of the selector.
//! - Series that appear later and match are added, where the metadata topic is read: their
//!   datapoints count from when the nodes that hold them are applied.
//! - A client that asks to be told (`ACK`) is told of a subscription when every live backend has
//!   applied the nodes that hold it, and not before.
//! - A client that does not read is cut off with a reason. What waits for one is bounded, and what
//!   it said and was not looked at as well.
//!
//! What a client says is done in order: a verb waits until the subscription before it is found.

mod deliveries;
mod subscriptions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::{IdKeys, Metadata, SeriesId, SipKey, WrapKey};
use weft_wire::envelope::Envelope;
use weft_wire::token::TokenAuthority;

use super::interests::Interests;
use super::publisher::Publisher;
use super::session::{Busy, Session, Verb};
use crate::applied::Applied;
use crate::consumer::{Change, Consumer};
use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead, close};
use crate::contract::log::{LogEvent, Start, Topic};
use crate::contract::{ActionIds, CoordEvent, Effect, Event, Machine, Metric, NoTask, PeerEvent};
use crate::cors::{self, CorsConfig};
use crate::directory_client::{DirectoryClient, FindId};
use crate::time::{Mono, Now};

/// The path of the endpoint.
pub const PATH: &str = "/api/v0/plasma";

/// Said where datapoints may be missing.
const LAPSED: &str = "Contact was lost: datapoints may have been missed. Subscribe again.";

/// What the configuration says of `plasmaFE`.
#[derive(Clone, Debug)]
pub struct FrontendConfig {
    /// `warp.hash.class` and `warp.hash.labels`.
    pub ids: IdKeys,
    /// Keys of tokens, and what else decides whether one is good.
    pub tokens: TokenAuthority,
    /// What pre-flight requests are told.
    pub cors: CorsConfig,
    /// `plasma.frontend.kafka.topic`: this frontend's own.
    pub topic: Topic,
    /// `plasma.frontend.kafka.mac` and `.aes`.
    pub envelope: Envelope,
    /// The metadata topic, to learn of series that appear later; `None` where it is not read.
    pub metadata_topic: Option<Topic>,
    /// `ingress.kafka.metadata.mac` and `.aes`; the latter wraps series in `RAW`, too.
    pub metadata_envelope: Envelope,
    /// What is used to wrap series in `RAW`.
    pub raw_key: Option<WrapKey>,
    /// `plasma.frontend.znode`.
    pub path: String,
    /// `plasma.frontend.maxznodesize`.
    pub node_bytes_max: usize,
    /// `plasma.frontend.subscribe.delay`: how long changes are gathered.
    pub subscribe_delay: Duration,
    /// `warp.plasma.maxsubs`: series of one client.
    pub series_max: usize,
    /// `plasma.frontend.websocket.maxmessagesize`.
    pub message_bytes_max: usize,
    /// Bytes that wait for one client before it is cut off.
    pub waiting_bytes_max: usize,
    /// `warp10.expose.owner.producer`.
    pub expose_owner_producer: bool,
    /// `warp10.absent.label.support`.
    pub absent_labels: bool,
    /// Where directories register.
    pub directory_path: String,
    /// Whether a subscription waits until the directory knows what was acknowledged before it: set
    /// where both run in one process.
    pub wait_for_applied: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Frontend {
    config: Arc<FrontendConfig>,
    sessions: BTreeMap<RequestId, Session>,
    /// What clients want, and who.
    series: BTreeMap<SeriesId, Subscribed>,
    interests: Interests,
    consumer: Consumer,
    metadata: Option<Consumer>,
    directory: DirectoryClient,
    finds: BTreeMap<FindId, RequestId>,
    applied: Applied,
    publisher: Publisher,
    random: SipKey,
    drawn: u64,
    /// Bytes that wait for all clients.
    waiting_bytes: usize,
    told_bytes: usize,
    /// Sessions for which something may be handed over.
    touched: BTreeSet<RequestId>,
    /// Sessions that wait to be told that something is active, and the change that has it.
    acking: BTreeSet<(u64, RequestId)>,
    expiry_due: Option<Mono>,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    is_ready: bool,
    stopping: bool,
}

/// A series that somebody wants.
#[derive(Debug)]
struct Subscribed {
    metadata: Arc<Metadata>,
    sessions: BTreeSet<RequestId>,
}

impl Frontend {
    /// A frontend. `seed` decides its name and what is drawn at random.
    pub fn new(config: FrontendConfig, seed: [u8; 32]) -> Self {
        let alone = || Topic::from("");
        let period = Duration::from_secs(1);
        let member = |topic: &Topic| Consumer::new(topic.clone(), alone(), Start::Latest, period);
        let mut halves = [[0; 16]; 2];
        halves[0].copy_from_slice(&seed[..16]);
        halves[1].copy_from_slice(&seed[16..]);
        let [name, random] = halves.map(SipKey::from_bytes);
        let waits = config.wait_for_applied.then(|| config.metadata_topic.clone()).flatten();
        Self {
            sessions: BTreeMap::new(),
            series: BTreeMap::new(),
            interests: Interests::default(),
            consumer: member(&config.topic),
            metadata: config.metadata_topic.as_ref().map(member),
            directory: DirectoryClient::new(config.directory_path.clone()),
            finds: BTreeMap::new(),
            applied: Applied::new(waits),
            publisher: Publisher::new(
                config.path.clone(),
                config.topic.to_string(),
                config.node_bytes_max,
                config.subscribe_delay,
                name,
            ),
            random,
            drawn: 0,
            waiting_bytes: 0,
            told_bytes: 0,
            touched: BTreeSet::new(),
            acking: BTreeSet::new(),
            expiry_due: None,
            ids: ActionIds::default(),
            effects: VecDeque::new(),
            is_ready: false,
            stopping: false,
            config: Arc::new(config),
        }
    }

    fn http_event(&mut self, now: Now, event: HttpEvent) {
        match event {
            HttpEvent::Head { request, head } => self.begin(request, &head),
            HttpEvent::Message { request, message } => {
                let Some(session) = self.sessions.get_mut(&request) else { return };
                session.said.push_back(message.bytes().clone());
                if session.has_said_much() && !session.is_paused {
                    session.is_paused = true;
                    self.effects.push_back(Effect::Http(HttpAction::Pause { request }));
                }
                self.advance(now, request);
            }
            HttpEvent::Drained { request } => {
                let Some(session) = self.sessions.get_mut(&request) else { return };
                session.drained();
                self.touched.insert(request);
                self.advance(now, request);
            }
            HttpEvent::Gone { request } => self.forget(now, request),
            HttpEvent::Body { .. } | HttpEvent::End { .. } | HttpEvent::Broken { .. } => {}
        }
    }

    fn begin(&mut self, request: RequestId, head: &RequestHead) {
        let (head, body) = match (head.method.as_str(), head.path.as_str()) {
            ("OPTIONS", _) => (cors::options_response(&self.config.cors), Bytes::new()),
            (_, "/api/v0/check") => (cors::ok_response(), Bytes::new()),
            (_, PATH) if self.stopping => cors::error_response(503, "This plasma is stopping."),
            (_, PATH) if head.is_websocket() => {
                let message_bytes_max = self.config.message_bytes_max;
                let upgrade = HttpAction::Upgrade { request, message_bytes_max };
                self.effects.push_back(Effect::Http(upgrade));
                self.sessions.insert(request, Session::default());
                return self.count_sessions();
            }
            (_, PATH) => cors::websocket_only_response(),
            _ => cors::not_found_response(),
        };
        self.answer(request, head, body);
    }

    fn answer(&mut self, request: RequestId, head: ResponseHead, bytes: Bytes) {
        self.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        if !bytes.is_empty() {
            self.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
        }
        self.effects.push_back(Effect::Http(HttpAction::End { request }));
    }

    fn count_sessions(&mut self) {
        let metric = Metric::set("weft_plasma_clients", self.sessions.len() as f64);
        self.effects.push_back(Effect::Metric(metric));
    }

    /// Looks at what a client said, as far as nothing has to be waited for.
    fn advance(&mut self, now: Now, request: RequestId) {
        loop {
            let Some(session) = self.sessions.get_mut(&request) else { return };
            match &session.busy {
                Busy::No => {}
                Busy::Settling(..) => {
                    if !self.settle(now, request) {
                        return;
                    }
                    continue;
                }
                Busy::Listing(_) if session.is_drained() => {
                    self.list(request);
                    continue;
                }
                Busy::Finding(..) | Busy::Listing(_) => return,
            }
            let Some(said) = session.said.pop_front() else {
                if std::mem::take(&mut session.is_paused) {
                    self.effects.push_back(Effect::Http(HttpAction::Resume { request }));
                }
                return;
            };
            let text = std::str::from_utf8(&said).unwrap_or("not text");
            self.verb(now, request, Verb::parse(text));
        }
    }

    /// Tells a client something.
    fn tell(&mut self, now: Now, request: RequestId, message: Bytes) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        self.touched.insert(request);
        if session.push(message) > self.config.waiting_bytes_max {
            self.cut_off(now, request);
        }
    }

    /// A client does not read.
    fn cut_off(&mut self, now: Now, request: RequestId) {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::UnboundedBuffer) {
            return;
        }
        let max = self.config.waiting_bytes_max;
        let metric = Metric::add("weft_plasma_slow_clients_total", 1);
        self.effects.push_back(Effect::Metric(metric));
        let reason = format!("Too slow: more than {max} bytes wait to be read.");
        self.close(now, request, close::POLICY, &reason);
    }

    /// Backends did not know what was wanted for a while: who wants something cannot know what it
    /// has missed, and begins anew.
    fn lapse(&mut self, now: Now) {
        let wants = self.sessions.iter().filter(|(_, session)| !session.series.is_empty());
        let wants: Vec<RequestId> = wants.map(|(request, _)| *request).collect();
        let metric = Metric::add("weft_plasma_lapsed_clients_total", wants.len() as u64);
        self.effects.push_back(Effect::Metric(metric));
        for request in wants {
            self.close(now, request, close::ERROR, LAPSED);
        }
    }

    fn close(&mut self, now: Now, request: RequestId, code: u16, reason: &str) {
        self.hand_over(request);
        let close = HttpAction::Close { request, code, reason: reason.to_owned() };
        self.effects.push_back(Effect::Http(close));
        self.forget(now, request);
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        if let LogEvent::Ends { id, result } = event {
            if let Some(request) = self.applied.ends(id, result) {
                self.advance(now, request);
            }
            return;
        }
        let is_metadata = matches!(
            &event,
            LogEvent::Records { topic, .. } | LogEvent::Assigned { topic, .. }
            | LogEvent::Revoked { topic, .. } if Some(topic) == self.config.metadata_topic.as_ref()
        );
        let consumer = match &mut self.metadata {
            Some(metadata) if is_metadata => metadata,
            _ => &mut self.consumer,
        };
        let Change::Records(partition) = consumer.handle(now, event) else { return };
        if !is_metadata {
            return self.deliver(now, partition);
        }
        while let Some(record) = self.metadata.as_mut().and_then(|all| all.pop(partition)) {
            self.appeared(now, &record);
        }
    }

    fn forget(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.sessions.get(&request) else { return };
        if let Busy::Finding(find, _) = session.busy {
            self.directory.cancel(find);
            self.finds.remove(&find);
        }
        let gone = session.series.keys().copied().collect();
        self.drop_series(now, request, gone);
        if let Some(mut session) = self.sessions.remove(&request) {
            self.waiting_bytes -= session.count_bytes().1;
            self.interests.change(request, &session.keys, &BTreeSet::new());
            for (change, _) in session.acks {
                self.acking.remove(&(change, request));
            }
        }
        self.applied.forget(request);
        self.touched.remove(&request);
        self.count_sessions();
    }

    fn tick(&mut self, now: Now) {
        if self.expiry_due.is_some_and(|due| due <= now.mono) {
            self.expire(now);
        }
        for request in self.applied.tick(now) {
            self.advance(now, request);
        }
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        if let PeerEvent::Applied { topic, partition, offset } = event {
            for request in self.applied.applied(topic, partition, offset) {
                self.advance(now, request);
            }
        } else if let PeerEvent::Revoked(revocations) = event {
            Arc::make_mut(&mut self.config).tokens.revoke(revocations);
        } else if let PeerEvent::Named(names) = event {
            Arc::make_mut(&mut self.config).tokens.name(names);
        } else {
            self.directory.peer_event(event, &mut self.ids);
        }
    }

    fn coord_event(&mut self, now: Now, event: CoordEvent) {
        let was_in_doubt = self.publisher.is_in_doubt();
        self.publisher.coord_event(now, &event, &mut self.ids);
        if self.publisher.take_lapsed() {
            self.lapse(now);
        }
        if was_in_doubt {
            let partitions: Vec<u32> = self.consumer.partitions().collect();
            partitions.into_iter().for_each(|partition| self.deliver(now, partition));
        }
        self.directory.coord_event(event, &mut self.ids);
        self.tell_active(now);
        let is_ready = self.directory.is_complete();
        if is_ready != self.is_ready {
            self.is_ready = is_ready;
            self.effects.push_back(Effect::Ready(is_ready));
        }
    }

    /// Before that, what is copied there would pass it by.
    fn reads_its_topic(&self) -> bool {
        self.consumer.partitions().next().is_some()
    }

    fn stop(&mut self, now: Now) {
        self.stopping = true;
        let all: Vec<RequestId> = self.sessions.keys().copied().collect();
        for request in all {
            self.close(now, request, close::GOING_AWAY, "This plasma is stopping.");
        }
        self.effects.push_back(Effect::Stopped);
    }
}

impl Machine for Frontend {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Http(event) => self.http_event(now, event),
            Event::Log(event) => self.log_event(now, event),
            Event::Coord(event) => self.coord_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Stop => self.stop(now),
            Event::Table(_) | Event::Computed(..) => {}
        }
        self.found(now);
        if self.reads_its_topic() {
            self.publisher.advance(now, self.series.keys(), &mut self.ids);
        }
        self.tell_active(now);
        for request in std::mem::take(&mut self.touched) {
            self.hand_over(request);
        }
        self.count_waiting();
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        let metadata = || self.metadata.as_mut().and_then(Consumer::poll);
        let log = self.consumer.poll().or_else(metadata).map(Effect::Log);
        log.or_else(|| self.directory.poll_coord().map(Effect::Coord))
            .or_else(|| self.directory.poll_peer().map(Effect::Peer))
            .or_else(|| self.publisher.poll().map(Effect::Coord))
            .or_else(|| self.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        let publisher = self.publisher.deadline().filter(|_| self.reads_its_topic());
        let dues = [self.expiry_due, self.applied.deadline(), publisher];
        dues.into_iter().flatten().min()
    }
}
