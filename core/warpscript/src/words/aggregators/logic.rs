//! And, or, join, product, and which series has the least or greatest value.

use num_bigint::BigInt;
use weft_gts::{JavaDouble, Value as PointValue, ValueRef};

use super::basic::{Newest, point_at};
use crate::error::{Fault, Kind, Result};
use crate::function::{Point, Window};
use crate::literal::url_encode;
use crate::machine::Machine;
use crate::value::Value;

/// Position and elevation of the newest point with a value; the tick `i64::MIN` counts too.
fn logic(window: &Window<'_>, skip: bool, start: bool, step: fn(bool, bool) -> bool) -> Point {
    if window.is_empty() {
        return Point::none(i64::MAX);
    }
    let (mut result, mut newest, mut holes) = (start, None::<usize>, false);
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            holes = true;
            continue;
        };
        result = step(result, value == ValueRef::Boolean(true));
        if newest.is_none_or(|n| window.ticks[index] > window.ticks[n]) {
            newest = Some(index);
        }
    }
    if holes && !skip {
        return Point::none(i64::MAX);
    }
    let mut point = newest.map_or_else(|| Point::none(0), |index| point_at(window, index));
    point.tick = window.tick;
    point.value = Some(PointValue::Boolean(result));
    point
}

pub(super) fn and<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    Ok(logic(window, SKIP, true, |a, b| a && b))
}

pub(super) fn or<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    Ok(logic(window, SKIP, false, |a, b| a || b))
}

/// Appends a value as Java writes it.
pub(super) fn write_value(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Long(v) => out.push_str(&v.to_string()),
        ValueRef::Double(v) => out.push_str(&JavaDouble(v).to_string()),
        ValueRef::Decimal(v) => out.push_str(&v.to_java_string()),
        ValueRef::Boolean(v) => out.push_str(if v { "true" } else { "false" }),
        ValueRef::String(v) => out.push_str(v),
        ValueRef::Bytes(v) => out.extend(v.iter().map(|b| char::from(*b))),
        ValueRef::Deleted => (),
    }
}

/// Joins texts with a separator. A missing first value leaves an empty place; others leave one only
/// where texts are encoded.
fn join(
    vm: &Machine,
    window: &Window<'_>,
    parameters: &[Value],
    skip: bool,
    encoded: bool,
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let separator = parameters.first().and_then(|v| vm.as_text(*v)).cloned().unwrap_or_default();
    let (mut out, mut newest, mut holes) = (String::new(), Newest::new(), false);
    let mut text = String::new();
    for index in 0..window.len() {
        newest.see(window, index);
        let Some(value) = window.at(index) else {
            holes = true;
            if encoded && index > 0 {
                out.push_str(&separator);
            }
            continue;
        };
        if index > 0 {
            out.push_str(&separator);
        }
        if encoded {
            text.clear();
            write_value(&mut text, value);
            out.push_str(&url_encode(&text));
        } else {
            write_value(&mut out, value);
        }
        vm.heap.claim(out.len())?;
    }
    let value = (!holes || skip).then(|| PointValue::String(out.into()));
    Ok(newest.point(0, value))
}

pub(super) fn joined<const SKIP: bool, const ENCODED: bool>(
    vm: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    join(vm, window, parameters, SKIP, ENCODED)
}

/// Bits of a product that are kept: the rest is far beyond what rounding can see.
const PRODUCT_BITS: u64 = 2048;

/// The product of numbers: of longs wrapped, with doubles exact and rounded once.
pub(super) fn product(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(window.tick));
    }
    let (mut digits, mut exponent, mut doubles) = (BigInt::from(1), 0i64, false);
    let mut wrapped = 1i64;
    vm.charge(window.len() * 32);
    for index in 0..window.len() {
        match window.at(index) {
            None => (),
            Some(ValueRef::Long(v)) => {
                wrapped = wrapped.wrapping_mul(v);
                digits *= v;
            }
            Some(ValueRef::Double(v)) if v.is_finite() => {
                doubles = true;
                let (mantissa, power) = split_double(v);
                digits *= mantissa;
                exponent += power;
            }
            Some(ValueRef::Double(_)) => {
                return Err(Fault::kind(Kind::Argument, "Infinite or NaN"));
            }
            Some(_) => return Err(vm.error("can only be applied to LONG or DOUBLE values.")),
        }
        let surplus = digits.bits().saturating_sub(PRODUCT_BITS);
        if surplus > PRODUCT_BITS {
            digits >>= surplus;
            exponent += surplus as i64;
        }
    }
    let index = window.index.unwrap_or(0) as i32;
    let index = usize::try_from(index).ok().filter(|i| *i < window.len());
    let index = index.ok_or_else(Fault::bounds)?;
    let mut point = point_at(window, index);
    point.tick = window.tick;
    point.value = Some(if doubles {
        PointValue::Double(round_double(&digits, exponent))
    } else {
        PointValue::Long(wrapped)
    });
    Ok(point)
}

