//! What directories answer over the network: series as a stream and estimates over HTTP, and the
//! Thrift service.
//!
//! Requests are signed with a key that directories share with those who ask ([`sign`]). A
//! stream is pulled by its reader: the next piece is looked for when the one before has gone out.
//! A Thrift call comes as a `POST` of its message to [`THRIFT_PATH`], which the shell makes of each
//! frame; it is served to nobody else.
//!
//! [`sign`]: weft_wire::sign

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use weft_gts::selector::SelectorText;
use weft_gts::{Labels, Metadata, SeriesId, SipKey};
use weft_wire::opb64;
use weft_wire::sign::{directory_hash, is_signed};
use weft_wire::streaming::{self, write_line};
use weft_wire::thrift::{
    CallError, DirectoryCall, DirectoryFindRequest, DirectoryFindResponse, DirectoryGetRequest,
    DirectoryGetResponse, DirectoryStatsResponse, ServiceCall,
};

use super::Directory;
use super::finds::Asker;
use super::stats::StatsLimits;
use crate::contract::http::{HttpAction, HttpEvent, RequestHead, RequestId, ResponseHead};
use crate::contract::peer::{Answer, FindRequest, PeerError};
use crate::contract::{Effect, Metric};
use crate::params::Params;
use crate::time::Now;

/// The path of Thrift calls.
pub const THRIFT_PATH: &str = "/directory-thrift";

/// Bytes of a request.
pub const SERVICE_BYTES_MAX: usize = 256 << 10;

/// Requests under way at once.
const REQUESTS_MAX: usize = 1_024;

/// What the configuration says of the network.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// `directory.psk`: signs requests.
    pub key: SipKey,
    /// `directory.maxage`: how old a signature may be, milliseconds.
    pub age_max_ms: i64,
    /// `http.header.directory.signature`.
    pub signature_header: String,
    /// `directory.find.maxresults`: a Thrift answer of so many series is compressed.
    pub compress_from: usize,
    /// `directory.find.maxresults.hard`: a Thrift find of so many series fails.
    pub found_max: usize,
    /// `directory.frame.maxlen`: bytes of a Thrift answer.
    pub answer_bytes_max: usize,
    /// `directory.stats.*.maxcardinality`.
    pub stats: StatsLimits,
}

/// Requests that are served.
pub(super) type Requests = BTreeMap<RequestId, Request>;

/// One of them.
#[derive(Debug)]
pub(super) enum Request {
    /// Its body comes.
    Body { endpoint: Endpoint, head: RequestHead, body: Vec<u8> },
    /// Series go out as they are found.
    Stream { has_answered: bool, is_sending: bool },
    /// A Thrift find.
    Find { sequence: u32, found: Vec<Metadata> },
    /// A Thrift request for estimates.
    Count { sequence: u32 },
    /// Requests for estimates, one after the other, and what is answered already.
    Counts { left: VecDeque<Vec<u8>>, now: Now, out: Vec<u8> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Streaming,
    Stats,
    Thrift,
}

impl Directory {
    pub(super) fn http_event(&mut self, now: Now, event: HttpEvent) {
        match event {
            HttpEvent::Head { request, head } => self.request(request, head),
            HttpEvent::Body { request, bytes } => {
                let Some(Request::Body { body, .. }) = self.requests.get_mut(&request) else {
                    return;
                };
                if body.len() + bytes.len() > SERVICE_BYTES_MAX {
                    return self.refuse(request, 413, "The request is too long.");
                }
                body.extend_from_slice(&bytes);
            }
            HttpEvent::End { request } => {
                if let Some(Request::Body { .. }) = self.requests.get(&request)
                    && let Some(Request::Body { endpoint, head, body }) =
                        self.requests.remove(&request)
                {
                    match endpoint {
                        Endpoint::Streaming => self.stream(now, request, &head, &body),
                        Endpoint::Stats => self.counts(now, request, &body),
                        Endpoint::Thrift => self.call(now, request, &body),
                    }
                }
            }
            HttpEvent::Broken { request } => {
                if let Some(Request::Body { .. }) = self.requests.get(&request) {
                    self.refuse(request, 400, crate::cors::BROKEN_OFF);
                }
            }
            HttpEvent::Gone { request } => {
                self.requests.remove(&request);
                self.finds.remove(&Asker::Http(request));
            }
            // It opens no WebSocket.
            HttpEvent::Message { .. } => {}
            HttpEvent::Drained { request } => {
                if let Some(Request::Stream { is_sending, .. }) = self.requests.get_mut(&request)
                    && std::mem::take(is_sending)
                {
                    self.working.push_back(Asker::Http(request));
                }
            }
        }
    }

