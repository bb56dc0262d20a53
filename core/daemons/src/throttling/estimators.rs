//! How many different series an entity wrote to within a month, about, on all ingresses together.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_gts::{SeriesId, SipKey};
use weft_wire::hyperloglog::{HyperLogLog, PRECISION};

/// How long an estimator counts, milliseconds.
pub(super) const MONTH_MS: i64 = 30 * 24 * 3_600_000;

/// How far the clock of another ingress may be ahead, milliseconds.
const AHEAD_MAX_MS: i64 = 24 * 3_600_000;

/// With what series are hashed, the same everywhere.
const HASH_KEY: SipKey = SipKey::new(1, 2);

/// One estimator.
#[derive(Debug)]
struct Estimator {
    counter: HyperLogLog,
    /// What the counter says, once somebody has asked since it changed: that takes a while.
    estimate: Option<i64>,
    /// The counter as bytes, while it is as it was then.
    encoded: Option<Bytes>,
    /// The higher, the later it was of use.
    used: u64,
}

/// All of them, by entity.
#[derive(Debug)]
pub(super) struct Estimators {
    all: BTreeMap<String, Estimator>,
    uses: u64,
    entries_max: usize,
    /// Counts of others that began before this are of no account.
    anew: BTreeMap<String, i64>,
}

/// What a series is counted by.
pub(super) fn hash_of(series: SeriesId) -> i64 {
    series.hash(HASH_KEY)
}

