//! How topics are reached: properties of librdkafka, checked before anything starts.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use weft_daemons::contract::Topic;
use weft_daemons::contract::log::Start;

/// How a machine reaches its topics.
#[derive(Clone, Debug, Default)]
pub struct KafkaConfig {
    /// Each topic that the machine writes or reads. The empty name stands for any other one.
    pub topics: BTreeMap<Topic, KafkaTopic>,
}

impl KafkaConfig {
    /// How a topic is reached, if it is.
    pub(crate) fn of(&self, topic: &str) -> Option<&KafkaTopic> {
        self.topics.get(topic).or_else(|| self.topics.get(""))
    }
}

/// How one topic is reached.
#[derive(Clone, Debug, Default)]
pub struct KafkaTopic {
    /// To write to it.
    pub producer: Option<Properties>,
    /// To read from it.
    pub consumer: Option<Properties>,
    /// Where a group without offsets begins, whatever the machine says.
    pub start: Option<Start>,
}

/// Properties of a Kafka client, named as librdkafka names them. What is not set has the value
/// that keeps the log's contract.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Properties(BTreeMap<String, String>);

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaConfigError {
    /// A property that cannot be.
    #[error("the Kafka property {key} = {value}: {reason}")]
    Property {
        /// Its name.
        key: String,
        /// Its value; `…` when it is a secret.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// The properties do not go together.
    #[error("the Kafka client cannot be made: {0}")]
    Client(String),
    /// The system gives no thread.
    #[error("a thread of the Kafka client cannot be started: {0}")]
    Thread(String),
}

/// Properties whose values are not for logs.
const SECRETS: [&str; 5] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.jaas.config",
];

/// Properties of the Java client that mean nothing here, for good or bad.
const JAVA_ONLY: [&str; 7] = [
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "ssl.truststore.type",
    "ssl.keystore.type",
    "partitioner.class",
];

