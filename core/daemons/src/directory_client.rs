//! Asks all shards of the directory and puts their answers together.
//!
//! Directories register under a path of coordination. A complete set is one instance for every
//! remainder of one modulus. A find asks one replica of each, merges their answers in the order of
//! ids, and is an error as soon as one of them fails: never a silently partial answer.

use std::collections::{BTreeMap, VecDeque};

use weft_gts::Metadata;
use weft_wire::znode::ServiceInstance;

use crate::contract::peer::{Answer, FindRequest, InstanceId, PeerAction, PeerEvent};
use crate::contract::table::Slice;
use crate::contract::{ActionId, ActionIds, CoordAction, CoordEvent};

/// A find that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FindId(u64);

/// What comes of a find.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FindEvent {
    /// The next series, in the order of ids; more when [`DirectoryClient::next`] is called.
    Found(Vec<Metadata>),
    /// There are no more.
    End,
    /// It failed: what came so far is not all.
    Failed(String),
}

/// Series handed over at once.
const CHUNK_MAX: usize = 1_024;

/// The client.
#[derive(Debug)]
pub(crate) struct DirectoryClient {
    path: String,
    instances: BTreeMap<InstanceId, Slice>,
    listing: Option<ActionId>,
    reading: BTreeMap<ActionId, InstanceId>,
    finds: BTreeMap<FindId, Find>,
    streams: BTreeMap<ActionId, FindId>,
    last_find: u64,
    /// Takes turns between replicas.
    turn: usize,
    coord_actions: VecDeque<CoordAction>,
    peer_actions: VecDeque<PeerAction>,
}

/// A find under way.
#[derive(Debug)]
struct Find {
    shards: Vec<Shard>,
    /// Whether somebody waits for [`FindEvent`].
    is_wanted: bool,
    failed: Option<String>,
}

/// The answer of one shard.
#[derive(Debug)]
struct Shard {
    stream: ActionId,
    found: VecDeque<Metadata>,
    has_ended: bool,
}

impl DirectoryClient {
    /// A client of the directories that register under `path`.
    pub(crate) fn new(path: String) -> Self {
        Self {
            path,
            instances: BTreeMap::new(),
            listing: None,
            reading: BTreeMap::new(),
            finds: BTreeMap::new(),
            streams: BTreeMap::new(),
            last_find: 0,
            turn: 0,
            coord_actions: VecDeque::new(),
            peer_actions: VecDeque::new(),
        }
    }

    /// Begins a find. Its first [`FindEvent`] comes without [`DirectoryClient::next`].
    pub(crate) fn find(
        &mut self,
        request: &FindRequest,
        ids: &mut ActionIds,
    ) -> Result<FindId, String> {
        let chosen = self.choose()?;
        self.last_find += 1;
        let id = FindId(self.last_find);
        let mut shards = Vec::new();
        for instance in chosen {
            let stream = ids.next_id();
            self.streams.insert(stream, id);
            shards.push(Shard { stream, found: VecDeque::new(), has_ended: false });
            let request = request.clone();
            self.peer_actions.push_back(PeerAction::Find { id: stream, instance, request });
        }
        self.finds.insert(id, Find { shards, is_wanted: true, failed: None });
        Ok(id)
    }

    /// Wants the next [`FindEvent`] of a find.
    pub(crate) fn next(&mut self, id: FindId) {
        if let Some(find) = self.finds.get_mut(&id) {
            find.is_wanted = true;
        }
    }

    /// The find is of no interest any more.
    pub(crate) fn cancel(&mut self, id: FindId) {
        let Some(find) = self.finds.remove(&id) else { return };
        for shard in find.shards {
            self.streams.remove(&shard.stream);
            if !shard.has_ended {
                self.peer_actions.push_back(PeerAction::Cancel { id: shard.stream });
            }
        }
    }

    /// Takes an event of coordination in.
    pub(crate) fn coord_event(&mut self, event: CoordEvent, ids: &mut ActionIds) {
        match event {
            CoordEvent::Connected => self.list(ids),
            CoordEvent::Changed { path } if path == self.path => self.list(ids),
            CoordEvent::Children { id, result } if self.listing == Some(id) => {
                self.listing = None;
                // A path that is not there yet is watched like one without children.
                self.listed(result.unwrap_or_default(), ids);
            }
            CoordEvent::Data { id, result } => {
                let Some(name) = self.reading.remove(&id) else { return };
                match result.ok().and_then(|data| slice_of(&data)) {
                    Some(slice) => self.instances.insert(name, slice),
                    None => self.instances.remove(&name),
                };
            }
            _ => {}
        }
    }

