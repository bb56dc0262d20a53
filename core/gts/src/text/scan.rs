//! A short way through the lines that most senders write.
//!
//! [`PlainHead::scan`], [`scan_series`] and [`scan_number`] read the pieces of a line that is plain: an absolute
//! tick, a place or none, class and labels without attributes, a number, single blanks between
//! them, `\n` or `\r\n` behind. What they read is what [`crate::text::parse_line`] reads of it.
//! Anything else is `None`: not wrong, only not plain.

use crate::geo::hhcode;
use crate::text::number::{parse_double, parse_long};
use crate::text::value::TextValue;
use crate::{Decimal, NO_ELEVATION, NO_LOCATION};

/// Digits of an integer that always fit.
const DIGITS_MAX: usize = 18;

/// Bytes of a decimal that is kept exact.
const DECIMAL_LENGTH_MAX: usize = 15;

/// Bytes of a position.
const LOCATION_LENGTH_MAX: usize = 64;

/// What stands before the series, or before the value of a `=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainHead<'a> {
    /// The line begins with `=`.
    pub continues: bool,
    /// The tick as it is written.
    pub tick: i64,
    /// `LAT:LON`; empty for none.
    pub location: &'a [u8],
    /// Elevation or [`NO_ELEVATION`].
    pub elevation: i64,
    /// Bytes up to what follows.
    pub length: usize,
}

impl<'a> PlainHead<'a> {
    /// Reads the head at the start of `text`.
    #[inline(always)]
    pub fn scan(text: &'a [u8]) -> Option<Self> {
        let continues = *text.first()? == b'=';
        let mut at = usize::from(continues);
        let tick = scan_long(text, &mut at, b'/')?;
        let mut location = &text[at..at];
        if *text.get(at)? == b'/' {
            at += 1;
        } else {
            let rest = &text[at..text.len().min(at + LOCATION_LENGTH_MAX)];
            let length = rest.iter().position(|byte| matches!(byte, b'/' | b'\n' | b'\r'))?;
            if rest[length] != b'/' {
                return None;
            }
            location = &rest[..length];
            at += length + 1;
        }
        let elevation = if *text.get(at)? == b' ' {
            at += 1;
            NO_ELEVATION
        } else {
            scan_long(text, &mut at, b' ')?
        };
        // More blanks are for the long way.
        (*text.get(at)? != b' ').then_some(Self {
            continues,
            tick,
            location,
            elevation,
            length: at,
        })
    }
}

/// The HHCode of a [`PlainHead::location`].
pub fn plain_location(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(NO_LOCATION);
    }
    let colon = memchr::memchr(b':', text)?;
    let latitude = plain_double(&text[..colon])?;
    let longitude = plain_double(&text[colon + 1..])?;
    Some(hhcode::from_degrees(latitude, longitude))
}

fn plain_double(text: &[u8]) -> Option<f64> {
    match Decimal::parse(text) {
        Some(decimal) if decimal.unscaled != 0 => Some(decimal.to_f64()),
        _ => parse_double(text).ok(),
    }
}

/// How many bytes of `text` are `CLASS{LABELS}`, when a value follows behind one blank.
pub fn scan_series(text: &[u8]) -> Option<usize> {
    let brace = memchr::memchr2(b'{', b'\n', text)?;
    if text[brace] == b'\n' {
        return None;
    }
    let length = brace + 2 + memchr::memchr2(b'}', b'\n', &text[brace + 1..])?;
    let is_plain = text[length - 1] == b'}' && memchr::memchr(b'\r', &text[..length]).is_none();
    (is_plain && follows(text, length)).then_some(length)
}

/// Whether a value follows behind one blank after `length` bytes.
#[inline(always)]
pub fn follows(text: &[u8], length: usize) -> bool {
    text.get(length) == Some(&b' ') && text.get(length + 1).is_some_and(|&byte| byte > b' ')
}

/// The number at the start of `text` that ends with the line, and how many bytes it takes, its
/// line end included.
#[inline(always)]
pub fn scan_number(text: &[u8]) -> Option<(TextValue<'static>, usize)> {
    let negative = *text.first()? == b'-';
    let start = usize::from(negative);
    let (mut unscaled, mut at, mut point) = (0i64, start, None);
    loop {
        let byte = *text.get(at)?;
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            unscaled = unscaled.wrapping_mul(10).wrapping_add(i64::from(digit));
        } else if byte == b'.' && point.is_none() && at > start {
            point = Some(at);
        } else {
            break;
        }
        at += 1;
    }
    let end = at;
    let digits = end - start - usize::from(point.is_some());
    if digits == 0 || digits > DIGITS_MAX {
        return None;
    }
    at += match text[at] {
        b'\n' => 1,
        b'\r' if text.get(at + 1) == Some(&b'\n') => 2,
        _ => return None,
    };
    let unscaled = if negative { -unscaled } else { unscaled };
    let value = match point {
        None => TextValue::Long(unscaled),
        Some(point) => {
            let decimal = Decimal { unscaled, scale: (end - point - 1) as i32 };
            if end <= DECIMAL_LENGTH_MAX {
                TextValue::Decimal(decimal)
            } else if unscaled != 0 {
                TextValue::Double(decimal.to_f64())
            } else {
                return None;
            }
        }
    };
    Some((value, at))
}

