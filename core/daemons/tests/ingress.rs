//! The promises of `ingress`, one test each.

mod common;

use std::collections::BTreeMap;

use bytes::Bytes;
use common::{
    at, body_text, directories_are, drain, http_actions, ids, log_actions, record, step,
    step_and_run, the_head, token_keys, write_token,
};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::peer::{Answer, PeerError};
use weft_daemons::contract::{
    ActionId, Effect, Event, HttpAction, HttpEvent, LogAction, LogError, LogEvent, Machine,
    NewRecord, PeerAction, PeerEvent, RequestHead,
};
use weft_daemons::ingress::{Ingress, IngressConfig, IngressTask};
use weft_gts::{Decoder, Metadata};
use weft_wire::thrift::{KafkaDataMessage, decode_metadata, encode_metadata};
use weft_wire::token::TokenAuthority;

type Effects = Vec<Effect<IngressTask>>;

/// An ingress whose topics have one partition each.
fn ingress() -> Ingress {
    let config = IngressConfig::minimal(ids(), TokenAuthority::new(token_keys()));
    let mut ingress = Ingress::new(config);
    for action in log_actions(drain(&mut ingress)) {
        if let LogAction::Describe { id, .. } = action {
            step(&mut ingress, at(0), Event::Log(LogEvent::Described { id, result: Ok(1) }));
        }
    }
    ingress
}

/// A request for `/api/v0/PATH` with a good token.
fn begin(ingress: &mut Ingress, number: u64, path: &str) -> RequestId {
    let request = RequestId(number);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let head = RequestHead {
        method: "POST".to_owned(),
        path: format!("/api/v0/{path}"),
        query: query.to_owned(),
        headers: vec![("x-warp10-token".to_owned(), write_token())],
    };
    let effects = step(ingress, at(0), Event::Http(HttpEvent::Head { request, head }));
    assert_eq!(the_head(&effects), None);
    request
}

fn body(request: RequestId, text: &str) -> Event<IngressTask> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Event::Http(HttpEvent::Body { request, bytes })
}

/// A whole update; what the ingress wants done.
fn update(ingress: &mut Ingress, number: u64, text: &str) -> Effects {
    let request = begin(ingress, number, "update");
    let mut effects = step_and_run(ingress, at(0), body(request, text));
    effects.extend(step_and_run(ingress, at(0), Event::Http(HttpEvent::End { request })));
    effects
}

/// Appends by topic: their ids and records.
type Appends = BTreeMap<String, Vec<(ActionId, Vec<NewRecord>)>>;

/// Appends among effects.
fn appends(effects: Effects) -> Appends {
    let mut by_topic = Appends::new();
    for action in log_actions(effects) {
        if let LogAction::Append { id, topic, records } = action {
            by_topic.entry(topic.to_string()).or_default().push((id, records));
        }
    }
    by_topic
}

/// The id of the only append to a topic.
fn the_append(by_topic: &Appends, topic: &str) -> ActionId {
    match by_topic.get(topic).map(Vec::as_slice) {
        Some([(id, _)]) => *id,
        other => panic!("one append to {topic}, not {other:?}"),
    }
}

fn appended(id: ActionId) -> Event<IngressTask> {
    Event::Log(LogEvent::Appended { id, result: Ok(vec![(0, 0)]) })
}

fn failed(id: ActionId) -> Event<IngressTask> {
    let error = LogError::Unavailable("no".to_owned());
    Event::Log(LogEvent::Appended { id, result: Err(error) })
}

/// What a data record holds: labels id and ticks.
fn ticks(record: &NewRecord) -> (i64, Vec<i64>) {
    let message = KafkaDataMessage::decode(&record.value).expect("a message");
    let data = message.data.expect("datapoints");
    let points = Decoder::new(0, &data, None).map(|point| point.expect("one").tick);
    (message.labels_id, points.collect())
}

/// The metadata of a series that is written to.
fn metadata(class: &str) -> Metadata {
    let labels = [
        (".app", "test".to_owned()),
        (".owner", weft_wire::token::uuid(&[7; 16])),
        (".producer", weft_wire::token::uuid(&[7; 16])),
    ];
    let mut metadata = Metadata::new(class, labels.into_iter().collect());
    metadata.id = ids().series_id(&metadata);
    metadata
}

