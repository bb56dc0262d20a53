//! The order of a series' points, and sorting that ends like the reference's.

use std::cmp::Ordering;

use weft_gts::{Column, Columns, NO_ELEVATION, NO_LOCATION};

use crate::heap::{Gts, Order};

/// How often a range may be walked, in multiples of the ideal, before the sort gives up on the
/// order that equal points would get and becomes a stable one.
const DEPTH_FACTOR: u64 = 8;

/// How the ticks are ordered: what is known, else what a walk over them says.
///
/// The two first ticks decide the direction: `5 5 3` is not ordered, `5 3 3` is descending. One
/// point is ascending.
pub(crate) fn order(gts: &Gts) -> Order {
    if gts.order != Order::Unknown {
        return gts.order;
    }
    let ticks = &gts.series.points.ticks;
    match ticks.as_slice() {
        [] => Order::Unknown,
        [first, second, ..] if first > second => {
            if ticks.is_sorted_by(|a, b| a >= b) {
                Order::Descending
            } else {
                Order::Unknown
            }
        }
        _ if ticks.is_sorted() => Order::Ascending,
        _ => Order::Unknown,
    }
}

/// Sorts the points by tick. Points of one tick end in the order in which the reference's
/// quicksort leaves them: scripts see it.
pub(crate) fn sort(gts: &mut Gts, reversed: bool) {
    let wanted = if reversed { Order::Descending } else { Order::Ascending };
    match order(gts) {
        Order::Unknown if gts.series.points.is_empty() => (),
        Order::Unknown => {
            let sorted = sorted_by_tick(&gts.series.points.ticks, reversed);
            gts.series.points = gts.series.points.gather(&sorted);
        }
        order if order != wanted => gts.series.points.reverse(),
        _ => (),
    }
    gts.order = wanted;
}

/// The places of ticks in order.
pub(crate) fn sorted_by_tick(ticks: &[i64], reversed: bool) -> Vec<u32> {
    let mut places: Vec<u32> = (0..ticks.len() as u32).collect();
    let key = |place: &u32| ticks[*place as usize];
    if reversed {
        places.sort_unstable_by_key(|p| std::cmp::Reverse(key(p)));
    } else {
        places.sort_unstable_by_key(key);
    }
    let has_equal = places.windows(2).any(|pair| key(&pair[0]) == key(&pair[1]));
    if !has_equal {
        return places;
    }
    quicksort(ticks.len(), |a, b| {
        let order = ticks[a as usize].cmp(&ticks[b as usize]);
        if reversed { order.reverse() } else { order }
    })
}

/// The places `0..count` in order. Equal ones end as a quicksort around the middle leaves them.
pub(crate) fn quicksort(count: usize, compare: impl Fn(u32, u32) -> Ordering) -> Vec<u32> {
    let places = (0..count as u32).collect();
    quicksort_ranges(places, &[(0, count)], compare)
}

/// The same within ranges of places alone.
pub(crate) fn quicksort_ranges(
    mut places: Vec<u32>,
    ranges: &[(usize, usize)],
    compare: impl Fn(u32, u32) -> Ordering,
) -> Vec<u32> {
    let count = places.len() as u64;
    let mut budget = (u64::from(count.checked_ilog2().unwrap_or(0)) + 2) * count * DEPTH_FACTOR;
    let mut rest: Vec<(usize, usize)> = ranges.to_vec();
    while let Some((low, end)) = rest.pop() {
        if end - low < 2 {
            continue;
        }
        let length = (end - low) as u64;
        if budget < length {
            places[low..end].sort_by(|a, b| compare(*a, *b));
            continue;
        }
        budget -= length;
        let (left_end, right_low) = partition(&mut places[low..end], &compare);
        rest.push((low, low + left_end));
        rest.push((low + right_low, end));
    }
    places
}

/// Hoare's partition around the middle: where the lower part ends and the upper part starts.
fn partition(places: &mut [u32], compare: impl Fn(u32, u32) -> Ordering) -> (usize, usize) {
    let pivot = places[(places.len() - 1) / 2];
    let (mut low, mut high) = (0, places.len());
    while low < high {
        while low < places.len() && compare(places[low], pivot) == Ordering::Less {
            low += 1;
        }
        while high > 0 && compare(places[high - 1], pivot) == Ordering::Greater {
            high -= 1;
        }
        if low < high {
            places.swap(low, high - 1);
            low += 1;
            high -= 1;
        }
    }
    (high, low)
}

