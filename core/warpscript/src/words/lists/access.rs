//! Elements by index or key: GET, PUT, SET, REMOVE, SUBLIST.

use weft_gts::{Columns, PointRef, Value as PointValue};

use super::basic::copy_list;
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::{Bytes, Gts, Key, List};
use crate::machine::Machine;
use crate::utf16;
use crate::value::{Handle, Value};
use crate::words::points;

/// The place of an index, counted from the end when negative.
pub(super) fn checked_index(index: i32, size: usize) -> Result<usize> {
    let bound = |text: String| Fault::text(format!("Index out of bound, {text}"));
    let size = size as i64;
    let mut place = i64::from(index);
    if place < 0 {
        place += size;
    } else if place >= size {
        return Err(bound(format!("{place} >= {size}")));
    }
    if place < 0 {
        return Err(bound(format!("{index} < -{size}")));
    }
    Ok(place as usize)
}

/// What is at `key` in a collection.
fn get_from(vm: &mut Machine, key: Value, collection: Value) -> Result<Value> {
    let index = |kind: &str| match key {
        Value::Long(index) => Ok(index as i32),
        _ => Err(Fault::text(format!("Getting on {kind} requires a LONG."))),
    };
    match collection {
        Value::List(list) | Value::Vector(list) => {
            let values = vm.heap.list(list);
            Ok(values[checked_index(index("LIST")?, values.len())?])
        }
        Value::Map(map) => {
            let found = match key {
                Value::String(text) => vm.heap.map(map).get_text(vm.heap.text(text)),
                key => vm.heap.map(map).entries.get(&vm.heap.key(key)?).copied(),
            };
            Ok(found.unwrap_or_default())
        }
        Value::String(text) => {
            let text = crate::heap::Text::clone(vm.heap.text(text));
            if text.is_ascii() {
                let at = checked_index(index("STRING")?, text.len())?;
                return vm.heap.character(char::from(text.as_bytes()[at]));
            }
            vm.charge(text.len() / 4);
            let at = checked_index(index("STRING")?, utf16::len(&text))?;
            vm.heap.string(utf16::slice(&text, at, at + 1))
        }
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            let at = checked_index(index("BYTES")?, bytes.len())?;
            Ok(Value::Long(i64::from(bytes[at])))
        }
        _ => Err(Fault::text("Invalid OBJECT to GET on.")),
    }
}

pub(super) fn get(vm: &mut Machine) -> Result {
    let (key, collection) = (vm.pop()?, vm.pop()?);
    let value = match (key.as_list(), collection.as_list()) {
        (Some(path), Some(_)) => get_path(vm, path, collection),
        _ => get_from(vm, key, collection),
    };
    let value = value.map_err(|fault| fault.wrap("GET failed."))?;
    vm.push(value)
}

fn get_path(vm: &mut Machine, path: Handle<List>, collection: Value) -> Result<Value> {
    let mut value = collection;
    for key in copy_list(vm, path)? {
        value = get_from(vm, key, value)?;
    }
    Ok(value)
}

fn java_bounds(index: i64, size: usize) -> Fault {
    Fault::kind(Kind::Bounds, format!("Index {index} out of bounds for length {size}"))
}

/// Sets an element at an index that is not counted from the end.
fn set_plain(vm: &mut Machine, list: Handle<List>, index: i64, value: Value) -> Result {
    let mut values = vm.heap.change_list(list)?;
    let size = values.len();
    let place = usize::try_from(index).ok().and_then(|at| values.get_mut(at));
    *place.ok_or_else(|| java_bounds(index, size))? = value;
    Ok(())
}

pub(super) fn put(vm: &mut Machine) -> Result {
    let (key, value) = (vm.pop()?, vm.pop()?);
    match vm.peek(0)? {
        Value::Map(map) => {
            let key = vm.heap.key(key)?;
            vm.heap.claim(2 * (size_of::<Key>() + 34))?;
            vm.heap.change_map(map)?.entries.insert(key, value);
            Ok(())
        }
        Value::List(list) | Value::Vector(list) => match key {
            Value::Long(index) => set_plain(vm, list, i64::from(index as i32), value),
            _ => Err(vm.error("expects a key which is an integer when operating on a list.")),
        },
        _ => Err(vm.error("operates on a map or list.")),
    }
}

pub(super) fn set(vm: &mut Machine) -> Result {
    let (key, value) = (vm.pop()?, vm.pop()?);
    let target = vm.peek(0)?;
    if target.as_list().is_none() && !matches!(target, Value::Bytes(_)) {
        return Err(vm.error("operates on a list or byte array."));
    }
    match (key, target) {
        (Value::List(path) | Value::Vector(path), _) => set_path(vm, path, target, value),
        (Value::Long(index), Value::List(list) | Value::Vector(list)) => {
            let at = checked_index(index as i32, vm.heap.list(list).len())?;
            vm.heap.change_list(list)?[at] = value;
            Ok(())
        }
        (Value::Long(index), Value::Bytes(bytes)) => {
            let Value::Long(byte @ -128..=255) = value else {
                return Err(vm.error(
                    "expects the element to be a LONG in either [0,255] or [-128,127], when \
                     operating on a byte array.",
                ));
            };
            let at = checked_index(index as i32, vm.heap.bytes(bytes).len())?;
            let mut changed = vm.heap.bytes(bytes).to_vec();
            changed[at] = byte as u8;
            vm.charge(changed.len() / 16);
            *vm.heap.change_bytes(bytes)? = Bytes::from(changed);
            Ok(())
        }
        _ => Err(vm.error("expects a key which is an LONG or a list of LONG.")),
    }
}

