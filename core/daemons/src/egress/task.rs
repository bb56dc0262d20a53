//! The work of egress for the pool.

use super::exec::{Discarded, ExecDone, ExecTask};
use super::fetch::{FormatDone, FormatTask};
use crate::contract::Task;

/// Work for the pool.
#[derive(Debug)]
pub enum EgressTask {
    /// Writes datapoints.
    Format(FormatTask),
    /// Runs a slice of a script.
    Exec(Box<ExecTask>),
    /// Throws a script away.
    Discard(Discarded),
}

/// What came of it.
#[derive(Debug)]
pub enum EgressDone {
    /// Datapoints are written.
    Format(FormatDone),
    /// A slice of a script is over.
    Exec(Box<ExecDone>),
    /// A script is gone.
    Discarded,
}

impl Task for EgressTask {
    type Done = EgressDone;

    fn run(self) -> EgressDone {
        match self {
            Self::Format(task) => EgressDone::Format(task.run()),
            Self::Exec(task) => EgressDone::Exec(Box::new((*task).run())),
            Self::Discard(_) => EgressDone::Discarded,
        }
    }
}
