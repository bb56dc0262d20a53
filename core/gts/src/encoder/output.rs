//! The growing bytes of an encoder.

use crate::layout::VARINT_LIMIT;
use crate::varint;

/// How many bytes a [`Window`] shows: the numbers of a datapoint, and room behind them, so that
/// short numbers can be written as whole words.
pub(super) const WINDOW_LENGTH: usize = 64;

/// Bytes with zeroed room behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    /// What is written, and zeros.
    bytes: Vec<u8>,
    length: usize,
}

/// The place where the numbers of the next datapoint go.
///
/// They are stored as words and the length moves on by what counts, which spares a call to
/// `memcpy` for each; and the fixed size keeps checks of bounds cheap.
pub(super) struct Window<'o> {
    bytes: &'o mut [u8; WINDOW_LENGTH],
    length: usize,
}

impl Output {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity], length: 0 }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), length: bytes.len() }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        bytes.truncate(self.length);
        bytes
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Forgets what is written and keeps the room.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Makes room for a window and `additional` bytes behind it, and shows the window.
    #[inline]
    pub(super) fn window(&mut self, additional: usize) -> Window<'_> {
        if self.bytes.len() - self.length < WINDOW_LENGTH + additional {
            self.grow(WINDOW_LENGTH + additional);
        }
        match self.bytes[self.length..].first_chunk_mut() {
            Some(bytes) => Window { bytes, length: 0 },
            None => unreachable!("room for the window was made"),
        }
    }

    #[cold]
    fn grow(&mut self, additional: usize) {
        let needed = self.length + additional;
        self.bytes.resize(needed.max(2 * self.bytes.len()), 0);
    }

    /// Keeps `count` bytes that were written through a window.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.length += count;
    }

    /// Appends bytes as they are.
    pub(super) fn put(&mut self, slice: &[u8]) {
        if self.bytes.len() - self.length < slice.len() {
            self.grow(slice.len());
        }
        self.bytes[self.length..self.length + slice.len()].copy_from_slice(slice);
        self.length += slice.len();
    }
}

impl Window<'_> {
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Leaves `count` bytes out, to be filled by [`Window::set`].
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.length += count;
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize, byte: u8) {
        self.bytes[index] = byte;
    }

    #[inline(always)]
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    #[inline(always)]
    pub(super) fn put_raw(&mut self, value: u64) {
        self.put_word(value.swap_bytes(), 8);
    }

    #[inline(always)]
    pub(super) fn put_signed(&mut self, value: i64) {
        self.put_unsigned(varint::zigzag(value));
    }

    #[inline(always)]
    pub(super) fn put_unsigned(&mut self, value: u64) {
        match varint::encode_word(value) {
            Some((word, count)) => self.put_word(word, count),
            None => self.put_long(value),
        }
    }

    #[inline(always)]
    fn put_word(&mut self, word: u64, count: usize) {
        self.bytes[self.length..self.length + 8].copy_from_slice(&word.to_le_bytes());
        self.length += count;
    }

    #[cold]
    fn put_long(&mut self, value: u64) {
        let (bytes, count) = varint::encode(value);
        self.bytes[self.length..self.length + count].copy_from_slice(&bytes[..count]);
        self.length += count;
    }
}

/// Whether a number is small enough for a varint to be shorter than eight bytes.
///
/// `i64::MIN` has no magnitude in Java, so there it counts as small; bytes follow from that.
#[inline]
pub(super) const fn is_short(value: i64) -> bool {
    value.wrapping_abs() < VARINT_LIMIT
}
