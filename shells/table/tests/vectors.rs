//! Rows of the reference in a real HBase: what it wrote is read, and what is written is what it
//! would have written, byte for byte. Where `WEFT_HBASE` and `WEFT_VECTORS` name both.

mod real;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use weft_daemons::contract::table::{CellTime, FetchRequest, MetaPut, SeriesPut, Slice};
use weft_daemons::contract::{ActionId, TableAction, TableEvent};
use weft_gts::{Columns, Decoder, SeriesId, Value, WrapKey};
use weft_hbase::client::{Mutate, MutateKind, Operation, Range, Scan};
use weft_hbase::{CellBlockBuilder, CellType};
use weft_table::hbase::{HbaseClient, HbaseConfig};
use weft_wire::rows;

/// Time units of a millisecond in the vectors.
const UNITS_PER_MS: i64 = 1_000;

/// A cell: of which row, when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    row: Vec<u8>,
    at_ms: i64,
    value: Vec<u8>,
}

/// A datapoint as it is read.
type Point = (SeriesId, i64, i64, i64, Value);

/// The servers, and where the vectors are.
fn named() -> Option<((String, String), PathBuf)> {
    let named = real::named()?;
    let Some(folder) = std::env::var_os("WEFT_VECTORS").map(PathBuf::from) else {
        eprintln!("WEFT_VECTORS is not set: skipped");
        return None;
    };
    Some((named, folder))
}

/// The lines of a file that are of a kind, the first of each row.
fn cells(file: &Path, kind: Option<&str>, of_line: impl Fn(&Json) -> Cell) -> Vec<Cell> {
    let text = std::fs::read_to_string(file).expect("vectors");
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    let mut cells: BTreeMap<Vec<u8>, Cell> = BTreeMap::new();
    for line in lines.filter(|line| kind.is_none_or(|kind| line["kind"] == kind)) {
        let cell = of_line(&line);
        cells.entry(cell.row.clone()).or_insert(cell);
    }
    assert!(!cells.is_empty(), "{}: nothing of kind {kind:?}", file.display());
    cells.into_values().collect()
}

/// What the reference's own daemons wrote.
fn live(folder: &Path, file: &str) -> Vec<Cell> {
    cells(&folder.join("live").join(file), None, |line| {
        assert_eq!(line["q"], "", "an empty qualifier");
        let at_ms = line["ts"].as_i64().expect("a timestamp");
        Cell { row: unhex(&line["row"]), at_ms, value: unhex(&line["v"]) }
    })
}

/// Datapoints of `hbase.jsonl`, with their own time as the cell's.
fn datapoints(folder: &Path, value: &str) -> Vec<Cell> {
    cells(&folder.join("hbase.jsonl"), Some("datapoint"), |line| {
        // A timestamp before the epoch is no cell's.
        let at_ms = line["cell_timestamp_if_dpts"].as_i64().expect("a timestamp").max(0);
        Cell { row: unhex(&line["rowkey"]), at_ms, value: unhex(&line[value]) }
    })
}

fn unhex(text: &Json) -> Vec<u8> {
    let digits = text.as_str().expect("hexadecimal").as_bytes().chunks_exact(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16);
    digits.map(|pair| byte(pair).expect("digits")).collect()
}

/// The key that the cells of `hbase.jsonl` are wrapped with.
fn key() -> WrapKey {
    let key: [u8; 32] = std::array::from_fn(|index| 0x40 + index as u8);
    WrapKey::new(&key).expect("a key")
}

/// Writes cells as they are.
fn put_raw(named: &(String, String), table: &str, family: &'static str, cells: &[Cell]) {
    let mut block = CellBlockBuilder::default();
    for cell in cells {
        let at_ms = cell.at_ms as u64;
        block.push(CellType::Put, &cell.row, (family.as_bytes(), b""), at_ms, &cell.value);
    }
    let (table, kind) = (Bytes::copy_from_slice(table.as_bytes()), MutateKind::Put);
    let mutate = Mutate { table, kind, cells: block.finish(), ttl_ms: None };
    real::ask(named, Operation::Mutate(mutate));
}

/// Reads cells as they are, by row.
fn read_raw(named: &(String, String), table: &str, family: &'static str) -> Vec<Cell> {
    let everything = vec![Range::new(Bytes::new(), Bytes::new())];
    let table = Bytes::copy_from_slice(table.as_bytes());
    let scan = Scan::new(table, family.into(), everything);
    let blocks = real::ask(named, Operation::Scan(scan));
    let mut cells = Vec::new();
    for cell in blocks.iter().flat_map(|block| block.iter()) {
        assert_eq!((cell.family, cell.qualifier), (family.as_bytes(), &b""[..]));
        let at_ms = cell.timestamp as i64;
        cells.push(Cell { row: cell.row.to_vec(), at_ms, value: cell.value.to_vec() });
    }
    cells
}

/// The datapoint of a cell.
fn decode(cell: &Cell, key: Option<&WrapKey>) -> Point {
    let (series, tick) = rows::read_data_key(&cell.row).expect("the key of a datapoint");
    let mut decoder = Decoder::new(tick, &cell.value, key);
    let point = decoder.next_point().expect("a datapoint").expect("a datapoint");
    (series, point.tick, point.location, point.elevation, point.value.into())
}

/// A client of the contract.
struct Table {
    _runtime: Runtime,
    client: HbaseClient,
    events: Receiver<TableEvent>,
}