/// A finite double as an integer times a power of two.
fn split_double(v: f64) -> (i64, i64) {
    let bits = v.to_bits();
    let power = (bits >> 52 & 0x7ff) as i64;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, power) =
        if power == 0 { (fraction, -1074) } else { (fraction | 1 << 52, power - 1075) };
    (if v < 0.0 { -mantissa } else { mantissa }, power)
}

/// The double next to `digits · 2^exponent`, ties to even.
fn round_double(digits: &BigInt, exponent: i64) -> f64 {
    const KEPT: u64 = 64;
    let magnitude = digits.magnitude();
    let cut = magnitude.bits().saturating_sub(KEPT);
    let mut head = (magnitude >> cut).iter_u64_digits().next().unwrap_or(0);
    // A bit that stands for everything cut away keeps ties from being seen where there are none.
    if cut > 0 && magnitude.trailing_zeros().is_some_and(|zeros| zeros < cut) {
        head |= 1;
    }
    let value = scale(head, exponent.saturating_add(cut as i64));
    if digits.sign() == num_bigint::Sign::Minus { -value } else { value }
}

/// `head · 2^exponent`, rounded once.
fn scale(head: u64, exponent: i64) -> f64 {
    if head == 0 {
        return 0.0;
    }
    let top = 63 - i64::from(head.leading_zeros()) + exponent;
    if top > 1023 {
        return f64::INFINITY;
    }
    if top < -1075 {
        return 0.0;
    }
    // How many bits the result has room for: fewer among the smallest doubles.
    let room = (top + 1075).clamp(0, 53);
    let length = 64 - i64::from(head.leading_zeros());
    let drop = length - room;
    if drop <= 0 {
        return head as f64 * power_of_two(exponent);
    }
    if drop > 64 {
        return 0.0;
    }
    let kept = if drop == 64 { 0 } else { head >> drop };
    let rest = if drop == 64 { head } else { head & ((1u64 << drop) - 1) };
    let half = 1u64 << (drop - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    (kept + u64::from(up)) as f64 * power_of_two(exponent + drop)
}

/// A power of two in steps that stay exact.
fn power_of_two(exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1074, 1023);
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1u64 << (exponent + 1074))
    }
}

/// The label values of the series whose value is the greatest or the least, joined by commas.
pub(super) fn extreme_labels<const LEAST: bool>(
    vm: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    let label = parameters.first().and_then(|v| vm.as_text(*v)).cloned().unwrap_or_default();
    let count = parameters.get(1).and_then(|v| v.as_i64()).unwrap_or(0) as i32;
    let mut found: Vec<usize> = Vec::new();
    let (mut long, mut double) =
        if LEAST { (i64::MAX, f64::INFINITY) } else { (i64::MIN, f64::NEG_INFINITY) };
    let mut doubles = false;
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            continue;
        };
        if label_of(window, index, &label).is_none() {
            let text = format!("expects all labels to contain label '{label}'.");
            return Err(vm.error(&text));
        }
        let (equal, better) = match value {
            ValueRef::Long(v) if !doubles => (v == long, (v > long) != LEAST),
            ValueRef::Long(_) | ValueRef::Double(_) => {
                if !doubles {
                    doubles = true;
                    if !found.is_empty() {
                        double = long as f64;
                    }
                }
                let v = super::basic::double(value)?;
                (v == double, (v > double) != LEAST)
            }
            _ => return Err(vm.error("can only operate on numerical values.")),
        };
        if equal || better {
            if !equal {
                found.clear();
                match value {
                    ValueRef::Long(v) if !doubles => long = v,
                    other => double = super::basic::double(other)?,
                }
            }
            found.push(index);
        }
    }
    if count > 0 {
        found.truncate(count as usize);
    }
    let mut out = String::new();
    for index in found {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&url_encode(label_of(window, index, &label).unwrap_or_default()));
    }
    Ok(Point::new(window.tick, PointValue::String(out.into())))
}

/// A label of the series of a point.
fn label_of<'a>(window: &Window<'a>, index: usize, label: &str) -> Option<&'a str> {
    let labels = window.labels.get(index).or_else(|| window.labels.first());
    labels.and_then(|l| l.get(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_split_and_rounded_back() {
        for v in [0.0, 1.0, -2.5, 1e300, 5e-324, 2.2e-308, 0.1, f64::MAX, 3e-310] {
            let (mantissa, power) = split_double(v);
            assert_eq!(round_double(&BigInt::from(mantissa), power), v, "{v}");
        }
        let (a, x) = split_double(0.1);
        let (b, y) = split_double(0.7);
        assert_eq!(round_double(&(BigInt::from(a) * b), x + y), 0.1 * 0.7);
        let (a, x) = split_double(1e-200);
        assert_eq!(round_double(&(BigInt::from(a) * a), 2 * x), 0.0);
        assert_eq!(round_double(&BigInt::from(7), 3000), f64::INFINITY);
    }
}
