//! Exact decimals and large integers: `->BD` and the `BD…` words.

mod bits;
mod primes;

use num_bigint::BigInt;

use crate::decimal::ops::{self as decimal, Rounding};
use crate::decimal::{compare as order, to_plain};
use crate::error::{Fault, Kind, Result};
use crate::heap::Decimal;
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family { name: "bigdec", words: WORDS };

const WORDS: &[Word] = &[
    word(
        "->BD",
        |vm| unary(vm, |v| Ok(v.clone())),
        "3.1.0",
        "value<ANY> ->BD decimal<BIGDECIMAL>",
        "Makes an exact decimal of a LONG, a DOUBLE, a STRING (decimal, or with `0x` or `0b` an \
         integer of base 16 or 2) or the BYTES of an integer in two's complement.",
        &[("'12.50' ->BD '0xff' ->BD", "[255,12.50]"), ("'1E3' ->BD", "[1E+3]")],
    ),
    word(
        "BD->",
        from_decimal,
        "3.1.0",
        "decimal<BIGDECIMAL> BD-> text<STRING>\n\
         decimal<BIGDECIMAL> asBytes<BOOLEAN> BD-> result<ANY>",
        "The decimal as a text without exponent; with true, a whole number as BYTES in two's \
         complement.",
        &[("'1E3' ->BD BD->", "[\"1000\"]"), ("5 BD->", "!operates on a BIGDECIMAL")],
    ),
    word(
        "BDADD",
        |vm| binary(vm, decimal::add),
        "3.1.0",
        "a<ANY> b<ANY> BDADD sum<BIGDECIMAL>",
        "Exact sum.",
        &[("'1.10' 2 BDADD", "[3.10]")],
    ),
    word(
        "BDSUB",
        |vm| binary(vm, decimal::subtract),
        "3.1.0",
        "a<ANY> b<ANY> BDSUB difference<BIGDECIMAL>",
        "Exact difference.",
        &[("5 '8.0' BDSUB", "[-3.0]")],
    ),
    word(
        "BDMUL",
        |vm| binary(vm, decimal::multiply),
        "3.1.0",
        "a<ANY> b<ANY> BDMUL product<BIGDECIMAL>",
        "Exact product; the scales add up.",
        &[("'1.10' '2.0' BDMUL", "[2.200]")],
    ),
    word(
        "BDDIV",
        |vm| binary(vm, decimal::divide),
        "3.1.0",
        "a<ANY> b<ANY> BDDIV quotient<BIGDECIMAL>",
        "Exact quotient; fails when it has no end.",
        &[("1 8 BDDIV", "[0.125]"), ("1 3 BDDIV", "!Non-terminating")],
    ),
    word(
        "BDDIVINT",
        |vm| binary(vm, decimal::div_integral),
        "3.1.0",
        "a<ANY> b<ANY> BDDIVINT quotient<BIGDECIMAL>",
        "The integral part of the quotient.",
        &[("-7 2 BDDIVINT", "[-3]")],
    ),
    word(
        "BDREM",
        |vm| binary(vm, decimal::remainder),
        "3.1.0",
        "a<ANY> b<ANY> BDREM rest<BIGDECIMAL>",
        "What BDDIVINT leaves over; it has the sign of the dividend.",
        &[("-7 3 BDREM", "[-1]")],
    ),
    word(
        "BDDIVIDEANDREMAINDER",
        divide_and_remainder,
        "3.3.0",
        "a<ANY> b<ANY> BDDIVIDEANDREMAINDER quotient<BIGDECIMAL> rest<BIGDECIMAL>",
        "The integral part of the quotient, and what is left over.",
        &[("-17 5 BDDIVIDEANDREMAINDER", "[-2,-3]")],
    ),
    word(
        "BDPOW",
        pow,
        "3.1.0",
        "base<ANY> exponent<LONG> BDPOW power<BIGDECIMAL>",
        "Exact power; the exponent is not negative.",
        &[("'1.5' 3 BDPOW", "[3.375]"), ("2 -1 BDPOW", "!Invalid operation")],
    ),
    word(
        "BDNEG",
        |vm| unary(vm, |v| Ok(Decimal { unscaled: -&v.unscaled, scale: v.scale })),
        "3.1.0",
        "a<ANY> BDNEG negative<BIGDECIMAL>",
        "The number with the other sign.",
        &[("'2.50' BDNEG", "[-2.50]")],
    ),
    word(
        "BDABS",
        |vm| unary(vm, absolute),
        "3.1.0",
        "a<ANY> BDABS absolute<BIGDECIMAL>",
        "The number without its sign.",
        &[("'-2.50' BDABS", "[2.50]")],
    ),
    word(
        "BDMAX",
        // Of equal numbers the top wins.
        |vm| choose(vm, |top, below| order(top, below).is_ge()),
        "3.1.0",
        "a<ANY> b<ANY> BDMAX larger<BIGDECIMAL>",
        "The larger of two numbers.",
        &[("5 '7.0' BDMAX", "[7.0]")],
    ),
    word(
        "BDMIN",
        |vm| choose(vm, |top, below| order(top, below).is_le()),
        "3.1.0",
        "a<ANY> b<ANY> BDMIN smaller<BIGDECIMAL>",
        "The smaller of two numbers.",
        &[("5 '7.0' BDMIN", "[5]")],
    ),
    word(
        "BDCOMP",
        compare,
        "3.1.0",
        "a<ANY> b<ANY> BDCOMP order<LONG>",
        "-1, 0 or 1 as `a` is smaller than, as large as or larger than `b`; scales do not matter.",
        &[("'2.0' 2 BDCOMP 1 2 BDCOMP", "[-1,0]")],
    ),
    word(
        "BDSCALE",
        scale,
        "3.1.0",
        "decimal<BIGDECIMAL> BDSCALE scale<LONG>\n\
         number<ANY> scale<LONG> BDSCALE decimal<BIGDECIMAL>",
        "How many digits stand behind the point; or the same number with another scale, if that \
         needs no rounding.",
        &[
            ("'1.50' ->BD BDSCALE", "[2]"),
            ("1 2 BDSCALE", "[1.00]"),
            ("'1.55' 1 BDSCALE", "!Rounding"),
        ],
    ),
    word(
        "BDSTRIP",
        |vm| unary(vm, decimal::strip_zeros),
        "3.1.0",
        "a<ANY> BDSTRIP stripped<BIGDECIMAL>",
        "The number without zeros at its end.",
        &[("'1.500' BDSTRIP 100 BDSTRIP", "[1E+2,1.5]")],
    ),
    word(
        "BDULP",
        |vm| unary(vm, |v| Ok(Decimal { unscaled: BigInt::from(1), scale: v.scale })),
        "3.1.0",
        "a<ANY> BDULP unit<BIGDECIMAL>",
        "One unit of the last digit.",
        &[("'1.50' BDULP", "[0.01]")],
    ),
    word(
        "BDCEIL",
        |vm| unary(vm, |v| decimal::set_scale(v, 0, Rounding::Ceiling)),
        "3.3.0",
        "a<ANY> BDCEIL integer<BIGDECIMAL>",
        "The smallest integer that is not below the number.",
        &[("'-1.2' BDCEIL", "[-1]")],
    ),
    word(
        "BDFLOOR",
        |vm| unary(vm, |v| decimal::set_scale(v, 0, Rounding::Floor)),
        "3.3.0",
        "a<ANY> BDFLOOR integer<BIGDECIMAL>",
        "The largest integer that is not above the number.",
        &[("'-1.2' BDFLOOR", "[-2]")],
    ),
    word(
        "BDROUND",
        |vm| unary(vm, round),
        "3.3.0",
        "a<ANY> BDROUND integer<BIGDECIMAL>",
        "The nearest integer; halves go up, and half of a tenth's precision below zero too \
         (`-2.5` gives `-2`, `-2.50` gives `-3`).",
        &[("'2.5' BDROUND '-2.5' BDROUND '-2.50' BDROUND", "[-3,-2,3]")],
    ),
    word(
        "BDCLEAR",
        |vm| unary(vm, |v| Ok(decimal::truncate(v)?.0.into())),
        "3.3.0",
        "a<ANY> BDCLEAR integer<BIGDECIMAL>",
        "The number without its fraction.",
        &[("'-1.9' BDCLEAR", "[-1]")],
    ),
    word(
        "BDSIGNUM",
        signum,
        "3.3.0",
        "a<ANY> BDSIGNUM sign<LONG>",
        "-1, 0 or 1 as the number is negative, zero or positive.",
        &[("'-1.9' BDSIGNUM", "[-1]")],
    ),
    bits::AND,
    bits::OR,
    bits::XOR,
    bits::ANDNOT,
    bits::NOT,
    bits::BIT_COUNT,
    bits::BIT_LENGTH,
    bits::LOWEST_SET_BIT,
    bits::SET_BIT,
    bits::CLEAR_BIT,
    bits::FLIP_BIT,
    bits::TEST_BIT,
    bits::SHIFT_LEFT,
    bits::SHIFT_RIGHT,
    primes::MOD,
    primes::GCD,
    primes::MOD_INVERSE,
    primes::MOD_POW,
    primes::IS_PRIME,
    primes::NEXT_PRIME,
    primes::RANDOM,
    primes::SEEDED_RANDOM,
    primes::RANDOM_PRIME,
    primes::SEEDED_RANDOM_PRIME,
];

