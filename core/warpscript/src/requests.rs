//! What a script asks of the platform, and the answers it gets.
//!
//! A word that needs the store makes a [`Request`]; [`Machine::run`](crate::machine::Machine::run)
//! hands it out with its id and goes on with whatever needs no answer. Answers come back in chunks
//! under that id. Tokens are passed as the script gave them: who serves the request checks them and
//! answers with the reason when they do not hold.

use std::sync::Arc;

use weft_gts::{Columns, Labels, Metadata};

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
    /// Something of the library of scripts (`@path/of/macro`).
    Library(Library),
    /// A call to the outside (`WEBCALL`, `HTTP`, `URLFETCH`, `REXEC`).
    Http(Box<Http>),
    /// What runs beside the script (`WSPS`, `WSKILL`).
    Scripts(Scripts),
    /// What scripts share (`MUTEX`, `SHMLOAD`).
    Shared(Shared),
    /// To switch a service of the platform off, or on again (`UPDATEOFF`); answered with nothing.
    Switch(Switch),
    /// To be woken at an instant of the monotonic clock, nanoseconds (`SLEEP`).
    Sleep(u64),
}

/// What a script asks of the library of scripts, or tells it. Sources come as [`Chunk::Source`]; an
/// answer without one means that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// The source of a macro.
    Macro(Arc<str>),
    /// A file that the source of a macro includes, by its path in the macro's first folder.
    Include {
        /// The macro.
        name: Arc<str>,
        /// The path.
        path: Arc<str>,
    },
    /// The code that runs before every script.
    Bootstrap,
    /// A line for a program of the platform, which answers with one (`CALL`).
    Program {
        /// The program.
        name: Arc<str>,
        /// The line, without its end.
        line: Arc<str>,
        /// How long it may take until one of the program is free, milliseconds.
        wait_ms: u64,
    },
    /// A source was run. There is no answer.
    Loaded {
        /// The macro; `None` for the bootstrap.
        name: Option<Arc<str>>,
        /// How long it may be kept, milliseconds (`MACROTTL`).
        ttl_ms: Option<i64>,
        /// Why it cannot be used.
        failure: Option<String>,
    },
}

/// What a script asks about the scripts of its process, itself included. Whoever asks by a secret
/// says it; the platform compares it with its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// Which run, or which of a session do: answered with [`Chunk::Scripts`].
    List {
        /// The session.
        session: Option<Arc<str>>,
        /// The secret, from a script that has to say one.
        secret: Option<Arc<str>>,
    },
    /// One script is to end, by its name; answered with how many did.
    Signal {
        /// Its UUID.
        uuid: Arc<str>,
        /// How it is to end.
        signal: Signal,
        /// The secret, from a script that has to say one.
        secret: Option<Arc<str>>,
    },
    /// The scripts of a session are to end; answered with how many did.
    SignalSession {
        /// The session.
        session: Arc<str>,
        /// How they are to end.
        signal: Signal,
    },
    /// The secret is to be another one.
    Secret {
        /// The one that it was.
        old: Arc<str>,
        /// The one that it is from now on.
        new: Arc<str>,
    },
}

/// How a script is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// As by `STOP`: with what is on its stack.
    Stop,
    /// With an error.
    Kill,
}

/// A script that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningScript {
    /// What it is called by those who end it.
    pub uuid: String,
    /// When its request came, milliseconds since the epoch.
    pub created_ms: i64,
    /// How far it was when it was seen last.
    pub sight: Sight,
}

/// How far a script is, and what it calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Datapoints fetched.
    pub fetched: i64,
    /// Series fetched.
    pub fetched_series: i64,
    /// The macro that runs.
    pub macro_name: Option<Arc<str>>,
    /// The section that runs.
    pub section: Option<Arc<str>>,
    /// Its name (`WSNAME`).
    pub name: Option<Arc<str>>,
    /// Its session (`WSSESSION`).
    pub session: Option<Arc<str>>,
}

/// What ingresses take from clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Datapoints.
    Update,
    /// Attributes.
    Meta,
    /// Deletes.
    Delete,
}

/// A service of the ingresses of one process is on or off from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Which.
    pub service: Service,
    /// Why it is off, which is what clients are told; `None`: it is on.
    pub reason: Option<Arc<str>>,
}

