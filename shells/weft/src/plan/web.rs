//! `webcall`, and calls of scripts to the outside, by the reference's keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weft_daemons::egress::WebConfig;
use weft_daemons::webcall::WebcallConfig;
use weft_daemons::webcall::target::Allowed;

use super::{Common, Component, TopicAccess, envelope, millis, standalone, topics};
use crate::config::{ConfigError, Settings};
use crate::outside::Tls;

/// Without a key: the topic of calls, on the embedded log.
const TOPIC: &str = "webcall";

/// How long another platform may take for a script where the configuration sets no limit, milliseconds.
const REXEC_MS: u64 = 600_000;

/// What makes the calls.
pub(super) fn webcall(
    settings: &Settings,
    common: &Common,
) -> Result<Component<WebcallConfig>, ConfigError> {
    let config = WebcallConfig {
        topic: settings.get("webcall.kafka.topic").unwrap_or(TOPIC).into(),
        group: settings.get("webcall.kafka.groupid").unwrap_or("webcall").into(),
        envelope: envelope(settings, "webcall.kafka")?,
        commit_period: millis(settings, "webcall.kafka.commitperiod", 1_000),
        allowed: allowed(settings, "webcall.host.patterns")?,
        user_agent: settings.get("webcall.user.agent").map(str::to_owned),
        id_header: common.headers.webcall_uuid.clone(),
        parallel: settings.size("webcall.nthreads", 16).max(1),
        parallel_host: settings.size("weft.webcall.host.max", 4).max(1),
        attempts: u32::try_from(settings.size("weft.webcall.attempts", 5).clamp(1, 1_000))
            .unwrap_or(5),
        time_max: millis(settings, "weft.webcall.timeout", 10_000),
    };
    let topics = match common.is_on_kafka {
        true => topics::shared(settings, "webcall.kafka", config.topic.clone(), false)?,
        false => Vec::new(),
    };
    Ok(Component { config, address: standalone(settings)?, topics, workers: 1 })
}

/// What scripts may call.
pub(super) fn of_scripts(
    settings: &Settings,
    common: &Common,
    has_webcall: bool,
) -> Result<Option<Arc<WebConfig>>, ConfigError> {
    let topic = settings.get("webcall.kafka.topic");
    // In one process the component must be there; on Kafka another process has it.
    let is_made = if common.is_on_kafka { topic.is_some() } else { has_webcall };
    let webcalls = match is_made {
        true => Some((topic.unwrap_or(TOPIC).into(), envelope(settings, "webcall.kafka")?)),
        false => None,
    };
    let own = |key: &'static str| match settings.get(key) {
        Some(_) => key,
        None => "webcall.host.patterns",
    };
    let rexec = settings.long("warpscript.rexec.timeout.read").filter(|ms| *ms > 0);
    let rexec_ms = rexec.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(REXEC_MS);
    Ok(Some(Arc::new(WebConfig {
        webcalls,
        allowed: allowed(settings, "webcall.host.patterns")?,
        allowed_http: allowed(settings, own("warpscript.http.host.patterns"))?,
        allowed_urlfetch: allowed(settings, own("warpscript.urlfetch.host.patterns"))?,
        allowed_rexec: allowed(settings, own("warpscript.rexec.endpoint.patterns"))?,
        time_max: millis(settings, "weft.webcall.timeout", 10_000),
        rexec_time_max: Duration::from_millis(rexec_ms),
    })))
}

/// The topic that egress writes, on Kafka.
pub(super) fn topics_of_scripts(
    settings: &Settings,
    common: &Common,
) -> Result<Vec<TopicAccess>, ConfigError> {
    match settings.get("webcall.kafka.topic").filter(|_| common.is_on_kafka) {
        Some(topic) => topics::shared(settings, "webcall.kafka", topic.into(), true),
        None => Ok(Vec::new()),
    }
}

/// Who vouches for those that are called over TLS.
pub(super) fn tls(settings: &Settings) -> Result<Tls, ConfigError> {
    const KEY: &str = "weft.webcall.ca";
    Tls::new(settings.get(KEY).map(Path::new)).map_err(|error| settings.error(KEY, &error))
}

fn allowed(settings: &Settings, patterns: &str) -> Result<Allowed, ConfigError> {
    let inside = settings.get("weft.webcall.inside");
    let allowed = Allowed::new(settings.get(patterns), inside);
    let allowed = allowed.map(|all| if Tls::is_there() { all } else { all.without_tls() });
    allowed.map_err(|error| {
        // A pattern alone is what can be wrong without addresses.
        let alone = Allowed::new(settings.get(patterns), None);
        let key = if alone.is_err() { patterns } else { "weft.webcall.inside" };
        settings.error(key, &error.to_string())
    })
}
