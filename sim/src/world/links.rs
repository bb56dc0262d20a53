//! Links between nodes and servers: how long they take, and when they are cut.

use weft_daemons::contract::{CoordEvent, Event};

use super::{Address, Happening, Server, World};
use crate::log::{Member, Out, Step as LogStep};
use crate::params::SECOND;

impl World {
    pub(super) fn is_reachable(&self, node: usize, server: Server) -> bool {
        let cut = self.cut.get(&(node, server)).is_some_and(|until| *until > self.now_ns);
        !(cut || server == Server::Log && self.log_down_until > self.now_ns)
    }

    /// When the link is whole again.
    pub(super) fn whole_at(&self, node: usize, server: Server) -> u64 {
        let cut = self.cut.get(&(node, server)).copied().unwrap_or(0);
        let down = match server {
            Server::Log => self.log_down_until,
            // Nothing is answered before it is well again, not even what was asked before.
            Server::Table => self.table_hung_until,
            Server::Coord => 0,
        };
        cut.max(down).max(self.now_ns)
    }

    pub(super) fn latency(&mut self) -> u64 {
        let slow = if self.slow_until > self.now_ns { 10 } else { 1 };
        self.net.delay(self.params.latency_ns) * slow
    }

    /// How long a message to a server, or from it, takes.
    pub(super) fn latency_of(&mut self, server: Server) -> u64 {
        let slow_until = match server {
            Server::Table => self.table_slow_until,
            Server::Log => self.log_slow_until,
            Server::Coord => 0,
        };
        let slow = if slow_until > self.now_ns { 30 } else { 1 };
        self.latency() * slow
    }

    /// Until when what the log does on its own has to wait, if it has.
    pub(super) fn log_waits(&self, step: &LogStep) -> Option<u64> {
        let until = match step {
            LogStep::Pump(_, partition) => self.leaders_down.get(partition).copied()?,
            LogStep::Handover(..) => self.coordinator_down_until,
            LogStep::Flush => return None,
        };
        (until > self.now_ns).then_some(until)
    }

    /// When a message on an ordered link arrives.
    pub(super) fn ordered(&mut self, address: Address, server: Server, to_server: bool) -> u64 {
        let at = self.whole_at(address.node, server) + self.latency_of(server);
        let last = self.order.entry((address, server, to_server)).or_default();
        *last = at.max(*last + 1);
        *last
    }

    pub(super) fn chance(&mut self, probability: f64, name: &'static str) -> bool {
        let is_drawn = !self.calm && probability > 0.0 && self.chance.chance(probability);
        self.strikes(is_drawn, name)
    }

    /// Whether something goes wrong with a single action, for which it was drawn or not.
    pub fn strikes(&mut self, is_drawn: bool, name: &'static str) -> bool {
        let happens = !self.calm && self.plan.strikes(self.now_ns, name, is_drawn);
        if happens {
            self.chronicle.strike(self.now_ns, name);
            *self.stats.action_faults.entry(name).or_default() += 1;
        }
        happens
    }

    pub(super) fn cut(&mut self, node: usize, server: Server, lasts_ns: u64) {
        let until = self.now_ns + lasts_ns;
        self.cut.insert((node, server), until);
        let life = self.nodes[node].life;
        self.schedule(self.params.session_ns, Happening::Session(node, server, life));
        self.schedule(lasts_ns, Happening::Healed(node, server));
        if server == Server::Coord && self.nodes[node].up {
            for slot in 0..self.nodes[node].slots.len() {
                let to = Address { node, life, slot };
                let event = Event::Coord(CoordEvent::Disconnected);
                let at = self.now_ns + self.params.latency_ns;
                // A link that is whole again at once says so after that.
                let last = self.order.entry((to, Server::Coord, false)).or_default();
                *last = at.max(*last);
                self.schedule_at(at, Happening::Deliver(to, event));
            }
        }
    }

    /// A session was out of contact for as long as it may be.
    pub(super) fn session_check(&mut self, node: usize, server: Server, life: u32) {
        if self.is_reachable(node, server) || self.nodes[node].life != life {
            return;
        }
        match server {
            Server::Log => self.evict(node),
            Server::Coord => {
                for slot in 0..self.nodes[node].slots.len() {
                    let fired = self.coord.expire(Address { node, life, slot });
                    self.coord_out(fired);
                }
            }
            Server::Table => {}
        }
    }

    pub(super) fn evict(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let gone = |address: Address| address.node == node && address.life == life;
        self.trace.line(self.now_ns, format_args!("n{node}.{life} is evicted from its groups"));
        // The member goes on for a while: it learns of it when it next hears from the group.
        let delay = self.net.delay(SECOND);
        let mut told = self.now_ns + delay;
        let mut others = Vec::new();
        for out in self.log.evict(gone, true) {
            match out {
                Out::Tell(to, event) if gone(to) => {
                    let at = self.ordered(to, Server::Log, false) + delay;
                    self.order.insert((to, Server::Log, false), at);
                    self.schedule_at(at, Happening::Deliver(to, Event::Log(event)));
                    told = told.max(at);
                }
                out => others.push(out),
            }
        }
        self.log_out(others);
        self.schedule_at(told, Happening::Rejoin(node, life));
    }

    pub(super) fn rejoin(&mut self, node: usize, life: u32) {
        if !self.nodes[node].up || self.nodes[node].life != life {
            return;
        }
        if self.coordinator_down_until > self.now_ns {
            let at = self.coordinator_down_until;
            return self.schedule_at(at, Happening::Rejoin(node, life));
        }
        if !self.is_reachable(node, Server::Log) {
            let at = self.whole_at(node, Server::Log);
            return self.schedule_at(at, Happening::Rejoin(node, life));
        }
        for slot in 0..self.nodes[node].slots.len() {
            let address = Address { node, life, slot };
            for (topic, group, start) in self.nodes[node].slots[slot].subscriptions.clone() {
                if !group.is_empty() {
                    let member = Member { address, topic, group };
                    let out = self.log.rejoin(member, start);
                    self.log_out(out);
                }
            }
        }
    }

    pub(super) fn healed(&mut self, node: usize, server: Server) {
        if !self.is_reachable(node, server) {
            // Another fault still stands in the way.
            let at = self.whole_at(node, server);
            return self.schedule_at(at, Happening::Healed(node, server));
        }
        if self.cut.remove(&(node, server)).is_none() {
            return;
        }
        if !self.nodes[node].up {
            return;
        }
        let life = self.nodes[node].life;
        match server {
            Server::Log => self.rejoin(node, life),
            Server::Coord => {
                for slot in 0..self.nodes[node].slots.len() {
                    let to = Address { node, life, slot };
                    let at = self.ordered(to, Server::Coord, false);
                    let event = Event::Coord(CoordEvent::Connected);
                    self.schedule_at(at, Happening::Deliver(to, event));
                }
            }
            Server::Table => {}
        }
    }
}
