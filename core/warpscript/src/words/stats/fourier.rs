//! Discrete Fourier transforms of any length.

use std::f64::consts::PI;

use weft_gts::{Column, Columns, Metadata, Series};

use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// Factors up to this are transformed as they are, larger ones by convolution.
const FACTOR_MAX: usize = 64;

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    /// `e^(-2πi·k/n)`, exact on the axes.
    fn root(k: usize, n: usize) -> Self {
        let k = k % n;
        if k == 0 {
            return Self { re: 1.0, im: 0.0 };
        }
        if k * 2 == n {
            return Self { re: -1.0, im: 0.0 };
        }
        if k * 4 == n {
            return Self { re: 0.0, im: -1.0 };
        }
        if k * 4 == n * 3 {
            return Self { re: 0.0, im: 1.0 };
        }
        let angle = -2.0 * PI * k as f64 / n as f64;
        Self { re: angle.cos(), im: angle.sin() }
    }

    fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }
}

/// The forward transform.
fn transform(values: Vec<Complex>) -> Vec<Complex> {
    let n = values.len();
    if n < 2 {
        return values;
    }
    match smallest_factor(n) {
        Some(factor) if factor < n => mixed(&values, factor),
        Some(_) => plain(&values),
        None => by_convolution(&values),
    }
}

/// The smallest prime factor, if it is small.
fn smallest_factor(n: usize) -> Option<usize> {
    if n.is_multiple_of(4) && n > 4 {
        return Some(4);
    }
    (2..=FACTOR_MAX.min(n)).find(|f| n.is_multiple_of(*f))
}

/// One transform of each residue class modulo `factor`, put together. Depth is the logarithm of
/// the length.
fn mixed(values: &[Complex], factor: usize) -> Vec<Complex> {
    let n = values.len();
    let part_length = n / factor;
    let parts: Vec<Vec<Complex>> = (0..factor)
        .map(|r| transform(values.iter().skip(r).step_by(factor).copied().collect()))
        .collect();
    let roots: Vec<Complex> = (0..n).map(|k| Complex::root(k, n)).collect();
    (0..n)
        .map(|k| {
            let terms = parts.iter().enumerate().map(|(r, part)| {
                let value = part[k % part_length];
                if r == 0 { value } else { value.times(roots[r * k % n]) }
            });
            terms.fold(Complex::default(), Complex::plus)
        })
        .collect()
}

fn plain(values: &[Complex]) -> Vec<Complex> {
    let n = values.len();
    let roots: Vec<Complex> = (0..n).map(|k| Complex::root(k, n)).collect();
    let sum = |k: usize| {
        let terms = values.iter().enumerate().map(|(j, v)| v.times(roots[j * k % n]));
        terms.fold(Complex::default(), Complex::plus)
    };
    (0..n).map(sum).collect()
}

/// Bluestein's algorithm: a transform of any length by ones of a power of two.
fn by_convolution(values: &[Complex]) -> Vec<Complex> {
    let n = values.len();
    let length = (2 * n - 1).next_power_of_two();
    // e^(-πi·k²/n), the square taken modulo 2n to keep the angle small.
    let chirp: Vec<Complex> = (0..n)
        .map(|k| Complex::root((k as u128 * k as u128 % (2 * n) as u128) as usize, 2 * n))
        .collect();
    let mut a = vec![Complex::default(); length];
    let mut b = vec![Complex::default(); length];
    for k in 0..n {
        a[k] = values[k].times(chirp[k]);
        b[k] = chirp[k].conjugate();
        if k > 0 {
            b[length - k] = b[k];
        }
    }
    let product: Vec<Complex> =
        transform(a).into_iter().zip(transform(b)).map(|(a, b)| a.times(b)).collect();
    let convolved = inverse(product);
    (0..n).map(|k| convolved[k].times(chirp[k])).collect()
}

/// The inverse transform, divided by the length.
fn inverse(values: Vec<Complex>) -> Vec<Complex> {
    let n = values.len() as f64;
    let swapped = values.into_iter().map(Complex::conjugate).collect();
    let scale = |v: Complex| Complex { re: v.re / n, im: -v.im / n };
    transform(swapped).into_iter().map(scale).collect()
}

