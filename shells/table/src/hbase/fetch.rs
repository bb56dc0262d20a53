//! Which scans a fetch makes, and what it takes of them.

use std::ops::Range as Span;

use weft_daemons::contract::TableError;
use weft_daemons::contract::table::{CHUNK_POINTS_MAX, FetchRequest};
use weft_daemons::select::Selection;
use weft_gts::{Columns, Decoder, SeriesId, WrapKey};
use weft_hbase::CellBlock;
use weft_hbase::client::{Range, Scan};
use weft_hbase::filter::Filter;
use weft_wire::rows;

use super::DataColumns;

/// The reference's filter, where it is deployed.
const ROW_FILTER: &str = "org.apache.hadoop.hbase.filter.SlicedRowFilter";

/// Series that one scan reads.
const SERIES_MAX: usize = 512;

/// Rows of one answer of a server.
const ROWS_MAX: u32 = 100_000;

/// What comes next of a fetch.
#[derive(Debug)]
pub(super) struct Planner {
    request: FetchRequest,
    series: usize,
    part: Part,
}

/// The parts of a series, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Post,
    Range,
    Pre,
}

/// One scan of a fetch, and what is taken of it.
#[derive(Debug)]
pub(super) struct Pass {
    /// Places in the request.
    series: Span<usize>,
    /// What is left of the range for the series at `series.start`; `None` in a boundary.
    selection: Option<Selection>,
    cells: CellBlock,
    looked_at: usize,
}

impl Planner {
    pub(super) const fn new(request: FetchRequest) -> Self {
        Self { request, series: 0, part: Part::Post }
    }

    /// The next scan; `None` when there are no more.
    pub(super) fn next_pass(&mut self, columns: &DataColumns) -> Option<(Scan, Pass)> {
        while let Some(&series) = self.request.series.get(self.series) {
            let (index, part) = (self.series, self.part);
            if part == Part::Post && self.has_ranges_only() {
                let end = self.run(columns);
                self.series = end;
                if self.request.start <= self.request.end {
                    return Some(self.many(columns, index..end));
                }
                continue;
            }
            match part {
                Part::Post => self.part = Part::Range,
                Part::Range => self.part = Part::Pre,
                Part::Pre => (self.part, self.series) = (Part::Post, index + 1),
            }
            if let Some(pass) = self.one(columns, index, series, part) {
                return Some(pass);
            }
        }
        None
    }

    const fn has_ranges_only(&self) -> bool {
        self.request.pre_boundary == 0 && self.request.post_boundary == 0
    }

    /// Where the series end that one scan reads together from `self.series` on: their rows are in
    /// order, and what is wanted of each can be said to a server.
    fn run(&self, columns: &DataColumns) -> usize {
        let series = &self.request.series[self.series..];
        let row = |series: &SeriesId| series.to_bytes();
        let in_order = series.windows(2).take_while(|pair| row(&pair[0]) < row(&pair[1])).count();
        let most = match Selection::new(&self.request, self.series).at_most() {
            Some(_) if !self.counts_by_filter(columns) => 1,
            _ => SERIES_MAX,
        };
        self.series + (in_order + 1).min(most)
    }

    /// Whether the reference's filter, which takes so many rows of each range, does it.
    fn counts_by_filter(&self, columns: &DataColumns) -> bool {
        self.filters(columns) && self.request.skip == 0
    }

    fn filters(&self, columns: &DataColumns) -> bool {
        columns.row_filter_above.is_some_and(|most| self.request.series.len() > most)
    }

    fn many(&self, columns: &DataColumns, series: Span<usize>) -> (Scan, Pass) {
        let (start, end) = (self.request.start, self.request.end);
        let ids = &self.request.series[series.clone()];
        let range = |id: &SeriesId| {
            let (first, stop) = rows::scan_range(*id, start, end);
            Range::new(first, stop)
        };
        let selection = Selection::new(&self.request, series.start);
        let mut scan = self.scan(columns, ids.iter().map(range).collect());
        match selection.at_most() {
            Some(most) if series.len() == 1 => limit(&mut scan, most),
            _ if series.len() > 1 && self.filters(columns) => {
                let keys = |id: &SeriesId| (rows::data_key(*id, end), rows::data_key(*id, start));
                let keys: Vec<_> = ids.iter().map(keys).collect();
                let count = selection.at_most().and_then(|count| i64::try_from(count).ok());
                let bytes = rows::row_filter(&keys, count.unwrap_or(i64::MAX)).into();
                scan.filter = Some(Filter { class: ROW_FILTER.to_owned(), bytes });
            }
            _ => {}
        }
        (scan, Pass::new(series, Some(selection)))
    }

