//! Datapoints as values and back, and what words on series have in common.
//!
//! - [`from_point`], [`to_point`]: one value. [`point_list`], [`read_list`]: `[ tick … value ]`.
//! - [`append`], [`empty_like`]: building series. [`order`]: sorting and searching.
//! - [`each`], [`each_gts`]: words that take a series or a list of them.

mod each;
pub(crate) mod order;

use weft_gts::{Column, Labels, NO_ELEVATION, NO_LOCATION, PointRef, Series, Value as PointValue};

pub(crate) use each::{each, each_gts, each_nested, gts_list};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, List, Map};
use crate::java;
use crate::machine::Machine;
use crate::position;
use crate::value::{Handle, Value};

/// A value of the language as a datapoint's: a number, boolean, text or binary; `None` for
/// everything else. Decimals that are too wide become doubles.
pub(crate) fn to_point(vm: &Machine, value: Value) -> Option<PointValue> {
    Some(match value {
        Value::Long(v) => PointValue::Long(v),
        Value::Double(v) => PointValue::Double(v),
        Value::Boolean(v) => PointValue::Boolean(v),
        Value::String(text) => PointValue::String(vm.heap.text(text).clone()),
        Value::Bytes(bytes) => PointValue::Bytes(vm.heap.bytes(bytes).clone()),
        Value::Decimal(handle) => {
            let decimal = vm.heap.decimal(handle);
            match i64::try_from(&decimal.unscaled) {
                Ok(unscaled) => {
                    PointValue::Decimal(weft_gts::Decimal { unscaled, scale: decimal.scale })
                }
                Err(_) => {
                    let text = crate::decimal::to_text(decimal);
                    PointValue::Double(text.parse().unwrap_or(f64::NAN))
                }
            }
        }
        _ => return None,
    })
}

/// Appends a point to a series that is not in the heap yet: see [`Gts::append`].
#[inline]
pub(crate) fn append(gts: &mut Gts, tick: i64, location: i64, elevation: i64, value: PointValue) {
    gts.append(tick, location, elevation, value);
}

/// A series without points that has the name, labels, attributes and buckets of another.
pub(crate) fn empty_like(gts: &Gts) -> Gts {
    let Series { metadata, bucket, .. } = &gts.series;
    Gts::new(Series { metadata: metadata.clone(), bucket: *bucket, ..Series::default() })
}

/// The same series with other points.
pub(crate) fn with_points(gts: &Gts, points: weft_gts::Columns) -> Gts {
    let mut other = empty_like(gts);
    other.series.points = points;
    other
}

/// The bucket parameters, when all three are set: what the reference takes for bucketised.
pub(crate) fn bucket(gts: &Gts) -> Option<weft_gts::Bucket> {
    gts.series.bucket.filter(|b| b.count != 0 && b.span != 0 && b.last != 0)
}

/// The oldest tick: that of the first bucket, filled or not. `i64::MAX` when there is none.
pub(crate) fn first_tick(gts: &Gts) -> i64 {
    if let Some(bucket) = bucket(gts) {
        return bucket.last.wrapping_sub((bucket.count.wrapping_sub(1)).wrapping_mul(bucket.span));
    }
    gts.series.points.ticks.iter().copied().min().unwrap_or(i64::MAX)
}

/// The newest tick: that of the last bucket, filled or not. `i64::MIN` when there is none.
pub(crate) fn last_tick(gts: &Gts) -> i64 {
    match bucket(gts) {
        Some(bucket) => bucket.last,
        None => gts.series.points.ticks.iter().copied().max().unwrap_or(i64::MIN),
    }
}

/// The values of a numeric series as doubles; `None` for texts and booleans. An empty series has
/// none.
pub(crate) fn doubles(column: &Column) -> Option<Vec<f64>> {
    match column {
        Column::Empty => Some(Vec::new()),
        Column::Long(values) => Some(values.iter().map(|v| *v as f64).collect()),
        Column::Double(values) => Some(values.to_vec()),
        Column::Boolean(_) | Column::String(_) | Column::Mixed(_) => None,
    }
}

