//! Taking collections apart and making them: what needs no macro.

use indexmap::IndexSet;
use weft_gts::{IdKeys, Labels, SeriesBuilder, SipKey};

use crate::error::{Fault, Result};
use crate::heap::{Bytes, Gts, Key, List, Map, Set};
use crate::java;
use crate::machine::Machine;
use crate::text::to_text;
use crate::value::{Handle, Value};
use crate::words::literals::{map_of, set_of};

/// Members of a set in the order in which Java would give them.
pub(super) fn set_members(vm: &Machine, set: Handle<Set>) -> List {
    java::table_order(&vm.heap, vm.heap.set(set).members.iter())
}

fn push_set(vm: &mut Machine, set: Set) -> Result {
    let set = vm.heap.alloc_set(set)?;
    vm.push(Value::Set(set))
}

/// A copy of a list's values.
pub(super) fn copy_list(vm: &mut Machine, list: Handle<List>) -> Result<List> {
    let count = vm.heap.list(list).len();
    vm.heap.claim_values(count)?;
    vm.charge(count);
    Ok(vm.heap.list(list).clone())
}

pub(super) fn add_in_place(vm: &mut Machine) -> Result {
    let (item, target) = (vm.pop()?, vm.pop()?);
    match target {
        Value::List(list) | Value::Vector(list) => {
            let values = vm.heap.list(list);
            if values.len() == values.capacity() {
                vm.heap.claim_values(values.len())?;
            }
            vm.heap.change_list(list)?.push(item);
        }
        Value::Set(set) => {
            let key = vm.heap.key(item)?;
            vm.heap.claim(2 * size_of::<Key>())?;
            vm.heap.change_set(set)?.members.insert(key);
        }
        _ => return Err(vm.error("can only operate on lists and sets.")),
    }
    vm.push(target)
}

pub(super) fn to_set(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::List(list) | Value::Vector(list) => {
            let values = copy_list(vm, list)?;
            let set = set_of(vm, &values)?;
            push_set(vm, set)
        }
        set @ Value::Set(_) => vm.push(set),
        _ => Err(vm.error("operates on a LIST or SET.")),
    }
}

pub(super) fn from_set(vm: &mut Machine) -> Result {
    let set = vm.pop_set("operates on a SET.")?;
    let members = set_members(vm, set);
    vm.charge(members.len());
    vm.push_list(members)
}

pub(super) fn unset(vm: &mut Machine) -> Result {
    let set = vm.pop_set("expects a SET.")?;
    let members = set_members(vm, set);
    vm.charge(members.len());
    push_all(vm, &members)
}

/// Pushes a mark, then values.
fn push_all(vm: &mut Machine, values: &[Value]) -> Result {
    vm.push(Value::Mark)?;
    for value in values {
        vm.push(*value)?;
    }
    Ok(())
}

pub(super) fn unlist(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a LIST.")?;
    let values = copy_list(vm, list)?;
    push_all(vm, &values)
}

pub(super) fn unmap(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a MAP.")?;
    let values = flat_entries(vm, map)?;
    push_all(vm, &values)
}

/// Keys and values of a map, one after the other.
fn flat_entries(vm: &mut Machine, map: Handle<Map>) -> Result<List> {
    let entries = &vm.heap.map(map).entries;
    vm.heap.claim_values(entries.len().saturating_mul(2))?;
    let values: List = entries.iter().flat_map(|(k, v)| [k.value(), *v]).collect();
    vm.charge(values.len());
    Ok(values)
}

/// `MAP->`: the entries and how many values they are.
pub(super) fn from_map(vm: &mut Machine) -> Result {
    let Value::Map(map) = vm.pop()? else {
        return Err(Fault::text("Invalid type, expected a map."));
    };
    let values = flat_entries(vm, map)?;
    for value in &values {
        vm.push(*value)?;
    }
    vm.push(values.len() as i64)
}

/// Takes as many values as the count on top says.
fn counted(vm: &mut Machine) -> Result<List> {
    let count = vm.pop_count()?;
    let count = usize::try_from(count).map_err(|_| Fault::bounds())?;
    vm.charge(count);
    vm.pop_many(count)
}

/// `->MAP`.
pub(super) fn to_map(vm: &mut Machine) -> Result {
    let values = counted(vm)?;
    let map = map_of(vm, &values)?;
    vm.push_map(map)
}

