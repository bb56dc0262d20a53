//! The promises of `directory`, one test each.

mod common;

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use common::{at, drain, ids, log_actions, record, step, table_actions, the_commit};
use flate2::read::GzDecoder;
use weft_daemons::Now;
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::peer::{Answer, FIND_CHUNK_MAX, FindRequest};
use weft_daemons::contract::table::{READ_TIME_MAX, Slice};
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, HttpAction, HttpEvent, LogAction, LogEvent,
    Machine, NoTask, PeerAction, PeerEvent, Record, RequestHead, TableAction, TableError,
    TableEvent, Topic,
};
use weft_daemons::directory::{
    Directory, DirectoryConfig, Estimates, Registration, SERVICE_BYTES_MAX, ServiceConfig,
    StatsLimits, THRIFT_PATH,
};
use weft_gts::selector::SelectorText;
use weft_gts::{Labels, Metadata, SeriesId, SipKey};
use weft_wire::envelope::Envelope;
use weft_wire::opb64;
use weft_wire::sign::directory_hash;
use weft_wire::streaming::{self, StreamingRequest};
use weft_wire::thrift::{
    DirectoryCall, DirectoryFindRequest, DirectoryFindResponse, DirectoryGetRequest,
    DirectoryGetResponse, DirectoryStatsResponse, ServiceCall, encode_metadata,
};

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
        snapshot_rows_min: None,
        service: None,
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
    Event::Log(LogEvent::Assigned { topic, group, epoch: 0, partitions: vec![(0, offset.into())] })
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
    begun_to_serve(config, series).0
}

