//! What was stored of which content.

use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher24;

/// The word for everything.
const DONE: &str = "done";

/// How much of a file was stored.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    stored: u64,
    is_done: bool,
}

impl State {
    /// The state of the file's content.
    pub(crate) fn open(home: &Path, file: &Path, again: bool) -> Result<Self, String> {
        let folder = home.join("loads");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let hash = hash(file).map_err(|error| error.to_string())?;
        let path = folder.join(format!("{hash:016x}"));
        let text =
            if again { String::new() } else { fs::read_to_string(&path).unwrap_or_default() };
        let is_done = text.trim() == DONE;
        Ok(Self { path, stored: text.trim().parse().unwrap_or(0), is_done })
    }

    /// Bytes of the text that were stored.
    pub(crate) const fn stored(&self) -> u64 {
        self.stored
    }

    /// Whether everything was.
    pub(crate) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// So many bytes were stored.
    pub(crate) fn store(&mut self, bytes: u64) -> Result<(), String> {
        self.stored = bytes;
        self.write(&bytes.to_string())
    }

    /// Everything was.
    pub(crate) fn done(&mut self) -> Result<(), String> {
        self.is_done = true;
        self.write(DONE)
    }

    fn write(&self, text: &str) -> Result<(), String> {
        // Losing this costs work, never data: no sync.
        let new = self.path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn hash(file: &Path) -> io::Result<u64> {
    let mut file = File::open(file)?;
    let mut hasher = SipHasher24::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            n => hasher.write(&buffer[..n]),
        }
    }
}
