//! Filters of scans: they travel as the name of a class and what that reads.

use bytes::Bytes;
use prost::Message;

use crate::client::Range;
use crate::pb;

/// A filter that region servers have, or find in `hbase.dynamic.jars.dir`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Its class.
    pub class: String,
    /// What its `parseFrom` reads.
    pub bytes: Bytes,
}

impl Filter {
    pub(crate) fn to_message(&self) -> pb::Filter {
        pb::Filter { name: self.class.clone(), serialized_filter: Some(self.bytes.clone()) }
    }
}

const MULTI_ROW_RANGE: &str = "org.apache.hadoop.hbase.filter.MultiRowRangeFilter";

/// Lets rows within any of the ranges through, which are in order. The first row of the first may
/// be left out.
pub(crate) fn multi_row_range(ranges: &[&Range], is_inclusive: bool) -> pb::Filter {
    let range = |(index, range): (usize, &&Range)| pb::RowRange {
        start_row: Some(range.start.clone()),
        start_row_inclusive: Some(index > 0 || is_inclusive),
        stop_row: Some(range.stop.clone()),
        stop_row_inclusive: Some(false),
    };
    let row_range_list = ranges.iter().enumerate().map(range).collect();
    let bytes = pb::MultiRowRangeFilter { row_range_list }.encode_to_vec();
    pb::Filter { name: MULTI_ROW_RANGE.to_owned(), serialized_filter: Some(bytes.into()) }
}

/// The request that asks HBase's example endpoint [`BULK_DELETE_SERVICE`] to delete what is in a
/// range of rows of a family, in cells with timestamps from `from_ms` to `until_ms`.
///
/// From 0 on it deletes every version up to `until_ms` by one mark a row; otherwise the newest
/// versions of the time range alone. It says nothing of rows that it could not delete: ask again
/// until it finds none.
pub fn bulk_delete(
    range: &Range,
    family: &Bytes,
    (from_ms, until_ms): (u64, u64),
    rows_per_batch: u32,
) -> Bytes {
    let time_range = pb::TimeRange { from: Some(from_ms), to: Some(until_ms.saturating_add(1)) };
    let scan = pb::Scan {
        column: vec![pb::Column { family: family.clone(), qualifier: Vec::new() }],
        start_row: Some(range.start.clone()),
        stop_row: Some(range.stop.clone()),
        time_range: Some(time_range),
        max_versions: Some(1),
        cache_blocks: Some(false),
        ..pb::Scan::default()
    };
    let (delete_type, timestamp) = match from_ms {
        0 => (pb::BULK_DELETE_COLUMN, Some(until_ms)),
        _ => (pb::BULK_DELETE_VERSION, None),
    };
    let request = pb::BulkDeleteRequest {
        scan,
        delete_type,
        timestamp,
        row_batch_size: rows_per_batch.max(1),
    };
    request.encode_to_vec().into()
}

/// How many rows the endpoint says that it deleted; `None` when that cannot be read.
pub fn bulk_deleted(answer: &[u8]) -> Option<u64> {
    pb::BulkDeleteResponse::decode(answer).ok().map(|answer| answer.rows_deleted)
}

/// The service of HBase's example endpoint for deletes.
pub const BULK_DELETE_SERVICE: &str = "hbase.pb.BulkDeleteService";

/// Its only method.
pub const BULK_DELETE_METHOD: &str = "delete";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open() {
        let range = |start: &'static str, stop: &'static str| Range::new(start, stop);
        let (first, second) = (range("a", "b"), range("c", "d"));
        let filter = multi_row_range(&[&first, &second], false);
        let bytes = filter.serialized_filter.expect("ranges");
        let list = pb::MultiRowRangeFilter::decode(bytes).expect("ranges").row_range_list;
        let inclusive: Vec<_> = list.iter().map(|range| range.start_row_inclusive).collect();
        assert_eq!(inclusive, [Some(false), Some(true)]);
        assert!(list.iter().all(|range| range.stop_row_inclusive == Some(false)));
    }

    #[test]
    fn a_delete_from_the_beginning_marks_columns() {
        let range = Range::new("a", "b");
        let request = |from_ms| {
            let bytes = bulk_delete(&range, &"v".into(), (from_ms, 9), 100);
            pb::BulkDeleteRequest::decode(bytes).expect("a request")
        };
        assert_eq!((request(0).delete_type, request(0).timestamp), (2, Some(9)));
        assert_eq!((request(5).delete_type, request(5).timestamp), (3, None));
        let within = request(5).scan.time_range.expect("a time range");
        assert_eq!((within.from, within.to), (Some(5), Some(10)));
    }
}
