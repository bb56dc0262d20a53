//! The client: operations in, bytes for servers out.
//!
//! It promises:
//! - Every operation that was submitted and not cancelled ends with exactly one
//!   [`Effect::Mutated`], [`Effect::Scanned`] or [`Effect::Executed`].
//! - A mutation that succeeded was acknowledged for every cell. One that failed may have been done
//!   in part, and in part may still be done.
//! - A scan tells every row of its ranges that was there all the time, once and in order, whatever
//!   regions do meanwhile; otherwise it ends with an error.
//! - It gives up when [`Config::operation_timeout`] or [`Config::attempts_max`] is over without
//!   success.
//! - A scan holds two answers of a server at most: one that waits to be pulled, one under way.
//!
//! After each `handle`, `submit`, `pull` or `cancel` take everything out of `poll`, then ask
//! `deadline`. Time is what has passed since any moment that stays the same.
//!
//! ```text
//!  submit ──▶ find the region ──▶ call its server ──answer──▶ next batch, region, rows ──▶ end
//!                 ▲    │                │
//!                 │    └─ znode, master,└─ moved, split, busy, lost: wait a little ─┐
//!                 │       hbase:meta                                                │
//!                 └─────────────────────────────────────────────────────────────────┘
//! ```

mod core;
mod exec;
#[cfg(test)]
mod fake;
mod locate;
mod mutate;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use self::core::{Attempts, Core, Failure, Purpose, Timer, Wake};
use crate::error::Error;
use crate::filter::Filter;
use crate::keyvalue::CellBlock;
use crate::region::Address;
use crate::rpc;
use exec::{Executing, Mastering};
use mutate::Mutation;
use scan::Scanning;

/// Names an operation; chosen by who submits it, unique while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub u64);

/// Names a connection; chosen by the client, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who knows where `hbase:meta` is.
    pub registry: Registry,
    /// As whom it speaks (HBase without authentication believes it).
    pub user: String,
    /// How long a call may take (`hbase.rpc.timeout`).
    pub call_timeout: Duration,
    /// How long an operation may take; for scans, without any progress
    /// (`hbase.client.operation.timeout`).
    pub operation_timeout: Duration,
    /// How often an operation is tried anew without progress (`hbase.client.retries.number`).
    pub attempts_max: u32,
    /// How long to wait before it is tried the first time; later ones wait up to 50 times as long
    /// (`hbase.client.pause`).
    pub pause: Duration,
    /// Connections to each server (`hbase.client.ipc.pool.size`).
    pub connections_per_server: u32,
    /// Calls of one mutation under way at once (`hbase.client.max.total.tasks`).
    pub calls_per_operation: u32,
    /// About how many bytes a server answers a scan with at once
    /// (`hbase.client.scanner.max.result.size`).
    pub scan_bytes_max: u64,
}

impl Config {
    /// With the values of HBase's own client where they make sense.
    pub const fn new(registry: Registry, user: String) -> Self {
        Self {
            registry,
            user,
            call_timeout: Duration::from_secs(60),
            operation_timeout: Duration::from_secs(1_200),
            attempts_max: 200,
            pause: Duration::from_millis(100),
            connections_per_server: 1,
            calls_per_operation: 4,
            scan_bytes_max: 2 << 20,
        }
    }
}

/// Who knows where `hbase:meta` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    /// ZooKeeper, below this znode (`zookeeper.znode.parent`): it names the region server, or,
    /// from HBase 3 on, the master that knows.
    Zookeeper {
        /// The path of the znode.
        parent: String,
    },
    /// Masters of HBase 2.3 and later.
    Masters(Vec<Address>),
}

/// Rows from `start` to before `stop`; an empty `stop` is the table's end. In a scan backwards
/// `start` is the higher one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first row.
    pub start: Bytes,
    /// The first row that is not wanted.
    pub stop: Bytes,
}

impl Range {
    /// From `start` to before `stop`.
    pub fn new(start: impl Into<Bytes>, stop: impl Into<Bytes>) -> Self {
        Self { start: start.into(), stop: stop.into() }
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write or delete cells. Answer: [`Effect::Mutated`].
    Mutate(Mutate),
    /// Read rows: [`Client::pull`] asks for [`Effect::Cells`], until [`Effect::Scanned`].
    Scan(Scan),
    /// Call a coprocessor's service in every region of a range. Answer: [`Effect::Executed`] with
    /// what each region answered. One that moves meanwhile may be asked more than once.
    Exec(Exec),
    /// Call the active master. Answer: [`Effect::Executed`] with the encoded message. Where
    /// contact is lost, it may be asked more than once.
    Master(MasterCall),
}

/// Cells to write or delete, each by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutate {
    /// The table.
    pub table: Bytes,
    /// What is done with them; the types of the cells agree with it.
    pub kind: MutateKind,
    /// The cells. They are found fastest when they are sorted by row. No two of them are of the
    /// same row, column and timestamp: which one wins is not known.
    pub cells: CellBlock,
    /// How long they live, milliseconds after their timestamp.
    pub ttl_ms: Option<u64>,
}

