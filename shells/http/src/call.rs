//! Requests that one machine makes to another within the process: no socket, but the same events
//! and actions as a client's.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::UnboundedReceiver;
use weft_daemons::contract::peer::{CALL_BODY_MAX, CallResponse, CallResult};
use weft_daemons::contract::{HttpEvent, PeerError, RequestHead};

use crate::exchange::{Exchange, Part, Reading, Responder, Sink};

/// Bytes of a body that are handed over at once.
const PIECE: usize = 64 << 10;

/// Makes a request to the machine behind `sink`, and waits for the whole answer.
pub async fn call(responder: Responder, sink: Sink, head: RequestHead, body: Bytes) -> CallResult {
    let (mut exchange, parts, reading) = responder.open(sink);
    exchange.tell(HttpEvent::Head { request: exchange.request(), head });
    let result = {
        let receive = receive(&exchange, parts);
        tokio::pin!(receive);
        // A machine may answer before it has read everything.
        tokio::select! {
            biased;
            result = &mut receive => result,
            () = send(&exchange, &reading, body) => receive.await,
        }
    };
    exchange.finish();
    result
}

/// Hands the body over, as fast as the machine wants it.
async fn send(exchange: &Exchange, reading: &Reading, mut body: Bytes) {
    let request = exchange.request();
    while !body.is_empty() {
        reading.allowed().await;
        let bytes = body.split_to(body.len().min(PIECE));
        exchange.tell(HttpEvent::Body { request, bytes });
        // The machine's turn: it may want no more.
        tokio::task::yield_now().await;
    }
    exchange.tell(HttpEvent::End { request });
}

/// Takes the answer in.
async fn receive(exchange: &Exchange, mut parts: UnboundedReceiver<Part>) -> CallResult {
    let mut status = 500;
    let mut body = BytesMut::new();
    loop {
        match parts.recv().await {
            Some(Part::Head(head)) => status = head.status,
            Some(Part::Body(piece)) => {
                if body.len() + piece.len() > CALL_BODY_MAX {
                    return Err(PeerError::Refused("The answer is too long.".to_owned()));
                }
                body.extend_from_slice(&piece);
                exchange.tell(HttpEvent::Drained { request: exchange.request() });
            }
            Some(Part::End) => return Ok(CallResponse { status, body: body.freeze() }),
            Some(_) | None => {
                return Err(PeerError::Refused("The answer was cut off.".to_owned()));
            }
        }
    }
}
