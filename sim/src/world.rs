//! The world: one queue of what is to happen, virtual time, nodes, links, servers, faults.
//!
//! ```text
//!   machine ──effect──▶ meddler ──▶ link ──▶ log | table | coordination | other machine | client
//!           ◀──event─── meddler ◀── link ◀──────────────┘
//! ```
//! What happens at the same moment happens in the order that the seed gives. Messages between a
//! machine and a server keep their order in each direction, answers to calls of the table do not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fmt;

use weft_daemons::contract::http::{HttpAction, HttpEvent, RequestId};
use weft_daemons::contract::log::{LogAction, LogError, LogEvent, Start, Topic};
use weft_daemons::contract::peer::{Answer, PeerError};
use weft_daemons::contract::table::{CellTime, SeriesPut, TableAction, TableError, TableEvent};
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, NoTask, PeerAction, PeerEvent,
};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::SeriesId;

use crate::clients::{Clients, Step as ClientStep};
use crate::coord::CoordModel;
use crate::faults::{Fault, Kind};
use crate::invariants::Checks;
use crate::log::{LogModel, Member, Out, Step as LogStep};
use crate::mutants::{Meddled, Meddler, Mutant};
use crate::node::{Component, Host, Polled, directory_path, machines};
use crate::params::{MS, Params, SECOND};
use crate::random::Random;
use crate::table::TableModel;
use crate::trace::Trace;

/// The topic of datapoints and deletes.
pub const DATA_TOPIC: &str = "data";
/// The topic of metadata.
pub const METADATA_TOPIC: &str = "metadata";
/// The group of the stores.
pub const STORE_GROUP: &str = "store";

/// The wall clock at the start, milliseconds since the epoch.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// Effects of one event: a machine that wants more at once has no bound.
const EFFECTS_MAX: usize = 20_000;

/// Pieces of a response that a machine may hand over before it waits: a delete has one for each
/// append of a chunk of series.
const PIECES_MAX: u32 = 32;

/// How long a client library tries before it gives up, nanoseconds.
const LIBRARY_NS: u64 = 12 * SECOND;

/// One machine in one life of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Which node.
    pub node: usize,
    /// Which of its lives.
    pub life: u32,
    /// Which of its machines.
    pub slot: usize,
}

/// A server that nodes talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// Coordination.
    Coord,
    /// The log.
    Log,
    /// The table.
    Table,
}

/// What is to happen.
#[derive(Debug)]
enum Happening {
    Deliver(Address, Event<NoTask>),
    Compute(Address, ActionId),
    Tick(Address),
    AtLog(Address, LogAction),
    AtCoord(Address, CoordAction),
    AtTable(Address, TableAction, bool),
    LogStep(LogStep),
    Thaw(usize),
    Session(usize, Server, u32),
    Healed(usize, Server),
    Start(usize),
    GiveUpStop(usize, u32),
    GoneFromLog(usize, u32),
    GoneFromCoord(Vec<Address>),
    Fault,
    Client(ClientStep),
    HttpOut(RequestId, HttpAction),
}

/// A node.
struct Node {
    life: u32,
    up: bool,
    stopping: BTreeSet<usize>,
    born_ns: u64,
    /// Wall clock against virtual time, nanoseconds.
    skew_ns: i64,
    /// How fast its clocks run, in billionths.
    rate: u64,
    paused_until: u64,
    /// What came while it stood still.
    frozen: VecDeque<Happening>,
    slots: Vec<Slot>,
    instance: String,
}

struct Slot {
    component: Component,
    host: Box<dyn Host>,
    tick_at: Option<u64>,
    subscriptions: Vec<(Topic, Topic, Start)>,
}

/// A find between daemons.
struct Ask {
    asker: Address,
    stream: ActionId,
    directory: Address,
}

/// A request and what is on its way.
struct Exchange {
    address: Address,
    pieces: u32,
}

/// What a run counted.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Events that happened.
    pub events: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Faults of single actions.
    pub action_faults: BTreeMap<&'static str, u64>,
    /// What machines did and were told: coverage marks.
    pub marks: BTreeSet<String>,
}

/// The world.
pub struct World {
    /// The parameters.
    pub params: Params,
    /// Virtual time.
    pub now_ns: u64,
    /// What happened.
    pub trace: Trace,
    /// Counts.
    pub stats: Stats,
    /// The log.
    pub log: LogModel,
    /// The table.
    pub table: TableModel,
    /// Coordination.
    pub coord: CoordModel,
    /// The checks.
    pub checks: Checks,
    queue: BinaryHeap<Reverse<(u64, u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    random: Random,
    net: Random,
    chance: Random,
    nodes: Vec<Node>,
    meddler: Meddler,
    asks: BTreeMap<ActionId, Ask>,
    streams: BTreeMap<(Address, ActionId), ActionId>,
    last_ask: u64,
    exchanges: BTreeMap<RequestId, Exchange>,
    clients: Option<Clients>,
    order: BTreeMap<(Address, Server, bool), u64>,
    cut: BTreeMap<(usize, Server), u64>,
    cut_peers: BTreeMap<(usize, usize), u64>,
    moved: BTreeMap<u32, u64>,
    log_down_until: u64,
    slow_until: u64,
    calm: bool,
}

impl World {
    /// A world at its beginning.
    pub fn new(params: Params, mutant: Option<Mutant>, keep_trace: bool) -> Self {
        let mut random = Random::new(params.seed.wrapping_add(0x51ed_270b));
        let log = LogModel::new(params.partitions, random.fork());
        let clients = Clients::new(&params, random.fork());
        let mut world = Self {
            now_ns: 0,
            trace: Trace::new(keep_trace),
            stats: Stats::default(),
            log,
            table: TableModel::new(),
            coord: CoordModel::new(),
            checks: Checks::new(&params),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            net: random.fork(),
            chance: random.fork(),
            random,
            nodes: Vec::new(),
            meddler: Meddler::new(mutant),
            asks: BTreeMap::new(),
            streams: BTreeMap::new(),
            last_ask: 0,
            exchanges: BTreeMap::new(),
            clients: Some(clients),
            order: BTreeMap::new(),
            cut: BTreeMap::new(),
            cut_peers: BTreeMap::new(),
            moved: BTreeMap::new(),
            log_down_until: 0,
            slow_until: 0,
            calm: false,
            params,
        };
        world.log.bugs.ack_before_fsync = mutant == Some(Mutant::AckBeforeFsync);
        world.log.bugs.reset_to_latest = mutant == Some(Mutant::OffsetReset);
        for node in 0..world.params.nodes.len() {
            let skew_ns = world.random.between(0, 4 * SECOND) as i64 - 2 * SECOND as i64;
            let rate = 1_000_000_000 + world.random.between(0, 200_000) - 100_000;
            world.nodes.push(Node {
                life: 0,
                up: false,
                stopping: BTreeSet::new(),
                born_ns: 0,
                skew_ns,
                rate,
                paused_until: 0,
                frozen: VecDeque::new(),
                slots: Vec::new(),
                instance: String::new(),
            });
            let at = world.random.below(2 * SECOND);
            world.schedule(at, Happening::Start(node));
        }
        for step in world.clients.as_mut().map(Clients::begin).unwrap_or_default() {
            world.schedule(step.0, Happening::Client(step.1));
        }
        let first = world.chance.delay(world.params.faults.period_ns);
        world.schedule(first, Happening::Fault);
        world
    }

