//! Keys and values beside series.

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::tokens;
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "kv",
    words: &[
        word(
            "KVSTORE",
            store,
            "3.5.0",
            "pairs<MAP> token<STRING> KVSTORE",
            "Stores keys with values, each a STRING or BYTES, for the owner of a write token; NULL \
             removes a key. This platform stores series only.",
            &[("{} 'x' KVSTORE", "!Invalid token."), ("1 KVSTORE", "!missing token.")],
        ),
        word(
            "KVLOAD",
            load,
            "3.5.0",
            "parameters<MAP> KVLOAD pairs<MAP>",
            "Reads what KVSTORE stored. This platform stores series only.",
            &[
                ("{} KVLOAD", "!expects a token under 'token'."),
                ("1 KVLOAD", "!operates on a map."),
            ],
        ),
    ],
};

/// Longest key and value, in bytes, unless the token says otherwise.
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 1024;

fn no_store() -> Fault {
    Fault::text("There is no store for keys and values on this platform.")
}

/// The bytes of a key; texts must be ASCII.
fn key_length(vm: &Machine, key: Value, what: &str) -> Result<usize> {
    match key {
        Value::Bytes(bytes) => Ok(vm.heap.bytes(bytes).len()),
        Value::String(text) => {
            let text = vm.heap.text(text);
            if text.is_ascii() {
                return Ok(text.len());
            }
            Err(vm.error("STRING keys cannot contain non ASCII characters."))
        }
        _ => Err(vm.error(what)),
    }
}

fn store(vm: &mut Machine) -> Result {
    let token = vm.pop_text("missing token.")?;
    let token = tokens::write(vm, &token).map_err(|error| Fault::text(error.to_string()))?;
    let map = vm.pop_map("operates on a map.")?;
    let limit = |name: &str, default: usize| {
        let text = token.attributes.as_ref().and_then(|a| a.get(name));
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (key_max, value_max) = (limit(".kvmaxk", KEY_MAX), limit(".kvmaxv", VALUE_MAX));
    for (key, value) in &vm.heap.map(map).entries {
        let length = key_length(vm, key.value(), "keys are expected to be BYTES or STRING.")?;
        if length > key_max {
            let message = format!("maximum allowed key size is {key_max} bytes.");
            return Err(vm.error(&message));
        }
        let length = match value {
            Value::Null => 0,
            Value::Bytes(bytes) => vm.heap.bytes(*bytes).len(),
            Value::String(text) => vm.heap.text(*text).len(),
            _ => return Err(vm.error("values are expected to be BYTES or STRING.")),
        };
        if length > value_max {
            let message = format!("maximum allowed value size is {value_max} bytes.");
            return Err(vm.error(&message));
        }
    }
    Err(no_store())
}

fn load(vm: &mut Machine) -> Result {
    let map = vm.pop_map("operates on a map.")?;
    let parameter = |vm: &Machine, name: &str| vm.heap.map(map).get_text(name).unwrap_or_default();
    let Some(token) = vm.as_text(parameter(vm, "token")).cloned() else {
        return Err(vm.error("expects a token under 'token'."));
    };
    tokens::read(vm, &token).map_err(|error| Fault::text(error.to_string()))?;
    match parameter(vm, "keys").as_list() {
        Some(keys) => {
            for key in vm.heap.list(keys) {
                key_length(vm, *key, "expects 'keys' to contain a list of BYTES or STRING keys.")?;
            }
        }
        None => {
            for name in ["start", "end"] {
                key_length(vm, parameter(vm, name), "expects keys to be STRING or BYTES.")?;
            }
        }
    }
    Err(no_store())
}
