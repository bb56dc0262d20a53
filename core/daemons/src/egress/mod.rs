//! `egress`: answers what is stored, to those who may read it.
//!
//! It promises:
//! - What is read is a state after every write that was acknowledged before the request came, when
//!   the consumers run in the same process; otherwise what directory and store have applied.
//! - An answer that could not be completed never looks as if it were: it has an error status, ends
//!   in a line `# ERROR:` when that was asked for, or breaks off.
//! - A fetch returns series in the order of their ids, each once, however many selectors mean it.
//! - Nobody sees more than the token allows: its labels replace those of the selectors, its
//!   attributes narrow range, count and boundaries.
//! - What is read ahead of a client is bounded: nothing more is read from directory or table until
//!   the client has taken what there is.
//!
//! ```text
//!   request ─▶ applied? ─▶ directory ─▶ table ─▶ chunks ─task─▶ bytes ─▶ client
//!                 (waits)     (pulled by what is behind it)        (drained: go on)
//! ```

mod access;
mod config;
mod console;
mod error;
mod exec;
mod fetch;
mod fetch_request;
mod find;
mod formats;
mod interactive;
mod mobius;
mod task;
mod time_range;
mod unpack;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use access::Reader;
pub use config::{ENCODER_SIZE_MAX_DEFAULT, EgressConfig, ExecConfig};
pub use exec::{Discarded, ExecDone, ExecTask, WebConfig};
pub use fetch::{FormatDone, FormatTask};
pub(crate) use formats::json;
pub use task::{EgressDone, EgressTask};
use weft_warpscript::requests::RequestId as NeedId;

use crate::applied::{Applied, Progress};
use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead};
use crate::contract::log::LogEvent;
use crate::contract::{
    ActionId, ActionIds, Effect, Event, Machine, PeerEvent, TableAction, TableEvent,
};
use crate::cors;
use crate::directory_client::{DirectoryClient, FindEvent, FindId};
use crate::params::{FORM_BYTES_MAX, Params, is_form};
use crate::random::Random;
use crate::table_reads::{TableReads, no_answer};
use crate::time::{Mono, Now, Wall};
use error::Refusal;
use exec::{Asked, Exec, Schedule, SharedMemory, Told};
use fetch::Fetch;
use find::Find;
use mobius::Mobius;

/// Pieces of a response on their way to the client before more is made.
const UNSENT_MAX: usize = 2;

/// The machine.
#[derive(Debug)]
pub struct Egress {
    config: Arc<EgressConfig>,
    requests: BTreeMap<RequestId, Request>,
    work: Work,
    mobius: Mobius,
    interactive: interactive::Sessions,
    stopping: bool,
}

/// What requests share.
#[derive(Debug)]
struct Work {
    directory: DirectoryClient,
    metadata_applied: Applied,
    data_applied: Applied,
    finds: BTreeMap<FindId, RequestId>,
    streams: BTreeMap<ActionId, RequestId>,
    reads: TableReads,
    /// When what happens now happens.
    now: Now,
    computing: BTreeMap<ActionId, RequestId>,
    /// Requests of scripts to other components.
    calls: BTreeMap<ActionId, RequestId>,
    /// What scripts ask of the outside, and of the log for it.
    outside: BTreeMap<ActionId, RequestId>,
    /// Partitions of the topic of WEBCALLs, once that is known.
    webcall_partitions: Option<u32>,
    /// What scripts ask the library of scripts.
    asked: BTreeMap<ActionId, (RequestId, NeedId)>,
    /// What scripts ask about each other.
    asked_scripts: Vec<Asked>,
    /// The secret with which scripts see each other, as it is now.
    scripts_secret: Option<Arc<str>>,
    shared: SharedMemory,
    schedule: Schedule,
    /// Scripts that sleep, and until when.
    wakes: BTreeSet<(Mono, RequestId, NeedId)>,
    random: Random,
    ids: ActionIds,
    effects: VecDeque<Effect<EgressTask>>,
    /// Whether the directory was complete when that was last told.
    is_ready: bool,
}