    fn request(&mut self, request: RequestId, head: RequestHead) {
        let endpoint = match head.path.as_str() {
            streaming::PATH => Endpoint::Streaming,
            streaming::STATS_PATH => Endpoint::Stats,
            THRIFT_PATH => Endpoint::Thrift,
            _ => return self.refuse(request, 404, "There is no such path here."),
        };
        if self.config.service.is_none() {
            return self.refuse(request, 404, "This directory has no key to check requests with.");
        }
        if self.requests.len() >= REQUESTS_MAX {
            return self.refuse(request, 503, "Too many requests are under way.");
        }
        self.requests.insert(request, Request::Body { endpoint, head, body: Vec::new() });
    }

    /// `/directory-streaming`.
    fn stream(&mut self, now: Now, request: RequestId, head: &RequestHead, body: &[u8]) {
        let Some(service) = &self.config.service else { return };
        let mut params = Params::parse(&head.query);
        params.extend(body);
        let selector = params.get("selector").map(|text| opb64::decode(text.as_bytes()));
        let Some(Ok(selector)) = selector else {
            return self.refuse(request, 400, "The parameter 'selector' is missing or not OPB64.");
        };
        let Ok(selector) = String::from_utf8(selector) else {
            return self.refuse(request, 400, "The selector is not UTF-8.");
        };
        let signature = head.header(&service.signature_header).unwrap_or_default();
        let now_ms = now.wall.as_ms();
        if !is_signed(service.key, now_ms, service.age_max_ms, &selector, signature) {
            let message = format!(
                "The header {} is missing, too old (clocks may differ), or made with another key.",
                service.signature_header
            );
            return self.refuse(request, 403, &message);
        }
        let moment = |name: &str| params.get(name).map(str::parse::<i64>).transpose();
        let (Ok(active_after), Ok(quiet_after)) = (moment("activeafter"), moment("quietafter"))
        else {
            return self.refuse(request, 400, "A moment is not a number of milliseconds.");
        };
        let selectors = match SelectorText::parse(&selector) {
            Ok(selector) => vec![selector],
            Err(error) => return self.refuse(request, 400, &error.to_string()),
        };
        let (sorted, estimates) = (true, false);
        let find = FindRequest { selectors, sorted, active_after, quiet_after, estimates };
        match self.begin(now, Asker::Http(request), &find) {
            Ok(()) => {
                let stream = Request::Stream { has_answered: false, is_sending: false };
                self.requests.insert(request, stream);
            }
            Err(PeerError::Refused(reason)) => self.refuse(request, 400, &reason),
            Err(error) => self.refuse(request, 503, &error.to_string()),
        }
    }

    /// `/directory-stats`.
    fn counts(&mut self, now: Now, request: RequestId, body: &[u8]) {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let left = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        self.next_count(now, request, left, Vec::new());
    }

    /// Begins to count for the next line; answers when there is none.
    fn next_count(
        &mut self,
        now: Now,
        request: RequestId,
        mut left: VecDeque<Vec<u8>>,
        mut out: Vec<u8>,
    ) {
        while let Some(line) = left.pop_front() {
            let asked = opb64::decode(&line).ok();
            let asked = asked.and_then(|bytes| DirectoryFindRequest::decode(&bytes).ok());
            let Some(asked) = asked else {
                return self.refuse(request, 400, "A line is not OPB64 of a request.");
            };
            match self.begin_signed(now, request, &asked, true) {
                Ok(()) => {
                    self.requests.insert(request, Request::Counts { left, now, out });
                    return;
                }
                Err(error) => {
                    let error = Some(error);
                    let answer = DirectoryStatsResponse { error, ..Default::default() };
                    write_answer(&mut out, &answer);
                }
            }
        }
        self.requests.remove(&request);
        self.head(request, 200);
        self.body(request, out);
        self.end(request);
    }

