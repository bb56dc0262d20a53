//! `plasmaBE` and `plasmaFE`, by the reference's keys.

use weft_daemons::contract::Topic;
use weft_daemons::plasma::backend::BackendConfig;
use weft_daemons::plasma::frontend::FrontendConfig;
use weft_wire::znode::DIRECTORY_SERVICE;

use super::{Common, Component, envelope, millis, own_address, standalone, topics};
use crate::config::{ConfigError, Settings};

/// Without a key: where frontends say what they want.
const ROOT: &str = "/weft/plasma";

/// What copies datapoints to frontends.
pub(super) fn backend(
    settings: &Settings,
    common: &Common,
) -> Result<Component<BackendConfig>, ConfigError> {
    let root = root(settings, ["plasma.backend.subscriptions", "plasma.backend.subscriptions.zk"]);
    // In one process it is one log, under the keys of ingress.
    let prefixes = match common.is_on_kafka {
        true => ["plasma.backend.kafka.in", "plasma.backend.kafka.out"],
        false => ["ingress.kafka.data"; 2],
    };
    let key = |prefix: &str, name: &str| settings.get(&format!("{prefix}.{name}"));
    let is_same = |name: &str| key(prefixes[0], name) == key(prefixes[1], name);
    let named = settings.get("plasma.backend.kafka.in.topic").filter(|_| common.is_on_kafka);
    let config = BackendConfig {
        topic: named.map_or_else(|| common.data_topic.clone(), Into::into),
        group: settings.get("plasma.backend.kafka.in.groupid").unwrap_or("plasma").into(),
        envelope_in: envelope(settings, prefixes[0])?,
        envelope_out: envelope(settings, prefixes[1])?,
        is_same_envelope: is_same("mac") && is_same("aes"),
        commit_period: millis(settings, "plasma.backend.kafka.in.commitperiod", 1_000),
        path: root,
    };
    let (mut topics, mut workers) = (Vec::new(), 1);
    if common.is_on_kafka {
        topics = topics::backend(settings, config.topic.clone(), &config.group)?;
        workers = super::workers(settings, "plasma.backend.kafka.in.nthreads")?;
    }
    Ok(Component { config, address: standalone(settings)?, topics, workers })
}

/// What clients subscribe to.
pub(super) fn frontend(
    settings: &Settings,
    common: &Common,
) -> Result<Component<FrontendConfig>, ConfigError> {
    let topic = settings.get("plasma.frontend.kafka.topic").unwrap_or("plasma");
    if topic.is_empty() || topic.contains('.') {
        let message = "it must have no dot: nodes that name it are split at dots";
        return Err(settings.error("plasma.frontend.kafka.topic", message));
    }
    let own: Topic = topic.into();
    let (mut topics, mut metadata, mut prefix) =
        (Vec::new(), Some(common.metadata_topic.clone()), "ingress.kafka.data");
    if common.is_on_kafka {
        topics = topics::frontend(settings, own.clone(), common.metadata_topic.clone())?;
        // Without it series that appear later are not seen.
        metadata = metadata.filter(|metadata| topics.iter().any(|read| read.topic == *metadata));
        prefix = "plasma.frontend.kafka";
    }
    // What reads the metadata topic has its keys under either name.
    let metadata_keys = ["ingress.kafka.metadata", "directory.kafka.metadata"];
    let has_keys = |prefix: &&str| {
        ["mac", "aes"].iter().any(|name| settings.get(&format!("{prefix}.{name}")).is_some())
    };
    let metadata_keys = metadata_keys.into_iter().find(has_keys).unwrap_or(metadata_keys[0]);
    let config = FrontendConfig {
        ids: common.ids,
        tokens: common.authority.clone(),
        cors: common.cors.clone(),
        topic: own,
        envelope: envelope(settings, prefix)?,
        metadata_topic: metadata,
        metadata_envelope: envelope(settings, metadata_keys)?,
        raw_key: settings.aes_key("ingress.kafka.metadata.aes")?,
        path: root(settings, ["plasma.frontend", "plasma.frontend.zk"]),
        node_bytes_max: settings.size("plasma.frontend.maxznodesize", 500_000).max(16),
        subscribe_delay: millis(settings, "plasma.frontend.subscribe.delay", 0),
        series_max: settings.size("warp.plasma.maxsubs", 256_000),
        message_bytes_max: settings
            .size("plasma.frontend.websocket.maxmessagesize", 1 << 20)
            .max(1 << 10),
        waiting_bytes_max: settings.size("weft.plasma.buffer", 8 << 20).max(64 << 10),
        expose_owner_producer: settings.flag("warp10.expose.owner.producer"),
        absent_labels: common.absent_labels,
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for_applied: !common.is_on_kafka,
    };
    let address = own_address(settings, "plasma.frontend")?;
    Ok(Component { config, address, topics, workers: 1 })
}

/// Where frontends say what they want: 2.x and 3.x name the key differently.
fn root(settings: &Settings, prefixes: [&str; 2]) -> String {
    let named = prefixes.iter().find_map(|prefix| settings.get(&format!("{prefix}.znode")));
    named.unwrap_or(ROOT).trim_end_matches('/').to_owned()
}
