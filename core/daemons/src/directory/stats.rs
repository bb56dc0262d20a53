//! How many series, classes, names and values of labels there are among those that match.
//!
//! Each shard counts its own with HyperLogLog++ estimators, which whoever asked puts together.

use std::collections::BTreeMap;

use weft_gts::{IdKeys, Metadata};
use weft_wire::hyperloglog::{HyperLogLog, HyperLogLogError};
use weft_wire::thrift::DirectoryStatsResponse;

/// How much is told in detail.
#[derive(Clone, Copy, Debug)]
pub struct StatsLimits {
    /// `directory.stats.class.maxcardinality`: with so many classes none is told by itself.
    pub classes: usize,
    /// `directory.stats.labels.maxcardinality`: with so many labels none is told by itself.
    pub labels: usize,
}

impl Default for StatsLimits {
    fn default() -> Self {
        Self { classes: 100, labels: 100 }
    }
}

/// A detail of an answer: estimators by name.
type Part = fn(&DirectoryStatsResponse) -> Option<&BTreeMap<String, Vec<u8>>>;

/// Counts series.
#[derive(Debug)]
pub struct Stats {
    keys: IdKeys,
    limits: StatsLimits,
    now_ms: i64,
    series: HyperLogLog,
    classes: HyperLogLog,
    label_names: HyperLogLog,
    label_values: HyperLogLog,
    /// Series of each class; nothing once there were too many.
    by_class: Option<BTreeMap<String, HyperLogLog>>,
    /// Values of each label or attribute; nothing once there were too many.
    by_label: Option<BTreeMap<String, HyperLogLog>>,
}

/// Estimates, put together of all shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimates {
    /// Series.
    pub series: i64,
    /// Classes.
    pub classes: i64,
    /// Names of labels and attributes.
    pub label_names: i64,
    /// Values of labels and attributes.
    pub label_values: i64,
    /// Series of each class.
    pub by_class: BTreeMap<String, i64>,
    /// Values of each label or attribute.
    pub by_label: BTreeMap<String, i64>,
}

impl Stats {
    /// Nothing is counted yet.
    pub fn new(keys: IdKeys, limits: StatsLimits, now_ms: i64) -> Self {
        let empty = || HyperLogLog::new(now_ms);
        Self {
            keys,
            limits,
            now_ms,
            series: empty(),
            classes: empty(),
            label_names: empty(),
            label_values: empty(),
            by_class: Some(BTreeMap::new()),
            by_label: Some(BTreeMap::new()),
        }
    }

    /// Counts one series.
    pub fn add(&mut self, metadata: &Metadata) {
        let empty = || HyperLogLog::new(self.now_ms);
        let class = metadata.class();
        let series = self.keys.class.hash(&metadata.id.to_bytes());
        self.series.add(series);
        self.classes.add(self.keys.class.hash(class.as_bytes()));
        if let Some(by_class) = &mut self.by_class {
            by_class.entry(class.to_owned()).or_insert_with(empty).add(series);
            if by_class.len() >= self.limits.classes {
                self.by_class = None;
            }
        }
        for (name, value) in metadata.labels.iter().chain(metadata.attributes.iter()) {
            let value = self.keys.labels.hash(value.as_bytes());
            self.label_names.add(self.keys.labels.hash(name.as_bytes()));
            self.label_values.add(value);
            if let Some(by_label) = &mut self.by_label {
                by_label.entry(name.to_owned()).or_insert_with(empty).add(value);
            }
        }
        if self.by_label.as_ref().is_some_and(|by_label| by_label.len() >= self.limits.labels) {
            self.by_label = None;
        }
    }