    /// A Thrift call.
    fn call(&mut self, now: Now, request: RequestId, message: &[u8]) {
        let ServiceCall { sequence, call } = match ServiceCall::decode(message) {
            Ok(call) => call,
            Err(CallError::Method { reply, .. } | CallError::Arguments { reply, .. }) => {
                return self.reply(request, reply);
            }
            Err(error @ CallError::Head(_)) => {
                return self.refuse(request, 400, &error.to_string());
            }
        };
        match call {
            DirectoryCall::Get(DirectoryGetRequest { class_id, labels_id }) => {
                let metadata = self.index.get(SeriesId { class_id, labels_id });
                let metadata = metadata.map(Into::into);
                self.reply(request, ServiceCall::got(sequence, &DirectoryGetResponse { metadata }));
            }
            DirectoryCall::Find(asked) => match self.begin_signed(now, request, &asked, false) {
                Ok(()) => {
                    let found = Vec::new();
                    self.requests.insert(request, Request::Find { sequence, found });
                }
                Err(error) => self.reply(request, find_failed(sequence, error)),
            },
            DirectoryCall::Stats(asked) => match self.begin_signed(now, request, &asked, true) {
                Ok(()) => drop(self.requests.insert(request, Request::Count { sequence })),
                Err(error) => {
                    let error = Some(error);
                    let answer = DirectoryStatsResponse { error, ..Default::default() };
                    self.reply(request, ServiceCall::counted(sequence, &answer));
                }
            },
        }
    }

    /// Begins the find of a request that carries its signature. The error is for its answer.
    fn begin_signed(
        &mut self,
        now: Now,
        request: RequestId,
        asked: &DirectoryFindRequest,
        estimates: bool,
    ) -> Result<(), String> {
        let Some(service) = &self.config.service else { return Err("There is no key.".into()) };
        if now.wall.as_ms().saturating_sub(asked.timestamp_ms) > service.age_max_ms {
            return Err("Request has expired.".to_owned());
        }
        let classes = asked.class_selectors.as_deref().unwrap_or_default();
        let labels = asked.labels_selectors.as_deref().unwrap_or_default();
        let hash = directory_hash(service.key, asked.timestamp_ms, classes, labels);
        if hash != asked.hash || classes.len() != labels.len() {
            return Err("Invalid request.".to_owned());
        }
        let selectors = classes.iter().zip(labels).map(|(class, labels)| SelectorText {
            class: class.clone(),
            labels: labels.iter().map(|(n, e)| (n.to_owned(), e.to_owned())).collect(),
        });
        let selectors = selectors.collect();
        let find = FindRequest { selectors, sorted: true, estimates, ..FindRequest::default() };
        self.begin(now, Asker::Http(request), &find).map_err(|error| error.to_string())
    }

