//! Functions of two numbers, exponents, bits.

use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;
use crate::value::Value;
use crate::words::operators::numeric::{Numeric, binary};

fn long_overflow() -> Fault {
    Fault::kind(Kind::Arithmetic, "long overflow")
}

fn by_zero() -> Fault {
    Fault::kind(Kind::Arithmetic, "/ by zero")
}

fn next_after(start: f64, direction: f64) -> f64 {
    if start.is_nan() || direction.is_nan() {
        f64::NAN
    } else if start < direction {
        start.next_up()
    } else if start > direction {
        start.next_down()
    } else {
        direction
    }
}

fn floor_div(a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return Err(by_zero());
    }
    let quotient = a.wrapping_div(b);
    let inexact = a.wrapping_rem(b) != 0;
    Ok(if inexact && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

fn floor_mod(a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return Err(by_zero());
    }
    let rest = a.wrapping_rem(b);
    Ok(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

const fn of_doubles(double: fn(f64, f64) -> f64) -> Numeric {
    Numeric { long: None, double: Some(double), folds: false }
}

const fn of_longs(long: fn(i64, i64) -> Result<i64>, folds: bool) -> Numeric {
    Numeric { long: Some(long), double: None, folds }
}

pub(super) fn function(vm: &mut Machine) -> Result {
    let function = match vm.word.name {
        "ADDEXACT" => of_longs(|a, b| a.checked_add(b).ok_or_else(long_overflow), true),
        "SUBTRACTEXACT" => of_longs(|a, b| a.checked_sub(b).ok_or_else(long_overflow), true),
        "MULTIPLYEXACT" => of_longs(|a, b| a.checked_mul(b).ok_or_else(long_overflow), true),
        "FLOORDIV" => of_longs(floor_div, false),
        "FLOORMOD" => of_longs(floor_mod, false),
        "ATAN2" => of_doubles(libm::atan2),
        "COPYSIGN" => of_doubles(f64::copysign),
        "HYPOT" => of_doubles(libm::hypot),
        "IEEEREMAINDER" => of_doubles(libm::remainder),
        _ => of_doubles(next_after),
    };
    binary(vm, &function)
}

/// Takes a number as a double.
fn pop_double(vm: &mut Machine) -> Result<f64> {
    match vm.pop()? {
        Value::Decimal(v) => Ok(decimal::to_double(vm.heap.decimal(v))),
        value => value.as_f64().ok_or_else(|| vm.error("can only operate on numerical values.")),
    }
}

pub(super) fn get_exponent(vm: &mut Machine) -> Result {
    let number = pop_double(vm)?;
    let exponent = (number.to_bits() >> 52 & 0x7ff) as i64 - 1023;
    vm.push(exponent)
}

pub(super) fn scalb(vm: &mut Machine) -> Result {
    let exponent = vm.pop()?;
    let number = pop_double(vm)?;
    let Value::Long(exponent) = exponent else {
        return Err(vm.error("is given values of incorrect type. Expecting [ TOP:int, 2:double ]."));
    };
    vm.push(libm::scalbn(number, exponent as i32))
}

pub(super) fn reverse_bits(vm: &mut Machine) -> Result {
    let number = vm.pop_long("can only operate on a LONG.")?;
    vm.push(number.reverse_bits())
}

pub(super) fn uuid(vm: &mut Machine) -> Result {
    let mut bytes = [0; 16];
    vm.entropy.fill(&mut bytes);
    let bits = u128::from_be_bytes(bytes);
    // Version 4, variant 2.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    vm.push_string(parts.join("-"))
}