/// Takes a number of any kind.
fn pop(vm: &mut Machine) -> Result<Decimal> {
    let value = vm.pop()?;
    decimal::from_value(vm, value)
}

/// Takes a whole number of any kind.
fn pop_integer(vm: &mut Machine) -> Result<BigInt> {
    let value = vm.pop()?;
    decimal::integer_from_value(vm, value)
}

/// Pushes a decimal and pays for making it.
fn push(vm: &mut Machine, value: impl Into<Decimal>) -> Result {
    let value = value.into();
    // Multiplication and division are quadratic in places.
    let digits = value.unscaled.bits() as usize / 64;
    vm.charge(digits.saturating_mul(digits) / 16 + digits);
    let handle = vm.heap.alloc_decimal(value)?;
    vm.push(Value::Decimal(handle))
}

fn unary(vm: &mut Machine, run: impl Fn(&Decimal) -> Result<Decimal>) -> Result {
    let value = pop(vm)?;
    push(vm, run(&value)?)
}

fn binary(vm: &mut Machine, run: impl Fn(&Decimal, &Decimal) -> Result<Decimal>) -> Result {
    let b = pop(vm)?;
    let a = pop(vm)?;
    push(vm, run(&a, &b)?)
}

/// Pushes the top if it is wanted, else what is below.
fn choose(vm: &mut Machine, wanted: impl Fn(&Decimal, &Decimal) -> bool) -> Result {
    let top = pop(vm)?;
    let below = pop(vm)?;
    let chosen = if wanted(&top, &below) { top } else { below };
    push(vm, chosen)
}

