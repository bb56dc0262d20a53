//! Backups made under load, brought back, compared with what was acknowledged; and damage, found.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::model::{Value, read_name};
use common::{Node, try_weft, weft};

/// Small files, so that there are many, and many merges.
const SMALL: &str = "weft.memtable = 60000\nweft.segment = 100000\n\
                     store.kafka.data.commitperiod = 50\ndirectory.kafka.metadata.commitperiod = 50\n";

const WRITERS: u64 = 3;
const TICKS: u64 = 400;

/// What one writer does, one thing after the other; everything follows from its number.
#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

/// Ticks of an operation, and whether it deletes them.
fn operation(number: u64) -> (std::ops::Range<u64>, bool) {
    let start = 1 + number * 37 % TICKS;
    if number % 7 == 6 { (start..start + 90, true) } else { (start..start + 60, false) }
}

fn is_with_new_series(number: u64) -> bool {
    number.is_multiple_of(5) && !operation(number).1
}

/// Ticks and values after so many operations.
fn model(operations: u64) -> BTreeMap<i64, u64> {
    let mut model = BTreeMap::new();
    for number in 1..=operations {
        let (ticks, deletes) = operation(number);
        for tick in ticks {
            if deletes {
                model.remove(&(tick as i64));
            } else {
                model.insert(tick as i64, number);
            }
        }
    }
    model
}

fn operate(node: &Node, writer: u64, number: u64) {
    let (ticks, deletes) = operation(number);
    if deletes {
        let path = format!(
            "/api/v0/delete?selector=of%7Bwriter%3D{writer}%7D&start={}&end={}",
            ticks.start,
            ticks.end - 1
        );
        let reply = node.get(&path, &node.write);
        assert_eq!(reply.status, 200, "{}", reply.text());
        return;
    }
    let mut lines: Vec<String> =
        ticks.map(|tick| format!("{tick}// of{{writer={writer}}} {number}")).collect();
    if is_with_new_series(number) {
        lines.push(format!("1// new{{writer={writer},number={number}}} {number}"));
    }
    node.update(lines.join("\n"));
}

