//! The series that lines are about, known by the bytes that name them.
//!
//! Senders write the name of a series alike each time, and often in the same order: the series
//! after this one is most likely the one that came after it last time. So names are compared with
//! that one first, then looked up; only a name that is new is decoded and hashed into an id.

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::text::scan::{follows, scan_series};
use weft_gts::{Labels, Metadata, SeriesId};

use crate::keyed_hash::keyed_hash;

/// What a name takes besides its bytes: its place, its look-up, and what is kept of a series.
const NAME_BYTES: usize = 1_024;

/// Tables that are kept for later requests, and their bytes.
const TABLES_MAX: usize = 4;
const TABLES_BYTES_MAX: usize = 64 << 20;

/// No name.
const NONE: u32 = u32::MAX;

/// The series of one writer.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    names: Vec<Name>,
    /// The names one behind the other.
    bytes: Vec<u8>,
    /// Open addressing: part of the hash of a name, and its index or [`NONE`]. At most half of it
    /// is taken.
    slots: Vec<(u32, u32)>,
    series: Vec<Series>,
    by_id: IndexMap<SeriesId, u32, FxBuildHasher>,
    /// Keeps senders from choosing names that collide.
    seed: u64,
    /// Which of the latest 32 guesses were, or would have been, right.
    hits: u32,
}

/// `CLASS{LABELS}` as some line has it.
#[derive(Clone, Copy, Debug)]
struct Name {
    start: usize,
    end: usize,
    hash: u64,
    series: u32,
    /// The name that came after this one last time.
    next: u32,
    is_ascii: bool,
}

/// A series.
#[derive(Debug)]
pub(crate) struct Series {
    /// Class and labels, those of the token included; no attributes.
    pub(crate) metadata: Arc<Metadata>,
    /// The piece of a body in which its metadata was seen to.
    pub(crate) seen: Option<u64>,
    /// Whether a record of it went out in this request.
    pub(crate) is_pushed: bool,
}

