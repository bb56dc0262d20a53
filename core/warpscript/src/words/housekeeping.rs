//! Words about the platform itself that do little here: what they are about is not there, and they
//! say so as the reference does then.

use weft_gts::{SipKey, WrapKey};
use weft_wire::opb64;
use weft_wire::thrift::LoggingEvent;

use crate::error::Result;
use crate::heap::Map;
use crate::machine::Machine;
use crate::registry::{Extension, Family, word};
use crate::value::Value;
use crate::words::capabilities;
use crate::words::platform::REVISION;

pub(super) static FAMILY: Family = Family {
    name: "housekeeping",
    words: &[
        word(
            "ACCEL.CACHE",
            |_| Ok(()),
            "2.5.0",
            "ACCEL.CACHE",
            "Has the accelerator's cache used. This platform has no accelerator.",
            &[("ACCEL.CACHE", "[]")],
        ),
        word(
            "ACCEL.NOCACHE",
            |_| Ok(()),
            "2.5.0",
            "ACCEL.NOCACHE",
            "Keeps the accelerator's cache from being used. This platform has no accelerator.",
            &[("ACCEL.NOCACHE", "[]")],
        ),
        word(
            "ACCEL.PERSIST",
            |_| Ok(()),
            "2.5.0",
            "ACCEL.PERSIST",
            "Has the store behind the accelerator used. This platform has no accelerator.",
            &[("ACCEL.PERSIST", "[]")],
        ),
        word(
            "ACCEL.NOPERSIST",
            |_| Ok(()),
            "2.5.0",
            "ACCEL.NOPERSIST",
            "Keeps the store behind the accelerator from being used. This platform has no \
             accelerator.",
            &[("ACCEL.NOPERSIST", "[]")],
        ),
        word(
            "ACCEL.REPORT",
            accelerator,
            "2.5.0",
            "ACCEL.REPORT report<MAP>",
            "How the accelerator is set. This platform has none: what a platform without it says.",
            &[("ACCEL.REPORT 'status' GET", "[false]")],
        ),
        word(
            "REPORT",
            report,
            "2.0.3",
            "REPORT report<STRING>",
            "What an operator wants to know of the platform: its release, extensions and \
             configuration without secrets. Nothing is ever sent anywhere. Needs the capability \
             `report`.",
            &[("REPORT", "!REPORT missing capability.")],
        ),
        word(
            "LOGEVENT->",
            log_event,
            "1.2.6",
            "event<STRING> LOGEVENT-> attributes<MAP>",
            "The attributes of an event of an encrypted log (`warp.aes.logging`).",
            &[("'x' LOGEVENT->", "!LOGEVENT-> logging key not set.")],
        )
        .of(Extension::Logging),
    ],
};

fn accelerator(vm: &mut Machine) -> Result {
    let mut defaults = || {
        let both = vec![vm.heap.string("cache")?, vm.heap.string("persist")?];
        vm.heap.new_list(both)
    };
    let (read, write, delete) = (defaults()?, defaults()?, defaults()?);
    push_map(
        vm,
        [
            ("status", Value::Boolean(false)),
            ("cache", Value::Boolean(false)),
            ("persist", Value::Boolean(true)),
            ("accelerated", Value::Boolean(false)),
            ("chunkcount", Value::Long(0)),
            ("chunkspan", Value::Long(0)),
            ("defaults.read", read),
            ("defaults.write", write),
            ("defaults.delete", delete),
        ],
    )
}

fn push_map<const N: usize>(vm: &mut Machine, entries: [(&str, Value); N]) -> Result {
    let mut map = Map::default();
    for (name, value) in entries {
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.push_map(map)
}

/// Parts of the names of keys whose values nobody is told.
const SECRET: [&str; 7] = [".key", ".aes", ".hash", ".mac", ".psk", ".secret", ".password"];

fn report(vm: &mut Machine) -> Result {
    if capabilities::get(vm, "report").is_none() {
        return Err(vm.error("missing capability."));
    }
    let mut text = format!("\n[revision]\n{REVISION}\n\n[extensions]\n");
    for extension in &vm.config.extensions {
        text.push_str(&format!("{extension}\n"));
    }
    text.push_str("\n[plugins]\n\n[config]\n");
    let is_told = |key: &str| !SECRET.iter().any(|part| key.contains(part));
    for (key, value) in vm.config.properties.iter().filter(|(key, _)| is_told(key)) {
        text.push_str(&format!("{key}={value}\n"));
    }
    vm.charge(text.len() / 16);
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    let length = text.len() as u64;
    let sum = SipKey::new(length, length).hash(text.as_bytes());
    let now_ms = vm.clock.wall_ns.div_euclid(1_000_000);
    vm.push_string(format!("[report]\n{now_ms}.{lines}.{sum:x}\n{text}"))
}

fn log_event(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let Some(key) = vm.config.keys.logging_aes.as_deref().and_then(|key| WrapKey::new(key).ok())
    else {
        return Err(vm.error("logging key not set."));
    };
    let text = vm.as_text(top).cloned();
    let event = text.and_then(|text| {
        let wrapped = opb64::decode(text.as_bytes()).ok()?;
        LoggingEvent::decode(&key.unwrap(&wrapped).ok()?).ok()
    });
    let Some(event) = event else { return Err(vm.error("cannot decode the input.")) };
    let Some(attributes) = event.attributes else { return vm.push(Value::Null) };
    vm.charge(attributes.len());
    let mut map = Map::default();
    for (name, value) in attributes.iter() {
        let value = vm.heap.string(value)?;
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.push_map(map)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::jsonl;
    use crate::machine::Clock;

    fn run(config: Config, script: &str, capabilities: &[&str]) -> String {
        let mut machine = Machine::new(Arc::new(config), script);
        capabilities.iter().for_each(|name| machine.grant(name, ""));
        jsonl::finish(&mut machine, &mut Clock::default, [0; 32], &mut |_| Ok(None));
        match machine.failure() {
            Some(failure) => failure.error.to_string(),
            None => machine.stack_json().expect("JSON"),
        }
    }

    #[test]
    fn a_report_tells_no_secrets() {
        let mut config = Config::default();
        config.set("warp.timeunits", "ms");
        config.set("token.secret", "hidden");
        config.set("warp.aes.token", "hex:00");
        config.set("warpscript.extension.x", "a.B");
        let expected = "[\"[report]\\n0.12.";
        let report = run(config, "REPORT", &["report"]);
        assert!(report.starts_with(expected), "{report}");
        assert!(report.contains("\\n[extensions]\\na.B\\n"), "{report}");
        assert!(report.contains("warp.timeunits=ms\\n"), "{report}");
        assert!(!report.contains("hidden") && !report.contains("aes"), "{report}");
    }

    #[test]
    fn an_event_of_a_log_is_read() {
        let key = [7; 32];
        let attributes = [("a", "1"), ("b", "é")].into_iter().collect();
        let event = LoggingEvent { attributes: Some(attributes) };
        let wrapped = WrapKey::new(&key).expect("a key").wrap(&event.encode());
        let text = opb64::encode(&wrapped);
        let mut config = Config::default();
        config.keys.logging_aes = Some(key.to_vec());
        config.extensions.push(Extension::Logging.class().to_owned());
        let script = format!("'{text}' LOGEVENT->");
        assert_eq!(run(config.clone(), &script, &[]), "[{\"a\":\"1\",\"b\":\"\\u00E9\"}]");
        let failed = run(config, "'abc' LOGEVENT->", &[]);
        assert!(failed.contains("LOGEVENT-> cannot decode the input."), "{failed}");
    }
}
