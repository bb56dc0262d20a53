//! The growing bytes of an encoder.

use crate::layout::VARINT_LIMIT;
use crate::varint;

/// Room that is there beyond what was reserved, so that short numbers can be written as words.
const SLACK: usize = 8;

/// The smallest allocation.
const CAPACITY_MIN: usize = 64;

/// Bytes with room behind them: numbers are stored as whole words and the length moves on by what
/// counts, which spares a call to `memcpy` for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    /// What is written, and zeros.
    bytes: Vec<u8>,
    length: usize,
}

impl Output {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity],
            length: 0,
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            length: bytes.len(),
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        bytes.truncate(self.length);
        bytes
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Forgets what is written and keeps the room.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Makes room for `additional` bytes. Everything that is put must have been reserved.
    #[inline]
    pub(super) fn reserve(&mut self, additional: usize) {
        if self.bytes.len() - self.length < additional + SLACK {
            self.grow(additional);
        }
    }

    #[cold]
    fn grow(&mut self, additional: usize) {
        let needed = self.length + additional + SLACK;
        self.bytes
            .resize(needed.max(2 * self.bytes.len()).max(CAPACITY_MIN), 0);
    }

    #[inline]
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Leaves `count` bytes out, to be filled by [`Output::set`].
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.length += count;
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize, byte: u8) {
        self.bytes[index] = byte;
    }

    #[inline]
    pub(super) fn put_raw(&mut self, value: u64) {
        self.bytes[self.length..self.length + 8].copy_from_slice(&value.to_be_bytes());
        self.length += 8;
    }

    #[inline]
    pub(super) fn put_signed(&mut self, value: i64) {
        self.put_unsigned(varint::zigzag(value));
    }

    #[inline]
    pub(super) fn put_unsigned(&mut self, value: u64) {
        if let Some((word, count)) = varint::encode_word(value) {
            self.bytes[self.length..self.length + 8].copy_from_slice(&word.to_le_bytes());
            self.length += count;
        } else {
            let (bytes, count) = varint::encode(value);
            self.put_slice(&bytes[..count]);
        }
    }

    #[inline]
    pub(super) fn put_slice(&mut self, slice: &[u8]) {
        self.bytes[self.length..self.length + slice.len()].copy_from_slice(slice);
        self.length += slice.len();
    }
}

/// Whether a number is small enough for a varint to be shorter than eight bytes.
///
/// `i64::MIN` has no magnitude in Java, so there it counts as small; bytes follow from that.
#[inline]
pub(super) const fn is_short(value: i64) -> bool {
    value.wrapping_abs() < VARINT_LIMIT
}
