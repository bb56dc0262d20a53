//! Kafka keeps the contract: against the broker that `WEFT_KAFKA=host:port` names, with properties
//! `NAME=VALUE NAME=VALUE` in `WEFT_KAFKA_PROPERTIES` (of TLS and passwords, say). A shell command
//! in `WEFT_KAFKA_CRASH` kills it without courtesy and starts it anew; without one, a crash is
//! that of the clients alone.
#![cfg(feature = "kafka")]

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use common::Clients;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use weft_daemons::contract::log::Start;
use weft_daemons::contract::suite::log::{LogHarness, PARTITIONS, check_all};
use weft_daemons::contract::{ActionId, LogAction, LogError, LogEvent, NewRecord, Record, Topic};
use weft_log::kafka::{KafkaClient, KafkaConfig, KafkaLog, KafkaReport, KafkaTopic, Properties};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long silence must last to count as silence.
const SILENCE: Duration = Duration::from_millis(500);

/// A topic and groups of its own, which no other run has.
struct Harness {
    server: String,
    name: String,
    log: KafkaLog,
    clients: Clients<KafkaClient>,
    strategy: &'static str,
    crash: Option<String>,
}

impl Harness {
    /// Without the topic.
    fn bare(server: &str, name: &str) -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
        let name = format!("weft-test-{name}-{}-{since}", std::process::id());
        let (server, log) = (server.to_owned(), KafkaLog::default());
        let strategy = "range,roundrobin";
        let clients = Clients::new(PATIENCE, SILENCE);
        Self { server, name, log, clients, strategy, crash: None }
    }

    fn new(server: &str, name: &str) -> Self {
        let harness = Self::bare(server, name);
        make_topic(server, &harness.name);
        harness
    }

    fn append(&mut self, client: usize, values: Vec<Bytes>) -> Result<(), LogError> {
        let record = |value| NewRecord { partition: 0, key: Bytes::new(), value };
        let records = values.into_iter().map(record).collect();
        self.submit(client, LogAction::Append { id: ActionId(1), topic: "t".into(), records });
        match self.next(client) {
            LogEvent::Appended { result, .. } => result.map(drop),
            other => panic!("an answer, not {other:?}"),
        }
    }

    fn subscribe(&mut self, client: usize, group: &str) {
        let (topic, group, start) = ("t".into(), group.into(), Start::Earliest);
        self.submit(client, LogAction::Subscribe { topic, group, start });
    }

    /// Waits for an assignment: its epoch.
    fn assigned(&mut self, client: usize) -> u64 {
        match self.next(client) {
            LogEvent::Assigned { epoch, .. } => epoch,
            other => panic!("an assignment, not {other:?}"),
        }
    }

    /// Records of one epoch until there are `count`.
    fn read(&mut self, client: usize, epoch: u64, count: usize) -> Vec<Record> {
        let mut read = Vec::new();
        while read.len() < count {
            match self.next(client) {
                LogEvent::Records { epoch: of, records, .. } if of == epoch => read.extend(records),
                LogEvent::Records { .. } | LogEvent::Assigned { .. } => {}
                other => panic!("records, not {other:?}"),
            }
        }
        read
    }

    fn config(&self) -> KafkaConfig {
        let reached = properties()
            .fold(Properties::new(&self.server), |all, (name, value)| all.with(&name, &value));
        let reading = reached
            .clone()
            .with("partition.assignment.strategy", self.strategy)
            .with("session.timeout.ms", "6000");
        let topic = KafkaTopic { producer: Some(reached), consumer: Some(reading), start: None };
        KafkaConfig { topics: BTreeMap::from([(self.name.as_str().into(), topic)]) }
    }

    /// The suite's names, as they are at the broker.
    fn outside(&self, action: LogAction) -> LogAction {
        let topic = || Topic::from(self.name.as_str());
        let map = |group: Topic| -> Topic {
            if group.is_empty() { group } else { format!("{}-{group}", self.name).into() }
        };
        match action {
            LogAction::Describe { id, .. } => LogAction::Describe { id, topic: topic() },
            LogAction::Append { id, records, .. } => {
                LogAction::Append { id, topic: topic(), records }
            }
            LogAction::Subscribe { group, start, .. } => {
                LogAction::Subscribe { topic: topic(), group: map(group), start }
            }
            LogAction::Pause { group, partition, epoch, .. } => {
                LogAction::Pause { topic: topic(), group: map(group), partition, epoch }
            }
            LogAction::Resume { group, partition, epoch, .. } => {
                LogAction::Resume { topic: topic(), group: map(group), partition, epoch }
            }
            LogAction::Seek { group, partition, offset, epoch, .. } => {
                LogAction::Seek { topic: topic(), group: map(group), partition, offset, epoch }
            }
            LogAction::Commit { id, group, partition, epoch, position, .. } => {
                let (topic, group) = (topic(), map(group));
                LogAction::Commit { id, topic, group, partition, epoch, position }
            }
            LogAction::Ends { id, .. } => LogAction::Ends { id, topic: topic() },
        }
    }
}

/// How else the broker is reached.
fn properties() -> impl Iterator<Item = (String, String)> {
    let all = std::env::var("WEFT_KAFKA_PROPERTIES").unwrap_or_default();
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').expect("NAME=VALUE");
        (name.to_owned(), value.to_owned())
    };
    all.split_whitespace().map(pair).collect::<Vec<_>>().into_iter()
}

