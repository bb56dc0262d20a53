//! Least, greatest, highest, lowest, median, median deviation, percentiles.

use std::cmp::Ordering;

use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue, ValueRef, geo::hhcode};

use super::basic::{double, long, no_number, point_at};
use super::logic::write_value;
use crate::error::{Fault, Kind, Result};
use crate::function::{Point, Window};
use crate::java::{compare_doubles, compare_texts};
use crate::machine::Machine;
use crate::value::Value;

/// The best value so far.
enum Best {
    Long(i64),
    Double(f64),
    Boolean(bool),
    Text(String),
}

impl Best {
    fn first(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Long(v) => Self::Long(v),
            ValueRef::Double(v) => Self::Double(v),
            ValueRef::Boolean(v) => Self::Boolean(v),
            ValueRef::String(v) => Self::Text(v.to_owned()),
            _ => return None,
        })
    }

    /// How a value compares with the best one, and the value as it would be kept. Texts swallow
    /// everything, numbers take numbers alone.
    fn compare(&self, value: ValueRef<'_>) -> Result<Option<(Ordering, Self)>> {
        Ok(Some(match self {
            Self::Long(best) => {
                let v = long(value)?;
                (v.cmp(best), Self::Long(v))
            }
            Self::Double(best) => {
                let v = double(value)?;
                (compare_doubles(v, *best), Self::Double(v))
            }
            Self::Text(best) => {
                let mut text = String::new();
                write_value(&mut text, value);
                (compare_texts(&text, best), Self::Text(text))
            }
            Self::Boolean(_) => return Ok(None),
        }))
    }

    fn value(self) -> PointValue {
        match self {
            Self::Long(v) => PointValue::Long(v),
            Self::Double(v) => PointValue::Double(v),
            Self::Boolean(v) => PointValue::Boolean(v),
            Self::Text(v) => PointValue::String(v.into()),
        }
    }
}

/// The least or greatest value; of equal ones the oldest. Among booleans the last one that is the
/// extreme.
pub(super) fn extreme<const GREATEST: bool, const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let wanted = if GREATEST { Ordering::Greater } else { Ordering::Less };
    let mut best: Option<(Best, usize)> = None;
    let mut holes = false;
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            holes = true;
            continue;
        };
        let Some((current, at)) = &mut best else {
            best = Best::first(value).map(|b| (b, index));
            continue;
        };
        match current.compare(value)? {
            Some((order, kept)) => {
                let older = order == Ordering::Equal && window.ticks[index] < window.ticks[*at];
                if order == wanted || older {
                    (*current, *at) = (kept, index);
                }
            }
            None => {
                if value == ValueRef::Boolean(GREATEST) {
                    (*current, *at) = (Best::Boolean(GREATEST), index);
                }
            }
        }
    }
    let (best, index) = best.ok_or_else(Fault::bounds)?;
    let mut point = point_at(window, index);
    point.value = (!holes || SKIP).then(|| best.value());
    Ok(point)
}

/// The point with the greatest elevation (the newest of equal ones) or the least (the oldest).
pub(super) fn elevated<const HIGHEST: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    let mut best: Option<usize> = None;
    let (mut elevation, mut tick) =
        if HIGHEST { (i64::MIN, i64::MIN) } else { (i64::MAX, i64::MAX) };
    for index in 0..window.len() {
        let (e, t) = (window.elevation(index), window.ticks[index]);
        if e == NO_ELEVATION {
            continue;
        }
        let better = if HIGHEST { (e, t) > (elevation, tick) } else { (e, t) < (elevation, tick) };
        if better {
            (best, elevation, tick) = (Some(index), e, t);
        }
    }
    Ok(best.map_or_else(|| Point::none(i64::MAX), |index| point_at(window, index)))
}

/// A LONG and a finite DOUBLE by their exact values.
fn compare_mixed(a: i64, b: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b >= LIMIT {
        return Ordering::Less;
    }
    if b < -LIMIT {
        return Ordering::Greater;
    }
    let whole = b.trunc();
    a.cmp(&(whole as i64)).then_with(|| whole.partial_cmp(&b).unwrap_or(Ordering::Equal))
}

