//! Sorting lists and maps.

use std::cmp::Ordering;

use crate::error::{Fault, Result};
use crate::heap::{Heap, Key, List, Map};
use crate::java;
use crate::machine::{Loop, Machine};
use crate::value::{Handle, Value};

/// Sorts values of one type that has an order.
///
/// # Errors
/// When the values have no common order.
fn sort_values(vm: &mut Machine, values: &mut [Value]) -> Result {
    let count = values.len();
    vm.charge(count * 8);
    if count < 2 {
        return Ok(());
    }
    if values.iter().all(|v| matches!(v, Value::Long(_))) {
        values.sort_by_key(|v| v.as_i64());
        return Ok(());
    }
    check_order(&vm.heap, values)?;
    let heap = &vm.heap;
    values.sort_by(|a, b| java::compare(heap, *a, *b).unwrap_or(Ordering::Equal));
    Ok(())
}

/// Whether every value can be compared with the first one.
fn check_order(heap: &Heap, values: &[Value]) -> Result {
    if let Some((first, rest)) = values.split_first() {
        for value in rest {
            java::compare(heap, *value, *first)?;
        }
    }
    Ok(())
}

pub(super) fn lsort(vm: &mut Machine) -> Result {
    let Some(list) = vm.peek(0)?.as_list() else {
        return Err(vm.error("operates on a list."));
    };
    let mut values = std::mem::take(&mut *vm.heap.change_list(list)?);
    let sorted = sort_values(vm, &mut values);
    *vm.heap.change_list(list)? = values;
    sorted
}

pub(super) fn msort(vm: &mut Machine) -> Result {
    let map = match vm.peek(0)? {
        Value::Map(map) if !map.is_frozen() => map,
        _ => return Err(vm.error("operates on a map created by {} or ->MAP.")),
    };
    let keys: List = vm.heap.map(map).entries.keys().map(Key::value).collect();
    if keys.len() < 2 {
        return Ok(());
    }
    sort_map_by_order(vm, map, &keys)
}

fn sort_map_by_order(vm: &mut Machine, map: Handle<Map>, keys: &[Value]) -> Result {
    check_order(&vm.heap, keys)?;
    sort_map_by(vm, map, keys)
}

/// Fails unless a key of SORTBY is a number or text like the first one.
pub(super) fn check_key(vm: &Machine, first: Option<Value>, key: Value) -> Result {
    let fits = matches!(
        (first.unwrap_or(key), key),
        (Value::Long(_), Value::Long(_))
            | (Value::Double(_), Value::Double(_))
            | (Value::String(_), Value::String(_))
    );
    if fits {
        return Ok(());
    }
    Err(vm.error(
        "expects its macro to return a non null double, long or string in a consistent manner.",
    ))
}

/// The indices of keys in the order of the keys.
fn order_of(vm: &mut Machine, keys: &[Value]) -> Result<Vec<usize>> {
    vm.charge(keys.len() * 8);
    vm.heap.claim(keys.len().saturating_mul(8))?;
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let heap = &vm.heap;
    order.sort_by(|a, b| java::compare(heap, keys[*a], keys[*b]).unwrap_or(Ordering::Equal));
    Ok(order)
}

/// Puts a list into the order of keys, one for each element.
pub(super) fn sort_list_by(vm: &mut Machine, list: Handle<List>, keys: &[Value]) -> Result {
    let order = order_of(vm, keys)?;
    reorder_list(vm, list, &order)
}

fn reorder_list(vm: &mut Machine, list: Handle<List>, order: &[usize]) -> Result {
    vm.heap.claim_values(order.len())?;
    let values = vm.heap.list(list);
    if values.len() != order.len() {
        return Err(Fault::bounds());
    }
    let sorted: List = order.iter().map(|at| values[*at]).collect();
    *vm.heap.change_list(list)? = sorted;
    Ok(())
}

/// Puts a map into the order of keys, one for each entry.
pub(super) fn sort_map_by(vm: &mut Machine, map: Handle<Map>, keys: &[Value]) -> Result {
    let order = order_of(vm, keys)?;
    reorder_map(vm, map, &order)
}

fn reorder_map(vm: &mut Machine, map: Handle<Map>, order: &[usize]) -> Result {
    let entries = &vm.heap.map(map).entries;
    if entries.len() != order.len() {
        return Err(Fault::bounds());
    }
    vm.heap.claim(order.len().saturating_mul(size_of::<Key>() + 34))?;
    let pick = |at: &usize| entries.get_index(*at).map(|(k, v)| (k.clone(), *v));
    let sorted = order.iter().filter_map(pick).collect();
    vm.heap.change_map(map)?.entries = sorted;
    Ok(())
}

