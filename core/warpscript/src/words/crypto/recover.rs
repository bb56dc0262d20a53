//! Public keys from signatures.

use num_bigint::{BigInt, BigUint};

use super::elliptic::{charge_points, decode, named};
use super::keys::{Key, Named};
use super::{bytes_of, text_of};
use crate::crypto::ecdsa;
use crate::crypto::elliptic::{Curve, Point};
use crate::decimal::ops::parse_integer;
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::Machine;
use crate::registry::{Word, word};
use crate::value::Value;

pub(super) const ECRECOVER: Word = word(
    "ECRECOVER",
    recover,
    "2.8.0",
    "parameters<MAP> ECRECOVER candidates<LIST>",
    "The public keys that may have made a signature. Keys of the map: `curve`, `hash` (BYTES that \
     were signed), `sig` (the signature) or its numbers `r` and `s` as STRINGs; `even` says \
     whether the ordinate of the nonce's point was, `i` how many times its abscissa exceeds the \
     order. With `coords` true each candidate is a map that tells the nonce's point too.",
    &[("{ 'hash' 5 } ECRECOVER", "!missing ECC curve name under 'curve'.")],
);

struct Signature {
    r: BigUint,
    s: BigUint,
}

/// A possible key and the point of the nonce that goes with it.
#[derive(PartialEq)]
struct Candidate {
    key: Point,
    nonce: Point,
}

fn recover(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a MAP.")?;
    let map = vm.heap.map(map).clone();
    let Some(name) = text_of(vm, &map, "curve") else {
        return Err(vm.error("missing ECC curve name under 'curve'."));
    };
    let on = named(&name).ok_or_else(|| vm.error("does not know the curve."))?;
    let Some(hash) = bytes_of(vm, &map, "hash") else {
        return Err(vm.error("invalid 'hash', expected BYTES."));
    };
    let signature = signature(vm, &map, &on.curve)?;
    let message = ecdsa::number(&on.curve, &hash);
    let indices = match map.get_text("i") {
        Some(Value::Long(i)) => i as i32..=i as i32,
        _ => 0..=on.curve.cofactor as i32,
    };
    let parities: &[bool] = match map.get_text("even") {
        Some(Value::Boolean(true)) => &[false],
        Some(Value::Boolean(false)) => &[true],
        _ => &[false, true],
    };
    let inverse = signature
        .r
        .modinv(&on.curve.order)
        .ok_or_else(|| Fault::text("BigInteger not invertible."))?;
    let coordinates = matches!(map.get_text("coords"), Some(Value::Boolean(true)));
    let mut candidates: Vec<Candidate> = Vec::new();
    for index in indices {
        for odd in parities {
            charge_points(vm, 6);
            for candidate in tries(&on.curve, &signature, &message, &inverse, (index, *odd)) {
                let known = candidates
                    .iter()
                    .any(|c| if coordinates { *c == candidate } else { c.key == candidate.key });
                if !known {
                    candidates.push(candidate);
                }
            }
        }
    }
    push_candidates(vm, &on, candidates, coordinates)
}

/// The two keys for one guess at the nonce's point.
fn tries(
    curve: &Curve,
    signature: &Signature,
    message: &BigUint,
    inverse: &BigUint,
    (index, odd): (i32, bool),
) -> Vec<Candidate> {
    let order = BigInt::from(curve.order.clone());
    let x = BigInt::from(signature.r.clone()) + BigInt::from(index) * &order;
    let Some(x) = x.to_biguint().filter(|x| x < &curve.field) else { return Vec::new() };
    let bytes = x.to_bytes_be();
    let mut encoded = vec![0; 1 + curve.width() - bytes.len()];
    encoded[0] = if odd { 3 } else { 2 };
    encoded.extend(bytes);
    let Ok(nonce) = curve.decode(&encoded) else { return Vec::new() };
    if curve.multiply(&nonce, &order).is_some() {
        return Vec::new();
    }
    let base = curve.multiply(&curve.base, &-BigInt::from(message.clone()));
    let key_of = |nonce: &Point| {
        let product = curve.multiply(nonce, &BigInt::from(signature.s.clone()));
        let sum = curve.sum(&base, &product);
        curve.multiply(&sum, &BigInt::from(inverse.clone()))
    };
    let other = curve.negate(&nonce);
    [nonce, other].into_iter().map(|nonce| Candidate { key: key_of(&nonce), nonce }).collect()
}

fn push_candidates(
    vm: &mut Machine,
    on: &Named,
    candidates: Vec<Candidate>,
    coordinates: bool,
) -> Result {
    let mut list = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let on = Named { name: on.name.clone(), curve: on.curve.clone() };
        let encoded = on.curve.encode(&candidate.key);
        let key = vm.heap.new_object(Key::EcPublic(decode(on, encoded)?))?;
        let Some((x, y)) = candidate.nonce.filter(|_| coordinates) else {
            list.push(key);
            continue;
        };
        let mut map = Map::default();
        for (name, number) in [("R.x", x), ("R.y", y)] {
            let value = vm.heap.string(format!("0x{}", number.to_str_radix(16)))?;
            map.entries.insert(vm.heap.text_key(name)?, value);
        }
        map.entries.insert(vm.heap.text_key("pubkey")?, key);
        list.push(Value::Map(vm.heap.alloc_map(map)?));
    }
    vm.push_list(list)
}

fn is_given(map: &Map, key: &str) -> bool {
    map.get_text(key).is_some_and(|value| !value.is_null())
}

fn signature(vm: &Machine, map: &Map, curve: &Curve) -> Result<Signature> {
    if is_given(map, "sig") {
        let Some(bytes) = bytes_of(vm, map, "sig") else {
            return Err(vm.error("invalid 'sig', expected BYTES."));
        };
        let signature = split(&bytes).ok_or_else(|| vm.error("invalid 'sig'."))?;
        for (name, value) in [("r", &signature.r), ("s", &signature.s)] {
            if value == &BigUint::ZERO || value > &curve.order {
                return Err(vm.error(&format!("invalid value for {name}.")));
            }
        }
        return Ok(signature);
    }
    if !is_given(map, "r") || !is_given(map, "s") {
        return Err(vm.error("expects 'sig' or 'r' and 's' to be provided."));
    }
    let number = |key: &str| -> Result<BigUint> {
        let Some(text) = text_of(vm, map, key) else {
            return Err(vm.error(&format!("invalid '{key}', expected STRING.")));
        };
        let text = text.to_lowercase();
        let number = match text.strip_prefix("0x") {
            Some(digits) => parse_integer(&format!("00{digits}"), 16)?,
            None => parse_integer(&text, 10)?,
        };
        number.to_biguint().ok_or_else(|| vm.error(&format!("invalid '{key}'.")))
    };
    Ok(Signature { r: number("r")?, s: number("s")? })
}

/// The two numbers of a signature, whatever stands around them.
fn split(bytes: &[u8]) -> Option<Signature> {
    let length = *bytes.get(1)?;
    let header = if length & 0x80 == 0 { 2 } else { 2 + usize::from(length & 0x7f) };
    let rest = bytes.get(header + 1..)?;
    let (&size, rest) = rest.split_first()?;
    let (r, rest) = rest.split_at_checked(usize::from(size))?;
    let s = rest.get(2..)?;
    Some(Signature { r: BigUint::from_bytes_be(r), s: BigUint::from_bytes_be(s) })
}
