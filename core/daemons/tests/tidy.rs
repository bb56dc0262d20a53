//! Rules that the compiler and clippy do not know: the core does no IO in any of its words, lines
//! are not longer than 120 characters, nothing is left for later.

#![allow(clippy::disallowed_methods, reason = "it reads the sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest line, in characters. (rustfmt keeps code to 100, and leaves comments as they are.)
const LINE_MAX: usize = 120;

/// What the core does without, and where it comes from instead. Readers and writers of
/// [`std::io`] are allowed: codecs over memory implement them.
const FORBIDDEN: &[(&str, &str)] = &[
    ("std::fs", "the core does no IO"),
    ("std::net", "the core does no IO"),
    ("std::process", "the core does no IO"),
    ("std::io::stdin", "the core does no IO"),
    ("std::io::stdout", "the core does no IO"),
    ("std::io::stderr", "the core does no IO"),
    ("println!", "the core does no IO"),
    ("eprintln!", "the core does no IO"),
    ("dbg!", "the core does no IO"),
    ("std::env", "configuration is an argument"),
    ("env!", "configuration is an argument"),
    ("std::thread", "the core spawns nothing"),
    ("thread_local!", "the core has no state of its own"),
    ("static mut", "the core has no state of its own"),
    ("Instant::", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("getrandom", "entropy is an argument"),
    ("rand::", "entropy is an argument"),
    ("RandomState", "entropy is an argument"),
    ("tokio", "the core is not asynchronous"),
    ("async fn", "the core is not asynchronous"),
    (" HashMap", "its order is random: BTreeMap, IndexMap"),
    ("<HashMap", "its order is random: BTreeMap, IndexMap"),
    (" HashSet", "its order is random: BTreeSet, IndexSet"),
    ("<HashSet", "its order is random: BTreeSet, IndexSet"),
    ("unsafe ", "the core is safe"),
];

/// What says that something is not done.
const UNDONE: &[&str] = &["FIXME", "TODO:", "TODO(", "TODO ", "todo!", "unimplemented!"];

#[test]
fn the_core_does_no_io() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("core")) {
        let is_source = path.components().any(|part| part.as_os_str() == "src");
        // A contract's suite runs in the tests of backends.
        if !is_source || path.to_string_lossy().contains("contract/suite") {
            continue;
        }
        for (number, line) in code(&read(&path)) {
            for (word, why) in FORBIDDEN {
                if line.contains(word) {
                    wrong.push(format!("{}:{number}: {word}: {why}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_are_short_and_nothing_is_left_for_later() {
    let mut wrong = Vec::new();
    let folders = ["core", "shells", "sim"].map(|folder| root().join(folder));
    for path in folders.iter().flat_map(|folder| sources(folder)) {
        if path.ends_with("core/daemons/tests/tidy.rs") {
            continue;
        }
        let text = read(&path);
        for (index, line) in text.lines().enumerate() {
            let length = line.chars().count();
            // A text that has no place to break it stays whole.
            let is_literal = line.trim_start().starts_with(['"', '(', '&']) && line.contains('"');
            if length > LINE_MAX && !is_literal {
                wrong.push(format!("{}:{}: {length} characters", path.display(), index + 1));
            }
        }
        for (number, line) in without_literals(&text) {
            for word in UNDONE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_are_able_to_fail() {
    let text = "let a = \"std::fs\"; // std::net\nuse std::thread; // TODO: more\n";
    let lines: Vec<(usize, String)> = code(text).collect();
    assert!(!lines[0].1.contains("std::fs") && !lines[0].1.contains("std::net"));
    assert!(lines[1].1.contains("std::thread"));
    assert!(without_literals(text).any(|(number, line)| number == 2 && line.contains("TODO")));
}

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("two folders up").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of Rust below a folder, in the order of names.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("target") {
                files.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Lines and their numbers, comments and texts left out.
fn code(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    without_literals(text).map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        (number, code.to_owned())
    })
}

/// Lines and their numbers, texts within a line left out.
fn without_literals(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    text.lines().enumerate().map(|(index, line)| {
        let mut kept = String::new();
        let (mut is_text, mut is_escaped) = (false, false);
        for c in line.chars() {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' if is_text => is_escaped = true,
                '"' => is_text = !is_text,
                c if !is_text => kept.push(c),
                _ => {}
            }
        }
        (index + 1, kept)
    })
}
