//! Faults of the whole, as they happen.

use weft_daemons::contract::{CoordEvent, Event};

use super::{Address, Happening, Server, World};
use crate::clients::Step as ClientStep;
use crate::faults::{Fault, Kind};
use crate::params::{MS, SECOND, Settings};

/// How far apart nodes begin to end in a rolling restart.
const ROLL_NS: u64 = 8 * SECOND;

/// How far a wall clock that drifts goes wrong in a second, at most.
const DRIFT_MAX_NS: i64 = 200 * MS as i64;

/// Most requests of a burst.
const BURST_MAX: u64 = 60;

/// A wall clock that does not run at the true rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drift {
    /// How much it is off a second, nanoseconds.
    ns_per_second: i64,
    since_ns: u64,
    until_ns: u64,
}

impl Drift {
    /// How far it has gone wrong by now.
    pub(super) fn by(self, now_ns: u64) -> i64 {
        let drifted = now_ns.min(self.until_ns).saturating_sub(self.since_ns);
        (i128::from(self.ns_per_second) * i128::from(drifted) / i128::from(SECOND)) as i64
    }
}

impl World {
    pub(super) fn fault(&mut self) {
        if self.calm {
            return;
        }
        let again = self.chance.delay(self.params.faults.period_ns);
        self.schedule(again, Happening::Fault);
        let fault = Fault::draw(&self.params, &mut self.chance);
        if !self.plan.fault() {
            return;
        }
        let Fault { kind, node, other, lasts_ns, .. } = fault;
        *self.stats.faults.entry(kind).or_default() += 1;
        self.trace.line(
            self.now_ns,
            format_args!("fault {kind:?} n{node} {other} for {} ms", lasts_ns / MS),
        );
        self.chronicle.fault(self.now_ns, &fault);
        self.checks.look(self.now_ns, &self.log);
        self.excuse(&fault);
        self.do_fault(&fault);
    }

    fn do_fault(&mut self, fault: &Fault) {
        let Fault { kind, node, other, lasts_ns, jump_ns } = *fault;
        let until = self.now_ns + lasts_ns;
        match kind {
            Kind::Crash => self.die(node),
            Kind::CrashTwo => {
                self.die(node);
                self.die(other % self.nodes.len());
            }
            Kind::PowerCut => (0..self.nodes.len()).for_each(|node| self.die(node)),
            Kind::CrashLoop => {
                self.nodes[node].doomed = 2 + (other % 4) as u32;
                self.die(node);
            }
            Kind::Restart => self.restart(node),
            Kind::Rolling => {
                self.has_newer = !self.has_newer;
                for node in 0..self.nodes.len() {
                    self.schedule(node as u64 * ROLL_NS, Happening::Roll(node));
                }
            }
            Kind::Pause => {
                let state = &mut self.nodes[node];
                state.paused_until = state.paused_until.max(until);
            }
            Kind::NodeSlow => self.nodes[node].slow_until = until,
            Kind::CutLog => self.cut(node, Server::Log, lasts_ns),
            Kind::CutCoord => self.cut(node, Server::Coord, lasts_ns),
            Kind::CutTable => self.cut(node, Server::Table, lasts_ns),
            Kind::CoordDown => {
                for node in 0..self.nodes.len() {
                    self.cut(node, Server::Coord, lasts_ns);
                }
            }
            Kind::SessionExpired => self.expire_session(node),
            Kind::CutPeer => {
                let other = other % self.nodes.len();
                self.cut_peers.insert((node, other), until);
                // Half of them are cut both ways.
                if jump_ns < 0 {
                    self.cut_peers.insert((other, node), until);
                }
            }
            Kind::Mute => {
                for other in 0..self.nodes.len() {
                    self.cut_peers.insert((node, other), until);
                }
            }
            Kind::Isolate => {
                for server in [Server::Log, Server::Coord, Server::Table] {
                    self.cut(node, server, lasts_ns);
                }
                for other in 0..self.nodes.len() {
                    self.cut_peers.insert((node, other), until);
                    self.cut_peers.insert((other, node), until);
                }
            }
            Kind::ClockJump => self.nodes[node].skew_ns += jump_ns,
            // Ten minutes at most.
            Kind::ClockBack => self.nodes[node].skew_ns -= 60 * jump_ns.abs(),
            Kind::ClockDrift => {
                let (now_ns, state) = (self.now_ns, &mut self.nodes[node]);
                state.skew_ns += state.drift.by(now_ns);
                let ns_per_second = jump_ns.clamp(-DRIFT_MAX_NS, DRIFT_MAX_NS);
                // It takes a while to become much.
                let until_ns = now_ns + 10 * lasts_ns;
                state.drift = Drift { ns_per_second, since_ns: now_ns, until_ns };
            }
            Kind::RegionMove => {
                let region = other as u32 % self.params.regions;
                self.moved.insert(region, self.now_ns + lasts_ns.min(10 * SECOND));
            }
            Kind::RegionSplit => {
                let region = other as u32 % self.params.regions;
                let closed_until = self.now_ns + lasts_ns.min(3 * SECOND);
                for half in self.regions.toggle(region) {
                    self.moved.insert(half, closed_until);
                }
            }
            Kind::Compaction => {
                self.table.compact_now(self.wall_ms());
                self.table_slow_until = self.table_slow_until.max(until);
            }
            Kind::TableHang => self.table_hung_until = self.table_hung_until.max(until),
            Kind::TableSlow => self.table_slow_until = self.table_slow_until.max(until),
            Kind::LogSlow => self.log_slow_until = self.log_slow_until.max(until),
            Kind::Slow => self.slow_until = until,
            Kind::LogFailover => {
                self.log_down_until = self.now_ns + lasts_ns.min(8 * SECOND);
                self.log.lose_unsynced();
                // Clocks of servers are seconds apart, of some more.
                let apart_ns = if other.is_multiple_of(2) { jump_ns / 5 } else { jump_ns };
                self.log.fail_over(apart_ns / MS as i64);
            }
            Kind::LeaderDown => {
                let partition = other as u32 % self.params.partitions;
                self.leaders_down.insert(partition, until);
            }
            Kind::CoordinatorMove => {
                self.coordinator_down_until = self.coordinator_down_until.max(until);
            }
            Kind::RebalanceAll => {
                let out = self.log.rebalance_all();
                self.log_out(out);
            }
            Kind::Evict if self.nodes[node].up => self.evict(node),
            Kind::Evict => {}
            Kind::DiskFull => {
                self.log_full_until = self.log_full_until.max(until);
                self.table_full_until = self.table_full_until.max(until);
            }
            Kind::LogFull => self.log_full_until = self.log_full_until.max(until),
            Kind::TableFull => self.table_full_until = self.table_full_until.max(until),
            Kind::Burst => {
                let requests = self.chance.between(10, BURST_MAX);
                self.schedule_client(0, ClientStep::Burst(requests));
            }
        }
    }

