//! The real process, killed at random points while it ingests, deletes, flushes and merges. After
//! each kill everything that was acknowledged is there, once, and nothing else.
//!
//! `WEFT_KILLS` says how many kills (10 when it does not), `WEFT_KILLS_RECORD` names a file that
//! gets a line a run, from which the last line's totals go on.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::Node;
use common::http::Request;
use common::model::{Value, read_name};
use weft_files::Random;

/// Small files and short periods, so that a kill hits flushes, merges and commits too.
const SMALL: &str = "weft.memtable = 60000\nweft.segment = 200000\nweft.retention = 300\nweft.directory.snapshot = 20\n\
                     store.kafka.data.commitperiod = 30\ndirectory.kafka.metadata.commitperiod = 30\n";

const WRITERS: u64 = 3;

/// Ticks of a series; most are written again and again.
const TICKS: i64 = 600;

/// The longest that a life lasts.
const LIFE_MAX: Duration = Duration::from_millis(400);

/// Something that a writer asks for.
#[derive(Clone, Debug)]
enum Operation {
    /// The same value at some ticks, and a series of its own.
    Update { ticks: Vec<i64>, value: i64 },
    /// A range of ticks.
    Delete { start: i64, end: i64 },
    /// All series that this writer made, but its main one.
    Forget,
}

/// What a writer knows.
struct Writer {
    number: u64,
    random: Random,
    value: i64,
    /// What is stored: acknowledged, or seen since.
    points: BTreeMap<i64, i64>,
    /// Values that name series of their own.
    series: BTreeSet<i64>,
    /// What was asked for when the process went.
    unknown: Option<Operation>,
    acknowledged: u64,
}

impl Operation {
    fn request(&self, writer: u64, token: &str) -> Request {
        let request = match self {
            Self::Update { ticks, value } => {
                let line = |tick: &i64| format!("{tick}// main{{writer={writer}}} {value}\n");
                let mut lines: String = ticks.iter().map(line).collect();
                lines.push_str(&format!("1// own{{writer={writer},value={value}}} {value}\n"));
                Request::post("/api/v0/update", lines)
            }
            Self::Delete { start, end } => Request::get(&format!(
                "/api/v0/delete?selector=main%7Bwriter%3D{writer}%7D&start={start}&end={end}"
            )),
            Self::Forget => Request::get(&format!(
                "/api/v0/delete?selector=own%7Bwriter%3D{writer}%7D&deleteall"
            )),
        };
        request.header("X-Warp10-Token", token)
    }

    fn apply(&self, points: &mut BTreeMap<i64, i64>, series: &mut BTreeSet<i64>) {
        match self {
            Self::Update { ticks, value } => {
                points.extend(ticks.iter().map(|tick| (*tick, *value)));
                series.insert(*value);
            }
            Self::Delete { start, end } => points.retain(|tick, _| !(*start..=*end).contains(tick)),
            Self::Forget => series.clear(),
        }
    }
}

impl Writer {
    /// A writer whose main series exists: datapoints of one that nobody finds, for a kill took its
    /// metadata alone, would come to light with the next request.
    fn new(node: &Node, number: u64, seed: u64) -> Self {
        let (tick, value) = (0, 0);
        node.update(format!("{tick}// main{{writer={number}}} {value}\n"));
        Self {
            number,
            random: Random::new(seed ^ number << 32),
            value,
            points: BTreeMap::from([(tick, value)]),
            series: BTreeSet::new(),
            unknown: None,
            acknowledged: 0,
        }
    }

    fn next(&mut self) -> Operation {
        let start = self.random.below(TICKS as u64) as i64;
        match self.random.below(12) {
            0 => Operation::Delete { start, end: start + self.random.below(100) as i64 },
            1 if self.series.len() > 30 => Operation::Forget,
            kind => {
                self.value += 1;
                let count = 1 + self.random.below(if kind == 2 { 600 } else { 90 }) as i64;
                let ticks: Vec<i64> = if kind < 6 {
                    (0..count).map(|_| self.random.below(TICKS as u64) as i64).collect()
                } else {
                    (start..start + count).collect()
                };
                Operation::Update { ticks, value: self.value }
            }
        }
    }

