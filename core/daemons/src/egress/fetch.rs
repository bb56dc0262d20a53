//! One fetch: finds series, reads their datapoints, writes them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use weft_gts::Metadata;

use super::config::EgressConfig;
use super::error::Refusal;
use super::fetch_request::FetchPlan;
use super::formats::{FormatError, Formatter, SeriesChunk};
use super::task::EgressTask;
use super::{Step, UNSENT_MAX, Work};
use crate::contract::http::{HttpAction, RequestHead, RequestId};
use crate::contract::peer::FindRequest;
use crate::contract::table::{self, TableError};
use crate::contract::{ActionId, Effect, Metric, TableAction, TableEvent, Task};
use crate::cors;
use crate::directory_client::{FindEvent, FindId};
use crate::params::Params;
use crate::time::Now;

/// Series that are found ahead of those whose datapoints are read.
const SERIES_AHEAD: usize = 2_048;

/// Series whose datapoints are read in one go.
const SERIES_MAX: usize = 1_024;

/// Chunks that are read ahead of those that are written, and datapoints in them: series of few
/// datapoints are written by the hundred.
const CHUNKS_AHEAD: usize = 256;
const POINTS_AHEAD: usize = 4 * table::CHUNK_POINTS_MAX;

/// A fetch that is served.
#[derive(Debug)]
pub(super) struct Fetch {
    plan: FetchPlan,
    finding: Finding,
    /// Series whose datapoints are not read yet.
    found: VecDeque<Arc<Metadata>>,
    reading: Option<Reading>,
    /// Datapoints that are not written yet.
    chunks: Vec<SeriesChunk>,
    writing: Writing,
    /// Whether any series was found.
    has_series: bool,
    has_answered: bool,
    /// Pieces of the response that the client has not taken.
    unsent: usize,
    failed: Option<Refusal>,
}

/// Which series.
#[derive(Debug)]
enum Finding {
    /// Nobody was asked yet.
    Asked(FindRequest),
    /// A find is under way; whether an event of it is to come.
    Current(FindId, bool),
    /// There are no more.
    Done,
}

/// A stream of datapoints.
#[derive(Debug)]
struct Reading {
    stream: ActionId,
    series: Vec<Arc<Metadata>>,
    /// The latest series that had datapoints.
    last: Option<usize>,
    /// Whether an event is to come.
    is_asked: bool,
}

/// Who has the formatter.
#[derive(Debug)]
enum Writing {
    Here(Box<Formatter>),
    /// A task.
    Away,
    /// It has written everything.
    Finished,
}

/// Writes datapoints.
#[derive(Debug)]
pub struct FormatTask {
    formatter: Box<Formatter>,
    chunks: Vec<SeriesChunk>,
    /// There are no more: whether no series was found.
    finish: Option<bool>,
}

/// What a [`FormatTask`] wrote.
#[derive(Debug)]
pub struct FormatDone {
    formatter: Box<Formatter>,
    out: Vec<u8>,
    result: Result<(), FormatError>,
    has_finished: bool,
}

impl Task for FormatTask {
    type Done = FormatDone;

    fn run(self) -> FormatDone {
        let mut formatter = self.formatter;
        let points: usize = self.chunks.iter().map(|chunk| chunk.points.len()).sum();
        self.chunks.into_iter().for_each(|chunk| formatter.push(chunk));
        // A datapoint takes about so many bytes as text.
        let mut out = Vec::with_capacity(points * 32);
        let mut result = formatter.step(&mut out);
        let mut has_finished = false;
        if let (Some(is_empty), Ok(()), true) = (self.finish, &result, formatter.is_idle()) {
            result = formatter.finish(&mut out, is_empty);
            has_finished = true;
        }
        FormatDone { formatter, out, result, has_finished }
    }
}

