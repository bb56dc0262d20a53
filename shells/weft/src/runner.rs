//! The folder of the runner's scripts.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use weft_daemons::contract::PeerEvent;
use weft_daemons::contract::peer::{PeerAction, SCRIPT_BYTES_MAX, SCRIPTS_MAX};

/// What the files of scripts end in.
const SUFFIX: &str = ".mc2";

/// A folder of scripts. Links are followed, those that lead back are not.
#[derive(Debug)]
pub(crate) struct ScriptFolder {
    root: PathBuf,
}

impl ScriptFolder {
    /// The folder of `runner.root`, which need not be there yet.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Answers a question of the runner; `None` when it is none. Blocks.
    pub(crate) fn answer(&self, action: &PeerAction) -> Option<PeerEvent> {
        match action {
            PeerAction::Scan { id } => Some(PeerEvent::Scanned { id: *id, result: self.list() }),
            PeerAction::Read { id, path } => {
                Some(PeerEvent::Read { id: *id, result: self.read(path) })
            }
            _ => None,
        }
    }

    fn list(&self) -> Result<Vec<Arc<str>>, String> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut Vec::new(), &mut found)?;
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Bytes, String> {
        let path = self.root.join(path);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = std::fs::File::open(&path).map_err(failed)?;
        let mut text = Vec::new();
        let limit = SCRIPT_BYTES_MAX as u64;
        file.take(limit + 1).read_to_end(&mut text).map_err(failed)?;
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(format!("{}: longer than {SCRIPT_BYTES_MAX} bytes", path.display()));
        }
        Ok(text.into())
    }
}

/// Adds the scripts of a folder and those below it. `above` are the folders that lead here.
fn walk(
    folder: &Path,
    name: &str,
    above: &mut Vec<(u64, u64)>,
    found: &mut Vec<Arc<str>>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let metadata = std::fs::metadata(folder).map_err(failed)?;
    let own = (metadata.dev(), metadata.ino());
    if above.contains(&own) {
        return Ok(());
    }
    above.push(own);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // What is no UTF-8 has no name in WarpScript.
        let Ok(own_name) = entry.file_name().into_string() else { continue };
        let name = if name.is_empty() { own_name } else { format!("{name}/{own_name}") };
        // A link to nowhere is passed over.
        let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), &name, above, found)?;
        } else if name.ends_with(SUFFIX) {
            if found.len() == SCRIPTS_MAX {
                return Err(format!("{}: more than {SCRIPTS_MAX} scripts", folder.display()));
            }
            found.push(name.into());
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_through_links() {
        let root = tempfile::TempDir::new().expect("a folder");
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("a/1000/deep")).expect("folders");
        std::fs::write(at("a/1000/x.mc2"), "1").expect("a file");
        std::fs::write(at("a/1000/deep/y.mc2"), "2").expect("a file");
        std::fs::write(at("a/1000/notes.txt"), "").expect("a file");
        std::os::unix::fs::symlink(root.path(), at("a/1000/back")).expect("a link");
        std::os::unix::fs::symlink(at("a/1000/x.mc2"), at("a/1000/z.mc2")).expect("a link");
        std::os::unix::fs::symlink(at("nowhere"), at("a/1000/n.mc2")).expect("a link");
        let folder = ScriptFolder::new(root.path().to_owned());
        let found = folder.list().expect("a list");
        let found: Vec<&str> = found.iter().map(|path| &**path).collect();
        assert_eq!(found, ["a/1000/deep/y.mc2", "a/1000/x.mc2", "a/1000/z.mc2"]);
        assert_eq!(folder.read("a/1000/z.mc2").expect("a text"), "1");
        assert!(folder.read("a/1000/n.mc2").is_err());
        assert!(ScriptFolder::new(at("nowhere")).list().is_err());
    }
}
