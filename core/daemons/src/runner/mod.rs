//! `runner`: runs the scripts of a folder, each as often as its folder says (role `standalone`).
//!
//! It promises:
//! - The windows of a script are the multiples of its period on the wall clock. While the process
//!   lives it begins at most once in each of them, and in each of them unless a run lasts past its end, the clock jumps
//!   over it, or all places are taken while it lasts.
//! - A script never overlaps itself, and no more than `runner.nthreads` run at once: what is due
//!   waits, in the order in which it was.
//! - Whatever fails is counted and told, and the script begins again in its next window.
//!
//! With `runner.runatstartup` a script that is seen for the first time begins at once, in the window
//! that lasts; without, it waits for the next one. (The reference counts periods from the end of a
//! script's first run; windows do not drift.)
//!
//! ```text
//!   Scan ─▶ scripts ─window─▶ queue ─place free─▶ Read ─▶ Call /api/v0/exec ─▶ told, next window
//! ```

mod program;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use weft_gts::WrapKey;
use weft_wire::opb64;

use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead};
use crate::contract::peer::{CallResult, PeerAction, PeerEvent};
use crate::contract::{ActionId, ActionIds, Change, Effect, Event, Machine, Metric, NoTask};
use crate::random::Random;
use crate::time::{Mono, Now};
use program::{Run, period_ms, program};

/// Where the state of the scripts is told.
pub const PATH: &str = "/api/v0/runner";

/// The header with what shows that a request is the runner's.
const NONCE_HEADER: &str = "x-warp10-runner-nonce";

/// How often the wall clock is looked at while there are scripts: it may jump.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// Windows before the last one that a clock which went back may be in, in milliseconds; when it is
/// further back, the clock was wrong before, and windows count anew.
const BACK_MAX_MS: i64 = 3_600_000;

/// Characters of a failure that are kept.
const FAILURE_MAX: usize = 256;

/// What the configuration says of `runner`.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// `runner.nthreads`: scripts that run at once.
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
}

/// The machine.
#[derive(Debug)]
pub struct Runner {
    config: RunnerConfig,
    random: Random,
    scripts: BTreeMap<Arc<str>, Script>,
    /// What is due and waits for a place, the first first.
    queue: VecDeque<Arc<str>>,
    /// Scripts that are read or run, by the action that is under way.
    running: BTreeMap<ActionId, Under>,
    scan: Scan,
    /// When the wall clock is looked at next.
    look: Option<Mono>,
    ids: ActionIds,
    effects: VecDeque<Effect<NoTask>>,
    is_stopping: bool,
    has_stopped: bool,
}

/// Looking at the folder.
#[derive(Debug)]
enum Scan {
    /// At that moment; `None` is at once.
    At(Option<Mono>),
    /// It is under way.
    Under(ActionId),
}

/// A script that is there.
#[derive(Debug)]
struct Script {
    period_ms: i64,
    /// The last window in which it was due.
    window: Option<i64>,
    /// Whether it waits or runs.
    is_busy: bool,
    /// Whether it is still in the folder.
    is_there: bool,
    last: Option<Last>,
}

/// The last run of a script.
#[derive(Debug)]
struct Last {
    began_ms: i64,
    duration: Duration,
    failure: Option<String>,
}

/// A run under way.
#[derive(Debug)]
struct Under {
    path: Arc<str>,
    began: Now,
    /// Whether it is asked what the script says.
    is_reading: bool,
}

impl Runner {
    /// A runner. `seed` decides what is drawn at random.
    pub fn new(config: RunnerConfig, seed: [u8; 32]) -> Self {
        Self {
            config,
            random: Random::new(seed),
            scripts: BTreeMap::new(),
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            scan: Scan::At(None),
            look: None,
            ids: ActionIds::default(),
            effects: VecDeque::from([Effect::Ready(true)]),
            is_stopping: false,
            has_stopped: false,
        }
    }

    fn tick(&mut self, now: Now) {
        if self.is_stopping {
            return;
        }
        if let Scan::At(at) = self.scan
            && at.is_none_or(|at| at <= now.mono)
        {
            let id = self.ids.next_id();
            self.scan = Scan::Under(id);
            self.effects.push_back(Effect::Peer(PeerAction::Scan { id }));
        }
        self.look(now);
    }