    /// Lets the next thing happen; `false` when there is nothing more, or a check has failed.
    pub fn step(&mut self) -> bool {
        if self.checks.has_failed() {
            return false;
        }
        let Some(Reverse((at, _, key))) = self.queue.pop() else { return false };
        let Some(happening) = self.happenings.remove(&key) else { return true };
        self.now_ns = self.now_ns.max(at);
        self.stats.events += 1;
        self.happen(happening);
        true
    }

    /// Ends the faults: everything comes up again and stays.
    pub fn calm_down(&mut self) {
        self.calm = true;
        self.trace.line(self.now_ns, format_args!("faults end"));
        let cut: Vec<(usize, Server)> = self.cut.keys().copied().collect();
        self.log_down_until = 0;
        self.slow_until = 0;
        self.moved.clear();
        self.cut_peers.clear();
        for (node, server) in cut {
            self.cut.insert((node, server), self.now_ns);
            self.healed(node, server);
        }
        for node in &mut self.nodes {
            node.paused_until = 0;
        }
    }

    /// Whether everything that was appended is done by those who consume it, and nobody waits.
    pub fn is_quiet(&self) -> bool {
        self.clients.as_ref().is_none_or(Clients::is_idle) && self.behind().is_none()
    }

    /// A group that has not committed everything that was appended: which, and how far it is.
    pub fn behind(&self) -> Option<String> {
        let directories = (0..self.params.modulus)
            .map(|remainder| (METADATA_TOPIC, format!("directory-{remainder}")));
        let groups = directories.chain([(DATA_TOPIC, STORE_GROUP.to_owned())]);
        groups.into_iter().find_map(|(topic, group)| {
            let (topic, group) = (Topic::from(topic), Topic::from(group));
            (0..self.params.partitions).find_map(|partition| {
                let end = self.log.records(&topic, partition).len() as u64;
                let done = self.log.committed(&topic, &group, partition).unwrap_or(0);
                let what =
                    || format!("{group} has committed {done} of {end} in {topic}/{partition}");
                (done != end).then(what)
            })
        })
    }

    /// The clients, to ask what they know.
    ///
    /// # Panics
    /// Never while the world does not step.
    pub const fn clients(&mut self) -> &mut Clients {
        self.clients.as_mut().expect("the clients are only away while they step")
    }

    /// Schedules a step of the clients.
    pub fn schedule_client(&mut self, delay: u64, step: ClientStep) {
        self.schedule(delay, Happening::Client(step));
    }

    /// The births of the directories that live, newest first: what was appended before the oldest
    /// of them is known to all.
    pub fn directories_born_ns(&self) -> u64 {
        let born = self
            .nodes
            .iter()
            .filter(|node| node.slots.iter().any(|slot| slot.component == Component::Directory));
        born.map(|node| node.born_ns).min().unwrap_or(0)
    }

    /// The remainders that are registered completely.
    pub fn registered(&self) -> usize {
        self.coord.children_data(&directory_path()).len()
    }

    fn schedule(&mut self, delay: u64, happening: Happening) {
        self.schedule_at(self.now_ns.saturating_add(delay), happening);
    }

    fn schedule_at(&mut self, at: u64, happening: Happening) {
        self.sequence += 1;
        let tie = self.random.next();
        self.queue.push(Reverse((at, tie, self.sequence)));
        self.happenings.insert(self.sequence, happening);
    }

    /// A process that stands still gets everything when it goes on, in the order in which it came.
    fn freeze(&mut self, node: usize, happening: Happening) {
        let state = &mut self.nodes[node];
        state.frozen.push_back(happening);
        if state.frozen.len() == 1 {
            let at = state.paused_until;
            self.schedule_at(at, Happening::Thaw(node));
        }
    }

    fn thaw(&mut self, node: usize) {
        let until = self.nodes[node].paused_until;
        if until > self.now_ns {
            return self.schedule_at(until, Happening::Thaw(node));
        }
        for happening in std::mem::take(&mut self.nodes[node].frozen) {
            self.happen(happening);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(to, event) => self.deliver(to, event),
            Happening::Compute(to, id) => self.compute(to, id),
            Happening::Tick(to) => self.tick(to),
            Happening::AtLog(from, action) => self.at_log(from, action),
            Happening::AtCoord(from, action) => self.at_coord(from, action),
            Happening::AtTable(from, action, answers) => self.at_table(from, action, answers),
            Happening::LogStep(step) => {
                let nodes: Vec<bool> =
                    (0..self.nodes.len()).map(|n| self.is_reachable(n, Server::Log)).collect();
                let out = self.log.step(step, |address| nodes[address.node]);
                self.log_out(out);
            }
            Happening::Thaw(node) => self.thaw(node),
            Happening::Session(node, server, life) => self.session_check(node, server, life),
            Happening::Healed(node, server) => self.healed(node, server),
            Happening::Start(node) => self.start(node),
            Happening::GiveUpStop(node, life) => {
                if self.nodes[node].life == life && self.nodes[node].up {
                    self.down(node, true);
                }
            }
            Happening::GoneFromLog(node, life) => {
                let gone = |address: Address| address.node == node && address.life == life;
                let out = self.log.evict(gone, false);
                self.log_out(out);
            }
            Happening::GoneFromCoord(sessions) => {
                for session in sessions {
                    let fired = self.coord.expire(session);
                    self.coord_out(fired);
                }
            }
            Happening::Fault => self.fault(),
            Happening::Client(step) => self.client(step),
            Happening::HttpOut(request, action) => self.http_out(request, action),
        }
    }

    // Machines.

