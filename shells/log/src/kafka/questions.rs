//! What is asked about topics: how many partitions, and where they end.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaRespErr;
use weft_daemons::contract::{ActionId, LogError, LogEvent, Topic};

use super::config::{KafkaConfig, Properties};
use super::report::Silent;
use super::{Sink, Threads, log_error};

/// How long the brokers may take for one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question.
#[derive(Debug)]
pub(crate) enum Question {
    Describe(ActionId, Topic),
    Ends(ActionId, Topic),
}

/// The thread that asks. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Questions {
    questions: Sender<Question>,
}

/// A client that can be asked.
pub(crate) type Asked = BaseConsumer<Silent>;

impl Questions {
    pub(crate) fn start(
        config: &KafkaConfig,
        sink: Sink,
        threads: &Threads,
    ) -> std::io::Result<Self> {
        let properties = config.topics.iter().filter_map(|(topic, config)| {
            let properties = config.consumer.as_ref().or(config.producer.as_ref())?;
            Some((topic.clone(), properties.clone()))
        });
        let properties: BTreeMap<Topic, Properties> = properties.collect();
        let (questions, received) = channel();
        threads.start("weft-kafka-ask", move || run(&properties, &sink, &received))?;
        Ok(Self { questions })
    }

    pub(crate) fn ask(&self, question: Question) {
        let _ = self.questions.send(question);
    }
}

fn run(properties: &BTreeMap<Topic, Properties>, sink: &Sink, questions: &Receiver<Question>) {
    let mut clients = BTreeMap::new();
    while let Ok(question) = questions.recv() {
        let event = match question {
            Question::Describe(id, topic) => {
                let asked = client(properties, &mut clients, &topic);
                let result = asked.and_then(|client| partitions(client, &topic));
                LogEvent::Described { id, result }
            }
            Question::Ends(id, topic) => {
                let asked = client(properties, &mut clients, &topic);
                LogEvent::Ends { id, result: asked.and_then(|client| ends(client, &topic)) }
            }
        };
        sink(event);
    }
}

/// The client for a topic, made when it is first asked for.
fn client<'c>(
    properties: &BTreeMap<Topic, Properties>,
    clients: &'c mut BTreeMap<Properties, Asked>,
    topic: &Topic,
) -> Result<&'c Asked, LogError> {
    let properties = properties
        .get(topic)
        .or_else(|| properties.get(""))
        .ok_or_else(|| LogError::Refused(format!("no servers are configured for {topic}")))?;
    if !clients.contains_key(properties) {
        let made = properties.questions().create_with_context(Silent);
        let made = made.map_err(|error| LogError::Refused(error.to_string()))?;
        clients.insert(properties.clone(), made);
    }
    clients.get(properties).ok_or_else(|| LogError::Unavailable(topic.to_string()))
}

/// How many partitions the topic has; an error when there is no such topic.
pub(crate) fn partitions<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
) -> Result<u32, LogError> {
    let metadata = client
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(|error| log_error(&format!("partitions of {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| (found.error(), found.partitions().len())) {
        Some((None, count)) if count > 0 => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        Some((Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), _)) => {
            Err(LogError::NoTopic(missing(topic)))
        }
        _ => Err(LogError::Unavailable(missing(topic))),
    }
}

fn missing(topic: &str) -> String {
    format!(
        "there is no topic {topic}; create it (kafka-topics --create --topic {topic} \
         --config message.timestamp.type=LogAppendTime --partitions …)"
    )
}

fn ends(client: &Asked, topic: &str) -> Result<Vec<(u32, u64)>, LogError> {
    let end = |partition: u32| {
        let (_, end) = client
            .fetch_watermarks(topic, i32::try_from(partition).unwrap_or(i32::MAX), PATIENCE)
            .map_err(|error| log_error(&format!("the ends of {topic}"), &error))?;
        Ok((partition, u64::try_from(end).unwrap_or_default()))
    };
    (0..partitions(client, topic)?).map(end).collect()
}
