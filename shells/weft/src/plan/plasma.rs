//! `plasmaBE` and `plasmaFE`, by the reference's keys.

use weft_daemons::plasma::backend::BackendConfig;
use weft_daemons::plasma::frontend::FrontendConfig;
use weft_wire::znode::DIRECTORY_SERVICE;

use super::{Common, Component, envelope, millis, own_address, standalone};
use crate::config::{ConfigError, Settings};

/// Said of a log that plasma does not stand on yet.
const EMBEDDED_ONLY: &str = "plasma stands on the embedded log alone in this version: leave plasmaBE \
                             and plasmaFE out, or set weft.log = embedded";

/// Without a key: where frontends say what they want.
const ROOT: &str = "/weft/plasma";

/// What copies datapoints to frontends.
pub(super) fn backend(
    settings: &Settings,
    common: &Common,
) -> Result<Component<BackendConfig>, ConfigError> {
    check_log(settings, common)?;
    let root = root(settings, ["plasma.backend.subscriptions", "plasma.backend.subscriptions.zk"]);
    let config = BackendConfig {
        topic: common.data_topic.clone(),
        group: settings.get("plasma.backend.kafka.in.groupid").unwrap_or("plasma").into(),
        // In one process it is one log, under the keys of ingress.
        envelope_in: envelope(settings, "ingress.kafka.data")?,
        envelope_out: envelope(settings, "ingress.kafka.data")?,
        is_same_envelope: true,
        commit_period: millis(settings, "plasma.backend.kafka.in.commitperiod", 1_000),
        path: root,
    };
    Ok(Component { config, address: standalone(settings)?, topics: Vec::new(), workers: 1 })
}

/// What clients subscribe to.
pub(super) fn frontend(
    settings: &Settings,
    common: &Common,
) -> Result<Component<FrontendConfig>, ConfigError> {
    check_log(settings, common)?;
    let topic = settings.get("plasma.frontend.kafka.topic").unwrap_or("plasma");
    if topic.is_empty() || topic.contains('.') {
        let message = "it must have no dot: nodes that name it are split at dots";
        return Err(settings.error("plasma.frontend.kafka.topic", message));
    }
    let config = FrontendConfig {
        ids: common.ids,
        tokens: common.authority.clone(),
        cors: common.cors.clone(),
        topic: topic.into(),
        envelope: envelope(settings, "ingress.kafka.data")?,
        metadata_topic: Some(common.metadata_topic.clone()),
        metadata_envelope: envelope(settings, "ingress.kafka.metadata")?,
        raw_key: settings.aes_key("ingress.kafka.metadata.aes")?,
        path: root(settings, ["plasma.frontend", "plasma.frontend.zk"]),
        node_bytes_max: settings.size("plasma.frontend.maxznodesize", 500_000).max(16),
        subscribe_delay: millis(settings, "plasma.frontend.subscribe.delay", 0),
        series_max: settings.size("warp.plasma.maxsubs", 256_000),
        message_bytes_max: settings
            .size("plasma.frontend.websocket.maxmessagesize", 1 << 20)
            .max(1 << 10),
        waiting_bytes_max: settings.size("weft.plasma.buffer", 8 << 20).max(64 << 10),
        expose_owner_producer: settings.flag("egress.clients.expose"),
        absent_labels: common.absent_labels,
        directory_path: format!("{}/{DIRECTORY_SERVICE}", common.directory_root),
        wait_for_applied: true,
    };
    let address = own_address(settings, "plasma.frontend")?;
    Ok(Component { config, address, topics: Vec::new(), workers: 1 })
}

fn check_log(settings: &Settings, common: &Common) -> Result<(), ConfigError> {
    if common.is_on_kafka {
        return Err(settings.error("warp.components", EMBEDDED_ONLY));
    }
    Ok(())
}

/// Where frontends say what they want: 2.x and 3.x name the key differently.
fn root(settings: &Settings, prefixes: [&str; 2]) -> String {
    let named = prefixes.iter().find_map(|prefix| settings.get(&format!("{prefix}.znode")));
    named.unwrap_or(ROOT).trim_end_matches('/').to_owned()
}
