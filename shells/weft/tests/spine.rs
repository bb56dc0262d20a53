//! The whole way of a small real data set through a node: stored, found, fetched, deleted, kept.

mod common;

use std::collections::BTreeSet;

use common::Node;
use common::formats::{self, FORMATS};
use common::http::Request;
use common::model::{Model, Name, percent_encode, read_name};

/// 300 datapoints of real earthquakes (`data/README.md`).
const EARTHQUAKES: &str = include_str!("data/earthquakes.gts");

fn earthquakes() -> Model {
    Model::of_lines(EARTHQUAKES)
}

/// The names that a find as text lists.
fn found(node: &Node, selector: &str) -> BTreeSet<Name> {
    let path = format!("/api/v0/find?selector={}", percent_encode(selector));
    let reply = node.get(&path, &node.read);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let names: Vec<Name> = reply.text().lines().map(read_name).collect();
    let set: BTreeSet<Name> = names.iter().cloned().collect();
    assert_eq!(set.len(), names.len(), "each series once");
    set
}

fn names(model: &Model) -> BTreeSet<Name> {
    model.series.keys().cloned().collect()
}

#[test]
fn what_was_stored_is_found_and_fetched_in_every_format() {
    let node = Node::start();
    node.update(EARTHQUAKES);
    let asked = earthquakes();
    assert_eq!(asked.count(), 300);
    assert_eq!(found(&node, "~.*{}"), names(&asked));
    for format in FORMATS {
        let answer = node.fetch("~.*{}", format).text();
        formats::assert_holds(&answer, format, &asked);
    }
    assert_eq!(node.fetch("~.*{}", "null").text(), "");
}

#[test]
fn several_workers_store_and_keep_everything() {
    let mut node = Node::start_with("store.nthreads = 2\nstore.nthreads.kafka = 2\n");
    for line in EARTHQUAKES.lines() {
        node.update(line);
    }
    node.stored("~.*{}").assert_same(&earthquakes(), "~.*{}");
    node.kill();
    node.restart();
    node.stored("~.*{}").assert_same(&earthquakes(), "~.*{}");
}

#[test]
fn selectors_mean_what_they_say() {
    let node = Node::start();
    node.update(EARTHQUAKES);
    let check = |selector: &str, which: &dyn Fn(&Name) -> bool| {
        let mut asked = earthquakes();
        asked.series.retain(|name, _| which(name));
        assert!(!asked.series.is_empty(), "{selector} means nothing");
        node.stored(selector).assert_same(&asked, selector);
        assert_eq!(found(&node, selector), names(&asked), "{selector}");
    };
    check("earthquake.magnitude{}", &|name| name.0 == "earthquake.magnitude");
    check("=earthquake.sig{net=ci}", &|name| name.0 == "earthquake.sig" && name.1["net"] == "ci");
    check("~earthquake.(rms|sig){magType~m[ld]}", &|name| {
        ["earthquake.rms", "earthquake.sig"].contains(&name.0.as_str())
            && ["ml", "md"].contains(&name.1["magType"].as_str())
    });
    // Several selectors of a fetch: each series once, however many mean it.
    let both = "earthquake.sig{} ~.*{net=ci}";
    let mut asked = earthquakes();
    asked.series.retain(|name, _| name.0 == "earthquake.sig" || name.1["net"] == "ci");
    let text = node.fetch(both, "fulltext").text();
    assert_eq!(text.lines().count(), asked.count());
    Model::of_lines(&text).assert_same(&asked, both);
    assert_eq!(found(&node, "nothing{}"), BTreeSet::new());
}

#[test]
fn ranges_and_counts_narrow_a_fetch() {
    let node = Node::start();
    node.update(EARTHQUAKES);
    let asked = earthquakes();
    let ticks: BTreeSet<i64> =
        asked.series.values().flat_map(|points| points.keys()).copied().collect();
    let (first, last) = (*ticks.iter().nth(20).expect("one"), *ticks.iter().nth(50).expect("one"));
    let fetch = |range: &str| {
        let path = format!("/api/v0/fetch?selector=~.%2A%7B%7D&format=fulltext&{range}");
        let reply = node.get(&path, &node.read);
        assert_eq!(reply.status, 200, "{}", reply.text());
        Model::of_lines(&reply.text())
    };
    let mut within = asked.clone();
    within.delete(|_| true, 0, first - 1);
    within.delete(|_| true, last + 1, i64::MAX);
    fetch(&format!("start={first}&end={last}")).assert_same(&within, "a range");
    let span = last - first + 1;
    fetch(&format!("now={last}&timespan={span}")).assert_same(&within, "a span");
    let mut newest = asked;
    for points in newest.series.values_mut() {
        while points.len() > 2 {
            points.pop_first();
        }
    }
    fetch("now=4102444800000000&timespan=-2").assert_same(&newest, "a count");
}

