//! Checks of [`crate::contract::log`].

use bytes::Bytes;

use crate::contract::log::{
    EPOCHS, LogAction, LogError, LogEvent, NewRecord, Position, Record, Start, Topic,
};
use crate::contract::{ActionId, ActionIds};

/// A log under test.
pub trait LogHarness {
    /// A new client; names it.
    fn client(&mut self) -> usize;
    /// Ends a client.
    fn leave(&mut self, client: usize);
    /// Asks.
    fn submit(&mut self, client: usize, action: LogAction);
    /// The client's next event; panics when none comes.
    fn next(&mut self, client: usize) -> LogEvent;
    /// The client's next event, if one comes soon.
    fn next_soon(&mut self, client: usize) -> Option<LogEvent>;
    /// Ends the process of the log without any courtesy, and starts it anew. Clients are gone.
    fn crash(&mut self);
}

/// Partitions that the harness' topics have.
pub const PARTITIONS: u32 = 4;

/// Runs every check against logs that `new` makes.
pub fn check_all<H: LogHarness>(mut new: impl FnMut() -> H) {
    appended_records_are_durable_and_in_order(&mut new());
    ends_cover_what_was_acknowledged(&mut new());
    timestamps_do_not_go_back(&mut new());
    a_group_goes_on_at_its_commit(&mut new());
    what_was_not_committed_comes_again(&mut new());
    groups_are_independent(&mut new());
    the_empty_group_gets_everything_and_commits_nothing(&mut new());
    start_latest_skips_what_was_there(&mut new());
    start_latest_keeps_its_place(&mut new());
    members_share_partitions(&mut new());
    a_commit_of_a_partition_that_is_not_assigned_is_refused(&mut new());
    a_seek_delivers_again_with_its_epoch(&mut new());
    a_paused_partition_waits(&mut new());
    what_was_asked_for_an_earlier_assignment_is_passed_over(&mut new());
    a_partition_that_does_not_exist_is_refused(&mut new());
}

/// A client of the harness, with its ids.
struct User<'h, H> {
    harness: &'h mut H,
    client: usize,
    ids: ActionIds,
    /// Of the last assignment.
    epoch: u64,
}

fn topic() -> Topic {
    "topic".into()
}

fn group() -> Topic {
    "group".into()
}

impl<'h, H: LogHarness> User<'h, H> {
    fn new(harness: &'h mut H) -> Self {
        let client = harness.client();
        Self { harness, client, ids: ActionIds::default(), epoch: 0 }
    }

    fn submit(&mut self, action: LogAction) {
        self.harness.submit(self.client, action);
    }

    fn append(&mut self, partition: u32, values: &[&str]) -> Vec<u64> {
        let id = self.ids.next_id();
        let record = |value: &&str| NewRecord {
            partition,
            key: Bytes::from_static(b"key"),
            value: Bytes::copy_from_slice(value.as_bytes()),
        };
        let records = values.iter().map(record).collect();
        self.submit(LogAction::Append { id, topic: topic(), records });
        match self.harness.next(self.client) {
            LogEvent::Appended { id: answered, result: Ok(places) } => {
                assert_eq!(answered, id);
                assert!(places.iter().all(|(place, _)| *place == partition));
                places.into_iter().map(|(_, offset)| offset).collect()
            }
            other => panic!("an acknowledgement, not {other:?}"),
        }
    }

    fn subscribe(&mut self, group: Topic, start: Start) -> Vec<(u32, Position)> {
        self.submit(LogAction::Subscribe { topic: topic(), group, start });
        self.assigned()
    }

    fn assigned(&mut self) -> Vec<(u32, Position)> {
        loop {
            match self.harness.next(self.client) {
                LogEvent::Assigned { epoch, partitions, .. } => {
                    assert!(epoch >= self.epoch + EPOCHS, "room for seeks");
                    self.epoch = epoch;
                    return partitions;
                }
                LogEvent::Revoked { .. } => {}
                other => panic!("an assignment, not {other:?}"),
            }
        }
    }

    /// Records of a partition until there are `count`.
    fn read(&mut self, partition: u32, count: usize) -> Vec<Record> {
        let mut read = Vec::new();
        while read.len() < count {
            match self.harness.next(self.client) {
                LogEvent::Records { partition: from, records, .. } if from == partition => {
                    read.extend(records);
                }
                LogEvent::Records { .. } | LogEvent::Assigned { .. } => {}
                other => panic!("records, not {other:?}"),
            }
        }
        read
    }

