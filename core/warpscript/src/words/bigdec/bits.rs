//! Integers as bits in two's complement, without end.

use num_bigint::{BigInt, Sign};

use super::{pop_integer, push};
use crate::decimal::ops as decimal;
use crate::error::Result;
use crate::machine::Machine;
use crate::registry::{Word, word};

pub(super) const AND: Word = word(
    "BDAND",
    |vm| binary(vm, |a, b| a & b),
    "3.3.0",
    "a<ANY> b<ANY> BDAND result<BIGDECIMAL>",
    "Bits that both integers have.",
    &[("12 10 BDAND", "[8]"), ("'1.5' 1 BDAND", "!no fractional part")],
);

pub(super) const OR: Word = word(
    "BDOR",
    |vm| binary(vm, |a, b| a | b),
    "3.3.0",
    "a<ANY> b<ANY> BDOR result<BIGDECIMAL>",
    "Bits that one of two integers has.",
    &[("12 10 BDOR", "[14]")],
);

pub(super) const XOR: Word = word(
    "BDXOR",
    |vm| binary(vm, |a, b| a ^ b),
    "3.3.0",
    "a<ANY> b<ANY> BDXOR result<BIGDECIMAL>",
    "Bits in which two integers differ.",
    &[("12 10 BDXOR", "[6]")],
);

pub(super) const ANDNOT: Word = word(
    "BDANDNOT",
    |vm| binary(vm, |a, b| a & !b),
    "3.3.0",
    "a<ANY> b<ANY> BDANDNOT result<BIGDECIMAL>",
    "Bits of `a` that `b` does not have.",
    &[("15 5 BDANDNOT", "[10]")],
);

pub(super) const NOT: Word = word(
    "BDNOT",
    |vm| {
        let value = pop_integer(vm)?;
        push(vm, !value)
    },
    "3.3.0",
    "a<ANY> BDNOT result<BIGDECIMAL>",
    "All bits turned over.",
    &[("5 BDNOT", "[-6]")],
);

pub(super) const BIT_COUNT: Word = word(
    "BDBITCOUNT",
    |vm| {
        let value = pop_integer(vm)?;
        let ones = unsigned(&value).magnitude().count_ones();
        vm.push(ones as i64)
    },
    "3.3.0",
    "a<ANY> BDBITCOUNT count<LONG>",
    "How many bits differ from the sign.",
    &[("255 BDBITCOUNT -1 BDBITCOUNT", "[0,8]")],
);

pub(super) const BIT_LENGTH: Word = word(
    "BDBITLENGTH",
    |vm| {
        let value = pop_integer(vm)?;
        vm.push(unsigned(&value).bits() as i64)
    },
    "3.3.0",
    "a<ANY> BDBITLENGTH bits<LONG>",
    "How many bits the integer takes beside its sign.",
    &[("256 BDBITLENGTH -256 BDBITLENGTH", "[8,9]")],
);

pub(super) const LOWEST_SET_BIT: Word = word(
    "BDLOWESTSETBIT",
    |vm| {
        let value = pop_integer(vm)?;
        vm.push(value.trailing_zeros().map_or(-1, |bit| bit as i64))
    },
    "3.3.0",
    "a<ANY> BDLOWESTSETBIT bit<LONG>",
    "The place of the lowest bit that is set, -1 if there is none.",
    &[("8 BDLOWESTSETBIT 0 BDLOWESTSETBIT", "[-1,3]")],
);

pub(super) const SET_BIT: Word = word(
    "BDSETBIT",
    |vm| with_bit(vm, |value, bit| change(value, bit, true)),
    "3.3.0",
    "a<ANY> bit<LONG> BDSETBIT result<BIGDECIMAL>",
    "The integer with one bit set.",
    &[("0 3 BDSETBIT", "[8]")],
);

