//! Offsets of a group that nobody is a member of: read and written from outside.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use weft_daemons::contract::LogError;

use super::config::Properties;
use super::questions::{Asked, partitions};
use super::report::Silent;
use super::{log_error, to_i32};

/// How long the brokers may take for one question.
const PATIENCE: Duration = Duration::from_secs(20);

/// A group on the brokers. Its methods block.
pub struct GroupOffsets {
    client: Asked,
    group: String,
}

impl GroupOffsets {
    /// The group of that name, on the servers of the properties.
    pub fn new(properties: &Properties, group: &str) -> Result<Self, LogError> {
        let made: Result<BaseConsumer<Silent>, _> =
            properties.consumer(group).create_with_context(Silent);
        let client = made.map_err(|error| LogError::Refused(error.to_string()))?;
        Ok(Self { client, group: group.to_owned() })
    }

    /// How many members it has now.
    pub fn members(&self) -> Result<usize, LogError> {
        let what = format!("members of group {}", self.group);
        let list = self.client.fetch_group_list(Some(&self.group), PATIENCE);
        let list = list.map_err(|error| log_error(&what, &error))?;
        let found = list.groups().iter().find(|group| group.name() == self.group);
        Ok(found.map_or(0, |group| group.members().len()))
    }

    /// What it has committed: each partition of the topic, and the first offset not done.
    pub fn committed(&self, topic: &str) -> Result<Vec<(u32, Option<u64>)>, LogError> {
        let count = partitions(&self.client, topic)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..count {
            list.add_partition(topic, to_i32(partition));
        }
        let what = format!("offsets of group {} in {topic}", self.group);
        let found = self.client.committed_offsets(list, PATIENCE);
        let found = found.map_err(|error| log_error(&what, &error))?;
        let offset = |partition: u32| {
            let Some(element) = found.find_partition(topic, to_i32(partition)) else {
                return Ok((partition, None));
            };
            element.error().map_err(|error| log_error(&what, &error))?;
            match element.offset() {
                Offset::Offset(offset) => Ok((partition, u64::try_from(offset).ok())),
                _ => Ok((partition, None)),
            }
        };
        (0..count).map(offset).collect()
    }

    /// Commits partitions and first offsets not done. Refused while the group has members.
    pub fn commit(&self, topic: &str, offsets: &[(u32, u64)]) -> Result<(), LogError> {
        let what = format!("offsets of group {} in {topic}", self.group);
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            let offset = Offset::Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
            list.add_partition_offset(topic, to_i32(*partition), offset)
                .map_err(|error| log_error(&what, &error))?;
        }
        self.client.commit(&list, CommitMode::Sync).map_err(|error| log_error(&what, &error))
    }
}