/// The same, and what it wants then.
fn begun_to_serve(
    config: DirectoryConfig,
    series: &[Metadata],
) -> (Directory, Vec<Effect<NoTask>>) {
    let mut directory = Directory::new(config);
    let (scan, asked) = begun(&mut directory);
    let rows = series.iter().map(|m| (m.id, Bytes::from(encode_metadata(m)))).collect();
    step(&mut directory, at(0), Event::Table(TableEvent::Rows { id: scan, rows }));
    step(&mut directory, at(0), scanned(scan));
    step(&mut directory, at(0), assigned(5));
    let effects = step(&mut directory, at(0), ends(asked, 5));
    (directory, effects)
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
            Some(Answer::Counted(counted)) => panic!("series, not {counted:?}"),
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
fn a_scan_that_is_not_answered_begins_again() {
    let mut directory = Directory::new(config());
    let (scan, asked) = begun(&mut directory);
    step(&mut directory, at(0), ends(asked, 0));
    let late = READ_TIME_MAX.as_millis() as u64;
    assert_eq!(directory.deadline(), Some(at(late).mono));
    let effects = step(&mut directory, at(late), Event::Tick);
    assert_eq!(table_actions(effects), [TableAction::Cancel { id: scan }]);
    let mono = directory.deadline().expect("it tries again");
    directory.handle(Now { mono, ..at(0) }, Event::Tick);
    let (again, _) = begun(&mut directory);
    assert_ne!(again, scan);
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
fn a_partition_that_comes_back_changes_nothing_that_was_taken_in() {
    let mut directory = serving(config(), &[]);
    let update =
        Metadata { attributes: [("a", "1".to_owned())].into_iter().collect(), ..series(1) };
    let both = || {
        let early = message(5, &update, "ingress.metadata.update");
        records(vec![early, message(6, &series(1), "ingress")])
    };
    let effects = step(&mut directory, at(0), both());
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    step(&mut directory, at(0), done(id));
    let (topic, group) = (topic(), "directory".into());
    let revoked = LogEvent::Revoked { topic, group, partitions: vec![0] };
    step(&mut directory, at(0), Event::Log(revoked));
    step(&mut directory, at(0), assigned(5));
    let effects = step(&mut directory, at(0), both());
    assert_eq!(table_actions(effects), [], "the update came before its series");
    let known = directory.index().get(series(1).id).expect("it is known");
    assert!(known.attributes.is_empty(), "{known:?}");
    let effects = step(&mut directory, at(0), records(vec![message(7, &series(2), "ingress")]));
    assert!(matches!(table_actions(effects)[..], [TableAction::PutMeta { .. }]));
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

#[test]
fn what_is_only_counted_does_not_travel() {
    let all: Vec<Metadata> = (0..3_000).map(series).collect();
    let mut directory = serving(config(), &all);
    let selector = |text| SelectorText::parse(text).expect("a selector");
    // A series that two selectors match counts once.
    let selectors = vec![selector("~.*{}"), selector("a{n=7}")];
    let request = FindRequest { selectors, sorted: true, estimates: true, ..everything() };
    let mut effects =
        step(&mut directory, at(0), Event::Peer(PeerEvent::Ask { ask: ActionId(77), request }));
    let counted = loop {
        let answer = effects.into_iter().find_map(|effect| match effect {
            Effect::Peer(PeerAction::Answer { answer, .. }) => Some(answer),
            _ => None,
        });
        match answer {
            None => effects = step(&mut directory, at(0), Event::Tick),
            Some(Answer::Counted(counted)) => break counted,
            Some(other) => panic!("estimates, not {other:?}"),
        }
    };
    let series = Estimates::of(&[*counted]).expect("estimators").series;
    assert!((2_900..3_100).contains(&series), "{series}");
    let effects = step(&mut directory, at(0), Event::Tick);
    assert!(effects.is_empty(), "that was all");
}

/// A directory that is asked over the network, by a key.
const KEY: SipKey = SipKey::new(1, 2);

fn networked(series: &[Metadata]) -> Directory {
    let service = ServiceConfig {
        key: KEY,
        age_max_ms: 1_000,
        signature_header: "X-Warp10-Directory-Signature".to_owned(),
        compress_from: 3,
        found_max: 4,
        answer_bytes_max: 1 << 20,
        stats: StatsLimits::default(),
    };
    serving(DirectoryConfig { service: Some(service), ..config() }, series)
}

/// What a request is answered, its reader taking each piece at once.
fn asked(directory: &mut Directory, path: &str, header: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let request = RequestId(1);
    let headers = vec![("x-warp10-directory-signature".to_owned(), header.to_owned())];
    let head = RequestHead {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers,
        ..Default::default()
    };
    let mut effects = step(directory, at(0), Event::Http(HttpEvent::Head { request, head }));
    let bytes = Bytes::copy_from_slice(body);
    effects.extend(step(directory, at(0), Event::Http(HttpEvent::Body { request, bytes })));
    effects.extend(step(directory, at(0), Event::Http(HttpEvent::End { request })));
    let (mut status, mut answer) = (0, Vec::new());
    for _ in 0..1_000 {
        let mut is_sent = false;
        for effect in effects {
            match effect {
                Effect::Http(HttpAction::Head { head, .. }) => status = head.status,
                Effect::Http(HttpAction::Body { bytes, .. }) => {
                    answer.extend_from_slice(&bytes);
                    is_sent = true;
                }
                Effect::Http(HttpAction::End { .. }) => return (status, answer),
                _ => {}
            }
        }
        let next = if is_sent { Event::Http(HttpEvent::Drained { request }) } else { Event::Tick };
        effects = step(directory, at(0), next);
    }
    panic!("no end: {status}, {answer:?}")
}

fn streamed(directory: &mut Directory, request: &StreamingRequest) -> (u16, Vec<u8>) {
    asked(directory, streaming::PATH, &request.signature, request.body.as_bytes())
}

fn selector(text: &str) -> SelectorText {
    SelectorText::parse(text).expect("a selector")
}

#[test]
fn a_stream_has_every_series_that_matches() {
    let all: Vec<Metadata> = (0..2_500).map(series).collect();
    let mut directory = networked(&all);
    let request = StreamingRequest::new(KEY, 0, &selector("a{}"), None, None);
    let (status, body) = streamed(&mut directory, &request);
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let ids: Vec<SeriesId> = lines
        .map(|line| streaming::read_line(line.strip_suffix(b"\r").expect("CR")).expect("ours").id)
        .collect();
    assert_eq!((status, ids), (200, known(&directory)));
    let none = StreamingRequest::new(KEY, 0, &selector("b{}"), None, None);
    assert_eq!(streamed(&mut directory, &none), (200, Vec::new()));
    // What cannot be compared is no number.
    let odd = StreamingRequest { body: format!("{}&activeafter=x", request.body), ..request };
    assert_eq!(streamed(&mut directory, &odd).0, 400);
}

#[test]
fn a_stream_without_a_good_signature_is_refused() {
    let mut directory = networked(&[series(1)]);
    let good = StreamingRequest::new(KEY, 0, &selector("a{}"), None, None);
    let other = StreamingRequest::new(SipKey::new(1, 3), 0, &selector("a{}"), None, None);
    assert_eq!(streamed(&mut directory, &other).0, 403);
    let old = StreamingRequest::new(KEY, -1_001, &selector("a{}"), None, None);
    assert_eq!(streamed(&mut directory, &old).0, 403);
    let moved = StreamingRequest {
        body: StreamingRequest::new(KEY, 0, &selector("~.*{}"), None, None).body,
        ..good.clone()
    };
    assert_eq!(streamed(&mut directory, &moved).0, 403);
    assert_eq!(asked(&mut directory, streaming::PATH, "", good.body.as_bytes()).0, 403);
    assert_eq!(asked(&mut directory, streaming::PATH, "", b"selector=%%").0, 400);
    let long = vec![b'x'; SERVICE_BYTES_MAX + 1];
    assert_eq!(asked(&mut directory, streaming::PATH, "", &long).0, 413);
    assert_eq!(streamed(&mut directory, &good).0, 200);
    // Without a key nobody is answered; nor is anybody before all is known.
    let mut closed = serving(config(), &[series(1)]);
    assert_eq!(streamed(&mut closed, &good).0, 404);
}

/// A signed request for series of class `a`.
fn signed(now_ms: i64) -> DirectoryFindRequest {
    let (classes, labels) = (vec!["=a".to_owned()], vec![Labels::new()]);
    let hash = directory_hash(KEY, now_ms, &classes, &labels);
    DirectoryFindRequest {
        class_selectors: Some(classes),
        labels_selectors: Some(labels),
        timestamp_ms: now_ms,
        hash,
    }
}

#[test]
fn estimates_are_answered_line_by_line() {
    let mut directory = networked(&[series(1), series(2)]);
    let line = |request: &DirectoryFindRequest| opb64::encode(&request.encode());
    let forged = DirectoryFindRequest { hash: 0, ..signed(0) };
    let body = format!("{}\n{}\r\n", line(&signed(0)), line(&forged));
    let (status, answer) = asked(&mut directory, streaming::STATS_PATH, "", body.as_bytes());
    let lines = answer.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<DirectoryStatsResponse> = lines
        .filter(|line| !line.is_empty())
        .map(|line| DirectoryStatsResponse::decode(&opb64::decode(line).expect("OPB64")))
        .collect::<Result<_, _>>()
        .expect("answers");
    assert_eq!((status, lines.len()), (200, 2));
    assert_eq!(Estimates::of(&lines[..1]).expect("estimators").series, 2);
    assert_eq!(lines[1].error.as_deref(), Some("Invalid request."));
}

fn called(directory: &mut Directory, call: DirectoryCall) -> Vec<u8> {
    let message = ServiceCall { sequence: 9, call }.encode();
    let (status, reply) = asked(directory, THRIFT_PATH, "", &message);
    assert_eq!(status, 200);
    reply
}

#[test]
fn thrift_calls_are_answered() {
    let mut directory = networked(&[series(1), series(2)]);
    let reply = called(&mut directory, DirectoryCall::Find(signed(0)));
    let found = DirectoryFindResponse::from_reply(&reply).expect("an answer");
    let ids: Vec<SeriesId> =
        found.metadatas.expect("series").iter().map(|message| message.metadata.id).collect();
    assert_eq!(ids, known(&directory));
    let old = called(&mut directory, DirectoryCall::Find(signed(-1_001)));
    let old = DirectoryFindResponse::from_reply(&old).expect("an answer");
    assert_eq!(old.error.as_deref(), Some("Request has expired."));
    let SeriesId { class_id, labels_id } = series(2).id;
    let get = DirectoryCall::Get(DirectoryGetRequest { class_id, labels_id });
    let got = DirectoryGetResponse::from_reply(&called(&mut directory, get)).expect("an answer");
    assert_eq!(got.metadata.map(|message| message.metadata.labels), Some(series(2).labels));
    let stats = called(&mut directory, DirectoryCall::Stats(signed(0)));
    let stats = DirectoryStatsResponse::from_reply(&stats).expect("an answer");
    assert_eq!(Estimates::of(&[stats]).expect("estimators").series, 2);
    let unknown = asked(&mut directory, THRIFT_PATH, "", b"\x82\x21\x01\x01x\x00");
    assert_eq!((unknown.0, unknown.1[1]), (200, 0x61), "an exception");
    assert_eq!(asked(&mut directory, THRIFT_PATH, "", b"\x80").0, 400);
}

#[test]
fn a_long_thrift_answer_is_compressed_and_a_longer_one_refused() {
    let mut directory = networked(&[series(1), series(2), series(3)]);
    let reply = called(&mut directory, DirectoryCall::Find(signed(0)));
    let found = DirectoryFindResponse::from_reply(&reply).expect("an answer");
    let mut plain = Vec::new();
    let compressed = found.compressed.expect("compressed");
    GzDecoder::new(&compressed[..]).read_to_end(&mut plain).expect("gzip");
    let found = DirectoryFindResponse::decode(&plain).expect("an answer");
    assert_eq!(found.metadatas.expect("series").len(), 3);
    let all: Vec<Metadata> = (0..5).map(series).collect();
    let mut directory = networked(&all);
    let reply = called(&mut directory, DirectoryCall::Find(signed(0)));
    let found = DirectoryFindResponse::from_reply(&reply).expect("an answer");
    assert!(found.error.is_some_and(|error| error.contains("more than 4 results")));
}

#[test]
fn a_reader_that_goes_ends_its_find() {
    let all: Vec<Metadata> = (0..3_000).map(series).collect();
    let mut directory = networked(&all);
    let stream = StreamingRequest::new(KEY, 0, &selector("a{}"), None, None);
    let request = RequestId(4);
    let headers = vec![("X-Warp10-Directory-Signature".to_owned(), stream.signature)];
    let head = RequestHead {
        path: streaming::PATH.to_owned(),
        headers,
        query: stream.body,
        ..Default::default()
    };
    step(&mut directory, at(0), Event::Http(HttpEvent::Head { request, head }));
    let effects = step(&mut directory, at(0), Event::Http(HttpEvent::End { request }));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Http(HttpAction::Body { .. }))));
    step(&mut directory, at(0), Event::Http(HttpEvent::Gone { request }));
    let effects = step(&mut directory, at(0), Event::Http(HttpEvent::Drained { request }));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Http(_))));
}

