//! The promises of plasma: frontends and backends on models of log, coordination and directory.

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use common::{at, drain, ids, token_keys};
use weft_daemons::contract::NoTask;
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::log::Topic;
use weft_daemons::contract::peer::{Answer, PeerAction, PeerEvent};
use weft_daemons::contract::{
    ActionId, CoordAction, CoordError, CoordEvent, Effect, Event, HttpAction, HttpEvent, LogAction,
    LogError, LogEvent, Machine, Message, NewRecord, Record, RequestHead,
};
use weft_daemons::cors::CorsConfig;
use weft_daemons::headers::HeaderNames;
use weft_daemons::plasma::backend::{Backend, BackendConfig};
use weft_daemons::plasma::frontend::{Frontend, FrontendConfig};
use weft_gts::selector::Selector;
use weft_gts::{Encoder, Metadata, NO_ELEVATION, NO_LOCATION, ValueRef};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType, encode_metadata};
use weft_wire::token::{ReadToken, TokenAuthority};
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

const OWNER: [u8; 16] = [7; 16];
const ROOT: &str = "/plasma";

enum Machines {
    Backend(Box<Backend>),
    Frontend(Box<Frontend>),
}

/// Frontends, backends and what they stand on. The first machine is a frontend.
struct World {
    machines: Vec<Machines>,
    queue: VecDeque<(usize, Event<NoTask>)>,
    now_ms: u64,
    nodes: BTreeMap<String, (Bytes, Option<usize>)>,
    /// Client, path, whether of children.
    watches: BTreeSet<(usize, String, bool)>,
    /// What was asked of coordination about subscriptions, in order.
    asked: Vec<String>,
    topics: BTreeMap<Topic, Vec<Record>>,
    /// Client, topic, group, next offset.
    members: Vec<(usize, Topic, Topic, usize)>,
    commits: Vec<u64>,
    /// Appends to topics of frontends fail.
    fails: bool,
    /// Machines that are told nothing for now.
    held: BTreeSet<usize>,
    series: Vec<Metadata>,
    finds: BTreeMap<(usize, ActionId), Vec<Metadata>>,
    /// What clients were told.
    told: BTreeMap<RequestId, Vec<String>>,
    /// Clients that take nothing.
    deaf: BTreeSet<RequestId>,
}

fn frontend_config() -> FrontendConfig {
    FrontendConfig {
        ids: ids(),
        tokens: TokenAuthority::new(token_keys()),
        cors: CorsConfig::new(&HeaderNames::default(), None),
        topic: "fe".into(),
        envelope: Envelope::default(),
        metadata_topic: Some("metadata".into()),
        metadata_envelope: Envelope::default(),
        raw_key: None,
        path: ROOT.to_owned(),
        node_bytes_max: 64,
        subscribe_delay: std::time::Duration::ZERO,
        series_max: 1_000,
        message_bytes_max: 1_000,
        waiting_bytes_max: 100_000,
        expose_owner_producer: false,
        absent_labels: false,
        directory_path: "/directories".to_owned(),
        wait_for_applied: false,
    }
}

fn backend(number: u8) -> Machines {
    let config = BackendConfig {
        topic: "data".into(),
        group: "plasma".into(),
        envelope_in: Envelope::default(),
        envelope_out: Envelope::default(),
        is_same_envelope: true,
        commit_period: std::time::Duration::from_secs(1),
        path: ROOT.to_owned(),
    };
    Machines::Backend(Box::new(Backend::new(config, [number; 32])))
}

fn token(expiry_ms: i64, attributes: &[(&str, &str)]) -> String {
    token_keys().encode_read(&ReadToken {
        expiry_ms,
        app_name: Some("test".to_owned()),
        apps: vec!["test".to_owned()],
        owners: vec![OWNER.to_vec()],
        billed_id: OWNER.to_vec(),
        attributes: Some(attributes.iter().map(|(name, value)| (*name, *value)).collect()),
        ..ReadToken::default()
    })
}

fn reads() -> String {
    token(i64::MAX, &[])
}

fn series(class: &str, label: &str, owner: [u8; 16]) -> Metadata {
    let labels = [
        ("k", label.to_owned()),
        (".app", "test".to_owned()),
        (".owner", weft_wire::token::uuid(&owner)),
        (".producer", weft_wire::token::uuid(&owner)),
    ];
    let mut metadata = Metadata::new(class, labels.into_iter().collect());
    metadata.id = ids().series_id(&metadata);
    metadata
}

