//! Parameters that FETCH and FIND share.

use std::sync::Arc;

use weft_gts::Labels;
use weft_gts::selector::SelectorText;

use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// A class selector and selectors of labels.
pub(super) type Selection = (Arc<str>, Labels);

/// The value of a key; nothing when the map does not have it.
pub(super) fn get(vm: &Machine, map: Handle<Map>, key: &str) -> Option<Value> {
    vm.heap.map(map).get_text(key)
}

/// Whether a key is there and `true`.
pub(super) fn is_true(vm: &Machine, map: Handle<Map>, key: &str) -> bool {
    matches!(get(vm, map, key), Some(Value::Boolean(true)))
}

/// A LONG of at least `least`.
pub(super) fn long(vm: &Machine, map: Handle<Map>, key: &str, least: i64) -> Result<Option<i64>> {
    match get(vm, map, key) {
        None => Ok(None),
        Some(Value::Long(value)) if value >= least => Ok(Some(value)),
        Some(Value::Long(_)) => Err(vm.error(&format!("Parameter '{key}' must be >= {least}."))),
        Some(_) => Err(vm.error(&format!("Invalid type for parameter '{key}'."))),
    }
}

/// A moment in time units, as milliseconds.
pub(super) fn moment_ms(vm: &Machine, map: Handle<Map>, key: &str) -> Result<Option<i64>> {
    Ok(long(vm, map, key, i64::MIN)?.map(|tick| tick / vm.config.time_unit.per_ms()))
}

/// `priority` decides nothing here; it must be a list all the same.
pub(super) fn check_priority(vm: &Machine, map: Handle<Map>) -> Result {
    match get(vm, map, "priority") {
        Some(value) if value.as_list().is_none() => {
            Err(vm.error("Invalid type for parameter 'priority', expected a LIST."))
        }
        _ => Ok(()),
    }
}

/// A value as the reference's `toString()`.
pub(super) fn text(vm: &mut Machine, value: Value) -> Result<Arc<str>> {
    match value {
        Value::String(text) => Ok(Arc::clone(vm.heap.text(text))),
        value => crate::text::to_text(vm, value).map(Arc::from),
    }
}

/// A selector's text, taken apart.
pub(super) fn parse_selector(text: &str) -> Result<Selection> {
    let selector = SelectorText::parse(text).map_err(|error| Fault::text(error.to_string()))?;
    Ok((selector.class.into(), selector.labels.into_iter().collect()))
}

/// A map of labels to selectors.
pub(super) fn labels(vm: &Machine, value: Value) -> Result<Labels> {
    let Value::Map(map) = value else {
        return Err(vm.error("label selector must be a map."));
    };
    let mut labels = Labels::new();
    for (name, value) in &vm.heap.map(map).entries {
        let (Some(name), Some(value)) = (name.as_text(), vm.as_text(*value)) else {
            return Err(vm.error("keys and values of label selector must be STRINGs."));
        };
        labels.insert(&**name, &**value);
    }
    Ok(labels)
}

/// `selectors`, `selector`, or `class` and `labels`; nothing when none of them is there.
pub(super) fn selections(vm: &mut Machine, map: Handle<Map>) -> Result<Option<Vec<Selection>>> {
    if let Some(list) = get(vm, map, "selectors") {
        let Some(list) = list.as_list() else {
            return Err(vm.error("Invalid parameter 'selectors'"));
        };
        let mut selections = Vec::new();
        for value in vm.heap.list(list).clone() {
            let text = text(vm, value)?;
            selections.push(parse_selector(&text)?);
        }
        return Ok(Some(selections));
    }
    if let Some(value) = get(vm, map, "selector") {
        let text = text(vm, value)?;
        return Ok(Some(vec![parse_selector(&text)?]));
    }
    match (get(vm, map, "class"), get(vm, map, "labels")) {
        (Some(class), Some(selectors)) => {
            let class = text(vm, class)?;
            Ok(Some(vec![(class, labels(vm, selectors)?)]))
        }
        _ => Ok(None),
    }
}
