//! Writes metadata rows in batches, one batch at a time, and knows which offsets each batch
//! settles.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::SeriesId;

use crate::cell_clock::CellClock;
use crate::contract::table::{MetaPut, TableAction};
use crate::contract::{ActionId, ActionIds};
use crate::time::{Mono, Now};

/// Rows that wait for the table before the topic is read on.
const ROWS_MAX: usize = 65_536;

/// How long a failed batch waits.
const RETRY: Duration = Duration::from_millis(500);

/// A batch without an answer for so long is written again: rows are whole and have timestamps, so
/// twice does no harm, and late does none either.
const HUNG: Duration = Duration::from_secs(30);

/// Rows to write, and offsets that they settle.
#[derive(Debug, Default)]
struct Batch {
    /// New content, or `None` to delete, and the cell's timestamp. The last change of a row wins.
    rows: BTreeMap<SeriesId, (Option<Bytes>, i64)>,
    /// First offset of each partition after what this batch holds, and the clock there.
    ends: BTreeMap<u32, (u64, CellClock)>,
}

/// The writer.
#[derive(Debug)]
pub(super) struct Writer {
    store: bool,
    delete: bool,
    pending: Batch,
    current: Option<(Batch, Vec<ActionId>)>,
    settled: BTreeMap<u32, (u64, CellClock)>,
    again_at: Option<Mono>,
}

impl Writer {
    /// A writer that writes what it is allowed to.
    pub(super) fn new(store: bool, delete: bool) -> Self {
        Self {
            store,
            delete,
            pending: Batch::default(),
            current: None,
            settled: BTreeMap::new(),
            again_at: None,
        }
    }

    /// A row is new or changed.
    pub(super) fn put(&mut self, id: SeriesId, row: Bytes, cell_ms: i64) {
        if self.store {
            self.pending.rows.insert(id, (Some(row), cell_ms));
        }
    }

    /// A row goes, and what was written of it up to a cell timestamp.
    pub(super) fn delete(&mut self, id: SeriesId, cell_until_ms: i64) {
        if self.delete {
            self.pending.rows.insert(id, (None, cell_until_ms));
        } else {
            self.pending.rows.remove(&id);
        }
    }

    /// Everything before `offset` is in what was put and deleted so far.
    pub(super) fn seen(&mut self, partition: u32, offset: u64, clock: CellClock) {
        self.pending.ends.insert(partition, (offset, clock));
    }

    /// The partition is no longer ours.
    pub(super) fn forget(&mut self, partition: u32) {
        self.pending.ends.remove(&partition);
        self.settled.remove(&partition);
        if let Some((batch, _)) = &mut self.current {
            batch.ends.remove(&partition);
        }
    }

    /// Whether to stop reading the topic for now.
    pub(super) fn is_full(&self) -> bool {
        self.pending.rows.len() >= ROWS_MAX
    }

    /// Whether nothing is left to write or under way.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.pending.rows.is_empty()
    }

    /// Begins the next batch, or the current one again when it failed or hangs.
    pub(super) fn start(&mut self, now: Now, ids: &mut ActionIds) -> Vec<TableAction> {
        let again = self.again_at.is_some_and(|at| at <= now.mono);
        match &self.current {
            Some(_) if !again => return Vec::new(),
            Some(_) => {}
            None => {
                let batch = std::mem::take(&mut self.pending);
                if batch.rows.is_empty() {
                    self.settled.extend(batch.ends);
                    return Vec::new();
                }
                self.current = Some((batch, Vec::new()));
            }
        }
        self.again_at = Some(now.mono.after(HUNG));
        let Some((batch, waiting)) = &mut self.current else { return Vec::new() };
        let actions = batch.actions(ids);
        *waiting = actions.iter().map(|(id, _)| *id).collect();
        actions.into_iter().map(|(_, action)| action).collect()
    }

    /// An action was answered.
    pub(super) fn written(&mut self, now: Now, id: ActionId, failed: bool) {
        let Some((_, waiting)) = &mut self.current else { return };
        let Some(index) = waiting.iter().position(|waits| *waits == id) else { return };
        if failed {
            // Answers to the other half are of no use: the whole batch is written again.
            waiting.clear();
            self.again_at = Some(now.mono.after(RETRY));
            return;
        }
        waiting.swap_remove(index);
        if waiting.is_empty()
            && let Some((batch, _)) = self.current.take()
        {
            self.again_at = None;
            self.settled.extend(batch.ends);
        }
    }

    /// Offsets that may be committed now, and the clocks there.
    pub(super) fn take_settled(&mut self) -> BTreeMap<u32, (u64, CellClock)> {
        std::mem::take(&mut self.settled)
    }

    /// When [`Writer::start`] is wanted.
    pub(super) const fn deadline(&self) -> Option<Mono> {
        self.again_at
    }
}

impl Batch {
    fn actions(&self, ids: &mut ActionIds) -> Vec<(ActionId, TableAction)> {
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for (&series, (row, cell_ms)) in &self.rows {
            match row.clone() {
                Some(row) => puts.push(MetaPut { series, row, cell_ms: *cell_ms }),
                None => deletes.push((series, *cell_ms)),
            }
        }
        let mut actions = Vec::new();
        if !puts.is_empty() {
            let id = ids.next_id();
            actions.push((id, TableAction::PutMeta { id, rows: puts }));
        }
        if !deletes.is_empty() {
            let id = ids.next_id();
            actions.push((id, TableAction::DeleteMeta { id, series: deletes }));
        }
        actions
    }
}
