//! The world: one queue of what is to happen, virtual time, nodes, links, servers, faults.
//!
//! ```text
//!   machine ──effect──▶ meddler ──▶ link ──▶ log | table | coordination | other machine | client
//!           ◀──event─── meddler ◀── link ◀──────────────┘
//! ```
//! What happens at the same moment happens in the order that the seed gives. Messages between a
//! machine and a server keep their order in each direction, answers to calls of the table do not.

mod faults;
mod limits;
mod links;
mod machines;
mod marks;
mod nodes;
mod peers;
mod regions;
mod requests;
mod servers;
mod subscribers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use weft_daemons::contract::http::{HttpAction, RequestId};
use weft_daemons::contract::log::{LogAction, LogEvent, Start, Topic};
use weft_daemons::contract::peer::ThrottleAsk;
use weft_daemons::contract::table::TableAction;
use weft_daemons::contract::{ActionId, CoordAction, Event, NoTask};
use weft_gts::SeriesId;

use crate::Options;
use crate::agenda::Agenda;
use crate::clients::{Clients, Step as ClientStep};
use crate::coord::CoordModel;
use crate::faults::Kind;
use crate::invariants::Checks;
use crate::invariants::liveness::Rest;
use crate::log::{LogModel, Step as LogStep};
use crate::mutants::{Meddler, Mutant};
use crate::node::{Component, Host, directory_path};
use crate::params::{MS, Params, SECOND, Settings};
use crate::plan::{Plan, Progress};
use crate::random::Random;
use crate::story::Chronicle;
use crate::subscribers::{Step as SubscriberStep, Subscribers};
use crate::table::TableModel;
use crate::trace::Trace;
use faults::Drift;
use peers::Roll;
use regions::Regions;

/// The topic of datapoints and deletes.
pub const DATA_TOPIC: &str = "data";
/// The topic of metadata.
pub const METADATA_TOPIC: &str = "metadata";
/// The topic by which ingresses tell each other what they counted.
pub const THROTTLING_TOPIC: &str = "throttling";
/// The group of the backends.
pub const PLASMA_GROUP: &str = "plasma";
/// The group of the stores.
pub const STORE_GROUP: &str = "store";

/// The wall clock at the start, milliseconds since the epoch.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

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
    AtTable(Address, TableAction, TableCall),
    AtFolder(Address, ActionId, ThrottleAsk),
    LogStep(LogStep),
    Thaw(usize),
    Session(usize, Server, u32),
    Healed(usize, Server),
    Start(usize),
    Roll(usize),
    AskDirectory(usize),
    DiesAgain(usize, u32),
    GiveUpStop(usize, u32),
    GoneFromLog(usize, u32),
    Rejoin(usize, u32),
    GoneFromCoord(Vec<Address>),
    Fault,
    Client(ClientStep),
    HttpOut(RequestId, HttpAction),
    Subscriber(SubscriberStep),
}

impl Happening {
    /// Whether it will still change what the log or the table holds, or what is known of it. (What
    /// ingresses tell each other never ends.)
    fn is_late(&self) -> bool {
        match self {
            Self::Deliver(_, Event::Log(LogEvent::Records { topic, .. }))
            | Self::AtLog(_, LogAction::Append { topic, .. }) => &**topic != THROTTLING_TOPIC,
            Self::LogStep(LogStep::Pump(member, _)) => &*member.topic != THROTTLING_TOPIC,
            Self::AtLog(..) => false,
            Self::AtTable(_, action, ..) => matches!(
                action,
                TableAction::Put { .. }
                    | TableAction::Delete { .. }
                    | TableAction::PutMeta { .. }
                    | TableAction::DeleteMeta { .. }
            ),
            _ => false,
        }
    }

