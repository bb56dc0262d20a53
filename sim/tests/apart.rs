//! The worlds that stand apart: a few seeds hold, the same twice, and planted bugs do not pass.

use weft_sim::runners::mutants::RunnerMutant;
use weft_sim::webcalls::mutants::WebcallMutant;
use weft_sim::{runners, webcalls};

#[test]
fn runners_keep_their_promises() {
    for seed in 1..=6 {
        let run = || runners::run(runners::params::Params::of(seed), None, false);
        let outcome = run();
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert!(outcome.runs > 50, "seed {seed} did too little");
        assert_eq!(run().hash, outcome.hash, "seed {seed}");
    }
}

#[test]
fn a_thousand_scripts_run_for_an_hour() {
    let params = runners::params::Params::long(1, 1);
    let params = runners::params::Params { lasts_ns: 3_600 * 1_000_000_000, ..params };
    let outcome = runners::run(params, None, false);
    assert_eq!(outcome.violation, None);
    assert!(outcome.scripts == 1_000 && outcome.windows > 5_000, "{outcome:?}");
}

#[test]
fn bugs_of_runners_are_caught() {
    for (mutant, seed, invariant) in [
        (RunnerMutant::LongScriptsLost, 2, "skipped"),
        (RunnerMutant::SchedulerNeverStarts, 2, "skipped"),
        (RunnerMutant::LockIgnored, 23, "overlap"),
        (RunnerMutant::CancelIgnored, 132, "overlap"),
        (RunnerMutant::LeaderWatchLost, 1, "skipped"),
        (RunnerMutant::FailedCommitIsDone, 1, "once"),
        (RunnerMutant::UnansweredRequestIsDone, 1, "skipped"),
    ] {
        let outcome = runners::run(runners::params::Params::of(seed), Some(mutant), false);
        let caught = outcome.violation.map(|it| it.invariant);
        assert_eq!(caught, Some(invariant), "{}", mutant.name());
    }
}

#[test]
fn webcalls_keep_their_promises() {
    for seed in 1..=12 {
        let run = || webcalls::run(webcalls::Params::of(seed), None, false);
        let outcome = run();
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert!(outcome.calls.1 > 50, "seed {seed} did too little");
        assert_eq!(run().hash, outcome.hash, "seed {seed}");
    }
}

#[test]
fn bugs_of_webcalls_are_caught() {
    for mutant in [
        WebcallMutant::CommitAhead,
        WebcallMutant::NoAnswerIsDone,
        WebcallMutant::FirstAddressOnly,
        WebcallMutant::ResolvedAgain,
        WebcallMutant::RedirectsUnchecked,
        WebcallMutant::MadeTwice,
        WebcallMutant::RecordsPassedOver,
    ] {
        let outcome = webcalls::run(webcalls::Params::of(1), Some(mutant), false);
        let caught = outcome.violation.map(|it| it.invariant);
        assert_eq!(caught, Some("called"), "{}", mutant.name());
    }
}
