//! Tenants that write, delete, describe, search and read, and what each of them was promised.
//!
//! A client knows of each request whether it was acknowledged (200, complete), refused, or neither:
//! a connection that broke, a time-out, an error of the server. What is unknown may have happened.

mod answers;
mod names;
mod requests;
mod said;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weft_daemons::contract::http::{HttpAction, RequestId};
use weft_gts::Labels;
use weft_wire::thrift::{ReadToken, WriteToken};

use crate::invariants::refusals::{self, Meant};
use crate::node::{Component, token_keys};
use crate::odd::{self, Refusal};
use crate::params::{MIX, MS, Params, SECOND};
use crate::random::Random;
use crate::world::World;
pub use names::{app, class, class_of_all, metadata_of, tenant_of_entity};

/// How long a client waits for an answer.
const PATIENCE_NS: u64 = 90 * SECOND;

/// The status of what limits refuse.
const THROTTLED: u16 = 429;

/// How long after the decision to delete a series others write it.
const CONTEST_NS: u64 = 60 * MS;

/// Workers of each tenant.
const WORKERS: usize = 2;

/// Whose a worker is.
pub const fn tenant_of(worker: usize) -> usize {
    worker % BESIDES / WORKERS
}

/// Workers as a plan numbers them when they do something besides what they do in order.
const BESIDES: usize = 1_000;

/// What a client does next.
#[derive(Debug)]
pub enum Step {
    /// A worker takes up an operation.
    Begin(usize),
    /// A response goes on.
    Response(RequestId, HttpAction),
    /// Patience ends.
    TimeOut(RequestId),
    /// Reads everything of a tenant, after the faults.
    Scan(usize, Look),
    /// Somebody writes what nobody understands.
    Junk,
    /// Workers send so many requests at once, besides what they do.
    Burst(u64),
    /// A worker writes a series for the last time, besides what it does.
    Last(usize, SeriesName),
}

/// How everything is read, after the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// A find.
    Find,
    /// A fetch.
    Fetch,
    /// A script that fetches.
    Script,
}

impl Look {
    const fn operation(self) -> Operation {
        match self {
            Self::Find => Operation::Find,
            Self::Fetch => Operation::Fetch,
            Self::Script => Operation::Exec,
        }
    }

    const fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Fetch => Self::Fetch,
            Operation::Exec => Self::Script,
            _ => Self::Find,
        }
    }
}

/// A series of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    /// Which tenant's.
    pub tenant: usize,
    /// Which of its series.
    pub series: usize,
}

/// One datapoint that was sent.
#[derive(Clone, Debug)]
pub struct Write {
    /// Of which series.
    pub series: SeriesName,
    /// When.
    pub tick: i64,
    /// When it was first sent.
    pub sent_ns: u64,
    /// When it was acknowledged, if it was.
    pub acked_ns: Option<u64>,
    /// Whether it was sent in a request of which nobody knows what became: it may happen yet.
    pub is_unsure: bool,
}

/// One delete that was sent.
#[derive(Clone, Debug)]
pub struct DeleteSent {
    /// Of which series; `None` for all of the tenant.
    pub series: SeriesName,
    /// When it was first sent.
    pub sent_ns: u64,
}

/// How a delete is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// In the query.
    Query,
    /// As a form.
    Form,
    /// By a script.
    Script,
}