/// A request that is served.
#[derive(Debug)]
enum Request {
    /// A form is coming in.
    Receiving(RequestHead, Vec<u8>),
    Find(Box<Find>),
    Fetch(Box<Fetch>),
    Exec(Box<Exec>),
}

/// What becomes of a request.
#[derive(Debug)]
enum Step {
    /// It waits.
    Wait,
    /// Its response is complete.
    Done,
    /// It failed.
    Failed(Refusal),
}

impl Egress {
    /// An egress. `seed` decides what is drawn at random.
    pub fn new(config: EgressConfig, seed: [u8; 32]) -> Self {
        let topics = config.wait_for.clone();
        let (metadata, data) = topics.map_or((None, None), |[meta, data]| (Some(meta), Some(data)));
        let work = Work {
            directory: DirectoryClient::new(config.directory_path.clone()),
            metadata_applied: Applied::new(metadata),
            data_applied: Applied::new(data),
            finds: BTreeMap::new(),
            streams: BTreeMap::new(),
            reads: TableReads::default(),
            now: Now { mono: Mono(0), wall: Wall(0) },
            computing: BTreeMap::new(),
            calls: BTreeMap::new(),
            outside: BTreeMap::new(),
            webcall_partitions: None,
            asked: BTreeMap::new(),
            asked_scripts: Vec::new(),
            scripts_secret: config.exec.machine.stackps_secret.as_deref().map(Arc::from),
            shared: SharedMemory::new(&config.exec),
            schedule: Schedule::new(config.exec.parallel, config.exec.memory_max),
            wakes: BTreeSet::new(),
            random: Random::new(seed),
            ids: ActionIds::default(),
            effects: VecDeque::new(),
            is_ready: false,
        };
        Self {
            config: Arc::new(config),
            requests: BTreeMap::new(),
            work,
            mobius: Mobius::default(),
            interactive: BTreeMap::new(),
            stopping: false,
        }
    }

    fn http_event(&mut self, now: Now, event: HttpEvent) {
        match event {
            HttpEvent::Head { request, head } => self.route(now, request, head),
            HttpEvent::Body { request, bytes } => self.body(request, &bytes),
            HttpEvent::End { request } => self.body_end(now, request),
            HttpEvent::Broken { request } => self.body_broke_off(request),
            HttpEvent::Gone { request } if self.interactive_gone(request) => {}
            HttpEvent::Gone { request } if self.mobius_gone(request) => {}
            HttpEvent::Gone { request } => self.forget(request),
            HttpEvent::Message { request, message } => {
                if !self.interactive_message(now, request, &message) {
                    self.mobius_message(now, request, &message);
                }
            }
            HttpEvent::Drained { request } if self.interactive_drained(now, request) => {}
            HttpEvent::Drained { request } => {
                match self.requests.get_mut(&request) {
                    Some(Request::Fetch(fetch)) => fetch.drained(),
                    Some(Request::Find(find)) => find.drained(),
                    Some(Request::Exec(exec)) => {
                        exec.drained(&mut self.work, request);
                        return self.dispatch(now);
                    }
                    _ => return self.mobius_drained(now, request),
                }
                self.advance(now, request);
            }
        }
    }

    fn body(&mut self, request: RequestId, bytes: &Bytes) {
        match self.requests.get_mut(&request) {
            Some(Request::Receiving(_, body)) => {
                if body.len() + bytes.len() > FORM_BYTES_MAX {
                    self.requests.remove(&request);
                    let refusal = Refusal::FormTooLarge { max: FORM_BYTES_MAX };
                    return self.work.refuse(request, refusal.status(), &refusal, &[]);
                }
                body.extend_from_slice(bytes);
            }
            Some(Request::Exec(exec)) => {
                let step = exec.receive(&self.config, &mut self.work, request, bytes);
                self.stepped(request, step);
            }
            _ => {}
        }
    }

