//! Operations on the values of series.

use std::sync::Arc;

use weft_gts::double::JavaDouble;
use weft_gts::{Bucket, Column, Columns, Series};

use super::arithmetic::by_zero;
use crate::decimal;
use crate::error::Result;
use crate::heap::{Gts, Order};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// An operation on two numbers; `None` for a division by zero.
pub(super) struct Arithmetic {
    pub(super) long: fn(i64, i64) -> Option<i64>,
    pub(super) double: fn(f64, f64) -> f64,
}

/// Numbers of a series, of either type.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Long(&'a [i64]),
    Double(&'a [f64]),
}

impl Numbers<'_> {
    /// The values of a column of numbers; those of an empty one are LONG.
    pub(super) fn of(column: &Column) -> Option<Numbers<'_>> {
        match column {
            Column::Long(v) => Some(Numbers::Long(v)),
            Column::Double(v) => Some(Numbers::Double(v)),
            Column::Empty => Some(Numbers::Long(&[])),
            _ => None,
        }
    }

    #[inline]
    fn double(&self, index: usize) -> f64 {
        match self {
            Self::Long(v) => v[index] as f64,
            Self::Double(v) => v[index],
        }
    }
}

/// A series with the points of another and new values.
pub(in crate::words) fn with_values(
    vm: &mut Machine,
    gts: Handle<Gts>,
    values: Column,
) -> Result<Value> {
    let from = vm.heap.gts(gts);
    let mut gts = points::empty_like(from);
    (gts.order, gts.renamed) = (from.order, from.renamed);
    if !values.is_empty() {
        gts.series.points = Columns { values, ..from.series.points.clone() };
    }
    vm.charge(gts.series.points.len() * 2);
    Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
}

/// A series with some of the points of another.
pub(super) fn with_points(vm: &mut Machine, gts: Handle<Gts>, indexes: &[u32]) -> Result<Value> {
    let from = vm.heap.gts(gts);
    vm.heap.claim(indexes.len().saturating_mul(32))?;
    let mut gts = points::with_points(from, from.series.points.gather(indexes));
    (gts.order, gts.renamed) = (from.order, from.renamed);
    Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
}

/// The buckets that two series share, if their grids fit.
pub(super) fn shared_buckets(a: &Gts, b: &Gts) -> Option<Bucket> {
    let (a, b) = (points::bucket(a)?, points::bucket(b)?);
    if a.span != b.span || a.last.wrapping_rem(a.span) != b.last.wrapping_rem(b.span) {
        return None;
    }
    let first = |x: &Bucket| x.last.wrapping_sub(x.count.wrapping_sub(1).wrapping_mul(x.span));
    let last = a.last.max(b.last);
    let count = last.wrapping_sub(first(&a).min(first(&b))).wrapping_div(a.span) + 1;
    Some(Bucket { last, span: a.span, count })
}

/// The pairs of indexes with equal ticks in two ascending columns; the n-th point at a tick meets
/// the n-th point at it on the other side.
fn common(a: &[i64], b: &[i64]) -> Vec<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                pairs.push((i, j));
                i += 1;
                j += 1;
            }
        }
    }
    pairs
}

/// Sorts two series and finds the pairs of points at common ticks.
pub(super) fn matched(
    vm: &mut Machine,
    a: Handle<Gts>,
    b: Handle<Gts>,
) -> Result<Vec<(usize, usize)>> {
    for gts in [a, b] {
        vm.heap.claim(vm.heap.gts(gts).series.points.len().saturating_mul(40))?;
        vm.charge(vm.heap.gts(gts).series.points.len());
        points::order::sort(&mut *vm.heap.change_gts(gts.thawed())?, false);
    }
    let (x, y) = (&vm.heap.gts(a).series.points, &vm.heap.gts(b).series.points);
    vm.heap.claim(x.len().min(y.len()).saturating_mul(48))?;
    let work = x.len() + y.len();
    let pairs = common(&x.ticks, &y.ticks);
    vm.charge(work);
    Ok(pairs)
}

