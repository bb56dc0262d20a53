//! Makes a backup of a log and a table that are open.

use std::fs;
use std::io;
use std::path::Path;

use weft_log::EmbeddedLog;
use weft_table::EmbeddedTable;

use super::listing::Listing;
use super::{check, failed, make_private, refuse_full};
use crate::home;

/// Copies log and table, and what `home` has besides, into `target`; checks the copy; makes it a
/// backup. What is in it. `go_on` is asked now and then, and ends it with its error.
pub(super) fn make(
    log: &EmbeddedLog,
    table: &EmbeddedTable,
    home: &Path,
    target: &Path,
    go_on: &dyn Fn() -> io::Result<()>,
) -> Result<String, String> {
    refuse_full(target)?;
    if !target.exists() {
        make_private(target)?;
    }
    // In this order: see the top of `backup`.
    let hold = log.hold().map_err(|error| error.to_string())?;
    table.copy(&target.join("table"), go_on).map_err(|error| error.to_string())?;
    hold.copy(&target.join("log"), go_on).map_err(|error| error.to_string())?;
    drop(hold);
    for name in [home::CONFIGURATION, home::TOKENS] {
        let (from, to) = (home.join(name), target.join(name));
        if from.exists() {
            fs::copy(&from, &to).map_err(|error| failed(&from, &error))?;
        }
    }
    let findings = check(target)?;
    let damage: Vec<String> = findings.damage.into_iter().chain(findings.notes).collect();
    if !damage.is_empty() {
        return Err(format!(
            "what was copied is damaged, so it is no backup: {}",
            damage.join("; ")
        ));
    }
    let mut listing = Listing::of(target)?;
    // Partitions without records are folders without files.
    let topics = target.join("log/topics");
    for topic in names(&topics)? {
        for partition in names(&topics.join(&topic))? {
            listing.add_folder(&Path::new("log/topics").join(&topic));
            listing.add_folder(&Path::new("log/topics").join(&topic).join(partition));
        }
    }
    listing.write(target)?;
    let size = format!("{} files, {} bytes", listing.count(), listing.bytes());
    Ok(format!("{}\n{size}", findings.checked.join("\n")))
}

fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, String> {
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut names: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()
        .map_err(|error| failed(folder, &error))?;
    names.sort_unstable();
    Ok(names)
}
