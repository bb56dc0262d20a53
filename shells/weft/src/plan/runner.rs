//! `runner`, by the reference's keys.

use std::path::PathBuf;

use weft_daemons::runner::{Roles, RunnerConfig};

use super::{Common, TopicAccess, envelope, millis, required, topics};
use crate::config::{ConfigError, Settings};

/// A runner.
pub(crate) struct RunnerPlan {
    pub(crate) config: RunnerConfig,
    /// The folder of its scripts, where its roles need one.
    pub(crate) root: PathBuf,
    /// On Kafka.
    pub(crate) topics: Vec<TopicAccess>,
}

pub(super) fn runner(settings: &Settings, common: &Common) -> Result<RunnerPlan, ConfigError> {
    let roles = roles(settings)?;
    let (scheduler, worker) = match roles {
        Roles::Standalone => (true, false),
        Roles::Shared { scheduler, worker } => (scheduler, worker),
    };
    let root = match scheduler {
        true => {
            let message = "must name the folder of the scripts";
            required(settings, "runner.root", message, settings.get("runner.root"))?.into()
        }
        false => PathBuf::new(),
    };
    let own_threads = settings.size("runner.nthreads", 1);
    let parallel = match worker {
        true => settings.size("runner.kafka.nthreads", own_threads),
        false => own_threads,
    };
    let config = RunnerConfig {
        roles,
        parallel: parallel.max(1),
        scan_period: millis(settings, "runner.scanperiod", 60_000),
        min_period_ms: settings.long("runner.minperiod").unwrap_or(1_000).max(1),
        run_at_startup: settings.get("runner.runatstartup").is_none_or(|flag| flag == "true"),
        key: settings.aes_key("runner.psk")?,
        values: settings.placed(),
        id: settings.get("runner.id").unwrap_or("runner").to_owned(),
        topic: settings.get("runner.kafka.topic").unwrap_or("runner").into(),
        group: settings.get("runner.kafka.groupid").unwrap_or("runner").into(),
        envelope: envelope(settings, "runner.kafka")?,
        root_path: settings
            .get("runner.zk.znode")
            .unwrap_or("/weft/runner")
            .trim_end_matches('/')
            .to_owned(),
        session_time: millis(settings, "weft.zookeeper.timeout", 10_000),
    };
    let topics = match common.is_on_kafka && roles != Roles::Standalone {
        true => topics::shared(settings, "runner.kafka", config.topic.clone(), scheduler)?,
        false => Vec::new(),
    };
    Ok(RunnerPlan { config, root, topics })
}

fn roles(settings: &Settings) -> Result<Roles, ConfigError> {
    let text = settings.get("runner.roles").unwrap_or("standalone");
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    let has = |name: &str| names.contains(&name);
    let is_known = names.iter().all(|name| matches!(*name, "standalone" | "scheduler" | "worker"));
    match (has("standalone"), has("scheduler"), has("worker")) {
        (true, false, false) if is_known => Ok(Roles::Standalone),
        (false, scheduler, worker) if is_known && (scheduler || worker) => {
            Ok(Roles::Shared { scheduler, worker })
        }
        _ => {
            let message = format!(
                "{text}: role can only be 'standalone' or either or both 'scheduler' and 'worker'"
            );
            Err(settings.error("runner.roles", &message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_one_or_two() {
        let of = |text: &str| {
            let settings = Settings::parse(&format!("runner.roles = {text}\n"));
            roles(&settings.expect("a configuration"))
        };
        let shared = |scheduler, worker| Roles::Shared { scheduler, worker };
        assert_eq!(of("standalone").ok(), Some(Roles::Standalone));
        assert_eq!(of("scheduler").ok(), Some(shared(true, false)));
        assert_eq!(of("worker , scheduler").ok(), Some(shared(true, true)));
        for wrong in ["standalone,worker", "other", "worker,other", ","] {
            let error = of(wrong).expect_err(wrong).to_string();
            assert!(error.contains("either or both"), "{error}");
        }
        let none = roles(&Settings::parse("").expect("a configuration"));
        assert_eq!(none.ok(), Some(Roles::Standalone));
    }
}
