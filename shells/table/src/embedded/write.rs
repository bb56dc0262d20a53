//! The threads that write: one takes writes in, one flushes, one merges.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use weft_daemons::contract::{ActionId, TableAction, TableError, TableEvent};

use super::engine::{Engine, FAN_IN, FAN_IN_BUSY};
use super::file::Tombstone;
use super::metadata::Metadata;
use super::snapshot::Snapshots;
use super::{Sink, Warn, now_ms};

/// What the thread that takes writes in is told.
pub(super) enum Job {
    Do(TableAction, Sink),
    Close,
}

/// What the thread that flushes is told: to flush what is frozen, and whom to tell.
pub(super) struct Flush(Option<(ActionId, Sink)>);

/// What the thread that merges is told after a flush.
pub(super) struct Flushed {
    /// Whether the memtable was full: data come fast.
    was_full: bool,
}

/// How long no memtable must have become full before everything is merged that can be.
const QUIET: Duration = Duration::from_secs(2);

/// Takes writes in until it is told to close.
pub(super) fn run(
    engine: &Engine,
    metadata: &Metadata,
    jobs: &Receiver<Job>,
    flushes: &Sender<Flush>,
) {
    let mut is_closing = false;
    while let Ok(job) = jobs.recv() {
        let mut answers: Vec<(TableEvent, Sink)> = Vec::new();
        let mut has_rows = false;
        // What has queued up meanwhile shares the sync.
        for job in std::iter::once(job).chain(jobs.try_iter()) {
            match job {
                Job::Do(TableAction::Flush { id }, sink) => flush(engine, flushes, id, sink),
                Job::Do(action, sink) => {
                    let is_row = matches!(
                        action,
                        TableAction::PutMeta { .. } | TableAction::DeleteMeta { .. }
                    );
                    has_rows |= is_row;
                    let event = apply(engine, metadata, flushes, action);
                    match event {
                        // Datapoints need no sync: they are not durable before a flush.
                        Some(event) if !is_row => sink(event),
                        event => answers.extend(event.map(|event| (event, sink))),
                    }
                }
                Job::Close => is_closing = true,
            }
        }
        if has_rows && let Err(error) = metadata.sync() {
            for (event, _) in &mut answers {
                if let TableEvent::Written { result, .. } = event {
                    *result = Err(error.clone());
                }
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

fn apply(
    engine: &Engine,
    metadata: &Metadata,
    flushes: &Sender<Flush>,
    action: TableAction,
) -> Option<TableEvent> {
    Some(match action {
        TableAction::Put { id, puts } => {
            let room = make_room(engine, flushes);
            if room.is_ok() {
                engine.put(&puts);
            }
            TableEvent::Written { id, result: room }
        }
        TableAction::Delete { id, series, start, end, cell_from, cell_until } => {
            let room = make_room(engine, flushes);
            if room.is_ok() && start <= end {
                engine.delete(series, Tombstone { start, end, cell_from, cell_until });
            }
            // How many datapoints went is only known when they are read.
            TableEvent::Deleted { id, result: room.map(|()| 0) }
        }
        TableAction::PutMeta { id, rows } => {
            TableEvent::Written { id, result: metadata.put(&rows) }
        }
        TableAction::DeleteMeta { id, series } => {
            TableEvent::Written { id, result: metadata.delete(&series) }
        }
        TableAction::SaveSnapshot { id, tag, is_first, is_last, piece } => {
            let save = |snapshots: &Snapshots| {
                let saved = snapshots.save(tag, is_first, is_last, &piece);
                saved.map_err(|error| TableError::Unavailable(error.to_string()))
            };
            TableEvent::Written { id, result: metadata.snapshots().and_then(save) }
        }
        TableAction::Flush { .. }
        | TableAction::Fetch { .. }
        | TableAction::ScanMeta { .. }
        | TableAction::Next { .. }
        | TableAction::Cancel { .. } => return None,
    })
}

/// A full memtable is flushed, and the one before it has to be by then.
fn make_room(engine: &Engine, flushes: &Sender<Flush>) -> Result<(), TableError> {
    if !engine.is_full() {
        return Ok(());
    }
    let frozen = engine.freeze();
    let _ = flushes.send(Flush(None));
    frozen
}

fn flush(engine: &Engine, flushes: &Sender<Flush>, id: ActionId, sink: Sink) {
    match engine.freeze() {
        Ok(()) => drop(flushes.send(Flush(Some((id, sink))))),
        Err(error) => {
            let _ = flushes.send(Flush(None));
            sink(TableEvent::Flushed { id, result: Err(error) });
        }
    }
}

/// Flushes until nobody can ask for it any more.
pub(super) fn run_flushes(
    engine: &Engine,
    flushes: &Receiver<Flush>,
    merges: &Sender<Flushed>,
    warn: &Warn,
) {
    while let Ok(Flush(asked)) = flushes.recv() {
        let result = engine.flush();
        if let Err(error) = &result {
            warn(&format!("the table cannot be flushed: {error}"));
        }
        let _ = merges.send(Flushed { was_full: asked.is_none() });
        if let Some((id, sink)) = asked {
            sink(TableEvent::Flushed { id, result });
        }
    }
}

/// Merges files until nobody can ask for it any more. While memtables become full soon after each
/// other only what has become much is merged, and the rest once there is time.
pub(super) fn run_merges(engine: &Engine, merges: &Receiver<Flushed>, warn: &Warn) {
    while let Ok(mut flushed) = merges.recv() {
        let mut busy_until = None;
        loop {
            // One look serves all who asked.
            for more in merges.try_iter() {
                flushed.was_full |= more.was_full;
            }
            if flushed.was_full {
                busy_until = Some(Instant::now() + QUIET);
            }
            let left = busy_until.and_then(|until| until.checked_duration_since(Instant::now()));
            let Some(left) = left else { break };
            merge_all(engine, FAN_IN_BUSY, warn);
            match merges.recv_timeout(left) {
                Ok(next) => flushed = next,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        merge_all(engine, FAN_IN, warn);
    }
}

fn merge_all(engine: &Engine, fan_in: usize, warn: &Warn) {
    loop {
        match engine.merge(now_ms(), fan_in) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return warn(&format!("files of the table cannot be merged: {error}")),
        }
    }
}
