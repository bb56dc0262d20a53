//! Runs one machine: waits for an event or the deadline, hands it over, carries out what comes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use weft_daemons::contract::{
    CoordAction, Effect, Event, HttpAction, LogAction, Machine, PeerAction, TableAction, Task,
};
use weft_daemons::{Mono, Now, Wall};

use crate::metrics::Metrics;

/// Carries actions of one kind out. Never blocks; outcomes come back as events.
pub(crate) type Act<A> = Box<dyn Fn(A) + Send>;

/// What a machine stands on in this process.
pub(crate) struct Backends {
    pub(crate) http: Act<HttpAction>,
    pub(crate) log: Act<LogAction>,
    pub(crate) table: Act<TableAction>,
    pub(crate) coord: Act<CoordAction>,
    pub(crate) peer: Act<PeerAction>,
    /// Says whether the component can serve.
    pub(crate) ready: Act<bool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pool: Arc<rayon::ThreadPool>,
}

/// The process's clocks.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Clocks that begin now.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Both clocks.
    pub(crate) fn now(&self) -> Now {
        let mono = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(mono), wall: Wall(i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX)) }
    }

    fn instant(&self, mono: Mono) -> tokio::time::Instant {
        (self.start + Duration::from_nanos(mono.0)).into()
    }
}

/// Runs `machine` until it has stopped, or nobody is left to send it events.
pub(crate) async fn drive<M: Machine>(
    name: &'static str,
    mut machine: M,
    clock: Clock,
    sender: UnboundedSender<Event<M::Task>>,
    mut events: UnboundedReceiver<Event<M::Task>>,
    backends: Backends,
) {
    let sender = sender.downgrade();
    loop {
        // What the machine wanted at its birth, or after the last event, comes first.
        while let Some(effect) = machine.poll() {
            if matches!(effect, Effect::Stopped) {
                return;
            }
            act(name, effect, &sender, &backends);
        }
        let event = match machine.deadline() {
            None => events.recv().await,
            Some(deadline) => {
                tokio::select! {
                    biased;
                    event = events.recv() => event,
                    () = tokio::time::sleep_until(clock.instant(deadline)) => Some(Event::Tick),
                }
            }
        };
        let Some(event) = event else { return };
        machine.handle(clock.now(), event);
    }
}

fn act<T: Task>(
    name: &'static str,
    effect: Effect<T>,
    sender: &tokio::sync::mpsc::WeakUnboundedSender<Event<T>>,
    backends: &Backends,
) {
    match effect {
        Effect::Http(action) => (backends.http)(action),
        Effect::Log(action) => (backends.log)(action),
        Effect::Table(action) => (backends.table)(action),
        Effect::Coord(action) => (backends.coord)(action),
        Effect::Peer(action) => (backends.peer)(action),
        Effect::Compute(id, task) => {
            let sender = sender.clone();
            backends.pool.spawn_fifo(move || {
                let done = task.run();
                if let Some(sender) = sender.upgrade() {
                    let _ = sender.send(Event::Computed(id, done));
                }
            });
        }
        Effect::Metric(metric) => backends.metrics.change(&metric),
        Effect::Warn(warning) => crate::report::warn(name, &warning),
        Effect::Ready(ready) => (backends.ready)(ready),
        Effect::Stopped => {}
    }
}
