//! Sums, means, deviations, and series scaled by them.

use num_bigint::{BigInt, Sign};
use weft_gts::{Bucket, Column, Columns, Series};

use crate::decimal::ops;
use crate::error::{Fault, Result};
use crate::heap::{Decimal, Gts};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::manip::sort_by_value;
use crate::words::points::{self, order};

/// A quotient at the scale of the dividend, halves away from zero.
fn divide(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    if b.unscaled.sign() == Sign::NoSign {
        return Err(ops::arithmetic("BigInteger divide by zero"));
    }
    let ten = |places: i32| BigInt::from(10).pow(places.unsigned_abs());
    let (dividend, divisor) = match b.scale {
        scale if scale >= 0 => (&a.unscaled * ten(scale), b.unscaled.clone()),
        scale => (a.unscaled.clone(), &b.unscaled * ten(scale)),
    };
    let quotient = &dividend / &divisor;
    let rest = &dividend - &quotient * &divisor;
    let is_half = (rest.magnitude() * 2u32) >= *divisor.magnitude();
    let negative = (dividend.sign() == Sign::Minus) != (divisor.sign() == Sign::Minus);
    let unscaled = match (is_half, negative) {
        (false, _) => quotient,
        (true, false) => quotient + 1,
        (true, true) => quotient - 1,
    };
    Ok(Decimal { unscaled, scale: a.scale })
}

/// The values of a numeric series, as exact decimals.
fn decimals(vm: &mut Machine, handle: Handle<Gts>, message: &str) -> Result<Vec<Decimal>> {
    let points = vm.heap.gts(handle).series.points.clone();
    vm.charge(points.len() * 16);
    vm.heap.claim(points.len().saturating_mul(64))?;
    match &points.values {
        Column::Long(values) => Ok(values.iter().map(|v| ops::from_long(*v)).collect()),
        Column::Double(values) => values.iter().map(|v| ops::from_double(*v)).collect(),
        _ => Err(vm.error(message)),
    }
}

pub(super) fn mu_sigma(vm: &mut Machine) -> Result {
    let bessel = pop_bessel(vm)?;
    let handle = vm.pop_gts("expects a Geo Time Series instance below the top of the stack.")?;
    if vm.heap.gts(handle).series.points.is_empty() {
        return Err(vm.error("can only compute mu and sigma for non empty series."));
    }
    let message = "can only compute mu and sigma for numerical series.";
    let values = decimals(vm, handle, message)?;
    let n = values.len() as f64;
    let mut sum = ops::from_double(0.0)?;
    let mut squares = sum.clone();
    for value in &values {
        sum = ops::add(&sum, value)?;
        squares = ops::add(&squares, &ops::multiply(value, value)?)?;
    }
    if matches!(vm.heap.gts(handle).series.points.values, Column::Long(_)) {
        // The reference adds longs up as doubles.
        sum = ops::from_double(0.0)?;
        for value in &values {
            sum = ops::add(&sum, &ops::from_double(ops::to_long(value) as f64)?)?;
        }
    }
    let count = ops::from_long(values.len() as i64);
    vm.push(ops::to_double(&divide(&sum, &count)?))?;
    let mean_square = divide(&squares, &count)?;
    let square_mean = divide(&ops::multiply(&sum, &sum)?, &ops::multiply(&count, &count)?)?;
    let mut variance = ops::to_double(&ops::subtract(&mean_square, &square_mean)?);
    if bessel && values.len() > 1 {
        variance *= n / (n - 1.0);
    }
    vm.push(variance.sqrt())
}

fn pop_bessel(vm: &mut Machine) -> Result<bool> {
    vm.pop_boolean(
        "expects a boolean on top of the stack to determine if Bessel's correction should be \
         applied or not.",
    )
}

pub(super) fn n_sum_sum_sq(vm: &mut Machine) -> Result {
    let handle = vm.pop_gts("expects a Geo Time Series instance on top of the stack.")?;
    let values = decimals(vm, handle, "can only compute mu and sigma for numerical series.")?;
    let mut sum = ops::from_double(0.0)?;
    let mut squares = sum.clone();
    for value in &values {
        sum = ops::add(&sum, value)?;
        squares = ops::add(&squares, &ops::multiply(value, value)?)?;
    }
    vm.push(values.len() as i64)?;
    vm.push(ops::to_double(&sum))?;
    vm.push(ops::to_double(&squares))
}