/// `->LIST`.
pub(super) fn to_list(vm: &mut Machine) -> Result {
    match vm.peek(0)? {
        Value::List(_) | Value::Vector(_) => Ok(()),
        Value::Set(set) => {
            vm.pop()?;
            let members = set_members(vm, set);
            vm.push_list(members)
        }
        Value::Long(_) => {
            let values = counted(vm)?;
            vm.push_list(values)
        }
        _ => Err(vm.error("expects a LIST, SET or a LONG number of elements to pack into a LIST.")),
    }
}

/// `LIST->`.
pub(super) fn from_list(vm: &mut Machine) -> Result {
    let list = vm.pop_list("operates on a list.")?;
    let values = copy_list(vm, list)?;
    for value in &values {
        vm.push(*value)?;
    }
    vm.push(values.len() as i64)
}

pub(super) fn append(vm: &mut Machine) -> Result {
    let (top, target) = (vm.pop()?, vm.pop()?);
    match (target, top) {
        (
            Value::List(_) | Value::Vector(_) | Value::Set(_),
            Value::List(_) | Value::Vector(_) | Value::Set(_),
        ) => append_values(vm, target, top),
        (Value::Map(into), Value::Map(from)) => {
            let entries = vm.heap.map(from).entries.clone();
            vm.charge(entries.len() * 4);
            vm.heap.claim(entries.len().saturating_mul(size_of::<Key>() + 34))?;
            vm.heap.change_map(into)?.entries.extend(entries);
            vm.push(target)
        }
        (Value::Gts(into), Value::Gts(from)) => {
            append_series(vm, into, from)?;
            vm.push(target)
        }
        _ => {
            Err(vm
                .error("can only operate on 2 collections (LIST, SET, VECTOR), 2 MAPs or 2 GTSs."))
        }
    }
}

fn append_values(vm: &mut Machine, mut target: Value, source: Value) -> Result {
    let values = match source {
        Value::Set(set) => set_members(vm, set),
        other => match other.as_list() {
            Some(list) => copy_list(vm, list)?,
            None => List::new(),
        },
    };
    // Read-only collections are copied first.
    target = match target {
        Value::List(list) if list.is_frozen() => {
            let copy = copy_list(vm, list)?;
            vm.heap.new_list(copy)?
        }
        Value::Vector(list) if list.is_frozen() => {
            let copy = copy_list(vm, list)?;
            Value::Vector(vm.heap.alloc_list(copy)?)
        }
        Value::Set(set) if set.is_frozen() => {
            let copy = vm.heap.set(set).clone();
            Value::Set(vm.heap.alloc_set(copy)?)
        }
        other => other,
    };
    match target {
        Value::List(list) | Value::Vector(list) => {
            vm.heap.claim_values(values.len().max(vm.heap.list(list).len()))?;
            vm.heap.change_list(list)?.extend(values);
        }
        Value::Set(set) => {
            let members = set_of(vm, &values)?.members;
            vm.heap.change_set(set)?.members.extend(members);
        }
        _ => (),
    }
    vm.push(target)
}

/// Appends the points of a series to another, converted to its type.
fn append_series(vm: &mut Machine, into: Handle<Gts>, from: Handle<Gts>) -> Result {
    let (a, b) = (vm.heap.gts(into), vm.heap.gts(from));
    let count = a.series.points.len() + b.series.points.len();
    vm.heap.claim(count.saturating_mul(32))?;
    let mut builder = SeriesBuilder::with_capacity(count);
    for gts in [a, b] {
        for point in gts.series.points.iter() {
            builder.push(point.tick, point.location, point.elevation, (&point.value).into());
        }
    }
    vm.charge(count * 4);
    let mut gts = vm.heap.change_gts(into)?;
    gts.series.points = builder.finish();
    gts.order = crate::heap::Order::Unknown;
    Ok(())
}

pub(super) fn clone(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let copy = match value {
        Value::List(list) => {
            let values = copy_list(vm, list)?;
            vm.heap.new_list(values)?
        }
        Value::Vector(list) => {
            let values = copy_list(vm, list)?;
            Value::Vector(vm.heap.alloc_list(values)?)
        }
        Value::Map(map) => {
            let copy = vm.heap.map(map).clone();
            vm.charge(copy.entries.len() * 4);
            Value::Map(vm.heap.alloc_map(copy)?)
        }
        Value::Set(set) => {
            let copy = vm.heap.set(set).clone();
            vm.charge(copy.members.len() * 4);
            Value::Set(vm.heap.alloc_set(copy)?)
        }
        Value::Gts(gts) => {
            let copy = vm.heap.gts(gts).clone();
            Value::Gts(vm.heap.alloc_gts(copy)?)
        }
        Value::Encoder(encoder) => {
            let copy = vm.heap.encoder(encoder).clone();
            Value::Encoder(vm.heap.alloc_encoder(copy)?)
        }
        _ => {
            return Err(
                vm.error("operates on List, Map, Set, Vector, Geo Time Series or GTS Encoder.")
            );
        }
    };
    vm.push(value)?;
    vm.push(copy)
}

