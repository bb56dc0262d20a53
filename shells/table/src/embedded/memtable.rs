//! What was written since the last flush.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxBuildHasher;
use weft_daemons::contract::table::{CellTime, SeriesPut};
use weft_gts::SeriesId;

use super::cells::{self, Cells, FOR_EVER};
use super::file::Tombstone;

const SHARDS: usize = 16;

/// What a series takes besides its datapoints, about.
const SERIES_BYTES: usize = 320;

type Shard = HashMap<SeriesId, Buffer, FxBuildHasher>;

/// Cells in memory. One thread writes; others read.
#[derive(Debug, Default)]
pub(super) struct Memtable {
    shards: [Mutex<Shard>; SHARDS],
    bytes: AtomicUsize,
}

/// Cells of one series.
#[derive(Debug, Default)]
struct Buffer {
    /// In the order of arrival.
    cells: Cells,
    /// Whether ticks do not always go up.
    is_unsorted: bool,
    tombstones: Vec<Tombstone>,
}

/// Some of the cells of a series, newest first.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) cells: Cells,
    /// What is deleted of older cells.
    pub(super) tombstones: Vec<Tombstone>,
    /// When there are more: the last tick, in the direction of reading, that is complete.
    pub(super) until: Option<i64>,
}

impl Memtable {
    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    pub(super) fn put(&self, put: &SeriesPut) {
        let mut shard = self.shard(put.series);
        let known = shard.len();
        let buffer = shard.entry(put.series).or_default();
        buffer.put(put);
        let is_new = usize::from(shard.len() > known);
        let bytes = is_new * SERIES_BYTES + cells::memory(&put.points) + 24;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn delete(&self, series: SeriesId, tombstone: Tombstone) {
        let mut shard = self.shard(series);
        let buffer = shard.entry(series).or_default();
        buffer.normalise();
        buffer
            .cells
            .retain(|cells, row| !tombstone.hides(cells.points.ticks[row], cells.cell_ms.get(row)));
        buffer.tombstones.retain(|known| !tombstone.covers(known));
        if !buffer.tombstones.iter().any(|known| known.covers(&tombstone)) {
            buffer.tombstones.push(tombstone);
        }
        self.bytes.fetch_add(SERIES_BYTES, Ordering::Relaxed);
    }

    /// At most `limit` cells of a series with ticks within, from the newest on down or from the
    /// oldest on up.
    pub(super) fn take(
        &self,
        series: SeriesId,
        (oldest, newest): (i64, i64),
        is_up: bool,
        limit: usize,
    ) -> Taken {
        let mut shard = self.shard(series);
        let Some(buffer) = shard.get_mut(&series) else { return Taken::default() };
        buffer.normalise();
        let ticks = &buffer.cells.points.ticks;
        let (mut start, mut end) =
            (ticks.partition_point(|&t| t < oldest), ticks.partition_point(|&t| t <= newest));
        let mut until = None;
        if end.saturating_sub(start) > limit {
            if is_up {
                end = start + limit;
                until = Some(ticks[end - 1]);
            } else {
                start = end - limit;
                until = Some(ticks[start]);
            }
        }
        let mut cells = buffer.cells.slice(start..end.max(start));
        cells.reverse();
        Taken { cells, tombstones: buffer.tombstones.clone(), until }
    }

    /// The series that have cells or tombstones, in order.
    pub(super) fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<SeriesId> = Vec::new();
        for shard in &self.shards {
            series.extend(lock(shard).keys());
        }
        series.sort_unstable();
        series
    }

    /// All of a series, newest first. What is asked for once is not changed any more.
    pub(super) fn all(&self, series: SeriesId) -> Taken {
        self.take(series, (i64::MIN, i64::MAX), false, usize::MAX)
    }

    fn shard(&self, series: SeriesId) -> MutexGuard<'_, Shard> {
        let hash = series.class_id ^ series.labels_id;
        lock(&self.shards[(hash as u64 % SHARDS as u64) as usize])
    }
}

impl Buffer {
    fn put(&mut self, put: &SeriesPut) {
        let ticks = &put.points.ticks;
        let goes_up = ticks.windows(2).all(|pair| pair[0] < pair[1]);
        let follows = match (self.cells.points.ticks.last(), ticks.first()) {
            (Some(last), Some(first)) => last < first,
            _ => true,
        };
        self.is_unsorted |= !(goes_up && follows);
        cells::append(&mut self.cells.points, &put.points);
        match put.cell_time {
            CellTime::At(ms) => self.cells.cell_ms.push(ms, ticks.len()),
            CellTime::OfDatapoint(units_per_ms) => {
                for tick in ticks.iter() {
                    self.cells.cell_ms.push((*tick).max(0) / units_per_ms.max(1), 1);
                }
            }
        }
        self.cells.ttl_ms.push(put.ttl_ms.unwrap_or(FOR_EVER), ticks.len());
    }

    /// Sorts, and leaves of each tick the cell with the newest timestamp, the later of equals.
    fn normalise(&mut self) {
        if !std::mem::take(&mut self.is_unsorted) {
            return;
        }
        let (ticks, cell_ms) = (&self.cells.points.ticks, &self.cells.cell_ms);
        let mut places: Vec<u32> = (0..ticks.len() as u32).collect();
        places.sort_by_key(|&place| ticks[place as usize]);
        let winners: Vec<u32> = places
            .chunk_by(|&a, &b| ticks[a as usize] == ticks[b as usize])
            .map(|same| {
                let newer = |best: u32, next: u32| {
                    let is_newer = cell_ms.get(next as usize) >= cell_ms.get(best as usize);
                    if is_newer { next } else { best }
                };
                same[1..].iter().fold(same[0], |best, &next| newer(best, next))
            })
            .collect();
        self.cells = self.cells.gather(&winners);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
