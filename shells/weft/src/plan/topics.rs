//! How components reach their topics on Kafka, by the reference's keys.

use weft_daemons::contract::Topic;
use weft_daemons::contract::log::Start;

use crate::config::{ConfigError, Settings};

/// One topic, as one component reaches it.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
pub(crate) struct TopicAccess {
    pub(crate) topic: Topic,
    /// To write to it.
    pub(crate) producer: Option<Access>,
    /// To read from it.
    pub(crate) consumer: Option<Access>,
    /// Where a group without offsets begins, whatever the machine says.
    pub(crate) start: Option<Start>,
    /// The group, where its offsets may be in ZooKeeper.
    pub(crate) group: Option<OldGroup>,
}

/// A group whose offsets may be in ZooKeeper, as the reference's 1.x and 2.x keep them.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
pub(crate) struct OldGroup {
    pub(crate) name: Topic,
    /// Which ZooKeeper: `*.zkconnect`.
    pub(crate) quorum: String,
    /// Whether it may begin without offsets on the brokers.
    pub(crate) may_begin: bool,
}

/// Servers, and properties of the client.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
pub(crate) struct Access {
    pub(crate) servers: Servers,
    pub(crate) properties: Vec<(String, String)>,
}

/// Where the brokers are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
pub(crate) enum Servers {
    /// `host:port,host:port`.
    Listed(String),
    /// Registered with this ZooKeeper, `host:port,host:port/chroot`.
    UnderZookeeper(String),
}

/// What of a topic is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Producer,
    Consumer,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// The topics of `ingress`: it writes both, and reads metadata to see deletes.
pub(super) fn ingress(
    settings: &Settings,
    data: Topic,
    metadata: Topic,
) -> Result<Vec<TopicAccess>, ConfigError> {
    let data = TopicAccess {
        topic: data,
        producer: Some(access(settings, "ingress.kafka.data", Side::Producer)?),
        consumer: None,
        start: None,
        group: None,
    };
    Ok(vec![data, both(settings, "ingress.kafka.metadata", metadata)?])
}

/// A topic that a component writes and reads, whose keys begin with `prefix`.
pub(super) fn both(
    settings: &Settings,
    prefix: &str,
    topic: Topic,
) -> Result<TopicAccess, ConfigError> {
    let producer = access(settings, prefix, Side::Producer)?;
    let consumer = match access(settings, prefix, Side::Consumer) {
        Ok(consumer) => consumer,
        // Whoever names servers to write to has named them.
        Err(_) => Access { properties: Vec::new(), ..producer.clone() },
    };
    let start = start(settings, &format!("{prefix}.consumer.auto.offset.reset"))?;
    let (producer, consumer) = (Some(producer), Some(consumer));
    Ok(TopicAccess { topic, producer, consumer, start, group: None })
}

/// A topic that a component reads, and writes to if `writes`, whose keys begin with `prefix`. Nothing is lost
/// when its group has no offsets.
pub(super) fn shared(
    settings: &Settings,
    prefix: &str,
    topic: Topic,
    writes: bool,
) -> Result<Vec<TopicAccess>, ConfigError> {
    let producer = writes.then(|| access(settings, prefix, Side::Producer)).transpose()?;
    let consumer = match (access(settings, prefix, Side::Consumer), &producer) {
        (Ok(consumer), _) => consumer,
        // Whoever names servers to write to has named them.
        (Err(_), Some(producer)) => Access { properties: Vec::new(), ..producer.clone() },
        (Err(error), None) => return Err(error),
    };
    Ok(vec![TopicAccess { topic, producer, consumer: Some(consumer), start: None, group: None }])
}

/// The topic that a component reads, whose keys begin with `prefix`.
pub(super) fn reader(
    settings: &Settings,
    prefix: &str,
    topic: Topic,
    group: &Topic,
) -> Result<Vec<TopicAccess>, ConfigError> {
    let consumer = Some(access(settings, prefix, Side::Consumer)?);
    let start = start(settings, &format!("{prefix}.consumer.auto.offset.reset"))?;
    let quorum = settings.get(&format!("{prefix}.zkconnect")).filter(|_| !group.is_empty());
    let group = quorum.map(|quorum| OldGroup {
        name: group.clone(),
        quorum: quorum.to_owned(),
        may_begin: false,
    });
    Ok(vec![TopicAccess { topic, producer: None, consumer, start, group }])
}

/// The topics of `plasmaBE`: the one that it reads, and those of all frontends, whatever they are
/// called.
pub(super) fn backend(
    settings: &Settings,
    data: Topic,
    group: &Topic,
) -> Result<Vec<TopicAccess>, ConfigError> {
    let mut topics = reader(settings, "plasma.backend.kafka.in", data, group)?;
    let producer = Some(access(settings, "plasma.backend.kafka.out", Side::Producer)?);
    topics.push(TopicAccess {
        topic: "".into(),
        producer,
        consumer: None,
        start: None,
        group: None,
    });
    Ok(topics)
}

