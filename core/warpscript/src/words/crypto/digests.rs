//! The digests, one word each.

use crate::crypto::digest;
use crate::error::Result;
use crate::machine::Machine;
use crate::registry::{Family, Word, word};

pub(in crate::words) static DIGESTS: Family = Family { name: "digests", words: WORDS };

fn digest_word(vm: &mut Machine) -> Result {
    let data = vm.pop_bytes("operates on a byte array.")?;
    let Some(digest) = digest::by_word(vm.word.name) else {
        return Err(vm.error("unable to instantiate message digest."));
    };
    vm.charge(data.len());
    super::push_bytes(vm, digest(&data))
}

const WORDS: &[Word] = &[
    word(
        "GOST",
        digest_word,
        "2.8.0",
        "data<BYTES> GOST digest<BYTES>",
        "GOST R 34.11-94 digest (with the parameters of CryptoPro).",
        &[("'' 'UTF-8' ->BYTES GOST SIZE", "[32]")],
    ),
    word(
        "KECCAK.128",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.128 digest<BYTES>",
        "Keccak digest of 128 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.128 SIZE", "[16]")],
    ),
    word(
        "KECCAK.224",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.224 digest<BYTES>",
        "Keccak digest of 224 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.224 SIZE", "[28]")],
    ),
    word(
        "KECCAK.256",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.256 digest<BYTES>",
        "Keccak digest of 256 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.256 SIZE", "[32]")],
    ),
    word(
        "KECCAK.288",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.288 digest<BYTES>",
        "Keccak digest of 288 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.288 SIZE", "[36]")],
    ),
    word(
        "KECCAK.384",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.384 digest<BYTES>",
        "Keccak digest of 384 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.384 SIZE", "[48]")],
    ),
    word(
        "KECCAK.512",
        digest_word,
        "2.8.0",
        "data<BYTES> KECCAK.512 digest<BYTES>",
        "Keccak digest of 512 bits, as it was before SHA-3.",
        &[("'' 'UTF-8' ->BYTES KECCAK.512 SIZE", "[64]")],
    ),
    word(
        "MD2",
        digest_word,
        "2.8.0",
        "data<BYTES> MD2 digest<BYTES>",
        "MD2 digest.",
        &[("'' 'UTF-8' ->BYTES MD2 SIZE", "[16]")],
    ),
    word(
        "MD4",
        digest_word,
        "2.8.0",
        "data<BYTES> MD4 digest<BYTES>",
        "MD4 digest.",
        &[("'' 'UTF-8' ->BYTES MD4 SIZE", "[16]")],
    ),
    word(
        "MD5",
        digest_word,
        "1.2.0",
        "data<BYTES> MD5 digest<BYTES>",
        "MD5 digest.",
        &[("'' 'UTF-8' ->BYTES MD5 SIZE", "[16]")],
    ),
    word(
        "RIPEMD128",
        digest_word,
        "2.8.0",
        "data<BYTES> RIPEMD128 digest<BYTES>",
        "RIPEMD-128 digest.",
        &[("'' 'UTF-8' ->BYTES RIPEMD128 SIZE", "[16]")],
    ),
    word(
        "RIPEMD160",
        digest_word,
        "2.8.0",
        "data<BYTES> RIPEMD160 digest<BYTES>",
        "RIPEMD-160 digest.",
        &[("'' 'UTF-8' ->BYTES RIPEMD160 SIZE", "[20]")],
    ),
    word(
        "RIPEMD256",
        digest_word,
        "2.8.0",
        "data<BYTES> RIPEMD256 digest<BYTES>",
        "RIPEMD-256 digest.",
        &[("'' 'UTF-8' ->BYTES RIPEMD256 SIZE", "[32]")],
    ),
    word(
        "RIPEMD320",
        digest_word,
        "2.8.0",
        "data<BYTES> RIPEMD320 digest<BYTES>",
        "RIPEMD-320 digest.",
        &[("'' 'UTF-8' ->BYTES RIPEMD320 SIZE", "[40]")],
    ),
    word(
        "SHA1",
        digest_word,
        "1.2.0",
        "data<BYTES> SHA1 digest<BYTES>",
        "SHA-1 digest.",
        &[("'' 'UTF-8' ->BYTES SHA1 SIZE", "[20]")],
    ),
    word(
        "SHA224",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA224 digest<BYTES>",
        "SHA-224 digest.",
        &[("'' 'UTF-8' ->BYTES SHA224 SIZE", "[28]")],
    ),
    word(
        "SHA256",
        digest_word,
        "1.2.0",
        "data<BYTES> SHA256 digest<BYTES>",
        "SHA-256 digest.",
        &[("'' 'UTF-8' ->BYTES SHA256 SIZE", "[32]")],
    ),
    word(
        "SHA3.224",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA3.224 digest<BYTES>",
        "SHA-3 digest of 224 bits.",
        &[("'' 'UTF-8' ->BYTES SHA3.224 SIZE", "[28]")],
    ),
    word(
        "SHA3.256",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA3.256 digest<BYTES>",
        "SHA-3 digest of 256 bits.",
        &[("'' 'UTF-8' ->BYTES SHA3.256 SIZE", "[32]")],
    ),
    word(
        "SHA3.384",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA3.384 digest<BYTES>",
        "SHA-3 digest of 384 bits.",
        &[("'' 'UTF-8' ->BYTES SHA3.384 SIZE", "[48]")],
    ),
    word(
        "SHA3.512",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA3.512 digest<BYTES>",
        "SHA-3 digest of 512 bits.",
        &[("'' 'UTF-8' ->BYTES SHA3.512 SIZE", "[64]")],
    ),
    word(
        "SHA384",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA384 digest<BYTES>",
        "SHA-384 digest.",
        &[("'' 'UTF-8' ->BYTES SHA384 SIZE", "[48]")],
    ),
    word(
        "SHA512",
        digest_word,
        "2.8.0",
        "data<BYTES> SHA512 digest<BYTES>",
        "SHA-512 digest.",
        &[("'' 'UTF-8' ->BYTES SHA512 SIZE", "[64]")],
    ),
    word(
        "TIGER",
        digest_word,
        "2.8.0",
        "data<BYTES> TIGER digest<BYTES>",
        "Tiger digest.",
        &[("'' 'UTF-8' ->BYTES TIGER SIZE", "[24]")],
    ),
    word(
        "WHIRLPOOL",
        digest_word,
        "2.8.0",
        "data<BYTES> WHIRLPOOL digest<BYTES>",
        "Whirlpool digest.",
        &[("'' 'UTF-8' ->BYTES WHIRLPOOL SIZE", "[64]")],
    ),
];
