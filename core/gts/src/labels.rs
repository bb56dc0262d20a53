//! Labels and attributes: small string maps that keep the order they were given.

use std::collections::BTreeMap;

/// Labels from which on making a map uses an index.
const INDEXED_FROM: usize = 64;

/// A map of names to values that keeps its order on the wire and ignores it in comparisons.
///
/// The reference writes such maps in Java hash order, so bytes of a decoded message can only be
/// written again when the order survives. Maps that Weft makes itself are sorted by name
/// ([`Labels::sorted`]). Look-up is linear: series carry a handful of labels.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    pairs: Vec<(String, String)>,
}

impl Labels {
    /// No labels.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// The given pairs, in their order. No name may come twice.
    pub(crate) fn from_distinct(pairs: Vec<(String, String)>) -> Self {
        debug_assert!(
            pairs.iter().map(|(n, _)| n).collect::<std::collections::BTreeSet<_>>().len()
                == pairs.len(),
            "a name comes twice"
        );
        Self { pairs }
    }

    /// Sets `name` to `value`; a name that is there keeps its place.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.pairs.iter_mut().find(|(n, _)| *n == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(n, _)| n == name)?;
        Some(self.pairs.remove(index).1)
    }

    /// Keeps the pairs that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.pairs.retain(|(n, v)| keep(n, v));
    }

    /// Removes every label.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Sorts the pairs by name.
    pub fn sort(&mut self) {
        self.pairs.sort();
    }

    /// The same labels sorted by name.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.sort();
        sorted
    }

    /// The pairs in the order in which the reference's hash table walks them that the labels of a
    /// line were put into, those of the token last. Only for output that is compared with the
    /// reference's byte by byte; the order means nothing.
    pub fn hash_ordered(&self) -> Vec<(&str, &str)> {
        let mut capacity = 16;
        while self.len() > capacity / 4 * 3 {
            capacity *= 2;
        }
        let mut pairs: Vec<(&str, &str)> = self.iter().collect();
        pairs.sort_by_key(|(name, _)| {
            let last = [".producer", ".owner", ".app"].iter().position(|reserved| reserved == name);
            (hash_slot(name, capacity), last.map_or(0, |index| index + 1))
        });
        pairs
    }

    /// [`Labels::hash_ordered`] after the table was copied, as happens to what is read back.
    pub fn copied_hash_ordered(&self) -> Vec<(&str, &str)> {
        let capacity = (self.len() * 4 / 3 + 1).next_power_of_two();
        let mut pairs = self.hash_ordered();
        pairs.sort_by_key(|(name, _)| hash_slot(name, capacity));
        pairs
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether `name` is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The pairs in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Total bytes of names and values, as size limits count them.
    pub fn byte_len(&self) -> usize {
        self.pairs.iter().map(|(n, v)| n.len() + v.len()).sum()
    }
}

/// The slot of a name in a Java hash table.
fn hash_slot(name: &str, capacity: usize) -> usize {
    let hash = name
        .encode_utf16()
        .fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    (hash ^ hash >> 16) as usize & (capacity - 1)
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(n, v)| other.get(n) == Some(v))
    }
}

impl Eq for Labels {}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::new();
        // Look-up is linear: a map of very many labels, as hostile bytes may have, gets an index.
        let mut index: BTreeMap<String, usize> = BTreeMap::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if labels.len() < INDEXED_FROM {
                labels.insert(name, value);
                continue;
            }
            if index.is_empty() {
                index = (0..).zip(&labels.pairs).map(|(i, (name, _))| (name.clone(), i)).collect();
            }
            match index.get(&name) {
                Some(place) => labels.pairs[*place].1 = value,
                None => {
                    index.insert(name.clone(), labels.len());
                    labels.pairs.push((name, value));
                }
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_labels_are_collected_like_few() {
        let pairs = || (0..500).map(|n| (format!("n{}", n % 300), n.to_string()));
        let mut slow = Labels::new();
        pairs().for_each(|(name, value)| slow.insert(name, value));
        let fast: Labels = pairs().collect();
        assert!(fast.iter().eq(slow.iter()));
    }

    #[test]
    fn hash_order_is_that_of_java() {
        let labels: Labels = [".app", "room", "floor"].into_iter().map(|name| (name, "")).collect();
        let names: Vec<&str> = labels.hash_ordered().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [".app", "floor", "room"]);
        assert_eq!(labels.copied_hash_ordered()[0].0, "floor");
    }

    #[test]
    fn order_is_kept_and_ignored_by_equality() {
        let a: Labels = [("b", "1"), ("a", "2")].into_iter().collect();
        let b: Labels = [("a", "2"), ("b", "1")].into_iter().collect();
        assert_eq!(a, b);
        assert_eq!(a.iter().next(), Some(("b", "1")));
        assert_eq!(a.sorted().iter().next(), Some(("a", "2")));
        assert_ne!(a, [("b", "1"), ("a", "3")].into_iter().collect());
    }
}
