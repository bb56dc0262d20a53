//! `store`: writes what the data topic says into the table.
//!
//! It promises:
//! - Offsets are committed only after the table flushed what came before them.
//! - A delete is a barrier on its partition: everything before it is written, the offsets up to
//!   it are committed, then it deletes, then the offset past it is committed, and only then what
//!   comes after it is written. (Deletes that stand side by side pass the barrier together.)
//! - Replays change nothing, nor do late effects of an owner before: a cell's timestamp is its log
//!   record's, moved past those before it, and a delete takes cells up to its own timestamp. No
//!   node's clock decides what survives. What the next owner must know of it goes with commits.
//! - After losing a partition it asks nothing of the table for it.
//! - A call of the table that hangs is given up within `store.kafka.data.intercommits.maxtime`,
//!   and consumption begins again at the last commit.
//!
//! Datapoints stored with `usedatapointts` carry their own time as the cell's, so a delete leaves
//! those that lie in the future of its own record, and what arrives last is what survives.
//!
//! ```text
//!            Records               Put ─▶ Written
//!   Idle ──────────────▶ Writing ─────────────────▶ Idle     (Flush ─▶ Flushed, then the commit,
//!     │                                                       within the commit period)
//!     │ delete at the head
//!     └──▶ Barrier ─Committed─▶ Deleting ─Deleted─▶ Sealing ─Committed─▶ Idle
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use weft_gts::{Columns, DecodeError, Decoder, SeriesId, TimeUnit};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use crate::cell_clock::CellClock;
use crate::consumer::{Change, Consumer};
use crate::contract::log::{Position, Record, Start, Topic};
use crate::contract::table::{CellTime, SeriesPut, TableAction, TableError, TableEvent};
use crate::contract::{
    ActionId, ActionIds, Effect, Event, LogEvent, Machine, Metric, NoTask, PeerAction,
};
use crate::time::{Mono, Now};

/// What the configuration says of `store`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `store.kafka.data.topic`.
    pub topic: Topic,
    /// `store.kafka.data.groupid`.
    pub group: Topic,
    /// `store.kafka.data.mac` and `store.kafka.data.aes`.
    pub envelope: Envelope,
    /// `store.kafka.data.commitperiod`.
    pub commit_period: Duration,
    /// `store.kafka.data.intercommits.maxtime`: a call that takes longer hangs.
    pub call_time_max: Duration,
    /// Datapoints in one write of the table, about (`store.hbase.data.maxpendingputssize` over the
    /// size of a cell).
    pub put_points_max: usize,
    /// `warp.timeunits`.
    pub unit: TimeUnit,
}

/// How long to wait before a failed write is tried again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Deletes that pass one barrier together.
const DELETES_MAX: usize = 1_024;

/// The machine.
#[derive(Debug)]
pub struct Store {
    config: StoreConfig,
    consumer: Consumer,
    partitions: BTreeMap<u32, Partition>,
    flush: Option<Flush>,
    /// Another flush is wanted after the one under way.
    flush_again: bool,
    /// When a failed flush is tried again, and how long the next failure waits.
    flush_retry: (Option<Mono>, Option<Duration>),
    /// By partition: everything before is durable in the table.
    flushed: BTreeMap<u32, Position>,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    stopping: bool,
}

/// A flush of the table under way.
#[derive(Debug)]
struct Flush {
    id: ActionId,
    /// What it makes durable, by partition: everything before.
    positions: BTreeMap<u32, Position>,
    hung_at: Mono,
}

/// One partition that is ours.
#[derive(Debug, Default)]
struct Partition {
    state: State,
    /// A message that did not fit the batch before it, and where what comes after it begins.
    next: Option<(Until, Message)>,
    clock: CellClock,
    /// When the call under way is taken for hung.
    hung_at: Option<Mono>,
    /// How long the next failure waits.
    retry: Option<Duration>,
}

/// The first offset that a piece of work does not cover, and the clock there.
#[derive(Clone, Copy, Debug)]
struct Until {
    offset: u64,
    clock: CellClock,
}

/// What a partition waits for.
#[derive(Debug, Default)]
enum State {
    /// Records.
    #[default]
    Idle,
    /// The table to write `puts`.
    Writing { id: ActionId, puts: Vec<SeriesPut>, until: Until },
    /// The commit of what was before a delete.
    Barrier { deletes: Vec<Delete>, until: Until },
    /// The table to delete.
    Deleting { waiting: BTreeSet<ActionId>, deletes: Vec<Delete>, until: Until },
    /// The commit of the deletes.
    Sealing { until: Until },
    /// Time to try again.
    Retrying { at: Mono, work: Box<Self> },
}

