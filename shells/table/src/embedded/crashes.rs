//! The engine against a simple model, on a disk that fails, over thousands of seeds: everything
//! that was flushed is there, nothing that was deleted or overwritten, and damage is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use weft_daemons::contract::TableError;
use weft_daemons::contract::table::{CellTime, SeriesPut};
use weft_files::{Damage, Random, SimulatedDisk};
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, SeriesId, Value};

use super::check::check_blocks;
use super::engine::{Engine, FAN_IN, Snapshot};
use super::file::Tombstone;
use super::memtable::Memtable;
use super::merge::window;

const FOLDER: &str = "/blocks";
const SERIES: i64 = 7;
const TICKS: u64 = 150;

/// Series and tick to cell timestamp and value.
type Model = BTreeMap<(SeriesId, i64), (i64, i64)>;

/// A table and what it should hold.
struct World {
    disk: SimulatedDisk,
    engine: Engine,
    random: Random,
    now: Model,
    /// What the frozen memtable and everything before it make.
    frozen: Option<Model>,
    /// One of these is what a crash leaves.
    durable: Vec<Model>,
    clock: i64,
    value: i64,
}

fn series(number: i64) -> SeriesId {
    SeriesId { class_id: number - 3, labels_id: number << 60 }
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed);
        let engine = open(&disk).expect("an empty folder");
        Self {
            disk,
            engine,
            random: Random::new(seed),
            now: Model::new(),
            frozen: None,
            durable: vec![Model::new()],
            clock: 100,
            value: 0,
        }
    }

    fn series(&mut self) -> SeriesId {
        series(self.random.below(SERIES as u64) as i64)
    }

    fn put(&mut self) {
        let puts: Vec<SeriesPut> = (0..1 + self.random.below(3)).map(|_| self.a_put()).collect();
        for put in &puts {
            let CellTime::At(cell_ms) = put.cell_time else { continue };
            for point in put.points.iter() {
                let Value::Long(value) = point.value else { continue };
                let cell = self.now.entry((put.series, point.tick)).or_insert((cell_ms, value));
                if cell.0 <= cell_ms {
                    *cell = (cell_ms, value);
                }
            }
        }
        self.engine.put(&puts);
    }

    fn a_put(&mut self) -> SeriesPut {
        let (series, mut points) = (self.series(), Columns::default());
        let in_order = self.random.below(3) > 0;
        let start = self.random.below(TICKS) as i64;
        for step in 0..self.random.below(90) as i64 {
            let tick = if in_order { start + step } else { self.random.below(TICKS) as i64 };
            self.value += 1;
            points.push(tick, NO_LOCATION, NO_ELEVATION, Value::Long(self.value));
        }
        self.clock += self.random.below(2) as i64;
        let cell_ms = self.clock - self.random.below(4) as i64;
        SeriesPut { series, points, cell_time: CellTime::At(cell_ms), ttl_ms: None }
    }

    fn delete(&mut self) {
        let series = self.series();
        let (start, length) = (self.random.below(TICKS) as i64, self.random.below(TICKS) as i64);
        let (start, end) = match self.random.below(3) {
            0 => (i64::MIN, i64::MAX),
            _ => (start, start + length),
        };
        let cell_until = self.clock - self.random.below(3) as i64;
        let tombstone = Tombstone { start, end, cell_from: 0, cell_until };
        self.now.retain(|(of, tick), (cell_ms, _)| {
            *of != series || !(start..=end).contains(tick) || *cell_ms > cell_until
        });
        self.engine.delete(series, tombstone);
    }

    fn flush(&mut self) {
        if self.engine.freeze().is_ok() {
            self.frozen = Some(self.now.clone());
        }
        let Some(frozen) = self.frozen.clone() else { return };
        match self.engine.flush() {
            Ok(()) => {
                self.durable = vec![frozen];
                self.frozen = None;
            }
            Err(_) => self.durable.push(frozen),
        }
    }

    /// After a crash the table holds one of what it may hold.
    fn restart(&mut self) {
        self.disk.set_damage(Damage { short: 300, ..Damage::default() });
        self.engine = open(&self.disk).expect("a crash damages nothing");
        let held = self.held(&mut None);
        assert!(self.durable.contains(&held), "{held:?} is none of {:?}", self.durable);
        self.frozen = None;
        self.durable = vec![held.clone()];
        self.now = held;
    }

    /// Everything, read in pieces of a few cells, up or down.
    fn held(&mut self, snapshot: &mut Option<Snapshot>) -> Model {
        let mut held = Model::new();
        for number in 0..SERIES {
            let (is_up, limit) = (self.random.below(2) > 0, 1 + self.random.below(30) as usize);
            self.engine.snapshot(snapshot);
            let range = (i64::MIN, i64::MAX);
            let cells = read(snapshot, series(number), range, is_up, limit).expect("a good disk");
            held.extend(cells.into_iter().map(|(tick, cell)| ((series(number), tick), cell)));
        }
        held
    }

    /// A part of one series is what it should be.
    fn check_range(&mut self, snapshot: &mut Option<Snapshot>) {
        let of = self.series();
        let (a, b) = (self.random.below(TICKS) as i64, self.random.below(TICKS) as i64);
        let (oldest, newest) = (a.min(b), a.max(b));
        let (is_up, limit) = (self.random.below(2) > 0, 1 + self.random.below(200) as usize);
        self.engine.snapshot(snapshot);
        let found = read(snapshot, of, (oldest, newest), is_up, limit).expect("a good disk");
        let should: BTreeMap<i64, (i64, i64)> = self
            .now
            .range((of, oldest)..=(of, newest))
            .map(|((_, tick), cell)| (*tick, *cell))
            .collect();
        assert_eq!(found, should);
    }
}