fn mine(class: &str, label: &str) -> Metadata {
    series(class, label, OWNER)
}

fn websocket() -> RequestHead {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "x"),
    ];
    RequestHead {
        method: "GET".to_owned(),
        path: "/api/v0/plasma".to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

impl World {
    /// A frontend and a backend, and what was there before them.
    fn new(change: impl FnOnce(&mut FrontendConfig), known: &[Metadata]) -> Self {
        let mut config = frontend_config();
        change(&mut config);
        let mut world = Self {
            machines: Vec::new(),
            queue: VecDeque::new(),
            now_ms: 1_000,
            nodes: BTreeMap::new(),
            watches: BTreeSet::new(),
            asked: Vec::new(),
            topics: BTreeMap::new(),
            members: Vec::new(),
            commits: Vec::new(),
            fails: false,
            held: BTreeSet::new(),
            series: known.to_vec(),
            finds: BTreeMap::new(),
            told: BTreeMap::new(),
            deaf: BTreeSet::new(),
        };
        let payload = [("modulus", "1"), ("remainder", "0")];
        let directory = ServiceInstance {
            name: DIRECTORY_SERVICE.to_owned(),
            id: "one".to_owned(),
            address: "here".to_owned(),
            port: 1,
            payload: payload.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            registered_ms: 0,
        };
        world.nodes.insert("/directories/one".to_owned(), (directory.encode().into(), None));
        world.join(Machines::Frontend(Box::new(Frontend::new(config, [1; 32]))));
        world.join(backend(3));
        world
    }

    fn join(&mut self, machine: Machines) {
        self.machines.push(machine);
        let number = self.machines.len() - 1;
        self.queue.push_back((number, Event::Coord(CoordEvent::Connected)));
        self.run();
    }

    fn tell(&mut self, machine: usize, event: Event<NoTask>) {
        self.queue.push_back((machine, event));
        self.run();
    }

    /// Time passes.
    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        for machine in 0..self.machines.len() {
            self.queue.push_back((machine, Event::Tick));
        }
        self.run();
    }

    fn run(&mut self) {
        while let Some(place) = self.queue.iter().position(|(to, _)| !self.held.contains(to)) {
            let Some((to, event)) = self.queue.remove(place) else { return };
            let now = at(self.now_ms);
            let effects = match &mut self.machines[to] {
                Machines::Backend(machine) => {
                    machine.handle(now, event);
                    drain(&mut **machine)
                }
                Machines::Frontend(machine) => {
                    machine.handle(now, event);
                    drain(&mut **machine)
                }
            };
            for effect in effects {
                match effect {
                    Effect::Coord(action) => self.coord(to, action),
                    Effect::Log(action) => self.log(to, action),
                    Effect::Peer(action) => self.peer(to, action),
                    Effect::Http(action) => self.http(action),
                    Effect::Warn(warning) => panic!("{warning}"),
                    _ => {}
                }
            }
        }
    }

    fn fire(&mut self, path: &str, children: bool) {
        let fired: Vec<_> = self
            .watches
            .iter()
            .filter(|(_, watched, of)| watched == path && *of == children)
            .cloned()
            .collect();
        for watch in fired {
            self.watches.remove(&watch);
            let event = Event::Coord(CoordEvent::Changed { path: path.to_owned() });
            self.queue.push_back((watch.0, event));
        }
    }

    fn exists(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.nodes.keys().any(|node| node == path || node.starts_with(&below))
    }

    fn coord(&mut self, from: usize, action: CoordAction) {
        let parent = |path: &str| path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let event = match action {
            CoordAction::Create { id, path, data, ephemeral } => {
                self.asked.push(format!("create {path}"));
                let result = if self.nodes.contains_key(&path) {
                    Err(CoordError::Exists)
                } else {
                    self.nodes.insert(path.clone(), (data, ephemeral.then_some(from)));
                    self.fire(&parent(&path), true);
                    self.fire(&path, true);
                    Ok(())
                };
                CoordEvent::Done { id, result }
            }
            CoordAction::Set { id, path, data } => {
                self.asked.push(format!("set {path}"));
                let result = match self.nodes.get_mut(&path) {
                    Some(node) => {
                        node.0 = data;
                        Ok(())
                    }
                    None => Err(CoordError::Missing),
                };
                self.fire(&path, false);
                CoordEvent::Done { id, result }
            }
            CoordAction::Delete { id, path } => {
                self.asked.push(format!("delete {path}"));
                let removed = self.nodes.remove(&path);
                self.fire(&parent(&path), true);
                self.fire(&path, false);
                CoordEvent::Done { id, result: removed.map(|_| ()).ok_or(CoordError::Missing) }
            }
            CoordAction::Get { id, path, watch } => {
                if watch {
                    self.watches.insert((from, path.clone(), false));
                }
                let data = self.nodes.get(&path).map(|(data, _)| data.clone());
                CoordEvent::Data { id, result: data.ok_or(CoordError::Missing) }
            }
            CoordAction::Children { id, path, watch } => {
                if watch {
                    self.watches.insert((from, path.clone(), true));
                }
                let below = format!("{path}/");
                let names = self.nodes.keys().filter_map(|node| node.strip_prefix(&below));
                let names = names.map(str::to_owned).collect();
                let result = if self.exists(&path) { Ok(names) } else { Err(CoordError::Missing) };
                CoordEvent::Children { id, result }
            }
        };
        self.queue.push_back((from, Event::Coord(event)));
    }

    fn log(&mut self, from: usize, action: LogAction) {
        match action {
            LogAction::Describe { id, .. } => {
                self.queue.push_back((from, Event::Log(LogEvent::Described { id, result: Ok(1) })));
            }
            LogAction::Append { id, topic, records } => {
                let result = match self.fails {
                    true => Err(LogError::Unavailable("gone".to_owned())),
                    false => Ok(records.iter().map(|_| (0, 0)).collect()),
                };
                if !self.fails {
                    self.append(&topic, records);
                }
                self.queue.push_back((from, Event::Log(LogEvent::Appended { id, result })));
            }
            LogAction::Subscribe { topic, group, .. } => {
                let end = self.topics.entry(topic.clone()).or_default().len();
                self.members.push((from, topic.clone(), group.clone(), end));
                let partitions = vec![(0, (end as u64).into())];
                let event = LogEvent::Assigned { topic, group, epoch: 0, partitions };
                self.queue.push_back((from, Event::Log(event)));
            }
            LogAction::Commit { id, position, .. } => {
                self.commits.push(position.offset);
                self.queue
                    .push_back((from, Event::Log(LogEvent::Committed { id, result: Ok(()) })));
            }
            other => panic!("{other:?}"),
        }
    }

    fn append(&mut self, topic: &Topic, records: Vec<NewRecord>) {
        let all = self.topics.entry(topic.clone()).or_default();
        for NewRecord { key, value, .. } in records {
            all.push(Record { offset: all.len() as u64, timestamp_ms: 0, key, value });
        }
        for (client, of, group, next) in &mut self.members {
            if of == topic && *next < all.len() {
                let records = all[*next..].to_vec();
                *next = all.len();
                let (topic, group) = (topic.clone(), group.clone());
                let event = LogEvent::Records { topic, group, partition: 0, epoch: 0, records };
                self.queue.push_back((*client, Event::Log(event)));
            }
        }
    }

    fn peer(&mut self, from: usize, action: PeerAction) {
        match action {
            PeerAction::Find { id, request, .. } => {
                let selectors: Vec<Selector> = request
                    .selectors
                    .iter()
                    .map(|text| Selector::new(text, false).expect("a selector"))
                    .collect();
                let mut found: Vec<Metadata> = self.series.clone();
                found.retain(|one| selectors.iter().any(|selector| selector.matches(one)));
                found.sort_by_key(|one| one.id);
                self.finds.insert((from, id), found);
                self.answer(from, id);
            }
            PeerAction::Next { id } => self.answer(from, id),
            PeerAction::Cancel { id } => drop(self.finds.remove(&(from, id))),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, from: usize, id: ActionId) {
        let Some(left) = self.finds.get_mut(&(from, id)) else { return };
        let chunk: Vec<Metadata> = left.drain(..left.len().min(700)).collect();
        let answer = if chunk.is_empty() { Answer::End } else { Answer::Found(chunk) };
        self.queue.push_back((from, Event::Peer(PeerEvent::Answered { id, answer })));
    }

    fn http(&mut self, action: HttpAction) {
        let (request, text) = match action {
            HttpAction::Message { request, message } => {
                if !self.deaf.contains(&request) {
                    let event = Event::Http(HttpEvent::Drained { request });
                    self.queue.push_back((0, event));
                }
                (request, String::from_utf8(message.bytes().to_vec()).expect("text"))
            }
            HttpAction::Close { request, code, reason } => (request, format!("{code} {reason}")),
            HttpAction::Head { request, head } => (request, head.status.to_string()),
            HttpAction::Pause { request } => (request, "pause".to_owned()),
            HttpAction::Resume { request } => (request, "resume".to_owned()),
            _ => return,
        };
        self.told.entry(request).or_default().push(text);
    }

    /// A client that is told when what it asks for is active.
    fn client(&mut self, number: u64) -> RequestId {
        let request = RequestId(number);
        self.tell(0, Event::Http(HttpEvent::Head { request, head: websocket() }));
        self.says(request, "ACK");
        assert_eq!(self.told(request), ["OK ACK"]);
        request
    }

    fn says(&mut self, request: RequestId, text: &str) {
        let message = Message::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.tell(0, Event::Http(HttpEvent::Message { request, message }));
    }

    /// What a client was told since that was last asked.
    fn told(&mut self, request: RequestId) -> Vec<String> {
        self.told.remove(&request).unwrap_or_default()
    }

    /// Datapoints come in.
    fn store(&mut self, of: &Metadata, ticks: &[i64]) {
        self.store_value(of, ticks, ValueRef::Long(1));
    }

    fn store_value(&mut self, of: &Metadata, ticks: &[i64], value: ValueRef<'_>) {
        let mut encoder = Encoder::new(0);
        for tick in ticks {
            encoder.add(*tick, NO_LOCATION, NO_ELEVATION, value);
        }
        let message = KafkaDataMessage {
            class_id: of.id.class_id,
            labels_id: of.id.labels_id,
            data: Some(encoder.into_bytes()),
            ..KafkaDataMessage::new(KafkaDataMessageType::Store)
        };
        let key = Bytes::copy_from_slice(&of.id.to_bytes());
        let record = NewRecord { partition: 0, key, value: message.encode().into() };
        self.append(&"data".into(), vec![record]);
        self.run();
    }

    /// A series appears.
    fn appears(&mut self, metadata: &Metadata) {
        self.series.push(metadata.clone());
        let mut message = metadata.clone();
        message.source = Some("ingress".to_owned());
        let mut plain = metadata.id.to_bytes().to_vec();
        plain.extend_from_slice(&encode_metadata(&message));
        let key = Bytes::copy_from_slice(&metadata.id.to_bytes());
        let record = NewRecord { partition: 0, key, value: plain.into() };
        self.append(&"metadata".into(), vec![record]);
        self.run();
    }
}

#[test]
fn a_subscriber_gets_its_series_from_when_it_is_active() {
    let (a, b) = (mine("a", "1"), mine("b", "1"));
    let mut world = World::new(|_| {}, &[a.clone(), b.clone()]);
    let client = world.client(1);
    world.store(&a, &[1]);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    assert_eq!(world.told(client), ["OK SUBSCRIBE a{}"]);
    world.store(&a, &[2, 3]);
    world.store(&b, &[4]);
    assert_eq!(world.told(client), ["2// a{.app=test,k=1} 1\n=3// 1\n"]);
    world.says(client, "CLEAR");
    assert_eq!(world.told(client), ["OK CLEAR"]);
    world.store(&a, &[5]);
    assert_eq!(world.told(client), [""; 0]);
    // Nobody wants anything: nothing is copied.
    let copied = world.topics[&Topic::from("fe")].len();
    world.store(&a, &[6]);
    assert_eq!(world.topics[&Topic::from("fe")].len(), copied);
}

#[test]
fn series_that_appear_later_are_added_unless_they_were_unsubscribed_from() {
    let (a1, a2, a3) = (mine("a", "1"), mine("a", "2"), mine("a", "3"));
    let mut world = World::new(|_| {}, std::slice::from_ref(&a1));
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.says(client, &format!("UNSUBSCRIBE {} a{{k=2}}", reads()));
    assert_eq!(world.told(client), ["OK SUBSCRIBE a{}", "OK UNSUBSCRIBE a{k=2}"]);
    for one in [&a2, &a3] {
        world.appears(one);
        world.store(one, &[1]);
    }
    assert_eq!(world.told(client), ["1// a{.app=test,k=3} 1\n"]);
    world.says(client, &format!("UNSUBSCRIBE {} a{{k=1}}", reads()));
    world.says(client, "SUBSCRIPTIONS");
    assert_eq!(world.told(client), ["OK UNSUBSCRIBE a{k=1}", "SUB a{.app=test,k=3}"]);
}

#[test]
fn nobody_sees_another_tenancy() {
    let (mine, theirs) = (mine("a", "1"), series("a", "1", [8; 16]));
    let mut world = World::new(|_| {}, &[mine.clone(), theirs.clone()]);
    let client = world.client(1);
    // What the selector says of owners does not count.
    let uuid = weft_wire::token::uuid(&[8; 16]);
    world.says(client, &format!("SUBSCRIBE {} ~.*{{.owner={uuid}}}", reads()));
    world.told(client);
    let later = series("later", "1", [8; 16]);
    world.appears(&later);
    for one in [&theirs, &later, &mine] {
        world.store(one, &[1]);
    }
    assert_eq!(world.told(client), ["1// a{.app=test,k=1} 1\n"]);
}

#[test]
fn a_token_that_expires_ends_what_it_allowed() {
    let (a, b) = (mine("a", "1"), mine("b", "1"));
    let mut world = World::new(|_| {}, &[a.clone(), b.clone()]);
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", token(5_000, &[])));
    world.says(client, &format!("SUBSCRIBE {} b{{}}", reads()));
    assert_eq!(world.told(client).len(), 2);
    world.store(&a, &[1]);
    assert_eq!(world.told(client).len(), 1);
    // At once, whether anybody looked or not.
    world.now_ms = 5_001;
    world.store(&a, &[2]);
    assert_eq!(world.told(client), [""; 0]);
    world.pass(20_000);
    assert_eq!(world.told(client), ["KO Token expired."]);
    world.says(client, "SUBSCRIPTIONS");
    assert_eq!(world.told(client), ["SUB b{.app=test,k=1}"]);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", token(5_000, &[])));
    assert_eq!(world.told(client), ["KO Invalid token."]);
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_others_are_not() {
    let a = mine("a", "1");
    let mut world =
        World::new(|config| config.waiting_bytes_max = 10_000, std::slice::from_ref(&a));
    let (slow, fast) = (world.client(1), world.client(2));
    for client in [slow, fast] {
        world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
        world.told(client);
    }
    world.deaf.insert(slow);
    let text = "x".repeat(500);
    for tick in 0..100 {
        world.store_value(&a, &[tick], ValueRef::String(&text));
    }
    let told = world.told(slow);
    let last = told.last().map(String::as_str);
    assert_eq!(last, Some("1008 Too slow: more than 10000 bytes wait to be read."));
    assert_eq!(world.told(fast).len(), 100);
    // It is forgotten.
    world.says(slow, "SUBSCRIPTIONS");
    assert_eq!(world.told(slow), [""; 0]);
}

#[test]
fn new_nodes_are_written_before_old_ones_go() {
    let all: Vec<Metadata> = (0..10).map(|n| mine("a", &n.to_string())).collect();
    let mut world = World::new(|_| {}, &all);
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{k~[0-7]}}", reads()));
    world.asked.clear();
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    let asked: Vec<String> = std::mem::take(&mut world.asked)
        .into_iter()
        .filter(|asked| !asked.contains(".applied"))
        .collect();
    let place = |verb: &str| asked.iter().position(|asked| asked.starts_with(verb));
    let last_create = asked.iter().rposition(|asked| asked.starts_with("create /plasma/0."));
    assert!(last_create < place("delete /plasma/0."), "{asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some("set /plasma"), "{asked:?}");
    let nodes = world.nodes.keys().filter(|node| node.starts_with("/plasma/0.")).count();
    assert_eq!(nodes, 3, "ten ids, four in each");
    for one in &all {
        world.store(one, &[1]);
    }
    let told = world.told(client);
    assert_eq!(told.iter().filter(|told| told.starts_with("1// a")).count(), 10);
}

#[test]
fn a_subscription_is_active_when_every_backend_says_so() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, std::slice::from_ref(&a));
    world.join(backend(4));
    let client = world.client(1);
    world.held.insert(2);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    assert_eq!(world.told(client), [""; 0], "one of two");
    world.held.clear();
    world.run();
    assert_eq!(world.told(client), ["OK SUBSCRIBE a{}"]);
}

