//! `plasmaBE`: copies records of the data topic to the frontends that want their series.
//!
//! It promises:
//! - From the moment at which it says that it has applied a frontend's nodes, every record of their
//!   series that it consumes goes to that frontend's topic, at least once, in order within a
//!   series.
//! - It copies nothing before it has read all nodes, nor while it has lost coordination: its
//!   nodes may be old then. Nodes that do not exist yet are waited for.
//! - It is there for frontends before it reads their nodes, and copies a record only when
//!   coordination has said, after the record came, that it still is: until then no frontend took
//!   a subscription for active that it does not know.
//! - Nodes that go are let go of only when those that came have been read.
//! - An offset is committed only after what came before it was acknowledged by the topics.
//! - What waits is bounded: a batch for each partition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use weft_gts::SeriesId;
use weft_gts::SipKey;
use weft_wire::envelope::Envelope;
use weft_wire::kafka::partition;
use weft_wire::znode::read_subscription_name;

use super::{applied_line, applied_path, fingerprint};
use crate::consumer::{Change, Consumer};
use crate::contract::log::{LogAction, LogError, LogEvent, NewRecord, Start, Topic};
use crate::contract::{
    ActionId, ActionIds, CoordAction, CoordError, CoordEvent, Effect, Event, Machine, Metric,
    NoTask,
};
use crate::time::{Mono, Now};

/// Bytes that are copied before they are waited for, for each partition of the data topic.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How often the log says that a topic does not exist before it is believed.
const REFUSALS_MAX: u32 = 10;

/// What the configuration says of `plasmaBE`.
#[derive(Clone, Debug)]
pub struct BackendConfig {
    /// `plasma.backend.kafka.in.topic`: the data topic.
    pub topic: Topic,
    /// `plasma.backend.kafka.in.groupid`.
    pub group: Topic,
    /// `plasma.backend.kafka.in.mac` and `.aes`.
    pub envelope_in: Envelope,
    /// `plasma.backend.kafka.out.mac` and `.aes`.
    pub envelope_out: Envelope,
    /// Whether both are the same: records are copied as they are.
    pub is_same_envelope: bool,
    /// `plasma.backend.kafka.in.commitperiod`.
    pub commit_period: Duration,
    /// `plasma.backend.subscriptions.znode`.
    pub path: String,
}

/// The machine.
#[derive(Debug)]
pub struct Backend {
    config: BackendConfig,
    /// Its node among those that say what is applied.
    report_path: String,
    nodes: BTreeMap<String, Node>,
    wanted: BTreeMap<SeriesId, Vec<Want>>,
    topics: BTreeMap<Topic, TopicState>,
    listing: Option<ActionId>,
    /// Nodes are to be listed again.
    is_stale: bool,
    /// A node of the listing could not be read: what is not listed may be what stands for it.
    is_partial: bool,
    reading: BTreeMap<ActionId, String>,
    /// The names of the listing that is read; those that are not among them are let go of.
    listed: BTreeSet<String>,
    is_connected: bool,
    /// All nodes were read since contact began.
    is_current: bool,
    report: Report,
    lease: Lease,
    consumer: Option<Consumer>,
    batches: BTreeMap<u32, Batch>,
    appends: BTreeMap<ActionId, (u32, Topic)>,
    retry_at: Option<Mono>,
    now: Now,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    stopping: bool,
}

/// A part of what a frontend wants.
#[derive(Debug)]
struct Node {
    frontend: String,
    topic: Topic,
    ids: Vec<SeriesId>,
}

/// A topic that wants a series, and in how many nodes it says so.
#[derive(Debug)]
struct Want {
    topic: Topic,
    nodes: u32,
}

/// A frontend's topic.
#[derive(Debug, Default)]
struct TopicState {
    partitions: Option<u32>,
    asked: Option<ActionId>,
    /// How often in a row the log said that there is none.
    refusals: u32,
    nodes: u32,
}

