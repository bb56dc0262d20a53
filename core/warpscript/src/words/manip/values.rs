//! New values from the old ones.

use weft_gts::{Column, NO_ELEVATION, NO_LOCATION, Value as PointValue};

use super::clip::cast;
use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::java::{compare_doubles, compare_texts};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

pub(super) fn resets(vm: &mut Machine) -> Result {
    let decreasing = vm.pop_boolean("expects a boolean as parameter.")?;
    match vm.pop()? {
        Value::Gts(handle) => {
            let result = compensate(vm, handle, decreasing)?;
            vm.push(result)
        }
        Value::List(list) | Value::Vector(list) => {
            let message = "expects a list of Geo Time Series as first parameter.";
            let series = points::flat_gts(vm, list, message)?;
            let mut results = Vec::with_capacity(series.len());
            for handle in series {
                results.push(compensate(vm, handle, decreasing)?);
            }
            vm.push_list(results)
        }
        _ => Err(vm.error("operates on a Geo Time Series or list thereof.")),
    }
}

/// A counter without its resets: where it jumps back, all that follows is raised by the value
/// before the jump.
fn compensate(vm: &mut Machine, handle: Handle<Gts>, decreasing: bool) -> Result<Value> {
    points::claim_copy(vm, handle)?;
    let mut copy = points::copy(vm.heap.gts(handle));
    if !matches!(copy.series.points.values, Column::Long(_) | Column::Double(_)) {
        return points::new_gts(vm, copy);
    }
    order::sort(&mut copy, false);
    match &mut copy.series.points.values {
        Column::Long(values) => {
            let mut offset = 0i64;
            let mut last = values.first().copied().unwrap_or(0);
            let raised = values.iter().map(|&v| {
                if if decreasing { v > last } else { v < last } {
                    offset = offset.wrapping_add(last);
                }
                last = v;
                v.wrapping_add(offset)
            });
            *values = raised.collect::<Vec<_>>().into();
        }
        Column::Double(values) => {
            let mut offset = 0.0;
            let mut last = values.first().copied().unwrap_or(0.0);
            let raised = values.iter().map(|&v| {
                if if decreasing { v > last } else { v < last } {
                    offset += last;
                }
                last = v;
                v + offset
            });
            *values = raised.collect::<Vec<_>>().into();
        }
        _ => (),
    }
    points::new_gts(vm, copy)
}

pub(super) fn monotonic(vm: &mut Machine) -> Result {
    let decreasing = vm.pop_boolean("expects a boolean on top of the stack.")?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let gts = vm.heap.gts(handle);
        let mut result = points::with_points(gts, gts.series.points.clone());
        result.order = gts.order;
        run_extremes(&mut result.series.points.values, decreasing);
        points::new_gts(vm, result)
    })
}

/// Replaces each value by the largest, or smallest, up to it.
fn run_extremes(column: &mut Column, decreasing: bool) {
    fn run<T: Clone>(values: &[T], start: T, replaces: impl Fn(&T, &T) -> bool) -> Vec<T> {
        let mut extreme = start;
        let next = values.iter().map(|v| {
            if replaces(v, &extreme) {
                extreme = v.clone();
            }
            extreme.clone()
        });
        next.collect()
    }
    match column {
        Column::Empty | Column::Mixed(_) => (),
        Column::Long(v) => {
            let start = if decreasing { i64::MAX } else { i64::MIN };
            *v = run(v, start, |a, b| if decreasing { a < b } else { a > b }).into();
        }
        Column::Double(v) => {
            let start = if decreasing { f64::INFINITY } else { f64::NEG_INFINITY };
            *v = run(v, start, |a, b| if decreasing { a < b } else { a > b }).into();
        }
        Column::Boolean(v) => {
            *v = run(v, decreasing, |a, _| *a != decreasing).into();
        }
        Column::String(v) => {
            let Some(first) = v.first().cloned() else { return };
            let start = if decreasing { first } else { "".into() };
            *v = run(v, start, |a, b| {
                let order = compare_texts(a, b);
                if decreasing { order.is_lt() } else { order.is_gt() }
            })
            .into();
        }
    }
}

