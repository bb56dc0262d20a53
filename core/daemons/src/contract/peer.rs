//! What daemons say to each other without the log: directory requests, and how far consumers are.
//!
//! In one process the shell hands these over as they are; between processes they travel as the
//! reference's signed HTTP requests to the directory's streaming port. The library of scripts and
//! the folder of throttling are the shell's own.

use std::collections::BTreeMap;

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use weft_gts::Metadata;
use weft_gts::selector::SelectorText;
use weft_warpscript::requests::{Library, Switch};
use weft_wire::thrift::DirectoryStatsResponse;
use weft_wire::token::{NamedTokens, Revocations};

use super::http::RequestHead;
use super::{ActionId, log::Topic};

/// Which directory: the name of its node under `directory.zk.znode`.
pub type InstanceId = std::sync::Arc<str>;

/// Where a directory answers over the network: `host:port`, empty when it does not say.
pub type PeerAddress = std::sync::Arc<str>;

/// A find: which series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindRequest {
    /// Series that match any of these, each once.
    pub selectors: Vec<SelectorText>,
    /// Whether they come in the order of ids; else those of the first selector come first, and so
    /// on. With one selector there is no difference.
    pub sorted: bool,
    /// Only series active after this moment, milliseconds since the epoch.
    pub active_after: Option<i64>,
    /// Only series quiet after this moment, milliseconds since the epoch.
    pub quiet_after: Option<i64>,
    /// Whether the series are only counted: the answer is one [`Answer::Counted`].
    pub estimates: bool,
}

/// What a machine asks of another daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAction {
    /// Asker: begin a find at one directory; a stream pulled by [`PeerAction::Next`].
    Find {
        /// Names the stream.
        id: ActionId,
        /// Which directory.
        instance: InstanceId,
        /// Where it says that it listens, for shells that go over the network.
        address: PeerAddress,
        /// What to find.
        request: FindRequest,
    },
    /// Asker: one more chunk of the stream.
    Next {
        /// The stream.
        id: ActionId,
    },
    /// Asker: the rest of a stream, or the answer of a [`PeerAction::Call`], is not wanted. No answer. A
    /// script that was called ends.
    Cancel {
        /// The stream, or the call.
        id: ActionId,
    },
    /// Directory: answers one [`PeerEvent::Ask`] or [`PeerEvent::AskNext`].
    Answer {
        /// The asker's stream, as the shell named it.
        ask: ActionId,
        /// The answer.
        answer: Answer,
    },
    /// Asker: an HTTP request to the component that serves its path, as a client would make it.
    /// Answered by [`PeerEvent::Called`].
    Call {
        /// Echoed.
        id: ActionId,
        /// The head of the request.
        head: RequestHead,
        /// Its body.
        body: Bytes,
    },
    /// Egress: a script asks the library, or tells it something. Answered by [`PeerEvent::Script`],
    /// except for [`Library::Loaded`].
    Script {
        /// Echoed.
        id: ActionId,
        /// What it asks.
        ask: Library,
    },
    /// Egress: a script switches what ingresses of its process take. No answer.
    Switch(Switch),
    /// Runner: which scripts are there. Answered by [`PeerEvent::Scanned`].
    Scan {
        /// Echoed.
        id: ActionId,
    },
    /// Runner: what a script says. Answered by [`PeerEvent::Read`].
    Read {
        /// Echoed.
        id: ActionId,
        /// Its path, as it was told.
        path: std::sync::Arc<str>,
    },
    /// The addresses of a host. Answered by [`PeerEvent::Resolved`].
    Resolve {
        /// Echoed.
        id: ActionId,
        /// The host.
        host: String,
        /// How long that may take.
        time_max: Duration,
    },
    /// An HTTP request to an address outside, on a connection of its own. Redirects are not followed.
    /// Answered by [`PeerEvent::Web`].
    Web {
        /// Echoed.
        id: ActionId,
        /// What is asked.
        call: Box<WebCall>,
    },
    /// Ingress: asks for its folder of throttling. Answered by [`PeerEvent::Throttle`].
    Throttle {
        /// Echoed.
        id: ActionId,
        /// What it asks.
        ask: ThrottleAsk,
    },
    /// Consumer: everything before `offset` of the partition is applied, for readers that wait
    /// for their own writes.
    Applied {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The first offset not applied.
        offset: u64,
    },
}

/// An HTTP request to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebCall {
    /// Where to connect, and nowhere else.
    pub address: SocketAddr,
    /// Over TLS, with a certificate for this name or address; `None` in plain text.
    pub tls_name: Option<String>,
    /// Who is meant there: the header `Host`.
    pub authority: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long it may take, from the first byte of the connection to the last one of the answer.
    pub time_max: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes_max: usize,
    /// Whether a longer answer is cut there; else it is an error.
    pub may_cut: bool,
}

/// An answer from the outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebResponse {
    /// The status code.
    pub status: u16,
    /// What it is called.
    pub reason: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Addresses of one host that are told.
pub const ADDRESSES_MAX: usize = 64;

