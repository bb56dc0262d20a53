//! What comes out of the log for clients: datapoints, and series that appear.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_gts::{Encoder, SeriesId};
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use super::super::formats::{Format, Output};
use super::super::session::Session;
use super::Frontend;
use crate::contract::http::{HttpAction, RequestId};
use crate::contract::log::Record;
use crate::contract::{Effect, Metric};
use crate::directory::{open_metadata_message, source};
use crate::time::Now;

impl Frontend {
    /// Shows what has come of a partition. While subscriptions may have lapsed it waits: what comes
    /// after a gap is not shown.
    pub(super) fn deliver(&mut self, now: Now, partition: u32) {
        while !self.publisher.is_in_doubt()
            && let Some(record) = self.consumer.pop(partition)
        {
            self.push(now, &record);
        }
    }

    /// A series appeared, or was named once more.
    pub(super) fn appeared(&mut self, now: Now, record: &Record) {
        let opened = open_metadata_message(&self.config.metadata_envelope, record);
        let Ok(mut metadata) = opened else { return };
        if metadata.source.as_deref() == Some(source::DELETE) {
            return;
        }
        metadata.id = self.config.ids.series_id(&metadata);
        for request in self.interests.in_series(&metadata) {
            let Some(session) = self.sessions.get(&request) else { continue };
            let lacks = !session.series.contains_key(&metadata.id)
                && session.rule_of(&metadata).is_some_and(|rule| rule.wants);
            if !lacks {
                continue;
            }
            // Who has too many was told so.
            let _ = self.add(now, request, metadata.clone());
        }
    }

    /// Datapoints for clients.
    fn push(&mut self, now: Now, record: &Record) {
        let Ok(plain) = self.config.envelope.open(&record.value) else {
            return self.drop_record("its MAC or its wrapping is not ours");
        };
        let Ok(message) = KafkaDataMessage::decode(&plain) else {
            return self.drop_record("it is no data message");
        };
        if message.kind != KafkaDataMessageType::Store {
            return;
        }
        let (class_id, labels_id) = (message.class_id, message.labels_id);
        let id = SeriesId { class_id, labels_id };
        let (Some(known), Some(data)) = (self.series.get(&id), &message.data) else { return };
        let metadata = known.metadata.clone();
        let requests: Vec<RequestId> = known.sessions.iter().copied().collect();
        let encoder = encoder_of(data);
        let config = self.config.clone();
        // Most clients want the same.
        let mut made: BTreeMap<(Format, bool), Vec<Bytes>> = BTreeMap::new();
        for request in requests {
            let Some(session) = self.sessions.get_mut(&request) else { continue };
            if session.series.get(&id).is_none_or(|until| *until < now.wall.as_ms()) {
                continue;
            }
            let output = Output {
                format: session.format,
                metadata: &metadata,
                expose: session.exposes,
                raw_key: config.raw_key.as_ref(),
                bytes_max: config.message_bytes_max / 10 * 9,
            };
            let is_cut = match session.sample {
                Some(rate) => {
                    let (random, drawn) = (self.random, &mut self.drawn);
                    let sampled = output.messages(&encoder, || {
                        *drawn += 1;
                        let bits = random.hash(&drawn.to_be_bytes()) as u64;
                        ((bits >> 11) as f64 / (1u64 << 53) as f64) < rate
                    });
                    push_all(session, &sampled, config.waiting_bytes_max)
                }
                None => {
                    let key = (session.format, session.exposes);
                    let messages =
                        made.entry(key).or_insert_with(|| output.messages(&encoder, || true));
                    push_all(session, messages, config.waiting_bytes_max)
                }
            };
            self.touched.insert(request);
            if is_cut {
                self.cut_off(now, request);
            }
        }
    }

    fn drop_record(&mut self, reason: &str) {
        self.effects.push_back(Effect::Metric(Metric::add("weft_plasma_dropped_records_total", 1)));
        let topic = &self.config.topic;
        let warning = format!("plasmaFE: a record of {topic} is passed over: {reason}");
        self.effects.push_back(Effect::Warn(warning));
    }

    /// Hands over what waits for a client that has taken what was handed over before.
    pub(super) fn hand_over(&mut self, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&request) else { return };
        for message in session.take_piece() {
            self.effects.push_back(Effect::Http(HttpAction::Message { request, message }));
        }
        let (now, before) = session.count_bytes();
        self.waiting_bytes = self.waiting_bytes + now - before;
    }

    /// Says how much waits for clients, when that has changed.
    pub(super) fn count_waiting(&mut self) {
        if std::mem::replace(&mut self.told_bytes, self.waiting_bytes) != self.waiting_bytes {
            let metric = Metric::set("weft_plasma_waiting_bytes", self.waiting_bytes as f64);
            self.effects.push_back(Effect::Metric(metric));
        }
    }
}

/// Gives a client messages; whether it has to be cut off.
fn push_all(session: &mut Session, messages: &[Bytes], bytes_max: usize) -> bool {
    messages.iter().fold(false, |_, message| session.push(message.clone()) > bytes_max)
}

/// The datapoints of a record.
fn encoder_of(data: &[u8]) -> Encoder {
    let mut count = 0;
    let decoder = Encoder::from_bytes(0, data, 0);
    let _ = decoder.decoder().for_each_point(|_| count += 1);
    Encoder::from_bytes(0, data, count)
}