/// LR: the line of least squares, alpha and beta.
pub(super) fn linear_regression(vm: &mut Machine) -> Result {
    let handle = vm.pop_gts("expects a Geo Time Series instance on top of the stack.")?;
    let message = "can only compute simple linear regression parameters for numerical series.";
    let values = decimals(vm, handle, message)?;
    let ticks = vm.heap.gts(handle).series.points.ticks.clone();
    let zero = Decimal { unscaled: BigInt::ZERO, scale: 16 };
    let (mut x, mut y, mut xx, mut xy) = (zero.clone(), zero.clone(), zero.clone(), zero);
    for (tick, value) in ticks.iter().zip(&values) {
        let tick = ops::from_long(*tick);
        x = ops::add(&x, &tick)?;
        y = ops::add(&y, value)?;
        xx = ops::add(&xx, &ops::multiply(&tick, &tick)?)?;
        xy = ops::add(&xy, &ops::multiply(value, &tick)?)?;
    }
    let count = ops::from_double(values.len() as f64)?;
    let mean = |sum: &Decimal| divide(sum, &count);
    let (x, y, xx, xy) = (mean(&x)?, mean(&y)?, mean(&xx)?, mean(&xy)?);
    let rise = ops::subtract(&xy, &ops::multiply(&x, &y)?)?;
    let run = ops::subtract(&xx, &ops::multiply(&x, &x)?)?;
    let beta = divide(&rise, &run)?;
    let alpha = ops::subtract(&y, &ops::multiply(&beta, &x)?)?;
    vm.push(ops::to_double(&alpha))?;
    vm.push(ops::to_double(&beta))
}

/// KURTOSIS and SKEWNESS.
pub(super) fn standardized_moment(vm: &mut Machine) -> Result {
    let (power, name) = if vm.word.name == "KURTOSIS" { (4, "kurtosis") } else { (3, "skewness") };
    let bessel = pop_bessel(vm)?;
    points::each_gts(vm, |vm, handle| {
        let points = vm.heap.gts(handle).series.points.clone();
        vm.charge(points.len());
        if points.is_empty() {
            return Err(vm.error(&format!("can only compute {name} for non empty series.")));
        }
        let squares = match &points.values {
            // Squares of longs wrap, as in the reference.
            Column::Long(v) => v.iter().map(|v| v.wrapping_mul(*v) as f64).sum::<f64>(),
            Column::Double(v) => v.iter().map(|v| v * v).sum(),
            _ => return Err(vm.error(&format!("can only compute {name} for numerical series."))),
        };
        let values = points::numbers(vm, &points.values)?;
        let n = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let mean = sum / n;
        let mut variance = squares / n - (sum * sum) / (n * n);
        if bessel && values.len() > 1 {
            variance = variance * n / (n - 1.0);
        }
        let sd = variance.sqrt();
        let total: f64 = values.iter().map(|v| ((v - mean) / sd).powi(power)).sum();
        Ok(Value::Double(total / n))
    })
}

pub(super) fn mode(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, handle| {
        if vm.heap.gts(handle).series.points.is_empty() {
            return vm.heap.new_list(Vec::new());
        }
        sort_by_value(vm, handle, false)?;
        let column = vm.heap.gts(handle).series.points.values.clone();
        let mut modes: Vec<u32> = Vec::new();
        let (mut start, mut most) = (0, 0);
        for place in 1..=column.len() {
            if place < column.len() && is_same_object(&column, place, place - 1) {
                continue;
            }
            let count = place - start;
            if count > most {
                most = count;
                modes.clear();
            }
            if count == most {
                modes.push(start as u32);
            }
            start = place;
        }
        points::column_list(vm, &column.gather(&modes))
    })
}

/// Whether two values are one object in the reference: booleans, small integers, and texts that
/// were put there once.
fn is_same_object(column: &Column, a: usize, b: usize) -> bool {
    match column {
        Column::Boolean(v) => v[a] == v[b],
        Column::Long(v) => v[a] == v[b] && (-128..128).contains(&v[a]),
        Column::String(v) => std::sync::Arc::ptr_eq(&v[a], &v[b]),
        Column::Empty | Column::Double(_) | Column::Mixed(_) => false,
    }
}

