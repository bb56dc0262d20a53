//! Tenants that write, delete, describe, search and read, and what each of them was promised.
//!
//! A client knows of each request whether it was acknowledged (200, complete), refused, or neither:
//! a connection that broke, a time-out, an error of the server. What is unknown may have happened.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weft_daemons::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId};
use weft_gts::text::{ParseOptions, TextValue, parse_line};
use weft_gts::{Labels, Metadata};
use weft_wire::thrift::{ReadToken, WriteToken};

use crate::node::{Component, token_keys};
use crate::params::{MS, Params, SECOND};
use crate::random::Random;
use crate::world::World;

/// How long a client waits for an answer.
const PATIENCE_NS: u64 = 90 * SECOND;

/// Workers of each tenant.
const WORKERS: usize = 2;

/// Tries of the same body.
const TRIES: u32 = 4;

/// What a client does next.
#[derive(Debug)]
pub enum Step {
    /// A worker takes up an operation.
    Begin(usize),
    /// A response goes on.
    Response(RequestId, HttpAction),
    /// Patience ends.
    TimeOut(RequestId),
    /// Reads everything of a tenant, after the faults: find, then fetch.
    Scan(usize, bool),
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
}

/// One delete that was sent.
#[derive(Clone, Debug)]
pub struct DeleteSent {
    /// Of which series; `None` for all of the tenant.
    pub series: SeriesName,
    /// When it was first sent.
    pub sent_ns: u64,
}

/// What is asked.
#[derive(Clone, Debug)]
enum Operation {
    Update { values: Vec<i64>, body: String },
    Delete { series: SeriesName, query: String },
    Meta { body: String },
    Find,
    Fetch,
}

/// A request under way.
struct Request {
    worker: usize,
    operation: Operation,
    tries: u32,
    began_ns: u64,
    status: Option<u16>,
    body: Vec<u8>,
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
    mix: [u64; 6],
    pause_ns: u64,
    ticks: u64,
    series: usize,
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
    pub scanned: BTreeSet<(usize, bool)>,
    /// Scans that failed, to be tried again.
    pub scan_failures: u64,
    embedded: bool,
}

struct Tenant {
    write_token: String,
    read_token: String,
    by_datapoint: bool,
}

