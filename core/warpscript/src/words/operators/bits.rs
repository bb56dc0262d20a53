//! Bits of numbers, and sets of bits.

use std::any::Any;
use std::sync::Arc;

use num_bigint::BigInt;
use weft_gts::{Column, Series};

use super::{pair, pop_pair, replace_pair, series};
use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::heap::{Decimal, Object};
use crate::machine::Machine;
use crate::value::Value;

/// An operation on the bits of two integers.
struct Bitwise {
    long: fn(i64, i64) -> i64,
    large: fn(&Machine, BigInt, BigInt) -> Result<BigInt>,
}

/// How far a large number is shifted: a count that fits 32 bits, and memory that suffices.
fn shift(vm: &Machine, number: BigInt, count: &BigInt, left: bool) -> Result<BigInt> {
    let Ok(count) = i32::try_from(count) else {
        return Err(Fault::kind(Kind::Arithmetic, "BigInteger out of int range"));
    };
    let count = if left { i64::from(count) } else { -i64::from(count) };
    if count >= 0 {
        vm.heap.claim(count as usize / 4)?;
        Ok(number << count)
    } else {
        Ok(number >> count.unsigned_abs())
    }
}

pub(super) fn and(vm: &mut Machine) -> Result {
    bitwise(vm, &Bitwise { long: |a, b| a & b, large: |_, a, b| Ok(a & b) })
}

pub(super) fn or(vm: &mut Machine) -> Result {
    bitwise(vm, &Bitwise { long: |a, b| a | b, large: |_, a, b| Ok(a | b) })
}

pub(super) fn xor(vm: &mut Machine) -> Result {
    bitwise(vm, &Bitwise { long: |a, b| a ^ b, large: |_, a, b| Ok(a ^ b) })
}

pub(super) fn shift_left(vm: &mut Machine) -> Result {
    let operation =
        Bitwise { long: |a, b| a.wrapping_shl(b as u32), large: |vm, a, b| shift(vm, a, &b, true) };
    bitwise(vm, &operation)
}

pub(super) fn shift_right(vm: &mut Machine) -> Result {
    let operation = Bitwise {
        long: |a, b| a.wrapping_shr(b as u32),
        large: |vm, a, b| shift(vm, a, &b, false),
    };
    bitwise(vm, &operation)
}

pub(super) fn shift_right_unsigned(vm: &mut Machine) -> Result {
    let operation = Bitwise {
        long: |a, b| (a as u64).wrapping_shr(b as u32) as i64,
        large: |vm, a, b| shift(vm, a, &b, false),
    };
    bitwise(vm, &operation)
}

fn bitwise(vm: &mut Machine, operation: &Bitwise) -> Result {
    if let Some((Value::Long(a), Value::Long(b))) = pair(vm) {
        replace_pair(vm, Value::Long((operation.long)(a, b)));
        return Ok(());
    }
    let message = "can only operate on two LONG, or two LONG GTS, or one LONG GTS and a LONG, or \
                   a BIGDECIMAL/LONG combination .";
    let (a, b) = pop_pair(vm)?;
    let result = match (a, b) {
        (Value::Gts(a), Value::Gts(b)) => {
            let (x, y) = (&vm.heap.gts(a).series.points, &vm.heap.gts(b).series.points);
            match (&x.values, &y.values) {
                (Column::Long(_), Column::Long(_)) => (),
                (Column::Empty, Column::Long(_)) | (Column::Long(_), Column::Empty) => {
                    let empty = vm.heap.new_gts(Series::default())?;
                    return vm.push(empty);
                }
                _ => return Err(vm.error(message)),
            }
            let pairs = series::matched(vm, a, b)?;
            let (x, y) = (&vm.heap.gts(a).series.points, &vm.heap.gts(b).series.points);
            let values = match (&x.values, &y.values) {
                (Column::Long(x), Column::Long(y)) => {
                    pairs.iter().map(|(i, j)| (operation.long)(x[*i], y[*j])).collect()
                }
                _ => Vec::new(),
            };
            series::paired(vm, (a, b), &pairs, Column::Long(Arc::new(values)))?
        }
        (Value::Gts(gts), Value::Long(mask)) => {
            let values = match &vm.heap.gts(gts).series.points.values {
                Column::Long(v) => {
                    let values = v.iter().map(|v| (operation.long)(*v, mask));
                    Column::Long(Arc::new(values.collect()))
                }
                Column::Empty => Column::Empty,
                _ => return Err(vm.error(message)),
            };
            series::with_values(vm, gts, values)?
        }
        (a, b) if matches!(a, Value::Decimal(_)) || matches!(b, Value::Decimal(_)) => {
            let (a, b) = (integer(vm, a, message)?, integer(vm, b, message)?);
            let unscaled = (operation.large)(vm, a, b)?;
            Value::Decimal(vm.heap.alloc_decimal(Decimal { unscaled, scale: 0 })?)
        }
        _ => return Err(vm.error(message)),
    };
    vm.push(result)
}

/// The integer that a number is.
fn integer(vm: &Machine, value: Value, message: &str) -> Result<BigInt> {
    let integer = match value {
        Value::Long(v) => Some(v.into()),
        Value::Double(v) => decimal::to_integer(&decimal::from_double(v)?)?,
        Value::Decimal(h) => decimal::to_integer(vm.heap.decimal(h))?,
        _ => return Err(vm.error(message)),
    };
    let message = "can only be applied to a BIGDECIMAL with no fractional part.";
    integer.ok_or_else(|| vm.error(message))
}

