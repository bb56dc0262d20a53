//! `ingress`: takes datapoints, attributes and deletes in, and puts them into the log.
//!
//! It promises:
//! - A 200 means that every datapoint and all new metadata were acknowledged by the log.
//! - A bad line is answered as the reference does (400). All lines before it are durable when the
//!   answer goes, which names the line and says how many datapoints were stored
//!   (`X-Weft-Line`, `X-Weft-Stored`).
//! - A series' metadata is in its topic before its first data is acknowledged; a cache entry
//!   appears only after the metadata was acknowledged.
//! - An ingress that sees a delete of a series that it may have written to since publishes the
//!   metadata again (`cache.rs`); so does one whose own delete ends halfway.
//! - A continuation line belongs to the series of the line before it.
//! - What limits do not allow is refused (429) with what comes after it ([`crate::throttling`]).
//! - What is read but not yet acknowledged is bounded, for a request and for all together: beyond
//!   that nothing more is read.
//!
//! Lines are parsed, encoded and sealed in tasks, one at a time for a request, so that requests
//! spread over the cores and the lines of one stay in order.
//!
//! ```text
//!   Body ─▶ waiting ─task─▶ records ─┬─▶ metadata topic ─┐ acknowledged
//!                                    └─▶ data topic ─────┴──────────────▶ 200
//! ```

mod again;
mod body;
mod cache;
mod collector;
mod config;
mod delete;
mod deletes;
mod line;
mod options;
pub mod preview;
mod series;
mod stream;
mod task;
mod throttle;
mod upload;
mod writer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_gts::{Metadata, SeriesId};
use weft_wire::kafka::partition;

pub use config::IngressConfig;
pub use task::{IngressDone, IngressTask};

use crate::applied::Applied;
use crate::consumer::{Change, Consumer};
use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead};
use crate::contract::log::{LogAction, LogError, LogEvent, NewRecord, Start, Topic};
use crate::contract::{ActionId, ActionIds, CoordEvent, Effect, Event, Machine, Metric, PeerEvent};
use crate::cors;
use crate::directory_client::DirectoryClient;
use crate::throttling::{Tenant, Throttling};
use crate::time::{Mono, Now};
use again::Again;
use cache::Cache;
use delete::Delete;
use series::Tables;
use stream::Stream;
use task::{Kind, OutRecord};
use throttle::{Delays, Piece};
use upload::Upload;

/// How often the metadata topic's ends are asked for while there is traffic.
const ENDS_PERIOD: Duration = Duration::from_secs(1);

/// What a record on its way takes besides its bytes, about.
const RECORD_BYTES: usize = 256;

/// Bytes on their way into the log for all requests together.
const IN_FLIGHT_MAX: usize = 128 << 20;

/// Bytes of memory that readers keep from one piece of a body to the next, about: all together, and
/// one of them at most and at least.
const KEPT_MAX: usize = 128 << 20;
const READER_KEPT_MAX: usize = 64 << 20;
const READER_KEPT_MIN: usize = 64 << 10;

/// What is said to whoever comes too late.
const STOPPING: &str = "This ingress is stopping.";

/// How long to wait before topics are asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a delete waits for a directory that is complete: one that starts, or starts again.
const DIRECTORY_PATIENCE: Duration = Duration::from_secs(10);

/// The machine.
#[derive(Debug)]
pub struct Ingress {
    config: Arc<IngressConfig>,
    topics: Topics,
    cache: Cache,
    consumer: Consumer,
    directory: DirectoryClient,
    applied: Applied,
    requests: BTreeMap<RequestId, Request>,
    computing: BTreeMap<ActionId, RequestId>,
    appends: BTreeMap<ActionId, Append>,
    in_flight: usize,
    /// Bytes of memory that the readers of requests keep.
    kept: usize,
    tables: Tables,
    /// Requests that wait for others' bytes to be acknowledged.
    held: VecDeque<RequestId>,
    /// Deletes that wait for a complete directory, and until when.
    unsettled: BTreeSet<(Mono, RequestId)>,
    /// What could not be published again, and when that is tried once more.
    unpublished: BTreeMap<SeriesId, Again>,
    unpublished_at: Option<Mono>,
    ends: Ends,
    retry_at: Option<Mono>,
    /// Limits, where there are any.
    throttling: Option<Throttling>,
    delays: Delays,
    /// Whose datapoints are counted by themselves.
    accounts: BTreeSet<Arc<Tenant>>,
    ids: ActionIds,
    effects: VecDeque<Effect<IngressTask>>,
    stopping: bool,
}