/// What is asked.
#[derive(Clone, Debug)]
enum Operation {
    Update {
        values: Vec<i64>,
        body: String,
        /// How many values stand before a line that is none, if there is one.
        good: Option<usize>,
        /// Empty lines before everything else.
        blank: usize,
    },
    /// An update by a script.
    Script {
        values: Vec<i64>,
        body: String,
        /// Whether it answers what it has fetched.
        reads: bool,
    },
    Delete {
        series: SeriesName,
        query: String,
        /// From which tick to which.
        ticks: (i64, i64),
        how: How,
    },
    Meta {
        body: String,
    },
    Find,
    Fetch,
    Exec,
    /// A script whose result begins well and cannot be written to its end.
    Unwritable,
    /// A script that goes beyond a limit before it writes what nobody may ever read.
    Limited {
        body: String,
    },
    /// What is refused.
    Odd(&'static Refusal),
}

impl Operation {
    /// What its client may be told.
    fn meant(&self) -> Meant {
        match self {
            Self::Odd(Refusal { status, message, sent, .. }) => {
                let always = sent.is_none_or(|sent| sent.also.is_empty());
                Meant::Refusal { status: *status, message, always }
            }
            Self::Update { good: Some(good), .. } => Meant::BadLine(*good),
            Self::Unwritable | Self::Limited { .. } => Meant::Unwritable,
            _ => Meant::Good,
        }
    }
}

/// A request under way.
struct Request {
    worker: usize,
    place: Component,
    operation: Operation,
    tries: u32,
    began_ns: u64,
    /// When the oldest directory began that lived then.
    born_ns: u64,
    status: Option<u16>,
    /// Datapoints stored before the line that was refused.
    stored: Option<usize>,
    body: Vec<u8>,
    /// The client breaks its body off.
    breaks: bool,
    /// Parts of the body not sent yet, last first.
    parts: Vec<Bytes>,
    paused: bool,
    scan: bool,
}

/// All clients, and what they were promised.
pub struct Clients {
    tenants: Vec<Tenant>,
    requests: BTreeMap<RequestId, Request>,
    last_request: u64,
    last_value: i64,
    random: Random,
    mix: [u64; MIX],
    odd: Vec<&'static Refusal>,
    junk_period_ns: u64,
    breaks: f64,
    pause_ns: u64,
    ticks: u64,
    series: usize,
    series_max: usize,
    /// Datapoints of an update, at most.
    points: u64,
    /// Tries of the same body, at most.
    tries: u32,
    /// Workers begin whatever has become of what they asked before ([`crate::plan::Plan::streams`]).
    is_open: bool,
    leaves: f64,
    contests: f64,
    /// What a worker is about to delete whole, and leave.
    leaving: BTreeMap<usize, SeriesName>,
    /// Series that nobody writes any more.
    left: BTreeSet<SeriesName>,
    /// Requests of a worker that are under way besides the one that it always has.
    surplus: BTreeMap<usize, u64>,
    /// Everything that was ever sent, by its value.
    pub writes: BTreeMap<i64, Write>,
    /// Values of each datapoint.
    pub by_point: BTreeMap<(SeriesName, i64), Vec<i64>>,
    /// Everything that was ever deleted.
    pub deletes: Vec<DeleteSent>,
    /// Acknowledged updates.
    pub acknowledged: u64,
    /// Answers of each kind: acknowledged, refused, unknown.
    pub outcomes: [u64; 3],
    /// No new operations.
    pub resting: bool,
    /// Scans that are complete.
    pub scanned: BTreeSet<(usize, Look)>,
    /// Scans that failed, to be tried again.
    pub scan_failures: u64,
    embedded: bool,
}

struct Tenant {
    /// There are limits to what it may write.
    is_limited: bool,
    write_token: String,
    read_token: String,
    by_datapoint: bool,
    /// Numbers of the series that it writes now.
    series: Vec<usize>,
    /// The first number that none of its series has had.
    next_series: usize,
}

impl Clients {
    /// The clients of a run.
    pub fn new(params: &Params, is_open: bool, mut random: Random) -> Self {
        let keys = token_keys();
        let tenants = (0..params.tenants)
            .map(|tenant| {
                let user = vec![tenant as u8 + 1; 16];
                let by_datapoint = random.chance(0.25);
                let attributes: Labels = [(".dpts", "t")].into_iter().collect();
                let limits = params.limits.as_ref();
                Tenant {
                    is_limited: limits.is_some_and(|limits| limits.highest(tenant).is_some()),
                    by_datapoint,
                    series: (0..params.series).collect(),
                    next_series: params.series,
                    read_token: keys.encode_read(&ReadToken {
                        expiry_ms: i64::MAX,
                        apps: vec![app(tenant)],
                        owners: vec![user.clone()],
                        billed_id: user.clone(),
                        ..ReadToken::default()
                    }),
                    write_token: keys.encode_write(&WriteToken {
                        expiry_ms: i64::MAX,
                        app_name: app(tenant),
                        producer_id: user.clone(),
                        owner_id: user,
                        attributes: by_datapoint.then_some(attributes),
                        ..WriteToken::default()
                    }),
                }
            })
            .collect();
        Self {
            tenants,
            requests: BTreeMap::new(),
            last_request: 0,
            // Of the same length whoever else writes.
            last_value: if is_open { 1_000 } else { 0 },
            random,
            mix: params.mix,
            odd: odd::sent(params.extras),
            junk_period_ns: params.junk_period_ns,
            breaks: params.faults.client_cut,
            pause_ns: params.pause_ns,
            ticks: params.ticks,
            series: params.series,
            series_max: params.series_max(),
            points: params.points,
            tries: params.tries,
            is_open,
            leaves: params.leaves,
            contests: params.contests,
            leaving: BTreeMap::new(),
            left: BTreeSet::new(),
            surplus: BTreeMap::new(),
            writes: BTreeMap::new(),
            by_point: BTreeMap::new(),
            deletes: Vec::new(),
            acknowledged: 0,
            outcomes: [0; 3],
            resting: false,
            scanned: BTreeSet::new(),
            scan_failures: 0,
            embedded: params.embedded,
        }
    }

