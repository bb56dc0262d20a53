//! Writes what a frontend wants into nodes, and knows since when backends have applied it.
//!
//! New nodes are written before old ones go, and the root's data is set last, which is what the
//! reference's backends look at. A name says what its node holds, so what stays the same is left
//! alone. Each session of coordination has a name of its own for the frontend: nodes of the one before
//! are none of its business.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use weft_gts::{SeriesId, SipKey};
use weft_wire::znode::subscription_nodes;

use super::{applied_path, fingerprint};
use crate::contract::{ActionId, ActionIds, CoordAction, CoordError, CoordEvent};
use crate::time::{Mono, Now};

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The writer of one frontend's nodes.
#[derive(Debug)]
pub(super) struct Publisher {
    path: String,
    topic: String,
    node_bytes_max: usize,
    /// How long changes are gathered.
    delay: Duration,
    seed: SipKey,
    sessions: u64,
    frontend: [u8; 16],
    is_connected: bool,
    /// How often what is wanted has changed.
    changes: u64,
    due: Option<Mono>,
    cycle: Option<Cycle>,
    /// Nodes that exist, or may, by name; those of sessions before among them.
    published: BTreeSet<String>,
    /// Whether nodes of this session may not exist.
    is_unsure: bool,
    /// The change that they hold.
    published_change: Option<u64>,
    /// The change that every live backend has applied.
    applied_change: Option<u64>,
    backends: Backends,
    actions: VecDeque<CoordAction>,
}

/// Nodes on their way.
#[derive(Debug)]
struct Cycle {
    change: u64,
    step: Step,
    names: BTreeSet<String>,
    waiting: BTreeSet<ActionId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Delete,
    Notify,
    /// The root does not exist.
    CreateRoot,
}

/// What backends say that they have applied.
#[derive(Debug, Default)]
struct Backends {
    listing: Option<ActionId>,
    reading: BTreeMap<ActionId, String>,
    /// What each says; nothing before it was read.
    said: BTreeMap<String, Option<String>>,
}

impl Publisher {
    pub(super) fn new(
        path: String,
        topic: String,
        node_bytes_max: usize,
        delay: Duration,
        seed: SipKey,
    ) -> Self {
        Self {
            path,
            topic,
            node_bytes_max,
            delay,
            seed,
            sessions: 0,
            frontend: [0; 16],
            is_connected: false,
            changes: 0,
            due: None,
            cycle: None,
            published: BTreeSet::new(),
            is_unsure: false,
            published_change: None,
            applied_change: None,
            backends: Backends::default(),
            actions: VecDeque::new(),
        }
    }

    /// What is wanted has changed.
    pub(super) fn change(&mut self, now: Now) {
        self.changes += 1;
        self.due.get_or_insert_with(|| now.mono.after(self.delay));
    }

    /// The number of the latest change.
    pub(super) const fn latest(&self) -> u64 {
        self.changes
    }

    /// Whether every live backend has applied that change. Without any backend none has.
    pub(super) fn is_active(&self, change: u64) -> bool {
        self.applied_change.is_some_and(|applied| applied >= change)
    }

