//! Macros over the elements of a list or the entries of a map.

use super::sort;
use crate::error::{Fault, Result};
use crate::heap::{Heap, Key, List, Map};
use crate::java;
use crate::machine::{Loop, Machine, Turn};
use crate::macros::Macro;
use crate::value::{Handle, Value};

/// What becomes of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Collect {
    /// A list of them (LMAP).
    Map,
    /// The same with lists taken apart (LFLATMAP).
    Flat,
    /// The elements for which it is true (LFILTER, FILTERBY).
    Filter,
    /// Lists of elements with the same result (GROUPBY).
    Group,
    /// The elements in the order of the results (SORTBY).
    Sort,
}

/// Runs a macro on each element of a list.
struct Elements {
    list: Handle<List>,
    size: usize,
    index: usize,
    push_index: bool,
    collect: Collect,
    results: List,
}

impl Elements {
    fn take_result(&mut self, vm: &mut Machine) -> Result {
        let result = vm.pop()?;
        match self.collect {
            Collect::Map | Collect::Group => self.results.push(result),
            Collect::Flat => match result.as_list() {
                Some(list) => {
                    let values = vm.heap.list(list);
                    vm.heap.claim_values(self.results.len() + values.len())?;
                    self.results.extend(values);
                    let count = values.len();
                    vm.charge(count);
                }
                None => self.results.push(result),
            },
            Collect::Filter => match result {
                Value::Boolean(true) => {
                    let element = self.element(vm, self.index - 1)?;
                    self.results.push(element);
                }
                Value::Boolean(false) => (),
                _ => {
                    return Err(vm.error(if vm.word.name == "FILTERBY" {
                        "expects its macro to leave a BOOLEAN on the stack."
                    } else {
                        "expects the filter macro to return a BOOLEAN for each element."
                    }));
                }
            },
            Collect::Sort => {
                sort::check_key(vm, self.results.first().copied(), result)?;
                self.results.push(result);
            }
        }
        Ok(())
    }

    fn element(&self, vm: &Machine, index: usize) -> Result<Value> {
        vm.heap.list(self.list).get(index).copied().ok_or_else(Fault::bounds)
    }

    fn groups(&self, vm: &mut Machine) -> Result {
        let mut groups: Vec<(Key, List)> = Vec::new();
        let mut places = indexmap::IndexMap::<Key, usize, rustc_hash::FxBuildHasher>::default();
        vm.charge(self.results.len() * 4);
        for (index, result) in self.results.iter().enumerate() {
            let key = vm.heap.key(*result)?;
            let place = *places.entry(key.clone()).or_insert_with(|| {
                groups.push((key, List::new()));
                groups.len() - 1
            });
            groups[place].1.push(self.element(vm, index)?);
        }
        java::hash_order(&mut groups, |(key, _)| java::hash(&vm.heap, key.value()));
        let mut out = List::with_capacity(groups.len());
        for (key, members) in groups {
            let members = vm.heap.new_list(members)?;
            out.push(vm.heap.new_list(vec![key.value(), members])?);
        }
        vm.push_list(out)
    }
}

impl Loop for Elements {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        if self.index > 0 {
            self.take_result(vm)?;
        }
        if self.index == self.size {
            return Ok(false);
        }
        let element = self.element(vm, self.index)?;
        vm.push(element)?;
        if self.push_index {
            vm.push(self.index as i64)?;
        }
        self.index += 1;
        Ok(true)
    }

    fn turn(&mut self, heap: &Heap, stack: &mut Turn<'_>) -> bool {
        // The first element has no result before it, and the last none behind it.
        if self.collect != Collect::Map || self.index == 0 || self.index == self.size {
            return false;
        }
        let element = heap.list(self.list).get(self.index).copied();
        let (Some(element), Some(result)) = (element, stack.top()) else { return false };
        if !stack.has_room(1) {
            return false;
        }
        self.results.push(result);
        stack.replace(element);
        if self.push_index {
            stack.push(Value::Long(self.index as i64));
        }
        self.index += 1;
        true
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        match self.collect {
            Collect::Group => self.groups(vm),
            Collect::Sort => {
                sort::sort_list_by(vm, self.list, &self.results)?;
                vm.push(Value::List(self.list))
            }
            _ => {
                let results = std::mem::take(&mut self.results);
                vm.push_list(results)
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::List(self.list));
        self.results.iter().for_each(|v| visit(*v));
    }
}

/// Takes `macro [pushIndex]` from the top.
fn body_and_flag(vm: &mut Machine, message: &str) -> Result<(Handle<Macro>, bool)> {
    let (body, flag) = match vm.pop()? {
        Value::Boolean(flag) => (vm.pop()?, flag),
        body => (body, true),
    };
    match body {
        Value::Macro(body) => Ok((body, flag)),
        _ => Err(vm.error(message)),
    }
}

fn over_list(
    vm: &mut Machine,
    body: Handle<Macro>,
    list: Handle<List>,
    push_index: bool,
    collect: Collect,
) -> Result {
    let size = vm.heap.list(list).len();
    let capacity = if collect == Collect::Filter { 0 } else { size };
    vm.heap.claim_values(size)?;
    let results = List::with_capacity(capacity);
    vm.push_loop(body, Elements { list, size, index: 0, push_index, collect, results })
}

