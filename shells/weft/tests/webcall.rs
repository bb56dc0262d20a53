//! WEBCALL and HTTP of a node against receivers on this machine.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use common::http::Request;
use common::{Node, PATIENCE};

/// What came: head and body of each request.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// An HTTP server.
struct Receiver {
    address: SocketAddr,
    seen: Seen,
}

impl Receiver {
    /// One that answers as `answer` says of a path: status line, headers, body.
    fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, answer) = (Seen::default(), Arc::new(answer));
        let kept = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (kept.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often each call came, by its id.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (head, _) in self.seen().iter() {
            let id = head.lines().find_map(|line| line.strip_prefix("x-warp10-webcall: "));
            *counts.entry(id.expect("an id").to_owned()).or_default() += 1;
        }
        counts
    }
}

/// Answers one request. A client that goes away, or is killed, is no mistake.
fn serve(stream: TcpStream, seen: &Seen, answer: &(dyn Fn(&str) -> String + Send + Sync)) {
    let mut reader = BufReader::new(&stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if !reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        let line = line.trim_end();
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        }
        head += &match value {
            "" => format!("{line}\n"),
            value => format!("{}: {value}\n", name.to_ascii_lowercase()),
        };
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push((head, body));
    let _ = (&stream).write_all(answer(&path).as_bytes());
}

fn ok(_: &str) -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Two: a\r\nX-Two: b\r\n\r\nhi".to_owned()
}

/// A script, on the node.
fn exec(node: &Node, script: &str) -> String {
    let reply = node.send(&Request::post("/api/v0/exec", script));
    reply.text()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn each_call_is_made_once() {
    let receiver = Receiver::start(ok);
    let node = Node::start_with(
        "weft.webcall.inside = 127.0.0.1\nwarpscript.maxwebcalls = 50\nwarpscript.maxops = 100000\n\
         warpscript.maxops.hard = 100000\n",
    );
    let script = format!(
        "<% 'i' STORE '{}' 'POST' 'http://{}/a?b=' $i TOSTRING + {{ 'X-Own' 'own' }} 'body ' $i TOSTRING + \
         WEBCALL %> 'call' STORE 1 50 <% @call %> FOR DEPTH ->LIST",
        node.write, receiver.address
    );
    let script = script.replace("@call", "$call EVAL");
    let ids: Vec<String> = {
        let text = exec(&node, &script);
        let ids: Vec<&str> = text.split('"').filter(|part| part.len() == 36).collect();
        assert_eq!(ids.len(), 50, "{text}");
        ids.into_iter().map(str::to_owned).collect()
    };
    until("a call is missing", || receiver.counts().len() == 50);
    let metric = "weft_webcall_calls_total{outcome=\"done\"} 50";
    until("they are not done", || node.send(&Request::get("/metrics")).text().contains(metric));
    let counts = receiver.counts();
    assert!(ids.iter().all(|id| counts.get(id) == Some(&1)), "{counts:?}");
    let seen = receiver.seen();
    let (head, body) = seen.iter().find(|(head, _)| head.contains("/a?b=7 ")).expect("the 7th");
    assert!(head.starts_with("POST ") && head.contains("x-own: own\n"), "{head}");
    assert_eq!(body, "body 7");
    // One more than allowed.
    drop(seen);
    let text = exec(&node, &script.replace("50 <%", "51 <%"));
    assert!(text.contains("reached the maximum number of invocations"), "{text}");
}

#[test]
fn each_acknowledged_call_is_made_at_least_once_however_often_the_node_dies() {
    let receiver = Receiver::start(ok);
    let mut node = Node::start_with("weft.webcall.inside = 127.0.0.1\n");
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        for _ in 0..8 {
            let script =
                format!("'{}' 'GET' 'http://{}/' {{}} '' WEBCALL", node.write, receiver.address);
            let text = exec(&node, &script);
            let id = text.trim().trim_matches(['[', ']', '"']).to_owned();
            assert_eq!(id.len(), 36, "{text}");
            acknowledged.push(id);
        }
        if round < 5 {
            node.kill();
            node.restart();
        }
    }
    let all = || {
        let counts = receiver.counts();
        acknowledged.iter().all(|id| counts.contains_key(id))
    };
    until("an acknowledged call was never made", all);
}

