//! The promises of `streamupdate`, one test each.

mod common;

use bytes::Bytes;
use common::{at, drain, http_actions, ids, log_actions, run, step, token_keys, write_token};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{
    Effect, Event, HttpAction, HttpEvent, LogAction, LogError, LogEvent, Message, RequestHead,
};
use weft_daemons::ingress::{Ingress, IngressConfig, IngressTask};
use weft_gts::Decoder;
use weft_wire::thrift::{KafkaDataMessage, decode_metadata};
use weft_wire::token::{TokenAuthority, WriteToken};

const REQUEST: RequestId = RequestId(1);

/// An ingress, the log behind it, and what a client of a stream is told.
struct World {
    ingress: Ingress,
    /// Appends are not answered.
    holds: bool,
    held: Vec<Event<IngressTask>>,
    /// Class and ticks of what is in the log.
    stored: Vec<(String, Vec<i64>)>,
    classes: Vec<(i64, String)>,
    told: Vec<HttpAction>,
}

impl World {
    fn new(change: impl FnOnce(&mut IngressConfig)) -> Self {
        let mut config = IngressConfig::minimal(ids(), TokenAuthority::new(token_keys()));
        change(&mut config);
        let ingress = Ingress::new(config);
        let mut world = Self {
            ingress,
            holds: false,
            held: Vec::new(),
            stored: Vec::new(),
            classes: Vec::new(),
            told: Vec::new(),
        };
        let effects = drain(&mut world.ingress);
        for action in log_actions(effects) {
            if let LogAction::Describe { id, .. } = action {
                world.handle(Event::Log(LogEvent::Described { id, result: Ok(1) }));
            }
        }
        world.handle(Event::Http(HttpEvent::Head { request: REQUEST, head: websocket() }));
        world
    }

    /// One that takes a token of that owner first.
    fn with_token() -> Self {
        let mut world = Self::new(|_| {});
        world.says("ONERROR message");
        world.says(&format!("TOKEN {}", write_token()));
        world.told.clear();
        world
    }

    fn handle(&mut self, event: Event<IngressTask>) {
        let effects = step(&mut self.ingress, at(0), event);
        let effects = run(&mut self.ingress, at(0), effects);
        self.told.extend(http_actions(&effects));
        let mut events = Vec::new();
        for action in log_actions(effects) {
            let LogAction::Append { id, topic, records } = action else { continue };
            for record in &records {
                if &*topic == "data" {
                    let message = KafkaDataMessage::decode(&record.value).expect("a message");
                    let data = message.data.unwrap_or_default();
                    let ticks = Decoder::new(0, &data, None).map(|point| point.expect("one").tick);
                    let class = self.classes.iter().find(|(id, _)| *id == message.class_id);
                    let class = class.map(|(_, name)| name.clone()).unwrap_or_default();
                    self.stored.push((class, ticks.collect()));
                } else {
                    let metadata = decode_metadata(&record.value[16..]).expect("metadata");
                    self.classes.push((
                        ids().series_id(&metadata).class_id,
                        metadata.name.unwrap_or_default(),
                    ));
                }
            }
            events.push(Event::Log(LogEvent::Appended { id, result: Ok(vec![(0, 0)]) }));
        }
        self.held.extend(events);
        if !self.holds {
            self.release();
        }
    }

    fn release(&mut self) {
        for event in std::mem::take(&mut self.held) {
            self.handle(event);
        }
    }

    fn says(&mut self, text: &str) {
        let message = Message::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.handle(Event::Http(HttpEvent::Message { request: REQUEST, message }));
    }

