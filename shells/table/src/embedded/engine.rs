//! The engine: what was written lately in memory, all else in files of blocks.
//!
//! ```text
//! put ─▶ active memtable ─(full, or asked for)─▶ frozen ─flush─▶ file ┐
//!                                                                      ├─▶ manifest
//!                          files of like size ─merge─▶ one file ───────┘
//! ```
//!
//! What is in memory is lost when the process ends: whoever wrote it writes it again, from the log,
//! unless it was flushed. Files never change; the manifest says which there are, and in which
//! order they came.

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use weft_daemons::contract::TableError;
use weft_daemons::contract::table::SeriesPut;
use weft_files::Files;
use weft_gts::SeriesId;

use super::block::BLOCK_CELLS;
use super::cells::Cells;
use super::file::{BlockFile, BlockMeta, FileCursor, FileWriter, Tombstone, unreadable};
use super::manifest::{self, Manifest};
use super::memtable::Memtable;
use super::merge::window;

/// Files of about the same size that are merged.
pub(super) const FAN_IN: usize = 4;

/// The same, while flushes follow each other: what is merged later is merged less often, and reads
/// can bear some more files for a while.
pub(super) const FAN_IN_BUSY: usize = 12;

/// Files below are all of about the same size.
const SMALL_BYTES: u64 = 1 << 20;

/// Nothing larger is merged: the time and the room for it would not be worth it.
const MERGE_BYTES_MAX: u64 = 32 << 30;

/// Cells of a block that is not worth being taken as it is.
const BLOCK_SMALL: usize = BLOCK_CELLS / 4;

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// Bytes of a memtable that is flushed.
    memtable_bytes: usize,
    state: Mutex<State>,
    /// The state has changed.
    changed: Condvar,
    /// Held while the list of files changes.
    listing: Mutex<()>,
}

#[derive(Debug)]
struct State {
    active: Arc<Memtable>,
    /// Full, and on its way into a file.
    frozen: Option<Arc<Memtable>>,
    /// The oldest first.
    list: Vec<Arc<BlockFile>>,
    next: u64,
    /// Why the last flush failed.
    failure: Option<TableError>,
}

/// What there is at one moment.
pub(super) struct Snapshot {
    pub(super) files: Vec<FileCursor>,
    /// The oldest first.
    pub(super) memtables: Vec<Arc<Memtable>>,
}

impl Snapshot {
    /// Whether files are those of another snapshot: cursors can be kept then.
    fn has_files(&self, list: &[Arc<BlockFile>]) -> bool {
        let known = self.files.iter().map(|cursor| cursor.file.number);
        known.eq(list.iter().map(|file| file.number))
    }
}