#[test]
fn nothing_is_lost_while_a_backend_has_no_contact() {
    let (a, b) = (mine("a", "1"), mine("b", "1"));
    let mut world = World::new(|_| {}, &[a.clone(), b.clone()]);
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.told(client);
    // Its nodes may be old from now on.
    world.tell(1, Event::Coord(CoordEvent::Disconnected));
    world.store(&a, &[1]);
    world.store(&b, &[2]);
    assert_eq!(world.told(client), [""; 0]);
    let old = world.nodes.keys().find(|node| node.starts_with("/plasma.applied/")).cloned();
    let old = old.expect("what it said");
    world.nodes.remove(&old);
    world.watches.retain(|(client, ..)| *client != 1);
    world.fire("/plasma.applied", true);
    world.fire(&old, false);
    world.run();
    world.says(client, &format!("SUBSCRIBE {} b{{}}", reads()));
    world.tell(1, Event::Coord(CoordEvent::Connected));
    let told = world.told(client);
    let at = |what: &str| told.iter().position(|told| told.starts_with(what));
    assert!(at("1// a").is_some() && at("2// b").is_some() && at("OK SUBSCRIBE").is_some());
}

#[test]
fn who_may_have_missed_something_is_cut_off_before_it_sees_more() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, std::slice::from_ref(&a));
    let (client, idle) = (world.client(1), world.client(2));
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.told(client);
    // A session that goes on has its nodes: nothing was missed.
    world.tell(0, Event::Coord(CoordEvent::Disconnected));
    world.tell(0, Event::Coord(CoordEvent::Connected));
    world.store(&a, &[1]);
    assert_eq!(world.told(client), ["1// a{.app=test,k=1} 1\n"]);
    // One that has ended has none, and what comes meanwhile is not copied.
    world.tell(0, Event::Coord(CoordEvent::Disconnected));
    world.nodes.retain(|_, (_, owner)| *owner != Some(0));
    world.fire(ROOT, true);
    world.run();
    world.store(&a, &[2]);
    world.tell(0, Event::Coord(CoordEvent::Connected));
    world.store(&a, &[3]);
    let told = world.told(client);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("1011 Contact was lost"), "{told:?}");
    assert_eq!(world.told(idle), [""; 0], "it wants nothing");
}

