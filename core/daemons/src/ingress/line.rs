//! From lines to records: one encoder at a time, a record whenever the series changes or the
//! encoder is full, in the order and sizes of the reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_gts::text::{
    Line, LineError, ParseOptions, parse_line, parse_metadata, update_attributes,
};
use weft_gts::{Encoder, Labels, Metadata, SeriesId};
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use super::config::IngressConfig;
use super::options::UpdateOptions;
use super::task::{Kind, OutRecord};
use super::writer::Writer;

/// Why the lines are not read on.
#[derive(Debug)]
pub(crate) struct BadLine {
    /// Which line, from 1.
    pub(crate) number: u64,
    /// The status to answer.
    pub(crate) status: u16,
    /// What is wrong, outermost first.
    pub(crate) messages: Vec<String>,
}

/// Turns lines of `update` into records.
#[derive(Debug)]
pub(crate) struct UpdateLines {
    config: Arc<IngressConfig>,
    options: UpdateOptions,
    current: Option<Current>,
    /// Attributes of the current series were in a line since its metadata went out.
    had_attributes: bool,
    /// Bytes of data records since the last time they reached the limit, as the reference counts.
    accumulated: usize,
    /// Series whose metadata this request has seen to.
    seen: BTreeSet<SeriesId>,
    activity_ms: Option<i64>,
    records: Vec<OutRecord>,
}

/// The series of the latest line.
#[derive(Debug)]
struct Current {
    metadata: Metadata,
    /// `CLASS{LABELS}` as the latest line had it.
    identity: Vec<u8>,
    encoder: Encoder,
}

impl UpdateLines {
    /// No lines yet. `now_ms` is the activity to publish, when activity is tracked.
    pub(crate) fn new(
        config: Arc<IngressConfig>,
        options: UpdateOptions,
        activity_ms: Option<i64>,
    ) -> Self {
        Self {
            config,
            options,
            current: None,
            had_attributes: false,
            accumulated: 0,
            seen: BTreeSet::new(),
            activity_ms,
            records: Vec::new(),
        }
    }

    /// Reads one line. `present` is the tick of lines that have none.
    pub(crate) fn line(&mut self, number: u64, line: &str, present: i64) -> Result<(), BadLine> {
        let line = line.trim_matches(|c| c <= ' ');
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let options = ParseOptions {
            now: self.options.now.unwrap_or(present),
            timeshift: self.options.timeshift,
            oldest: self.options.oldest,
            newest: self.options.newest,
            ignore_out_of_range: self.options.ignore_out_of_range,
            value_length_max: self.options.value_size_max,
            attributes: self.options.parse_attributes,
        };
        let previous = self.current.as_ref().map(|current| &current.metadata);
        parse_line(line.as_bytes(), previous, &options)
            .and_then(|parsed| self.take(parsed))
            .map_err(|error| bad_line(number, line, error))
    }

    /// The records of the lines so far, except those of the series that is not complete.
    pub(crate) fn take_records(&mut self) -> Vec<OutRecord> {
        std::mem::take(&mut self.records)
    }

    /// There are no more lines: the records that are left.
    pub(crate) fn finish(&mut self) -> Vec<OutRecord> {
        if self.current.as_ref().is_some_and(|current| current.encoder.size() > 0) {
            self.push_current();
        }
        self.current = None;
        self.take_records()
    }

    fn take(&mut self, line: Line<'_>) -> Result<(), LineError> {
        let limits = self.config.metadata_limits;
        let Some(series) = line.series else { return self.add(&line) };
        let known = self.current.as_ref().is_some_and(|c| c.identity == series.identity());
        let metadata = if known { None } else { Some(series.metadata(&self.options.labels)?) };
        let is_same = match (&metadata, &self.current) {
            (None, _) => true,
            (Some(new), Some(current)) => {
                new.name == current.metadata.name && new.labels == current.metadata.labels
            }
            (Some(_), None) => false,
        };
        let attributes = if self.options.parse_attributes { series.attributes()? } else { None };
        let had_attributes = attributes.is_some();
        if is_same {
            if let Some(current) = &mut self.current {
                current.identity.clear();
                current.identity.extend_from_slice(series.identity());
                let mut changed = current.metadata.clone();
                if let Some(attributes) = attributes {
                    let delta = self.options.delta_attributes;
                    update_attributes(&mut changed.attributes, attributes, delta);
                    line.check_metadata(&changed, &limits)?;
                    current.metadata = changed;
                } else {
                    line.check_metadata(&changed, &limits)?;
                }
            }
            self.add(&line)?;
        } else if let Some(mut metadata) = metadata {
            if let Some(attributes) = attributes {
                let delta = self.options.delta_attributes;
                update_attributes(&mut metadata.attributes, attributes, delta);
            }
            line.check_metadata(&metadata, &limits)?;
            self.switch(metadata, series.identity());
            self.add_point(&line);
        }
        self.had_attributes |= had_attributes;
        Ok(())
    }

    /// Another series: what is pending of the one before goes out, behind the new one's metadata.
    fn switch(&mut self, mut metadata: Metadata, identity: &[u8]) {
        metadata.id = self.config.ids.series_id(&metadata);
        if self.seen.insert(metadata.id) {
            let record = OutRecord::seen(&self.config, metadata.id, &metadata, self.activity_ms);
            self.records.push(record);
        }
        if self.current.is_some() {
            self.push_current();
        }
        self.current =
            Some(Current { metadata, identity: identity.to_vec(), encoder: Encoder::new(0) });
    }

