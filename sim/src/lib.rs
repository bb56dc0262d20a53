//! Whole clusters of our machines in one thread under one seed, with faults.
//!
//! [`run`] builds a [`world`] from parameters that a seed gave, lets clients work while things go
//! wrong, ends the faults, waits until everything has come to rest, and compares what everybody
//! sees with what the log says. The machines are those of production; nothing in them knows where it runs.

pub mod agenda;
pub mod black_box;
pub mod clients;
pub mod coord;
pub mod ddmin;
pub mod faults;
pub mod invariants;
pub mod log;
pub mod marks;
pub mod minimise;
pub mod mutants;
pub mod node;
pub mod odd;
pub mod panics;
pub mod params;
pub mod plan;
pub mod random;
pub mod record;
pub mod runners;
pub mod story;
pub mod subscribers;
pub mod table;
pub mod trace;
pub mod webcalls;
pub mod world;

use std::collections::BTreeSet;

use clients::Look;
use invariants::enough::Did;
use invariants::{Violation, enough, liveness, registration, throttling};
use mutants::Mutant;
use params::{MS, Params, SECOND};
use plan::{Happened, Plan, PlanError};
use world::{EPOCH_MS, Stats, World};

/// How to run a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A bug to put in.
    pub mutant: Option<Mutant>,
    /// Keep every line of the trace.
    pub trace: bool,
    /// Keep what a story is made of.
    pub story: bool,
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
    /// Datapoints that subscribers were owed and got.
    pub delivered: u64,
    /// The lines of the trace, when they were kept.
    pub trace: Vec<String>,
    /// When the faults ended, nanoseconds, if they did.
    pub calm_ns: Option<u64>,
    /// What of a plan happened.
    pub happened: Happened,
    /// What a story is made of, when it was kept.
    pub story: Vec<story::Line>,
}

/// Runs a world of a seed ([`Params::worlds`]).
pub fn run(params: Params, options: Options) -> Outcome {
    run_planned(params, Plan::default(), options)
}

/// Runs what a plan lets happen of a seed.
///
/// # Errors
/// The seed has no such world, or it cannot be.
pub fn replay(seed: u64, plan: &Plan, options: Options) -> Result<Outcome, PlanError> {
    Ok(run_planned(plan.params(seed)?, plan.clone(), options))
}

fn run_planned(params: Params, plan: Plan, options: Options) -> Outcome {
    #[cfg(weft_mutants)]
    mutants::plant(options.mutant);
    let mut world = World::new(params, plan, options);
    let mut calm_ns = None;
    let ran = panics::catch(|| {
        if !safety(&mut world, options.steps) {
            return;
        }
        calm_ns = Some(world.now_ns);
        if comes_to_rest(&mut world) {
            let wall_ms = EPOCH_MS + (world.now_ns / MS) as i64;
            world.checks.finish(&world.log, &world.table, wall_ms);
            let answers = world.rolled();
            world.checks.final_answers(&answers);
            if world.plan.is_everything() {
                let did = did(&mut world);
                world.checks.judge("enough", enough::check(&did));
            }
        }
    });
    world.checks.judge("panic", ran);
    Outcome {
        violation: world.checks.violation().cloned(),
        virtual_ns: world.now_ns,
        hash: world.trace.hash(),
        acknowledged: world.acknowledged(),
        delivered: world.delivered(),
        stats: world.stats.clone(),
        trace: world.trace.lines().to_vec(),
        calm_ns,
        happened: world.plan.happened.clone(),
        story: world.chronicle.lines().to_vec(),
        params: world.params,
    }
}

/// Work and faults; whether to go on.
fn safety(world: &mut World, steps: u64) -> bool {
    let end = world.params.safety_ns;
    // A run goes on until it has seen enough, but not for ever; one of which things are left out
    // ends when it is to.
    let goes_on = world.plan.is_everything();
    while world.now_ns < end || goes_on && !did(world).has_seen_enough() && world.now_ns < 10 * end
    {
        if !world.step() || steps > 0 && world.stats.events >= steps {
            return false;
        }
    }
    !world.checks.has_failed()
}

fn did(world: &mut World) -> Did {
    Did {
        acknowledged: world.clients().acknowledged,
        faults: world.stats.faults.values().sum(),
        virtual_ns: world.now_ns,
        nodes: world.params.nodes.len(),
        embedded: world.params.embedded,
    }
}

/// The faults are over: everything comes to rest, then everybody reads everything.
fn comes_to_rest(world: &mut World) -> bool {
    world.calm_down();
    world.clients().resting = true;
    world.rest_subscribers();
    if !waits_for(world, 0) {
        return false;
    }
    let tenants = readers(world);
    for tenant in tenants.iter().copied() {
        for look in [Look::Find, Look::Fetch, Look::Script] {
            world.schedule_client(SECOND, clients::Step::Scan(tenant, look));
        }
    }
    world.call_roll();
    waits_for(world, 3 * tenants.len()) && is_registered(world) && counts_alike(world)
}

/// Lets things happen until ingresses count alike what is limited.
fn counts_alike(world: &mut World) -> bool {
    let end_ns = world.now_ns + throttling::LIMIT_NS;
    loop {
        let result = world.is_merged();
        if result.is_ok() {
            return !world.checks.has_failed();
        }
        if world.now_ns > end_ns {
            world.checks.judge("throttling", result);
        }
        for _ in 0..64 {
            if !world.step() {
                return false;
            }
        }
    }
}

/// Lets things happen until everybody who serves is registered, and nobody else.
fn is_registered(world: &mut World) -> bool {
    let end_ns = world.now_ns + registration::LIMIT_NS;
    loop {
        let result = registration::check(&world.registered(), &world.directories());
        if result.is_ok() {
            return !world.checks.has_failed();
        }
        if world.now_ns > end_ns {
            world.checks.judge("registration", result);
        }
        if !world.step() {
            return false;
        }
    }
}

/// The tenants that read everything in the end: those who asked for anything, or all.
fn readers(world: &mut World) -> BTreeSet<usize> {
    let asked = world.plan.happened.requests.iter();
    let asked: BTreeSet<usize> = asked.map(|(worker, _)| clients::tenant_of(*worker)).collect();
    if world.plan.is_everything() {
        (0..world.clients().tenants()).collect()
    } else if asked.is_empty() {
        // Somebody must.
        BTreeSet::from([0])
    } else {
        asked
    }
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
