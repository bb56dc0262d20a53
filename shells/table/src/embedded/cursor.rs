//! Reads what files hold; nothing of it is believed before it is checked.

use weft_gts::varint;

/// Bytes that cannot be what was written, and what about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged(pub(super) &'static str);

/// A place in bytes.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> Cursor<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damaged> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8], Damaged> {
        let end = self.position.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        self.position += taken.map_or(0, <[u8]>::len);
        taken.ok_or(Damaged("it ends too early"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Damaged> {
        varint::read_unsigned(self.bytes, &mut self.position)
            .map_err(|_| Damaged("a number that is none"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        varint::read_signed(self.bytes, &mut self.position)
            .map_err(|_| Damaged("a number that is none"))
    }

    /// A length or count; never more than there could be in the bytes of a block.
    pub(super) fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        if length > LENGTH_MAX { Err(Damaged("a length beyond bounds")) } else { Ok(length) }
    }
}

/// No part of a file that is read at once is longer.
pub(super) const LENGTH_MAX: usize = 256 << 20;