    /// A point of the current series.
    fn add(&mut self, line: &Line<'_>) -> Result<(), LineError> {
        self.add_point(line);
        let pending = self.current.as_ref().map_or(0, |current| current.encoder.size());
        if self.accumulated + KEY_SIZE + pending > self.config.data_batch_bytes_max {
            self.push_current();
            if let Some(current) = &mut self.current {
                current.encoder = Encoder::new(0);
            }
        }
        Ok(())
    }

    fn add_point(&mut self, line: &Line<'_>) {
        if let Some(current) = &mut self.current
            && !line.ignored
        {
            let value = line.value.as_ref();
            current.encoder.add(line.tick, line.location, line.elevation, value);
        }
    }

    /// The current encoder as a record, and its attributes when they are news.
    fn push_current(&mut self) {
        let Some(current) = &self.current else { return };
        let attributes = &self.options.message_attributes;
        let message = KafkaDataMessage {
            class_id: current.metadata.id.class_id,
            labels_id: current.metadata.id.labels_id,
            data: Some(current.encoder.clear_bytes().to_vec()),
            metadata: self.config.metadata_on_store.then(|| current.metadata.clone().into()),
            attributes: (!attributes.is_empty()).then(|| attributes.clone()),
            ..KafkaDataMessage::new(KafkaDataMessageType::Store)
        };
        let value = self.config.data_envelope.seal(&message.encode());
        self.accumulated += KEY_SIZE + value.len();
        if self.accumulated > self.config.data_batch_bytes_max {
            self.accumulated = 0;
        }
        let points = current.encoder.count();
        self.records.push(OutRecord {
            id: current.metadata.id,
            value: value.into(),
            kind: Kind::Data { points },
        });
        if self.options.parse_attributes && std::mem::take(&mut self.had_attributes) {
            let delta = self.options.delta_attributes;
            let record = OutRecord::attributes(&self.config, &current.metadata, delta, None);
            self.records.push(record);
        }
    }
}

/// Bytes of a record's key.
const KEY_SIZE: usize = 16;

/// Turns lines of `meta` into records.
#[derive(Debug)]
pub(crate) struct MetaLines {
    config: Arc<IngressConfig>,
    writer: Writer,
    delta: bool,
    activity_ms: Option<i64>,
    records: Vec<OutRecord>,
}

impl MetaLines {
    /// No lines yet.
    pub(crate) const fn new(
        config: Arc<IngressConfig>,
        writer: Writer,
        delta: bool,
        activity_ms: Option<i64>,
    ) -> Self {
        Self { config, writer, delta, activity_ms, records: Vec::new() }
    }

    /// Reads one line.
    pub(crate) fn line(&mut self, number: u64, line: &str) -> Result<(), BadLine> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let parsed = parse_metadata(line.as_bytes()).map_err(|error| BadLine {
            number,
            status: 500,
            messages: vec![META_PREFIX.to_owned(), error.to_string()],
        })?;
        // The reference takes a line that is no series for a failure of its own.
        let mut metadata = parsed.ok_or_else(|| BadLine {
            number,
            status: 500,
            messages: vec![
                META_PREFIX.to_owned(),
                format!("Not CLASS{{LABELS}}{{ATTRIBUTES}}: {line}"),
            ],
        })?;
        for (name, value) in self.writer.labels.iter() {
            metadata.labels.insert(name, value);
        }
        if !self.config.metadata_limits.accepts(&metadata) {
            let message = format!("Invalid metadata {}", described(&metadata));
            return Err(BadLine { number, status: 400, messages: vec![message] });
        }
        metadata.labels.sort();
        metadata.id = self.config.ids.series_id(&metadata);
        let record = OutRecord::attributes(&self.config, &metadata, self.delta, self.activity_ms);
        self.records.push(record);
        Ok(())
    }

    /// The records of the lines so far.
    pub(crate) fn take_records(&mut self) -> Vec<OutRecord> {
        std::mem::take(&mut self.records)
    }
}

/// What stands before the errors of the two kinds of upload.
pub(crate) const UPDATE_PREFIX: &str = "Error when updating data: ";
pub(crate) const META_PREFIX: &str = "Error when updating meta: ";

/// Metadata as the messages of the reference show it.
fn described(metadata: &Metadata) -> String {
    let map = |labels: &Labels| {
        let pairs = labels.hash_ordered().into_iter();
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "Metadata(name:{}, labels:{{{}}}, classId:0, labelsId:0, attributes:{{{}}})",
        metadata.class(),
        map(&metadata.labels),
        map(&metadata.attributes)
    )
}

fn bad_line(number: u64, line: &str, error: LineError) -> BadLine {
    match error {
        LineError::Parse(error) => {
            let mut messages = vec![
                UPDATE_PREFIX.to_owned(),
                format!("Parse error at index {} in '{line}'", error.offset),
                error.fault.to_string(),
            ];
            messages.extend(error.cause.map(|cause| cause.to_string()));
            BadLine { number, status: 400, messages }
        }
        error => BadLine {
            number,
            status: 500,
            messages: vec![UPDATE_PREFIX.to_owned(), error.to_string()],
        },
    }
}
