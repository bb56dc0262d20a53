//! Folders of throttling, one a node: they outlive its processes.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_daemons::contract::peer::{ThrottleAnswer, ThrottleAsk, ThrottleFile};
use weft_daemons::contract::{
    ActionId, Change, Effect, Event, LogAction, LogEvent, Metric, NoTask, PeerEvent,
};
use weft_gts::{Decoder, SeriesId};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::{KafkaDataMessage, KafkaDataMessageType};

use super::{Address, DATA_TOPIC, Happening, THROTTLING_TOPIC, World};
use crate::clients::tenant_of_entity;
use crate::node::{Component, throttling_key};
use crate::params::MS;

impl World {
    pub(super) fn ask_limits(&mut self, from: Address, id: ActionId, ask: ThrottleAsk) {
        if matches!(ask, ThrottleAsk::Keep(_)) {
            self.checks.throttling.keeps(from, id);
        }
        let delay = self.net.delay(2 * MS);
        self.schedule(delay, Happening::AtFolder(from, id, ask));
    }

    pub(super) fn at_folder(&mut self, from: Address, id: ActionId, ask: ThrottleAsk) {
        // What a process had not done when it ended is not done.
        if !self.lives(from) {
            return;
        }
        let fails = self.chance(self.params.faults.folder_failed, "folder failed");
        let result = match ask {
            _ if fails => Err("the folder cannot be read or written".to_owned()),
            ThrottleAsk::Recall => Ok(ThrottleAnswer::Recalled(self.nodes[from.node].kept.clone())),
            ThrottleAsk::Scan { known } => Ok(ThrottleAnswer::Scanned(self.files(&known))),
            ThrottleAsk::Keep(bytes) => {
                self.nodes[from.node].kept = Some(bytes);
                self.checks.throttling.kept(from, id);
                Ok(ThrottleAnswer::Kept)
            }
        };
        let delay = self.net.delay(MS);
        let event = Event::Peer(PeerEvent::Throttle { id, result });
        self.schedule(delay, Happening::Deliver(from, event));
    }

    fn files(&self, known: &BTreeMap<String, u64>) -> Vec<ThrottleFile> {
        let texts = self.params.limits.as_ref().map(|limits| limits.files(self.now_ns));
        let file = |(name, text): (&str, String)| ThrottleFile {
            name: name.to_owned(),
            version: 1,
            text: (!known.contains_key(name)).then(|| Ok(Bytes::from(text))),
        };
        texts.into_iter().flatten().map(file).collect()
    }

    /// An ingress does something that limits are about.
    pub(super) fn watch_limits(
        &mut self,
        from: Address,
        component: Component,
        effect: &Effect<NoTask>,
    ) {
        if component != Component::Ingress || !self.checks.throttling.is_on() {
            return;
        }
        match effect {
            Effect::Log(LogAction::Append { topic, records, .. }) if &**topic == DATA_TOPIC => {
                let mono_ns = self.clock(from.node).mono.0;
                for record in records {
                    let Some((series, points)) = datapoints(&record.value) else { continue };
                    let result = self.checks.throttling.took(from, mono_ns, series, points);
                    self.checks.judge("throttling", result);
                }
            }
            Effect::Metric(Metric { name: "weft_throttling_series", labels, change }) => {
                let entity = labels.first().and_then(|(_, entity)| tenant_of_entity(entity));
                if let (Some(tenant), Change::Set(estimate)) = (entity, change) {
                    self.checks.throttling.counts(from.node, tenant, *estimate as i64);
                }
            }
            Effect::Warn(text) if text.contains("of throttling record") => {
                self.checks.throttling.told(from);
            }
            _ => {}
        }
    }

    /// An ingress hears what others counted.
    pub(super) fn watch_estimates(&mut self, to: Address, event: &Event<NoTask>) {
        match event {
            Event::Log(LogEvent::Assigned { topic, epoch, partitions, .. })
                if &**topic == THROTTLING_TOPIC =>
            {
                for (partition, _) in partitions {
                    self.checks.throttling.assigned(to, *partition, *epoch);
                }
            }
            Event::Log(LogEvent::Records { topic, partition, epoch, records, .. })
                if &**topic == THROTTLING_TOPIC =>
            {
                let junk = records.iter().filter(|record| !is_count(&record.value)).count();
                self.checks.throttling.hears_junk(to, *partition, *epoch, junk as u64);
            }
            _ => {}
        }
    }

    /// Whether the ingresses that live count alike; lets things happen until they do.
    pub fn is_merged(&self) -> Result<(), String> {
        let living = (0..self.nodes.len()).filter(|node| {
            let is_ingress = |slot: &super::Slot| slot.component == Component::Ingress;
            self.nodes[*node].up && self.nodes[*node].slots.iter().any(is_ingress)
        });
        self.checks.throttling.check_merged(&living.collect::<Vec<usize>>())
    }
}

/// Of which series a record has datapoints, and how many.
fn datapoints(value: &[u8]) -> Option<(SeriesId, u64)> {
    let message = KafkaDataMessage::decode(value).ok()?;
    if message.kind != KafkaDataMessageType::Store {
        return None;
    }
    let series = SeriesId { class_id: message.class_id, labels_id: message.labels_id };
    let data = message.data.unwrap_or_default();
    Some((series, Decoder::new(0, &data, None).count() as u64))
}

/// Whether an ingress wrote it: nobody else signs.
fn is_count(value: &[u8]) -> bool {
    let envelope = Envelope { mac: Some(throttling_key()), aes: None };
    envelope.open(value).is_ok()
}
