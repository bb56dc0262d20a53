//! The log: Kafka's role.
//!
//! Topics of a fixed number of partitions; a partition is a sequence of records at offsets that
//! grow by one (or more: a log may have holes). A record that was acknowledged is durable and is
//! delivered to every group at least once, in the order of offsets within its partition.
//! Timestamps are the log's own. They do not go back within a partition, unless another server
//! takes it over whose clock is behind.

use bytes::Bytes;

use super::ActionId;

/// The name of a topic.
pub type Topic = std::sync::Arc<str>;

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Which partition of the topic.
    pub partition: u32,
    /// The key; empty means none.
    pub key: Bytes,
    /// The payload.
    pub value: Bytes,
}

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: u64,
    /// When the log took it, milliseconds since the epoch by the log's clock.
    pub timestamp_ms: i64,
    /// The key; empty means none.
    pub key: Bytes,
    /// The payload.
    pub value: Bytes,
}

/// How far a group is in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The first offset not done.
    pub offset: u64,
    /// What whoever committed the offset tells whoever goes on there; empty without a commit, or
    /// when it came from somewhere else. At most [`NOTE_MAX`] bytes, printable ASCII.
    pub note: String,
}

/// How far the epochs of a partition's assignments lie apart: there is room for seeks.
pub const EPOCHS: u64 = 1 << 32;

/// Bytes of a [`Position::note`].
pub const NOTE_MAX: usize = 256;

impl From<u64> for Position {
    fn from(offset: u64) -> Self {
        Self { offset, note: String::new() }
    }
}

/// Where a group without a committed offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record there is.
    Earliest,
    /// With what comes from now on. A group with a name keeps that place: who takes a partition
    /// over, before anything was committed, begins where the group was first asked for.
    Latest,
}

/// What a machine asks of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAction {
    /// How many partitions has the topic? Creates it where the backend can. Answer:
    /// [`LogEvent::Described`].
    Describe {
        /// Echoed.
        id: ActionId,
        /// The topic.
        topic: Topic,
    },
    /// Append all records; they need not be atomic together. Answer: [`LogEvent::Appended`].
    Append {
        /// Echoed.
        id: ActionId,
        /// The topic.
        topic: Topic,
        /// The records; order within a partition is kept.
        records: Vec<NewRecord>,
    },
    /// Consume as a member of `group`. Partitions come and go by [`LogEvent::Assigned`] and
    /// [`LogEvent::Revoked`]. One subscription for a pair of topic and group in a machine.
    Subscribe {
        /// The topic.
        topic: Topic,
        /// The group; the empty group stands alone, gets every partition and commits nothing.
        group: Topic,
        /// Where to begin without a committed offset.
        start: Start,
    },
    /// Deliver nothing more of this partition for now (records under way may still come).
    ///
    /// This and what follows is about one assignment of the partition: when another came meanwhile
    /// ([`LogEvent::Assigned`] has a greater epoch), it is passed over.
    Pause {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partition.
        partition: u32,
        /// Of the assignment, or of the last seek since.
        epoch: u64,
    },
    /// Deliver again.
    Resume {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partition.
        partition: u32,
        /// Of the assignment, or of the last seek since.
        epoch: u64,
    },
    /// Deliver from `offset` on, dropping what was prefetched. The next records delivered have
    /// the seek's `epoch`. A pause may stay: who wants records resumes.
    Seek {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partition.
        partition: u32,
        /// The first offset wanted.
        offset: u64,
        /// Echoed in [`LogEvent::Records`] so that older batches can be told apart: greater than
        /// the last, and less than [`EPOCHS`] above the assignment's.
        epoch: u64,
    },
    /// Remember that the group has done everything before a position. Refused when the partition
    /// is not (any longer) the member's, or was assigned anew. Answer: [`LogEvent::Committed`].
    Commit {
        /// Echoed.
        id: ActionId,
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partition.
        partition: u32,
        /// Of the assignment, or of the last seek since.
        epoch: u64,
        /// How far.
        position: Position,
    },
    /// The offsets that the next records will get. Everything acknowledged before this was asked
    /// lies below them. Answer: [`LogEvent::Ends`].
    Ends {
        /// Echoed.
        id: ActionId,
        /// The topic.
        topic: Topic,
    },
}

/// What the log tells a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// Answer to [`LogAction::Describe`]: the number of partitions.
    Described {
        /// The action's.
        id: ActionId,
        /// Partitions of the topic.
        result: Result<u32, LogError>,
    },
    /// Answer to [`LogAction::Append`]. `Ok`: every record is durable. `Err`: some may be.
    Appended {
        /// The action's.
        id: ActionId,
        /// Partition and offset of each record, in the order given.
        result: Result<Vec<(u32, u64)>, LogError>,
    },
    /// These partitions are the member's from now on; records follow, starting at the offsets.
    Assigned {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// Of the records that follow, until a seek; at least [`EPOCHS`] above that of every
        /// assignment of the partition to the member before.
        epoch: u64,
        /// Partition, first offset, and the note that was committed with it.
        partitions: Vec<(u32, Position)>,
    },
    /// These partitions no longer are. Nothing may be done for them after this.
    Revoked {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partitions.
        partitions: Vec<u32>,
    },
    /// Records of one partition, in order.
    Records {
        /// The topic.
        topic: Topic,
        /// The group.
        group: Topic,
        /// The partition.
        partition: u32,
        /// Of the last [`LogAction::Seek`] before them, or of the assignment when there was none.
        epoch: u64,
        /// The records.
        records: Vec<Record>,
    },
    /// Answer to [`LogAction::Commit`].
    Committed {
        /// The action's.
        id: ActionId,
        /// Whether it is remembered, durably.
        result: Result<(), LogError>,
    },
    /// Answer to [`LogAction::Ends`]: partition and next offset.
    Ends {
        /// The action's.
        id: ActionId,
        /// All partitions of the topic.
        result: Result<Vec<(u32, u64)>, LogError>,
    },
}

/// Why the log could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The outcome is not known: it may have been done.
    #[error("the log did not answer in time: {0}")]
    Unknown(String),
    /// It was not done, and will not be if tried again as it is.
    #[error("the log refused: {0}")]
    Refused(String),
    /// It was not done; trying again may help.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// There is no such topic, and the log makes none: somebody has to.
    #[error("{0}")]
    NoTopic(String),
    /// The partition is not the member's.
    #[error("partition {partition} of {topic} is not assigned")]
    NotAssigned {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
    },
}
