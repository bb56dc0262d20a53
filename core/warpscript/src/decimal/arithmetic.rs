//! Exact arithmetic on decimals, with the scales that Java's `BigDecimal` gives its results.
//!
//! Scales come from scripts: what would need absurdly many digits is refused, not computed.

use num_bigint::{BigInt, Sign};

use crate::error::{Fault, Kind, Result};
use crate::heap::Decimal;

/// The most digits that bringing two numbers to one scale may add.
const DIGITS_MAX: u64 = 200_000;

/// A result without a value, as Java's `ArithmeticException` tells it.
fn arithmetic(message: &'static str) -> Fault {
    Fault::kind(Kind::Arithmetic, message)
}

/// `10^places`, within reason.
pub(crate) fn power_of_ten(places: u64) -> Result<BigInt> {
    if places > DIGITS_MAX {
        return Err(arithmetic("A decimal has too many digits."));
    }
    Ok(BigInt::from(10).pow(places as u32))
}

/// A scale that fits.
fn scale(scale: i64) -> Result<i32> {
    i32::try_from(scale).map_err(|_| arithmetic("Underflow or overflow of a decimal's scale."))
}

/// The shortest decimal that reads like the double, as `BigDecimal.valueOf` has it.
pub(crate) fn from_double(value: f64) -> Result<Decimal> {
    let text = weft_gts::double::JavaDouble(value).to_string();
    parse(&text).ok_or_else(not_a_number)
}

/// Exactly the value of the double.
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

/// What reading a text that is no number answers.
pub(crate) fn not_a_number() -> Fault {
    Fault::kind(Kind::Argument, "The text is no decimal number.")
}

/// Reads digits with an optional sign, point and exponent.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let (digits, exponent) = match text.find(['e', 'E']) {
        Some(at) => {
            let exponent = &text[at + 1..];
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (&text[..at], plain.then(|| exponent.parse::<i64>().ok()).flatten()?)
        }
        None => (text, 0),
    };
    let (negative, digits) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unscaled = BigInt::parse_bytes(all.as_bytes(), 10)?;
    let scale = i32::try_from((fraction.len() as i64).checked_sub(exponent)?).ok()?;
    Some(Decimal { unscaled: if negative { -unscaled } else { unscaled }, scale })
}

/// Both numbers at the larger of their scales.
fn aligned(a: &Decimal, b: &Decimal) -> Result<(BigInt, BigInt, i32)> {
    let scale = a.scale.max(b.scale);
    let raise = |d: &Decimal| -> Result<BigInt> {
        let places = (i64::from(scale) - i64::from(d.scale)) as u64;
        if places == 0 || d.unscaled.sign() == Sign::NoSign {
            return Ok(d.unscaled.clone());
        }
        Ok(&d.unscaled * power_of_ten(places)?)
    };
    Ok((raise(a)?, raise(b)?, scale))
}

/// The sum, at the larger scale.
pub(crate) fn add(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let (a, b, scale) = aligned(a, b)?;
    Ok(Decimal { unscaled: a + b, scale })
}

/// The difference, at the larger scale.
pub(crate) fn subtract(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let (a, b, scale) = aligned(a, b)?;
    Ok(Decimal { unscaled: a - b, scale })
}

/// The product; its scale is the sum of the scales.
pub(crate) fn multiply(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let scale = scale(i64::from(a.scale) + i64::from(b.scale))?;
    Ok(Decimal { unscaled: &a.unscaled * &b.unscaled, scale })
}

