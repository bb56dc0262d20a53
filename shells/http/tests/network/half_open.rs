//! Clients that vanish without a word.

use std::time::Duration;

use tokio_tungstenite::client_async;
use weft_daemons::contract::{HttpAction, HttpEvent};
use weft_http::Responder;

use crate::net::{
    Cut, LATENCY, View, answer, connect, limits, run, serve_with, wait, world, write,
};

/// Opens WebSockets, and answers what else comes to its end.
fn machine(responder: &Responder, event: HttpEvent) {
    match event {
        HttpEvent::Head { request, head } if head.is_websocket() => {
            responder.act(HttpAction::Upgrade { request, message_bytes_max: 1_000 });
        }
        HttpEvent::End { request } => answer(responder, request, 200, "all of it"),
        HttpEvent::Broken { request } => answer(responder, request, 400, "not all of it"),
        _ => {}
    }
}

/// The server keeps a connection whose client vanishes after `begin` for `time`, and no longer.
fn check<F>(begin: impl Fn() -> F + Copy + 'static, time: Duration)
where
    F: Future<Output: 'static> + 'static,
{
    for seed in 1..=5 {
        let mut sim = world(seed).build();
        let view = View::default();
        let seen = view.clone();
        sim.host("server", move || serve_with(limits(), seen.clone(), machine));
        sim.client("client", async move {
            let kept = begin().await;
            wait(3 * LATENCY).await;
            let _net = Cut::off("client");
            // Its end is lost as well.
            drop(kept);
            wait(time.saturating_sub(8 * LATENCY)).await;
            assert!(!view.is_released(), "too early: {:?}", view.take());
            wait(10 * LATENCY).await;
            assert!(view.is_released(), "{:?}", view.take());
            Ok(())
        });
        run(sim);
    }
}

#[test]
fn a_client_that_sends_nothing_is_given_up() {
    check(connect, limits().head_time);
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let begin = || async {
        let mut stream = connect().await;
        write(&mut stream, "GET /x HTTP/1.1\r\nHost: ser").await;
        stream
    };
    check(begin, limits().head_time);
}

#[test]
fn a_body_that_does_not_end_is_given_up() {
    let begin = || async {
        let mut stream = connect().await;
        write(&mut stream, "POST /x HTTP/1.1\r\nHost: server\r\nContent-Length: 9\r\n\r\nhalf")
            .await;
        stream
    };
    check(begin, limits().body_time);
}

#[test]
fn a_connection_without_a_next_request_is_given_up() {
    let begin = || async {
        let mut stream = connect().await;
        write(&mut stream, "GET /x HTTP/1.1\r\nHost: server\r\n\r\n").await;
        let mut bytes = [0; 1_000];
        let count =
            tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.expect("an answer");
        assert!(bytes[..count].starts_with(b"HTTP/1.1 200"));
        stream
    };
    check(begin, limits().head_time);
}

#[test]
fn a_websocket_that_does_not_answer_pings_is_given_up() {
    let begin = || async {
        let stream = connect().await;
        client_async("ws://server/live", stream).await.expect("a WebSocket").0
    };
    // The first period may have heard the client, and the second one pinged it.
    check(begin, 2 * limits().ping_time);
}