    /// One part of one series, if anything of it is wanted.
    fn one(
        &self,
        columns: &DataColumns,
        index: usize,
        series: SeriesId,
        part: Part,
    ) -> Option<(Scan, Pass)> {
        let request = &self.request;
        let of_range = |(first, stop): (Vec<u8>, Vec<u8>)| vec![Range::new(first, stop)];
        let (scan, selection) = match part {
            Part::Post => {
                let wanted = request.post_boundary > 0 && request.end < i64::MAX;
                wanted.then_some(())?;
                let ranges = of_range(rows::newer_range(series, request.end));
                let mut scan = self.scan(columns, ranges);
                scan.reversed = true;
                limit(&mut scan, request.post_boundary);
                (scan, None)
            }
            Part::Range => {
                let selection = Selection::new(request, index);
                (!selection.is_done() && request.start <= request.end).then_some(())?;
                let ranges = of_range(rows::scan_range(series, request.start, request.end));
                let mut scan = self.scan(columns, ranges);
                if let Some(most) = selection.at_most() {
                    limit(&mut scan, most);
                }
                (scan, Some(selection))
            }
            Part::Pre => {
                let wanted = request.pre_boundary > 0 && request.start > i64::MIN;
                wanted.then_some(())?;
                let before = rows::scan_range(series, i64::MIN, request.start.wrapping_sub(1));
                let mut scan = self.scan(columns, of_range(before));
                limit(&mut scan, request.pre_boundary);
                (scan, None)
            }
        };
        Some((scan, Pass::new(index..index + 1, selection)))
    }

    fn scan(&self, columns: &DataColumns, ranges: Vec<Range>) -> Scan {
        let mut scan = Scan::new(columns.table.clone(), columns.family.clone(), ranges);
        scan.rows_per_call = ROWS_MAX;
        scan.cache_blocks = self.request.series.len() <= columns.cached_series_max;
        scan
    }

    pub(super) const fn request(&self) -> &FetchRequest {
        &self.request
    }
}

fn limit(scan: &mut Scan, rows: u64) {
    scan.limit = Some(rows);
    scan.rows_per_call = u32::try_from(rows).unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX);
}

impl Pass {
    fn new(series: Span<usize>, selection: Option<Selection>) -> Self {
        Self { series, selection, cells: CellBlock::default(), looked_at: 0 }
    }

    /// More cells of its scan.
    pub(super) fn add(&mut self, cells: CellBlock) {
        (self.cells, self.looked_at) = (cells, 0);
    }

    /// Whether all its cells were looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.looked_at >= self.cells.len()
    }

    /// Whether nothing more of its scan is wanted.
    pub(super) fn is_done(&self) -> bool {
        let is_last = self.series.len() <= 1;
        is_last && self.selection.as_ref().is_some_and(Selection::is_done)
    }

    /// The next datapoints, of one series and at most a chunk, and its place in the request. There
    /// may be none in the cells that are left.
    pub(super) fn take(
        &mut self,
        request: &FetchRequest,
        key: Option<&WrapKey>,
    ) -> Result<Option<(usize, Columns)>, TableError> {
        let mut points = Columns::default();
        while self.looked_at < self.cells.len() && points.len() < CHUNK_POINTS_MAX {
            let row = self.cells.cell(self.looked_at).row;
            let Some((series, tick)) = rows::read_data_key(row) else {
                return Err(TableError::Corrupt(format!("row {}", row.escape_ascii())));
            };
            if request.series.get(self.series.start) != Some(&series) {
                if !points.is_empty() {
                    break;
                }
                self.go_to(request, series)?;
            }
            let is_taken = self.selection.as_mut().is_none_or(|selection| selection.takes(tick));
            if is_taken {
                read(tick, self.cells.cell(self.looked_at).value, key, &mut points)?;
            }
            self.looked_at += 1;
        }
        Ok((!points.is_empty()).then_some((self.series.start, points)))
    }

    /// The cells are of the next series.
    fn go_to(&mut self, request: &FetchRequest, series: SeriesId) -> Result<(), TableError> {
        let ids = &request.series[self.series.clone()];
        let Some(steps) = ids.iter().position(|id| *id == series) else {
            return Err(TableError::Unavailable("HBase answers rows that nobody asked for".into()));
        };
        self.series.start += steps;
        if self.selection.is_some() {
            self.selection = Some(Selection::new(request, self.series.start));
        }
        Ok(())
    }
}