/// One delete.
#[derive(Clone, Debug)]
struct Delete {
    series: SeriesId,
    start: i64,
    end: i64,
    cell_until_ms: i64,
}

/// A record of the data topic, understood.
#[derive(Debug)]
enum Message {
    Put(Box<SeriesPut>),
    Delete(Delete),
    Nothing,
}

impl Store {
    /// A store that joins its group.
    pub fn new(config: StoreConfig) -> Self {
        let consumer = Consumer::new(
            config.topic.clone(),
            config.group.clone(),
            Start::Earliest,
            config.commit_period,
        );
        Self {
            config,
            consumer,
            partitions: BTreeMap::new(),
            flush: None,
            flush_again: false,
            flush_retry: (None, None),
            flushed: BTreeMap::new(),
            ids: ActionIds::default(),
            effects: VecDeque::new(),
            stopping: false,
        }
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        match self.consumer.handle(now, event) {
            Change::None => {}
            Change::Assigned(numbers) => {
                for number in numbers {
                    self.begin(number);
                    self.report_applied(number);
                }
                self.effects.push_back(Effect::Ready(true));
            }
            Change::Revoked(numbers) => {
                for number in numbers {
                    self.partitions.remove(&number);
                    self.forget_flushes(number);
                }
            }
            Change::Records(number) => self.advance(now, number),
            Change::Committed(number, offset) => self.committed(now, number, offset),
        }
    }

    /// A partition begins at what was committed of it last.
    fn begin(&mut self, number: u32) {
        let clock = CellClock::of_note(self.consumer.note(number));
        self.partitions.insert(number, Partition { clock, ..Partition::default() });
        self.forget_flushes(number);
    }

    /// Starts the next piece of work of a partition that has none under way.
    fn advance(&mut self, now: Now, number: u32) {
        while !self.stopping
            && self.partitions.get(&number).is_some_and(|p| matches!(p.state, State::Idle))
            && self.start_batch(now, number)
        {}
    }

    /// Takes messages up to the first delete, or the deletes at the head. False when there are
    /// none.
    fn start_batch(&mut self, now: Now, number: u32) -> bool {
        let (mut puts, mut deletes, mut points, mut until) = (Vec::new(), Vec::new(), 0, None);
        while points < self.config.put_points_max && deletes.len() < DELETES_MAX {
            let Some((after, message)) = self.next_message(number) else { break };
            match message {
                #[cfg(weft_mutants)]
                Message::Put(_)
                    if !deletes.is_empty()
                        && crate::mutants::is(crate::mutants::Planted::WritesLostBehindDelete) => {}
                Message::Put(put) if deletes.is_empty() => {
                    points += put.points.len();
                    puts.push(*put);
                }
                Message::Delete(delete) if puts.is_empty() => deletes.push(delete),
                Message::Nothing => {}
                other => {
                    if let Some(partition) = self.partitions.get_mut(&number) {
                        partition.next = Some((after, other));
                    }
                    break;
                }
            }
            until = Some(after);
        }
        let Some(until) = until else { return false };
        if !deletes.is_empty() {
            self.enter_barrier(now, number, deletes, until);
        } else if puts.is_empty() {
            self.done_until(now, number, until);
        } else {
            self.write(now, number, puts, until);
        }
        true
    }

    fn next_message(&mut self, number: u32) -> Option<(Until, Message)> {
        if let Some(next) = self.partitions.get_mut(&number)?.next.take() {
            return Some(next);
        }
        let record = self.consumer.pop(number)?;
        let message = self.understand(number, &record);
        let clock = self.partitions.get(&number)?.clock;
        Some((Until { offset: record.offset + 1, clock }, message))
    }

    fn understand(&mut self, number: u32, record: &Record) -> Message {
        let message = match open(&self.config.envelope, record) {
            Ok(message) => message,
            Err(reason) => {
                self.dropped(number, record.offset, &reason);
                return Message::Nothing;
            }
        };
        let partition = self.partitions.entry(number).or_default();
        let series = SeriesId { class_id: message.class_id, labels_id: message.labels_id };
        match message.kind {
            KafkaDataMessageType::Delete => {
                let cell_until_ms = partition.clock.delete(record.timestamp_ms);
                let age_min_ms = message.deletion_min_age.unwrap_or(0).max(0);
                Message::Delete(Delete {
                    series,
                    start: message.deletion_start.unwrap_or(i64::MIN),
                    end: message.deletion_end.unwrap_or(i64::MAX),
                    cell_until_ms: cell_until_ms.saturating_sub(age_min_ms),
                })
            }
            KafkaDataMessageType::Store => {
                let cell_ms = partition.clock.write(record.timestamp_ms);
                self.understand_put(number, record, series, &message, cell_ms)
            }
            KafkaDataMessageType::Archive => Message::Nothing,
        }
    }

