//! The buffers a decoder reads: the bytes it was given, and encrypted chunks as they are opened.

use super::point::{Reader, TextAt};

/// Index of the bytes that the decoder was given.
const ROOT: u32 = 0;

/// The buffers of a decoder. Opened ones live as long as the decoder, because later datapoints may
/// repeat a text that is in them; together they are no longer than the encrypted bytes.
#[derive(Clone, Debug)]
pub(super) struct Sources<'a> {
    root: &'a [u8],
    /// Index 1 and up.
    opened: Vec<Vec<u8>>,
    /// Where to go on when the current buffer ends.
    suspended: Vec<(u32, usize)>,
    current: u32,
}

impl<'a> Sources<'a> {
    pub(super) const fn new(root: &'a [u8]) -> Self {
        Self { root, opened: Vec::new(), suspended: Vec::new(), current: ROOT }
    }

    /// Keeps `bytes` without reading them: the text of a remembered datapoint.
    pub(super) fn keep(&mut self, bytes: Vec<u8>) -> u32 {
        self.opened.push(bytes);
        self.opened.len() as u32
    }

    /// Turns to `bytes`; when they end, goes on at `position` of the buffer that was current.
    pub(super) fn enter(&mut self, bytes: Vec<u8>, position: usize) {
        self.suspended.push((self.current, position));
        self.current = self.keep(bytes);
    }

    /// Returns to the buffer before the current one, and says where to go on in it.
    pub(super) fn leave(&mut self) -> Option<usize> {
        let (source, position) = self.suspended.pop()?;
        self.current = source;
        Some(position)
    }

    /// Makes one buffer of what is left of the current one, from `position` on, and of the one
    /// before it. `false` when there is none before.
    pub(super) fn join(&mut self, position: usize) -> bool {
        let Some((parent, resumed)) = self.suspended.pop() else {
            return false;
        };
        let joined = [&self.bytes()[position..], &self.get(parent)[resumed..]].concat();
        self.current = self.keep(joined);
        true
    }

    /// The current buffer.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.get(self.current)
    }

    /// A reader of the current buffer.
    #[inline]
    pub(super) fn reader(&self, position: usize) -> Reader<'_> {
        Reader { bytes: self.bytes(), position, source: self.current }
    }

    /// Everything from `position` of the current buffer on, through all suspended ones.
    pub(super) fn rest(&self, position: usize) -> Vec<u8> {
        let mut rest = self.bytes()[position..].to_vec();
        for &(source, position) in self.suspended.iter().rev() {
            rest.extend_from_slice(&self.get(source)[position..]);
        }
        rest
    }

    /// The bytes of a text.
    #[inline]
    pub(super) fn text(&self, at: TextAt) -> &[u8] {
        &self.get(at.source)[at.start..at.end]
    }

    #[inline]
    fn get(&self, source: u32) -> &[u8] {
        match source {
            ROOT => self.root,
            opened => &self.opened[opened as usize - 1],
        }
    }
}
