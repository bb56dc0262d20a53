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
use crate::requests::{Answer, Request, RequestId};
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
    let request: Map<String, Json> = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return json!({"ok": false, "error": error.to_string()}).to_string(),
    };
    let script = request.get("script").and_then(Json::as_str).unwrap_or_default();
    let mut answer = Map::new();
    if let Some(name) = request.get("name") {
        answer.insert("name".to_owned(), name.clone());
    }
    let machine = run(script, config, clock, entropy);
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
    loop {
        match machine.run(SLICE, clock(), entropy) {
            Run::Done => return machine,
            Run::Need(id, request) => refuse(&mut machine, id, &request),
            Run::OutOfFuel | Run::Cancel(_) => (),
            Run::Waiting => machine.abort("The script waits for what nobody gives."),
        }
    }
}

fn refuse(machine: &mut Machine, id: RequestId, request: &Request) {
    let message = match request {
        // A macro that nobody has is no error of the platform.
        Request::Macro(_) | Request::Sleep(_) => return machine.answer(id, Answer::End),
        _ => "There is no store behind this script.",
    };
    machine.answer(id, Answer::Err(Error::new(Kind::Script, message)));
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
