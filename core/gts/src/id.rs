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

    /// From its two halves as one unsigned number.
    pub const fn from_u128(id: u128) -> Self {
        Self::from_bytes(id.to_be_bytes())
    }

    /// As eight UTF-16 code units: the form that Java strings hold ids in.
    pub fn to_utf16(self) -> [u16; 8] {
        let id = self.as_u128();
        std::array::from_fn(|index| (id >> (112 - 16 * index)) as u16)
    }

    /// From [`SeriesId::to_utf16`].
    pub fn from_utf16(units: [u16; 8]) -> Self {
        Self::from_u128(units.iter().fold(0, |id, &unit| (id << 16) | u128::from(unit)))
    }

    /// As a UUID, the class id in front (`showuuid`).
    pub fn to_uuid(self) -> String {
        let digits = format!("{:032x}", self.as_u128());
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// Both ids hashed into one: the key of caches and of estimators of how many series there are.
    pub fn hash(self, key: SipKey) -> i64 {
        let mut text = [0; 21];
        text[..4].copy_from_slice(b"GTS:");
        text[4..12].copy_from_slice(&self.class_id.to_be_bytes());
        text[12] = b':';
        text[13..].copy_from_slice(&self.labels_id.to_be_bytes());
        key.hash_palindromic(&text)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: IdKeys = IdKeys { class: SipKey::new(1, 2), labels: SipKey::new(3, 4) };

    #[test]
    fn labels_count_whatever_their_order() {
        let forth: Labels = [("a", "1"), ("b", "2"), ("c", "3")].into_iter().collect();
        let back: Labels = [("c", "3"), ("b", "2"), ("a", "1")].into_iter().collect();
        let swapped: Labels = [("a", "2"), ("b", "1"), ("c", "3")].into_iter().collect();
        assert_eq!(KEYS.labels_id(&forth), KEYS.labels_id(&back));
        assert_ne!(KEYS.labels_id(&forth), KEYS.labels_id(&swapped));
    }

    #[test]
    fn slices_go_by_the_top_byte_of_the_labels_id() {
        let id = SeriesId { class_id: 5, labels_id: 0xfe00_0000_0000_0001u64 as i64 };
        assert!(id.in_slice(7, 0xfe % 7));
        assert!(!id.in_slice(7, 0));
        assert!(id.in_slice(1, 0));
    }

    proptest! {
        #[test]
        fn every_form_is_read_back(class_id in any::<i64>(), labels_id in any::<i64>()) {
            let id = SeriesId { class_id, labels_id };
            prop_assert_eq!(SeriesId::from_bytes(id.to_bytes()), id);
            prop_assert_eq!(SeriesId::from_u128(id.as_u128()), id);
            prop_assert_eq!(SeriesId::from_utf16(id.to_utf16()), id);
            let uuid = u128::from_str_radix(&id.to_uuid().replace('-', ""), 16);
            prop_assert_eq!(uuid, Ok(id.as_u128()));
        }

        #[test]
        fn ids_sort_as_their_bytes(a in any::<(i64, i64)>(), b in any::<(i64, i64)>()) {
            let [a, b] = [a, b].map(|(class_id, labels_id)| SeriesId { class_id, labels_id });
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
        }
    }
}
