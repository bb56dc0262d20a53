//! Random bits out of a seed.

use weft_gts::SipKey;

/// A hash in counter mode.
#[derive(Debug)]
pub(crate) struct Random {
    keys: [SipKey; 2],
    counter: u64,
}

impl Random {
    /// The same bits for the same seed.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut halves = [[0; 16]; 2];
        halves[0].copy_from_slice(&seed[..16]);
        halves[1].copy_from_slice(&seed[16..]);
        Self { keys: halves.map(SipKey::from_bytes), counter: 0 }
    }

    /// The next bits, out of the first or the second half of the seed.
    pub(crate) fn draw(&mut self, key: usize) -> u64 {
        self.counter += 1;
        self.keys[key].hash(&self.counter.to_be_bytes()) as u64
    }
}
