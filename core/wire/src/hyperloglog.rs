//! HyperLogLog++ estimators: how many different hashes there were, in bounded memory.
//!
//! As in the paper (Heule, Nunkesser, Hall 2013), an estimator begins as a sorted list of encoded
//! hashes of precision `p'` and becomes registers of precision `p` when these take less. Lists,
//! registers and their bytes are the reference's. So are estimates from lists, and those from
//! registers up to the paper's threshold for linear counting; above it Ertl's estimator (2017)
//! takes the place of the paper's table of measured biases, and may differ within the error.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use weft_gts::varint;

use crate::thrift::{HyperLogLogPlusParameters, ThriftError};

/// Precision of registers that the platform uses.
pub const PRECISION: u8 = 14;

/// Precision of lists that the platform uses.
pub const SPARSE_PRECISION: u8 = 25;

const PRECISION_MIN: u8 = 4;
const PRECISION_MAX: u8 = 18;

/// The paper's thresholds below which linear counting is used, for precisions 4 to 18.
const THRESHOLDS: [u32; 15] =
    [10, 20, 40, 80, 220, 400, 900, 1_800, 3_100, 6_500, 11_500, 20_000, 50_000, 120_000, 350_000];

/// An estimator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperLogLog {
    p: u8,
    p_prime: u8,
    /// When it was made, milliseconds since the epoch.
    pub init_ms: i64,
    /// What it counts for.
    pub key: Option<String>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Encoded hashes in order, one an index, and those that wait to be merged into them.
    Sparse { list: Vec<i32>, waiting: Vec<i32>, waiting_max: usize },
    /// A register a byte.
    Dense(Vec<u8>),
}

