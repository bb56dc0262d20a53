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

use crate::marks;
use crate::node::{Component, token_keys};
use crate::odd::{self, Refusal, Token};
use crate::params::{MIX, MS, Params, SECOND};
use crate::random::Random;
use crate::world::World;

/// How long a client waits for an answer.
const PATIENCE_NS: u64 = 90 * SECOND;

/// Workers of each tenant.
const WORKERS: usize = 2;

/// Bytes of a body that are sent at once.
const PIECE_MAX: usize = 100_000;

/// Nothing, in fifty bytes.
const BLANK: &str = "                                                 \n";

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
    /// Somebody writes what nobody understands.
    Junk,
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
    },
    Delete {
        series: SeriesName,
        query: String,
        /// Whether it is sent as a form.
        is_form: bool,
    },
    Meta {
        body: String,
    },
    Find,
    Fetch,
    Exec,
    /// A script whose result begins well and cannot be written to its end.
    Unwritable,
    /// What is refused.
    Odd(&'static Refusal),
}

/// A request under way.
struct Request {
    worker: usize,
    place: Component,
    operation: Operation,
    tries: u32,
    began_ns: u64,
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
            odd: odd::sent(params.extras),
            junk_period_ns: params.junk_period_ns,
            breaks: params.faults.client_cut,
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
        let junk = (self.random.delay(self.junk_period_ns), Step::Junk);
        (0..workers)
            .map(|worker| (SECOND + self.random.below(5 * SECOND), Step::Begin(worker)))
            .chain([junk])
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
            Step::Junk => {
                if !self.resting {
                    world.junk(self.random.fork());
                    let again = self.random.delay(self.junk_period_ns);
                    world.schedule_client(again, Step::Junk);
                }
            }
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
            0 => self.update(now_ns, tenant, false),
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
            5 => Operation::Fetch,
            6 if self.random.chance(0.5) => self.script(now_ns, tenant),
            6 if self.random.chance(0.1) => Operation::Unwritable,
            6 => Operation::Exec,
            7 => self.update(now_ns, tenant, true),
            _ => Operation::Odd(self.odd[self.random.index(self.odd.len())]),
        }
    }

    fn tick(&mut self, tenant: usize) -> i64 {
        let step = self.random.below(self.ticks) as i64;
        // Cells that carry their datapoint's time lie in the past of every delete.
        let base = if self.tenants[tenant].by_datapoint { 1_000_000_000 } else { 1_600_000_000 };
        (base + step * 60) * 1_000_000
    }

    fn update(&mut self, now_ns: u64, tenant: usize, is_bad: bool) -> Operation {
        let (mut values, mut body) = (Vec::new(), String::new());
        let mut last: Option<usize> = None;
        let count = self.random.between(1, 8);
        let bad_at = is_bad.then(|| self.random.below(count));
        for index in 0..count {
            if bad_at == Some(index) {
                body.push_str("neither tick nor class\n");
            }
            let again = last.filter(|_| self.random.chance(0.4));
            let index = again.unwrap_or_else(|| self.random.index(self.series));
            let series = SeriesName { tenant, series: index };
            let tick = self.tick(tenant);
            let value = self.write(now_ns, &series, tick);
            if again.is_some() {
                body.push_str(&format!("={tick}// {value}\n"));
            } else {
                body.push_str(&format!("{tick}// {} {value}\n", named(&series)));
            }
            last = Some(index);
            values.push(value);
        }
        // More than a machine takes before it has read some of it.
        let blank = if self.random.chance(0.002) { odd::LARGE_BYTES } else { 0 };
        Operation::Update { values, body, good: bad_at.map(|at| at as usize), blank }
    }

    /// A script that writes one datapoint.
    fn script(&mut self, now_ns: u64, tenant: usize) -> Operation {
        let series = SeriesName { tenant, series: self.random.index(self.series) };
        let tick = self.tick(tenant);
        let value = self.write(now_ns, &series, tick);
        let body = format!(
            "NEWGTS '{}' RENAME {{ 'k' 'v{}' }} RELABEL {tick} NaN NaN NaN {value} ADDVALUE\n\
             '{}' UPDATE",
            class(&series),
            series.series % 3,
            self.tenants[tenant].write_token
        );
        Operation::Script { values: vec![value], body }
    }

    /// A new value for a datapoint.
    fn write(&mut self, now_ns: u64, series: &SeriesName, tick: i64) -> i64 {
        self.last_value += 1;
        let value = self.last_value;
        self.by_point.entry((series.clone(), tick)).or_default().push(value);
        let (series, sent_ns) = (series.clone(), now_ns);
        let write = Write { series, tick, sent_ns, acked_ns: None, is_unsure: false };
        self.writes.insert(value, write);
        value
    }

    fn delete(&mut self, now_ns: u64, series: SeriesName, range: String) -> Operation {
        let selector = format!("{}{{}}", class(&series));
        let query = format!("selector={}&{range}", weft_gts::percent::encode(&selector));
        self.deletes.push(DeleteSent { series: series.clone(), sent_ns: now_ns });
        Operation::Delete { series, query, is_form: self.random.chance(0.3) }
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
            Operation::Find
            | Operation::Fetch
            | Operation::Exec
            | Operation::Unwritable
            | Operation::Script { .. } => Component::Egress,
            Operation::Odd(refusal) => refusal.component,
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
        let selector = format!("{}{{}}", class_of_all(tenant));
        let all = weft_gts::percent::encode(&selector);
        let (mut token, mut header) = (None, None);
        let (method, path, query, own, body) = match &operation {
            Operation::Update { body, blank, .. } => {
                let body = BLANK.repeat(*blank / BLANK.len()) + body;
                ("POST", "update", String::new(), write, body)
            }
            Operation::Unwritable => {
                ("POST", "exec", String::new(), String::new(), UNWRITABLE.to_owned())
            }
            Operation::Script { body, .. } => {
                ("POST", "exec", String::new(), String::new(), body.clone())
            }
            Operation::Meta { body } => ("POST", "meta", String::new(), write, body.clone()),
            Operation::Delete { query, is_form: true, .. } => {
                header = odd::FORM;
                ("POST", "delete", String::new(), write, query.clone())
            }
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
            Operation::Exec => {
                let script = format!(
                    "[ '{read}' '{}' {{}} ] FINDSTATS DROP\n\
                     [ '{read}' '{selector}' {{}} {EXEC_END} {EXEC_END} ] FETCH\n\
                     <% DROP VALUES %> LMAP FLATTEN",
                    class_of_all(tenant)
                );
                ("POST", "exec", String::new(), String::new(), script)
            }
            Operation::Odd(Refusal { sent: Some(sent), .. }) => {
                token = token_of(tenant, sent.token, component);
                header = sent.header;
                let path = sent.path.trim_start_matches("/api/v0/");
                let query = sent.query.replace("ALL", &all);
                let query =
                    if sent.also.is_empty() { query } else { format!("{query}&{}", sent.also) };
                let body = match sent.body {
                    odd::LARGE => " ".repeat(odd::LARGE_BYTES),
                    odd::CUT_OFF => String::new(),
                    body => body.to_owned(),
                };
                (sent.method, path, query, String::new(), body)
            }
            Operation::Odd(_) => return,
        };
        let token = token.or_else(|| (!own.is_empty()).then_some(own));
        let token = token.map(|token| ("x-warp10-token".to_owned(), token));
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let head = RequestHead {
            method: method.to_owned(),
            path: format!("/api/v0/{path}"),
            query,
            headers: token.into_iter().chain(header).collect(),
        };
        world.open(request, place);
        world.send(request, MS, HttpEvent::Head { request, head });
        let mut parts = Vec::new();
        let mut rest = match operation {
            Operation::Odd(Refusal {
                sent: Some(odd::Sent { body: odd::CUT_OFF, .. }), ..
            }) => &[0x1f, 0x8b, 8, 0][..],
            _ => body.as_bytes(),
        };
        while !rest.is_empty() {
            let length = 1 + self.random.index(rest.len().min(PIECE_MAX));
            parts.push(Bytes::copy_from_slice(&rest[..length]));
            rest = &rest[length..];
        }
        parts.reverse();
        let breaks = method == "POST" && !self.resting && self.random.chance(self.breaks);
        if breaks {
            // They are sent last first: what is left out is the end.
            parts.drain(..self.random.index(parts.len()));
        }
        let began_ns = world.now_ns;
        self.requests.insert(
            request,
            Request {
                worker,
                place: component,
                operation,
                tries,
                began_ns,
                status: None,
                stored: None,
                body: Vec::new(),
                breaks,
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
        // What is large comes fast.
        let pause = if request.parts.len() > 8 { MS / 100 } else { 20 * MS };
        while let Some(bytes) = request.parts.pop() {
            world.send(id, delay, HttpEvent::Body { request: id, bytes });
            delay += pause / 20 + self.random.below(pause);
        }
        let event = if request.breaks {
            HttpEvent::Broken { request: id }
        } else {
            HttpEvent::End { request: id }
        };
        world.send(id, delay, event);
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
            return self.again(
                world,
                request.worker,
                request.operation,
                request.tries,
                request.scan,
            );
        }
        match &request.operation {
            Operation::Update { values, .. } | Operation::Script { values, .. } => {
                self.acknowledge(world, values);
            }
            Operation::Find => self.check_find(world, tenant, &request),
            Operation::Fetch => self.check_fetch(world, tenant, &request),
            Operation::Exec => self.check_exec(world, tenant, &request),
            Operation::Odd(Refusal { sent: Some(sent), .. }) if !sent.also.is_empty() => {}
            Operation::Odd(refusal) => {
                let what = format!("{:?} was not refused: {}", refusal.sent, refusal.message);
                world.checks.fail("refusals", what);
            }
            Operation::Unwritable => {
                world.checks.fail("refusals", "half a result counts as whole".to_owned());
            }
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

    /// A request was refused, or something failed: what was asked for, and nothing else, is refused.
    fn refused(&mut self, world: &mut World, request: &Request, status: u16) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let component = request.place;
        let known = odd::refusals().find(|known| {
            known.component == component
                && known.status == status
                && marks::fits(known.message, &text)
        });
        let is_script = matches!(
            request.operation,
            Operation::Exec | Operation::Unwritable | Operation::Script { .. }
        );
        match known {
            Some(known) => world.mark(component, known.message),
            None if is_script => {}
            None => {
                let said = format_args!("{component:?} {} {status} {text}", marks::UNKNOWN);
                world.trace.line(world.now_ns, said);
                world.mark(component, marks::UNKNOWN);
            }
        }
        let stored = request.stored;
        let what =
            format!("{:?} was refused: {status} {text}, {stored:?} stored", request.operation);
        world.trace.line(world.now_ns, format_args!("client: {what}"));
        let is_meant = match &request.operation {
            _ if status == 503 || request.breaks => true,
            Operation::Odd(refusal) => known.is_some_and(|known| {
                (known.status, known.message) == (refusal.status, refusal.message)
            }),
            Operation::Update { values, good: Some(good), .. } if status == 400 => {
                let values = values[..*good].to_vec();
                if stored == Some(values.len()) {
                    self.acknowledge(world, &values);
                }
                stored == Some(values.len())
            }
            _ => status >= 500,
        };
        if !is_meant {
            world.checks.fail("refusals", what);
        }
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
        let is_good = match &operation {
            Operation::Odd(_) | Operation::Unwritable => false,
            Operation::Update { good, .. } => good.is_none(),
            _ => true,
        };
        if is_good && tries < TRIES && !self.resting && self.random.chance(0.6) {
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
        self.check_settled(world, tenant, request.began_ns, &points);
    }

    /// The answer of a script is the values that it fetched.
    fn check_exec(&self, world: &mut World, tenant: usize, request: &Request) {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut points = BTreeMap::new();
        let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|piece| !piece.is_empty());
        for number in numbers {
            let value = number.parse().unwrap_or_default();
            match self.writes.get(&value) {
                Some(write) if write.series.tenant == tenant => {
                    points.insert((write.series.clone(), write.tick), value);
                }
                write => {
                    let what = format!("a script of tenant {tenant} read {number}: {write:?}");
                    return world.checks.fail("no-phantom", what);
                }
            }
        }
        self.check_settled(world, tenant, request.began_ns, &points);
    }

    /// On the one-process platform what was acknowledged before a read is read.
    fn check_settled(
        &self,
        world: &mut World,
        tenant: usize,
        began_ns: u64,
        points: &BTreeMap<(SeriesName, i64), i64>,
    ) {
        if !self.embedded {
            return;
        }
        for (series, tick, acked) in self.settled(tenant, began_ns) {
            let read = points.get(&(series.clone(), tick));
            let Some(read) = read.and_then(|value| self.writes.get(value)) else {
                let what = format!("{series:?} at {tick} was written and is not read");
                return world.checks.fail("reads-see-writes", what);
            };
            if !read.is_unsure && read.acked_ns.is_some_and(|ns| ns < acked) {
                let what = format!(
                    "{series:?} at {tick}: {read:?} is read, overwritten by a write of {acked}"
                );
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

/// Half a megabyte of text, and below it a macro that has more levels than can be written.
const UNWRITABLE: &str = "[] 1 40 <% DROP 'l' STORE [ $l ] %> FOR 'l' STORE <% !$l %>\n\
                          'xxxxxxxxxxxxxxxx' 1 15 <% DROP DUP + %> FOR";

/// The newest tick that scripts fetch; also how far they go back from there.
const EXEC_END: i64 = 2_000_000_000_000_000;

/// A token of a tenant that is refused, or not, at the door of a component.
fn token_of(tenant: usize, kind: Token, component: Component) -> Option<String> {
    let keys = token_keys();
    let user = vec![tenant as u8 + 1; 16];
    let is_write = component == Component::Ingress;
    let expiry_ms = if kind == Token::Expired { 1 } else { i64::MAX };
    let attributes: Option<Labels> = match kind {
        Token::With(name, value) => Some([(name, value)].into_iter().collect()),
        _ => None,
    };
    let hooks = (kind == Token::Hooks).then(|| [("0", "HOOK")].into_iter().collect());
    match kind {
        Token::None => return None,
        Token::Letters => return Some("letters".to_owned()),
        _ => {}
    }
    Some(if is_write {
        let owner_id = if kind == Token::Foreign { vec![99; 16] } else { user.clone() };
        keys.encode_write(&WriteToken {
            expiry_ms,
            app_name: app(tenant),
            producer_id: user,
            owner_id,
            attributes,
            ..WriteToken::default()
        })
    } else {
        keys.encode_read(&ReadToken {
            expiry_ms,
            apps: vec![app(tenant)],
            owners: vec![user.clone()],
            billed_id: user,
            attributes,
            hooks,
            ..ReadToken::default()
        })
    })
}

/// The application of a tenant.
pub fn app(tenant: usize) -> String {
    format!("app{tenant}")
}

/// The class of a series.
pub fn class(series: &SeriesName) -> String {
    format!("t{}.s{}", series.tenant, series.series)
}

/// The class of a selector of all series of a tenant.
pub fn class_of_all(tenant: usize) -> String {
    format!("~t{tenant}[.]s[0-9]*")
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
