//! Scripts over a million values, on a machine without a platform behind it.
//!
//! What a script works on is made by another one before it, on the same machine and outside of the
//! measured time.

#![allow(missing_docs, reason = "the macros of criterion")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use weft_benches::criterion;
use weft_warpscript::{Clock, Config, Limits, Machine, Run};

/// How much a machine works between two returns, as in the server.
const SLICE: u64 = 100_000;

/// Name, what is made before, what is measured.
const SCRIPTS: &[(&str, &str, &str)] = &[
    ("FOR empty", "", "1 1000000 <% DROP %> FOR"),
    ("FOR sum", "", "0 1 1000000 <% + %> FOR"),
    ("FOR STORE", "", "1 1000000 <% 'x' STORE %> FOR"),
    ("LMAP", "[] 0 999999 <% +! %> FOR", "<% DROP 1 + %> LMAP"),
    ("ADDVALUE", "", "NEWGTS 1 1000000 <% NaN NaN NaN 1.5 ADDVALUE %> FOR"),
    ("MAKEGTS", LISTS, "[] [] [] $values MAKEGTS"),
    ("->JSON", ONE, "->JSON"),
    ("BUCKETIZE mean", ONE, "'g' STORE [ $g bucketizer.mean 0 60 0 ] BUCKETIZE"),
    ("BUCKETIZE last", ONE, "'g' STORE [ $g bucketizer.last 0 60 0 ] BUCKETIZE"),
    ("MAP mean 5 5", ONE, "'g' STORE [ $g mapper.mean 5 5 0 ] MAP"),
    ("REDUCE mean 10 x 100 k", TEN, "'l' STORE [ $l [] reducer.mean ] REDUCE"),
];

/// Ticks on the stack, `$values` beside them.
const LISTS: &str = "[] 0 999999 <% 7919 * 100003 % 4.0 / +! %> FOR 'values' STORE
    [] 0 999999 <% +! %> FOR";

/// One series of a million datapoints.
const ONE: &str = "[] 0 999999 <% 7919 * 100003 % 4.0 / +! %> FOR 'values' STORE
    [] 0 999999 <% +! %> FOR [] [] [] $values MAKEGTS 'one' RENAME NULL 'values' STORE";

/// Ten series of 100,000 datapoints with the same ticks.
const TEN: &str = "[] 0 99999 <% 7919 * 100003 % 4.0 / +! %> FOR 'values' STORE
    [] 0 99999 <% +! %> FOR 'ticks' STORE
    [] 1 10 <% 'i' STORE $ticks [] [] [] $values MAKEGTS 's' $i TOSTRING + RENAME +! %> FOR";

fn prepared(config: &Arc<Config>, script: &str) -> Machine {
    let machine = Machine::new(Arc::clone(config), script.to_owned());
    run(machine)
}

/// Runs on to the end.
fn run(mut machine: Machine) -> Machine {
    loop {
        match machine.run(SLICE, Clock::default(), [7; 32]) {
            Run::OutOfFuel => (),
            Run::Done => break,
            other => panic!("a script of a benchmark asks for {other:?}"),
        }
    }
    assert_eq!(machine.failure(), None);
    machine
}

fn scripts(criterion: &mut Criterion) {
    let config = Arc::new(Config { soft: Limits::MAX, ..Config::default() });
    let mut group = criterion.benchmark_group("scripts");
    group.sampling_mode(SamplingMode::Flat);
    for (name, before, script) in SCRIPTS {
        group.bench_function(*name, |bencher| {
            let setup = || {
                let mut machine = prepared(&config, before);
                machine.go_on(script.to_string());
                machine
            };
            bencher.iter_batched(setup, run, BatchSize::PerIteration);
        });
    }
    group.bench_function("stack as JSON", |bencher| {
        let machine = prepared(&config, ONE);
        bencher.iter(|| black_box(machine.stack_json().expect("a series can be written")));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = scripts
}
criterion_main!(benches);
