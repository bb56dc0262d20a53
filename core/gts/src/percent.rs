//! Percent-encoding of names and texts, as Java's `URLEncoder` and `URLDecoder` do it, but with
//! `%20` for a blank and with `+` standing for itself.
//!
//! Left as they are: ASCII letters and digits, `-`, `_`, `.` and `*`. Everything else is written as
//! the `%XX` of its UTF-8 bytes. Reading is lenient where Java is: bytes that are no UTF-8 become
//! U+FFFD, and the two digits may be any of Unicode's. Messages are Java's, for they reach users.

use std::borrow::Cow;

use crate::utf8;

/// Bytes that are written as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        plain[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*');
        byte += 1;
    }
    plain
};

/// Why a text cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// A `%` with less than two characters behind it.
    #[error("URLDecoder: Incomplete trailing escape (%) pattern")]
    Incomplete,
    /// The characters behind a `%` are no number.
    #[error(
        "URLDecoder: Illegal hex characters in escape (%) pattern - Error at index {index} in: \
         \"{digits}\""
    )]
    NotHexadecimal {
        /// Which of the characters, 0 or 1.
        index: usize,
        /// The two characters.
        digits: String,
    },
    /// The characters behind a `%` are a negative number.
    #[error("URLDecoder: Illegal hex characters in escape (%) pattern - negative value")]
    Negative,
}

/// Appends `text`, encoded.
pub fn encode_into(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut rest = text.as_bytes();
    while let Some(end) = rest.iter().position(|&byte| !PLAIN[usize::from(byte)]) {
        let byte = rest[end];
        out.extend_from_slice(&rest[..end]);
        out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
}

/// `text`, encoded.
pub fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| PLAIN[usize::from(byte)]) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 8);
    encode_into(&mut out, text);
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// `text`, decoded; borrowed when it holds no `%`.
pub fn decode(text: &str) -> Result<Cow<'_, str>, PercentError> {
    match memchr::memchr(b'%', text.as_bytes()) {
        None => Ok(Cow::Borrowed(text)),
        Some(first) => decode_from(text, first).map(Cow::Owned),
    }
}

/// [`decode`] of bytes that should be UTF-8.
pub(crate) fn decode_bytes(bytes: &[u8]) -> Result<Cow<'_, str>, PercentError> {
    match utf8::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => decode(text),
        Cow::Owned(text) => Ok(Cow::Owned(decode(&text)?.into_owned())),
    }
}

fn decode_from(text: &str, first: usize) -> Result<String, PercentError> {
    let (plain, mut rest) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(plain.as_bytes());
    while let Some(escaped) = rest.strip_prefix('%') {
        let (byte, behind) = decode_escape(escaped)?;
        out.push(byte);
        let end = memchr::memchr(b'%', behind.as_bytes()).unwrap_or(behind.len());
        let (plain, next) = behind.split_at(end);
        out.extend_from_slice(plain.as_bytes());
        rest = next;
    }
    // What was there before decoding is UTF-8, so only runs of escapes can need repair.
    Ok(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => utf8::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The byte that the two characters at the start of `text` stand for, and the text behind them.
fn decode_escape(text: &str) -> Result<(u8, &str), PercentError> {
    if let [a, b, ..] = text.as_bytes()
        && let (Some(a), Some(b)) = (char::from(*a).to_digit(16), char::from(*b).to_digit(16))
    {
        return Ok(((a * 16 + b) as u8, &text[2..]));
    }
    decode_odd_escape(text)
}

/// [`decode_escape`] for all that is not two ASCII digits.
#[cold]
fn decode_odd_escape(text: &str) -> Result<(u8, &str), PercentError> {
    let mut chars = text.chars();
    let (Some(a), b) = (chars.next(), chars.next()) else {
        return Err(PercentError::Incomplete);
    };
    // Java replaces `+` by `%2B` first, and counts characters above U+FFFF as two.
    let (a, b) = match (a, b) {
        ('+', _) => ('%', '2'),
        (a, Some('+')) => (a, '%'),
        (a, Some(b)) => (a, b),
        (a, None) if a.len_utf16() == 2 => (a, '?'),
        (_, None) => return Err(PercentError::Incomplete),
    };
    let bad = |index| {
        let digits = match (a.len_utf16(), b.len_utf16()) {
            (2, _) => a.to_string(),
            (_, 2) => format!("{a}?"),
            _ => format!("{a}{b}"),
        };
        PercentError::NotHexadecimal { index, digits }
    };
    let low = java_digit(b, 16).ok_or_else(|| bad(1));
    if a == '-' {
        return if low? == 0 { Ok((0, chars.as_str())) } else { Err(PercentError::Negative) };
    }
    let high = java_digit(a, 16).ok_or_else(|| bad(0))?;
    Ok(((high * 16 + low?) as u8, chars.as_str()))
}

/// The zeros of the decimal digits that Java 17 knows in the basic multilingual plane, ASCII aside.
const ZEROS: [u16; 36] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/// Java's `Character.digit`, for one UTF-16 unit.
pub(crate) fn java_digit(c: char, radix: u32) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(radix);
    }
    let unit = u16::try_from(u32::from(c)).ok()?;
    let letter = match unit {
        0xff21..=0xff3a => Some(0xff21),
        0xff41..=0xff5a => Some(0xff41),
        _ => None,
    };
    let digit = match letter {
        Some(first) => u32::from(unit - first) + 10,
        None => {
            let zero = ZEROS[..ZEROS.partition_point(|&zero| zero <= unit)].last()?;
            Some(u32::from(unit - zero)).filter(|&digit| digit < 10)?
        }
    };
    Some(digit).filter(|&digit| digit < radix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decoding_agrees_with_java() {
        let not_hexadecimal = |index, digits: &str| {
            Err(PercentError::NotHexadecimal { index, digits: digits.to_owned() })
        };
        for (text, decoded) in [
            ("a b+c", Ok("a b+c")),
            ("%41%42", Ok("AB")),
            ("%C3%a9", Ok("é")),
            ("é%C3%A9", Ok("éé")),
            ("%C3+%28", Ok("\u{fffd}+(")),
            ("%-0", Ok("\0")),
            ("%\u{661}\u{662}", Ok("\u{12}")),
            ("%\u{ff21}\u{ff41}", Ok("\u{fffd}")),
            ("%-1", Err(PercentError::Negative)),
            ("%", Err(PercentError::Incomplete)),
            ("a%4", Err(PercentError::Incomplete)),
            ("%C3%", Err(PercentError::Incomplete)),
            ("%4g", not_hexadecimal(1, "4g")),
            ("%g4", not_hexadecimal(0, "g4")),
            ("%--", not_hexadecimal(1, "--")),
            ("%+1", not_hexadecimal(0, "%2")),
            ("%4+", not_hexadecimal(1, "4%")),
            ("%😀", not_hexadecimal(0, "😀")),
            ("%4😀", not_hexadecimal(1, "4?")),
        ] {
            assert_eq!(decode(text).as_deref(), decoded.as_ref().map(|&text| text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(&encoded).unwrap(), text.as_str());
        }

        #[test]
        fn anything_is_decoded_or_refused(text in "[%+0-9a-z-]{0,12}|.*") {
            let _ = decode(&text);
        }
    }
}
