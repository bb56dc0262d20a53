//! Integers as bytes: of a fixed width, of variable length, interleaved.

use weft_gts::varint;

use super::push_bytes;
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::List;
use crate::machine::Machine;
use crate::value::Value;

const WIDTH: &str = "operates on a LONG or a list of LONG and expects a number of output bytes per \
                     LONG between 1 and 8 on top of the stack.";

pub(super) fn to_long_bytes(vm: &mut Machine) -> Result {
    let width = vm.pop_long(WIDTH)? as i32;
    let value = vm.pop()?;
    let Ok(width @ 1..=8) = usize::try_from(width) else {
        return Err(vm.error(WIDTH));
    };
    let mut out = Vec::new();
    match value {
        Value::Long(number) => out.extend_from_slice(&number.to_be_bytes()[8 - width..]),
        Value::List(list) | Value::Vector(list) => {
            let values = vm.heap.list(list);
            vm.heap.claim(values.len().saturating_mul(width))?;
            for value in values {
                let Value::Long(number) = value else {
                    return Err(vm.error(WIDTH));
                };
                out.extend_from_slice(&number.to_be_bytes()[8 - width..]);
            }
        }
        _ => return Err(vm.error(WIDTH)),
    }
    vm.charge(out.len() / 8);
    push_bytes(vm, out)
}

pub(super) fn to_varint(vm: &mut Machine) -> Result {
    let mut out = Vec::new();
    match vm.pop()? {
        Value::Long(number) => varint::write_unsigned(&mut out, number as u64),
        Value::List(list) | Value::Vector(list) => {
            let values = vm.heap.list(list);
            vm.heap.claim(values.len().saturating_mul(varint::VARINT_LENGTH_MAX))?;
            for value in values {
                let Value::Long(number) = value else {
                    return Err(vm.error("operates on a LIST of LONGs."));
                };
                varint::write_unsigned(&mut out, *number as u64);
            }
        }
        _ => return Err(vm.error("operates on a LONG or LIST of LONGs.")),
    }
    vm.charge(out.len());
    push_bytes(vm, out)
}

pub(super) fn from_varint(vm: &mut Machine) -> Result {
    let (count, top) = match vm.pop()? {
        Value::Long(count) => (Some(count), vm.pop()?),
        top => (None, top),
    };
    let Value::Bytes(bytes) = top else {
        return Err(vm.error("operates on a byte array."));
    };
    let bytes = crate::heap::Bytes::clone(vm.heap.bytes(bytes));
    vm.heap.claim_values(bytes.len())?;
    vm.charge(bytes.len());
    let mut values = List::new();
    let mut at = 0;
    while at < bytes.len() && count.is_none_or(|count| (values.len() as i64) < count) {
        let number = varint::read_unsigned(&bytes, &mut at)
            .map_err(|error| Fault::kind(Kind::Argument, error.to_string()))?;
        values.push(Value::Long(number as i64));
    }
    vm.push_list(values)?;
    if count.is_some() {
        vm.push(at as i64)?;
    }
    Ok(())
}

fn bit_width(vm: &mut Machine) -> Result<usize> {
    let width = vm.pop_long("expects a bit width on top of the stack.")? as i32;
    match width {
        0..=63 => Ok(width as usize),
        _ => Err(vm.error("expects a bit width <= 63.")),
    }
}

pub(super) fn to_morton(vm: &mut Machine) -> Result {
    let width = bit_width(vm)?;
    let message = "operates on a list of positive LONGs.";
    let list = vm.pop_list(message)?;
    let mut numbers = Vec::with_capacity(vm.heap.list(list).len());
    for value in vm.heap.list(list) {
        match value {
            Value::Long(number) if *number >= 0 => numbers.push(*number),
            _ => return Err(vm.error(message)),
        }
    }
    let bits = width * numbers.len();
    if i32::try_from(bits).is_err() {
        return Err(Fault::Error(Box::new(Error::bare(Kind::Argument))));
    }
    vm.charge(bits / 8);
    // From the last bit to the first: the lowest bit of the last number comes last.
    let mut out = vec![0u8; bits.div_ceil(8)];
    let mut at = bits;
    for shift in 0..width {
        for number in numbers.iter().rev() {
            at -= 1;
            if number >> shift & 1 == 1 {
                out[at / 8] |= 0x80 >> (at % 8);
            }
        }
    }
    push_bytes(vm, out)
}

pub(super) fn from_morton(vm: &mut Machine) -> Result {
    let width = bit_width(vm)?;
    let message = "expects a number of components below the bit width.";
    let count = vm.pop_long(message)? as i32;
    let data = vm.pop_bytes("operates on a Morton code encoded as a byte array.")?;
    let count =
        usize::try_from(count).map_err(|_| Fault::kind(Kind::Argument, format!("{count}")))?;
    vm.heap.claim_values(count.saturating_mul(2))?;
    vm.charge(count.saturating_mul(width) / 8);
    let mut numbers = vec![0i64; count];
    let mut at = 0;
    for _ in 0..width {
        for number in &mut numbers {
            let Some(byte) = data.get(at / 8) else {
                let (index, length) = (at / 8, data.len());
                let message = format!("Index {index} out of bounds for length {length}");
                return Err(Fault::kind(Kind::Bounds, message));
            };
            *number = *number << 1 | i64::from(byte >> (7 - at % 8) & 1);
            at += 1;
        }
    }
    vm.push_list(numbers.into_iter().map(Value::Long).collect())
}
