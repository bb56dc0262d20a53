//! Counters: numbers that change for all who hold them.

use std::any::Any;

use crate::error::Result;
use crate::heap::Object;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "counters",
    words: &[
        word(
            "COUNTER",
            |vm| {
                let counter = vm.heap.new_object(Counter(0))?;
                vm.push(counter)
            },
            "1.0.0",
            "COUNTER counter<COUNTER>",
            "Pushes a new counter that stands at 0.",
            &[("COUNTER", "[0]"), ("COUNTER 1 +", "[1]")],
        ),
        word(
            "COUNTERVALUE",
            value,
            "1.0.0",
            "counter<COUNTER> COUNTERVALUE value<LONG>",
            "What a counter stands at.",
            &[
                ("COUNTER COUNTERVALUE", "[0]"),
                ("1 COUNTERVALUE", "!can only operate on a counter."),
            ],
        ),
        word(
            "COUNTERDELTA",
            delta,
            "1.0.0",
            "counter<COUNTER> delta<LONG> COUNTERDELTA counter<COUNTER>",
            "Adds to a counter, for all who hold it.",
            &[("COUNTER DUP 2 COUNTERDELTA DROP COUNTERVALUE", "[2]")],
        ),
        word(
            "COUNTERSET",
            set,
            "1.2.22",
            "counter<COUNTER> value<LONG> COUNTERSET counter<COUNTER>",
            "Sets a counter, for all who hold it.",
            &[("COUNTER 42 COUNTERSET COUNTERVALUE", "[42]")],
        ),
    ],
};

/// A counter, and what it stands at.
#[derive(Clone, Debug)]
struct Counter(i64);

impl Object for Counter {
    fn type_name(&self) -> &'static str {
        "COUNTER"
    }

    fn footprint(&self) -> usize {
        8
    }

    fn json(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn snapshot(&self) -> Option<String> {
        Some(match self.0 {
            0 => "COUNTER ".to_owned(),
            value => format!("COUNTER {value} COUNTERSET "),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A counter as the LONG that it stands at, for words that take numbers; others as they are.
pub(crate) fn as_number(vm: &Machine, value: Value) -> Value {
    match value {
        Value::Object(object) => {
            vm.heap.object::<Counter>(object).map_or(value, |counter| Value::Long(counter.0))
        }
        other => other,
    }
}

/// Takes a counter.
fn pop_counter(vm: &mut Machine, message: &str) -> Result<(Handle<dyn Object>, i64)> {
    if let Value::Object(object) = vm.pop()?
        && let Some(counter) = vm.heap.object::<Counter>(object)
    {
        return Ok((object, counter.0));
    }
    Err(vm.error(message))
}

fn value(vm: &mut Machine) -> Result {
    let (_, value) = pop_counter(vm, "can only operate on a counter.")?;
    vm.push(value)
}

fn change(vm: &mut Machine, counter: Handle<dyn Object>, value: i64) -> Result {
    vm.heap.update_object(counter, |counter: &mut Counter| counter.0 = value);
    vm.push(Value::Object(counter))
}

fn delta(vm: &mut Machine) -> Result {
    let delta = vm.pop_long("expects a delta (LONG) on top of the stack.")?;
    let (counter, value) = pop_counter(vm, "expects a counter below the delta.")?;
    change(vm, counter, value.wrapping_add(delta))
}

fn set(vm: &mut Machine) -> Result {
    let value = vm.pop_long("expects a value (LONG) on top of the stack.")?;
    let (counter, _) = pop_counter(vm, "expects a counter below the value.")?;
    change(vm, counter, value)
}

/// A new counter that stands at a number.
pub(super) fn new(vm: &mut Machine, value: i64) -> Result<Value> {
    vm.heap.new_object(Counter(value))
}
