//! Remainders, primes and random integers.

use num_bigint::{BigInt, BigUint, Sign};

use super::{bit_count_error, pop_integer, push};
use crate::decimal::ops as decimal;
use crate::error::{Fault, Kind, Result};
use crate::machine::{Flow, Machine, Task};
use crate::prime::{self, Draw, Search};
use crate::registry::{Word, word};

pub(super) const MOD: Word = word(
    "BDMOD",
    modulo,
    "3.4.1",
    "a<ANY> modulus<ANY> BDMOD rest<BIGDECIMAL>",
    "The remainder of two integers that is never negative; the modulus is positive.",
    &[("-7 3 BDMOD", "[2]"), ("7 -3 BDMOD", "!modulus not positive")],
);

pub(super) const GCD: Word = word(
    "BDGCD",
    |vm| {
        let b = pop_integer(vm)?;
        let a = pop_integer(vm)?;
        push(vm, decimal::gcd(&a, &b)?)
    },
    "3.3.0",
    "a<ANY> b<ANY> BDGCD divisor<BIGDECIMAL>",
    "The greatest common divisor of two integers.",
    &[("-12 18 BDGCD", "[6]")],
);

pub(super) const MOD_INVERSE: Word = word(
    "BDMODINVERSE",
    mod_inverse,
    "3.4.1",
    "a<ANY> modulus<ANY> BDMODINVERSE inverse<BIGDECIMAL>",
    "The integer that gives 1 when multiplied with `a`, modulo the modulus.",
    &[("3 11 BDMODINVERSE", "[4]"), ("4 8 BDMODINVERSE", "!not invertible")],
);

pub(super) const MOD_POW: Word = word(
    "BDMODPOW",
    mod_pow,
    "3.3.0",
    "base<ANY> exponent<ANY> modulus<ANY> BDMODPOW result<BIGDECIMAL>",
    "A power modulo the modulus; a negative exponent takes the inverse.",
    &[("3 200 13 BDMODPOW", "[9]"), ("2 -1 7 BDMODPOW", "[4]")],
);

pub(super) const IS_PRIME: Word = word(
    "BDISPROBABLEPRIME",
    is_probable_prime,
    "3.3.0",
    "a<ANY> certainty<LONG> BDISPROBABLEPRIME prime<BOOLEAN>",
    "Whether an integer is prime, with a probability of error below 2 to the power of \
     -certainty.",
    &[("97 20 BDISPROBABLEPRIME 91 20 BDISPROBABLEPRIME", "[false,true]")],
);

pub(super) const NEXT_PRIME: Word = word(
    "BDNEXTPROBABLEPRIME",
    next_probable_prime,
    "3.3.0",
    "a<ANY> BDNEXTPROBABLEPRIME prime<BIGDECIMAL>",
    "The first prime above a number.",
    &[("14 BDNEXTPROBABLEPRIME", "[17]"), ("-5 BDNEXTPROBABLEPRIME", "!start < 0")],
);

pub(super) const RANDOM: Word = word(
    "BDRAND",
    random,
    "3.3.0",
    "bits<LONG> BDRAND number<BIGDECIMAL>",
    "A random integer of at most so many bits.",
    &[("0 BDRAND", "[0]"), ("'a' BDRAND", "!expects a LONG")],
);

pub(super) const SEEDED_RANDOM: Word = word(
    "SBDRAND",
    random,
    "3.3.0",
    "bits<LONG> SBDRAND number<BIGDECIMAL>",
    "Like BDRAND, from the generator that PRNG seeded.",
    &[("64 SBDRAND", "!seeded PRNG was not initialized.")],
);

pub(super) const RANDOM_PRIME: Word = word(
    "BDPROBABLEPRIME",
    random_prime,
    "3.3.0",
    "bits<LONG> BDPROBABLEPRIME prime<BIGDECIMAL>",
    "A random prime of exactly so many bits.",
    &[("64 BDPROBABLEPRIME BDBITLENGTH", "[64]"), ("1 BDPROBABLEPRIME", "!bitLength < 2")],
);

pub(super) const SEEDED_RANDOM_PRIME: Word = word(
    "SBDPROBABLEPRIME",
    random_prime,
    "3.3.0",
    "bits<LONG> SBDPROBABLEPRIME prime<BIGDECIMAL>",
    "Like BDPROBABLEPRIME, from the generator that PRNG seeded.",
    &[("64 SBDPROBABLEPRIME", "!seeded PRNG was not initialized.")],
);

/// Takes a modulus.
fn pop_modulus(vm: &mut Machine) -> Result<BigInt> {
    let modulus = pop_integer(vm)?;
    if modulus.sign() != Sign::Plus {
        return Err(decimal::arithmetic("BigInteger: modulus not positive"));
    }
    Ok(modulus)
}

fn modulo(vm: &mut Machine) -> Result {
    // The modulus is looked at last, as the order of errors has it.
    let modulus = pop_integer(vm)?;
    let value = pop_integer(vm)?;
    if modulus.sign() != Sign::Plus {
        return Err(decimal::arithmetic("BigInteger: modulus not positive"));
    }
    push(vm, residue(&value, &modulus))
}

fn residue(value: &BigInt, modulus: &BigInt) -> BigInt {
    let rest = value % modulus;
    if rest.sign() == Sign::Minus { rest + modulus } else { rest }
}

