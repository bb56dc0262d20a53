//! Seeded clients of real processes that are killed and stand still meanwhile, over HTTP. What they
//! were told is judged by an oracle that sees nothing else: `weft_sim::black_box`.
//!
//! Alone it starts a node, and kills it (`kill -9`) or stops it for a moment (`SIGSTOP`), until there
//! were `WEFT_BLACK_BOX_FAULTS` faults (8) or `WEFT_BLACK_BOX_SECONDS` are over (20). With
//! `WEFT_BLACK_BOX_WRITE`, `WEFT_BLACK_BOX_READ` (URLs, commas between them) and
//! `WEFT_BLACK_BOX_TOKENS` (`READ,WRITE`) it asks processes that are there, for that long, and leaves
//! faults to whoever started them; but processes whose ids are in the files of `WEFT_BLACK_BOX_PIDS`
//! stand still in turn. `WEFT_BLACK_BOX_SEED` names the seed.

mod common;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::Node;
use common::http::{Reply, Request as HttpRequest};
use common::model::{percent_encode, read_name};
use rustix::process::{Pid, Signal, kill_process};
use weft_files::Random;
use weft_sim::black_box::{History, Outcome, Request, Series};
use weft_sim::invariants::Violation;

/// Small files and short periods, so that kills hit flushes, merges and commits too.
const SMALL: &str = "weft.memtable = 60000\nweft.segment = 200000\nweft.retention = 300\n\
                     store.kafka.data.commitperiod = 30\ndirectory.kafka.metadata.commitperiod = 30\n";

/// Sets of series, apart from each other.
const SETS: u64 = 3;

/// Ticks of the main series of a set.
const TICKS: u64 = 300;

/// How long a client waits for an answer. Less than processes stand still: then requests are done
/// after their client has gone on.
const ANSWER_MAX: Duration = Duration::from_millis(800);

/// The longest that goes well.
const LIFE_MAX: Duration = Duration::from_millis(500);

/// The longest that a process stands still.
const PAUSE_MAX: Duration = Duration::from_millis(1_600);

/// How long a cluster may take until everything can be read.
const REST_MAX: Duration = Duration::from_secs(120);

/// A set of series, and who knows what was asked of it.
struct Set {
    name: String,
    history: Mutex<History>,
    last_value: Mutex<i64>,
}

/// Whom clients ask.
struct Target {
    write_to: Mutex<Vec<SocketAddr>>,
    read_from: Mutex<Vec<SocketAddr>>,
    read: String,
    write: String,
    /// Whether a read sees what was acknowledged before it.
    is_one_process: bool,
    begun: Instant,
    is_over: AtomicBool,
}

