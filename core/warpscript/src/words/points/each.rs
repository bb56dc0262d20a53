//! Words over one series or a list of them.

use crate::error::Result;
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// Takes the top and applies `f` to it, or to every value of the list that it is, and pushes the
/// result or the list of results.
///
/// # Errors
/// As `f`.
pub(crate) fn each(
    vm: &mut Machine,
    mut f: impl FnMut(&mut Machine, Value) -> Result<Value>,
) -> Result {
    let top = vm.pop()?;
    let Some(list) = top.as_list() else {
        let result = f(vm, top)?;
        return vm.push(result);
    };
    let values = vm.heap.list(list).clone();
    vm.charge(values.len());
    let mut results = Vec::with_capacity(values.len());
    for value in values {
        results.push(f(vm, value)?);
    }
    vm.push_list(results)
}

/// The same for words that only know series; the argument stays on the stack when it is anything
/// else.
///
/// # Errors
/// As `f`, and when there is anything but series.
pub(crate) fn each_gts(
    vm: &mut Machine,
    mut f: impl FnMut(&mut Machine, Handle<Gts>) -> Result<Value>,
) -> Result {
    let top = vm.peek(0)?;
    each(vm, |vm, value| match value {
        Value::Gts(gts) => f(vm, gts),
        _ => {
            vm.push(top)?;
            Err(vm.error("can only operate on Geo Time Series instances."))
        }
    })
}

/// Takes the top and applies `f` to it, or, where it is a list of lists, to everything in them,
/// and pushes the result in the same nesting.
///
/// # Errors
/// As `f`, and when lists are nested so deeply that one contains itself.
pub(crate) fn each_nested(
    vm: &mut Machine,
    mut f: impl FnMut(&mut Machine, Value) -> Result<Value>,
) -> Result {
    const DEPTH_MAX: usize = 1000;
    let top = vm.pop()?;
    let Some(list) = top.as_list() else {
        let result = f(vm, top)?;
        return vm.push(result);
    };
    let mut open = vec![(list, 0usize, Vec::new())];
    loop {
        let Some((list, index, results)) = open.last_mut() else {
            return Ok(());
        };
        let value = vm.heap.list(*list).get(*index).copied();
        *index += 1;
        let result = match value {
            Some(value) => match value.as_list() {
                Some(inner) if open.len() < DEPTH_MAX => {
                    open.push((inner, 0, Vec::new()));
                    continue;
                }
                Some(_) => return Err(vm.error("was given lists that are nested too deeply.")),
                None => f(vm, value)?,
            },
            None => {
                let result = vm.heap.new_list(std::mem::take(results))?;
                open.pop();
                if open.is_empty() {
                    return vm.push(result);
                }
                result
            }
        };
        vm.charge(1);
        if let Some((_, _, results)) = open.last_mut() {
            results.push(result);
        }
    }
}

/// The series of a list, in order.
///
/// # Errors
/// When there is anything else; `message` follows the word's name.
pub(crate) fn gts_list(vm: &mut Machine, value: Value, message: &str) -> Result<Vec<Handle<Gts>>> {
    let Some(list) = value.as_list() else {
        return Err(vm.error(message));
    };
    let values = vm.heap.list(list);
    let series: Vec<Handle<Gts>> =
        values.iter().filter_map(|v| if let Value::Gts(h) = v { Some(*h) } else { None }).collect();
    if series.len() < values.len() {
        return Err(vm.error(message));
    }
    vm.charge(series.len());
    Ok(series)
}
