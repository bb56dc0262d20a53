//! An ingress takes no more than limits allow, counts what it takes through restarts, and ingresses
//! count together; what was refused is not stored, and what others say and is no count is told.

use std::collections::{BTreeMap, BTreeSet};

use weft_daemons::contract::ActionId;
use weft_gts::SeriesId;

use super::history::History;
use crate::clients::SeriesName;
use crate::params::{Limits, Params, SECOND};
use crate::world::Address;

/// How long ingresses may take to count alike, once nothing goes wrong any more.
pub const LIMIT_NS: u64 = 600 * SECOND;

/// Seconds' worth of a rate that an entity may save.
const BURST_SECONDS: f64 = 1.0;

/// Series of tenants.
type Sets = BTreeMap<usize, BTreeSet<SeriesId>>;

/// What ingresses took.
#[derive(Debug, Default)]
pub struct Throttling {
    limits: Option<Limits>,
    tenants: BTreeMap<SeriesId, usize>,
    lives: BTreeMap<Address, Life>,
    /// By which nodes each series was taken.
    takers: BTreeMap<SeriesId, BTreeSet<usize>>,
    /// What the folder of a node remembers.
    remembered: BTreeMap<usize, Sets>,
    /// What it will, once that is kept.
    keeping: BTreeMap<(Address, ActionId), Sets>,
    /// What the ingress of a node says that it counts.
    estimates: BTreeMap<(usize, usize), i64>,
    /// Values that were refused.
    refused: BTreeSet<i64>,
    /// Which assignment of a partition of the topic an ingress reads.
    epochs: BTreeMap<(Address, u32), u64>,
    /// What an ingress heard that is no count, and has not told.
    untold: BTreeMap<Address, u64>,
}

/// An ingress in one life.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Series that it took, or that it was to remember.
    series: Sets,
    /// What it took and has not been paid for, by its own clock.
    levels: BTreeMap<usize, (f64, u64)>,
}

impl Throttling {
    /// Nobody has taken anything.
    pub fn new(params: &Params) -> Self {
        let names = (0..params.tenants).flat_map(|tenant| {
            (0..params.series_max()).map(move |series| SeriesName { tenant, series })
        });
        let tenants = names.map(|name| (History::id_of(&name), name.tenant)).collect();
        Self { limits: params.limits.clone(), tenants, ..Self::default() }
    }

    /// Whether there are limits.
    pub const fn is_on(&self) -> bool {
        self.limits.is_some()
    }

    /// An ingress begins its life.
    pub fn born(&mut self, address: Address) {
        let series = self.remembered.get(&address.node).cloned().unwrap_or_default();
        self.lives.retain(|other, _| other.node != address.node || other.slot != address.slot);
        self.lives.insert(address, Life { series, ..Life::default() });
        self.estimates.retain(|(node, _), _| *node != address.node);
    }

    /// An ingress puts datapoints of a series into the log; `mono_ns` is its clock.
    pub fn took(
        &mut self,
        address: Address,
        mono_ns: u64,
        series: SeriesId,
        points: u64,
    ) -> Result<(), String> {
        let (Some(limits), Some(tenant)) = (&self.limits, self.tenants.get(&series).copied())
        else {
            return Ok(());
        };
        self.takers.entry(series).or_default().insert(address.node);
        let life = self.lives.entry(address).or_default();
        let known = life.series.entry(tenant).or_default();
        known.insert(series);
        let Some(limit) = limits.highest(tenant) else { return Ok(()) };
        // What another one took may have been heard of, and then it is not new here.
        let is_own = |series: &&SeriesId| self.takers.get(series).is_none_or(|of| of.len() < 2);
        let count = known.iter().filter(is_own).count();
        if limit.series >= 0 && count as f64 > tolerated(limit.series) {
            return Err(format!("{address:?} took {count} series of {tenant}, of {limit:?}"));
        }
        let (level, since_ns) = life.levels.entry(tenant).or_insert((0.0, mono_ns));
        let seconds = mono_ns.saturating_sub(*since_ns) as f64 / 1e9;
        let unpaid = (*level - seconds * limit.rate).max(0.0);
        (*level, *since_ns) = (unpaid + points as f64, mono_ns);
        if unpaid > limit.rate * BURST_SECONDS + 1e-3 {
            return Err(format!("{address:?} had taken {unpaid} of {tenant} too soon ({limit:?})"));
        }
        Ok(())
    }

