//! Runs of equal datapoints, reduced to their ends.

use crate::{DecodeError, Decoder, Encoder, PointRef, Value};

/// What is left of the datapoints when those that repeat the one before them are dropped; the last
/// one of all stays.
///
/// Repeating means the same location, elevation and value, whatever the tick. Doubles are compared
/// as numbers with one NaN and two zeros, and never equal a decimal. The encoder has base 0.
pub fn dedup(points: Decoder<'_>) -> Result<Encoder, DecodeError> {
    let mut kept = Encoder::new(0);
    let mut last: Option<PointRef> = None;
    let mut dropped = false;
    for point in points {
        let point = point?;
        dropped = last.as_ref().is_some_and(|last| is_repeated(last, &point));
        if !dropped {
            add(&mut kept, &point);
        }
        last = Some(point);
    }
    if let Some(last) = last.filter(|_| dropped) {
        add(&mut kept, &last);
    }
    Ok(kept)
}

fn add(encoder: &mut Encoder, point: &PointRef) {
    encoder.add(point.tick, point.location, point.elevation, &point.value);
}

fn is_repeated(last: &PointRef, point: &PointRef) -> bool {
    last.location == point.location
        && last.elevation == point.elevation
        && match (&last.value, &point.value) {
            (Value::Double(a), Value::Double(b)) => {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
            }
            (Value::Deleted, _) => false,
            (a, b) => a == b,
        }
}