impl Table {
    fn new(config: HbaseConfig) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (sender, events) = channel();
        let sink = move |event| drop(sender.send(event));
        let client = HbaseClient::new(config, 1, runtime.handle(), sink, |_| {});
        Self { _runtime: runtime, client, events }
    }

    fn write(&self, action: TableAction) {
        self.client.submit(action);
        let answer = self.events.recv_timeout(real::PATIENCE).expect("an answer");
        assert_eq!(answer, TableEvent::Written { id: ActionId(1), result: Ok(()) });
    }

    /// Everything of a stream, handed to `take` piece by piece.
    fn stream(&self, begin: TableAction, mut take: impl FnMut(TableEvent)) {
        self.client.submit(begin);
        loop {
            self.client.submit(TableAction::Next { id: ActionId(1) });
            match self.events.recv_timeout(real::PATIENCE).expect("an answer") {
                TableEvent::End { result, .. } => return result.expect("a whole stream"),
                event => take(event),
            }
        }
    }

    /// Every datapoint of these cells' series, in the order of rows.
    fn fetch(&self, cells: &[Cell]) -> Vec<Point> {
        let series = |cell: &Cell| rows::read_data_key(&cell.row).expect("a datapoint").0;
        let mut all: Vec<SeriesId> = cells.iter().map(series).collect();
        all.dedup();
        let request = FetchRequest::range(all.clone(), i64::MIN, i64::MAX);
        let mut found = Vec::new();
        self.stream(TableAction::Fetch { id: ActionId(1), request }, |event| {
            let TableEvent::Points { series, points, .. } = event else { panic!("{event:?}") };
            for point in points.iter() {
                let value = point.value.clone();
                found.push((all[series], point.tick, point.location, point.elevation, value));
            }
        });
        found
    }
}

/// Writes the datapoints of cells, with the timestamp that the cells have, or with their own.
fn put(table: &Table, points: &[(Point, CellTime)]) {
    let put = |((series, tick, location, elevation, value), cell_time): &(Point, CellTime)| {
        let mut points = Columns::default();
        points.push(*tick, *location, *elevation, value.clone());
        SeriesPut { series: *series, points, cell_time: *cell_time, ttl_ms: None }
    };
    table.write(TableAction::Put { id: ActionId(1), puts: points.iter().map(put).collect() });
}

/// Doubles that are no number are equal to themselves here.
fn shown(points: &[Point]) -> Vec<String> {
    points.iter().map(|point| format!("{point:?}")).collect()
}

/// What is in `cells` is read as it should be; written anew by the contract it makes the same.
fn check_datapoints(
    named: &(String, String),
    cells: &[Cell],
    key: Option<WrapKey>,
    time: impl Fn(&Cell) -> CellTime,
) {
    let with_key = |table: &str| {
        let mut config = real::config(named, table);
        config.columns.data.as_mut().expect("columns").key = key.clone();
        Table::new(config)
    };
    let theirs = real::new_table(named, &[]);
    put_raw(named, &theirs, "v", cells);
    let expected: Vec<Point> = cells.iter().map(|cell| decode(cell, key.as_ref())).collect();
    assert_eq!(shown(&with_key(&theirs).fetch(cells)), shown(&expected));

    let ours = real::new_table(named, &[]);
    let points = expected.into_iter().zip(cells).map(|(point, cell)| (point, time(cell)));
    put(&with_key(&ours), &points.collect::<Vec<_>>());
    assert_eq!(read_raw(named, &ours, "v"), cells);
}

#[test]
fn datapoints_of_the_reference_are_read_and_written() {
    let Some((named, folder)) = named() else { return };
    let at = |cell: &Cell| CellTime::At(cell.at_ms);
    check_datapoints(&named, &live(&folder, "hbase-v-head.jsonl"), None, at);
    let own = |_: &Cell| CellTime::OfDatapoint(UNITS_PER_MS);
    check_datapoints(&named, &datapoints(&folder, "cell_value"), None, own);
    let wrapped = datapoints(&folder, "cell_value_encrypted");
    check_datapoints(&named, &wrapped, Some(key()), own);
}

#[test]
fn metadata_of_the_reference_are_read_and_written() {
    let Some((named, folder)) = named() else { return };
    let hbase = folder.join("hbase.jsonl");
    let of_line = |line: &Json| Cell {
        row: unhex(&line["rowkey"]),
        at_ms: 1_600_000_000_000,
        value: unhex(&line["cell_value_encrypted"]),
    };
    for cells in [live(&folder, "hbase-m.jsonl"), cells(&hbase, Some("metadata"), of_line)] {
        let expected: BTreeMap<[u8; 16], Vec<u8>> = cells
            .iter()
            .map(|cell| {
                let series = rows::read_metadata_key(&cell.row).expect("the key of metadata");
                (series.to_bytes(), cell.value.clone())
            })
            .collect();
        let theirs = real::new_table(&named, &[]);
        put_raw(&named, &theirs, "m", &cells);
        let mut found = BTreeMap::new();
        let table = Table::new(real::config(&named, &theirs));
        for remainder in 0..3 {
            let slice = Slice { modulus: 3, remainder };
            table.stream(
                TableAction::ScanMeta { id: ActionId(1), slice, snapshot: None },
                |event| {
                    let TableEvent::Rows { rows, .. } = event else { panic!("{event:?}") };
                    for (series, row) in rows {
                        let before = found.insert(series.to_bytes(), row.to_vec());
                        assert_eq!(before, None, "each row is in one slice");
                    }
                },
            );
        }
        assert_eq!(found, expected);

        let ours = real::new_table(&named, &[]);
        let put = |cell: &Cell| MetaPut {
            series: rows::read_metadata_key(&cell.row).expect("the key of metadata"),
            row: cell.value.clone().into(),
            cell_ms: cell.at_ms,
        };
        let rows = cells.iter().map(put).collect();
        Table::new(real::config(&named, &ours))
            .write(TableAction::PutMeta { id: ActionId(1), rows });
        assert_eq!(read_raw(&named, &ours, "m"), cells);
    }
}
