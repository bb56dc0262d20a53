//! The four operations and the rest of a division.

use std::sync::Arc;

use super::series::{self, Arithmetic};
use super::{pair, pop_pair, replace_pair};
use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::heap::Decimal;
use crate::machine::Machine;
use crate::macros::Macro;
use crate::value::Value;
use crate::words::counters;
use crate::words::maths::operate;

const SUBTRACT: Arithmetic =
    Arithmetic { long: |a, b| Some(a.wrapping_sub(b)), double: |a, b| a - b };
const MULTIPLY: Arithmetic =
    Arithmetic { long: |a, b| Some(a.wrapping_mul(b)), double: |a, b| a * b };
const DIVIDE: Arithmetic = Arithmetic { long: quotient, double: |a, b| a / b };

/// `None` for a division by zero.
fn quotient(a: i64, b: i64) -> Option<i64> {
    if b == 0 { None } else { Some(a.wrapping_div(b)) }
}

/// "/ by zero"
#[cold]
pub(super) fn by_zero() -> Fault {
    Fault::kind(Kind::Arithmetic, "/ by zero")
}

/// Takes the place of a result away, as operands are gone when an operation fails.
#[cold]
fn failed(vm: &mut Machine, fault: Fault) -> Result {
    vm.stack.pop();
    Err(fault)
}

/// Counters among two values as numbers; `None` when there are none.
fn counted(vm: &Machine, (a, b): (Value, Value)) -> Option<(Value, Value)> {
    let number = |v: Value| matches!(counters::as_number(vm, v), Value::Long(_));
    let counter = |v: Value| matches!(v, Value::Object(_)) && number(v);
    let is_number =
        |v: Value| counter(v) || matches!(v, Value::Long(_) | Value::Double(_) | Value::Decimal(_));
    let other = |v: Value| is_number(v) || matches!(v, Value::Gts(_));
    if (counter(a) && other(b)) || (counter(b) && other(a)) {
        return Some((counters::as_number(vm, a), counters::as_number(vm, b)));
    }
    None
}

/// Puts two values back and runs the word on them again.
fn again(vm: &mut Machine, (a, b): (Value, Value), word: fn(&mut Machine) -> Result) -> Result {
    vm.push(a)?;
    vm.push(b)?;
    word(vm)
}

/// Does two numbers at once; `false` when the values are others.
#[inline]
fn numbers(
    vm: &mut Machine,
    long: impl Fn(i64, i64) -> i64,
    double: impl Fn(f64, f64) -> f64,
) -> bool {
    let value = match pair(vm) {
        Some((Value::Long(a), Value::Long(b))) => Value::Long(long(a, b)),
        Some((Value::Double(a), Value::Double(b))) => Value::Double(double(a, b)),
        Some((Value::Long(a), Value::Double(b))) => Value::Double(double(a as f64, b)),
        Some((Value::Double(a), Value::Long(b))) => Value::Double(double(a, b as f64)),
        _ => return false,
    };
    replace_pair(vm, value);
    true
}

/// The decimal of a number; `None` for everything else.
fn as_decimal(vm: &Machine, value: Value) -> Result<Option<Decimal>> {
    Ok(match value {
        Value::Long(v) => Some(decimal::from_long(v)),
        Value::Double(v) => Some(decimal::from_double(v)?),
        Value::Decimal(h) => Some(vm.heap.decimal(h).clone()),
        _ => None,
    })
}

/// The result for two numbers one of which is a decimal; `None` when they are others.
fn decimals(
    vm: &mut Machine,
    (a, b): (Value, Value),
    operation: fn(&Decimal, &Decimal) -> Result<Decimal>,
) -> Result<Option<Value>> {
    if !matches!(a, Value::Decimal(_)) && !matches!(b, Value::Decimal(_)) {
        return Ok(None);
    }
    let (Some(a), Some(b)) = (as_decimal(vm, a)?, as_decimal(vm, b)?) else {
        return Ok(None);
    };
    let bytes = (a.unscaled.bits() + b.unscaled.bits()) as usize / 8;
    vm.charge(bytes * bytes / 512);
    let result = operation(&a, &b)?;
    Ok(Some(Value::Decimal(vm.heap.alloc_decimal(result)?)))
}