/// What was said of what is applied.
#[derive(Debug, Default)]
struct Report {
    under_way: Option<ActionId>,
    exists: bool,
    is_due: bool,
}

/// Whether frontends could see this backend when records came.
#[derive(Debug, Default)]
struct Lease {
    /// What was asked, and the first offsets behind what had come by then.
    asked: Option<(ActionId, BTreeMap<u32, u64>)>,
    /// The first offsets behind what has come, by partition.
    come: BTreeMap<u32, u64>,
    /// Likewise, of what may be copied.
    good: BTreeMap<u32, u64>,
}

/// Records of one partition on their way.
#[derive(Debug)]
struct Batch {
    /// The first offset behind them.
    until: u64,
    /// What has not been acknowledged; kept to be sent again.
    waiting: BTreeMap<Topic, Vec<NewRecord>>,
    /// When to send again what failed.
    again: BTreeSet<Topic>,
}

impl Backend {
    /// A backend. `seed` names it among others.
    pub fn new(config: BackendConfig, seed: [u8; 32]) -> Self {
        let name = weft_wire::token::uuid(&seed[..16]);
        let report_path = format!("{}/{name}", applied_path(&config.path));
        Self {
            config,
            report_path,
            nodes: BTreeMap::new(),
            wanted: BTreeMap::new(),
            topics: BTreeMap::new(),
            listing: None,
            is_stale: false,
            is_partial: false,
            reading: BTreeMap::new(),
            listed: BTreeSet::new(),
            is_connected: false,
            is_current: false,
            report: Report::default(),
            lease: Lease::default(),
            consumer: None,
            batches: BTreeMap::new(),
            appends: BTreeMap::new(),
            retry_at: None,
            now: Now::default(),
            ids: ActionIds::default(),
            effects: VecDeque::new(),
            stopping: false,
        }
    }

    fn coord_event(&mut self, now: Now, event: CoordEvent) {
        match event {
            CoordEvent::Connected => {
                self.is_connected = true;
                self.appear();
            }
            CoordEvent::Disconnected => {
                self.is_connected = false;
                self.set_current(false);
            }
            CoordEvent::Changed { path } if path == self.config.path => self.list(),
            CoordEvent::Changed { .. } => {}
            CoordEvent::Children { id, result } if self.listing == Some(id) => {
                self.listing = None;
                match result {
                    Ok(names) => self.read(names),
                    Err(CoordError::Unavailable(_)) => self.retry(now),
                    // What is not there yet is watched.
                    Err(_) => self.read(Vec::new()),
                }
            }
            CoordEvent::Data { id, result }
                if self.lease.asked.as_ref().is_some_and(|(asked, _)| *asked == id) =>
            {
                self.seen(now, result.map(|_| ()));
            }
            CoordEvent::Data { id, result } => {
                let Some(name) = self.reading.remove(&id) else { return };
                self.is_partial |= result.is_err();
                match result {
                    Ok(data) => self.add(name, &data),
                    Err(CoordError::Unavailable(_)) => self.retry(now),
                    // It went in between: the list has changed again.
                    Err(_) => self.is_stale = true,
                }
                self.finish_reading();
            }
            CoordEvent::Done { id, result } if self.report.under_way == Some(id) => {
                self.report.under_way = None;
                match result {
                    Ok(()) | Err(CoordError::Exists) if !self.report.exists => {
                        self.report.exists = true;
                        return self.list();
                    }
                    Ok(()) => {}
                    Err(CoordError::Missing) => return self.appear(),
                    Err(_) => {
                        self.report.is_due = true;
                        return self.retry(now);
                    }
                }
                self.tell();
            }
            _ => {}
        }
    }

    /// Lets frontends see it, which then wait for what it applies; then it reads what they want.
    fn appear(&mut self) {
        self.report = Report { is_due: true, ..Report::default() };
        self.lease.asked = None;
        self.set_current(false);
        self.ask_to_exist();
    }