/// Why bytes are no estimator, or two cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HyperLogLogError {
    /// Not the struct.
    #[error("malformed estimator: {0}")]
    Thrift(#[from] ThriftError),
    /// Precisions that no estimator has.
    #[error("an estimator with precisions {p} and {p_prime}")]
    Precision {
        /// Of registers.
        p: i8,
        /// Of the list.
        p_prime: i8,
    },
    /// A list or registers that cannot be read.
    #[error("an estimator whose {0} cannot be read")]
    Content(&'static str),
    /// Registers of different precisions.
    #[error("estimators of precisions {0} and {1} cannot be put together")]
    Different(u8, u8),
}

impl HyperLogLog {
    /// An empty estimator of the platform's precisions.
    pub fn new(init_ms: i64) -> Self {
        Self::with_precision(PRECISION, SPARSE_PRECISION, init_ms)
    }

    /// An empty estimator. Precisions out of range (4 to 18, and from there to 25) are brought
    /// into it.
    pub fn with_precision(p: u8, p_prime: u8, init_ms: i64) -> Self {
        let p = p.clamp(PRECISION_MIN, PRECISION_MAX);
        let p_prime = p_prime.clamp(p, SPARSE_PRECISION);
        let state = if p == p_prime {
            State::Dense(vec![0; 1 << p])
        } else {
            State::Sparse { list: Vec::new(), waiting: Vec::new(), waiting_max: (6 << p) / 64 }
        };
        Self { p, p_prime, init_ms, key: None, state }
    }

    /// Takes a hash into account.
    pub fn add(&mut self, hash: i64) {
        let (p, p_prime, hash) = (self.p, self.p_prime, hash as u64);
        match &mut self.state {
            State::Dense(registers) => {
                raise(registers, (hash >> (64 - p)) as usize, rank(hash, 64 - p));
            }
            State::Sparse { list, waiting, waiting_max } => {
                waiting.push(encode(hash, p, p_prime));
                if waiting.len() >= *waiting_max {
                    merge(list, waiting);
                    // More than the registers would take.
                    if list_bytes(list).len() > (3 << p) / 4 {
                        self.make_dense();
                    }
                }
            }
        }
    }

    /// How many different hashes there were, about.
    pub fn estimate(&self) -> i64 {
        let estimate = match &self.state {
            State::Sparse { list, waiting, .. } => {
                let mut list = list.clone();
                merge(&mut list, &mut waiting.clone());
                let all = f64::from(1u32 << self.p_prime);
                linear_count(all, all - list.len() as f64)
            }
            State::Dense(registers) => estimate(registers, self.p),
        };
        (estimate + 0.5).floor() as i64
    }

    /// Whether `hash` would change the estimator. At once where there are registers
    /// ([`HyperLogLog::make_dense`]); else about as long as the list is.
    pub fn is_new(&self, hash: i64) -> bool {
        if let State::Dense(registers) = &self.state {
            let (p, hash) = (self.p, hash as u64);
            let register = registers.get((hash >> (64 - p)) as usize);
            return register.is_some_and(|register| rank(hash, 64 - p) > *register);
        }
        let mut with = self.clone();
        with.add(hash);
        let list = |estimator: &Self| match &estimator.state {
            State::Sparse { list, waiting, .. } => {
                let mut list = list.clone();
                merge(&mut list, &mut waiting.clone());
                Some(list)
            }
            State::Dense(_) => None,
        };
        match (list(self), list(&with)) {
            (Some(before), Some(after)) => before != after,
            // The list became registers.
            _ => {
                let mut before = self.clone();
                before.make_dense();
                before.state != with.state
            }
        }
    }

    /// Takes everything into account that `other` did. Both lists become registers, as in the
    /// reference.
    pub fn fuse(&mut self, other: &Self) -> Result<(), HyperLogLogError> {
        if self.p != other.p {
            return Err(HyperLogLogError::Different(self.p, other.p));
        }
        self.make_dense();
        if let State::Dense(ours) = &mut self.state {
            other.raise_into(ours);
        }
        Ok(())
    }

    /// As the reference writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut parameters = HyperLogLogPlusParameters {
            init_ms: self.init_ms,
            p: self.p as i8,
            p_prime: self.p_prime as i8,
            sparse: matches!(self.state, State::Sparse { .. }),
            key: self.key.clone(),
            ..HyperLogLogPlusParameters::default()
        };
        match &self.state {
            State::Sparse { list, waiting, .. } => {
                let mut list = list.clone();
                merge(&mut list, &mut waiting.clone());
                parameters.sparse_list_len = i32::try_from(list.len()).ok();
                parameters.sparse_list = Some(list_bytes(&list));
            }
            State::Dense(registers) => {
                let packed = pack(registers);
                let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
                let gzipped = gzip.write_all(&packed).and_then(|()| gzip.finish()).ok();
                let gzipped = gzipped.filter(|gzipped| gzipped.len() < packed.len());
                parameters.gzipped = Some(gzipped.is_some());
                parameters.registers = Some(gzipped.unwrap_or(packed));
            }
        }
        parameters.encode()
    }

    /// Reads what [`HyperLogLog::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HyperLogLogError> {
        let read = HyperLogLogPlusParameters::decode(bytes)?;
        let refused = HyperLogLogError::Precision { p: read.p, p_prime: read.p_prime };
        let (Ok(p), Ok(p_prime)) = (u8::try_from(read.p), u8::try_from(read.p_prime)) else {
            return Err(refused);
        };
        if !(PRECISION_MIN..=PRECISION_MAX).contains(&p)
            || !(p..=SPARSE_PRECISION).contains(&p_prime)
        {
            return Err(refused);
        }
        let state = if read.sparse {
            if p == p_prime {
                return Err(refused);
            }
            let list = read_list(&read.sparse_list.unwrap_or_default(), 1 << p_prime)?;
            State::Sparse { list, waiting: Vec::new(), waiting_max: (6 << p) / 8 }
        } else {
            let mut packed = read.registers.unwrap_or_default();
            let packed_len = (6 << p) / 8;
            if read.gzipped == Some(true) {
                packed = inflate(&packed, packed_len)?;
            }
            if packed.len() != packed_len {
                return Err(HyperLogLogError::Content("registers"));
            }
            State::Dense(unpack(&packed))
        };
        Ok(Self { p, p_prime, init_ms: read.init_ms, key: read.key, state })
    }

    /// The packed registers; `None` while there is a list.
    pub fn registers(&self) -> Option<Vec<u8>> {
        match &self.state {
            State::Sparse { .. } => None,
            State::Dense(registers) => Some(pack(registers)),
        }
    }

    /// Turns the list into registers: larger, and quicker to ask and to add to.
    pub fn make_dense(&mut self) {
        if let State::Sparse { .. } = &self.state {
            let mut registers = vec![0; 1 << self.p];
            self.raise_into(&mut registers);
            self.state = State::Dense(registers);
        }
    }

    /// Raises registers of the same precision to what this counted.
    fn raise_into(&self, registers: &mut [u8]) {
        let (p, p_prime) = (self.p, self.p_prime);
        match &self.state {
            State::Sparse { list, waiting, .. } => {
                for encoded in list.iter().chain(waiting) {
                    let index = index(*encoded) >> (p_prime - p);
                    raise(registers, index as usize, decode_rank(*encoded, p, p_prime));
                }
            }
            State::Dense(ranks) => {
                for (register, rank) in registers.iter_mut().zip(ranks) {
                    *register = (*register).max(*rank);
                }
            }
        }
    }
}

