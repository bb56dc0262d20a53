//! The log on a disk that fails, over thousands of seeds: what was acknowledged is there once,
//! where it was said to be, and nothing that was not appended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use weft_daemons::contract::log::{Position, Start};
use weft_daemons::contract::{ActionId, LogAction, LogError, LogEvent, NewRecord, Topic};
use weft_files::{Damage, Files, Random, SimulatedDisk};

use super::check::check;
use super::worker::{Command, Worker};
use super::{LogOpenError, LogOptions};

const PARTITIONS: u32 = 3;
const FOLDER: &str = "/log";

/// One life of the process, with one client that is in the group.
struct Life {
    worker: Worker,
    commands: (Sender<Command>, Receiver<Command>),
    events: Receiver<LogEvent>,
}

impl Life {
    fn open(disk: &SimulatedDisk) -> Result<Self, LogOpenError> {
        let options =
            LogOptions { partitions: PARTITIONS, segment_bytes: 2_000, retention_ms: i64::MAX / 2 };
        let commands = channel();
        let files = Arc::new(disk.clone());
        let mut worker = Worker::open(files, Path::new(FOLDER), options, commands.0.clone())?;
        let (sender, events) = channel();
        worker.take(Command::Join(1, Box::new(move |event| drop(sender.send(event)))));
        Ok(Self { worker, commands, events })
    }

    fn act(&mut self, action: LogAction) {
        self.worker.take(Command::Act(1, action));
    }

    /// What the client is told.
    fn told(&mut self) -> Vec<LogEvent> {
        self.worker.sync();
        self.worker.deliver(&self.commands.1);
        self.events.try_iter().collect()
    }
}

/// What the client knows.
#[derive(Default)]
struct History {
    last: u64,
    /// Partition and value of each append that waits for its answer, and of those with an
    /// uncertain one.
    asked: BTreeMap<u64, (u32, Bytes)>,
    unknown: BTreeSet<(u32, Bytes)>,
    acknowledged: BTreeMap<(u32, u64), Bytes>,
    /// The end of what was delivered, and its epoch.
    delivered: BTreeMap<u32, (u64, u64)>,
    /// The commit that was answered last, and those asked for since.
    committed: BTreeMap<u32, BTreeSet<u64>>,
    commits: BTreeMap<u64, (u32, u64)>,
}

fn topic() -> Topic {
    "topic".into()
}

fn group() -> Topic {
    "group".into()
}

/// What is committed with an offset.
fn note_of(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!("until {offset}") }
}

impl History {
    fn append(&mut self, life: &mut Life, random: &mut Random) {
        self.last += 1;
        let partition = random.below(u64::from(PARTITIONS)) as u32;
        let mut value = self.last.to_le_bytes().to_vec();
        value.resize(8 + random.below(900) as usize, random.below(256) as u8);
        let value = Bytes::from(value);
        self.asked.insert(self.last, (partition, value.clone()));
        let records = vec![NewRecord { partition, key: Bytes::new(), value }];
        life.act(LogAction::Append { id: ActionId(self.last), topic: topic(), records });
    }

    fn commit(&mut self, life: &mut Life) {
        for (partition, (offset, epoch)) in self.delivered.clone() {
            self.last += 1;
            let id = ActionId(self.last);
            self.commits.insert(self.last, (partition, offset));
            self.committed.entry(partition).or_insert_with(|| [0].into()).insert(offset);
            let (topic, group) = (topic(), group());
            let position = Position { offset, note: note_of(offset) };
            life.act(LogAction::Commit { id, topic, group, partition, epoch, position });
        }
    }

    fn learn(&mut self, events: Vec<LogEvent>) {
        for event in events {
            match event {
                LogEvent::Appended { id, result } => {
                    let (partition, value) = self.asked.remove(&id.0).expect("it was asked for");
                    match result {
                        Ok(places) => {
                            assert_eq!(places[0].0, partition);
                            assert_eq!(self.acknowledged.insert(places[0], value), None);
                        }
                        Err(LogError::Unknown(_)) => drop(self.unknown.insert((partition, value))),
                        Err(_) => {}
                    }
                }
                LogEvent::Committed { id, result: Ok(()) } => {
                    let (partition, offset) = self.commits[&id.0];
                    self.committed.insert(partition, [offset].into());
                }
                LogEvent::Records { partition, epoch, records, .. } => {
                    let end = records.last().map_or(0, |last| last.offset + 1);
                    self.delivered.insert(partition, (end, epoch));
                    // What a consumer saw may be committed: it must stay.
                    for record in records {
                        let place = (partition, record.offset);
                        let value = Bytes::copy_from_slice(&record.value);
                        self.unknown.remove(&(partition, value.clone()));
                        let before = self.acknowledged.insert(place, value.clone());
                        assert!(before.is_none_or(|before| before == value), "{place:?}");
                    }
                }
                _ => {}
            }
        }
    }