/// The exact quotient, at the smallest scale that is at least the difference of the scales.
pub(crate) fn divide(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    let preferred = i64::from(a.scale) - i64::from(b.scale);
    if b.unscaled.sign() == Sign::NoSign {
        let undefined = a.unscaled.sign() == Sign::NoSign;
        return Err(arithmetic(if undefined { "Division undefined" } else { "Division by zero" }));
    }
    if a.unscaled.sign() == Sign::NoSign {
        let nearest = preferred.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        return Ok(Decimal { unscaled: BigInt::ZERO, scale: nearest as i32 });
    }
    let common = gcd(&a.unscaled, &b.unscaled);
    let (numerator, mut rest) = (&a.unscaled / &common, &b.unscaled / &common);
    let negative = rest.sign() == Sign::Minus;
    if negative {
        rest = -rest;
    }
    // The quotient ends when only twos and fives are left below the line.
    let (twos, rest) = divide_out(rest, 2);
    let (fives, rest) = divide_out(rest, 5);
    if rest != BigInt::from(1) {
        return Err(arithmetic(
            "Non-terminating decimal expansion; no exact representable decimal result.",
        ));
    }
    let places = twos.max(fives);
    if u64::from(places) > DIGITS_MAX {
        return Err(arithmetic("A decimal has too many digits."));
    }
    let factor = BigInt::from(2).pow(places - twos) * BigInt::from(5).pow(places - fives);
    let unscaled = numerator * factor;
    let unscaled = if negative { -unscaled } else { unscaled };
    Ok(Decimal { unscaled, scale: scale(preferred + i64::from(places))? })
}

/// How often a small prime divides a number, and what remains.
fn divide_out(mut number: BigInt, prime: u32) -> (u32, BigInt) {
    let prime = BigInt::from(prime);
    let mut count = 0;
    loop {
        let quotient = &number / &prime;
        if &quotient * &prime != number {
            return (count, number);
        }
        number = quotient;
        count += 1;
    }
}

/// The greatest common divisor, positive.
fn gcd(a: &BigInt, b: &BigInt) -> BigInt {
    let (mut a, mut b) = (a.clone(), b.clone());
    while b.sign() != Sign::NoSign {
        let rest = &a % &b;
        a = std::mem::replace(&mut b, rest);
    }
    if a.sign() == Sign::Minus { -a } else { a }
}

/// What remains of a division with a whole quotient; it has the sign of `a`.
pub(crate) fn remainder(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    if b.unscaled.sign() == Sign::NoSign {
        let undefined = a.unscaled.sign() == Sign::NoSign;
        return Err(arithmetic(if undefined { "Division undefined" } else { "Division by zero" }));
    }
    let (x, y, scale) = aligned(a, b)?;
    if x.magnitude() < y.magnitude() {
        return Ok(a.clone());
    }
    let quotient = &x / &y;
    let rest = x - &quotient * y;
    // The whole quotient gives its trailing zeros away until its scale is the preferred one, and
    // the remainder shows that scale.
    let preferred = i64::from(a.scale) - i64::from(b.scale);
    let mut shown = preferred.max(0) + i64::from(b.scale);
    if preferred < 0 {
        let (_, zeros) = trailing_zeros(quotient, preferred.unsigned_abs());
        shown = i64::from(b.scale) - zeros as i64;
    }
    let drop = i64::from(scale) - shown.max(i64::from(a.scale));
    if drop <= 0 {
        return Ok(Decimal { unscaled: rest, scale });
    }
    let (unscaled, dropped) = trailing_zeros(rest, drop as u64);
    Ok(Decimal { unscaled, scale: (i64::from(scale) - dropped as i64) as i32 })
}

/// Takes up to `most` trailing zeros off a number; how many that were.
fn trailing_zeros(mut number: BigInt, most: u64) -> (BigInt, u64) {
    if number.sign() == Sign::NoSign {
        return (number, most);
    }
    let ten = BigInt::from(10);
    let mut count = 0;
    while count < most {
        let quotient = &number / &ten;
        if &quotient * &ten != number {
            break;
        }
        number = quotient;
        count += 1;
    }
    (number, count)
}

/// The nearest double.
pub(crate) fn to_double(decimal: &Decimal) -> f64 {
    let exponent = -i64::from(decimal.scale);
    format!("{}e{exponent}", decimal.unscaled).parse().unwrap_or(f64::NAN)
}

