//! Nodes: how they begin and end.

use weft_daemons::contract::http::{HttpAction, RequestId};
use weft_daemons::contract::{ActionId, CoordAction, CoordEvent, Event};

use super::{Address, Happening, Slot, World};
use crate::mutants::Mutant;
use crate::node::{Component, directory_path, machines};
use crate::params::{MS, SECOND};

impl World {
    pub(super) fn start(&mut self, node: usize) {
        if self.nodes[node].up {
            return;
        }
        let state = &mut self.nodes[node];
        state.life += 1;
        state.up = true;
        state.born_ns = self.now_ns;
        state.paused_until = 0;
        state.stopping.clear();
        state.instance = format!("d{node}-{}", state.life);
        let life = state.life;
        let seed = self.random.next();
        let instance = self.nodes[node].instance.clone();
        let kind = self.params.nodes[node];
        self.trace.line(self.now_ns, format_args!("n{node}.{life} starts"));
        let settings = self.nodes[node].settings;
        self.chronicle.node(self.now_ns, node, kind, true);
        let hosts = machines(&self.params, settings, (node, kind), &instance, seed);
        self.nodes[node].slots = hosts
            .into_iter()
            .map(|(component, host)| Slot {
                component,
                host,
                tick_at: None,
                subscriptions: Vec::new(),
            })
            .collect();
        if self.nodes[node].doomed > 0 {
            self.nodes[node].doomed -= 1;
            let soon = self.random.between(10 * MS, 4 * SECOND);
            self.schedule(soon, Happening::DiesAgain(node, life));
        }
        let early = self.meddler.mutant() == Some(Mutant::RegisterBeforeLoaded);
        for slot in 0..self.nodes[node].slots.len() {
            let address = Address { node, life, slot };
            self.checks.born(self.now_ns, address, kind);
            let connected = Event::Coord(CoordEvent::Connected);
            let delay = self.net.delay(10 * MS);
            self.schedule(delay, Happening::Deliver(address, connected));
            self.drain(address);
            if early && self.nodes[node].slots[slot].component == Component::Directory {
                self.register_early(address, &instance, kind.directory);
            }
        }
    }

    /// What [`Mutant::RegisterBeforeLoaded`] does.
    pub(super) fn register_early(
        &mut self,
        address: Address,
        name: &str,
        shard: Option<(u32, bool)>,
    ) {
        let Some((remainder, _)) = shard else { return };
        let modulus = self.params.modulus;
        let payload = format!(r#"{{"modulus":"{modulus}","remainder":"{remainder}"}}"#);
        let data = format!(
            r#"{{"name":"x","id":"{name}","address":"127.0.0.1","port":1,"payload":{payload}}}"#
        );
        let path = format!("{}/{name}", directory_path());
        let id = ActionId(u64::MAX);
        let action = CoordAction::Create { id, path, data: data.into(), ephemeral: true };
        self.ask_coord(address, action);
    }

    /// A node is no more. After `orderly` servers know at once.
    pub(super) fn down(&mut self, node: usize, orderly: bool) {
        let life = self.nodes[node].life;
        self.nodes[node].up = false;
        self.nodes[node].gone_ns = self.now_ns;
        let has_finished = self.nodes[node].stopping.len() == self.nodes[node].slots.len();
        self.checks.lives.ended((node, life), self.now_ns, has_finished);
        self.trace.line(self.now_ns, format_args!("n{node}.{life} is gone"));
        self.chronicle.node(self.now_ns, node, self.params.nodes[node], false);
        if self.params.embedded {
            let chance = &mut self.chance;
            self.table.lose_unflushed(|| chance.chance(0.7));
        }
        let sessions =
            (0..self.nodes[node].slots.len()).map(|slot| Address { node, life, slot }).collect();
        let wait = if orderly { 5 * MS } else { self.params.session_ns };
        self.schedule(wait, Happening::GoneFromLog(node, life));
        self.schedule(wait, Happening::GoneFromCoord(sessions));
        let gone = |address: Address| address.node == node && address.life == life;
        let requests: Vec<RequestId> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| gone(exchange.address))
            .map(|(request, _)| *request)
            .collect();
        for request in requests {
            self.schedule(5 * MS, Happening::HttpOut(request, HttpAction::Abort { request }));
        }
        let broken: Vec<ActionId> = self
            .asks
            .iter()
            .filter(|(_, ask)| gone(ask.directory) || gone(ask.asker))
            .map(|(ask, _)| *ask)
            .collect();
        for ask in broken {
            self.break_ask(ask, "the connection was reset");
        }
        let rest = self.random.delay(3 * SECOND);
        self.schedule(rest, Happening::Start(node));
    }

    pub(super) fn stopped(&mut self, from: Address) {
        let node = &mut self.nodes[from.node];
        node.stopping.insert(from.slot);
        if node.stopping.len() == node.slots.len() {
            self.down(from.node, true);
        }
    }
}