#[test]
fn nothing_inside_is_reached_unless_it_is_named() {
    let inside = Receiver::start(ok);
    let inside_port = inside.address.port();
    let redirect = move |path: &str| match path {
        "/name" => format!(
            "HTTP/1.1 302 Found\r\nLocation: http://localhost:{inside_port}/\r\nContent-Length: 0\r\n\r\n"
        ),
        _ => format!(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:{inside_port}/\r\nContent-Length: 0\r\n\r\n"
        ),
    };
    // It stands for the outside: one address of this machine is named, others are not.
    let outside = Receiver::start(redirect);
    let node = Node::start_with(&format!(
        "weft.webcall.inside = {}\nwebcall.host.patterns = .*,!localhost\nwarpscript.maxwebcalls = 20\n\
         warpscript.http.maxrequests = 20\n",
        outside.address.ip()
    ));
    for url in [
        format!("http://127.0.0.2:{inside_port}/"),
        format!("http://[::1]:{inside_port}/"),
        format!("http://0.0.0.0:{inside_port}/"),
        format!("http://[::ffff:127.0.0.2]:{inside_port}/"),
        format!("http://{}/name", outside.address),
        format!("http://{}/address", outside.address),
    ] {
        let called = exec(&node, &format!("'{}' 'GET' '{url}' {{}} '' WEBCALL", node.write));
        assert!(called.starts_with("[\""), "{called}");
        let text = exec(&node, &format!("{{ 'url' '{url}' }} HTTP"));
        assert!(text.contains("not allowed") || text.contains("invalid host"), "{url}: {text}");
    }
    let by_name = format!("http://localhost:{inside_port}/");
    let text = exec(&node, &format!("'{}' 'GET' '{by_name}' {{}} '' WEBCALL", node.write));
    assert!(text.contains("invalid host or scheme in URL."), "{text}");
    let metric = "weft_webcall_calls_total{outcome=\"denied\"} 6";
    until("they are not denied", || node.send(&Request::get("/metrics")).text().contains(metric));
    assert!(inside.seen().is_empty(), "{:?}", inside.seen());
    assert_eq!(outside.seen().len(), 4);
}

