//! The promises of `directory`, one test each.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{at, drain, ids, log_actions, record, step, table_actions, the_commit};
use weft_daemons::contract::peer::{Answer, FIND_CHUNK_MAX, FindRequest};
use weft_daemons::contract::table::Slice;
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, LogAction, LogEvent, NoTask, PeerAction,
    PeerEvent, Record, TableAction, TableError, TableEvent, Topic,
};
use weft_daemons::directory::{Directory, DirectoryConfig, Registration};
use weft_gts::selector::SelectorText;
use weft_gts::{Metadata, SeriesId};
use weft_wire::envelope::Envelope;
use weft_wire::thrift::encode_metadata;

const COMMIT_MS: u64 = 1_000;

fn config() -> DirectoryConfig {
    DirectoryConfig {
        slice: Slice { modulus: 1, remainder: 0 },
        topic: topic(),
        group: "directory".into(),
        envelope: Envelope::default(),
        row_envelope: Envelope::default(),
        commit_period: Duration::from_millis(COMMIT_MS),
        store: true,
        delete: true,
        init: true,
        registration: Some(Registration { path: "/d/x".to_owned(), payload: b"{}".to_vec() }),
        activity_window_ms: None,
        ids: ids(),
        absent_labels: false,
    }
}

fn topic() -> Topic {
    "metadata".into()
}

/// A series of class `a` with a label that numbers it.
fn series(number: u32) -> Metadata {
    let labels = [("n", number.to_string())].into_iter().collect();
    let mut metadata = Metadata::new("a", labels);
    metadata.id = ids().series_id(&metadata);
    metadata
}

/// A record that says where it is from.
fn message(offset: u64, metadata: &Metadata, source: &str) -> Record {
    let message = Metadata { source: Some(source.to_owned()), ..metadata.clone() };
    let mut plain = metadata.id.to_bytes().to_vec();
    plain.extend_from_slice(&encode_metadata(&message));
    record(offset, 0, plain)
}

fn records(records: Vec<Record>) -> Event<NoTask> {
    let (topic, group) = (topic(), "directory".into());
    Event::Log(LogEvent::Records { topic, group, partition: 0, epoch: 0, records })
}

fn assigned(offset: u64) -> Event<NoTask> {
    let (topic, group) = (topic(), "directory".into());
    Event::Log(LogEvent::Assigned { topic, group, partitions: vec![(0, offset)] })
}

/// The scan of the table and the question for the log's ends that a start makes.
fn begun(directory: &mut Directory) -> (ActionId, ActionId) {
    let effects = drain(directory);
    let scan = effects.iter().find_map(|effect| match effect {
        Effect::Table(TableAction::ScanMeta { id, .. }) => Some(*id),
        _ => None,
    });
    let ends = effects.iter().find_map(|effect| match effect {
        Effect::Log(LogAction::Ends { id, .. }) => Some(*id),
        _ => None,
    });
    (scan.expect("it reads the table"), ends.expect("it asks for the ends"))
}

fn ends(id: ActionId, end: u64) -> Event<NoTask> {
    Event::Log(LogEvent::Ends { id, result: Ok(vec![(0, end)]) })
}

fn scanned(id: ActionId) -> Event<NoTask> {
    Event::Table(TableEvent::End { id, result: Ok(()) })
}

/// A directory that serves what the table has, rows of `series`.
fn serving(config: DirectoryConfig, series: &[Metadata]) -> Directory {
    let mut directory = Directory::new(config);
    let (scan, asked) = begun(&mut directory);
    let rows = series.iter().map(|m| (m.id, Bytes::from(encode_metadata(m)))).collect();
    step(&mut directory, at(0), Event::Table(TableEvent::Rows { id: scan, rows }));
    step(&mut directory, at(0), scanned(scan));
    step(&mut directory, at(0), assigned(5));
    step(&mut directory, at(0), ends(asked, 5));
    directory
}

fn known(directory: &Directory) -> Vec<SeriesId> {
    directory.index().iter().map(|metadata| metadata.id).collect()
}

