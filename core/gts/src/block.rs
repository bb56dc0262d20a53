//! Encoders as self-contained blocks: length, compression, base, datapoints.
//!
//! Four bytes big endian of total length, one byte that is 1 when the datapoints are gzipped and
//! else 0, the base as a signed varint, the bytes of the encoder.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::{Encoder, varint};

/// Bytes before the base.
const HEADER_LENGTH: usize = 5;

/// Fewer bytes are not worth compressing.
const COMPRESSED_LENGTH_MIN: usize = 128;

/// A block that was read: what [`crate::Decoder::new`] needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What ticks are relative to.
    pub base: i64,
    /// The bytes of the encoder.
    pub data: Cow<'a, [u8]>,
}

/// Why bytes are no block.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// Too short to hold a header.
    #[error("a block has 6 bytes at least, these are {length}")]
    Short {
        /// How many bytes were given.
        length: usize,
    },
    /// The length in the header is not that of the bytes.
    #[error("invalid block size, expected {expected}, block is {length}")]
    Length {
        /// What the header says.
        expected: u32,
        /// How many bytes were given.
        length: usize,
    },
    /// Neither compressed nor not.
    #[error("invalid compression flag {flag}")]
    Compression {
        /// What the header says.
        flag: u8,
    },
    /// The base is no varint.
    #[error("invalid base: {0}")]
    Base(#[from] varint::VarintError),
    /// The compressed bytes are malformed.
    #[error("malformed compressed datapoints: {0}")]
    Gzip(#[from] std::io::Error),
    /// More bytes than the caller wants to hold.
    #[error("the datapoints take more than {length_max} bytes")]
    Limit {
        /// What the caller allows.
        length_max: usize,
    },
}

impl Encoder {
    /// The datapoints as a block, compressed when asked for and worth it.
    pub fn to_block(&self, compress: bool) -> Vec<u8> {
        let data = self.bytes();
        let compress = compress && data.len() >= COMPRESSED_LENGTH_MIN;
        let mut block = vec![0, 0, 0, 0, u8::from(compress)];
        varint::write_signed(&mut block, self.base());
        if compress {
            let mut gzip = GzEncoder::new(block, Compression::default());
            // Writing to memory does not fail.
            block = gzip.write_all(&data).and_then(|()| gzip.finish()).unwrap_or_default();
        } else {
            block.extend_from_slice(&data);
        }
        let length = block.len() as u32;
        block[..4].copy_from_slice(&length.to_be_bytes());
        block
    }
}

impl<'a> Block<'a> {
    /// Reads a block; at most `length_max` bytes of datapoints once they are decompressed.
    pub fn read(block: &'a [u8], length_max: usize) -> Result<Self, BlockError> {
        let length = block.len();
        let (Some(&expected), true) = (block.first_chunk(), length > HEADER_LENGTH) else {
            return Err(BlockError::Short { length });
        };
        let expected = u32::from_be_bytes(expected);
        if expected as usize != length {
            return Err(BlockError::Length { expected, length });
        }
        let mut position = HEADER_LENGTH;
        let base = varint::read_signed(block, &mut position)?;
        let data = &block[position..];
        let data = match block[HEADER_LENGTH - 1] {
            0 if data.len() <= length_max => Cow::Borrowed(data),
            0 => return Err(BlockError::Limit { length_max }),
            1 => Cow::Owned(inflate(data, length_max)?),
            flag => return Err(BlockError::Compression { flag }),
        };
        Ok(Self { base, data })
    }
}

fn inflate(data: &[u8], length_max: usize) -> Result<Vec<u8>, BlockError> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(length_max).unwrap_or(u64::MAX).saturating_add(1);
    GzDecoder::new(data).take(limit).read_to_end(&mut inflated)?;
    if inflated.len() > length_max {
        return Err(BlockError::Limit { length_max });
    }
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NO_ELEVATION, NO_LOCATION, ValueRef};

    fn encoder(count: i64) -> Encoder {
        let mut encoder = Encoder::new(1_000_000);
        for tick in 0..count {
            encoder.add(1_000_000 + tick * 7, NO_LOCATION, NO_ELEVATION, ValueRef::Long(tick));
        }
        encoder
    }

    #[test]
    fn blocks_are_read_back() {
        for (count, compress) in [(0, false), (1, true), (500, false), (500, true)] {
            let encoder = encoder(count);
            let block = encoder.to_block(compress);
            let read = Block::read(&block, 10_000).unwrap();
            assert_eq!((read.base, &*read.data), (1_000_000, encoder.clear_bytes()));
            assert_eq!(block[4], u8::from(compress && count == 500));
        }
    }

    #[test]
    fn limits_and_garbage_are_errors() {
        let mut block = encoder(500).to_block(true);
        assert!(matches!(Block::read(&block, 999), Err(BlockError::Limit { length_max: 999 })));
        assert!(matches!(Block::read(&block[..9], 999), Err(BlockError::Length { .. })));
        assert!(matches!(Block::read(&block[..5], 999), Err(BlockError::Short { length: 5 })));
        block[4] = 2;
        assert!(matches!(Block::read(&block, 999), Err(BlockError::Compression { flag: 2 })));
        block[4] = 1;
        block[10] ^= 0xff;
        assert!(matches!(Block::read(&block, 9999), Err(BlockError::Gzip(_))));
    }
}
