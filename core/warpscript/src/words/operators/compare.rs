//! Comparison of values and of series.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_gts::{Column, Series};

use super::series::{self, Numbers};
use super::{pair, pop_pair, replace_pair};
use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, Heap, Order};
use crate::java;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::counters;

/// A comparison, and what it says about NaN.
struct Comparison {
    holds: fn(Ordering) -> bool,
    one_nan: bool,
    two_nan: bool,
}

const EQUAL: Comparison = Comparison { holds: Ordering::is_eq, one_nan: false, two_nan: true };
const NOT_EQUAL: Comparison = Comparison { holds: Ordering::is_ne, one_nan: true, two_nan: false };
const LESS: Comparison = Comparison { holds: Ordering::is_lt, one_nan: false, two_nan: false };
const LESS_OR_EQUAL: Comparison =
    Comparison { holds: Ordering::is_le, one_nan: false, two_nan: true };
const GREATER: Comparison = Comparison { holds: Ordering::is_gt, one_nan: false, two_nan: false };
const GREATER_OR_EQUAL: Comparison =
    Comparison { holds: Ordering::is_ge, one_nan: false, two_nan: true };

impl Comparison {
    /// Compares two doubles, NaN included.
    #[inline]
    fn doubles(&self, a: f64, b: f64) -> bool {
        match (a.is_nan(), b.is_nan()) {
            (true, true) => self.two_nan,
            (false, false) => (self.holds)(a.total_cmp(&b)),
            _ => self.one_nan,
        }
    }
}

fn is_nan(value: Value) -> bool {
    matches!(value, Value::Double(v) if v.is_nan())
}

fn is_number(value: Value) -> bool {
    matches!(value, Value::Long(_) | Value::Double(_) | Value::Decimal(_))
}

/// A LONG against a DOUBLE, exactly.
fn compare_mixed(a: i64, b: f64) -> Result<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !b.is_finite() {
        return Err(Fault::kind(Kind::Argument, "Infinite or NaN"));
    }
    if b >= LIMIT {
        return Ok(Ordering::Less);
    }
    if b < -LIMIT {
        return Ok(Ordering::Greater);
    }
    let whole = b.trunc();
    let fraction = if b > whole { Ordering::Less } else { Ordering::Equal };
    let fraction = if b < whole { Ordering::Greater } else { fraction };
    Ok(a.cmp(&(whole as i64)).then(fraction))
}

/// The order of two numbers by value; two doubles as Java orders them.
///
/// # Errors
/// When one is infinite and the other of another type.
pub(crate) fn compare_numbers(heap: &Heap, a: Value, b: Value) -> Result<Ordering> {
    let exact = |v: Value| -> Result<crate::heap::Decimal> {
        Ok(match v {
            Value::Long(v) => decimal::from_long(v),
            Value::Double(v) => decimal::from_double_exactly(v)?,
            Value::Decimal(h) => heap.decimal(h).clone(),
            _ => return Err(Fault::kind(Kind::Cast, "Not a number.")),
        })
    };
    match (a, b) {
        (Value::Long(a), Value::Long(b)) => Ok(a.cmp(&b)),
        (Value::Double(a), Value::Double(b)) => Ok(java::compare_doubles(a, b)),
        (Value::Long(a), Value::Double(b)) => compare_mixed(a, b),
        (Value::Double(a), Value::Long(b)) => compare_mixed(b, a).map(Ordering::reverse),
        _ => Ok(decimal::compare(&exact(a)?, &exact(b)?)),
    }
}

/// Compares two numbers at once; `false` when the values are others.
#[inline]
fn fast(vm: &mut Machine, comparison: &Comparison) -> bool {
    let holds = match pair(vm) {
        Some((Value::Long(a), Value::Long(b))) => (comparison.holds)(a.cmp(&b)),
        Some((Value::Double(a), Value::Double(b))) => comparison.doubles(a, b),
        _ => return false,
    };
    replace_pair(vm, Value::Boolean(holds));
    true
}

/// Equality of anything; numbers and series compare as with the other words.
fn equality(vm: &mut Machine, comparison: &Comparison) -> Result {
    if fast(vm, comparison) {
        return Ok(());
    }
    let (a, b) = pop_numbers(vm)?;
    let simple = |v| is_number(v) || matches!(v, Value::String(_) | Value::Boolean(_));
    let is_series = |v| matches!(v, Value::Gts(_));
    let ordered = (is_number(a) && is_number(b))
        || (is_series(a) && (is_series(b) || simple(b)))
        || (is_series(b) && simple(a));
    if ordered {
        return compare(vm, a, b, comparison);
    }
    let equal = match (a, b) {
        (Value::Bytes(a), Value::Bytes(b)) => vm.heap.bytes(a) == vm.heap.bytes(b),
        _ => java::equals(&vm.heap, a, b)?,
    };
    let order = if equal { Ordering::Equal } else { Ordering::Less };
    vm.push((comparison.holds)(order))
}

