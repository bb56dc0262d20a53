//! Many windows of one series at once.
//!
//! Sums of doubles are made window by window in order: the results are the same bits as those of
//! the code for one window. Sums of longs come from running sums.

use std::sync::Arc;

use weft_gts::{Column, Columns};

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
