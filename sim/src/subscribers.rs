//! Clients that subscribe, and what each of them was promised.
//!
//! A subscription counts as active in this way: `SUBSCRIBE`, then `SUBSCRIPTIONS`, then the same
//! `SUBSCRIBE` again. What was listed is active once the second one is answered. From then on the
//! client is owed what the log takes of these series, until it asks for less, is told that its
//! subscription failed, or its connection ends.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weft_daemons::contract::http::{HttpAction, HttpEvent, Message, RequestHead, RequestId};
use weft_daemons::contract::log::Record;
use weft_daemons::plasma::frontend::PATH;
use weft_gts::SeriesId;
use weft_wire::thrift::ReadToken;

use crate::clients::{SeriesName, app, class, class_of_all, metadata_of};
use crate::invariants::history::{Data, History, understand};
use crate::invariants::subscriptions::{Asked, Owed, check_allowed};
use crate::log::LogModel;
use crate::node::{Component, token_keys};
use crate::params::{MS, Params, SECOND};
use crate::random::Random;
use crate::world::{Address, DATA_TOPIC, World};

/// Requests of subscribers have numbers from here on.
const FIRST: u64 = 1 << 48;

/// How long a subscriber waits for an answer while things go wrong.
const PATIENCE_NS: u64 = 180 * SECOND;

/// Whether a request is a subscriber's.
pub const fn is_theirs(request: RequestId) -> bool {
    request.0 >= FIRST
}

/// What a subscriber does next.
#[derive(Debug)]
pub enum Step {
    /// It takes something up.
    Act(usize),
    /// It was told something.
    Response(RequestId, HttpAction),
    /// It has waited long enough for what it began then.
    Impatient(usize, u64),
    /// It reads again.
    Reads(RequestId),
}

impl Step {
    /// Whom it is about.
    pub const fn who(&self) -> u64 {
        match self {
            Self::Act(subscriber) | Self::Impatient(subscriber, _) => *subscriber as u64,
            Self::Response(request, _) | Self::Reads(request) => request.0,
        }
    }
}

/// What a subscriber waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    /// That it is told when subscriptions are active.
    Greeting,
    /// The first answer to a selector.
    Subscribing(String),
    /// The list of what it subscribed to.
    Listing(String, BTreeSet<SeriesName>),
    /// The second answer, which makes the list count.
    Confirming(String, BTreeSet<SeriesName>),
    /// The answer to a selector that is owed nothing.
    Trying,
    /// That something ended.
    Ending(String),
}

struct Connection {
    request: RequestId,
    place: Address,
    stage: Stage,
    /// What it has asked for since it began, or since all was cleared.
    asked: Vec<Asked>,
    active: BTreeSet<SeriesName>,
    owed: BTreeMap<SeriesName, Owed>,
    is_deaf: bool,
    /// Something waits for it to read.
    is_waited_for: bool,
    /// The series of the last line.
    last: Option<SeriesName>,
}

struct Subscriber {
    tenant: usize,
    /// Whether its tokens live for seconds alone.
    is_brief: bool,
    connection: Option<Connection>,
    /// What it has begun so far.
    turn: u64,
}

/// All subscribers.
pub struct Subscribers {
    all: Vec<Subscriber>,
    random: Random,
    series: usize,
    tenants: usize,
    names: BTreeMap<SeriesId, SeriesName>,
    last_request: u64,
    read: BTreeMap<u32, u64>,
    /// How often the log has each value.
    times: BTreeMap<i64, u32>,
    /// When frontends learned of values, the earliest by their own clocks, milliseconds.
    heard: BTreeMap<(Address, i64), i64>,
    is_resting: bool,
    /// Datapoints that came and were owed.
    pub delivered: u64,
}