impl SeriesTable {
    /// An empty table.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: Vec::new(),
            bytes: Vec::new(),
            slots: Vec::new(),
            series: Vec::new(),
            by_id: IndexMap::default(),
            seed,
            hits: u32::MAX,
        }
    }

    /// How many series there are.
    pub(crate) const fn len(&self) -> usize {
        self.series.len()
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.len() + self.names.len() * NAME_BYTES
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// Which series the name is of.
    #[inline]
    pub(crate) fn series_of(&self, name: u32) -> u32 {
        self.names[name as usize].series
    }

    /// A series.
    #[inline]
    pub(crate) fn series(&mut self, series: u32) -> &mut Series {
        &mut self.series[series as usize]
    }

    /// Class and labels of a series.
    pub(crate) fn metadata(&self, series: u32) -> &Arc<Metadata> {
        &self.series[series as usize].metadata
    }

    /// Every series.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Series> {
        self.series.iter_mut()
    }

    /// The bytes of a name.
    #[inline]
    pub(crate) fn text(&self, name: u32) -> &[u8] {
        let name = &self.names[name as usize];
        &self.bytes[name.start..name.end]
    }

    /// The known name that `text` begins with, when a value follows, and the bytes up to that;
    /// `current` is the name of the line before. Names that are not ASCII are known only where
    /// bytes are text as they are.
    #[inline(always)]
    pub(crate) fn at_start(
        &self,
        text: &[u8],
        current: u32,
        is_utf8: bool,
        changes: bool,
    ) -> Option<(u32, usize)> {
        // A series that goes on, or the one that came after it.
        if !changes && let Some(length) = self.starts(text, current, is_utf8) {
            return Some((current, length));
        }
        let next = self.names[current as usize].next;
        if next != NONE
            && self.hits.count_ones() >= 8
            && let Some(length) = self.starts(text, next, is_utf8)
        {
            return Some((next, length));
        }
        let length = scan_series(text)?;
        let name = self.find(&text[..length])?;
        (is_utf8 || self.names[name as usize].is_ascii).then_some((name, length + 1))
    }

    #[inline(always)]
    fn starts(&self, text: &[u8], name: u32, is_utf8: bool) -> Option<usize> {
        let name = &self.names[name as usize];
        let length = name.end - name.start;
        let is_it = text.get(..length) == Some(&self.bytes[name.start..name.end])
            && follows(text, length)
            && (is_utf8 || name.is_ascii);
        is_it.then_some(length + 1)
    }

    /// `next` came after `current`.
    #[inline]
    pub(crate) fn follow(&mut self, current: u32, next: u32) {
        let guess = &mut self.names[current as usize].next;
        self.hits = self.hits << 1 | u32::from(*guess == next);
        *guess = next;
    }

    /// A known name.
    pub(crate) fn find(&self, text: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = self.hash(text);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let (tag, index) = self.slots[slot];
            if index == NONE {
                return None;
            }
            if tag == (hash >> 32) as u32 && self.text(index) == text {
                return Some(index);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Adds a name that is not known. Names of the same id are of one series.
    pub(crate) fn add(&mut self, text: &[u8], metadata: Arc<Metadata>) -> u32 {
        if self.slots.len() < (self.names.len() + 1) * 2 {
            self.grow();
        }
        let id = metadata.id;
        let (count, start) = (self.series.len() as u32, self.bytes.len());
        let series = *self.by_id.entry(id).or_insert(count);
        if series == count {
            self.series.push(Series { metadata, seen: None, is_pushed: false });
        }
        self.bytes.extend_from_slice(text);
        let (hash, index) = (self.hash(text), self.names.len() as u32);
        self.names.push(Name {
            start,
            end: self.bytes.len(),
            hash,
            series,
            next: NONE,
            is_ascii: text.is_ascii(),
        });
        self.put(hash, index);
        index
    }

    fn grow(&mut self) {
        self.slots = vec![(0, NONE); (self.slots.len() * 2).max(16)];
        for index in 0..self.names.len() {
            self.put(self.names[index].hash, index as u32);
        }
    }

    fn put(&mut self, hash: u64, index: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot].1 != NONE {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = ((hash >> 32) as u32, index);
    }

    fn hash(&self, text: &[u8]) -> u64 {
        keyed_hash(self.seed, text)
    }
}

/// Tables that no request uses, by the labels that the token gives every series.
#[derive(Debug)]
pub(super) struct Tables {
    idle: VecDeque<(Labels, SeriesTable)>,
    seed: u64,
}

impl Tables {
    /// None yet.
    pub(super) const fn new(seed: u64) -> Self {
        Self { idle: VecDeque::new(), seed }
    }

    /// A table for a writer with these labels.
    pub(super) fn take(&mut self, labels: &Labels) -> SeriesTable {
        let known = self.idle.iter().rposition(|(others, _)| others == labels);
        let known = known.and_then(|index| self.idle.remove(index));
        known.map_or_else(|| SeriesTable::new(self.seed), |(_, table)| table)
    }

    /// Keeps a table, and of all the latest ones.
    pub(super) fn put(&mut self, labels: Labels, table: SeriesTable) {
        self.idle.push_back((labels, table));
        while self.idle.len() > TABLES_MAX || self.memory() > TABLES_BYTES_MAX {
            self.idle.pop_front();
        }
    }

    /// About how many bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        self.idle.iter().map(|(_, table)| table.memory()).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_gts::Labels;

    use super::*;

    fn metadata(id: i64) -> Arc<Metadata> {
        let id = SeriesId { class_id: id, labels_id: 0 };
        Arc::new(Metadata { id, ..Metadata::new("c", Labels::new()) })
    }

    #[test]
    fn the_series_that_goes_on_and_the_one_that_follows_are_found() {
        let mut table = SeriesTable::new(7);
        let (a, b) = (table.add(b"a{}", metadata(1)), table.add("é{}".as_bytes(), metadata(2)));
        table.follow(a, b);
        assert_eq!(table.at_start(b"a{} 1\n", a, false, false), Some((a, 4)));
        assert_eq!(table.at_start("é{} 1\n".as_bytes(), a, true, false), Some((b, 5)));
        assert_eq!(table.at_start("é{} 1\n".as_bytes(), a, true, true), Some((b, 5)));
        assert_eq!(table.at_start("é{} 1\n".as_bytes(), a, false, true), None, "not as it is");
        assert_eq!(table.at_start(b"a{} 1\n", b, false, true), Some((a, 4)));
        assert_eq!(table.at_start(b"a{}{} 1\n", a, true, false), None, "attributes");
        assert_eq!(table.at_start(b"a{}  1\n", a, true, false), None, "two blanks");
    }

    #[test]
    fn names_of_one_id_are_one_series() {
        let mut table = SeriesTable::new(7);
        let (a, b) = (table.add(b"a{}", metadata(1)), table.add(b"%61{}", metadata(1)));
        assert_ne!(a, b);
        assert_eq!(table.series_of(a), table.series_of(b));
    }

    #[test]
    fn tables_are_kept_by_their_labels() {
        let labels = |owner: &str| -> Labels { [(".owner", owner)].into_iter().collect() };
        let mut tables = Tables::new(7);
        for owner in ["a", "b", "c", "d", "e"] {
            let mut table = tables.take(&labels(owner));
            assert_eq!(table.find(b"x{}"), None, "{owner}");
            table.add(b"x{}", metadata(1));
            tables.put(labels(owner), table);
        }
        assert_eq!(tables.take(&labels("a")).find(b"x{}"), None, "the oldest went");
        assert_eq!(tables.take(&labels("b")).find(b"x{}"), Some(0));
        assert_eq!(tables.take(&labels("b")).find(b"x{}"), None, "one request has it");
    }

    proptest! {
        #[test]
        fn what_was_added_is_found(
            names in prop::collection::btree_set("[ab]{0,40}", 0..100),
            other in "[abc]{0,40}",
            seed: u64,
        ) {
            let mut table = SeriesTable::new(seed);
            for (id, name) in (0..).zip(&names) {
                prop_assert_eq!(table.find(name.as_bytes()), None);
                table.add(name.as_bytes(), metadata(id));
            }
            for (index, name) in (0..).zip(&names) {
                prop_assert_eq!(table.find(name.as_bytes()), Some(index));
                prop_assert_eq!(table.text(index), name.as_bytes());
            }
            prop_assert_eq!(table.find(other.as_bytes()).is_some(), names.contains(&other));
        }
    }
}
