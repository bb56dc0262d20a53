//! Runners, their log, coordination, egress and clocks; one queue of what is to happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::coord::{CoordAction, CoordError, CoordEvent};
use weft_daemons::contract::log::{LogAction, LogError, LogEvent, Start, Topic};
use weft_daemons::contract::peer::{CallResponse, PeerAction, PeerEvent};
use weft_daemons::contract::{ActionId, Effect, Event, Machine, NoTask};
use weft_daemons::runner::{Runner, RunnerConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_wire::thrift::RunRequest;

use super::checks::Checks;
use super::mutants::{Meddler, RunnerMutant};
use super::params::{Params, SESSION_NS};
use crate::agenda::Agenda;
use crate::coord::CoordModel;
use crate::log::{LogModel, Member, Out, Step};
use crate::params::{MS, SECOND};
use crate::random::Random;
use crate::trace::Trace;
use crate::world::{Address, EPOCH_MS};

/// The topic of requests.
const TOPIC: &str = "runner";

/// How long records are kept, milliseconds.
const RETENTION_MS: i64 = 6 * 3_600_000;

/// How often windows are looked at.
const CHECK_NS: u64 = 60 * SECOND;

/// How much clocks may be apart without a fault, nanoseconds.
const SKEW_NS: u64 = 200 * MS;

#[derive(Debug)]
pub(super) enum Happening {
    Deliver(Address, Event<NoTask>),
    Tick(Address),
    AtLog(Address, LogAction),
    AtCoord(Address, CoordAction),
    LogStep(Step),
    AtEgress(u64),
    /// A run ends; `false` when it was ended.
    Ends(u64, bool),
    Start(usize),
    Thaw(usize),
    /// A member lost contact with the log for so long that it is taken for dead.
    GoneFromLog(usize, u32, u64),
    NoticesCut(usize, u32, u64),
    SessionEnds(usize, u32, u64),
    Healed(usize),
    /// A clock is moved by so much.
    ClockIsSet(usize, i64),
    Fault,
    Check,
}

/// A node.
pub(super) struct Node {
    pub(super) life: u32,
    pub(super) machine: Option<Runner>,
    pub(super) skew_ns: i64,
    pub(super) paused_until: u64,
    pub(super) log_cut_until: u64,
    pub(super) coord_cut_until: u64,
    /// Whether the session of coordination is there, as far as the client knows.
    pub(super) has_session: bool,
    /// Whether the client was told that contact is lost.
    pub(super) is_cut: bool,
    /// Whether the session has ended and the client does not know.
    pub(super) has_expired: bool,
    /// Whether the log took it for dead.
    pub(super) is_evicted: bool,
    frozen: VecDeque<Event<NoTask>>,
    tick_at: Option<u64>,
    subscriptions: Vec<(Topic, Topic, Start)>,
}

/// A run on egress.
struct Run {
    from: Address,
    id: ActionId,
    script: usize,
    window: i64,
    has_begun: bool,
}

/// The world.
pub(super) struct World {
    pub(super) params: Params,
    pub(super) now_ns: u64,
    /// What happened.
    pub(super) trace: Trace,
    pub(super) log: LogModel,
    pub(super) coord: CoordModel,
    pub(super) nodes: Vec<Node>,
    pub(super) random: Random,
    /// What must hold.
    pub(super) checks: Checks,
    meddler: Meddler,
    /// Whether the trace tells everything.
    is_told_all: bool,
    agenda: Agenda<Happening>,
    order: BTreeMap<(Address, u8), u64>,
    paths: Vec<Arc<str>>,
    texts: Vec<Bytes>,
    by_path: BTreeMap<Arc<str>, usize>,
    runs: BTreeMap<u64, Run>,
    calls: BTreeMap<(Address, ActionId), u64>,
    last_run: u64,
    /// Events so far.
    pub(super) events: u64,
}

impl World {
    /// A world at its beginning.
    pub(super) fn new(params: Params, mutant: Option<RunnerMutant>, keep_trace: bool) -> Self {
        let mut random = Random::of(&[params.seed, 0x776f_726c]);
        let paths: Vec<Arc<str>> = params.scripts.iter().map(|s| Arc::from(&*s.path)).collect();
        let texts = params.scripts.iter().map(|s| Bytes::from("1 DROP\n".repeat(s.bytes / 7)));
        let mut world = Self {
            now_ns: 0,
            trace: Trace::new(keep_trace),
            log: LogModel::new(params.partitions, random.fork()),
            coord: CoordModel::new(),
            nodes: Vec::new(),
            checks: Checks::new(&params),
            meddler: Meddler::new(mutant),
            is_told_all: keep_trace,
            agenda: Agenda::default(),
            order: BTreeMap::new(),
            by_path: paths.iter().cloned().zip(0..).collect(),
            texts: texts.collect(),
            paths,
            runs: BTreeMap::new(),
            calls: BTreeMap::new(),
            last_run: 0,
            events: 0,
            random,
            params,
        };
        for node in 0..world.params.nodes.len() {
            let skew_ns = world.random.between(0, SKEW_NS) as i64 - SKEW_NS as i64 / 2;
            world.nodes.push(Node {
                life: 0,
                machine: None,
                skew_ns,
                paused_until: 0,
                log_cut_until: 0,
                coord_cut_until: 0,
                has_session: false,
                is_cut: false,
                has_expired: false,
                is_evicted: false,
                frozen: VecDeque::new(),
                tick_at: None,
                subscriptions: Vec::new(),
            });
            let at = world.random.below(2 * SECOND);
            world.later(at, Happening::Start(node));
        }
        world.checks.faults.add(0, 30 * SECOND);
        let first = world.random.delay(world.params.fault_ns);
        world.later(first, Happening::Fault);
        world.later(CHECK_NS, Happening::Check);
        world
    }

    /// Runs to the end, or to what does not hold.
    pub(super) fn run(&mut self) {
        let end = self.params.lasts_ns;
        while let Some((at, happening)) = self.agenda.take() {
            if at > end || self.checks.violation.is_some() {
                break;
            }
            self.now_ns = at;
            self.events += 1;
            self.happen(happening);
        }
    }

    fn wall_ms(&self) -> i64 {
        EPOCH_MS + (self.now_ns / MS) as i64
    }

    pub(super) fn later(&mut self, wait_ns: u64, happening: Happening) {
        self.at(self.now_ns + wait_ns, happening);
    }

    fn at(&mut self, at_ns: u64, happening: Happening) {
        self.agenda.add(at_ns, 0, happening);
    }

    /// Keeps the order of what goes one way between a node and a server.
    fn in_order(&mut self, whom: Address, way: u8, wait_ns: u64) -> u64 {
        let last = self.order.entry((whom, way)).or_default();
        *last = (self.now_ns + wait_ns).max(*last + 1);
        *last
    }

    fn lives(&self, whom: Address) -> bool {
        let node = &self.nodes[whom.node];
        node.machine.is_some() && node.life == whom.life
    }

    pub(super) fn address(&self, node: usize) -> Address {
        Address { node, life: self.nodes[node].life, slot: 0 }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(to, event) if self.lives(to) => {
                let node = &mut self.nodes[to.node];
                if node.paused_until > self.now_ns {
                    node.frozen.push_back(event);
                } else {
                    self.handle(to, event);
                }
            }
            Happening::Tick(to) if self.lives(to) => {
                let node = &mut self.nodes[to.node];
                if node.tick_at == Some(self.now_ns) && node.paused_until <= self.now_ns {
                    node.tick_at = None;
                    self.handle(to, Event::Tick);
                }
            }
            Happening::Deliver(..) | Happening::Tick(_) => {}
            // What a process sent before it died may arrive.
            Happening::AtLog(from, action) => self.at_log(from, action),
            Happening::AtCoord(from, action) => {
                if !self.lives(from) || self.nodes[from.node].has_expired {
                    return;
                }
                let (answer, fired) = self.coord.submit(from, action);
                self.tell_coord(from, answer);
                self.tell_fired(fired);
            }
            Happening::LogStep(step) => {
                let (nodes, now) = (&self.nodes, self.now_ns);
                let reaches = |whom: Address| {
                    let node = &nodes[whom.node];
                    node.machine.is_some() && node.life == whom.life && node.log_cut_until <= now
                };
                let out = self.log.step(step, reaches);
                self.carry(out);
            }
            Happening::AtEgress(run) => self.begins(run),
            Happening::Ends(run, is_whole) => self.ends(run, is_whole),
            Happening::Start(node) => self.start(node),
            Happening::Thaw(node) => self.thaw(node),
            Happening::GoneFromLog(node, life, until) => {
                let state = &self.nodes[node];
                let is_away = state.log_cut_until == until || state.paused_until == until;
                let has_died = until == u64::MAX;
                if has_died || state.life == life && is_away {
                    self.nodes[node].is_evicted |= !has_died;
                    let gone = move |whom: Address| whom.node == node && whom.life <= life;
                    let out = self.log.evict(gone, !has_died);
                    self.carry(out);
                }
            }
            Happening::NoticesCut(node, life, until) => {
                let state = &mut self.nodes[node];
                if state.life == life && state.coord_cut_until == until && !state.is_cut {
                    state.is_cut = true;
                    let to = self.address(node);
                    self.tell_coord(to, CoordEvent::Disconnected);
                }
            }
            Happening::SessionEnds(node, life, u64::MAX) => {
                // Of a process that died; another may be there by now.
                let fired = self.coord.expire(Address { node, life, slot: 0 });
                self.tell_fired(fired);
            }
            Happening::SessionEnds(node, life, until) => {
                let state = &mut self.nodes[node];
                let is_away = state.coord_cut_until == until || state.paused_until == until;
                if state.life == life && is_away {
                    state.has_expired = true;
                    let session = self.address(node);
                    let fired = self.coord.expire(session);
                    // Its own watches are told when contact is there again.
                    let (own, others): (Vec<_>, Vec<_>) =
                        fired.into_iter().partition(|(whom, _)| *whom == session);
                    self.nodes[node].frozen.extend(own.into_iter().map(|(_, e)| Event::Coord(e)));
                    self.tell_fired(others);
                }
            }
            Happening::Healed(node) => self.healed(node),
            Happening::ClockIsSet(node, by) => self.nodes[node].skew_ns += by,
            Happening::Fault => self.fault(),
            Happening::Check => {
                self.checks.look(self.now_ns);
                let since_ms = self.wall_ms() - RETENTION_MS;
                self.log.retain_since(TOPIC, since_ms);
                let now = self.now_ns;
                self.order.retain(|_, last| *last + 60 * SECOND > now);
                self.later(CHECK_NS, Happening::Check);
            }
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let config = RunnerConfig {
            roles: self.params.nodes[node],
            parallel: self.params.scripts.len(),
            run_at_startup: self.params.at_startup,
            id: format!("node{node}"),
            session_time: Duration::from_nanos(SESSION_NS),
            ..RunnerConfig::default()
        };
        let state = &mut self.nodes[node];
        state.life += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.params.seed.to_be_bytes());
        seed[8..16]
            .copy_from_slice(&(node as u64 * 1_000_000 + u64::from(state.life)).to_be_bytes());
        state.machine = Some(Runner::new(config, seed));
        (state.has_session, state.is_cut, state.has_expired) = (true, false, false);
        state.is_evicted = false;
        (state.paused_until, state.log_cut_until, state.coord_cut_until) = (0, 0, 0);
        state.frozen.clear();
        state.subscriptions.clear();
        state.tick_at = None;
        let to = self.address(node);
        self.trace.line(self.now_ns, format_args!("node {node} begins life {}", to.life));
        self.drain(to);
        self.tell_coord(to, CoordEvent::Connected);
        self.handle(to, Event::Tick);
    }

    /// A process dies: its connections break at once, its sessions end later.
    pub(super) fn crash(&mut self, node: usize) {
        let from = self.address(node);
        if self.nodes[node].machine.take().is_none() {
            return;
        }
        self.nodes[node].frozen.clear();
        let own: Vec<u64> =
            self.runs.iter().filter(|(_, run)| run.from == from).map(|(run, _)| *run).collect();
        for run in own {
            let wait = self.random.delay(MS);
            self.later(wait, Happening::Ends(run, false));
        }
        self.calls.retain(|(whom, _), _| *whom != from);
        self.nodes[node].log_cut_until = u64::MAX;
        self.nodes[node].coord_cut_until = u64::MAX;
        self.later(SESSION_NS, Happening::SessionEnds(node, from.life, u64::MAX));
        self.later(SESSION_NS, Happening::GoneFromLog(node, from.life, u64::MAX));
    }

    fn thaw(&mut self, node: usize) {
        if self.nodes[node].paused_until > self.now_ns || self.nodes[node].machine.is_none() {
            return;
        }
        self.nodes[node].paused_until = 0;
        // What came meanwhile comes first.
        while let Some(event) = self.nodes[node].frozen.pop_front() {
            let to = self.address(node);
            self.handle(to, event);
        }
        let to = self.address(node);
        self.handle(to, Event::Tick);
        self.healed(node);
    }

    /// A node is in contact again.
    fn healed(&mut self, node: usize) {
        let now = self.now_ns;
        let state = &mut self.nodes[node];
        if state.machine.is_none() || state.paused_until > now {
            return;
        }
        let to = Address { node, life: state.life, slot: 0 };
        if state.coord_cut_until <= now {
            let was_cut = std::mem::take(&mut state.is_cut);
            let has_expired = std::mem::take(&mut state.has_expired);
            if has_expired && !was_cut {
                self.tell_coord(to, CoordEvent::Disconnected);
            }
            let told: Vec<_> = self.nodes[node].frozen.drain(..).collect();
            if has_expired || was_cut {
                for event in told {
                    if let Event::Coord(event) = event {
                        self.tell_coord(to, event);
                    }
                }
                self.tell_coord(to, CoordEvent::Connected);
            }
        }
        if self.nodes[node].log_cut_until <= now && std::mem::take(&mut self.nodes[node].is_evicted)
        {
            for (topic, group, start) in self.nodes[node].subscriptions.clone() {
                if !group.is_empty() {
                    let out = self.log.rejoin(Member { address: to, topic, group }, start);
                    self.carry(out);
                }
            }
        }
    }

    fn handle(&mut self, to: Address, event: Event<NoTask>) {
        let Some(event) = self.meddler.event(to.node, event) else { return };
        if self.is_told_all && !matches!(event, Event::Tick) {
            self.trace.line(self.now_ns, format_args!("{} is told {}", to.node, brief(&event)));
        }
        let node = &mut self.nodes[to.node];
        let wall = (EPOCH_MS * MS as i64 + self.now_ns as i64) + node.skew_ns;
        let now = Now { mono: Mono(self.now_ns), wall: Wall(wall) };
        let Some(machine) = &mut node.machine else { return };
        machine.handle(now, event);
        self.drain(to);
    }

    fn drain(&mut self, from: Address) {
        while let Some(machine) = &mut self.nodes[from.node].machine {
            let Some(effect) = machine.poll() else { break };
            if let Some(effect) = self.meddler.effect(from.node, effect) {
                self.act(from, effect);
            }
        }
        let now = self.now_ns;
        let node = &mut self.nodes[from.node];
        let Some(deadline) = node.machine.as_ref().and_then(Machine::deadline) else { return };
        let at = deadline.0.max(now + 1);
        if node.tick_at.is_none_or(|tick| tick > at || tick <= now) {
            node.tick_at = Some(at);
            self.at(at, Happening::Tick(from));
        }
    }

    fn act(&mut self, from: Address, effect: Effect<NoTask>) {
        if self.is_told_all && !matches!(effect, Effect::Metric(_) | Effect::Warn(_)) {
            self.trace.line(self.now_ns, format_args!("{} wants {}", from.node, brief(&effect)));
        }
        match effect {
            Effect::Log(action) => self.ask_log(from, action),
            Effect::Coord(action) => self.ask_coord(from, action),
            Effect::Peer(action) => self.ask_peer(from, action),
            Effect::Warn(text) => {
                self.trace.line(self.now_ns, format_args!("{} warns: {text}", from.node));
            }
            _ => {}
        }
    }

    fn ask_peer(&mut self, from: Address, action: PeerAction) {
        let answer = match action {
            PeerAction::Scan { id } => PeerEvent::Scanned { id, result: Ok(self.paths.clone()) },
            PeerAction::Read { id, path } => {
                let found = self.by_path.get(&path).map(|script| self.texts[*script].clone());
                PeerEvent::Read { id, result: found.ok_or_else(|| "no such file".to_owned()) }
            }
            PeerAction::Call { id, body, .. } => {
                self.last_run += 1;
                let run = self.last_run;
                let Some((script, window)) = self.meant(&body) else {
                    return self.checks.fail("program", "a run has no context".to_owned());
                };
                self.calls.insert((from, id), run);
                self.runs.insert(run, Run { from, id, script, window, has_begun: false });
                let wait = self.random.delay(MS);
                return self.later(wait, Happening::AtEgress(run));
            }
            PeerAction::Cancel { id } => {
                if let Some(run) = self.calls.remove(&(from, id)) {
                    let wait = self.random.delay(MS);
                    self.later(wait, Happening::Ends(run, false));
                }
                return;
            }
            _ => return,
        };
        let wait = self.random.delay(MS);
        self.later(wait, Happening::Deliver(from, Event::Peer(answer)));
    }

    /// The script and the window of a program.
    fn meant(&self, body: &Bytes) -> Option<(usize, i64)> {
        let text = std::str::from_utf8(body).ok()?;
        let mut lines = text.lines();
        let period: i64 =
            lines.next()?.strip_suffix(" 'runner.periodicity' STORE")?.parse().ok()?;
        let path = lines.next()?.strip_suffix("' 'runner.path' STORE")?.strip_prefix('\'')?;
        let path = weft_gts::percent::decode(path).ok()?;
        let at: i64 = lines.next()?.strip_suffix(" 'runner.scheduledat' STORE")?.parse().ok()?;
        let script = *self.by_path.get(&*path)?;
        let is_whole = text.len() >= self.texts[script].len();
        is_whole.then_some((script, at.div_euclid(period)))
    }

    fn begins(&mut self, run: u64) {
        let Some(state) = self.runs.get_mut(&run) else { return };
        state.has_begun = true;
        let (script, window, node) = (state.script, state.window, state.from.node);
        self.trace.line(self.now_ns, format_args!("{node} runs {script} in {window}"));
        self.checks.begins(self.now_ns, (script, window), run, node);
        let params = &self.params.scripts[script];
        let mut lasts = self.random.delay(params.typical_ns);
        if params.is_long && self.random.chance(0.02) {
            lasts = (params.period_ms as u64 * MS * self.random.between(1, 30) / 10)
                .min(1_800 * SECOND);
        }
        self.later(lasts, Happening::Ends(run, true));
    }

    fn ends(&mut self, run: u64, is_whole: bool) {
        let Some(state) = self.runs.remove(&run) else { return };
        if state.has_begun {
            self.checks.ends(self.now_ns, state.script, run);
        }
        self.calls.remove(&(state.from, state.id));
        if is_whole {
            let status = if self.random.chance(0.01) { 500 } else { 200 };
            let result = Ok(CallResponse { status, body: Bytes::new() });
            let event = Event::Peer(PeerEvent::Called { id: state.id, result });
            let wait = self.random.delay(MS);
            self.later(wait, Happening::Deliver(state.from, event));
        }
    }

    fn ask_log(&mut self, from: Address, action: LogAction) {
        if let LogAction::Subscribe { topic, group, start } = &action {
            let subscription = (topic.clone(), group.clone(), *start);
            self.nodes[from.node].subscriptions.push(subscription);
        }
        let wait = self.random.delay(2 * MS);
        let chances = self.params.chances;
        let is_cut = self.nodes[from.node].log_cut_until > self.now_ns;
        let unavailable = || LogError::Unavailable("no leader".to_owned());
        let failed = match &action {
            LogAction::Append { id, .. } => {
                let is_unknown = self.random.chance(chances.append_unknown);
                let is_not = self.random.chance(chances.append_failed);
                let error = match is_unknown {
                    true => LogError::Unknown("no answer".to_owned()),
                    false => unavailable(),
                };
                let event = LogEvent::Appended { id: *id, result: Err(error) };
                let happens = is_unknown && self.random.chance(0.7);
                (is_cut || is_unknown || is_not).then_some((event, happens))
            }
            LogAction::Commit { id, .. } => {
                let fails = self.random.chance(chances.commit_failed);
                let event = LogEvent::Committed { id: *id, result: Err(unavailable()) };
                (is_cut || fails).then(|| (event, fails && self.random.chance(0.3)))
            }
            LogAction::Ends { id, .. } => {
                is_cut.then(|| (LogEvent::Ends { id: *id, result: Err(unavailable()) }, false))
            }
            LogAction::Describe { id, .. } => {
                is_cut.then(|| (LogEvent::Described { id: *id, result: Err(unavailable()) }, false))
            }
            _ => None,
        };
        let Some((event, happens)) = failed else {
            // The client holds back what is not a call until there is contact.
            let cut = if is_cut { self.nodes[from.node].log_cut_until - self.now_ns } else { 0 };
            let at = self.in_order(from, 0, wait + cut.min(3_600 * SECOND));
            return self.at(at, Happening::AtLog(from, action));
        };
        let give_up = self.random.delay(200 * MS);
        if !is_cut {
            self.checks.faults.add(self.now_ns, self.now_ns + give_up + 4 * SECOND);
        }
        self.later(give_up, Happening::Deliver(from, Event::Log(event)));
        if happens {
            let late = wait + self.random.below(SECOND);
            let at = self.in_order(from, 0, late);
            self.at(at, Happening::AtLog(from, action));
        }
    }

    fn at_log(&mut self, from: Address, action: LogAction) {
        let is_sent = matches!(action, LogAction::Append { .. });
        if !is_sent && !self.lives(from) {
            return;
        }
        if let LogAction::Append { records, .. } = &action {
            for record in records {
                if let Ok(request) = RunRequest::decode(&record.value)
                    && let Some(script) = request.path.and_then(|path| self.by_path.get(&*path))
                {
                    let window = request.scheduled_at_ms.div_euclid(request.period_ms);
                    self.checks.asked(self.now_ns, *script, window);
                }
            }
        }
        let out = self.log.submit(self.wall_ms(), from, action);
        self.carry(out);
    }

    fn carry(&mut self, all: Vec<Out>) {
        for out in all {
            match out {
                Out::Tell(to, event) | Out::Answer(to, event) => {
                    let wait = self.random.delay(MS);
                    let cut = self.nodes[to.node].log_cut_until;
                    let held = if cut != u64::MAX { cut.saturating_sub(self.now_ns) } else { 0 };
                    let at = self.in_order(to, 1, wait + held);
                    self.at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Later(wait, step) => self.later(wait, Happening::LogStep(step)),
            }
        }
    }

    fn ask_coord(&mut self, from: Address, action: CoordAction) {
        let state = &self.nodes[from.node];
        let is_away = state.coord_cut_until > self.now_ns || state.has_expired || state.is_cut;
        let fails = self.random.chance(self.params.chances.coord_failed);
        let wait = self.random.delay(3 * MS);
        if !is_away && !fails {
            let at = self.in_order(from, 2, wait);
            return self.at(at, Happening::AtCoord(from, action));
        }
        let error = || CoordError::Unavailable("no contact".to_owned());
        let event = match &action {
            CoordAction::Create { id, .. }
            | CoordAction::Set { id, .. }
            | CoordAction::Delete { id, .. } => CoordEvent::Done { id: *id, result: Err(error()) },
            CoordAction::Get { id, .. } => CoordEvent::Data { id: *id, result: Err(error()) },
            CoordAction::Children { id, .. } => {
                CoordEvent::Children { id: *id, result: Err(error()) }
            }
        };
        let give_up = self.random.delay(100 * MS);
        if fails {
            self.checks.faults.add(self.now_ns, self.now_ns + give_up + 4 * SECOND);
        }
        let at = self.in_order(from, 3, give_up);
        self.at(at, Happening::Deliver(from, Event::Coord(event)));
        if fails && !is_away && self.random.chance(0.3) {
            // It is done all the same; the answer is nobody's.
            let at = self.in_order(from, 2, wait);
            let action = nobodys(action);
            self.at(at, Happening::AtCoord(from, action));
        }
    }

    pub(super) fn tell_fired(&mut self, fired: Vec<(Address, CoordEvent)>) {
        for (to, event) in fired {
            self.tell_coord(to, event);
        }
    }

    pub(super) fn tell_coord(&mut self, to: Address, event: CoordEvent) {
        let wait = self.random.delay(2 * MS);
        let at = self.in_order(to, 3, wait);
        self.at(at, Happening::Deliver(to, Event::Coord(event)));
    }

    /// The nodes that are up.
    pub(super) fn up(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].machine.is_some()).collect()
    }

    /// The partitions' members are given what others had.
    pub(super) fn rebalance(&mut self) {
        let out = self.log.rebalance_all();
        self.carry(out);
    }

    /// Scripts that ran, each once.
    pub(super) fn scripts(&self) -> BTreeSet<usize> {
        self.checks.scripts()
    }
}

/// The beginning of what something is.
fn brief(what: &impl std::fmt::Debug) -> String {
    format!("{what:?}").chars().take(300).collect()
}

fn nobodys(mut action: CoordAction) -> CoordAction {
    match &mut action {
        CoordAction::Create { id, .. }
        | CoordAction::Set { id, .. }
        | CoordAction::Delete { id, .. }
        | CoordAction::Get { id, .. }
        | CoordAction::Children { id, .. } => *id = ActionId(u64::MAX),
    }
    action
}