/// The topics of `plasmaFE`: its own, and metadata, where it is named how to reach them.
pub(super) fn frontend(
    settings: &Settings,
    own: Topic,
    metadata: Topic,
) -> Result<Vec<TopicAccess>, ConfigError> {
    // It stands alone, whatever its group is called: no offsets are kept.
    let alone = "".into();
    let mut topics = reader(settings, "plasma.frontend.kafka", own, &alone)?;
    for prefix in ["ingress.kafka.metadata", "directory.kafka.metadata"] {
        if let Ok(found) = reader(settings, prefix, metadata.clone(), &alone) {
            topics.extend(found);
            break;
        }
    }
    Ok(topics)
}

/// Names of 0.8 are understood, too.
fn start(settings: &Settings, key: &str) -> Result<Option<Start>, ConfigError> {
    match settings.get(key) {
        None => Ok(None),
        Some("earliest" | "smallest") => Ok(Some(Start::Earliest)),
        Some("latest" | "largest") => Ok(Some(Start::Latest)),
        Some(other) => {
            let message =
                format!("{other} is none of earliest, latest (smallest and largest mean the same)");
            Err(settings.error(key, &message))
        }
    }
}

fn access(settings: &Settings, prefix: &str, side: Side) -> Result<Access, ConfigError> {
    let key = |name: &str| format!("{prefix}.{}.{name}", side.name());
    let servers = key("bootstrap.servers");
    let (brokers, zookeeper) = (format!("{prefix}.brokerlist"), format!("{prefix}.zkconnect"));
    let listed = settings.get(&servers).or_else(|| settings.get(&brokers));
    let servers = match (listed, settings.get(&zookeeper)) {
        (Some(list), _) => Servers::Listed(list.to_owned()),
        (None, Some(quorum)) => Servers::UnderZookeeper(quorum.to_owned()),
        (None, None) => {
            let message = format!("must name Kafka's servers (or {brokers}, or {zookeeper})");
            return Err(settings.error(&servers, &message));
        }
    };
    let mut properties = Vec::new();
    if let Some(own) = settings.get(&key("conf.prefix")) {
        let own_keys = settings.with_prefix(own).into_iter();
        properties.extend(own_keys.map(|(key, value)| (key[own.len()..].to_owned(), value.into())));
    }
    let strategy = key("partition.assignment.strategy");
    let timeout = format!("{prefix}.request.timeout.ms");
    for (key, name) in [
        (key("clientid"), "client.id"),
        (strategy, "partition.assignment.strategy"),
        (timeout, "request.timeout.ms"),
    ] {
        // Each is of one side, and left alone by the other.
        let is_ours = match name {
            "client.id" => true,
            "request.timeout.ms" => side == Side::Producer,
            _ => side == Side::Consumer,
        };
        if let Some(value) = is_ours.then(|| settings.get(&key)).flatten() {
            properties.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(Access { servers, properties })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(text: &str) -> Result<TopicAccess, ConfigError> {
        let settings = Settings::parse(text).expect("a configuration");
        reader(&settings, "store.kafka.data", "data".into(), &"store".into())
            .map(|mut topics| topics.remove(0))
    }

    #[test]
    fn bootstrap_servers_come_before_the_list_of_brokers_and_zookeeper() {
        let zookeeper = "store.kafka.data.zkconnect = z:1/k\n";
        let brokers = format!("{zookeeper}store.kafka.data.brokerlist = b:1\n");
        let servers = format!("{brokers}store.kafka.data.consumer.bootstrap.servers = s:1,s:2\n");
        let of = |text: &str| store(text).expect("servers").consumer.expect("a consumer").servers;
        assert_eq!(of(zookeeper), Servers::UnderZookeeper("z:1/k".to_owned()));
        assert_eq!(of(&brokers), Servers::Listed("b:1".to_owned()));
        assert_eq!(of(&servers), Servers::Listed("s:1,s:2".to_owned()));
        let error = store("").expect_err("no servers").to_string();
        assert!(error.contains("store.kafka.data.consumer.bootstrap.servers"), "{error}");
    }

    #[test]
    fn properties_come_by_their_prefix_and_old_names_of_starts_are_known() {
        let topic = store(
            "store.kafka.data.brokerlist = b:1\nstore.kafka.data.consumer.clientid = me\n\
             store.kafka.data.consumer.conf.prefix = kafka.tls.\nkafka.tls.ssl.ca.location = /ca\n\
             store.kafka.data.consumer.auto.offset.reset = smallest\n",
        );
        let topic = topic.expect("servers");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let asked = [pair("ssl.ca.location", "/ca"), pair("client.id", "me")];
        assert_eq!(topic.consumer.expect("a consumer").properties, asked);
        assert_eq!(topic.start, Some(Start::Earliest));
        assert!(
            store(
                "store.kafka.data.brokerlist = b\n\
                   store.kafka.data.consumer.auto.offset.reset = middle\n"
            )
            .is_err()
        );
    }
}