impl Clients {
    /// The clients of a run.
    pub fn new(params: &Params, mut random: Random) -> Self {
        let keys = token_keys();
        let tenants = (0..params.tenants)
            .map(|tenant| {
                let user = vec![tenant as u8 + 1; 16];
                let by_datapoint = random.chance(0.25);
                let attributes: Labels = [(".dpts", "t")].into_iter().collect();
                Tenant {
                    by_datapoint,
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
            last_value: 0,
            random,
            mix: params.mix,
            pause_ns: params.pause_ns,
            ticks: params.ticks,
            series: params.series,
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
        (0..workers)
            .map(|worker| (SECOND + self.random.below(5 * SECOND), Step::Begin(worker)))
            .collect()
    }

    /// Whether nobody waits for an answer.
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many tenants there are.
    pub const fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// Does a step.
    pub fn step(&mut self, world: &mut World, step: Step) {
        match step {
            Step::Begin(worker) => {
                if self.resting {
                    return;
                }
                let operation = self.choose(world.now_ns, worker / WORKERS);
                self.send(world, worker, operation, 1, false);
            }
            Step::Scan(tenant, fetch) => {
                let operation = if fetch { Operation::Fetch } else { Operation::Find };
                self.send(world, tenant * WORKERS, operation, 1, true);
            }
            Step::TimeOut(request) => {
                if self.requests.contains_key(&request) {
                    world.close(request, true);
                    self.ended(world, request, None);
                }
            }
            Step::Response(request, action) => self.response(world, request, action),
        }
    }

    fn choose(&mut self, now_ns: u64, tenant: usize) -> Operation {
        let total: u64 = self.mix.iter().sum();
        let mut left = self.random.below(total);
        let kind = self.mix.iter().position(|weight| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let series = SeriesName { tenant, series: self.random.index(self.series) };
        match kind.unwrap_or(0) {
            0 => self.update(now_ns, tenant),
            1 => {
                let (a, b) = (self.tick(tenant), self.tick(tenant));
                let (start, end) = (a.min(b), a.max(b));
                let query = format!("start={start}&end={end}");
                self.delete(now_ns, series, query)
            }
            2 => self.delete(now_ns, series, "deleteall".to_owned()),
            3 => {
                let value = self.random.below(100);
                let body = format!("{}{{mood=m{value}}}\n", named(&series));
                Operation::Meta { body }
            }
            4 => Operation::Find,
            _ => Operation::Fetch,
        }
    }

    fn tick(&mut self, tenant: usize) -> i64 {
        let step = self.random.below(self.ticks) as i64;
        // Cells that carry their datapoint's time lie in the past of every delete.
        let base = if self.tenants[tenant].by_datapoint { 1_000_000_000 } else { 1_600_000_000 };
        (base + step * 60) * 1_000_000
    }

    fn update(&mut self, now_ns: u64, tenant: usize) -> Operation {
        let (mut values, mut body) = (Vec::new(), String::new());
        let mut last: Option<usize> = None;
        for _ in 0..self.random.between(1, 8) {
            let again = last.filter(|_| self.random.chance(0.4));
            let index = again.unwrap_or_else(|| self.random.index(self.series));
            let series = SeriesName { tenant, series: index };
            let tick = self.tick(tenant);
            self.last_value += 1;
            let value = self.last_value;
            if again.is_some() {
                body.push_str(&format!("={tick}// {value}\n"));
            } else {
                body.push_str(&format!("{tick}// {} {value}\n", named(&series)));
            }
            last = Some(index);
            self.by_point.entry((series.clone(), tick)).or_default().push(value);
            self.writes.insert(value, Write { series, tick, sent_ns: now_ns, acked_ns: None });
            values.push(value);
        }
        Operation::Update { values, body }
    }

    fn delete(&mut self, now_ns: u64, series: SeriesName, range: String) -> Operation {
        let selector = format!("{}{{}}", class(&series));
        let query = format!("selector={}&{range}", weft_gts::percent::encode(&selector));
        self.deletes.push(DeleteSent { series: series.clone(), sent_ns: now_ns });
        Operation::Delete { series, query }
    }

    fn send(
        &mut self,
        world: &mut World,
        worker: usize,
        operation: Operation,
        tries: u32,
        scan: bool,
    ) {
        let tenant = worker / WORKERS;
        let component = match operation {
            Operation::Find | Operation::Fetch => Component::Egress,
            _ => Component::Ingress,
        };
        let Some(place) = world.place_of(component) else {
            // Nobody listens: the connection is refused.
            return self.again(world, worker, operation, tries, scan);
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let (write, read) = {
            let tenant = &self.tenants[tenant];
            (tenant.write_token.clone(), tenant.read_token.clone())
        };
        let all = format!("~t{tenant}[.].*{{}}");
        let all = weft_gts::percent::encode(&all);
        let (method, path, query, token, body) = match &operation {
            Operation::Update { body, .. } => {
                ("POST", "update", String::new(), write, body.clone())
            }
            Operation::Meta { body } => ("POST", "meta", String::new(), write, body.clone()),
            Operation::Delete { query, .. } => {
                ("GET", "delete", query.clone(), write, String::new())
            }
            Operation::Find => {
                let query = format!("selector={all}");
                ("GET", "find", query, read, String::new())
            }
            Operation::Fetch => {
                let query = format!(
                    "selector={all}&start={}&stop={}&format=fulltext",
                    i64::MIN + 1,
                    i64::MAX
                );
                ("GET", "fetch", query, read, String::new())
            }
        };
        let head = RequestHead {
            method: method.to_owned(),
            path: format!("/api/v0/{path}"),
            query,
            headers: vec![("x-warp10-token".to_owned(), token)],
        };
        world.open(request, place);
        world.send(request, MS, HttpEvent::Head { request, head });
        let mut parts = Vec::new();
        let mut rest = body.as_bytes();
        while !rest.is_empty() {
            let length = 1 + self.random.index(rest.len());
            parts.push(Bytes::copy_from_slice(&rest[..length]));
            rest = &rest[length..];
        }
        parts.reverse();
        let began_ns = world.now_ns;
        self.requests.insert(
            request,
            Request {
                worker,
                operation,
                tries,
                began_ns,
                status: None,
                body: Vec::new(),
                parts,
                paused: false,
                scan,
            },
        );
        self.send_parts(world, request);
        world.schedule_client(PATIENCE_NS, Step::TimeOut(request));
        let cut = world.params.faults.client_cut;
        if !self.resting && self.random.chance(cut) {
            let when = self.random.below(2 * SECOND);
            world.schedule_client(when, Step::TimeOut(request));
        }
    }

    /// Sends what is left of the body, as far as the machine wants it.
    fn send_parts(&mut self, world: &mut World, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let mut delay = 2 * MS;
        if request.paused {
            return;
        }
        while let Some(bytes) = request.parts.pop() {
            world.send(id, delay, HttpEvent::Body { request: id, bytes });
            delay += MS + self.random.below(20 * MS);
        }
        world.send(id, delay, HttpEvent::End { request: id });
    }

    fn response(&mut self, world: &mut World, id: RequestId, action: HttpAction) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        match action {
            HttpAction::Head { head, .. } => request.status = Some(head.status),
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
        world
            .trace
            .line(world.now_ns, format_args!("client {tenant} {:?} {status:?}", request.operation));
        if outcome == 1 {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let what = format!("{:?} was refused: {status:?} {text}", request.operation);
            world.checks.fail("no-refusal", what);
            return;
        }
        if !is_acked {
            if request.scan {
                self.scan_failures += 1;
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
            Operation::Find => self.check_find(world, tenant, &request),
            Operation::Fetch => self.check_fetch(world, tenant, &request),
            Operation::Delete { .. } | Operation::Meta { .. } => {}
        }
        if request.scan {
            let is_fetch = matches!(request.operation, Operation::Fetch);
            self.scanned.insert((tenant, is_fetch));
            return;
        }
        let pause = self.random.delay(self.pause_ns);
        world.schedule_client(pause, Step::Begin(request.worker));
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
            let is_fetch = matches!(operation, Operation::Fetch);
            return world.schedule_client(2 * SECOND, Step::Scan(worker / WORKERS, is_fetch));
        }
        let pause = self.random.delay(self.pause_ns / 2);
        if tries < TRIES && !self.resting && self.random.chance(0.6) {
            // Deletes are sent anew: they may take what was written since.
            if let Operation::Delete { series, .. } = &operation {
                let series = series.clone();
                self.deletes.push(DeleteSent { series, sent_ns: world.now_ns });
            }
            return self.send(world, worker, operation, tries + 1, scan);
        }
        world.schedule_client(pause, Step::Begin(worker));
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

    fn check_find(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            match series_of_line(line) {
                Some(series) if series.tenant == tenant && series.series < self.series => {
                    found.insert(series.series);
                }
                _ => {
                    let what = format!("tenant {tenant} found {line}");
                    return world.checks.fail("tenancy", what);
                }
            }
        }
        let born = world.directories_born_ns();
        world.checks.found(tenant, &found, born.min(request.began_ns));
        if request.scan {
            return world.checks.final_find(tenant, &found);
        }
        if self.embedded {
            let must = self.settled(tenant, request.began_ns);
            let missing = must.iter().find(|(series, ..)| !found.contains(&series.series));
            if let Some((series, ..)) = missing {
                let what = format!("{series:?} was written and is not found");
                world.checks.fail("reads-see-writes", what);
            }
        }
    }

    fn check_fetch(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let options = ParseOptions { value_length_max: 1 << 20, ..ParseOptions::default() };
        let mut points = BTreeMap::new();
        for line in text.lines() {
            let parsed = parse_line(line.as_bytes(), None, &options);
            let value = parsed.as_ref().ok().map(|line| (line.tick, &line.value));
            let Some((tick, TextValue::Long(value))) = value else {
                let what = format!("a line that was never written: {line}");
                return world.checks.fail("no-phantom", what);
            };
            let write = self.writes.get(value);
            let is_own = write.is_some_and(|write| {
                write.tick == tick
                    && write.series.tenant == tenant
                    && line.contains(&format!(" {}", class(&write.series)))
            });
            let Some(write) = write.filter(|_| is_own) else {
                let what = format!("tenant {tenant} read {line}, written as {write:?}");
                return world.checks.fail("no-phantom", what);
            };
            points.insert((write.series.clone(), tick), *value);
        }
        if request.scan {
            return world.checks.final_fetch(tenant, &points);
        }
        if !self.embedded {
            return;
        }
        for (series, tick, acked) in self.settled(tenant, request.began_ns) {
            let read = points.get(&(series.clone(), tick));
            let Some(read) = read.and_then(|value| self.writes.get(value)) else {
                let what = format!("{series:?} at {tick} was written and is not read");
                return world.checks.fail("reads-see-writes", what);
            };
            if read.acked_ns.is_some_and(|ns| ns < acked) {
                let what = format!("{series:?} at {tick}: an overwritten value is read");
                return world.checks.fail("reads-see-writes", what);
            }
        }
    }

    /// Datapoints that were acknowledged before `before_ns` and that no delete of any time can
    /// have taken: when the newest such write was sent.
    fn settled(&self, tenant: usize, before_ns: u64) -> Vec<(SeriesName, i64, u64)> {
        let mut settled = Vec::new();
        for ((series, tick), values) in &self.by_point {
            if series.tenant != tenant || self.deletes.iter().any(|d| d.series == *series) {
                continue;
            }
            let writes = values.iter().filter_map(|value| self.writes.get(value));
            let acked = writes.filter(|w| w.acked_ns.is_some_and(|ns| ns < before_ns));
            if let Some(newest) = acked.map(|write| write.sent_ns).max() {
                settled.push((series.clone(), *tick, newest));
            }
        }
        settled
    }
}

/// The application of a tenant.
pub fn app(tenant: usize) -> String {
    format!("app{tenant}")
}

/// The class of a series.
pub fn class(series: &SeriesName) -> String {
    format!("t{}.s{}", series.tenant, series.series)
}

fn named(series: &SeriesName) -> String {
    format!("{}{{k=v{}}}", class(series), series.series % 3)
}

/// The metadata of a series as ingress makes them.
pub fn metadata_of(series: &SeriesName) -> Metadata {
    let user = weft_wire::token::uuid(&[series.tenant as u8 + 1; 16]);
    let mut labels = Labels::new();
    labels.insert(".app", app(series.tenant));
    labels.insert(".owner", user.clone());
    labels.insert(".producer", user);
    labels.insert("k", format!("v{}", series.series % 3));
    Metadata::new(class(series), labels)
}

/// The series that a line of find names.
fn series_of_line(line: &str) -> Option<SeriesName> {
    let class = line.split('{').next()?;
    let (tenant, series) = class.strip_prefix('t')?.split_once(".s")?;
    Some(SeriesName { tenant: tenant.parse().ok()?, series: series.parse().ok()? })
}