impl Estimators {
    /// None yet, and never more than `entries_max`: what was of use the longest ago goes.
    pub(super) const fn new(entries_max: usize) -> Self {
        Self { all: BTreeMap::new(), uses: 0, entries_max, anew: BTreeMap::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Who has one.
    pub(super) fn entities(&self) -> impl Iterator<Item = &String> {
        self.all.keys()
    }

    /// How many series there are of an entity, if the hash is new to it; else `None`.
    pub(super) fn count_if_new(&mut self, now_ms: i64, entity: &str, hash: i64) -> Option<i64> {
        let estimator = self.current(now_ms, entity);
        estimator.counter.is_new(hash).then(|| estimator.estimate())
    }

    /// A series was taken. Whether that has changed anything.
    pub(super) fn add(&mut self, now_ms: i64, entity: &str, hash: i64) -> bool {
        let estimator = self.current(now_ms, entity);
        let is_new = estimator.counter.is_new(hash);
        if is_new {
            estimator.counter.add(hash);
            estimator.changed();
        }
        is_new
    }

    /// How many series there are of an entity.
    pub(super) fn estimate(&mut self, now_ms: i64, entity: &str) -> Option<i64> {
        let estimator = self.all.get_mut(entity)?;
        (!has_expired(now_ms, &estimator.counter)).then(|| estimator.estimate())
    }

    /// The count of an entity begins anew. What others counted since `tolerated_ms` (milliseconds
    /// since the epoch) is still taken.
    pub(super) fn begin_anew(&mut self, entity: &str, tolerated_ms: i64) {
        self.all.remove(entity);
        self.anew.insert(entity.to_owned(), tolerated_ms);
    }

    /// Takes into account what was counted elsewhere, or before. Whether that has changed anything.
    ///
    /// The older of the two months goes on: so all of them end together, and nothing of one month
    /// is counted in the next.
    pub(super) fn fuse(
        &mut self,
        now_ms: i64,
        entity: &str,
        other: &HyperLogLog,
    ) -> Result<bool, String> {
        if other.init_ms > now_ms.saturating_add(AHEAD_MAX_MS) {
            return Err(format!("a count of {entity} that begins in the future"));
        }
        let is_of_before = self.anew.get(entity).is_some_and(|since| other.init_ms < *since);
        if has_expired(now_ms, other) || is_of_before {
            return Ok(false);
        }
        let estimator = self.current(now_ms, entity);
        let before = estimator.counter.clone();
        estimator.counter.fuse(other).map_err(|error| error.to_string())?;
        estimator.counter.init_ms = before.init_ms.min(other.init_ms);
        let is_news = estimator.counter != before;
        if is_news {
            estimator.changed();
        }
        Ok(is_news)
    }

    /// The estimator of an entity as bytes, unless it counts no more.
    pub(super) fn encoded(&mut self, now_ms: i64, entity: &str) -> Option<Bytes> {
        let estimator = self.all.get_mut(entity)?;
        if has_expired(now_ms, &estimator.counter) {
            return None;
        }
        let counter = &estimator.counter;
        Some(estimator.encoded.get_or_insert_with(|| counter.to_bytes().into()).clone())
    }

    /// Whether the bytes of an estimator have to be made.
    pub(super) fn is_encoded(&self, entity: &str) -> bool {
        self.all.get(entity).is_none_or(|estimator| estimator.encoded.is_some())
    }

    /// Lets go of those that count no more. Who they were of.
    pub(super) fn drop_expired(&mut self, now_ms: i64) -> Vec<String> {
        self.anew.retain(|_, since| *since >= now_ms.saturating_sub(MONTH_MS));
        let expired = self.all.iter().filter(|(_, e)| has_expired(now_ms, &e.counter));
        let expired: Vec<String> = expired.map(|(entity, _)| entity.clone()).collect();
        for entity in &expired {
            self.all.remove(entity);
        }
        expired
    }

    /// The estimator of an entity, a new one if there is none that counts.
    fn current(&mut self, now_ms: i64, entity: &str) -> &mut Estimator {
        self.uses += 1;
        let is_there = self.all.get(entity).is_some_and(|e| !has_expired(now_ms, &e.counter));
        if !is_there {
            self.all.remove(entity);
            if self.all.len() >= self.entries_max {
                self.drop_oldest();
            }
        }
        let used = self.uses;
        let estimator =
            self.all.entry(entity.to_owned()).or_insert_with(|| Estimator::new(now_ms, entity));
        estimator.used = used;
        estimator
    }

    fn drop_oldest(&mut self) {
        let oldest = self.all.iter().min_by_key(|(_, estimator)| estimator.used);
        if let Some(entity) = oldest.map(|(entity, _)| entity.clone()) {
            self.all.remove(&entity);
        }
    }
}

impl Estimator {
    fn new(now_ms: i64, entity: &str) -> Self {
        let mut counter = HyperLogLog::new(now_ms);
        counter.key = Some(entity.to_owned());
        counter.make_dense();
        Self { counter, estimate: None, encoded: None, used: 0 }
    }

    fn changed(&mut self) {
        self.estimate = None;
        self.encoded = None;
    }

    fn estimate(&mut self) -> i64 {
        let counter = &self.counter;
        *self.estimate.get_or_insert_with(|| counter.estimate())
    }
}

/// How many series a limit stands for: estimators err.
pub(super) fn with_tolerance(limit: i64) -> i64 {
    let error = 1.04 / f64::from(1u32 << PRECISION).sqrt();
    (limit as f64 * (1.0 + error)).ceil() as i64
}

const fn has_expired(now_ms: i64, counter: &HyperLogLog) -> bool {
    now_ms > counter.init_ms.saturating_add(MONTH_MS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn hashes(from: i64, to: i64) -> impl Iterator<Item = i64> {
        let series = |n| SeriesId { class_id: n, labels_id: -n };
        (from..to).map(move |n| hash_of(series(n)))
    }

    fn counted(now_ms: i64, from: i64, to: i64) -> Estimators {
        let mut estimators = Estimators::new(10);
        for hash in hashes(from, to) {
            estimators.add(now_ms, "p", hash);
        }
        estimators
    }

    fn sent(estimators: &mut Estimators, now_ms: i64) -> HyperLogLog {
        let bytes = estimators.encoded(now_ms, "p").expect("an estimator");
        HyperLogLog::from_bytes(&bytes).expect("an estimator")
    }

    #[test]
    fn what_was_counted_is_not_new() {
        let mut estimators = Estimators::new(10);
        let hash = hash_of(SeriesId { class_id: 1, labels_id: 2 });
        assert_eq!(estimators.count_if_new(NOW, "p", hash), Some(0));
        assert!(estimators.add(NOW, "p", hash));
        assert_eq!(estimators.count_if_new(NOW, "p", hash), None);
        assert!(!estimators.add(NOW, "p", hash));
        assert_eq!(estimators.estimate(NOW, "p"), Some(1));
        assert_eq!(estimators.count_if_new(NOW, "q", hash), Some(0), "another's");
    }

    #[test]
    fn a_month_ends_for_all_at_once() {
        let (mut a, mut b) = (counted(NOW, 0, 100), counted(NOW + MONTH_MS / 2, 50, 200));
        let (of_a, later) = (sent(&mut a, NOW), NOW + MONTH_MS / 2);
        assert_eq!(b.fuse(later, "p", &of_a), Ok(true));
        assert_eq!(b.fuse(later, "p", &of_a), Ok(false), "once more");
        let merged = b.estimate(later, "p").expect("a count");
        assert!((195..=205).contains(&merged), "{merged}");
        let of_b = sent(&mut b, later);
        a.fuse(later, "p", &of_b).expect("the same precision");
        assert_eq!(a.estimate(later, "p"), Some(merged));
        let next = NOW + MONTH_MS + 1;
        assert_eq!((a.estimate(next, "p"), b.estimate(next, "p")), (None, None));
        // What is still on its way says nothing of the next month.
        assert!(a.add(next, "p", 1));
        assert_eq!(a.fuse(next, "p", &of_b), Ok(false));
        assert_eq!(a.estimate(next, "p"), Some(1));
        assert_eq!(a.drop_expired(next), Vec::<String>::new());
        assert_eq!(b.drop_expired(next), ["p"]);
    }

    #[test]
    fn what_began_anew_is_not_brought_back() {
        let mut a = counted(NOW, 0, 100);
        let before = sent(&mut a, NOW);
        a.begin_anew("p", NOW + 1_000);
        assert_eq!(a.fuse(NOW + 2_000, "p", &before), Ok(false));
        assert_eq!(a.estimate(NOW + 2_000, "p"), None);
        let since = sent(&mut counted(NOW + 1_500, 0, 3), NOW + 1_500);
        assert_eq!(a.fuse(NOW + 2_000, "p", &since), Ok(true));
        assert_eq!(a.estimate(NOW + 2_000, "p"), Some(3));
    }

    #[test]
    fn what_is_of_no_use_is_let_go() {
        let mut estimators = Estimators::new(2);
        for entity in ["a", "b", "a", "c"] {
            estimators.add(NOW, entity, 1);
        }
        assert!(estimators.entities().eq(["a", "c"]));
    }

    #[test]
    fn the_future_and_other_precisions_are_refused() {
        let mut estimators = counted(NOW, 0, 3);
        assert!(estimators.fuse(NOW, "p", &HyperLogLog::new(NOW + 2 * AHEAD_MAX_MS)).is_err());
        assert!(estimators.fuse(NOW, "p", &HyperLogLog::with_precision(12, 25, NOW)).is_err());
        assert_eq!(estimators.estimate(NOW, "p"), Some(3));
    }

    #[test]
    fn limits_have_the_error_of_an_estimate() {
        assert_eq!([0, 1, 100, 10_000].map(with_tolerance), [0, 2, 101, 10_082]);
        assert_eq!(with_tolerance(-1), -1);
    }

    /// The seeds are fixed: one in some hundred estimates is allowed to be farther off.
    #[test]
    fn merged_estimates_are_within_three_standard_errors() {
        for seed in 0..20 {
            let (mut merged, mut all) = (Estimators::new(10), BTreeSet::new());
            for part in 0..4 {
                let from = seed * 1_000_000 + part * (seed + 1) * 500;
                let to = from + (part + 1) * (seed + 1) * 300;
                all.extend(from..to);
                let part = sent(&mut counted(NOW, from, to), NOW);
                merged.fuse(NOW, "p", &part).expect("the same precision");
            }
            let (exact, estimate) = (all.len() as f64, merged.estimate(NOW, "p").unwrap_or(0));
            let error = (estimate as f64 - exact).abs() / exact;
            assert!(error <= 3.0 * 1.04 / 128.0, "{exact}: {estimate}");
        }
    }
}
