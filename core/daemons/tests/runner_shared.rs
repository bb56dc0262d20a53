//! `runner`, roles `scheduler` and `worker`: what is asked for, taken and run, step by step. Whole clusters
//! of them are in the simulator (`sim/src/runners`).

use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::coord::{CoordAction, CoordError, CoordEvent};
use weft_daemons::contract::log::{EPOCHS, LogAction, LogError, LogEvent, NewRecord, Record};
use weft_daemons::contract::peer::{CallResponse, PeerAction, PeerEvent};
use weft_daemons::contract::{ActionId, Effect, Event, Machine, NoTask};
use weft_daemons::runner::{Roles, Runner, RunnerConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_wire::thrift::RunRequest;

const SECOND: u64 = 1_000_000_000;

/// The wall clock at the start, milliseconds: a window of two seconds begins.
const START_MS: i64 = 1_700_000_000_000;

const PATH: &str = "a/2000/x.mc2";

struct World {
    runner: Runner,
    now_ns: u64,
    log: Vec<LogAction>,
    coord: Vec<CoordAction>,
    calls: Vec<(ActionId, String)>,
    cancelled: Vec<ActionId>,
    warnings: Vec<String>,
}

impl World {
    fn new(scheduler: bool, worker: bool) -> Self {
        let config = RunnerConfig {
            roles: Roles::Shared { scheduler, worker },
            parallel: 4,
            session_time: Duration::from_secs(10),
            ..RunnerConfig::default()
        };
        let mut world = Self {
            runner: Runner::new(config, [7; 32]),
            now_ns: 0,
            log: Vec::new(),
            coord: Vec::new(),
            calls: Vec::new(),
            cancelled: Vec::new(),
            warnings: Vec::new(),
        };
        world.tell(Event::Tick);
        world.tell(Event::Coord(CoordEvent::Connected));
        world
    }

    fn tell(&mut self, event: Event<NoTask>) {
        let mut events = vec![event];
        while !events.is_empty() {
            let wall = Wall(START_MS * 1_000_000 + self.now_ns as i64);
            self.runner.handle(Now { mono: Mono(self.now_ns), wall }, events.remove(0));
            while let Some(effect) = self.runner.poll() {
                match effect {
                    Effect::Log(action) => self.log.push(action),
                    Effect::Coord(action) => self.coord.push(action),
                    Effect::Peer(PeerAction::Scan { id }) => {
                        let result = Ok(vec![PATH.into()]);
                        events.push(Event::Peer(PeerEvent::Scanned { id, result }));
                    }
                    Effect::Peer(PeerAction::Read { id, .. }) => {
                        let result = Ok("text".into());
                        events.push(Event::Peer(PeerEvent::Read { id, result }));
                    }
                    Effect::Peer(PeerAction::Call { id, body, .. }) => {
                        self.calls.push((id, String::from_utf8_lossy(&body).into_owned()));
                    }
                    Effect::Peer(PeerAction::Cancel { id }) => self.cancelled.push(id),
                    Effect::Warn(text) => self.warnings.push(text),
                    _ => {}
                }
            }
        }
    }

    fn wait(&mut self, ns: u64) {
        let end = self.now_ns + ns;
        while let Some(deadline) = self.runner.deadline().filter(|at| at.0 <= end) {
            self.now_ns = self.now_ns.max(deadline.0);
            self.tell(Event::Tick);
        }
        self.now_ns = end;
    }

    /// The actions of coordination so far, answered one by one.
    fn coordinate(&mut self, answer: impl Fn(&CoordAction) -> CoordEvent) -> Vec<CoordAction> {
        let asked = std::mem::take(&mut self.coord);
        for action in &asked {
            self.tell(Event::Coord(answer(action)));
        }
        asked
    }

    fn assign(&mut self, group: &str, offset: u64) {
        let (topic, group, epoch) = ("runner".into(), group.into(), EPOCHS);
        let partitions = vec![(0, offset.into())];
        self.tell(Event::Log(LogEvent::Assigned { topic, group, epoch, partitions }));
    }

    fn records(&mut self, group: &str, epoch: u64, records: Vec<Record>) {
        let (topic, group, partition) = ("runner".into(), group.into(), 0);
        self.tell(Event::Log(LogEvent::Records { topic, group, partition, epoch, records }));
    }

    /// Answers the commit that was asked for last.
    fn commit(&mut self) -> u64 {
        let commits = self.log.iter().rev().filter_map(|action| match action {
            LogAction::Commit { id, position, .. } => Some((*id, position.offset)),
            _ => None,
        });
        let (id, offset) = commits.into_iter().next().expect("a commit");
        self.tell(Event::Log(LogEvent::Committed { id, result: Ok(()) }));
        offset
    }

    fn appended(&self) -> Vec<(ActionId, NewRecord)> {
        let appends = self.log.iter().filter_map(|action| match action {
            LogAction::Append { id, records, .. } => Some((*id, records[0].clone())),
            _ => None,
        });
        appends.collect()
    }
}

fn done(action: &CoordAction) -> CoordEvent {
    match action {
        CoordAction::Get { id, .. } => {
            CoordEvent::Data { id: *id, result: Err(CoordError::Missing) }
        }
        CoordAction::Create { id, .. }
        | CoordAction::Set { id, .. }
        | CoordAction::Delete { id, .. } => CoordEvent::Done { id: *id, result: Ok(()) },
        CoordAction::Children { id, .. } => {
            CoordEvent::Children { id: *id, result: Ok(Vec::new()) }
        }
    }
}

/// A request for the window that begins so many milliseconds after the start.
fn request(offset: u64, after_ms: i64) -> Record {
    let request = RunRequest {
        scheduled_at_ms: START_MS + after_ms,
        period_ms: 2_000,
        path: Some(PATH.to_owned()),
        content: Some(b"text\n".to_vec()),
        compressed: false,
        scheduler: Some("another".to_owned()),
    };
    let (key, value) = (Bytes::from(PATH), request.encode().into());
    Record { offset, timestamp_ms: START_MS + after_ms, key, value }
}

#[test]
fn a_leader_asks_once_it_has_read_the_tail() {
    let mut world = World::new(true, false);
    // The last window that was asked for is the one that lasts.
    world.assign("", 5);
    world.tell(Event::Log(LogEvent::Described { id: described(&world), result: Ok(1) }));
    let asked = world.coordinate(done);
    assert!(matches!(&asked[0], CoordAction::Create { ephemeral: true, .. }), "{asked:?}");
    let ends = world.log.iter().find_map(|action| match action {
        LogAction::Ends { id, .. } => Some(*id),
        _ => None,
    });
    let id = ends.expect("it asks how far the topic reaches");
    world.tell(Event::Log(LogEvent::Ends { id, result: Ok(vec![(0, 5)]) }));
    assert!(world.appended().is_empty(), "the tail is not read");
    world.records("", EPOCHS + 1, (0..5).map(|offset| request(offset, 0)).collect());
    world.wait(SECOND);
    assert!(world.appended().is_empty(), "that window was asked for");
    world.wait(SECOND);
    let appended = world.appended();
    assert_eq!(appended.len(), 1);
    let sent = RunRequest::decode(&appended[0].1.value).expect("a request");
    assert_eq!((sent.scheduled_at_ms, sent.period_ms), (START_MS + 2_000, 2_000));
    assert_eq!((sent.path.as_deref(), sent.scheduler.as_deref()), (Some(PATH), Some("runner")));
    // What is not answered is asked again, the same.
    let unknown = Err(LogError::Unknown("no answer".to_owned()));
    world.tell(Event::Log(LogEvent::Appended { id: appended[0].0, result: unknown }));
    world.wait(SECOND);
    let again = world.appended();
    assert_eq!((again.len(), &again[1].1), (2, &again[0].1));
    // Without contact nothing is asked for.
    world.tell(Event::Coord(CoordEvent::Disconnected));
    world.wait(10 * SECOND);
    assert_eq!(world.appended().len(), 2);
}

fn described(world: &World) -> ActionId {
    let found = world.log.iter().find_map(|action| match action {
        LogAction::Describe { id, .. } => Some(*id),
        _ => None,
    });
    found.expect("it asks how many partitions there are")
}

#[test]
fn a_worker_runs_what_it_has_taken_once() {
    let mut world = World::new(false, true);
    world.assign("runner", 0);
    let bad = Record { key: "other".into(), ..request(0, 0) };
    world.records("runner", EPOCHS, vec![bad, request(1, -60_000), request(2, 0), request(3, 0)]);
    assert!(world.calls.is_empty(), "it is not taken");
    assert_eq!(world.warnings.len(), 1, "{:?}", world.warnings);
    assert_eq!(world.commit(), 4);
    assert!(world.calls.is_empty(), "the lock is not there");
    world.coordinate(done);
    assert_eq!(world.calls.len(), 1);
    let (id, body) = world.calls[0].clone();
    assert!(
        body.contains("'a%2F2000%2Fx.mc2' 'runner.path' STORE\n1700000000000 'runner.sched"),
        "{body}"
    );
    // The next window waits for the run, and one before it is passed over.
    world.records("runner", EPOCHS, vec![request(4, 2_000), request(5, 0)]);
    assert_eq!(world.commit(), 6);
    assert_eq!(world.calls.len(), 1, "no overlap");
    let result = Ok(CallResponse { status: 200, body: Bytes::new() });
    world.tell(Event::Peer(PeerEvent::Called { id, result }));
    assert_eq!(world.calls.len(), 2);
    assert!(world.calls[1].1.contains("1700000002000 'runner.scheduledat'"));
    assert!(world.coord.is_empty(), "the lock is kept");
}

#[test]
fn a_worker_looks_back_before_it_runs_anything() {
    let mut world = World::new(false, true);
    world.assign("runner", 3);
    let sought = world.log.iter().any(|action| matches!(action, LogAction::Seek { offset: 0, .. }));
    assert!(sought, "{:?}", world.log);
    // Its predecessor ran that window; the request is there once more.
    world.records(
        "runner",
        EPOCHS + 1,
        vec![request(0, -4_000), request(1, -2_000), request(2, 0)],
    );
    world.records("runner", EPOCHS + 1, vec![request(3, 0), request(4, 2_000)]);
    assert_eq!(world.commit(), 5);
    world.coordinate(done);
    assert_eq!(world.calls.len(), 1);
    assert!(world.calls[0].1.contains("1700000002000 'runner.scheduledat'"));
}

#[test]
fn a_run_ends_when_contact_is_lost_for_too_long() {
    let mut world = World::new(false, true);
    world.assign("runner", 0);
    world.records("runner", EPOCHS, vec![request(0, 0)]);
    world.commit();
    world.coordinate(done);
    assert_eq!(world.calls.len(), 1);
    world.tell(Event::Coord(CoordEvent::Disconnected));
    world.wait(SECOND);
    assert!(world.cancelled.is_empty());
    world.wait(2 * SECOND);
    assert_eq!(world.cancelled, [world.calls[0].0]);
    assert!(
        world.warnings[0].contains("contact with coordination was lost"),
        "{:?}",
        world.warnings
    );
}

#[test]
fn a_lock_of_another_worker_is_waited_for() {
    let mut world = World::new(false, true);
    world.assign("runner", 0);
    world.records("runner", EPOCHS, vec![request(0, 0)]);
    world.commit();
    world.coordinate(|action| match action {
        CoordAction::Create { id, .. } => {
            CoordEvent::Done { id: *id, result: Err(CoordError::Exists) }
        }
        other => done(other),
    });
    world.coordinate(|action| match action {
        CoordAction::Get { id, .. } => CoordEvent::Data { id: *id, result: Ok("another".into()) },
        other => done(other),
    });
    assert!(world.calls.is_empty());
    let path = "/weft/runner/running/a%2F2000%2Fx.mc2".to_owned();
    world.tell(Event::Coord(CoordEvent::Changed { path }));
    world.coordinate(done);
    assert_eq!(world.calls.len(), 1);
    // When the partition goes, the lock goes with the end of the run.
    let (topic, group) = ("runner".into(), "runner".into());
    world.tell(Event::Log(LogEvent::Revoked { topic, group, partitions: vec![0] }));
    assert!(world.coord.is_empty());
    let result = Ok(CallResponse { status: 200, body: Bytes::new() });
    world.tell(Event::Peer(PeerEvent::Called { id: world.calls[0].0, result }));
    assert!(matches!(&world.coord[..], [CoordAction::Delete { .. }]), "{:?}", world.coord);
}
