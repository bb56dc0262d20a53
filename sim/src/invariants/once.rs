//! No window of a script is doubled: of each, at most one run begins, whoever led and whoever worked.

use std::collections::BTreeSet;

/// Windows older than the newest one of their script by this much are not remembered, milliseconds.
const KNOWN_MS: i64 = 2 * 3_600_000;

/// The windows of one script in which a run began.
#[derive(Debug, Default)]
pub struct Once {
    begun: BTreeSet<i64>,
}

impl Once {
    /// A run begins.
    ///
    /// # Errors
    /// One has begun in that window before.
    pub fn begins(&mut self, path: &str, period_ms: i64, window: i64) -> Result<(), String> {
        let oldest = self.begun.last().map(|newest| newest - KNOWN_MS / period_ms - 2);
        if oldest.is_some_and(|oldest| window < oldest) {
            return Err(format!("{path} begins in window {window}, which is long over"));
        }
        if !self.begun.insert(window) {
            return Err(format!("{path} begins twice in window {window} of {period_ms} ms"));
        }
        if let Some(oldest) = oldest {
            self.begun = self.begun.split_off(&oldest);
        }
        Ok(())
    }

    /// Whether a run began in that window.
    pub fn has(&self, window: i64) -> bool {
        self.begun.contains(&window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_once() {
        let mut once = Once::default();
        assert!(once.begins("a", 1_000, 7).is_ok());
        assert!(once.begins("a", 1_000, 6).is_ok(), "another one, late");
        assert!(once.begins("a", 1_000, 7).is_err_and(|what| what.contains("twice")));
        assert!(once.begins("a", 1_000, 10_000).is_ok());
        assert!(once.has(10_000) && once.has(7));
        assert!(once.begins("a", 1_000, -1).is_err_and(|what| what.contains("over")));
    }
}
