//! Which series have their metadata in the topic.
//!
//! An entry appears when the metadata was acknowledged, or seen in the topic, and goes when a
//! delete of the series is seen there. A delete by another ingress may be in the topic before it
//! is seen here: data written meanwhile would belong to a series that nobody finds. So a use of an
//! entry is remembered until the topic's ends have been asked for after it. A delete that lies
//! beyond those ends came later than the use; any other may have come before it, and then the
//! metadata must be published again. So must metadata that is on its way when a delete is seen, and
//! those of data that is: where it will lie, nobody knows yet.
//!
//! What the log did not answer in time may reach it a good while later: data, after a delete of the
//! series; or the delete itself, after new data. So for a time a delete of such a series does not
//! take its metadata either: a series without datapoints can be deleted again, datapoints that
//! nobody finds cannot.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use weft_gts::SeriesId;

use crate::contract::http::RequestId;
use crate::time::Mono;

/// Counts how often the ends of the topic were asked for.
type Epoch = u64;

/// Answers about the topic's ends that are kept.
const ENDS_KEPT_MAX: usize = 64;

/// How long what the log did not answer may take to reach it.
const LATE_MAX: Duration = Duration::from_secs(120);

/// Series of which something may reach the log late.
const UNSURE_MAX: usize = 1 << 16;

/// What is known of a series.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// How often ends had been asked for when the entry was last used; `None` when never.
    used: Option<Epoch>,
    /// Last activity published, milliseconds since the epoch.
    activity_ms: Option<i64>,
    /// Whether its metadata is in the topic, as far as is known. Data that was written without is
    /// a use all the same.
    is_there: bool,
}

/// The cache. It holds two generations: entries that are used move to the newer one, and when
/// that is full the older one is dropped.
#[derive(Debug)]
pub(super) struct Cache {
    newer: IndexMap<SeriesId, Known, FxBuildHasher>,
    older: IndexMap<SeriesId, Known, FxBuildHasher>,
    generation_max: usize,
    asked: Epoch,
    /// Whether an entry was used since ends were last asked for.
    used_since: bool,
    ends: VecDeque<(Epoch, BTreeMap<u32, u64>)>,
    /// Metadata on its way into the topic.
    publishing: BTreeMap<SeriesId, Publishing>,
    /// How many appends with data of a series are under way.
    writing: FxHashMap<SeriesId, u32>,
    /// Series of which something may reach the log late, and until when; in that order as well.
    unsure: BTreeMap<SeriesId, Mono>,
    unsure_in_order: VecDeque<(Mono, SeriesId)>,
}

/// Metadata on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Publishing {
    /// How many copies.
    copies: u32,
    /// Whose the latest is; `None` where it is published again.
    by: Option<RequestId>,
    /// Whether a delete was seen meanwhile: the copies may lie before it.
    deleted: bool,
}

