//! Argon2 (RFC 9106, version 1.3), one block of memory a step.

use super::blake::blake2b;

/// The three ways in which blocks are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By what is in the memory.
    D = 0,
    /// By the parameters alone.
    I = 1,
    /// First one, then the other.
    Id = 2,
}

/// What a hash depends on.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    pub(crate) kind: Kind,
    pub(crate) iterations: u32,
    /// Kilobytes.
    pub(crate) memory: u32,
    pub(crate) lanes: u32,
    pub(crate) salt: Vec<u8>,
    pub(crate) secret: Vec<u8>,
    pub(crate) additional: Vec<u8>,
    /// Bytes of the hash.
    pub(crate) size: u32,
}

/// 64-bit words of a block.
const WORDS: usize = 128;

type Block = [u64; WORDS];

/// Parts of a pass.
const SLICES: usize = 4;

/// A hash under way.
pub(crate) struct Run {
    parameters: Parameters,
    memory: Vec<Block>,
    /// Blocks of one lane in one part of a pass.
    segment: usize,
    pass: usize,
    slice: usize,
    lane: usize,
    index: usize,
    /// Choices of blocks, where the parameters alone decide.
    addresses: Block,
    counter: u64,
}

/// The hash of any length.
fn long_hash(size: usize, input: &[u8]) -> Vec<u8> {
    let first = [&(size as u32).to_le_bytes(), input].concat();
    if size <= 64 {
        return blake2b(size, &first);
    }
    let mut out = Vec::with_capacity(size + 32);
    let mut last = blake2b(64, &first);
    while out.len() + 64 < size {
        out.extend_from_slice(&last[..32]);
        let left = size - out.len();
        last = blake2b(left.min(64), &last);
    }
    out.extend(last);
    out.truncate(size);
    out
}

fn block_of(bytes: &[u8]) -> Block {
    let mut block = [0; WORDS];
    for (word, bytes) in block.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |sum, b| sum << 8 | u64::from(*b));
    }
    block
}

