//! What the files share: how bytes, values and datapoints are written in JSON.
//!
//! A vector that cannot be read is a mistake of the file, not of what it checks, so these
//! functions panic with what they found.

use serde_json::Value as Json;
use weft_gts::{Decimal, Encoder, Labels, NO_ELEVATION, NO_LOCATION, PointRef, Value};

/// The bytes of a string of hexadecimal digits.
pub(crate) fn unhex(text: &Json) -> Vec<u8> {
    let Some(text) = text.as_str() else { panic!("not hexadecimal: {text}") };
    assert!(text.len().is_multiple_of(2), "odd number of hexadecimal digits: {text}");
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match std::str::from_utf8(pair).map(|pair| u8::from_str_radix(pair, 16)) {
            Ok(Ok(byte)) => byte,
            _ => panic!("not hexadecimal: {text}"),
        })
        .collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A 64-bit integer.
pub(crate) fn long(number: &Json) -> i64 {
    let Some(number) = number.as_i64() else { panic!("not a 64-bit integer: {number}") };
    number
}

/// A string.
pub(crate) fn string(text: &Json) -> &str {
    let Some(text) = text.as_str() else { panic!("not a string: {text}") };
    text
}

/// An array.
pub(crate) fn array(list: &Json) -> &[Json] {
    let Some(list) = list.as_array() else { panic!("not an array: {list}") };
    list
}

/// A double given as its 64 bits.
pub(crate) fn bits(text: &Json) -> f64 {
    match u64::from_str_radix(string(text), 16) {
        Ok(bits) => f64::from_bits(bits),
        Err(error) => panic!("not the bits of a double: {text}: {error}"),
    }
}

/// A map of strings, in the order of the file.
pub(crate) fn labels(map: &Json) -> Labels {
    let Some(map) = map.as_object() else { panic!("not a map: {map}") };
    map.iter().map(|(name, value)| (name.as_str(), string(value))).collect()
}

/// A typed value, `{"t": …}`.
pub(crate) fn value(typed: &Json) -> Value {
    match string(&typed["t"]) {
        "L" => Value::Long(long(&typed["v"])),
        "D" => Value::Double(bits(&typed["bits"])),
        "BD" => Value::Decimal(Decimal {
            unscaled: long(&typed["unscaled"]),
            scale: long(&typed["scale"]) as i32,
        }),
        "Z" => Value::Boolean(typed["v"] == true),
        "S" => Value::String(string(&typed["v"]).into()),
        "B" => Value::Bytes(unhex(&typed["hex"]).into()),
        "N" => Value::Deleted,
        other => panic!("unknown type of value {other}"),
    }
}

/// Datapoints that go in, `[tick, latitude, longitude, location, elevation, value]`, or that came
/// out, `[tick, location, elevation, value]`.
pub(crate) fn points(list: &Json) -> Vec<PointRef> {
    array(list).iter().map(point).collect()
}

/// One of [`points`].
pub(crate) fn point(point: &Json) -> PointRef {
    let fields = array(point);
    let [location, elevation, typed] = &fields[fields.len() - 3..] else { unreachable!() };
    PointRef {
        tick: long(&fields[0]),
        location: if location.is_null() { NO_LOCATION } else { long(location) },
        elevation: if elevation.is_null() { NO_ELEVATION } else { long(elevation) },
        value: value(typed),
    }
}

/// Adds a datapoint and returns the size.
pub(crate) fn add(encoder: &mut Encoder, point: &PointRef) -> usize {
    encoder.add(point.tick, point.location, point.elevation, &point.value)
}

/// Datapoints as text that shows every bit, to compare them.
pub(crate) fn show<'p>(points: impl IntoIterator<Item = &'p PointRef>) -> String {
    points
        .into_iter()
        .map(|point| {
            let PointRef { tick, location, elevation, value } = point;
            match value {
                Value::Double(double) => {
                    format!("{tick}/{location}/{elevation} Double({:016x})\n", double.to_bits())
                }
                value => format!("{tick}/{location}/{elevation} {value:?}\n"),
            }
        })
        .collect()
}
