//! Polynomials: fitted to points, and as functions.

use weft_gts::{Column, Columns, NO_ELEVATION, NO_LOCATION, Series, Value as PointValue};

use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Applied, Point, Role, Window};
use crate::heap::{Encoder, Function, Gts};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

/// The highest degree that is fitted.
const DEGREE_MAX: i64 = 1000;

pub(super) fn poly_fit(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut by_bucket = false;
    if let Value::Boolean(flag) = top {
        by_bucket = flag;
        top = vm.pop()?;
    }
    let Value::Long(degree) = top else {
        return Err(vm.error("expects a polynomial degree on top if the stack."));
    };
    let message = "expects a Geo Time Series below the degree of the polynomial.";
    let handle = vm.pop_gts(message)?;
    let gts = vm.heap.gts(handle);
    let points = gts.series.points.clone();
    if points.is_empty() {
        return Err(vm.error("operates on a non empty Geo Time Series."));
    }
    let bucket = points::bucket(gts);
    if by_bucket && bucket.is_none() {
        let message = "use of bucket id is only possible for bucketized Geo Time Series.";
        return Err(vm.error(message));
    }
    let Some(values) = points::doubles(&points.values) else {
        return Err(vm.error("can only operate on numerical Geo Time Series."));
    };
    if !(0..=DEGREE_MAX).contains(&degree) {
        return Err(Fault::kind(Kind::Argument, "empty polynomials coefficients array"));
    }
    let first = points::first_tick(gts);
    let x = points.ticks.iter().map(|tick| match bucket.filter(|_| by_bucket) {
        Some(bucket) => f64::from(tick.wrapping_sub(first).wrapping_div(bucket.span) as i32),
        None => *tick as f64,
    });
    let terms = degree as usize + 1;
    let cells = terms.saturating_mul(values.len());
    vm.heap.claim(cells.saturating_mul(24))?;
    vm.charge(cells.saturating_mul(terms));
    let coefficients = fit(&x.collect::<Vec<_>>(), &values, terms);
    vm.push_list(coefficients.into_iter().map(Value::Double).collect())
}

/// The coefficients of least squares, lowest first.
fn fit(x: &[f64], y: &[f64], terms: usize) -> Vec<f64> {
    fit_weighted(x, y, &vec![1.0; x.len()], terms)
}

/// The same with weights, by Householder reflections on columns that are scaled to length 1.
pub(super) fn fit_weighted(x: &[f64], y: &[f64], weights: &[f64], terms: usize) -> Vec<f64> {
    let n = x.len();
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    let mut columns: Vec<Vec<f64>> = vec![roots.clone()];
    for term in 1..terms {
        let next = columns[term - 1].iter().zip(x).map(|(p, x)| p * x).collect();
        columns.push(next);
    }
    let lengths: Vec<f64> = columns.iter().map(|c| norm(c)).collect();
    for (column, length) in columns.iter_mut().zip(&lengths) {
        if *length > 0.0 {
            column.iter_mut().for_each(|v| *v /= length);
        }
    }
    let mut right: Vec<f64> = y.iter().zip(&roots).map(|(y, r)| y * r).collect();
    let rank = terms.min(n);
    for step in 0..rank {
        let length = norm(&columns[step][step..]);
        if length == 0.0 {
            continue;
        }
        let pivot = columns[step][step];
        let alpha = if pivot > 0.0 { -length } else { length };
        let mut reflector = columns[step][step..].to_vec();
        reflector[0] -= alpha;
        let square: f64 = reflector.iter().map(|v| v * v).sum();
        if square == 0.0 {
            continue;
        }
        let reflect = |target: &mut [f64]| {
            let dot: f64 = reflector.iter().zip(target.iter()).map(|(a, b)| a * b).sum();
            let factor = 2.0 * dot / square;
            target.iter_mut().zip(&reflector).for_each(|(t, r)| *t -= factor * r);
        };
        columns[step..].iter_mut().for_each(|c| reflect(&mut c[step..]));
        reflect(&mut right[step..]);
    }
    let mut solution = vec![0.0; terms];
    for row in (0..rank).rev() {
        let known: f64 = (row + 1..rank).map(|c| columns[c][row] * solution[c]).sum();
        let diagonal = columns[row][row];
        // A column that says nothing new takes no part.
        solution[row] = if diagonal.abs() < 1e-14 { 0.0 } else { (right[row] - known) / diagonal };
    }
    for (value, length) in solution.iter_mut().zip(&lengths) {
        if *length > 0.0 {
            *value /= length;
        }
    }
    solution
}

fn norm(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * values.iter().map(|v| (v / largest) * (v / largest)).sum::<f64>().sqrt()
}

static POLYFUNC: Applied = Applied { run: apply, mapper: Some(&MAPPER), snapshot: None };

static MAPPER: Aggregator =
    Aggregator { mapper: true, bucketizer: false, reducer: false, run: map, bulk: None };

pub(super) fn poly_func(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list of polynomial coefficients on top of the stack.")?;
    let mut coefficients = Vec::new();
    for value in vm.heap.list(list) {
        let Some(value) = points::number(vm, *value) else {
            return Err(vm.error("expects polynomial coefficients to be numerical."));
        };
        coefficients.push(Value::Double(value));
    }
    if coefficients.is_empty() {
        return Err(Fault::kind(Kind::Argument, "empty polynomials coefficients array"));
    }
    let parameters = vec![vm.heap.new_list(coefficients)?];
    let role = Role::Applied(&POLYFUNC);
    let function = Function { word: Some(vm.word), name: None, role, parameters };
    let function = vm.heap.alloc_function(function)?;
    vm.push(Value::Function(function))
}

