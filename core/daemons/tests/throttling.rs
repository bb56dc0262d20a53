//! The promises of throttling, as ingress keeps them.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use common::{
    at, body_text, drain, ids, log_actions, record, step, step_and_run, the_head, token_keys,
    write_token,
};
use weft_daemons::Now;
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::log::Topic;
use weft_daemons::contract::peer::{ThrottleAnswer, ThrottleAsk, ThrottleFile};
use weft_daemons::contract::{
    ActionId, Effect, Event, HttpAction, HttpEvent, LogAction, LogError, LogEvent, Machine,
    NewRecord, PeerAction, PeerEvent, RequestHead,
};
use weft_daemons::ingress::{Ingress, IngressConfig, IngressTask};
use weft_daemons::throttling::ThrottlingConfig;
use weft_gts::SipKey;
use weft_wire::envelope::Envelope;
use weft_wire::hyperloglog::HyperLogLog;
use weft_wire::thrift::KafkaDataMessage;
use weft_wire::token::TokenAuthority;

type Effects = Vec<Effect<IngressTask>>;

/// The producer of [`write_token`].
const PRODUCER: &str = "07070707-0707-0707-0707-070707070707";
const TOPIC: &str = "throttling";
const MAC: SipKey = SipKey::new(11, 12);

/// An ingress with what is around it: a log that takes everything, and a folder.
struct World {
    ingress: Ingress,
    files: BTreeMap<String, (u64, Bytes)>,
    kept: Option<Bytes>,
    /// Records of the data topic, and of metadata.
    data: Vec<NewRecord>,
    metadata: Vec<NewRecord>,
    told: Vec<Bytes>,
    warnings: Vec<String>,
    answers: BTreeMap<u64, (u16, String, String)>,
    has_stopped: bool,
    requests: u64,
    /// Appends to the topic of metadata fail.
    fails: bool,
}

impl World {
    fn new(limits: &str) -> Self {
        Self::with(limits, None, |_| {})
    }

    fn with(limits: &str, kept: Option<Bytes>, change: impl FnOnce(&mut ThrottlingConfig)) -> Self {
        let mut config = ThrottlingConfig {
            topic: Some(TOPIC.into()),
            mac: Some(MAC),
            ..ThrottlingConfig::default()
        };
        change(&mut config);
        let authority = TokenAuthority::new(token_keys());
        let minimal = IngressConfig::minimal(ids(), authority);
        let ingress = Ingress::new(IngressConfig { throttling: Some(config), ..minimal });
        let mut world = Self {
            ingress,
            files: BTreeMap::new(),
            kept,
            data: Vec::new(),
            metadata: Vec::new(),
            told: Vec::new(),
            warnings: Vec::new(),
            answers: BTreeMap::new(),
            has_stopped: false,
            requests: 0,
            fails: false,
        };
        world.write("a.throttle", 1, limits);
        let effects = drain(&mut world.ingress);
        world.carry_out(at(0), effects);
        world
    }

    fn write(&mut self, name: &str, version: u64, text: &str) {
        self.files.insert(name.to_owned(), (version, Bytes::copy_from_slice(text.as_bytes())));
    }

    fn tell(&mut self, now: Now, event: Event<IngressTask>) {
        let effects = step_and_run(&mut self.ingress, now, event);
        self.carry_out(now, effects);
    }

    fn carry_out(&mut self, now: Now, effects: Effects) {
        for action in common::http_actions(&effects) {
            let (HttpAction::Head { request, .. }
            | HttpAction::Body { request, .. }
            | HttpAction::End { request }) = &action
            else {
                continue;
            };
            let answer = self.answers.entry(request.0).or_default();
            match action {
                HttpAction::Head { head, .. } => {
                    answer.0 = head.status;
                    let stored = head.headers.into_iter().find(|(name, _)| name == "X-Weft-Stored");
                    answer.1 = stored.map(|(_, count)| count).unwrap_or_default();
                }
                HttpAction::Body { bytes, .. } => {
                    answer.2.push_str(&String::from_utf8_lossy(&bytes));
                }
                _ => {}
            }
        }
        for effect in effects {
            match effect {
                Effect::Log(action) => self.at_log(now, action),
                Effect::Peer(PeerAction::Throttle { id, ask }) => {
                    let result = Ok(self.answer(ask));
                    self.tell(now, Event::Peer(PeerEvent::Throttle { id, result }));
                }
                Effect::Warn(text) => self.warnings.push(text),
                Effect::Stopped => self.has_stopped = true,
                _ => {}
            }
        }
    }

