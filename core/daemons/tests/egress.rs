//! The promises of `egress` about finds and fetches, one test each.

mod common;

use bytes::Bytes;
use common::{
    at, body_text, directories_are, drain, http_actions, log_actions, read_token, step_and_run,
    table_actions, the_head, token_keys,
};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::peer::{Answer, FindRequest};
use weft_daemons::contract::table::{FetchRequest, READ_TIME_MAX};
use weft_daemons::contract::{
    ActionId, Effect, Event, HttpAction, HttpEvent, LogAction, LogEvent, Machine, PeerAction,
    PeerError, PeerEvent, RequestHead, TableAction, TableError, TableEvent, Topic,
};
use weft_daemons::egress::{Egress, EgressConfig, EgressTask};
use weft_gts::{Columns, Metadata, NO_ELEVATION, NO_LOCATION, SeriesBuilder, SeriesId, ValueRef};
use weft_wire::token::TokenAuthority;

type Effects = Vec<Effect<EgressTask>>;

const REQUEST: RequestId = RequestId(1);
const FETCH: &str = "/api/v0/fetch";
const FIND: &str = "/api/v0/find";
const RANGE: &str = "selector=a%7B%7D&start=10&end=20";

fn config(wait_for: Option<[Topic; 2]>) -> EgressConfig {
    EgressConfig {
        wait_for,
        mobius: true,
        ..EgressConfig::minimal(TokenAuthority::new(token_keys()), "/d".to_owned())
    }
}

/// An egress that knows one directory, of all series.
fn egress(wait_for: Option<[Topic; 2]>) -> Egress {
    let mut egress = Egress::new(config(wait_for), [1; 32]);
    drain(&mut egress);
    directories_are(&mut egress, at(0), &["one"]);
    egress
}

fn handle(egress: &mut Egress, event: Event<EgressTask>) -> Effects {
    step_and_run(egress, at(0), event)
}

/// A whole request with a token that has these attributes.
fn ask(egress: &mut Egress, path: &str, query: &str, attributes: &[(&str, &str)]) -> Effects {
    let head = RequestHead {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("x-warp10-token".to_owned(), read_token(attributes))],
    };
    let mut effects = handle(egress, Event::Http(HttpEvent::Head { request: REQUEST, head }));
    effects.extend(handle(egress, Event::Http(HttpEvent::End { request: REQUEST })));
    effects
}

/// The find among effects.
fn the_find(effects: &Effects) -> Option<(ActionId, FindRequest)> {
    let mut finds = effects.iter().filter_map(|effect| match effect {
        Effect::Peer(PeerAction::Find { id, request, .. }) => Some((*id, request.clone())),
        _ => None,
    });
    let find = finds.next();
    assert!(finds.next().is_none(), "one find");
    find
}

/// The fetch among effects.
fn the_fetch(effects: Effects) -> (ActionId, FetchRequest) {
    let mut fetches = table_actions(effects).into_iter().filter_map(|action| match action {
        TableAction::Fetch { id, request } => Some((id, request)),
        _ => None,
    });
    let fetch = fetches.next().expect("a fetch");
    assert!(fetches.next().is_none(), "one fetch");
    fetch
}

fn answered(id: ActionId, answer: Answer) -> Event<EgressTask> {
    Event::Peer(PeerEvent::Answered { id, answer })
}

fn series(number: i64) -> Metadata {
    let mut metadata = Metadata::new("a", [("n", number.to_string())].into_iter().collect());
    metadata.id = SeriesId { class_id: 1, labels_id: number };
    metadata
}

fn points(ticks: std::ops::Range<i64>) -> Columns {
    let mut builder = SeriesBuilder::default();
    for tick in ticks.rev() {
        builder.push(tick, NO_LOCATION, NO_ELEVATION, ValueRef::Long(tick));
    }
    builder.finish()
}

fn read(id: ActionId, points: Columns) -> Event<EgressTask> {
    Event::Table(TableEvent::Points { id, series: 0, points })
}

fn broken(id: ActionId) -> Event<EgressTask> {
    let error = TableError::Corrupt("broken".to_owned());
    Event::Table(TableEvent::End { id, result: Err(error) })
}

/// A fetch that has found one series and reads it: the stream.
fn reading(egress: &mut Egress, query: &str) -> ActionId {
    let (find, _) = the_find(&ask(egress, FETCH, query, &[])).expect("a find");
    let (id, _) = the_fetch(handle(egress, answered(find, Answer::Found(vec![series(1)]))));
    handle(egress, answered(find, Answer::End));
    id
}

