//! `runner`: what it promises, against a folder and an egress of the test's own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weft_daemons::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId};
use weft_daemons::contract::peer::{CallResponse, PeerAction, PeerEvent};
use weft_daemons::contract::{ActionId, Effect, Event, Machine, PeerError};
use weft_daemons::runner::{Runner, RunnerConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::WrapKey;

/// A second, in nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// Where the wall clock begins: half a second into a minute.
const START: i64 = 1_699_999_980 * SECOND + SECOND / 2;

fn config() -> RunnerConfig {
    RunnerConfig {
        parallel: 2,
        scan_period: Duration::from_secs(60),
        min_period_ms: 1_000,
        ..RunnerConfig::default()
    }
}

/// A run that was asked for.
#[derive(Clone, Debug)]
struct Call {
    id: ActionId,
    head: RequestHead,
    body: String,
}

impl Call {
    fn path(&self) -> &str {
        let mut lines = self.body.lines();
        lines.find_map(|line| line.strip_suffix("' 'runner.path' STORE")).expect("a path")[1..]
            .as_ref()
    }

    fn scheduled_ms(&self) -> i64 {
        let line = self.body.lines().find(|line| line.ends_with("'runner.scheduledat' STORE"));
        let number = line.and_then(|line| line.split(' ').next()).expect("a time");
        number.parse().expect("a number")
    }
}

/// A runner, its folder and its clocks.
struct World {
    runner: Runner,
    mono: i64,
    wall: i64,
    files: Vec<&'static str>,
    /// What was asked for and is not answered.
    calls: Vec<Call>,
    warnings: Vec<String>,
    said: String,
    has_stopped: bool,
}

impl World {
    fn new(config: RunnerConfig, files: &[&'static str]) -> Self {
        let mut world = Self {
            runner: Runner::new(config, [7; 32]),
            mono: 0,
            wall: START,
            files: files.to_vec(),
            calls: Vec::new(),
            warnings: Vec::new(),
            said: String::new(),
            has_stopped: false,
        };
        world.tell(Event::Tick);
        world
    }

    const fn now(&self) -> Now {
        Now { mono: Mono(self.mono as u64), wall: Wall(self.wall) }
    }

    fn tell(&mut self, event: Event<weft_daemons::contract::NoTask>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            self.runner.handle(now, event);
            while let Some(effect) = self.runner.poll() {
                match effect {
                    Effect::Peer(PeerAction::Scan { id }) => {
                        let paths: Vec<Arc<str>> =
                            self.files.iter().map(|path| Arc::from(*path)).collect();
                        events.push_back(Event::Peer(PeerEvent::Scanned { id, result: Ok(paths) }));
                    }
                    Effect::Peer(PeerAction::Read { id, path }) => {
                        let result = match path.contains("unreadable") {
                            true => Err("it cannot be read".to_owned()),
                            false => Ok("'text'".into()),
                        };
                        events.push_back(Event::Peer(PeerEvent::Read { id, result }));
                    }
                    Effect::Peer(PeerAction::Call { id, head, body }) => {
                        let body = String::from_utf8(body.to_vec()).expect("text");
                        self.calls.push(Call { id, head, body });
                    }
                    Effect::Warn(text) => self.warnings.push(text),
                    Effect::Http(HttpAction::Body { bytes, .. }) => {
                        self.said = String::from_utf8(bytes.to_vec()).expect("text");
                    }
                    Effect::Stopped => self.has_stopped = true,
                    _ => {}
                }
            }
        }
    }

    /// Lets time pass, with ticks where they are wanted.
    fn wait(&mut self, ns: i64) {
        let end = self.mono + ns;
        loop {
            let deadline = self.runner.deadline().map_or(i64::MAX, |d| d.0 as i64);
            let next = deadline.max(self.mono).min(end);
            self.wall += next - self.mono;
            self.mono = next;
            if deadline > end {
                return;
            }
            self.tell(Event::Tick);
            let again = self.runner.deadline().map_or(i64::MAX, |d| d.0 as i64);
            assert!(again > self.mono, "it asks for a tick at once, again and again");
        }
    }

    /// Answers the oldest run.
    fn answer(&mut self, status: u16, body: &'static str) -> Call {
        let call = self.calls.remove(0);
        let result = Ok(CallResponse { status, body: body.into() });
        self.tell(Event::Peer(PeerEvent::Called { id: call.id, result }));
        call
    }

    fn list(&mut self) -> String {
        let head = RequestHead {
            method: "GET".to_owned(),
            path: weft_daemons::runner::PATH.to_owned(),
            ..RequestHead::default()
        };
        self.tell(Event::Http(HttpEvent::Head { request: RequestId(1), head }));
        self.said.clone()
    }
}

#[test]
fn a_script_runs_at_startup_and_then_in_each_window() {
    let mut world = World::new(config(), &["a/60000/x.mc2", "a/500/quick.mc2", "a/b/no.mc2"]);
    assert_eq!(world.calls.len(), 1);
    let first = world.answer(200, "[]");
    assert_eq!(first.head.path, "/api/v0/exec");
    assert_eq!(first.path(), "a%2F60000%2Fx.mc2");
    assert_eq!(first.scheduled_ms(), START / 1_000_000);
    // The next one begins with the minute, not a period later.
    world.wait(59 * SECOND);
    assert_eq!(world.calls.len(), 0);
    world.wait(SECOND / 2);
    assert_eq!(
        world.answer(200, "").scheduled_ms(),
        (START + SECOND / 2 + 59 * SECOND) / 1_000_000
    );
    world.wait(60 * SECOND);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn without_startup_the_first_run_waits_for_a_window() {
    let config = RunnerConfig { run_at_startup: false, ..config() };
    let mut world = World::new(config, &["a/60000/x.mc2"]);
    assert_eq!(world.calls.len(), 0);
    world.wait(60 * SECOND);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn a_script_never_overlaps_itself_and_places_are_few() {
    let files = ["a/1000/x.mc2", "a/1000/y.mc2", "a/1000/z.mc2"];
    let mut world = World::new(config(), &files);
    assert_eq!(world.calls.len(), 2);
    world.wait(10 * SECOND);
    assert_eq!(world.calls.len(), 2, "both places are taken");
    let paths: Vec<String> = world.calls.iter().map(|call| call.path().to_owned()).collect();
    assert_ne!(paths[0], paths[1]);
    assert!(world.list().contains("z.mc2\t1000\t-\t-\t1699999990500\tqueued"), "{}", world.said);
    world.answer(200, "");
    // The one that waited comes before the one that ended.
    assert_eq!(world.calls[1].path(), "a%2F1000%2Fz.mc2");
    world.answer(200, "");
    assert_eq!(world.calls[1].path(), "a%2F1000%2Fx.mc2");
}

#[test]
fn failures_are_told_and_the_script_runs_again() {
    let files = ["a/1000/bad.mc2", "a/1000/unreadable.mc2"];
    let mut world = World::new(config(), &files);
    world.answer(500, "\n ERROR line #1: no\n");
    assert_eq!(
        world.warnings,
        [
            "runner: a/1000/unreadable.mc2 failed: it cannot be read",
            "runner: a/1000/bad.mc2 failed: ERROR line #1: no"
        ]
    );
    assert_eq!(
        world.list(),
        "path\tperiod_ms\tlast_ms\tduration_ms\tnext_ms\tstate\n\
         a/1000/bad.mc2\t1000\t1699999980500\t0\t1699999981000\tfailed: ERROR line #1: no\n\
         a/1000/unreadable.mc2\t1000\t1699999980500\t0\t1699999981000\tfailed: it cannot be read\n"
    );
    world.wait(SECOND);
    assert_eq!(world.calls.len(), 1);
    let id = world.calls.remove(0).id;
    let result = Err(PeerError::Unavailable("away".to_owned()));
    world.tell(Event::Peer(PeerEvent::Called { id, result }));
    assert!(world.list().contains("failed: directory away is unavailable"), "{}", world.said);
    world.wait(SECOND);
    world.answer(200, "");
    assert!(world.list().contains("bad.mc2\t1000\t1699999982000\t500\t1699999983000\tdone"));
}

#[test]
fn scripts_come_and_go_with_the_folder() {
    let mut world = World::new(config(), &["a/1000/x.mc2"]);
    world.files = vec!["a/1000/y.mc2"];
    world.wait(60 * SECOND);
    // The one that is gone still runs.
    assert_eq!(world.calls[1].path(), "a%2F1000%2Fy.mc2");
    assert!(world.list().contains("x.mc2\t1000\t-\t-\t-\trunning"), "{}", world.said);
    world.answer(200, "");
    assert!(!world.list().contains("x.mc2"));
    world.answer(200, "");
    world.wait(SECOND);
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn requests_carry_a_nonce_where_there_is_a_key() {
    let key = WrapKey::new(&[7; 32]).expect("a key");
    let config = RunnerConfig { key: Some(key.clone()), ..config() };
    let mut world = World::new(config, &["a/1000/x.mc2"]);
    let call = world.answer(200, "");
    let nonce = call.head.header("X-Warp10-Runner-Nonce").expect("a nonce");
    assert!(call.body.contains(&format!("'{nonce}' 'runner.nonce' STORE\n")), "{}", call.body);
    let blob = weft_wire::opb64::decode(nonce.as_bytes()).expect("a nonce");
    let blob = key.unwrap(&blob).expect("wrapped with the key");
    assert_eq!(blob[8..], START.to_be_bytes());
}

#[test]
fn it_stops_when_what_runs_has_ended() {
    let mut world = World::new(config(), &["a/1000/x.mc2"]);
    world.tell(Event::Stop);
    assert!(!world.has_stopped);
    world.answer(200, "");
    assert!(world.has_stopped);
    assert_eq!(world.runner.deadline(), None);
}

proptest! {
    /// Whatever the clock does and however long runs last: at most one run of a script begins in a
    /// window, none overlaps, and nothing due is left out while a place is free.
    #[test]
    fn windows_are_kept(
        steps in prop::collection::vec((1i64..5_000, -3_000i64..3_000, any::<bool>()), 1..60),
    ) {
        let files = ["a/1000/x.mc2", "a/2500/y.mc2"];
        let mut world = World::new(config(), &files);
        let mut begun: BTreeMap<(String, i64), i64> = BTreeMap::new();
        let mut known: Vec<ActionId> = Vec::new();
        let mut jumped = false;
        for (wait_ms, jump_ms, ends) in steps {
            for call in &world.calls {
                if !known.contains(&call.id) {
                    known.push(call.id);
                    let period = if call.path().contains("2500") { 2_500 } else { 1_000 };
                    let window = call.scheduled_ms().div_euclid(period);
                    *begun.entry((call.path().to_owned(), window)).or_default() += 1;
                }
            }
            let mut paths: Vec<&str> = world.calls.iter().map(Call::path).collect();
            paths.sort_unstable();
            paths.dedup();
            prop_assert_eq!(paths.len(), world.calls.len(), "no overlap");
            // Both have a place: what does not run has run in this window, or the clock went back.
            if !jumped {
                for (path, period) in [("a%2F1000%2Fx.mc2", 1_000), ("a%2F2500%2Fy.mc2", 2_500)] {
                    let window = (world.wall / 1_000_000).div_euclid(period);
                    prop_assert!(
                        paths.contains(&path) || begun.contains_key(&(path.to_owned(), window))
                    );
                }
            }
            if ends && !world.calls.is_empty() {
                world.answer(200, "");
            }
            if jump_ms % 5 == 0 {
                world.wall += jump_ms * 1_000_000;
                jumped = true;
            }
            // The loop above sees what begins only between two steps: one window at most each.
            world.wait(wait_ms.min(900) * 1_000_000);
        }
        prop_assert!(begun.values().all(|runs| *runs == 1), "{:?}", begun);
    }
}