    fn ask_to_exist(&mut self) {
        if self.is_connected && !self.report.exists && self.report.under_way.is_none() {
            let id = self.ids.next_id();
            self.report.under_way = Some(id);
            let (path, data) = (self.report_path.clone(), Bytes::new());
            let action = CoordAction::Create { id, path, data, ephemeral: true };
            self.effects.push_back(Effect::Coord(action));
        }
    }

    /// Asks whether frontends still see it, when records have come since that was asked.
    fn check_lease(&mut self) {
        let lease = &self.lease;
        if !self.is_current || lease.asked.is_some() || lease.come == lease.good {
            return;
        }
        let id = self.ids.next_id();
        self.lease.asked = Some((id, self.lease.come.clone()));
        let path = self.report_path.clone();
        self.effects.push_back(Effect::Coord(CoordAction::Get { id, path, watch: false }));
    }

    /// Whether frontends see it, and saw it when the records came that it asked for.
    fn seen(&mut self, now: Now, result: Result<(), CoordError>) {
        let Some((_, come)) = self.lease.asked.take() else { return };
        match result {
            Ok(()) => {
                let come =
                    come.into_iter().filter(|(number, _)| self.lease.come.contains_key(number));
                self.lease.good.extend(come);
                self.copy_all();
                self.check_lease();
            }
            Err(CoordError::Unavailable(_)) => {
                self.retry_at.get_or_insert_with(|| now.mono.after(RETRY));
            }
            Err(_) => self.appear(),
        }
    }

    fn retry(&mut self, now: Now) {
        self.retry_at.get_or_insert_with(|| now.mono.after(RETRY));
        self.is_stale = true;
    }

    fn list(&mut self) {
        if !self.is_connected || !self.report.exists {
            return;
        }
        if self.listing.is_some() || !self.reading.is_empty() {
            self.is_stale = true;
            return;
        }
        let id = self.ids.next_id();
        (self.is_stale, self.is_partial) = (false, false);
        self.listing = Some(id);
        let action = CoordAction::Children { id, path: self.config.path.clone(), watch: true };
        self.effects.push_back(Effect::Coord(action));
    }

    fn read(&mut self, names: Vec<String>) {
        self.listed = names.into_iter().filter(|n| read_subscription_name(n).is_some()).collect();
        for name in &self.listed {
            if !self.nodes.contains_key(name) {
                let id = self.ids.next_id();
                let path = format!("{}/{name}", self.config.path);
                self.reading.insert(id, name.clone());
                self.effects.push_back(Effect::Coord(CoordAction::Get { id, path, watch: false }));
            }
        }
        self.finish_reading();
    }

    /// A node of a frontend.
    fn add(&mut self, name: String, data: &Bytes) {
        let Some(known) = read_subscription_name(&name) else { return };
        let key = uuid_bytes(&known.frontend).map(SipKey::from_bytes);
        if key.is_none_or(|key| key.hash(data) != known.hash) {
            let warning = format!("plasmaBE: node {name} is passed over: its hash is not its own");
            return self.effects.push_back(Effect::Warn(warning));
        }
        let topic = Topic::from(known.topic);
        let (ids, _) = data.as_chunks::<16>();
        #[cfg(weft_mutants)]
        let ids = match crate::mutants::is(crate::mutants::Planted::StaleSubscriptions) {
            true if known.offset > 0 => &[],
            _ => ids,
        };
        let ids: Vec<SeriesId> = ids.iter().map(id_of).collect();
        for id in &ids {
            let wants = self.wanted.entry(*id).or_default();
            match wants.iter_mut().find(|want| want.topic == topic) {
                Some(want) => want.nodes += 1,
                None => wants.push(Want { topic: topic.clone(), nodes: 1 }),
            }
        }
        self.topics.entry(topic.clone()).or_default().nodes += 1;
        self.nodes.insert(name, Node { frontend: known.frontend, topic, ids });
        self.describe();
    }

