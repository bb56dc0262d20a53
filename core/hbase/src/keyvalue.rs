//! Cells, as cell blocks carry them: HBase's `KeyValue`, each behind its length.
//!
//! ```text
//! length: u32 | key length: u32 | value length: u32
//! | row length: u16 | row | family length: u8 | family | qualifier | timestamp: u64 | type: u8
//! | value [| tags]
//! ```
//!
//! A [`CellBlock`] is checked as a whole when it is made from bytes, so that its cells can be
//! looked at without a copy and without a doubt.

use bytes::{BufMut, Bytes, BytesMut};

/// What a cell does. Other types are read as they are, and never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// Writes a value.
    Put,
    /// Deletes the version with exactly the cell's timestamp.
    Delete,
    /// Deletes every version up to the cell's timestamp.
    DeleteColumn,
}

impl CellType {
    const fn byte(self) -> u8 {
        match self {
            Self::Put => 4,
            Self::Delete => 8,
            Self::DeleteColumn => 12,
        }
    }
}

/// A cell of a [`CellBlock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'b> {
    /// The key of its row.
    pub row: &'b [u8],
    /// Its column family.
    pub family: &'b [u8],
    /// Its column's name within the family.
    pub qualifier: &'b [u8],
    /// Milliseconds.
    pub timestamp: u64,
    /// As it is on the wire; 4 is a put.
    pub kind: u8,
    /// The value.
    pub value: &'b [u8],
}

/// Cells one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellBlock {
    bytes: Bytes,
    /// Where each begins: its length.
    starts: Vec<u32>,
}

/// Bytes that are no cells, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cell block that cannot be read: {0}")]
pub struct CellBlockError(&'static str);

/// The shortest cell: lengths, an empty row, family and qualifier, timestamp, type.
const CELL_LEN_MIN: usize = 8 + KEY_LEN_MIN;

/// Bytes of a key beside row, family and qualifier.
const KEY_LEN_MIN: usize = 2 + 1 + 8 + 1;

impl CellBlock {
    /// Checks `bytes`.
    pub fn parse(bytes: Bytes) -> Result<Self, CellBlockError> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(CellBlockError("it is longer than 4 GB"));
        }
        let (mut starts, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let length = u32_at(&bytes, at).ok_or(CellBlockError("it ends within a length"))?;
            let from = at + 4;
            let end = from.checked_add(length as usize).filter(|end| *end <= bytes.len());
            let end = end.ok_or(CellBlockError("it ends within a cell"))?;
            read(&bytes[from..end]).ok_or(CellBlockError("lengths in a cell contradict"))?;
            starts.push(at as u32);
            at = end;
        }
        Ok(Self { bytes, starts })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The cell at `index`.
    ///
    /// # Panics
    /// When `index` is out of bounds.
    pub fn cell(&self, index: usize) -> Cell<'_> {
        let encoded = &self.bytes[self.place(index)];
        read(&encoded[4..]).expect("checked when the block was made")
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Cell<'_>> + ExactSizeIterator {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// The bytes, as they are on the wire.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The row of the cell at `index`, sharing the block's memory.
    pub(crate) fn shared_row(&self, index: usize) -> Bytes {
        self.bytes.slice_ref(self.cell(index).row)
    }

    /// The bytes of the cell at `index`, its length included.
    pub(crate) fn encoded(&self, index: usize) -> &[u8] {
        &self.bytes[self.place(index)]
    }

    /// All but the first `count`.
    pub(crate) fn without_first(mut self, count: usize) -> Self {
        let Some(&start) = self.starts.get(count) else { return Self::default() };
        let rest = self.bytes.split_off(start as usize);
        let starts = self.starts[count..].iter().map(|at| at - start).collect();
        Self { bytes: rest, starts }
    }

    fn place(&self, index: usize) -> std::ops::Range<usize> {
        let next = self.starts.get(index + 1).map_or(self.bytes.len(), |next| *next as usize);
        self.starts[index] as usize..next
    }
}

/// Makes a [`CellBlock`].
#[derive(Debug, Default)]
pub struct CellBlockBuilder {
    bytes: BytesMut,
    starts: Vec<u32>,
}

impl CellBlockBuilder {
    /// Appends a cell.
    ///
    /// # Panics
    /// When a row is longer than 32,767 bytes, a family longer than 127, or the block than 4 GB:
    /// HBase takes none of these.
    pub fn push(
        &mut self,
        kind: CellType,
        row: &[u8],
        (family, qualifier): (&[u8], &[u8]),
        timestamp: u64,
        value: &[u8],
    ) {
        let start = u32::try_from(self.bytes.len()).expect("a block of less than 4 GB");
        let row_len = i16::try_from(row.len()).expect("a row of at most 32,767 bytes");
        let family_len = i8::try_from(family.len()).expect("a family of at most 127 bytes");
        let key_len = KEY_LEN_MIN + row.len() + family.len() + qualifier.len();
        let length = u32::try_from(8 + key_len + value.len()).expect("a cell of less than 4 GB");
        self.starts.push(start);
        self.bytes.reserve(4 + length as usize);
        self.bytes.put_u32(length);
        self.bytes.put_u32(key_len as u32);
        self.bytes.put_u32(value.len() as u32);
        self.bytes.put_i16(row_len);
        self.bytes.put_slice(row);
        self.bytes.put_i8(family_len);
        self.bytes.put_slice(family);
        self.bytes.put_slice(qualifier);
        self.bytes.put_u64(timestamp);
        self.bytes.put_u8(kind.byte());
        self.bytes.put_slice(value);
    }

