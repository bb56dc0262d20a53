//! What groups have done: one small file, replaced as a whole. A line is offset, partition, topic,
//! group and, where there is one, the note, with tabs between.
//!
//! It also says how far partitions reached when it was written (lines without a group): a log that
//! ends before that has lost records, and no crash does that.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_daemons::contract::log::{NOTE_MAX, Position};
use weft_files::{Files, Reader};

use super::LogOpenError;
use super::segment::write_synced;

/// Topic, group and partition.
pub(crate) type Place = (String, String, u32);

/// Begins the last line.
const CHECKSUM: &str = "crc32 ";

/// The committed offsets.
#[derive(Debug)]
pub(crate) struct Commits {
    files: Arc<dyn Files>,
    path: PathBuf,
    positions: BTreeMap<Place, Position>,
    /// By topic and partition: the offset after the last durable record, once.
    ends: BTreeMap<(String, u32), u64>,
    is_changed: bool,
}

impl Commits {
    /// Reads them.
    pub(crate) fn open(files: Arc<dyn Files>, folder: &Path) -> Result<Self, LogOpenError> {
        let path = folder.join("commits");
        let read = |file| {
            let mut bytes = Vec::new();
            Reader::new(file, 0).read_to_end(&mut bytes).map(|_| bytes)
        };
        let bytes = match files.open(&path).and_then(read) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (positions, ends) = (BTreeMap::new(), BTreeMap::new());
                return Ok(Self { files, path, positions, ends, is_changed: false });
            }
            Err(source) => return Err(LogOpenError::Io { path, source }),
        };
        let damaged = || LogOpenError::Damaged { path: path.clone(), position: 0 };
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let (mut positions, mut ends) = (BTreeMap::new(), BTreeMap::new());
        let lines = match text.rsplit_once(CHECKSUM) {
            Some((lines, sum)) if sum.strip_suffix('\n') == Some(&checksum(lines)) => lines,
            _ => return Err(damaged()),
        };
        for line in lines.lines() {
            let ((topic, group, partition), position) = parse(line).ok_or_else(damaged)?;
            if group.is_empty() {
                ends.insert((topic, partition), position.offset);
            } else {
                positions.insert((topic, group, partition), position);
            }
        }
        Ok(Self { files, path, positions, ends, is_changed: false })
    }

    /// How far partitions reached at least: what was durable, or what a group has done.
    pub(crate) fn ends(&self) -> BTreeMap<(String, u32), u64> {
        let mut ends = self.ends.clone();
        for ((topic, _, partition), position) in &self.positions {
            let end = ends.entry((topic.clone(), *partition)).or_default();
            *end = (*end).max(position.offset);
        }
        ends
    }

    /// Remembers how far a partition reaches; written with the next offset.
    pub(crate) fn set_end(&mut self, topic: &str, partition: u32, end: u64) {
        match self.ends.get_mut(&(topic.to_owned(), partition)) {
            Some(known) => *known = end,
            None => drop(self.ends.insert((topic.to_owned(), partition), end)),
        }
    }

    /// What the file holds, or will once it is written.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for ((topic, group, partition), Position { offset, note }) in &self.positions {
            text.push_str(&format!("{offset}\t{partition}\t{topic}\t{group}"));
            if !note.is_empty() {
                text.push_str(&format!("\t{note}"));
            }
            text.push('\n');
        }
        for ((topic, partition), end) in &self.ends {
            text.push_str(&format!("{end}\t{partition}\t{topic}\t\n"));
        }
        let sum = checksum(&text);
        text.push_str(&format!("{CHECKSUM}{sum}\n"));
        text
    }

    /// What is committed for a place.
    pub(crate) fn get(&self, place: &Place) -> Option<&Position> {
        self.positions.get(place)
    }

    /// Remembers a position whose note [`is_note`]; durable after [`Commits::sync`].
    pub(crate) fn set(&mut self, place: Place, position: Position) {
        self.is_changed |= self.positions.insert(place, position.clone()) != Some(position);
    }

    /// The lowest offset that any group has committed for a partition.
    pub(crate) fn lowest(&self, topic: &str, partition: u32) -> Option<u64> {
        let places = self.positions.iter().filter(|((t, _, p), _)| t == topic && *p == partition);
        places.map(|(_, position)| position.offset).min()
    }

    /// Makes what was set durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let text = self.text();
        let new = self.path.with_extension("new");
        let mut file = self.files.append(&new, 0)?;
        write_synced(file.as_mut(), text.as_bytes())?;
        self.files.rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            self.files.sync_folder(folder)?;
        }
        self.is_changed = false;
        Ok(())
    }
}

fn checksum(lines: &str) -> String {
    format!("{:08x}", crc32fast::hash(lines.as_bytes()))
}

/// Whether a note is one that a line can hold.
pub(crate) fn is_note(note: &str) -> bool {
    note.len() <= NOTE_MAX && note.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether a group is one that a line can hold.
pub(crate) fn is_group(group: &str) -> bool {
    !group.chars().any(char::is_control)
}

fn parse(line: &str) -> Option<(Place, Position)> {
    let mut fields = line.split('\t');
    let offset = fields.next()?.parse().ok()?;
    let partition = fields.next()?.parse().ok()?;
    let (topic, group) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    let note = fields.next().unwrap_or_default().to_owned();
    if !is_group(&topic) || !is_group(&group) || !is_note(&note) {
        return None;
    }
    Some(((topic, group, partition), Position { offset, note }))
}