    fn at_log(&mut self, now: Now, action: LogAction) {
        let event = match action {
            LogAction::Describe { id, .. } => LogEvent::Described { id, result: Ok(1) },
            LogAction::Append { id, topic, .. } if self.fails && &*topic == "metadata" => {
                let result = Err(LogError::Unavailable("no".to_owned()));
                LogEvent::Appended { id, result }
            }
            LogAction::Append { id, topic, records } => {
                let result = Ok(records.iter().map(|_| (0, 0)).collect());
                match &*topic {
                    "data" => self.data.extend(records),
                    "metadata" => self.metadata.extend(records),
                    _ => self.told.extend(records.into_iter().map(|record| record.value)),
                }
                LogEvent::Appended { id, result }
            }
            _ => return,
        };
        self.tell(now, Event::Log(event));
    }

    fn answer(&mut self, ask: ThrottleAsk) -> ThrottleAnswer {
        match ask {
            ThrottleAsk::Recall => ThrottleAnswer::Recalled(self.kept.clone()),
            ThrottleAsk::Scan { known } => {
                let file = |(name, (version, text)): (&String, &(u64, Bytes))| ThrottleFile {
                    name: name.clone(),
                    version: *version,
                    text: (known.get(name) != Some(version)).then(|| Ok(text.clone())),
                };
                ThrottleAnswer::Scanned(self.files.iter().map(file).collect())
            }
            ThrottleAsk::Keep(bytes) => {
                self.kept = Some(bytes);
                ThrottleAnswer::Kept
            }
        }
    }

    /// Sends an update: which request it is.
    fn update(&mut self, now: Now, text: &str) -> u64 {
        self.requests += 1;
        let request = RequestId(self.requests);
        let head = RequestHead {
            method: "POST".to_owned(),
            path: "/api/v0/update".to_owned(),
            query: String::new(),
            headers: vec![("x-warp10-token".to_owned(), write_token())],
        };
        self.tell(now, Event::Http(HttpEvent::Head { request, head }));
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.tell(now, Event::Http(HttpEvent::Body { request, bytes }));
        self.tell(now, Event::Http(HttpEvent::End { request }));
        request.0
    }

    /// Sends an update, and what it was answered: status, datapoints stored, message.
    fn answered(&mut self, now: Now, text: &str) -> (u16, String, String) {
        let request = self.update(now, text);
        self.answers.get(&request).cloned().unwrap_or_default()
    }

    fn status(&mut self, now: Now, text: &str) -> u16 {
        self.answered(now, text).0
    }

    /// Datapoints in the log.
    fn stored(&self) -> u64 {
        let count = |record: &NewRecord| {
            let message = KafkaDataMessage::decode(&record.value).expect("a message");
            let data = message.data.expect("datapoints");
            weft_gts::Decoder::new(0, &data, None).count() as u64
        };
        self.data.iter().map(count).sum()
    }

    /// An estimator of another ingress comes.
    fn hears(&mut self, now: Now, value: Vec<u8>) {
        let topic = Topic::from(TOPIC);
        let (group, partitions) = (Topic::from(""), vec![(0, 0.into())]);
        let assigned =
            LogEvent::Assigned { topic: topic.clone(), group: group.clone(), epoch: 0, partitions };
        self.tell(now, Event::Log(assigned));
        let records = vec![record(0, 0, value)];
        let records = LogEvent::Records { topic, group, partition: 0, epoch: 0, records };
        self.tell(now, Event::Log(records));
    }
}

fn limits(series: &str, rate: &str) -> String {
    format!("{PRODUCER}:{series}:{rate}::#\n")
}

