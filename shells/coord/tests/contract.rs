//! The embedded tree keeps the contract.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use weft_coord::{CoordClient, EmbeddedCoord};
use weft_daemons::contract::suite::coord::{CoordHarness, check_all};
use weft_daemons::contract::{CoordAction, CoordEvent};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Harness {
    coord: Arc<EmbeddedCoord>,
    sessions: Vec<Option<(CoordClient, Receiver<CoordEvent>)>>,
}

impl CoordHarness for Harness {
    fn session(&mut self) -> usize {
        let (sender, events) = channel();
        let client = self.coord.client(move |event| drop(sender.send(event)));
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
        // The tree answers before `submit` returns.
        self.sessions[session].as_ref().expect("the session lives").1.try_recv().ok()
    }
}

#[test]
fn the_embedded_tree_keeps_the_contract() {
    check_all(|| Harness { coord: EmbeddedCoord::new(), sessions: Vec::new() });
}
