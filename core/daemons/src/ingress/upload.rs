//! One `update` or `meta` request: what was received, what is under way, what to answer.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::body::BodyReader;
use super::config::IngressConfig;
use super::line::{BadLine, META_PREFIX, MetaLines, UPDATE_PREFIX, UpdateLines};
use super::options::{DELTA_DISABLED, Refused, UpdateOptions};
use super::series::Tables;
use super::task::{IngressTask, Lines, Reader};
use super::writer::Writer;
use crate::contract::Effect;
use crate::contract::http::{HttpAction, RequestHead, RequestId, ResponseHead};
use crate::contract::log::LogError;
use crate::cors;
use crate::messages::{chain, chain_after};
use crate::throttling::Tenant;
use crate::time::Now;

/// Characters of a message that quotes the metadata of a series.
const METADATA_MESSAGE_MAX: usize = 32_768;

/// Bytes received and not yet read at which the client is told to wait.
const WAITING_MAX: usize = 1 << 20;

/// Bytes on their way into the log for one request.
const IN_FLIGHT_MAX: usize = 16 << 20;

/// A request that is served.
#[derive(Debug)]
pub(super) struct Upload {
    config: Arc<IngressConfig>,
    prefix: &'static str,
    /// Who writes datapoints.
    tenant: Option<Arc<Tenant>>,
    /// Not here while a task has it.
    reader: Option<Box<Reader>>,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    is_paused: bool,
    /// The body is complete.
    has_ended: bool,
    /// There is no more of the body, though it is not complete.
    has_broken_off: bool,
    /// Everything was read, or nothing more will be.
    is_read: bool,
    appends: usize,
    in_flight: usize,
    /// Bytes of memory that the reader keeps, about.
    memory: usize,
    /// Datapoints acknowledged.
    stored: u64,
    failure: Option<Failure>,
}

/// Why the request fails.
#[derive(Debug)]
struct Failure {
    status: u16,
    message: String,
    /// The line, where one is to blame.
    line: Option<u64>,
    /// It tells what is stored: what stands before it.
    tells_stored: bool,
}

impl Upload {
    /// An update, or why not.
    pub(super) fn update(
        config: &Arc<IngressConfig>,
        head: &RequestHead,
        path_token: Option<&str>,
        tables: &mut Tables,
        now: Now,
    ) -> Result<Self, Refused> {
        if let Some(reason) = &config.update_disabled {
            return Err((403, reason.clone()));
        }
        let refuse = |status, message: String| (status, chain_after(UPDATE_PREFIX, &[&message]));
        if config.delta_asked(head) && !config.allow_delta {
            return Err(refuse(400, DELTA_DISABLED.to_owned()));
        }
        let token = path_token.or_else(|| head.header(&config.headers.token));
        let writer = Writer::new(config, token, now.wall.as_ms())
            .map_err(|error| refuse(403, error.to_string()))?;
        if writer.attribute(".noupdate").is_some() {
            return Err(refuse(403, "Token cannot be used for updating data.".to_owned()));
        }
        let options = UpdateOptions::new(config, head, &writer, now.wall)
            .map_err(|(status, message)| refuse(status, message))?;
        let body = Self::body(config, head, UPDATE_PREFIX)?;
        let activity_ms = config.update_activity_ms(now);
        let (table, tenant) = (tables.take(&options.labels), options.tenant.clone());
        let lines = UpdateLines::new(config.clone(), options, table, activity_ms);
        let lines = Lines::Update(Box::new(lines));
        Ok(Self { tenant: Some(tenant), ..Self::new(config, body, UPDATE_PREFIX, lines) })
    }

    /// Messages of a stream, none so far.
    pub(super) fn stream(
        config: &Arc<IngressConfig>,
        options: UpdateOptions,
        tables: &mut Tables,
    ) -> Self {
        let (table, tenant) = (tables.take(&options.labels), options.tenant.clone());
        let lines = UpdateLines::new(config.clone(), options, table, None);
        let lines = Lines::Update(Box::new(lines));
        // A message of a WebSocket is text.
        let body = BodyReader::text(config.line_size_max);
        Self { tenant: Some(tenant), ..Self::new(config, body, UPDATE_PREFIX, lines) }
    }

