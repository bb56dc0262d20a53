//! Splitting series by time or value.

use std::collections::BTreeMap;

use weft_gts::{Column, Series};

use super::sort::sort_by_value;
use crate::error::{Fault, Kind, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// The points at some places under the name of a series, with one label more.
pub(super) fn part(gts: &Gts, places: &[u32], label: &str, value: String) -> Gts {
    let mut part = points::with_points(gts, gts.series.points.gather(places));
    part.series.metadata.labels.insert(label, value);
    part
}

/// Puts series into the heap, as a list.
pub(super) fn list(vm: &mut Machine, parts: Vec<Gts>) -> Result<Value> {
    let mut list = Vec::with_capacity(parts.len());
    for gts in parts {
        list.push(points::new_gts(vm, gts)?);
    }
    vm.heap.new_list(list)
}

pub(super) fn time_split(vm: &mut Machine) -> Result {
    let label = vm.pop_text("expects a label on top of the stack.")?;
    let least = vm.pop_long("expects a minimum number of values under the label.")? as i32;
    let quiet = vm.pop_long("expects a quiet period under the minimum number of values.")?;
    points::each(vm, |vm, value| {
        let Value::Gts(handle) = value else {
            return Err(vm.error(
                "expects a Geo Time Series or a list thereof under the label, minimum values and \
                 the quiet period parameters.",
            ));
        };
        points::claim_copy(vm, handle)?;
        let gts = vm.heap.gts(handle);
        if gts.series.points.is_empty() || gts.series.metadata.labels.contains(&label) {
            let copy = points::copy(gts);
            return list(vm, vec![copy]);
        }
        points::sort_in_place(vm, handle, false)?;
        let gts = vm.heap.gts(handle);
        let ticks = &gts.series.points.ticks;
        let mut parts = Vec::new();
        let (mut start, mut number) = (0, 1i32);
        for place in 0..=ticks.len() {
            let is_end = place == ticks.len();
            // The first point counts as following itself.
            let before = ticks[place.saturating_sub(1)];
            if !is_end && ticks[place].wrapping_sub(before) < quiet {
                continue;
            }
            if place > start && (place - start) as i64 >= i64::from(least) {
                let places: Vec<u32> = (start as u32..place as u32).collect();
                parts.push(part(gts, &places, &label, number.to_string()));
            }
            start = place;
            number = number.wrapping_add(1);
        }
        list(vm, parts)
    })
}

pub(super) fn time_modulo(vm: &mut Machine) -> Result {
    let label = vm.pop_text("expects a quotient label name on top of the stack.")?;
    let modulo = vm.pop_long("expects a LONG modulo under the quotient label name.")?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let gts = vm.heap.gts(handle);
        let columns = &gts.series.points;
        if modulo == 0 && !columns.is_empty() {
            return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
        }
        let mut groups: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (place, tick) in columns.ticks.iter().enumerate() {
            groups.entry(tick.wrapping_div(modulo)).or_default().push(place as u32);
        }
        let mut parts = Vec::with_capacity(groups.len());
        for (quotient, places) in groups {
            let mut part = part(gts, &places, &label, quotient.to_string());
            part.series.bucket = None;
            let ticks = &mut part.series.points.ticks;
            *ticks = ticks.iter().map(|t| t.wrapping_rem(modulo)).collect::<Vec<_>>().into();
            parts.push(part);
        }
        vm.heap.claim(parts.len().saturating_mul(size_of::<Series>() * 2))?;
        list(vm, parts)
    })
}

pub(super) fn value_split(vm: &mut Machine) -> Result {
    let label = vm.pop_text("expects a label name on top of the stack.")?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        if let Column::Boolean(values) = &vm.heap.gts(handle).series.points.values {
            let values = values.clone();
            return split_booleans(vm, handle, &values, &label);
        }
        sort_by_value(vm, handle, false)?;
        let gts = vm.heap.gts(handle);
        let columns = &gts.series.points;
        let mut parts = Vec::new();
        let mut start = 0;
        for place in 1..=columns.len() {
            if place < columns.len() && points::same_value(&columns.values, place, start) {
                continue;
            }
            let places: Vec<u32> = (start as u32..place as u32).collect();
            let value = points::point_text(&columns.values.get(start));
            parts.push(part(gts, &places, &label, value));
            start = place;
        }
        vm.heap.claim(parts.len().saturating_mul(size_of::<Series>() * 2))?;
        list(vm, parts)
    })
}

fn split_booleans(
    vm: &mut Machine,
    handle: Handle<Gts>,
    values: &[bool],
    label: &str,
) -> Result<Value> {
    let gts = vm.heap.gts(handle);
    let mut parts = Vec::new();
    for wanted in [false, true] {
        let places: Vec<u32> =
            (0..values.len() as u32).filter(|p| values[*p as usize] == wanted).collect();
        if !places.is_empty() {
            parts.push(part(gts, &places, label, wanted.to_string()));
        }
    }
    list(vm, parts)
}