#[test]
fn a_read_that_is_not_answered_is_given_up() {
    let mut egress = egress(None);
    let stream = reading(&mut egress, RANGE);
    let late = READ_TIME_MAX.as_millis() as u64;
    assert_eq!(egress.deadline(), Some(at(late).mono));
    let effects = step_and_run(&mut egress, at(late), Event::Tick);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
    assert_eq!(table_actions(effects), [TableAction::Cancel { id: stream }]);
    assert_eq!(egress.deadline(), None);
    // What comes too late is nobody's.
    assert!(handle(&mut egress, read(stream, points(10..12))).is_empty());
}

#[test]
fn a_read_waits_for_what_was_acknowledged_before_it() {
    let topics: [Topic; 2] = ["metadata".into(), "data".into()];
    let mut egress = egress(Some(topics.clone()));
    let effects = ask(&mut egress, FETCH, RANGE, &[]);
    assert_eq!(the_find(&effects), None);
    let asked: Vec<(ActionId, Topic)> = log_actions(effects)
        .into_iter()
        .filter_map(|action| match action {
            LogAction::Ends { id, topic } => Some((id, topic)),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);
    for (id, _) in asked {
        let ends = LogEvent::Ends { id, result: Ok(vec![(0, 7)]) };
        assert_eq!(the_find(&handle(&mut egress, Event::Log(ends))), None);
    }
    let applied = |topic: &Topic, offset| {
        Event::Peer(PeerEvent::Applied { topic: topic.clone(), partition: 0, offset })
    };
    assert_eq!(the_find(&handle(&mut egress, applied(&topics[0], 7))), None);
    assert_eq!(the_find(&handle(&mut egress, applied(&topics[1], 6))), None);
    assert!(the_find(&handle(&mut egress, applied(&topics[1], 7))).is_some());
}

#[test]
fn an_error_before_anything_was_sent_is_the_whole_answer() {
    for path in [FETCH, FIND] {
        let mut egress = egress(None);
        let (find, _) = the_find(&ask(&mut egress, path, RANGE, &[])).expect("a find");
        let error = PeerError::Unavailable("one".to_owned());
        let effects = handle(&mut egress, answered(find, Answer::Failed(error)));
        assert_eq!(the_head(&effects).map(|head| head.status), Some(503), "{path}");
    }
    let mut egress = egress(None);
    let stream = reading(&mut egress, RANGE);
    let effects = handle(&mut egress, broken(stream));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(500));
    // No directory is an error and not an empty answer.
    let mut alone = Egress::new(config(None), [1; 32]);
    drain(&mut alone);
    let effects = ask(&mut alone, FIND, RANGE, &[]);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
}

#[test]
fn it_is_ready_while_the_directory_is_complete() {
    let mut egress = Egress::new(config(None), [1; 32]);
    let is_ready = |effects: &Effects| {
        effects.iter().find_map(|effect| match effect {
            Effect::Ready(is_ready) => Some(*is_ready),
            _ => None,
        })
    };
    assert_eq!(is_ready(&drain(&mut egress)), None);
    assert_eq!(is_ready(&directories_are(&mut egress, at(0), &[])), None);
    assert_eq!(is_ready(&directories_are(&mut egress, at(0), &["one"])), Some(true));
    assert_eq!(is_ready(&directories_are(&mut egress, at(0), &["one", "two"])), None);
    assert_eq!(is_ready(&directories_are(&mut egress, at(0), &[])), Some(false));
}

#[test]
fn an_answer_that_breaks_off_shows_it() {
    for (query, ends) in [(RANGE.to_owned(), false), (format!("{RANGE}&showerrors"), true)] {
        let mut egress = egress(None);
        let stream = reading(&mut egress, &query);
        let effects = handle(&mut egress, read(stream, points(15..18)));
        assert_eq!(the_head(&effects).map(|head| head.status), Some(200));
        assert!(body_text(&effects).starts_with("17// a{n=1} 17\n=16// 16\n"));
        let effects = handle(&mut egress, broken(stream));
        let actions = http_actions(&effects);
        let is_end = |action: &HttpAction| matches!(action, HttpAction::End { .. });
        let is_abort = |action: &HttpAction| matches!(action, HttpAction::Abort { .. });
        assert_eq!(actions.iter().any(is_end), ends, "{query}");
        assert_eq!(actions.iter().any(is_abort), !ends, "{query}");
        assert_eq!(body_text(&effects).contains("\n# ERROR: "), ends, "{query}");
    }
}

#[test]
fn several_selectors_of_a_fetch_are_one_ordered_find() {
    let mut egress = egress(None);
    let query = "selector=b%7B%7D%20a%7B%7D&start=10&end=20";
    let (find, request) = the_find(&ask(&mut egress, FETCH, query, &[])).expect("a find");
    assert!(request.sorted);
    let classes: Vec<&str> = request.selectors.iter().map(|one| one.class.as_str()).collect();
    assert_eq!(classes, ["b", "a"]);
    // Each once and in that order: so it is read.
    let found = Answer::Found(vec![series(1), series(2)]);
    let (_, request) = the_fetch(handle(&mut egress, answered(find, found)));
    assert_eq!(request.series, [series(1).id, series(2).id]);
}