    /// What it is, and whom it is about.
    const fn about(&self) -> [u64; 4] {
        const fn address(what: u64, address: &Address) -> [u64; 4] {
            [what, address.node as u64, address.life as u64, address.slot as u64]
        }
        match self {
            Self::Deliver(to, _) => address(0, to),
            Self::Compute(to, _) => address(1, to),
            Self::Tick(to) => address(2, to),
            Self::AtLog(from, _) => address(3, from),
            Self::AtCoord(from, _) => address(4, from),
            Self::AtTable(from, ..) => address(5, from),
            Self::LogStep(LogStep::Pump(member, _)) => address(6, &member.address),
            Self::LogStep(_) => [7, 0, 0, 0],
            Self::Thaw(node) => [8, *node as u64, 0, 0],
            Self::Session(node, server, _) => [9, *node as u64, *server as u64, 0],
            Self::Healed(node, server) => [10, *node as u64, *server as u64, 0],
            Self::Start(node) => [11, *node as u64, 0, 0],
            Self::GiveUpStop(node, _) => [12, *node as u64, 0, 0],
            Self::GoneFromLog(node, _) => [13, *node as u64, 0, 0],
            Self::Rejoin(node, _) => [14, *node as u64, 0, 0],
            Self::GoneFromCoord(_) => [15, 0, 0, 0],
            Self::Fault => [16, 0, 0, 0],
            Self::Client(ClientStep::Begin(worker)) => [17, *worker as u64, 0, 0],
            Self::Client(ClientStep::Scan(tenant, _)) => [18, *tenant as u64, 0, 0],
            Self::Client(_) => [19, 0, 0, 0],
            Self::HttpOut(..) => [20, 0, 0, 0],
            Self::Roll(node) => [21, *node as u64, 0, 0],
            Self::DiesAgain(node, _) => [22, *node as u64, 0, 0],
            Self::AskDirectory(node) => [23, *node as u64, 0, 0],
            Self::AtFolder(from, ..) => address(24, from),
            Self::Subscriber(step) => [25, step.who(), 0, 0],
        }
    }
}

/// A node.
struct Node {
    life: u32,
    up: bool,
    stopping: BTreeSet<usize>,
    born_ns: u64,
    /// When its process ended last.
    gone_ns: u64,
    /// Wall clock against virtual time, nanoseconds.
    skew_ns: i64,
    /// How fast its clocks run, in billionths.
    rate: u64,
    /// What is wrong with that by now, besides.
    drift: Drift,
    paused_until: u64,
    /// Until when it takes long over each thing.
    slow_until: u64,
    /// How often it dies again when it begins.
    doomed: u32,
    settings: Settings,
    /// What came while it stood still.
    frozen: VecDeque<Happening>,
    /// Whether that is being taken in.
    thaws: bool,
    slots: Vec<Slot>,
    instance: String,
    /// What its ingress has kept of limits.
    kept: Option<Bytes>,
}

struct Slot {
    component: Component,
    host: Box<dyn Host>,
    tick_at: Option<u64>,
    subscriptions: Vec<(Topic, Topic, Start)>,
}

/// A call of the table on its way.
#[derive(Clone, Copy, Debug)]
struct TableCall {
    /// Its number: calls that were asked later have greater ones.
    number: u64,
    /// Whether it is answered.
    is_answered: bool,
    /// The regions that it reaches, as bits.
    regions: u32,
}

/// A find between daemons.
struct Ask {
    asker: Address,
    stream: ActionId,
    directory: Address,
}

/// A request of a machine, and its answer as far as it came.
struct Call {
    from: Address,
    id: ActionId,
    status: u16,
    body: Vec<u8>,
}