#[test]
fn a_backend_that_nobody_sees_appears_again_before_it_copies() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, std::slice::from_ref(&a));
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.told(client);
    // Its session has ended, and it has not heard of that.
    world.nodes.retain(|path, _| !path.starts_with("/plasma.applied/"));
    world.asked.clear();
    world.store(&a, &[1]);
    assert!(world.asked.iter().any(|asked| asked.starts_with("create /plasma.applied/")));
    assert_eq!(world.told(client), ["1// a{.app=test,k=1} 1\n"]);
}

#[test]
fn no_set_of_nodes_is_written_twice_under_one_name() {
    let (a, b) = (mine("a", "1"), mine("b", "1"));
    let mut world = World::new(|_| {}, &[a.clone(), b]);
    let client = world.client(1);
    let wanted = |world: &World| -> Vec<String> {
        world.nodes.keys().filter(|node| node.starts_with("/plasma/0.")).cloned().collect()
    };
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    let first = wanted(&world);
    world.says(client, &format!("SUBSCRIBE {} b{{}}", reads()));
    world.says(client, &format!("UNSUBSCRIBE {} b{{}}", reads()));
    let (last, told) = (wanted(&world), world.told(client));
    assert_eq!((first.len(), last.len(), told.len()), (1, 1, 3));
    assert_ne!(
        first, last,
        "a backend may have applied the first, and be about to apply the second"
    );
    world.store(&a, &[1]);
    assert_eq!(world.told(client), ["1// a{.app=test,k=1} 1\n"]);
}