/// What the contract needs of a producer: a record that is acknowledged is on every replica that
/// is in sync, once, and in order.
const PRODUCER: [(&str, &str); 7] = [
    ("statistics.interval.ms", "5000"),
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // The broker's own default, so that what it takes is not refused here.
    ("message.max.bytes", "1048588"),
    ("message.timeout.ms", "30000"),
    ("linger.ms", "1"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// What the contract needs of a consumer, and how much it may hold.
const CONSUMER: [(&str, &str); 6] = [
    // How long the partitions of a member that was killed wait for the next one. Members are alive
    // however slow their machines are, so that there is no need for more.
    ("session.timeout.ms", "10000"),
    // The assignors of the reference's client, so that both may be members of one group.
    ("partition.assignment.strategy", "range,roundrobin"),
    ("queued.max.messages.kbytes", "16384"),
    ("statistics.interval.ms", "5000"),
    // Positions are ours to choose: an offset that is gone is told, and begins at the oldest.
    ("auto.offset.reset", "earliest"),
    ("allow.auto.create.topics", "false"),
];

/// What a consumer is whatever the properties say: the machine commits, nobody else does.
const CONSUMER_ALWAYS: [(&str, &str); 3] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
];

impl Properties {
    /// Properties with servers, `host:port,host:port`.
    pub fn new(servers: &str) -> Self {
        Self::default().with("bootstrap.servers", servers)
    }

    /// Sets one, which may have the name that the reference's Java client gives it.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        match key {
            key if JAVA_ONLY.contains(&key) => {}
            "sasl.jaas.config" => match credentials(value) {
                Some((user, password)) => {
                    self.0.insert("sasl.username".to_owned(), user);
                    self.0.insert("sasl.password".to_owned(), password);
                }
                // Kept, so that the check refuses it.
                None => drop(self.0.insert(key.to_owned(), value.to_owned())),
            },
            "ssl.truststore.location" => {
                self.0.insert("ssl.ca.location".to_owned(), value.to_owned());
            }
            "partition.assignment.strategy" => {
                let names: Vec<&str> = value.split(',').map(|name| assignor(name.trim())).collect();
                self.0.insert(key.to_owned(), names.join(","));
            }
            "auto.offset.reset" => {}
            "ssl.endpoint.identification.algorithm" if value.is_empty() => {
                self.0.insert(key.to_owned(), "none".to_owned());
            }
            _ => drop(self.0.insert(key.to_owned(), value.to_owned())),
        }
        self
    }

    /// The servers.
    pub(crate) fn servers(&self) -> &str {
        self.0.get("bootstrap.servers").map_or("", String::as_str)
    }

    /// For a producer.
    pub(crate) fn producer(&self) -> ClientConfig {
        self.client(&PRODUCER, &[])
    }

    /// For a consumer. The empty group is none: it never joins.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client(&CONSUMER, &CONSUMER_ALWAYS);
        config.set("group.id", if group.is_empty() { "weft-alone" } else { group });
        config
    }

    /// For questions.
    pub(crate) fn questions(&self) -> ClientConfig {
        let keys = ["bootstrap.servers", "client.id", "security.protocol", "request.timeout.ms"];
        let is_kept = |key: &str| {
            keys.contains(&key)
                || ["sasl.", "ssl.", "socket.", "broker."].iter().any(|p| key.starts_with(p))
        };
        let mut config = ClientConfig::new();
        for (key, value) in self.0.iter().filter(|(key, _)| is_kept(key)) {
            config.set(key, value);
        }
        config.set("allow.auto.create.topics", "false");
        config
    }

    /// Refuses by name what needs TLS, where that is not built in.
    fn check_tls(&self) -> Result<(), KafkaConfigError> {
        if cfg!(feature = "kafka-tls") {
            return Ok(());
        }
        let needs_tls = |key: &str, value: &str| match key {
            "security.protocol" => value.to_ascii_lowercase().contains("ssl"),
            // The others ask for digests of that library.
            "sasl.mechanism" | "sasl.mechanisms" => value.to_ascii_uppercase().contains("SCRAM"),
            key => key.starts_with("ssl."),
        };
        match self.0.iter().find(|(key, value)| needs_tls(key, value)) {
            None => Ok(()),
            Some((key, value)) => Err(KafkaConfigError::Property {
                key: key.clone(),
                value: shown(key, value).to_owned(),
                reason: "this weft was built without TLS; build it with --features kafka-tls"
                    .to_owned(),
            }),
        }
    }

    fn client(&self, defaults: &[(&str, &str)], always: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        let own = self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in defaults.iter().copied().chain(own).chain(always.iter().copied()) {
            config.set(key, value);
        }
        config
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, shown(key, value)))).finish()
    }
}

impl KafkaConfig {
    /// Whether librdkafka takes every property, as it was built.
    pub fn check(&self) -> Result<(), KafkaConfigError> {
        for topic in self.topics.values() {
            for properties in [&topic.producer, &topic.consumer].into_iter().flatten() {
                properties.check_tls()?;
            }
            if let Some(properties) = &topic.producer {
                properties.producer().create_native_config().map_err(config_error)?;
            }
            if let Some(properties) = &topic.consumer {
                properties.consumer("group").create_native_config().map_err(config_error)?;
            }
        }
        Ok(())
    }
}

/// A refusal of librdkafka.
pub(crate) fn config_error(error: KafkaError) -> KafkaConfigError {
    match error {
        KafkaError::ClientConfig(_, reason, key, value) => {
            KafkaConfigError::Property { value: shown(&key, &value).to_owned(), key, reason }
        }
        other => KafkaConfigError::Client(other.to_string()),
    }
}

fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if SECRETS.contains(&key) { "…" } else { value }
}

/// The name of a Java class, as librdkafka calls what it does.
fn assignor(name: &str) -> &str {
    match name.rsplit('.').next().unwrap_or(name) {
        "RangeAssignor" => "range",
        "RoundRobinAssignor" => "roundrobin",
        "CooperativeStickyAssignor" => "cooperative-sticky",
        _ => name,
    }
}

