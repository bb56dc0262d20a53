//! Making series and adding points.

use std::sync::Arc;

use weft_gts::{Column, Metadata, NO_ELEVATION, NO_LOCATION, Series, Value as PointValue};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Encoder, Gts, Order};
use crate::machine::Machine;
use crate::value::Value;
use crate::words::points::{self, order};
use crate::words::wrap;

pub(super) fn new_gts(vm: &mut Machine) -> Result {
    let gts = vm.heap.new_gts(Series { metadata: unnamed(), ..Series::default() })?;
    vm.push(gts)
}

pub(super) fn new_encoder(vm: &mut Machine) -> Result {
    let encoder = Encoder { metadata: unnamed(), ..Encoder::default() };
    let encoder = vm.heap.alloc_encoder(encoder)?;
    vm.push(Value::Encoder(encoder))
}

fn unnamed() -> Metadata {
    Metadata { name: Some(String::new()), ..Metadata::default() }
}

pub(super) fn make_gts(vm: &mut Machine) -> Result {
    let values = vm.pop_list("expects a list of values on top of the stack.")?;
    let elevations = vm.pop_list("expects a list of elevations below the list of values.")?;
    let longitudes = vm.pop_list("expects a list of longitudes below the list of elevations.")?;
    let latitudes = vm.pop_list("expects a list of latitudes below the list of longitudes.")?;
    let ticks = vm.pop_list("expects a list of ticks below the list of latitudes.")?;
    let lists = [ticks, latitudes, longitudes, elevations, values];
    let count = lists.iter().map(|l| vm.heap.list(*l).len()).max().unwrap_or(0);
    vm.charge(count);
    vm.heap.claim(count.saturating_mul(32))?;
    let mut gts = Gts::new(Series { metadata: unnamed(), ..Series::default() });
    let [ticks, latitudes, longitudes, elevations, values] = lists.map(|l| vm.heap.list(l));
    if let ([], [], []) = (&latitudes[..], &longitudes[..], &elevations[..])
        && let Some((ticks, values)) = plain(ticks, values)
    {
        gts.order = Order::of(&ticks);
        gts.series.points.ticks = Arc::new(ticks);
        gts.series.points.values = values;
        let gts = vm.heap.alloc_gts(gts)?;
        return vm.push(Value::Gts(gts));
    }
    let mut last_tick = -1i64;
    for index in 0..count {
        let Some(value) = values.get(index).or_else(|| values.last()) else {
            return Err(Fault::kind(Kind::Bounds, "Index -1 out of bounds for length 0"));
        };
        let elevation = match elevations.get(index) {
            Some(value) => points::integer(vm, *value).ok_or_else(not_a_number)?,
            None => NO_ELEVATION,
        };
        let location = match (latitudes.get(index), longitudes.get(index)) {
            // NaN makes a position here, not a missing one.
            (Some(lat), Some(lon)) => crate::position::to_location(
                points::number(vm, *lat).ok_or_else(not_a_number)?,
                points::number(vm, *lon).ok_or_else(not_a_number)?,
            ),
            _ => NO_LOCATION,
        };
        last_tick = match ticks.get(index) {
            Some(tick) => points::integer(vm, *tick).ok_or_else(not_a_number)?,
            None => last_tick.wrapping_add(1),
        };
        if let Some(value) = points::to_point(vm, *value) {
            points::append(&mut gts, last_tick, location, elevation, value);
        }
    }
    let gts = vm.heap.alloc_gts(gts)?;
    vm.push(Value::Gts(gts))
}

/// As many ticks as numbers of one type, as columns. `None` for anything else.
fn plain(ticks: &[Value], values: &[Value]) -> Option<(Vec<i64>, Column)> {
    let long = |value: &Value| match value {
        Value::Long(long) => Some(*long),
        _ => None,
    };
    let double = |value: &Value| match value {
        Value::Double(double) => Some(*double),
        _ => None,
    };
    if ticks.len() != values.len() {
        return None;
    }
    let values = match values.first()? {
        Value::Long(_) => Column::Long(Arc::new(gathered(values, long)?)),
        Value::Double(_) => Column::Double(Arc::new(gathered(values, double)?)),
        _ => return None,
    };
    Some((gathered(ticks, long)?, values))
}

fn gathered<T>(values: &[Value], part: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(part(value)?);
    }
    Some(parts)
}

fn not_a_number() -> Fault {
    Fault::kind(Kind::Cast, "Not a number.")
}