#[test]
fn what_the_topic_does_not_take_is_copied_again_before_it_is_committed() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, std::slice::from_ref(&a));
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.told(client);
    world.fails = true;
    world.store(&a, &[1]);
    world.store(&a, &[2]);
    world.pass(5_000);
    assert_eq!((world.told(client), world.commits.len()), (Vec::new(), 0));
    world.fails = false;
    world.pass(5_000);
    let lines = world.told(client).concat();
    assert_eq!(lines, "1// a{.app=test,k=1} 1\n2// a{.app=test,k=1} 1\n");
    world.pass(5_000);
    assert_eq!(world.commits, [2]);
}

#[test]
fn formats_and_samples() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, std::slice::from_ref(&a));
    let client = world.client(1);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.told(client);
    let mut got = |verb: &str| {
        world.says(client, verb);
        world.store(&a, &[1, 2]);
        world.told(client)
    };
    assert_eq!(got("FULLTEXT"), ["1// a{.app=test,k=1} 1\n2// a{.app=test,k=1} 1\n"]);
    let json = "[{\"c\":\"a\",\"l\":{\".app\":\"test\",\"k\":\"1\"},\"t\":1,\"v\":1},\
                {\"c\":\"a\",\"l\":{\".app\":\"test\",\"k\":\"1\"},\"t\":2,\"v\":1}]";
    assert_eq!(got("JSON"), [json]);
    assert!(got("RAW")[0].starts_with("0// "));
    assert_eq!(got("WRAPPER").len(), 1);
    assert_eq!(got("GEO"), got("NOOP"), "no effect");
    let ticks: Vec<i64> = (0..1_000).collect();
    world.says(client, "TEXT");
    world.says(client, "SAMPLE 0.5");
    world.store(&a, &ticks);
    let told = world.told(client);
    let lines = told.concat().lines().count();
    assert!((400..600).contains(&lines), "{lines} of 1000");
    assert!(told.iter().all(|message| message.len() < 1_000), "cut");
    world.says(client, "SAMPLE 1");
    world.store(&a, &ticks);
    assert_eq!(world.told(client).concat().lines().count(), 1_000);
}

