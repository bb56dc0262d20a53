//! Which script runs next.
//!
//! Scripts run in slices, at most as many at a time as the platform has threads. A script that has
//! run for long waits behind those that have not, so that a light one is answered while heavy ones
//! run; every few slices a heavy one has its turn all the same.

use std::collections::{BTreeMap, VecDeque};

use crate::contract::http::RequestId;

/// Scripts of a level have had fewer slices than this; the last level has all others.
const LEVELS: [u32; 3] = [1, 8, 64];

/// The fuel of a slice, by level: the first one is short, for most scripts need no more.
const FUEL: [u64; 4] = [20_000, 100_000, 200_000, 400_000];

/// Every so many slices a lower level goes first.
const TURN: u32 = 4;

/// The queues, and what scripts hold.
#[derive(Debug)]
pub(in crate::egress) struct Schedule {
    parallel: usize,
    running: usize,
    levels: [VecDeque<RequestId>; 4],
    picks: u32,
    memory: BTreeMap<RequestId, usize>,
    memory_used: usize,
    memory_max: usize,
}

impl Schedule {
    /// A schedule of at most `parallel` slices at a time, for scripts that may hold `memory_max`
    /// bytes together.
    pub(in crate::egress) fn new(parallel: usize, memory_max: usize) -> Self {
        Self {
            parallel: parallel.max(1),
            running: 0,
            levels: Default::default(),
            picks: 0,
            memory: BTreeMap::new(),
            memory_used: 0,
            memory_max,
        }
    }

    /// A script that has had so many slices wants another one.
    pub(super) fn queue(&mut self, request: RequestId, slices: u32) {
        self.levels[level(slices)].push_back(request);
    }

    /// The script to run now, if there is one and a thread for it.
    pub(super) fn start(&mut self) -> Option<RequestId> {
        if self.running >= self.parallel {
            return None;
        }
        let is_waiting = |level: &usize| !self.levels[*level].is_empty();
        let mut waiting = (0..self.levels.len()).filter(is_waiting);
        let first = waiting.next()?;
        self.picks = self.picks.wrapping_add(1);
        // Lower levels take these turns in turn.
        let others: Vec<usize> = waiting.collect();
        let level = if self.picks.is_multiple_of(TURN) && !others.is_empty() {
            others[(self.picks / TURN) as usize % others.len()]
        } else {
            first
        };
        let request = self.levels[level].pop_front()?;
        self.running += 1;
        Some(request)
    }

    /// A slice is over, or was not started after all.
    pub(super) const fn stop(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// A script holds so many bytes. The script that holds most, when all together hold too much.
    pub(super) fn holds(&mut self, request: RequestId, bytes: usize) -> Option<RequestId> {
        let before = self.memory.insert(request, bytes).unwrap_or(0);
        self.memory_used = self.memory_used.saturating_sub(before) + bytes;
        if self.memory_used <= self.memory_max {
            return None;
        }
        self.memory.iter().max_by_key(|(_, bytes)| **bytes).map(|(request, _)| *request)
    }

    /// A script is over.
    pub(super) fn forget(&mut self, request: RequestId) {
        let bytes = self.memory.remove(&request).unwrap_or(0);
        self.memory_used = self.memory_used.saturating_sub(bytes);
    }

    /// Whether there are as many scripts as there may be.
    pub(in crate::egress) fn is_full(&self, max: usize) -> bool {
        self.memory.len() >= max
    }

    /// A script comes in.
    pub(in crate::egress) fn admit(&mut self, request: RequestId) {
        self.memory.insert(request, 0);
    }

    /// Bytes that all scripts hold.
    pub(super) const fn used(&self) -> usize {
        self.memory_used
    }
}

fn level(slices: u32) -> usize {
    LEVELS.iter().position(|below| slices < *below).unwrap_or(LEVELS.len())
}

/// The fuel of the next slice of a script that has had `slices`.
pub(super) fn fuel(slices: u32) -> u64 {
    FUEL[level(slices)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(schedule: &mut Schedule) -> Option<u64> {
        let request = schedule.start()?;
        schedule.stop();
        Some(request.0)
    }

    #[test]
    fn a_new_script_goes_before_old_ones() {
        let mut schedule = Schedule::new(1, 100);
        (0..10).for_each(|request| schedule.queue(RequestId(request), 1_000));
        assert_eq!(run(&mut schedule), Some(0));
        schedule.queue(RequestId(99), 0);
        assert_eq!(run(&mut schedule), Some(99));
    }

    #[test]
    fn an_old_script_has_its_turn() {
        let mut schedule = Schedule::new(1, 100);
        schedule.queue(RequestId(99), 1_000);
        (0..10).for_each(|request| schedule.queue(RequestId(request), 0));
        let order: Vec<_> = std::iter::from_fn(|| run(&mut schedule)).collect();
        assert_eq!(order.iter().position(|request| *request == 99), Some(TURN as usize - 1));
    }

    #[test]
    fn no_more_slices_run_than_there_are_threads() {
        let mut schedule = Schedule::new(2, 100);
        (0..3).for_each(|request| schedule.queue(RequestId(request), 0));
        assert!(schedule.start().is_some() && schedule.start().is_some());
        assert_eq!(schedule.start(), None);
        schedule.stop();
        assert_eq!(schedule.start(), Some(RequestId(2)));
    }

    #[test]
    fn the_largest_script_is_named_when_memory_is_short() {
        let mut schedule = Schedule::new(1, 100);
        assert_eq!(schedule.holds(RequestId(1), 60), None);
        assert_eq!(schedule.holds(RequestId(2), 40), None);
        assert_eq!(schedule.holds(RequestId(2), 50), Some(RequestId(1)));
        schedule.forget(RequestId(1));
        assert!(schedule.used() == 50 && schedule.is_full(1));
    }
}
