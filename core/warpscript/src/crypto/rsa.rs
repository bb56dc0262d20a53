//! RSA with the padding of PKCS#1 version 1.5, and key pairs.

use num_bigint::{BigInt, BigUint};

use super::digest;
use crate::entropy::Entropy;
use crate::prime::Search;

/// A key, public or private: both raise to a power.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) modulus: BigInt,
    pub(crate) exponent: BigInt,
    pub(crate) private: bool,
}

/// The largest modulus: one power takes a fraction of a second.
pub(crate) const BITS_MAX: u64 = 1 << 14;

impl Key {
    /// Bytes of a block; `None` when the numbers make no usable key.
    fn size(&self) -> Option<usize> {
        let modulus = self.modulus.to_biguint()?;
        let odd = modulus.bit(0) && (self.private || self.exponent.bit(0));
        let bits = modulus.bits();
        let sane = bits <= BITS_MAX && self.exponent.bits() <= BITS_MAX;
        (odd && sane && self.exponent.sign() == num_bigint::Sign::Plus)
            .then_some(bits.div_ceil(8) as usize)
    }

    /// What one power costs, in multiplications of 64-bit digits.
    pub(crate) fn cost(&self) -> usize {
        let digits = self.modulus.bits().min(BITS_MAX).div_ceil(64);
        (digits * digits * self.exponent.bits().min(BITS_MAX)) as usize
    }

    /// The power of a block that is less than the modulus.
    fn power(&self, block: &[u8]) -> Option<Vec<u8>> {
        let size = self.size()?;
        let modulus = self.modulus.magnitude();
        let number = BigUint::from_bytes_be(block);
        if block.len() > size || &number >= modulus {
            return None;
        }
        let bytes = number.modpow(self.exponent.magnitude(), modulus).to_bytes_be();
        let mut out = vec![0; size - bytes.len()];
        out.extend(bytes);
        Some(out)
    }

    /// Pads and encrypts; `None` when the data is too long or the key is none.
    ///
    /// The padding is the one of signatures (type 1) with either half of a pair, as the reference
    /// has it: the words put a nonce in front of the data.
    pub(crate) fn encrypt(&self, data: &[u8]) -> Option<Vec<u8>> {
        let size = self.size()?;
        // 0, the type, 8 bytes of padding at least, 0.
        let padding = size.checked_sub(3 + data.len()).filter(|p| *p >= 8)?;
        let mut block = vec![0, 1];
        block.resize(2 + padding, 0xff);
        block.push(0);
        block.extend(data);
        self.power(&block)
    }

    /// Decrypts and takes the padding off; `None` when there is none.
    pub(crate) fn decrypt(&self, data: &[u8]) -> Option<Vec<u8>> {
        let block = self.power(data)?;
        let [0, 1, rest @ ..] = &block[..] else { return None };
        let end = rest.iter().position(|b| *b != 0xff)?;
        (rest[end] == 0 && end >= 8).then(|| rest[end + 1..].to_vec())
    }

    /// The signature of data; `None` when the algorithm is not known or the key does not fit.
    pub(crate) fn sign(&self, algorithm: &str, data: &[u8]) -> Option<Vec<u8>> {
        let block = self.signature_block(algorithm, data)?;
        self.power(&block)
    }

    /// Whether a signature is one of the data.
    pub(crate) fn verify(&self, algorithm: &str, data: &[u8], signature: &[u8]) -> bool {
        let block = self.signature_block(algorithm, data);
        block.is_some() && self.power(signature) == block
    }

    fn signature_block(&self, algorithm: &str, data: &[u8]) -> Option<Vec<u8>> {
        let name = algorithm.to_ascii_uppercase();
        let ends = ["WITHRSAENCRYPTION", "WITHRSA", "/RSA"];
        let name = ends.iter().find_map(|end| name.strip_suffix(end))?;
        let (digest, prefix) = (digest::by_algorithm(name)?, digest_info(name)?);
        let hash = digest(data);
        let size = self.size()?;
        let padding = size.checked_sub(3 + prefix.len() + 2 + hash.len()).filter(|p| *p >= 8)?;
        let mut block = vec![0, 1];
        block.resize(2 + padding, 0xff);
        block.push(0);
        block.extend(prefix);
        block.extend([0x04, hash.len() as u8]);
        block.extend(hash);
        Some(block)
    }
}