    /// An ingress wants what it counted kept.
    pub fn keeps(&mut self, address: Address, id: ActionId) {
        if let Some(life) = self.lives.get(&address) {
            self.keeping.insert((address, id), life.series.clone());
        }
    }

    /// It is.
    pub fn kept(&mut self, address: Address, id: ActionId) {
        if let Some(sets) = self.keeping.remove(&(address, id)) {
            self.remembered.insert(address.node, sets);
        }
    }

    /// An ingress says how many series of a tenant it counts.
    pub fn counts(&mut self, node: usize, tenant: usize, estimate: i64) {
        self.estimates.insert((node, tenant), estimate);
    }

    /// Values that were refused, and never sent otherwise.
    pub fn refused(&mut self, values: &[i64]) {
        self.refused.extend(values);
    }

    /// An ingress reads a partition of the topic from now on.
    pub fn assigned(&mut self, address: Address, partition: u32, epoch: u64) {
        self.epochs.insert((address, partition), epoch);
    }

    /// An ingress hears what is no count; what it hears of an earlier assignment is nothing to it.
    pub fn hears_junk(&mut self, address: Address, partition: u32, epoch: u64, records: u64) {
        if self.epochs.get(&(address, partition)) == Some(&epoch) {
            *self.untold.entry(address).or_default() += records;
        }
    }

    /// An ingress tells its operator of it.
    pub fn told(&mut self, address: Address) {
        if let Some(untold) = self.untold.get_mut(&address) {
            *untold = untold.saturating_sub(1);
        }
    }

    /// Whether an ingress has told everything, after it was given something.
    pub fn check_told(&self, address: Address) -> Result<(), String> {
        match self.untold.get(&address) {
            None | Some(0) => Ok(()),
            Some(untold) => Err(format!("{address:?} passed over {untold} counts silently")),
        }
    }

    /// Whether the ingresses that live, of these nodes, count alike, and no less than they took. (They
    /// may also count what never went out, of clients that were gone before its time came.)
    pub fn check_merged(&self, nodes: &[usize]) -> Result<(), String> {
        let Some(limits) = &self.limits else { return Ok(()) };
        for tenant in 0..limits.tenants() {
            if limits.highest(tenant).is_none_or(|limit| limit.series < 0) {
                continue;
            }
            let living = self.lives.iter().filter(|(address, _)| nodes.contains(&address.node));
            let counted: BTreeSet<SeriesId> = living
                .filter_map(|(_, life)| life.series.get(&tenant))
                .flatten()
                .copied()
                .collect();
            for (address, life) in self.lives.iter().filter(|(of, _)| nodes.contains(&of.node)) {
                self.check_kept(address.node, tenant, life)?;
            }
            let of = |node: &usize| self.estimates.get(&(*node, tenant)).copied().unwrap_or(0);
            let estimates: Vec<i64> = nodes.iter().map(of).collect();
            let (counted, first) = (counted.len() as i64, estimates.first().copied());
            if estimates.iter().any(|count| *count < counted || Some(*count) != first) {
                return Err(format!(
                    "nodes {nodes:?} count {estimates:?} series of {tenant}, and took {counted}"
                ));
            }
        }
        Ok(())
    }

    /// Whether a node remembers what its ingress took first.
    fn check_kept(&self, node: usize, tenant: usize, life: &Life) -> Result<(), String> {
        let kept = self.remembered.get(&node).and_then(|sets| sets.get(&tenant));
        // Those that another one took may have been counted before they were taken here.
        let is_own = |series: &&SeriesId| self.takers.get(series).is_none_or(|of| of.len() < 2);
        let own = life.series.get(&tenant).into_iter().flatten().filter(is_own);
        match own.into_iter().find(|series| !kept.is_some_and(|kept| kept.contains(series))) {
            Some(series) => Err(format!("node {node} does not keep {series:?} of {tenant}")),
            None => Ok(()),
        }
    }

    /// Whether what was refused is nowhere.
    pub fn check_refused(&self, history: &History) -> Result<(), String> {
        match self.refused.iter().find(|value| history.values.contains_key(*value)) {
            Some(value) => Err(format!("{value} was refused, and is in the log")),
            None => Ok(()),
        }
    }
}

