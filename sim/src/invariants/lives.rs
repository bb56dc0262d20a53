//! Until when processes lived, and what they heard of the metadata topic by then: an ingress whose
//! data reached the log behind a delete publishes the metadata again when it hears of the delete.
//! One that died before cannot (README, what is not promised).

use std::collections::BTreeMap;

use crate::params::SECOND;

/// How long an ingress that heard of a delete may take to have the metadata in the topic again.
const AGAIN_NS: u64 = 30 * SECOND;

/// A node's process: the node, and which of its lives.
pub type Process = (usize, u32);

/// What is known of processes.
#[derive(Debug, Default)]
pub struct Lives {
    /// By process and partition of the metadata topic: the first offset that it had not heard of,
    /// and since when; in order.
    heard: BTreeMap<(Process, u32), Vec<(u64, u64)>>,
    ended: BTreeMap<Process, u64>,
}

impl Lives {
    /// A process was handed everything before `end` of a partition of the metadata topic.
    pub fn heard(&mut self, process: Process, partition: u32, end: u64, now_ns: u64) {
        self.heard.entry((process, partition)).or_default().push((end, now_ns));
    }

    /// A process is gone.
    pub fn ended(&mut self, process: Process, now_ns: u64) {
        self.ended.insert(process, now_ns);
    }

    /// Whether a process died too early to publish metadata again that the record of the metadata
    /// topic at this place removes.
    pub fn died_before_it_could(&self, process: Process, (partition, offset): (u32, u64)) -> bool {
        let Some(ended_ns) = self.ended.get(&process) else { return false };
        let heard = self.heard.get(&(process, partition)).into_iter().flatten();
        let since = heard.filter(|(end, _)| *end > offset).map(|(_, at_ns)| *at_ns).min();
        since.is_none_or(|at_ns| *ended_ns < at_ns + AGAIN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_heard_and_lived_had_to_publish_again() {
        let (lives_on, dies, heard_nothing) = ((0, 1), (1, 1), (2, 1));
        let mut lives = Lives::default();
        lives.heard(lives_on, 0, 5, 1);
        lives.heard(dies, 0, 4, 1);
        lives.heard(dies, 0, 6, 7);
        lives.ended(dies, 7 + AGAIN_NS);
        lives.ended(heard_nothing, 9);
        assert!(!lives.died_before_it_could(lives_on, (0, 4)));
        assert!(!lives.died_before_it_could(lives_on, (0, 5)), "it may hear of it yet");
        assert!(!lives.died_before_it_could(dies, (0, 5)), "it had its time");
        assert!(lives.died_before_it_could(dies, (0, 6)));
        assert!(lives.died_before_it_could(dies, (1, 0)), "of another partition");
        assert!(lives.died_before_it_could(heard_nothing, (0, 0)));
        lives.ended(dies, 6 + AGAIN_NS);
        assert!(lives.died_before_it_could(dies, (0, 5)));
    }
}
