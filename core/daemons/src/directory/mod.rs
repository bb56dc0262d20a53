//! `directory`: knows which series there are.
//!
//! It promises:
//! - A shard (`directory.partition` = `MODULUS:REMAINDER`) holds exactly the metadata of its
//!   slice.
//! - After a restart it equals what the table and the topic say: it reads the table's slice, then
//!   the topic from the storing group's commit. A replica that does not store reads the topic
//!   from its beginning, never from a commit of its own.
//! - It registers only when it can answer completely: the table is read, and the topic up to
//!   where it ended when the directory began.
//! - Offsets are committed only after the table acknowledged what came before them.
//! - A find answers everything that matches or says that it failed.
//! - A snapshot of the index holds the table's rows as they were when it was begun, no more.
//!
//! ```text
//!   Loading ──(table read, ends known)──▶ CatchingUp ──(ends reached)──▶ Serving
//! ```

mod finds;
mod index;
mod loading;
mod order;
mod service;
mod snapshots;
mod stats;
mod symbols;
mod writer;

use std::collections::{BTreeMap, VecDeque};

use std::time::Duration;

use weft_gts::text::update_attributes;
use weft_gts::{IdKeys, Metadata, SeriesId};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{decode_metadata, encode_metadata};

pub use index::{Activity, Found, Index};
pub use service::{SERVICE_BYTES_MAX, ServiceConfig, THRIFT_PATH};
pub use stats::{Estimates, Stats, StatsLimits};

use crate::cell_clock::CellClock;
use crate::consumer::{Change, Consumer};
use crate::contract::log::{LogEvent, Position, Record, Start, Topic};
use crate::contract::peer::PeerAction;
use crate::contract::table::Slice;
use crate::contract::{
    ActionId, ActionIds, CoordAction, CoordError, CoordEvent, Effect, Event, Machine, Metric,
    NoTask, TableError,
};
use crate::time::{Mono, Now};
use finds::{Asker, Find};
use service::Requests;
use snapshots::Snapshots;
use writer::Writer;

/// What the configuration says of `directory`.
#[derive(Clone, Debug)]
pub struct DirectoryConfig {
    /// `directory.partition`.
    pub slice: Slice,
    /// `directory.kafka.metadata.topic`.
    pub topic: Topic,
    /// `directory.kafka.metadata.groupid`.
    pub group: Topic,
    /// `directory.kafka.metadata.mac` and `.aes`.
    pub envelope: Envelope,
    /// `directory.hbase.metadata.aes`: how rows are wrapped.
    pub row_envelope: Envelope,
    /// `directory.kafka.metadata.commitperiod`.
    pub commit_period: Duration,
    /// `directory.store`: whether this replica writes metadata into the table.
    pub store: bool,
    /// `directory.delete`: whether this replica deletes metadata from the table.
    pub delete: bool,
    /// `directory.init`: whether to read the table at the start.
    pub init: bool,
    /// `directory.register`: where to register, and as what. `None` when it is switched off.
    pub registration: Option<Registration>,
    /// `directory.activity.window`, milliseconds; `None` when activity is not tracked.
    pub activity_window_ms: Option<i64>,
    /// `warp.hash.class` and `warp.hash.labels`.
    pub ids: IdKeys,
    /// `warp10.absent.label.support`.
    pub absent_labels: bool,
    /// The fewest changed rows that are worth a snapshot of the index beside the table's rows;
    /// `None` where the table keeps none.
    pub snapshot_rows_min: Option<usize>,
    /// What is answered over the network; `None` where nobody can ask.
    pub service: Option<ServiceConfig>,
}

/// How the directory makes itself known.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The path of the instance's node.
    pub path: String,
    /// The service instance as JSON.
    pub payload: Vec<u8>,
}

/// Where metadata messages say they come from.
pub(crate) mod source {
    /// An update saw the series.
    pub(crate) const INGRESS: &str = "ingress";
    /// A delete of the whole series.
    pub(crate) const DELETE: &str = "delete";
    /// Attributes replaced.
    pub(crate) const UPDATE: &str = "ingress.metadata.update";
    /// Attributes changed one by one.
    pub(crate) const UPDATE_DELTA: &str = "ingress.metadata.update.delta";
}

