//! Labels and attributes: small string maps that keep the order they were given.

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

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(n, v)| other.get(n) == Some(v))
    }
}

impl Eq for Labels {}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::new();
        for (name, value) in pairs {
            labels.insert(name, value);
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
