//! Scripts over HTTP against a node, and on the command line.

mod common;

use std::io::Write;
use std::path::Path;

use common::http::{Reply, Request};
use common::model::Model;
use common::{Node, run};

/// 300 datapoints of real earthquakes (`data/README.md`).
const EARTHQUAKES: &str = include_str!("data/earthquakes.gts");

/// Limits that do not stand in the way.
const LIMITS: &str = "warpscript.maxops = 1000000000\nwarpscript.maxops.hard = 1000000000\n\
                      warpscript.maxloop = 600000\nwarpscript.maxloop.hard = 600000\n";

fn exec(node: &Node, script: &str) -> Reply {
    node.send(&Request::post("/api/v0/exec", script))
}

/// The answer of a script that succeeds.
fn answer(node: &Node, script: &str) -> String {
    let reply = exec(node, script);
    assert_eq!(reply.status, 200, "{script}\n{}", reply.text());
    reply.text()
}

#[test]
fn a_script_sees_what_it_stored() {
    let node = Node::start_with(LIMITS);
    let (read, write) = (&node.read, &node.write);
    for round in 0..20 {
        let script = format!(
            "NEWGTS 'own' RENAME {round} NaN NaN NaN {round} ADDVALUE '{write}' UPDATE \
             [ '{read}' 'own' {{}} 100 -1 ] FETCH 0 GET VALUES 0 GET"
        );
        assert_eq!(answer(&node, &script), format!("[{round}]"));
    }
    let script = format!(
        "'{write}' 'own{{}}' 0 9 1 DELETE [ '{read}' 'own' {{}} 100 -100 ] FETCH 0 GET SIZE \
         NEWGTS 'own' RENAME {{ 'a' 'b' }} SETATTRIBUTES '{write}' META \
         [ '{read}' 'own' {{ 'a' 'b' }} ] FIND SIZE"
    );
    assert_eq!(answer(&node, &script), "[1,10,1]");
    let refused = format!("NEWGTS 'own' RENAME 1 NaN NaN NaN 1 ADDVALUE '{read}' UPDATE");
    let reply = exec(&node, &refused);
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("UPDATE failed to complete"), "{}", reply.text());
}

#[test]
fn what_a_script_writes_goes_to_the_ingress_that_is_named() {
    let writes = Node::start();
    let url = writes.url();
    let apart = Node::start_with(&format!(
        "warp.components = directory,store,egress\nwarpscript.update.endpoint = {url}/api/v0/update\n\
         warpscript.delete.endpoint = {url}/api/v0/delete\n"
    ));
    let write = &writes.write;
    let both = format!(
        "NEWGTS 'a' RENAME 1 NaN NaN NaN 1.5 ADDVALUE '{write}' UPDATE \
         NEWGTS 'b' RENAME 1 NaN NaN NaN 2.5 ADDVALUE '{write}' UPDATE '{write}' 'a{{}}' 0 9 1 DELETE"
    );
    assert_eq!(answer(&apart, &both), "[1]");
    let left = Model::of_lines("1// b{} 2.5");
    assert_eq!(writes.stored("~.*{}"), left);
    // There is no endpoint for this one.
    let reply =
        exec(&apart, &format!("NEWGTS 'b' RENAME {{ 'a' 'c' }} SETATTRIBUTES '{write}' META"));
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("'warpscript.meta.endpoint' not set"), "{}", reply.text());
}

#[test]
fn earthquakes_are_analysed_as_by_hand() {
    const HOUR: i64 = 3_600_000_000;
    let node = Node::start_with(LIMITS);
    node.update(EARTHQUAKES);
    let mut model = Model::of_lines(EARTHQUAKES);
    model.series.retain(|name, _| name.0 == "earthquake.magnitude");
    let ticks: Vec<i64> = model.series.values().flat_map(|points| points.keys()).copied().collect();
    // How many there were each hour and the one before, over all series, as README.md shows it.
    let script = format!(
        "[ '{}' 'earthquake.magnitude' {{}} MAXLONG MAXLONG ] FETCH \
         [ SWAP bucketizer.count 0 1 h 0 ] BUCKETIZE \
         [ SWAP [] reducer.sum ] REDUCE \
         [ SWAP mapper.sum 1 0 0 ] MAP 0 GET SORT DUP TICKLIST SWAP VALUES",
        node.read
    );
    let mut counts = std::collections::BTreeMap::new();
    for tick in ticks {
        // A bucket ends with its tick.
        let bucket = (tick + HOUR - 1).div_euclid(HOUR) * HOUR;
        *counts.entry(bucket).or_insert(0i64) += 1;
    }
    let before = counts.clone();
    for (bucket, count) in &mut counts {
        *count += before.get(&(bucket - HOUR)).unwrap_or(&0);
    }
    let list = |numbers: Vec<&i64>| {
        let texts: Vec<String> = numbers.into_iter().map(i64::to_string).collect();
        texts.join(",")
    };
    let asked =
        format!("[[{}],[{}]]", list(counts.values().collect()), list(counts.keys().collect()));
    assert_eq!(answer(&node, &script), asked);
}

