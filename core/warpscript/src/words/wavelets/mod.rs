//! Fast wavelet transforms.

mod filters;

use std::sync::Arc;

use weft_gts::{Column, Series, SeriesBuilder};

use crate::error::Result;
use crate::heap::{Gts, List};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};
use crate::words::operators::with_values;
use crate::words::points;

pub(super) static FAMILY: Family = Family {
    name: "wavelets",
    words: &[
        word(
            "FDWT",
            forward,
            "1.0.0",
            "gts<GTS> wavelet<STRING> FDWT gts<GTS>\ngts<LIST> wavelet<STRING> FDWT gts<LIST>",
            "The wavelet transform of series whose length is a power of two. Wavelets are haar, \
             db1 to db20, sym2 to sym20, coif1 to coif5, bior1.1 to bior6.8, rbio1.1 to rbio6.8 \
             and dmey.",
            &[("NEWGTS 1 NaN NaN NaN 5 ADDVALUE 'haar' FDWT VALUES", "[[5.0]]")],
        ),
        word(
            "IDWT",
            backward,
            "1.0.0",
            "gts<GTS> wavelet<STRING> IDWT gts<GTS>\ngts<LIST> wavelet<STRING> IDWT gts<LIST>",
            "Undoes what FDWT did.",
            &[("NEWGTS 1 NaN NaN NaN 5.0 ADDVALUE 'haar' IDWT VALUES", "[[5.0]]")],
        ),
        word(
            "DWTSPLIT",
            split,
            "1.0.0",
            "gts<GTS> label<STRING> DWTSPLIT gts<LIST>\ngts<LIST> label<STRING> DWTSPLIT gts<LIST>",
            "Splits a wavelet transform into its levels, each one a series with the level in a \
             label.",
            &[(
                "[ 0 1 ] [] [] [] [ 1.0 2.0 ] MAKEGTS 'l' DWTSPLIT 0 GET LABELS",
                "[{\"l\":\"1\"}]",
            )],
        ),
    ],
};

/// The filters of a wavelet, the first coefficient first.
struct Wavelet {
    /// Takes apart: approximation and detail.
    apart: [Vec<f64>; 2],
    /// Puts together.
    together: [Vec<f64>; 2],
}

impl Wavelet {
    /// The wavelet of a name.
    fn find(name: &str) -> Option<Self> {
        let (low_apart, low): (Vec<f64>, Vec<f64>) = match filters::find(name)? {
            filters::Filter::Orthogonal(low) => (low.iter().rev().copied().collect(), low.to_vec()),
            filters::Filter::Biorthogonal(apart, low) => (apart.to_vec(), low.to_vec()),
            filters::Filter::Reversed(apart, low) => {
                (low.iter().rev().copied().collect(), apart.iter().rev().copied().collect())
            }
        };
        let alternate = |filter: &[f64], even: f64| -> Vec<f64> {
            let signs = [even, -even].into_iter().cycle();
            filter.iter().zip(signs).map(|(v, sign)| v * sign).collect()
        };
        let backwards = |mut filter: Vec<f64>| {
            filter.reverse();
            filter
        };
        // The details of one side are the approximation of the other with changing signs.
        let high_apart = backwards(alternate(&low, -1.0));
        let high = alternate(&low_apart, 1.0);
        Some(Self { apart: [backwards(low_apart), high_apart], together: [low, high] })
    }

    fn forward(&self, values: &mut [f64]) {
        let mut size = values.len();
        while size >= 2 {
            let half = size / 2;
            let mut out = vec![0.0; size];
            for i in 0..half {
                for (j, (low, high)) in self.apart[0].iter().zip(&self.apart[1]).enumerate() {
                    let value = values[(2 * i + j) % size];
                    out[i] += value * low;
                    out[i + half] += value * high;
                }
            }
            values[..size].copy_from_slice(&out);
            size = half;
        }
    }

    fn backward(&self, values: &mut [f64]) {
        let mut size = 2;
        while size <= values.len() {
            let half = size / 2;
            let mut out = vec![0.0; size];
            for i in 0..half {
                for (j, (low, high)) in self.together[0].iter().zip(&self.together[1]).enumerate() {
                    out[(2 * i + j) % size] += values[i] * low + values[i + half] * high;
                }
            }
            values[..size].copy_from_slice(&out);
            size *= 2;
        }
    }

