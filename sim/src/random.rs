//! The one source of chance: everything that a run draws comes from its seed.

/// A generator (SplitMix64): small, fast, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator whose whole sequence follows from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x6a09_e667_f3bc_c908 }
    }

    /// A generator whose sequence follows from what these numbers say.
    pub fn of(numbers: &[u64]) -> Self {
        numbers
            .iter()
            .fold(Self::new(0), |random, number| Self { state: random.state ^ number }.fork())
    }

    /// 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A generator of its own, so that draws here do not shift draws there.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self { state: self.next() }
    }

    /// 64 bits for one of several, whoever the others are.
    #[must_use]
    pub const fn for_whom(&self, who: u64) -> u64 {
        Self { state: self.state ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15) }.fork().next()
    }

    /// A number below `n`; 0 when `n` is 0.
    pub const fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    /// A number in `low..=high`.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An index below `n`.
    pub const fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// A number of thousandths below 1.
    pub const fn thousandths(&mut self) -> f64 {
        self.below(1_000) as f64 / 1e3
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64 / (1u64 << 53) as f64) < probability
    }

    /// One of `items`; there must be one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// A delay around `typical`, now and then much longer.
    pub fn delay(&mut self, typical: u64) -> u64 {
        let base = self.between(typical / 4, typical * 2);
        if self.below(64) == 0 { base * 20 } else { base }
    }
}