/// Pays for a transform.
fn charge(vm: &mut Machine, count: usize) -> Result {
    let levels = count.checked_ilog2().unwrap_or(0) as usize + 1;
    vm.charge(count.saturating_mul(levels).saturating_mul(2));
    vm.heap.claim(count.saturating_mul(256))
}

/// FFT and FFTAP.
pub(super) fn fft(vm: &mut Machine) -> Result {
    let as_polar = vm.word.name == "FFTAP";
    points::each_gts(vm, |vm, handle| {
        let gts = vm.heap.gts(handle);
        if !matches!(gts.series.points.values, Column::Long(_) | Column::Double(_)) {
            return Err(Fault::text("FFT can only be applied to numeric Geo Time Series."));
        }
        let Some(bucket) = points::bucket(gts) else {
            return Err(Fault::text("FFT can only be applied to bucketized Geo Time Series."));
        };
        let points = super::moments::sorted_points(vm, handle)?;
        check_ticks(&points.ticks, bucket)?;
        charge(vm, points.len())?;
        let values = points::numbers(vm, &points.values)?;
        let count = values.len();
        let result = transform(values.iter().map(|re| Complex { re: *re, im: 0.0 }).collect());
        let (first, second) = result
            .iter()
            .map(|v| match as_polar {
                true => ((v.re * v.re + v.im * v.im).sqrt(), v.im.atan2(v.re)),
                false => (v.re, v.im),
            })
            .unzip();
        let first = spectrum(vm, handle, first)?;
        let second = spectrum(vm, handle, second)?;
        let per_second = vm.config.time_unit.per_second() as f64;
        let width = (count as i64).wrapping_mul(bucket.span) as f64;
        vm.heap.new_list(vec![first, second, Value::Double(per_second / width)])
    })
}

/// Every bucket from the first to the last must hold one point.
fn check_ticks(ticks: &[i64], bucket: weft_gts::Bucket) -> Result {
    let phase = bucket.last.wrapping_rem(bucket.span);
    if ticks.iter().any(|t| t.wrapping_rem(bucket.span) != phase) {
        return Err(Fault::text("Found a tick not on a bucket boundary."));
    }
    for pair in ticks.windows(2) {
        if pair[0] == pair[1] {
            return Err(Fault::text("Found duplicate tick."));
        }
        if pair[1].wrapping_sub(pair[0]) != bucket.span {
            let message =
                "Found a displaced tick, should have been 'bucketspan' away from previous.";
            return Err(Fault::text(message));
        }
    }
    Ok(())
}

/// A series with ticks 0, 1, … under the name and labels of another.
fn spectrum(vm: &mut Machine, handle: Handle<Gts>, values: Vec<f64>) -> Result<Value> {
    let Metadata { name, labels, .. } = &vm.heap.gts(handle).series.metadata;
    let metadata = Metadata { name: name.clone(), labels: labels.clone(), ..Metadata::default() };
    let points = match values.is_empty() {
        true => Columns::default(),
        false => Columns {
            ticks: (0..values.len() as i64).collect::<Vec<_>>().into(),
            values: Column::Double(values.into()),
            ..Columns::default()
        },
    };
    vm.heap.new_gts(Series { metadata, points, ..Series::default() })
}

pub(super) fn ifft(vm: &mut Machine) -> Result {
    let im = vm.pop_gts("expects a Geo Time Series of imaginary parts on top of the stack.")?;
    let re =
        vm.pop_gts("expects a Geo Time Series of real parts below the imaginary parts GTS.")?;
    let is_double =
        |h: Handle<Gts>| matches!(vm.heap.gts(h).series.points.values, Column::Double(_));
    if !is_double(re) || !is_double(im) {
        return Err(vm.error("real and imaginary parts GTS MUST be of type DOUBLE."));
    }
    let (real, imaginary) =
        (super::moments::sorted_points(vm, re)?, super::moments::sorted_points(vm, im)?);
    if real.len() != imaginary.len() {
        return Err(Fault::text(
            "Real and imaginary Geo Time Series MUST have the same number of values.",
        ));
    }
    charge(vm, real.len())?;
    let (a, b) = (points::numbers(vm, &real.values)?, points::numbers(vm, &imaginary.values)?);
    let values = a.into_iter().zip(b).map(|(re, im)| Complex { re, im }).collect();
    let result = inverse(values).into_iter().map(|v| v.re).collect();
    let result = spectrum(vm, re, result)?;
    vm.push(result)
}

