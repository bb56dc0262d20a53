//! What machines ask of the log, the table and coordination, and what goes wrong with it.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_daemons::contract::coord::CoordError;
use weft_daemons::contract::log::{LogAction, LogError, LogEvent, NewRecord};
use weft_daemons::contract::table::{
    CellTime, MetaPut, SeriesPut, TableAction, TableError, TableEvent,
};
use weft_daemons::contract::{ActionId, CoordAction, CoordEvent, Event};
use weft_gts::SeriesId;
use weft_wire::kafka::partition;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use super::{
    Address, DATA_TOPIC, EPOCH_MS, Happening, LIBRARY_NS, METADATA_TOPIC, STORE_GROUP, Server,
    THROTTLING_TOPIC, TableCall, World,
};
use crate::log::Out;
use crate::node::{PLASMA_ROOT, plasma_topic};
use crate::params::{MS, SECOND};
use crate::random::Random;

/// How long after a process died what it has sent still arrives, nanoseconds.
const ON_THE_WIRE_NS: u64 = 20 * MS;

/// Bytes of a record that makes a consumer's queue full with three others.
const LARGE_BYTES: usize = 5 << 20;

impl World {
    pub(super) fn ask_log(&mut self, from: Address, action: LogAction) {
        if let LogAction::Subscribe { topic, group, start } = &action {
            let subscription = (topic.clone(), group.clone(), *start);
            self.nodes[from.node].slots[from.slot].subscriptions.push(subscription);
        }
        let faults = self.params.faults.clone();
        let wait = self.whole_at(from.node, Server::Log) - self.now_ns;
        let gives_up = wait > LIBRARY_NS;
        let lost = match &action {
            LogAction::Append { id, .. } => {
                let is_done = self.chance(faults.append_unknown, "append unknown");
                let is_not = self.chance(faults.append_refused, "append unavailable");
                let error = if is_done || gives_up {
                    LogError::Unknown("no answer".to_owned())
                } else {
                    LogError::Unavailable("no leader".to_owned())
                };
                let happens = is_done || gives_up && self.chance.chance(0.5);
                let event = LogEvent::Appended { id: *id, result: Err(error) };
                (is_done || is_not || gives_up).then_some((event, happens))
            }
            LogAction::Commit { id, .. } => {
                let fails = self.chance(faults.commit_failed, "commit failed") || gives_up;
                let result = Err(LogError::Unavailable("no coordinator".to_owned()));
                let happens = self.chance.chance(0.3);
                fails.then(|| (LogEvent::Committed { id: *id, result }, happens))
            }
            LogAction::Ends { id, .. } => {
                let fails = self.chance(faults.append_refused / 8.0, "ends failed") || gives_up;
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                fails.then_some((LogEvent::Ends { id: *id, result }, false))
            }
            LogAction::Describe { id, .. } => {
                let fails = self.chance(faults.append_refused, "describe failed") || gives_up;
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                fails.then_some((LogEvent::Described { id: *id, result }, false))
            }
            _ => None,
        };
        let Some((event, happens)) = lost else {
            let is_late = matches!(action, LogAction::Append { .. })
                && self.chance(faults.append_late, "append late");
            let late = if is_late { self.chance.between(50 * MS, 4 * SECOND) } else { 0 };
            let at = self.log_at(from, &action, late);
            return self.schedule_at(at, Happening::AtLog(from, action));
        };
        let give_up = if gives_up { LIBRARY_NS } else { self.net.delay(200 * MS) };
        self.schedule(give_up, Happening::Deliver(from, Event::Log(event)));
        if happens {
            let at = self.log_at(from, &action, 0);
            // The answer to what was given up is nobody's.
            let action = with_id(action, ActionId(u64::MAX));
            if matches!(action, LogAction::Append { .. }) && self.chance.chance(0.2) {
                // Nor does anybody know how often it happened.
                let twice = at + self.net.delay(SECOND);
                self.schedule_at(twice, Happening::AtLog(from, action.clone()));
            }
            self.schedule_at(at, Happening::AtLog(from, action));
        }
    }

