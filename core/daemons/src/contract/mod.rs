//! What machines and shells say to each other.
//!
//! Rules that hold for every contract:
//! - An action that can fail carries an id ([`ActionId`]) that the machine chose; exactly one
//!   outcome with that id comes back (streams: any number of chunks, then one end or error).
//!   Ids are unique within one machine.
//! - Outcomes may come in any order, late, or after the machine forgot the id: it ignores those.
//! - After every `handle` the shell drains `poll` to `None` before the next `handle`, and asks
//!   `deadline` anew.

pub mod coord;
pub mod http;
pub mod log;
pub mod peer;
#[cfg(feature = "suites")]
pub mod suite;
pub mod table;

pub use coord::{CoordAction, CoordError, CoordEvent};
pub use http::{HttpAction, HttpEvent, Message, RequestHead, ResponseHead};
pub use log::{LogAction, LogError, LogEvent, NewRecord, Record, Topic};
pub use peer::{PeerAction, PeerError, PeerEvent};
pub use table::{TableAction, TableError, TableEvent};

use crate::time::{Mono, Now};

/// Names one action of one machine until its outcome is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u64);

/// Hands out action ids.
#[derive(Debug, Default)]
pub struct ActionIds {
    last: u64,
}

impl ActionIds {
    /// The next id, never given before.
    pub fn next_id(&mut self) -> ActionId {
        self.last += 1;
        ActionId(self.last)
    }
}

/// A daemon without IO.
pub trait Machine {
    /// The pure work that the machine may ask for.
    type Task: Task;

    /// Takes one event in. Never blocks, never panics on bytes from outside.
    fn handle(&mut self, now: Now, event: Event<Self::Task>);

    /// The next thing the machine wants done; `None` when there is nothing more until an event.
    fn poll(&mut self) -> Option<Effect<Self::Task>>;

    /// When [`Event::Tick`] is wanted at the latest. A tick that comes early does no harm.
    fn deadline(&self) -> Option<Mono>;
}

/// Pure work that may take long: the shell runs it on its pool, the simulator when it likes.
pub trait Task: Send + 'static {
    /// What comes out of it.
    type Done: Send + 'static;

    /// Does the work. Depends on nothing but the task itself.
    fn run(self) -> Self::Done;
}

/// The task of machines that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTask {}

impl Task for NoTask {
    type Done = Self;

    fn run(self) -> Self {
        self
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event<T: Task> {
    /// Time has passed.
    Tick,
    /// From the HTTP server.
    Http(HttpEvent),
    /// From the log.
    Log(LogEvent),
    /// From the table.
    Table(TableEvent),
    /// From coordination.
    Coord(CoordEvent),
    /// From other daemons.
    Peer(PeerEvent),
    /// A task of [`Effect::Compute`] has run.
    Computed(ActionId, T::Done),
    /// Ends the machine's work in order: it stops taking work, finishes what it has, and then
    /// says [`Effect::Stopped`].
    Stop,
}

/// What the machine wants done.
#[derive(Debug)]
pub enum Effect<T: Task> {
    /// By the HTTP server.
    Http(HttpAction),
    /// By the log.
    Log(LogAction),
    /// By the table.
    Table(TableAction),
    /// By coordination.
    Coord(CoordAction),
    /// By other daemons.
    Peer(PeerAction),
    /// Run this, then answer with [`Event::Computed`].
    Compute(ActionId, T),
    /// Add to a counter or set a gauge of `/metrics`.
    Metric(Metric),
    /// Tell the operator.
    Warn(String),
    /// The machine now can (or no longer can) serve: `/readyz` follows.
    Ready(bool),
    /// The work after [`Event::Stop`] is done.
    Stopped,
}

impl Effect<NoTask> {
    /// The same, of a machine that has tasks.
    pub fn of<T: Task>(self) -> Effect<T> {
        match self {
            Self::Http(action) => Effect::Http(action),
            Self::Log(action) => Effect::Log(action),
            Self::Table(action) => Effect::Table(action),
            Self::Coord(action) => Effect::Coord(action),
            Self::Peer(action) => Effect::Peer(action),
            Self::Compute(_, task) => match task {},
            Self::Metric(metric) => Effect::Metric(metric),
            Self::Warn(text) => Effect::Warn(text),
            Self::Ready(is_ready) => Effect::Ready(is_ready),
            Self::Stopped => Effect::Stopped,
        }
    }
}

/// A change of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Prometheus name, with unit and `_total` where it counts.
    pub name: &'static str,
    /// Label pairs.
    pub labels: Vec<(&'static str, String)>,
    /// What to do with it.
    pub change: Change,
}

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A counter grows.
    Add(u64),
    /// A gauge has this value.
    Set(f64),
}

impl Metric {
    /// A counter without labels grows by `n`.
    pub const fn add(name: &'static str, n: u64) -> Self {
        Self { name, labels: Vec::new(), change: Change::Add(n) }
    }

    /// A gauge without labels has the value `value`.
    pub const fn set(name: &'static str, value: f64) -> Self {
        Self { name, labels: Vec::new(), change: Change::Set(value) }
    }
}
