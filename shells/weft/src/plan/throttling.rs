//! Throttling, as the configuration has it.

use std::path::PathBuf;

use weft_daemons::throttling::ThrottlingConfig;

use super::{Common, TopicAccess, millis, topics};
use crate::config::{ConfigError, Settings};

/// What says that there are limits, and where they are.
const FOLDER: &str = "throttling.manager.dir";

/// The topic by which ingresses tell each other what they counted.
const TOPIC: &str = "ingress.kafka.throttling.topic";

/// The folder of limits.
pub(super) fn folder(settings: &Settings) -> Option<PathBuf> {
    settings.get(FOLDER).map(PathBuf::from)
}

/// Limits, if the configuration says where they are.
pub(super) fn config(settings: &Settings) -> Result<Option<ThrottlingConfig>, ConfigError> {
    if folder(settings).is_none() {
        return Ok(None);
    }
    let default = ThrottlingConfig::default();
    let rate_key = "throttling.manager.rate.default";
    let rate_default = match settings.get(rate_key) {
        None => default.rate_default,
        Some(text) => weft_gts::parse_double(text)
            .ok_or_else(|| settings.error(rate_key, &format!("{text} is no rate")))?,
    };
    let max_wait_ms = settings.long("throttling.manager.maxwait.default");
    let period_ms = u64::try_from(default.period.as_millis()).unwrap_or(u64::MAX);
    Ok(Some(ThrottlingConfig {
        rate_default,
        series_default: settings
            .long("throttling.manager.mads.default")
            .unwrap_or(default.series_default),
        max_wait_ms: max_wait_ms
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or(default.max_wait_ms),
        period: millis(settings, "throttling.manager.period", period_ms).max(PERIOD_MIN),
        rampup: millis(settings, "throttling.manager.rampup", 0),
        estimators_max: settings
            .size("throttling.manager.estimator.cache.size", default.estimators_max),
        topic: settings.get(TOPIC).map(Into::into),
        mac: settings.sip_key("weft.throttling.mac")?,
    }))
}

/// Files are not looked at more often.
const PERIOD_MIN: std::time::Duration = std::time::Duration::from_millis(10);

/// How the topic is reached on Kafka.
pub(super) fn topic(
    settings: &Settings,
    common: &Common,
    config: Option<&ThrottlingConfig>,
) -> Result<Option<TopicAccess>, ConfigError> {
    let topic = config.and_then(|config| config.topic.clone()).filter(|_| common.is_on_kafka);
    topic.map(|topic| topics::both(settings, "ingress.kafka.throttling", topic)).transpose()
}