fn make_topic(server: &str, name: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", server).extend(properties());
    let admin: AdminClient<DefaultClientContext> = config.create().expect("a client");
    let topic = NewTopic::new(name, PARTITIONS as i32, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = runtime.expect("a runtime").block_on(admin.create_topics([&topic], &options));
    made.expect("an answer")[0].as_ref().expect("a topic");
}

impl LogHarness for Harness {
    fn client(&mut self) -> usize {
        let report = |report| {
            if let KafkaReport::Warning(warning) = report {
                eprintln!("{warning}")
            }
        };
        let config = self.config();
        self.clients.add(|sender| {
            let client = self.log.client(config, move |event| drop(sender.send(event)), report);
            client.expect("a client")
        })
    }

    fn leave(&mut self, client: usize) {
        self.clients.leave(client);
    }

    fn submit(&mut self, client: usize, action: LogAction) {
        let action = self.outside(action);
        self.clients.get(client).submit(action);
    }

    fn next(&mut self, client: usize) -> LogEvent {
        self.clients.next(client)
    }

    fn next_soon(&mut self, client: usize) -> Option<LogEvent> {
        self.clients.next_soon(client)
    }

    fn crash(&mut self) {
        if let Some(command) = &self.crash {
            let done = Command::new("sh").args(["-c", command]).status().expect("a shell");
            assert!(done.success(), "{command}");
        }
        self.clients.clear();
        self.log.close();
    }
}

/// The broker, for one test at a time: one of them kills it. Says so when there is none.
fn server() -> Option<(String, MutexGuard<'static, ()>)> {
    static TURN: Mutex<()> = Mutex::new(());
    let Ok(server) = std::env::var("WEFT_KAFKA") else {
        eprintln!("skipped: WEFT_KAFKA names no broker");
        return None;
    };
    Some((server, TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

#[test]
fn kafka_keeps_the_contract() {
    let Some((server, _turn)) = server() else { return };
    let crash = std::env::var("WEFT_KAFKA_CRASH").ok();
    check_all(|| Harness { crash: crash.clone(), ..Harness::new(&server, "eager") });
}

#[test]
fn kafka_keeps_the_contract_with_cooperative_rebalances() {
    let Some((server, _turn)) = server() else { return };
    check_all(|| Harness {
        strategy: "cooperative-sticky",
        ..Harness::new(&server, "cooperative")
    });
}

#[test]
fn a_topic_is_waited_for() {
    let Some((server, _turn)) = server() else { return };
    let mut harness = Harness::bare(&server, "awaited");
    let client = harness.client();
    harness.subscribe(client, "group");
    harness.submit(client, LogAction::Describe { id: ActionId(1), topic: "t".into() });
    match harness.next(client) {
        LogEvent::Described { result: Err(LogError::NoTopic(why)), .. } => {
            assert!(why.contains("create it"), "{why}");
        }
        other => panic!("no topic, not {other:?}"),
    }
    make_topic(&server, &harness.name);
    assert!(matches!(harness.next(client), LogEvent::Assigned { .. }));
}

#[test]
fn a_record_that_is_too_large_is_refused_and_others_go() {
    let Some((server, _turn)) = server() else { return };
    let mut harness = Harness::new(&server, "large");
    let client = harness.client();
    match harness.append(client, vec![Bytes::from(vec![0; 2 << 20])]) {
        Err(LogError::Refused(why)) => assert!(why.contains("2097152 bytes"), "{why}"),
        other => panic!("a refusal, not {other:?}"),
    }
    // Larger than what the reference writes at most.
    assert_eq!(harness.append(client, vec![Bytes::from(vec![0; 1_000_000 + 100])]), Ok(()));
}

#[test]
fn a_machine_that_is_slow_bounds_what_is_fetched_and_misses_nothing() {
    const VALUES: usize = 80;
    let Some((server, _turn)) = server() else { return };
    let mut harness = Harness::new(&server, "slow");
    let client = harness.client();
    for _ in 0..VALUES / 10 {
        let values = vec![Bytes::from(vec![1; 1_000_000]); 10];
        assert_eq!(harness.append(client, values), Ok(()));
    }
    harness.subscribe(client, "group");
    // Longer than the client waits before it stops fetching.
    let epoch = harness.assigned(client);
    let (mut events, mut count) = (Vec::new(), 0);
    while let Ok(event) = harness.clients.events(client).recv_timeout(SILENCE * 6) {
        if let LogEvent::Records { records, .. } = &event {
            count += records.len();
        }
        events.push(event);
    }
    assert!((10..40).contains(&count), "{count} of {VALUES} were held at a time");
    drop(events);
    let mut next = count as u64;
    while next < VALUES as u64 {
        for record in harness.read(client, epoch, 1) {
            assert_eq!(record.offset, next);
            next += 1;
        }
    }
}

#[test]
fn after_a_seek_nothing_comes_that_was_fetched_before() {
    const VALUES: u64 = 20_000;
    let Some((server, _turn)) = server() else { return };
    let mut harness = Harness::new(&server, "seek");
    let client = harness.client();
    let values = (0..VALUES).map(|n| Bytes::from(n.to_string())).collect();
    assert_eq!(harness.append(client, values), Ok(()));
    harness.subscribe(client, "group");
    let first = harness.assigned(client);
    harness.read(client, first, 1);
    for round in 1..=10 {
        let (topic, group, partition) = ("t".into(), "group".into(), 0);
        let (offset, epoch) = (VALUES / 2 - 100 * round, first + round);
        harness.submit(client, LogAction::Seek { topic, group, partition, offset, epoch });
        let records = harness.read(client, epoch, 5_000);
        let expected = offset..offset + records.len() as u64;
        assert!(records.iter().map(|record| record.offset).eq(expected), "epoch {epoch}");
    }
}
