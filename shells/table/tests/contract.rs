//! The embedded table keeps the contract.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;
use weft_daemons::contract::suite::table::{TableHarness, check_all};
use weft_daemons::contract::{TableAction, TableEvent};
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
