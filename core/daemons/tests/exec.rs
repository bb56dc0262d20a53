//! The promises of `egress` about scripts, one test each.

mod common;
#[path = "exec/shared.rs"]
mod shared;

use std::sync::Arc;

use bytes::Bytes;
use common::{at, body_text, drain, http_actions, ids, read_token, step, the_head, token_keys};
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::peer::{Answer, CallResponse};
use weft_daemons::contract::{
    ActionId, CoordAction, CoordEvent, Effect, Event, HttpAction, HttpEvent, LogAction, LogEvent,
    Machine, Message, PeerAction, PeerEvent, RequestHead, TableAction, TableEvent, Task, Topic,
};
use weft_daemons::directory::{Stats, StatsLimits};
use weft_daemons::egress::{Egress, EgressConfig, EgressDone, EgressTask, ExecConfig};
use weft_gts::{Columns, IdKeys, Metadata, NO_ELEVATION, NO_LOCATION, SipKey, Value};
use weft_warpscript::registry::Extension;
use weft_warpscript::requests::Library;
use weft_warpscript::{Config, Limits};
use weft_wire::token::TokenAuthority;
use weft_wire::znode::{DIRECTORY_SERVICE, ServiceInstance};

type Effects = Vec<Effect<EgressTask>>;

const HEAVY: &str = "0 <% T %> <% 1 + %> WHILE";

/// An egress that knows one directory, with its time and the tasks that nobody has run.
struct World {
    egress: Egress,
    now_ms: u64,
    tasks: Vec<(ActionId, EgressTask)>,
    next_request: u64,
}

fn config(wait_for: Option<[Topic; 2]>) -> EgressConfig {
    let mut machine = Config { soft: Limits::MAX, ..Config::default() };
    machine.keys.class = Some(common_key(1, 2));
    machine.keys.labels = Some(common_key(3, 4));
    machine.extensions = Extension::ALL.map(|extension| extension.class().to_owned()).into();
    machine.stackps_secret = Some("secret".to_owned());
    EgressConfig {
        wait_for,
        mobius: true,
        interactive: Some(2),
        exec: ExecConfig {
            machine: Arc::new(machine),
            has_library: true,
            scripts_max: 8,
            memory_max: 64 << 20,
            ..ExecConfig::minimal()
        },
        ..EgressConfig::minimal(TokenAuthority::new(token_keys()), "/d".to_owned())
    }
}

/// The bytes of a key of two numbers.
fn common_key(a: u64, b: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&a.to_be_bytes());
    key[8..].copy_from_slice(&b.to_be_bytes());
    key
}

impl World {
    fn new() -> Self {
        Self::with(config(None))
    }

    fn with(config: EgressConfig) -> Self {
        let mut world = Self {
            egress: Egress::new(config, [1; 32]),
            now_ms: 0,
            tasks: Vec::new(),
            next_request: 0,
        };
        drain(&mut world.egress);
        let effects = world.handle(Event::Coord(CoordEvent::Connected));
        let Some(CoordAction::Children { id, .. }) = coord(&effects) else { panic!("a list") };
        let children = CoordEvent::Children { id, result: Ok(vec!["one".to_owned()]) };
        let effects = world.handle(Event::Coord(children));
        let Some(CoordAction::Get { id, .. }) = coord(&effects) else { panic!("a look") };
        let payload = [("modulus", "1"), ("remainder", "0")];
        let instance = ServiceInstance {
            name: DIRECTORY_SERVICE.to_owned(),
            id: "one".to_owned(),
            address: "here".to_owned(),
            port: 1,
            payload: payload.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            registered_ms: 0,
        };
        let data = CoordEvent::Data { id, result: Ok(instance.encode().into()) };
        world.handle(Event::Coord(data));
        world
    }