fn absolute(value: &Decimal) -> Result<Decimal> {
    Ok(Decimal { unscaled: value.unscaled.magnitude().clone().into(), scale: value.scale })
}

fn from_decimal(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut bytes = false;
    if let Value::Boolean(flag) = top {
        bytes = flag;
        top = vm.pop()?;
    }
    let Value::Decimal(handle) = top else {
        return Err(vm.error("operates on a BIGDECIMAL."));
    };
    let value = vm.heap.decimal(handle).clone();
    if !bytes {
        return vm.push_string(to_plain(&value));
    }
    match decimal::truncate(&value)? {
        (integer, true) => {
            let bytes = vm.heap.alloc_bytes(integer.to_signed_bytes_be().into())?;
            vm.push(Value::Bytes(bytes))
        }
        _ => Err(vm.error("cannot convert a BIGDECIMAL to BYTES if its scale is not 0.")),
    }
}

fn divide_and_remainder(vm: &mut Machine) -> Result {
    let b = pop(vm)?;
    let a = pop(vm)?;
    let (quotient, rest) = decimal::div_rem(&a, &b)?;
    push(vm, quotient)?;
    push(vm, rest)
}

/// A value that Java would take as an `int`, from a LONG or a whole decimal.
fn exact_int(value: i64) -> Result<i32> {
    i32::try_from(value).map_err(|_| decimal::arithmetic("integer overflow"))
}

fn pow(vm: &mut Machine) -> Result {
    let exponent = match vm.pop()? {
        Value::Long(v) => exact_int(v)?,
        Value::Decimal(handle) => {
            let value = vm.heap.decimal(handle).clone();
            match decimal::truncate(&value)? {
                (integer, true) => {
                    i32::try_from(integer).map_err(|_| decimal::arithmetic("Overflow"))?
                }
                _ => return Err(decimal::arithmetic("Rounding necessary")),
            }
        }
        _ => return Err(vm.error("only supports LONG or BIGDECIMAL exponent.")),
    };
    let base = pop(vm)?;
    push(vm, decimal::pow(&base, exponent)?)
}

fn compare(vm: &mut Machine) -> Result {
    let b = pop(vm)?;
    let a = pop(vm)?;
    vm.push(order(&a, &b) as i64)
}

fn scale(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::Decimal(handle) => {
            let scale = vm.heap.decimal(handle).scale;
            vm.push(i64::from(scale))
        }
        Value::Long(scale) => {
            let scale = exact_int(scale)?;
            let value = pop(vm)?;
            push(vm, decimal::set_scale(&value, scale, Rounding::Unnecessary)?)
        }
        _ => Err(vm.error("only supports LONG scale.")),
    }
}

fn round(value: &Decimal) -> Result<Decimal> {
    // Only a fraction that is written `.5` counts as a half below zero.
    let half = value.unscaled.sign() == num_bigint::Sign::Minus
        && value.scale == 1
        && &value.unscaled % 10 == BigInt::from(-5);
    decimal::set_scale(value, 0, if half { Rounding::HalfDown } else { Rounding::HalfUp })
}

fn signum(vm: &mut Machine) -> Result {
    let value = pop(vm)?;
    vm.push(match value.unscaled.sign() {
        num_bigint::Sign::Minus => -1,
        num_bigint::Sign::NoSign => 0,
        num_bigint::Sign::Plus => 1,
    })
}

/// What fails when a random number is asked for with an impossible size.
fn bit_count_error(vm: &Machine) -> Fault {
    let text =
        format!("{} invalid number of bits, MUST be between 0 and {}.", vm.word.name, i32::MAX);
    Fault::kind(Kind::Script, text)
}
