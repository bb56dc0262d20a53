//! Finds at directories of other processes: signed requests to their streaming ports.
//!
//! Such a request has one selector. Of several, each is asked by itself: one after the other, or
//! all at once and their answers merged where the order of ids is wanted. Each series is told once.
//! Estimates are one request for all selectors.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use weft_daemons::contract::PeerError;
use weft_daemons::contract::peer::{Answer, FIND_CHUNK_MAX, FindRequest};
use weft_gts::selector::{Selector, SelectorText};
use weft_gts::{Metadata, SipKey};
use weft_http::{Client, ClientError, ClientResponse, Patience};
use weft_wire::streaming::{self, StreamingRequest};
use weft_wire::thrift::DirectoryStatsResponse;

/// How long directories may take.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    head: Duration::from_secs(30),
    body: Duration::from_secs(60),
};

/// Bytes of the line of a series, or of estimates.
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

    /// The same over another client.
    #[cfg(test)]
    pub(super) fn over(self, client: Client) -> Self {
        Self { client, ..self }
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
        let header = Some((self.signature_header.as_str(), signed.signature.as_str()));
        let lines = self.post(address, streaming::PATH, header, signed.body).await?;
        Ok(Stream { lines, head: None })
    }

    /// How many series match.
    async fn estimates(
        &self,
        address: &str,
        request: &FindRequest,
    ) -> Result<DirectoryStatsResponse, PeerError> {
        let now_ms = crate::token::now_ms();
        let body = streaming::stats_request(self.key, now_ms, &request.selectors);
        // The line has its signature within.
        let mut lines = self.post(address, streaming::STATS_PATH, None, body).await?;
        let line = lines.next().await?.unwrap_or_default();
        // A connection whose answer was read to its end serves again.
        let _ = lines.next().await;
        let answer = streaming::read_stats(&line).ok_or_else(|| {
            PeerError::Refused("A directory answered what are no estimates.".to_owned())
        })?;
        match answer.error {
            // Its reason may be its own: that it is still loading, or that its clock is wrong.
            Some(error) => Err(PeerError::Unavailable(format!("{address} ({error})"))),
            None => Ok(answer),
        }
    }

    async fn post(
        &self,
        address: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: String,
    ) -> Result<Lines, PeerError> {
        let response = self.client.post(address, path, header, body.into());
        let mut response = response.await.map_err(|error| unavailable(&error))?;
        match response.status {
            200 => Ok(Lines { response, buffer: BytesMut::new(), has_ended: false }),
            400 => Err(PeerError::Refused(reason(&mut response).await)),
            status => {
                let reason = reason(&mut response).await;
                Err(PeerError::Unavailable(format!("{address} (status {status}: {reason})")))
            }
        }
    }
}

/// An answer, line by line.
#[derive(Debug)]
struct Lines {
    response: ClientResponse,
    buffer: BytesMut,
    has_ended: bool,
}

impl Lines {
    /// The next line without its end; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<BytesMut>, PeerError> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr(&self.buffer[searched..]) {
                let mut line = self.buffer.split_to(searched + end);
                self.buffer.advance(1);
                if line.ends_with(b"\r") {
                    line.truncate(line.len() - 1);
                }
                return Ok(Some(line));
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
}

/// The answer to one selector.
#[derive(Debug)]
struct Stream {
    lines: Lines,
    /// The next series, read ahead.
    head: Option<Metadata>,
}

