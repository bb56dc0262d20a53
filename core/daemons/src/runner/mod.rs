//! `runner`: runs the scripts of a folder, each as often as its folder says.
//!
//! Role `standalone` does all of it in one process. `scheduler` and `worker`, in one process or
//! apart and as many as wanted, share it: the scheduler that leads asks for runs in a topic,
//! workers share the topic's partitions.
//!
//! It promises:
//! - The windows of a script are the multiples of its period on the wall clock. It begins at most once
//!   in each of them, whoever leads and whoever works, and in each of them unless a run lasts past its end, the
//!   clock jumps over it, or all places are taken while it lasts.
//! - Schedulers and workers that fail, or lose contact, cost the windows that end before others
//!   have taken over; of longer ones, those whose request a worker had taken and not begun when it died.
//! - A script never overlaps itself, and no more than `runner.nthreads` (of a worker
//!   `runner.kafka.nthreads`) run at once: what is due waits, in the order in which it was. A worker that
//!   stands still for longer than a session of coordination, while egress goes on with its run, is the exception.
//! - Whatever fails is counted and told, and the script begins again in its next window.
//! - The log's order decides: a worker runs no window that is not newer than the last one that was asked for.
//!   So a former leader that still sends changes nothing, nor does one that sends again what was not answered.
//!
//! With `runner.runatstartup` a script that is seen for the first time begins at once, in the window
//! that lasts; without, it waits for the next one. (The reference counts periods from the end of a
//! script's first run; windows do not drift.)
//!
//! ```text
//!   standalone:  Scan ─▶ scripts ─window─▶ queue ─place free─▶ Read ─▶ Call /api/v0/exec ─▶ told
//!   scheduler:   Scan ─▶ scripts ─window, leads─▶ Read ─▶ Append to runner.kafka.topic
//!   worker:      Records ─newer, not overdue─▶ Commit ─lock, place─▶ Call /api/v0/exec ─▶ told
//! ```

mod leader;
mod locks;
mod out;
mod program;
mod request;
mod scan;
mod schedule;
mod scripts;
mod standalone;
mod tail;
mod work;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::WrapKey;
use weft_wire::envelope::Envelope;

use crate::contract::http::{HttpAction, HttpEvent, RequestId, ResponseHead};
use crate::contract::log::Topic;
use crate::contract::peer::PeerEvent;
use crate::contract::{CoordEvent, Effect, Event, LogEvent, Machine, NoTask};
use crate::time::{Mono, Now};
use out::{Out, Row};
use schedule::Scheduler;
use standalone::Standalone;
use work::Worker;

/// Where the state of the scripts is told.
pub const PATH: &str = "/api/v0/runner";

/// How often the wall clock is looked at while there are scripts: it may jump.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// What the configuration says of `runner`.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// `runner.roles`.
    pub roles: Roles,
    /// `runner.nthreads`, of a worker `runner.kafka.nthreads`: scripts that run at once.
    pub parallel: usize,
    /// `runner.scanperiod`: how often the folder is looked at.
    pub scan_period: Duration,
    /// `runner.minperiod`: scripts with a shorter period do not run, milliseconds.
    pub min_period_ms: i64,
    /// `runner.runatstartup`.
    pub run_at_startup: bool,
    /// `runner.psk`: shows egress that a request is the runner's.
    pub key: Option<WrapKey>,
    /// Values of scripts, by `name@/place`.
    pub values: BTreeMap<String, String>,
    /// `runner.id`: who schedules, as requests say.
    pub id: String,
    /// `runner.kafka.topic`.
    pub topic: Topic,
    /// `runner.kafka.groupid`.
    pub group: Topic,
    /// `runner.kafka.mac` and `.aes`.
    pub envelope: Envelope,
    /// `runner.zk.znode`.
    pub root_path: String,
    /// How long a session of coordination outlives contact.
    pub session_time: Duration,
}

/// What a runner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// Everything, alone.
    Standalone,
    /// Its part among others.
    Shared {
        /// It asks for runs.
        scheduler: bool,
        /// It runs what is asked for.
        worker: bool,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Runner {
    config: RunnerConfig,
    standalone: Option<Standalone>,
    scheduler: Option<Scheduler>,
    worker: Option<Worker>,
    out: Out,
    is_ready: bool,
    is_stopping: bool,
    has_stopped: bool,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            roles: Roles::Standalone,
            parallel: 1,
            scan_period: Duration::from_secs(60),
            min_period_ms: 1_000,
            run_at_startup: true,
            key: None,
            values: BTreeMap::new(),
            id: "runner".to_owned(),
            topic: "runner".into(),
            group: "runner".into(),
            envelope: Envelope::default(),
            root_path: "/weft/runner".to_owned(),
            session_time: Duration::from_secs(10),
        }
    }
}

impl Runner {
    /// A runner. `seed` decides what is drawn at random, and names it among others.
    pub fn new(config: RunnerConfig, seed: [u8; 32]) -> Self {
        let (scheduler, worker) = match config.roles {
            Roles::Standalone => (false, false),
            Roles::Shared { scheduler, worker } => (scheduler, worker),
        };
        let own = format!("{} {}", config.id, weft_wire::token::uuid(&seed[..16]));
        let own = Bytes::from(own);
        let mut runner = Self {
            standalone: (config.roles == Roles::Standalone).then(Standalone::default),
            scheduler: scheduler.then(|| Scheduler::new(&config, own.clone())),
            worker: worker.then(|| Worker::new(&config, own)),
            out: Out::new(seed),
            is_ready: false,
            is_stopping: false,
            has_stopped: false,
            config,
        };
        runner.tell_ready();
        runner
    }

