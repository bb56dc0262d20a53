//! Lines of text, and the byte format of encoders.

#![allow(missing_docs, reason = "the macros of criterion")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use weft_benches::{Numbers, POINTS, criterion};
use weft_gts::text::{ParseOptions, parse_line};
use weft_gts::{Decimal, Encoder, Labels, Metadata, NO_ELEVATION, NO_LOCATION, ValueRef};

/// The first tick: microseconds, as a platform has them by default.
const BASE: i64 = 1_700_000_000_000_000;

/// One line for each datapoint; `head` is what stands between tick and value.
fn lines(head: &str, start: &str) -> String {
    let mut text = String::new();
    for (index, number) in Numbers::default().take(POINTS).enumerate() {
        let tick = BASE + index as i64 * 1_000_000;
        let (whole, tenth) = (number % 100, number / 100 % 10);
        writeln!(text, "{start}{tick}//{head} {whole}.{tenth}").expect("memory takes it");
    }
    text
}

fn parse(criterion: &mut Criterion) {
    let labels: Labels = [("city", "Brest"), ("sensor", "outside")].into_iter().collect();
    let metadata = Metadata::new("air.temperature", labels);
    let options = ParseOptions::default();
    let mut group = criterion.benchmark_group("text");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(POINTS as u64));
    let kinds = [
        ("full lines", lines(" air.temperature{city=Brest,sensor=outside}", "")),
        ("= lines", lines("", "=")),
    ];
    for (name, text) in &kinds {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                for line in text.lines() {
                    let line = parse_line(line.as_bytes(), Some(&metadata), &options);
                    black_box(line.expect("the line is right"));
                }
            });
        });
    }
    group.finish();
}

/// The values of one kind, by the index of the datapoint.
type Values<'a> = &'a dyn Fn(usize) -> ValueRef<'a>;

fn codec(criterion: &mut Criterion) {
    let numbers: Vec<u64> = Numbers::default().take(POINTS).collect();
    let texts: Vec<String> = numbers.iter().map(|number| format!("{number:016x}")).collect();
    let kinds: [(&str, Values<'_>); 4] = [
        ("longs", &|i| ValueRef::Long((numbers[i] % 200) as i64 - 100)),
        ("doubles", &|i| ValueRef::Double(numbers[i] as f64 / u64::MAX as f64)),
        ("decimals", &|i| {
            ValueRef::Decimal(Decimal { unscaled: (numbers[i] % 1000) as i64, scale: 1 })
        }),
        ("strings", &|i| ValueRef::String(&texts[i])),
    ];
    let mut group = criterion.benchmark_group("codec");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(POINTS as u64));
    for (name, value) in kinds {
        let points: Vec<(i64, ValueRef<'_>)> =
            (0..POINTS).map(|i| (BASE + i as i64 * 1_000_000, value(i))).collect();
        let encode = || {
            let mut encoder = Encoder::new(BASE);
            for (tick, value) in &points {
                encoder.add(*tick, NO_LOCATION, NO_ELEVATION, *value);
            }
            encoder
        };
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter_with_large_drop(encode);
        });
        if let ValueRef::Long(_) = points[0].1 {
            let ticks: Vec<i64> = points.iter().map(|(tick, _)| *tick).collect();
            let longs: Vec<i64> = points
                .iter()
                .map(|(_, value)| if let ValueRef::Long(long) = value { *long } else { 0 })
                .collect();
            group.bench_function(format!("encode {name} at once"), |bencher| {
                bencher.iter_with_large_drop(|| {
                    let mut encoder = Encoder::new(BASE);
                    encoder.add_longs(&ticks, &longs, usize::MAX);
                    encoder
                });
            });
        }
        let encoder = encode();
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| {
                let mut count = 0;
                encoder
                    .decoder()
                    .for_each_point(|point| {
                        black_box(point);
                        count += 1;
                    })
                    .expect("what was encoded can be decoded");
                assert_eq!(count, POINTS);
            });
        });
        group.bench_function(format!("decode {name} to columns"), |bencher| {
            bencher.iter_with_large_drop(|| {
                encoder.decoder().series_columns().expect("what was encoded can be decoded")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = parse, codec
}
criterion_main!(benches);