    /// When the log has an action that is so late. Appends of a machine to a topic stay in order,
    /// and what else it wants of the log does not wait for them.
    fn log_at(&mut self, from: Address, action: &LogAction, late: u64) -> u64 {
        match action {
            LogAction::Append { topic, .. } => {
                let at = self.ordered(from, Server::Log, true) + late;
                let until = self.appends_until.entry((from, topic.clone())).or_default();
                *until = at.max(*until + 1);
                *until
            }
            // Libraries ask such questions beside what they append.
            LogAction::Ends { .. } | LogAction::Describe { .. } => {
                self.whole_at(from.node, Server::Log) + self.latency_of(Server::Log)
            }
            _ => self.ordered(from, Server::Log, true),
        }
    }

    pub(super) fn at_log(&mut self, from: Address, action: LogAction) {
        // What was sent before a process died may still arrive; subscriptions are gone with it. So
        // is what was given up, or would arrive later than who asked can learn of the death and ask
        // another: README.md, "What is not promised".
        let is_on_the_wire = || self.now_ns <= self.nodes[from.node].gone_ns + ON_THE_WIRE_NS;
        let is_call = match &action {
            LogAction::Append { .. } if from.slot == usize::MAX => true,
            LogAction::Append { id, .. } => *id != ActionId(u64::MAX) && is_on_the_wire(),
            LogAction::Commit { .. } => true,
            _ => false,
        };
        if !self.lives(from) && !is_call {
            return;
        }
        if self.log_full_until > self.now_ns
            && let Some(event) = refused(&action, "no space left on the device")
        {
            return self.log_out(vec![Out::Answer(from, event)]);
        }
        let Some(action) = self.without_leader(from, action) else { return };
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let commit = match &action {
            LogAction::Commit { topic, group, partition, position, epoch, .. } => {
                Some((topic.clone(), group.clone(), *partition, position.offset, *epoch))
            }
            _ => None,
        };
        let appended = match &action {
            LogAction::Append { topic, .. } => Some(topic.clone()),
            _ => None,
        };
        let before = commit
            .as_ref()
            .and_then(|(topic, group, partition, ..)| self.log.committed(topic, group, *partition));
        let out = self.log.submit(wall_ms, from, action);
        if let Some(topic) = appended {
            self.checks.appended(self.now_ns, &topic, &self.log);
            if let Some(subscribers) = &mut self.subscribers {
                subscribers.appended(&self.log);
            }
        }
        if let Some((topic, group, partition, offset, epoch)) = commit
            && self.log.committed(&topic, &group, partition) == Some(offset)
            && before != Some(offset)
        {
            let range = before.unwrap_or(0)..offset;
            let (log, table) = (&self.log, &self.table);
            self.checks.committed(from, &topic, &group, partition, epoch, range, log, table);
        }
        self.log_out(out);
    }

    /// What of an action a log does that has no leader for some partitions, or no coordinator of its
    /// groups; what it does not do is answered, or comes back when it can be done.
    fn without_leader(&mut self, from: Address, action: LogAction) -> Option<LogAction> {
        if self.coordinator_down_until > self.now_ns {
            match &action {
                LogAction::Commit { .. } => {
                    let moved = refused(&action, "the coordinator has moved")?;
                    self.log_out(vec![Out::Answer(from, moved)]);
                    return None;
                }
                LogAction::Subscribe { group, .. } if !group.is_empty() => {
                    let at = self.coordinator_down_until;
                    self.schedule_at(at, Happening::AtLog(from, action));
                    return None;
                }
                _ => {}
            }
        }
        let now_ns = self.now_ns;
        let down =
            |partition: &u32| self.leaders_down.get(partition).is_some_and(|until| *until > now_ns);
        match action {
            LogAction::Ends { id, .. } if self.leaders_down.keys().any(down) => {
                let result = Err(LogError::Unavailable("a partition has no leader".to_owned()));
                self.log_out(vec![Out::Answer(from, LogEvent::Ends { id, result })]);
                None
            }
            LogAction::Append { id, topic, records } => {
                let all = records.len();
                let records: Vec<NewRecord> =
                    records.into_iter().filter(|record| !down(&record.partition)).collect();
                let action = |id, records| LogAction::Append { id, topic, records };
                if records.len() == all {
                    return Some(action(id, records));
                }
                *self.stats.action_faults.entry("no leader").or_default() += 1;
                let is_partial = !records.is_empty();
                let error = "a partition has no leader".to_owned();
                let error = if is_partial {
                    LogError::Unknown(error)
                } else {
                    LogError::Unavailable(error)
                };
                let event = LogEvent::Appended { id, result: Err(error) };
                self.log_out(vec![Out::Answer(from, event)]);
                // What has a leader is appended; that is nobody's answer.
                is_partial.then(|| action(ActionId(u64::MAX), records))
            }
            action => Some(action),
        }
    }

