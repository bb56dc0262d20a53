//! Prime numbers: tested and searched for in steps, with the draws of `java.math.BigInteger`.

use num_bigint::BigUint;

/// Where the random numbers of a search come from.
pub(crate) trait Draw {
    /// Fills a buffer with random bytes.
    fn fill(&mut self, out: &mut [u8]);

    /// A random 32-bit number.
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}

impl Draw for crate::random::Random {
    fn fill(&mut self, out: &mut [u8]) {
        self.next_bytes(out);
    }

    fn next_u32(&mut self) -> u32 {
        self.next_int() as u32
    }
}

impl Draw for crate::entropy::Entropy {
    fn fill(&mut self, out: &mut [u8]) {
        Self::fill(self, out);
    }
}

/// Bases that come from nowhere: for tests of numbers that nobody chose to deceive.
pub(crate) struct Fixed(u64);

impl Fixed {
    pub(crate) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Draw for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = (self.0 >> 32) as u8;
        }
    }
}

/// A random number of at most `bits` bits.
pub(crate) fn random(bits: u64, draw: &mut dyn Draw) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    draw.fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first &= 0xff >> ((8 - bits % 8) % 8);
    }
    BigUint::from_bytes_be(&bytes)
}

/// How many rounds of Miller and Rabin a number of a size deserves.
fn rounds(bits: u64, certainty: i32) -> u32 {
    let wanted = (certainty.clamp(0, i32::MAX - 1) as u32).div_ceil(2);
    let enough = match bits {
        0..100 => 50,
        100..256 => 27,
        256..512 => 15,
        512..768 => 8,
        768..1024 => 4,
        _ => 2,
    };
    wanted.min(enough)
}

/// Whether an odd number above 1 is prime, almost certainly: rounds of Miller and Rabin.
pub(crate) fn is_probable(number: &BigUint, certainty: i32, draw: &mut dyn Draw) -> bool {
    let one = BigUint::from(1u32);
    let less = number - &one;
    let twos = less.trailing_zeros().unwrap_or(0);
    let odd = &less >> twos;
    for _ in 0..rounds(number.bits(), certainty) {
        let base = loop {
            let base = random(number.bits(), draw);
            if base > one && &base < number {
                break base;
            }
        };
        let mut power = base.modpow(&odd, number);
        let mut step = 0;
        while !((step == 0 && power == one) || power == less) {
            step += 1;
            if (step > 0 && power == one) || step == twos {
                return false;
            }
            power = &power * &power % number;
        }
    }
    true
}

/// `BigInteger.isProbablePrime`.
pub(crate) fn test(number: &BigUint, certainty: i32) -> bool {
    if certainty <= 0 || number == &BigUint::from(2u32) {
        return true;
    }
    if !number.bit(0) || number == &BigUint::from(1u32) {
        return false;
    }
    !has_small_factor(number) && is_probable(number, certainty.max(64), &mut Fixed::new())
}

/// Products of small primes that fit 64 bits, and their factors.
const PRODUCTS: [(u64, &[u64]); 2] = [
    (
        3 * 5 * 7 * 11 * 13 * 17 * 19 * 23 * 29 * 31 * 37 * 41,
        &[3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41],
    ),
    (43 * 47 * 53 * 59 * 61 * 67 * 71 * 73 * 79, &[43, 47, 53, 59, 61, 67, 71, 73, 79]),
];

/// Whether one of the first primes divides a number that is not that prime itself.
fn has_small_factor(number: &BigUint) -> bool {
    let small = if number.bits() <= 7 { number.iter_u64_digits().next() } else { None };
    PRODUCTS.iter().any(|(product, primes)| {
        let rest = (number % *product).iter_u64_digits().next().unwrap_or(0);
        primes.iter().any(|p| rest.is_multiple_of(*p) && small != Some(*p))
    })
}

/// The certainty that searches ask for.
const CERTAINTY: i32 = 100;

/// From which size on a random prime is the next one after a random number.
const LARGE: u64 = 95;

