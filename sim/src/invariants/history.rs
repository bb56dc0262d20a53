//! What the log holds, understood: the history that every check refers to.

use std::collections::{BTreeMap, BTreeSet};

use weft_daemons::contract::log::Record;
use weft_gts::{Decoder, Labels, Metadata, SeriesId, Value};
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType, decode_metadata};

use crate::clients::{SeriesName, metadata_of};
use crate::log::LogModel;
use crate::node::id_keys;
use crate::world::{DATA_TOPIC, METADATA_TOPIC};

/// A record of the data topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Datapoints: tick and value.
    Put {
        /// Of which series.
        series: SeriesId,
        /// Ticks and values.
        points: Vec<(i64, i64)>,
        /// Whether cells carry their datapoint's time.
        by_datapoint: bool,
    },
    /// A delete.
    Delete {
        /// Of which series.
        series: SeriesId,
        /// The oldest tick.
        start: i64,
        /// The newest tick.
        end: i64,
    },
}

/// A record of the metadata topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// When it was appended, virtual time.
    pub at_ns: u64,
    /// Whether it removes the series.
    pub removes: bool,
}

/// What a record of the metadata topic says of its series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An update saw it, with these attributes.
    Seen(Labels),
    /// It has these attributes, or these besides what it had.
    Updated {
        /// The attributes.
        attributes: Labels,
        /// Whether others stay.
        is_delta: bool,
    },
    /// It is gone.
    Removed,
}

/// A record of the metadata topic, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Of which series.
    pub series: SeriesId,
    /// The record's timestamp.
    pub time_ms: i64,
    /// What.
    pub what: Said,
    /// Whether it changes what is known of the series.
    pub is_news: bool,
}

/// Everything in the log, by what it says.
#[derive(Debug, Default)]
pub struct History {
    /// Records of the data topic, by partition and offset.
    pub data: BTreeMap<(u32, u64), (i64, Data)>,
    /// Records of the data topic that nobody understands, by partition and offset.
    pub junk: BTreeSet<(u32, u64)>,
    /// Deletes of each series: when they were appended, virtual time, and the ticks.
    pub deletes: BTreeMap<SeriesId, Vec<(u64, i64, i64)>>,
    /// Where each value stands.
    pub values: BTreeMap<i64, Vec<(u32, u64)>>,
    /// What was said of each series, in order.
    pub metadata: BTreeMap<SeriesId, Vec<Meta>>,
    /// The records of the metadata topic, by partition and offset.
    pub said: BTreeMap<(u32, u64), Statement>,
    /// Series that are there.
    known: BTreeSet<SeriesId>,
    /// Names of series.
    pub names: BTreeMap<SeriesId, SeriesName>,
    read: BTreeMap<(&'static str, u32), u64>,
}

impl History {
    /// Reads what is new in the data topic.
    pub fn read_data(&mut self, now_ns: u64, log: &LogModel) {
        for partition in 0..log.partitions() {
            let records = self.fresh(DATA_TOPIC, partition, log);
            for record in records {
                let (data, is_whole) = understand(&record.value);
                if !is_whole {
                    self.junk.insert((partition, record.offset));
                }
                if let Some(Data::Delete { series, start, end }) = data {
                    self.deletes.entry(series).or_default().push((now_ns, start, end));
                }
                if let Some(data) = data {
                    self.add_data(partition, record.offset, record.timestamp_ms, data);
                }
            }
        }
    }

    /// Reads what is new in the metadata topic.
    pub fn read_metadata(&mut self, now_ns: u64, log: &LogModel) {
        for partition in 0..log.partitions() {
            for record in self.fresh(METADATA_TOPIC, partition, log) {
                let Some(metadata) = understand_metadata(&record.value) else { continue };
                let id = id_keys().series_id(&metadata);
                self.add_metadata(partition, &record, id, &metadata);
                // A change of attributes neither makes a series nor removes one.
                let removes = match metadata.source.as_deref() {
                    Some("ingress") => false,
                    Some("delete") => true,
                    _ => continue,
                };
                self.metadata.entry(id).or_default().push(Meta { at_ns: now_ns, removes });
                if let Some(name) = name_of(metadata.class()) {
                    self.names.insert(id, name);
                }
            }
        }
    }