    fn remove(&mut self, name: &str) {
        let Some(node) = self.nodes.remove(name) else { return };
        for id in node.ids {
            let Some(wants) = self.wanted.get_mut(&id) else { continue };
            for want in wants.iter_mut().filter(|want| want.topic == node.topic) {
                want.nodes -= 1;
            }
            wants.retain(|want| want.nodes > 0);
            if wants.is_empty() {
                self.wanted.remove(&id);
            }
        }
        if let Some(topic) = self.topics.get_mut(&node.topic) {
            topic.nodes -= 1;
            if topic.nodes == 0 {
                self.topics.remove(&node.topic);
            }
        }
    }

    /// Once everything that was listed has been read, what is not listed goes.
    fn finish_reading(&mut self) {
        if !self.reading.is_empty() || self.listing.is_some() {
            return;
        }
        if !self.is_partial {
            let gone = self.nodes.keys().filter(|name| !self.listed.contains(*name));
            for name in gone.cloned().collect::<Vec<_>>() {
                self.remove(&name);
            }
        }
        if self.is_stale && self.retry_at.is_none() {
            return self.list();
        }
        if !self.is_stale {
            self.set_current(true);
        }
        self.report.is_due = true;
        self.tell();
    }

    fn set_current(&mut self, is_current: bool) {
        if self.is_current == is_current {
            return;
        }
        self.is_current = is_current;
        self.effects.push_back(Effect::Ready(is_current));
        if is_current && self.consumer.is_none() && !self.stopping {
            let (topic, group) = (self.config.topic.clone(), self.config.group.clone());
            let period = self.config.commit_period;
            self.consumer = Some(Consumer::new(topic, group, Start::Latest, period));
        }
        self.copy_all();
        self.check_lease();
    }

