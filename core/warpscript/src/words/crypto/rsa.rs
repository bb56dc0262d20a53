//! RSA keys.

use num_bigint::{BigInt, Sign};

use super::keys::{self, Key};
use super::{push_bytes, push_texts, text_of};
use crate::crypto::rsa::{BITS_MAX, Generation, Key as RsaKey};
use crate::decimal::ops::parse_integer;
use crate::error::{Fault, Result};
use crate::machine::{Flow, Machine, Task};
use crate::registry::{Word, word};
use crate::value::Value;

pub(super) const RSAGEN: Word = word(
    "RSAGEN",
    generate,
    "1.0.11",
    "exponent<LONG> bits<LONG> RSAGEN private<MAP> public<MAP>",
    "A new pair of RSA keys, as maps for RSAPRIVATE and RSAPUBLIC.",
    &[("65537 512 RSAGEN 'exponent' GET SWAP DROP", "[\"65537\"]")],
);

pub(super) const RSAPUBLIC: Word = word(
    "RSAPUBLIC",
    from_map,
    "1.0.11",
    "parameters<MAP> RSAPUBLIC key<KEY>",
    "A public key from a map of `algorithm` (`RSA`), `modulus` and `exponent`.",
    &[("{ 'algorithm' 'RSA' 'modulus' '3233' 'exponent' '17' } RSAPUBLIC TYPEOF", "[\"KEY\"]")],
);

pub(super) const RSAPRIVATE: Word = word(
    "RSAPRIVATE",
    from_map,
    "1.0.11",
    "parameters<MAP> RSAPRIVATE key<KEY>",
    "A private key from a map of `algorithm` (`RSA`), `modulus` and `exponent`.",
    &[("{ 'algorithm' 'DSA' } RSAPRIVATE", "!expected value 'RSA'.")],
);

pub(super) const RSAENCRYPT: Word = word(
    "RSAENCRYPT",
    encrypt,
    "1.0.11",
    "data<BYTES> key<KEY> RSAENCRYPT encrypted<BYTES>",
    "Encrypts some bytes, behind a random nonce, for the owner of the other key.",
    &[("'a' 'UTF-8' ->BYTES 5 RSAENCRYPT", "!expects a key on top of the stack.")],
);

pub(super) const RSADECRYPT: Word = word(
    "RSADECRYPT",
    decrypt,
    "1.0.11",
    "encrypted<BYTES> key<KEY> RSADECRYPT data<BYTES>",
    "Decrypts what RSAENCRYPT made with the other key.",
    &[(
        "65537 512 RSAGEN RSAPUBLIC 'p' STORE RSAPRIVATE 's' STORE 'ab' 'UTF-8' ->BYTES $p \
         RSAENCRYPT $s RSADECRYPT 'UTF-8' BYTES->",
        "[\"ab\"]",
    )],
);

pub(super) const RSASIGN: Word = word(
    "RSASIGN",
    sign,
    "1.0.11",
    "data<BYTES> algorithm<STRING> key<KEY> RSASIGN signature<BYTES>",
    "Signs data with a private key; algorithms are named like `SHA256WITHRSA`.",
    &[("'a' 'UTF-8' ->BYTES 'SHA1WITHRSA' 5 RSASIGN", "!expects a private key")],
);

pub(super) const RSAVERIFY: Word = word(
    "RSAVERIFY",
    verify,
    "1.0.11",
    "data<BYTES> signature<BYTES> algorithm<STRING> key<KEY> RSAVERIFY valid<BOOLEAN>",
    "Whether a signature of data was made with the private key to this public key.",
    &[(
        "65537 512 RSAGEN RSAPUBLIC 'p' STORE RSAPRIVATE 's' STORE 'ab' 'UTF-8' ->BYTES DUP \
         'SHA256WITHRSA' $s RSASIGN 'SHA256WITHRSA' $p RSAVERIFY",
        "[true]",
    )],
);

/// Makes a pair, some candidates a slice.
struct Making {
    generation: Generation,
    bits: usize,
}

impl Task for Making {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while !vm.should_yield() {
            let digits = self.bits.div_ceil(128);
            vm.charge(digits * digits * self.bits / 32);
            let Some(pair) = self.generation.step(&mut vm.entropy) else { continue };
            for exponent in [pair.private.to_string(), pair.public.to_string()] {
                let entries = [
                    ("modulus", pair.modulus.to_string()),
                    ("algorithm", "RSA".to_owned()),
                    ("exponent", exponent),
                ];
                push_texts(vm, &entries)?;
            }
            return Ok(Flow::Done);
        }
        Ok(Flow::Again)
    }
}

