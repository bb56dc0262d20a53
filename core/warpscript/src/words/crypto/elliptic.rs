//! Keys on elliptic curves.

use num_bigint::BigInt;

use super::keys::{self, EcPrivate, EcPublic, Key, Named};
use super::{hex, push_bytes, push_texts, text_of, unhex};
use crate::crypto::elliptic::BadPoint;
use crate::crypto::{curves, der, ecdsa};
use crate::decimal::ops::integer_from_value;
use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;
use crate::registry::{Word, word};
use crate::value::Value;

pub(super) const ECGEN: Word = word(
    "ECGEN",
    generate,
    "2.6.0",
    "curve<STRING> ECGEN private<MAP> public<MAP>",
    "A new pair of keys on a curve, as maps for ECPRIVATE and ECPUBLIC.",
    &[("'secp256r1' ECGEN 'curve' GET SWAP DROP", "[\"secp256r1\"]")],
);

pub(super) const ECPRIVATE: Word = word(
    "ECPRIVATE",
    private,
    "2.6.0",
    "parameters<MAP> ECPRIVATE key<KEY>\nkey<KEY> ECPRIVATE parameters<MAP>",
    "A private key from a map of `curve` and `d`, and back.",
    &[(
        "{ 'curve' 'secp256r1' 'd' '7' } ECPRIVATE ECPRIVATE",
        "[{\"curve\":\"secp256r1\",\"d\":\"7\"}]",
    )],
);

pub(super) const ECPUBLIC: Word = word(
    "ECPUBLIC",
    public,
    "2.6.0",
    "parameters<MAP> ECPUBLIC key<KEY>\nprivate<KEY> ECPUBLIC public<KEY>\n\
     public<KEY> ECPUBLIC parameters<MAP>",
    "A public key from a map of `curve` and `Q` (the point in hexadecimal) or from a private key; \
     the map of a public key.",
    &[("{ 'curve' 'secp112r1' 'd' '1' } ECPRIVATE ECPUBLIC ECPUBLIC 'Q' GET SIZE", "[58]")],
);

pub(super) const ECDH: Word = word(
    "ECDH",
    agree,
    "2.7.2",
    "private<KEY> public<KEY> ECDH secret<STRING>",
    "The secret that the owners of two pairs of keys share, in hexadecimal.",
    &[("5 5 ECDH", "!expects an ECC public key.")],
);

pub(super) const ECSIGN: Word = word(
    "ECSIGN",
    sign,
    "2.6.0",
    "data<BYTES> algorithm<STRING> private<KEY> ECSIGN signature<BYTES>",
    "Signs data; algorithms are named like `SHA256WITHECDSA`.",
    &[("5 ECSIGN", "!expects an ECC private key.")],
);

pub(super) const ECVERIFY: Word = word(
    "ECVERIFY",
    verify,
    "2.6.0",
    "data<BYTES> signature<BYTES> algorithm<STRING> public<KEY> ECVERIFY valid<BOOLEAN>",
    "Whether a signature of data was made with the private key to this public key. A key that \
     ECPUBLIC computed from a private key must go through its map first.",
    &[(
        "'secp256r1' ECGEN ECPUBLIC 'p' STORE ECPRIVATE 's' STORE 'ab' 'UTF-8' ->BYTES DUP \
         'SHA256WITHECDSA' $s ECSIGN 'SHA256WITHECDSA' $p ECVERIFY",
        "[true]",
    )],
);

/// One multiple of a point costs about a millisecond.
const POINT_WORK: usize = 40_000;

pub(super) fn charge_points(vm: &mut Machine, count: usize) {
    vm.charge(POINT_WORK * count);
}

pub(super) fn point_error(BadPoint(text): BadPoint) -> Fault {
    Fault::kind(Kind::Argument, text)
}

/// A curve by name.
pub(super) fn named(name: &str) -> Option<Named> {
    let curve = curves::find(name)?;
    Some(Named { name: name.to_owned(), curve })
}

fn curve_names() -> String {
    curves::names().collect::<Vec<_>>().join(", ")
}

fn generate(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a curve name.")?;
    let Some(on) = named(&name) else {
        let names = curve_names();
        return Err(vm.error(&format!("only supports the following curves: {names}.")));
    };
    charge_points(vm, 1);
    let secret = BigInt::from(ecdsa::random(&on.curve, &mut vm.entropy));
    let point = on.curve.multiply(&on.curve.base, &secret);
    push_texts(vm, &[("curve", on.name.clone()), ("d", secret.to_string())])?;
    push_texts(vm, &[("curve", on.name), ("Q", hex(&on.curve.encode(&point)))])
}

/// The curve that a map of parameters names.
fn curve_of(vm: &Machine, map: &crate::heap::Map) -> Result<Named> {
    let name = text_of(vm, map, "curve").unwrap_or_else(|| "null".into());
    named(&name).ok_or_else(|| vm.error(&format!("curve name '{name}' not in {}.", curve_names())))
}

fn private(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    if let Some(Key::EcPrivate(key)) = keys::of(vm, top) {
        let entries = [("curve", key.on.name.clone()), ("d", key.secret.to_string())];
        return push_texts(vm, &entries);
    }
    let Value::Map(map) = top else {
        return Err(vm.error("expects a parameter map or an ECC private key instance."));
    };
    let map = vm.heap.map(map);
    let on = curve_of(vm, map)?;
    let secret = match map.get_text("d") {
        None | Some(Value::Null) => return Err(vm.error("missing private key under 'd'.")),
        Some(value) => integer_from_value(vm, value)?,
    };
    keys::push(vm, Key::EcPrivate(EcPrivate { on, secret }))
}

