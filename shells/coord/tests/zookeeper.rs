//! ZooKeeper keeps the contract: against the server that `WEFT_ZOOKEEPER=host:port` names.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;
use weft_coord::{ZookeeperClient, ZookeeperConfig};
use weft_daemons::contract::suite::coord::{CoordHarness, check_all};
use weft_daemons::contract::{ActionId, CoordAction, CoordEvent};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tree of its own under a path that no other run has.
struct Harness {
    runtime: Runtime,
    quorum: String,
    sessions: Vec<Option<(ZookeeperClient, Receiver<CoordEvent>)>>,
}

impl Harness {
    fn new(server: &str, name: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
        let quorum = format!("{server}/weft-tests/{name}-{}-{since}", std::process::id());
        Self { runtime, quorum, sessions: Vec::new() }
    }
}

impl CoordHarness for Harness {
    fn session(&mut self) -> usize {
        let (sender, events) = channel();
        let config = ZookeeperConfig { quorum: self.quorum.clone(), session_timeout: PATIENCE };
        let client = ZookeeperClient::new(config, self.runtime.handle(), move |event| {
            drop(sender.send(event));
        });
        self.sessions.push(Some((client, events)));
        self.sessions.len() - 1
    }

    fn expire(&mut self, session: usize) {
        self.sessions[session] = None;
    }

    fn submit(&mut self, session: usize, action: CoordAction) {
        self.sessions[session].as_ref().expect("the session lives").0.submit(action);
    }

    fn next(&mut self, session: usize) -> CoordEvent {
        let events = &self.sessions[session].as_ref().expect("the session lives").1;
        events.recv_timeout(PATIENCE).expect("an event")
    }

    fn next_soon(&mut self, session: usize) -> Option<CoordEvent> {
        // A server tells of what has happened before it answers what is asked later.
        let id = ActionId(u64::MAX);
        self.submit(session, CoordAction::Get { id, path: "/none".to_owned(), watch: false });
        match self.next(session) {
            CoordEvent::Data { id: ActionId(u64::MAX), .. } => None,
            event => Some(event),
        }
    }
}

/// The server; says so when there is none.
fn server() -> Option<String> {
    let server = std::env::var("WEFT_ZOOKEEPER").ok();
    if server.is_none() {
        eprintln!("skipped: WEFT_ZOOKEEPER names no server");
    }
    server
}

#[test]
fn zookeeper_keeps_the_contract() {
    let Some(server) = server() else { return };
    let mut trees = 0;
    check_all(|| {
        trees += 1;
        Harness::new(&server, &trees.to_string())
    });
}

#[test]
fn a_watch_is_armed_again_and_asked_for_twice_fires_once() {
    let Some(server) = server() else { return };
    let mut harness = Harness::new(&server, "again");
    let session = harness.session();
    assert_eq!(harness.next(session), CoordEvent::Connected);
    let path = || "/w".to_owned();
    let create =
        CoordAction::Create { id: ActionId(1), path: path(), data: Bytes::new(), ephemeral: true };
    harness.submit(session, create);
    assert_eq!(harness.next(session), CoordEvent::Done { id: ActionId(1), result: Ok(()) });
    for round in 0..3_u8 {
        for _ in 0..2 {
            let get = CoordAction::Get { id: ActionId(2), path: path(), watch: true };
            harness.submit(session, get);
            assert!(matches!(harness.next(session), CoordEvent::Data { result: Ok(_), .. }));
        }
        let data = Bytes::copy_from_slice(&[round]);
        harness.submit(session, CoordAction::Set { id: ActionId(3), path: path(), data });
        let mut events = [harness.next(session), harness.next(session)];
        events.sort_by_key(|event| matches!(event, CoordEvent::Changed { .. }));
        assert_eq!(events[0], CoordEvent::Done { id: ActionId(3), result: Ok(()) });
        assert_eq!(events[1], CoordEvent::Changed { path: path() });
        assert_eq!(harness.next_soon(session), None);
    }
}
