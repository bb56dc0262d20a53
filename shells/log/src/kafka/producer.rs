//! Appends: a thread that hands records to librdkafka, and answers when the last is acknowledged.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::statistics::Statistics;
use weft_daemons::contract::{ActionId, LogError, LogEvent, NewRecord, Topic};

use super::config::{KafkaConfigError, Properties, config_error};
use super::report::{Line, Reporter};
use super::{Sink, Threads, log_error};

/// How long to wait for room in librdkafka's queue.
const ROOM_WAIT: Duration = Duration::from_millis(2);

/// A producer. Dropping it ends its thread when what was asked before is answered.
#[derive(Debug)]
pub(crate) struct Producer {
    appends: Sender<Append>,
}

/// Records to append.
struct Append {
    records: Vec<NewRecord>,
    answer: Arc<Answer>,
}

/// What is known of an append so far. The answer goes when nobody holds it any more.
struct Answer {
    id: ActionId,
    topic: Topic,
    sink: Sink,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    places: Vec<(u32, u64)>,
    missing: usize,
    error: Option<LogError>,
}

/// One record under way: its append, and which of its records it is.
type Delivery = Box<(Arc<Answer>, usize)>;

impl Producer {
    pub(crate) fn start(
        properties: &Properties,
        reporter: &Arc<Reporter>,
        threads: &Threads,
    ) -> Result<Self, KafkaConfigError> {
        let producer = make(properties, reporter).map_err(config_error)?;
        let (appends, received) = channel();
        let work = Work { properties: properties.clone(), reporter: reporter.clone(), producer };
        threads
            .start("weft-kafka-out", move || work.run(&received))
            .map_err(|error| KafkaConfigError::Thread(error.to_string()))?;
        Ok(Self { appends })
    }

    pub(crate) fn append(&self, id: ActionId, topic: Topic, records: Vec<NewRecord>, sink: Sink) {
        let missing = records.len();
        let places = records.iter().map(|record| (record.partition, 0)).collect();
        let outcome = Mutex::new(Outcome { places, missing, error: None });
        let answer = Arc::new(Answer { id, topic, sink, outcome });
        // When the thread is gone, the answer goes as it is dropped.
        let _ = self.appends.send(Append { records, answer });
    }
}

impl Answer {
    fn done(&self, index: usize, result: Result<u64, LogError>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.missing -= 1;
        match result {
            Ok(offset) => outcome.places[index].1 = offset,
            // What nobody knows weighs more than what was not done.
            Err(error) if matches!(error, LogError::Unknown(_)) || outcome.error.is_none() => {
                outcome.error = Some(error);
            }
            Err(_) => {}
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner);
        let result = match outcome.error.take() {
            Some(error) => Err(error),
            None if outcome.missing > 0 => {
                Err(LogError::Unknown(format!("the Kafka client of {} ended", self.topic)))
            }
            None => Ok(std::mem::take(&mut outcome.places)),
        };
        (self.sink)(LogEvent::Appended { id: self.id, result });
    }
}

/// What the thread works with.
struct Work {
    properties: Properties,
    reporter: Arc<Reporter>,
    producer: ThreadedProducer<Context>,
}

impl Work {
    fn run(mut self, appends: &Receiver<Append>) {
        while let Ok(Append { records, answer }) = appends.recv() {
            for (index, record) in records.iter().enumerate() {
                self.send(record, &answer, index);
            }
        }
        // Nobody waits for room any more, but acknowledgements are still waited for.
        let flushed = rdkafka::producer::Producer::flush(&self.producer, Duration::from_secs(10));
        if let Err(error) = flushed {
            self.reporter.warn(format!("records were left unacknowledged at the end: {error}"));
        }
    }

    fn send(&mut self, record: &NewRecord, answer: &Arc<Answer>, index: usize) {
        let Ok(partition) = i32::try_from(record.partition) else {
            let reason = format!("{} has no partition {}", answer.topic, record.partition);
            return answer.done(index, Err(LogError::Refused(reason)));
        };
        loop {
            let opaque: Delivery = Box::new((answer.clone(), index));
            let mut next = BaseRecord::with_opaque_to(&answer.topic, opaque)
                .partition(partition)
                .payload(&record.value[..]);
            if !record.key.is_empty() {
                next = next.key(&record.key[..]);
            }
            let Err((error, _)) = self.producer.send(next) else { return };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => std::thread::sleep(ROOM_WAIT),
                Some(RDKafkaErrorCode::Fatal) => {
                    // It will never send again: another takes its place. What it had under way is
                    // answered as it goes.
                    self.reporter.warn(format!("the Kafka producer is made anew: {error}"));
                    match make(&self.properties, &self.reporter) {
                        Ok(producer) => self.producer = producer,
                        Err(_) => {
                            return answer.done(index, Err(log_error(&answer.topic, &error)));
                        }
                    }
                }
                _ => return answer.done(index, Err(refusal(answer, record, &error))),
            }
        }
    }
}

/// Why a record does not go.
fn refusal(answer: &Answer, record: &NewRecord, error: &KafkaError) -> LogError {
    let bytes = record.key.len() + record.value.len();
    let what = format!("{bytes} bytes for partition {} of {}", record.partition, answer.topic);
    log_error(&what, error)
}

fn make(
    properties: &Properties,
    reporter: &Arc<Reporter>,
) -> Result<ThreadedProducer<Context>, KafkaError> {
    let line = Line { servers: properties.servers().to_owned(), writes: true };
    let context = Context { reporter: reporter.clone(), line };
    properties.producer().create_with_context(context)
}

/// Takes what librdkafka says.
struct Context {
    reporter: Arc<Reporter>,
    line: Line,
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(&self.line, &error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.reporter.statistics(&self.line, &statistics);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Delivery;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Delivery) {
        let (answer, index) = &*delivery;
        let result = match result {
            Ok(message) => Ok(u64::try_from(message.offset()).unwrap_or_default()),
            Err((error, message)) => {
                let what =
                    format!("a record for partition {} of {}", message.partition(), answer.topic);
                Err(log_error(&what, error))
            }
        };
        answer.done(*index, result);
    }
}