fn keeping_snapshots() -> DirectoryConfig {
    DirectoryConfig { snapshot_rows_min: Some(2), ..config() }
}

fn done(id: ActionId) -> Event<NoTask> {
    Event::Table(TableEvent::Written { id, result: Ok(()) })
}

/// The pieces of the snapshot that `effects` begin, each answered by `answer`.
fn pieces(
    directory: &mut Directory,
    effects: Vec<Effect<NoTask>>,
    answer: impl Fn(usize) -> Result<(), TableError>,
) -> (Vec<Bytes>, Vec<Effect<NoTask>>) {
    let (mut pieces, mut effects) = (Vec::new(), effects);
    while let Some((id, piece)) = effects.iter().find_map(|effect| match effect {
        Effect::Table(TableAction::SaveSnapshot { id, is_first, piece, .. }) => {
            assert_eq!(*is_first, pieces.is_empty());
            Some((*id, piece.clone()))
        }
        _ => None,
    }) {
        let result = answer(pieces.len());
        pieces.push(piece);
        effects = step(directory, at(0), Event::Table(TableEvent::Written { id, result }));
    }
    (pieces, effects)
}

#[test]
fn a_snapshot_holds_what_the_table_holds() {
    let mut directory = serving(keeping_snapshots(), &[]);
    let two = [5, 6].map(|offset| message(offset, &series(offset as u32), "ingress"));
    let effects = step(&mut directory, at(0), records(two.into()));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    // It is due, and the topic waits: the table does not hold them yet.
    let effects = step(&mut directory, at(0), records(vec![message(7, &series(7), "ingress")]));
    assert_eq!(table_actions(effects), []);
    assert_eq!(known(&directory), sorted([series(5), series(6)]));
    let effects = step(&mut directory, at(0), done(id));
    let (saved, effects) = pieces(&mut directory, effects, |_| Ok(()));
    assert!(saved.len() > 2, "{saved:?}");
    // What waited goes on.
    let actions = table_actions(effects);
    assert!(matches!(actions[..], [TableAction::PutMeta { .. }]), "{actions:?}");
    assert_eq!(known(&directory), sorted([5, 6, 7].map(series)));
    let loaded = |pieces: &[Bytes], gone: &[SeriesId], rows: &[Metadata]| {
        let mut directory = Directory::new(keeping_snapshots());
        let (scan, asked) = begun(&mut directory);
        for piece in pieces {
            let piece = TableEvent::Snapshot { id: scan, piece: piece.clone() };
            step(&mut directory, at(0), Event::Table(piece));
        }
        let series = gone.to_vec();
        step(&mut directory, at(0), Event::Table(TableEvent::Gone { id: scan, series }));
        let rows = rows.iter().map(|m| (m.id, Bytes::from(encode_metadata(m)))).collect();
        step(&mut directory, at(0), Event::Table(TableEvent::Rows { id: scan, rows }));
        step(&mut directory, at(0), scanned(scan));
        step(&mut directory, at(0), assigned(5));
        step(&mut directory, at(0), ends(asked, 5));
        directory
    };
    let directory = loaded(&saved, &[series(5).id], &[series(8)]);
    assert_eq!(known(&directory), sorted([6, 8].map(series)));
    let mut directory = loaded(&saved[..saved.len() - 1], &[], &[]);
    assert!(found(&mut directory, everything(), |_| {}).is_err(), "it must read all rows first");
}

