//! Shrinks a failing seed to the least that still fails with the same sentence.
//!
//! What is left out: faults of the whole and of single actions, requests, what runs on the nodes,
//! shards, partitions, regions, series, datapoints of a request, tries, and time ([`Plan`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::ddmin::ddmin;
use crate::invariants::Violation;
use crate::mutants::Mutant;
use crate::params::{MS, NodeKind, Params};
use crate::plan::{Happened, Number, Only, Plan, Strike};
use crate::{Options, Outcome, replay};

/// Streams that are tried, to find one with which the seed still fails.
const STREAMS: u64 = 48;

/// A story that is no longer than this is short enough: faults, requests.
const SHORT: (usize, usize) = (10, 20);

/// How many of the streams that fail are shrunk, as long as none gives a short story.
const STARTS: usize = 4;

/// The shortest time that is tried to be left out, milliseconds.
const TIME_MIN_MS: u64 = 250;

/// The least that still fails.
#[derive(Debug)]
pub struct Minimised {
    /// What happens.
    pub plan: Plan,
    /// What comes of it, with its story.
    pub outcome: Outcome,
    /// The sentence that does not hold.
    pub violation: Violation,
    /// How many runs it took.
    pub runs: usize,
    /// What does not hold without the mutant, if anything: then it is not the mutant that fails.
    pub without: Option<Violation>,
}

/// Shrinks the first world of a seed that fails, or, with a plan, what that leaves of it. `None`
/// when nothing fails.
pub fn minimise(
    seed: u64,
    from: Option<Plan>,
    mutant: Option<Mutant>,
    runs_max: usize,
    say: &mut dyn FnMut(&str),
) -> Option<Minimised> {
    let options = Options { mutant, ..Options::default() };
    let worlds = match &from {
        Some(plan) => vec![plan.clone()],
        None => {
            let worlds = 0..Params::worlds(seed).len();
            worlds.map(|world| Plan { world, ..Plan::default() }).collect()
        }
    };
    let (plan, outcome) = worlds.into_iter().find_map(|plan| {
        let outcome = replay(seed, &plan, options).ok()?;
        outcome.violation.is_some().then_some((plan, outcome))
    })?;
    let mut shrinker = Shrinker::begin(seed, plan, outcome, options, runs_max, say)?;
    let is_whole = shrinker.plan.is_everything();
    let plan = if is_whole { shrinker.shrink_any() } else { shrinker.shrink() };
    let runs = shrinker.runs;
    let outcome = replay(seed, &plan, Options { story: true, ..options }).ok()?;
    let violation = outcome.violation.clone()?;
    let without = mutant.and_then(|_| replay(seed, &plan, Options::default()).ok()?.violation);
    Some(Minimised { plan, outcome, violation, runs, without })
}

/// What fails so far.
struct Shrinker<'a> {
    seed: u64,
    options: Options,
    invariant: &'static str,
    plan: Plan,
    params: Params,
    happened: Happened,
    /// When the faults of the last run that failed ended, or it failed, milliseconds.
    safety_ms: u64,
    runs: usize,
    runs_max: usize,
    /// What was tried, so that nothing is tried twice.
    tried: BTreeSet<String>,
    say: &'a mut dyn FnMut(&str),
}

/// When the faults ended, or the run failed before they did, milliseconds.
fn safety_of(outcome: &Outcome) -> u64 {
    match outcome.calm_ns {
        Some(calm_ns) => calm_ns.div_ceil(MS),
        None => outcome.virtual_ns / MS + 1,
    }
}

impl<'a> Shrinker<'a> {
    fn begin(
        seed: u64,
        plan: Plan,
        outcome: Outcome,
        options: Options,
        runs_max: usize,
        say: &'a mut dyn FnMut(&str),
    ) -> Option<Self> {
        let invariant = outcome.violation.as_ref()?.invariant;
        let safety_ms = safety_of(&outcome);
        let (params, happened) = (outcome.params, outcome.happened);
        let tried = BTreeSet::new();
        Some(Self {
            seed,
            options,
            invariant,
            plan,
            params,
            happened,
            safety_ms,
            runs: 1,
            runs_max,
            tried,
            say,
        })
    }