fn set_path(vm: &mut Machine, path: Handle<List>, target: Value, value: Value) -> Result {
    let mut indices = Vec::new();
    for key in vm.heap.list(path) {
        let Value::Long(index) = key else {
            return Err(vm.error(
                "expects the key to be an integer or a list of integers when operating on a List.",
            ));
        };
        indices.push(*index);
    }
    let last = indices.pop().ok_or_else(|| java_bounds(-1, 0))?;
    if target.as_list().is_none() {
        return Err(Fault::Error(Box::new(Error::bare(Kind::Cast))));
    }
    let mut container = target;
    for index in indices {
        let inner = container.as_list().and_then(|list| {
            let values = vm.heap.list(list);
            checked_index(index as i32, values.len()).ok().map(|at| values[at])
        });
        container = inner.ok_or_else(|| no_path(vm))?;
    }
    match container.as_list() {
        Some(list) => set_plain(vm, list, i64::from(last as i32), value),
        None => Err(no_path(vm)),
    }
}

fn no_path(vm: &Machine) -> Fault {
    vm.error("tried to set an element at a nested path that does not exist in the input list.")
}

pub(super) fn remove(vm: &mut Machine) -> Result {
    let (key, collection) = (vm.pop()?, vm.pop()?);
    match collection {
        Value::Map(map) => {
            let key = vm.heap.key(key)?;
            vm.charge(vm.heap.map(map).entries.len() / 4);
            let removed = vm.heap.change_map(map)?.entries.shift_remove(&key);
            vm.push(collection)?;
            vm.push(removed.unwrap_or_default())
        }
        Value::Set(set) => {
            let member = vm.heap.key(key)?;
            vm.charge(vm.heap.set(set).members.len() / 4);
            let found = vm.heap.change_set(set)?.members.shift_remove(&member);
            vm.push(collection)?;
            vm.push(if found { key } else { Value::Null })
        }
        Value::List(_) | Value::Vector(_) | Value::Gts(_) | Value::Bytes(_) | Value::String(_) => {
            let Value::Long(index) = key else {
                return Err(vm.error("expects an integer as key."));
            };
            remove_at(vm, collection, index as i32)
        }
        _ => Err(vm.error("operates on a map, a list or a GTS.")),
    }
}

/// The place of an index that may be outside, in which case nothing is removed.
fn place(index: i32, size: usize) -> Option<usize> {
    let at = i64::from(index) + if index < 0 { size as i64 } else { 0 };
    usize::try_from(at).ok().filter(|at| *at < size)
}

fn remove_at(vm: &mut Machine, collection: Value, index: i32) -> Result {
    match collection {
        Value::Gts(gts) => remove_point(vm, gts, index),
        Value::Bytes(bytes) => {
            let mut rest = vm.heap.bytes(bytes).to_vec();
            vm.charge(rest.len() / 16);
            let removed = place(index, rest.len()).map(|at| rest.remove(at));
            let rest = vm.heap.alloc_bytes(rest.into())?;
            vm.push(Value::Bytes(rest))?;
            vm.push(removed.map_or(Value::Null, |byte| Value::Long(i64::from(byte))))
        }
        Value::String(text) => {
            let text = crate::heap::Text::clone(vm.heap.text(text));
            let size = utf16::len(&text);
            vm.charge(size / 4);
            let Some(at) = place(index, size) else {
                vm.push(collection)?;
                return vm.push(Value::Null);
            };
            let rest = utf16::slice(&text, 0, at) + &utf16::slice(&text, at + 1, size);
            vm.push_string(rest)?;
            vm.push_string(utf16::slice(&text, at, at + 1))
        }
        other => {
            let Some(list) = other.as_list() else {
                return Err(vm.error("operates on a map, a list or a GTS."));
            };
            let size = vm.heap.list(list).len();
            let removed = match place(index, size) {
                Some(at) => {
                    vm.charge((size - at) / 4);
                    vm.heap.change_list(list)?.remove(at)
                }
                None => Value::Null,
            };
            vm.push(collection)?;
            vm.push(removed)
        }
    }
}