#[test]
fn a_snapshot_that_fails_stops_nothing() {
    let mut directory = serving(keeping_snapshots(), &[]);
    let two = [5, 6].map(|offset| message(offset, &series(offset as u32), "ingress"));
    let effects = step(&mut directory, at(0), records(two.into()));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    let effects = step(&mut directory, at(0), done(id));
    let (_, effects) = pieces(&mut directory, effects, |piece| match piece {
        0 => Ok(()),
        _ => Err(TableError::Unavailable("full".to_owned())),
    });
    let is_told = |effect: &Effect<NoTask>| matches!(effect, Effect::Warn(text) if text.contains("takes longer: "));
    assert!(effects.iter().any(is_told), "{effects:?}");
    let effects = step(&mut directory, at(0), records(vec![message(7, &series(7), "ingress")]));
    assert!(matches!(table_actions(effects)[..], [TableAction::PutMeta { .. }]));
}

#[test]
fn a_snapshot_that_is_no_use_is_not_asked_for_again() {
    let mut directory = Directory::new(keeping_snapshots());
    let wants = |effects: &[Effect<NoTask>]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Table(TableAction::ScanMeta { id, snapshot, .. }) => Some((*id, *snapshot)),
            _ => None,
        })
    };
    let (scan, tag) = wants(&drain(&mut directory)).expect("it reads the table");
    assert!(tag.is_some());
    let piece = TableEvent::Snapshot { id: scan, piece: Bytes::from_static(b"\x09") };
    let effects = step(&mut directory, at(0), Event::Table(piece));
    assert!(table_actions(effects).contains(&TableAction::Cancel { id: scan }));
    let mono = directory.deadline().expect("it tries again");
    directory.handle(Now { mono, ..at(0) }, Event::Tick);
    let (_, tag) = wants(&drain(&mut directory)).expect("it reads the table");
    assert_eq!(tag, None);
}

