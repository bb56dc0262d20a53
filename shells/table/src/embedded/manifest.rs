//! Which files the table has.
//!
//! ```text
//! checksum (CRC-32, 4 bytes), magic (8), next number, count, numbers of files, the oldest first
//! ```
//!
//! It is written anew beside the old one, made durable, and takes its name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use weft_daemons::contract::TableError;
use weft_files::{Files, Reader};
use weft_gts::varint;

use super::cursor::{Cursor, Damaged};
use super::file::unreadable;

const MAGIC: &[u8; 8] = b"weftman1";
pub(super) const NAME: &str = "manifest";
const NEW: &str = "manifest.new";

/// The most bytes a manifest has.
const BYTES_MAX: u64 = 16 << 20;

/// What it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The number of the next file.
    pub(super) next: u64,
    /// Numbers of files, the oldest first.
    pub(super) files: Vec<u64>,
}

/// The file of blocks with a number.
pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.blocks"))
}

impl Manifest {
    /// Reads it; an empty one where there is none yet. What no manifest names is removed: a flush
    /// or a merge that did not come to its end.
    pub(super) fn load(files: &dyn Files, folder: &Path) -> Result<Self, TableError> {
        let failed = |error: io::Error| unreadable(folder, &error);
        files.create_folder(folder).map_err(failed)?;
        // What is in a folder is durable only once the folder is.
        for above in folder.ancestors().skip(1).take(2) {
            files.sync_folder(above).map_err(failed)?;
        }
        let paths = files.list(folder).map_err(failed)?;
        let path = folder.join(NAME);
        let manifest =
            if paths.contains(&path) { Self::read(files, &path)? } else { Self::default() };
        let named: Vec<PathBuf> = manifest.files.iter().map(|&n| path_of(folder, n)).collect();
        if let Some(missing) = named.iter().find(|path| !paths.contains(path)) {
            return Err(TableError::Corrupt(format!(
                "{} is missing; restore it from a copy",
                missing.display()
            )));
        }
        for left in paths.iter().filter(|p| **p != path && !named.contains(p)) {
            files.remove(left).map_err(|error| unreadable(left, &error))?;
        }
        Ok(manifest)
    }

    /// Reads that of a folder without changing anything there.
    pub(super) fn peek(files: &dyn Files, folder: &Path) -> Result<Self, TableError> {
        Self::read(files, &folder.join(NAME))
    }

    fn read(files: &dyn Files, path: &Path) -> Result<Self, TableError> {
        let mut bytes = Vec::new();
        let file = files.open(path).map_err(|error| unreadable(path, &error))?;
        io::Read::read_to_end(&mut io::Read::take(Reader::new(file, 0), BYTES_MAX), &mut bytes)
            .map_err(|error| unreadable(path, &error))?;
        Self::parse(&bytes).map_err(|Damaged(what)| {
            TableError::Corrupt(format!(
                "{} is damaged: {what}; restore it from a copy",
                path.display()
            ))
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, Damaged> {
        let (sum, bytes) = bytes.split_first_chunk::<4>().ok_or(Damaged("it ends too early"))?;
        if crc32fast::hash(bytes) != u32::from_le_bytes(*sum) {
            return Err(Damaged("its checksum is wrong"));
        }
        let mut input = Cursor::new(bytes);
        if input.array()? != *MAGIC {
            return Err(Damaged("it is of another kind"));
        }
        let next = input.unsigned()?;
        let files = (0..input.length()?).map(|_| input.unsigned()).collect::<Result<_, _>>()?;
        Ok(Self { next, files })
    }

    /// Makes this what the folder holds.
    pub(super) fn store(&self, files: &dyn Files, folder: &Path) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        varint::write_unsigned(&mut bytes, self.next);
        varint::write_unsigned(&mut bytes, self.files.len() as u64);
        self.files.iter().for_each(|&number| varint::write_unsigned(&mut bytes, number));
        let (new, path) = (folder.join(NEW), folder.join(NAME));
        let mut file = files.append(&new, 0)?;
        file.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        file.write_all(&bytes)?;
        file.sync()?;
        // The names of the files that it names must be durable before it is.
        files.sync_folder(folder)?;
        files.rename(&new, &path)?;
        files.sync_folder(folder)
    }
}