    /// Puts what is due into the queue, and begins what there are places for.
    fn look(&mut self, now: Now) {
        let now_ms = now.wall.as_ms();
        for (path, script) in &mut self.scripts {
            if script.is_there && !script.is_busy && script.is_due(now_ms) {
                script.window = Some(script.window_of(now_ms));
                script.is_busy = true;
                self.queue.push_back(path.clone());
            }
        }
        while self.running.len() < self.config.parallel {
            let Some(path) = self.queue.pop_front() else { break };
            let id = self.ids.next_id();
            self.effects.push_back(Effect::Peer(PeerAction::Read { id, path: path.clone() }));
            self.running.insert(id, Under { path, began: now, is_reading: true });
        }
        let waits = self.scripts.values().filter(|script| script.is_there && !script.is_busy);
        let wait_ms = waits.map(|script| script.next_ms(now_ms).saturating_sub(now_ms)).min();
        self.look = wait_ms.map(|ms| {
            let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
            now.mono.after(wait.min(LOOK_PERIOD))
        });
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        match event {
            PeerEvent::Scanned { id, result } => {
                if matches!(self.scan, Scan::Under(under) if under == id) {
                    self.scan = Scan::At(Some(now.mono.after(self.config.scan_period)));
                    match result {
                        Ok(paths) => self.scanned(now, paths),
                        Err(error) => self.warn(format!("runner: {error}; trying again")),
                    }
                }
            }
            PeerEvent::Read { id, result } => {
                if self.running.get(&id).is_some_and(|under| under.is_reading)
                    && let Some(under) = self.running.remove(&id)
                {
                    match result {
                        // Egress may be gone already.
                        Ok(_) if self.is_stopping => {}
                        Ok(text) => self.call(now, under, &text),
                        Err(error) => self.ended(now, under, Some(error)),
                    }
                }
            }
            PeerEvent::Called { id, result } => {
                if self.running.get(&id).is_some_and(|under| !under.is_reading)
                    && let Some(under) = self.running.remove(&id)
                {
                    self.ended(now, under, failure(result));
                }
            }
            _ => {}
        }
        self.tick(now);
    }

    /// These scripts are in the folder.
    fn scanned(&mut self, now: Now, paths: Vec<Arc<str>>) {
        for script in self.scripts.values_mut() {
            script.is_there = false;
        }
        for path in paths {
            let Some(period_ms) = period_ms(&path) else { continue };
            if period_ms < self.config.min_period_ms {
                continue;
            }
            let script = self.scripts.entry(path).or_insert_with(|| {
                let script =
                    Script { period_ms, window: None, is_busy: false, is_there: true, last: None };
                let window = script.window_of(now.wall.as_ms());
                Script { window: (!self.config.run_at_startup).then_some(window), ..script }
            });
            script.is_there = true;
        }
        // What runs is forgotten when it ends.
        self.scripts.retain(|_, script| script.is_there || script.is_busy);
        let count = self.scripts.len() as f64;
        self.effects.push_back(Effect::Metric(Metric::set("weft_runner_scripts", count)));
    }

    /// Runs a script whose text is there.
    fn call(&mut self, now: Now, under: Under, text: &[u8]) {
        let Some(script) = self.scripts.get(&under.path) else { return };
        let nonce = self.config.key.as_ref().map(|key| {
            let mut blob = self.random.draw(0).to_be_bytes().to_vec();
            blob.extend_from_slice(&now.wall.0.to_be_bytes());
            opb64::encode(&key.wrap(&blob))
        });
        let run = Run {
            path: &under.path,
            period_ms: script.period_ms,
            scheduled_ms: under.began.wall.as_ms(),
            nonce: nonce.as_deref(),
        };
        let body = program(&run, text, &self.config.values);
        let mut headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        headers.extend(nonce.map(|nonce| (NONCE_HEADER.to_owned(), nonce)));
        let head = RequestHead {
            method: "POST".to_owned(),
            path: "/api/v0/exec".to_owned(),
            query: String::new(),
            headers,
        };
        let id = self.ids.next_id();
        self.effects.push_back(Effect::Peer(PeerAction::Call { id, head, body: body.into() }));
        self.running.insert(id, Under { is_reading: false, ..under });
    }

