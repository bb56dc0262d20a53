//! The table: HBase's role.
//!
//! Two families of rows: datapoints (one value for a series and a tick) and metadata (one opaque
//! value for a series id). A cell has a timestamp; of two writes of the same datapoint the one
//! with the higher cell timestamp is the one that reads see, the later to arrive where they are
//! equal. A write that was answered is seen by every read that begins after. Metadata rows are
//! durable then; datapoints and their deletes are once a flush that was asked for later is answered.

use std::time::Duration;

use bytes::Bytes;
use weft_gts::{Columns, SeriesId};

use super::ActionId;

/// How long a machine waits for an item of a stream before it gives the stream up.
pub const READ_TIME_MAX: Duration = Duration::from_secs(60);

/// Datapoints of one series to write.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPut {
    /// Whose.
    pub series: SeriesId,
    /// The datapoints, any order, duplicates allowed: the last one wins.
    pub points: Columns,
    /// Timestamps of the cells, milliseconds since the epoch.
    pub cell_time: CellTime,
    /// How long the cells live, milliseconds after their cell timestamp; `None`: for ever.
    pub ttl_ms: Option<i64>,
}

/// A metadata row to write. Of two writes of a row the one with the newer cell timestamp is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaPut {
    /// Whose.
    pub series: SeriesId,
    /// The contents.
    pub row: Bytes,
    /// The cell's timestamp, milliseconds since the epoch.
    pub cell_ms: i64,
}

/// Where the timestamp of a cell comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellTime {
    /// The same for all.
    At(i64),
    /// Each datapoint's own tick, in milliseconds (`usedatapointts`). The number is what one
    /// millisecond has in time units.
    OfDatapoint(i64),
}

/// Which datapoints a fetch wants. Ticks are inclusive, in time units.
///
/// For each series come first the datapoints after `end`, oldest first, then those in the range,
/// newest first, then those before `start`, newest first. Of those in the range some are left
/// out, in the order of the fields ([`crate::select`]); boundaries are never thinned out.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// The series, answered in this order.
    pub series: Vec<SeriesId>,
    /// The newest tick wanted.
    pub end: i64,
    /// The oldest tick wanted.
    pub start: i64,
    /// At most so many datapoints a series; 0 gives boundaries only.
    pub count: Option<u64>,
    /// Leave out the first so many.
    pub skip: u64,
    /// Then only ticks at least so far from the one before that passed; 1 is all.
    pub timestep: i64,
    /// Then every n-th; 1 is all.
    pub step: u64,
    /// Then each with this probability, drawn from `sample_seed`; 1.0 is all.
    pub sample: f64,
    /// Where the drawing starts.
    pub sample_seed: u64,
    /// So many datapoints before `start`.
    pub pre_boundary: u64,
    /// So many datapoints after `end`.
    pub post_boundary: u64,
}

impl FetchRequest {
    /// Everything of `series` within `start..=end`.
    pub const fn range(series: Vec<SeriesId>, start: i64, end: i64) -> Self {
        Self {
            series,
            end,
            start,
            count: None,
            skip: 0,
            timestep: 1,
            step: 1,
            sample: 1.0,
            sample_seed: 0,
            pre_boundary: 0,
            post_boundary: 0,
        }
    }
}

/// A slice of the metadata rows: those whose id is in `remainder` of `modulus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// How many slices there are.
    pub modulus: u32,
    /// Which one.
    pub remainder: u32,
}

