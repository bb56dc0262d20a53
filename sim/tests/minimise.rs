//! Planted bugs, shrunk: what is left is short enough to be read, and it is the bug that fails.

use weft_sim::minimise::{Minimised, minimise};
use weft_sim::plan::Plan;
use weft_sim::story::{self, What};
use weft_sim::{Options, mutants, replay};

/// What a person reads in one go.
const FAULTS_MAX: usize = 10;
const REQUESTS_MAX: usize = 20;

/// Shrinks a bug in a short world, which is quick, and checks what is left.
fn shrink(name: &str, seed: u64, from: &str) -> Minimised {
    let mutant = mutants::named(name);
    assert!(mutant.is_some(), "{name}");
    let from: Plan = from.parse().unwrap_or_default();
    let mut said = Vec::new();
    let mut say = |line: &str| said.push(line.to_owned());
    let least = minimise(seed, Some(from), mutant, 400, &mut say).expect("the seed fails");
    let lines = &least.outcome.story;
    let tale = story::tell(&least.outcome);
    assert!(story::count(lines, What::Fault) <= FAULTS_MAX, "{tale}");
    let requests = story::count(lines, What::Request);
    assert!((1..=REQUESTS_MAX).contains(&requests), "{tale}");
    assert!(tale.contains(&least.violation.what), "{tale}");
    assert_eq!(least.without, None, "it is the bug that fails: {tale}");
    assert!(!said.is_empty());
    // What is printed is what was found.
    let again: Plan = least.plan.to_string().parse().expect("a plan");
    let options = Options { mutant, ..Options::default() };
    let outcome = replay(seed, &again, options).expect("a world");
    assert_eq!(outcome.violation.as_ref(), Some(&least.violation));
    assert_eq!(outcome.hash, least.outcome.hash, "a plan is a run");
    let test = story::test(seed, &least.plan, mutant, least.violation.invariant);
    assert!(test.contains(name) && test.contains("#[test]"), "{test}");
    least
}

#[test]
fn a_commit_before_the_flush() {
    let least = shrink("commit-before-flush", 1, "streams=0 safety=20000");
    assert_eq!(least.violation.invariant, "offsets");
}

#[test]
fn a_write_behind_a_delete() {
    shrink("delete-overtakes-store", 1, "streams=0 safety=20000");
}

#[test]
fn a_cache_that_is_stale() {
    let least = shrink("stale-cache-after-delete", 1, "streams=0 safety=300000");
    assert_eq!(least.violation.invariant, "findable");
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let from: Plan = "streams=0 safety=5000 faults= strikes= requests=".parse().unwrap_or_default();
    assert!(minimise(1, Some(from), None, 10, &mut |_| {}).is_none());
}
