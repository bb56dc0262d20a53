//! Secrets: authentication codes, AES, sharing, passwords.

use weft_gts::aeswrap::WrapKey;

use super::{bytes_of, push_bytes, text_of};
use crate::crypto::argon2::{Kind, Parameters, Run};
use crate::crypto::{digest, shamir};
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::{Flow, Machine, Task};
use crate::value::Value;
use crate::words::capabilities;

pub(super) fn hmac(vm: &mut Machine) -> Result {
    let key = vm.pop_bytes("expects a byte array (key) on top of the stack.")?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    let digest = digest::by_word(vm.word.name.trim_end_matches("HMAC"))
        .ok_or_else(|| vm.error("unable to instantiate message digest"))?;
    vm.charge(data.len() + key.len());
    push_bytes(vm, digest::hmac(digest, &key, &data))
}

/// Random bytes in front of wrapped data.
const NONCE: usize = 8;

fn pop_aes_key(vm: &mut Machine) -> Result<WrapKey> {
    const MESSAGE: &str =
        "expects a byte array containing a 128, 192 or 256 bits AES key on the stack.";
    let key = vm.pop_bytes(MESSAGE)?;
    WrapKey::new(&key).map_err(|_| vm.error(MESSAGE))
}

pub(super) fn aes_wrap(vm: &mut Machine) -> Result {
    let key = pop_aes_key(vm)?;
    let top = vm.pop()?;
    let mut data = vec![0; NONCE];
    vm.entropy.fill(&mut data);
    match top {
        Value::Bytes(bytes) => data.extend_from_slice(vm.heap.bytes(bytes)),
        Value::String(text) => data.extend_from_slice(vm.heap.text(text).as_bytes()),
        _ => return Err(vm.error("operates on a byte array or a String.")),
    }
    vm.charge(data.len() * 4);
    push_bytes(vm, key.wrap(&data))
}

pub(super) fn aes_unwrap(vm: &mut Machine) -> Result {
    let key = pop_aes_key(vm)?;
    let data = vm.pop_bytes("operates on a byte array.")?;
    vm.charge(data.len() * 4);
    match key.unwrap(&data) {
        Ok(opened) if opened.len() >= NONCE => push_bytes(vm, opened[NONCE..].to_vec()),
        _ => Err(vm.error("encountered undecipherable data.")),
    }
}

pub(super) fn split(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut noise = true;
    if let Value::Boolean(flag) = top {
        noise = flag;
        top = vm.pop()?;
    }
    let Value::Long(needed) = top else {
        return Err(vm.error("expects the number of splits needed to reconstruct the input."));
    };
    if !(2..=255).contains(&needed) {
        return Err(vm.error("expects the number of needed splits to be between 2 and 255."));
    }
    let count = vm.pop_long("expects the number of splits to generate.")?;
    if count > 255 {
        return Err(vm.error("the number of splits must be strictly less than 256."));
    }
    if count < needed {
        return Err(vm.error(
            "the number of splits to generate must be at least equal to the number of needed \
             splits.",
        ));
    }
    let secret = vm.pop_bytes("operates on a byte array.")?;
    let (count, needed) = (count as usize, needed as usize);
    let pairs = secret.len().saturating_mul(count);
    vm.heap.claim(pairs.saturating_mul(3))?;
    vm.charge(pairs.saturating_mul(needed));
    let shares = shamir::split(&secret, count, needed, noise, &mut vm.entropy);
    let mut list = Vec::with_capacity(count);
    for share in shares {
        list.push(Value::Bytes(vm.heap.alloc_bytes(share.into())?));
    }
    vm.push_list(list)
}

pub(super) fn join(vm: &mut Machine) -> Result {
    const MESSAGE: &str = "operates on a LIST of BYTES (byte arrays).";
    let list = vm.pop_list(MESSAGE)?;
    let mut shares = Vec::new();
    for value in vm.heap.list(list) {
        let Value::Bytes(bytes) = value else { return Err(vm.error(MESSAGE)) };
        shares.push(vm.heap.bytes(*bytes).clone());
    }
    let bytes: usize = shares.iter().map(|share| share.len()).sum();
    vm.charge(bytes.saturating_mul(shares.len()));
    match shamir::join(&shares) {
        Some(secret) if !shares.is_empty() => push_bytes(vm, secret),
        _ => vm.push(Value::Null),
    }
}

/// A number among the parameters, within what everybody may use or what a capability allows.
fn limited(
    vm: &Machine,
    map: &Map,
    key: &str,
    free: i32,
    (capability, message): (&str, &str),
) -> Result<Option<i32>> {
    let Some(Value::Long(value)) = map.get_text(key) else { return Ok(None) };
    let value = value as i32;
    if value > free {
        let Some(limit) = capabilities::get(vm, capability) else {
            return Err(vm.error(&format!("missing capability '{capability}'.")));
        };
        let limit: i64 = limit
            .parse()
            .map_err(|_| Fault::text(format!("Invalid value of capability '{capability}'.")))?;
        if i64::from(value) > limit {
            return Err(vm.error(message));
        }
    }
    Ok(Some(value))
}

struct Hash(Run);

impl Task for Hash {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while !vm.should_yield() {
            vm.charge(64);
            if let Some(hash) = self.0.step() {
                push_bytes(vm, hash)?;
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Again)
    }
}

pub(super) fn argon2(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a parameter map.")?;
    let map = vm.heap.map(map).clone();
    let kind = match text_of(vm, &map, "type").as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("i") => Kind::I,
        Some("d") => Kind::D,
        _ => Kind::Id,
    };
    let iterations = ("argon2.maxiter", "number of iterations exceeds capability value.");
    let iterations = limited(vm, &map, "iterations", 3, iterations)?;
    let memory = ("argon2.maxmem", "memory exceeds capability value.");
    let memory = limited(vm, &map, "memory", 32, memory)?;
    let lanes = ("argon2.maxpar", "lane count exceeds capability value.");
    let lanes = limited(vm, &map, "parallelism", 1, lanes)?;
    let size = ("argon2.maxsize", "requested output size exceeds capability value.");
    let size = limited(vm, &map, "size", 32, size)?;
    let password = match text_of(vm, &map, "password") {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => bytes_of(vm, &map, "password"),
    };
    let Some(password) = password else {
        return Err(vm.error("missing password as either STRING or BYTES."));
    };
    let at_least = |value: i32, least: i32| {
        u32::try_from(value)
            .ok()
            .filter(|_| value >= least)
            .ok_or_else(|| vm.error("has a parameter that is too small."))
    };
    let lanes = at_least(lanes.unwrap_or(1), 1)?;
    let parameters = Parameters {
        kind,
        iterations: at_least(iterations.unwrap_or(3), 1)?,
        memory: at_least(memory.unwrap_or(4096), lanes.saturating_mul(2) as i32)?,
        lanes,
        salt: bytes_of(vm, &map, "salt").unwrap_or_default(),
        secret: bytes_of(vm, &map, "secret").unwrap_or_default(),
        additional: bytes_of(vm, &map, "additional").unwrap_or_default(),
        size: at_least(size.unwrap_or(32), 4)?,
    };
    vm.heap.claim(parameters.footprint().saturating_add(parameters.size as usize))?;
    vm.push_task(Hash(Run::new(parameters, &password)))
}
