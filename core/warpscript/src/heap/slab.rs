//! Objects of one type, by index, with mark bits.

/// A growing table of objects whose places are used again after they were freed.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    marks: Vec<u64>,
}

/// The bytes that one object holds: itself and what it owns, in constant time.
///
/// Contents behind handles are not counted: they have their own place. Shared columns and texts
/// count wherever they are referred to.
pub(crate) trait Footprint {
    /// Bytes.
    fn footprint(&self) -> usize;
}

/// What a place costs beside the object's own contents: the slot, its mark and its free entry.
pub(crate) const fn slot_cost<T>() -> usize {
    size_of::<Option<T>>() + 5
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), marks: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Stores an object. The caller has made sure that memory remains.
    ///
    /// # Panics
    /// After 2^32 objects, which no memory limit allows.
    pub(crate) fn insert(&mut self, object: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(object);
            return index;
        }
        let index = u32::try_from(self.slots.len()).expect("a heap holds fewer than 2^32 objects");
        self.slots.push(Some(object));
        if self.marks.len() * 64 < self.slots.len() {
            self.marks.push(0);
        }
        index
    }

    /// The object at `index`.
    ///
    /// # Panics
    /// When the place is free: a word kept a value past its return without tracing it.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &T {
        self.slots[index as usize].as_ref().expect("a traced handle points to a live object")
    }

    /// The object at `index`, to change.
    ///
    /// # Panics
    /// As [`Slab::get`].
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut T {
        self.slots[index as usize].as_mut().expect("a traced handle points to a live object")
    }

    /// How many places there are, free ones included.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    /// Marks `index`; whether it was unmarked before.
    #[inline]
    pub(crate) fn mark(&mut self, index: u32) -> bool {
        let (word, bit) = (index as usize / 64, 1u64 << (index % 64));
        let fresh = self.marks[word] & bit == 0;
        self.marks[word] |= bit;
        fresh
    }

    /// Frees the unmarked objects among the places `from..to` and clears their marks.
    /// Calls `freed` with each of them.
    pub(crate) fn sweep(&mut self, from: usize, to: usize, mut freed: impl FnMut(&T)) {
        for index in from..to.min(self.slots.len()) {
            let (word, bit) = (index / 64, 1u64 << (index % 64));
            if self.marks[word] & bit == 0 {
                if let Some(object) = self.slots[index].take() {
                    freed(&object);
                    self.free.push(index as u32);
                }
            } else {
                self.marks[word] &= !bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        let b = slab.insert("b");
        assert!(slab.mark(b));
        assert!(!slab.mark(b));
        let mut freed = Vec::new();
        slab.sweep(0, 2, |o| freed.push(*o));
        assert_eq!(freed, ["a"]);
        assert_eq!(slab.insert("c"), a);
        assert_eq!(*slab.get(b), "b");
        slab.sweep(0, 2, |_| ());
        assert_eq!(slab.places(), 2);
    }
}
