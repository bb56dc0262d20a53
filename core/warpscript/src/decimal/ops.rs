//! Arithmetic on exact decimals, with the scales and errors of `java.math.BigDecimal`.
//!
//! Numbers are bounded: nothing with more than [`BITS_MAX`] bits is ever made, so one operation
//! takes some milliseconds at most whatever a script asks for.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::{compare, precision};
use crate::error::{Fault, Kind, Result};
use crate::heap::Decimal;
use crate::machine::Machine;
use crate::value::Value;

/// The most bits that an integer may have: about 300,000 digits.
pub(crate) const BITS_MAX: u64 = 1 << 20;

/// How digits beyond the scale are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// There must be none.
    Unnecessary,
    /// Towards zero.
    Down,
    /// Towards negative infinity.
    Floor,
    /// Towards positive infinity.
    Ceiling,
    /// To the nearest, halves away from zero.
    HalfUp,
    /// To the nearest, halves towards zero.
    HalfDown,
}

/// An error of arithmetic.
pub(crate) fn arithmetic(message: &'static str) -> Fault {
    Fault::kind(Kind::Arithmetic, message)
}

fn too_large() -> Fault {
    Fault::limit("Number too large.")
}

fn format_error(message: String) -> Fault {
    Fault::kind(Kind::Argument, message)
}

/// Fails when a result would have too many bits.
pub(crate) fn bounded(bits: u64) -> Result {
    if bits > BITS_MAX { Err(too_large()) } else { Ok(()) }
}

fn pow10(places: u64) -> Result<BigInt> {
    bounded(places.saturating_mul(10) / 3)?;
    Ok(BigInt::from(10).pow(places as u32))
}

fn checked_scale(scale: i64) -> Result<i32> {
    i32::try_from(scale).map_err(|_| arithmetic(if scale > 0 { "Underflow" } else { "Overflow" }))
}

fn saturated(scale: i64) -> i32 {
    scale.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl From<BigInt> for Decimal {
    fn from(unscaled: BigInt) -> Self {
        Self { unscaled, scale: 0 }
    }
}

/// A value as the words for decimals take it: any number, a text or bytes of an integer.
///
/// # Errors
/// When the value is something else, or no number.
pub(crate) fn from_value(vm: &Machine, value: Value) -> Result<Decimal> {
    match value {
        Value::Decimal(handle) => Ok(vm.heap.decimal(handle).clone()),
        Value::Long(v) => Ok(BigInt::from(v).into()),
        Value::Double(v) => from_double(v),
        Value::String(text) => from_text(vm.heap.text(text)),
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            if bytes.is_empty() {
                return Err(format_error("Zero length BigInteger".to_owned()));
            }
            bounded(bytes.len() as u64 * 8)?;
            Ok(BigInt::from_signed_bytes_be(bytes).into())
        }
        _ => Err(vm
            .error("can only be applied to a BIGDECIMAL, STRING, BYTES, LONG or DOUBLE argument.")),
    }
}

/// A value that is a whole number.
///
/// # Errors
/// When the value is something else, or has a fraction.
pub(crate) fn integer_from_value(vm: &Machine, value: Value) -> Result<BigInt> {
    let decimal = from_value(vm, value)?;
    match truncate(&decimal)? {
        (integer, true) => Ok(integer),
        _ => Err(vm.error("can only be applied to a BIGDECIMAL with no fractional part.")),
    }
}

/// The decimal that a double is written as.
///
/// # Errors
/// When the double is no finite number.
pub(crate) fn from_double(value: f64) -> Result<Decimal> {
    let mut text = Vec::new();
    weft_gts::double::write_double(&mut text, value);
    parse(&String::from_utf8_lossy(&text))
}