    /// Shrinks what the seed does with streams of its own, or else with the ones it has.
    fn shrink_any(&mut self) -> Plan {
        let (whole, mut least) = (self.plan.clone(), None::<Plan>);
        let safety_ms = self.safety_ms;
        let (mut starts, mut streams) = (0, 0);
        while streams < STREAMS && starts < STARTS {
            let plan = Plan { streams: Some(streams), ..whole.clone() };
            streams += 1;
            if !self.fails(plan) {
                continue;
            }
            starts += 1;
            (self.say)(&format!("it fails with the streams {} as well", streams - 1));
            let plan = self.shrink();
            if least.as_ref().is_none_or(|least| size(&plan) < size(least)) {
                least = Some(plan);
            }
            if least.as_ref().is_some_and(is_short) {
                break;
            }
        }
        least.unwrap_or_else(|| {
            (self.say)("it fails with the seed's own streams alone: less can be left out");
            // As long as it was, for a run without a plan may have gone on.
            let numbers = BTreeMap::from([(Number::SafetyMs, safety_ms)]);
            if self.fails(Plan { numbers, ..whole.clone() }) { self.shrink() } else { whole }
        })
    }

    /// Whether the same sentence does not hold with this plan; then it is the one to go on with,
    /// without what did not come to happen.
    fn fails(&mut self, plan: Plan) -> bool {
        if self.runs >= self.runs_max || !self.tried.insert(plan.to_string()) {
            return false;
        }
        // A cluster that cannot be is no cluster.
        let Ok(outcome) = replay(self.seed, &plan, self.options) else { return false };
        self.runs += 1;
        if outcome.violation.as_ref().is_none_or(|violation| violation.invariant != self.invariant)
        {
            return false;
        }
        self.safety_ms = safety_of(&outcome);
        self.plan = plan;
        if let Only::These(faults) = &mut self.plan.faults {
            faults.clone_from(&outcome.happened.faults);
        }
        if let Only::These(strikes) = &mut self.plan.strikes {
            strikes.clone_from(&outcome.happened.strikes);
        }
        if let Only::These(requests) = &mut self.plan.requests {
            requests.clone_from(&outcome.happened.requests);
        }
        if outcome.calm_ns.is_none() {
            // Nothing comes after it.
            self.plan.numbers.insert(Number::SafetyMs, self.safety_ms);
        }
        (self.params, self.happened) = (outcome.params, outcome.happened);
        true
    }

    /// Leaves out what can be, until nothing more can.
    fn shrink(&mut self) -> Plan {
        self.name_all();
        loop {
            let before = self.plan.clone();
            self.strikes();
            self.faults();
            self.requests();
            self.nodes();
            self.numbers();
            self.time();
            self.tell();
            if self.plan == before || self.runs >= self.runs_max {
                return self.plan.clone();
            }
        }
    }

    /// Says by name what happens, so that it can be left out.
    fn name_all(&mut self) {
        let faults = Only::These(self.happened.faults.clone());
        let strikes = Only::These(self.happened.strikes.clone());
        let requests = Only::These(self.happened.requests.clone());
        let whole = self.plan.clone();
        let named = Plan { faults: faults.clone(), strikes, requests: requests.clone(), ..whole };
        if !self.fails(named) {
            self.fails(Plan { faults, requests, ..self.plan.clone() });
        }
    }

    fn strikes(&mut self) {
        if self.plan.strikes == Only::All {
            let happened = Only::These(self.happened.strikes.clone());
            self.fails(Plan { strikes: happened, ..self.plan.clone() });
        }
        let Only::These(strikes) = &self.plan.strikes else { return };
        ddmin(strikes.iter().cloned().collect(), |these: &[Strike]| {
            let strikes = Only::These(these.iter().cloned().collect());
            self.fails(Plan { strikes, ..self.plan.clone() })
                .then(|| self.happened.strikes.iter().cloned().collect())
        });
        self.tell();
    }

    fn faults(&mut self) {
        let Only::These(faults) = &self.plan.faults else { return };
        ddmin(faults.iter().copied().collect(), |these: &[u64]| {
            let faults = Only::These(these.iter().copied().collect());
            self.fails(Plan { faults, ..self.plan.clone() })
                .then(|| self.happened.faults.iter().copied().collect())
        });
        self.tell();
    }

    fn requests(&mut self) {
        let Only::These(requests) = &self.plan.requests else { return };
        ddmin(requests.iter().copied().collect(), |these| {
            let requests = Only::These(these.iter().copied().collect());
            self.fails(Plan { requests, ..self.plan.clone() })
                .then(|| self.happened.requests.iter().copied().collect())
        });
        self.tell();
    }

