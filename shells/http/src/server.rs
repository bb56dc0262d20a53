//! Listening, routing, and the life of a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName, HeaderValue, VARY};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{HttpEvent, RequestHead, ResponseHead};

use crate::body::{ResponseBody, Stream, gzip};
use crate::exchange::{Exchange, Part, Reading, Responder, Sink};
use crate::socket::{self, Socket, accept_key};

/// What the server takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of the head of a request.
    pub head_bytes: usize,
    /// How long the head of a request may take.
    pub head_time: Duration,
    /// How long the next piece of a body may take.
    pub body_time: Duration,
    /// How often the client of a WebSocket is pinged; when it says nothing for two of these
    /// periods it is gone.
    pub ping_time: Duration,
    /// How long the end of a WebSocket may take.
    pub close_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            headers: 100,
            head_bytes: 256 << 10,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(300),
            ping_time: Duration::from_secs(60),
            close_time: Duration::from_secs(10),
        }
    }
}

/// Decides which machine a request is for.
pub type Route = Arc<dyn Fn(&RequestHead) -> Destination + Send + Sync>;

/// Whom a request is for.
#[derive(Clone)]
pub enum Destination {
    /// This machine.
    To(Sink),
    /// A component of that name, which is not there yet: 503.
    Starting(&'static str),
    /// Nobody: 404.
    Nobody,
}

/// What the server answers itself.
#[derive(Clone)]
pub struct BuiltIn {
    /// `/readyz`: whether every component can serve, and else what it waits for.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// `/metrics`, as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Where connections come from: TCP, or in tests a network that is not there.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next one.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Where it listens.
    fn address(&self) -> io::Result<SocketAddr>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

/// A server that listens.
pub struct Server<L = TcpListener> {
    listener: L,
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    route: Route,
    built_in: BuiltIn,
    responder: Responder,
}

impl Server {
    /// Listens at `address`. Requests are answered once [`Server::run`] runs.
    pub async fn bind(
        address: SocketAddr,
        limits: Limits,
        route: Route,
        built_in: BuiltIn,
        responder: Responder,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self::new(listener, limits, route, built_in, responder))
    }
}

impl<L: Listener> Server<L> {
    /// Takes connections from `listener`, once [`Server::run`] runs.
    pub fn new(
        listener: L,
        limits: Limits,
        route: Route,
        built_in: BuiltIn,
        responder: Responder,
    ) -> Self {
        Self { listener, shared: Arc::new(Shared { limits, route, built_in, responder }) }
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        let connections = Arc::new(Semaphore::new(self.shared.limits.connections));
        loop {
            let Ok(permit) = connections.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok(stream) => {
                    let shared = self.shared.clone();
                    tokio::spawn(serve(stream, shared, Arc::new(permit)));
                }
                // Out of file descriptors, say: later it may work.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Serves a connection; who keeps `permit` counts as one.
async fn serve<S>(stream: S, shared: Arc<Shared>, permit: Arc<OwnedSemaphorePermit>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = shared.limits;
    let service = service_fn(move |request| {
        let (shared, permit) = (shared.clone(), permit.clone());
        async move { Ok::<_, Infallible>(shared.answer(request, permit).await) }
    });
    // An error here is the client's: its connection is closed, and there is nobody to tell.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

impl Shared {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Response<ResponseBody> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, incoming) = request.into_parts();
        let accepts_gzip = parts.headers.get(ACCEPT_ENCODING).is_some_and(names_gzip);
        let head = RequestHead {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes())))
                .collect(),
        };
        if let Some(response) = self.built_in(&head) {
            return response;
        }
        let sink = match (self.route)(&head) {
            Destination::To(sink) => sink,
            Destination::Starting(name) => {
                let reason = format!("{name} is starting; try again soon\n");
                return text(StatusCode::SERVICE_UNAVAILABLE, &reason);
            }
            Destination::Nobody => return text(StatusCode::NOT_FOUND, "Not Found"),
        };
        let socket_key = head.is_websocket().then(|| head.header("sec-websocket-key")).flatten();
        let socket_key = socket_key.map(accept_key);
        let (exchange, mut received, reading) = self.responder.open(sink);
        let id = exchange.request();
        exchange.tell(HttpEvent::Head { request: id, head });
        let Some(key) = socket_key else {
            let body = read_body(id, incoming, exchange.sink(), reading, self.limits.body_time);
            let is_head = parts.method == Method::HEAD;
            return respond(exchange, received, None, body, accepts_gzip, is_head).await;
        };
        match received.recv().await {
            Some(Part::Upgrade(message_bytes_max)) => {
                let limits = self.limits;
                let socket =
                    Socket { exchange, parts: received, reading, message_bytes_max, limits };
                tokio::spawn(async move {
                    // When it fails the client is gone: the machine hears of it.
                    if let Ok(upgraded) = upgrade.await {
                        socket::serve(TokioIo::new(upgraded), socket).await;
                    }
                    drop(permit);
                });
                switching(&key)
            }
            first => {
                // It has no body.
                let body = std::future::ready(());
                respond(exchange, received, first, body, accepts_gzip, false).await
            }
        }
    }

