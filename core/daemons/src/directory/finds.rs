//! Finds under way: pieces of them in turn, whoever asked.

use std::collections::VecDeque;

use weft_gts::selector::Selector;
use weft_gts::{Metadata, SeriesId};

use super::{Activity, Directory, FINDS_MAX, SCAN_MAX, State, Stats};
use crate::contract::http::RequestId;
use crate::contract::peer::{
    Answer, FIND_CHUNK_MAX, FindRequest, PeerAction, PeerError, PeerEvent,
};
use crate::contract::{ActionId, Effect, Metric};
use crate::time::Now;

/// Who waits for series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// A machine.
    Peer(ActionId),
    /// A request from the network.
    Http(RequestId),
}

/// One find under way.
#[derive(Debug)]
pub(super) struct Find {
    /// What is walked through, one after the other; those of one are walked through together.
    passes: VecDeque<Vec<Selector>>,
    /// Selectors that are done: what they match was answered already.
    done: Vec<Selector>,
    activity: Activity,
    after: Option<SeriesId>,
    chunk: Vec<Metadata>,
    /// Where series are only counted.
    stats: Option<Box<Stats>>,
}

impl Directory {
    pub(super) fn peer_event(&mut self, now: Now, event: PeerEvent) {
        match event {
            PeerEvent::Ask { ask, request } => {
                if let Err(error) = self.begin(now, Asker::Peer(ask), &request) {
                    self.answer(Asker::Peer(ask), Answer::Failed(error));
                }
            }
            PeerEvent::AskNext { ask } => {
                if self.finds.contains_key(&Asker::Peer(ask)) {
                    self.working.push_back(Asker::Peer(ask));
                }
            }
            PeerEvent::AskCancel { ask } => {
                self.finds.remove(&Asker::Peer(ask));
            }
            PeerEvent::Answered { .. }
            | PeerEvent::Called { .. }
            | PeerEvent::Script { .. }
            | PeerEvent::Scanned { .. }
            | PeerEvent::Read { .. }
            | PeerEvent::Resolved { .. }
            | PeerEvent::Web { .. }
            | PeerEvent::Throttle { .. }
            | PeerEvent::Revoked(_)
            | PeerEvent::Named(_)
            | PeerEvent::Switched(_)
            | PeerEvent::Applied { .. } => {}
        }
    }

    /// Begins a find; its first piece is looked for at once.
    pub(super) fn begin(
        &mut self,
        now: Now,
        asker: Asker,
        request: &FindRequest,
    ) -> Result<(), PeerError> {
        if !matches!(self.state, State::Serving) {
            return Err(PeerError::Unavailable("(it is still loading)".to_owned()));
        }
        if self.finds.len() >= FINDS_MAX {
            return Err(PeerError::Unavailable("(it has too many finds under way)".to_owned()));
        }
        let compiled = request.selectors.iter().map(|text| {
            Selector::new(text, self.config.absent_labels)
                .map_err(|error| PeerError::Refused(error.to_string()))
        });
        let selectors = compiled.collect::<Result<Vec<Selector>, PeerError>>()?;
        let activity =
            Activity { active_after: request.active_after, quiet_after: request.quiet_after };
        let passes = if request.sorted {
            VecDeque::from([selectors])
        } else {
            selectors.into_iter().map(|selector| vec![selector]).collect()
        };
        let limits = self.config.service.as_ref().map_or_else(Default::default, |s| s.stats);
        let empty = || Box::new(Stats::new(self.config.ids, limits, now.wall.as_ms()));
        let stats = request.estimates.then(empty);
        let (done, chunk) = (Vec::new(), Vec::new());
        let find = Find { passes, done, activity, after: None, chunk, stats };
        self.finds.insert(asker, find);
        self.working.push_back(asker);
        self.effects.push_back(Effect::Metric(Metric::add("weft_directory_finds_total", 1)));
        Ok(())
    }

    /// One step of the find whose turn it is.
    pub(super) fn work(&mut self) {
        let Some(ask) = self.working.pop_front() else { return };
        let Some(find) = self.finds.get_mut(&ask) else { return };
        let Some(selectors) = find.passes.front() else {
            let chunk = std::mem::take(&mut find.chunk);
            if let Some(stats) = &find.stats {
                let counted = Box::new(stats.finish());
                self.finds.remove(&ask);
                self.answer(ask, Answer::Counted(counted));
            } else if chunk.is_empty() {
                self.finds.remove(&ask);
                self.answer(ask, Answer::End);
            } else {
                self.answer(ask, Answer::Found(chunk));
            }
            return;
        };
        let room = FIND_CHUNK_MAX - find.chunk.len();
        let found = self.index.find(selectors, find.activity, find.after, room, SCAN_MAX);
        let news = found.series.into_iter().filter(|m| !find.done.iter().any(|s| s.matches(m)));
        find.chunk.extend(news);
        find.after = found.next;
        if found.next.is_none() {
            find.done.extend(find.passes.pop_front().into_iter().flatten());
        }
        if let Some(stats) = &mut find.stats {
            find.chunk.drain(..).for_each(|metadata| stats.add(&metadata));
            self.working.push_back(ask);
        } else if find.chunk.len() == FIND_CHUNK_MAX {
            let chunk = std::mem::take(&mut find.chunk);
            self.answer(ask, Answer::Found(chunk));
        } else {
            self.working.push_back(ask);
        }
    }

    fn answer(&mut self, asker: Asker, answer: Answer) {
        match asker {
            Asker::Peer(ask) => {
                self.effects.push_back(Effect::Peer(PeerAction::Answer { ask, answer }));
            }
            Asker::Http(request) => self.found(request, answer),
        }
    }
}
