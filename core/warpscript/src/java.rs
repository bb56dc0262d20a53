//! Equality, order and hash order of values, as Java has them.
//!
//! Scripts see all three: CONTAINS compares with `equals`, LSORT with the natural order, and sets
//! (and a few words) give their members in the order of a Java hash table.

use std::cmp::Ordering;

use crate::error::{Fault, Kind, Result};
use crate::heap::{Heap, Key};
use crate::value::Value;

/// `Objects.equals`: `1` is not `1.0`, NaN equals NaN, collections compare by content.
///
/// # Errors
/// When collections are too large to be compared.
pub fn equals(heap: &Heap, a: Value, b: Value) -> Result<bool> {
    Ok(match (a, b) {
        (Value::Long(a), Value::Long(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b || heap.text(a) == heap.text(b),
        // Byte arrays are the same only as objects.
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Bytes(_), _) | (_, Value::Bytes(_)) => false,
        (Value::Object(a), Value::Object(b)) => {
            a == b || heap.any_object(a).same(heap.any_object(b))
        }
        _ => {
            std::mem::discriminant(&a) == std::mem::discriminant(&b)
                && heap.key(a)? == heap.key(b)?
        }
    })
}

/// The order of two texts: by UTF-16 units.
pub fn compare_texts(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() {
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

/// The order of two doubles: -0.0 before 0.0, NaN after everything.
pub fn compare_doubles(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.total_cmp(&b),
    }
}

/// The natural order of two values of one type.
///
/// # Errors
/// When they have no common order.
pub fn compare(heap: &Heap, a: Value, b: Value) -> Result<Ordering> {
    Ok(match (a, b) {
        (Value::Long(a), Value::Long(b)) => a.cmp(&b),
        (Value::Double(a), Value::Double(b)) => compare_doubles(a, b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(&b),
        (Value::String(a), Value::String(b)) => compare_texts(heap.text(a), heap.text(b)),
        (Value::Decimal(a), Value::Decimal(b)) => {
            crate::decimal::compare(heap.decimal(a), heap.decimal(b))
        }
        (Value::Null, _) | (_, Value::Null) => return Err(Fault::null()),
        _ => {
            let text = format!(
                "{} and {} have no common order.",
                crate::text::type_name(heap, a),
                crate::text::type_name(heap, b)
            );
            return Err(Fault::kind(Kind::Cast, text));
        }
    })
}

/// `Math.round`: half up, NaN is 0.
pub fn round(value: f64) -> i64 {
    let below = value.floor();
    (if value - below >= 0.5 { below + 1.0 } else { below }) as i64
}

/// `hashCode`.
pub fn hash(heap: &Heap, value: Value) -> i32 {
    let mix = |bits: u64| (bits ^ (bits >> 32)) as i32;
    match value {
        Value::Null => 0,
        Value::Boolean(v) => {
            if v {
                1231
            } else {
                1237
            }
        }
        Value::Long(v) => mix(v as u64),
        Value::Double(v) => mix(crate::heap::double_identity(v)),
        Value::String(text) => hash_text(heap.text(text)),
        Value::List(list) | Value::Vector(list) => {
            let items = heap.list(list).iter();
            items.fold(1i32, |h, v| h.wrapping_mul(31).wrapping_add(hash_flat(heap, *v)))
        }
        Value::Set(set) => {
            let members = heap.set(set).members.iter();
            members.fold(0i32, |h, k| h.wrapping_add(hash_flat(heap, k.value())))
        }
        Value::Map(map) => heap.map(map).entries.iter().fold(0i32, |h, (k, v)| {
            h.wrapping_add(hash_flat(heap, k.value()) ^ hash_flat(heap, *v))
        }),
        // Which object it is: any number will do.
        _ => 0,
    }
}

/// The hash of an element: collections inside collections count as one value, which keeps this
/// from recursing; their order in a table is of no importance to anyone.
fn hash_flat(heap: &Heap, value: Value) -> i32 {
    match value {
        Value::List(_) | Value::Vector(_) | Value::Map(_) | Value::Set(_) => 1,
        simple => hash(heap, simple),
    }
}

/// `String.hashCode`.
pub fn hash_text(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Sorts what was inserted into a Java hash table into the order in which the table walks it.
pub fn hash_order<T>(items: &mut [T], hash: impl Fn(&T) -> i32) {
    let mut capacity = 16usize;
    while items.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    hash_order_in(items, capacity, hash);
}

/// The same for a table that was made as a copy of one with `count` entries.
pub fn copy_order<T>(items: &mut [T], count: usize, hash: impl Fn(&T) -> i32) {
    let capacity = (count * 4 / 3 + 1).next_power_of_two();
    hash_order_in(items, capacity, hash);
}

fn hash_order_in<T>(items: &mut [T], capacity: usize, hash: impl Fn(&T) -> i32) {
    items.sort_by_cached_key(|item| {
        let h = hash(item) as u32;
        ((h ^ (h >> 16)) as usize) & (capacity - 1)
    });
}

/// The values of keys in the order of a Java hash table.
pub fn table_order<'a>(heap: &Heap, keys: impl Iterator<Item = &'a Key>) -> Vec<Value> {
    let mut values: Vec<Value> = keys.map(Key::value).collect();
    hash_order(&mut values, |v| hash(heap, *v));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_java() {
        assert_eq!(compare_doubles(-0.0, 0.0), Ordering::Less);
        assert_eq!(compare_doubles(f64::NAN, f64::INFINITY), Ordering::Greater);
        assert_eq!(compare_doubles(-f64::NAN, f64::INFINITY), Ordering::Greater);
        assert_eq!(compare_texts("\u{ffff}", "😀"), Ordering::Greater);
        assert_eq!(hash_text("hello"), 99_162_322);
        let mut words = ["banana", "apple", "cherry"];
        hash_order(&mut words, |w| hash_text(w));
        assert_eq!(words, ["banana", "apple", "cherry"]);
    }
}
