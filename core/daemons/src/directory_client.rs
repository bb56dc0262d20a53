//! Asks all shards of the directory and puts their answers together.
//!
//! Directories register under a path of coordination. A complete set is one instance for every
//! remainder of one modulus. A find asks one replica of each, and the next one when that cannot be
//! reached before it found anything; it merges their answers in the order of ids, and is an error
//! as soon as a shard fails: never a silently partial answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weft_gts::Metadata;
use weft_wire::thrift::DirectoryStatsResponse;
use weft_wire::znode::ServiceInstance;

use crate::contract::peer::{
    Answer, FindRequest, InstanceId, PeerAction, PeerAddress, PeerError, PeerEvent,
};
use crate::contract::table::Slice;
use crate::contract::{ActionId, ActionIds, CoordAction, CoordError, CoordEvent};

/// A find that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FindId(u64);

/// What comes of a find.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FindEvent {
    /// The next series, in the order of ids; more when [`DirectoryClient::next`] is called.
    Found(Vec<Metadata>),
    /// How many there are, by shard, where that was asked for. It is the last event.
    Counted(Vec<DirectoryStatsResponse>),
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
    instances: BTreeMap<InstanceId, Instance>,
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

/// A registered directory.
#[derive(Debug)]
struct Instance {
    slice: Slice,
    address: PeerAddress,
}

/// A directory that can be asked.
type Replica = (InstanceId, PeerAddress);

/// A find under way.
#[derive(Debug)]
struct Find {
    request: FindRequest,
    shards: Vec<Shard>,
    /// Whether somebody waits for [`FindEvent`].
    is_wanted: bool,
    failed: Option<String>,
}