    /// The process is gone: nobody answers any more.
    fn end_of_life(&mut self) {
        self.unknown.extend(std::mem::take(&mut self.asked).into_values());
        self.commits.clear();
        self.delivered.clear();
    }

    /// Reads everything, and compares.
    fn check(&mut self, life: &mut Life, seed: u64) {
        life.act(LogAction::Describe { id: ActionId(0), topic: topic() });
        let described = life.told();
        let result = Ok(PARTITIONS);
        assert_eq!(described, [LogEvent::Described { id: ActionId(0), result }], "seed {seed}");
        life.act(LogAction::Subscribe { topic: topic(), group: "".into(), start: Start::Earliest });
        let mut found = BTreeMap::new();
        for event in life.told() {
            if let LogEvent::Records { partition, records, .. } = event {
                for record in records {
                    let value = Bytes::copy_from_slice(&record.value);
                    assert_eq!(found.insert((partition, record.offset), value), None);
                }
            }
        }
        for (place, value) in &self.acknowledged {
            assert!(found.get(place) == Some(value), "seed {seed}: {place:?} is lost");
        }
        for (place, value) in &found {
            let known = self.acknowledged.contains_key(place)
                || self.unknown.remove(&(place.0, value.clone()));
            assert!(known, "seed {seed}: {place:?} was not appended, or is there twice");
        }
        self.acknowledged = found;
        life.act(LogAction::Subscribe { topic: topic(), group: group(), start: Start::Earliest });
        for event in life.told() {
            match event {
                LogEvent::Assigned { group: of, partitions, .. } if of == group() => {
                    for (partition, Position { offset, note }) in partitions {
                        assert_eq!(note, note_of(offset), "seed {seed}: it goes with the offset");
                        let expected =
                            self.committed.entry(partition).or_insert_with(|| [0].into());
                        assert!(expected.contains(&offset), "seed {seed}: begins at {offset}");
                        *expected = [offset].into();
                    }
                }
                LogEvent::Records { .. } => self.learn(vec![event]),
                _ => {}
            }
        }
    }
}

