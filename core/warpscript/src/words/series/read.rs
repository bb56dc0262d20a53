//! Reading points and sizes.

use weft_gts::{Bucket, Columns, NO_LOCATION};

use crate::error::{Fault, Kind, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

const ELEMENT: &str =
    "expects a GeoTimeSeries, a GTSEncoder or a list thereof on top of the stack.";
const SERIES: &str = "expects a Geo Time Series or a list thereof on top of the stack.";
const ONE: &str = "expects a Geo Time Series on top of the stack.";

pub(super) fn size(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let size = match value {
        Value::Map(map) => vm.heap.map(map).entries.len(),
        Value::List(list) | Value::Vector(list) => vm.heap.list(list).len(),
        Value::Set(set) => vm.heap.set(set).members.len(),
        Value::Gts(gts) => vm.heap.gts(gts).series.points.len(),
        Value::Encoder(encoder) => vm.heap.encoder(encoder).points.len(),
        Value::String(text) => {
            let text = vm.heap.text(text);
            let size = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
            vm.charge(size / 16);
            size
        }
        Value::Bytes(bytes) => vm.heap.bytes(bytes).len(),
        Value::Macro(body) => vm.statements(body)?.len(),
        other => {
            let size = match other {
                Value::Object(object) => vm.heap.any_object(object).size(),
                _ => None,
            };
            size.ok_or_else(|| {
                vm.error(
                    "operates on a MAP, a collection, a STRING, a byte array, a GTS or GTS \
                     Encoder, a GEOSHAPE or a Macro.",
                )
            })?
        }
    };
    vm.push(size as i64)
}

pub(super) fn ticks(vm: &mut Machine) -> Result {
    let series = pop_some_gts(vm)?;
    let count: usize = series.iter().map(|h| vm.heap.gts(*h).series.points.len()).sum();
    vm.charge(count);
    vm.heap.claim_values(count.saturating_mul(2))?;
    let mut ticks = Vec::with_capacity(count);
    for gts in series {
        ticks.extend_from_slice(&vm.heap.gts(gts).series.points.ticks);
    }
    ticks.sort_unstable();
    ticks.dedup();
    vm.push_list(ticks.into_iter().map(Value::Long).collect())
}

/// Takes one series or a list of them.
fn pop_some_gts(vm: &mut Machine) -> Result<Vec<Handle<Gts>>> {
    match vm.pop()? {
        Value::Gts(gts) => Ok(vec![gts]),
        value => points::gts_list(vm, value, SERIES),
    }
}

/// The points of a series or encoder.
fn columns(vm: &Machine, value: Value) -> Result<&Columns> {
    match value {
        Value::Gts(gts) => Ok(&vm.heap.gts(gts).series.points),
        Value::Encoder(encoder) => Ok(&vm.heap.encoder(encoder).points),
        _ => Err(vm.error(ELEMENT)),
    }
}

pub(super) fn tick_list(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| {
        let columns = columns(vm, value)?;
        let ticks = columns.ticks.clone();
        vm.charge(ticks.len());
        vm.heap.claim_values(ticks.len())?;
        vm.heap.new_list(ticks.iter().map(|t| Value::Long(*t)).collect())
    })
}

pub(super) fn values(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| {
        let column = columns(vm, value)?.values.clone();
        points::column_list(vm, &column)
    })
}

pub(super) fn locations(vm: &mut Machine) -> Result {
    let gts = vm.pop_gts(ONE)?;
    let count = vm.heap.gts(gts).series.points.len();
    vm.charge(count);
    vm.heap.claim_values(count.saturating_mul(2))?;
    let columns = &vm.heap.gts(gts).series.points;
    let (latitudes, longitudes) =
        (0..count).map(|i| points::location_values(columns.location(i))).unzip();
    vm.push_list(latitudes)?;
    vm.push_list(longitudes)
}

