//! Many windows of one series at once.
//!
//! Sums of doubles are made window by window in order: the results are the same bits as those of
//! the code for one window. Sums of longs come from running sums, extremes from a queue of
//! candidates.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use weft_gts::{Column, Columns};

use crate::function::Bulk;
use crate::java::compare_doubles;

pub(super) const MEAN: Bulk = Bulk { run: mean, is_sliding: is_long };
pub(super) const SUM: Bulk = Bulk { run: sum, is_sliding: is_long };
pub(super) const COUNT: Bulk = Bulk { run: count, is_sliding: |_| true };
pub(super) const FIRST: Bulk = Bulk { run: first, is_sliding: |_| true };
pub(super) const LAST: Bulk = Bulk { run: last, is_sliding: |_| true };
pub(super) const MIN: Bulk = Bulk { run: extreme::<false>, is_sliding: |_| true };
pub(super) const MAX: Bulk = Bulk { run: extreme::<true>, is_sliding: |_| true };

const fn is_long(points: &Columns) -> bool {
    matches!(points.values, Column::Long(_))
}

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

/// The sums of doubles. Windows that follow each other point by point are added up side by side,
/// each in its order.
fn double_sums(values: &[f64], ranges: &[(usize, usize)]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(ranges.len());
    let mut rest = ranges;
    while let Some(&(first, end)) = rest.first() {
        let width = end - first;
        let alike = |&(at, range): &(usize, &(usize, usize))| *range == (first + at, end + at);
        let count = rest.iter().enumerate().take(BLOCK).take_while(alike).count();
        if count < 8 {
            sums.push(double_sum(&values[first..end]));
            rest = &rest[1..];
            continue;
        }
        let mut block = [0.0; BLOCK];
        let block = &mut block[..count];
        block.copy_from_slice(&values[first..first + count]);
        for offset in 1..width {
            let column = &values[first + offset..first + offset + count];
            for (sum, v) in block.iter_mut().zip(column) {
                *sum += v;
            }
        }
        sums.extend_from_slice(block);
        rest = &rest[count..];
    }
    sums
}

/// How many windows are added up side by side.
const BLOCK: usize = 256;

fn mean(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    if !bare(points) {
        return None;
    }
    let means = match &points.values {
        Column::Long(v) => long_sums(v, ranges).map(|(s, n)| s as f64 / n as f64).collect(),
        Column::Double(v) => {
            let sums = double_sums(v, ranges).into_iter().zip(ranges);
            sums.map(|(sum, (a, b))| sum / (b - a) as f64).collect()
        }
        _ => return None,
    };
    Some(columns(Column::Double(Arc::new(means))))
}

fn sum(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    if !bare(points) {
        return None;
    }
    Some(columns(match &points.values {
        Column::Long(v) => Column::Long(Arc::new(long_sums(v, ranges).map(|(s, _)| s).collect())),
        Column::Double(v) => Column::Double(Arc::new(double_sums(v, ranges))),
        _ => return None,
    }))
}

fn count(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
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

fn first(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    let places: Vec<u32> = ranges.iter().map(|r| r.0 as u32).collect();
    Some(points_at(points, &places))
}

fn last(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
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
    // Candidates of the window, the best one in front: none is beaten by one behind it.
    let mut queue: VecDeque<usize> = VecDeque::new();
    let (mut from, mut to) = (0, 0);
    let place = |&(first, end): &(usize, usize)| {
        if first < from || end < to || first >= to {
            queue.clear();
            to = first;
        }
        for index in to..end {
            while queue.back().is_some_and(|last| beats(values[index], values[*last])) {
                queue.pop_back();
            }
            queue.push_back(index);
        }
        while queue.front().is_some_and(|best| *best < first) {
            queue.pop_front();
        }
        (from, to) = (first, end);
        queue.front().copied().unwrap_or(first) as u32
    };
    ranges.iter().map(place).collect()
}

/// The least or greatest numbers.
fn extreme<const GREATEST: bool>(points: &Columns, ranges: &[(usize, usize)]) -> Option<Columns> {
    let wanted = if GREATEST { Ordering::Greater } else { Ordering::Less };
    let places = match &points.values {
        Column::Long(v) => best(v, ranges, |a, b| a.cmp(&b) == wanted),
        Column::Double(v) => best(v, ranges, |a, b| compare_doubles(a, b) == wanted),
        _ => return None,
    };
    Some(points_at(points, &places))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(values: &[i64]) -> Columns {
        Columns {
            ticks: Arc::new((0..values.len() as i64).collect()),
            values: Column::Double(Arc::new(values.iter().map(|v| *v as f64 / 3.0).collect())),
            ..Columns::default()
        }
    }

    proptest! {
        #[test]
        fn many_windows_are_as_one(
            values in prop::collection::vec(-9i64..9, 1..400),
            cuts in prop::collection::vec((0usize..400, 1usize..40), 1..50),
            slide in 1usize..20,
        ) {
            let count = values.len();
            let clamp = |(a, w): (usize, usize)| {
                let first = a.min(count - 1);
                (first, (first + w).min(count))
            };
            let any: Vec<_> = cuts.into_iter().map(clamp).collect();
            let sliding: Vec<_> = (0..count).map(|i| clamp((i, slide))).collect();
            for ranges in [any, sliding] {
                let points = points(&values);
                let Column::Double(doubles) = &points.values else { return Ok(()) };
                let sums = double_sums(doubles, &ranges);
                let longs: Vec<_> = long_sums(&values, &ranges).collect();
                let most = best(doubles, &ranges, |a, b| a > b);
                for (at, (a, b)) in ranges.iter().copied().enumerate() {
                    prop_assert_eq!(sums[at].to_bits(), double_sum(&doubles[a..b]).to_bits());
                    prop_assert_eq!(longs[at], (values[a..b].iter().sum(), b - a));
                    let max = values[a..b].iter().max();
                    let expected = a + values[a..b].iter().position(|v| Some(v) == max).unwrap();
                    prop_assert_eq!(most[at] as usize, expected);
                }
            }
        }
    }
}