/// Finds under way at once.
const FINDS_MAX: usize = 4_096;

/// Candidates that one step of a find looks at before other events have their turn.
const SCAN_MAX: usize = 20_000;

/// How long to wait before a failed start or registration is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The machine.
#[derive(Debug)]
pub struct Directory {
    config: DirectoryConfig,
    index: Index,
    state: State,
    consumer: Consumer,
    writer: Writer,
    snapshots: Snapshots,
    /// Timestamps of rows, by partition.
    clocks: BTreeMap<u32, CellClock>,
    /// First offset of each partition that the index does not know yet.
    seen: BTreeMap<u32, u64>,
    /// First offset of each partition that was never taken in. A partition that comes back begins
    /// before it, with what the index holds and the writer has: an update of attributes that came
    /// before its series would find it there now.
    taken: BTreeMap<u32, u64>,
    finds: BTreeMap<Asker, Find>,
    /// Finds whose next chunk is not full yet.
    working: VecDeque<Asker>,
    /// From the network.
    requests: Requests,
    registering: Option<ActionId>,
    registered: bool,
    retry_at: Option<Mono>,
    /// When the scan of the table, which is asked for more, is taken for hung.
    scan_due: Option<Mono>,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    stopping: bool,
}

/// How far the start has come.
#[derive(Debug)]
enum State {
    /// Reading the table; the topic's ends are asked for at the same time.
    Loading { scan: Option<ActionId>, ends: Option<ActionId>, known: Option<Vec<(u32, u64)>> },
    /// Reading the topic up to these ends.
    CatchingUp { ends: Vec<(u32, u64)> },
    /// Complete.
    Serving,
}

impl Directory {
    /// A directory that begins to load.
    pub fn new(config: DirectoryConfig) -> Self {
        // The empty group is given every partition from the start and commits nothing.
        let group = if config.store { config.group.clone() } else { Topic::from("") };
        let consumer =
            Consumer::new(config.topic.clone(), group, Start::Earliest, config.commit_period);
        let mut directory = Self {
            index: Index::new(config.ids.labels.hash(b"index") as u64),
            state: State::Loading { scan: None, ends: None, known: None },
            consumer,
            writer: Writer::new(config.store, config.delete),
            snapshots: Snapshots::new(&config),
            clocks: BTreeMap::new(),
            seen: BTreeMap::new(),
            taken: BTreeMap::new(),
            finds: BTreeMap::new(),
            working: VecDeque::new(),
            requests: Requests::new(),
            registering: None,
            registered: false,
            retry_at: None,
            scan_due: None,
            ids: ActionIds::default(),
            effects: VecDeque::new(),
            stopping: false,
            config,
        };
        directory.load();
        directory
    }

    /// The series it knows.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Whether the series belongs to this shard.
    const fn holds(&self, id: SeriesId) -> bool {
        id.in_slice(self.config.slice.modulus, self.config.slice.remainder)
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        if let LogEvent::Ends { id, result } = event {
            return self.ends(now, id, result.map_err(|error| error.to_string()));
        }
        match self.consumer.handle(now, event) {
            Change::None => {}
            Change::Assigned(partitions) => {
                for partition in partitions {
                    let offset = self.consumer.applied_offset(partition).unwrap_or_default();
                    self.seen.insert(partition, offset);
                    let clock = CellClock::of_note(self.consumer.note(partition));
                    self.clocks.insert(partition, clock);
                    self.report_applied(partition);
                }
                self.caught_up(now);
            }
            Change::Revoked(partitions) => {
                for partition in partitions {
                    self.seen.remove(&partition);
                    self.writer.forget(partition);
                    self.clocks.remove(&partition);
                }
            }
            Change::Records(partition) => {
                self.consume(now, partition);
                self.caught_up(now);
            }
            Change::Committed(..) => self.finish_stop(now),
        }
    }

