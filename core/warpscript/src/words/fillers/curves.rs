//! Fillers that lay a curve through all points of a series.

use std::sync::Arc;

use weft_gts::{Column, Columns, NO_ELEVATION, NO_LOCATION, Value as PointValue};

use crate::error::{Fault, Kind, Result};
use crate::function::{Curve, Point};
use crate::machine::Machine;
use crate::position;
use crate::value::Value;
use crate::words::mappers::round;
use crate::words::points;

/// A curve of polynomials between knots: lowest degree first, from the knot on.
pub(super) struct Pieces {
    knots: Vec<f64>,
    polynomials: Vec<[f64; 4]>,
}

impl Pieces {
    /// The value at `x`; `None` outside of the knots.
    pub(super) fn value(&self, x: f64) -> Option<f64> {
        let (first, last) = (self.knots.first()?, self.knots.last()?);
        if !(*first <= x && x <= *last) {
            return None;
        }
        let piece = self.knots.partition_point(|knot| *knot <= x) - 1;
        let piece = piece.min(self.polynomials.len().checked_sub(1)?);
        let [a, b, c, d] = self.polynomials[piece];
        let x = x - self.knots[piece];
        Some(((d * x + c) * x + b) * x + a)
    }
}

/// Straight lines between points.
fn straight(x: &[f64], y: &[f64]) -> Pieces {
    let line = |i: usize| [y[i], (y[i + 1] - y[i]) / (x[i + 1] - x[i]), 0.0, 0.0];
    Pieces { knots: x.to_vec(), polynomials: (0..x.len() - 1).map(line).collect() }
}

/// The natural cubic spline through three points or more.
pub(super) fn natural(x: &[f64], y: &[f64]) -> Pieces {
    let n = x.len() - 1;
    let h: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (mut mu, mut z) = (vec![0.0; n], vec![0.0; n + 1]);
    for i in 1..n {
        let span = x[i + 1] - x[i - 1];
        let g = 2.0 * span - h[i - 1] * mu[i - 1];
        mu[i] = h[i] / g;
        let curve = 3.0 * (y[i + 1] * h[i - 1] - y[i] * span + y[i - 1] * h[i]) / (h[i - 1] * h[i]);
        z[i] = (curve - h[i - 1] * z[i - 1]) / g;
    }
    let mut polynomials = vec![[0.0; 4]; n];
    let mut next = 0.0;
    for j in (0..n).rev() {
        let c = z[j] - mu[j] * next;
        let b = (y[j + 1] - y[j]) / h[j] - h[j] * (next + 2.0 * c) / 3.0;
        polynomials[j] = [y[j], b, c, (next - c) / (3.0 * h[j])];
        next = c;
    }
    Pieces { knots: x.to_vec(), polynomials }
}

/// The Akima spline through five points or more.
fn akima_spline(x: &[f64], y: &[f64]) -> Pieces {
    let n = x.len();
    let slopes: Vec<f64> = (1..n).map(|i| (y[i] - y[i - 1]) / (x[i] - x[i - 1])).collect();
    let weight = |i: usize| (slopes[i] - slopes[i - 1]).abs();
    let mut derivatives = vec![0.0; n];
    for (i, derivative) in derivatives.iter_mut().enumerate().take(n - 2).skip(2) {
        let (ahead, behind) = (weight(i + 1), weight(i - 1));
        *derivative = if ahead <= f64::from_bits(1) && behind <= f64::from_bits(1) {
            ((x[i + 1] - x[i]) * slopes[i - 1] + (x[i] - x[i - 1]) * slopes[i])
                / (x[i + 1] - x[i - 1])
        } else {
            (ahead * slopes[i - 1] + behind * slopes[i]) / (ahead + behind)
        };
    }
    derivatives[0] = parabola_slope(x, y, 0, 0);
    derivatives[1] = parabola_slope(x, y, 1, 0);
    derivatives[n - 2] = parabola_slope(x, y, n - 2, n - 3);
    derivatives[n - 1] = parabola_slope(x, y, n - 1, n - 3);
    let piece = |i: usize| {
        let w = x[i + 1] - x[i];
        let (from, to) = (derivatives[i], derivatives[i + 1]);
        let c = (3.0 * (y[i + 1] - y[i]) / w - 2.0 * from - to) / w;
        let d = (2.0 * (y[i] - y[i + 1]) / w + from + to) / (w * w);
        [y[i], from, c, d]
    };
    Pieces { knots: x.to_vec(), polynomials: (0..n - 1).map(piece).collect() }
}