    /// What was counted.
    pub fn finish(&self) -> DirectoryStatsResponse {
        let detail = |by: &Option<BTreeMap<String, HyperLogLog>>| {
            let by = by.as_ref().filter(|by| !by.is_empty())?;
            Some(by.iter().map(|(name, count)| (name.clone(), count.to_bytes())).collect())
        };
        DirectoryStatsResponse {
            class_cardinality: Some(self.classes.to_bytes()),
            label_names_cardinality: Some(self.label_names.to_bytes()),
            label_values_cardinality: Some(self.label_values.to_bytes()),
            per_label_value_cardinality: detail(&self.by_label),
            per_class_cardinality: detail(&self.by_class),
            gts_count: Some(self.series.to_bytes()),
            error: None,
        }
    }
}

impl Estimates {
    /// Puts the answers of all shards together.
    ///
    /// A shard that tells nothing in detail makes the details of the others worthless only for
    /// what they miss of it: as in the reference, what some tell is told.
    pub fn of(answers: &[DirectoryStatsResponse]) -> Result<Self, HyperLogLogError> {
        let all = |part: fn(&DirectoryStatsResponse) -> Option<&[u8]>| {
            sum(answers.iter().filter_map(part))
        };
        let detail = |part: Part| {
            let mut by_name: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
            for (name, bytes) in answers.iter().filter_map(part).flatten() {
                by_name.entry(name).or_default().push(bytes);
            }
            let sums = by_name
                .into_iter()
                .map(|(name, bytes)| Ok((name.to_owned(), sum(bytes.into_iter())?)));
            sums.collect::<Result<BTreeMap<_, _>, HyperLogLogError>>()
        };
        Ok(Self {
            series: all(|answer| answer.gts_count.as_deref())?,
            classes: all(|answer| answer.class_cardinality.as_deref())?,
            label_names: all(|answer| answer.label_names_cardinality.as_deref())?,
            label_values: all(|answer| answer.label_values_cardinality.as_deref())?,
            by_class: detail(|answer| answer.per_class_cardinality.as_ref())?,
            by_label: detail(|answer| answer.per_label_value_cardinality.as_ref())?,
        })
    }
}

fn sum<'b>(mut estimators: impl Iterator<Item = &'b [u8]>) -> Result<i64, HyperLogLogError> {
    let Some(first) = estimators.next() else { return Ok(0) };
    let mut sum = HyperLogLog::from_bytes(first)?;
    for bytes in estimators {
        sum.fuse(&HyperLogLog::from_bytes(bytes)?)?;
    }
    Ok(sum.estimate())
}

#[cfg(test)]
mod tests {
    use weft_gts::SipKey;

    use super::*;

    fn counted(series: std::ops::Range<i64>, limits: StatsLimits) -> DirectoryStatsResponse {
        let keys = IdKeys { class: SipKey::new(1, 2), labels: SipKey::new(3, 4) };
        let mut stats = Stats::new(keys, limits, 0);
        for number in series {
            let labels = [("n", number.to_string()), ("parity", (number % 2).to_string())];
            let mut metadata =
                Metadata::new(format!("c{}", number % 5), labels.into_iter().collect());
            metadata.id = keys.series_id(&metadata);
            stats.add(&metadata);
        }
        stats.finish()
    }

    #[test]
    fn shards_are_put_together() {
        let limits = StatsLimits::default();
        let shards = [counted(0..30, limits), counted(20..50, limits)];
        let estimates = Estimates::of(&shards).expect("well formed");
        assert_eq!((estimates.series, estimates.classes), (50, 5));
        assert_eq!((estimates.label_names, estimates.label_values), (2, 50));
        assert_eq!(estimates.by_class["c3"], 10);
        assert_eq!(estimates.by_label["parity"], 2);
        assert_eq!(Estimates::of(&[]), Ok(Estimates::default()));
    }

    #[test]
    fn too_much_detail_is_left_out() {
        let limits = StatsLimits { classes: 5, labels: 2 };
        let estimates = Estimates::of(&[counted(0..20, limits)]).expect("well formed");
        assert!(estimates.by_class.is_empty() && estimates.by_label.is_empty());
        assert_eq!((estimates.series, estimates.classes, estimates.label_names), (20, 5, 2));
    }
}