/// What is done with cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutateKind {
    /// They are written.
    Put,
    /// They mark what is deleted.
    Delete,
}

/// Rows to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The table.
    pub table: Bytes,
    /// Their ranges, in order and apart; exactly one when backwards. Several are read in one pass,
    /// by a filter of the server.
    pub ranges: Vec<Range>,
    /// From higher rows to lower ones.
    pub reversed: bool,
    /// The column family.
    pub family: Bytes,
    /// A filter in the place of the one for several ranges.
    pub filter: Option<Filter>,
    /// Timestamps from and to, both included, milliseconds.
    pub time_range: Option<(u64, u64)>,
    /// Versions of a cell, newest first; the family's number is the most that there are.
    pub versions: u32,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// At most so many rows in one answer.
    pub rows_per_call: u32,
    /// Whether servers keep the blocks in their cache.
    pub cache_blocks: bool,
}

impl Scan {
    /// Everything of a family in these ranges.
    pub const fn new(table: Bytes, family: Bytes, ranges: Vec<Range>) -> Self {
        Self {
            table,
            ranges,
            reversed: false,
            family,
            filter: None,
            time_range: None,
            versions: 1,
            limit: None,
            rows_per_call: 100_000,
            cache_blocks: true,
        }
    }
}

/// A call of a coprocessor's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The table.
    pub table: Bytes,
    /// Regions with rows of this range are called.
    pub range: Range,
    /// The service's name.
    pub service: &'static str,
    /// Its method.
    pub method: &'static str,
    /// The encoded request, the same for every region.
    pub request: Bytes,
}

/// A call of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterCall {
    /// The method of `MasterService`.
    pub method: &'static str,
    /// The encoded request.
    pub request: Bytes,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A connection is open.
    Connected(ConnId),
    /// A frame came ([`crate::FrameDecoder`]).
    Frame(ConnId, Bytes),
    /// A connection is gone, or could not be made.
    Lost(ConnId, String),
    /// What ZooKeeper has at a path; no data when there is no such node.
    Znode(String, Result<Option<Bytes>, String>),
}

/// What is to be done, and what came of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Connect to a server. Outcome: [`Event::Connected`] or [`Event::Lost`].
    Connect(ConnId, Address),
    /// Send bytes, in this order.
    Send(ConnId, Bytes),
    /// Close a connection; nothing of it is wanted any more.
    Close(ConnId),
    /// Read a node of ZooKeeper. Outcome: [`Event::Znode`].
    ReadZnode(String),
    /// Tell the operator.
    Warn(String),
    /// The end of an [`Operation::Mutate`].
    Mutated(OpId, Result<(), Error>),
    /// What an [`Operation::Scan`] found; at least one cell. A row may go on in the next ones.
    Cells(OpId, CellBlock),
    /// The end of an [`Operation::Scan`].
    Scanned(OpId, Result<(), Error>),
    /// The end of an [`Operation::Exec`] or [`Operation::Master`].
    Executed(OpId, Result<Vec<Bytes>, Error>),
}

/// What a client has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls of servers.
    pub calls: u64,
    /// New attempts after failures.
    pub retries: u64,
    /// Lookups of regions.
    pub lookups: u64,
    /// Connections that were lost or could not be made.
    pub connections_lost: u64,
    /// Bytes of requests.
    pub bytes_sent: u64,
    /// Bytes of responses.
    pub bytes_received: u64,
    /// Cells that were acknowledged.
    pub cells_written: u64,
    /// Cells that came.
    pub cells_read: u64,
}

/// The client. See the module.
#[derive(Debug)]
pub struct Client {
    core: Core,
    operations: BTreeMap<OpId, Running>,
}

#[derive(Debug)]
enum Running {
    Mutate(Mutation),
    Scan(Box<Scanning>),
    Exec(Executing),
    Master(Mastering),
}

impl Running {
    fn wake(&mut self, core: &mut Core, now: Duration, id: OpId, wake: Wake) -> bool {
        match self {
            Self::Mutate(mutation) => mutation.wake(core, now, id, wake),
            Self::Scan(scan) => scan.wake(core, now, id, wake),
            Self::Exec(exec) => exec.wake(core, now, id, wake),
            Self::Master(master) => master.wake(core, now, id, wake),
        }
    }

