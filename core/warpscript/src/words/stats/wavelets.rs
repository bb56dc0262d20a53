//! Discrete wavelet transforms.

use weft_gts::{Column, Columns};

use crate::error::Result;
use crate::machine::Machine;
use crate::words::points;

/// The scaling filter of each orthogonal wavelet, and the two of biorthogonal ones: `rbio` is the
/// filter that `bior` is put together with, and the other way round.
const FILTERS: &str = include_str!("wavelets.txt");

/// The scaling filters for taking apart and for putting together. The wavelet filters are their
/// mirrors.
struct Wavelet {
    split: Vec<f64>,
    join: Vec<f64>,
}

impl Wavelet {
    fn find(name: &str) -> Option<Self> {
        let name = if matches!(name, "db1" | "bior1.1" | "rbio1.1") { "haar" } else { name };
        let dual = match (name.strip_prefix("bior"), name.strip_prefix("rbio")) {
            (Some(order), _) => format!("rbio{order}"),
            (_, Some(order)) => format!("bior{order}"),
            _ => name.to_owned(),
        };
        Some(Self { split: filter(name)?, join: filter(&dual)? })
    }

    /// The filters `(scaling, wavelet)` of an analysis, or of a synthesis with the two swapped.
    fn filters(scaling: &[f64], other: &[f64]) -> Vec<(f64, f64)> {
        let mirrored = other.iter().rev().enumerate();
        let mirrored = mirrored.map(|(i, v)| if i.is_multiple_of(2) { *v } else { -v });
        scaling.iter().copied().zip(mirrored).collect()
    }

    /// All levels, the finest first. The length is a power of two.
    fn forward(&self, values: &mut [f64]) {
        let filters = Self::filters(&self.split, &self.join);
        let mut length = values.len();
        let mut output = vec![0.0; length];
        while length >= 2 {
            output[..length].fill(0.0);
            let half = length / 2;
            for i in 0..half {
                for (j, (scaling, wavelet)) in filters.iter().enumerate() {
                    let value = values[(i * 2 + j) % length];
                    output[i] += value * scaling;
                    output[i + half] += value * wavelet;
                }
            }
            values[..length].copy_from_slice(&output[..length]);
            length = half;
        }
    }

    /// All levels back, the coarsest first.
    fn backward(&self, values: &mut [f64]) {
        let filters = Self::filters(&self.join, &self.split);
        let mut output = vec![0.0; values.len()];
        let mut length = 2;
        while length <= values.len() {
            output[..length].fill(0.0);
            let half = length / 2;
            for i in 0..half {
                for (j, (scaling, wavelet)) in filters.iter().enumerate() {
                    output[(i * 2 + j) % length] +=
                        values[i] * scaling + values[i + half] * wavelet;
                }
            }
            values[..length].copy_from_slice(&output[..length]);
            length *= 2;
        }
    }
}

/// Reads a filter: a line that starts with a blank goes on with the one before.
fn filter(name: &str) -> Option<Vec<f64>> {
    let mut words = FILTERS.split_ascii_whitespace().skip_while(|word| *word != name);
    words.next()?;
    Some(words.map_while(|word| word.parse().ok()).collect())
}

/// Whether a transform of this many points is possible.
fn check_length(vm: &Machine, points: &Columns) -> Result {
    if points.len().is_power_of_two() {
        return Ok(());
    }
    Err(vm.error("can only operate on Geo Time Series whose length is a power of 2."))
}

/// FDWT and IDWT.
pub(super) fn transform(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a wavelet name on top of the stack.")?;
    let Some(wavelet) = Wavelet::find(&name) else {
        return Err(vm.error(&format!("could not find wavelet '{name}'.")));
    };
    let is_forward = vm.word.name == "FDWT";
    points::each_gts(vm, |vm, handle| {
        let points = &vm.heap.gts(handle).series.points;
        let is_numeric = match points.values {
            Column::Double(_) => true,
            Column::Long(_) => is_forward,
            _ => false,
        };
        if !is_numeric {
            return Err(vm.error("can only be applied to numeric Geo Time Series."));
        }
        check_length(vm, points)?;
        vm.charge(points.len().saturating_mul(wavelet.split.len() * 4));
        points::claim_copy(vm, handle)?;
        if is_forward {
            points::sort_in_place(vm, handle, false)?;
        }
        let mut points = vm.heap.gts(handle).series.points.clone();
        let mut values = points::numbers(vm, &points.values)?;
        match is_forward {
            true => wavelet.forward(&mut values),
            false => wavelet.backward(&mut values),
        }
        points.values = Column::Double(values.into());
        points::new_gts(vm, points::with_points(vm.heap.gts(handle), points))
    })
}

/// DWTSPLIT: a series for each level.
pub(super) fn split(vm: &mut Machine) -> Result {
    let label = vm.pop_text("expects a level label name on top of the stack.")?;
    points::each_gts(vm, |vm, handle| {
        let series = &vm.heap.gts(handle).series;
        if !matches!(series.points.values, Column::Double(_)) {
            return Err(vm.error("can only be applied to numeric Geo Time Series."));
        }
        check_length(vm, &series.points)?;
        if series.metadata.labels.contains(&label) {
            return Err(vm.error(&format!("input cannot contain label '{label}'")));
        }
        points::claim_copy(vm, handle)?;
        points::sort_in_place(vm, handle, false)?;
        let gts = vm.heap.gts(handle);
        let levels = gts.series.points.len().ilog2();
        let level = |level: u32| {
            // Level after level, each has as many points as all before it have and one more.
            let from = (1 << level) - 1;
            let points = gts.series.points.slice(from..from + (1 << level));
            let mut part = points::with_points(gts, points);
            part.series.bucket = None;
            part.series.metadata.labels.insert(&*label, (levels - level).to_string());
            part
        };
        let parts: Vec<_> = (0..levels).map(level).collect();
        let parts = parts.into_iter().map(|part| points::new_gts(vm, part));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        vm.heap.new_list(parts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_apart_is_put_together() {
        let names = FILTERS.split_ascii_whitespace().filter(|w| w.parse::<f64>().is_err());
        let signal: Vec<f64> = (0..64).map(|i| f64::from(i * 37 % 23) - 8.5).collect();
        let mut count = 0;
        for name in names.chain(["db1", "bior1.1"]) {
            let wavelet = Wavelet::find(name).expect(name);
            let mut values = signal.clone();
            wavelet.forward(&mut values);
            wavelet.backward(&mut values);
            // Meyer's wavelet is cut off: it does not come back exactly.
            let tolerance = if name == "dmey" { 1e-2 } else { 1e-6 };
            for (is, was) in values.iter().zip(&signal) {
                assert!((is - was).abs() < tolerance, "{name}: {is} {was}");
            }
            count += 1;
        }
        assert_eq!(count, 75);
    }
}
