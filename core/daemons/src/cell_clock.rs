//! Timestamps of cells, from those of the log's records.

/// Gives the writes and deletes of one partition timestamps in the order of their records, whoever
/// carries them out, and when.
///
/// A cell gets its record's timestamp, moved past those before it. Two records have the same one
/// only when the log took them in the same millisecond and no delete stands between. A delete takes
/// cells up to its own timestamp, or to the newest before it. So neither records of one millisecond
/// nor a log whose clock went back let older data hide newer.
///
/// What the clock says depends on everything before a record. Who takes the partition over must
/// say the same, or what its predecessor still writes would hide newer data: the clock goes with
/// each commit, as its note ([`crate::contract::log::Position`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CellClock(Option<Last>);

/// The record before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    /// Its timestamp.
    record_ms: i64,
    /// Its cells' timestamp, or up to which it deletes: the newest so far.
    cell_ms: i64,
    /// Whether it is a delete.
    deletes: bool,
}

impl CellClock {
    /// The timestamp of the cells of a record.
    pub(crate) fn write(&mut self, record_ms: i64) -> i64 {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::ClockGoesBack) {
            return record_ms;
        }
        let cell_ms = match self.0 {
            Some(last) if !last.deletes && last.record_ms == record_ms => last.cell_ms,
            Some(last) => record_ms.max(last.cell_ms.saturating_add(1)),
            // What stands before this record is not known: as if a delete did.
            None => record_ms.saturating_add(1),
        };
        self.0 = Some(Last { record_ms, cell_ms, deletes: false });
        cell_ms
    }

    /// Up to which timestamp the delete of a record takes cells.
    pub(crate) fn delete(&mut self, record_ms: i64) -> i64 {
        let cell_ms = self.0.map_or(record_ms, |last| record_ms.max(last.cell_ms));
        self.0 = Some(Last { record_ms, cell_ms, deletes: true });
        cell_ms
    }

    /// The clock, for whoever goes on after it.
    pub(crate) fn note(self) -> String {
        self.0.map_or_else(String::new, |Last { record_ms, cell_ms, deletes }| {
            format!("{record_ms} {cell_ms} {}", if deletes { "delete" } else { "write" })
        })
    }

    /// The clock of a note. Where it is none, nothing is known.
    pub(crate) fn of_note(note: &str) -> Self {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::ClockBeginsAnew) {
            return Self::default();
        }
        let mut words = note.split(' ');
        let mut number = || words.next()?.parse().ok();
        let (record_ms, cell_ms) = (number(), number());
        let deletes = match words.next() {
            Some("delete") => Some(true),
            Some("write") => Some(false),
            _ => None,
        };
        let last = || Some(Last { record_ms: record_ms?, cell_ms: cell_ms?, deletes: deletes? });
        Self(last())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(clock: &mut CellClock, record_ms: i64, deletes: bool) -> i64 {
        if deletes { clock.delete(record_ms) } else { clock.write(record_ms) }
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_records_whoever_goes_on_where(
            steps in prop::collection::vec((-2i64..4, prop::bool::weighted(0.3)), 1..40),
            takes_over in prop::collection::vec(prop::bool::weighted(0.3), 40),
        ) {
            let mut record_ms = 1_000;
            let mut clock = CellClock::default();
            let mut stamped: Vec<(i64, bool, i64)> = Vec::new();
            let mut committed: Vec<(String, usize)> = Vec::new();
            for (index, (delta, deletes)) in steps.into_iter().enumerate() {
                record_ms += delta;
                if takes_over[index] {
                    clock = CellClock::of_note(&clock.note());
                    committed.push((clock.note(), index));
                }
                stamped.push((record_ms, deletes, stamp(&mut clock, record_ms, deletes)));
            }
            // Evicted owners go on from where they began, and say the same.
            for (note, from) in committed.into_iter().filter(|(_, from)| *from > 0) {
                let mut evicted = CellClock::of_note(&note);
                for (record_ms, deletes, cell_ms) in &stamped[from..] {
                    prop_assert_eq!(stamp(&mut evicted, *record_ms, *deletes), *cell_ms);
                }
            }
            for pair in stamped.windows(2) {
                let [(before_ms, deleted, older), (record_ms, deletes, newer)] = pair else {
                    continue;
                };
                prop_assert!(older <= newer);
                let may_be_equal = *deletes || !deleted && before_ms == record_ms;
                prop_assert!(may_be_equal || older < newer, "{pair:?}");
            }
        }
    }

    #[test]
    fn records_in_their_own_milliseconds_keep_their_timestamps() {
        let mut clock = CellClock::default();
        clock.write(5);
        assert_eq!([clock.write(7), clock.delete(8), clock.write(9)], [7, 8, 9]);
    }

    #[test]
    fn what_is_no_note_says_nothing() {
        for note in ["", "5", "5 6", "5 6 seven", "a b write", "9223372036854775808 0 write"] {
            assert_eq!(CellClock::of_note(note), CellClock::default(), "{note}");
        }
        let mut clock = CellClock::default();
        clock.write(-5);
        assert_eq!(CellClock::of_note(&clock.note()), clock);
    }
}
