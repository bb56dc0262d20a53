//! Functions of one number, on numbers, lists in lists and series.
//!
//! What the standard library does not round correctly everywhere comes from `libm`, so that the
//! same script gives the same bits on every platform.

use std::sync::Arc;

use weft_gts::Column;

use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::java;
use crate::machine::Machine;
use crate::value::Value;
use crate::words::counters::as_number;
use crate::words::operators::with_values;
use crate::words::points::each_nested;

/// A function of one number, by what it takes and gives.
#[derive(Clone, Copy)]
enum Unary {
    /// Of a LONG and of a DOUBLE (ABS).
    Both(fn(i64) -> i64, fn(f64) -> f64),
    /// Of a DOUBLE.
    Double(fn(f64) -> f64),
    /// Of a LONG; DOUBLEs are cut.
    Long(fn(i64) -> Result<i64>),
    /// Of a DOUBLE to a LONG; LONGs stay (ROUND).
    ToLong(fn(f64) -> i64),
}

impl Unary {
    fn number(self, vm: &Machine, value: Value) -> Result<Option<Value>> {
        let value = match value {
            Value::Decimal(v) => Value::Double(decimal::to_double(vm.heap.decimal(v))),
            other => other,
        };
        Ok(match (self, value) {
            (Self::Both(long, _), Value::Long(v)) => Some(Value::Long(long(v))),
            (Self::Both(_, double) | Self::Double(double), value) => {
                value.as_f64().map(|v| Value::Double(double(v)))
            }
            (Self::Long(long), value) => match value.as_i64() {
                Some(v) => Some(Value::Long(long(v)?)),
                None => None,
            },
            (Self::ToLong(_), Value::Long(_)) => Some(value),
            (Self::ToLong(double), Value::Double(v)) => Some(Value::Long(double(v))),
            (Self::ToLong(_), _) => None,
        })
    }

    /// The function of every value of a column; `None` when they are no numbers.
    fn column(self, column: &Column) -> Result<Option<Column>> {
        let longs = |values: Vec<i64>| Some(Column::Long(Arc::new(values)));
        let doubles = |values: Vec<f64>| Some(Column::Double(Arc::new(values)));
        Ok(match (self, column) {
            (_, Column::Empty) => Some(Column::Empty),
            (Self::Both(long, _), Column::Long(v)) => longs(v.iter().map(|v| long(*v)).collect()),
            (Self::Both(_, double) | Self::Double(double), Column::Double(v)) => {
                doubles(v.iter().map(|v| double(*v)).collect())
            }
            (Self::Double(double), Column::Long(v)) => {
                doubles(v.iter().map(|v| double(*v as f64)).collect())
            }
            (Self::Long(long), Column::Long(v)) => {
                longs(v.iter().map(|v| long(*v)).collect::<Result<_>>()?)
            }
            (Self::Long(long), Column::Double(v)) => {
                longs(v.iter().map(|v| long(*v as i64)).collect::<Result<_>>()?)
            }
            (Self::ToLong(_), Column::Long(_)) => Some(column.clone()),
            (Self::ToLong(double), Column::Double(v)) => {
                longs(v.iter().map(|v| double(*v)).collect())
            }
            _ => None,
        })
    }
}

fn overflow(what: &'static str) -> impl Fn() -> Fault {
    move || Fault::kind(Kind::Arithmetic, what)
}

fn signum(v: f64) -> f64 {
    if v == 0.0 || v.is_nan() { v } else { 1.0f64.copysign(v) }
}

/// The distance to the next larger magnitude.
fn ulp(v: f64) -> f64 {
    let v = v.abs();
    if !v.is_finite() {
        v
    } else if v == f64::MAX {
        v - v.next_down()
    } else {
        v.next_up() - v
    }
}

fn function(name: &str) -> Unary {
    const PER_DEGREE: f64 = 0.017_453_292_519_943_295;
    const PER_RADIAN: f64 = 57.295_779_513_082_32;
    match name {
        "ABS" => Unary::Both(i64::wrapping_abs, f64::abs),
        "ACOS" => Unary::Double(libm::acos),
        "ASIN" => Unary::Double(libm::asin),
        "ATAN" => Unary::Double(libm::atan),
        "CBRT" => Unary::Double(libm::cbrt),
        "CEIL" => Unary::Double(f64::ceil),
        "COS" => Unary::Double(libm::cos),
        "COSH" => Unary::Double(libm::cosh),
        "EXP" => Unary::Double(libm::exp),
        "EXPM1" => Unary::Double(libm::expm1),
        "FLOOR" => Unary::Double(f64::floor),
        "LOG" => Unary::Double(libm::log),
        "LOG10" => Unary::Double(libm::log10),
        "LOG1P" => Unary::Double(libm::log1p),
        "NEXTDOWN" => Unary::Double(f64::next_down),
        "NEXTUP" => Unary::Double(f64::next_up),
        "RINT" => Unary::Double(f64::round_ties_even),
        "ROUND" => Unary::ToLong(java::round),
        "SIGNUM" => Unary::Double(signum),
        "SIN" => Unary::Double(libm::sin),
        "SINH" => Unary::Double(libm::sinh),
        "SQRT" => Unary::Double(f64::sqrt),
        "TAN" => Unary::Double(libm::tan),
        "TANH" => Unary::Double(libm::tanh),
        "TODEGREES" => Unary::Double(|v| v * PER_RADIAN),
        "TORADIANS" => Unary::Double(|v| v * PER_DEGREE),
        "ULP" => Unary::Double(ulp),
        "DECREMENTEXACT" => Unary::Long(|v| v.checked_sub(1).ok_or_else(overflow("long overflow"))),
        "INCREMENTEXACT" => Unary::Long(|v| v.checked_add(1).ok_or_else(overflow("long overflow"))),
        "NEGATEEXACT" => Unary::Long(|v| v.checked_neg().ok_or_else(overflow("long overflow"))),
        _ => Unary::Long(|v| {
            i32::try_from(v).map(i64::from).map_err(|_| overflow("integer overflow")())
        }),
    }
}

pub(super) fn unary(vm: &mut Machine) -> Result {
    let function = function(vm.word.name);
    if let Value::Double(v) = vm.peek(0)?
        && let Unary::Double(double) = function
    {
        vm.pop()?;
        return vm.push(double(v));
    }
    each_nested(vm, |vm, value| {
        if let Value::Gts(gts) = value {
            let column = vm.heap.gts(gts).series.points.values.clone();
            vm.heap.claim(column.len().saturating_mul(8))?;
            vm.charge(column.len() * 4);
            return match function.column(&column)? {
                Some(column) => with_values(vm, gts, column),
                None => Err(vm.error("can only operate on LONG, DOUBLE or empty GTSs.")),
            };
        }
        let value = as_number(vm, value);
        function.number(vm, value)?.ok_or_else(|| {
            vm.error(
                "can only operate on numerical values, list of numerical values or numerical GTSs.",
            )
        })
    })
}
