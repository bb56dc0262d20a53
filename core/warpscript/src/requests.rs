//! What a script asks of the platform, and the answers it gets.
//!
//! A word that needs the store makes a [`Request`]; [`Machine::run`](crate::machine::Machine::run)
//! hands it out with its id and goes on with whatever needs no answer. Answers come back in chunks
//! under that id. Tokens are passed as the script gave them: who serves the request checks them and
//! answers with the reason when they do not hold.

use std::sync::Arc;

use weft_gts::{Labels, Metadata, Series};

use crate::error::Error;

/// Names a request of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a script asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Datapoints of series (`FETCH`).
    Fetch(Box<Fetch>),
    /// Metadata of series (`FIND`, `FINDSETS`, `METASET`).
    Find(Box<Find>),
    /// Cardinalities of what a find would give (`FINDSTATS`).
    Stats(Box<Find>),
    /// Datapoints to write (`UPDATE`).
    Update(Write),
    /// Attributes to write (`META`).
    Meta(Write),
    /// Series or ranges to delete (`DELETE`).
    Delete(Box<Delete>),
    /// The source of a macro (`@path/of/macro`).
    Macro(Arc<str>),
    /// A call to the outside (`WEBCALL`, `HTTP`, `URLFETCH`).
    Http(Box<Http>),
    /// To be woken at an instant of the monotonic clock, nanoseconds (`SLEEP`).
    Sleep(u64),
}

/// Which series are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Series that match one of the selectors: class selector, label selectors.
    Selectors(Vec<(Arc<str>, Labels)>),
    /// Exactly these series.
    Series(Vec<Metadata>),
}

/// A find.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// Read token.
    pub token: Arc<str>,
    /// Which series.
    pub target: Target,
    /// Only series active after this, milliseconds since the epoch.
    pub active_after: Option<i64>,
    /// Only series quiet after this, milliseconds since the epoch.
    pub quiet_after: Option<i64>,
    /// At most so many series.
    pub limit: i64,
}

/// A fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Which series.
    pub find: Find,
    /// Newest tick.
    pub end: i64,
    /// Oldest tick.
    pub start: i64,
    /// At most so many points a series, from the newest; negative for all.
    pub count: i64,
    /// So many of the newest points are left out.
    pub skip: i64,
    /// Every so many-th point only.
    pub step: i64,
    /// At least so far apart.
    pub timestep: i64,
    /// The probability for a point to be taken.
    pub sample: f64,
    /// So many points more before the range.
    pub pre_boundary: i64,
    /// So many points more after the range.
    pub post_boundary: i64,
    /// Ticks are replaced by the time of writing (`wtimestamp`).
    pub write_timestamp: bool,
    /// Values are replaced by their remaining time to live (`ttl`).
    pub ttl: bool,
    /// At most so many datapoints in all: beyond it the answer is an error.
    pub limit: i64,
}

/// A write: lines of the text input format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Write token.
    pub token: Arc<str>,
    /// The lines.
    pub lines: Vec<u8>,
}

/// A delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Write token.
    pub token: Arc<str>,
    /// Selector.
    pub selector: Arc<str>,
    /// The range of ticks, both ends included; `None` for everything (`deleteall`).
    pub range: Option<(i64, i64)>,
    /// How many series the script expects: another number deletes nothing.
    pub expected: i64,
}

/// A call over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Method.
    pub method: Arc<str>,
    /// Address.
    pub url: Arc<str>,
    /// Headers.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Body.
    pub body: Vec<u8>,
    /// Write token of a WEBCALL: the call goes out through the log.
    pub token: Option<Arc<str>>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk {
    /// Series with points. A series that comes in pieces comes with the same metadata again.
    Series(Vec<Series>),
    /// Metadata.
    Metadata(Vec<Metadata>),
    /// Cardinalities, as JSON.
    Stats(String),
    /// The source of a macro.
    Macro(String),
    /// How many datapoints or series were written or deleted.
    Count(u64),
    /// An HTTP answer: status, reason, headers, body.
    Http {
        /// Status code.
        status: u16,
        /// Reason phrase.
        reason: String,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
}

/// What comes back for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A part.
    Chunk(Chunk),
    /// That was all.
    End,
    /// It failed.
    Err(Error),
}