impl Subscribers {
    /// The subscribers of a run.
    pub fn new(params: &Params) -> Self {
        let mut random = Random::of(&[params.seed, 0x706c_6173_6d61]);
        let all = (0..params.subscribers).map(|_| Subscriber {
            tenant: random.index(params.tenants),
            is_brief: random.chance(0.25),
            connection: None,
            turn: 0,
        });
        let all = all.collect();
        let every = (0..params.tenants)
            .flat_map(|tenant| (0..params.series).map(move |series| SeriesName { tenant, series }));
        let every = every.filter(|_| params.subscribers > 0);
        Self {
            all,
            random,
            series: params.series,
            tenants: params.tenants,
            names: every.map(|series| (History::id_of(&series), series)).collect(),
            last_request: FIRST,
            read: BTreeMap::new(),
            times: BTreeMap::new(),
            heard: BTreeMap::new(),
            is_resting: false,
            delivered: 0,
        }
    }

    /// The first steps and when they happen.
    pub fn begin(&mut self) -> Vec<(u64, Step)> {
        (0..self.all.len())
            .map(|subscriber| (SECOND + self.random.below(20 * SECOND), Step::Act(subscriber)))
            .collect()
    }

    /// Draws from another stream from now on.
    pub const fn reseed(&mut self, random: Random) {
        self.random = random;
    }

    /// Whether whoever sent a request reads what it is told; if not, it is remembered that
    /// something waits.
    pub fn reads(&mut self, request: RequestId) -> bool {
        let Some(connection) = self.connection(request) else { return true };
        connection.is_waited_for |= connection.is_deaf;
        !connection.is_deaf
    }

    /// What somebody waits for, in the end.
    pub fn undelivered(&self) -> Option<String> {
        self.all.iter().enumerate().find_map(|(number, subscriber)| {
            let connection = subscriber.connection.as_ref()?;
            if connection.stage != Stage::Idle {
                return Some(format!("subscriber {number} waits: {:?}", connection.stage));
            }
            let missing = connection.owed.iter().find_map(|(series, owed)| {
                owed.next().map(|value| format!("{value} of {series:?}"))
            });
            missing.map(|missing| format!("subscriber {number} never got {missing}"))
        })
    }

    /// The faults are over: everybody reads, and nobody asks for anything new.
    pub fn rest(&mut self, world: &mut World) {
        self.is_resting = true;
        for subscriber in 0..self.all.len() {
            let connection = self.all[subscriber].connection.as_ref();
            if let Some(request) = connection.map(|connection| connection.request) {
                world.schedule_subscriber(MS, Step::Reads(request));
            }
        }
    }

    /// The log took something: who has an active subscription is owed it.
    pub fn appended(&mut self, log: &LogModel) {
        if self.all.is_empty() {
            return;
        }
        for partition in 0..log.partitions() {
            let read = self.read.entry(partition).or_default();
            let records = log.records(DATA_TOPIC, partition);
            let fresh = &records[(*read as usize).min(records.len())..];
            *read = records.len() as u64;
            for record in fresh {
                let (Some(Data::Put { series, points, .. }), _) = understand(&record.value) else {
                    continue;
                };
                let Some(series) = self.names.get(&series) else { continue };
                for (_, value) in &points {
                    *self.times.entry(*value).or_default() += 1;
                }
                let connections = self.all.iter_mut().filter_map(|one| one.connection.as_mut());
                for connection in connections.filter(|one| one.active.contains(series)) {
                    let owed = connection.owed.entry(series.clone()).or_default();
                    points.iter().for_each(|(_, value)| owed.push(*value));
                }
            }
        }
    }

    /// A frontend learned of records at a time of its own clock.
    pub fn heard(&mut self, frontend: Address, wall_ms: i64, records: &[Record]) {
        for record in records {
            if let (Some(Data::Put { points, .. }), _) = understand(&record.value) {
                for (_, value) in points {
                    // It may learn of them again, and its clock may have been set back meanwhile.
                    let heard = self.heard.entry((frontend, value)).or_insert(wall_ms);
                    *heard = wall_ms.min(*heard);
                }
            }
        }
    }

