//! Base 64, in the standard, the URL and the order-preserving alphabet.

use weft_wire::opb64;

use super::hex;
use super::{pop_data, push_bytes};
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode(data: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::with_capacity(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = alphabet[(bits >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Bytes in the standard alphabet.
pub(crate) fn standard(data: &[u8]) -> String {
    encode(data, STANDARD)
}

/// Bytes of digits, with or without padding. Bits that make no whole byte are dropped.
fn decode(text: &str, alphabet: &[u8; 64]) -> Result<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let bad = |message: String| Fault::kind(Kind::Argument, message);
    if digits.len() % 4 == 1 {
        return Err(bad(format!("Invalid input length {}", digits.len())));
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0);
    for c in digits.chars() {
        let value = alphabet.iter().position(|digit| char::from(*digit) == c);
        let value = value.ok_or_else(|| bad(format!("Unrecognized character: {c}")))?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Ok(out)
}

pub(super) fn to_base64(vm: &mut Machine) -> Result {
    let alphabet = if vm.word.name == "->B64" { STANDARD } else { URL };
    let data = pop_data(vm, "operates on a String or a byte array.")?;
    vm.push_string(encode(&data, alphabet))
}

pub(super) fn from_base64(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len());
    let data = if vm.word.name == "B64->" {
        decode(&text.replace(['\n', '\r', ' '], ""), STANDARD)?
    } else {
        decode(&text, URL)?
    };
    push_bytes(vm, data)
}

pub(super) fn hex_to_base64(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len() / 4);
    let data = hex::decode(&text)?;
    vm.push_string(encode(&data, STANDARD))
}

pub(super) fn base64_to_hex(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len());
    let data = decode(&text, STANDARD)?;
    vm.push_string(hex::encode(&data))
}

pub(super) fn to_opb64(vm: &mut Machine) -> Result {
    let data = pop_data(vm, "operates on a String or a byte array.")?;
    vm.push_string(opb64::encode(&data))
}

/// OPB64-> and OPB64TOHEX.
pub(super) fn from_opb64(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a String.")?;
    vm.charge(text.len() / 4);
    let data = opb64::decode(text.as_bytes())
        .map_err(|error| Fault::kind(Kind::Argument, error.to_string()))?;
    if vm.word.name == "OPB64TOHEX" {
        return vm.push_string(hex::encode(&data));
    }
    push_bytes(vm, data)
}