    fn add_metadata(
        &mut self,
        partition: u32,
        record: &Record,
        series: SeriesId,
        metadata: &Metadata,
    ) {
        let attributes = metadata.attributes.clone();
        let (what, is_news) = match metadata.source.as_deref() {
            Some("ingress") => (Said::Seen(attributes), self.known.insert(series)),
            Some("delete") => {
                self.known.remove(&series);
                (Said::Removed, true)
            }
            Some("ingress.metadata.update") => {
                let is_delta = false;
                (Said::Updated { attributes, is_delta }, self.known.contains(&series))
            }
            Some("ingress.metadata.update.delta") => {
                let is_delta = true;
                (Said::Updated { attributes, is_delta }, self.known.contains(&series))
            }
            _ => return,
        };
        let statement = Statement { series, time_ms: record.timestamp_ms, what, is_news };
        self.said.insert((partition, record.offset), statement);
    }

    /// Adds a record of the data topic.
    pub fn add_data(&mut self, partition: u32, offset: u64, time_ms: i64, data: Data) {
        if let Data::Put { points, .. } = &data {
            for (_, value) in points {
                self.values.entry(*value).or_default().push((partition, offset));
            }
        }
        self.data.insert((partition, offset), (time_ms, data));
    }

    /// Where the metadata of a series was removed last: partition and offset.
    pub fn removed(&self, id: SeriesId) -> Option<(u32, u64)> {
        let removes = |said: &Statement| said.series == id && said.what == Said::Removed;
        self.said.iter().rev().find(|(_, said)| removes(said)).map(|(place, _)| *place)
    }

    /// Whether a series was there at that moment and has not been removed since.
    pub fn is_known_since(&self, id: SeriesId, at_ns: u64) -> bool {
        let said = self.metadata.get(&id).map_or(&[][..], Vec::as_slice);
        let before = said.iter().rev().find(|meta| meta.at_ns < at_ns);
        before.is_some_and(|meta| !meta.removes)
            && !said.iter().any(|meta| meta.at_ns >= at_ns && meta.removes)
    }

    /// The id of a series.
    pub fn id_of(series: &SeriesName) -> SeriesId {
        id_keys().series_id(&metadata_of(series))
    }

    fn fresh(&mut self, topic: &'static str, partition: u32, log: &LogModel) -> Vec<Record> {
        let read = self.read.entry((topic, partition)).or_default();
        let records = log.records(topic, partition);
        // A log that lost what it had acknowledged is shorter than it was.
        *read = (*read).min(records.len() as u64);
        let fresh = records[*read as usize..].to_vec();
        *read = records.len() as u64;
        fresh
    }
}

/// What a record of the data topic says, and whether that is all of it.
pub fn understand(value: &[u8]) -> (Option<Data>, bool) {
    let Ok(message) = KafkaDataMessage::decode(value) else { return (None, false) };
    let series = SeriesId { class_id: message.class_id, labels_id: message.labels_id };
    match message.kind {
        KafkaDataMessageType::Store => {
            let bytes = message.data.unwrap_or_default();
            let mut decoder = Decoder::new(0, &bytes, None);
            let mut points = Vec::new();
            let is_whole = loop {
                match decoder.next_point() {
                    Ok(Some(point)) => {
                        if let Value::Long(value) = Value::from(point.value) {
                            points.push((point.tick, value));
                        }
                    }
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            let attributes = message.attributes.unwrap_or_default();
            let by_datapoint = attributes.contains("dpts");
            (Some(Data::Put { series, points, by_datapoint }), is_whole)
        }
        KafkaDataMessageType::Delete => {
            let start = message.deletion_start.unwrap_or(i64::MIN);
            let end = message.deletion_end.unwrap_or(i64::MAX);
            (Some(Data::Delete { series, start, end }), true)
        }
        KafkaDataMessageType::Archive => (None, true),
    }
}

/// The metadata that the value of a record of their topic says.
pub fn understand_metadata(value: &[u8]) -> Option<Metadata> {
    value.get(16..).and_then(|value| decode_metadata(value).ok())
}

fn name_of(class: &str) -> Option<SeriesName> {
    let (tenant, series) = class.strip_prefix('t')?.split_once(".s")?;
    Some(SeriesName { tenant: tenant.parse().ok()?, series: series.parse().ok()? })
}
