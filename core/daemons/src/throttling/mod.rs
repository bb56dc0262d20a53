//! How much producers and applications may write: series a month, and datapoints a second.
//!
//! It promises:
//! - Nothing is taken before limits are known: those that were kept, and those of the files.
//! - What an ingress takes for an entity from some moment on is never more than its rate allows
//!   until then, what a second allows, and one record; what comes sooner waits, up to
//!   `throttling.manager.maxwait.default` milliseconds a datapoint, or is refused.
//! - A series that is new this month is refused where the limit is reached, give or take the error
//!   of the estimate; one that was counted is not. What is refused is not counted.
//! - Ingresses tell each other what they counted: then all of them count the series of all.
//! - Files are read when they appear and when they change, and limits are in force from then on.
//! - What is counted and in force is kept once a period and when the ingress stops: the next one
//!   goes on with it, and forgets what was counted in a last period at most, after a crash.
//! - What others say and cannot be used is told the operator.
//!
//! It is a part of `ingress`, which asks before records go out. Whoever has no line in any file has
//! the defaults: `throttling.manager.mads.default` and `.rate.default`, where -1 is no limit and
//! nothing said is 0: nobody writes whom no file names.

mod bucket;
mod estimators;
mod lines;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use weft_gts::{JavaDouble, SeriesId, SipKey};
use weft_wire::envelope::Envelope;
use weft_wire::hyperloglog::HyperLogLog;
use weft_wire::kafka::partition;

use crate::consumer::{Change, Consumer};
use crate::contract::log::{LogAction, LogError, LogEvent, NewRecord, Record, Start, Topic};
use crate::contract::peer::{ThrottleAnswer, ThrottleAsk, ThrottleFile};
use crate::contract::{ActionId, ActionIds, Effect, Metric, NoTask, PeerAction};
use crate::time::{Mono, Now};
use bucket::Bucket;
use estimators::{Estimators, hash_of, with_tolerance};
use lines::{APPLICATION, Count, Limits, Line};

/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Estimators that are made into bytes in one step.
const STEP: usize = 32;

/// Lines of one file that are told the operator.
const TOLD_MAX: usize = 10;

/// No limit.
const UNLIMITED: i64 = -1;
const UNLIMITED_RATE: f64 = -1.0;

/// What the configuration says of throttling.
#[derive(Clone, Debug)]
pub struct ThrottlingConfig {
    /// `throttling.manager.rate.default`: datapoints a second of a producer; -1 is no limit.
    pub rate_default: f64,
    /// `throttling.manager.mads.default`: series a month of a producer; -1 is no limit.
    pub series_default: i64,
    /// `throttling.manager.maxwait.default`: milliseconds a datapoint.
    pub max_wait_ms: u64,
    /// `throttling.manager.period`: between two looks at the files.
    pub period: Duration,
    /// `throttling.manager.rampup`: how long others are not told what was counted.
    pub rampup: Duration,
    /// `throttling.manager.estimator.cache.size`.
    pub estimators_max: usize,
    /// `ingress.kafka.throttling.topic`: where ingresses tell each other what they counted.
    pub topic: Option<Topic>,
    /// `weft.throttling.mac`: signs what is told.
    pub mac: Option<SipKey>,
}

impl Default for ThrottlingConfig {
    fn default() -> Self {
        Self {
            rate_default: 0.0,
            series_default: 0,
            max_wait_ms: 10,
            period: Duration::from_secs(60),
            rampup: Duration::ZERO,
            estimators_max: 10_000,
            topic: None,
            mac: None,
        }
    }
}

/// Who writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tenant {
    /// UUID.
    pub(crate) producer: String,
    /// UUID.
    pub(crate) owner: String,
    /// `+` and the name.
    application: String,
    /// Whether errors show producer and owner (`.expose`).
    pub(crate) exposes: bool,
}

impl Tenant {
    pub(crate) fn new(producer: String, owner: String, application: &str, exposes: bool) -> Self {
        Self { producer, owner, application: format!("{APPLICATION}{application}"), exposes }
    }

