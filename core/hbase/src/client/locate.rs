//! Where regions are: ZooKeeper or a master says where `hbase:meta` is, and that says the rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::core::{Core, Failure, Method, Purpose, SCAN, Timer, Wake};
use super::{Effect, OpId, Registry};
use crate::error::Remedy;
use crate::keyvalue::CellBlock;
use crate::pb;
use crate::region::{
    Address, META_FAMILY, META_TABLE, Place, Region, region_of_row, znode_message,
};
use crate::rpc::Answer;

/// A table and a place in it.
pub(super) type Key = (Bytes, Place);

const META_LOCATIONS: Method =
    Method { service: "ClientMetaService", name: "GetMetaRegionLocations" };

/// How long ZooKeeper may take.
const ZNODE_TIMEOUT: Duration = Duration::from_secs(10);

/// A region in the znode of meta whose server has it.
const STATE_OPEN: i32 = 3;

/// What is looked for.
#[derive(Debug, Default)]
pub(super) struct Locate {
    meta: Meta,
    master: Option<Address>,
    lookups: BTreeMap<Key, Lookup>,
    meta_waiters: BTreeSet<OpId>,
    master_waiters: BTreeSet<OpId>,
    /// The question to ZooKeeper under way.
    znode: Option<(Duration, u64)>,
    znode_last: u64,
    /// Which of the listed masters is asked next.
    master_next: usize,
    /// Calls of lost connections, to be told to who waits for them.
    pub(super) failures: VecDeque<(Purpose, Failure)>,
}

/// Where `hbase:meta` is.
#[derive(Debug, Default)]
enum Meta {
    #[default]
    Unknown,
    Asking,
    Known(Address),
}

#[derive(Debug, Default)]
struct Lookup {
    waiters: BTreeSet<OpId>,
    is_asked: bool,
}

impl Locate {
    pub(super) fn forget_server(&mut self, server: &Address) {
        if matches!(&self.meta, Meta::Known(known) if known == server) {
            self.meta = Meta::Unknown;
        }
        self.master.take_if(|master| master == server);
    }

    /// An operation waits no more.
    pub(super) fn forget_waiter(&mut self, id: OpId) {
        self.meta_waiters.remove(&id);
        self.master_waiters.remove(&id);
        for lookup in self.lookups.values_mut() {
            lookup.waiters.remove(&id);
        }
    }
}

impl Core {
    /// The region at a place if it is known; otherwise `id` will be told when it is.
    pub(super) fn find(
        &mut self,
        now: Duration,
        id: OpId,
        table: &Bytes,
        place: Place,
    ) -> Option<Arc<Region>> {
        if table[..] == *META_TABLE {
            if let Meta::Known(server) = &self.locate.meta {
                return Some(Arc::new(Region::meta(server.clone())));
            }
            self.locate.meta_waiters.insert(id);
            self.ask_registry(now);
            return None;
        }
        if let Some(region) = self.regions.find(table, &place) {
            return Some(region);
        }
        let key = (table.clone(), place);
        self.locate.lookups.entry(key).or_default().waiters.insert(id);
        self.look_up(now);
        None
    }

    /// The active master if it is known; otherwise `id` will be told when it is.
    pub(super) fn find_master(&mut self, now: Duration, id: OpId) -> Option<Address> {
        if let Registry::Masters(masters) = &self.config.registry {
            // One that is not active says so, and the next is asked.
            return masters.get(self.locate.master_next % masters.len().max(1)).cloned();
        }
        if self.locate.master.is_none() {
            self.locate.master_waiters.insert(id);
            self.read_znode(now, "master");
        }
        self.locate.master.clone()
    }

    /// The master that was asked is not the active one, or gone.
    pub(super) fn forget_master(&mut self) {
        self.locate.master = None;
        self.locate.master_next = self.locate.master_next.wrapping_add(1);
    }