    /// Does a step.
    pub fn step(&mut self, world: &mut World, step: Step) {
        match step {
            Step::Act(number) => self.act(world, number),
            Step::Response(request, action) => self.response(world, request, action),
            Step::Impatient(number, turn) => {
                if self.all[number].turn == turn && !self.is_resting {
                    self.leave(world, number);
                }
            }
            Step::Reads(request) => {
                let Some(connection) = self.connection(request) else { return };
                connection.is_deaf = false;
                if std::mem::take(&mut connection.is_waited_for) {
                    world.send(request, MS, HttpEvent::Drained { request });
                }
            }
        }
    }

    fn connection(&mut self, request: RequestId) -> Option<&mut Connection> {
        let all = self.all.iter_mut().filter_map(|subscriber| subscriber.connection.as_mut());
        all.into_iter().find(|connection| connection.request == request)
    }

    fn again(&mut self, world: &mut World, number: usize) {
        let pause = self.random.between(SECOND, 20 * SECOND);
        world.schedule_subscriber(pause, Step::Act(number));
    }

    fn act(&mut self, world: &mut World, number: usize) {
        if self.is_resting {
            return;
        }
        let Some(connection) = &self.all[number].connection else {
            return self.connect(world, number);
        };
        if connection.is_deaf {
            return self.again(world, number);
        }
        if connection.stage != Stage::Idle {
            return;
        }
        let tenant = self.all[number].tenant;
        let one = SeriesName { tenant, series: self.random.index(self.series) };
        match self.random.below(20) {
            0..8 if self.all[number].is_brief => {
                let expiry_ms = world.wall_ms() + self.random.between(3_000, 60_000) as i64;
                self.ask(number, Some(one.clone()), expiry_ms);
                self.say_subscribe(world, number, &format!("{}{{}}", class(&one)), expiry_ms);
                self.wait(world, number, Stage::Trying);
            }
            0..9 => {
                self.ask(number, None, i64::MAX);
                let selector = format!("{}{{}}", class_of_all(tenant));
                self.say_subscribe(world, number, &selector, i64::MAX);
                self.wait(world, number, Stage::Subscribing(selector));
            }
            9..11 => {
                let other = self.random.index(self.tenants);
                let owner = weft_wire::token::uuid(&[other as u8 + 1; 16]);
                let selector = format!("~t{other}[.].*{{.owner={owner}}}");
                if other == tenant {
                    return self.again(world, number);
                }
                self.say_subscribe(world, number, &selector, i64::MAX);
                self.wait(world, number, Stage::Trying);
            }
            11..13 => {
                let selector = format!("{}{{}}", class(&one));
                let token = self.token(tenant, i64::MAX);
                self.end(number, Some(&one));
                self.say(world, number, &format!("UNSUBSCRIBE {token} {selector}"));
                self.wait(world, number, Stage::Ending(format!("OK UNSUBSCRIBE {selector}")));
            }
            13 => {
                self.end(number, None);
                self.say(world, number, "CLEAR");
                self.wait(world, number, Stage::Ending("OK CLEAR".to_owned()));
            }
            14 => self.leave(world, number),
            15..17 => {
                let Some(connection) = &mut self.all[number].connection else { return };
                connection.is_deaf = true;
                let request = connection.request;
                let pause = self.random.between(5 * SECOND, 300 * SECOND);
                world.schedule_subscriber(pause, Step::Reads(request));
                self.again(world, number);
            }
            _ => {
                let format = *self.random.pick(&["TEXT", "FULLTEXT", "NOOP"]);
                self.say(world, number, format);
                self.again(world, number);
            }
        }
    }

