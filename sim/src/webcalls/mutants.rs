//! Bugs that the world of webcalls must catch.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_daemons::contract::peer::{PeerAction, PeerEvent};
use weft_daemons::contract::{ActionId, Effect, Event, LogAction, LogEvent, NoTask};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebcallMutant {
    /// The offset behind everything that was read is committed, made or not.
    CommitAhead,
    /// A call without an answer counts as made, as in the reference.
    NoAnswerIsDone,
    /// Only the first address of a host is looked at.
    FirstAddressOnly,
    /// The connection is made to what the name means by then.
    ResolvedAgain,
    /// Redirects are followed without a look.
    RedirectsUnchecked,
    /// A call is made twice when its answer takes a moment.
    MadeTwice,
    /// Records are passed over.
    RecordsPassedOver,
    /// Any number of calls goes to one host.
    #[cfg(weft_mutants)]
    HostUnbounded,
}

/// All of them.
pub const ALL: &[WebcallMutant] = &[
    WebcallMutant::CommitAhead,
    WebcallMutant::NoAnswerIsDone,
    WebcallMutant::FirstAddressOnly,
    WebcallMutant::ResolvedAgain,
    WebcallMutant::RedirectsUnchecked,
    WebcallMutant::MadeTwice,
    WebcallMutant::RecordsPassedOver,
    #[cfg(weft_mutants)]
    WebcallMutant::HostUnbounded,
];

impl WebcallMutant {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommitAhead => "commit-ahead",
            Self::NoAnswerIsDone => "no-answer-is-done",
            Self::FirstAddressOnly => "first-address-only",
            Self::ResolvedAgain => "resolved-again",
            Self::RedirectsUnchecked => "redirects-unchecked",
            Self::MadeTwice => "made-twice",
            Self::RecordsPassedOver => "records-passed-over",
            #[cfg(weft_mutants)]
            Self::HostUnbounded => "host-unbounded",
        }
    }
}

/// Stands between the machines and the world.
#[derive(Debug)]
pub(super) struct Meddler {
    mutant: Option<WebcallMutant>,
    /// What was delivered last of each partition to a node.
    read: BTreeMap<(usize, u32), u64>,
}

impl Meddler {
    pub(super) fn new(mutant: Option<WebcallMutant>) -> Self {
        #[cfg(weft_mutants)]
        {
            use weft_daemons::mutants::{Planted, plant};
            plant(match mutant {
                Some(WebcallMutant::HostUnbounded) => Planted::HostUnbounded,
                _ => Planted::Nothing,
            });
        }
        Self { mutant, read: BTreeMap::new() }
    }

    pub(super) const fn has(&self, mutant: WebcallMutant) -> bool {
        matches!(self.mutant, Some(own) if own as u8 == mutant as u8)
    }

    /// What becomes of what a machine wants. `now_at` says where a host is by now.
    pub(super) fn effect(
        &mut self,
        node: usize,
        effect: Effect<NoTask>,
        now_at: impl Fn(&str) -> Option<IpAddr>,
    ) -> Effect<NoTask> {
        match (self.mutant, effect) {
            (
                Some(WebcallMutant::CommitAhead),
                Effect::Log(LogAction::Commit { id, topic, group, partition, epoch, position }),
            ) => {
                let read = self.read.get(&(node, partition)).copied().unwrap_or(0);
                let position = position.offset.max(read).into();
                let (topic, group) = (topic, group);
                Effect::Log(LogAction::Commit { id, topic, group, partition, epoch, position })
            }
            (
                Some(WebcallMutant::ResolvedAgain),
                Effect::Peer(PeerAction::Web { id, mut call }),
            ) => {
                let host = call.authority.split(':').next().unwrap_or_default();
                if let Some(address) = now_at(host) {
                    call.address.set_ip(address);
                }
                Effect::Peer(PeerAction::Web { id, call })
            }
            (_, effect) => effect,
        }
    }

    /// What becomes of what a machine is told.
    pub(super) fn event(&mut self, node: usize, event: Event<NoTask>) -> Event<NoTask> {
        match (self.mutant, event) {
            (
                Some(WebcallMutant::NoAnswerIsDone),
                Event::Peer(PeerEvent::Web { id, result: Err(_) }),
            ) => Event::Peer(PeerEvent::Web { id, result: Ok(Box::default()) }),
            (
                Some(WebcallMutant::FirstAddressOnly),
                Event::Peer(PeerEvent::Resolved { id, result: Ok(mut addresses) }),
            ) => {
                // The others are connected to all the same, see the world.
                addresses.truncate(1);
                Event::Peer(PeerEvent::Resolved { id, result: Ok(addresses) })
            }
            (
                Some(WebcallMutant::RecordsPassedOver),
                Event::Log(LogEvent::Records { topic, group, partition, epoch, mut records }),
            ) => {
                if records.len() > 2 {
                    records.remove(1);
                }
                Event::Log(LogEvent::Records { topic, group, partition, epoch, records })
            }
            (_, Event::Log(LogEvent::Records { topic, group, partition, epoch, records })) => {
                if let Some(last) = records.last() {
                    self.read.insert((node, partition), last.offset + 1);
                }
                Event::Log(LogEvent::Records { topic, group, partition, epoch, records })
            }
            (_, event) => event,
        }
    }

    /// Whether the answer to a call is to be asked for twice.
    pub(super) fn makes_twice(&self, effect: &Effect<NoTask>) -> Option<Effect<NoTask>> {
        match effect {
            Effect::Peer(PeerAction::Web { call, .. }) if self.has(WebcallMutant::MadeTwice) => {
                let id = ActionId(u64::MAX);
                Some(Effect::Peer(PeerAction::Web { id, call: call.clone() }))
            }
            _ => None,
        }
    }
}
