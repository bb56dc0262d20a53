//! The folder of throttling: files of limits, and what ingress keeps there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use weft_daemons::contract::peer::{
    THROTTLE_BYTES_MAX, THROTTLE_FILES_MAX, ThrottleAnswer, ThrottleAsk, ThrottleFile,
};

/// What files of limits end in.
const SUFFIX: &str = ".throttle";

/// What is kept, and what it is called while it is written. Neither is a file of limits.
const KEPT: &str = "current.throttle.dump";
const KEPT_NEW: &str = "current.throttle.dump.new";

/// The folder of `throttling.manager.dir`.
#[derive(Debug)]
pub(crate) struct ThrottleFolder {
    root: PathBuf,
}

impl ThrottleFolder {
    /// A folder, which must be there when it is asked.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Answers a question of ingress. Blocks.
    pub(crate) fn answer(&self, ask: ThrottleAsk) -> Result<ThrottleAnswer, String> {
        match ask {
            ThrottleAsk::Recall => {
                let path = self.root.join(KEPT);
                match File::open(&path) {
                    Ok(file) => Ok(ThrottleAnswer::Recalled(Some(read(file, &path)?))),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        Ok(ThrottleAnswer::Recalled(None))
                    }
                    Err(error) => Err(failed(&path, &error)),
                }
            }
            ThrottleAsk::Scan { known } => self.scan(&known).map(ThrottleAnswer::Scanned),
            ThrottleAsk::Keep(bytes) => self.keep(&bytes).map(|()| ThrottleAnswer::Kept),
        }
    }

    fn scan(&self, known: &BTreeMap<String, u64>) -> Result<Vec<ThrottleFile>, String> {
        let mut files = Vec::new();
        let entries = std::fs::read_dir(&self.root).map_err(|error| failed(&self.root, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed(&self.root, &error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.ends_with(SUFFIX) {
                continue;
            }
            if files.len() == THROTTLE_FILES_MAX {
                return Err(format!("more than {THROTTLE_FILES_MAX} files of limits"));
            }
            // A link is followed; one to nowhere, or a file that has just gone, is passed over.
            let path = entry.path();
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if !metadata.is_file() {
                continue;
            }
            let version = version_of(&metadata);
            let text = (known.get(&name) != Some(&version)).then(|| {
                File::open(&path)
                    .map_err(|error| failed(&path, &error))
                    .and_then(|file| read(file, &path))
            });
            files.push(ThrottleFile { name, version, text });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Writes another file and puts it in the place of the one before, so that one of them is whole.
    fn keep(&self, bytes: &[u8]) -> Result<(), String> {
        let (path, new) = (self.root.join(KEPT), self.root.join(KEPT_NEW));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(|error| failed(&path, &error))
    }
}

/// When the file was written last, and its size.
fn version_of(metadata: &std::fs::Metadata) -> u64 {
    let nanoseconds = metadata.mtime().wrapping_mul(1_000_000_000) + metadata.mtime_nsec();
    (nanoseconds as u64).rotate_left(20) ^ metadata.len()
}

fn read(file: File, path: &Path) -> Result<Bytes, String> {
    let mut text = Vec::new();
    let limit = THROTTLE_BYTES_MAX as u64;
    file.take(limit + 1).read_to_end(&mut text).map_err(|error| failed(path, &error))?;
    if text.len() > THROTTLE_BYTES_MAX {
        return Err(format!("{}: longer than {THROTTLE_BYTES_MAX} bytes", path.display()));
    }
    Ok(text.into())
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(folder: &ThrottleFolder, known: &[(&str, u64)]) -> Vec<ThrottleFile> {
        let known = known.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect();
        match folder.answer(ThrottleAsk::Scan { known }) {
            Ok(ThrottleAnswer::Scanned(files)) => files,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_are_told_with_their_texts_until_they_are_known() {
        let root = tempfile::TempDir::new().expect("a folder");
        for (name, text) in [("b.throttle", "b"), ("a.throttle", "a"), ("c.txt", "c"), (KEPT, "k")]
        {
            std::fs::write(root.path().join(name), text).expect("a file");
        }
        std::fs::create_dir(root.path().join("d.throttle")).expect("a folder");
        let folder = ThrottleFolder::new(root.path().to_owned());
        let files = scan(&folder, &[]);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.throttle", "b.throttle"]);
        assert_eq!(files[0].text, Some(Ok(Bytes::from_static(b"a"))));
        let version = files[0].version;
        let known = scan(&folder, &[("a.throttle", version), ("b.throttle", 1)]);
        assert_eq!((&known[0].text, known[1].text.is_some()), (&None, true));
        std::fs::write(root.path().join("a.throttle"), "changed").expect("a file");
        assert_ne!(scan(&folder, &[])[0].version, version);
    }

    #[test]
    fn what_is_kept_is_recalled() {
        let root = tempfile::TempDir::new().expect("a folder");
        let folder = ThrottleFolder::new(root.path().to_owned());
        let recalled = || folder.answer(ThrottleAsk::Recall);
        assert_eq!(recalled(), Ok(ThrottleAnswer::Recalled(None)));
        for text in ["one", "two"] {
            let bytes = Bytes::from_static(text.as_bytes());
            assert_eq!(folder.answer(ThrottleAsk::Keep(bytes.clone())), Ok(ThrottleAnswer::Kept));
            assert_eq!(recalled(), Ok(ThrottleAnswer::Recalled(Some(bytes))));
        }
        assert!(scan(&folder, &[]).is_empty(), "it is no file of limits");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = ThrottleFolder::new("/nowhere/at/all".into());
        let known = BTreeMap::new();
        let error = folder.answer(ThrottleAsk::Scan { known }).expect_err("no folder");
        assert!(error.contains("/nowhere/at/all"), "{error}");
        assert!(folder.answer(ThrottleAsk::Keep(Bytes::new())).is_err());
    }
}
