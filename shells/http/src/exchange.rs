//! One request and its response, between hyper and a machine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{HttpAction, HttpEvent, Message, ResponseHead};

/// Gets the events of requests. Must not block.
pub type Sink = Arc<dyn Fn(HttpEvent) + Send + Sync>;

/// A part of a response.
pub(crate) enum Part {
    Head(ResponseHead),
    Body(Bytes),
    End,
    Abort,
    /// Open the WebSocket, for messages of at most so many bytes.
    Upgrade(usize),
    Message(Message),
    Close(u16, String),
}

/// Carries out what machines want done with requests.
#[derive(Clone, Default)]
pub struct Responder {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    last_request: AtomicU64,
    open: Mutex<BTreeMap<RequestId, Open>>,
}

/// A request whose response has not ended.
struct Open {
    parts: UnboundedSender<Part>,
    reading: Arc<Reading>,
}

/// Whether the body of a request, or what comes over a WebSocket, is read on.
#[derive(Default)]
pub(crate) struct Reading {
    is_paused: Mutex<bool>,
    changed: Notify,
    /// A WebSocket is to end: its machine knows.
    is_ending: AtomicBool,
    ending: Notify,
}

/// A request under way. When it is dropped before its response has ended, the client is gone.
pub(crate) struct Exchange {
    request: RequestId,
    sink: Sink,
    responder: Responder,
    is_over: bool,
}

impl Responder {
    /// Does what a machine wants. Actions for requests that are over do nothing.
    pub fn act(&self, action: HttpAction) {
        let (request, part) = match action {
            HttpAction::Head { request, head } => (request, Part::Head(head)),
            HttpAction::Body { request, bytes } => (request, Part::Body(bytes)),
            HttpAction::End { request } => (request, Part::End),
            HttpAction::Abort { request } => (request, Part::Abort),
            HttpAction::Upgrade { request, message_bytes_max } => {
                (request, Part::Upgrade(message_bytes_max))
            }
            HttpAction::Message { request, message } => (request, Part::Message(message)),
            HttpAction::Close { request, code, reason } => (request, Part::Close(code, reason)),
            HttpAction::Pause { request } => return self.set_paused(request, true),
            HttpAction::Resume { request } => return self.set_paused(request, false),
        };
        if let Some(open) = self.lock().get(&request) {
            if let Part::Close(..) | Part::Abort = part {
                open.reading.is_ending.store(true, Ordering::Relaxed);
                open.reading.ending.notify_one();
            }
            let _ = open.parts.send(part);
        }
    }

    /// Opens an exchange for a new request.
    pub(crate) fn open(&self, sink: Sink) -> (Exchange, UnboundedReceiver<Part>, Arc<Reading>) {
        let request = RequestId(self.inner.last_request.fetch_add(1, Ordering::Relaxed) + 1);
        let (parts, received) = unbounded_channel();
        let reading = Arc::<Reading>::default();
        self.lock().insert(request, Open { parts, reading: reading.clone() });
        let exchange = Exchange { request, sink, responder: self.clone(), is_over: false };
        (exchange, received, reading)
    }

    fn set_paused(&self, request: RequestId, is_paused: bool) {
        let reading = self.lock().get(&request).map(|open| open.reading.clone());
        if let Some(reading) = reading {
            *reading.is_paused.lock().unwrap_or_else(PoisonError::into_inner) = is_paused;
            reading.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestId, Open>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// Waits until the body may be read on.
    pub(crate) async fn allowed(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is_paused() {
                return;
            }
            changed.await;
        }
    }

    /// Whether nothing is read for now.
    pub(crate) fn is_paused(&self) -> bool {
        *self.is_paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on, whatever the machine said.
    pub(crate) fn end(&self) {
        *self.is_paused.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.changed.notify_one();
    }

    /// Whether the machine wants a WebSocket to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Waits until a WebSocket has had so long to end since its machine wanted that.
    pub(crate) async fn overdue(&self, time: Duration) {
        self.ending.notified().await;
        tokio::time::sleep(time).await;
    }
}

impl Exchange {
    /// Names the request.
    pub(crate) const fn request(&self) -> RequestId {
        self.request
    }

    /// Tells the machine.
    pub(crate) fn tell(&self, event: HttpEvent) {
        (self.sink)(event);
    }

    /// The sink of the machine.
    pub(crate) fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// The response has ended as its machine wanted.
    pub(crate) const fn finish(&mut self) {
        self.is_over = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.responder.lock().remove(&self.request);
        if !self.is_over {
            self.tell(HttpEvent::Gone { request: self.request });
        }
    }
}
