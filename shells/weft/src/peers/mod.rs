//! Hands directory requests and progress from machine to machine within one process, and directory
//! requests to those of other processes ([`remote`]).

#[cfg(test)]
mod partitions;
mod remote;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use weft_daemons::contract::peer::{Answer, CallResult, InstanceId, ThrottleAnswer, ThrottleAsk};
use weft_daemons::contract::{ActionId, PeerAction, PeerError, PeerEvent, RequestHead};
use weft_warpscript::requests::Library;

use crate::outside::{self, Tls};
pub(crate) use remote::Network;
use remote::RemoteFind;

/// Delivers an event to a machine.
pub(crate) type Deliver = Arc<dyn Fn(PeerEvent) + Send + Sync>;

/// Takes the answer of a call.
pub(crate) type Done = Box<dyn FnOnce(CallResult) + Send>;

/// Makes an HTTP request to a component. Never blocks. What it gives ends the request, when there is one.
pub(crate) type Caller = Box<dyn Fn(RequestHead, Bytes, Done) -> Option<AbortHandle> + Send + Sync>;

/// Asks the library of scripts. Never blocks.
pub(crate) type Asker = Box<dyn Fn(Library, Sourced) + Send + Sync>;

/// Answers a runner's question about its folder; `None` when it is none. Blocks.
pub(crate) type Lister = Arc<dyn Fn(&PeerAction) -> Option<PeerEvent> + Send + Sync>;

/// Answers a question of ingress about its folder of throttling. Blocks.
pub(crate) type Limits = Arc<dyn Fn(ThrottleAsk) -> Result<ThrottleAnswer, String> + Send + Sync>;

/// Takes an answer of the library.
pub(crate) type Sourced = Box<dyn FnOnce(Result<Option<Arc<str>>, String>) + Send>;

/// Who talks to whom.
#[derive(Default)]
pub(crate) struct Peers {
    state: Mutex<State>,
    library: OnceLock<Asker>,
    scripts: OnceLock<(Lister, Handle)>,
    limits: OnceLock<(Limits, Handle)>,
    tls: Arc<Tls>,
    caller: OnceLock<Caller>,
    network: OnceLock<(Network, Handle)>,
}

#[derive(Default)]
struct State {
    machines: Vec<Deliver>,
    directories: BTreeMap<InstanceId, usize>,
    readers: Vec<usize>,
    /// By the ask's name at the directory.
    asks: BTreeMap<ActionId, Ask>,
    /// By asker and the name it gave the stream.
    streams: BTreeMap<(usize, ActionId), ActionId>,
    /// Streams of other processes: wants the next piece; ends with what is dropped.
    remote: BTreeMap<(usize, ActionId), UnboundedSender<()>>,
    /// Calls that can be ended.
    calls: BTreeMap<(usize, ActionId), AbortHandle>,
    last_ask: u64,
    applied: BTreeMap<(Arc<str>, u32), u64>,
}

/// A find under way.
struct Ask {
    asker: usize,
    stream: ActionId,
    directory: usize,
}

/// A machine's place among the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(usize);

impl Peers {
    /// Calls to the outside are encrypted by `tls`.
    pub(crate) fn new(tls: Tls) -> Self {
        Self { tls: Arc::new(tls), ..Self::default() }
    }

    /// Gives a machine a place.
    pub(crate) fn join(&self, deliver: Deliver) -> Seat {
        let mut state = self.lock();
        state.machines.push(deliver);
        Seat(state.machines.len() - 1)
    }

    /// The machine is the directory of that name.
    pub(crate) fn is_directory(&self, seat: Seat, instance: InstanceId) {
        self.lock().directories.insert(instance, seat.0);
    }

    /// The machine wants to know how far consumers are, from the start.
    pub(crate) fn is_reader(&self, seat: Seat) {
        let (deliver, applied) = {
            let mut state = self.lock();
            state.readers.push(seat.0);
            (state.machines[seat.0].clone(), state.applied.clone())
        };
        for ((topic, partition), offset) in applied {
            deliver(PeerEvent::Applied { topic, partition, offset });
        }
    }

    /// Tells everybody who wants to know how far consumers are: whoever serves clients.
    pub(crate) fn tell_readers(&self, event: &PeerEvent) {
        let readers: Vec<Deliver> = {
            let state = self.lock();
            state.readers.iter().map(|&reader| state.machines[reader].clone()).collect()
        };
        for deliver in readers {
            deliver(event.clone());
        }
    }

    /// Requests between components go through `caller`.
    pub(crate) fn call_through(&self, caller: Caller) {
        // The first one stays.
        let _ = self.caller.set(caller);
    }

    /// Directories of other processes are asked over `network`.
    pub(crate) fn reach_through(&self, network: Network, runtime: Handle) {
        // The first one stays.
        let _ = self.network.set((network, runtime));
    }

    /// Questions of scripts to the library go through `asker`.
    pub(crate) fn ask_through(&self, asker: Asker) {
        // The first one stays.
        let _ = self.library.set(asker);
    }

