//! Exact decimals: what the text format keeps of `3.14` and the encoder writes in few bytes.

use std::fmt;

use crate::double;

/// Unscaled values of more bits are written as doubles.
const UNSCALED_BITS_MAX: u32 = 46;

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Integers up to this are exact as doubles.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// The most digits that always fit an `i64`.
const DIGITS_MAX: usize = 18;

/// An exact decimal, `unscaled × 10^-scale`, as plain decimals of the text format are kept.
///
/// Equality is exact (`1.5` is not `1.50`); [`Decimal::normalized`] makes equal numbers equal.
/// The encoder writes a decimal as a double when it is too wide, so a
/// decimal that does not fit here is best made a [`crate::Value::Double`] at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits as one integer.
    pub unscaled: i64,
    /// How many of the digits stand behind the point; negative scales multiply.
    pub scale: i32,
}

impl Decimal {
    /// Reads a plain decimal: a sign or none, digits with at most one point, no exponent.
    ///
    /// The scale is the number of digits behind the point. `None` for anything else, and for more
    /// than 18 digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let mut unscaled = 0i64;
        let mut point = None;
        if digits.len() > DIGITS_MAX + 1 {
            return None;
        }
        for (index, &byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                // 19 digits are possible without a point; they are refused below.
                unscaled = unscaled.wrapping_mul(10).wrapping_add(i64::from(digit));
            } else if byte == b'.' && point.is_none() {
                point = Some(index);
            } else {
                return None;
            }
        }
        let count = digits.len() - usize::from(point.is_some());
        if count == 0 || count > DIGITS_MAX {
            return None;
        }
        let scale = point.map_or(0, |point| digits.len() - 1 - point) as i32;
        Some(Self { unscaled: if negative { -unscaled } else { unscaled }, scale })
    }

    /// The shortest decimal that reads back as `value`; `None` when it is not finite.
    ///
    /// The sign of a negative zero is lost.
    pub fn from_double(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value == 0.0 {
            return Some(Self { unscaled: 0, scale: 0 });
        }
        let (digits, exponent) = double::shortest_digits(value);
        // 17 digits at most: they fit.
        let (unscaled, count) = digits.as_ref().iter().fold((0i64, 0), |(sum, count), &digit| {
            (sum * 10 + i64::from(digit - b'0'), count + 1)
        });
        Some(Self {
            unscaled: if value < 0.0 { -unscaled } else { unscaled },
            scale: count - 1 - exponent,
        })
    }

    /// The same number without zeros at the end; zero has scale 0.
    #[must_use]
    pub fn normalized(self) -> Self {
        if self.unscaled == 0 {
            return Self { unscaled: 0, scale: 0 };
        }
        let Self { mut unscaled, mut scale } = self;
        while unscaled % 10 == 0 && scale > i32::MIN {
            unscaled /= 10;
            scale -= 1;
        }
        Self { unscaled, scale }
    }

    /// Of a normalised decimal: the scale, when it can be written exactly. That takes a scale of
    /// one signed byte and an unscaled value of 46 bits besides the sign.
    pub(crate) fn compact(self) -> Option<i8> {
        // Java counts the bits of a negative number in two's complement.
        let bits = i64::BITS - (self.unscaled ^ (self.unscaled >> 63)).leading_zeros();
        if bits > UNSCALED_BITS_MAX {
            return None;
        }
        i8::try_from(self.scale).ok()
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        let power = self.scale.unsigned_abs() as usize;
        if power < EXACT_POWERS.len() && self.unscaled.unsigned_abs() <= EXACT_INTEGER_MAX {
            // Both operands are exact, so the one rounding is the right one.
            let unscaled = self.unscaled as f64;
            return if self.scale >= 0 {
                unscaled / EXACT_POWERS[power]
            } else {
                unscaled * EXACT_POWERS[power]
            };
        }
        self.to_f64_by_text()
    }

    /// The integer part, or the 64 lowest bits of it: Java's `BigDecimal.longValue`.
    pub fn to_i64_wrapping(self) -> i64 {
        let power = self.scale.unsigned_abs();
        if self.scale < 0 {
            return self.unscaled.wrapping_mul(10i64.wrapping_pow(power));
        }
        10i64.checked_pow(power).map_or(0, |power| self.unscaled / power)
    }

    /// As Java's `BigDecimal.toString`: plain, or scientific (`1E+3`) for a negative scale and for
    /// many zeros behind the point.
    pub fn to_java_string(self) -> String {
        let digits = self.unscaled.unsigned_abs().to_string();
        let exponent = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale >= 0 && exponent >= -6 {
            return self.to_string();
        }
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let point = if digits.len() > 1 { "." } else { "" };
        let (first, rest) = digits.split_at(1);
        format!("{sign}{first}{point}{rest}E{exponent:+}")
    }

    #[cold]
    fn to_f64_by_text(self) -> f64 {
        let text = format!("{}e{}", self.unscaled, -i64::from(self.scale));
        text.parse().unwrap_or(f64::NAN)
    }
}