    fn understand_put(
        &mut self,
        number: u32,
        record: &Record,
        series: SeriesId,
        message: &KafkaDataMessage,
        cell_ms: i64,
    ) -> Message {
        let (points, error) = decode(message.data.as_deref().unwrap_or_default());
        if let Some(error) = error {
            let reason = format!("after {} datapoints: {error}", points.len());
            self.dropped(number, record.offset, &reason);
        }
        if points.is_empty() {
            return Message::Nothing;
        }
        let attribute = |name| message.attributes.as_ref().and_then(|a| a.get(name));
        let by_datapoint = matches!(attribute(ATTRIBUTE_USE_DATAPOINT_TS), Some("true" | "t"));
        let cell_time = if by_datapoint {
            CellTime::OfDatapoint(self.config.unit.per_ms())
        } else {
            CellTime::At(cell_ms)
        };
        let ttl_ms = attribute(ATTRIBUTE_TTL)
            .and_then(|ttl| ttl.parse::<i64>().ok())
            .filter(|ttl| *ttl >= 0);
        self.effects.push_back(Effect::Metric(Metric::add(
            "weft_store_datapoints_total",
            points.len() as u64,
        )));
        Message::Put(Box::new(SeriesPut { series, points, cell_time, ttl_ms }))
    }

    fn write(&mut self, now: Now, number: u32, puts: Vec<SeriesPut>, until: Until) {
        let id = self.ids.next_id();
        self.effects.push_back(Effect::Table(TableAction::Put { id, puts: puts.clone() }));
        self.enter(now, number, State::Writing { id, puts, until });
    }

    /// Before a delete everything older must be committed.
    fn enter_barrier(&mut self, now: Now, number: u32, deletes: Vec<Delete>, until: Until) {
        self.enter(now, number, State::Barrier { deletes, until });
        if !self.commit(now, number) {
            self.delete(now, number);
        }
    }

    /// Commits what is applied, once the table has flushed it. False when there is nothing to
    /// commit.
    fn commit(&mut self, now: Now, number: u32) -> bool {
        if self.consumer.is_committing(number) {
            return true;
        }
        let Some(applied) = self.consumer.uncommitted().remove(&number) else { return false };
        if self.flushed.get(&number).is_some_and(|flushed| flushed.offset >= applied.offset) {
            return self.consumer.commit_until(number, applied, &mut self.ids);
        }
        self.want_flush(now);
        true
    }

    fn want_flush(&mut self, now: Now) {
        if self.flush.is_some() {
            self.flush_again = true;
        } else if self.flush_retry.0.is_none() {
            let (id, positions) = (self.ids.next_id(), self.consumer.uncommitted());
            let hung_at = now.mono.after(self.config.call_time_max);
            self.effects.push_back(Effect::Table(TableAction::Flush { id }));
            self.flush = Some(Flush { id, positions, hung_at });
        }
    }

    fn table_flushed(&mut self, now: Now, id: ActionId, result: Result<(), TableError>) {
        let Some(flush) = self.flush.take_if(|flush| flush.id == id) else { return };
        if let Err(error) = result {
            let wait = self.flush_retry.1.map_or(RETRY_FIRST, |wait| (wait * 2).min(RETRY_MAX));
            self.flush_retry = (Some(now.mono.after(wait)), Some(wait));
            self.effects.push_back(Effect::Metric(Metric::add("weft_store_table_errors_total", 1)));
            self.effects.push_back(Effect::Warn(format!(
                "store: the table does not flush: {error}; trying again in {wait:?}"
            )));
            return;
        }
        self.flush_retry = (None, None);
        for (number, position) in flush.positions {
            self.flushed.insert(number, position.clone());
            self.consumer.commit_until(number, position, &mut self.ids);
        }
        if std::mem::take(&mut self.flush_again) {
            self.want_flush(now);
        }
        self.finish_stop(now);
    }

    /// A partition that begins anew, or is another's, has nothing to do with what was flushed.
    fn forget_flushes(&mut self, number: u32) {
        self.flushed.remove(&number);
        if let Some(flush) = &mut self.flush {
            flush.positions.remove(&number);
        }
    }

