//! What is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is to happen, the earliest first. What happens at one moment comes in the order of its
/// ties, and then in the order in which it was added.
#[derive(Debug)]
pub struct Agenda<H> {
    /// When, tie, turn and slot. The heap moves these alone: what is to happen is large.
    queue: BinaryHeap<Reverse<(u64, u64, u64, usize)>>,
    slots: Vec<Option<H>>,
    free: Vec<usize>,
    added: u64,
}

impl<H> Default for Agenda<H> {
    fn default() -> Self {
        Self { queue: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), added: 0 }
    }
}

impl<H> Agenda<H> {
    /// Something is to happen at `at_ns`.
    pub fn add(&mut self, at_ns: u64, tie: u64, happening: H) {
        self.added += 1;
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(happening);
            slot
        } else {
            self.slots.push(Some(happening));
            self.slots.len() - 1
        };
        self.queue.push(Reverse((at_ns, tie, self.added, slot)));
    }

    /// What is next, and when.
    pub fn take(&mut self) -> Option<(u64, H)> {
        let Reverse((at_ns, _, _, slot)) = self.queue.pop()?;
        self.free.push(slot);
        self.slots[slot].take().map(|happening| (at_ns, happening))
    }

    /// All that is to happen, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &H> {
        self.slots.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_first_then_ties_then_turns() {
        let mut agenda = Agenda::default();
        for (at, tie, name) in [(2, 0, 'e'), (1, 9, 'd'), (1, 1, 'b'), (1, 1, 'c'), (0, 5, 'a')] {
            agenda.add(at, tie, name);
        }
        assert_eq!(agenda.iter().count(), 5);
        let order: String = std::iter::from_fn(|| agenda.take()).map(|(_, name)| name).collect();
        assert_eq!(order, "abcde");
        assert_eq!(agenda.iter().count(), 0);
    }
}