/// The metadata record that an ingress, perhaps another one, or a delete publishes.
fn metadata_record(offset: u64, class: &str, source: &str) -> weft_daemons::contract::Record {
    let metadata = Metadata { source: Some(source.to_owned()), ..metadata(class) };
    let mut plain = metadata.id.to_bytes().to_vec();
    plain.extend_from_slice(&encode_metadata(&metadata));
    record(offset, 0, plain)
}

fn metadata_records(records: Vec<weft_daemons::contract::Record>) -> Event<IngressTask> {
    let (topic, group) = ("metadata".into(), "".into());
    Event::Log(LogEvent::Records { topic, group, partition: 0, epoch: 0, records })
}

fn metadata_assigned() -> Event<IngressTask> {
    let (topic, group) = ("metadata".into(), "".into());
    Event::Log(LogEvent::Assigned { topic, group, epoch: 0, partitions: vec![(0, 0.into())] })
}

#[test]
fn a_200_waits_for_every_acknowledgement() {
    let begin = || {
        let mut ingress = ingress();
        let effects = update(&mut ingress, 1, "1// a{} 1\n2// b{} 2\n");
        assert_eq!(the_head(&effects), None);
        let all: Vec<(String, ActionId)> = appends(effects)
            .into_iter()
            .flat_map(|(topic, all)| all.into_iter().map(move |(id, _)| (topic.clone(), id)))
            .collect();
        assert!(["data", "metadata"].iter().all(|topic| all.iter().any(|(t, _)| t == topic)));
        (ingress, all)
    };
    let count = begin().1.len();
    // Whichever comes last.
    for last in 0..count {
        let (mut ingress, mut all) = begin();
        let waited_for = all.remove(last);
        for (_, id) in all {
            let effects = step(&mut ingress, at(1), appended(id));
            assert_eq!(the_head(&effects), None, "{waited_for:?}");
        }
        let effects = step(&mut ingress, at(2), appended(waited_for.1));
        assert_eq!(the_head(&effects).map(|head| head.status), Some(200), "{waited_for:?}");
    }
    // One that fails is no 200, and what it held does not count.
    for failing in 0..count {
        let (mut ingress, all) = begin();
        let mut effects = Vec::new();
        for (index, (_, id)) in all.iter().enumerate() {
            let event = if index == failing { failed(*id) } else { appended(*id) };
            effects.extend(step(&mut ingress, at(1), event));
        }
        let head = the_head(&effects).expect("an answer");
        assert_eq!(head.status, 503);
        let stored = head.headers.iter().find(|(name, _)| name == "X-Weft-Stored");
        let asked = if all[failing].0 == "data" { "1" } else { "2" };
        assert_eq!(stored.map(|(_, value)| value.as_str()), Some(asked), "{failing}");
    }
}

#[test]
fn what_stands_before_a_bad_line_is_durable_when_the_answer_goes() {
    let mut ingress = ingress();
    let effects = update(&mut ingress, 1, "1// a{} 1\n2// a{} 2\nnonsense\n4// a{} 4\n");
    assert_eq!(the_head(&effects), None);
    let by_topic = appends(effects);
    let data = &by_topic["data"][0].1;
    assert_eq!(data.iter().map(|record| ticks(record).1).collect::<Vec<_>>(), [[1, 2]]);
    step(&mut ingress, at(1), appended(the_append(&by_topic, "metadata")));
    let effects = step(&mut ingress, at(1), appended(the_append(&by_topic, "data")));
    let head = the_head(&effects).expect("an answer");
    assert_eq!(head.status, 400);
    assert!(body_text(&effects).contains("'nonsense'"));
    for (name, value) in [("X-Weft-Line", "3"), ("X-Weft-Stored", "2")] {
        let found = head.headers.iter().find(|(other, _)| other == name);
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{name}");
    }
}

