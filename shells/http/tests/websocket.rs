//! WebSockets between a client that is not ours and what a machine sees of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_tungstenite::tungstenite::Message as Sent;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{HttpAction, HttpEvent, Message, ResponseHead};
use weft_http::{BuiltIn, Destination, Limits, Responder, Server};

const MESSAGE_BYTES_MAX: usize = 1_000;

/// A server whose machine is the test.
struct Machine {
    address: SocketAddr,
    responder: Responder,
    events: UnboundedReceiver<HttpEvent>,
    server: tokio::task::JoinHandle<()>,
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Drop for Machine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Machine {
    async fn start(limits: Limits) -> Self {
        let (sender, events) = unbounded_channel();
        let sink: weft_http::Sink = Arc::new(move |event| drop(sender.send(event)));
        let built_in = BuiltIn { ready: Arc::new(|| Ok(())), metrics: Arc::new(String::new) };
        let responder = Responder::default();
        let route = Arc::new(move |_: &_| Destination::To(sink.clone()));
        let address = "127.0.0.1:0".parse().expect("an address");
        let server = Server::bind(address, limits, route, built_in, responder.clone())
            .await
            .expect("it listens");
        let address = server.address().expect("its address");
        Self { address, responder, events, server: tokio::spawn(server.run()) }
    }

    async fn next(&mut self) -> HttpEvent {
        self.events.recv().await.expect("an event")
    }

    /// A client whose WebSocket is open.
    async fn open(&mut self) -> (Client, RequestId) {
        let url = format!("ws://{}/live?x=1", self.address);
        let connect = tokio::spawn(connect_async(url));
        let HttpEvent::Head { request, head } = self.next().await else { panic!("a request") };
        assert!(head.is_websocket());
        assert_eq!((head.path.as_str(), head.query.as_str()), ("/live", "x=1"));
        let message_bytes_max = MESSAGE_BYTES_MAX;
        self.responder.act(HttpAction::Upgrade { request, message_bytes_max });
        let (client, _) = connect.await.expect("a task").expect("a WebSocket");
        (client, request)
    }

    fn send(&self, request: RequestId, text: &str) {
        let message = Message::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.responder.act(HttpAction::Message { request, message });
    }

    fn close(&self, request: RequestId, code: u16, reason: &str) {
        let reason = reason.to_owned();
        self.responder.act(HttpAction::Close { request, code, reason });
    }
}

fn default() -> Limits {
    Limits::default()
}

async fn start() -> Machine {
    Machine::start(default()).await
}

fn text(request: RequestId, text: &str) -> HttpEvent {
    HttpEvent::Message { request, message: Message::Text(Bytes::copy_from_slice(text.as_bytes())) }
}

fn fragment(payload: &[u8], opcode: Data, is_final: bool) -> Sent {
    let opcode = OpCode::Data(opcode);
    let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
    Sent::Frame(Frame::from_payload(header, Bytes::copy_from_slice(payload)))
}

async fn closed(client: &mut Client) -> Option<(u16, String)> {
    loop {
        match client.next().await.expect("a close, or an error before it").expect("a message") {
            Sent::Close(frame) => return frame.map(|f| (f.code.into(), f.reason.to_string())),
            Sent::Ping(_) | Sent::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn messages_go_both_ways() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    client.send(Sent::text("héllo")).await.expect("sent");
    client.send(Sent::binary(vec![0, 255])).await.expect("sent");
    assert_eq!(machine.next().await, text(request, "héllo"));
    let message = Message::Binary(Bytes::from_static(&[0, 255]));
    assert_eq!(machine.next().await, HttpEvent::Message { request, message });
    machine.send(request, "a");
    machine.send(request, &"b".repeat(100_000));
    assert_eq!(client.next().await.unwrap().unwrap(), Sent::text("a"));
    assert_eq!(client.next().await.unwrap().unwrap(), Sent::text("b".repeat(100_000)));
    assert_eq!(machine.next().await, HttpEvent::Drained { request });
}

#[tokio::test]
async fn fragments_are_put_together_with_pings_between_them() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    // A character is cut in two.
    client.send(fragment(b"a\xc3", Data::Text, false)).await.expect("sent");
    client.send(Sent::Ping(Bytes::from_static(b"there?"))).await.expect("sent");
    client.send(fragment(b"\xa9", Data::Continue, false)).await.expect("sent");
    client.send(fragment(b"z", Data::Continue, true)).await.expect("sent");
    assert_eq!(machine.next().await, text(request, "aéz"));
    let pong = client.next().await.unwrap().unwrap();
    assert_eq!(pong, Sent::Pong(Bytes::from_static(b"there?")));
}

#[tokio::test]
async fn what_is_too_large_ends_the_connection() {
    for is_cut in [false, true] {
        let mut machine = start().await;
        let (mut client, request) = machine.open().await;
        client.send(Sent::text("x".repeat(MESSAGE_BYTES_MAX))).await.expect("sent");
        let HttpEvent::Message { .. } = machine.next().await else { panic!("as long as allowed") };
        if is_cut {
            let half = [b'x'; MESSAGE_BYTES_MAX / 2 + 1];
            client.send(fragment(&half, Data::Text, false)).await.expect("sent");
            client.send(fragment(&half, Data::Continue, true)).await.expect("sent");
        } else {
            client.send(Sent::text("x".repeat(MESSAGE_BYTES_MAX + 1))).await.expect("sent");
        }
        let reason = "The message is too large.".to_owned();
        assert_eq!(closed(&mut client).await, Some((1_009, reason)));
        assert_eq!(machine.next().await, HttpEvent::Gone { request });
    }
}

#[tokio::test]
async fn text_that_is_none_and_fragments_out_of_place_end_the_connection() {
    let bad = [
        (vec![fragment(b"\xff", Data::Text, true)], 1_007),
        (vec![fragment(b"\xff", Data::Text, false), fragment(b"", Data::Continue, true)], 1_007),
        (vec![fragment(b"x", Data::Continue, true)], 1_002),
        (vec![fragment(b"x", Data::Text, false), fragment(b"x", Data::Text, true)], 1_002),
    ];
    for (frames, expected) in bad {
        let mut machine = start().await;
        let (mut client, request) = machine.open().await;
        for frame in frames {
            client.send(frame).await.expect("sent");
        }
        assert_eq!(closed(&mut client).await.map(|(code, _)| code), Some(expected));
        assert_eq!(machine.next().await, HttpEvent::Gone { request });
    }
}

#[tokio::test]
async fn the_client_closes() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    let frame = CloseFrame { code: CloseCode::Library(4_000), reason: "bye".into() };
    client.send(Sent::Close(Some(frame))).await.expect("sent");
    assert_eq!(machine.next().await, HttpEvent::Gone { request });
    assert_eq!(closed(&mut client).await, Some((4_000, "bye".to_owned())));
    assert!(client.next().await.is_none(), "the connection ends");
    // What the machine says late is nobody's.
    machine.send(request, "late");
}

#[tokio::test]
async fn the_machine_closes_and_hears_nothing_more() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    machine.send(request, "last");
    machine.close(request, 1_008, "Enough.");
    assert_eq!(client.next().await.unwrap().unwrap(), Sent::text("last"));
    assert_eq!(closed(&mut client).await, Some((1_008, "Enough.".to_owned())));
    assert!(client.next().await.is_none(), "the connection ends");
    drop(client);
    // Whatever comes now comes from the next connection.
    let (_client, next) = machine.open().await;
    assert_ne!(next, request);
}

