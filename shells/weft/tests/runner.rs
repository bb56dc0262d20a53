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

#[test]
fn roles_that_do_not_exist_are_refused() {
    let root = tempfile::TempDir::new().expect("a folder");
    let conf = root.path().join("weft.conf");
    std::fs::write(&conf, "warp.components = runner\nrunner.roles = scheduler\n").expect("a file");
    let keys = common::weft(root.path(), &["keys"]);
    let text = std::fs::read_to_string(&conf).expect("a file") + &keys;
    std::fs::write(&conf, text).expect("a file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["config", "check"])
        .arg(&conf)
        .output()
        .expect("the binary is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("only standalone exists yet"), "{errors}");
}
