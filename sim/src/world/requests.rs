//! Requests of clients and the responses on their way.

use bytes::Bytes;
use weft_daemons::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId};
use weft_daemons::contract::peer::{CallResponse, PeerError};
use weft_daemons::contract::{ActionId, Event, PeerEvent};

use super::{Address, Call, Exchange, Happening, Server, World};
use crate::clients::Step as ClientStep;
use crate::invariants::bounded;
use crate::node::Component;
use crate::params::{MS, SECOND};
use crate::subscribers;

impl World {
    pub(super) fn client(&mut self, step: ClientStep) {
        let Some(mut clients) = self.clients.take() else { return };
        if self.plan.streams().is_some() {
            clients.reseed(self.random.fork());
        }
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
        if places.is_empty() {
            return None;
        }
        if self.plan.streams().is_none() {
            return Some(*self.random.pick(&places));
        }
        // Which one it is does not depend on who else is there.
        let random = self.random.fork();
        let rank = |place: &Address| random.for_whom(place.node as u64);
        places.into_iter().max_by_key(rank)
    }

    /// A client opens a request.
    pub fn open(&mut self, request: RequestId, address: Address) {
        self.exchanges.insert(request, Exchange { address, pieces: 0, said_ns: 0 });
    }

    /// A client sends a part of its request, `delay` from now.
    pub fn send(&mut self, request: RequestId, delay: u64, event: HttpEvent) {
        if let Some(exchange) = self.exchanges.get(&request) {
            let to = exchange.address;
            self.schedule(delay, Happening::Deliver(to, Event::Http(event)));
        }
    }

    /// A client sends something behind everything that it has sent that way.
    pub fn send_later(&mut self, request: RequestId, event: HttpEvent) {
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        exchange.said_ns = (self.now_ns + 2 * MS).max(exchange.said_ns + 1);
        let (to, at) = (exchange.address, exchange.said_ns);
        self.schedule_at(at, Happening::Deliver(to, Event::Http(event)));
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
            | HttpAction::Resume { request }
            | HttpAction::Upgrade { request, .. }
            | HttpAction::Message { request, .. }
            | HttpAction::Close { request, .. } => *request,
        };
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if exchange.address != from {
            return;
        }
        if matches!(action, HttpAction::Message { .. }) {
            // How much may be on its way is bounded by its bytes.
            exchange.pieces += 1;
        }
        if matches!(action, HttpAction::Body { .. }) {
            exchange.pieces += 1;
            let result = bounded::check_pieces(exchange.pieces);
            self.checks.judge("bounded-queues", result);
        }
        let at = self.now_ns + self.latency();
        let last = self.order.entry((from, Server::Coord, true)).or_default();
        *last = at.max(*last + 1);
        let at = *last;
        self.schedule_at(at, Happening::HttpOut(request, action));
    }

    pub(super) fn http_out(&mut self, request: RequestId, action: HttpAction) {
        let Some(exchange) = self.exchanges.get_mut(&request) else { return };
        if matches!(action, HttpAction::Body { .. } | HttpAction::Message { .. }) {
            exchange.pieces -= 1;
            let is_read = self.subscribers.as_mut().is_none_or(|all| all.reads(request));
            if exchange.pieces == 0 && is_read {
                let to = exchange.address;
                let slow = self.params.faults.client_slow;
                let delay = if self.chance(slow, "client slow") {
                    self.net.between(100 * MS, 60 * SECOND)
                } else {
                    self.net.delay(MS)
                };
                let event = Event::Http(HttpEvent::Drained { request });
                self.schedule(delay, Happening::Deliver(to, event));
            }
        }
        if self.calls.contains_key(&request) {
            return self.call_answered(request, action);
        }
        if subscribers::is_theirs(request) {
            return self.subscriber(subscribers::Step::Response(request, action));
        }
        self.client(ClientStep::Response(request, action));
    }

    /// A machine asks another one as a client would.
    pub(super) fn call(&mut self, from: Address, id: ActionId, head: RequestHead, body: Bytes) {
        let lost = self.chance(self.params.faults.peer_lost, "peer lost");
        let place = self.place_of(Component::Ingress);
        let place = place.filter(|place| !lost && !self.is_cut(from.node, place.node));
        let Some(place) = place else {
            return self.call_failed(from, id, 20 * MS);
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.calls.insert(request, Call { from, id, status: 0, body: Vec::new() });
        self.open(request, place);
        self.send(request, MS, HttpEvent::Head { request, head });
        if !body.is_empty() {
            self.send(request, 2 * MS, HttpEvent::Body { request, bytes: body });
        }
        self.send(request, 3 * MS, HttpEvent::End { request });
    }

    fn call_answered(&mut self, request: RequestId, action: HttpAction) {
        let Some(call) = self.calls.get_mut(&request) else { return };
        match action {
            HttpAction::Head { head, .. } => call.status = head.status,
            HttpAction::Body { bytes, .. } => call.body.extend_from_slice(&bytes),
            HttpAction::End { .. } => {
                self.close(request, false);
                let Some(call) = self.calls.remove(&request) else { return };
                let response = CallResponse { status: call.status, body: call.body.into() };
                let event = PeerEvent::Called { id: call.id, result: Ok(response) };
                self.schedule(MS, Happening::Deliver(call.from, Event::Peer(event)));
            }
            HttpAction::Abort { .. } => {
                self.close(request, false);
                let Some(Call { from, id, .. }) = self.calls.remove(&request) else { return };
                self.call_failed(from, id, MS);
            }
            // No call asks for a WebSocket.
            HttpAction::Upgrade { .. } | HttpAction::Message { .. } | HttpAction::Close { .. } => {}
            HttpAction::Pause { .. } | HttpAction::Resume { .. } => {}
        }
    }

    fn call_failed(&mut self, from: Address, id: ActionId, delay: u64) {
        let result = Err(PeerError::Unavailable("nobody answers".to_owned()));
        let event = Event::Peer(PeerEvent::Called { id, result });
        self.schedule(delay, Happening::Deliver(from, event));
    }
}