/// The order of two numbers of which all doubles are finite: one order for both types.
fn compare_numbers(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Long(a), ValueRef::Long(b)) => a.cmp(&b),
        (ValueRef::Double(a), ValueRef::Double(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (ValueRef::Long(a), ValueRef::Double(b)) => compare_mixed(a, b),
        (ValueRef::Double(a), ValueRef::Long(b)) => compare_mixed(b, a).reverse(),
        _ => Ordering::Equal,
    }
}

/// Indices of the points with a value, in order of the values; equal ones keep their order. One
/// value alone need not be a number.
fn ranked(vm: &mut Machine, window: &Window<'_>) -> Result<Vec<usize>> {
    vm.charge(window.len() * 4);
    vm.heap.claim(window.len() * 16)?;
    let mut order: Vec<usize> = (0..window.len()).filter(|i| window.at(*i).is_some()).collect();
    if order.len() < 2 {
        return Ok(order);
    }
    let (mut longs, mut doubles, mut finite) = (0, 0, true);
    for value in order.iter().filter_map(|i| window.at(*i)) {
        match value {
            ValueRef::Long(_) => longs += 1,
            ValueRef::Double(v) => {
                doubles += 1;
                finite &= v.is_finite();
            }
            _ => return Err(vm.error("can only operate on numeric Geo Time Series.")),
        }
    }
    let double = |i: usize| match window.at(i) {
        Some(ValueRef::Double(v)) => v,
        _ => f64::NAN,
    };
    match (longs, doubles) {
        (_, 0) => order.sort_by_key(|i| match window.at(*i) {
            Some(ValueRef::Long(v)) => v,
            _ => 0,
        }),
        (0, _) => order.sort_by(|a, b| compare_doubles(double(*a), double(*b))),
        // The reference compares them as exact decimals, which NaN and infinity are not.
        _ if !finite => return Err(Fault::kind(Kind::Argument, "Infinite or NaN")),
        _ => order.sort_by(|a, b| match (window.at(*a), window.at(*b)) {
            (Some(a), Some(b)) => compare_numbers(a, b),
            _ => Ordering::Equal,
        }),
    }
    Ok(order)
}

/// The value at an index as a double.
fn double_at(window: &Window<'_>, index: usize) -> Result<f64> {
    window.at(index).map_or_else(|| Err(Fault::null()), double)
}

/// Whether values are missing where none may be.
fn forbidden(vm: &Machine, window: &Window<'_>, what: &str) -> Result {
    if (0..window.len()).any(|i| window.at(i).is_none()) {
        return Err(vm.error(&format!("cannot compute {what} of null values.")));
    }
    Ok(())
}

pub(super) fn median<const FORBID: bool>(
    vm: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    if FORBID {
        forbidden(vm, window, "median")?;
    }
    let order = ranked(vm, window)?;
    let middle = order.len() / 2;
    if order.is_empty() {
        return Err(Fault::bounds());
    }
    if order.len() % 2 == 1 {
        let mut point = point_at(window, order[middle]);
        point.tick = window.tick;
        point.value = Some(PointValue::Double(double_at(window, order[middle])?));
        return Ok(point);
    }
    let (low, high) = (order[middle - 1], order[middle]);
    let value = (double_at(window, low)? + double_at(window, high)?) / 2.0;
    let elevation = match (window.elevation(low), window.elevation(high)) {
        (NO_ELEVATION, e) | (e, NO_ELEVATION) => e,
        (a, b) => a.wrapping_add(b) / 2,
    };
    let location = match (window.location(low), window.location(high)) {
        (NO_LOCATION, l) | (l, NO_LOCATION) => l,
        (a, b) => {
            let (a, b) = (hhcode::to_steps(a), hhcode::to_steps(b));
            hhcode::from_steps((a.0 + b.0) / 2, (a.1 + b.1) / 2)
        }
    };
    let value = Some(PointValue::Double(value));
    Ok(Point { tick: window.tick, location, elevation, value })
}

/// How the two neighbours of a percentile are weighted.
enum Pick {
    /// The value at this rank itself.
    At(usize),
    /// Between this rank (which may be -1) and the next.
    Between(i64, f64),
}

/// Closer than this to a whole number is one.
const ALMOST: f64 = 0.000_001;

