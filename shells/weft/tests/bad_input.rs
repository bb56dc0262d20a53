//! What clients do wrong: the answer says what, and exactly how much was stored.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use common::Node;
use common::http::{Reply, Request, gzip, read_reply};
use common::model::{Model, percent_encode};

/// Memory that one bad request may cost, however much it sends.
const MEMORY_MAX: u64 = 300 << 20;

fn update(node: &Node, body: impl Into<Vec<u8>>) -> Reply {
    node.post("/api/v0/update", &node.write, body)
}

fn compressed(node: &Node, body: impl Into<Vec<u8>>) -> Reply {
    let request = Request::post("/api/v0/update", body).header("Content-Type", "application/gzip");
    node.send(&request.header("X-Warp10-Token", &node.write))
}

/// Datapoints of series `class`, one a line.
fn lines(class: &str, count: usize) -> String {
    (0..count).map(|tick| format!("{tick}// {class}{{}} {}\n", tick * 7_919 % 1_000)).collect()
}

/// Panics unless an answer says that the first `count` of the lines were stored, and they were.
fn assert_stored(node: &Node, reply: &Reply, class: &str, lines: &str, count: usize) {
    assert_eq!(reply.header("X-Weft-Stored"), Some(count.to_string().as_str()), "{}", reply.text());
    let first: String = lines.lines().take(count).map(|line| format!("{line}\n")).collect();
    node.stored(&format!("{class}{{}}")).assert_same(&Model::of_lines(&first), class);
}

#[test]
fn a_bad_line_is_named_and_all_before_it_are_stored() {
    let node = Node::start();
    // The first is in the first piece of the body, the last far behind.
    for (class, good) in [("none", 0), ("few", 3), ("many", 20_000)] {
        let text = lines(class, good);
        let reply = update(&node, format!("{text}nonsense\n1000000// {class}{{}} 1\n"));
        assert_eq!(reply.status, 400);
        let message = "Error when updating data: Parse error at index 0 in 'nonsense' \
                       (Missing timestamp separator.)";
        assert_eq!(reply.text(), message);
        assert_eq!(reply.header("X-Weft-Line"), Some((good + 1).to_string().as_str()));
        assert_stored(&node, &reply, class, &text, good);
    }
    for (line, message) in [
        ("=1// 1", "at index 0 in '=1// 1' (Invalid continuation.)"),
        ("1// a{}", "at index 6 in '1// a{}' (Missing value.)"),
        ("1// a{x} 1", "at index 6 in '1// a{x} 1' (Invalid label definition. (x))"),
        ("1/x:y/ a{} 1", "at index 2 in '1/x:y/ a{} 1' (Invalid location: 'x:y'.)"),
        ("x// a{} 1", "at index 0 in 'x// a{} 1' (Invalid timestamp.)"),
    ] {
        let reply = update(&node, line);
        assert_eq!(reply.status, 400, "{line}");
        assert_eq!(reply.text(), format!("Error when updating data: Parse error {message}"));
    }
    assert_eq!(node.stored("a{}"), Model::default());
}

#[test]
fn tokens_are_checked_before_anything_else() {
    let node = Node::start();
    let line = "1// a{} 1\n";
    for (token, message) in [("garbage", "Invalid token."), (&node.read, "Invalid token.")] {
        let reply = node.post("/api/v0/update", token, line);
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (403, &*format!("Error when updating data: {message}"))
        );
    }
    let reply = node.send(&Request::post("/api/v0/update", line));
    assert_eq!(
        (reply.status, &*reply.text()),
        (403, "Error when updating data: Write token missing.")
    );
    for path in ["/api/v0/fetch?selector=a%7B%7D&start=0&end=10", "/api/v0/find?selector=a%7B%7D"] {
        let reply = node.get(path, &node.write);
        assert_eq!(reply.status, 403, "{path}: {}", reply.text());
    }
    let reply = node.get("/api/v0/delete?selector=a%7B%7D&deleteall", &node.read);
    assert_eq!((reply.status, &*reply.text()), (500, "Invalid token."));
    assert_eq!(node.stored("a{}"), Model::default());
}

