//! One HTTP connection.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// The body of a request.
pub(crate) type Body = BoxBody<Bytes, std::convert::Infallible>;

/// A connection that is kept.
pub(crate) struct Client {
    authority: String,
    sender: SendRequest<Body>,
}

impl Client {
    pub(crate) async fn connect(authority: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // What goes wrong is told to the request that waits.
            let _ = connection.await;
        });
        Ok(Self { authority: authority.to_owned(), sender })
    }

    /// Sends a request; the answer's body is still to be read.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request =
            Request::builder().method(method).uri(path).header("Host", &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await?;
        Ok(self.sender.send_request(request.body(body)?).await?)
    }

    /// Posts `body` and reads the whole answer; anything but 200 is an error.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let response = self.send(Method::POST, path, &[], full(body)).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if status != hyper::StatusCode::OK {
            let text = String::from_utf8_lossy(&answer);
            return Err(format!("{path}: {status}: {}", text.trim()).into());
        }
        Ok(answer)
    }
}

/// A body at hand.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}