pub(super) fn location_strings(vm: &mut Machine) -> Result {
    let gts = vm.pop_gts("expects a Geo Time Series on top of the stack.")?;
    let count = vm.heap.gts(gts).series.points.len();
    vm.charge(count);
    vm.heap.claim(count.saturating_mul(64))?;
    points::sort_in_place(vm, gts, false)?;
    let mut list = Vec::with_capacity(count);
    for i in 0..count {
        let location = vm.heap.gts(gts).series.points.location(i);
        let text = if location == NO_LOCATION { String::new() } else { format!("{location:016x}") };
        list.push(vm.heap.string(text)?);
    }
    vm.push_list(list)
}

pub(super) fn elevations(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, gts| {
        let count = vm.heap.gts(gts).series.points.len();
        vm.charge(count);
        vm.heap.claim_values(count)?;
        let columns = &vm.heap.gts(gts).series.points;
        let list = (0..count).map(|i| points::elevation_value(columns.elevation(i))).collect();
        vm.heap.new_list(list)
    })
}

pub(super) fn first_tick(vm: &mut Machine) -> Result {
    let series = pop_some_gts(vm)?;
    charge_all(vm, &series);
    let ticks = series.iter().map(|h| points::first_tick(vm.heap.gts(*h)));
    vm.push(ticks.min().unwrap_or(i64::MAX))
}

pub(super) fn last_tick(vm: &mut Machine) -> Result {
    let series = pop_some_gts(vm)?;
    charge_all(vm, &series);
    let ticks = series.iter().map(|h| points::last_tick(vm.heap.gts(*h)));
    vm.push(ticks.max().unwrap_or(i64::MIN))
}

fn charge_all(vm: &mut Machine, series: &[Handle<Gts>]) {
    let count: usize = series.iter().map(|h| vm.heap.gts(*h).series.points.len()).sum();
    vm.charge(count / 8);
}

/// The bucket parameters; zeros when not all of them are set.
fn bucket(vm: &mut Machine) -> Result<Bucket> {
    let gts = vm.pop_gts(ONE)?;
    Ok(points::bucket(vm.heap.gts(gts)).unwrap_or_default())
}

pub(super) fn last_bucket(vm: &mut Machine) -> Result {
    let bucket = bucket(vm)?;
    vm.push(bucket.last)
}

pub(super) fn bucket_count(vm: &mut Machine) -> Result {
    let bucket = bucket(vm)?;
    vm.push(bucket.count)
}

pub(super) fn bucket_span(vm: &mut Machine) -> Result {
    let bucket = bucket(vm)?;
    vm.push(bucket.span)
}

pub(super) fn at_index(vm: &mut Machine) -> Result {
    let index = vm.pop()?;
    let index = points::integer(vm, index)
        .ok_or_else(|| vm.error("expects an index on top of the stack."))? as i32;
    points::each(vm, |vm, value| {
        let Value::Gts(gts) = value else {
            return Err(
                vm.error("expects a Geo Time Series instance or a list thereof under the index.")
            );
        };
        let size = vm.heap.gts(gts).series.points.len() as i64;
        let place = if index < 0 { i64::from(index) + size } else { i64::from(index) };
        if place >= size {
            return Err(out_of_bound(&format!("{index} >= {size}")));
        }
        if place < 0 {
            return Err(out_of_bound(&format!("{index} < -{size}")));
        }
        let point = vm.heap.gts(gts).series.points.get(place as usize);
        points::point_list(vm, &point)
    })
}

fn out_of_bound(what: &str) -> Fault {
    Fault::kind(Kind::Script, format!("Index out of bound, {what}"))
}

pub(super) fn at_tick(vm: &mut Machine) -> Result {
    let tick = vm.pop()?;
    let tick = points::integer(vm, tick).ok_or_else(|| vm.error("expects a tick."))?;
    points::each_gts(vm, |vm, handle| {
        points::sort_in_place(vm, handle, false)?;
        let columns = &vm.heap.gts(handle).series.points;
        match order::binary_search(&columns.ticks, tick) {
            Some(place) => {
                let point = columns.get(place);
                points::point_list(vm, &point)
            }
            None => {
                let nan = Value::Double(f64::NAN);
                vm.heap.new_list(vec![nan, nan, nan, nan, Value::Null])
            }
        }
    })
}
