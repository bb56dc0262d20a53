//! Requests to other processes over HTTP/1.1. Connections are used again.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weft_daemons::contract::RequestHead;

/// Connections kept for one address.
const IDLE_MAX: usize = 16;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To connect.
    pub connect: Duration,
    /// The head of a response.
    pub head: Duration,
    /// The next piece of its body.
    pub body: Duration,
}

/// Why there is no response, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Something took too long.
    #[error("{0}: no answer in {1:?}")]
    Slow(String, Duration),
    /// The connection failed.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
    /// What came is not HTTP, or broke off.
    #[error("{0}: {1}")]
    Http(String, #[source] hyper::Error),
    /// The request cannot be sent.
    #[error("{0}: not a request: {1}")]
    Request(String, String),
}

/// A client. Clones share connections.
#[derive(Clone)]
pub struct Client {
    idle: Arc<Idle>,
    dial: Dial,
    patience: Patience,
}

/// A connection that requests go to.
type Connection = SendRequest<Full<Bytes>>;

type Idle = Mutex<BTreeMap<String, Vec<Connection>>>;

/// Makes a connection to `host:port`.
type Dial = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Dialled> + Send>> + Send + Sync>;

type Dialled = Result<Connection, ClientError>;

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("idle", &self.idle).finish_non_exhaustive()
    }
}

/// A response whose body has not ended.
#[derive(Debug)]
pub struct ClientResponse {
    /// The status code.
    pub status: u16,
    address: String,
    body: Incoming,
    patience: Duration,
    /// Goes back to the others at the end of the body.
    connection: Option<(Arc<Idle>, Connection)>,
}

impl Client {
    /// A client without connections.
    pub fn new(patience: Patience) -> Self {
        Self::over(patience, |address: String| async move {
            let stream = TcpStream::connect(address).await?;
            let _ = stream.set_nodelay(true);
            Ok(stream)
        })
    }

    /// A client over what `connect` gives for `host:port`: in tests, a network that is not there.
    pub fn over<S, F>(
        patience: Patience,
        connect: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let dial = move |address: String| -> Pin<Box<dyn Future<Output = Dialled> + Send>> {
            let stream = connect(address.clone());
            Box::pin(open(address, stream, patience.connect))
        };
        Self { idle: Arc::default(), dial: Arc::new(dial), patience }
    }

    /// Posts a form to `host:port`. What fails on a connection that was used before is tried
    /// once more on a new one: posts of this client can be repeated.
    pub async fn post(
        &self,
        address: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: Bytes,
    ) -> Result<ClientResponse, ClientError> {
        let make = || {
            let mut request = Request::post(path)
                .header("Host", address)
                .header("Content-Type", "application/x-www-form-urlencoded");
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            request
                .body(Full::new(body.clone()))
                .map_err(|error| ClientError::Request(address.to_owned(), error.to_string()))
        };
        if let Some(connection) = self.take_idle(address)
            && let Ok(response) = self.send(address, connection, make()?).await
        {
            return Ok(response);
        }
        let connection = (self.dial)(address.to_owned()).await?;
        self.send(address, connection, make()?).await
    }

    /// Sends a request to `host:port`, at most once: only what no byte of was written goes to a
    /// new connection.
    pub async fn call(
        &self,
        address: &str,
        head: &RequestHead,
        body: Bytes,
    ) -> Result<ClientResponse, ClientError> {
        let target = match head.query.as_str() {
            "" => head.path.clone(),
            query => format!("{}?{query}", head.path),
        };
        let mut builder =
            Request::builder().method(head.method.as_str()).uri(target).header("Host", address);
        for (name, value) in &head.headers {
            builder = builder.header(name, value);
        }
        let mut request = builder
            .body(Full::new(body))
            .map_err(|error| ClientError::Request(address.to_owned(), error.to_string()))?;
        if let Some(mut connection) = self.take_idle(address) {
            match self.in_time(address, connection.try_send_request(request)).await? {
                Ok(response) => return Ok(self.response(address, response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(ClientError::Http(address.to_owned(), error.into_error())),
                },
            }
        }
        let connection = (self.dial)(address.to_owned()).await?;
        self.send(address, connection, request).await
    }

    fn take_idle(&self, address: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(address)?;
        let usable = std::iter::from_fn(|| connections.pop()).find(SendRequest::is_ready);
        if connections.is_empty() {
            idle.remove(address);
        }
        usable
    }

    async fn send(
        &self,
        address: &str,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<ClientResponse, ClientError> {
        let response = self
            .in_time(address, connection.send_request(request))
            .await?
            .map_err(|error| ClientError::Http(address.to_owned(), error))?;
        Ok(self.response(address, response, connection))
    }

    /// What does not come in the time that a head may take is too slow.
    async fn in_time<F: Future>(&self, address: &str, head: F) -> Result<F::Output, ClientError> {
        let time = self.patience.head;
        timeout(time, head).await.map_err(|_| ClientError::Slow(address.to_owned(), time))
    }

    fn response(
        &self,
        address: &str,
        response: Response<Incoming>,
        connection: Connection,
    ) -> ClientResponse {
        ClientResponse {
            status: response.status().as_u16(),
            address: address.to_owned(),
            body: response.into_body(),
            patience: self.patience.body,
            connection: Some((self.idle.clone(), connection)),
        }
    }
}

/// Begins HTTP over a connection that is to come in so much time.
async fn open<S>(
    address: String,
    stream: impl Future<Output = io::Result<S>>,
    time: Duration,
) -> Dialled
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = match timeout(time, stream).await {
        Err(_) => return Err(ClientError::Slow(address, time)),
        Ok(Err(error)) => return Err(ClientError::Io(address, error)),
        Ok(Ok(stream)) => stream,
    };
    let (sender, connection) = match handshake(TokioIo::new(stream)).await {
        Ok(both) => both,
        Err(error) => return Err(ClientError::Http(address, error)),
    };
    tokio::spawn(async move {
        // Its end shows in the request that uses it.
        let _ = connection.await;
    });
    Ok(sender)
}

impl ClientResponse {
    /// The next piece of the body; `None` at its end. A body that breaks off is an error.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = timeout(self.patience, self.body.frame())
                .await
                .map_err(|_| ClientError::Slow(self.address.clone(), self.patience))?;
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(ClientError::Http(self.address.clone(), error)),
                None => {
                    self.keep_connection();
                    return Ok(None);
                }
            }
        }
    }

    fn keep_connection(&mut self) {
        let Some((idle, mut connection)) = self.connection.take() else { return };
        let address = self.address.clone();
        tokio::spawn(async move {
            if connection.ready().await.is_ok() {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                let connections = idle.entry(address).or_default();
                if connections.len() < IDLE_MAX {
                    connections.push(connection);
                }
            }
        });
    }
}