    /// What the client was told since that was last asked.
    fn answers(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .map(|action| match action {
                HttpAction::Message { message, .. } => {
                    String::from_utf8(message.bytes().to_vec()).expect("text")
                }
                HttpAction::Close { code, reason, .. } => format!("{code} {reason}"),
                HttpAction::Upgrade { message_bytes_max, .. } => {
                    format!("open {message_bytes_max}")
                }
                HttpAction::Pause { .. } => "pause".to_owned(),
                HttpAction::Resume { .. } => "resume".to_owned(),
                HttpAction::Head { head, .. } => head.status.to_string(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn stored(&mut self) -> Vec<(String, Vec<i64>)> {
        std::mem::take(&mut self.stored)
    }
}

fn websocket() -> RequestHead {
    let headers = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "x"),
    ];
    RequestHead {
        method: "GET".to_owned(),
        path: "/api/v0/streamupdate".to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

fn class(name: &str, ticks: &[i64]) -> (String, Vec<i64>) {
    (name.to_owned(), ticks.to_vec())
}

#[test]
fn messages_are_answered_in_sequence() {
    let mut world = World::new(|config| config.stream_message_bytes_max = 7_000);
    assert_eq!(world.answers(), ["open 7000"]);
    world.says(&format!("TOKEN {}", write_token()));
    world.says("NOOP");
    world.says("1// a{} 1\n=2// 2\n2// b{} 3\n");
    world.says("");
    world.says("CLEARTOKEN");
    let answers = ["OK 0 TOKEN", "OK 1 NOOP", "OK 2 UPDATE 3 0", "OK 3 UPDATE 0 0"];
    assert_eq!(world.answers(), [&answers[..], &["OK 4 CLEARTOKEN"]].concat());
    assert_eq!(world.stored(), [class("a", &[1, 2]), class("b", &[2])]);
}

#[test]
fn an_update_is_answered_once_it_is_acknowledged_and_others_wait_for_it() {
    let mut world = World::with_token();
    world.holds = true;
    world.says("1// a{} 1\n");
    world.says("NOOP");
    assert_eq!(world.answers(), [""; 0]);
    world.holds = false;
    world.release();
    assert_eq!(world.answers(), ["OK 2 UPDATE 1 0", "OK 3 NOOP"]);
}

#[test]
fn what_the_log_refuses_is_an_error() {
    let mut world = World::with_token();
    world.holds = true;
    world.says("1// a{} 1\n");
    world.holds = false;
    for event in std::mem::take(&mut world.held) {
        let Event::Log(LogEvent::Appended { id, .. }) = event else { panic!("an append") };
        let result = Err(LogError::Unavailable("gone".to_owned()));
        world.handle(Event::Log(LogEvent::Appended { id, result }));
    }
    assert_eq!(world.answers(), ["ERROR the log is unavailable: gone"]);
    world.says("2// a{} 1\n");
    assert_eq!(world.answers(), ["OK 2 UPDATE 1 0"]);
}

#[test]
fn continuation_lines_go_on_across_messages() {
    let mut world = World::with_token();
    world.says("1// a{x=y} 1\n");
    world.says("=2// 2\n=3// 3\n4// b{} 4\n");
    world.says("=5// 5\n");
    let answers = ["OK 2 UPDATE 1 0", "OK 3 UPDATE 3 0", "OK 4 UPDATE 1 0"];
    assert_eq!(world.answers(), answers);
    let stored = [class("a", &[1]), class("a", &[2, 3]), class("b", &[4]), class("b", &[5])];
    assert_eq!(world.stored(), stored);
    // A message that begins with a series of its own stores nothing for the one before.
    world.says("6// a{x=y} 6\n");
    assert_eq!(world.stored(), [class("a", &[6])]);
}

#[test]
fn nothing_continues_what_was_refused_or_another_writers() {
    let mut world = World::with_token();
    world.says("1// a{} 1\n2// b{} x\n");
    world.says("=3// 3\n");
    let told = world.answers();
    assert!(told[0].starts_with("ERROR Parse error at index 8 in '2// b{} x' (Cannot"), "{told:?}");
    assert!(told[1].starts_with("ERROR Parse error at index 0 in '=3// 3' ("), "{told:?}");
    assert_eq!(world.stored(), [class("a", &[1])], "what stands before the bad line");
    world.says("4// a{} 4\n");
    world.says(&format!("TOKEN {}", write_token()));
    world.says("=5// 5\n");
    let told = world.answers();
    assert!(told[2].starts_with("ERROR Parse error"), "{told:?}");
}

#[test]
fn an_error_closes_the_connection_unless_it_is_to_be_a_message() {
    let mut world = World::new(|_| {});
    world.says("1// a{} 1\n");
    assert_eq!(world.answers(), ["open 1048576", "1008 Missing token."]);
    world.says("NOOP");
    assert_eq!(world.answers(), [""; 0], "it is closed");

    let mut world = World::with_token();
    let no_update = token_keys().encode_write(&WriteToken {
        expiry_ms: i64::MAX,
        app_name: "test".to_owned(),
        producer_id: vec![7; 16],
        owner_id: vec![7; 16],
        attributes: Some([(".noupdate", "t")].into_iter().collect()),
        ..WriteToken::default()
    });
    for text in ["TOKEN bad", "TOKEN", "ONERROR", &format!("TOKEN {no_update}"), "# comment"] {
        world.says(text);
    }
    let told = [
        "ERROR Invalid token.",
        "ERROR TOKEN needs a token.",
        "ERROR ONERROR needs 'message' or 'close'.",
        "ERROR Token cannot be used for updating data.",
        "ERROR Parse error at index 0 in '# comment' (Missing timestamp separator.)",
    ];
    assert_eq!(world.answers(), told);
    // The token is what it was.
    world.says("1// a{} 1\n");
    world.says("ONERROR close");
    world.says("TOKEN bad");
    let told = ["OK 2 UPDATE 1 0", "OK 3 ONERROR", "1008 Invalid token."];
    assert_eq!(world.answers(), told);
}

#[test]
fn deltas_of_attributes_are_on_or_off() {
    let mut world = World::with_token();
    world.says("DELTAON");
    assert_eq!(world.answers(), ["ERROR Delta update of attributes is disabled."]);
    let mut world = World::new(|config| config.allow_delta = true);
    world.says("DELTAON");
    world.says("DELTAOFF");
    assert_eq!(world.answers()[1..], ["OK 0 DELTAON", "OK 1 DELTAOFF"]);
}

#[test]
fn lines_may_bring_their_token() {
    let mut world = World::new(|_| {});
    world.says(&format!("UPDATE {}\n1// a{{}} 1\n", write_token()));
    assert_eq!(world.answers()[1..], ["OK 0 UPDATE 1 0"]);
}

#[test]
fn what_waits_is_bounded() {
    let mut world = World::with_token();
    world.holds = true;
    world.says("1// a{} 1\n");
    let lines = format!("1// a{{}} '{}'\n", "x".repeat(60_000));
    for _ in 0..18 {
        world.says(&lines);
    }
    assert_eq!(world.answers(), ["pause"]);
    world.holds = false;
    world.release();
    let told = world.answers();
    assert_eq!(told.len(), 20);
    assert_eq!(told.last().map(String::as_str), Some("resume"));

    // A client that reads no answers is not served on.
    let mut world = World::with_token();
    for _ in 0..200 {
        world.says("NOOP");
    }
    let told = world.answers();
    assert!(told.len() < 70 && told.contains(&"pause".to_owned()), "{told:?}");
    world.handle(Event::Http(HttpEvent::Drained { request: REQUEST }));
    assert!(world.answers().len() >= 60);
}

#[test]
fn a_stop_closes_connections_when_their_message_is_answered() {
    let mut world = World::with_token();
    world.holds = true;
    world.says("1// a{} 1\n");
    world.handle(Event::Stop);
    assert_eq!(world.answers(), [""; 0]);
    world.holds = false;
    let mut stopped = false;
    for event in std::mem::take(&mut world.held) {
        let effects = step(&mut world.ingress, at(0), event);
        stopped |= effects.iter().any(|effect| matches!(effect, Effect::Stopped));
        world.told.extend(http_actions(&effects));
    }
    assert_eq!(world.answers(), ["OK 2 UPDATE 1 0", "1001 This ingress is stopping."]);
    assert!(stopped);
}

#[test]
fn a_client_that_goes_leaves_nothing() {
    let mut world = World::with_token();
    world.holds = true;
    world.says("1// a{} 1\n");
    world.handle(Event::Http(HttpEvent::Gone { request: REQUEST }));
    world.holds = false;
    world.release();
    world.says("NOOP");
    assert_eq!(world.answers(), [""; 0]);
}

#[test]
fn only_websockets_are_served_and_not_at_all_when_disabled() {
    let mut world = World::new(|_| {});
    let head = RequestHead { headers: Vec::new(), ..websocket() };
    world.handle(Event::Http(HttpEvent::Head { request: RequestId(2), head }));
    assert_eq!(world.answers()[1], "426");
    let mut world = World::new(|config| config.stream_disabled = true);
    assert_eq!(world.answers()[0], "404");
}
