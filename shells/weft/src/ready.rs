//! Whether the process can serve: what `/readyz` says.

use std::sync::{Mutex, PoisonError};

/// What is waited for.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Vec<(&'static str, bool)>>);

impl Readiness {
    /// Whether `name` can serve.
    pub(crate) fn set(&self, name: &'static str, is_ready: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = is_ready,
            None => all.push((name, is_ready)),
        }
    }

    /// What it waits for, if for anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits: Vec<&str> = all.iter().filter(|(_, is)| !is).map(|(name, _)| *name).collect();
        if waits.is_empty() { Ok(()) } else { Err(format!("waiting for {}", waits.join(", "))) }
    }
}