    /// Asks meta what is looked for, once it is known where meta is.
    fn look_up(&mut self, now: Duration) {
        let Meta::Known(server) = &self.locate.meta else {
            self.ask_registry(now);
            return;
        };
        let server = server.clone();
        let unasked = self.locate.lookups.iter_mut().filter(|(_, lookup)| !lookup.is_asked);
        let keys: Vec<Key> = unasked
            .map(|(key, lookup)| {
                lookup.is_asked = true;
                key.clone()
            })
            .collect();
        for key in keys {
            self.stats.lookups += 1;
            let (table, place) = &key;
            let request = meta_scan(table, place, &server);
            let timeout = self.config.call_timeout;
            let none = std::iter::empty();
            self.call(now, (&server, SCAN), &request, none, Purpose::Lookup(key), timeout);
        }
    }

    /// Meta's answer.
    pub(super) fn looked_up(&mut self, now: Duration, key: Key, result: Result<Answer, Failure>) {
        let Some(lookup) = self.locate.lookups.remove(&key) else { return };
        let found = result.and_then(|answer| found(&key, &answer));
        let result = match found {
            Ok(region) => {
                self.regions.insert(key.0, Arc::new(region));
                Ok(())
            }
            Err(failure) => {
                if matches!(&failure, Failure::Remote(error) if error.remedy() == Remedy::Locate) {
                    self.locate.meta = Meta::Unknown;
                }
                Err(failure)
            }
        };
        self.wake_all(lookup.waiters, &result);
        if !self.locate.lookups.is_empty() {
            self.look_up(now);
        }
    }

    fn wake_all(&mut self, waiters: BTreeSet<OpId>, result: &Result<(), Failure>) {
        self.wakes.extend(waiters.into_iter().map(|id| (id, Wake::Located(result.clone()))));
    }

    fn ask_registry(&mut self, now: Duration) {
        if !matches!(self.locate.meta, Meta::Unknown) {
            return;
        }
        self.locate.meta = Meta::Asking;
        match &self.config.registry {
            Registry::Zookeeper { .. } => self.read_znode(now, "meta-region-server"),
            Registry::Masters(masters) => {
                let index = self.locate.master_next % masters.len().max(1);
                match masters.get(index).cloned() {
                    Some(master) => self.ask_master(now, &master),
                    None => self.registry_failed("no master is named".to_owned()),
                }
            }
        }
    }

    fn ask_master(&mut self, now: Duration, master: &Address) {
        let request = pb::GetMetaRegionLocationsRequest {};
        let timeout = self.config.call_timeout;
        let none = std::iter::empty();
        self.call(now, (master, META_LOCATIONS), &request, none, Purpose::Registry, timeout);
    }

    fn read_znode(&mut self, now: Duration, name: &str) {
        let Registry::Zookeeper { parent } = &self.config.registry else { return };
        let path = format!("{}/{name}", parent.trim_end_matches('/'));
        self.locate.znode_last += 1;
        let question = self.locate.znode_last;
        let until = now.saturating_add(ZNODE_TIMEOUT);
        self.locate.znode = Some((until, question));
        self.timers.insert((until, Timer::Znode(question)));
        self.effects.push_back(Effect::ReadZnode(path));
    }

    pub(super) fn znode_is_late(&mut self, question: u64) {
        if self.locate.znode.take_if(|(_, asked)| *asked == question).is_some() {
            self.registry_failed("ZooKeeper does not answer".to_owned());
        }
    }

    /// ZooKeeper's answer; no data when there is no such node.
    pub(super) fn znode(
        &mut self,
        now: Duration,
        path: &str,
        result: Result<Option<Bytes>, String>,
    ) {
        if let Some((until, question)) = self.locate.znode.take() {
            self.timers.remove(&(until, Timer::Znode(question)));
        }
        let data = match result {
            Ok(data) => data,
            Err(why) => return self.registry_failed(format!("ZooKeeper: {why}")),
        };
        if path.ends_with("/master") {
            let master = data.as_deref().and_then(znode_message::<pb::Master>);
            let master = master.and_then(|master| Address::of_server(&master.master));
            let Some(master) = master else {
                return self.registry_failed(format!("{path} in ZooKeeper names no master"));
            };
            self.locate.master = Some(master.clone());
            let waiters = std::mem::take(&mut self.locate.master_waiters);
            self.wake_all(waiters, &Ok(()));
            if matches!(self.locate.meta, Meta::Asking) {
                self.ask_master(now, &master);
            }
            return;
        }
        if !matches!(self.locate.meta, Meta::Asking) {
            return;
        }
        match data {
            // HBase 3 does not tell it there.
            None => self.read_znode(now, "master"),
            Some(data) => {
                let meta = znode_message::<pb::MetaRegionServer>(&data);
                let open = meta.filter(|meta| meta.state.is_none_or(|state| state == STATE_OPEN));
                match open.and_then(|meta| Address::of_server(&meta.server)) {
                    Some(server) => self.meta_is_at(now, server),
                    None => self.registry_failed(format!("{path}: hbase:meta is not open")),
                }
            }
        }
    }

