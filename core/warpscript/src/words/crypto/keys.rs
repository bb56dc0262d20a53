//! Keys as values.

use std::any::Any;

use num_bigint::BigInt;

use crate::crypto::elliptic::{Curve, Point};
use crate::crypto::rsa;
use crate::error::Result;
use crate::heap::Object;
use crate::machine::Machine;
use crate::value::Value;

/// A key of any kind.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Rsa(rsa::Key),
    EcPrivate(EcPrivate),
    EcPublic(EcPublic),
}

/// A curve with the name that the script used for it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) curve: Curve,
}

#[derive(Clone, Debug)]
pub(super) struct EcPrivate {
    pub(super) on: Named,
    pub(super) secret: BigInt,
}

#[derive(Clone, Debug)]
pub(super) struct EcPublic {
    pub(super) on: Named,
    pub(super) point: Point,
    /// The point as the script wrote it.
    pub(super) encoded: Vec<u8>,
    /// Computed from a private key: the reference cannot verify signatures with such a key, which
    /// holds its point in other coordinates, until it has gone through a map.
    pub(super) computed: bool,
}

impl Object for Key {
    fn type_name(&self) -> &'static str {
        "KEY"
    }

    fn footprint(&self) -> usize {
        const NUMBERS: usize = 1024;
        match self {
            Self::Rsa(key) => (key.modulus.bits() + key.exponent.bits()) as usize / 8,
            Self::EcPrivate(key) => NUMBERS + key.secret.bits() as usize / 8,
            Self::EcPublic(key) => NUMBERS + key.encoded.len(),
        }
    }

    fn snapshot(&self) -> Option<String> {
        match self {
            Self::Rsa(_) => None,
            Self::EcPrivate(key) => {
                Some(format!("{{ 'curve' '{}' 'd' '{}' }} ECPRIVATE ", key.on.name, key.secret))
            }
            Self::EcPublic(key) => Some(format!(
                "{{ 'curve' '{}' 'Q' '{}' }} ECPUBLIC ",
                key.on.name,
                super::hex(&key.on.curve.encode(&key.point))
            )),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The key that a value is.
pub(super) fn of(vm: &Machine, value: Value) -> Option<&Key> {
    match value {
        Value::Object(handle) => vm.heap.object::<Key>(handle),
        _ => None,
    }
}

/// Puts a key on the stack.
pub(super) fn push(vm: &mut Machine, key: Key) -> Result {
    let value = vm.heap.new_object(key)?;
    vm.push(value)
}

/// Takes a private key of a curve.
pub(super) fn pop_ec_private(vm: &mut Machine, message: &str) -> Result<EcPrivate> {
    let top = vm.pop()?;
    match of(vm, top) {
        Some(Key::EcPrivate(key)) => Ok(key.clone()),
        _ => Err(vm.error(message)),
    }
}

/// Takes a public key of a curve.
pub(super) fn pop_ec_public(vm: &mut Machine, message: &str) -> Result<EcPublic> {
    let top = vm.pop()?;
    match of(vm, top) {
        Some(Key::EcPublic(key)) => Ok(key.clone()),
        _ => Err(vm.error(message)),
    }
}