    /// Shards first, for the directories of others then need not run.
    fn nodes(&mut self) {
        let kinds = self.params.nodes.clone();
        for modulus in 1..self.params.modulus {
            let mut nodes = kinds.clone();
            for node in &mut nodes {
                node.directory = node.directory.filter(|(remainder, _)| *remainder < modulus);
            }
            let mut plan = Plan { nodes: Some(nodes), ..self.plan.clone() };
            plan.numbers.insert(Number::Modulus, u64::from(modulus));
            if self.fails(plan) {
                break;
            }
        }
        let kinds = self.params.nodes.clone();
        ddmin(parts(&kinds), |left| {
            let mut nodes = vec![NodeKind::default(); kinds.len()];
            for (node, part) in left {
                part.put(&mut nodes[*node]);
            }
            let fails = self.fails(Plan { nodes: Some(nodes), ..self.plan.clone() });
            fails.then(|| left.to_vec())
        });
    }

    fn numbers(&mut self) {
        for number in Number::ALL {
            if matches!(number, Number::Modulus | Number::SafetyMs) {
                continue;
            }
            let now = number.of(&self.params);
            for value in (1..now).filter(|value| *value <= 4 || *value == now / 2) {
                let mut plan = self.plan.clone();
                plan.numbers.insert(*number, value);
                if self.fails(plan) {
                    break;
                }
            }
        }
    }

    /// How long faults and requests go on.
    fn time(&mut self) {
        let mut step = self.safety_ms / 2;
        while step >= TIME_MIN_MS {
            let mut plan = self.plan.clone();
            plan.numbers
                .insert(Number::SafetyMs, (self.safety_ms - step.min(self.safety_ms - 1)).max(1));
            if !self.fails(plan) || step > self.safety_ms / 2 {
                step /= 2;
            }
        }
    }

    fn tell(&mut self) {
        let Happened { faults, strikes, requests } = &self.happened;
        let line = format!(
            "{} runs: {} faults, {} faults of single actions, {} requests, {} machines, {:.1} s",
            self.runs,
            faults.len(),
            strikes.len(),
            requests.len(),
            parts(&self.params.nodes).len(),
            self.safety_ms as f64 / 1e3
        );
        (self.say)(&line);
    }
}

/// Faults and requests of a plan; what it does not name is too many.
fn sizes(plan: &Plan) -> (usize, usize) {
    fn of<T>(only: &Only<T>) -> usize {
        match only {
            Only::All => usize::MAX / 4,
            Only::These(these) => these.len(),
        }
    }
    (of(&plan.faults) + of(&plan.strikes), of(&plan.requests))
}

fn size(plan: &Plan) -> usize {
    let (faults, requests) = sizes(plan);
    faults + requests
}

fn is_short(plan: &Plan) -> bool {
    let (faults, requests) = sizes(plan);
    faults <= SHORT.0 && requests <= SHORT.1
}

/// Something that runs on a node.
#[derive(Clone, Copy, Debug)]
enum Part {
    Ingress,
    Store,
    Egress,
    Backend,
    Frontend,
    Directory(u32, bool),
}

impl Part {
    const fn put(self, node: &mut NodeKind) {
        match self {
            Self::Ingress => node.ingress = true,
            Self::Store => node.store = true,
            Self::Egress => node.egress = true,
            Self::Backend => node.backend = true,
            Self::Frontend => node.frontend = true,
            Self::Directory(remainder, stores) => node.directory = Some((remainder, stores)),
        }
    }
}

fn parts(nodes: &[NodeKind]) -> Vec<(usize, Part)> {
    let of = |(node, kind): (usize, &NodeKind)| {
        let others = [
            (kind.ingress, Part::Ingress),
            (kind.store, Part::Store),
            (kind.egress, Part::Egress),
            (kind.backend, Part::Backend),
            (kind.frontend, Part::Frontend),
        ];
        let others = others.into_iter().filter(|(runs, _)| *runs).map(|(_, part)| part);
        let directory =
            kind.directory.map(|(remainder, stores)| Part::Directory(remainder, stores));
        directory.into_iter().chain(others).map(move |part| (node, part)).collect::<Vec<_>>()
    };
    nodes.iter().enumerate().flat_map(of).collect()
}
