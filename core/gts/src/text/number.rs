//! Numbers of the text format, read as Java reads them, with Java's messages for those that are
//! none: these reach users.

use crate::{Decimal, percent, utf8};

/// Plain decimals up to this many characters are kept exactly; longer ones become doubles, for
/// their digits rarely fit the 46 bits that the encoder has.
const DECIMAL_LENGTH_MAX: usize = 15;

/// The smallest power of two that a double has.
const EXPONENT_MIN: i64 = -1074;

/// Bits of a double's mantissa.
const MANTISSA_BITS: i64 = 53;

/// A text that is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not of the form asked for, or out of range.
    #[error("For input string: \"{0}\"")]
    Malformed(String),
    /// Nothing, or blanks.
    #[error("empty String")]
    Empty,
    /// A decimal without digits.
    #[error("No digits found.")]
    NoDigits,
    /// A decimal with a second point.
    #[error("Character array contains more than one decimal point.")]
    SecondPoint,
    /// A sign inside a decimal.
    #[error(
        "Character {0} is neither a decimal digit number, decimal point, nor \"e\" notation \
         exponential mark."
    )]
    MisplacedSign(char),
}

/// A number as values are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Digits alone.
    Long(i64),
    /// A point and few digits.
    Decimal(Decimal),
    /// Everything else.
    Double(f64),
}

/// Reads a 64-bit integer: a sign or none, then digits, of any script.
pub fn parse_long(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    // Eighteen digits fit; that is every tick there is in practice.
    if digits.len() <= 18 {
        let mut sum = 0i64;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return parse_long_slowly(negative, digits);
            }
            sum = sum * 10 + i64::from(digit);
        }
        return Some(if negative { -sum } else { sum });
    }
    parse_long_slowly(negative, digits)
}

#[cold]
fn parse_long_slowly(negative: bool, digits: &[u8]) -> Option<i64> {
    let mut sum = 0i64;
    for c in std::str::from_utf8(digits).ok()?.chars() {
        let digit = i64::from(percent::java_digit(c, 10)?);
        // Downwards, where there is room for the smallest number.
        sum = sum.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(sum) } else { sum.checked_neg() }
}

/// Reads a double: surrounding blanks, a sign, decimal digits with exponent or hexadecimal ones
/// with a binary exponent, `NaN` or `Infinity`, a `d` or `f` behind.
pub fn parse_double(text: &[u8]) -> Result<f64, NumberError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    let parsed = std::str::from_utf8(text).ok().and_then(|text| {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if let Some(hexadecimal) =
            unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))
        {
            let magnitude = parse_hexadecimal(hexadecimal)?;
            return Some(if text.starts_with('-') { -magnitude } else { magnitude });
        }
        crate::parse_double(text)
    });
    match parsed {
        // Java has one NaN.
        Some(value) if value.is_nan() => Ok(f64::NAN),
        Some(value) => Ok(value),
        None => Err(malformed(text)),
    }
}

/// Reads a value that should be a number.
pub fn parse_number(text: &[u8]) -> Result<Number, NumberError> {
    if is_long(text) {
        return parse_long(text).map(Number::Long).ok_or_else(|| malformed(text));
    }
    let is_plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-');
    if text.len() <= DECIMAL_LENGTH_MAX && !text.is_empty() && text.iter().all(is_plain) {
        return match Decimal::parse(text) {
            Some(decimal) => Ok(Number::Decimal(decimal)),
            None => Err(decimal_error(text)),
        };
    }
    parse_double(text).map(Number::Double)
}

/// Whether a value is meant as an integer: blanks, a sign or none, ASCII digits.
fn is_long(text: &[u8]) -> bool {
    let start = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    let digits = match &text[start..] {
        [b'-' | b'+', digits @ ..] | digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Why a text of digits, signs and points is no decimal.
fn decimal_error(text: &[u8]) -> NumberError {
    let unsigned = match text {
        [b'-' | b'+', unsigned @ ..] | unsigned => unsigned,
    };
    let mut point = false;
    for &byte in unsigned {
        match byte {
            b'.' if point => return NumberError::SecondPoint,
            b'.' => point = true,
            b'+' | b'-' => return NumberError::MisplacedSign(char::from(byte)),
            _ => {}
        }
    }
    NumberError::NoDigits
}

pub(crate) fn malformed(text: &[u8]) -> NumberError {
    NumberError::Malformed(utf8::from_utf8_lossy(text).into_owned())
}

/// Without control characters and blanks at either end, as Java's `String.trim`.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [0..=b' ', rest @ ..] | [rest @ .., 0..=b' '] = text {
        text = rest;
    }
    text
}

/// `1.8p3`, what stands behind `0x`.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // `0x1.p0` and `0x.1p0` are numbers, `0x.p0` is none.
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent
        .parse::<i64>()
        .unwrap_or_else(|_| if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
    let (mut bits, mut sticky, mut dropped) = (0u64, false, 0i64);
    for c in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            sticky |= digit != 0;
            dropped += 4;
        }
    }
    // Saturating: anything beyond a few thousand is zero or infinity.
    let exponent = exponent.saturating_add(dropped).saturating_sub(4 * fraction.len() as i64);
    Some(round_binary(bits, sticky, exponent))
}

