//! Local regression: every point from a straight line through its neighbours, nearer ones weighing
//! more.

use weft_gts::Columns;

use super::curves::{Plain, check_growing, natural, numbers};
use crate::error::{Fault, Kind, Result};
use crate::function::{Curve, Point};
use crate::machine::Machine;
use crate::value::Value;
use crate::words::fillers::curves;

/// What spread of ticks and which residuals count as none, unless told otherwise.
pub(super) const ACCURACY: f64 = 1e-12;

/// A smoothing under way.
struct Smoothing {
    x: Vec<f64>,
    y: Vec<f64>,
    /// Points that make a line.
    width: usize,
    rounds: i64,
    accuracy: f64,
    round: i64,
    /// The next point of the round, and the first of its neighbours.
    next: usize,
    left: usize,
    smooth: Vec<f64>,
    residuals: Vec<f64>,
    weights: Vec<f64>,
    done: Option<Plain>,
}

/// `(1 - |x|³)³` within 1 of 0.
fn tricube(x: f64) -> f64 {
    let x = x.abs();
    if x >= 1.0 {
        return 0.0;
    }
    let y = 1.0 - x * x * x;
    y * y * y
}

impl Smoothing {
    /// The line through the neighbours of point `i`, at that point.
    fn fit(&self, i: usize) -> f64 {
        let (left, right) = (self.left, self.left + self.width - 1);
        let at = self.x[i];
        let edge = if at - self.x[left] > self.x[right] - at { left } else { right };
        let scale = (1.0 / (self.x[edge] - at)).abs();
        let [mut w, mut wx, mut wxx, mut wy, mut wxy] = [0.0; 5];
        for k in left..=right {
            let (x, y) = (self.x[k], self.y[k]);
            let distance = if k < i { at - x } else { x - at };
            let weight = tricube(distance * scale) * self.weights[k];
            let weighted = x * weight;
            w += weight;
            wx += weighted;
            wxx += x * weighted;
            wy += y * weight;
            wxy += y * weighted;
        }
        let (mean_x, mean_y, mean_xy, mean_xx) = (wx / w, wy / w, wxy / w, wxx / w);
        let spread = mean_xx - mean_x * mean_x;
        let slope = if spread.abs().sqrt() < self.accuracy {
            0.0
        } else {
            (mean_xy - mean_x * mean_y) / spread
        };
        slope * at + (mean_y - slope * mean_x)
    }

    /// Weighs points by their residuals for the next round; `false` when there is nothing to gain.
    fn weigh(&mut self) -> bool {
        let mut sorted = self.residuals.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        if median.abs() < self.accuracy {
            return false;
        }
        for (weight, residual) in self.weights.iter_mut().zip(&self.residuals) {
            let part = residual / (6.0 * median);
            let kept = 1.0 - part * part;
            *weight = if part >= 1.0 { 0.0 } else { kept * kept };
        }
        true
    }
}

impl Curve for Smoothing {
    fn prepare(&mut self, vm: &mut Machine) -> Result<bool> {
        while self.done.is_none() {
            while self.next < self.x.len() {
                let i = self.next;
                let right = self.left + self.width - 1;
                // The window moves on when the next point is nearer than the first one.
                if i > 0
                    && self
                        .x
                        .get(right + 1)
                        .is_some_and(|x| x - self.x[i] < self.x[i] - self.x[self.left])
                {
                    self.left += 1;
                }
                self.smooth[i] = self.fit(i);
                self.residuals[i] = (self.y[i] - self.smooth[i]).abs();
                self.next += 1;
                vm.charge(self.width * 2);
                if vm.should_yield() {
                    return Ok(false);
                }
            }
            if self.round == self.rounds || !self.weigh() {
                self.done = Some(Plain(Some(natural(&self.x, &self.smooth))));
                break;
            }
            self.round += 1;
            self.next = 0;
            self.left = 0;
        }
        Ok(true)
    }

    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point> {
        match &mut self.done {
            Some(curve) => curve.at(vm, tick),
            None => Some(Point::none(tick)),
        }
    }
}

pub(super) fn curve(
    vm: &mut Machine,
    points: &Columns,
    parameters: &[Value],
) -> Result<Box<dyn Curve>> {
    let numbers = numbers(vm, points)?;
    let Some((x, y)) = numbers.filter(|(x, _)| x.len() > 2) else {
        return curves::linear(vm, points, &[]);
    };
    check_growing(&x)?;
    let count = x.len();
    vm.heap.claim(count * 32)?;
    let bandwidth = parameters.first().and_then(|v| v.as_f64()).unwrap_or(2.0);
    let part = (bandwidth / count as f64 + 1e-12).min(1.0);
    let width = (part * count as f64) as usize;
    if width < 2 {
        return Err(Fault::kind(Kind::Argument, "the bandwidth is too small"));
    }
    let (rounds, accuracy) = match parameters {
        [_, Value::Long(rounds), accuracy] => (*rounds, accuracy.as_f64()),
        [_, accuracy] => (0, accuracy.as_f64()),
        _ => (0, None),
    };
    Ok(Box::new(Smoothing {
        x,
        y,
        width,
        rounds,
        accuracy: accuracy.unwrap_or(ACCURACY),
        round: 0,
        next: 0,
        left: 0,
        smooth: vec![0.0; count],
        residuals: vec![0.0; count],
        weights: vec![1.0; count],
        done: None,
    }))
}
