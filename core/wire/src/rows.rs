//! Rows of the reference's HBase table.
//!
//! ```text
//! datapoint:  "R" | class id | labels id | i64::MAX - tick       one cell, an encoder with base tick
//! metadata:   "M" | class id | labels id                         Thrift metadata
//! ```
//!
//! Ids and ticks are big endian; rows of a series sort newest first.

use weft_gts::{Encoder, SeriesId, ValueRef, WrapKey};

/// What rows of datapoints begin with.
pub const DATA_PREFIX: u8 = b'R';

/// What rows of metadata begin with.
pub const METADATA_PREFIX: u8 = b'M';

/// Bytes of the key of a datapoint.
pub const DATA_KEY_LEN: usize = 25;

/// Bytes of the key of metadata.
pub const METADATA_KEY_LEN: usize = 17;

/// The key of a datapoint.
pub fn data_key(series: SeriesId, tick: i64) -> [u8; DATA_KEY_LEN] {
    let mut key = [0; DATA_KEY_LEN];
    key[0] = DATA_PREFIX;
    key[1..17].copy_from_slice(&series.to_bytes());
    // The difference wraps for negative ticks and still sorts as an unsigned number.
    key[17..].copy_from_slice(&i64::MAX.wrapping_sub(tick).to_be_bytes());
    key
}

/// Series and tick of a datapoint's key; `None` for other keys.
pub fn read_data_key(key: &[u8]) -> Option<(SeriesId, i64)> {
    let key: &[u8; DATA_KEY_LEN] = key.try_into().ok()?;
    let (id, tick) = (key[1..17].try_into().ok()?, key[17..].try_into().ok()?);
    let tick = i64::MAX.wrapping_sub(i64::from_be_bytes(tick));
    (key[0] == DATA_PREFIX).then_some((SeriesId::from_bytes(id), tick))
}

/// The key of metadata.
pub fn metadata_key(series: SeriesId) -> [u8; METADATA_KEY_LEN] {
    let mut key = [0; METADATA_KEY_LEN];
    key[0] = METADATA_PREFIX;
    key[1..].copy_from_slice(&series.to_bytes());
    key
}

/// The series of a metadata key; `None` for other keys.
pub fn read_metadata_key(key: &[u8]) -> Option<SeriesId> {
    let key: &[u8; METADATA_KEY_LEN] = key.try_into().ok()?;
    let id = key[1..].try_into().ok()?;
    (key[0] == METADATA_PREFIX).then_some(SeriesId::from_bytes(id))
}

/// The value of a datapoint's cell.
pub fn cell<'v>(
    tick: i64,
    location: i64,
    elevation: i64,
    value: impl Into<ValueRef<'v>>,
    key: Option<&WrapKey>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(tick);
    encoder.set_key(key.cloned());
    encoder.add(tick, location, elevation, value);
    encoder.into_bytes()
}

/// First key, inclusive, and last key, exclusive, of ticks `start..=end`, newest first.
pub fn scan_range(series: SeriesId, start: i64, end: i64) -> (Vec<u8>, Vec<u8>) {
    let mut stop = data_key(series, start).to_vec();
    // One byte more than the oldest key, so that it is included.
    stop.push(0);
    (data_key(series, end).to_vec(), stop)
}

/// Where a scan backwards over what is newer than `end`, oldest first, begins and stops.
pub fn newer_range(series: SeriesId, end: i64) -> (Vec<u8>, Vec<u8>) {
    let first = data_key(series, end.wrapping_add(1)).to_vec();
    let stop = first[..METADATA_KEY_LEN].to_vec();
    (first, stop)
}

/// First key, inclusive, and last key, exclusive, of what a delete of `start..=end` removes. The
/// whole of time is every key of the series.
pub fn delete_range(series: SeriesId, start: i64, end: i64) -> (Vec<u8>, Vec<u8>) {
    if start != i64::MIN || end != i64::MAX {
        return scan_range(series, start, end);
    }
    let mut first = data_key(series, 0);
    first[17..].fill(0);
    let mut stop = first.to_vec();
    stop[17..].fill(0xff);
    stop.push(0);
    (first.to_vec(), stop)
}

/// The reference's HBase filter `SlicedRowFilter` for datapoints, as the region servers read it:
/// lets keys within any of the ranges through, both ends included, and `count` rows of each.
///
/// ```text
/// count: u64 | length of a slice: u32 | 2: u32 | first byte: u32 | last byte: u32
/// | length of the ranges: u32 | first key, last key, …: sorted, apart from each other
/// ```
pub fn row_filter(ranges: &[([u8; DATA_KEY_LEN], [u8; DATA_KEY_LEN])], count: i64) -> Vec<u8> {
    let mut sorted: Vec<_> = ranges.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
    sorted.sort_unstable();
    let mut apart: Vec<([u8; DATA_KEY_LEN], [u8; DATA_KEY_LEN])> = Vec::new();
    for (first, last) in sorted {
        match apart.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => apart.push((first, last)),
        }
    }
    let mut filter = count.to_be_bytes().to_vec();
    let keys_len = 2 * DATA_KEY_LEN * apart.len();
    for number in [DATA_KEY_LEN, 2, 0, DATA_KEY_LEN - 1, keys_len] {
        filter.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }
    for (first, last) in apart {
        filter.extend_from_slice(&first);
        filter.extend_from_slice(&last);
    }
    filter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_newest_first(class_id: i64, labels_id: i64, a: i64, b: i64) {
            let series = SeriesId { class_id, labels_id };
            let (key_a, key_b) = (data_key(series, a), data_key(series, b));
            prop_assert_eq!(read_data_key(&key_a), Some((series, a)));
            prop_assert_eq!(key_a.cmp(&key_b), b.cmp(&a));
            prop_assert_eq!(read_metadata_key(&metadata_key(series)), Some(series));
            prop_assert_eq!(read_data_key(&metadata_key(series)), None);
        }
    }

    #[test]
    fn a_filter_keeps_ranges_apart() {
        let key = |byte: u8| [byte; DATA_KEY_LEN];
        let ranges = [(key(7), key(9)), (key(3), key(1)), (key(2), key(4)), (key(2), key(2))];
        let filter = row_filter(&ranges, 5);
        assert_eq!(filter[..8], 5i64.to_be_bytes());
        let keys: Vec<u8> = filter[28..].chunks(DATA_KEY_LEN).map(|key| key[0]).collect();
        assert_eq!(keys, [1, 4, 7, 9]);
        assert_eq!(filter[24..28], 100u32.to_be_bytes());
    }
}
