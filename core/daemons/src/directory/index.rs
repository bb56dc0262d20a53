//! The series of one shard, found by id, by class and by label.
//!
//! Exact parts of a selector choose the shortest posting list; every candidate is then checked
//! against the whole selector. Answers come in the order of ids and can be resumed after any id.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use weft_gts::selector::Selector;
use weft_gts::{Labels, Metadata, SeriesId};

/// Ids in the order of answers.
type Postings = BTreeSet<SeriesId>;

/// A selector, and the ids that it may mean and that were not looked at yet.
type Head<'a> = (&'a Selector, Peekable<Box<dyn Iterator<Item = SeriesId> + 'a>>);

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    series: BTreeMap<SeriesId, Arc<Metadata>>,
    classes: BTreeMap<String, Postings>,
    /// By name, then value, of labels and attributes alike.
    labels: BTreeMap<String, BTreeMap<String, Postings>>,
}

/// A part of an answer.
#[derive(Debug, Default)]
pub struct Found {
    /// Series that match, in the order of ids.
    pub series: Vec<Arc<Metadata>>,
    /// Go on after this id; `None` when there are no more.
    pub next: Option<SeriesId>,
}

/// What restricts a find besides the selector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    /// Active at or after this moment, milliseconds since the epoch.
    pub active_after: Option<i64>,
    /// Not active at or after this moment.
    pub quiet_after: Option<i64>,
}

impl Index {
    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// How many classes there are.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// The series of that id.
    pub fn get(&self, id: SeriesId) -> Option<&Arc<Metadata>> {
        self.series.get(&id)
    }

    /// Every series, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Metadata>> {
        self.series.values()
    }

    /// Adds or replaces the series `metadata.id`.
    pub fn insert(&mut self, metadata: Metadata) {
        let id = metadata.id;
        self.remove(id);
        self.classes.entry(metadata.class().to_owned()).or_default().insert(id);
        for (name, value) in metadata.labels.iter().chain(metadata.attributes.iter()) {
            let values = self.labels.entry(name.to_owned()).or_default();
            values.entry(value.to_owned()).or_default().insert(id);
        }
        self.series.insert(id, Arc::new(metadata));
    }

    /// Removes a series.
    pub fn remove(&mut self, id: SeriesId) -> Option<Arc<Metadata>> {
        let metadata = self.series.remove(&id)?;
        remove_posting(&mut self.classes, metadata.class(), id);
        self.unpost(&metadata.labels, id);
        self.unpost(&metadata.attributes, id);
        Some(metadata)
    }

    /// Series after `after` that match any of the selectors, each once, looking at no more than
    /// `scan_max` candidates and returning no more than `found_max`.
    pub fn find(
        &self,
        selectors: &[Selector],
        activity: Activity,
        after: Option<SeriesId>,
        found_max: usize,
        scan_max: usize,
    ) -> Found {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = Found::default();
        let mut heads: Vec<Head<'_>> = selectors
            .iter()
            .map(|selector| (selector, self.candidates(selector, from).peekable()))
            .collect();
        let mut scanned = 0;
        while let Some(id) = heads.iter_mut().filter_map(|(_, ids)| ids.peek().copied()).min() {
            let metadata = self.series.get(&id).filter(|metadata| activity.allows(metadata));
            let mut is_found = false;
            for (selector, ids) in &mut heads {
                if ids.next_if_eq(&id).is_some() {
                    scanned += 1;
                    is_found |= metadata.is_some_and(|metadata| selector.matches(metadata));
                }
            }
            found.series.extend(metadata.filter(|_| is_found).cloned());
            if found.series.len() >= found_max || scanned >= scan_max {
                found.next = Some(id);
                break;
            }
        }
        found
    }

    /// Ids that can match, in order.
    fn candidates<'a>(
        &'a self,
        selector: &'a Selector,
        from: Bound<SeriesId>,
    ) -> Box<dyn Iterator<Item = SeriesId> + 'a> {
        let mut shortest: Option<&Postings> = None;
        let mut consider = |postings: Option<&'a Postings>| -> bool {
            let Some(postings) = postings else { return false };
            if shortest.is_none_or(|other| postings.len() < other.len()) {
                shortest = Some(postings);
            }
            true
        };
        if let Some(class) = selector.class.exact()
            && !consider(self.classes.get(class))
        {
            return Box::new(std::iter::empty());
        }
        for (name, matcher) in &selector.labels {
            let Some(value) = matcher.exact() else { continue };
            if !consider(self.labels.get(name).and_then(|values| values.get(value))) {
                return Box::new(std::iter::empty());
            }
        }
        let range = (from, Bound::Unbounded);
        match shortest {
            Some(postings) => Box::new(postings.range(range).copied()),
            None => Box::new(self.series.range(range).map(|(id, _)| *id)),
        }
    }

    fn unpost(&mut self, labels: &Labels, id: SeriesId) {
        for (name, value) in labels.iter() {
            let Some(values) = self.labels.get_mut(name) else { continue };
            remove_posting(values, value, id);
            if values.is_empty() {
                self.labels.remove(name);
            }
        }
    }
}

impl Activity {
    /// As the reference: a series whose activity is not known counts as active at the epoch.
    fn allows(self, metadata: &Metadata) -> bool {
        let last = metadata.last_activity.unwrap_or(0);
        self.active_after.is_none_or(|after| last >= after)
            && self.quiet_after.is_none_or(|after| last < after)
    }
}

fn remove_posting(postings: &mut BTreeMap<String, Postings>, key: &str, id: SeriesId) {
    if let Some(ids) = postings.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            postings.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn index(series: &[(u8, u8, u8)]) -> Index {
        let mut index = Index::default();
        for &(id, class, label) in series {
            let labels = [("l", format!("v{label}"))].into_iter().collect();
            let mut metadata = Metadata::new(format!("c{class}"), labels);
            metadata.id = SeriesId { class_id: i64::from(class), labels_id: i64::from(id) };
            index.insert(metadata);
        }
        index
    }

    fn selectors() -> impl Strategy<Value = Vec<Selector>> {
        let text = prop::sample::select(vec!["c0{}", "c1{l=v1}", "~c[12]{l~v[01]}", "~.*{l=v2}"]);
        vec(text.prop_map(|text| Selector::parse(text, false).expect("a selector")), 0..4)
    }

    proptest! {
        #[test]
        fn a_find_in_pieces_is_every_match_once_and_in_order(
            series in vec((any::<u8>(), 0u8..3, 0u8..3), 0..60),
            selectors in selectors(),
            found_max in 1usize..8,
            scan_max in 1usize..8,
        ) {
            let index = index(&series);
            let asked: Vec<SeriesId> = index
                .iter()
                .filter(|metadata| selectors.iter().any(|selector| selector.matches(metadata)))
                .map(|metadata| metadata.id)
                .collect();
            let (mut got, mut after) = (Vec::new(), None);
            loop {
                let all = Activity::default();
                let found = index.find(&selectors, all, after, found_max, scan_max);
                prop_assert!(found.series.len() <= found_max);
                got.extend(found.series.iter().map(|metadata| metadata.id));
                if found.next.is_none() {
                    break;
                }
                after = found.next;
            }
            prop_assert_eq!(got, asked);
        }
    }
}
