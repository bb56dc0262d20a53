//! Strings as bytes in a character set.

use super::push_bytes;
use crate::error::{Fault, Result};
use crate::machine::Machine;

/// The character sets that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Ascii,
    Latin1,
    Latin9,
    Utf8,
    /// Big endian unless a mark at the start says otherwise; written with one.
    Utf16,
    Utf16Be,
    Utf16Le,
    /// Big endian unless a mark at the start says otherwise; written without one.
    Utf32,
    Utf32Be,
    Utf32Le,
    Windows1252,
}

/// What Windows-1252 has at 0x80 to 0x9f; U+FFFD where it has nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
    '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}',
    'ž', 'Ÿ',
];

/// Where ISO-8859-15 differs from ISO-8859-1.
const LATIN_9: [(u8, char); 8] = [
    (0xa4, '€'),
    (0xa6, 'Š'),
    (0xa8, 'š'),
    (0xb4, 'Ž'),
    (0xb8, 'ž'),
    (0xbc, 'Œ'),
    (0xbd, 'œ'),
    (0xbe, 'Ÿ'),
];

impl Charset {
    fn find(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "UNICODE-1-1-UTF-8" => Self::Utf8,
            "US-ASCII" | "ASCII" | "ISO646-US" | "ISO_646.IRV:1991" | "ANSI_X3.4-1968"
            | "ANSI_X3.4-1986" | "CP367" | "IBM367" | "US" | "646" | "ASCII7"
            | "ISO_646.IRV:1983" => Self::Ascii,
            "ISO-8859-1" | "ISO8859_1" | "ISO8859-1" | "ISO_8859-1" | "ISO_8859_1" | "LATIN1"
            | "L1" | "CP819" | "IBM819" | "IBM-819" | "819" | "8859_1" | "ISO-IR-100"
            | "CSISOLATIN1" | "ISO_8859-1:1987" => Self::Latin1,
            "ISO-8859-15" | "ISO8859_15" | "ISO8859-15" | "ISO_8859-15" | "LATIN9" | "LATIN-9"
            | "L9" | "8859_15" | "CP923" | "IBM923" | "923" => Self::Latin9,
            "UTF-16" | "UTF16" | "UTF_16" | "UNICODE" | "UNICODEBIG" => Self::Utf16,
            "UTF-16BE" | "UTF_16BE" | "X-UTF-16BE" | "ISO-10646-UCS-2" | "UNICODEBIGUNMARKED" => {
                Self::Utf16Be
            }
            "UTF-16LE" | "UTF_16LE" | "X-UTF-16LE" | "UNICODELITTLEUNMARKED" => Self::Utf16Le,
            "UTF-32" | "UTF32" | "UTF_32" | "ISO-10646-UCS-4" => Self::Utf32,
            "UTF-32BE" | "UTF_32BE" | "X-UTF-32BE" => Self::Utf32Be,
            "UTF-32LE" | "UTF_32LE" | "X-UTF-32LE" => Self::Utf32Le,
            "WINDOWS-1252" | "CP1252" | "CP5348" | "IBM-1252" | "IBM1252" => Self::Windows1252,
            _ => return None,
        })
    }

    /// The byte of a character in a set of one byte a character.
    fn byte_of(self, c: char) -> Option<u8> {
        let code = c as u32;
        match self {
            Self::Ascii => (code < 0x80).then_some(code as u8),
            Self::Latin9 => {
                match LATIN_9.iter().find(|(byte, at)| *at == c || char::from(*byte) == c) {
                    Some((byte, at)) => (*at == c).then_some(*byte),
                    None => u8::try_from(code).ok(),
                }
            }
            Self::Windows1252 if code >= 0x80 => {
                match WINDOWS_1252.iter().position(|at| *at == c && c != '\u{fffd}') {
                    Some(index) => Some(0x80 + index as u8),
                    None => u8::try_from(code).ok().filter(|byte| *byte >= 0xa0),
                }
            }
            _ => u8::try_from(code).ok(),
        }
    }

    fn char_of(self, byte: u8) -> char {
        match (self, byte) {
            (Self::Ascii, 0x80..) => '\u{fffd}',
            (Self::Windows1252, 0x80..=0x9f) => WINDOWS_1252[usize::from(byte - 0x80)],
            (Self::Latin9, _) => {
                let other = LATIN_9.iter().find(|(at, _)| *at == byte);
                other.map_or_else(|| char::from(byte), |(_, c)| *c)
            }
            _ => char::from(byte),
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        let units = || text.encode_utf16();
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16 if text.is_empty() => Vec::new(),
            Self::Utf16 => [0xfeff].into_iter().chain(units()).flat_map(u16::to_be_bytes).collect(),
            Self::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
            Self::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
            Self::Utf32 | Self::Utf32Be => {
                text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect()
            }
            Self::Utf32Le => text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect(),
            _ => text.chars().map(|c| self.byte_of(c).unwrap_or(b'?')).collect(),
        }
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => weft_gts::utf8::from_utf8_lossy(bytes).into_owned(),
            Self::Utf16 => match bytes {
                [0xfe, 0xff, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
                [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
                rest => decode_utf16(rest, u16::from_be_bytes),
            },
            Self::Utf16Be => decode_utf16(bytes, u16::from_be_bytes),
            Self::Utf16Le => decode_utf16(bytes, u16::from_le_bytes),
            Self::Utf32 => match bytes {
                [0, 0, 0xfe, 0xff, rest @ ..] => decode_utf32(rest, u32::from_be_bytes),
                [0xff, 0xfe, 0, 0, rest @ ..] => decode_utf32(rest, u32::from_le_bytes),
                rest => decode_utf32(rest, u32::from_be_bytes),
            },
            Self::Utf32Be => decode_utf32(bytes, u32::from_be_bytes),
            Self::Utf32Le => decode_utf32(bytes, u32::from_le_bytes),
            _ => bytes.iter().map(|byte| self.char_of(*byte)).collect(),
        }
    }
}