    /// The application's name.
    pub(crate) fn application(&self) -> &str {
        self.application.strip_prefix(APPLICATION).unwrap_or_default()
    }
}

/// Why a record is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The series is new and would be one too many: of an application, or of the producer.
    Series { application: Option<String>, limit: i64 },
    /// It would have to wait, and too much waits.
    Crowded,
    /// It would have to wait too long.
    Rate { application: Option<String>, rate: f64, max_wait_ms: u64 },
}

impl Refusal {
    /// The reference's message about a series.
    pub(crate) fn message(&self, series: &str) -> String {
        match self {
            Self::Series { application: None, limit } => format!(
                "Geo Time Series {series} would exceed your Monthly Active Data Streams limit \
                 ({limit})."
            ),
            Self::Series { application: Some(application), limit } => format!(
                "Geo Time Series {series} would exceed the Monthly Active Data Streams limit for \
                 application '{application}' ({limit})."
            ),
            Self::Crowded => format!(
                "Storing data for {series} would incur a wait due to your Daily Data Points limit \
                 being already exceeded, and too much waits already."
            ),
            Self::Rate { application: None, rate, max_wait_ms } => format!(
                "Storing data for {series} would incur a wait greater than {max_wait_ms} ms per \
                 datapoint due to your Daily Data Points limit being already exceeded. Current \
                 maximum rate is {} datapoints/s.",
                JavaDouble(*rate)
            ),
            Self::Rate { application: Some(application), rate, max_wait_ms } => format!(
                "Storing data for {series} would incur a wait greater than {max_wait_ms} ms per \
                 datapoint due to your Daily Data Points limit being already exceeded for \
                 application '{application}'. Current max rate is {} datapoints/s.",
                JavaDouble(*rate)
            ),
        }
    }

    /// What of it a metric counts.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Series { .. } => "series",
            Self::Crowded | Self::Rate { .. } => "rate",
        }
    }
}

/// What is in force for an entity.
#[derive(Debug, Default)]
struct Entity {
    /// Series a month, as it was written.
    series: Option<i64>,
    /// Datapoints a second, as it was written.
    rate: Option<f64>,
    bucket: Option<Bucket>,
}

/// What is being done with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// What was kept is asked for.
    Recalling,
    /// Files are asked for.
    Scanning,
    /// Estimators are made into bytes, and told.
    Telling,
    /// What is in force and counted is being kept.
    Keeping,
    /// Nothing until the next period.
    Resting,
}

/// All limits, and what was used of them.
#[derive(Debug)]
pub(crate) struct Throttling {
    config: ThrottlingConfig,
    entities: BTreeMap<String, Entity>,
    estimators: Estimators,
    /// Files that were read, and in which version.
    files: BTreeMap<String, u64>,
    /// Those whose reading failed, and was told.
    unreadable: BTreeSet<String>,
    stage: Stage,
    asked: Option<ActionId>,
    due: Option<Mono>,
    /// Whose estimators are still to be told.
    untold: Vec<String>,
    /// Something is not kept yet.
    is_dirty: bool,
    is_loaded: bool,
    is_stopping: bool,
    may_tell_at: Option<Mono>,
    topic: Option<Estimates>,
    wants: VecDeque<Effect<NoTask>>,
}

/// The topic by which ingresses tell each other.
#[derive(Debug)]
struct Estimates {
    name: Topic,
    envelope: Envelope,
    consumer: Consumer,
    partitions: Option<u32>,
    asked: Option<ActionId>,
    retry_at: Option<Mono>,
    /// What was sent and has not been answered: all of it goes out again next time.
    sent: BTreeSet<ActionId>,
}