pub(super) fn lmap(vm: &mut Machine) -> Result {
    let collect = if vm.word.name == "LMAP" { Collect::Map } else { Collect::Flat };
    let (body, push_index) = body_and_flag(vm, "expects a macro on top of the stack.")?;
    let list = vm.pop_list("expects a list below the macro on top of the stack.")?;
    over_list(vm, body, list, push_index, collect)
}

pub(super) fn lfilter(vm: &mut Machine) -> Result {
    let (body, push_index) = body_and_flag(vm, "expects a MACRO.")?;
    let list = vm.pop_list("expects a LIST.")?;
    over_list(vm, body, list, push_index, Collect::Filter)
}

/// FILTERBY and GROUPBY.
pub(super) fn by(vm: &mut Machine) -> Result {
    let collect = if vm.word.name == "GROUPBY" { Collect::Group } else { Collect::Filter };
    let body = vm.pop_macro("expects a macro on top of the stack.")?;
    let list = vm.pop_list("operates on a list.")?;
    over_list(vm, body, list, false, collect)
}

/// What becomes of the results of a macro over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CollectEntries {
    /// A new map of keys and values (MMAP).
    Map,
    /// The entries for which it is true (MFILTER).
    Filter,
    /// The same map in the order of the results (SORTBY).
    Sort,
}

/// Runs a macro on each entry of a map.
struct Entries {
    map: Handle<Map>,
    size: usize,
    index: usize,
    push_index: bool,
    collect: CollectEntries,
    result: Map,
    keys: List,
}

impl Entries {
    fn take_result(&mut self, vm: &mut Machine) -> Result {
        let top = vm.pop()?;
        match self.collect {
            CollectEntries::Map => {
                let key = vm.pop()?;
                let key = vm.heap.key(key)?;
                self.result.entries.insert(key, top);
            }
            CollectEntries::Filter => match top {
                Value::Boolean(true) => {
                    let (key, value) = self.entry(vm, self.index - 1)?;
                    self.result.entries.insert(key, value);
                }
                Value::Boolean(false) => (),
                _ => {
                    return Err(
                        vm.error("expects the filter macro to return a BOOLEAN for each element.")
                    );
                }
            },
            CollectEntries::Sort => {
                sort::check_key(vm, self.keys.first().copied(), top)?;
                self.keys.push(top);
            }
        }
        Ok(())
    }

    fn entry(&self, vm: &Machine, index: usize) -> Result<(Key, Value)> {
        let entry = vm.heap.map(self.map).entries.get_index(index);
        entry.map(|(k, v)| (k.clone(), *v)).ok_or_else(Fault::bounds)
    }
}

impl Loop for Entries {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        if self.index > 0 {
            self.take_result(vm)?;
        }
        if self.index == self.size {
            return Ok(false);
        }
        let (key, value) = self.entry(vm, self.index)?;
        vm.push(key.value())?;
        vm.push(value)?;
        if self.push_index {
            vm.push(self.index as i64)?;
        }
        self.index += 1;
        Ok(true)
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        if self.collect == CollectEntries::Sort {
            sort::sort_map_by(vm, self.map, &self.keys)?;
            return vm.push(Value::Map(self.map));
        }
        let result = std::mem::take(&mut self.result);
        vm.push_map(result)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Map(self.map));
        self.keys.iter().for_each(|v| visit(*v));
        for (key, value) in &self.result.entries {
            visit(key.value());
            visit(*value);
        }
    }
}

fn over_map(
    vm: &mut Machine,
    body: Handle<Macro>,
    map: Handle<Map>,
    push_index: bool,
    collect: CollectEntries,
) -> Result {
    let size = vm.heap.map(map).entries.len();
    vm.heap.claim(size.saturating_mul(size_of::<Key>() + 34))?;
    let (result, keys) = (Map::default(), List::new());
    vm.push_loop(body, Entries { map, size, index: 0, push_index, collect, result, keys })
}

pub(super) fn mmap(vm: &mut Machine) -> Result {
    let (body, push_index) = body_and_flag(vm, "expects a macro on top of the stack.")?;
    let map = vm.pop_map("expects a MAP below the macro on top of the stack.")?;
    over_map(vm, body, map, push_index, CollectEntries::Map)
}

pub(super) fn mfilter(vm: &mut Machine) -> Result {
    let (body, push_index) = body_and_flag(vm, "expects a MACRO.")?;
    let map = vm.pop_map("expects a MAP.")?;
    over_map(vm, body, map, push_index, CollectEntries::Filter)
}

pub(super) fn sortby(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("expects a macro on top of the stack.")?;
    match vm.pop()? {
        Value::List(list) | Value::Vector(list) => over_list(vm, body, list, false, Collect::Sort),
        Value::Map(map) if !map.is_frozen() => over_map(vm, body, map, false, CollectEntries::Sort),
        _ => Err(vm.error("operates on a list or a map created by {} or ->MAP.")),
    }
}
