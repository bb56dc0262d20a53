//! Runs seeds. A failure prints its configuration, its last lines, and the command that replays it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use weft_sim::mutants::{self, Mutant};
use weft_sim::params::{Params, WorldKind};
use weft_sim::plan::Plan;
use weft_sim::{Options, Outcome, marks, minimise, record, replay, run, story};

/// Runs whole clusters of Weft's machines, deterministically and with faults, and checks what they
/// promise.
#[derive(Debug, Parser)]
#[command(name = "weft-sim", version)]
#[command(
    after_help = "Examples:\n  weft-sim --iterations 500\n  weft-sim --reproduce 17 --trace\n  \
                        weft-sim --mutant lost-watch --iterations 1000"
)]
struct Cli {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    iterations: u64,
    /// At most so many events a seed; 0 is no limit. A seed that was cut short checks less.
    #[arg(long, default_value_t = 0)]
    steps: u64,
    /// Run this seed alone.
    #[arg(long, value_name = "SEED")]
    reproduce: Option<u64>,
    /// Shrink this seed, which fails, to the least that still fails; print it as a story and as a
    /// test.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["reproduce", "iterations", "trace"])]
    minimise: Option<u64>,
    /// At most so many runs to shrink a seed.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    minimise_runs: usize,
    /// Leave everything out but what this text says (`--minimise` prints it), and tell the story.
    #[arg(long, value_name = "TEXT")]
    plan: Option<String>,
    /// Add a row for this run to the table of runs of a record.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "sim/RECORD.md")]
    #[arg(conflicts_with_all = ["mutant", "steps", "plan", "minimise"])]
    record: Option<PathBuf>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// List the bugs that can be put in, one a line.
    #[arg(long)]
    list_mutants: bool,
    /// Put each bug in and run the seed that a record names: it must be caught as it says there.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "sim/RECORD.md")]
    #[arg(conflicts_with_all = ["mutant", "steps", "plan", "minimise", "reproduce", "record"])]
    check_mutants: Option<PathBuf>,
    /// Put a bug in; the exit code is 1 when it is caught.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Run the worlds of one kind alone.
    #[arg(long, value_name = "KIND")]
    only: Option<WorldKind>,
    /// Run each seed twice and compare everything that happened.
    #[arg(long)]
    check_determinism: bool,
    /// Print the hash of each seed's trace.
    #[arg(long)]
    hashes: bool,
    /// Run all seeds whatever fails.
    #[arg(long)]
    keep_going: bool,
    /// Fail when a coverage mark was not hit by any of the seeds, and say which.
    #[arg(long)]
    check_marks: bool,
    /// Seeds at once.
    #[arg(long, default_value_t = 0, help = "Seeds at once; 0 is one for each core")]
    jobs: usize,
}

/// What all seeds together did.
#[derive(Default)]
struct Total {
    seeds: u64,
    virtual_ns: u128,
    events: u64,
    acknowledged: u64,
    delivered: u64,
    faults: BTreeMap<String, u64>,
    marks: BTreeMap<String, u64>,
    /// Virtual nanoseconds and real time of worlds, by their nodes.
    sizes: BTreeMap<usize, (u128, Duration)>,
    failed: BTreeMap<u64, String>,
}

/// The worlds of a seed, one after the other.
struct Seed {
    number: u64,
    worlds: Vec<(Outcome, Duration)>,
}

impl Seed {
    /// Runs the worlds; after one that fails there are no more.
    fn run(number: u64, options: Options, only: Option<WorldKind>) -> Self {
        let mut worlds = Vec::new();
        let is_meant = |params: &Params| only.is_none_or(|kind| params.kind == kind);
        for params in Params::worlds(number).into_iter().filter(is_meant) {
            let began = Instant::now();
            let outcome = run(params, options);
            let has_failed = outcome.violation.is_some();
            worlds.push((outcome, began.elapsed()));
            if has_failed {
                break;
            }
        }
        Self { number, worlds }
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.worlds.iter().map(|(outcome, _)| outcome)
    }

