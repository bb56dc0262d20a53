//! Message digests by name, and HMAC over them.

use keccak::Keccak;

/// A digest: from bytes to bytes.
pub(crate) type Digest = fn(&[u8]) -> Vec<u8>;

/// Computes a digest of one of the crates.
fn of<D: sha1::Digest>(data: &[u8]) -> Vec<u8> {
    D::digest(data).to_vec()
}

/// `KECCAK` and `SHA3` differ in the bits that end the message.
const KECCAK_END: u8 = 0x01;
const SHA3_END: u8 = 0x06;

/// A sponge over Keccak-f[1600] that gives `BITS` bits; the capacity is twice that.
fn sponge<const BITS: usize, const END: u8>(data: &[u8]) -> Vec<u8> {
    let rate = 200 - BITS / 4;
    let mut state = [0u64; 25];
    let keccak = Keccak::new();
    let mut chunks = data.chunks_exact(rate);
    for block in &mut chunks {
        absorb(&mut state, block);
        keccak.with_f1600(|f| f(&mut state));
    }
    let mut last = chunks.remainder().to_vec();
    last.resize(rate, 0);
    last[data.len() % rate] |= END;
    last[rate - 1] |= 0x80;
    absorb(&mut state, &last);
    keccak.with_f1600(|f| f(&mut state));
    // No digest here is longer than the rate.
    state.iter().flat_map(|lane| lane.to_le_bytes()).take(BITS / 8).collect()
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks(8)) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        *lane ^= u64::from_le_bytes(word);
    }
}

/// The digest that a word of the language names.
pub(crate) fn by_word(name: &str) -> Option<Digest> {
    Some(match name {
        "GOST" => of::<gost94::Gost94CryptoPro>,
        "KECCAK.128" => sponge::<128, KECCAK_END>,
        "KECCAK.224" => sponge::<224, KECCAK_END>,
        "KECCAK.256" => sponge::<256, KECCAK_END>,
        "KECCAK.288" => sponge::<288, KECCAK_END>,
        "KECCAK.384" => sponge::<384, KECCAK_END>,
        "KECCAK.512" => sponge::<512, KECCAK_END>,
        "MD2" => of::<md2::Md2>,
        "MD4" => of::<md4::Md4>,
        "MD5" => of::<md5::Md5>,
        "RIPEMD128" => of::<ripemd::Ripemd128>,
        "RIPEMD160" => of::<ripemd::Ripemd160>,
        "RIPEMD256" => of::<ripemd::Ripemd256>,
        "RIPEMD320" => of::<ripemd::Ripemd320>,
        "SHA1" => of::<sha1::Sha1>,
        "SHA224" => of::<sha2::Sha224>,
        "SHA256" => of::<sha2::Sha256>,
        "SHA3.224" => sponge::<224, SHA3_END>,
        "SHA3.256" => sponge::<256, SHA3_END>,
        "SHA3.384" => sponge::<384, SHA3_END>,
        "SHA3.512" => sponge::<512, SHA3_END>,
        "SHA384" => of::<sha2::Sha384>,
        "SHA512" => of::<sha2::Sha512>,
        "TIGER" => of::<tiger::Tiger>,
        "WHIRLPOOL" => of::<whirlpool::Whirlpool>,
        _ => return None,
    })
}

/// The digest that the name of a signature algorithm starts with.
pub(crate) fn by_algorithm(name: &str) -> Option<Digest> {
    let name = match name.strip_prefix("SHA3-") {
        Some(bits) => format!("SHA3.{bits}"),
        None => name.strip_prefix("SHA-").map_or_else(|| name.to_owned(), |n| format!("SHA{n}")),
    };
    let known = name.starts_with("SHA") || name.starts_with("MD") || name.starts_with("RIPEMD");
    if known { by_word(&name) } else { None }
}

/// RFC 2104, for digests that work on blocks of 64 bytes.
pub(crate) fn hmac(digest: Digest, key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = if key.len() > BLOCK { digest(key) } else { key.to_vec() };
    block.resize(BLOCK, 0);
    let mut inner: Vec<u8> = block.iter().map(|b| b ^ 0x36).collect();
    inner.extend(message);
    let mut outer: Vec<u8> = block.iter().map(|b| b ^ 0x5c).collect();
    outer.extend(digest(&inner));
    digest(&outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_of_nothing() {
        let digest = by_word("SHA3.224").expect("known")(b"");
        assert_eq!(digest[..4], [0x6b, 0x4e, 0x03, 0x42]);
        // Messages around the length of a block.
        let digest = by_algorithm("SHA3-512").expect("known");
        let digests: Vec<_> = (70..75).map(|n| digest(&vec![1; n])).collect();
        assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
