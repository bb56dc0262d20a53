//! What fuzz targets share: a script in bounds. Its fuel, operations and memory are limited, and every
//! request of it fails.

use std::sync::{Arc, LazyLock};

use weft_warpscript::error::{Error, Kind};
use weft_warpscript::machine::{Clock, Machine, Run};
use weft_warpscript::requests::Answer;
use weft_warpscript::{Config, Limits};

/// Slices after which a script that has not ended is ended.
const SLICES: usize = 20;

/// Fuel of a slice. A step of a word may take more: the search for a prime of thousands of bits, half a second.
const FUEL: u64 = 20_000;

/// Bytes that a script may hold.
const MEMORY: usize = 8 << 20;

/// Operations that a script may ask for; a word may end what it is at.
const OPS: i64 = 20_000;

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let soft = Limits { ops: OPS, buckets: 10_000, pixels: 10_000, geocells: 1_000, ..Limits::MAX };
    let mut config = Config { soft, memory: MEMORY, ..Config::default() };
    config.keys.class = Some([1; 16]);
    config.keys.labels = Some([2; 16]);
    config.keys.token = Some([3; 16]);
    config.keys.token_aes = Some(vec![4; 32]);
    config.keys.scripts_aes = Some(vec![5; 32]);
    config.keys.metasets_aes = Some(vec![6; 32]);
    Arc::new(config)
});

/// Runs it to its end; panics where a limit does not hold.
pub fn run(script: &str) {
    let mut machine = Machine::new(CONFIG.clone(), script);
    let mut clock = Clock { wall_ns: 1_700_000_000_000_000_000, mono_ns: 1 };
    let mut slices = 0;
    loop {
        match machine.run(FUEL, clock, [7; 32]) {
            Run::Done => break,
            Run::Need(id, _) => {
                machine.answer(id, Answer::Err(Error::new(Kind::Script, "is not there.")));
            }
            Run::Cancel(_) => {}
            Run::OutOfFuel | Run::Waiting => {
                slices += 1;
                clock.mono_ns += 5_000_000;
                clock.wall_ns += 5_000_000;
                if slices > SLICES {
                    machine.abort("It runs too long.");
                }
            }
        }
        assert!(machine.heap.used() <= 2 * MEMORY, "{} bytes", machine.heap.used());
        assert!(machine.ops() <= 2 * OPS, "{} operations", machine.ops());
    }
    let _ = machine.stack_json();
    if let Some(failure) = machine.failure() {
        let _ = failure.error.brief(1_024);
    }
}
