//! The scripts of a folder and their windows: the multiples of a period on the wall clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::program::period_ms;

/// Windows before the last one that a clock which went back may be in, in milliseconds; when it is
/// further back, the clock was wrong before, and windows count anew.
const BACK_MAX_MS: i64 = 3_600_000;

/// The window that a moment is in.
pub(super) const fn window_of(now_ms: i64, period_ms: i64) -> i64 {
    now_ms.div_euclid(period_ms)
}

/// Whether a window comes after the last one, or so long before it that windows count anew.
pub(super) fn comes_after(window: i64, last: i64, period_ms: i64) -> bool {
    let back = BACK_MAX_MS.div_euclid(period_ms).max(1);
    window > last || window < last.saturating_sub(back)
}

/// A script that is there.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) period_ms: i64,
    /// The last window in which it was due.
    window: Option<i64>,
    /// Whether it waits or runs.
    is_busy: bool,
    /// Whether it is still in the folder.
    pub(super) is_there: bool,
    /// When it is due next, as far as it stands among those that are.
    due_ms: Option<i64>,
}

/// The scripts of a folder.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    all: BTreeMap<Arc<str>, Script>,
    /// Those that are there and not busy, by when they are due.
    due: BTreeSet<(i64, Arc<str>)>,
    /// The wall clock when it was looked at last.
    looked_ms: i64,
}

impl Scripts {
    /// These are in the folder. A new one was last due in the window that `known` tells of it.
    pub(super) fn scanned(
        &mut self,
        now_ms: i64,
        paths: Vec<Arc<str>>,
        min_period_ms: i64,
        mut known: impl FnMut(&str, i64) -> Option<i64>,
    ) {
        for script in self.all.values_mut() {
            script.is_there = false;
        }
        for path in paths {
            let Some(period_ms) = period_ms(&path) else { continue };
            if period_ms < min_period_ms {
                continue;
            }
            let script = self.all.entry(path).or_insert_with_key(|path| Script {
                period_ms,
                window: known(path, period_ms),
                is_busy: false,
                is_there: true,
                due_ms: None,
            });
            script.is_there = true;
        }
        // What runs is forgotten when it ends.
        self.all.retain(|_, script| script.is_there || script.is_busy);
        self.due.clear();
        for (path, script) in &mut self.all {
            script.due_ms = None;
            file(&mut self.due, path, script, now_ms);
        }
    }

    /// Takes those that are due; they are busy from now on.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        if now_ms < self.looked_ms {
            // The clock went back: perhaps so far that windows count anew.
            let is_due = |(_, script): &(&Arc<str>, &Script)| {
                script.is_there && !script.is_busy && script.is_due(now_ms)
            };
            due.extend(self.all.iter().filter(is_due).map(|(path, _)| path.clone()));
        } else {
            let first = self.due.iter().take_while(|(due_ms, _)| *due_ms <= now_ms);
            due.extend(first.map(|(_, path)| path.clone()));
            due.sort_unstable();
        }
        self.looked_ms = now_ms;
        for path in &due {
            if let Some(script) = self.all.get_mut(path) {
                script.is_busy = true;
                script.window = Some(window_of(now_ms, script.period_ms));
                file(&mut self.due, path, script, now_ms);
            }
        }
        due
    }

    /// It is not busy any more.
    pub(super) fn free(&mut self, path: &Arc<str>, now_ms: i64) {
        let Some(script) = self.all.get_mut(path) else { return };
        script.is_busy = false;
        file(&mut self.due, path, script, now_ms);
        if !script.is_there {
            self.all.remove(path);
        }
    }

    /// It is not busy any more, and was not seen to: it is due again in the same window.
    pub(super) fn give_back(&mut self, path: &Arc<str>, now_ms: i64) {
        if let Some(script) = self.all.get_mut(path) {
            script.window = script.window.map(|window| window.saturating_sub(1));
        }
        self.free(path, now_ms);
    }

    /// Somebody has seen to a window of the script.
    pub(super) fn seen(&mut self, path: &str, window: i64, now_ms: i64) {
        let Some((path, script)) = self.all.get_key_value(path) else { return };
        if script.window.is_none_or(|last| comes_after(window, last, script.period_ms)) {
            let path = path.clone();
            if let Some(script) = self.all.get_mut(&path) {
                script.window = Some(window);
                file(&mut self.due, &path, script, now_ms);
            }
        }
    }

    /// The last window of a script that waits is this one, whatever was known before.
    pub(super) fn correct(&mut self, path: &Arc<str>, window: i64, now_ms: i64) {
        if let Some(script) = self.all.get_mut(path).filter(|script| !script.is_busy) {
            script.window = Some(window);
            file(&mut self.due, path, script, now_ms);
        }
    }

    /// When the next one is due, on the wall clock.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    pub(super) fn get(&self, path: &str) -> Option<&Script> {
        self.all.get(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Script)> {
        self.all.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The longest period, zero without scripts.
    pub(super) fn longest_ms(&self) -> i64 {
        self.all.values().map(|script| script.period_ms).max().unwrap_or(0)
    }
}

impl Script {
    /// The last window in which it was due, zero when there was none.
    pub(super) fn last_window(&self) -> i64 {
        self.window.unwrap_or_default()
    }

    /// Whether it should begin in the window that lasts.
    fn is_due(&self, now_ms: i64) -> bool {
        let window = window_of(now_ms, self.period_ms);
        self.window.is_none_or(|last| comes_after(window, last, self.period_ms))
    }

    /// When it begins next, if it does not wait or run.
    pub(super) fn next_ms(&self, now_ms: i64) -> i64 {
        match self.window {
            Some(last) if !self.is_due(now_ms) => {
                last.saturating_add(1).saturating_mul(self.period_ms)
            }
            _ => now_ms,
        }
    }
}

/// Puts a script where it belongs among those that wait to be due.
fn file(due: &mut BTreeSet<(i64, Arc<str>)>, path: &Arc<str>, script: &mut Script, now_ms: i64) {
    if let Some(due_ms) = script.due_ms.take() {
        due.remove(&(due_ms, path.clone()));
    }
    if script.is_there && !script.is_busy {
        let due_ms = script.next_ms(now_ms);
        script.due_ms = Some(due_ms);
        due.insert((due_ms, path.clone()));
    }
}