    /// Gives a flush up that hangs, and tries a failed one again.
    fn tick_flush(&mut self, now: Now) {
        if self.flush.take_if(|flush| flush.hung_at <= now.mono).is_some() {
            self.effects.push_back(Effect::Metric(Metric::add("weft_store_hung_total", 1)));
            self.effects.push_back(Effect::Warn(format!(
                "store: the table did not flush within {:?} \
                 (store.kafka.data.intercommits.maxtime); trying again",
                self.config.call_time_max
            )));
            self.flush_again = false;
            self.want_flush(now);
        } else if self.flush_retry.0.take_if(|at| *at <= now.mono).is_some() {
            self.want_flush(now);
        }
    }

    /// The barrier is passed: delete.
    fn delete(&mut self, now: Now, number: u32) {
        let Some(partition) = self.partitions.get_mut(&number) else { return };
        let State::Barrier { deletes, until } = std::mem::take(&mut partition.state) else {
            return;
        };
        let mut waiting = BTreeSet::new();
        for delete in &deletes {
            let id = self.ids.next_id();
            waiting.insert(id);
            self.effects.push_back(Effect::Table(TableAction::Delete {
                id,
                series: delete.series,
                start: delete.start,
                end: delete.end,
                cell_from: 0,
                cell_until: delete.cell_until_ms,
            }));
        }
        self.enter(now, number, State::Deleting { waiting, deletes, until });
    }

    fn committed(&mut self, now: Now, number: u32, offset: u64) {
        let Some(partition) = self.partitions.get_mut(&number) else { return };
        match &partition.state {
            State::Barrier { .. } => {
                if self.consumer.applied_offset(number) == Some(offset) {
                    self.delete(now, number);
                } else {
                    self.commit(now, number);
                }
            }
            State::Sealing { until } if offset >= until.offset => {
                partition.state = State::Idle;
                partition.hung_at = None;
                self.advance(now, number);
            }
            State::Sealing { .. } => {
                self.commit(now, number);
            }
            _ => {}
        }
        self.finish_stop(now);
    }

    fn table_event(&mut self, now: Now, event: TableEvent) {
        match event {
            TableEvent::Written { id, result } => self.written(now, id, result),
            TableEvent::Deleted { id, result } => self.deleted(now, id, result),
            TableEvent::Flushed { id, result } => self.table_flushed(now, id, result),
            _ => {}
        }
    }

    fn written(&mut self, now: Now, id: ActionId, result: Result<(), TableError>) {
        let found = self.partitions.iter_mut().find(
            |(_, p)| matches!(&p.state, State::Writing { id: waiting, .. } if *waiting == id),
        );
        let Some((&number, partition)) = found else { return };
        let State::Writing { until, .. } = partition.state else { return };
        match result {
            Ok(()) => {
                partition.state = State::Idle;
                partition.hung_at = None;
                partition.retry = None;
                self.done_until(now, number, until);
                self.advance(now, number);
            }
            Err(error) => self.retry_later(now, number, &error),
        }
    }

    fn deleted(&mut self, now: Now, id: ActionId, result: Result<u64, TableError>) {
        let found = self.partitions.iter_mut().find_map(|(number, partition)| {
            let State::Deleting { waiting, until, .. } = &mut partition.state else { return None };
            waiting.remove(&id).then_some((*number, waiting.is_empty(), *until))
        });
        let Some((number, last, until)) = found else { return };
        if let Err(error) = result {
            self.retry_later(now, number, &error);
        } else if last {
            self.enter(now, number, State::Sealing { until });
            self.done_until(now, number, until);
            self.commit(now, number);
        }
    }

    fn retry_later(&mut self, now: Now, number: u32, error: &TableError) {
        let Some(partition) = self.partitions.get_mut(&number) else { return };
        let wait = partition.retry.map_or(RETRY_FIRST, |wait| (wait * 2).min(RETRY_MAX));
        partition.retry = Some(wait);
        partition.hung_at = None;
        let work = Box::new(std::mem::take(&mut partition.state));
        partition.state = State::Retrying { at: now.mono.after(wait), work };
        self.effects.push_back(Effect::Metric(Metric::add("weft_store_table_errors_total", 1)));
        self.effects.push_back(Effect::Warn(format!(
            "store: partition {number} of {}: {error}; trying again in {wait:?}",
            self.config.topic
        )));
    }