    /// Writes what is wanted, when that is due and nothing is on its way.
    pub(super) fn advance<'a>(
        &mut self,
        now: Now,
        wanted: impl Iterator<Item = &'a SeriesId>,
        ids: &mut ActionIds,
    ) {
        let is_due = self.due.is_some_and(|due| due <= now.mono);
        if !is_due || self.cycle.is_some() || !self.is_connected {
            return;
        }
        self.due = None;
        let wanted: Vec<SeriesId> = wanted.copied().collect();
        let nodes = subscription_nodes(self.frontend, &self.topic, &wanted, self.node_bytes_max);
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        let (step, waiting) = (Step::Create, BTreeSet::new());
        let mut cycle = Cycle { change: self.changes, step, names, waiting };
        let is_unsure = std::mem::take(&mut self.is_unsure);
        for node in nodes {
            if self.published.insert(node.name.clone()) || is_unsure {
                let id = ids.next_id();
                cycle.waiting.insert(id);
                let path = format!("{}/{}", self.path, node.name);
                let data = Bytes::from(node.data);
                self.actions.push_back(CoordAction::Create { id, path, data, ephemeral: true });
            }
        }
        self.cycle = Some(cycle);
        self.step(now, ids);
    }

    /// Goes on to the next step when everything of this one is done.
    fn step(&mut self, now: Now, ids: &mut ActionIds) {
        while let Some(cycle) = &mut self.cycle
            && cycle.waiting.is_empty()
        {
            match cycle.step {
                Step::Create => {
                    cycle.step = Step::Delete;
                    for name in self.published.difference(&cycle.names) {
                        let id = ids.next_id();
                        cycle.waiting.insert(id);
                        let path = format!("{}/{name}", self.path);
                        self.actions.push_back(CoordAction::Delete { id, path });
                    }
                }
                Step::Delete => {
                    cycle.step = Step::Notify;
                    self.published.clone_from(&cycle.names);
                    let id = ids.next_id();
                    cycle.waiting.insert(id);
                    let data = format!("{}.{}", self.topic, now.wall.as_ms()).into();
                    self.actions.push_back(CoordAction::Set { id, path: self.path.clone(), data });
                }
                Step::Notify | Step::CreateRoot => {
                    self.published_change = Some(cycle.change);
                    self.cycle = None;
                    self.look();
                }
            }
        }
    }

    /// What was written, and what not, is not known: everything is written once more, later.
    fn fail(&mut self, now: Now) {
        (self.cycle, self.is_unsure) = (None, true);
        self.due = Some(now.mono.after(RETRY));
    }

    /// Takes an event of coordination in.
    pub(super) fn coord_event(&mut self, now: Now, event: &CoordEvent, ids: &mut ActionIds) {
        match event {
            CoordEvent::Connected => {
                self.sessions += 1;
                let halves = [0, 1].map(|half: u64| {
                    let place = [self.sessions.to_be_bytes(), half.to_be_bytes()].concat();
                    self.seed.hash(&place).to_be_bytes()
                });
                self.frontend.copy_from_slice(&halves.concat());
                self.is_connected = true;
                (self.cycle, self.published_change) = (None, None);
                self.due = Some(now.mono);
                self.backends = Backends::default();
                self.list(ids);
            }
            CoordEvent::Disconnected => self.is_connected = false,
            CoordEvent::Changed { path } => {
                if let Some(rest) = path.strip_prefix(&applied_path(&self.path)) {
                    match rest.strip_prefix('/') {
                        Some(name) => self.read(name.to_owned(), ids),
                        None if rest.is_empty() => self.list(ids),
                        None => {}
                    }
                }
            }
            CoordEvent::Done { id, result } => self.done(now, *id, result, ids),
            CoordEvent::Children { id, result } if self.backends.listing == Some(*id) => {
                self.backends.listing = None;
                let names = result.clone().unwrap_or_default();
                self.backends.said.retain(|name, _| names.contains(name));
                for name in names {
                    if !self.backends.said.contains_key(&name) {
                        self.backends.said.insert(name.clone(), None);
                        self.read(name, ids);
                    }
                }
                self.look();
            }
            CoordEvent::Data { id, result } => {
                let Some(name) = self.backends.reading.remove(id) else { return };
                if let Some(said) = self.backends.said.get_mut(&name) {
                    let text = |data: &Bytes| String::from_utf8_lossy(data).into_owned();
                    *said = Some(result.as_ref().map(text).unwrap_or_default());
                }
                self.look();
            }
            CoordEvent::Children { .. } => {}
        }
    }

    fn done(
        &mut self,
        now: Now,
        id: ActionId,
        result: &Result<(), CoordError>,
        ids: &mut ActionIds,
    ) {
        let Some(cycle) = &mut self.cycle else { return };
        if !cycle.waiting.remove(&id) {
            return;
        }
        let is_good = match (cycle.step, result) {
            (_, Ok(())) => true,
            (Step::Create | Step::CreateRoot, Err(CoordError::Exists)) => true,
            (Step::Delete, Err(CoordError::Missing)) => true,
            (Step::Notify, Err(CoordError::Missing)) => {
                cycle.step = Step::CreateRoot;
                let id = ids.next_id();
                cycle.waiting.insert(id);
                let (path, data) = (self.path.clone(), Bytes::new());
                self.actions.push_back(CoordAction::Create { id, path, data, ephemeral: false });
                true
            }
            _ => false,
        };
        if is_good {
            self.step(now, ids);
        } else {
            self.fail(now);
        }
    }

    fn list(&mut self, ids: &mut ActionIds) {
        let id = ids.next_id();
        self.backends.listing = Some(id);
        let path = applied_path(&self.path);
        self.actions.push_back(CoordAction::Children { id, path, watch: true });
    }

    fn read(&mut self, name: String, ids: &mut ActionIds) {
        let id = ids.next_id();
        let path = format!("{}/{name}", applied_path(&self.path));
        self.backends.reading.insert(id, name);
        self.actions.push_back(CoordAction::Get { id, path, watch: true });
    }

    /// Looks whether every backend has applied what is published.
    fn look(&mut self) {
        if self.cycle.is_some() || self.backends.listing.is_some() {
            return;
        }
        let frontend = weft_wire::token::uuid(&self.frontend);
        let names = self.published.iter().map(String::as_str);
        let line = super::applied_line(&frontend, fingerprint(names));
        let has_applied = |said: &Option<String>| {
            // A frontend that wants nothing has no nodes, and no line.
            let Some(said) = said else { return false };
            match self.published.is_empty() {
                true => !said.contains(&frontend),
                false => said.contains(&line),
            }
        };
        let backends = &self.backends.said;
        if !backends.is_empty() && backends.values().all(has_applied) {
            self.applied_change = self.published_change.or(self.applied_change);
        }
    }

    /// What to ask of coordination next.
    pub(super) fn poll(&mut self) -> Option<CoordAction> {
        self.actions.pop_front()
    }

    /// When [`Publisher::advance`] is wanted.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due.filter(|_| self.cycle.is_none() && self.is_connected)
    }
}
