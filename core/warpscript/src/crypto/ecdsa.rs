//! Signatures with elliptic curves.

use num_bigint::{BigInt, BigUint};

use super::digest::{self, Digest};
use super::elliptic::{Curve, Point};
use crate::entropy::Entropy;
use crate::prime;

/// The digest of a signature algorithm: `SHA256WITHECDSA` and the like.
pub(crate) fn algorithm(name: &str) -> Option<Digest> {
    let name = name.to_ascii_uppercase();
    if name == "ECDSA" {
        return digest::by_algorithm("SHA1");
    }
    let ends = ["WITHECDSA", "/ECDSA"];
    let name = ends.iter().find_map(|end| name.strip_suffix(end))?;
    match name {
        "NONE" => Some(|data| data.to_vec()),
        "SHA1" | "SHA224" | "SHA256" | "SHA384" | "SHA512" | "SHA3-224" | "SHA3-256"
        | "SHA3-384" | "SHA3-512" | "RIPEMD160" => digest::by_algorithm(name),
        _ => None,
    }
}

/// The number that stands for a hash: as many bits of it as the order has.
pub(crate) fn number(curve: &Curve, hash: &[u8]) -> BigUint {
    let bits = hash.len() as u64 * 8;
    BigUint::from_bytes_be(hash) >> bits.saturating_sub(curve.order.bits())
}

/// A number in `1..order`.
pub(crate) fn random(curve: &Curve, entropy: &mut Entropy) -> BigUint {
    loop {
        let number = prime::random(curve.order.bits(), entropy);
        if number != BigUint::ZERO && number < curve.order {
            return number;
        }
    }
}

/// Signs a hash with a secret in `1..order`.
pub(crate) fn sign(
    curve: &Curve,
    secret: &BigUint,
    hash: &[u8],
    entropy: &mut Entropy,
) -> (BigUint, BigUint) {
    let order = &curve.order;
    let message = number(curve, hash);
    loop {
        let nonce = random(curve, entropy);
        let point = curve.multiply(&curve.base, &BigInt::from(nonce.clone()));
        let (Some((x, _)), Some(inverse)) = (point, nonce.modinv(order)) else { continue };
        let r = x % order;
        let s = inverse * (&message + secret * &r) % order;
        if r != BigUint::ZERO && s != BigUint::ZERO {
            return (r, s);
        }
    }
}

/// Whether `r` and `s` sign a hash.
pub(crate) fn verify(curve: &Curve, key: &Point, hash: &[u8], r: &BigUint, s: &BigUint) -> bool {
    let order = &curve.order;
    if r == &BigUint::ZERO || s == &BigUint::ZERO || r >= order || s >= order {
        return false;
    }
    let Some(inverse) = s.modinv(order) else { return false };
    let for_base = BigInt::from(number(curve, hash) * &inverse % order);
    let for_key = BigInt::from(r * &inverse % order);
    let base = curve.multiply(&curve.base, &for_base);
    let sum = curve.sum(&base, &curve.multiply(key, &for_key));
    sum.is_some_and(|(x, _)| &(x % order) == r)
}
