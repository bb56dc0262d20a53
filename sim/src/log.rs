//! A model of the log: Kafka's semantics as the contract states them.
//!
//! Partitions are lists; what was acknowledged stays. Groups share partitions; a member that takes
//! a partition over gets it after the one before it was told, or, when that one lost contact for
//! longer than a session lasts, at once: then the evicted member learns of it late, its commits are
//! refused and its effects elsewhere may still arrive.

use std::collections::{BTreeMap, BTreeSet};

use weft_daemons::contract::log::{
    EPOCHS, LogAction, LogError, LogEvent, NewRecord, Position, Record, Start, Topic,
};

use crate::params::MS;
use crate::random::Random;
use crate::world::{Address, DATA_TOPIC, METADATA_TOPIC};

/// Records in one delivery.
const DELIVERY_MAX: u64 = 40;

/// Where appended records are: partition and offset of each.
type Places = Result<Vec<(u32, u64)>, LogError>;

/// What the model wants done.
#[derive(Debug)]
pub enum Out {
    /// Tell a member, in order.
    Tell(Address, LogEvent),
    /// Answer a member: answers may overtake each other and what is told.
    Answer(Address, LogEvent),
    /// Come back later.
    Later(u64, Step),
}

/// What the model does on its own.
#[derive(Clone, Debug)]
pub enum Step {
    /// Delivers records of a partition to a member.
    Pump(Member, u32),
    /// A member was told of its loss: its partitions go to the new owners.
    Handover(Topic, Topic, Vec<u32>),
    /// Acknowledged records become durable ([`crate::mutants::Mutant::AckBeforeFsync`]).
    Flush,
}

/// A subscription of a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Whose.
    pub address: Address,
    /// The topic.
    pub topic: Topic,
    /// The group.
    pub group: Topic,
}

/// Bugs of the log that mutants put in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bugs {
    /// Appends are acknowledged before they are durable.
    pub ack_before_fsync: bool,
    /// A new owner begins at the end.
    pub reset_to_latest: bool,
    /// What was asked for an earlier assignment is done.
    pub obeys_old: bool,
}

/// The log.
#[derive(Debug)]
pub struct LogModel {
    partitions: u32,
    topics: BTreeMap<Topic, Vec<Partition>>,
    groups: BTreeMap<(Topic, Topic), Group>,
    cursors: BTreeMap<(Member, u32), Cursor>,
    random: Random,
    /// See [`Bugs`].
    pub bugs: Bugs,
    /// Records acknowledged and not durable.
    unsynced: Vec<(Topic, u32, usize)>,
    /// Assignments so far.
    assignments: u64,
    /// How far the clock that gives records their timestamps is from the true time.
    skew_ms: i64,
    /// Who wrote the records of the topics of data and of metadata, by topic, partition and offset.
    writers: BTreeMap<(Topic, u32, u64), Written>,
    /// Records so far.
    written: u64,
}

/// How a record came into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Who wrote it.
    pub by: Address,
    /// How many records of the whole log came before it.
    pub nth: u64,
    /// When.
    pub wall_ms: i64,
}

#[derive(Debug, Default)]
struct Partition {
    /// The offset of the first record that is still there.
    first: u64,
    records: Vec<Record>,
}

impl Partition {
    const fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<Member>,
    owners: BTreeMap<u32, Member>,
    /// Partitions that the owner is being told to give up, and who gets them.
    moving: BTreeMap<u32, Member>,
    committed: BTreeMap<u32, Position>,
    /// The first epoch of each partition's last assignment.
    epochs: BTreeMap<u32, u64>,
    starts: BTreeMap<u32, u64>,
    start: Option<Start>,
    /// By how much the order of the members is turned.
    turn: usize,
}

#[derive(Debug)]
struct Cursor {
    /// Of the assignment: what has a lower one is about an earlier one.
    first_epoch: u64,
    position: u64,
    epoch: u64,
    paused: bool,
    pumping: bool,
}

impl LogModel {
    /// An empty log whose topics have so many partitions.
    pub const fn new(partitions: u32, random: Random) -> Self {
        Self {
            partitions,
            topics: BTreeMap::new(),
            groups: BTreeMap::new(),
            cursors: BTreeMap::new(),
            random,
            bugs: Bugs { ack_before_fsync: false, reset_to_latest: false, obeys_old: false },
            unsynced: Vec::new(),
            assignments: 0,
            skew_ms: 0,
            writers: BTreeMap::new(),
            written: 0,
        }
    }

    /// Draws from another stream from now on.
    pub const fn reseed(&mut self, random: Random) {
        self.random = random;
    }

