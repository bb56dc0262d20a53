//! The HTTP server, as a machine sees it.
//!
//! Requests and responses are streams of chunks with explicit flow control in both directions.
//! The server frames, limits header sizes and closes idle connections; everything else is the
//! machine's.

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
    /// All body bytes handed over so far have gone out: more is welcome.
    Drained {
        /// The request.
        request: RequestId,
    },
}

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
    /// Deliver no more of the request's body for now.
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