#[test]
fn blanks_between_selectors_are_as_many_as_one_likes() {
    let mut egress = egress(None);
    let query = "selector=b%7B%7D%20%0A%20a%7B%7D%20&start=10&end=20";
    let (_, request) = the_find(&ask(&mut egress, FETCH, query, &[])).expect("a find");
    assert_eq!(request.selectors.len(), 2);
    let effects = ask(&mut egress, FETCH, "selector=%20&start=10&end=20&format=json", &[]);
    assert!(the_find(&effects).is_none(), "blanks alone mean no series");
    assert_eq!(
        (the_head(&effects).map(|head| head.status), body_text(&effects)),
        (Some(200), String::new())
    );
    assert_eq!(body_text(&ask(&mut egress, FIND, "selector=%20&format=json", &[])), "[\n\n]\n");
    let effects = ask(&mut egress, FIND, "selector=", &[]);
    assert_eq!(
        the_head(&effects).map(|head| head.status),
        Some(500),
        "nothing at all is an empty selector"
    );
}

#[test]
fn series_without_datapoints_are_an_empty_list() {
    let mut egress = egress(None);
    let id = reading(&mut egress, &format!("{RANGE}&format=json"));
    let end = TableEvent::End { id, result: Ok(()) };
    assert_eq!(body_text(&handle(&mut egress, Event::Table(end))), "[]");
}

#[test]
fn a_find_comes_to_a_bad_selector_or_does_not() {
    let bad = "selector=a%7B%7D%20bad&gcount=";
    for (count, is_asked) in [(2, true), (1, false)] {
        let mut egress = egress(None);
        let (find, _) =
            the_find(&ask(&mut egress, FIND, &format!("{bad}{count}"), &[])).expect("a find");
        let mut effects = handle(&mut egress, answered(find, Answer::Found(vec![series(1)])));
        effects.extend(handle(&mut egress, answered(find, Answer::End)));
        assert_eq!(
            the_head(&effects).map(|head| head.status),
            Some(if is_asked { 500 } else { 200 })
        );
        assert_eq!(body_text(&effects).contains("n=1"), !is_asked);
    }
}

#[test]
fn nobody_sees_more_than_the_token_allows() {
    let mut egress = egress(None);
    let query = "selector=a%7B.app%3Dother%2C.owner%3Dx%2Cl%3Dv%7D&start=10&end=20";
    for path in [FETCH, FIND] {
        let (_, request) = the_find(&ask(&mut egress, path, query, &[])).expect("a find");
        let labels = &request.selectors[0].labels;
        let expression = |name: &str| {
            let mut found = labels.iter().filter(|(other, _)| other == name);
            let expression = found.next().map(|(_, expression)| expression.as_str());
            assert!(found.next().is_none(), "{name} once");
            expression
        };
        assert_eq!(expression(".app"), Some("=test"), "{path}");
        assert_eq!(expression(".owner"), Some("=07070707-0707-0707-0707-070707070707"), "{path}");
        assert_eq!(expression("l"), Some("=v"), "{path}");
        handle(&mut egress, Event::Http(HttpEvent::Gone { request: REQUEST }));
    }
    for (path, attribute) in [(FETCH, ".nofetch"), (FETCH, ".nofind"), (FIND, ".nofind")] {
        let effects = ask(&mut egress, path, RANGE, &[(attribute, "true")]);
        assert_eq!(the_find(&effects), None, "{path} {attribute}");
        assert!(the_head(&effects).is_some_and(|head| head.status >= 400), "{path} {attribute}");
    }
    // The range is cut down.
    let attributes =
        [(".start", "1970-01-01T00:00:00.000012Z"), (".end", "1970-01-01T00:00:00.000015Z")];
    let effects = ask(&mut egress, FETCH, RANGE, &attributes);
    let (find, _) = the_find(&effects).expect("a find");
    let found = Answer::Found(vec![series(1)]);
    let (_, request) = the_fetch(handle(&mut egress, answered(find, found)));
    assert_eq!((request.start, request.end), (12, 15));
}