impl Cache {
    /// A cache of about `entries_max` series.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            newer: IndexMap::default(),
            older: IndexMap::default(),
            generation_max: (entries_max / 2).max(1),
            asked: 0,
            used_since: false,
            ends: VecDeque::new(),
            publishing: BTreeMap::new(),
            writing: FxHashMap::default(),
            unsure: BTreeMap::new(),
            unsure_in_order: VecDeque::new(),
        }
    }

    /// How many series it holds.
    pub(super) fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether the metadata is in the topic, as far as is known.
    pub(super) fn has(&self, id: SeriesId) -> bool {
        self.known(id).is_some_and(|known| known.is_there)
    }

    fn known(&self, id: SeriesId) -> Option<Known> {
        self.newer.get(&id).or_else(|| self.older.get(&id)).copied()
    }

    /// Uses an entry: whether the metadata need not be published. With `now_ms`, an entry whose
    /// activity is older than the window does not count.
    pub(super) fn use_entry(&mut self, id: SeriesId, activity: Option<Activity>) -> bool {
        let Some(entry) = self.known(id).filter(|known| known.is_there) else { return false };
        let fresh = activity.is_none_or(|activity| {
            entry
                .activity_ms
                .is_some_and(|last| activity.now_ms.saturating_sub(last) <= activity.window_ms)
        });
        if fresh {
            self.put(id, entry.activity_ms);
        }
        fresh
    }

    /// Metadata goes out, for a request or once more.
    pub(super) fn publish(&mut self, id: SeriesId, by: Option<RequestId>) {
        let publishing = self.publishing.entry(id).or_default();
        publishing.copies += 1;
        publishing.by = by;
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::CacheBeforeAcknowledged) {
            self.put(id, None);
        }
    }

    /// Whether metadata is on its way for that request, and no delete has overtaken it.
    pub(super) fn is_publishing(&self, id: SeriesId, by: RequestId) -> bool {
        let publishing = self.publishing.get(&id);
        publishing.is_some_and(|publishing| publishing.by == Some(by) && !publishing.deleted)
    }

    /// Metadata that went out was acknowledged, or was not.
    pub(super) fn published(&mut self, id: SeriesId, acknowledged: bool, activity_ms: Option<i64>) {
        let Some(publishing) = self.publishing.get_mut(&id) else { return };
        publishing.copies -= 1;
        if !acknowledged {
            // Whose it was fails, and cannot tell another's copy from its own.
            publishing.by = None;
        }
        let Publishing { copies, deleted, .. } = *publishing;
        if copies == 0 {
            self.publishing.remove(&id);
        }
        if acknowledged && !deleted {
            self.put(id, activity_ms);
        }
    }

    /// Data goes out.
    pub(super) fn write(&mut self, id: SeriesId) {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::WritingForgotten) {
            return;
        }
        *self.writing.entry(id).or_default() += 1;
    }

    /// Data that went out was acknowledged, or was not: that is a use as well.
    pub(super) fn written(&mut self, id: SeriesId) {
        if let Entry::Occupied(mut appends) = self.writing.entry(id) {
            *appends.get_mut() -= 1;
            if *appends.get() > 0 {
                return;
            }
            appends.remove();
        }
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::WritingForgotten) {
            return;
        }
        let known = self.known(id);
        let is_there = known.is_some_and(|known| known.is_there);
        self.mark_used(id, known.and_then(|known| known.activity_ms), is_there);
    }

    /// Data of the series, or its delete, went out and nobody knows what became of it.
    pub(super) fn unsure(&mut self, id: SeriesId, now: Mono) {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::LateForgotten) {
            return;
        }
        let until = now.after(LATE_MAX);
        if self.unsure.insert(id, until) != Some(until) {
            self.unsure_in_order.push_back((until, id));
        }
        while let Some((until, id)) = self.unsure_in_order.front().copied()
            && (until <= now || self.unsure_in_order.len() > UNSURE_MAX)
        {
            self.unsure_in_order.pop_front();
            if self.unsure.get(&id) == Some(&until) {
                self.unsure.remove(&id);
            }
        }
    }

    /// Metadata by another ingress was seen in the topic.
    pub(super) fn learn(&mut self, id: SeriesId, activity_ms: Option<i64>) {
        let known = self.known(id);
        if known.is_none_or(|known| !known.is_there) {
            self.older.swap_remove(&id);
            let used = known.and_then(|known| known.used);
            self.insert(id, Known { used, activity_ms, is_there: true });
        }
    }

    fn put(&mut self, id: SeriesId, activity_ms: Option<i64>) {
        self.mark_used(id, activity_ms, true);
    }

    fn mark_used(&mut self, id: SeriesId, activity_ms: Option<i64>, is_there: bool) {
        self.used_since = true;
        self.older.swap_remove(&id);
        self.insert(id, Known { used: Some(self.asked), activity_ms, is_there });
    }

    fn insert(&mut self, id: SeriesId, entry: Known) {
        self.newer.insert(id, entry);
        if self.newer.len() >= self.generation_max {
            self.older = std::mem::take(&mut self.newer);
        }
    }

    /// A delete of the series is in the topic at that place. Whether the metadata must be
    /// published again.
    pub(super) fn deleted(&mut self, id: SeriesId, partition: u32, offset: u64, now: Mono) -> bool {
        let newer = self.newer.swap_remove(&id);
        let entry = newer.or_else(|| self.older.swap_remove(&id));
        if let Some(publishing) = self.publishing.get_mut(&id) {
            publishing.deleted = true;
            return true;
        }
        let is_unsure = self.unsure.get(&id).is_some_and(|until| *until > now);
        if is_unsure || self.writing.contains_key(&id) {
            return true;
        }
        let Some(used) = entry.and_then(|entry| entry.used) else { return false };
        let after_use = self.ends.iter().find(|(epoch, _)| *epoch > used);
        after_use.is_none_or(|(_, ends)| ends.get(&partition).is_some_and(|end| offset < *end))
    }

    /// This ingress itself deletes the series.
    pub(super) fn remove(&mut self, id: SeriesId) {
        self.newer.swap_remove(&id);
        self.older.swap_remove(&id);
        if let Some(publishing) = self.publishing.get_mut(&id) {
            publishing.deleted = true;
        }
    }

    /// Whether the topic's ends should be asked for.
    pub(super) const fn wants_ends(&self) -> bool {
        self.used_since
    }

    /// The topic's ends are asked for now: names the question.
    pub(super) fn ask_ends(&mut self) -> u64 {
        self.used_since = false;
        self.asked += 1;
        self.asked
    }

    /// The answer to a question.
    pub(super) fn set_ends(&mut self, asked: u64, ends: Vec<(u32, u64)>) {
        self.ends.push_back((asked, ends.into_iter().collect()));
        if self.ends.len() > ENDS_KEPT_MAX {
            self.ends.pop_front();
        }
    }
}