    /// One hash for everything that happened.
    fn hash(&self) -> u64 {
        self.outcomes().fold(0, |hash: u64, world| hash.rotate_left(1) ^ world.hash)
    }

    /// What did not hold.
    fn failure(&self) -> Option<String> {
        let violation = self.outcomes().find_map(|world| world.violation.as_ref())?;
        Some(format!("{}: {}", violation.invariant, violation.what))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list_mutants {
        for mutant in mutants::ALL {
            println!("{}", mutant.name());
        }
        return ExitCode::SUCCESS;
    }
    if let Some(path) = &cli.check_mutants {
        return check_mutants(path);
    }
    let mutant = match cli.mutant.as_deref().map(|name| (name, mutants::named(name))) {
        None => None,
        Some((_, Some(mutant))) => Some(mutant),
        Some((name, None)) => {
            eprintln!("weft-sim: {name} is no mutant; --list-mutants lists them");
            return ExitCode::from(2);
        }
    };
    let plan = match cli.plan.as_deref().map(str::parse::<Plan>).transpose() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("weft-sim: --plan: {error}");
            return ExitCode::from(2);
        }
    };
    if let Some(seed) = cli.minimise {
        return minimise_seed(seed, plan, mutant, cli.minimise_runs);
    }
    if let Some(plan) = plan {
        let Some(seed) = cli.reproduce else {
            eprintln!("weft-sim: --plan says what is left of a seed: --reproduce or --minimise it");
            return ExitCode::from(2);
        };
        return follow(
            seed,
            &plan,
            Options { mutant, trace: cli.trace, story: true, steps: cli.steps },
        );
    }
    let (first, count) = match cli.reproduce {
        Some(seed) => (seed, 1),
        None => (cli.seed, cli.iterations),
    };
    let options = Options { mutant, trace: cli.trace, story: false, steps: cli.steps };
    let began = Instant::now();
    let total = run_all(&cli, first, count, options);
    summary(&total, began.elapsed().as_secs_f64());
    if let Some(path) = &cli.record
        && let Err(error) = add_to_record(path, first, &total)
    {
        eprintln!("weft-sim: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if cli.check_marks && !check_marks(&total) {
        return ExitCode::FAILURE;
    }
    let Some((seed, _)) = total.failed.first_key_value() else {
        return ExitCode::SUCCESS;
    };
    if cli.reproduce.is_none() {
        explain(*seed, mutant, cli.only);
    }
    ExitCode::FAILURE
}

fn run_all(cli: &Cli, first: u64, count: u64, options: Options) -> Total {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = if cli.jobs == 0 { cores } else { cli.jobs };
    let jobs = if cli.trace { 1 } else { jobs };
    let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
    let began = Instant::now();
    let shows_progress = std::io::stderr().is_terminal() && count > 1;
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    // The first failure is enough.
                    let has_failed = total.lock().is_ok_and(|total| !total.failed.is_empty());
                    if index >= count || has_failed && !cli.keep_going {
                        return;
                    }
                    let seed = Seed::run(first + index, options, cli.only);
                    let again = cli
                        .check_determinism
                        .then(|| Seed::run(seed.number, options, cli.only).hash());
                    if let Ok(mut total) = total.lock() {
                        add(&mut total, cli, &seed, again);
                        if shows_progress {
                            progress(&total, count, began.elapsed());
                        }
                    }
                }
            });
        }
    });
    if shows_progress {
        eprintln!();
    }
    total.into_inner().unwrap_or_default()
}

/// How many seeds are done, and how long the rest takes if it is like them.
fn progress(total: &Total, count: u64, took: Duration) {
    const WIDTH: usize = 32;
    let done = (total.seeds * WIDTH as u64 / count) as usize;
    let left = took.as_secs() * (count - total.seeds) / total.seeds;
    let (bar, failed) = ("█".repeat(done) + &"░".repeat(WIDTH - done), total.failed.len());
    let (minutes, seconds) = (left / 60, left % 60);
    eprint!(
        "\r{bar} {} of {count} seeds, {failed} failed, {minutes}:{seconds:02} left ",
        total.seeds
    );
    let _ = std::io::stderr().flush();
}