    /// A run is over.
    fn ended(&mut self, now: Now, under: Under, failure: Option<String>) {
        let duration = now.mono.since(under.began.mono);
        let label = || vec![("path", under.path.to_string())];
        let mut tell = |name, change| {
            self.effects.push_back(Effect::Metric(Metric { name, labels: label(), change }));
        };
        tell("weft_runner_runs_total", Change::Add(1));
        tell("weft_runner_failures_total", Change::Add(u64::from(failure.is_some())));
        tell("weft_runner_run_seconds", Change::Set(duration.as_secs_f64()));
        if let Some(failure) = &failure {
            self.warn(format!("runner: {} failed: {failure}", under.path));
        }
        if let Some(script) = self.scripts.get_mut(&under.path) {
            script.is_busy = false;
            let began_ms = under.began.wall.as_ms();
            script.last = Some(Last { began_ms, duration, failure });
            if !script.is_there {
                self.scripts.remove(&under.path);
            }
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
            self.effects.push_back(Effect::Http(action));
        }
    }

    /// A line for each script, its parts separated by tabs; the first line names them.
    fn list(&self, now: Now) -> String {
        let mut text = "path\tperiod_ms\tlast_ms\tduration_ms\tnext_ms\tstate\n".to_owned();
        for (path, script) in &self.scripts {
            let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
            let (began, duration) = match &script.last {
                Some(last) => (last.began_ms.to_string(), last.duration.as_millis().to_string()),
                None => ("-".to_owned(), "-".to_owned()),
            };
            let next = match script.is_there {
                true => script.next_ms(now.wall.as_ms()).to_string(),
                false => "-".to_owned(),
            };
            let failure = script.last.as_ref().and_then(|last| last.failure.as_deref());
            let state = match (script.is_busy, failure) {
                (true, _) => "running".to_owned(),
                (false, Some(failure)) => format!("failed: {}", plain(failure)),
                (false, None) if script.last.is_some() => "done".to_owned(),
                (false, None) => "waiting".to_owned(),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{}\t{}\t{began}\t{duration}\t{next}\t{state}",
                plain(path),
                script.period_ms
            );
        }
        text
    }

    fn warn(&mut self, text: String) {
        self.effects.push_back(Effect::Warn(text));
    }

    fn finish_stop(&mut self) {
        if self.is_stopping && self.running.is_empty() && !self.has_stopped {
            self.has_stopped = true;
            self.effects.push_back(Effect::Stopped);
        }
    }
}

impl Script {
    const fn window_of(&self, now_ms: i64) -> i64 {
        now_ms.div_euclid(self.period_ms)
    }

    /// Whether it should begin in the window that lasts.
    fn is_due(&self, now_ms: i64) -> bool {
        self.window.is_none_or(|last| {
            let window = self.window_of(now_ms);
            let back = BACK_MAX_MS.div_euclid(self.period_ms).max(1);
            window > last || window < last.saturating_sub(back)
        })
    }

    /// When it begins next, if it does not wait or run.
    fn next_ms(&self, now_ms: i64) -> i64 {
        if self.is_due(now_ms) {
            return now_ms;
        }
        let window = self.window.unwrap_or_default().saturating_add(1);
        window.saturating_mul(self.period_ms)
    }
}

/// What went wrong with a run, in a line.
fn failure(result: CallResult) -> Option<String> {
    let text = match result {
        Ok(response) if response.status == 200 => return None,
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body[..response.body.len().min(2_048)])
                .into_owned();
            let line = body.lines().map(str::trim).find(|line| !line.is_empty());
            line.map_or_else(|| format!("status {}", response.status), str::to_owned)
        }
        Err(error) => error.to_string(),
    };
    Some(text.chars().take(FAILURE_MAX).collect())
}

impl Machine for Runner {
    type Task = NoTask;

    fn handle(&mut self, now: Now, event: Event<NoTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Http(event) => self.http_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Stop => {
                self.is_stopping = true;
                self.queue.clear();
            }
            Event::Log(_) | Event::Table(_) | Event::Coord(_) | Event::Computed(..) => {}
        }
        self.finish_stop();
    }

    fn poll(&mut self) -> Option<Effect<NoTask>> {
        self.effects.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        if self.is_stopping {
            return None;
        }
        let scan = match self.scan {
            Scan::At(at) => Some(at.unwrap_or(Mono(0))),
            Scan::Under(_) => None,
        };
        // With all places taken, only an end helps.
        let look = self.look.filter(|_| self.running.len() < self.config.parallel);
        scan.into_iter().chain(look).min()
    }
}
