//! The embedded table: datapoints in files of blocks, metadata rows in a key-value store (fjall).
//!
//! ```text
//! FOLDER/blocks     manifest, files of blocks
//! FOLDER/metadata   fjall
//! FOLDER/snapshot   what the directory made of the metadata rows
//! ```
//!
//! A datapoint is durable once it is flushed; until then it can be written again from the log. A
//! metadata row is durable when it is written. One thread takes writes in, one flushes, one merges
//! files; others read, each part from what there is then.

mod block;
mod cells;
mod check;
#[cfg(test)]
mod crashes;
mod cursor;
mod engine;
mod file;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod ints;
mod manifest;
mod memtable;
mod merge;
mod metadata;
mod read;
mod runs;
mod snapshot;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use weft_daemons::contract::{ActionId, TableAction, TableError, TableEvent};
use weft_files::OsFiles;

use engine::Engine;
use metadata::Metadata;
use read::Stream;
use snapshot::Snapshots;

/// Threads that read.
const READERS: usize = 2;

/// Is told what an operator should know.
type Warn = dyn Fn(&str) + Send + Sync;

/// Gets a client's events.
type Sink = Arc<dyn Fn(TableEvent) + Send + Sync>;

/// How the table is set up.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// Bytes of datapoints in memory that are written into a file, about.
    pub memtable_bytes: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { memtable_bytes: 24 << 20 }
    }
}

/// Why the table cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TableOpenError {
    /// The metadata rows cannot be read or written.
    #[error("{path}: the table cannot be opened: {source}")]
    Metadata {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: fjall::Error,
    },
    /// The datapoints cannot be read or written.
    #[error("the table cannot be opened: {0}")]
    Blocks(#[from] TableError),
    /// A thread or a folder cannot be made.
    #[error("{path}: the table cannot be opened: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// An open table.
pub struct EmbeddedTable {
    writes: Sender<write::Job>,
    reads: Sender<read::Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What can be copied, until it is closed.
    parts: Mutex<Option<(Arc<Engine>, Metadata)>>,
}

/// A machine's access to the table. Dropping it ends its streams.
pub struct TableClient {
    sink: Sink,
    writes: Sender<write::Job>,
    reads: Sender<read::Job>,
    streams: Mutex<BTreeMap<ActionId, Arc<Stream>>>,
}

impl EmbeddedTable {
    /// Opens the table in `folder`, which is made when it is not there. `warn` is told what an
    /// operator should know.
    pub fn open(
        folder: &Path,
        options: TableOptions,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, TableOpenError> {
        let io = |source| TableOpenError::Io { path: folder.to_owned(), source };
        let rows = folder.join("metadata");
        std::fs::create_dir_all(&rows).map_err(io)?;
        let metadata = Metadata::open(&rows)
            .map_err(|source| TableOpenError::Metadata { path: rows.clone(), source })?;
        let warn: Arc<Warn> = Arc::new(warn);
        let beside = folder.join("snapshot");
        let snapshots = Snapshots::open(Arc::new(OsFiles), &beside, &*warn)
            .map_err(|source| TableOpenError::Io { path: beside.clone(), source })?;
        let metadata = metadata.with_snapshots(Arc::new(snapshots));
        let engine =
            Engine::open(Arc::new(OsFiles), &folder.join("blocks"), options.memtable_bytes);
        let engine = Arc::new(engine?);
        let (writes, written) = channel();
        let (reads, read) = channel();
        let (flushes, flushed) = channel();
        let (merges, merged) = channel();
        let read = Arc::new(Mutex::new(read));
        let mut threads = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map(|thread| threads.push(thread)).map_err(io)
        };
        let (of_writes, rows) = (engine.clone(), metadata.clone());
        let work = move || write::run(&of_writes, &rows, &written, &flushes);
        spawn("weft-table-write", Box::new(work))?;
        let (of_flushes, warning) = (engine.clone(), warn.clone());
        let work = move || write::run_flushes(&of_flushes, &flushed, &merges, &*warning);
        spawn("weft-table-flush", Box::new(work))?;
        let of_merges = engine.clone();
        let work = move || write::run_merges(&of_merges, &merged, &*warn);
        spawn("weft-table-merge", Box::new(work))?;
        for _ in 0..READERS {
            let (engine, metadata, read) = (engine.clone(), metadata.clone(), read.clone());
            spawn("weft-table-read", Box::new(move || serve(&engine, &metadata, &read)))?;
        }
        let parts = Mutex::new(Some((engine, metadata)));
        Ok(Arc::new(Self { writes, reads, threads: Mutex::new(threads), parts }))
    }

    /// Copies what is durable into `folder`, which is not there, while others read and write: for
    /// each part what there is when its turn comes. `go_on` is asked now and then, and ends it
    /// with its error.
    pub fn copy(
        &self,
        folder: &Path,
        go_on: &dyn Fn() -> io::Result<()>,
    ) -> Result<(), TableError> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((engine, metadata)) = parts else {
            return Err(TableError::Unavailable("the table is closed".to_owned()));
        };
        engine.copy(&folder.join("blocks"), go_on)?;
        metadata.copy(&folder.join("metadata"), go_on)
    }

    /// Access for one machine; `sink` gets its events and must not block, nor submit anything: it
    /// is also called while something is submitted.
    pub fn client(&self, sink: impl Fn(TableEvent) + Send + Sync + 'static) -> TableClient {
        TableClient {
            sink: Arc::new(sink),
            writes: self.writes.clone(),
            reads: self.reads.clone(),
            streams: Mutex::default(),
        }
    }

    /// Does what is queued and ends the threads. Clients get no more answers.
    pub fn close(&self) {
        let _ = self.writes.send(write::Job::Close);
        for _ in 0..READERS {
            let _ = self.reads.send(read::Job::Close);
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for EmbeddedTable {
    fn drop(&mut self) {
        self.close();
    }
}

impl Drop for TableClient {
    fn drop(&mut self) {
        let streams = self.streams.get_mut().unwrap_or_else(PoisonError::into_inner);
        streams.values().for_each(|stream| stream.cancel());
    }
}

impl TableClient {
    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: TableAction) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match action {
            TableAction::Fetch { id, request } => {
                streams.insert(id, Arc::new(Stream::fetch(id, request)));
            }
            TableAction::ScanMeta { id, slice, snapshot } => {
                streams.insert(id, Arc::new(Stream::scan(id, slice, snapshot)));
            }
            TableAction::Next { id } => {
                if let Some(stream) = streams.get(&id) {
                    let (item, fills) = stream.next();
                    if fills {
                        let job = read::Job::Fill(stream.clone(), self.sink.clone());
                        let _ = self.reads.send(job);
                    }
                    if let Some(item) = item {
                        (self.sink)(item);
                    }
                }
            }
            TableAction::Cancel { id } => {
                if let Some(stream) = streams.remove(&id) {
                    stream.cancel();
                }
            }
            action => {
                let _ = self.writes.send(write::Job::Do(action, self.sink.clone()));
            }
        }
        // Streams that are over need no cancelling.
        streams.retain(|_, stream| !stream.is_over());
    }
}

/// One reading thread.
fn serve(engine: &Engine, metadata: &Metadata, jobs: &Mutex<Receiver<read::Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(read::Job::Fill(stream, sink)) => stream.fill(engine, metadata, &sink),
            Ok(read::Job::Close) | Err(_) => return,
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
