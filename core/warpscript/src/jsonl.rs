//! Running scripts one JSON line at a time, for tools that judge an engine.
//!
//! A line `{"name": …, "script": …}` is answered with
//! `{"name": …, "ok": true, "json": "<the body /exec would give>", "types": ["LONG", …]}` or
//! `{"name": …, "ok": false, "error": "…", "line": n}`. There is no store behind it: every request
//! of a script fails.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::config::{Config, Limits};
use crate::error::{Error, Kind};
use crate::machine::{Clock, Machine, Run};
use crate::requests::{Answer, Chunk, Library, Request, RequestId};
use crate::text::type_name;

/// How much a script works between two looks at the clock.
const SLICE: u64 = 100_000;

/// Runs the script of one line. `clock` and `entropy` are asked before every slice.
pub fn answer(
    line: &str,
    config: &Arc<Config>,
    clock: &mut dyn FnMut() -> Clock,
    entropy: [u8; 32],
) -> String {
    answer_with(line, &mut |script| run(script, config, clock, entropy))
}

/// Runs the script of one line with `run`.
pub fn answer_with(line: &str, run: &mut dyn FnMut(&str) -> Machine) -> String {
    let request: Map<String, Json> = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return json!({"ok": false, "error": error.to_string()}).to_string(),
    };
    let script = request.get("script").and_then(Json::as_str).unwrap_or_default();
    let mut answer = Map::new();
    if let Some(name) = request.get("name") {
        answer.insert("name".to_owned(), name.clone());
    }
    let machine = run(script);
    let (json, error) = match machine.failure() {
        None => match machine.stack_json() {
            Ok(json) => (json, None),
            Err(fault) => (String::new(), Some(fault.into_error().to_string())),
        },
        Some(failure) => (String::new(), Some(failure.error.to_string())),
    };
    match error {
        None => {
            let types = machine.visible().iter().rev();
            let types: Vec<&str> = types.map(|v| type_name(&machine.heap, *v)).collect();
            answer.insert("ok".to_owned(), json!(true));
            answer.insert("json".to_owned(), json!(json));
            answer.insert("types".to_owned(), json!(types));
        }
        Some(error) => {
            answer.insert("ok".to_owned(), json!(false));
            answer.insert("error".to_owned(), json!(error));
            let line = machine.failure().map_or(0, |f| f.line);
            answer.insert("line".to_owned(), json!(line));
        }
    }
    Json::Object(answer).to_string()
}

/// Runs a script to its end without a platform behind it.
pub fn run(
    script: &str,
    config: &Arc<Config>,
    clock: &mut dyn FnMut() -> Clock,
    entropy: [u8; 32],
) -> Machine {
    let mut machine = Machine::new(Arc::clone(config), script);
    finish(&mut machine, clock, entropy, &mut |_| Ok(None));
    machine
}

/// Answers questions to a library of scripts: a source, if there is one, or why it cannot be read.
pub type Librarian<'a> = &'a mut dyn FnMut(&Library) -> Result<Option<Arc<str>>, String>;

/// Runs a machine to its end without a platform behind it but a library of scripts.
pub fn finish(
    machine: &mut Machine,
    clock: &mut dyn FnMut() -> Clock,
    entropy: [u8; 32],
    library: Librarian<'_>,
) {
    loop {
        match machine.run(SLICE, clock(), entropy) {
            Run::Done => return,
            Run::Need(id, request) => answer_request(machine, id, &request, library),
            Run::OutOfFuel | Run::Cancel(_) => (),
            Run::Waiting => machine.abort("The script waits for what nobody gives."),
        }
    }
}

/// Answers a request where there is no platform but a library of scripts.
pub fn answer_request(
    machine: &mut Machine,
    id: RequestId,
    request: &Request,
    library: Librarian<'_>,
) {
    let answer = match request {
        Request::Library(ask) => match library(ask) {
            Ok(Some(source)) => {
                machine.answer(id, Answer::Chunk(Chunk::Source(source)));
                Answer::End
            }
            // A macro that nobody has is no error of the platform.
            Ok(None) => Answer::End,
            Err(reason) => Answer::Err(Error::new(Kind::Script, reason)),
        },
        Request::Sleep(_) => Answer::End,
        Request::Scripts(_) | Request::Shared(_) | Request::Switch(_) => {
            Answer::Err(Error::new(Kind::Script, "needs a server that runs the script."))
        }
        _ => Answer::Err(Error::new(Kind::Script, "There is no store behind this script.")),
    };
    machine.answer(id, answer);
}

/// The configuration that the recorded cases were made with: soft limits lifted, keys known.
///
/// `properties` are lines `key = value` of a configuration file.
pub fn config(properties: &str) -> Config {
    let mut config = Config::default();
    let lines = properties.lines().map(str::trim).filter(|l| !l.starts_with('#'));
    for (key, value) in lines.filter_map(|l| l.split_once('=')) {
        config.set(key.trim(), value.trim());
    }
    config.soft = Limits::MAX;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_answered() {
        let config = Arc::new(config("warp.hash.class = hex:000102030405060708090a0b0c0d0e0f"));
        assert_eq!(config.keys.class.map(|k| k[15]), Some(15));
        let run = |line: &str| answer(line, &config, &mut Clock::default, [0; 32]);
        assert_eq!(
            run(r#"{"name":"n","script":"1 2 SWAP"}"#),
            r#"{"name":"n","ok":true,"json":"[1,2]","types":["LONG","LONG"]}"#
        );
        assert!(run(r#"{"script":"1 FOO"}"#).contains("Unknown function 'FOO'"));
        assert!(run("nonsense").contains("\"ok\":false"));
    }
}
