//! What a script reads: series found, datapoints fetched, cardinalities estimated.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use weft_gts::selector::{Selector, SelectorText};
use weft_gts::{IdKeys, Metadata, SeriesId, SipKey};
use weft_warpscript::error::{Error, Kind};
use weft_warpscript::requests::{
    Answer, Chunk, Fetch, Find, FindPurpose, RequestId as NeedId, Stats as StatsChunk, Target,
};
use weft_wire::thrift::DirectoryStatsResponse;

use super::super::access::{ReadFor, Reader};
use super::super::config::EgressConfig;
use super::super::time_range::{self, TimeRange};
use super::super::{RequestId, Work};
use crate::contract::peer::FindRequest;
use crate::contract::table::{self, TableError};
use crate::contract::{ActionId, Effect, TableAction, TableEvent};
use crate::directory::{Estimates, Stats, StatsLimits};
use crate::directory_client::{FindEvent, FindId};
use crate::time::Now;

/// Series whose datapoints are read in one go.
const SERIES_MAX: usize = 1_024;

/// Series that are found ahead of those whose datapoints are read.
const SERIES_AHEAD: usize = 2_048;

/// Pieces of an answer that wait for the script before more is read, and datapoints in them: series
/// of few datapoints come by the hundred, so that a slice of the script has something to do.
const AHEAD: usize = 256;
const POINTS_AHEAD: usize = 4 * table::CHUNK_POINTS_MAX;

/// Labels that tell whose a series is.
const RESERVED: [&str; 3] = [".producer", ".owner", ".app"];

/// A find or fetch of a script, under way.
#[derive(Debug)]
pub(super) struct Read {
    /// How to find, until that has begun.
    find: Option<FindRequest>,
    finding: Option<Finding>,
    /// What the token's scope leaves.
    scope: Option<Selector>,
    /// Whether owner and producer are told.
    exposes: bool,
    skip: u64,
    count: u64,
    extra: Vec<Arc<str>>,
    keys: Option<IdKeys>,
    seen: BTreeSet<SeriesId>,
    purpose: Purpose,
    /// A piece that comes first.
    hook: Option<Arc<str>>,
    answers: VecDeque<Answer>,
}

/// A find under way.
#[derive(Debug)]
struct Finding {
    id: FindId,
    /// Whether an event is to come.
    is_asked: bool,
}

/// What the series are for.
#[derive(Debug)]
enum Purpose {
    List,
    Estimate(Box<Counts>),
    Fetch(Box<Points>),
}

/// How many series there are.
#[derive(Debug)]
struct Counts {
    /// Of series that came here.
    stats: Stats,
    /// What each shard counted of those that did not.
    shards: Vec<DirectoryStatsResponse>,
}

/// Datapoints that are read.
#[derive(Debug)]
struct Points {
    template: table::FetchRequest,
    /// Series whose datapoints are not read yet.
    waiting: VecDeque<SeriesId>,
    /// How many series went to the table.
    begun: usize,
    reading: Option<Reading>,
}

/// A stream of datapoints.
#[derive(Debug)]
struct Reading {
    stream: ActionId,
    /// The number of its first series.
    base: usize,
    /// Whether an event is to come.
    is_asked: bool,
}

/// An error whose text has the word's name in front.
fn refuse(message: impl Into<String>) -> Error {
    Error::new(Kind::Script, message.into())
}

/// A bad token.
fn bad_token(message: impl Into<String>, what: &'static str) -> Error {
    refuse(message).wrap(Kind::Script, what)
}

impl Read {
    /// A find.
    pub(super) fn find(config: &EgressConfig, find: &Find, now: Now) -> Result<Self, Error> {
        let what = "given an invalid token.";
        let purpose = match find.purpose {
            FindPurpose::MetaSet => ReadFor::MetaSet,
            FindPurpose::Series | FindPurpose::Sets => ReadFor::Find,
        };
        let reader = Reader::for_script(config, &find.token, purpose, now.wall.as_ms());
        let reader = reader.map_err(|message| bad_token(message, what))?;
        let tells = find.purpose != FindPurpose::Series;
        let exposes = tells || config.expose_owner_producer || reader.exposes();
        Self::begin(config, &reader, find, exposes, Purpose::List)
    }