/// One more than the leading zeros of the lower `bits` bits.
const fn rank(hash: u64, bits: u8) -> u8 {
    let zeros = (hash << (64 - bits)).leading_zeros() as u8;
    (if zeros < bits { zeros } else { bits }) + 1
}

fn raise(registers: &mut [u8], index: usize, rank: u8) {
    if let Some(register) = registers.get_mut(index) {
        *register = rank.max(*register);
    }
}

/// The first `p'` bits of a hash. When those after the first `p` are zero: then the inverted rank
/// of the rest, in six bits, then a one; so that of one index the highest rank sorts first.
/// Otherwise then a zero.
const fn encode(hash: u64, p: u8, p_prime: u8) -> i32 {
    let prefix = (hash >> (64 - p_prime)) as u32;
    let encoded = if prefix & ((1 << (p_prime - p)) - 1) == 0 {
        let rank = rank(hash, 64 - p_prime) ^ 0x3f;
        prefix << 7 | (rank as u32 & 0x3f) << 1 | 1
    } else {
        prefix << 1
    };
    encoded as i32
}

/// The first `p'` bits.
const fn index(encoded: i32) -> u32 {
    let encoded = encoded as u32;
    if encoded & 1 == 1 { encoded >> 7 } else { encoded >> 1 }
}

/// The rank among the hashes whose first `p` bits are the same.
const fn decode_rank(encoded: i32, p: u8, p_prime: u8) -> u8 {
    if encoded & 1 == 1 {
        (p_prime - p) + ((encoded >> 1) as u8 & 0x3f ^ 0x3f)
    } else {
        rank(index(encoded) as u64, p_prime - p)
    }
}

/// Merges what waits into the list: of one index the first remains.
fn merge(list: &mut Vec<i32>, waiting: &mut Vec<i32>) {
    if waiting.is_empty() {
        return;
    }
    list.append(waiting);
    list.sort_unstable();
    list.dedup_by_key(|encoded| index(*encoded));
}

/// The first entry, then the differences. They wrap in 32 bits, as Java's do.
fn list_bytes(list: &[i32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = None;
    for encoded in list {
        match before {
            None => varint::write_signed(&mut bytes, i64::from(*encoded)),
            Some(before) => {
                let difference = i64::from(encoded.wrapping_sub(before));
                varint::write_unsigned(&mut bytes, difference as u64);
            }
        }
        before = Some(*encoded);
    }
    bytes
}

fn read_list(bytes: &[u8], len_max: usize) -> Result<Vec<i32>, HyperLogLogError> {
    let failed = HyperLogLogError::Content("list");
    let mut list: Vec<i32> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let next = match list.last() {
            None => varint::read_signed(bytes, &mut at).map(|first| first as i32),
            Some(before) => varint::read_unsigned(bytes, &mut at)
                .map(|difference| before.wrapping_add(difference as i32)),
        };
        let Ok(next) = next else { return Err(failed) };
        if list.len() >= len_max {
            return Err(failed);
        }
        list.push(next);
    }
    Ok(list)
}

/// What is expected to have `len` bytes, in one piece: each call of the decoder copies its window.
fn inflate(gzipped: &[u8], len: usize) -> Result<Vec<u8>, HyperLogLogError> {
    let mut gzip = GzDecoder::new(gzipped);
    let mut inflated = vec![0; len + 1];
    let mut at = 0;
    loop {
        match gzip.read(&mut inflated[at..]) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(_) => return Err(HyperLogLogError::Content("registers")),
        }
    }
    inflated.truncate(at);
    Ok(inflated)
}

