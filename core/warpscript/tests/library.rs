//! Macros of the platform's library: loaded apart, once a script, failing with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_warpscript::error::{Error, Kind};
use weft_warpscript::machine::{Clock, Machine, Run};
use weft_warpscript::requests::{Answer, Chunk, Library, Request};
use weft_warpscript::{Config, Limits};

/// Runs scripts over files, and notes what was asked and told.
#[derive(Default)]
struct Platform {
    files: BTreeMap<&'static str, &'static str>,
    bootstrap: Option<&'static str>,
    log: Vec<String>,
    clock: Clock,
}

impl Platform {
    fn new(files: &[(&'static str, &'static str)]) -> Self {
        Self { files: files.iter().copied().collect(), ..Self::default() }
    }

    fn machine(&mut self, script: &str) -> Machine {
        let mut config = Config::default();
        config.set("key@lib/config", "value");
        config.soft.ops = 100_000;
        config.hard = Limits::MAX;
        let mut machine = Machine::new(Arc::new(config), script);
        if self.bootstrap.is_some() {
            machine.bootstrap();
        }
        self.finish(&mut machine);
        machine
    }

    fn finish(&mut self, machine: &mut Machine) {
        loop {
            match machine.run(1_000, self.clock, [0; 32]) {
                Run::Done => return,
                Run::OutOfFuel => self.clock.mono_ns += 1_000_000,
                Run::Cancel(_) => {}
                Run::Waiting => panic!("it waits"),
                Run::Need(id, Request::Library(library)) => {
                    let source = match library {
                        Library::Macro(name) => {
                            self.log.push(format!("macro {name}"));
                            if &*name == "lib/unreadable" {
                                let error = Error::new(Kind::Script, "no permission");
                                machine.answer(id, Answer::Err(error));
                                continue;
                            }
                            self.files.get(&*name).copied()
                        }
                        Library::Include { name, path } => {
                            let folder = name.split('/').next().unwrap_or_default().to_owned();
                            self.files.get(format!("{folder}/{path}").as_str()).copied()
                        }
                        Library::Bootstrap => self.bootstrap,
                        Library::Program { .. } => None,
                        Library::Loaded { name, ttl_ms, failure } => {
                            let failure = failure.is_some();
                            self.log.push(format!("loaded {name:?} {ttl_ms:?} {failure}"));
                            continue;
                        }
                    };
                    if let Some(source) = source {
                        machine.answer(id, Answer::Chunk(Chunk::Source(source.into())));
                    }
                    machine.answer(id, Answer::End);
                }
                Run::Need(_, request) => panic!("{request:?}"),
            }
        }
    }

    fn run(&mut self, script: &str) -> String {
        let machine = self.machine(script);
        match machine.failure() {
            Some(failure) => format!("{}: {}", failure.line, failure.error),
            None => machine.stack_json().expect("JSON"),
        }
    }
}

#[test]
fn a_macro_is_loaded_once() {
    let mut platform = Platform::new(&[("lib/double", "// doubles\n<% 2 *\n%>\n")]);
    assert_eq!(platform.run("3 @lib/double @lib/double 'lib/double' RUN"), "[24]");
    assert_eq!(platform.log, ["macro lib/double"]);
    assert_eq!(platform.run("1 @lib/other"), {
        "1: Exception at '1 =>@lib/other<=' in section [TOP] (Unknown macro 'lib/other')"
    });
}

#[test]
fn what_a_source_does_stays_with_it() {
    let source = "1 'x' STORE 2 'y' STORE 3 POPR0 <% 1 %> 'ONE' DEF 9 MAXOPS DROP
        [ $x $y ] 'list' STORE STACKTOLIST DROP <% !$list SIZE %>";
    let source: &'static str = source.replace("9 MAXOPS DROP", "").leak();
    let mut platform = Platform::new(&[("lib/apart", source)]);
    let script =
        "7 'x' STORE 8 POPR0 5 6 @lib/apart $x PUSHR0 'y' DEFINED <% ONE %> <% 'no' %> <% %> TRY";
    let answer = platform.run(script);
    // ONE is unknown to the script: it does not even compile.
    assert!(answer.contains("Unknown function 'ONE'"), "{answer}");
    let script = "7 'x' STORE 8 POPR0 5 6 @lib/apart $x PUSHR0 'y' DEFINED";
    assert_eq!(platform.run(script), "[false,8,7,2,6,5]");
}

#[test]
fn loading_is_not_limited_by_the_script() {
    let source = "0 1 2000 <% + %> FOR 'sum' STORE <% !$sum %>";
    let mut platform = Platform::new(&[("lib/sum", source)]);
    let machine = platform.machine("@lib/sum");
    assert_eq!(machine.stack_json().expect("JSON"), "[2001000]");
    assert!(machine.ops() < 20, "{}", machine.ops());
}