pub(super) fn complement(vm: &mut Machine) -> Result {
    let v = vm.pop_long("can only operate on a LONG.")?;
    vm.push(!v)
}

/// Numbers, or the numbers of a series, each made a LONG.
fn to_bits(vm: &mut Machine, bits: fn(f64, Option<i64>) -> i64) -> Result {
    let result = match vm.pop()? {
        Value::Long(v) => Value::Long(bits(v as f64, Some(v))),
        Value::Double(v) => Value::Long(bits(v, None)),
        Value::Decimal(h) => Value::Long(bits(decimal::to_double(vm.heap.decimal(h)), None)),
        Value::Gts(gts) => {
            let values: Vec<i64> = match &vm.heap.gts(gts).series.points.values {
                Column::Long(v) => v.iter().map(|v| bits(*v as f64, Some(*v))).collect(),
                Column::Double(v) => v.iter().map(|v| bits(*v, None)).collect(),
                _ => return Err(vm.error("operates on a DOUBLE or LONG Geo Time Series.")),
            };
            unbucketed(vm, gts, Column::Long(Arc::new(values)))?
        }
        _ => return Err(vm.error("operates on a DOUBLE, LONG or Geo Time Series thereof.")),
    };
    vm.push(result)
}

fn from_bits(vm: &mut Machine, number: fn(i64) -> f64) -> Result {
    let result = match vm.pop()? {
        Value::Long(v) => Value::Double(number(v)),
        Value::Gts(gts) => {
            let values: Vec<f64> = match &vm.heap.gts(gts).series.points.values {
                Column::Long(v) => v.iter().map(|v| number(*v)).collect(),
                _ => return Err(vm.error("operates on a LONG Geo Time Series.")),
            };
            unbucketed(vm, gts, Column::Double(Arc::new(values)))?
        }
        _ => return Err(vm.error("operates on a LONG or a Geo Time Series thereof.")),
    };
    vm.push(result)
}

/// New values at the points of a series, without its buckets.
fn unbucketed(
    vm: &mut Machine,
    gts: crate::value::Handle<crate::heap::Gts>,
    values: Column,
) -> Result<Value> {
    let result = series::with_values(vm, gts, values)?;
    if let Value::Gts(gts) = result {
        vm.heap.change_gts(gts)?.series.bucket = None;
    }
    Ok(result)
}

pub(in crate::words) fn double_bits(vm: &mut Machine) -> Result {
    to_bits(vm, |v, _| v.to_bits() as i64)
}

pub(super) fn float_bits(vm: &mut Machine) -> Result {
    to_bits(vm, |v, long| {
        let single = long.map_or(v as f32, |l| l as f32);
        i64::from(single.to_bits())
    })
}

pub(in crate::words) fn bits_double(vm: &mut Machine) -> Result {
    from_bits(vm, |v| f64::from_bits(v as u64))
}

pub(super) fn bits_float(vm: &mut Machine) -> Result {
    from_bits(vm, |v| f64::from(f32::from_bits(v as u32)))
}

/// A BITSET: bit n is bit `n % 8` of byte `n / 8`. The last byte is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bits(Arc<[u8]>);

impl Object for Bits {
    fn type_name(&self) -> &'static str {
        "BITSET"
    }

    fn footprint(&self) -> usize {
        self.0.len() + 16
    }

    fn snapshot(&self) -> Option<String> {
        Some(format!("'{}' OPB64-> BYTESTOBITS ", weft_wire::opb64::encode(&self.0)))
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn same(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The bytes of a value that is a BITSET.
pub(in crate::words) fn bit_set(vm: &Machine, value: Value) -> Option<Arc<[u8]>> {
    match value {
        Value::Object(object) => vm.heap.object::<Bits>(object).map(|bits| Arc::clone(&bits.0)),
        _ => None,
    }
}

/// Takes a BITSET.
fn pop_bits(vm: &mut Machine, message: &str) -> Result<Bits> {
    if let Value::Object(object) = vm.pop()?
        && let Some(bits) = vm.heap.object::<Bits>(object)
    {
        return Ok(bits.clone());
    }
    Err(vm.error(message))
}

pub(super) fn from_bytes(vm: &mut Machine) -> Result {
    let bytes = vm.pop_bytes("expects a byte array on top of the stack.")?;
    let length = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    vm.heap.claim(length)?;
    vm.charge(length / 16);
    let bits = vm.heap.new_object(Bits(bytes[..length].into()))?;
    vm.push(bits)
}

pub(super) fn to_bytes(vm: &mut Machine) -> Result {
    let bits = pop_bits(vm, "expects a bit set on top of the stack.")?;
    let bytes = vm.heap.alloc_bytes(bits.0)?;
    vm.push(Value::Bytes(bytes))
}

pub(super) fn get(vm: &mut Machine) -> Result {
    let index = vm.pop_long("expects a bit index on top of the stack.")? as i32;
    let bits = pop_bits(vm, "expects a bit set below the bit index.")?;
    let Ok(index) = usize::try_from(index) else {
        return Err(Fault::kind(Kind::Bounds, format!("bitIndex < 0: {index}")));
    };
    vm.push(bits.0.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1))
}

pub(super) fn count(vm: &mut Machine) -> Result {
    let Bits(bytes) = pop_bits(vm, "expects a bit set below the bit index.")?;
    let length = match bytes.last() {
        Some(last) => bytes.len() as i64 * 8 - i64::from(last.leading_zeros()),
        None => 0,
    };
    vm.push(length)?;
    vm.charge(bytes.len() / 16);
    vm.push(bytes.iter().map(|b| i64::from(b.count_ones())).sum::<i64>())
}
