//! Variable-length integers: little-endian groups of seven bits, the top bit says that more follow
//! (LEB128), signed ones zig-zag encoded first.
//!
//! A 64-bit integer takes one to ten bytes. Those of up to 56 bits are read and written as one
//! 8-byte word: short ones by branches on their length, which data is regular enough to predict,
//! longer ones by spreading and gathering groups of bits.

/// The most bytes one integer takes.
pub const VARINT_LENGTH_MAX: usize = 10;

/// Integers below are encoded as one 8-byte word.
const WORD_LIMIT: u64 = 1 << 56;

/// The bits that say that more bytes follow.
const CONTINUATIONS: u64 = 0x8080_8080_8080_8080;

/// Why bytes are no variable-length integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VarintError {
    /// The bytes end before the integer does.
    #[error("the bytes end inside a variable-length integer")]
    Truncated,
    /// More than ten bytes.
    #[error("a variable-length integer is longer than ten bytes")]
    TooLong,
}

/// Interleaves negative and positive integers so that small ones of either sign stay short.
#[inline]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Reverts [`zigzag`].
#[inline]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends an unsigned integer.
pub fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    let (bytes, length) = encode(value);
    out.extend_from_slice(&bytes[..length]);
}

/// Appends a signed integer.
pub fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, zigzag(value));
}

/// Reads an unsigned integer at `position`, and moves `position` behind it.
///
/// On an error `position` stays. Bits beyond the 64th are dropped, as Warp 10 drops them.
#[inline(always)]
pub fn read_unsigned(bytes: &[u8], position: &mut usize) -> Result<u64, VarintError> {
    let rest = bytes.get(*position..).unwrap_or_default();
    let Some(&word) = rest.first_chunk() else { return read_slowly(rest, position) };
    let word = u64::from_le_bytes(word);
    // The groups up to the one without a continuation bit, and how many bytes they take. Lengths
    // that hardly change, as those of the distances of ticks, are predicted: the processor goes on
    // to what comes behind this integer before it has computed it.
    let group = |index: u32| (word & (0x7f << (8 * index))) >> index;
    let (value, length) = if word & 0x80 == 0 {
        (group(0), 1)
    } else if word & 0x8000 == 0 {
        (group(0) | group(1), 2)
    } else if word & 0x80_0000 == 0 {
        (group(0) | group(1) | group(2), 3)
    } else if word & 0x8000_0000 == 0 {
        (group(0) | group(1) | group(2) | group(3), 4)
    } else {
        let ends = !word & CONTINUATIONS;
        if ends == 0 {
            return read_slowly(rest, position);
        }
        (gather(word & (ends ^ (ends - 1))), ends.trailing_zeros() as usize / 8 + 1)
    };
    *position += length;
    Ok(value)
}

/// Reads a signed integer at `position`, and moves `position` behind it.
#[inline(always)]
pub fn read_signed(bytes: &[u8], position: &mut usize) -> Result<i64, VarintError> {
    read_unsigned(bytes, position).map(unzigzag)
}

/// The integer near the end of the bytes, or of more than eight bytes.
#[cold]
fn read_slowly(rest: &[u8], position: &mut usize) -> Result<u64, VarintError> {
    let mut value = 0;
    for (index, &byte) in rest.iter().take(VARINT_LENGTH_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *position += index + 1;
            return Ok(value);
        }
    }
    Err(if rest.len() < VARINT_LENGTH_MAX { VarintError::Truncated } else { VarintError::TooLong })
}

/// The bytes of an integer, and how many of them count.
#[inline]
pub(crate) fn encode(value: u64) -> ([u8; VARINT_LENGTH_MAX], usize) {
    let mut bytes = [0; VARINT_LENGTH_MAX];
    let length;
    if let Some((word, count)) = encode_word(value) {
        bytes[..8].copy_from_slice(&word.to_le_bytes());
        length = count;
    } else {
        // Nine or ten bytes: eight full groups, then the rest.
        bytes[..8]
            .copy_from_slice(&(spread(value & (WORD_LIMIT - 1)) | CONTINUATIONS).to_le_bytes());
        let rest = (value >> 56) as u8;
        length = if rest < 0x80 { 9 } else { 10 };
        bytes[8] = rest;
        bytes[9] = u8::from(length == 10);
    }
    (bytes, length)
}

/// An integer of up to 56 bits as a little-endian word, and how many of its bytes count.
#[inline(always)]
pub(crate) fn encode_word(value: u64) -> Option<(u64, usize)> {
    let group = |index: u32| (value & (0x7f << (7 * index))) << index;
    if value < 1 << 7 {
        Some((value, 1))
    } else if value < 1 << 14 {
        Some((group(0) | 0x80 | group(1), 2))
    } else if value < 1 << 21 {
        Some((group(0) | group(1) | 0x8080 | group(2), 3))
    } else if value < 1 << 28 {
        Some((group(0) | group(1) | group(2) | 0x80_8080 | group(3), 4))
    } else if value < WORD_LIMIT {
        let length = (value.ilog2() / 7 + 1) as usize;
        let continuations = CONTINUATIONS & ((1 << (8 * (length - 1))) - 1);
        Some((spread(value) | continuations, length))
    } else {
        None
    }
}

/// Spreads 56 bits over eight bytes of seven.
#[inline]
const fn spread(value: u64) -> u64 {
    let value = (value & 0x0fff_ffff) | ((value << 4) & 0x0fff_ffff_0000_0000);
    let value = (value & 0x0000_3fff_0000_3fff) | ((value << 2) & 0x3fff_0000_3fff_0000);
    (value & 0x007f_007f_007f_007f) | ((value << 1) & 0x7f00_7f00_7f00_7f00)
}

/// Reverts [`spread`]; top bits are ignored.
#[inline]
const fn gather(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn check(value: u64) {
        let mut bytes = Vec::new();
        write_unsigned(&mut bytes, value);
        assert_eq!(bytes, plain(value));
        // At the end of the bytes, and with bytes of any kind behind.
        for tail in [&[][..], &[0; 12], &[0xff; 12]] {
            let (mut long, mut position) = (bytes.clone(), 0);
            long.extend_from_slice(tail);
            assert_eq!(read_unsigned(&long, &mut position), Ok(value));
            assert_eq!(position, bytes.len());
        }
        for cut in 0..bytes.len() {
            let mut position = 0;
            let got = read_unsigned(&bytes[..cut], &mut position);
            assert_eq!((got, position), (Err(VarintError::Truncated), 0));
        }
    }

    #[test]
    fn every_length() {
        for bit in 0..64 {
            check(1 << bit);
            check((1 << bit) - 1);
        }
        check(u64::MAX);
    }

    #[test]
    fn more_than_ten_bytes_are_refused() {
        assert_eq!(read_unsigned(&[0x80; 10], &mut 0), Err(VarintError::TooLong));
        assert_eq!(read_unsigned(&[0x80; 11], &mut 0), Err(VarintError::TooLong));
        assert_eq!(read_unsigned(&[0x80; 9], &mut 0), Err(VarintError::Truncated));
        assert_eq!(read_unsigned(&[], &mut 5), Err(VarintError::Truncated));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in any::<u64>(), shift in 0u32..64) {
            check(value >> shift);
        }

        #[test]
        fn signs_survive(value in any::<i64>(), shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            write_signed(&mut bytes, value);
            prop_assert_eq!(read_signed(&bytes, &mut 0), Ok(value));
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
