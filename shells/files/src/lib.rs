//! What the embedded backends ask of a disk.
//!
//! [`Files`] is the little that they need: append, sync, read, list, rename, remove, and the sync
//! of a folder. [`OsFiles`] is the operating system's; `SimulatedDisk` (feature `simulated`) is one
//! in memory that loses what was not synced, tears writes, reads short, is full, and flips bits.

mod findings;
mod os;
#[cfg(feature = "simulated")]
mod random;
#[cfg(feature = "simulated")]
mod simulated;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use findings::Findings;
pub use os::OsFiles;
#[cfg(feature = "simulated")]
pub use random::Random;
#[cfg(feature = "simulated")]
pub use simulated::{Damage, SimulatedDisk};

/// A disk.
pub trait Files: fmt::Debug + Send + Sync {
    /// Makes a folder and those above it, where they are missing. They are durable when the folder
    /// above each was synced.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// What is in a folder, sorted.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Opens a file that is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Readable>>;

    /// Opens a file, which is made when it is not there, cuts it to `len` bytes, and appends there.
    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn Appendable>>;

    /// Gives a file another name, over whatever had it. Durable when the folder was synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable when the folder was synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file to read.
pub trait Readable: fmt::Debug + Send + Sync {
    /// Reads from a place on; fewer bytes than asked for are no error, none is the end.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How many bytes it has.
    fn length(&self) -> io::Result<u64>;
}

/// A file to append to.
pub trait Appendable: io::Write + fmt::Debug + Send {
    /// Makes what was written, and the length, durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Reads a file from a place on, one piece after the other.
#[derive(Debug)]
pub struct Reader {
    file: Box<dyn Readable>,
    position: u64,
}

impl Reader {
    /// A reader that begins at `position`.
    pub fn new(file: Box<dyn Readable>, position: u64) -> Self {
        Self { file, position }
    }
}

/// Bytes that a copy holds at a time.
const COPY_BYTES: usize = 1 << 20;

/// Copies the first `length` bytes of a file into a new one, and makes them durable; the name is
/// when the folder was synced. `go_on` is asked now and then, and ends it with its error.
pub fn copy(
    files: &dyn Files,
    from: &dyn Readable,
    length: u64,
    to: &Path,
    go_on: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let mut target = files.append(to, 0)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut position = 0;
    while position < length {
        go_on()?;
        let wanted = usize::try_from(length - position).map_or(COPY_BYTES, |n| n.min(COPY_BYTES));
        let got = from.read_at(position, &mut buffer[..wanted])?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        target.write_all(&buffer[..got])?;
        position += got as u64;
    }
    target.sync()
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(self.position, buffer)?;
        self.position += got as u64;
        Ok(got)
    }
}