/// Six bits a register, the first in the highest.
fn pack(registers: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; registers.len() / 4 * 3];
    for ([a, b, c, d], three) in registers.as_chunks().0.iter().zip(packed.as_chunks_mut().0) {
        let [a, b, c, d] = [a & 0x3f, b & 0x3f, c & 0x3f, d & 0x3f];
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    packed
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut registers = vec![0; packed.len() / 3 * 4];
    for ([a, b, c], four) in packed.as_chunks().0.iter().zip(registers.as_chunks_mut().0) {
        *four = [a >> 2, (a & 0x03) << 4 | b >> 4, (b & 0x0f) << 2 | c >> 6, c & 0x3f];
    }
    registers
}

fn linear_count(all: f64, empty: f64) -> f64 {
    all * (all / empty).ln()
}

fn estimate(registers: &[u8], p: u8) -> f64 {
    let all = f64::from(1u32 << p);
    let mut counts = [0u32; 64];
    for register in registers {
        counts[usize::from(register & 0x3f)] += 1;
    }
    if counts[0] > 0 {
        let estimate = linear_count(all, f64::from(counts[0]));
        if estimate <= f64::from(THRESHOLDS[usize::from(p - PRECISION_MIN)]) {
            return estimate;
        }
    }
    // Ertl's improved raw estimator, for registers up to `q + 1`.
    let q = usize::from(64 - p);
    let mut z = all * tau(1.0 - f64::from(counts[q + 1]) / all);
    for count in counts[1..=q].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += all * sigma(f64::from(counts[0]) / all);
    all * all / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The finaliser of splitmix64.
    fn hash(n: u64) -> i64 {
        let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) as i64
    }

    fn of(numbers: std::ops::Range<u64>) -> HyperLogLog {
        let mut estimator = HyperLogLog::new(0);
        numbers.for_each(|n| estimator.add(hash(n)));
        estimator
    }

    #[test]
    fn estimates_are_good() {
        for count in [0, 1, 2, 10, 1_000, 3_000, 10_000, 20_000, 60_000, 200_000] {
            let estimate = of(0..count).estimate() as f64;
            let error = (estimate - count as f64).abs();
            assert!(error <= 0.025 * count as f64, "{estimate} for {count}");
        }
    }

    #[test]
    fn what_was_seen_is_not_new() {
        for count in [10, 1_000, 20_000] {
            let estimator = of(0..count);
            assert!((0..10).all(|n| !estimator.is_new(hash(n))));
        }
        assert!(of(0..10).is_new(hash(10)));
    }

    #[test]
    fn estimators_are_put_together() {
        let mut both = of(0..6_000);
        both.fuse(&of(3_000..9_000)).expect("the same precision");
        let mut all = of(0..9_000);
        all.make_dense();
        assert_eq!(both, all);
        let other = HyperLogLog::with_precision(10, 20, 0);
        assert_eq!(both.fuse(&other), Err(HyperLogLogError::Different(14, 10)));
    }

    proptest! {
        #[test]
        fn bytes_round_trip(count in 0u64..6_000, p in 4u8..=14, extra in 0u8..=11) {
            let mut estimator = HyperLogLog::with_precision(p, p + extra, 5);
            estimator.key = Some("k".to_owned());
            (0..count).for_each(|n| estimator.add(hash(n)));
            let read = HyperLogLog::from_bytes(&estimator.to_bytes()).expect("well formed");
            prop_assert_eq!(read.estimate(), estimator.estimate());
            prop_assert_eq!(read.to_bytes(), estimator.to_bytes());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(mut read) = HyperLogLog::from_bytes(&bytes) {
                read.add(1);
                let _ = read.estimate();
            }
        }

        #[test]
        fn arbitrary_lists_never_panic(
            list in prop::collection::vec(any::<u8>(), 0..60),
            p in 4i8..=18,
            extra in 0i8..=7,
            sparse: bool,
        ) {
            let parameters = HyperLogLogPlusParameters {
                p,
                p_prime: p + extra,
                sparse,
                sparse_list: Some(list.clone()),
                registers: Some(list),
                ..HyperLogLogPlusParameters::default()
            };
            if let Ok(mut read) = HyperLogLog::from_bytes(&parameters.encode()) {
                (0..100).for_each(|n| read.add(hash(n)));
                let _ = read.estimate();
                read.make_dense();
                let _ = read.to_bytes();
            }
        }
    }
}
