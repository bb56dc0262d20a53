//! Cryptography: digests, wrapped data, keys, signatures, shared secrets.

mod digests;
mod elliptic;
mod keys;
mod recover;
mod rsa;
mod secrets;
mod signed;

pub(super) use digests::DIGESTS;

use crate::error::{Fault, Kind, Result};
use crate::heap::{Map, Text};
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "crypto",
    words: &[
        word(
            "SHA1HMAC",
            secrets::hmac,
            "1.2.0",
            "data<BYTES> key<BYTES> SHA1HMAC mac<BYTES>",
            "Message authentication code of data under a key, with SHA-1.",
            &[("'m' 'UTF-8' ->BYTES 'k' 'UTF-8' ->BYTES SHA1HMAC SIZE", "[20]")],
        ),
        word(
            "SHA256HMAC",
            secrets::hmac,
            "1.2.0",
            "data<BYTES> key<BYTES> SHA256HMAC mac<BYTES>",
            "Message authentication code of data under a key, with SHA-256.",
            &[("'m' 'UTF-8' ->BYTES 'k' 'UTF-8' ->BYTES SHA256HMAC SIZE", "[32]")],
        ),
        word(
            "AESWRAP",
            secrets::aes_wrap,
            "1.0.11",
            "data<STRING> key<BYTES> AESWRAP wrapped<BYTES>\n\
             data<BYTES> key<BYTES> AESWRAP wrapped<BYTES>",
            "Encrypts data with an AES key of 16, 24 or 32 bytes, protected against changes. A \
             random nonce makes every result different.",
            &[("'abc' '0123456789abcdef' 'UTF-8' ->BYTES AESWRAP SIZE", "[24]")],
        ),
        word(
            "AESUNWRAP",
            secrets::aes_unwrap,
            "1.0.11",
            "wrapped<BYTES> key<BYTES> AESUNWRAP data<BYTES>",
            "Decrypts what AESWRAP made.",
            &[
                (
                    "'abc' '0123456789abcdef' 'UTF-8' ->BYTES 'k' STORE $k AESWRAP $k AESUNWRAP \
                     'UTF-8' BYTES->",
                    "[\"abc\"]",
                ),
                ("'a' 'UTF-8' ->BYTES DUP AESUNWRAP", "!AES key"),
            ],
        ),
        word(
            "->SSSS",
            secrets::split,
            "2.7.5",
            "secret<BYTES> count<LONG> needed<LONG> ->SSSS shares<LIST>\n\
             secret<BYTES> count<LONG> needed<LONG> noise<BOOLEAN> ->SSSS shares<LIST>",
            "Splits a secret into `count` shares, of which any `needed` bring it back and fewer \
             tell nothing. Without `noise` the shares are as short as can be.",
            &[("'abc' 'UTF-8' ->BYTES 3 2 false ->SSSS 0 GET SIZE", "[6]")],
        ),
        word(
            "SSSS->",
            secrets::join,
            "2.7.5",
            "shares<LIST> SSSS-> secret<BYTES>",
            "Brings back what ->SSSS split; NULL when a share is there twice.",
            &[("'abc' 'UTF-8' ->BYTES 3 2 ->SSSS SSSS-> 'UTF-8' BYTES->", "[\"abc\"]")],
        ),
        word(
            "ARGON2",
            secrets::argon2,
            "3.1.0",
            "parameters<MAP> ARGON2 hash<BYTES>",
            "Hash of a password that is expensive to guess. Keys: `password`, `type` (`d`, `i`, \
             `id`), `iterations`, `memory` (kilobytes), `parallelism`, `salt`, `secret`, \
             `additional`, `size`. Large values need the capabilities `argon2.maxiter`, \
             `argon2.maxmem`, `argon2.maxpar` and `argon2.maxsize`.",
            &[("{ 'password' 'pw' 'iterations' 1 'memory' 16 'size' 16 } ARGON2 SIZE", "[16]")],
        ),
        rsa::RSAGEN,
        rsa::RSAPUBLIC,
        rsa::RSAPRIVATE,
        rsa::RSAENCRYPT,
        rsa::RSADECRYPT,
        rsa::RSASIGN,
        rsa::RSAVERIFY,
        elliptic::ECGEN,
        elliptic::ECPRIVATE,
        elliptic::ECPUBLIC,
        elliptic::ECDH,
        elliptic::ECSIGN,
        elliptic::ECVERIFY,
        recover::ECRECOVER,
        signed::MSIG,
        signed::MSIGN,
        signed::MSIGCOUNT,
        signed::MSIGINFO,
        signed::MVERIFY,
        signed::MCHECKSIG,
        signed::MDETACH,
    ],
};

/// Puts BYTES on the stack.
fn push_bytes(vm: &mut Machine, bytes: Vec<u8>) -> Result {
    let bytes = vm.heap.alloc_bytes(bytes.into())?;
    vm.push(Value::Bytes(bytes))
}

/// A map of texts.
fn push_texts(vm: &mut Machine, entries: &[(&str, String)]) -> Result {
    let mut map = Map::default();
    for (key, text) in entries {
        let value = vm.heap.string(text.as_str())?;
        map.entries.insert(vm.heap.text_key(key)?, value);
    }
    vm.push_map(map)
}

/// The text under a key, if it is one.
fn text_of(vm: &Machine, map: &Map, key: &str) -> Option<Text> {
    map.get_text(key).and_then(|value| vm.as_text(value)).cloned()
}

/// The bytes under a key, if they are BYTES.
fn bytes_of(vm: &Machine, map: &Map, key: &str) -> Option<Vec<u8>> {
    match map.get_text(key) {
        Some(Value::Bytes(bytes)) => Some(vm.heap.bytes(bytes).to_vec()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits; blanks between them are skipped.
fn unhex(text: &str) -> Result<Vec<u8>> {
    let bad = || Fault::kind(Kind::Argument, "exception decoding Hex string");
    let digits: Option<Vec<u32>> =
        text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|d| d.len().is_multiple_of(2)).ok_or_else(bad)?;
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
