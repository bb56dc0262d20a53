//! A member of a consumer group: queues, back-pressure and commits, for the machines that consume.
//!
//! A machine feeds it log events and takes records out in order; what it says is applied becomes
//! the offset of the next commit. Records are held back at the log when a partition's queue is
//! full. After a partition was revoked nothing of it is left here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::contract::log::{LogAction, LogError, LogEvent, Position, Record, Start, Topic};
use crate::contract::{ActionId, ActionIds};
use crate::time::{Mono, Now};

/// Bytes queued for one partition before delivery is paused; it resumes at half of that.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Records for which memory is kept where none waits.
const QUEUE_KEPT: usize = 1_024;

/// How long to wait before a failed commit is tried again.
const COMMIT_RETRY: Duration = Duration::from_millis(200);

/// What an event changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that the machine must know.
    None,
    /// These partitions are new, or begin anew.
    Assigned(Vec<u32>),
    /// These partitions are gone.
    Revoked(Vec<u32>),
    /// This partition has records in its queue.
    Records(u32),
    /// Everything before the offset is committed.
    Committed(u32, u64),
}

/// One partition that is ours.
#[derive(Debug)]
struct Partition {
    epoch: u64,
    queue: VecDeque<Record>,
    queued_bytes: usize,
    paused: bool,
    applied: Position,
    committed: Position,
    committing: Option<(ActionId, Position)>,
    commit_due: Option<Mono>,
}

/// The member.
#[derive(Debug)]
pub(crate) struct Consumer {
    topic: Topic,
    group: Topic,
    commit_period: Duration,
    partitions: BTreeMap<u32, Partition>,
    actions: VecDeque<LogAction>,
}

impl Consumer {
    /// Joins the group.
    pub(crate) fn new(topic: Topic, group: Topic, start: Start, commit_period: Duration) -> Self {
        let subscribe = LogAction::Subscribe { topic: topic.clone(), group: group.clone(), start };
        Self {
            topic,
            group,
            commit_period,
            partitions: BTreeMap::new(),
            actions: VecDeque::from([subscribe]),
        }
    }

    /// Takes an event of its own subscription in, and leaves others alone.
    pub(crate) fn handle(&mut self, now: Now, event: LogEvent) -> Change {
        match event {
            LogEvent::Assigned { topic, group, epoch, partitions }
                if self.is_mine(&topic, &group) =>
            {
                let numbers = partitions.iter().map(|(number, _)| *number).collect();
                for (number, position) in partitions {
                    self.partitions.insert(number, Partition::new(epoch, position));
                }
                Change::Assigned(numbers)
            }
            LogEvent::Revoked { topic, group, partitions } if self.is_mine(&topic, &group) => {
                for number in &partitions {
                    self.partitions.remove(number);
                }
                Change::Revoked(partitions)
            }
            LogEvent::Records { topic, group, partition, epoch, records }
                if self.is_mine(&topic, &group) =>
            {
                self.take(partition, epoch, records)
            }
            LogEvent::Committed { id, result } => self.committed(now, id, result),
            _ => Change::None,
        }
    }

    /// Takes the next record of a partition.
    pub(crate) fn pop(&mut self, partition: u32) -> Option<Record> {
        let state = self.partitions.get_mut(&partition)?;
        let record = state.queue.pop_front()?;
        state.queued_bytes -= size(&record);
        if state.queue.is_empty() {
            state.queue.shrink_to(QUEUE_KEPT);
        }
        if state.paused && state.queued_bytes <= QUEUE_BYTES_MAX / 2 {
            state.paused = false;
            let (topic, group, epoch) = (self.topic.clone(), self.group.clone(), state.epoch);
            self.actions.push_back(LogAction::Resume { topic, group, partition, epoch });
        }
        Some(record)
    }

    /// The offset of the record that [`Consumer::pop`] takes.
    pub(crate) fn next_offset(&self, partition: u32) -> Option<u64> {
        self.partitions.get(&partition)?.queue.front().map(|record| record.offset)
    }

