//! A WebSocket, between a connection and a machine: fragments, limits, pings and the closing
//! handshake. Frames are fastwebsockets'.
//!
//! Reading and writing go on side by side until one of them ends. Messages that wait to be written
//! are the machine's to bound: it is told when everything has gone out. A close that a machine asks
//! for is given [`Limits::close_time`] to reach a client that does not read, then the connection
//! goes.
//!
//! [`Limits::close_time`]: crate::Limits::close_time

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastwebsockets::{
    Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead, WebSocketWrite,
    after_handshake_split,
};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::timeout;
use weft_daemons::contract::http::REASON_BYTES_MAX;
use weft_daemons::contract::{HttpEvent, Message};

use crate::exchange::{Exchange, Part, Reading};
use crate::server::Limits;

/// What small messages are gathered in.
const WRITE_BUFFER: usize = 4 << 10;

/// Close codes that the server itself has reason for.
const PROTOCOL_ERROR: u16 = 1_002;
const NOT_UTF8: u16 = 1_007;
const TOO_LARGE: u16 = 1_009;

/// A WebSocket to serve.
pub(crate) struct Socket {
    pub(crate) exchange: Exchange,
    pub(crate) parts: UnboundedReceiver<Part>,
    pub(crate) reading: Arc<Reading>,
    pub(crate) message_bytes_max: usize,
    pub(crate) limits: Limits,
}

/// The answer to a client's key: proof that the server speaks WebSocket.
pub(crate) fn accept_key(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key.trim().as_bytes())
        .chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    let mut text = Vec::with_capacity(28);
    weft_gts::text::binary::encode_base64url_into(&mut text, &digest);
    let plain = text.into_iter().map(|byte| match byte {
        b'-' => '+',
        b'_' => '/',
        byte => char::from(byte),
    });
    // Twenty bytes leave room for one character.
    plain.chain(['=']).collect()
}

/// What the reading side asks of the writing side.
#[derive(Default)]
struct Signals {
    wanted: Mutex<Wanted>,
    changed: Notify,
    /// Whether a frame came since that was last looked at.
    has_heard: AtomicBool,
    /// Whether messages still go to the machine.
    is_over: AtomicBool,
}

/// Control frames to send. Of several pongs the last one counts.
#[derive(Default)]
struct Wanted {
    pong: Option<Bytes>,
    ping: bool,
    close: Option<Bytes>,
}

/// Why nothing more is read.
enum Stop {
    /// The connection is gone.
    Gone,
    /// It is to be closed, by a frame with that payload.
    Close(Bytes),
}

/// How a WebSocket ended.
enum Ended {
    Read(Stop),
    /// The machine has closed it, or wants it broken off.
    Wrote(Result<(), Broken>),
    /// The client does not answer pings, or does not take what it is sent.
    Silent,
}

/// The connection failed, or is to.
struct Broken;

impl From<WebSocketError> for Broken {
    fn from(_: WebSocketError) -> Self {
        Self
    }
}

/// Serves a WebSocket until it ends.
pub(crate) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, socket: Socket) {
    let Socket { mut exchange, parts, reading, message_bytes_max, limits } = socket;
    let (mut read, write) = tokio::io::split(stream);
    let mut write = BufWriter::with_capacity(WRITE_BUFFER, write);
    let signals = Signals::default();
    let (request, sink) = (exchange.request(), exchange.sink());
    let (mut reader, writer) = after_handshake_split(&mut read, &mut write, Role::Server);
    reader.set_auto_close(false);
    reader.set_auto_pong(false);
    reader.set_max_message_size(message_bytes_max.saturating_add(1));
    let deliver = |message| sink(HttpEvent::Message { request, message });
    let drained = || sink(HttpEvent::Drained { request });
    let mut reader = Box::pin(read_on(reader, message_bytes_max, &reading, &signals, deliver));
    let mut writer = Box::pin(write_on(writer, parts, &signals, drained));
    let ended = tokio::select! {
        stop = &mut reader => Ended::Read(stop),
        result = &mut writer => Ended::Wrote(result),
        () = silence(&signals, &reading, limits.ping_time) => Ended::Silent,
        () = reading.overdue(limits.close_time) => Ended::Silent,
    };
    match ended {
        Ended::Read(Stop::Close(payload)) => {
            signals.ask(|wanted| wanted.close = Some(payload));
            // The machine need not wait for the rest.
            tell_end(exchange, &reading);
            let _ = timeout(limits.close_time, &mut writer).await;
            drop((reader, writer));
            let _ = timeout(limits.close_time, hang_up(&mut read, &mut write)).await;
        }
        Ended::Wrote(Ok(())) => {
            exchange.finish();
            signals.is_over.store(true, Ordering::Relaxed);
            reading.end();
            let _ = timeout(limits.close_time, &mut reader).await;
        }
        Ended::Read(Stop::Gone) | Ended::Wrote(Err(Broken)) | Ended::Silent => {
            tell_end(exchange, &reading);
        }
    }
}