    /// Questions of the runner to its folder go through `lister`.
    pub(crate) fn list_through(&self, lister: Lister, runtime: Handle) {
        // The first one stays.
        let _ = self.scripts.set((lister, runtime));
    }

    /// Questions of ingress to its folder of throttling go through `limits`.
    pub(crate) fn limit_through(&self, limits: Limits, runtime: Handle) {
        // The first one stays.
        let _ = self.limits.set((limits, runtime));
    }

    /// Carries out what the machine at `seat` asks for.
    pub(crate) fn act(self: &Arc<Self>, seat: Seat, action: PeerAction) {
        if let PeerAction::Scan { .. } | PeerAction::Read { .. } = action {
            let deliver = self.lock().machines[seat.0].clone();
            if let Some((lister, runtime)) = self.scripts.get() {
                let lister = lister.clone();
                runtime.spawn_blocking(move || {
                    if let Some(event) = lister(&action) {
                        deliver(event);
                    }
                });
            }
            return;
        }
        if let PeerAction::Throttle { id, ask } = action {
            let deliver = self.lock().machines[seat.0].clone();
            if let Some((limits, runtime)) = self.limits.get() {
                let limits = limits.clone();
                runtime.spawn_blocking(move || {
                    deliver(PeerEvent::Throttle { id, result: limits(ask) });
                });
            }
            return;
        }
        if let PeerAction::Find { id, instance, address, request } = &action
            && !address.is_empty()
            && let Some((network, runtime)) = self.network.get()
            && !self.lock().directories.contains_key(instance)
        {
            let find = RemoteFind::new(network.clone(), address.to_string(), request.clone());
            return self.find_remotely(runtime, seat, *id, find);
        }
        if let PeerAction::Call { id, head, body } = action {
            let deliver = self.lock().machines[seat.0].clone();
            return match self.caller.get() {
                Some(caller) => {
                    let (peers, key) = (self.clone(), (seat.0, id));
                    let done = move |result| {
                        peers.lock().calls.remove(&key);
                        deliver(PeerEvent::Called { id, result });
                    };
                    // Its end waits until it is known here.
                    let mut state = self.lock();
                    if let Some(handle) = caller(head, body, Box::new(done)) {
                        state.calls.insert(key, handle);
                    }
                }
                None => {
                    let error = PeerError::Refused(format!("Nobody serves {}.", head.path));
                    deliver(PeerEvent::Called { id, result: Err(error) });
                }
            };
        }
        if let PeerAction::Resolve { id, host, time_max } = action {
            let deliver = self.lock().machines[seat.0].clone();
            let resolve = outside::resolve(host, time_max);
            tokio::spawn(async move {
                deliver(PeerEvent::Resolved { id, result: resolve.await });
            });
            return;
        }
        if let PeerAction::Web { id, call } = action {
            let (deliver, tls) = (self.lock().machines[seat.0].clone(), self.tls.clone());
            tokio::spawn(async move {
                deliver(PeerEvent::Web { id, result: outside::web(*call, &tls).await });
            });
            return;
        }
        if let PeerAction::Script { id, ask } = action {
            let deliver = self.lock().machines[seat.0].clone();
            let done: Sourced = Box::new(move |result| deliver(PeerEvent::Script { id, result }));
            return match self.library.get() {
                Some(library) => library(ask, done),
                None => done(Ok(None)),
            };
        }
        for (deliver, event) in self.lock().route(seat.0, action) {
            deliver(event);
        }
    }