    /// Asks, one thing after the other, until nobody answers.
    fn run(&mut self, node: &Node, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            let operation = self.next();
            let request = operation.request(self.number, &node.write);
            match request.try_send(node.address()) {
                // An answer is one when it came to its end.
                Ok(reply) if reply.is_complete => {
                    assert_eq!(reply.status, 200, "{operation:?}: {}", reply.text());
                    operation.apply(&mut self.points, &mut self.series);
                    self.acknowledged += 1;
                }
                _ => {
                    self.unknown = Some(operation);
                    return;
                }
            }
        }
    }

    /// Compares with what the node has now: how many are lost, how many are there twice or were
    /// never sent. What was uncertain is known then.
    fn check(&mut self, node: &Node) -> (u64, u64) {
        let text = node.fetch(&format!("main{{writer={}}}", self.number), "fulltext").text();
        let ticks: Vec<i64> = text.lines().map(tick_of).collect();
        let stored = common::model::Model::of_lines(&text);
        let mut found = BTreeMap::new();
        for (tick, point) in stored.series.into_values().flatten() {
            let Value::Long(value) = point.value else { panic!("{text}") };
            found.insert(tick, value);
        }
        let mut doubled = (ticks.len() - found.len()) as u64;
        let path = format!("/api/v0/find?selector=own%7Bwriter%3D{}%7D", self.number);
        let reply = node.get(&path, &node.read);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let own: Vec<i64> = reply
            .text()
            .lines()
            .map(|line| read_name(line).1["value"].parse().expect("a number"))
            .collect();
        let series: BTreeSet<i64> = own.iter().copied().collect();
        doubled += (own.len() - series.len()) as u64;

        let (mut points, mut all) = (self.points.clone(), self.series.clone());
        if let Some(unknown) = self.unknown.take() {
            unknown.apply(&mut points, &mut all);
        }
        let is_known = |tick: &i64| {
            let found = found.get(tick);
            found == self.points.get(tick) || found == points.get(tick)
        };
        let wrong = (0..TICKS * 3).filter(|tick| !is_known(tick));
        let (missing, other): (Vec<i64>, Vec<i64>) = wrong.partition(|t| !found.contains_key(t));
        let must: BTreeSet<i64> = self.series.intersection(&all).copied().collect();
        let may: BTreeSet<i64> = self.series.union(&all).copied().collect();
        let lost = missing.len() + must.difference(&series).count();
        doubled += (other.len() + series.difference(&may).count()) as u64;
        if lost > 0 || doubled > 0 {
            eprintln!(
                "writer {}: missing {missing:?}, other {other:?}, series {:?} and {:?}",
                self.number,
                must.difference(&series),
                series.difference(&may)
            );
        }
        (self.points, self.series) = (found, series);
        (lost as u64, doubled)
    }
}

fn tick_of(line: &str) -> i64 {
    line.split('/').next().and_then(|tick| tick.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

/// Totals over all runs.
#[derive(Default)]
struct Totals {
    kills: u64,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
}

impl Totals {
    /// Those of the last line.
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut numbers = text.lines().last().unwrap_or_default().split('\t').skip(1);
        let mut next = || numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Self { kills: next(), acknowledged: next(), lost: next(), doubled: next() }
    }

    fn append(&self, path: &Path, seed: u64) {
        use std::io::Write;
        let is_new = !path.exists();
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.expect("the record can be written");
        if is_new {
            writeln!(file, "seed\tkills\tacknowledged\tlost\tdoubled").expect("a line");
        }
        let Self { kills, acknowledged, lost, doubled } = self;
        writeln!(file, "{seed}\t{kills}\t{acknowledged}\t{lost}\t{doubled}").expect("a line");
    }
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let number = |name| std::env::var(name).ok().and_then(|value: String| value.parse().ok());
    let kills = number("WEFT_KILLS").unwrap_or(10);
    let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let seed = number("WEFT_KILLS_SEED").unwrap_or(since_1970);
    println!("WEFT_KILLS_SEED={seed}");
    let mut random = Random::new(seed);
    let mut node = Node::start_with(SMALL);
    let mut writers: Vec<Writer> = (0..WRITERS).map(|n| Writer::new(&node, n, seed)).collect();
    let mut run = Totals::default();
    for kill in 0..kills {
        let life = LIFE_MAX.mul_f64(random.below(1_000) as f64 / 1_000.0);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let (node, is_over) = (&node, &is_over);
                scope.spawn(move || writer.run(node, is_over));
            }
            let (_never, wait) = channel::<()>();
            let _ = wait.recv_timeout(life);
            // Where it is then is chance.
            node.signal_kill();
            is_over.store(true, Ordering::Relaxed);
        });
        node.kill();
        node.restart();
        for writer in &mut writers {
            let (lost, doubled) = writer.check(&node);
            run.lost += lost;
            run.doubled += doubled;
        }
        run.kills += 1;
        assert_eq!((run.lost, run.doubled), (0, 0), "kill {kill} of seed {seed}");
    }
    run.acknowledged = writers.iter().map(|writer| writer.acknowledged).sum();
    println!("{} kills, {} acknowledged, none lost or doubled", run.kills, run.acknowledged);
    assert!(run.acknowledged > kills, "{}", run.acknowledged);
    if let Some(path) = std::env::var_os("WEFT_KILLS_RECORD") {
        let path = Path::new(&path);
        let before = Totals::read(path);
        let totals = Totals {
            kills: before.kills + run.kills,
            acknowledged: before.acknowledged + run.acknowledged,
            lost: before.lost + run.lost,
            doubled: before.doubled + run.doubled,
        };
        totals.append(path, seed);
    }
}
