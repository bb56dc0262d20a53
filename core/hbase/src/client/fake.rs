//! A cluster for tests: region servers, `hbase:meta`, a master and ZooKeeper's nodes, in memory,
//! with faults that a seed draws.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::*;
use crate::keyvalue::{CellBlockBuilder, CellType};
use crate::pb;
use crate::rpc::response_frame;

pub(super) const TABLE: Bytes = Bytes::from_static(b"t");
pub(super) const FAMILY: Bytes = Bytes::from_static(b"v");

/// How long a scanner's lease lasts.
const LEASE: Duration = Duration::from_secs(30);

/// Rows in one answer.
const ROWS_PER_ANSWER: usize = 3;

#[derive(Clone, Debug)]
struct FakeRegion {
    id: u64,
    end: Vec<u8>,
    server: usize,
}

#[derive(Debug)]
struct FakeScanner {
    region: Bytes,
    cells: VecDeque<Column>,
    rows_left: usize,
    seq: u64,
    until: Duration,
}

/// A row and a qualifier.
type Column = (Vec<u8>, Vec<u8>);

type Outcome = Result<(Vec<u8>, Vec<u8>), pb::ExceptionResponse>;

/// See the module.
#[derive(Debug)]
pub(super) struct Fake {
    regions: BTreeMap<Vec<u8>, FakeRegion>,
    /// By row and qualifier: timestamp and value.
    pub(super) cells: BTreeMap<Column, (u64, Vec<u8>)>,
    scanners: BTreeMap<u64, FakeScanner>,
    conns: BTreeMap<ConnId, (usize, bool)>,
    down: BTreeSet<usize>,
    servers: usize,
    meta_server: usize,
    last_id: u64,
    random: u64,
    /// One call in so many meets a fault; 0: none does.
    pub(super) fault_every: u64,
    /// Servers that take calls and answer none.
    pub(super) hung: BTreeSet<usize>,
    /// What every mutation is answered with.
    pub(super) refusal: Option<&'static str>,
    /// Without it, the master is asked.
    pub(super) has_meta_znode: bool,
    /// Methods that were called.
    pub(super) calls: Vec<String>,
    pub(super) ttls: BTreeSet<Bytes>,
    pub(super) now: Duration,
    events: VecDeque<Event>,
    pub(super) outcomes: Vec<Effect>,
}

impl Fake {
    /// A table whose regions begin at these rows, and at the empty one.
    pub(super) fn new(splits: &[&str], seed: u64) -> Self {
        let mut starts: Vec<Vec<u8>> = vec![Vec::new()];
        starts.extend(splits.iter().map(|row| row.as_bytes().to_vec()));
        let ends = starts.iter().skip(1).cloned().chain([Vec::new()]);
        let regions = starts.iter().cloned().zip(ends).enumerate().map(|(index, (start, end))| {
            (start, FakeRegion { id: index as u64 + 1, end, server: index % 3 })
        });
        Self {
            regions: regions.collect(),
            cells: BTreeMap::new(),
            scanners: BTreeMap::new(),
            conns: BTreeMap::new(),
            down: BTreeSet::new(),
            servers: 3,
            meta_server: 0,
            last_id: 1_000,
            random: seed,
            fault_every: 0,
            hung: BTreeSet::new(),
            refusal: None,
            has_meta_znode: true,
            calls: Vec::new(),
            ttls: BTreeSet::new(),
            now: Duration::ZERO,
            events: VecDeque::new(),
            outcomes: Vec::new(),
        }
    }

    pub(super) fn client(&self) -> Client {
        let registry = Registry::Zookeeper { parent: "/hbase".to_owned() };
        Client::new(Config::new(registry, "me".to_owned()), 7)
    }