/// The slope at point `at` of the parabola through three points from `first` on.
fn parabola_slope(x: &[f64], y: &[f64], at: usize, first: usize) -> f64 {
    let t = x[at] - x[first];
    let (t1, t2) = (x[first + 1] - x[first], x[first + 2] - x[first]);
    let (y0, y1, y2) = (y[first], y[first + 1], y[first + 2]);
    let a = (y2 - y0 - t2 / t1 * (y1 - y0)) / (t2 * t2 - t1 * t2);
    let b = (y1 - y0 - a * t1 * t1) / t1;
    2.0 * a * t + b
}

/// Ticks and values of a numeric series as doubles; `None` when it is empty.
///
/// # Errors
/// When the series has another type or ticks twice.
pub(super) fn numbers(vm: &mut Machine, points: &Columns) -> Result<Option<(Vec<f64>, Vec<f64>)>> {
    let kind = match &points.values {
        Column::Long(_) | Column::Double(_) | Column::Empty => None,
        Column::Boolean(_) => Some("BOOLEAN"),
        Column::String(_) => Some("STRING"),
        Column::Mixed(_) => Some("UNDEFINED"),
    };
    if let Some(kind) = kind.filter(|_| !points.is_empty()) {
        return Err(vm.error(&format!(
            "expects a GTS of type DOUBLE or LONG, but instead got a GTS of type {kind}"
        )));
    }
    if points.is_empty() {
        return Ok(None);
    }
    vm.heap.claim(points.len() * 64)?;
    vm.charge(points.len() * 4);
    let y = points::doubles(&points.values).unwrap_or_default();
    Ok(Some((points.ticks.iter().map(|tick| *tick as f64).collect(), y)))
}

/// Fails where the reference cannot make a curve: ticks that do not grow.
pub(super) fn check_growing(x: &[f64]) -> Result {
    match x.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(()),
        false => Err(Fault::kind(Kind::Argument, "points are not strictly increasing")),
    }
}

/// A curve that gives values only.
pub(super) struct Plain(pub(super) Option<Pieces>);

impl Curve for Plain {
    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        vm.charge(2);
        let value = self.0.as_ref().and_then(|pieces| pieces.value(tick as f64));
        Some(Point { value: value.map(PointValue::Double), ..Point::none(tick) })
    }
}

/// How a curve is laid through points.
type Lay = fn(&[f64], &[f64]) -> Pieces;

/// A curve through points where there are enough of them, else straight lines.
fn plain(vm: &mut Machine, points: &Columns, enough: usize, lay: Lay) -> Result<Box<dyn Curve>> {
    let pieces = match numbers(vm, points)? {
        Some((x, y)) if x.len() > 1 => {
            check_growing(&x)?;
            Some(if x.len() >= enough { lay(&x, &y) } else { straight(&x, &y) })
        }
        _ => None,
    };
    Ok(Box::new(Plain(pieces)))
}

pub(super) fn linear(vm: &mut Machine, points: &Columns, _: &[Value]) -> Result<Box<dyn Curve>> {
    plain(vm, points, 2, straight)
}

pub(super) fn spline(vm: &mut Machine, points: &Columns, _: &[Value]) -> Result<Box<dyn Curve>> {
    plain(vm, points, 3, natural)
}

pub(super) fn akima(vm: &mut Machine, points: &Columns, _: &[Value]) -> Result<Box<dyn Curve>> {
    plain(vm, points, 5, akima_spline)
}