/// How many partitions the topics have, once known.
#[derive(Debug, Default)]
struct Topics {
    data: Option<u32>,
    metadata: Option<u32>,
    asked_data: Option<ActionId>,
    asked_metadata: Option<ActionId>,
}

/// When the metadata topic's ends are asked for.
#[derive(Debug, Default)]
struct Ends {
    asked: Option<(ActionId, u64)>,
    due: Option<Mono>,
}

/// A request that is served.
#[derive(Debug)]
enum Request {
    Upload(Box<Upload>),
    Delete(Box<Delete>),
    Stream(Box<Stream>),
}

/// Records on their way into the log.
#[derive(Debug, Default)]
struct Append {
    /// Whose; `None` for metadata that is published again.
    request: Option<RequestId>,
    bytes: usize,
    points: u64,
    /// Metadata among them, with its activity.
    published: Vec<(SeriesId, Option<i64>)>,
    /// Series with datapoints among them, once or more often.
    written: Vec<SeriesId>,
    /// Series whose metadata are removed.
    series: Vec<SeriesId>,
    /// Series whose metadata a delete removes, or has removed, before all of it was done.
    removed: Vec<Arc<Metadata>>,
    /// Whether nothing of that delete is to follow.
    is_last: bool,
    /// Metadata that is published again: it has to get there.
    again: Option<Again>,
    /// Who writes the datapoints.
    tenant: Option<Arc<Tenant>>,
}

impl Ingress {
    /// An ingress that asks for its topics.
    pub fn new(config: IngressConfig) -> Self {
        let consumer = Consumer::new(
            config.metadata_topic.clone(),
            Topic::from(""),
            Start::Latest,
            Duration::from_secs(1),
        );
        let mut ids = ActionIds::default();
        let throttling = config.throttling.clone();
        let throttling = throttling.map(|limits| Throttling::new(limits, &mut ids));
        let mut ingress = Self {
            topics: Topics::default(),
            cache: Cache::new(config.cache_entries_max),
            consumer,
            directory: DirectoryClient::new(config.directory_path.clone()),
            applied: Applied::new(config.wait_for_applied.then(|| config.metadata_topic.clone())),
            requests: BTreeMap::new(),
            computing: BTreeMap::new(),
            appends: BTreeMap::new(),
            in_flight: 0,
            kept: 0,
            tables: Tables::new(config.ids.labels.hash(b"names") as u64),
            held: VecDeque::new(),
            unsettled: BTreeSet::new(),
            unpublished: BTreeMap::new(),
            unpublished_at: None,
            ends: Ends::default(),
            retry_at: None,
            throttling,
            delays: Delays::default(),
            accounts: BTreeSet::new(),
            ids,
            effects: VecDeque::new(),
            stopping: false,
            config: Arc::new(config),
        };
        ingress.describe();
        ingress
    }

    /// Asks how many partitions the topics have, as far as that is not known.
    fn describe(&mut self) {
        if self.topics.data.is_none() {
            let (id, topic) = (self.ids.next_id(), self.config.data_topic.clone());
            self.topics.asked_data = Some(id);
            self.effects.push_back(Effect::Log(LogAction::Describe { id, topic }));
        }
        if self.topics.metadata.is_none() {
            let (id, topic) = (self.ids.next_id(), self.config.metadata_topic.clone());
            self.topics.asked_metadata = Some(id);
            self.effects.push_back(Effect::Log(LogAction::Describe { id, topic }));
        }
    }

