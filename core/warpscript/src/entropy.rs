//! Random numbers from a seed that the platform gave.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

/// A generator in counter mode over AES-256, keyed when the first number is drawn.
///
/// The key is the entropy of the slice in which that happened, so the numbers are a function of
/// what the platform gave.
#[derive(Clone, Default)]
pub struct Entropy {
    offered: [u8; 32],
    cipher: Option<Aes256>,
    counter: u128,
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// The entropy of a new slice.
    pub(crate) fn offer(&mut self, entropy: [u8; 32]) {
        self.offered = entropy;
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        let key = self.offered;
        let cipher = self.cipher.get_or_insert_with(|| Aes256::new(&key.into()));
        for chunk in out.chunks_mut(16) {
            let mut block = self.counter.to_be_bytes().into();
            self.counter += 1;
            cipher.encrypt_block(&mut block);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    /// A random 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A random double in [0, 1).
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_that_draws_decides() {
        let (mut a, mut b) = (Entropy::default(), Entropy::default());
        a.offer([1; 32]);
        b.offer([2; 32]);
        b.offer([1; 32]);
        let first = a.next_u64();
        assert_eq!(first, b.next_u64());
        a.offer([3; 32]);
        assert_eq!(a.next_u64(), b.next_u64());
        assert_ne!(a.next_u64(), first);
    }
}
