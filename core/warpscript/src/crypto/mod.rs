//! Cryptography as pure computation; the words over it are in `words/crypto`.
//!
//! Numbers are those of `num-bigint`, whose running time depends on them. A script that signs or
//! decrypts shares its machine with whoever may measure it, as on the reference.

pub(crate) mod argon2;
mod blake;
pub(crate) mod curves;
pub(crate) mod der;
pub(crate) mod digest;
pub(crate) mod ecdsa;
pub(crate) mod elliptic;
pub(crate) mod rsa;
pub(crate) mod shamir;
