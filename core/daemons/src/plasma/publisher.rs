//! Writes what a frontend wants into nodes, and knows since when backends have applied it.
//!
//! New nodes are written before old ones go, and the root's data is set last, which is what the
//! reference's backends look at. A name says what its node holds, so what stays the same is left
//! alone; no set of nodes is written twice under one name of the frontend. Each session of
//! coordination has a name of its own; nodes of the one before go once the new ones are there. Where
//! one of those is gone by then, backends may have passed over records meanwhile: subscriptions have
//! lapsed.
//!
//! Who lives among the backends is asked after the nodes were written, whatever watches have told:
//! a backend says that it is there before it reads nodes, so one that is not seen then reads the new
//! ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use weft_gts::{SeriesId, SipKey};
use weft_wire::znode::{SubscriptionNode, subscription_nodes};

use super::{applied_path, fingerprint};
use crate::contract::{ActionId, ActionIds, CoordAction, CoordError, CoordEvent};
use crate::time::{Mono, Now};

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Series of nodes that are written and read in a millisecond, or more.
const WRITTEN_A_MS: usize = 500;

/// Sets of nodes that are remembered under one name.
const WRITTEN_MAX: usize = 10_000;

/// The writer of one frontend's nodes.
#[derive(Debug)]
pub(super) struct Publisher {
    path: String,
    topic: String,
    node_bytes_max: usize,
    /// How long changes are gathered.
    delay: Duration,
    seed: SipKey,
    names: u64,
    frontend: [u8; 16],
    /// What was written under that name, by its fingerprint, and last.
    written: BTreeSet<u64>,
    last: u64,
    is_connected: bool,
    /// How often what is wanted has changed.
    changes: u64,
    due: Option<Mono>,
    cycle: Option<Cycle>,
    /// Nodes that exist, or may, by name; those of sessions before among them.
    published: BTreeSet<String>,
    /// Those of them that were made and that nobody was asked to remove.
    certain: BTreeSet<String>,
    /// Nodes were gone before others stood for them.
    has_lapsed: bool,
    /// Whether they were is not known yet.
    is_in_doubt: bool,
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
    /// What was asked, and of which node.
    waiting: BTreeMap<ActionId, String>,
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
    /// When to ask again who could not be asked.
    again: Option<Mono>,
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
            names: 0,
            frontend: [0; 16],
            written: BTreeSet::new(),
            last: 0,
            is_connected: false,
            changes: 0,
            due: None,
            cycle: None,
            published: BTreeSet::new(),
            certain: BTreeSet::new(),
            has_lapsed: false,
            is_in_doubt: false,
            is_unsure: false,
            published_change: None,
            applied_change: None,
            backends: Backends::default(),
            actions: VecDeque::new(),
        }
    }

    /// Takes a name that no node has.
    fn rename(&mut self) {
        self.names += 1;
        self.written.clear();
        let halves = [0, 1].map(|half: u64| {
            let place = [self.names.to_be_bytes(), half.to_be_bytes()].concat();
            self.seed.hash(&place).to_be_bytes()
        });
        self.frontend.copy_from_slice(&halves.concat());
    }

    fn nodes(&self, wanted: &[SeriesId]) -> (Vec<SubscriptionNode>, u64) {
        let nodes = subscription_nodes(self.frontend, &self.topic, wanted, self.node_bytes_max);
        let fingerprint = fingerprint(nodes.iter().map(|node| node.name.as_str()));
        (nodes, fingerprint)
    }

    /// What is wanted has changed, and is so many series now. All of them are written and read
    /// anew: the more there are, the longer changes are gathered, so that this is never all that
    /// anybody does.
    pub(super) fn change(&mut self, now: Now, wanted: usize) {
        self.changes += 1;
        let work = Duration::from_millis((wanted / WRITTEN_A_MS) as u64);
        self.due.get_or_insert_with(|| now.mono.after(self.delay.max(work)));
    }

    /// The number of the latest change.
    pub(super) const fn latest(&self) -> u64 {
        self.changes
    }

    /// Whether every live backend has applied that change. Without any backend none has.
    pub(super) fn is_active(&self, change: u64) -> bool {
        self.applied_change.is_some_and(|applied| applied >= change)
    }

    /// Whether subscriptions may have lapsed before what is copied now.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Whether subscriptions have lapsed since that was asked last.
    pub(super) fn take_lapsed(&mut self) -> bool {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::LapseUnnoticed) {
            return false;
        }
        std::mem::replace(&mut self.has_lapsed, false)
    }

    /// Writes what is wanted, when that is due and nothing is on its way.
    pub(super) fn advance<'a>(
        &mut self,
        now: Now,
        wanted: impl Iterator<Item = &'a SeriesId>,
        ids: &mut ActionIds,
    ) {
        if self.is_connected && self.backends.again.take_if(|due| *due <= now.mono).is_some() {
            self.list(ids);
        }
        let is_due = self.due.is_some_and(|due| due <= now.mono);
        if !is_due || self.cycle.is_some() || !self.is_connected {
            return;
        }
        self.due = None;
        let wanted: Vec<SeriesId> = wanted.copied().collect();
        let (mut nodes, mut fingerprint) = self.nodes(&wanted);
        let is_repeated = fingerprint != self.last && self.written.contains(&fingerprint);
        if is_repeated || self.written.len() >= WRITTEN_MAX {
            // A backend may have said that it has applied the same nodes, and be about to apply
            // those that came between.
            self.rename();
            (nodes, fingerprint) = self.nodes(&wanted);
        }
        self.written.insert(fingerprint);
        self.last = fingerprint;
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        let (step, waiting) = (Step::Create, BTreeMap::new());
        let mut cycle = Cycle { change: self.changes, step, names, waiting };
        let is_unsure = std::mem::take(&mut self.is_unsure);
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::DeleteBeforeCreate) {
            self.delete_first(&cycle.names, ids);
        }
        for node in nodes {
            if self.published.insert(node.name.clone()) || is_unsure {
                let id = ids.next_id();
                cycle.waiting.insert(id, node.name.clone());
                let path = format!("{}/{}", self.path, node.name);
                let data = Bytes::from(node.data);
                self.actions.push_back(CoordAction::Create { id, path, data, ephemeral: true });
            }
        }
        self.cycle = Some(cycle);
        self.step(now, ids);
    }

    #[cfg(weft_mutants)]
    fn delete_first(&mut self, names: &BTreeSet<String>, ids: &mut ActionIds) {
        for name in self.published.difference(names) {
            self.certain.remove(name);
            let (id, path) = (ids.next_id(), format!("{}/{name}", self.path));
            self.actions.push_back(CoordAction::Delete { id, path });
        }
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
                        cycle.waiting.insert(id, name.clone());
                        let path = format!("{}/{name}", self.path);
                        self.actions.push_back(CoordAction::Delete { id, path });
                    }
                }
                Step::Delete => {
                    cycle.step = Step::Notify;
                    self.is_in_doubt = false;
                    self.published.clone_from(&cycle.names);
                    let id = ids.next_id();
                    cycle.waiting.insert(id, String::new());
                    let data = format!("{}.{}", self.topic, now.wall.as_ms()).into();
                    self.actions.push_back(CoordAction::Set { id, path: self.path.clone(), data });
                }
                Step::Notify | Step::CreateRoot => {
                    self.published_change = Some(cycle.change);
                    self.cycle = None;
                    self.list(ids);
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
                self.rename();
                self.is_connected = true;
                self.is_in_doubt |= !self.certain.is_empty();
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
            CoordEvent::Children { id, result: Err(CoordError::Unavailable(_)) }
                if self.backends.listing == Some(*id) =>
            {
                // It counts as not known until it is.
                self.backends.again.get_or_insert_with(|| now.mono.after(RETRY));
            }
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
                if let Err(CoordError::Unavailable(_)) = result {
                    // Listed again, it is read again.
                    self.backends.said.remove(&name);
                    self.backends.listing.get_or_insert(*id);
                    self.backends.again.get_or_insert_with(|| now.mono.after(RETRY));
                    return;
                }
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
        let Some(name) = cycle.waiting.remove(&id) else { return };
        match (cycle.step, result) {
            (Step::Create, Ok(()) | Err(CoordError::Exists)) => {
                self.certain.insert(name);
            }
            (Step::Delete, result) => {
                let was_there = self.certain.remove(&name);
                self.has_lapsed |= was_there && *result == Err(CoordError::Missing);
            }
            _ => {}
        }
        let is_good = match (cycle.step, result) {
            (_, Ok(())) => true,
            (Step::Create | Step::CreateRoot, Err(CoordError::Exists)) => true,
            (Step::Delete, Err(CoordError::Missing)) => true,
            (Step::Notify, Err(CoordError::Missing)) => {
                cycle.step = Step::CreateRoot;
                let id = ids.next_id();
                cycle.waiting.insert(id, String::new());
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
        #[cfg(weft_mutants)]
        if !self.backends.said.is_empty()
            && crate::mutants::is(crate::mutants::Planted::BackendsNotAsked)
        {
            return self.look();
        }
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
        let due = self.due.filter(|_| self.cycle.is_none());
        [due, self.backends.again].into_iter().flatten().min().filter(|_| self.is_connected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_there_is_to_write_the_longer_changes_are_gathered() {
        let (delay, now) = (Duration::from_millis(5), Now::default());
        let due = |wanted: usize| {
            let (path, topic) = ("/p".to_owned(), "t".to_owned());
            let mut publisher = Publisher::new(path, topic, 500_000, delay, SipKey::new(1, 2));
            publisher.is_connected = true;
            publisher.change(now, wanted);
            publisher.deadline()
        };
        assert_eq!(due(1), Some(now.mono.after(delay)));
        assert_eq!(due(1_000_000), Some(now.mono.after(Duration::from_secs(2))));
    }
}
