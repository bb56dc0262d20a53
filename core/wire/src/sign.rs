//! Signatures of requests between daemons: `hex(ms):hex(SipHash(key, "ms:subject"))`.

use weft_gts::{Labels, SipKey};

/// The signature of `subject` (a token, a selector) made at that moment.
pub fn signature(key: SipKey, now_ms: i64, subject: &str) -> String {
    let hash = key.hash(format!("{now_ms}:{subject}").as_bytes());
    format!("{now_ms:x}:{hash:x}")
}

/// Whether a signature of `subject` is good, and not older than `age_max_ms`.
pub fn is_signed(
    key: SipKey,
    now_ms: i64,
    age_max_ms: i64,
    subject: &str,
    signature: &str,
) -> bool {
    let Some((ms, hash)) = signature.split_once(':') else { return false };
    let number = |text| u64::from_str_radix(text, 16).ok().map(|number| number as i64);
    let (Some(ms), Some(hash)) = (number(ms), number(hash)) else { return false };
    now_ms.saturating_sub(ms) <= age_max_ms
        && key.hash(format!("{ms}:{subject}").as_bytes()) == hash
}

/// The hash of a signed request to a directory: its moment, its class expressions, then its label
/// expressions in the order of their names.
pub fn directory_hash(
    key: SipKey,
    timestamp_ms: i64,
    classes: &[String],
    labels: &[Labels],
) -> i64 {
    let mut bytes = timestamp_ms.to_be_bytes().to_vec();
    for class in classes {
        bytes.extend_from_slice(class.as_bytes());
    }
    for labels in labels {
        for (name, expression) in labels.sorted().iter() {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(expression.as_bytes());
        }
    }
    key.hash(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_checked() {
        let key = SipKey::new(1, 2);
        let signed = signature(key, 1_000, "token");
        assert!(is_signed(key, 2_000, 1_000, "token", &signed));
        assert!(!is_signed(key, 2_001, 1_000, "token", &signed), "too old");
        assert!(!is_signed(key, 1_000, 1_000, "other", &signed));
        assert!(!is_signed(SipKey::new(1, 3), 1_000, 1_000, "token", &signed));
        assert!(!is_signed(key, 1_000, 1_000, "token", "x"));
    }
}