/// Exactly the value of the double.
///
/// # Errors
/// When the double is no finite number.
pub(crate) fn from_double_exactly(value: f64) -> Result<Decimal> {
    if !value.is_finite() {
        return Err(Fault::kind(Kind::Argument, "Infinite or NaN"));
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    if mantissa == 0 {
        return Ok(Decimal { unscaled: BigInt::ZERO, scale: 0 });
    }
    let zeros = mantissa.trailing_zeros();
    let (mantissa, exponent) = (BigInt::from(mantissa >> zeros), exponent + zeros as i32);
    let mantissa = if value < 0.0 { -mantissa } else { mantissa };
    Ok(if exponent >= 0 {
        Decimal { unscaled: mantissa << exponent, scale: 0 }
    } else {
        let places = exponent.unsigned_abs();
        Decimal { unscaled: mantissa * BigInt::from(5).pow(places), scale: -exponent }
    })
}

/// An integer.
pub(crate) fn from_long(value: i64) -> Decimal {
    Decimal { unscaled: value.into(), scale: 0 }
}

/// The nearest double.
pub(crate) fn to_double(decimal: &Decimal) -> f64 {
    let exponent = -i64::from(decimal.scale);
    format!("{}e{exponent}", decimal.unscaled).parse().unwrap_or(f64::NAN)
}

/// `longValue`: the low 64 bits of the integral part.
pub(crate) fn to_long(value: &Decimal) -> i64 {
    // 10^64 is a multiple of 2^64.
    if value.scale <= -64 {
        return 0;
    }
    let Ok((whole, _)) = truncate(value) else { return 0 };
    let low = whole.magnitude().iter_u64_digits().next().unwrap_or(0) as i64;
    if whole.sign() == Sign::Minus { low.wrapping_neg() } else { low }
}

/// The integer that a decimal is; `None` when it has a fraction.
///
/// # Errors
/// When it is too large.
pub(crate) fn to_integer(value: &Decimal) -> Result<Option<BigInt>> {
    let (whole, exact) = truncate(value)?;
    Ok(exact.then_some(whole))
}

/// A decimal, or with a prefix an integer of base 16 or 2.
///
/// # Errors
/// When the text is no number.
pub(crate) fn from_text(text: &str) -> Result<Decimal> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) if rest.starts_with("0x") || rest.starts_with("0b") => (true, rest),
        _ => (false, text),
    };
    let value = if let Some(digits) = rest.strip_prefix("0x") {
        parse_integer(digits, 16)?
    } else if let Some(digits) = rest.strip_prefix("0b") {
        parse_integer(digits, 2)?
    } else {
        return parse(text);
    };
    Ok(if negative { -value } else { value }.into())
}

/// `new BigInteger(text, radix)`.
///
/// # Errors
/// When the text is no integer.
pub(crate) fn parse_integer(text: &str, radix: u32) -> Result<BigInt> {
    bounded(text.len() as u64)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() {
        return Err(format_error("Zero length BigInteger".to_owned()));
    }
    let valid = digits.chars().all(|c| c.is_digit(radix));
    let parsed = if valid { BigInt::parse_bytes(digits.as_bytes(), radix) } else { None };
    let value = parsed.ok_or_else(|| format_error(format!("For input string: \"{text}\"")))?;
    Ok(if text.starts_with('-') { -value } else { value })
}

/// `new BigDecimal(text)`.
///
/// # Errors
/// When the text is no decimal.
pub(crate) fn parse(text: &str) -> Result<Decimal> {
    bounded(text.len() as u64 * 10 / 3)?;
    let bad = || format_error(format!("\"{text}\" is not a decimal number."));
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent).ok_or_else(bad)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let magnitude = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or_else(bad)?;
    let scale = i32::try_from(fraction.len() as i64 - exponent)
        .map_err(|_| format_error("Scale out of range.".to_owned()))?;
    let unscaled = if text.starts_with('-') { -magnitude } else { magnitude };
    Ok(Decimal { unscaled, scale })
}

fn parse_exponent(text: &str) -> Option<i64> {
    const DIGITS_MAX: usize = 10;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > DIGITS_MAX {
        return None;
    }
    let value: i64 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    Some(if text.starts_with('-') { -value } else { value })
}

