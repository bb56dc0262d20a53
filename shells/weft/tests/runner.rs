//! Scripts of a folder against a node.

mod common;

use std::time::Instant;

use common::http::Request;
use common::{Node, PATIENCE};

#[test]
fn scripts_of_a_folder_run_by_themselves() {
    let root = tempfile::TempDir::new().expect("a folder");
    let node = Node::start_with(&format!(
        "runner.root = {}\nrunner.scanperiod = 100\nwhat@/station = 7\n",
        root.path().display()
    ));
    let folder = root.path().join("station/1000");
    std::fs::create_dir_all(&folder).expect("folders");
    let script = format!(
        "NEWGTS 'run' RENAME 1 NaN NaN NaN ${{what:5}} ADDVALUE 2 NaN NaN NaN ${{other:5}} ADDVALUE
         NEWGTS 'place' RENAME 1 NaN NaN NaN $runner.path ADDVALUE 2 ->LIST '{}' UPDATE",
        node.write
    );
    std::fs::write(folder.join("own.mc2"), script).expect("a file");
    std::fs::write(folder.join("wrong.mc2"), "1 0 /").expect("a file");
    let begun = Instant::now();
    // Both have run; a script that runs again tells its failure once it has ended.
    loop {
        let listed = node.send(&Request::get("/api/v0/runner")).text();
        let has_run = listed.contains("own.mc2") && !listed.contains("\t-\t");
        if has_run && listed.contains("failed: ERROR line #4: ") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not run: {listed}");
        std::thread::yield_now();
    }
    let told = node.fetch("run{}", "text").text().replace("\r\n", "\n");
    assert_eq!(told.trim(), "2// run{.app=test} 5\n=1// 7");
    let told = node.fetch("place{}", "text").text();
    assert_eq!(told.trim(), "1// place{.app=test} 'station%2F1000%2Fown.mc2'");
    let metrics = node.send(&Request::get("/metrics")).text();
    assert!(metrics.contains("weft_runner_runs_total{path=\"station/1000/own.mc2\"}"), "{metrics}");
}

/// Waits until what the runner tells is so.
fn wait_for(node: &Node, is_so: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let listed = node.send(&Request::get("/api/v0/runner")).text();
        if is_so(&listed) {
            return listed;
        }
        assert!(begun.elapsed() < PATIENCE, "it is not so: {listed}");
        std::thread::yield_now();
    }
}

#[test]
fn a_scheduler_and_a_worker_share_the_work() {
    let root = tempfile::TempDir::new().expect("a folder");
    let folder = root.path().join("station/1000");
    std::fs::create_dir_all(&folder).expect("folders");
    // One is longer than what the reference's scheduler can send.
    let long = "// This line is there for its length.\n".repeat(1_000);
    std::fs::write(folder.join("long.mc2"), long).expect("a file");
    std::fs::write(folder.join("wrong.mc2"), "1 ${what:0} /").expect("a file");
    let node = Node::start_with(&format!(
        "runner.root = {}\nrunner.roles = scheduler,worker\nrunner.scanperiod = 100\n\
         runner.psk = hex:000102030405060708090a0b0c0d0e0f\n\
         runner.kafka.mac = hex:000102030405060708090a0b0c0d0e0f\n",
        root.path().display()
    ));
    let listed = wait_for(&node, |listed| {
        let is_done = |line: &&str| line.contains("long.mc2") && line.ends_with("\tdone");
        listed.lines().any(|line| is_done(&line)) && listed.contains("failed: ERROR line #5: ")
    });
    assert!(listed.lines().skip(1).all(|line| line.split('\t').count() == 6), "{listed}");
    let metrics = node.send(&Request::get("/metrics")).text();
    assert!(metrics.contains("weft_runner_leader 1"), "{metrics}");
    assert!(
        metrics.contains("weft_runner_runs_total{path=\"station/1000/long.mc2\"}"),
        "{metrics}"
    );
    let table = common::weft(root.path(), &["runner", "list", "--url", &node.url()]);
    assert!(
        table.starts_with("script ") && table.contains("station/1000/long.mc2   1000 ms"),
        "{table}"
    );
}

#[test]
fn roles_that_do_not_exist_are_refused() {
    let root = tempfile::TempDir::new().expect("a folder");
    let conf = root.path().join("weft.conf");
    std::fs::write(&conf, "warp.components = runner\nrunner.roles = both\n").expect("a file");
    let keys = common::weft(root.path(), &["keys"]);
    let text = std::fs::read_to_string(&conf).expect("a file") + &keys;
    std::fs::write(&conf, text).expect("a file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["config", "check"])
        .arg(&conf)
        .output()
        .expect("the binary is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("either or both"), "{errors}");
}