impl Throttling {
    /// Limits that are not known yet.
    pub(crate) fn new(config: ThrottlingConfig, ids: &mut ActionIds) -> Self {
        let topic = config.topic.clone().map(|name| Estimates {
            // Everybody is told everything, whatever the groups; what was missed comes again.
            consumer: Consumer::new(name.clone(), "".into(), Start::Latest, RETRY),
            envelope: Envelope { mac: config.mac, aes: None },
            name,
            partitions: None,
            asked: None,
            retry_at: None,
            sent: BTreeSet::new(),
        });
        let mut throttling = Self {
            estimators: Estimators::new(config.estimators_max.max(1)),
            config,
            entities: BTreeMap::new(),
            files: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            stage: Stage::Recalling,
            asked: None,
            due: None,
            untold: Vec::new(),
            is_dirty: false,
            is_loaded: false,
            is_stopping: false,
            may_tell_at: None,
            topic,
            wants: VecDeque::new(),
        };
        throttling.describe(ids);
        throttling.ask(ids, ThrottleAsk::Recall);
        throttling
    }

    /// Whether limits are known.
    pub(crate) const fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// Whether a record of a series, which has waited so long, may go out: now, and then it counts, or
    /// when to ask once more.
    pub(crate) fn admit(
        &mut self,
        now: Now,
        who: &Tenant,
        series: SeriesId,
        points: u64,
        waited: Duration,
    ) -> Result<Option<Mono>, Refusal> {
        let now_ms = now.wall.as_ms();
        let hash = hash_of(series);
        let counted = self.check_series(now_ms, who, hash)?;
        let (limited, free_at) = self.check_rate(now, who, points, waited)?;
        if free_at > now.mono {
            return Ok(Some(free_at));
        }
        for entity in counted.into_iter().flatten() {
            self.is_dirty |= self.estimators.add(now_ms, entity, hash);
        }
        for entity in limited.into_iter().flatten() {
            if let Some(bucket) = self.entities.get_mut(entity).and_then(|e| e.bucket.as_mut()) {
                bucket.take(now, points);
            }
        }
        Ok(None)
    }