    fn ends(&mut self, now: Now, asked: ActionId, result: Result<Vec<(u32, u64)>, String>) {
        let State::Loading { ends, known, .. } = &mut self.state else { return };
        if *ends != Some(asked) {
            return;
        }
        match result {
            Ok(offsets) => {
                *ends = None;
                *known = Some(offsets);
                self.loaded(now);
            }
            Err(reason) => self.load_again(now, &reason),
        }
    }

    /// Takes in what is queued. Waits while the table is read: the topic is newer. Waits for a
    /// snapshot, too.
    fn consume(&mut self, now: Now, partition: u32) {
        if matches!(self.state, State::Loading { .. }) || self.stands_still() {
            return;
        }
        while !self.writer.is_full() {
            let Some(record) = self.consumer.pop(partition) else { break };
            let after = record.offset + 1;
            self.apply(partition, &record);
            self.seen.insert(partition, after);
            let clock = self.clocks.get(&partition).copied().unwrap_or_default();
            self.writer.seen(partition, after, clock);
        }
        self.report_applied(partition);
        self.write(now);
        if matches!(self.state, State::Serving) {
            self.gauges();
        }
    }

    fn consume_all(&mut self, now: Now) {
        let partitions: Vec<u32> = self.consumer.partitions().collect();
        for partition in partitions {
            self.consume(now, partition);
        }
        self.caught_up(now);
        self.finish_stop(now);
    }

    fn apply(&mut self, partition: u32, record: &Record) {
        let taken = self.taken.entry(partition).or_default();
        let is_taken = record.offset < *taken;
        *taken = (*taken).max(record.offset + 1);
        let metadata = match open_metadata_message(&self.config.envelope, record) {
            Ok(metadata) => metadata,
            Err(_) if is_taken => return,
            Err(reason) => {
                let what = format!(
                    "record {} of partition {partition} of {}",
                    record.offset, self.config.topic
                );
                return self.passed_over(&what, &reason);
            }
        };
        // Ids are recomputed: what the message or its key says is not relied on.
        let id = self.config.ids.series_id(&metadata);
        if !self.holds(id) {
            return;
        }
        let clock = self.clocks.entry(partition).or_default();
        let is_delete = metadata.source.as_deref() == Some(source::DELETE);
        let cell_ms = match is_delete {
            true => clock.delete(record.timestamp_ms),
            false => clock.write(record.timestamp_ms),
        };
        if is_taken {
            return;
        }
        if is_delete {
            self.index.remove(id);
            self.snapshots.changed();
            return self.writer.delete(id, cell_ms);
        }
        match metadata.source.as_deref() {
            Some(source::UPDATE) => self.update(id, metadata, false, cell_ms),
            Some(source::UPDATE_DELTA) => self.update(id, metadata, true, cell_ms),
            Some(source::INGRESS) => self.discovered(id, metadata, cell_ms),
            _ => self.keep(id, metadata, cell_ms),
        }
    }

    /// An update saw the series: news only when it is not known, or active again.
    fn discovered(&mut self, id: SeriesId, metadata: Metadata, cell_ms: i64) {
        let Some(known) = self.index.get(id) else { return self.keep(id, metadata, cell_ms) };
        let Some(window_ms) = self.config.activity_window_ms else { return };
        let last = match (known.last_activity, metadata.last_activity) {
            (_, None) => return,
            (None, Some(new)) => new,
            (Some(old), Some(new)) if new.saturating_sub(old) >= window_ms => new,
            _ => return,
        };
        let kept = Metadata { last_activity: Some(last), ..known };
        self.keep(id, kept, cell_ms);
    }

    /// Attributes of a series that is known.
    fn update(&mut self, id: SeriesId, metadata: Metadata, delta: bool, cell_ms: i64) {
        let Some(mut kept) = self.index.get(id) else { return };
        kept.last_activity = kept.last_activity.max(metadata.last_activity);
        update_attributes(&mut kept.attributes, metadata.attributes, delta);
        self.keep(id, kept, cell_ms);
    }