    /// Whether a node stands still, or has not taken in yet what came while it did.
    fn is_frozen(&self, node: usize) -> bool {
        let state = &self.nodes[node];
        state.paused_until > self.now_ns || !state.frozen.is_empty()
    }

    fn lives(&self, address: Address) -> bool {
        let node = &self.nodes[address.node];
        node.up && node.life == address.life
    }

    /// The clocks of a node.
    fn clock(&self, node: usize) -> Now {
        let state = &self.nodes[node];
        let lived = u128::from(self.now_ns - state.born_ns) * u128::from(state.rate);
        let wall_ns = EPOCH_MS * 1_000_000 + self.now_ns as i64 + state.skew_ns;
        Now { mono: Mono((lived / 1_000_000_000) as u64), wall: Wall(wall_ns) }
    }

    /// When a clock of a node will show that monotonic time.
    fn moment(&self, node: usize, mono: Mono) -> u64 {
        let state = &self.nodes[node];
        let lived = u128::from(mono.0) * 1_000_000_000 / u128::from(state.rate);
        state.born_ns.saturating_add(u64::try_from(lived).unwrap_or(u64::MAX).saturating_add(1))
    }

    fn deliver(&mut self, to: Address, event: Event<NoTask>) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Deliver(to, event));
        }
        let component = self.nodes[to.node].slots[to.slot].component;
        if let Some(besides) = self.meddler.besides(component, to, &event) {
            self.carry_out(to, component, besides);
        }
        let Some(event) = self.meddler.event(component, event) else { return };
        let mark = mark_of(&event);
        self.trace.line(
            self.now_ns,
            format_args!("n{}.{} {component:?} < {mark}{}", to.node, to.life, EventDetail(&event)),
        );
        self.mark(component, mark);
        self.checks.told(self.now_ns, to, component, &event);
        let now = self.clock(to.node);
        self.nodes[to.node].slots[to.slot].host.handle(now, event);
        self.drain(to);
    }

    fn compute(&mut self, to: Address, id: ActionId) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Compute(to, id));
        }
        let now = self.clock(to.node);
        self.nodes[to.node].slots[to.slot].host.compute(now, id);
        self.drain(to);
    }

    fn tick(&mut self, to: Address) {
        if !self.lives(to) {
            return;
        }
        if self.is_frozen(to.node) {
            return self.freeze(to.node, Happening::Tick(to));
        }
        let now = self.clock(to.node);
        let slot = &mut self.nodes[to.node].slots[to.slot];
        if slot.tick_at.is_some_and(|at| at > self.now_ns) {
            return;
        }
        slot.tick_at = None;
        if slot.host.deadline().is_some_and(|deadline| deadline <= now.mono) {
            slot.host.handle(now, Event::Tick);
        }
        self.drain(to);
    }

    fn drain(&mut self, from: Address) {
        let component = self.nodes[from.node].slots[from.slot].component;
        for count in 0.. {
            if count == EFFECTS_MAX {
                let what = format!("{component:?} wants more than {EFFECTS_MAX} things at once");
                self.checks.fail("bounded-queues", what);
                return;
            }
            // A machine that stopped, or a node that died by an effect, wants nothing more.
            if !self.lives(from) {
                return;
            }
            match self.nodes[from.node].slots[from.slot].host.poll() {
                None => break,
                Some(Polled::Compute(id)) => {
                    let delay = self.net.delay(MS / 2);
                    self.schedule(delay, Happening::Compute(from, id));
                }
                Some(Polled::Effect(effect)) => self.effect(from, component, effect),
            }
        }
        let deadline = self.nodes[from.node].slots[from.slot].host.deadline();
        let Some(deadline) = deadline else { return };
        let at = self.moment(from.node, deadline).max(self.now_ns + 1_000);
        let slot = &mut self.nodes[from.node].slots[from.slot];
        if slot.tick_at.is_none_or(|known| known > at) {
            slot.tick_at = Some(at);
            self.schedule_at(at, Happening::Tick(from));
        }
    }

    fn effect(&mut self, from: Address, component: Component, effect: Effect<NoTask>) {
        let wall_ms = self.clock(from.node).wall.as_ms();
        match self.meddler.effect(component, from, wall_ms, effect) {
            Meddled::Pass(effect) => self.carry_out(from, component, effect),
            Meddled::Fake(event, later) => {
                self.schedule(self.params.latency_ns, Happening::Deliver(from, event));
                let delay = self.net.between(500 * MS, 5 * SECOND);
                match later {
                    Some(Effect::Log(action)) => {
                        self.schedule(delay, Happening::AtLog(from, action));
                    }
                    Some(Effect::Table(action)) => {
                        self.schedule(delay, Happening::AtTable(from, action, true));
                    }
                    _ => {}
                }
            }
        }
    }

    fn carry_out(&mut self, from: Address, component: Component, effect: Effect<NoTask>) {
        let mark = effect_mark(&effect);
        if !matches!(effect, Effect::Metric(_)) {
            self.trace.line(
                self.now_ns,
                format_args!(
                    "n{}.{} {component:?} > {mark}{}",
                    from.node,
                    from.life,
                    EffectDetail(&effect)
                ),
            );
        }
        self.mark(component, mark);
        match effect {
            Effect::Log(action) => self.ask_log(from, action),
            Effect::Table(action) => {
                self.checks.asks_table(self.now_ns, from, component, &action, &self.log);
                self.ask_table(from, action);
            }
            Effect::Coord(action) => self.ask_coord(from, action),
            Effect::Peer(action) => self.ask_peer(from, action),
            Effect::Http(action) => self.answer_client(from, action),
            Effect::Stopped => self.stopped(from),
            Effect::Warn(text) => self.trace.line(self.now_ns, format_args!("  {text}")),
            Effect::Compute(..) | Effect::Metric(_) | Effect::Ready(_) => {}
        }
    }

    fn mark(&mut self, component: Component, mark: &'static str) {
        let mark = format!("{component:?} {mark}");
        if !self.stats.marks.contains(&mark) {
            self.stats.marks.insert(mark);
        }
    }

    // Nodes.

    fn start(&mut self, node: usize) {
        if self.nodes[node].up {
            return;
        }
        let state = &mut self.nodes[node];
        state.life += 1;
        state.up = true;
        state.born_ns = self.now_ns;
        state.paused_until = 0;
        state.stopping.clear();
        state.instance = format!("d{node}-{}", state.life);
        let life = state.life;
        let seed = self.random.next();
        let instance = self.nodes[node].instance.clone();
        let kind = self.params.nodes[node];
        self.trace.line(self.now_ns, format_args!("n{node}.{life} starts"));
        let hosts = machines(&self.params, kind, &instance, seed);
        self.nodes[node].slots = hosts
            .into_iter()
            .map(|(component, host)| Slot {
                component,
                host,
                tick_at: None,
                subscriptions: Vec::new(),
            })
            .collect();
        let early = self.meddler.mutant() == Some(Mutant::RegisterBeforeLoaded);
        for slot in 0..self.nodes[node].slots.len() {
            let address = Address { node, life, slot };
            self.checks.born(self.now_ns, address, kind);
            let connected = Event::Coord(CoordEvent::Connected);
            let delay = self.net.delay(10 * MS);
            self.schedule(delay, Happening::Deliver(address, connected));
            self.drain(address);
            if early && self.nodes[node].slots[slot].component == Component::Directory {
                self.register_early(address, &instance, kind.directory);
            }
        }
    }

    /// What [`Mutant::RegisterBeforeLoaded`] does.
    fn register_early(&mut self, address: Address, name: &str, shard: Option<(u32, bool)>) {
        let Some((remainder, _)) = shard else { return };
        let modulus = self.params.modulus;
        let payload = format!(r#"{{"modulus":"{modulus}","remainder":"{remainder}"}}"#);
        let data = format!(
            r#"{{"name":"x","id":"{name}","address":"127.0.0.1","port":1,"payload":{payload}}}"#
        );
        let path = format!("{}/{name}", directory_path());
        let id = ActionId(u64::MAX);
        let action = CoordAction::Create { id, path, data: data.into(), ephemeral: true };
        self.ask_coord(address, action);
    }

    /// A node is no more. After `orderly` servers know at once.
    fn down(&mut self, node: usize, orderly: bool) {
        let life = self.nodes[node].life;
        self.nodes[node].up = false;
        self.trace.line(self.now_ns, format_args!("n{node}.{life} is gone"));
        let sessions =
            (0..self.nodes[node].slots.len()).map(|slot| Address { node, life, slot }).collect();
        let wait = if orderly { 5 * MS } else { self.params.session_ns };
        self.schedule(wait, Happening::GoneFromLog(node, life));
        self.schedule(wait, Happening::GoneFromCoord(sessions));
        let gone = |address: Address| address.node == node && address.life == life;
        let requests: Vec<RequestId> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| gone(exchange.address))
            .map(|(request, _)| *request)
            .collect();
        for request in requests {
            self.schedule(5 * MS, Happening::HttpOut(request, HttpAction::Abort { request }));
        }
        let broken: Vec<ActionId> = self
            .asks
            .iter()
            .filter(|(_, ask)| gone(ask.directory) || gone(ask.asker))
            .map(|(ask, _)| *ask)
            .collect();
        for ask in broken {
            self.break_ask(ask, "the connection was reset");
        }
        let rest = self.random.delay(3 * SECOND);
        self.schedule(rest, Happening::Start(node));
    }

    fn stopped(&mut self, from: Address) {
        let node = &mut self.nodes[from.node];
        node.stopping.insert(from.slot);
        if node.stopping.len() == node.slots.len() {
            self.down(from.node, true);
        }
    }

    // Links.

    fn is_reachable(&self, node: usize, server: Server) -> bool {
        let cut = self.cut.get(&(node, server)).is_some_and(|until| *until > self.now_ns);
        !(cut || server == Server::Log && self.log_down_until > self.now_ns)
    }

    /// When the link is whole again.
    fn whole_at(&self, node: usize, server: Server) -> u64 {
        let cut = self.cut.get(&(node, server)).copied().unwrap_or(0);
        let down = if server == Server::Log { self.log_down_until } else { 0 };
        cut.max(down).max(self.now_ns)
    }

    fn latency(&mut self) -> u64 {
        let slow = if self.slow_until > self.now_ns { 10 } else { 1 };
        self.net.delay(self.params.latency_ns) * slow
    }

    /// When a message on an ordered link arrives.
    fn ordered(&mut self, address: Address, server: Server, to_server: bool) -> u64 {
        let at = self.whole_at(address.node, server) + self.latency();
        let last = self.order.entry((address, server, to_server)).or_default();
        *last = at.max(*last + 1);
        *last
    }

    fn chance(&mut self, probability: f64, name: &'static str) -> bool {
        let happens = !self.calm && probability > 0.0 && self.chance.chance(probability);
        if happens {
            *self.stats.action_faults.entry(name).or_default() += 1;
        }
        happens
    }

    // The log.

    fn ask_log(&mut self, from: Address, action: LogAction) {
        if let LogAction::Subscribe { topic, group, start } = &action {
            let subscription = (topic.clone(), group.clone(), *start);
            self.nodes[from.node].slots[from.slot].subscriptions.push(subscription);
        }
        let faults = self.params.faults.clone();
        let wait = self.whole_at(from.node, Server::Log) - self.now_ns;
        let gives_up = wait > LIBRARY_NS;
        let lost = match &action {
            LogAction::Append { id, .. } => {
                let is_done = self.chance(faults.append_unknown, "append unknown");
                let is_not = self.chance(faults.append_refused, "append unavailable");
                let error = if is_done || gives_up {
                    LogError::Unknown("no answer".to_owned())
                } else {
                    LogError::Unavailable("no leader".to_owned())
                };
                let happens = is_done || gives_up && self.chance.chance(0.5);
                let event = LogEvent::Appended { id: *id, result: Err(error) };
                (is_done || is_not || gives_up).then_some((event, happens))
            }
            LogAction::Commit { id, .. } => {
                let fails = self.chance(faults.commit_failed, "commit failed") || gives_up;
                let result = Err(LogError::Unavailable("no coordinator".to_owned()));
                let happens = self.chance.chance(0.3);
                fails.then(|| (LogEvent::Committed { id: *id, result }, happens))
            }
            LogAction::Ends { id, .. } if gives_up => {
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                Some((LogEvent::Ends { id: *id, result }, false))
            }
            LogAction::Describe { id, .. } if gives_up => {
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                Some((LogEvent::Described { id: *id, result }, false))
            }
            _ => None,
        };
        let Some((event, happens)) = lost else {
            let at = self.ordered(from, Server::Log, true);
            return self.schedule_at(at, Happening::AtLog(from, action));
        };
        let give_up = if gives_up { LIBRARY_NS } else { self.net.delay(200 * MS) };
        self.schedule(give_up, Happening::Deliver(from, Event::Log(event)));
        if happens {
            let at = self.ordered(from, Server::Log, true);
            // The answer to what was given up is nobody's.
            let action = with_id(action, ActionId(u64::MAX));
            self.schedule_at(at, Happening::AtLog(from, action));
        }
    }

    fn at_log(&mut self, from: Address, action: LogAction) {
        // What was sent before a process died may still arrive; subscriptions are gone with it.
        let is_call = matches!(action, LogAction::Append { .. } | LogAction::Commit { .. });
        if !self.lives(from) && !is_call {
            return;
        }
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let commit = match &action {
            LogAction::Commit { topic, group, partition, offset, .. } => {
                Some((topic.clone(), group.clone(), *partition, *offset))
            }
            _ => None,
        };
        let appended = match &action {
            LogAction::Append { topic, .. } => Some(topic.clone()),
            _ => None,
        };
        let before = commit
            .as_ref()
            .and_then(|(topic, group, partition, _)| self.log.committed(topic, group, *partition));
        let out = self.log.submit(wall_ms, from, action);
        if let Some(topic) = appended {
            self.checks.appended(self.now_ns, &topic, &self.log);
        }
        if let Some((topic, group, partition, offset)) = commit
            && self.log.committed(&topic, &group, partition) == Some(offset)
            && before != Some(offset)
        {
            let from = before.unwrap_or(0);
            self.checks.committed(&topic, &group, partition, from..offset, &self.log, &self.table);
        }
        self.log_out(out);
    }

    fn log_out(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Tell(to, event) => {
                    let at = self.ordered(to, Server::Log, false);
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Answer(to, event) => {
                    let at = self.whole_at(to.node, Server::Log) + self.latency();
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Later(delay, step) => self.schedule(delay, Happening::LogStep(step)),
            }
        }
    }

    // The table.

    fn ask_table(&mut self, from: Address, action: TableAction) {
        let hang = self.params.faults.table_hang;
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. }
                | TableAction::Next { .. }
                | TableAction::Cancel { .. }
                | TableAction::ScanMeta { .. }
        );
        if is_write && self.chance(hang, "table hangs") {
            // Nobody is told; it may happen a good while later, whoever owns the partition then.
            // Cells with their datapoint's time have no order of their own: there, what comes late
            // does hide newer values (README.md, "What is not promised").
            if self.chance.chance(0.6) && !self.is_timed(&action) {
                let delay = self.net.between(SECOND, 90 * SECOND);
                self.schedule(delay, Happening::AtTable(from, action, false));
            }
            return;
        }
        let wait = self.whole_at(from.node, Server::Table) - self.now_ns;
        if wait > LIBRARY_NS && is_write {
            let error = || TableError::Unavailable("no route to the region".to_owned());
            let event = match &action {
                TableAction::Delete { id, .. } => {
                    TableEvent::Deleted { id: *id, result: Err(error()) }
                }
                TableAction::Put { id, .. }
                | TableAction::PutMeta { id, .. }
                | TableAction::DeleteMeta { id, .. } => {
                    TableEvent::Written { id: *id, result: Err(error()) }
                }
                _ => return,
            };
            return self.schedule(LIBRARY_NS, Happening::Deliver(from, Event::Table(event)));
        }
        let at = if is_write {
            self.now_ns + wait + self.latency()
        } else {
            self.ordered(from, Server::Table, true)
        };
        self.schedule_at(at, Happening::AtTable(from, action, true));
    }

    /// Whether an action is about cells that carry their datapoint's time.
    fn is_timed(&self, action: &TableAction) -> bool {
        let is_timed = |put: &SeriesPut| matches!(put.cell_time, CellTime::OfDatapoint(_));
        match action {
            TableAction::Put { puts, .. } => puts.iter().any(is_timed),
            TableAction::Delete { series, .. } => self.table.is_timed(*series),
            _ => false,
        }
    }

    fn at_table(&mut self, from: Address, action: TableAction, answers: bool) {
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let faults = self.params.faults.clone();
        let broken = match &action {
            TableAction::Next { id } => {
                self.chance(faults.read_broken, "read broken").then_some(*id)
            }
            _ => None,
        };
        if let Some(id) = broken {
            if let Some(event) = self.table.break_stream(from, id) {
                let at = self.now_ns + self.latency();
                self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
            }
            return;
        }
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. } | TableAction::Next { .. } | TableAction::ScanMeta { .. }
        );
        let regions = self.params.regions;
        let moved: Vec<bool> = (0..regions)
            .map(|region| self.moved.get(&region).is_some_and(|until| *until > self.now_ns))
            .collect();
        let is_partial = is_write && self.chance(faults.put_partial, "write partial");
        let (mut draw, now_ns) = (self.chance.fork(), self.now_ns);
        let keep = |series: SeriesId| {
            let region = (series.class_id as u64 % u64::from(regions)) as usize;
            !(is_write && moved[region] || is_partial && draw.chance(0.5))
        };
        self.checks.at_table(now_ns, &action);
        let event = self.table.submit(wall_ms, from, action, keep);
        if let Some(event) = event
            && answers
        {
            let at = self.whole_at(from.node, Server::Table) + self.latency();
            self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
        }
    }

    // Coordination.

    fn ask_coord(&mut self, from: Address, action: CoordAction) {
        let at = self.ordered(from, Server::Coord, true);
        self.schedule_at(at, Happening::AtCoord(from, action));
    }

    fn at_coord(&mut self, from: Address, action: CoordAction) {
        if !self.lives(from) {
            return;
        }
        let (answer, fired) = self.coord.submit(from, action);
        let at = self.ordered(from, Server::Coord, false);
        self.schedule_at(at, Happening::Deliver(from, Event::Coord(answer)));
        self.coord_out(fired);
    }

    fn coord_out(&mut self, fired: Vec<(Address, CoordEvent)>) {
        let late = self.params.faults.watch_late;
        for (to, event) in fired {
            let mut at = self.ordered(to, Server::Coord, false);
            if self.chance(late, "watch late") {
                at += self.net.between(100 * MS, 8 * SECOND);
            }
            self.schedule_at(at, Happening::Deliver(to, Event::Coord(event)));
        }
    }

    // Cut links.

    fn cut(&mut self, node: usize, server: Server, lasts_ns: u64) {
        let until = self.now_ns + lasts_ns;
        self.cut.insert((node, server), until);
        let life = self.nodes[node].life;
        self.schedule(self.params.session_ns, Happening::Session(node, server, life));
        self.schedule(lasts_ns, Happening::Healed(node, server));
        if server == Server::Coord && self.nodes[node].up {
            for slot in 0..self.nodes[node].slots.len() {
                let to = Address { node, life, slot };
                let event = Event::Coord(CoordEvent::Disconnected);
                self.schedule(self.params.latency_ns, Happening::Deliver(to, event));
            }
        }
    }

    /// A session was out of contact for as long as it may be.
    fn session_check(&mut self, node: usize, server: Server, life: u32) {
        if self.is_reachable(node, server) || self.nodes[node].life != life {
            return;
        }
        match server {
            Server::Log => self.evict(node),
            Server::Coord => {
                for slot in 0..self.nodes[node].slots.len() {
                    let fired = self.coord.expire(Address { node, life, slot });
                    self.coord_out(fired);
                }
            }
            Server::Table => {}
        }
    }

    fn evict(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let gone = |address: Address| address.node == node && address.life == life;
        self.trace.line(self.now_ns, format_args!("n{node}.{life} is evicted from its groups"));
        let out = self.log.evict(gone, true);
        self.log_out(out);
        if self.is_reachable(node, Server::Log) {
            self.rejoin(node);
        }
    }

    fn rejoin(&mut self, node: usize) {
        let life = self.nodes[node].life;
        for slot in 0..self.nodes[node].slots.len() {
            let address = Address { node, life, slot };
            for (topic, group, start) in self.nodes[node].slots[slot].subscriptions.clone() {
                if !group.is_empty() {
                    let member = Member { address, topic, group };
                    let out = self.log.rejoin(member, start);
                    self.log_out(out);
                }
            }
        }
    }

    fn healed(&mut self, node: usize, server: Server) {
        if !self.is_reachable(node, server) {
            // Another fault still stands in the way.
            let at = self.whole_at(node, server);
            return self.schedule_at(at, Happening::Healed(node, server));
        }
        if self.cut.remove(&(node, server)).is_none() {
            return;
        }
        if !self.nodes[node].up {
            return;
        }
        let life = self.nodes[node].life;
        match server {
            Server::Log => self.rejoin(node),
            Server::Coord => {
                for slot in 0..self.nodes[node].slots.len() {
                    let to = Address { node, life, slot };
                    let at = self.ordered(to, Server::Coord, false);
                    let event = Event::Coord(CoordEvent::Connected);
                    self.schedule_at(at, Happening::Deliver(to, event));
                }
            }
            Server::Table => {}
        }
    }

    // Daemons among themselves.

    fn ask_peer(&mut self, from: Address, action: PeerAction) {
        match action {
            PeerAction::Find { id, instance, request } => {
                self.last_ask += 1;
                let ask = ActionId(self.last_ask);
                let found = (0..self.nodes.len())
                    .find(|node| self.nodes[*node].up && self.nodes[*node].instance == *instance);
                let slot = found.and_then(|node| {
                    let slots = &self.nodes[node].slots;
                    slots.iter().position(|slot| slot.component == Component::Directory)
                });
                let lost = self.chance(self.params.faults.peer_lost, "peer lost");
                let (Some(node), Some(slot)) = (found, slot) else {
                    return self.refuse_find(from, id, 20 * MS);
                };
                if lost || self.is_cut(from.node, node) {
                    return self.refuse_find(from, id, 3 * SECOND);
                }
                let directory = Address { node, life: self.nodes[node].life, slot };
                self.asks.insert(ask, Ask { asker: from, stream: id, directory });
                self.streams.insert((from, id), ask);
                self.checks.asked(ask, directory, &request);
                let event = Event::Peer(PeerEvent::Ask { ask, request });
                self.tell_peer(directory, event);
            }
            PeerAction::Next { id } => {
                if let Some(ask) = self.streams.get(&(from, id)).copied() {
                    let directory = self.asks[&ask].directory;
                    self.tell_peer(directory, Event::Peer(PeerEvent::AskNext { ask }));
                }
            }
            PeerAction::Cancel { id } => {
                if let Some(ask) = self.streams.remove(&(from, id)) {
                    let gone = self.asks.remove(&ask);
                    self.checks.forget_ask(ask);
                    if let Some(Ask { directory, .. }) = gone {
                        self.tell_peer(directory, Event::Peer(PeerEvent::AskCancel { ask }));
                    }
                }
            }
            PeerAction::Answer { ask, answer } => self.answer(ask, answer),
            PeerAction::Call { id, .. } => {
                let result = Err(PeerError::Unavailable("nobody listens".to_owned()));
                let event = Event::Peer(PeerEvent::Called { id, result });
                self.schedule(MS, Happening::Deliver(from, event));
            }
            PeerAction::Applied { topic, partition, offset } => {
                for slot in 0..self.nodes[from.node].slots.len() {
                    let to = Address { slot, ..from };
                    let topic = topic.clone();
                    let event = Event::Peer(PeerEvent::Applied { topic, partition, offset });
                    if slot != from.slot {
                        self.schedule(1_000, Happening::Deliver(to, event));
                    }
                }
            }
        }
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        let cut = |pair| self.cut_peers.get(&pair).is_some_and(|until| *until > self.now_ns);
        from != to && (cut((from, to)) || cut((to, from)))
    }

    fn tell_peer(&mut self, to: Address, event: Event<NoTask>) {
        // One connection: in order.
        let at = self.now_ns + self.latency();
        let last = self.order.entry((to, Server::Table, false)).or_default();
        *last = at.max(*last + 1);
        let at = *last;
        self.schedule_at(at, Happening::Deliver(to, event));
    }

    fn refuse_find(&mut self, asker: Address, id: ActionId, delay: u64) {
        let answer = Answer::Failed(PeerError::Unavailable("no answer".to_owned()));
        let event = Event::Peer(PeerEvent::Answered { id, answer });
        self.schedule(delay, Happening::Deliver(asker, event));
    }

    fn answer(&mut self, ask: ActionId, answer: Answer) {
        let Some(Ask { asker, stream, directory }) = self.asks.get(&ask) else { return };
        let (asker, id, directory) = (*asker, *stream, *directory);
        let lost = self.chance(self.params.faults.peer_lost, "peer lost");
        if lost || self.is_cut(asker.node, directory.node) {
            return self.break_ask(ask, "the connection broke");
        }
        self.checks.answered(ask, &answer);
        if !matches!(answer, Answer::Found(_)) {
            self.asks.remove(&ask);
            self.streams.remove(&(asker, id));
        }
        self.tell_peer(asker, Event::Peer(PeerEvent::Answered { id, answer }));
    }

    fn break_ask(&mut self, ask: ActionId, why: &str) {
        let Some(Ask { asker, stream, directory }) = self.asks.remove(&ask) else { return };
        self.streams.remove(&(asker, stream));
        self.checks.forget_ask(ask);
        self.tell_peer(directory, Event::Peer(PeerEvent::AskCancel { ask }));
        let answer = Answer::Failed(PeerError::Unavailable(why.to_owned()));
        self.tell_peer(asker, Event::Peer(PeerEvent::Answered { id: stream, answer }));
    }

    // Clients.

    fn client(&mut self, step: ClientStep) {
        let Some(mut clients) = self.clients.take() else { return };
        clients.step(self, step);
        self.clients = Some(clients);
    }

    /// A node that runs the component, if one is up.
    pub fn place_of(&mut self, component: Component) -> Option<Address> {
        let mut places = Vec::new();
        for (node, state) in self.nodes.iter().enumerate() {
            if !state.up || !state.stopping.is_empty() {
                continue;
            }
            for (slot, there) in state.slots.iter().enumerate() {
                if there.component == component {
                    places.push(Address { node, life: state.life, slot });
                }
            }
        }
        if places.is_empty() { None } else { Some(*self.random.pick(&places)) }
    }

    /// A client opens a request.
    pub fn open(&mut self, request: RequestId, address: Address) {
        self.exchanges.insert(request, Exchange { address, pieces: 0 });
    }

    /// A client sends a part of its request, `delay` from now.
    pub fn send(&mut self, request: RequestId, delay: u64, event: HttpEvent) {
        if let Some(exchange) = self.exchanges.get(&request) {
            let to = exchange.address;
            self.schedule(delay, Happening::Deliver(to, Event::Http(event)));
        }
    }

    /// A client is done with a request, or goes away.
    pub fn close(&mut self, request: RequestId, goes_away: bool) {
        if let Some(exchange) = self.exchanges.remove(&request)
            && goes_away
        {
            let event = Event::Http(HttpEvent::Gone { request });
            self.schedule(MS, Happening::Deliver(exchange.address, event));
        }
    }

    fn answer_client(&mut self, from: Address, action: HttpAction) {
        let request = match &action {
            HttpAction::Head { request, .. }
            | HttpAction::Body { request, .. }
            | HttpAction::End { request }
            | HttpAction::Abort { request }
            | HttpAction::Pause { request }
            | HttpAction::Resume { request } => *request,
        };
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if exchange.address != from {
            return;
        }
        if matches!(action, HttpAction::Body { .. }) {
            exchange.pieces += 1;
            if exchange.pieces > PIECES_MAX {
                let what = format!("{} pieces of a response wait", exchange.pieces);
                self.checks.fail("bounded-queues", what);
            }
        }
        let at = self.now_ns + self.latency();
        let last = self.order.entry((from, Server::Coord, true)).or_default();
        *last = at.max(*last + 1);
        let at = *last;
        self.schedule_at(at, Happening::HttpOut(request, action));
    }

    fn http_out(&mut self, request: RequestId, action: HttpAction) {
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if matches!(action, HttpAction::Body { .. }) {
            exchange.pieces -= 1;
            if exchange.pieces == 0 {
                let to = exchange.address;
                // Some readers are slow.
                let slow = self.net.below(20) == 0;
                let delay = if slow { self.net.delay(500 * MS) } else { self.net.delay(MS) };
                let event = Event::Http(HttpEvent::Drained { request });
                self.schedule(delay, Happening::Deliver(to, event));
            }
        }
        self.client(ClientStep::Response(request, action));
    }

    // Faults.

    fn fault(&mut self) {
        if self.calm {
            return;
        }
        let again = self.chance.delay(self.params.faults.period_ns);
        self.schedule(again, Happening::Fault);
        let fault = Fault::draw(&self.params, &mut self.chance);
        let Fault { kind, node, other, lasts_ns, jump_ns } = fault;
        *self.stats.faults.entry(kind).or_default() += 1;
        self.trace.line(
            self.now_ns,
            format_args!("fault {kind:?} n{node} {other} for {} ms", lasts_ns / MS),
        );
        match kind {
            Kind::Crash if self.nodes[node].up => self.down(node, false),
            Kind::Restart if self.nodes[node].up && self.nodes[node].stopping.is_empty() => {
                let life = self.nodes[node].life;
                for slot in 0..self.nodes[node].slots.len() {
                    let to = Address { node, life, slot };
                    self.schedule(MS, Happening::Deliver(to, Event::Stop));
                }
                self.schedule(20 * SECOND, Happening::GiveUpStop(node, life));
            }
            Kind::Crash | Kind::Restart => {}
            Kind::Pause => {
                let until = self.now_ns + lasts_ns;
                let state = &mut self.nodes[node];
                state.paused_until = state.paused_until.max(until);
            }
            Kind::CutLog => self.cut(node, Server::Log, lasts_ns),
            Kind::CutCoord => self.cut(node, Server::Coord, lasts_ns),
            Kind::CutTable => self.cut(node, Server::Table, lasts_ns),
            Kind::CutPeer => {
                let other = other % self.nodes.len();
                self.cut_peers.insert((node, other), self.now_ns + lasts_ns);
            }
            Kind::ClockJump => self.nodes[node].skew_ns += jump_ns,
            Kind::RegionMove => {
                let region = other as u32 % self.params.regions;
                self.moved.insert(region, self.now_ns + lasts_ns.min(10 * SECOND));
            }
            Kind::LogFailover => {
                self.log_down_until = self.now_ns + lasts_ns.min(8 * SECOND);
                self.log.lose_unsynced();
            }
            Kind::Slow => self.slow_until = self.now_ns + lasts_ns,
            Kind::Evict if self.nodes[node].up => self.evict(node),
            Kind::Evict => {}
        }
    }
}