/// Sorts the points by tick, value, position and elevation.
pub(crate) fn full_sort(gts: &mut Gts, reversed: bool) {
    let wanted = if reversed { Order::Descending } else { Order::Ascending };
    let known = order(gts);
    if known != Order::Unknown && known != wanted {
        gts.series.points.reverse();
    }
    let points = &gts.series.points;
    let ranges = match known {
        Order::Unknown => vec![(0, points.len())],
        _ => equal_runs(&points.ticks),
    };
    if !ranges.is_empty() {
        let places = (0..points.len() as u32).collect();
        let sorted = quicksort_ranges(places, &ranges, |a, b| {
            let order = compare_points(points, a as usize, b as usize);
            if reversed { order.reverse() } else { order }
        });
        gts.series.points = gts.series.points.gather(&sorted);
    }
    gts.order = wanted;
}

/// The runs of several equal ticks.
fn equal_runs(ticks: &[i64]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in ticks.chunk_by(|a, b| a == b) {
        if run.len() > 1 {
            runs.push((start, start + run.len()));
        }
        start += run.len();
    }
    runs
}

/// The order of two points of a series by tick, value, position and elevation; points without
/// position or elevation come first.
fn compare_points(points: &Columns, a: usize, b: usize) -> Ordering {
    let value = || match &points.values {
        Column::Long(v) => v[a].cmp(&v[b]),
        Column::Double(v) => v[a].partial_cmp(&v[b]).unwrap_or(Ordering::Equal),
        Column::Boolean(v) => v[a].cmp(&v[b]),
        Column::String(v) => crate::java::compare_texts(&v[a], &v[b]),
        Column::Empty | Column::Mixed(_) => Ordering::Equal,
    };
    let optional = |column: &[i64], none: i64| match (column.get(a), column.get(b)) {
        (Some(a), Some(b)) => (*a != none, a).cmp(&(*b != none, b)),
        _ => Ordering::Equal,
    };
    points.ticks[a]
        .cmp(&points.ticks[b])
        .then_with(value)
        .then_with(|| optional(&points.locations, NO_LOCATION))
        .then_with(|| optional(&points.elevations, NO_ELEVATION))
}

/// The lowest or highest place of a tick among ordered ones.
pub(crate) fn find_tick(points: &Columns, order: Order, tick: i64, last: bool) -> Option<usize> {
    let ticks = &points.ticks;
    let descending = order == Order::Descending;
    let before = |t: &i64| if descending { *t > tick } else { *t < tick };
    let start = ticks.partition_point(before);
    if ticks.get(start) != Some(&tick) {
        return None;
    }
    Some(match last {
        true => start + ticks[start..].partition_point(|t| *t == tick) - 1,
        false => start,
    })
}

/// The place that Java's `Arrays.binarySearch` finds among ascending ticks: of equal ones, the one
/// that it meets first.
pub(crate) fn binary_search(ticks: &[i64], tick: i64) -> Option<usize> {
    let (mut low, mut end) = (0, ticks.len());
    while low < end {
        let middle = low + (end - 1 - low) / 2;
        match ticks[middle].cmp(&tick) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => end = middle,
            Ordering::Equal => return Some(middle),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorted_ticks_are_sorted(ticks in prop::collection::vec(-5i64..5, 0..60), reversed: bool) {
            let places = sorted_by_tick(&ticks, reversed);
            let mut seen = places.clone();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..ticks.len() as u32).collect::<Vec<_>>());
            let sorted: Vec<i64> = places.iter().map(|p| ticks[*p as usize]).collect();
            let in_order = sorted.is_sorted_by(|a, b| if reversed { a >= b } else { a <= b });
            prop_assert!(in_order);
        }
    }

    #[test]
    fn equal_ticks_end_as_in_the_reference() {
        let places = sorted_by_tick(&[30, 10, 20, 10, 30, 10], false);
        assert_eq!(places, [3, 1, 5, 2, 0, 4]);
    }

    #[test]
    fn the_search_meets_the_middle_first() {
        assert_eq!(binary_search(&[1, 2, 2, 2, 3], 2), Some(2));
        assert_eq!(binary_search(&[1, 2, 3, 3], 3), Some(2));
        assert_eq!(binary_search(&[1], 2), None);
        assert_eq!(binary_search(&[], 2), None);
    }
}
