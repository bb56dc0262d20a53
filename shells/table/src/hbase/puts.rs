//! Datapoints and metadata rows as cells.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_daemons::contract::table::{CellTime, MetaPut, SeriesPut};
use weft_gts::{Encoder, SeriesId, WrapKey};
use weft_hbase::{CellBlock, CellBlockBuilder, CellType};
use weft_wire::rows::{self, DATA_KEY_LEN};

/// One datapoint to write.
struct Entry {
    key: [u8; DATA_KEY_LEN],
    cell_ms: u64,
    put: u32,
    point: u32,
}

/// The cells of datapoints, sorted by row, by how long they live. Of several writes of a row with
/// the same timestamp the last is left.
pub(super) fn data_cells(
    puts: &[SeriesPut],
    family: &[u8],
    key: Option<&WrapKey>,
) -> Vec<(Option<u64>, CellBlock)> {
    let count = puts.iter().map(|put| put.points.len()).sum();
    let mut entries: Vec<Entry> = Vec::with_capacity(count);
    for (number, put) in (0..).zip(puts) {
        for (point, tick) in (0..).zip(put.points.ticks.iter()) {
            let cell_ms = cell_ms(put.cell_time, *tick);
            entries.push(Entry {
                key: rows::data_key(put.series, *tick),
                cell_ms,
                put: number,
                point,
            });
        }
    }
    entries.sort_unstable_by(|a, b| {
        (&a.key, a.cell_ms, a.put, a.point).cmp(&(&b.key, b.cell_ms, b.put, b.point))
    });
    let mut blocks: BTreeMap<Option<u64>, CellBlockBuilder> = BTreeMap::new();
    let mut encoder = Encoder::new(0);
    encoder.set_key(key.cloned());
    let mut entries = entries.iter().peekable();
    while let Some(entry) = entries.next() {
        let same = |next: &&&Entry| next.key == entry.key && next.cell_ms == entry.cell_ms;
        if entries.peek().filter(same).is_some() {
            continue;
        }
        let put = &puts[entry.put as usize];
        let point = put.points.get(entry.point as usize);
        encoder.reset(point.tick);
        encoder.add(point.tick, point.location, point.elevation, &point.value);
        let value = encoder.bytes();
        let cells = blocks.entry(ttl_ms(put.ttl_ms)).or_default();
        cells.push(CellType::Put, &entry.key, (family, b""), entry.cell_ms, &value);
    }
    blocks.into_iter().map(|(ttl_ms, cells)| (ttl_ms, cells.finish())).collect()
}

/// The cells of metadata rows: the newest of each row, the later of equals.
pub(super) fn metadata_cells(puts: &[MetaPut], family: &[u8]) -> CellBlock {
    let mut newest: BTreeMap<[u8; 16], &MetaPut> = BTreeMap::new();
    for put in puts {
        let known = newest.entry(put.series.to_bytes()).or_insert(put);
        if put.cell_ms >= known.cell_ms {
            *known = put;
        }
    }
    let mut cells = CellBlockBuilder::default();
    for put in newest.values() {
        let (row, cell_ms) = (rows::metadata_key(put.series), put.cell_ms.max(0) as u64);
        cells.push(CellType::Put, &row, (family, b""), cell_ms, &put.row);
    }
    cells.finish()
}

/// Marks that delete metadata rows, each up to a timestamp.
pub(super) fn metadata_marks(series: &[(SeriesId, i64)], family: &[u8]) -> CellBlock {
    let mut newest: BTreeMap<[u8; 16], (SeriesId, i64)> = BTreeMap::new();
    for (series, until_ms) in series {
        let known = newest.entry(series.to_bytes()).or_insert((*series, *until_ms));
        known.1 = known.1.max(*until_ms);
    }
    let mut cells = CellBlockBuilder::default();
    // A timestamp before the epoch is no cell's.
    for (series, until_ms) in newest.values().filter(|(_, until_ms)| *until_ms >= 0) {
        let row = rows::metadata_key(*series);
        cells.push(CellType::DeleteColumn, &row, (family, b""), *until_ms as u64, b"");
    }
    cells.finish()
}

/// Marks that delete the cells of `found` with timestamps from `from_ms` to `until_ms`: one for
/// all versions of a row where that does it, one for this version where not.
pub(super) fn data_marks(
    found: &CellBlock,
    family: &Bytes,
    (from_ms, until_ms): (u64, u64),
) -> CellBlock {
    let mut cells = CellBlockBuilder::default();
    for cell in found.iter() {
        let (kind, timestamp) = match from_ms {
            0 => (CellType::DeleteColumn, until_ms),
            _ => (CellType::Delete, cell.timestamp),
        };
        cells.push(kind, cell.row, (family, cell.qualifier), timestamp, b"");
    }
    cells.finish()
}