/// The integral part, and whether that is all.
///
/// # Errors
/// When it is too large.
pub(crate) fn truncate(value: &Decimal) -> Result<(BigInt, bool)> {
    if value.scale <= 0 || value.unscaled.sign() == Sign::NoSign {
        return Ok((set_scale(value, 0, Rounding::Unnecessary)?.unscaled, true));
    }
    let whole = set_scale(value, 0, Rounding::Down)?.unscaled;
    let exact = compare(&whole.clone().into(), value) == Ordering::Equal;
    Ok((whole, exact))
}

/// The same number with another scale.
///
/// # Errors
/// When digits would be lost that must not, or the number gets too large.
pub(crate) fn set_scale(value: &Decimal, scale: i32, rounding: Rounding) -> Result<Decimal> {
    if value.unscaled.sign() == Sign::NoSign {
        return Ok(Decimal { unscaled: BigInt::ZERO, scale });
    }
    let places = i64::from(scale) - i64::from(value.scale);
    let bits = value.unscaled.bits();
    if places >= 0 {
        let power = pow10(places as u64)?;
        bounded(bits + power.bits())?;
        return Ok(Decimal { unscaled: &value.unscaled * power, scale });
    }
    // More places than digits: what is left is below a tenth.
    let power = pow10(places.unsigned_abs().min(bits / 3 + 2))?;
    let quotient = &value.unscaled / &power;
    let rest = &value.unscaled - &quotient * &power;
    if rest.sign() == Sign::NoSign {
        return Ok(Decimal { unscaled: quotient, scale });
    }
    let negative = value.unscaled.sign() == Sign::Minus;
    let half = (rest.magnitude() * 2u32).cmp(power.magnitude());
    let away = match rounding {
        Rounding::Unnecessary => return Err(arithmetic("Rounding necessary")),
        Rounding::Down => false,
        Rounding::Floor => negative,
        Rounding::Ceiling => !negative,
        Rounding::HalfUp => half != Ordering::Less,
        Rounding::HalfDown => half == Ordering::Greater,
    };
    let unscaled = match (away, negative) {
        (false, _) => quotient,
        (true, false) => quotient + 1,
        (true, true) => quotient - 1,
    };
    Ok(Decimal { unscaled, scale })
}

fn aligned(a: &Decimal, b: &Decimal) -> Result<(BigInt, BigInt, i32)> {
    let scale = a.scale.max(b.scale);
    let left = set_scale(a, scale, Rounding::Unnecessary)?.unscaled;
    let right = set_scale(b, scale, Rounding::Unnecessary)?.unscaled;
    Ok((left, right, scale))
}

/// `a + b`.
///
/// # Errors
/// When the result is too large.
pub(crate) fn add(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let (left, right, scale) = aligned(a, b)?;
    Ok(Decimal { unscaled: left + right, scale })
}

/// `a - b`.
///
/// # Errors
/// When the result is too large.
pub(crate) fn subtract(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let (left, right, scale) = aligned(a, b)?;
    Ok(Decimal { unscaled: left - right, scale })
}

/// `a × b`.
///
/// # Errors
/// When the result is too large.
pub(crate) fn multiply(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    bounded(a.unscaled.bits() + b.unscaled.bits())?;
    let unscaled = &a.unscaled * &b.unscaled;
    let scale = i64::from(a.scale) + i64::from(b.scale);
    let scale =
        if unscaled.sign() == Sign::NoSign { saturated(scale) } else { checked_scale(scale)? };
    Ok(Decimal { unscaled, scale })
}

/// `a / b`, exactly.
///
/// # Errors
/// When `b` is zero or the quotient has no end.
pub(crate) fn divide(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    check_divisor(a, b)?;
    let preferred = i64::from(a.scale) - i64::from(b.scale);
    if a.unscaled.sign() == Sign::NoSign {
        return Ok(Decimal { unscaled: BigInt::ZERO, scale: saturated(preferred) });
    }
    // Twos and fives of the divisor become digits behind the point; the rest must go out.
    let twos = b.unscaled.trailing_zeros().unwrap_or(0);
    let mut rest: BigInt = &b.unscaled >> twos;
    let mut fives = 0;
    let five = BigInt::from(5);
    while (&rest % &five).sign() == Sign::NoSign {
        rest /= &five;
        fives += 1;
        // Bounded so that a power of five cannot keep the loop busy.
        if fives > BITS_MAX / 64 {
            return Err(too_large());
        }
    }
    if (&a.unscaled % &rest).sign() != Sign::NoSign {
        return Err(arithmetic(
            "Non-terminating decimal expansion; no exact representable decimal result.",
        ));
    }
    let places = twos.max(fives);
    let power = pow10(places)?;
    bounded(a.unscaled.bits() + power.bits())?;
    let quotient = Decimal {
        unscaled: &a.unscaled * power / &b.unscaled,
        scale: checked_scale(preferred.saturating_add(places as i64))?,
    };
    strip(quotient, preferred)
}