impl Stream {
    /// The next series; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<Metadata>, PeerError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let Some(line) = self.lines.next().await? else { return Ok(None) };
        let series = streaming::read_line(&line);
        series
            .map(Some)
            .ok_or_else(|| PeerError::Refused("A directory answered what is no series.".to_owned()))
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
        if self.request.estimates {
            return match self.network.estimates(&self.address, &self.request).await {
                Ok(counted) => Answer::Counted(Box::new(counted)),
                Err(error) => Answer::Failed(error),
            };
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use weft_gts::SeriesId;

    use super::*;

    fn line(class: &str, number: i64) -> Vec<u8> {
        let mut metadata = Metadata::new(class, [("n", "1")].into_iter().collect());
        metadata.id = SeriesId { class_id: number, labels_id: 0 };
        let mut line = Vec::new();
        streaming::write_line(&mut line, &metadata);
        line
    }

    /// A whole answer.
    fn answer(status: &str, body: &[u8]) -> Vec<u8> {
        let mut answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        answer
    }

    /// A directory that gives these answers, one a connection; where it listens.
    async fn directory(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let mut request = Vec::new();
                // Up to the body.
                let is_body = |bytes: &[u8]| bytes.starts_with(b"\r\n\r\n") && bytes.len() > 4;
                while !request.windows(13).any(is_body) {
                    let mut piece = [0; 4096];
                    let count = stream.read(&mut piece).await.unwrap_or_default();
                    request.extend_from_slice(&piece[..count]);
                }
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        address
    }

    /// Every piece of a find for these selectors.
    async fn find(address: &str, selectors: &[&str], sorted: bool) -> Vec<Answer> {
        asked(address, selectors, FindRequest { sorted, ..FindRequest::default() }).await
    }

    async fn asked(address: &str, selectors: &[&str], request: FindRequest) -> Vec<Answer> {
        let parse = |text: &&str| SelectorText::parse(text).expect("a selector");
        let request = FindRequest { selectors: selectors.iter().map(parse).collect(), ..request };
        let network = Network::new(SipKey::new(1, 2), "X-Signature".to_owned(), false);
        let mut find = RemoteFind::new(network, address.to_owned(), request);
        let mut answers = Vec::new();
        loop {
            answers.push(find.answer().await);
            if !matches!(answers.last(), Some(Answer::Found(_))) {
                return answers;
            }
        }
    }

    fn ids(answers: &[Answer]) -> Vec<i64> {
        let found = answers.iter().filter_map(|answer| match answer {
            Answer::Found(series) => Some(series),
            _ => None,
        });
        found.flatten().map(|metadata| metadata.id.class_id).collect()
    }

    #[tokio::test]
    async fn several_selectors_are_asked_in_turn_or_merged() {
        let first = answer("200 OK", &[line("a", 1), line("b", 4)].concat());
        let second = answer("200 OK", &[line("b", 3), line("b", 4), line("b", 7)].concat());
        let both = ["~[ab]{}", "b{}"];
        let address = directory(vec![first.clone(), second.clone()]).await;
        let found = find(&address, &both, true).await;
        assert_eq!((ids(&found), found.last()), (vec![1, 3, 4, 7], Some(&Answer::End)));
        // What the first one would have told is not told again, whatever its id.
        let address = directory(vec![first, second]).await;
        assert_eq!(ids(&find(&address, &["a{}", "b{}"], false).await), [1, 4, 3, 4, 7]);
        let again = answer("200 OK", &line("a", 1));
        let address = directory(vec![again.clone(), again]).await;
        assert_eq!(ids(&find(&address, &["~[ab]{}", "a{}"], false).await), [1]);
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_a_failure() {
        let whole = answer("200 OK", &[line("a", 1), line("a", 2)].concat());
        let address = directory(vec![whole[..whole.len() - 3].to_vec()]).await;
        let found = find(&address, &["a{}"], false).await;
        assert!(matches!(found[..], [Answer::Failed(PeerError::Unavailable(_))]), "{found:?}");
        for body in [&b"no series\r\n"[..], &line("a", 1)[..9]] {
            let address = directory(vec![answer("200 OK", body)]).await;
            let found = find(&address, &["a{}"], false).await;
            assert!(matches!(found[..], [Answer::Failed(PeerError::Refused(_))]), "{found:?}");
        }
    }

    #[tokio::test]
    async fn series_that_are_counted_do_not_travel() {
        let counted = DirectoryStatsResponse { gts_count: Some(vec![7]), ..Default::default() };
        let line = |answer: &DirectoryStatsResponse| {
            format!("{}\r\n", weft_wire::opb64::encode(&answer.encode()))
        };
        let request = FindRequest { estimates: true, ..FindRequest::default() };
        let address = directory(vec![answer("200 OK", line(&counted).as_bytes())]).await;
        let found = asked(&address, &["a{}", "b{}"], request.clone()).await;
        assert_eq!(found, [Answer::Counted(Box::new(counted))], "one request for both");
        let error = Some("It is loading.".to_owned());
        let loading = DirectoryStatsResponse { error, ..Default::default() };
        let address = directory(vec![answer("200 OK", line(&loading).as_bytes())]).await;
        let found = asked(&address, &["a{}"], request.clone()).await;
        assert!(matches!(found[..], [Answer::Failed(PeerError::Unavailable(_))]), "{found:?}");
        for body in [&b""[..], b"no estimates\r\n"] {
            let address = directory(vec![answer("200 OK", body)]).await;
            let found = asked(&address, &["a{}"], request.clone()).await;
            assert!(matches!(found[..], [Answer::Failed(PeerError::Refused(_))]), "{found:?}");
        }
    }

    #[tokio::test]
    async fn who_cannot_answer_is_unavailable() {
        let busy = answer("503 Busy", b"loading");
        let address = directory(vec![busy]).await;
        let found = find(&address, &["a{}"], false).await;
        let asked = format!("directory {address} (status 503: loading) is unavailable");
        let [Answer::Failed(error)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(error.to_string(), asked);
        // Nobody listens any more.
        let found = find(&address, &["a{}"], false).await;
        assert!(matches!(found[..], [Answer::Failed(PeerError::Unavailable(_))]), "{found:?}");
        let address = directory(vec![answer("400 Bad", b"no selector")]).await;
        let found = find(&address, &["a{}"], false).await;
        assert_eq!(found, [Answer::Failed(PeerError::Refused("no selector".to_owned()))]);
    }
}
