//! One membership: a thread that polls, and does what the machine says in between.
//!
//! Rebalances happen within a poll: partitions that go are told at once, and what was read of
//! them and not delivered yet is thrown away; partitions that come begin at the group's offset.
//! The thread polls however slow the machine is: a member that is held back fetches nothing, and
//! stays in its group.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Timestamp, TopicPartitionList};
use weft_daemons::contract::log::{EPOCHS, Position, Start};
use weft_daemons::contract::{Change, LogEvent, Metric, Topic};

use super::batch::{Batch, OUTSTANDING_MAX};
use super::commits::{Commit, Commits};
use super::config::{KafkaConfigError, Properties, config_error};
use super::questions::partitions;
use super::report::{Line, Reporter};
use super::{Sink, Threads, to_i32};

/// How long to wait for something to happen before looking anyway.
const IDLE: Duration = Duration::from_millis(100);

/// Messages taken before commands are looked at.
const ROUND_MESSAGES: usize = 10_000;

/// Bytes taken before commands are looked at.
const ROUND_BYTES: usize = 4 << 20;

/// How long a full member leaves what was fetched where it is, before fetching stops.
const HOLD_PATIENCE: Duration = Duration::from_secs(1);

/// Between two attempts at what failed.
const RETRY: Duration = Duration::from_secs(1);

/// How long the brokers may take for one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    Pause(u32, u64),
    Resume(u32, u64),
    Seek {
        partition: u32,
        offset: u64,
        epoch: u64,
    },
    Commit(Commit),
    /// There are messages, or there is room again.
    Wake,
}

/// A member of a group. Dropping it leaves the group.
#[derive(Debug)]
pub(crate) struct Member {
    commands: Sender<Command>,
    /// Ends the thread when it is dropped.
    _life: Arc<()>,
}

impl Member {
    /// Joins as soon as the topic is there.
    pub(crate) fn start(
        properties: &Properties,
        (topic, group, start): (Topic, Topic, Start),
        sink: Sink,
        reporter: Arc<Reporter>,
        threads: &Threads,
    ) -> Result<Self, KafkaConfigError> {
        let (commands, received) = channel();
        let life = Arc::new(());
        let context = Context {
            line: Line { servers: properties.servers().to_owned(), writes: false },
            topic,
            group: group.clone(),
            start,
            sink,
            reporter,
            wake: commands.clone(),
            state: Mutex::default(),
        };
        let config = properties.consumer(&group);
        let mut consumer: BaseConsumer<Context> =
            config.create_with_context(context).map_err(config_error)?;
        let wake = commands.clone();
        consumer.set_nonempty_callback(move || drop(wake.send(Command::Wake)));
        let consumer = Arc::new(consumer);
        let commits = Commits::start(&consumer, threads);
        let work = Work {
            consumer,
            commits: commits.map_err(|error| KafkaConfigError::Thread(error.to_string()))?,
            outstanding: Arc::default(),
            held: Held::No,
            alive: Arc::downgrade(&life),
        };
        threads
            .start("weft-kafka-in", move || work.run(&received))
            .map_err(|error| KafkaConfigError::Thread(error.to_string()))?;
        Ok(Self { commands, _life: life })
    }

    /// False when the thread has ended.
    pub(crate) fn tell(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Wake);
    }
}

/// What the member knows of a partition that is its own.
#[derive(Debug, Default)]
struct Delivery {
    /// Of the assignment: what has a lower one is about an earlier one.
    first_epoch: u64,
    /// Of what is delivered now.
    epoch: u64,
    is_paused: bool,
    /// Whether fetching has stopped because the machine is behind.
    is_held: bool,
    /// A seek that librdkafka did not take yet: until then nothing is delivered.
    seek: Option<u64>,
    batch: Batch,
}

/// What both the thread and its callbacks know.
#[derive(Debug, Default)]
struct State {
    partitions: BTreeMap<u32, Delivery>,
    /// Assignments so far.
    assignments: u64,
    /// The group must be left and joined again.
    rejoin: bool,
    is_leaving: bool,
}

