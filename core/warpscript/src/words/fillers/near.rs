//! Fillers that look at the neighbours of a gap.

use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION, PointRef, Value as PointValue};

use crate::error::{Fault, Result};
use crate::function::{Curve, Point};
use crate::machine::Machine;
use crate::position;
use crate::value::Value;
use crate::words::mappers::round;
use crate::words::points;

/// A copy of a point at another tick.
fn moved(point: &PointRef, tick: i64) -> Point {
    Point {
        tick,
        location: point.location,
        elevation: point.elevation,
        value: Some(point.value.clone()),
    }
}

pub(super) fn previous(
    _: &mut Machine,
    tick: i64,
    before: &[Option<PointRef>],
    _: &[Option<PointRef>],
    _: &[Value],
) -> Result<Point> {
    let point = before.last().and_then(Option::as_ref);
    Ok(point.map_or_else(|| Point::none(tick), |point| moved(point, tick)))
}

pub(super) fn next(
    _: &mut Machine,
    tick: i64,
    _: &[Option<PointRef>],
    after: &[Option<PointRef>],
    _: &[Value],
) -> Result<Point> {
    let point = after.first().and_then(Option::as_ref);
    Ok(point.map_or_else(|| Point::none(tick), |point| moved(point, tick)))
}

/// Steps from one point of a series to another one.
struct Step {
    points: Columns,
    back: bool,
}

impl Curve for Step {
    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        let ticks = &self.points.ticks;
        vm.charge(1);
        let edge = if self.back { ticks.first() } else { ticks.last() };
        let index = match edge {
            None => return Some(Point::none(tick)),
            Some(edge) if tick == *edge => return None,
            Some(edge) if self.back == (tick < *edge) => return Some(Point::none(tick)),
            Some(_) => ticks.partition_point(|t| *t < tick),
        };
        let index = if self.back { index.saturating_sub(1) } else { index };
        Some(moved(&self.points.get(index), tick))
    }
}

pub(super) fn previous_curve(
    _: &mut Machine,
    points: &Columns,
    _: &[Value],
) -> Result<Box<dyn Curve>> {
    Ok(Box::new(Step { points: points.clone(), back: true }))
}

pub(super) fn next_curve(_: &mut Machine, points: &Columns, _: &[Value]) -> Result<Box<dyn Curve>> {
    Ok(Box::new(Step { points: points.clone(), back: false }))
}

/// The point that the parameters of filler.value say.
fn constant(vm: &Machine, tick: i64, parameters: &[Value]) -> Result<Point> {
    let list = parameters.first().and_then(|v| v.as_list()).ok_or_else(Fault::null)?;
    let [lat, lon, elev, value] = vm.heap.list(list).as_slice() else {
        return Err(Fault::null());
    };
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    Ok(Point {
        tick,
        location: points::to_location(number(lat), number(lon)),
        elevation: elev.as_i64().unwrap_or(NO_ELEVATION),
        value: points::to_point(vm, *value),
    })
}

pub(super) fn value(
    vm: &mut Machine,
    tick: i64,
    _: &[Option<PointRef>],
    _: &[Option<PointRef>],
    parameters: &[Value],
) -> Result<Point> {
    constant(vm, tick, parameters)
}

struct Constant(Point);

impl Curve for Constant {
    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        vm.charge(1);
        Some(Point { tick, ..self.0.clone() })
    }
}

pub(super) fn value_curve(
    vm: &mut Machine,
    _: &Columns,
    parameters: &[Value],
) -> Result<Box<dyn Curve>> {
    Ok(Box::new(Constant(constant(vm, 0, parameters)?)))
}

/// A LONG or DOUBLE as a double.
///
/// # Errors
/// When it is anything else.
fn number(value: &PointValue) -> Result<f64> {
    match value {
        PointValue::Long(v) => Ok(*v as f64),
        PointValue::Double(v) => Ok(*v),
        _ => Err(crate::words::filters::not_a_number()),
    }
}