    const fn attempts(&self) -> &Attempts {
        match self {
            Self::Mutate(mutation) => mutation.attempts(),
            Self::Scan(scan) => scan.attempts(),
            Self::Exec(exec) => exec.attempts(),
            Self::Master(master) => master.attempts(),
        }
    }
}

impl Client {
    /// A client that asks for nothing yet. The seed decides how long exactly it waits between
    /// attempts.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { core: Core::new(config, seed), operations: BTreeMap::new() }
    }

    /// Begins an operation.
    ///
    /// # Panics
    /// When an operation of this id goes on.
    pub fn submit(&mut self, now: Duration, id: OpId, operation: Operation) {
        let attempts = Attempts::new(&mut self.core, now, id);
        let running = match operation {
            Operation::Mutate(mutate) => Running::Mutate(Mutation::new(mutate, attempts)),
            Operation::Scan(scan) => Running::Scan(Box::new(Scanning::new(scan, attempts))),
            Operation::Exec(exec) => Running::Exec(Executing::new(exec, attempts)),
            Operation::Master(call) => Running::Master(Mastering::new(call, attempts)),
        };
        let before = self.operations.insert(id, running);
        assert!(before.is_none(), "an operation of this id goes on");
        self.core.wakes.push_back((id, Wake::Go));
        self.settle(now);
    }

    /// Asks for more of a scan. Answer: [`Effect::Cells`] or [`Effect::Scanned`].
    pub fn pull(&mut self, now: Duration, id: OpId) {
        if let Some(Running::Scan(scan)) = self.operations.get_mut(&id)
            && scan.pull(&mut self.core, now, id)
        {
            self.end(now, id);
        }
        self.settle(now);
    }

    /// Nobody wants to know any more how the operation ends.
    pub fn cancel(&mut self, now: Duration, id: OpId) {
        self.end(now, id);
        self.settle(now);
    }

    /// Takes one event in.
    pub fn handle(&mut self, now: Duration, event: Event) {
        match event {
            Event::Tick => {}
            Event::Connected(conn) => self.core.connected(conn),
            Event::Frame(conn, frame) => {
                if let Some((purpose, result)) = self.core.frame(conn, frame) {
                    self.told(now, purpose, result);
                }
            }
            Event::Lost(conn, reason) => self.core.lost(conn, &reason),
            Event::Znode(path, result) => self.core.znode(now, &path, result),
        }
        self.tick(now);
        self.settle(now);
    }

    /// The next thing to do; `None` when there is nothing more until an event.
    pub fn poll(&mut self) -> Option<Effect> {
        self.core.effects.pop_front()
    }

    /// When [`Event::Tick`] is wanted at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        self.core.timers.first().map(|(at, _)| *at)
    }

    /// What it has done.
    pub const fn stats(&self) -> Stats {
        self.core.stats
    }

    fn tick(&mut self, now: Duration) {
        while self.core.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, timer)) = self.core.timers.pop_first() else { return };
            match timer {
                Timer::Call(call) => self.core.call_is_late(call),
                Timer::Deadline(id) => self.core.wakes.push_back((id, Wake::Deadline)),
                Timer::Renew(id) => self.core.wakes.push_back((id, Wake::Renew)),
                Timer::Retry(id) => self.core.wakes.push_back((id, Wake::Go)),
                Timer::Znode(question) => self.core.znode_is_late(question),
            }
            self.settle(now);
        }
    }

    /// Wakes operations until none has anything to do.
    fn settle(&mut self, now: Duration) {
        loop {
            if let Some((purpose, failure)) = self.core.locate.failures.pop_front() {
                self.told(now, purpose, Err(failure));
            } else if let Some((id, wake)) = self.core.wakes.pop_front() {
                let Some(running) = self.operations.get_mut(&id) else { continue };
                if running.wake(&mut self.core, now, id, wake) {
                    self.end(now, id);
                }
            } else {
                return;
            }
        }
    }

    /// Tells the outcome of a call.
    fn told(&mut self, now: Duration, purpose: Purpose, result: Result<rpc::Answer, Failure>) {
        match purpose {
            Purpose::Operation(id, token) => {
                self.core.wakes.push_back((id, Wake::Answered(token, result)));
            }
            Purpose::Lookup(key) => self.core.looked_up(now, key, result),
            Purpose::Registry => self.core.registry_answered(now, result),
            Purpose::Nobody => {}
        }
    }

    fn end(&mut self, now: Duration, id: OpId) {
        let Some(mut running) = self.operations.remove(&id) else { return };
        running.attempts().end(&mut self.core, id);
        self.core.locate.forget_waiter(id);
        if let Running::Scan(scan) = &mut running {
            scan.close(&mut self.core, now);
        }
    }
}