/// Tells the machine that its client is gone, unless that is what it wanted.
fn tell_end(mut exchange: Exchange, reading: &Reading) {
    if reading.is_ending() {
        exchange.finish();
    }
}

impl Signals {
    fn ask(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted());
        self.changed.notify_one();
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads messages, as long as the machine wants them.
async fn read_on<S: AsyncRead + Unpin>(
    mut socket: WebSocketRead<S>,
    bytes_max: usize,
    reading: &Reading,
    signals: &Signals,
    deliver: impl Fn(Message),
) -> Stop {
    // Control frames are answered below.
    let mut send = |_: Frame<'_>| std::future::ready(Ok::<(), std::io::Error>(()));
    let mut begun: Option<(OpCode, BytesMut)> = None;
    loop {
        reading.allowed().await;
        let frame = match socket.read_frame(&mut send).await {
            Ok(frame) => frame,
            Err(error) => return stop_for(&error),
        };
        signals.has_heard.store(true, Ordering::Relaxed);
        let (fin, opcode) = (frame.fin, frame.opcode);
        let payload = match frame.payload {
            Payload::Bytes(bytes) => bytes.freeze(),
            other => Bytes::copy_from_slice(&other),
        };
        let (opcode, payload) = match opcode {
            OpCode::Ping => {
                signals.ask(|wanted| wanted.pong = Some(payload));
                continue;
            }
            OpCode::Pong => continue,
            OpCode::Close => return Stop::Close(close_reply(&payload)),
            OpCode::Text | OpCode::Binary if begun.is_some() => {
                return close(PROTOCOL_ERROR, "A message began inside another one.");
            }
            OpCode::Text | OpCode::Binary if fin => (opcode, payload),
            OpCode::Text | OpCode::Binary => {
                begun = Some((opcode, BytesMut::from(&payload[..])));
                continue;
            }
            OpCode::Continuation => {
                let Some((_, bytes)) = &mut begun else {
                    return close(PROTOCOL_ERROR, "There is no message to continue.");
                };
                if bytes.len() + payload.len() > bytes_max {
                    return too_large();
                }
                bytes.extend_from_slice(&payload);
                match begun.take_if(|_| fin) {
                    Some((opcode, bytes)) => (opcode, bytes.freeze()),
                    None => continue,
                }
            }
        };
        let message = if opcode == OpCode::Binary {
            Message::Binary(payload)
        } else if std::str::from_utf8(&payload).is_ok() {
            Message::Text(payload)
        } else {
            return close(NOT_UTF8, "The text is not UTF-8.");
        };
        if !signals.is_over.load(Ordering::Relaxed) {
            deliver(message);
        }
    }
}

/// Writes what the machine hands over, and what the reading side asks for.
async fn write_on<S: AsyncWrite + Unpin>(
    mut socket: WebSocketWrite<S>,
    mut parts: UnboundedReceiver<Part>,
    signals: &Signals,
    drained: impl Fn(),
) -> Result<(), Broken> {
    let (mut owes_drained, mut is_cut_off) = (false, false);
    loop {
        let Wanted { pong, ping, close } = std::mem::take(&mut *signals.wanted());
        if let Some(pong) = pong {
            socket.write_frame(Frame::pong(Payload::Borrowed(&pong))).await?;
        }
        if ping {
            let ping = Frame::new(true, OpCode::Ping, None, Payload::Borrowed(&[]));
            socket.write_frame(ping).await?;
        }
        if let Some(payload) = close {
            socket.write_frame(Frame::close_raw(Payload::Borrowed(&payload))).await?;
            socket.flush().await?;
            return Err(Broken);
        }
        if is_cut_off {
            return Err(Broken);
        }
        let part = match parts.try_recv() {
            Ok(part) => Some(part),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                socket.flush().await?;
                if std::mem::take(&mut owes_drained) {
                    drained();
                }
                tokio::select! {
                    part = parts.recv() => part,
                    () = signals.changed.notified() => continue,
                }
            }
        };
        // Without its machine there may still be a close to send.
        let Some(part) = part else {
            is_cut_off = true;
            continue;
        };
        match part {
            Part::Message(message) => {
                owes_drained = true;
                let payload = Payload::Borrowed(message.bytes());
                let frame = match &message {
                    Message::Text(_) => Frame::text(payload),
                    Message::Binary(_) => Frame::binary(payload),
                };
                socket.write_frame(frame).await?;
            }
            Part::Close(code, reason) => {
                let payload = close_payload(code, &reason);
                socket.write_frame(Frame::close_raw(Payload::Borrowed(&payload))).await?;
                socket.flush().await?;
                return Ok(());
            }
            // Nothing else is said of a WebSocket.
            _ => return Err(Broken),
        }
    }
}

