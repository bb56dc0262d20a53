//! Differences, rates, distances, speeds and courses.

use std::f64::consts::PI;

use weft_gts::geo::{distance, hhcode};
use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue, ValueRef};

use super::basic::{double, long, newest, oldest};
use crate::error::{Fault, Result};
use crate::function::{Point, Window};
use crate::machine::Machine;
use crate::value::Value;

/// Units of elevation in a metre.
const ELEVATION_UNITS: f64 = 1000.0;

/// The first and last point in time. Extreme ticks alone do not count as either.
fn ends(window: &Window<'_>) -> Result<(usize, usize)> {
    let first = oldest(window.ticks).filter(|i| window.ticks[*i] != i64::MAX);
    let last = newest(window.ticks).filter(|i| window.ticks[*i] != i64::MIN);
    first.zip(last).ok_or_else(Fault::bounds)
}

fn duration_s(vm: &Machine, ticks: i64) -> f64 {
    ticks as f64 / vm.config.time_unit.per_second() as f64
}

/// What the last value is more than the first.
enum Difference {
    Long(i64),
    Double(f64),
}

/// A point at the last position whose tick is the time between both, and the difference.
fn difference(window: &Window<'_>) -> Result<Option<(Point, Difference)>> {
    let (first, last) = ends(window)?;
    let start = || window.at(first).ok_or_else(Fault::null);
    let difference = match window.at(last) {
        Some(ValueRef::Long(v)) => Difference::Long(v.wrapping_sub(long(start()?)?)),
        Some(ValueRef::Double(v)) => Difference::Double(v - double(start()?)?),
        _ => return Ok(None),
    };
    let point = Point {
        tick: window.ticks[last].wrapping_sub(window.ticks[first]),
        location: window.location(last),
        elevation: window.elevation(last),
        value: None,
    };
    Ok(Some((point, difference)))
}

pub(super) fn delta(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let Some((mut point, difference)) = difference(window)? else {
        return Ok(Point::none(i64::MAX));
    };
    point.value = Some(match difference {
        Difference::Long(v) => PointValue::Long(v),
        Difference::Double(v) => PointValue::Double(v),
    });
    Ok(point)
}

pub(super) fn rate(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let Some((mut point, difference)) = difference(window)? else {
        return Ok(Point::none(i64::MAX));
    };
    let v = match difference {
        Difference::Long(v) => v as f64,
        Difference::Double(v) => v,
    };
    let still = v == 0.0 || point.tick == 0;
    point.value = Some(PointValue::Double(if still { v } else { v / duration_s(vm, point.tick) }));
    Ok(point)
}

/// A value at position and elevation of the point at the tick of the output, if there is one.
fn at_tick(window: &Window<'_>, value: Option<f64>) -> Point {
    let index = window.ticks.iter().position(|t| *t == window.tick);
    let (location, elevation) = match index {
        Some(index) => (window.location(index), window.elevation(index)),
        None => (NO_LOCATION, NO_ELEVATION),
    };
    Point { tick: window.tick, location, elevation, value: value.map(PointValue::Double) }
}

/// The length of the way over all positions, along lines of constant course.
fn way(window: &Window<'_>) -> f64 {
    let mut known = window.locations.iter().filter(|l| **l != NO_LOCATION);
    let Some(mut last) = known.next() else {
        return 0.0;
    };
    let mut total = 0.0;
    for location in known {
        total += distance::loxodromic(*last, *location);
        last = location;
    }
    total
}

pub(super) fn hdist(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    Ok(at_tick(window, Some(way(window))))
}

pub(super) fn hspeed(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    let (Some(first), Some(last)) = (oldest(window.ticks), newest(window.ticks)) else {
        return Ok(Point::none(i64::MAX));
    };
    let time = window.ticks[last].wrapping_sub(window.ticks[first]);
    let speed = if time == 0 { 0.0 } else { way(window) / duration_s(vm, time) };
    Ok(at_tick(window, Some(speed)))
}

pub(super) fn vdist(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let mut known = window.elevations.iter().filter(|e| **e != NO_ELEVATION);
    let mut total = 0i64;
    if let Some(mut last) = known.next() {
        for elevation in known {
            total = total.wrapping_add(last.wrapping_sub(*elevation).wrapping_abs());
            last = elevation;
        }
    }
    Ok(at_tick(window, Some(total as f64 / ELEVATION_UNITS)))
}

pub(super) fn vspeed(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let (first, last) = ends(window)?;
    let (low, high) = (window.elevation(first), window.elevation(last));
    if low == NO_ELEVATION || high == NO_ELEVATION {
        return Ok(at_tick(window, None));
    }
    let rise = high.wrapping_sub(low) as f64;
    let time = window.ticks[last].wrapping_sub(window.ticks[first]);
    let speed = if rise == 0.0 { 0.0 } else { rise / ELEVATION_UNITS / duration_s(vm, time) };
    Ok(at_tick(window, Some(speed)))
}

/// The course from the first position to the last, in degrees from north.
pub(super) fn course(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(i64::MAX));
    }
    let (from, to) = (window.location(0), window.location(window.len() - 1));
    if from == NO_LOCATION || to == NO_LOCATION {
        return Ok(Point::none(i64::MAX));
    }
    let radians = |location: i64| {
        let (latitude, longitude) = hhcode::to_degrees(location);
        (latitude / 180.0 * PI, longitude / 180.0 * PI)
    };
    let ((lat1, lon1), (lat2, lon2)) = (radians(from), radians(to));
    let east = libm::sin(lon1 - lon2) * libm::cos(lon2);
    let north = libm::cos(lat1) * libm::sin(lat2)
        - libm::sin(lat1) * libm::cos(lat2) * libm::cos(lon1 - lon2);
    let mut course = libm::atan2(east, north);
    if course < 0.0 {
        course = course + PI + PI;
    }
    Ok(at_tick(window, Some(course * 180.0 / PI)))
}
