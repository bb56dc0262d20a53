//! Symbols for the shape of windows (indexable SAX), and searching by them.

use std::collections::BTreeSet;

use weft_gts::Column;
use weft_wire::opb64;

use crate::error::Result;
use crate::heap::{Gts, Text};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::maths::bounds::erf_inverse;
use crate::words::points;

/// An alphabet has at most two to the power of this many symbols.
const LEVELS_MAX: u32 = 16;

/// How windows become words.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Points in a window.
    pub(super) window: usize,
    /// Symbols in a word.
    word: usize,
    /// Binary logarithm of the size of the alphabet.
    levels: u32,
    /// What lies between two symbols: parts of the normal distribution that are as probable.
    bounds: Vec<f64>,
    /// Whether the means that stand for parts of a window are standardised.
    standardized: bool,
}

impl Shape {
    pub(super) fn new(
        vm: &mut Machine,
        window: i32,
        word: i32,
        alphabet: i32,
        standardized: bool,
    ) -> Result<Self> {
        let (Ok(window), Ok(word)) = (usize::try_from(window), usize::try_from(word)) else {
            return Err(vm.error("expects lengths that are not negative."));
        };
        if word == 0 || window == 0 || !window.is_multiple_of(word) {
            return Err(vm.error("expects a pattern length that divides the window's."));
        }
        // As a bit pattern, the smallest integer is a power of two.
        let alphabet = alphabet as u32;
        let levels = alphabet.trailing_zeros();
        if !alphabet.is_power_of_two() || levels == 0 || levels > LEVELS_MAX {
            return Err(vm.error("expects an alphabet whose size is a power of two up to 2^16."));
        }
        vm.charge(alphabet as usize * 8);
        vm.heap.claim(alphabet as usize * size_of::<f64>())?;
        let bound = |i: u32| {
            std::f64::consts::SQRT_2 * erf_inverse(2.0 * (f64::from(i) / f64::from(alphabet)) - 1.0)
        };
        let bounds = (1..alphabet).map(bound).collect();
        Ok(Self { window, word, levels, bounds, standardized })
    }

    fn symbol(&self, value: f64) -> u32 {
        if value.is_nan() {
            return self.bounds.len() as u32;
        }
        self.bounds.partition_point(|bound| *bound < value) as u32
    }

    /// The word of a window; `means` is room for its parts.
    fn word(&self, values: &[f64], means: &mut Vec<f64>) -> String {
        let part = self.window / self.word;
        means.clear();
        means.extend(values.chunks(part).map(|v| v.iter().sum::<f64>() / part as f64));
        if self.standardized {
            standardize(means);
        }
        let symbols: Vec<u32> = means.iter().map(|v| self.symbol(*v)).collect();
        opb64::encode(&interleaved(&symbols, self.levels))
    }

    /// The words of all windows of a bucketised numeric series, which is sorted.
    pub(super) fn words(&self, vm: &mut Machine, handle: Handle<Gts>) -> Result<Vec<Text>> {
        let gts = vm.heap.gts(handle);
        let is_numeric = matches!(gts.series.points.values, Column::Long(_) | Column::Double(_));
        if !is_numeric || points::bucket(gts).is_none() {
            let message = "can only be applied to numeric, bucketized, filled Geo Time Series.";
            return Err(vm.error(message));
        }
        points::sort_in_place(vm, handle, false)?;
        let column = vm.heap.gts(handle).series.points.values.clone();
        let values = points::numbers(vm, &column)?;
        let windows = (values.len() + 1).saturating_sub(self.window);
        vm.charge(windows.saturating_mul(self.window));
        let bytes = self.word.min(values.len()) * 3 + size_of::<Text>() + 32;
        vm.heap.claim(windows.saturating_mul(bytes))?;
        let mut means = Vec::new();
        Ok(values.windows(self.window).map(|v| self.word(v, &mut means).into()).collect())
    }
}

