//! `webcall`: what it promises, against a log, a resolver and an outside of the test's own.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use weft_daemons::contract::log::{EPOCHS, LogAction, LogEvent, Record};
use weft_daemons::contract::peer::{PeerAction, PeerEvent, WebCall, WebResponse};
use weft_daemons::contract::{ActionId, Effect, Event, Machine, NoTask};
use weft_daemons::webcall::target::Allowed;
use weft_daemons::webcall::{Webcall, WebcallConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::Labels;
use weft_wire::envelope::Envelope;
use weft_wire::thrift::WebCallRequest;

const SECOND: u64 = 1_000_000_000;

fn config() -> WebcallConfig {
    WebcallConfig {
        topic: "webcall".into(),
        group: "webcall".into(),
        envelope: Envelope::default(),
        commit_period: Duration::from_secs(1),
        allowed: Allowed::new(Some("!forbidden[.].*"), None).expect("patterns"),
        user_agent: Some("us".to_owned()),
        id_header: "X-Id".to_owned(),
        parallel: 8,
        parallel_host: 2,
        attempts: 3,
        time_max: Duration::from_secs(10),
    }
}

/// A webcall, its log and the outside.
struct World {
    webcall: Webcall,
    now_ns: u64,
    hosts: BTreeMap<&'static str, Vec<IpAddr>>,
    /// Requests that are not answered.
    calls: Vec<(ActionId, WebCall)>,
    committed: u64,
    warnings: Vec<String>,
    has_stopped: bool,
}

impl World {
    fn new(config: WebcallConfig) -> Self {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let hosts = [
            ("a.com", vec![address("93.184.216.34")]),
            ("b.com", vec![address("93.184.216.35")]),
            ("home.com", vec![address("93.184.216.36"), address("127.0.0.1")]),
        ];
        let mut world = Self {
            webcall: Webcall::new(config),
            now_ns: 0,
            hosts: hosts.into(),
            calls: Vec::new(),
            committed: 0,
            warnings: Vec::new(),
            has_stopped: false,
        };
        let partitions = vec![(0, 0.into())];
        let (topic, group) = ("webcall".into(), "webcall".into());
        world.tell(Event::Log(LogEvent::Assigned { topic, group, epoch: EPOCHS, partitions }));
        world
    }

    fn tell(&mut self, event: Event<NoTask>) {
        let mut events = vec![event];
        while !events.is_empty() {
            let event = events.remove(0);
            let now = Now { mono: Mono(self.now_ns), wall: Wall(0) };
            self.webcall.handle(now, event);
            while let Some(effect) = self.webcall.poll() {
                match effect {
                    Effect::Peer(PeerAction::Resolve { id, host, .. }) => {
                        let found = self.hosts.get(&*host).cloned();
                        let result = found.ok_or_else(|| "no such host".to_owned());
                        events.push(Event::Peer(PeerEvent::Resolved { id, result }));
                    }
                    Effect::Peer(PeerAction::Web { id, call }) => self.calls.push((id, *call)),
                    Effect::Log(LogAction::Commit { id, position, .. }) => {
                        self.committed = position.offset;
                        events.push(Event::Log(LogEvent::Committed { id, result: Ok(()) }));
                    }
                    Effect::Warn(text) => self.warnings.push(text),
                    Effect::Stopped => self.has_stopped = true,
                    _ => {}
                }
            }
        }
    }

    /// Records from `first` on.
    fn records(&mut self, first: u64, urls: &[&str]) {
        let record = |(offset, url): (u64, &&str)| {
            let headers = [("X-Own", "1"), ("Host", "other"), ("Authorization", "secret")];
            let request = WebCallRequest {
                timestamp_ms: 0,
                stack_uuid: None,
                webcall_uuid: Some(format!("id{offset}")),
                token: Some("token".to_owned()),
                url: Some((*url).to_owned()),
                method: 2,
                headers: Some(headers.into_iter().collect::<Labels>()),
                body: Some("body".to_owned()),
            };
            let (key, value) = (bytes::Bytes::new(), request.encode().into());
            Record { offset, timestamp_ms: 0, key, value }
        };
        let records = (first..).zip(urls).map(record).collect();
        let (topic, group) = ("webcall".into(), "webcall".into());
        let (partition, epoch) = (0, EPOCHS);
        self.tell(Event::Log(LogEvent::Records { topic, group, partition, epoch, records }));
    }

    /// Answers the oldest request.
    fn answer(&mut self, status: u16, location: Option<&str>) -> WebCall {
        let (id, call) = self.calls.remove(0);
        let headers = location.map(|to| ("location".to_owned(), to.to_owned()));
        let headers = headers.into_iter().collect();
        let response = WebResponse { status, headers, ..WebResponse::default() };
        self.tell(Event::Peer(PeerEvent::Web { id, result: Ok(Box::new(response)) }));
        call
    }

    fn wait(&mut self, seconds: u64) {
        let end = self.now_ns + seconds * SECOND;
        while let Some(deadline) = self.webcall.deadline().filter(|at| at.0 <= end) {
            self.now_ns = self.now_ns.max(deadline.0);
            self.tell(Event::Tick);
            let again = self.webcall.deadline();
            assert!(again.is_none_or(|at| at.0 > self.now_ns), "ticks without a pause");
        }
        self.now_ns = end;
    }
}

#[test]
fn a_call_goes_out_once_to_the_address_that_was_checked() {
    let mut world = World::new(config());
    world.records(0, &["http://A.com:81/p?q=1"]);
    let call = world.answer(200, None);
    assert_eq!(call.address, SocketAddr::from(([93, 184, 216, 34], 81)));
    assert_eq!((&*call.authority, &*call.path, &*call.method), ("a.com:81", "/p?q=1", "POST"));
    assert_eq!(call.body, "body");
    let header = |name: &str| call.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(header("X-Own"), Some("1"));
    assert_eq!(header("User-Agent"), Some("us"));
    assert_eq!(header("X-Id"), Some("id0"));
    assert_eq!(header("Host"), None, "it is the connection's");
    world.wait(60);
    assert!(world.calls.is_empty() && world.warnings.is_empty());
    assert_eq!(world.committed, 1);
}

#[test]
fn nothing_denied_is_reached() {
    let mut world = World::new(config());
    let urls = [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://home.com/",
        "http://forbidden.com/",
        "http://169.254.169.254/latest",
        "ftp://a.com/",
        "https://home.com/",
        "http://a.com\r\nX: y/",
    ];
    world.records(0, &urls);
    assert!(world.calls.is_empty(), "{:?}", world.calls);
    assert_eq!(world.warnings.len(), urls.len(), "{:?}", world.warnings);
    world.wait(10);
    assert_eq!(world.committed, urls.len() as u64);
    // By way of a redirect.
    let redirects = [
        "http://127.0.0.1/",
        "http://home.com/",
        "https://home.com/",
        "http://forbidden.com/",
        "file:///etc",
    ];
    for (location, offset) in redirects.iter().zip(urls.len() as u64..) {
        world.records(offset, &["http://a.com/"]);
        world.answer(302, Some(location));
        assert!(world.calls.is_empty(), "{location}");
    }
    // A name that is somewhere else when it is asked again.
    let first = (urls.len() + redirects.len()) as u64;
    world.records(first, &["http://b.com/"]);
    world.hosts.insert("b.com", vec!["10.0.0.1".parse().expect("an address")]);
    world.answer(302, Some("http://b.com/again"));
    assert!(world.calls.is_empty(), "{:?}", world.calls);
}

#[test]
fn what_is_encrypted_stays_so() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/", "http://a.com:443/"]);
    let plain = world.answer(302, Some("https://a.com/x"));
    assert_eq!(plain.tls_name, None);
    // The same host and port, but not the same server: it has not shown who it is.
    let plain = world.answer(307, Some("https://a.com/y"));
    assert!(plain.headers.iter().any(|(name, _)| name == "Authorization"));
    let (_, call) = &world.calls[0];
    assert_eq!((&*call.authority, call.tls_name.as_deref()), ("a.com", Some("a.com")));
    assert_eq!(call.address, SocketAddr::from(([93, 184, 216, 34], 443)));
    let (_, call) = &world.calls[1];
    assert!(!call.headers.iter().any(|(name, _)| name == "Authorization"));
    world.answer(302, Some("https://b.com/"));
    world.answer(302, Some("http://a.com/"));
    assert!(world.warnings[0].contains("from https to http"), "{:?}", world.warnings);
    assert_eq!(world.answer(200, None).tls_name.as_deref(), Some("b.com"));
    assert!(world.calls.is_empty());
    world.wait(2);
    assert_eq!(world.committed, 2);
    let mut world =
        World::new(WebcallConfig { allowed: config().allowed.without_tls(), ..config() });
    world.records(0, &["https://a.com/"]);
    assert!(world.calls.is_empty() && world.warnings[0].contains("TLS"), "{:?}", world.warnings);
}