#[test]
fn a_process_that_ends_saves_before() {
    let config = DirectoryConfig { snapshot_rows_min: Some(1), ..config() };
    let all: Vec<Metadata> = (0..8).map(series).collect();
    let (mut directory, effects) = begun_to_serve(config, &all);
    // All rows were read: the first snapshot.
    let (saved, _) = pieces(&mut directory, effects, |_| Ok(()));
    assert!(!saved.is_empty());
    let effects = step(&mut directory, at(0), records(vec![message(5, &series(9), "ingress")]));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    let effects = step(&mut directory, at(0), done(id));
    assert_eq!(table_actions(effects), [], "one of nine is too few");
    let effects = step(&mut directory, at(0), Event::Stop);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Stopped)));
    let commit = effects.iter().find_map(|effect| match effect {
        Effect::Log(LogAction::Commit { id, .. }) => Some(*id),
        _ => None,
    });
    let commit = commit.expect("it commits");
    let (saved, effects) = pieces(&mut directory, effects, |_| Ok(()));
    assert!(!saved.is_empty());
    let committed = Event::Log(LogEvent::Committed { id: commit, result: Ok(()) });
    let stopped = |effects: &[Effect<NoTask>]| effects.iter().any(|e| matches!(e, Effect::Stopped));
    assert!(!stopped(&effects));
    assert!(stopped(&step(&mut directory, at(0), committed)));
}

#[test]
fn rows_behind_a_batch_are_written_although_a_snapshot_is_due() {
    let mut directory = serving(keeping_snapshots(), &[]);
    let one = |number: u32| records(vec![message(number.into(), &series(number), "ingress")]);
    let effects = step(&mut directory, at(0), one(5));
    let [TableAction::PutMeta { id, .. }] = table_actions(effects)[..] else { panic!("a put") };
    assert_eq!(table_actions(step(&mut directory, at(0), one(6))), [], "a batch is under way");
    let actions = table_actions(step(&mut directory, at(0), done(id)));
    assert!(matches!(actions[..], [TableAction::PutMeta { .. }]), "{actions:?}");
}
