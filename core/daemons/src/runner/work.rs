//! Role `worker`: runs what schedulers ask for, each window of a script once.
//!
//! A request is taken by a commit of the offset behind it, and run only when that was acknowledged:
//! it is this worker's then, and nobody reads it again. What a worker has taken and not begun is
//! lost when it dies.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::RunnerConfig;
use super::locks::Locks;
use super::out::{Last, Out, Row, failure, state_of};
use super::request::Request;
use super::tail::Tail;
use crate::consumer::{Change, Consumer};
use crate::contract::coord::CoordEvent;
use crate::contract::log::{LogAction, LogEvent, Start};
use crate::contract::peer::{PeerAction, PeerEvent};
use crate::contract::{ActionId, Change as Amount, Effect, Metric};
use crate::time::{Mono, Now};

/// Bytes of requests that are taken and not begun; no more are read meanwhile.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// How long a commit may wait for the one before it.
const COMMIT_PERIOD: Duration = Duration::from_millis(10);

/// How often scripts that nobody asks for any more are forgotten.
const PRUNE_PERIOD: Duration = Duration::from_secs(60);

/// The role.
#[derive(Debug)]
pub(super) struct Worker {
    consumer: Consumer,
    tails: BTreeMap<u32, Tail>,
    /// Read, and to be committed; the offset of each.
    read: VecDeque<(u32, u64, Request)>,
    jobs: BTreeMap<Arc<str>, Job>,
    /// Scripts that have something to run, the first first.
    queue: VecDeque<Arc<str>>,
    running: BTreeMap<ActionId, Arc<str>>,
    waiting_bytes: usize,
    locks: Locks,
    /// Locks may be held that are not wanted any more.
    has_spare_locks: bool,
    /// When scripts that nobody asks for any more were forgotten last.
    pruned: Mono,
}

/// A script.
#[derive(Debug)]
struct Job {
    partition: u32,
    period_ms: i64,
    /// What is to run next; a newer one takes its place.
    pending: Option<Request>,
    /// Whether it stands in the queue.
    is_queued: bool,
    running: Option<(ActionId, Now)>,
    last: Option<Last>,
}

impl Worker {
    /// A worker of that unique name.
    pub(super) fn new(config: &RunnerConfig, own: bytes::Bytes) -> Self {
        let (topic, group) = (config.topic.clone(), config.group.clone());
        Self {
            consumer: Consumer::new(topic, group, Start::Earliest, COMMIT_PERIOD),
            tails: BTreeMap::new(),
            read: VecDeque::new(),
            jobs: BTreeMap::new(),
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            waiting_bytes: 0,
            has_spare_locks: false,
            pruned: Mono(0),
            locks: Locks::new(&config.root_path, own, config.session_time),
        }
    }

    pub(super) fn tick(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        self.consumer.tick(now, &mut out.ids);
        if self.locks.tick(now, out) {
            // Another worker may hold the locks soon: what runs must have ended by then.
            for (id, path) in std::mem::take(&mut self.running) {
                out.peer(PeerAction::Cancel { id });
                let why = "ended, for contact with coordination was lost".to_owned();
                self.ended(now, &path, Some(why), out);
            }
        }
        self.begin(config, now, out);
    }