/// REVERSE (in place) and CLONEREVERSE.
pub(super) fn reverse(vm: &mut Machine) -> Result {
    let in_place = vm.word.name == "REVERSE";
    let value = vm.pop()?;
    match value {
        Value::List(list) | Value::Vector(list) if in_place => {
            let count = vm.heap.list(list).len();
            vm.charge(count);
            // A frozen list of one element is its own reverse.
            if count > 1 {
                vm.heap.change_list(list)?.reverse();
            }
            vm.push(value)
        }
        Value::List(list) | Value::Vector(list) => {
            let mut values = copy_list(vm, list)?;
            values.reverse();
            vm.push_list(values)
        }
        Value::String(text) => {
            let text = vm.heap.text(text);
            let mut units: Vec<u16> = text.encode_utf16().collect();
            units.reverse();
            let reversed = String::from_utf16_lossy(&units);
            vm.charge(units.len());
            vm.push_string(reversed)
        }
        Value::Bytes(bytes) => {
            let mut reversed = vm.heap.bytes(bytes).to_vec();
            reversed.reverse();
            vm.charge(reversed.len() / 16);
            if in_place {
                *vm.heap.change_bytes(bytes)? = Bytes::from(reversed);
                return vm.push(value);
            }
            let copy = vm.heap.alloc_bytes(reversed.into())?;
            vm.push(Value::Bytes(copy))
        }
        _ => Err(vm.error("operates on a list, byte array or String.")),
    }
}

pub(super) fn contains(vm: &mut Machine) -> Result {
    let item = vm.pop()?;
    let found = match (vm.peek(0)?, item) {
        (Value::List(list) | Value::Vector(list), item) => list_contains(vm, list, item)?,
        (Value::Set(set), item) => {
            let key = vm.heap.key(item)?;
            vm.heap.set(set).members.contains(&key)
        }
        (Value::String(text), Value::String(part)) => {
            vm.pop()?;
            vm.charge(vm.heap.text(text).len() / 16);
            vm.heap.text(text).contains(&**vm.heap.text(part))
        }
        _ => return Err(vm.error("operates on a list, set or STRING.")),
    };
    vm.push(found)
}

/// Whether a list has an element equal to `item`.
pub(super) fn list_contains(vm: &mut Machine, list: Handle<List>, item: Value) -> Result<bool> {
    let heap = &vm.heap;
    let mut found = false;
    let mut seen = 0;
    for value in heap.list(list) {
        seen += 1;
        if java::equals(heap, item, *value)? {
            found = true;
            break;
        }
    }
    vm.charge(seen);
    Ok(found)
}

pub(super) fn contains_key(vm: &mut Machine) -> Result {
    let item = vm.pop()?;
    let Value::Map(map) = vm.peek(0)? else {
        return Err(vm.error("operates on a map."));
    };
    let key = vm.heap.key(item)?;
    let found = vm.heap.map(map).entries.contains_key(&key);
    vm.push(found)
}

pub(super) fn contains_value(vm: &mut Machine) -> Result {
    let item = vm.pop()?;
    let Value::Map(map) = vm.peek(0)? else {
        return Err(vm.error("operates on a map."));
    };
    let mut found = false;
    for value in vm.heap.map(map).entries.values() {
        if java::equals(&vm.heap, item, *value)? {
            found = true;
            break;
        }
    }
    vm.charge(vm.heap.map(map).entries.len());
    vm.push(found)
}

/// DIFFERENCE, INTERSECTION and UNION.
pub(super) fn set_operation(vm: &mut Machine) -> Result {
    let (top, below) = (vm.pop()?, vm.pop()?);
    let (Value::Set(top), Value::Set(below)) = (top, below) else {
        return Err(vm.error("can only operate on sets."));
    };
    let (a, b) = (&vm.heap.set(below).members, &vm.heap.set(top).members);
    vm.heap.claim((a.len() + b.len()).saturating_mul(size_of::<Key>() + 18))?;
    let members: IndexSet<Key, _> = match vm.word.name {
        "DIFFERENCE" => a.difference(b).cloned().collect(),
        "INTERSECTION" => b.intersection(a).cloned().collect(),
        _ => b.union(a).cloned().collect(),
    };
    vm.charge(a.len() + b.len());
    push_set(vm, Set { members })
}

