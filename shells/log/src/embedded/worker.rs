//! The thread that does the log's work.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{SystemTime, UNIX_EPOCH};

use weft_daemons::contract::log::{EPOCHS, Position, Start};
use weft_daemons::contract::{ActionId, LogAction, LogError, LogEvent, NewRecord, Topic};
use weft_files::Files;

use super::commits::{Commits, is_group, is_note};
use super::copy::{Held, Place};
use super::groups::{Delivery, Subscription, deal};
use super::partition::{Cursor, Partition};
use super::{LogOpenError, LogOptions};

/// Bytes of one delivery, about.
const BATCH_BYTES: usize = 1 << 20;

/// Gets a client's events.
pub(crate) type Sink = Box<dyn Fn(LogEvent) + Send>;

/// What the thread is told.
pub(crate) enum Command {
    Join(u64, Sink),
    Leave(u64),
    Act(u64, LogAction),
    /// A client has room again.
    Wake,
    /// Somebody copies: what groups have done, and no segment goes until the hold is released.
    Hold(Sender<String>),
    /// What is durable, to be copied.
    Held(Sender<Held>),
    Release,
    Close,
}

/// The thread's state.
pub(crate) struct Worker {
    files: Arc<dyn Files>,
    folder: PathBuf,
    options: LogOptions,
    commands: Sender<Command>,
    topics: BTreeMap<String, Vec<Partition>>,
    commits: Commits,
    clients: BTreeMap<u64, Sink>,
    subscriptions: Vec<Subscription>,
    /// Assignments so far.
    assignments: u64,
    /// Answers that wait for the next sync.
    appended: Vec<Appended>,
    committed: Vec<(u64, ActionId)>,
    /// How many copy: nothing is removed meanwhile.
    holds: usize,
}

/// An append that waits for the next sync.
struct Appended {
    client: u64,
    id: ActionId,
    topic: String,
    places: Vec<(u32, u64)>,
}

