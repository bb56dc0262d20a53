//! Commits: a thread beside the one that polls, for each waits until the brokers have it.
//!
//! (librdkafka's binding gives no answer to a commit that is not waited for.)

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use weft_daemons::contract::log::Position;
use weft_daemons::contract::{ActionId, LogError, LogEvent};

use super::consumer::Context;
use super::{Threads, log_error, to_i32};

/// A commit.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) id: ActionId,
    pub(crate) partition: u32,
    pub(crate) epoch: u64,
    pub(crate) position: Position,
}

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Commits {
    commits: Sender<Commit>,
}

impl Commits {
    pub(crate) fn start(
        consumer: &Arc<BaseConsumer<Context>>,
        threads: &Threads,
    ) -> std::io::Result<Self> {
        let (commits, received) = channel();
        let consumer = consumer.clone();
        threads.start("weft-kafka-commit", move || run(&consumer, &received))?;
        Ok(Self { commits })
    }

    pub(crate) fn add(&self, commit: Commit) {
        let _ = self.commits.send(commit);
    }
}

fn run(consumer: &BaseConsumer<Context>, commits: &Receiver<Commit>) {
    while let Ok(first) = commits.recv() {
        // What has queued up meanwhile goes together.
        let mut together = vec![first];
        together.extend(commits.try_iter());
        commit(consumer, together);
    }
}

fn commit(consumer: &BaseConsumer<Context>, commits: Vec<Commit>) {
    let context = consumer.context();
    let mut offsets = TopicPartitionList::new();
    let (ours, lost): (Vec<Commit>, Vec<Commit>) =
        commits.into_iter().partition(|commit| context.owns_since(commit.partition, commit.epoch));
    for commit in lost {
        answer(context, &commit, Err(not_assigned(context, commit.partition)));
    }
    if ours.is_empty() {
        return;
    }
    // The later of two of one partition is the one that counts.
    let last: BTreeMap<u32, &Position> =
        ours.iter().map(|commit| (commit.partition, &commit.position)).collect();
    for (partition, position) in last {
        let offset = Offset::Offset(i64::try_from(position.offset).unwrap_or(i64::MAX));
        let mut element = offsets.add_partition(&context.topic, to_i32(partition));
        let _ = element.set_offset(offset);
        element.set_metadata(&position.note);
    }
    let whole = consumer.commit(&offsets, CommitMode::Sync);
    for commit in &ours {
        let one = offsets.find_partition(&context.topic, to_i32(commit.partition));
        let result = whole.clone().and_then(|()| one.map_or(Ok(()), |element| element.error()));
        answer(context, commit, result.map_err(|error| refusal(context, commit.partition, &error)));
    }
}

fn answer(context: &Context, commit: &Commit, result: Result<(), LogError>) {
    (context.sink)(LogEvent::Committed { id: commit.id, result });
}

fn not_assigned(context: &Context, partition: u32) -> LogError {
    LogError::NotAssigned { topic: context.topic.to_string(), partition }
}

fn refusal(context: &Context, partition: u32, error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::AssignmentLost,
        ) => not_assigned(context, partition),
        _ => log_error(&format!("a commit of {}", context.topic), error),
    }
}