    fn tick(&mut self, now: Now) {
        if self.is_stopping {
            return;
        }
        let (config, out) = (&self.config, &mut self.out);
        if let Some(role) = &mut self.standalone {
            role.tick(config, now, out);
        }
        if let Some(role) = &mut self.scheduler {
            role.tick(config, now, out);
        }
        if let Some(role) = &mut self.worker {
            role.tick(config, now, out);
        }
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        let (config, out, mut event) = (&self.config, &mut self.out, Some(event));
        if let Some(role) = &mut self.standalone {
            role.peer_event(config, now, &mut event, self.is_stopping, out);
        }
        if let Some(role) = &mut self.scheduler {
            role.peer_event(config, now, &mut event, out);
        }
        if let Some(role) = &mut self.worker {
            role.peer_event(config, now, &mut event, out);
        }
    }

    fn log_event(&mut self, now: Now, event: &LogEvent) {
        let (config, out) = (&self.config, &mut self.out);
        if let Some(role) = &mut self.scheduler {
            role.log_event(config, now, event, out);
        }
        if let Some(role) = self.worker.as_mut().filter(|_| !self.is_stopping) {
            role.log_event(config, now, event, out);
        }
    }

    fn coord_event(&mut self, now: Now, event: &CoordEvent) {
        if self.is_stopping {
            return;
        }
        let (config, out) = (&self.config, &mut self.out);
        if let Some(role) = &mut self.scheduler {
            role.coord_event(now, event, out);
        }
        if let Some(role) = &mut self.worker {
            role.coord_event(config, now, event, out);
        }
    }

    /// A scheduler is ready when it knows its topic; everything else always is.
    fn tell_ready(&mut self) {
        let is_ready = self.scheduler.as_ref().is_none_or(Scheduler::is_ready);
        if is_ready != self.is_ready {
            self.is_ready = is_ready;
            self.out.effects.push_back(Effect::Ready(is_ready));
        }
    }

    /// What is asked over HTTP: the state of each script.
    fn http_event(&mut self, now: Now, event: HttpEvent) {
        let HttpEvent::Head { request, head } = event else { return };
        match head.method.as_str() {
            "GET" => self.answer(request, 200, self.list(now)),
            _ => self.answer(request, 405, "Only GET is allowed here.\n".to_owned()),
        }
    }

    fn answer(&mut self, request: RequestId, status: u16, text: String) {
        let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        let head = ResponseHead { status, headers };
        for action in [
            HttpAction::Head { request, head },
            HttpAction::Body { request, bytes: text.into() },
            HttpAction::End { request },
        ] {
            self.out.effects.push_back(Effect::Http(action));
        }
    }

    /// A line for each script, its parts separated by tabs; the first line names them. A scheduler
    /// tells which window it asked for last and when it asks next, a worker how the last run went.
    fn list(&self, now: Now) -> String {
        let mut rows: BTreeMap<Arc<str>, Row> = BTreeMap::new();
        if let Some(role) = &self.standalone {
            role.rows(now, &mut rows);
        }
        if let Some(role) = &self.scheduler {
            role.rows(now, &mut rows);
        }
        if let Some(role) = &self.worker {
            role.rows(&mut rows);
        }
        let mut text = "path\tperiod_ms\tlast_ms\tduration_ms\tnext_ms\tstate\n".to_owned();
        for (path, Row { period_ms, last, next_ms, state }) in &rows {
            let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let began = or_dash(last.as_ref().map(|last| last.began_ms.to_string()));
            let duration = last.as_ref().and_then(|last| last.duration);
            let duration = or_dash(duration.map(|duration| duration.as_millis().to_string()));
            let next = or_dash(next_ms.map(|next| next.to_string()));
            let (path, state) = (plain(path), plain(state));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{path}\t{period_ms}\t{began}\t{duration}\t{next}\t{state}");
        }
        text
    }

    fn stop(&mut self, now: Now) {
        if std::mem::replace(&mut self.is_stopping, true) {
            return;
        }
        if let Some(role) = &mut self.standalone {
            role.stop();
        }
        if let Some(role) = &mut self.scheduler {
            role.stop(now, &mut self.out);
        }
        if let Some(role) = &mut self.worker {
            role.stop();
        }
    }

    fn finish_stop(&mut self) {
        let is_idle = self.standalone.as_ref().is_none_or(Standalone::is_idle)
            && self.scheduler.as_ref().is_none_or(Scheduler::is_idle)
            && self.worker.as_ref().is_none_or(Worker::is_idle);
        if self.is_stopping && is_idle && !self.has_stopped {
            self.has_stopped = true;
            self.out.effects.push_back(Effect::Stopped);
        }
    }
}

impl Machine for Runner {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick | Event::Table(_) | Event::Computed(..) => {}
            Event::Http(event) => self.http_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Log(event) => self.log_event(now, &event),
            Event::Coord(event) => self.coord_event(now, &event),
            Event::Stop => self.stop(now),
        }
        self.tick(now);
        self.tell_ready();
        self.finish_stop();
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        let tail = self.scheduler.as_mut().and_then(Scheduler::poll);
        let work = || self.worker.as_mut().and_then(Worker::poll);
        let log = tail.or_else(work).map(Effect::Log);
        log.or_else(|| self.out.effects.pop_front())
    }

    fn deadline(&self) -> Option<Mono> {
        if self.is_stopping {
            return None;
        }
        let standalone = self.standalone.as_ref().and_then(|role| role.deadline(&self.config));
        let scheduler = self.scheduler.as_ref().and_then(Scheduler::deadline);
        let worker = self.worker.as_ref().and_then(Worker::deadline);
        [standalone, scheduler, worker].into_iter().flatten().min()
    }
}
