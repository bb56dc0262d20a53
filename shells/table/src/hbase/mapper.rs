//! The table's contract in terms of HBase's client. No IO: what it says goes to [`super::driver`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::table::{CHUNK_ROWS_MAX, FetchRequest, Slice};
use weft_daemons::contract::{ActionId, TableAction, TableError, TableEvent};
use weft_gts::SeriesId;
use weft_hbase::client::{
    Effect, Event, Exec, Mutate, MutateKind, OpId, Operation, Range, Scan, Stats,
};
use weft_hbase::filter::{BULK_DELETE_METHOD, BULK_DELETE_SERVICE, bulk_delete, bulk_deleted};
use weft_hbase::{CellBlock, Client, Error};
use weft_wire::rows::{self, METADATA_PREFIX};

use super::fetch::{Pass, Planner};
use super::{Columns, puts};

/// What is to be done, and what is answered.
#[derive(Debug)]
pub(super) enum Output {
    /// For sockets, ZooKeeper and the operator.
    Do(Effect),
    /// For the machine.
    Tell(TableEvent),
}

/// See the module.
pub(super) struct Mapper {
    columns: Columns,
    client: Client,
    operation_last: u64,
    /// Whose an operation is.
    owners: BTreeMap<OpId, ActionId>,
    writes: BTreeMap<ActionId, Write>,
    deletes: BTreeMap<ActionId, Delete>,
    streams: BTreeMap<ActionId, Stream>,
    /// Whether the endpoint for deletes is deployed, as far as is known.
    has_endpoint: bool,
    outputs: VecDeque<Output>,
}

/// A write under way: how many operations are, and what one failed with.
struct Write {
    left: usize,
    failed: Option<TableError>,
}

/// A delete under way.
struct Delete {
    range: Range,
    cell_ms: (u64, u64),
    /// How many rows went, in all and in the pass under way.
    deleted: u64,
    in_pass: u64,
    /// The scan whose cells are marked, where there is no endpoint.
    scan: Option<OpId>,
}

/// A stream.
struct Stream {
    kind: Kind,
    /// Scans that are open, in the order of what they find.
    scans: VecDeque<(OpId, Reading)>,
    is_wanted: bool,
    /// What the next item is, whatever was found.
    failed: Option<TableError>,
}

enum Kind {
    Fetch(Box<Planner>),
    Metadata { slice: Slice, next: u16 },
}

/// A scan of a stream.
struct Reading {
    /// Of a fetch.
    pass: Option<Pass>,
    /// Metadata rows that wait.
    rows: VecDeque<(SeriesId, Bytes)>,
    is_pulled: bool,
    is_over: bool,
}

/// Metadata rows are read in so many parts.
const METADATA_PARTS: u16 = 16;

/// Rows that the endpoint for deletes marks at once.
const DELETE_BATCH: u32 = 1_000;

/// What a region without the endpoint says.
const NO_ENDPOINT: &str = "UnknownProtocolException";

