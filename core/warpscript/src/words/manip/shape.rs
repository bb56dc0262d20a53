//! Fewer points with the same look.

use weft_gts::Column;

use super::dedup::keep;
use crate::error::{Fault, Kind, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// LTTB and TLTTB.
pub(super) fn lttb(vm: &mut Machine) -> Result {
    let by_time = vm.word.name == "TLTTB";
    let threshold = vm.pop_long("expects a threshold on top of the stack.")? as i32;
    points::each_gts(vm, |vm, handle| {
        let columns = &vm.heap.gts(handle).series.points;
        let count = columns.len() as i64;
        let is_numeric =
            matches!(columns.values, Column::Long(_) | Column::Double(_) | Column::Empty);
        if count <= i64::from(threshold.wrapping_sub(2)) || !is_numeric {
            return Ok(Value::Gts(handle));
        }
        if threshold < 3 {
            return Err(Fault::text("Threshold MUST be >= 3."));
        }
        if columns.is_empty() {
            return Err(Fault::null());
        }
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let columns = &vm.heap.gts(handle).series.points;
        let values = points::numbers(vm, &columns.values)?;
        let threshold = threshold as usize;
        let ranges = if by_time {
            time_ranges(&columns.ticks, threshold)?
        } else {
            count_ranges(columns.len(), threshold)
        };
        let places = largest_triangles(&columns.ticks, &values, &ranges);
        keep(vm, handle, &places)
    })
}

/// For each bucket between the two ends: the places in it, and those in the next one, which
/// include the end.
type Ranges = Vec<((usize, usize), (usize, usize))>;

fn count_ranges(count: usize, threshold: usize) -> Ranges {
    let width = count as f64 / (threshold - 1) as f64;
    let bound = |index: usize| 1 + (index as f64 * width).floor() as usize;
    (0..threshold - 2)
        .map(|index| {
            let own = (bound(index).min(count.saturating_sub(2)), bound(index + 1).min(count - 1));
            let next = (bound(index + 1).min(count - 1), bound(index + 2).min(count - 1));
            (own, next)
        })
        .collect()
}

fn time_ranges(ticks: &[i64], threshold: usize) -> Result<Ranges> {
    let count = ticks.len();
    if count < 2 {
        return Err(Fault::bounds());
    }
    let span = ticks[count - 1].wrapping_sub(ticks[0]).wrapping_sub(2);
    let width = (span as f64 / (threshold - 2) as f64).ceil() as i64;
    let lower = ticks[0].wrapping_add(1);
    let mut bounds = vec![0usize];
    let mut last = 0i64;
    for (place, tick) in ticks.iter().enumerate().take(count - 1).skip(1) {
        if width == 0 {
            return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
        }
        let bucket = 1i64.wrapping_add(tick.wrapping_sub(lower).wrapping_div(width));
        if bucket != last {
            bounds.extend([place - 1, place]);
            last = bucket;
        }
    }
    bounds.extend([count - 2, count - 1, count - 1]);
    let buckets: Vec<(usize, usize)> =
        bounds.chunks_exact(2).map(|pair| (pair[0], pair[1] + 1)).collect();
    Ok(buckets[1..].windows(2).map(|pair| (pair[0], pair[1])).collect())
}

/// From each bucket the point that makes the largest triangle with the first one and the mean of
/// the next bucket.
fn largest_triangles(ticks: &[i64], values: &[f64], ranges: &Ranges) -> Vec<u32> {
    let mut places = vec![0u32];
    // The reference never moves the corner away from the first point.
    let (tick, value) = (ticks[0] as f64, values[0]);
    for ((first, end), (next_first, next_end)) in ranges {
        let count = (*next_end as f64) - (*next_first as f64) + 1.0;
        let next = *next_first..(*next_end).max(*next_first);
        // The mean is of one more than there are: so the reference has it.
        let tick_mean = next.clone().map(|p| ticks[p] as f64).sum::<f64>() / count;
        let value_mean = next.map(|p| values[p]).sum::<f64>() / count;
        let mut largest = -1.0;
        let mut best = None;
        for place in *first..*end {
            let area = 0.5
                * ((tick - tick_mean) * (values[place] - value)
                    - (tick - ticks[place] as f64) * (value_mean - value))
                    .abs();
            if area > largest {
                largest = area;
                best = Some(place);
            }
        }
        if let Some(best) = best {
            places.push(best as u32);
        }
    }
    places.push((ticks.len() - 1) as u32);
    places
}

/// LOWERHULL and UPPERHULL.
pub(super) fn hull(vm: &mut Machine) -> Result {
    let side = if vm.word.name == "LOWERHULL" { 1.0 } else { -1.0 };
    points::each_gts(vm, |vm, handle| {
        let gts = vm.heap.gts(handle);
        if gts.series.points.is_empty() {
            let copy = points::copy(gts);
            return points::new_gts(vm, copy);
        }
        points::claim_copy(vm, handle)?;
        let Some(values) = points::doubles(&vm.heap.gts(handle).series.points.values) else {
            return Err(vm.error("expects a numeric GTS."));
        };
        drop(values);
        points::sort_in_place(vm, handle, false)?;
        let places = hull_places(vm, handle, side)?;
        keep(vm, handle, &places)
    })
}

fn hull_places(vm: &Machine, handle: Handle<Gts>, side: f64) -> Result<Vec<u32>> {
    let columns = &vm.heap.gts(handle).series.points;
    let values = points::numbers(vm, &columns.values)?;
    let count = columns.len() as u32;
    if count < 3 {
        return Ok((0..count).collect());
    }
    let point = |place: u32| (columns.ticks[place as usize] as f64, values[place as usize]);
    let mut hull: Vec<u32> = Vec::new();
    for place in 0..count {
        while let [.., a, b] = hull.as_slice() {
            let ((ax, ay), (bx, by), (cx, cy)) = (point(*a), point(*b), point(place));
            let cross = (ax - bx) * (cy - by) - (ay - by) * (cx - bx);
            if cross * side > 0.0 {
                hull.pop();
            } else {
                break;
            }
        }
        hull.push(place);
    }
    Ok(hull)
}