    /// Everything before a position is applied; a commit follows within the commit period.
    pub(crate) fn applied(&mut self, now: Now, partition: u32, position: Position) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        assert!(position.offset >= state.applied.offset, "applied offsets do not go back");
        state.applied = position;
        if self.group.is_empty() {
            // The empty group stands alone and commits nothing.
            state.committed = state.applied.clone();
        }
        if state.commit_due.is_none() && state.is_behind() {
            state.commit_due = Some(now.mono.after(self.commit_period));
        }
    }

    /// Commits what is applied now, whatever the period. False when there is nothing to commit.
    pub(crate) fn commit(&mut self, partition: u32, ids: &mut ActionIds) -> bool {
        let applied = self.partitions.get(&partition).map(|state| state.applied.clone());
        applied.is_some_and(|applied| self.commit_until(partition, applied, ids))
    }

    /// Commits a position that was applied. False when there is nothing to commit.
    pub(crate) fn commit_until(
        &mut self,
        partition: u32,
        position: Position,
        ids: &mut ActionIds,
    ) -> bool {
        let Some(state) = self.partitions.get_mut(&partition) else { return false };
        if state.committing.is_some() {
            return true;
        }
        if position.offset <= state.committed.offset {
            return false;
        }
        state.commit_due = None;
        let id = ids.next_id();
        state.committing = Some((id, position.clone()));
        let (topic, group, epoch) = (self.topic.clone(), self.group.clone(), state.epoch);
        self.actions.push_back(LogAction::Commit { id, topic, group, partition, epoch, position });
        true
    }

    /// Commits whatever is due.
    pub(crate) fn tick(&mut self, now: Now, ids: &mut ActionIds) {
        for partition in self.take_due(now) {
            self.commit(partition, ids);
        }
    }

    /// The partitions whose commit is due; for whoever does not use [`Consumer::tick`].
    pub(crate) fn take_due(&mut self, now: Now) -> Vec<u32> {
        let mut due = Vec::new();
        for (number, state) in &mut self.partitions {
            let is_due = |due: &mut Mono| *due <= now.mono;
            if state.committing.is_none() && state.commit_due.take_if(is_due).is_some() {
                due.push(*number);
            }
        }
        due
    }

    /// Whether a commit is under way.
    pub(crate) fn is_committing(&self, partition: u32) -> bool {
        self.partitions.get(&partition).is_some_and(|state| state.committing.is_some())
    }

    /// What is applied and not committed, by partition.
    pub(crate) fn uncommitted(&self) -> BTreeMap<u32, Position> {
        let behind = self.partitions.iter().filter(|(_, state)| state.is_behind());
        behind.map(|(number, state)| (*number, state.applied.clone())).collect()
    }

    /// Forgets what was taken since the last commit and has it delivered again.
    pub(crate) fn restart(&mut self, partition: u32) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        let (epoch, position) = (state.epoch + 1, std::mem::take(&mut state.committed));
        let (offset, was_paused) = (position.offset, state.paused);
        *state = Partition::new(epoch, position);
        let (topic, group) = (self.topic.clone(), self.group.clone());
        self.actions.push_back(LogAction::Seek { topic, group, partition, offset, epoch });
        #[cfg(weft_mutants)]
        let was_paused = was_paused && !crate::mutants::is(crate::mutants::Planted::StaysPaused);
        if was_paused {
            let (topic, group) = (self.topic.clone(), self.group.clone());
            self.actions.push_back(LogAction::Resume { topic, group, partition, epoch });
        }
    }

    /// Has records of a partition delivered from `offset` on that were applied before, in front of
    /// the others. What is applied and committed stays as it is.
    pub(crate) fn look_back(&mut self, partition: u32, offset: u64) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.epoch += 1;
        state.queue.clear();
        state.queued_bytes = 0;
        let (epoch, was_paused) = (state.epoch, std::mem::take(&mut state.paused));
        let (topic, group) = (self.topic.clone(), self.group.clone());
        self.actions.push_back(LogAction::Seek { topic, group, partition, offset, epoch });
        if was_paused {
            let (topic, group) = (self.topic.clone(), self.group.clone());
            self.actions.push_back(LogAction::Resume { topic, group, partition, epoch });
        }
    }

    /// The partitions that are ours.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = u32> + '_ {
        self.partitions.keys().copied()
    }

    /// Whether the partition is ours.
    pub(crate) fn owns(&self, partition: u32) -> bool {
        self.partitions.contains_key(&partition)
    }

    /// The first offset of the partition that is not applied.
    pub(crate) fn applied_offset(&self, partition: u32) -> Option<u64> {
        self.partitions.get(&partition).map(|state| state.applied.offset)
    }

    /// The note of what was committed last: where the partition begins, after an assignment or
    /// [`Consumer::restart`].
    pub(crate) fn note(&self, partition: u32) -> &str {
        self.partitions.get(&partition).map_or("", |state| &state.committed.note)
    }

    /// Whether everything applied is committed.
    pub(crate) fn is_committed(&self) -> bool {
        !self.partitions.values().any(Partition::is_behind)
    }

    /// What to ask of the log next.
    pub(crate) fn poll(&mut self) -> Option<LogAction> {
        self.actions.pop_front()
    }

    /// When [`Consumer::tick`] is wanted.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        // A commit under way is waited for, however long it takes.
        let waiting = self.partitions.values().filter(|state| state.committing.is_none());
        waiting.filter_map(|state| state.commit_due).min()
    }

    fn is_mine(&self, topic: &Topic, group: &Topic) -> bool {
        *topic == self.topic && *group == self.group
    }

    fn take(&mut self, partition: u32, epoch: u64, records: Vec<Record>) -> Change {
        let Some(state) = self.partitions.get_mut(&partition) else { return Change::None };
        #[cfg(weft_mutants)]
        let epoch = if crate::mutants::is(crate::mutants::Planted::StaleBatches) {
            state.epoch
        } else {
            epoch
        };
        if epoch != state.epoch {
            return Change::None;
        }
        state.queued_bytes += records.iter().map(size).sum::<usize>();
        state.queue.extend(records);
        if !state.paused && state.queued_bytes > QUEUE_BYTES_MAX {
            state.paused = true;
            let (topic, group, epoch) = (self.topic.clone(), self.group.clone(), state.epoch);
            self.actions.push_back(LogAction::Pause { topic, group, partition, epoch });
        }
        Change::Records(partition)
    }

    fn committed(&mut self, now: Now, id: ActionId, result: Result<(), LogError>) -> Change {
        let found = self.partitions.iter_mut().find_map(|(number, state)| {
            let (_, position) = state.committing.take_if(|(committing, _)| *committing == id)?;
            Some((*number, position, state))
        });
        let Some((number, position, state)) = found else { return Change::None };
        if result.is_err() {
            // A partition that is no longer ours is about to be revoked; all else is tried again.
            state.commit_due = Some(now.mono.after(COMMIT_RETRY));
            return Change::None;
        }
        let offset = position.offset;
        if offset > state.committed.offset {
            state.committed = position;
        }
        if state.applied.offset > offset && state.commit_due.is_none() {
            state.commit_due = Some(now.mono.after(self.commit_period));
        }
        Change::Committed(number, offset)
    }
}