/// A copy of a numeric series with other values; others are copied as they are.
fn scaled(
    vm: &mut Machine,
    handle: Handle<Gts>,
    scale: impl FnOnce(&Column, Vec<f64>) -> Vec<f64>,
) -> Result<Value> {
    points::claim_copy(vm, handle)?;
    let gts = vm.heap.gts(handle);
    let mut copy = points::copy(gts);
    let column = gts.series.points.values.clone();
    if !column.is_empty() && matches!(column, Column::Long(_) | Column::Double(_)) {
        let values = points::numbers(vm, &column)?;
        copy.series.points.values = Column::Double(scale(&column, values).into());
    }
    points::new_gts(vm, copy)
}

/// Smallest and largest value, and their distance as the reference computes it.
fn extent(column: &Column, values: &[f64]) -> (f64, f64, f64) {
    if let Column::Long(longs) = column {
        let min = longs.iter().copied().min().unwrap_or(0);
        let max = longs.iter().copied().max().unwrap_or(0);
        return (min as f64, max as f64, max.wrapping_sub(min) as f64);
    }
    let min = values.iter().copied().filter(|v| !v.is_nan()).fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().filter(|v| !v.is_nan()).fold(f64::NEG_INFINITY, f64::max);
    (min, max, max - min)
}

pub(super) fn normalize(vm: &mut Machine) -> Result {
    let around_mean = vm.word.name == "ISONORMALIZE";
    points::each_gts(vm, |vm, handle| {
        scaled(vm, handle, |column, values| {
            let (min, max, range) = extent(column, &values);
            if min == max && (range == 0.0 || min.is_infinite()) {
                return vec![1.0; values.len()];
            }
            if around_mean {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                return values.iter().map(|v| (v - mean) / range).collect();
            }
            match column {
                Column::Long(longs) => {
                    let min = longs.iter().copied().min().unwrap_or(0);
                    longs.iter().map(|v| v.wrapping_sub(min) as f64 / range).collect()
                }
                _ => values.iter().map(|v| (v - min) / range).collect(),
            }
        })
    })
}

/// Values with mean 0 and deviation 1.
pub(super) fn standardized(values: &[f64]) -> Vec<f64> {
    let (mean, sd) = mean_and_deviation(values);
    values.iter().map(|v| if sd == 0.0 { v - mean } else { (v - mean) / sd }).collect()
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|v| v * v).sum();
    let mut variance = squares / n - (sum * sum) / (n * n);
    if values.len() > 1 {
        variance = variance * n / (n - 1.0);
    }
    (sum / n, variance.sqrt())
}

pub(super) fn standardize(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, handle| scaled(vm, handle, |_, values| standardized(&values)))
}

/// CORRELATE: the correlation with other series at offsets.
pub(super) fn correlate(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list of offsets on the top of the stack.")?;
    let mut offsets = Vec::new();
    for offset in vm.heap.list(list) {
        offsets.push(points::integer(vm, *offset).ok_or_else(super::not_a_number)?);
    }
    let message = "can only operate on Geo Time Series instances.";
    let others = match vm.pop()? {
        Value::Gts(handle) => vec![handle],
        value => points::gts_list(vm, value, message)?,
    };
    let message = "expects a Geo Time Series two levels below the top of the stack.";
    let first = vm.pop_gts(message)?;
    let bucket = filled_bucket(vm, first)?;
    for handle in &others {
        if filled_bucket(vm, *handle)?.span != bucket.span {
            return Err(
                vm.error("operates on bucketized Geo Time Series with all the same bucketspan.")
            );
        }
    }
    if offsets.iter().any(|o| o.wrapping_rem(bucket.span) != 0) {
        let message =
            format!("expects offsets to be multiples of the bucketspan ({}).", bucket.span);
        return Err(vm.error(&message));
    }
    points::sort_in_place(vm, first, false)?;
    let points = vm.heap.gts(first).series.points.clone();
    let mut results = Vec::with_capacity(others.len());
    for handle in others {
        if !offsets.is_empty() {
            points::sort_in_place(vm, handle, false)?;
        }
        let Series { metadata, points: other, .. } = &vm.heap.gts(handle).series;
        let mut gts = Gts::new(Series { metadata: metadata.clone(), ..Series::default() });
        let other = other.clone();
        vm.charge(offsets.len().saturating_mul(points.len() + other.len()));
        for offset in &offsets {
            let value = correlation(vm, &points, &other, *offset)?;
            points::append(
                &mut gts,
                *offset,
                weft_gts::NO_LOCATION,
                weft_gts::NO_ELEVATION,
                weft_gts::Value::Double(value),
            );
        }
        results.push(points::new_gts(vm, gts)?);
    }
    vm.push_list(results)
}

