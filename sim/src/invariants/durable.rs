//! In the end the table is what the log says: nothing acknowledged is lost, nothing comes back that
//! was deleted, no replay shows.

use std::collections::{BTreeMap, BTreeSet};

use weft_gts::{SeriesId, Value};

use super::history::{Data, History};
use crate::clients::SeriesName;
use crate::log::LogModel;
use crate::table::TableModel;

/// The datapoints that are there in the end, and their values.
pub type Expected = BTreeMap<(SeriesId, i64), i64>;

/// What the log says is there: its records in order, the last write of a datapoint wins, a delete
/// takes what stands before it. A cell that carries its datapoint's time has the same time when it
/// is written again, so what was deleted of it stays away.
pub fn fold(history: &History, log: &LogModel) -> Expected {
    let mut expected = Expected::new();
    let mut timed: BTreeSet<(SeriesId, i64)> = BTreeSet::new();
    let mut masked: BTreeSet<(SeriesId, i64)> = BTreeSet::new();
    for (place, (_, data)) in &history.data {
        // Records that the log has lost since are not there.
        if place.1 >= log.records(crate::world::DATA_TOPIC, place.0).len() as u64 {
            continue;
        }
        match data {
            Data::Put { series, points, by_datapoint } => {
                for (tick, value) in points {
                    let place = (*series, *tick);
                    if *by_datapoint {
                        timed.insert(place);
                    }
                    if !masked.contains(&place) {
                        expected.insert(place, *value);
                    }
                }
            }
            Data::Delete { series, start, end } => {
                let gone: Vec<_> = expected
                    .range((*series, *start)..=(*series, *end))
                    .map(|(place, _)| *place)
                    .collect();
                for place in gone {
                    expected.remove(&place);
                    if timed.contains(&place) {
                        masked.insert(place);
                    }
                }
            }
        }
    }
    expected
}

/// Checks the table itself.
pub fn check_table(
    history: &History,
    expected: &Expected,
    table: &TableModel,
    wall_ms: i64,
) -> Result<(), String> {
    let name = |id: &SeriesId| history.names.get(id).cloned();
    for series in table.series() {
        for point in table.visible(series, wall_ms) {
            let value = expected.get(&(series, point.tick));
            let is_it = value.is_some_and(|value| match point.value {
                Value::Long(seen) => {
                    seen == *value
                        || table.is_disputed(series, point.tick)
                            && at_one_moment(history, seen, *value)
                }
                _ => false,
            });
            if !is_it {
                return Err(format!(
                    "{:?} at {}: the table has {:?}, the log says {value:?}",
                    name(&series),
                    point.tick,
                    point.value
                ));
            }
        }
    }
    for ((series, tick), value) in expected {
        let points = table.visible(*series, wall_ms);
        if !points.iter().any(|point| point.tick == *tick) {
            let name = name(series);
            return Err(format!("{name:?} at {tick}: the log says {value}, the table has nothing"));
        }
    }
    Ok(())
}

/// Whether the log took two values in the same millisecond: then calls of the table that are done
/// out of turn leave either of them (README.md, "What is not promised").
fn at_one_moment(history: &History, one: i64, other: i64) -> bool {
    let moments = |value: i64| {
        let places = history.values.get(&value).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| Some((place.0, history.data.get(place)?.0)))
    };
    moments(one).any(|moment| moments(other).any(|its| its == moment))
}

/// Checks what a tenant reads.
pub fn check_reads(
    history: &History,
    table: &TableModel,
    expected: &Expected,
    points: &BTreeMap<(SeriesName, i64), i64>,
) -> Result<(), String> {
    for ((series, tick), value) in points {
        let id = History::id_of(series);
        let is_it = expected.get(&(id, *tick)).is_some_and(|said| {
            said == value || table.is_disputed(id, *tick) && at_one_moment(history, *value, *said)
        });
        if !is_it {
            let said = expected.get(&(id, *tick));
            return Err(format!("{series:?} at {tick} reads {value}, the log says {said:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::world::Address;
    use weft_daemons::contract::ActionId;
    use weft_daemons::contract::log::{LogAction, NewRecord};
    use weft_daemons::contract::table::{CellTime, SeriesPut, TableAction};
    use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION};

    const SERIES: SeriesId = SeriesId { class_id: 1, labels_id: 2 };
    const FROM: Address = Address { node: 0, life: 0, slot: 0 };

    fn log_of(records: usize) -> LogModel {
        let mut log = LogModel::new(1, Random::new(1));
        let record =
            NewRecord { partition: 0, key: bytes::Bytes::new(), value: bytes::Bytes::new() };
        let records = vec![record; records];
        let topic = crate::world::DATA_TOPIC.into();
        log.submit(0, FROM, LogAction::Append { id: ActionId(1), topic, records });
        log
    }

    fn table_of(points: &[(i64, i64)]) -> TableModel {
        let mut table = TableModel::new();
        let mut columns = Columns::default();
        for (tick, value) in points {
            columns.push(*tick, NO_LOCATION, NO_ELEVATION, Value::Long(*value));
        }
        let cell_time = CellTime::At(1);
        let puts = vec![SeriesPut { series: SERIES, points: columns, cell_time, ttl_ms: None }];
        table.submit(0, FROM, TableAction::Put { id: ActionId(1), puts }, |_, _| true);
        table
    }

    #[test]
    fn losses_ghosts_and_old_values_are_seen() {
        let put = |tick, value| Data::Put {
            series: SERIES,
            points: vec![(tick, value)],
            by_datapoint: false,
        };
        let mut history = History::default();
        history.add_data(0, 0, 0, put(1, 10));
        history.add_data(0, 1, 0, put(2, 20));
        history.add_data(0, 2, 0, Data::Delete { series: SERIES, start: 2, end: 9 });
        history.add_data(0, 3, 0, put(1, 11));
        let expected = fold(&history, &log_of(4));
        assert_eq!(expected, Expected::from([((SERIES, 1), 11)]));
        let check = |points: &[(i64, i64)]| check_table(&history, &expected, &table_of(points), 0);
        assert_eq!(check(&[(1, 11)]), Ok(()));
        assert!(check(&[]).is_err(), "a loss");
        assert!(check(&[(1, 10)]).is_err(), "an old value");
        assert!(check(&[(1, 11), (2, 20)]).is_err(), "a ghost");
        assert_eq!(fold(&history, &log_of(3)).len(), 1, "what the log lost is not expected");
    }
}