impl Mapper {
    pub(super) fn new(columns: Columns, client: Client) -> Self {
        Self {
            has_endpoint: columns.data.as_ref().is_some_and(|data| data.uses_endpoint),
            columns,
            client,
            operation_last: 0,
            owners: BTreeMap::new(),
            writes: BTreeMap::new(),
            deletes: BTreeMap::new(),
            streams: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn act(&mut self, now: Duration, action: TableAction) {
        match action {
            TableAction::Put { id, puts } => {
                let Some(data) = &self.columns.data else { return self.no_data(id) };
                let blocks = puts::data_cells(&puts, &data.family, data.key.as_ref());
                let (table, kind) = (data.table.clone(), MutateKind::Put);
                let mutation =
                    |(ttl_ms, cells)| Mutate { table: table.clone(), kind, cells, ttl_ms };
                self.write(now, id, blocks.into_iter().map(mutation).collect());
            }
            TableAction::PutMeta { id, rows } => {
                let Some(metadata) = &self.columns.metadata else { return self.no_metadata(id) };
                let cells = puts::metadata_cells(&rows, &metadata.family);
                let (table, kind) = (metadata.table.clone(), MutateKind::Put);
                self.write(now, id, vec![Mutate { table, kind, cells, ttl_ms: None }]);
            }
            TableAction::DeleteMeta { id, series } => {
                let Some(metadata) = &self.columns.metadata else { return self.no_metadata(id) };
                let cells = puts::metadata_marks(&series, &metadata.family);
                let (table, kind) = (metadata.table.clone(), MutateKind::Delete);
                self.write(now, id, vec![Mutate { table, kind, cells, ttl_ms: None }]);
            }
            TableAction::Delete { id, series, start, end, cell_from, cell_until } => {
                let (first, stop) = rows::delete_range(series, start, end);
                // Timestamps before the epoch do not exist.
                let cell_ms = (cell_from.max(0) as u64, cell_until.max(0) as u64);
                let range = Range::new(first, stop);
                if cell_until < 0 || start > end || cell_ms.0 > cell_ms.1 {
                    self.tell(TableEvent::Deleted { id, result: Ok(0) });
                } else {
                    let delete = Delete { range, cell_ms, deleted: 0, in_pass: 0, scan: None };
                    self.delete(now, id, delete);
                }
            }
            // What HBase acknowledged is in its write-ahead log.
            TableAction::Flush { id } => self.tell(TableEvent::Flushed { id, result: Ok(()) }),
            TableAction::Fetch { id, request } => self.fetch(now, id, request),
            TableAction::SaveSnapshot { id, .. } => {
                let none = TableError::Unavailable("HBase keeps no snapshots".to_owned());
                self.tell(TableEvent::Written { id, result: Err(none) });
            }
            TableAction::ScanMeta { id, slice, snapshot: _ } => {
                let kind = Kind::Metadata { slice, next: 0 };
                self.open(now, id, kind);
            }
            TableAction::Next { id } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.is_wanted = true;
                    self.advance(now, id);
                }
            }
            TableAction::Cancel { id } => self.close(now, id),
        }
        self.settle(now);
    }

    pub(super) fn handle(&mut self, now: Duration, event: Event) {
        self.client.handle(now, event);
        self.settle(now);
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.client.deadline()
    }

    pub(super) const fn stats(&self) -> Stats {
        self.client.stats()
    }

    /// Takes in what the client says, until it says nothing more.
    fn settle(&mut self, now: Duration) {
        while let Some(effect) = self.client.poll() {
            match effect {
                Effect::Mutated(operation, result) => self.mutated(now, operation, result),
                Effect::Executed(operation, result) => self.executed(now, operation, result),
                Effect::Cells(operation, cells) => self.cells(now, operation, cells),
                Effect::Scanned(operation, result) => self.scanned(now, operation, result),
                other => self.outputs.push_back(Output::Do(other)),
            }
        }
    }

    fn tell(&mut self, event: TableEvent) {
        self.outputs.push_back(Output::Tell(event));
    }

    fn submit(&mut self, now: Duration, owner: ActionId, operation: Operation) -> OpId {
        self.operation_last += 1;
        let id = OpId(self.operation_last);
        self.owners.insert(id, owner);
        self.client.submit(now, id, operation);
        id
    }

    fn no_data(&mut self, id: ActionId) {
        let missing = TableError::Unavailable("no table for datapoints is named".to_owned());
        self.tell(TableEvent::Written { id, result: Err(missing) });
    }

    fn no_metadata(&mut self, id: ActionId) {
        let missing = TableError::Unavailable("no table for metadata is named".to_owned());
        self.tell(TableEvent::Written { id, result: Err(missing) });
    }

    fn write(&mut self, now: Duration, id: ActionId, mut mutations: Vec<Mutate>) {
        mutations.retain(|mutation| !mutation.cells.is_empty());
        if mutations.is_empty() {
            self.tell(TableEvent::Written { id, result: Ok(()) });
            return;
        }
        self.writes.insert(id, Write { left: mutations.len(), failed: None });
        for mutation in mutations {
            self.submit(now, id, Operation::Mutate(mutation));
        }
    }