/// A few lives on one disk. The disk, and what the client knows.
fn live(seed: u64, disorder: bool) -> (SimulatedDisk, History) {
    let disk = SimulatedDisk::new(seed);
    let mut random = Random::new(seed ^ 0xabcd);
    let calm = Damage { short: 300, disorder, ..Damage::default() };
    disk.set_damage(calm);
    disk.create_folder(Path::new(FOLDER)).expect("a folder");
    disk.sync_folder(Path::new("/")).expect("a folder");
    // The power goes while the topic is made.
    let mut life = Life::open(&disk).expect("an empty log");
    disk.set_damage(Damage { failing: 1_000, ..calm });
    life.act(LogAction::Describe { id: ActionId(0), topic: topic() });
    disk.set_damage(calm);
    disk.crash();
    let mut history = History::default();
    for _ in 0..4 {
        let mut life = match Life::open(&disk) {
            Ok(life) => life,
            Err(LogOpenError::Damaged { .. }) if disorder => break,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        history.check(&mut life, seed);
        let failing = random.below(4) * 30;
        let capacity = (random.below(4) == 0).then(|| 4_000 + random.below(20_000));
        disk.set_damage(Damage { failing, capacity, ..calm });
        for _ in 0..random.below(25) {
            match random.below(6) {
                0 => history.commit(&mut life),
                1 | 2 => history.learn(life.told()),
                _ => history.append(&mut life, &mut random),
            }
        }
        disk.set_damage(calm);
        match random.below(3) {
            0 => {
                // Killed after the write and before the sync.
                life.worker.write_unsynced();
                disk.kill();
            }
            1 => history.learn(life.told()),
            _ => {
                life.worker.write_unsynced();
                disk.crash();
            }
        }
        history.end_of_life();
    }
    (disk, history)
}

#[test]
fn what_was_acknowledged_survives_a_disk_that_fails() {
    for seed in 0..3_000 {
        let (disk, mut history) = live(seed, false);
        history.check(&mut Life::open(&disk).expect("a log"), seed);
    }
}

/// Where sectors are written in any order, a tail may look like damage: then it says so.
#[test]
fn sectors_in_any_order_lose_nothing_silently() {
    for seed in 0..1_000 {
        let (disk, mut history) = live(seed, true);
        match Life::open(&disk) {
            Ok(mut life) => history.check(&mut life, seed),
            Err(LogOpenError::Damaged { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}

/// Behind a long damaged record others are found too.
#[test]
fn damage_before_a_far_record_is_an_error() {
    let disk = SimulatedDisk::new(7);
    disk.create_folder(Path::new(FOLDER)).expect("a folder");
    let mut life = Life::open(&disk).expect("an empty log");
    for (id, length) in [(1, 5 << 20), (2, 0)] {
        let record =
            NewRecord { partition: 0, key: Bytes::new(), value: Bytes::from(vec![7; length]) };
        let (id, records) = (ActionId(id), vec![record]);
        life.act(LogAction::Append { id, topic: topic(), records });
    }
    life.told();
    disk.flip_bit().expect("one in the long record");
    assert!(matches!(Life::open(&disk), Err(LogOpenError::Damaged { position: 0, .. })));
}

/// A bit that flips is found, unless it is in the last record of a partition, which looks torn.
#[test]
fn a_flipped_bit_is_an_error() {
    let mut errors = 0;
    for seed in 0..1_000 {
        let (disk, mut history) = live(seed, false);
        history.check(&mut Life::open(&disk).expect("a log"), seed);
        let Some((path, _)) = disk.flip_bit() else { continue };
        let mut life = match Life::open(&disk) {
            Ok(life) => life,
            Err(LogOpenError::Damaged { path: found, .. }) => {
                assert_eq!(found, path, "seed {seed}");
                errors += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        let folder = path.parent().and_then(Path::file_name);
        let hit = (0..PARTITIONS).find(|n| folder.is_some_and(|name| *name == *n.to_string()));
        if let Some(hit) = hit {
            let mut of_it = history.acknowledged.range((hit, 0)..(hit + 1, 0));
            let last = of_it.next_back().map(|(place, _)| *place);
            last.and_then(|last| history.acknowledged.remove(&last));
        }
        life.act(LogAction::Subscribe { topic: topic(), group: "".into(), start: Start::Earliest });
        let read = life.told().into_iter().filter_map(|event| match event {
            LogEvent::Records { partition, records, .. } => Some((partition, records)),
            _ => None,
        });
        let found: BTreeMap<(u32, u64), Bytes> = read
            .flat_map(|(partition, records)| {
                records.into_iter().map(move |record| ((partition, record.offset), record.value))
            })
            .collect();
        for (place, value) in &history.acknowledged {
            assert!(found.get(place) == Some(value), "seed {seed}: {place:?} is lost");
        }
    }
    assert!(errors > 500, "{errors}");
}

/// A check finds every bit that flips, and nothing where none did. What stands last in the log may
/// be what a crash tore: that is a note.
#[test]
fn a_check_finds_every_flipped_bit() {
    let (mut damaged, mut noted) = (0, 0);
    for seed in 0..600 {
        let (disk, mut history) = live(seed, false);
        history.check(&mut Life::open(&disk).expect("a log"), seed);
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let look = || check(&files, Path::new(FOLDER)).expect("a disk that reads");
        let before = look();
        assert_eq!((before.damage, before.notes), (vec![], vec![]), "seed {seed}");
        let Some((path, place)) = disk.flip_bit() else { continue };
        if path.extension().is_some_and(|extension| extension == "new") {
            // What a crash left, which nobody reads.
            continue;
        }
        let after = look();
        damaged += usize::from(!after.damage.is_empty());
        noted += usize::from(!after.notes.is_empty());
        let is_told = !after.damage.is_empty() || !after.notes.is_empty();
        assert!(is_told, "seed {seed}: {} at {place}", path.display());
    }
    assert!(damaged > 400 && noted > 0, "{damaged} damaged, {noted} noted");
}

/// A log that has lost records that were there is not opened: others would take their offsets.
#[test]
fn a_log_that_ends_too_early_is_an_error() {
    let disk = SimulatedDisk::new(3);
    disk.create_folder(Path::new(FOLDER)).expect("a folder");
    let mut random = Random::new(3);
    let (mut life, mut history) = (Life::open(&disk).expect("an empty log"), History::default());
    life.act(LogAction::Subscribe { topic: topic(), group: group(), start: Start::Earliest });
    for _ in 0..30 {
        history.append(&mut life, &mut random);
    }
    history.learn(life.told());
    history.commit(&mut life);
    history.learn(life.told());
    drop(life);
    let segment = (0..PARTITIONS)
        .flat_map(|n| disk.list(&Path::new(FOLDER).join(format!("topics/topic/{n}"))))
        .flatten()
        .next_back()
        .expect("a segment");
    let length = disk.open(&segment).and_then(|file| file.length()).expect("a file");
    disk.append(&segment, length - 1).and_then(|mut file| file.sync()).expect("a good disk");
    match Life::open(&disk) {
        Err(LogOpenError::Damaged { path, .. }) => assert_eq!(path, segment),
        other => panic!("{:?}", other.err()),
    }
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let found = check(&files, Path::new(FOLDER)).expect("a disk that reads");
    assert!(found.damage.iter().any(|line| line.contains("records are missing")), "{found:?}");
}
