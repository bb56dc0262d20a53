//! Webcalls, their log and the outside; one queue of what is to happen.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::log::{LogAction, LogError, LogEvent, NewRecord, Start, Topic};
use weft_daemons::contract::peer::{PeerAction, PeerEvent, WebCall, WebResponse};
use weft_daemons::contract::{ActionId, Effect, Event, Machine, NoTask};
use weft_daemons::webcall::target::Allowed;
use weft_daemons::webcall::{Webcall, WebcallConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::Labels;
use weft_wire::envelope::Envelope;
use weft_wire::thrift::WebCallRequest;

use super::Params;
use super::mutants::{Meddler, WebcallMutant};
use crate::agenda::Agenda;
use crate::invariants::Violation;
use crate::invariants::called::Called;
use crate::invariants::polite::Polite;
use crate::log::{LogModel, Member, Out, Step};
use crate::params::{MS, SECOND};
use crate::random::Random;
use crate::trace::Trace;
use crate::world::{Address, EPOCH_MS};

const TOPIC: &str = "webcall";

/// How long a process may be out of contact with the log.
const SESSION_NS: u64 = 10 * SECOND;

/// How long one attempt may take.
const TIME_MAX_NS: u64 = 10 * SECOND;

/// After the faults everything must be made within this.
const REST_NS: u64 = 3_600 * SECOND;

/// Calls at once, and to one host.
const PARALLEL: (usize, usize) = (8, 2);

#[derive(Debug)]
enum Happening {
    Deliver(Address, Event<NoTask>),
    Tick(Address),
    AtLog(Address, LogAction),
    LogStep(Step),
    /// A script's call comes into the topic.
    Asked,
    /// A request arrives.
    Arrives(u64),
    /// Its answer, or the end of waiting for it.
    Answers(u64, Result<WebResponse, String>),
    Start(usize),
    Thaw(usize),
    Gone(usize, u32),
    Fault,
}

struct Node {
    life: u32,
    machine: Option<Webcall>,
    paused_until: u64,
    is_evicted: bool,
    frozen: VecDeque<Event<NoTask>>,
    tick_at: Option<u64>,
    subscriptions: Vec<(Topic, Topic, Start)>,
}

struct Request {
    from: Address,
    id: ActionId,
    call: WebCall,
}

pub(super) struct World {
    params: Params,
    pub(super) now_ns: u64,
    pub(super) trace: Trace,
    pub(super) events: u64,
    pub(super) called: Called,
    polite: Polite,
    pub(super) violation: Option<Violation>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    /// When something went wrong last that may make calls anew.
    failed_ns: Option<u64>,
    log: LogModel,
    nodes: Vec<Node>,
    random: Random,
    meddler: Meddler,
    agenda: Agenda<Happening>,
    order: BTreeMap<(Address, u8), u64>,
    requests: BTreeMap<u64, Request>,
    last_request: u64,
    last_call: u64,
    is_calm: bool,
}

/// An address that stands for the outside.
const fn outside(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(93, 184, 216, host))
}

const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));

impl World {
    pub(super) fn new(params: Params, mutant: Option<WebcallMutant>, keep_trace: bool) -> Self {
        let mut random = Random::of(&[params.seed, 0x7765_6263]);
        let mut world = Self {
            now_ns: 0,
            trace: Trace::new(keep_trace),
            events: 0,
            called: Called::default(),
            polite: Polite::default(),
            violation: None,
            faults: BTreeMap::new(),
            failed_ns: None,
            log: LogModel::new(params.partitions, random.fork()),
            nodes: Vec::new(),
            meddler: Meddler::new(mutant),
            agenda: Agenda::default(),
            order: BTreeMap::new(),
            requests: BTreeMap::new(),
            last_request: 0,
            last_call: 0,
            is_calm: false,
            random,
            params,
        };
        for node in 0..world.params.nodes {
            world.nodes.push(Node {
                life: 0,
                machine: None,
                paused_until: 0,
                is_evicted: false,
                frozen: VecDeque::new(),
                tick_at: None,
                subscriptions: Vec::new(),
            });
            let at = world.random.below(SECOND);
            world.later(at, Happening::Start(node));
        }
        // By then partitions have come to rest.
        world.later(5 * SECOND, Happening::Asked);
        if let Some(period) = world.params.fault_ns {
            let first = world.random.delay(period);
            world.later(first, Happening::Fault);
        }
        world
    }

    /// Runs to the end, or to what does not hold.
    pub(super) fn run(&mut self) {
        while let Some((at, happening)) = self.agenda.take() {
            self.is_calm |= at > self.params.lasts_ns;
            if self.violation.is_some() || self.is_calm && self.rests() {
                break;
            }
            if at > self.params.lasts_ns + REST_NS {
                self.fail("called", "calls are not made an hour after the last fault".to_owned());
                break;
            }
            self.now_ns = at;
            self.events += 1;
            self.happen(happening);
        }
        if self.violation.is_none()
            && let Err(what) = self.called.finish()
        {
            self.fail("called", what);
        }
    }