    /// Lets client and cluster work until there is an outcome, or nothing goes on.
    pub(super) fn run(&mut self, client: &mut Client) -> Option<Effect> {
        for _ in 0..200_000 {
            while let Some(effect) = client.poll() {
                self.effect(effect);
            }
            if !self.outcomes.is_empty() {
                return Some(self.outcomes.remove(0));
            }
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => {
                    self.now = client.deadline()?.max(self.now);
                    Event::Tick
                }
            };
            client.handle(self.now, event);
        }
        panic!("it goes on for ever");
    }

    /// Everything that a scan finds, and how it ends.
    pub(super) fn scan(
        &mut self,
        client: &mut Client,
        scan: Scan,
    ) -> Result<Vec<(String, String)>, Error> {
        let (id, mut found) = (OpId(900), Vec::new());
        client.submit(self.now, id, Operation::Scan(scan));
        loop {
            client.pull(self.now, id);
            match self.run(client).expect("an outcome") {
                Effect::Cells(of, cells) if of == id => {
                    found.extend(cells.iter().map(|cell| (text(cell.row), text(cell.qualifier))));
                }
                Effect::Scanned(of, result) if of == id => return result.map(|()| found),
                other => panic!("cells, not {other:?}"),
            }
        }
    }

    /// Time passes.
    pub(super) fn wait(&mut self, client: &mut Client, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some(effect) = client.poll() {
                self.effect(effect);
            }
            let event = self.events.pop_front().or_else(|| {
                let at = client.deadline().filter(|at| *at <= end)?;
                self.now = at.max(self.now);
                Some(Event::Tick)
            });
            let Some(event) = event else { break };
            client.handle(self.now, event);
        }
        self.now = end;
    }

    pub(super) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn scanners_open(&self) -> usize {
        self.scanners.len()
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Connect(conn, address) => {
                let server: usize = address.host[1..].parse().expect("a server");
                let event = match self.down.contains(&server) {
                    true => Event::Lost(conn, "refused".to_owned()),
                    false => {
                        self.conns.insert(conn, (server, false));
                        Event::Connected(conn)
                    }
                };
                self.events.push_back(event);
            }
            Effect::Send(conn, bytes) => self.received(conn, &bytes),
            Effect::Close(conn) => drop(self.conns.remove(&conn)),
            Effect::ReadZnode(path) => {
                let data = self.znode(&path);
                self.events.push_back(Event::Znode(path, Ok(data)));
            }
            Effect::Warn(_) => {}
            outcome => self.outcomes.push(outcome),
        }
    }

    fn znode(&self, path: &str) -> Option<Bytes> {
        let server = server_name(self.meta_server);
        let message = match path {
            "/hbase/meta-region-server" if self.has_meta_znode => {
                pb::MetaRegionServer { server, state: Some(3) }.encode_to_vec()
            }
            "/hbase/master" => pb::Master { master: server }.encode_to_vec(),
            _ => return None,
        };
        Some([b"PBUF", &message[..]].concat().into())
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
        (self.random >> 33) % below.max(1)
    }

    fn received(&mut self, conn: ConnId, bytes: &Bytes) {
        let Some((server, is_greeted)) = self.conns.get_mut(&conn) else { return };
        let server = *server;
        if !std::mem::replace(is_greeted, true) {
            assert!(bytes.starts_with(b"HBas\x00\x50"), "a preamble");
            return;
        }
        let mut rest = bytes.slice(4..);
        let mut part = || {
            let length = prost::decode_length_delimiter(&mut rest).expect("a length");
            rest.split_to(length)
        };
        let header = pb::RequestHeader::decode(part()).expect("a header");
        let parameter = part();
        let method = header.method_name.expect("a method");
        let call = header.call_id.expect("a call");
        self.calls.push(method.clone());
        if self.hung.contains(&server) {
            return;
        }
        let is_faulty = self.fault_every > 0 && self.draw(self.fault_every) == 0;
        let fault = if is_faulty { self.draw(8) } else { u64::MAX };
        match fault {
            0 => return self.lose(conn),
            1 => self.kill(server),
            2 => self.shuffle(),
            3 => self.split(),
            4 => return self.answer(conn, call, Err(exception("RegionTooBusyException"))),
            5 => self.scanners.clear(),
            6 => return,
            _ => {}
        }
        if !self.conns.contains_key(&conn) {
            return;
        }
        let outcome = match method.as_str() {
            "Scan" => self.scanned(server, &parameter),
            "Multi" => self.multi(server, &parameter, rest),
            "ExecService" => self.exec(server, &parameter),
            "GetMetaRegionLocations" => Ok((self.meta_locations(), Vec::new())),
            _ => Ok((b"done".to_vec(), Vec::new())),
        };
        if fault == 7 {
            // It was done, and nobody hears of it.
            return self.lose(conn);
        }
        self.answer(conn, call, outcome);
    }

    fn answer(&mut self, conn: ConnId, call: u32, outcome: Outcome) {
        let frame = match &outcome {
            Ok((message, cells)) => response_frame(call, Ok((message.clone(), cells))),
            Err(exception) => response_frame(call, Err(exception.clone())),
        };
        self.events.push_back(Event::Frame(conn, frame));
    }

    fn lose(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
        self.events.push_back(Event::Lost(conn, "reset".to_owned()));
    }

    /// A server dies; its regions come up elsewhere, and one that died before comes back.
    fn kill(&mut self, server: usize) {
        self.down.clear();
        self.down.insert(server);
        let next = (server + 1) % self.servers;
        for region in self.regions.values_mut().filter(|region| region.server == server) {
            region.server = next;
        }
        if self.meta_server == server {
            self.meta_server = next;
        }
        let gone: Vec<ConnId> =
            self.conns.iter().filter(|(_, (of, _))| *of == server).map(|(conn, _)| *conn).collect();
        gone.into_iter().for_each(|conn| self.lose(conn));
        self.scanners.clear();
    }

    /// Regions move, to servers that live: one that moved to a dead one would stay there.
    fn shuffle(&mut self) {
        let live: Vec<usize> = (0..self.servers).filter(|s| !self.down.contains(s)).collect();
        let starts: Vec<Vec<u8>> = self.regions.keys().cloned().collect();
        for start in starts {
            let server = live[self.draw(live.len() as u64) as usize];
            if let Some(region) = self.regions.get_mut(&start) {
                region.server = server;
            }
        }
    }

    fn split(&mut self) {
        let rows: Vec<Vec<u8>> = self.cells.keys().map(|(row, _)| row.clone()).collect();
        let Some(row) = rows.get(self.draw(rows.len() as u64) as usize).cloned() else { return };
        let (start, parent) = self.regions.range(..=row.clone()).next_back().expect("a region");
        let (start, parent) = (start.clone(), parent.clone());
        if start == row {
            return;
        }
        self.last_id += 2;
        let end = row.clone();
        self.regions.insert(start, FakeRegion { id: self.last_id, end, ..parent.clone() });
        self.regions.insert(row, FakeRegion { id: self.last_id + 1, ..parent });
    }

    /// The region of a specifier, if this server has it.
    fn region(&self, server: usize, of: &pb::RegionSpecifier) -> Option<(Vec<u8>, FakeRegion)> {
        let mut regions = self.regions.iter();
        let found = regions.find(|(start, region)| name(start, region.id) == of.value);
        found.filter(|(_, region)| region.server == server).map(|(s, r)| (s.clone(), r.clone()))
    }

    fn scanned(&mut self, server: usize, parameter: &Bytes) -> Outcome {
        let request = pb::ScanRequest::decode(parameter.clone()).expect("a scan");
        let Some(region) = &request.region else { return self.next_rows(&request) };
        let scan = request.scan.clone().expect("a scan");
        if region.value[..] == *b"hbase:meta,,1" {
            return match server == self.meta_server {
                true => Ok(self.meta_row(&scan)),
                false => Err(exception("NotServingRegionException")),
            };
        }
        let Some((start, found)) = self.region(server, region) else {
            return Err(exception("NotServingRegionException"));
        };
        let filter = scan.filter.as_ref().and_then(|filter| filter.serialized_filter.clone());
        let ranges = filter.map(|bytes| pb::MultiRowRangeFilter::decode(bytes).expect("ranges"));
        let (from, to) = (scan.start_row.clone(), scan.stop_row.clone());
        let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
        let is_reversed = scan.reversed == Some(true);
        let takes_first = scan.include_start_row != Some(false);
        let is_wanted = |row: &[u8]| {
            let is_in_region = row >= &start[..] && (found.end.is_empty() || row < &found.end[..]);
            let is_first = takes_first || row != from;
            let is_in_range = match is_reversed {
                true => row <= &from[..] && row > &to[..],
                false => row >= &from[..] && (to.is_empty() || row < &to[..]),
            };
            let passes = ranges.as_ref().is_none_or(|ranges| {
                ranges.row_range_list.iter().any(|range| {
                    let (start, stop) = (range.start_row.clone(), range.stop_row.clone());
                    row >= &start.unwrap_or_default()[..] && row < &stop.unwrap_or_default()[..]
                })
            });
            is_in_region && is_first && is_in_range && passes
        };
        let mut cells: Vec<Column> =
            self.cells.keys().filter(|(row, _)| is_wanted(row)).cloned().collect();
        if is_reversed {
            // Rows backwards, their columns forwards.
            cells.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        self.last_id += 1;
        let limit = request.limit_of_rows.filter(|limit| *limit > 0);
        let scanner = FakeScanner {
            region: region.value.clone(),
            cells: cells.into(),
            rows_left: limit.map_or(usize::MAX, |limit| limit as usize),
            seq: 0,
            until: self.now + LEASE,
        };
        self.scanners.insert(self.last_id, scanner);
        self.next_rows(&pb::ScanRequest { scanner_id: Some(self.last_id), ..request })
    }

    fn next_rows(&mut self, request: &pb::ScanRequest) -> Outcome {
        let id = request.scanner_id.expect("a scanner");
        let is_short = self.draw(3) == 0;
        let is_heartbeat = self.fault_every > 0 && self.draw(6) == 0;
        let now = self.now;
        if request.close_scanner == Some(true) && request.region.is_none() {
            self.scanners.remove(&id);
            return Ok((Vec::new(), Vec::new()));
        }
        let Some(scanner) = self.scanners.get_mut(&id).filter(|scanner| scanner.until >= now)
        else {
            let mut unknown = exception("UnknownScannerException");
            unknown.do_not_retry = Some(true);
            return Err(unknown);
        };
        let is_served = self.regions.iter().any(|(start, r)| name(start, r.id) == scanner.region);
        if !is_served {
            return Err(exception("NotServingRegionException"));
        }
        if request.next_call_seq != Some(scanner.seq) {
            return Err(exception("OutOfOrderScannerNextException"));
        }
        scanner.seq += 1;
        scanner.until = now + LEASE;
        let mut response = pb::ScanResponse {
            scanner_id: Some(id),
            ttl: Some(LEASE.as_millis() as u32),
            more_results: Some(true),
            more_results_in_region: Some(true),
            ..pb::ScanResponse::default()
        };
        if request.renew == Some(true) || is_heartbeat {
            response.heartbeat_message = Some(true);
            return Ok((response.encode_to_vec(), Vec::new()));
        }
        let mut block = CellBlockBuilder::default();
        while response.cells_per_result.len() < ROWS_PER_ANSWER && scanner.rows_left > 0 {
            let Some((row, _)) = scanner.cells.front().cloned() else { break };
            let mut count = 0;
            while let Some((_, qualifier)) = scanner.cells.pop_front_if(|(of, _)| *of == row) {
                block.push(CellType::Put, &row, (&FAMILY, &qualifier), 1, b"x");
                count += 1;
                // An answer that is full within a row.
                if is_short && count == 1 && response.cells_per_result.len() == 1 {
                    break;
                }
            }
            let is_partial = scanner.cells.front().is_some_and(|(of, _)| *of == row);
            response.cells_per_result.push(count);
            response.partial_flag_per_result.push(is_partial);
            if is_partial {
                break;
            }
            scanner.rows_left -= 1;
        }
        if scanner.cells.is_empty() {
            response.more_results_in_region = Some(false);
        }
        if scanner.rows_left == 0 {
            response.more_results = Some(false);
        }
        if scanner.cells.is_empty() || scanner.rows_left == 0 {
            self.scanners.remove(&id);
        }
        Ok((response.encode_to_vec(), block.finish().bytes().to_vec()))
    }

    fn meta_row(&self, scan: &pb::Scan) -> (Vec<u8>, Vec<u8>) {
        let (from, to) = (scan.start_row.clone(), scan.stop_row.clone());
        let (from, to) = (from.expect("a row"), to.expect("a row"));
        let mut rows: Vec<(Bytes, &Vec<u8>, &FakeRegion)> =
            self.regions.iter().map(|(start, r)| (name(start, r.id), start, r)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let row = rows.into_iter().rev().find(|(name, ..)| *name <= from && *name > to);
        let mut block = CellBlockBuilder::default();
        let mut response = pb::ScanResponse { more_results: Some(false), ..Default::default() };
        if let Some((name, start, region)) = row {
            let table_name = pb::TableName { namespace: "default".into(), qualifier: TABLE };
            let info = pb::RegionInfo {
                region_id: region.id,
                table_name,
                start_key: Some(start.clone().into()),
                end_key: Some(region.end.clone().into()),
                offline: None,
                split: None,
                replica_id: None,
            };
            let info = [b"PBUF", &info.encode_to_vec()[..]].concat();
            let server = format!("s{}:1", region.server);
            block.push(CellType::Put, &name, (b"info", b"regioninfo"), 1, &info);
            block.push(CellType::Put, &name, (b"info", b"server"), 1, server.as_bytes());
            response.cells_per_result.push(2);
        }
        (response.encode_to_vec(), block.finish().bytes().to_vec())
    }

    fn meta_locations(&self) -> Vec<u8> {
        let info = pb::RegionInfo { replica_id: Some(0), ..pb::RegionInfo::default() };
        let server_name = Some(server_name(self.meta_server));
        let location = pb::RegionLocation { region_info: info, server_name, seq_num: 1 };
        pb::GetMetaRegionLocationsResponse { meta_locations: vec![location] }.encode_to_vec()
    }

    fn multi(&mut self, server: usize, parameter: &Bytes, cells: Bytes) -> Outcome {
        let request = pb::MultiRequest::decode(parameter.clone()).expect("a request");
        let block = CellBlock::parse(cells).expect("cells");
        let (mut next, mut response) = (0, pb::MultiResponse::default());
        for action in request.region_action {
            let region = self.region(server, &action.region);
            let mut result = pb::RegionActionResult::default();
            if region.is_none() {
                result.exception = Some(pair("NotServingRegionException"));
            }
            for one in action.action {
                let cell = block.cell(next);
                next += 1;
                let mutation = one.mutation.expect("a mutation");
                assert_eq!(mutation.row.as_deref(), Some(cell.row));
                self.ttls.extend(mutation.attribute.into_iter().filter_map(|pair| pair.value));
                let Some((start, region)) = &region else { continue };
                assert!(cell.row >= &start[..]);
                assert!(region.end.is_empty() || cell.row < &region.end[..]);
                let busy = self.fault_every > 0 && self.draw(50) == 0;
                let refusal = self.refusal.or_else(|| busy.then_some("RegionTooBusyException"));
                if refusal.is_none() {
                    let key = (cell.row.to_vec(), cell.qualifier.to_vec());
                    let known = self.cells.entry(key).or_default();
                    if known.0 <= cell.timestamp {
                        *known = (cell.timestamp, cell.value.to_vec());
                    }
                }
                let exception = refusal.map(pair);
                let one = pb::ResultOrException { index: one.index, exception };
                result.result_or_exception.push(one);
            }
            response.region_action_result.push(result);
        }
        Ok((response.encode_to_vec(), Vec::new()))
    }

    fn exec(&mut self, server: usize, parameter: &Bytes) -> Outcome {
        let request = pb::CoprocessorServiceRequest::decode(parameter.clone()).expect("a call");
        let Some((start, region)) = self.region(server, &request.region) else {
            return Err(exception("NotServingRegionException"));
        };
        assert!(request.call.row >= start);
        let value = format!("{}..{}", text(&start), text(&region.end));
        let value = pb::NameBytesPair { name: String::new(), value: Some(value.into()) };
        let response = pb::CoprocessorServiceResponse { region: request.region, value };
        Ok((response.encode_to_vec(), Vec::new()))
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name(start: &[u8], id: u64) -> Bytes {
    [b"t,", start, b",", id.to_string().as_bytes(), b".x."].concat().into()
}

fn server_name(server: usize) -> pb::ServerName {
    pb::ServerName { host_name: format!("s{server}"), port: Some(1), start_code: Some(1) }
}

fn exception(class: &str) -> pb::ExceptionResponse {
    pb::ExceptionResponse {
        exception_class_name: Some(format!("org.apache.hadoop.hbase.{class}")),
        stack_trace: Some("why".to_owned()),
        hostname: None,
        port: None,
        do_not_retry: None,
    }
}

fn pair(class: &str) -> pb::NameBytesPair {
    let value = Some(Bytes::from_static(b"why"));
    pb::NameBytesPair { name: format!("org.apache.hadoop.hbase.{class}"), value }
}
