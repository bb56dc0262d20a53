//! Cutting series down and moving them in time.

use weft_gts::{Bucket, Columns, Series, time};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Encoder, Gts, Order};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

/// The points of a series from `start` to `end`, both included.
///
/// An ordered series is sorted for that, and the result has no buckets.
pub(super) fn clip_series(
    vm: &mut Machine,
    handle: Handle<Gts>,
    start: i64,
    end: i64,
) -> Result<Gts> {
    points::claim_copy(vm, handle)?;
    let gts = vm.heap.gts(handle);
    if order::order(gts) == Order::Unknown {
        let columns = &gts.series.points;
        let ticks = columns.ticks.iter().enumerate();
        let places: Vec<u32> =
            ticks.filter(|(_, t)| (start..=end).contains(*t)).map(|(p, _)| p as u32).collect();
        return Ok(points::with_points(gts, columns.gather(&places)));
    }
    if start <= end {
        points::sort_in_place(vm, handle, false)?;
    }
    let gts = vm.heap.gts(handle);
    let columns = &gts.series.points;
    let first = columns.ticks.partition_point(|t| *t < start);
    let last = columns.ticks.partition_point(|t| *t <= end);
    let slice =
        if start <= end && first < last { columns.slice(first..last) } else { Columns::default() };
    let mut clipped = points::with_points(gts, slice);
    clipped.series.bucket = None;
    clipped.order =
        if clipped.series.points.is_empty() { Order::Unknown } else { Order::Ascending };
    Ok(clipped)
}

/// The same of a series or encoder in the heap; `None` for anything else.
fn clip_value(vm: &mut Machine, value: Value, start: i64, end: i64) -> Result<Option<Value>> {
    Ok(Some(match value {
        Value::Gts(handle) => {
            let clipped = clip_series(vm, handle, start, end)?;
            points::new_gts(vm, clipped)?
        }
        Value::Encoder(handle) => {
            let encoder = vm.heap.encoder(handle);
            let (metadata, columns) = (encoder.metadata.clone(), encoder.points.clone());
            vm.charge(columns.len());
            vm.heap.claim(columns.len().saturating_mul(48))?;
            let ticks = columns.ticks.iter().enumerate();
            let places: Vec<u32> =
                ticks.filter(|(_, t)| (start..=end).contains(*t)).map(|(p, _)| p as u32).collect();
            let points = columns.gather(&places);
            let clipped = Encoder { metadata, points, ..Encoder::default() };
            Value::Encoder(vm.heap.alloc_encoder(clipped)?)
        }
        _ => return Ok(None),
    }))
}

/// A tick from a LONG or an ISO 8601 instant; whether it was an instant.
fn pop_instant(vm: &mut Machine, message: &str) -> Result<(i64, bool)> {
    match vm.pop()? {
        Value::Long(tick) => Ok((tick, false)),
        value => match vm.as_text(value) {
            Some(text) => time::parse_instant(text, vm.config.time_unit)
                .map(|tick| (tick, true))
                .map_err(|e| vm.error(&e.to_string())),
            None => Err(vm.error(message)),
        },
    }
}

pub(super) fn time_clip(vm: &mut Machine) -> Result {
    let message = "expects either an ISO8601 timestamp as the origin timestamp or a duration.";
    let (start, is_instant) = pop_instant(vm, message)?;
    let message =
        "expects either an ISO8601 timestamp or a delta since Unix Epoch as 'now' parameter.";
    let (end, _) = pop_instant(vm, message)?;
    let start = if is_instant { start } else { end.wrapping_sub(start).wrapping_add(1) };
    points::each(vm, |vm, value| match clip_value(vm, value, start, end)? {
        Some(clipped) => Ok(clipped),
        None => Err(vm.error(
            "expects a Geo Time Series, a GTSEncoder or a list thereof under the timeframe \
             definition.",
        )),
    })
}