/// When activity is tracked: the present, and how long an entry stands for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    /// Milliseconds since the epoch.
    pub(super) now_ms: i64,
    /// `ingress.activity.window`, milliseconds.
    pub(super) window_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SeriesId = SeriesId { class_id: 1, labels_id: 2 };

    fn id(n: i64) -> SeriesId {
        SeriesId { class_id: n, labels_id: 0 }
    }

    #[test]
    fn a_delete_after_the_ends_was_later_than_the_use() {
        let mut cache = Cache::new(10);
        cache.put(ID, None);
        let asked = cache.ask_ends();
        cache.set_ends(asked, vec![(0, 7)]);
        assert!(!cache.deleted(ID, 0, 7, Mono(0)));
        assert!(!cache.use_entry(ID, None));
    }

    #[test]
    fn a_delete_before_the_ends_may_have_come_before_the_use() {
        let mut cache = Cache::new(10);
        cache.put(ID, None);
        let asked = cache.ask_ends();
        cache.set_ends(asked, vec![(0, 7)]);
        assert!(cache.use_entry(ID, None));
        assert!(cache.deleted(ID, 0, 6, Mono(0)), "used again, and no ends since");
        cache.put(ID, None);
        let asked = cache.ask_ends();
        cache.set_ends(asked, vec![(0, 9)]);
        assert!(cache.deleted(ID, 0, 8, Mono(0)));
    }

    #[test]
    fn metadata_on_its_way_is_published_again_after_a_delete() {
        let mut cache = Cache::new(10);
        cache.publish(ID, None);
        assert!(cache.deleted(ID, 0, 3, Mono(0)));
        cache.published(ID, true, None);
        assert!(!cache.use_entry(ID, None), "it may lie before the delete");
        cache.publish(ID, None);
        cache.published(ID, true, None);
        assert!(cache.use_entry(ID, None));
    }

    #[test]
    fn metadata_is_published_again_for_data_on_its_way() {
        let (mut cache, mut ends) = (Cache::new(10), 7);
        let mut ask_ends = |cache: &mut Cache| {
            let asked = cache.ask_ends();
            cache.set_ends(asked, vec![(0, ends)]);
            ends += 1;
            ends - 1
        };
        cache.put(ID, None);
        cache.write(ID);
        cache.write(ID);
        let end = ask_ends(&mut cache);
        assert!(cache.deleted(ID, 0, end, Mono(0)), "the data may lie behind it");
        cache.put(ID, None);
        cache.written(ID);
        let end = ask_ends(&mut cache);
        assert!(cache.deleted(ID, 0, end, Mono(0)), "some of it is on its way");
        cache.put(ID, None);
        ask_ends(&mut cache);
        cache.written(ID);
        assert!(cache.deleted(ID, 0, end + 1, Mono(0)), "no ends since it was written");
        cache.put(ID, None);
        let end = ask_ends(&mut cache);
        assert!(!cache.deleted(ID, 0, end, Mono(0)));
        assert!(cache.writing.is_empty());
    }

    #[test]
    fn data_is_a_use_whether_the_metadata_is_known_or_not() {
        let mut cache = Cache::new(10);
        cache.publish(ID, Some(RequestId(1)));
        cache.write(ID);
        assert!(cache.deleted(ID, 0, 3, Mono(0)));
        cache.published(ID, true, None);
        cache.written(ID);
        assert!(!cache.has(ID) && !cache.use_entry(ID, None), "where they lie nobody knows");
        cache.learn(ID, None);
        assert!(cache.has(ID));
        assert!(cache.deleted(ID, 0, 4, Mono(0)), "the data may lie behind it");
    }

    #[test]
    fn what_another_request_publishes_may_fail_without_this_one() {
        let mut cache = Cache::new(10);
        cache.publish(ID, Some(RequestId(1)));
        assert!(cache.is_publishing(ID, RequestId(1)) && !cache.is_publishing(ID, RequestId(2)));
        cache.publish(ID, None);
        assert!(!cache.is_publishing(ID, RequestId(1)), "it is not known which of them fails");
        cache.publish(ID, Some(RequestId(2)));
        assert!(cache.is_publishing(ID, RequestId(2)));
        cache.published(ID, false, None);
        assert!(!cache.is_publishing(ID, RequestId(2)));
    }

    #[test]
    fn what_may_come_late_keeps_the_metadata_for_a_time() {
        let mut cache = Cache::new(10);
        let late = Mono(0).after(LATE_MAX);
        cache.unsure(ID, Mono(0));
        assert!(cache.deleted(ID, 0, 3, Mono(late.0 - 1)));
        assert!(!cache.deleted(ID, 0, 4, late), "it is not waited for any longer");
        for n in 0..=UNSURE_MAX as i64 {
            cache.unsure(id(n), Mono(1));
        }
        assert_eq!(cache.unsure.len(), UNSURE_MAX);
        for _ in 0..=UNSURE_MAX {
            cache.unsure(id(7), Mono(2));
        }
        assert!(cache.deleted(id(7), 0, 5, Mono(3)), "named often in one append");
        cache.unsure(id(1), late.after(LATE_MAX));
        assert_eq!((cache.unsure.len(), cache.unsure_in_order.len()), (1, 1));
    }

    #[test]
    fn what_was_only_seen_is_not_ours_to_publish() {
        let mut cache = Cache::new(10);
        cache.learn(ID, None);
        assert!(!cache.deleted(ID, 0, 3, Mono(0)));
        cache.learn(ID, None);
        assert!(cache.use_entry(ID, None));
        assert!(cache.deleted(ID, 0, 4, Mono(0)));
    }

    #[test]
    fn the_cache_stays_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::new(10);
        for n in 0..100 {
            cache.put(id(n), None);
            assert!(cache.use_entry(id(0), None));
        }
        assert!(cache.len() <= 10);
    }

    #[test]
    fn old_activity_is_published_again() {
        let mut cache = Cache::new(10);
        cache.put(ID, Some(1_000));
        assert!(cache.use_entry(ID, Some(Activity { now_ms: 1_500, window_ms: 500 })));
        assert!(!cache.use_entry(ID, Some(Activity { now_ms: 1_501, window_ms: 500 })));
    }
}
