//! Checks a log without changing it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use weft_files::{Files, Findings, OsFiles};

use super::commits::Commits;
use super::segment::Segment;
use super::{EmbeddedLog, LogOpenError};

impl EmbeddedLog {
    /// Reads every record of the log in `folder`, and what groups have done. An error when that
    /// cannot be read, or another process has the log open.
    pub fn check(folder: &Path) -> Result<Findings, LogOpenError> {
        let path = folder.join("lock");
        let lock = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => Some(file),
            // A copy has none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(LogOpenError::Io { path, source }),
        };
        if lock.is_some_and(|lock| lock.try_lock().is_err()) {
            return Err(LogOpenError::Locked(folder.to_owned()));
        }
        check(&(Arc::new(OsFiles) as Arc<dyn Files>), folder)
    }
}

pub(super) fn check(files: &Arc<dyn Files>, folder: &Path) -> Result<Findings, LogOpenError> {
    let mut check = Check { findings: Findings::default(), records: 0, segments: 0 };
    let topics = folder.join("topics");
    let mut ends = BTreeMap::new();
    let list = |path: &Path| files.list(path).map_err(LogOpenError::io(path));
    for topic in list(&topics)? {
        for partition in list(&topic)? {
            let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
            let (Some(topic), Some(number)) =
                (name(&topic), name(&partition).and_then(|number| number.parse::<u32>().ok()))
            else {
                continue;
            };
            ends.insert((topic, number), check.partition(&**files, &partition)?);
        }
    }
    match Commits::open(files.clone(), folder) {
        Ok(commits) => {
            for ((topic, number), end) in commits.ends() {
                let found = ends.get(&(topic.clone(), number)).copied().unwrap_or_default();
                if found < end {
                    check.findings.damage.push(format!(
                        "{}: it ends at offset {found}, and was once at {end}: records are missing",
                        topics.join(topic).join(number.to_string()).display()
                    ));
                }
            }
        }
        Err(damaged @ LogOpenError::Damaged { .. }) => {
            check.findings.damage.push(damaged.to_string());
        }
        Err(error) => return Err(error),
    }
    let Check { mut findings, records, segments } = check;
    findings.checked.push(format!("log: {records} records in {segments} segments"));
    Ok(findings)
}

/// A check under way.
struct Check {
    findings: Findings,
    records: u64,
    segments: u64,
}

impl Check {
    /// Reads the segments of a partition. The offset after its last record.
    fn partition(&mut self, files: &dyn Files, folder: &Path) -> Result<u64, LogOpenError> {
        let paths = files.list(folder).map_err(LogOpenError::io(folder))?;
        let mut segments: Vec<_> =
            paths.into_iter().filter_map(|path| Some((Segment::first_of(&path)?, path))).collect();
        segments.sort_unstable();
        let mut next = None;
        let count = segments.len();
        for (index, (first, path)) in segments.into_iter().enumerate() {
            if next.is_some_and(|next| next != first) {
                let what = "records before it are missing";
                self.findings.damage.push(format!("{}: {what}", path.display()));
            }
            let scan = Segment::scan(files, &path, first)?;
            let position = scan.segment.len;
            if scan.is_torn {
                let is_end = index + 1 == count && !Segment::has_records_after(files, &scan)?;
                let message = format!("{}: what follows byte {position}", path.display());
                if is_end {
                    let what = "is no whole record: a process that is killed leaves that";
                    self.findings.notes.push(format!("{message} {what}"));
                } else {
                    self.findings.damage.push(format!("{message} is damaged"));
                }
            }
            self.records += scan.next - first;
            self.segments += 1;
            next = Some(scan.next);
        }
        Ok(next.unwrap_or_default())
    }
}