/// Takes what librdkafka says, on the thread that polls.
pub(crate) struct Context {
    line: Line,
    pub(crate) topic: Topic,
    group: Topic,
    start: Start,
    pub(crate) sink: Sink,
    reporter: Arc<Reporter>,
    wake: Sender<Command>,
    state: Mutex<State>,
}

impl Context {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the partition is ours.
    pub(crate) fn owns(&self, partition: u32) -> bool {
        self.state().partitions.contains_key(&partition)
    }

    /// Whether the partition is ours and was not assigned anew after that epoch.
    pub(crate) fn owns_since(&self, partition: u32, epoch: u64) -> bool {
        self.state().partitions.get(&partition).is_some_and(|d| epoch >= d.first_epoch)
    }

    fn warn(&self, what: &str) {
        self.reporter.warn(format!("{} for group '{}': {what}", self.topic, self.group));
    }

    /// Commits the end of the partitions of which the group has committed nothing, before the
    /// member joins.
    fn keep_place(&self, consumer: &BaseConsumer<Self>, numbers: &[u32]) -> KafkaResult<()> {
        let committed = consumer.committed_offsets(list(&self.topic, numbers), PATIENCE)?;
        let mut ends = TopicPartitionList::new();
        for element in committed.elements() {
            element.error()?;
            if matches!(element.offset(), Offset::Offset(_)) {
                continue;
            }
            let (_, high) =
                consumer.fetch_watermarks(&self.topic, element.partition(), PATIENCE)?;
            ends.add_partition_offset(&self.topic, element.partition(), Offset::Offset(high))?;
        }
        if ends.count() == 0 {
            return Ok(());
        }
        match consumer.commit(&ends, CommitMode::Sync) {
            // The group has members, which did the same before they joined. Those of an earlier
            // version did not: then a member that has records commits as it reads them.
            Err(error) if is_refused_to_outsiders(&error) => Ok(()),
            result => result,
        }
    }

    /// Where delivery of each begins.
    fn first_offsets(
        &self,
        consumer: &BaseConsumer<Self>,
        numbers: &[u32],
    ) -> KafkaResult<Vec<(u32, Position)>> {
        let committed = if self.group.is_empty() {
            TopicPartitionList::new()
        } else {
            consumer.committed_offsets(list(&self.topic, numbers), PATIENCE)?
        };
        let first = |number: &u32| {
            let partition = to_i32(*number);
            let (low, high) = consumer.fetch_watermarks(&self.topic, partition, PATIENCE)?;
            let found = committed.find_partition(&self.topic, partition);
            if let Some(element) = &found {
                element.error()?;
            }
            let mut note = String::new();
            let offset = match found.as_ref().map(|element| element.offset()) {
                Some(Offset::Offset(offset)) if (low..=high).contains(&offset) => {
                    note = found.map_or_else(String::new, |element| element.metadata().to_owned());
                    offset
                }
                Some(Offset::Offset(offset)) => {
                    self.warn(&format!(
                        "partition {number} has records {low} to {high} and the group's offset is \
                         {offset}: it begins at {low}"
                    ));
                    low
                }
                _ if self.start == Start::Earliest => low,
                _ => high,
            };
            let offset = u64::try_from(offset).unwrap_or_default();
            Ok((*number, Position { offset, note }))
        };
        numbers.iter().map(first).collect()
    }