/// The whole part, wrapped to 64 bits.
pub(crate) fn to_long(decimal: &Decimal) -> i64 {
    let scale = i64::from(decimal.scale);
    let digits = decimal.unscaled.bits() as i64 / 3 + 1;
    let whole = if scale > digits {
        BigInt::ZERO
    } else if scale >= 0 {
        &decimal.unscaled / BigInt::from(10).pow(scale as u32)
    } else if scale <= -64 {
        // 2^64 divides it.
        BigInt::ZERO
    } else {
        &decimal.unscaled * BigInt::from(10).pow(scale.unsigned_abs() as u32)
    };
    low_bits(&whole)
}

/// The lowest 64 bits, in two's complement.
pub(crate) fn low_bits(number: &BigInt) -> i64 {
    let bytes = number.to_signed_bytes_le();
    let fill = if number.sign() == Sign::Minus { 0xff } else { 0 };
    let mut low = [fill; 8];
    let count = bytes.len().min(8);
    low[..count].copy_from_slice(&bytes[..count]);
    i64::from_le_bytes(low)
}

/// The integer that a decimal is; `None` when it has a fraction.
pub(crate) fn to_integer(decimal: &Decimal) -> Result<Option<BigInt>> {
    if decimal.scale <= 0 {
        let places = u64::from(decimal.scale.unsigned_abs());
        if decimal.unscaled.sign() == Sign::NoSign {
            return Ok(Some(BigInt::ZERO));
        }
        return Ok(Some(&decimal.unscaled * power_of_ten(places)?));
    }
    if decimal.unscaled.sign() == Sign::NoSign {
        return Ok(Some(BigInt::ZERO));
    }
    if i64::from(decimal.scale) > decimal.unscaled.bits() as i64 / 3 + 1 {
        return Ok(None);
    }
    let factor = BigInt::from(10).pow(decimal.scale as u32);
    let whole = &decimal.unscaled / &factor;
    Ok((&whole * factor == decimal.unscaled).then_some(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::to_text;

    fn decimal(text: &str) -> Decimal {
        parse(text).expect("a number")
    }

    fn shown(result: Result<Decimal>) -> String {
        result.map_or_else(|_| "error".to_owned(), |d| to_text(&d))
    }

    #[test]
    fn scales_of_java() {
        assert_eq!(shown(add(&decimal("1.10"), &decimal("2"))), "3.10");
        assert_eq!(shown(multiply(&decimal("1.10"), &decimal("2.0"))), "2.200");
        assert_eq!(shown(divide(&decimal("1"), &decimal("8"))), "0.125");
        assert_eq!(shown(divide(&decimal("1.00"), &decimal("2"))), "0.50");
        assert_eq!(shown(divide(&decimal("100"), &decimal("2.0"))), "5E+1");
        assert_eq!(shown(divide(&decimal("1"), &decimal("3"))), "error");
        assert_eq!(shown(divide(&decimal("1"), &decimal("0"))), "error");
        assert_eq!(shown(remainder(&decimal("10"), &decimal("0.3"))), "0.1");
        assert_eq!(shown(remainder(&decimal("-7"), &decimal("3"))), "-1");
        assert_eq!(shown(remainder(&decimal("2000"), &decimal("0.2"))), "0");
        assert_eq!(shown(add(&decimal("1E+999999"), &decimal("1"))), "error");
    }

    #[test]
    fn conversions() {
        assert_eq!(shown(from_double(1.5e10)), "1.5E+10");
        assert_eq!(shown(from_double(0.1)), "0.1");
        assert_eq!(shown(from_double_exactly(0.5)), "0.5");
        assert_eq!(shown(from_double_exactly(3.0)), "3");
        assert!(from_double(f64::NAN).is_err());
        assert_eq!(to_long(&decimal("18446744073709551617.9")), 1);
        assert_eq!(to_long(&decimal("-1.9")), -1);
        assert_eq!(to_double(&decimal("1.25")).to_bits(), 1.25f64.to_bits());
        assert_eq!(to_integer(&decimal("2.00")).expect("small"), Some(2.into()));
        assert_eq!(to_integer(&decimal("2.5")).expect("small"), None);
        assert!(parse("1e").is_none() && parse(".").is_none() && parse("1_0").is_none());
    }
}