    fn described(&mut self, now: Now, id: ActionId, result: Result<u32, LogError>) {
        let count = match result {
            Ok(count) if count > 0 => count,
            Ok(_) => return self.describe_later(now, "it has no partitions"),
            Err(error) => return self.describe_later(now, &error.to_string()),
        };
        if self.topics.asked_data == Some(id) {
            self.topics.data = Some(count);
        } else if self.topics.asked_metadata == Some(id) {
            self.topics.metadata = Some(count);
        }
        self.serve_if_ready(now);
    }

    fn serve_if_ready(&mut self, now: Now) {
        if self.is_ready() {
            self.effects.push_back(Effect::Ready(true));
            let waiting: Vec<RequestId> = self.requests.keys().copied().collect();
            for request in waiting {
                self.advance(now, request);
            }
        }
    }

    fn describe_later(&mut self, now: Now, reason: &str) {
        self.retry_at = Some(now.mono.after(RETRY));
        self.effects.push_back(Effect::Warn(format!(
            "ingress: a topic ({} or {}) cannot be used: {reason}; trying again in {RETRY:?}",
            self.config.data_topic, self.config.metadata_topic
        )));
    }

    fn is_ready(&self) -> bool {
        let knows_limits = self.throttling.as_ref().is_none_or(Throttling::is_loaded);
        self.topics.data.is_some() && self.topics.metadata.is_some() && knows_limits
    }

    fn http_event(&mut self, now: Now, event: HttpEvent) {
        match event {
            HttpEvent::Head { request, head } => self.begin(now, request, &head),
            HttpEvent::Body { request, bytes } => {
                match self.requests.get_mut(&request) {
                    Some(Request::Upload(upload)) => {
                        upload.receive(request, bytes, &mut self.effects)
                    }
                    Some(Request::Delete(delete)) => delete.receive(&bytes),
                    _ => return,
                }
                self.advance(now, request);
            }
            HttpEvent::End { request } => {
                match self.requests.get_mut(&request) {
                    Some(Request::Upload(upload)) => upload.ended(),
                    Some(Request::Delete(delete)) => delete.ended(),
                    _ => return,
                }
                self.advance(now, request);
            }
            HttpEvent::Broken { request } => match self.requests.get_mut(&request) {
                Some(Request::Upload(upload)) => {
                    upload.broke_off();
                    self.advance(now, request);
                }
                Some(Request::Delete(_)) => {
                    self.refuse(request, 400, cors::BROKEN_OFF);
                    self.forget(request);
                }
                _ => {}
            },
            HttpEvent::Message { request, message } => {
                if let Some(Request::Stream(stream)) = self.requests.get_mut(&request) {
                    stream.receive(request, &message, &mut self.effects);
                    self.advance_stream(now, request);
                }
            }
            HttpEvent::Gone { request } => self.forget(request),
            HttpEvent::Drained { request } => match self.requests.get_mut(&request) {
                Some(Request::Delete(delete)) => {
                    if let Some(find) = delete.drained() {
                        self.directory.next(find);
                        self.found(now);
                    }
                }
                Some(Request::Stream(stream)) => {
                    stream.drained();
                    self.advance_stream(now, request);
                }
                _ => {}
            },
        }
    }

    fn begin(&mut self, now: Now, request: RequestId, head: &RequestHead) {
        if head.method == "OPTIONS" {
            return self.answer(request, cors::options_response(&self.config.cors), Bytes::new());
        }
        if self.stopping {
            return self.refuse(request, 503, STOPPING);
        }
        let path = head.path.as_str();
        let update = path.strip_prefix("/api/v0/update");
        let begun = match update {
            Some("") => {
                Upload::update(&self.config, head, None, &mut self.tables, now).map(upload_request)
            }
            Some(rest) if rest.starts_with('/') => {
                let token = Some(&rest[1..]);
                Upload::update(&self.config, head, token, &mut self.tables, now).map(upload_request)
            }
            _ => match path {
                "/api/v0/meta" => Upload::meta(&self.config, head, now).map(upload_request),
                "/api/v0/delete" => Ok(Request::Delete(Box::new(Delete::new(head)))),
                "/api/v0/check" => {
                    return self.answer(request, cors::ok_response(), Bytes::new());
                }
                "/api/v0/streamupdate" if !self.config.stream_disabled => {
                    return self.begin_stream(request, head);
                }
                _ => Err((404, "Not Found".to_owned())),
            },
        };
        match begun {
            Ok(begun) => {
                self.requests.insert(request, begun);
                self.advance(now, request);
            }
            Err((status, message)) => self.refuse(request, status, &message),
        }
    }

