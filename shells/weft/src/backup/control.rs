//! The socket through which a node that runs is asked for a backup: `control` in its folder, for
//! the user that it runs as, and root.
//!
//! ```text
//! > backup TARGET
//! < ok                 < failed
//! < what is in it      < why
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use weft_log::EmbeddedLog;
use weft_table::EmbeddedTable;

use super::make::make;
use crate::report::{info, warn};

const NAME: &str = "control";
const ASK: &str = "backup ";

/// Bytes of a question.
const QUESTION_MAX: u64 = 8 << 10;

/// Listens for those who want a backup; dropped, it stops, and what is under way ends.
pub(crate) struct Backups {
    task: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    path: PathBuf,
}

/// What a backup is made of.
struct Parts {
    log: Arc<EmbeddedLog>,
    table: Arc<EmbeddedTable>,
    home: PathBuf,
    is_over: Arc<AtomicBool>,
    /// One at a time.
    one: Mutex<()>,
}

impl Backups {
    /// Listens in `home`. Where that cannot be, the operator is told, and the node runs without.
    pub(crate) fn listen(log: &Arc<EmbeddedLog>, table: &Arc<EmbeddedTable>, home: &Path) -> Self {
        let path = home.join(NAME);
        // One of a process that was killed; nobody else is here, for we have the log.
        let _ = std::fs::remove_file(&path);
        let is_over = Arc::<AtomicBool>::default();
        let parts = Arc::new(Parts {
            log: log.clone(),
            table: table.clone(),
            home: home.to_owned(),
            is_over: is_over.clone(),
            one: Mutex::default(),
        });
        let task = match UnixListener::bind(&path) {
            Ok(listener) => Some(tokio::spawn(accept(listener, parts))),
            Err(error) => {
                let what = "no backup while it runs";
                warn("backup", &format!("{}: {error}: {what}", path.display()));
                None
            }
        };
        Self { task, is_over, path }
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(task) = &self.task {
            task.abort();
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn accept(listener: UnixListener, parts: Arc<Parts>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, parts.clone()))),
            // Out of file descriptors, say: later it may work.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

/// Who goes away too early hears nothing; the backup is made all the same.
async fn serve(stream: tokio::net::UnixStream, parts: Arc<Parts>) {
    let own = rustix::process::geteuid().as_raw();
    if !stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0) {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(QUESTION_MAX));
    if read.read_line(&mut line).await.is_err() {
        return;
    }
    let answer = match line.strip_suffix('\n').and_then(|line| line.strip_prefix(ASK)) {
        Some(target) => {
            let target = PathBuf::from(target);
            let work = tokio::task::spawn_blocking(move || parts.backup(&target));
            work.await.unwrap_or_else(|error| Err(error.to_string()))
        }
        None => Err("it is no question that this release understands".to_owned()),
    };
    let answer = match answer {
        Ok(what) => format!("ok\n{what}\n"),
        Err(why) => format!("failed\n{why}\n"),
    };
    let _ = write.write_all(answer.as_bytes()).await;
}

impl Parts {
    fn backup(&self, target: &Path) -> Result<String, String> {
        let _one = match self.one.try_lock() {
            Err(TryLockError::WouldBlock) => return Err("another is being made".to_owned()),
            Err(TryLockError::Poisoned(one)) => one.into_inner(),
            Ok(one) => one,
        };
        info("backup", &format!("into {}", target.display()));
        let go_on = || match self.is_over.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the node stops")),
            false => Ok(()),
        };
        let made = make(&self.log, &self.table, &self.home, target, &go_on);
        match &made {
            Ok(_) => info("backup", &format!("{} is there", target.display())),
            Err(why) => warn("backup", &format!("{}: {why}", target.display())),
        }
        made
    }
}

/// Asks the node in `home` for a backup. What is in it; `None` when no node runs there.
pub(super) fn ask(home: &Path, target: &Path) -> Result<Option<String>, String> {
    let path = home.join(NAME);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                .contains(&error.kind()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let target = target.to_str().filter(|target| !target.contains('\n'));
    let target = target.ok_or("the name of the target is not text of one line")?;
    stream.write_all(format!("{ASK}{target}\n").as_bytes()).map_err(failed)?;
    let mut answer = BufReader::new(stream);
    let (mut verdict, mut rest) = (String::new(), String::new());
    answer.read_line(&mut verdict).map_err(failed)?;
    answer.read_to_string(&mut rest).map_err(failed)?;
    match verdict.trim_end() {
        "ok" => Ok(Some(rest.trim_end().to_owned())),
        "failed" => Err(rest.trim_end().to_owned()),
        _ => Err("the node ended before the backup did".to_owned()),
    }
}