    /// A master's answer.
    pub(super) fn registry_answered(&mut self, now: Duration, result: Result<Answer, Failure>) {
        if !matches!(self.locate.meta, Meta::Asking) {
            return;
        }
        let located = result.and_then(|answer| {
            let malformed = |error: crate::FrameError| Failure::Malformed(error.to_string());
            let answer: pb::GetMetaRegionLocationsResponse = answer.decode().map_err(malformed)?;
            // Replicas of meta lag behind.
            let first = answer
                .meta_locations
                .into_iter()
                .find(|location| location.region_info.replica_id.unwrap_or(0) == 0);
            let server = first.and_then(|location| location.server_name);
            let server = server.and_then(|name| Address::of_server(&name));
            server.ok_or_else(|| Failure::Lost("the master does not know hbase:meta".to_owned()))
        });
        match located {
            Ok(server) => self.meta_is_at(now, server),
            Err(failure) => {
                self.forget_master();
                self.registry_failed(failure.to_string());
            }
        }
    }

    fn meta_is_at(&mut self, now: Duration, server: Address) {
        self.locate.meta = Meta::Known(server);
        let waiters = std::mem::take(&mut self.locate.meta_waiters);
        self.wake_all(waiters, &Ok(()));
        if !self.locate.lookups.is_empty() {
            self.look_up(now);
        }
    }

    fn registry_failed(&mut self, why: String) {
        if matches!(self.locate.meta, Meta::Asking) {
            self.locate.meta = Meta::Unknown;
        }
        let mut waiters = std::mem::take(&mut self.locate.meta_waiters);
        waiters.append(&mut std::mem::take(&mut self.locate.master_waiters));
        self.locate.lookups.retain(|_, lookup| {
            if !lookup.is_asked {
                waiters.append(&mut lookup.waiters);
            }
            lookup.is_asked
        });
        self.wake_all(waiters, &Err(Failure::Lost(why)));
    }
}

/// The scan of meta, backwards, that finds the region of a place.
fn meta_scan(table: &[u8], place: &Place, server: &Address) -> pb::ScanRequest {
    let column = pb::Column { family: META_FAMILY.into(), qualifier: Vec::new() };
    let scan = pb::Scan {
        column: vec![column],
        start_row: Some(place.meta_row(table)),
        stop_row: Some([table, b",,"].concat().into()),
        max_versions: Some(1),
        reversed: Some(true),
        caching: Some(1),
        include_start_row: Some(true),
        include_stop_row: Some(false),
        ..pb::Scan::default()
    };
    pb::ScanRequest {
        region: Some(Region::meta(server.clone()).specifier()),
        scan: Some(scan),
        number_of_rows: Some(1),
        close_scanner: Some(true),
        client_handles_partials: Some(false),
        client_handles_heartbeats: Some(false),
        limit_of_rows: Some(1),
        ..pb::ScanRequest::default()
    }
}

/// The region that meta answered with.
fn found((table, place): &Key, answer: &Answer) -> Result<Region, Failure> {
    let cells = CellBlock::parse(answer.cells.clone())
        .map_err(|error| Failure::Malformed(error.to_string()))?;
    let name = || String::from_utf8_lossy(table).into_owned();
    // What meta does not say yet, it may say soon.
    let (found, region) = region_of_row(&cells)
        .map_err(|error| Failure::Lost(format!("table {}: {error}", name())))?;
    let row = match place {
        Place::At(row) | Place::Before(row) => row,
    };
    if found != *table {
        return Err(Failure::Lost(format!("hbase:meta knows no region of table {}", name())));
    }
    if !place.is_in(&region) {
        let (row, name) = (row.escape_ascii(), name());
        return Err(Failure::Lost(format!("table {name} has no open region at {row}")));
    }
    Ok(region)
}