pub(super) fn clip(vm: &mut Machine) -> Result {
    let message = "expects a list of limit pairs on top of the stack.";
    let limits = vm.pop_list(message)?;
    let mut pairs = Vec::new();
    for pair in vm.heap.list(limits).clone() {
        let Some(list) = pair.as_list().filter(|l| vm.heap.list(*l).len() == 2) else {
            return Err(vm.error(message));
        };
        let pair = vm.heap.list(list);
        let bounds = (points::integer(vm, pair[0]), points::integer(vm, pair[1]));
        let (Some(lower), Some(upper)) = bounds else {
            return Err(vm.error("expects the limits to be numeric."));
        };
        if lower > upper {
            // The pair itself is put in order.
            vm.heap.change_list(list)?.swap(0, 1);
        }
        pairs.push((lower.min(upper), lower.max(upper)));
    }
    points::each(vm, |vm, value| {
        if !matches!(value, Value::Gts(_) | Value::Encoder(_)) {
            return Err(vm.error(
                "expects a GeoTimeSeries, a GTSEncoder or a list thereof under the list of limit.",
            ));
        }
        let mut clipped = Vec::with_capacity(pairs.len());
        for (lower, upper) in &pairs {
            clipped.extend(clip_value(vm, value, *lower, *upper)?);
        }
        vm.heap.new_list(clipped)
    })
}

pub(super) fn shrink(vm: &mut Machine) -> Result {
    let size = vm.pop_long("expects a size on top of the stack.")?;
    points::each_nested(vm, |vm, value| {
        let Value::Gts(handle) = value else {
            return Err(vm.error("can only handle GTS and list thereof."));
        };
        let count = vm.heap.gts(handle).series.points.len() as u64;
        if size > i64::from(i32::MIN) && count > size.unsigned_abs() {
            points::sort_in_place(vm, handle, size < 0)?;
            let mut gts = vm.heap.change_gts(handle)?;
            gts.series.points = gts.series.points.slice(0..size.unsigned_abs() as usize);
        }
        Ok(value)
    })
}

/// Applies `f` to one series or all of a list; fails with `message` for anything else.
fn each_series(
    vm: &mut Machine,
    message: &str,
    mut f: impl FnMut(&mut Machine, Handle<Gts>) -> Result<Value>,
) -> Result {
    points::each(vm, |vm, value| match value {
        Value::Gts(handle) => f(vm, handle),
        _ => Err(vm.error(message)),
    })
}

pub(super) fn time_shift(vm: &mut Machine) -> Result {
    let offset = vm.pop_long("expects a long offset as parameter.")?;
    let message = "expects a Geo Time Series or a list thereof under the offset parameter.";
    each_series(vm, message, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let mut shifted = points::copy(vm.heap.gts(handle));
        if points::bucket(&shifted).is_some()
            && let Some(bucket) = &mut shifted.series.bucket
        {
            bucket.last = bucket.last.wrapping_add(offset);
        }
        let ticks = &mut shifted.series.points.ticks;
        *ticks = ticks.iter().map(|t| t.wrapping_add(offset)).collect::<Vec<_>>().into();
        shifted.order = Order::Unknown;
        points::new_gts(vm, shifted)
    })
}

pub(super) fn time_scale(vm: &mut Machine) -> Result {
    let scale = vm.pop_number("expects a time scale on top of the stack.")?;
    let message = "expects a Geo Time Series or a list thereof under the scale parameter.";
    each_series(vm, message, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let mut scaled = points::copy(vm.heap.gts(handle));
        if points::bucket(&scaled).is_some() {
            return Err(Fault::text(
                "Cannot apply timescale on a bucketized GTS. Unbucketize it first.",
            ));
        }
        let ticks = &mut scaled.series.points.ticks;
        *ticks = ticks.iter().map(|t| (*t as f64 * scale) as i64).collect::<Vec<_>>().into();
        scaled.order = Order::Unknown;
        points::new_gts(vm, scaled)
    })
}

pub(super) fn crop(vm: &mut Machine) -> Result {
    let message = "expects a LIST or a Geo Time Series as input.";
    match vm.pop()? {
        Value::Gts(handle) => {
            let cropped = crop_series(vm, handle)?;
            vm.push(cropped)
        }
        Value::List(list) | Value::Vector(list) => {
            let series = points::flat_gts(vm, list, message)?;
            let mut results = Vec::with_capacity(series.len());
            for handle in series {
                results.push(crop_series(vm, handle)?);
            }
            vm.push_list(results)
        }
        _ => Err(vm.error(message)),
    }
}

