//! Local regression.

use weft_gts::{Bucket, Column, Columns};

use super::{moments, poly};
use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// The most empty buckets that are filled.
const MISSING_MAX: i64 = 500_000;

/// Points to smooth, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    pub(super) ticks: Vec<i64>,
    pub(super) values: Vec<f64>,
    pub(super) bucket: Option<Bucket>,
}

/// How to smooth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Smoothing {
    /// How many neighbours take part.
    pub(super) neighbours: i32,
    /// How often weights are adapted to the residuals.
    pub(super) robustness: i32,
    /// Within this distance results are interpolated.
    pub(super) delta: i64,
    /// The degree of the polynomials.
    pub(super) degree: i32,
}

/// The distance of two ticks as Java's `Math.abs` gives it.
fn distance(a: i64, b: i64) -> i64 {
    a.wrapping_sub(b).wrapping_abs()
}

/// How one value is estimated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit<'a> {
    pub(super) neighbours: usize,
    pub(super) degree: usize,
    /// How much each point is trusted.
    pub(super) trust: Option<&'a [f64]>,
    /// The start is the last point at or before the tick.
    pub(super) from_end: bool,
}

/// The value at a tick of the polynomial that fits its neighbours best. `start` is the place of
/// the first point at or after the tick, or with `from_end` of the last one at or before it (-1
/// before the first).
pub(super) fn estimate(ticks: &[i64], values: &[f64], start: i64, tick: i64, fit: Fit<'_>) -> f64 {
    let Fit { neighbours, degree, trust, from_end } = fit;
    let count = ticks.len();
    let shift = i64::from(from_end);
    // The neighbours are at the places after `before` and before `after`.
    let (mut after, mut before) = (start + shift, start - 1 + shift);
    for _ in 0..neighbours {
        let at = |place: i64| usize::try_from(place).ok().and_then(|p| ticks.get(p));
        let to_after = at(after).map_or(i64::MAX, |t| distance(*t, tick));
        let to_before = at(before).map_or(i64::MAX, |t| distance(*t, tick));
        if to_after == i64::MAX && to_before == i64::MAX {
            break;
        }
        if to_after < to_before {
            after += 1;
        } else {
            before -= 1;
        }
    }
    let (first, end) = ((before + 1).max(0) as usize, (after.max(0) as usize).min(count));
    let far = |place: usize| ticks.get(place).map_or(0.0, |t| distance(*t, tick) as f64);
    let mut reach = far(first).max(if end == 0 { 0.0 } else { far(end - 1) });
    if neighbours > count {
        reach = reach * neighbours as f64 / count as f64;
    }
    let weight = |place: usize| {
        if reach == 0.0 {
            return 1.0;
        }
        let u = distance(ticks[place], tick) as f64 / reach;
        if u >= 1.0 {
            return 0.0;
        }
        let near = 1.0 - u * u * u;
        let trusted = trust.map_or(1.0, |t| match t.get(place).copied().unwrap_or(0.0) {
            0.0 => 0.000_001,
            trusted => trusted,
        });
        trusted * near * near * near
    };
    let weights: Vec<f64> = (first..end).map(weight).collect();
    let (ticks, values) = (&ticks[first..end], &values[first..end]);
    if degree == 1 {
        let [start, slope] = line(ticks, values, &weights);
        return start + tick as f64 * slope;
    }
    // Around the tick, where the value is the first coefficient and little cancels.
    let scale = if reach == 0.0 { 1.0 } else { reach };
    let x: Vec<f64> = ticks.iter().map(|t| t.wrapping_sub(tick) as f64 / scale).collect();
    poly::fit_weighted(&x, values, &weights, degree + 1)[0]
}

/// The weighted line of least squares.
fn line(ticks: &[i64], values: &[f64], weights: &[f64]) -> [f64; 2] {
    let total: f64 = weights.iter().sum();
    let (mut tick_mean, mut value_mean) = (0.0, 0.0);
    for ((tick, value), weight) in ticks.iter().zip(values).zip(weights) {
        tick_mean += weight * *tick as f64;
        value_mean += weight * value;
    }
    (tick_mean, value_mean) = (tick_mean / total, value_mean / total);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for ((tick, value), weight) in ticks.iter().zip(values).zip(weights) {
        let offset = *tick as f64 - tick_mean;
        covariance += weight * offset * (value - value_mean);
        variance += weight * offset * offset;
    }
    (covariance, variance) = (covariance / total, variance / total);
    let slope = if variance == 0.0 { 0.0 } else { covariance / variance };
    [value_mean - tick_mean * slope, slope]
}

