//! Requests of clients and the responses on their way.

use weft_daemons::contract::Event;
use weft_daemons::contract::http::{HttpAction, HttpEvent, RequestId};

use super::{Address, Exchange, Happening, PIECES_MAX, Server, World};
use crate::clients::Step as ClientStep;
use crate::node::Component;
use crate::params::MS;

impl World {
    pub(super) fn client(&mut self, step: ClientStep) {
        let Some(mut clients) = self.clients.take() else { return };
        clients.step(self, step);
        self.clients = Some(clients);
    }

    /// A node that runs the component, if one is up.
    pub fn place_of(&mut self, component: Component) -> Option<Address> {
        let mut places = Vec::new();
        for (node, state) in self.nodes.iter().enumerate() {
            if !state.up || !state.stopping.is_empty() {
                continue;
            }
            for (slot, there) in state.slots.iter().enumerate() {
                if there.component == component {
                    places.push(Address { node, life: state.life, slot });
                }
            }
        }
        if places.is_empty() { None } else { Some(*self.random.pick(&places)) }
    }

    /// A client opens a request.
    pub fn open(&mut self, request: RequestId, address: Address) {
        self.exchanges.insert(request, Exchange { address, pieces: 0 });
    }

    /// A client sends a part of its request, `delay` from now.
    pub fn send(&mut self, request: RequestId, delay: u64, event: HttpEvent) {
        if let Some(exchange) = self.exchanges.get(&request) {
            let to = exchange.address;
            self.schedule(delay, Happening::Deliver(to, Event::Http(event)));
        }
    }

    /// A client is done with a request, or goes away.
    pub fn close(&mut self, request: RequestId, goes_away: bool) {
        if let Some(exchange) = self.exchanges.remove(&request)
            && goes_away
        {
            let event = Event::Http(HttpEvent::Gone { request });
            self.schedule(MS, Happening::Deliver(exchange.address, event));
        }
    }

    pub(super) fn answer_client(&mut self, from: Address, action: HttpAction) {
        let request = match &action {
            HttpAction::Head { request, .. }
            | HttpAction::Body { request, .. }
            | HttpAction::End { request }
            | HttpAction::Abort { request }
            | HttpAction::Pause { request }
            | HttpAction::Resume { request } => *request,
        };
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if exchange.address != from {
            return;
        }
        if matches!(action, HttpAction::Body { .. }) {
            exchange.pieces += 1;
            if exchange.pieces > PIECES_MAX {
                let what = format!("{} pieces of a response wait", exchange.pieces);
                self.checks.fail("bounded-queues", what);
            }
        }
        let at = self.now_ns + self.latency();
        let last = self.order.entry((from, Server::Coord, true)).or_default();
        *last = at.max(*last + 1);
        let at = *last;
        self.schedule_at(at, Happening::HttpOut(request, action));
    }

    pub(super) fn http_out(&mut self, request: RequestId, action: HttpAction) {
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if matches!(action, HttpAction::Body { .. }) {
            exchange.pieces -= 1;
            if exchange.pieces == 0 {
                let to = exchange.address;
                // Some readers are slow.
                let slow = self.net.below(20) == 0;
                let delay = if slow { self.net.delay(500 * MS) } else { self.net.delay(MS) };
                let event = Event::Http(HttpEvent::Drained { request });
                self.schedule(delay, Happening::Deliver(to, event));
            }
        }
        self.client(ClientStep::Response(request, action));
    }
}