    /// Takes an answer of a directory in.
    pub(crate) fn peer_event(&mut self, event: PeerEvent) {
        let PeerEvent::Answered { id: stream, answer } = event else { return };
        let Some(find) = self.streams.get(&stream).and_then(|id| self.finds.get_mut(id)) else {
            return;
        };
        let Some(shard) = find.shards.iter_mut().find(|shard| shard.stream == stream) else {
            return;
        };
        match answer {
            Answer::Found(series) => {
                if series.is_empty() {
                    self.peer_actions.push_back(PeerAction::Next { id: stream });
                }
                shard.found.extend(series);
            }
            Answer::End => shard.has_ended = true,
            Answer::Failed(error) => {
                shard.has_ended = true;
                find.failed = Some(error.to_string());
            }
        }
    }

    /// The next event of any find that somebody waits for.
    pub(crate) fn poll_find(&mut self) -> Option<(FindId, FindEvent)> {
        let (id, event) = self.finds.iter_mut().find_map(|(id, find)| {
            let event = find.is_wanted.then(|| find.step(&mut self.peer_actions)).flatten()?;
            find.is_wanted = false;
            Some((*id, event))
        })?;
        if !matches!(event, FindEvent::Found(_)) {
            self.cancel(id);
        }
        Some((id, event))
    }

    /// What to ask of coordination next.
    pub(crate) fn poll_coord(&mut self) -> Option<CoordAction> {
        self.coord_actions.pop_front()
    }

    /// What to ask of directories next.
    pub(crate) fn poll_peer(&mut self) -> Option<PeerAction> {
        self.peer_actions.pop_front()
    }

    fn list(&mut self, ids: &mut ActionIds) {
        let id = ids.next_id();
        self.listing = Some(id);
        let action = CoordAction::Children { id, path: self.path.clone(), watch: true };
        self.coord_actions.push_back(action);
    }

    fn listed(&mut self, names: Vec<String>, ids: &mut ActionIds) {
        self.instances.retain(|name, _| names.iter().any(|listed| **listed == **name));
        for name in names {
            if self.instances.contains_key(name.as_str()) {
                continue;
            }
            let id = ids.next_id();
            let path = format!("{}/{name}", self.path);
            self.reading.insert(id, InstanceId::from(name));
            self.coord_actions.push_back(CoordAction::Get { id, path, watch: false });
        }
    }

    /// One instance of every remainder of one modulus; of several complete sets the finest.
    fn choose(&mut self) -> Result<Vec<InstanceId>, String> {
        let mut replicas: BTreeMap<u32, BTreeMap<u32, Vec<&InstanceId>>> = BTreeMap::new();
        for (name, slice) in &self.instances {
            let remainders = replicas.entry(slice.modulus).or_default();
            remainders.entry(slice.remainder).or_default().push(name);
        }
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        let complete = replicas
            .iter()
            .rev()
            .find(|(modulus, remainders)| remainders.len() == **modulus as usize);
        match complete {
            Some((_, remainders)) => {
                Ok(remainders.values().map(|names| names[turn % names.len()].clone()).collect())
            }
            None => Err(incomplete(&replicas)),
        }
    }
}

impl Find {
    /// The next event, when the shards' answers suffice for one.
    fn step(&mut self, peer_actions: &mut VecDeque<PeerAction>) -> Option<FindEvent> {
        if let Some(reason) = self.failed.take() {
            return Some(FindEvent::Failed(reason));
        }
        let mut merged = Vec::new();
        while merged.len() < CHUNK_MAX {
            if self.shards.iter().any(|shard| shard.found.is_empty() && !shard.has_ended) {
                break;
            }
            let heads = self.shards.iter_mut().filter(|shard| !shard.found.is_empty());
            let Some(first) = heads.min_by_key(|shard| shard.found[0].id) else { break };
            merged.extend(first.found.pop_front());
            if first.found.is_empty() && !first.has_ended {
                peer_actions.push_back(PeerAction::Next { id: first.stream });
            }
        }
        if !merged.is_empty() {
            return Some(FindEvent::Found(merged));
        }
        self.shards.iter().all(|shard| shard.has_ended).then_some(FindEvent::End)
    }
}

/// The slice that a registered instance serves.
fn slice_of(data: &[u8]) -> Option<Slice> {
    let instance = ServiceInstance::decode(data).ok()?;
    let number = |name| instance.payload.get(name)?.parse::<u32>().ok();
    let slice = Slice { modulus: number("modulus")?, remainder: number("remainder")? };
    (slice.remainder < slice.modulus).then_some(slice)
}

/// Says which shards are missing.
fn incomplete(replicas: &BTreeMap<u32, BTreeMap<u32, Vec<&InstanceId>>>) -> String {
    let Some((modulus, remainders)) = replicas.iter().next_back() else {
        return "No directory is registered.".to_owned();
    };
    let missing: Vec<String> = (0..*modulus)
        .filter(|remainder| !remainders.contains_key(remainder))
        .take(8)
        .map(|remainder| format!("{modulus}:{remainder}"))
        .collect();
    format!("Directory shards are missing: {}.", missing.join(", "))
}
