//! Faults of the whole, as they happen.

use weft_daemons::contract::Event;

use super::{Address, Happening, Server, World};
use crate::faults::{Fault, Kind};
use crate::params::{MS, SECOND};

impl World {
    pub(super) fn fault(&mut self) {
        if self.calm {
            return;
        }
        let again = self.chance.delay(self.params.faults.period_ns);
        self.schedule(again, Happening::Fault);
        let fault = Fault::draw(&self.params, &mut self.chance);
        let Fault { kind, node, other, lasts_ns, jump_ns } = fault.clone();
        *self.stats.faults.entry(kind).or_default() += 1;
        self.trace.line(
            self.now_ns,
            format_args!("fault {kind:?} n{node} {other} for {} ms", lasts_ns / MS),
        );
        self.checks.look(self.now_ns, &self.log);
        self.excuse(&fault);
        match kind {
            Kind::Crash if self.nodes[node].up => self.down(node, false),
            Kind::Restart if self.nodes[node].up && self.nodes[node].stopping.is_empty() => {
                let life = self.nodes[node].life;
                for slot in 0..self.nodes[node].slots.len() {
                    let to = Address { node, life, slot };
                    self.schedule(MS, Happening::Deliver(to, Event::Stop));
                }
                self.schedule(20 * SECOND, Happening::GiveUpStop(node, life));
            }
            Kind::Crash | Kind::Restart => {}
            Kind::Pause => {
                let until = self.now_ns + lasts_ns;
                let state = &mut self.nodes[node];
                state.paused_until = state.paused_until.max(until);
            }
            Kind::CutLog => self.cut(node, Server::Log, lasts_ns),
            Kind::CutCoord => self.cut(node, Server::Coord, lasts_ns),
            Kind::CutTable => self.cut(node, Server::Table, lasts_ns),
            Kind::CutPeer => {
                let other = other % self.nodes.len();
                let until = self.now_ns + lasts_ns;
                self.cut_peers.insert((node, other), until);
                // Half of them are cut both ways.
                if jump_ns < 0 {
                    self.cut_peers.insert((other, node), until);
                }
            }
            Kind::ClockJump => self.nodes[node].skew_ns += jump_ns,
            Kind::RegionMove => {
                let region = other as u32 % self.params.regions;
                self.moved.insert(region, self.now_ns + lasts_ns.min(10 * SECOND));
            }
            Kind::LogFailover => {
                self.log_down_until = self.now_ns + lasts_ns.min(8 * SECOND);
                self.log.lose_unsynced();
                // Clocks of servers are seconds apart, of some more.
                let apart_ns = if other.is_multiple_of(2) { jump_ns / 5 } else { jump_ns };
                self.log.fail_over(apart_ns / MS as i64);
            }
            Kind::Slow => self.slow_until = self.now_ns + lasts_ns,
            Kind::Evict if self.nodes[node].up => self.evict(node),
            Kind::Evict => {}
            Kind::Isolate => {
                for server in [Server::Log, Server::Coord, Server::Table] {
                    self.cut(node, server, lasts_ns);
                }
                let until = self.now_ns + lasts_ns;
                for other in 0..self.nodes.len() {
                    self.cut_peers.insert((node, other), until);
                    self.cut_peers.insert((other, node), until);
                }
            }
            Kind::DiskFull => self.full_until = self.full_until.max(self.now_ns + lasts_ns),
        }
    }

    /// Whom a fault keeps from its work, and for how long.
    fn excuse(&mut self, fault: &Fault) {
        let lasts_ns = fault.lasts_ns;
        match fault.kind {
            Kind::Pause | Kind::CutLog | Kind::CutTable | Kind::Isolate => {
                // A call that was on its way then may have to be given up first.
                let hung_ns = self.params.call_time_max_ms * MS;
                self.checks.excuse(Some(fault.node), lasts_ns + hung_ns);
            }
            // Whose process ends is not the owner for long.
            Kind::Crash | Kind::Restart | Kind::Evict => {
                self.checks.excuse(Some(fault.node), self.params.session_ns);
            }
            Kind::RegionMove | Kind::LogFailover | Kind::Slow | Kind::DiskFull => {
                self.checks.excuse(None, lasts_ns);
            }
            Kind::CutCoord | Kind::CutPeer | Kind::ClockJump => {}
        }
    }
}
