//! What the configuration says of `ingress`.

use weft_gts::text::MetadataLimits;
use weft_gts::{IdKeys, TimeUnit};
use weft_warpscript::requests::{Service, Switch};
use weft_wire::envelope::Envelope;
use weft_wire::token::TokenAuthority;

use super::cache::Activity;
use crate::contract::http::RequestHead;
use crate::contract::log::Topic;
use crate::cors::CorsConfig;
use crate::headers::HeaderNames;
use crate::throttling::ThrottlingConfig;
use crate::time::Now;

/// What the configuration says of `ingress`.
#[derive(Clone, Debug)]
pub struct IngressConfig {
    /// `warp.timeunits`.
    pub unit: TimeUnit,
    /// `warp.hash.class` and `warp.hash.labels`.
    pub ids: IdKeys,
    /// Keys of tokens, revocations, and what else decides whether a token is good.
    pub tokens: TokenAuthority,
    /// Names of headers (`http.header.*`).
    pub headers: HeaderNames,
    /// What pre-flight requests are told.
    pub cors: CorsConfig,
    /// `ingress.kafka.data.topic`.
    pub data_topic: Topic,
    /// `ingress.kafka.metadata.topic`.
    pub metadata_topic: Topic,
    /// `ingress.kafka.data.mac` and `.aes`.
    pub data_envelope: Envelope,
    /// `ingress.kafka.metadata.mac` and `.aes`.
    pub metadata_envelope: Envelope,
    /// `ingress.kafka.data.maxsize`: bytes of data records that go out together; no record is
    /// larger by more than one line.
    pub data_batch_bytes_max: usize,
    /// `ingress.value.maxsize`: bytes of a value.
    pub value_size_max: usize,
    /// Bytes of a line.
    pub line_size_max: usize,
    /// `warp.labels.maxsize` and `warp.attributes.maxsize`.
    pub metadata_limits: MetadataLimits,
    /// `ingress.metadata.cache.size`: series.
    pub cache_entries_max: usize,
    /// `ingress.parse.attributes`.
    pub parse_attributes: bool,
    /// `ingress.attributes.allowdelta`.
    pub allow_delta: bool,
    /// `ingress.maxpast.default`, milliseconds.
    pub max_past_ms: Option<i64>,
    /// `ingress.maxfuture.default`, milliseconds.
    pub max_future_ms: Option<i64>,
    /// `ingress.maxpast.override`, milliseconds.
    pub max_past_override_ms: Option<i64>,
    /// `ingress.maxfuture.override`, milliseconds.
    pub max_future_override_ms: Option<i64>,
    /// `ingress.outofrange.ignore`.
    pub ignore_out_of_range: bool,
    /// `ingress.hbase.cellttl`, milliseconds.
    pub cell_ttl_ms: Option<i64>,
    /// `ingress.hbase.dpts`.
    pub use_datapoint_ts: bool,
    /// `ingress.store.metadata.include`.
    pub metadata_on_store: bool,
    /// `ingress.delete.metadata.include`.
    pub metadata_on_delete: bool,
    /// `ingress.delete.reject`.
    pub reject_deletes: bool,
    /// `ingress.delete.metaonly.support`.
    pub delete_metadata_only: bool,
    /// `ingress.delete.activity.support`.
    pub delete_by_activity: bool,
    /// `warp10.expose.owner.producer`: whether everybody who deletes sees owners and producers.
    pub expose_owner_producer: bool,
    /// `ingress.activity.window`, milliseconds; `None` when activity is not tracked.
    pub activity_window_ms: Option<i64>,
    /// `ingress.activity.update`.
    pub activity_by_update: bool,
    /// `ingress.activity.meta`.
    pub activity_by_meta: bool,
    /// `warp.update.disabled`, `warp.meta.disabled`, `warp.delete.disabled`: why not.
    pub update_disabled: Option<String>,
    /// See [`IngressConfig::update_disabled`].
    pub meta_disabled: Option<String>,
    /// See [`IngressConfig::update_disabled`].
    pub delete_disabled: Option<String>,
    /// `warp.streamupdate.disable`.
    pub stream_disabled: bool,
    /// `ingress.websocket.maxmessagesize`: bytes of a message of a stream.
    pub stream_message_bytes_max: usize,
    /// `throttling.manager.*`: limits; `None` where `throttling.manager.dir` is not set.
    pub throttling: Option<ThrottlingConfig>,
    /// Where directories register (`directory.zk.znode`).
    pub directory_path: String,
    /// Whether a delete waits until the directory knows what was acknowledged before it. Set
    /// where both run in one process.
    pub wait_for_applied: bool,
}

impl IngressConfig {
    /// A script has a service refused, or taken again.
    pub(super) fn switch(&mut self, switch: Switch) {
        let disabled = match switch.service {
            Service::Update => &mut self.update_disabled,
            Service::Meta => &mut self.meta_disabled,
            Service::Delete => &mut self.delete_disabled,
        };
        *disabled = switch.reason.as_deref().map(str::to_owned);
    }

    /// What a configuration with nothing but keys gives.
    pub fn minimal(ids: IdKeys, tokens: TokenAuthority) -> Self {
        let headers = HeaderNames::default();
        Self {
            unit: TimeUnit::default(),
            ids,
            tokens,
            cors: CorsConfig::new(&headers, None),
            headers,
            data_topic: "data".into(),
            metadata_topic: "metadata".into(),
            data_envelope: Envelope::default(),
            metadata_envelope: Envelope::default(),
            data_batch_bytes_max: 1_000_000,
            value_size_max: 65_536,
            line_size_max: 16 << 20,
            metadata_limits: MetadataLimits::default(),
            cache_entries_max: 10_000_000,
            parse_attributes: false,
            allow_delta: false,
            max_past_ms: None,
            max_future_ms: None,
            max_past_override_ms: None,
            max_future_override_ms: None,
            ignore_out_of_range: false,
            cell_ttl_ms: None,
            use_datapoint_ts: false,
            metadata_on_store: false,
            metadata_on_delete: false,
            reject_deletes: false,
            delete_metadata_only: false,
            delete_by_activity: false,
            expose_owner_producer: false,
            activity_window_ms: None,
            activity_by_update: false,
            activity_by_meta: false,
            update_disabled: None,
            meta_disabled: None,
            delete_disabled: None,
            stream_disabled: false,
            stream_message_bytes_max: 1 << 20,
            throttling: None,
            directory_path: "/directory".to_owned(),
            wait_for_applied: false,
        }
    }

    /// Whether the request asks for a delta of attributes.
    pub(super) fn delta_asked(&self, head: &RequestHead) -> bool {
        head.header(&self.headers.attributes) == Some("delta")
    }

    /// The activity that an update publishes.
    pub(super) fn update_activity_ms(&self, now: Now) -> Option<i64> {
        (self.activity_by_update && self.activity_window_ms.is_some()).then(|| now.wall.as_ms())
    }

    /// The activity that a change of attributes publishes.
    pub(super) fn meta_activity_ms(&self, now: Now) -> Option<i64> {
        (self.activity_by_meta && self.activity_window_ms.is_some()).then(|| now.wall.as_ms())
    }

    /// How fresh a cache entry must be for a record with that activity.
    pub(super) fn activity(&self, now: Now, activity_ms: Option<i64>) -> Option<Activity> {
        let window_ms = self.activity_window_ms?;
        activity_ms.map(|_| Activity { now_ms: now.wall.as_ms(), window_ms })
    }
}
