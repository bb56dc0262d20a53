//! Dynamic time warping.

use std::f64::consts::PI;

use weft_gts::{Columns, NO_ELEVATION, NO_LOCATION};

use crate::error::{Fault, Result};
use crate::machine::{Flow, Machine, Task};
use crate::value::Value;
use crate::words::points;

/// What is compared: one or two numbers for each point.
type Curve = Vec<[f64; 2]>;

#[derive(Clone, Copy)]
enum Distance {
    Manhattan,
    Euclidean,
    SquaredEuclidean,
    Loxodromic,
    Orthodromic,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Values,
    Locations,
    Elevations,
    Ticks,
}

/// DTW, ZDTW and RAWDTW.
pub(super) fn dtw(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut part = Part::Values;
    let mut distance = Distance::Manhattan;
    if let Some(text) = vm.as_text(top) {
        part = match text.to_lowercase().as_str() {
            "values" => Part::Values,
            "locations" => Part::Locations,
            "elevations" => Part::Elevations,
            "timestamps" => Part::Ticks,
            _ => {
                return Err(vm.error(
                    "expects the characteristic of the GTS to compute the DTW on to be values, \
                     locations, elevations or timestamps.",
                ));
            }
        };
        top = vm.pop()?;
    }
    if let Some(text) = vm.as_text(top) {
        distance = match text.to_lowercase().as_str() {
            "manhattan" => Distance::Manhattan,
            "euclidean" => Distance::Euclidean,
            "squaredeuclidean" => Distance::SquaredEuclidean,
            "loxodromic" => Distance::Loxodromic,
            "orthodromic" => Distance::Orthodromic,
            _ => {
                return Err(vm.error(
                    "expects the distance to use in the DTW to be manhattan, euclidean, loxodromic \
                     or orthodromic.",
                ));
            }
        };
        top = vm.pop()?;
    }
    let message = "expects a numeric threshold on top of the stack.";
    let threshold = points::number(vm, top).ok_or_else(|| vm.error(message))?;
    let threshold = if threshold <= 0.0 { f64::INFINITY } else { threshold };
    top = vm.pop()?;
    let mut window = i64::from(i32::MAX);
    if let Value::Long(width) = top {
        window = if width < 0 { window } else { window.min(width) };
        top = vm.pop()?;
    }
    let message = "expects two Geo Time Series below the threshold.";
    let Value::Gts(first) = top else {
        return Err(vm.error(message));
    };
    let second = vm.pop_gts(message)?;
    let first = super::moments::sorted_points(vm, first)?;
    let second = super::moments::sorted_points(vm, second)?;
    vm.heap.claim((first.len() + second.len()).saturating_mul(64))?;
    let (mut a, mut b) = (curve(vm, &first, part)?, curve(vm, &second, part)?);
    if part == Part::Elevations {
        // The reference reads as many elevations of the second series as the first one has.
        if a.len() > b.len() {
            return Err(Fault::bounds());
        }
        b.iter_mut().skip(a.len()).for_each(|v| v[0] = 0.0);
    }
    let dimensions = if part == Part::Locations { 2 } else { 1 };
    if dimensions == 1 && matches!(distance, Distance::Loxodromic | Distance::Orthodromic) {
        return Err(vm.error("failed: the distance must be given two dimensions: lat, lon."));
    }
    for dimension in 0..dimensions {
        match vm.word.name {
            "ZDTW" => {
                let (mean, deviation) = mean_and_deviation(&a, dimension);
                rescale(&mut a, dimension, mean, deviation);
                // The reference divides by the variance of the second one.
                let (mean, variance) = mean_and_variance(&b, dimension);
                rescale(&mut b, dimension, mean, variance);
            }
            "DTW" => {
                for curve in [&mut a, &mut b] {
                    let (min, range) = extent(curve, dimension);
                    if range == 0.0 {
                        return Err(vm.error("cannot normalize a constant GTS."));
                    }
                    rescale(curve, dimension, min, range);
                }
            }
            _ => (),
        }
    }
    if a.is_empty() && b.is_empty() || a.len().min(b.len()) == 0 {
        return match a.is_empty() && b.is_empty() {
            true => Err(Fault::bounds()),
            false => vm.push(-1.0),
        };
    }
    if a.len() > b.len() {
        std::mem::swap(&mut a, &mut b);
    }
    let (short, long) = (a.len() as i64, b.len() as i64);
    let window = window.min(long - 1).max(long - short);
    let rows = (vec![0.0; a.len()], vec![0.0; a.len()]);
    vm.push_task(Warp { a, b, distance, window, threshold, rows, next: 0, below: false })
}

