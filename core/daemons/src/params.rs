//! Parameters of a request: the query, and the body where that is a form.

use weft_gts::utf8::from_utf8_lossy;

/// Names and values, decoded, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

/// Bytes of a form.
pub(crate) const FORM_BYTES_MAX: usize = 1 << 20;

impl Params {
    /// From `NAME=VALUE&…`, percent-encoded, `+` for a blank.
    pub(crate) fn parse(query: &str) -> Self {
        let mut params = Self::default();
        params.extend(query.as_bytes());
        params
    }

    /// Adds those of another text of this kind. Of several values of a name the first counts.
    pub(crate) fn extend(&mut self, text: &[u8]) {
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(end + 1..).unwrap_or_default();
            self.pairs.push((decode(&pair[..end]), decode(value)));
        }
    }

    /// The value of a parameter; empty for a name alone.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        pairs.find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there, with whatever value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the parameter is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

/// Whether a body of this type holds parameters.
pub(crate) fn is_form(method: &str, content_type: Option<&str>) -> bool {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    matches!(method, "POST" | "PUT")
        && media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// What cannot be decoded becomes U+FFFD.
pub(crate) fn decode(text: &[u8]) -> String {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    let digit = |index: usize| char::from(*text.get(index)?).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        index += 1;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                match (digit(index), digit(index + 1)) {
                    (Some(high), Some(low)) => bytes.push((high << 4 | low) as u8),
                    _ => bytes.extend_from_slice(REPLACEMENT),
                }
                index += 2;
            }
            byte => bytes.push(*byte),
        }
    }
    from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_name_counts() {
        let mut params = Params::parse("a=1&b&a=2&&=x&c=1=2");
        params.extend(b"d=3&a=4");
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), Some(""));
        assert_eq!(params.get("c"), Some("1=2"));
        assert_eq!(params.get("d"), Some("3"));
        assert_eq!(params.get("e"), None);
    }

    #[test]
    fn values_are_decoded() {
        let params = Params::parse("a=x+y%2B%C3%A9&b=%zz&c=%ff&d=%4");
        assert_eq!(params.get("a"), Some("x y+é"));
        for name in ["b", "c", "d"] {
            assert_eq!(params.get(name), Some("\u{fffd}"), "{name}");
        }
    }

    #[test]
    fn forms_are_told_by_their_type() {
        let form = Some("application/x-www-form-urlencoded; charset=UTF-8");
        assert!(is_form("POST", form));
        assert!(!is_form("GET", form));
        assert!(!is_form("POST", Some("text/plain")));
        assert!(!is_form("POST", None));
    }
}