    /// A request whose body is not complete is not begun.
    fn body_broke_off(&mut self, request: RequestId) {
        if let Some(Request::Receiving(..) | Request::Exec(_)) = self.requests.get(&request) {
            self.forget(request);
            self.work.refuse(request, 400, &cors::BROKEN_OFF, &[]);
        }
    }

    fn body_end(&mut self, now: Now, request: RequestId) {
        match self.requests.get_mut(&request) {
            Some(Request::Receiving(..)) => {
                if let Some(Request::Receiving(head, form)) = self.requests.remove(&request) {
                    self.begin(now, request, &head, &form);
                }
            }
            Some(Request::Exec(exec)) => {
                let step = exec.ended(&self.config, &mut self.work, request, now);
                self.stepped(request, step);
                self.dispatch(now);
            }
            _ => {}
        }
    }

    fn route(&mut self, now: Now, request: RequestId, head: RequestHead) {
        if head.method == "OPTIONS" {
            let response = cors::options_response(&self.config.cors);
            return self.work.answer(request, response, Bytes::new());
        }
        match head.path.as_str() {
            "/api/v0/check" => {
                self.work.answer(request, cors::check_response(), Bytes::new());
            }
            "/api/v0/fetch" | "/api/v0/find" if self.stopping => {
                self.work.refuse(request, 503, &"This egress is stopping.", &[]);
            }
            "/api/v0/fetch" | "/api/v0/find" => {
                if is_form(&head.method, head.header("content-type")) {
                    self.requests.insert(request, Request::Receiving(head, Vec::new()));
                } else {
                    self.begin(now, request, &head, &[]);
                }
            }
            path if path.starts_with(exec::PATH) => self.begin_script(now, request, head),
            mobius::PATH if self.config.mobius => self.begin_mobius(request, &head),
            interactive::PATH if self.config.interactive.is_some() => {
                self.begin_interactive(now, request, &head);
            }
            path => {
                let answer = console::response(path);
                let (response, body) = answer.unwrap_or_else(cors::not_found_response);
                self.work.answer(request, response, body);
            }
        }
    }

    fn begin(&mut self, now: Now, request: RequestId, head: &RequestHead, form: &[u8]) {
        let mut params = Params::parse(&head.query);
        params.extend(form);
        let is_fetch = head.path == "/api/v0/fetch";
        let begun = if is_fetch {
            let work = &mut self.work;
            Fetch::new(&self.config, head, &params, now, || work.draw())
                .map(|fetch| Request::Fetch(Box::new(fetch)))
        } else {
            Find::new(&self.config, head, &params, now).map(|find| Request::Find(Box::new(find)))
        };
        match begun {
            Ok(begun) => {
                self.requests.insert(request, begun);
                self.work.begin_waiting(now, request, is_fetch);
                self.advance(now, request);
            }
            Err(refusal) => {
                if refusal == Refusal::FindWindow {
                    let message = refusal.to_string();
                    let (head, body) = cors::plain_error_response(refusal.status(), &message);
                    return self.work.answer(request, head, body);
                }
                let headers = if is_fetch { self.fetch_headers() } else { Vec::new() };
                self.work.refuse(request, refusal.status(), &refusal, &headers);
            }
        }
    }

    /// A script comes in.
    fn begin_script(&mut self, now: Now, request: RequestId, head: RequestHead) {
        if self.stopping {
            return self.work.refuse(request, 503, &"This egress is stopping.", &[]);
        }
        let is_full = self.work.schedule.is_full(self.config.exec.scripts_max);
        if is_full {
            let message = "Too many scripts are running; try again later.";
            return self.work.refuse(request, 503, &message, &[]);
        }
        self.work.schedule.admit(request);
        let exec = self.new_script(now, request, head);
        self.requests.insert(request, Request::Exec(Box::new(exec)));
    }