    fn connect(&mut self, world: &mut World, number: usize) {
        let Some(place) = world.place_of(Component::Frontend) else {
            return self.again(world, number);
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let headers = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "x"),
        ];
        let head = RequestHead {
            method: "GET".to_owned(),
            path: PATH.to_owned(),
            query: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        world.open(request, place);
        world.send(request, MS, HttpEvent::Head { request, head });
        self.all[number].connection = Some(Connection {
            request,
            place,
            stage: Stage::Idle,
            asked: Vec::new(),
            active: BTreeSet::new(),
            owed: BTreeMap::new(),
            is_deaf: false,
            is_waited_for: false,
            last: None,
        });
        self.say(world, number, "ACK");
        self.wait(world, number, Stage::Greeting);
    }

    /// Says something. What is said later arrives later.
    fn say(&self, world: &mut World, number: usize, text: &str) {
        let Some(connection) = &self.all[number].connection else { return };
        let (request, bytes) = (connection.request, Bytes::copy_from_slice(text.as_bytes()));
        let words: Vec<&str> = text.split(' ').filter(|word| word.len() < 60).collect();
        world
            .trace
            .line(world.now_ns, format_args!("subscriber {number} says {}", words.join(" ")));
        let message = Message::Text(bytes);
        world.send_later(request, HttpEvent::Message { request, message });
    }

    fn say_subscribe(&self, world: &mut World, number: usize, selector: &str, expiry_ms: i64) {
        let token = self.token(self.all[number].tenant, expiry_ms);
        self.say(world, number, &format!("SUBSCRIBE {token} {selector}"));
    }

    fn token(&self, tenant: usize, expiry_ms: i64) -> String {
        let user = vec![tenant as u8 + 1; 16];
        token_keys().encode_read(&ReadToken {
            expiry_ms,
            apps: vec![app(tenant)],
            owners: vec![user.clone()],
            billed_id: user,
            ..ReadToken::default()
        })
    }

    fn ask(&mut self, number: usize, series: Option<SeriesName>, expiry_ms: i64) {
        if let Some(connection) = &mut self.all[number].connection {
            connection.asked.push(Asked { series, expiry_ms });
        }
    }

    /// It wants a series no more, or none; the tokens may still show it.
    fn end(&mut self, number: usize, series: Option<&SeriesName>) {
        let Some(connection) = &mut self.all[number].connection else { return };
        connection.active.retain(|active| series.is_some_and(|gone| gone != active));
        connection.owed.retain(|owed, _| series.is_some_and(|gone| gone != owed));
    }

    fn wait(&mut self, world: &mut World, number: usize, stage: Stage) {
        let subscriber = &mut self.all[number];
        subscriber.turn += 1;
        if let Some(connection) = &mut subscriber.connection {
            connection.stage = stage;
        }
        world.schedule_subscriber(PATIENCE_NS, Step::Impatient(number, subscriber.turn));
    }

    fn idle(&mut self, world: &mut World, number: usize) {
        let subscriber = &mut self.all[number];
        subscriber.turn += 1;
        if let Some(connection) = &mut subscriber.connection {
            connection.stage = Stage::Idle;
        }
        self.again(world, number);
    }

    fn leave(&mut self, world: &mut World, number: usize) {
        let subscriber = &mut self.all[number];
        subscriber.turn += 1;
        if let Some(connection) = subscriber.connection.take() {
            world.close(connection.request, true);
        }
        self.again(world, number);
    }

    fn response(&mut self, world: &mut World, request: RequestId, action: HttpAction) {
        let is_its =
            |one: &Subscriber| one.connection.as_ref().is_some_and(|c| c.request == request);
        let Some(number) = self.all.iter().position(is_its) else { return };
        match action {
            HttpAction::Message { message, .. } => {
                let text = String::from_utf8_lossy(message.bytes()).into_owned();
                self.told(world, number, &text);
            }
            HttpAction::Close { .. } | HttpAction::Abort { .. } | HttpAction::End { .. } => {
                self.all[number].connection = None;
                self.all[number].turn += 1;
                world.close(request, false);
                self.again(world, number);
            }
            _ => {}
        }
    }

