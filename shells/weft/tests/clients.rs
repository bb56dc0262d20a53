//! Clients that others wrote, against a node: Telegraf's output plugin, `@senx/warp10` and the crate
//! `warp10` (deploy/clients). Each says that it is skipped where its tools, or what it needs from a
//! registry, cannot be had.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::Node;
use tempfile::TempDir;

/// What a tool says when the network, or a registry, does not give it what it needs.
const MISSING: &[&str] = &[
    "dial tcp",
    "proxyconnect",
    "module lookup disabled",
    "connection refused",
    "no such host",
    "ENOTFOUND",
    "ECONNREFUSED",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "Could not resolve host",
    "failed to download",
    "failed to get",
    "403 Forbidden",
    "404 Not Found",
    "502 Bad Gateway",
    "503 Service Unavailable",
];

/// A copy of a client's folder, to be built in.
fn copy(name: &str) -> TempDir {
    fn copy_into(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a client") {
            let path = entry.expect("an entry").path();
            let target = to.join(path.file_name().expect("a name"));
            match path.is_dir() {
                // What somebody built or installed there.
                true if path.ends_with("target") || path.ends_with("node_modules") => {}
                true => copy_into(&path, &target),
                false => drop(std::fs::copy(&path, &target).expect("a copy")),
            }
        }
    }
    let folder = TempDir::new().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/clients");
    copy_into(&root.join(name), folder.path());
    folder
}

/// Runs a tool that builds or installs; `None`, and a message, when it or what it needs is not there.
fn prepare(folder: &Path, tool: &str, args: &[&str], env: &[(&str, &str)]) -> Option<()> {
    let made = Command::new(tool).args(args).current_dir(folder).envs(env.iter().copied()).output();
    let Ok(made) = made else {
        eprintln!("skipped: there is no {tool}");
        return None;
    };
    if made.status.success() {
        return Some(());
    }
    let said = said(&made);
    assert!(MISSING.iter().any(|what| said.contains(what)), "{tool} {args:?}: {said}");
    let last = said.lines().last().unwrap_or_default();
    eprintln!("skipped: {tool} does not get what it needs: {last}");
    None
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// What a client says.
fn run(node: &Node, folder: &Path, program: PathBuf, args: &[&str]) -> Vec<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("WEFT_URL", node.url())
        .env("WEFT_READ", &node.read)
        .env("WEFT_WRITE", &node.write)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn sorted(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let mut lines: Vec<String> =
        text.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn telegraf_writes() {
    let folder = copy("telegraf");
    // What is downloaded is what go.sum says.
    let env = [("GOFLAGS", "-mod=readonly"), ("GOTOOLCHAIN", "local")];
    let Some(()) = prepare(folder.path(), "go", &["build", "-o", "client", "."], &env) else {
        return;
    };
    let node = Node::start();
    let lines = run(&node, folder.path(), folder.path().join("client"), &[]);
    let url = node.url();
    assert_eq!(
        lines,
        [
            "written".to_owned(),
            format!("refused: {url}: Invalid token"),
            format!("refused: {url}: Write token missing"),
        ]
    );
    // The plugin writes a space as a plus, which stands for itself in the text input format.
    let series = |name: &str| {
        format!(
            "1700000000123456// telegraf.cpu.{name}{{.app=test,cpu=cpu0,host=a%2Bb,source=telegraf}} "
        )
    };
    let stored = sorted(&node.fetch("~telegraf[.].*{}", "fulltext").text());
    let expected = [
        series("count") + "3",
        series("idle") + "97.5",
        series("most") + "9223372036854775807",
        series("said") + "'it%5C%27s%20fine'",
        series("up") + "T",
    ];
    assert_eq!(stored, expected);
}

#[test]
fn the_client_of_node_writes_reads_and_deletes() {
    let folder = copy("node");
    let args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    let Some(()) = prepare(folder.path(), "npm", &args, &[]) else { return };
    let node = Node::start();
    let lines = run(&node, folder.path(), "node".into(), &["client.js"]);
    let expected = [
        r#"["update",3]"#,
        r#"["meta",1]"#,
        concat!(
            r#"["fetch",[{"name":"node.point","labels":{".app":"test","key":"a value"},"#,
            r#""attributes":{"attr":"of it"},"data":[{"ts":1700000000000001,"value":2.5,"#,
            r#""loc":{"lat":48.49999995902181,"long":-4.500000067055225},"elev":12},"#,
            r#"{"ts":1700000000000000,"value":54}]},"#,
            r#"{"name":"node.text","labels":{".app":"test","key":"b"},"attributes":{},"#,
            r#""data":[{"ts":1700000000000002,"value":"text"}]}]]"#
        ),
        r#"["exec",[[4],"number","number","number"]]"#,
        r#"["left",0]"#,
    ];
    assert_eq!(lines[..5], expected);
    assert!(lines[5].starts_with(r#"["error",""#), "{}", lines[5]);
}

#[test]
fn the_client_of_rust_writes_finds_and_runs_scripts() {
    let folder = copy("rust");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let target = target.to_str().expect("a path");
    let env = [("CARGO_TARGET_DIR", target)];
    let args = ["build", "--locked", "--quiet"];
    let Some(()) = prepare(folder.path(), env!("CARGO"), &args, &env) else { return };
    let node = Node::start();
    let program = Path::new(target).join("debug/weft-client-rust");
    let lines = run(&node, folder.path(), program, &[]);
    assert_eq!(lines[0], "update 200 OK");
    let labels = "{.app=test,a%20label=a%20value,b=%3D%2C%7B%7D}";
    for kind in ["string", "long", "double", "boolean"] {
        assert!(lines[1].contains(&format!("rust.{kind}{labels}")), "{}", lines[1]);
    }
    assert_eq!(lines[2], "exec [7,3] Some(\"7\") true");
    assert!(lines[3].contains("Unknown function 'FOO'"), "{}", lines[3]);
    assert!(lines[4].contains("Invalid token"), "{}", lines[4]);
    let stored = sorted(&node.fetch("~rust[.].*{}", "fulltext").text());
    let expected = [
        format!("1700000000000000// rust.boolean{labels} T"),
        format!("1700000000000000// rust.double{labels} 2.5"),
        format!("1700000000000000// rust.long{labels} -7"),
        format!(
            "1700000000000000/42.49999998137355:62.24999997764826/10 rust.string{labels} 'some%20text'"
        ),
    ];
    assert_eq!(stored, expected);
}