    fn commit(&mut self, group: Topic, partition: u32, offset: u64) -> Result<(), LogError> {
        let id = self.ids.next_id();
        let (topic, epoch) = (topic(), self.epoch);
        let position = Position { offset, note: format!("before {offset}") };
        self.submit(LogAction::Commit { id, topic, group, partition, epoch, position });
        loop {
            match self.harness.next(self.client) {
                LogEvent::Committed { id: answered, result } => {
                    assert_eq!(answered, id);
                    return result;
                }
                LogEvent::Records { .. } => {}
                other => panic!("a commit, not {other:?}"),
            }
        }
    }
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.value).into_owned()).collect()
}

fn appended_records_are_durable_and_in_order<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let first = user.append(1, &["a", "b"]);
    let second = user.append(1, &["c"]);
    assert!(first[0] < first[1]);
    assert!(first[1] < second[0], "offsets grow");
    harness.crash();
    let mut user = User::new(harness);
    user.subscribe(group(), Start::Earliest);
    let records = user.read(1, 3);
    assert_eq!(values(&records), ["a", "b", "c"]);
    assert_eq!(records[0].key, Bytes::from_static(b"key"));
    assert_eq!(
        records.iter().map(|r| r.offset).collect::<Vec<_>>(),
        [first[0], first[1], second[0]]
    );
}

fn ends_cover_what_was_acknowledged<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let last = user.append(2, &["a", "b"])[1];
    let id = ActionId(1_000);
    user.submit(LogAction::Ends { id, topic: topic() });
    match user.harness.next(user.client) {
        LogEvent::Ends { id: answered, result: Ok(ends) } => {
            assert_eq!(answered, id);
            assert_eq!(ends.len(), PARTITIONS as usize);
            let end = ends.iter().find(|(partition, _)| *partition == 2).expect("a partition").1;
            assert!(end > last);
        }
        other => panic!("ends, not {other:?}"),
    }
}

fn timestamps_do_not_go_back<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    for _ in 0..5 {
        user.append(0, &["x"]);
    }
    user.subscribe(group(), Start::Earliest);
    let records = user.read(0, 5);
    assert!(records.is_sorted_by_key(|record| record.timestamp_ms));
}

fn a_group_goes_on_at_its_commit<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let offsets = user.append(0, &["a", "b", "c"]);
    user.subscribe(group(), Start::Earliest);
    user.read(0, 3);
    assert_eq!(user.commit(group(), 0, offsets[1]), Ok(()));
    harness.crash();
    let mut user = User::new(harness);
    let assigned = user.subscribe(group(), Start::Latest);
    let position = Position { offset: offsets[1], note: format!("before {}", offsets[1]) };
    assert!(assigned.contains(&(0, position)), "{assigned:?}");
    let others = assigned.iter().filter(|(partition, _)| *partition != 0);
    assert!(others.map(|(_, position)| &*position.note).all(str::is_empty), "{assigned:?}");
    assert_eq!(values(&user.read(0, 2)), ["b", "c"]);
}

fn what_was_not_committed_comes_again<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.append(0, &["a"]);
    user.subscribe(group(), Start::Earliest);
    user.read(0, 1);
    let client = user.client;
    harness.leave(client);
    let mut user = User::new(harness);
    user.subscribe(group(), Start::Earliest);
    assert_eq!(values(&user.read(0, 1)), ["a"]);
}

fn groups_are_independent<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let offset = user.append(0, &["a"])[0];
    user.subscribe(group(), Start::Earliest);
    user.read(0, 1);
    assert_eq!(user.commit(group(), 0, offset + 1), Ok(()));
    let mut other = User::new(harness);
    other.subscribe("other".into(), Start::Earliest);
    assert_eq!(values(&other.read(0, 1)), ["a"]);
}

fn the_empty_group_gets_everything_and_commits_nothing<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.append(0, &["a"]);
    assert_eq!(user.subscribe("".into(), Start::Earliest).len(), PARTITIONS as usize);
    assert_eq!(values(&user.read(0, 1)), ["a"]);
    assert!(matches!(user.commit("".into(), 0, 1), Err(LogError::NotAssigned { .. })));
    let mut other = User::new(harness);
    assert_eq!(other.subscribe("".into(), Start::Earliest).len(), PARTITIONS as usize);
    assert_eq!(values(&other.read(0, 1)), ["a"]);
}

fn start_latest_skips_what_was_there<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.append(0, &["old"]);
    let client = user.client;
    let mut reader = User::new(harness);
    reader.subscribe(group(), Start::Latest);
    let (reader_client, ids) = (reader.client, ActionIds::default());
    let mut user = User { harness, client, ids, epoch: 0 };
    user.append(0, &["new"]);
    let ids = ActionIds::default();
    let mut reader = User { harness, client: reader_client, ids, epoch: 0 };
    assert_eq!(values(&reader.read(0, 1)), ["new"]);
}

