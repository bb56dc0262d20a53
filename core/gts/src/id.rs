//! The 128-bit identity of a series.

use crate::{Labels, Metadata, SipKey};

/// Class id and labels id of a series; sixteen bytes big endian as Kafka key and row key.
///
/// Ordered as the unsigned 128-bit number that find and fetch sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeriesId {
    /// Palindromic SipHash of the class name.
    pub class_id: i64,
    /// Palindromic SipHash over the sorted hashes of all labels.
    pub labels_id: i64,
}

impl SeriesId {
    /// Sixteen bytes: class id then labels id, big endian.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.as_u128().to_be_bytes()
    }

    /// From [`SeriesId::to_bytes`].
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let id = u128::from_be_bytes(bytes);
        Self { class_id: (id >> 64) as i64, labels_id: id as i64 }
    }

    /// As one unsigned number.
    pub const fn as_u128(self) -> u128 {
        ((self.class_id as u64 as u128) << 64) | self.labels_id as u64 as u128
    }

    /// Whether the series belongs to the directory shard `remainder` of `modulus`: the top byte of
    /// the labels id decides.
    pub const fn in_slice(self, modulus: u32, remainder: u32) -> bool {
        ((self.labels_id as u64 >> 56) as u32) % modulus == remainder
    }
}

impl Ord for SeriesId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_u128().cmp(&other.as_u128())
    }
}

impl PartialOrd for SeriesId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The two keys that identities are computed with (`warp.hash.class`, `warp.hash.labels`).
#[derive(Clone, Copy, Debug)]
pub struct IdKeys {
    /// Key of class names.
    pub class: SipKey,
    /// Key of labels.
    pub labels: SipKey,
}

impl IdKeys {
    /// The id of a class name.
    pub fn class_id(&self, name: &str) -> i64 {
        self.class.hash_palindromic(name.as_bytes())
    }

    /// The id of a set of labels, whatever their order.
    pub fn labels_id(&self, labels: &Labels) -> i64 {
        let mut hashes: Vec<(i64, i64)> = labels
            .iter()
            .map(|(name, value)| {
                let name = self.labels.hash_palindromic(name.as_bytes());
                (name, self.labels.hash_palindromic(value.as_bytes()))
            })
            .collect();
        hashes.sort_unstable();
        let mut bytes = Vec::with_capacity(hashes.len() * 16);
        for (name, value) in hashes {
            bytes.extend_from_slice(&name.to_be_bytes());
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        self.labels.hash_palindromic(&bytes)
    }

    /// The id of a series.
    pub fn series_id(&self, metadata: &Metadata) -> SeriesId {
        SeriesId {
            class_id: self.class_id(metadata.class()),
            labels_id: self.labels_id(&metadata.labels),
        }
    }
}
