//! Joining, splitting, finding, changing case.

use weft_gts::{Column, SipKey};

use crate::error::{Fault, Kind, Result};
use crate::heap::{List, Text};
use crate::java;
use crate::literal;
use crate::machine::Machine;
use crate::text::to_text;
use crate::utf16;
use crate::value::Value;

const OPERAND: &str = "operates on a String.";

pub(super) fn hash(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut key = (0xf214_f963_5af5_4bbe, 0x8dd1_e8d8_56d2_6e46);
    if let Value::Long(k1) = top {
        let k0 = vm.pop_long("expects two LONGs as hash key.")?;
        key = (k0 as u64, k1 as u64);
        top = vm.pop()?;
    }
    let key = SipKey::new(key.0, key.1);
    let (hash, length) = match top {
        Value::String(text) => (key.hash(vm.heap.text(text).as_bytes()), vm.heap.text(text).len()),
        Value::Bytes(bytes) => (key.hash(vm.heap.bytes(bytes)), vm.heap.bytes(bytes).len()),
        _ => return Err(vm.error("operates on a byte array or STRING.")),
    };
    vm.charge(length / 16);
    vm.push(hash)
}

pub(super) fn index_of(vm: &mut Machine) -> Result {
    let message = "expects a LONG number of indexes to return. 0 to return all indexes.";
    let count = vm.pop_long(message)?;
    let count = if count <= 0 { usize::MAX } else { count as usize };
    let (item, collection) = (vm.pop()?, vm.pop()?);
    let found = match (collection, item) {
        (Value::List(list) | Value::Vector(list), item) => {
            let values = vm.heap.list(list);
            equal_places(vm, values.iter().copied(), item, count)?
        }
        (Value::Map(map), item) => {
            let entries = &vm.heap.map(map).entries;
            let places = equal_places(vm, entries.values().copied(), item, count)?;
            let key = |place: &Value| match place {
                Value::Long(at) => entries.get_index(*at as usize).map(|(key, _)| key.value()),
                _ => None,
            };
            places.iter().filter_map(key).collect()
        }
        (Value::String(text), Value::String(part)) => {
            let units: Vec<u16> = vm.heap.text(text).encode_utf16().collect();
            let part: Vec<u16> = vm.heap.text(part).encode_utf16().collect();
            windows(&units, &part, count)
        }
        (Value::String(_), _) => {
            return Err(vm.error("must be given a STRING to look for in a STRING"));
        }
        (Value::Bytes(bytes), item) => {
            let part = match item {
                Value::Long(byte @ 0..=255) => vec![byte as u8],
                Value::Long(_) => {
                    return Err(vm.error(
                        "expects the LONG to look for to have only its least significant byte set \
                         when looking into BYTES.",
                    ));
                }
                Value::Bytes(part) => vm.heap.bytes(part).to_vec(),
                _ => return Err(vm.error("must be given a BYTES to look for in a BYTES.")),
            };
            windows(vm.heap.bytes(bytes), &part, count)
        }
        (Value::Gts(gts), item) => {
            let column = vm.heap.gts(gts).series.points.values.clone();
            vm.charge(column.len());
            series_places(vm, &column, item, count)
        }
        _ => return Err(vm.error("expects a LIST, MAP, STRING, GTS or BYTES.")),
    };
    vm.push_list(found)
}

/// The places of values that equal `item`.
fn equal_places(
    vm: &Machine,
    values: impl Iterator<Item = Value>,
    item: Value,
    count: usize,
) -> Result<List> {
    let mut places = List::new();
    for (index, value) in values.enumerate() {
        if java::equals(&vm.heap, item, value)? {
            places.push(Value::Long(index as i64));
            if places.len() >= count {
                break;
            }
        }
    }
    Ok(places)
}

/// The places at which a part starts, overlapping ones included.
fn windows<T: PartialEq>(all: &[T], part: &[T], count: usize) -> List {
    let last = all.len() as i64 - part.len() as i64;
    let starts = (0..=last).filter(|at| all[*at as usize..].starts_with(part));
    starts.take(count).map(Value::Long).collect()
}

fn series_places(vm: &Machine, column: &Column, item: Value, count: usize) -> List {
    let places = |matches: &mut dyn Iterator<Item = bool>| -> List {
        let found = matches.enumerate().filter(|(_, found)| *found).take(count);
        found.map(|(index, _)| Value::Long(index as i64)).collect()
    };
    match (column, item) {
        (Column::Long(values), _) if let Some(wanted) = item.as_i64() => {
            places(&mut values.iter().map(|v| *v == wanted))
        }
        (Column::Double(values), _) if let Some(wanted) = item.as_f64() => {
            let wanted = crate::heap::double_identity(wanted);
            places(&mut values.iter().map(|v| crate::heap::double_identity(*v) == wanted))
        }
        (Column::Boolean(values), Value::Boolean(wanted)) => {
            places(&mut values.iter().map(|v| *v == wanted))
        }
        (Column::String(values), Value::String(wanted)) => {
            let wanted = vm.heap.text(wanted);
            places(&mut values.iter().map(|v| v == wanted))
        }
        _ => List::new(),
    }
}

