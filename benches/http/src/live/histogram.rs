//! Latencies of many datapoints, to within a hundredth.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps of each power of two.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How many latencies there were of each length.
pub(crate) struct Histogram {
    counts: Vec<AtomicU64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: (0..STEPS * 64).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Histogram {
    pub(crate) fn push(&self, micros: u64) {
        self.counts[place(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// Milliseconds that so large a share took at most.
    fn at(&self, share: f64) -> f64 {
        let all: u64 = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count.load(Ordering::Relaxed);
            below >= wanted.max(1)
        });
        micros(found.unwrap_or(0) as u64) as f64 / 1e3
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, p90, p99, p999, most] = [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| self.at(share));
        write!(
            f,
            "median {half:.1} ms, p90 {p90:.1}, p99 {p99:.1}, p99.9 {p999:.1}, most {most:.1}"
        )
    }
}

/// Where a latency is counted.
fn place(micros: u64) -> usize {
    let power = micros.max(1).ilog2();
    let place = match power.checked_sub(STEP_BITS) {
        None => micros,
        Some(shift) => (u64::from(shift) + 1) * STEPS + (micros >> shift) - STEPS,
    };
    usize::try_from(place).unwrap_or(0)
}

/// The least latency that is counted there.
const fn micros(place: u64) -> u64 {
    match (place / STEPS).checked_sub(1) {
        None => place,
        Some(shift) => (STEPS + place % STEPS) << shift,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_hundredth_wide() {
        for length in [0, 1, 127, 128, 129, 255, 256, 1_000, 123_456_789, u64::from(u32::MAX)] {
            let found = micros(place(length) as u64);
            assert!(found <= length && length - found <= length / 100, "{length}: {found}");
        }
    }

    #[test]
    fn shares() {
        let all = Histogram::default();
        (1..=100).for_each(|ms| all.push(ms * 1_000));
        assert!(all.to_string().starts_with("median 49."), "{all}");
    }
}