fn generate(vm: &mut Machine) -> Result {
    let bits = vm.pop_long("expects a key length.")? as i32;
    let exponent = match vm.pop()? {
        Value::Long(v) => BigInt::from(v),
        Value::String(text) => parse_integer(vm.heap.text(text), 10)?,
        _ => return Err(vm.error("expects an exponent below the key length.")),
    };
    let bits = u64::try_from(bits).unwrap_or(0);
    if bits < Generation::BITS_MIN {
        return Err(Fault::text("key strength too small"));
    }
    if !exponent.bit(0) {
        return Err(Fault::text("public exponent cannot be even"));
    }
    let Some(public) = exponent.to_biguint().filter(|e| e.bits() > 1 && e.bits() < bits) else {
        return Err(vm.error("expects an exponent between 3 and the modulus."));
    };
    if bits > BITS_MAX / 2 {
        return Err(Fault::limit("Key too large."));
    }
    vm.push_task(Making { generation: Generation::new(public, bits), bits: bits as usize })
}

fn from_map(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a map on top of the stack.")?;
    let map = vm.heap.map(map);
    if text_of(vm, map, "algorithm").as_deref() != Some("RSA") {
        return Err(vm.error("invalid value for key 'algorithm', expected value 'RSA'."));
    }
    let number = |key: &str| match text_of(vm, map, key) {
        Some(text) => parse_integer(&text, 10),
        None => Err(vm.error(&format!("expects a STRING under '{key}'."))),
    };
    let (modulus, exponent) = (number("modulus")?, number("exponent")?);
    let private = vm.word.name == "RSAPRIVATE";
    keys::push(vm, Key::Rsa(RsaKey { modulus, exponent, private }))
}

/// Takes any key; `None` for one that is not of RSA.
fn pop_key(vm: &mut Machine) -> Result<Option<RsaKey>> {
    let top = vm.pop()?;
    let key = match keys::of(vm, top) {
        Some(Key::Rsa(key)) => Some(key.clone()),
        Some(_) => None,
        None => return Err(vm.error("expects a key on top of the stack.")),
    };
    vm.charge(key.as_ref().map_or(0, |key| key.cost() / 16));
    Ok(key)
}

/// Random bytes in front of what is encrypted.
const NONCE: usize = 8;

fn encrypt(vm: &mut Machine) -> Result {
    let key = pop_key(vm)?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    let Some(key) = key else { return vm.push(Value::Null) };
    let mut nonced = vec![0; NONCE];
    vm.entropy.fill(&mut nonced);
    nonced.extend_from_slice(&data);
    match key.encrypt(&nonced) {
        Some(encrypted) => push_bytes(vm, encrypted),
        None => Err(vm.error("has too much data for the key, or numbers that are no key.")),
    }
}

fn decrypt(vm: &mut Machine) -> Result {
    let key = pop_key(vm)?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    match key.and_then(|key| key.decrypt(&data)).filter(|opened| opened.len() >= NONCE) {
        Some(opened) => push_bytes(vm, opened[NONCE..].to_vec()),
        None => Err(vm.error("encountered undecipherable data.")),
    }
}

/// Takes a key that is private or not; `None` for one that is not of RSA.
fn pop_half(vm: &mut Machine, private: bool, message: &str) -> Result<Option<RsaKey>> {
    let top = vm.pop()?;
    let (is_private, key) = match keys::of(vm, top) {
        Some(Key::Rsa(key)) => (key.private, Some(key.clone())),
        Some(Key::EcPrivate(_)) => (true, None),
        Some(Key::EcPublic(_)) => (false, None),
        None => return Err(vm.error(message)),
    };
    if is_private != private {
        return Err(vm.error(message));
    }
    vm.charge(key.as_ref().map_or(0, |key| key.cost() / 16));
    Ok(key)
}

fn sign(vm: &mut Machine) -> Result {
    let key = pop_half(vm, true, "expects a private key on top of the stack.")?;
    let algorithm = vm.pop_text("expects an algorithm name below the key.")?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    vm.charge(data.len());
    let usable = key.filter(|key| key.exponent.sign() == Sign::Plus);
    match usable.and_then(|key| key.sign(&algorithm, &data)) {
        Some(signature) => push_bytes(vm, signature),
        None => Err(vm.error("invalid algorithm.")),
    }
}

fn verify(vm: &mut Machine) -> Result {
    let key = pop_half(vm, false, "expects a public key on top of the stack.")?;
    let algorithm = vm.pop_text("expects an algorithm name below the key.")?;
    let signature = vm.pop_bytes("expects a signature below the algorithm.")?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    vm.charge(data.len());
    vm.push(key.is_some_and(|key| key.verify(&algorithm, &data, &signature)))
}
