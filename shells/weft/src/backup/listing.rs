//! What is in a backup: every folder, and every file with its length and checksum.
//!
//! ```text
//! CRC-32 LENGTH PATH     a file
//! folder PATH
//! crc32 CRC-32           of all lines before, the last line
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{failed, files_in, sync_folder};

/// The file that makes a folder a backup.
pub(super) const NAME: &str = "backup";

/// Begins the last line.
const CHECKSUM: &str = "crc32 ";

/// Begins the line of a folder.
const FOLDER: &str = "folder ";

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    crc: u32,
    length: u64,
    path: PathBuf,
}

/// What is in a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Those above come first.
    folders: Vec<PathBuf>,
    files: Vec<Entry>,
}

impl Listing {
    /// Lists what a folder holds, and makes all of it durable.
    pub(super) fn of(folder: &Path) -> Result<Self, String> {
        let mut listing = Self::default();
        for path in files_in(folder)? {
            let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
            above.reverse();
            for one in above.into_iter().filter(|one| !one.as_os_str().is_empty()) {
                listing.add_folder(one);
            }
            let (crc, length) = pass(&folder.join(&path), None)?;
            listing.files.push(Entry { crc, length, path });
        }
        Ok(listing)
    }

    /// Adds a folder, which may be empty.
    pub(super) fn add_folder(&mut self, folder: &Path) {
        if !self.folders.iter().any(|known| known == folder) {
            self.folders.push(folder.to_owned());
        }
    }

    /// Reads that of a backup.
    pub(super) fn read(backup: &Path) -> Result<Self, String> {
        let path = backup.join(NAME);
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{}: it is no backup, or one that did not end", backup.display())
            }
            _ => failed(&path, &error),
        })?;
        Self::parse(&text).ok_or_else(|| format!("{}: it is damaged", path.display()))
    }

    fn parse(text: &str) -> Option<Self> {
        let (lines, sum) = text.rsplit_once(CHECKSUM)?;
        (sum.strip_suffix('\n')? == checksum(lines)).then_some(())?;
        let mut listing = Self::default();
        for line in lines.lines() {
            // A path that leads out of the folder is none of ours.
            let safe = |path: &str| {
                let path = PathBuf::from(path);
                let is_below =
                    path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
                (is_below && path.file_name().is_some()).then_some(path)
            };
            if let Some(path) = line.strip_prefix(FOLDER) {
                listing.folders.push(safe(path)?);
                continue;
            }
            let mut fields = line.splitn(3, ' ');
            let crc = u32::from_str_radix(fields.next()?, 16).ok()?;
            let length = fields.next()?.parse().ok()?;
            listing.files.push(Entry { crc, length, path: safe(fields.next()?)? });
        }
        Some(listing)
    }

    /// Writes it into the backup: from now on it is one.
    pub(super) fn write(&self, backup: &Path) -> Result<(), String> {
        let mut text = String::new();
        for folder in &self.folders {
            text.push_str(&format!("{FOLDER}{}\n", folder.display()));
        }
        for Entry { crc, length, path } in &self.files {
            text.push_str(&format!("{crc:08x} {length} {}\n", path.display()));
        }
        let sum = checksum(&text);
        text.push_str(&format!("{CHECKSUM}{sum}\n"));
        self.folders.iter().try_for_each(|folder| sync_folder(&backup.join(folder)))?;
        let (new, path) = (backup.join("backup.new"), backup.join(NAME));
        let written = fs::File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&new, &path)).map_err(|error| failed(&path, &error))?;
        sync_folder(backup)
    }

    pub(super) const fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }

    /// What is not as it was when the backup was made.
    pub(super) fn verify(&self, backup: &Path) -> Vec<String> {
        self.files
            .iter()
            .filter_map(|file| file.check(pass(&backup.join(&file.path), None)))
            .collect()
    }

    /// Copies everything into a folder that is empty, durably; an error when anything is not as it
    /// was.
    pub(super) fn copy(&self, backup: &Path, target: &Path) -> Result<(), String> {
        for folder in &self.folders {
            let folder = target.join(folder);
            fs::create_dir(&folder).map_err(|error| failed(&folder, &error))?;
        }
        for file in &self.files {
            let passed = pass(&backup.join(&file.path), Some(&target.join(&file.path)));
            if let Some(damage) = file.check(passed) {
                return Err(format!("{damage}; nothing was restored"));
            }
        }
        self.folders.iter().try_for_each(|folder| sync_folder(&target.join(folder)))?;
        sync_folder(target)
    }
}

impl Entry {
    /// What is wrong with it, of which checksum and length were found.
    fn check(&self, found: Result<(u32, u64), String>) -> Option<String> {
        match found {
            Ok(found) if found == (self.crc, self.length) => None,
            Ok(_) => Some(format!("{}: it is not what it was", self.path.display())),
            Err(error) => Some(error),
        }
    }
}

/// Reads a file, and copies it where that is wanted; it, or the copy, is durable then. Its
/// checksum and length.
fn pass(path: &Path, copy: Option<&Path>) -> Result<(u32, u64), String> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| failed(&path, &error)
    };
    let mut file = fs::File::open(path).map_err(of(path))?;
    let mut target = match copy {
        Some(to) => {
            let made = fs::File::create_new(to).map_err(of(to))?;
            let rights = file.metadata().map_err(of(path))?.permissions();
            made.set_permissions(rights).map_err(of(to))?;
            Some((made, to))
        }
        None => None,
    };
    let (mut hasher, mut length, mut buffer) = (crc32fast::Hasher::new(), 0, vec![0; 1 << 20]);
    loop {
        let got = file.read(&mut buffer).map_err(of(path))?;
        if got == 0 {
            break;
        }
        hasher.update(&buffer[..got]);
        length += got as u64;
        if let Some((target, to)) = &mut target {
            target.write_all(&buffer[..got]).map_err(of(to))?;
        }
    }
    match &target {
        Some((target, to)) => target.sync_all().map_err(of(to))?,
        None => file.sync_all().map_err(of(path))?,
    }
    Ok((hasher.finalize(), length))
}

fn checksum(lines: &str) -> String {
    format!("{:08x}", crc32fast::hash(lines.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_is_damaged_or_leads_out_is_none() {
        let line = "00000001 5 log/commits\nfolder log\n";
        let sealed = |lines: &str| format!("{lines}{CHECKSUM}{}\n", checksum(lines));
        assert_eq!(Listing::parse(&sealed(line)).map(|listing| listing.count()), Some(1));
        assert_eq!(Listing::parse(line), None);
        assert_eq!(Listing::parse(&sealed(line).replace('5', "6")), None);
        for path in ["../x", "/x", "a/../../x", ""] {
            assert_eq!(Listing::parse(&sealed(&format!("00000001 5 {path}\n"))), None, "{path}");
            assert_eq!(Listing::parse(&sealed(&format!("folder {path}/..\n"))), None, "{path}");
        }
    }
}
