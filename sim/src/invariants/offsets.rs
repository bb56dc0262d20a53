//! Offsets are committed only after the table has acknowledged what came before them.

use std::ops::Range;

use super::history::{Data, History};
use crate::log::LogModel;
use crate::table::TableModel;

/// Checks a commit of a partition of the data topic that moved over `range`.
pub fn check(
    history: &History,
    partition: u32,
    range: Range<u64>,
    _log: &LogModel,
    table: &TableModel,
) -> Result<(), String> {
    for (place, (time_ms, data)) in history.data.range((partition, range.start)..) {
        if place.0 != partition || place.1 >= range.end {
            break;
        }
        let Data::Put { series, points, by_datapoint } = data else { continue };
        for (tick, value) in points {
            let at_least = if *by_datapoint { i64::MIN } else { *time_ms };
            if !table.was_written(*series, *tick, at_least) {
                return Err(format!(
                    "offset {} of partition {partition} is committed, and {value} at {tick} was \
                     never written",
                    range.end
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use weft_daemons::contract::ActionId;
    use weft_daemons::contract::table::{CellTime, SeriesPut, TableAction};
    use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, SeriesId, Value};

    use super::*;
    use crate::random::Random;
    use crate::world::Address;

    #[test]
    fn a_commit_before_the_write_is_seen() {
        let series = SeriesId { class_id: 1, labels_id: 2 };
        let mut history = History::default();
        let put = Data::Put { series, points: vec![(5, 7)], by_datapoint: false };
        history.add_data(3, 0, 100, put);
        let log = LogModel::new(4, Random::new(1));
        let mut table = TableModel::new();
        assert!(check(&history, 3, 0..1, &log, &table).is_err());
        assert_eq!(check(&history, 2, 0..1, &log, &table), Ok(()), "another partition");
        let mut points = Columns::default();
        points.push(5, NO_LOCATION, NO_ELEVATION, Value::Long(7));
        let from = Address { node: 0, life: 0, slot: 0 };
        for (cell_ms, ok) in [(99, false), (101, true)] {
            let cell_time = CellTime::At(cell_ms);
            let puts = vec![SeriesPut { series, points: points.clone(), cell_time, ttl_ms: None }];
            table.submit(0, from, TableAction::Put { id: ActionId(1), puts }, |_| true);
            assert_eq!(check(&history, 3, 0..1, &log, &table).is_ok(), ok);
        }
    }
}