    /// The block.
    pub fn finish(self) -> CellBlock {
        CellBlock { bytes: self.bytes.freeze(), starts: self.starts }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// A cell without the length before it. What comes after the value (tags) is left alone.
fn read(bytes: &[u8]) -> Option<Cell<'_>> {
    if bytes.len() < CELL_LEN_MIN {
        return None;
    }
    let (key_len, value_len) = (u32_at(bytes, 0)? as usize, u32_at(bytes, 4)? as usize);
    let (key, rest) = bytes[8..].split_at_checked(key_len)?;
    let value = rest.get(..value_len)?;
    let (row_len, key) = key.split_at_checked(2)?;
    let row_len = u16::from_be_bytes(row_len.try_into().ok()?);
    let (row, key) = key.split_at_checked(usize::from(row_len))?;
    let (family_len, key) = key.split_first()?;
    let (family, key) = key.split_at_checked(usize::from(*family_len))?;
    let (qualifier, key) = key.split_at_checked(key.len().checked_sub(9)?)?;
    let timestamp = u64::from_be_bytes(key[..8].try_into().ok()?);
    Some(Cell { row, family, qualifier, timestamp, kind: key[8], value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_hbases() {
        let mut builder = CellBlockBuilder::default();
        builder.push(CellType::Put, b"row", (b"v", b""), 0x0102, b"value");
        let expected = [
            &[0, 0, 0, 29][..],
            &[0, 0, 0, 16, 0, 0, 0, 5],
            b"\0\x03row\x01v",
            &[0, 0, 0, 0, 0, 0, 1, 2, 4],
            b"value",
        ];
        assert_eq!(builder.finish().bytes()[..], expected.concat());
    }

    #[test]
    fn tags_are_passed_over() {
        let mut builder = CellBlockBuilder::default();
        builder.push(CellType::Put, b"row", (b"v", b"q"), 7, b"value");
        let mut bytes = builder.finish().bytes().to_vec();
        bytes.extend_from_slice(&[0, 2, 9, 9]);
        bytes[3] += 4;
        let block = CellBlock::parse(bytes.into()).expect("a block");
        assert_eq!((block.cell(0).qualifier, block.cell(0).value), (&b"q"[..], &b"value"[..]));
    }

    /// Row, family, qualifier, timestamp, value.
    type Pieces = (Vec<u8>, Vec<u8>, Vec<u8>, u64, Vec<u8>);

    fn pieces() -> impl Strategy<Value = Vec<Pieces>> {
        let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
        proptest::collection::vec((bytes(40), bytes(9), bytes(9), any::<u64>(), bytes(50)), 0..12)
    }

    proptest! {
        #[test]
        fn cells_round_trip(pieces in pieces(), skip in 0usize..14) {
            let mut builder = CellBlockBuilder::default();
            for (row, family, qualifier, timestamp, value) in &pieces {
                builder.push(CellType::Delete, row, (family, qualifier), *timestamp, value);
            }
            let block = CellBlock::parse(builder.finish().bytes().clone()).expect("a block");
            prop_assert_eq!(block.len(), pieces.len());
            for (cell, (row, family, qualifier, timestamp, value)) in block.iter().zip(&pieces) {
                prop_assert_eq!(cell.row, &row[..]);
                prop_assert_eq!(cell.family, &family[..]);
                prop_assert_eq!(cell.qualifier, &qualifier[..]);
                prop_assert_eq!((cell.timestamp, cell.kind), (*timestamp, 8));
                prop_assert_eq!(cell.value, &value[..]);
            }
            let rest = block.clone().without_first(skip);
            let expected: Vec<_> = block.iter().skip(skip).collect();
            prop_assert_eq!(rest.iter().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn hostile_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..99)) {
            if let Ok(block) = CellBlock::parse(bytes.into()) {
                block.iter().for_each(drop);
            }
        }

        #[test]
        fn damaged_blocks_do_no_harm(pieces in pieces(), at: usize, to: u8, cut: usize) {
            let mut builder = CellBlockBuilder::default();
            for (row, family, qualifier, timestamp, value) in &pieces {
                builder.push(CellType::Put, row, (family, qualifier), *timestamp, value);
            }
            let mut bytes = builder.finish().bytes().to_vec();
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = to;
                bytes.truncate(cut % (bytes.len() + 1));
            }
            if let Ok(block) = CellBlock::parse(bytes.into()) {
                block.iter().for_each(drop);
            }
        }
    }
}