pub(super) const CLEAR_BIT: Word = word(
    "BDCLEARBIT",
    |vm| with_bit(vm, |value, bit| change(value, bit, false)),
    "3.3.0",
    "a<ANY> bit<LONG> BDCLEARBIT result<BIGDECIMAL>",
    "The integer with one bit cleared.",
    &[("15 0 BDCLEARBIT", "[14]"), ("15 -1 BDCLEARBIT", "!Negative bit address")],
);

pub(super) const FLIP_BIT: Word = word(
    "BDFLIPBIT",
    |vm| {
        with_bit(vm, |value, bit| {
            let set = value.bit(bit);
            change(value, bit, !set)
        })
    },
    "3.3.0",
    "a<ANY> bit<LONG> BDFLIPBIT result<BIGDECIMAL>",
    "The integer with one bit turned over.",
    &[("15 4 BDFLIPBIT", "[31]")],
);

pub(super) const TEST_BIT: Word = word(
    "BDTESTBIT",
    |vm| {
        let (value, bit) = pop_bit(vm)?;
        vm.push(value.bit(bit))
    },
    "3.3.0",
    "a<ANY> bit<LONG> BDTESTBIT set<BOOLEAN>",
    "Whether a bit is set.",
    &[("5 0 BDTESTBIT -1 500 BDTESTBIT", "[true,true]")],
);

pub(super) const SHIFT_LEFT: Word = word(
    "BDSHIFTLEFT",
    |vm| {
        let (value, places) = pop_places(vm)?;
        shift(vm, value, places)
    },
    "3.3.0",
    "a<ANY> places<LONG> BDSHIFTLEFT result<BIGDECIMAL>",
    "The bits moved to the left; to the right when `places` is negative.",
    &[("1 70 BDSHIFTLEFT", "[1180591620717411303424]")],
);

pub(super) const SHIFT_RIGHT: Word = word(
    "BDSHIFTRIGHT",
    |vm| {
        let (value, places) = pop_places(vm)?;
        shift(vm, value, -places)
    },
    "3.3.0",
    "a<ANY> places<LONG> BDSHIFTRIGHT result<BIGDECIMAL>",
    "The bits moved to the right, the sign kept; to the left when `places` is negative.",
    &[("-256 4 BDSHIFTRIGHT", "[-16]")],
);

fn binary(vm: &mut Machine, run: impl Fn(BigInt, BigInt) -> BigInt) -> Result {
    let b = pop_integer(vm)?;
    let a = pop_integer(vm)?;
    push(vm, run(a, b))
}

/// The integer whose bits differ from zero where those of `value` differ from its sign.
fn unsigned(value: &BigInt) -> BigInt {
    if value.sign() == Sign::Minus { !value } else { value.clone() }
}

/// The number of bits or places, cut to 32 bits as Java does, and the integer below.
fn pop_places(vm: &mut Machine) -> Result<(BigInt, i64)> {
    let places = vm.pop_long("expects a LONG.")? as i32;
    Ok((pop_integer(vm)?, i64::from(places)))
}

fn pop_bit(vm: &mut Machine) -> Result<(BigInt, u64)> {
    let (value, bit) = pop_places(vm)?;
    let bit = u64::try_from(bit).map_err(|_| decimal::arithmetic("Negative bit address"))?;
    Ok((value, bit))
}

fn with_bit(vm: &mut Machine, run: impl Fn(&mut BigInt, u64)) -> Result {
    let (mut value, bit) = pop_bit(vm)?;
    decimal::bounded(bit)?;
    run(&mut value, bit);
    push(vm, value)
}

fn change(value: &mut BigInt, bit: u64, set: bool) {
    if value.bit(bit) != set {
        value.set_bit(bit, set);
    }
}

fn shift(vm: &mut Machine, value: BigInt, places: i64) -> Result {
    if places > 0 && value.sign() != Sign::NoSign {
        decimal::bounded(value.bits().saturating_add(places as u64))?;
        return push(vm, value << places as u64);
    }
    push(vm, value >> places.unsigned_abs())
}
