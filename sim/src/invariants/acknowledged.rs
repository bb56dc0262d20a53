//! A 200 means that every datapoint is in the log, and that the metadata of its series are.

use super::history::History;
use crate::clients::SeriesName;

/// Checks a datapoint that was acknowledged.
pub fn check(history: &History, value: i64, series: &SeriesName) -> Result<(), String> {
    if !history.values.contains_key(&value) {
        return Err(format!("{value} of {series:?} was acknowledged and is not in the log"));
    }
    let id = History::id_of(series);
    if !history.metadata.contains_key(&id) {
        return Err(format!("{series:?} was acknowledged and its metadata are not in the log"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::history::{Data, Meta};

    #[test]
    fn both_must_be_in_the_log() {
        let series = SeriesName { tenant: 0, series: 1 };
        let id = History::id_of(&series);
        let mut history = History::default();
        assert!(check(&history, 7, &series).is_err());
        let put = Data::Put { series: id, points: vec![(1, 7)], by_datapoint: false };
        history.add_data(0, 0, 0, put);
        assert!(check(&history, 7, &series).is_err(), "metadata first");
        history.metadata.insert(id, vec![Meta { at_ns: 1, removes: false }]);
        assert_eq!(check(&history, 7, &series), Ok(()));
    }
}