/// What a machine asks of the table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableAction {
    /// Write datapoints. Answer: [`TableEvent::Written`].
    Put {
        /// Echoed.
        id: ActionId,
        /// What to write.
        puts: Vec<SeriesPut>,
    },
    /// Delete datapoints with ticks in `start..=end` and cell timestamps in
    /// `cell_from..=cell_until`, of one series. Answer: [`TableEvent::Deleted`].
    Delete {
        /// Echoed.
        id: ActionId,
        /// Whose.
        series: SeriesId,
        /// The oldest tick.
        start: i64,
        /// The newest tick.
        end: i64,
        /// The oldest cell timestamp, milliseconds.
        cell_from: i64,
        /// The newest cell timestamp, milliseconds.
        cell_until: i64,
    },
    /// Make durable what datapoints and deletes of them were answered. Answer:
    /// [`TableEvent::Flushed`].
    Flush {
        /// Echoed.
        id: ActionId,
    },
    /// Read datapoints: begins a stream that is pulled by [`TableAction::Next`].
    Fetch {
        /// Names the stream.
        id: ActionId,
        /// What to read.
        request: FetchRequest,
    },
    /// Write metadata rows. Answer: [`TableEvent::Written`].
    PutMeta {
        /// Echoed.
        id: ActionId,
        /// Ids, contents, cell timestamps.
        rows: Vec<MetaPut>,
    },
    /// Delete metadata rows whose cell timestamps are not newer than the given ones. Answer:
    /// [`TableEvent::Written`].
    DeleteMeta {
        /// Echoed.
        id: ActionId,
        /// Whose, and the newest cell timestamp, milliseconds.
        series: Vec<(SeriesId, i64)>,
    },
    /// Read metadata rows in any order: begins a stream that is pulled by [`TableAction::Next`].
    ScanMeta {
        /// Names the stream.
        id: ActionId,
        /// Which rows.
        slice: Slice,
        /// Where the table keeps a snapshot with this tag, it comes first, and of the rows those
        /// that were written or deleted since it was begun; otherwise all rows come.
        snapshot: Option<u64>,
    },
    /// Keep a snapshot of what somebody made of the metadata rows, one piece after the other. It
    /// takes the place of the one before once its last piece is durable. A table may keep none.
    /// Answer: [`TableEvent::Written`].
    SaveSnapshot {
        /// Echoed.
        id: ActionId,
        /// What it is known by.
        tag: u64,
        /// Whether this piece begins it: it holds the rows as they are now. What was begun before
        /// and has not come to its end is dropped.
        is_first: bool,
        /// Whether it ends with this piece.
        is_last: bool,
        /// At most [`PIECE_BYTES_MAX`] bytes.
        piece: Bytes,
    },
    /// One more item of a stream. Who has no answer within [`READ_TIME_MAX`] cancels it.
    Next {
        /// The stream.
        id: ActionId,
    },
    /// The rest of the stream is not wanted. No answer.
    Cancel {
        /// The stream.
        id: ActionId,
    },
}

/// What the table tells a machine.
#[derive(Clone, Debug, PartialEq)]
pub enum TableEvent {
    /// Answer to [`TableAction::Put`], [`TableAction::PutMeta`], [`TableAction::DeleteMeta`],
    /// [`TableAction::SaveSnapshot`].
    Written {
        /// The action's.
        id: ActionId,
        /// `Err`: any part of it may have been done.
        result: Result<(), TableError>,
    },
    /// Answer to [`TableAction::Delete`]: how many datapoints went, 0 when the table cannot tell.
    Deleted {
        /// The action's.
        id: ActionId,
        /// `Err`: any part of it may have been done.
        result: Result<u64, TableError>,
    },
    /// Answer to [`TableAction::Flush`].
    Flushed {
        /// The action's.
        id: ActionId,
        /// `Err`: any part of what was answered may not be durable.
        result: Result<(), TableError>,
    },
    /// Datapoints of one series, in the order of [`FetchRequest`]; further chunks of the same
    /// series continue it.
    Points {
        /// The stream.
        id: ActionId,
        /// Index into [`FetchRequest::series`]; never goes back.
        series: usize,
        /// At most [`CHUNK_POINTS_MAX`] datapoints, at least one.
        points: Columns,
    },
    /// Metadata rows.
    Rows {
        /// The stream.
        id: ActionId,
        /// At most [`CHUNK_ROWS_MAX`], at least one.
        rows: Vec<(SeriesId, Bytes)>,
    },
    /// A piece of the snapshot, as it was saved.
    Snapshot {
        /// The stream.
        id: ActionId,
        /// The piece.
        piece: Bytes,
    },
    /// Metadata rows that were deleted since the snapshot was begun.
    Gone {
        /// The stream.
        id: ActionId,
        /// At most [`CHUNK_ROWS_MAX`], at least one; some may never have been there.
        series: Vec<SeriesId>,
    },
    /// The stream is complete (`Ok`) or broken: what came so far is not all.
    End {
        /// The stream.
        id: ActionId,
        /// Whether it is complete.
        result: Result<(), TableError>,
    },
}

/// Datapoints in one chunk of a fetch.
pub const CHUNK_POINTS_MAX: usize = 16_384;

/// Bytes of a piece of a snapshot.
pub const PIECE_BYTES_MAX: usize = 8 << 20;

/// Rows in one chunk of a scan.
pub const CHUNK_ROWS_MAX: usize = 4_096;

/// Why the table could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It may work later.
    #[error("the table is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read: damage, a wrong key.
    #[error("the table holds what cannot be read: {0}")]
    Corrupt(String),
}