fn registers(effects: &[Effect<NoTask>]) -> bool {
    let is_create = |effect| matches!(effect, &Effect::Coord(CoordAction::Create { .. }));
    effects.iter().any(is_create)
}

/// Everything that a find answers, chunk by chunk, while `meanwhile` happens after each.
fn found(
    directory: &mut Directory,
    request: FindRequest,
    mut meanwhile: impl FnMut(&mut Directory),
) -> Result<Vec<SeriesId>, String> {
    let ask = ActionId(77);
    let mut series = Vec::new();
    let mut effects = step(directory, at(0), Event::Peer(PeerEvent::Ask { ask, request }));
    loop {
        let mut answers = effects.into_iter().filter_map(|effect| match effect {
            Effect::Peer(PeerAction::Answer { answer, .. }) => Some(answer),
            _ => None,
        });
        match answers.next() {
            // A long find goes on with every event.
            None => effects = step(directory, at(0), Event::Tick),
            Some(Answer::End) => return Ok(series),
            Some(Answer::Failed(error)) => return Err(error.to_string()),
            Some(Answer::Found(chunk)) => {
                assert!(!chunk.is_empty() && chunk.len() <= FIND_CHUNK_MAX);
                series.extend(chunk.iter().map(|metadata| metadata.id));
                meanwhile(directory);
                effects = step(directory, at(0), Event::Peer(PeerEvent::AskNext { ask }));
            }
        }
    }
}

fn everything() -> FindRequest {
    let all = SelectorText::parse("~.*{}").expect("a selector");
    FindRequest { selectors: vec![all], ..FindRequest::default() }
}

fn sorted(series: impl IntoIterator<Item = Metadata>) -> Vec<SeriesId> {
    let mut ids: Vec<SeriesId> = series.into_iter().map(|metadata| metadata.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_shard_holds_exactly_its_slice() {
    let all: Vec<Metadata> = (0..40).map(series).collect();
    let mut shares = Vec::new();
    for remainder in 0..3 {
        let slice = Slice { modulus: 3, remainder };
        // Half of them are in the table, which may hold rows of other slices too.
        let mut directory = serving(DirectoryConfig { slice, ..config() }, &all[..20]);
        let rest = all[20..].iter().zip(5..);
        let rest = rest.map(|(metadata, offset)| message(offset, metadata, "ingress")).collect();
        let effects = step(&mut directory, at(0), records(rest));
        let written = table_actions(effects).into_iter().flat_map(|action| match action {
            TableAction::PutMeta { rows, .. } => rows,
            other => panic!("{other:?}"),
        });
        assert!(written.map(|put| put.series).all(|id| id.in_slice(3, remainder)));
        let own = all.iter().filter(|metadata| metadata.id.in_slice(3, remainder)).cloned();
        assert_eq!(known(&directory), sorted(own));
        shares.extend(known(&directory));
    }
    shares.sort_unstable();
    assert_eq!(shares, sorted(all), "all shards together hold everything once");
}

#[test]
fn after_a_restart_it_equals_what_table_and_topic_say() {
    let mut directory = Directory::new(config());
    let (scan, asked) = begun(&mut directory);
    // The topic is newer than the table, whatever comes first: what it says waits.
    step(&mut directory, at(0), assigned(5));
    let batch = vec![
        message(5, &series(1), "delete"),
        message(6, &series(3), "ingress"),
        message(7, &series(4), "ingress.metadata.update"),
    ];
    step(&mut directory, at(0), records(batch));
    let rows = [series(1), series(2)].map(|m| (m.id, Bytes::from(encode_metadata(&m))));
    step(&mut directory, at(0), Event::Table(TableEvent::Rows { id: scan, rows: rows.into() }));
    step(&mut directory, at(0), scanned(scan));
    step(&mut directory, at(0), ends(asked, 8));
    // An update of a series that is not known is no series.
    assert_eq!(known(&directory), sorted([series(2), series(3)]));
}

#[test]
fn a_replica_that_does_not_store_reads_the_topic_from_its_beginning() {
    let mut directory = Directory::new(DirectoryConfig { store: false, ..config() });
    let actions = log_actions(drain(&mut directory));
    let subscribed = actions.iter().any(|action| {
        matches!(action, LogAction::Subscribe { group, start, .. }
            if group.is_empty() && *start == weft_daemons::contract::log::Start::Earliest)
    });
    assert!(subscribed, "{actions:?}");
}

#[test]
fn it_registers_only_when_it_can_answer_completely() {
    let mut directory = Directory::new(config());
    let (scan, asked) = begun(&mut directory);
    let mut seen = Vec::new();
    for event in [
        Event::Coord(CoordEvent::Connected),
        assigned(5),
        ends(asked, 7),
        records(vec![message(5, &series(1), "ingress")]),
        scanned(scan),
    ] {
        seen.extend(step(&mut directory, at(0), event));
    }
    assert!(!registers(&seen), "the topic ended behind what it has read");
    assert!(!seen.iter().any(|effect| matches!(effect, Effect::Ready(true))));
    let refused = found(&mut directory, everything(), |_| {});
    assert!(refused.is_err(), "{refused:?}");
    let effects = step(&mut directory, at(0), records(vec![message(6, &series(2), "ingress")]));
    assert!(registers(&effects));
    assert_eq!(found(&mut directory, everything(), |_| {}), Ok(sorted([series(1), series(2)])));
}

#[test]
fn offsets_are_committed_after_the_table_acknowledged() {
    let mut directory = serving(config(), &[]);
    let effects = step(&mut directory, at(0), records(vec![message(5, &series(1), "ingress")]));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    let effects = step(&mut directory, at(COMMIT_MS * 3), Event::Tick);
    assert!(log_actions(effects).is_empty(), "nothing is committed before the table answers");
    // A failure is no answer.
    let failed = Err(TableError::Unavailable("no".to_owned()));
    let failed = Event::Table(TableEvent::Written { id, result: failed });
    step(&mut directory, at(COMMIT_MS * 3), failed);
    let effects = step(&mut directory, at(COMMIT_MS * 4), Event::Tick);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Log(LogAction::Commit { .. }))));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("again") };
    let written = Event::Table(TableEvent::Written { id, result: Ok(()) });
    step(&mut directory, at(COMMIT_MS * 4), written);
    let effects = step(&mut directory, at(COMMIT_MS * 6), Event::Tick);
    assert_eq!(the_commit(&log_actions(effects)).1, 6);
}