fn check_divisor(a: &Decimal, b: &Decimal) -> Result {
    if b.unscaled.sign() != Sign::NoSign {
        return Ok(());
    }
    let undefined = a.unscaled.sign() == Sign::NoSign;
    Err(arithmetic(if undefined { "Division undefined" } else { "Division by zero" }))
}

/// `divideToIntegralValue`: the integral part of the quotient.
///
/// # Errors
/// When `b` is zero or the quotient is too large.
pub(crate) fn div_integral(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    check_divisor(a, b)?;
    let preferred = saturated(i64::from(a.scale) - i64::from(b.scale));
    let positive =
        |d: &Decimal| Decimal { unscaled: d.unscaled.magnitude().clone().into(), scale: d.scale };
    if compare(&positive(a), &positive(b)) == Ordering::Less {
        return Ok(Decimal { unscaled: BigInt::ZERO, scale: preferred });
    }
    let (left, right, _) = aligned(a, b)?;
    let whole = Decimal { unscaled: left / right, scale: 0 };
    if preferred > 0 {
        return set_scale(&whole, preferred, Rounding::Unnecessary);
    }
    strip(whole, i64::from(preferred))
}

/// `a - b × (a divided by b, integral)`.
///
/// # Errors
/// When `b` is zero or a number gets too large.
pub(crate) fn remainder(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    div_rem(a, b).map(|(_, rest)| rest)
}

/// Integral quotient and remainder.
///
/// # Errors
/// When `b` is zero or a number gets too large.
pub(crate) fn div_rem(a: &Decimal, b: &Decimal) -> Result<(Decimal, Decimal)> {
    let quotient = div_integral(a, b)?;
    let rest = subtract(a, &multiply(&quotient, b)?)?;
    Ok((quotient, rest))
}

/// `base ^ exponent`.
///
/// # Errors
/// When the exponent is negative or the result is too large.
pub(crate) fn pow(base: &Decimal, exponent: i32) -> Result<Decimal> {
    if !(0..=999_999_999).contains(&exponent) {
        return Err(arithmetic("Invalid operation"));
    }
    let scale = checked_scale(i64::from(base.scale) * i64::from(exponent))?;
    let small = base.unscaled.bits() <= 1;
    if !small {
        bounded(base.unscaled.bits().saturating_mul(exponent as u64))?;
    }
    // Powers of -1, 0 and 1 are small whatever the exponent is.
    let power = if small && exponent > 2 { 2 - exponent as u32 % 2 } else { exponent as u32 };
    Ok(Decimal { unscaled: base.unscaled.pow(power), scale })
}

/// `stripTrailingZeros`.
///
/// # Errors
/// When the scale leaves its range.
pub(crate) fn strip_zeros(value: &Decimal) -> Result<Decimal> {
    if value.unscaled.sign() == Sign::NoSign {
        return Ok(BigInt::ZERO.into());
    }
    strip(value.clone(), i64::MIN)
}

/// Drops zeros at the end as long as the scale stays above `preferred`.
fn strip(value: Decimal, preferred: i64) -> Result<Decimal> {
    let room = i64::from(value.scale).saturating_sub(preferred).max(0) as usize;
    if room == 0 || value.unscaled.sign() == Sign::NoSign {
        return Ok(value);
    }
    let digits = value.unscaled.to_string();
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let zeros = zeros.min(room).min(precision(&value) - 1);
    let unscaled = value.unscaled / pow10(zeros as u64)?;
    Ok(Decimal { unscaled, scale: checked_scale(i64::from(value.scale) - zeros as i64)? })
}

