//! How fast records go through the log's contract, beside a bare librdkafka in the same run.
//!
//! `kafka_speed SERVERS FROM TO`: reads topic FROM to its end, and writes what it read to topic TO,
//! each by a bare client and by the contract in turn, three times; the medians.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use weft_daemons::contract::log::Start;
use weft_daemons::contract::{ActionId, LogAction, LogEvent, NewRecord, Topic};
use weft_log::kafka::{KafkaConfig, KafkaLog, KafkaTopic, Properties};

const WAIT: Duration = Duration::from_secs(60);

/// Records of one append, and appends under way at once.
const BATCH: usize = 1_000;
const UNDER_WAY: usize = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, servers, from, to] = &arguments[..] else {
        eprintln!("usage: kafka_speed SERVERS FROM TO");
        std::process::exit(2);
    };
    let (_, records) = read_bare(servers, from);
    let bytes: usize = records.iter().map(|record| record.key.len() + record.value.len()).sum();
    println!("{} records, {} bytes each", records.len(), bytes / records.len().max(1));
    type Work<'a> = Box<dyn Fn() -> Duration + 'a>;
    let works: [(&str, Work<'_>); 4] = [
        ("read, bare", Box::new(|| read_bare(servers, from).0)),
        ("read, contract", Box::new(|| read_contract(servers, from, records.len()))),
        ("write, bare", Box::new(|| write_bare(servers, to, &records))),
        ("write, contract", Box::new(|| write_contract(servers, to, &records))),
    ];
    let mut times = vec![Vec::new(); works.len()];
    for _ in 0..3 {
        for ((_, work), times) in works.iter().zip(&mut times) {
            times.push(work());
        }
    }
    for ((name, _), times) in works.iter().zip(&mut times) {
        times.sort_unstable();
        let rate = records.len() as f64 / times[1].as_secs_f64();
        println!("{name}: {:.0} records/s ({times:?})", rate);
    }
}

/// Every record of the topic.
fn read_bare(servers: &str, topic: &str) -> (Duration, Vec<NewRecord>) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "weft-speed")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let start = Instant::now();
    let metadata = consumer.fetch_metadata(Some(topic), WAIT).expect("the topic");
    let mut list = TopicPartitionList::new();
    let mut wanted = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), WAIT).expect("its ends");
        wanted += usize::try_from(high - low).expect("ends come after beginnings");
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("a place");
    }
    consumer.assign(&list).expect("assigned");
    let mut records = Vec::with_capacity(wanted);
    while records.len() < wanted {
        let message = consumer.poll(WAIT).expect("there is more").expect("a message");
        records.push(NewRecord {
            partition: u32::try_from(message.partition()).expect("a partition"),
            key: Bytes::copy_from_slice(message.key().unwrap_or_default()),
            value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        });
    }
    (start.elapsed(), records)
}

fn config(servers: &str, topic: &str) -> KafkaConfig {
    let properties = Some(Properties::new(servers));
    let topic_config =
        KafkaTopic { producer: properties.clone(), consumer: properties, start: None };
    KafkaConfig { topics: BTreeMap::from([(Topic::from(topic), topic_config)]) }
}

fn read_contract(servers: &str, topic: &str, wanted: usize) -> Duration {
    let log = KafkaLog::default();
    let (sender, events) = channel();
    let client = log
        .client(config(servers, topic), move |event| drop(sender.send(event)), |_| {})
        .expect("a client");
    let start = Instant::now();
    let (topic, group, begin) = (topic.into(), "".into(), Start::Earliest);
    client.submit(LogAction::Subscribe { topic, group, start: begin });
    let mut read = 0;
    while read < wanted {
        if let LogEvent::Records { records, .. } = events.recv_timeout(WAIT).expect("more") {
            read += records.len();
        }
    }
    let elapsed = start.elapsed();
    drop(client);
    log.close();
    elapsed
}

/// Counts what is acknowledged.
struct Counting(Arc<AtomicUsize>);

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        result.as_ref().expect("acknowledged");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn write_bare(servers: &str, topic: &str, records: &[NewRecord]) -> Duration {
    let done = Arc::<AtomicUsize>::default();
    // As durable as the contract.
    let producer: ThreadedProducer<Counting> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("queue.buffering.max.kbytes", "131072")
        .create_with_context(Counting(done.clone()))
        .expect("a producer");
    let start = Instant::now();
    for record in records {
        let mut sent = BaseRecord::to(topic)
            .partition(i32::try_from(record.partition).expect("a partition"))
            .key(&record.key[..])
            .payload(&record.value[..]);
        while let Err((_, again)) = producer.send(sent) {
            std::thread::sleep(Duration::from_millis(1));
            sent = again;
        }
    }
    producer.flush(WAIT).expect("all gone out");
    assert_eq!(done.load(Ordering::Relaxed), records.len());
    start.elapsed()
}

fn write_contract(servers: &str, topic: &str, records: &[NewRecord]) -> Duration {
    let log = KafkaLog::default();
    let (sender, events) = channel();
    let client = log
        .client(config(servers, topic), move |event| drop(sender.send(event)), |_| {})
        .expect("a client");
    let topic = Topic::from(topic);
    let start = Instant::now();
    let mut under_way = 0;
    for (id, batch) in (0..).zip(records.chunks(BATCH)) {
        let (id, topic, records) = (ActionId(id), topic.clone(), batch.to_vec());
        client.submit(LogAction::Append { id, topic, records });
        under_way += 1;
        if under_way == UNDER_WAY {
            acknowledged(events.recv_timeout(WAIT).expect("an answer"));
            under_way -= 1;
        }
    }
    for _ in 0..under_way {
        acknowledged(events.recv_timeout(WAIT).expect("an answer"));
    }
    let elapsed = start.elapsed();
    drop(client);
    log.close();
    elapsed
}

fn acknowledged(event: LogEvent) {
    match event {
        LogEvent::Appended { result, .. } => drop(result.expect("acknowledged")),
        other => panic!("an answer, not {other:?}"),
    }
}