    /// The first steps and when they happen.
    pub fn begin(&mut self) -> Vec<(u64, Step)> {
        let workers = self.tenants.len() * WORKERS;
        let junk = (self.random.delay(self.junk_period_ns), Step::Junk);
        (0..workers)
            .map(|worker| (SECOND + self.random.below(5 * SECOND), Step::Begin(worker)))
            .chain([junk])
            .collect()
    }

    /// How many wait for an answer.
    pub fn unanswered(&self) -> usize {
        self.requests.len()
    }

    /// How many tenants there are.
    pub const fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// Draws from another stream from now on.
    pub const fn reseed(&mut self, random: Random) {
        self.random = random;
    }

    /// Does a step.
    pub fn step(&mut self, world: &mut World, step: Step) {
        match step {
            Step::Begin(worker) => {
                let surplus = self.surplus.entry(worker).or_default();
                if self.resting || *surplus > 0 {
                    // Who has done what it was to do besides has nothing more to do.
                    *surplus = surplus.saturating_sub(1);
                    return;
                }
                self.begin_operation(world, worker);
            }
            Step::Scan(tenant, look) => {
                self.send(world, tenant * WORKERS, look.operation(), 1, true);
            }
            Step::TimeOut(request) => {
                if self.requests.contains_key(&request) {
                    world.close(request, true);
                    self.ended(world, request, None);
                }
            }
            Step::Response(request, action) => self.response(world, request, action),
            Step::Burst(requests) => {
                for _ in 0..requests {
                    if self.resting {
                        return;
                    }
                    let worker = self.random.index(self.tenants.len() * WORKERS);
                    self.besides(world, worker, Self::choose);
                }
            }
            Step::Last(worker, series) => {
                if !self.resting {
                    self.besides(world, worker, |clients, now_ns, _| {
                        clients.update_one(now_ns, &series)
                    });
                }
            }
            Step::Junk => {
                if !self.resting {
                    let random = self.random.fork();
                    if world.strikes(true, "junk") {
                        world.junk(random);
                    }
                    let again = self.random.delay(self.junk_period_ns);
                    world.schedule_client(again, Step::Junk);
                }
            }
        }
    }

    /// The next operation of a worker, if it is to be.
    fn begin_operation(&mut self, world: &mut World, worker: usize) {
        if self.is_open {
            let again = self.random.delay(self.pause_ns);
            world.schedule_client(again, Step::Begin(worker));
            let is_free = !self.requests.values().any(|request| request.worker == worker);
            if !world.plan.request(worker, is_free) {
                return;
            }
        }
        let operation = self.choose(world.now_ns, worker);
        if !self.is_open && !world.plan.request(worker, true) {
            self.forget(&operation);
            let pause = self.random.delay(self.pause_ns);
            return self.goes_on(world, worker, pause);
        }
        self.send(world, worker, operation, 1, false);
    }