/// The ranks of the nine definitions of sample quantiles (Hyndman and Fan, 1996).
fn pick(kind: i64, p: f64, count: usize) -> Pick {
    let pn = p * count as f64;
    let m = match kind {
        1 => return Pick::At((pn.ceil() as usize).saturating_sub(1)),
        2 => {
            let low = pn.floor();
            let weight = if (pn - low).abs() < ALMOST { 0.5 } else { 1.0 };
            return Pick::Between(low as i64 - 1, weight);
        }
        3 => {
            let low = (pn - 0.5).floor();
            let even = (pn - 0.5 - low).abs() < ALMOST && low as i64 % 2 == 0;
            let rank = low as i64 + i64::from(!even);
            return Pick::At(if rank > 0 { rank - 1 } else { rank } as usize);
        }
        4 => 0.0,
        5 => 0.5,
        6 => p,
        7 => 1.0 - p,
        8 => (p + 1.0) / 3.0,
        _ => p / 4.0 + 3.0 / 8.0,
    };
    let low = (pn + m).floor();
    Pick::Between(low as i64 - 1, pn + m - low)
}

pub(super) fn percentile<const FORBID: bool>(
    vm: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    if FORBID {
        forbidden(vm, window, "percentile")?;
    }
    let order = ranked(vm, window)?;
    if order.is_empty() {
        return Ok(Point::none(0));
    }
    let p = parameters.first().and_then(|v| v.as_f64()).unwrap_or(0.0);
    let p = p.clamp(0.0, 100.0) / 100.0;
    let kind = parameters.get(1).and_then(|v| vm.as_text(*v)).map_or(1, |t| digit_of(t));
    let last = order.len() - 1;
    let (rank, weight) = match pick(kind, p, order.len()) {
        Pick::At(rank) => {
            let index = *order.get(rank).ok_or_else(Fault::bounds)?;
            return Ok(point_at(window, index));
        }
        Pick::Between(rank, _) if rank < 0 => (0, 0.0),
        Pick::Between(rank, _) if rank >= last as i64 => (last, 0.0),
        Pick::Between(rank, weight) if weight.abs() < ALMOST => (rank as usize, 0.0),
        Pick::Between(rank, weight) if (weight - 1.0).abs() < ALMOST => (rank as usize + 1, 0.0),
        Pick::Between(rank, weight) => (rank as usize, weight),
    };
    let low = order[rank];
    if weight == 0.0 {
        let mut point = point_at(window, low);
        point.value = Some(PointValue::Double(double_at(window, low)?));
        return Ok(point);
    }
    let high = order[rank + 1];
    interpolate(window, low, high, weight)
}

/// `Math.round`: half up, and never out of range.
fn round(v: f64) -> i64 {
    let floor = v.floor();
    if v - floor >= 0.5 { (floor + 1.0) as i64 } else { floor as i64 }
}

fn interpolate(window: &Window<'_>, low: usize, high: usize, weight: f64) -> Result<Point> {
    let between = |a: f64, b: f64| (1.0 - weight) * a + weight * b;
    let location = match (window.location(low), window.location(high)) {
        (NO_LOCATION, l) | (l, NO_LOCATION) => l,
        (a, b) => {
            let (a, b) = (hhcode::to_degrees(a), hhcode::to_degrees(b));
            hhcode::from_degrees(between(a.0, b.0), between(a.1, b.1))
        }
    };
    let elevation = match (window.elevation(low), window.elevation(high)) {
        (NO_ELEVATION, e) | (e, NO_ELEVATION) => e,
        (a, b) => round(between(a as f64, b as f64)),
    };
    let value = between(double_at(window, low)?, double_at(window, high)?);
    let tick = round(between(window.ticks[low] as f64, window.ticks[high] as f64));
    Ok(Point { tick, location, elevation, value: Some(PointValue::Double(value)) })
}

/// Sorted positions or elevations without all but one of the missing ones that the reference's
/// search leaves. How many count.
fn without_missing(sorted: &mut Vec<i64>, missing: i64) {
    let Some(found) = crate::words::points::order::binary_search(sorted, missing) else {
        return;
    };
    let after = sorted[found..].partition_point(|v| *v == missing) + found;
    if after < sorted.len() {
        sorted.drain(found..after);
    }
}

