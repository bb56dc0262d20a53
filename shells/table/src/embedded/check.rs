//! Checks a table without changing it.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_daemons::contract::TableError;
use weft_files::{Files, Findings, OsFiles};

use super::EmbeddedTable;
use super::file::{BlockFile, unreadable};
use super::manifest::{self, Manifest};
use super::metadata::Metadata;
use super::snapshot;

/// What the store of metadata rows ends each batch of its journal with.
const BATCH_END: &[u8] = b"FJL\x03";

impl EmbeddedTable {
    /// Reads everything that the table in `folder` holds. An error when it cannot be read. Nobody
    /// may have it open. `scratch` is a folder that is not there, for a copy of the metadata rows,
    /// which cannot be opened without a change; it is removed in the end.
    pub fn check(folder: &Path, scratch: &Path) -> Result<Findings, TableError> {
        let mut findings = check_blocks(&OsFiles, &folder.join("blocks"))?;
        let rows = check_rows(&folder.join("metadata"), scratch);
        let _ = fs::remove_dir_all(scratch);
        findings.extend(rows?);
        findings.notes.extend(snapshot::check(&OsFiles, &folder.join("snapshot")));
        Ok(findings)
    }
}

/// Reads the manifest and every file that it names.
pub(super) fn check_blocks(files: &dyn Files, folder: &Path) -> Result<Findings, TableError> {
    let mut findings = Findings::default();
    let paths = files.list(folder).map_err(|error| unreadable(folder, &error))?;
    let manifest = match Manifest::peek(files, folder) {
        Ok(manifest) => manifest,
        Err(TableError::Corrupt(what)) => {
            findings.damage.push(what);
            return Ok(findings);
        }
        // A table that never had a file has no manifest.
        Err(_) if paths.is_empty() => Manifest::default(),
        Err(error) => return Err(error),
    };
    let named: Vec<PathBuf> =
        manifest.files.iter().map(|&number| manifest::path_of(folder, number)).collect();
    let is_left = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name != manifest::NAME) && !named.contains(path)
    };
    for path in paths.iter().filter(is_left) {
        let what = "no manifest names it: a process that is killed leaves that";
        findings.notes.push(format!("{}: {what}", path.display()));
    }
    let (mut blocks, mut cells) = (0, 0);
    for number in manifest.files {
        let path = manifest::path_of(folder, number);
        if !paths.contains(&path) {
            findings.damage.push(format!("{} is missing", path.display()));
            continue;
        }
        match BlockFile::open(files, &path, number) {
            Ok(file) => {
                blocks += 1;
                cells += file.cells;
                findings.damage.extend(Arc::new(file).check()?);
            }
            Err(TableError::Corrupt(what)) => findings.damage.push(what),
            Err(error) => return Err(error),
        }
    }
    findings.checked.push(format!("table: {cells} cells in {blocks} files of blocks"));
    Ok(findings)
}

/// Opens a copy of the metadata rows, and reads them all.
fn check_rows(folder: &Path, scratch: &Path) -> Result<Findings, TableError> {
    let mut findings = Findings::default();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| unreadable(&path, &error)
    };
    let journals = copy_folder(folder, scratch).map_err(failed(folder))?;
    let count = match Metadata::open(scratch) {
        Ok(metadata) => metadata.check().map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match count {
        Ok(count) => findings.checked.push(format!("table: {count} rows of metadata")),
        Err(what) => findings.damage.push(format!("{}: {what}", folder.display())),
    }
    for journal in journals {
        // What it does not understand it cuts, without a word.
        let kept = fs::metadata(scratch.join(journal.file_name().unwrap_or_default()));
        let Ok(kept) = kept.map(|kept| kept.len()) else { continue };
        let mut rest = Vec::new();
        let mut file = fs::File::open(&journal).map_err(failed(&journal))?;
        file.seek(SeekFrom::Start(kept)).map_err(failed(&journal))?;
        file.read_to_end(&mut rest).map_err(failed(&journal))?;
        let message = format!("{}: what follows byte {kept}", journal.display());
        if rest.windows(BATCH_END.len()).any(|bytes| bytes == BATCH_END) {
            findings.damage.push(format!("{message} is damaged"));
        } else if rest.iter().any(|&byte| byte != 0) {
            let what = "is no whole batch: a process that is killed leaves that";
            findings.notes.push(format!("{message} {what}"));
        }
    }
    Ok(findings)
}

/// Copies a folder with all in it. The journals in it.
fn copy_folder(from: &Path, to: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
            if path.extension().is_some_and(|extension| extension == "jnl") {
                journals.push(path);
            }
        }
    }
    Ok(journals)
}
