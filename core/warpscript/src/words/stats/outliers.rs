//! Tests for outliers.

use weft_gts::Column;

use super::moments::center;
use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// The significance of a test when none is given.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// The values of a DOUBLE series; fails for others.
pub(super) fn double_values(vm: &Machine, handle: Handle<Gts>) -> Result<Vec<f64>> {
    match &vm.heap.gts(handle).series.points.values {
        Column::Double(values) => Ok(values.to_vec()),
        _ => Err(Fault::text("GTS must be of type Double.")),
    }
}

/// Ticks as a list.
pub(super) fn tick_list(vm: &mut Machine, ticks: Vec<i64>) -> Result<Value> {
    vm.heap.new_list(ticks.into_iter().map(Value::Long).collect())
}

/// A DOUBLE when it is on top, above a value of another type.
pub(super) fn pop_optional_double(vm: &mut Machine) -> Result<Option<f64>> {
    match vm.peek(0)? {
        Value::Double(v) => {
            vm.pop()?;
            Ok(Some(v))
        }
        _ => Ok(None),
    }
}

pub(super) fn threshold_test(vm: &mut Machine) -> Result {
    let threshold = vm.pop_double("expects a threshold (a DOUBLE) on top of the stack.")?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let values = double_values(vm, handle)?;
        let ticks = &vm.heap.gts(handle).series.points.ticks;
        let found = values.iter().zip(ticks.iter()).filter(|(v, _)| **v >= threshold);
        let found = found.map(|(_, t)| *t).collect();
        tick_list(vm, found)
    })
}

pub(super) fn z_score_test(vm: &mut Machine) -> Result {
    let threshold = pop_optional_double(vm)?.unwrap_or(3.5);
    let message = "expects a flag (a BOOLEAN) that indicates wether to use modified z-score below the \
         THRESHOLD level.";
    let by_median = vm.pop_boolean(message)?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let values = double_values(vm, handle)?;
        let (middle, spread) = center(&values, by_median)?;
        let ticks = &vm.heap.gts(handle).series.points.ticks;
        let is_far = |v: f64| spread != 0.0 && ((v - middle) / spread).abs() >= threshold;
        let found = values.iter().zip(ticks.iter()).filter(|(v, _)| is_far(**v));
        let found = found.map(|(_, t)| *t).collect();
        tick_list(vm, found)
    })
}

/// Whether the modified z-score is wanted, below the significance.
fn pop_test(vm: &mut Machine) -> Result<(f64, bool)> {
    let alpha = pop_optional_double(vm)?.unwrap_or(SIGNIFICANCE);
    let message = "expects a flag (a BOOLEAN) that indicates wether to use modified z-score below the \
         significance level.";
    Ok((alpha, vm.pop_boolean(message)?))
}

/// The place of the value that is farthest from the middle, and how far in deviations; `None` when
/// nothing deviates.
fn farthest(values: &[f64], by_median: bool) -> Result<Option<(usize, f64)>> {
    let (middle, spread) = center(values, by_median)?;
    if spread == 0.0 {
        return Ok(None);
    }
    let mut farthest = (0, f64::NEG_INFINITY);
    for (place, value) in values.iter().enumerate() {
        let z = ((value - middle) / spread).abs();
        if z > farthest.1 {
            farthest = (place, z);
        }
    }
    Ok(Some(farthest))
}

pub(super) fn grubbs_test(vm: &mut Machine) -> Result {
    let (alpha, by_median) = pop_test(vm)?;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let values = double_values(vm, handle)?;
        let mut found = Vec::new();
        let n = values.len() as f64;
        if values.len() >= 3
            && let Some((place, z)) = farthest(&values, by_median)?
        {
            let t = t_quantile(alpha / (2.0 * n), n - 2.0)?;
            let limit = (n - 1.0) * t.abs() / (n * (n - 2.0 + t * t)).sqrt();
            if z > limit {
                found.push(vm.heap.gts(handle).series.points.ticks[place]);
            }
        }
        tick_list(vm, found)
    })
}

pub(super) fn esd_test(vm: &mut Machine) -> Result {
    let (alpha, by_median) = pop_test(vm)?;
    let message = "expects an upper bound of the number of outliers (a LONG) below the flag.";
    let most = vm.pop_long(message)? as i32;
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let values = double_values(vm, handle)?;
        let ticks = vm.heap.gts(handle).series.points.ticks.to_vec();
        let found = generalized_esd(vm, values, ticks, most, by_median, alpha)?;
        tick_list(vm, found)
    })
}

/// Takes the farthest value away up to `most` times; the ticks of those that count as outliers.
pub(super) fn generalized_esd(
    vm: &mut Machine,
    mut values: Vec<f64>,
    mut ticks: Vec<i64>,
    most: i32,
    by_median: bool,
    alpha: f64,
) -> Result<Vec<i64>> {
    let mut removed = Vec::new();
    let mut outliers = 0;
    for _ in 0..most {
        if values.len() < 3 {
            break;
        }
        vm.charge(values.len() * 4);
        let Some((place, z)) = farthest(&values, by_median)? else { break };
        let n = values.len() as f64;
        let t = t_quantile(1.0 - alpha / (2.0 * n), n - 2.0)?;
        let limit = (n - 1.0) * t / ((n - 2.0 + t * t) * n).sqrt();
        values.swap_remove(place);
        removed.push(ticks.swap_remove(place));
        if z > limit {
            outliers = removed.len();
        }
    }
    removed.truncate(outliers);
    Ok(removed)
}

/// The quantile of Student's t distribution.
fn t_quantile(p: f64, freedom: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Fault::text(format!("{p} out of [0, 1] range")));
    }
    if p == 0.5 {
        return Ok(0.0);
    }
    if p == 0.0 || p == 1.0 {
        return Ok(if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    // The tail beyond |t| is half of I(ν/(ν+t²); ν/2, 1/2), which grows with its argument.
    let tail = p.min(1.0 - p);
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if 0.5 * incomplete_beta(middle, freedom / 2.0, 0.5) < tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    let x = 0.5 * (low + high);
    let t = (freedom * (1.0 - x) / x).sqrt();
    Ok(if p < 0.5 { -t } else { t })
}

/// The regularised incomplete beta function, by its continued fraction.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_below(1.0 - x, b, a);
    }
    incomplete_beta_below(x, a, b)
}

fn incomplete_beta_below(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b)).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The logarithm of the gamma function, by Stirling's series above 10.
fn ln_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0))))
        / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student() {
        for (p, freedom, expected) in [
            (0.975, 10.0, 2.228_138_851_964_939),
            (0.995, 3.0, 5.840_909_309_733_355),
            (0.05, 1.0, -6.313_751_514_675_04),
            (0.9999, 98.0, 3.858_5),
        ] {
            let t = t_quantile(p, freedom).expect("a probability");
            let tolerance = if expected == 3.858_5 { 2e-2 } else { 1e-9 };
            assert!((t - expected).abs() < tolerance * t.abs(), "{p} {freedom} {t}");
        }
        assert!(t_quantile(1.5, 3.0).is_err());
    }
}
