//! The HTTP client of `weft load`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to the update endpoint.
pub(crate) struct Client {
    host: String,
    address: String,
    path: String,
    token: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All of it is stored.
    Stored,
    /// A line was refused; what stands before it is stored.
    Refused {
        /// Which line of the batch, from 1.
        line: u64,
        /// Why.
        message: String,
    },
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Whether trying again is of no use.
    pub(crate) is_final: bool,
    pub(crate) message: String,
}

impl Failure {
    fn again(message: impl ToString) -> Self {
        Self { is_final: false, message: message.to_string() }
    }
}

impl Client {
    /// A client of the platform at `url`.
    pub(crate) fn new(url: &str, token: String) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url}: not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{url}: http:// is expected"));
        }
        let host = uri.authority().ok_or_else(|| format!("{url}: no host"))?.to_string();
        let port = uri.port_u16().unwrap_or(80);
        let address = format!("{}:{port}", uri.host().unwrap_or_default());
        let path = format!("{}/api/v0/update", uri.path().trim_end_matches('/'));
        Ok(Self { host, address, path, token, sender: None })
    }

    /// Sends lines.
    pub(crate) async fn update(&mut self, lines: &[u8]) -> Result<Answer, Failure> {
        let result = self.try_update(lines).await;
        if result.is_err() {
            self.sender = None;
        }
        result
    }

    async fn try_update(&mut self, lines: &[u8]) -> Result<Answer, Failure> {
        let request = Request::post(&self.path)
            .header("Host", &self.host)
            .header("X-Warp10-Token", &self.token)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(Full::new(Bytes::copy_from_slice(lines)))
            .map_err(Failure::again)?;
        let sender = self.connected().await?;
        let response = sender.send_request(request).await.map_err(Failure::again)?;
        let status = response.status().as_u16();
        let line = response.headers().get("x-weft-line").and_then(|value| value.to_str().ok());
        let line: Option<u64> = line.and_then(|line| line.parse().ok());
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        let body = response.into_body().collect().await.map_err(Failure::again)?.to_bytes();
        let message = String::from_utf8_lossy(&body).trim().to_owned();
        if closes || status >= 400 {
            self.sender = None;
        }
        match (status, line) {
            (200, _) => Ok(Answer::Stored),
            (400, Some(line)) => Ok(Answer::Refused { line, message }),
            (429 | 503, _) => Err(Failure::again(format!("{status}: {message}"))),
            _ => Err(Failure { is_final: true, message: format!("{status}: {message}") }),
        }
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let is_ready = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_ready {
            let stream = TcpStream::connect(&self.address)
                .await
                .map_err(|error| Failure::again(format!("{}: {error}", self.address)))?;
            let _ = stream.set_nodelay(true);
            let (sender, connection) =
                handshake(TokioIo::new(stream)).await.map_err(Failure::again)?;
            tokio::spawn(async move {
                // Its end shows in the next request.
                let _ = connection.await;
            });
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or_else(|| Failure::again("not connected"))
    }
}
