//! Functions of two numbers that also work on a number and a list or series, or on one of those.

use std::sync::Arc;

use weft_gts::Column;

use super::series::{self, Numbers};
use crate::decimal;
use crate::error::Result;
use crate::heap::{Gts, List};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::counters;

/// A function of two numbers: of LONG, of DOUBLE, or of both.
pub(crate) struct Numeric {
    /// For two LONG; without it they are made DOUBLE.
    pub(crate) long: Option<fn(i64, i64) -> Result<i64>>,
    /// For all others; without it they are cut to LONG.
    pub(crate) double: Option<fn(f64, f64) -> f64>,
    /// Whether a list or series alone is folded into one number.
    pub(crate) folds: bool,
}

/// Math.pow: one is not one to the power of NaN or infinity.
pub(crate) fn pow(a: f64, b: f64) -> f64 {
    if b.is_nan() || (a.abs() == 1.0 && b.is_infinite()) { f64::NAN } else { a.powf(b) }
}

fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a.total_cmp(&b).is_ge() {
        a
    } else {
        b
    }
}

fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

pub(super) fn power(vm: &mut Machine) -> Result {
    const POWER: Numeric = Numeric {
        long: Some(|a, b| Ok(pow(a as f64, b as f64) as i64)),
        double: Some(pow),
        folds: false,
    };
    binary(vm, &POWER)
}

pub(super) fn maximum(vm: &mut Machine) -> Result {
    const MAXIMUM: Numeric =
        Numeric { long: Some(|a, b| Ok(a.max(b))), double: Some(max), folds: true };
    binary(vm, &MAXIMUM)
}

pub(super) fn minimum(vm: &mut Machine) -> Result {
    const MINIMUM: Numeric =
        Numeric { long: Some(|a, b| Ok(a.min(b))), double: Some(min), folds: true };
    binary(vm, &MINIMUM)
}

/// A number as both types, and whether it counts as DOUBLE.
#[derive(Clone, Copy)]
struct Number {
    long: i64,
    double: f64,
    is_double: bool,
}

fn number(vm: &Machine, value: Value) -> Option<Number> {
    Some(match counters::as_number(vm, value) {
        Value::Long(v) => Number { long: v, double: v as f64, is_double: false },
        Value::Double(v) => Number { long: v as i64, double: v, is_double: true },
        Value::Decimal(h) => {
            let decimal = vm.heap.decimal(h);
            Number {
                long: decimal::to_long(decimal),
                double: decimal::to_double(decimal),
                is_double: true,
            }
        }
        _ => return None,
    })
}

impl Numeric {
    fn apply(&self, a: Number, b: Number) -> Result<Value> {
        match (self.long, self.double) {
            (Some(long), Some(_)) if !a.is_double && !b.is_double => {
                long(a.long, b.long).map(Value::Long)
            }
            (_, Some(double)) => Ok(Value::Double(double(a.double, b.double))),
            (Some(long), None) => long(a.long, b.long).map(Value::Long),
            (None, None) => Ok(Value::Null),
        }
    }
}

fn unhandled(vm: &Machine, function: &Numeric) -> crate::error::Fault {
    let alone = if function.folds { ", or a list of numerical values" } else { "" };
    vm.error(&format!(
        "can only operate on 2 numerical values, or a numerical value and a list of numerical \
         values, or a numerical value and a GTS of numerical values{alone}."
    ))
}

/// Runs a word that is a function of two numbers.
///
/// # Errors
/// When the operands are others, or as the function.
pub(crate) fn binary(vm: &mut Machine, function: &Numeric) -> Result {
    let top = vm.pop()?;
    let result = if let Some(b) = number(vm, top) {
        let below = vm.pop()?;
        match below {
            Value::List(list) | Value::Vector(list) => map_list(vm, list, b, true, function)?,
            Value::Gts(gts) => map_series(vm, gts, b, true, function)?,
            _ => {
                let a = number(vm, below).ok_or_else(|| unhandled(vm, function))?;
                function.apply(a, b)?
            }
        }
    } else if let Some(list) = top.as_list() {
        if function.folds {
            fold_list(vm, list, function)?
        } else {
            let below = vm.pop()?;
            let a = number(vm, below).ok_or_else(|| unhandled(vm, function))?;
            map_list(vm, list, a, false, function)?
        }
    } else if let Value::Gts(gts) = top {
        if function.folds {
            fold_series(vm, gts, function)?
        } else {
            let below = vm.pop()?;
            let a = number(vm, below).ok_or_else(|| unhandled(vm, function))?;
            map_series(vm, gts, a, false, function)?
        }
    } else {
        return Err(unhandled(vm, function));
    };
    vm.push(result)
}

