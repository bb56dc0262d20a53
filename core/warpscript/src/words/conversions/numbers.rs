//! TOLONG, TODOUBLE, TOBOOLEAN and TOSTRING.

use weft_gts::text::{write_labels, write_name, write_place, write_value};
use weft_gts::{Labels, ValueRef};

use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::text::to_text;
use crate::value::{Handle, Value};
use crate::words::counters::as_number;

pub(super) fn to_boolean(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let result = match as_number(vm, value) {
        Value::Boolean(v) => v,
        Value::Long(v) => v != 0,
        Value::Double(v) => v as i64 != 0,
        Value::Decimal(v) => decimal::to_long(vm.heap.decimal(v)) != 0,
        Value::String(text) => !vm.heap.text(text).is_empty(),
        _ => return Err(vm.error("can only operate on numeric, boolean or string values.")),
    };
    vm.push(result)
}

fn bad_number(text: &str) -> Fault {
    let message = if text.is_empty() {
        "empty String".to_owned()
    } else {
        format!("For input string: \"{text}\"")
    };
    Fault::kind(Kind::Argument, message)
}

pub(super) fn to_double(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let result = match as_number(vm, value) {
        Value::Boolean(v) => f64::from(u8::from(v)),
        Value::Long(v) => v as f64,
        Value::Double(v) => v,
        Value::Decimal(v) => decimal::to_double(vm.heap.decimal(v)),
        Value::String(text) => {
            let text = vm.heap.text(text).trim_matches(|c: char| c <= ' ');
            weft_gts::parse_double(text)
                .or_else(|| parse_hexadecimal(text))
                .ok_or_else(|| bad_number(text))?
        }
        _ => return Err(vm.error("can only operate on numeric, boolean or string values.")),
    };
    vm.push(result)
}

/// A double as `-0x1.8p3`.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))?;
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = || whole.chars().chain(fraction.chars());
    if all().next().is_none() || !all().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    // Exponents beyond this are zero or infinite whatever the digits are.
    let exponent: i64 = exponent.parse::<i64>().ok()?.clamp(-1_000_000, 1_000_000);
    let mut value = 0u64;
    let mut scale = exponent - 4 * fraction.len() as i64;
    for digit in all().filter_map(|c| c.to_digit(16)) {
        if value < 1 << 59 {
            value = value << 4 | u64::from(digit);
        } else {
            // A digit that has no place only says that there is more than zero.
            value |= u64::from(digit != 0);
            scale += 4;
        }
    }
    let magnitude = scale_exactly(value, scale);
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// `value × 2^scale`, rounded once.
fn scale_exactly(value: u64, scale: i64) -> f64 {
    if value == 0 {
        return 0.0;
    }
    let shift = i64::from(value.leading_zeros());
    let (bits, scale) = (value << shift, scale - shift);
    // The exponent of the lowest bit that the result keeps.
    let lowest = (scale + 11).max(-1074);
    let drop = lowest - scale;
    if drop > 64 {
        return 0.0;
    }
    let (kept, rest, half) = match drop {
        64 => (0, bits, 1u64 << 63),
        drop => (bits >> drop, bits & ((1 << drop) - 1), 1u64 << (drop - 1)),
    };
    let up = rest > half || (rest == half && kept & 1 == 1);
    libm::scalbn((kept + u64::from(up)) as f64, lowest.clamp(-2000, 2000) as i32)
}

pub(super) fn to_long(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let result = match as_number(vm, value) {
        Value::Boolean(v) => i64::from(v),
        Value::Long(v) => v,
        Value::Double(v) => v as i64,
        Value::Decimal(v) => decimal::to_long(vm.heap.decimal(v)),
        Value::String(text) => decode_long(vm.heap.text(text).trim_matches(|c: char| c <= ' '))?,
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes);
            if bytes.len() > 8 {
                return Err(vm.error("can only operate on byte arrays from 1 to 8 bytes."));
            }
            let negative = bytes.first().is_some_and(|b| *b >= 0x80);
            let start = if negative { -1 } else { 0 };
            bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte))
        }
        _ => {
            return Err(
                vm.error("can only operate on numeric, boolean, byte array or string values.")
            );
        }
    };
    vm.push(result)
}