    /// The next message of a stream comes, whole; the one before is done.
    pub(super) fn next_message(
        &mut self,
        bytes: Bytes,
        options: UpdateOptions,
        activity_ms: Option<i64>,
    ) {
        if let Some(reader) = &mut self.reader {
            reader.body = BodyReader::text(self.config.line_size_max);
            if let Lines::Update(lines) = &mut reader.lines {
                lines.resume(options, activity_ms);
            }
        }
        (self.waiting_bytes, self.stored, self.failure) = (bytes.len(), 0, None);
        self.waiting.push_back(bytes);
        (self.has_ended, self.is_read) = (true, false);
    }

    /// What became of a message of a stream, once everything that was read is acknowledged: how
    /// many datapoints were stored, or why not all.
    pub(super) fn outcome(&self) -> Option<Result<u64, String>> {
        self.is_over().then(|| match &self.failure {
            None => Ok(self.stored),
            // Its prefix is that of an update.
            Some(failure) => {
                let message = &failure.message;
                Err(message.strip_prefix(UPDATE_PREFIX).unwrap_or(message).to_owned())
            }
        })
    }

    /// A change of attributes, or why not.
    pub(super) fn meta(
        config: &Arc<IngressConfig>,
        head: &RequestHead,
        now: Now,
    ) -> Result<Self, Refused> {
        if let Some(reason) = &config.meta_disabled {
            return Err((403, reason.clone()));
        }
        let delta = config.delta_asked(head);
        if delta && !config.allow_delta {
            return Err((500, chain_after(META_PREFIX, &[DELTA_DISABLED])));
        }
        // The reference wraps the token's error once more.
        let refuse = |message: &str| {
            let outer = format!("io.warp10.script.WarpScriptException: {message}");
            (500, chain_after(META_PREFIX, &[&outer, message]))
        };
        let writer = Writer::new(config, head.header(&config.headers.token), now.wall.as_ms())
            .map_err(|error| refuse(&error.to_string()))?;
        if writer.attribute(".nometa").is_some() {
            return Err(refuse("Token cannot be used for updating metadata."));
        }
        let body = Self::body(config, head, META_PREFIX)?;
        let activity_ms = config.meta_activity_ms(now);
        let lines = Lines::Meta(MetaLines::new(config.clone(), writer, delta, activity_ms));
        Ok(Self::new(config, body, META_PREFIX, lines))
    }

    fn new(
        config: &Arc<IngressConfig>,
        body: BodyReader,
        prefix: &'static str,
        lines: Lines,
    ) -> Self {
        Self {
            config: config.clone(),
            prefix,
            tenant: None,
            reader: Some(Box::new(Reader { body, lines })),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            is_paused: false,
            has_ended: false,
            has_broken_off: false,
            is_read: false,
            appends: 0,
            in_flight: 0,
            memory: 0,
            stored: 0,
            failure: None,
        }
    }

    fn body(
        config: &IngressConfig,
        head: &RequestHead,
        prefix: &str,
    ) -> Result<BodyReader, Refused> {
        BodyReader::new(head.header("content-type"), config.line_size_max)
            .map_err(|error| (500, chain_after(prefix, &[&error.to_string()])))
    }