    /// Whether everything is made, and nobody is away.
    fn rests(&self) -> bool {
        let (topic, group) = (Topic::from(TOPIC), Topic::from(TOPIC));
        let is_done = |partition| {
            let end = self.log.records(TOPIC, partition).len() as u64;
            self.log.committed(&topic, &group, partition).unwrap_or(0) == end
        };
        (0..self.params.partitions).all(is_done)
    }

    fn fail(&mut self, invariant: &'static str, what: String) {
        self.violation.get_or_insert(Violation { invariant, what });
    }

    fn judge(&mut self, invariant: &'static str, result: Result<(), String>) {
        if let Err(what) = result {
            self.fail(invariant, what);
        }
    }

    fn later(&mut self, wait_ns: u64, happening: Happening) {
        self.at(self.now_ns + wait_ns, happening);
    }

    fn at(&mut self, at_ns: u64, happening: Happening) {
        self.agenda.add(at_ns, 0, happening);
    }

    fn in_order(&mut self, whom: Address, way: u8, wait_ns: u64) -> u64 {
        let last = self.order.entry((whom, way)).or_default();
        *last = (self.now_ns + wait_ns).max(*last + 1);
        *last
    }

    fn lives(&self, whom: Address) -> bool {
        let node = &self.nodes[whom.node];
        node.machine.is_some() && node.life == whom.life
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(to, event) if self.lives(to) => {
                let node = &mut self.nodes[to.node];
                match node.paused_until > self.now_ns {
                    true => node.frozen.push_back(event),
                    false => self.handle(to, event),
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
            Happening::AtLog(from, action) => {
                if self.lives(from) {
                    let out = self.log.submit(EPOCH_MS, from, action);
                    self.carry(out);
                }
            }
            Happening::LogStep(step) => {
                let nodes = &self.nodes;
                let reaches = |whom: Address| {
                    nodes[whom.node].machine.is_some() && nodes[whom.node].life == whom.life
                };
                let out = self.log.step(step, reaches);
                self.carry(out);
            }
            Happening::Asked => self.ask(),
            Happening::Arrives(request) => self.arrives(request),
            Happening::Answers(request, result) => {
                self.polite.ends(request);
                if let Some(Request { from, id, .. }) = self.requests.remove(&request) {
                    let event = PeerEvent::Web { id, result: result.map(Box::new) };
                    self.later(0, Happening::Deliver(from, Event::Peer(event)));
                }
            }
            Happening::Start(node) => self.start(node),
            Happening::Thaw(node) => self.thaw(node),
            Happening::Gone(node, life) => {
                let state = &mut self.nodes[node];
                let has_died = state.life != life || state.machine.is_none();
                if has_died || state.paused_until > self.now_ns {
                    state.is_evicted |= !has_died;
                    let gone = move |whom: Address| whom.node == node && whom.life <= life;
                    let out = self.log.evict(gone, !has_died);
                    self.carry(out);
                }
            }
            Happening::Fault => self.fault(),
        }
    }

    /// A script's call comes into the topic.
    fn ask(&mut self) {
        if self.is_calm {
            return;
        }
        let wait = self.random.delay(self.params.ask_ns);
        self.later(wait, Happening::Asked);
        self.last_call += 1;
        let call = self.last_call;
        let (host, is_denied) = match self.random.below(20) {
            0 => ("inside.com", true),
            1 => ("both.com", true),
            2 => ("10.0.0.7", true),
            3 => ("forbidden.com", true),
            4 => ("redirect.com", false),
            5 => ("away.com", false),
            6 | 7 => ("rebind.com", false),
            8 | 9 => ("failing.com", false),
            10 => ("led.com", true),
            other => (["a.com", "b.com", "c.com", "d.com"][other as usize % 4], false),
        };
        // Where it leads is seen when it is called.
        let is_denied = is_denied && host != "led.com";
        self.called.asked(call, self.now_ns, is_denied);
        let request = WebCallRequest {
            timestamp_ms: EPOCH_MS,
            stack_uuid: None,
            webcall_uuid: Some(call.to_string()),
            token: None,
            url: Some(format!("http://{host}/")),
            method: 1 + i32::from(self.random.chance(0.5)),
            headers: Some(Labels::new()),
            body: None,
        };
        let partition = self.random.below(u64::from(self.params.partitions)) as u32;
        let record = NewRecord { partition, key: Bytes::new(), value: request.encode().into() };
        let (id, topic, records) = (ActionId(0), TOPIC.into(), vec![record]);
        let nobody = Address { node: 0, life: 0, slot: 9 };
        let out = self.log.submit(EPOCH_MS, nobody, LogAction::Append { id, topic, records });
        self.carry(out);
    }

    /// Where a host is; some are in two places, and one where it was not before.
    fn addresses(&mut self, host: &str) -> Vec<IpAddr> {
        match host {
            "inside.com" => vec![INSIDE],
            "both.com" => vec![outside(1), INSIDE],
            "rebind.com" => vec![if self.random.chance(0.3) { INSIDE } else { outside(2) }],
            host => vec![outside(host.as_bytes()[0])],
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let config = WebcallConfig {
            topic: TOPIC.into(),
            group: TOPIC.into(),
            envelope: Envelope::default(),
            commit_period: Duration::from_secs(1),
            allowed: Allowed::new(Some("!forbidden[.]com"), None).expect("patterns"),
            user_agent: None,
            id_header: "id".to_owned(),
            parallel: PARALLEL.0,
            parallel_host: PARALLEL.1,
            attempts: 5,
            time_max: Duration::from_nanos(TIME_MAX_NS),
        };
        let state = &mut self.nodes[node];
        state.life += 1;
        state.machine = Some(Webcall::new(config));
        (state.paused_until, state.is_evicted, state.tick_at) = (0, false, None);
        state.frozen.clear();
        state.subscriptions.clear();
        let to = Address { node, life: self.nodes[node].life, slot: 0 };
        self.drain(to);
    }

    fn thaw(&mut self, node: usize) {
        if self.nodes[node].machine.is_none() || self.nodes[node].paused_until > self.now_ns {
            return;
        }
        let to = Address { node, life: self.nodes[node].life, slot: 0 };
        while let Some(event) = self.nodes[node].frozen.pop_front() {
            self.handle(to, event);
        }
        self.handle(to, Event::Tick);
        if std::mem::take(&mut self.nodes[node].is_evicted) {
            for (topic, group, start) in self.nodes[node].subscriptions.clone() {
                let out = self.log.rejoin(Member { address: to, topic, group }, start);
                self.carry(out);
            }
        }
    }

    fn handle(&mut self, to: Address, event: Event<NoTask>) {
        let event = self.meddler.event(to.node, event);
        let wall = EPOCH_MS * MS as i64 + self.now_ns as i64;
        let now = Now { mono: Mono(self.now_ns), wall: Wall(wall) };
        let Some(machine) = &mut self.nodes[to.node].machine else { return };
        machine.handle(now, event);
        self.drain(to);
    }

    fn drain(&mut self, from: Address) {
        while let Some(machine) = &mut self.nodes[from.node].machine {
            let Some(effect) = machine.poll() else { break };
            let now_at = |host: &str| (host == "rebind.com").then_some(INSIDE);
            let effect = self.meddler.effect(from.node, effect, now_at);
            if let Some(more) = self.meddler.makes_twice(&effect) {
                self.act(from, more);
            }
            self.act(from, effect);
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
        match effect {
            Effect::Log(action) => self.ask_log(from, action),
            Effect::Peer(PeerAction::Resolve { id, host, .. }) => {
                let fails = self.random.chance(self.params.failing);
                let result = match fails {
                    true => Err("no answer".to_owned()),
                    false => Ok(self.addresses(&host)),
                };
                let wait = self.random.delay(5 * MS);
                let event = Event::Peer(PeerEvent::Resolved { id, result });
                self.later(wait, Happening::Deliver(from, event));
            }
            Effect::Peer(PeerAction::Web { id, mut call }) => {
                self.last_request += 1;
                let request = self.last_request;
                // Whoever looks at one address alone may be led to another.
                if self.meddler.has(WebcallMutant::FirstAddressOnly) && call.authority == "both.com"
                {
                    call.address.set_ip(INSIDE);
                }
                // Where a call is led to, it has the place at the host that it was to go to.
                if !call.path.starts_with("/led") && id != ActionId(u64::MAX) {
                    let host = &call.authority;
                    let begins = self.polite.begins(request, from.node, host, PARALLEL);
                    self.judge("polite", begins);
                }
                self.requests.insert(request, Request { from, id, call: *call });
                let wait = self.random.delay(5 * MS);
                self.later(wait, Happening::Arrives(request));
            }
            Effect::Warn(text) => {
                self.trace.line(self.now_ns, format_args!("{} warns: {text}", from.node));
                let number = text.split("call ").nth(1).and_then(|rest| {
                    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
                });
                if let Some(number) = number {
                    self.called.told(number);
                }
            }
            _ => {}
        }
    }

    /// A request arrives outside.
    fn arrives(&mut self, request: u64) {
        let Some(Request { call, .. }) = self.requests.get(&request) else { return };
        let (host, path) = (call.authority.clone(), call.path.clone());
        let (address, number) = (call.address.ip(), call.headers.iter().find(|(n, _)| n == "id"));
        let number: Option<u64> = number.and_then(|(_, id)| id.parse().ok());
        let Some(number) = number else {
            return self.fail("called", "a call has no id".to_owned());
        };
        self.trace.line(self.now_ns, format_args!("call {number} at {host}{path} {address}"));
        let is_inside = address == INSIDE;
        let redirect = |to: &str| WebResponse {
            status: 302,
            headers: vec![("Location".to_owned(), to.to_owned())],
            ..WebResponse::default()
        };
        let follows = self.meddler.has(WebcallMutant::RedirectsUnchecked);
        let response = match &*host {
            "redirect.com" if path == "/" => Some(redirect("http://a.com/led")),
            "led.com" if path == "/" && follows => {
                // A client that follows by itself goes there.
                let result = self.called.received(number, INSIDE, true, |_| true);
                return self.judge("called", result);
            }
            "led.com" if path == "/" => Some(redirect("http://inside.com/led")),
            _ => None,
        };
        let lasts = self.random.delay(200 * MS);
        if let Some(response) = response {
            // A redirect that leads inside is what is denied, and told.
            return self.later(lasts, Happening::Answers(request, Ok(response)));
        }
        let failed = self.failed_ns;
        let since = move |asked| failed.is_some_and(|at| at + 120 * SECOND >= asked);
        let result = match &*host {
            "away.com" => Ok(()),
            _ => self.called.received(number, address, is_inside, since),
        };
        self.judge("called", result);
        let fails = host == "failing.com" && self.random.chance(self.params.failing * 20.0)
            || self.random.chance(self.params.failing);
        let result = match (&*host, fails) {
            ("away.com", _) => Err("refused".to_owned()),
            (_, true) => {
                self.failed_ns = Some(self.now_ns + TIME_MAX_NS);
                match self.random.below(3) {
                    0 => Err("no answer".to_owned()),
                    1 => Ok(WebResponse { status: 503, ..WebResponse::default() }),
                    _ => Err("the connection was closed".to_owned()),
                }
            }
            _ => Ok(WebResponse { status: 200, ..WebResponse::default() }),
        };
        self.later(lasts.min(TIME_MAX_NS), Happening::Answers(request, result));
    }

    fn ask_log(&mut self, from: Address, action: LogAction) {
        if let LogAction::Subscribe { topic, group, start } = &action {
            let subscription = (topic.clone(), group.clone(), *start);
            self.nodes[from.node].subscriptions.push(subscription);
        }
        let wait = self.random.delay(2 * MS);
        if let LogAction::Commit { id, .. } = &action
            && self.random.chance(self.params.failing)
        {
            let result = Err(LogError::Unavailable("no coordinator".to_owned()));
            let event = Event::Log(LogEvent::Committed { id: *id, result });
            return self.later(wait, Happening::Deliver(from, event));
        }
        let at = self.in_order(from, 0, wait);
        self.at(at, Happening::AtLog(from, action));
    }

    fn carry(&mut self, all: Vec<Out>) {
        for out in all {
            match out {
                Out::Tell(to, event) | Out::Answer(to, event) => {
                    let wait = self.random.delay(MS);
                    let at = self.in_order(to, 1, wait);
                    self.at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Later(wait, step) => self.later(wait, Happening::LogStep(step)),
            }
        }
    }

    fn fault(&mut self) {
        let Some(period) = self.params.fault_ns.filter(|_| !self.is_calm) else { return };
        let next = self.random.delay(period);
        self.later(next, Happening::Fault);
        let node = self.random.index(self.nodes.len());
        let lasts = self.random.between(SECOND, 30 * SECOND);
        self.failed_ns = Some(self.now_ns + lasts + 2 * SESSION_NS);
        let life = self.nodes[node].life;
        let is_up = self.nodes[node].machine.is_some();
        let name = match self.random.below(4) {
            0 | 1 if is_up => {
                self.nodes[node].machine = None;
                self.polite.dies(node);
                self.requests.retain(|_, request| request.from.node != node);
                self.later(lasts, Happening::Start(node));
                self.later(SESSION_NS, Happening::Gone(node, life));
                "dies"
            }
            2 if is_up && self.nodes[node].paused_until <= self.now_ns => {
                self.nodes[node].paused_until = self.now_ns + lasts;
                self.later(lasts, Happening::Thaw(node));
                self.later(SESSION_NS, Happening::Gone(node, life));
                "stands still"
            }
            _ => {
                let out = self.log.rebalance_all();
                self.carry(out);
                "sees partitions move"
            }
        };
        self.trace.line(self.now_ns, format_args!("node {node} {name}"));
        *self.faults.entry(name).or_default() += 1;
    }
}
