//! Offsets are committed only after the table has acknowledged what came before them, and nobody
//! puts a group back whose assignment is over.

use std::collections::BTreeMap;
use std::ops::Range;

use weft_daemons::contract::log::{EPOCHS, Topic};

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

/// The assignments whose commits each group took last.
#[derive(Debug, Default)]
pub struct Assignments {
    last: BTreeMap<(Topic, Topic, u32), u64>,
}

impl Assignments {
    /// Checks a commit that moved over `range`. Who begins again at what it knows to be committed
    /// may put the group back, by a commit that was done and not answered; who lost the partition
    /// since may not.
    pub fn check(
        &mut self,
        topic: &Topic,
        group: &Topic,
        partition: u32,
        epoch: u64,
        range: &Range<u64>,
    ) -> Result<(), String> {
        let place = (topic.clone(), group.clone(), partition);
        let last = self.last.insert(place, epoch / EPOCHS);
        if range.start <= range.end || last == Some(epoch / EPOCHS) {
            return Ok(());
        }
        let Range { start, end } = range;
        Err(format!(
            "{group} has committed {start} in {topic}/{partition}, and then {end} for another \
             assignment"
        ))
    }
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
    fn a_commit_that_puts_the_group_back_is_seen() {
        let (topic, group) = (Topic::from("data"), Topic::from("store"));
        for (epoch, start, end, ok) in [
            (EPOCHS, 3, 5, true),
            (2 * EPOCHS, 3, 3, true),
            (EPOCHS, 5, 3, true),
            (EPOCHS + 7, 5, 3, true),
            (2 * EPOCHS, 5, 3, false),
            (0, 5, 3, false),
        ] {
            let mut assignments = Assignments::default();
            assert_eq!(assignments.check(&topic, &group, 0, EPOCHS, &(0..5)), Ok(()));
            let result = assignments.check(&topic, &group, 0, epoch, &(start..end));
            assert_eq!(result.is_ok(), ok, "{epoch} {start} {end}");
        }
    }

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
            table.submit(0, from, TableAction::Put { id: ActionId(1), puts }, |_, _| true);
            assert_eq!(check(&history, 3, 0..1, &log, &table).is_ok(), ok);
        }
    }
}