fn median_location(window: &Window<'_>) -> i64 {
    let mut sorted: Vec<i64> = (0..window.len()).map(|i| window.location(i)).collect();
    sorted.sort_unstable();
    if sorted[0] == sorted[sorted.len() - 1] {
        return sorted[0];
    }
    without_missing(&mut sorted, NO_LOCATION);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle];
    }
    let (a, b) = (hhcode::to_degrees(sorted[middle]), hhcode::to_degrees(sorted[middle - 1]));
    hhcode::from_degrees((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)
}

fn median_elevation(window: &Window<'_>) -> i64 {
    let mut sorted: Vec<i64> = (0..window.len()).map(|i| window.elevation(i)).collect();
    sorted.sort_unstable();
    if sorted[0] == sorted[sorted.len() - 1] {
        return sorted[0];
    }
    without_missing(&mut sorted, NO_ELEVATION);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle];
    }
    sorted[middle].wrapping_add(sorted[middle - 1]) / 2
}

/// The median of the distances from the median, of values of one type.
pub(super) fn deviation(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Err(Fault::bounds());
    }
    vm.charge(window.len() * 8);
    vm.heap.claim(window.len() * 48)?;
    let (location, elevation) = (median_location(window), median_elevation(window));
    let (mut longs, mut doubles, mut others) = (Vec::new(), Vec::new(), 0);
    for index in 0..window.len() {
        match window.at(index) {
            None => (),
            Some(ValueRef::Long(v)) => longs.push(v),
            Some(ValueRef::Double(v)) => doubles.push(v),
            Some(_) => others += 1,
        }
    }
    let kinds = usize::from(!longs.is_empty()) + usize::from(!doubles.is_empty());
    if others > 0 || kinds > 1 {
        return Err(no_number());
    }
    let value = if !longs.is_empty() {
        let center = median_long(&mut longs);
        let mut residuals: Vec<i64> =
            longs.iter().map(|v| center.wrapping_sub(*v).wrapping_abs()).collect();
        Some(PointValue::Long(median_long(&mut residuals)))
    } else if !doubles.is_empty() {
        let center = median_double(&mut doubles);
        let mut residuals: Vec<f64> = doubles.iter().map(|v| (center - v).abs()).collect();
        Some(PointValue::Double(median_double(&mut residuals)))
    } else {
        None
    };
    Ok(Point { tick: window.tick, location, elevation, value })
}

fn median_long(values: &mut [i64]) -> i64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    if values.len() % 2 == 1 || values[0] == values[values.len() - 1] {
        return values[middle];
    }
    values[middle - 1].wrapping_add(values[middle]) / 2
}

fn median_double(values: &mut [f64]) -> f64 {
    values.sort_by(|a, b| compare_doubles(*a, *b));
    let middle = values.len() / 2;
    let alike = compare_doubles(values[0], values[values.len() - 1]) == Ordering::Equal;
    if values.len() % 2 == 1 || alike {
        return values[middle];
    }
    (values[middle - 1] + values[middle]) / 2.0
}

/// The number of a definition, from its name: `type4`.
fn digit_of(name: &str) -> i64 {
    name.bytes().last().map_or(1, |b| i64::from(b) - i64::from(b'0'))
}

/// `percentile` and perhaps its definition, from the stack.
pub(super) fn percentile_parameters(vm: &mut Machine) -> Result<Vec<Value>> {
    let mut top = vm.pop()?;
    let mut kind = "type1".to_owned();
    if let Some(text) = vm.as_text(top) {
        kind = text.to_lowercase();
        let digit = kind.strip_prefix("type").and_then(|d| d.parse::<u8>().ok());
        if kind.len() != 5 || !matches!(digit, Some(1..=9)) {
            return Err(vm.error("expects a percentile type 'typeX' where X is 1 to 9."));
        }
        top = vm.pop()?;
    }
    let p = top.as_f64().ok_or_else(|| vm.error("expects a percentile."))?;
    if !(0.0..=100.0).contains(&p) && !p.is_nan() {
        return Err(vm.error("expects a percentile between 0 and 100."));
    }
    let kind = vm.heap.string(kind)?;
    Ok(vec![Value::Double(p), kind])
}