#[test]
fn compressed_bodies_that_are_none() {
    let node = Node::start();
    let prefix = "Error when updating data: ";
    let text = lines("g", 5_000);
    let whole = gzip(text.as_bytes());
    for (body, message, stored) in [
        (text.as_bytes(), "Not in GZIP format", Some(0)),
        (&[], "EOFException", Some(0)),
        (&whole[..whole.len() / 2], "Unexpected end of ZLIB input stream", None),
        (&whole[..whole.len() - 1], "Corrupt GZIP trailer", None),
    ] {
        let reply = compressed(&node, body);
        assert_eq!(reply.status, 500, "{message}");
        assert_eq!(reply.text(), format!("{prefix}{message}"));
        let said = reply.header("X-Weft-Stored").and_then(|count| count.parse().ok());
        let said: usize = said.expect("a number");
        assert!(stored.is_none_or(|stored| stored == said), "{message}: {said}");
        assert_stored(&node, &reply, "g", &text, said);
    }
    // Damage that goes unnoticed until later makes a line, or the stream, unreadable.
    let text = lines("h", 5_000);
    let mut damaged = gzip(text.as_bytes());
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4].fill(0xff);
    let reply = compressed(&node, damaged);
    assert!(reply.status >= 400);
    let said: usize = reply.header("X-Weft-Stored").and_then(|n| n.parse().ok()).expect("a number");
    assert!(said > 0 && said < 5_000, "{said}");
    assert_eq!(node.stored("h{}").count(), said);
}

#[test]
fn values_that_are_too_large() {
    let node = Node::start();
    let reply = update(&node, format!("1// v{{}} 1\n2// v{{}} '{}'\n", "x".repeat(1 << 20)));
    assert_eq!(reply.status, 400);
    assert_stored(&node, &reply, "v", "1// v{} 1\n", 1);
    let token = node.write_token_with(".maxsize=16");
    let reply =
        node.post("/api/v0/update", &token, "1// w{} 1\n2// w{} 'xxxxxxxxxxxxxxxxxxxxxxxxx'\n");
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("(Value too large for GTS w{"), "{}", reply.text());
    assert_stored(&node, &reply, "w", "1// w{} 1\n", 1);
}

#[test]
fn endless_lines_take_little_memory() {
    let node = Node::start();
    let before = node.memory_peak();
    let endless = [b"1// e{} 1\n2// e{} '".as_slice(), &vec![b'x'; 256 << 20]].concat();
    let reply = update(&node, endless.clone());
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("Line 2 is longer than"), "{}", reply.text());
    assert_stored(&node, &reply, "e", "1// e{} 1\n", 1);
    // The same, a thousandth as long on the way.
    let reply = compressed(&node, gzip(&endless));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("Line 2 is longer than"), "{}", reply.text());
    let grown = node.memory_peak().zip(before).map(|(after, before)| after - before);
    assert!(grown.is_none_or(|grown| grown < MEMORY_MAX), "{grown:?} bytes");
}

#[test]
fn bodies_that_break_off() {
    let node = Node::start();
    let begin = |path: &str| {
        Request::post(path, "").header("X-Warp10-Token", &node.write).begin(node.address(), 1_000)
    };
    let mut stream = begin("/api/v0/update");
    stream.write_all(b"1// t{} 1\n2// t{} 2\n3// t{} 3").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("open");
    let reply = read_reply(stream);
    assert_eq!(reply.status, 400);
    assert_eq!(reply.text(), "Error when updating data: The body of the request broke off.");
    // Who knows whether the last line would have gone on.
    assert_stored(&node, &reply, "t", "1// t{} 1\n2// t{} 2\n", 2);

    let mut stream = begin("/api/v0/meta");
    stream.write_all(b"t{}{a=b}\nt{}{a=c").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_reply(stream).status, 400);
    let found = node.get("/api/v0/find?selector=t%7B%7D", &node.read).text();
    assert!(found.ends_with("{a=b}\n"), "{found}");

    // Nobody is there to read an answer: the next one is served all the same.
    let mut stream = begin("/api/v0/update");
    stream.write_all(b"1// gone{} 1\n2// go").expect("it reads");
    drop(stream);
    node.update("1// next{} 1\n");
    assert_eq!(node.stored("next{}").count(), 1);
}