/// What one read told.
enum Read {
    Points(Vec<(Series, i64, i64)>),
    Found(Vec<Series>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits. Real processes have no other clock.
fn wait(time: Duration) {
    let (_never, wait) = channel::<()>();
    let _ = wait.recv_timeout(time);
}

impl Target {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).expect("centuries")
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Sends a request to one of these; `None` without a whole answer.
    fn send(
        &self,
        among: &Mutex<Vec<SocketAddr>>,
        random: &mut Random,
        request: HttpRequest,
        token: &str,
    ) -> Option<Reply> {
        let address = {
            let among = lock(among);
            among[random.below(among.len() as u64) as usize]
        };
        let request = request.header("X-Warp10-Token", token);
        request.send_within(address, ANSWER_MAX).ok().filter(|reply| reply.is_complete)
    }

    /// Asks for what a request says, and notes what came of it.
    fn ask(&self, set: &Set, random: &mut Random, request: Request) -> Outcome {
        let http = set.http(&request);
        let is_forget = request == Request::Forget;
        let number = lock(&set.history).begin(self.now(), request);
        let outcome = match self.send(&self.write_to, random, http, &self.write) {
            Some(reply) if reply.status == 200 => {
                if is_forget && !self.is_one_process {
                    let series = reply.text().lines().map(series_of).collect();
                    lock(&set.history).named(number, series);
                }
                Outcome::Acknowledged(self.now())
            }
            // Only good requests are sent: who refuses one as bad is wrong.
            Some(reply) if reply.status < 500 => panic!("{}: {}", reply.status, reply.text()),
            _ => Outcome::Unknown,
        };
        lock(&set.history).end(number, outcome);
        outcome
    }

    /// Everything of a set; `None` without an answer.
    fn read(&self, set: &Set, random: &mut Random, is_find: bool) -> Option<Read> {
        let selector = percent_encode(&format!("~(main|own){{set={}}}", set.name));
        let path = if is_find {
            format!("/api/v0/find?selector={selector}")
        } else {
            format!("/api/v0/fetch?selector={selector}&start=0&end=1000000&format=fulltext")
        };
        let reply = self.send(&self.read_from, random, HttpRequest::get(&path), &self.read)?;
        if reply.status >= 500 {
            return None;
        }
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        Some(if is_find {
            Read::Found(text.lines().map(series_of).collect())
        } else {
            Read::Points(text.lines().map(point_of).collect())
        })
    }

    /// Reads and judges; whether there was an answer. `is_strict` when everything that was
    /// acknowledged must be seen, and else only what was never written is wrong.
    fn check(
        &self,
        set: &Set,
        random: &mut Random,
        is_find: bool,
        is_strict: bool,
    ) -> Result<bool, Violation> {
        let begun = self.now();
        let Some(read) = self.read(set, random, is_find) else { return Ok(false) };
        let history = lock(&set.history).as_of(begun);
        let result = match &read {
            Read::Points(points) => history.check_points(points),
            Read::Found(found) => history.check_found(found),
        };
        match result {
            Err(violation) if is_strict || violation.invariant == "phantoms" => Err(violation),
            _ => Ok(true),
        }
    }

    /// Reads until everything that was acknowledged is seen: one process has it at once.
    fn settle(&self, set: &Set, random: &mut Random) -> Result<(), Violation> {
        let begun = Instant::now();
        for is_find in [true, false] {
            loop {
                let result = self.check(set, random, is_find, true);
                let can_wait = match &result {
                    Ok(true) => break,
                    Ok(false) => true,
                    Err(_) => !self.is_one_process,
                };
                if !can_wait || begun.elapsed() > REST_MAX {
                    result?;
                    panic!("no answer in {REST_MAX:?}");
                }
                wait(Duration::from_millis(100));
            }
        }
        Ok(())
    }

    /// One client: asks and reads until it is over. How many reads were judged.
    fn run(&self, set: &Set, mut random: Random) -> Result<u64, Violation> {
        let mut judged = 0;
        while !self.is_over() {
            let start = random.below(TICKS) as i64;
            let outcome = match random.below(20) {
                0 => {
                    let end = start + random.below(60) as i64;
                    self.ask(set, &mut random, Request::Delete { start, end })
                }
                1 => self.ask(set, &mut random, Request::Forget),
                kind @ 2..6 => {
                    let is_find = kind < 4;
                    match self.check(set, &mut random, is_find, self.is_one_process)? {
                        true => judged += 1,
                        false => wait(Duration::from_millis(10)),
                    }
                    continue;
                }
                kind => {
                    let request = set.update(&mut random, start, kind < 12);
                    self.ask(set, &mut random, request)
                }
            };
            // Nobody may be there.
            if outcome == Outcome::Unknown {
                wait(Duration::from_millis(10));
            }
        }
        Ok(judged)
    }
}

impl Set {
    fn new(name: String) -> Self {
        Self { name, history: Mutex::default(), last_value: Mutex::new(0) }
    }

    /// Another value at some ticks of the main series, and a series of its own.
    fn update(&self, random: &mut Random, start: i64, is_scattered: bool) -> Request {
        let value = {
            let mut last = lock(&self.last_value);
            *last += 1;
            *last
        };
        let count = 1 + random.below(60) as i64;
        let mut ticks: Vec<i64> = match is_scattered {
            true => (0..count).map(|_| random.below(TICKS) as i64).collect(),
            false => (start..start + count).collect(),
        };
        ticks.sort_unstable();
        ticks.dedup();
        let main = ticks.into_iter().map(|tick| (Series::Main, tick, value));
        Request::Update(main.chain([(Series::Own(value), 1, value)]).collect())
    }