#[test]
fn a_find_answers_everything_that_matches_or_says_that_it_failed() {
    let all: Vec<Metadata> = (0..3_000).map(series).collect();
    let mut directory = serving(config(), &all);
    // What is there all the time is found, though others come and go.
    let (kept, gone) = all.split_at(2_000);
    let mut offset = 5;
    let answer = found(&mut directory, everything(), |directory| {
        let record = message(offset, &gone[offset as usize], "delete");
        step(directory, at(0), records(vec![record]));
        offset += 1;
    });
    let answer = answer.expect("it is complete");
    assert!(answer.is_sorted() && answer.windows(2).all(|pair| pair[0] < pair[1]), "each once");
    let missing = kept.iter().filter(|metadata| !answer.contains(&metadata.id)).count();
    assert_eq!(missing, 0);

    let text = |text: &str| SelectorText::parse(text).expect("a selector");
    let (one, few) = (text("a{n=7}"), text("a{n~[78]}"));
    let request = |selectors: Vec<SelectorText>, sorted| FindRequest {
        selectors,
        sorted,
        ..FindRequest::default()
    };
    let answer = found(&mut directory, request(vec![one.clone(), few.clone()], false), |_| {});
    assert_eq!(answer, Ok(vec![series(7).id, series(8).id]), "selector by selector, each once");
    let answer = found(&mut directory, request(vec![one, few], true), |_| {});
    assert_eq!(answer, Ok(sorted([series(7), series(8)])));
    let bad = SelectorText { class: "~(".to_owned(), labels: Vec::new() };
    let answer = found(&mut directory, request(vec![bad], false), |_| {});
    assert!(answer.is_err(), "{answer:?}");
}