    fn keep(&mut self, id: SeriesId, metadata: Metadata, cell_ms: i64) {
        let metadata = Metadata { id, source: None, ..metadata };
        // The reference writes rows with the message's source; `ingress` is what a scan of an
        // old table shows.
        let row = Metadata { source: Some(source::INGRESS.to_owned()), ..metadata.clone() };
        let plain = encode_metadata(&row);
        self.writer.put(id, self.config.row_envelope.seal(&plain).into(), cell_ms);
        self.snapshots.changed();
        self.index.insert(&metadata);
    }

    /// Hands the next batch to the table, when none is under way.
    fn write(&mut self, now: Now) {
        for action in self.writer.start(now, &mut self.ids) {
            self.effects.push_back(Effect::Table(action));
        }
        self.settle(now);
    }

    fn written(&mut self, now: Now, id: ActionId, result: Result<(), TableError>) {
        if self.saved(now, id, &result) {
            return;
        }
        if let Err(error) = &result {
            self.effects.push_back(Effect::Warn(format!("directory: {error}; trying again")));
        }
        self.writer.written(now, id, result.is_err());
        self.settle(now);
        self.consume_all(now);
    }

    /// What the table acknowledged may be committed.
    fn settle(&mut self, now: Now) {
        for (partition, (offset, clock)) in self.writer.take_settled() {
            if self.consumer.owns(partition) {
                let position = Position { offset, note: clock.note() };
                self.consumer.applied(now, partition, position);
            }
        }
    }

    fn report_applied(&mut self, partition: u32) {
        // While the table is still read, what the index knows is not complete.
        if let Some(&offset) = self.seen.get(&partition)
            && !matches!(self.state, State::Loading { .. })
        {
            let topic = self.config.topic.clone();
            let applied = PeerAction::Applied { topic, partition, offset };
            self.effects.push_back(Effect::Peer(applied));
        }
    }

    /// Begins to serve once the topic was read up to where it ended at the start.
    fn caught_up(&mut self, now: Now) {
        let State::CatchingUp { ends } = &self.state else { return };
        let reached = ends.iter().all(|(partition, end)| {
            *end == 0 || self.seen.get(partition).is_some_and(|seen| seen >= end)
        });
        if !reached {
            return;
        }
        self.state = State::Serving;
        self.gauges();
        let partitions: Vec<u32> = self.seen.keys().copied().collect();
        for partition in partitions {
            self.report_applied(partition);
        }
        self.register(now);
    }

    fn register(&mut self, now: Now) {
        if !matches!(self.state, State::Serving) || self.registered || self.registering.is_some() {
            return;
        }
        let Some(registration) = &self.config.registration else {
            self.effects.push_back(Effect::Ready(true));
            return;
        };
        let id = self.ids.next_id();
        self.registering = Some(id);
        self.retry_at = Some(now.mono.after(RETRY * 10));
        self.effects.push_back(Effect::Coord(CoordAction::Create {
            id,
            path: registration.path.clone(),
            data: registration.payload.clone().into(),
            ephemeral: true,
        }));
    }