fn crop_series(vm: &mut Machine, handle: Handle<Gts>) -> Result<Value> {
    points::claim_copy(vm, handle)?;
    let gts = vm.heap.gts(handle);
    let Some(bucket) = points::bucket(gts) else {
        let copy = points::copy(gts);
        return points::new_gts(vm, copy);
    };
    points::sort_in_place(vm, handle, false)?;
    let gts = vm.heap.gts(handle);
    let first = points::first_tick(gts);
    let columns = &gts.series.points;
    let ticks = columns.ticks.iter().enumerate();
    let remainder = bucket.last.wrapping_rem(bucket.span);
    let in_bucket = |tick: i64| {
        (first..=bucket.last).contains(&tick) && tick.wrapping_rem(bucket.span) == remainder
    };
    let places: Vec<u32> = ticks.filter(|(_, t)| in_bucket(**t)).map(|(p, _)| p as u32).collect();
    let kept = columns.gather(&places);
    let (Some(oldest), Some(newest)) = (kept.ticks.first(), kept.ticks.last()) else {
        return Err(Fault::null());
    };
    let count = 1 + newest.wrapping_sub(*oldest).wrapping_div(bucket.span) as i32;
    let bucket = Bucket { last: *newest, span: bucket.span, count: i64::from(count) };
    let metadata = gts.series.metadata.clone();
    let mut cropped = Gts::new(Series { metadata, bucket: Some(bucket), points: kept });
    cropped.order = Order::Ascending;
    points::new_gts(vm, cropped)
}

pub(super) fn only_buckets(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let gts = vm.heap.gts(handle);
        let Some(bucket) = points::bucket(gts) else {
            let copy = points::copy(gts);
            return points::new_gts(vm, copy);
        };
        let columns = &gts.series.points;
        let fits = |place: usize| {
            let distance = bucket.last.wrapping_sub(columns.ticks[place]);
            distance.wrapping_rem(bucket.span) == 0
                && (0..bucket.count).contains(&distance.wrapping_div(bucket.span))
        };
        // What does not fit is replaced by the last point that does.
        let mut places: Vec<u32> = (0..columns.len() as u32).collect();
        let mut place = 0;
        while place < places.len() {
            if !fits(place) {
                while places.len() - 1 > place && !fits(places.len() - 1) {
                    places.pop();
                }
                let Some(last) = places.pop() else { break };
                if let Some(hole) = places.get_mut(place) {
                    *hole = last;
                }
            }
            place += 1;
        }
        let only = columns.gather(&places);
        let only = points::with_points(gts, only);
        points::new_gts(vm, only)
    })
}

pub(super) fn remove_tick(vm: &mut Machine) -> Result {
    let message = "expects a tick (LONG) or a collection thereof on top of the stack.";
    let top = vm.pop()?;
    let values = match top {
        Value::Long(_) => vec![top],
        Value::List(list) | Value::Vector(list) => vm.heap.list(list).clone(),
        Value::Set(set) => vm.heap.set(set).members.iter().map(|k| k.value()).collect(),
        _ => return Err(vm.error(message)),
    };
    let mut ticks = Vec::with_capacity(values.len());
    for value in values {
        let Value::Long(tick) = value else {
            return Err(vm.error(message));
        };
        ticks.push(tick);
    }
    ticks.sort_unstable();
    let handle = vm.pop_gts("operates on a Geo Time Series.")?;
    points::claim_copy(vm, handle)?;
    let all = vm.heap.gts(handle).series.points.ticks.clone();
    let kept = all.iter().enumerate().filter(|(_, t)| ticks.binary_search(t).is_err());
    let places: Vec<u32> = kept.map(|(p, _)| p as u32).collect();
    let kept = super::dedup::keep(vm, handle, &places)?;
    vm.push(kept)
}

/// The value of Java's `Number` cast, which fails for anything else.
pub(super) fn cast() -> Fault {
    Fault::kind(Kind::Cast, "Not a number.")
}
