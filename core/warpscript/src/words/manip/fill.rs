//! Filling empty buckets and missing ticks.

use weft_gts::{Bucket, NO_ELEVATION, PointRef, Value as PointValue};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Encoder, Gts, Order};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

const OPERANDS: &str = "expects a LIST or a Geo Time Series as input.";

/// One series, or all of a list and of the lists in it.
fn each(vm: &mut Machine, mut f: impl FnMut(&mut Machine, Handle<Gts>) -> Result<Value>) -> Result {
    match vm.pop()? {
        Value::Gts(handle) => {
            let result = f(vm, handle)?;
            vm.push(result)
        }
        Value::List(list) | Value::Vector(list) => {
            let series = points::flat_gts(vm, list, OPERANDS)?;
            let mut results = Vec::with_capacity(series.len());
            for handle in series {
                results.push(f(vm, handle)?);
            }
            vm.push_list(results)
        }
        _ => Err(vm.error(OPERANDS)),
    }
}

/// A copy of a series to be filled, and its buckets.
fn copy(vm: &mut Machine, handle: Handle<Gts>) -> Result<(Gts, Option<Bucket>)> {
    points::claim_copy(vm, handle)?;
    let gts = vm.heap.gts(handle);
    let (copy, bucket) = (points::copy(gts), points::bucket(gts));
    let count = bucket.map_or(0, |b| usize::try_from(b.count).unwrap_or(0));
    vm.charge(count);
    vm.heap.claim(count.saturating_mul(48))?;
    Ok((copy, bucket))
}

/// The tick of a bucket, counted back from the last one.
const fn tick_of(bucket: Bucket, index: i64) -> i64 {
    bucket.last.wrapping_sub(index.wrapping_mul(bucket.span))
}

fn append(gts: &mut Gts, tick: i64, point: &PointRef) {
    gts.append(tick, point.location, point.elevation, point.value.clone());
}

/// FILLPREVIOUS and FILLNEXT: the nearest point on one side goes into empty buckets.
pub(super) fn fill_from_side(vm: &mut Machine) -> Result {
    let from_newer = vm.word.name == "FILLNEXT";
    each(vm, |vm, handle| {
        let (mut filled, bucket) = copy(vm, handle)?;
        let Some(bucket) = bucket else {
            return points::new_gts(vm, filled);
        };
        order::sort(&mut filled, from_newer);
        let columns = filled.series.points.clone();
        let phase = bucket.last.wrapping_rem(bucket.span);
        let on_bucket =
            (0..columns.len()).filter(|p| columns.ticks[*p].wrapping_rem(bucket.span) == phase);
        // Buckets in the order of the walk: from the oldest on, or from the newest.
        let index = |step: i64| if from_newer { step } else { bucket.count - 1 - step };
        let mut step = 0;
        let mut last: Option<PointRef> = None;
        for place in on_bucket {
            if step >= bucket.count {
                break;
            }
            let tick = columns.ticks[place];
            let is_behind = |at: i64| if from_newer { tick < at } else { tick > at };
            // Looking back the walk stops at the last bucket, looking ahead it does not.
            while (from_newer || step < bucket.count) && is_behind(tick_of(bucket, index(step))) {
                if let Some(last) = &last {
                    append(&mut filled, tick_of(bucket, index(step)), last);
                }
                step += 1;
                if step > bucket.count {
                    break;
                }
            }
            step += 1;
            last = Some(columns.get(place));
        }
        while step < bucket.count {
            if let Some(last) = &last {
                append(&mut filled, tick_of(bucket, index(step)), last);
            }
            step += 1;
        }
        points::new_gts(vm, filled)
    })
}

/// Latitude, longitude, elevation and value of a list: doubles, doubles, a LONG or NaN.
fn read_filling(vm: &Machine, items: &[Value]) -> Result<(i64, i64, Option<PointValue>)> {
    let cast = || Fault::kind(Kind::Cast, "Not a number of the right type.");
    let [Value::Double(lat), Value::Double(lon), elevation, value, ..] = items else {
        return Err(cast());
    };
    let location = points::to_location(*lat, *lon);
    let elevation = match *elevation {
        Value::Double(v) if v.is_nan() => NO_ELEVATION,
        Value::Long(v) => v,
        _ => return Err(cast()),
    };
    Ok((location, elevation, points::to_point(vm, *value)))
}

pub(super) fn fill_value(vm: &mut Machine) -> Result {
    let message = "expects a LIST of 4 parameters: latitude longitude elevation value.";
    let list = vm.pop_list(message)?;
    let items = vm.heap.list(list).clone();
    if items.len() != 4 {
        return Err(vm.error(message));
    }
    let (location, elevation, value) = read_filling(vm, &items)?;
    each(vm, |vm, handle| {
        let (mut filled, bucket) = copy(vm, handle)?;
        let (Some(bucket), Some(value)) = (bucket, &value) else {
            return points::new_gts(vm, filled);
        };
        order::sort(&mut filled, false);
        let ticks = filled.series.points.ticks.clone();
        let mut next = 0;
        let mut index = bucket.count - 1;
        while index >= 0 {
            while index >= 0 && ticks.get(next).is_none_or(|t| *t > tick_of(bucket, index)) {
                filled.append(tick_of(bucket, index), location, elevation, value.clone());
                index -= 1;
            }
            next += 1;
            index -= 1;
        }
        points::new_gts(vm, filled)
    })
}

pub(super) fn fill_ticks(vm: &mut Machine) -> Result {
    let message = "expects a list of 5 parameters (lat, lon, elevation, value, ticks).";
    let list = vm.pop_list(message)?;
    let items = vm.heap.list(list).clone();
    if items.len() != 5 {
        return Err(vm.error(message));
    }
    let (location, elevation, value) = read_filling(vm, &items)?;
    let message = "expects a list of ticks as the fifth parameter of its parameter list.";
    let list = items[4].as_list().ok_or_else(|| vm.error(message))?;
    let mut wanted = Vec::new();
    for tick in vm.heap.list(list) {
        let Value::Long(tick) = tick else {
            return Err(vm.error(message));
        };
        wanted.push(*tick);
    }
    wanted.sort_unstable();
    points::each_gts(vm, |vm, handle| {
        vm.heap.claim(wanted.len().saturating_mul(48))?;
        let (mut filled, bucket) = copy(vm, handle)?;
        if bucket.is_none()
            && let Some(value) = &value
        {
            // Ticks that are there already get one point more.
            for tick in &wanted {
                filled.append(*tick, location, elevation, value.clone());
            }
        }
        points::new_gts(vm, filled)
    })
}

pub(super) fn tick_index(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| match value {
        Value::Gts(handle) => {
            points::claim_copy(vm, handle)?;
            let mut indexed = points::copy(vm.heap.gts(handle));
            indexed.series.bucket = None;
            let points = &mut indexed.series.points;
            points.ticks = (0..points.len() as i64).collect::<Vec<_>>().into();
            indexed.order = if points.is_empty() { Order::Unknown } else { Order::Ascending };
            points::new_gts(vm, indexed)
        }
        Value::Encoder(handle) => {
            let mut points = vm.heap.encoder(handle).points.clone();
            vm.charge(points.len());
            vm.heap.claim(points.len().saturating_mul(8))?;
            points.ticks = (0..points.len() as i64).collect::<Vec<_>>().into();
            let encoder = Encoder { points, ..Encoder::default() };
            Ok(Value::Encoder(vm.heap.alloc_encoder(encoder)?))
        }
        _ => Err(vm.error("can only operate on Geo Time Series or GTS Encoder instances.")),
    })
}