    pub(super) fn log_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &LogEvent,
        out: &mut Out,
    ) {
        match self.consumer.handle(now, event.clone()) {
            Change::Assigned(partitions) => {
                for partition in partitions {
                    self.forget(partition);
                    let tail = Tail::begin(&mut self.consumer, partition, 0);
                    self.tails.insert(partition, tail);
                }
            }
            Change::Revoked(partitions) => {
                for partition in partitions {
                    self.forget(partition);
                    self.tails.remove(&partition);
                }
                self.has_spare_locks = true;
                self.release(out);
            }
            Change::Records(partition) => self.read(config, now, partition, out),
            Change::Committed(partition, until) => {
                self.taken(now, partition, until, out);
                self.consumer.commit(partition, &mut out.ids);
                self.begin(config, now, out);
            }
            Change::None => {}
        }
    }

    /// What was not taken of a partition is whose it is next.
    fn forget(&mut self, partition: u32) {
        let freed: usize = self.read.iter().filter(|r| r.0 == partition).map(|r| r.2.bytes()).sum();
        self.waiting_bytes -= freed;
        self.read.retain(|(of, ..)| *of != partition);
    }

    fn read_all(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        let partitions: Vec<u32> = self.consumer.partitions().collect();
        for partition in partitions {
            self.read(config, now, partition, out);
        }
    }

    fn read(&mut self, config: &RunnerConfig, now: Now, partition: u32, out: &mut Out) {
        let Some(tail) = self.tails.get_mut(&partition) else { return };
        while self.waiting_bytes < WAITING_BYTES_MAX
            && let Some(record) = self.consumer.pop(partition)
        {
            let envelope = &config.envelope;
            if !tail.is_new(now, &mut self.consumer, partition, &record, envelope) {
                continue;
            }
            self.consumer.applied(now, partition, (record.offset + 1).into());
            match Request::read(&record, envelope) {
                Err(why) => {
                    dropped(out, "invalid");
                    let offset = record.offset;
                    out.warn(format!(
                        "runner: record {offset} of partition {partition} is passed over: {why}"
                    ));
                }
                Ok(request) if request.is_overdue(now.wall.as_ms()) => dropped(out, "overdue"),
                Ok(request) if !tail.take(now, &request) => dropped(out, "repeated"),
                Ok(request) => {
                    self.waiting_bytes += request.bytes();
                    self.read.push_back((partition, record.offset, request));
                }
            }
        }
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::RunBeforeTaken) {
            self.taken(now, partition, u64::MAX, out);
        }
        self.consumer.commit(partition, &mut out.ids);
    }

    /// Everything of a partition before an offset is ours to run.
    fn taken(&mut self, now: Now, partition: u32, until: u64, out: &mut Out) {
        let mut rest = VecDeque::new();
        for (of, offset, request) in std::mem::take(&mut self.read) {
            if of != partition || offset >= until {
                rest.push_back((of, offset, request));
                continue;
            }
            let (path, period_ms) = (request.path.clone(), request.period_ms);
            let job = self.jobs.entry(path.clone()).or_insert_with(|| Job {
                partition,
                period_ms,
                pending: None,
                is_queued: false,
                running: None,
                last: None,
            });
            out.next(&path, request.scheduled_ms.saturating_add(period_ms));
            if let Some(older) = job.pending.replace(request) {
                self.waiting_bytes -= older.bytes();
                dropped(out, "overdue");
            }
            self.enqueue(&path);
        }
        self.read = rest;
        self.prune(now);
    }

    fn enqueue(&mut self, path: &Arc<str>) {
        if let Some(job) = self.jobs.get_mut(path)
            && job.pending.is_some()
            && job.running.is_none()
            && !std::mem::replace(&mut job.is_queued, true)
        {
            self.queue.push_back(path.clone());
        }
    }

    /// Begins what there are places for.
    fn begin(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        let now_ms = now.wall.as_ms();
        while self.running.len() < config.parallel
            && let Some(path) = self.queue.pop_front()
        {
            let Some(job) = self.jobs.get_mut(&path) else { continue };
            job.is_queued = false;
            if job.pending.as_ref().is_none_or(|request| request.is_overdue(now_ms)) {
                if let Some(request) = job.pending.take() {
                    self.waiting_bytes -= request.bytes();
                    dropped(out, "overdue");
                }
                self.has_spare_locks |= !self.consumer.owns(job.partition);
                continue;
            }
            if !self.locks.hold(&path, out) {
                // It comes again when the lock is there.
                continue;
            }
            let Some(request) = job.pending.take() else { continue };
            self.waiting_bytes -= request.bytes();
            match request.text() {
                Ok(text) => {
                    let what = (&*path, request.period_ms, request.scheduled_ms);
                    let id = out.call(config, now, what, &text);
                    job.running = Some((id, now));
                    self.running.insert(id, path);
                }
                Err(why) => job.last = Some(out.ended(now, &path, now, Some(why))),
            }
        }
        if self.waiting_bytes < WAITING_BYTES_MAX / 2 {
            // What was left in the queues of partitions goes on.
            self.read_all(config, now, out);
        }
        self.release(out);
    }

    pub(super) fn peer_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &mut Option<PeerEvent>,
        out: &mut Out,
    ) {
        match event.take() {
            Some(PeerEvent::Called { id, result }) if self.running.contains_key(&id) => {
                if let Some(path) = self.running.remove(&id) {
                    self.ended(now, &path, failure(result), out);
                    self.begin(config, now, out);
                }
            }
            other => *event = other,
        }
    }

    fn ended(&mut self, now: Now, path: &Arc<str>, failure: Option<String>, out: &mut Out) {
        let Some(job) = self.jobs.get_mut(path) else { return };
        if let Some((_, began)) = job.running.take() {
            job.last = Some(out.ended(now, path, began, failure));
        }
        self.has_spare_locks |= !self.consumer.owns(job.partition);
        self.enqueue(path);
    }

    pub(super) fn coord_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &CoordEvent,
        out: &mut Out,
    ) {
        let jobs = &self.jobs;
        let is_wanted = |path: &str| jobs.get(path).is_some_and(Job::is_at_work);
        let (held, lost) = self.locks.event(now, event, is_wanted, out);
        self.has_spare_locks = true;
        for path in held {
            self.enqueue(&path);
        }
        for path in lost {
            let running = self.jobs.get(&path).and_then(|job| job.running);
            if let Some((id, _)) = running {
                self.running.remove(&id);
                out.peer(PeerAction::Cancel { id });
                let why = "ended, for another worker runs it".to_owned();
                self.ended(now, &path, Some(why), out);
            }
        }
        self.begin(config, now, out);
    }

    /// Lets go of the locks of scripts that others run from now on.
    fn release(&mut self, out: &mut Out) {
        if !std::mem::take(&mut self.has_spare_locks) {
            return;
        }
        let (jobs, consumer) = (&self.jobs, &self.consumer);
        self.locks.release(out, |path| {
            jobs.get(path).is_some_and(|job| job.is_at_work() || consumer.owns(job.partition))
        });
    }

    /// Forgets scripts that are others' now, and those that were not asked for in a long time.
    fn prune(&mut self, now: Now) {
        if now.mono.since(self.pruned) < PRUNE_PERIOD {
            return;
        }
        self.pruned = now.mono;
        let (consumer, now_ms) = (&self.consumer, now.wall.as_ms());
        self.jobs.retain(|_, job| {
            let last_ms = job.last.as_ref().map_or(now_ms, |last| last.began_ms);
            let is_old = last_ms.saturating_add(job.period_ms.saturating_mul(4)) < now_ms;
            job.is_at_work() || consumer.owns(job.partition) && !is_old
        });
    }

    pub(super) fn rows(&self, rows: &mut BTreeMap<Arc<str>, Row>) {
        for (path, job) in &self.jobs {
            let state = if job.running.is_some() {
                "running".to_owned()
            } else if job.pending.is_some() {
                "queued".to_owned()
            } else {
                state_of(job.last.as_ref())
            };
            let known = rows.remove(path);
            let next_ms = known.and_then(|row| row.next_ms);
            let (period_ms, last) = (job.period_ms, job.last.clone());
            rows.insert(path.clone(), Row { period_ms, last, next_ms, state });
        }
    }

    /// Begins nothing more.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        for job in self.jobs.values_mut() {
            (job.pending, job.is_queued) = (None, false);
        }
        self.read.clear();
        self.waiting_bytes = 0;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn poll(&mut self) -> Option<LogAction> {
        self.consumer.poll()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        [self.consumer.deadline(), self.locks.deadline()].into_iter().flatten().min()
    }
}

impl Job {
    const fn is_at_work(&self) -> bool {
        self.running.is_some() || self.pending.is_some()
    }
}

fn dropped(out: &mut Out, reason: &str) {
    out.effects.push_back(Effect::Metric(Metric {
        name: "weft_runner_dropped_requests_total",
        labels: vec![("reason", reason.to_owned())],
        change: Amount::Add(1),
    }));
}