#[test]
fn slow_and_vanishing_readers() {
    let node = Node::start();
    let text = lines("long", 50_000);
    node.update(text.clone());
    let path = "/api/v0/fetch?selector=long%7B%7D&start=0&end=100000&format=fulltext";
    let request =
        || Request::get(path).header("X-Warp10-Token", &node.read).begin(node.address(), 0);
    // Some vanish before they have read anything, some in between.
    for read in [0, 1, 1_000, 100_000] {
        let mut stream = request();
        stream.read_exact(&mut vec![0; read]).expect("an answer");
    }
    // One is slow to begin, another reads byte by byte for a while.
    let waiting = request();
    let mut slow = request();
    let mut bytes = Vec::new();
    for _ in 0..2_000 {
        let mut byte = [0];
        slow.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
    }
    slow.read_to_end(&mut bytes).expect("an answer");
    let reply = read_reply(waiting);
    assert!(reply.is_complete);
    Model::of_lines(&reply.text()).assert_same(&Model::of_lines(&text), "slow");
    assert!(bytes.len() > reply.body.len());
}

#[test]
fn a_body_byte_by_byte() {
    let node = Node::start();
    let text = lines("b", 20);
    let request = Request::post("/api/v0/update", "").header("X-Warp10-Token", &node.write);
    let mut stream = request.begin(node.address(), text.len());
    stream.set_nodelay(true).expect("a socket");
    for byte in text.as_bytes() {
        stream.write_all(&[*byte]).expect("it reads");
    }
    assert_eq!(read_reply(stream).status, 200);
    node.stored("b{}").assert_same(&Model::of_lines(&text), "byte by byte");
}

#[test]
fn requests_that_make_no_sense() {
    let node = Node::start();
    let mut stream = TcpStream::connect(node.address()).expect("it listens");
    stream.write_all(b"\x16\x03\x01 hello\r\n\r\n").expect("it reads");
    assert_eq!(read_reply(stream).status, 400);
    let mut many = Request::get("/api/v0/check");
    for number in 0..200 {
        many = many.header(&format!("X-{number}"), "x");
    }
    assert_eq!(node.send(&many).status, 431);

    let shift = Request::post("/api/v0/update", "1// a{} 1\n").header("X-Warp10-Timeshift", "x");
    let reply = node.send(&shift.header("X-Warp10-Token", &node.write));
    assert_eq!(
        (reply.status, &*reply.text()),
        (400, "Error when updating data: Invalid timeshift.")
    );
    for (query, status, message) in [
        ("start=0&end=10", 400, "Missing 'selector' parameter."),
        ("selector=a%7B%7D", 400, "Missing either 'start' or 'end' parameter."),
        ("selector=a%7B%7D&now=x&timespan=1", 400, "Invalid format for parameter 'now'."),
        ("selector=~a%28%7B%7D&start=0&end=10", 500, "Unclosed group near index 2\na("),
    ] {
        let reply = node.get(&format!("/api/v0/fetch?{query}"), &node.read);
        assert_eq!((reply.status, &*reply.text()), (status, message), "{query}");
    }
    let both = "Both start and end should be defined.";
    let none = "Parameter deleteall or metaonly should be set when no time range is specified.";
    for (query, message) in [("&start=5", both), ("&end=5", both), ("", none)] {
        let path = format!("/api/v0/delete?selector={}{query}", percent_encode("a{}"));
        let reply = node.get(&path, &node.write);
        assert_eq!((reply.status, &*reply.text()), (500, message), "{query}");
    }
    assert_eq!(node.get("/api/v0/nothing", &node.read).status, 404);
    assert_eq!(node.stored("a{}"), Model::default());
}