/// A location from two numbers; NaN makes none.
pub(crate) fn to_location(latitude: f64, longitude: f64) -> i64 {
    if latitude.is_nan() || longitude.is_nan() {
        return NO_LOCATION;
    }
    position::to_location(latitude, longitude)
}

/// An elevation from a number; NaN makes none.
pub(crate) fn to_elevation(vm: &Machine, value: Value) -> Option<i64> {
    match value {
        Value::Double(v) if v.is_nan() => Some(NO_ELEVATION),
        value => integer(vm, value),
    }
}

/// A number of any type, cut to a LONG as Java's `longValue` does.
#[inline]
pub(crate) fn integer(vm: &Machine, value: Value) -> Option<i64> {
    match value {
        Value::Long(v) => Some(v),
        Value::Double(v) => Some(v as i64),
        Value::Decimal(_) => match to_point(vm, value)? {
            PointValue::Decimal(v) => Some(v.to_i64_wrapping()),
            PointValue::Double(v) => Some(v as i64),
            _ => None,
        },
        _ => None,
    }
}

/// A number of any type as a double.
#[inline]
pub(crate) fn number(vm: &Machine, value: Value) -> Option<f64> {
    match value {
        Value::Long(v) => Some(v as f64),
        Value::Double(v) => Some(v),
        Value::Decimal(_) => match to_point(vm, value)? {
            PointValue::Decimal(v) => Some(v.to_f64()),
            PointValue::Double(v) => Some(v),
            _ => None,
        },
        _ => None,
    }
}

/// A point from a list of 1 to 5 values: `[ value ]`, `[ tick value ]`, `[ tick elevation value ]`,
/// `[ tick latitude longitude value ]` or all five. NaN stands for a missing position or elevation.
///
/// The value is handed back as it is: what it may be depends on the word.
///
/// # Errors
/// When the list is shorter, longer, or no numbers stand where they should.
pub(crate) fn read_list(vm: &Machine, items: &[Value]) -> Result<(i64, i64, i64, Value)> {
    let number = |v: Value| number(vm, v).ok_or_else(not_a_number);
    let tick = |v: Value| integer(vm, v).ok_or_else(not_a_number);
    let elevation = |v: Value| to_elevation(vm, v).ok_or_else(not_a_number);
    Ok(match *items {
        [value] => (0, NO_LOCATION, NO_ELEVATION, value),
        [at, value] => (tick(at)?, NO_LOCATION, NO_ELEVATION, value),
        [at, height, value] => (tick(at)?, NO_LOCATION, elevation(height)?, value),
        [at, lat, lon, value] => {
            (tick(at)?, to_location(number(lat)?, number(lon)?), NO_ELEVATION, value)
        }
        [at, lat, lon, height, value] => {
            let location = to_location(number(lat)?, number(lon)?);
            (tick(at)?, location, elevation(height)?, value)
        }
        _ => {
            let count = items.len();
            return Err(Fault::text(format!("Expected a list of 1 to 5 elements, got {count}")));
        }
    })
}

fn not_a_number() -> Fault {
    Fault::kind(Kind::Cast, "Not a number.")
}

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

/// Labels or attributes as a map, in the order of the reference's hash tables.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn labels_map(vm: &mut Machine, labels: &Labels) -> Result<Map> {
    let labels = labels_like(labels, labels.len());
    labels_as_they_are(vm, &labels)
}

/// Labels in the order of a hash table that was made as a copy of one with `count` entries.
pub(crate) fn labels_like(labels: &Labels, count: usize) -> Labels {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    java::hash_order(&mut pairs, |(name, _)| java::hash_text(name));
    java::copy_order(&mut pairs, count, |(name, _)| java::hash_text(name));
    pairs.into_iter().collect()
}

/// Labels or attributes as a map, in their order.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn labels_as_they_are(vm: &mut Machine, labels: &Labels) -> Result<Map> {
    let mut map = Map::default();
    for (name, value) in labels.iter() {
        let key = vm.heap.text_key(name)?;
        let value = vm.heap.string(value)?;
        map.entries.insert(key, value);
    }
    Ok(map)
}

