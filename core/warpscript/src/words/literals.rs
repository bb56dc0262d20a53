//! Literals of collections, and what kind of value something is.

use crate::error::{Fault, Kind, Result};
use crate::heap::{List, Map, Set};
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::text::{to_text, type_name};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "literals",
    words: &[
        word(
            "MARK",
            mark,
            "1.0.0",
            "MARK mark<MARK>",
            "Pushes a mark.",
            &[("MARK 1 2 COUNTTOMARK", "[2,2,1,null]")],
        ),
        word(
            "[",
            mark,
            "1.0.0",
            "[ mark<MARK>",
            "Opens a list. All words that open a collection push the same mark.",
            &[("[ 1 2 ]", "[[1,2]]")],
        ),
        word("{", mark, "1.0.0", "{ mark<MARK>", "Opens a map.", &[("{ 'a' 1 }", "[{\"a\":1}]")]),
        word("(", mark, "1.2.13", "( mark<MARK>", "Opens a set.", &[("( 1 1 )", "[[1]]")]),
        word("[[", mark, "1.2.13", "[[ mark<MARK>", "Opens a vector.", &[("[[ 1 ]]", "[[1]]")]),
        word(
            "]",
            end_list,
            "1.0.0",
            "mark<MARK> x1<ANY> xN<ANY> ] list<LIST>",
            "Closes a list: takes everything down to the mark.",
            &[("[ 'a' [] ]", "[[\"a\",[]]]"), ("]", "!Cannot find a matching start of list.")],
        ),
        word(
            "}",
            end_map,
            "1.0.0",
            "mark<MARK> key1<ANY> value1<ANY> } map<MAP>",
            "Closes a map of keys and values.",
            &[("{ 'a' 1 'b' 2 }", "[{\"a\":1,\"b\":2}]"), ("{ 1 }", "!Odd number of elements")],
        ),
        word(
            ")",
            end_set,
            "1.2.13",
            "mark<MARK> x1<ANY> xN<ANY> ) set<SET>",
            "Closes a set.",
            &[("( 'x' 'x' )", "[[\"x\"]]")],
        ),
        word(
            "]]",
            end_vector,
            "1.2.13",
            "mark<MARK> x1<ANY> xN<ANY> ]] vector<VLIST>",
            "Closes a vector.",
            &[("[[ 1 2 ]] TYPEOF", "[\"VLIST\"]")],
        ),
        word(
            "[]",
            |vm| vm.push_list(List::new()),
            "1.0.0",
            "[] list<LIST>",
            "A new list.",
            &[("[]", "[[]]")],
        ),
        word(
            "{}",
            |vm| vm.push_map(Map::default()),
            "1.0.0",
            "{} map<MAP>",
            "A new map.",
            &[("{}", "[{}]")],
        ),
        word("()", empty_set, "1.2.13", "() set<SET>", "A new set.", &[("()", "[[]]")]),
        word(
            "[[]]",
            empty_vector,
            "1.2.13",
            "[[]] vector<VLIST>",
            "A new vector.",
            &[("[[]] TYPEOF", "[\"VLIST\"]")],
        ),
        word(
            "->V",
            to_vector,
            "1.0.11",
            "list<LIST> ->V vector<VLIST>",
            "A vector with the elements of a list or set.",
            &[("[ 1 2 ] ->V TYPEOF", "[\"VLIST\"]")],
        ),
        word(
            "V->",
            from_vector,
            "1.0.11",
            "vector<VLIST> V-> list<LIST>",
            "A list with the elements of a vector.",
            &[("[[ 1 2 ]] V-> TYPEOF", "[\"LIST\"]")],
        ),
        word(
            "COUNTTOMARK",
            count_to_mark,
            "1.0.0",
            "mark<MARK> x1<ANY> xN<ANY> COUNTTOMARK mark<MARK> x1<ANY> xN<ANY> n<LONG>",
            "Pushes how many levels there are above the topmost mark.",
            &[("MARK 'a' COUNTTOMARK", "[1,\"a\",null]"), ("COUNTTOMARK", "!Empty stack.")],
        ),
        word(
            "CLEARTOMARK",
            clear_to_mark,
            "1.0.0",
            "mark<MARK> x1<ANY> xN<ANY> CLEARTOMARK",
            "Removes everything down to the topmost mark, and the mark.",
            &[("7 MARK 1 2 CLEARTOMARK", "[7]")],
        ),
        word(
            "TYPEOF",
            type_of,
            "1.0.0",
            "x<ANY> TYPEOF type<STRING>",
            "The name of a value's type.",
            &[("1.5 TYPEOF", "[\"DOUBLE\"]"), ("NULL TYPEOF", "[\"NULL\"]")],
        ),
    ],
};

