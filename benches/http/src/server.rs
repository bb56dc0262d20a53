//! What is measured: where it listens, what it takes of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// A server under measurement.
pub(crate) struct Server {
    /// `host:port`.
    pub(crate) authority: String,
    pid: Option<u32>,
    data: Option<PathBuf>,
}

impl Server {
    pub(crate) fn new(url: &str, pid: Option<u32>, data: Option<PathBuf>) -> Result<Self, Failure> {
        let authority = url
            .strip_prefix("http://")
            .ok_or("the URL must begin with http://")?
            .trim_end_matches('/')
            .to_owned();
        Ok(Self { authority, pid, data })
    }

    /// Memory and disk, as far as they were asked for.
    pub(crate) fn usage(&self) -> String {
        let mut usage = String::new();
        if let Some(pid) = self.pid {
            for (name, field) in [("memory", "VmRSS:"), ("at most", "VmHWM:")] {
                if let Some(kib) = memory_kib(pid, field) {
                    usage += &format!(", {name} {:.1} MB", kib as f64 * 1_024.0 / 1e6);
                }
            }
        }
        if let Some(data) = &self.data {
            usage += &format!(", disk {:.1} MB", folder_bytes(data) as f64 / 1e6);
        }
        usage
    }

    /// Seconds of processor time that the server has taken, where its process is known.
    pub(crate) fn cpu(&self) -> Option<f64> {
        cpu_seconds(&self.pid?.to_string())
    }
}

/// Seconds of processor time that a process has taken; `self` is this one.
pub(crate) fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / rustix::param::clock_ticks_per_second() as f64)
}

fn memory_kib(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { folder_bytes(&entry.path()) } else { metadata.len() })
    });
    sizes.sum()
}
