//! Logic on BOOLEAN, on series of them, and on lists of conditions.

use std::sync::Arc;

use weft_gts::{Column, Series};

use super::series;
use super::{pair, replace_pair};
use crate::error::{Fault, Result};
use crate::heap::List;
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};

pub(super) fn not(vm: &mut Machine) -> Result {
    let message = "can only operate on a boolean value or a boolean GTS.";
    match vm.pop()? {
        Value::Boolean(v) => vm.push(!v),
        Value::Gts(gts) => {
            let values = match &vm.heap.gts(gts).series.points.values {
                Column::Boolean(v) => Column::Boolean(Arc::new(v.iter().map(|v| !v).collect())),
                Column::Empty => Column::Empty,
                _ => return Err(vm.error(message)),
            };
            let result = series::with_values(vm, gts, values)?;
            vm.push(result)
        }
        _ => Err(vm.error(message)),
    }
}

pub(super) fn and(vm: &mut Machine) -> Result {
    short_circuit(vm, false)
}

pub(super) fn or(vm: &mut Machine) -> Result {
    short_circuit(vm, true)
}

/// AND and OR: `decisive` is the operand that settles the result.
fn short_circuit(vm: &mut Machine, decisive: bool) -> Result {
    let both = |a: bool, b: bool| if decisive { a || b } else { a && b };
    if let Some((Value::Boolean(a), Value::Boolean(b))) = pair(vm) {
        replace_pair(vm, Value::Boolean(both(a, b)));
        return Ok(());
    }
    let top = vm.pop()?;
    if let Some(list) = top.as_list() {
        return vm.push_task(Conditions { list, next: 0, decisive, asked: false });
    }
    let below = vm.pop()?;
    let (Value::Gts(a), Value::Gts(b)) = (below, top) else {
        return Err(wrong_operands(vm));
    };
    let (x, y) = (vm.heap.gts(a), vm.heap.gts(b));
    match (&x.series.points.values, &y.series.points.values) {
        (Column::Boolean(_), Column::Boolean(_)) => (),
        (Column::Empty | Column::Boolean(_), Column::Empty | Column::Boolean(_)) => {
            let series = Series { bucket: series::shared_buckets(x, y), ..Series::default() };
            let empty = vm.heap.new_gts(series)?;
            return vm.push(empty);
        }
        _ => return Err(vm.error("can only operate on boolean values or boolean GTS.")),
    }
    let pairs = series::matched(vm, a, b)?;
    let (x, y) = (&vm.heap.gts(a).series.points.values, &vm.heap.gts(b).series.points.values);
    let values = match (x, y) {
        (Column::Boolean(x), Column::Boolean(y)) => {
            pairs.iter().map(|(i, j)| both(x[*i], y[*j])).collect()
        }
        _ => Vec::new(),
    };
    let result = series::paired(vm, (a, b), &pairs, Column::Boolean(Arc::new(values)))?;
    vm.push(result)
}

fn wrong_operands(vm: &Machine) -> Fault {
    vm.error(
        "can only operate on two boolean values, or two boolean GTS, or a list of booleans or \
         macros, each macro putting a single boolean on top of the stack.",
    )
}

/// Looks at conditions one by one until one decides.
struct Conditions {
    list: Handle<List>,
    next: usize,
    decisive: bool,
    /// A macro of the list has just run: its answer is on the stack.
    asked: bool,
}

impl Task for Conditions {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while !vm.should_yield() {
            let operand = if std::mem::take(&mut self.asked) {
                vm.pop()?
            } else {
                let Some(operand) = vm.heap.list(self.list).get(self.next).copied() else {
                    vm.push(!self.decisive)?;
                    return Ok(Flow::Done);
                };
                self.next += 1;
                vm.charge(4);
                operand
            };
            match operand {
                Value::Macro(body) => {
                    self.asked = true;
                    vm.exec(body)?;
                    return Ok(Flow::Again);
                }
                Value::Boolean(v) if v == self.decisive => {
                    vm.push(v)?;
                    return Ok(Flow::Done);
                }
                Value::Boolean(_) => (),
                _ => return Err(wrong_operands(vm)),
            }
        }
        Ok(Flow::Again)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::List(self.list));
    }
}
