//! The Thrift port of a directory: frames in, frames out. Each frame is a request to the machine,
//! as its HTTP requests are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use weft_daemons::contract::RequestHead;
use weft_daemons::directory::{SERVICE_BYTES_MAX, THRIFT_PATH};
use weft_http::{Responder, Sink, call};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;

/// How long a connection may be idle. Clients of the reference keep one and seldom use it.
const IDLE_MAX: Duration = Duration::from_secs(3_600);

/// How long a frame may take, once it has begun, and an answer to be taken.
const FRAME_TIME: Duration = Duration::from_secs(30);

/// Serves until it is dropped. Frames go to the machine behind `sink`.
pub(crate) async fn serve(listener: TcpListener, responder: Responder, sink: Sink) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (responder, sink) = (responder.clone(), sink.clone());
                tokio::spawn(async move {
                    // An error is the client's, and its connection ends.
                    let _ = converse(stream, responder, sink).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, say: later it may work.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(mut stream: TcpStream, responder: Responder, sink: Sink) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    loop {
        let mut length = [0; 4];
        timeout(IDLE_MAX, stream.read_exact(&mut length[..1])).await??;
        timeout(FRAME_TIME, stream.read_exact(&mut length[1..])).await??;
        let length = u32::from_be_bytes(length) as usize;
        if length > SERVICE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = vec![0; length];
        timeout(FRAME_TIME, stream.read_exact(&mut frame)).await??;
        let (method, path) = ("POST".to_owned(), THRIFT_PATH.to_owned());
        let head = RequestHead { method, path, ..RequestHead::default() };
        let answer = call(responder.clone(), sink.clone(), head, Bytes::from(frame)).await;
        let answer = answer.map_err(io::Error::other)?;
        if answer.status != 200 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = u32::try_from(answer.body.len()).map_err(io::Error::other)?;
        let send = async {
            stream.write_all(&length.to_be_bytes()).await?;
            stream.write_all(&answer.body).await
        };
        timeout(FRAME_TIME, send).await??;
    }
}

#[cfg(test)]
mod tests {
    use weft_daemons::contract::http::HttpAction;
    use weft_daemons::contract::{HttpEvent, ResponseHead};

    use super::*;

    /// A port behind which each message is answered as it is, and an empty one refused.
    async fn echo() -> std::net::SocketAddr {
        let responder = Responder::default();
        let answering = responder.clone();
        let sink: Sink = Arc::new(move |event| match event {
            HttpEvent::Body { request, bytes } => {
                let head = ResponseHead { status: 200, headers: Vec::new() };
                answering.act(HttpAction::Head { request, head });
                answering.act(HttpAction::Body { request, bytes });
            }
            HttpEvent::End { request } => answering.act(HttpAction::End { request }),
            _ => {}
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(serve(listener, responder, sink));
        address
    }

    #[tokio::test]
    async fn frames_are_answered_one_by_one() {
        let mut stream = TcpStream::connect(echo().await).await.expect("it listens");
        for message in [&b"one"[..], b"and two"] {
            let length = u32::try_from(message.len()).expect("short").to_be_bytes();
            stream.write_all(&[&length, message].concat()).await.expect("sent");
            let mut answer = vec![0; 4 + message.len()];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(answer, [&length, message].concat());
        }
    }

    /// What comes back for a frame that says it has `length` bytes, and has so many.
    async fn answered(address: std::net::SocketAddr, length: u32, bytes: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let (mut reader, mut writer) = stream.split();
        let frame = [&length.to_be_bytes()[..], &vec![7; bytes]].concat();
        let send = async {
            // Who is refused cannot send it all.
            let _ = writer.write_all(&frame).await;
            let _ = writer.shutdown().await;
        };
        let mut answer = Vec::new();
        let receive = async { drop(reader.read_to_end(&mut answer).await) };
        tokio::join!(send, receive);
        answer
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_ends_the_connection() {
        let address = echo().await;
        let max = SERVICE_BYTES_MAX;
        assert_eq!(answered(address, max as u32, max).await.len(), 4 + max, "the longest");
        assert_eq!(answered(address, max as u32 + 1, max + 1).await, b"");
        assert_eq!(answered(address, u32::MAX, 9).await, b"");
        assert_eq!(answered(address, 0, 0).await, b"");
    }
}