#[test]
fn metadata_is_cached_only_after_it_was_acknowledged() {
    let mut ingress = ingress();
    let line = "1// a{} 1\n";
    let first = appends(update(&mut ingress, 1, line));
    // Not yet acknowledged: whoever comes now publishes it too.
    let second = appends(update(&mut ingress, 2, line));
    assert!(second.contains_key("metadata"));
    for by_topic in [&first, &second] {
        step(&mut ingress, at(1), failed(the_append(by_topic, "metadata")));
        step(&mut ingress, at(1), appended(the_append(by_topic, "data")));
    }
    let third = appends(update(&mut ingress, 3, line));
    step(&mut ingress, at(2), appended(the_append(&third, "metadata")));
    let effects = step(&mut ingress, at(2), appended(the_append(&third, "data")));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(200));
    let fourth = appends(update(&mut ingress, 4, line));
    assert!(!fourth.contains_key("metadata"), "now it is known to be in the topic");
    let effects = step(&mut ingress, at(3), appended(the_append(&fourth, "data")));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(200));
}

#[test]
fn what_another_ingress_published_is_known() {
    let mut ingress = ingress();
    step(&mut ingress, at(0), metadata_assigned());
    step(&mut ingress, at(0), metadata_records(vec![metadata_record(0, "a", "ingress")]));
    assert!(!appends(update(&mut ingress, 1, "1// a{} 1\n")).contains_key("metadata"));
}

#[test]
fn a_delete_of_a_series_that_was_written_to_since_publishes_it_again() {
    let mut ingress = ingress();
    step(&mut ingress, at(0), metadata_assigned());
    let by_topic = appends(update(&mut ingress, 1, "1// a{} 1\n"));
    let event =
        LogEvent::Appended { id: the_append(&by_topic, "metadata"), result: Ok(vec![(0, 3)]) };
    step(&mut ingress, at(1), Event::Log(event));
    step(&mut ingress, at(1), appended(the_append(&by_topic, "data")));
    // The cache is relied on, and only then the delete is seen.
    let by_topic = appends(update(&mut ingress, 2, "2// a{} 2\n"));
    assert!(!by_topic.contains_key("metadata"));
    step(&mut ingress, at(2), appended(the_append(&by_topic, "data")));
    let effects =
        step(&mut ingress, at(3), metadata_records(vec![metadata_record(4, "a", "delete")]));
    let again = appends(effects);
    assert_eq!(again["metadata"][0].1.len(), 1, "{again:?}");
    // A delete of what it never wrote to is of no interest.
    let effects =
        step(&mut ingress, at(4), metadata_records(vec![metadata_record(5, "b", "delete")]));
    assert!(appends(effects).is_empty());
}

/// An ingress that publishes a series again, and the append of that.
fn publishing_again() -> (Ingress, ActionId) {
    let mut ingress = ingress();
    step(&mut ingress, at(0), metadata_assigned());
    let by_topic = appends(update(&mut ingress, 1, "1// a{} 1\n"));
    step(&mut ingress, at(1), appended(the_append(&by_topic, "metadata")));
    step(&mut ingress, at(1), appended(the_append(&by_topic, "data")));
    let deleted = metadata_records(vec![metadata_record(4, "a", "delete")]);
    let again = appends(step(&mut ingress, at(3), deleted));
    (ingress, the_append(&again, "metadata"))
}

#[test]
fn what_could_not_be_published_again_is_tried_until_it_is() {
    let (mut ingress, mut id) = publishing_again();
    for ms in [4_000, 6_000] {
        step(&mut ingress, at(ms), failed(id));
        let due = ingress.deadline().expect("another attempt");
        assert!(due <= at(ms + 1_000).mono, "{due:?}");
        assert!(!has_stopped(&step(&mut ingress, at(ms), Event::Stop)));
        let effects = step(&mut ingress, at(ms + 1_000), Event::Tick);
        id = the_append(&appends(effects), "metadata");
    }
    assert!(has_stopped(&step(&mut ingress, at(8_000), appended(id))));
}

#[test]
fn what_came_into_the_topic_since_is_not_published_again() {
    let (mut ingress, id) = publishing_again();
    step(&mut ingress, at(4_000), failed(id));
    step(&mut ingress, at(4_000), metadata_records(vec![metadata_record(5, "a", "ingress")]));
    assert!(!appends(step(&mut ingress, at(5_000), Event::Tick)).contains_key("metadata"));
}