/// Series that a limit stands for: estimates err.
fn tolerated(limit: i64) -> f64 {
    (limit as f64 * (1.0 + 1.04 / 128.0)).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Limit;

    const ME: Address = Address { node: 3, life: 1, slot: 0 };
    const AGAIN: Address = Address { node: 3, life: 2, slot: 0 };

    fn series(n: i64) -> SeriesId {
        SeriesId { class_id: n, labels_id: n }
    }

    fn checks(limit: Limit) -> Throttling {
        let limits = Limits::of(vec![Some(limit)]);
        let tenants = (0..10).map(|n| (series(n), 0)).collect();
        let mut checks = Throttling { limits: Some(limits), tenants, ..Throttling::default() };
        checks.born(ME);
        checks
    }

    #[test]
    fn what_is_taken_too_soon_is_seen() {
        let mut checks = checks(Limit { series: -1, rate: 10.0 });
        assert_eq!(checks.took(ME, 0, series(1), 100), Ok(()), "one record");
        assert_eq!(checks.took(ME, 9 * SECOND, series(1), 5), Ok(()));
        assert_eq!(checks.took(ME, 9 * SECOND + SECOND / 2, series(1), 5), Ok(()));
        assert!(checks.took(ME, 9 * SECOND + SECOND / 2, series(1), 1).is_err());
    }

    #[test]
    fn series_too_many_are_seen_through_restarts() {
        let mut checks = checks(Limit { series: 2, rate: 1e9 });
        for n in 0..2 {
            assert_eq!(checks.took(ME, 0, series(n), 1), Ok(()));
        }
        checks.keeps(ME, ActionId(1));
        assert_eq!(checks.took(ME, 0, series(2), 1), Ok(()), "the tolerance");
        checks.kept(ME, ActionId(1));
        checks.born(AGAIN);
        assert_eq!(
            checks.took(AGAIN, 0, series(3), 1),
            Ok(()),
            "a crash forgets what was not kept"
        );
        assert_eq!(checks.took(AGAIN, 0, series(0), 1), Ok(()));
        assert!(checks.took(AGAIN, 0, series(4), 1).is_err());
    }

    #[test]
    fn what_another_took_is_not_new() {
        let mut checks = checks(Limit { series: 1, rate: 1e9 });
        let other = Address { node: 4, ..ME };
        checks.born(other);
        for n in 0..2 {
            assert_eq!(checks.took(other, 0, series(n), 1), Ok(()));
            assert_eq!(checks.took(ME, 0, series(n), 1), Ok(()));
        }
        for n in 2..4 {
            assert_eq!(checks.took(ME, 0, series(n), 1), Ok(()));
        }
        assert!(checks.took(ME, 0, series(4), 1).is_err());
    }

    #[test]
    fn counts_that_differ_from_what_was_taken_are_seen() {
        let mut checks = checks(Limit { series: 5, rate: 1e9 });
        checks.took(ME, 0, series(1), 1).expect("within limits");
        assert!(checks.check_merged(&[3]).is_err(), "it keeps nothing");
        checks.keeps(ME, ActionId(1));
        checks.kept(ME, ActionId(1));
        assert!(checks.check_merged(&[3]).is_err(), "it counts nothing");
        checks.counts(3, 0, 1);
        assert_eq!(checks.check_merged(&[3]), Ok(()));
        assert!(checks.check_merged(&[3, 4]).is_err(), "another does not know");
        checks.counts(4, 0, 2);
        assert!(checks.check_merged(&[3, 4]).is_err(), "they differ");
        checks.counts(4, 0, 1);
        assert_eq!(checks.check_merged(&[3, 4]), Ok(()));
        checks.took(ME, 0, series(2), 1).expect("within limits");
        checks.keeps(ME, ActionId(2));
        checks.kept(ME, ActionId(2));
        assert!(checks.check_merged(&[3, 4]).is_err(), "one is not counted");
    }

    #[test]
    fn what_was_refused_and_what_was_not_told_is_seen() {
        let mut checks = checks(Limit { series: 5, rate: 1e9 });
        let mut history = History::default();
        checks.refused(&[7]);
        history.values.insert(8, vec![(0, 0)]);
        assert_eq!(checks.check_refused(&history), Ok(()));
        history.values.insert(7, vec![(0, 1)]);
        assert!(checks.check_refused(&history).is_err());
        checks.hears_junk(ME, 0, 5, 2);
        assert_eq!(checks.check_told(ME), Ok(()), "it does not read that");
        checks.assigned(ME, 0, 5);
        checks.hears_junk(ME, 0, 5, 2);
        checks.told(ME);
        assert!(checks.check_told(ME).is_err());
        checks.told(ME);
        assert_eq!(checks.check_told(ME), Ok(()));
    }
}