/// The answer of one shard.
#[derive(Debug)]
struct Shard {
    stream: ActionId,
    /// Replicas that were not asked; none once something was found.
    spares: Vec<Replica>,
    found: VecDeque<Metadata>,
    counted: Option<DirectoryStatsResponse>,
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
        for ((instance, address), spares) in chosen {
            let stream = ids.next_id();
            self.streams.insert(stream, id);
            let (found, counted) = (VecDeque::new(), None);
            shards.push(Shard { stream, spares, found, counted, has_ended: false });
            let request = request.clone();
            let find = PeerAction::Find { id: stream, instance, address, request };
            self.peer_actions.push_back(find);
        }
        let request = request.clone();
        self.finds.insert(id, Find { request, shards, is_wanted: true, failed: None });
        Ok(id)
    }

    /// Whether every shard has an instance that can be asked.
    pub(crate) fn is_complete(&self) -> bool {
        let slices = || self.instances.values().map(|instance| instance.slice);
        let of = |modulus| slices().filter(move |slice| slice.modulus == modulus);
        let remainders = |modulus| of(modulus).map(|s| s.remainder).collect::<BTreeSet<u32>>();
        slices().any(|slice| remainders(slice.modulus).len() == slice.modulus as usize)
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
                match result {
                    Ok(names) => self.listed(names, ids),
                    // Without contact what was known stays, until the next listing.
                    Err(CoordError::Unavailable(_)) => {}
                    // A path that is not there yet is watched like one without children.
                    Err(_) => self.listed(Vec::new(), ids),
                }
            }
            CoordEvent::Data { id, result } => {
                let Some(name) = self.reading.remove(&id) else { return };
                match result.ok().and_then(|data| instance_of(&data)) {
                    Some(instance) => self.instances.insert(name, instance),
                    None => self.instances.remove(&name),
                };
            }
            _ => {}
        }
    }

    /// Takes an answer of a directory in.
    pub(crate) fn peer_event(&mut self, event: PeerEvent, ids: &mut ActionIds) {
        let PeerEvent::Answered { id: stream, answer } = event else { return };
        let Some(find_id) = self.streams.get(&stream).copied() else { return };
        let Some(find) = self.finds.get_mut(&find_id) else { return };
        let Some(shard) = find.shards.iter_mut().find(|shard| shard.stream == stream) else {
            return;
        };
        match answer {
            Answer::Found(series) => {
                if series.is_empty() {
                    self.peer_actions.push_back(PeerAction::Next { id: stream });
                }
                shard.spares.clear();
                shard.found.extend(series);
            }
            Answer::Counted(counted) => {
                shard.counted = Some(*counted);
                shard.has_ended = true;
            }
            Answer::End => shard.has_ended = true,
            Answer::Failed(PeerError::Unavailable(_)) if !shard.spares.is_empty() => {
                let id = ids.next_id();
                let (instance, address) = shard.spares.remove(0);
                shard.stream = id;
                self.streams.remove(&stream);
                self.streams.insert(id, find_id);
                let request = find.request.clone();
                let find = PeerAction::Find { id, instance, address, request };
                self.peer_actions.push_back(find);
            }
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

    /// One instance of every remainder of one modulus, with the others of that remainder; of
    /// several complete sets the finest.
    fn choose(&mut self) -> Result<Vec<(Replica, Vec<Replica>)>, String> {
        let mut replicas: BTreeMap<u32, BTreeMap<u32, Vec<Replica>>> = BTreeMap::new();
        for (name, Instance { slice, address }) in &self.instances {
            let remainders = replicas.entry(slice.modulus).or_default();
            let replica = (name.clone(), address.clone());
            remainders.entry(slice.remainder).or_default().push(replica);
        }
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::IncompleteDirectory) {
            let all = replicas.into_values().next_back().unwrap_or_default();
            return Ok(all.into_values().map(|mut all| (all.remove(0), all)).collect());
        }
        let complete = replicas
            .iter()
            .rev()
            .find(|(modulus, remainders)| remainders.len() == **modulus as usize);
        match complete {
            Some((_, remainders)) => {
                let replicas = remainders.values().map(|replicas| {
                    let (before, from) = replicas.split_at(turn % replicas.len());
                    let others = from[1..].iter().chain(before);
                    (from[0].clone(), others.cloned().collect())
                });
                Ok(replicas.collect())
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
        if self.request.estimates {
            let has_all = self.shards.iter().all(|shard| shard.counted.is_some());
            let counted = self.shards.iter_mut().filter_map(|shard| shard.counted.take());
            return has_all.then(|| FindEvent::Counted(counted.collect()));
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

/// What a registered instance serves, and where.
fn instance_of(data: &[u8]) -> Option<Instance> {
    let instance = ServiceInstance::decode(data).ok()?;
    let number = |name| instance.payload.get(name)?.parse::<u32>().ok();
    let slice = Slice { modulus: number("modulus")?, remainder: number("remainder")? };
    let port = instance.payload.get("streaming.port").and_then(|port| port.parse::<u16>().ok());
    let host = &instance.address;
    let address = match port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => String::new(),
    };
    (slice.remainder < slice.modulus).then(|| Instance { slice, address: address.into() })
}

/// Says which shards are missing.
fn incomplete(replicas: &BTreeMap<u32, BTreeMap<u32, Vec<Replica>>>) -> String {
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

#[cfg(test)]
mod tests {
    use weft_gts::SeriesId;
    use weft_wire::znode::DIRECTORY_SERVICE;

    use super::*;

    /// A client that knows instances, by name, modulus and remainder.
    fn client(instances: &[(&str, u32, u32)]) -> (DirectoryClient, ActionIds) {
        let (mut client, mut ids) = (DirectoryClient::new("/d".to_owned()), ActionIds::default());
        client.coord_event(CoordEvent::Connected, &mut ids);
        let Some(CoordAction::Children { id, .. }) = client.poll_coord() else { panic!("a list") };
        let names = instances.iter().map(|(name, ..)| (*name).to_owned()).collect();
        client.coord_event(CoordEvent::Children { id, result: Ok(names) }, &mut ids);
        for (_, modulus, remainder) in instances {
            let Some(CoordAction::Get { id, .. }) = client.poll_coord() else { panic!("a look") };
            let numbers = [("modulus", modulus), ("remainder", remainder)];
            let payload = numbers.map(|(name, number)| (name.to_owned(), number.to_string()));
            let instance = ServiceInstance {
                name: DIRECTORY_SERVICE.to_owned(),
                id: "id".to_owned(),
                address: "here".to_owned(),
                port: 1,
                payload: payload.into(),
                registered_ms: 0,
            };
            let data = CoordEvent::Data { id, result: Ok(instance.encode().into()) };
            client.coord_event(data, &mut ids);
        }
        (client, ids)
    }

    /// A find: whom it asks, and the streams.
    fn asked(client: &mut DirectoryClient, ids: &mut ActionIds) -> Vec<(String, ActionId)> {
        client.find(&FindRequest::default(), ids).expect("complete");
        let finds = std::iter::from_fn(|| client.poll_peer()).filter_map(|action| match action {
            PeerAction::Find { id, instance, .. } => Some((instance.to_string(), id)),
            _ => None,
        });
        finds.collect()
    }

    fn series(number: i64) -> Metadata {
        let id = SeriesId { class_id: 1, labels_id: number };
        Metadata { id, ..Metadata::default() }
    }

    fn answered(id: ActionId, answer: Answer) -> PeerEvent {
        PeerEvent::Answered { id, answer }
    }

    fn found(client: &mut DirectoryClient) -> Option<Result<Vec<i64>, String>> {
        client.poll_find().map(|(_, event)| match event {
            FindEvent::Counted(counted) => panic!("series, not {counted:?}"),
            FindEvent::Found(series) => Ok(series.iter().map(|one| one.id.labels_id).collect()),
            FindEvent::End => Ok(Vec::new()),
            FindEvent::Failed(message) => Err(message),
        })
    }

    #[test]
    fn one_modulus_with_all_remainders_is_asked() {
        let instances = [("a", 1, 0), ("b", 2, 0), ("c", 2, 1), ("d", 2, 1), ("e", 3, 2)];
        let (mut client, mut ids) = client(&instances);
        let mut seen = BTreeSet::new();
        for _ in 0..4 {
            let names: Vec<String> =
                asked(&mut client, &mut ids).into_iter().map(|(name, _)| name).collect();
            assert!(names[0] == "b" && ["c", "d"].contains(&names[1].as_str()), "{names:?}");
            seen.extend(names);
        }
        assert_eq!(seen.len(), 3, "replicas take turns: {seen:?}");
    }

    #[test]
    fn a_missing_shard_is_an_error() {
        let (mut client, mut ids) = client(&[("a", 3, 0), ("b", 3, 2)]);
        let error = client.find(&FindRequest::default(), &mut ids).expect_err("3:1 is missing");
        assert_eq!(error, "Directory shards are missing: 3:1.");
        assert!(client.poll_peer().is_none(), "nobody is asked");
    }

    #[test]
    fn answers_are_merged_in_the_order_of_ids() {
        let (mut client, mut ids) = client(&[("a", 2, 0), ("b", 2, 1)]);
        let streams = asked(&mut client, &mut ids);
        let (a, b) = (streams[0].1, streams[1].1);
        client.peer_event(answered(a, Answer::Found(vec![series(1), series(4)])), &mut ids);
        assert_eq!(found(&mut client), None, "who knows what the other one has");
        client.peer_event(
            answered(b, Answer::Found(vec![series(2), series(3), series(7)])),
            &mut ids,
        );
        assert_eq!(found(&mut client), Some(Ok(vec![1, 2, 3, 4])));
        client.next(FindId(1));
        client.peer_event(answered(a, Answer::End), &mut ids);
        assert_eq!(found(&mut client), Some(Ok(vec![7])));
        client.next(FindId(1));
        client.peer_event(answered(b, Answer::End), &mut ids);
        assert_eq!(found(&mut client), Some(Ok(Vec::new())));
    }

    #[test]
    fn a_count_is_whole_when_every_shard_has_counted() {
        let (mut client, mut ids) = client(&[("a", 2, 0), ("b", 2, 1), ("c", 2, 1)]);
        let request = FindRequest { estimates: true, ..FindRequest::default() };
        client.find(&request, &mut ids).expect("complete");
        let mut asked = || match client.poll_peer() {
            Some(PeerAction::Find { id, request, .. }) => {
                assert!(request.estimates);
                id
            }
            other => panic!("a find, not {other:?}"),
        };
        let (a, b) = (asked(), asked());
        let count = |number| DirectoryStatsResponse {
            gts_count: Some(vec![number]),
            ..DirectoryStatsResponse::default()
        };
        let counted = |id, number| answered(id, Answer::Counted(Box::new(count(number))));
        client.peer_event(counted(a, 1), &mut ids);
        assert_eq!(client.poll_find(), None, "the other one has some, too");
        let gone = Answer::Failed(PeerError::Unavailable("gone".to_owned()));
        client.peer_event(answered(b, gone), &mut ids);
        let Some(PeerAction::Find { id, .. }) = client.poll_peer() else { panic!("the other") };
        client.peer_event(counted(id, 2), &mut ids);
        let all = FindEvent::Counted(vec![count(1), count(2)]);
        assert_eq!(client.poll_find(), Some((FindId(1), all)));
        assert_eq!((client.poll_find(), client.poll_peer()), (None, None), "it is over");
    }

    #[test]
    fn one_shard_that_fails_fails_the_find() {
        let (mut client, mut ids) = client(&[("a", 2, 0), ("b", 2, 1)]);
        let streams = asked(&mut client, &mut ids);
        client.peer_event(answered(streams[0].1, Answer::Found(vec![series(1)])), &mut ids);
        let error = PeerError::Unavailable("b".to_owned());
        client.peer_event(answered(streams[1].1, Answer::Failed(error)), &mut ids);
        assert_eq!(found(&mut client), Some(Err("directory b is unavailable".to_owned())));
        // The rest of the other one is not wanted any more.
        let cancelled = client.poll_peer();
        assert_eq!(cancelled, Some(PeerAction::Cancel { id: streams[0].1 }));
    }

    #[test]
    fn another_replica_answers_for_one_that_cannot_be_reached() {
        let (mut client, mut ids) = client(&[("a", 2, 0), ("b", 2, 0), ("d", 2, 0), ("c", 2, 1)]);
        let streams = asked(&mut client, &mut ids);
        let gone = || Answer::Failed(PeerError::Unavailable("gone".to_owned()));
        client.peer_event(answered(streams[1].1, Answer::End), &mut ids);
        client.peer_event(answered(streams[0].1, gone()), &mut ids);
        assert_eq!(found(&mut client), None, "the other one may have it");
        let Some(PeerAction::Find { id, instance, .. }) = client.poll_peer() else {
            panic!("the other one is asked")
        };
        assert!(["a", "b", "d"].contains(&&*instance) && *instance != *streams[0].0);
        // What the first one says late is nobody's.
        client.peer_event(answered(streams[0].1, Answer::Found(vec![series(9)])), &mut ids);
        client.peer_event(answered(id, Answer::Found(vec![series(1)])), &mut ids);
        assert_eq!(found(&mut client), Some(Ok(vec![1])));
        // Once it found something, nobody else knows where it was.
        client.next(FindId(1));
        client.peer_event(answered(id, gone()), &mut ids);
        assert_eq!(found(&mut client), Some(Err("directory gone is unavailable".to_owned())));
    }

    #[test]
    fn a_find_fails_when_no_replica_of_a_shard_can_be_reached() {
        let (mut client, mut ids) = client(&[("a", 1, 0), ("b", 1, 0)]);
        let mut stream = asked(&mut client, &mut ids)[0].1;
        for is_last in [false, true] {
            let gone = Answer::Failed(PeerError::Unavailable("gone".to_owned()));
            client.peer_event(answered(stream, gone), &mut ids);
            if let Some(PeerAction::Find { id, .. }) = client.poll_peer() {
                assert!(!is_last, "each is asked once");
                stream = id;
            }
        }
        assert_eq!(found(&mut client), Some(Err("directory gone is unavailable".to_owned())));
    }

    #[test]
    fn without_contact_what_was_known_stays() {
        let (mut client, mut ids) = client(&[("a", 1, 0)]);
        client.coord_event(CoordEvent::Connected, &mut ids);
        let Some(CoordAction::Children { id, .. }) = client.poll_coord() else { panic!("a list") };
        let result = Err(CoordError::Unavailable("gone".to_owned()));
        client.coord_event(CoordEvent::Children { id, result }, &mut ids);
        assert!(client.find(&FindRequest::default(), &mut ids).is_ok());
    }
}