/// The datapoints of a writer.
fn held(node: &Node, writer: u64) -> BTreeMap<i64, u64> {
    let stored = node.stored(&format!("of{{writer={writer}}}"));
    let points = stored.series.into_values().next().unwrap_or_default();
    points
        .into_iter()
        .map(|(tick, point)| match point.value {
            Value::Long(value) => (tick, value as u64),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Numbers of the series that a writer made and that are found.
fn new_series(node: &Node, writer: u64) -> BTreeSet<u64> {
    let reply = node.get(&format!("/api/v0/find?selector=new%7Bwriter%3D{writer}%7D"), &node.read);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(|line| read_name(line).1["number"].parse().expect("one")).collect()
}

#[test]
fn a_backup_under_load_has_everything_acknowledged_before_it() {
    let node = Node::start_with(SMALL);
    let progress: Vec<Progress> = (0..WRITERS).map(|_| Progress::default()).collect();
    let is_over = AtomicBool::new(false);
    let mut backups: Vec<(PathBuf, Vec<u64>, Vec<u64>)> = Vec::new();
    let counts = |of: fn(&Progress) -> &AtomicU64| -> Vec<u64> {
        progress.iter().map(|progress| of(progress).load(Ordering::SeqCst)).collect()
    };
    std::thread::scope(|scope| {
        for (writer, progress) in (0..).zip(&progress) {
            let (node, is_over) = (&node, &is_over);
            scope.spawn(move || {
                for number in 1.. {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    progress.sent.store(number, Ordering::SeqCst);
                    operate(node, writer, number);
                    progress.acknowledged.store(number, Ordering::SeqCst);
                }
            });
        }
        for round in 0..3_u64 {
            // A little later each time.
            while counts(|p| &p.acknowledged).iter().any(|&count| count < 40 + round * 30) {
                std::thread::yield_now();
            }
            let target = node.folder().join(format!("backup{round}"));
            let before = counts(|p| &p.acknowledged);
            let args = ["backup", target.to_str().expect("text"), "--home", "data"];
            let told = try_weft(node.folder(), &args);
            let after = counts(|p| &p.sent);
            is_over.store(round == 2 || told.is_err(), Ordering::SeqCst);
            assert!(told.is_ok(), "{told:?}");
            backups.push((target, before, after));
        }
    });
    for (round, (target, before, after)) in backups.iter().enumerate() {
        let target = target.to_str().expect("text");
        let home = format!("restored{round}");
        weft(node.folder(), &["restore", target, "--home", &home]);
        weft(node.folder(), &["fsck", target]);
        weft(node.folder(), &["fsck", &home]);
        let restored = node.twin(&node.folder().join(&home));
        for (writer, (&before, &after)) in (0..).zip(before.iter().zip(after)) {
            let held = held(&restored, writer);
            let at = (before..=after).find(|&operations| model(operations) == held);
            assert!(at.is_some(), "round {round}: none of {before} to {after} operations");
            let found = new_series(&restored, writer);
            let must: BTreeSet<u64> = (1..=before).filter(|&n| is_with_new_series(n)).collect();
            assert!(found.is_superset(&must), "round {round}: {:?}", must.difference(&found));
            assert!(found.iter().all(|&number| number <= after), "round {round}: {found:?}");
        }
        // It goes on as any node.
        restored.update("1// after{restore=yes} 1");
        assert_eq!(restored.stored("after{}").count(), 1);
    }
}

/// A node with something in every kind of file, killed.
fn filled() -> Node {
    let mut node = Node::start_with(SMALL);
    for number in 1..30 {
        operate(&node, 0, number);
    }
    node.kill();
    // What a process that was killed leaves is put right at the next start.
    node.restart();
    for number in 30..60 {
        operate(&node, 0, number);
    }
    node.kill();
    node
}

/// As `filled`, with nothing at the ends of the log that only a kill could have cut: what is known
/// to have been there says where it ends.
fn filled_and_known() -> Node {
    let mut node = filled();
    let read = weft(node.folder(), &["fsck", "data"]);
    let records = read.strip_prefix("log: ").and_then(|rest| rest.split(' ').next());
    let records: u64 = records.and_then(|records| records.parse().ok()).expect("records");
    let mut firsts = BTreeMap::new();
    for path in files(&node.data().join("log/topics")) {
        let first: u64 =
            path.file_stem().and_then(|name| name.to_str()?.parse().ok()).expect("one");
        let lowest = firsts.entry(path.parent().expect("a folder").to_owned()).or_insert(first);
        *lowest = first.min(*lowest);
    }
    let end = records + firsts.values().sum::<u64>();
    // What groups have not done is read again, and committed soon after.
    node.restart();
    let commits = node.data().join("log/commits");
    let is_known = |_| {
        known_end(&std::fs::read_to_string(&commits).expect("commits")) >= end || {
            node.get("/metrics", "");
            false
        }
    };
    assert!((0..100_000).any(is_known), "what was read again is never committed");
    node.kill();
    node
}

/// The ends of all partitions together, as far as a file of commits knows them.
fn known_end(commits: &str) -> u64 {
    let mut ends = BTreeMap::new();
    for line in commits.lines() {
        let mut fields = line.split('\t');
        let offset: Option<u64> = fields.next().and_then(|offset| offset.parse().ok());
        let (partition, topic) = (fields.next(), fields.next());
        if let Some(offset) = offset {
            let end = ends.entry((topic, partition)).or_insert(offset);
            *end = offset.max(*end);
        }
    }
    ends.values().sum()
}

/// Every file in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_stopped_node_is_backed_up_and_brought_back() {
    let node = filled();
    let folder = node.folder();
    weft(folder, &["backup", "copy", "--home", "data"]);
    let again = try_weft(folder, &["backup", "copy", "--home", "data"]).expect_err("it is there");
    assert!(again.contains("not empty"), "{again}");
    let full = try_weft(folder, &["restore", "copy", "--home", "data"]).expect_err("a full folder");
    assert!(full.contains("not empty"), "{full}");
    weft(folder, &["restore", "copy", "--home", "other"]);
    let restored = node.twin(&folder.join("other"));
    assert_eq!(held(&restored, 0), model(59));
    drop(restored);
    // One that did not end is none.
    std::fs::remove_file(folder.join("copy/backup")).expect("a file");
    let unfinished = try_weft(folder, &["restore", "copy", "--home", "third"]).expect_err("none");
    assert!(unfinished.contains("no backup"), "{unfinished}");
    assert!(!folder.join("third").exists());
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let node = filled();
    let folder = node.folder();
    weft(folder, &["backup", "copy", "--home", "data"]);
    for path in files(&folder.join("copy")) {
        let whole = std::fs::read(&path).expect("a file");
        if whole.is_empty() {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[whole.len() / 2] ^= 4;
        for damaged in [&bytes, &whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, damaged).expect("a file");
            let told = try_weft(folder, &["restore", "copy", "--home", "other"]);
            assert!(told.is_err(), "{}", path.display());
            assert!(!folder.join("other").exists(), "{}", path.display());
            let _ = std::fs::remove_dir_all(folder.join("other.restoring"));
        }
        std::fs::write(&path, &whole).expect("a file");
    }
    weft(folder, &["restore", "copy", "--home", "other"]);
}

#[test]
fn damage_of_every_kind_of_file_is_found() {
    let node = filled_and_known();
    let folder = node.folder();
    let said = weft(folder, &["fsck", "data"]);
    assert!(said.contains("records in") && said.contains("rows of metadata"), "{said}");
    let (mut kinds, mut rows) = (BTreeSet::new(), (0, 0));
    for path in files(&node.data()) {
        let whole = std::fs::read(&path).expect("a file");
        let name = path.strip_prefix(node.data()).expect("one of them").to_owned();
        let (name, bytes) = (name.display().to_string(), whole.iter().rposition(|&byte| byte != 0));
        // Locks are empty, and the journal has room that is not used.
        let Some(last) = bytes else { continue };
        let is_checked = name.starts_with("log/topics")
            || name.ends_with("commits")
            || name.starts_with("table/blocks")
            || name.ends_with(".jnl")
            || name.contains("/tables/");
        let is_left = said.contains(&format!("{name}: no manifest names it"));
        if !is_checked || is_left {
            continue;
        }
        kinds.insert(path.extension().map(|kind| kind.to_owned()));
        for place in [0, last / 3, last / 2, last] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            std::fs::write(&path, &bytes).expect("a file");
            let told = try_weft(folder, &["fsck", "data"]);
            let is_told = told.as_ref() != Ok(&said);
            if name.starts_with("table/metadata") {
                // A store of others: not every byte means something, nor has a checksum.
                rows.0 += 1;
                rows.1 += usize::from(is_told);
                continue;
            }
            assert!(is_told, "{name} at {place}: {said}");
        }
        std::fs::write(&path, &whole[..last / 2]).expect("a file");
        let told = try_weft(folder, &["fsck", "data"]);
        assert!(told.is_err() || name.ends_with(".jnl"), "{name}, cut: {told:?}");
        std::fs::write(&path, &whole).expect("a file");
    }
    assert!(kinds.len() >= 4, "{kinds:?}");
    assert!(rows.1 * 2 >= rows.0, "{rows:?}");
    assert_eq!(weft(folder, &["fsck", "data"]), said, "it changes nothing");
}
