//! `webcall`: makes the HTTP calls that scripts asked for, out of a topic.
//!
//! It promises:
//! - A call that is in the topic is made at least once, and once when nothing fails: an offset is committed
//!   when everything before it is done. Each call has an id (`X-Warp10-WebCall`) that stays when it is made again.
//! - A call is done when somebody answered, other than by 429, 502, 503 or 504. Otherwise it is made again, later
//!   and later, up to [`WebcallConfig::attempts`] times; then it is told and given up.
//! - No call reaches a host or an address that is not allowed: patterns apply to the host's name, every one of
//!   its addresses is checked, the connection goes to the address that was checked, and a redirect is checked
//!   like a call. What is not allowed is told, and not tried.
//! - What waits is bounded: so many calls of a partition are under way or waited for, so many run
//!   at once, and so many to one host.
//!
//! ```text
//!   Records ─▶ calls ─place, host's place─▶ Resolve ─checked─▶ Web ─▶ done ─▶ commit
//!                ▲                                               │
//!                └──────────── later ◀── failed ─────────────────┘
//! ```

pub mod outcall;
pub mod target;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use weft_wire::envelope::Envelope;
use weft_wire::thrift::WebCallRequest;

use crate::consumer::{Change, Consumer};
use crate::contract::log::{LogEvent, Record, Start, Topic};
use crate::contract::peer::{PeerEvent, WebResponse};
use crate::contract::{
    ActionId, ActionIds, Change as Amount, Effect, Event, Machine, Metric, NoTask,
};
use crate::time::{Mono, Now};
use outcall::{Asked, Next, Outcall, OutcallError};
use target::Allowed;

/// Calls of one partition that are under way, wait, or are done before an earlier one is.
const WINDOW_MAX: usize = 256;

/// Bytes of those.
const WINDOW_BYTES_MAX: usize = 16 << 20;

/// Bytes of an answer that are read: nobody looks at it.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How long after the first failure a call is made again; twice as long after each other one.
const AGAIN_MIN: Duration = Duration::from_secs(1);

/// How long at most.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// What the configuration says of `webcall`.
#[derive(Clone, Debug)]
pub struct WebcallConfig {
    /// `webcall.kafka.topic`.
    pub topic: Topic,
    /// `webcall.kafka.groupid`.
    pub group: Topic,
    /// `webcall.kafka.mac` and `.aes`.
    pub envelope: Envelope,
    /// `webcall.kafka.commitperiod`.
    pub commit_period: Duration,
    /// `webcall.host.patterns` and `weft.webcall.inside`.
    pub allowed: Allowed,
    /// `webcall.user.agent`.
    pub user_agent: Option<String>,
    /// `http.header.webcall.uuid`.
    pub id_header: String,
    /// `webcall.nthreads`: calls at once.
    pub parallel: usize,
    /// `weft.webcall.host.max`: calls to one host at once.
    pub parallel_host: usize,
    /// `weft.webcall.attempts`: how often a call is made at most.
    pub attempts: u32,
    /// `weft.webcall.timeout`: how long one attempt may take, to resolve and to be answered each.
    pub time_max: Duration,
}

/// The machine.
#[derive(Debug)]
pub struct Webcall {
    config: WebcallConfig,
    consumer: Consumer,
    windows: BTreeMap<u32, Window>,
    calls: BTreeMap<u64, Call>,
    last_call: u64,
    /// Those that wait for a place, the first first.
    ready: VecDeque<u64>,
    /// Those that are made again later.
    later: BTreeSet<(Mono, u64)>,
    /// Those under way, by the action that is waited for.
    under: BTreeMap<ActionId, u64>,
    /// How far they are.
    running: BTreeMap<u64, Outcall>,
    /// Calls under way, by host.
    hosts: BTreeMap<String, usize>,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    is_stopping: bool,
    has_stopped: bool,
}

/// What is taken of a partition.
#[derive(Debug, Default)]
struct Window {
    /// Offsets that are not done.
    open: BTreeSet<u64>,
    /// The first offset that was not taken.
    next: u64,
    bytes: usize,
}

/// A call.
#[derive(Debug)]
struct Call {
    /// Where it stands, while the partition is ours.
    place: Option<(u32, u64)>,
    bytes: usize,
    id: String,
    outcall: Outcall,
    /// The host that its place is counted for.
    host: String,
    attempts: u32,
}

impl Webcall {
    /// A webcall that has done nothing yet.
    pub fn new(config: WebcallConfig) -> Self {
        let (topic, group) = (config.topic.clone(), config.group.clone());
        Self {
            consumer: Consumer::new(topic, group, Start::Earliest, config.commit_period),
            config,
            windows: BTreeMap::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            ready: VecDeque::new(),
            later: BTreeSet::new(),
            under: BTreeMap::new(),
            running: BTreeMap::new(),
            hosts: BTreeMap::new(),
            ids: ActionIds::default(),
            effects: VecDeque::from([Effect::Ready(true)]),
            is_stopping: false,
            has_stopped: false,
        }
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        match self.consumer.handle(now, event) {
            Change::Assigned(partitions) | Change::Revoked(partitions) => {
                for partition in partitions {
                    self.leave(partition);
                    if self.consumer.owns(partition) {
                        self.windows.insert(partition, Window::default());
                    }
                }
            }
            Change::Records(partition) => self.take(now, partition),
            Change::Committed(..) | Change::None => {}
        }
        self.begin(now);
    }