pub(super) fn quantize(vm: &mut Machine) -> Result {
    let ranks = vm.pop_list("expects a list of target values on top of the stack.")?;
    let ranks = vm.heap.list(ranks).clone();
    let list = vm.pop_list("expects a list of bounds under the top of the stack.")?;
    let list = vm.heap.list(list).clone();
    if !ranks.is_empty() && ranks.len() != list.len() + 1 {
        let message = format!("expected {} values but got {}", list.len() + 1, ranks.len());
        return Err(vm.error(&message));
    }
    let mut bounds: Vec<f64> = Vec::with_capacity(list.len());
    for bound in list {
        let bound = points::number(vm, bound).ok_or_else(cast)?;
        if !bound.is_finite() {
            return Err(vm.error("expects the bounds to be finite."));
        }
        if bounds.last().is_some_and(|last| bound <= *last) {
            return Err(vm.error("identified unordered or duplicate bounds."));
        }
        bounds.push(bound);
    }
    let ranks: Option<Vec<Option<PointValue>>> = (!ranks.is_empty())
        .then(|| ranks.iter().map(|value| points::to_point(vm, *value)).collect());
    points::each(vm, |vm, value| {
        let Value::Gts(handle) = value else {
            return Err(vm.error("expects a Geo Time Series instance or a list thereof."));
        };
        points::claim_copy(vm, handle)?;
        let gts = vm.heap.gts(handle);
        let columns = &gts.series.points;
        if !matches!(columns.values, Column::Long(_) | Column::Double(_)) {
            return Err(Fault::text("Can only quantify numeric Geo Time Series."));
        }
        let values = points::numbers(vm, &columns.values)?;
        let mut result = points::empty_like(gts);
        for (place, value) in values.into_iter().enumerate() {
            let rank = bounds.partition_point(|b| compare_doubles(*b, value).is_lt());
            let value = match &ranks {
                None => Some(PointValue::Long(rank as i64)),
                Some(ranks) => ranks.get(rank).cloned().flatten(),
            };
            if let Some(value) = value {
                let (location, elevation) = (columns.location(place), columns.elevation(place));
                result.append(columns.ticks[place], location, elevation, value);
            }
        }
        points::new_gts(vm, result)
    })
}

pub(super) fn integrate(vm: &mut Machine) -> Result {
    let message = "expects a numeric initial value on top of the stack.";
    let initial = vm.pop()?;
    let initial = points::number(vm, initial).ok_or_else(|| vm.error(message))?;
    let per_second = vm.config.time_unit.per_second() as f64;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let gts = vm.heap.gts(handle);
        let columns = &gts.series.points;
        let mut result = points::empty_like(gts);
        if columns.is_empty() {
            // The reference integrates the point that is not there.
            let value = PointValue::Double(initial);
            result.append(i64::MIN, NO_LOCATION, NO_ELEVATION, value);
            return points::new_gts(vm, result);
        }
        let rates = match points::doubles(&columns.values) {
            Some(rates) => rates,
            None if columns.len() == 1 => vec![0.0],
            None => return Err(cast()),
        };
        let mut sum = initial;
        let mut sums = Vec::with_capacity(rates.len());
        sums.push(sum);
        for (ticks, rate) in columns.ticks.windows(2).zip(&rates) {
            sum += rate * (ticks[1].wrapping_sub(ticks[0]) as f64 / per_second);
            sums.push(sum);
        }
        result.series.points = columns.clone();
        result.series.points.values = Column::Double(sums.into());
        result.order = gts.order;
        points::new_gts(vm, result)
    })
}