    /// Partitions of a topic.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Records that the log took before that moment go, as far as there are many of them.
    pub fn retain_since(&mut self, topic: &str, since_ms: i64) {
        for partition in self.topics.get_mut(topic).into_iter().flatten() {
            let old = partition.records.partition_point(|record| record.timestamp_ms < since_ms);
            if old > partition.records.len() / 2 {
                partition.records.drain(..old);
                partition.first += old as u64;
            }
        }
    }

    /// The records of a partition.
    pub fn records(&self, topic: &str, partition: u32) -> &[Record] {
        let found = self.topics.get(topic).and_then(|all| all.get(partition as usize));
        found.map_or(&[], |found| &found.records)
    }

    /// How a record of the topics of data and of metadata came into the log.
    pub fn written(&self, topic: &str, (partition, offset): (u32, u64)) -> Option<Written> {
        self.writers.get(&(topic.into(), partition, offset)).copied()
    }

    /// What a group has committed of a partition.
    pub fn committed(&self, topic: &Topic, group: &Topic, partition: u32) -> Option<u64> {
        let group = self.groups.get(&(topic.clone(), group.clone()))?;
        group.committed.get(&partition).map(|position| position.offset)
    }

    /// Who owns a partition of a group.
    pub fn owner(&self, topic: &Topic, group: &Topic, partition: u32) -> Option<Address> {
        let group = self.groups.get(&(topic.clone(), group.clone()))?;
        group.owners.get(&partition).map(|member| member.address)
    }

    /// Who owns a partition of a group, and by which assignment.
    pub fn assignment(
        &self,
        topic: &Topic,
        group: &Topic,
        partition: u32,
    ) -> Option<(Address, u64)> {
        let epochs = &self.groups.get(&(topic.clone(), group.clone()))?.epochs;
        Some((self.owner(topic, group, partition)?, *epochs.get(&partition)?))
    }

    /// Does what a member asks.
    pub fn submit(&mut self, wall_ms: i64, from: Address, action: LogAction) -> Vec<Out> {
        match action {
            LogAction::Describe { id, topic } => {
                self.topic(&topic);
                let result = Ok(self.partitions);
                vec![Out::Answer(from, LogEvent::Described { id, result })]
            }
            LogAction::Append { id, topic, records } => {
                let (result, mut out) = self.append(wall_ms, &topic, records);
                if [DATA_TOPIC, METADATA_TOPIC].contains(&&*topic) {
                    for (partition, offset) in result.iter().flatten().copied() {
                        let written = Written { by: from, nth: self.written, wall_ms };
                        self.written += 1;
                        self.writers.insert((topic.clone(), partition, offset), written);
                    }
                }
                out.push(Out::Answer(from, LogEvent::Appended { id, result }));
                out
            }
            LogAction::Subscribe { topic, group, start } => {
                self.topic(&topic);
                self.join(Member { address: from, topic, group }, start)
            }
            LogAction::Pause { topic, group, partition, epoch } => {
                let member = Member { address: from, topic, group };
                self.with(member, partition, epoch, |cursor| cursor.paused = true)
            }
            LogAction::Resume { topic, group, partition, epoch } => {
                let member = Member { address: from, topic, group };
                self.with(member, partition, epoch, |cursor| cursor.paused = false)
            }
            LogAction::Seek { topic, group, partition, offset, epoch } => {
                let member = Member { address: from, topic, group };
                self.with(member, partition, epoch, |cursor| {
                    (cursor.position, cursor.epoch) = (offset, epoch);
                })
            }
            LogAction::Commit { id, topic, group, partition, epoch, position } => {
                let member = Member { address: from, topic, group };
                let result = self.commit(&member, partition, epoch, position);
                vec![Out::Answer(from, LogEvent::Committed { id, result })]
            }
            LogAction::Ends { id, topic } => {
                let all = self.topic(&topic).iter();
                let result = Ok((0..).zip(all.map(Partition::end)).collect());
                vec![Out::Answer(from, LogEvent::Ends { id, result })]
            }
        }
    }

    /// Does what was to be done later. `reachable` says whether a member can be told anything.
    pub fn step(&mut self, step: Step, reachable: impl Fn(Address) -> bool) -> Vec<Out> {
        match step {
            Step::Pump(member, partition) => self.pump(&member, partition, reachable),
            Step::Handover(topic, group, partitions) => self.handover(topic, group, &partitions),
            Step::Flush => {
                self.unsynced.clear();
                Vec::new()
            }
        }
    }

