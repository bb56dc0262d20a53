//! A script never overlaps itself, but where the worker of the earlier run stood still for longer
//! than a session of coordination lasts.

use std::collections::BTreeMap;

/// The runs of one script that are under way.
#[derive(Debug, Default)]
pub struct Overlap {
    running: BTreeMap<u64, usize>,
}

impl Overlap {
    /// A run begins on a node. `stood_still` says whether a node did for too long.
    ///
    /// # Errors
    /// Another one is under way.
    pub fn begins(
        &mut self,
        path: &str,
        run: u64,
        node: usize,
        stood_still: impl Fn(usize) -> bool,
    ) -> Result<(), String> {
        let other = self.running.values().copied().find(|other| !stood_still(*other));
        self.running.insert(run, node);
        match other {
            None => Ok(()),
            Some(other) => Err(format!("{path} begins on node {node} and still runs on {other}")),
        }
    }

    /// A run is over.
    pub fn ends(&mut self, run: u64) {
        self.running.remove(&run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let mut overlap = Overlap::default();
        assert!(overlap.begins("a", 1, 7, |_| false).is_ok());
        assert!(overlap.begins("a", 2, 8, |node| node == 7).is_ok(), "it stood still");
        overlap.ends(1);
        assert!(overlap.begins("a", 3, 7, |_| false).is_err());
        overlap.ends(2);
        overlap.ends(3);
        assert!(overlap.begins("a", 4, 7, |_| false).is_ok());
    }
}