/// `Long.decode`.
fn decode_long(text: &str) -> Result<i64> {
    let bad = |digits: &str, radix: u32| {
        let radix = if radix == 10 { String::new() } else { format!(" under radix {radix}") };
        Fault::kind(Kind::Argument, format!("For input string: \"{digits}\"{radix}"))
    };
    if text.is_empty() {
        return Err(Fault::kind(Kind::Argument, "Zero length string"));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) =
        if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
            (digits, 16)
        } else if let Some(digits) = unsigned.strip_prefix('#') {
            (digits, 16)
        } else if unsigned.len() > 1 && unsigned.starts_with('0') {
            (&unsigned[1..], 8)
        } else {
            (unsigned, 10)
        };
    if digits.starts_with(['+', '-']) {
        return Err(Fault::kind(Kind::Argument, "Sign character in wrong position"));
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| bad(digits, radix))
}

pub(super) fn to_string(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let value = as_number(vm, value);
    let text = match value {
        Value::String(_) => return vm.push(value),
        Value::Boolean(_) | Value::Long(_) | Value::Double(_) | Value::Decimal(_) => {
            to_text(vm, value)?
        }
        Value::Gts(gts) => lines(vm, gts)?,
        _ => return Err(vm.error("can only operate on numeric, boolean or string values.")),
    };
    vm.charge(text.len() / 16);
    vm.push_string(text)
}

/// The points of a series in the text format, its name with the first one.
fn lines(vm: &mut Machine, gts: Handle<Gts>) -> Result<String> {
    let series = &vm.heap.gts(gts).series;
    let points = &series.points;
    let mut head = Vec::new();
    write_name(&mut head, series.metadata.class());
    write_list(&mut head, &series.metadata.labels);
    write_list(&mut head, &series.metadata.attributes);
    let mut out = Vec::new();
    for (index, point) in points.iter().enumerate() {
        if index > 0 {
            out.push(b'=');
        }
        write_place(&mut out, point.tick, point.location, point.elevation);
        out.push(b' ');
        if index == 0 {
            out.extend_from_slice(&head);
            out.push(b' ');
        }
        write_value(&mut out, ValueRef::from(&point.value));
        out.extend_from_slice(b"\r\n");
        vm.heap.claim(out.len().saturating_mul(2))?;
    }
    vm.charge(points.len() * 16);
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn write_list(out: &mut Vec<u8>, labels: &Labels) {
    write_labels(out, labels, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_doubles_round_once() {
        assert_eq!(parse_hexadecimal("0x1p3"), Some(8.0));
        assert_eq!(parse_hexadecimal("-0x1.8p1"), Some(-3.0));
        assert_eq!(parse_hexadecimal("0x1p-1074"), Some(f64::from_bits(1)));
        assert_eq!(parse_hexadecimal("0x1p-1075"), Some(0.0));
        assert_eq!(parse_hexadecimal("0x1.8p-1075"), Some(f64::from_bits(1)));
        assert_eq!(parse_hexadecimal("0x1.fffffffffffff8p0"), Some(2.0));
        assert_eq!(parse_hexadecimal("0x1p1024"), Some(f64::INFINITY));
        assert_eq!(parse_hexadecimal("0x1"), None);
    }

    #[test]
    fn integers_with_prefixes() {
        assert_eq!(decode_long("-0x10").ok(), Some(-16));
        assert_eq!(decode_long("010").ok(), Some(8));
        assert_eq!(decode_long("0").ok(), Some(0));
        assert!(decode_long("08").is_err());
        assert!(decode_long("0x-1").is_err());
        assert_eq!(decode_long("-9223372036854775808").ok(), Some(i64::MIN));
    }
}
