//! Datapoints as values: numbers, positions, and lists of five.

use weft_gts::{NO_ELEVATION, NO_LOCATION, PointRef, Value as PointValue};

use crate::error::Result;
use crate::machine::Machine;
use crate::position;
use crate::value::Value;

/// A datapoint's value as a value of the language. Decimals become doubles.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn from_point(vm: &mut Machine, value: &PointValue) -> Result<Value> {
    Ok(match value {
        PointValue::Long(v) => Value::Long(*v),
        PointValue::Double(v) => Value::Double(*v),
        PointValue::Decimal(v) => Value::Double(v.to_f64()),
        PointValue::Boolean(v) => Value::Boolean(*v),
        PointValue::String(v) => vm.heap.string(v.clone())?,
        PointValue::Bytes(v) => Value::Bytes(vm.heap.alloc_bytes(v.clone())?),
        PointValue::Deleted => Value::Null,
    })
}

/// Latitude and longitude, or NaN for both.
pub(crate) fn location_values(location: i64) -> (Value, Value) {
    if location == NO_LOCATION {
        return (Value::Double(f64::NAN), Value::Double(f64::NAN));
    }
    let (latitude, longitude) = position::from_location(location);
    (Value::Double(latitude), Value::Double(longitude))
}

/// The elevation, or NaN.
pub(crate) fn elevation_value(elevation: i64) -> Value {
    if elevation == NO_ELEVATION { Value::Double(f64::NAN) } else { Value::Long(elevation) }
}

/// `[ tick latitude longitude elevation value ]`.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn point_list(vm: &mut Machine, point: &PointRef) -> Result<Value> {
    let value = from_point(vm, &point.value)?;
    let (latitude, longitude) = location_values(point.location);
    let elevation = elevation_value(point.elevation);
    vm.heap.new_list(vec![Value::Long(point.tick), latitude, longitude, elevation, value])
}

/// Pushes `[ tick latitude longitude elevation value ]`.
///
/// # Errors
/// When memory or the stack's depth is used up.
pub(crate) fn push_point(vm: &mut Machine, point: &PointRef) -> Result {
    let list = point_list(vm, point)?;
    vm.push(list)
}