    /// Hands an event over; tasks are kept.
    fn handle(&mut self, event: Event<EgressTask>) -> Effects {
        let effects = step(&mut self.egress, at(self.now_ms), event);
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Compute(id, task) => self.tasks.push((id, task)),
                other => others.push(other),
            }
        }
        others
    }

    /// A whole request with a script.
    fn send(&mut self, script: &str, headers: &[(&str, &str)]) -> (RequestId, Effects) {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let head = RequestHead {
            method: "POST".to_owned(),
            path: "/api/v0/exec".to_owned(),
            query: String::new(),
            headers: headers.iter().map(own).collect(),
        };
        let mut effects = self.handle(Event::Http(HttpEvent::Head { request, head }));
        let bytes = Bytes::copy_from_slice(script.as_bytes());
        effects.extend(self.handle(Event::Http(HttpEvent::Body { request, bytes })));
        effects.extend(self.handle(Event::Http(HttpEvent::End { request })));
        (request, effects)
    }

    /// Runs the oldest task; the effects of its outcome.
    fn run_one(&mut self) -> Option<Effects> {
        if self.tasks.is_empty() {
            return None;
        }
        let (id, task) = self.tasks.remove(0);
        let done: EgressDone = task.run();
        Some(self.handle(Event::Computed(id, done)))
    }

    /// Runs tasks until there are none.
    fn run(&mut self) -> Effects {
        let mut all = Vec::new();
        while let Some(effects) = self.run_one() {
            all.extend(effects);
        }
        all
    }

    /// The answer of a script that needs nothing: status, body, headers.
    fn exec(&mut self, script: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<String>) {
        let (_, mut effects) = self.send(script, headers);
        effects.extend(self.run());
        let head = the_head(&effects).expect("an answer");
        let lines = head.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        (head.status, body_text(&effects), lines.collect())
    }
}

fn coord(effects: &Effects) -> Option<CoordAction> {
    effects.iter().find_map(|effect| match effect {
        Effect::Coord(action) => Some(action.clone()),
        _ => None,
    })
}

fn peers(effects: &Effects) -> Vec<PeerAction> {
    let pick = |effect: &Effect<EgressTask>| match effect {
        Effect::Peer(action) => Some(action.clone()),
        _ => None,
    };
    effects.iter().filter_map(pick).collect()
}

fn has_ended(effects: &Effects, request: RequestId) -> bool {
    http_actions(effects).contains(&HttpAction::End { request })
}

/// A series of the owner of the tests' tokens.
fn series(class: &str) -> Metadata {
    let labels = [(".app", "test"), (".owner", "o"), (".producer", "p"), ("k", "v")];
    let mut metadata = Metadata::new(class, labels.into_iter().collect());
    metadata.id = ids().series_id(&metadata);
    metadata
}

