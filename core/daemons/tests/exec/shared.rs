//! What scripts see and share of each other.

use super::*;

impl World {
    /// A script with every capability of these tests.
    fn send_able(&mut self, script: &str) -> RequestId {
        let able = ["stackps", "mutex", "shmload", "shmstore"].map(|name| format!(".cap:{name}"));
        let token = read_token(&able.each_ref().map(|name| (name.as_str(), "")));
        self.send(script, &[("x-warp10-capabilities", &token)]).0
    }

    /// Runs one with nobody beside it that goes on; its answer.
    fn able(&mut self, script: &str) -> String {
        self.send_able(script);
        body_text(&self.run())
    }

    /// Runs tasks until a script is answered, others meanwhile; the answer.
    fn until(&mut self, request: RequestId) -> String {
        for _ in 0..100 {
            let effects = self.run_one().expect("a slice");
            if has_ended(&effects, request) {
                return body_text(&effects);
            }
        }
        panic!("no answer");
    }
}

#[test]
fn scripts_are_listed_with_what_they_are() {
    let mut world = World::new();
    let session = [("x-warp10-warpscriptsession", "s")];
    let heavy = format!("'mine' WSNAME DROP 't' WSSESSION DROP 'part' SECTION {HEAVY}");
    world.send(&heavy, &session);
    world.run_one();
    let script = "WSPS DUP SIZE SWAP 's' WSINFO 0 GET DUP 'attributes' GET VALUELIST SWAP 'uuid' GET \
                  SWAP ROT 0 GET 'uuid' GET";
    world.now_ms = 5;
    let request = world.send_able(script);
    let body = world.until(request);
    let uuid = body.split('"').nth(1).expect("a UUID");
    assert!(uuid.len() == 36 && uuid.as_bytes()[14] == b'4', "{uuid}");
    let expected = format!(r#"["{uuid}",[0,0,0,null,"mine","part","s"],"{uuid}",2]"#);
    assert_eq!(body, expected);
    let (status, body, _) = World::new().exec("WSPS", &[]);
    assert!(status == 500 && body.contains("stack"), "{body}");
}

#[test]
fn a_script_is_ended_with_what_it_has_or_with_an_error() {
    let mut world = World::new();
    let (first, _) = world.send("42 <% T %> <% %> WHILE", &[("x-warp10-warpscriptsession", "s")]);
    world.run_one();
    let end = |word: &str| format!("WSPS 0 GET 'uuid' GET {word} 'no' {word}");
    world.send_able(&end("WSSTOP"));
    let effects = world.run();
    assert!(has_ended(&effects, first));
    assert_eq!(body_text(&effects), "[42][false,true]");

    let (second, _) = world.send("42 <% <% T %> <% %> WHILE %> <% %> <% 1 %> TRY", &[]);
    world.run_one();
    world.send_able(&end("WSKILL"));
    let effects = world.run();
    assert!(has_ended(&effects, second));
    let body = body_text(&effects);
    assert!(body.contains("ERROR line #1: Execution received KILL signal."), "{body}");
    assert!(body.ends_with("[false,true]"), "{body}");
}

#[test]
fn a_session_is_ended_while_its_scripts_wait() {
    let mut world = World::new();
    let token = read_token(&[(".cap:sleep.maxtime", "1000")]);
    let session = ("x-warp10-warpscriptsession", "s");
    world.send("7 500000 SLEEP", &[session, ("x-warp10-capabilities", &token)]);
    world.send("8 500000 SLEEP", &[session, ("x-warp10-capabilities", &token)]);
    world.run();
    assert_eq!(world.able("'t' WSSTOPSESSION"), "[0]");
    assert_eq!(world.able("'s' WSSTOPSESSION"), "[7][8][2]");
    assert_eq!(world.egress.deadline(), None, "nobody sleeps");
}

#[test]
fn a_secret_stands_for_the_capability() {
    let mut world = World::new();
    let mut run = |script: &str| world.exec(script, &[]).1;
    assert_eq!(run("'secret' WSPS SIZE"), "[1]");
    assert!(run("'other' WSPS").contains("WSPS invalid secret."));
    assert!(run("1 WSPS").contains("WSPS expects a secret."));
    assert_eq!(run("'x' 'secret' WSKILL"), "[false]");
    assert!(run("'new' 'other' STACKPSSECRET").contains("STACKPSSECRET invalid secret."));
    assert_eq!(run("'new' 'secret' STACKPSSECRET 'new' WSPS SIZE"), "[1]");
    assert!(run("'secret' WSPS").contains("WSPS invalid secret."));
}

#[test]
fn a_value_is_shared_and_its_changes_too() {
    let mut world = World::new();
    let mutex = |body: &str| format!("<% {body} %> 'm' MUTEX");
    let stored = mutex("{ 'n' 1 } 'v' SHMSTORE 'v' SHMLOAD 2 'n' PUT DROP");
    assert_eq!(world.able(&format!("{stored} 'v' SHMDEFINED")), "[true]");
    assert_eq!(world.able(&mutex("'v' SHMLOAD")), r#"[{"n":2}]"#);
    // One that is there stays; a change before an error counts.
    assert_eq!(world.able(&mutex("0 'v' SHMSTORE 'v' SHMLOAD 3 'n' PUT 'n' GET")), "[3]");
    world.able(&mutex("'v' SHMLOAD 4 'n' PUT MSGFAIL"));
    assert_eq!(world.able(&mutex("'v' SHMLOAD")), r#"[{"n":4}]"#);
    assert_eq!(world.able(&mutex("'v' SHMLOAD %> 'm' MUTEX <% ")), r#"[{"n":4}]"#);
    let code = mutex("<% 1 + $x %> 'code' SHMSTORE NULL 'v' SHMSTORE");
    assert_eq!(world.able(&format!("{code} 'v' SHMDEFINED")), "[false]");
    let redefined = "<% 9 %> '+' DEF 5 'x' STORE ";
    assert_eq!(world.able(&(redefined.to_owned() + &mutex("'code' SHMLOAD SIZE"))), "[4]");
}

#[test]
fn what_is_shared_is_for_those_who_hold_its_mutex() {
    let mut world = World::new();
    world.able("<% 1 'v' SHMSTORE %> 'm' MUTEX");
    let mut fails = |script: &str, expected: &str| {
        let body = world.able(script);
        assert!(body.contains(expected), "{script}: {body}");
    };
    let held =
        "Invalid access to shared memory symbol 'v', not in a mutex section with mutex 'm' held.";
    fails("'v' SHMLOAD", held);
    fails("<% 'v' SHMLOAD %> 'other' MUTEX", held);
    fails("<% 'w' SHMLOAD %> 'm' MUTEX", "Unknown shared memory symbol 'w'.");
    fails("1 'w' SHMSTORE", "SHMSTORE can only be called when in a MUTEX section.");
    fails("<% <% %> 'n' MUTEX %> 'm' MUTEX", "MUTEX calls can only be nested with the same mutex.");
    fails("<% <% 1 %> 'm' MUTEX %> 'm' MUTEX", "[1]");
    fails("<% %> 'm' -1 ms MUTEX", "MUTEX invalid timeout, MUST be >= 0.");
    fails("<% %> 'm' 6 s MUTEX", "MUTEX invalid timeout, may not exceed 5000 ms.");
    fails("<% 9 9 '2D' PGraphics 'p' SHMSTORE %> 'm' MUTEX", "SHMSTORE cannot share such a value.");
    let token = read_token(&[(".cap:mutex", "a+"), (".cap:shmload", "b")]);
    let capabilities = [("x-warp10-capabilities", token.as_str())];
    let (_, body, _) = world.exec("<% 1 %> 'aa' MUTEX", &capabilities);
    assert_eq!(body, "[1]");
    let (_, body, _) = world.exec("<% 1 %> 'ab' MUTEX", &capabilities);
    assert!(body.contains("MUTEX capability does not grant access to mutex 'ab'."), "{body}");
    let (_, body, _) = world.exec("'v' SHMDEFINED", &capabilities);
    assert!(body.contains("SHMDEFINED capability does not grant access to symbol 'v'."), "{body}");
}

/// A script that goes on for ever in a section.
const HOLDS: &str = "<% <% T %> <% %> WHILE %> 'm' MUTEX";

#[test]
fn one_script_holds_a_mutex_and_the_others_wait_in_turn() {
    let mut world = World::new();
    let holder = world.send_able(HOLDS);
    world.run_one();
    world.run_one();
    let second = world.send_able("<% 2 'v' SHMSTORE 2 %> 'm' MUTEX");
    let third = world.send_able("<% 'v' SHMLOAD 1 + %> 'm' MUTEX");
    for _ in 0..20 {
        let effects = world.run_one().expect("a slice");
        assert!(!has_ended(&effects, second) && !has_ended(&effects, third), "they wait");
    }
    world.handle(Event::Http(HttpEvent::Gone { request: holder }));
    assert_eq!(body_text(&world.run()), "[2][3]");
}

#[test]
fn who_waits_too_long_for_a_mutex_fails() {
    let mut world = World::new();
    let token = read_token(&[(".cap:sleep.maxtime", "9000"), (".cap:mutex", "")]);
    let capabilities = [("x-warp10-capabilities", token.as_str())];
    world.send("<% 1 s SLEEP 1 %> 'm' MUTEX", &capabilities);
    world.run();
    world.send("<% 2 %> 'm' 100 ms MUTEX", &capabilities);
    world.send("<% 3 %> 'm' MUTEX", &capabilities);
    world.run();
    assert_eq!(world.egress.deadline(), Some(at(100).mono));
    world.now_ms = 100;
    world.handle(Event::Tick);
    let body = body_text(&world.run());
    assert!(body.contains("MUTEX failed to acquire mutex within 100 ms."), "{body}");
    world.now_ms = 1_000;
    world.handle(Event::Tick);
    assert_eq!(body_text(&world.run()), "[1][3]");
}

#[test]
fn a_section_that_is_cut_off_frees_its_mutex() {
    let mut world = World::new();
    let (_, mut effects) = (world.send_able(&format!("<% {HOLDS} %> 50 ms TIMEBOX")), Vec::new());
    let waiting = world.send_able("<% 2 %> 'm' MUTEX");
    for _ in 0..20 {
        world.now_ms += 10;
        effects.extend(world.run_one().unwrap_or_default());
    }
    assert!(has_ended(&effects, waiting));
    assert!(body_text(&effects).ends_with("[2]"), "{}", body_text(&effects));
    // So does one that is stopped.
    let holder = world.send_able(HOLDS);
    world.run_one();
    world.run_one();
    let request = world.send_able("WSPS 0 GET 'uuid' GET WSSTOP <% %> 'm' MUTEX");
    assert!(has_ended(&world.run(), request));
    assert_ne!(holder, request);
}

#[test]
fn shared_memory_is_bounded_and_forgets() {
    let mut world = World::new();
    let large = "<% 'x' 1 24 <% DROP DUP + %> FOR 'v' SHMSTORE %> 'm' MUTEX";
    let body = world.able(large);
    assert!(body.contains("SHMSTORE found shared memory full: it has 16777216 bytes."), "{body}");
    world.able("<% 1 'v' SHMSTORE %> 'm' MUTEX");
    world.now_ms = 60_000;
    assert_eq!(world.egress.deadline(), Some(at(60_000).mono));
    world.handle(Event::Tick);
    assert_eq!(world.able("'v' SHMDEFINED"), "[true]");
    world.now_ms = 3_700_000;
    world.handle(Event::Tick);
    assert_eq!(world.able("'v' SHMDEFINED"), "[false]");
    assert_eq!(world.egress.deadline(), None);
}
