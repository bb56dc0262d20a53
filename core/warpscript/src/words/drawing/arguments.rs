//! Arguments of drawing words: a canvas, and what lies above it.

use std::any::Any;

use crate::error::{Fault, Kind, Result};
use crate::graphics::Picture;
use crate::graphics::canvas::{Canvas, Refusal};
use crate::graphics::shapes::Shape;
use crate::heap::{Object, Text};
use crate::machine::Machine;
use crate::value::{Handle, Value};

/// A font: a size, for the one font there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font(pub(super) f32);

macro_rules! object {
    ($type:ty, $name:literal, $size:expr) => {
        impl Object for $type {
            fn type_name(&self) -> &'static str {
                $name
            }

            fn footprint(&self) -> usize {
                let size: fn(&Self) -> usize = $size;
                size(self)
            }

            fn as_any(&self) -> &dyn Any {
                self
            }

            fn as_any_mut(&mut self) -> &mut dyn Any {
                self
            }
        }
    };
}

object!(Canvas, "PGRAPHICS", Self::footprint);
object!(Picture, "PIMAGE", |picture| picture.pixels.len() * 4 + 64);
object!(Shape, "PSHAPE", Self::footprint);
object!(Font, "PFONT", |_| 8);

/// The canvas that a word works on.
pub(super) type Target = Handle<dyn Object>;

/// Takes a canvas and the values above it, of which there must be one of `counts`, in order.
pub(super) fn pop(vm: &mut Machine, counts: &[usize]) -> Result<(Target, Vec<Value>)> {
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut values = Vec::new();
    let mut canvas = None;
    while vm.depth() > 0 && values.len() <= most {
        let top = vm.pop()?;
        if let Value::Object(handle) = top
            && vm.heap.object::<Canvas>(handle).is_some()
        {
            canvas = Some(handle);
            break;
        }
        values.push(top);
    }
    if !counts.contains(&values.len()) {
        return Err(Fault::text(format!(
            "Invalid number of parameters, expected one of {counts:?} but found {}",
            values.len()
        )));
    }
    values.reverse();
    let canvas = canvas.ok_or_else(|| Fault::kind(Kind::Cast, "Not a canvas."))?;
    Ok((canvas, values))
}

/// A number as Java's `floatValue`.
pub(super) fn float(vm: &Machine, value: Value) -> Result<f32> {
    match value {
        Value::Long(v) => Ok(v as f32),
        Value::Double(v) => Ok(v as f32),
        Value::Decimal(v) => Ok(crate::decimal::to_double(vm.heap.decimal(v)) as f32),
        _ => Err(Fault::kind(Kind::Cast, "Not a number.")),
    }
}

/// A number as Java's `intValue`.
pub(super) fn int(vm: &Machine, value: Value) -> Result<i32> {
    match value {
        Value::Long(v) => Ok(v as i32),
        Value::Double(v) => Ok(v as i32),
        Value::Decimal(v) => Ok(crate::decimal::to_long(vm.heap.decimal(v)) as i32),
        _ => Err(Fault::kind(Kind::Cast, "Not a number.")),
    }
}

/// Numbers as floats.
pub(super) fn floats(vm: &Machine, values: &[Value]) -> Result<Vec<f32>> {
    values.iter().map(|value| float(vm, *value)).collect()
}

/// A value as text.
pub(super) fn text(vm: &Machine, value: Value) -> Result<Text> {
    Ok(crate::text::to_text(vm, value)?.into())
}

/// Looks at a canvas.
pub(super) fn look(vm: &Machine, target: Target) -> Result<&Canvas> {
    vm.heap.object::<Canvas>(target).ok_or_else(Fault::null)
}

/// Changes a canvas and pays for it.
pub(super) fn change<R>(
    vm: &mut Machine,
    target: Target,
    run: impl FnOnce(&mut Canvas) -> R,
) -> Result<R> {
    let work = look(vm, target)?.work();
    vm.charge(work);
    vm.heap.update_object(target, run).ok_or_else(Fault::null)
}

/// Changes a canvas in a way that may be refused, and pushes it again.
pub(super) fn draw(
    vm: &mut Machine,
    target: Target,
    run: impl FnOnce(&mut Canvas) -> std::result::Result<(), Refusal>,
) -> Result {
    change(vm, target, run)?.map_err(Fault::text)?;
    // What was added must fit.
    vm.heap.claim(0)?;
    vm.push(Value::Object(target))
}

/// A word whose arguments are all numbers.
pub(super) fn numeric(
    vm: &mut Machine,
    counts: &[usize],
    run: impl FnOnce(&mut Canvas, &[f32]) -> std::result::Result<(), Refusal>,
) -> Result {
    let (target, values) = pop(vm, counts)?;
    let numbers = floats(vm, &values)?;
    draw(vm, target, |canvas| run(canvas, &numbers))
}

/// A word that computes something and leaves it above the canvas.
pub(super) fn compute(
    vm: &mut Machine,
    counts: &[usize],
    run: impl FnOnce(&Machine, &Canvas, &[Value]) -> Result<Value>,
) -> Result {
    let (target, values) = pop(vm, counts)?;
    let result = run(vm, look(vm, target)?, &values)?;
    vm.push(Value::Object(target))?;
    vm.push(result)
}

/// The pixels of a canvas or picture.
pub(super) fn picture(vm: &Machine, value: Value) -> Option<&Picture> {
    let Value::Object(handle) = value else { return None };
    match vm.heap.object::<Canvas>(handle) {
        Some(canvas) => Some(&canvas.picture),
        None => vm.heap.object::<Picture>(handle),
    }
}

/// A copy of the pixels of a canvas or picture.
pub(super) fn copied(vm: &mut Machine, value: Value) -> Result<Option<Picture>> {
    let Some(found) = picture(vm, value) else { return Ok(None) };
    vm.heap.claim(found.pixels.len() * 4)?;
    let copy = found.clone();
    vm.charge(copy.pixels.len() / 4);
    Ok(Some(copy))
}

/// Changes the pixels of a canvas or picture.
pub(super) fn change_picture(
    vm: &mut Machine,
    value: Value,
    run: impl Fn(&mut Picture),
) -> Option<()> {
    let Value::Object(handle) = value else { return None };
    match vm.heap.update_object(handle, |canvas: &mut Canvas| run(&mut canvas.picture)) {
        Some(()) => Some(()),
        None => vm.heap.update_object(handle, run),
    }
}
