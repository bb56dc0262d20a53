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
            Some(source::DELETE) => {
                if let Some(owed) = self.unpublished.get_mut(&id) {
                    owed.is_seen = true;
                }
                if self.cache.deleted(id, partition, record.offset, now.mono) {
                    let activity_ms = metadata.last_activity;
                    let out = OutRecord::seen(&self.config, id, &metadata, activity_ms);
                    self.publish_removed(out, activity_ms, true);
                }
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
        for metadata in removed {
            let out = OutRecord::restored(&self.config, metadata);
            self.publish_removed(out, metadata.last_activity, false);
        }
    }

    fn publish_removed(&mut self, out: OutRecord, activity_ms: Option<i64>, is_seen: bool) {
        let metric = Metric::add("weft_ingress_metadata_republished_total", 1);
        self.effects.push_back(Effect::Metric(metric));
        let series = out.id;
        let record = record_of(self.topics.metadata, out);
        self.publish_again(Again { series, activity_ms, record, is_seen });
    }

    /// Each by itself: what fails for one is not to be repeated for others.
    fn publish_again(&mut self, again: Again) {
        let Again { series, activity_ms, record, .. } = again.clone();
        self.cache.publish(series, None);
        let append = Append {
            bytes: record.key.len() + record.value.len(),
            published: vec![(series, activity_ms)],
            again: Some(again),
            ..Append::default()
        };
        self.append(append, self.config.metadata_topic.clone(), vec![record]);
    }

    /// Without it nobody finds datapoints that were acknowledged: it is tried until it succeeds.
    pub(super) fn not_published_again(&mut self, now: Now, again: Again, error: &LogError) {
        let series = again.series;
        if matches!(error, LogError::Refused(_)) {
            return self.effects.push_back(Effect::Warn(format!(
                "ingress: metadata of series {series:?} cannot be published again: {error}; write \
                 to it once more, or its datapoints are not found"
            )));
        }
        #[cfg(weft_mutants)]
        if crate::mutants::is(crate::mutants::Planted::NotPublishedAgain) {
            return;
        }
        // What was owed before may have attributes, or stand behind a removal that is not seen yet.
        let owed = self.unpublished.entry(series).or_insert_with(|| again.clone());
        if owed.is_seen {
            *owed = again;
        }
        self.unpublished_at.get_or_insert_with(|| now.mono.after(RETRY));
    }

    pub(super) fn try_unpublished(&mut self, now: Now) {
        if self.unpublished_at.take_if(|at| *at <= now.mono).is_none() {
            return;
        }
        for again in std::mem::take(&mut self.unpublished).into_values() {
            // What came into the topic since is newer.
            if !again.is_seen || !self.cache.has(again.series) {
                self.publish_again(again);
            }
        }
        self.finish_stop();
    }
}