fn start_latest_keeps_its_place<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.subscribe(group(), Start::Latest);
    harness.crash();
    let mut user = User::new(harness);
    user.append(0, &["new"]);
    user.subscribe(group(), Start::Latest);
    assert_eq!(values(&user.read(0, 1)), ["new"]);
}

fn members_share_partitions<H: LogHarness>(harness: &mut H) {
    let mut first = User::new(harness);
    assert_eq!(first.subscribe(group(), Start::Earliest).len(), PARTITIONS as usize);
    let first = first.client;
    let mut second = User::new(harness);
    let gained = second.subscribe(group(), Start::Earliest);
    let second = second.client;
    assert_eq!(gained.len(), PARTITIONS as usize / 2);
    let lost = loop {
        match harness.next(first) {
            LogEvent::Revoked { partitions, .. } => break partitions,
            LogEvent::Assigned { .. } => {}
            other => panic!("a revocation, not {other:?}"),
        }
    };
    for (partition, _) in &gained {
        assert!(lost.contains(partition), "{partition} has one owner");
    }
    harness.leave(second);
    let mut first = User { harness, client: first, ids: ActionIds::default(), epoch: 0 };
    let back = first.assigned();
    assert_eq!(back.len(), PARTITIONS as usize / 2);
}

fn a_commit_of_a_partition_that_is_not_assigned_is_refused<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.append(0, &["a"]);
    let result = user.commit(group(), 0, 1);
    assert!(matches!(result, Err(LogError::NotAssigned { .. })), "{result:?}");
}

fn a_seek_delivers_again_with_its_epoch<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    let offsets = user.append(0, &["a", "b", "c"]);
    user.subscribe(group(), Start::Earliest);
    user.read(0, 3);
    let sought = user.epoch + 7;
    user.submit(LogAction::Seek {
        topic: topic(),
        group: group(),
        partition: 0,
        offset: offsets[1],
        epoch: sought,
    });
    loop {
        match user.harness.next(user.client) {
            LogEvent::Records { epoch, records, .. } if epoch == sought => {
                return assert_eq!(records[0].offset, offsets[1]);
            }
            LogEvent::Records { .. } => {}
            other => panic!("records, not {other:?}"),
        }
    }
}

fn a_paused_partition_waits<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.subscribe(group(), Start::Earliest);
    let (topic, group, partition, epoch) = (topic(), group(), 0, user.epoch);
    let pause = LogAction::Pause { topic: topic.clone(), group: group.clone(), partition, epoch };
    user.submit(pause);
    user.append(0, &["a"]);
    assert_eq!(user.harness.next_soon(user.client), None);
    user.submit(LogAction::Resume { topic, group, partition, epoch });
    assert_eq!(values(&user.read(0, 1)), ["a"]);
}

fn what_was_asked_for_an_earlier_assignment_is_passed_over<H: LogHarness>(harness: &mut H) {
    let mut first = User::new(harness);
    first.subscribe(group(), Start::Earliest);
    let (first, earlier) = (first.client, first.epoch);
    // Another one comes and goes, and the first has the partition again.
    let mut second = User::new(harness);
    let partition = second.subscribe(group(), Start::Earliest)[0].0;
    let second = second.client;
    harness.leave(second);
    let mut user = User { harness, client: first, ids: ActionIds::default(), epoch: earlier };
    while !user.assigned().iter().any(|(number, _)| *number == partition) {}
    let epoch = std::mem::replace(&mut user.epoch, earlier);
    let refused = user.commit(group(), partition, 1);
    assert!(matches!(refused, Err(LogError::NotAssigned { .. })), "{refused:?}");
    let sought = earlier + 1;
    let (topic, group) = (topic(), group());
    let pause =
        LogAction::Pause { topic: topic.clone(), group: group.clone(), partition, epoch: sought };
    user.submit(LogAction::Seek { topic, group, partition, offset: 1, epoch: sought });
    user.submit(pause);
    User::new(harness).append(partition, &["a", "b"]);
    let mut user = User { harness, client: first, ids: ActionIds::default(), epoch };
    assert_eq!(values(&user.read(partition, 2)), ["a", "b"], "from the start, and not paused");
}

fn a_partition_that_does_not_exist_is_refused<H: LogHarness>(harness: &mut H) {
    let mut user = User::new(harness);
    user.append(0, &["a"]);
    let record = NewRecord { partition: 1_000_000, key: Bytes::new(), value: Bytes::new() };
    let id = user.ids.next_id();
    user.submit(LogAction::Append { id, topic: topic(), records: vec![record] });
    match user.harness.next(user.client) {
        LogEvent::Appended { result: Err(LogError::Refused(_)), .. } => {}
        other => panic!("a refusal, not {other:?}"),
    }
}
