//! The thread that writes.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use fjall::PersistMode;
use weft_daemons::contract::table::{CellTime, MetaPut, SeriesPut};
use weft_daemons::contract::{TableAction, TableError, TableEvent};
use weft_gts::SeriesId;

use super::cell::{self, KEY_LEN};
use super::{Sink, Store};

/// Cells that one batch of a delete removes.
const DELETE_BATCH: usize = 10_000;

/// What the thread is told.
pub(super) enum Job {
    Do(TableAction, Sink),
    Close,
}

/// Works until it is told to close.
pub(super) fn run(store: &Store, jobs: &Receiver<Job>) {
    let mut is_closing = false;
    while let Ok(job) = jobs.recv() {
        let mut answers: Vec<(TableEvent, Sink)> = Vec::new();
        // What has queued up meanwhile shares the sync.
        for job in std::iter::once(job).chain(jobs.try_iter()) {
            match job {
                Job::Do(action, sink) => {
                    answers.extend(apply(store, action).map(|event| (event, sink)));
                }
                Job::Close => is_closing = true,
            }
        }
        if let Err(error) = store.database.persist(PersistMode::SyncData) {
            for (event, _) in &mut answers {
                fail(event, &error.to_string());
            }
        }
        for (event, sink) in answers {
            sink(event);
        }
        if is_closing {
            return;
        }
    }
}

fn apply(store: &Store, action: TableAction) -> Option<TableEvent> {
    Some(match action {
        TableAction::Put { id, puts } => TableEvent::Written { id, result: put(store, &puts) },
        TableAction::Delete { id, series, start, end, cell_from, cell_until } => {
            let cells = cell_from..=cell_until;
            let result = delete(store, series, start, end, |ms| cells.contains(&ms));
            TableEvent::Deleted { id, result }
        }
        TableAction::PutMeta { id, rows } => {
            TableEvent::Written { id, result: put_metadata(store, &rows) }
        }
        TableAction::DeleteMeta { id, series } => {
            TableEvent::Written { id, result: delete_metadata(store, &series) }
        }
        TableAction::Fetch { .. }
        | TableAction::ScanMeta { .. }
        | TableAction::Next { .. }
        | TableAction::Cancel { .. } => return None,
    })
}

/// Of two writes of a datapoint the one with the newer cell timestamp stays, the later one where
/// they are equal.
fn put(store: &Store, puts: &[SeriesPut]) -> Result<(), TableError> {
    let mut cells: BTreeMap<[u8; KEY_LEN], (i64, Vec<u8>)> = BTreeMap::new();
    for put in puts {
        for (index, tick) in put.points.ticks.iter().enumerate() {
            let cell_ms = match put.cell_time {
                CellTime::At(ms) => ms,
                CellTime::OfDatapoint(units_per_ms) => (*tick).max(0) / units_per_ms.max(1),
            };
            let expiry_ms = put.ttl_ms.map_or(cell::NEVER, |ttl| cell_ms.saturating_add(ttl));
            let key = cell::key(put.series, *tick);
            if cells.get(&key).is_none_or(|(written_ms, _)| *written_ms <= cell_ms) {
                cells.insert(key, (cell_ms, cell::value(&put.points, index, cell_ms, expiry_ms)));
            }
        }
    }
    let mut batch = store.database.batch();
    for (key, (cell_ms, value)) in cells {
        let stored = store.data.get(key).map_err(unavailable)?;
        let is_newer = match &stored {
            Some(stored) => cell::cell_ms(stored)? <= cell_ms,
            None => true,
        };
        if is_newer {
            batch.insert(&store.data, key, value);
        }
    }
    batch.commit().map_err(unavailable)
}

fn delete(
    store: &Store,
    series: SeriesId,
    start: i64,
    end: i64,
    takes: impl Fn(i64) -> bool,
) -> Result<u64, TableError> {
    let mut deleted = 0;
    let mut batch = store.database.batch();
    for entry in store.data.range(cell::key(series, end)..=cell::key(series, start)) {
        let (key, value) = entry.into_inner().map_err(unavailable)?;
        if !takes(cell::cell_ms(&value)?) {
            continue;
        }
        batch.remove(&store.data, key);
        deleted += 1;
        if batch.len() >= DELETE_BATCH {
            std::mem::replace(&mut batch, store.database.batch()).commit().map_err(unavailable)?;
        }
    }
    batch.commit().map_err(unavailable)?;
    Ok(deleted)
}

/// A row is stored behind the timestamp of its cell; the newest cell stays.
fn put_metadata(store: &Store, rows: &[MetaPut]) -> Result<(), TableError> {
    let mut newest: BTreeMap<SeriesId, &MetaPut> = BTreeMap::new();
    for put in rows {
        let known = newest.entry(put.series).or_insert(put);
        if known.cell_ms <= put.cell_ms {
            *known = put;
        }
    }
    let mut batch = store.database.batch();
    for (series, put) in newest {
        let stored = store.metadata.get(series.to_bytes()).map_err(unavailable)?;
        let is_newer = match &stored {
            Some(stored) => cell::split_row(stored)?.0 <= put.cell_ms,
            None => true,
        };
        if is_newer {
            batch.insert(&store.metadata, series.to_bytes(), cell::row(put.cell_ms, &put.row));
        }
    }
    batch.commit().map_err(unavailable)
}

fn delete_metadata(store: &Store, series: &[(SeriesId, i64)]) -> Result<(), TableError> {
    let mut batch = store.database.batch();
    for (series, cell_until_ms) in series {
        let stored = store.metadata.get(series.to_bytes()).map_err(unavailable)?;
        if let Some(stored) = &stored
            && cell::split_row(stored)?.0 <= *cell_until_ms
        {
            batch.remove(&store.metadata, series.to_bytes());
        }
    }
    batch.commit().map_err(unavailable)
}

pub(super) fn unavailable(error: fjall::Error) -> TableError {
    TableError::Unavailable(error.to_string())
}

/// Turns an answer into a failure.
fn fail(event: &mut TableEvent, reason: &str) {
    let error = TableError::Unavailable(reason.to_owned());
    match event {
        TableEvent::Written { result, .. } => *result = Err(error),
        TableEvent::Deleted { result, .. } => *result = Err(error),
        TableEvent::Points { .. } | TableEvent::Rows { .. } | TableEvent::End { .. } => {}
    }
}