fn with_id(action: LogAction, id: ActionId) -> LogAction {
    match action {
        LogAction::Append { topic, records, .. } => LogAction::Append { id, topic, records },
        LogAction::Commit { topic, group, partition, offset, .. } => {
            LogAction::Commit { id, topic, group, partition, offset }
        }
        other => other,
    }
}

/// What a line of the trace says of an event besides its mark.
struct EventDetail<'a>(&'a Event<NoTask>);

impl fmt::Display for EventDetail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Log(LogEvent::Records { topic, partition, records, .. }) => {
                let first = records.first().map_or(0, |record| record.offset);
                write!(f, " {topic}/{partition} {first}+{}", records.len())
            }
            Event::Log(LogEvent::Assigned { topic, partitions, .. }) => {
                write!(f, " {topic} {partitions:?}")
            }
            Event::Log(LogEvent::Revoked { topic, partitions, .. }) => {
                write!(f, " {topic} {partitions:?}")
            }
            _ => Ok(()),
        }
    }
}

/// What a line of the trace says of an effect besides its mark.
struct EffectDetail<'a>(&'a Effect<NoTask>);

impl fmt::Display for EffectDetail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Effect::Log(LogAction::Commit { topic, partition, offset, .. }) => {
                write!(f, " {topic}/{partition} {offset}")
            }
            Effect::Log(LogAction::Seek { topic, partition, offset, .. }) => {
                write!(f, " {topic}/{partition} {offset}")
            }
            Effect::Table(TableAction::Put { puts, .. }) => {
                let points = puts.iter().map(|put| put.points.len()).sum::<usize>();
                let first = puts.first().and_then(|put| put.points.iter().next());
                write!(f, " {points} from {:?}", first.map(|point| point.value))
            }
            Effect::Table(TableAction::Delete { series, start, end, cell_until, .. }) => {
                write!(f, " {} {start}..={end} until {cell_until}", series.class_id)
            }
            _ => Ok(()),
        }
    }
}

