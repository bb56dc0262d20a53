//! What macros leave: a point as one list, as five values, or several points in a map.

use std::sync::Arc;

use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue};

use super::callee::point_value;
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;
use crate::position;
use crate::value::Value;

/// A point that a macro left.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    /// `None`: the macro gave none, and asking for it is an error.
    pub(crate) tick: Option<i64>,
    pub(crate) location: i64,
    pub(crate) elevation: i64,
    pub(crate) value: Option<PointValue>,
}

/// What a macro left.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    One(Left),
    /// By the name of the series.
    Many(Vec<(Arc<str>, Left)>),
}

impl Left {
    /// The tick of the output: its own when that is wanted.
    pub(crate) fn tick(&self, own: bool, tick: i64) -> Result<i64> {
        if own { self.tick.ok_or_else(not_a_number) } else { Ok(tick) }
    }
}

fn not_a_number() -> Fault {
    Fault::kind(Kind::Cast, "A number was expected.")
}

fn not_a_list() -> Fault {
    Fault::kind(Kind::Cast, "A list was expected.")
}

/// Takes what a macro left on the stack.
pub(crate) fn take(vm: &mut Machine) -> Result<Output> {
    match vm.peek(0)? {
        Value::List(_) | Value::Vector(_) => {
            let list = vm.pop()?;
            Ok(Output::One(from_list(vm, list)?))
        }
        Value::Map(map) => {
            vm.pop()?;
            let entries: Vec<(Value, Value)> =
                vm.heap.map(map).entries.iter().map(|(k, v)| (k.value(), *v)).collect();
            let mut many = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let left = from_list(vm, value)?;
                many.push((key_text(vm, key)?, left));
            }
            Ok(Output::Many(many))
        }
        _ => Ok(Output::One(from_stack(vm)?)),
    }
}

fn key_text(vm: &mut Machine, key: Value) -> Result<Arc<str>> {
    match key {
        Value::Null => Err(Fault::null()),
        Value::String(text) => Ok(vm.heap.text(text).clone()),
        other => Ok(crate::text::display(vm, other).into()),
    }
}

/// Reads a point of one to five elements.
pub(crate) fn from_list(vm: &Machine, list: Value) -> Result<Left> {
    let items = vm.heap.list(list.as_list().ok_or_else(not_a_list)?);
    let number = |value: Value| value.as_f64().ok_or_else(not_a_number);
    let tick = |value: Value| value.as_i64().ok_or_else(not_a_number);
    let location = |latitude: Value, longitude: Value| -> Result<i64> {
        let latitude = number(latitude)?;
        if latitude.is_nan() {
            return Ok(NO_LOCATION);
        }
        let longitude = number(longitude)?;
        if longitude.is_nan() {
            return Ok(NO_LOCATION);
        }
        Ok(position::to_location(latitude, longitude))
    };
    let elevation = |value: Value| -> Result<i64> {
        Ok(if number(value)?.is_nan() { NO_ELEVATION } else { tick(value)? })
    };
    let (at, location, elevation, value) = match **items {
        [t, latitude, longitude, e, v] => {
            (Some(tick(t)?), location(latitude, longitude)?, elevation(e)?, v)
        }
        [t, latitude, longitude, v] => {
            (Some(tick(t)?), location(latitude, longitude)?, NO_ELEVATION, v)
        }
        [t, e, v] => (Some(tick(t)?), NO_LOCATION, elevation(e)?, v),
        [t, v] => (Some(tick(t)?), NO_LOCATION, NO_ELEVATION, v),
        [v] => (None, NO_LOCATION, NO_ELEVATION, v),
        _ => {
            let text = format!("Expected a list of 1 to 5 elements, got {}", items.len());
            return Err(Fault::text(text));
        }
    };
    Ok(Left { tick: at, location, elevation, value: point_value(vm, value) })
}

/// Takes tick, latitude, longitude, elevation and value from the stack.
pub(crate) fn from_stack(vm: &mut Machine) -> Result<Left> {
    let value = vm.pop()?;
    let elevation = vm.pop()?;
    let (longitude, latitude) = (vm.pop()?, vm.pop()?);
    let tick = vm.pop()?;
    let (Value::Double(latitude), Value::Double(longitude)) = (latitude, longitude) else {
        let text = "Macro MUST return a latitude and a longitude which are of type DOUBLE.";
        return Err(Fault::text(text));
    };
    let located = !latitude.is_nan() && !longitude.is_nan();
    let location = if located { position::to_location(latitude, longitude) } else { NO_LOCATION };
    let elevation = match elevation {
        Value::Long(v) => v,
        Value::Double(v) if v.is_nan() => NO_ELEVATION,
        Value::Double(_) => {
            let text = "Macro MUST return an elevations which is NaN if it is of type DOUBLE.";
            return Err(Fault::text(text));
        }
        _ => {
            let text = "Macro MUST return an elevation which is either NaN or LONG.";
            return Err(Fault::text(text));
        }
    };
    let Value::Long(tick) = tick else {
        return Err(Fault::text("Macro MUST return a tick of type LONG."));
    };
    Ok(Left { tick: Some(tick), location, elevation, value: point_value(vm, value) })
}
