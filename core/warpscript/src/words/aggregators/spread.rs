//! Variance, standard deviation, root mean square, circular mean, entropy.

use std::f64::consts::PI;

use weft_gts::{Value as PointValue, ValueRef};

use super::basic::{Middle, Newest, double};
use crate::error::Result;
use crate::function::{Point, Window};
use crate::machine::Machine;
use crate::value::Value;

fn bessel(parameters: &[Value]) -> bool {
    matches!(parameters.first(), Some(Value::Boolean(true)))
}

/// The variance from the sums of values and squares; nothing when the first value is no number.
fn plain_variance(
    window: &Window<'_>,
    corrected: bool,
    forbid: bool,
) -> Result<Option<(Newest, f64)>> {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0u64);
    let mut newest = Newest::new();
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            if forbid {
                return Ok(None);
            }
            continue;
        };
        newest.see(window, index);
        if count == 0 && !matches!(value, ValueRef::Long(_) | ValueRef::Double(_)) {
            return Ok(None);
        }
        let v = double(value)?;
        count += 1;
        sum += v;
        squares += v * v;
    }
    let n = count as f64;
    let mut variance = squares / n - (sum * sum) / (n * n);
    if count > 1 && corrected {
        variance = variance * n / (n - 1.0);
    }
    Ok(Some((newest, variance)))
}

/// Welford's variance. Steps are counted by place, missing values included, as in the reference.
fn welford_variance(
    window: &Window<'_>,
    corrected: bool,
    forbid: bool,
) -> Result<Option<(Newest, f64)>> {
    let (mut mean, mut s, mut count) = (0.0, 0.0, 0u64);
    let mut newest = Newest::new();
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            if forbid {
                return Ok(None);
            }
            continue;
        };
        count += 1;
        newest.see(window, index);
        let Ok(v) = double(value) else {
            return Ok(None);
        };
        if index == 0 {
            (mean, s) = (v, 0.0);
        } else {
            let next = mean + (v - mean) / (index + 1) as f64;
            s += (v - mean) * (v - next);
            mean = next;
        }
    }
    let divisor = if count > 1 && corrected { count - 1 } else { count };
    Ok(Some((newest, s / divisor as f64)))
}

fn variance(
    window: &Window<'_>,
    parameters: &[Value],
    forbid: bool,
    welford: bool,
) -> Result<Option<(Newest, f64)>> {
    if window.is_empty() {
        return Ok(None);
    }
    let compute = if welford { welford_variance } else { plain_variance };
    compute(window, bessel(parameters), forbid)
}

pub(super) fn var<const FORBID: bool, const WELFORD: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    Ok(match variance(window, parameters, FORBID, WELFORD)? {
        Some((newest, v)) => newest.point(0, Some(PointValue::Double(v))),
        None => Point::none(i64::MAX),
    })
}

pub(super) fn sd<const FORBID: bool, const WELFORD: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    Ok(match variance(window, parameters, FORBID, WELFORD)? {
        Some((newest, v)) => newest.point(0, Some(PointValue::Double(v.sqrt()))),
        None => Point::none(i64::MAX),
    })
}

/// Root mean square: for longs cut to a long.
pub(super) fn rms<const SKIP: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    let (mut squares, mut count, mut longs) = (0.0, 0u64, false);
    let mut newest = Newest::new();
    for index in 0..window.len() {
        newest.see(window, index);
        let Some(value) = window.at(index) else {
            continue;
        };
        if count == 0 {
            match value {
                ValueRef::Long(_) => longs = true,
                ValueRef::Double(_) => (),
                _ => return Ok(Point::none(i64::MAX)),
            }
        }
        let v = double(value)?;
        squares += v * v;
        count += 1;
    }
    if count == 0 || (!SKIP && count < window.len() as u64) {
        return Ok(Point::none(i64::MAX));
    }
    let rms = (squares / count as f64).sqrt();
    let value = if longs { PointValue::Long(rms as i64) } else { PointValue::Double(rms) };
    Ok(newest.point(window.tick, Some(value)))
}

/// The mean of angles of a period.
pub(super) fn circular<const FORBID: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let period = parameters.first().and_then(|v| v.as_f64()).unwrap_or(1.0);
    let (mut sines, mut cosines, mut count) = (0.0, 0.0, 0);
    let mut middle = Middle::default();
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            if FORBID {
                return Ok(Point::none(i64::MAX));
            }
            continue;
        };
        if count == 0 && double(value).is_err() {
            return Ok(Point::none(i64::MAX));
        }
        let angle = PI * 2.0 * (double(value)? / period);
        middle.see(window, index);
        count += 1;
        sines += libm::sin(angle);
        cosines += libm::cos(angle);
    }
    let mean =
        if count == 0 { f64::NAN } else { libm::atan2(sines, cosines) * period / (2.0 * PI) };
    Ok(Point {
        tick: 0,
        location: middle.location(),
        elevation: middle.elevation(),
        value: Some(PointValue::Double(mean)),
    })
}

/// Shannon's entropy of counts, over its greatest value; of one count alone 0, or 1 when inverted.
pub(super) fn entropy<const INVERT: bool>(
    vm: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    let (mut sum, mut count) = (0.0, 0u64);
    let mut counts = Vec::with_capacity(window.len());
    for index in 0..window.len() {
        match window.at(index) {
            None => (),
            Some(ValueRef::Long(v)) => {
                count += 1;
                sum += v as f64;
                counts.push(v);
            }
            Some(_) => return Err(vm.error("can only operate on long values.")),
        }
    }
    let mut entropy = 0.0;
    if count != 1 {
        for v in counts {
            if v != 0 {
                let share = v as f64 / sum;
                entropy -= share * libm::log(share);
            }
        }
        entropy /= libm::log(count as f64);
    } else if INVERT {
        entropy = 1.0;
    }
    Ok(Point::new(window.tick, PointValue::Double(entropy)))
}