#[test]
fn owner_and_producer_are_shown_to_whom_all_tokens_allow_it() {
    let (a, b) = (mine("a", "1"), mine("b", "1"));
    let mut world = World::new(|_| {}, &[a, b]);
    let client = world.client(1);
    let exposing = token(i64::MAX, &[(".expose", "t")]);
    world.says(client, &format!("SUBSCRIBE {exposing} a{{}}"));
    world.says(client, "SUBSCRIPTIONS");
    assert!(world.told(client)[1].contains(".owner="));
    world.says(client, &format!("SUBSCRIBE {} b{{}}", reads()));
    world.says(client, "SUBSCRIPTIONS");
    assert!(world.told(client).iter().all(|told| !told.contains(".owner=")));
}

#[test]
fn what_cannot_be_done_is_told() {
    let all: Vec<Metadata> = (0..1_500).map(|n| mine("a", &n.to_string())).collect();
    let mut world = World::new(|_| {}, &all);
    let client = world.client(1);
    let denied = token(i64::MAX, &[(".nofetch", "t")]);
    for said in [
        "SUBSCRIBE bad a{}",
        &format!("SUBSCRIBE {} a", reads()),
        &format!("SUBSCRIBE {denied} a{{}}"),
    ] {
        world.says(client, said);
    }
    let told = ["KO Invalid token.", "KO Invalid subscription selector.", "KO Invalid token."];
    assert_eq!(world.told(client), told);
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    // So many are gathered for a moment before they are written.
    world.pass(2);
    let told = ["KO At most 1000 series for one connection.", "OK SUBSCRIBE a{}"];
    assert_eq!(world.told(client), told);
    // More than are listed at a time.
    world.says(client, "SUBSCRIPTIONS");
    let listed: BTreeSet<String> = world.told(client).into_iter().collect();
    assert_eq!(listed.len(), 1_000);
    world.says(client, "FOO");
    assert_eq!(world.told(client), ["1008 Invalid verb."]);
    let request = RequestId(2);
    let head = RequestHead { headers: Vec::new(), ..websocket() };
    world.tell(0, Event::Http(HttpEvent::Head { request, head }));
    assert_eq!(world.told(request), ["426"]);
}

#[test]
fn what_a_client_says_while_it_waits_is_bounded() {
    let a = mine("a", "1");
    let mut world = World::new(|_| {}, &[a]);
    let client = world.client(1);
    world.deaf.insert(client);
    world.says(client, "SUBSCRIPTIONS");
    world.says(client, &format!("SUBSCRIBE {} a{{}}", reads()));
    world.says(client, "SUBSCRIPTIONS");
    for _ in 0..100 {
        world.says(client, "SUBSCRIPTIONS");
    }
    assert!(world.told(client).contains(&"pause".to_owned()));
}

#[test]
fn a_stop_closes_all() {
    let mut world = World::new(|_| {}, &[]);
    let client = world.client(1);
    world.tell(0, Event::Stop);
    assert_eq!(world.told(client), ["1001 This plasma is stopping."]);
}