impl Fetch {
    pub(super) fn new(
        config: &EgressConfig,
        head: &RequestHead,
        params: &Params,
        now: Now,
        draw: impl FnMut() -> u64,
    ) -> Result<Self, Refusal> {
        let mut plan = FetchPlan::new(config, head, params, now, draw)?;
        let find = std::mem::take(&mut plan.find);
        let formatter = Box::new(Formatter::new(plan.format.clone()));
        Ok(Self {
            plan,
            finding: if find.selectors.is_empty() { Finding::Done } else { Finding::Asked(find) },
            found: VecDeque::new(),
            reading: None,
            chunks: Vec::new(),
            writing: Writing::Here(formatter),
            has_series: false,
            has_answered: false,
            unsent: 0,
            failed: None,
        })
    }

    pub(super) const fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) const fn shows_errors(&self) -> bool {
        self.plan.show_errors
    }

    /// The client has taken everything so far.
    pub(super) const fn drained(&mut self) {
        self.unsent = 0;
    }

    /// Series were found, or there are no more.
    pub(super) fn found(&mut self, event: FindEvent) {
        match event {
            FindEvent::Failed(message) => {
                self.finding = Finding::Done;
                self.failed = Some(Refusal::Unavailable(message));
            }
            FindEvent::End | FindEvent::Counted(_) => self.finding = Finding::Done,
            FindEvent::Found(series) => {
                if let Finding::Current(_, is_wanted) = &mut self.finding {
                    *is_wanted = false;
                }
                for metadata in series {
                    if self.plan.scope.as_ref().is_some_and(|scope| !scope.matches(&metadata)) {
                        continue;
                    }
                    if self.plan.series_skip > 0 {
                        self.plan.series_skip -= 1;
                    } else if self.plan.series_count > 0 {
                        self.plan.series_count -= 1;
                        self.has_series = true;
                        self.found.push_back(Arc::new(metadata));
                    }
                }
            }
        }
    }

    /// Datapoints were read, or there are no more.
    pub(super) fn table_event(
        &mut self,
        event: TableEvent,
        effects: &mut VecDeque<Effect<EgressTask>>,
    ) {
        let Some(reading) = &mut self.reading else { return };
        match event {
            TableEvent::Points { series, points, .. } => {
                reading.is_asked = false;
                let is_first = reading.last.replace(series) != Some(series);
                let Some(metadata) = reading.series.get(series).cloned() else { return };
                let count = points.len() as u64;
                effects.push_back(Effect::Metric(Metric::add(
                    "weft_egress_fetched_datapoints_total",
                    count,
                )));
                self.chunks.push(SeriesChunk { metadata, points, is_first });
            }
            TableEvent::End { result, .. } => {
                self.reading = None;
                if let Err(error) = result {
                    self.failed = Some(match error {
                        TableError::Unavailable(_) => Refusal::Unavailable(error.to_string()),
                        TableError::Corrupt(_) => Refusal::Corrupt(error.to_string()),
                    });
                }
            }
            _ => {}
        }
    }

    /// A task has written: what goes to the client.
    pub(super) fn formatted(
        &mut self,
        done: FormatDone,
        work: &mut Work,
        request: RequestId,
        headers: &[(String, String)],
    ) {
        if let Err(error) = done.result {
            self.failed = Some(Refusal::Format(error));
        }
        self.writing =
            if done.has_finished { Writing::Finished } else { Writing::Here(done.formatter) };
        // As long as nothing has gone out, an error can be the whole answer.
        if done.out.is_empty() || self.failed.is_some() && !self.has_answered {
            return;
        }
        self.answer(work, request, headers);
        self.unsent += 1;
        let bytes = Bytes::from(done.out);
        work.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
    }

    /// Does what can be done now.
    pub(super) fn advance(
        &mut self,
        work: &mut Work,
        request: RequestId,
        headers: &[(String, String)],
    ) -> Step {
        if let Some(refusal) = self.failed.take() {
            return Step::Failed(refusal);
        }
        if let Err(refusal) = self.find(work, request) {
            return Step::Failed(refusal);
        }
        self.read(work, request);
        self.write(work, request);
        if let Writing::Finished = self.writing {
            self.answer(work, request, headers);
            return Step::Done;
        }
        Step::Wait
    }

    /// Nobody wants the rest.
    pub(super) fn cancel(&self, work: &mut Work) {
        if let Finding::Current(id, _) = self.finding {
            work.finds.remove(&id);
            work.directory.cancel(id);
        }
        if let Some(Reading { stream, .. }) = self.reading {
            work.cancel_stream(stream);
        }
    }

    /// Looks for more series while few are at hand.
    fn find(&mut self, work: &mut Work, request: RequestId) -> Result<(), Refusal> {
        if self.plan.series_count == 0 {
            if let Finding::Current(id, _) = self.finding {
                work.finds.remove(&id);
                work.directory.cancel(id);
            }
            self.finding = Finding::Done;
        }
        if self.found.len() >= SERIES_AHEAD {
            return Ok(());
        }
        match &mut self.finding {
            Finding::Current(id, is_wanted) => {
                if !std::mem::replace(is_wanted, true) {
                    work.directory.next(*id);
                }
            }
            Finding::Asked(find) => {
                let id = work.directory.find(find, &mut work.ids).map_err(Refusal::Unavailable)?;
                work.finds.insert(id, request);
                self.finding = Finding::Current(id, true);
            }
            Finding::Done => {}
        }
        Ok(())
    }

    /// Reads more datapoints while few are at hand.
    fn read(&mut self, work: &mut Work, request: RequestId) {
        if self.reading.is_none() && !self.found.is_empty() {
            let count = self.found.len().min(SERIES_MAX);
            let series: Vec<Arc<Metadata>> = self.found.drain(..count).collect();
            let stream = work.ids.next_id();
            let fetch = table::FetchRequest {
                series: series.iter().map(|metadata| metadata.id).collect(),
                ..self.plan.points.clone()
            };
            work.streams.insert(stream, request);
            let action = TableAction::Fetch { id: stream, request: fetch };
            work.effects.push_back(Effect::Table(action));
            self.reading = Some(Reading { stream, series, last: None, is_asked: false });
        }
        let points: usize = self.chunks.iter().map(|chunk| chunk.points.len()).sum();
        let is_held = self.chunks.len() >= CHUNKS_AHEAD
            || points >= POINTS_AHEAD
            || self.unsent >= UNSENT_MAX;
        if let Some(reading) = &mut self.reading
            && !is_held
            && !std::mem::replace(&mut reading.is_asked, true)
        {
            work.next_of(reading.stream);
        }
    }

    /// Writes what was read, unless the client is slow.
    fn write(&mut self, work: &mut Work, request: RequestId) {
        let is_complete = matches!(self.finding, Finding::Done)
            && self.found.is_empty()
            && self.reading.is_none();
        let Writing::Here(formatter) = &self.writing else { return };
        let has_work = is_complete || !self.chunks.is_empty() || !formatter.is_idle();
        if !has_work || self.unsent >= UNSENT_MAX {
            return;
        }
        let Writing::Here(formatter) = std::mem::replace(&mut self.writing, Writing::Away) else {
            return;
        };
        let chunks = std::mem::take(&mut self.chunks);
        let finish = is_complete.then_some(!self.has_series);
        let id = work.ids.next_id();
        work.computing.insert(id, request);
        let task = EgressTask::Format(FormatTask { formatter, chunks, finish });
        work.effects.push_back(Effect::Compute(id, task));
    }

    /// Begins the response, if it has not begun.
    fn answer(&mut self, work: &mut Work, request: RequestId, headers: &[(String, String)]) {
        if !std::mem::replace(&mut self.has_answered, true) {
            let mut head = cors::ok_response();
            head.headers.extend_from_slice(headers);
            work.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        }
    }
}
