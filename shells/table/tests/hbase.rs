//! HBase keeps the contract: a real one, where `WEFT_HBASE` names it.

mod real;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;
use weft_daemons::contract::suite::table::{TableHarness, check_all};
use weft_daemons::contract::table::{CellTime, FetchRequest, SeriesPut};
use weft_daemons::contract::{ActionId, TableAction, TableError, TableEvent};
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, SeriesId, Value, WrapKey};
use weft_hbase::{Config, Registry};
use weft_table::hbase::{HbaseClient, HbaseConfig};
use weft_wire::rows;

struct Harness {
    runtime: Runtime,
    config: HbaseConfig,
    client: HbaseClient,
    events: Receiver<TableEvent>,
}

fn connect(runtime: &Runtime, config: &HbaseConfig) -> (HbaseClient, Receiver<TableEvent>) {
    let (sender, events) = channel();
    let sink = move |event| drop(sender.send(event));
    (HbaseClient::new(config.clone(), 1, runtime.handle(), sink, |_| {}), events)
}

impl Harness {
    fn new(config: HbaseConfig) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (client, events) = connect(&runtime, &config);
        Self { runtime, config, client, events }
    }

    /// Datapoints of a fetch, and how it ends.
    fn fetch(&mut self, request: FetchRequest) -> (Vec<(usize, i64)>, Result<(), TableError>) {
        let id = ActionId(70_000);
        self.submit(TableAction::Fetch { id, request });
        let mut found = Vec::new();
        loop {
            self.submit(TableAction::Next { id });
            match self.next() {
                TableEvent::Points { series, points, .. } => {
                    found.extend(points.ticks.iter().map(|tick| (series, *tick)));
                }
                TableEvent::End { result, .. } => return (found, result),
                other => panic!("datapoints, not {other:?}"),
            }
        }
    }

    fn put(&mut self, puts: Vec<SeriesPut>) {
        let id = ActionId(70_001);
        self.submit(TableAction::Put { id, puts });
        assert_eq!(self.next(), TableEvent::Written { id, result: Ok(()) });
    }
}

impl TableHarness for Harness {
    fn submit(&mut self, action: TableAction) {
        self.client.submit(action);
    }

    fn next(&mut self) -> TableEvent {
        self.events.recv_timeout(real::PATIENCE).expect("an event")
    }

    fn crash(&mut self) {
        // HBase outlives its clients; that a region server may die is `deploy/proof`'s matter.
        (self.client, self.events) = connect(&self.runtime, &self.config);
    }
}

fn series(class_id: i64) -> SeriesId {
    SeriesId { class_id, labels_id: 2 }
}

fn put(series: SeriesId, ticks: impl Iterator<Item = i64>) -> SeriesPut {
    let mut points = Columns::default();
    for tick in ticks {
        points.push(tick, NO_LOCATION, NO_ELEVATION, Value::Long(tick));
    }
    SeriesPut { series, points, cell_time: CellTime::At(1_600_000_000_000), ttl_ms: None }
}

/// Regions that cut series of the suite in two.
fn split_keys() -> Vec<Bytes> {
    let a = SeriesId { class_id: 1, labels_id: 2 };
    [&b"N"[..], &rows::data_key(a, 2), &rows::data_key(a, -4)].map(Bytes::copy_from_slice).to_vec()
}

#[test]
fn hbase_keeps_the_contract() {
    let Some(named) = real::named() else { return };
    check_all(|| {
        let table = real::new_table(&named, &split_keys());
        Harness::new(real::config(&named, &table))
    });
}

#[test]
fn hbase_without_the_endpoint_for_deletes_keeps_the_contract() {
    let Some(named) = real::named() else { return };
    check_all(|| {
        let table = real::new_table(&named, &split_keys());
        let mut config = real::config(&named, &table);
        config.columns.data.as_mut().expect("columns").uses_endpoint = false;
        Harness::new(config)
    });
}