fn open(disk: &SimulatedDisk) -> Result<Engine, TableError> {
    Engine::open(Arc::new(disk.clone()), Path::new(FOLDER), usize::MAX)
}

fn read(
    snapshot: &mut Option<Snapshot>,
    series: SeriesId,
    (oldest, newest): (i64, i64),
    is_up: bool,
    limit: usize,
) -> Result<BTreeMap<i64, (i64, i64)>, TableError> {
    let snapshot = snapshot.as_mut().expect("one was taken");
    let memtables: Vec<&Memtable> = snapshot.memtables.iter().map(|memtable| &**memtable).collect();
    let (mut found, mut range) = (BTreeMap::new(), (oldest, newest));
    loop {
        let part = window(&mut snapshot.files, &memtables, series, range, is_up, limit)?;
        let ticks = &part.cells.points.ticks;
        assert!(ticks.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
        for (row, point) in part.cells.points.iter().enumerate() {
            let Value::Long(value) = point.value else { panic!("an integer") };
            let before = found.insert(point.tick, (part.cells.cell_ms.get(row), value));
            assert_eq!(before, None, "nothing comes twice");
        }
        match part.until {
            Some(tick) if is_up && tick < newest => range.0 = tick + 1,
            Some(tick) if !is_up && tick > oldest => range.1 = tick - 1,
            _ => return Ok(found),
        }
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let mut snapshot = None;
    let (failing, steps) = (world.random.below(3) * 60, 20 + world.random.below(60));
    for _ in 0..steps {
        world.disk.set_damage(Damage { short: 300, ..Damage::default() });
        match world.random.below(20) {
            0..8 => world.put(),
            8..10 => world.delete(),
            10..14 => {
                let short = 300;
                world.disk.set_damage(Damage {
                    failing,
                    short,
                    disorder: true,
                    ..Damage::default()
                });
                world.flush();
            }
            14..16 => {
                let short = 300;
                world.disk.set_damage(Damage {
                    failing,
                    short,
                    disorder: true,
                    ..Damage::default()
                });
                let _ = world.engine.merge(0, FAN_IN);
            }
            16 => {
                world.disk.crash();
                snapshot = None;
                world.restart();
            }
            _ => world.check_range(&mut snapshot),
        }
    }
    assert_eq!(world.held(&mut snapshot), world.now);
}

#[test]
fn what_was_flushed_survives_crashes_and_nothing_else_is_read() {
    let seeds = std::env::var("WEFT_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(1_000) {
        let result = std::panic::catch_unwind(|| run(seed));
        if let Err(panic) = result {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn a_flipped_bit_is_told_and_never_read() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..6 {
            world.put();
            world.flush();
        }
        let Some((path, place)) = world.disk.flip_bit() else { continue };
        let Ok(engine) = open(&world.disk) else { continue };
        let mut snapshot = None;
        engine.snapshot(&mut snapshot);
        for number in 0..SERIES {
            let range = (i64::MIN, i64::MAX);
            let Ok(found) = read(&mut snapshot, series(number), range, false, 9) else { continue };
            let of = |tick| (series(number), tick);
            let should: BTreeMap<i64, (i64, i64)> = world
                .now
                .range(of(i64::MIN)..=of(i64::MAX))
                .map(|((_, tick), cell)| (*tick, *cell))
                .collect();
            assert_eq!(found, should, "seed {seed}: {} at {place}", path.display());
        }
    }
}

/// A check finds every bit that flips, and nothing where none did.
#[test]
fn a_check_finds_every_flipped_bit() {
    let mut found = 0;
    for seed in 0..600 {
        let mut world = World::new(seed);
        for _ in 0..6 {
            world.put();
            world.delete();
            world.flush();
        }
        let _ = world.engine.merge(0, FAN_IN);
        let disk = world.disk.clone();
        let look = || check_blocks(&disk, Path::new(FOLDER)).expect("a disk that reads");
        assert_eq!(look().damage, Vec::<String>::new(), "seed {seed}");
        let Some((path, place)) = disk.flip_bit() else { continue };
        assert_ne!(
            look().damage,
            Vec::<String>::new(),
            "seed {seed}: {} at {place}",
            path.display()
        );
        found += 1;
    }
    assert!(found > 500, "{found}");
}

/// A copy holds what was flushed when it was made, whatever is merged meanwhile.
#[test]
fn a_copy_is_what_there_was() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..8 {
            world.put();
            world.delete();
            world.flush();
        }
        let flushed = world.durable.last().cloned().expect("one");
        let merged = std::cell::Cell::new(false);
        let go_on = || {
            // In the middle of it.
            if !merged.replace(true) {
                let _ = world.engine.merge(0, FAN_IN);
            }
            Ok(())
        };
        world.engine.copy(Path::new("/copy"), &go_on).expect("a good disk");
        assert!(check_blocks(&world.disk, Path::new("/copy")).expect("a copy").damage.is_empty());
        let files = Arc::new(world.disk.clone());
        world.engine = Engine::open(files, Path::new("/copy"), usize::MAX).expect("a copy");
        assert_eq!(world.held(&mut None), flushed, "seed {seed}");
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        world.put();
        world.flush();
        world.disk.set_damage(Damage { capacity: Some(2_000), ..Damage::default() });
        for _ in 0..20 {
            world.put();
            world.flush();
            let _ = world.engine.merge(0, FAN_IN);
        }
        assert_eq!(world.held(&mut None), world.now, "seed {seed}");
        world.disk.set_damage(Damage::default());
        // The first ends what failed, the second takes what came since.
        world.flush();
        world.flush();
        world.disk.crash();
        world.restart();
    }
}

#[test]
fn merging_leaves_out_what_is_dead_when_nothing_older_is_left() {
    let disk = SimulatedDisk::new(1);
    let engine = open(&disk).expect("an empty folder");
    let put = |tick: i64, ttl_ms: Option<i64>| {
        let mut points = Columns::default();
        points.push(tick, NO_LOCATION, NO_ELEVATION, Value::Long(tick));
        engine.put(&[SeriesPut { series: series(1), points, cell_time: CellTime::At(5), ttl_ms }]);
        engine.freeze().and_then(|()| engine.flush()).expect("a good disk");
    };
    put(1, Some(10));
    put(2, Some(1_000));
    put(3, None);
    put(4, Some(10));
    assert_eq!(engine.merge(100, FAN_IN), Ok(true));
    let mut snapshot = None;
    engine.snapshot(&mut snapshot);
    let range = (i64::MIN, i64::MAX);
    let found = read(&mut snapshot, series(1), range, false, 9).expect("a good disk");
    assert_eq!(found.into_keys().collect::<Vec<i64>>(), [2, 3]);
    assert_eq!(engine.merge(100, FAN_IN), Ok(false));
}
