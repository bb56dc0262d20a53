//! HBase.
//!
//! One task per client drives [`weft_hbase::Client`]: it holds the sockets and the clock, and asks
//! ZooKeeper where HBase is. What was put is durable once HBase acknowledged it, so a flush has
//! nothing to do.
//!
//! - A datapoint is a cell (see [`weft_wire::rows`]), its timestamp the one that the contract
//!   gives it. Times to live are HBase's own.
//! - Series are fetched many at a time where their rows are in order: with HBase's
//!   `MultiRowRangeFilter`, or with the reference's `SlicedRowFilter` where it is deployed.
//! - Deletes are done by the endpoint `BulkDeleteEndpoint` where it is deployed, and by a scan and
//!   marks where it is not. A mark hides what is written later with an older timestamp, until a
//!   major compaction; the contract's users write with newer ones.

mod driver;
mod fetch;
mod mapper;
mod puts;
mod registry;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use weft_daemons::contract::{Metric, TableAction, TableError, TableEvent};
use weft_gts::WrapKey;
use weft_hbase::Config;

/// Gets a client's events.
type Sink = Arc<dyn Fn(TableEvent) + Send + Sync>;

/// Is told what an operator should know.
type Operator = Arc<dyn Fn(HbaseReport) + Send + Sync>;

/// Which HBase, and what in it.
#[derive(Clone, Debug)]
pub struct HbaseConfig {
    /// ZooKeeper's servers, `host:port,host:port`. A port that is missing is 2181.
    pub quorum: String,
    /// How the client behaves.
    pub client: Config,
    /// What it reads and writes.
    pub columns: Columns,
}

/// Tables and families.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Of datapoints, where they are asked for.
    pub data: Option<DataColumns>,
    /// Of metadata, where they are asked for.
    pub metadata: Option<MetadataColumns>,
    /// Scans of one fetch that are open at once.
    pub scanners_max: usize,
}

/// Where datapoints are.
#[derive(Clone, Debug)]
pub struct DataColumns {
    /// The table.
    pub table: Bytes,
    /// The column family.
    pub family: Bytes,
    /// What values are wrapped with.
    pub key: Option<WrapKey>,
    /// The reference's filter is deployed, and used for more series than that.
    pub row_filter_above: Option<usize>,
    /// Whether deletes are done by the endpoint, where it is deployed.
    pub uses_endpoint: bool,
    /// Fetches of more series than that leave the block cache alone.
    pub cached_series_max: usize,
}

/// Where metadata rows are.
#[derive(Clone, Debug)]
pub struct MetadataColumns {
    /// The table.
    pub table: Bytes,
    /// The column family.
    pub family: Bytes,
}

/// What an operator should know.
#[derive(Clone, Debug, PartialEq)]
pub enum HbaseReport {
    /// Something is not as it should be.
    Warning(String),
    /// A count has changed.
    Metric(Metric),
}

/// A machine's access to HBase. Dropping it ends its streams; writes under way may still be done.
pub struct HbaseClient {
    actions: UnboundedSender<TableAction>,
    sink: Sink,
    task: JoinHandle<()>,
}

/// Between two reports of what was done.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

impl HbaseClient {
    /// A client whose task runs on `runtime`; it connects when it is first asked for something.
    /// `sink` gets its events, `report` what an operator should know; neither may block.
    pub fn new(
        config: HbaseConfig,
        seed: u64,
        runtime: &Handle,
        sink: impl Fn(TableEvent) + Send + Sync + 'static,
        report: impl Fn(HbaseReport) + Send + Sync + 'static,
    ) -> Self {
        let (sink, report): (Sink, Operator) = (Arc::new(sink), Arc::new(report));
        let (actions, waiting) = unbounded_channel();
        let driver = driver::Driver::new(config, seed, sink.clone(), report);
        let task = runtime.spawn(driver.run(waiting));
        Self { actions, sink, task }
    }

    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: TableAction) {
        if let Err(refused) = self.actions.send(action) {
            let error = TableError::Unavailable("the HBase client has ended".to_owned());
            if let Some(event) = refusal(&refused.0, error) {
                (self.sink)(event);
            }
        }
    }
}

impl Drop for HbaseClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to an action that was not carried out.
fn refusal(action: &TableAction, error: TableError) -> Option<TableEvent> {
    Some(match *action {
        TableAction::Put { id, .. }
        | TableAction::PutMeta { id, .. }
        | TableAction::DeleteMeta { id, .. }
        | TableAction::SaveSnapshot { id, .. } => TableEvent::Written { id, result: Err(error) },
        TableAction::Delete { id, .. } => TableEvent::Deleted { id, result: Err(error) },
        TableAction::Flush { id } => TableEvent::Flushed { id, result: Err(error) },
        TableAction::Next { id } => TableEvent::End { id, result: Err(error) },
        TableAction::Fetch { .. } | TableAction::ScanMeta { .. } | TableAction::Cancel { .. } => {
            return None;
        }
    })
}