#[test]
fn redirects_are_followed_without_secrets_and_not_for_ever() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/"]);
    world.answer(307, Some("/same"));
    let call = world.answer(302, Some("http://b.com/other"));
    assert_eq!((&*call.path, &*call.method), ("/same", "POST"));
    assert!(call.headers.iter().any(|(name, _)| name == "Authorization"));
    let call = world.answer(302, Some("/1"));
    assert_eq!((&*call.authority, &*call.method, call.body.len()), ("b.com", "GET", 0));
    assert!(!call.headers.iter().any(|(name, _)| name == "Authorization"));
    for _ in 0..3 {
        world.answer(302, Some("/again"));
    }
    assert!(world.calls.is_empty());
    assert!(world.warnings[0].contains("redirects"), "{:?}", world.warnings);
}

#[test]
fn what_fails_is_made_again_later_and_not_for_ever() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/", "http://b.com/"]);
    let (id, _) = world.calls.remove(0);
    world.tell(Event::Peer(PeerEvent::Web { id, result: Err("it broke".to_owned()) }));
    world.answer(404, None);
    world.wait(5);
    assert_eq!(world.committed, 0, "the first is not done");
    world.answer(503, None);
    world.wait(1);
    assert!(world.calls.is_empty(), "two seconds later");
    world.wait(1);
    world.answer(429, None);
    world.wait(600);
    assert!(world.calls.is_empty(), "three attempts");
    assert_eq!(world.warnings, ["webcall: call id0 to a.com, attempt 3: status 429"]);
    assert_eq!(world.committed, 2);
}