fn add(total: &mut Total, cli: &Cli, seed: &Seed, again: Option<u64>) {
    let (number, hash) = (seed.number, seed.hash());
    let mut out = std::io::stdout().lock();
    for line in seed.outcomes().flat_map(|world| &world.trace) {
        let _ = writeln!(out, "{line}");
    }
    if cli.reproduce.is_some() || cli.hashes {
        let _ = writeln!(out, "seed {number}: trace hash {hash:016x}");
    }
    if let Some(again) = again
        && again != hash
    {
        let what = format!("not deterministic: {hash:016x}, then {again:016x}");
        total.failed.insert(number, what);
    }
    if let Some(what) = seed.failure() {
        total.failed.insert(number, what);
    }
    total.seeds += 1;
    for (world, took) in &seed.worlds {
        add_world(total, world, *took);
    }
}

fn add_world(total: &mut Total, world: &Outcome, took: Duration) {
    total.virtual_ns += u128::from(world.virtual_ns);
    let size = total.sizes.entry(world.params.nodes.len()).or_default();
    *size = (size.0 + u128::from(world.virtual_ns), size.1 + took);
    total.events += world.stats.events;
    total.acknowledged += world.acknowledged;
    total.delivered += world.delivered;
    for (kind, count) in &world.stats.faults {
        *total.faults.entry(format!("{kind:?}")).or_default() += count;
    }
    for (kind, count) in &world.stats.action_faults {
        *total.faults.entry((*kind).to_owned()).or_default() += count;
    }
    for (component, name) in &world.stats.marks {
        *total.marks.entry(marks::name_of(*component, name)).or_default() += 1;
    }
}

fn summary(total: &Total, seconds: f64) {
    let hours = total.virtual_ns as f64 / 3.6e12;
    println!(
        "{} seeds, {hours:.1} virtual hours in {seconds:.1} s ({:.0} : 1), {} events, {} \
         acknowledged updates, {} datapoints delivered to subscribers",
        total.seeds,
        hours * 3_600.0 / seconds.max(1e-9),
        total.events,
        total.acknowledged,
        total.delivered
    );
    let faults: Vec<String> =
        total.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!("faults: {}", faults.join(", "));
    let sizes = total.sizes.iter().map(|(nodes, (virtual_ns, took))| {
        let ratio = *virtual_ns as f64 / 1e9 / took.as_secs_f64().max(1e-9);
        format!("{nodes} nodes {ratio:.0} : 1")
    });
    println!("virtual to real time, by nodes: {}", sizes.collect::<Vec<_>>().join(", "));
    println!("coverage marks: {}", total.marks.len());
    for (seed, what) in &total.failed {
        println!("FAILED seed {seed}: {what}");
    }
    println!("{} passed, {} failed", total.seeds - total.failed.len() as u64, total.failed.len());
}

/// Whether every mark was hit that can be; says which were not, and those that no table knows.
fn check_marks(total: &Total) -> bool {
    let hit: BTreeSet<&str> = total.marks.keys().map(String::as_str).collect();
    let expected = marks::expected();
    let missing: Vec<&String> =
        expected.iter().filter(|mark| !hit.contains(mark.as_str())).collect();
    // Machines leave alone what is not meant for them: being told of it is no mark.
    let unknown: Vec<&&str> = hit.iter().filter(|mark| mark.ends_with(marks::UNKNOWN)).collect();
    println!("marks of {} that were not hit: {missing:#?}", expected.len());
    println!("{} that no table knows: {unknown:?}", unknown.len());
    missing.is_empty() && unknown.is_empty()
}

/// The configuration of a failing seed, how it ended, and how to see it again.
fn explain(seed: u64, mutant: Option<Mutant>, only: Option<WorldKind>) {
    let again = Seed::run(seed, Options { mutant, trace: true, ..Options::default() }, only);
    let Some(outcome) = again.outcomes().last() else { return };
    println!("\n{:#?}", outcome.params);
    let tail = outcome.trace.len().saturating_sub(60);
    for line in &outcome.trace[tail..] {
        println!("{line}");
    }
    let mutant = mutant.map(|mutant| format!(" --mutant {}", mutant.name())).unwrap_or_default();
    println!("\ncargo run --profile sim --package weft-sim -- --reproduce {seed}{mutant} --trace");
    println!("cargo run --profile sim --package weft-sim -- --minimise {seed}{mutant}");
}

