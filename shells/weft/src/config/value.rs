//! Kinds of values, and what is allowed.

use std::net::IpAddr;

use weft_wire::keys::decode_key;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_their_kind() {
        assert_eq!(Kind::Bool.complaint("yes"), Some("true or false"));
        assert_eq!(Kind::Port.complaint("70000"), Some("a port, 0 to 65535"));
        assert_eq!(Kind::Host.complaint("127.0.0.1"), None);
        assert_eq!(Kind::Host.complaint("a b"), Some("an IP address or a host name"));
        assert_eq!(Kind::Long.complaint("-1"), None);
    }
}
