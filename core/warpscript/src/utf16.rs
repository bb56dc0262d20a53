//! Texts by UTF-16 units, as the language counts them.

/// How many units a text has.
pub(crate) fn len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The units from `from` up to `to`; half a character becomes U+FFFD.
pub(crate) fn slice(text: &str, from: usize, to: usize) -> String {
    if text.is_ascii() {
        return text.get(from..to).unwrap_or_default().to_owned();
    }
    let count = to.saturating_sub(from);
    let units: Vec<u16> = text.encode_utf16().skip(from).take(count).collect();
    String::from_utf16_lossy(&units)
}

/// The unit at which the byte `byte` of a text stands.
pub(crate) fn of_byte(text: &str, byte: usize) -> usize {
    len(text.get(..byte).unwrap_or(text))
}

/// The byte at which a unit starts; inside of a character, the byte behind it.
pub(crate) fn to_byte(text: &str, unit: usize) -> usize {
    if text.is_ascii() {
        return unit.min(text.len());
    }
    let mut at = 0;
    for (byte, c) in text.char_indices() {
        if at >= unit {
            return byte;
        }
        at += c.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_bytes() {
        assert_eq!(len("a😀é"), 4);
        assert_eq!(slice("a😀é", 1, 3), "😀");
        assert_eq!(slice("abc", 1, 9), "");
        assert_eq!(of_byte("a😀é", 5), 3);
        assert_eq!(to_byte("a😀é", 3), 5);
        assert_eq!(to_byte("ab", 7), 2);
    }
}