    fn http(&self, request: &Request) -> HttpRequest {
        let name = &self.name;
        match request {
            Request::Update(points) => {
                let line = |(series, tick, value): &(Series, i64, i64)| match series {
                    Series::Main => format!("{tick}// main{{set={name}}} {value}\n"),
                    Series::Own(own) => format!("{tick}// own{{set={name},value={own}}} {value}\n"),
                };
                let lines: String = points.iter().map(line).collect();
                HttpRequest::post("/api/v0/update", lines)
            }
            Request::Delete { start, end } => HttpRequest::get(&format!(
                "/api/v0/delete?selector=main%7Bset%3D{name}%7D&start={start}&end={end}"
            )),
            Request::Forget | Request::ForgetThese(_) => HttpRequest::get(&format!(
                "/api/v0/delete?selector=own%7Bset%3D{name}%7D&deleteall"
            )),
        }
    }
}

fn series_of(text: &str) -> Series {
    let (class, labels) = read_name(text);
    match class.as_str() {
        "main" => Series::Main,
        _ => Series::Own(labels["value"].parse().expect("a number")),
    }
}

fn point_of(line: &str) -> (Series, i64, i64) {
    let (place, rest) = line.split_once(' ').expect(line);
    let (series, value) = rest.split_once(' ').expect(line);
    let tick = place.split('/').next().and_then(|tick| tick.parse().ok()).expect(line);
    (series_of(series), tick, value.parse().expect(line))
}

fn setting(name: &str) -> Option<String> {
    std::env::var(format!("WEFT_BLACK_BOX_{name}")).ok()
}

fn number(name: &str) -> Option<u64> {
    setting(name).map(|value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

fn addresses(name: &str) -> Option<Vec<SocketAddr>> {
    let urls = setting(name)?;
    let address = |url: &str| {
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        host.to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next())
            .unwrap_or_else(|| panic!("{url}"))
    };
    Some(urls.split(',').map(address).collect())
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}

/// A process stands still.
fn pause(pid: u32, random: &mut Random) {
    signal(pid, Signal::STOP);
    wait(PAUSE_MAX.mul_f64(random.below(1_000) as f64 / 1_000.0));
    signal(pid, Signal::CONT);
}

/// What goes wrong: kills and pauses.
type Faults = [u64; 2];

/// Runs clients while `next` makes faults, until it has had enough.
fn run(target: &Target, seed: u64, clients: u64, mut next: impl FnMut(&mut Random, &mut Faults)) {
    // Names of their own: runs after each other do not see each other.
    let sets: Vec<Set> = (0..SETS).map(|set| Set::new(format!("s{seed}x{set}"))).collect();
    let limit = Duration::from_secs(number("SECONDS").unwrap_or(20));
    let faults_max = number("FAULTS").unwrap_or(if target.is_one_process { 8 } else { u64::MAX });
    let mut random = Random::new(seed);
    // Datapoints of a series that nobody finds, for a kill took its metadata alone, would come to
    // light with the next request.
    for set in &sets {
        let first = set.update(&mut random, 0, false);
        let outcome = target.ask(set, &mut random, first);
        assert!(matches!(outcome, Outcome::Acknowledged(_)), "nothing went wrong yet");
        let settled = target.settle(set, &mut random);
        settled.unwrap_or_else(|violation| panic!("{violation:?}"));
    }
    let mut faults = Faults::default();
    let judged: u64 = std::thread::scope(|scope| {
        let mut running = Vec::new();
        for (number, set) in (0..clients).flat_map(|client| sets.iter().map(move |s| (client, s))) {
            let random = Random::new(random.below(u64::MAX) ^ number);
            running.push(scope.spawn(move || target.run(set, random)));
        }
        let is_well = || running.iter().all(|client| !client.is_finished());
        let begun = Instant::now();
        while begun.elapsed() < limit && faults.iter().sum::<u64>() < faults_max && is_well() {
            wait(LIFE_MAX.mul_f64(random.below(1_000) as f64 / 1_000.0));
            next(&mut random, &mut faults);
        }
        target.is_over.store(true, Ordering::Relaxed);
        let ends = running.into_iter().map(|client| client.join().expect("it does not panic"));
        ends.map(|end| end.unwrap_or_else(|violation| panic!("seed {seed}: {violation:?}"))).sum()
    });
    let [mut acknowledged, mut unknown] = [0; 2];
    for set in &sets {
        let settled = target.settle(set, &mut random);
        settled.unwrap_or_else(|violation| panic!("seed {seed}, at the end: {violation:?}"));
        let [done, _, open] = lock(&set.history).counts();
        acknowledged += done;
        unknown += open;
    }
    let [kills, pauses] = faults;
    println!(
        "seed {seed}: {acknowledged} acknowledged, {unknown} unknown, {judged} reads judged, \
         {kills} kills, {pauses} pauses"
    );
    assert!(acknowledged > 30 && judged > 3, "there was load");
}

#[test]
fn what_clients_are_told_holds_whatever_happens_to_processes() {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let seed = number("SEED").unwrap_or(since_1970);
    println!("WEFT_BLACK_BOX_SEED={seed}");
    let target = |write_to, read_from, read: &str, write: &str, is_one_process| Target {
        write_to: Mutex::new(write_to),
        read_from: Mutex::new(read_from),
        read: read.to_owned(),
        write: write.to_owned(),
        is_one_process,
        begun: Instant::now(),
        is_over: AtomicBool::new(false),
    };
    if let Some(write_to) = addresses("WRITE") {
        let read_from = addresses("READ").expect("WEFT_BLACK_BOX_READ");
        let tokens = setting("TOKENS").expect("WEFT_BLACK_BOX_TOKENS");
        let (read, write) = tokens.split_once(',').expect("a read token, a comma, a write token");
        let files: Vec<PathBuf> =
            setting("PIDS").iter().flat_map(|files| files.split(',')).map(PathBuf::from).collect();
        let target = target(write_to, read_from, read, write, false);
        // A delete must not meet a write that another client sends meanwhile.
        return run(&target, seed, 1, |random, [_, pauses]| {
            if files.is_empty() {
                return;
            }
            let file = &files[random.below(files.len() as u64) as usize];
            let pid = std::fs::read_to_string(file).ok().and_then(|pid| pid.trim().parse().ok());
            if let Some(pid) = pid {
                pause(pid, random);
                *pauses += 1;
            }
        });
    }
    let mut node = Node::start_with(SMALL);
    let at = vec![node.address()];
    let target = target(at.clone(), at, &node.read, &node.write, true);
    run(&target, seed, 2, |random, [kills, pauses]| {
        let kind = random.below(4);
        if kind > 0 {
            node.kill();
            node.restart();
            let at = vec![node.address()];
            (*lock(&target.write_to), *lock(&target.read_from)) = (at.clone(), at);
            *kills += 1;
        } else {
            pause(node.pid(), random);
            *pauses += 1;
        }
    });
}
