//! What operations share: connections, calls under way, timers, and the way to regions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::locate::Locate;
use super::{Config, ConnId, Effect, OpId, Stats};
use crate::error::{Error, Remedy, RemoteError};
use crate::region::{Address, Region, RegionCache};
use crate::rpc::{self, Answer};

/// A method of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
}

/// The methods of region servers.
pub(super) const SCAN: Method = Method { service: CLIENT_SERVICE, name: "Scan" };
pub(super) const MULTI: Method = Method { service: CLIENT_SERVICE, name: "Multi" };
pub(super) const EXEC_SERVICE: Method = Method { service: CLIENT_SERVICE, name: "ExecService" };
const CLIENT_SERVICE: &str = "ClientService";

/// Who waits for the answer to a call.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// An operation, which tells its calls apart by the token.
    Operation(OpId, u64),
    /// A lookup of a region.
    Lookup(super::locate::Key),
    /// A master was asked where meta is.
    Registry,
    /// Nobody.
    Nobody,
}

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The server's exception.
    Remote(RemoteError),
    /// Nobody knows whether the server did it.
    Lost(String),
    /// What it says cannot be.
    Malformed(String),
}

impl Failure {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Remote(error) => error.remedy(),
            Self::Lost(_) => Remedy::Locate,
            Self::Malformed(_) => Remedy::Refuse,
        }
    }

    /// What it is for an operation that gives up.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Remote(error) => Error::Refused(error),
            Self::Lost(why) => Error::Exhausted { attempts: 1, last: why },
            Self::Malformed(what) => Error::Malformed(what),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Remote(error) => error.fmt(f),
            Self::Lost(why) | Self::Malformed(why) => f.write_str(why),
        }
    }
}

/// What wakes an operation.
#[derive(Debug)]
pub(super) enum Wake {
    /// It was submitted, pulled, or has waited long enough.
    Go,
    /// What it looked for is known now, or cannot be found.
    Located(Result<(), Failure>),
    /// The answer to one of its calls.
    Answered(u64, Result<Answer, Failure>),
    /// Its time may be over.
    Deadline,
    /// Its scanner's lease runs out.
    Renew,
}

/// What happens later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Call(u32),
    Deadline(OpId),
    Renew(OpId),
    Retry(OpId),
    Znode(u64),
}

/// A connection to one service of one server.
#[derive(Debug)]
struct Connection {
    server: Address,
    key: (Address, &'static str, u32),
    /// What is sent once it is open.
    waiting: Option<Vec<Bytes>>,
    calls: BTreeSet<u32>,
}

#[derive(Debug)]
struct Call {
    conn: ConnId,
    purpose: Purpose,
    until: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: Config,
    pub(super) regions: RegionCache,
    pub(super) locate: Locate,
    pub(super) effects: VecDeque<Effect>,
    pub(super) wakes: VecDeque<(OpId, Wake)>,
    pub(super) timers: BTreeSet<(Duration, Timer)>,
    pub(super) stats: Stats,
    connections: BTreeMap<ConnId, Connection>,
    by_server: BTreeMap<(Address, &'static str, u32), ConnId>,
    calls: BTreeMap<u32, Call>,
    call_last: u32,
    conn_last: u64,
    random: u64,
}

impl Core {
    pub(super) fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            regions: RegionCache::default(),
            locate: Locate::default(),
            effects: VecDeque::new(),
            wakes: VecDeque::new(),
            timers: BTreeSet::new(),
            stats: Stats::default(),
            connections: BTreeMap::new(),
            by_server: BTreeMap::new(),
            calls: BTreeMap::new(),
            call_last: 0,
            conn_last: 0,
            random: seed,
        }
    }

