//! No window of a script is skipped, but those that a fail-over, or a run of the script itself,
//! covers, and those whose request was taken during a fail-over by a worker that died.

use std::collections::VecDeque;

/// How much of a window may be uncovered all the same: to notice, to ask, to begin. Nanoseconds.
const SLACK_NS: u64 = 3_000_000_000;

/// Stretches of time that are excused, in order of their beginning.
#[derive(Clone, Debug, Default)]
pub struct Excuses {
    stretches: VecDeque<(u64, u64)>,
}

impl Excuses {
    /// From one moment to another.
    pub fn add(&mut self, from_ns: u64, to_ns: u64) {
        let at = self.stretches.partition_point(|(from, _)| *from <= from_ns);
        self.stretches.insert(at, (from_ns, to_ns));
    }

    /// What ended before that moment is not needed any more.
    pub fn forget(&mut self, before_ns: u64) {
        self.stretches.retain(|(_, to)| *to >= before_ns);
    }

    /// Whether a moment is excused.
    pub fn has(&self, at_ns: u64) -> bool {
        self.stretches.iter().any(|(from, to)| (*from..=*to).contains(&at_ns))
    }

    /// Whether a moment between two is excused.
    pub fn meets(&self, (from_ns, to_ns): (u64, u64)) -> bool {
        self.stretches.iter().any(|(from, to)| *from < to_ns && *to > from_ns)
    }

    /// Nanoseconds that are excused, each once.
    pub fn length_ns(&self) -> u64 {
        let (mut end, mut sum) = (0, 0);
        for &(from, to) in &self.stretches {
            sum += to.saturating_sub(from.max(end));
            end = end.max(to);
        }
        sum
    }
}

/// A window in which no run began.
#[derive(Clone, Copy, Debug)]
pub struct Missed<'a> {
    /// The script.
    pub path: &'a str,
    /// Which one.
    pub window: i64,
    /// When it began and ended.
    pub span_ns: (u64, u64),
    /// When a request for it came into the log, if one did.
    pub asked_ns: Option<u64>,
}

/// Judges a window in which no run began.
///
/// # Errors
/// Nothing excuses it.
pub fn check(missed: Missed<'_>, faults: &Excuses, own_runs: &Excuses) -> Result<(), String> {
    let (start, end) = missed.span_ns;
    // A worker that died had taken it: at once, or while it waited for the run before.
    let may_be_held = |at| faults.has(at) || own_runs.has(at) && faults.meets((start, end));
    if missed.asked_ns.is_some_and(may_be_held) {
        return Ok(());
    }
    let mut all: Vec<(u64, u64)> =
        faults.stretches.iter().chain(&own_runs.stretches).copied().collect();
    all.sort_unstable();
    // The longest stretch of it that nothing covers.
    let (mut covered, mut bare_ns, mut bare_from) = (start, 0, start);
    for (from, to) in all.into_iter().chain([(end, end)]) {
        let bare = from.min(end).saturating_sub(covered);
        if bare > bare_ns {
            (bare_ns, bare_from) = (bare, covered);
        }
        covered = covered.max(to);
    }
    if bare_ns < SLACK_NS.min((end - start) / 2) {
        return Ok(());
    }
    let Missed { path, window, asked_ns, .. } = missed;
    Err(format!(
        "{path} does not begin in window {window}, {start} to {end}, and nothing excuses it from \
         {bare_from} on for {bare_ns} ns (asked for at {asked_ns:?})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn excuses(stretches: &[(u64, u64)]) -> Excuses {
        let mut excuses = Excuses::default();
        for (from, to) in stretches {
            excuses.add(from * SECOND, to * SECOND);
        }
        excuses
    }

    fn missed(from: u64, to: u64) -> Missed<'static> {
        let span_ns = (from * SECOND, to * SECOND);
        Missed { path: "a", window: 1, span_ns, asked_ns: None }
    }

    #[test]
    fn a_window_is_skipped_with_an_excuse_alone() {
        let none = Excuses::default();
        assert!(check(missed(100, 160), &none, &none).is_err());
        assert!(check(missed(100, 160), &excuses(&[(90, 170)]), &none).is_ok());
        assert!(check(missed(100, 160), &excuses(&[(90, 120)]), &none).is_err());
        assert!(check(missed(100, 160), &excuses(&[(90, 120)]), &excuses(&[(119, 161)])).is_ok());
        assert!(check(missed(100, 160), &excuses(&[(110, 130)]), &none).is_err());
        assert!(check(missed(100, 101), &excuses(&[(80, 99)]), &none).is_err());
        let taken = Missed { asked_ns: Some(101 * SECOND), ..missed(100, 160) };
        assert!(check(taken, &excuses(&[(100, 103)]), &none).is_ok());
        assert!(check(taken, &excuses(&[(102, 103)]), &none).is_err());
        assert!(check(taken, &excuses(&[(120, 125)]), &excuses(&[(90, 122)])).is_ok());
        assert!(check(taken, &none, &excuses(&[(90, 122)])).is_err());
    }

    #[test]
    fn excuses_are_counted_once() {
        assert_eq!(excuses(&[(1, 5), (3, 4), (4, 7), (9, 10)]).length_ns(), 7 * SECOND);
    }
}
