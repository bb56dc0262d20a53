//! A model of the table: cells with timestamps, tombstones of a moment, streams.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weft_daemons::contract::ActionId;
use weft_daemons::contract::table::{
    CHUNK_POINTS_MAX, CHUNK_ROWS_MAX, CellTime, FetchRequest, MetaPut, SeriesPut, TableAction,
    TableError, TableEvent,
};
use weft_daemons::select::Selection;
use weft_gts::{Columns, PointRef, SeriesId};

use crate::world::Address;

/// One version of a datapoint.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its timestamp, milliseconds.
    pub time_ms: i64,
    /// When it is no longer read, milliseconds.
    pub expires_ms: i64,
    /// The datapoint.
    pub point: PointRef,
    /// Who wrote it.
    by: Address,
}

/// The table.
#[derive(Debug, Default)]
pub struct TableModel {
    /// The newest cell of each datapoint, and older ones that a delete may bring to light.
    cells: BTreeMap<(SeriesId, i64), Vec<Cell>>,
    /// Metadata rows and their cells' timestamps.
    rows: BTreeMap<SeriesId, (i64, Bytes)>,
    /// Up to which timestamp a delete took a row.
    row_tombstones: BTreeMap<SeriesId, i64>,
    streams: BTreeMap<(Address, ActionId), Stream>,
    /// Up to which timestamp a delete took cells of a datapoint: what comes late with such a
    /// timestamp is not seen (until a compaction, which never comes here).
    tombstones: BTreeMap<(SeriesId, i64), i64>,
    /// Series with cells that carry their datapoint's time.
    timed: BTreeSet<SeriesId>,
    /// How datapoints were at the last flush that have changed since.
    unflushed: BTreeMap<(SeriesId, i64), Before>,
    /// A bug: flushes do nothing ([`crate::mutants::Mutant::FlushSkipped`]).
    pub forgets_to_flush: bool,
    /// Whether what comes now was asked for long ago.
    pub is_late: bool,
    /// Datapoints where a cell took the place of one with the same timestamp out of turn: who asked
    /// had lost the partition, or it was late.
    disputed: BTreeSet<(SeriesId, i64)>,
    /// The newest timestamp with which each datapoint's cell was ever written.
    written: BTreeMap<(SeriesId, i64), BTreeSet<i64>>,
}

/// A datapoint as it was.
#[derive(Debug)]
struct Before {
    cells: Option<Vec<Cell>>,
    tombstone: Option<i64>,
    written: Option<BTreeSet<i64>>,
}

#[derive(Debug)]
enum Stream {
    Points(Vec<(usize, Columns)>),
    Rows(Vec<Vec<(SeriesId, Bytes)>>),
}

