//! Finds at directories of other processes: signed requests to their streaming ports.
//!
//! Such a request has one selector. Of several, each is asked by itself: one after the other, or
//! all at once and their answers merged where the order of ids is wanted. Each series is told once.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use weft_daemons::contract::PeerError;
use weft_daemons::contract::peer::{Answer, FIND_CHUNK_MAX, FindRequest};
use weft_gts::selector::{Selector, SelectorText};
use weft_gts::{Metadata, SipKey};
use weft_http::{Client, ClientError, ClientResponse, Patience};
use weft_wire::streaming::{self, StreamingRequest};

/// How long directories may take.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    head: Duration::from_secs(30),
    body: Duration::from_secs(60),
};

/// Bytes of one series' line.
const LINE_BYTES_MAX: usize = 4 << 20;

/// Bytes of a refusal that are told.
const REASON_BYTES_MAX: usize = 512;

/// Requests at once for one find.
const STREAMS_MAX: usize = 256;

/// What is needed to ask directories over the network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    client: Client,
    key: SipKey,
    signature_header: String,
    absent_labels: bool,
}

impl Network {
    /// Signs requests with `key`, in the header of that name.
    pub(crate) fn new(key: SipKey, signature_header: String, absent_labels: bool) -> Self {
        Self { client: Client::new(PATIENCE), key, signature_header, absent_labels }
    }

    async fn stream(
        &self,
        address: &str,
        request: &FindRequest,
        selector: &SelectorText,
    ) -> Result<Stream, PeerError> {
        let now_ms = crate::token::now_ms();
        let (active, quiet) = (request.active_after, request.quiet_after);
        let signed = StreamingRequest::new(self.key, now_ms, selector, active, quiet);
        let header = (self.signature_header.as_str(), signed.signature.as_str());
        let response = self.client.post(address, streaming::PATH, header, signed.body.into());
        let mut response = response.await.map_err(|error| unavailable(&error))?;
        match response.status {
            200 => Ok(Stream { response, buffer: BytesMut::new(), has_ended: false, head: None }),
            400 => Err(PeerError::Refused(reason(&mut response).await)),
            status => {
                let reason = reason(&mut response).await;
                Err(PeerError::Unavailable(format!("{address} (status {status}: {reason})")))
            }
        }
    }
}

/// The answer to one selector.
#[derive(Debug)]
struct Stream {
    response: ClientResponse,
    buffer: BytesMut,
    has_ended: bool,
    /// The next series, read ahead.
    head: Option<Metadata>,
}

impl Stream {
    /// The next series; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<Metadata>, PeerError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let mut searched = 0;
        loop {
            if let Some(end) = memchr(&self.buffer[searched..]) {
                let line = self.buffer.split_to(searched + end);
                self.buffer.advance(1);
                let line = line.strip_suffix(b"\r").unwrap_or(&line);
                let series = streaming::read_line(line);
                return series.map(Some).ok_or_else(|| {
                    PeerError::Refused("A directory answered what is no series.".to_owned())
                });
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(PeerError::Refused("A directory's line does not end.".to_owned()));
            }
            if self.has_ended {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(PeerError::Refused("A directory's answer broke off.".to_owned())),
                };
            }
            match self.response.piece().await.map_err(|error| unavailable(&error))? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => self.has_ended = true,
            }
        }
    }

    /// The next series, which stays the next.
    async fn peek(&mut self) -> Result<Option<&Metadata>, PeerError> {
        if self.head.is_none() {
            self.head = self.next().await?;
        }
        Ok(self.head.as_ref())
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

/// A find at one directory of another process.
#[derive(Debug)]
pub(super) struct RemoteFind {
    network: Network,
    address: String,
    request: FindRequest,
    streams: Vec<Stream>,
    /// The first selector that was not asked for.
    next: usize,
    /// Those that are done: what they match was told already.
    done: Vec<Selector>,
}

impl RemoteFind {
    pub(super) fn new(network: Network, address: String, request: FindRequest) -> Self {
        Self { network, address, request, streams: Vec::new(), next: 0, done: Vec::new() }
    }

    /// The next piece of the answer.
    pub(super) async fn answer(&mut self) -> Answer {
        let found = if self.request.sorted && self.request.selectors.len() > 1 {
            self.merged().await
        } else {
            self.in_turn().await
        };
        match found {
            Ok(series) if series.is_empty() => Answer::End,
            Ok(series) => Answer::Found(series),
            Err(error) => Answer::Failed(error),
        }
    }

    /// One selector after the other.
    async fn in_turn(&mut self) -> Result<Vec<Metadata>, PeerError> {
        let mut found = Vec::new();
        while found.len() < FIND_CHUNK_MAX {
            let Some(stream) = self.streams.first_mut() else {
                let Some(selector) = self.request.selectors.get(self.next) else { break };
                let stream = self.network.stream(&self.address, &self.request, selector).await?;
                self.streams.push(stream);
                continue;
            };
            match stream.next().await? {
                Some(series) if self.done.iter().any(|done| done.matches(&series)) => {}
                Some(series) => found.push(series),
                None => {
                    self.streams.clear();
                    if self.request.selectors.len() > 1 {
                        let selector = &self.request.selectors[self.next];
                        let compiled = Selector::new(selector, self.network.absent_labels)
                            .map_err(|error| PeerError::Refused(error.to_string()))?;
                        self.done.push(compiled);
                    }
                    self.next += 1;
                }
            }
        }
        Ok(found)
    }

    /// All selectors at once, in the order of ids.
    async fn merged(&mut self) -> Result<Vec<Metadata>, PeerError> {
        if self.request.selectors.len() > STREAMS_MAX {
            let message = format!("A find over the network has at most {STREAMS_MAX} selectors.");
            return Err(PeerError::Refused(message));
        }
        while let Some(selector) = self.request.selectors.get(self.next) {
            let stream = self.network.stream(&self.address, &self.request, selector).await?;
            self.streams.push(stream);
            self.next += 1;
        }
        let mut found: Vec<Metadata> = Vec::new();
        while found.len() < FIND_CHUNK_MAX {
            let mut first = None;
            for stream in &mut self.streams {
                if let Some(series) = stream.peek().await?
                    && first.is_none_or(|first| series.id < first)
                {
                    first = Some(series.id);
                }
            }
            let Some(first) = first else { break };
            let mut series = None;
            for stream in &mut self.streams {
                if stream.head.as_ref().is_some_and(|head| head.id == first) {
                    series = stream.head.take();
                }
            }
            found.extend(series);
        }
        Ok(found)
    }
}

fn unavailable(error: &ClientError) -> PeerError {
    PeerError::Unavailable(error.to_string())
}

/// The beginning of a refusal.
async fn reason(response: &mut ClientResponse) -> String {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = response.piece().await {
        let piece: Bytes = piece;
        text.extend_from_slice(&piece[..piece.len().min(REASON_BYTES_MAX - text.len())]);
        if text.len() == REASON_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}