fn mark(vm: &mut Machine) -> Result {
    vm.push(Value::Mark)
}

/// How many levels are above the topmost mark; `None` without one.
fn above_mark(vm: &Machine) -> Option<usize> {
    vm.visible().iter().rev().position(|v| matches!(v, Value::Mark))
}

fn no_mark(vm: &Machine) -> Fault {
    if vm.depth() == 0 {
        return Fault::empty_stack();
    }
    Fault::kind(Kind::Bounds, "Invalid level.")
}

/// Takes everything down to the topmost mark, and the mark.
fn take_to_mark(vm: &mut Machine, what: &str) -> Result<List> {
    let Some(count) = above_mark(vm) else {
        let message = format!("Cannot find a matching start of {what}.");
        return Err(no_mark(vm).wrap(message));
    };
    vm.charge(count);
    let values = vm.pop_many(count)?;
    vm.pop()?;
    Ok(values)
}

fn end_list(vm: &mut Machine) -> Result {
    let values = take_to_mark(vm, "list")?;
    vm.push_list(values)
}

fn end_map(vm: &mut Machine) -> Result {
    let values = take_to_mark(vm, "map")?;
    let map = map_of(vm, &values)?;
    vm.push_map(map)
}

/// A map of keys and values, one after the other.
///
/// # Errors
/// When one is missing or a key comes twice.
pub(super) fn map_of(vm: &mut Machine, values: &[Value]) -> Result<Map> {
    if !values.len().is_multiple_of(2) {
        return Err(Fault::text("Odd number of elements, cannot create map."));
    }
    let mut map = Map::default();
    map.entries.reserve(values.len() / 2);
    for pair in values.chunks_exact(2) {
        let key = vm.heap.key(pair[0])?;
        if map.entries.insert(key, pair[1]).is_some() {
            let name = to_text(vm, pair[0])?;
            return Err(Fault::text(format!("Duplicate map key '{name}'")));
        }
    }
    Ok(map)
}

/// A set of values.
///
/// # Errors
/// When memory is used up.
pub(super) fn set_of(vm: &mut Machine, values: &[Value]) -> Result<Set> {
    vm.charge(values.len() * 4);
    vm.heap.claim(values.len().saturating_mul(size_of::<crate::heap::Key>() + 18))?;
    let mut set = Set::default();
    for value in values {
        let key = vm.heap.key(*value)?;
        set.members.insert(key);
    }
    Ok(set)
}

fn end_set(vm: &mut Machine) -> Result {
    let values = take_to_mark(vm, "set")?;
    let set = set_of(vm, &values)?;
    let set = vm.heap.alloc_set(set)?;
    vm.push(Value::Set(set))
}

fn end_vector(vm: &mut Machine) -> Result {
    let values = take_to_mark(vm, "vector")?;
    let list = vm.heap.alloc_list(values)?;
    vm.push(Value::Vector(list))
}

fn empty_set(vm: &mut Machine) -> Result {
    let set = vm.heap.alloc_set(Set::default())?;
    vm.push(Value::Set(set))
}

fn empty_vector(vm: &mut Machine) -> Result {
    let list = vm.heap.alloc_list(List::new())?;
    vm.push(Value::Vector(list))
}

fn to_vector(vm: &mut Machine) -> Result {
    let values = match vm.pop()? {
        Value::List(list) | Value::Vector(list) => {
            vm.heap.claim_values(vm.heap.list(list).len())?;
            vm.heap.list(list).clone()
        }
        Value::Set(set) => java::table_order(&vm.heap, vm.heap.set(set).members.iter()),
        _ => return Err(vm.error("expects a collection on top of the stack.")),
    };
    vm.charge(values.len());
    let list = vm.heap.alloc_list(values)?;
    vm.push(Value::Vector(list))
}

fn from_vector(vm: &mut Machine) -> Result {
    let Value::Vector(list) = vm.pop()? else {
        return Err(vm.error("expects a vector on top of the stack."));
    };
    vm.heap.claim_values(vm.heap.list(list).len())?;
    let values = vm.heap.list(list).clone();
    vm.charge(values.len());
    vm.push_list(values)
}

fn count_to_mark(vm: &mut Machine) -> Result {
    let count = above_mark(vm).ok_or_else(|| no_mark(vm))?;
    vm.push(count as i64)
}

fn clear_to_mark(vm: &mut Machine) -> Result {
    match above_mark(vm) {
        Some(count) => {
            vm.truncate(vm.depth() - count - 1);
            Ok(())
        }
        None => {
            vm.truncate(0);
            Err(Fault::empty_stack())
        }
    }
}

fn type_of(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let name = type_name(&vm.heap, value);
    vm.push_string(name)
}