    /// What every answer to a fetch has.
    fn fetch_headers(&self) -> Vec<(String, String)> {
        let unit = self.config.unit.per_second().to_string();
        vec![(self.config.headers.time_unit.clone(), unit)]
    }

    /// Takes the next step of a request, when there is one.
    fn advance(&mut self, now: Now, request: RequestId) {
        if let Some(Request::Exec(_)) = self.requests.get(&request) {
            return self.advance_script(now, request);
        }
        if !self.has_waited(now, request) {
            return;
        }
        let fetch_headers = self.fetch_headers();
        let (step, headers) = match self.requests.get_mut(&request) {
            Some(Request::Fetch(fetch)) => {
                (fetch.advance(&mut self.work, request, &fetch_headers), fetch_headers)
            }
            Some(Request::Find(find)) => (find.advance(&mut self.work, request), Vec::new()),
            _ => return,
        };
        match step {
            Step::Wait => {}
            Step::Done => {
                self.work.effects.push_back(Effect::Http(HttpAction::End { request }));
                self.forget(request);
            }
            Step::Failed(refusal) => self.fail(request, &refusal, &headers),
        }
        self.finish_stop();
    }

    /// Whether consumers have applied what the request must see.
    fn has_waited(&mut self, now: Now, request: RequestId) -> bool {
        let progress = self.work.progress(now, request);
        if let Progress::Failed(message) = progress {
            self.fail(request, &Refusal::Unavailable(message), &[]);
            return false;
        }
        progress == Progress::Reached
    }

    /// An error as the whole answer, as its last line, or as a broken connection.
    fn fail(&mut self, request: RequestId, refusal: &Refusal, headers: &[(String, String)]) {
        let (has_answered, shows_errors) = match self.requests.get(&request) {
            Some(Request::Fetch(fetch)) => (fetch.has_answered(), fetch.shows_errors()),
            Some(Request::Find(find)) => (find.has_answered(), find.shows_errors()),
            _ => (false, false),
        };
        self.forget(request);
        if !has_answered {
            return self.work.refuse(request, refusal.status(), refusal, headers);
        }
        let warning = format!("egress: an answer broke off: {refusal}");
        self.work.effects.push_back(Effect::Warn(warning));
        if shows_errors {
            let mut line = b"\n# ERROR: ".to_vec();
            weft_gts::percent::encode_into(&mut line, &refusal.to_string());
            line.push(b'\n');
            let bytes = Bytes::from(line);
            self.work.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
            self.work.effects.push_back(Effect::Http(HttpAction::End { request }));
        } else {
            self.work.effects.push_back(Effect::Http(HttpAction::Abort { request }));
        }
    }

    /// The request is over, however it ended.
    fn forget(&mut self, request: RequestId) {
        self.work.metadata_applied.forget(request);
        self.work.data_applied.forget(request);
        match self.requests.remove(&request) {
            Some(Request::Fetch(fetch)) => fetch.cancel(&mut self.work),
            Some(Request::Find(find)) => find.cancel(&mut self.work),
            Some(Request::Exec(exec)) => exec.cancel(&mut self.work, request),
            _ => {}
        }
        self.finish_stop();
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        let (id, result) = match event {
            LogEvent::Ends { id, result } => (id, result),
            LogEvent::Described { id, result } => {
                return self.outside(now, id, Told::Described(result));
            }
            LogEvent::Appended { id, result } => {
                return self.outside(now, id, Told::Appended(result.map(drop)));
            }
            _ => return,
        };
        let request = match self.work.metadata_applied.ends(id, result.clone()) {
            Some(request) => Some(request),
            None => self.work.data_applied.ends(id, result),
        };
        if let Some(request) = request {
            self.advance(now, request);
        }
    }