    /// A piece of what a request asked for was found.
    pub(super) fn found(&mut self, request: RequestId, answer: Answer) {
        let Some(state) = self.requests.get_mut(&request) else { return };
        match (state, answer) {
            (Request::Stream { has_answered, is_sending }, Answer::Found(series)) => {
                let is_first = !std::mem::replace(has_answered, true);
                *is_sending = true;
                if is_first {
                    self.head(request, 200);
                }
                let mut lines = Vec::new();
                series.iter().for_each(|metadata| write_line(&mut lines, metadata));
                self.body(request, lines);
            }
            (Request::Stream { has_answered, .. }, _) => {
                if !*has_answered {
                    self.head(request, 200);
                }
                self.requests.remove(&request);
                self.end(request);
            }
            (Request::Find { sequence, found }, Answer::Found(series)) => {
                let max = self.config.service.as_ref().map_or(0, |service| service.found_max);
                if found.len() + series.len() > max {
                    let error =
                        format!("Find request would return more than {max} results, aborting.");
                    let reply = find_failed(*sequence, error);
                    self.finds.remove(&Asker::Http(request));
                    return self.reply(request, reply);
                }
                found.extend(series);
                self.working.push_back(Asker::Http(request));
            }
            (Request::Find { sequence, found }, _) => {
                let (sequence, found) = (*sequence, std::mem::take(found));
                let reply = match &self.config.service {
                    Some(service) => find_reply(service, sequence, found),
                    None => find_failed(sequence, "There is no key.".to_owned()),
                };
                self.reply(request, reply);
            }
            (Request::Count { sequence }, Answer::Counted(stats)) => {
                let reply = ServiceCall::counted(*sequence, &stats);
                self.reply(request, reply);
            }
            (Request::Counts { left, now, out }, Answer::Counted(stats)) => {
                let (left, now, mut out) = (std::mem::take(left), *now, std::mem::take(out));
                write_answer(&mut out, &stats);
                self.next_count(now, request, left, out);
            }
            // A body has no find yet, and a count no other answer.
            (Request::Body { .. } | Request::Count { .. } | Request::Counts { .. }, _) => {}
        }
    }

    fn refuse(&mut self, request: RequestId, status: u16, reason: &str) {
        self.requests.remove(&request);
        let metric = Metric::add("weft_directory_refused_requests_total", 1);
        self.effects.push_back(Effect::Metric(metric));
        self.head(request, status);
        self.body(request, format!("{reason}\n").into_bytes());
        self.end(request);
    }

    fn reply(&mut self, request: RequestId, reply: Vec<u8>) {
        self.requests.remove(&request);
        self.head(request, 200);
        self.body(request, reply);
        self.end(request);
    }

    fn head(&mut self, request: RequestId, status: u16) {
        let headers = vec![("Content-Type".to_owned(), "text/plain;charset=utf-8".to_owned())];
        let head = ResponseHead { status, headers };
        self.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
    }

    fn body(&mut self, request: RequestId, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        self.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
    }

    fn end(&mut self, request: RequestId) {
        self.effects.push_back(Effect::Http(HttpAction::End { request }));
    }
}

fn write_answer(out: &mut Vec<u8>, answer: &DirectoryStatsResponse) {
    opb64::encode_into(out, &answer.encode());
    out.extend_from_slice(b"\r\n");
}

fn find_failed(sequence: u32, error: String) -> Vec<u8> {
    let error = Some(error);
    ServiceCall::found(sequence, &DirectoryFindResponse { error, ..Default::default() })
}

/// The answer to a Thrift find; with many series what they have in common is told once, and it is
/// compressed.
fn find_reply(service: &ServiceConfig, sequence: u32, mut found: Vec<Metadata>) -> Vec<u8> {
    let is_long = found.len() >= service.compress_from;
    let common = if is_long { take_common(&mut found) } else { Labels::new() };
    let mut answer = DirectoryFindResponse {
        metadatas: Some(found.into_iter().map(Into::into).collect()),
        common_labels: (!common.is_empty()).then_some(common),
        ..DirectoryFindResponse::default()
    };
    if is_long {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let compressed = gzip.write_all(&answer.encode()).and_then(|()| gzip.finish());
        // Writing to memory does not fail.
        let compressed = Some(compressed.unwrap_or_default());
        answer = DirectoryFindResponse { compressed, ..DirectoryFindResponse::default() };
    }
    let reply = ServiceCall::found(sequence, &answer);
    let max = service.answer_bytes_max;
    if reply.len() > max {
        let error = format!("Find request result would exceed maximum result size ({max} bytes).");
        return find_failed(sequence, error);
    }
    reply
}

/// Takes labels that all series have out of them.
fn take_common(found: &mut [Metadata]) -> Labels {
    let Some((first, others)) = found.split_first() else { return Labels::new() };
    let mut common: BTreeMap<String, String> =
        first.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for metadata in others {
        common.retain(|name, value| metadata.labels.get(name) == Some(value));
    }
    for metadata in found {
        let own = metadata.labels.iter().filter(|(name, _)| !common.contains_key(*name));
        metadata.labels = own.collect();
    }
    common.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
