//! A model of the table: cells with timestamps, marks of deletes, streams.
//!
//! As the real one does, it writes and deletes in part, down to single cells; a delete leaves marks
//! that hide what is written later with an older timestamp, until a major compaction takes them
//! away; a stream is not of one moment: what is written while it goes on may be in it or not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeInclusive};

use bytes::Bytes;
use weft_daemons::contract::ActionId;
use weft_daemons::contract::table::{
    CHUNK_POINTS_MAX, CellTime, FetchRequest, MetaPut, SeriesPut, Slice, TableAction, TableError,
    TableEvent,
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
    /// Up to which timestamp deletes hide a row, whether it was there or not.
    row_marks: BTreeMap<SeriesId, Mark>,
    /// The newest timestamps with which each row was ever written, and deleted.
    row_times: BTreeMap<SeriesId, (Option<i64>, Option<i64>)>,
    streams: BTreeMap<(Address, ActionId), Stream>,
    /// The snapshot that there is, and the one that is saved.
    snapshot: Option<Snapshot>,
    begun: Option<Snapshot>,
    /// Up to which timestamp a delete took cells of a datapoint: what comes late with such a
    /// timestamp is not seen until a compaction.
    marks: BTreeMap<(SeriesId, i64), Mark>,
    /// When the last major compaction was, milliseconds.
    compacted_ms: i64,
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

/// What a delete leaves.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The newest timestamp that it hides.
    until_ms: i64,
    /// When it was made, milliseconds.
    made_ms: i64,
}

/// How old marks are when a major compaction takes them away, and how long it is until the next
/// one: longer than any call may be on its way.
const COMPACTION_MS: i64 = 300_000;

/// Metadata rows of one answer.
const ROWS: usize = 50;

/// A datapoint as it was.
#[derive(Debug)]
struct Before {
    cells: Option<Vec<Cell>>,
    mark: Option<Mark>,
    written: Option<BTreeSet<i64>>,
}

/// A snapshot of what a directory made of the rows.
#[derive(Debug)]
struct Snapshot {
    tag: u64,
    pieces: Vec<Bytes>,
    /// Rows that changed since it was begun.
    changed: BTreeSet<SeriesId>,
}

/// What is left of a stream.
#[derive(Debug)]
enum Stream {
    /// Chunks of the series before `next`, the last first. A series is read when its turn comes.
    Points { request: FetchRequest, next: usize, chunks: Vec<Columns> },
    /// Rows behind `last`.
    Rows { slice: Slice, last: Option<SeriesId> },
    /// Pieces of a snapshot and rows that changed since, the last first.
    Snapshot { pieces: Vec<Bytes>, changed: Vec<SeriesId> },
}

