//! Role `scheduler`: asks for the runs of the scripts in its folder, while it leads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::leader::Election;
use super::out::{Last, Out, Row};
use super::program::filled_text;
use super::request::Request;
use super::scan::Scan;
use super::scripts::{Scripts, window_of};
use super::tail::Tail;
use super::{LOOK_PERIOD, RunnerConfig};
use crate::consumer::{Change, Consumer};
use crate::contract::log::{LogAction, LogError, LogEvent, NewRecord, Start};
use crate::contract::peer::{PeerAction, PeerEvent};
use crate::contract::{ActionId, CoordEvent, Effect, Metric};
use crate::time::{Mono, Now};

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Requests that are made at once.
const AT_ONCE: usize = 64;

/// The role.
#[derive(Debug)]
pub(super) struct Scheduler {
    scan: Scan,
    scripts: Scripts,
    /// How scripts were asked for last.
    lasts: BTreeMap<Arc<str>, Last>,
    queue: VecDeque<Arc<str>>,
    /// Scripts that are read and asked for, by the action that is under way.
    making: BTreeMap<ActionId, Making>,
    /// Requests that did not reach the log.
    again: Vec<Making>,
    again_at: Option<Mono>,
    election: Election,
    /// Reads the topic's tail; it begins when the scripts are known.
    consumer: Option<Consumer>,
    tails: BTreeMap<u32, Tail>,
    partitions: Option<u32>,
    described: Option<ActionId>,
    caught_up: CaughtUp,
    look: Option<Mono>,
}

/// Whether the leader knows what was asked for before it led.
#[derive(Debug, PartialEq, Eq)]
enum CaughtUp {
    No,
    /// It asks again later.
    Later,
    /// It is asked how far the topic reaches.
    Asking(ActionId),
    /// It is read so far.
    Reading(Vec<(u32, u64)>),
    Yes,
}

/// A request that is made.
#[derive(Debug)]
struct Making {
    path: Arc<str>,
    period_ms: i64,
    window: i64,
    record: Option<NewRecord>,
}

impl Scheduler {
    /// A scheduler of that unique name.
    pub(super) fn new(config: &RunnerConfig, own: Bytes) -> Self {
        Self {
            scan: Scan::default(),
            scripts: Scripts::default(),
            lasts: BTreeMap::new(),
            queue: VecDeque::new(),
            making: BTreeMap::new(),
            again: Vec::new(),
            again_at: None,
            election: Election::new(&config.root_path, own),
            consumer: None,
            tails: BTreeMap::new(),
            partitions: None,
            described: None,
            caught_up: CaughtUp::No,
            look: None,
        }
    }

    pub(super) fn tick(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        self.election.tick(config, now, out);
        self.scan.tick(now, out);
        if self.again_at.is_some_and(|at| at <= now.mono) {
            self.again_at = None;
            self.describe(config, out);
            if self.caught_up == CaughtUp::Later {
                self.caught_up = CaughtUp::No;
            }
            for making in std::mem::take(&mut self.again) {
                self.append(config, now, making, out);
            }
        }
        self.look(config, now, out);
    }