    fn table_event(&mut self, now: Now, event: TableEvent) {
        let id = match &event {
            TableEvent::Points { id, .. } | TableEvent::End { id, .. } => *id,
            _ => return,
        };
        let Some(request) = self.work.streams.get(&id).copied() else { return };
        self.work.reads.answered(id);
        if let TableEvent::End { .. } = event {
            self.work.streams.remove(&id);
        }
        match self.requests.get_mut(&request) {
            Some(Request::Fetch(fetch)) => fetch.table_event(event, &mut self.work.effects),
            Some(Request::Exec(exec)) => exec.table_event(event),
            _ => {}
        }
        self.advance(now, request);
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        if let PeerEvent::Applied { topic, partition, offset } = event {
            let mut waiting = self.work.metadata_applied.applied(topic.clone(), partition, offset);
            waiting.extend(self.work.data_applied.applied(topic, partition, offset));
            for request in waiting {
                self.advance(now, request);
            }
        } else if let PeerEvent::Revoked(revocations) = event {
            Arc::make_mut(&mut self.config).tokens.revoke(revocations);
        } else if let PeerEvent::Named(names) = event {
            Arc::make_mut(&mut self.config).tokens.name(names);
        } else if let PeerEvent::Script { id, result } = event {
            if let Some(asker) = self.work.asked.remove(&id) {
                self.answered_script(now, asker, result);
            }
        } else if let PeerEvent::Resolved { id, result } = event {
            self.outside(now, id, Told::Resolved(result));
        } else if let PeerEvent::Web { id, result } = event {
            self.outside(now, id, Told::Answered(result));
        } else if let PeerEvent::Called { id, result } = event {
            if let Some(request) = self.work.calls.remove(&id) {
                self.called(now, request, id, result);
            }
        } else {
            self.work.directory.peer_event(event, &mut self.work.ids);
            self.found(now);
        }
    }

    /// What directories found goes to the requests that asked.
    fn found(&mut self, now: Now) {
        while let Some((id, event)) = self.work.directory.poll_find() {
            let Some(request) = self.work.finds.get(&id).copied() else { continue };
            if !matches!(event, FindEvent::Found(_)) {
                self.work.finds.remove(&id);
            }
            match self.requests.get_mut(&request) {
                Some(Request::Fetch(fetch)) => fetch.found(event),
                Some(Request::Find(find)) => find.found(event),
                Some(Request::Exec(exec)) => exec.find_event(event),
                _ => continue,
            }
            self.advance(now, request);
        }
    }

    fn computed(&mut self, now: Now, id: ActionId, done: EgressDone) {
        let Some(request) = self.work.computing.remove(&id) else { return };
        let done = match done {
            EgressDone::Format(done) => done,
            EgressDone::Exec(done) => return self.script_ran(now, request, *done),
            EgressDone::Discarded => return,
        };
        let headers = self.fetch_headers();
        if let Some(Request::Fetch(fetch)) = self.requests.get_mut(&request) {
            fetch.formatted(done, &mut self.work, request, &headers);
            self.advance(now, request);
        }
    }

    fn tick(&mut self, now: Now) {
        let mut late = self.work.metadata_applied.tick(now);
        late.extend(self.work.data_applied.tick(now));
        for request in late {
            self.advance(now, request);
        }
        for id in self.work.reads.late(now) {
            self.work.effects.push_back(Effect::Table(TableAction::Cancel { id }));
            self.table_event(now, TableEvent::End { id, result: Err(no_answer()) });
        }
        self.wake(now);
        self.work.shared.tick(now.mono);
        self.run_due(now);
        self.dispatch(now);
    }

    fn finish_stop(&mut self) {
        if self.stopping && self.requests.is_empty() {
            self.work.effects.push_back(Effect::Stopped);
        }
    }
}

impl Work {
    /// Asks for more of a stream.
    fn next_of(&mut self, stream: ActionId) {
        self.reads.asked(self.now, stream);
        self.effects.push_back(Effect::Table(TableAction::Next { id: stream }));
    }

    /// Nobody wants the rest of a stream.
    fn cancel_stream(&mut self, stream: ActionId) {
        self.streams.remove(&stream);
        self.reads.answered(stream);
        self.effects.push_back(Effect::Table(TableAction::Cancel { id: stream }));
    }

