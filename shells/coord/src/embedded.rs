//! The embedded tree: it lives and dies with the process, as every session in it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use weft_daemons::contract::{CoordAction, CoordError, CoordEvent};

/// Gets a client's events.
type Sink = Arc<dyn Fn(CoordEvent) + Send + Sync>;

/// The tree.
#[derive(Default)]
pub struct EmbeddedCoord {
    state: Mutex<State>,
}

/// A session. Dropping it ends it: its ephemeral nodes go.
pub struct CoordClient {
    session: u64,
    coord: Arc<EmbeddedCoord>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Node>,
    sessions: BTreeMap<u64, Sink>,
    last_session: u64,
    /// Who is told when a node changes, comes or goes.
    node_watches: BTreeMap<String, BTreeSet<u64>>,
    /// Who is told when a node's children change, or the node comes.
    child_watches: BTreeMap<String, BTreeSet<u64>>,
}

struct Node {
    data: Bytes,
    owner: Option<u64>,
}

/// Events with those who get them, sent when the tree is no longer locked.
type Events = Vec<(Sink, CoordEvent)>;

impl EmbeddedCoord {
    /// An empty tree.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A session; `sink` gets its events, [`CoordEvent::Connected`] first, and must not block.
    pub fn client(
        self: &Arc<Self>,
        sink: impl Fn(CoordEvent) + Send + Sync + 'static,
    ) -> CoordClient {
        let sink: Sink = Arc::new(sink);
        let session = {
            let mut state = self.lock();
            state.last_session += 1;
            let session = state.last_session;
            state.sessions.insert(session, sink.clone());
            session
        };
        sink(CoordEvent::Connected);
        CoordClient { session, coord: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CoordClient {
    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: CoordAction) {
        let mut events = Events::new();
        let answer = {
            let mut state = self.coord.lock();
            let Some(sink) = state.sessions.get(&self.session).cloned() else { return };
            let answer = state.act(self.session, action, &mut events);
            events.push((sink, answer));
            events
        };
        for (sink, event) in answer {
            sink(event);
        }
    }
}

impl Drop for CoordClient {
    fn drop(&mut self) {
        let mut events = Events::new();
        {
            let mut state = self.coord.lock();
            state.sessions.remove(&self.session);
            let gone: Vec<String> = state
                .nodes
                .iter()
                .filter(|(_, node)| node.owner == Some(self.session))
                .map(|(path, _)| path.clone())
                .collect();
            for path in gone {
                state.nodes.remove(&path);
                state.changed(&path, true, &mut events);
            }
        }
        for (sink, event) in events {
            sink(event);
        }
    }
}

impl State {
    fn act(&mut self, session: u64, action: CoordAction, events: &mut Events) -> CoordEvent {
        match action {
            CoordAction::Create { id, path, data, ephemeral } => {
                let owner = ephemeral.then_some(session);
                CoordEvent::Done { id, result: self.create(&path, data, owner, events) }
            }
            CoordAction::Set { id, path, data } => {
                let result = match self.nodes.get_mut(&path) {
                    Some(node) => {
                        node.data = data;
                        self.changed(&path, false, events);
                        Ok(())
                    }
                    None => Err(CoordError::Missing),
                };
                CoordEvent::Done { id, result }
            }
            CoordAction::Delete { id, path } => {
                let result = if !self.nodes.contains_key(&path) {
                    Err(CoordError::Missing)
                } else if !self.children(&path).is_empty() {
                    Err(CoordError::NotEmpty)
                } else {
                    self.nodes.remove(&path);
                    self.changed(&path, true, events);
                    Ok(())
                };
                CoordEvent::Done { id, result }
            }
            CoordAction::Get { id, path, watch } => {
                if watch {
                    self.node_watches.entry(path.clone()).or_default().insert(session);
                }
                let node = self.nodes.get(&path).ok_or(CoordError::Missing);
                CoordEvent::Data { id, result: node.map(|node| node.data.clone()) }
            }
            CoordAction::Children { id, path, watch } => {
                if watch {
                    self.child_watches.entry(path.clone()).or_default().insert(session);
                }
                let is_there = self.nodes.contains_key(&path);
                let children = self.children(&path);
                CoordEvent::Children {
                    id,
                    result: is_there.then_some(children).ok_or(CoordError::Missing),
                }
            }
        }
    }

    fn create(
        &mut self,
        path: &str,
        data: Bytes,
        owner: Option<u64>,
        events: &mut Events,
    ) -> Result<(), CoordError> {
        if self.nodes.contains_key(path) {
            return Err(CoordError::Exists);
        }
        if let Some((parent, _)) = path.rsplit_once('/')
            && !parent.is_empty()
            && !self.nodes.contains_key(parent)
        {
            self.create(parent, Bytes::new(), None, events)?;
        }
        self.nodes.insert(path.to_owned(), Node { data, owner });
        self.changed(path, true, events);
        // Those who wait for the children of a node that was not there.
        Self::fire(&mut self.child_watches, &self.sessions, path, events);
        Ok(())
    }

    /// Fires the watches that a change of a node sets off.
    fn changed(&mut self, path: &str, came_or_went: bool, events: &mut Events) {
        Self::fire(&mut self.node_watches, &self.sessions, path, events);
        if came_or_went && let Some((parent, _)) = path.rsplit_once('/') {
            Self::fire(&mut self.child_watches, &self.sessions, parent, events);
        }
    }

    fn fire(
        watches: &mut BTreeMap<String, BTreeSet<u64>>,
        sessions: &BTreeMap<u64, Sink>,
        path: &str,
        events: &mut Events,
    ) {
        for session in watches.remove(path).unwrap_or_default() {
            if let Some(sink) = sessions.get(&session) {
                events.push((sink.clone(), CoordEvent::Changed { path: path.to_owned() }));
            }
        }
    }

    fn children(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let below = self.nodes.range(prefix.clone()..);
        below
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, _)| &path[prefix.len()..])
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }
}