impl TableModel {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does all of an action, or for a write the parts that `keep` says yes to, datapoint by
    /// datapoint (for rows the tick is 0): then the answer is an error. `None` for what has no
    /// answer.
    pub fn submit(
        &mut self,
        wall_ms: i64,
        from: Address,
        action: TableAction,
        mut keep: impl FnMut(SeriesId, i64) -> bool,
    ) -> Option<TableEvent> {
        self.compact(wall_ms);
        let mut whole = true;
        let mut kept = |series: SeriesId, tick: i64| {
            let keeps = keep(series, tick);
            whole &= keeps;
            keeps
        };
        match action {
            TableAction::Put { id, puts } => {
                for put in puts {
                    self.put(from, &put, |tick| kept(put.series, tick));
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::Delete { id, series, start, end, cell_from, cell_until } => {
                let mut gone = 0;
                if start <= end {
                    let cells = cell_from..=cell_until;
                    gone =
                        self.delete(wall_ms, series, start..=end, cells, |tick| kept(series, tick));
                }
                Some(TableEvent::Deleted { id, result: outcome(whole, gone) })
            }
            TableAction::PutMeta { id, rows } => {
                for put in rows {
                    if kept(put.series, 0) {
                        self.put_row(put);
                    }
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::DeleteMeta { id, series } => {
                for (series, cell_until_ms) in series {
                    if kept(series, 0) {
                        self.delete_row(wall_ms, series, cell_until_ms);
                    }
                }
                Some(TableEvent::Written { id, result: outcome(whole, ()) })
            }
            TableAction::Flush { id } => {
                let result = outcome(kept(SeriesId { class_id: 0, labels_id: 0 }, 0), ());
                if result.is_ok() && !self.forgets_to_flush {
                    self.unflushed.clear();
                }
                Some(TableEvent::Flushed { id, result })
            }
            TableAction::Fetch { id, request } => {
                let stream = Stream::Points { request, next: 0, chunks: Vec::new() };
                self.streams.insert((from, id), stream);
                None
            }
            TableAction::ScanMeta { id, slice, snapshot } => {
                let kept = self.snapshot.as_ref().filter(|kept| Some(kept.tag) == snapshot);
                let stream = match kept {
                    Some(kept) => Stream::Snapshot {
                        pieces: kept.pieces.iter().rev().cloned().collect(),
                        changed: kept.changed.iter().copied().collect(),
                    },
                    None => Stream::Rows { slice, last: None },
                };
                self.streams.insert((from, id), stream);
                None
            }
            TableAction::SaveSnapshot { id, tag, is_first, is_last, piece } => {
                let is_kept = kept(SeriesId { class_id: 0, labels_id: 0 }, 0);
                let result = outcome(is_kept && self.save(tag, is_first, is_last, piece), ());
                Some(TableEvent::Written { id, result })
            }
            TableAction::Next { id } => self.next(wall_ms, from, id),
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

    /// The series whose datapoints or row a stream comes to next, if any.
    pub fn reads_next(&self, from: Address, id: ActionId) -> Option<SeriesId> {
        match self.streams.get(&(from, id))? {
            Stream::Points { chunks, .. } if !chunks.is_empty() => None,
            Stream::Snapshot { .. } => None,
            Stream::Points { request, next, .. } => request.series.get(*next).copied(),
            Stream::Rows { slice, last } => self.rows_after(*slice, *last).next().map(|(id, _)| id),
        }
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

    /// The newest timestamps with which a row was ever written, and deleted.
    pub fn row_times(&self, series: SeriesId) -> (Option<i64>, Option<i64>) {
        self.row_times.get(&series).copied().unwrap_or_default()
    }

    /// The power goes where the table is part of the process: of what was not flushed some is lost.
    pub fn lose_unflushed(&mut self, mut is_lost: impl FnMut() -> bool) {
        for (place, Before { cells, mark, written }) in std::mem::take(&mut self.unflushed) {
            if is_lost() {
                restore(&mut self.cells, place, cells);
                restore(&mut self.marks, place, mark);
                restore(&mut self.written, place, written);
            }
        }
    }

    /// A datapoint is about to change.
    fn touch(&mut self, place: (SeriesId, i64)) {
        self.unflushed.entry(place).or_insert_with(|| Before {
            cells: self.cells.get(&place).cloned(),
            mark: self.marks.get(&place).copied(),
            written: self.written.get(&place).cloned(),
        });
    }

    /// One more piece of a snapshot; whether there is what it belongs to.
    fn save(&mut self, tag: u64, is_first: bool, is_last: bool, piece: Bytes) -> bool {
        if is_first {
            self.begun = Some(Snapshot { tag, pieces: Vec::new(), changed: BTreeSet::new() });
        }
        let Some(begun) = &mut self.begun else { return false };
        begun.pieces.push(piece);
        if is_last {
            self.snapshot = self.begun.take();
        }
        true
    }

    /// A row is about to change.
    fn change_row(&mut self, series: SeriesId) {
        for snapshot in self.snapshot.iter_mut().chain(&mut self.begun) {
            snapshot.changed.insert(series);
        }
    }

    fn put_row(&mut self, put: MetaPut) {
        self.change_row(put.series);
        let (written, _) = self.row_times.entry(put.series).or_default();
        *written = Some(put.cell_ms).max(*written);
        let mark = self.row_marks.get(&put.series);
        let newest = self.rows.get(&put.series).map(|(cell_ms, _)| *cell_ms);
        if mark.is_none_or(|mark| mark.until_ms < put.cell_ms)
            && newest.is_none_or(|newest| newest <= put.cell_ms)
        {
            self.rows.insert(put.series, (put.cell_ms, put.row));
        }
    }

    fn delete_row(&mut self, made_ms: i64, series: SeriesId, until_ms: i64) {
        self.change_row(series);
        let (_, deleted) = self.row_times.entry(series).or_default();
        *deleted = Some(until_ms).max(*deleted);
        if self.rows.get(&series).is_some_and(|(cell_ms, _)| *cell_ms <= until_ms) {
            self.rows.remove(&series);
        }
        mark(&mut self.row_marks, series, Mark { until_ms, made_ms });
    }

    /// A major compaction, when it is time: marks go, and with them what is not seen any more.
    fn compact(&mut self, wall_ms: i64) {
        if wall_ms >= self.compacted_ms + COMPACTION_MS {
            self.compact_now(wall_ms);
        }
    }

    /// A major compaction, whether it is time or not.
    pub fn compact_now(&mut self, wall_ms: i64) {
        self.compacted_ms = wall_ms;
        let stays = |mark: &Mark| mark.made_ms > wall_ms - COMPACTION_MS;
        // What carries its datapoint's time stays hidden here: the oracle knows of no compaction
        // (README.md, "What is not promised").
        self.marks.retain(|(series, _), mark| stays(mark) || self.timed.contains(series));
        self.row_marks.retain(|_, mark| stays(mark));
        for versions in self.cells.values_mut() {
            let newest = versions.iter().map(|cell| cell.time_ms).max();
            versions.retain(|cell| Some(cell.time_ms) == newest);
        }
    }

    fn put(&mut self, by: Address, put: &SeriesPut, mut kept: impl FnMut(i64) -> bool) {
        if matches!(put.cell_time, CellTime::OfDatapoint(_)) {
            self.timed.insert(put.series);
        }
        for point in put.points.iter().filter(|point| kept(point.tick)) {
            // Timestamps before the epoch do not exist.
            let time_ms = match put.cell_time {
                CellTime::At(ms) => ms.max(0),
                CellTime::OfDatapoint(per_ms) => point.tick.max(0) / per_ms,
            };
            let expires_ms = put.ttl_ms.map_or(i64::MAX, |ttl| time_ms.saturating_add(ttl));
            let place = (put.series, point.tick);
            self.touch(place);
            self.written.entry(place).or_default().insert(time_ms);
            if self.marks.get(&place).is_some_and(|mark| time_ms <= mark.until_ms) {
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
        made_ms: i64,
        series: SeriesId,
        ticks: RangeInclusive<i64>,
        times: RangeInclusive<i64>,
        mut kept: impl FnMut(i64) -> bool,
    ) -> u64 {
        // The regions of the range are asked, whatever they have.
        kept(*ticks.start());
        kept(*ticks.end());
        let places: Vec<_> = self
            .cells
            .range((series, *ticks.start())..=(series, *ticks.end()))
            .map(|(place, _)| *place)
            .collect();
        let mut gone = 0;
        for place in places.into_iter().filter(|(_, tick)| kept(*tick)) {
            self.touch(place);
            let Some(versions) = self.cells.get_mut(&place) else { continue };
            let before = versions.len();
            versions.retain(|cell| !times.contains(&cell.time_ms));
            if versions.len() < before {
                gone += 1;
                mark(&mut self.marks, place, Mark { until_ms: *times.end(), made_ms });
            }
            if versions.is_empty() {
                self.cells.remove(&place);
            }
        }
        gone
    }

    /// What a fetch finds of a series, in chunks.
    fn fetch(&self, wall_ms: i64, request: &FetchRequest, index: usize) -> Vec<Columns> {
        let all = self.visible(request.series[index], wall_ms);
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
        let chunk = |part: &[&PointRef]| {
            let mut points = Columns::default();
            for point in part {
                let value = point.value.clone();
                points.push(point.tick, point.location, point.elevation, value);
            }
            points
        };
        found.chunks(CHUNK_POINTS_MAX).map(chunk).collect()
    }

    fn rows_after(
        &self,
        slice: Slice,
        last: Option<SeriesId>,
    ) -> impl Iterator<Item = (SeriesId, &Bytes)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows.range((from, Bound::Unbounded));
        rows.filter(move |(series, _)| series.in_slice(slice.modulus, slice.remainder))
            .map(|(series, (_, row))| (*series, row))
    }

    fn next(&mut self, wall_ms: i64, from: Address, id: ActionId) -> Option<TableEvent> {
        let mut stream = self.streams.remove(&(from, id))?;
        let event = match &mut stream {
            Stream::Points { request, next, chunks } => {
                while chunks.is_empty() && *next < request.series.len() {
                    *chunks = self.fetch(wall_ms, request, *next);
                    chunks.reverse();
                    *next += 1;
                }
                let series = next.saturating_sub(1);
                chunks.pop().map(|points| TableEvent::Points { id, series, points })
            }
            Stream::Rows { slice, last } => {
                let rows = self.rows_after(*slice, *last).take(ROWS);
                let rows: Vec<_> = rows.map(|(series, row)| (series, row.clone())).collect();
                *last = rows.last().map(|(series, _)| *series);
                (!rows.is_empty()).then_some(TableEvent::Rows { id, rows })
            }
            Stream::Snapshot { pieces, changed } => match pieces.pop() {
                Some(piece) => Some(TableEvent::Snapshot { id, piece }),
                None => changed.pop().map(|series| match self.rows.get(&series) {
                    Some((_, row)) => TableEvent::Rows { id, rows: vec![(series, row.clone())] },
                    None => TableEvent::Gone { id, series: vec![series] },
                }),
            },
        };
        let Some(event) = event else { return Some(TableEvent::End { id, result: Ok(()) }) };
        self.streams.insert((from, id), stream);
        Some(event)
    }
}

/// What was marked before stays marked.
fn mark<K: Ord>(marks: &mut BTreeMap<K, Mark>, place: K, new: Mark) {
    let known = marks.entry(place).or_insert(new);
    known.until_ms = known.until_ms.max(new.until_ms);
    known.made_ms = known.made_ms.max(new.made_ms);
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