/// The values of a column as a list.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn column_list(vm: &mut Machine, column: &Column) -> Result<Value> {
    vm.charge(column.len());
    vm.heap.claim_values(column.len())?;
    let list = match column {
        Column::Empty => Vec::new(),
        Column::Long(v) => v.iter().map(|v| Value::Long(*v)).collect(),
        Column::Double(v) => v.iter().map(|v| Value::Double(*v)).collect(),
        Column::Boolean(v) => v.iter().map(|v| Value::Boolean(*v)).collect(),
        Column::String(v) => {
            v.iter().map(|v| vm.heap.string(v.clone())).collect::<Result<Vec<_>>>()?
        }
        Column::Mixed(v) => v.iter().map(|v| from_point(vm, v)).collect::<Result<Vec<_>>>()?,
    };
    vm.heap.new_list(list)
}

/// Sorts a series of the heap.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn sort_in_place(vm: &mut Machine, handle: Handle<Gts>, reversed: bool) -> Result {
    let count = vm.heap.gts(handle).series.points.len();
    vm.charge(count);
    vm.heap.claim(count.saturating_mul(32))?;
    order::sort(&mut *vm.heap.change_gts(handle)?, reversed);
    Ok(())
}

/// Puts a series into the heap, as a value.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn new_gts(vm: &mut Machine, gts: Gts) -> Result<Value> {
    Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
}

/// A copy of a series, its order included; that it was renamed is forgotten.
pub(crate) fn copy(gts: &Gts) -> Gts {
    Gts { order: gts.order, ..Gts::new(gts.series.clone()) }
}

/// The place-by-place value of a column, as a number; fails for texts and booleans as Java's cast
/// does.
///
/// # Errors
/// When there is no number.
pub(crate) fn numbers(vm: &Machine, column: &Column) -> Result<Vec<f64>> {
    vm.heap.claim(column.len().saturating_mul(8))?;
    doubles(column).ok_or_else(not_a_number)
}

/// Asks for the memory of a copy of a series and pays for the work on it.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn claim_copy(vm: &mut Machine, handle: Handle<Gts>) -> Result {
    let count = vm.heap.gts(handle).series.points.len();
    vm.charge(count);
    vm.heap.claim(count.saturating_mul(48))
}

/// Takes a list and gives the series in it and in the lists directly inside it; anything else in
/// the outer list is ignored.
///
/// # Errors
/// When an inner list holds anything but series; `message` follows the word's name.
pub(crate) fn flat_gts(
    vm: &mut Machine,
    list: Handle<List>,
    message: &str,
) -> Result<Vec<Handle<Gts>>> {
    let mut series = Vec::new();
    for value in vm.heap.list(list).clone() {
        match value {
            Value::Gts(handle) => series.push(handle),
            Value::List(inner) | Value::Vector(inner) => {
                for value in vm.heap.list(inner) {
                    let Value::Gts(handle) = value else {
                        return Err(vm.error(message));
                    };
                    series.push(*handle);
                }
            }
            _ => (),
        }
    }
    vm.charge(series.len());
    Ok(series)
}

/// A value as Java's `toString` gives it.
pub(crate) fn point_text(value: &PointValue) -> String {
    match value {
        PointValue::Long(v) => v.to_string(),
        PointValue::Double(v) => weft_gts::JavaDouble(*v).to_string(),
        PointValue::Decimal(v) => v.to_java_string(),
        PointValue::Boolean(v) => v.to_string(),
        PointValue::String(v) => v.to_string(),
        PointValue::Bytes(v) => weft_gts::utf8::from_latin1(v),
        PointValue::Deleted => "null".to_owned(),
    }
}

/// `equals` of two values of one column: NaN equals NaN, the two zeros differ.
pub(crate) fn same_value(column: &Column, a: usize, b: usize) -> bool {
    match column {
        Column::Empty => true,
        Column::Long(v) => v[a] == v[b],
        Column::Double(v) => java::compare_doubles(v[a], v[b]).is_eq(),
        Column::Boolean(v) => v[a] == v[b],
        Column::String(v) => v[a] == v[b],
        Column::Mixed(v) => v[a] == v[b],
    }
}