    /// Takes the next step of a request, when there is one.
    fn advance(&mut self, now: Now, request: RequestId) {
        match self.requests.get(&request) {
            Some(Request::Upload(_)) => self.advance_upload(now, request),
            Some(Request::Delete(_)) => self.advance_delete(now, request),
            Some(Request::Stream(stream)) if !stream.is_idle() => self.advance_upload(now, request),
            _ => {}
        }
    }

    fn advance_upload(&mut self, now: Now, request: RequestId) {
        let full = self.in_flight >= IN_FLIGHT_MAX;
        let ready = self.is_ready();
        match self.requests.get(&request) {
            Some(Request::Upload(upload)) => {
                if let Some((head, body)) = upload.answer() {
                    return self.answer(request, head, body);
                }
            }
            Some(Request::Stream(stream)) => {
                if stream.upload.as_ref().is_some_and(|upload| upload.outcome().is_some()) {
                    return self.finish_message(now, request);
                }
            }
            _ => return,
        }
        let Some(upload) = upload_of(&mut self.requests, request) else { return };
        if !ready {
            return;
        }
        if full {
            if !self.held.contains(&request) {
                self.held.push_back(request);
            }
            return;
        }
        let others = (self.kept - upload.memory()) + self.tables.memory();
        let memory_max = KEPT_MAX.saturating_sub(others).clamp(READER_KEPT_MIN, READER_KEPT_MAX);
        if let Some(task) = upload.next_task(request, now, memory_max, &mut self.effects) {
            let id = self.ids.next_id();
            self.computing.insert(id, request);
            self.effects.push_back(Effect::Compute(id, task));
        }
    }

    fn computed(&mut self, now: Now, id: ActionId, done: IngressDone) {
        let Some(request) = self.computing.remove(&id) else { return };
        if upload_of(&mut self.requests, request).is_none() {
            return;
        }
        let IngressDone { reader, records, refused } = done;
        self.send_out(now, request, Piece { reader, records, refused, waits_since: None });
    }

    /// Sends records out, metadata that is cached left aside. How many appends, and bytes.
    fn append_all(&mut self, now: Now, request: RequestId, out: Vec<OutRecord>) -> (usize, usize) {
        let mut metadata = (Append { request: Some(request), ..Append::default() }, Vec::new());
        let mut data = (Append { request: Some(request), ..Append::default() }, Vec::new());
        let writer = upload_of(&mut self.requests, request);
        data.0.tenant = writer.and_then(|upload| upload.tenant().clone());
        for record in out {
            match record.kind {
                Kind::Seen { metadata: seen, activity_ms, is_again } => {
                    if self.cache.use_entry(record.id, self.config.activity(now, activity_ms)) {
                        continue;
                    }
                    // Should that fail, so does the request.
                    if is_again && self.cache.is_publishing(record.id, request) {
                        continue;
                    }
                    self.cache.publish(record.id, Some(request));
                    metadata.0.published.push((record.id, activity_ms));
                    let record = OutRecord::seen(&self.config, record.id, &seen, activity_ms);
                    add(&mut metadata, self.topics.metadata, record);
                }
                Kind::Attributes | Kind::Discovered => {
                    add(&mut metadata, self.topics.metadata, record)
                }
                Kind::Removed(ref removed) => {
                    self.cache.remove(record.id);
                    if removed.is_some() {
                        // Should this delete fail as well, it puts that right itself.
                        self.unpublished.remove(&record.id);
                    }
                    metadata.0.series.push(record.id);
                    metadata.0.removed.extend(removed.clone());
                    add(&mut metadata, self.topics.metadata, record);
                }
                Kind::DeletedAgain(ref removed) => {
                    data.0.removed.push(removed.clone());
                    data.0.is_last = true;
                    add(&mut data, self.topics.data, record);
                }
                Kind::Data { points } => {
                    data.0.points += points;
                    if points > 0 && data.0.written.last() != Some(&record.id) {
                        self.cache.write(record.id);
                        data.0.written.push(record.id);
                    }
                    add(&mut data, self.topics.data, record);
                }
            }
        }
        let (metadata_topic, data_topic) =
            (self.config.metadata_topic.clone(), self.config.data_topic.clone());
        let mut total = (0, 0);
        for ((append, records), topic) in [(metadata, metadata_topic), (data, data_topic)] {
            if !records.is_empty() {
                total = (total.0 + 1, total.1 + append.bytes);
                self.append(append, topic, records);
            }
        }
        total
    }