/// The buckets of a series that has a number in each.
fn filled_bucket(vm: &Machine, handle: Handle<Gts>) -> Result<Bucket> {
    let gts = vm.heap.gts(handle);
    let points = &gts.series.points;
    let bucket = points::bucket(gts).filter(|bucket| {
        bucket.count == points.len() as i64
            && matches!(points.values, Column::Long(_) | Column::Double(_))
    });
    bucket.ok_or_else(|| vm.error("operates on bucketized, filled numeric Geo Time Series."))
}

fn correlation(vm: &Machine, a: &Columns, b: &Columns, offset: i64) -> Result<f64> {
    let (mut from_a, mut from_b) = (0, 0);
    while from_a < a.len() && from_b < b.len() {
        let (tick_a, tick_b) = (a.ticks[from_a].wrapping_add(offset), b.ticks[from_b]);
        match tick_a.cmp(&tick_b) {
            std::cmp::Ordering::Less => from_a += 1,
            std::cmp::Ordering::Greater => from_b += 1,
            std::cmp::Ordering::Equal => break,
        }
    }
    if from_a == a.len() || from_b == b.len() {
        return Ok(0.0);
    }
    let end = a.ticks[a.len() - 1].min(b.ticks[b.len() - 1].wrapping_sub(offset));
    let to_a = a.ticks.partition_point(|t| *t <= end).max(from_a);
    let to_b = b.ticks.partition_point(|t| *t <= end.wrapping_add(offset)).max(from_b);
    let a = standardized(&points::numbers(vm, &a.values.slice(from_a..to_a))?);
    let b = standardized(&points::numbers(vm, &b.values.slice(from_b..to_b))?);
    let sum: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    Ok(match a.len().min(b.len()) {
        0 => 0.0,
        1 => sum,
        count => sum / (count - 1) as f64,
    })
}

/// Mean or median, and the deviation from it that goes with it.
pub(super) fn center(values: &[f64], by_median: bool) -> Result<(f64, f64)> {
    let deviation = || {
        let n = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let squares: f64 = values.iter().map(|v| v * v).sum();
        let mut variance = squares / n - sum * sum / (n * n);
        if values.len() > 1 {
            variance = variance * n / (n - 1.0);
        }
        (sum / n, variance.sqrt())
    };
    if !by_median {
        return Ok(deviation());
    }
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    let spread = median(&distances)?;
    Ok((middle, if spread == 0.0 { deviation().1 } else { spread / 0.6745 }))
}

/// The median; of an even number the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| crate::java::compare_doubles(*a, *b));
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => Err(Fault::bounds()),
        n if n.is_multiple_of(2) => Ok((sorted[half] + sorted[half - 1]) / 2.0),
        _ => Ok(sorted[half]),
    }
}

pub(super) fn z_score(vm: &mut Machine) -> Result {
    let by_median = vm.pop_boolean(
        "expects a flag (a BOOLEAN) on top of the stack indicating whether to normalize by the \
         mean (F), or by the median (T).",
    )?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let values = super::double_values(vm, handle)?;
        let (middle, spread) = center(&values, by_median)?;
        if spread == 0.0 {
            let what = if by_median { "Median Absolute" } else { "Standard" };
            return Err(Fault::text(format!("{what} Deviation is null")));
        }
        let mut copy = points::copy(vm.heap.gts(handle));
        let scores: Vec<f64> = values.iter().map(|v| (v - middle) / spread).collect();
        copy.series.points.values = Column::Double(scores.into());
        points::new_gts(vm, copy)
    })
}

/// Orders a series of values by tick for words that only read it.
pub(super) fn sorted_points(vm: &mut Machine, handle: Handle<Gts>) -> Result<Columns> {
    points::sort_in_place(vm, handle, false)?;
    let gts = vm.heap.gts(handle);
    debug_assert!(gts.series.points.is_empty() || order::order(gts) != crate::heap::Order::Unknown);
    Ok(gts.series.points.clone())
}
