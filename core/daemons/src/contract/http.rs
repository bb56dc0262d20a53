//! The HTTP server, as a machine sees it.
//!
//! Requests and responses are streams of chunks with explicit flow control in both directions.
//! The server frames, limits header sizes and closes idle connections; everything else is the
//! machine's.
//!
//! A request that asks for a WebSocket has no body. Its machine answers it as any other, or takes it
//! by [`HttpAction::Upgrade`]: from then on messages go both ways, with the same flow control. Pings,
//! fragments, limits and the closing handshake are the server's.

use bytes::Bytes;

/// Names one request until its response has ended or its client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// What stands behind the `?`, as sent; empty when nothing does.
    pub query: String,
    /// Names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
}

impl RequestHead {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Whether a WebSocket is asked for.
    pub fn is_websocket(&self) -> bool {
        let says = |name, word: &str| {
            self.header(name).is_some_and(|value| {
                value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
            })
        };
        self.method == "GET"
            && says("connection", "upgrade")
            && says("upgrade", "websocket")
            && says("sec-websocket-version", "13")
            && self.header("sec-websocket-key").is_some()
    }
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text: UTF-8, in both directions.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// What the message holds.
    pub const fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// Why a WebSocket is closed: codes of RFC 6455.
pub mod close {
    /// All is done.
    pub const NORMAL: u16 = 1_000;
    /// The server stops.
    pub const GOING_AWAY: u16 = 1_001;
    /// What came cannot be accepted.
    pub const POLICY: u16 = 1_008;
    /// The server failed.
    pub const ERROR: u16 = 1_011;
}

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
}

/// What the server tells a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpEvent {
    /// A request began.
    Head {
        /// The request.
        request: RequestId,
        /// Its head.
        head: RequestHead,
    },
    /// A piece of its body.
    Body {
        /// The request.
        request: RequestId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Its body is complete.
    End {
        /// The request.
        request: RequestId,
    },
    /// The body broke off or did not come in time: there is no more of it, and it is not
    /// complete. The client may still read an answer.
    Broken {
        /// The request.
        request: RequestId,
    },
    /// The client went away. Nothing more is sent or received.
    Gone {
        /// The request.
        request: RequestId,
    },
    /// A message came, whole and not longer than [`HttpAction::Upgrade`] allows.
    Message {
        /// The request.
        request: RequestId,
        /// The message.
        message: Message,
    },
    /// Everything handed over so far, of a body or in messages, has gone out: more is welcome.
    Drained {
        /// The request.
        request: RequestId,
    },
}

/// Bytes of the reason of a close.
pub const REASON_BYTES_MAX: usize = 123;

/// What a machine asks of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAction {
    /// Begin the response.
    Head {
        /// The request.
        request: RequestId,
        /// Its head.
        head: ResponseHead,
    },
    /// A piece of its body. A machine hands over at most a few pieces before it waits for
    /// [`HttpEvent::Drained`].
    Body {
        /// The request.
        request: RequestId,
        /// The bytes.
        bytes: Bytes,
    },
    /// The response is complete. What is left of the request's body is not read.
    End {
        /// The request.
        request: RequestId,
    },
    /// Break the connection: the response cannot be completed and must not look as if it were.
    Abort {
        /// The request.
        request: RequestId,
    },
    /// Open the WebSocket that was asked for, instead of a response.
    Upgrade {
        /// The request.
        request: RequestId,
        /// Bytes of a message that comes in; a longer one ends the connection (close code 1009).
        message_bytes_max: usize,
    },
    /// A message. A machine hands over a bounded number of bytes before it waits for
    /// [`HttpEvent::Drained`].
    Message {
        /// The request.
        request: RequestId,
        /// The message.
        message: Message,
    },
    /// Close the WebSocket once what was handed over has gone out; not much later whether it has
    /// or not. No event follows.
    Close {
        /// The request.
        request: RequestId,
        /// Why: of [`close`], or one of those for applications.
        code: u16,
        /// Why, in words: at most [`REASON_BYTES_MAX`] of them are sent.
        reason: String,
    },
    /// Deliver no more of the request's body, or no more messages, for now.
    Pause {
        /// The request.
        request: RequestId,
    },
    /// Deliver again.
    Resume {
        /// The request.
        request: RequestId,
    },
}