/// Weights from residuals: those far beyond the median count nothing.
pub(super) fn trust_of(residuals: &[f64]) -> Result<Vec<f64>> {
    let limit = 6.0 * moments::median(residuals)?;
    let trust = residuals.iter().map(|residual| {
        let u = residual / limit;
        match limit {
            0.0 => 1.0,
            _ if u >= 1.0 => 0.0,
            _ => (1.0 - u * u) * (1.0 - u * u),
        }
    });
    Ok(trust.collect())
}

impl Curve {
    /// The ticks at which there are results: all buckets, or the ticks themselves.
    fn targets(&self) -> Vec<i64> {
        match self.bucket {
            None => self.ticks.clone(),
            Some(bucket) => (0..bucket.count)
                .rev()
                .map(|back| bucket.last.wrapping_sub(back.wrapping_mul(bucket.span)))
                .collect(),
        }
    }

    fn check(&self, smoothing: Smoothing) -> Result {
        let Smoothing { neighbours, robustness, delta, degree } = smoothing;
        let fault = match () {
            () if neighbours < 1 => "Bandwidth parameter must be greater than 0",
            () if robustness < 0 => "Robustness parameter must be greater or equal to 0",
            () if delta < 0 => "Delta parameter must be greater or equal to 0",
            () if degree < 1 => "Degree of polynomial fit must be greater than 0",
            () if degree > 9 => "Degree of polynomial fit should remain small (lower than 10)",
            () => {
                let missing = self.bucket.map_or(0, |b| b.count) - self.ticks.len() as i64;
                if missing > MISSING_MAX {
                    return Err(Fault::text("More than 500000 missing values"));
                }
                // The reference compares the first tick with -1.
                let mut previous = -1;
                for tick in &self.ticks {
                    if *tick == previous {
                        let message = "Can't be applied on GTS with duplicate ticks";
                        return Err(Fault::text(message));
                    }
                    previous = *tick;
                }
                return Ok(());
            }
        };
        Err(Fault::text(fault))
    }

    /// The smoothed values at [`Curve::targets`], and these.
    pub(super) fn smooth(
        &self,
        vm: &mut Machine,
        smoothing: Smoothing,
        trust: Option<&[f64]>,
    ) -> Result<(Vec<i64>, Vec<f64>)> {
        self.check(smoothing)?;
        let targets = self.targets();
        vm.heap.claim(targets.len().saturating_mul(64))?;
        let neighbours = (smoothing.neighbours as usize).min(targets.len());
        let rounds = smoothing.robustness as usize + 1;
        let steps = targets.len().saturating_mul(neighbours).saturating_mul(rounds);
        vm.charge(steps.saturating_mul(2));
        let mut trust = match trust {
            Some(trust) if trust.len() < neighbours => {
                return Err(Fault::text("in rlowess rho array too small"));
            }
            Some(trust) => Some(trust.to_vec()),
            None if smoothing.robustness > 0 => Some(vec![1.0; self.ticks.len()]),
            None => None,
        };
        let mut smoothed = vec![0.0; targets.len()];
        for round in 0..rounds {
            let mut residuals = vec![0.0; self.ticks.len()];
            let pass = Pass {
                curve: self,
                targets: &targets,
                neighbours,
                smoothing,
                trust: trust.as_deref(),
                smoothed: &mut smoothed,
                residuals: &mut residuals,
            };
            pass.run()?;
            if round + 1 < rounds {
                trust = Some(trust_of(&residuals)?);
            }
        }
        Ok((targets, smoothed))
    }
}

/// One round over all ticks.
struct Pass<'a> {
    curve: &'a Curve,
    targets: &'a [i64],
    neighbours: usize,
    smoothing: Smoothing,
    trust: Option<&'a [f64]>,
    smoothed: &'a mut [f64],
    residuals: &'a mut [f64],
}