/// An integer up to `end`, and goes behind that.
#[inline(always)]
fn scan_long(text: &[u8], at: &mut usize, end: u8) -> Option<i64> {
    let start = *at;
    let negative = *text.get(start)? == b'-';
    let digits = start + usize::from(negative);
    let (mut sum, mut position) = (0i64, digits);
    while let Some(eight) = text[position..].first_chunk::<8>()
        && let Some(value) = eight_digits(*eight)
    {
        // More digits than fit are found below.
        sum = sum.wrapping_mul(100_000_000).wrapping_add(value);
        position += 8;
    }
    loop {
        let digit = text.get(position)?.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        sum = sum.wrapping_mul(10).wrapping_add(i64::from(digit));
        position += 1;
    }
    if text[position] != end || position == digits {
        return None;
    }
    *at = position + 1;
    if position - digits > DIGITS_MAX {
        return parse_long(&text[start..position]);
    }
    Some(if negative { -sum } else { sum })
}

/// The number that eight digits make.
#[inline(always)]
fn eight_digits(text: [u8; 8]) -> Option<i64> {
    let word = u64::from_le_bytes(text);
    let digits = word.wrapping_sub(0x3030_3030_3030_3030);
    // The high bit of a byte is set where it is below `0`, or above `9`.
    let outside = digits | word.wrapping_add(0x4646_4646_4646_4646) | word;
    if outside & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours become numbers of two digits, then of four, then of eight.
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((quads.wrapping_mul(10_000).wrapping_add(quads >> 32) & 0xffff_ffff) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{ParseOptions, parse_line};
    use crate::{Labels, Metadata};

    /// A line read the short way.
    #[derive(Debug, PartialEq)]
    struct Plain {
        tick: i64,
        location: i64,
        elevation: i64,
        series: Option<String>,
        value: TextValue<'static>,
    }

    fn short(text: &[u8]) -> Option<(Plain, usize)> {
        let head = PlainHead::scan(text)?;
        let rest = &text[head.length..];
        let length = if head.continues { 0 } else { scan_series(rest)? };
        let series = (!head.continues).then(|| String::from_utf8_lossy(&rest[..length]).into());
        let start = head.length + length + usize::from(!head.continues);
        let (value, end) = scan_number(&text[start..])?;
        let PlainHead { tick, location, elevation, .. } = head;
        let location = plain_location(location)?;
        Some((Plain { tick, location, elevation, series, value }, start + end))
    }

    fn long(line: &[u8]) -> Option<Plain> {
        let previous = Metadata::new("p", Labels::new());
        let line = std::str::from_utf8(line).ok()?.trim_matches(|c| c <= ' ');
        let line = parse_line(line.as_bytes(), Some(&previous), &ParseOptions::default()).ok()?;
        if line.series.is_some_and(|series| series.has_attributes()) {
            return None;
        }
        let value = match line.value {
            TextValue::Long(long) => TextValue::Long(long),
            TextValue::Decimal(decimal) => TextValue::Decimal(decimal),
            TextValue::Double(double) => TextValue::Double(double),
            _ => return None,
        };
        let series = line.series.map(|series| String::from_utf8_lossy(series.identity()).into());
        let (tick, location, elevation) = (line.tick, line.location, line.elevation);
        Some(Plain { tick, location, elevation, series, value })
    }

    #[test]
    fn plain_lines_are_read() {
        for line in [
            "1700000000000000// c{} 1\n",
            "=1// 5\n",
            "=-1// -5\r\n",
            "12345678/48.0:-4.5/-7 c{a=b} 3.25\n",
            "1/90:-180/ c{a=b,c=%20} 123456789.123456789\n",
            "123456789012345678// c{} 123456789012345678\n",
            "1// c{} 1.\n",
        ] {
            let (plain, length) = short(line.as_bytes()).expect(line);
            assert_eq!((Some(plain), length), (long(line.as_bytes()), line.len()), "{line}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        for line in [
            "// c{} 1\n",
            "T5// c{} 1\n",
            "1// c{}  1\n",
            "1//  c{} 1\n",
            "1// c{}{} 1\n",
            "1// c{} 1 \n",
            "1// c{} 1",
            "1// c{} T\n",
            "1// c{} 'a'\n",
            "1// c{} 1e5\n",
            "1// c{} .5\n",
            "1// c{} +1\n",
            "1// c{} 1\r1\n",
            "1/\n/ c{} 1\n",
            "1// c\n{} 1\n",
            "1// c{\n} 1\n",
            " 1// c{} 1\n",
            "#1// c{} 1\n",
            "1// 1\n",
            "=1// \n",
            "",
            "1// c{} 1234567890123456789\n",
            "1// c{} -0.00000000000000\n",
            "=1//",
        ] {
            assert_eq!(short(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_ends_where_the_long_way_ends(
            start in "=?-?[0-9]{1,20}/(-?[0-9]{1,2}(\\.[0-9]{1,9})?:-?[0-9]{1,3}\\.[0-9]{0,20})?/(-?[0-9]{1,19})?",
            series in "( [a-zé%{]{0,3}\\{[a-z=,}é]{0,4}\\}(\\{\\})?)?",
            value in " -?[0-9]{0,18}(\\.[0-9]{0,18})?",
            end in "\n|\r\n|\r|",
        ) {
            let line = format!("{start}{series}{value}{end}");
            if let Some((plain, length)) = short(line.as_bytes()) {
                prop_assert_eq!(length, line.len());
                prop_assert_eq!(Some(plain), long(line.as_bytes()));
            }
        }

        #[test]
        fn anything_is_plain_or_not(text in "[=/ {}:.\r\n0-9a-]{0,40}") {
            if let Some((plain, length)) = short(text.as_bytes()) {
                prop_assert_eq!(Some(plain), long(&text.as_bytes()[..length]));
            }
        }

        #[test]
        fn eight_digits_are_a_number(text: [u8; 8], number in 0i64..100_000_000) {
            prop_assert_eq!(eight_digits(format!("{number:08}").as_bytes().try_into()?), Some(number));
            if !text.iter().all(u8::is_ascii_digit) {
                prop_assert_eq!(eight_digits(text), None);
            }
        }
    }
}
