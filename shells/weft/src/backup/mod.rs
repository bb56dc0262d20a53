//! `weft backup`, `weft restore`, `weft fsck`: a node's folder copied, brought back, checked.
//!
//! ```text
//! BACKUP/log, BACKUP/table         as in the node's folder
//! BACKUP/weft.conf, tokens.json    where the node's folder has them
//! BACKUP/backup                    written last: every file, its length and checksum
//! ```
//!
//! A node that runs makes its own backup (`control`). What groups had done is read first, then the
//! table is copied, then the log: the table has what was done by then, the log all that came
//! after, and a node that starts on the copy reads it again, as after a crash. What was
//! acknowledged before the backup began is in it.

mod control;
mod listing;
mod make;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use weft_files::Findings;
use weft_log::{EmbeddedLog, LogOptions};
use weft_table::{EmbeddedTable, TableOptions};

use crate::home;
use crate::report::warn;
pub(crate) use control::Backups;
use listing::Listing;

/// Makes a backup of the node in `home`, by the node itself where it runs.
pub(crate) fn backup(home: &Path, target: &Path) -> Result<(), String> {
    let target = std::path::absolute(target).map_err(|e| failed(target, &e))?;
    let told = match control::ask(home, &target)? {
        Some(told) => told,
        None => stopped(home, &target)?,
    };
    println!("{told}");
    println!("{} is a backup: weft restore brings it back", target.display());
    Ok(())
}

/// Makes a backup of a node that does not run.
fn stopped(home: &Path, target: &Path) -> Result<String, String> {
    let (log, table) = (home.join("log"), home.join("table"));
    if !log.is_dir() || !table.is_dir() {
        return Err(format!("{}: no node has its data there (--home)", home.display()));
    }
    let log = EmbeddedLog::open(&log, LogOptions::default()).map_err(|error| error.to_string())?;
    let warned = |problem: &str| warn("table", problem);
    let table = EmbeddedTable::open(&table, TableOptions::default(), warned)
        .map_err(|error| error.to_string())?;
    let made = make::make(&log, &table, home, target, &|| Ok(()));
    table.close();
    log.close();
    made
}

/// Makes the folder of a node from a backup.
pub(crate) fn restore(backup: &Path, home: &Path) -> Result<(), String> {
    let listing = Listing::read(backup)?;
    refuse_full(home)?;
    let mut name = home.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let making = home.with_file_name(name);
    make_private(&making)?;
    listing.copy(backup, &making)?;
    // From here on it is there, as a whole.
    fs::rename(&making, home).map_err(|error| failed(home, &error))?;
    let parent = std::path::absolute(home).ok().and_then(|home| Some(home.parent()?.to_owned()));
    if let Some(parent) = parent {
        sync_folder(&parent)?;
    }
    println!("{}: {} files, {} bytes", home.display(), listing.count(), listing.bytes());
    if home.join(home::CONFIGURATION).exists() {
        println!("weft.home in {} must name this folder", home.join(home::CONFIGURATION).display());
    } else {
        println!("Its configuration was elsewhere and is not in the backup: keys are needed");
    }
    Ok(())
}

/// Checks what is on disk, and says what is damaged.
pub(crate) fn fsck(folder: &Path) -> Result<(), String> {
    let mut findings = check(folder)?;
    if folder.join(listing::NAME).exists() {
        match Listing::read(folder) {
            Ok(listing) => findings.damage.extend(listing.verify(folder)),
            Err(damage) => findings.damage.push(damage),
        }
    }
    let Findings { checked, notes, damage } = findings;
    checked.iter().for_each(|line| println!("{line}"));
    notes.iter().for_each(|line| println!("note: {line}"));
    damage.iter().for_each(|line| println!("damaged: {line}"));
    match damage.len() {
        0 => Ok(()),
        1 => Err("it is damaged in 1 place".to_owned()),
        count => Err(format!("it is damaged in {count} places")),
    }
}

/// What log and table of a folder are like.
fn check(folder: &Path) -> Result<Findings, String> {
    // The log first: it knows whether a node has it open.
    let mut findings =
        EmbeddedLog::check(&folder.join("log")).map_err(|error| error.to_string())?;
    let scratch = folder.join("fsck.scratch");
    let of_table = EmbeddedTable::check(&folder.join("table"), &scratch);
    findings.extend(of_table.map_err(|error| error.to_string())?);
    Ok(findings)
}

/// An error unless a folder is empty, or is not there.
fn refuse_full(folder: &Path) -> Result<(), String> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{}: it is not empty; choose another folder", folder.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(folder, &error)),
    }
}

/// Makes a folder that only its owner may look into, for keys are in it. It must not be there.
fn make_private(folder: &Path) -> Result<(), String> {
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(|error| failed(folder, &error))
}

fn sync_folder(folder: &Path) -> Result<(), String> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(folder, &error))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Every file in a folder and those below, by its path from there, sorted.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        for entry in fs::read_dir(&path).map_err(|error| failed(&path, &error))? {
            let entry = entry.map_err(|error| failed(&path, &error))?;
            let name = below.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(name);
            } else {
                found.push(name);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