/// Appends the datapoint of a cell.
fn read(
    tick: i64,
    value: &[u8],
    key: Option<&WrapKey>,
    points: &mut Columns,
) -> Result<(), TableError> {
    let mut decoder = Decoder::new(tick, value, key);
    let unreadable = |why: &str| {
        TableError::Corrupt(format!(
            "the cell of a datapoint at {tick}: {why} (is the key of store and egress the same?)"
        ))
    };
    let point = decoder.next_point().map_err(|error| unreadable(&error.to_string()))?;
    let point = point.ok_or_else(|| unreadable("it is empty, or wrapped with another key"))?;
    points.push(point.tick, point.location, point.elevation, point.value.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(row_filter_above: Option<usize>) -> DataColumns {
        let (table, family) = ("t".into(), "v".into());
        DataColumns {
            table,
            family,
            key: None,
            row_filter_above,
            uses_endpoint: true,
            cached_series_max: 4,
        }
    }

    fn series(class_id: i64, labels_id: i64) -> SeriesId {
        SeriesId { class_id, labels_id }
    }

    fn passes(request: FetchRequest, columns: &DataColumns) -> Vec<(Scan, Span<usize>)> {
        let mut planner = Planner::new(request);
        std::iter::from_fn(|| planner.next_pass(columns))
            .map(|(scan, pass)| (scan, pass.series))
            .collect()
    }

    #[test]
    fn series_in_the_order_of_rows_are_one_scan() {
        // The contract's order is that of signed ids, the table's that of bytes.
        let ids = vec![series(-2, 1), series(-1, -5), series(-1, 5), series(3, 0), series(3, 1)];
        let found = passes(FetchRequest::range(ids, 0, 9), &columns(None));
        let spans: Vec<_> = found.iter().map(|(_, span)| span.clone()).collect();
        assert_eq!(spans, [0..2, 2..3, 3..5]);
        assert_eq!(found[0].0.ranges.len(), 2);
        assert!(found.iter().all(|(scan, _)| !scan.cache_blocks && scan.filter.is_none()));
    }

    #[test]
    fn counts_are_limits_of_scans_or_the_filters() {
        let ids: Vec<SeriesId> = (0..20).map(|id| series(1, id)).collect();
        let mut request = FetchRequest::range(ids, i64::MIN, 9);
        request.count = Some(3);
        let found = passes(request.clone(), &columns(None));
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|(scan, _)| scan.limit == Some(3)));
        let found = passes(request, &columns(Some(16)));
        assert_eq!(found.len(), 1);
        let filter = found[0].0.filter.as_ref().expect("a filter");
        assert_eq!(filter.bytes[..8], 3i64.to_be_bytes());
    }

    #[test]
    fn boundaries_are_scans_of_their_own() {
        let mut request = FetchRequest::range(vec![series(1, 1)], 5, 9);
        (request.pre_boundary, request.post_boundary) = (2, 3);
        let found = passes(request.clone(), &columns(None));
        let kinds: Vec<_> = found.iter().map(|(scan, _)| (scan.reversed, scan.limit)).collect();
        assert_eq!(kinds, [(true, Some(3)), (false, None), (false, Some(2))]);
        (request.start, request.end, request.count) = (i64::MIN, i64::MAX, Some(0));
        assert_eq!(passes(request, &columns(None)), []);
    }
}