pub(super) fn add_value(vm: &mut Machine) -> Result {
    if add_number(vm) { Ok(()) } else { add(vm, false) }
}

/// A number without a place that goes onto a series of such: by far the most common. `false`: it
/// is another case, and nothing happened.
#[inline]
fn add_number(vm: &mut Machine) -> bool {
    let [
        ..,
        Value::Gts(series),
        Value::Long(tick),
        Value::Double(latitude),
        Value::Double(longitude),
        Value::Double(elevation),
        value,
    ] = *vm.visible()
    else {
        return false;
    };
    let has_place = !(latitude.is_nan() && longitude.is_nan() && elevation.is_nan());
    if has_place || !vm.heap.append_number(series, tick, value) {
        return false;
    }
    vm.truncate(vm.depth() - 5);
    true
}

pub(super) fn set_value(vm: &mut Machine) -> Result {
    add(vm, true)
}

fn add(vm: &mut Machine, overwrite: bool) -> Result {
    let (tick, location, elevation, value) = pop_point(vm)?;
    let target = vm.pop()?;
    if !matches!(target, Value::Gts(_) | Value::Encoder(_)) {
        return Err(vm.error("operates on a single Geo Time Series or GTS Encoder."));
    }
    let value = match value {
        Value::Long(v) => Some(PointValue::Long(v)),
        Value::Double(v) => Some(PointValue::Double(v)),
        value @ (Value::Gts(_) | Value::Encoder(_)) => wrap::embedded(vm, value)?,
        value => points::to_point(vm, value),
    };
    match (target, value) {
        (Value::Gts(handle), Some(value)) => {
            if overwrite && let Some(index) = replaced(vm.heap.gts(handle), tick) {
                let mut gts = vm.heap.change_gts(handle)?;
                gts.series.points.replace(index, location, elevation, value);
            } else {
                vm.heap.append_point(handle, tick, location, elevation, value)?;
            }
        }
        (Value::Encoder(handle), Some(value)) => {
            vm.heap.append_encoded(handle, tick, location, elevation, value)?;
        }
        _ => (),
    }
    vm.push(target)
}

/// The place of the point that SETVALUE replaces.
fn replaced(gts: &Gts, tick: i64) -> Option<usize> {
    let points = &gts.series.points;
    match order::order(gts) {
        Order::Unknown => points.ticks.iter().position(|t| *t == tick),
        order => order::find_tick(points, order, tick, false),
    }
}

/// Takes the parts of a point.
fn pop_point(vm: &mut Machine) -> Result<(i64, i64, i64, Value)> {
    let value = vm.pop()?;
    if let Some(list) = value.as_list() {
        let items = vm.heap.list(list);
        if items.len() == 1 {
            return Err(Fault::kind(Kind::Cast, "A point needs a tick."));
        }
        return points::read_list(vm, items);
    }
    let is_series = matches!(value, Value::Gts(_) | Value::Encoder(_));
    if !is_series && points::to_point(vm, value).is_none() {
        return Err(vm.error(
            "expects a LONG, DOUBLE, STRING, byte array or BOOLEAN value or a Geo Time Series or \
             ENCODER.",
        ));
    }
    let elevation = vm.pop()?;
    let elevation = points::to_elevation(vm, elevation)
        .ok_or_else(|| vm.error("expects the elevation to be numeric or NaN."))?;
    let longitude = vm.pop()?;
    let longitude = points::number(vm, longitude)
        .ok_or_else(|| vm.error("expects the longitude to be numeric or NaN."))?;
    let latitude = vm.pop()?;
    let latitude = points::number(vm, latitude)
        .ok_or_else(|| vm.error("expects the latitude to be numeric or NaN."))?;
    let tick = vm.pop()?;
    let tick =
        points::integer(vm, tick).ok_or_else(|| vm.error("expects the tick to be numeric."))?;
    Ok((tick, points::to_location(latitude, longitude), elevation, value))
}

pub(super) fn clone_empty(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| match value {
        Value::Gts(gts) => {
            let empty = points::empty_like(vm.heap.gts(gts));
            Ok(Value::Gts(vm.heap.alloc_gts(empty)?))
        }
        Value::Encoder(encoder) => {
            let metadata = vm.heap.encoder(encoder).metadata.clone();
            let empty = Encoder { metadata, ..Encoder::default() };
            Ok(Value::Encoder(vm.heap.alloc_encoder(empty)?))
        }
        _ => Err(vm
            .error("expects a GeoTimeSeries, a GTSEncoder or a list thereof on top of the stack.")),
    })
}