    fn die(&mut self, node: usize) {
        if self.nodes[node].up {
            self.down(node, false);
        }
    }

    /// Ends a process in order, which must not take for ever.
    pub(super) fn restart(&mut self, node: usize) {
        if !self.nodes[node].up || !self.nodes[node].stopping.is_empty() {
            return;
        }
        let life = self.nodes[node].life;
        for slot in 0..self.nodes[node].slots.len() {
            let to = Address { node, life, slot };
            self.schedule(MS, Happening::Deliver(to, Event::Stop));
        }
        self.schedule(20 * SECOND, Happening::GiveUpStop(node, life));
    }

    /// It is this node's turn in a rolling restart.
    pub(super) fn roll(&mut self, node: usize) {
        if self.calm {
            return;
        }
        let settings = if self.has_newer { self.params.newer } else { self.params.settings };
        self.nodes[node].settings = settings;
        self.checks.excuse(Some(node), self.params.session_ns);
        self.restart(node);
    }

    /// A process that dies whenever it begins.
    pub(super) fn dies_again(&mut self, node: usize, life: u32) {
        if self.nodes[node].life == life && !self.calm {
            self.checks.excuse(Some(node), self.params.session_ns);
            self.die(node);
        }
    }

    /// The session ends although the node is in contact: it is told, and has a new one at once.
    pub(super) fn expire_session(&mut self, node: usize) {
        if !self.nodes[node].up || !self.is_reachable(node, Server::Coord) {
            return;
        }
        let life = self.nodes[node].life;
        for slot in 0..self.nodes[node].slots.len() {
            let to = Address { node, life, slot };
            let mut at = self.ordered(to, Server::Coord, false);
            if self.params.subscribers > 0 {
                // A process that stood still may hear of other things first.
                at += self.net.between(0, 5 * SECOND);
                self.order.insert((to, Server::Coord, false), at);
            }
            let lost = Event::Coord(CoordEvent::Disconnected);
            self.schedule_at(at, Happening::Deliver(to, lost));
            let fired = self.coord.expire(to);
            self.coord_out(fired);
            let at = self.ordered(to, Server::Coord, false);
            if self.params.subscribers > 0 {
                self.expired.insert(to, at);
            }
            let anew = Event::Coord(CoordEvent::Connected);
            self.schedule_at(at, Happening::Deliver(to, anew));
        }
    }

    /// The longest that any store waits for the table.
    pub(super) fn call_time_max_ns(&self) -> u64 {
        let Settings { call_time_max_ms, .. } = self.params.settings;
        call_time_max_ms.max(self.params.newer.call_time_max_ms) * MS
    }

    /// Whom a fault keeps from its work, and for how long.
    fn excuse(&mut self, fault: &Fault) {
        let lasts_ns = fault.lasts_ns;
        // A call that was on its way then may have to be given up first.
        let hung_ns = self.call_time_max_ns();
        match fault.kind {
            Kind::Pause | Kind::CutLog | Kind::CutTable | Kind::Isolate => {
                self.checks.excuse(Some(fault.node), lasts_ns + hung_ns);
            }
            // What it was asked meanwhile has to be done as well.
            Kind::NodeSlow => self.checks.excuse(Some(fault.node), 2 * lasts_ns + hung_ns),
            // Whose process ends is not the owner for long.
            Kind::Crash | Kind::Restart | Kind::Evict | Kind::CrashLoop => {
                self.checks.excuse(Some(fault.node), self.params.session_ns);
            }
            Kind::CrashTwo | Kind::PowerCut => self.checks.excuse(None, self.params.session_ns),
            Kind::RegionMove
            | Kind::RegionSplit
            | Kind::LogFailover
            | Kind::LeaderDown
            | Kind::CoordinatorMove
            | Kind::RebalanceAll
            | Kind::Slow
            | Kind::LogSlow
            | Kind::DiskFull
            | Kind::LogFull
            | Kind::TableFull => self.checks.excuse(None, lasts_ns),
            Kind::TableHang | Kind::TableSlow | Kind::Compaction => {
                self.checks.excuse(None, lasts_ns + hung_ns);
            }
            Kind::CutCoord
            | Kind::CutPeer
            | Kind::CoordDown
            | Kind::SessionExpired
            | Kind::Mute
            | Kind::ClockJump
            | Kind::ClockBack
            | Kind::ClockDrift
            | Kind::Rolling
            | Kind::Burst => {}
        }
    }
}
