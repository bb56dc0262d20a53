//! WebSockets that both sides end at once.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message as Sent;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use weft_daemons::contract::{HttpAction, HttpEvent, Message};
use weft_http::Responder;

use crate::net::{Cut, LATENCY, View, connect, limits, run, serve_with, wait, world};

/// How the client ends its WebSocket.
#[derive(Clone, Copy, Debug)]
enum End {
    /// By a close frame, and reads on until there is nothing more.
    Close,
    /// By the end of its connection.
    Drop,
    /// By a close frame and the end of its connection.
    CloseAndDrop,
    /// Its network is gone.
    Vanish,
    /// It goes on writing and does not read.
    Flood,
}

/// A machine that opens WebSockets, and closes each so long after the first message. It says
/// something before and, as one that does not know yet that it is over, after.
fn machine(view: View, after: Duration) -> impl FnMut(&Responder, HttpEvent) + Send + 'static {
    let mut has_begun = false;
    move |responder, event| match event {
        HttpEvent::Head { request, .. } => {
            has_begun = false;
            responder.act(HttpAction::Upgrade { request, message_bytes_max: 1_000 });
        }
        HttpEvent::Message { request, .. } if !std::mem::replace(&mut has_begun, true) => {
            let (responder, view) = (responder.clone(), view.clone());
            let say = move |responder: &Responder| {
                let message = Message::Text(Bytes::from_static(b"there"));
                responder.act(HttpAction::Message { request, message });
            };
            tokio::spawn(async move {
                wait(after).await;
                say(&responder);
                view.say("closed");
                let reason = "enough".to_owned();
                responder.act(HttpAction::Close { request, code: 1_000, reason });
                say(&responder);
            });
        }
        _ => {}
    }
}

#[test]
fn both_sides_may_close_at_once() {
    let ends = [End::Close, End::Drop, End::CloseAndDrop, End::Vanish, End::Flood];
    for (seed, end) in (1..).zip(ends) {
        for server_ms in [0, 5, 12, 20, 40] {
            let view = View::default();
            let seen = view.clone();
            let mut sim = world(seed * 100 + server_ms).build();
            let after = Duration::from_millis(server_ms);
            sim.host("server", move || {
                serve_with(limits(), seen.clone(), machine(seen.clone(), after))
            });
            sim.client("client", async move {
                // Around the moment at which the server's close is under way.
                for client_ms in (0..30).step_by(3) {
                    let first = Duration::from_millis(client_ms) + LATENCY < after;
                    race(&view, end, Duration::from_millis(client_ms), first).await;
                }
                Ok(())
            });
            run(sim);
        }
    }
}

/// Opens a WebSocket and ends it so long after, `first` when that is before the machine does.
async fn race(view: &View, end: End, after: Duration, first: bool) {
    let case = format!("{end:?} after {after:?}");
    let (mut socket, _) = client_async("ws://server/live", connect().await).await.expect("open");
    socket.send(Sent::text("begin")).await.expect("sent");
    wait(after).await;
    let frame = CloseFrame { code: 1_001.into(), reason: "leaving".into() };
    let mut net = None;
    match end {
        End::Close => {
            // The other side may have been faster.
            let _ = socket.close(Some(frame)).await;
            let rest = async {
                let mut codes = Vec::new();
                while let Some(Ok(message)) = socket.next().await {
                    if let Sent::Close(Some(frame)) = message {
                        codes.push(u16::from(frame.code));
                    }
                }
                codes
            };
            let codes = timeout(2 * limits().close_time, rest).await.expect("it ends");
            assert!(matches!(codes[..], [1_000 | 1_001]), "{case}: {codes:?}");
        }
        End::Drop => drop(socket),
        End::CloseAndDrop => {
            let _ = socket.close(Some(frame)).await;
            drop(socket);
        }
        End::Vanish => {
            net = Some(Cut::off("client"));
            drop(socket);
        }
        End::Flood => {
            let flood = async {
                while socket.send(Sent::text("more")).await.is_ok() {
                    wait(Duration::from_millis(1)).await;
                }
            };
            timeout(4 * limits().close_time, flood).await.expect("it is cut off");
            drop(socket);
        }
    }
    // Whoever was first: the end takes its time and no longer.
    let most = 2 * limits().close_time.max(limits().ping_time) + 10 * LATENCY;
    wait(most).await;
    assert!(view.is_released(), "{case}: {:?}", view.take());
    drop(net);
    let told = view.take();
    let count = |what: &str| told.iter().filter(|other| *other == what).count();
    assert!(count("gone") <= 1 && count("head") == 1, "{case}: {told:?}");
    if first && matches!(end, End::Close | End::Drop | End::CloseAndDrop) {
        assert_eq!(count("gone"), 1, "{case}: {told:?}");
    }
    // What was on its way between the machine and the connection may still come.
    let messages = told.iter().skip_while(|what| *what != "closed");
    let messages = messages.filter(|what| *what == "message").count();
    assert!(messages <= 3, "{case}: {messages} messages after it closed");
    // The machine may want to close what is gone, and is told nothing more of it.
    let after_gone = told.iter().skip_while(|what| *what != "gone").skip(1);
    let after_gone = after_gone.filter(|what| *what != "closed");
    assert_eq!(after_gone.count(), 0, "{case}: {told:?}");
}
