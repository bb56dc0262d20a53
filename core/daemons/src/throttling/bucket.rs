//! How many datapoints a second: a bucket that holds what one second allows, and may be overdrawn
//! once.

use crate::time::{Mono, Now};

/// The lowest rate: one an hour. (A rate of nothing could never be waited for.)
const RATE_MIN: f64 = 1.0 / 3_600.0;

/// More than any machine takes.
const RATE_MAX: f64 = 1e15;

/// Seconds' worth of datapoints that a bucket holds.
const BURST_SECONDS: f64 = 1.0;

const SECOND_NS: f64 = 1e9;

/// The bucket. Whatever is taken from it from some moment on, it gives out no more than a second's
/// worth, what the rate allows until then, and the last batch taken.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// A second.
    rate: f64,
    /// Datapoints in it.
    stored: f64,
    /// When what was taken from it is paid for.
    free_at: Mono,
}

impl Bucket {
    /// An empty bucket.
    pub(super) fn new(now: Now, rate: f64) -> Self {
        Self { rate: clamp(rate), stored: 0.0, free_at: now.mono }
    }

    /// Datapoints a second, as the reference tells it.
    pub(super) fn rate(&self) -> f64 {
        1e6 / (1e6 / self.rate)
    }

    /// Another rate from now on. What was taken is still to be paid for.
    pub(super) fn set_rate(&mut self, now: Now, rate: f64) {
        self.fill(now);
        let debt = self.free_at.since(now.mono).as_secs_f64() * self.rate;
        self.rate = clamp(rate);
        self.stored = self.stored.min(self.rate * BURST_SECONDS);
        let owed_ns = (debt / self.rate * SECOND_NS).ceil();
        self.free_at = Mono(now.mono.0.saturating_add(owed_ns as u64));
    }

    /// When the next batch may be taken.
    pub(super) const fn free_at(&self) -> Mono {
        self.free_at
    }

    /// Takes a batch.
    pub(super) fn take(&mut self, now: Now, points: u64) {
        self.fill(now);
        let points = points as f64;
        let from_store = points.min(self.stored);
        self.stored -= from_store;
        let fresh_ns = (points - from_store) / self.rate * SECOND_NS;
        self.free_at = Mono(self.free_at.0.saturating_add(fresh_ns.ceil() as u64));
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_idle(&self, now: Now) -> bool {
        self.free_at <= now.mono
    }

    fn fill(&mut self, now: Now) {
        let idle = now.mono.since(self.free_at);
        if !idle.is_zero() {
            let more = idle.as_secs_f64() * self.rate;
            #[cfg(weft_mutants)]
            if crate::mutants::is(crate::mutants::Planted::BurstUnbounded) {
                (self.stored, self.free_at) = (self.stored + more, now.mono);
                return;
            }
            self.stored = (self.stored + more).min(self.rate * BURST_SECONDS);
            self.free_at = now.mono;
        }
    }
}

fn clamp(rate: f64) -> f64 {
    // Not a number is no limit that anybody wrote.
    if rate > RATE_MIN { rate.min(RATE_MAX) } else { RATE_MIN }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Wall;

    fn at(ms: u64) -> Now {
        Now { mono: Mono(ms * 1_000_000), wall: Wall(0) }
    }

    #[test]
    fn a_batch_waits_until_the_one_before_is_paid_for() {
        let mut bucket = Bucket::new(at(0), 100.0);
        assert_eq!(bucket.free_at(), at(0).mono, "nothing is owed");
        bucket.take(at(0), 500);
        assert_eq!(bucket.free_at(), at(5_000).mono);
    }

    #[test]
    fn a_second_is_saved_and_no_more() {
        let mut bucket = Bucket::new(at(0), 100.0);
        bucket.take(at(60_000), 100);
        assert_eq!(bucket.free_at(), at(60_000).mono, "nothing is owed");
        bucket.take(at(60_000), 100);
        assert_eq!(bucket.free_at(), at(61_000).mono);
    }

    #[test]
    fn another_rate_does_not_forgive() {
        let mut bucket = Bucket::new(at(0), 100.0);
        bucket.take(at(0), 1_000);
        bucket.set_rate(at(0), 10.0);
        assert_eq!(bucket.free_at(), at(100_000).mono);
    }

    #[test]
    fn nonsense_is_the_lowest_rate() {
        for rate in [0.0, -5.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Bucket::new(at(0), rate).rate, RATE_MIN);
        }
    }

    proptest! {
        #[test]
        fn never_more_than_rate_burst_and_the_last_batch(
            rate in 0.1f64..10_000.0,
            batches in prop::collection::vec((0u64..3_000, 1u64..5_000), 1..50),
        ) {
            let mut bucket = Bucket::new(at(0), rate);
            // What is not paid for, by another account of it.
            let (mut now, mut unpaid, mut since) = (at(0), 0.0f64, at(0).mono);
            for (pause_ms, points) in batches {
                let later = now.mono.0 + pause_ms * 1_000_000;
                now.mono = Mono(later.max(bucket.free_at().0));
                unpaid = (unpaid - rate * now.mono.since(since).as_secs_f64()).max(0.0);
                since = now.mono;
                prop_assert!(unpaid <= rate * BURST_SECONDS + 1e-3, "{unpaid}");
                bucket.take(now, points);
                unpaid += points as f64;
            }
        }
    }
}