    fn length(&self) -> usize {
        self.together[0].len()
    }
}

fn pop_wavelet(vm: &mut Machine) -> Result<Wavelet> {
    let name = vm.pop_text("expects a wavelet name on top of the stack.")?;
    let missing = || vm.error(&format!("could not find wavelet '{name}'."));
    Wavelet::find(&name).ok_or_else(missing)
}

fn check_length(vm: &Machine, length: usize) -> Result {
    if length & length.wrapping_sub(1) != 0 {
        return Err(vm.error("can only operate on Geo Time Series whose length is a power of 2."));
    }
    Ok(())
}

fn not_numeric(vm: &Machine) -> crate::error::Fault {
    vm.error("can only be applied to numeric Geo Time Series.")
}

fn forward(vm: &mut Machine) -> Result {
    let wavelet = pop_wavelet(vm)?;
    points::each_gts(vm, |vm, gts| {
        let column = vm.heap.gts(gts).series.points.values.clone();
        let values = points::doubles(&column).filter(|_| !column.is_empty());
        let values = values.ok_or_else(|| not_numeric(vm))?;
        check_length(vm, values.len())?;
        points::sort_in_place(vm, gts, false)?;
        vm.heap.claim(values.len().saturating_mul(32))?;
        vm.charge(values.len().saturating_mul(wavelet.length() * 4));
        let column = &vm.heap.gts(gts).series.points.values;
        let mut values = points::doubles(column).unwrap_or_default();
        wavelet.forward(&mut values);
        with_values(vm, gts, Column::Double(Arc::new(values)))
    })
}

fn backward(vm: &mut Machine) -> Result {
    let wavelet = pop_wavelet(vm)?;
    points::each_gts(vm, |vm, gts| {
        let Column::Double(values) = vm.heap.gts(gts).series.points.values.clone() else {
            return Err(not_numeric(vm));
        };
        check_length(vm, values.len())?;
        vm.heap.claim(values.len().saturating_mul(32))?;
        vm.charge(values.len().saturating_mul(wavelet.length() * 4));
        let mut values = values.to_vec();
        wavelet.backward(&mut values);
        with_values(vm, gts, Column::Double(Arc::new(values)))
    })
}

fn split(vm: &mut Machine) -> Result {
    let label = vm.pop_text("expects a level label name on top of the stack.")?;
    points::each_gts(vm, |vm, gts| levels(vm, gts, &label))
}

/// The levels of a transform, the coarsest one first.
fn levels(vm: &mut Machine, gts: Handle<Gts>, label: &str) -> Result<Value> {
    let series = &vm.heap.gts(gts).series;
    let length = series.points.len();
    if !matches!(series.points.values, Column::Double(_)) {
        return Err(not_numeric(vm));
    }
    check_length(vm, length)?;
    if series.metadata.labels.contains(label) {
        return Err(vm.error(&format!("input cannot contain label '{label}'")));
    }
    points::sort_in_place(vm, gts, false)?;
    vm.heap.claim(length.saturating_mul(32))?;
    vm.charge(length * 4);
    let series = vm.heap.gts(gts).series.clone();
    let levels = length.ilog2();
    let mut list = List::new();
    let mut from = 0;
    for level in 0..levels {
        let count = 1 << level;
        let mut builder = SeriesBuilder::with_capacity(count);
        for index in from..from + count {
            let point = series.points.get(index);
            builder.push(point.tick, point.location, point.elevation, (&point.value).into());
        }
        from += count;
        let mut metadata = series.metadata.clone();
        metadata.labels.insert(label, (levels - level).to_string());
        let part = Series { metadata, points: builder.finish(), ..Series::default() };
        list.push(vm.heap.new_gts(part)?);
    }
    vm.heap.new_list(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_are_undone() {
        for name in ["haar", "db4", "sym8", "coif2", "bior2.2", "rbio3.5", "bior6.8"] {
            let wavelet = Wavelet::find(name).expect("a known wavelet");
            let values: Vec<f64> = (0..64).map(|i| f64::from(i * i % 17)).collect();
            let mut other = values.clone();
            wavelet.forward(&mut other);
            wavelet.backward(&mut other);
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-7;
            // Biorthogonal filters come back with a shift at the rim of short levels.
            assert!(name.contains('.') || values.iter().zip(&other).all(close), "{name}");
        }
        assert!(Wavelet::find("db21").is_none());
    }
}
