//! `webcall` in a world of its own: the log is the model of the platform's world, the outside is hosts
//! that answer, fail, lead elsewhere, and are not where they were.
//!
//! Invariants: [`called`](crate::invariants::called), [`polite`](crate::invariants::polite).

pub mod mutants;
mod world;

use std::collections::BTreeMap;

use mutants::WebcallMutant;
use world::World;

use crate::invariants::Violation;
use crate::panics;
use crate::params::{MS, SECOND};
use crate::random::Random;

/// The parameters.
#[derive(Clone, Debug)]
pub struct Params {
    /// Of what.
    pub seed: u64,
    /// Processes.
    pub nodes: usize,
    /// Partitions of the topic.
    pub partitions: u32,
    /// How long scripts call, nanoseconds.
    pub lasts_ns: u64,
    /// Between two calls, about.
    pub ask_ns: u64,
    /// Between two faults, about; `None` without.
    pub fault_ns: Option<u64>,
    /// How often a single thing fails.
    pub failing: f64,
}

impl Params {
    /// Those of a seed; one in three has no faults.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(&[seed, 0x6361_6c6c]);
        let is_calm = random.chance(0.34);
        Self {
            seed,
            nodes: random.between(1, 3) as usize,
            partitions: random.between(1, 5) as u32,
            lasts_ns: random.between(300, 1_800) * SECOND,
            ask_ns: random.between(50, 2_000) * MS,
            fault_ns: (!is_calm).then(|| random.between(20, 200) * SECOND),
            failing: if is_calm { 0.0 } else { 0.01 },
        }
    }
}

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
    /// Calls that were asked for, those that were received, and how often.
    pub calls: (u64, u64, u64),
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The lines of the trace, when they were kept.
    pub trace: Vec<String>,
}

/// Runs a world.
pub fn run(params: Params, mutant: Option<WebcallMutant>, keep_trace: bool) -> Outcome {
    let mut world = World::new(params, mutant, keep_trace);
    if let Err(what) = panics::catch(|| world.run()) {
        world.violation.get_or_insert(Violation { invariant: "panic", what });
    }
    Outcome {
        violation: world.violation.clone(),
        hash: world.trace.hash(),
        virtual_ns: world.now_ns,
        events: world.events,
        calls: world.called.counts(),
        faults: world.faults.clone(),
        trace: world.trace.lines().to_vec(),
    }
}