    /// A process is gone, or lost contact for too long: others take over what it had. A member
    /// that lives learns of it when it is in contact again, and joins anew.
    pub fn evict(&mut self, gone: impl Fn(Address) -> bool, lives: bool) -> Vec<Out> {
        let mut out = Vec::new();
        let mut changed = Vec::new();
        if !lives {
            // Those who stand alone are in no group.
            let stands = |member: &Member| member.group.is_empty();
            self.cursors.retain(|(member, _), _| !(stands(member) && gone(member.address)));
        }
        for (key, group) in &mut self.groups {
            let left: Vec<Member> =
                group.members.iter().filter(|member| gone(member.address)).cloned().collect();
            if left.is_empty() {
                continue;
            }
            for member in left {
                let lost: Vec<u32> = group
                    .owners
                    .iter()
                    .filter(|(_, owner)| **owner == member)
                    .map(|(partition, _)| *partition)
                    .collect();
                group.owners.retain(|_, owner| *owner != member);
                group.members.remove(&member);
                for partition in &lost {
                    self.cursors.remove(&(member.clone(), *partition));
                    group.moving.remove(partition);
                }
                if lives && !lost.is_empty() {
                    let (topic, group) = key.clone();
                    let revoked = LogEvent::Revoked { topic, group, partitions: lost };
                    out.push(Out::Tell(member.address, revoked));
                }
            }
            changed.push(key.clone());
        }
        for key in changed {
            out.extend(self.rebalance(&key));
        }
        out
    }

    /// A member that was evicted is in contact again.
    pub fn rejoin(&mut self, member: Member, start: Start) -> Vec<Out> {
        self.join(member, start)
    }

    /// Everybody in every group gives up what it has, and is given what another one had.
    pub fn rebalance_all(&mut self) -> Vec<Out> {
        let mut out = Vec::new();
        let keys: Vec<_> = self.groups.keys().cloned().collect();
        for key in keys {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            group.turn += 1;
            // Who keeps what it had gives it up as well, and is given it again.
            let kept: Vec<(u32, Member)> =
                group.owners.iter().map(|(number, owner)| (*number, owner.clone())).collect();
            let mut leaving: BTreeMap<Member, Vec<u32>> = BTreeMap::new();
            for (number, owner) in kept {
                if group.moving.insert(number, owner.clone()).is_none() {
                    leaving.entry(owner).or_default().push(number);
                }
            }
            for (owner, numbers) in leaving {
                out.extend(self.take_away(&key, owner, numbers));
            }
            out.extend(self.rebalance(&key));
        }
        out
    }

    /// Another server takes over, whose clock is so far from the true time.
    pub const fn fail_over(&mut self, skew_ms: i64) {
        self.skew_ms = skew_ms;
    }

    /// Everything that is not durable is lost.
    pub fn lose_unsynced(&mut self) {
        for (topic, partition, count) in std::mem::take(&mut self.unsynced) {
            if let Some(all) = self.topics.get_mut(&topic) {
                let records = &mut all[partition as usize].records;
                records.truncate(records.len().saturating_sub(count));
            }
        }
    }

    fn topic(&mut self, topic: &Topic) -> &mut Vec<Partition> {
        let count = self.partitions as usize;
        self.topics
            .entry(topic.clone())
            .or_insert_with(|| std::iter::repeat_with(Partition::default).take(count).collect())
    }

    fn append(
        &mut self,
        wall_ms: i64,
        topic: &Topic,
        records: Vec<NewRecord>,
    ) -> (Places, Vec<Out>) {
        let count = self.partitions;
        if let Some(bad) = records.iter().find(|record| record.partition >= count) {
            let error = format!("there is no partition {}", bad.partition);
            return (Err(LogError::Refused(error)), Vec::new());
        }
        let (mut places, mut touched, skew_ms) = (Vec::new(), BTreeSet::new(), self.skew_ms);
        for record in records {
            let log = &mut self.topic(topic)[record.partition as usize];
            let offset = log.end();
            let timestamp_ms = wall_ms + skew_ms;
            log.records.push(Record { offset, timestamp_ms, key: record.key, value: record.value });
            places.push((record.partition, offset));
            touched.insert(record.partition);
            if self.bugs.ack_before_fsync {
                self.unsynced.push((topic.clone(), record.partition, 1));
            }
        }
        let members: Vec<(Member, u32)> = self
            .cursors
            .keys()
            .filter(|(member, partition)| member.topic == *topic && touched.contains(partition))
            .cloned()
            .collect();
        let mut out: Vec<Out> =
            members.iter().flat_map(|(member, partition)| self.wake(member, *partition)).collect();
        if self.bugs.ack_before_fsync {
            out.push(Out::Later(3_000 * MS, Step::Flush));
        }
        (Ok(places), out)
    }