/// Where `WEFT_HBASE_FILTER` says that the reference's filter is in `hbase.dynamic.jars.dir`.
#[test]
fn hbase_with_the_references_filter_keeps_the_contract() {
    let Some(named) = real::named() else { return };
    if std::env::var_os("WEFT_HBASE_FILTER").is_none() {
        eprintln!("WEFT_HBASE_FILTER is not set: skipped");
        return;
    }
    let with_filter = |split_keys: &[Bytes]| {
        let table = real::new_table(&named, split_keys);
        let mut config = real::config(&named, &table);
        config.columns.data.as_mut().expect("columns").row_filter_above = Some(0);
        Harness::new(config)
    };
    check_all(|| with_filter(&split_keys()));

    let mut harness = with_filter(&[Bytes::copy_from_slice(&rows::data_key(series(300), 7))]);
    let ids: Vec<SeriesId> = (0..600).map(series).collect();
    harness.put(ids.iter().map(|id| put(*id, 0..20)).collect());
    let mut few = FetchRequest::range(ids, 2, 12);
    few.count = Some(3);
    let (found, result) = harness.fetch(few);
    assert_eq!(result, Ok(()));
    let expected: Vec<(usize, i64)> =
        (0..600).flat_map(|index| (10..13).rev().map(move |tick| (index, tick))).collect();
    assert_eq!(found, expected);
}

#[test]
fn many_series_come_from_many_regions_and_a_delete_tells_how_many_went() {
    let Some(named) = real::named() else { return };
    let splits: Vec<Bytes> =
        (1..5).map(|n| Bytes::copy_from_slice(&rows::data_key(series(n * 400), 0)[..9])).collect();
    let table = real::new_table(&named, &splits);
    let mut harness = Harness::new(real::config(&named, &table));
    let ids: Vec<SeriesId> = (0..2_000).map(series).collect();
    harness.put(ids.iter().map(|id| put(*id, 0..20)).collect());
    let (found, result) = harness.fetch(FetchRequest::range(ids.clone(), 5, 9));
    assert_eq!(result, Ok(()));
    let expected: Vec<(usize, i64)> =
        (0..2_000).flat_map(|index| (5..10).rev().map(move |tick| (index, tick))).collect();
    assert_eq!(found, expected);
    let mut few = FetchRequest::range(ids[..100].to_vec(), i64::MIN, 100);
    few.count = Some(2);
    let (found, result) = harness.fetch(few);
    assert_eq!((found.len(), found[3], result), (200, (1, 18), Ok(())));
    let id = ActionId(5);
    let delete = TableAction::Delete {
        id,
        series: ids[3],
        start: 4,
        end: 9,
        cell_from: 0,
        cell_until: 1_600_000_000_000,
    };
    harness.submit(delete);
    assert_eq!(harness.next(), TableEvent::Deleted { id, result: Ok(6) });
    let (found, _) = harness.fetch(FetchRequest::range(vec![ids[3]], 0, 99));
    assert_eq!(found.len(), 14);
}

#[test]
fn another_key_is_no_answer() {
    let Some(named) = real::named() else { return };
    let table = real::new_table(&named, &[]);
    let mut config = real::config(&named, &table);
    let with = |config: &mut HbaseConfig, byte: u8| {
        let data = config.columns.data.as_mut().expect("columns");
        data.key = Some(WrapKey::new(&[byte; 32]).expect("a key"));
    };
    with(&mut config, 1);
    let mut writer = Harness::new(config.clone());
    writer.put(vec![put(series(1), 0..5)]);
    let (found, result) = writer.fetch(FetchRequest::range(vec![series(1)], 0, 9));
    assert_eq!((found.len(), result), (5, Ok(())));
    with(&mut config, 2);
    let mut reader = Harness::new(config);
    let (_, result) = reader.fetch(FetchRequest::range(vec![series(1)], 0, 9));
    assert!(matches!(result, Err(TableError::Corrupt(_))), "{result:?}");
}

#[test]
fn a_table_that_is_missing_is_told_in_time() {
    let Some(named) = real::named() else { return };
    let mut config = real::config(&named, "weft-no-such-table");
    config.client.operation_timeout = Duration::from_secs(1);
    let mut harness = Harness::new(config);
    let (_, result) = harness.fetch(FetchRequest::range(vec![series(1)], 0, 9));
    let Err(TableError::Unavailable(why)) = result else { panic!("{result:?}") };
    assert!(why.contains("weft-no-such-table"), "{why}");
}

#[test]
fn without_zookeeper_calls_fail_in_time() {
    // Nobody listens on the port of a socket that is closed again.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let quorum = socket.local_addr().expect("bound").to_string();
    drop(socket);
    let mut config = real::config(&(quorum, "/hbase".to_owned()), "t");
    let registry = Registry::Zookeeper { parent: "/hbase".to_owned() };
    config.client = Config::new(registry, "test".to_owned());
    config.client.operation_timeout = Duration::from_secs(1);
    let mut harness = Harness::new(config);
    let (_, result) = harness.fetch(FetchRequest::range(vec![series(1)], 0, 9));
    assert!(matches!(result, Err(TableError::Unavailable(_))), "{result:?}");
}