#[test]
fn a_script_is_answered_with_its_stack_and_what_it_took() {
    let (status, body, headers) = World::new().exec("1 2\n'é' ", &[]);
    assert_eq!((status, body.as_str()), (200, r#"["\u00E9",2,1]"#));
    for header in ["X-Warp10-Ops: 4", "X-Warp10-Fetched: 0", "X-Warp10-Timeunit: 1000000"] {
        assert!(headers.iter().any(|line| line == header), "{header} in {headers:?}");
    }
}

#[test]
fn an_error_tells_its_line_in_headers_and_body() {
    let (status, body, headers) = World::new().exec("1\n2 FOO", &[]);
    let message = "Exception at '2 =>FOO<=' in section [TOP] (Unknown function 'FOO')";
    assert_eq!((status, body), (500, format!("ERROR line #2: {message}")));
    assert!(headers.contains(&"X-Warp10-Error-Line: 2".to_owned()), "{headers:?}");
    assert!(headers.contains(&format!("X-Warp10-Error-Message: {message}")), "{headers:?}");
    let (status, body, _) = World::new().exec("1 DEBUGON FOO", &[]);
    assert_eq!(status, 500);
    assert!(body.starts_with(r#"["ERROR line #1: Exception"#) && body.ends_with(",1]"), "{body}");
}

#[test]
fn a_light_script_is_answered_while_heavy_ones_run() {
    let mut world = World::new();
    for _ in 0..4 {
        world.send(HEAVY, &[]);
    }
    for _ in 0..40 {
        world.run_one().expect("a heavy slice");
    }
    let (light, _) = world.send("42", &[]);
    let answered = (0..5).any(|_| has_ended(&world.run_one().expect("a slice"), light));
    assert!(answered, "within a few slices");
    assert_eq!(world.tasks.len(), 1, "one slice at a time");
}

#[test]
fn a_script_whose_client_is_gone_runs_no_more() {
    let mut world = World::new();
    let (request, _) = world.send(HEAVY, &[]);
    world.run_one();
    world.handle(Event::Http(HttpEvent::Gone { request }));
    world.run();
    assert!(world.tasks.is_empty(), "nothing is left to run");
}

#[test]
fn a_script_ends_when_its_time_is_up() {
    let mut world = World::new();
    let (_, mut effects) = world.send(HEAVY, &[("x-warp10-timebox", "50")]);
    for _ in 0..20 {
        world.now_ms += 10;
        effects.extend(world.run_one().unwrap_or_default());
    }
    let message = "ERROR line #1: TIMEBOX reached the execution time limit (50000 MICROSECONDS).";
    assert_eq!(body_text(&effects), message);
}

#[test]
fn a_sleep_is_over_in_time() {
    let mut world = World::new();
    let token = read_token(&[(".cap:sleep.maxtime", "1000")]);
    let script = "100000 SLEEP 7";
    let (_, mut effects) = world.send(script, &[("x-warp10-capabilities", &token)]);
    effects.extend(world.run());
    assert!(http_actions(&effects).is_empty(), "it sleeps");
    assert_eq!(world.egress.deadline(), Some(at(100).mono));
    world.now_ms = 100;
    world.handle(Event::Tick);
    assert_eq!(body_text(&world.run()), "[7]");
}

#[test]
fn a_large_result_waits_for_its_client() {
    let mut world = World::new();
    let (request, _) = world.send("[] 0 300000 <% +! %> FOR ", &[]);
    let effects = world.run();
    assert!(!has_ended(&effects, request), "the client has not taken it");
    let mut body = body_text(&effects);
    for _ in 0..100 {
        world.handle(Event::Http(HttpEvent::Drained { request }));
        let effects = world.run();
        body += &body_text(&effects);
        if has_ended(&effects, request) {
            break;
        }
    }
    assert!(body.starts_with("[[0,1,2,") && body.ends_with(",300000]]"), "all of it");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut world = World::new();
    let (_, effects) = world.send(&" ".repeat(1_001), &[]);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(413));
    for _ in 0..8 {
        world.send(HEAVY, &[]);
    }
    let (_, effects) = world.send("1", &[]);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
}

#[test]
fn the_script_that_holds_most_memory_ends_when_it_is_short() {
    let mut world = World::new();
    world.send("[] <% T %> <% DROP [ 1 ] %> WHILE", &[]);
    let hungry = "[] <% T %> <% [] 1 +! +! %> WHILE";
    let (hungry, _) = world.send(hungry, &[]);
    for _ in 0..2_000 {
        let effects = world.run_one().expect("a slice");
        if has_ended(&effects, hungry) {
            let body = body_text(&effects);
            assert!(body.contains("this one most of it"), "{body}");
            return;
        }
    }
    panic!("it holds ever more");
}

#[test]
fn a_fetch_finds_and_reads_what_the_token_allows() {
    let mut world = World::new();
    let token = read_token(&[]);
    let script = format!("[ '{token}' '~a.*' {{ 'k' 'v' }} 30 -5 ] FETCH");
    world.send(&script, &[]);
    let effects = world.run();
    let [PeerAction::Find { id, request, .. }] = &peers(&effects)[..] else { panic!("a find") };
    let selector = &request.selectors[0];
    assert_eq!(selector.class, "~a.*");
    assert!(selector.labels.iter().any(|(name, _)| name == ".owner"), "{selector:?}");
    let answer = Answer::Found(vec![series("ab"), series("ac")]);
    let effects = world.handle(Event::Peer(PeerEvent::Answered { id: *id, answer }));
    let end = PeerEvent::Answered { id: *id, answer: Answer::End };
    let effects = [effects, world.run(), world.handle(Event::Peer(end)), world.run()];
    let effects: Effects = effects.into_iter().flatten().collect();
    let fetch = effects.iter().find_map(|effect| match effect {
        Effect::Table(TableAction::Fetch { id, request }) => Some((*id, request.clone())),
        _ => None,
    });
    let (stream, fetch) = fetch.expect("a fetch");
    assert_eq!((fetch.series.len(), fetch.end, fetch.count), (2, 30, Some(5)));
    let mut points = Columns::default();
    points.push(20, NO_LOCATION, NO_ELEVATION, Value::Long(7));
    points.push(10, NO_LOCATION, NO_ELEVATION, Value::Double(2.5));
    let event = TableEvent::Points { id: stream, series: 1, points };
    world.handle(Event::Table(event));
    world.run();
    let mut effects = world.handle(Event::Table(TableEvent::End { id: stream, result: Ok(()) }));
    effects.extend(world.run());
    let asked = r#"[[{"c":"ac","l":{".app":"test","k":"v"},"a":{},"la":0,"v":[[20,7],[10,2]]}]]"#;
    assert_eq!(body_text(&effects), asked);
    let head = the_head(&effects).expect("an answer");
    let fetched = head.headers.iter().find(|(name, _)| name == "X-Warp10-Fetched");
    assert_eq!(fetched.map(|(_, value)| value.as_str()), Some("2"));
}

#[test]
fn directories_count_for_themselves() {
    let mut world = World::new();
    let token = read_token(&[]);
    world.send(&format!("[ '{token}' '~a.*' {{}} ] FINDSTATS 'gts.estimate' GET"), &[]);
    let effects = world.run();
    let [PeerAction::Find { id, request, .. }] = &peers(&effects)[..] else { panic!("a find") };
    assert!(request.estimates, "{request:?}");
    let keys = IdKeys { class: SipKey::new(1, 2), labels: SipKey::new(3, 4) };
    let mut stats = Stats::new(keys, StatsLimits::default(), 0);
    for class in ["ab", "ac", "ad"] {
        let mut metadata = series(class);
        metadata.id = keys.series_id(&metadata);
        stats.add(&metadata);
    }
    let answer = Answer::Counted(Box::new(stats.finish()));
    world.handle(Event::Peer(PeerEvent::Answered { id: *id, answer }));
    assert_eq!(body_text(&world.run()), "[3]");
}

#[test]
fn a_bad_token_is_an_error_of_the_word() {
    let (status, body, _) = World::new().exec("[ 'bad' 'a' {} 0 -1 ] FETCH", &[]);
    assert_eq!(status, 500);
    assert!(body.contains("(FETCH given an invalid read token. (Invalid token.))"), "{body}");
    let token = read_token(&[(".nofind", "")]);
    let (_, body, _) = World::new().exec(&format!("[ '{token}' 'a' {{}} ] FIND"), &[]);
    assert!(body.contains("Token cannot be used for finding metadata."), "{body}");
}

#[test]
fn a_read_sees_what_was_acknowledged_before_it() {
    let topics: [Topic; 2] = ["m".into(), "d".into()];
    let mut world = World::with(config(Some(topics)));
    let script = format!("[ '{}' 'a' {{}} ] FIND", read_token(&[]));
    world.send(&script, &[]);
    let effects = world.run();
    assert_eq!(peers(&effects), [], "nothing is asked yet");
    let asked: Vec<(ActionId, Topic)> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Log(LogAction::Ends { id, topic }) => Some((*id, topic.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);
    for (id, _) in &asked {
        let ends = LogEvent::Ends { id: *id, result: Ok(vec![(0, 3)]) };
        assert_eq!(peers(&world.handle(Event::Log(ends))), []);
    }
    let mut found = Vec::new();
    for (_, topic) in asked {
        let applied = PeerEvent::Applied { topic, partition: 0, offset: 3 };
        found.extend(peers(&world.handle(Event::Peer(applied))));
    }
    assert!(matches!(found[..], [PeerAction::Find { .. }]), "{found:?}");
}

#[test]
fn an_update_goes_to_ingress_and_its_refusal_comes_back() {
    let answered = |status: u16, body: &'static str| {
        let mut world = World::new();
        let script = "NEWGTS 'c' RENAME 10 NaN NaN NaN 1 ADDVALUE 20 1.0 2.0 3 'x' ADDVALUE \
                      'token' UPDATE 1";
        world.send(script, &[]);
        let effects = world.run();
        let [PeerAction::Call { id, head, body: lines }] = &peers(&effects)[..] else {
            panic!("a call")
        };
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/api/v0/update"));
        assert_eq!(head.header("x-warp10-token"), Some("token"));
        assert!(lines.starts_with(b"10// c{}{} 1\n=20/"), "{lines:?}");
        let result = Ok(CallResponse { status, body: Bytes::from_static(body.as_bytes()) });
        world.handle(Event::Peer(PeerEvent::Called { id: *id, result }));
        body_text(&world.run())
    };
    assert_eq!(answered(200, ""), "[1]");
    let body = answered(403, "Invalid token.");
    assert!(body.contains("UPDATE failed to complete successfully (Forbidden)"), "{body}");
}

#[test]
fn a_delete_asks_first_and_deletes_no_more_than_expected() {
    let run = |expected: &str| {
        let mut world = World::new();
        world.send(&format!("'t' 'a{{}}' NULL NULL {expected} DELETE"), &[]);
        let effects = world.run();
        let [PeerAction::Call { id, head, .. }] = &peers(&effects)[..] else { panic!("a call") };
        assert_eq!(head.query, "deleteall=true&selector=a%7B%7D&dryrun=true");
        let response = || CallResponse { status: 200, body: Bytes::from_static(b"a{k=v}{}\r\n") };
        let called = PeerEvent::Called { id: *id, result: Ok(response()) };
        let effects = world.handle(Event::Peer(called));
        if let [PeerAction::Call { id, head, .. }] = &peers(&effects)[..] {
            assert_eq!(head.query, "deleteall=true&selector=a%7B%7D");
            let called = PeerEvent::Called { id: *id, result: Ok(response()) };
            world.handle(Event::Peer(called));
        }
        body_text(&world.run())
    };
    assert_eq!(run("1"), "[1]");
    assert_eq!(run("NULL"), r#"[[{"c":"a","l":{"k":"v"},"a":{},"la":0,"v":[]}]]"#);
    assert!(run("0").contains("expected at most 0 Geo Time Series"));
}

#[test]
fn an_egress_that_stops_finishes_what_it_has() {
    let mut world = World::new();
    let (request, _) = world.send("1", &[]);
    let effects = world.handle(Event::Stop);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Stopped)));
    let effects = world.run();
    assert!(has_ended(&effects, request));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Stopped)));
    let (_, effects) = world.send("1", &[]);
    assert_eq!(the_head(&effects).map(|head| head.status), Some(503));
}

