//! Texts that may not be UTF-8, read as Java reads them.

use std::borrow::Cow;

/// The text in `bytes`, with U+FFFD for what is not UTF-8.
///
/// Differs from [`String::from_utf8_lossy`] in one point: an encoded surrogate is one malformed
/// character, as in Java, and not two or three.
pub fn from_utf8_lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(repair(bytes)),
    }
}

#[cold]
fn repair(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        rest = &rest[chunk.valid().len()..];
        let surrogate = match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => 0,
        };
        rest = &rest[chunk.invalid().len().max(surrogate)..];
    }
    text
}

/// The characters of `text` as ISO-8859-1, `?` for those it does not have.
pub fn to_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// The text whose characters are `bytes` read as ISO-8859-1.
pub fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Whether `bytes` read as ISO-8859-1 are `text`.
pub fn is_latin1(text: &str, bytes: &[u8]) -> bool {
    text.chars().eq(bytes.iter().map(|&byte| char::from(byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_text_is_repaired() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            ("caf\u{e9} \u{1f600}".as_bytes(), "caf\u{e9} \u{1f600}"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xc3", "\u{fffd}"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xed\xa0\x80x", "\u{fffd}x"),
            (b"\xed\xa0x", "\u{fffd}x"),
            (b"\xed\xbf", "\u{fffd}"),
            (b"\xed\xa0\x80\xed\xb0\x80", "\u{fffd}\u{fffd}"),
            (b"\xf4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(from_utf8_lossy(bytes), text, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn latin1_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let text = from_latin1(&bytes);
            prop_assert!(is_latin1(&text, &bytes));
            prop_assert_eq!(to_latin1(&text), bytes);
        }

        #[test]
        fn repair_ends_and_keeps_what_is_valid(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(from_utf8_lossy(&bytes).chars().count() <= bytes.len());
        }
    }
}
