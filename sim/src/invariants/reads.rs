//! On the one-process platform a read sees what was acknowledged before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::{SeriesName, Write};

/// A datapoint that was acknowledged before a read, and when the newest such write was sent.
pub type Settled = (SeriesName, i64, u64);

/// Checks the series that a find answered.
pub fn check_series(settled: &[Settled], found: &BTreeSet<usize>) -> Result<(), String> {
    match settled.iter().find(|(series, ..)| !found.contains(&series.series)) {
        Some((series, ..)) => Err(format!("{series:?} was written and is not found")),
        None => Ok(()),
    }
}

/// Checks the datapoints that a read answered. `writes` is everything that was sent, by its value.
pub fn check_points(
    settled: &[Settled],
    writes: &BTreeMap<i64, Write>,
    points: &BTreeMap<(SeriesName, i64), i64>,
) -> Result<(), String> {
    for (series, tick, acked) in settled {
        let read = points.get(&(series.clone(), *tick));
        let Some(read) = read.and_then(|value| writes.get(value)) else {
            return Err(format!("{series:?} at {tick} was written and is not read"));
        };
        if !read.is_unsure && read.acked_ns.is_some_and(|ns| ns < *acked) {
            return Err(format!(
                "{series:?} at {tick}: {read:?} is read, overwritten by a write of {acked}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_old_is_seen() {
        let series = SeriesName { tenant: 0, series: 1 };
        let settled = [(series.clone(), 5, 100)];
        assert!(check_series(&settled, &BTreeSet::new()).is_err());
        assert_eq!(check_series(&settled, &BTreeSet::from([1])), Ok(()));
        let write = |acked_ns, is_unsure| {
            let series = series.clone();
            Write { series, tick: 5, sent_ns: 0, acked_ns: Some(acked_ns), is_unsure }
        };
        let writes = BTreeMap::from([
            (1, write(110, false)),
            (2, write(90, false)),
            // Nobody knows when it happened.
            (3, write(90, true)),
        ]);
        for (value, ok) in [(1, true), (2, false), (3, true), (4, false)] {
            let points = BTreeMap::from([((series.clone(), 5), value)]);
            assert_eq!(check_points(&settled, &writes, &points).is_ok(), ok, "{value}");
        }
        assert!(check_points(&settled, &writes, &BTreeMap::new()).is_err());
    }
}