    /// Asks a directory of another process, piece by piece.
    fn find_remotely(
        self: &Arc<Self>,
        runtime: &Handle,
        seat: Seat,
        id: ActionId,
        mut find: RemoteFind,
    ) {
        let (wants, mut wanted) = unbounded_channel();
        // The first piece is wanted.
        let _ = wants.send(());
        let deliver = {
            let mut state = self.lock();
            state.remote.insert((seat.0, id), wants);
            state.machines[seat.0].clone()
        };
        let peers = self.clone();
        runtime.spawn(async move {
            loop {
                let Some(()) = wanted.recv().await else { return };
                let answer = tokio::select! {
                    answer = find.answer() => answer,
                    () = closed(&mut wanted) => return,
                };
                let is_over = !matches!(answer, Answer::Found(_));
                if is_over {
                    peers.lock().remote.remove(&(seat.0, id));
                }
                deliver(PeerEvent::Answered { id, answer });
                if is_over {
                    return;
                }
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until nobody wants anything any more. Nobody asks for a piece before the last one came.
async fn closed(wanted: &mut tokio::sync::mpsc::UnboundedReceiver<()>) {
    while wanted.recv().await.is_some() {}
}

impl State {
    fn route(&mut self, seat: usize, action: PeerAction) -> Vec<(Deliver, PeerEvent)> {
        if let PeerAction::Cancel { id } = &action
            && let Some(call) = self.calls.remove(&(seat, *id))
        {
            call.abort();
            return Vec::new();
        }
        if let PeerAction::Next { id } | PeerAction::Cancel { id } = &action
            && let Some(wants) = self.remote.get(&(seat, *id))
        {
            match action {
                PeerAction::Next { .. } => drop(wants.send(())),
                _ => drop(self.remote.remove(&(seat, *id))),
            }
            return Vec::new();
        }
        match action {
            PeerAction::Find { id, instance, request, .. } => {
                let Some(&directory) = self.directories.get(&instance) else {
                    let error = PeerError::Unavailable(instance.to_string());
                    let answer = Answer::Failed(error);
                    return self.to(seat, PeerEvent::Answered { id, answer });
                };
                self.last_ask += 1;
                let ask = ActionId(self.last_ask);
                self.asks.insert(ask, Ask { asker: seat, stream: id, directory });
                self.streams.insert((seat, id), ask);
                self.to(directory, PeerEvent::Ask { ask, request })
            }
            PeerAction::Next { id } => match self.streams.get(&(seat, id)).copied() {
                Some(ask) => {
                    let directory = self.asks[&ask].directory;
                    self.to(directory, PeerEvent::AskNext { ask })
                }
                None => Vec::new(),
            },
            PeerAction::Cancel { id } => match self.streams.remove(&(seat, id)) {
                Some(ask) => {
                    let directory = self.asks.remove(&ask).map_or(0, |gone| gone.directory);
                    self.to(directory, PeerEvent::AskCancel { ask })
                }
                None => Vec::new(),
            },
            PeerAction::Answer { ask, answer } => self.answer(ask, answer),
            PeerAction::Call { .. }
            | PeerAction::Script { .. }
            | PeerAction::Scan { .. }
            | PeerAction::Read { .. }
            | PeerAction::Resolve { .. }
            | PeerAction::Web { .. }
            | PeerAction::Throttle { .. } => Vec::new(),
            PeerAction::Switch(switch) => {
                let event = PeerEvent::Switched(switch);
                let readers = self.readers.iter();
                readers.map(|&reader| (self.machines[reader].clone(), event.clone())).collect()
            }
            PeerAction::Applied { topic, partition, offset } => {
                self.applied.insert((topic.clone(), partition), offset);
                let event = PeerEvent::Applied { topic, partition, offset };
                let readers = self.readers.iter();
                readers.map(|&reader| (self.machines[reader].clone(), event.clone())).collect()
            }
        }
    }

    fn answer(&mut self, ask: ActionId, answer: Answer) -> Vec<(Deliver, PeerEvent)> {
        let Some(Ask { asker, stream, .. }) = self.asks.get(&ask) else { return Vec::new() };
        let (asker, id) = (*asker, *stream);
        if !matches!(answer, Answer::Found(_)) {
            self.asks.remove(&ask);
            self.streams.remove(&(asker, id));
        }
        self.to(asker, PeerEvent::Answered { id, answer })
    }

    fn to(&self, seat: usize, event: PeerEvent) -> Vec<(Deliver, PeerEvent)> {
        vec![(self.machines[seat].clone(), event)]
    }
}

#[cfg(test)]
mod tests {
    use weft_daemons::contract::peer::FindRequest;

    use super::*;

    fn machine() -> (Deliver, Arc<Mutex<Vec<PeerEvent>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        (Arc::new(move |event| kept.lock().expect("not poisoned").push(event)), seen)
    }

    #[test]
    fn a_find_goes_there_and_back() {
        let peers = Arc::<Peers>::default();
        let (asker, answers) = machine();
        let (directory, asks) = machine();
        let (asker, directory) = (peers.join(asker), peers.join(directory));
        peers.is_directory(directory, "d".into());
        let (id, request) = (ActionId(7), FindRequest::default());
        peers
            .act(asker, PeerAction::Find { id, instance: "d".into(), address: "".into(), request });
        let asked = asks.lock().expect("not poisoned").pop();
        let Some(PeerEvent::Ask { ask, .. }) = asked else { panic!("{asked:?}") };
        peers.act(asker, PeerAction::Next { id });
        peers.act(directory, PeerAction::Answer { ask, answer: Answer::End });
        let end = PeerEvent::Answered { id, answer: Answer::End };
        assert_eq!(*answers.lock().expect("not poisoned"), [end]);
        assert_eq!(*asks.lock().expect("not poisoned"), [PeerEvent::AskNext { ask }]);
    }

    #[test]
    fn an_unknown_directory_is_an_error() {
        let peers = Arc::<Peers>::default();
        let (asker, answers) = machine();
        let asker = peers.join(asker);
        let (id, request) = (ActionId(1), FindRequest::default());
        peers
            .act(asker, PeerAction::Find { id, instance: "d".into(), address: "".into(), request });
        let answers = answers.lock().expect("not poisoned");
        assert!(matches!(answers[0], PeerEvent::Answered { answer: Answer::Failed(_), .. }));
    }
}