    /// Estimates.
    pub(super) fn stats(config: &EgressConfig, find: &Find, now: Now) -> Result<Self, Error> {
        let what = "given an invalid token.";
        let reader = Reader::for_script(config, &find.token, ReadFor::Stats, now.wall.as_ms());
        let reader = reader.map_err(|message| bad_token(message, what))?;
        let keys = keys(config).ok_or_else(|| refuse("needs the keys of the platform."))?;
        let stats = Stats::new(keys, StatsLimits::default(), now.wall.as_ms());
        let counts = Counts { stats, shards: Vec::new() };
        let mut read =
            Self::begin(config, &reader, find, true, Purpose::Estimate(Box::new(counts)))?;
        // Directories count for themselves, unless some of what they know does not count.
        let is_whole = read.scope.is_none() && find.skip == 0 && find.count == u64::MAX;
        if let Some(find) = &mut read.find {
            // A request for estimates has no word for activity.
            let is_any = find.active_after.is_none() && find.quiet_after.is_none();
            find.estimates = is_whole && is_any;
        }
        Ok(read)
    }

    /// A fetch.
    pub(super) fn fetch(
        config: &EgressConfig,
        fetch: Fetch,
        now: Now,
        seed: u64,
    ) -> Result<Self, Error> {
        let what = "given an invalid read token.";
        let reader =
            Reader::for_script(config, &fetch.find.token, ReadFor::Fetch, now.wall.as_ms());
        let reader = reader.map_err(|message| bad_token(message, what))?;
        let mut range = TimeRange { start: fetch.start, end: fetch.end };
        let present = now.wall.in_units(config.unit);
        let bounds = time_range::token_bounds(reader.token(), &range, present, config.unit)
            .map_err(|error| refuse(error.to_string()))?;
        range.clamp(&bounds);
        let at_most = |asked: Option<i64>, most: Option<i64>| match (asked, most) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        let natural = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
        // There is nothing beyond the ends of time.
        let pre = at_most(fetch.pre_boundary, bounds.pre_boundary);
        let post = at_most(fetch.post_boundary, bounds.post_boundary);
        let template = table::FetchRequest {
            count: at_most(fetch.count, bounds.count).and_then(|count| u64::try_from(count).ok()),
            skip: natural(Some(fetch.skip)),
            step: natural(Some(fetch.step)),
            timestep: fetch.timestep,
            sample: fetch.sample,
            sample_seed: seed,
            pre_boundary: if range.start == i64::MIN { 0 } else { natural(pre) },
            post_boundary: if range.end == i64::MAX { 0 } else { natural(post) },
            ..table::FetchRequest::range(Vec::new(), range.start, range.end)
        };
        let points = Points { template, waiting: VecDeque::new(), begun: 0, reading: None };
        let mut find = fetch.find;
        find.active_after = bounds.active_after.or(find.active_after);
        find.quiet_after = bounds.quiet_after.or(find.quiet_after);
        let exposes = config.expose_owner_producer || reader.exposes();
        let purpose = Purpose::Fetch(Box::new(points));
        let mut read = Self::begin(config, &reader, &find, exposes, purpose)?;
        read.extra = fetch.extra;
        read.hook = reader.hook("postfetch").map(Into::into);
        Ok(read)
    }

    fn begin(
        config: &EgressConfig,
        reader: &Reader,
        find: &Find,
        exposes: bool,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let scope = reader.scope(config.absent_labels).map_err(refuse)?;
        let mut read = Self {
            find: None,
            finding: None,
            scope,
            exposes,
            skip: find.skip,
            count: find.count,
            extra: Vec::new(),
            keys: keys(config),
            seen: BTreeSet::new(),
            purpose,
            hook: None,
            answers: VecDeque::new(),
        };
        match &find.target {
            Target::Selectors(selections) => {
                let mut selectors = Vec::new();
                for (class, labels) in selections {
                    let labels = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
                    let text = SelectorText { class: class.to_string(), labels: labels.collect() };
                    let selector = reader.narrow(text);
                    Selector::new(&selector, config.absent_labels)
                        .map_err(|error| bad_token(error.to_string(), "failed."))?;
                    selectors.push(selector);
                }
                let (active_after, quiet_after) = (find.active_after, find.quiet_after);
                let (sorted, estimates) = (true, false);
                read.find =
                    Some(FindRequest { selectors, sorted, active_after, quiet_after, estimates });
            }
            Target::Series(series) => {
                let series = read.own(reader, series)?;
                read.found(series);
            }
        }
        Ok(read)
    }