    /// A piece of the body.
    pub(super) fn receive(
        &mut self,
        request: RequestId,
        bytes: Bytes,
        effects: &mut VecDeque<Effect<IngressTask>>,
    ) {
        if self.is_read {
            return;
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push_back(bytes);
        if self.waiting_bytes > WAITING_MAX && !self.is_paused {
            self.is_paused = true;
            effects.push_back(Effect::Http(HttpAction::Pause { request }));
        }
    }

    /// The body is complete.
    pub(super) const fn ended(&mut self) {
        self.has_ended = true;
    }

    /// The rest of the body will not come. The lines that are complete are stored.
    pub(super) const fn broke_off(&mut self) {
        self.has_broken_off = true;
    }

    /// The next piece to read, when there is one and there is room for what comes of it.
    pub(super) fn next_task(
        &mut self,
        request: RequestId,
        now: Now,
        memory_max: usize,
        effects: &mut VecDeque<Effect<IngressTask>>,
    ) -> Option<IngressTask> {
        if self.is_read || self.in_flight > IN_FLIGHT_MAX {
            return None;
        }
        let is_over = self.has_ended || self.has_broken_off;
        if self.waiting.is_empty() && !is_over {
            return None;
        }
        let reader = self.reader.take()?;
        let chunks = std::mem::take(&mut self.waiting).into();
        self.waiting_bytes = 0;
        if std::mem::take(&mut self.is_paused) {
            effects.push_back(Effect::Http(HttpAction::Resume { request }));
        }
        self.is_read = is_over;
        let present = now.wall.in_units(self.config.unit);
        let (is_last, is_complete) = (is_over, self.has_ended);
        Some(IngressTask { request, reader, chunks, is_last, is_complete, present, memory_max })
    }

    /// About how many bytes of memory its reader keeps.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// There is nothing more to read: what the reader learnt goes to other requests.
    pub(super) fn close(self, tables: &mut Tables) {
        if let Some(reader) = self.reader
            && let Lines::Update(lines) = reader.lines
        {
            let (labels, table) = lines.into_table();
            tables.put(labels, table);
        }
    }

    /// Who writes datapoints; `None` for attributes.
    pub(super) const fn tenant(&self) -> &Option<Arc<Tenant>> {
        &self.tenant
    }

    /// Something is on its way into the log.
    pub(super) const fn sent(&mut self, appends: usize, bytes: usize) {
        self.appends += appends;
        self.in_flight += bytes;
    }

    /// A piece was read, and what was to go out of it has gone out.
    pub(super) fn parsed(&mut self, reader: Box<Reader>, refused: Option<BadLine>) {
        self.memory = reader.lines.memory();
        self.reader = Some(reader);
        if let Some(bad) = refused {
            let messages: Vec<&str> = bad.messages.iter().map(String::as_str).collect();
            let message = match messages.split_first() {
                Some((prefix, rest)) if !rest.is_empty() => chain_after(prefix, rest),
                // One message alone quotes metadata, which is bounded in itself.
                _ => chain(&messages, METADATA_MESSAGE_MAX),
            };
            let line = (bad.number > 0).then_some(bad.number);
            self.fail(Failure { status: bad.status, message, line, tells_stored: true });
        }
    }

    /// Records were acknowledged, or were not.
    pub(super) fn appended(&mut self, bytes: usize, points: u64, result: Result<(), LogError>) {
        self.appends -= 1;
        self.in_flight -= bytes;
        match result {
            Ok(()) => self.stored += points,
            Err(error) => {
                let message = chain_after(self.prefix, &[&error.to_string()]);
                // It outweighs what was refused: what stands before that is not durable.
                if self.failure.as_ref().is_some_and(|failure| failure.tells_stored) {
                    self.failure = None;
                }
                self.fail(Failure { status: 503, message, line: None, tells_stored: false });
            }
        }
    }

    /// The first failure is the one that is answered.
    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.is_read = true;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Whether everything was read and is acknowledged, or failed.
    const fn is_over(&self) -> bool {
        self.is_read && self.reader.is_some() && self.appends == 0
    }

    /// The answer, once everything that was read is acknowledged.
    pub(super) fn answer(&self) -> Option<(ResponseHead, Bytes)> {
        if !self.is_over() {
            return None;
        }
        let broken_off = self.has_broken_off.then(|| Failure {
            status: 400,
            message: chain_after(self.prefix, &[cors::BROKEN_OFF]),
            line: None,
            tells_stored: true,
        });
        let Some(failure) = self.failure.as_ref().or(broken_off.as_ref()) else {
            return Some((cors::ok_response(), Bytes::new()));
        };
        let (mut head, body) = cors::error_response(failure.status, &failure.message);
        if self.prefix == UPDATE_PREFIX {
            head.headers.push(("X-Weft-Stored".to_owned(), self.stored.to_string()));
        }
        if let Some(line) = failure.line {
            head.headers.push(("X-Weft-Line".to_owned(), line.to_string()));
        }
        Some((head, body))
    }
}