fn lines(class: &str, count: usize) -> String {
    (0..count).map(|tick| format!("{tick}// {class}{{}} 1\n")).collect()
}

fn sealed(counter: &HyperLogLog) -> Vec<u8> {
    Envelope { mac: Some(MAC), aes: None }.seal(&counter.to_bytes())
}

#[test]
fn nothing_is_taken_before_limits_are_known() {
    let authority = TokenAuthority::new(token_keys());
    let minimal = IngressConfig::minimal(ids(), authority);
    let throttling = Some(ThrottlingConfig::default());
    let mut ingress = Ingress::new(IngressConfig { throttling, ..minimal });
    let effects = drain(&mut ingress);
    let recall = effects.iter().find_map(|effect| match effect {
        Effect::Peer(PeerAction::Throttle { id, ask: ThrottleAsk::Recall }) => Some(*id),
        _ => None,
    });
    for action in log_actions(effects) {
        if let LogAction::Describe { id, .. } = action {
            step(&mut ingress, at(0), Event::Log(LogEvent::Described { id, result: Ok(1) }));
        }
    }
    let request = RequestId(1);
    let head = RequestHead {
        method: "POST".to_owned(),
        path: "/api/v0/update".to_owned(),
        query: String::new(),
        headers: vec![("x-warp10-token".to_owned(), write_token())],
    };
    step(&mut ingress, at(0), Event::Http(HttpEvent::Head { request, head }));
    let bytes = Bytes::from_static(b"1// a{} 1\n");
    let mut effects =
        step_and_run(&mut ingress, at(0), Event::Http(HttpEvent::Body { request, bytes }));
    effects.extend(step_and_run(&mut ingress, at(0), Event::Http(HttpEvent::End { request })));
    assert!(log_actions(effects).is_empty());
    // Nor while the folder cannot be read.
    let answer = |id, result| Event::Peer(PeerEvent::Throttle { id, result });
    let id = recall.expect("a question");
    step(&mut ingress, at(0), answer(id, Ok(ThrottleAnswer::Recalled(None))));
    let effects =
        step_and_run(&mut ingress, at(1), answer(ActionId(999), Ok(ThrottleAnswer::Kept)));
    assert!(log_actions(effects).is_empty(), "no answer of ours");
    let due = ingress.deadline();
    assert_eq!(due, None, "an answer is waited for");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_tried_again() {
    let authority = TokenAuthority::new(token_keys());
    let minimal = IngressConfig::minimal(ids(), authority);
    let throttling = Some(ThrottlingConfig::default());
    let mut ingress = Ingress::new(IngressConfig { throttling, ..minimal });
    let asks = |effects: &Effects| -> Option<ActionId> {
        effects.iter().find_map(|effect| match effect {
            Effect::Peer(PeerAction::Throttle { id, .. }) => Some(*id),
            _ => None,
        })
    };
    let id = asks(&drain(&mut ingress)).expect("a question");
    let result = Err("no such folder".to_owned());
    let effects = step(&mut ingress, at(5), Event::Peer(PeerEvent::Throttle { id, result }));
    let warned =
        |effect: &Effect<_>| matches!(effect, Effect::Warn(text) if text.contains("no such"));
    assert!(effects.iter().any(warned), "{effects:?}");
    assert_eq!(ingress.deadline(), Some(at(1_005).mono));
    assert!(asks(&step(&mut ingress, at(1_005), Event::Tick)).is_some());
}

#[test]
fn whom_no_file_names_may_not_write_unless_the_default_says_so() {
    let mut world = World::new("# nobody\n");
    let (status, stored, message) = world.answered(at(1), "1// a{k=v} 1\n");
    assert_eq!((status, stored.as_str()), (429, "0"));
    let wanted = "Error when updating data: Geo Time Series a{.app=test,k=v} would exceed your \
                  Monthly Active Data Streams limit (0).";
    assert!(message.contains(wanted), "{message}");
    let mut world = World::with("", None, |config| {
        (config.series_default, config.rate_default) = (-1, -1.0);
    });
    assert_eq!(world.status(at(1), &lines("a", 500)), 200);
}

#[test]
fn series_beyond_the_limit_are_refused_and_those_before_go_on() {
    let mut world = World::new(&limits("2", "1000000"));
    // Two, and the error of an estimate: three.
    for class in ["a", "b", "c"] {
        assert_eq!(world.status(at(1), &lines(class, 2)), 200);
    }
    assert_eq!(world.status(at(2), &lines("d", 1)), 429);
    let (status, stored, message) = world.answered(at(2), "1// a{} 1\n1// d{} 1\n2// a{} 1\n");
    assert_eq!((status, stored.as_str()), (429, "1"));
    let wanted = "Error when updating data: Geo Time Series d{.app=test} would exceed your Monthly \
                  Active Data Streams limit (2).";
    assert!(message.contains(wanted), "{message}");
    assert_eq!((world.stored(), world.metadata.len()), (7, 3), "nothing of the series");
    assert_eq!(world.status(at(3), &lines("c", 1)), 200, "it was counted");
    // What is refused is not counted, and a month later all begins anew.
    let month_ms = 30 * 24 * 3_600_000;
    assert_eq!(world.status(at(month_ms + 10), &lines("d", 1)), 200);
}

#[test]
fn a_refusal_does_not_hide_that_what_stood_before_it_was_lost() {
    let mut world = World::new(&limits("1", "1000000"));
    world.fails = true;
    let (status, stored, _) = world.answered(at(1), "1// a{} 1\n1// b{} 1\n1// c{} 1\n");
    assert_eq!((status, stored.is_empty()), (503, false));
}

#[test]
fn an_application_has_limits_of_its_own() {
    let mut world = World::new(&format!("{}+test:1:2:{}:#\n", limits("-1", "1000000"), ""));
    for class in ["a", "b"] {
        assert_eq!(world.status(at(1_000), &lines(class, 1)), 200);
    }
    let (status, _, message) = world.answered(at(60_000), &lines("c", 1));
    let wanted = "Geo Time Series c{.app=test} would exceed the Monthly Active Data Streams limit \
                  for application 'test' (1).";
    assert!(status == 429 && message.contains(wanted), "{message}");
    assert_eq!(world.status(at(61_000), &lines("a", 20)), 200, "what nothing is owed for");
    let (status, _, message) = world.answered(at(61_000), &lines("a", 1));
    let wanted = "Storing data for a{.app=test} would incur a wait greater than 10 ms per datapoint \
                  due to your Daily Data Points limit being already exceeded for application \
                  'test'. Current max rate is 2.0 datapoints/s.";
    assert!(status == 429 && message.contains(wanted), "{message}");
}

#[test]
fn what_would_wait_too_long_is_refused() {
    let mut world = World::new(&limits("-1", "20"));
    assert_eq!(world.status(at(0), &lines("a", 100)), 200);
    let (status, stored, message) = world.answered(at(0), &lines("a", 1));
    assert_eq!((status, stored.as_str()), (429, "0"));
    let wanted = "Error when updating data: Storing data for a{.app=test} would incur a wait \
                  greater than 10 ms per datapoint due to your Daily Data Points limit being \
                  already exceeded. Current maximum rate is 20.0 datapoints/s.";
    assert!(message.contains(wanted), "{message}");
    assert_eq!(world.stored(), 100);
    assert_eq!(world.status(at(5_000), &lines("a", 1)), 200);
}

#[test]
fn what_may_wait_goes_out_when_its_time_has_come() {
    let mut world = World::new(&limits("-1", "1000"));
    assert_eq!(world.status(at(0), &lines("a", 2_000)), 200);
    let request = world.update(at(0), &lines("b", 500));
    assert_eq!((world.stored(), world.metadata.len()), (2_000, 1));
    assert!(!world.answers.contains_key(&request));
    world.tell(at(1_999), Event::Tick);
    assert_eq!(world.stored(), 2_000);
    world.tell(at(2_000), Event::Tick);
    assert_eq!((world.stored(), world.metadata.len()), (2_500, 2));
    assert_eq!(world.answers[&request].0, 200);
}

#[test]
fn records_of_a_body_go_out_one_after_the_other_each_with_its_metadata() {
    let mut world = World::new(&limits("-1", "1000"));
    let body = format!("{}{}{}", lines("a", 1_500), lines("b", 1_500), lines("c", 500));
    let request = world.update(at(0), &body);
    let there = |world: &World| (world.stored(), world.metadata.len());
    assert_eq!(there(&world), (1_500, 1));
    for (ms, expected) in [(1_499, (1_500, 1)), (1_500, (3_000, 2)), (2_999, (3_000, 2))] {
        world.tell(at(ms), Event::Tick);
        assert_eq!(there(&world), expected, "{ms}");
    }
    assert!(!world.answers.contains_key(&request));
    world.tell(at(3_000), Event::Tick);
    assert_eq!(there(&world), (3_500, 3));
    assert_eq!(world.answers[&request].0, 200);
}

#[test]
fn who_goes_away_or_is_stopped_while_waiting_stores_nothing() {
    let mut world = World::new(&limits("-1", "1000"));
    assert_eq!(world.status(at(0), &lines("a", 2_000)), 200);
    let gone = world.update(at(0), &lines("b", 500));
    let request = RequestId(gone);
    world.tell(at(1), Event::Http(HttpEvent::Gone { request }));
    let stopped = world.update(at(1), &lines("b", 500));
    world.tell(at(2), Event::Stop);
    world.tell(at(9_000), Event::Tick);
    assert_eq!(world.stored(), 2_000);
    assert!(!world.answers.contains_key(&gone));
    let (status, stored, message) = &world.answers[&stopped];
    assert_eq!((*status, stored.as_str()), (503, "0"));
    assert!(message.contains("This ingress is stopping."), "{message}");
    assert!(world.has_stopped);
}

#[test]
fn what_is_counted_and_in_force_survives() {
    let mut world = World::new(&limits("3", "1000"));
    for class in ["a", "b"] {
        assert_eq!(world.status(at(60_000 + 4_000_000), &lines(class, 1)), 200);
    }
    world.tell(at(5_000_000), Event::Stop);
    assert!(world.has_stopped);
    let kept = world.kept.clone();
    // The file is gone, what it said is in force.
    let mut next = World::with("", kept.clone(), |_| {});
    for class in ["c", "d"] {
        assert_eq!(next.status(at(9_000_000), &lines(class, 1)), 200);
    }
    assert_eq!(next.status(at(19_000_000), &lines("e", 1)), 429);
    assert_eq!(next.status(at(29_000_000), &lines("a", 1)), 200, "it was counted");
    // Nor is a file read again that was: this one begins the count anew.
    let anew = format!("{PRODUCER}:3:1000:-:#\n");
    let mut world = World::new(&anew);
    for class in ["a", "b", "c", "d"] {
        assert_eq!(world.status(at(60_000), &lines(class, 1)), 200);
    }
    world.tell(at(70_000), Event::Stop);
    let mut next = World::with(&anew, world.kept.clone(), |_| {});
    assert_eq!(next.status(at(80_000), &lines("e", 1)), 429);
}

#[test]
fn files_are_read_when_they_come_and_when_they_change() {
    let mut world = World::new(&limits("0", "1000"));
    assert_eq!(world.status(at(1), &lines("a", 1)), 429);
    world.write("a.throttle", 2, &limits("5", "1000"));
    world.tell(at(59_999), Event::Tick);
    assert_eq!(world.status(at(59_999), &lines("a", 1)), 429);
    world.tell(at(60_000), Event::Tick);
    assert_eq!(world.status(at(60_000), &lines("a", 1)), 200);
    world.write("b.throttle", 1, &format!("nonsense\n{}", limits("0", "")));
    world.tell(at(120_001), Event::Tick);
    assert_eq!(world.status(at(120_001), &lines("a", 1)), 429);
    let wrong = |text: &String| text.contains("line 1 of b.throttle");
    assert!(world.warnings.iter().any(wrong), "{:?}", world.warnings);
}

#[test]
fn ingresses_count_together() {
    let mut a = World::new(&limits("10", "1000"));
    let mut b = World::new(&limits("10", "1000"));
    for class in 0..5 {
        assert_eq!(a.status(at(100_000), &lines(&format!("a{class}"), 1)), 200);
        assert_eq!(b.status(at(100_000), &lines(&format!("b{class}"), 1)), 200);
    }
    a.tell(at(200_000), Event::Tick);
    let told = a.told.pop().expect("what was counted");
    b.hears(at(200_001), told.to_vec());
    assert_eq!(b.status(at(200_002), &lines("a0", 1)), 200, "it was counted there");
    // Ten, and the error of an estimate.
    assert_eq!(b.status(at(200_003), &lines("b5", 1)), 200);
    assert_eq!(b.status(at(200_004), &lines("b6", 1)), 429);
    assert!(b.warnings.is_empty(), "{:?}", b.warnings);
}

#[test]
fn others_are_told_after_the_ramp_up() {
    let mut world =
        World::with(&limits("10", "1000"), None, |config| config.rampup = Duration::from_secs(100));
    assert_eq!(world.status(at(10), &lines("a", 1)), 200);
    world.tell(at(60_000), Event::Tick);
    assert_eq!(world.told, Vec::<Bytes>::new());
    world.tell(at(120_000), Event::Tick);
    assert_eq!(world.told.len(), 1);
}

#[test]
fn what_others_say_and_cannot_be_used_is_told() {
    let mut world = World::new(&limits("10", "1000"));
    let mut counter = HyperLogLog::new(0);
    counter.add(1);
    let nobodys = sealed(&counter);
    counter.key = Some(PRODUCER.to_owned());
    let bad_mac = {
        let mut sealed = sealed(&counter);
        *sealed.last_mut().expect("a MAC") ^= 1;
        sealed
    };
    let junk = Envelope { mac: Some(MAC), aes: None }.seal(b"junk");
    for (value, reason) in [(nobodys, "of nobody"), (bad_mac, "MAC"), (junk, "malformed")] {
        world.warnings.clear();
        world.hears(at(5), value);
        let told = |text: &String| text.contains("is passed over") && text.contains(reason);
        assert!(world.warnings.iter().any(told), "{reason}: {:?}", world.warnings);
    }
    world.warnings.clear();
    world.hears(at(6), sealed(&counter));
    assert!(world.warnings.is_empty(), "{:?}", world.warnings);
}

#[test]
fn datapoints_are_accounted_to_who_wrote_them() {
    let mut world = World::new(&limits("-1", "1000"));
    let request = RequestId(77);
    let head = RequestHead {
        method: "POST".to_owned(),
        path: "/api/v0/update".to_owned(),
        query: String::new(),
        headers: vec![("x-warp10-token".to_owned(), write_token())],
    };
    world.tell(at(1), Event::Http(HttpEvent::Head { request, head }));
    let bytes = Bytes::from(lines("a", 3));
    step_and_run(&mut world.ingress, at(1), Event::Http(HttpEvent::Body { request, bytes }));
    let effects = step_and_run(&mut world.ingress, at(1), Event::Http(HttpEvent::End { request }));
    assert_eq!((the_head(&effects), body_text(&effects).as_str()), (None, ""));
    let mut accounted = Vec::new();
    for action in log_actions(effects) {
        let LogAction::Append { id, .. } = action else { continue };
        let event = Event::Log(LogEvent::Appended { id, result: Ok(vec![(0, 0)]) });
        accounted.extend(step(&mut world.ingress, at(2), event).into_iter().filter_map(|effect| {
            match effect {
                Effect::Metric(metric) if metric.name.contains("accounted") => Some(metric),
                _ => None,
            }
        }));
    }
    assert_eq!(accounted.len(), 1);
    assert_eq!(accounted[0].change, weft_daemons::contract::Change::Add(3));
    let labels: Vec<&str> = accounted[0].labels.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(labels, [PRODUCER, PRODUCER, "test"]);
}