/// User and password of a JAAS line of the plain and SCRAM login modules.
fn credentials(line: &str) -> Option<(String, String)> {
    let module = line.split_whitespace().next()?;
    let is_known =
        ["PlainLoginModule", "ScramLoginModule"].iter().any(|name| module.ends_with(name));
    is_known.then(|| Some((quoted(line, "username")?, quoted(line, "password")?))).flatten()
}

/// The value of `name="value"`.
fn quoted(line: &str, name: &str) -> Option<String> {
    let mut rest = line;
    loop {
        let at = rest.find(name)?;
        let is_word = rest[..at].ends_with(|c: char| c.is_whitespace());
        rest = &rest[at + name.len()..];
        if is_word && let Some(value) = rest.trim_start().strip_prefix('=') {
            let value = value.trim_start().strip_prefix('"')?;
            let mut found = String::new();
            let mut characters = value.chars();
            loop {
                match characters.next()? {
                    '"' => return Some(found),
                    '\\' => found.push(characters.next()?),
                    other => found.push(other),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(properties: Properties) -> Result<(), KafkaConfigError> {
        let topic = KafkaTopic {
            producer: Some(properties.clone()),
            consumer: Some(properties),
            start: None,
        };
        KafkaConfig { topics: BTreeMap::from([("t".into(), topic)]) }.check()
    }

    #[test]
    fn what_the_contract_needs_is_there_and_commits_are_never_automatic() {
        let own = Properties::new("h:1").with("linger.ms", "7").with("enable.auto.commit", "true");
        let (producer, consumer) = (own.producer(), own.consumer("g"));
        assert_eq!(producer.get("acks"), Some("all"));
        assert_eq!(producer.get("enable.idempotence"), Some("true"));
        assert_eq!(producer.get("linger.ms"), Some("7"));
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
        assert_eq!(consumer.get("group.id"), Some("g"));
        assert_eq!(checked(own), Ok(()));
    }

    #[test]
    fn names_of_the_java_client_are_understood() {
        let line = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                    username=\"me\" password=\"a\\\"b\";";
        let own = Properties::new("h:1")
            .with("sasl.jaas.config", line)
            .with("key.serializer", "x")
            .with("partition.assignment.strategy", "a.b.RoundRobinAssignor, range");
        let consumer = own.consumer("g");
        assert_eq!(consumer.get("sasl.username"), Some("me"));
        assert_eq!(consumer.get("sasl.password"), Some("a\"b"));
        assert_eq!(consumer.get("partition.assignment.strategy"), Some("roundrobin,range"));
        assert_eq!(consumer.get("key.serializer"), None);
        assert_eq!(checked(own.clone()), Ok(()));
        assert!(!format!("{own:?}").contains("a\"b"), "passwords are not shown");
    }

    #[test]
    fn tls_is_there_or_refused_by_name() {
        let line = "org.apache.kafka.common.security.scram.ScramLoginModule required \
                    username=\"me\" password=\"secret\";";
        for (key, value) in [
            ("security.protocol", "SASL_SSL"),
            ("security.protocol", "ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("ssl.key.password", "secret"),
        ] {
            let own = Properties::new("h:1").with("sasl.jaas.config", line).with(key, value);
            let result = checked(own);
            if cfg!(feature = "kafka-tls") {
                assert_eq!(result, Ok(()), "{key}");
                continue;
            }
            let error = result.expect_err("refused").to_string();
            assert!(error.contains(key) && error.contains("--features kafka-tls"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let plain = Properties::new("h:1").with("security.protocol", "SASL_PLAINTEXT");
        assert_eq!(checked(plain.with("sasl.mechanism", "PLAIN")), Ok(()));
    }

    #[test]
    fn what_librdkafka_does_not_know_is_refused_by_name() {
        let error = checked(Properties::new("h:1").with("no.such", "1")).expect_err("refused");
        assert!(error.to_string().contains("no.such = 1"), "{error}");
        let kerberos = Properties::new("h:1").with("sasl.jaas.config", "Krb5LoginModule x");
        let error = checked(kerberos).expect_err("refused");
        assert!(error.to_string().contains("sasl.jaas.config = …"), "{error}");
    }
}