#[test]
fn a_macro_that_cannot_be_loaded_fails_with_the_reason() {
    let files = [
        ("lib/two", "1 <% %>"),
        ("lib/number", "1"),
        ("lib/open", "<% 1"),
        ("lib/word", "\n<% NOPE %>"),
        ("lib/stop", "<% 1 %> STOP"),
    ];
    let mut platform = Platform::new(&files);
    platform.clock.wall_ns = 5_000_000;
    let mut reason = |name: &str| {
        let text = platform.run(&format!(
            "1 'x' STORE <% @lib/{name} %> <% ERROR -1 GET 'message' GET $x %> <% %> TRY"
        ));
        let prefix = format!("[1,\"MSGFAIL [5] Error while loading macro 'lib/{name}': ");
        text.strip_prefix(&prefix).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let depth = "Stack depth was not 1 after the code execution.\"]";
    assert_eq!(reason("two"), depth);
    assert_eq!(reason("open"), depth);
    assert_eq!(reason("number"), "No macro was found on top of the stack.\"]");
    assert!(reason("word").starts_with("Line #2 (Exception at '<% =>NOPE<= %>' in"));
    assert_eq!(reason("stop"), "STOP\"]");
    assert_eq!(reason("unreadable"), "no permission\"]");
    assert!(platform.log.contains(&"loaded Some(\"lib/word\") None true".to_owned()));
}

#[test]
fn loading_in_a_circle_ends() {
    let files = [("lib/a", "@lib/b <% 1 %>"), ("lib/b", "@lib/a <% 2 %>")];
    let mut platform = Platform::new(&files);
    let answer = platform.run("@lib/a");
    assert!(answer.contains("Invalid recursive macro loading (@lib/a >>> @lib/b)"), "{answer}");
    // Calls in a circle are another matter.
    let mut platform = Platform::new(&[("lib/r", "<% DUP 0 > <% 1 - @lib/r %> IFT %>")]);
    assert_eq!(platform.run("3 @lib/r"), "[0]");
    let answer = platform.run("300 @lib/r");
    assert!(answer.contains("Maximum recursion level reached"), "{answer}");
}

#[test]
fn a_loaded_macro_is_secure_and_has_its_name() {
    let files = [
        ("lib/config", "<% 1 1 <% DROP 'key' MACROCONFIG %> FOR %>"),
        ("lib/load", "'key' 'none' MACROCONFIGDEFAULT 'v' STORE <% !$v %>"),
    ];
    let mut platform = Platform::new(&files);
    assert_eq!(platform.run("@lib/config @lib/load"), "[\"none\",\"value\"]");
    let answer = platform.run("'lib/load' 'm' STORE <% @lib/config SNAPSHOT %> EVAL");
    assert!(answer.contains("value"), "{answer}");
}

#[test]
fn sources_include_files() {
    let files = [
        ("lib/a/b", "'c.txt' INCLUDE 'c' STORE <% !$c %>"),
        ("lib/c.txt", "1\n2\n+"),
        ("lib/bad", "'d.txt' INCLUDE <% %>"),
        ("lib/d.txt", "\nNOPE"),
        ("lib/none", "'e.txt' INCLUDE <% %>"),
        ("lib/late", "<% 'c.txt' INCLUDE %>"),
    ];
    let mut platform = Platform::new(&files);
    assert_eq!(platform.run("@lib/a/b"), "[3]");
    let answer = platform.run("@lib/bad");
    assert!(answer.contains("INCLUDE encountered an error line 2. ("), "{answer}");
    let answer = platform.run("@lib/none");
    assert!(answer.contains("INCLUDE was unable to load the file."), "{answer}");
    let answer = platform.run("@lib/late");
    assert!(answer.contains("INCLUDE can only be used when loading macros"), "{answer}");
    assert!(platform.run("'c.txt' INCLUDE").contains("Unknown function 'INCLUDE'"));
}

#[test]
fn the_time_to_live_is_told() {
    let mut platform = Platform::new(&[("lib/ttl", "5000000 MACROTTL <% 1 %>")]);
    assert_eq!(platform.run("@lib/ttl"), "[1]");
    assert_eq!(platform.log[1], "loaded Some(\"lib/ttl\") Some(5000) false");
}

#[test]
fn a_time_limit_ends_loading() {
    let mut platform = Platform::new(&[("lib/endless", "<% true %> <% %> WHILE <% %>")]);
    let script = "4 'x' STORE 5 <% <% @lib/endless %> 1 TIMEBOX %> <% 'caught' %> <% $x %> TRY";
    assert_eq!(platform.run(script), "[4,\"caught\",5]");
    let mut machine = Machine::new(Arc::new(Config::default()), "3 @lib/endless");
    machine.limit_time(1_000);
    platform.finish(&mut machine);
    let failure = machine.failure().expect("it failed");
    assert!(failure.error.to_string().contains("time limit"), "{}", failure.error);
    machine.show_failure(2, "message");
    assert_eq!(machine.stack_json().expect("JSON"), "[\"message\",3]");
}

#[test]
fn scripts_begin_with_what_the_bootstrap_defined() {
    let mut platform = Platform::new(&[]);
    platform.bootstrap = Some("1 'x' STORE <% 2 * %> 'DOUBLE' DEF 3 POPR1 'left'");
    assert_eq!(platform.run("$x DOUBLE PUSHR1"), "[3,2]");
    platform.bootstrap = Some("1 'x' STORE NOPE");
    assert_eq!(platform.run("5"), "[5]");
    assert!(platform.run("$x").contains("Exception at '=>$x<='"));
    assert_eq!(platform.log[0], "loaded None None true");
}

#[test]
fn another_script_loads_anew() {
    let mut platform = Platform::new(&[("lib/one", "<% 1 %>")]);
    let mut machine = platform.machine("@lib/one");
    platform.files.insert("lib/one", "<% 2 %>");
    machine.go_on("@lib/one");
    platform.finish(&mut machine);
    assert_eq!(machine.stack_json().expect("JSON"), "[2,1]");
}