    /// Random bits.
    fn draw(&mut self) -> u64 {
        self.random.draw(0)
    }

    /// Entropy for a slice of a script.
    fn entropy(&mut self) -> [u8; 32] {
        let mut entropy = [0; 32];
        for (index, word) in entropy.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&self.random.draw(index % 2).to_le_bytes());
        }
        entropy
    }

    /// Nothing can be read without a complete directory.
    fn tell_readiness(&mut self) {
        let is_ready = self.directory.is_complete();
        if is_ready != self.is_ready {
            self.is_ready = is_ready;
            self.effects.push_back(Effect::Ready(is_ready));
        }
    }

    /// Reads see what was acknowledged before now: metadata, and datapoints where those are read.
    fn begin_waiting(&mut self, now: Now, request: RequestId, reads_points: bool) {
        let mut actions = self.metadata_applied.begin(now, request, &mut self.ids);
        if reads_points {
            actions.extend(self.data_applied.begin(now, request, &mut self.ids));
        }
        self.effects.extend(actions.into_iter().map(Effect::Log));
    }

    /// How far consumers are for a request.
    fn progress(&mut self, now: Now, request: RequestId) -> Progress {
        match self.metadata_applied.progress(now, request) {
            Progress::Reached => self.data_applied.progress(now, request),
            progress => progress,
        }
    }

    /// A request no longer waits for consumers.
    fn stop_waiting(&mut self, request: RequestId) {
        self.metadata_applied.forget(request);
        self.data_applied.forget(request);
    }

    /// A whole answer.
    fn answer(&mut self, request: RequestId, head: ResponseHead, body: Bytes) {
        self.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        if !body.is_empty() {
            self.effects.push_back(Effect::Http(HttpAction::Body { request, bytes: body }));
        }
        self.effects.push_back(Effect::Http(HttpAction::End { request }));
    }

    /// An error as the whole answer.
    fn refuse(
        &mut self,
        request: RequestId,
        status: u16,
        message: &dyn std::fmt::Display,
        headers: &[(String, String)],
    ) {
        let (mut head, body) = cors::error_response(status, &message.to_string());
        head.headers.extend_from_slice(headers);
        self.answer(request, head, body);
    }
}

impl Machine for Egress {
    type Task = EgressTask;

    fn handle(&mut self, now: Now, event: Event<EgressTask>) {
        self.work.now = now;
        match event {
            Event::Tick => self.tick(now),
            Event::Http(event) => self.http_event(now, event),
            Event::Log(event) => self.log_event(now, event),
            Event::Table(event) => self.table_event(now, event),
            Event::Coord(event) => {
                self.work.directory.coord_event(event, &mut self.work.ids);
                self.work.tell_readiness();
                self.found(now);
            }
            Event::Peer(event) => self.peer_event(now, event),
            Event::Computed(id, done) => self.computed(now, id, done),
            Event::Stop => {
                self.stopping = true;
                self.stop_mobius();
                self.stop_interactive();
                self.finish_stop();
            }
        }
        self.answer_scripts(now);
        self.take_answers(now);
        // Whatever made somebody want more of a find: what is wanted may be here already.
        self.found(now);
    }

    fn poll(&mut self) -> Option<Effect<EgressTask>> {
        let work = &mut self.work;
        if let Some(action) = work.directory.poll_coord() {
            return Some(Effect::Coord(action));
        }
        if let Some(action) = work.directory.poll_peer() {
            return Some(Effect::Peer(action));
        }
        work.effects.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        let waits = [self.work.metadata_applied.deadline(), self.work.data_applied.deadline()];
        let wake = self.work.wakes.first().map(|(at, ..)| *at);
        let reads = self.work.reads.deadline();
        let others = [reads, self.mobius_deadline(), self.work.shared.deadline()];
        waits.into_iter().chain(others).flatten().chain(wake).min()
    }
}