/// A search for a prime, one candidate a step.
pub(crate) enum Search {
    /// The next prime from an odd number on.
    Next(BigUint),
    /// A random prime of few bits.
    Small(u64),
    /// A random prime of many bits: where the search is, and how many candidates are left.
    Large { bits: u64, from: BigUint, left: u64 },
}

impl Search {
    /// The first prime above `number`.
    pub(crate) fn after(number: &BigUint) -> Self {
        let mut next = number + 1u32;
        if next > BigUint::from(2u32) {
            next.set_bit(0, true);
        }
        Self::Next(next.max(BigUint::from(2u32)))
    }

    /// A random prime of exactly `bits` bits, at least 2.
    pub(crate) const fn random(bits: u64) -> Self {
        if bits < LARGE {
            Self::Small(bits)
        } else {
            Self::Large { bits, from: BigUint::ZERO, left: 0 }
        }
    }

    /// Tries one candidate.
    pub(crate) fn step(&mut self, draw: &mut dyn Draw) -> Option<BigUint> {
        match self {
            Self::Next(candidate) => {
                if test(candidate, CERTAINTY) {
                    return Some(candidate.clone());
                }
                *candidate += 2u32;
                None
            }
            Self::Small(bits) => small_candidate(*bits, draw),
            Self::Large { bits, from, left } => {
                if *left == 0 {
                    *from = next_window(*bits, from, draw);
                    // Half of the numbers in the window are odd.
                    *left = window(*bits);
                    *from += 1u32;
                }
                let found = (!has_small_factor(from) && is_probable(from, CERTAINTY, draw))
                    .then(|| from.clone())
                    .filter(|p| p.bits() == *bits);
                *left -= 1;
                *from += 2u32;
                found
            }
        }
    }
}

/// How many odd numbers are tried after one random number.
const fn window(bits: u64) -> u64 {
    bits / 20 * 64
}

/// An even number to search from: the window after the last one, or a new random number.
fn next_window(bits: u64, from: &BigUint, draw: &mut dyn Draw) -> BigUint {
    let mut start = if *from == BigUint::ZERO { BigUint::ZERO } else { from - 1u32 };
    if start.bits() != bits {
        start = random(bits, draw);
        start.set_bit(bits - 1, true);
    }
    start.set_bit(0, false);
    start
}

fn small_candidate(bits: u64, draw: &mut dyn Draw) -> Option<BigUint> {
    let words = bits.div_ceil(32);
    let mut digits: Vec<u32> = (0..words).map(|_| draw.next_u32()).collect();
    digits.reverse();
    let high = 1u32 << ((bits + 31) % 32);
    if let Some(top) = digits.last_mut() {
        *top = *top & (high - 1) | high;
    }
    if bits > 2 {
        digits[0] |= 1;
    }
    let candidate = BigUint::new(digits);
    if bits < 4 {
        return Some(candidate);
    }
    if bits > 6 {
        let rest = (&candidate % PRODUCTS[0].0).iter_u64_digits().next().unwrap_or(0);
        if PRODUCTS[0].1.iter().any(|p| rest.is_multiple_of(*p)) {
            return None;
        }
    }
    is_probable(&candidate, CERTAINTY, draw).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(number: u64) -> BigUint {
        let mut search = Search::after(&number.into());
        loop {
            if let Some(prime) = search.step(&mut Fixed::new()) {
                return prime;
            }
        }
    }

    #[test]
    fn small_primes() {
        let mut primes = Vec::new();
        let mut last = 0;
        while last < 200 {
            last = next(last).iter_u64_digits().next().expect("not zero");
            primes.push(last);
        }
        let expected: Vec<u64> = (2..=211).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
        assert_eq!(primes, expected);
        assert!(!test(&561u32.into(), 20) && test(&561u32.into(), 0) && !test(&1u32.into(), 9));
    }

    #[test]
    fn random_primes_have_the_bits_asked_for() {
        let mut draw = Fixed::new();
        for bits in [2, 3, 4, 7, 31, 64, 95, 160] {
            let mut search = Search::random(bits);
            let prime = loop {
                if let Some(prime) = search.step(&mut draw) {
                    break prime;
                }
            };
            assert_eq!(prime.bits(), bits);
            assert!(test(&prime, 50));
        }
    }
}