/// Whether each mutant is caught by the seed, and the invariant, that a record names. One after the
/// other: what is planted is planted in the whole process.
fn check_mutants(path: &Path) -> ExitCode {
    let record = match std::fs::read_to_string(path) {
        Ok(record) => record,
        Err(error) => {
            eprintln!("weft-sim: {}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let Some(rows) = record::caught(&record) else {
        eprintln!("weft-sim: {}: there is no table of mutants in it", path.display());
        return ExitCode::from(2);
    };
    let mut is_each_caught = true;
    for mutant in mutants::ALL {
        let name = mutant.name();
        let Some(row) = rows.iter().find(|row| row.mutant == name) else {
            println!("{name}: the record does not name it");
            is_each_caught = false;
            continue;
        };
        let options = Options { mutant: Some(*mutant), ..Options::default() };
        let seed = Seed::run(row.seed, options, None);
        let violation = seed.outcomes().find_map(|world| world.violation.as_ref());
        let by = violation.map_or("nothing", |violation| violation.invariant);
        if by != row.invariant {
            println!("{name}: seed {} has {by}, the record says {}", row.seed, row.invariant);
            is_each_caught = false;
        }
    }
    if !is_each_caught {
        return ExitCode::FAILURE;
    }
    println!("{} mutants, all of them caught", mutants::ALL.len());
    ExitCode::SUCCESS
}

/// Shrinks a seed and tells what is left of it.
fn minimise_seed(
    seed: u64,
    from: Option<Plan>,
    mutant: Option<Mutant>,
    runs_max: usize,
) -> ExitCode {
    let began = Instant::now();
    let mut say = |line: &str| eprintln!("{line}");
    let Some(least) = minimise::minimise(seed, from, mutant, runs_max, &mut say) else {
        eprintln!("weft-sim: seed {seed} does not fail: there is nothing to shrink");
        return ExitCode::from(2);
    };
    let seconds = began.elapsed().as_secs_f64();
    println!("Seed {seed}, what is left of it after {} runs in {seconds:.0} s.\n", least.runs);
    println!("{}", story::tell(&least.outcome));
    if let Some(violation) = &least.without {
        println!("Without the bug: {}: {}\n", violation.invariant, violation.what);
    }
    println!("{}", story::test(seed, &least.plan, mutant, least.violation.invariant));
    let mutant = mutant.map(|mutant| format!(" --mutant {}", mutant.name())).unwrap_or_default();
    println!("weft-sim --reproduce {seed}{mutant} --plan '{}'", least.plan);
    ExitCode::FAILURE
}

/// Runs what a plan leaves of a seed, and tells it.
fn follow(seed: u64, plan: &Plan, options: Options) -> ExitCode {
    let outcome = match replay(seed, plan, options) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("weft-sim: --plan: {error}");
            return ExitCode::from(2);
        }
    };
    let mut out = std::io::stdout().lock();
    for line in &outcome.trace {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}seed {seed}: trace hash {:016x}", story::tell(&outcome), outcome.hash);
    if outcome.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Adds a row for what was run to the record.
fn add_to_record(path: &Path, first: u64, total: &Total) -> std::io::Result<()> {
    let row = record::Row {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seeds: (first, first + total.seeds.saturating_sub(1)),
        hours: total.virtual_ns as f64 / 3.6e12,
        events: total.events,
        faults: total.faults.values().sum(),
        acknowledged: total.acknowledged,
        failed: total.failed.keys().copied().collect(),
    };
    let text = std::fs::read_to_string(path)?;
    let with = record::with_row(&text, &row);
    let with = with.ok_or_else(|| std::io::Error::other("there is no table of runs in it"))?;
    std::fs::write(path, with)
}