#[test]
fn http_gives_its_answer_in_chunks() {
    let long = |_: &str| {
        let body: String = ('a'..='j').collect();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let receiver = Receiver::start(long);
    let node = Node::start_with(
        "weft.webcall.inside = 127.0.0.1\nwarpscript.http.maxrequests = 9\nwarpscript.http.maxchunksize = 20\n",
    );
    let chunks = |size: i64| {
        let script = format!(
            "{{ 'url' 'http://{}/' 'chunk.size' {size} 'chunk.macro' <% DUP 'chunk.number' GET SWAP 'content' GET \
             'UTF-8' BYTES-> %> }} HTTP 'end' STORE DEPTH ->LIST $end 'status.code' GET $end 'content' GET ISNULL",
            receiver.address
        );
        exec(&node, &script).trim().to_owned()
    };
    assert_eq!(chunks(4), r#"[true,200,[1,"abcd",2,"efgh",3,"ij",-1,""]]"#);
    assert_eq!(chunks(5), r#"[true,200,[1,"abcde",2,"fghij",-1,""]]"#);
    assert_eq!(chunks(20), r#"[true,200,[1,"abcdefghij",-1,""]]"#);
    assert!(chunks(21).contains("do not exceed 20."), "{}", chunks(21));
    let script = format!("{{ 'url' 'http://{}/' 'chunk.size' 6 }} HTTP DEPTH", receiver.address);
    assert!(exec(&node, &script).starts_with("[4,"), "without a macro they are left");
}

#[test]
fn urls_are_fetched_by_scripts_that_are_authenticated() {
    let receiver = Receiver::start(ok);
    let node = Node::start_with(
        "weft.webcall.inside = 127.0.0.1\nwarpscript.urlfetch.host.patterns = .*,!localhost\n\
         warpscript.urlfetch.limit = 3\nwarpscript.urlfetch.limit.hard = 4\nwarpscript.urlfetch.maxsize = 7\n\
         warpscript.urlfetch.maxsize.hard = 9\n\
         warpscript.extensions = io.warp10.script.ext.urlfetch.UrlFetchWarpScriptExtension\n",
    );
    let url = format!("http://{}/", receiver.address);
    let fetch = |script: &str| exec(&node, &format!("'{}' AUTHENTICATE {script}", node.read));
    let one = fetch(&format!("'http://u:p@{}/x' {{ 'X-Own' 1 }} URLFETCH", receiver.address));
    assert!(
        one.contains(r#"[[[200,"HTTP/1.1 200 OK",{"#) && one.contains(r#","aGk="]]]"#),
        "{one}"
    );
    let (head, _) = receiver.seen()[0].clone();
    assert!(head.starts_with("GET /x ") && head.contains("x-own: 1\n"), "{head}");
    assert!(head.contains("authorization: Basic dTpw\n"), "{head}");
    let sizes = fetch(&format!("[ '{url}' '{url}' ] URLFETCH SIZE [] URLFETCH SIZE"));
    assert_eq!(sizes.trim(), "[0,2]");
    for (script, says) in [
        (format!("[ '{url}' '{url}' '{url}' '{url}' ] URLFETCH"), "is limited to 3 calls."),
        (
            format!("[ '{url}' '{url}' '{url}' ] URLFETCH '{url}' URLFETCH"),
            "is limited to 3 calls.",
        ),
        (
            format!("4 MAXURLFETCHCOUNT [ '{url}' '{url}' '{url}' '{url}' ] URLFETCH"),
            "longer than 1 bytes",
        ),
        ("5 MAXURLFETCHCOUNT".to_owned(), "cannot extend limit past 4"),
        ("10 MAXURLFETCHSIZE".to_owned(), "cannot extend limit past 9"),
        ("'http://localhost/' URLFETCH".to_owned(), "invalid host"),
        ("'http://127.0.0.2/' URLFETCH".to_owned(), "invalid host"),
        ("1 URLFETCH".to_owned(), "expects a URL or list thereof"),
    ] {
        let text = fetch(&script);
        if says == "invalid host" {
            assert!(text.contains(says) || text.contains("not allowed"), "{script}: {text}");
        } else {
            assert!(text.contains(says), "{script}: {text}");
        }
    }
    let all = format!(
        "4 MAXURLFETCHCOUNT 9 MAXURLFETCHSIZE [ '{url}' '{url}' '{url}' '{url}' ] URLFETCH SIZE"
    );
    assert_eq!(fetch(&all).trim(), "[4]");
    let stranger = exec(&node, &format!("'{url}' URLFETCH"));
    assert!(stranger.contains("requires the stack to be authenticated."), "{stranger}");
    let without = Node::start();
    assert!(exec(&without, "'http://a/' URLFETCH").contains("Unknown function"), "no extension");
}

#[test]
fn another_platform_runs_a_script() {
    let remote = Node::start();
    remote.update("1// a{} 42\n");
    let extension = "warpscript.extensions = io.warp10.script.ext.rexec.RexecWarpScriptExtension\n";
    let node = Node::start_with(&format!(
        "weft.webcall.inside = 127.0.0.1\nwarpscript.rexec.endpoint.patterns = .*,!localhost\n{extension}"
    ));
    let endpoint = format!("http://{}/api/v0/exec", remote.address());
    for word in ["REXEC", "REXECZ"] {
        let run = |program: &str| exec(&node, &format!("'mine' {program} '{endpoint}' {word}"));
        assert_eq!(run("'1 2 + ->JSON 5 6'").trim(), r#"[6,5,"3","mine"]"#);
        assert_eq!(run("<% [ 1 'é' ] %>").trim(), r#"[[1,"\u00E9"],"mine"]"#);
        let fetch = format!("<% [ '{}' 'a' {{}} 1 -1 ] FETCH 0 GET VALUES %>", remote.read);
        assert_eq!(run(&fetch).trim(), r#"[[42],"mine"]"#);
        let failed = run("'1 NOSUCHWORD'");
        assert!(failed.contains(&format!("{word} remote execution failed: ")), "{failed}");
        assert!(failed.contains("NOSUCHWORD"), "{failed}");
    }
    let hosts = exec(&node, "'1' 'http://localhost:1/api/v0/exec' REXEC");
    assert!(hosts.contains("invalid host") || hosts.contains("not allowed"), "{hosts}");
    let page = format!("'1' 'http://{}/api/v0/find' REXEC", remote.address());
    assert!(exec(&node, &page).contains("remote execution failed"), "no endpoint of scripts");
    let receiver = Receiver::start(ok);
    let other = exec(&node, &format!("'1' 'http://{}/' REXEC", receiver.address));
    assert!(other.contains("the endpoint's answer is no stack."), "{other}");
    assert!(exec(&remote, "'1' 'http://a/' REXEC").contains("Unknown function"), "no extension");
}

#[test]
fn http_answers_with_status_headers_and_content() {
    let receiver = Receiver::start(ok);
    let node = Node::start_with("weft.webcall.inside = 127.0.0.1\n");
    let url = format!("http://{}/x", receiver.address);
    let script = format!(
        "{{ 'url' '{url}' 'body' 'b' 'username' 'u' 'password' 'p' }} HTTP 'r' STORE
         $r 'status.code' GET $r 'headers' GET 'x-two' GET $r 'content' GET 'UTF-8' BYTES->"
    );
    assert_eq!(exec(&node, &script).trim(), r#"["hi",["a","b"],200]"#);
    let (head, body) = receiver.seen()[0].clone();
    assert!(head.starts_with("POST /x ") && head.contains("authorization: Basic dTpw\n"), "{head}");
    assert_eq!(body, "b");
    let twice = exec(&node, &format!("{{ 'url' '{url}' }} DUP HTTP DROP HTTP"));
    assert!(twice.contains("HTTP is limited to 1 calls per script execution."), "{twice}");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let failed = exec(&node, &format!("{{ 'url' 'http://{closed}/' }} HTTP"));
    assert!(failed.contains("HTTP encountered an error while making an HTTP request"), "{failed}");
    let token = exec(&node, &format!("'x' 'GET' '{url}' {{}} '' WEBCALL"));
    assert!(token.contains("Invalid token"), "{token}");
}
