//! A model of coordination: a tree, sessions, ephemeral nodes, watches that fire once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weft_daemons::contract::coord::{CoordAction, CoordError, CoordEvent};

use crate::world::Address;

/// The tree.
#[derive(Debug, Default)]
pub struct CoordModel {
    nodes: BTreeMap<String, Node>,
    /// Watches on a node, and on its children.
    watches: BTreeSet<(String, bool, Address)>,
}

#[derive(Debug)]
struct Node {
    data: Bytes,
    owner: Option<Address>,
}

impl CoordModel {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what a session asks. The answer, and what is to be told to whom.
    pub fn submit(
        &mut self,
        from: Address,
        action: CoordAction,
    ) -> (CoordEvent, Vec<(Address, CoordEvent)>) {
        let mut fired = Vec::new();
        let answer = match action {
            CoordAction::Create { id, path, data, ephemeral } => {
                let result = self.create(from, &path, data, ephemeral, &mut fired);
                CoordEvent::Done { id, result }
            }
            CoordAction::Set { id, path, data } => {
                let result = match self.nodes.get_mut(&path) {
                    Some(node) => {
                        node.data = data;
                        self.fire(&path, false, &mut fired);
                        Ok(())
                    }
                    None => Err(CoordError::Missing),
                };
                CoordEvent::Done { id, result }
            }
            CoordAction::Delete { id, path } => {
                let result = self.delete(&path, &mut fired);
                CoordEvent::Done { id, result }
            }
            CoordAction::Get { id, path, watch } => {
                if watch {
                    self.watches.insert((path.clone(), false, from));
                }
                let data = self.nodes.get(&path).map(|node| node.data.clone());
                CoordEvent::Data { id, result: data.ok_or(CoordError::Missing) }
            }
            CoordAction::Children { id, path, watch } => {
                if watch {
                    self.watches.insert((path.clone(), true, from));
                }
                CoordEvent::Children { id, result: self.children(&path) }
            }
        };
        (answer, fired)
    }

    /// A session ends: its ephemeral nodes go. What is to be told to whom; the session itself is
    /// told of every watch it had.
    pub fn expire(&mut self, session: Address) -> Vec<(Address, CoordEvent)> {
        let mut fired = Vec::new();
        let mut own = Vec::new();
        self.watches.retain(|(path, _, watcher)| {
            let is_own = *watcher == session;
            if is_own {
                own.push((session, CoordEvent::Changed { path: path.clone() }));
            }
            !is_own
        });
        let owned: Vec<String> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.owner == Some(session))
            .map(|(path, _)| path.clone())
            .collect();
        for path in owned {
            let _ = self.delete(&path, &mut fired);
        }
        fired.extend(own);
        fired
    }

    /// The data of the children of a node.
    pub fn children_data(&self, path: &str) -> Vec<(&str, &Bytes)> {
        let prefix = format!("{path}/");
        let below = self.nodes.range(prefix.clone()..).take_while(|(p, _)| p.starts_with(&prefix));
        below
            .map(|(path, node)| (&path[prefix.len()..], &node.data))
            .filter(|(name, _)| !name.contains('/'))
            .collect()
    }

    fn create(
        &mut self,
        from: Address,
        path: &str,
        data: Bytes,
        ephemeral: bool,
        fired: &mut Vec<(Address, CoordEvent)>,
    ) -> Result<(), CoordError> {
        if self.nodes.contains_key(path) {
            return Err(CoordError::Exists);
        }
        let parents: Vec<usize> =
            path.char_indices().filter(|(i, c)| *c == '/' && *i > 0).map(|(i, _)| i).collect();
        for end in parents {
            if !self.nodes.contains_key(&path[..end]) {
                self.insert(&path[..end], Node { data: Bytes::new(), owner: None }, fired);
            }
        }
        self.insert(path, Node { data, owner: ephemeral.then_some(from) }, fired);
        Ok(())
    }

    fn insert(&mut self, path: &str, node: Node, fired: &mut Vec<(Address, CoordEvent)>) {
        self.nodes.insert(path.to_owned(), node);
        self.fire(path, false, fired);
        self.fire(path, true, fired);
        self.fire(parent(path), true, fired);
    }

    fn delete(
        &mut self,
        path: &str,
        fired: &mut Vec<(Address, CoordEvent)>,
    ) -> Result<(), CoordError> {
        if !self.nodes.contains_key(path) {
            return Err(CoordError::Missing);
        }
        if self.children(path).is_ok_and(|names| !names.is_empty()) {
            return Err(CoordError::NotEmpty);
        }
        self.nodes.remove(path);
        self.fire(path, false, fired);
        self.fire(path, true, fired);
        self.fire(parent(path), true, fired);
        Ok(())
    }

    fn children(&self, path: &str) -> Result<Vec<String>, CoordError> {
        if !self.nodes.contains_key(path) {
            return Err(CoordError::Missing);
        }
        Ok(self.children_data(path).into_iter().map(|(name, _)| name.to_owned()).collect())
    }

    fn fire(&mut self, path: &str, children: bool, fired: &mut Vec<(Address, CoordEvent)>) {
        self.watches.retain(|(watched, of_children, watcher)| {
            let fires = watched == path && *of_children == children;
            if fires {
                fired.push((*watcher, CoordEvent::Changed { path: path.to_owned() }));
            }
            !fires
        });
    }
}

fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..end])
}