    /// Changes the delivery of a partition, unless it was assigned anew after that epoch.
    fn with(
        &mut self,
        member: Member,
        partition: u32,
        epoch: u64,
        change: impl FnOnce(&mut Cursor),
    ) -> Vec<Out> {
        let (key, obeys_old) = ((member, partition), self.bugs.obeys_old);
        let found = self.cursors.get_mut(&key);
        match found.filter(|cursor| epoch >= cursor.first_epoch || obeys_old) {
            Some(cursor) => change(cursor),
            None => return Vec::new(),
        }
        self.wake(&key.0, partition)
    }

    fn commit(
        &mut self,
        member: &Member,
        partition: u32,
        epoch: u64,
        position: Position,
    ) -> Result<(), LogError> {
        let Member { topic, group, .. } = member;
        let not_assigned = || LogError::NotAssigned { topic: topic.to_string(), partition };
        let state = self.groups.get_mut(&(topic.clone(), group.clone()));
        let state = state.ok_or_else(not_assigned)?;
        let is_owner = state.owners.get(&partition) == Some(member);
        // A member that lost the partition, got it again and was told neither yet belongs to an
        // earlier generation of the group, even when it is about to lose it once more.
        let is_earlier = state.epochs.get(&partition).is_some_and(|first| epoch < *first);
        let is_refused = is_earlier && !self.bugs.obeys_old;
        if !is_owner || is_refused || group.is_empty() {
            return Err(not_assigned());
        }
        state.committed.insert(partition, position);
        Ok(())
    }

    fn join(&mut self, member: Member, start: Start) -> Vec<Out> {
        let key = (member.topic.clone(), member.group.clone());
        if member.group.is_empty() {
            return self.assign_all(member, start);
        }
        let ends: Vec<u64> = self.topic(&key.0).iter().map(Partition::end).collect();
        let group = self.groups.entry(key.clone()).or_default();
        group.start = Some(start);
        if start == Start::Latest {
            // A group that begins at the end begins at the end of when it was first asked.
            for (partition, end) in (0..).zip(ends) {
                group.starts.entry(partition).or_insert(end);
            }
        }
        group.members.insert(member);
        self.rebalance(&key)
    }

    /// The empty group stands alone: every partition, from the start.
    fn assign_all(&mut self, member: Member, start: Start) -> Vec<Out> {
        let ends = self.topic(&member.topic).iter().map(|partition| match start {
            Start::Earliest => partition.first,
            Start::Latest => partition.end(),
        });
        let positions: Vec<Position> = ends.map(Position::from).collect();
        self.begin(&member, (0..).zip(positions).collect())
    }

    fn begin(&mut self, member: &Member, partitions: Vec<(u32, Position)>) -> Vec<Out> {
        self.assignments += 1;
        let epoch = self.assignments * EPOCHS;
        for (partition, position) in &partitions {
            let cursor = Cursor {
                first_epoch: epoch,
                position: position.offset,
                epoch,
                paused: false,
                pumping: false,
            };
            self.cursors.insert((member.clone(), *partition), cursor);
        }
        if let Some(group) = self.groups.get_mut(&(member.topic.clone(), member.group.clone())) {
            group.epochs.extend(partitions.iter().map(|(partition, _)| (*partition, epoch)));
        }
        let numbers: Vec<u32> = partitions.iter().map(|(partition, _)| *partition).collect();
        let (topic, group) = (member.topic.clone(), member.group.clone());
        let assigned = LogEvent::Assigned { topic, group, epoch, partitions };
        let mut out = vec![Out::Tell(member.address, assigned)];
        out.extend(numbers.into_iter().flat_map(|partition| self.wake(member, partition)));
        out
    }

    /// Spreads the partitions over the members: those without an owner at once, the others when
    /// their owner was told.
    fn rebalance(&mut self, key: &(Topic, Topic)) -> Vec<Out> {
        let count = self.partitions;
        let Some(group) = self.groups.get_mut(key) else { return Vec::new() };
        let members: Vec<Member> = group.members.iter().cloned().collect();
        if members.is_empty() {
            return Vec::new();
        }
        let mut free: BTreeMap<Member, Vec<u32>> = BTreeMap::new();
        let mut leaving: BTreeMap<Member, Vec<u32>> = BTreeMap::new();
        for partition in 0..count {
            let next = &members[(partition as usize + group.turn) % members.len()];
            match group.owners.get(&partition) {
                Some(owner) if owner == next => {
                    // An owner that is being told to give it up gets it again after that.
                    group.moving.entry(partition).and_modify(|to| *to = next.clone());
                }
                Some(owner) => {
                    let is_told = group.moving.insert(partition, next.clone()).is_some();
                    if !is_told {
                        leaving.entry(owner.clone()).or_default().push(partition);
                    }
                }
                None => {
                    group.owners.insert(partition, next.clone());
                    free.entry(next.clone()).or_default().push(partition);
                }
            }
        }
        let mut out = Vec::new();
        for (member, partitions) in free {
            out.extend(self.give(key, &member, &partitions));
        }
        for (owner, partitions) in leaving {
            out.extend(self.take_away(key, owner, partitions));
        }
        out
    }

