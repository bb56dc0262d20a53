//! Capabilities: what a script may do beyond the ordinary, as tokens grant it.

use crate::error::{Fault, Result};
use crate::heap::{Map, Text};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::tokens;
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "capabilities",
    words: &[
        word(
            "CAPGET",
            capget,
            "2.10.0",
            "name<STRING> CAPGET value<STRING>\nnames<LIST> CAPGET values<MAP>",
            "The value of a capability, NULL when the script does not have it. With a list, a map \
             of those; with an empty list or NULL, of all.",
            &[("'x' CAPGET", "[null]"), ("NULL CAPGET", "[{}]")],
        ),
        word(
            "CAPADD",
            capadd,
            "2.7.2",
            "token<STRING> CAPADD",
            "Takes the capabilities that a token grants, except those that the script has already.",
            &[("'x' CAPADD", "!invalid token.")],
        ),
        word(
            "CAPCHECK",
            capcheck,
            "2.10.0",
            "name<STRING> CAPCHECK present<BOOLEAN>",
            "Says whether the script has a capability.",
            &[("'x' CAPCHECK", "[false]")],
        ),
        word(
            "CAPDEL",
            capdel,
            "2.10.0",
            "name<STRING> CAPDEL\nnames<LIST> CAPDEL",
            "Gives capabilities up: one, several, or with NULL all.",
            &[("NULL CAPDEL", "[]")],
        ),
        word(
            "CAPEXPORT",
            capexport,
            "2.10.0",
            "name<STRING> CAPEXPORT\nnames<LIST> CAPEXPORT",
            "Inside GUARD, names capabilities that stay after the guarded macro; NULL lets the \
             guard outside hand them on too.",
            &[("'x' CAPEXPORT", "!can only be called from a GUARDed macro.")],
        ),
    ],
};

/// The value of a capability.
pub(crate) fn get(vm: &Machine, name: &str) -> Option<Text> {
    vm.settings.capabilities.get(name).map(Text::clone)
}

/// A capability that is a number, or a default.
///
/// # Errors
/// When the capability is no number.
pub(crate) fn get_long(vm: &Machine, name: &str, default: i64) -> Result<i64> {
    match get(vm, name) {
        Some(value) => value.parse().map_err(|_| Fault::text("Error parsing capability.")),
        None => Ok(default),
    }
}

/// A span in time units: ISO 8601 (`PT5S`) or a number of milliseconds. At least 0.
pub(crate) fn duration(vm: &Machine, text: &str) -> Option<i64> {
    let unit = vm.config.time_unit;
    if text.starts_with('P') {
        let span: jiff::Span = text.parse().ok()?;
        let options = jiff::SpanTotal::from(jiff::Unit::Nanosecond).days_are_24_hours();
        let ns = span.total(options).ok()?;
        return Some((ns / (1e9 / unit.per_second() as f64)).max(0.0) as i64);
    }
    let ms: i64 = text.parse().ok()?;
    Some(ms.saturating_mul(unit.per_ms()).max(0))
}

/// Adds a capability unless the script has one of that name.
pub(crate) fn add(vm: &mut Machine, name: &str, value: &str) {
    vm.settings.capabilities.entry(name.into()).or_insert_with(|| value.into());
}

fn capget(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::String(name) => match get(vm, vm.heap.text(name)) {
            Some(value) => vm.push_string(value),
            None => vm.push(Value::Null),
        },
        top if top.is_null() || top.as_list().is_some() => {
            let names: Vec<Value> =
                top.as_list().map_or_else(Vec::new, |list| vm.heap.list(list).clone());
            let all = names.is_empty();
            let mut map = Map::default();
            if all {
                for (name, value) in vm.settings.capabilities.clone() {
                    let value = vm.heap.string(value)?;
                    map.entries.insert(vm.heap.text_key(&name)?, value);
                }
            }
            // Names that the script does not have are there too once it has any capability.
            let any = !vm.settings.capabilities.is_empty();
            for name in names {
                let Some(text) = vm.as_text(name).map(Text::clone) else { continue };
                let value = match get(vm, &text) {
                    Some(value) => vm.heap.string(value)?,
                    None if any => Value::Null,
                    None => continue,
                };
                map.entries.insert(vm.heap.key(name)?, value);
            }
            vm.push_map(map)
        }
        _ => Err(vm.error("expects a capability name (STRING) or a LIST thereof.")),
    }
}

/// What names of attributes that are capabilities start with.
const PREFIX: &str = ".cap:";

fn capadd(vm: &mut Machine) -> Result {
    let token = vm.pop_text("expects a TOKEN.")?;
    let attributes = match tokens::read(vm, &token) {
        Ok(token) => token.attributes,
        Err(_) => match tokens::write(vm, &token) {
            Ok(token) => token.attributes,
            Err(_) => return Err(Fault::text("invalid token.")),
        },
    };
    for (name, value) in attributes.iter().flat_map(weft_gts::Labels::iter) {
        if let Some(name) = name.strip_prefix(PREFIX) {
            add(vm, name, value);
        }
    }
    Ok(())
}

fn capcheck(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING capability name.")?;
    vm.push(get(vm, &name).is_some())
}

fn capdel(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::Null => vm.settings.capabilities.clear(),
        Value::String(name) => {
            let name = Text::clone(vm.heap.text(name));
            vm.settings.capabilities.shift_remove(&name);
        }
        top => {
            let Some(list) = top.as_list() else {
                return Err(vm.error("expects a capability name (STRING), a LIST thereof or NULL."));
            };
            for name in vm.heap.list(list).clone() {
                if let Some(name) = vm.as_text(name).map(Text::clone) {
                    vm.settings.capabilities.shift_remove(&name);
                }
            }
        }
    }
    Ok(())
}

fn capexport(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    if vm.settings.exported_capabilities.is_none() {
        return Err(vm.error("can only be called from a GUARDed macro."));
    }
    let names = match top.as_list() {
        Some(list) => vm.heap.list(list).clone(),
        None => vec![top],
    };
    for name in names {
        let name = match name {
            Value::Null => None,
            Value::String(text) => Some(Text::clone(vm.heap.text(text))),
            _ => {
                return Err(vm.error("expects NULL, a capability name (STRING) or a LIST thereof."));
            }
        };
        if let Some(exported) = &mut vm.settings.exported_capabilities {
            exported.push(name);
        }
    }
    Ok(())
}