#[test]
fn a_macro_comes_from_the_library() {
    let mut world = World::new();
    world.send("3 @lib/double", &[]);
    let effects = world.run();
    let [PeerAction::Script { id, ask }] = &peers(&effects)[..] else { panic!("a question") };
    assert_eq!(*ask, Library::Macro("lib/double".into()));
    let result = Ok(Some("<% 2 * %>".into()));
    world.handle(Event::Peer(PeerEvent::Script { id: *id, result }));
    assert_eq!(body_text(&world.run()), "[6]");
    // Answers that nobody waits for any more do no harm.
    world.handle(Event::Peer(PeerEvent::Script { id: *id, result: Ok(None) }));
}

/// What Mobius has told a client since that was asked last.
fn told(effects: &Effects) -> Vec<String> {
    let told = http_actions(effects).into_iter().filter_map(|action| match action {
        HttpAction::Message { message, .. } => {
            Some(String::from_utf8(message.bytes().to_vec()).expect("text"))
        }
        HttpAction::Close { code, .. } => Some(code.to_string()),
        HttpAction::Upgrade { .. } => None,
        other => panic!("{other:?}"),
    });
    told.collect()
}

impl World {
    /// A client of Mobius.
    fn mobius(&mut self) -> RequestId {
        let (request, told) = self.socket("/api/v0/mobius");
        assert_eq!(told, [""; 0]);
        request
    }