/// A request and what is on its way.
struct Exchange {
    address: Address,
    pieces: u32,
    /// When what was said last arrives.
    said_ns: u64,
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
    /// What machines did and were told ([`crate::marks`]).
    pub marks: BTreeSet<(Component, &'static str)>,
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
    /// What of the seed happens.
    pub plan: Progress,
    /// What a story of the run is made of, when one is wanted.
    pub chronicle: Chronicle,
    agenda: Agenda<Happening>,
    random: Random,
    net: Random,
    chance: Random,
    nodes: Vec<Node>,
    meddler: Meddler,
    asks: BTreeMap<ActionId, Ask>,
    streams: BTreeMap<(Address, ActionId), ActionId>,
    last_ask: u64,
    /// Requests that machines make of each other: whose, and what has come of the answer.
    calls: BTreeMap<RequestId, Call>,
    last_request: u64,
    /// Calls of the table so far.
    last_call: u64,
    /// The newest calls that wrote and deleted of a series whose cells carry their datapoint's time.
    timed_calls: BTreeMap<SeriesId, [u64; 2]>,
    exchanges: BTreeMap<RequestId, Exchange>,
    clients: Option<Clients>,
    subscribers: Option<Subscribers>,
    order: BTreeMap<(Address, Server, bool), u64>,
    /// When the last append of a machine to a topic arrives.
    appends_until: BTreeMap<(Address, Topic), u64>,
    cut: BTreeMap<(usize, Server), u64>,
    cut_peers: BTreeMap<(usize, usize), u64>,
    /// Sessions of coordination that ended, and when who had them learns of it.
    expired: BTreeMap<Address, u64>,
    moved: BTreeMap<u32, u64>,
    log_down_until: u64,
    slow_until: u64,
    table_slow_until: u64,
    log_slow_until: u64,
    /// Until when the table answers nobody.
    table_hung_until: u64,
    /// Until when partitions of the log have no leader.
    leaders_down: BTreeMap<u32, u64>,
    /// Until when the log's groups have no coordinator.
    coordinator_down_until: u64,
    /// Until when the log takes nothing.
    log_full_until: u64,
    /// Until when the table takes nothing.
    table_full_until: u64,
    regions: Regions,
    /// What directories say in the end, by their nodes.
    rolls: BTreeMap<usize, Roll>,
    /// Whether nodes get the newer configuration.
    has_newer: bool,
    calm: bool,
}

impl World {
    /// A world at its beginning.
    pub fn new(params: Params, plan: Plan, options: Options) -> Self {
        let Options { mutant, trace, story, .. } = options;
        let mut random = Random::new(params.seed.wrapping_add(0x51ed_270b));
        if let Some(streams) = plan.streams {
            random = Random::of(&[params.seed, streams]);
        }
        let log = LogModel::new(params.partitions, random.fork());
        let is_open = plan.streams.is_some();
        let clients = Clients::new(&params, is_open, random.fork());
        let subscribers = Subscribers::new(&params);
        let mut world = Self {
            now_ns: 0,
            trace: Trace::new(trace),
            stats: Stats::default(),
            log,
            table: TableModel::new(),
            coord: CoordModel::new(),
            checks: Checks::new(&params),
            plan: Progress::new(plan),
            chronicle: Chronicle::new(&params, story),
            agenda: Agenda::default(),
            net: random.fork(),
            chance: random.fork(),
            random,
            nodes: Vec::new(),
            meddler: Meddler::new(mutant),
            asks: BTreeMap::new(),
            streams: BTreeMap::new(),
            last_ask: 0,
            calls: BTreeMap::new(),
            last_request: 1 << 32,
            last_call: 0,
            timed_calls: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            clients: Some(clients),
            subscribers: Some(subscribers),
            order: BTreeMap::new(),
            appends_until: BTreeMap::new(),
            cut: BTreeMap::new(),
            cut_peers: BTreeMap::new(),
            expired: BTreeMap::new(),
            moved: BTreeMap::new(),
            log_down_until: 0,
            slow_until: 0,
            table_slow_until: 0,
            log_slow_until: 0,
            table_hung_until: 0,
            leaders_down: BTreeMap::new(),
            coordinator_down_until: 0,
            log_full_until: 0,
            table_full_until: 0,
            regions: Regions::new(params.regions),
            rolls: BTreeMap::new(),
            has_newer: false,
            calm: false,
            params,
        };
        world.log.bugs.ack_before_fsync = mutant == Some(Mutant::AckBeforeFsync);
        world.table.forgets_to_flush = mutant == Some(Mutant::FlushSkipped);
        world.log.bugs.obeys_old = mutant == Some(Mutant::OldAssignment);
        world.log.bugs.reset_to_latest = mutant == Some(Mutant::OffsetReset);
        for node in 0..world.params.nodes.len() {
            let skew_ns = world.random.between(0, 4 * SECOND) as i64 - 2 * SECOND as i64;
            let rate = 1_000_000_000 + world.random.between(0, 200_000) - 100_000;
            world.nodes.push(Node {
                life: 0,
                up: false,
                stopping: BTreeSet::new(),
                born_ns: 0,
                gone_ns: 0,
                skew_ns,
                rate,
                drift: Drift::default(),
                paused_until: 0,
                slow_until: 0,
                doomed: 0,
                settings: world.params.settings,
                frozen: VecDeque::new(),
                thaws: false,
                slots: Vec::new(),
                instance: String::new(),
                kept: None,
            });
            let at = world.random.below(2 * SECOND);
            world.schedule(at, Happening::Start(node));
        }
        for step in world.clients.as_mut().map(Clients::begin).unwrap_or_default() {
            world.schedule(step.0, Happening::Client(step.1));
        }
        for (delay, step) in world.subscribers.as_mut().map(Subscribers::begin).unwrap_or_default()
        {
            world.schedule(delay, Happening::Subscriber(step));
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
        let Some((at, happening)) = self.agenda.take() else { return false };
        self.now_ns = self.now_ns.max(at);
        self.stats.events += 1;
        if let Some(streams) = self.plan.streams() {
            self.reseed(streams, happening.about());
        }
        self.happen(happening);
        true
    }

    /// What is drawn now follows from the moment and whom it is about ([`Plan::streams`]).
    fn reseed(&mut self, streams: u64, about: [u64; 4]) {
        let [what, one, two, three] = about;
        let mut random =
            Random::of(&[self.params.seed, streams, self.now_ns, what, one, two, three]);
        self.net = random.fork();
        self.chance = random.fork();
        self.log.reseed(random.fork());
        self.random = random;
    }

    /// Ends the faults: everything comes up again and stays.
    pub fn calm_down(&mut self) {
        self.calm = true;
        self.trace.line(self.now_ns, format_args!("faults end"));
        self.chronicle.calm(self.now_ns);
        let cut: Vec<(usize, Server)> = self.cut.keys().copied().collect();
        self.log_down_until = 0;
        self.slow_until = 0;
        self.table_slow_until = 0;
        self.log_slow_until = 0;
        self.table_hung_until = 0;
        self.leaders_down.clear();
        self.coordinator_down_until = 0;
        self.log_full_until = 0;
        self.table_full_until = 0;
        self.moved.clear();
        self.cut_peers.clear();
        for (node, server) in cut {
            self.cut.insert((node, server), self.now_ns);
            self.healed(node, server);
        }
        for node in &mut self.nodes {
            node.paused_until = 0;
            node.slow_until = 0;
            node.doomed = 0;
        }
    }

    /// The true time, milliseconds.
    pub const fn wall_ms(&self) -> i64 {
        EPOCH_MS + (self.now_ns / MS) as i64
    }

    /// What is not at rest: everything that was appended is to be done by those who consume it,
    /// nobody is to wait, no write to be on its way, and so many last reads to have succeeded.
    pub fn rest(&self, reads: usize) -> Rest {
        let clients = self.clients.as_ref();
        let scanned = clients.map_or(0, |clients| clients.scanned.len());
        Rest {
            behind: self.behind(),
            unanswered: clients.map_or(0, Clients::unanswered),
            is_written: self.agenda.iter().any(Happening::is_late)
                || self.nodes.iter().any(|node| !node.frozen.is_empty()),
            unread: reads.saturating_sub(scanned) + self.unrolled(),
            undelivered: self.subscribers.as_ref().and_then(Subscribers::undelivered),
        }
    }

    /// A group that has not committed everything that was appended: which, and how far it is.
    fn behind(&self) -> Option<String> {
        let directories = (0..self.params.modulus)
            .map(|remainder| (METADATA_TOPIC, format!("directory-{remainder}")));
        let plasma = (self.params.subscribers > 0).then(|| (DATA_TOPIC, PLASMA_GROUP.to_owned()));
        let groups = directories.chain([(DATA_TOPIC, STORE_GROUP.to_owned())]).chain(plasma);
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

    /// Updates that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.clients.as_ref().map_or(0, |clients| clients.acknowledged)
    }

    /// Datapoints that subscribers were owed and got.
    pub fn delivered(&self) -> u64 {
        self.subscribers.as_ref().map_or(0, |subscribers| subscribers.delivered)
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

    /// What is registered: names and data.
    pub fn registered(&self) -> Vec<(String, String)> {
        let path = directory_path();
        let all = self.coord.children_data(&path).into_iter();
        all.map(|(name, data)| (name.to_owned(), String::from_utf8_lossy(data).into_owned()))
            .collect()
    }

    /// The directories that live: their names and remainders.
    pub fn directories(&self) -> Vec<(String, u32)> {
        let living = self.nodes.iter().zip(&self.params.nodes).filter(|(node, _)| node.up);
        living.filter_map(|(node, kind)| Some((node.instance.clone(), kind.directory?.0))).collect()
    }

    fn schedule(&mut self, delay: u64, happening: Happening) {
        self.schedule_at(self.now_ns.saturating_add(delay), happening);
    }

    fn schedule_at(&mut self, at: u64, happening: Happening) {
        let tie = self.random.next();
        self.agenda.add(at, tie, happening);
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
        self.nodes[node].thaws = true;
        while let Some(happening) = self.nodes[node].frozen.pop_front() {
            self.happen(happening);
            // It may stand still again over what it was told.
            let until = self.nodes[node].paused_until;
            if until > self.now_ns && !self.nodes[node].frozen.is_empty() {
                self.schedule_at(until, Happening::Thaw(node));
                break;
            }
        }
        self.nodes[node].thaws = false;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(to, event) => self.deliver(to, event),
            Happening::Compute(to, id) => self.compute(to, id),
            Happening::Tick(to) => self.tick(to),
            Happening::AtLog(from, action) => self.at_log(from, action),
            Happening::AtCoord(from, action) => self.at_coord(from, action),
            Happening::AtTable(from, action, call) => self.at_table(from, action, call),
            Happening::AtFolder(from, id, ask) => self.at_folder(from, id, ask),
            Happening::LogStep(step) => {
                if let Some(at) = self.log_waits(&step) {
                    return self.schedule_at(at, Happening::LogStep(step));
                }
                let nodes: Vec<bool> =
                    (0..self.nodes.len()).map(|n| self.is_reachable(n, Server::Log)).collect();
                let out = self.log.step(step, |address| nodes[address.node]);
                self.log_out(out);
            }
            Happening::Thaw(node) => self.thaw(node),
            Happening::Session(node, server, life) => self.session_check(node, server, life),
            Happening::Healed(node, server) => self.healed(node, server),
            Happening::Start(node) => self.start(node),
            Happening::Roll(node) => self.roll(node),
            Happening::AskDirectory(node) => self.ask_directory(node),
            Happening::DiesAgain(node, life) => self.dies_again(node, life),
            Happening::GiveUpStop(node, life) => {
                if self.nodes[node].life == life && self.nodes[node].up {
                    self.down(node, true);
                }
            }
            Happening::GoneFromLog(node, life) => {
                if self.coordinator_down_until > self.now_ns {
                    let at = self.coordinator_down_until;
                    return self.schedule_at(at, Happening::GoneFromLog(node, life));
                }
                let gone = |address: Address| address.node == node && address.life == life;
                let out = self.log.evict(gone, false);
                self.log_out(out);
            }
            Happening::Rejoin(node, life) => self.rejoin(node, life),
            Happening::GoneFromCoord(sessions) => {
                for session in sessions {
                    let fired = self.coord.expire(session);
                    self.coord_out(fired);
                }
            }
            Happening::Fault => self.fault(),
            Happening::Client(step) => self.client(step),
            Happening::HttpOut(request, action) => self.http_out(request, action),
            Happening::Subscriber(step) => self.subscriber(step),
        }
    }
}