    /// A worker sends a request besides what it does.
    fn besides(
        &mut self,
        world: &mut World,
        worker: usize,
        choose: impl FnOnce(&mut Self, u64, usize) -> Operation,
    ) {
        let next = self.is_open.then(|| self.random.fork());
        let operation = choose(self, world.now_ns, worker);
        if world.plan.request(BESIDES + worker, true) {
            if !self.is_open {
                *self.surplus.entry(worker).or_default() += 1;
            }
            self.send(world, worker, operation, 1, false);
        } else {
            self.forget(&operation);
        }
        if let Some(next) = next {
            self.random = next;
        }
    }

    /// What was chosen is not sent.
    fn forget(&mut self, operation: &Operation) {
        match operation {
            Operation::Update { values, .. } | Operation::Script { values, .. } => {
                for value in values {
                    self.writes.remove(value);
                }
                for known in self.by_point.values_mut() {
                    known.retain(|value| !values.contains(value));
                }
                self.by_point.retain(|_, known| !known.is_empty());
            }
            Operation::Delete { .. } => {
                self.deletes.pop();
            }
            _ => {}
        }
    }

    /// A worker is done with an operation.
    fn goes_on(&self, world: &mut World, worker: usize, pause: u64) {
        if !self.is_open {
            world.schedule_client(pause, Step::Begin(worker));
        }
    }

    fn response(&mut self, world: &mut World, id: RequestId, action: HttpAction) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        match action {
            HttpAction::Head { head, .. } => {
                request.status = Some(head.status);
                let stored = head.headers.iter().find(|(name, _)| name == "X-Weft-Stored");
                request.stored = stored.and_then(|(_, count)| count.parse().ok());
            }
            HttpAction::Body { bytes, .. } => request.body.extend_from_slice(&bytes),
            HttpAction::End { .. } => {
                let status = request.status;
                world.close(id, false);
                self.ended(world, id, status);
            }
            HttpAction::Abort { .. } => {
                world.close(id, false);
                self.ended(world, id, None);
            }
            // No client asks for a WebSocket.
            HttpAction::Upgrade { .. } | HttpAction::Message { .. } | HttpAction::Close { .. } => {}
            HttpAction::Pause { .. } => request.paused = true,
            HttpAction::Resume { .. } => {
                if std::mem::replace(&mut request.paused, false) && !request.parts.is_empty() {
                    self.send_parts(world, id);
                }
            }
        }
    }

    /// A request is over: with a status, or nobody knows how.
    fn ended(&mut self, world: &mut World, id: RequestId, status: Option<u16>) {
        let Some(request) = self.requests.remove(&id) else { return };
        let tenant = request.worker / WORKERS;
        let is_acked = status == Some(200);
        let outcome = match status {
            Some(200) => 0,
            Some(400..=499) => 1,
            _ => 2,
        };
        self.outcomes[outcome] += 1;
        world.chronicle.answered(world.now_ns, id, status, &request.body);
        world
            .trace
            .line(world.now_ns, format_args!("client {tenant} {:?} {status:?}", request.operation));
        if let Some(status) = status.filter(|status| *status >= 400) {
            self.refused(world, &request, status);
        }
        if !is_acked {
            if let Operation::Update { values, .. } | Operation::Script { values, .. } =
                &request.operation
            {
                for value in values {
                    self.writes.entry(*value).and_modify(|write| write.is_unsure = true);
                }
            }
            if request.scan {
                self.scan_failures += 1;
            }
            if status == Some(THROTTLED) {
                let pause = self.random.delay(self.pause_ns);
                return self.goes_on(world, request.worker, pause);
            }
            return self.again(
                world,
                request.worker,
                request.operation,
                request.tries,
                request.scan,
            );
        }
        match &request.operation {
            Operation::Update { values, .. } => self.acknowledge(world, values),
            Operation::Script { values, reads, .. } => {
                self.acknowledge(world, values);
                if *reads {
                    self.check_exec(world, tenant, &request);
                }
            }
            Operation::Find => self.check_find(world, tenant, &request),
            Operation::Fetch => self.check_fetch(world, tenant, &request),
            Operation::Exec => self.check_exec(world, tenant, &request),
            Operation::Odd(_)
            | Operation::Unwritable
            | Operation::Limited { .. }
            | Operation::Meta { .. } => {}
            Operation::Delete { series, ticks, .. } => {
                world.checks.deleted(series, *ticks, request.began_ns, request.born_ns);
            }
        }
        let result = refusals::check_answered(request.operation.meant());
        world.checks.judge("refusals", result);
        if request.scan {
            self.scanned.insert((tenant, Look::of(&request.operation)));
            return;
        }
        let leaves = request.tries > 1 && self.leaves(request.worker, &request.operation)
            || self.contests(world, request.worker, &request.operation);
        let pause = self.random.delay(if leaves { MS } else { self.pause_ns });
        self.goes_on(world, request.worker, pause);
    }

