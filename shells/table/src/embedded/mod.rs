//! The embedded table: a key-value store (fjall) with one entry a datapoint.
//!
//! One thread writes: it takes what has queued up, applies it in order and syncs once for all of
//! it before it answers. Others read, each chunk from a snapshot of its own.

mod cell;
mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use weft_daemons::contract::{ActionId, TableAction, TableEvent};

use read::Stream;

/// Threads that read.
const READERS: usize = 2;

/// Gets a client's events.
type Sink = Arc<dyn Fn(TableEvent) + Send + Sync>;

/// Why the table cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{path}: the table cannot be opened: {source}")]
pub struct TableOpenError {
    /// The folder.
    path: PathBuf,
    /// The cause.
    source: fjall::Error,
}

/// An open table.
pub struct EmbeddedTable {
    writes: Sender<write::Job>,
    reads: Sender<read::Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A machine's access to the table. Dropping it ends its streams.
pub struct TableClient {
    sink: Sink,
    writes: Sender<write::Job>,
    reads: Sender<read::Job>,
    streams: Mutex<BTreeMap<ActionId, Arc<Mutex<Stream>>>>,
}

/// The store and its two maps.
#[derive(Clone)]
struct Store {
    database: Database,
    /// Series and tick to cell.
    data: Keyspace,
    /// Series to metadata row.
    metadata: Keyspace,
}

impl Store {
    fn open(folder: &Path) -> Result<Self, fjall::Error> {
        let database = Database::builder(folder).open()?;
        let data = database.keyspace("data", KeyspaceCreateOptions::default)?;
        let metadata = database.keyspace("metadata", KeyspaceCreateOptions::default)?;
        Ok(Self { database, data, metadata })
    }
}

impl EmbeddedTable {
    /// Opens the table in `folder`, which is made when it is not there.
    pub fn open(folder: &Path) -> Result<Arc<Self>, TableOpenError> {
        let failed = |source| TableOpenError { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
        let store = Store::open(folder).map_err(failed)?;
        let (writes, written) = channel();
        let (reads, read) = channel();
        let read = Arc::new(Mutex::new(read));
        let mut threads = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map(|thread| threads.push(thread)).map_err(|error| failed(error.into()))
        };
        let writer = store.clone();
        spawn("weft-table-write", Box::new(move || write::run(&writer, &written)))?;
        for _ in 0..READERS {
            let (store, read) = (store.clone(), read.clone());
            spawn("weft-table-read", Box::new(move || serve(&store, &read)))?;
        }
        Ok(Arc::new(Self { writes, reads, threads: Mutex::new(threads) }))
    }

    /// Access for one machine; `sink` gets its events and must not block.
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
    }
}

impl Drop for EmbeddedTable {
    fn drop(&mut self) {
        self.close();
    }
}

impl TableClient {
    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: TableAction) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match action {
            TableAction::Fetch { id, request } => {
                streams.insert(id, Arc::new(Mutex::new(Stream::fetch(id, request))));
            }
            TableAction::ScanMeta { id, slice } => {
                streams.insert(id, Arc::new(Mutex::new(Stream::scan(id, slice))));
            }
            TableAction::Next { id } => {
                if let Some(stream) = streams.get(&id) {
                    let job = read::Job::Next(stream.clone(), self.sink.clone());
                    let _ = self.reads.send(job);
                }
            }
            TableAction::Cancel { id } => {
                streams.remove(&id);
            }
            action => {
                let _ = self.writes.send(write::Job::Do(action, self.sink.clone()));
            }
        }
        // Streams that are over need no cancelling.
        streams.retain(|_, stream| stream.try_lock().map_or(true, |stream| !stream.is_over()));
    }
}

/// One reading thread.
fn serve(store: &Store, jobs: &Mutex<Receiver<read::Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(read::Job::Next(stream, sink)) => {
                // Under the lock, so that the items of a stream come in order.
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = stream.next(store) {
                    sink(event);
                }
            }
            Ok(read::Job::Close) | Err(_) => return,
        }
    }
}