/// To mean 0 and deviation 1, unless there is none.
fn standardize(means: &mut [f64]) {
    let count = means.len() as f64;
    let (sum, squares) = means.iter().fold((0.0, 0.0), |(sum, sq), v| (sum + v, sq + v * v));
    let mean = sum / count;
    let mut variance = squares / count - (sum * sum) / (count * count);
    if means.len() > 1 {
        variance = variance * count / (count - 1.0);
    }
    let deviation = variance.sqrt();
    for value in means {
        *value -= mean;
        if deviation != 0.0 {
            *value /= deviation;
        }
    }
}

/// The highest bits of all symbols, then the next ones, and so on: a prefix of the bits is the
/// word in a smaller alphabet.
fn interleaved(symbols: &[u32], levels: u32) -> Vec<u8> {
    let mut bytes = vec![0u8; (symbols.len() * levels as usize).div_ceil(8)];
    let bits = (0..levels).rev().flat_map(|level| symbols.iter().map(move |s| s >> level & 1));
    for (index, bit) in bits.enumerate() {
        bytes[index / 8] |= (bit as u8) << (7 - index % 8);
    }
    bytes
}

/// Takes three lengths: of the window, of the word, and of the alphabet on top.
fn pop_shape(vm: &mut Machine) -> Result<(i32, i32, i32)> {
    let mut number = |message: &str| match vm.pop()? {
        value @ (Value::Long(_) | Value::Double(_) | Value::Decimal(_)) => {
            Ok(points::integer(vm, value).unwrap_or(0) as i32)
        }
        _ => Err(vm.error(message)),
    };
    let alphabet = number("expects a quantization scale on top of the stack.")?;
    let word = number("expects a pattern length at the second level of the stack.")?;
    let window = number("expects a window size at the third level of the stack.")?;
    Ok((window, word, alphabet))
}

/// Applies `f` to a series or to each of a list; there is no shape to check where there are none.
fn each_shaped(
    vm: &mut Machine,
    (window, word, alphabet): (i32, i32, i32),
    mut f: impl FnMut(&mut Machine, Handle<Gts>, &Shape) -> Result<Value>,
) -> Result {
    let standardized = !vm.word.name.starts_with('Z');
    let mut shape = None;
    points::each_gts(vm, |vm, handle| {
        let shape = match &mut shape {
            Some(shape) => shape,
            None => shape.insert(Shape::new(vm, window, word, alphabet, standardized)?),
        };
        f(vm, handle, shape)
    })
}

/// PATTERNS and ZPATTERNS.
pub(super) fn patterns(vm: &mut Machine) -> Result {
    let lengths = pop_shape(vm)?;
    each_shaped(vm, lengths, |vm, handle, shape| {
        let words = shape.words(vm, handle)?;
        let gts = vm.heap.gts(handle);
        let mut made = points::empty_like(gts);
        if !words.is_empty() {
            let series = &mut made.series.points;
            series.ticks = gts.series.points.ticks[..words.len()].to_vec().into();
            series.values = Column::String(words.into());
        }
        points::new_gts(vm, made)
    })
}

/// PATTERNDETECTION and ZPATTERNDETECTION.
pub(super) fn detection(vm: &mut Machine) -> Result {
    let lengths = pop_shape(vm)?;
    let list = vm.pop_list("expects a list of patterns as the fourth level of the stack.")?;
    let texts = vm.heap.list(list).iter().filter_map(|v| match v {
        Value::String(text) => Some(Text::clone(vm.heap.text(*text))),
        _ => None,
    });
    let wanted: BTreeSet<Text> = texts.collect();
    vm.charge(wanted.len());
    each_shaped(vm, lengths, |vm, handle, shape| {
        let words = shape.words(vm, handle)?;
        points::claim_copy(vm, handle)?;
        let mut places: Vec<u32> = Vec::new();
        for (index, _) in words.iter().enumerate().filter(|(_, word)| wanted.contains(*word)) {
            let from = places.last().map_or(0, |last| last + 1).max(index as u32);
            places.extend(from..(index + shape.window) as u32);
        }
        let gts = vm.heap.gts(handle);
        points::new_gts(vm, points::with_points(gts, gts.series.points.gather(&places)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_bits_come_first() {
        assert_eq!(interleaved(&[0b10, 0b01, 0b11], 2), [0b1010_1100]);
        assert_eq!(interleaved(&[1; 9], 1), [0xff, 0x80]);
    }
}