#[tokio::test]
async fn both_close_at_once() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    client.send(Sent::Close(None)).await.expect("sent");
    machine.close(request, 1_000, "");
    // Whichever came first, there is a close, then the end.
    let _ = closed(&mut client).await;
    assert!(client.next().await.is_none());
    // A client that was there is told at most once to be gone.
    let url = format!("ws://{}/live?x=1", machine.address);
    let _connect = tokio::spawn(connect_async(url));
    let mut next = machine.next().await;
    if next == (HttpEvent::Gone { request }) {
        next = machine.next().await;
    }
    assert!(matches!(next, HttpEvent::Head { .. }), "{next:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told() {
    let mut machine = start().await;
    let (client, request) = machine.open().await;
    drop(client);
    assert_eq!(machine.next().await, HttpEvent::Gone { request });
}

#[tokio::test]
async fn nothing_is_read_while_the_machine_says_so() {
    let mut machine = start().await;
    let (mut client, request) = machine.open().await;
    machine.responder.act(HttpAction::Pause { request });
    // One may be on its way in already; of many not all are.
    for number in 0..5 {
        client.send(Sent::text(number.to_string())).await.expect("sent");
    }
    machine.responder.act(HttpAction::Resume { request });
    for number in 0..5 {
        assert_eq!(machine.next().await, text(request, &number.to_string()));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let close_time = Duration::from_millis(50);
    let mut machine = Machine::start(Limits { close_time, connections: 1, ..default() }).await;
    let (_client, request) = machine.open().await;
    // More than sockets take.
    for _ in 0..200 {
        machine.send(request, &"x".repeat(1 << 20));
    }
    machine.close(request, 1_008, "Too slow.");
    // There is one connection at a time: the next one comes when the first one is gone.
    let (_client, next) = machine.open().await;
    assert_ne!(next, request);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_pinged_and_then_gone() {
    let limits = Limits { ping_time: Duration::from_millis(20), ..default() };
    let mut machine = Machine::start(limits).await;
    let (client, request) = machine.open().await;
    // Nobody polls the client: it answers no ping.
    assert_eq!(machine.next().await, HttpEvent::Gone { request });
    drop(client);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    // Long enough for a machine that does much else.
    let limits = Limits { ping_time: Duration::from_millis(250), ..default() };
    let mut machine = Machine::start(limits).await;
    let (mut client, request) = machine.open().await;
    for _ in 0..3 {
        let ping = client.next().await.unwrap().unwrap();
        assert_eq!(ping, Sent::Ping(Bytes::new()));
    }
    client.send(Sent::text("here")).await.expect("sent");
    assert_eq!(machine.next().await, text(request, "here"));
}

#[tokio::test]
async fn a_request_for_a_websocket_may_be_refused() {
    let mut machine = start().await;
    let url = format!("ws://{}/live?x=1", machine.address);
    let connect = tokio::spawn(connect_async(url));
    let HttpEvent::Head { request, .. } = machine.next().await else { panic!("a request") };
    let head = ResponseHead { status: 403, headers: Vec::new() };
    machine.responder.act(HttpAction::Head { request, head });
    machine.responder.act(HttpAction::End { request });
    let error = connect.await.expect("a task").expect_err("it is refused");
    assert!(error.to_string().contains("403"), "{error}");
}