    fn tick(&mut self, now: Now) {
        self.tick_flush(now);
        for number in self.consumer.take_due(now) {
            self.commit(now, number);
        }
        let numbers: Vec<u32> = self.partitions.keys().copied().collect();
        for number in numbers {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            if partition.hung_at.is_some_and(|at| at <= now.mono) {
                self.consumer.restart(number);
                self.begin(number);
                // Readers wait once more: where cells have their datapoints' times, what is
                // written again hides what came after it until that is written again too.
                self.report_applied(number);
                self.effects.push_back(Effect::Metric(Metric::add("weft_store_hung_total", 1)));
                self.effects.push_back(Effect::Warn(format!(
                    "store: partition {number} of {}: no answer within {:?} \
                     (store.kafka.data.intercommits.maxtime); beginning again at the last commit",
                    self.config.topic, self.config.call_time_max
                )));
            } else if let State::Retrying { at, .. } = &partition.state
                && *at <= now.mono
            {
                self.retry(now, number);
            }
        }
    }

    fn retry(&mut self, now: Now, number: u32) {
        let Some(partition) = self.partitions.get_mut(&number) else { return };
        let State::Retrying { work, .. } = std::mem::take(&mut partition.state) else { return };
        match *work {
            State::Writing { puts, until, .. } => self.write(now, number, puts, until),
            State::Deleting { deletes, until, .. } => {
                partition.state = State::Barrier { deletes, until };
                self.delete(now, number);
            }
            other => partition.state = other,
        }
    }

    /// Everything before `until` is in the table.
    fn done_until(&mut self, now: Now, number: u32, until: Until) {
        let position = Position { offset: until.offset, note: until.clock.note() };
        self.consumer.applied(now, number, position);
        self.report_applied(number);
        self.finish_stop(now);
    }

    fn report_applied(&mut self, partition: u32) {
        if let Some(offset) = self.consumer.applied_offset(partition) {
            let topic = self.config.topic.clone();
            let applied = PeerAction::Applied { topic, partition, offset };
            self.effects.push_back(Effect::Peer(applied));
        }
    }

    fn enter(&mut self, now: Now, number: u32, state: State) {
        let hung_at = now.mono.after(self.config.call_time_max);
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.state = state;
            partition.hung_at = Some(hung_at);
        }
    }

    /// A record that cannot be understood would stand in the way for ever: it is passed over, and
    /// the operator is told which one it was.
    fn dropped(&mut self, number: u32, offset: u64, reason: &str) {
        self.effects.push_back(Effect::Metric(Metric::add("weft_store_dropped_records_total", 1)));
        self.effects.push_back(Effect::Warn(format!(
            "store: record {offset} of partition {number} of {} is passed over: {reason}",
            self.config.topic
        )));
    }

    fn stop(&mut self, now: Now) {
        self.stopping = true;
        self.finish_stop(now);
    }

    fn finish_stop(&mut self, now: Now) {
        if !self.stopping {
            return;
        }
        let busy = self.partitions.values().any(|p| !matches!(p.state, State::Idle));
        if !busy && self.consumer.is_committed() {
            self.effects.push_back(Effect::Stopped);
        } else if !busy {
            let numbers: Vec<u32> = self.consumer.partitions().collect();
            for number in numbers {
                self.commit(now, number);
            }
        }
    }
}

impl Machine for Store {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Log(event) => self.log_event(now, event),
            Event::Table(event) => self.table_event(now, event),
            Event::Stop => self.stop(now),
            Event::Http(_) | Event::Coord(_) | Event::Peer(_) | Event::Computed(..) => {}
        }
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        self.consumer.poll().map(Effect::Log).or_else(|| self.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        let partitions = self.partitions.values().flat_map(|partition| {
            let retry = match &partition.state {
                State::Retrying { at, .. } => Some(*at),
                _ => None,
            };
            [partition.hung_at, retry]
        });
        let flush = [self.flush.as_ref().map(|flush| flush.hung_at), self.flush_retry.0];
        partitions.chain([self.consumer.deadline()]).chain(flush).flatten().min()
    }
}

/// Attributes of data messages: how long cells live in milliseconds, and whether the datapoint's
/// own time is the cell's.
pub(crate) const ATTRIBUTE_TTL: &str = "ttl";
pub(crate) const ATTRIBUTE_USE_DATAPOINT_TS: &str = "dpts";

fn open(envelope: &Envelope, record: &Record) -> Result<KafkaDataMessage, String> {
    let plain = envelope.open(&record.value).map_err(|error| error.to_string())?;
    KafkaDataMessage::decode(&plain).map_err(|error| error.to_string())
}

/// The datapoints before what cannot be decoded, and why that cannot.
fn decode(data: &[u8]) -> (Columns, Option<DecodeError>) {
    Decoder::new(0, data, None).columns_before_error()
}
