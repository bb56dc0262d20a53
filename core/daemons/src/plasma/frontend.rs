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

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::selector::{Selector, SelectorText};
use weft_gts::text::write_series;
use weft_gts::{Encoder, IdKeys, Metadata, SeriesId, SipKey, WrapKey};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};
use weft_wire::token::TokenAuthority;

use super::formats::{Format, Output};
use super::interests::{Interests, Key};
use super::publisher::Publisher;
use super::session::{Asked, Busy, RULES_MAX, Rule, Session, Verb};
use crate::applied::{Applied, Progress};
use crate::consumer::{Change, Consumer};
use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead, close};
use crate::contract::log::{LogEvent, Record, Start, Topic};
use crate::contract::peer::FindRequest;
use crate::contract::{ActionIds, CoordEvent, Effect, Event, Machine, Metric, NoTask, PeerEvent};
use crate::cors::{self, CorsConfig};
use crate::directory::{open_metadata_message, source};
use crate::directory_client::{DirectoryClient, FindEvent, FindId};
use crate::egress::Reader;
use crate::time::{Mono, Now};

/// The path of the endpoint.
pub const PATH: &str = "/api/v0/plasma";

/// Series that are listed before the client has to take them.
const LISTED_MAX: usize = 512;

/// How often it is looked which tokens have expired: clocks jump.
const EXPIRY_PERIOD: Duration = Duration::from_secs(10);