fn curve(vm: &Machine, points: &Columns, part: Part) -> Result<Curve> {
    let count = points.len();
    let missing =
        |what: &str| vm.error(&format!("expects GTSs to have {what} when DTW is applied to them."));
    match part {
        Part::Values => match points::doubles(&points.values).filter(|_| count > 0) {
            Some(values) => Ok(values.into_iter().map(|v| [v, 0.0]).collect()),
            None => Err(vm.error("can only operate on numerical Geo Time Series.")),
        },
        Part::Ticks => Ok(points.ticks.iter().map(|t| [*t as f64, 0.0]).collect()),
        Part::Elevations => {
            let heights = (0..count).map(|p| points.elevation(p));
            if points.elevations.is_empty() || heights.clone().any(|h| h == NO_ELEVATION) {
                return Err(missing("elevations"));
            }
            Ok(heights.map(|h| [h as f64, 0.0]).collect())
        }
        Part::Locations => {
            let places = (0..count).map(|p| points.location(p));
            if points.locations.is_empty() || places.clone().any(|l| l == NO_LOCATION) {
                return Err(missing("locations"));
            }
            Ok(places.map(|l| crate::position::from_location(l).into()).collect())
        }
    }
}

/// Mean and variance by shifted sums, as the reference has them: the mean is off, which scripts see.
fn mean_and_variance(curve: &Curve, dimension: usize) -> (f64, f64) {
    let n = curve.len() as f64;
    let values = curve.iter().map(|v| v[dimension]);
    let last = values.clone().next_back().unwrap_or(0.0);
    let shift = values.clone().find(|v| *v == 0.0).unwrap_or(last);
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values {
        let term = value - shift;
        sum += term;
        squares += term * term;
    }
    let mean = sum / n;
    (mean + shift / n, squares / n - mean * mean)
}

fn mean_and_deviation(curve: &Curve, dimension: usize) -> (f64, f64) {
    let n = curve.len() as f64;
    let (mean, mut variance) = mean_and_variance(curve, dimension);
    if curve.len() > 1 {
        variance = variance * n / (n - 1.0);
    }
    (mean, variance.sqrt())
}

fn extent(curve: &Curve, dimension: usize) -> (f64, f64) {
    let values = curve.iter().map(|v| v[dimension]).filter(|v| !v.is_nan());
    let min = values.clone().fold(f64::INFINITY, f64::min);
    let max = values.fold(f64::NEG_INFINITY, f64::max);
    (min, max - min)
}

fn rescale(curve: &mut Curve, dimension: usize, offset: f64, width: f64) {
    curve.iter_mut().for_each(|v| v[dimension] = (v[dimension] - offset) / width);
}

impl Distance {
    fn measure(self, a: [f64; 2], b: [f64; 2]) -> f64 {
        const METRES_PER_RADIAN: f64 = (180.0 / PI) * (1852.0 * 60.0);
        let squares = || (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        match self {
            Self::Manhattan => (a[0] - b[0]).abs() + (a[1] - b[1]).abs(),
            Self::Euclidean => squares().sqrt(),
            Self::SquaredEuclidean => squares(),
            Self::Loxodromic => {
                let [lat_a, lon_a] = a.map(f64::to_radians);
                let [lat_b, lon_b] = b.map(f64::to_radians);
                let x = (lon_a - lon_b) * ((lat_a + lat_b) / 2.0).cos();
                let y = lat_a - lat_b;
                METRES_PER_RADIAN * (x * x + y * y).sqrt()
            }
            Self::Orthodromic => {
                let [lat_a, lon_a] = a.map(f64::to_radians);
                let [lat_b, lon_b] = b.map(f64::to_radians);
                let cosine =
                    lat_a.sin() * lat_b.sin() + lat_a.cos() * lat_b.cos() * (lon_b - lon_a).cos();
                METRES_PER_RADIAN * cosine.acos()
            }
        }
    }
}

/// The table of distances, row by row of the longer curve.
struct Warp {
    a: Curve,
    b: Curve,
    distance: Distance,
    window: i64,
    threshold: f64,
    rows: (Vec<f64>, Vec<f64>),
    next: usize,
    /// Some way so far is short enough.
    below: bool,
}

impl Task for Warp {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while self.next < self.b.len() {
            self.row();
            vm.charge(self.a.len() * 4);
            self.next += 1;
            if !self.below {
                vm.push(-1.0)?;
                return Ok(Flow::Done);
            }
            std::mem::swap(&mut self.rows.0, &mut self.rows.1);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        let total = self.rows.0.last().copied().unwrap_or(f64::INFINITY);
        vm.push(if total <= self.threshold { total } else { -1.0 })?;
        Ok(Flow::Done)
    }
}

impl Warp {
    fn row(&mut self) {
        let i = self.next as i64;
        let (last, row) = (&self.rows.0, &mut self.rows.1);
        let end = (i + 1).saturating_add(self.window).min(self.a.len() as i64);
        for j in (i - self.window).max(0)..end {
            let place = j as usize;
            let left = match i > 0 && i + self.window != j {
                true => last[place],
                false => f64::INFINITY,
            };
            let bottom = match j > 0 && i - self.window != j {
                true => row[place - 1],
                false => f64::INFINITY,
            };
            let corner = if j > 0 { last[place - 1] } else { f64::INFINITY };
            let best = match (i, j) {
                (0, 0) => 0.0,
                _ => java_min(left, java_min(bottom, corner)),
            };
            row[place] = match self.threshold >= best {
                true => best + self.distance.measure(self.a[place], self.b[self.next]),
                false => f64::INFINITY,
            };
            self.below |= row[place] <= self.threshold;
        }
    }
}

/// `Math.min`: NaN when there is one.
fn java_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}
