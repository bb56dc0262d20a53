//! What a script fetches is what a fetch answers.

use std::collections::BTreeMap;

use crate::clients::SeriesName;

/// Datapoints, and their values.
pub type Points = BTreeMap<(SeriesName, i64), i64>;

/// Checks what a script of a tenant and a fetch read of everything, while nobody wrote.
pub fn check(fetched: &Points, scripted: &Points) -> Result<(), String> {
    for ((series, tick), value) in fetched {
        let its = scripted.get(&(series.clone(), *tick));
        if its != Some(value) {
            return Err(format!("{series:?} at {tick}: {value} is fetched, a script has {its:?}"));
        }
    }
    match scripted.iter().find(|(place, _)| !fetched.contains_key(place)) {
        Some(((series, tick), value)) => {
            Err(format!("{series:?} at {tick}: a script has {value}, nothing is fetched"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_reads_something_else_is_seen() {
        let points = |all: &[(i64, i64)]| -> Points {
            let place = |tick| (SeriesName { tenant: 0, series: 1 }, tick);
            all.iter().map(|(tick, value)| (place(*tick), *value)).collect()
        };
        let fetched = points(&[(1, 10), (2, 20)]);
        assert_eq!(check(&fetched, &points(&[(1, 10), (2, 20)])), Ok(()));
        assert!(check(&fetched, &points(&[(1, 10)])).is_err(), "less");
        assert!(check(&fetched, &points(&[(1, 10), (2, 21)])).is_err(), "something else");
        assert!(check(&fetched, &points(&[(1, 10), (2, 20), (3, 30)])).is_err(), "more");
    }
}
