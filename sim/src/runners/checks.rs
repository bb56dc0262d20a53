//! Hands the invariants of runners what happens.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::FAIL_OVER_NS;
use super::params::Params;
use crate::invariants::Violation;
use crate::invariants::once::Once;
use crate::invariants::overlap::Overlap;
use crate::invariants::skipped::{self, Excuses, Missed};
use crate::params::{MS, SECOND};
use crate::world::EPOCH_MS;

/// How long after its end a window is judged: what excuses it has happened by then.
const JUDGED_AFTER_NS: u64 = 2 * FAIL_OVER_NS;

/// How long excuses are kept: the longest period, and more.
const KEPT_NS: u64 = 3 * 3_600 * SECOND;

/// By then everybody has begun.
const BEGUN_MS: i64 = 30_000;

/// What is known of a script.
#[derive(Debug)]
struct Script {
    path: String,
    period_ms: i64,
    once: Once,
    overlap: Overlap,
    /// When its runs were under way.
    runs: Excuses,
    began: BTreeMap<u64, u64>,
    asked: BTreeMap<i64, u64>,
    /// The window to judge next.
    next: i64,
    /// The first window in which it ran.
    first: Option<i64>,
}

/// The checks, and what they counted.
#[derive(Debug)]
pub(super) struct Checks {
    scripts: Vec<Script>,
    at_startup: bool,
    /// Stretches of faults and of the fail-overs after them.
    pub(super) faults: Excuses,
    still: BTreeMap<usize, u64>,
    /// The first sentence that does not hold.
    pub(super) violation: Option<Violation>,
    /// Faults, by name.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Windows that were judged.
    pub(super) windows: u64,
    /// Those in which no run began, all excused.
    pub(super) missed: u64,
    /// Runs that began.
    pub(super) runs: u64,
    /// Nanoseconds that faults excused, as far as they are over.
    pub(super) excused_ns: u64,
}

impl Checks {
    pub(super) fn new(params: &Params) -> Self {
        let scripts = params.scripts.iter().map(|script| Script {
            path: script.path.clone(),
            period_ms: script.period_ms,
            once: Once::default(),
            overlap: Overlap::default(),
            runs: Excuses::default(),
            began: BTreeMap::new(),
            asked: BTreeMap::new(),
            // Without `runner.runatstartup` the window in which it is seen first has no run.
            next: (EPOCH_MS + BEGUN_MS).div_euclid(script.period_ms) + 1,
            first: None,
        });
        Self {
            scripts: scripts.collect(),
            at_startup: params.at_startup,
            faults: Excuses::default(),
            still: BTreeMap::new(),
            violation: None,
            counts: BTreeMap::new(),
            windows: 0,
            missed: 0,
            runs: 0,
            excused_ns: 0,
        }
    }

    pub(super) fn fail(&mut self, invariant: &'static str, what: String) {
        self.violation.get_or_insert(Violation { invariant, what });
    }

    pub(super) fn fault(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// A node stands still until then.
    pub(super) fn stood_still(&mut self, node: usize, until_ns: u64) {
        self.still.insert(node, until_ns);
    }

    pub(super) fn asked(&mut self, now_ns: u64, script: usize, window: i64) {
        self.scripts[script].asked.entry(window).or_insert(now_ns);
    }

    pub(super) fn begins(
        &mut self,
        now_ns: u64,
        (script, window): (usize, i64),
        run: u64,
        node: usize,
    ) {
        self.runs += 1;
        let known = &mut self.scripts[script];
        known.first = Some(known.first.map_or(window, |first| first.min(window)));
        known.began.insert(run, now_ns);
        let once = known.once.begins(&known.path, known.period_ms, window);
        let still = &self.still;
        // What it was told meanwhile takes a moment.
        let stood = |node| still.get(&node).is_some_and(|until| until + SECOND > now_ns);
        let overlap = known.overlap.begins(&known.path, run, node, stood);
        for (invariant, result) in [("once", once), ("overlap", overlap)] {
            if let Err(what) = result {
                self.fail(invariant, what);
            }
        }
    }

    pub(super) fn ends(&mut self, now_ns: u64, script: usize, run: u64) {
        let known = &mut self.scripts[script];
        known.overlap.ends(run);
        if let Some(began) = known.began.remove(&run) {
            // Only what is long can cover a window.
            if now_ns - began > known.period_ms as u64 * MS / 4 {
                known.runs.add(began, now_ns);
            }
        }
    }

    /// Judges the windows that have been over for long enough.
    pub(super) fn look(&mut self, now_ns: u64) {
        let judged_ms = EPOCH_MS + (now_ns.saturating_sub(JUDGED_AFTER_NS) / MS) as i64;
        let mut failed = None;
        for script in &mut self.scripts {
            while (script.next + 1) * script.period_ms < judged_ms {
                let window = script.next;
                script.next += 1;
                self.windows += 1;
                if script.once.has(window) {
                    continue;
                }
                self.missed += 1;
                let ns = |ms: i64| (ms - EPOCH_MS).max(0) as u64 * MS;
                let start = ns(window * script.period_ms);
                let span_ns = (start, ns((window + 1) * script.period_ms));
                // Who has never been asked for is seen for the first time by schedulers that all
                // begin anew.
                let has_run = script.first.is_some_and(|first| first < window);
                if !has_run && !self.at_startup && self.faults.meets(span_ns) {
                    continue;
                }
                let asked_ns = script.asked.get(&window).copied();
                let missed = Missed { path: &script.path, window, span_ns, asked_ns };
                let mut own = script.runs.clone();
                for began in script.began.values() {
                    own.add(*began, now_ns);
                }
                if let Err(what) = skipped::check(missed, &self.faults, &own) {
                    failed.get_or_insert(what);
                }
            }
            script.asked = script.asked.split_off(&script.next);
            script.runs.forget(now_ns.saturating_sub(KEPT_NS));
        }
        if let Some(what) = failed {
            self.fail("skipped", what);
        }
        let before = self.faults.length_ns();
        self.faults.forget(now_ns.saturating_sub(KEPT_NS));
        self.excused_ns += before - self.faults.length_ns();
    }

    pub(super) fn scripts(&self) -> BTreeSet<usize> {
        let run = self.scripts.iter().enumerate().filter(|(_, script)| script.first.is_some());
        run.map(|(script, _)| script).collect()
    }
}