    /// Whether a worker now deletes a series that it has written, whole, and writes it no more: what
    /// an earlier try of the update left on its way comes late then, and nothing after it.
    fn leaves(&mut self, worker: usize, operation: &Operation) -> bool {
        let Operation::Update { values, .. } = operation else { return false };
        if self.leaves == 0.0 || !self.random.chance(self.leaves) {
            return false;
        }
        let value = self.random.pick(values);
        let Some(series) = self.writes.get(value).map(|write| write.series.clone()) else {
            return false;
        };
        let left = self.left.iter().filter(|left| left.tenant == series.tenant).count();
        // The others have to do with the rest.
        if 2 * (left + 1) > self.series {
            return false;
        }
        self.left.insert(series.clone());
        self.leaving.insert(worker, series);
        true
    }

    /// Whether a worker now deletes a series that it has written, whole, while it is written for the
    /// last time: whichever comes first, what is there in the end has to be found.
    fn contests(&mut self, world: &mut World, worker: usize, operation: &Operation) -> bool {
        let Operation::Update { values, .. } = operation else { return false };
        if self.contests == 0.0 || !self.random.chance(self.contests) {
            return false;
        }
        let value = self.random.pick(values);
        let Some(series) = self.writes.get(value).map(|write| write.series.clone()) else {
            return false;
        };
        let tenant = &mut self.tenants[series.tenant];
        let place = tenant.series.iter_mut().find(|number| **number == series.series);
        let Some(place) = place.filter(|_| tenant.next_series < self.series_max) else {
            return false;
        };
        *place = tenant.next_series;
        tenant.next_series += 1;
        for _ in 0..self.random.between(1, 3) {
            let after = self.random.below(CONTEST_NS);
            world.schedule_client(after, Step::Last(worker, series.clone()));
        }
        self.leaving.insert(worker, series);
        true
    }

    /// After an unknown outcome: the same once more, or something else.
    fn again(
        &mut self,
        world: &mut World,
        worker: usize,
        operation: Operation,
        tries: u32,
        scan: bool,
    ) {
        if scan {
            let step = Step::Scan(worker / WORKERS, Look::of(&operation));
            return world.schedule_client(2 * SECOND, step);
        }
        let pause = self.random.delay(self.pause_ns / 2);
        let is_good = match &operation {
            Operation::Odd(_) | Operation::Unwritable | Operation::Limited { .. } => false,
            Operation::Update { good, .. } => good.is_none(),
            _ => true,
        };
        if is_good && tries < self.tries && !self.resting && self.random.chance(0.6) {
            // Deletes are sent anew: they may take what was written since.
            if let Operation::Delete { series, .. } = &operation {
                let series = series.clone();
                self.deletes.push(DeleteSent { series, sent_ns: world.now_ns });
            }
            return self.send(world, worker, operation, tries + 1, scan);
        }
        self.goes_on(world, worker, pause);
    }

    fn acknowledge(&mut self, world: &mut World, values: &[i64]) {
        self.acknowledged += 1;
        for value in values {
            if let Some(write) = self.writes.get_mut(value) {
                write.acked_ns.get_or_insert(world.now_ns);
                let series = write.series.clone();
                world.checks.acknowledged(*value, &series);
            }
        }
    }
}