fn decode_utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
    let mut text = String::from_utf16_lossy(&units);
    text.extend((!rest.is_empty()).then_some('\u{fffd}'));
    text
}

fn decode_utf32(bytes: &[u8], read: fn([u8; 4]) -> u32) -> String {
    let (groups, rest) = bytes.as_chunks::<4>();
    let read = |group: &[u8; 4]| char::from_u32(read(*group)).unwrap_or('\u{fffd}');
    let mut text: String = groups.iter().map(read).collect();
    text.extend((!rest.is_empty()).then_some('\u{fffd}'));
    text
}

fn unsupported(vm: &Machine, name: &str) -> Fault {
    vm.error(&format!("unsupported encoding '{name}'"))
}

pub(super) fn to_bytes(vm: &mut Machine) -> Result {
    let message = "operates on a String and expects a charset name on top of the stack.";
    let name = vm.pop_text(message)?;
    let text = vm.pop_text("operates on a String.")?;
    let charset = Charset::find(&name).ok_or_else(|| unsupported(vm, &name))?;
    vm.heap.claim(text.len().saturating_mul(4))?;
    vm.charge(text.len() / 8);
    push_bytes(vm, charset.encode(&text))
}

pub(super) fn from_bytes(vm: &mut Machine) -> Result {
    let message = "operates on a byte array and expects a charset name on top of the stack.";
    let name = vm.pop_text(message)?;
    let bytes = vm.pop_bytes("operates on a byte array.")?;
    let charset = Charset::find(&name).ok_or_else(|| unsupported(vm, &name))?;
    vm.heap.claim(bytes.len().saturating_mul(4))?;
    vm.charge(bytes.len() / 8);
    vm.push_string(charset.decode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_set_lacks_is_a_question_mark() {
        assert_eq!(Charset::Windows1252.encode("a€é\u{81}"), b"a\x80\xe9?");
        assert_eq!(Charset::Latin9.encode("€¤é"), b"\xa4?\xe9");
        assert_eq!(Charset::Latin9.decode(b"\xa4\xe9"), "€é");
        assert_eq!(Charset::Ascii.decode(b"a\xe9"), "a\u{fffd}");
        assert_eq!(Charset::Utf16.decode(&[0xff, 0xfe, 0x61, 0, 7]), "a\u{fffd}");
    }
}
