//! How fast the table's contract on HBase is: `hbase_speed QUORUM/ZNODE TABLE`. Each line of
//! standard input asks for something, and is answered with the seconds that it took: `put SERIES
//! CELLS`, `scan SERIES CELLS`, as `deploy/proof/HbaseSpeed.java` does of HBase's own client.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use weft_daemons::contract::table::{CellTime, FetchRequest, SeriesPut};
use weft_daemons::contract::{ActionId, TableAction, TableEvent};
use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, SeriesId, Value};
use weft_hbase::{Config, Registry};
use weft_table::hbase;

/// Datapoints of one put, and puts at once: as `store` does with four partitions.
const BATCH: usize = 10_000;
const PUTS_MAX: usize = 4;

const PATIENCE: Duration = Duration::from_secs(120);

struct Table {
    client: hbase::HbaseClient,
    events: Receiver<TableEvent>,
}

impl Table {
    fn next(&self) -> TableEvent {
        self.events.recv_timeout(PATIENCE).expect("an answer")
    }

    fn put(&self, series: SeriesId, cells: usize) {
        let mut under_way = 0;
        let mut answered = |most: usize| {
            while under_way > most {
                match self.next() {
                    TableEvent::Written { result: Ok(()), .. } => under_way -= 1,
                    other => panic!("a write, not {other:?}"),
                }
            }
            under_way += 1;
        };
        for first in (0..cells).step_by(BATCH) {
            let mut points = Columns::default();
            for tick in first..(first + BATCH).min(cells) {
                let value = Value::Long(0x2c00_0000_0000 + tick as i64);
                points.push(tick as i64, NO_LOCATION, NO_ELEVATION, value);
            }
            let cell_time = CellTime::At(1_700_000_000_000);
            let puts = vec![SeriesPut { series, points, cell_time, ttl_ms: None }];
            answered(PUTS_MAX - 1);
            self.client.submit(TableAction::Put { id: ActionId(first as u64 + 1), puts });
        }
        answered(0);
    }

    fn fetch(&self, series: SeriesId) -> usize {
        let id = ActionId(u64::MAX);
        let request = FetchRequest::range(vec![series], i64::MIN, i64::MAX);
        self.client.submit(TableAction::Fetch { id, request });
        let mut found = 0;
        loop {
            self.client.submit(TableAction::Next { id });
            match self.next() {
                TableEvent::Points { points, .. } => found += points.len(),
                TableEvent::End { result, .. } => {
                    result.expect("a whole fetch");
                    return found;
                }
                other => panic!("datapoints, not {other:?}"),
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, place, table] = arguments.as_slice() else {
        panic!("hbase_speed QUORUM/ZNODE TABLE");
    };
    let (quorum, parent) = place.split_once('/').expect("QUORUM/ZNODE");
    let registry = Registry::Zookeeper { parent: format!("/{parent}") };
    let data = hbase::DataColumns {
        table: table.clone().into(),
        family: "v".into(),
        key: None,
        row_filter_above: None,
        uses_endpoint: true,
        cached_series_max: 1,
    };
    let config = hbase::HbaseConfig {
        quorum: quorum.to_owned(),
        client: Config::new(registry, "speed".to_owned()),
        columns: hbase::Columns { data: Some(data), metadata: None, scanners_max: 4 },
    };
    let runtime = Runtime::new().expect("a runtime");
    let (sender, events) = channel();
    let sink = move |event| drop(sender.send(event));
    let client = hbase::HbaseClient::new(config, 1, runtime.handle(), sink, |_| {});
    let table = Table { client, events };
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let mut words = line.split(' ');
        let what = words.next().expect("a word");
        let mut number = || words.next().expect("a number").parse::<u32>().expect("a number");
        let series = SeriesId { class_id: i64::from(number()), labels_id: 7 };
        let cells = number() as usize;
        let begun = Instant::now();
        match what {
            "put" => table.put(series, cells),
            "scan" => assert_eq!(table.fetch(series), cells, "every datapoint is found"),
            other => panic!("put or scan, not {other}"),
        }
        println!("{}", begun.elapsed().as_secs_f64());
    }
}