impl Worker {
    /// Opens every topic there is.
    pub(crate) fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        options: LogOptions,
        commands: Sender<Command>,
    ) -> Result<Self, LogOpenError> {
        let mut worker = Self {
            files: files.clone(),
            folder: folder.join("topics"),
            options,
            commands,
            topics: BTreeMap::new(),
            commits: Commits::open(files.clone(), folder)?,
            clients: BTreeMap::new(),
            subscriptions: Vec::new(),
            assignments: 0,
            appended: Vec::new(),
            committed: Vec::new(),
            holds: 0,
        };
        files.create_folder(&worker.folder).map_err(LogOpenError::io(&worker.folder))?;
        files.sync_folder(folder).map_err(LogOpenError::io(folder))?;
        for path in files.list(&worker.folder).map_err(LogOpenError::io(&worker.folder))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let count = files.list(&path).map_err(LogOpenError::io(&path))?.len() as u32;
            let topic = worker.open_topic(&path, count)?;
            // A crash while a topic was made may have left some of its partitions: one without
            // records is made when it is asked for.
            if topic.iter().any(Partition::has_segments) {
                worker.topics.insert(name.to_owned(), topic);
            }
        }
        worker.check_ends()?;
        Ok(worker)
    }

    /// Records that were durable are there: new ones would take the offsets of those that are not.
    fn check_ends(&self) -> Result<(), LogOpenError> {
        for ((topic, number), end) in self.commits.ends() {
            let partitions = self.topics.get(&topic);
            let partition = partitions.and_then(|partitions| partitions.get(number as usize));
            if partition.map_or(0, Partition::end) < end {
                let folder = || self.folder.join(&topic).join(number.to_string());
                let last = partition.and_then(Partition::last_segment);
                let (path, position) = last.unwrap_or_else(|| (folder(), 0));
                return Err(LogOpenError::Damaged { path, position });
            }
        }
        Ok(())
    }

    /// Works until it is told to close.
    pub(crate) fn run(mut self, received: &Receiver<Command>) {
        while let Ok(command) = received.recv() {
            let mut is_closing = self.take(command);
            // What has queued up meanwhile shares the sync.
            while let Ok(command) = received.try_recv() {
                is_closing |= self.take(command);
            }
            self.sync();
            self.deliver(received);
            if is_closing {
                return;
            }
        }
    }

    pub(super) fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Join(client, sink) => {
                self.clients.insert(client, sink);
            }
            Command::Leave(client) => {
                self.clients.remove(&client);
                let left: BTreeSet<(String, String)> = self
                    .subscriptions
                    .iter()
                    .filter(|subscription| subscription.client == client)
                    .map(|subscription| (subscription.topic.clone(), subscription.group.clone()))
                    .collect();
                self.subscriptions.retain(|subscription| subscription.client != client);
                for (topic, group) in left {
                    self.rebalance(&topic, &group);
                }
            }
            Command::Act(client, action) => self.act(client, action),
            Command::Wake => {}
            Command::Hold(answer) => {
                self.holds += 1;
                if answer.send(self.commits.text()).is_err() {
                    self.holds -= 1;
                }
            }
            Command::Held(answer) => drop(answer.send(self.held())),
            Command::Release => self.holds = self.holds.saturating_sub(1),
            Command::Close => return true,
        }
        false
    }

    fn act(&mut self, client: u64, action: LogAction) {
        match action {
            LogAction::Describe { id, topic } => {
                let result = self.topic(&topic).map(|partitions| partitions.len() as u32);
                self.tell(client, LogEvent::Described { id, result });
            }
            LogAction::Append { id, topic, records } => self.append(client, id, &topic, &records),
            LogAction::Subscribe { topic, group, start } => {
                if let Err(error) = self.topic(&topic).map(|_| ()) {
                    eprintln!("log: cannot subscribe to {topic}: {error}");
                    return;
                }
                let (topic, group) = (topic.to_string(), group.to_string());
                let new = Subscription::new(client, topic.clone(), group.clone(), start);
                self.subscriptions.push(new);
                self.rebalance(&topic, &group);
            }
            LogAction::Pause { topic, group, partition, epoch } => {
                self.with(client, &topic, &group, (partition, epoch), |d| d.is_paused = true);
            }
            LogAction::Resume { topic, group, partition, epoch } => {
                self.with(client, &topic, &group, (partition, epoch), |d| d.is_paused = false);
            }
            LogAction::Seek { topic, group, partition, offset, epoch } => {
                self.with(client, &topic, &group, (partition, epoch), |delivery| {
                    delivery.cursor = Cursor::at(offset);
                    delivery.epoch = epoch;
                    delivery.is_paused = false;
                });
            }
            LogAction::Commit { id, topic, group, partition, epoch, position } => {
                self.commit(client, id, &topic, &group, (partition, epoch), position);
            }
            LogAction::Ends { id, topic } => {
                // What was taken before this is to be below the ends.
                self.sync();
                let result = self.topic(&topic).map(|partitions| {
                    (0..).zip(partitions.iter()).map(|(n, p)| (n, p.end())).collect()
                });
                self.tell(client, LogEvent::Ends { id, result });
            }
        }
    }

    fn append(&mut self, client: u64, id: ActionId, topic: &Topic, records: &[NewRecord]) {
        let now_ms = now_ms();
        let appended = self.topic(topic).and_then(|partitions| {
            let known = partitions.len();
            if let Some(record) = records.iter().find(|r| r.partition as usize >= known) {
                let reason = format!("{topic} has no partition {}", record.partition);
                return Err(LogError::Refused(reason));
            }
            Ok(records
                .iter()
                .map(|record| {
                    let partition = &mut partitions[record.partition as usize];
                    (record.partition, partition.push(record, now_ms))
                })
                .collect())
        });
        match appended {
            Ok(places) => {
                let topic = topic.to_string();
                self.appended.push(Appended { client, id, topic, places });
            }
            Err(error) => self.tell(client, LogEvent::Appended { id, result: Err(error) }),
        }
    }

    fn commit(
        &mut self,
        client: u64,
        id: ActionId,
        topic: &Topic,
        group: &Topic,
        (partition, epoch): (u32, u64),
        position: Position,
    ) {
        if !self.with(client, topic, group, (partition, epoch), |_| {}) || group.is_empty() {
            let error = LogError::NotAssigned { topic: topic.to_string(), partition };
            return self.tell(client, LogEvent::Committed { id, result: Err(error) });
        }
        if !is_note(&position.note) {
            let reason = format!("the note {:?} is too long or not printable", position.note);
            let result = Err(LogError::Refused(reason));
            return self.tell(client, LogEvent::Committed { id, result });
        }
        if !is_group(group) {
            let reason = format!("the group {group:?} has control characters");
            let result = Err(LogError::Refused(reason));
            return self.tell(client, LogEvent::Committed { id, result });
        }
        self.commits.set((topic.to_string(), group.to_string(), partition), position);
        self.committed.push((client, id));
    }

    /// Makes everything taken so far durable, and answers it.
    pub(super) fn sync(&mut self) {
        let mut failed: BTreeMap<(String, u32), String> = BTreeMap::new();
        if !self.appended.is_empty() {
            for (topic, partitions) in &mut self.topics {
                for (number, partition) in (0..).zip(partitions) {
                    if let Err(error) = partition.sync() {
                        failed.insert((topic.clone(), number), error.to_string());
                    }
                }
            }
        }
        for Appended { client, id, topic, places } in std::mem::take(&mut self.appended) {
            let broken =
                places.iter().find_map(|(number, _)| failed.get(&(topic.clone(), *number)));
            let result = match broken {
                // What the disk has of it comes to light when it is opened again.
                Some(reason) => Err(LogError::Unknown(reason.clone())),
                None => Ok(places),
            };
            self.tell(client, LogEvent::Appended { id, result });
        }
        if self.committed.is_empty() {
            return;
        }
        let synced = self.sync_commits();
        for (client, id) in std::mem::take(&mut self.committed) {
            let result = match &synced {
                Ok(()) => Ok(()),
                Err(error) => Err(LogError::Unavailable(error.to_string())),
            };
            self.tell(client, LogEvent::Committed { id, result });
        }
        self.retain();
    }

    /// Makes commits durable, and how far partitions reach.
    fn sync_commits(&mut self) -> io::Result<()> {
        for (topic, partitions) in &self.topics {
            for (number, partition) in (0..).zip(partitions) {
                self.commits.set_end(topic, number, partition.end());
            }
        }
        self.commits.sync()
    }

    /// Writes without a sync, as a process does that ends in between.
    #[cfg(test)]
    pub(super) fn write_unsynced(&mut self) {
        self.topics.values_mut().flatten().for_each(Partition::write_unsynced);
    }

    /// Every partition with its segments, as far as they are durable.
    fn held(&self) -> Held {
        let of_topic = |(topic, partitions): (&String, &Vec<Partition>)| {
            let place = |(number, partition): (u32, &Partition)| Place {
                topic: topic.clone(),
                partition: number,
                segments: partition.segments().map(|s| (s.path.clone(), s.len)).collect(),
            };
            (0..).zip(partitions).map(place).collect::<Vec<Place>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }

    /// Removes what every group has done with.
    fn retain(&mut self) {
        if self.holds > 0 {
            return;
        }
        let before_ms = now_ms() - self.options.retention_ms;
        for (topic, partitions) in &mut self.topics {
            for (number, partition) in (0..).zip(partitions) {
                if let Some(offset) = self.commits.lowest(topic, number)
                    && let Err(error) = partition.retain(offset, before_ms)
                {
                    eprintln!("log: cannot remove old segments of {topic}: {error}");
                }
            }
        }
    }

    /// Hands out records as long as members have room. Commands that come meanwhile go first.
    pub(super) fn deliver(&mut self, received: &Receiver<Command>) {
        let mut delivered = true;
        while delivered {
            delivered = false;
            for index in 0..self.subscriptions.len() {
                if self.subscriptions[index].has_room() {
                    delivered |= self.deliver_to(index);
                }
            }
            // A wake-up keeps the loop of `run` going after the queued commands.
            if delivered && let Ok(command) = received.try_recv() {
                let _ = self.commands.send(Command::Wake);
                if self.take(command) {
                    let _ = self.commands.send(Command::Close);
                }
                self.sync();
            }
        }
    }

    fn deliver_to(&mut self, index: usize) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(index) else { return false };
        let Some(partitions) = self.topics.get(&subscription.topic) else { return false };
        let (client, topic) = (subscription.client, Topic::from(subscription.topic.as_str()));
        let group = Topic::from(subscription.group.as_str());
        let mut events = Vec::new();
        let trackers: Vec<_> =
            subscription.partitions.keys().map(|_| subscription.tracker(&self.commands)).collect();
        for ((number, delivery), tracker) in subscription.partitions.iter_mut().zip(trackers) {
            if delivery.is_paused {
                continue;
            }
            let partition = &partitions[*number as usize];
            match partition.read(&mut delivery.cursor, BATCH_BYTES, tracker) {
                Ok(records) if records.is_empty() => {}
                Ok(records) => events.push(LogEvent::Records {
                    topic: topic.clone(),
                    group: group.clone(),
                    partition: *number,
                    epoch: delivery.epoch,
                    records,
                }),
                Err(error) => {
                    // Skipping would lose records: the partition stops and says so.
                    delivery.is_paused = true;
                    eprintln!(
                        "log: partition {number} of {topic} cannot be read at offset {}: {error}",
                        delivery.cursor.offset
                    );
                }
            }
        }
        let delivered = !events.is_empty();
        for event in events {
            self.tell(client, event);
        }
        delivered
    }

    /// Deals out the partitions of a topic among the members of a group anew.
    fn rebalance(&mut self, topic: &str, group: &str) {
        let Some(count) = self.topics.get(topic).map(|partitions| partitions.len() as u32) else {
            return;
        };
        let is_member = |s: &Subscription| s.topic == topic && s.group == group;
        let members: Vec<usize> =
            (0..self.subscriptions.len()).filter(|i| is_member(&self.subscriptions[*i])).collect();
        let hands = if group.is_empty() {
            vec![(0..count).collect(); members.len()]
        } else {
            deal(members.len(), count)
        };
        // First everything that goes, then everything that comes.
        for (index, hand) in members.iter().zip(&hands) {
            self.revoke(*index, hand);
        }
        for (index, hand) in members.iter().zip(&hands) {
            self.assign(*index, hand);
        }
    }

    fn revoke(&mut self, index: usize, hand: &[u32]) {
        let subscription = &mut self.subscriptions[index];
        let lost: Vec<u32> =
            subscription.partitions.keys().copied().filter(|n| !hand.contains(n)).collect();
        if lost.is_empty() {
            return;
        }
        subscription.partitions.retain(|number, _| hand.contains(number));
        let event = LogEvent::Revoked {
            topic: subscription.topic.as_str().into(),
            group: subscription.group.as_str().into(),
            partitions: lost,
        };
        let client = subscription.client;
        self.tell(client, event);
    }

    fn assign(&mut self, index: usize, hand: &[u32]) {
        self.assignments += 1;
        let epoch = self.assignments * EPOCHS;
        let subscription = &mut self.subscriptions[index];
        let client = subscription.client;
        let (topic, group) = (subscription.topic.clone(), subscription.group.clone());
        let Some(partitions) = self.topics.get(&topic) else { return };
        let (mut gained, mut begun) = (Vec::new(), Vec::new());
        for number in hand {
            if subscription.partitions.contains_key(number) {
                continue;
            }
            let partition = &partitions[*number as usize];
            let committed = self.commits.get(&(topic.clone(), group.clone(), *number)).cloned();
            let position = committed.unwrap_or_else(|| match subscription.start {
                Start::Earliest => partition.start().into(),
                Start::Latest => {
                    let end = Position::from(partition.end());
                    if !group.is_empty() && is_group(&group) {
                        begun.push((*number, end.clone()));
                    }
                    end
                }
            });
            let cursor = Cursor::at(position.offset);
            let delivery = Delivery { cursor, first_epoch: epoch, epoch, is_paused: false };
            subscription.partitions.insert(*number, delivery);
            gained.push((*number, position));
        }
        if !begun.is_empty() {
            // The group keeps its place whatever becomes of this member.
            for (number, position) in begun {
                self.commits.set((topic.clone(), group.clone(), number), position);
            }
            if let Err(error) = self.sync_commits() {
                eprintln!("log: cannot write where group {group} of {topic} begins: {error}");
            }
        }
        if !gained.is_empty() {
            let event = LogEvent::Assigned {
                topic: topic.as_str().into(),
                group: group.as_str().into(),
                epoch,
                partitions: gained,
            };
            self.tell(client, event);
        }
    }

    /// Changes the delivery of a partition; false when it is not the client's, or was assigned
    /// anew.
    fn with(
        &mut self,
        client: u64,
        topic: &str,
        group: &str,
        (partition, epoch): (u32, u64),
        change: impl FnOnce(&mut Delivery),
    ) -> bool {
        let found = self.subscriptions.iter_mut().find(|subscription| {
            subscription.client == client
                && subscription.topic == topic
                && subscription.group == group
        });
        match found.and_then(|subscription| subscription.partitions.get_mut(&partition)) {
            Some(delivery) if epoch >= delivery.first_epoch => {
                change(delivery);
                true
            }
            _ => false,
        }
    }

    /// The topic, which is made when it is not there.
    fn topic(&mut self, name: &str) -> Result<&mut Vec<Partition>, LogError> {
        if !self.topics.contains_key(name) {
            let is_good = !name.is_empty()
                && name != "."
                && name != ".."
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            if !is_good {
                let reason = format!("'{name}' is no name of a topic");
                return Err(LogError::Refused(reason));
            }
            let path = self.folder.join(name);
            let opened = self.open_topic(&path, self.options.partitions);
            let synced = opened.and_then(|topic| {
                self.files.sync_folder(&path).map_err(LogOpenError::io(&path))?;
                self.files.sync_folder(&self.folder).map_err(LogOpenError::io(&self.folder))?;
                Ok(topic)
            });
            let topic = synced.map_err(|error| LogError::Unavailable(error.to_string()))?;
            self.topics.insert(name.to_owned(), topic);
        }
        let missing = || LogError::Unavailable(format!("topic {name}"));
        self.topics.get_mut(name).ok_or_else(missing)
    }

    fn open_topic(&self, path: &Path, count: u32) -> Result<Vec<Partition>, LogOpenError> {
        let open = |number: u32| {
            let folder = path.join(number.to_string());
            Partition::open(self.files.clone(), &folder, self.options.segment_bytes)
        };
        (0..count).map(open).collect()
    }

    fn tell(&self, client: u64, event: LogEvent) {
        if let Some(sink) = self.clients.get(&client) {
            sink(event);
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