#[test]
fn a_client_that_does_not_read_stops_everything_behind_it() {
    let mut egress = egress(None);
    let stream = reading(&mut egress, "selector=a%7B%7D&start=0&end=1000000000");
    let is_next = |action: &TableAction| matches!(action, TableAction::Next { .. });
    let mut sent = 0;
    let mut tick = 1_000_000_000;
    // The table is asked for more only so often while nothing was taken.
    loop {
        let effects = handle(&mut egress, read(stream, points(tick - 1_000..tick)));
        tick -= 1_000;
        sent += 1;
        assert!(sent < 100, "nobody stops");
        if !table_actions(effects).iter().any(is_next) {
            break;
        }
    }
    // The client has taken what there was: it goes on.
    let effects = handle(&mut egress, Event::Http(HttpEvent::Drained { request: REQUEST }));
    assert!(table_actions(effects).iter().any(is_next));
}

#[test]
fn a_client_that_goes_ends_what_was_done_for_it() {
    let mut egress = egress(None);
    let stream = reading(&mut egress, RANGE);
    let effects = handle(&mut egress, Event::Http(HttpEvent::Gone { request: REQUEST }));
    let actions = table_actions(effects);
    assert!(matches!(actions[..], [TableAction::Cancel { id }] if id == stream), "{actions:?}");
    // What comes late is of no interest.
    assert!(handle(&mut egress, read(stream, points(1..5))).is_empty());
    let effects = ask(&mut egress, FIND, RANGE, &[]);
    let (find, _) = the_find(&effects).expect("a find");
    let effects = handle(&mut egress, Event::Http(HttpEvent::Gone { request: REQUEST }));
    let cancelled = effects.into_iter().find_map(|effect| match effect {
        Effect::Peer(PeerAction::Cancel { id }) => Some(id),
        _ => None,
    });
    assert_eq!(cancelled, Some(find));
}

#[test]
fn a_form_that_breaks_off_is_not_begun() {
    let mut egress = egress(None);
    let form = "application/x-www-form-urlencoded";
    let head = RequestHead {
        method: "POST".to_owned(),
        path: FETCH.to_owned(),
        headers: vec![("content-type".to_owned(), form.to_owned())],
        ..RequestHead::default()
    };
    handle(&mut egress, Event::Http(HttpEvent::Head { request: REQUEST, head }));
    let bytes = Bytes::from_static(b"selector=a%7B%7D&start=0&end=1");
    handle(&mut egress, Event::Http(HttpEvent::Body { request: REQUEST, bytes }));
    let effects = handle(&mut egress, Event::Http(HttpEvent::Broken { request: REQUEST }));
    assert_eq!(the_head(&effects).map(|head| head.status), Some(400));
    assert_eq!(the_find(&effects), None);
}

mod parameters {
    use proptest::prelude::*;

    use super::*;

    const NAMES: &[&str] = &[
        "selector",
        "start",
        "end",
        "now",
        "stop",
        "timespan",
        "count",
        "skip",
        "step",
        "timestep",
        "sample",
        "boundary",
        "boundary.pre",
        "boundary.post",
        "gskip",
        "gcount",
        "format",
        "dedup",
        "maxsize",
        "chunksize",
        "suffix",
        "activeafter",
        "quietafter",
        "showerrors",
    ];

    const VALUES: &[&str] = &[
        "",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "0.5",
        "NaN",
        "1e400",
        "now",
        "PT1H",
        "P1D",
        "-P9999999999Y",
        "true",
        "a%7B%7D",
        "~.*%7B%7D",
        "~(%7B%7D",
        "2020-01-01T00:00:00Z",
        "%ff",
        "json",
        "wrapper",
    ];

    fn value() -> impl Strategy<Value = String> {
        let known = || prop::sample::select(VALUES).prop_map(str::to_owned);
        prop_oneof![4 => known(), 1 => "\\PC{0,12}"]
    }

    proptest! {
        /// Whatever a query says, it is refused, asked of a directory, or wants nothing: no series, or
        /// those of blanks.
        #[test]
        fn are_understood_or_refused(
            is_find: bool,
            pairs in prop::collection::vec((prop::sample::select(NAMES), value()), 0..7),
        ) {
            let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let path = if is_find { FIND } else { FETCH };
            let effects = ask(&mut egress(None), path, &pairs.join("&"), &[]);
            let is_refused = effects.iter().any(|effect| {
                let Effect::Http(HttpAction::Head { head, .. }) = effect else { return false };
                head.status >= 400
            });
            let is_asked = the_find(&effects).is_some();
            let is_blank =
                |value: &str| !value.is_empty() && value.trim_matches([' ', '+']).is_empty();
            let wants_nothing = pairs.iter().any(|pair| match pair.split_once('=') {
                Some(("gcount", count)) => count.starts_with(['-', '0']),
                Some(("selector", selector)) => is_blank(selector),
                _ => false,
            });
            let is_nothing = wants_nothing && ["", "[\n\n]\n"].contains(&&*body_text(&effects));
            prop_assert!(is_asked || is_refused || is_nothing, "{}", pairs.join("&"));
        }
    }
}