/// Timestamps before the epoch do not exist.
fn cell_ms(time: CellTime, tick: i64) -> u64 {
    match time {
        CellTime::At(ms) => ms.max(0) as u64,
        CellTime::OfDatapoint(units_per_ms) => (tick.max(0) / units_per_ms.max(1)) as u64,
    }
}

/// What region servers can add to a timestamp; they take longer for already over.
fn ttl_ms(ttl_ms: Option<i64>) -> Option<u64> {
    ttl_ms.filter(|ttl_ms| (0..i64::MAX / 2).contains(ttl_ms)).map(|ttl_ms| ttl_ms as u64)
}

#[cfg(test)]
mod tests {
    use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, Value};

    use super::*;

    const A: SeriesId = SeriesId { class_id: 1, labels_id: 2 };

    fn put(points: &[(i64, i64)], cell_time: CellTime, ttl_ms: Option<i64>) -> SeriesPut {
        let mut columns = Columns::default();
        for (tick, value) in points {
            columns.push(*tick, NO_LOCATION, NO_ELEVATION, Value::Long(*value));
        }
        SeriesPut { series: A, points: columns, cell_time, ttl_ms }
    }

    fn cells(puts: &[SeriesPut]) -> Vec<(i64, u64, Vec<u8>)> {
        let blocks = data_cells(puts, b"v", None);
        let cells = blocks.iter().flat_map(|(_, block)| block.iter());
        cells
            .map(|cell| {
                let (_, tick) = rows::read_data_key(cell.row).expect("a row");
                (tick, cell.timestamp, cell.value.to_vec())
            })
            .collect()
    }

    #[test]
    fn cells_are_sorted_and_the_last_of_equals_is_left() {
        let at = CellTime::At(9);
        let puts = [
            put(&[(1, 10), (5, 50), (1, 11)], at, None),
            put(&[(1, 12)], at, None),
            put(&[(1, 13)], CellTime::At(8), None),
        ];
        let value =
            |tick, value| rows::cell(tick, NO_LOCATION, NO_ELEVATION, &Value::Long(value), None);
        let expected = [(5, 9, value(5, 50)), (1, 8, value(1, 13)), (1, 9, value(1, 12))];
        assert_eq!(cells(&puts), expected);
    }

    #[test]
    fn cells_have_their_datapoints_time_and_never_one_before_the_epoch() {
        let puts = [put(&[(-5, 1), (7_000, 2)], CellTime::OfDatapoint(1_000), None)];
        let times: Vec<(i64, u64)> = cells(&puts).into_iter().map(|(t, ms, _)| (t, ms)).collect();
        assert_eq!(times, [(7_000, 7), (-5, 0)]);
    }

    #[test]
    fn what_lives_for_ever_has_no_time_to_live() {
        let at = CellTime::At(9);
        let puts = [put(&[(1, 1)], at, Some(5)), put(&[(2, 1)], at, Some(i64::MAX))];
        let ttls: Vec<_> = data_cells(&puts, b"v", None).iter().map(|(ttl, _)| *ttl).collect();
        assert_eq!(ttls, [None, Some(5)]);
    }

    #[test]
    fn values_are_wrapped_with_the_key() {
        let key = WrapKey::new(&[7; 32]).expect("a key");
        let puts = [put(&[(1, 10)], CellTime::At(9), None)];
        let blocks = data_cells(&puts, b"v", Some(&key));
        let expected = rows::cell(1, NO_LOCATION, NO_ELEVATION, &Value::Long(10), Some(&key));
        assert_eq!(blocks[0].1.cell(0).value, expected);
    }

    #[test]
    fn the_newest_metadata_row_is_left() {
        let row = |text: &'static str, cell_ms| MetaPut { series: A, row: text.into(), cell_ms };
        let cells = metadata_cells(&[row("new", 5), row("old", 4), row("newer", 5)], b"m");
        assert_eq!(cells.len(), 1);
        assert_eq!((cells.cell(0).value, cells.cell(0).timestamp), (&b"newer"[..], 5));
        let marks = metadata_marks(&[(A, 3), (A, 5), (A, 4)], b"m");
        assert_eq!((marks.len(), marks.cell(0).timestamp, marks.cell(0).kind), (1, 5, 12));
    }
}
