//! Kafka.
//!
//! A client belongs to one machine. It has a producer for each set of brokers that it writes to,
//! one thread for each group that it is a member of, and one thread for questions. What was
//! delivered and not dropped yet is counted, and bounds what is fetched next.
//!
//! Not done here: topics are not made (they are waited for), a record's partition is the
//! machine's choice, and offsets are committed only when the machine says so.

mod batch;
mod commits;
mod config;
mod consumer;
mod offsets;
mod producer;
mod questions;
mod report;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use weft_daemons::contract::{LogAction, LogError, LogEvent, Topic};

pub use config::{KafkaConfig, KafkaConfigError, KafkaTopic, Properties};
pub use offsets::GroupOffsets;
pub use report::KafkaReport;

use commits::Commit;
use consumer::{Command, Member};
use producer::Producer;
use questions::{Question, Questions};
use report::Reporter;

/// Gets a client's events.
pub(crate) type Sink = Arc<dyn Fn(LogEvent) + Send + Sync>;

/// How long threads may take to leave their groups.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// The Kafka clients of a process.
#[derive(Debug, Default)]
pub struct KafkaLog {
    threads: Arc<Threads>,
}

/// A machine's access to Kafka. Dropping it ends its memberships.
pub struct KafkaClient {
    config: KafkaConfig,
    sink: Sink,
    reporter: Arc<Reporter>,
    producers: BTreeMap<Properties, Producer>,
    members: Mutex<BTreeMap<(Topic, Topic), Member>>,
    questions: Questions,
    threads: Arc<Threads>,
}

/// Threads that run, or ran.
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Threads {
    /// Runs `work` on a thread of its own.
    pub(crate) fn start(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    fn all_ended(&self) -> bool {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().all(JoinHandle::is_finished)
    }
}

impl KafkaLog {
    /// Access for one machine; `sink` gets its events and `report` what the operator should know.
    /// Both are called from several threads and must not block. Connections are made in the
    /// background, however long that takes.
    pub fn client(
        &self,
        config: KafkaConfig,
        sink: impl Fn(LogEvent) + Send + Sync + 'static,
        report: impl Fn(KafkaReport) + Send + Sync + 'static,
    ) -> Result<KafkaClient, KafkaConfigError> {
        config.check()?;
        let sink: Sink = Arc::new(sink);
        let reporter = Arc::new(Reporter::new(report));
        let mut producers = BTreeMap::new();
        for properties in config.topics.values().filter_map(|topic| topic.producer.as_ref()) {
            if !producers.contains_key(properties) {
                let producer = Producer::start(properties, &reporter, &self.threads)?;
                producers.insert(properties.clone(), producer);
            }
        }
        let questions = Questions::start(&config, sink.clone(), &self.threads)
            .map_err(|error| KafkaConfigError::Thread(error.to_string()))?;
        let (members, threads) = (Mutex::default(), self.threads.clone());
        Ok(KafkaClient { config, sink, reporter, producers, members, questions, threads })
    }

    /// Waits until the clients, which have been dropped, have left their groups; not for ever.
    pub fn close(&self) {
        let end = Instant::now() + CLOSE_TIME;
        while !self.threads.all_ended() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl KafkaClient {
    /// Asks; never blocks. The answer comes to the client's sink.
    pub fn submit(&self, action: LogAction) {
        match action {
            LogAction::Describe { id, topic } => self.questions.ask(Question::Describe(id, topic)),
            LogAction::Ends { id, topic } => self.questions.ask(Question::Ends(id, topic)),
            LogAction::Append { id, topic, records } => {
                let properties = self.config.of(&topic).and_then(|t| t.producer.as_ref());
                match properties.and_then(|properties| self.producers.get(properties)) {
                    Some(producer) => producer.append(id, topic, records, self.sink.clone()),
                    None => {
                        let reason = format!("no servers are configured to write {topic} to");
                        let result = Err(LogError::Refused(reason));
                        (self.sink)(LogEvent::Appended { id, result });
                    }
                }
            }
            LogAction::Subscribe { topic, group, start } => self.subscribe(topic, group, start),
            LogAction::Pause { topic, group, partition, epoch } => {
                self.tell(topic, group, Command::Pause(partition, epoch));
            }
            LogAction::Resume { topic, group, partition, epoch } => {
                self.tell(topic, group, Command::Resume(partition, epoch));
            }
            LogAction::Seek { topic, group, partition, offset, epoch } => {
                self.tell(topic, group, Command::Seek { partition, offset, epoch });
            }
            LogAction::Commit { id, topic, group, partition, epoch, position } => {
                let is_alone = group.is_empty();
                let name = topic.to_string();
                let commit = Command::Commit(Commit { id, partition, epoch, position });
                if is_alone || !self.tell(topic, group, commit) {
                    let result = Err(LogError::NotAssigned { topic: name, partition });
                    (self.sink)(LogEvent::Committed { id, result });
                }
            }
        }
    }

    fn subscribe(&self, topic: Topic, group: Topic, start: weft_daemons::contract::log::Start) {
        let config = self.config.of(&topic);
        let Some(properties) = config.and_then(|config| config.consumer.as_ref()) else {
            self.reporter.warn(format!("no servers are configured to read {topic} from"));
            return;
        };
        let start = config.and_then(|config| config.start).unwrap_or(start);
        let (sink, reporter) = (self.sink.clone(), self.reporter.clone());
        let key = (topic.clone(), group.clone());
        match Member::start(properties, (topic, group, start), sink, reporter, &self.threads) {
            Ok(member) => {
                self.members.lock().unwrap_or_else(PoisonError::into_inner).insert(key, member);
            }
            Err(error) => self.reporter.warn(format!("cannot consume {}: {error}", key.0)),
        }
    }

    /// False when there is no such member.
    fn tell(&self, topic: Topic, group: Topic, command: Command) -> bool {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.get(&(topic, group)).is_some_and(|member| member.tell(command))
    }
}

/// A partition, as librdkafka counts.
fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// What a failure means for what was asked; `what` says what that was.
fn log_error(what: &str, error: &KafkaError) -> LogError {
    use RDKafkaErrorCode as Code;
    let text = format!("{what}: {error}");
    match error.rdkafka_error_code() {
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::PolicyViolation,
        ) => LogError::Refused(text),
        Some(
            Code::QueueFull
            | Code::PurgeQueue
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::NotEnoughReplicas
            | Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::RebalanceInProgress
            | Code::WaitingForCoordinator,
        ) => LogError::Unavailable(text),
        // With these, the record may lie in the log.
        _ => LogError::Unknown(text),
    }
}
