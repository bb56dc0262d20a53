//! The embedded table keeps the contract.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;
use weft_daemons::contract::suite::table::{TableHarness, check_all};
use weft_daemons::contract::table::{CellTime, FetchRequest, SeriesPut};
use weft_daemons::contract::{ActionId, TableAction, TableEvent};
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, SeriesId, Value};
use weft_table::{EmbeddedTable, TableClient, TableOptions};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Harness {
    folder: TempDir,
    table: Arc<EmbeddedTable>,
    client: TableClient,
    events: Receiver<TableEvent>,
}

fn connect(table: &EmbeddedTable) -> (TableClient, Receiver<TableEvent>) {
    let (sender, events) = channel();
    (table.client(move |event| drop(sender.send(event))), events)
}

impl Harness {
    fn new() -> Self {
        Self::at(TempDir::new().expect("a folder"))
    }

    fn at(folder: TempDir) -> Self {
        let table = EmbeddedTable::open(folder.path(), TableOptions::default(), |problem| {
            panic!("{problem}")
        })
        .expect("a table");
        let (client, events) = connect(&table);
        Self { folder, table, client, events }
    }
}

impl TableHarness for Harness {
    fn submit(&mut self, action: TableAction) {
        self.client.submit(action);
    }

    fn next(&mut self) -> TableEvent {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    fn crash(&mut self) {
        // What is on disk now is what a killed process leaves: it is copied as it is.
        let copy = TempDir::new().expect("a folder");
        copy_folder(self.folder.path(), copy.path());
        let old = std::mem::replace(self, Self::at(copy));
        old.table.close();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn the_embedded_table_keeps_the_contract() {
    check_all(Harness::new);
}

#[test]
fn a_fetch_that_is_read_ahead_tells_one_item_for_each_that_is_asked_for() {
    const COUNT: usize = 1_000;
    let mut table = Harness::new();
    let series = |n: usize| SeriesId { class_id: 1, labels_id: n as i64 };
    let puts = (0..COUNT).map(|n| {
        let mut points = Columns::default();
        points.push(n as i64, NO_LOCATION, NO_ELEVATION, Value::Long(1));
        SeriesPut { series: series(n), points, cell_time: CellTime::At(1), ttl_ms: None }
    });
    table.submit(TableAction::Put { id: ActionId(1), puts: puts.collect() });
    assert_eq!(table.next(), TableEvent::Written { id: ActionId(1), result: Ok(()) });
    let begin = |table: &mut Harness, id| {
        let all = (0..COUNT).map(series).collect();
        let request = FetchRequest::range(all, i64::MIN, i64::MAX);
        table.submit(TableAction::Fetch { id, request });
    };
    let told = |table: &mut Harness, wanted: ActionId| match table.next() {
        TableEvent::Points { id, series, points } if id == wanted => {
            assert_eq!(points.ticks[..], [series as i64]);
            Some(series)
        }
        TableEvent::End { id, result } if id == wanted => {
            assert_eq!(result, Ok(()));
            None
        }
        other => panic!("{other:?}"),
    };
    let (whole, cut, last) = (ActionId(2), ActionId(3), ActionId(4));
    begin(&mut table, whole);
    // One after the other, then many at once.
    for n in 0..COUNT / 2 {
        table.submit(TableAction::Next { id: whole });
        assert_eq!(told(&mut table, whole), Some(n));
    }
    (0..=COUNT / 2).for_each(|_| table.submit(TableAction::Next { id: whole }));
    (COUNT / 2..COUNT).for_each(|n| assert_eq!(told(&mut table, whole), Some(n)));
    assert_eq!(told(&mut table, whole), None);
    begin(&mut table, cut);
    table.submit(TableAction::Next { id: cut });
    assert_eq!(told(&mut table, cut), Some(0));
    table.submit(TableAction::Cancel { id: cut });
    begin(&mut table, last);
    table.submit(TableAction::Next { id: last });
    assert_eq!(told(&mut table, last), Some(0), "nothing more of the others");
}
