//! After losing a partition a store asks nothing of the table for it.

use std::collections::BTreeMap;

use weft_daemons::contract::TableAction;
use weft_gts::SeriesId;
use weft_wire::kafka::partition;

use crate::world::Address;

/// What each store was told to own.
#[derive(Debug, Default)]
pub struct Ownership {
    owned: BTreeMap<Address, BTreeMap<u32, Assignment>>,
}

/// An assignment that a store was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub epoch: u64,
    /// The last call of the table, by anybody, before it was.
    pub call: u64,
}

impl Ownership {
    /// A store was given partitions.
    pub fn assigned(
        &mut self,
        to: Address,
        told: Assignment,
        partitions: impl Iterator<Item = u32>,
    ) {
        self.owned.entry(to).or_default().extend(partitions.map(|number| (number, told)));
    }

    /// What a store was told to own, by partition.
    pub fn assignments(&self, of: Address) -> BTreeMap<u32, Assignment> {
        self.owned.get(&of).cloned().unwrap_or_default()
    }

    /// A store lost partitions.
    pub fn revoked(&mut self, to: Address, partitions: &[u32]) {
        if let Some(owned) = self.owned.get_mut(&to) {
            owned.retain(|partition, _| !partitions.contains(partition));
        }
    }

    /// Checks what a store asks of the table.
    pub fn check(&self, from: Address, action: &TableAction, count: u32) -> Result<(), String> {
        let series: Vec<SeriesId> = match action {
            TableAction::Put { puts, .. } => puts.iter().map(|put| put.series).collect(),
            TableAction::Delete { series, .. } => vec![*series],
            _ => return Ok(()),
        };
        for id in series {
            let number = partition(&id.to_bytes(), count);
            if !self.owned.get(&from).is_some_and(|owned| owned.contains_key(&number)) {
                return Err(format!(
                    "the store of node {} works on partition {number}, which is not its own",
                    from.node
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use weft_daemons::contract::ActionId;

    use super::*;

    #[test]
    fn work_after_a_loss_is_seen() {
        let series = SeriesId { class_id: 1, labels_id: 2 };
        let number = partition(&series.to_bytes(), 4);
        let store = Address { node: 1, life: 1, slot: 0 };
        let id = ActionId(1);
        let delete =
            TableAction::Delete { id, series, start: 0, end: 1, cell_from: 0, cell_until: 1 };
        let mut ownership = Ownership::default();
        assert!(ownership.check(store, &delete, 4).is_err());
        ownership.assigned(store, Assignment { epoch: 7, call: 0 }, [number].into_iter());
        assert_eq!(ownership.check(store, &delete, 4), Ok(()));
        ownership.revoked(store, &[number]);
        assert!(ownership.check(store, &delete, 4).is_err());
    }
}