fn remove_point(vm: &mut Machine, gts: Handle<Gts>, index: i32) -> Result {
    let mut copy = vm.heap.gts(gts).clone();
    let count = copy.series.points.len();
    vm.heap.claim(count.saturating_mul(32))?;
    vm.charge(count * 2);
    let at = place(index, count);
    let removed = at.map(|at| copy.series.points.get(at));
    if let Some(at) = at {
        let mut kept = Columns::default();
        for point in copy.series.points.iter().enumerate().filter(|(i, _)| *i != at) {
            let PointRef { tick, location, elevation, value } = point.1;
            kept.push(tick, location, elevation, value);
        }
        copy.series.points = kept;
    }
    let copy = vm.heap.alloc_gts(copy)?;
    vm.push(Value::Gts(copy))?;
    match removed {
        Some(point) => points::push_point(vm, &point),
        None => {
            let missing = weft_gts::NO_LOCATION;
            let (nan, _) = points::location_values(missing);
            let value = points::from_point(vm, &PointValue::Deleted)?;
            vm.push_list(vec![nan, nan, nan, nan, value])
        }
    }
}

const SUBLIST_ARGUMENTS: &str = "expects a list of indices on top of the stack or a start end \
                                 step and will operate on the list below it.";

pub(super) fn sublist(vm: &mut Machine) -> Result {
    let mut numbers = Vec::new();
    for round in 0..4 {
        match vm.pop()? {
            Value::List(list) | Value::Vector(list) if round == 0 => {
                let Some(elements) = vm.pop()?.as_list() else {
                    return Err(vm.error(SUBLIST_ARGUMENTS));
                };
                let values = if vm.heap.list(list).len() == 2 {
                    between(vm, elements, list)?
                } else {
                    picked(vm, elements, list)?
                };
                return vm.push_list(values);
            }
            Value::List(elements) | Value::Vector(elements) => {
                numbers.reverse();
                let values = stepped(vm, elements, &numbers)?;
                return vm.push_list(values);
            }
            other => match other.as_i64() {
                Some(number) => numbers.push(number),
                None => return Err(vm.error(SUBLIST_ARGUMENTS)),
            },
        }
    }
    Err(vm.error(SUBLIST_ARGUMENTS))
}

/// From one index to another, whichever comes first.
fn between(vm: &mut Machine, elements: Handle<List>, bounds: Handle<List>) -> Result<List> {
    let [Value::Long(a), Value::Long(b)] = vm.heap.list(bounds)[..] else {
        return Err(vm.error("expects a list of indices which are numeric integers."));
    };
    let values = vm.heap.list(elements);
    let size = values.len() as i64;
    let from_end = |index: i64| {
        let index = i64::from(index as i32);
        if index < 0 { index + size } else { index }
    };
    let (a, b) = (from_end(a), from_end(b));
    let (low, high) = (a.min(b).max(0), a.max(b).min(size - 1));
    if high < low {
        return Ok(List::new());
    }
    vm.heap.claim_values((high - low + 1) as usize)?;
    let values = values[low as usize..=high as usize].to_vec();
    vm.charge(values.len());
    Ok(values)
}

/// One by one.
fn picked(vm: &mut Machine, elements: Handle<List>, indices: Handle<List>) -> Result<List> {
    let (values, indices) = (vm.heap.list(elements), vm.heap.list(indices));
    vm.heap.claim_values(indices.len())?;
    let mut out = List::with_capacity(indices.len());
    for index in indices {
        let Value::Long(index) = index else {
            return Err(vm.error("expects a list of indices which are numeric integers."));
        };
        match place(*index as i32, values.len()) {
            Some(at) => out.push(values[at]),
            None => return Err(vm.error("reported an out of bound index.")),
        }
    }
    vm.charge(out.len());
    Ok(out)
}

/// By start, end and step.
fn stepped(vm: &mut Machine, elements: Handle<List>, numbers: &[i64]) -> Result<List> {
    let size = vm.heap.list(elements).len() as i64;
    let from_end = |index: i64| if index < 0 { index + size } else { index };
    let start = numbers[0];
    let end = numbers.get(1).copied().unwrap_or_else(|| start.max(size - 1));
    let (start, end) = (from_end(start), from_end(end));
    if (start < 0 && end < 0) || (start >= size && end >= size) {
        return Ok(List::new());
    }
    let step = numbers.get(2).copied().unwrap_or(if start > end { -1 } else { 1 });
    match step {
        0 => {
            return Err(vm.error(
                "expects the step parameter to be a strictly positive or negative number.",
            ));
        }
        1.. if start > end => {
            return Err(vm.error("expects start to be before end when step is positive."));
        }
        ..=-1 if end > start => {
            return Err(vm.error("expects start to be after end when step is negative."));
        }
        _ => (),
    }
    let stride = step.saturating_abs();
    // The first index inside that steps from the start would reach.
    let mut at = if start >= size {
        (start - size) % stride - stride + size
    } else if start < 0 {
        (start + 1) % stride + stride - 1
    } else {
        start
    };
    vm.heap.claim_values(size as usize)?;
    let values = vm.heap.list(elements);
    let mut out = List::new();
    let end = if step > 0 { end.min(size - 1) } else { end.max(0) };
    while if step > 0 { at <= end } else { at >= end } {
        let value = usize::try_from(at).ok().and_then(|at| values.get(at));
        out.push(*value.ok_or_else(|| java_bounds(at, values.len()))?);
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    vm.charge(out.len());
    Ok(out)
}