fn mark_of(event: &Event<NoTask>) -> &'static str {
    match event {
        Event::Tick => "tick",
        Event::Stop => "stop",
        Event::Computed(..) => "computed",
        Event::Http(event) => match event {
            HttpEvent::Head { .. } => "request head",
            HttpEvent::Body { .. } => "request body",
            HttpEvent::End { .. } => "request end",
            HttpEvent::Broken { .. } => "request broken",
            HttpEvent::Gone { .. } => "client gone",
            HttpEvent::Drained { .. } => "response drained",
        },
        Event::Log(event) => match event {
            LogEvent::Described { result: Ok(_), .. } => "described",
            LogEvent::Described { .. } => "describe failed",
            LogEvent::Appended { result: Ok(_), .. } => "appended",
            LogEvent::Appended { result: Err(LogError::Unknown(_)), .. } => "append unknown",
            LogEvent::Appended { .. } => "append failed",
            LogEvent::Assigned { .. } => "assigned",
            LogEvent::Revoked { .. } => "revoked",
            LogEvent::Records { .. } => "records",
            LogEvent::Committed { result: Ok(()), .. } => "committed",
            LogEvent::Committed { result: Err(LogError::NotAssigned { .. }), .. } => {
                "commit refused"
            }
            LogEvent::Committed { .. } => "commit failed",
            LogEvent::Ends { result: Ok(_), .. } => "ends",
            LogEvent::Ends { .. } => "ends failed",
        },
        Event::Table(event) => match event {
            TableEvent::Written { result: Ok(()), .. } => "written",
            TableEvent::Written { .. } => "write failed",
            TableEvent::Deleted { result: Ok(_), .. } => "deleted",
            TableEvent::Deleted { .. } => "delete failed",
            TableEvent::Points { .. } => "points",
            TableEvent::Rows { .. } => "rows",
            TableEvent::End { result: Ok(()), .. } => "stream ended",
            TableEvent::End { .. } => "stream broke",
        },
        Event::Coord(event) => match event {
            CoordEvent::Done { result: Ok(()), .. } => "done",
            CoordEvent::Done { .. } => "not done",
            CoordEvent::Data { result: Ok(_), .. } => "node",
            CoordEvent::Data { .. } => "no node",
            CoordEvent::Children { result: Ok(_), .. } => "children",
            CoordEvent::Children { .. } => "no children",
            CoordEvent::Changed { .. } => "changed",
            CoordEvent::Connected => "connected",
            CoordEvent::Disconnected => "disconnected",
        },
        Event::Peer(event) => match event {
            PeerEvent::Answered { answer: Answer::Found(_), .. } => "found",
            PeerEvent::Answered { answer: Answer::End, .. } => "find ended",
            PeerEvent::Answered { answer: Answer::Failed(_), .. } => "find failed",
            PeerEvent::Called { result: Ok(_), .. } => "called",
            PeerEvent::Called { .. } => "call failed",
            PeerEvent::Ask { .. } => "ask",
            PeerEvent::AskNext { .. } => "ask next",
            PeerEvent::AskCancel { .. } => "ask cancel",
            PeerEvent::Applied { .. } => "applied",
        },
    }
}

