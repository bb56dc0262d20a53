//! WebSockets of a node, by a client that is not ours; and what the reference was recorded to say
//! (`WEFT_VECTORS`).

mod common;

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use common::Node;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;

/// A client.
struct Client(WebSocket<TcpStream>);

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Text(String),
    Closed,
}

impl Client {
    fn open(node: &Node, path: &str) -> Self {
        let stream = TcpStream::connect(node.address()).expect("it listens");
        stream.set_read_timeout(Some(common::PATIENCE)).expect("a limit");
        let url = format!("ws://{}{path}", node.address());
        Self(tungstenite::client(url, stream).expect("a WebSocket").0)
    }

    fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("sent");
    }

    fn hears(&mut self) -> Heard {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Heard::Text(text.to_string()),
                Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => {
                    return Heard::Closed;
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn text(&mut self) -> String {
        match self.hears() {
            Heard::Text(text) => text,
            Heard::Closed => panic!("it is closed"),
        }
    }

    /// What is heard until a text begins like that; without it.
    fn until(&mut self, end: &str) -> Vec<Heard> {
        let mut all = Vec::new();
        loop {
            match self.hears() {
                Heard::Text(text) if text.starts_with(end) => return all,
                Heard::Closed => {
                    all.push(Heard::Closed);
                    return all;
                }
                heard => all.push(heard),
            }
        }
    }

    /// Everything that was pushed before now: what is said is answered in order.
    fn so_far(&mut self) -> Vec<Heard> {
        self.says("ACK");
        self.until("OK ACK")
    }
}

#[test]
fn what_is_streamed_in_is_stored_and_pushed() {
    let node = Node::start();
    let mut writer = Client::open(&node, "/api/v0/streamupdate");
    writer.says(&format!("TOKEN {}", node.write));
    assert_eq!(writer.text(), "OK 0 TOKEN");
    let mut reader = Client::open(&node, "/api/v0/plasma");
    assert_eq!(reader.so_far(), []);
    reader.says(&format!("SUBSCRIBE {} live{{}}", node.read));
    assert_eq!(reader.text(), "OK SUBSCRIBE live{}");
    // A series that nobody has seen, then more of it.
    writer.says("1// live{k=1} 1\n");
    assert!(writer.text().starts_with("OK 1 UPDATE 1 "));
    reader.says("SUBSCRIPTIONS");
    // It is added as soon as its metadata came; then its datapoints come.
    let mut tick = 1;
    while reader.so_far().is_empty() {
        tick += 1;
        writer.says(&format!("={tick}// 1\n"));
        assert!(writer.text().starts_with(&format!("OK {tick} UPDATE 1 ")));
        reader.says("SUBSCRIPTIONS");
    }
    for tick in 1_000..1_100 {
        writer.says(&format!("={tick}// 1\n"));
        writer.text();
    }
    let mut ticks = Vec::new();
    while ticks.last() != Some(&1_099) {
        let text = reader.text();
        ticks.extend(text.lines().filter_map(|line| {
            line.trim_start_matches('=').split('/').next()?.parse::<i64>().ok()
        }));
    }
    let from = ticks.iter().position(|tick| *tick == 1_000).expect("the first one");
    assert_eq!(ticks[from..], (1_000..1_100).collect::<Vec<i64>>());
    assert_eq!(node.stored("live{}").count(), tick as usize + 100);
}

#[test]
fn subscribers_see_their_own_and_nothing_else() {
    let node = Node::start();
    node.update("1// a{} 1\n1// b{} 1\n");
    let mut all = Client::open(&node, "/api/v0/plasma");
    let mut one = Client::open(&node, "/api/v0/plasma");
    for (client, selector) in [(&mut all, "~.*{}"), (&mut one, "b{}")] {
        client.so_far();
        client.says(&format!("SUBSCRIBE {} {selector}", node.read));
        assert_eq!(client.text(), format!("OK SUBSCRIBE {selector}"));
        client.says("FULLTEXT");
    }
    node.update("2// a{} 1\n3// b{} 1\n");
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        seen.extend(all.text().lines().map(|line| line[..1].to_owned()));
    }
    assert_eq!(seen, BTreeSet::from(["2".to_owned(), "3".to_owned()]));
    assert!(one.text().starts_with("3// b{"));
    assert_eq!(one.so_far(), []);
}

#[test]
fn a_kill_of_the_node_ends_connections_and_the_next_one_serves_again() {
    let mut node = Node::start();
    node.update("1// a{} 1\n");
    let mut client = Client::open(&node, "/api/v0/plasma");
    client.so_far();
    node.kill();
    assert!(client.0.read().is_err());
    node.restart();
    let mut client = Client::open(&node, "/api/v0/plasma");
    client.so_far();
    client.says(&format!("SUBSCRIBE {} a{{}}", node.read));
    assert_eq!(client.text(), "OK SUBSCRIBE a{}");
    node.update("2// a{} 1\n");
    assert!(client.text().starts_with("2// a{"));
}

/// A series that tells when datapoints have been pushed.
const SENTINEL: &str = "weft.sentinel";

/// Replays dialogues.
struct Replay {
    node: Node,
    sentinel: Client,
    count: u32,
}

impl Replay {
    fn update(&mut self, lines: &str) {
        self.node.update(lines);
        self.count += 1;
        self.node.update(format!("{}// {SENTINEL}{{}} 1\n", self.count));
        // One partition: what came before it was pushed before it.
        self.sentinel.until(&format!("{}// {SENTINEL}", self.count));
    }

