//! What tokens allow, wherever they come from: attributes, defaults, hooks, plain names, revocations.

mod common;

use std::time::{Instant, SystemTime};

use common::http::{Reply, Request};
use common::{Node, PATIENCE};

const OWNER: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Ten datapoints of `a`, one each second from 1970 on, and one of `b`.
fn data() -> String {
    let a = (1..=10).map(|second| format!("{second}000000// a{{k=v}} {second}\n"));
    a.chain(["5000000// b{} 5\n".to_owned()]).collect()
}

/// Lines of a fetch of everything, or why there are none.
fn fetched(node: &Node, token: &str, more: &str) -> Result<usize, String> {
    let path =
        format!("/api/v0/fetch?selector=~.*%7B%7D&start=0&end=10000000&format=fulltext{more}");
    let reply = node.get(&path, token);
    if reply.status == 200 { Ok(reply.text().lines().count()) } else { Err(reply.text()) }
}

fn found(node: &Node, token: &str) -> Reply {
    node.get("/api/v0/find?selector=~.*%7B%7D", token)
}

fn exec(node: &Node, script: &str) -> String {
    node.send(&Request::post("/api/v0/exec", script)).text()
}

#[test]
fn read_tokens_are_narrowed_by_their_attributes() {
    let node = Node::start();
    node.update(data());
    let with = |attributes: &[&str]| {
        let more: Vec<&str> = attributes.iter().flat_map(|a| ["--attribute", a]).collect();
        node.token("read", &more)
    };
    assert_eq!(fetched(&node, &with(&[]), ""), Ok(11));
    assert_eq!(fetched(&node, &with(&[".start=1970-01-01T00:00:04Z"]), ""), Ok(8));
    assert_eq!(fetched(&node, &with(&[".end=1970-01-01T00:00:03Z"]), ""), Ok(3));
    assert_eq!(fetched(&node, &with(&[".end=1970-01-01T00:00:08Z", ".start=PT2S"]), ""), Ok(3));
    // A request without a count is not limited, as in the reference; a script always is.
    assert_eq!(fetched(&node, &with(&[".count=2"]), "&count=7"), Ok(3));
    assert_eq!(fetched(&node, &with(&[".count=20"]), "&count=7"), Ok(8));
    let fetch = |token: &str| {
        exec(&node, &format!("[ '{token}' '~.*' {{}} 10000000 10000000 ] FETCH SIZE"))
    };
    // Datapoints beside the range: at most so many.
    let beside = |attributes: &[&str]| {
        let more = "selector=a%7B%7D&start=4000000&end=6000000&boundary.pre=3&boundary.post=2";
        let reply = node.get(&format!("/api/v0/fetch?{more}&format=fulltext"), &with(attributes));
        reply.text().lines().count()
    };
    assert_eq!(beside(&[]), 8);
    assert_eq!(beside(&[".pre=1"]), 6);
    assert_eq!(beside(&[".pre=9", ".post=0"]), 6);
    let counted = with(&[".count=2"]);
    let sizes =
        exec(&node, &format!("[ '{counted}' 'a' {{}} 10000000 10000000 ] FETCH 0 GET SIZE"));
    assert_eq!(sizes.trim(), "[2]");
    for (attribute, fetches, finds) in [(".nofetch=", false, true), (".nofind=", false, false)] {
        let token = with(&[attribute]);
        assert_eq!(fetched(&node, &token, "").is_ok(), fetches, "{attribute}");
        assert_eq!(found(&node, &token).status == 200, finds, "{attribute}");
        assert!(fetch(&token).contains("cannot be used for fetching data"), "{attribute}");
    }
    // The scope holds wherever series are looked for.
    let scoped = with(&[".scope=~.*{k=v}"]);
    assert_eq!(fetched(&node, &scoped, ""), Ok(10));
    assert_eq!(fetched(&node, &scoped, "&gskip=1"), Ok(0));
    assert_eq!(found(&node, &scoped).text(), "a{.app=test,k=v}{}\n");
    assert_eq!(fetch(&scoped).trim(), "[1]");
    let find = exec(&node, &format!("[ '{scoped}' '~.*' {{}} ] FIND SIZE"));
    assert_eq!(find.trim(), "[1]");
    assert!(fetched(&node, &with(&[".scope=~("]), "").is_err());
    assert_ne!(found(&node, &with(&[".scope=~("])).status, 200);
    assert!(found(&node, &with(&[".expose="])).text().contains(&format!(".owner={OWNER}")));
    // Hooks: behind FETCH, and none where no script runs.
    let hooked = node.token("read", &["--hook", "postfetch=DROP 'hooked'", "--hook", "own=1 2"]);
    let text = exec(&node, &format!("[ '{hooked}' '~.*' {{}} 10000000 10000000 ] FETCH"));
    assert_eq!(text.trim(), r#"["hooked"]"#);
    assert!(fetched(&node, &hooked, "").expect_err("hooks").contains("hooks"));
    let conf = node.folder().join("node.conf");
    let conf = conf.to_str().expect("a path");
    let shown = common::weft(node.folder(), &["token", "decode", "--conf", conf, &hooked]);
    assert!(shown.contains(r#""own": "1 2""#), "{shown}");
}

#[test]
fn write_tokens_are_narrowed_by_their_attributes() {
    let node = Node::start();
    node.update(data());
    let with = |attribute: &str| node.write_token_with(attribute);
    let update = |token: &str, line: &str| node.post("/api/v0/update", token, line);
    let refused = |reply: &Reply, says: &str| {
        assert!(reply.status != 200 && reply.text().contains(says), "{}", reply.text());
    };
    refused(&update(&with(".noupdate="), "1// c{} 1\n"), "cannot be used for updating data.");
    refused(&node.post("/api/v0/meta", &with(".nometa="), "a{k=v}{x=y}\n"), "updating metadata.");
    let delete = |token: &str, selector: &str| {
        node.get(&format!("/api/v0/delete?deleteall=true&selector={selector}"), token)
    };
    refused(&delete(&with(".nodelete="), "a%7B%7D"), "cannot be used for deletions.");
    refused(&update(&with(".maxsize=3"), "1// c{} 'long'\n"), "");
    assert_eq!(update(&with(".maxsize=3"), "1// c{} 'abc'\n").status, 200);
    let now_us = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
    let line = |tick: u128| format!("{tick}// t{{}} 1\n");
    let hour = 3_600_000_000;
    for (attribute, bad) in [(".maxpast=60000", now_us - hour), (".maxfuture=60000", now_us + hour)]
    {
        refused(&update(&with(attribute), &line(bad)), "");
        assert_eq!(update(&with(attribute), &line(now_us)).status, 200, "{attribute}");
        let both = node.token("write", &["--attribute", attribute, "--attribute", ".ignoor=true"]);
        assert_eq!(update(&both, &line(bad)).status, 200, "{attribute}");
    }
    refused(&update(&with(".maxpast=-1"), "1// c{} 1\n"), "MUST be positive.");
    assert_eq!(
        node.stored("t{}"),
        common::model::Model::of_lines(&line(now_us)),
        "those beyond are left out"
    );
    // What is as old as its datapoints is gone when they are older than their life.
    let mortal = node.token("write", &["--attribute", ".ttl=1800000", "--attribute", ".dpts=true"]);
    let both = format!("{}{}", line(now_us - hour), line(now_us)).replace("t{}", "m{}");
    assert_eq!(update(&mortal, &both).status, 200);
    let left = common::model::Model::of_lines(&line(now_us).replace("t{}", "m{}"));
    assert_eq!(node.stored("m{}"), left);
    assert_eq!(update(&with(".ttl=1800000"), &both.replace("m{}", "n{}")).status, 200);
    let all = common::model::Model::of_lines(&both.replace("m{}", "n{}"));
    assert_eq!(node.stored("n{}"), all, "as old as they are stored");
    // A delete takes nothing that its token may not see.
    let reply = delete(&with(".scope=~.*{k=v}"), "~.*%7B%7D");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(found(&node, &node.read).text().matches("a{").count(), 0);
    assert!(found(&node, &node.read).text().contains("b{"));
    refused(&delete(&with(".scope=~("), "~.*%7B%7D"), "scope");
}

#[test]
fn read_tokens_are_narrowed_by_activity() {
    let node = Node::start_with("ingress.activity.window = 1\ningress.activity.update = true\n");
    node.update(data());
    let with =
        |attribute: &str| fetched(&node, &node.token("read", &["--attribute", attribute]), "");
    assert_eq!(with(".activeafter=1970-01-01T00:00:01Z"), Ok(11));
    assert_eq!(with(".activeafter=2200-01-01T00:00:00Z"), Ok(0));
    assert_eq!(with(".quietafter=1970-01-01T00:00:01Z"), Ok(0));
    assert_eq!(with(".quietafter=2200-01-01T00:00:00Z"), Ok(11));
}

#[test]
fn services_are_switched_by_scripts_that_may() {
    let node = Node::start();
    let manager = node.token("read", &["--attribute", ".cap:manager="]);
    let run = |script: &str| exec(&node, &format!("'{manager}' CAPADD {script}"));
    assert!(exec(&node, "'why' UPDATEOFF").contains("missing manager capability."));
    let update = || node.post("/api/v0/update", &node.write, "1// a{} 1\n");
    let meta = || node.post("/api/v0/meta", &node.write, "a{}{x=y}\n");
    let delete = || node.get("/api/v0/delete?deleteall=true&selector=a%7B%7D", &node.write);
    let services: [(&str, &dyn Fn() -> Reply); 3] =
        [("UPDATE", &update), ("META", &meta), ("DELETE", &delete)];
    for (name, ask) in services {
        assert_eq!(ask().status, 200, "{name}");
        assert_eq!(run(&format!("'not now' {name}OFF")).trim(), "[]");
        let reply = ask();
        assert_eq!(reply.status, 403, "{name}");
        assert!(reply.text().contains("not now"), "{}", reply.text());
        assert_eq!(run(&format!("{name}ON")).trim(), "[]");
        assert_eq!(ask().status, 200, "{name}");
    }
    // What the script itself sends comes behind the switch.
    let own = format!(
        "'shut' UPDATEOFF NEWGTS 'own' RENAME 1 NaN NaN NaN 1 ADDVALUE '{}' UPDATE",
        node.write
    );
    assert!(run(&own).contains("shut"), "{own}");
}

#[test]
fn attributes_have_defaults() {
    let node = Node::start_with(
        "warp.token.read.attributes.default = { '.count' '2' '.cap:x' 'y' }\n\
         warp.token.write.attributes.default = { '.nodelete' '' }\n",
    );
    node.update(data());
    assert_eq!(fetched(&node, &node.read, "&count=7"), Ok(3));
    assert_eq!(exec(&node, &format!("'{}' CAPADD 'x' CAPGET", node.read)).trim(), r#"["y"]"#);
    let own = node.token("read", &["--attribute", ".count=4"]);
    assert_eq!(fetched(&node, &own, "&count=7"), Ok(5));
    let script =
        Request::post("/api/v0/exec", "'x' CAPGET").header("X-Warp10-Capabilities", &node.read);
    assert_eq!(node.send(&script).text().trim(), r#"["y"]"#);
    let reply = node.get("/api/v0/delete?deleteall=true&selector=a%7B%7D", &node.write);
    assert!(reply.text().contains("cannot be used for deletions."), "{}", reply.text());
    // What is no map of texts is an error of the configuration.
    let conf = node.folder().join("bad.conf");
    for wrong in ["{ 'a' 1 }", "1", "{ } { }", "FOO"] {
        std::fs::write(&conf, format!("warp.token.read.attributes.default = {wrong}\n"))
            .expect("a file");
        let files = [node.folder().join("node.conf"), conf.clone()];
        let [one, two] = files.map(|file| file.to_str().expect("a path").to_owned());
        let said = common::try_weft(node.folder(), &["start", &one, &two]).expect_err(wrong);
        assert!(said.contains("warp.token.read.attributes.default"), "{wrong}: {said}");
    }
}

#[test]
fn tokens_have_plain_names() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("tokens");
    let text = format!(
        "token.write.w.name = writer\ntoken.write.w.owner = {OWNER}\ntoken.write.w.producer = {OWNER}\n\
         token.write.w.app = test\ntoken.read.r.name = reader\ntoken.read.r.owner = {OWNER}\n\
         token.spec = {{ 'id' 'narrow' 'type' 'READ' 'owner' '{OWNER}' 'owners' [ '{OWNER}' ] \
         'application' 'test' 'attributes' {{ '.count' '1' }} }}\n"
    );
    std::fs::write(&path, &text).expect("a file");
    let node = Node::start_with(&format!("warp.token.file = {}\n", path.display()));
    assert_eq!(node.post("/api/v0/update", "writer", data()).status, 200);
    assert_eq!(fetched(&node, "reader", ""), Ok(11));
    assert_eq!(fetched(&node, "narrow", "&count=7"), Ok(2));
    assert!(fetched(&node, "writer", "").is_err() && fetched(&node, "w", "").is_err());
    assert_eq!(exec(&node, "'reader' AUTHENTICATE ISAUTHENTICATED").trim(), "[true]");
    // A file that is not understood leaves things as they are.
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
    };
    let change = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(new, &path).expect("a file");
    };
    change("token.read.x.name = other\ntoken.read.x.owner = nobody\n");
    change(&format!("{text}token.read.n.name = new\ntoken.read.n.owner = {OWNER}\n"));
    until("no new name", &|| fetched(&node, "new", "") == Ok(11));
    change("token.read.r.name = reader\ntoken.read.r.expiry = 1\n");
    until("it has not ended", &|| {
        fetched(&node, "reader", "").is_err_and(|text| text.contains("Token Expired."))
    });
    assert_ne!(node.post("/api/v0/update", "writer", data()).status, 200);
}

#[test]
fn tokens_are_revoked_on_the_command_line() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let node = Node::start_with(&format!(
        "warp.trl.dir = {}\nwarp.trl.scan.period = 20\n",
        folder.path().display()
    ));
    node.update(data());
    let conf = node.folder().join("node.conf");
    let conf = conf.to_str().expect("a path");
    let revoke = |more: &[&str]| {
        let args = [&["token", "revoke", "--conf", conf][..], more].concat();
        common::try_weft(node.folder(), &args)
    };
    let until = |token: &str, says: &str| {
        let begun = Instant::now();
        loop {
            match fetched(&node, token, "") {
                Err(text) if text.contains(says) => return,
                _ => assert!(begun.elapsed() < PATIENCE, "{says}"),
            }
            std::thread::yield_now();
        }
    };
    let (one, other) = (node.token("read", &["--days", "2"]), node.token("read", &["--days", "3"]));
    let granting = node.token("read", &["--attribute", ".cap:x=y"]);
    let capadd = || exec(&node, &format!("'{granting}' CAPADD 'x' CAPGET"));
    assert_eq!(capadd().trim(), r#"["y"]"#);
    revoke(&[&one, &granting]).expect("a list");
    until(&one, "Token revoked.");
    // Scripts know it, too.
    assert!(capadd().contains("invalid token."), "{}", capadd());
    let said = exec(&node, &format!("'{one}' TOKENINFO 'ReadTokenDecodeError' GET"));
    assert_eq!(said.trim(), r#"["Token revoked."]"#);
    assert!(exec(&node, &format!("'{one}' AUTHENTICATE")).contains("Token revoked."));
    assert_eq!(fetched(&node, &other, ""), Ok(11));
    revoke(&["--app", "test"]).expect("a list");
    until(&other, "Application suspended or closed.");
    until(&one, "Token revoked.");
    assert!(revoke(&["nonsense"]).is_err_and(|text| text.contains("--ident")));
    assert!(revoke(&["--ident", "xyz"]).is_err() && revoke(&[]).is_err());
    assert!(revoke(&["--dir", "nowhere", &one]).is_err());
}