#[test]
fn a_light_script_is_answered_while_heavy_ones_run() {
    let node = Node::start_with(LIMITS);
    const HEAVY: &str = "<% T %> <% 1 DROP %> WHILE";
    let heavy = Request::post("/api/v0/exec", HEAVY);
    let held: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = heavy.begin(node.address(), HEAVY.len());
            stream.write_all(HEAVY.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    // The heavy ones never end: whoever had to wait for one of them would wait for ever.
    for number in 0..20 {
        assert_eq!(answer(&node, &format!("{number} 1 +")), format!("[{}]", number + 1));
    }
    // Those who wait for nobody any more end with their clients.
    drop(held);
}

#[test]
fn a_large_result_comes_whole() {
    let node = Node::start_with(LIMITS);
    let text = answer(&node, "[] 0 999999 <% +! %> FOR");
    assert!(text.starts_with("[[0,1,2,") && text.ends_with(",999999]]"));
    assert_eq!(text.matches(',').count(), 999_999);
}

fn weft(args: &[&str], input: &str) -> (bool, String, String) {
    run(Path::new("."), args, input)
}

#[test]
fn the_command_line_runs_scripts() {
    let asked = (true, "[3]\n".to_owned(), String::new());
    assert_eq!(weft(&["exec", "-"], "1 2 +"), asked);
    let (succeeded, out, error) = weft(&["exec", "-"], "1\n 2 FOO");
    assert!(!succeeded && out.is_empty());
    assert!(error.contains("line 2") && error.contains("\n     ^\n"), "{error}");
    let lines = "{\"name\":\"a\",\"script\":\"1\"}\n{\"name\":\"b\",\"script\":\"FOO\"}\n";
    let (_, out, _) = weft(&["exec", "--jsonl"], lines);
    assert!(out.starts_with(r#"{"name":"a","ok":true,"json":"[1]","types":["LONG"]}"#), "{out}");
    assert!(weft(&["words"], "").1.contains("stack ("));
    assert!(weft(&["doc", "DUP"], "").1.starts_with("DUP (since 1.0.0)"));
    assert!(!weft(&["doc", "NO-SUCH-WORD"], "").0);
}

#[test]
fn scripts_check_themselves() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str, script: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, script).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let (good, bad) = (path("good.mc2", "1 1 == ASSERT"), path("bad.mc2", "1\n1 2 == ASSERT"));
    assert!(weft(&["test", &good], "").0);
    let (succeeded, out, _) = weft(&["test", &good, &bad], "");
    assert!(!succeeded && out.contains("1 passed, 1 failed"), "{out}");
    assert!(out.contains("bad.mc2, line 2"), "{out}");
}

/// A folder with macros and a bootstrap, and the keys that name it.
fn library() -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("lib/a");
    std::fs::create_dir_all(&folder).expect("it is made");
    for (name, text) in [
        ("lib/a/double.mc2", "<% 2 * %>"),
        ("lib/a/quadruple.mc2", "<% @a/double @a/double %>"),
        ("lib/a/bad.mc2", "NOPE"),
        ("boot.mc2", "7 'seven' STORE"),
    ] {
        std::fs::write(home.path().join(name), text).expect("it is written");
    }
    let path = home.path().display();
    let keys = format!(
        "warpscript.repository.directory = {path}/lib\nwarpscript.repository.refresh = 0\n\
         warpscript.bootstrap.path = {path}/boot.mc2\n"
    );
    (home, keys)
}

#[test]
fn macros_come_from_a_folder() {
    let (_home, keys) = library();
    let node = Node::start_with(&keys);
    assert_eq!(answer(&node, "$seven @a/quadruple @a/double"), "[56]");
    let reply = exec(&node, "@a/bad");
    assert_eq!(reply.status, 500);
    let message = "Error while loading macro 'a/bad': Line #1";
    assert!(reply.text().contains(message), "{}", reply.text());
    assert!(exec(&node, "@../boot").text().contains("Unknown macro"));
}

#[test]
fn the_command_line_has_the_library_too() {
    let (home, keys) = library();
    let conf = home.path().join("weft.conf");
    std::fs::write(&conf, keys).expect("it is written");
    let conf = conf.to_str().expect("a path");
    let (ok, out, err) = weft(&["exec", "--conf", conf, "-"], "$seven @a/quadruple");
    assert!(ok, "{err}");
    assert_eq!(out, "[28]\n");
    let script = home.path().join("check.mc2");
    std::fs::write(&script, "$seven @a/double 14 == ASSERT").expect("it is written");
    let (ok, out, _) = weft(&["test", "--conf", conf, script.to_str().expect("a path")], "");
    assert!(ok, "{out}");
    let (_, out, _) = weft(&["exec", "--jsonl", "--conf", conf], "{\"script\":\"3 @a/double\"}\n");
    assert!(out.contains("\"json\":\"[6]\""), "{out}");
}