    fn built_in(&self, head: &RequestHead) -> Option<Response<ResponseBody>> {
        Some(match head.path.as_str() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => match (self.built_in.ready)() {
                Ok(()) => text(StatusCode::OK, "ready\n"),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n")),
            },
            "/metrics" => text(StatusCode::OK, &(self.built_in.metrics)()),
            _ => return None,
        })
    }
}

/// Hands the body of a request over, as fast as its machine wants it.
async fn read_body(
    request: RequestId,
    mut incoming: Incoming,
    sink: Sink,
    reading: Arc<Reading>,
    time: Duration,
) {
    loop {
        reading.allowed().await;
        let frame =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut incoming).poll_frame(context));
        match tokio::time::timeout(time, frame).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data()
                    && !bytes.is_empty()
                {
                    sink(HttpEvent::Body { request, bytes });
                }
            }
            Ok(None) => return sink(HttpEvent::End { request }),
            Ok(Some(Err(_))) | Err(_) => return sink(HttpEvent::Broken { request }),
        }
    }
}

/// Waits for the head of the response while the body of the request is read, then hands the body
/// of the response to hyper. `first` is a part that came already.
async fn respond(
    mut exchange: Exchange,
    mut received: UnboundedReceiver<Part>,
    first: Option<Part>,
    body: impl Future<Output = ()> + Send + 'static,
    accepts_gzip: bool,
    is_head: bool,
) -> Response<ResponseBody> {
    // Its own task: a response may begin before the request has ended. It ends with the response.
    let reader = AbortOnDrop(tokio::spawn(body));
    let first = match first {
        Some(first) => Some(first),
        None => received.recv().await,
    };
    let Some(Part::Head(head)) = first else {
        exchange.finish();
        return text(StatusCode::INTERNAL_SERVER_ERROR, "The request was cut off.");
    };
    let second = received.recv().await;
    let whole = match second {
        Some(Part::End) => Some(Bytes::new()),
        Some(Part::Body(piece)) => match received.try_recv() {
            Ok(Part::End) => Some(piece),
            other => {
                let part = other.ok();
                return stream(exchange, received, reader, head, piece, part, accepts_gzip);
            }
        },
        _ => {
            exchange.finish();
            return text(StatusCode::INTERNAL_SERVER_ERROR, "The response was cut off.");
        }
    };
    exchange.finish();
    let bytes = whole.unwrap_or_default();
    let compress = accepts_gzip && !bytes.is_empty() && !is_head;
    let (bytes, compressed) = match compress.then(|| gzip(&bytes)) {
        Some(Ok(compressed)) => (compressed, true),
        _ => (bytes, false),
    };
    response(head, ResponseBody::Whole(Some(bytes)), compressed)
}

/// A response whose body is not complete yet. `piece` and `part` came already.
fn stream(
    exchange: Exchange,
    received: UnboundedReceiver<Part>,
    reader: AbortOnDrop,
    head: ResponseHead,
    piece: Bytes,
    part: Option<Part>,
    accepts_gzip: bool,
) -> Response<ResponseBody> {
    let early = [Some(Part::Body(piece)), part].into_iter().flatten().collect();
    let stream = Stream::new(early, received, exchange, reader, accepts_gzip);
    response(head, ResponseBody::Stream(Box::new(stream)), accepts_gzip)
}

/// Ends a task with its owner.
pub(crate) struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn response(head: ResponseHead, body: ResponseBody, compressed: bool) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in head.headers {
        // What cannot stand in a header is left out rather than breaking the response.
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(&to_latin1(&value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    if head.status < 400 {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, User-Agent"));
    }
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The answer that opens a WebSocket.
fn switching(key: &str) -> Response<ResponseBody> {
    let headers =
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", key)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let head = ResponseHead { status: StatusCode::SWITCHING_PROTOCOLS.as_u16(), headers };
    response(head, ResponseBody::Whole(None), false)
}

fn text(status: StatusCode, body: &str) -> Response<ResponseBody> {
    let head = ResponseHead {
        status: status.as_u16(),
        headers: vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())],
    };
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    response(head, ResponseBody::Whole(Some(bytes)), false)
}

fn names_gzip(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').any(|coding| {
        let mut parts = coding.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let is_refused = parts.any(|q| matches!(q.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        name.eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// Header values are bytes; as text each is a character.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The reverse, line ends and what is not Latin-1 replaced.
fn to_latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| match u8::try_from(u32::from(character)) {
            Ok(byte) if byte >= b' ' && byte != 0x7f || byte == b'\t' => byte,
            Ok(_) => b' ',
            Err(_) => b'?',
        })
        .collect()
}
