//! Daemons among themselves.

use weft_daemons::contract::peer::{Answer, FindRequest, PeerError};
use weft_daemons::contract::{ActionId, Event, NoTask, PeerAction, PeerEvent};
use weft_gts::selector::SelectorText;

use super::{Address, Ask, Happening, Server, World};
use crate::invariants::convergence::Answered;
use crate::node::Component;
use crate::params::{MS, NodeKind, SECOND};

/// Who asks directories after everything came to rest.
const NOBODY: Address = Address { node: usize::MAX, life: 0, slot: usize::MAX };

/// What a directory has answered to that.
#[derive(Debug, Default)]
pub(super) struct Roll {
    ask: Option<ActionId>,
    found: Answered,
    is_complete: bool,
}

impl World {
    /// Asks every directory for everything, whatever is registered.
    pub fn call_roll(&mut self) {
        let has_directory = |node: &NodeKind| node.directory.is_some();
        let nodes = (0..).zip(&self.params.nodes).filter(|(_, kind)| has_directory(kind));
        for node in nodes.map(|(node, _)| node).collect::<Vec<usize>>() {
            self.rolls.insert(node, Roll::default());
            self.schedule(SECOND, Happening::AskDirectory(node));
        }
    }

    /// Directories that were asked and have not answered.
    pub(super) fn unrolled(&self) -> usize {
        self.rolls.values().filter(|roll| !roll.is_complete).count()
    }

    /// What each directory answered, and what it serves.
    pub fn rolled(&self) -> Vec<(usize, u32, Answered)> {
        let of = |(node, roll): (&usize, &Roll)| {
            let (remainder, _) = self.params.nodes[*node].directory?;
            Some((*node, remainder, roll.found.clone()))
        };
        self.rolls.iter().filter_map(of).collect()
    }

    pub(super) fn ask_directory(&mut self, node: usize) {
        let state = &self.nodes[node];
        let slots = state.slots.iter();
        let slot = slots.take_while(|slot| slot.component != Component::Directory).count();
        if !state.up || slot == state.slots.len() {
            return self.schedule(SECOND, Happening::AskDirectory(node));
        }
        let directory = Address { node, life: state.life, slot };
        self.last_ask += 1;
        let ask = ActionId(self.last_ask);
        self.asks.insert(ask, Ask { asker: NOBODY, stream: ask, directory });
        self.rolls.insert(node, Roll { ask: Some(ask), ..Roll::default() });
        let selectors = vec![SelectorText { class: "~.*".to_owned(), labels: Vec::new() }];
        let request = FindRequest { selectors, ..FindRequest::default() };
        self.tell_peer(directory, Event::Peer(PeerEvent::Ask { ask, request }));
    }

    fn answer_nobody(&mut self, ask: ActionId, directory: Address, answer: Answer) {
        let Some(roll) = self.rolls.get_mut(&directory.node) else { return };
        if roll.ask != Some(ask) {
            return;
        }
        match answer {
            Answer::Found(series) => {
                let series = series.into_iter();
                roll.found.extend(series.map(|metadata| (metadata.id, metadata.attributes)));
                self.tell_peer(directory, Event::Peer(PeerEvent::AskNext { ask }));
            }
            Answer::End => {
                roll.is_complete = true;
                self.asks.remove(&ask);
            }
            // It is loading, or gone: once more.
            Answer::Counted(_) | Answer::Failed(_) => {
                self.asks.remove(&ask);
                self.schedule(SECOND, Happening::AskDirectory(directory.node));
            }
        }
    }