    /// Says what is applied: nodes whose topics can be written to.
    fn tell(&mut self) {
        let is_possible = self.is_current && self.report.exists;
        if !is_possible || !self.report.is_due || self.report.under_way.is_some() {
            return;
        }
        let mut frontends: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, node) in &self.nodes {
            if self.topics.get(&node.topic).is_some_and(|topic| topic.partitions.is_some()) {
                frontends.entry(&node.frontend).or_default().push(name);
            }
        }
        let lines = frontends
            .into_iter()
            .map(|(frontend, names)| applied_line(frontend, fingerprint(names.into_iter())));
        let data = Bytes::from(lines.collect::<String>());
        let id = self.ids.next_id();
        self.report.under_way = Some(id);
        self.report.is_due = false;
        let path = self.report_path.clone();
        self.effects.push_back(Effect::Coord(CoordAction::Set { id, path, data }));
    }

    /// Asks how many partitions topics have, as far as that is not known.
    fn describe(&mut self) {
        for (topic, state) in &mut self.topics {
            if state.partitions.is_none() && state.asked.is_none() {
                let id = self.ids.next_id();
                state.asked = Some(id);
                let topic = topic.clone();
                self.effects.push_back(Effect::Log(LogAction::Describe { id, topic }));
            }
        }
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        match event {
            LogEvent::Described { id, result } => {
                let found = self.topics.values_mut().find(|state| state.asked == Some(id));
                let Some(state) = found else { return };
                state.asked = None;
                state.refusals = match &result {
                    // The embedded log makes topics, but not of every name.
                    Err(LogError::NoTopic(_) | LogError::Refused(_)) => {
                        state.refusals.saturating_add(1)
                    }
                    _ => 0,
                };
                match result {
                    Ok(count) if count > 0 => {
                        state.partitions = Some(count);
                        self.report.is_due = true;
                        self.tell();
                    }
                    _ => {
                        self.retry_at.get_or_insert_with(|| now.mono.after(RETRY));
                    }
                }
                self.copy_all();
            }
            LogEvent::Appended { id, result } => self.appended(now, id, result.map(|_| ())),
            event => {
                let Some(consumer) = &mut self.consumer else { return };
                let end = match &event {
                    LogEvent::Records { records, .. } => records.last().map(|last| last.offset + 1),
                    _ => None,
                };
                match consumer.handle(now, event) {
                    Change::Records(partition) => {
                        self.lease.come.extend(end.map(|end| (partition, end)));
                        self.check_lease();
                        #[cfg(weft_mutants)]
                        self.copy(now, partition);
                    }
                    Change::Revoked(partitions) | Change::Assigned(partitions) => {
                        for partition in partitions {
                            self.lease.come.remove(&partition);
                            self.lease.good.remove(&partition);
                            if let Some((_, come)) = &mut self.lease.asked {
                                come.remove(&partition);
                            }
                            self.batches.remove(&partition);
                            self.appends.retain(|_, (of, _)| *of != partition);
                        }
                    }
                    Change::Committed(..) | Change::None => {}
                }
                self.finish_stop();
            }
        }
    }

    /// Whether it can copy to every topic that is wanted. One that does not exist keeps nobody waiting.
    fn knows_topics(&self) -> bool {
        let is_missing = |topic: &TopicState| topic.refusals >= REFUSALS_MAX;
        self.topics.values().all(|topic| topic.partitions.is_some() || is_missing(topic))
    }

    fn copy_all(&mut self) {
        if !self.knows_topics() {
            return;
        }
        let Some(consumer) = &self.consumer else { return };
        let partitions: Vec<u32> = consumer.partitions().collect();
        for partition in partitions {
            self.copy(self.now, partition);
        }
    }

    /// Copies what has come of a partition, when the batch before is done.
    fn copy(&mut self, now: Now, number: u32) {
        let may_copy = self.is_current && !self.stopping && self.knows_topics();
        while may_copy && !self.batches.contains_key(&number) {
            let Some(consumer) = &mut self.consumer else { return };
            let mut batch = Batch { until: 0, waiting: BTreeMap::new(), again: BTreeSet::new() };
            let (mut bytes, mut copied) = (0, 0);
            let good = self.lease.good.get(&number).copied().unwrap_or(0);
            #[cfg(weft_mutants)]
            let good = match crate::mutants::is(crate::mutants::Planted::LeaseUnchecked) {
                true => u64::MAX,
                false => good,
            };
            while bytes < BATCH_BYTES_MAX
                && consumer.next_offset(number).is_some_and(|offset| offset < good)
                && let Some(record) = consumer.pop(number)
            {
                batch.until = record.offset + 1;
                let id = record.key.first_chunk::<16>().filter(|_| record.key.len() == 16);
                let Some(wants) = id.and_then(|id| self.wanted.get(&id_of(id))) else { continue };
                let Some(value) = rewrap(&self.config, &record.value) else { continue };
                for Want { topic, .. } in wants {
                    let count = self.topics.get(topic).and_then(|state| state.partitions);
                    let Some(count) = count else { continue };
                    let partition = partition(&record.key, count);
                    let (key, value) = (record.key.clone(), value.clone());
                    bytes += key.len() + value.len();
                    copied += 1;
                    let records = batch.waiting.entry(topic.clone()).or_default();
                    records.push(NewRecord { partition, key, value });
                }
            }
            if batch.until == 0 {
                return;
            }
            if batch.waiting.is_empty() {
                consumer.applied(now, number, batch.until.into());
                continue;
            }
            let metric = Metric::add("weft_plasma_copied_records_total", copied);
            self.effects.push_back(Effect::Metric(metric));
            for (topic, records) in &batch.waiting {
                let id = self.ids.next_id();
                self.appends.insert(id, (number, topic.clone()));
                let (topic, records) = (topic.clone(), records.clone());
                self.effects.push_back(Effect::Log(LogAction::Append { id, topic, records }));
            }
            self.batches.insert(number, batch);
        }
    }

    fn appended(&mut self, now: Now, id: ActionId, result: Result<(), LogError>) {
        let Some((number, topic)) = self.appends.remove(&id) else { return };
        let Some(batch) = self.batches.get_mut(&number) else { return };
        match result {
            Ok(()) => {
                batch.waiting.remove(&topic);
            }
            Err(LogError::Refused(reason)) => {
                // Trying again as it is does not help.
                batch.waiting.remove(&topic);
                let warning = format!("plasmaBE: records for {topic} are lost: {reason}");
                self.effects.push_back(Effect::Warn(warning));
            }
            Err(_) => {
                batch.again.insert(topic);
                self.retry_at.get_or_insert_with(|| now.mono.after(RETRY));
            }
        }
        if batch.waiting.is_empty() {
            let until = batch.until;
            self.batches.remove(&number);
            if let Some(consumer) = &mut self.consumer {
                consumer.applied(now, number, until.into());
            }
            self.copy(now, number);
        }
        self.finish_stop();
    }

    /// Sends again what failed; what nobody wants any more is let go of.
    fn append_again(&mut self, now: Now) {
        let mut done = Vec::new();
        for (number, batch) in &mut self.batches {
            for topic in std::mem::take(&mut batch.again) {
                if !self.topics.contains_key(&topic) {
                    batch.waiting.remove(&topic);
                    continue;
                }
                let Some(records) = batch.waiting.get(&topic).cloned() else { continue };
                let id = self.ids.next_id();
                self.appends.insert(id, (*number, topic.clone()));
                self.effects.push_back(Effect::Log(LogAction::Append { id, topic, records }));
            }
            if batch.waiting.is_empty() {
                done.push((*number, batch.until));
            }
        }
        for (number, until) in done {
            self.batches.remove(&number);
            if let Some(consumer) = &mut self.consumer {
                consumer.applied(now, number, until.into());
            }
            self.copy(now, number);
        }
    }

    fn tick(&mut self, now: Now) {
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            self.describe();
            self.append_again(now);
            self.ask_to_exist();
            self.check_lease();
            self.tell();
            if self.is_stale && self.listing.is_none() && self.reading.is_empty() {
                self.list();
            }
        }
        if let Some(consumer) = &mut self.consumer {
            consumer.tick(now, &mut self.ids);
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.finish_stop();
    }

    fn finish_stop(&mut self) {
        if !self.stopping {
            return;
        }
        let Some(consumer) = &mut self.consumer else {
            return self.effects.push_back(Effect::Stopped);
        };
        let partitions: Vec<u32> = consumer.partitions().collect();
        let mut waits = !self.batches.is_empty();
        for partition in partitions {
            waits |= consumer.commit(partition, &mut self.ids);
        }
        if !waits {
            self.effects.push_back(Effect::Stopped);
        }
    }
}