/// What a script wants of the mutexes and values that all scripts of its process share. A value is
/// a script that makes it, and belongs to the mutex under which it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// To hold a mutex: the answer ends when it does.
    Lock {
        /// The mutex.
        mutex: Arc<str>,
        /// How long it waits, milliseconds; 0 for ever.
        wait_ms: u64,
    },
    /// It no longer holds, or wants, a mutex.
    Unlock {
        /// The mutex.
        mutex: Arc<str>,
        /// Values that it changed meanwhile: symbols and scripts.
        changed: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The value of a symbol: answered with [`Chunk::Source`].
    Load(Arc<str>),
    /// A value for a symbol that has none, or none for one that has; answered with how many were
    /// stored.
    Store {
        /// The symbol.
        symbol: Arc<str>,
        /// The mutex, which is held.
        mutex: Arc<str>,
        /// The value.
        value: Option<Arc<str>>,
    },
    /// Whether a symbol has a value: answered with 1 or 0.
    Defined(Arc<str>),
}

/// Which series are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Series that match one of the selectors: class selector, label selectors.
    Selectors(Vec<(Arc<str>, Labels)>),
    /// Exactly these series.
    Series(Vec<Metadata>),
}

/// What series are found for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindPurpose {
    /// The script sees them, without owner and producer where the token does not tell those.
    #[default]
    Series,
    /// The script sees which classes, labels and attributes there are, owner and producer too.
    Sets,
    /// For a metaset: the token must allow fetching too, and owner and producer are told.
    MetaSet,
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
    /// So many series are left out.
    pub skip: u64,
    /// Then at most so many are taken.
    pub count: u64,
    /// What for.
    pub purpose: FindPurpose,
}

/// A fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Which series.
    pub find: Find,
    /// For each series that is found, those with its labels and these classes too.
    pub extra: Vec<Arc<str>>,
    /// Newest tick.
    pub end: i64,
    /// Oldest tick.
    pub start: i64,
    /// At most so many points a series, from the newest; negative for all. When it is not given
    /// the token decides, as with the boundaries.
    pub count: Option<i64>,
    /// So many of the newest points are left out.
    pub skip: i64,
    /// Every so many-th point only.
    pub step: i64,
    /// At least so far apart.
    pub timestep: i64,
    /// The probability for a point to be taken.
    pub sample: f64,
    /// So many points more before the range.
    pub pre_boundary: Option<i64>,
    /// So many points more after the range.
    pub post_boundary: Option<i64>,
}

/// A write: lines of the text input format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Write token.
    pub token: Arc<str>,
    /// The lines.
    pub lines: Vec<u8>,
    /// Attributes that are not named stay (`METADIFF`).
    pub delta: bool,
}

/// A delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Write token.
    pub token: Arc<str>,
    /// Selector.
    pub selector: Arc<str>,
    /// The range of ticks, both ends included, as numbers or instants; `None` for everything
    /// (`deleteall`).
    pub range: Option<(Arc<str>, Arc<str>)>,
    /// How many series the script expects at most: when there are more, nothing is deleted. `None`
    /// tells which series there are, and deletes nothing.
    pub expected: Option<i64>,
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
    /// Write token of a WEBCALL: the call goes out through the log, and the answer is its name.
    pub token: Option<Arc<str>>,
    /// Bytes of the answer's body.
    pub answer_bytes_max: usize,
    /// Who asks.
    pub hosts: Hosts,
}

/// By whose patterns a call's host must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// `WEBCALL`: `webcall.host.patterns`.
    WebCall,
    /// `HTTP`: `warpscript.http.host.patterns`.
    Http,
    /// `REXEC`: `warpscript.rexec.endpoint.patterns`.
    Rexec,
    /// `URLFETCH`: `warpscript.urlfetch.host.patterns`.
    UrlFetch,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk {
    /// Metadata. Owner and producer are left out where the token does not tell them.
    Metadata(Vec<Metadata>),
    /// Points of a series, in the order that was asked for. A series may come in pieces.
    Points {
        /// Which of the series told in [`Chunk::Metadata`] so far; never goes back.
        series: usize,
        /// The points, of any types.
        points: Columns,
    },
    /// Cardinalities.
    Stats(Box<Stats>),
    /// A script that the token wants run when the fetch is done.
    Hook(Arc<str>),
    /// The source of a script.
    Source(Arc<str>),
    /// Scripts that run.
    Scripts(Vec<RunningScript>),
    /// What a call that goes out later is called.
    Name(Arc<str>),
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

/// Estimates of how much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series.
    pub series: i64,
    /// Classes.
    pub classes: i64,
    /// Names of labels and attributes.
    pub label_names: i64,
    /// Values of labels and attributes.
    pub label_values: i64,
    /// Series of each class; empty when there are too many classes.
    pub by_class: Vec<(String, i64)>,
    /// Values of each label or attribute; empty when there are too many.
    pub by_label: Vec<(String, i64)>,
}

/// What comes back for a request. The text of an error reads with the name of the word that asked
/// in front of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A part.
    Chunk(Chunk),
    /// That was all.
    End,
    /// It failed.
    Err(Error),
}
