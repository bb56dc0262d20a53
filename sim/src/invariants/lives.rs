//! Until when processes lived, and what they heard of the metadata topic by then. An ingress whose
//! data reached the log behind a delete publishes the metadata again when it hears of the delete,
//! and one whose delete ends halfway when it does; who died before cannot (README, what is not
//! promised).

use std::collections::BTreeMap;

use crate::log::Written;
use crate::params::{MS, SECOND};
use crate::world::EPOCH_MS;

/// How long an ingress that heard of a delete may take to have the metadata in the topic again.
const AGAIN_NS: u64 = 30 * SECOND;

/// How long an ingress whose metadata reached the log may take for the rest of a delete, or to have
/// them there again.
const DELETE_NS: u64 = 120 * SECOND;

/// A node's process: the node, and which of its lives.
pub type Process = (usize, u32);

/// What is known of processes.
#[derive(Debug, Default)]
pub struct Lives {
    /// By process and partition of the metadata topic: the first offset that it had not heard of,
    /// and since when; in order.
    heard: BTreeMap<(Process, u32), Vec<(u64, u64)>>,
    /// When each was gone, and whether it had stopped in order.
    ended: BTreeMap<Process, (u64, bool)>,
}

impl Lives {
    /// A process was handed everything before `end` of a partition of the metadata topic.
    pub fn heard(&mut self, process: Process, partition: u32, end: u64, now_ns: u64) {
        self.heard.entry((process, partition)).or_default().push((end, now_ns));
    }

    /// A process is gone, having done what it had begun or not.
    pub fn ended(&mut self, process: Process, now_ns: u64, in_order: bool) {
        self.ended.insert(process, (now_ns, in_order));
    }

    /// Whether nobody could see to it that data is found: the metadata of its series was removed at
    /// that place.
    pub fn excuse(&self, removed: (u32, u64), removal: &Written, data: &Written) -> bool {
        if data.nth > removal.nth {
            return self.died_before_it_could(process_of(data), removed);
        }
        // Who deletes deletes it as well, or has the metadata come back.
        let removed_ns = (removal.wall_ms - EPOCH_MS) as u64 * MS;
        let ended = self.ended.get(&process_of(removal));
        ended.is_some_and(|(ended_ns, in_order)| !in_order && *ended_ns < removed_ns + DELETE_NS)
    }

    /// Whether a process died too early to publish metadata again that the record of the metadata
    /// topic at this place removes.
    fn died_before_it_could(&self, process: Process, (partition, offset): (u32, u64)) -> bool {
        let Some((ended_ns, _)) = self.ended.get(&process) else { return false };
        let heard = self.heard.get(&(process, partition)).into_iter().flatten();
        let since = heard.filter(|(end, _)| *end > offset).map(|(_, at_ns)| *at_ns).min();
        since.is_none_or(|at_ns| *ended_ns < at_ns + AGAIN_NS)
    }
}

const fn process_of(written: &Written) -> Process {
    (written.by.node, written.by.life)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Address;

    #[test]
    fn what_lay_before_the_removal_is_for_who_deletes() {
        let written = |node, nth| {
            let by = Address { node, life: 1, slot: 0 };
            Written { by, nth, wall_ms: EPOCH_MS + 1_000 }
        };
        let mut lives = Lives::default();
        let (removal, before, behind) = (written(0, 5), written(1, 4), written(1, 6));
        lives.ended((1, 1), 2 * SECOND, false);
        assert!(!lives.excuse((0, 0), &removal, &before), "its writer need not live");
        assert!(lives.excuse((0, 0), &removal, &behind));
        lives.ended((0, 1), SECOND + DELETE_NS, false);
        assert!(!lives.excuse((0, 0), &removal, &before), "it had its time");
        lives.ended((0, 1), 2 * SECOND, false);
        assert!(lives.excuse((0, 0), &removal, &before));
        lives.ended((0, 1), 2 * SECOND, true);
        assert!(!lives.excuse((0, 0), &removal, &before), "it finished what it had begun");
        lives.heard((1, 1), 0, 1, SECOND);
        lives.ended((1, 1), SECOND + AGAIN_NS, false);
        assert!(!lives.excuse((0, 0), &removal, &behind), "that is not for who deletes");
    }

    #[test]
    fn who_heard_and_lived_had_to_publish_again() {
        let (lives_on, dies, heard_nothing) = ((0, 1), (1, 1), (2, 1));
        let mut lives = Lives::default();
        lives.heard(lives_on, 0, 5, 1);
        lives.heard(dies, 0, 4, 1);
        lives.heard(dies, 0, 6, 7);
        lives.ended(dies, 7 + AGAIN_NS, false);
        lives.ended(heard_nothing, 9, false);
        assert!(!lives.died_before_it_could(lives_on, (0, 4)));
        assert!(!lives.died_before_it_could(lives_on, (0, 5)), "it may hear of it yet");
        assert!(!lives.died_before_it_could(dies, (0, 5)), "it had its time");
        assert!(lives.died_before_it_could(dies, (0, 6)));
        assert!(lives.died_before_it_could(dies, (1, 0)), "of another partition");
        assert!(lives.died_before_it_could(heard_nothing, (0, 0)));
        lives.ended(dies, 6 + AGAIN_NS, false);
        assert!(lives.died_before_it_could(dies, (0, 5)));
    }
}
