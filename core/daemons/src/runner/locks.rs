//! Locks of scripts, held while a worker runs what is asked of them: a script that still runs on one
//! worker does not begin on another that was given its partition.
//!
//! A lock is a node that goes with the session. It is kept from run to run, and let go of when the
//! partition is another's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::percent;

use super::out::Out;
use crate::contract::coord::{CoordAction, CoordError, CoordEvent};
use crate::contract::{ActionId, Effect};
use crate::time::{Mono, Now};

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The locks of a worker.
#[derive(Debug)]
pub(super) struct Locks {
    root: String,
    own: Bytes,
    is_connected: bool,
    all: BTreeMap<Arc<str>, State>,
    /// Locks that are asked for, by the action that is under way.
    asked: BTreeMap<ActionId, Arc<str>>,
    nodes: BTreeMap<String, Arc<str>>,
    retry_at: Option<Mono>,
    /// How long runs may go on without contact.
    grace: Duration,
    /// When runs are to end, for contact was lost.
    end_at: Option<Mono>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    /// It is asked for.
    Making,
    /// It is looked who has it.
    Looking,
    /// Another worker has it.
    Anothers,
    /// It is tried again later.
    Later,
    /// It is let go of.
    Releasing,
}

impl Locks {
    pub(super) fn new(root: &str, own: Bytes, session_time: Duration) -> Self {
        Self {
            root: format!("{root}/running"),
            own,
            is_connected: false,
            all: BTreeMap::new(),
            asked: BTreeMap::new(),
            nodes: BTreeMap::new(),
            retry_at: None,
            // Contact is missed when two thirds of a session have passed without it.
            grace: session_time / 4,
            end_at: None,
        }
    }

    /// Whether the lock of a script is held; when it is not, it is asked for.
    pub(super) fn hold(&mut self, path: &Arc<str>, out: &mut Out) -> bool {
        match self.all.get(path) {
            Some(State::Held) => self.is_connected,
            Some(_) => false,
            None => {
                self.all.insert(path.clone(), State::Later);
                self.nodes.insert(self.node(path), path.clone());
                if self.is_connected {
                    self.make(path, out);
                }
                false
            }
        }
    }

    /// Tries again what failed; true when contact has been lost for so long that runs must end.
    pub(super) fn tick(&mut self, now: Now, out: &mut Out) -> bool {
        if self.is_connected && self.retry_at.take_if(|at| *at <= now.mono).is_some() {
            let later = self.all.iter().filter(|(_, state)| **state == State::Later);
            for path in later.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
                self.make(&path, out);
            }
        }
        self.end_at.take_if(|at| *at <= now.mono).is_some()
    }

    /// The locks that can be held since, and those that are another's though they were held.
    pub(super) fn event(
        &mut self,
        now: Now,
        event: &CoordEvent,
        is_wanted: impl Fn(&str) -> bool,
        out: &mut Out,
    ) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let (mut held, mut lost) = (Vec::new(), Vec::new());
        match event {
            CoordEvent::Connected => {
                (self.is_connected, self.end_at) = (true, None);
                self.asked.clear();
                // Those of an earlier session are gone, those of this one still there.
                for path in self.all.keys().cloned().collect::<Vec<_>>() {
                    self.make(&path, out);
                }
            }
            CoordEvent::Disconnected => {
                self.is_connected = false;
                self.end_at.get_or_insert_with(|| now.mono.after(self.grace));
            }
            CoordEvent::Changed { path } => {
                if let Some(path) = self.nodes.get(path).cloned()
                    && self.is_connected
                    && self.all.get(&path) == Some(&State::Anothers)
                {
                    self.make(&path, out);
                }
            }
            CoordEvent::Done { id, result } => {
                let Some(path) = self.asked.remove(id) else { return (held, lost) };
                let is_released = self.all.get(&path) == Some(&State::Releasing);
                match result {
                    Ok(()) | Err(CoordError::Missing) if is_released => {
                        self.all.remove(&path);
                        self.nodes.remove(&self.node(&path));
                        // It may be wanted again.
                        held.push(path);
                    }
                    Ok(()) => {
                        self.all.insert(path.clone(), State::Held);
                        held.push(path);
                    }
                    Err(CoordError::Exists) => self.look(&path, out),
                    Err(_) => self.later(now, path),
                }
            }
            CoordEvent::Data { id, result } => {
                let Some(path) = self.asked.remove(id) else { return (held, lost) };
                match result {
                    Ok(data) if *data == self.own => {
                        self.all.insert(path.clone(), State::Held);
                        held.push(path);
                    }
                    Ok(_) => {
                        if is_wanted(&path) {
                            lost.push(path.clone());
                        }
                        self.all.insert(path, State::Anothers);
                    }
                    // It went in between.
                    Err(CoordError::Missing) => self.make(&path, out),
                    Err(_) => self.later(now, path),
                }
            }
            CoordEvent::Children { .. } => {}
        }
        (held, lost)
    }

    /// Lets go of those that are not wanted any more.
    pub(super) fn release(&mut self, out: &mut Out, is_wanted: impl Fn(&str) -> bool) {
        if !self.is_connected {
            return;
        }
        // What is asked for is let go of when the answer is there.
        let gone = self.all.iter().filter(|(path, state)| {
            matches!(state, State::Held | State::Anothers | State::Later) && !is_wanted(path)
        });
        let gone: Vec<(Arc<str>, State)> =
            gone.map(|(path, state)| (path.clone(), *state)).collect();
        for (path, state) in gone {
            let node = self.node(&path);
            if state == State::Anothers {
                self.all.remove(&path);
                self.nodes.remove(&node);
                continue;
            }
            // One that is tried again later may be ours all the same.
            let id = out.ids.next_id();
            self.asked.insert(id, path.clone());
            self.all.insert(path, State::Releasing);
            out.effects.push_back(Effect::Coord(CoordAction::Delete { id, path: node }));
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let retry = self.retry_at.filter(|_| self.is_connected);
        [retry, self.end_at].into_iter().flatten().min()
    }

    fn later(&mut self, now: Now, path: Arc<str>) {
        self.all.insert(path, State::Later);
        self.retry_at.get_or_insert_with(|| now.mono.after(RETRY));
    }

    fn make(&mut self, path: &Arc<str>, out: &mut Out) {
        let id = out.ids.next_id();
        self.all.insert(path.clone(), State::Making);
        self.asked.insert(id, path.clone());
        let (node, data) = (self.node(path), self.own.clone());
        let create = CoordAction::Create { id, path: node, data, ephemeral: true };
        out.effects.push_back(Effect::Coord(create));
    }

    fn look(&mut self, path: &Arc<str>, out: &mut Out) {
        let id = out.ids.next_id();
        self.all.insert(path.clone(), State::Looking);
        self.asked.insert(id, path.clone());
        let get = CoordAction::Get { id, path: self.node(path), watch: true };
        out.effects.push_back(Effect::Coord(get));
    }

    fn node(&self, path: &str) -> String {
        format!("{}/{}", self.root, percent::encode(path))
    }
}
