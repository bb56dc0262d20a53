//! The directory's index: what a series takes, and how long a find is.

#![allow(missing_docs, reason = "the macros of criterion")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weft_benches::criterion;
use weft_daemons::directory::{Activity, Index};
use weft_gts::selector::Selector;
use weft_gts::{Labels, Metadata, SeriesId};

/// Series; `WEFT_BENCH_SERIES` may ask for more.
const SERIES: u64 = 1_000_000;

/// Bytes of memory of this process.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4_096
}

/// Five labels: three that the token sets, one of a thousand, one that no other series has.
fn series(number: u64) -> Metadata {
    let labels: Labels = [
        (".app", "bench".to_owned()),
        (".owner", "00000000-0000-0000-0000-000000000001".to_owned()),
        (".producer", "00000000-0000-0000-0000-000000000001".to_owned()),
        ("sensor", format!("s{number}")),
        ("site", format!("site{}", number % 1_000)),
    ]
    .into_iter()
    .collect();
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
    let class = number % 10;
    let id = SeriesId { class_id: class as i64 * 7_919, labels_id: hash };
    Metadata { id, ..Metadata::new(format!("bench.class{class}"), labels) }
}

fn directory(criterion: &mut Criterion) {
    let asked = std::env::var("WEFT_BENCH_SERIES").ok().and_then(|text| text.parse().ok());
    let count = asked.unwrap_or(SERIES);
    let before = memory();
    let start = std::time::Instant::now();
    let mut index = Index::new(1);
    for number in 0..count {
        index.insert(&series(number));
    }
    println!(
        "{count} series: {:.0} bytes each, inserted in {:?}",
        (memory() - before) as f64 / count as f64,
        start.elapsed()
    );
    let mut group = criterion.benchmark_group("find");
    for (name, selector) in [
        ("exact label of one", "~.*{sensor=s4711}"),
        ("exact class and label of one", "bench.class1{sensor=s4711}"),
        ("first thousand of an exact label", "~.*{site=site7}"),
        ("two exact labels", "~.*{site=site711,sensor=s4711}"),
        ("first thousand of an expression", "~.*{site~site7.}"),
        ("first thousand of all", "~.*{}"),
    ] {
        let selectors = [Selector::parse(selector, true).expect("a selector")];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                black_box(index.find(&selectors, Activity::default(), None, 1_000, 20_000))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = directory
}
criterion_main!(benches);