/// Said where a client is not served on.
const INVALID_SELECTOR: &str = "KO Invalid subscription selector.";
const INVALID_TOKEN: &str = "KO Invalid token.";

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
    /// `egress.clients.expose`.
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

    fn verb(&mut self, now: Now, request: RequestId, verb: Verb<'_>) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        match verb {
            Verb::Nothing => {}
            Verb::Format(format) => session.format = format,
            Verb::Sample(rate) => session.sample = rate,
            Verb::Subscriptions => session.busy = Busy::Listing(None),
            Verb::Bad(reason) => self.close(now, request, close::POLICY, reason),
            Verb::Ack => {
                session.wants_acks = true;
                self.tell(now, request, "OK ACK".into());
            }
            Verb::Clear => {
                session.rules.clear();
                self.index(request);
                let Some(session) = self.sessions.get(&request) else { return };
                let gone = session.series.keys().copied().collect();
                self.drop_series(now, request, gone);
                self.ack(now, request, "CLEAR".to_owned());
            }
            Verb::Subscribe { wants, token, selector } => {
                if let Err(message) = self.subscribe(now, request, wants, token, selector) {
                    self.tell(now, request, Bytes::from(message));
                }
            }
        }
    }

    /// Takes a selector in; of a subscription, begins to find the series that there are.
    fn subscribe(
        &mut self,
        now: Now,
        request: RequestId,
        wants: bool,
        token: &str,
        selector: &str,
    ) -> Result<(), String> {
        let invalid = |_| INVALID_SELECTOR.to_owned();
        let parsed = SelectorText::parse(selector).map_err(|_| INVALID_SELECTOR.to_owned())?;
        let config = &self.config;
        let reader = Reader::of_data(&config.tokens, Some(token), now.wall.as_ms())
            .map_err(|_| INVALID_TOKEN.to_owned())?;
        #[cfg(weft_mutants)]
        let as_it_is = parsed.clone();
        let narrowed = reader.narrow(parsed);
        #[cfg(weft_mutants)]
        let narrowed = match crate::mutants::is(crate::mutants::Planted::ForeignSelector) {
            true => as_it_is,
            false => narrowed,
        };
        let scope = reader.scope(config.absent_labels).map_err(|reason| format!("KO {reason}"))?;
        let mut text = Vec::new();
        narrowed.write(&mut text);
        let asked = Asked { words: format!("SUBSCRIBE {selector}"), rule: text.clone() };
        let rule = Rule {
            wants,
            selector: Selector::new(&narrowed, config.absent_labels).map_err(invalid)?,
            scope,
            text,
            #[cfg(not(weft_mutants))]
            expiry_ms: reader.token().expiry_ms,
            #[cfg(weft_mutants)]
            expiry_ms: match crate::mutants::is(crate::mutants::Planted::ExpiredToken) {
                true => i64::MAX,
                false => reader.token().expiry_ms,
            },
            exposes: config.expose_owner_producer || reader.exposes(),
        };
        let Some(session) = self.sessions.get_mut(&request) else { return Ok(()) };
        if !session.add_rule(rule) {
            return Err(format!("KO At most {RULES_MAX} selectors are possible."));
        }
        self.index(request);
        let Some(session) = self.sessions.get_mut(&request) else { return Ok(()) };
        if !wants {
            let verb = format!("UNSUBSCRIBE {selector}");
            self.check_series(now, request);
            self.ack(now, request, verb);
            return Ok(());
        }
        // What it has already it may have for longer, whether the directory finds that now or not.
        if let Some(rule) = session.rules.last() {
            for (id, until) in &mut session.series {
                if self.series.get(id).is_some_and(|known| rule.matches(&known.metadata)) {
                    *until = rule.expiry_ms.max(*until);
                }
            }
        }
        self.expiry_due.get_or_insert_with(|| now.mono.after(EXPIRY_PERIOD));
        let find = FindRequest { selectors: vec![narrowed], ..FindRequest::default() };
        session.busy = Busy::Settling(Box::new(find), asked);
        for action in self.applied.begin(now, request, &mut self.ids) {
            self.effects.push_back(Effect::Log(action));
        }
        Ok(())
    }

    /// Asks the directory once it knows what was acknowledged; whether that has an outcome.
    fn settle(&mut self, now: Now, request: RequestId) -> bool {
        let progress = self.applied.progress(now, request);
        let Some(session) = self.sessions.get_mut(&request) else { return true };
        let Busy::Settling(find, asked) = &session.busy else { return true };
        let failed = match progress {
            Progress::Waiting => return false,
            Progress::Reached => match self.directory.find(find, &mut self.ids) {
                Ok(id) => {
                    self.finds.insert(id, request);
                    session.busy = Busy::Finding(id, asked.clone());
                    return true;
                }
                Err(message) => message,
            },
            Progress::Failed(message) => message,
        };
        self.fail_subscription(now, request, &failed);
        true
    }

    /// A client's selectors have changed.
    fn index(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let wanting = session.rules.iter().filter(|rule| rule.wants);
        let keys = wanting.map(|rule| Key::of(&rule.selector)).collect();
        let before = std::mem::replace(&mut session.keys, keys);
        self.interests.change(request, &before, &session.keys);
    }

    /// A subscription whose series cannot be found is none.
    fn fail_subscription(&mut self, now: Now, request: RequestId, reason: &str) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let busy = std::mem::take(&mut session.busy);
        if let Busy::Settling(_, asked) | Busy::Finding(_, asked) = busy {
            session.rules.retain(|rule| rule.text != asked.rule);
        }
        self.index(request);
        self.check_series(now, request);
        self.tell(now, request, format!("KO {reason}").into());
    }

    /// Hands what the directory found to those who asked.
    fn found(&mut self, now: Now) {
        while let Some((find, event)) = self.directory.poll_find() {
            let Some(request) = self.finds.get(&find).copied() else { continue };
            if !matches!(event, FindEvent::Found(_)) {
                self.finds.remove(&find);
            }
            match event {
                FindEvent::Found(series) => {
                    let is_full = !series.into_iter().all(|one| self.add(now, request, one));
                    if is_full {
                        self.directory.cancel(find);
                        self.finds.remove(&find);
                        let max = self.config.series_max;
                        self.end_subscription(now, request);
                        let message = format!("KO At most {max} series for one connection.");
                        self.tell(now, request, message.into());
                    } else {
                        self.directory.next(find);
                    }
                }
                FindEvent::End | FindEvent::Counted(_) => self.end_subscription(now, request),
                FindEvent::Failed(reason) => self.fail_subscription(now, request, &reason),
            }
            self.advance(now, request);
        }
    }

    fn end_subscription(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        if let Busy::Finding(_, asked) = std::mem::take(&mut session.busy) {
            self.ack(now, request, asked.words);
        }
    }

    /// Gives a client a series that one of its rules means; false when it has too many.
    fn add(&mut self, now: Now, request: RequestId, metadata: Metadata) -> bool {
        let Some(session) = self.sessions.get_mut(&request) else { return true };
        let Some(rule) = session.rule_of(&metadata).filter(|rule| rule.wants) else { return true };
        let (expiry_ms, exposes) = (rule.expiry_ms, rule.exposes);
        let id = metadata.id;
        if !session.series.contains_key(&id) && session.series.len() >= self.config.series_max {
            return false;
        }
        let is_first = session.series.is_empty();
        let until = session.series.entry(id).or_insert(i64::MIN);
        *until = expiry_ms.max(*until);
        session.exposes = exposes && (is_first || session.exposes);
        match self.series.get_mut(&id) {
            Some(known) => {
                known.sessions.insert(request);
            }
            None => {
                let sessions = BTreeSet::from([request]);
                self.series.insert(id, Subscribed { metadata: Arc::new(metadata), sessions });
                self.publisher.change(now, self.series.len());
            }
        }
        true
    }

    /// Takes from a client what its rules do not mean any more.
    fn check_series(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.sessions.get(&request) else { return };
        let gone = session.series.keys().copied().filter(|id| {
            let known = self.series.get(id);
            known.and_then(|known| session.rule_of(&known.metadata)).is_none_or(|rule| !rule.wants)
        });
        let gone = gone.collect();
        self.drop_series(now, request, gone);
    }

    fn drop_series(&mut self, now: Now, request: RequestId, gone: Vec<SeriesId>) {
        for id in gone {
            if let Some(session) = self.sessions.get_mut(&request) {
                session.series.remove(&id);
                session.exposes &= !session.series.is_empty();
            }
            let Some(known) = self.series.get_mut(&id) else { continue };
            known.sessions.remove(&request);
            if known.sessions.is_empty() {
                self.series.remove(&id);
                self.publisher.change(now, self.series.len());
            }
        }
    }

    /// Lists some of what a client subscribed to.
    fn list(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        let Busy::Listing(last) = session.busy else { return };
        let from = match last {
            Some(last) => (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let ids: Vec<SeriesId> =
            session.series.range(from).take(LISTED_MAX).map(|(id, _)| *id).collect();
        session.busy = match ids.last() {
            Some(last) if ids.len() == LISTED_MAX => Busy::Listing(Some(*last)),
            _ => Busy::No,
        };
        for id in ids {
            if let Some(known) = self.series.get(&id) {
                let mut line = b"SUB ".to_vec();
                write_series(&mut line, &known.metadata, session.exposes);
                session.push(line.into());
            }
        }
        self.touched.insert(request);
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

    /// Tells a client of a subscription when that is active, if it wants to be told.
    fn ack(&mut self, now: Now, request: RequestId, words: String) {
        let change = self.publisher.latest();
        if let Some(session) = self.sessions.get_mut(&request).filter(|s| s.wants_acks) {
            session.acks.push_back((change, words));
            self.acking.insert((change, request));
            self.tell_active(now);
        }
    }

    fn tell_active(&mut self, now: Now) {
        while let Some((change, request)) = self.acking.first().copied()
            && self.publisher.is_active(change)
        {
            self.acking.pop_first();
            while let Some(session) = self.sessions.get_mut(&request)
                && let Some((_, words)) = session.acks.pop_front_if(|(first, _)| *first <= change)
            {
                self.tell(now, request, format!("OK {words}").into());
            }
        }
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

    /// Shows what has come of a partition. While subscriptions may have lapsed it waits: what comes
    /// after a gap is not shown.
    fn deliver(&mut self, now: Now, partition: u32) {
        while !self.publisher.is_in_doubt()
            && let Some(record) = self.consumer.pop(partition)
        {
            self.push(now, &record);
        }
    }

    /// A series appeared, or was named once more.
    fn appeared(&mut self, now: Now, record: &Record) {
        let opened = open_metadata_message(&self.config.metadata_envelope, record);
        let Ok(mut metadata) = opened else { return };
        if metadata.source.as_deref() == Some(source::DELETE) {
            return;
        }
        metadata.id = self.config.ids.series_id(&metadata);
        for request in self.interests.in_series(&metadata) {
            let Some(session) = self.sessions.get(&request) else { continue };
            let lacks = !session.series.contains_key(&metadata.id)
                && session.rule_of(&metadata).is_some_and(|rule| rule.wants);
            if !lacks {
                continue;
            }
            // Who has too many was told so.
            let _ = self.add(now, request, metadata.clone());
        }
    }

    /// Datapoints for clients.
    fn push(&mut self, now: Now, record: &Record) {
        let Ok(plain) = self.config.envelope.open(&record.value) else {
            return self.drop_record("its MAC or its wrapping is not ours");
        };
        let Ok(message) = KafkaDataMessage::decode(&plain) else {
            return self.drop_record("it is no data message");
        };
        if message.kind != KafkaDataMessageType::Store {
            return;
        }
        let (class_id, labels_id) = (message.class_id, message.labels_id);
        let id = SeriesId { class_id, labels_id };
        let (Some(known), Some(data)) = (self.series.get(&id), &message.data) else { return };
        let metadata = known.metadata.clone();
        let requests: Vec<RequestId> = known.sessions.iter().copied().collect();
        let encoder = encoder_of(data);
        let config = self.config.clone();
        // Most clients want the same.
        let mut made: BTreeMap<(Format, bool), Vec<Bytes>> = BTreeMap::new();
        for request in requests {
            let Some(session) = self.sessions.get_mut(&request) else { continue };
            if session.series.get(&id).is_none_or(|until| *until < now.wall.as_ms()) {
                continue;
            }
            let output = Output {
                format: session.format,
                metadata: &metadata,
                expose: session.exposes,
                raw_key: config.raw_key.as_ref(),
                bytes_max: config.message_bytes_max / 10 * 9,
            };
            let is_cut = match session.sample {
                Some(rate) => {
                    let (random, drawn) = (self.random, &mut self.drawn);
                    let sampled = output.messages(&encoder, || {
                        *drawn += 1;
                        let bits = random.hash(&drawn.to_be_bytes()) as u64;
                        ((bits >> 11) as f64 / (1u64 << 53) as f64) < rate
                    });
                    push_all(session, &sampled, config.waiting_bytes_max)
                }
                None => {
                    let key = (session.format, session.exposes);
                    let messages =
                        made.entry(key).or_insert_with(|| output.messages(&encoder, || true));
                    push_all(session, messages, config.waiting_bytes_max)
                }
            };
            self.touched.insert(request);
            if is_cut {
                self.cut_off(now, request);
            }
        }
    }

    fn drop_record(&mut self, reason: &str) {
        self.effects.push_back(Effect::Metric(Metric::add("weft_plasma_dropped_records_total", 1)));
        let topic = &self.config.topic;
        let warning = format!("plasmaFE: a record of {topic} is passed over: {reason}");
        self.effects.push_back(Effect::Warn(warning));
    }

    /// Hands over what waits for a client that has taken what was handed over before.
    fn hand_over(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        for message in session.take_piece() {
            self.effects.push_back(Effect::Http(HttpAction::Message { request, message }));
        }
        let (now, before) = session.count_bytes();
        self.waiting_bytes = self.waiting_bytes + now - before;
    }

    /// Says how much waits for clients, when that has changed.
    fn count_waiting(&mut self) {
        if std::mem::replace(&mut self.told_bytes, self.waiting_bytes) != self.waiting_bytes {
            let metric = Metric::set("weft_plasma_waiting_bytes", self.waiting_bytes as f64);
            self.effects.push_back(Effect::Metric(metric));
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

    /// Ends what expired tokens allowed.
    fn expire(&mut self, now: Now) {
        let now_ms = now.wall.as_ms();
        let expired = |session: &Session| {
            session.rules.iter().any(|rule| rule.wants && rule.expiry_ms < now_ms)
        };
        let late = self.sessions.iter().filter(|(_, session)| expired(session));
        let late: Vec<RequestId> = late.map(|(request, _)| *request).collect();
        for request in late {
            if let Some(session) = self.sessions.get_mut(&request) {
                session.rules.retain(|rule| !rule.wants || rule.expiry_ms >= now_ms);
            }
            self.index(request);
            self.check_series(now, request);
            self.tell(now, request, "KO Token expired.".into());
        }
        let waits = self.sessions.values().any(|session| !session.rules.is_empty());
        self.expiry_due = waits.then(|| now.mono.after(EXPIRY_PERIOD));
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

/// Gives a client messages; whether it has to be cut off.
fn push_all(session: &mut Session, messages: &[Bytes], bytes_max: usize) -> bool {
    messages.iter().fold(false, |_, message| session.push(message.clone()) > bytes_max)
}

/// The datapoints of a record.
fn encoder_of(data: &[u8]) -> Encoder {
    let mut count = 0;
    let decoder = Encoder::from_bytes(0, data, 0);
    let _ = decoder.decoder().for_each_point(|_| count += 1);
    Encoder::from_bytes(0, data, count)
}