#[test]
fn a_continuation_line_belongs_to_the_series_before_it() {
    let mut ingress = ingress();
    let request = begin(&mut ingress, 1, "update");
    let mut effects = Vec::new();
    // However the body comes in pieces, and whatever stands between.
    for piece in
        ["1// a{x=1} 1\n=2", "// 2\n", "# a comment\n\n", "=3// 3\n4// a{x=2} 4\n=5//", " 5"]
    {
        effects.extend(step_and_run(&mut ingress, at(0), body(request, piece)));
    }
    effects.extend(step_and_run(&mut ingress, at(0), Event::Http(HttpEvent::End { request })));
    let mut by_series: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (_, records) in &appends(effects)["data"] {
        for (labels_id, ticks) in records.iter().map(ticks) {
            by_series.entry(labels_id).or_default().extend(ticks);
        }
    }
    let mut found: Vec<Vec<i64>> = by_series.into_values().collect();
    found.sort();
    assert_eq!(found, [vec![1, 2, 3], vec![4, 5]]);
}

#[test]
fn what_is_not_acknowledged_is_bounded() {
    let mut ingress = ingress();
    let request = begin(&mut ingress, 1, "update");
    let mut sent = 0;
    let paused = loop {
        // Values that take as many bytes in the log.
        let piece = format!("1// a{{}} '{sent:060000}'\n");
        let effects = step_and_run(&mut ingress, at(0), body(request, &piece));
        sent += piece.len();
        assert!(sent < 100 << 20, "nobody stops the client");
        let is_pause = |action| matches!(action, HttpAction::Pause { .. });
        if http_actions(&effects).into_iter().any(is_pause) {
            break effects;
        }
    };
    assert_eq!(the_head(&paused), None);
}

#[test]
fn a_bad_line_does_not_hide_that_those_before_it_were_lost() {
    let mut ingress = ingress();
    let effects = update(&mut ingress, 1, "1// a{} 1\nnonsense\n");
    assert_eq!(the_head(&effects), None);
    let all = appends(effects).into_values().flatten().map(|(id, _)| id);
    let mut effects = Vec::new();
    for id in all.collect::<Vec<_>>() {
        effects.extend(step_and_run(&mut ingress, at(0), failed(id)));
    }
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
}

/// A whole delete of `a{}`; what the ingress wants done.
fn delete(ingress: &mut Ingress, number: u64) -> Effects {
    let request = begin(ingress, number, "delete?selector=a%7B%7D&deleteall");
    let mut effects = step_and_run(ingress, at(0), Event::Http(HttpEvent::End { request }));
    effects.retain(|effect| !matches!(effect, Effect::Log(_)));
    effects
}

fn has_find(effects: &Effects) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Peer(PeerAction::Find { .. })))
}

/// An ingress that has deleted the datapoints of `a{}` and removes its metadata: that append.
fn removing() -> (Ingress, RequestId, ActionId) {
    let mut ingress = ingress();
    step(&mut ingress, at(0), metadata_assigned());
    directories_are(&mut ingress, at(0), &["one"]);
    let removal = remove(&mut ingress, 1);
    (ingress, RequestId(1), removal)
}

fn remove(ingress: &mut Ingress, number: u64) -> ActionId {
    let (_, deletes) = delete_found(ingress, number);
    assert!(!deletes.contains_key("metadata"), "datapoints go first");
    let effects = step(ingress, at(1), appended(the_append(&deletes, "data")));
    the_append(&appends(effects), "metadata")
}

/// A delete of `a{}`, which is found, attributes and all: the find, and the appends.
fn delete_found(ingress: &mut Ingress, number: u64) -> (ActionId, Appends) {
    let effects = delete(ingress, number);
    let find = effects.iter().find_map(|effect| match effect {
        Effect::Peer(PeerAction::Find { id, .. }) => Some(*id),
        _ => None,
    });
    let attributes = [("k", "v")].into_iter().collect();
    let answer = Answer::Found(vec![Metadata { attributes, ..metadata("a") }]);
    let find = find.expect("a find");
    let found = PeerEvent::Answered { id: find, answer };
    (find, appends(step(ingress, at(1), Event::Peer(found))))
}

fn has_stopped(effects: &Effects) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Stopped))
}

