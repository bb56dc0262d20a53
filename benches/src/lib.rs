//! What the benchmarks share. How to run them and what they gave: `README.md`.

use std::time::Duration;

use criterion::Criterion;

/// Few samples: a benchmark here takes tens of milliseconds, and all of them should end within
/// two minutes.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
}

/// Numbers that look random and are the same in every run (an xorshift generator).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Default for Numbers {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some(self.0)
    }
}

/// How many datapoints most benchmarks are made of.
pub const POINTS: usize = 1_000_000;