/// The mixing of Blake2b, with a multiplication in every sum.
fn quarter(v: &mut Block, a: usize, b: usize, c: usize, d: usize) {
    let sum = |x: u64, y: u64| {
        let product = (x & 0xffff_ffff).wrapping_mul(y & 0xffff_ffff);
        x.wrapping_add(y).wrapping_add(product << 1)
    };
    for (turn_d, turn_b) in [(32, 24), (16, 63)] {
        v[a] = sum(v[a], v[b]);
        v[d] = (v[d] ^ v[a]).rotate_right(turn_d);
        v[c] = sum(v[c], v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(turn_b);
    }
}

fn round(v: &mut Block, i: &[usize; 16]) {
    for column in 0..4 {
        quarter(v, i[column], i[4 + column], i[8 + column], i[12 + column]);
    }
    for diagonal in 0..4 {
        let at = |row: usize| i[row * 4 + (diagonal + row) % 4];
        quarter(v, at(0), at(1), at(2), at(3));
    }
}

/// Two blocks become one.
fn mix(a: &Block, b: &Block) -> Block {
    let mut sum = [0; WORDS];
    for (place, word) in sum.iter_mut().enumerate() {
        *word = a[place] ^ b[place];
    }
    let mut v = sum;
    for row in 0..8 {
        round(&mut v, &std::array::from_fn(|k| row * 16 + k));
    }
    for column in 0..8 {
        round(&mut v, &std::array::from_fn(|k| column * 2 + k / 2 * 16 + k % 2));
    }
    for (word, before) in v.iter_mut().zip(sum) {
        *word ^= before;
    }
    v
}

impl Parameters {
    fn segment(&self) -> usize {
        let lanes = self.lanes as usize;
        (self.memory as usize).max(2 * SLICES * lanes) / (lanes * SLICES)
    }

    /// Bytes of memory that a run needs.
    pub(crate) fn footprint(&self) -> usize {
        self.segment() * SLICES * self.lanes as usize * size_of::<Block>()
    }
}

impl Run {
    /// Starts. Callers have checked that lanes and iterations are at least 1, size at least 4.
    pub(crate) fn new(parameters: Parameters, password: &[u8]) -> Self {
        let p = &parameters;
        let mut start = Vec::new();
        for number in [p.lanes, p.size, p.memory, p.iterations, 0x13, p.kind as u32] {
            start.extend(number.to_le_bytes());
        }
        for text in [password, &p.salt, &p.secret, &p.additional] {
            start.extend((text.len() as u32).to_le_bytes());
            start.extend(text);
        }
        let start = blake2b(64, &start);
        let segment = parameters.segment();
        let row = segment * SLICES;
        let mut memory = vec![[0; WORDS]; row * parameters.lanes as usize];
        for lane in 0..parameters.lanes {
            for place in 0..2u32 {
                let mut input = start.clone();
                input.extend(place.to_le_bytes());
                input.extend(lane.to_le_bytes());
                memory[lane as usize * row + place as usize] = block_of(&long_hash(1024, &input));
            }
        }
        Self {
            parameters,
            memory,
            segment,
            pass: 0,
            slice: 0,
            lane: 0,
            index: 2,
            addresses: [0; WORDS],
            counter: 0,
        }
    }

    /// Fills one block; the hash when all are filled.
    pub(crate) fn step(&mut self) -> Option<Vec<u8>> {
        if self.pass == self.parameters.iterations as usize {
            return Some(self.finish());
        }
        let row = self.segment * SLICES;
        let place = self.slice * self.segment + self.index;
        let previous = self.lane * row + (place + row - 1) % row;
        let random = self.choice(previous);
        let (lane, reference) = self.reference(random);
        let mixed = mix(&self.memory[previous], &self.memory[lane * row + reference]);
        let block = &mut self.memory[self.lane * row + place];
        for (word, new) in block.iter_mut().zip(mixed) {
            *word = if self.pass == 0 { new } else { *word ^ new };
        }
        self.advance();
        None
    }

    fn advance(&mut self) {
        self.index += 1;
        if self.index < self.segment {
            return;
        }
        self.index = 0;
        self.counter = 0;
        self.lane += 1;
        if self.lane == self.parameters.lanes as usize {
            self.lane = 0;
            self.slice += 1;
            if self.slice == SLICES {
                self.slice = 0;
                self.pass += 1;
            }
        }
        // The first two blocks of each lane are there from the start.
        if self.pass == 0 && self.slice == 0 {
            self.index = 2;
        }
    }

    /// The number that chooses a block.
    fn choice(&mut self, previous: usize) -> u64 {
        let independent = match self.parameters.kind {
            Kind::D => false,
            Kind::I => true,
            Kind::Id => self.pass == 0 && self.slice < 2,
        };
        if !independent {
            return self.memory[previous][0];
        }
        if self.counter == 0 || self.index.is_multiple_of(WORDS) {
            self.counter += 1;
            let mut input = [0; WORDS];
            let numbers = [
                self.pass as u64,
                self.lane as u64,
                self.slice as u64,
                self.memory.len() as u64,
                u64::from(self.parameters.iterations),
                self.parameters.kind as u64,
                self.counter,
            ];
            input[..numbers.len()].copy_from_slice(&numbers);
            let zero = [0; WORDS];
            self.addresses = mix(&zero, &mix(&zero, &input));
        }
        self.addresses[self.index % WORDS]
    }

    /// The lane and place of the block to mix in.
    fn reference(&self, random: u64) -> (usize, usize) {
        let row = self.segment * SLICES;
        let first = self.pass == 0;
        let lane = if first && self.slice == 0 {
            self.lane
        } else {
            (random >> 32) as usize % self.parameters.lanes as usize
        };
        let finished = if first { self.slice * self.segment } else { row - self.segment };
        let area = if lane == self.lane {
            finished + self.index - 1
        } else {
            finished - usize::from(self.index == 0)
        } as u64;
        let near = random & 0xffff_ffff;
        let near = (area * ((near * near) >> 32)) >> 32;
        let offset = (area - 1).saturating_sub(near) as usize;
        let start = if first { 0 } else { (self.slice + 1) % SLICES * self.segment };
        (lane, (start + offset) % row)
    }

    fn finish(&self) -> Vec<u8> {
        let row = self.segment * SLICES;
        let mut sum = [0u64; WORDS];
        for lane in self.memory.chunks_exact(row) {
            for (word, last) in sum.iter_mut().zip(lane[row - 1]) {
                *word ^= last;
            }
        }
        let bytes: Vec<u8> = sum.iter().flat_map(|word| word.to_le_bytes()).collect();
        long_hash(self.parameters.size as usize, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 9106.
    #[test]
    fn vectors_of_the_rfc() {
        for (kind, first) in
            [(Kind::D, 0x512b_391b), (Kind::I, 0xc814_d9d1), (Kind::Id, 0x0d64_0df5)]
        {
            let parameters = Parameters {
                kind,
                iterations: 3,
                memory: 32,
                lanes: 4,
                salt: vec![2; 16],
                secret: vec![3; 8],
                additional: vec![4; 12],
                size: 32,
            };
            let mut run = Run::new(parameters, &[1; 32]);
            let hash = loop {
                if let Some(hash) = run.step() {
                    break hash;
                }
            };
            assert_eq!(hash[..4], u32::to_be_bytes(first));
            assert_eq!(hash.len(), 32);
        }
        assert_eq!(long_hash(100, b"").len(), 100);
    }
}