    /// A partition is another's: what is not under way is made there.
    fn leave(&mut self, partition: u32) {
        self.windows.remove(&partition);
        let waits: BTreeSet<u64> =
            self.ready.iter().copied().chain(self.later.iter().map(|(_, call)| *call)).collect();
        let is_left = |call: &Call| call.place.is_some_and(|(of, _)| of == partition);
        self.calls.retain(|number, call| !(waits.contains(number) && is_left(call)));
        for call in self.calls.values_mut().filter(|call| is_left(call)) {
            call.place = None;
        }
        self.ready.retain(|number| self.calls.contains_key(number));
        self.later.retain(|(_, number)| self.calls.contains_key(number));
    }

    /// Takes records of a partition, as far as its window allows.
    fn take(&mut self, now: Now, partition: u32) {
        while !self.is_stopping {
            let Some(window) = self.windows.get_mut(&partition) else { return };
            if window.open.len() >= WINDOW_MAX || window.bytes >= WINDOW_BYTES_MAX {
                return;
            }
            let Some(record) = self.consumer.pop(partition) else { return };
            window.next = record.offset + 1;
            let bytes = record.value.len();
            match self.read(&record) {
                Ok((id, outcall)) => {
                    let window = self.windows.entry(partition).or_default();
                    window.open.insert(record.offset);
                    window.bytes += bytes;
                    self.last_call += 1;
                    let host = outcall.host().to_owned();
                    let place = Some((partition, record.offset));
                    let call = Call { place, bytes, id, outcall, host, attempts: 0 };
                    self.calls.insert(self.last_call, call);
                    self.ready.push_back(self.last_call);
                }
                Err((reason, why)) => {
                    self.count(reason);
                    let offset = record.offset;
                    let place = format!("record {offset} of partition {partition}");
                    self.warn(format!("webcall: {place} is passed over: {why}"));
                    self.advance(now, partition);
                }
            }
        }
    }

    /// The call of a record, and its id; why there is none.
    fn read(&self, record: &Record) -> Result<(String, Outcall), (&'static str, String)> {
        let invalid = |why: &dyn std::fmt::Display| ("invalid", why.to_string());
        let plain = self.config.envelope.open(&record.value).map_err(|error| invalid(&error))?;
        let request = WebCallRequest::decode(&plain).map_err(|error| invalid(&error))?;
        let method = match request.method {
            1 => "GET",
            2 => "POST",
            other => return Err(invalid(&format!("method {other}"))),
        };
        let id = request.webcall_uuid.unwrap_or_default();
        let body = request.body.filter(|_| method == "POST").unwrap_or_default();
        let own = [
            ("User-Agent", self.config.user_agent.clone()),
            (&self.config.id_header, Some(id.clone())),
        ];
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in request.headers.iter().flat_map(|headers| headers.iter()) {
            headers.push((name.to_owned(), value.to_owned()));
        }
        for (name, value) in own {
            headers.extend(value.map(|value| (name.to_owned(), value)));
        }
        let asked = Asked {
            method: method.to_owned(),
            headers,
            body: body.into(),
            time_max: self.config.time_max,
            answer_bytes_max: ANSWER_BYTES_MAX,
            may_cut: true,
        };
        let url = request.url.unwrap_or_default();
        let outcall = Outcall::new(&url, asked, &self.config.allowed);
        outcall.map(|outcall| (id.clone(), outcall)).map_err(|error| {
            let reason = if is_denial(&error) { "denied" } else { "invalid" };
            (reason, format!("call {id}: {error}"))
        })
    }

    /// Makes the calls that there are places for.
    fn begin(&mut self, now: Now) {
        let mut waiting = VecDeque::new();
        while self.under.len() < self.config.parallel {
            let Some(number) = self.ready.pop_front() else { break };
            let Some(call) = self.calls.get_mut(&number) else { continue };
            let at_host = self.hosts.entry(call.host.clone()).or_default();
            #[cfg(weft_mutants)]
            let unbounded = crate::mutants::is(crate::mutants::Planted::HostUnbounded);
            #[cfg(not(weft_mutants))]
            let unbounded = false;
            if *at_host >= self.config.parallel_host && !unbounded {
                waiting.push_back(number);
                continue;
            }
            *at_host += 1;
            call.attempts += 1;
            // Each attempt begins where the call was to go.
            let mut outcall = call.outcall.clone();
            let next = outcall.begin(&self.config.allowed, &mut self.ids);
            self.go_on(now, number, outcall, next);
        }
        while let Some(number) = waiting.pop_back() {
            self.ready.push_front(number);
        }
        self.hosts.retain(|_, count| *count > 0);
    }

