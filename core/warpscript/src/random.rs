//! The seeded random numbers of `java.util.Random`.

/// A linear congruential generator of 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

const MULTIPLIER: u64 = 0x5_deec_e66d;
const MASK: u64 = (1 << 48) - 1;

impl Random {
    /// A generator with a seed.
    pub const fn new(seed: i64) -> Self {
        Self { state: (seed as u64 ^ MULTIPLIER) & MASK }
    }

    /// The next `bits` bits, at most 32.
    const fn next(&mut self, bits: u32) -> i32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(0xb) & MASK;
        (self.state >> (48 - bits)) as i32
    }

    /// `nextInt()`.
    pub const fn next_int(&mut self) -> i32 {
        self.next(32)
    }

    /// `nextLong()`.
    pub const fn next_long(&mut self) -> i64 {
        let high = self.next(32) as i64;
        (high << 32).wrapping_add(self.next(32) as i64)
    }

    /// `nextDouble()`: in [0, 1).
    pub const fn next_double(&mut self) -> f64 {
        let high = self.next(26) as i64;
        let bits = (high << 27) + self.next(27) as i64;
        bits as f64 / (1u64 << 53) as f64
    }

    /// `nextBytes(out)`.
    pub fn next_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(4) {
            let bytes = self.next_int().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_java() {
        let mut random = Random::new(42);
        assert_eq!(random.next_int(), -1_170_105_035);
        assert_eq!(random.next_int(), 234_785_527);
        let mut random = Random::new(42);
        assert_eq!(random.next_double(), 0.727_563_680_032_868_1);
        assert_eq!(Random::new(0).next_long(), -4_962_768_465_676_381_896);
    }
}