    fn append(&mut self, append: Append, topic: Topic, records: Vec<NewRecord>) -> ActionId {
        let id = self.ids.next_id();
        self.in_flight += append.bytes;
        self.appends.insert(id, append);
        self.effects.push_back(Effect::Log(LogAction::Append { id, topic, records }));
        id
    }

    fn appended(&mut self, now: Now, id: ActionId, result: Result<(), LogError>) {
        let Some(append) = self.appends.remove(&id) else { return };
        self.in_flight -= append.bytes;
        for (series, activity_ms) in &append.published {
            self.cache.published(*series, result.is_ok(), *activity_ms);
        }
        for series in &append.written {
            self.cache.written(*series);
        }
        if matches!(result, Err(LogError::Unknown(_))) {
            for series in append.written.iter().chain(&append.series) {
                self.cache.unsure(*series, now.mono);
            }
        }
        if let (Some(again), Err(error)) = (append.again, &result) {
            self.not_published_again(now, again, error);
        }
        if result.is_ok() {
            let metric = Metric::add("weft_ingress_datapoints_total", append.points);
            self.effects.push_back(Effect::Metric(metric));
            if let Some(tenant) = append.tenant.filter(|_| append.points > 0) {
                self.account(&tenant, append.points);
            }
        }
        let goes_on = append.request.is_some_and(|request| self.requests.contains_key(&request));
        if result.is_err() || !goes_on && !append.is_last {
            self.undo_removal(&append.removed);
        }
        match append.request.and_then(|request| self.requests.get_mut(&request)) {
            Some(Request::Upload(upload)) => upload.appended(append.bytes, append.points, result),
            Some(Request::Delete(delete)) => delete.appended(result),
            Some(Request::Stream(stream)) => {
                if let Some(upload) = &mut stream.upload {
                    upload.appended(append.bytes, append.points, result);
                }
            }
            None => {}
        }
        if let Some(request) = append.request {
            self.advance(now, request);
        }
        while self.in_flight < IN_FLIGHT_MAX / 2
            && let Some(request) = self.held.pop_front()
        {
            self.advance(now, request);
        }
        self.finish_stop();
    }

    fn coord_event(&mut self, now: Now, event: CoordEvent) {
        self.directory.coord_event(event, &mut self.ids);
        if self.directory.is_complete() {
            for (_, request) in std::mem::take(&mut self.unsettled) {
                self.advance(now, request);
            }
        }
        self.found(now);
    }