fn effect_mark(effect: &Effect<NoTask>) -> &'static str {
    match effect {
        Effect::Http(action) => match action {
            HttpAction::Head { .. } => "response head",
            HttpAction::Body { .. } => "response body",
            HttpAction::End { .. } => "response end",
            HttpAction::Abort { .. } => "response abort",
            HttpAction::Pause { .. } => "request pause",
            HttpAction::Resume { .. } => "request resume",
        },
        Effect::Log(action) => match action {
            LogAction::Describe { .. } => "describe",
            LogAction::Append { .. } => "append",
            LogAction::Subscribe { .. } => "subscribe",
            LogAction::Pause { .. } => "pause",
            LogAction::Resume { .. } => "resume",
            LogAction::Seek { .. } => "seek",
            LogAction::Commit { .. } => "commit",
            LogAction::Ends { .. } => "ask ends",
        },
        Effect::Table(action) => match action {
            TableAction::Put { .. } => "put",
            TableAction::Delete { .. } => "delete",
            TableAction::Fetch { .. } => "fetch",
            TableAction::PutMeta { .. } => "put meta",
            TableAction::DeleteMeta { .. } => "delete meta",
            TableAction::ScanMeta { .. } => "scan meta",
            TableAction::Next { .. } => "next",
            TableAction::Cancel { .. } => "cancel",
        },
        Effect::Coord(action) => match action {
            CoordAction::Create { .. } => "create",
            CoordAction::Set { .. } => "set",
            CoordAction::Delete { .. } => "remove",
            CoordAction::Get { .. } => "get",
            CoordAction::Children { .. } => "list",
        },
        Effect::Peer(action) => match action {
            PeerAction::Find { .. } => "find",
            PeerAction::Next { .. } => "find next",
            PeerAction::Cancel { .. } => "find cancel",
            PeerAction::Answer { .. } => "answer",
            PeerAction::Call { .. } => "call",
            PeerAction::Applied { .. } => "has applied",
        },
        Effect::Compute(..) => "compute",
        Effect::Metric(_) => "metric",
        Effect::Warn(_) => "warn",
        Effect::Ready(true) => "ready",
        Effect::Ready(false) => "not ready",
        Effect::Stopped => "stopped",
    }
}