/// Whether metadata are published, and not removed.
fn publishes(effects: Effects) -> bool {
    let published = appends(effects).remove("metadata").unwrap_or_default();
    let message = |record: &NewRecord| decode_metadata(&record.value[16..]).expect("metadata");
    let all = published.iter().flat_map(|(_, records)| records).map(message);
    let all: Vec<_> = all.filter(|all| all.source.as_deref() == Some("ingress")).collect();
    assert!(all.iter().all(|all| all.attributes.get("k") == Some("v")), "{all:?}");
    !all.is_empty()
}

#[test]
fn a_delete_that_ends_halfway_publishes_the_metadata_again() {
    let unknown = |id| {
        let error = LogError::Unknown("late".to_owned());
        Event::Log(LogEvent::Appended { id, result: Err(error) })
    };
    let (mut ingress, _, removal) = removing();
    assert!(publishes(step(&mut ingress, at(2), unknown(removal))));

    let (mut ingress, request, removal) = removing();
    let gone = step(&mut ingress, at(2), Event::Http(HttpEvent::Gone { request }));
    assert!(!publishes(gone), "its removal may come later");
    assert!(publishes(step(&mut ingress, at(2), appended(removal))));

    let deleting_again = || {
        let (mut ingress, request, removal) = removing();
        let again = appends(step(&mut ingress, at(2), appended(removal)));
        assert!(!again.contains_key("metadata"));
        (ingress, request, the_append(&again, "data"))
    };
    let (mut ingress, _, again) = deleting_again();
    assert!(publishes(step(&mut ingress, at(3), failed(again))));
    let (mut ingress, request, again) = deleting_again();
    step(&mut ingress, at(3), Event::Http(HttpEvent::Gone { request }));
    assert!(!publishes(step(&mut ingress, at(3), appended(again))), "all of it was done");
    let (mut ingress, _, again) = deleting_again();
    assert!(!publishes(step(&mut ingress, at(3), appended(again))));
}

/// An ingress that owes the metadata of `a{}`, and when it tries again to publish them.
fn owing() -> (Ingress, u64) {
    let (mut ingress, _, removal) = removing();
    let again = appends(step(&mut ingress, at(2), appended(removal)));
    let effects = step(&mut ingress, at(3), failed(the_append(&again, "data")));
    step(&mut ingress, at(4), failed(the_append(&appends(effects), "metadata")));
    let due = ingress.deadline().expect("another attempt");
    (ingress, due.0 / 1_000_000)
}

#[test]
fn what_stood_in_the_topic_before_the_removal_does_not_replace_it() {
    let (mut ingress, due) = owing();
    step(&mut ingress, at(5), metadata_records(vec![metadata_record(3, "a", "ingress")]));
    assert!(publishes(step(&mut ingress, at(due), Event::Tick)));
}

#[test]
fn what_comes_into_the_topic_behind_the_removal_replaces_what_is_owed() {
    let (mut ingress, due) = owing();
    let seen = ["delete", "ingress"];
    let records = (4..).zip(seen).map(|(offset, source)| metadata_record(offset, "a", source));
    step(&mut ingress, at(5), metadata_records(records.collect()));
    assert!(!publishes(step(&mut ingress, at(due), Event::Tick)));
}

#[test]
fn a_delete_that_breaks_off_does_not_keep_an_ingress_from_stopping() {
    let mut ingress = ingress();
    directories_are(&mut ingress, at(0), &["one"]);
    let (find, deletes) = delete_found(&mut ingress, 1);
    let effects = step(&mut ingress, at(1), appended(the_append(&deletes, "data")));
    let effects = step(&mut ingress, at(1), appended(the_append(&appends(effects), "metadata")));
    let effects = step(&mut ingress, at(1), appended(the_append(&appends(effects), "data")));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(200));
    assert!(!has_stopped(&step(&mut ingress, at(2), Event::Stop)));
    let request = RequestId(1);
    step(&mut ingress, at(2), Event::Http(HttpEvent::Drained { request }));
    let broken = PeerEvent::Answered {
        id: find,
        answer: Answer::Failed(PeerError::Refused("broken".to_owned())),
    };
    let effects = step(&mut ingress, at(3), Event::Peer(broken));
    assert!(has_stopped(&effects), "{effects:?}");
}