fn ordering(vm: &mut Machine, comparison: &Comparison) -> Result {
    if fast(vm, comparison) {
        return Ok(());
    }
    let (a, b) = pop_numbers(vm)?;
    compare(vm, a, b, comparison)
}

/// Takes two values; counters as the numbers that they stand at.
fn pop_numbers(vm: &mut Machine) -> Result<(Value, Value)> {
    let (a, b) = pop_pair(vm)?;
    Ok((counters::as_number(vm, a), counters::as_number(vm, b)))
}

pub(super) fn equal(vm: &mut Machine) -> Result {
    equality(vm, &EQUAL)
}

pub(super) fn not_equal(vm: &mut Machine) -> Result {
    equality(vm, &NOT_EQUAL)
}

pub(super) fn less(vm: &mut Machine) -> Result {
    ordering(vm, &LESS)
}

pub(super) fn less_or_equal(vm: &mut Machine) -> Result {
    ordering(vm, &LESS_OR_EQUAL)
}

pub(super) fn greater(vm: &mut Machine) -> Result {
    ordering(vm, &GREATER)
}

pub(super) fn greater_or_equal(vm: &mut Machine) -> Result {
    ordering(vm, &GREATER_OR_EQUAL)
}

fn compare(vm: &mut Machine, a: Value, b: Value, comparison: &Comparison) -> Result {
    let result = match (a, b) {
        (Value::Gts(a), Value::Gts(b)) => compare_series(vm, a, b, comparison)?,
        (Value::Gts(gts), x) => compare_points(vm, gts, x, true, comparison)?,
        (x, Value::Gts(gts)) => compare_points(vm, gts, x, false, comparison)?,
        _ if is_nan(a) && is_nan(b) => Value::Boolean(comparison.two_nan),
        _ if is_nan(a) || is_nan(b) => Value::Boolean(comparison.one_nan),
        _ if is_number(a) && is_number(b) => {
            Value::Boolean((comparison.holds)(compare_numbers(&vm.heap, a, b)?))
        }
        (Value::String(a), Value::String(b)) => {
            let order = java::compare_texts(vm.heap.text(a), vm.heap.text(b));
            Value::Boolean((comparison.holds)(order))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            Value::Boolean((comparison.holds)(vm.heap.bytes(a).cmp(vm.heap.bytes(b))))
        }
        _ => return Err(different_types(vm)),
    };
    vm.push(result)
}

fn different_types(vm: &Machine) -> Fault {
    vm.error("can only operate when GTS values and the top stack operand have the same type.")
}

/// The points of a series for which a comparison with a value holds; `first`: the series is the
/// first operand.
fn compare_points(
    vm: &mut Machine,
    gts: Handle<Gts>,
    x: Value,
    first: bool,
    comparison: &Comparison,
) -> Result<Value> {
    let points = &vm.heap.gts(gts).series.points;
    let holds = |order: Ordering| (comparison.holds)(if first { order } else { order.reverse() });
    let mut kept = Vec::new();
    let mut keep = |index: usize, keeps: bool| {
        if keeps {
            kept.push(index as u32);
        }
    };
    vm.heap.claim(points.len().saturating_mul(8))?;
    match (&points.values, x) {
        (Column::Empty, Value::String(_) | Value::Boolean(_)) if first => (),
        (Column::Empty, x) if first && is_number(x) => (),
        (Column::String(values), Value::String(text)) => {
            let text = vm.heap.text(text);
            let orders = values.iter().map(|v| java::compare_texts(v, text));
            orders.enumerate().for_each(|(i, o)| keep(i, holds(o)));
        }
        (Column::Boolean(values), Value::Boolean(x)) => {
            values.iter().enumerate().for_each(|(i, v)| keep(i, holds(v.cmp(&x))));
        }
        (Column::Double(values), Value::Double(x)) => {
            for (index, value) in values.iter().enumerate() {
                let keeps = if x.is_nan() || value.is_nan() {
                    comparison.doubles(*value, x)
                } else {
                    holds(value.total_cmp(&x))
                };
                keep(index, keeps);
            }
        }
        (Column::Double(values), x) if is_number(x) => {
            for (index, value) in values.iter().enumerate() {
                let keeps = if value.is_nan() {
                    comparison.one_nan
                } else {
                    holds(compare_numbers(&vm.heap, Value::Double(*value), x)?)
                };
                keep(index, keeps);
            }
        }
        (Column::Long(values), x) if is_number(x) => {
            for (index, value) in values.iter().enumerate() {
                let keeps = if is_nan(x) {
                    comparison.one_nan
                } else {
                    holds(compare_numbers(&vm.heap, Value::Long(*value), x)?)
                };
                keep(index, keeps);
            }
        }
        _ => return Err(different_types(vm)),
    }
    vm.charge(vm.heap.gts(gts).series.points.len());
    series::with_points(vm, gts, &kept)
}

