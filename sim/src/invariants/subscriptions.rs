//! A subscriber gets every datapoint that was stored after it was told that its subscription is
//! active, in the order of the log within a series, as long as its connection lives; of its own
//! tenant alone; nothing that its frontend learned after the token had expired; and what waits for
//! it is bounded.

use std::collections::BTreeMap;

use crate::clients::SeriesName;

/// Bytes that may wait for a client beyond its bound: what a record says, and what is listed.
const BEYOND_MAX: usize = 4_096;

/// The datapoints of a series that a subscriber is to get, by their values, as the log has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    values: Vec<i64>,
    /// How many of them it has.
    got: usize,
}

impl Owed {
    /// The log has one more.
    pub fn push(&mut self, value: i64) {
        self.values.push(value);
    }

    /// The first one that it has not got.
    pub fn next(&self) -> Option<i64> {
        self.values.get(self.got).copied()
    }

    /// It got one. `is_single` says that the log has the value once: what stands there more than
    /// once may have been stored before the subscription as well.
    pub fn take(&mut self, value: i64, is_single: bool) -> Result<(), String> {
        let Some(next) = self.next() else { return Ok(()) };
        if next == value {
            self.got += 1;
            return Ok(());
        }
        if is_single && self.values[self.got..].contains(&value) {
            return Err(format!("{value} came before {next}, which the log has before it"));
        }
        Ok(())
    }
}

/// What a subscriber has asked for, by which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which series; `None` is all of its tenant.
    pub series: Option<SeriesName>,
    /// Until when.
    pub expiry_ms: i64,
}

/// Checks a datapoint that came to a subscriber of a tenant, and that its frontend learned at that
/// time of its own clock.
pub fn check_allowed(
    tenant: usize,
    asked: &[Asked],
    series: Option<&SeriesName>,
    heard_ms: i64,
    line: &str,
) -> Result<(), String> {
    let series = series.filter(|series| series.tenant == tenant);
    let Some(series) = series else {
        return Err(format!("a subscriber of tenant {tenant} was told {line}"));
    };
    let means = |asked: &&Asked| asked.series.as_ref().is_none_or(|asked| asked == series);
    let Some(until) = asked.iter().filter(means).map(|asked| asked.expiry_ms).max() else {
        return Err(format!("a subscriber was told {line} and has not asked for it"));
    };
    if until < heard_ms {
        let late = heard_ms - until;
        return Err(format!("a subscriber was told {line}, learned {late} ms after its token"));
    }
    Ok(())
}

/// What frontends say of their clients and of the bytes that wait for them.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    clients: BTreeMap<usize, f64>,
}

impl Waiting {
    /// A frontend, by its node, has so many clients.
    pub fn clients(&mut self, node: usize, clients: f64) {
        self.clients.insert(node, clients);
    }

    /// Checks how many bytes wait for all clients of a frontend, of which each may have `max`.
    pub fn check(&self, node: usize, bytes: f64, max: usize) -> Result<(), String> {
        let clients = self.clients.get(&node).copied().unwrap_or(0.0);
        let bound = clients * (max + BEYOND_MAX) as f64;
        if bytes <= bound {
            return Ok(());
        }
        Err(format!("{bytes} bytes wait for {clients} subscribers on node {node}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_and_repetition_does_not() {
        let mut owed = Owed::default();
        [1, 2, 3].into_iter().for_each(|value| owed.push(value));
        assert_eq!((owed.take(7, true), owed.take(1, true)), (Ok(()), Ok(())));
        assert_eq!((owed.take(1, true), owed.next()), (Ok(()), Some(2)));
        assert!(owed.take(3, true).is_err(), "2 is missing");
        assert_eq!((owed.take(3, false), owed.next()), (Ok(()), Some(2)));
        assert_eq!((owed.take(2, true), owed.take(3, true)), (Ok(()), Ok(())));
        assert_eq!((owed.take(2, true), owed.next()), (Ok(()), None));
    }

    #[test]
    fn what_is_not_allowed_is_seen() {
        let series = |tenant, series| SeriesName { tenant, series };
        let asked = [
            Asked { series: Some(series(1, 2)), expiry_ms: 50 },
            Asked { series: Some(series(1, 2)), expiry_ms: 20 },
        ];
        let check = |series: &SeriesName, heard| check_allowed(1, &asked, Some(series), heard, "x");
        assert_eq!(check(&series(1, 2), 50), Ok(()));
        assert!(check(&series(1, 2), 51).is_err(), "expired");
        assert!(check(&series(1, 3), 50).is_err(), "not asked for");
        assert!(check(&series(2, 2), 50).is_err(), "of another tenant");
        assert!(check_allowed(1, &asked, None, 1, "x").is_err(), "no series");
        let all = [Asked { series: None, expiry_ms: 9 }];
        assert_eq!(check_allowed(1, &all, Some(&series(1, 7)), 9, "x"), Ok(()));
    }

    #[test]
    fn too_much_that_waits_is_seen() {
        let mut waiting = Waiting::default();
        waiting.clients(3, 2.0);
        let bound = 2 * (100 + BEYOND_MAX);
        assert_eq!(waiting.check(3, bound as f64, 100), Ok(()));
        assert!(waiting.check(3, bound as f64 + 1.0, 100).is_err());
        assert!(waiting.check(4, 1.0, 100).is_err(), "it has no clients");
    }
}