/// What an ingress asks of its folder of throttling, one thing after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThrottleAsk {
    /// What was kept last.
    Recall,
    /// Which files there are.
    Scan {
        /// Files that were read, in these versions: their texts are not wanted.
        known: BTreeMap<String, u64>,
    },
    /// Keep this in the place of what was kept before: all of it, or, after a crash, nothing of it.
    Keep(Bytes),
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThrottleAnswer {
    /// What was kept last, if anything.
    Recalled(Option<Bytes>),
    /// The files that there are, by name, at most [`THROTTLE_FILES_MAX`].
    Scanned(Vec<ThrottleFile>),
    /// It is kept, durably.
    Kept,
}

/// A file of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleFile {
    /// Its name.
    pub name: String,
    /// Another one whenever its text is another.
    pub version: u64,
    /// Its text, at most [`THROTTLE_BYTES_MAX`]; `None` where the version is known; `Err` says why it
    /// cannot be told.
    pub text: Option<Result<Bytes, String>>,
}

/// Files of limits.
pub const THROTTLE_FILES_MAX: usize = 10_000;

/// Bytes of a file of limits, or of what is kept.
pub const THROTTLE_BYTES_MAX: usize = 512 << 20;

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Series in the order that was asked for, at most [`FIND_CHUNK_MAX`].
    Found(Vec<Metadata>),
    /// How many there are, where that was asked for. Nothing comes after it.
    Counted(Box<DirectoryStatsResponse>),
    /// There are no more.
    End,
    /// It failed: what came so far is not all.
    Failed(PeerError),
}

/// A whole answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResponse {
    /// The status code.
    pub status: u16,
    /// The body, at most [`CALL_BODY_MAX`] bytes.
    pub body: Bytes,
}

/// What comes of a call.
pub type CallResult = Result<CallResponse, PeerError>;

/// Bytes of the body of an answer to a call; a longer one is an error.
pub const CALL_BODY_MAX: usize = 256 << 20;

/// Scripts of a runner.
pub const SCRIPTS_MAX: usize = 100_000;

/// Bytes of a script of a runner.
pub const SCRIPT_BYTES_MAX: usize = 16 << 20;

/// Series in one chunk of an answer.
pub const FIND_CHUNK_MAX: usize = 1_024;

/// What other daemons tell a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// Asker: a piece of a find's answer.
    Answered {
        /// The stream.
        id: ActionId,
        /// The piece.
        answer: Answer,
    },
    /// Directory: somebody begins a find. The first chunk is sent at once.
    Ask {
        /// Names the asker's stream here.
        ask: ActionId,
        /// What to find.
        request: FindRequest,
    },
    /// Directory: one more chunk is wanted.
    AskNext {
        /// The stream.
        ask: ActionId,
    },
    /// Directory: the rest is not wanted.
    AskCancel {
        /// The stream.
        ask: ActionId,
    },
    /// Asker: how a [`PeerAction::Call`] was answered.
    Called {
        /// The call.
        id: ActionId,
        /// The answer; `Err` when there is none. The request may have been carried out.
        result: CallResult,
    },
    /// Egress: the library's answer.
    Script {
        /// The question.
        id: ActionId,
        /// The source, if there is one; `Err` says why it cannot be read.
        result: Result<Option<std::sync::Arc<str>>, String>,
    },
    /// Runner: the scripts that are there.
    Scanned {
        /// The question.
        id: ActionId,
        /// Paths below the folder of scripts, their parts separated by `/`, at most
        /// [`SCRIPTS_MAX`]; `Err` says why they cannot be told.
        result: Result<Vec<std::sync::Arc<str>>, String>,
    },
    /// Runner: what a script says.
    Read {
        /// The question.
        id: ActionId,
        /// Its text, at most [`SCRIPT_BYTES_MAX`]; `Err` says why it cannot be told.
        result: Result<Bytes, String>,
    },
    /// The addresses of a host.
    Resolved {
        /// The question.
        id: ActionId,
        /// Its addresses, at most [`ADDRESSES_MAX`]; `Err` says why they are not known.
        result: Result<Vec<IpAddr>, String>,
    },
    /// What came of a [`PeerAction::Web`].
    Web {
        /// The request.
        id: ActionId,
        /// The answer; `Err` says why there is none. The request may have been carried out.
        result: Result<Box<WebResponse>, String>,
    },
    /// Ingress: what it asked of its folder of throttling.
    Throttle {
        /// The question.
        id: ActionId,
        /// The answer; `Err` says why there is none.
        result: Result<ThrottleAnswer, String>,
    },
    /// Whoever checks tokens: these are revoked from now on, and no others.
    Revoked(std::sync::Arc<Revocations>),
    /// Whoever checks tokens: these have plain names from now on, and no others.
    Named(std::sync::Arc<NamedTokens>),
    /// Ingress: what it takes from now on.
    Switched(Switch),
    /// Reader: a consumer in this process has applied everything before `offset`.
    Applied {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The first offset not applied.
        offset: u64,
    },
}

/// Why another daemon could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It cannot be reached, or is not complete yet.
    #[error("directory {0} is unavailable")]
    Unavailable(String),
    /// It refused the request.
    #[error("{0}")]
    Refused(String),
}
