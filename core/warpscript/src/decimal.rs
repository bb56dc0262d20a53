//! Exact decimals: as text, in order, and their arithmetic.

pub(crate) mod ops;

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::heap::Decimal;

pub(crate) use ops::{
    add, divide, from_double, from_double_exactly, from_long, multiply, parse, remainder, subtract,
    to_double, to_integer, to_long,
};

/// The most digits that a decimal is written out with before it falls back to an exponent.
const PLAIN_DIGITS_MAX: u64 = 100_000;

/// `BigDecimal.toString`: plain where that is short, scientific otherwise.
pub(crate) fn to_text(decimal: &Decimal) -> String {
    let digits = decimal.unscaled.magnitude().to_string();
    let exponent = digits.len() as i64 - 1 - i64::from(decimal.scale);
    if decimal.scale >= 0 && exponent >= -6 {
        return to_plain(decimal);
    }
    let sign = sign(decimal);
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    if exponent == 0 {
        return format!("{sign}{first}{point}{rest}");
    }
    format!("{sign}{first}{point}{rest}E{exponent:+}")
}

/// `BigDecimal.toPlainString`; numbers that would be absurdly long keep their exponent.
pub(crate) fn to_plain(decimal: &Decimal) -> String {
    let digits = decimal.unscaled.magnitude().to_string();
    let sign = sign(decimal);
    if u64::from(decimal.scale.unsigned_abs()) > PLAIN_DIGITS_MAX + digits.len() as u64 {
        return format!("{sign}{digits}E{}", -i64::from(decimal.scale));
    }
    if decimal.scale <= 0 {
        let zeros = if digits == "0" { 0 } else { decimal.scale.unsigned_abs() as usize };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let scale = decimal.scale as usize;
    // Not by a width in the format: those are limited to 16 bits.
    let zeros = "0".repeat((scale + 1).saturating_sub(digits.len()));
    let padded = zeros + &digits;
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// The numerical order; `1.0` and `1.00` are equal.
pub(crate) fn compare(a: &Decimal, b: &Decimal) -> Ordering {
    let (signum_a, signum_b) = (a.unscaled.sign(), b.unscaled.sign());
    if signum_a != signum_b || signum_a == Sign::NoSign {
        return signum_a.cmp(&signum_b);
    }
    if a.scale == b.scale {
        return a.unscaled.cmp(&b.unscaled);
    }
    // Numbers of different magnitude need no common scale, which might be enormous.
    let magnitude = |d: &Decimal| precision(d) as i64 - i64::from(d.scale);
    let order = magnitude(a).cmp(&magnitude(b));
    if order != Ordering::Equal {
        return if signum_a == Sign::Minus { order.reverse() } else { order };
    }
    let scale = a.scale.max(b.scale);
    rescale(a, scale).cmp(&rescale(b, scale))
}

/// How many digits the unscaled value has; 1 for zero.
pub(crate) fn precision(decimal: &Decimal) -> usize {
    decimal.unscaled.magnitude().to_string().len()
}

/// The unscaled value at a larger scale. Callers bound the difference.
fn rescale(decimal: &Decimal, scale: i32) -> BigInt {
    let places = (i64::from(scale) - i64::from(decimal.scale)).max(0);
    &decimal.unscaled * BigInt::from(10).pow(places as u32)
}

fn sign(decimal: &Decimal) -> &'static str {
    if decimal.unscaled.sign() == Sign::Minus { "-" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(unscaled: i64, scale: i32) -> Decimal {
        Decimal { unscaled: unscaled.into(), scale }
    }

    #[test]
    fn layouts_of_java() {
        assert_eq!(to_plain(&decimal(125, 2)), "1.25");
        assert_eq!(to_plain(&decimal(-5, 3)), "-0.005");
        assert_eq!(to_plain(&decimal(5, -3)), "5000");
        assert_eq!(to_text(&decimal(125, 2)), "1.25");
        assert_eq!(to_text(&decimal(5, -3)), "5E+3");
        assert_eq!(to_text(&decimal(125, 12)), "1.25E-10");
        assert_eq!(to_plain(&decimal(1, i32::MAX)), "1E-2147483647");
        let long = to_plain(&decimal(12, 70_000));
        assert_eq!((long.len(), &long[..4], &long[69_998..]), (70_002, "0.00", "0012"));
    }
}
