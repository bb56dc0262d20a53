//! A delete is a barrier on its partition: what came before it is committed when it is carried
//! out, and it is committed before what comes after it is written.

use weft_daemons::contract::TableAction;

use super::history::{Data, History};

/// Checks what a store asks of the table.
pub fn check(
    history: &History,
    action: &TableAction,
    committed: impl Fn(u32) -> Option<u64>,
) -> Result<(), String> {
    match action {
        TableAction::Put { puts, .. } => {
            for put in puts {
                for point in put.points.iter() {
                    let weft_gts::Value::Long(value) = point.value else { continue };
                    check_write(history, value, &committed)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A value that is written stands behind no delete whose offset is not committed.
fn check_write(
    history: &History,
    value: i64,
    committed: &impl Fn(u32) -> Option<u64>,
) -> Result<(), String> {
    // A request that was sent again stands in the log more than once: any of its places may be
    // meant, so the first one counts.
    let Some((partition, offset)) = history.values.get(&value).and_then(|places| places.first())
    else {
        return Err(format!("{value} is written and stands nowhere in the log"));
    };
    let done = committed(*partition).unwrap_or(0);
    if done >= *offset {
        return Ok(());
    }
    let between = history.data.range((*partition, done)..(*partition, *offset));
    let delete = between.into_iter().find(|(_, (_, data))| matches!(data, Data::Delete { .. }));
    match delete {
        Some((place, _)) => Err(format!(
            "{value} at offset {offset} of partition {partition} is written, and the delete at \
             offset {} before it is not committed ({done} is)",
            place.1
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_gts::SeriesId;

    use super::*;

    #[test]
    fn a_write_behind_an_open_delete_is_seen() {
        let series = SeriesId { class_id: 1, labels_id: 2 };
        let put = |value| Data::Put { series, points: vec![(1, value)], by_datapoint: false };
        let mut history = History::default();
        history.add_data(0, 0, 0, put(1));
        history.add_data(0, 1, 0, Data::Delete { series, start: 0, end: 9 });
        history.add_data(0, 2, 0, put(2));
        assert_eq!(check_write(&history, 1, &|_| None), Ok(()));
        assert!(check_write(&history, 2, &|_| Some(1)).is_err());
        assert_eq!(check_write(&history, 2, &|_| Some(2)), Ok(()));
        assert!(check_write(&history, 3, &|_| None).is_err(), "a phantom");
    }
}
