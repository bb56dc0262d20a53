//! Hexadecimal and binary digits.

use num_bigint::Sign;

use super::push_bytes;
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;
use crate::value::Value;
use crate::words::operators::bit_set;

/// Lower-case hexadecimal digits of bytes.
pub(in crate::words) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Bytes of an even number of hexadecimal digits.
///
/// # Errors
/// When it is odd, or something else is among them.
pub(in crate::words) fn decode(text: &str) -> Result<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return Err(Fault::kind(Kind::Argument, "Odd number of hexadecimal digits."));
    }
    let digit = |byte: u8| {
        let digit = char::from(byte).to_digit(16);
        digit.ok_or_else(|| Fault::kind(Kind::Argument, "Invalid hex character."))
    };
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

pub(super) fn to_hex(vm: &mut Machine) -> Result {
    let text = match vm.pop()? {
        Value::String(text) => encode(vm.heap.text(text).as_bytes()),
        Value::Bytes(bytes) => encode(vm.heap.bytes(bytes)),
        Value::Long(number) => format!("{number:016x}"),
        value @ Value::Decimal(_) => integer_digits(vm, value, 16, "0x")?,
        _ => return Err(vm.error("operates on a STRING, BYTES, BIGDECIMAL or LONG.")),
    };
    vm.charge(text.len() / 8);
    vm.push_string(text)
}

/// A BIGDECIMAL without a fraction in a radix.
fn integer_digits(vm: &Machine, value: Value, radix: u32, prefix: &str) -> Result<String> {
    let integer = match value {
        Value::Decimal(decimal) => crate::decimal::to_integer(vm.heap.decimal(decimal))?,
        _ => None,
    };
    let Some(integer) = integer else {
        return Err(vm.error("can only operate on a BIGDECIMAL with no fractional part."));
    };
    let sign = if integer.sign() == Sign::Minus { "-" } else { "" };
    Ok(format!("{sign}{prefix}{}", integer.magnitude().to_str_radix(radix)))
}

pub(super) fn from_hex(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len() / 8);
    let data =
        if text.len().is_multiple_of(2) { decode(&text)? } else { decode(&format!("0{text}"))? };
    push_bytes(vm, data)
}

/// FROMHEX and FROMBIN.
pub(super) fn from_radix(vm: &mut Machine) -> Result {
    let (radix, digits, what) = match vm.word.name {
        "FROMHEX" => (16, 16, "hexadecimal"),
        _ => (2, 64, "binary"),
    };
    let message = format!("can only operate on string of {what} representations.");
    let text = vm.pop_text(&message)?;
    let bad = |message: String| Err(Fault::kind(Kind::Argument, message));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    if text.is_empty() {
        return bad("Zero length BigInteger".to_owned());
    }
    if unsigned.is_empty() || !unsigned.chars().all(|c| c.is_digit(radix)) {
        return bad(format!("For input string: \"{text}\" under radix {radix}"));
    }
    if text.len() > digits {
        let message = format!("can only operate on {what} representations of 64 bits or less.");
        return Err(vm.error(&message));
    }
    let number = u64::from_str_radix(unsigned, radix).unwrap_or_default() as i64;
    vm.push(if text.starts_with('-') { number.wrapping_neg() } else { number })
}

pub(super) fn to_bin(vm: &mut Machine) -> Result {
    let digits = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:08b}")).collect() };
    let text = match vm.pop()? {
        Value::String(text) => {
            vm.heap.claim(vm.heap.text(text).len().saturating_mul(16))?;
            digits(vm.heap.text(text).as_bytes())
        }
        Value::Bytes(bytes) => {
            vm.heap.claim(vm.heap.bytes(bytes).len().saturating_mul(16))?;
            digits(vm.heap.bytes(bytes))
        }
        Value::Long(number) => format!("{number:064b}"),
        value @ Value::Decimal(_) => integer_digits(vm, value, 2, "0b")?,
        value => match bit_set(vm, value) {
            Some(bytes) => {
                let bits: String =
                    bytes.iter().map(|b| format!("{:08b}", b.reverse_bits())).collect();
                bits.trim_end_matches('0').to_owned()
            }
            None => {
                return Err(vm.error("operates on a STRING, BYTES, LONG, BIGDECIMAL or BITSET."));
            }
        },
    };
    vm.charge(text.len());
    vm.push_string(text)
}

/// Takes binary digits as bytes.
fn pop_bin(vm: &mut Machine) -> Result<Vec<u8>> {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len() / 4);
    let missing = (8 - text.len() % 8) % 8;
    let mut bytes = vec![0u8; (text.len() + missing) / 8];
    for (index, digit) in text.bytes().enumerate() {
        let place = index + missing;
        match digit {
            b'0' => (),
            b'1' => bytes[place / 8] |= 0x80 >> (place % 8),
            _ => {
                let message =
                    format!("expects a valid binary representation. \"{text}\" is invalid.");
                return Err(vm.error(&message));
            }
        }
    }
    Ok(bytes)
}

pub(super) fn from_bin(vm: &mut Machine) -> Result {
    let bytes = pop_bin(vm)?;
    push_bytes(vm, bytes)
}

pub(super) fn bin_to_hex(vm: &mut Machine) -> Result {
    let bytes = pop_bin(vm)?;
    vm.push_string(encode(&bytes).to_ascii_uppercase())
}

pub(super) fn hex_to_bin(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.heap.claim(text.len().saturating_mul(4))?;
    vm.charge(text.len());
    let mut out = String::with_capacity(text.len() * 4);
    for c in text.chars() {
        let Some(digit) = c.to_digit(16) else {
            return Err(vm.error(&format!("encountered an invalid hex character '{c}'.")));
        };
        out.push_str(&format!("{digit:04b}"));
    }
    vm.push_string(out)
}
