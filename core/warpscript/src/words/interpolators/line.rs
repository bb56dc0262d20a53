//! Interpolation on a line: straight lines, natural cubic splines, Akima splines.

use std::any::Any;

use super::{answer, check_order, computed, number, numbers, push_function, window_numbers};
use crate::error::{Fault, Result};
use crate::function::{Aggregator, Applied, Point, Window};
use crate::heap::Object;
use crate::machine::Machine;
use crate::value::Value;

/// Polynomials between knots, coefficients from the lowest power up.
#[derive(Clone, Debug)]
struct Polynomials {
    knots: Vec<f64>,
    pieces: Vec<[f64; 4]>,
}

impl Object for Polynomials {
    fn type_name(&self) -> &'static str {
        "X-POLYNOMIALS"
    }

    fn footprint(&self) -> usize {
        self.knots.len() * 40
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Polynomials {
    /// The value at `x`; NaN outside of the knots.
    fn at(&self, x: f64) -> f64 {
        let (Some(first), Some(last)) = (self.knots.first(), self.knots.last()) else {
            return f64::NAN;
        };
        if self.pieces.is_empty() || x.is_nan() || x < *first || x > *last {
            return f64::NAN;
        }
        let after = self.knots.partition_point(|knot| *knot <= x);
        let index = after.saturating_sub(1).min(self.pieces.len() - 1);
        let [a, b, c, d] = self.pieces[index];
        let t = x - self.knots[index];
        a + t * (b + t * (c + t * d))
    }
}

/// Makes the pieces of a curve through points.
type Make = fn(&[f64], &[f64]) -> Vec<[f64; 4]>;

fn linear(x: &[f64], y: &[f64]) -> Vec<[f64; 4]> {
    let slope = |i: usize| (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
    (0..x.len() - 1).map(|i| [y[i], slope(i), 0.0, 0.0]).collect()
}

/// A spline whose second derivative is zero at both ends.
fn natural(x: &[f64], y: &[f64]) -> Vec<[f64; 4]> {
    let n = x.len() - 1;
    let h: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (mut mu, mut z) = (vec![0.0; n], vec![0.0; n + 1]);
    for i in 1..n {
        let across = x[i + 1] - x[i - 1];
        let g = 2.0 * across - h[i - 1] * mu[i - 1];
        mu[i] = h[i] / g;
        let slopes = 3.0 * (y[i + 1] * h[i - 1] - y[i] * across + y[i - 1] * h[i]);
        z[i] = (slopes / (h[i - 1] * h[i]) - h[i - 1] * z[i - 1]) / g;
    }
    let mut c = vec![0.0; n + 1];
    let mut pieces = vec![[0.0; 4]; n];
    for j in (0..n).rev() {
        c[j] = z[j] - mu[j] * c[j + 1];
        let b = (y[j + 1] - y[j]) / h[j] - h[j] * (c[j + 1] + 2.0 * c[j]) / 3.0;
        pieces[j] = [y[j], b, c[j], (c[j + 1] - c[j]) / (3.0 * h[j])];
    }
    pieces
}

/// The slope at knot `at` of the parabola through three knots.
fn parabola_slope(x: &[f64], y: &[f64], at: usize, [i, j, k]: [usize; 3]) -> f64 {
    let (t, t1, t2) = (x[at] - x[i], x[j] - x[i], x[k] - x[i]);
    let a = (y[k] - y[i] - (t2 / t1 * (y[j] - y[i]))) / (t2 * t2 - t1 * t2);
    let b = (y[j] - y[i] - a * t1 * t1) / t1;
    2.0 * a * t + b
}

/// A spline whose slope at a knot depends on the two knots on either side.
fn akima(x: &[f64], y: &[f64]) -> Vec<[f64; 4]> {
    let n = x.len();
    let slopes: Vec<f64> = (0..n - 1).map(|i| (y[i + 1] - y[i]) / (x[i + 1] - x[i])).collect();
    let weight = |i: usize| (slopes[i] - slopes[i - 1]).abs();
    let mut derivatives = vec![0.0; n];
    for i in 2..n - 2 {
        let (after, before) = (weight(i + 1), weight(i - 1));
        let none = |weight: f64| weight <= f64::from_bits(1);
        derivatives[i] = if none(after) && none(before) {
            ((x[i + 1] - x[i]) * slopes[i - 1] + (x[i] - x[i - 1]) * slopes[i])
                / (x[i + 1] - x[i - 1])
        } else {
            (after * slopes[i - 1] + before * slopes[i]) / (after + before)
        };
    }
    let (first, last) = ([0, 1, 2], [n - 3, n - 2, n - 1]);
    derivatives[0] = parabola_slope(x, y, 0, first);
    derivatives[1] = parabola_slope(x, y, 1, first);
    derivatives[n - 2] = parabola_slope(x, y, n - 2, last);
    derivatives[n - 1] = parabola_slope(x, y, n - 1, last);
    let piece = |i: usize| {
        let w = x[i + 1] - x[i];
        let (from, to) = (derivatives[i], derivatives[i + 1]);
        let rise = y[i + 1] - y[i];
        let c = (3.0 * rise / w - 2.0 * from - to) / w;
        let d = (2.0 * -rise / w + from + to) / (w * w);
        [y[i], from, c, d]
    };
    (0..n - 1).map(piece).collect()
}

static LINEAR: Applied = Applied {
    run,
    mapper: Some(&MAPPER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.1D.LINEAR")),
};
static SPLINE: Applied = Applied {
    run,
    mapper: Some(&MAPPER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.1D.SPLINE")),
};
static AKIMA: Applied = Applied {
    run,
    mapper: Some(&MAPPER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.1D.AKIMA")),
};
static MAPPER: Aggregator = Aggregator::mapper(map);

pub(super) fn interpolator(vm: &mut Machine) -> Result {
    let ys = vm.pop_list("expects a LIST as 2nd argument")?;
    let xs = vm.pop_list("expects a sorted LIST as 1st argument")?;
    let count = vm.heap.list(xs).len();
    if vm.heap.list(ys).len() != count {
        let name = vm.word.name;
        return Err(Fault::text(format!(
            "{name}: incoherent argument sizes, both input LIST should have the same size."
        )));
    }
    let knots = numbers(vm, xs, "expects the first argument to be a numeric LIST")?;
    let values = numbers(vm, ys, "expects the last argument to be a numeric LIST")?;
    vm.heap.claim(count.saturating_mul(128))?;
    vm.charge(count * 16);
    let (applied, fewest, make): (_, _, Make) = match vm.word.name {
        "INTERPOLATOR.1D.SPLINE" => (&SPLINE, 3, natural),
        "INTERPOLATOR.1D.AKIMA" => (&AKIMA, 5, akima),
        _ => (&LINEAR, 2, linear),
    };
    let mut pieces = Vec::new();
    if count > 1 {
        check_order(&knots)?;
        // Too few points for a curve are joined by lines.
        pieces = if count < fewest { linear(&knots, &values) } else { make(&knots, &values) };
    }
    let computed = vm.heap.new_object(Polynomials { knots, pieces })?;
    let (xs, ys) = (vm.heap.list(xs).clone(), vm.heap.list(ys).clone());
    let shown = vec![vm.heap.new_list(xs)?, vm.heap.new_list(ys)?];
    push_function(vm, applied, computed, shown)
}

fn run(vm: &mut Machine, parameters: &[Value]) -> Result {
    let x = vm.pop()?;
    let x = number(vm, x).ok_or_else(|| vm.error("expects a DOUBLE or a LONG"))?;
    let y = computed::<Polynomials>(vm, parameters)?.at(x);
    vm.push(y)
}

fn map(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    match window_numbers(window)[..] {
        [Some(x)] => Ok(answer(window, computed::<Polynomials>(vm, parameters)?.at(x))),
        [None] => Err(vm.error(
            "expects a numeric GTS as argument when used as a mapper, but instead got a non \
             numeric element",
        )),
        _ => Err(vm.error(&format!("expects 1 element but got {}", window.len()))),
    }
}