/// The DER in front of a digest: its algorithm.
fn digest_info(name: &str) -> Option<Vec<u8>> {
    const SHA2: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
    const RSA: [u8; 7] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
    const TELETRUST: [u8; 4] = [0x2b, 0x24, 0x03, 0x02];
    let (family, last): (&[u8], u8) = match name {
        "MD2" => (&RSA, 2),
        "MD4" => (&RSA, 4),
        "MD5" => (&RSA, 5),
        "SHA1" | "SHA-1" => (&[0x2b, 0x0e, 0x03, 0x02], 0x1a),
        "SHA256" | "SHA-256" => (&SHA2, 1),
        "SHA384" | "SHA-384" => (&SHA2, 2),
        "SHA512" | "SHA-512" => (&SHA2, 3),
        "SHA224" | "SHA-224" => (&SHA2, 4),
        "SHA3-224" => (&SHA2, 7),
        "SHA3-256" => (&SHA2, 8),
        "SHA3-384" => (&SHA2, 9),
        "SHA3-512" => (&SHA2, 10),
        "RIPEMD160" => (&TELETRUST, 1),
        "RIPEMD128" => (&TELETRUST, 2),
        "RIPEMD256" => (&TELETRUST, 3),
        _ => return None,
    };
    let digest = digest::by_algorithm(name)?(b"").len();
    let oid = family.len() as u8 + 1;
    let mut out = vec![0x30, oid + 6 + 2 + digest as u8, 0x30, oid + 4, 0x06, oid];
    out.extend(family);
    out.extend([last, 0x05, 0x00]);
    Some(out)
}

/// The making of a key pair, one candidate for a prime a step.
pub(crate) struct Generation {
    exponent: BigUint,
    bits: u64,
    search: Search,
    first: Option<BigUint>,
}

/// A pair of keys.
pub(crate) struct Pair {
    pub(crate) modulus: BigUint,
    pub(crate) public: BigUint,
    pub(crate) private: BigInt,
}

impl Generation {
    /// The smallest modulus that can be made.
    pub(crate) const BITS_MIN: u64 = 12;

    /// Starts. The exponent is odd and above 1.
    pub(crate) fn new(exponent: BigUint, bits: u64) -> Self {
        Self { exponent, bits, search: Search::random(bits.div_ceil(2)), first: None }
    }

    /// Tries one candidate.
    pub(crate) fn step(&mut self, entropy: &mut Entropy) -> Option<Pair> {
        let prime = self.search.step(entropy)?;
        let one = BigUint::from(1u32);
        let fits = &prime % &self.exponent != one && &prime * &prime >= &one << (self.bits - 1);
        let Some(first) = self.first.take() else {
            let size = if fits { self.bits / 2 } else { self.bits.div_ceil(2) };
            self.search = Search::random(size);
            self.first = fits.then_some(prime);
            return None;
        };
        self.search = Search::random(self.bits / 2);
        let pair = if fits { self.pair(&first, &prime) } else { None };
        if pair.is_none() {
            self.first = Some(first);
        }
        pair
    }

    fn pair(&self, p: &BigUint, q: &BigUint) -> Option<Pair> {
        let one = BigUint::from(1u32);
        let (p, q) = if p < q { (q, p) } else { (p, q) };
        let modulus = p * q;
        if (p - q).bits() < self.bits / 3 || modulus.bits() != self.bits {
            return None;
        }
        let (p1, q1) = (BigInt::from(p - &one), BigInt::from(q - &one));
        let common = crate::decimal::ops::gcd(&p1, &q1).ok()?;
        let order = p1 / common * q1;
        let private = BigInt::from(self.exponent.clone()).modinv(&order)?;
        (private.bits() > self.bits / 2).then(|| Pair {
            modulus,
            public: self.exponent.clone(),
            private,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_works_both_ways() {
        let mut entropy = Entropy::default();
        let mut generation = Generation::new(BigUint::from(3u32), 512);
        let pair = loop {
            if let Some(pair) = generation.step(&mut entropy) {
                break pair;
            }
        };
        let modulus = BigInt::from(pair.modulus);
        let private = Key { modulus: modulus.clone(), exponent: pair.private, private: true };
        let public = Key { modulus, exponent: pair.public.into(), private: false };
        for (from, to) in [(&private, &public), (&public, &private)] {
            let wrapped = from.encrypt(b"data").expect("short enough");
            assert_eq!(to.decrypt(&wrapped).as_deref(), Some(&b"data"[..]));
            assert_eq!(from.decrypt(&wrapped), None);
        }
        let signature = private.sign("sha256WithRSA", b"data").expect("an algorithm");
        assert!(public.verify("SHA256WITHRSA", b"data", &signature));
        assert!(!public.verify("SHA1WITHRSA", b"data", &signature));
        assert_eq!(private.sign("NOPE", b""), None);
    }
}
