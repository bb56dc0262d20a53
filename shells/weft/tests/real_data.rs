//! The real data of `WEFT_DATA` through `weft load`: all of it is there, in every format, and still
//! is after `kill -9`.

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};

use common::formats::{self, FORMATS};
use common::model::Model;
use common::{Node, weft};

#[test]
fn what_was_loaded_is_there_after_a_kill() {
    let Some(folder) = std::env::var_os("WEFT_DATA").map(PathBuf::from) else {
        println!("skipped: WEFT_DATA is not set");
        return;
    };
    let mut files = Vec::new();
    for (name, points, series) in
        [("earthquakes.gts", Some(6_823), None), ("flights.gts.gz", Some(1_000_000), Some(3_313))]
    {
        let path = folder.join(name);
        if !path.is_file() {
            println!("skipped: {name} is not there");
            continue;
        }
        let text = text_of(&path);
        if let Some(points) = points {
            assert_eq!(text.lines().count(), points, "{name}");
        }
        let asked = Model::of_lines(&text);
        if let Some(series) = series {
            assert_eq!(asked.series.len(), series, "{name}");
        }
        println!("{name}: {asked}");
        files.push((path, asked));
    }
    let mut node = Node::start();
    for (path, asked) in &files {
        let path = path.to_str().expect("a path");
        let (url, token) = (node.url(), node.write.clone());
        let load = ["load", "--url", &url, "--token", &token, path];
        println!("{}", weft(node.folder(), &load).trim());
        check(&node, asked, &FORMATS);
        // Once more: it knows that all is stored.
        assert!(weft(node.folder(), &load).contains("stored before"));
    }
    node.kill();
    node.restart();
    for (_, asked) in &files {
        check(&node, asked, &["fulltext", "raw"]);
    }
}

/// Everything is there in these formats, and nothing else.
fn check(node: &Node, asked: &Model, in_formats: &[&str]) {
    let classes = asked.series.keys().map(|(class, _)| class.clone());
    let classes: std::collections::BTreeSet<String> = classes.collect();
    let selectors: Vec<String> = classes.iter().map(|class| format!("{class}{{}}")).collect();
    let selector = selectors.join(" ");
    for format in in_formats {
        let reply = node.fetch(&selector, format);
        assert!(reply.is_complete, "{format}");
        formats::assert_holds(&reply.text(), format, asked);
    }
}

fn text_of(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("it can be read");
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).expect("text");
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text).expect("gzip");
    text
}