    /// Takes partitions on; the list has their offsets then.
    fn assign(&self, consumer: &BaseConsumer<Self>, numbers: &[u32]) -> KafkaResult<()> {
        let first = self.first_offsets(consumer, numbers)?;
        let mut assigned = TopicPartitionList::with_capacity(first.len());
        for (number, position) in &first {
            let offset = Offset::Offset(i64::try_from(position.offset).unwrap_or(i64::MAX));
            assigned.add_partition_offset(&self.topic, to_i32(*number), offset)?;
        }
        // Before the first message of them can be seen.
        let mut state = self.state();
        state.assignments += 1;
        let epoch = state.assignments * EPOCHS;
        let delivery = || Delivery { first_epoch: epoch, epoch, ..Delivery::default() };
        state.partitions.extend(numbers.iter().map(|number| (*number, delivery())));
        drop(state);
        if is_cooperative(consumer) {
            consumer.incremental_assign(&assigned)?;
        } else {
            consumer.assign(&assigned)?;
        }
        if !first.is_empty() {
            (self.sink)(LogEvent::Assigned {
                topic: self.topic.clone(),
                group: self.group.clone(),
                epoch,
                partitions: first,
            });
        }
        Ok(())
    }

    /// Tells the machine that partitions are gone.
    fn revoke(&self, numbers: &[u32]) {
        let mut state = self.state();
        let partitions: Vec<u32> =
            numbers.iter().copied().filter(|n| state.partitions.remove(n).is_some()).collect();
        let is_leaving = state.is_leaving;
        drop(state);
        if !partitions.is_empty() && !is_leaving {
            let (topic, group) = (self.topic.clone(), self.group.clone());
            (self.sink)(LogEvent::Revoked { topic, group, partitions });
        }
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(&self.line, &error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.reporter.statistics(&self.line, &statistics);
        let Some(topic) = statistics.topics.get(&*self.topic) else { return };
        for (number, partition) in &topic.partitions {
            let is_ours = u32::try_from(*number).is_ok_and(|number| self.owns(number));
            // Without a commit there is nothing to compare with.
            if !is_ours || partition.consumer_lag < 0 {
                continue;
            }
            self.reporter.metric(Metric {
                name: "weft_kafka_lag_records",
                labels: vec![
                    ("topic", self.topic.to_string()),
                    ("group", self.group.to_string()),
                    ("partition", number.to_string()),
                ],
                change: Change::Set(partition.consumer_lag as f64),
            });
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let elements = partitions.elements();
        let numbers = elements.iter().filter_map(|element| u32::try_from(element.partition()).ok());
        let numbers: Vec<u32> = numbers.collect();
        let result = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer, &numbers)
        } else {
            self.revoke(&numbers);
            if is_cooperative(consumer) {
                consumer.incremental_unassign(partitions)
            } else {
                consumer.unassign()
            }
        };
        if let Err(error) = result {
            self.warn(&format!("a rebalance failed, and is tried again: {error}"));
            self.revoke(&numbers);
            // The group waits for an answer, whatever it is.
            let _ = consumer.unassign();
            self.state().rejoin = true;
        }
    }
}

/// Whether the brokers took a commit for one of a member that the group does not have.
fn is_refused_to_outsiders(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress)
    )
}

/// Whether the client says it of itself.
fn is_told(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(code, Some(Code::AllBrokersDown | Code::BrokerTransportFailure))
}

/// Whether the machine is so far behind that it gets no more.
enum Held {
    No,
    /// Since then; what was fetched stays where it is.
    Since(Instant),
    /// Fetching has stopped.
    Paused,
}

/// The thread's state.
struct Work {
    consumer: Arc<BaseConsumer<Context>>,
    commits: Commits,
    outstanding: Arc<AtomicUsize>,
    held: Held,
    /// Gone when the member was dropped.
    alive: std::sync::Weak<()>,
}

impl Work {
    fn run(mut self, commands: &Receiver<Command>) {
        if self.join(commands) {
            let mut is_busy = false;
            while self.is_alive() {
                if self.context().state().rejoin && !self.rejoin(commands) {
                    break;
                }
                self.obey(commands, is_busy);
                self.seek();
                is_busy = self.has_room() && self.poll();
                self.deliver();
            }
        }
        self.context().state().is_leaving = true;
        // Dropping the consumer leaves the group.
    }