    /// An owner is told that it loses partitions, and then they are handed over.
    fn take_away(&mut self, key: &(Topic, Topic), owner: Member, numbers: Vec<u32>) -> [Out; 2] {
        for partition in &numbers {
            self.cursors.remove(&(owner.clone(), *partition));
        }
        let (topic, group) = key.clone();
        let revoked = LogEvent::Revoked { topic, group, partitions: numbers.clone() };
        let handover = Step::Handover(key.0.clone(), key.1.clone(), numbers);
        [Out::Tell(owner.address, revoked), Out::Later(200 * MS, handover)]
    }

    fn handover(&mut self, topic: Topic, group: Topic, partitions: &[u32]) -> Vec<Out> {
        let key = (topic, group);
        let Some(state) = self.groups.get_mut(&key) else { return Vec::new() };
        let mut gained: BTreeMap<Member, Vec<u32>> = BTreeMap::new();
        for partition in partitions {
            let Some(next) = state.moving.remove(partition) else { continue };
            if state.members.contains(&next) {
                state.owners.insert(*partition, next.clone());
                gained.entry(next).or_default().push(*partition);
            } else {
                // Who was to have it is gone, and nobody is left who could have it.
                state.owners.remove(partition);
            }
        }
        let gained: Vec<_> = gained.into_iter().collect();
        gained.iter().flat_map(|(member, numbers)| self.give(&key, member, numbers)).collect()
    }

    fn give(&mut self, key: &(Topic, Topic), member: &Member, numbers: &[u32]) -> Vec<Out> {
        let Some(group) = self.groups.get(key) else { return Vec::new() };
        let ends = self.topics.get(&key.0);
        let partitions = numbers.iter().map(|partition| {
            let start = group.starts.get(partition).copied().unwrap_or(0);
            let committed = group.committed.get(partition).cloned();
            let end = ends.map_or(0, |all| all[*partition as usize].end());
            let position = if self.bugs.reset_to_latest { Some(end.into()) } else { committed };
            (*partition, position.unwrap_or_else(|| start.into()))
        });
        let partitions = partitions.collect();
        self.begin(member, partitions)
    }

    fn wake(&mut self, member: &Member, partition: u32) -> Vec<Out> {
        let Some(cursor) = self.cursors.get_mut(&(member.clone(), partition)) else {
            return Vec::new();
        };
        if std::mem::replace(&mut cursor.pumping, true) {
            return Vec::new();
        }
        let delay = self.random.delay(2 * MS);
        vec![Out::Later(delay, Step::Pump(member.clone(), partition))]
    }

    fn pump(
        &mut self,
        member: &Member,
        partition: u32,
        reachable: impl Fn(Address) -> bool,
    ) -> Vec<Out> {
        let Some(cursor) = self.cursors.get_mut(&(member.clone(), partition)) else {
            return Vec::new();
        };
        cursor.pumping = false;
        let records = self.topics.get(&member.topic).map_or(&[][..], |all| {
            let Partition { first, records } = &all[partition as usize];
            // Whoever asks for what is gone gets what is left.
            cursor.position = cursor.position.max(*first);
            &records[records.len().min((cursor.position - first) as usize)..]
        });
        if cursor.paused || records.is_empty() {
            return Vec::new();
        }
        if !reachable(member.address) {
            cursor.pumping = true;
            let again = Step::Pump(member.clone(), partition);
            return vec![Out::Later(500 * MS, again)];
        }
        let count = self.random.between(1, DELIVERY_MAX) as usize;
        let batch = records[..records.len().min(count)].to_vec();
        cursor.position += batch.len() as u64;
        let event = LogEvent::Records {
            topic: member.topic.clone(),
            group: member.group.clone(),
            partition,
            epoch: cursor.epoch,
            records: batch,
        };
        let mut out = vec![Out::Tell(member.address, event)];
        out.extend(self.wake(member, partition));
        out
    }
}