/// Ends when the client is silent, pings or no.
async fn silence(signals: &Signals, reading: &Reading, period: Duration) {
    let mut has_pinged = false;
    loop {
        tokio::time::sleep(period).await;
        // Who is not read cannot be heard.
        if signals.has_heard.swap(false, Ordering::Relaxed) || reading.is_paused() {
            has_pinged = false;
        } else if std::mem::replace(&mut has_pinged, true) {
            return;
        }
        signals.ask(|wanted| wanted.ping = true);
    }
}

/// Ends the connection: the server first, as the standard has it. Data that nobody reads would take
/// the close frame with it.
async fn hang_up(read: &mut (impl AsyncRead + Unpin), write: &mut (impl AsyncWrite + Unpin)) {
    let _ = write.shutdown().await;
    let mut bytes = [0; 1 << 10];
    while read.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

fn stop_for(error: &WebSocketError) -> Stop {
    match error {
        WebSocketError::FrameTooLarge => too_large(),
        WebSocketError::InvalidUTF8 => close(NOT_UTF8, "The text is not UTF-8."),
        WebSocketError::UnexpectedEOF | WebSocketError::IoError(_) => Stop::Gone,
        error => close(PROTOCOL_ERROR, &error.to_string()),
    }
}

fn too_large() -> Stop {
    close(TOO_LARGE, "The message is too large.")
}

fn close(code: u16, reason: &str) -> Stop {
    Stop::Close(close_payload(code, reason))
}

/// The payload of a close frame. The reason is cut to what a control frame holds.
fn close_payload(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    payload.into()
}

/// What a close frame is answered with: the same, if it is well-formed.
fn close_reply(payload: &Bytes) -> Bytes {
    let is_good = match payload.split_first_chunk() {
        None => payload.is_empty(),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            let is_code = matches!(code, 1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999);
            is_code && std::str::from_utf8(reason).is_ok()
        }
    };
    if is_good { payload.clone() } else { close_payload(PROTOCOL_ERROR, "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_standard_is_answered_as_it_says() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let payload = close_payload(1_000, &"é".repeat(100));
        assert_eq!(payload.len(), 2 + 122);
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
    }

    #[test]
    fn a_malformed_close_is_answered_as_an_error() {
        let error = PROTOCOL_ERROR.to_be_bytes();
        for good in [&b""[..], &[0x03, 0xe8], &[0x0f, 0xa0, b'x']] {
            assert_eq!(close_reply(&Bytes::copy_from_slice(good)), good);
        }
        for bad in [&[0x03][..], &[0x03, 0xed], &[0, 0], &[0x03, 0xe8, 0xff]] {
            assert_eq!(&close_reply(&Bytes::copy_from_slice(bad))[..], error, "{bad:?}");
        }
    }
}