pub(super) fn interpolate(
    _: &mut Machine,
    tick: i64,
    before: &[Option<PointRef>],
    after: &[Option<PointRef>],
    _: &[Value],
) -> Result<Point> {
    let (Some(Some(from)), Some(Some(to))) = (before.last(), after.first()) else {
        return Ok(Point::none(tick));
    };
    if matches!(from.value, PointValue::String(_) | PointValue::Boolean(_)) {
        return Ok(Point::none(tick));
    }
    let span = to.tick.wrapping_sub(from.tick) as f64;
    let delta = tick.wrapping_sub(from.tick) as f64;
    let (start, end) = (number(&from.value)?, number(&to.value)?);
    let value = start + (end - start) / span * delta;
    let value = match from.value {
        PointValue::Long(_) => PointValue::Long(round(value)),
        _ => PointValue::Double(value),
    };
    let mut point = Point::new(tick, value);
    if from.location != NO_LOCATION && to.location != NO_LOCATION {
        let (from, to) =
            (position::from_location(from.location), position::from_location(to.location));
        point.location = position::to_location(
            from.0 + delta * ((to.0 - from.0) / span),
            from.1 + delta * ((to.1 - from.1) / span),
        );
    }
    if from.elevation != NO_ELEVATION && to.elevation != NO_ELEVATION {
        let rise = to.elevation.wrapping_sub(from.elevation) as f64;
        point.elevation = round(from.elevation as f64 + delta * (rise / span));
    }
    Ok(point)
}

/// The four neighbours of a gap: when, and what they are where it is known.
type Neighbours = [Option<(i64, Option<f64>)>; 4];

/// How fast values grow from one point to another; `None` when either is unknown.
fn rate(from: Option<(i64, Option<f64>)>, to: Option<(i64, Option<f64>)>) -> Option<f64> {
    let (from, to) = (from?, to?);
    Some((to.1? - from.1?) / to.0.wrapping_sub(from.0) as f64)
}

/// Where the neighbours' trends lead at a tick; `None` when no two of them are known.
///
/// # Errors
/// When a neighbour is there of which nothing is known but the tick.
fn project(tick: i64, [earlier, before, after, later]: Neighbours) -> Result<Option<f64>> {
    let rates = [rate(earlier, before), rate(before, after), rate(after, later)];
    let known = |rate: Option<f64>| rate.filter(|rate| !rate.is_nan());
    let ahead = known(rates[0].or(rates[1]).or(rates[2]));
    let back = known(rates[2].or(rates[1]).or(rates[0]));
    let (Some(ahead), Some(back)) = (ahead.or(back), back.or(ahead)) else {
        return Ok(None);
    };
    let needed = |value: Option<f64>| value.ok_or_else(Fault::null);
    Ok(match (before, after) {
        (Some(before), Some(after)) => {
            let span = after.0.wrapping_sub(before.0);
            let delta = tick.wrapping_sub(before.0);
            let alpha = delta as f64 / span as f64;
            let from_before = needed(before.1)? + delta as f64 * ahead;
            let from_after = needed(after.1)? - span.wrapping_sub(delta) as f64 * back;
            Some(alpha * from_before + (1.0 - alpha) * from_after)
        }
        (Some(before), None) => {
            Some(needed(before.1)? + ahead * tick.wrapping_sub(before.0) as f64)
        }
        (None, Some(after)) => Some(needed(after.1)? - back * after.0.wrapping_sub(tick) as f64),
        (None, None) => None,
    })
}

pub(super) fn trend(
    _: &mut Machine,
    tick: i64,
    before: &[Option<PointRef>],
    after: &[Option<PointRef>],
    _: &[Value],
) -> Result<Point> {
    let points: Vec<Option<&PointRef>> = before.iter().chain(after).map(Option::as_ref).collect();
    let neighbours = |known: &dyn Fn(&PointRef) -> Result<Option<f64>>| -> Result<Neighbours> {
        let mut neighbours = [None; 4];
        for (place, point) in neighbours.iter_mut().zip(&points) {
            if let Some(point) = point {
                *place = Some((point.tick, known(point)?));
            }
        }
        Ok(neighbours)
    };
    let Some(value) = project(tick, neighbours(&|p| number(&p.value).map(Some))?)? else {
        return Ok(Point::none(tick));
    };
    let mut point = Point::new(tick, PointValue::Double(value));
    let degrees = |pick: fn((f64, f64)) -> f64| {
        neighbours(&|p| {
            let known = p.location != NO_LOCATION;
            Ok(known.then(|| pick(position::from_location(p.location))))
        })
    };
    if let Some(latitude) = project(tick, degrees(|(latitude, _)| latitude)?)?
        && let Some(longitude) = project(tick, degrees(|(_, longitude)| longitude)?)?
    {
        point.location = position::to_location(latitude, longitude);
    }
    let elevations =
        neighbours(&|p| Ok((p.elevation != NO_ELEVATION).then_some(p.elevation as f64)))?;
    if let Some(elevation) = project(tick, elevations)? {
        // As the reference has it, which takes the one for the other.
        point.location = round(elevation);
    }
    Ok(point)
}