pub(super) fn immutable(vm: &mut Machine) -> Result {
    let frozen = match vm.pop()? {
        Value::List(list) => Value::List(list.frozen()),
        Value::Vector(list) => Value::Vector(list.frozen()),
        Value::Set(set) => Value::Set(set.frozen()),
        Value::Map(map) => Value::Map(map.frozen()),
        _ => return Err(vm.error("operates on a LIST, SET or MAP.")),
    };
    vm.push(frozen)
}

pub(super) fn key_list(vm: &mut Machine) -> Result {
    let map = vm.pop_map("operates on a map.")?;
    let entries = &vm.heap.map(map).entries;
    vm.heap.claim_values(entries.len())?;
    let values: List = if vm.word.name == "KEYLIST" {
        entries.keys().map(Key::value).collect()
    } else {
        entries.values().copied().collect()
    };
    vm.charge(values.len());
    vm.push_list(values)
}

pub(super) fn unique(vm: &mut Machine) -> Result {
    let list = vm.pop_list("operates on a list.")?;
    let values = copy_list(vm, list)?;
    let set = set_of(vm, &values)?;
    let values = java::table_order(&vm.heap, set.members.iter());
    vm.push_list(values)
}

pub(super) fn submap(vm: &mut Machine) -> Result {
    let (keys, map) = (vm.pop()?, vm.pop()?);
    let Value::Map(map) = map else {
        return Err(vm.error("operates on a map."));
    };
    let Some(keys) = keys.as_list() else {
        return Err(vm.error("expects a list of map keys on top of the stack."));
    };
    let keys = copy_list(vm, keys)?;
    let wanted = set_of(vm, &keys)?;
    let entries = &vm.heap.map(map).entries;
    let kept = entries.iter().filter(|(k, _)| wanted.members.contains(*k));
    let entries = kept.map(|(k, v)| (k.clone(), *v)).collect();
    vm.push_map(Map { entries })
}

pub(super) fn map_id(vm: &mut Machine) -> Result {
    let map = vm.pop_map("can only operate on a map.")?;
    let pairs: Vec<(Value, Value)> =
        vm.heap.map(map).entries.iter().map(|(k, v)| (k.value(), *v)).collect();
    let mut labels = Labels::new();
    for (key, value) in pairs {
        if key.is_null() || value.is_null() {
            return Err(Fault::null());
        }
        labels.insert(to_text(vm, key)?, to_text(vm, value)?);
        vm.charge(16);
    }
    let id = |k0, k1| {
        let key = SipKey::new(k0, k1);
        IdKeys { class: key, labels: key }.labels_id(&labels) as u64
    };
    let high = id(0x39a9_dd7d_71b6_4e3c, 0xa14c_3749_dcaa_b408);
    let low = id(0xb5bb_ec10_71a6_4c48, 0xb872_c16b_37a0_7597);
    let hex = format!("{high:016x}{low:016x}");
    vm.push_string(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

pub(super) fn shuffle(vm: &mut Machine) -> Result {
    let Some(list) = vm.peek(0)?.as_list() else {
        return Err(vm.error("operates on a list."));
    };
    let count = vm.heap.list(list).len();
    vm.charge(count * 8);
    for index in (1..count).rev() {
        let other = (u128::from(vm.entropy.next_u64()) * (index as u128 + 1)) >> 64;
        vm.heap.change_list(list)?.swap(index, other as usize);
    }
    Ok(())
}

pub(super) fn zip(vm: &mut Machine) -> Result {
    let outer = vm.pop_list("operates on lists of lists.")?;
    let mut lists = Vec::new();
    let mut length = 1;
    for value in vm.heap.list(outer) {
        let Some(list) = value.as_list() else {
            return Err(vm.error("operates on lists of lists."));
        };
        match vm.heap.list(list).len() {
            0 => return Err(vm.error("cannot operate on empty lists.")),
            1 => (),
            size if length == 1 || size == length => length = size,
            _ => {
                return Err(vm.error(
                    "operates on lists of lists. All lists which are not singletons must be of \
                     the same size.",
                ));
            }
        }
        lists.push(list);
    }
    vm.heap.claim_values(length.saturating_mul(lists.len() + 4))?;
    vm.charge(length * (lists.len() + 4));
    let mut results = List::with_capacity(length);
    for index in 0..length {
        let pick = |list: &Handle<List>| {
            let list = vm.heap.list(*list);
            list[if list.len() == 1 { 0 } else { index }]
        };
        let row: List = lists.iter().map(pick).collect();
        results.push(vm.heap.new_list(row)?);
    }
    vm.push_list(results)
}
