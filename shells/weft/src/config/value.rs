//! Kinds of values, and what is allowed.

use std::net::IpAddr;

use weft_gts::WrapKey;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Bool,
    /// An address or a name of a host.
    Host,
    /// `hex:…`, `base64:…` or `wrapped:…`.
    Key,
    /// An integer.
    Long,
    /// A port.
    Port,
    /// Anything.
    Text,
}

impl Kind {
    /// What is allowed, where `value` is not.
    pub(crate) fn complaint(self, value: &str) -> Option<&'static str> {
        let (is_good, allowed) = match self {
            Self::Bool => (matches!(value, "true" | "false"), "true or false"),
            Self::Host => (is_host(value), "an IP address or a host name"),
            Self::Key => (
                decode_key(value, None).is_ok() || value.starts_with("wrapped:"),
                "hex: and hexadecimal digits, base64: and Base64, or wrapped: and a wrapped key",
            ),
            Self::Long => (value.parse::<i64>().is_ok(), "an integer"),
            Self::Port => (value.parse::<u16>().is_ok(), "a port, 0 to 65535"),
            Self::Text => (true, ""),
        };
        (!is_good).then_some(allowed)
    }
}

fn is_host(value: &str) -> bool {
    value.parse::<IpAddr>().is_ok()
        || (!value.is_empty()
            && value.len() <= 253
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')))
}

/// Why a key cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("it begins neither with hex: nor base64: nor wrapped:")]
    Scheme,
    #[error("its digits are not hexadecimal, or an odd number of them")]
    Hex,
    #[error("it is not Base64")]
    Base64,
    #[error("it is wrapped, and warp.master.key is not set")]
    NoMaster,
    #[error("it was not wrapped with warp.master.key")]
    Master,
}

/// The bytes of a key: `hex:`, `base64:` or, with the master key, `wrapped:`.
pub(crate) fn decode_key(spec: &str, master: Option<&WrapKey>) -> Result<Vec<u8>, KeyError> {
    if let Some(digits) = spec.strip_prefix("hex:") {
        return decode_hex(digits).ok_or(KeyError::Hex);
    }
    if let Some(text) = spec.strip_prefix("base64:") {
        return decode_base64(text).ok_or(KeyError::Base64);
    }
    if let Some(digits) = spec.strip_prefix("wrapped:") {
        let wrapped = decode_hex(digits).ok_or(KeyError::Hex)?;
        let master = master.ok_or(KeyError::NoMaster)?;
        let plain = master.unwrap(&wrapped).map_err(|_| KeyError::Master)?;
        // A nonce of eight bytes stands in front.
        return plain.get(8..).map(<[u8]>::to_vec).ok_or(KeyError::Master);
    }
    Err(KeyError::Scheme)
}

pub(crate) fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let nibble = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8);
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect()).flatten()
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let is_good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b));
    is_good.then(|| weft_gts::text::binary::decode_base64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        assert_eq!(decode_key("hex:00ff", None), Ok(vec![0, 255]));
        assert_eq!(decode_key("base64:AP8=", None), Ok(vec![0, 255]));
        assert_eq!(decode_key("hex:0", None), Err(KeyError::Hex));
        assert_eq!(decode_key("base64:*", None), Err(KeyError::Base64));
        assert_eq!(decode_key("00ff", None), Err(KeyError::Scheme));
        assert_eq!(decode_key("wrapped:00", None), Err(KeyError::NoMaster));
    }

    #[test]
    fn values_are_judged_by_their_kind() {
        assert_eq!(Kind::Bool.complaint("yes"), Some("true or false"));
        assert_eq!(Kind::Port.complaint("70000"), Some("a port, 0 to 65535"));
        assert_eq!(Kind::Host.complaint("127.0.0.1"), None);
        assert_eq!(Kind::Host.complaint("a b"), Some("an IP address or a host name"));
        assert_eq!(Kind::Long.complaint("-1"), None);
    }
}