impl Pass<'_> {
    /// The place of the first point at or after a tick, at most the last one.
    fn place_of(&self, tick: i64) -> usize {
        let ticks = &self.curve.ticks;
        ticks.partition_point(|t| *t < tick).min(ticks.len().saturating_sub(1))
    }

    fn fit(&mut self, target: usize) {
        let tick = self.targets[target];
        let place = self.place_of(tick);
        let Curve { ticks, values, .. } = self.curve;
        let fit = Fit {
            neighbours: self.neighbours,
            degree: self.smoothing.degree as usize,
            trust: self.trust,
            from_end: false,
        };
        self.smoothed[target] = estimate(ticks, values, place as i64, tick, fit);
        self.note_residual(target);
    }

    fn note_residual(&mut self, target: usize) {
        if let Ok(place) = self.curve.ticks.binary_search(&self.targets[target]) {
            self.residuals[place] = (self.curve.values[place] - self.smoothed[target]).abs();
        }
    }

    /// Fits at ticks that are more than delta from the last one fitted, and at the last one before
    /// such a gap ends; those between are interpolated.
    fn run(mut self) -> Result {
        let delta = self.smoothing.delta;
        let mut last = delta.wrapping_neg().wrapping_sub(1);
        let mut last_target: Option<usize> = None;
        let mut target = 0;
        while target < self.targets.len() {
            let near = |t: i64| t.wrapping_sub(last) <= delta;
            let skips = near(self.targets[target]) && target + 1 < self.targets.len();
            if !skips {
                self.fit(target);
                if delta > 0 {
                    (last, last_target) = (self.targets[target], Some(target));
                }
                target += 1;
                continue;
            }
            if delta == 0 {
                // Ticks before the epoch are beyond the reference.
                return Err(Fault::null());
            }
            let mut end = target;
            while end + 1 < self.targets.len() && near(self.targets[end + 1]) {
                end += 1;
            }
            let anchor = last_target.unwrap_or(0);
            self.fit(end);
            let width = self.targets[end].wrapping_sub(last) as f64;
            for skipped in target..end {
                let alpha = self.targets[skipped].wrapping_sub(last) as f64 / width;
                self.smoothed[skipped] =
                    alpha * self.smoothed[end] + (1.0 - alpha) * self.smoothed[anchor];
                self.note_residual(skipped);
            }
            (last, last_target) = (self.targets[end], Some(end));
            target = end + 1;
        }
        Ok(())
    }
}

/// The points of a numeric series, sorted in place.
pub(super) fn curve_of(vm: &mut Machine, handle: Handle<Gts>) -> Result<(Curve, Columns)> {
    let column = &vm.heap.gts(handle).series.points.values;
    if !matches!(column, Column::Long(_) | Column::Double(_)) {
        return Err(Fault::text("Can only smooth numeric Geo Time Series."));
    }
    points::claim_copy(vm, handle)?;
    let columns = moments::sorted_points(vm, handle)?;
    let values = points::numbers(vm, &columns.values)?;
    let bucket = points::bucket(vm.heap.gts(handle));
    Ok((Curve { ticks: columns.ticks.to_vec(), values, bucket }, columns))
}

fn smooth_series(vm: &mut Machine, handle: Handle<Gts>, smoothing: Smoothing) -> Result<Value> {
    let (curve, columns) = curve_of(vm, handle)?;
    let (ticks, values) = curve.smooth(vm, smoothing, None)?;
    let points = if ticks == curve.ticks {
        Columns { values: Column::Double(values.into()), ..columns }
    } else if columns.locations.is_empty() && columns.elevations.is_empty() {
        let values = Column::Double(values.into());
        Columns { ticks: ticks.into(), values, ..Columns::default() }
    } else {
        return Err(Fault::null());
    };
    let smoothed = points::with_points(vm.heap.gts(handle), points);
    points::new_gts(vm, smoothed)
}

pub(super) fn lowess(vm: &mut Machine) -> Result {
    let neighbours = vm.pop_long("expects a bandwidth (a LONG) on top of the stack.")? as i32;
    let smoothing = Smoothing { neighbours, robustness: 0, delta: 0, degree: 1 };
    points::each_gts(vm, |vm, handle| smooth_series(vm, handle, smoothing))
}

pub(super) fn rlowess(vm: &mut Machine) -> Result {
    let message = "expects a degree (a LONG) for the polynomial fit on top of the stack.";
    let degree = vm.pop_long(message)? as i32;
    let message = "expects a delta radius (a LONG) within which LOWESS is computed only once.";
    let delta = vm.pop_long(message)?;
    let robustness = vm.pop_long("expects a number of robustness iteration (a LONG).")? as i32;
    let neighbours = vm.pop_long("expects a bandwidth (a LONG).")? as i32;
    points::each_gts(vm, |vm, handle| {
        let mut own = delta;
        if delta < 0 {
            // A power of ten below 1 is cut to 0 before it is multiplied.
            let part = 10f64.powf(delta as f64) as i64;
            let gts = vm.heap.gts(handle);
            let span = points::last_tick(gts).wrapping_sub(points::first_tick(gts));
            own = part.wrapping_mul(span);
        }
        let smoothing = Smoothing { neighbours, robustness, delta: own, degree };
        smooth_series(vm, handle, smoothing)
    })
}