    fn peer_event(&mut self, now: Now, event: PeerEvent) {
        if let PeerEvent::Throttle { id, result } = event {
            let Some(throttling) = &mut self.throttling else { return };
            let was_loaded = throttling.is_loaded();
            throttling.answered(now, &mut self.ids, id, result);
            if !was_loaded && throttling.is_loaded() {
                self.serve_if_ready(now);
            }
            self.finish_stop();
        } else if let PeerEvent::Revoked(_) | PeerEvent::Named(_) | PeerEvent::Switched(_) = event {
            let config = Arc::make_mut(&mut self.config);
            match event {
                PeerEvent::Revoked(revocations) => config.tokens.revoke(revocations),
                PeerEvent::Named(names) => config.tokens.name(names),
                PeerEvent::Switched(switch) => config.switch(switch),
                _ => {}
            }
            for request in self.requests.values_mut() {
                if let Request::Stream(stream) = request {
                    stream.configured(&self.config);
                }
            }
        } else if let PeerEvent::Applied { topic, partition, offset } = event {
            for request in self.applied.applied(topic, partition, offset) {
                self.advance(now, request);
            }
        } else {
            self.directory.peer_event(event, &mut self.ids);
            self.found(now);
        }
    }

    fn log_event(&mut self, now: Now, event: LogEvent) {
        let event = match &mut self.throttling {
            Some(throttling) => throttling.log_event(now, event),
            None => Some(event),
        };
        let Some(event) = event else { return };
        match event {
            LogEvent::Described { id, result } => self.described(now, id, result),
            LogEvent::Appended { id, result } => self.appended(now, id, result.map(|_| ())),
            LogEvent::Ends { id, result } => self.ends(now, id, result),
            event => {
                if let Change::Records(partition) = self.consumer.handle(now, event) {
                    while let Some(record) = self.consumer.pop(partition) {
                        self.consume(now, partition, &record);
                    }
                }
            }
        }
    }

    fn ends(&mut self, now: Now, id: ActionId, result: Result<Vec<(u32, u64)>, LogError>) {
        if let Some((_, asked)) = self.ends.asked.take_if(|(waiting, _)| *waiting == id) {
            if let Ok(ends) = result {
                self.cache.set_ends(asked, ends);
            }
        } else if let Some(request) = self.applied.ends(id, result) {
            self.advance(now, request);
        }
    }

    fn tick(&mut self, now: Now) {
        while let Some((until, request)) = self.unsettled.first().copied()
            && until <= now.mono
        {
            self.unsettled.pop_first();
            self.advance(now, request);
        }
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            self.describe();
        }
        if self.ends.asked.is_none()
            && self.cache.wants_ends()
            && self.ends.due.is_none_or(|due| due <= now.mono)
        {
            let (id, topic) = (self.ids.next_id(), self.config.metadata_topic.clone());
            self.ends = Ends {
                asked: Some((id, self.cache.ask_ends())),
                due: Some(now.mono.after(ENDS_PERIOD)),
            };
            self.effects.push_back(Effect::Log(LogAction::Ends { id, topic }));
            let entries = self.cache.len() as f64;
            let metric = Metric::set("weft_ingress_metadata_cache_entries", entries);
            self.effects.push_back(Effect::Metric(metric));
        }
        for request in self.applied.tick(now) {
            self.advance(now, request);
        }
        self.try_unpublished(now);
        if let Some(throttling) = &mut self.throttling {
            throttling.tick(now, &mut self.ids);
        }
        self.send_due(now);
    }

    fn answer(&mut self, request: RequestId, head: ResponseHead, body: Bytes) {
        self.count_request(head.status);
        self.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        if !body.is_empty() {
            self.effects.push_back(Effect::Http(HttpAction::Body { request, bytes: body }));
        }
        self.effects.push_back(Effect::Http(HttpAction::End { request }));
        self.close(request);
        self.finish_stop();
    }

    fn count_request(&mut self, status: u16) {
        let metric = Metric {
            labels: vec![("status", status.to_string())],
            ..Metric::add("weft_ingress_requests_total", 1)
        };
        self.effects.push_back(Effect::Metric(metric));
    }

    /// The request is over.
    fn close(&mut self, request: RequestId) -> Option<Box<Delete>> {
        self.delays.remove(request);
        match self.requests.remove(&request)? {
            Request::Upload(upload) => {
                self.kept -= upload.memory();
                upload.close(&mut self.tables);
                None
            }
            Request::Delete(delete) => Some(delete),
            Request::Stream(stream) => {
                if let Some(upload) = stream.upload {
                    self.kept -= upload.memory();
                    upload.close(&mut self.tables);
                }
                None
            }
        }
    }

    fn refuse(&mut self, request: RequestId, status: u16, message: &str) {
        let (head, body) = cors::error_response(status, message);
        self.answer(request, head, body);
    }

    /// The client is gone: what it sent before goes on its way, and nobody is told.
    fn forget(&mut self, request: RequestId) {
        if let Some(delete) = self.close(request) {
            delete.cancel(&mut self.directory);
        }
        self.applied.forget(request);
        self.held.retain(|held| *held != request);
        self.finish_stop();
    }

    fn finish_stop(&mut self) {
        let has_published = self.appends.is_empty() && self.unpublished.is_empty();
        let has_kept = self.throttling.as_ref().is_none_or(Throttling::has_stopped);
        if self.stopping && self.requests.is_empty() && has_published && has_kept {
            self.effects.push_back(Effect::Stopped);
        }
    }
}

