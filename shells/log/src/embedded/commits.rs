//! What groups have done: one small file, replaced as a whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{LogOpenError, sync_folder};

/// Topic, group and partition.
pub(crate) type Place = (String, String, u32);

/// The committed offsets.
#[derive(Debug)]
pub(crate) struct Commits {
    path: PathBuf,
    offsets: BTreeMap<Place, u64>,
    is_changed: bool,
}

impl Commits {
    /// Reads them.
    pub(crate) fn open(folder: &Path) -> Result<Self, LogOpenError> {
        let path = folder.join("commits");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(LogOpenError::Io { path, source }),
        };
        let mut offsets = BTreeMap::new();
        for line in text.lines() {
            let parsed = parse(line);
            let damaged = || LogOpenError::Damaged { path: path.clone(), position: 0 };
            let (place, offset) = parsed.ok_or_else(damaged)?;
            offsets.insert(place, offset);
        }
        Ok(Self { path, offsets, is_changed: false })
    }

    /// The offset committed for a place.
    pub(crate) fn get(&self, place: &Place) -> Option<u64> {
        self.offsets.get(place).copied()
    }

    /// Remembers an offset; durable after [`Commits::sync`].
    pub(crate) fn set(&mut self, place: Place, offset: u64) {
        self.is_changed |= self.offsets.insert(place, offset) != Some(offset);
    }

    /// The lowest offset that any group has committed for a partition.
    pub(crate) fn lowest(&self, topic: &str, partition: u32) -> Option<u64> {
        let places = self.offsets.iter().filter(|((t, _, p), _)| t == topic && *p == partition);
        places.map(|(_, offset)| *offset).min()
    }

    /// Makes what was set durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let mut text = String::new();
        for ((topic, group, partition), offset) in &self.offsets {
            text.push_str(&format!("{offset}\t{partition}\t{topic}\t{group}\n"));
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            sync_folder(folder)?;
        }
        self.is_changed = false;
        Ok(())
    }
}

fn parse(line: &str) -> Option<(Place, u64)> {
    let mut fields = line.split('\t');
    let offset = fields.next()?.parse().ok()?;
    let partition = fields.next()?.parse().ok()?;
    let (topic, group) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    Some(((topic, group, partition), offset))
}