impl Engine {
    /// Opens what is in a folder.
    pub(super) fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        memtable_bytes: usize,
    ) -> Result<Self, TableError> {
        let manifest = Manifest::load(&*files, folder)?;
        let open = |&number: &u64| {
            let path = manifest::path_of(folder, number);
            BlockFile::open(&*files, &path, number).map(Arc::new)
        };
        let list = manifest.files.iter().map(open).collect::<Result<_, _>>()?;
        let state = State {
            active: Arc::default(),
            frozen: None,
            list,
            next: manifest.next,
            failure: None,
        };
        let (changed, listing) = (Condvar::new(), Mutex::new(()));
        let folder = folder.to_owned();
        Ok(Self { files, folder, memtable_bytes, state: Mutex::new(state), changed, listing })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes datapoints. For one thread, as [`Engine::delete`] and [`Engine::freeze`].
    pub(super) fn put(&self, puts: &[SeriesPut]) {
        let active = self.state().active.clone();
        puts.iter().for_each(|put| active.put(put));
    }

    pub(super) fn delete(&self, series: SeriesId, tombstone: Tombstone) {
        let active = self.state().active.clone();
        active.delete(series, tombstone);
    }

    /// Whether the memtable should be flushed.
    pub(super) fn is_full(&self) -> bool {
        self.state().active.bytes() >= self.memtable_bytes
    }

    /// Waits until a flush under way is over, and freezes the active memtable when it holds
    /// anything. The error of a flush that failed: its memtable is still frozen, and
    /// [`Engine::flush`] tries again.
    pub(super) fn freeze(&self) -> Result<(), TableError> {
        let mut state = self.state();
        while state.frozen.is_some() && state.failure.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        if !state.active.is_empty() {
            state.frozen = Some(std::mem::take(&mut state.active));
        }
        Ok(())
    }

    /// Writes the frozen memtable into a file, when there is one.
    pub(super) fn flush(&self) -> Result<(), TableError> {
        let Some(frozen) = self.state().frozen.clone() else { return Ok(()) };
        let result = self.write_file(|writer| {
            for series in frozen.series() {
                let all = frozen.all(series);
                writer.begin(series, all.tombstones);
                for start in (0..all.cells.len()).step_by(BLOCK_CELLS) {
                    let end = all.cells.len().min(start + BLOCK_CELLS);
                    writer
                        .block(&all.cells.slice(start..end))
                        .map_err(|e| unreadable(writer.path(), &e))?;
                }
            }
            Ok(())
        });
        let result = result.and_then(|file| {
            self.list(|list| list.push(Arc::new(file)), |state| state.frozen = None)
        });
        let mut state = self.state();
        state.failure = result.clone().err();
        drop(state);
        self.changed.notify_all();
        result
    }

    /// Makes a file with the next number.
    fn write_file(
        &self,
        fill: impl FnOnce(&mut FileWriter) -> Result<(), TableError>,
    ) -> Result<BlockFile, TableError> {
        let number = {
            let mut state = self.state();
            state.next += 1;
            state.next - 1
        };
        let path = manifest::path_of(&self.folder, number);
        let failed = |error: io::Error| unreadable(&path, &error);
        let filled =
            FileWriter::create(&*self.files, &path).map_err(failed).and_then(|mut writer| {
                fill(&mut writer)?;
                writer.finish().map_err(failed)
            });
        filled.and_then(|()| BlockFile::open(&*self.files, &path, number)).inspect_err(|_| {
            // Nobody names it; when it cannot be removed now, the next start does.
            let _ = self.files.remove(&path);
        })
    }

    /// Changes the list of files: durable first, then seen, together with what else changes.
    fn list(
        &self,
        change: impl FnOnce(&mut Vec<Arc<BlockFile>>),
        seen: impl FnOnce(&mut State),
    ) -> Result<(), TableError> {
        let _listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut list, next) = {
            let state = self.state();
            (state.list.clone(), state.next)
        };
        change(&mut list);
        let manifest = Manifest { next, files: list.iter().map(|file| file.number).collect() };
        manifest
            .store(&*self.files, &self.folder)
            .map_err(|error| unreadable(&self.folder, &error))?;
        let mut state = self.state();
        state.list = list;
        seen(&mut state);
        Ok(())
    }

    /// Copies the files there are now, and a manifest that names them, into a folder that is not
    /// there. `go_on` is asked now and then, and ends it with its error.
    pub(super) fn copy(
        &self,
        folder: &Path,
        go_on: &dyn Fn() -> io::Result<()>,
    ) -> Result<(), TableError> {
        let failed = |error: io::Error| unreadable(folder, &error);
        let (list, next) = {
            let state = self.state();
            (state.list.clone(), state.next)
        };
        self.files.create_folder(folder).map_err(failed)?;
        for file in &list {
            // They are open: what a merge removes meanwhile can still be read.
            file.copy(&*self.files, &manifest::path_of(folder, file.number), go_on)?;
        }
        let manifest = Manifest { next, files: list.iter().map(|file| file.number).collect() };
        manifest.store(&*self.files, folder).map_err(failed)
    }

    /// What there is now; `known` serves on when its files are still the same.
    pub(super) fn snapshot(&self, known: &mut Option<Snapshot>) {
        let state = self.state();
        let memtables = state.frozen.iter().chain([&state.active]).cloned().collect();
        match known {
            Some(snapshot) if snapshot.has_files(&state.list) => snapshot.memtables = memtables,
            _ => {
                let files = state.list.iter().cloned().map(FileCursor::new).collect();
                *known = Some(Snapshot { files, memtables });
            }
        }
    }

    /// Merges files of like size, when there are at least `fan_in` of them. Whether it did.
    pub(super) fn merge(&self, now_ms: i64, fan_in: usize) -> Result<bool, TableError> {
        let list = self.state().list.clone();
        let bytes: Vec<u64> = list.iter().map(|file| file.bytes).collect();
        let Some(range) = mergeable(&bytes, fan_in) else {
            return Ok(false);
        };
        let inputs = &list[range.clone()];
        // What is oldest of all has nothing to delete, and nothing comes to light when it goes.
        let is_oldest = range.start == 0;
        let file = self.write_file(|writer| {
            Merge {
                inputs: inputs.iter().cloned().map(FileCursor::new).collect(),
                writer,
                pending: Cells::default(),
                dead_by_ms: is_oldest.then_some(now_ms),
            }
            .run()
        })?;
        let merged: Vec<u64> = inputs.iter().map(|file| file.number).collect();
        let file = Arc::new(file);
        self.list(
            |list| {
                // Others were appended meanwhile, none went.
                let start = list.iter().position(|file| merged.contains(&file.number));
                let start = start.unwrap_or_default();
                list.splice(start..start + merged.len(), [file]);
            },
            |_| (),
        )?;
        for input in inputs {
            // Those who read it keep it open. What cannot be removed goes with the next start.
            let _ = self.files.remove(&input.path);
        }
        Ok(true)
    }
}