/// What SORTWITH sorts.
#[derive(Clone, Copy, Debug)]
enum Target {
    List(Handle<List>),
    Map(Handle<Map>),
}

/// A merge sort that asks a macro for each comparison. The macro is given the later element first,
/// as the reference's sort does.
struct Merge {
    target: Target,
    /// Places of elements, as sorted so far, and the pass being built.
    order: Vec<usize>,
    merged: Vec<usize>,
    width: usize,
    /// The start of the pair of runs that is merged, and how far into each run.
    start: usize,
    left: usize,
    right: usize,
    asked: bool,
}

impl Merge {
    /// Where the runs of the current pair end.
    fn ends(&self) -> (usize, usize) {
        let count = self.order.len();
        let middle = (self.start + self.width).min(count);
        (middle, (middle + self.width).min(count))
    }

    /// Goes on without a comparison as far as possible; the two places to compare, if any.
    fn advance(&mut self) -> Option<(usize, usize)> {
        while self.width < self.order.len() {
            let (middle, end) = self.ends();
            if self.left < middle && self.right < end {
                return Some((self.order[self.left], self.order[self.right]));
            }
            self.merged.extend(&self.order[self.left.min(middle)..middle]);
            self.merged.extend(&self.order[self.right.min(end)..end]);
            if end == self.order.len() {
                self.order = std::mem::take(&mut self.merged);
                self.width *= 2;
                self.begin(0);
            } else {
                self.begin(end);
            }
        }
        None
    }

    fn begin(&mut self, start: usize) {
        self.start = start;
        self.left = start;
        self.right = self.ends().0;
    }

    fn take_answer(&mut self, vm: &mut Machine) -> Result {
        let order = match vm.pop()? {
            Value::Long(order) => i32::try_from(order).ok(),
            _ => None,
        };
        let Some(order) = order else {
            return Err(vm.error(
                "was given a macro which doesn't return a LONG. This LONG must be within the \
                 bounds of a 32-bit integer.",
            ));
        };
        if order < 0 {
            self.merged.push(self.order[self.right]);
            self.right += 1;
        } else {
            self.merged.push(self.order[self.left]);
            self.left += 1;
        }
        Ok(())
    }

    fn push_element(&self, vm: &mut Machine, place: usize) -> Result {
        match self.target {
            Target::List(list) => {
                let value = vm.heap.list(list).get(place).copied().ok_or_else(Fault::bounds)?;
                vm.push(value)
            }
            Target::Map(map) => {
                let entry = vm.heap.map(map).entries.get_index(place);
                let (key, value) = entry.map(|(k, v)| (k.value(), *v)).ok_or_else(Fault::bounds)?;
                vm.push(key)?;
                vm.push(value)
            }
        }
    }
}

impl Loop for Merge {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        if self.asked {
            self.take_answer(vm)?;
        }
        let Some((earlier, later)) = self.advance() else {
            return Ok(false);
        };
        self.asked = true;
        self.push_element(vm, later)?;
        self.push_element(vm, earlier)?;
        Ok(true)
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        match self.target {
            Target::List(list) => {
                reorder_list(vm, list, &self.order)?;
                vm.push(Value::List(list))
            }
            Target::Map(map) => {
                reorder_map(vm, map, &self.order)?;
                vm.push(Value::Map(map))
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        match self.target {
            Target::List(list) => visit(Value::List(list)),
            Target::Map(map) => visit(Value::Map(map)),
        }
    }
}

pub(super) fn sortwith(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("expects a macro on top of the stack.")?;
    let (target, size) = match vm.pop()? {
        Value::List(list) | Value::Vector(list) => {
            drop(vm.heap.change_list(list)?);
            (Target::List(list), vm.heap.list(list).len())
        }
        Value::Map(map) if !map.is_frozen() => (Target::Map(map), vm.heap.map(map).entries.len()),
        _ => return Err(vm.error("operates on a list or a map created by {} or ->MAP.")),
    };
    vm.heap.claim(size.saturating_mul(16))?;
    let mut merge = Merge {
        target,
        order: (0..size).collect(),
        merged: Vec::with_capacity(size),
        width: 1,
        start: 0,
        left: 0,
        right: 0,
        asked: false,
    };
    merge.begin(0);
    vm.push_loop(body, merge)
}
