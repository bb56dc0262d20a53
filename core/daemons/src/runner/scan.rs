//! Looking at the folder, again and again.

use std::sync::Arc;

use super::RunnerConfig;
use super::out::Out;
use crate::contract::ActionId;
use crate::contract::peer::{PeerAction, PeerEvent};
use crate::time::{Mono, Now};

/// When the folder is looked at.
#[derive(Debug)]
pub(super) enum Scan {
    /// At that moment; `None` is at once.
    At(Option<Mono>),
    /// It is under way.
    Under(ActionId),
}

impl Default for Scan {
    fn default() -> Self {
        Self::At(None)
    }
}

impl Scan {
    pub(super) fn tick(&mut self, now: Now, out: &mut Out) {
        if let Self::At(at) = self
            && at.is_none_or(|at| at <= now.mono)
        {
            let id = out.ids.next_id();
            *self = Self::Under(id);
            out.peer(PeerAction::Scan { id });
        }
    }

    /// The scripts that were found, when this is the answer.
    pub(super) fn take(
        &mut self,
        config: &RunnerConfig,
        now: Now,
        event: &mut Option<PeerEvent>,
        out: &mut Out,
    ) -> Option<Vec<Arc<str>>> {
        let Some(PeerEvent::Scanned { id, .. }) = event else { return None };
        if !matches!(self, Self::Under(under) if under == id) {
            return None;
        }
        *self = Self::At(Some(now.mono.after(config.scan_period)));
        match event.take() {
            Some(PeerEvent::Scanned { result: Ok(paths), .. }) => Some(paths),
            Some(PeerEvent::Scanned { result: Err(error), .. }) => {
                out.warn(format!("runner: {error}; trying again"));
                None
            }
            _ => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        match self {
            Self::At(at) => Some(at.unwrap_or(Mono(0))),
            Self::Under(_) => None,
        }
    }
}