    /// A client of the interactive endpoint, and what it is told first.
    fn interactive(&mut self) -> (RequestId, Vec<String>) {
        let (request, mut all) = self.socket("/api/v0/interactive");
        all.extend(told(&self.run()));
        (request, all)
    }

    fn socket(&mut self, path: &str) -> (RequestId, Vec<String>) {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "x"),
        ];
        let head = RequestHead {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        (request, told(&self.handle(Event::Http(HttpEvent::Head { request, head }))))
    }

    /// What a client is told once it has said something, and has taken what came.
    fn says(&mut self, request: RequestId, text: &str) -> Vec<String> {
        let message = Message::Text(Bytes::copy_from_slice(text.as_bytes()));
        let effects = self.handle(Event::Http(HttpEvent::Message { request, message }));
        let mut all = told(&effects);
        all.extend(told(&self.run()));
        all.extend(self.takes(request));
        all
    }

    fn takes(&mut self, request: RequestId) -> Vec<String> {
        let mut all = told(&self.handle(Event::Http(HttpEvent::Drained { request })));
        all.extend(told(&self.run()));
        all
    }

    fn pass(&mut self, ms: u64) -> Vec<String> {
        self.now_ms += ms;
        let mut all = told(&self.handle(Event::Tick));
        all.extend(told(&self.run()));
        all
    }
}

