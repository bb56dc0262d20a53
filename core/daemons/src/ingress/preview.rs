//! What lines put into the log, without a log: to compare with recorded messages.

use std::sync::Arc;

use weft_gts::{Labels, SeriesId};

use super::IngressConfig;
use super::body::{BodyReader, TextLines};
use super::line::{MetaLines, UpdateLines};
use super::options::UpdateOptions;
use super::series::SeriesTable;
use super::task::{Kind, OutRecord, Stop};
use super::writer::Writer;
use crate::contract::Topic;

/// Lines, and who sends them.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    /// The configuration; attributes are parsed as it says.
    pub config: Arc<IngressConfig>,
    /// Labels of the token, with producer, owner and application.
    pub labels: Labels,
    /// Attributes of the data messages.
    pub message_attributes: Labels,
    /// Attributes change those before, one by one.
    pub delta_attributes: bool,
    /// The tick of lines that have none.
    pub now: i64,
    /// The lines.
    pub lines: Vec<&'a str>,
}

/// A record that would go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRecord {
    /// Its topic.
    pub topic: Topic,
    /// Its key.
    pub id: SeriesId,
    /// Its value.
    pub value: Vec<u8>,
}

/// What `update` would put into the log, and what is wrong with the line that ends it.
pub fn update(input: &Lines<'_>) -> (Vec<PreviewRecord>, Option<String>) {
    let options = UpdateOptions {
        now: Some(input.now),
        oldest: None,
        newest: None,
        ignore_out_of_range: false,
        timeshift: 0,
        delta_attributes: input.delta_attributes,
        parse_attributes: input.config.parse_attributes,
        every_line_counts: false,
        value_size_max: input.config.value_size_max,
        labels: input.labels.clone(),
        message_attributes: input.message_attributes.clone(),
        tenant: Arc::default(),
    };
    let table = SeriesTable::new(0);
    let mut lines = UpdateLines::new(input.config.clone(), options, table, None);
    let error = first_error(input, |text| lines.read(text, input.now));
    (records(input, lines.finish()), error)
}

/// What `meta` would put into the log, and what is wrong with the line that ends it.
pub fn meta(input: &Lines<'_>) -> (Vec<PreviewRecord>, Option<String>) {
    let writer = Writer::with_labels(input.labels.clone());
    let mut lines = MetaLines::new(input.config.clone(), writer, input.delta_attributes, None);
    let error = first_error(input, |text| lines.read(text));
    (records(input, lines.take_records()), error)
}

fn first_error(
    input: &Lines<'_>,
    mut take: impl FnMut(&mut TextLines<'_>) -> Result<(), Stop>,
) -> Option<String> {
    let mut body = BodyReader::text(usize::MAX);
    let fed = body.feed(input.lines.join("\n").as_bytes(), &mut take);
    match fed.and_then(|()| body.finish(&mut take)).err()? {
        Stop::Line(bad) => Some(bad.messages.join(" ")),
        Stop::Body(error) => Some(error.to_string()),
    }
}

fn records(input: &Lines<'_>, out: Vec<OutRecord>) -> Vec<PreviewRecord> {
    let record = |out: OutRecord| {
        let topic = match out.kind {
            Kind::Data { .. } | Kind::DeletedAgain(_) => &input.config.data_topic,
            Kind::Attributes | Kind::Removed(_) | Kind::Discovered | Kind::Seen { .. } => {
                &input.config.metadata_topic
            }
        };
        let out = match &out.kind {
            Kind::Seen { metadata, activity_ms, .. } => {
                OutRecord::seen(&input.config, out.id, metadata, *activity_ms)
            }
            _ => out,
        };
        PreviewRecord { topic: topic.clone(), id: out.id, value: out.value.to_vec() }
    };
    out.into_iter().map(record).collect()
}
