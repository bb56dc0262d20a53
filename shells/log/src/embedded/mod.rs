//! The embedded log: one folder, one process, one thread that does all the work.
//!
//! ```text
//! FOLDER/lock                          held while the log is open
//! FOLDER/commits                       what groups have done
//! FOLDER/topics/TOPIC/PARTITION/OFFSET.log   segments
//! ```
//!
//! The thread takes what has queued up, writes all of it, syncs each file once, and only then
//! answers: one sync serves every append that waited, and a lone one waits for nobody. What was
//! delivered and not dropped yet is counted, and bounds what is delivered next.

mod check;
mod commits;
mod copy;
#[cfg(test)]
mod crashes;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod groups;
mod partition;
mod segment;
mod worker;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use weft_daemons::contract::{LogAction, LogEvent};
use weft_files::OsFiles;

pub use copy::LogHold;
use worker::{Command, Worker};

/// How long to wait for another process to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// How the log is set up.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Partitions of topics that are made from now on.
    pub partitions: u32,
    /// Bytes of a segment before the next one begins.
    pub segment_bytes: u64,
    /// Segments are kept so long after every group has done with them, milliseconds.
    pub retention_ms: i64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { partitions: 4, segment_bytes: 64 << 20, retention_ms: 60 * 60 * 1_000 }
    }
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{0}: another process has this log open; stop it, or choose another folder")]
    Locked(PathBuf),
    /// A file is damaged in a place where a crash cannot have damaged it.
    #[error(
        "{path}: damaged at byte {position}, before its end; restore it from a copy: going on \
         would lose what follows"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        position: u64,
    },
}

impl LogOpenError {
    /// An IO error with the path it is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// An open log.
#[derive(Debug)]
pub struct EmbeddedLog {
    commands: Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    next_client: Mutex<u64>,
    _lock: File,
}

/// A machine's access to the log. Dropping it ends its memberships.
#[derive(Debug)]
pub struct LogClient {
    id: u64,
    commands: Sender<Command>,
}

impl EmbeddedLog {
    /// Opens the log in `folder`, which is made when it is not there.
    pub fn open(folder: &Path, options: LogOptions) -> Result<Arc<Self>, LogOpenError> {
        std::fs::create_dir_all(folder).map_err(LogOpenError::io(folder))?;
        let lock = lock(folder)?;
        let (commands, received) = channel();
        let worker = Worker::open(Arc::new(OsFiles), folder, options, commands.clone())?;
        let thread = std::thread::Builder::new()
            .name("weft-log".to_owned())
            .spawn(move || worker.run(&received))
            .map_err(LogOpenError::io(folder))?;
        Ok(Arc::new(Self {
            commands,
            thread: Mutex::new(Some(thread)),
            next_client: Mutex::new(0),
            _lock: lock,
        }))
    }

    /// Access for one machine; `sink` gets its events, in order, and must not block.
    pub fn client(&self, sink: impl Fn(LogEvent) + Send + 'static) -> LogClient {
        let mut next = self.next_client.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        let _ = self.commands.send(Command::Join(*next, Box::new(sink)));
        LogClient { id: *next, commands: self.commands.clone() }
    }

    /// Writes what is queued and ends the thread. Clients get no more answers.
    pub fn close(&self) {
        let _ = self.commands.send(Command::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl LogClient {
    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: LogAction) {
        let _ = self.commands.send(Command::Act(self.id, action));
    }
}

impl Drop for LogClient {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Leave(self.id));
    }
}

/// Keeps other processes out.
fn lock(folder: &Path) -> Result<File, LogOpenError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(LogOpenError::io(&path))?;
    // A process that was killed a moment ago may still hold it.
    let patience = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => return Err(LogOpenError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(LogOpenError::Io { path, source }),
        }
    }
}
