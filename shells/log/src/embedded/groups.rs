//! Who consumes what: members of groups, their partitions, and how far each was delivered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use bytes::Bytes;
use weft_daemons::contract::log::Start;

use super::partition::Cursor;
use super::worker::Command;

/// Bytes delivered to one member and not dropped yet.
const OUTSTANDING_MAX: usize = 8 << 20;

/// A member's subscription to a topic.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) client: u64,
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) start: Start,
    pub(crate) partitions: BTreeMap<u32, Delivery>,
    outstanding: Arc<AtomicUsize>,
}

/// How far a partition was delivered.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) cursor: Cursor,
    /// Of the assignment: what has a lower one is about an earlier one.
    pub(crate) first_epoch: u64,
    /// Of what is delivered now.
    pub(crate) epoch: u64,
    pub(crate) is_paused: bool,
}

impl Subscription {
    /// A subscription without partitions yet.
    pub(crate) fn new(client: u64, topic: String, group: String, start: Start) -> Self {
        let (partitions, outstanding) = (BTreeMap::new(), Arc::default());
        Self { client, topic, group, start, partitions, outstanding }
    }

    /// Whether the member takes more.
    pub(crate) fn has_room(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) < OUTSTANDING_MAX
    }

    /// Wraps a batch so that it counts until its last record is dropped, which wakes the log.
    pub(crate) fn tracker(
        &self,
        commands: &Sender<Command>,
    ) -> impl FnOnce(Vec<u8>) -> Bytes + use<> {
        let outstanding = self.outstanding.clone();
        let commands = commands.clone();
        move |bytes| {
            outstanding.fetch_add(bytes.len(), Ordering::AcqRel);
            Bytes::from_owner(Tracked { bytes, outstanding, commands })
        }
    }
}

/// A batch that counts.
struct Tracked {
    bytes: Vec<u8>,
    outstanding: Arc<AtomicUsize>,
    commands: Sender<Command>,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let before = self.outstanding.fetch_sub(self.bytes.len(), Ordering::AcqRel);
        if before >= OUTSTANDING_MAX {
            let _ = self.commands.send(Command::Wake);
        }
    }
}

/// Deals the partitions of a topic out to the members of a group, evenly and always alike.
pub(crate) fn deal(members: usize, partitions: u32) -> Vec<Vec<u32>> {
    let mut dealt = vec![Vec::new(); members];
    for partition in 0..partitions {
        if let Some(hand) = dealt.get_mut(partition as usize % members.max(1)) {
            hand.push(partition);
        }
    }
    dealt
}
