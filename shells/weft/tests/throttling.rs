//! Limits of a folder against a node.

mod common;

use std::path::Path;
use std::time::Instant;

use common::http::Request;
use common::{Node, PATIENCE};

/// The producer of the tests' tokens.
const PRODUCER: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Keys of ids that are always the same: with others two series may happen to be counted as one.
const KEYS: &str = "warp.hash.class = hex:000102030405060708090a0b0c0d0e0f\n\
                    warp.hash.labels = hex:101112131415161718191a1b1c1d1e1f\n";

fn update(node: &Node, lines: &str) -> (u16, String) {
    let reply = node.post("/api/v0/update", &node.write, lines);
    (reply.status, reply.text())
}

fn limit(folder: &Path, name: &str, line: &str) {
    // Whole from the start.
    let (new, path) = (folder.join("new"), folder.join(name));
    std::fs::write(&new, format!("{PRODUCER}:{line}:#\n")).expect("a file");
    std::fs::rename(new, path).expect("a file");
}

/// Tries until the node answers so.
fn until(node: &Node, lines: &str, status: u16) -> String {
    let begun = Instant::now();
    loop {
        let (answered, text) = update(node, lines);
        if answered == status {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{answered} {text}");
        std::thread::yield_now();
    }
}

#[test]
fn limits_are_in_force_at_once_change_as_files_do_and_survive() {
    let folder = tempfile::TempDir::new().expect("a folder");
    limit(folder.path(), "one.throttle", "2:1000000:");
    let mut node = Node::start_with(&format!(
        "throttling.manager.dir = {}\nthrottling.manager.period = 50\n{KEYS}",
        folder.path().display()
    ));
    assert_eq!(update(&node, "1// a{} 1\n1// b{} 1\n1// c{} 1\n").0, 200);
    let (status, text) = update(&node, "2// a{} 2\n1// d{k=v} 1\n");
    let wanted = "Geo Time Series d{.app=test,k=v} would exceed your Monthly Active Data Streams \
                  limit (2).";
    assert!(status == 429 && text.contains(wanted), "{status} {text}");
    // What stood before it is stored, and nothing of the series is known.
    let told = node.fetch("~.*{}", "text").text();
    assert!(told.contains(" 2") && !told.contains("d{"), "{told}");
    limit(folder.path(), "two.throttle", "3:1000000:");
    until(&node, "1// d{k=v} 1\n", 200);
    let (status, text) = update(&node, "1// e{} 1\n");
    let metrics = node.send(&Request::get("/metrics")).text();
    assert!(status == 429 && text.contains("limit (3)"), "{status} {text}: {metrics}");
    // The rate of a producer is lowered while it writes.
    limit(folder.path(), "three.throttle", "3:10:");
    let text = until(&node, &"3// a{} 3\n".repeat(100), 429);
    let wanted = "Storing data for a{.app=test} would incur a wait greater than 10 ms per datapoint \
                  due to your Daily Data Points limit being already exceeded. Current maximum rate \
                  is 10.0 datapoints/s.";
    assert!(text.contains(wanted), "{text}");
    let metrics = node.send(&Request::get("/metrics")).text();
    for metric in [
        format!("weft_throttling_series{{producer=\"{PRODUCER}\"}} 4"),
        "weft_throttling_refusals_total{kind=\"rate\"}".to_owned(),
        format!("accounted_datapoints_total{{owner=\"{PRODUCER}\",producer=\"{PRODUCER}\",app"),
    ] {
        assert!(metrics.contains(&metric), "{metric}: {metrics}");
    }
    // Counted series are kept: a kill forgets what a period counted at most, and that was long ago.
    let kept = folder.path().join("current.throttle.dump");
    let begun = Instant::now();
    while !std::fs::read_to_string(&kept).unwrap_or_default().contains("read three.throttle") {
        assert!(begun.elapsed() < PATIENCE, "nothing is kept");
        std::thread::yield_now();
    }
    node.kill();
    for file in ["one.throttle", "two.throttle", "three.throttle"] {
        std::fs::remove_file(folder.path().join(file)).expect("a file");
    }
    node.restart();
    let (status, text) = update(&node, "1// e{} 1\n");
    assert!(status == 429 && text.contains("limit (3)"), "{status} {text}");
}