    fn mutated(&mut self, now: Duration, operation: OpId, result: Result<(), Error>) {
        let Some(id) = self.owners.remove(&operation) else { return };
        if self.deletes.contains_key(&id) {
            self.marked(now, id, result);
            return;
        }
        let Some(write) = self.writes.get_mut(&id) else { return };
        write.left -= 1;
        if let Err(error) = result {
            write.failed = Some(unavailable(&error));
        }
        if write.left == 0 {
            let failed = self.writes.remove(&id).and_then(|write| write.failed);
            self.tell(TableEvent::Written { id, result: failed.map_or(Ok(()), Err) });
        }
    }

    /// One pass of a delete: by the endpoint, or by looking for cells and marking them.
    fn delete(&mut self, now: Duration, id: ActionId, mut delete: Delete) {
        let Some(data) = &self.columns.data else {
            let missing = TableError::Unavailable("no table for datapoints is named".to_owned());
            return self.tell(TableEvent::Deleted { id, result: Err(missing) });
        };
        let (table, family) = (data.table.clone(), data.family.clone());
        delete.in_pass = 0;
        let range = delete.range.clone();
        if self.has_endpoint {
            let request = bulk_delete(&range, &family, delete.cell_ms, DELETE_BATCH);
            let (service, method) = (BULK_DELETE_SERVICE, BULK_DELETE_METHOD);
            let exec = Exec { table, range, service, method, request };
            self.deletes.insert(id, delete);
            self.submit(now, id, Operation::Exec(exec));
        } else {
            let mut scan = Scan::new(table, family, vec![range]);
            scan.time_range = Some(delete.cell_ms);
            scan.cache_blocks = false;
            let operation = self.submit(now, id, Operation::Scan(scan));
            delete.scan = Some(operation);
            self.deletes.insert(id, delete);
            self.client.pull(now, operation);
        }
    }

    fn executed(&mut self, now: Duration, operation: OpId, result: Result<Vec<Bytes>, Error>) {
        let Some(id) = self.owners.remove(&operation) else { return };
        let Some(mut delete) = self.deletes.remove(&id) else { return };
        match result {
            Ok(answers) => {
                let counts: Option<Vec<u64>> = answers.iter().map(|a| bulk_deleted(a)).collect();
                let Some(counts) = counts else {
                    let what = "the endpoint for deletes answers what cannot be read";
                    let result = Err(TableError::Unavailable(what.to_owned()));
                    return self.tell(TableEvent::Deleted { id, result });
                };
                delete.in_pass = counts.iter().sum();
                self.passed(now, id, delete);
            }
            Err(Error::Refused(refusal)) if refusal.short_class() == NO_ENDPOINT => {
                self.has_endpoint = false;
                self.delete(now, id, delete);
            }
            Err(error) => {
                self.tell(TableEvent::Deleted { id, result: Err(unavailable(&error)) });
            }
        }
    }

    /// A pass of a delete is over. The last one finds nothing: a row whose mark failed, or that
    /// had an older version, would be found.
    fn passed(&mut self, now: Duration, id: ActionId, mut delete: Delete) {
        if delete.in_pass == 0 {
            self.tell(TableEvent::Deleted { id, result: Ok(delete.deleted) });
        } else {
            delete.deleted += delete.in_pass;
            self.delete(now, id, delete);
        }
    }

    /// Marks the cells that the scan of a delete found.
    fn mark(&mut self, now: Duration, id: ActionId, cells: &CellBlock) {
        let (Some(delete), Some(data)) = (self.deletes.get_mut(&id), &self.columns.data) else {
            return;
        };
        delete.in_pass += cells.len() as u64;
        let marks = puts::data_marks(cells, &data.family, delete.cell_ms);
        let (table, kind) = (data.table.clone(), MutateKind::Delete);
        let mutate = Mutate { table, kind, cells: marks, ttl_ms: None };
        self.submit(now, id, Operation::Mutate(mutate));
    }

