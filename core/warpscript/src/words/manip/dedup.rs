//! Leaving out points that say nothing new.

use rustc_hash::FxHashMap;

use super::sort;
use crate::error::Result;
use crate::heap::{Gts, List};
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};
use crate::words::frameworks::callee::{Callee, Use};
use crate::words::frameworks::map_ticks;
use crate::words::points;

/// The places of a series that stay: of points with one tick the last.
pub(in crate::words) fn last_of_ticks(ticks: &[i64]) -> Vec<u32> {
    let mut left: FxHashMap<i64, u32> = FxHashMap::default();
    for tick in ticks {
        *left.entry(*tick).or_default() += 1;
    }
    let mut places = Vec::with_capacity(left.len());
    for (place, tick) in ticks.iter().enumerate() {
        if let Some(count) = left.get_mut(tick) {
            *count -= 1;
            if *count == 0 {
                places.push(place as u32);
            }
        }
    }
    places
}

/// The same series with the points at some places.
pub(super) fn keep(vm: &mut Machine, handle: Handle<Gts>, places: &[u32]) -> Result<Value> {
    let gts = vm.heap.gts(handle);
    let mut kept = points::with_points(gts, gts.series.points.gather(places));
    if places.len() == gts.series.points.len() {
        kept.order = gts.order;
    }
    points::new_gts(vm, kept)
}

/// What DEDUP wants of its argument.
const OPERANDS: &str =
    "expects a Geo Time Series instance or a list thereof under an optional macro or mapper.";

pub(super) fn dedup(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    if let Some(callee) = Callee::find(vm, top, Use::Map) {
        vm.pop()?;
        return dedup_mapped(vm, callee);
    }
    points::each_nested(vm, |vm, value| {
        let Value::Gts(handle) = value else {
            return Err(vm.error(OPERANDS));
        };
        points::claim_copy(vm, handle)?;
        let places = last_of_ticks(&vm.heap.gts(handle).series.points.ticks);
        keep(vm, handle, &places)
    })
}

fn dedup_mapped(vm: &mut Machine, callee: Callee) -> Result {
    let top = vm.peek(0)?;
    let mut series = Vec::new();
    points::each_nested(vm, |vm, value| match value {
        Value::Gts(handle) => {
            series.push(handle);
            Ok(value)
        }
        _ => Err(vm.error(OPERANDS)),
    })?;
    vm.pop()?;
    vm.push_task(Mapped { callee, top, series, next: 0, results: Vec::new() })
}

/// DEDUP with a mapper at work: one series after the other, in whatever lists they are.
struct Mapped {
    callee: Callee,
    top: Value,
    series: Vec<Handle<Gts>>,
    next: usize,
    results: List,
}

impl Task for Mapped {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.next > 0 {
            let made = vm.pop_list("found no result.")?;
            let result = match vm.heap.list(made).as_slice() {
                [only] => *only,
                _ => Value::List(made),
            };
            self.results.push(result);
        }
        let Some(&handle) = self.series.get(self.next) else {
            let mut results = std::mem::take(&mut self.results).into_iter();
            vm.push(self.top)?;
            points::each_nested(vm, |_, _| Ok(results.next().unwrap_or_default()))?;
            return Ok(Flow::Done);
        };
        self.next += 1;
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let mut ticks = vm.heap.gts(handle).series.points.ticks.to_vec();
        ticks.dedup();
        map_ticks(vm, self.callee.clone(), handle, ticks)?;
        Ok(Flow::Again)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.callee.trace(visit);
        visit(self.top);
        self.series.iter().for_each(|h| visit(Value::Gts(*h)));
        self.results.iter().for_each(|v| visit(*v));
    }
}

pub(super) fn value_dedup(vm: &mut Machine) -> Result {
    let first = vm.pop_boolean("expects a boolean on top of the stack.")?;
    points::each_gts(vm, |vm, handle| {
        sort::sort_by_value(vm, handle, false)?;
        let columns = &vm.heap.gts(handle).series.points;
        let mut places: Vec<u32> = Vec::new();
        for place in 0..columns.len() {
            if place > 0 && points::same_value(&columns.values, place, place - 1) {
                if !first && let Some(last) = places.last_mut() {
                    *last = place as u32;
                }
            } else {
                places.push(place as u32);
            }
        }
        keep(vm, handle, &places)
    })
}

pub(super) fn compact(vm: &mut Machine) -> Result {
    let ranges = vm.word.name == "RANGECOMPACT";
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let mut sorted = points::copy(vm.heap.gts(handle));
        points::order::sort(&mut sorted, false);
        let columns = &sorted.series.points;
        if columns.len() > 2 {
            let places = run_ends(columns, ranges);
            sorted.series.points = columns.gather(&places);
        }
        points::new_gts(vm, sorted)
    })
}

/// The places where a run of equal points starts, and where it ends when `ranges` asks for that.
/// The very last point always stays.
fn run_ends(columns: &weft_gts::Columns, ranges: bool) -> Vec<u32> {
    let count = columns.len();
    let same = |a: usize, b: usize| {
        columns.location(a) == columns.location(b)
            && columns.elevation(a) == columns.elevation(b)
            && points::same_value(&columns.values, a, b)
    };
    let mut places = vec![0u32];
    let mut start = 0;
    while start < count - 1 {
        let mut end = start;
        while end + 1 < count - 1 && same(end + 1, start) {
            end += 1;
        }
        let reaches_last = ranges && end + 1 == count - 1 && same(count - 1, start);
        if ranges && end > start && !reaches_last {
            places.push(end as u32);
        }
        if reaches_last {
            end += 1;
        }
        start = end + 1;
        places.push(start.min(count - 1) as u32);
    }
    places
}