    /// Series that a script names: those that the token does not show become its own.
    fn own(&self, reader: &Reader, series: &[Metadata]) -> Result<Vec<Metadata>, Error> {
        let keys = self.keys.ok_or_else(|| refuse("needs the keys of the platform."))?;
        let allowed = reader.token().label_selectors();
        let all = SelectorText {
            class: "~.*".to_owned(),
            labels: allowed.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        };
        let all = Selector::new(&all, true).map_err(|error| refuse(error.to_string()))?;
        let single = |name: &str| {
            let selector = allowed.get(name)?;
            selector.strip_prefix('=').map(str::to_owned)
        };
        let (producer, owner) = (single(RESERVED[0]), single(RESERVED[1]));
        let has = |name: &str| allowed.contains(name);
        let mut owned = Vec::with_capacity(series.len());
        for metadata in series {
            let mut metadata = metadata.clone();
            let is_whole = RESERVED.iter().all(|name| metadata.labels.contains(name));
            if !is_whole || !all.matches(&metadata) {
                let incompatible = |what: &str| {
                    refuse(format!(
                        "provided token is incompatible with 'gts' parameter, expecting a \
                         single {what}."
                    ))
                };
                let app = single(RESERVED[2]).ok_or_else(|| incompatible("application"))?;
                let (producer, owner) = match (&producer, &owner) {
                    (Some(producer), Some(owner)) => (producer, owner),
                    (Some(producer), None) if !has(RESERVED[1]) => (producer, producer),
                    (None, Some(owner)) if !has(RESERVED[0]) => (owner, owner),
                    _ => return Err(incompatible("producer and/or single owner")),
                };
                metadata.labels.insert(RESERVED[2], app);
                metadata.labels.insert(RESERVED[0], producer.as_str());
                metadata.labels.insert(RESERVED[1], owner.as_str());
            }
            metadata.id = keys.series_id(&metadata);
            owned.push(metadata);
        }
        owned.sort_by_key(|metadata| metadata.id);
        Ok(owned)
    }

    /// What directories found.
    pub(super) fn find_event(&mut self, event: FindEvent) {
        match event {
            FindEvent::Failed(message) => {
                self.finding = None;
                self.answers.push_back(Answer::Err(bad_token(message, "failed.")));
            }
            FindEvent::End => self.finding = None,
            FindEvent::Counted(shards) => {
                self.finding = None;
                if let Purpose::Estimate(counts) = &mut self.purpose {
                    counts.shards = shards;
                }
            }
            FindEvent::Found(series) => {
                if let Some(finding) = &mut self.finding {
                    finding.is_asked = false;
                }
                self.found(series);
            }
        }
    }

    /// Series were found, in the order of their ids.
    fn found(&mut self, series: Vec<Metadata>) {
        let mut taken = Vec::new();
        for metadata in series {
            if self.scope.as_ref().is_some_and(|scope| !scope.matches(&metadata)) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.count > 0 {
                self.count -= 1;
                taken.push(metadata);
            }
        }
        if let Purpose::Estimate(counts) = &mut self.purpose {
            return taken.iter().for_each(|metadata| counts.stats.add(metadata));
        }
        self.add_extra(&mut taken);
        if let Purpose::Fetch(points) = &mut self.purpose {
            points.waiting.extend(taken.iter().map(|metadata| metadata.id));
        }
        for metadata in &mut taken {
            if !self.exposes {
                metadata.labels.remove(RESERVED[0]);
                metadata.labels.remove(RESERVED[1]);
            }
            metadata.labels.sort();
            metadata.attributes.sort();
        }
        if !taken.is_empty() {
            self.answers.push_back(Answer::Chunk(Chunk::Metadata(taken)));
        }
    }

    /// Adds series with the same labels and other classes.
    fn add_extra(&mut self, series: &mut Vec<Metadata>) {
        if self.extra.is_empty() {
            return;
        }
        let Some(keys) = self.keys else { return };
        series.retain(|metadata| self.seen.insert(metadata.id));
        for index in 0..series.len() {
            for class in &self.extra {
                let mut metadata = series[index].clone();
                metadata.name = Some(class.to_string());
                metadata.id = keys.series_id(&metadata);
                if self.seen.insert(metadata.id) {
                    series.push(metadata);
                }
            }
        }
    }

    /// Datapoints were read, or there are no more.
    pub(super) fn table_event(&mut self, event: TableEvent) {
        let Purpose::Fetch(points) = &mut self.purpose else { return };
        let Some(reading) = &mut points.reading else { return };
        match event {
            TableEvent::Points { series, points, .. } => {
                reading.is_asked = false;
                let series = reading.base + series;
                self.answers.push_back(Answer::Chunk(Chunk::Points { series, points }));
            }
            TableEvent::End { result, .. } => {
                points.reading = None;
                if let Err(error) = result {
                    let message = match error {
                        TableError::Unavailable(_) | TableError::Corrupt(_) => error.to_string(),
                    };
                    self.answers.push_back(Answer::Err(bad_token(message, "failed.")));
                }
            }
            _ => {}
        }
    }

