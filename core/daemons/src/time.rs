//! The two clocks, as arguments.

use std::time::Duration;

/// Monotonic time: nanoseconds since some start, never going back. For delays and time-outs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

/// Wall-clock time: nanoseconds since the epoch. It may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub i64);

/// Both clocks at the moment of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic clock.
    pub mono: Mono,
    /// Wall clock.
    pub wall: Wall,
}

impl Mono {
    /// This moment plus `delay`, saturating.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(delay_ns))
    }

    /// Time since `earlier`, zero when that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// In the platform's time units.
    pub const fn in_units(self, unit: weft_gts::TimeUnit) -> i64 {
        self.0.div_euclid(1_000_000_000 / unit.per_second())
    }
}