    pub(super) fn log_out(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Tell(to, event) => {
                    self.checks.log_told(to, &event);
                    let at = self.ordered(to, Server::Log, false);
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Answer(to, event) => {
                    let at = self.whole_at(to.node, Server::Log) + self.latency_of(Server::Log);
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Later(delay, step) => self.schedule(delay, Happening::LogStep(step)),
            }
        }
    }

    pub(super) fn ask_table(&mut self, from: Address, action: TableAction) {
        let hang = self.params.faults.table_hang;
        let call = self.table_call();
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. }
                | TableAction::Next { .. }
                | TableAction::Cancel { .. }
                | TableAction::ScanMeta { .. }
        );
        let hangs = self.table_hung_until > self.now_ns;
        if is_write && (hangs || self.chance(hang, "table hangs")) {
            return self.hang(from, action, call);
        }
        let read_hang = self.params.faults.read_hang;
        if matches!(action, TableAction::Next { .. }) && self.chance(read_hang, "read hangs") {
            // It may be answered when nobody waits any more.
            if self.chance.chance(0.5) {
                let delay = self.net.between(SECOND, 90 * SECOND);
                self.schedule(delay, Happening::AtTable(from, action, call));
            }
            return;
        }
        let wait = self.whole_at(from.node, Server::Table) - self.now_ns;
        if wait > LIBRARY_NS && is_write {
            let error = || TableError::Unavailable("no route to the region".to_owned());
            let event = match &action {
                TableAction::Delete { id, .. } => {
                    TableEvent::Deleted { id: *id, result: Err(error()) }
                }
                TableAction::Flush { id } => TableEvent::Flushed { id: *id, result: Err(error()) },
                TableAction::Put { id, .. }
                | TableAction::PutMeta { id, .. }
                | TableAction::DeleteMeta { id, .. }
                | TableAction::SaveSnapshot { id, .. } => {
                    TableEvent::Written { id: *id, result: Err(error()) }
                }
                _ => return,
            };
            return self.schedule(LIBRARY_NS, Happening::Deliver(from, Event::Table(event)));
        }
        let at = if is_write {
            self.now_ns + wait + self.latency_of(Server::Table)
        } else {
            self.ordered(from, Server::Table, true)
        };
        let twice = self.params.faults.table_twice;
        if is_write && !self.is_once(&action) && self.chance(twice, "call twice") {
            // A client library that has waited too long asks once more; what it asked first may be
            // done after the answer to that.
            let again = TableCall { is_answered: false, ..call };
            let delay = self.net.delay(2 * SECOND);
            self.schedule_at(at + delay, Happening::AtTable(from, action.clone(), again));
        }
        self.schedule_at(at, Happening::AtTable(from, action, call));
    }

    pub(super) const fn table_call(&mut self) -> TableCall {
        self.last_call += 1;
        TableCall { number: self.last_call, is_answered: true, regions: u32::MAX }
    }

    /// Nobody is told. Some regions may do it at once, some a good while later, whoever owns the
    /// partition then.
    ///
    /// Cells with their datapoint's time have no order of their own: there, what comes late does
    /// hide newer values (README.md, "What is not promised").
    fn hang(&mut self, from: Address, action: TableAction, call: TableCall) {
        self.checks.excuse(Some(from.node), self.call_time_max_ns());
        if self.is_once(&action) || self.chance.chance(0.4) {
            return;
        }
        let prompt = self.chance.next() as u32 & self.chance.next() as u32;
        let at = self.now_ns + self.latency_of(Server::Table);
        let first = TableCall { is_answered: false, regions: prompt, ..call };
        self.schedule_at(at, Happening::AtTable(from, action.clone(), first));
        let delay = self.net.between(SECOND, 90 * SECOND);
        let rest = TableCall { regions: !prompt, ..first };
        self.schedule(delay, Happening::AtTable(from, action, rest));
    }

    /// Whether an action is about cells that carry their datapoint's time.
    pub(super) fn is_timed(&self, action: &TableAction) -> bool {
        let is_timed = |put: &SeriesPut| matches!(put.cell_time, CellTime::OfDatapoint(_));
        match action {
            TableAction::Put { puts, .. } => puts.iter().any(is_timed),
            TableAction::Delete { series, .. } => self.table.is_timed(*series),
            _ => false,
        }
    }

    /// Whether an action is never done twice, nor late: a snapshot is kept within the process alone.
    fn is_once(&self, action: &TableAction) -> bool {
        self.is_timed(action) || matches!(action, TableAction::SaveSnapshot { .. })
    }

    pub(super) fn at_table(&mut self, from: Address, action: TableAction, call: TableCall) {
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let faults = self.params.faults.clone();
        let broken = match &action {
            TableAction::Next { id } => {
                self.chance(faults.read_broken, "read broken").then_some(*id)
            }
            _ => None,
        };
        if let Some(id) = broken {
            if let Some(event) = self.table.break_stream(from, id) {
                let at = self.now_ns + self.latency_of(Server::Table);
                self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
            }
            return;
        }
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. } | TableAction::Next { .. } | TableAction::ScanMeta { .. }
        );
        let regions = self.regions;
        let is_full = self.table_full_until > self.now_ns;
        let is_moved = |until: &u64| *until > self.now_ns;
        // A read waits for a region that is on its way.
        if let TableAction::Next { id } = action
            && let Some(series) = self.table.reads_next(from, id)
            && let Some(until) = self.moved.get(&regions.of(series, 0)).copied()
            && until > self.now_ns
        {
            *self.stats.action_faults.entry("read waits").or_default() += 1;
            return self.schedule_at(until, Happening::AtTable(from, action, call));
        }
        let moved: Vec<bool> = (0..regions.end())
            .map(|region| is_full || self.moved.get(&region).is_some_and(is_moved))
            .collect();
        let is_partial = is_write && self.chance(faults.put_partial, "write partial");
        let (mut draw, now_ns) = (self.chance.fork(), self.now_ns);
        let is_timed = self.is_timed(&action);
        let deletes = matches!(action, TableAction::Delete { .. });
        let (calls, log, partitions) = (&mut self.timed_calls, &self.log, self.params.partitions);
        let told = if is_timed { self.checks.ownership.assignments(from) } else { BTreeMap::new() };
        let owns = |series: SeriesId| {
            let number = partition(&series.to_bytes(), partitions);
            let owner = log.assignment(&DATA_TOPIC.into(), &STORE_GROUP.into(), number);
            let told = told.get(&number).filter(|told| call.number > told.call);
            owner.is_some_and(|owner| told.is_some_and(|told| owner == (from, told.epoch)))
        };
        let keep = |series: SeriesId, tick: i64| {
            let region = regions.of(series, tick) as usize;
            // Cells with their datapoint's time have no order but that in which they arrive: a
            // call that another one has overtaken is lost, and so is that of a store that does not
            // know yet that the partition is another's (README.md, "What is not promised").
            let is_overtaken = is_timed && {
                let [put, delete] = calls.entry(series).or_default();
                // Deletes may overtake each other.
                let newest = if deletes { *put } else { (*put).max(*delete) };
                let own = if deletes { delete } else { put };
                *own = call.number.max(*own);
                newest > call.number || !owns(series)
            };
            let is_reached = call.regions & (1 << region) != 0;
            !(is_overtaken
                || is_write && (moved[region] || !is_reached)
                || is_partial && draw.chance(0.5))
        };
        self.checks.at_table(now_ns, &action);
        self.table.is_late = !call.is_answered;
        let event = self.table.submit(wall_ms, from, action, keep);
        if let Some(event) = event
            && call.is_answered
        {
            let at = self.whole_at(from.node, Server::Table) + self.latency_of(Server::Table);
            self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
        }
    }

    /// Whether a session has ended, and who had it does not know yet: nothing is done for it.
    fn has_expired(&self, session: Address) -> bool {
        self.expired.get(&session).is_some_and(|until| *until > self.now_ns)
    }

    pub(super) fn ask_coord(&mut self, from: Address, action: CoordAction) {
        if self.has_expired(from) {
            let delay = self.latency();
            let answer = Event::Coord(coord_lost(&action));
            return self.schedule(delay, Happening::Deliver(from, answer));
        }
        let is_cut = !self.is_reachable(from.node, Server::Coord);
        if is_cut && self.chance.chance(0.5) {
            // The session is told; what was asked may have been done.
            let answer = Event::Coord(coord_lost(&action));
            let delay = self.latency();
            self.schedule(delay, Happening::Deliver(from, answer));
            if let CoordAction::Create { path, data, ephemeral, .. } = action
                && self.chance.chance(0.5)
            {
                let at = self.ordered(from, Server::Coord, true);
                let id = ActionId(u64::MAX);
                let action = CoordAction::Create { id, path, data, ephemeral };
                self.schedule_at(at, Happening::AtCoord(from, action));
            }
            return;
        }
        let at = self.ordered(from, Server::Coord, true);
        self.schedule_at(at, Happening::AtCoord(from, action));
    }

    pub(super) fn at_coord(&mut self, from: Address, action: CoordAction) {
        if !self.lives(from) {
            return;
        }
        if self.has_expired(from) {
            let delay = self.latency();
            let answer = Event::Coord(coord_lost(&action));
            return self.schedule(delay, Happening::Deliver(from, answer));
        }
        let late = self.params.faults.watch_late;
        let asks = matches!(action, CoordAction::Create { .. } | CoordAction::Get { .. });
        if asks && self.chance(late / 4.0, "contact lost") {
            return self.lose_contact(from, action);
        }
        let tells = matches!(&action, CoordAction::Set { path, .. } if path == PLASMA_ROOT);
        if tells && self.chance(self.params.faults.backend_unseen, "backend unseen") {
            self.expire_backend();
        }
        let (answer, fired) = self.coord.submit(from, action);
        let at = self.ordered(from, Server::Coord, false);
        self.schedule_at(at, Happening::Deliver(from, Event::Coord(answer)));
        self.coord_out(fired);
    }

    /// The session of some node with a backend ends.
    fn expire_backend(&mut self) {
        let nodes = 0..self.params.nodes.len();
        let backends: Vec<usize> =
            nodes.filter(|node| self.params.nodes[*node].backend && self.nodes[*node].up).collect();
        if !backends.is_empty() {
            let node = *self.net.pick(&backends);
            self.expire_session(node);
        }
    }

    /// The connection breaks over a call, which may have been done; the session goes on.
    fn lose_contact(&mut self, from: Address, action: CoordAction) {
        let lost = coord_lost(&action);
        if self.chance.chance(0.5) {
            let (_, fired) = self.coord.submit(from, action);
            self.coord_out(fired);
        }
        for event in [lost, CoordEvent::Disconnected, CoordEvent::Connected] {
            let at = self.ordered(from, Server::Coord, false);
            self.schedule_at(at, Happening::Deliver(from, Event::Coord(event)));
        }
    }

    pub(super) fn coord_out(&mut self, fired: Vec<(Address, CoordEvent)>) {
        let late = self.params.faults.watch_late;
        for (to, event) in fired {
            let mut at = self.ordered(to, Server::Coord, false);
            if self.chance(late, "watch late") {
                at += self.net.between(100 * MS, 8 * SECOND);
            }
            if self.chance(late, "watch twice") {
                // A session that is taken up again may be told once more.
                let again = at + self.net.delay(SECOND);
                self.schedule_at(again, Happening::Deliver(to, Event::Coord(event.clone())));
            }
            self.schedule_at(at, Happening::Deliver(to, Event::Coord(event)));
        }
    }

    /// Somebody else writes into a topic or the metadata table what nobody understands.
    pub fn junk(&mut self, mut random: Random) {
        let nobody = Address { node: 0, life: 0, slot: usize::MAX };
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let class_id = random.next() as i64;
        let broken = KafkaDataMessage {
            class_id,
            labels_id: 1,
            data: Some(vec![0xff; 3]),
            ..KafkaDataMessage::new(KafkaDataMessageType::Store)
        };
        // Much of it makes consumers hold the log back.
        let count = if random.chance(0.1) { 4 } else { 1 };
        let nothing = || Bytes::from(vec![0; LARGE_BYTES]);
        let kinds = if self.params.limits.is_some() { 5 } else { 4 };
        let (topic, value) = match random.below(kinds) {
            which if count > 1 => ([DATA_TOPIC, METADATA_TOPIC][which as usize % 2], nothing()),
            0 => (DATA_TOPIC, Bytes::from_static(b"junk")),
            1 => (DATA_TOPIC, broken.encode().into()),
            2 => (METADATA_TOPIC, Bytes::from_static(b"neither ids nor metadata")),
            4 => (THROTTLING_TOPIC, Bytes::from_static(b"what nobody has signed")),
            _ => {
                let series = SeriesId { class_id, labels_id: 1 };
                let rows = vec![MetaPut { series, row: Bytes::from_static(b"junk"), cell_ms: 1 }];
                let action = TableAction::PutMeta { id: ActionId(u64::MAX), rows };
                self.table.submit(wall_ms, nobody, action, |_, _| true);
                return;
            }
        };
        let partition = random.below(u64::from(self.params.partitions)) as u32;
        let records = vec![NewRecord { partition, key: Bytes::new(), value }; count];
        let frontend = self.params.nodes.iter().position(|node| node.frontend);
        let topic = match frontend {
            // Nobody but backends has any business there.
            Some(node) if topic == DATA_TOPIC && random.chance(0.5) => plasma_topic(node).into(),
            _ => topic.into(),
        };
        self.at_log(nobody, LogAction::Append { id: ActionId(u64::MAX), topic, records });
    }
}

