//! Golden vectors: files of JSON lines recorded from the reference, one checkable fact a line.
//!
//! [`run`] checks every known file of a folder and counts by kind; `weft vectors DIR` prints the
//! report. One module a file, found by the file's name in `CHECKERS`.

mod directory;
mod encoder;
mod envelopes;
mod geo;
mod geo2;
mod hbase;
mod hll;
mod ids;
mod ingress;
mod json;
mod kafka;
mod live;
mod text;
mod tokens;
mod zookeeper;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use live::{Capture, LiveChecker};
use serde_json::Value;

/// What became of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The fact holds.
    Pass,
    /// It does not: what was got and what was asked.
    Fail(String),
    /// Not checked, and why.
    Skip(&'static str),
}

impl Outcome {
    /// [`Outcome::Pass`] when both are equal, else a failure that shows both.
    pub fn equal<T: PartialEq + std::fmt::Debug>(got: &T, asked: &T) -> Self {
        if got == asked { Self::Pass } else { Self::Fail(format!("got {got:?}, asked {asked:?}")) }
    }
}

/// The first outcome that is not a pass, else a pass.
pub(crate) fn all(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    outcomes.into_iter().find(|outcome| *outcome != Outcome::Pass).unwrap_or(Outcome::Pass)
}

/// Checks the lines of one file in order; later lines may rest on earlier ones (keys).
pub trait Checker {
    /// Checks one line. `kind` is its `kind` member, empty when it has none.
    fn check(&mut self, kind: &str, line: &Value) -> Outcome;
}

/// Counts of one kind of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that hold.
    pub passed: usize,
    /// Lines that do not.
    pub failed: usize,
    /// Lines not checked.
    pub skipped: usize,
    /// The first few failures: line number and message.
    pub failures: Vec<(usize, String)>,
}

/// How many failures of a kind are kept with their text.
const FAILURES_KEPT_MAX: usize = 5;

/// Makes the checker of one file.
type MakeChecker = fn() -> Box<dyn Checker>;

/// The files that are known, and their checkers.
const CHECKERS: &[(&str, MakeChecker)] = &[
    ("directory.jsonl", || Box::new(directory::DirectoryChecker::default())),
    ("encoder.jsonl", || Box::new(encoder::EncoderChecker)),
    ("envelopes.jsonl", || Box::new(envelopes::EnvelopesChecker)),
    ("geo.jsonl", || Box::new(geo::GeoChecker)),
    ("geo2.jsonl", || Box::new(geo2::Geo2Checker)),
    ("hbase.jsonl", || Box::new(hbase::HbaseChecker)),
    ("hll.jsonl", || Box::new(hll::HllChecker)),
    ("ids.jsonl", || Box::new(ids::IdsChecker::default())),
    ("ingress.jsonl", || Box::new(ingress::IngressChecker::default())),
    ("kafka.jsonl", || Box::new(kafka::KafkaChecker::default())),
    ("live/hbase-m.jsonl", || Box::new(LiveChecker(Capture::MetadataRows))),
    ("live/hbase-v-head.jsonl", || Box::new(LiveChecker(Capture::DataRows))),
    ("live/kafka-data.jsonl", || Box::new(LiveChecker(Capture::Data))),
    ("live/kafka-metadata.jsonl", || Box::new(LiveChecker(Capture::Metadata))),
    ("live/kafka-plasmafe1.jsonl", || Box::new(LiveChecker(Capture::Plasma))),
    ("live/kafka-runner.jsonl", || Box::new(LiveChecker(Capture::Run))),
    ("text.jsonl", || Box::new(text::TextChecker)),
    ("tokens.jsonl", || Box::new(tokens::TokensChecker::default())),
    ("wrap-short.jsonl", || Box::new(envelopes::EnvelopesChecker)),
    ("zookeeper.jsonl", || Box::new(zookeeper::ZookeeperChecker)),
];

/// Counts by file and kind; a file that is not there has no entry.
pub type Report = BTreeMap<(String, String), Tally>;

/// Why a folder could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// A file could not be read.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A line is not JSON.
    #[error("{file}, line {line}: not JSON: {source}")]
    Json {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
}

/// Checks every known file of `folder`, and says which of them are missing.
pub fn run(folder: &Path) -> Result<(Report, Vec<&'static str>), VectorsError> {
    let mut report = Report::new();
    let mut missing = Vec::new();
    for (name, make) in CHECKERS {
        let path = folder.join(name);
        if path.is_file() {
            check_file(&path, name, make().as_mut(), &mut report)?;
        } else {
            missing.push(*name);
        }
    }
    Ok((report, missing))
}

fn check_file(
    path: &Path,
    name: &str,
    checker: &mut dyn Checker,
    report: &mut Report,
) -> Result<(), VectorsError> {
    let io = |source| VectorsError::Io { file: name.to_owned(), source };
    for (index, line) in BufReader::new(File::open(path).map_err(io)?).lines().enumerate() {
        let number = index + 1;
        let value: Value = serde_json::from_str(&line.map_err(io)?)
            .map_err(|source| VectorsError::Json { file: name.to_owned(), line: number, source })?;
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        let outcome = checker.check(&kind, &value);
        let tally = report.entry((name.to_owned(), kind)).or_default();
        match outcome {
            Outcome::Pass => tally.passed += 1,
            Outcome::Skip(_) => tally.skipped += 1,
            Outcome::Fail(message) => {
                tally.failed += 1;
                if tally.failures.len() < FAILURES_KEPT_MAX {
                    tally.failures.push((number, message));
                }
            }
        }
    }
    Ok(())
}
