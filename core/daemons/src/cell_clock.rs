//! Timestamps of cells, from those of the log's records.

/// Gives the writes and deletes of one partition timestamps in the order of their records, however
/// many of them the log took in the same millisecond, and whoever carries them out.
///
/// A cell gets its record's timestamp, moved past the last delete's; a delete takes cells up to its
/// own, or to the newest cell written before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CellClock {
    /// No cell written from now on is at or below this timestamp: the last delete's.
    deleted_until_ms: Option<i64>,
    /// The newest cell timestamp written.
    written_until_ms: i64,
}

impl CellClock {
    /// The timestamp of the cells of a record.
    pub(crate) fn write(&mut self, record_ms: i64) -> i64 {
        // Whether a delete stands right before the first record after an assignment is not known:
        // as if one did.
        let deleted_ms = *self.deleted_until_ms.get_or_insert(record_ms);
        let cell_ms = record_ms.max(deleted_ms.saturating_add(1));
        self.written_until_ms = self.written_until_ms.max(cell_ms);
        cell_ms
    }

    /// Up to which timestamp the delete of a record takes cells.
    pub(crate) fn delete(&mut self, record_ms: i64) -> i64 {
        let cell_until_ms = record_ms.max(self.written_until_ms);
        self.deleted_until_ms = self.deleted_until_ms.max(Some(cell_until_ms));
        cell_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_deletes_of_one_millisecond_keep_their_order() {
        let mut clock = CellClock::default();
        let first = clock.write(5);
        let deleted = clock.delete(5);
        let second = clock.write(5);
        assert!(first <= deleted);
        assert!(deleted < second);
        assert!(clock.delete(5) >= second);
        assert_eq!(clock.write(9), 9, "later records have their own");
    }
}
