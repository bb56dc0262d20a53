//! Doubles as text: shortest digits that read back as the same double, in Java's layout.
//!
//! `Double.toString` of Java 19 and later: `1.0`, `0.001`, `1.0E7`, `1.0E-5`, `NaN`, `Infinity`.
//! Plain notation from 10^-3 up to, without, 10^7; scientific elsewhere; always a digit behind
//! the point.

use std::fmt;
use std::io::Write;

/// The longest text: sign, 17 digits, point, `E-` and three digits of exponent.
const TEXT_LENGTH_MAX: usize = 24;

/// A place to write doubles into without allocating.
#[derive(Clone, Copy, Debug)]
pub struct DoubleBuffer {
    bytes: [u8; TEXT_LENGTH_MAX],
    length: usize,
}

/// Shows a double in Java's layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JavaDouble(pub f64);

/// Appends the text of `value`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(DoubleBuffer::new().format(value).as_bytes());
}

/// Reads a double as Java's `Double.parseDouble` does: surrounding blanks, a sign, `NaN`,
/// `Infinity`, decimal digits with exponent, and a `d` or `f` behind. Hexadecimal floats are not
/// read.
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c| c <= ' ');
    let (negative, magnitude) = match text.strip_prefix(['-', '+']) {
        Some(magnitude) => (text.starts_with('-'), magnitude),
        None => (false, text),
    };
    let magnitude = match magnitude {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = magnitude.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(magnitude);
            // Rust also knows `inf` and a second sign.
            if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return None;
            }
            digits.parse().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

impl fmt::Display for JavaDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(DoubleBuffer::new().format(self.0))
    }
}

impl DoubleBuffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; TEXT_LENGTH_MAX], length: 0 }
    }

    /// The text of `value`.
    pub fn format(&mut self, value: f64) -> &str {
        let magnitude = value.abs();
        self.length = 0;
        if !value.is_finite() {
            self.push(match value {
                f64::INFINITY => b"Infinity",
                f64::NEG_INFINITY => b"-Infinity",
                _ => b"NaN",
            });
        } else if let Some(thousandths) = thousandths(magnitude) {
            self.thousandths(value < 0.0, thousandths);
        } else if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
            // Both layouts agree here.
            self.push(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.scientific(value);
        }
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// A number of thousandths, without the zeros at its end.
    fn thousandths(&mut self, is_negative: bool, thousandths: u64) {
        let (mut whole, rest) = (thousandths / 1_000, thousandths % 1_000);
        // From the last digit on: seven before the point, three behind it, and a sign.
        let mut text = [b'0'; 12];
        let mut start = text.len() - 4;
        text[start] = b'.';
        for (place, unit) in [(1, 100), (2, 10), (3, 1)] {
            text[start + place] = b'0' + (rest / unit % 10) as u8;
        }
        let zeros = if rest % 100 == 0 { 2 } else { usize::from(rest % 10 == 0) };
        let end = text.len() - zeros;
        loop {
            start -= 1;
            text[start] = b'0' + (whole % 10) as u8;
            whole /= 10;
            if whole == 0 {
                break;
            }
        }
        if is_negative {
            start -= 1;
            text[start] = b'-';
        }
        self.push(&text[start..end]);
    }

    fn scientific(&mut self, value: f64) {
        let (digits, exponent) = Digits::of(value);
        if value < 0.0 {
            self.push(b"-");
        }
        if digits.count == 1 && value.is_subnormal() {
            // Java never stops at one digit: of two it takes the nearest, which differs from
            // `d.0` only where doubles are this coarse.
            let length = self.length;
            let mut rest = &mut self.bytes[length..];
            let room = rest.len();
            // 10 bytes at most: cannot fail.
            let written = write!(rest, "{:.1e}", value.abs());
            debug_assert!(written.is_ok(), "no room for two digits");
            self.length += room - rest.len();
            self.bytes[length..self.length].make_ascii_uppercase();
            return;
        }
        self.push(&digits.bytes[..1]);
        self.push(b".");
        self.push(if digits.count > 1 { &digits.bytes[1..digits.count] } else { b"0" });
        self.push(b"E");
        if exponent < 0 {
            self.push(b"-");
        }
        let exponent = exponent.unsigned_abs();
        let decimal = [exponent / 100, exponent / 10 % 10, exponent % 10].map(|d| b'0' + d as u8);
        let zeros = if exponent >= 100 { 0 } else { 1 + usize::from(exponent < 10) };
        self.push(&decimal[zeros..]);
    }
}