    fn is_alive(&self) -> bool {
        self.alive.strong_count() > 0
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    /// Waits for the topic, and subscribes; false when the member was dropped meanwhile.
    fn join(&self, commands: &Receiver<Command>) -> bool {
        let context = self.context();
        loop {
            let joined = partitions(&self.consumer, &context.topic).map(|count| {
                let all: Vec<u32> = (0..count).collect();
                if context.group.is_empty() {
                    return context.assign(&self.consumer, &all);
                }
                if context.start == Start::Latest {
                    context.keep_place(&self.consumer, &all)?;
                }
                self.consumer.subscribe(&[&context.topic])
            });
            match joined {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => context.warn(&error.to_string()),
                Err(error) => context.warn(&error.to_string()),
            }
            if !self.wait(commands) {
                return false;
            }
        }
    }

    /// Leaves the group, and joins it after a while.
    fn rejoin(&self, commands: &Receiver<Command>) -> bool {
        self.context().state().rejoin = false;
        self.consumer.unsubscribe();
        self.wait(commands) && self.join(commands)
    }

    /// Lets some time pass. Nothing is ours meanwhile.
    fn wait(&self, commands: &Receiver<Command>) -> bool {
        let end = Instant::now() + RETRY;
        while self.is_alive() {
            match commands.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(command) => self.act(command),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        false
    }

    /// Waits for a command, unless there is something to do, and carries out all there are.
    fn obey(&self, commands: &Receiver<Command>, is_busy: bool) {
        let patience = if is_busy { Duration::ZERO } else { IDLE };
        let mut next = commands.recv_timeout(patience).ok();
        while let Some(command) = next {
            self.act(command);
            next = commands.try_recv().ok();
        }
    }

    fn act(&self, command: Command) {
        let context = self.context();
        match command {
            Command::Pause(number, epoch) => {
                if self.with(number, epoch, |delivery| delivery.is_paused = true) {
                    let _ = self.consumer.pause(&list(&context.topic, &[number]));
                }
            }
            Command::Resume(number, epoch) => {
                if self.with(number, epoch, |delivery| delivery.is_paused = false) {
                    self.resume(&[number]);
                }
            }
            Command::Seek { partition, offset, epoch } => {
                let changed = self.with(partition, epoch, |delivery| {
                    let (first_epoch, is_held) = (delivery.first_epoch, delivery.is_held);
                    let seek = Some(offset);
                    *delivery =
                        Delivery { first_epoch, epoch, seek, is_held, ..Delivery::default() };
                });
                if changed {
                    self.resume(&[partition]);
                }
            }
            Command::Commit(commit) => self.commits.add(commit),
            Command::Wake => {}
        }
    }

    /// Changes a partition; false when it is not ours, or was assigned anew after that epoch.
    fn with(&self, number: u32, epoch: u64, change: impl FnOnce(&mut Delivery)) -> bool {
        let mut state = self.context().state();
        let found = state.partitions.get_mut(&number);
        found.filter(|delivery| epoch >= delivery.first_epoch).map(change).is_some()
    }

    fn resume(&self, numbers: &[u32]) {
        if !matches!(self.held, Held::Paused) && !numbers.is_empty() {
            let _ = self.consumer.resume(&list(&self.context().topic, numbers));
        }
    }

    /// Carries out seeks that are asked for.
    fn seek(&self) {
        let context = self.context();
        let asked: Vec<(u32, u64)> = {
            let state = context.state();
            let asked = state.partitions.iter().filter_map(|(n, d)| Some((*n, d.seek?)));
            asked.collect()
        };
        for (number, offset) in asked {
            let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            // What was fetched before is dropped by librdkafka once it has taken the seek.
            match self.consumer.seek(&context.topic, to_i32(number), offset, PATIENCE) {
                Ok(()) => drop(self.with(number, u64::MAX, |delivery| delivery.seek = None)),
                Err(error) => context.warn(&format!("a seek is tried again: {error}")),
            }
        }
    }

    /// Whether the machine takes more. When it has not for a while, fetching stops.
    fn has_room(&mut self) -> bool {
        let outstanding = self.outstanding.load(Ordering::Acquire);
        let context = self.consumer.context();
        match self.held {
            Held::No if outstanding < OUTSTANDING_MAX => true,
            Held::No => {
                self.held = Held::Since(Instant::now());
                false
            }
            Held::Since(_) | Held::Paused if outstanding <= OUTSTANDING_MAX / 2 => {
                self.held = Held::No;
                let mut state = context.state();
                let held = state.partitions.iter_mut().filter(|(_, delivery)| delivery.is_held);
                let numbers = held.filter_map(|(number, delivery)| {
                    delivery.is_held = false;
                    (!delivery.is_paused).then_some(*number)
                });
                let numbers: Vec<u32> = numbers.collect();
                drop(state);
                self.resume(&numbers);
                true
            }
            Held::Since(since) if since.elapsed() < HOLD_PATIENCE => false,
            Held::Since(_) | Held::Paused => {
                self.held = Held::Paused;
                // Those that have just come among them. What still comes is little.
                let mut state = context.state();
                let free = state.partitions.iter_mut().filter(|(_, delivery)| !delivery.is_held);
                let numbers = free.map(|(number, delivery)| {
                    delivery.is_held = true;
                    *number
                });
                let numbers: Vec<u32> = numbers.collect();
                drop(state);
                if !numbers.is_empty() {
                    let _ = self.consumer.pause(&list(&context.topic, &numbers));
                }
                true
            }
        }
    }

    /// Takes messages; whether there may be more at once.
    fn poll(&self) -> bool {
        let context = self.context();
        let mut bytes = 0;
        for _ in 0..ROUND_MESSAGES {
            match self.consumer.poll(Duration::ZERO) {
                None => return false,
                Some(Ok(message)) => bytes += self.take(&message),
                Some(Err(error)) if is_told(&error) => {}
                Some(Err(error)) => context.warn(&error.to_string()),
            }
            if bytes >= ROUND_BYTES {
                break;
            }
        }
        true
    }

    fn take(&self, message: &BorrowedMessage<'_>) -> usize {
        let context = self.context();
        let (key, value) =
            (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
        let (Ok(number), Ok(offset)) =
            (u32::try_from(message.partition()), u64::try_from(message.offset()))
        else {
            return 0;
        };
        let timestamp_ms = match message.timestamp() {
            Timestamp::LogAppendTime(ms) => ms,
            other => {
                context.warn(
                    "its records carry their writers' time and not the broker's: a clock that is \
                     wrong decides which of two writes survives; set \
                     message.timestamp.type=LogAppendTime for the topic",
                );
                other.to_millis().unwrap_or_default()
            }
        };
        self.with(number, u64::MAX, |delivery| {
            if delivery.seek.is_none() {
                delivery.batch.push(offset, timestamp_ms, key, value);
            }
        });
        key.len() + value.len()
    }

    /// Hands what was taken to the machine.
    fn deliver(&self) {
        let context = self.context();
        let taken: Vec<(u32, u64, Batch)> = {
            let mut state = context.state();
            let full = state.partitions.iter_mut().filter(|(_, d)| !d.batch.is_empty());
            full.map(|(n, d)| (*n, d.epoch, std::mem::take(&mut d.batch))).collect()
        };
        for (partition, epoch, batch) in taken {
            let records = batch.records(&self.outstanding, &context.wake);
            let (topic, group) = (context.topic.clone(), context.group.clone());
            (context.sink)(LogEvent::Records { topic, group, partition, epoch, records });
        }
    }
}

/// Whether partitions come and go one by one in this group.
fn is_cooperative(consumer: &BaseConsumer<Context>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

fn list(topic: &str, numbers: &[u32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(numbers.len());
    for number in numbers {
        list.add_partition(topic, to_i32(*number));
    }
    list
}
