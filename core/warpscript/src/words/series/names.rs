//! What series are called.

use weft_gts::{Labels, Metadata, percent};

use crate::error::Result;
use crate::heap::Map;
use crate::machine::Machine;
use crate::value::Value;
use crate::words::points;

/// The metadata of a series or encoder.
pub(super) fn metadata(vm: &Machine, value: Value) -> Option<&Metadata> {
    match value {
        Value::Gts(gts) => Some(&vm.heap.gts(gts).series.metadata),
        Value::Encoder(encoder) => Some(&vm.heap.encoder(encoder).metadata),
        _ => None,
    }
}

/// Changes the metadata of a series or encoder; fails for anything else.
fn change(
    vm: &mut Machine,
    value: Value,
    message: &str,
    change: impl FnOnce(&mut Metadata),
) -> Result<Value> {
    match value {
        Value::Gts(gts) => change(&mut vm.heap.change_gts(gts)?.series.metadata),
        Value::Encoder(encoder) => change(&mut vm.heap.change_encoder(encoder)?.metadata),
        _ => return Err(vm.error(message)),
    }
    Ok(value)
}

fn pop_metadata(vm: &mut Machine) -> Result<Value> {
    let value = vm.pop()?;
    match metadata(vm, value) {
        Some(_) => Ok(value),
        None => Err(vm.error("expects a Geo Time Series or encoder instance on top of the stack.")),
    }
}

pub(super) fn name(vm: &mut Machine) -> Result {
    let value = pop_metadata(vm)?;
    match metadata(vm, value).and_then(|m| m.name.clone()) {
        Some(name) => vm.push_string(name),
        None => vm.push(Value::Null),
    }
}

pub(super) fn labels(vm: &mut Machine) -> Result {
    let value = pop_metadata(vm)?;
    let labels = metadata(vm, value).map(|m| m.labels.clone()).unwrap_or_default();
    push_labels(vm, &labels)
}

pub(super) fn attributes(vm: &mut Machine) -> Result {
    let value = pop_metadata(vm)?;
    let attributes = metadata(vm, value).map(|m| m.attributes.clone()).unwrap_or_default();
    push_labels(vm, &attributes)
}

fn push_labels(vm: &mut Machine, labels: &Labels) -> Result {
    let map = points::labels_map(vm, labels)?;
    vm.push_map(map)
}

pub(super) fn last_activity(vm: &mut Machine) -> Result {
    let value = pop_metadata(vm)?;
    let millis = metadata(vm, value).and_then(|m| m.last_activity).unwrap_or(0);
    vm.push(millis.wrapping_mul(vm.config.time_unit.per_ms()))
}

pub(super) fn rename(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING name.")?;
    points::each(vm, |vm, value| {
        let message = "expects a GeoTimeSeries, a GTSEncoder or a list thereof under the new name.";
        let value = change(vm, value, message, |metadata| {
            metadata.name = Some(match name.strip_prefix('+') {
                Some(suffix) => format!("{}{suffix}", metadata.class()),
                None => name.to_string(),
            });
        })?;
        if let Value::Gts(gts) = value {
            vm.heap.change_gts(gts)?.renamed = true;
        }
        Ok(value)
    })
}

/// Changes of labels: names and their new values. `None` as a name takes all labels away first.
type Changes = Vec<(Option<String>, Option<String>)>;

/// Reads a map of strings.
fn read_changes(vm: &Machine, map: &Map, message: &str) -> Result<Changes> {
    let mut changes = Vec::with_capacity(map.entries.len());
    for (key, value) in &map.entries {
        let name = match key.value() {
            Value::Null => None,
            Value::String(_) => key.as_text().map(ToString::to_string),
            _ => return Err(vm.error(message)),
        };
        let value = match *value {
            Value::Null => None,
            value => Some(vm.as_text(value).ok_or_else(|| vm.error(message))?.to_string()),
        };
        changes.push((name, value));
    }
    Ok(changes)
}

fn apply_changes(labels: &mut Labels, changes: &Changes) {
    if changes.iter().any(|(name, _)| name.is_none()) {
        labels.clear();
    }
    for (name, value) in changes {
        match (name, value) {
            (Some(name), Some(value)) if !value.is_empty() => {
                labels.insert(name.clone(), value.clone());
            }
            (Some(name), _) => {
                labels.remove(name);
            }
            (None, _) => (),
        }
    }
}

pub(super) fn relabel(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a map of labels as parameter.")?;
    let changes = read_changes(vm, vm.heap.map(map), "keys and values MUST be STRING or NULL")?;
    points::each(vm, |vm, value| {
        let message =
            "expects a Geo Time Series, a GTSEncoder or a list thereof under the labels parameter.";
        change(vm, value, message, |metadata| apply_changes(&mut metadata.labels, &changes))
    })
}

pub(super) fn set_attributes(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a map of attributes as parameter.")?;
    points::each(vm, |vm, value| {
        let message = "attribute key and value MUST be of type String.";
        let mut entries = vm.heap.map(map).clone();
        // What a NULL key holds is of no interest.
        entries.entries.iter_mut().filter(|(k, _)| k.value().is_null()).for_each(|(_, v)| {
            *v = Value::Null;
        });
        let target = metadata(vm, value).is_some();
        let changes =
            if target { read_changes(vm, &entries, message)? } else { Changes::default() };
        let message =
            "expects a GeoTimeSeries, a GTSEncoder or a list thereof under the attribute map.";
        change(vm, value, message, |metadata| apply_changes(&mut metadata.attributes, &changes))
    })
}

pub(super) fn to_selector(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| {
        let Some(metadata) = metadata(vm, value) else {
            return Err(vm.error(
                "expects a GeoTimeSeries, a GTSEncoder or a list thereof on top of the stack.",
            ));
        };
        let selector = selector(metadata, vm.config.absent_labels);
        vm.heap.string(selector)
    })
}

/// The selector of one series: names escaped, labels in order.
fn selector(metadata: &Metadata, absent_labels: bool) -> String {
    let name = metadata.class();
    let mut selector = String::new();
    if name.starts_with(['=', '~']) {
        selector.push('=');
    }
    selector.push_str(&percent::encode(name));
    selector.push('{');
    let mut labels: Vec<(&str, &str)> = metadata.labels.iter().collect();
    labels.sort_by(|a, b| crate::java::compare_texts(a.0, b.0));
    for (index, (name, value)) in labels.into_iter().enumerate() {
        if index > 0 {
            selector.push(',');
        }
        selector.push_str(&percent::encode(name));
        // Where an empty value does not mean an absent label, an expression says it.
        if value.is_empty() && !absent_labels {
            selector.push_str("~$");
        } else {
            selector.push('=');
            selector.push_str(&percent::encode(value));
        }
    }
    selector.push('}');
    selector
}
