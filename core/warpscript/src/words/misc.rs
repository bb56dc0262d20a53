//! Words that fit nowhere else.

use crate::error::Result;
use crate::heap::List;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::text::type_name;
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "misc",
    words: &[
        word(
            "RANGE",
            range,
            "1.0.0",
            "bounds<LIST> RANGE numbers<LIST>",
            "The LONG numbers from a start (0 when it is missing) to a stop, which is left out, in \
             steps (1 when it is missing): `[ stop ]`, `[ start stop ]` or `[ start stop step ]`.",
            &[("[ 4 ] RANGE", "[[0,1,2,3]]"), ("[ 2 9 3 ] RANGE", "[[2,5,8]]")],
        ),
        word(
            "REF",
            |vm| vm.push(Value::Word(vm.word)),
            "1.2.22",
            "REF function<FUNCTION>",
            "Pushes this word itself.",
            &[("REF TYPEOF", "[\"FUNCTION\"]")],
        ),
        word(
            "NONNULL",
            non_null,
            "1.2.7",
            "list<LIST> NONNULL others<LIST>",
            "A list without the NULLs of another.",
            &[("[ 1 NULL 'a' ] NONNULL", "[[1,\"a\"]]"), ("NULL NONNULL", "!operates on a list.")],
        ),
        word(
            "TDESCRIBE",
            describe,
            "1.2.19",
            "x<ANY> TDESCRIBE description<STRING>",
            "The type of a value with the types inside: of the first element of lists, of the last \
             entry of maps.",
            &[("[ [ 1.5 ] ] TDESCRIBE", "[\"LIST [ LIST [ DOUBLE ] ]\"]")],
        ),
    ],
};

fn range(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list of parameters on top of the stack.")?;
    let mut bounds = Vec::with_capacity(3);
    for value in vm.heap.list(list).iter().take(4) {
        let value = crate::words::counters::as_number(vm, *value);
        let message = "expects a list of 1 to 3 longs on top of the stack.";
        bounds.push(value.as_i64().ok_or_else(|| vm.error(message))?);
    }
    let (start, stop, step) = match bounds[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(vm.error("expects a list of 1 to 3 longs on top of the stack.")),
    };
    if step <= 0 {
        return Err(vm.error("step MUST be > 0."));
    }
    let count = (i128::from(stop) - i128::from(start)).max(0);
    let count = (count as u128).div_ceil(step as u128);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    vm.heap.claim_values(count)?;
    vm.charge(count);
    let numbers = (0..count as i64).map(|n| Value::Long(start.wrapping_add(n.wrapping_mul(step))));
    let numbers: List = numbers.collect();
    vm.push_list(numbers)
}

fn non_null(vm: &mut Machine) -> Result {
    let list = vm.pop_list("operates on a list.")?;
    let elements = vm.heap.list(list);
    vm.heap.claim_values(elements.len())?;
    let others: List = elements.iter().copied().filter(|v| !v.is_null()).collect();
    vm.charge(vm.heap.list(list).len());
    vm.push_list(others)
}

fn describe(vm: &mut Machine) -> Result {
    /// How deep the description goes.
    const DEPTH_MAX: usize = 16;
    enum Part {
        Value(Value, usize),
        Text(&'static str),
    }
    let top = vm.pop()?;
    let mut out = String::new();
    let mut rest = vec![Part::Value(top, 0)];
    while let Some(part) = rest.pop() {
        let (value, depth) = match part {
            Part::Text(text) => {
                out.push_str(text);
                continue;
            }
            Part::Value(value, depth) => (value, depth),
        };
        match value {
            _ if depth > DEPTH_MAX => out.push_str("... (recursion limit reached)"),
            Value::List(list) | Value::Vector(list) => match vm.heap.list(list).first() {
                Some(first) => {
                    let inner = Part::Value(*first, depth + 1);
                    rest.extend([Part::Text(" ]"), inner, Part::Text("LIST [ ")]);
                }
                None => out.push_str("LIST []"),
            },
            Value::Map(map) => match vm.heap.map(map).entries.last() {
                Some((key, value)) => {
                    let (key, value) = (key.value(), *value);
                    rest.push(Part::Text(" } "));
                    rest.push(Part::Value(value, depth + 1));
                    rest.push(Part::Text(" : "));
                    rest.push(Part::Value(key, depth + 1));
                    rest.push(Part::Text("MAP { "));
                }
                None => out.push_str("MAP {}"),
            },
            simple => out.push_str(type_name(&vm.heap, simple)),
        }
    }
    vm.charge(out.len() / 8);
    vm.push_string(out)
}
