//! What machines ask of the log, the table and coordination, and what goes wrong with it.

use weft_daemons::contract::log::{LogAction, LogError, LogEvent};
use weft_daemons::contract::table::{CellTime, SeriesPut, TableAction, TableError, TableEvent};
use weft_daemons::contract::{ActionId, CoordAction, CoordEvent, Event};
use weft_gts::SeriesId;

use super::{Address, EPOCH_MS, Happening, LIBRARY_NS, Server, World};
use crate::log::Out;
use crate::params::{MS, SECOND};

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
            LogAction::Ends { id, .. } if gives_up => {
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                Some((LogEvent::Ends { id: *id, result }, false))
            }
            LogAction::Describe { id, .. } if gives_up => {
                let result = Err(LogError::Unavailable("no leader".to_owned()));
                Some((LogEvent::Described { id: *id, result }, false))
            }
            _ => None,
        };
        let Some((event, happens)) = lost else {
            let at = self.ordered(from, Server::Log, true);
            return self.schedule_at(at, Happening::AtLog(from, action));
        };
        let give_up = if gives_up { LIBRARY_NS } else { self.net.delay(200 * MS) };
        self.schedule(give_up, Happening::Deliver(from, Event::Log(event)));
        if happens {
            let at = self.ordered(from, Server::Log, true);
            // The answer to what was given up is nobody's.
            let action = with_id(action, ActionId(u64::MAX));
            self.schedule_at(at, Happening::AtLog(from, action));
        }
    }

    pub(super) fn at_log(&mut self, from: Address, action: LogAction) {
        // What was sent before a process died may still arrive; subscriptions are gone with it.
        let is_call = matches!(action, LogAction::Append { .. } | LogAction::Commit { .. });
        if !self.lives(from) && !is_call {
            return;
        }
        let wall_ms = EPOCH_MS + (self.now_ns / MS) as i64;
        let commit = match &action {
            LogAction::Commit { topic, group, partition, offset, .. } => {
                Some((topic.clone(), group.clone(), *partition, *offset))
            }
            _ => None,
        };
        let appended = match &action {
            LogAction::Append { topic, .. } => Some(topic.clone()),
            _ => None,
        };
        let before = commit
            .as_ref()
            .and_then(|(topic, group, partition, _)| self.log.committed(topic, group, *partition));
        let out = self.log.submit(wall_ms, from, action);
        if let Some(topic) = appended {
            self.checks.appended(self.now_ns, &topic, &self.log);
        }
        if let Some((topic, group, partition, offset)) = commit
            && self.log.committed(&topic, &group, partition) == Some(offset)
            && before != Some(offset)
        {
            let from = before.unwrap_or(0);
            self.checks.committed(&topic, &group, partition, from..offset, &self.log, &self.table);
        }
        self.log_out(out);
    }

    pub(super) fn log_out(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::Tell(to, event) => {
                    let at = self.ordered(to, Server::Log, false);
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Answer(to, event) => {
                    let at = self.whole_at(to.node, Server::Log) + self.latency();
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                }
                Out::Later(delay, step) => self.schedule(delay, Happening::LogStep(step)),
            }
        }
    }

    pub(super) fn ask_table(&mut self, from: Address, action: TableAction) {
        let hang = self.params.faults.table_hang;
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. }
                | TableAction::Next { .. }
                | TableAction::Cancel { .. }
                | TableAction::ScanMeta { .. }
        );
        if is_write && self.chance(hang, "table hangs") {
            // Nobody is told; it may happen a good while later, whoever owns the partition then.
            // Cells with their datapoint's time have no order of their own: there, what comes late
            // does hide newer values (README.md, "What is not promised").
            if self.chance.chance(0.6) && !self.is_timed(&action) {
                let delay = self.net.between(SECOND, 90 * SECOND);
                self.schedule(delay, Happening::AtTable(from, action, false));
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
                | TableAction::DeleteMeta { id, .. } => {
                    TableEvent::Written { id: *id, result: Err(error()) }
                }
                _ => return,
            };
            return self.schedule(LIBRARY_NS, Happening::Deliver(from, Event::Table(event)));
        }
        let at = if is_write {
            self.now_ns + wait + self.latency()
        } else {
            self.ordered(from, Server::Table, true)
        };
        self.schedule_at(at, Happening::AtTable(from, action, true));
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

    pub(super) fn at_table(&mut self, from: Address, action: TableAction, answers: bool) {
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
                let at = self.now_ns + self.latency();
                self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
            }
            return;
        }
        let is_write = !matches!(
            action,
            TableAction::Fetch { .. } | TableAction::Next { .. } | TableAction::ScanMeta { .. }
        );
        let regions = self.params.regions;
        let moved: Vec<bool> = (0..regions)
            .map(|region| self.moved.get(&region).is_some_and(|until| *until > self.now_ns))
            .collect();
        let is_partial = is_write && self.chance(faults.put_partial, "write partial");
        let (mut draw, now_ns) = (self.chance.fork(), self.now_ns);
        let keep = |series: SeriesId| {
            let region = (series.class_id as u64 % u64::from(regions)) as usize;
            !(is_write && moved[region] || is_partial && draw.chance(0.5))
        };
        self.checks.at_table(now_ns, &action);
        let event = self.table.submit(wall_ms, from, action, keep);
        if let Some(event) = event
            && answers
        {
            let at = self.whole_at(from.node, Server::Table) + self.latency();
            self.schedule_at(at, Happening::Deliver(from, Event::Table(event)));
        }
    }

    pub(super) fn ask_coord(&mut self, from: Address, action: CoordAction) {
        let at = self.ordered(from, Server::Coord, true);
        self.schedule_at(at, Happening::AtCoord(from, action));
    }

    pub(super) fn at_coord(&mut self, from: Address, action: CoordAction) {
        if !self.lives(from) {
            return;
        }
        let (answer, fired) = self.coord.submit(from, action);
        let at = self.ordered(from, Server::Coord, false);
        self.schedule_at(at, Happening::Deliver(from, Event::Coord(answer)));
        self.coord_out(fired);
    }

    pub(super) fn coord_out(&mut self, fired: Vec<(Address, CoordEvent)>) {
        let late = self.params.faults.watch_late;
        for (to, event) in fired {
            let mut at = self.ordered(to, Server::Coord, false);
            if self.chance(late, "watch late") {
                at += self.net.between(100 * MS, 8 * SECOND);
            }
            self.schedule_at(at, Happening::Deliver(to, Event::Coord(event)));
        }
    }
}

fn with_id(action: LogAction, id: ActionId) -> LogAction {
    match action {
        LogAction::Append { topic, records, .. } => LogAction::Append { id, topic, records },
        LogAction::Commit { topic, group, partition, offset, .. } => {
            LogAction::Commit { id, topic, group, partition, offset }
        }
        other => other,
    }
}
