//! What lines put into the log, without a log: to compare with recorded messages.

use std::sync::Arc;

use weft_gts::{Labels, SeriesId};

use super::IngressConfig;
use super::line::{BadLine, MetaLines, UpdateLines};
use super::options::UpdateOptions;
use super::task::{Kind, OutRecord};
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
        value_size_max: input.config.value_size_max,
        labels: input.labels.clone(),
        message_attributes: input.message_attributes.clone(),
    };
    let mut lines = UpdateLines::new(input.config.clone(), options, None);
    let error = first_error(input, |number, line| lines.line(number, line, input.now));
    (records(input, lines.finish()), error)
}

/// What `meta` would put into the log, and what is wrong with the line that ends it.
pub fn meta(input: &Lines<'_>) -> (Vec<PreviewRecord>, Option<String>) {
    let writer = Writer::with_labels(input.labels.clone());
    let mut lines = MetaLines::new(input.config.clone(), writer, input.delta_attributes, None);
    let error = first_error(input, |number, line| lines.line(number, line));
    (records(input, lines.take_records()), error)
}

fn first_error(
    input: &Lines<'_>,
    mut take: impl FnMut(u64, &str) -> Result<(), BadLine>,
) -> Option<String> {
    let mut numbered = (1..).zip(&input.lines);
    numbered.find_map(|(number, line)| take(number, line).err()).map(|bad| bad.messages.join(" "))
}

fn records(input: &Lines<'_>, out: Vec<OutRecord>) -> Vec<PreviewRecord> {
    let record = |OutRecord { id, value, kind }| {
        let topic = match kind {
            Kind::Data { .. } => &input.config.data_topic,
            Kind::Attributes | Kind::Seen { .. } => &input.config.metadata_topic,
        };
        PreviewRecord { topic: topic.clone(), id, value: value.to_vec() }
    };
    out.into_iter().map(record).collect()
}
