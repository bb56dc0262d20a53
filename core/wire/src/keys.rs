//! Keys as configurations write them: `hex:…`, `base64:…`, or `wrapped:` and one of those, wrapped
//! with the platform's master key.

use weft_gts::WrapKey;

/// Bytes of the nonce that stands before a wrapped key.
const NONCE_LEN: usize = 8;

/// Why a key cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has no known beginning.
    #[error("a key begins with hex:, base64: or wrapped:")]
    Scheme,
    /// Behind `hex:` are no pairs of hexadecimal digits.
    #[error("behind hex: stand pairs of hexadecimal digits")]
    Hex,
    /// Behind `base64:` is no Base64.
    #[error("behind base64: stands Base64")]
    Base64,
    /// There is no master key to unwrap it with.
    #[error("the key is wrapped, and there is no master key to unwrap it with")]
    NoMaster,
    /// It was wrapped with another master key.
    #[error("the key was wrapped with another master key")]
    Master,
}

/// The bytes of a key.
pub fn decode_key(spec: &str, master: Option<&WrapKey>) -> Result<Vec<u8>, KeyError> {
    if let Some(inner) = spec.strip_prefix("wrapped:") {
        let wrapped = decode_key(inner, None)?;
        let plain = master.ok_or(KeyError::NoMaster)?.unwrap(&wrapped);
        let plain = plain.map_err(|_| KeyError::Master)?;
        return plain.get(NONCE_LEN..).map(<[u8]>::to_vec).ok_or(KeyError::Master);
    }
    if let Some(digits) = spec.strip_prefix("hex:") {
        return decode_hex(digits).ok_or(KeyError::Hex);
    }
    if let Some(text) = spec.strip_prefix("base64:") {
        return decode_base64(text).ok_or(KeyError::Base64);
    }
    Err(KeyError::Scheme)
}

/// A key wrapped with the master key. The nonce makes equal keys look different.
pub fn wrap_key(key: &[u8], master: &WrapKey, nonce: [u8; NONCE_LEN]) -> String {
    let mut plain = nonce.to_vec();
    plain.extend_from_slice(key);
    let digits: String = master.wrap(&plain).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("wrapped:hex:{digits}")
}

fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8);
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect()).flatten()
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let digits = text.trim_end_matches('=');
    let is_good = text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
    is_good.then(|| weft_gts::text::binary::decode_base64(digits.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_read() {
        assert_eq!(decode_key("hex:00fF", None), Ok(vec![0, 255]));
        assert_eq!(decode_key("base64:AP8=", None), Ok(vec![0, 255]));
        assert_eq!(decode_key("hex:0", None), Err(KeyError::Hex));
        assert_eq!(decode_key("base64:*", None), Err(KeyError::Base64));
        assert_eq!(decode_key("00ff", None), Err(KeyError::Scheme));
        assert_eq!(decode_key("wrapped:hex:00", None), Err(KeyError::NoMaster));
    }

    proptest! {
        #[test]
        fn wrapped_keys_round_trip(key in prop::collection::vec(any::<u8>(), 0..40), nonce: [u8; 8]) {
            let master = WrapKey::new(&[3; 16]).expect("16 bytes");
            let other = WrapKey::new(&[4; 16]).expect("16 bytes");
            let spec = wrap_key(&key, &master, nonce);
            prop_assert_eq!(decode_key(&spec, Some(&master)), Ok(key));
            prop_assert_eq!(decode_key(&spec, Some(&other)), Err(KeyError::Master));
        }
    }
}