#[test]
fn bodies_are_compressed_both_ways() {
    let node = Node::start();
    let update = Request::post("/api/v0/update", EARTHQUAKES).gzipped();
    let reply = node.send(&update.header("X-Warp10-Token", &node.write));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let path = "/api/v0/fetch?selector=~.%2A%7B%7D&start=0&end=4102444800000000&format=fulltext";
    let request = Request::get(path).header("X-Warp10-Token", &node.read);
    let reply = node.send(&request.header("Accept-Encoding", "gzip"));
    assert_eq!(reply.header("Content-Encoding"), Some("gzip"));
    let text = String::from_utf8(reply.inflated()).expect("text");
    Model::of_lines(&text).assert_same(&earthquakes(), "inflated");
}

#[test]
fn deletes_remove_what_they_name_and_nothing_else() {
    let node = Node::start();
    node.update(EARTHQUAKES);
    let mut asked = earthquakes();
    let all: Vec<i64> = asked.series.values().flat_map(|points| points.keys()).copied().collect();
    let (first, last) = (all[10].min(all[100]), all[10].max(all[100]));
    let is_rms = |name: &Name| name.0 == "earthquake.rms";
    let delete = |query: &str| -> BTreeSet<Name> {
        let reply = node.get(&format!("/api/v0/delete?{query}"), &node.write);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text().lines().filter(|line| !line.is_empty()).map(read_name).collect()
    };
    let rms: BTreeSet<Name> = names(&asked).into_iter().filter(is_rms).collect();

    let range = format!("selector=earthquake.rms%7B%7D&start={first}&end={last}");
    assert_eq!(delete(&format!("{range}&dryrun=true")), rms);
    node.stored("~.*{}").assert_same(&asked, "after a dry run");
    assert_eq!(delete(&range), rms);
    asked.delete(is_rms, first, last);
    node.stored("~.*{}").assert_same(&asked, "after a delete of a range");
    assert!(found(&node, "~.*{}").is_superset(&rms), "a range leaves the series");

    let is_gone = |name: &Name| name.1["net"] == "nc";
    let gone: BTreeSet<Name> = found(&node, "~.*{net=nc}");
    assert!(!gone.is_empty());
    assert_eq!(delete("selector=~.%2A%7Bnet%3Dnc%7D&deleteall"), gone);
    asked.delete(is_gone, 0, i64::MAX);
    node.stored("~.*{}").assert_same(&asked, "after a delete of everything");
    assert_eq!(found(&node, "~.*{net=nc}"), BTreeSet::new());

    // What is stored after the delete is there.
    let line = "1517363399650000// earthquake.sig{net=nc,magType=md,status=reviewed} 7";
    node.update(line);
    node.stored("~.*{net=nc}").assert_same(&Model::of_lines(line), "stored after the delete");
}

#[test]
fn nothing_acknowledged_is_lost() {
    let mut node = Node::start();
    let mut asked = Model::default();
    let lines: Vec<&str> = EARTHQUAKES.lines().collect();
    for (round, piece) in lines.chunks(75).enumerate() {
        let text = piece.join("\n");
        node.update(text.clone());
        for (name, points) in Model::of_lines(&text).series {
            for (tick, point) in points {
                asked.insert(name.clone(), tick, point);
            }
        }
        if round == 1 {
            let reply =
                node.get("/api/v0/delete?selector=earthquake.rms%7B%7D&deleteall", &node.write);
            assert_eq!(reply.status, 200, "{}", reply.text());
            asked.delete(|name| name.0 == "earthquake.rms", 0, i64::MAX);
        }
        node.kill();
        node.restart();
        let what = format!("after kill {round}");
        node.stored("~.*{}").assert_same(&asked, &what);
        assert_eq!(found(&node, "~.*{}"), names(&asked), "{what}");
    }
}

#[test]
fn attributes_are_set_shown_and_kept() {
    let mut node = Node::start();
    node.update("1// a{l=v} 1\n1// a{l=w} 2\n");
    let reply = node.post("/api/v0/meta", &node.write, "a{l=v}{unit=m%2Fs,note=x}\n");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = |node: &Node, selector: &str| {
        let path = format!("/api/v0/find?selector={}&sortmeta=true", percent_encode(selector));
        node.get(&path, &node.read).text()
    };
    for round in 0..2 {
        let text = shown(&node, "a{l=v}");
        assert!(text.ends_with("{note=x,unit=m%2Fs}\n"), "round {round}: {text}");
        assert!(shown(&node, "a{l=w}").ends_with("{}\n"), "round {round}");
        // Attributes can be selected by.
        assert_eq!(shown(&node, "~.*{note=x}"), text, "round {round}");
        node.kill();
        node.restart();
    }
    let reply = node.post("/api/v0/meta", &node.write, "a{l=v}{unit=km}\n");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(shown(&node, "a{l=v}").ends_with("{unit=km}\n"), "they are replaced");
    node.update("2// a{l=v} 1\n");
    assert!(shown(&node, "a{l=v}").ends_with("{unit=km}\n"), "an update leaves them");
}