    /// The next step of a call that has a place.
    fn go_on(&mut self, now: Now, number: u64, outcall: Outcall, next: Next) {
        match next {
            Next::Do(action) => {
                self.under.insert(outcall.id, number);
                self.running.insert(number, outcall);
                self.effects.push_back(Effect::Peer(action));
            }
            Next::Done(result) => self.done(now, number, result),
        }
    }

    /// An attempt is over.
    fn done(&mut self, now: Now, number: u64, result: Result<WebResponse, OutcallError>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        if let Some(at_host) = self.hosts.get_mut(&call.host) {
            *at_host -= 1;
        }
        let failure = match &result {
            Ok(response) if matches!(response.status, 429 | 502..=504) => {
                format!("status {}", response.status)
            }
            Ok(_) => return self.finish(now, number, "done", None),
            Err(error) if is_denial(error) => {
                let why = error.to_string();
                return self.finish(now, number, "denied", Some(why));
            }
            Err(error) => error.to_string(),
        };
        let is_final = call.attempts >= self.config.attempts
            || matches!(result, Err(OutcallError::Redirects | OutcallError::Request));
        // Of a partition that is another's, it is made again there.
        if is_final || call.place.is_none() {
            return self.finish(now, number, "failed", Some(failure));
        }
        let wait = AGAIN_MIN.saturating_mul(1 << (call.attempts - 1).min(16)).min(AGAIN_MAX);
        self.later.insert((now.mono.after(wait), number));
        self.count("again");
    }

    /// A call is over.
    fn finish(&mut self, now: Now, number: u64, outcome: &'static str, why: Option<String>) {
        let Some(call) = self.calls.remove(&number) else { return };
        self.count(outcome);
        if let Some(why) = why {
            let Call { id, host, attempts, .. } = &call;
            self.warn(format!("webcall: call {id} to {host}, attempt {attempts}: {why}"));
        }
        let Some((partition, offset)) = call.place else { return };
        if let Some(window) = self.windows.get_mut(&partition) {
            window.open.remove(&offset);
            window.bytes -= call.bytes;
        }
        self.advance(now, partition);
        self.take(now, partition);
    }

    /// What is done in order can be committed.
    fn advance(&mut self, now: Now, partition: u32) {
        let Some(window) = self.windows.get(&partition) else { return };
        let until = window.open.first().copied().unwrap_or(window.next);
        if self.consumer.applied_offset(partition).is_some_and(|applied| until > applied) {
            self.consumer.applied(now, partition, until.into());
        }
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        let id = match &event {
            PeerEvent::Resolved { id, .. } | PeerEvent::Web { id, .. } => *id,
            _ => return,
        };
        let Some(number) = self.under.remove(&id) else { return };
        let Some(mut outcall) = self.running.remove(&number) else { return };
        let (allowed, ids) = (&self.config.allowed, &mut self.ids);
        let next = match event {
            PeerEvent::Resolved { result, .. } => outcall.resolved(allowed, result, ids),
            PeerEvent::Web { result, .. } => outcall.answered(allowed, result, ids),
            _ => return,
        };
        self.go_on(now, number, outcall, next);
        self.begin(now);
    }

    fn tick(&mut self, now: Now) {
        self.consumer.tick(now, &mut self.ids);
        while let Some((at, number)) = self.later.first().copied() {
            if at > now.mono || self.is_stopping {
                break;
            }
            self.later.pop_first();
            self.ready.push_back(number);
        }
        self.begin(now);
    }

    fn count(&mut self, outcome: &'static str) {
        self.effects.push_back(Effect::Metric(Metric {
            name: "weft_webcall_calls_total",
            labels: vec![("outcome", outcome.to_owned())],
            change: Amount::Add(1),
        }));
    }

    fn warn(&mut self, text: String) {
        self.effects.push_back(Effect::Warn(text));
    }

    /// Begins nothing more: what waits is made by whoever goes on.
    fn stop(&mut self) {
        self.is_stopping = true;
        self.ready.clear();
        self.later.clear();
    }

    fn finish_stop(&mut self) {
        if !self.is_stopping || self.has_stopped || !self.under.is_empty() {
            return;
        }
        let partitions: Vec<u32> = self.consumer.partitions().collect();
        let mut waits = false;
        for partition in partitions {
            waits |= self.consumer.commit(partition, &mut self.ids);
        }
        if !waits {
            self.has_stopped = true;
            self.effects.push_back(Effect::Stopped);
        }
    }
}

/// Whether another attempt would be denied as well.
const fn is_denial(error: &OutcallError) -> bool {
    matches!(error, OutcallError::Target(_))
}

impl Machine for Webcall {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Log(event) => self.log_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Stop => self.stop(),
            Event::Http(_) | Event::Table(_) | Event::Coord(_) | Event::Computed(..) => {}
        }
        self.finish_stop();
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        self.consumer.poll().map(Effect::Log).or_else(|| self.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        let later = self.later.first().map(|(at, _)| *at);
        [self.consumer.deadline(), later].into_iter().flatten().min()
    }
}