impl TableModel {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does all of an action, or for a write the parts that `keep` says yes to: then the answer is
    /// an error. `None` for what has no answer.
    pub fn submit(
        &mut self,
        wall_ms: i64,
        from: Address,
        action: TableAction,
        mut keep: impl FnMut(SeriesId) -> bool,
    ) -> Option<TableEvent> {
        let mut whole = true;
        let mut kept = |series: SeriesId| {
            let keeps = keep(series);
            whole &= keeps;
            keeps
        };
        match action {
            TableAction::Put { id, puts } => {
                for put in puts {
                    if kept(put.series) {
                        self.put(from, &put);
                    }
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::Delete { id, series, start, end, cell_from, cell_until } => {
                let mut gone = 0;
                if kept(series) && start <= end {
                    gone = self.delete(series, start..=end, cell_from..=cell_until);
                }
                Some(TableEvent::Deleted { id, result: outcome(whole, gone) })
            }
            TableAction::PutMeta { id, rows } => {
                for put in rows {
                    if kept(put.series) {
                        self.put_row(put);
                    }
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::DeleteMeta { id, series } => {
                for (series, cell_until_ms) in series {
                    if kept(series) {
                        self.delete_row(series, cell_until_ms);
                    }
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::Flush { id } => {
                let result = outcome(kept(SeriesId { class_id: 0, labels_id: 0 }), ());
                if result.is_ok() && !self.forgets_to_flush {
                    self.unflushed.clear();
                }
                Some(TableEvent::Flushed { id, result })
            }
            TableAction::Fetch { id, request } => {
                let mut chunks = self.fetch(wall_ms, &request);
                chunks.reverse();
                self.streams.insert((from, id), Stream::Points(chunks));
                None
            }
            TableAction::ScanMeta { id, slice } => {
                let mine = self
                    .rows
                    .iter()
                    .filter(|(series, _)| series.in_slice(slice.modulus, slice.remainder));
                let rows: Vec<_> = mine.map(|(id, (_, row))| (*id, row.clone())).collect();
                let mut chunks: Vec<Vec<_>> =
                    rows.chunks(CHUNK_ROWS_MAX.min(50)).map(<[_]>::to_vec).collect();
                chunks.reverse();
                self.streams.insert((from, id), Stream::Rows(chunks));
                None
            }
            TableAction::Next { id } => self.next(from, id),
            TableAction::Cancel { id } => {
                self.streams.remove(&(from, id));
                None
            }
        }
    }

    /// A stream breaks off: the answer to what was asked of it.
    pub fn break_stream(&mut self, from: Address, id: ActionId) -> Option<TableEvent> {
        self.streams.remove(&(from, id))?;
        let error = TableError::Unavailable("a region is moving".to_owned());
        Some(TableEvent::End { id, result: Err(error) })
    }

    /// What reads see of a series, oldest first.
    pub fn visible(&self, series: SeriesId, wall_ms: i64) -> Vec<PointRef> {
        let cells = self.cells.range((series, i64::MIN)..=(series, i64::MAX));
        cells.filter_map(|(_, versions)| newest(versions, wall_ms)).cloned().collect()
    }

    /// Whether a series has had cells that carry their datapoint's time.
    pub fn is_timed(&self, series: SeriesId) -> bool {
        self.timed.contains(&series)
    }

    /// Whether two values that the log took in the same millisecond may be in any order here.
    pub fn is_disputed(&self, series: SeriesId, tick: i64) -> bool {
        self.disputed.contains(&(series, tick))
    }

    /// All series with a datapoint.
    pub fn series(&self) -> BTreeSet<SeriesId> {
        self.cells.keys().map(|(series, _)| *series).collect()
    }

    /// Whether a cell of this datapoint was ever written with that timestamp or a newer one.
    pub fn was_written(&self, series: SeriesId, tick: i64, time_ms: i64) -> bool {
        let times = self.written.get(&(series, tick));
        times.is_some_and(|times| times.range(time_ms..).next().is_some())
    }

    /// The power goes where the table is part of the process: of what was not flushed some is lost.
    pub fn lose_unflushed(&mut self, mut is_lost: impl FnMut() -> bool) {
        for (place, Before { cells, tombstone, written }) in std::mem::take(&mut self.unflushed) {
            if is_lost() {
                restore(&mut self.cells, place, cells);
                restore(&mut self.tombstones, place, tombstone);
                restore(&mut self.written, place, written);
            }
        }
    }

    /// A datapoint is about to change.
    fn touch(&mut self, place: (SeriesId, i64)) {
        self.unflushed.entry(place).or_insert_with(|| Before {
            cells: self.cells.get(&place).cloned(),
            tombstone: self.tombstones.get(&place).copied(),
            written: self.written.get(&place).cloned(),
        });
    }

    fn put_row(&mut self, put: MetaPut) {
        let deleted = self.row_tombstones.get(&put.series);
        let newest = self.rows.get(&put.series).map(|(cell_ms, _)| *cell_ms);
        if deleted.is_none_or(|until| *until < put.cell_ms)
            && newest.is_none_or(|newest| newest <= put.cell_ms)
        {
            self.rows.insert(put.series, (put.cell_ms, put.row));
        }
    }

    fn delete_row(&mut self, series: SeriesId, cell_until_ms: i64) {
        if self.rows.get(&series).is_some_and(|(cell_ms, _)| *cell_ms <= cell_until_ms) {
            self.rows.remove(&series);
            let until = self.row_tombstones.entry(series).or_insert(i64::MIN);
            *until = (*until).max(cell_until_ms);
        }
    }

    fn put(&mut self, by: Address, put: &SeriesPut) {
        if matches!(put.cell_time, CellTime::OfDatapoint(_)) {
            self.timed.insert(put.series);
        }
        for point in put.points.iter() {
            let time_ms = match put.cell_time {
                CellTime::At(ms) => ms,
                CellTime::OfDatapoint(per_ms) => point.tick.div_euclid(per_ms),
            };
            let expires_ms = put.ttl_ms.map_or(i64::MAX, |ttl| time_ms.saturating_add(ttl));
            let place = (put.series, point.tick);
            self.touch(place);
            self.written.entry(place).or_default().insert(time_ms);
            if self.tombstones.get(&place).is_some_and(|until| time_ms <= *until) {
                continue;
            }
            let versions = self.cells.entry(place).or_default();
            let before = versions.iter().position(|cell| cell.time_ms == time_ms);
            let before = before.map(|index| versions.swap_remove(index));
            if self.is_late || before.is_some_and(|cell| cell.by != by) {
                self.disputed.insert(place);
            }
            versions.push(Cell { time_ms, expires_ms, point, by });
        }
    }

    fn delete(
        &mut self,
        series: SeriesId,
        ticks: std::ops::RangeInclusive<i64>,
        times: std::ops::RangeInclusive<i64>,
    ) -> u64 {
        let places: Vec<_> = self
            .cells
            .range((series, *ticks.start())..=(series, *ticks.end()))
            .map(|(place, _)| *place)
            .collect();
        let mut gone = 0;
        for place in places {
            self.touch(place);
            let Some(versions) = self.cells.get_mut(&place) else { continue };
            let before = versions.len();
            versions.retain(|cell| !times.contains(&cell.time_ms));
            if versions.len() < before {
                gone += 1;
                let until = self.tombstones.entry(place).or_insert(i64::MIN);
                *until = (*until).max(*times.end());
            }
            if versions.is_empty() {
                self.cells.remove(&place);
            }
        }
        gone
    }

    fn fetch(&self, wall_ms: i64, request: &FetchRequest) -> Vec<(usize, Columns)> {
        let mut chunks = Vec::new();
        for (index, series) in request.series.iter().enumerate() {
            let all = self.visible(*series, wall_ms);
            let after: Vec<&PointRef> = all
                .iter()
                .filter(|point| point.tick > request.end)
                .take(request.post_boundary as usize)
                .collect();
            let mut selection = Selection::new(request, index);
            let within = all.iter().rev().filter(|point| {
                (request.start..=request.end).contains(&point.tick) && selection.takes(point.tick)
            });
            let before = all
                .iter()
                .rev()
                .filter(|point| point.tick < request.start)
                .take(request.pre_boundary as usize);
            let found: Vec<&PointRef> = after.into_iter().chain(within).chain(before).collect();
            for part in found.chunks(CHUNK_POINTS_MAX) {
                let mut points = Columns::default();
                for point in part {
                    let value = point.value.clone();
                    points.push(point.tick, point.location, point.elevation, value);
                }
                chunks.push((index, points));
            }
        }
        chunks
    }

    fn next(&mut self, from: Address, id: ActionId) -> Option<TableEvent> {
        let stream = self.streams.get_mut(&(from, id))?;
        let event = match stream {
            Stream::Points(chunks) => {
                chunks.pop().map(|(series, points)| TableEvent::Points { id, series, points })
            }
            Stream::Rows(chunks) => chunks.pop().map(|rows| TableEvent::Rows { id, rows }),
        };
        Some(event.unwrap_or_else(|| {
            self.streams.remove(&(from, id));
            TableEvent::End { id, result: Ok(()) }
        }))
    }
}

fn newest(versions: &[Cell], wall_ms: i64) -> Option<&PointRef> {
    let cell = versions.iter().max_by_key(|cell| cell.time_ms)?;
    (cell.expires_ms > wall_ms).then_some(&cell.point)
}

fn restore<T>(all: &mut BTreeMap<(SeriesId, i64), T>, place: (SeriesId, i64), before: Option<T>) {
    match before {
        Some(before) => all.insert(place, before),
        None => all.remove(&place),
    };
}

fn outcome<T>(whole: bool, value: T) -> Result<T, TableError> {
    if whole { Ok(value) } else { Err(TableError::Unavailable("a region is moving".to_owned())) }
}
