//! Order-preserving Base64: encoded texts sort like the bytes they stand for.
//!
//! The alphabet is in ASCII order and there is no padding. Six bits a character, most significant
//! first; the bits that the last character has too many are zero.

/// The 64 characters, in order.
const ALPHABET: &[u8; 64] = b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// What [`VALUES`] holds for bytes that are not of the alphabet.
const INVALID: u8 = 0xff;

/// The value of each character.
const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Two characters for each twelve bits.
const PAIRS: &[[u8; 2]; 1 << 12] = &{
    let mut pairs = [[0; 2]; 1 << 12];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [ALPHABET[bits >> 6], ALPHABET[bits & 0x3f]];
        bits += 1;
    }
    pairs
};

/// A text that is not order-preserving Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte 0x{byte:02x} at {position} is not of the order-preserving Base64 alphabet")]
pub struct Opb64Error {
    /// Where, in bytes from the start.
    pub position: usize,
    /// What.
    pub byte: u8,
}

/// Encodes `data`.
pub fn encode(data: &[u8]) -> String {
    let mut out = Vec::with_capacity(encoded_len(data.len()));
    encode_into(&mut out, data);
    out.into_iter().map(char::from).collect()
}

/// Appends the encoding of `data`.
pub fn encode_into(out: &mut Vec<u8>, data: &[u8]) {
    let (groups, rest) = data.as_chunks::<3>();
    let start = out.len();
    out.resize(start + 4 * groups.len(), 0);
    let (characters, _) = out[start..].as_chunks_mut::<4>();
    for (characters, &[first, second, third]) in characters.iter_mut().zip(groups) {
        let group = u32::from_be_bytes([0, first, second, third]) as usize;
        let (left, right) = (PAIRS[group >> 12], PAIRS[group & 0xfff]);
        *characters = [left[0], left[1], right[0], right[1]];
    }
    if !rest.is_empty() {
        let mut group = [0; 4];
        group[1..=rest.len()].copy_from_slice(rest);
        let group = u32::from_be_bytes(group);
        for index in 0..=rest.len() {
            out.push(ALPHABET[(group >> (18 - 6 * index) & 0x3f) as usize]);
        }
    }
}

/// How long the encoding of `len` bytes is.
pub const fn encoded_len(len: usize) -> usize {
    len.saturating_mul(4).div_ceil(3)
}

/// Decodes `text`. Bits that do not make a whole byte at the end are dropped.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Opb64Error> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for (position, &byte) in text.iter().enumerate() {
        let value = VALUES[usize::from(byte)];
        if value == INVALID {
            return Err(Opb64Error { position, byte });
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_bytes_are_named() {
        let error = decode(b"A+").expect_err("no such character");
        assert_eq!(error, Opb64Error { position: 1, byte: b'+' });
    }

    proptest! {
        #[test]
        fn round_trip(data in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = encode(&data);
            prop_assert_eq!(text.len(), encoded_len(data.len()));
            prop_assert_eq!(decode(text.as_bytes()), Ok(data));
        }

        #[test]
        fn order_is_preserved(
            a in prop::collection::vec(any::<u8>(), 0..20),
            b in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
        }

        #[test]
        fn arbitrary_text_never_panics(text in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = decode(&text);
        }
    }
}