impl Partition {
    fn new(epoch: u64, position: Position) -> Self {
        Self {
            epoch,
            queue: VecDeque::new(),
            queued_bytes: 0,
            paused: false,
            applied: position.clone(),
            committed: position,
            committing: None,
            commit_due: None,
        }
    }

    /// Whether something is applied and not committed.
    const fn is_behind(&self) -> bool {
        self.applied.offset > self.committed.offset
    }
}

/// What a record counts against the queue's limit.
fn size(record: &Record) -> usize {
    record.key.len() + record.value.len() + size_of::<Record>()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::time::Wall;

    #[test]
    fn a_commit_stays_due_when_an_older_one_has_nothing_to_do() {
        let now = Now { mono: Mono(0), wall: Wall(0) };
        let (topic, group) = (Topic::from("topic"), Topic::from("group"));
        let mut ids = ActionIds::default();
        let mut consumer =
            Consumer::new(topic.clone(), group.clone(), Start::Earliest, Duration::from_secs(1));
        let partitions = vec![(3, Position::from(5))];
        consumer.handle(now, LogEvent::Assigned { topic, group, epoch: 0, partitions });
        consumer.applied(now, 3, 6.into());
        assert!(!consumer.commit_until(3, 5.into(), &mut ids), "that is committed");
        assert!(consumer.deadline().is_some(), "the rest is due");
    }

    #[test]
    fn what_begins_again_does_not_stay_paused() {
        let now = Now { mono: Mono(0), wall: Wall(0) };
        let (topic, group) = (Topic::from("topic"), Topic::from("group"));
        let period = Duration::from_secs(1);
        let mut consumer = Consumer::new(topic.clone(), group.clone(), Start::Earliest, period);
        let partitions = vec![(3, Position::from(5))];
        let (epoch, partition) = (0, 3);
        let assigned =
            LogEvent::Assigned { topic: topic.clone(), group: group.clone(), epoch, partitions };
        consumer.handle(now, assigned);
        let value = Bytes::from(vec![0; QUEUE_BYTES_MAX + 1]);
        let records = vec![Record { offset: 5, timestamp_ms: 0, key: Bytes::new(), value }];
        let (its_topic, its_group) = (topic.clone(), group.clone());
        consumer.handle(
            now,
            LogEvent::Records { topic: its_topic, group: its_group, partition, epoch, records },
        );
        consumer.restart(partition);
        let asked: Vec<LogAction> = std::iter::from_fn(|| consumer.poll()).skip(1).collect();
        let epoch = 1;
        assert_eq!(
            asked,
            [
                LogAction::Pause {
                    topic: topic.clone(),
                    group: group.clone(),
                    partition,
                    epoch: 0,
                },
                LogAction::Seek {
                    topic: topic.clone(),
                    group: group.clone(),
                    partition,
                    offset: 5,
                    epoch,
                },
                LogAction::Resume { topic, group, partition, epoch },
            ]
        );
    }
}
