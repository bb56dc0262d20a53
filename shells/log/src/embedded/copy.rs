//! Copies of the log, while it works.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use weft_files::{Appendable, Files, OsFiles};

use super::segment::{Segment, write_synced};
use super::worker::Command;
use super::{EmbeddedLog, LogOpenError};

/// A partition: its segments, and how many bytes of each are durable.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) segments: Vec<(PathBuf, u64)>,
}

/// All partitions.
pub(crate) type Held = Vec<Place>;

/// No segment is removed as long as this is there.
///
/// A copy of log and table is consistent when it is made in this order: the hold, the table, the
/// log. What groups had done when the hold began is in the table by then, and all that came
/// after, up to what the table has and beyond, is in the log.
#[derive(Debug)]
pub struct LogHold {
    commands: Sender<Command>,
    commits: String,
}

impl EmbeddedLog {
    /// Begins a copy.
    pub fn hold(&self) -> io::Result<LogHold> {
        let (answer, commits) = channel();
        let commands = self.commands.clone();
        commands.send(Command::Hold(answer)).map_err(|_| closed())?;
        let commits = commits.recv().map_err(|_| closed())?;
        Ok(LogHold { commands, commits })
    }
}

impl LogHold {
    /// Copies every durable record, and what groups had done when the hold began, into a folder
    /// that is not there. `go_on` is asked now and then, and ends it with its error.
    pub fn copy(
        &self,
        folder: &Path,
        go_on: &dyn Fn() -> io::Result<()>,
    ) -> Result<(), LogOpenError> {
        let (answer, held) = channel();
        let _ = self.commands.send(Command::Held(answer));
        let held = held.recv().map_err(|_| LogOpenError::io(folder)(closed()))?;
        let topics = folder.join("topics");
        OsFiles.create_folder(&topics).map_err(LogOpenError::io(&topics))?;
        for Place { topic, partition, segments } in held {
            // Those without records too: their number is the number of partitions.
            let target = topics.join(&topic).join(partition.to_string());
            OsFiles.create_folder(&target).map_err(LogOpenError::io(&target))?;
            for (path, length) in segments {
                copy_segment(&path, length, &target, go_on).map_err(LogOpenError::io(&path))?;
            }
            OsFiles.sync_folder(&target).map_err(LogOpenError::io(&target))?;
            let of_topic = topics.join(&topic);
            OsFiles.sync_folder(&of_topic).map_err(LogOpenError::io(&of_topic))?;
        }
        OsFiles.sync_folder(&topics).map_err(LogOpenError::io(&topics))?;
        let commits = folder.join("commits");
        OsFiles
            .append(&commits, 0)
            .and_then(|mut file| {
                write_synced(file.as_mut() as &mut dyn Appendable, self.commits.as_bytes())
            })
            .and_then(|()| OsFiles.sync_folder(folder))
            .map_err(LogOpenError::io(&commits))
    }
}

impl Drop for LogHold {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Release);
    }
}

fn copy_segment(
    path: &Path,
    length: u64,
    target: &Path,
    go_on: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let Some(first) = Segment::first_of(path) else { return Ok(()) };
    let from = OsFiles.open(path)?;
    weft_files::copy(&OsFiles, &*from, length, &target.join(Segment::name(first)), go_on)
}

fn closed() -> io::Error {
    io::Error::other("the log is closed")
}
