//! Binaries as text: `b64:` and `hex:` values.

use crate::text::error::Cause;

/// Decodes base 64, forgivingly: either alphabet, characters of neither skipped, done at the first
/// `=`, odd bits at the end dropped.
pub fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in text.iter().take_while(|&&byte| byte != b'=') {
        let Some(sextet) = sextet(byte) else { continue };
        bits = bits << 6 | sextet;
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => {}
    }
    out
}

/// Appends `bytes` in the URL-safe alphabet, without padding.
pub fn encode_base64url_into(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes(group);
        for index in 0..=chunk.len() {
            out.push(ALPHABET[(group >> (18 - 6 * index) & 0x3f) as usize]);
        }
    }
}

/// Decodes pairs of hexadecimal digits.
pub(crate) fn decode_hexadecimal(text: &[u8]) -> Result<Vec<u8>, Cause> {
    // Java counts characters: text that is not ASCII may be odd there and is no digits anyway.
    if !crate::text::error::utf16_length(text).is_multiple_of(2) {
        return Err(Cause::OddHexadecimal);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Cause::Hexadecimal);
    text.chunks(2)
        .map(|pair| match *pair {
            [high, low] => Ok((digit(high)? << 4 | digit(low)?) as u8),
            _ => Err(Cause::Hexadecimal),
        })
        .collect()
}

const fn sextet(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_read_forgivingly() {
        for (text, bytes) in [
            ("AQIDBA==", &[1, 2, 3, 4][..]),
            ("AQIDBA", &[1, 2, 3, 4]),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
            ("A Q!=AQ", &[1]),
            ("A", &[]),
            ("!!", &[]),
        ] {
            assert_eq!(decode_base64(text.as_bytes()), bytes, "{text}");
        }
    }

    #[test]
    fn hexadecimal_comes_in_pairs() {
        assert_eq!(decode_hexadecimal(b"deadBEEF"), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
        assert_eq!(decode_hexadecimal(b"dea"), Err(Cause::OddHexadecimal));
        assert_eq!(decode_hexadecimal(b"zz"), Err(Cause::Hexadecimal));
        assert_eq!(decode_hexadecimal("é0".as_bytes()), Err(Cause::Hexadecimal));
    }

    proptest! {
        #[test]
        fn base64_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut text = Vec::new();
            encode_base64url_into(&mut text, &bytes);
            prop_assert_eq!(decode_base64(&text), bytes);
        }
    }
}