#[test]
fn calls_to_one_host_are_few() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/"; 20]);
    world.records(20, &["http://b.com/"]);
    let hosts: Vec<&str> = world.calls.iter().map(|(_, call)| &*call.authority).collect();
    assert_eq!(hosts, ["a.com", "a.com", "b.com"], "one host does not hold up others");
    for _ in 0..21 {
        world.answer(200, None);
    }
    world.wait(2);
    assert_eq!(world.committed, 21);
}

#[test]
fn what_waits_is_bounded() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/"; 2_000]);
    // The first one hangs: others are made, and then no more.
    let (id, _) = world.calls.remove(0);
    let mut made = 0;
    while !world.calls.is_empty() {
        world.answer(200, None);
        made += 1;
    }
    assert_eq!(made, 1_999, "those that are done leave the window");
    world.wait(2);
    assert_eq!(world.committed, 0);
    let result = Ok(Box::new(WebResponse { status: 200, ..WebResponse::default() }));
    world.tell(Event::Peer(PeerEvent::Web { id, result }));
    world.wait(2);
    assert_eq!(world.committed, 2_000);
}

#[test]
fn it_stops_when_what_is_under_way_is_over() {
    let mut world = World::new(config());
    world.records(0, &["http://a.com/"; 5]);
    world.tell(Event::Stop);
    assert!(!world.has_stopped);
    world.answer(200, None);
    world.answer(200, None);
    assert!(world.has_stopped && world.calls.is_empty());
    assert_eq!(world.committed, 2);
}

proptest! {
    /// Whatever is answered in whatever order: what is committed was answered, and everything is in
    /// the end.
    #[test]
    fn commits_follow_answers(
        answers in prop::collection::vec((0usize..64, prop::sample::select(vec![200u16, 404, 503])), 0..80),
    ) {
        let mut world = World::new(WebcallConfig { parallel_host: 8, attempts: 100, ..config() });
        world.records(0, &["http://a.com/", "http://b.com/"].repeat(10));
        let mut done = std::collections::BTreeSet::new();
        let offset = |call: &WebCall| -> u64 {
            let id = call.headers.iter().find(|(name, _)| name == "X-Id").expect("an id");
            id.1[2..].parse().expect("a number")
        };
        for (index, status) in answers {
            if world.calls.is_empty() {
                world.wait(60);
                continue;
            }
            let index = index % world.calls.len();
            let call = world.calls.remove(index);
            world.calls.insert(0, call);
            let at = offset(&world.calls[0].1);
            prop_assert!(!done.contains(&at), "a call that is done is made again");
            if status != 503 {
                done.insert(at);
            }
            world.answer(status, None);
            world.wait(2);
            prop_assert!((0..world.committed).all(|offset| done.contains(&offset)));
        }
        for _ in 0..40 {
            while !world.calls.is_empty() {
                world.answer(200, None);
            }
            world.wait(60);
        }
        prop_assert_eq!(world.committed, 20);
    }
}
