//! The console in a real browser: a script on a sample of earthquakes draws a chart and a map.
//!
//! It needs Chromium (`WEFT_CHROMIUM` names it where it is not on the path), and says that it skips
//! where there is none.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::Node;
use weft_gts::percent;

/// The browser, if there is one.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WEFT_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.into_iter().chain(all).find(|file| file.is_file())
}

/// What a browser makes of the console with a script that was run: the page, and a picture of it.
fn open(browser: &Path, node: &Node, view: &str, script: &str, folder: &Path) -> (String, u64) {
    let (token, script) = (percent::encode(&node.read), percent::encode(script));
    let url = format!("{}/console#token={token}&script={script}&view={view}&run=1", node.url());
    let run = |what: &str| {
        let profile = format!("--user-data-dir={}", folder.join(view).display());
        let output = Command::new(browser)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--window-size=1200,800", "--virtual-time-budget=20000", &profile, what, &url])
            .output()
            .expect("the browser starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let picture = folder.join(format!("{view}.png"));
    let page = run("--dump-dom");
    run(&format!("--screenshot={}", picture.display()));
    (page, std::fs::metadata(&picture).map_or(0, |file| file.len()))
}

#[test]
fn a_script_draws_a_chart_and_a_map() {
    let Some(browser) = chromium() else {
        println!("no Chromium at hand (Debian: apt-get install chromium), skipped");
        return;
    };
    let node = Node::start();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/earthquakes.gts");
    node.update(std::fs::read(sample).expect("a sample"));
    let folder = tempfile::TempDir::new().expect("a folder");
    let script = "[ $token '~earthquake.*' {} MAXLONG MAXLONG ] FETCH";
    let (chart, chart_bytes) = open(&browser, &node, "chart", script, folder.path());
    assert!(chart.contains("aria-label=\"Chart of 225 datapoints in 48 series\""), "{chart}");
    let (map, map_bytes) = open(&browser, &node, "map", script, folder.path());
    assert!(map.contains("aria-label=\"Map of 300 positions\""), "{map}");
    // Nothing is drawn of nothing.
    let (empty, empty_bytes) = open(&browser, &node, "chart", "'none'", folder.path());
    assert!(!empty.contains("aria-label=\"Chart of"), "{empty}");
    assert!(empty_bytes > 0 && chart_bytes > empty_bytes + 2_000, "{chart_bytes} {empty_bytes}");
    assert!(map_bytes > empty_bytes + 2_000, "{map_bytes} {empty_bytes}");
    // What goes wrong is said.
    let (wrong, _) = open(&browser, &node, "json", "1 0 /", folder.path());
    assert!(wrong.contains("class=\"bad\"") && wrong.contains("/ by zero"), "{wrong}");
}