    pub(super) fn ask_peer(&mut self, from: Address, action: PeerAction) {
        match action {
            PeerAction::Find { id, instance, request, .. } => {
                self.last_ask += 1;
                let ask = ActionId(self.last_ask);
                let found = (0..self.nodes.len())
                    .find(|node| self.nodes[*node].up && self.nodes[*node].instance == *instance);
                let slot = found.and_then(|node| {
                    let slots = &self.nodes[node].slots;
                    slots.iter().position(|slot| slot.component == Component::Directory)
                });
                let lost = self.chance(self.params.faults.peer_lost, "peer lost");
                let (Some(node), Some(slot)) = (found, slot) else {
                    return self.refuse_find(from, id, 20 * MS);
                };
                if lost || self.is_cut(from.node, node) {
                    return self.refuse_find(from, id, 3 * SECOND);
                }
                let directory = Address { node, life: self.nodes[node].life, slot };
                self.asks.insert(ask, Ask { asker: from, stream: id, directory });
                self.streams.insert((from, id), ask);
                self.checks.asked(ask, directory, &request);
                let event = Event::Peer(PeerEvent::Ask { ask, request });
                self.tell_peer(directory, event);
            }
            PeerAction::Next { id } => {
                if let Some(ask) = self.streams.get(&(from, id)).copied() {
                    let directory = self.asks[&ask].directory;
                    if self.is_cut(from.node, directory.node) {
                        return self.break_ask(ask, "the connection broke");
                    }
                    self.tell_peer(directory, Event::Peer(PeerEvent::AskNext { ask }));
                }
            }
            PeerAction::Cancel { id } => {
                if let Some(ask) = self.streams.remove(&(from, id)) {
                    let gone = self.asks.remove(&ask);
                    self.checks.forget_ask(ask);
                    if let Some(Ask { directory, .. }) = gone {
                        self.tell_peer(directory, Event::Peer(PeerEvent::AskCancel { ask }));
                    }
                }
            }
            PeerAction::Answer { ask, answer } => self.answer(ask, answer),
            PeerAction::Call { id, head, body } => self.call(from, id, head, body),
            PeerAction::Script { id, .. } => {
                let event = Event::Peer(PeerEvent::Script { id, result: Ok(None) });
                self.schedule(MS, Happening::Deliver(from, event));
            }
            // No world has a runner or an outside; those have worlds of their own. Its scripts
            // switch nothing off.
            PeerAction::Scan { .. }
            | PeerAction::Read { .. }
            | PeerAction::Resolve { .. }
            | PeerAction::Web { .. }
            | PeerAction::Switch(_) => {}
            PeerAction::Throttle { id, ask } => self.ask_limits(from, id, ask),
            PeerAction::Applied { topic, partition, offset } => {
                for slot in 0..self.nodes[from.node].slots.len() {
                    let to = Address { slot, ..from };
                    let topic = topic.clone();
                    let event = Event::Peer(PeerEvent::Applied { topic, partition, offset });
                    if slot != from.slot {
                        self.tell_in(1_000, to, event);
                    }
                }
            }
        }
    }

    /// Whether what one node says does not reach the other; the way back may be whole.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        let until = self.cut_peers.get(&(from, to));
        from != to && until.is_some_and(|until| *until > self.now_ns)
    }

    pub(super) fn tell_peer(&mut self, to: Address, event: Event<NoTask>) {
        let delay = self.latency();
        self.tell_in(delay, to, event);
    }

    /// One connection: in order.
    fn tell_in(&mut self, delay: u64, to: Address, event: Event<NoTask>) {
        let at = self.now_ns + delay;
        let last = self.order.entry((to, Server::Table, false)).or_default();
        *last = at.max(*last + 1);
        let at = *last;
        self.schedule_at(at, Happening::Deliver(to, event));
    }

    pub(super) fn refuse_find(&mut self, asker: Address, id: ActionId, delay: u64) {
        let answer = Answer::Failed(PeerError::Unavailable("no answer".to_owned()));
        let event = Event::Peer(PeerEvent::Answered { id, answer });
        self.schedule(delay, Happening::Deliver(asker, event));
    }

    pub(super) fn answer(&mut self, ask: ActionId, answer: Answer) {
        let Some(Ask { asker, stream, directory }) = self.asks.get(&ask) else { return };
        let (asker, id, directory) = (*asker, *stream, *directory);
        if asker == NOBODY {
            return self.answer_nobody(ask, directory, answer);
        }
        let lost = self.chance(self.params.faults.peer_lost, "peer lost");
        if lost || self.is_cut(directory.node, asker.node) {
            return self.break_ask(ask, "the connection broke");
        }
        self.checks.answered(ask, &answer);
        if !matches!(answer, Answer::Found(_)) {
            self.asks.remove(&ask);
            self.streams.remove(&(asker, id));
        }
        self.tell_peer(asker, Event::Peer(PeerEvent::Answered { id, answer }));
    }

    pub(super) fn break_ask(&mut self, ask: ActionId, why: &str) {
        let Some(Ask { asker, stream, directory }) = self.asks.remove(&ask) else { return };
        self.streams.remove(&(asker, stream));
        self.checks.forget_ask(ask);
        self.tell_peer(directory, Event::Peer(PeerEvent::AskCancel { ask }));
        let answer = Answer::Failed(PeerError::Unavailable(why.to_owned()));
        if asker == NOBODY {
            return self.answer_nobody(ask, directory, answer);
        }
        self.tell_peer(asker, Event::Peer(PeerEvent::Answered { id: stream, answer }));
    }
}
