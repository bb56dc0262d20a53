//! Schedulers and workers of `runner` in a world of their own: the log and coordination are the models of
//! the platform's world, egress says how long a run takes.
//!
//! Invariants: [`once`](crate::invariants::once), [`skipped`](crate::invariants::skipped),
//! [`overlap`](crate::invariants::overlap).

mod checks;
mod faults;
pub mod mutants;
pub mod params;
mod world;

use std::collections::BTreeMap;

use mutants::RunnerMutant;
use params::Params;
use world::World;

use crate::invariants::Violation;
use crate::panics;

/// What came of a world.
#[derive(Debug)]
pub struct Outcome {
    /// The sentence that did not hold, if any.
    pub violation: Option<Violation>,
    /// A hash of everything that happened.
    pub hash: u64,
    /// Virtual time that passed, nanoseconds.
    pub virtual_ns: u64,
    /// Events that happened.
    pub events: u64,
    /// Windows that were judged.
    pub windows: u64,
    /// Runs that began.
    pub runs: u64,
    /// Windows in which none began; all excused, without a violation.
    pub missed: u64,
    /// Nanoseconds of faults and fail-overs.
    pub excused_ns: u64,
    /// Scripts that ran.
    pub scripts: usize,
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The lines of the trace, when they were kept.
    pub trace: Vec<String>,
}

/// Runs a world.
pub fn run(params: Params, mutant: Option<RunnerMutant>, keep_trace: bool) -> Outcome {
    let mut world = World::new(params, mutant, keep_trace);
    if let Err(what) = panics::catch(|| world.run()) {
        world.checks.violation.get_or_insert(Violation { invariant: "panic", what });
    }
    Outcome {
        violation: world.checks.violation.clone(),
        hash: world.trace.hash(),
        virtual_ns: world.now_ns,
        events: world.events,
        windows: world.checks.windows,
        runs: world.checks.runs,
        missed: world.checks.missed,
        excused_ns: world.checks.excused_ns + world.checks.faults.length_ns(),
        scripts: world.scripts().len(),
        faults: world.checks.counts.clone(),
        trace: world.trace.lines().to_vec(),
    }
}