    /// Whose series are counted, unless the series would be one too many.
    fn check_series<'a>(
        &mut self,
        now_ms: i64,
        who: &'a Tenant,
        hash: i64,
    ) -> Result<[Option<&'a str>; 2], Refusal> {
        let written = |entity: &str| self.entities.get(entity).and_then(|entity| entity.series);
        let of_producer = written(&who.producer).unwrap_or(self.config.series_default);
        let of_application = written(&who.application).unwrap_or(UNLIMITED);
        let mut counted = [None; 2];
        let checks = [(&who.application, of_application), (&who.producer, of_producer)];
        for (place, (entity, limit)) in counted.iter_mut().zip(checks) {
            if limit == UNLIMITED {
                continue;
            }
            let is_full = limit <= 0
                || self
                    .estimators
                    .count_if_new(now_ms, entity, hash)
                    .is_some_and(|count| is_beyond(count, limit));
            if is_full {
                let application =
                    (*entity == who.application).then(|| who.application().to_owned());
                return Err(Refusal::Series { application, limit });
            }
            *place = Some(entity.as_str());
        }
        Ok(counted)
    }

    /// Whose rates count, and when they allow it, unless the datapoints would have to wait too long.
    fn check_rate<'a>(
        &mut self,
        now: Now,
        who: &'a Tenant,
        points: u64,
        waited: Duration,
    ) -> Result<([Option<&'a str>; 2], Mono), Refusal> {
        let (rate_default, max_wait_ms) = (self.config.rate_default, self.config.max_wait_ms);
        if rate_default != UNLIMITED_RATE && !self.has_bucket(&who.producer) {
            let entity = self.entities.entry(who.producer.clone()).or_default();
            entity.bucket = Some(Bucket::new(now, rate_default));
        }
        let wait_max = Duration::from_millis(max_wait_ms.saturating_mul(points));
        let (mut limited, mut free_at) = ([None; 2], Mono(0));
        for (place, entity) in limited.iter_mut().zip([&who.application, &who.producer]) {
            let bucket = self.entities.get(entity).and_then(|entity| entity.bucket.as_ref());
            let Some(bucket) = bucket else { continue };
            if bucket.free_at().since(now.mono).saturating_add(waited) > wait_max {
                let application =
                    (*entity == who.application).then(|| who.application().to_owned());
                return Err(Refusal::Rate { application, rate: bucket.rate(), max_wait_ms });
            }
            *place = Some(entity.as_str());
            free_at = free_at.max(bucket.free_at());
        }
        Ok((limited, free_at))
    }

    fn has_bucket(&self, entity: &str) -> bool {
        self.entities.get(entity).is_some_and(|entity| entity.bucket.is_some())
    }

    /// Series of an entity, for whoever watches.
    fn tell_metric(&mut self, entity: &str, series: i64) {
        let label = match entity.strip_prefix(APPLICATION) {
            Some(application) => ("application", application.to_owned()),
            None => ("producer", entity.to_owned()),
        };
        let metric = Metric::set("weft_throttling_series", series as f64);
        self.wants.push_back(Effect::Metric(Metric { labels: vec![label], ..metric }));
    }

    /// An answer about the files.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        ids: &mut ActionIds,
        id: ActionId,
        result: Result<ThrottleAnswer, String>,
    ) {
        if self.asked.take_if(|asked| *asked == id).is_none() {
            return;
        }
        match result {
            Ok(ThrottleAnswer::Recalled(text)) => {
                if let Some(text) = text {
                    self.read(now, "what was kept", &text);
                }
                self.is_dirty = false;
                self.scan(ids);
            }
            Ok(ThrottleAnswer::Scanned(files)) => {
                self.scanned(now, files);
                self.is_loaded = true;
                self.begin_telling(now);
                self.go_on(now, ids);
            }
            // More may have been counted meanwhile.
            Ok(ThrottleAnswer::Kept) if self.is_stopping && self.is_dirty => self.keep(now, ids),
            Ok(ThrottleAnswer::Kept) => self.rest(now),
            Err(error) => self.failed(now, &error),
        }
    }

    fn failed(&mut self, now: Now, error: &str) {
        let mut wait = RETRY;
        if self.stage == Stage::Keeping {
            // Limits are in force meanwhile, and looked after.
            self.is_dirty = true;
            self.rest(now);
            wait = self.config.period;
        } else {
            self.due = Some(now.mono.after(RETRY));
        }
        self.wants.push_back(Effect::Warn(format!(
            "ingress: the folder of throttling: {error}; trying again in {wait:?}"
        )));
    }

    fn scanned(&mut self, now: Now, files: Vec<ThrottleFile>) {
        let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
        self.files.retain(|name, _| names.contains(name));
        self.unreadable.retain(|name| names.contains(name));
        for ThrottleFile { name, version, text } in files {
            match text {
                None => {}
                Some(Ok(text)) => {
                    self.read(now, &name, &text);
                    self.unreadable.remove(&name);
                    self.files.insert(name, version);
                    self.is_dirty = true;
                }
                Some(Err(error)) if self.unreadable.insert(name.clone()) => {
                    self.passed_over(&name, &error);
                }
                Some(Err(_)) => {}
            }
        }
    }

    /// Reads the lines of a file. What is wrong with one does not keep the others from being read.
    fn read(&mut self, now: Now, name: &str, text: &[u8]) {
        let mut wrong = 0;
        for (number, line) in (1..).zip(String::from_utf8_lossy(text).lines()) {
            match lines::parse(line) {
                Ok(None) => {}
                Ok(Some(Line::Read(name, version))) => drop(self.files.insert(name, version)),
                Ok(Some(Line::Limits(limits))) => self.apply(now, *limits),
                Err(error) => {
                    wrong += 1;
                    if wrong <= TOLD_MAX {
                        self.passed_over(&format!("line {number} of {name}"), &error);
                    }
                }
            }
        }
    }

    fn passed_over(&mut self, what: &str, reason: &str) {
        self.wants.push_back(Effect::Warn(format!(
            "ingress: of throttling {what} is passed over: {reason}"
        )));
    }

    fn apply(&mut self, now: Now, limits: Limits) {
        let Limits { entity: key, series, rate, count } = limits;
        let now_ms = now.wall.as_ms();
        match count {
            Count::Kept => {}
            Count::Anew => {
                // Others read the same file within a period.
                let tolerance = i64::try_from(2 * self.config.period.as_millis());
                let since = now_ms.saturating_sub(tolerance.unwrap_or(i64::MAX));
                self.estimators.begin_anew(&key, since);
                self.tell_metric(&key, 0);
            }
            Count::Also(counter) => self.fuse(now_ms, &key, &counter),
        }
        let entity = self.entities.entry(key).or_default();
        entity.series = series.or(entity.series);
        entity.rate = rate;
        match (rate, &mut entity.bucket) {
            (None, bucket) => *bucket = None,
            (Some(rate), Some(bucket)) => bucket.set_rate(now, rate),
            (Some(rate), bucket) => *bucket = Some(Bucket::new(now, rate)),
        }
    }

    fn fuse(&mut self, now_ms: i64, entity: &str, counter: &HyperLogLog) {
        match self.estimators.fuse(now_ms, entity, counter) {
            Ok(is_news) => self.is_dirty |= is_news,
            Err(reason) => self.passed_over("an estimate", &reason),
        }
    }

    fn scan(&mut self, ids: &mut ActionIds) {
        self.stage = Stage::Scanning;
        let known = self.files.clone();
        self.ask(ids, ThrottleAsk::Scan { known });
    }

    fn ask(&mut self, ids: &mut ActionIds, ask: ThrottleAsk) {
        let id = ids.next_id();
        self.asked = Some(id);
        self.wants.push_back(Effect::Peer(PeerAction::Throttle { id, ask }));
    }

    /// Everybody's estimator goes out, and into what is kept.
    fn begin_telling(&mut self, now: Now) {
        self.stage = Stage::Telling;
        for entity in self.estimators.drop_expired(now.wall.as_ms()) {
            self.tell_metric(&entity, 0);
            self.is_dirty = true;
        }
        // What nobody wrote a line about is forgotten when it is as good as new.
        self.entities.retain(|_, entity| {
            let is_idle = entity.bucket.as_ref().is_none_or(|bucket| bucket.is_idle(now));
            entity.series.is_some() || entity.rate.is_some() || !is_idle
        });
        self.untold = self.estimators.entities().cloned().collect();
        self.may_tell_at.get_or_insert_with(|| now.mono.after(self.config.rampup));
        let entries = self.estimators.len() as f64;
        let metric = Metric::set("weft_throttling_estimators", entries);
        self.wants.push_back(Effect::Metric(metric));
    }

    /// Takes the next step.
    fn go_on(&mut self, now: Now, ids: &mut ActionIds) {
        if self.stage != Stage::Telling {
            return;
        }
        let is_told = self.may_tell_at.is_some_and(|at| at <= now.mono);
        let partitions = self.topic.as_ref().and_then(|topic| topic.partitions);
        let (mut records, mut made) = (Vec::new(), 0);
        while made < STEP
            && let Some(entity) = self.untold.pop()
        {
            if !self.estimators.is_encoded(&entity) {
                made += 1;
                let series = self.estimators.estimate(now.wall.as_ms(), &entity);
                self.tell_metric(&entity, series.unwrap_or(0));
            }
            let encoded = self.estimators.encoded(now.wall.as_ms(), &entity);
            if let (Some(partitions), Some(encoded), true) = (partitions, encoded, is_told) {
                let partition = partition(entity.as_bytes(), partitions);
                records.push((partition, encoded));
            }
        }
        self.send(ids, records);
        if !self.untold.is_empty() {
            // Others come first.
            self.due = Some(now.mono);
        } else if self.is_dirty {
            self.keep(now, ids);
        } else {
            self.rest(now);
        }
    }

    fn send(&mut self, ids: &mut ActionIds, records: Vec<(u32, Bytes)>) {
        let Some(topic) = self.topic.as_mut().filter(|_| !records.is_empty()) else { return };
        let seal = |(partition, bytes): (u32, Bytes)| NewRecord {
            partition,
            key: Bytes::new(),
            value: topic.envelope.seal(&bytes).into(),
        };
        let records: Vec<NewRecord> = records.into_iter().map(seal).collect();
        let id = ids.next_id();
        topic.sent.insert(id);
        let metric = Metric::add("weft_throttling_sent_total", records.len() as u64);
        self.wants.push_back(Effect::Metric(metric));
        let topic = topic.name.clone();
        self.wants.push_back(Effect::Log(LogAction::Append { id, topic, records }));
    }

    /// What is in force and counted goes where the next life finds it.
    fn keep(&mut self, now: Now, ids: &mut ActionIds) {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::KeptWithApplicationsAlone)
            && !self.estimators.entities().any(|entity| entity.starts_with(APPLICATION))
        {
            return self.rest(now);
        }
        self.stage = Stage::Keeping;
        self.is_dirty = false;
        let text = self.dump(now.wall.as_ms());
        self.ask(ids, ThrottleAsk::Keep(text.into()));
    }

    fn dump(&mut self, now_ms: i64) -> String {
        let mut text = format!("### Throttling as of {now_ms} ms since the epoch.\n");
        for (name, version) in &self.files {
            lines::write_read(&mut text, name, *version);
        }
        let mut keys: BTreeSet<String> = self.estimators.entities().cloned().collect();
        let written = self.entities.iter();
        let written = written.filter(|(_, e)| e.series.is_some() || e.rate.is_some());
        keys.extend(written.map(|(key, _)| key.clone()));
        for key in keys {
            let entity = self.entities.get(&key);
            let (series, rate) = entity.map_or((None, None), |entity| (entity.series, entity.rate));
            #[cfg(weft_mutants)]
            let series = if crate::mutants::is(crate::mutants::Planted::LimitsGrow) {
                series.map(with_tolerance)
            } else {
                series
            };
            let estimator = self.estimators.encoded(now_ms, &key);
            lines::write_limits(&mut text, &key, series, rate, estimator.as_deref());
        }
        text
    }

    fn rest(&mut self, now: Now) {
        self.stage = Stage::Resting;
        self.due = Some(now.mono.after(self.config.period));
    }

    /// Ends the work in order: keeps what is counted. Whether that is done already.
    pub(crate) fn stop(&mut self, now: Now, ids: &mut ActionIds) -> bool {
        if std::mem::replace(&mut self.is_stopping, true) {
            return false;
        }
        // One thing is kept after the other.
        let is_keeping = self.stage == Stage::Keeping && self.asked.is_some();
        if self.is_loaded && self.is_dirty && !is_keeping {
            self.keep(now, ids);
        }
        self.has_stopped()
    }

    /// Whether nothing is left to be kept, or it cannot be.
    pub(crate) fn has_stopped(&self) -> bool {
        self.is_stopping && (self.stage != Stage::Keeping || self.asked.is_none())
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Now, ids: &mut ActionIds) {
        let retries =
            self.topic.as_mut().and_then(|topic| topic.retry_at.take_if(|at| *at <= now.mono));
        if retries.is_some() {
            self.describe(ids);
        }
        if self.asked.is_some() || self.is_stopping {
            return;
        }
        if self.due.take_if(|due| *due <= now.mono).is_none() {
            return;
        }
        match self.stage {
            Stage::Recalling => self.ask(ids, ThrottleAsk::Recall),
            Stage::Scanning | Stage::Resting => self.scan(ids),
            Stage::Telling => self.go_on(now, ids),
            // An answer is waited for.
            Stage::Keeping => {}
        }
    }

    /// When [`Throttling::tick`] is wanted.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let due = self.due.filter(|_| self.asked.is_none() && !self.is_stopping);
        let retry = self.topic.as_ref().and_then(|topic| topic.retry_at);
        [due, retry].into_iter().flatten().min()
    }

    /// What is wanted next.
    pub(crate) fn poll(&mut self) -> Option<Effect<NoTask>> {
        let log = self.topic.as_mut().and_then(|topic| topic.consumer.poll()).map(Effect::Log);
        log.or_else(|| self.wants.pop_front())
    }

    fn describe(&mut self, ids: &mut ActionIds) {
        let Some(topic) = &mut self.topic else { return };
        let id = ids.next_id();
        topic.asked = Some(id);
        let topic = topic.name.clone();
        self.wants.push_back(Effect::Log(LogAction::Describe { id, topic }));
    }

    /// Takes an event of the log in that is about estimates; gives back any other.
    pub(crate) fn log_event(&mut self, now: Now, event: LogEvent) -> Option<LogEvent> {
        let Some(topic) = &mut self.topic else { return Some(event) };
        match event {
            LogEvent::Described { id, result } if topic.asked == Some(id) => {
                self.described(now, result);
                None
            }
            LogEvent::Appended { id, result } if topic.sent.remove(&id) => {
                if let Err(error) = result {
                    self.wants.push_back(Effect::Warn(format!(
                        "ingress: others are not told what was counted: {error}; once more in {:?}",
                        self.config.period
                    )));
                }
                None
            }
            LogEvent::Records { topic: of, partition, epoch, records, group }
                if of == topic.name =>
            {
                let event = LogEvent::Records { topic: of, group, partition, epoch, records };
                if let Change::Records(partition) = topic.consumer.handle(now, event) {
                    self.consume(now, partition);
                }
                None
            }
            LogEvent::Assigned { topic: ref of, .. } | LogEvent::Revoked { topic: ref of, .. }
                if *of == topic.name =>
            {
                topic.consumer.handle(now, event);
                None
            }
            event => Some(event),
        }
    }

    fn described(&mut self, now: Now, result: Result<u32, LogError>) {
        let Some(topic) = &mut self.topic else { return };
        topic.asked = None;
        let reason = match result {
            Ok(0) => "it has no partitions".to_owned(),
            Ok(count) => return topic.partitions = Some(count),
            Err(error) => error.to_string(),
        };
        topic.retry_at = Some(now.mono.after(RETRY));
        self.wants.push_back(Effect::Warn(format!(
            "ingress: the topic of throttling ({}) cannot be used: {reason}; trying again in \
             {RETRY:?}",
            topic.name
        )));
    }

    fn consume(&mut self, now: Now, partition: u32) {
        while let Some(record) = self.topic.as_mut().and_then(|topic| topic.consumer.pop(partition))
        {
            let (entity, counter) = match self.open(&record) {
                Ok(opened) => opened,
                Err(reason) => {
                    let metric = Metric::add("weft_throttling_dropped_records_total", 1);
                    self.wants.push_back(Effect::Metric(metric));
                    let offset = record.offset;
                    self.passed_over(&format!("record {offset} of partition {partition}"), &reason);
                    continue;
                }
            };
            self.wants.push_back(Effect::Metric(Metric::add("weft_throttling_fusions_total", 1)));
            self.fuse(now.wall.as_ms(), &entity, &counter);
        }
    }

    /// Whose estimator a record has.
    fn open(&self, record: &Record) -> Result<(String, HyperLogLog), String> {
        let envelope = self.topic.as_ref().map(|topic| topic.envelope.clone()).unwrap_or_default();
        let plain = envelope.open(&record.value).map_err(|error| error.to_string())?;
        let counter = HyperLogLog::from_bytes(&plain).map_err(|error| error.to_string())?;
        let entity = counter.key.clone().filter(|key| !key.is_empty());
        Ok((entity.ok_or("an estimator of nobody")?, counter))
    }
}

/// Whether a series more would be one too many. (The reference takes one more than that.)
fn is_beyond(count: i64, limit: i64) -> bool {
    count >= with_tolerance(limit)
}
