//! SipHash-2-4 as the reference keys it, and its palindromic form.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// A 128-bit SipHash key: two longs read big endian (reference SipHash reads them little endian).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SipKey {
    k0: u64,
    k1: u64,
}

impl SipKey {
    /// A key from its two longs.
    pub const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }

    /// A key from its sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let key = u128::from_be_bytes(bytes);
        Self { k0: (key >> 64) as u64, k1: key as u64 }
    }

    /// SipHash-2-4 of `data`.
    pub fn hash(self, data: &[u8]) -> i64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        hasher.write(data);
        hasher.finish() as i64
    }

    /// SipHash-2-4 of `data` backwards.
    pub fn hash_reversed(self, data: &[u8]) -> i64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        write_reversed(&mut hasher, data);
        hasher.finish() as i64
    }

    /// SipHash-2-4 of `data` followed by `data` backwards: the hash of ids and MACs.
    pub fn hash_palindromic(self, data: &[u8]) -> i64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        hasher.write(data);
        write_reversed(&mut hasher, data);
        hasher.finish() as i64
    }
}

/// Hashes `data` backwards without copying all of it.
fn write_reversed(hasher: &mut SipHasher24, data: &[u8]) {
    let mut reversed = [0u8; 64];
    for chunk in data.rchunks(reversed.len()) {
        for (to, from) in reversed.iter_mut().zip(chunk.iter().rev()) {
            *to = *from;
        }
        hasher.write(&reversed[..chunk.len()]);
    }
}

// Keys are secrets: they never appear in logs.
impl std::fmt::Debug for SipKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SipKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn palindromic_is_the_hash_of_data_and_its_reverse() {
        let key = SipKey::from_bytes(*b"0123456789abcdef");
        for len in [0usize, 1, 7, 8, 63, 64, 65, 200] {
            let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let both: Vec<u8> = data.iter().chain(data.iter().rev()).copied().collect();
            assert_eq!(key.hash_palindromic(&data), key.hash(&both));
            let reversed: Vec<u8> = data.iter().rev().copied().collect();
            assert_eq!(key.hash_reversed(&data), key.hash(&reversed));
        }
    }
}
