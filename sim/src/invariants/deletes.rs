//! A delete that was acknowledged is in the log.

use super::history::History;
use crate::clients::SeriesName;

/// Checks a delete of a series, of the ticks from `start` to `end`, that was sent at `began_ns`.
/// `known_since_ns` is when every directory knew what there was.
pub fn check(
    history: &History,
    series: &SeriesName,
    (start, end): (i64, i64),
    began_ns: u64,
    known_since_ns: u64,
) -> Result<(), String> {
    let id = History::id_of(series);
    // What a directory does not know cannot be deleted.
    if !history.is_known_since(id, known_since_ns.min(began_ns)) {
        return Ok(());
    }
    let deletes = history.deletes.get(&id).map_or(&[][..], Vec::as_slice);
    let is_it =
        |(at_ns, from, to): &(u64, i64, i64)| *at_ns >= began_ns && *from <= start && *to >= end;
    if deletes.iter().any(is_it) {
        return Ok(());
    }
    Err(format!("{series:?} was deleted from {start} to {end}, and the log does not say so"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::history::Meta;

    #[test]
    fn deletes_that_are_not_in_the_log_are_seen() {
        let series = SeriesName { tenant: 0, series: 1 };
        let id = History::id_of(&series);
        let mut history = History::default();
        let all = (i64::MIN, i64::MAX);
        assert_eq!(check(&history, &series, (3, 7), 100, 50), Ok(()), "nobody knows it");
        history.metadata.insert(id, vec![Meta { at_ns: 40, removes: false }]);
        assert!(check(&history, &series, (3, 7), 100, 50).is_err());
        assert_eq!(check(&history, &series, (3, 7), 100, 30), Ok(()), "not known to all");
        for (delete, of_range, of_all) in [
            ((99, i64::MIN, i64::MAX), false, false),
            ((100, 4, 7), false, false),
            ((100, 3, 6), false, false),
            ((100, 3, 7), true, false),
            ((100, i64::MIN, i64::MAX), true, true),
        ] {
            history.deletes.insert(id, vec![delete]);
            assert_eq!(check(&history, &series, (3, 7), 100, 50).is_ok(), of_range, "{delete:?}");
            assert_eq!(check(&history, &series, all, 100, 50).is_ok(), of_all, "{delete:?}");
        }
    }
}
