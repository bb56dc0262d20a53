//! Schedulers and workers in processes apart, on the servers that `WEFT_ZOOKEEPER=host:port` and
//! `WEFT_KAFKA=host:port` name, and one of them killed.
#![cfg(feature = "kafka")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use common::http::Request;
use common::{Node, PATIENCE};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

/// How often a run of each window was told of, by window.
fn runs(node: &Node) -> BTreeMap<i64, usize> {
    let mut runs = BTreeMap::new();
    let text = node.fetch("run{}", "fulltext").text();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let value = line.trim().rsplit(' ').next().expect("a value");
        *runs.entry(value.parse().expect("a window")).or_default() += 1;
    }
    runs
}

fn wait_for(node: &Node, windows: usize) -> BTreeMap<i64, usize> {
    let begun = Instant::now();
    loop {
        let runs = runs(node);
        if runs.len() >= windows {
            return runs;
        }
        assert!(begun.elapsed() < PATIENCE, "only {runs:?}");
        std::thread::yield_now();
    }
}

fn leads(runner: &Node) -> bool {
    runner.send(&Request::get("/metrics")).text().contains("weft_runner_leader 1")
}

#[tokio::test]
async fn a_script_runs_once_a_window_whoever_dies() {
    let servers = (std::env::var("WEFT_ZOOKEEPER"), std::env::var("WEFT_KAFKA"));
    let (Ok(zookeeper), Ok(kafka)) = servers else {
        return eprintln!("skipped: WEFT_ZOOKEEPER and WEFT_KAFKA name no servers");
    };
    let name = format!("runner-{}", std::process::id());
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &kafka).create().expect("a client");
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("made");

    // What runs the scripts, and keeps what they write.
    let node = Node::start();
    let root = tempfile::TempDir::new().expect("a folder");
    let folder = root.path().join("station/1000");
    std::fs::create_dir_all(&folder).expect("folders");
    let script = format!(
        "NEWGTS 'run' RENAME NOW NaN NaN NaN $runner.scheduledat ADDVALUE '{}' UPDATE",
        node.write
    );
    std::fs::write(folder.join("own.mc2"), script).expect("a file");
    let keys = common::weft(Path::new("."), &["keys"]);
    let runner = |id: &str| {
        let conf = format!(
            "{keys}\nwarp.components = runner\nrunner.roles = scheduler,worker\nrunner.id = {id}\n\
             runner.root = {}\nrunner.endpoint = {}/api/v0/exec\nrunner.kafka.topic = {name}\n\
             runner.kafka.groupid = {name}\nrunner.kafka.brokerlist = {kafka}\n\
             runner.kafka.mac = hex:000102030405060708090a0b0c0d0e0f\n\
             runner.kafka.aes = hex:000102030405060708090a0b0c0d0e0f\n\
             runner.zk.quorum = {zookeeper}\nrunner.zk.znode = /weft-tests/{name}\n\
             weft.zookeeper.timeout = 4000\n",
            root.path().display(),
            node.url(),
        );
        Node::start_as(&conf, "", "")
    };
    let mut runners = [runner("one"), runner("two"), runner("three")];
    let seen = wait_for(&node, 4).len();
    let leader = runners.iter().position(leads).expect("one leads");
    runners[leader].kill();
    let runs = wait_for(&node, seen + 6);
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
    let windows: Vec<i64> = runs.into_keys().collect();
    assert!(windows.iter().all(|at| at % 1_000 == 0), "{windows:?}");
    println!("windows begun, in milliseconds: {windows:?}");
    let others = runners.iter().enumerate().filter(|(index, _)| *index != leader);
    assert_eq!(others.filter(|(_, runner)| leads(runner)).count(), 1);
}
