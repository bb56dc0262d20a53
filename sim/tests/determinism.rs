//! A seed is a run, whatever ran before it in the process. That debug and release run the same is
//! compared by `.ci/run`.

use weft_sim::params::Params;
use weft_sim::{Options, run};

/// Enough events to have everything up, clients at work and some faults.
const STEPS: u64 = 15_000;

fn hash(seed: u64) -> u64 {
    let options = Options { steps: STEPS, ..Options::default() };
    let worlds = Params::worlds(seed).into_iter();
    worlds.fold(0, |hash: u64, params| hash.rotate_left(1) ^ run(params, options).hash)
}

#[test]
fn a_seed_is_the_same_run_after_any_others() {
    let forwards = [1, 2, 3, 4].map(hash);
    let mut backwards = [4, 3, 2, 1].map(hash);
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_ne!(forwards[0], forwards[1], "another seed is another run");
}
