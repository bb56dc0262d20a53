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

/// What keys of a cluster's servers look like: what is in them, and how they end.
const LOG_KEYS: (&str, &[&str]) = (".kafka.", &[".bootstrap.servers", ".brokerlist", ".zkconnect"]);
const TABLE_KEYS: (&str, &[&str]) = (".hbase.", &[".zkconnect"]);
const COORD_KEYS: (&str, &[&str]) =
    (".", &[".zk.quorum", "plasma.frontend.zkconnect", ".subscriptions.zkconnect"]);

/// Chooses backends as the configuration says.
pub(crate) fn choose(settings: &Settings) -> Result<Choice, ConfigError> {
    let named = |(part, endings): (&str, &[&str])| {
        settings.any(|key| key.contains(part) && endings.iter().any(|end| key.ends_with(end)))
    };
    let keys = [LOG_KEYS, TABLE_KEYS, COORD_KEYS].map(named);
    let (backends, reason) = match settings.get("weft.backend").unwrap_or("auto") {
        "embedded" => ([Backend::Embedded; 3], "weft.backend = embedded".to_owned()),
        "cluster" => {
            if keys.iter().all(Option::is_none) {
                return Err(settings.error(
                    "weft.backend",
                    "cluster is asked for, and no key names its servers; set the keys *.zkconnect, \
                     *.zk.quorum and *.brokerlist (or *.bootstrap.servers), or weft.backend = \
                     embedded",
                ));
            }
            ([Backend::Cluster; 3], "weft.backend = cluster".to_owned())
        }
        "auto" => {
            let backend = |key: &Option<&str>| match key {
                Some(_) => Backend::Cluster,
                None => Backend::Embedded,
            };
            let set: Vec<&str> = keys.iter().flatten().copied().collect();
            let reason = match set.as_slice() {
                [] => "weft.backend = auto, and no key names Kafka, ZooKeeper or HBase".to_owned(),
                set => format!("weft.backend = auto, and {} set", are(set)),
            };
            (keys.each_ref().map(backend), reason)
        }
        other => {
            let message = format!("{other} is none of auto, embedded, cluster");
            return Err(settings.error("weft.backend", &message));
        }
    };
    let [log, table, coord] = backends;
    Ok(Choice {
        log: one(settings, "weft.log", "kafka", log)?,
        table: one(settings, "weft.table", "hbase", table)?,
        coord: one(settings, "weft.coord", "zookeeper", coord)?,
        reason,
    })
}

/// `a is`, `a, b are`.
fn are(names: &[&str]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl Choice {
    /// The backends in a few words.
    pub(crate) fn words(&self) -> String {
        let word = |backend, cluster| match backend {
            Backend::Embedded => "embedded",
            Backend::Cluster => cluster,
        };
        format!(
            "log {}, table {}, coordination {}",
            word(self.log, "kafka"),
            word(self.table, "hbase"),
            word(self.coord, "zookeeper")
        )
    }
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
        let mixed = "store.hbase.data.zkconnect = 127.0.0.1:2181\nweft.table = embedded\n";
        assert_eq!(chosen(mixed).expect("a choice").table, Backend::Embedded);
        let coord = chosen("directory.zk.quorum = 127.0.0.1:2181\n").expect("a choice");
        assert_eq!(coord.words(), "log embedded, table embedded, coordination zookeeper");
    }

    #[test]
    fn contradictions_say_what_to_do() {
        assert!(chosen("weft.backend = cluster\n").is_err());
        assert!(chosen("weft.backend = other\n").is_err());
        assert!(chosen("weft.log = hbase\n").is_err());
    }
}