    /// What is heard of one step.
    fn step(&mut self, client: &mut Client, path: &str, action: &str, data: &str) -> Vec<Heard> {
        if action == "update" {
            self.update(data);
            return client.so_far();
        }
        client.says(data);
        if path.ends_with("streamupdate") {
            return vec![client.hears()];
        }
        let verb = data.split(' ').next().unwrap_or_default();
        if !["SUBSCRIBE", "UNSUBSCRIBE", "CLEAR"].contains(&verb) {
            return client.so_far();
        }
        // It is active, or refused.
        match client.hears() {
            Heard::Text(text) if text.starts_with("OK ") => client.so_far(),
            heard => {
                let rest = if heard == Heard::Closed { Vec::new() } else { client.so_far() };
                [vec![heard], rest].concat()
            }
        }
    }
}

/// A text whose labels and members come in order, and without how long something took.
fn plain(text: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && json.is_array()
    {
        return sorted(&json);
    }
    let decoded = opb64::decode(text.as_bytes()).ok();
    if let Some(Ok(mut wrapper)) = decoded.map(|bytes| GtsWrapper::decode(&bytes)) {
        if let Some(message) = &mut wrapper.metadata {
            message.metadata.labels.sort();
        }
        return format!("{wrapper:?}");
    }
    let lines = text.split('\n').map(|line| match (line.find('{'), line.rfind('}')) {
        (Some(from), Some(to)) if from < to => {
            let mut labels: Vec<&str> = line[from + 1..to].split(',').collect();
            labels.sort_unstable();
            format!("{}{{{}{}", &line[..from], labels.join(","), &line[to..])
        }
        _ => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    match text.rsplit_once(' ') {
        Some((start, _)) if text.starts_with("OK ") && text.contains(" UPDATE ") => {
            start.to_owned()
        }
        _ => text,
    }
}

fn sorted(json: &Value) -> String {
    match json {
        Value::Object(members) => {
            let mut all: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}:{}", sorted(value))).collect();
            all.sort();
            format!("{{{}}}", all.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// What was recorded for a step.
fn recorded(step: &Value) -> Vec<Heard> {
    let texts = step["received"].as_array().into_iter().flatten();
    let mut all: Vec<Heard> =
        texts.map(|one| Heard::Text(one["text"].as_str().expect("a text").to_owned())).collect();
    all.extend(step.get("closed").map(|_| Heard::Closed));
    all
}

/// As it is compared: a listing has no order.
fn comparable(heard: &[Heard]) -> Vec<String> {
    let mut all: Vec<String> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Text(text) => plain(text),
            Heard::Closed => "closed".to_owned(),
        })
        .collect();
    if all.iter().all(|text| text.starts_with("SUB ")) {
        all.sort();
    }
    all
}

#[test]
fn the_recorded_dialogues_are_answered_alike() {
    let Some(folder) = std::env::var_os("WEFT_VECTORS").map(PathBuf::from) else {
        println!("skipped: WEFT_VECTORS is not set");
        return;
    };
    let http = folder.join("http");
    let read = |name: &str| std::fs::read_to_string(http.join(name)).expect("a file of facts");
    let conf = format!("{}\nweft.partitions = 1\n", read("server.conf"));
    let tokens: Value = serde_json::from_str(&read("tokens.json")).expect("tokens");
    let token = |name: &str| tokens[name]["token"].as_str().expect("a token").to_owned();
    let node = Node::start_as(&conf, &token("read"), &token("write"));
    node.update(format!("0// {SENTINEL}{{}} 0\n"));
    let mut sentinel = Client::open(&node, "/api/v0/plasma");
    sentinel.so_far();
    sentinel.says(&format!("SUBSCRIBE {} {SENTINEL}{{}}", node.read));
    assert_eq!(sentinel.text(), format!("OK SUBSCRIBE {SENTINEL}{{}}"));
    let mut replay = Replay { node, sentinel, count: 0 };
    let (mut differ, mut count) = (BTreeSet::new(), 0);
    for line in read("ws-2.11.1.jsonl").lines() {
        let dialogue: Value = serde_json::from_str(line).expect("a dialogue");
        let (name, path) = (dialogue["name"].as_str(), dialogue["path"].as_str());
        let (name, path) = (name.expect("a name"), path.expect("a path"));
        let mut client = Client::open(&replay.node, path);
        if path.ends_with("plasma") {
            client.so_far();
        }
        for (index, step) in dialogue["steps"].as_array().expect("steps").iter().enumerate() {
            let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
            let heard = if path.ends_with("mobius") {
                // One that runs again and again is heard as often as it was.
                client.says(&text("data"));
                let count = step["received"].as_array().map_or(0, Vec::len).max(1);
                (0..count).map(|_| client.hears()).collect()
            } else {
                replay.step(&mut client, path, &text("action"), &text("data"))
            };
            let (heard, asked) = (comparable(&heard), comparable(&recorded(step)));
            count += 1;
            if heard != asked {
                println!("{name}/{index}: {heard:?}, and not {asked:?}");
                differ.insert(format!("{name}/{index}"));
            }
            if heard.last().is_some_and(|last| last == "closed") {
                break;
            }
        }
    }
    println!("{count} steps");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/websocket-2.11.1.txt");
    let list = std::fs::read_to_string(list).expect("a list");
    let listed = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeSet<String> =
        listed.filter_map(|line| Some(line.split_once(": ")?.0.to_owned())).collect();
    assert_eq!(differ, listed, "what differs, and what is listed");
}
