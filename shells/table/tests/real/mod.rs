//! A real HBase: the one whose ZooKeeper `WEFT_HBASE=host:port/znode` names.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use tokio::runtime::Runtime;
use weft_hbase::client::{ConnId, MasterCall, OpId, Operation};
use weft_hbase::{CellBlock, Client, Config, Effect, Event, FrameDecoder, Registry};
use weft_table::hbase::{Columns, DataColumns, HbaseConfig, MetadataColumns};

/// How long an answer may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where HBase is registered: the quorum, and the znode. `None` where no variable names it.
pub(crate) fn named() -> Option<(String, String)> {
    let Ok(named) = std::env::var("WEFT_HBASE") else {
        eprintln!("WEFT_HBASE is not set: skipped");
        return None;
    };
    let (quorum, parent) = named.split_once('/').unwrap_or((&named, "hbase"));
    Some((quorum.to_owned(), format!("/{parent}")))
}

#[derive(Clone, PartialEq, prost::Message)]
struct CreateTable {
    #[prost(message, required, tag = "1")]
    schema: Schema,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    split_keys: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Schema {
    #[prost(message, required, tag = "1")]
    name: Name,
    #[prost(message, repeated, tag = "2")]
    attributes: Vec<Pair>,
    #[prost(message, repeated, tag = "3")]
    families: Vec<Family>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Name {
    #[prost(bytes = "bytes", required, tag = "1")]
    namespace: Bytes,
    #[prost(bytes = "bytes", required, tag = "2")]
    qualifier: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Family {
    #[prost(bytes = "bytes", required, tag = "1")]
    name: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(bytes = "bytes", required, tag = "1")]
    first: Bytes,
    #[prost(bytes = "bytes", required, tag = "2")]
    second: Bytes,
}

/// Makes a table of a name that was never used, with families `m` and `v`, in several regions.
pub(crate) fn new_table(named: &(String, String), split_keys: &[Bytes]) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("weft-test-{}-{number}", since.expect("a time").as_micros());
    let family = |name: &'static str| Family { name: name.into() };
    let schema = Schema {
        name: Name { namespace: "default".into(), qualifier: name.clone().into() },
        attributes: Vec::new(),
        families: vec![family("m"), family("v")],
    };
    let request = CreateTable { schema, split_keys: split_keys.to_vec() };
    let call = MasterCall { method: "CreateTable", request: request.encode_to_vec().into() };
    ask_master(named, call);
    name
}

/// Asks the master.
fn ask_master(named: &(String, String), call: MasterCall) {
    ask(named, Operation::Master(call));
}

/// Carries an operation out, by sockets that block. What a scan found.
///
/// # Panics
/// When it fails, or takes too long.
pub(crate) fn ask((quorum, parent): &(String, String), operation: Operation) -> Vec<CellBlock> {
    let registry = Registry::Zookeeper { parent: parent.clone() };
    let mut client = Client::new(Config::new(registry, "test".to_owned()), 1);
    let mut sockets: BTreeMap<ConnId, (TcpStream, FrameDecoder)> = BTreeMap::new();
    let (begun, id) = (Instant::now(), OpId(1));
    let is_scan = matches!(operation, Operation::Scan(_));
    client.submit(begun.elapsed(), id, operation);
    if is_scan {
        client.pull(begun.elapsed(), id);
    }
    let runtime = Runtime::new().expect("a runtime");
    let mut found = Vec::new();
    while begun.elapsed() < PATIENCE {
        let Some(effect) = client.poll() else {
            client.handle(begun.elapsed(), read_frame(&mut sockets).unwrap_or(Event::Tick));
            continue;
        };
        let event = match effect {
            Effect::Executed(_, result) => {
                result.expect("an answer");
                return found;
            }
            Effect::Mutated(_, result) | Effect::Scanned(_, result) => {
                result.expect("a success");
                return found;
            }
            Effect::Cells(id, cells) => {
                found.push(cells);
                client.pull(begun.elapsed(), id);
                continue;
            }
            Effect::ReadZnode(path) => {
                let connect = zookeeper_client::Client::connect(quorum);
                let data = runtime.block_on(async {
                    connect.await.expect("ZooKeeper").get_data(&path).await.expect("a node").0
                });
                Event::Znode(path, Ok(Some(data.into())))
            }
            Effect::Connect(conn, address) => {
                let stream = TcpStream::connect((&*address.host, address.port)).expect("a server");
                stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
                sockets.insert(conn, (stream, FrameDecoder::default()));
                Event::Connected(conn)
            }
            Effect::Send(conn, bytes) => {
                let (socket, _) = sockets.get_mut(&conn).expect("a connection");
                socket.write_all(&bytes).expect("a server");
                continue;
            }
            _ => continue,
        };
        client.handle(begun.elapsed(), event);
    }
    panic!("HBase does not answer");
}

/// The next frame that comes soon on any connection.
fn read_frame(sockets: &mut BTreeMap<ConnId, (TcpStream, FrameDecoder)>) -> Option<Event> {
    let mut bytes = [0; 65_536];
    for (conn, (socket, decoder)) in sockets {
        loop {
            if let Some(frame) = decoder.next_frame().expect("a frame") {
                return Some(Event::Frame(*conn, frame));
            }
            let Ok(count @ 1..) = socket.read(&mut bytes) else { break };
            decoder.buffer().extend_from_slice(&bytes[..count]);
        }
    }
    None
}

/// A client's configuration for a table of [`new_table`].
pub(crate) fn config((quorum, parent): &(String, String), table: &str) -> HbaseConfig {
    let registry = Registry::Zookeeper { parent: parent.clone() };
    let mut client = Config::new(registry, "test".to_owned());
    client.operation_timeout = PATIENCE;
    let data = DataColumns {
        table: table.to_owned().into(),
        family: "v".into(),
        key: None,
        row_filter_above: None,
        uses_endpoint: true,
        cached_series_max: 0,
    };
    let metadata = MetadataColumns { table: table.to_owned().into(), family: "m".into() };
    let columns = Columns { data: Some(data), metadata: Some(metadata), scanners_max: 4 };
    HbaseConfig { quorum: quorum.clone(), client, columns }
}
