//! Metadata that the topic lost, and that datapoints need, are published again.

use std::sync::Arc;

use weft_gts::{Metadata, SeriesId};

use super::task::OutRecord;
use super::{Append, Ingress, RETRY, record_of};
use crate::contract::log::{LogError, NewRecord, Record};
use crate::contract::{Effect, Metric};
use crate::directory::{open_metadata_message, source};
use crate::time::Now;

/// Metadata to publish again: datapoints that were acknowledged need it.
#[derive(Clone, Debug)]
pub(super) struct Again {
    series: SeriesId,
    activity_ms: Option<i64>,
    record: NewRecord,
    /// Whether its removal was seen in the topic: what is seen there afterwards is newer.
    is_seen: bool,
}

impl Ingress {
    /// Metadata that is in the topic, by whichever ingress.
    pub(super) fn consume(&mut self, now: Now, partition: u32, record: &Record) {
        let opened = open_metadata_message(&self.config.metadata_envelope, record);
        let Ok(metadata) = opened else { return };
        let id = self.config.ids.series_id(&metadata);
        match metadata.source.as_deref() {
            Some(source::INGRESS) => self.cache.learn(id, metadata.last_activity),
            Some(source::DELETE) if self.cache.deleted(id, partition, record.offset, now.mono) => {
                let activity_ms = metadata.last_activity;
                let out = OutRecord::seen(&self.config, id, &metadata, activity_ms);
                let again = self.again(out, activity_ms, true);
                self.publish_removed(vec![again]);
            }
            _ => {}
        }
    }

    /// A delete that removed the metadata of these series ends halfway: what was written to them
    /// after their datapoints were deleted has to be found.
    pub(super) fn undo_removal(&mut self, removed: &[Arc<Metadata>]) {
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::RemovalNotUndone) {
            return;
        }
        if removed.is_empty() {
            return;
        }
        let all = removed.iter().map(|metadata| {
            let out = OutRecord::restored(&self.config, metadata);
            self.again(out, metadata.last_activity, false)
        });
        let all = all.collect();
        self.publish_removed(all);
    }

    fn publish_removed(&mut self, all: Vec<Again>) {
        let metric = Metric::add("weft_ingress_metadata_republished_total", all.len() as u64);
        self.effects.push_back(Effect::Metric(metric));
        self.publish_again(all);
    }

    fn again(&self, out: OutRecord, activity_ms: Option<i64>, is_seen: bool) -> Again {
        let series = out.id;
        Again { series, activity_ms, record: record_of(self.topics.metadata, out), is_seen }
    }

    fn publish_again(&mut self, all: Vec<Again>) {
        if all.is_empty() {
            return;
        }
        let mut append = Append::default();
        for Again { series, activity_ms, record, .. } in &all {
            self.cache.publish(*series, None);
            append.bytes += record.key.len() + record.value.len();
            append.published.push((*series, *activity_ms));
        }
        let records = all.iter().map(|again| again.record.clone()).collect();
        append.again = all;
        self.append(append, self.config.metadata_topic.clone(), records);
    }

    /// Without it nobody finds datapoints that were acknowledged: it is tried until it succeeds.
    pub(super) fn not_published_again(&mut self, now: Now, all: Vec<Again>, error: &LogError) {
        for again in all {
            let series = again.series;
            if matches!(error, LogError::Refused(_)) {
                self.effects.push_back(Effect::Warn(format!(
                    "ingress: metadata of series {series:?} cannot be published again: {error}; \
                     write to it once more, or its datapoints are not found"
                )));
                continue;
            }
            #[cfg(weft_mutants)]
            if crate::mutants::is(crate::mutants::Planted::NotPublishedAgain) {
                continue;
            }
            let before = self.unpublished.get(&series);
            let is_seen = again.is_seen && before.is_none_or(|before| before.is_seen);
            self.unpublished.insert(series, Again { is_seen, ..again });
            self.unpublished_at.get_or_insert_with(|| now.mono.after(RETRY));
        }
    }

    pub(super) fn try_unpublished(&mut self, now: Now) {
        if self.unpublished_at.take_if(|at| *at <= now.mono).is_none() {
            return;
        }
        let all = std::mem::take(&mut self.unpublished).into_values();
        let owed = all.filter(|again| !again.is_seen || !self.cache.has(again.series)).collect();
        self.publish_again(owed);
        self.finish_stop();
    }
}