/// A nameless series of values at the ticks of `pairs`.
pub(super) fn paired(
    vm: &mut Machine,
    (a, b): (Handle<Gts>, Handle<Gts>),
    pairs: &[(usize, usize)],
    values: Column,
) -> Result<Value> {
    let (x, y) = (vm.heap.gts(a), vm.heap.gts(b));
    let mut series = Series { bucket: shared_buckets(x, y), ..Series::default() };
    if !pairs.is_empty() {
        let ticks = pairs.iter().map(|p| x.series.points.ticks[p.0]).collect();
        series.points = Columns { ticks: Arc::new(ticks), values, ..Columns::default() };
    }
    let gts = Gts { order: Order::Ascending, ..Gts::new(series) };
    Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
}

/// Numbers of two series at the pairs: LONG when both are, DOUBLE otherwise.
fn pair_values(
    (x, y): (Numbers<'_>, Numbers<'_>),
    pairs: &[(usize, usize)],
    operation: &Arithmetic,
) -> Option<Column> {
    Some(match (x, y) {
        (Numbers::Long(x), Numbers::Long(y)) => {
            let values = pairs.iter().map(|(i, j)| (operation.long)(x[*i], y[*j]));
            Column::Long(Arc::new(values.collect::<Option<_>>()?))
        }
        _ => {
            let values = pairs.iter().map(|(i, j)| (operation.double)(x.double(*i), y.double(*j)));
            Column::Double(Arc::new(values.collect()))
        }
    })
}

/// `gts gts -` and its like.
pub(super) fn combine_numbers(
    vm: &mut Machine,
    a: Handle<Gts>,
    b: Handle<Gts>,
    operation: &Arithmetic,
    message: &str,
) -> Result<Value> {
    let fits = |column: &Column| column.is_empty() || Numbers::of(column).is_some();
    let values = |h| &vm.heap.gts(h).series.points.values;
    if !fits(values(a)) || !fits(values(b)) {
        return Err(vm.error(message));
    }
    let pairs = matched(vm, a, b)?;
    let (x, y) = (&vm.heap.gts(a).series.points.values, &vm.heap.gts(b).series.points.values);
    let empty = Numbers::Long(&[]);
    let numbers = (Numbers::of(x).unwrap_or(empty), Numbers::of(y).unwrap_or(empty));
    let values = pair_values(numbers, &pairs, operation).ok_or_else(by_zero)?;
    paired(vm, (a, b), &pairs, values)
}

/// A number as the types of series know it: decimals count as LONG.
fn scalar(vm: &Machine, value: Value) -> (i64, f64, bool) {
    match value {
        Value::Double(v) => (v as i64, v, true),
        Value::Decimal(h) => {
            let decimal = vm.heap.decimal(h);
            (decimal::to_long(decimal), decimal::to_double(decimal), false)
        }
        Value::Long(v) => (v, v as f64, false),
        _ => (0, f64::NAN, true),
    }
}

/// `gts number -` and its like; `first`: the series is the first operand.
pub(super) fn map_number(
    vm: &mut Machine,
    gts: Handle<Gts>,
    number: Value,
    first: bool,
    operation: &Arithmetic,
    message: &str,
) -> Result<Value> {
    let points = &vm.heap.gts(gts).series.points;
    if points.is_empty() {
        return with_values(vm, gts, Column::Empty);
    }
    let Some(numbers) = Numbers::of(&points.values) else {
        return Err(vm.error(message));
    };
    vm.heap.claim(points.len().saturating_mul(8))?;
    let (long, double, is_double) = scalar(vm, number);
    let values = match numbers {
        Numbers::Long(v) if !is_double => {
            let one = |x: &i64| {
                if first { (operation.long)(*x, long) } else { (operation.long)(long, *x) }
            };
            let values = v.iter().map(one).collect::<Option<_>>().ok_or_else(by_zero)?;
            Column::Long(Arc::new(values))
        }
        numbers => {
            let one = |x: f64| {
                if first { (operation.double)(x, double) } else { (operation.double)(double, x) }
            };
            let values = match numbers {
                Numbers::Long(v) => v.iter().map(|x| one(*x as f64)).collect(),
                Numbers::Double(v) => v.iter().map(|x| one(*x)).collect(),
            };
            Column::Double(Arc::new(values))
        }
    };
    with_values(vm, gts, values)
}

