//! Keys and values of the store.
//!
//! ```text
//! key:    series id, 16 bytes | i64::MAX - tick, 8 bytes, big endian: newest first
//! value:  i64 cell timestamp, ms | i64 expiry, ms | the datapoint as an encoder with base tick
//! ```

use weft_daemons::contract::TableError;
use weft_gts::{Columns, Decoder, Encoder, SeriesId};

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 24;

/// Bytes before the datapoint.
const HEAD_LEN: usize = 16;

/// The expiry of cells that live for ever.
pub(super) const NEVER: i64 = i64::MAX;

/// The key of a datapoint.
pub(super) fn key(series: SeriesId, tick: i64) -> [u8; KEY_LEN] {
    let mut key = [0; KEY_LEN];
    key[..16].copy_from_slice(&series.to_bytes());
    // The difference wraps for negative ticks and still sorts as an unsigned number.
    key[16..].copy_from_slice(&i64::MAX.wrapping_sub(tick).to_be_bytes());
    key
}

/// The tick of a key.
pub(super) fn tick_of(key: &[u8]) -> Result<i64, TableError> {
    let last = key.last_chunk::<8>().ok_or_else(|| corrupt("a key is too short"))?;
    Ok(i64::MAX.wrapping_sub(i64::from_be_bytes(*last)))
}

/// The value of a cell that holds the datapoint at `index`.
pub(super) fn value(points: &Columns, index: usize, cell_ms: i64, expiry_ms: i64) -> Vec<u8> {
    let point = points.get(index);
    let mut encoder = Encoder::new(point.tick);
    encoder.add(point.tick, point.location, point.elevation, &point.value);
    let mut value = Vec::with_capacity(HEAD_LEN + encoder.size());
    value.extend_from_slice(&cell_ms.to_le_bytes());
    value.extend_from_slice(&expiry_ms.to_le_bytes());
    value.extend_from_slice(encoder.clear_bytes());
    value
}

/// The timestamp of a cell.
pub(super) fn cell_ms(value: &[u8]) -> Result<i64, TableError> {
    let bytes = value.first_chunk::<8>().ok_or_else(|| corrupt("a cell is too short"))?;
    Ok(i64::from_le_bytes(*bytes))
}

/// Whether a cell has outlived its time.
pub(super) fn is_expired(value: &[u8], now_ms: i64) -> bool {
    let expiry = value.get(8..HEAD_LEN).and_then(|bytes| bytes.try_into().ok());
    expiry.is_some_and(|bytes| i64::from_le_bytes(bytes) <= now_ms)
}

/// Appends the datapoint of a cell.
pub(super) fn read(points: &mut Columns, tick: i64, value: &[u8]) -> Result<(), TableError> {
    let data = value.get(HEAD_LEN..).ok_or_else(|| corrupt("a cell is too short"))?;
    let mut decoder = Decoder::new(tick, data, None);
    match decoder.next_point() {
        Ok(Some(point)) => {
            points.push(point.tick, point.location, point.elevation, point.value.into());
            Ok(())
        }
        Ok(None) => Err(corrupt("a cell is empty")),
        Err(error) => Err(corrupt(&error.to_string())),
    }
}

/// A metadata row behind the timestamp of its cell.
pub(super) fn row(cell_ms: i64, row: &[u8]) -> Vec<u8> {
    [&cell_ms.to_le_bytes(), row].concat()
}

/// The timestamp of a metadata row's cell, and the row.
pub(super) fn split_row(value: &[u8]) -> Result<(i64, &[u8]), TableError> {
    let (head, row) =
        value.split_first_chunk::<8>().ok_or_else(|| corrupt("a metadata row is too short"))?;
    Ok((i64::from_le_bytes(*head), row))
}

pub(super) fn corrupt(reason: &str) -> TableError {
    TableError::Corrupt(reason.to_owned())
}
