//! Clients that do not read what they asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use weft_daemons::contract::{HttpAction, HttpEvent, ResponseHead};

use crate::net::{
    LATENCY, SERVER, View, answer, client, connect, limits, read_all, run, serve_with, wait, world,
    write,
};

/// Pieces of the long answer, each of so many bytes.
const PIECES: usize = 400;
const PIECE: usize = 8 << 10;

/// Segments that a connection holds.
const CAPACITY: usize = 4;

/// What may be under way between the machine and a client that does not read: what the connection
/// holds on its way, what hyper has in its buffer, and a piece in each hand.
const UNDER_WAY_MAX: usize = 2 * CAPACITY + (256 << 10) / PIECE + 2;

/// How often the others ask while nobody reads the long answer.
const OTHERS: usize = 50;

/// A piece of the long answer.
fn piece(number: usize) -> Vec<u8> {
    vec![b'a' + (number % 26) as u8; PIECE]
}

/// The long answer.
fn whole() -> String {
    String::from_utf8((0..PIECES).flat_map(piece).collect()).expect("text")
}

/// The contents of a chunked body, which must come to its end.
fn dechunked(mut body: &str) -> String {
    let mut contents = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        contents.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").expect("the end of a chunk");
        if size == 0 {
            assert_eq!(body, "");
            return contents;
        }
    }
}

#[test]
fn who_does_not_read_is_bounded_and_holds_nobody_up() {
    for seed in 1..=3 {
        let mut sim = world(seed).tcp_capacity(CAPACITY).build();
        let handed = Arc::<AtomicUsize>::default();
        let view = View::default();
        let (count, seen) = (handed.clone(), view.clone());
        sim.host("server", move || {
            let handed = count.clone();
            let limits = weft_http::Limits { head_bytes: 256 << 10, ..limits() };
            serve_with(limits, seen.clone(), move |responder, event| {
                // The next piece follows when the last one has gone out.
                let next = match event {
                    HttpEvent::Head { request, head } if head.path == "/long" => {
                        let head = ResponseHead { status: 200, headers: Vec::new() };
                        responder.act(HttpAction::Head { request, head });
                        request
                    }
                    HttpEvent::Head { request, .. } => {
                        return answer(responder, request, 200, "short");
                    }
                    HttpEvent::Drained { request } => request,
                    _ => return,
                };
                let number = handed.fetch_add(1, Ordering::Relaxed);
                if number >= PIECES {
                    return responder.act(HttpAction::End { request: next });
                }
                responder.act(HttpAction::Body { request: next, bytes: piece(number).into() });
            })
        });
        sim.client("slow", async move {
            let mut stream = connect().await;
            let head = "GET /long HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n";
            write(&mut stream, head).await;
            wait(Duration::from_secs(20)).await;
            let under_way = handed.load(Ordering::Relaxed);
            assert!(under_way >= CAPACITY, "{under_way}: it began");
            assert!(under_way <= UNDER_WAY_MAX, "{under_way} pieces are under way");
            // It gets everything, late as it is.
            let text = read_all(&mut stream).await;
            let (_, body) = text.split_once("\r\n\r\n").expect("a body");
            assert!(dechunked(body) == whole(), "nothing is missing, doubled or turned around");
            drop(stream);
            wait(5 * LATENCY).await;
            assert!(view.is_released(), "{:?}", view.take());
            Ok(())
        });
        sim.client("quick", async move {
            wait(Duration::from_secs(1)).await;
            let client = client(Duration::from_secs(1));
            let begun = Instant::now();
            for _ in 0..OTHERS {
                let mut response = client.post(SERVER, "/short", None, Bytes::new()).await?;
                assert_eq!(response.piece().await?.as_deref(), Some(&b"short"[..]));
                assert_eq!(response.piece().await?, None);
            }
            // In virtual time: the way there and back, and connecting once.
            let most = 3 * LATENCY * (OTHERS as u32 + 2);
            assert!(begun.elapsed() <= most, "{:?}", begun.elapsed());
            Ok(())
        });
        run(sim);
    }
}