/// The coefficients of a function, lowest first.
fn coefficients(vm: &Machine, parameters: &[Value]) -> Vec<f64> {
    let list = parameters.first().and_then(|p| p.as_list());
    let values = list.map(|list| vm.heap.list(list).as_slice()).unwrap_or_default();
    values.iter().filter_map(|v| v.as_f64()).collect()
}

/// Horner's scheme, from the highest coefficient that is not zero.
fn value_at(coefficients: &[f64], x: f64) -> f64 {
    let last = coefficients.iter().rposition(|c| *c != 0.0).unwrap_or(0);
    let (Some(highest), Some(rest)) = (coefficients.get(last), coefficients.get(..last)) else {
        return 0.0;
    };
    rest.iter().rev().fold(*highest, |sum, c| x * sum + c)
}

fn map(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let coefficients = coefficients(vm, parameters);
    if window.ticks.len() > 1 {
        return Err(Fault::text("POLYFUNC can only be applied to a single value."));
    }
    Ok(Point {
        tick: window.tick,
        location: window.locations.first().copied().unwrap_or(NO_LOCATION),
        elevation: window.elevations.first().copied().unwrap_or(NO_ELEVATION),
        value: Some(PointValue::Double(value_at(&coefficients, window.tick as f64))),
    })
}

fn apply(vm: &mut Machine, parameters: &[Value]) -> Result {
    let coefficients = coefficients(vm, parameters);
    let mut top = vm.pop()?;
    let mut by_bucket = false;
    if let Value::Boolean(flag) = top {
        by_bucket = flag;
        top = vm.pop()?;
    }
    let is_bucketized =
        matches!(top, Value::Gts(handle) if points::bucket(vm.heap.gts(handle)).is_some());
    if by_bucket && !is_bucketized {
        let message = "can only be applied to bucketized numerical Geo Time Series.";
        return Err(vm.error(message));
    }
    let result = match top {
        Value::List(list) | Value::Vector(list) => {
            let values = vm.heap.list(list).clone();
            vm.charge(values.len().saturating_mul(coefficients.len()));
            let mut results = Vec::with_capacity(values.len());
            for value in values {
                let Some(x) = points::number(vm, value) else {
                    return Err(vm.error("can only be applied to numerical values."));
                };
                results.push(Value::Double(value_at(&coefficients, x)));
            }
            vm.heap.new_list(results)?
        }
        Value::Gts(handle) => on_series(vm, handle, &coefficients, by_bucket)?,
        Value::Encoder(handle) => {
            let encoder = vm.heap.encoder(handle);
            let (metadata, points) = (encoder.metadata.clone(), encoder.points.clone());
            vm.charge(points.len().saturating_mul(coefficients.len()));
            vm.heap.claim(points.len().saturating_mul(16))?;
            let points = evaluated(points, &coefficients);
            let encoder = Encoder { metadata, points, ..Encoder::default() };
            Value::Encoder(vm.heap.alloc_encoder(encoder)?)
        }
        other => match points::number(vm, other) {
            Some(x) => Value::Double(value_at(&coefficients, x)),
            None => {
                return Err(vm.error(
                    "can only be applied to numerical values which may appear in LISTs, GTS or \
                     ENCODERs.",
                ));
            }
        },
    };
    vm.push(result)
}

/// The value at each tick instead of what is there.
fn evaluated(points: Columns, coefficients: &[f64]) -> Columns {
    if points.is_empty() {
        return Columns::default();
    }
    let values: Vec<f64> = points.ticks.iter().map(|t| value_at(coefficients, *t as f64)).collect();
    Columns { values: Column::Double(values.into()), ..points }
}

fn on_series(
    vm: &mut Machine,
    handle: Handle<Gts>,
    coefficients: &[f64],
    by_bucket: bool,
) -> Result<Value> {
    points::claim_copy(vm, handle)?;
    let gts = vm.heap.gts(handle);
    let Some(bucket) = points::bucket(gts) else {
        let points = evaluated(gts.series.points.clone(), coefficients);
        return vm.heap.new_gts(Series { points, ..Series::default() });
    };
    let count = usize::try_from(bucket.count).unwrap_or(0);
    let has_places =
        !gts.series.points.locations.is_empty() || !gts.series.points.elevations.is_empty();
    vm.charge(count.saturating_mul(coefficients.len()));
    vm.heap.claim(count.saturating_mul(48))?;
    if has_places {
        points::sort_in_place(vm, handle, false)?;
    }
    let columns = &vm.heap.gts(handle).series.points;
    let mut result = Gts::default();
    for index in 0..bucket.count {
        let tick = match by_bucket {
            true => bucket.count - 1 - index,
            false => bucket.last.wrapping_sub(index.wrapping_mul(bucket.span)),
        };
        let place = order::binary_search(&columns.ticks, tick);
        let location = place.map_or(NO_LOCATION, |p| columns.location(p));
        let elevation = place.map_or(NO_ELEVATION, |p| columns.elevation(p));
        let value = PointValue::Double(value_at(coefficients, tick as f64));
        result.append(tick, location, elevation, value);
    }
    points::new_gts(vm, result)
}