    fn coord_event(&mut self, now: Now, event: CoordEvent) {
        match event {
            CoordEvent::Done { id, result: Err(CoordError::Exists) }
                if self.registering == Some(id) =>
            {
                // The name is this process's alone: an earlier try made the node. If that was in
                // a session that has ended, the node is about to go.
                let id = self.ids.next_id();
                self.registering = Some(id);
                self.registered = true;
                let path = self.config.registration.as_ref().map(|own| own.path.clone());
                let path = path.unwrap_or_default();
                self.effects.push_back(Effect::Coord(CoordAction::Get { id, path, watch: true }));
                self.effects.push_back(Effect::Ready(true));
            }
            CoordEvent::Data { id, result } if self.registering == Some(id) => {
                self.registering = None;
                if result.is_err() {
                    self.registered = false;
                    self.register(now);
                }
            }
            CoordEvent::Changed { path }
                if self.config.registration.as_ref().is_some_and(|own| own.path == path) =>
            {
                self.registered = false;
                self.register(now);
            }
            CoordEvent::Done { id, result } if self.registering == Some(id) => {
                self.registering = None;
                self.registered = result.is_ok();
                self.retry_at = result.is_err().then(|| now.mono.after(RETRY));
                self.effects.push_back(Effect::Ready(self.registered));
                if let Err(error) = result {
                    self.effects
                        .push_back(Effect::Warn(format!("directory: cannot register: {error}")));
                }
            }
            CoordEvent::Connected => {
                self.registered = false;
                self.registering = None;
                self.register(now);
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Now) {
        self.consumer.tick(now, &mut self.ids);
        self.write(now);
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            match self.state {
                State::Loading { scan: None, ends: None, known: None } => self.load(),
                _ => {
                    self.registering = None;
                    self.register(now);
                }
            }
        }
    }

    fn gauges(&mut self) {
        let series = self.index.len() as f64;
        let classes = self.index.class_count() as f64;
        self.effects.push_back(Effect::Metric(Metric::set("weft_directory_series", series)));
        self.effects.push_back(Effect::Metric(Metric::set("weft_directory_classes", classes)));
    }

    /// What cannot be understood would stand in the way for ever: the operator is told.
    fn passed_over(&mut self, what: &str, reason: &str) {
        let metric = Metric::add("weft_directory_dropped_records_total", 1);
        self.effects.push_back(Effect::Metric(metric));
        let warning = format!("directory: {what} is passed over: {reason}");
        self.effects.push_back(Effect::Warn(warning));
    }

    fn stop(&mut self, now: Now) {
        self.stopping = true;
        self.write(now);
        self.finish_stop(now);
    }

    fn finish_stop(&mut self, now: Now) {
        self.save(now);
        if !self.stopping || !self.writer.is_idle() {
            return;
        }
        if self.consumer.is_committed() {
            if self.snapshots.is_saving() {
                return;
            }
            self.effects.push_back(Effect::Stopped);
            return;
        }
        let partitions: Vec<u32> = self.consumer.partitions().collect();
        for partition in partitions {
            self.consumer.commit(partition, &mut self.ids);
        }
    }
}

impl Machine for Directory {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Log(event) => self.log_event(now, event),
            Event::Table(event) => self.table_event(now, event),
            Event::Coord(event) => self.coord_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Stop => self.stop(now),
            Event::Http(event) => self.http_event(now, event),
            Event::Computed(..) => {}
        }
        // A step for every event keeps finds going under load, ticks do when there is none.
        self.work();
        self.watch_scan(now);
        self.save(now);
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        self.consumer.poll().map(Effect::Log).or_else(|| self.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        if !self.working.is_empty() {
            return Some(Mono(0));
        }
        let own = [self.retry_at, self.scan_due, self.snapshots.deadline()];
        let parts = [self.consumer.deadline(), self.writer.deadline()];
        parts.into_iter().chain(own).flatten().min()
    }
}

/// Reads a record of the metadata topic: sixteen bytes of ids, then the metadata.
pub(crate) fn open_metadata_message(
    envelope: &Envelope,
    record: &Record,
) -> Result<Metadata, String> {
    let plain = envelope.open(&record.value).map_err(|error| error.to_string())?;
    let body = plain.get(16..).ok_or("it is shorter than its ids")?;
    let metadata = decode_metadata(body).map_err(|error| error.to_string())?;
    // Bytes that are no metadata may still decode, to none of its fields.
    if metadata.name.is_none() {
        return Err("it has no class".to_owned());
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weft_gts::Labels;

    use super::*;

    #[test]
    fn what_is_no_metadata_makes_no_series() {
        let envelope = Envelope::default();
        let open = |body: &[u8]| {
            let value = envelope.seal(&[&[0; 16], body].concat());
            let (key, value) = (Bytes::new(), Bytes::from(value));
            open_metadata_message(&envelope, &Record { offset: 0, timestamp_ms: 0, key, value })
        };
        let metadata = Metadata::new("c", Labels::new());
        assert_eq!(open(&encode_metadata(&metadata)).map(|m| m.name), Ok(Some("c".to_owned())));
        assert!(open(b"metadata").is_err(), "its first byte ends a structure or is no field");
        assert_eq!(open(&[0]), Err("it has no class".to_owned()), "an empty structure");
    }
}