/// Neighbours of about the same size, or smaller than those before them; sizes are the oldest
/// first.
fn mergeable(bytes: &[u64], fan_in: usize) -> Option<std::ops::Range<usize>> {
    let level = |bytes: u64| (bytes.max(SMALL_BYTES) / SMALL_BYTES).ilog2() / FAN_IN.ilog2();
    // From the youngest on: as long as files do not become larger by a level, they belong together.
    let mut end = bytes.len();
    while end > 0 {
        let mut start = end - 1;
        let of = level(bytes[start]);
        while start > 0 && level(bytes[start - 1]) <= of {
            start -= 1;
        }
        let sum: u64 = bytes[start..end].iter().sum();
        if end - start >= fan_in && sum <= MERGE_BYTES_MAX {
            return Some(start..end);
        }
        end -= 1;
    }
    None
}

/// A merge under way.
struct Merge<'w> {
    inputs: Vec<FileCursor>,
    writer: &'w mut FileWriter,
    /// Newest first, not written yet.
    pending: Cells,
    /// Cells that were dead by then go, and tombstones too: there is nothing older.
    dead_by_ms: Option<i64>,
}

impl Merge<'_> {
    fn run(&mut self) -> Result<(), TableError> {
        let mut after = None;
        loop {
            let mut next: Option<SeriesId> = None;
            for input in &mut self.inputs {
                let of_input = input.series_after(after)?;
                next = [next, of_input].into_iter().flatten().min();
            }
            let Some(series) = next else { return Ok(()) };
            self.series(series)?;
            after = Some(series);
        }
    }

    fn series(&mut self, series: SeriesId) -> Result<(), TableError> {
        let mut tombstones: Vec<Tombstone> = Vec::new();
        for input in &mut self.inputs {
            for tombstone in input.tombstones(series)? {
                tombstones.retain(|known| !tombstone.covers(known));
                tombstones.push(*tombstone);
            }
        }
        let kept = if self.dead_by_ms.is_some() { Vec::new() } else { tombstones.clone() };
        self.writer.begin(series, kept);
        let mut newest = Some(i64::MAX);
        while let Some(from) = newest {
            newest = match self.lone(series, from, &tombstones)? {
                Some((input, block)) => {
                    self.write_pending(0)?;
                    let bytes = self.inputs[input].raw(block)?;
                    self.writer
                        .raw(block, bytes)
                        .map_err(|e| unreadable(self.writer.path(), &e))?;
                    block.oldest.checked_sub(1)
                }
                None => self.mixed(series, from)?,
            };
        }
        self.write_pending(0)
    }

    /// A block that can stay as it is: the newest, long enough, and nothing else has its ticks.
    fn lone(
        &mut self,
        series: SeriesId,
        from: i64,
        tombstones: &[Tombstone],
    ) -> Result<Option<(usize, BlockMeta)>, TableError> {
        if !self.pending.is_empty() && self.pending.len() < BLOCK_SMALL {
            return Ok(None);
        }
        let mut firsts: Vec<(usize, BlockMeta)> = Vec::new();
        for (place, input) in self.inputs.iter_mut().enumerate() {
            input.blocks(series, i64::MIN, from, |block| {
                firsts.push((place, block));
                true
            })?;
        }
        firsts.sort_unstable_by_key(|(_, block)| Reverse(block.newest));
        let Some(&(place, block)) = firsts.first() else { return Ok(None) };
        let is_apart = firsts.get(1).is_none_or(|(_, next)| next.newest < block.oldest);
        let is_whole = block.newest <= from
            && block.count >= BLOCK_SMALL
            && !block.is_mortal
            && !tombstones.iter().any(|t| t.overlaps(block.oldest, block.newest));
        Ok((is_apart && is_whole).then_some((place, block)))
    }

    /// Cells from a tick on down that must be put together. Where to go on.
    fn mixed(&mut self, series: SeriesId, from: i64) -> Result<Option<i64>, TableError> {
        let range = (i64::MIN, from);
        let found = window(&mut self.inputs, &[], series, range, false, BLOCK_CELLS)?;
        let mut cells = found.cells;
        if let Some(now_ms) = self.dead_by_ms {
            cells.retain(|cells, row| cells.expiry_ms(row) > now_ms);
        }
        self.pending.append(&cells);
        self.write_pending(BLOCK_CELLS)?;
        Ok(found.until.and_then(|tick| tick.checked_sub(1)))
    }

    /// Writes blocks until at most `left` cells wait.
    fn write_pending(&mut self, left: usize) -> Result<(), TableError> {
        let (mut start, total) = (0, self.pending.len());
        while total - start > left || (left > 0 && total - start >= BLOCK_CELLS) {
            let end = total.min(start + BLOCK_CELLS);
            let cells = self.pending.slice(start..end);
            self.writer.block(&cells).map_err(|e| unreadable(self.writer.path(), &e))?;
            start = end;
        }
        self.pending = self.pending.slice(start..total);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_like_size_are_merged() {
        let of = |sizes: &[u64], fan_in| {
            mergeable(&sizes.iter().map(|s| s << 20).collect::<Vec<u64>>(), fan_in)
        };
        let mega = |sizes: &[u64]| of(sizes, FAN_IN);
        assert_eq!(mega(&[1, 1, 1]), None);
        assert_eq!(mega(&[1, 1, 1, 1]), Some(0..4));
        assert_eq!(mega(&[64, 16, 4, 1]), None);
        assert_eq!(mega(&[64, 1, 1, 1, 1]), Some(1..5));
        assert_eq!(mega(&[4, 4, 4, 4, 1]), Some(0..4), "younger and smaller ones wait");
        assert_eq!(mega(&[1, 1, 1, 4]), Some(0..4), "smaller ones go with the larger after them");
        assert_eq!(mega(&[40 << 10, 40 << 10, 40 << 10, 40 << 10]), None, "too large");
        assert_eq!(of(&[1; 11], FAN_IN_BUSY), None);
        assert_eq!(of(&[1; 12], FAN_IN_BUSY), Some(0..12));
    }
}