pub(super) fn interpolate(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let mut filled = points::copy(vm.heap.gts(handle));
        let Some(bucket) = points::bucket(&filled) else {
            return points::new_gts(vm, filled);
        };
        order::sort(&mut filled, false);
        if filled.series.points.len() < 2 {
            return points::new_gts(vm, filled);
        }
        let missing = usize::try_from(bucket.count).unwrap_or(0);
        vm.charge(missing);
        vm.heap.claim(missing.saturating_mul(48))?;
        fill_values(&mut filled, bucket)?;
        let some = |column: &[i64], none: i64| column.iter().filter(|v| **v != none).count();
        let columns = &filled.series.points;
        let has_elevations = some(&columns.elevations, NO_ELEVATION) >= 2;
        let has_locations = some(&columns.locations, NO_LOCATION) >= 2;
        if has_elevations || has_locations {
            order::sort(&mut filled, false);
        }
        if has_elevations {
            fill_elevations(&mut filled);
        }
        if has_locations {
            fill_locations(&mut filled);
        }
        points::new_gts(vm, filled)
    })
}

/// Adds a point for each empty bucket between two points, on the line between them.
fn fill_values(filled: &mut Gts, bucket: weft_gts::Bucket) -> Result {
    let columns = filled.series.points.clone();
    let values = |place: usize| match &columns.values {
        Column::Long(v) => Ok(v[place] as f64),
        Column::Double(v) => Ok(v[place]),
        _ => Err(cast()),
    };
    let mut next = bucket.last.wrapping_sub(bucket.count.wrapping_mul(bucket.span));
    for place in 1..columns.len() {
        let (before, after) = (columns.ticks[place - 1], columns.ticks[place]);
        while next < bucket.last && next <= before {
            next = next.wrapping_add(bucket.span);
        }
        if next == after {
            continue;
        }
        let (from, to) = (values(place - 1)?, values(place)?);
        let rate = (to - from) / after.wrapping_sub(before) as f64;
        while next < after {
            let value = from + next.wrapping_sub(before) as f64 * rate;
            filled.append(next, NO_LOCATION, NO_ELEVATION, PointValue::Double(value));
            let last = next;
            next = next.wrapping_add(bucket.span);
            if next <= last {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The gaps in a column: the places of the entries before and after each.
fn gaps(column: &[i64], none: i64) -> Vec<(usize, usize)> {
    let known: Vec<usize> = (0..column.len()).filter(|p| column[*p] != none).collect();
    let pairs = known.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(before, after)| after - before > 1).collect()
}

fn fill_elevations(filled: &mut Gts) {
    let ticks = filled.series.points.ticks.clone();
    let mut elevations = filled.series.points.elevations.to_vec();
    for (before, after) in gaps(&elevations, NO_ELEVATION) {
        let span = ticks[after].wrapping_sub(ticks[before]) as f64;
        let rise = elevations[after].wrapping_sub(elevations[before]) as f64;
        let rate = rise / span;
        for place in before + 1..after {
            let distance = ticks[place].wrapping_sub(ticks[before]) as f64;
            elevations[place] = (elevations[before] as f64 + rate * distance) as i64;
        }
    }
    filled.series.points.elevations = elevations.into();
}

fn fill_locations(filled: &mut Gts) {
    let ticks = filled.series.points.ticks.clone();
    let mut locations = filled.series.points.locations.to_vec();
    for (before, after) in gaps(&locations, NO_LOCATION) {
        let (from_lat, from_lon) = crate::position::from_location(locations[before]);
        let (to_lat, to_lon) = crate::position::from_location(locations[after]);
        let span = ticks[after].wrapping_sub(ticks[before]) as f64;
        let (lat_rate, lon_rate) = ((to_lat - from_lat) / span, (to_lon - from_lon) / span);
        for place in before + 1..after {
            let distance = ticks[place].wrapping_sub(ticks[before]) as f64;
            let (lat, lon) = (from_lat + lat_rate * distance, from_lon + lon_rate * distance);
            locations[place] = crate::position::to_location(lat, lon);
        }
    }
    filled.series.points.locations = locations.into();
}
