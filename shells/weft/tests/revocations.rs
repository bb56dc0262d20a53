//! Revocation lists of a folder against a node.

mod common;

use std::path::Path;
use std::time::Instant;

use common::{Node, PATIENCE};

fn list(folder: &Path, time: u64, text: &str) {
    // Whole from the start.
    let (new, md5) = (folder.join("new"), "0".repeat(32));
    std::fs::write(&new, text).expect("a file");
    std::fs::rename(new, folder.join(format!("weft.full.{time}-{md5}.trl"))).expect("a file");
}

/// Tries until the node answers so.
fn until(node: &Node, status: u16) -> String {
    let begun = Instant::now();
    loop {
        let reply = node.post("/api/v0/update", &node.write, "1// a{} 1\n");
        if reply.status == status {
            return reply.text();
        }
        assert!(begun.elapsed() < PATIENCE, "{} {}", reply.status, reply.text());
        std::thread::yield_now();
    }
}

#[test]
fn what_lists_revoke_is_refused_while_they_do() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut node = Node::start_with(&format!(
        "warp.trl.dir = {}\nwarp.trl.scan.period = 20\n",
        folder.path().display()
    ));
    assert_eq!(node.post("/api/v0/update", &node.write, "1// a{} 1\n").status, 200);
    let conf = node.folder().join("node.conf");
    let conf = conf.to_str().expect("a path");
    let ident = common::weft(node.folder(), &["token", "ident", "--conf", conf, &node.write]);
    list(folder.path(), 1, &format!("# one token\n{ident}"));
    let text = until(&node, 403);
    assert!(text.contains("Token revoked."), "{text}");
    assert!(node.fetch("a{}", "text").text().contains("a{"), "the other token is good");
    // A list that cannot be understood leaves things as they are; a newer one takes its place.
    list(folder.path(), 2, "nonsense\n");
    list(folder.path(), 3, "+test\n");
    let begun = Instant::now();
    while !until(&node, 403).contains("Application suspended or closed.") {
        assert!(begun.elapsed() < PATIENCE, "the application is not revoked");
    }
    // It is known from the start of the next life on.
    node.kill();
    node.restart();
    assert_eq!(node.post("/api/v0/update", &node.write, "1// a{} 1\n").status, 403);
    list(folder.path(), 4, "");
    until(&node, 200);
}