impl Machine for Backend {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        self.now = now;
        match event {
            Event::Tick => self.tick(now),
            Event::Log(event) => self.log_event(now, event),
            Event::Coord(event) => self.coord_event(now, event),
            Event::Stop => self.stop(),
            Event::Http(_) | Event::Table(_) | Event::Peer(_) | Event::Computed(..) => {}
        }
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        let log = self.consumer.as_mut().and_then(Consumer::poll).map(Effect::Log);
        log.or_else(|| self.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        let commit = self.consumer.as_ref().and_then(Consumer::deadline);
        [self.retry_at, commit].into_iter().flatten().min()
    }
}

/// A record's value as frontends read it; `None` when it is not one.
fn rewrap(config: &BackendConfig, value: &Bytes) -> Option<Bytes> {
    if config.is_same_envelope {
        return Some(value.clone());
    }
    let plain = config.envelope_in.open(value).ok()?;
    Some(config.envelope_out.seal(&plain).into())
}

fn id_of(bytes: &[u8; 16]) -> SeriesId {
    let number = u128::from_be_bytes(*bytes);
    SeriesId { class_id: (number >> 64) as i64, labels_id: number as i64 }
}

/// The bytes of a UUID as text.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let is_uuid = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = is_uuid.then(|| u128::from_str_radix(&digits, 16).ok()).flatten()?;
    Some(number.to_be_bytes())
}
