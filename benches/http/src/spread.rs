//! Latencies, in order.

use std::time::Duration;

/// Latencies of many requests.
#[derive(Default)]
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let Some(last) = sorted.len().checked_sub(1) else { return f.write_str("no requests") };
        let at = |share: f64| sorted[(last as f64 * share) as usize].as_secs_f64() * 1e3;
        write!(
            f,
            "{} requests, median {:.1} ms, p90 {:.1}, p99 {:.1}, most {:.1}",
            sorted.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        )
    }
}
