//! A find is complete or an error; a series that has datapoints is found.

use std::collections::BTreeSet;

use weft_gts::SeriesId;

use super::durable::Expected;
use super::history::History;

/// Checks an answer: everything that every directory must know is in it.
pub fn check_complete(
    history: &History,
    tenant: usize,
    found: &BTreeSet<usize>,
    known_since_ns: u64,
) -> Result<(), String> {
    let missing = history.names.iter().find(|(id, name)| {
        name.tenant == tenant
            && !found.contains(&name.series)
            && history.is_known_since(**id, known_since_ns)
    });
    match missing {
        Some((_, name)) => {
            Err(format!("{name:?} is known to every directory and a complete answer lacks it"))
        }
        None => Ok(()),
    }
}

/// Checks the last answer, after everything came to rest: it has exactly the series that the
/// metadata topic says are there, and every series with an acknowledged datapoint is among them,
/// unless its writer cannot help it: `orphaned`, of a series and a value.
pub fn check_final(
    history: &History,
    expected: &Expected,
    acknowledged: impl Fn(i64) -> bool,
    orphaned: impl Fn(SeriesId, i64) -> bool,
    tenant: usize,
    found: &BTreeSet<usize>,
) -> Result<(), String> {
    for (id, name) in history.names.iter().filter(|(_, name)| name.tenant == tenant) {
        let said = history.metadata.get(id).and_then(|said| said.last());
        let is_there = said.is_some_and(|meta| !meta.removes);
        if is_there != found.contains(&name.series) {
            let verb = if is_there { "not found" } else { "found" };
            return Err(format!("{name:?} is {verb}, against what the topic says last"));
        }
        let mut points = expected.range((*id, i64::MIN)..=(*id, i64::MAX));
        let kept = points.find(|(_, value)| acknowledged(**value) && !orphaned(*id, **value));
        if let Some(((_, tick), value)) = kept.filter(|_| !is_there) {
            return Err(format!("{name:?} has {value} at {tick} and no metadata"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::SeriesName;
    use crate::invariants::history::Meta;

    fn history(said: &[(u64, bool)]) -> History {
        let name = SeriesName { tenant: 0, series: 1 };
        let id = History::id_of(&name);
        let mut history = History::default();
        let said = said.iter().map(|(at_ns, removes)| Meta { at_ns: *at_ns, removes: *removes });
        history.metadata.insert(id, said.collect());
        history.names.insert(id, name);
        history
    }

    #[test]
    fn partial_answers_are_seen() {
        let none = BTreeSet::new();
        assert!(check_complete(&history(&[(1, false)]), 0, &none, 5).is_err());
        assert!(check_complete(&history(&[(1, false)]), 0, &BTreeSet::from([1]), 5).is_ok());
        assert!(check_complete(&history(&[(6, false)]), 0, &none, 5).is_ok(), "too new");
        assert!(check_complete(&history(&[(1, false), (2, true)]), 0, &none, 5).is_ok());
        assert!(check_complete(&history(&[(1, false), (7, true)]), 0, &none, 5).is_ok());
    }

    #[test]
    fn datapoints_without_metadata_are_seen() {
        let (none, one) = (BTreeSet::new(), BTreeSet::from([1]));
        let id = History::id_of(&SeriesName { tenant: 0, series: 1 });
        let points = Expected::from([((id, 5), 7)]);
        assert!(
            check_final(&history(&[(1, false)]), &points, |_| true, |_, _| false, 0, &one).is_ok()
        );
        assert!(
            check_final(&history(&[(1, false)]), &points, |_| true, |_, _| false, 0, &none)
                .is_err()
        );
        assert!(
            check_final(&history(&[(1, true)]), &points, |_| true, |_, _| false, 0, &none).is_err()
        );
        let orphaned =
            check_final(&history(&[(1, true)]), &points, |_| true, |_, _| true, 0, &none);
        assert!(orphaned.is_ok(), "its writer cannot help it");
        assert!(
            check_final(&history(&[(1, true)]), &Expected::new(), |_| true, |_, _| false, 0, &none)
                .is_ok()
        );
    }
}