/// The double nearest to `bits × 2^exponent`, plus a little when `sticky`; ties to even.
fn round_binary(bits: u64, sticky: bool, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let shift = i64::from(bits.leading_zeros());
    let (bits, exponent) = (bits << shift, exponent.saturating_sub(shift));
    // How many of the 64 bits go: all but 53, more for numbers below the normal ones.
    let cut = (64 - MANTISSA_BITS).max(EXPONENT_MIN.saturating_sub(exponent));
    if cut > 64 {
        return 0.0;
    }
    let kept = bits.checked_shr(cut as u32).unwrap_or(0);
    let half = 1u64 << (cut - 1);
    let rest = bits & (half | (half - 1));
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    let mantissa = kept + u64::from(up);
    let exponent = exponent.saturating_add(cut);
    // A mantissa is below 2^53 + 1 and a power of two is exact, so only overflow can round here.
    // Two steps, for 2^-1074 alone may not be a factor that `powi` reaches exactly.
    match i32::try_from(exponent) {
        Ok(exponent) if exponent <= 971 => (mantissa as f64) * power_of_two(exponent),
        _ => f64::INFINITY,
    }
}

/// `2^exponent` for `-1074..=971`.
fn power_of_two(exponent: i32) -> f64 {
    if exponent < -1022 {
        f64::from_bits(1u64 << (exponent + 1074))
    } else {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn longs() {
        for (text, long) in [
            ("0", Some(0)),
            ("+5", Some(5)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("000000000000000000000000042", Some(42)),
            ("\u{661}2", Some(12)),
            ("\u{ff11}", Some(1)),
            ("\u{1d7cf}", None),
            ("", None),
            ("-", None),
            ("+-1", None),
            (" 1", None),
            ("1.5", None),
        ] {
            assert_eq!(parse_long(text.as_bytes()), long, "{text}");
        }
        assert_eq!(parse_long(b"1\xff"), None);
    }

    #[test]
    fn doubles() {
        for (text, bits) in [
            ("1e5f", 0x40f8_6a00_0000_0000),
            ("-NaN", 0x7ff8_0000_0000_0000),
            (" -Infinity\t", 0xfff0_0000_0000_0000),
            ("1.d", 0x3ff0_0000_0000_0000),
            ("1e99999999999", 0x7ff0_0000_0000_0000),
            ("0x1.8p1", 0x4008_0000_0000_0000),
            ("0x.8p-1", 0x3fd0_0000_0000_0000),
            ("-0X1P3F", 0xc020_0000_0000_0000),
            ("0x1.p1", 0x4000_0000_0000_0000),
            ("0x1.fffffffffffff8p0", 0x4000_0000_0000_0000),
            ("0x1.0000000000000801p0", 0x3ff0_0000_0000_0001),
            ("0x0.0000000000001p-1022", 1),
            ("0x1p-1074", 1),
            ("0x1p-1075", 0),
            ("0x1.1p-1075", 1),
            ("0x1p-99999999999999999999", 0),
            ("0x1p99999999999999999999", 0x7ff0_0000_0000_0000),
            ("0x1.fffffffffffffp1023", 0x7fef_ffff_ffff_ffff),
            ("0x1.fffffffffffff8p1023", 0x7ff0_0000_0000_0000),
            ("0x123456789abcdef01234p-60", 0x40f2_3456_789a_bcdf),
        ] {
            assert_eq!(parse_double(text.as_bytes()).unwrap().to_bits(), bits, "{text}");
        }
        for text in ["1e", "1_0", "inf", "0x1", "0x1p", "0x.p1", "NaNd", ".", "--1", "1\u{2003}"] {
            assert_eq!(parse_double(text.as_bytes()), Err(NumberError::Malformed(text.to_owned())));
        }
        assert_eq!(parse_double(b" "), Err(NumberError::Empty));
    }

    #[test]
    fn values_are_long_decimal_or_double() {
        assert_eq!(parse_number(b"+1"), Ok(Number::Long(1)));
        let decimal = Decimal { unscaled: -314, scale: 2 };
        assert_eq!(parse_number(b"-3.14"), Ok(Number::Decimal(decimal)));
        assert_eq!(parse_number(b"1.23456789012345"), Ok(Number::Double(1.23456789012345)));
        assert_eq!(parse_number(b"1 "), Ok(Number::Double(1.0)));
        for (text, message) in [
            ("1.2.3", "Character array contains more than one decimal point."),
            ("-.", "No digits found."),
            (
                "--1",
                "Character - is neither a decimal digit number, decimal point, nor \"e\" \
                     notation exponential mark.",
            ),
            (" 1 1", "For input string: \"1 1\""),
            (" 1", "For input string: \" 1\""),
            ("", "empty String"),
        ] {
            assert_eq!(parse_number(text.as_bytes()).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn longs_round_trip(long in any::<i64>()) {
            prop_assert_eq!(parse_long(long.to_string().as_bytes()), Some(long));
        }

        #[test]
        fn hexadecimal_doubles_round_trip(bits in any::<u64>()) {
            let value = f64::from_bits(bits).abs();
            prop_assume!(value.is_finite());
            let exponent = (value.to_bits() >> 52) as i64;
            let mantissa = value.to_bits() & ((1 << 52) - 1);
            let implied = if exponent == 0 { 0 } else { 1u64 << 52 };
            let text = format!("0x{:x}p{}", mantissa | implied, exponent.max(1) - 1075);
            prop_assert_eq!(parse_double(text.as_bytes()).unwrap(), value);
        }

        #[test]
        fn anything_is_a_number_or_not(text in prop::collection::vec(any::<u8>(), 0..24)) {
            let _ = (parse_long(&text), parse_number(&text));
        }

        #[test]
        fn numberlike_texts_do_not_panic(text in "[-+0-9.eExXpPa-fA-F]{0,24}") {
            let _ = (parse_long(text.as_bytes()), parse_number(text.as_bytes()));
        }
    }
}
