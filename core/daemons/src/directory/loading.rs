//! How a directory starts: it reads what is stored, then the topic up to where that ended.

use weft_gts::{Metadata, SeriesId};
use weft_wire::thrift::decode_metadata;

use super::{Directory, Index, RETRY, State};
use crate::contract::log::LogAction;
use crate::contract::table::{READ_TIME_MAX, TableAction, TableEvent};
use crate::contract::{ActionId, Effect, TableError};
use crate::table_reads::no_answer;
use crate::time::Now;

impl Directory {
    /// Asks for the topic's ends, and begins to read the table.
    pub(super) fn load(&mut self) {
        let ends = self.ids.next_id();
        self.effects
            .push_back(Effect::Log(LogAction::Ends { id: ends, topic: self.config.topic.clone() }));
        let scan = self.config.init.then(|| self.ids.next_id());
        if let Some(id) = scan {
            self.index = Index::new(self.config.ids.labels.hash(b"index") as u64);
            self.taken.clear();
            let (slice, snapshot) = (self.config.slice, self.snapshots.begin_load());
            self.effects.push_back(Effect::Table(TableAction::ScanMeta { id, slice, snapshot }));
            self.effects.push_back(Effect::Table(TableAction::Next { id }));
        }
        self.state = State::Loading { scan, ends: Some(ends), known: None };
    }

    pub(super) fn table_event(&mut self, now: Now, event: TableEvent) {
        match event {
            TableEvent::Rows { id, rows } if self.is_scan(id) => {
                self.scan_due = None;
                // The next ones are read while these are taken in.
                self.effects.push_back(Effect::Table(TableAction::Next { id }));
                for (row, value) in rows {
                    self.load_row(row, &value);
                }
            }
            TableEvent::Gone { id, series } if self.is_scan(id) => {
                self.scan_due = None;
                self.effects.push_back(Effect::Table(TableAction::Next { id }));
                for row in series {
                    self.index.remove(row);
                    self.snapshots.changed();
                }
            }
            TableEvent::Snapshot { id, piece } if self.is_scan(id) => {
                self.scan_due = None;
                match self.snapshots.load(&mut self.index, &piece) {
                    Ok(()) => self.effects.push_back(Effect::Table(TableAction::Next { id })),
                    Err(damaged) => {
                        self.snapshots.distrust();
                        self.load_again(now, &damaged.to_string());
                    }
                }
            }
            TableEvent::End { id, result } if self.is_scan(id) => {
                if let State::Loading { scan, .. } = &mut self.state {
                    *scan = None;
                }
                match result {
                    Ok(()) if self.snapshots.is_partial() => {
                        self.snapshots.distrust();
                        self.load_again(now, "the snapshot of the index ends too early");
                    }
                    Ok(()) => self.loaded(now),
                    Err(error) => {
                        if matches!(error, TableError::Corrupt(_)) {
                            self.snapshots.distrust();
                        }
                        self.load_again(now, &error.to_string());
                    }
                }
            }
            TableEvent::Written { id, result } => self.written(now, id, result),
            _ => {}
        }
    }

    fn is_scan(&self, id: ActionId) -> bool {
        matches!(self.state, State::Loading { scan: Some(scan), .. } if scan == id)
    }

    fn load_row(&mut self, row: SeriesId, value: &[u8]) {
        let metadata = match self.open_row(value) {
            Ok(metadata) => metadata,
            Err(reason) => return self.passed_over(&format!("metadata row {row:?}"), &reason),
        };
        self.snapshots.changed();
        let id = self.config.ids.series_id(&metadata);
        if id != row {
            return self.passed_over(&format!("metadata row {row:?}"), "its ids are incoherent");
        }
        if self.holds(id) {
            self.index.insert(&Metadata { id, source: None, ..metadata });
        }
    }

    fn open_row(&self, value: &[u8]) -> Result<Metadata, String> {
        let plain = self.config.row_envelope.open(value).map_err(|error| error.to_string())?;
        decode_metadata(&plain).map_err(|error| error.to_string())
    }

    /// Table or ends are known now; when both are, the topic is next.
    pub(super) fn loaded(&mut self, now: Now) {
        let State::Loading { scan: None, ends: None, known: Some(ends) } = &mut self.state else {
            return;
        };
        self.state = State::CatchingUp { ends: std::mem::take(ends) };
        let partitions: Vec<u32> = self.consumer.partitions().collect();
        for partition in partitions {
            self.consume(now, partition);
        }
        self.caught_up(now);
    }

    pub(super) fn load_again(&mut self, now: Now, reason: &str) {
        self.effects.push_back(Effect::Warn(format!(
            "directory: cannot read what is stored: {reason}; trying again in {RETRY:?}"
        )));
        // A scan under way is of no use any more.
        if let State::Loading { scan: Some(id), .. } = self.state {
            self.effects.push_back(Effect::Table(TableAction::Cancel { id }));
        }
        self.state = State::Loading { scan: None, ends: None, known: None };
        self.retry_at = Some(now.mono.after(RETRY));
    }

    /// A scan that is asked for more is given up when it does not answer in time.
    pub(super) fn watch_scan(&mut self, now: Now) {
        if !matches!(self.state, State::Loading { scan: Some(_), .. }) {
            self.scan_due = None;
            return;
        }
        let due = *self.scan_due.get_or_insert_with(|| now.mono.after(READ_TIME_MAX));
        if due <= now.mono {
            self.scan_due = None;
            #[cfg(weft_mutants)]
            if crate::mutants::is(crate::mutants::Planted::HungScan) {
                return;
            }
            self.load_again(now, &no_answer().to_string());
        }
    }
}
