//! Which backends a configuration asks for, and why.

use super::{ConfigError, Settings};

/// Where a component's data lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In this process and a folder.
    Embedded,
    /// On Kafka, ZooKeeper and HBase.
    Cluster,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) log: Backend,
    pub(crate) table: Backend,
    pub(crate) coord: Backend,
    /// Why, for the operator.
    pub(crate) reason: String,
}

/// Endings of keys that name a cluster's servers.
const CLUSTER_ENDINGS: [&str; 4] =
    [".zkconnect", ".zk.quorum", ".brokerlist", ".bootstrap.servers"];

/// Chooses backends as the configuration says.
pub(crate) fn choose(settings: &Settings) -> Result<Choice, ConfigError> {
    let cluster_key =
        settings.any(|key| CLUSTER_ENDINGS.iter().any(|ending| key.ends_with(ending)));
    let (backend, reason) = match settings.get("weft.backend").unwrap_or("auto") {
        "embedded" => (Backend::Embedded, "weft.backend = embedded".to_owned()),
        "cluster" => {
            if cluster_key.is_none() {
                return Err(settings.error(
                    "weft.backend",
                    "cluster is asked for, and no key names its servers; set the keys *.zkconnect, \
                     *.zk.quorum and *.brokerlist (or *.bootstrap.servers), or weft.backend = \
                     embedded",
                ));
            }
            (Backend::Cluster, "weft.backend = cluster".to_owned())
        }
        "auto" => match cluster_key {
            Some(key) => (Backend::Cluster, format!("weft.backend = auto, and {key} is set")),
            None => {
                let reason = "weft.backend = auto, and no key names Kafka, ZooKeeper or HBase";
                (Backend::Embedded, reason.to_owned())
            }
        },
        other => {
            let message = format!("{other} is none of auto, embedded, cluster");
            return Err(settings.error("weft.backend", &message));
        }
    };
    Ok(Choice {
        log: one(settings, "weft.log", "kafka", backend)?,
        table: one(settings, "weft.table", "hbase", backend)?,
        coord: one(settings, "weft.coord", "zookeeper", backend)?,
        reason,
    })
}

fn one(
    settings: &Settings,
    key: &str,
    cluster: &str,
    otherwise: Backend,
) -> Result<Backend, ConfigError> {
    match settings.get(key) {
        None => Ok(otherwise),
        Some("embedded") => Ok(Backend::Embedded),
        Some(value) if value == cluster => Ok(Backend::Cluster),
        Some(other) => {
            Err(settings.error(key, &format!("{other} is neither embedded nor {cluster}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<Choice, ConfigError> {
        choose(&Settings::parse(text).expect("a configuration"))
    }

    #[test]
    fn a_standalone_configuration_is_embedded() {
        let choice = chosen("standalone.port = 8080\n").expect("a choice");
        assert_eq!(choice.log, Backend::Embedded);
    }

    #[test]
    fn a_distributed_configuration_is_a_cluster() {
        let choice = chosen("ingress.kafka.data.brokerlist = 127.0.0.1:9092\n").expect("a choice");
        assert_eq!(choice.log, Backend::Cluster);
        assert!(choice.reason.contains("ingress.kafka.data.brokerlist"));
        let mixed = "directory.zk.quorum = 127.0.0.1:2181\nweft.table = embedded\n";
        assert_eq!(chosen(mixed).expect("a choice").table, Backend::Embedded);
    }

    #[test]
    fn contradictions_say_what_to_do() {
        assert!(chosen("weft.backend = cluster\n").is_err());
        assert!(chosen("weft.backend = other\n").is_err());
        assert!(chosen("weft.log = hbase\n").is_err());
    }
}