    /// Asks a server; the answer comes by `purpose`, an error if it takes longer than `timeout`.
    pub(super) fn call<'c>(
        &mut self,
        now: Duration,
        (server, method): (&Address, Method),
        parameter: &impl Message,
        cells: impl Iterator<Item = &'c [u8]> + Clone,
        purpose: Purpose,
        timeout: Duration,
    ) {
        self.call_last = self.call_last.wrapping_add(1);
        let call = self.call_last;
        let timeout = timeout.max(Duration::from_millis(1));
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let frame = rpc::request(call, method.name, timeout_ms, parameter, cells);
        self.stats.calls += 1;
        self.stats.bytes_sent += frame.len() as u64;
        let until = now.saturating_add(timeout);
        self.timers.insert((until, Timer::Call(call)));
        let conn = self.connection(server, method.service);
        self.calls.insert(call, Call { conn, purpose, until });
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.calls.insert(call);
        match &mut connection.waiting {
            Some(waiting) => waiting.push(frame),
            None => self.effects.push_back(Effect::Send(conn, frame)),
        }
    }

    /// The connection to use now; it is made if need be.
    fn connection(&mut self, server: &Address, service: &'static str) -> ConnId {
        let slot = self.call_last % self.config.connections_per_server.max(1);
        let key = (server.clone(), service, slot);
        if let Some(conn) = self.by_server.get(&key) {
            return *conn;
        }
        self.conn_last += 1;
        let conn = ConnId(self.conn_last);
        self.by_server.insert(key.clone(), conn);
        let hello = rpc::hello(service, &self.config.user);
        let (server, calls) = (server.clone(), BTreeSet::new());
        self.effects.push_back(Effect::Connect(conn, server.clone()));
        self.connections
            .insert(conn, Connection { server, key, waiting: Some(vec![hello]), calls });
        conn
    }

    pub(super) fn connected(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        for frame in connection.waiting.take().into_iter().flatten() {
            self.effects.push_back(Effect::Send(conn, frame));
        }
    }

    /// Whose answer a frame is, and what it says. `None` when nobody waits for it any more.
    pub(super) fn frame(
        &mut self,
        conn: ConnId,
        frame: Bytes,
    ) -> Option<(Purpose, Result<Answer, Failure>)> {
        self.stats.bytes_received += frame.len() as u64;
        let connection = self.connections.get_mut(&conn)?;
        let response = match rpc::response(frame) {
            Ok(response) => response,
            Err(error) => {
                // What comes after it cannot be trusted either.
                self.effects.push_back(Effect::Close(conn));
                self.lost(conn, &error.to_string());
                return None;
            }
        };
        connection.calls.remove(&response.call).then_some(())?;
        let call = self.calls.remove(&response.call)?;
        self.timers.remove(&(call.until, Timer::Call(response.call)));
        Some((call.purpose, response.result.map_err(Failure::Remote)))
    }

    /// A call is late: its connection is taken for dead, for a server answers in time if only
    /// with a heartbeat or a refusal.
    pub(super) fn call_is_late(&mut self, call: u32) {
        let Some(late) = self.calls.get(&call) else { return };
        let conn = late.conn;
        self.effects.push_back(Effect::Close(conn));
        self.lost(conn, "it does not answer in time");
    }

    /// A connection is gone, and with it its calls.
    pub(super) fn lost(&mut self, conn: ConnId, reason: &str) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        self.by_server.remove(&connection.key);
        self.stats.connections_lost += 1;
        self.regions.forget_server(&connection.server);
        self.locate.forget_server(&connection.server);
        let why = format!("{}: {reason}", connection.server);
        for call in connection.calls {
            let Some(Call { purpose, until, .. }) = self.calls.remove(&call) else { continue };
            self.timers.remove(&(until, Timer::Call(call)));
            self.locate.failures.push_back((purpose, Failure::Lost(why.clone())));
        }
    }

    /// What a region's exception says of the region.
    pub(super) fn learn(&mut self, table: &[u8], region: &Arc<Region>, failure: &Failure) {
        if failure.remedy() == Remedy::Locate {
            self.regions.forget(table, region);
            if table == crate::region::META_TABLE {
                self.locate.forget_server(&region.server);
            }
        }
    }

    /// How long to wait before the `attempt`-th new attempt.
    fn backoff(&mut self, attempt: u32) -> Duration {
        const FACTORS: [u32; 8] = [1, 2, 3, 5, 10, 20, 30, 50];
        let place = (attempt.max(1) as usize - 1).min(FACTORS.len() - 1);
        let delay = self.config.pause * FACTORS[place];
        // Clients that failed together do not come back together.
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        delay + delay * ((self.random >> 40) as u32 % 16) / 64
    }
}

/// How often and how long an operation was tried.
#[derive(Debug)]
pub(super) struct Attempts {
    count: u32,
    deadline: Duration,
    timer_at: Duration,
    is_waiting: bool,
    last: Option<String>,
}

impl Attempts {
    pub(super) fn new(core: &mut Core, now: Duration, id: OpId) -> Self {
        let deadline = now.saturating_add(core.config.operation_timeout);
        core.timers.insert((deadline, Timer::Deadline(id)));
        Self { count: 0, deadline, timer_at: deadline, is_waiting: false, last: None }
    }

    /// Waits for another attempt; an error when there were enough.
    pub(super) fn again(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
        failure: &Failure,
    ) -> Result<(), Error> {
        self.last = Some(failure.to_string());
        if self.is_waiting {
            return Ok(());
        }
        self.count += 1;
        core.stats.retries += 1;
        let at = now.saturating_add(core.backoff(self.count));
        if self.count > core.config.attempts_max || at >= self.deadline {
            return Err(self.exhausted());
        }
        if self.count >= 4 && self.count.is_power_of_two() {
            let warning = format!("{} failed attempts, at last: {failure}", self.count);
            core.effects.push_back(Effect::Warn(warning));
        }
        self.is_waiting = true;
        core.timers.insert((at, Timer::Retry(id)));
        Ok(())
    }

    /// Whether it waits for another attempt.
    pub(super) const fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    pub(super) const fn waited(&mut self) {
        self.is_waiting = false;
    }

    /// Something succeeded: from now on as if it were new.
    pub(super) fn progress(&mut self, core: &Core, now: Duration) {
        self.count = 0;
        self.deadline = now.saturating_add(core.config.operation_timeout);
    }

    /// An error when the time is over; otherwise it is looked at again later.
    pub(super) fn check_deadline(
        &mut self,
        core: &mut Core,
        now: Duration,
        id: OpId,
    ) -> Result<(), Error> {
        if now >= self.deadline {
            return Err(self.exhausted());
        }
        self.timer_at = self.deadline;
        core.timers.insert((self.timer_at, Timer::Deadline(id)));
        Ok(())
    }

    /// The operation is over.
    pub(super) fn end(&self, core: &mut Core, id: OpId) {
        core.timers.remove(&(self.timer_at, Timer::Deadline(id)));
    }

    /// How long a call may take: no longer than the operation.
    pub(super) fn call_timeout(&self, core: &Core, now: Duration) -> Duration {
        core.config.call_timeout.min(self.time_left(now))
    }

    pub(super) const fn time_left(&self, now: Duration) -> Duration {
        self.deadline.saturating_sub(now)
    }

    fn exhausted(&self) -> Error {
        let last = self.last.clone().unwrap_or_else(|| "no answer in time".to_owned());
        Error::Exhausted { attempts: self.count.max(1), last }
    }
}
