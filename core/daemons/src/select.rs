//! Which datapoints of a series a fetch takes: what every table does alike.

use crate::contract::table::FetchRequest;

/// Thins out the datapoints in the range of a fetch, newest first, for one series.
#[derive(Clone, Debug)]
pub struct Selection {
    left: Option<u64>,
    skip: u64,
    timestep: i64,
    /// The newest tick that passes the time step.
    newest: i64,
    step: u64,
    /// How many more the step leaves out.
    steps: u64,
    sample: f64,
    random: u64,
    is_done: bool,
}

impl Selection {
    /// The selection for the series at `index` of the request.
    pub fn new(request: &FetchRequest, index: usize) -> Self {
        Self {
            left: request.count,
            skip: request.skip,
            timestep: request.timestep,
            newest: i64::MAX,
            step: request.step,
            steps: 0,
            sample: request.sample,
            random: request.sample_seed.wrapping_add(index as u64),
            is_done: request.count == Some(0),
        }
    }

    /// Whether nothing more is taken.
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes as many of the next `count` datapoints as are wanted, from the first on: how many. `None`
    /// where each must be looked at.
    pub fn take_run(&mut self, count: usize) -> Option<usize> {
        if !self.is_unthinned() || self.skip > 0 {
            return None;
        }
        if self.is_done {
            return Some(0);
        }
        let Some(left) = &mut self.left else { return Some(count) };
        let taken = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= taken as u64;
        self.is_done = *left == 0;
        Some(taken)
    }

    /// How many more datapoints are looked at, at most; `None` when that is not known.
    pub fn at_most(&self) -> Option<u64> {
        let left = self.left.filter(|_| self.is_unthinned())?;
        Some(left.saturating_add(self.skip))
    }

    const fn is_unthinned(&self) -> bool {
        self.timestep <= 1 && self.step <= 1 && self.sample >= 1.0
    }

    /// Whether the next datapoint, which has this tick, is taken.
    pub fn takes(&mut self, tick: i64) -> bool {
        if self.is_done {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if tick > self.newest {
            return false;
        }
        if self.timestep > 1 {
            match tick.checked_sub(self.timestep) {
                Some(newest) => self.newest = newest,
                // Nothing can lie so far back: this is the last one.
                None => self.is_done = true,
            }
        }
        if self.steps > 0 {
            self.steps -= 1;
            return false;
        }
        self.steps = self.step.saturating_sub(1);
        if self.sample < 1.0 && self.draw() > self.sample {
            return false;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.is_done |= *left == 0;
        }
        true
    }

    /// A number in `0.0..1.0` (splitmix64).
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(change: impl FnOnce(&mut FetchRequest)) -> Vec<i64> {
        let mut request = FetchRequest::range(Vec::new(), 0, 100);
        change(&mut request);
        let mut selection = Selection::new(&request, 0);
        (0..=20).rev().filter(|tick| selection.takes(*tick)).collect()
    }

    #[test]
    fn thinning_out() {
        assert_eq!(taken(|_| {}).len(), 21);
        assert_eq!(taken(|r| r.count = Some(2)), [20, 19]);
        assert_eq!(taken(|r| r.count = Some(0)), [0; 0]);
        assert_eq!(taken(|r| (r.skip, r.count) = (3, Some(1))), [17]);
        assert_eq!(taken(|r| r.step = 8), [20, 12, 4]);
        assert_eq!(taken(|r| r.timestep = 7), [20, 13, 6]);
        assert_eq!(taken(|r| (r.timestep, r.step) = (5, 2)), [20, 10, 0]);
        assert_eq!(taken(|r| (r.skip, r.step) = (1, 10)), [19, 9]);
    }

    #[test]
    fn runs_are_taken_as_one_by_one() {
        let mut request = FetchRequest::range(Vec::new(), 0, 100);
        assert_eq!(Selection::new(&request, 0).take_run(7), Some(7));
        request.count = Some(10);
        let mut selection = Selection::new(&request, 0);
        assert_eq!((selection.take_run(7), selection.is_done()), (Some(7), false));
        assert!(selection.takes(5));
        assert_eq!((selection.take_run(7), selection.is_done()), (Some(2), true));
        assert_eq!((selection.take_run(7), selection.takes(1)), (Some(0), false));
        request.skip = 1;
        let mut selection = Selection::new(&request, 0);
        assert_eq!(selection.take_run(7), None);
        assert!(!selection.takes(5));
        assert_eq!(selection.take_run(7), Some(7));
        request.step = 2;
        assert_eq!(Selection::new(&request, 0).take_run(7), None);
    }

    #[test]
    fn a_sample_is_drawn_alike_from_the_same_seed() {
        let sample = || taken(|r| (r.sample, r.sample_seed) = (0.5, 7));
        assert_eq!(sample(), sample());
        assert!((1..21).contains(&sample().len()));
    }

    #[test]
    fn a_time_step_beyond_time_ends_it() {
        assert_eq!(taken(|r| r.timestep = i64::MAX), [20]);
    }
}