/// The greatest common divisor, never negative.
///
/// # Errors
/// When the numbers are too large for Euclid.
pub(crate) fn gcd(a: &BigInt, b: &BigInt) -> Result<BigInt> {
    const BITS: u64 = 1 << 17;
    if a.bits().max(b.bits()) > BITS {
        return Err(too_large());
    }
    let (mut a, mut b) = (a.magnitude().clone(), b.magnitude().clone());
    while b != num_bigint::BigUint::ZERO {
        let rest = &a % &b;
        a = b;
        b = rest;
    }
    Ok(a.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        parse(text).expect("a decimal")
    }

    fn text(value: Result<Decimal>) -> String {
        match value {
            Ok(value) => super::super::to_text(&value),
            Err(fault) => format!("!{}", fault.into_error()),
        }
    }

    #[test]
    fn quotients_keep_the_preferred_scale_where_they_can() {
        assert_eq!(text(divide(&d("10.00"), &d("2.0"))), "5.0");
        assert_eq!(text(divide(&d("1"), &d("8"))), "0.125");
        assert_eq!(text(divide(&d("-1"), &d("80"))), "-0.0125");
        assert!(text(divide(&d("1"), &d("3"))).starts_with("!Non-terminating"));
        assert_eq!(text(div_integral(&d("100.00"), &d("3"))), "33.00");
        assert_eq!(text(div_integral(&d("1E3"), &d("1"))), "1E+3");
        assert_eq!(text(div_integral(&d("0.000"), &d("2"))), "0.000");
        assert_eq!(text(remainder(&d("-5.5"), &d("2"))), "-1.5");
    }

    #[test]
    fn nothing_gets_huge() {
        assert_eq!(text(add(&d("1E999999999"), &d("1"))), "!Number too large.");
        assert_eq!(text(pow(&d("12345"), 999_999_999)), "!Number too large.");
        assert_eq!(text(pow(&d("-1"), 999_999_999)), "-1");
        assert_eq!(text(set_scale(&d("1E-999999999"), 0, Rounding::Ceiling)), "1");
        assert_eq!(text(add(&d("1E+999999"), &d("1"))), "!Number too large.");
    }

    #[test]
    fn scales_of_java() {
        assert_eq!(text(add(&d("1.10"), &d("2"))), "3.10");
        assert_eq!(text(multiply(&d("1.10"), &d("2.0"))), "2.200");
        assert_eq!(text(divide(&d("1.00"), &d("2"))), "0.50");
        assert_eq!(text(divide(&d("100"), &d("2.0"))), "5E+1");
        assert_eq!(text(divide(&d("1"), &d("0"))), "!Division by zero");
        assert_eq!(text(remainder(&d("10"), &d("0.3"))), "0.1");
        assert_eq!(text(remainder(&d("-7"), &d("3"))), "-1");
        assert_eq!(text(remainder(&d("2000"), &d("0.2"))), "0");
    }

    #[test]
    fn conversions() {
        assert_eq!(text(from_double(1.5e10)), "1.5E+10");
        assert_eq!(text(from_double(0.1)), "0.1");
        assert_eq!(text(from_double_exactly(0.5)), "0.5");
        assert_eq!(text(from_double_exactly(3.0)), "3");
        assert!(from_double(f64::NAN).is_err());
        assert_eq!(to_long(&d("18446744073709551617.9")), 1);
        assert_eq!(to_long(&d("-1.9")), -1);
        assert_eq!(to_double(&d("1.25")).to_bits(), 1.25f64.to_bits());
        assert_eq!(to_double(&d("1E400")), f64::INFINITY);
        assert_eq!(to_integer(&d("2.00")).expect("small"), Some(2.into()));
        assert_eq!(to_integer(&d("2.5")).expect("small"), None);
        assert!(parse("1e").is_err() && parse(".").is_err() && parse("1_0").is_err());
    }
}