    /// Asks for what is due.
    fn look(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        self.catch_up(config, out);
        let now_ms = now.wall.as_ms();
        self.look = None;
        if !self.is_scheduling() {
            return self.give_up(now_ms);
        }
        self.queue.extend(self.scripts.take_due(now_ms));
        while self.making.len() + self.again.len() < AT_ONCE {
            let Some(path) = self.queue.pop_front() else { break };
            let Some(script) = self.scripts.get(&path) else { continue };
            let (period_ms, window) = (script.period_ms, script.last_window());
            if window_of(now_ms, period_ms) > window {
                // It waited for too long: it is due in the window that lasts.
                self.scripts.free(&path, now_ms);
                continue;
            }
            out.next(&path, (window + 1).saturating_mul(period_ms));
            let id = out.ids.next_id();
            out.peer(PeerAction::Read { id, path: path.clone() });
            self.making.insert(id, Making { path, period_ms, window, record: None });
        }
        // The clock may jump.
        let due_ms = self.scripts.next_ms();
        self.look = due_ms.map(|due_ms| {
            let wait = u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0);
            now.mono.after(Duration::from_millis(wait).min(LOOK_PERIOD))
        });
    }

    fn is_scheduling(&self) -> bool {
        self.election.leads() && self.caught_up == CaughtUp::Yes && self.partitions.is_some()
    }

    /// What waits is another one's to ask for.
    fn give_up(&mut self, now_ms: i64) {
        for path in std::mem::take(&mut self.queue) {
            self.give_back(&path, now_ms);
        }
        for making in std::mem::take(&mut self.again) {
            self.give_back(&making.path, now_ms);
        }
    }

    /// A script was due and is not asked for, as far as is known.
    fn give_back(&mut self, path: &Arc<str>, now_ms: i64) {
        self.scripts.give_back(path, now_ms);
        if let Some(window) = self.tails.values().find_map(|tail| tail.last(path)) {
            self.scripts.seen(path, window, now_ms);
        }
    }

    /// A leader first learns what the ones before it have asked for.
    fn catch_up(&mut self, config: &RunnerConfig, out: &mut Out) {
        if !self.election.leads() {
            self.caught_up = CaughtUp::No;
            return;
        }
        let Some(consumer) = &self.consumer else { return };
        if self.caught_up == CaughtUp::No {
            let id = out.ids.next_id();
            self.caught_up = CaughtUp::Asking(id);
            let topic = config.topic.clone();
            return out.effects.push_back(Effect::Log(LogAction::Ends { id, topic }));
        }
        let CaughtUp::Reading(ends) = &self.caught_up else { return };
        let is_read = |(partition, end): &(u32, u64)| {
            let is_known = self.tails.get(partition).is_some_and(Tail::is_known);
            is_known && consumer.applied_offset(*partition).is_some_and(|offset| offset >= *end)
        };
        if ends.iter().all(is_read) {
            self.caught_up = CaughtUp::Yes;
        }
    }

    fn describe(&mut self, config: &RunnerConfig, out: &mut Out) {
        if self.partitions.is_none() && self.described.is_none() {
            let id = out.ids.next_id();
            self.described = Some(id);
            let topic = config.topic.clone();
            out.effects.push_back(Effect::Log(LogAction::Describe { id, topic }));
        }
    }

    pub(super) fn coord_event(&mut self, now: Now, event: &CoordEvent, out: &mut Out) {
        self.election.event(now, event, out);
    }

    pub(super) fn peer_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &mut Option<PeerEvent>,
        out: &mut Out,
    ) {
        if let Some(paths) = self.scan.take(config, now, event, out) {
            self.scanned(config, now, paths, out);
        }
        match event.take() {
            Some(PeerEvent::Read { id, result }) if self.making.contains_key(&id) => {
                let Some(making) = self.making.remove(&id) else { return };
                match (result, self.partitions) {
                    (Ok(text), Some(partitions)) => {
                        let values = &config.values;
                        let text = filled_text(&making.path, making.period_ms, &text, values);
                        let what = (&*making.path, making.period_ms, making.window);
                        let (id, envelope) = (&config.id, &config.envelope);
                        let record = Request::record(what, &text, id, envelope, partitions);
                        let making = Making { record: Some(record), ..making };
                        self.append(config, now, making, out);
                    }
                    (Err(error), _) => self.made(now, making, Some(error), out),
                    (Ok(_), None) => self.give_back(&making.path, now.wall.as_ms()),
                }
            }
            other => *event = other,
        }
    }

    fn scanned(&mut self, config: &RunnerConfig, now: Now, paths: Vec<Arc<str>>, out: &mut Out) {
        let (now_ms, at_startup) = (now.wall.as_ms(), config.run_at_startup);
        let tails = &self.tails;
        let known = |path: &str, period_ms| {
            let last = tails.values().find_map(|tail| tail.last(path));
            last.or_else(|| (!at_startup).then(|| window_of(now_ms, period_ms)))
        };
        self.scripts.scanned(now_ms, paths, config.min_period_ms, known);
        self.lasts.retain(|path, _| self.scripts.get(path).is_some());
        out.metric(Metric::set("weft_runner_scripts", self.scripts.len() as f64));
        if self.consumer.is_none() {
            // The group that stands alone reads every partition, and commits nothing.
            let consumer =
                Consumer::new(config.topic.clone(), "".into(), Start::Latest, LOOK_PERIOD);
            self.consumer = Some(consumer);
            self.describe(config, out);
        }
    }

    fn append(&mut self, config: &RunnerConfig, now: Now, making: Making, out: &mut Out) {
        let now_ms = now.wall.as_ms();
        let Some(record) = making.record.clone() else { return };
        // What is not answered may be in the log: workers run it once however often it is there.
        if !self.is_scheduling() {
            return self.give_back(&making.path, now_ms);
        }
        if window_of(now_ms, making.period_ms) > making.window {
            return self.scripts.free(&making.path, now_ms);
        }
        let id = out.ids.next_id();
        let (topic, records) = (config.topic.clone(), vec![record]);
        out.effects.push_back(Effect::Log(LogAction::Append { id, topic, records }));
        self.making.insert(id, making);
    }

    /// A request is in the log, or cannot be.
    fn made(&mut self, now: Now, making: Making, failure: Option<String>, out: &mut Out) {
        match &failure {
            None => out.metric(Metric::add("weft_runner_requests_total", 1)),
            Some(failure) => {
                out.metric(Metric::add("weft_runner_request_failures_total", 1));
                out.warn(format!("runner: {} is not asked for: {failure}", making.path));
            }
        }
        let began_ms = making.window.saturating_mul(making.period_ms);
        self.scripts.free(&making.path, now.wall.as_ms());
        if self.scripts.get(&making.path).is_some() {
            self.lasts.insert(making.path, Last { began_ms, duration: None, failure });
        }
    }

    pub(super) fn log_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &LogEvent,
        out: &mut Out,
    ) {
        match event {
            LogEvent::Described { id, result } if self.described == Some(*id) => {
                self.described = None;
                match result {
                    Ok(count) if *count > 0 => self.partitions = Some(*count),
                    _ => self.again_later(now),
                }
            }
            LogEvent::Appended { id, result } if self.making.contains_key(id) => {
                let Some(making) = self.making.remove(id) else { return };
                match result {
                    Ok(_) => self.made(now, making, None, out),
                    Err(LogError::Refused(why)) => {
                        self.made(now, making, Some(format!("the log refused: {why}")), out);
                    }
                    Err(_) => {
                        self.again.push(making);
                        self.again_later(now);
                    }
                }
            }
            LogEvent::Ends { id, result } if self.caught_up == CaughtUp::Asking(*id) => {
                self.caught_up = match result {
                    Ok(ends) => CaughtUp::Reading(ends.clone()),
                    Err(_) => {
                        self.again_later(now);
                        CaughtUp::Later
                    }
                };
            }
            event if is_of_tail(event) => self.read(config, now, event, out),
            _ => {}
        }
    }

    /// Reads what was asked for, by whomever.
    fn read(&mut self, config: &RunnerConfig, now: Now, event: &LogEvent, out: &mut Out) {
        let Some(consumer) = &mut self.consumer else { return };
        match consumer.handle(now, event.clone()) {
            Change::Assigned(partitions) => {
                for partition in partitions {
                    let tail = Tail::begin(consumer, partition, self.scripts.longest_ms());
                    self.tails.insert(partition, tail);
                }
            }
            Change::Records(partition) => {
                let Some(tail) = self.tails.get_mut(&partition) else { return };
                let was_known = tail.is_known();
                while let Some(record) = consumer.pop(partition) {
                    if !tail.is_new(now, consumer, partition, &record, &config.envelope) {
                        continue;
                    }
                    match Request::read(&record, &config.envelope) {
                        Ok(request) if !request.is_overdue(record.timestamp_ms) => {
                            tail.take(now, &request);
                            let window = request.window();
                            self.scripts.seen(&request.path, window, now.wall.as_ms());
                        }
                        Ok(_) => {}
                        Err(why) => out.warn(format!(
                            "runner: record {} of partition {partition} is passed over: {why}",
                            record.offset
                        )),
                    }
                    consumer.applied(now, partition, (record.offset + 1).into());
                }
                if !was_known && tail.is_known() {
                    // A script that was seen in the folder first may have been asked for before.
                    let known: Vec<(Arc<str>, i64)> = self
                        .scripts
                        .iter()
                        .filter_map(|(path, _)| Some((path.clone(), tail.last(path)?)))
                        .collect();
                    for (path, window) in known {
                        self.scripts.correct(&path, window, now.wall.as_ms());
                    }
                }
            }
            Change::Revoked(partitions) => {
                for partition in partitions {
                    self.tails.remove(&partition);
                }
            }
            Change::Committed(..) | Change::None => {}
        }
    }

    fn again_later(&mut self, now: Now) {
        self.again_at.get_or_insert_with(|| now.mono.after(RETRY));
    }

    pub(super) fn rows(&self, now: Now, rows: &mut BTreeMap<Arc<str>, Row>) {
        for (path, script) in self.scripts.iter() {
            let last = self.lasts.get(path).cloned();
            let state = match &last {
                None => "waiting".to_owned(),
                Some(Last { failure: Some(failure), .. }) => format!("failed: {failure}"),
                Some(_) => "asked for".to_owned(),
            };
            let next_ms = script.is_there.then(|| script.next_ms(now.wall.as_ms()));
            rows.insert(path.clone(), Row { period_ms: script.period_ms, last, next_ms, state });
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.partitions.is_some()
    }

    /// Asks for nothing more.
    pub(super) fn stop(&mut self, now: Now, out: &mut Out) {
        self.election.leave(out);
        self.give_up(now.wall.as_ms());
    }

    /// Whether nothing is on its way to the log.
    pub(super) fn is_idle(&self) -> bool {
        self.making.values().all(|making| making.record.is_none())
    }

    pub(super) fn poll(&mut self) -> Option<LogAction> {
        self.consumer.as_mut().and_then(Consumer::poll)
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let is_full = self.making.len() + self.again.len() >= AT_ONCE;
        let look = self.look.filter(|_| !is_full);
        let election = self.election.deadline();
        [self.scan.deadline(), look, election, self.again_at].into_iter().flatten().min()
    }
}

/// Whether it is about the group that stands alone.
fn is_of_tail(event: &LogEvent) -> bool {
    match event {
        LogEvent::Assigned { group, .. }
        | LogEvent::Revoked { group, .. }
        | LogEvent::Records { group, .. } => group.is_empty(),
        _ => false,
    }
}