    fn marked(&mut self, now: Duration, id: ActionId, result: Result<(), Error>) {
        let Some(operation) = self.deletes.get(&id).and_then(|delete| delete.scan) else { return };
        match result {
            Ok(()) => self.client.pull(now, operation),
            Err(error) => {
                self.deletes.remove(&id);
                self.owners.remove(&operation);
                self.client.cancel(now, operation);
                self.tell(TableEvent::Deleted { id, result: Err(unavailable(&error)) });
            }
        }
    }

    fn fetch(&mut self, now: Duration, id: ActionId, request: FetchRequest) {
        self.open(now, id, Kind::Fetch(Box::new(Planner::new(request))));
    }

    fn open(&mut self, now: Duration, id: ActionId, kind: Kind) {
        let (scans, failed) = (VecDeque::new(), None);
        self.streams.insert(id, Stream { kind, scans, is_wanted: false, failed });
        self.read_ahead(now, id);
    }

    fn close(&mut self, now: Duration, id: ActionId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        for (operation, _) in stream.scans {
            self.owners.remove(&operation);
            self.client.cancel(now, operation);
        }
    }

    /// Opens scans, so many that servers have something to do.
    fn read_ahead(&mut self, now: Duration, id: ActionId) {
        while let Some(stream) = self.streams.get_mut(&id)
            && stream.scans.len() < self.columns.scanners_max.max(1)
        {
            let (next, is_pulled) = match &mut stream.kind {
                Kind::Fetch(planner) => {
                    let data = self.columns.data.as_ref();
                    let next = data.and_then(|data| planner.next_pass(data));
                    (next.map(|(scan, pass)| (scan, Some(pass))), false)
                }
                Kind::Metadata { next, .. } => {
                    let metadata = self.columns.metadata.as_ref();
                    let metadata = metadata.filter(|_| *next < METADATA_PARTS);
                    let scan = metadata.map(|metadata| {
                        let ranges = vec![metadata_range(*next)];
                        let (table, family) = (metadata.table.clone(), metadata.family.clone());
                        (Scan { cache_blocks: false, ..Scan::new(table, family, ranges) }, None)
                    });
                    *next += u16::from(scan.is_some());
                    (scan, true)
                }
            };
            let Some((scan, pass)) = next else { return };
            let operation = self.submit(now, id, Operation::Scan(scan));
            let reading = Reading { pass, rows: VecDeque::new(), is_pulled, is_over: false };
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.scans.push_back((operation, reading));
            }
            if is_pulled {
                // Metadata come in any order: all scans are read at once.
                self.client.pull(now, operation);
            }
        }
    }

    /// Answers what is wanted of a stream, as soon as it can be.
    fn advance(&mut self, now: Duration, id: ActionId) {
        self.read_ahead(now, id);
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.is_wanted) else {
            return;
        };
        if let Some(error) = stream.failed.take() {
            return self.end(now, id, Err(error));
        }
        let (missing, what) = match &stream.kind {
            Kind::Fetch(_) => (self.columns.data.is_none(), "datapoints"),
            Kind::Metadata { .. } => (self.columns.metadata.is_none(), "metadata"),
        };
        if missing {
            let error = TableError::Unavailable(format!("no table for {what} is named"));
            return self.end(now, id, Err(error));
        }
        match &stream.kind {
            Kind::Fetch(_) => self.advance_fetch(now, id),
            Kind::Metadata { .. } => self.advance_metadata(now, id),
        }
    }

    fn advance_fetch(&mut self, now: Duration, id: ActionId) {
        loop {
            let Some(stream) = self.streams.get_mut(&id) else { return };
            let Kind::Fetch(planner) = &stream.kind else { return };
            let Some((operation, reading)) = stream.scans.front_mut() else {
                return self.end(now, id, Ok(()));
            };
            let operation = *operation;
            let Some(pass) = &mut reading.pass else { return };
            if !pass.is_empty() && !pass.is_done() {
                let key = self.columns.data.as_ref().and_then(|data| data.key.as_ref());
                match pass.take(planner.request(), key) {
                    Err(error) => return self.end(now, id, Err(error)),
                    Ok(None) => {}
                    Ok(Some((series, points))) => {
                        stream.is_wanted = false;
                        return self.tell(TableEvent::Points { id, series, points });
                    }
                }
            } else if pass.is_done() || reading.is_over {
                stream.scans.pop_front();
                self.owners.remove(&operation);
                self.client.cancel(now, operation);
                self.read_ahead(now, id);
            } else if !std::mem::replace(&mut reading.is_pulled, true) {
                return self.client.pull(now, operation);
            } else {
                return;
            }
        }
    }

    fn advance_metadata(&mut self, now: Duration, id: ActionId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.scans.retain(|(_, reading)| !reading.is_over || !reading.rows.is_empty());
        if stream.scans.is_empty() {
            self.read_ahead(now, id);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.scans.is_empty() {
            return self.end(now, id, Ok(()));
        }
        let full = stream.scans.iter_mut().find(|(_, reading)| !reading.rows.is_empty());
        let Some((operation, reading)) = full else { return };
        let count = reading.rows.len().min(CHUNK_ROWS_MAX);
        let rows = reading.rows.drain(..count).collect();
        stream.is_wanted = false;
        let wants_more = reading.rows.is_empty() && !reading.is_over && !reading.is_pulled;
        if wants_more {
            reading.is_pulled = true;
            let operation = *operation;
            self.client.pull(now, operation);
        }
        self.tell(TableEvent::Rows { id, rows });
    }

    fn cells(&mut self, now: Duration, operation: OpId, cells: CellBlock) {
        let Some(id) = self.owners.get(&operation).copied() else { return };
        if self.deletes.contains_key(&id) {
            return self.mark(now, id, &cells);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let found = stream.scans.iter_mut().find(|(scan, _)| *scan == operation);
        let Some((_, reading)) = found else { return };
        reading.is_pulled = false;
        match (&stream.kind, &mut reading.pass) {
            (Kind::Metadata { slice, .. }, _) => {
                let row = |cell: weft_hbase::Cell<'_>| {
                    let series = rows::read_metadata_key(cell.row)?;
                    let is_ours = series.in_slice(slice.modulus, slice.remainder);
                    is_ours.then(|| (series, Bytes::copy_from_slice(cell.value)))
                };
                reading.rows.extend(cells.iter().filter_map(row));
                if reading.rows.is_empty() {
                    reading.is_pulled = true;
                    self.client.pull(now, operation);
                }
            }
            (Kind::Fetch(_), Some(pass)) => pass.add(cells),
            (Kind::Fetch(_), None) => {}
        }
        self.advance(now, id);
    }

    fn scanned(&mut self, now: Duration, operation: OpId, result: Result<(), Error>) {
        let Some(id) = self.owners.remove(&operation) else { return };
        if let Some(delete) = self.deletes.remove(&id) {
            return match result {
                Ok(()) => self.passed(now, id, delete),
                Err(error) => {
                    self.tell(TableEvent::Deleted { id, result: Err(unavailable(&error)) });
                }
            };
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Err(error) = result {
            stream.failed = Some(unavailable(&error));
        }
        if let Some((_, reading)) = stream.scans.iter_mut().find(|(scan, _)| *scan == operation) {
            (reading.is_over, reading.is_pulled) = (true, false);
        }
        self.advance(now, id);
    }

    fn end(&mut self, now: Duration, id: ActionId, result: Result<(), TableError>) {
        self.close(now, id);
        self.tell(TableEvent::End { id, result });
    }
}

/// The rows of a part of the metadata: ids that begin with the same four bits.
fn metadata_range(part: u16) -> Range {
    let start = vec![METADATA_PREFIX, (part << 4) as u8];
    let stop = match part + 1 {
        METADATA_PARTS => vec![METADATA_PREFIX + 1],
        next => vec![METADATA_PREFIX, (next << 4) as u8],
    };
    Range::new(start, stop)
}

fn unavailable(error: &Error) -> TableError {
    TableError::Unavailable(error.to_string())
}