/// What is told of a call that found no contact.
fn coord_lost(action: &CoordAction) -> CoordEvent {
    let error = || CoordError::Unavailable("connection loss".to_owned());
    match action {
        CoordAction::Create { id, .. }
        | CoordAction::Set { id, .. }
        | CoordAction::Delete { id, .. } => CoordEvent::Done { id: *id, result: Err(error()) },
        CoordAction::Get { id, .. } => CoordEvent::Data { id: *id, result: Err(error()) },
        CoordAction::Children { id, .. } => CoordEvent::Children { id: *id, result: Err(error()) },
    }
}

/// What a log says to what it would have to keep and cannot.
fn refused(action: &LogAction, why: &str) -> Option<LogEvent> {
    let error = || LogError::Unavailable(why.to_owned());
    match action {
        LogAction::Append { id, .. } => Some(LogEvent::Appended { id: *id, result: Err(error()) }),
        LogAction::Commit { id, .. } => Some(LogEvent::Committed { id: *id, result: Err(error()) }),
        _ => None,
    }
}

fn with_id(action: LogAction, id: ActionId) -> LogAction {
    match action {
        LogAction::Append { topic, records, .. } => LogAction::Append { id, topic, records },
        LogAction::Commit { topic, group, partition, epoch, position, .. } => {
            LogAction::Commit { id, topic, group, partition, epoch, position }
        }
        other => other,
    }
}
