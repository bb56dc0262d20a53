//! Offsets of metadata are committed only after the table has their rows, or has deleted them.

use std::ops::Range;

use super::history::{History, Said};
use crate::table::TableModel;

/// Checks a commit of a shard in a partition of the metadata topic that moved over `range`.
pub fn check(
    history: &History,
    table: &TableModel,
    (modulus, remainder): (u32, u32),
    partition: u32,
    range: Range<u64>,
) -> Result<(), String> {
    for (place, said) in history.said.range((partition, range.start)..) {
        if place.0 != partition || place.1 >= range.end {
            break;
        }
        if !said.series.in_slice(modulus, remainder) {
            continue;
        }
        // What is not news is not written.
        if !said.is_news {
            continue;
        }
        // What was said of the series since may be written in its place.
        let (written, deleted) = table.row_times(said.series);
        if written.max(deleted).is_none_or(|newest| newest < said.time_ms) {
            let name = history.names.get(&said.series);
            let verb = if said.what == Said::Removed { "deleted" } else { "written" };
            return Err(format!(
                "shard {remainder} has committed {} in partition {partition}, and the row of \
                 {name:?} at offset {} was never {verb}",
                range.end, place.1
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weft_daemons::contract::ActionId;
    use weft_daemons::contract::table::{MetaPut, TableAction};
    use weft_gts::{Labels, SeriesId};

    use super::*;
    use crate::invariants::history::Statement;
    use crate::world::Address;

    const SERIES: SeriesId = SeriesId { class_id: 1, labels_id: 2 };

    fn said(time_ms: i64, what: Said, is_news: bool) -> Statement {
        Statement { series: SERIES, time_ms, what, is_news }
    }

    #[test]
    fn commits_before_rows_are_seen() {
        let mut history = History::default();
        history.said.insert((3, 0), said(100, Said::Seen(Labels::new()), true));
        history.said.insert((3, 1), said(200, Said::Seen(Labels::new()), false));
        history.said.insert((3, 2), said(300, Said::Removed, true));
        let mut table = TableModel::new();
        let from = Address { node: 0, life: 0, slot: 0 };
        let id = ActionId(1);
        let mut checks = Vec::new();
        let mut check_all = |table: &TableModel| {
            let check = |range| check(&history, table, (1, 0), 3, range).is_ok();
            checks.push([check(0..1), check(1..2), check(2..3), check(3..9)]);
        };
        check_all(&table);
        for cell_ms in [99, 101] {
            let rows = vec![MetaPut { series: SERIES, row: Bytes::new(), cell_ms }];
            table.submit(0, from, TableAction::PutMeta { id, rows }, |_, _| true);
            check_all(&table);
        }
        for until_ms in [299, 300] {
            let series = vec![(SERIES, until_ms)];
            table.submit(0, from, TableAction::DeleteMeta { id, series }, |_, _| true);
            check_all(&table);
        }
        assert_eq!(
            checks,
            [
                [false, true, false, true],
                [false, true, false, true],
                [true, true, false, true],
                [true, true, false, true],
                [true, true, true, true],
            ]
        );
        assert_eq!(check(&history, &TableModel::new(), (1, 0), 2, 0..9), Ok(()), "elsewhere");
        let other = u32::from(SERIES.in_slice(2, 0));
        assert_eq!(check(&history, &TableModel::new(), (2, other), 3, 0..9), Ok(()));
    }
}