/// The function of each element and `x`; `first`: the elements are the first operand.
fn map_list(
    vm: &mut Machine,
    list: Handle<List>,
    x: Number,
    first: bool,
    function: &Numeric,
) -> Result<Value> {
    let elements = vm.heap.list(list);
    vm.heap.claim_values(elements.len())?;
    let mut results = Vec::with_capacity(elements.len());
    for element in elements {
        let y = number(vm, *element).ok_or_else(|| unhandled(vm, function))?;
        results.push(if first { function.apply(y, x)? } else { function.apply(x, y)? });
    }
    vm.charge(results.len() * 2);
    vm.heap.new_list(results)
}

/// The function over all elements, from the first on.
fn fold_list(vm: &mut Machine, list: Handle<List>, function: &Numeric) -> Result<Value> {
    let elements = vm.heap.list(list);
    let mut result: Option<Value> = None;
    for element in elements {
        let y = number(vm, *element).ok_or_else(|| unhandled(vm, function))?;
        let next = match result.and_then(|r| number(vm, r)) {
            Some(x) => function.apply(x, y)?,
            None if function.double.is_some() && (function.long.is_none() || y.is_double) => {
                Value::Double(y.double)
            }
            None => Value::Long(y.long),
        };
        result = Some(next);
    }
    vm.charge(vm.heap.list(list).len());
    Ok(result.unwrap_or_default())
}

/// One number of a column of numbers.
fn number_at(numbers: Numbers<'_>, index: usize) -> Number {
    match numbers {
        Numbers::Long(v) => Number { long: v[index], double: v[index] as f64, is_double: false },
        Numbers::Double(v) => Number { long: v[index] as i64, double: v[index], is_double: true },
    }
}

fn map_series(
    vm: &mut Machine,
    gts: Handle<Gts>,
    x: Number,
    first: bool,
    function: &Numeric,
) -> Result<Value> {
    let column = &vm.heap.gts(gts).series.points.values;
    vm.heap.claim(column.len().saturating_mul(8))?;
    let numbers = Numbers::of(column).ok_or_else(|| unhandled(vm, function))?;
    let is_double = function.double.is_some()
        && (function.long.is_none() || x.is_double || matches!(column, Column::Double(_)));
    let pairs = (0..column.len()).map(|i| {
        let y = number_at(numbers, i);
        if first { (y, x) } else { (x, y) }
    });
    let values = match (function.long, function.double) {
        (_, Some(double)) if is_double => {
            Column::Double(Arc::new(pairs.map(|(a, b)| double(a.double, b.double)).collect()))
        }
        (Some(long), _) => {
            let values = pairs.map(|(a, b)| long(a.long, b.long));
            Column::Long(Arc::new(values.collect::<Result<_>>()?))
        }
        _ => Column::Empty,
    };
    series::with_values(vm, gts, values)
}

fn fold_series(vm: &mut Machine, gts: Handle<Gts>, function: &Numeric) -> Result<Value> {
    let column = &vm.heap.gts(gts).series.points.values;
    let numbers = Numbers::of(column).ok_or_else(|| unhandled(vm, function))?;
    let count = column.len();
    if count == 0 {
        return Ok(Value::Null);
    }
    let first = number_at(numbers, 0);
    let is_double = function.double.is_some()
        && (function.long.is_none() || matches!(column, Column::Double(_)));
    let mut rest = (1..count).map(|i| number_at(numbers, i));
    let result = match (function.long, function.double) {
        (_, Some(double)) if is_double => {
            Value::Double(rest.fold(first.double, |a, b| double(a, b.double)))
        }
        (Some(long), _) => Value::Long(rest.try_fold(first.long, |a, b| long(a, b.long))?),
        _ => Value::Null,
    };
    vm.charge(count);
    Ok(result)
}