#[test]
fn a_delete_that_is_repeated_owes_nothing() {
    let (mut ingress, due) = owing();
    let removal = remove(&mut ingress, 2);
    assert!(!publishes(step(&mut ingress, at(due), Event::Tick)));
    assert!(publishes(step(&mut ingress, at(due), failed(removal))), "but for itself");
}

#[test]
fn a_delete_with_a_bad_expression_is_the_senders_mistake() {
    let mut ingress = ingress();
    directories_are(&mut ingress, at(0), &["one"]);
    let request = begin(&mut ingress, 1, "delete?selector=~%5B%7B%7D&deleteall");
    let effects = step_and_run(&mut ingress, at(0), Event::Http(HttpEvent::End { request }));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(500));
    assert!(!has_find(&effects));
}

#[test]
fn a_delete_that_fails_ends_its_find() {
    let mut ingress = ingress();
    directories_are(&mut ingress, at(0), &["one"]);
    let (_, deletes) = delete_found(&mut ingress, 1);
    let effects = step(&mut ingress, at(1), failed(the_append(&deletes, "data")));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
    let is_cancel = |effect| matches!(effect, &Effect::Peer(PeerAction::Cancel { .. }));
    assert!(effects.iter().any(is_cancel), "{effects:?}");
}

#[test]
fn a_delete_that_is_seen_while_data_is_on_its_way_publishes_the_metadata_again() {
    let mut ingress = ingress();
    step(&mut ingress, at(0), metadata_assigned());
    let by_topic = appends(update(&mut ingress, 1, "1// a{} 1\n"));
    step(&mut ingress, at(1), appended(the_append(&by_topic, "metadata")));
    let ask_ends = |ingress: &mut Ingress, ms: u64, end: u64| {
        let ask = |action| match action {
            LogAction::Ends { id, .. } => Some(id),
            _ => None,
        };
        let actions = log_actions(step(ingress, at(ms), Event::Tick));
        let id = actions.into_iter().find_map(ask).expect("the ends are asked for");
        let ends = LogEvent::Ends { id, result: Ok(vec![(0, end)]) };
        step(ingress, at(ms), Event::Log(ends));
    };
    ask_ends(&mut ingress, 2_000, 4);
    let deleted = |offset| metadata_records(vec![metadata_record(offset, "a", "delete")]);
    let again = appends(step(&mut ingress, at(2_001), deleted(4)));
    // Now the metadata are there, the data are acknowledged, and that counts as well.
    step(&mut ingress, at(2_002), appended(the_append(&again, "metadata")));
    ask_ends(&mut ingress, 4_000, 6);
    step(&mut ingress, at(4_001), appended(the_append(&by_topic, "data")));
    let again = appends(step(&mut ingress, at(4_002), deleted(6)));
    step(&mut ingress, at(4_003), appended(the_append(&again, "metadata")));
    ask_ends(&mut ingress, 6_000, 8);
    let effects = step(&mut ingress, at(6_001), deleted(8));
    assert!(appends(effects).is_empty(), "nothing is on its way any more");
}

#[test]
fn a_delete_waits_a_while_for_a_directory() {
    let mut late = ingress();
    assert_eq!(the_head(&delete(&mut late, 1)), None);
    assert!(has_find(&directories_are(&mut late, at(9_000), &["one"])));

    let mut never = ingress();
    assert_eq!(the_head(&delete(&mut never, 1)), None);
    assert_eq!(the_head(&directories_are(&mut never, at(9_000), &[])), None);
    let until = never.deadline().expect("a time");
    assert!(until <= at(10_000).mono);
    let effects = step(&mut never, at(10_000), Event::Tick);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
    assert!(body_text(&effects).contains("No directory is registered."));
}

#[test]
fn a_delete_whose_wait_is_over_is_refused_whether_topics_are_known_or_not() {
    let mut config = IngressConfig::minimal(ids(), TokenAuthority::new(token_keys()));
    config.wait_for_applied = true;
    let mut ingress = Ingress::new(config);
    drain(&mut ingress);
    assert_eq!(the_head(&delete(&mut ingress, 1)), None);
    let until = ingress.deadline().expect("a time");
    let late = at(until.0 / 1_000_000 + 1);
    let effects = step(&mut ingress, late, Event::Tick);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
    assert!(ingress.deadline().is_none_or(|deadline| deadline > late.mono), "or it ticks for ever");
}