pub(super) fn add(vm: &mut Machine) -> Result {
    if numbers(vm, i64::wrapping_add, |a, b| a + b) {
        return Ok(());
    }
    let (a, b) = pop_pair(vm)?;
    if let Some(numbers) = counted(vm, (a, b)) {
        return again(vm, numbers, add);
    }
    if operate(vm, a, b)? {
        return Ok(());
    }
    let sum = match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let (a, b) = (vm.heap.text(a), vm.heap.text(b));
            vm.heap.claim(a.len() + b.len())?;
            let text = [&**a, &**b].concat();
            vm.charge(text.len() / 16);
            vm.heap.string(text)?
        }
        (Value::List(list) | Value::Vector(list), element) => {
            let from = vm.heap.list(list);
            vm.heap.claim_values(from.len() + 1)?;
            let mut values = Vec::with_capacity(from.len() + 1);
            values.extend_from_slice(from);
            values.push(element);
            vm.charge(values.len());
            vm.heap.new_list(values)?
        }
        (Value::Set(set), element) => {
            let mut set = vm.heap.set(set).clone();
            vm.charge(set.members.len() * 4);
            set.members.insert(vm.heap.key(element)?);
            Value::Set(vm.heap.alloc_set(set)?)
        }
        (Value::Macro(a), Value::Macro(b)) => {
            let (a, b) = (vm.heap.macro_(a), vm.heap.macro_(b));
            let secure = a.secure || b.secure;
            vm.heap.claim((a.code.len() + b.code.len()) * 32)?;
            let code: Vec<_> = a.code.iter().chain(&*b.code).copied().collect();
            vm.charge(code.len());
            let body = Macro { secure, ..Macro::new(code) };
            Value::Macro(vm.heap.alloc_macro(body)?)
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            let (a, b) = (Arc::clone(vm.heap.bytes(a)), Arc::clone(vm.heap.bytes(b)));
            vm.heap.claim(a.len() + b.len())?;
            vm.charge((a.len() + b.len()) / 16);
            Value::Bytes(vm.heap.alloc_bytes([a, b].concat().into())?)
        }
        (Value::Gts(a), Value::Gts(b)) => series::add_series(vm, a, b)?,
        (Value::Gts(gts), value) => series::add_value(vm, gts, value, true)?,
        (value, Value::Gts(gts)) => series::add_value(vm, gts, value, false)?,
        numbers => match decimals(vm, numbers, decimal::add)? {
            Some(sum) => sum,
            None => {
                return Err(vm.error(
                    "can only operate on numeric, string, lists, matrices, vectors, Geo Time \
                     Series, byte array and macro values.",
                ));
            }
        },
    };
    vm.push(sum)
}

/// What is not two numbers, for the three operations that treat series alike.
fn others(
    vm: &mut Machine,
    operation: &Arithmetic,
    exact: fn(&Decimal, &Decimal) -> Result<Decimal>,
    word: fn(&mut Machine) -> Result,
    message: &str,
) -> Result {
    let (a, b) = pop_pair(vm)?;
    if let Some(numbers) = counted(vm, (a, b)) {
        return again(vm, numbers, word);
    }
    if operate(vm, a, b)? {
        return Ok(());
    }
    let is_number = |v: Value| matches!(v, Value::Long(_) | Value::Double(_) | Value::Decimal(_));
    let result = match (a, b) {
        (Value::Gts(a), Value::Gts(b)) => series::combine_numbers(vm, a, b, operation, message)?,
        (Value::Gts(gts), x) if is_number(x) => {
            series::map_number(vm, gts, x, true, operation, message)?
        }
        (x, Value::Gts(gts)) if is_number(x) => {
            series::map_number(vm, gts, x, false, operation, message)?
        }
        numbers => match decimals(vm, numbers, exact)? {
            Some(result) => result,
            None => return Err(vm.error(message)),
        },
    };
    vm.push(result)
}

pub(super) fn subtract(vm: &mut Machine) -> Result {
    if numbers(vm, i64::wrapping_sub, |a, b| a - b) {
        return Ok(());
    }
    let message =
        "can only operate on numeric values, vectors, matrices and numeric Geo Time Series.";
    others(vm, &SUBTRACT, decimal::subtract, subtract, message)
}

pub(super) fn multiply(vm: &mut Machine) -> Result {
    if numbers(vm, i64::wrapping_mul, |a, b| a * b) {
        return Ok(());
    }
    let message =
        "can only operate on numeric values, vectors, matrices and numeric Geo Time Series.";
    others(vm, &MULTIPLY, decimal::multiply, multiply, message)
}

pub(super) fn divide(vm: &mut Machine) -> Result {
    if let Some((Value::Long(a), Value::Long(b))) = pair(vm) {
        let quotient = quotient(a, b);
        replace_pair(vm, quotient.map_or(Value::Null, Value::Long));
        return if quotient.is_some() { Ok(()) } else { failed(vm, by_zero()) };
    }
    if numbers(vm, |a, _| a, |a, b| a / b) {
        return Ok(());
    }
    let message = "can only operate on numeric values, vectors and numeric Geo Time Series.";
    others(vm, &DIVIDE, decimal::divide, divide, message)
}

pub(super) fn modulo(vm: &mut Machine) -> Result {
    if let Some((Value::Long(a), Value::Long(b))) = pair(vm) {
        replace_pair(vm, Value::Long(if b == 0 { 0 } else { a.wrapping_rem(b) }));
        return if b == 0 { failed(vm, by_zero()) } else { Ok(()) };
    }
    if numbers(vm, |a, _| a, |a, b| a % b) {
        return Ok(());
    }
    let pair = pop_pair(vm)?;
    if let Some(numbers) = counted(vm, pair) {
        return again(vm, numbers, modulo);
    }
    match decimals(vm, pair, decimal::remainder)? {
        Some(rest) => vm.push(rest),
        None => Err(vm.error("operates on numeric arguments.")),
    }
}