    fn told(&mut self, world: &mut World, number: usize, text: &str) {
        let first = text.lines().next().unwrap_or_default();
        world.trace.line(world.now_ns, format_args!("subscriber {number} is told {first}"));
        let Some(connection) = &mut self.all[number].connection else { return };
        if let Some(reason) = text.strip_prefix("KO ") {
            if reason == "Token expired." {
                return;
            }
            if matches!(connection.stage, Stage::Subscribing(_) | Stage::Confirming(..)) {
                // What could not be found is no subscription any more.
                connection.active.clear();
                connection.owed.clear();
            }
            return self.idle(world, number);
        }
        if let Some(line) = text.strip_prefix("SUB ") {
            let series = series_of(line);
            if let (Stage::Listing(_, listed), Some(series)) = (&mut connection.stage, series) {
                listed.insert(series);
            }
            return;
        }
        if !text.starts_with("OK ") {
            return self.points(world, number, text);
        }
        match connection.stage.clone() {
            Stage::Greeting if text == "OK ACK" => self.idle(world, number),
            Stage::Subscribing(selector) if text == format!("OK SUBSCRIBE {selector}") => {
                self.say(world, number, "SUBSCRIPTIONS");
                self.say(world, number, "ACK");
                self.wait(world, number, Stage::Listing(selector, BTreeSet::new()));
            }
            Stage::Listing(selector, listed) if text == "OK ACK" => {
                self.say_subscribe(world, number, &selector, i64::MAX);
                self.wait(world, number, Stage::Confirming(selector, listed));
            }
            Stage::Confirming(selector, listed) if text == format!("OK SUBSCRIBE {selector}") => {
                connection.active.extend(listed);
                self.idle(world, number);
            }
            Stage::Trying if text.starts_with("OK SUBSCRIBE ") => self.idle(world, number),
            Stage::Ending(words) if text == words => {
                if words == "OK CLEAR" {
                    connection.asked.clear();
                }
                self.idle(world, number);
            }
            stage => {
                let what = format!("a subscriber in {stage:?} was told {text}");
                world.checks.fail("subscriptions", what);
            }
        }
    }

    /// Datapoints came.
    fn points(&mut self, world: &mut World, number: usize, text: &str) {
        let tenant = self.all[number].tenant;
        let Some(connection) = &mut self.all[number].connection else { return };
        for line in text.lines() {
            if !line.starts_with('=') {
                connection.last = line.split_once("// ").and_then(|(_, rest)| series_of(rest));
            }
            let value = line.rsplit(' ').next().and_then(|value| value.parse::<i64>().ok());
            let Some(value) = value else {
                let what = format!("a subscriber was told {line}");
                return world.checks.fail("subscriptions", what);
            };
            let heard = self.heard.get(&(connection.place, value)).copied().unwrap_or(i64::MAX);
            let series = connection.last.as_ref();
            let result = check_allowed(tenant, &connection.asked, series, heard, line);
            world.checks.judge("subscriptions", result);
            let owed = series.and_then(|series| connection.owed.get_mut(series));
            if let Some(owed) = owed {
                let is_single = self.times.get(&value).is_none_or(|times| *times == 1);
                let before = owed.next();
                world.checks.judge("subscriptions", owed.take(value, is_single));
                self.delivered += u64::from(before != owed.next());
            }
        }
    }
}

/// The series that a text begins with.
fn series_of(text: &str) -> Option<SeriesName> {
    let class = text.split('{').next()?;
    let (tenant, series) = class.strip_prefix('t')?.split_once(".s")?;
    let name = SeriesName { tenant: tenant.parse().ok()?, series: series.parse().ok()? };
    let label = metadata_of(&name).labels.get("k").map(str::to_owned)?;
    text.contains(&format!("k={label}")).then_some(name)
}