fn inverse(value: &BigInt, modulus: &BigInt) -> Result<BigInt> {
    /// Euclid takes quadratic time, with a large factor.
    const BITS: u64 = 1 << 16;
    if modulus.bits() > BITS {
        return Err(Fault::limit("Number too large."));
    }
    let none = || decimal::arithmetic("BigInteger not invertible.");
    if modulus == &BigInt::from(1) {
        return Ok(BigInt::ZERO);
    }
    residue(value, modulus).modinv(modulus).ok_or_else(none)
}

fn mod_inverse(vm: &mut Machine) -> Result {
    let modulus = pop_modulus(vm)?;
    let value = pop_integer(vm)?;
    push(vm, inverse(&value, &modulus)?)
}

fn mod_pow(vm: &mut Machine) -> Result {
    /// Multiplications of 64-bit digits: a second or so.
    const WORK: u64 = 1 << 29;
    let modulus = pop_modulus(vm)?;
    let exponent = pop_integer(vm)?;
    let mut base = residue(&pop_integer(vm)?, &modulus);
    if exponent.sign() == Sign::Minus {
        base = inverse(&base, &modulus)?;
    }
    let digits = modulus.bits().div_ceil(64);
    let work = digits.saturating_mul(digits).saturating_mul(exponent.bits());
    if work > WORK {
        return Err(Fault::limit("Number too large."));
    }
    vm.charge(work as usize / 4);
    let power = base.magnitude().modpow(exponent.magnitude(), modulus.magnitude());
    push(vm, BigInt::from(power))
}

/// The largest number that is tested for primality: one test takes milliseconds, not minutes.
const PRIME_BITS: u64 = 4096;

fn check_prime_size(bits: u64) -> Result {
    if bits > PRIME_BITS { Err(Fault::limit("Number too large.")) } else { Ok(()) }
}

fn is_probable_prime(vm: &mut Machine) -> Result {
    let certainty = vm.pop_long("expects the certainty to be a LONG.")? as i32;
    let value = pop_integer(vm)?;
    if certainty <= 0 {
        return vm.push(true);
    }
    check_prime_size(value.bits())?;
    charge_test(vm, value.bits());
    vm.push(prime::test(value.magnitude(), certainty))
}

/// Pays for one test: a power modulo the number.
fn charge_test(vm: &mut Machine, bits: u64) {
    let digits = bits.div_ceil(64) as usize;
    vm.charge(digits * digits * bits as usize / 16);
}

/// Which generator a search draws from.
#[derive(Clone, Copy)]
enum Source {
    Fixed,
    Entropy,
    Seeded,
}

/// Looks for a prime, some candidates a slice.
struct Hunt {
    search: Search,
    source: Source,
    bits: u64,
}

impl Task for Hunt {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while !vm.should_yield() {
            charge_test(vm, self.bits);
            let found = match self.source {
                Source::Fixed => self.search.step(&mut prime::Fixed::new()),
                Source::Entropy => self.search.step(&mut vm.entropy),
                Source::Seeded => match &mut vm.settings.prng {
                    Some(prng) => self.search.step(prng),
                    None => return Err(unseeded(vm)),
                },
            };
            if let Some(prime) = found {
                push(vm, BigInt::from(prime))?;
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Again)
    }
}

fn next_probable_prime(vm: &mut Machine) -> Result {
    let value = pop_integer(vm)?;
    if value.sign() == Sign::Minus {
        let text = if value.bits() > 256 { "…".to_owned() } else { value.to_string() };
        return Err(Fault::kind(Kind::Arithmetic, format!("start < 0: {text}")));
    }
    check_prime_size(value.bits())?;
    let search = Search::after(value.magnitude());
    vm.push_task(Hunt { search, source: Source::Fixed, bits: value.bits() })
}

fn unseeded(vm: &Machine) -> Fault {
    vm.error("seeded PRNG was not initialized.")
}

/// The generator of the word that runs, and how many bits it is asked for.
fn pop_bits(vm: &mut Machine) -> Result<(Source, u64)> {
    let seeded = vm.word.name.starts_with('S');
    if seeded && vm.settings.prng.is_none() {
        return Err(unseeded(vm));
    }
    let bits = vm.pop_long("expects a LONG number of bits to generate.")?;
    if !(0..=i64::from(i32::MAX)).contains(&bits) {
        return Err(bit_count_error(vm));
    }
    Ok((if seeded { Source::Seeded } else { Source::Entropy }, bits as u64))
}

fn random(vm: &mut Machine) -> Result {
    let (source, bits) = pop_bits(vm)?;
    decimal::bounded(bits)?;
    let draw: &mut dyn Draw = match (source, &mut vm.settings.prng) {
        (Source::Seeded, Some(prng)) => prng,
        _ => &mut vm.entropy,
    };
    let number: BigUint = prime::random(bits, draw);
    push(vm, BigInt::from(number))
}

fn random_prime(vm: &mut Machine) -> Result {
    let (source, bits) = pop_bits(vm)?;
    if bits < 2 {
        return Err(decimal::arithmetic("bitLength < 2"));
    }
    check_prime_size(bits)?;
    vm.push_task(Hunt { search: Search::random(bits), source, bits })
}
