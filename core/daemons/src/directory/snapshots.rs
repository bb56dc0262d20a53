//! Keeps a snapshot of the index beside the rows, so that the next start reads few of them.
//!
//! It is begun when so many rows have changed since the last one that reading them would take
//! about as long as reading all. The topic waits until every row is written and while the index is
//! saved, piece by piece; finds go on. What is saved is therefore what the table holds: a series
//! that only the index knew would be taken for known after a crash, and never be written. The table
//! remembers the rows that change from then on.

use crate::contract::table::{READ_TIME_MAX, TableAction};
use crate::contract::{ActionId, ActionIds, Effect, Metric, TableError};
use crate::table_reads::no_answer;
use crate::time::{Mono, Now};

use super::index::{Damaged, Index, Loader, SNAPSHOT_VERSION, Saver};
use super::{Directory, DirectoryConfig, State};

/// The snapshots of one directory.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// The fewest changed rows that are worth one; `None` when none are kept.
    least: Option<usize>,
    /// What this directory's snapshots are known by.
    tag: u64,
    /// Rows that changed since the snapshot that there is, or that were read at the start.
    changed: usize,
    saving: Option<Saving>,
    loader: Option<Loader>,
    /// What there is was no use at the start.
    is_useless: bool,
}

/// A snapshot on its way.
#[derive(Debug)]
struct Saving {
    id: ActionId,
    saver: Saver,
    is_last: bool,
    /// When the table is taken for hung.
    due: Mono,
}

/// How an answer of the table was meant.
#[derive(Debug)]
enum Saved {
    /// It is about something else.
    No,
    /// This is next.
    Next(TableAction),
    /// There is a snapshot now.
    Done,
    /// There is none.
    Failed(TableError),
}

impl Snapshots {
    pub(super) fn new(config: &DirectoryConfig) -> Self {
        // Whoever does not write all rows does not know what the table holds.
        let knows_all = config.store && config.delete && config.init;
        // Another slice, or other ids, are another index.
        let slice = format!("{SNAPSHOT_VERSION}:{:?}", config.slice);
        let [class, labels] = [config.ids.class, config.ids.labels];
        Self {
            least: config.snapshot_rows_min.filter(|_| knows_all),
            tag: class.hash(slice.as_bytes()) as u64 ^ (labels.hash(slice.as_bytes()) as u64 >> 1),
            changed: 0,
            saving: None,
            loader: None,
            is_useless: false,
        }
    }

    /// The table is read anew: the snapshot that is wanted of it, if any.
    pub(super) fn begin_load(&mut self) -> Option<u64> {
        self.loader = None;
        self.changed = 0;
        (self.least.is_some() && !self.is_useless).then_some(self.tag)
    }

    /// A piece of what there is.
    pub(super) fn load(&mut self, index: &mut Index, piece: &[u8]) -> Result<(), Damaged> {
        index.load(self.loader.get_or_insert_default(), piece)
    }

    /// Whether there was a snapshot, and not all of it.
    pub(super) fn is_partial(&self) -> bool {
        self.loader.as_ref().is_some_and(|loader| !loader.is_complete())
    }

    /// Reading it failed: the next time all rows are read.
    pub(super) const fn distrust(&mut self) {
        self.is_useless = true;
    }

    /// A row was read, or changes.
    pub(super) const fn changed(&mut self) {
        self.changed += 1;
    }

    /// Whether the index must stand still.
    pub(super) const fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether one is worth it: sooner when the process ends.
    fn is_due(&self, index: &Index, is_stopping: bool) -> bool {
        let share = if is_stopping { 8 } else { 2 };
        self.least.is_some_and(|least| self.changed >= least.max(index.len() / share))
    }

    /// Begins one: every row of the index is written.
    fn begin(&mut self, now: Now, index: &Index, ids: &mut ActionIds) -> Option<TableAction> {
        let (id, due) = (ids.next_id(), now.mono);
        self.saving = Some(Saving { id, saver: Saver::default(), is_last: false, due });
        self.next(now, index, true)
    }

    fn next(&mut self, now: Now, index: &Index, is_first: bool) -> Option<TableAction> {
        let Saving { id, saver, is_last, due } = self.saving.as_mut()?;
        let (piece, last) = saver.piece(index);
        (*is_last, *due) = (last, now.mono.after(READ_TIME_MAX));
        let (id, piece, is_last) = (*id, piece.into(), *is_last);
        Some(TableAction::SaveSnapshot { id, tag: self.tag, is_first, is_last, piece })
    }

    /// The table answered.
    fn written(
        &mut self,
        now: Now,
        index: &Index,
        id: ActionId,
        result: &Result<(), TableError>,
    ) -> Saved {
        let Some(saving) = self.saving.as_ref().filter(|saving| saving.id == id) else {
            return Saved::No;
        };
        if let Err(error) = result {
            self.give_up();
            return Saved::Failed(error.clone());
        }
        if saving.is_last {
            self.saving = None;
            self.changed = 0;
            self.is_useless = false;
            return Saved::Done;
        }
        self.next(now, index, false).map_or(Saved::No, Saved::Next)
    }

    /// Gives up what the table does not answer to.
    fn watch(&mut self, now: Now) -> Option<TableError> {
        if self.deadline()? > now.mono {
            return None;
        }
        self.give_up();
        Some(no_answer())
    }

    fn give_up(&mut self) {
        self.saving = None;
        // Tried again after as many changes.
        self.changed = 0;
    }

    /// When [`Snapshots::watch`] is wanted.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.saving.as_ref().map(|saving| saving.due)
    }
}

impl Directory {
    /// Whether a snapshot is saved, or about to be.
    pub(super) fn stands_still(&self) -> bool {
        let is_due = || self.snapshots.is_due(&self.index, self.stopping);
        self.snapshots.is_saving() || matches!(self.state, State::Serving) && is_due()
    }

    /// Begins a snapshot that is due, once every row is written, and gives up one that hangs.
    pub(super) fn save(&mut self, now: Now) {
        if let Some(error) = self.snapshots.watch(now) {
            return self.not_saved(now, &error);
        }
        if self.snapshots.is_saving() || !self.stands_still() {
            return;
        }
        // What waits behind a batch goes on: nothing else comes that would send it.
        self.write(now);
        let is_written = self.writer.is_idle();
        #[cfg(weft_mutants)]
        let is_written = is_written || crate::mutants::is(crate::mutants::Planted::SnapshotAhead);
        if is_written {
            let action = self.snapshots.begin(now, &self.index, &mut self.ids);
            self.effects.extend(action.map(Effect::Table));
        }
    }

    fn not_saved(&mut self, now: Now, error: &TableError) {
        self.effects.push_back(Effect::Warn(format!(
            "directory: no snapshot of the index is kept, the next start takes longer: {error}"
        )));
        self.consume_all(now);
    }

    /// The table answered; whether that was about a snapshot.
    pub(super) fn saved(
        &mut self,
        now: Now,
        id: ActionId,
        result: &Result<(), TableError>,
    ) -> bool {
        match self.snapshots.written(now, &self.index, id, result) {
            Saved::No => return false,
            Saved::Next(action) => self.effects.push_back(Effect::Table(action)),
            Saved::Done => {
                let metric = Metric::add("weft_directory_snapshots_total", 1);
                self.effects.push_back(Effect::Metric(metric));
                self.consume_all(now);
            }
            Saved::Failed(error) => self.not_saved(now, &error),
        }
        true
    }
}