/// Whether the comparison holds for one pair of values.
fn holds_at(
    heap: &Heap,
    comparison: &Comparison,
    (x, i): (&Column, usize),
    (y, j): (&Column, usize),
) -> Result<bool> {
    let value = |column: &Column, index: usize| match column {
        Column::Long(v) => Value::Long(v[index]),
        Column::Double(v) => Value::Double(v[index]),
        _ => Value::Null,
    };
    if let (Column::String(x), Column::String(y)) = (x, y) {
        return Ok((comparison.holds)(java::compare_texts(&x[i], &y[j])));
    }
    match (value(x, i), value(y, j)) {
        (Value::Double(a), Value::Double(b)) => Ok(comparison.doubles(a, b)),
        (a, b) if is_nan(a) || is_nan(b) => Ok(comparison.one_nan),
        (a, b) => Ok((comparison.holds)(compare_numbers(heap, a, b)?)),
    }
}

/// The points of the first series for which a comparison with the second at the same tick holds.
fn compare_series(
    vm: &mut Machine,
    a: Handle<Gts>,
    b: Handle<Gts>,
    comparison: &Comparison,
) -> Result<Value> {
    let (x, y) = (vm.heap.gts(a), vm.heap.gts(b));
    let bucket = series::shared_buckets(x, y);
    let (x, y) = (&x.series.points.values, &y.series.points.values);
    if matches!(x, Column::Empty) || matches!(y, Column::Empty) {
        let series = Series { bucket, ..Series::default() };
        return vm.heap.new_gts(series);
    }
    let numeric = Numbers::of(x).is_some() && Numbers::of(y).is_some();
    let texts = matches!((x, y), (Column::String(_), Column::String(_)));
    if !numeric && !texts {
        return Err(vm.error("can only operate on two GTS with NUMBER or STRING values."));
    }
    let pairs = series::matched(vm, a, b)?;
    let (x, y) = (&vm.heap.gts(a).series.points, &vm.heap.gts(b).series.points);
    let mut kept = Vec::new();
    for (i, j) in pairs {
        if holds_at(&vm.heap, comparison, (&x.values, i), (&y.values, j))? {
            kept.push(i as u32);
        }
    }
    let mut points = x.gather(&kept);
    // One DOUBLE side makes the result DOUBLE.
    if let (Column::Long(values), Column::Double(_)) = (&points.values, &y.values) {
        points.values = Column::Double(Arc::new(values.iter().map(|v| *v as f64).collect()));
    }
    vm.charge(kept.len() * 2);
    let series = Series { bucket, points, ..Series::default() };
    let gts = Gts { order: Order::Ascending, ..Gts::new(series) };
    Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
}

pub(super) fn almost_equal(vm: &mut Machine) -> Result {
    let lambda = vm.pop()?;
    let (a, b) = pop_numbers(vm)?;
    let number = |v: Value| match v {
        Value::Decimal(h) => Some(decimal::to_double(vm.heap.decimal(h))),
        v => v.as_f64(),
    };
    let (Some(lambda), Some(a), Some(b)) = (number(lambda), number(a), number(b)) else {
        return Err(vm.error("only accepts numeric parameters."));
    };
    let close = if a.is_nan() || b.is_nan() {
        a.is_nan() && b.is_nan()
    } else {
        lambda.abs() >= (a - b).abs()
    };
    vm.push(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_and_doubles_compare_exactly() {
        let order = |a, b| compare_mixed(a, b).ok();
        assert_eq!(order(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(order(0, -0.0), Some(Ordering::Equal));
        assert_eq!(order(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(order(1, 1.5), Some(Ordering::Less));
        assert_eq!(order(i64::MAX, 9_223_372_036_854_775_808.0), Some(Ordering::Less));
        assert_eq!(order(i64::MIN, -9_223_372_036_854_775_808.0), Some(Ordering::Equal));
        assert_eq!(order(1, f64::INFINITY), None);
    }
}