/// As Java's `BigDecimal.toPlainString`: every digit, no exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let digits = self.unscaled.unsigned_abs();
        if self.scale <= 0 {
            let zeros = if digits == 0 { 0 } else { self.scale.unsigned_abs() as usize };
            write!(f, "{sign}{digits}")?;
            return (0..zeros).try_for_each(|_| f.write_str("0"));
        }
        let behind = self.scale as usize;
        // `{:0width$}` cannot: widths are limited to 16 bits.
        let count = digits.checked_ilog10().unwrap_or(0) as usize + 1;
        if count > behind {
            let power = 10u64.pow(self.scale as u32);
            return write!(f, "{sign}{}.{:0behind$}", digits / power, digits % power);
        }
        write!(f, "{sign}0.")?;
        (count..behind).try_for_each(|_| f.write_str("0"))?;
        write!(f, "{digits}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(unscaled: i64, scale: i32) -> Decimal {
        Decimal { unscaled, scale }
    }

    #[test]
    fn plain_decimals_are_read() {
        for (text, expected) in [
            ("3.14", Some(decimal(314, 2))),
            ("-.5", Some(decimal(-5, 1))),
            ("+12.", Some(decimal(12, 0))),
            ("0.0", Some(decimal(0, 1))),
            ("7", Some(decimal(7, 0))),
            ("123456789012345678", Some(decimal(123_456_789_012_345_678, 0))),
            ("1234567890.12345678", Some(decimal(123_456_789_012_345_678, 8))),
            ("1234567890123456789", None),
            ("12345678901.23456789", None),
            ("", None),
            (".", None),
            ("-", None),
            ("1.2.3", None),
            ("1e3", None),
            ("1 ", None),
        ] {
            assert_eq!(Decimal::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn plain_text() {
        for (value, text) in [
            (decimal(0, 0), "0"),
            (decimal(0, 2), "0.00"),
            (decimal(0, -2), "0"),
            (decimal(1, -3), "1000"),
            (decimal(-314, 2), "-3.14"),
            (decimal(1, 10), "0.0000000001"),
            (decimal(i64::MIN, 19), "-0.9223372036854775808"),
            (decimal(i64::MIN, 18), "-9.223372036854775808"),
        ] {
            assert_eq!(value.to_string(), text);
        }
        assert_eq!(decimal(1, 70_000).to_string().len(), 70_002);
    }

    #[test]
    fn java_text_and_integers() {
        for (value, text, long) in [
            (decimal(0, 2), "0.00", 0),
            (decimal(1, -3), "1E+3", 1000),
            (decimal(-125, -1), "-1.25E+3", -1250),
            (decimal(1, 6), "0.000001", 0),
            (decimal(12, 8), "1.2E-7", 0),
            (decimal(-1999, 3), "-1.999", -1),
            (decimal(3, -64), "3E+64", 0),
            (decimal(i64::MAX, -1), "9.223372036854775807E+19", -10),
        ] {
            assert_eq!(value.to_java_string(), text);
            assert_eq!(value.to_i64_wrapping(), long, "{text}");
        }
    }

    #[test]
    fn shortest_decimals_of_doubles() {
        for (value, expected) in [
            (20.0, decimal(2, -1)),
            (0.1, decimal(1, 1)),
            (-31.9, decimal(-319, 1)),
            (-0.0, decimal(0, 0)),
            (f64::MAX, decimal(17_976_931_348_623_157, -292)),
        ] {
            assert_eq!(Decimal::from_double(value), Some(expected));
        }
        assert_eq!(Decimal::from_double(f64::NAN), None);
        assert_eq!(Decimal::from_double(f64::NEG_INFINITY), None);
    }

    #[test]
    fn compact_has_46_bits() {
        assert_eq!(decimal((1 << 46) - 1, 127).compact(), Some(127));
        assert_eq!(decimal(-(1 << 46), -128).compact(), Some(-128));
        assert_eq!(decimal(1 << 46, 0).compact(), None);
        assert_eq!(decimal(-(1 << 46) - 1, 0).compact(), None);
        assert_eq!(decimal(1, 128).compact(), None);
    }

    proptest! {
        #[test]
        fn doubles_survive(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite() && value != 0.0);
            let shortest = Decimal::from_double(value).unwrap();
            prop_assert_eq!(shortest.to_f64().to_bits(), bits);
            prop_assert_eq!(shortest, shortest.normalized());
        }

        #[test]
        fn text_survives(unscaled in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
                         scale in 0..18) {
            let value = decimal(unscaled, scale);
            let text = value.to_string();
            prop_assert_eq!(value.to_f64(), text.parse::<f64>().unwrap(), "{}", text);
            if text.len() < 20 {
                let read = Decimal::parse(text.as_bytes()).unwrap();
                prop_assert_eq!(read.normalized(), value.normalized());
            }
        }

        #[test]
        fn extremes_do_not_overflow(unscaled in any::<i64>(), scale in any::<i32>()) {
            let value = decimal(unscaled, scale);
            prop_assert!(!value.to_f64().is_nan());
            let _ = value.normalized().compact();
        }
    }
}
