//! Base 58, plain and with a checksum.

use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::{pop_data, push_bytes};
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// How much may be converted at once: the time grows with the square of it.
const LENGTH_MAX: usize = 256 << 10;

const CHECKSUM: usize = 4;

fn check_length(vm: &mut Machine, length: usize) -> Result {
    if length > LENGTH_MAX {
        return Err(vm.error(&format!("operates on at most {LENGTH_MAX} bytes.")));
    }
    vm.charge(length.saturating_mul(length) / 64);
    Ok(())
}

fn checksum(data: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(data)).into()
}

/// ->B58 and ->B58C.
pub(super) fn to_base58(vm: &mut Machine) -> Result {
    let checked = vm.word.name == "->B58C";
    let prefix = if checked { Some(vm.pop_bytes("expects a byte array prefix.")?) } else { None };
    let data = pop_data(vm, "operates on STRING or a byte array.")?;
    let mut payload = prefix.as_deref().unwrap_or_default().to_vec();
    payload.extend_from_slice(&data);
    check_length(vm, payload.len())?;
    if checked {
        let sum = checksum(&payload);
        payload.extend_from_slice(&sum[..CHECKSUM]);
    }
    if payload.is_empty() {
        return Err(Fault::kind(Kind::Bounds, "Index 0 out of bounds for length 0"));
    }
    let zeros = payload.iter().take_while(|b| **b == 0).count();
    let mut out = "1".repeat(zeros);
    if zeros < payload.len() {
        let digits = BigUint::from_bytes_be(&payload).to_radix_be(58);
        out.extend(digits.iter().map(|d| char::from(ALPHABET[usize::from(*d)])));
    }
    vm.push_string(out)
}

/// B58-> and B58C->.
pub(super) fn from_base58(vm: &mut Machine) -> Result {
    let checked = vm.word.name == "B58C->";
    let prefix = if checked { Some(vm.pop_bytes("expects a byte array prefix.")?) } else { None };
    let text = vm.pop_text("operates on a STRING.")?;
    check_length(vm, text.len())?;
    let data = decode(&text).map_err(|f| {
        f.wrap(format!("{} encountered an error while decoding Base58.", vm.word.name))
    })?;
    let Some(prefix) = prefix else {
        return push_bytes(vm, data);
    };
    if data.len() < prefix.len() + CHECKSUM {
        return Err(vm.error("Base58 STRING too short."));
    }
    if !data.starts_with(&prefix) {
        return Err(vm.error("invalid prefix."));
    }
    let (payload, sum) = data.split_at(data.len() - CHECKSUM);
    if checksum(payload)[..CHECKSUM] != *sum {
        return Err(vm.error("invalid checksum."));
    }
    push_bytes(vm, &payload[prefix.len()..])
}

fn decode(text: &str) -> Result<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        let digit = ALPHABET.iter().position(|d| char::from(*d) == c);
        digits.push(
            digit.ok_or_else(|| Fault::text(format!("Invalid input '{c}' at position {index}.")))?
                as u8,
        );
    }
    let zeros = digits.iter().take_while(|d| **d == 0).count();
    let mut data = vec![0; zeros];
    if zeros < digits.len() {
        let number = BigUint::from_radix_be(&digits, 58).unwrap_or_default();
        data.extend(number.to_bytes_be());
    }
    Ok(data)
}
