//! FOREACH: one loop for every kind of collection.

use super::{as_macro, macro_and_flag};
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::{Encoder, Gts, Heap, List, Map, Set, Text};
use crate::machine::{Loop, Machine, Turn};
use crate::value::{Handle, Value};
use crate::words::points;

/// What is walked, and how many elements it had at the start.
enum Walk {
    List(Handle<List>, usize),
    Map(Handle<Map>, usize),
    Set(Handle<Set>, usize),
    /// The text and the byte at which the next character starts; the second half of a character
    /// beyond 16 bits, if it is due.
    Text(Text, usize, bool),
    Gts(Handle<Gts>),
    Encoder(Handle<Encoder>),
}

struct Each {
    walk: Walk,
    /// Keeps the collection alive.
    value: Value,
    index: usize,
    push_index: bool,
}

impl Each {
    /// Pushes the next element; `false` at the end.
    fn element(&mut self, vm: &mut Machine) -> Result<bool> {
        let index = self.index;
        match &mut self.walk {
            Walk::List(list, size) => {
                let items = vm.heap.list(*list);
                if index == items.len() {
                    return Ok(false);
                }
                unchanged(items.len(), *size)?;
                let value = items[index];
                vm.push(value)?;
            }
            Walk::Set(set, size) => {
                let members = &vm.heap.set(*set).members;
                if index == members.len() {
                    return Ok(false);
                }
                unchanged(members.len(), *size)?;
                let value = members[index].value();
                vm.push(value)?;
            }
            Walk::Map(map, size) => {
                let entries = &vm.heap.map(*map).entries;
                if index == entries.len() {
                    return Ok(false);
                }
                unchanged(entries.len(), *size)?;
                let (key, value) = (entries.get_index(index), entries[index]);
                let key = key.map_or(Value::Null, |(k, _)| k.value());
                vm.push(key)?;
                vm.push(value)?;
            }
            Walk::Text(text, at, second) => {
                let Some(c) = text[*at..].chars().next() else {
                    return Ok(false);
                };
                // Strings are walked by UTF-16 units; half a character cannot be shown.
                let whole = c.len_utf16() == 1;
                if whole || *second {
                    *at += c.len_utf8();
                }
                *second = !whole && !*second;
                let value = vm.heap.character(if whole { c } else { '?' })?;
                vm.push(value)?;
            }
            Walk::Gts(gts) => {
                let points = &vm.heap.gts(*gts).series.points;
                if index >= points.len() {
                    return Ok(false);
                }
                let point = points.get(index);
                points::push_point(vm, &point)?;
            }
            Walk::Encoder(encoder) => {
                let points = &vm.heap.encoder(*encoder).points;
                if index >= points.len() {
                    return Ok(false);
                }
                let point = points.get(index);
                points::push_point(vm, &point)?;
            }
        }
        Ok(true)
    }
}

/// A collection must keep its size while it is walked.
fn unchanged(now: usize, before: usize) -> Result {
    if now == before {
        return Ok(());
    }
    Err(Fault::Error(Box::new(Error::bare(Kind::Concurrent))))
}

impl Loop for Each {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        if !self.element(vm)? {
            return Ok(false);
        }
        if self.push_index {
            vm.push(self.index as i64)?;
        }
        self.index += 1;
        Ok(true)
    }

    fn turn(&mut self, heap: &Heap, stack: &mut Turn<'_>) -> bool {
        let Walk::List(list, size) = self.walk else { return false };
        let items = heap.list(list);
        let element = items.get(self.index).copied();
        let Some(element) = element.filter(|_| items.len() == size) else { return false };
        if !stack.has_room(1 + usize::from(self.push_index)) {
            return false;
        }
        stack.push(element);
        if self.push_index {
            stack.push(Value::Long(self.index as i64));
        }
        self.index += 1;
        true
    }

    fn breaks(&self) -> bool {
        true
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(self.value);
    }
}

pub(super) fn foreach(vm: &mut Machine) -> Result {
    let (body, push_index) = macro_and_flag(vm, false)?;
    let value = vm.pop()?;
    let Some(body) = as_macro(body) else {
        return Err(vm.error("expects a macro on top of the stack."));
    };
    let walk = match value {
        Value::List(list) | Value::Vector(list) => Walk::List(list, vm.heap.list(list).len()),
        Value::Map(map) => Walk::Map(map, vm.heap.map(map).entries.len()),
        Value::Set(set) => Walk::Set(set, vm.heap.set(set).members.len()),
        Value::String(text) => Walk::Text(Text::clone(vm.heap.text(text)), 0, false),
        Value::Gts(gts) => Walk::Gts(gts),
        Value::Encoder(encoder) => Walk::Encoder(encoder),
        _ => {
            return Err(vm.error(
                "operates on a list, map, Geo Time Series, ENCODER, STRING, iterator or iterable.",
            ));
        }
    };
    vm.push_loop(body, Each { walk, value, index: 0, push_index })
}
