//! Whole clusters of our machines in one thread under one seed, with faults.
//!
//! [`run`] builds a [`world`] from parameters that a seed gave, lets clients work while things go
//! wrong, ends the faults, waits until everything has come to rest, and compares what everybody
//! sees with what the log says. The machines are those of production; nothing in them knows where it runs.

pub mod clients;
pub mod coord;
pub mod faults;
pub mod invariants;
pub mod log;
pub mod marks;
pub mod mutants;
pub mod node;
pub mod odd;
pub mod panics;
pub mod params;
pub mod random;
pub mod table;
pub mod trace;
pub mod world;

use invariants::{Violation, liveness};
use mutants::Mutant;
use params::{MS, NODES_MIN, Params, SECOND};
use world::{EPOCH_MS, Stats, World};

/// Updates that a run must have acknowledged.
const ACKNOWLEDGED_MIN: u64 = 200;

/// Faults that a run must have had.
const FAULTS_MIN: u64 = 20;

/// Virtual time that a run must have had.
const VIRTUAL_MIN_NS: u64 = 600 * SECOND;

/// How to run a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A bug to put in.
    pub mutant: Option<Mutant>,
    /// Keep every line of the trace.
    pub trace: bool,
    /// At most so many events; 0 is no limit.
    pub steps: u64,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The parameters.
    pub params: Params,
    /// The sentence that did not hold, if any.
    pub violation: Option<Violation>,
    /// Virtual time that passed, nanoseconds.
    pub virtual_ns: u64,
    /// A hash of everything that happened.
    pub hash: u64,
    /// Counts.
    pub stats: Stats,
    /// Acknowledged updates.
    pub acknowledged: u64,
    /// The lines of the trace, when they were kept.
    pub trace: Vec<String>,
}

/// Runs a world of a seed ([`Params::worlds`]).
pub fn run(params: Params, options: Options) -> Outcome {
    #[cfg(weft_mutants)]
    mutants::plant(options.mutant);
    let mut world = World::new(params, options.mutant, options.trace);
    let ran = panics::catch(|| {
        if safety(&mut world, options.steps) && comes_to_rest(&mut world) {
            let wall_ms = EPOCH_MS + (world.now_ns / MS) as i64;
            world.checks.finish(&world.log, &world.table, wall_ms);
            enough(&mut world);
        }
    });
    world.checks.judge("panic", ran);
    Outcome {
        violation: world.checks.violation().cloned(),
        virtual_ns: world.now_ns,
        hash: world.trace.hash(),
        acknowledged: world.acknowledged(),
        stats: world.stats.clone(),
        trace: world.trace.lines().to_vec(),
        params: world.params,
    }
}

/// Work and faults; whether to go on.
fn safety(world: &mut World, steps: u64) -> bool {
    let end = world.params.safety_ns;
    // A run goes on until it has seen enough, but not for ever.
    while world.now_ns < end || !has_seen_enough(world) && world.now_ns < 4 * end {
        if !world.step() || steps > 0 && world.stats.events >= steps {
            return false;
        }
    }
    !world.checks.has_failed()
}

fn has_seen_enough(world: &mut World) -> bool {
    world.clients().acknowledged >= ACKNOWLEDGED_MIN
        && world.stats.faults.values().sum::<u64>() >= FAULTS_MIN
}

/// The faults are over: everything comes to rest, then everybody reads everything.
fn comes_to_rest(world: &mut World) -> bool {
    world.calm_down();
    world.clients().resting = true;
    if !waits_for(world, 0) {
        return false;
    }
    let tenants = world.clients().tenants();
    for tenant in 0..tenants {
        for fetch in [false, true] {
            world.schedule_client(SECOND, clients::Step::Scan(tenant, fetch));
        }
    }
    waits_for(world, 2 * tenants)
}

/// Lets things happen until everything rests and so many last reads have succeeded.
fn waits_for(world: &mut World, reads: usize) -> bool {
    let began_ns = world.now_ns;
    loop {
        // Looking at everything after every event would cost more than the events.
        for _ in 0..64 {
            if !world.step() {
                return false;
            }
        }
        let rest = world.rest(reads);
        if rest.is_complete() {
            return !world.checks.has_failed();
        }
        let waited_ns = world.now_ns - began_ns;
        world.checks.judge("liveness", liveness::check(&rest, waited_ns));
    }
}

/// A run that did little proves little.
fn enough(world: &mut World) {
    let acknowledged = world.clients().acknowledged;
    let faults: u64 = world.stats.faults.values().sum();
    let nodes = world.params.nodes.len();
    if acknowledged < ACKNOWLEDGED_MIN
        || faults < FAULTS_MIN
        || world.now_ns < VIRTUAL_MIN_NS
        || nodes < NODES_MIN && !world.params.embedded
    {
        let seconds = world.now_ns / SECOND;
        let what = format!(
            "{seconds} virtual seconds, {nodes} nodes, {acknowledged} acknowledged updates, \
             {faults} faults"
        );
        world.checks.fail("enough", what);
    }
}
