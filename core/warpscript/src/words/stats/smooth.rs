//! Exponential smoothing.

use weft_gts::{Column, Columns};

use super::moments::sorted_points;
use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// A factor between 0 and 1, neither included.
fn check(factor: f64, name: &str) -> Result {
    if factor <= 0.0 || factor >= 1.0 {
        return Err(Fault::text(format!("The {name} factor must be in 0 < factor < 1.")));
    }
    Ok(())
}

/// The points of a numeric series with two values at least, and these.
fn values(vm: &mut Machine, handle: Handle<Gts>) -> Result<(Columns, Vec<f64>)> {
    let column = &vm.heap.gts(handle).series.points.values;
    if !matches!(column, Column::Long(_) | Column::Double(_)) {
        let message = "Can only perform exponential smoothing on numeric Geo Time Series.";
        return Err(Fault::text(message));
    }
    if column.len() < 2 {
        return Err(Fault::text(
            "Can only perform exponential smoothing on Geo Time Series containing at least two \
             values.",
        ));
    }
    points::claim_copy(vm, handle)?;
    let points = sorted_points(vm, handle)?;
    let values = points::numbers(vm, &points.values)?;
    Ok((points, values))
}

/// A series with the last points of another and new values.
pub(super) fn replaced(
    vm: &mut Machine,
    handle: Handle<Gts>,
    points: &Columns,
    skip: usize,
    values: Vec<f64>,
) -> Result<Value> {
    let mut columns = points.slice(skip..points.len());
    columns.values = if columns.is_empty() { Column::Empty } else { Column::Double(values.into()) };
    let result = points::with_points(vm.heap.gts(handle), columns);
    points::new_gts(vm, result)
}

fn pop_factor(vm: &mut Machine) -> Result<f64> {
    let factor = vm.pop()?;
    points::number(vm, factor).ok_or_else(|| vm.error("expects a numeric smoothing factor."))
}

pub(super) fn single(vm: &mut Machine) -> Result {
    let alpha = pop_factor(vm)?;
    points::each_gts(vm, |vm, handle| {
        check(alpha, "smoothing")?;
        let (points, values) = values(vm, handle)?;
        let mut smoothed = values[0];
        let results = values.iter().enumerate().map(|(place, value)| {
            if place > 0 {
                smoothed = alpha * value + (1.0 - alpha) * smoothed;
            }
            smoothed
        });
        let results = results.collect();
        replaced(vm, handle, &points, 0, results)
    })
}

pub(super) fn double(vm: &mut Machine) -> Result {
    let beta = pop_factor(vm)?;
    let alpha = pop_factor(vm)?;
    points::each_gts(vm, |vm, handle| {
        check(alpha, "data smoothing")?;
        check(beta, "trend smoothing")?;
        let (points, values) = values(vm, handle)?;
        let mut level = values[1];
        let mut trend = level - values[0];
        let (mut levels, mut trends) = (vec![level], vec![trend]);
        for value in &values[2..] {
            let next = alpha * value + (1.0 - alpha) * (level + trend);
            trend = beta * (next - level) + (1.0 - beta) * trend;
            level = next;
            levels.push(level);
            trends.push(trend);
        }
        let levels = replaced(vm, handle, &points, 1, levels)?;
        let trends = replaced(vm, handle, &points, 1, trends)?;
        vm.heap.new_list(vec![levels, trends])
    })
}