/// The public key to a private one.
pub(super) fn public_of(vm: &mut Machine, key: &EcPrivate) -> EcPublic {
    let curve = &key.on.curve;
    charge_points(vm, 1);
    let secret = &key.secret % BigInt::from(curve.order.clone());
    let point = curve.multiply(&curve.base, &secret);
    let encoded = curve.encode(&point);
    EcPublic { on: key.on.clone(), point, encoded, computed: true }
}

fn public(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    match keys::of(vm, top) {
        Some(Key::EcPublic(key)) => {
            let entries = [("curve", key.on.name.clone()), ("Q", hex(&key.encoded))];
            return push_texts(vm, &entries);
        }
        Some(Key::EcPrivate(key)) => {
            let key = key.clone();
            let public = public_of(vm, &key);
            return keys::push(vm, Key::EcPublic(public));
        }
        _ => (),
    }
    let Value::Map(map) = top else {
        return Err(vm.error("expects a parameter map, or a public or private key."));
    };
    let map = vm.heap.map(map);
    let on = curve_of(vm, map)?;
    let Some(text) = text_of(vm, map, "Q") else {
        return Err(vm.error("missing or non-String parameter 'Q'."));
    };
    let key = decode(on, unhex(&text)?)?;
    charge_points(vm, 1);
    keys::push(vm, Key::EcPublic(key))
}

/// The public key that bytes encode.
///
/// # Errors
/// When they are no point of the curve.
pub(super) fn decode(on: Named, encoded: Vec<u8>) -> Result<EcPublic> {
    let point = on.curve.decode(&encoded).map_err(point_error)?;
    Ok(EcPublic { on, point, encoded, computed: false })
}

fn agree(vm: &mut Machine) -> Result {
    let public = keys::pop_ec_public(vm, "expects an ECC public key.")?;
    let private = keys::pop_ec_private(vm, "expects an ECC private key.")?;
    let curve = &private.on.curve;
    if curve != &public.on.curve {
        return Err(Fault::kind(Kind::Argument, "Point must be on the same curve"));
    }
    check_secret(&private)?;
    charge_points(vm, 2);
    // Points outside the group of the base point give nothing away: the cofactor clears them.
    let cofactor = BigInt::from(curve.cofactor);
    let order = BigInt::from(curve.order.clone());
    let mut secret = private.secret.clone();
    let mut point = public.point;
    if let Some(inverse) = cofactor.modinv(&order).filter(|_| curve.cofactor != 1) {
        secret = inverse * secret % &order;
        point = curve.multiply(&point, &cofactor);
    }
    let Some((x, _)) = curve.multiply(&point, &secret) else {
        return Err(Fault::text("Infinity is not a valid agreement value for ECDH"));
    };
    let text = x.to_str_radix(16);
    let odd = !text.len().is_multiple_of(2);
    vm.push_string(if odd { format!("0{text}") } else { text })
}

fn check_secret(key: &EcPrivate) -> Result {
    let order = BigInt::from(key.on.curve.order.clone());
    if key.secret < BigInt::from(1) || key.secret >= order {
        return Err(Fault::kind(Kind::Argument, "Scalar is not in the interval [1, n - 1]"));
    }
    Ok(())
}

fn algorithm(name: &str) -> Result<crate::crypto::digest::Digest> {
    ecdsa::algorithm(name).ok_or_else(|| Fault::text(format!("no such algorithm: {name}")))
}

fn sign(vm: &mut Machine) -> Result {
    let key = keys::pop_ec_private(vm, "expects an ECC private key.")?;
    let name = vm.pop_text("expects an algorithm name.")?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    let signature = signature(vm, &key, &name, &data)?;
    push_bytes(vm, signature)
}

/// Signs data.
///
/// # Errors
/// When the algorithm is not known or the key is out of range.
pub(super) fn signature(
    vm: &mut Machine,
    key: &EcPrivate,
    name: &str,
    data: &[u8],
) -> Result<Vec<u8>> {
    let digest = algorithm(name)?;
    check_secret(key)?;
    charge_points(vm, 1);
    vm.charge(data.len());
    let hash = digest(data);
    let secret = key.secret.magnitude();
    let (r, s) = ecdsa::sign(&key.on.curve, secret, &hash, &mut vm.entropy);
    Ok(der::pair(&r, &s))
}

fn verify(vm: &mut Machine) -> Result {
    let key = keys::pop_ec_public(vm, "expects an ECC public key.")?;
    let name = vm.pop_text("expects an algorithm name.")?;
    let signature = vm.pop_bytes("expects a signature.")?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    if key.computed {
        return Err(Fault::text("Point not on curve"));
    }
    let valid = is_valid(vm, &key, &name, &signature, &data)?;
    vm.push(valid)
}

/// Whether a signature is one of the data.
///
/// # Errors
/// When the algorithm is not known or the signature is not one at all.
pub(super) fn is_valid(
    vm: &mut Machine,
    key: &EcPublic,
    name: &str,
    signature: &[u8],
    data: &[u8],
) -> Result<bool> {
    let digest = algorithm(name)?;
    let curve = &key.on.curve;
    let pair = der::read_pair(signature).filter(|(r, s)| r < &curve.order && s < &curve.order);
    let Some((r, s)) = pair else {
        return Err(vm.error("error while verifying signature."));
    };
    charge_points(vm, 2);
    vm.charge(data.len());
    Ok(ecdsa::verify(curve, &key.point, &digest(data), &r, &s))
}