    /// Does what can be done now, with pieces `ahead` that wait for the script. Pieces of the
    /// answer, the last one an end or an error.
    pub(super) fn advance(
        &mut self,
        work: &mut Work,
        request: RequestId,
        ahead: &[(NeedId, Answer)],
    ) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        answers.extend(self.hook.take().map(|hook| Answer::Chunk(Chunk::Hook(hook))));
        answers.extend(self.answers.drain(..));
        if answers.iter().any(|answer| matches!(answer, Answer::Err(_))) {
            self.cancel(work);
            return answers;
        }
        let waiting = ahead.iter().map(|(_, answer)| answer).chain(&answers);
        let points: usize = waiting.map(points_of).sum();
        let is_held = ahead.len() + answers.len() >= AHEAD || points >= POINTS_AHEAD;
        if let Err(error) = self.find_more(work, request, is_held) {
            self.cancel(work);
            answers.push(Answer::Err(error));
            return answers;
        }
        let mut is_complete = self.find.is_none() && self.finding.is_none();
        if let Purpose::Fetch(points) = &mut self.purpose {
            points.read_more(work, request, is_held);
            is_complete &= points.waiting.is_empty() && points.reading.is_none();
        }
        if is_complete {
            if let Purpose::Estimate(counts) = &self.purpose {
                answers.push(estimates(counts));
            }
            answers.push(Answer::End);
        }
        answers
    }

    fn find_more(
        &mut self,
        work: &mut Work,
        request: RequestId,
        is_held: bool,
    ) -> Result<(), Error> {
        if self.count == 0 {
            self.find = None;
            if let Some(finding) = self.finding.take() {
                work.finds.remove(&finding.id);
                work.directory.cancel(finding.id);
            }
        }
        let is_enough = match &self.purpose {
            Purpose::Fetch(points) => points.waiting.len() >= SERIES_AHEAD,
            Purpose::List => is_held,
            Purpose::Estimate(_) => false,
        };
        if is_enough {
            return Ok(());
        }
        if let Some(finding) = &mut self.finding {
            if !std::mem::replace(&mut finding.is_asked, true) {
                work.directory.next(finding.id);
            }
        } else if let Some(find) = self.find.take() {
            let id = work
                .directory
                .find(&find, &mut work.ids)
                .map_err(|message| bad_token(message, "failed."))?;
            work.finds.insert(id, request);
            self.finding = Some(Finding { id, is_asked: true });
        }
        Ok(())
    }

    /// Nobody wants the rest.
    pub(super) fn cancel(&mut self, work: &mut Work) {
        self.find = None;
        if let Some(finding) = self.finding.take() {
            work.finds.remove(&finding.id);
            work.directory.cancel(finding.id);
        }
        if let Purpose::Fetch(points) = &mut self.purpose
            && let Some(reading) = points.reading.take()
        {
            work.cancel_stream(reading.stream);
        }
    }
}

impl Points {
    fn read_more(&mut self, work: &mut Work, request: RequestId, is_held: bool) {
        if self.reading.is_none() && !self.waiting.is_empty() {
            let count = self.waiting.len().min(SERIES_MAX);
            let series: Vec<SeriesId> = self.waiting.drain(..count).collect();
            let stream = work.ids.next_id();
            let fetch = table::FetchRequest { series, ..self.template.clone() };
            work.streams.insert(stream, request);
            let action = TableAction::Fetch { id: stream, request: fetch };
            work.effects.push_back(Effect::Table(action));
            self.reading = Some(Reading { stream, base: self.begun, is_asked: false });
            self.begun += count;
        }
        if let Some(reading) = &mut self.reading
            && !is_held
            && !std::mem::replace(&mut reading.is_asked, true)
        {
            work.next_of(reading.stream);
        }
    }
}

/// Datapoints in a piece of an answer.
fn points_of(answer: &Answer) -> usize {
    match answer {
        Answer::Chunk(Chunk::Points { points, .. }) => points.len(),
        _ => 0,
    }
}

/// The keys of ids.
fn keys(config: &EgressConfig) -> Option<IdKeys> {
    let keys = &config.exec.machine.keys;
    Some(IdKeys {
        class: SipKey::from_bytes(keys.class?),
        labels: SipKey::from_bytes(keys.labels?),
    })
}

fn estimates(counts: &Counts) -> Answer {
    let estimates = match &counts.shards[..] {
        [] => Estimates::of(&[counts.stats.finish()]),
        shards => Estimates::of(shards),
    };
    match estimates {
        Ok(estimates) => Answer::Chunk(Chunk::Stats(Box::new(StatsChunk {
            series: estimates.series,
            classes: estimates.classes,
            label_names: estimates.label_names,
            label_values: estimates.label_values,
            by_class: estimates.by_class.into_iter().collect(),
            by_label: estimates.by_label.into_iter().collect(),
        }))),
        Err(error) => Answer::Err(bad_token(error.to_string(), "failed.")),
    }
}
