//! Words that make aggregators: of macros, or of other aggregators under a condition.

use super::callee::{Callee, Code, Use, extent_allows};
use crate::error::Result;
use crate::function::{Condition, Purpose, Role};
use crate::heap::Function;
use crate::machine::Machine;
use crate::macros::{Instruction, Macro};
use crate::registry::{Word, word};
use crate::value::Value;

fn push(vm: &mut Machine, role: Role, parameters: Vec<Value>) -> Result {
    let function = Function { word: Some(vm.word), name: None, role, parameters };
    let function = vm.heap.alloc_function(function)?;
    vm.push(Value::Function(function))
}

/// `MACROMAPPER` and its two other names.
pub(super) fn macro_aggregator(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("expects a macro on top of the stack.")?;
    push(vm, Role::Macro(body, Purpose::Aggregator), vec![Value::Macro(body)])
}

/// What the macro that `STRICTMAPPER` makes of a macro consists of, behind its parameters.
static CHECKED: Word = word("STRICTMAPPER", checked, "", "", "", &[]);

/// Takes a macro and two bounds, and runs the macro if the series below them is within these.
fn checked(vm: &mut Machine) -> Result {
    let max = vm.pop_long("expects a bound.")?;
    let min = vm.pop_long("expects a bound.")?;
    let body = vm.pop_macro("expects a macro.")?;
    let Value::Gts(gts) = vm.peek(0)? else {
        return Err(vm.error("'s resulting function can only be applied on a GTS."));
    };
    let gts = vm.heap.gts(gts);
    let ticks = &gts.series.points.ticks;
    let ends = (ticks.iter().min().copied(), ticks.iter().max().copied());
    let ends = [ends.0.unwrap_or(0), ends.1.unwrap_or(0)];
    // The window is sorted, unless the macro was given something else.
    let allowed = if ticks.is_sorted() {
        extent_allows(ticks, min, max)
    } else {
        let count = ticks.len() as i64;
        let span = ends[1].wrapping_sub(ends[0]).wrapping_add(1);
        let low = (min > 0 && count < min) || (min < 0 && span < -min);
        let high = (max > 0 && count > max) || (max < 0 && span > -max);
        !low && !high
    };
    if allowed {
        return vm.exec(body);
    }
    vm.pop()?;
    vm.push_list(vec![Value::Null])
}

pub(super) fn strict_mapper(vm: &mut Machine) -> Result {
    let text = "expects a maximum (inclusive) number of values or a minimum timespan on top.";
    let max = vm.pop()?.as_i64().ok_or_else(|| vm.error(text))?.max(-i64::MAX);
    let text =
        "expects a minimum (inclusive) number of values or a minimum timespan below the top.";
    let min = vm.pop()?.as_i64().ok_or_else(|| vm.error(text))?.max(-i64::MAX);
    if ((min > 0 && max >= 0) || (min < 0 && max <= 0)) && min.abs() > max.abs() {
        let text = "expects abs(min) <= abs(max) when both express a count or both a duration";
        return Err(vm.error(text));
    }
    let mapper = vm.pop()?;
    match Callee::find(vm, mapper, Use::Map).map(|c| c.code) {
        Some(Code::Series(body)) => {
            let parameters = [Value::Macro(body), Value::Long(min), Value::Long(max)];
            let mut code: Vec<Instruction> = parameters.map(Instruction::Push).to_vec();
            code.push(Instruction::Call(&CHECKED));
            let wrapped = vm.heap.alloc_macro(Macro::new(code))?;
            vm.push(Value::Macro(wrapped))
        }
        Some(_) => {
            let parameters = vec![mapper, Value::Long(min), Value::Long(max)];
            push(vm, Role::Strict(Condition::Extent), parameters)
        }
        None => {
            let text = "expects a mapper or a macro below the range of counts or timespans.";
            Err(vm.error(text))
        }
    }
}

pub(super) fn strict_reducer(vm: &mut Machine) -> Result {
    let reducer = vm.pop()?;
    match Callee::find(vm, reducer, Use::Reduce).map(|c| c.code) {
        Some(Code::Native(..) | Code::Lists(_)) => {
            push(vm, Role::Strict(Condition::Complete), vec![reducer])
        }
        _ => Err(vm.error("expects a reducer on top of the stack.")),
    }
}
