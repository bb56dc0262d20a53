//! Metadata rows, in a key-value store (fjall): a write that was answered is durable.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use weft_daemons::contract::TableError;
use weft_daemons::contract::table::{CHUNK_ROWS_MAX, MetaPut, Slice};
use weft_gts::SeriesId;

use super::file::unreadable;
use super::snapshot::Snapshots;

/// Bytes of rows in memory before they are written into a file: what a start reads again.
const MEMTABLE_BYTES: u64 = 16 << 20;

/// Rows by their series.
type Rows = Vec<(SeriesId, Bytes)>;

/// The rows.
#[derive(Clone)]
pub(super) struct Metadata {
    database: Database,
    /// Series to cell timestamp (8 bytes, little endian) and row.
    rows: Keyspace,
    /// Told of every change, where there are any.
    snapshots: Option<Arc<Snapshots>>,
}

impl Metadata {
    pub(super) fn open(folder: &Path) -> Result<Self, fjall::Error> {
        let database = Database::builder(folder).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let rows = database.keyspace("metadata", options)?;
        Ok(Self { database, rows, snapshots: None })
    }

    /// The same rows, whose changes snapshots are told.
    pub(super) fn with_snapshots(self, snapshots: Arc<Snapshots>) -> Self {
        Self { snapshots: Some(snapshots), ..self }
    }

    /// What is kept beside them.
    pub(super) fn snapshots(&self) -> Result<&Snapshots, TableError> {
        let none = || TableError::Unavailable("no snapshots are kept here".to_owned());
        self.snapshots.as_deref().ok_or_else(none)
    }

    /// These rows are about to change.
    fn changed(&self, rows: impl Iterator<Item = SeriesId>) -> Result<(), TableError> {
        let Some(snapshots) = &self.snapshots else { return Ok(()) };
        snapshots.changed(rows).map_err(|error| TableError::Unavailable(error.to_string()))
    }

    /// Copies the rows there are now into a store of its own, in a folder that is not there.
    pub(super) fn copy(
        &self,
        folder: &Path,
        go_on: &dyn Fn() -> io::Result<()>,
    ) -> Result<(), TableError> {
        let failed = |error: io::Error| unreadable(folder, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let target = Self::open(folder).map_err(unavailable)?;
        let mut rows = target.rows.start_ingestion().map_err(unavailable)?;
        for (count, entry) in self.rows.iter().enumerate() {
            if count % CHUNK_ROWS_MAX == 0 {
                go_on().map_err(failed)?;
            }
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            rows.write(key, value).map_err(unavailable)?;
        }
        rows.finish().map_err(unavailable)?;
        target.database.persist(PersistMode::SyncAll).map_err(unavailable)
    }

    /// How many rows there are; all of them are read and checked.
    pub(super) fn check(&self) -> Result<u64, TableError> {
        let mut count = 0;
        for entry in self.rows.iter() {
            let (key, value) = entry.into_inner().map_err(|error| corrupt(&error.to_string()))?;
            if key.len() != 16 {
                return Err(corrupt("a metadata key is not an id"));
            }
            split(&value)?;
            // What finds a single row is read too.
            let found = self.rows.get(&key).map_err(|error| corrupt(&error.to_string()))?;
            if found.as_ref() != Some(&value) {
                return Err(corrupt("a row of metadata is listed and not found"));
            }
            count += 1;
        }
        Ok(count)
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> Result<(), TableError> {
        if let Some(snapshots) = &self.snapshots {
            snapshots.sync().map_err(|error| TableError::Unavailable(error.to_string()))?;
        }
        self.database.persist(PersistMode::SyncData).map_err(unavailable)
    }

    /// The newest cell stays.
    pub(super) fn put(&self, rows: &[MetaPut]) -> Result<(), TableError> {
        self.changed(rows.iter().map(|put| put.series))?;
        let mut newest: BTreeMap<SeriesId, &MetaPut> = BTreeMap::new();
        for put in rows {
            let known = newest.entry(put.series).or_insert(put);
            if known.cell_ms <= put.cell_ms {
                *known = put;
            }
        }
        let mut batch = self.database.batch();
        for (series, put) in newest {
            let stored = self.rows.get(series.to_bytes()).map_err(unavailable)?;
            let is_newer = match &stored {
                Some(stored) => split(stored)?.0 <= put.cell_ms,
                None => true,
            };
            if is_newer {
                let row = [&put.cell_ms.to_le_bytes(), &put.row[..]].concat();
                batch.insert(&self.rows, series.to_bytes(), row);
            }
        }
        batch.commit().map_err(unavailable)
    }

    pub(super) fn delete(&self, series: &[(SeriesId, i64)]) -> Result<(), TableError> {
        self.changed(series.iter().map(|(series, _)| *series))?;
        let mut batch = self.database.batch();
        for (series, cell_until_ms) in series {
            let stored = self.rows.get(series.to_bytes()).map_err(unavailable)?;
            if let Some(stored) = &stored
                && split(stored)?.0 <= *cell_until_ms
            {
                batch.remove(&self.rows, series.to_bytes());
            }
        }
        batch.commit().map_err(unavailable)
    }

    /// Which of some series of a slice have rows, and which do not.
    pub(super) fn get(
        &self,
        slice: Slice,
        series: &[SeriesId],
    ) -> Result<(Rows, Vec<SeriesId>), TableError> {
        let (mut rows, mut gone) = (Rows::new(), Vec::new());
        for &series in series.iter().filter(|s| s.in_slice(slice.modulus, slice.remainder)) {
            match self.rows.get(series.to_bytes()).map_err(unavailable)? {
                Some(stored) => rows.push((series, Bytes::copy_from_slice(split(&stored)?.1))),
                None => gone.push(series),
            }
        }
        Ok((rows, gone))
    }

    /// The next rows of a slice; `after` goes on.
    pub(super) fn scan(
        &self,
        slice: Slice,
        after: &mut Option<[u8; 16]>,
    ) -> Result<Rows, TableError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = Vec::new();
        for entry in self.rows.range::<[u8; 16], _>((from, Bound::Unbounded)) {
            let (key, value) = entry.into_inner().map_err(unavailable)?;
            let key: [u8; 16] =
                key.as_ref().try_into().map_err(|_| corrupt("a metadata key is not an id"))?;
            *after = Some(key);
            let series = SeriesId::from_bytes(key);
            if series.in_slice(slice.modulus, slice.remainder) {
                rows.push((series, Bytes::copy_from_slice(split(&value)?.1)));
                if rows.len() >= CHUNK_ROWS_MAX {
                    break;
                }
            }
        }
        Ok(rows)
    }
}

/// The timestamp of a row's cell, and the row.
fn split(value: &[u8]) -> Result<(i64, &[u8]), TableError> {
    let (head, row) =
        value.split_first_chunk::<8>().ok_or_else(|| corrupt("a metadata row is too short"))?;
    Ok((i64::from_le_bytes(*head), row))
}

fn corrupt(reason: &str) -> TableError {
    TableError::Corrupt(reason.to_owned())
}

fn unavailable(error: fjall::Error) -> TableError {
    TableError::Unavailable(error.to_string())
}