impl Machine for Ingress {
    type Task = IngressTask;

    fn handle(&mut self, now: Now, event: Event<IngressTask>) {
        match event {
            Event::Tick => self.tick(now),
            Event::Http(event) => self.http_event(now, event),
            Event::Log(event) => self.log_event(now, event),
            Event::Computed(id, done) => self.computed(now, id, done),
            Event::Coord(event) => self.coord_event(now, event),
            Event::Peer(event) => self.peer_event(now, event),
            Event::Table(_) => {}
            Event::Stop => {
                self.stopping = true;
                let all: Vec<RequestId> = self.requests.keys().copied().collect();
                for request in all {
                    self.advance_stream(now, request);
                }
                self.refuse_delayed(now);
                self.finish_stop();
            }
        }
        // Whatever made somebody want more of a find: what is wanted may be here already.
        self.found(now);
        self.stop_throttling(now);
    }

    fn poll(&mut self) -> Option<Effect<IngressTask>> {
        let log = self.consumer.poll().map(Effect::Log);
        log.or_else(|| self.directory.poll_coord().map(Effect::Coord))
            .or_else(|| self.directory.poll_peer().map(Effect::Peer))
            .or_else(|| self.effects.pop_front())
            .or_else(|| self.throttling.as_mut()?.poll().map(Effect::of))
    }

    fn deadline(&self) -> Option<Mono> {
        let ends = (self.ends.asked.is_none() && self.cache.wants_ends())
            .then(|| self.ends.due.unwrap_or_default());
        let unsettled = self.unsettled.first().map(|(until, _)| *until);
        let throttling = self.throttling.as_ref().and_then(Throttling::deadline);
        let dues = [
            ends,
            self.retry_at,
            self.applied.deadline(),
            unsettled,
            self.unpublished_at,
            self.delays.deadline(),
            throttling,
        ];
        dues.into_iter().flatten().min()
    }
}

/// What reads the lines of a request.
fn upload_of(requests: &mut BTreeMap<RequestId, Request>, id: RequestId) -> Option<&mut Upload> {
    match requests.get_mut(&id)? {
        Request::Upload(upload) => Some(upload),
        Request::Stream(stream) => stream.upload.as_mut(),
        Request::Delete(_) => None,
    }
}

fn upload_request(upload: Upload) -> Request {
    Request::Upload(Box::new(upload))
}

/// Adds a record to an append.
fn add(append: &mut (Append, Vec<NewRecord>), partitions: Option<u32>, record: OutRecord) {
    let record = record_of(partitions, record);
    append.0.bytes += record.key.len() + record.value.len() + RECORD_BYTES;
    append.1.push(record);
}

fn record_of(partitions: Option<u32>, record: OutRecord) -> NewRecord {
    let OutRecord { key, value, .. } = record;
    NewRecord { partition: partition(&key, partitions.unwrap_or(1)), key, value }
}
