//! Many windows of one series at once.
//!
//! Sums of doubles are made window by window in order: the results are the same bits as those of
//! the code for one window. Sums of longs come from running sums.

use std::cmp::Ordering;
use std::sync::Arc;

use weft_gts::{Column, Columns};

use crate::java::compare_doubles;

/// Whether points have neither position nor elevation: nothing but values is to be made.
fn bare(points: &Columns) -> bool {
    points.locations.is_empty() && points.elevations.is_empty()
}

fn columns(values: Column) -> Columns {
    Columns { values, ..Columns::default() }
}

/// The sums of longs, wrapping.
fn long_sums<'a>(
    values: &'a [i64],
    ranges: &'a [(usize, usize)],
) -> impl Iterator<Item = (i64, usize)> + 'a {
    let (mut first, mut end, mut sum) = (0, 0, 0i64);
    ranges.iter().map(move |&(low, high)| {
        if low >= end || low < first || high < end {
            sum = values[low..high].iter().fold(0, |s, v| s.wrapping_add(*v));
        } else {
            sum = values[first..low].iter().fold(sum, |s, v| s.wrapping_sub(*v));
            sum = values[end..high].iter().fold(sum, |s, v| s.wrapping_add(*v));
        }
        (first, end) = (low, high);
        (sum, high - low)
    })
}

/// The sum of doubles, from the first to the last.
#[inline]
fn double_sum(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else {
        return 0.0;
    };
    rest.iter().fold(*first, |sum, v| sum + v)
}

pub(super) fn mean(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    if !bare(points) {
        return None;
    }
    let means = match &points.values {
        Column::Long(v) => long_sums(v, ranges).map(|(s, n)| s as f64 / n as f64).collect(),
        Column::Double(v) => {
            ranges.iter().map(|&(a, b)| double_sum(&v[a..b]) / (b - a) as f64).collect()
        }
        _ => return None,
    };
    Some(columns(Column::Double(Arc::new(means))))
}

pub(super) fn sum(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    if !bare(points) {
        return None;
    }
    Some(columns(match &points.values {
        Column::Long(v) => Column::Long(Arc::new(long_sums(v, ranges).map(|(s, _)| s).collect())),
        Column::Double(v) => {
            Column::Double(Arc::new(ranges.iter().map(|&(a, b)| double_sum(&v[a..b])).collect()))
        }
        _ => return None,
    }))
}

pub(super) fn count(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    if !bare(points) {
        return None;
    }
    let counts = ranges.iter().map(|&(a, b)| (b - a) as i64).collect();
    Some(columns(Column::Long(Arc::new(counts))))
}

/// The points at indices, without their ticks.
fn points_at(points: &Columns, places: &[u32]) -> Columns {
    let mut picked = points.gather(places);
    picked.ticks = Arc::default();
    picked
}

pub(super) fn first(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    let places: Vec<u32> = ranges.iter().map(|r| r.0 as u32).collect();
    Some(points_at(points, &places))
}

pub(super) fn last(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    let ticks = &points.ticks;
    let first_of_last = |&(first, end): &(usize, usize)| {
        let mut place = end - 1;
        // Of points at one tick the first.
        while place > first && ticks[place - 1] == ticks[place] {
            place -= 1;
        }
        place as u32
    };
    let places: Vec<u32> = ranges.iter().map(first_of_last).collect();
    Some(points_at(points, &places))
}

/// Where in each window the first value stands that no other one beats.
fn best<T: Copy>(
    values: &[T],
    ranges: &[(usize, usize)],
    beats: impl Fn(T, T) -> bool,
) -> Vec<u32> {
    let place = |&(first, end): &(usize, usize)| {
        let mut best = first;
        for index in first + 1..end {
            if beats(values[index], values[best]) {
                best = index;
            }
        }
        best as u32
    };
    ranges.iter().map(place).collect()
}

/// The least or greatest numbers.
pub(super) fn extreme<const GREATEST: bool>(
    points: &Columns,
    ranges: &[(usize, usize)],
) -> Option<Columns> {
    let wanted = if GREATEST { Ordering::Greater } else { Ordering::Less };
    let places = match &points.values {
        Column::Long(v) => best(v, ranges, |a, b| a.cmp(&b) == wanted),
        Column::Double(v) => best(v, ranges, |a, b| compare_doubles(a, b) == wanted),
        _ => return None,
    };
    Some(points_at(points, &places))
}