/// Straight lines for values, positions and elevations, each between the points that have them.
struct Lines {
    values: Option<Pieces>,
    latitudes: Option<Pieces>,
    longitudes: Option<Pieces>,
    elevations: Option<Pieces>,
}

impl Curve for Lines {
    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        vm.charge(4);
        let value = |pieces: &Option<Pieces>| pieces.as_ref().and_then(|p| p.value(tick as f64));
        let location = match (value(&self.latitudes), value(&self.longitudes)) {
            (Some(latitude), Some(longitude)) => position::to_location(latitude, longitude),
            _ => NO_LOCATION,
        };
        Some(Point {
            tick,
            location,
            elevation: value(&self.elevations).map_or(NO_ELEVATION, round),
            value: value(&self.values).map(PointValue::Double),
        })
    }
}

pub(super) fn interpolate(
    vm: &mut Machine,
    points: &Columns,
    _: &[Value],
) -> Result<Box<dyn Curve>> {
    let Some((x, y)) = numbers(vm, points)? else {
        let none = Lines { values: None, latitudes: None, longitudes: None, elevations: None };
        return Ok(Box::new(none));
    };
    check_growing(&x)?;
    let values = (x.len() > 1).then(|| straight(&x, &y));
    let with = |column: &Arc<Vec<i64>>, none: i64| -> Vec<(f64, i64)> {
        x.iter().copied().zip(column.iter().copied()).filter(|(_, v)| *v != none).collect()
    };
    let lines = |known: &[(f64, i64)], pick: fn(i64) -> f64| match known.len() {
        0 => Ok(None),
        1 => Err(Fault::kind(Kind::Argument, "a single position or elevation makes no line")),
        _ => {
            let (x, y): (Vec<f64>, Vec<f64>) = known.iter().map(|(x, v)| (*x, pick(*v))).unzip();
            Ok(Some(straight(&x, &y)))
        }
    };
    let locations = with(&points.locations, NO_LOCATION);
    let elevations = with(&points.elevations, NO_ELEVATION);
    Ok(Box::new(Lines {
        values,
        latitudes: lines(&locations, |v| position::from_location(v).0)?,
        longitudes: lines(&locations, |v| position::from_location(v).1)?,
        elevations: lines(&elevations, |v| v as f64)?,
    }))
}

/// The polynomial through all points, in Newton's form.
struct Polynomial {
    centers: Vec<f64>,
    differences: Vec<f64>,
    coefficients: Vec<f64>,
}

impl Curve for Polynomial {
    fn prepare(&mut self, vm: &mut Machine) -> Result<bool> {
        // Each order of differences is one round over those of the order below.
        while self.coefficients.len() < self.centers.len() {
            let order = self.coefficients.len();
            if order > 0 {
                for j in 0..self.centers.len() - order {
                    let span = self.centers[j + order] - self.centers[j];
                    self.differences[j] = (self.differences[j + 1] - self.differences[j]) / span;
                }
            }
            self.coefficients.push(self.differences[0]);
            vm.charge(self.centers.len() - order);
            if vm.should_yield() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        vm.charge(self.centers.len());
        let x = tick as f64;
        let Some((last, rest)) = self.coefficients.split_last().filter(|(_, r)| !r.is_empty())
        else {
            return Some(Point::none(tick));
        };
        let terms = rest.iter().zip(&self.centers).rev();
        let value = terms.fold(*last, |value, (a, center)| a + (x - center) * value);
        Some(Point::new(tick, PointValue::Double(value)))
    }
}

pub(super) fn newton(vm: &mut Machine, points: &Columns, _: &[Value]) -> Result<Box<dyn Curve>> {
    let (x, y) = numbers(vm, points)?.unwrap_or_default();
    if x.len() > 1 {
        check_growing(&x)?;
    }
    Ok(Box::new(Polynomial { centers: x, differences: y, coefficients: Vec::new() }))
}
