//! Bugs that the world of runners must catch.

use std::collections::BTreeSet;

use bytes::Bytes;
use weft_daemons::contract::coord::{CoordAction, CoordError, CoordEvent};
use weft_daemons::contract::peer::{PeerAction, PeerEvent};
use weft_daemons::contract::{ActionId, Effect, Event, LogEvent, NoTask};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerMutant {
    /// Scripts of more than 8,192 bytes are not asked for, as with the reference's scheduler.
    LongScriptsLost,
    /// A scheduler does not begin, as the reference's does not.
    SchedulerNeverStarts,
    /// A worker takes a lock that another one holds.
    LockIgnored,
    /// A run goes on though its worker ended it.
    CancelIgnored,
    /// A scheduler is not told that the leader has gone.
    LeaderWatchLost,
    /// A commit that failed is taken for done.
    FailedCommitIsDone,
    /// A leader that was not answered takes its request for done.
    UnansweredRequestIsDone,
    /// A worker runs what is overdue, and nothing else, as the reference's does.
    #[cfg(weft_mutants)]
    OverdueInverted,
    /// A worker runs a window that was asked for before.
    #[cfg(weft_mutants)]
    RepeatedWindow,
    /// Nobody looks what was asked for before.
    #[cfg(weft_mutants)]
    NoLookBack,
    /// A worker runs what it has not taken yet.
    #[cfg(weft_mutants)]
    RunBeforeTaken,
}

/// All of them.
pub const ALL: &[RunnerMutant] = &[
    RunnerMutant::LongScriptsLost,
    RunnerMutant::SchedulerNeverStarts,
    RunnerMutant::LockIgnored,
    RunnerMutant::CancelIgnored,
    RunnerMutant::LeaderWatchLost,
    RunnerMutant::FailedCommitIsDone,
    RunnerMutant::UnansweredRequestIsDone,
    #[cfg(weft_mutants)]
    RunnerMutant::OverdueInverted,
    #[cfg(weft_mutants)]
    RunnerMutant::RepeatedWindow,
    #[cfg(weft_mutants)]
    RunnerMutant::NoLookBack,
    #[cfg(weft_mutants)]
    RunnerMutant::RunBeforeTaken,
];

impl RunnerMutant {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LongScriptsLost => "long-scripts-lost",
            Self::SchedulerNeverStarts => "scheduler-never-starts",
            Self::LockIgnored => "lock-ignored",
            Self::CancelIgnored => "cancel-ignored",
            Self::LeaderWatchLost => "leader-watch-lost",
            Self::FailedCommitIsDone => "failed-commit-is-done",
            Self::UnansweredRequestIsDone => "unanswered-request-is-done",
            #[cfg(weft_mutants)]
            Self::OverdueInverted => "overdue-inverted",
            #[cfg(weft_mutants)]
            Self::RepeatedWindow => "repeated-window",
            #[cfg(weft_mutants)]
            Self::NoLookBack => "no-look-back",
            #[cfg(weft_mutants)]
            Self::RunBeforeTaken => "run-before-taken",
        }
    }
}

/// Stands between the machines and the world.
#[derive(Debug)]
pub struct Meddler {
    mutant: Option<RunnerMutant>,
    /// Locks that are asked for.
    locks: BTreeSet<(usize, ActionId)>,
}

impl Meddler {
    /// One that puts a bug in, or none.
    pub fn new(mutant: Option<RunnerMutant>) -> Self {
        #[cfg(weft_mutants)]
        {
            use weft_daemons::mutants::{Planted, plant};
            plant(match mutant {
                Some(RunnerMutant::OverdueInverted) => Planted::OverdueInverted,
                Some(RunnerMutant::RepeatedWindow) => Planted::RepeatedWindow,
                Some(RunnerMutant::NoLookBack) => Planted::NoLookBack,
                Some(RunnerMutant::RunBeforeTaken) => Planted::RunBeforeTaken,
                _ => Planted::Nothing,
            });
        }
        Self { mutant, locks: BTreeSet::new() }
    }

    /// What becomes of what a machine wants.
    pub fn effect(&mut self, node: usize, effect: Effect<NoTask>) -> Option<Effect<NoTask>> {
        let Some(mutant) = self.mutant else { return Some(effect) };
        match (mutant, &effect) {
            (RunnerMutant::SchedulerNeverStarts, Effect::Peer(PeerAction::Scan { .. }))
            | (RunnerMutant::CancelIgnored, Effect::Peer(PeerAction::Cancel { .. })) => None,
            (RunnerMutant::LockIgnored, Effect::Coord(CoordAction::Create { id, path, .. })) => {
                if path.contains("/running/") {
                    self.locks.insert((node, *id));
                }
                Some(effect)
            }
            _ => Some(effect),
        }
    }

    /// What becomes of what a machine is told.
    pub fn event(&mut self, node: usize, event: Event<NoTask>) -> Option<Event<NoTask>> {
        let Some(mutant) = self.mutant else { return Some(event) };
        match (mutant, event) {
            (
                RunnerMutant::LongScriptsLost,
                Event::Peer(PeerEvent::Read { id, result: Ok(text) }),
            ) if text.len() > 8_192 => {
                let result: Result<Bytes, String> = Err("Write beyond end of stream".to_owned());
                Some(Event::Peer(PeerEvent::Read { id, result }))
            }
            (
                RunnerMutant::LockIgnored,
                Event::Coord(CoordEvent::Done { id, result: Err(CoordError::Exists) }),
            ) if self.locks.remove(&(node, id)) => {
                Some(Event::Coord(CoordEvent::Done { id, result: Ok(()) }))
            }
            (RunnerMutant::LeaderWatchLost, Event::Coord(CoordEvent::Changed { path }))
                if path.ends_with("/leader") =>
            {
                None
            }
            (
                RunnerMutant::FailedCommitIsDone,
                Event::Log(LogEvent::Committed { id, result: Err(_) }),
            ) => Some(Event::Log(LogEvent::Committed { id, result: Ok(()) })),
            (
                RunnerMutant::UnansweredRequestIsDone,
                Event::Log(LogEvent::Appended { id, result: Err(_) }),
            ) => Some(Event::Log(LogEvent::Appended { id, result: Ok(Vec::new()) })),
            (_, event) => Some(event),
        }
    }
}