pub(super) fn fft_window(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a STRING algorithm name.")?.to_lowercase();
    points::each_gts(vm, |vm, handle| {
        points::claim_copy(vm, handle)?;
        let points = super::moments::sorted_points(vm, handle)?;
        let (Column::Long(_) | Column::Double(_)) = points.values else {
            return Err(vm.error("expects numeric Geo Time Series."));
        };
        let count = points.len() as f64;
        let mut values = points::numbers(vm, &points.values)?;
        for (place, value) in values.iter_mut().enumerate() {
            let Some(factor) = window(&name, place as f64, count) else {
                let message = format!("given an unknown windowing function '{name}'.");
                return Err(vm.error(&message));
            };
            *value *= factor;
        }
        let bucket = vm.heap.gts(handle).series.bucket;
        let points = match values.is_empty() {
            true => Columns::default(),
            false => Columns { values: Column::Double(values.into()), ..points },
        };
        vm.heap.new_gts(Series { bucket, points, ..Series::default() })
    })
}

/// The factor of a window function at place `n` of `count`.
fn window(name: &str, n: f64, count: f64) -> Option<f64> {
    let cosines = |factors: &[f64]| {
        let terms = factors.iter().enumerate().map(|(k, factor)| match k {
            0 => *factor,
            k => factor * (2.0 * k as f64 * PI * n / (count - 1.0)).cos(),
        });
        terms.sum::<f64>()
    };
    Some(match name {
        "blackman" => cosines(&[0.42, -0.5, 0.08]),
        "blackman-harris" => cosines(&[0.35875, -0.48829, 0.14128, -0.01168]),
        "blackman-nuttall" => cosines(&[0.363_581_9, -0.489_177_5, 0.136_599_5, -0.010_641_1]),
        "flattop" => cosines(&[1.0, -1.93, 1.29, -0.388, 0.028]),
        "hamming" => cosines(&[0.54, -0.46]),
        "hann" => {
            let sine = (PI * n / (count - 1.0)).sin();
            sine * sine
        }
        "nuttall" => cosines(&[0.355_768, -0.487_396, 0.144_232, -0.012_604]),
        "parzen" if n <= count / 4.0 => {
            let part = n / (count / 2.0);
            1.0 - 6.0 * part.powi(2) * (1.0 - part)
        }
        "parzen" => 2.0 * (1.0 - n / (count / 2.0)).powi(3),
        "rectangular" => 1.0,
        "sine" => (PI * n / (count - 1.0)).sin(),
        "triangular" => 1.0 - ((n - (count - 1.0) / 2.0) / (count / 2.0)).abs(),
        "welch" => (n - (count - 1.0) / 2.0) / ((count - 1.0) / 2.0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn transforms_of_any_length_agree(values in prop::collection::vec(-1e3..1e3, 1..150)) {
            let values: Vec<Complex> = values.into_iter().map(|re| Complex { re, im: 0.0 }).collect();
            let expected = plain(&values);
            for result in [transform(values.clone()), by_convolution(&values)] {
                for (a, b) in result.iter().zip(&expected) {
                    prop_assert!((a.re - b.re).abs() < 1e-7 && (a.im - b.im).abs() < 1e-7);
                }
            }
            for (a, b) in inverse(transform(values.clone())).iter().zip(&values) {
                prop_assert!((a.re - b.re).abs() < 1e-9 && (a.im - b.im).abs() < 1e-9);
            }
        }
    }
}
