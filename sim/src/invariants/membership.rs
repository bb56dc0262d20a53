//! Only the member that a partition was given to last has its commits taken.

use std::collections::BTreeMap;

use weft_daemons::contract::log::{EPOCHS, LogEvent, Topic};

use crate::world::Address;

/// Whom each partition of each group was given to last, and as which assignment.
#[derive(Debug, Default)]
pub struct Membership {
    given: BTreeMap<(Topic, Topic, u32), (Address, u64)>,
}

impl Membership {
    /// The log tells a member something.
    pub fn told(&mut self, to: Address, event: &LogEvent) {
        if let LogEvent::Assigned { topic, group, epoch, partitions } = event
            // Members of the empty group stand alone.
            && !group.is_empty()
        {
            for (partition, _) in partitions {
                let place = (topic.clone(), group.clone(), *partition);
                self.given.insert(place, (to, epoch / EPOCHS));
            }
        }
    }

    /// Checks a commit that was taken.
    pub fn check(
        &self,
        from: Address,
        topic: &Topic,
        group: &Topic,
        partition: u32,
        epoch: u64,
    ) -> Result<(), String> {
        let given = self.given.get(&(topic.clone(), group.clone(), partition));
        if given == Some(&(from, epoch / EPOCHS)) {
            return Ok(());
        }
        let to = given.map(|(address, _)| address.node);
        Err(format!(
            "a commit of node {} in {topic}/{partition} counts, and {group} has given it to {to:?}",
            from.node
        ))
    }
}

#[cfg(test)]
mod tests {
    use weft_daemons::contract::log::Position;

    use super::*;

    #[test]
    fn commits_of_who_lost_the_partition_are_seen() {
        let (topic, group) = (Topic::from("data"), Topic::from("store"));
        let store = |node| Address { node, life: 1, slot: 0 };
        let mut membership = Membership::default();
        assert!(membership.check(store(1), &topic, &group, 3, EPOCHS).is_err(), "never given");
        for (node, assignment) in [(1, 1), (2, 2), (1, 3)] {
            let (topic, group) = (topic.clone(), group.clone());
            let partitions = vec![(3, Position::from(0))];
            let epoch = assignment * EPOCHS;
            let event = LogEvent::Assigned { topic, group, epoch, partitions };
            membership.told(store(node), &event);
        }
        for (node, epoch, ok) in [
            (1, 3 * EPOCHS, true),
            (1, 3 * EPOCHS + 5, true),
            (2, 2 * EPOCHS, false),
            (2, 3 * EPOCHS, false),
            // The same member, and an assignment before the last.
            (1, EPOCHS, false),
        ] {
            let result = membership.check(store(node), &topic, &group, 3, epoch);
            assert_eq!(result.is_ok(), ok, "{node} {epoch}");
        }
    }
}
