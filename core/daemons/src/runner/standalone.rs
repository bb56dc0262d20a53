//! Role `standalone`: runs the scripts of its folder itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::out::{Last, Out, Row, failure, state_of};
use super::program::filled_text;
use super::scan::Scan;
use super::scripts::{Scripts, window_of};
use super::{LOOK_PERIOD, RunnerConfig};
use crate::contract::peer::{PeerAction, PeerEvent};
use crate::contract::{ActionId, Metric};
use crate::time::{Mono, Now};

/// The role.
#[derive(Debug, Default)]
pub(super) struct Standalone {
    scan: Scan,
    scripts: Scripts,
    lasts: BTreeMap<Arc<str>, Last>,
    /// What is due and waits for a place, the first first.
    queue: VecDeque<Arc<str>>,
    /// Scripts that are read or run, by the action that is under way.
    running: BTreeMap<ActionId, Under>,
    /// When the wall clock is looked at next.
    look: Option<Mono>,
}

/// A run under way.
#[derive(Debug)]
struct Under {
    path: Arc<str>,
    period_ms: i64,
    began: Now,
    /// Whether it is asked what the script says.
    is_reading: bool,
}

impl Standalone {
    pub(super) fn tick(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        self.scan.tick(now, out);
        self.look(config, now, out);
    }

    /// Puts what is due into the queue, and begins what there are places for.
    fn look(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        let now_ms = now.wall.as_ms();
        for path in self.scripts.take_due(now_ms) {
            if let Some(script) = self.scripts.get(&path) {
                out.next(&path, (script.last_window() + 1).saturating_mul(script.period_ms));
            }
            self.queue.push_back(path);
        }
        while self.running.len() < config.parallel {
            let Some(path) = self.queue.pop_front() else { break };
            let Some(script) = self.scripts.get(&path) else { continue };
            let (id, period_ms) = (out.ids.next_id(), script.period_ms);
            out.peer(PeerAction::Read { id, path: path.clone() });
            self.running.insert(id, Under { path, period_ms, began: now, is_reading: true });
        }
        self.look = self.scripts.next_ms().map(|due_ms| {
            let wait =
                Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or(0));
            now.mono.after(wait.min(LOOK_PERIOD))
        });
    }

    pub(super) fn peer_event(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &mut Option<PeerEvent>,
        is_stopping: bool,
        out: &mut Out,
    ) {
        if let Some(paths) = self.scan.take(config, now, event, out) {
            let at_startup = config.run_at_startup;
            let known =
                |_: &str, period_ms| (!at_startup).then(|| window_of(now.wall.as_ms(), period_ms));
            self.scripts.scanned(now.wall.as_ms(), paths, config.min_period_ms, known);
            self.lasts.retain(|path, _| self.scripts.get(path).is_some());
            out.metric(Metric::set("weft_runner_scripts", self.scripts.len() as f64));
        }
        match event.take() {
            Some(PeerEvent::Read { id, result })
                if self.running.get(&id).is_some_and(|under| under.is_reading) =>
            {
                let Some(under) = self.running.remove(&id) else { return };
                match result {
                    // Egress may be gone already.
                    Ok(_) if is_stopping => {}
                    Ok(text) => {
                        let text = filled_text(&under.path, under.period_ms, &text, &config.values);
                        let what = (&*under.path, under.period_ms, under.began.wall.as_ms());
                        let id = out.call(config, now, what, &text);
                        self.running.insert(id, Under { is_reading: false, ..under });
                    }
                    Err(error) => self.ended(now, under, Some(error), out),
                }
            }
            Some(PeerEvent::Called { id, result })
                if self.running.get(&id).is_some_and(|under| !under.is_reading) =>
            {
                if let Some(under) = self.running.remove(&id) {
                    self.ended(now, under, failure(result), out);
                }
            }
            other => *event = other,
        }
    }

    fn ended(&mut self, now: Now, under: Under, failure: Option<String>, out: &mut Out) {
        let last = out.ended(now, &under.path, under.began, failure);
        self.scripts.free(&under.path, now.wall.as_ms());
        if self.scripts.get(&under.path).is_some() {
            self.lasts.insert(under.path, last);
        }
    }

    pub(super) fn rows(&self, now: Now, rows: &mut BTreeMap<Arc<str>, Row>) {
        let mut queued: Vec<&Arc<str>> = self.queue.iter().collect();
        queued.sort_unstable();
        let mut running: Vec<&Arc<str>> = self.running.values().map(|under| &under.path).collect();
        running.sort_unstable();
        for (path, script) in self.scripts.iter() {
            let last = self.lasts.get(path);
            let state = if running.binary_search(&path).is_ok() {
                "running".to_owned()
            } else if queued.binary_search(&path).is_ok() {
                "queued".to_owned()
            } else {
                state_of(last)
            };
            let next_ms = script.is_there.then(|| script.next_ms(now.wall.as_ms()));
            let (period_ms, last) = (script.period_ms, last.cloned());
            rows.insert(path.clone(), Row { period_ms, last, next_ms, state });
        }
    }

    /// Begins nothing more.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn deadline(&self, config: &RunnerConfig) -> Option<Mono> {
        // With all places taken, only an end helps.
        let look = self.look.filter(|_| self.running.len() < config.parallel);
        self.scan.deadline().into_iter().chain(look).min()
    }
}
