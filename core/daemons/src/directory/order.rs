//! Series in the order of their ids, four bytes each: the ids stay where they are.

use std::ops::Bound;

use weft_gts::SeriesId;

/// Slots of a chunk before it is split.
const CHUNK_MAX: usize = 512;

/// Slots of series, in chunks that are never empty. Every method is told how to get a series' id.
#[derive(Debug, Default)]
pub(super) struct Order {
    chunks: Vec<Vec<u32>>,
}

impl Order {
    /// The slot of the series of that id.
    pub(super) fn get(&self, id: SeriesId, id_of: impl Fn(u32) -> SeriesId) -> Option<u32> {
        let (chunk, place) = self.place(id, id_of);
        place.ok().map(|place| self.chunks[chunk][place])
    }

    /// Adds a series that is not there.
    pub(super) fn insert(&mut self, slot: u32, id_of: impl Fn(u32) -> SeriesId) {
        let (chunk, place) = self.place(id_of(slot), id_of);
        let Err(place) = place else { return };
        let Some(slots) = self.chunks.get_mut(chunk) else {
            return self.chunks.push(vec![slot]);
        };
        slots.insert(place, slot);
        if slots.len() == CHUNK_MAX {
            let upper = slots[CHUNK_MAX / 2..].to_vec();
            slots.truncate(CHUNK_MAX / 2);
            self.chunks.insert(chunk + 1, upper);
        }
    }

    /// Adds a series whose id is greater than all there are.
    pub(super) fn push(&mut self, slot: u32) {
        match self.chunks.last_mut() {
            // Room is left for those that come in between.
            Some(slots) if slots.len() < CHUNK_MAX / 4 * 3 => slots.push(slot),
            _ => self.chunks.push(vec![slot]),
        }
    }

    /// Removes the series of that id: its slot.
    pub(super) fn remove(&mut self, id: SeriesId, id_of: impl Fn(u32) -> SeriesId) -> Option<u32> {
        let (chunk, place) = self.place(id, id_of);
        let slot = self.chunks.get_mut(chunk)?.remove(place.ok()?);
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        }
        Some(slot)
    }

    /// The slots from an id on.
    pub(super) fn from(
        &self,
        from: Bound<SeriesId>,
        id_of: impl Fn(u32) -> SeriesId,
    ) -> impl Iterator<Item = u32> {
        let (chunk, place) = match from {
            Bound::Unbounded => (0, 0),
            Bound::Included(id) | Bound::Excluded(id) => {
                let (chunk, place) = self.place(id, id_of);
                let is_behind = place.is_ok() && matches!(from, Bound::Excluded(_));
                (chunk, place.unwrap_or_else(|place| place) + usize::from(is_behind))
            }
        };
        let (first, rest) = match self.chunks.get(chunk) {
            Some(first) => (&first[place..], &self.chunks[chunk + 1..]),
            None => (&[][..], &[][..]),
        };
        first.iter().chain(rest.iter().flatten()).copied()
    }

    /// The chunk that has or would have the id, and the place in it.
    fn place(
        &self,
        id: SeriesId,
        id_of: impl Fn(u32) -> SeriesId,
    ) -> (usize, Result<usize, usize>) {
        let behind = self.chunks.partition_point(|slots| id_of(slots[0]) <= id);
        let chunk = behind.saturating_sub(1);
        let place = self
            .chunks
            .get(chunk)
            .map_or(Err(0), |slots| slots.binary_search_by(|slot| id_of(*slot).cmp(&id)));
        (chunk, place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn id(slot: u32) -> SeriesId {
        // Neither order nor its reverse.
        SeriesId { class_id: i64::from(slot.wrapping_mul(0x9e37_79b9)), labels_id: 0 }
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(
            count in 0u32..3_000,
            removed in prop::collection::vec(0u32..3_000, 0..50),
            from in 0u32..3_000,
        ) {
            let (mut order, mut model) = (Order::default(), BTreeSet::new());
            for slot in 0..count {
                order.insert(slot, id);
                model.insert((id(slot), slot));
            }
            for slot in removed {
                let gone = order.remove(id(slot), id);
                prop_assert_eq!(gone.is_some(), model.remove(&(id(slot), slot)));
            }
            prop_assert_eq!(order.get(id(from), id).is_some(), model.contains(&(id(from), from)));
            for bound in [Bound::Unbounded, Bound::Included(id(from)), Bound::Excluded(id(from))] {
                let slots: Vec<u32> = order.from(bound, id).collect();
                let all = model.iter().filter(|(other, _)| match bound {
                    Bound::Unbounded => true,
                    Bound::Included(id) => *other >= id,
                    Bound::Excluded(id) => *other > id,
                });
                let asked: Vec<u32> = all.map(|(_, slot)| *slot).collect();
                prop_assert_eq!(slots, asked);
            }
        }
    }
}