/// The text of one value of a column.
fn text_at(column: &Column, index: usize) -> String {
    match column {
        Column::Long(v) => v[index].to_string(),
        Column::Double(v) => JavaDouble(v[index]).to_string(),
        Column::Boolean(v) => v[index].to_string(),
        Column::String(v) => v[index].to_string(),
        Column::Mixed(_) | Column::Empty => String::new(),
    }
}

/// Texts made of pieces, within the memory limit.
fn texts(vm: &Machine, pieces: impl Iterator<Item = (String, String)>) -> Result<Column> {
    let mut bytes = 0;
    let mut values: Vec<Arc<str>> = Vec::new();
    for (a, b) in pieces {
        let text = a + &b;
        bytes += text.len() + 32;
        vm.heap.claim(bytes)?;
        values.push(text.into());
    }
    Ok(if values.is_empty() { Column::Empty } else { Column::String(Arc::new(values)) })
}

/// `gts gts +`: numbers are added, texts joined.
pub(super) fn add_series(vm: &mut Machine, a: Handle<Gts>, b: Handle<Gts>) -> Result<Value> {
    const ADD: Arithmetic =
        Arithmetic { long: |a, b| Some(a.wrapping_add(b)), double: |a, b| a + b };
    let (x, y) = (&vm.heap.gts(a).series.points.values, &vm.heap.gts(b).series.points.values);
    let either = |test: fn(&Column) -> bool| test(x) || test(y);
    if either(|c| matches!(c, Column::Boolean(_))) {
        return Err(vm.error("cannot operate on BOOLEAN Geo Time Series."));
    }
    if !either(|c| matches!(c, Column::String(_) | Column::Mixed(_))) {
        return combine_numbers(vm, a, b, &ADD, "cannot operate on BOOLEAN Geo Time Series.");
    }
    let pairs = matched(vm, a, b)?;
    let (x, y) = (&vm.heap.gts(a).series.points.values, &vm.heap.gts(b).series.points.values);
    let values = texts(vm, pairs.iter().map(|(i, j)| (text_at(x, *i), text_at(y, *j))))?;
    paired(vm, (a, b), &pairs, values)
}

/// `gts value +`; `first`: the series is the first operand.
pub(super) fn add_value(
    vm: &mut Machine,
    gts: Handle<Gts>,
    value: Value,
    first: bool,
) -> Result<Value> {
    const ADD: Arithmetic =
        Arithmetic { long: |a, b| Some(a.wrapping_add(b)), double: |a, b| a + b };
    let message = "can only be used with String or numeric types with a GTS.";
    let column = &vm.heap.gts(gts).series.points.values;
    let joins = match value {
        Value::String(_) => true,
        Value::Long(_) | Value::Double(_) if matches!(column, Column::Boolean(_)) => {
            return Err(vm.error("cannot operate on BOOLEAN Geo Time Series."));
        }
        Value::Long(_) | Value::Double(_) => Numbers::of(column).is_none(),
        _ => return Err(vm.error(message)),
    };
    if !joins {
        return map_number(vm, gts, value, first, &ADD, message);
    }
    let text = crate::text::to_text(vm, value)?;
    let pieces = (0..column.len()).map(|i| {
        let own = text_at(column, i);
        if first { (own, text.clone()) } else { (text.clone(), own) }
    });
    let values = texts(vm, pieces)?;
    with_values(vm, gts, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_one_tick_meet_in_order() {
        assert_eq!(common(&[1, 2, 2, 3], &[2, 2, 2, 4]), [(1, 0), (2, 1)]);
    }
}