/// How many thousandths make a number of the plain layout, when some do: most measurements have no
/// more than three digits behind the point. Decimals of so few digits name different doubles, so
/// the one that is found is the shortest.
#[inline]
pub(crate) fn thousandths(magnitude: f64) -> Option<u64> {
    if !(1e-3..1e7).contains(&magnitude) {
        return None;
    }
    let nearest = (magnitude * 1e3 + 0.5) as u64;
    (nearest as f64 / 1e3 == magnitude).then_some(nearest)
}

impl Default for DoubleBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// The significant digits of a double, without zeros at either end.
struct Digits {
    bytes: [u8; TEXT_LENGTH_MAX],
    count: usize,
}

/// The shortest digits that read back as `value`, and the power of ten of the first one.
///
/// `value` is finite and not zero; its sign is left out.
pub(crate) fn shortest_digits(value: f64) -> (impl AsRef<[u8]>, i32) {
    Digits::of(value)
}

impl AsRef<[u8]> for Digits {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

impl Digits {
    fn of(value: f64) -> (Self, i32) {
        Self::read(zmij::Buffer::new().format_finite(value).as_bytes())
    }

    /// Takes a finite, non-zero number like `-12.5`, `0.00012` or `1e300` apart: digits, and the
    /// power of ten of the first one.
    fn read(text: &[u8]) -> (Self, i32) {
        let mut digits = Self { bytes: [0; TEXT_LENGTH_MAX], count: 0 };
        let (mut exponent, mut integral) = (-1, true);
        let mut rest = text.iter();
        while let Some(&byte) = rest.next() {
            match byte {
                b'.' => integral = false,
                b'e' => {
                    exponent += read_exponent(rest.as_slice());
                    break;
                }
                b'0' if digits.count == 0 => exponent -= i32::from(!integral),
                b'0'..=b'9' => {
                    digits.bytes[digits.count] = byte;
                    digits.count += 1;
                    exponent += i32::from(integral);
                }
                _ => {} // The sign.
            }
        }
        while digits.count > 1 && digits.bytes[digits.count - 1] == b'0' {
            digits.count -= 1;
        }
        (digits, exponent)
    }
}

fn read_exponent(text: &[u8]) -> i32 {
    let magnitude = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0, |exponent, byte| exponent * 10 + i32::from(byte - b'0'));
    if text.first() == Some(&b'-') { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn java_layout() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.00099, "9.9E-4"),
            (9999999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12345678.9, "1.23456789E7"),
            (-1e10, "-1.0E10"),
            (1e-5, "1.0E-5"),
            (2e23, "2.0E23"),
            (1.2e21, "1.2E21"),
            (-1.234e-100, "-1.234E-100"),
            (f64::MAX, "1.7976931348623157E308"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014E-308"),
            (f64::from_bits(1), "4.9E-324"),
            (-f64::from_bits(2), "-9.9E-324"),
            (f64::from_bits(4), "2.0E-323"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(JavaDouble(value).to_string(), text);
        }
    }

    #[test]
    fn few_decimals_are_the_shortest() {
        for thousandths in (1..20_000).chain(9_999_990_000..10_000_000_000u64) {
            let value = thousandths as f64 / 1e3;
            let text = JavaDouble(-value).to_string();
            assert_eq!(text, format!("-{value:?}"));
        }
    }

    #[test]
    fn java_doubles_are_read() {
        for (text, value) in [
            ("1", Some(1.0)),
            (" -1.5e3\t", Some(-1500.0)),
            ("+.5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1d", Some(1.0)),
            ("1e1F", Some(10.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1e400", Some(f64::INFINITY)),
            ("inf", None),
            ("nan", None),
            ("--1", None),
            ("", None),
            (".", None),
            ("d", None),
            ("1e", None),
            ("1 2", None),
        ] {
            assert_eq!(parse_double(text), value, "{text}");
        }
        assert!(parse_double("-NaN").is_some_and(f64::is_nan));
    }

    proptest! {
        #[test]
        fn text_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let mut out = b"x".to_vec();
            write_double(&mut out, value);
            let text = std::str::from_utf8(&out[1..]).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{}", text);
            let (head, tail) = text.split_once('.').unwrap();
            prop_assert!(!head.is_empty() && tail.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert_eq!(text.contains('E'), value != 0.0 && !(1e-3..1e7).contains(&value.abs()));
        }
    }
}
