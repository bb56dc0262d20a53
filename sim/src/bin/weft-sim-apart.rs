//! Runs seeds of the worlds that stand apart from the platform's: of runners, and of webcalls.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use weft_sim::{runners, webcalls};

/// Runs worlds of single components, deterministically and with faults, and checks what they
/// promise.
#[derive(Debug, Parser)]
#[command(name = "weft-sim-apart", version)]
#[command(after_help = "Examples:\n  weft-sim-apart runner --iterations 200\n  \
                        weft-sim-apart runner --days 61\n  \
                        weft-sim-apart runner --mutant lock-ignored --iterations 100")]
struct Cli {
    #[command(subcommand)]
    world: World,
}

#[derive(Debug, Subcommand)]
enum World {
    /// Schedulers and workers.
    Runner {
        #[command(flatten)]
        seeds: Seeds,
        /// Instead: 1,000 scripts with periods from a second to an hour, for so many days.
        #[arg(long)]
        days: Option<u64>,
    },
    /// Calls of scripts to the outside.
    Webcall {
        #[command(flatten)]
        seeds: Seeds,
    },
}

#[derive(Clone, Debug, Args)]
struct Seeds {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    iterations: u64,
    /// Put a bug in; the exit code is 1 when it is caught.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// List the bugs that can be put in, one a line.
    #[arg(long)]
    list_mutants: bool,
    /// Run each seed twice and compare everything that happened.
    #[arg(long)]
    check_determinism: bool,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
}

/// What came of a seed, whatever its world.
struct Came {
    failure: Option<String>,
    hash: u64,
    virtual_ns: u64,
    events: u64,
    counts: Vec<(&'static str, u64)>,
    trace: Vec<String>,
}

fn main() -> ExitCode {
    match Cli::parse().world {
        World::Runner { seeds, days } => {
            let names = runners::mutants::ALL.iter().map(|mutant| mutant.name()).collect();
            run(&seeds, names, |seed, mutant| {
                let params = match days {
                    Some(days) => runners::params::Params::long(seed, days),
                    None => runners::params::Params::of(seed),
                };
                let mutant = mutant.map(|index| runners::mutants::ALL[index]);
                of_runners(runners::run(params, mutant, seeds.trace))
            })
        }
        World::Webcall { seeds } => {
            let names = webcalls::mutants::ALL.iter().map(|mutant| mutant.name()).collect();
            run(&seeds, names, |seed, mutant| {
                let mutant = mutant.map(|index| webcalls::mutants::ALL[index]);
                let params = webcalls::Params::of(seed);
                of_webcalls(webcalls::run(params, mutant, seeds.trace))
            })
        }
    }
}

fn of_runners(outcome: runners::Outcome) -> Came {
    let failure = outcome.violation.map(|it| format!("{}: {}", it.invariant, it.what));
    let mut counts = vec![
        ("scripts", outcome.scripts as u64),
        ("windows", outcome.windows),
        ("runs", outcome.runs),
        ("windows without a run, all within fail-overs", outcome.missed),
        ("seconds of faults and fail-overs", outcome.excused_ns / 1_000_000_000),
    ];
    counts.extend(outcome.faults);
    let (hash, virtual_ns, events) = (outcome.hash, outcome.virtual_ns, outcome.events);
    Came { failure, hash, virtual_ns, events, counts, trace: outcome.trace }
}

fn of_webcalls(outcome: webcalls::Outcome) -> Came {
    let failure = outcome.violation.map(|it| format!("{}: {}", it.invariant, it.what));
    let (asked, received, times) = outcome.calls;
    let mut counts =
        vec![("calls", asked), ("calls received", received), ("times received", times)];
    counts.extend(outcome.faults);
    let (hash, virtual_ns, events) = (outcome.hash, outcome.virtual_ns, outcome.events);
    Came { failure, hash, virtual_ns, events, counts, trace: outcome.trace }
}

fn run(
    seeds: &Seeds,
    names: Vec<&'static str>,
    world: impl Fn(u64, Option<usize>) -> Came + Sync,
) -> ExitCode {
    if seeds.list_mutants {
        println!("{}", names.join("\n"));
        return ExitCode::SUCCESS;
    }
    let mutant = match &seeds.mutant {
        None => None,
        Some(wanted) => match names.iter().position(|name| name == wanted) {
            Some(index) => Some(index),
            None => {
                eprintln!("weft-sim-apart: {wanted} is no mutant; --list-mutants lists them");
                return ExitCode::from(2);
            }
        },
    };
    let began = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, all) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..if seeds.trace { 1 } else { cores } {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let is_over =
                        |all: &BTreeMap<u64, Came>| all.values().any(|came| came.failure.is_some());
                    if index >= seeds.iterations || all.lock().is_ok_and(|all| is_over(&all)) {
                        return;
                    }
                    let seed = seeds.seed + index;
                    let mut came = world(seed, mutant);
                    if seeds.check_determinism && world(seed, mutant).hash != came.hash {
                        came.failure = Some("determinism: two runs differ".to_owned());
                    }
                    for line in came.trace.drain(..) {
                        println!("{line}");
                    }
                    if let Ok(mut all) = all.lock() {
                        all.insert(seed, came);
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_default();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut hours, mut events) = (0.0, 0);
    for came in all.values() {
        hours += came.virtual_ns as f64 / 3.6e12;
        events += came.events;
        for (name, count) in &came.counts {
            *counts.entry(name).or_default() += count;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} seeds, {hours:.1} virtual hours, {events} events, {seconds:.1} s", all.len());
    for (name, count) in counts {
        println!("  {count:>12} {name}");
    }
    let failed = all.iter().find_map(|(seed, came)| Some((seed, came.failure.as_ref()?)));
    match failed {
        None => ExitCode::SUCCESS,
        Some((seed, failure)) => {
            println!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}