pub(super) fn join(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::String(separator) => {
            let separator = Text::clone(vm.heap.text(separator));
            let message = "expects a separator and a list of strings to join on the stack.";
            let list = vm.pop_list(message)?;
            let mut out = String::new();
            for value in vm.heap.list(list) {
                // Nothing separates from what is still empty.
                if !out.is_empty() {
                    out.push_str(&separator);
                }
                push_text(vm, &mut out, *value)?;
            }
            vm.charge(out.len() / 4);
            vm.push_string(out)
        }
        Value::Long(count) => {
            let message = "expects the separator string below the number of strings to join.";
            let separator = vm.pop_text(message)?;
            let count = usize::try_from(count as i32).map_err(|_| Fault::bounds())?;
            let values = vm.pop_many(count)?;
            let mut out = String::new();
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push_str(&separator);
                }
                if value.is_null() {
                    return Err(Fault::null());
                }
                push_text(vm, &mut out, *value)?;
            }
            vm.charge(out.len() / 4);
            vm.push_string(out)
        }
        _ => Err(vm.error("expects the number of strings to join on top of the stack.")),
    }
}

fn push_text(vm: &Machine, out: &mut String, value: Value) -> Result {
    match value {
        Value::String(text) => out.push_str(vm.heap.text(text)),
        other => out.push_str(&to_text(vm, other)?),
    }
    vm.heap.claim(out.len().saturating_mul(2))
}

pub(super) fn split(vm: &mut Machine) -> Result {
    let (limit, top) = match vm.pop()? {
        Value::Long(limit) => match i32::try_from(limit) {
            Ok(limit @ 1..) => (limit as usize, vm.pop()?),
            Ok(_) => {
                return Err(vm.error("expects the limit to be a strictly positive integer."));
            }
            Err(_) => return Err(Fault::kind(Kind::Arithmetic, "integer overflow")),
        },
        top => (usize::MAX, top),
    };
    let delimiter = vm.as_text(top).filter(|text| utf16::len(text) == 1);
    let Some(delimiter) = delimiter.and_then(|text| text.chars().next()) else {
        return Err(vm.error("expects a string delimiter of length 1."));
    };
    let text = vm.pop_text(OPERAND)?;
    vm.charge(text.len() / 4);
    let mut parts = List::new();
    for part in text.splitn(limit, delimiter) {
        parts.push(vm.heap.string(part)?);
    }
    vm.charge(parts.len() * 4);
    vm.push_list(parts)
}

/// The place of an index, counted from the end when negative.
fn checked_index(index: i64, size: usize) -> Result<usize> {
    let size = size as i64;
    let place = if index < 0 { index + size } else { index };
    if place < 0 || place >= size {
        return Err(Fault::text(format!("Index out of bound, {index} of {size}")));
    }
    Ok(place as usize)
}

pub(super) fn substring(vm: &mut Machine) -> Result {
    let message = "expects a numeric length or 0-based start index on top of the stack.";
    let last = i64::from(vm.pop_long(message)? as i32);
    let (start, length, value) = match vm.pop()? {
        Value::Long(start) => (i64::from(start as i32), Some(last), vm.pop()?),
        value @ (Value::String(_) | Value::Bytes(_)) => (last, None, value),
        _ => return Err(vm.error("expects a 0-based start index below the length.")),
    };
    // Lengths that reach over the end are cut, negative ones refused.
    let range = |size: usize| -> Result<(usize, usize)> {
        let start = checked_index(start, size)?;
        let end = length.map_or(size as i64, |length| (start as i64 + length).min(size as i64));
        if end < start as i64 {
            return Err(Fault::bounds());
        }
        Ok((start, end as usize))
    };
    match value {
        Value::String(text) => {
            let text = Text::clone(vm.heap.text(text));
            let (start, end) = range(utf16::len(&text))?;
            vm.charge(text.len() / 16);
            vm.push_string(utf16::slice(&text, start, end))
        }
        Value::Bytes(bytes) => {
            let bytes = crate::heap::Bytes::clone(vm.heap.bytes(bytes));
            let (start, end) = range(bytes.len())?;
            let part = vm.heap.alloc_bytes(bytes[start..end].into())?;
            vm.push(Value::Bytes(part))
        }
        _ => Err(vm.error("can only operate on strings or byte arrays.")),
    }
}

/// Replaces the string on top.
fn change(vm: &mut Machine, change: fn(&str) -> Result<String>) -> Result {
    let text = vm.pop_text(OPERAND)?;
    vm.heap.claim(text.len().saturating_mul(3))?;
    vm.charge(text.len() / 4);
    vm.push_string(change(&text)?)
}

pub(super) fn to_lower(vm: &mut Machine) -> Result {
    change(vm, |text| Ok(text.to_lowercase()))
}

pub(super) fn to_upper(vm: &mut Machine) -> Result {
    change(vm, |text| Ok(text.to_uppercase()))
}

pub(super) fn trim(vm: &mut Machine) -> Result {
    change(vm, |text| Ok(text.trim_matches(|c: char| c <= ' ').to_owned()))
}

pub(super) fn url_encode(vm: &mut Machine) -> Result {
    change(vm, |text| Ok(literal::url_encode(text)))
}

pub(super) fn url_decode(vm: &mut Machine) -> Result {
    change(vm, |text| literal::url_decode(&text.replace('+', " ")))
}
