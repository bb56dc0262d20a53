//! Cubic interpolation on grids of two and three dimensions.
//!
//! Inside of a cell the function is a product of cubic Hermite polynomials of the values and
//! derivatives at its corners; derivatives are differences of the neighbours, and zero at the rim.

use std::any::Any;

use super::{
    answer, check_order, computed, number, numbers, pop_point, push_function, window_numbers,
};
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Applied, Point, Window};
use crate::heap::{List, Object};
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// A grid of any number of dimensions (two or three here).
#[derive(Clone, Debug)]
struct Grid {
    axes: Vec<Vec<f64>>,
    /// The last axis first to change.
    values: Vec<f64>,
}

impl Object for Grid {
    fn type_name(&self) -> &'static str {
        "X-GRID"
    }

    fn footprint(&self) -> usize {
        (self.values.len() + self.axes.iter().map(Vec::len).sum::<usize>()) * 8
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The Hermite polynomials of a corner: of its value, and of its derivative.
fn hermite(t: f64, far: bool) -> [f64; 2] {
    let (t2, t3) = (t * t, t * t * t);
    if far {
        [3.0 * t2 - 2.0 * t3, t3 - t2]
    } else {
        [1.0 - 3.0 * t2 + 2.0 * t3, t - 2.0 * t2 + t3]
    }
}

impl Grid {
    fn value(&self, place: &[usize]) -> f64 {
        let index = place.iter().zip(&self.axes).fold(0, |index, (i, axis)| index * axis.len() + i);
        self.values[index]
    }

    /// The derivative along the axes of a bit set, by differences; zero where a neighbour is
    /// missing on any axis.
    fn derivative(&self, place: &[usize], along: usize) -> f64 {
        if along == 0 {
            return self.value(place);
        }
        let at_rim = place.iter().zip(&self.axes).any(|(i, axis)| *i == 0 || i + 1 == axis.len());
        if at_rim {
            return 0.0;
        }
        let axes: Vec<usize> = (0..self.axes.len()).filter(|a| along >> a & 1 == 1).collect();
        let mut sum = 0.0;
        let mut neighbour = place.to_vec();
        for signs in 0..1usize << axes.len() {
            let mut sign = 1.0;
            for (bit, axis) in axes.iter().enumerate() {
                let before = signs >> bit & 1 == 1;
                neighbour[*axis] = if before { place[*axis] - 1 } else { place[*axis] + 1 };
                sign = if before { -sign } else { sign };
            }
            sum += sign * self.value(&neighbour);
        }
        let distance = |axis: &usize| {
            let (axis, i) = (&self.axes[*axis], place[*axis]);
            axis[i + 1] - axis[i - 1]
        };
        sum / axes.iter().map(distance).product::<f64>()
    }

    /// The value at a point; `None` outside of the grid.
    fn at(&self, point: &[f64]) -> Option<f64> {
        let dimensions = self.axes.len();
        let mut cell = Vec::with_capacity(dimensions);
        for (x, axis) in point.iter().zip(&self.axes) {
            let (first, last) = (*axis.first()?, *axis.last()?);
            if axis.len() < 2 || x.is_nan() || *x < first || *x > last {
                return None;
            }
            let after = axis.partition_point(|knot| knot <= x);
            cell.push(after.saturating_sub(1).min(axis.len() - 2));
        }
        let width = |axis: usize| self.axes[axis][cell[axis] + 1] - self.axes[axis][cell[axis]];
        let mut sum = 0.0;
        for corner in 0..1usize << dimensions {
            let far = |axis: usize| corner >> axis & 1 == 1;
            let place: Vec<usize> =
                (0..dimensions).map(|axis| cell[axis] + usize::from(far(axis))).collect();
            for along in 0..1usize << dimensions {
                let mut factor = self.derivative(&place, along);
                for axis in 0..dimensions {
                    let t = (point[axis] - self.axes[axis][cell[axis]]) / width(axis);
                    let [value, slope] = hermite(t, far(axis));
                    factor *= if along >> axis & 1 == 1 { slope * width(axis) } else { value };
                }
                sum += factor;
            }
        }
        Some(sum)
    }
}

/// Appends the numbers of lists in lists, which must have the sizes of the axes.
fn collect(vm: &Machine, list: Handle<List>, sizes: &[usize], out: &mut Vec<f64>) -> Result {
    let name = vm.word.name;
    let incoherent = || {
        Fault::text(format!(
            "{name}: incoherent argument sizes. Up to vector sizes, values should be nested LIST \
             of sizes {sizes:?}."
        ))
    };
    let not_numbers = || vm.error("expects the last argument to be nested LIST of numbers");
    let mut rest = vec![(list, 0usize)];
    let mut levels = Vec::new();
    // Depth first, in order: at most three levels.
    while let Some((list, depth)) = rest.pop() {
        let values = vm.heap.list(list);
        if values.len() != sizes[depth] {
            return Err(incoherent());
        }
        if depth + 1 == sizes.len() {
            vm.heap.claim((out.len() + values.len()).saturating_mul(16))?;
            for value in values {
                out.push(number(vm, *value).ok_or_else(not_numbers)?);
            }
            continue;
        }
        levels.clear();
        for value in values {
            levels.push((value.as_list().ok_or_else(not_numbers)?, depth + 1));
        }
        rest.extend(levels.drain(..).rev());
    }
    Ok(())
}

fn make(vm: &mut Machine, dimensions: usize, applied: &'static Applied) -> Result {
    let values = vm.pop_list("expects a LIST as last argument")?;
    let mut lists = Vec::new();
    for _ in 0..dimensions {
        lists.push(vm.pop_list("expects sorted LIST as its arguments")?);
    }
    lists.reverse();
    let message = "expects numeric LIST as its arguments, but one contains at least one \
                   non-numeric element.";
    let mut axes = Vec::new();
    for list in &lists {
        axes.push(numbers(vm, *list, message)?);
    }
    let sizes: Vec<usize> = axes.iter().map(Vec::len).collect();
    let mut flat = Vec::new();
    collect(vm, values, &sizes, &mut flat)?;
    vm.charge(flat.len());
    if flat.is_empty() {
        return Err(Fault::kind(Kind::Argument, "no data"));
    }
    axes.iter().try_for_each(|axis| check_order(axis))?;
    let shown = shown(vm, &axes, &flat)?;
    let computed = vm.heap.new_object(Grid { axes, values: flat })?;
    push_function(vm, applied, computed, shown)
}

/// The lists that make the function again.
fn shown(vm: &mut Machine, axes: &[Vec<f64>], flat: &[f64]) -> Result<Vec<Value>> {
    let list = |numbers: &[f64]| -> List { numbers.iter().map(|v| Value::Double(*v)).collect() };
    let mut shown = Vec::new();
    for axis in axes {
        shown.push(vm.heap.new_list(list(axis))?);
    }
    vm.heap.claim_values(flat.len().saturating_mul(2))?;
    let mut level = list(flat);
    for axis in axes.iter().skip(1).rev() {
        let rows: Vec<List> = level.chunks(axis.len()).map(<[Value]>::to_vec).collect();
        level = rows.into_iter().map(|row| vm.heap.new_list(row)).collect::<Result<_>>()?;
    }
    shown.push(vm.heap.new_list(level)?);
    Ok(shown)
}

static REDUCER: Aggregator = Aggregator::reducer(reduce);
static BICUBIC: Applied = Applied {
    run,
    mapper: Some(&REDUCER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.2D.BICUBIC")),
};
static TRICUBIC: Applied = Applied {
    run,
    mapper: Some(&REDUCER),
    snapshot: Some(|vm, p| super::snapshot(vm, p, "INTERPOLATOR.3D.TRICUBIC")),
};

pub(super) fn bicubic(vm: &mut Machine) -> Result {
    make(vm, 2, &BICUBIC)
}

pub(super) fn tricubic(vm: &mut Machine) -> Result {
    make(vm, 3, &TRICUBIC)
}

fn run(vm: &mut Machine, parameters: &[Value]) -> Result {
    let dimensions = computed::<Grid>(vm, parameters)?.axes.len();
    let point = pop_point(vm, Some(dimensions))?;
    vm.charge(256);
    let value = computed::<Grid>(vm, parameters)?.at(&point);
    vm.push(value.unwrap_or(f64::NAN))
}

fn reduce(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let grid = computed::<Grid>(vm, parameters)?;
    let dimensions = grid.axes.len();
    if window.len() != dimensions {
        let found = window.len();
        return Err(vm.error(&format!("expects {dimensions} components but got {found}")));
    }
    let missing = (0..dimensions).any(|index| window.at(index).is_none());
    if dimensions == 3 && missing {
        return Ok(Point::none(window.tick));
    }
    let point: Option<Vec<f64>> = window_numbers(window).into_iter().collect();
    let point = point.ok_or_else(|| {
        vm.error(
            "expects numeric GTS when used as a reducer, but at least one value was not numeric.",
        )
    })?;
    Ok(answer(window, grid.at(&point).unwrap_or(f64::NAN)))
}