#[test]
fn mobius_runs_a_script_once_or_again_and_again() {
    let mut world = World::new();
    let client = world.mobius();
    assert_eq!(world.says(client, "1 2 +"), ["[]", "[3]"]);
    world.takes(client);
    assert_eq!(world.pass(60_000), [""; 0], "once");
    let counts =
        "<% 'context' DEFINED <% $context %> <% 0 %> IFTE 1 + DUP 'context' STORE %> 300 EVERY";
    assert_eq!(world.says(client, counts), ["[]", "[1]"]);
    assert_eq!(world.pass(1_000), [""; 0], "the client has not taken the last one");
    assert_eq!(world.takes(client), ["[2]"]);
    world.takes(client);
    assert_eq!(world.pass(299), [""; 0]);
    assert_eq!(world.pass(1), ["[3]"]);
    world.takes(client);
    assert_eq!(world.says(client, "ABORT"), [""; 0]);
    assert_eq!(world.pass(60_000), [""; 0], "no more");
}

#[test]
fn mobius_pushes_errors_and_goes_on() {
    let mut world = World::new();
    let client = world.mobius();
    let failed = world.says(client, "5 1 0 /");
    assert_eq!(failed[0], "[]");
    assert!(
        failed[1].starts_with(r#"["Exception at '/'"#) && failed[1].ends_with(",5]"),
        "{failed:?}"
    );
    world.takes(client);
    for bad in ["1 FOO", "<% 1"] {
        let told = world.says(client, bad);
        assert!(told.len() == 1 && told[0].starts_with("[\""), "{bad}: {told:?}");
        world.takes(client);
    }
    // It is to be run again although it fails.
    let told = world.says(client, "42 300 EVERY");
    assert!(told[1].starts_with(r#"["Exception at 'EVERY'"#), "{told:?}");
    world.takes(client);
    assert_eq!(world.pass(300), told[1..]);
}

#[test]
fn mobius_ends_with_its_client_and_with_the_process() {
    let mut world = World::new();
    let (gone, _stays) = (world.mobius(), world.mobius());
    world.says(gone, "<% 1 %> 100 EVERY");
    let message = Message::Text(Bytes::from_static(b"1 2"));
    world.handle(Event::Http(HttpEvent::Message { request: gone, message }));
    world.handle(Event::Http(HttpEvent::Gone { request: gone }));
    assert_eq!(told(&world.run()), [""; 0]);
    assert_eq!(world.pass(1_000), [""; 0]);
    let effects = world.handle(Event::Stop);
    assert_eq!(told(&effects), ["1001"]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Stopped)), "{effects:?}");
}

#[test]
fn interactive_lines_share_a_stack() {
    let mut world = World::new();
    let (client, told) = world.interactive();
    assert!(told[0].starts_with("//") && told[1..] == ["WS> "], "{told:?}");
    for (line, wanted) in [
        ("1 2 +", &["WS<1> "][..]),
        ("DUP 'x' STORE", &["WS<1> "]),
        ("<% $x", &["WS%1<1> "]),
        ("<% 1", &["WS%2<1> "]),
        ("%> EVAL + %> EVAL PSTACK", &["/* 2 */ 3 \n", "/* 1 */ 4 \n", "WS<2> "]),
        ("CLEAR", &["WS> "]),
        ("<'", &["WS'> "]),
        ("a b", &["WS'> "]),
        ("'>", &["WS<1> "]),
        ("/* said", &["WS#<1> "]),
        ("*/ 1 ECHOON", &[" \n", "/* 1 */ 'a%20b' \n", " \n", "WS<1> "]),
        ("CLEAR", &["WS> "]),
        ("TIMEON", &["// TIME ", "0 ns\n", "WS> "]),
    ] {
        assert_eq!(world.says(client, line), wanted, "{line}");
    }
    assert_eq!(world.says(client, "TIMEOFF ECHOOFF\n7\n8"), ["WS> "]);
    assert_eq!(world.takes(client), ["WS<1> "], "several lines of one message run in turn");
    assert_eq!(world.takes(client), ["WS<2> "]);
}

#[test]
fn an_interactive_line_that_fails_is_told_and_leaves_the_session() {
    let mut world = World::new();
    let (client, _) = world.interactive();
    let told = world.says(client, "5 'a b' FOO");
    assert_eq!((told[0].as_str(), told[2].as_str()), ("// ERROR ", "WS<2> "), "{told:?}");
    assert!(told[1].contains("Unknown function 'FOO'") && told[1].ends_with('\n'), "{told:?}");
    assert_eq!(world.says(client, "DROP 1 +"), ["WS<1> "]);
    assert_eq!(world.says(client, &format!("<% '{}'", "x".repeat(990)))[..], ["WS%1<1> "]);
    let told = world.says(client, &"y".repeat(100));
    assert!(told[1].contains("More than 1000 bytes") && told[2] == "WS<1> ", "{told:?}");
    // Another one has a stack of its own, a third one is too many.
    let (other, told) = world.interactive();
    assert_eq!(told[1], "WS> ");
    assert_eq!(world.says(other, "PSTACK"), ["WS> "]);
    let (_, told) = world.interactive();
    assert!(told[0].contains("capacity is reached (2)") && told[1] == "1008", "{told:?}");
    world.handle(Event::Http(HttpEvent::Gone { request: other }));
    let (third, told) = world.interactive();
    assert_eq!(told[1], "WS> ", "who goes makes room");
    let message = Message::Text(Bytes::from_static(b"1 2"));
    world.handle(Event::Http(HttpEvent::Message { request: third, message }));
    let effects = world.handle(Event::Stop);
    assert_eq!(told_codes(&effects), 2);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Stopped)), "{effects:?}");
}

/// How many clients are told that the process ends.
fn told_codes(effects: &Effects) -> usize {
    told(effects).iter().filter(|told| *told == "1001").count()
}
