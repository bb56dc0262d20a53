//! Parameters of a request: of the query, then of a form that was posted.

use crate::contract::http::RequestHead;

/// Parameters by name; the first of a name counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    parameters: Vec<(String, String)>,
}

impl Form {
    /// The parameters of the query, and of the body where that is a form.
    pub(crate) fn new(head: &RequestHead, body: &[u8]) -> Self {
        let mut form = Self::default();
        form.read(head.query.as_bytes());
        let is_form = head
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form {
            form.read(body);
        }
        form
    }

    /// The first parameter of that name; empty when it has no value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn read(&mut self, encoded: &[u8]) {
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(split + 1..).unwrap_or_default();
            self.parameters.push((decode(&pair[..split]), decode(value)));
        }
    }
}

/// Decodes `+` and `%XX`; what is malformed stays as it is.
fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut index = 0;
    while let Some(&byte) = text.get(index) {
        let escaped = (byte == b'%').then(|| text.get(index + 1..index + 3)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, value) {
            (_, Some(value)) => {
                bytes.push(value);
                index += 2;
            }
            (b'+', None) => bytes.push(b' '),
            (byte, None) => bytes.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_comes_before_the_posted_form() {
        let head = RequestHead {
            query: "a=1&b=x%20+y&c".to_owned(),
            headers: vec![(
                "content-type".to_owned(),
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            ..RequestHead::default()
        };
        let form = Form::new(&head, b"a=2&d=%C3%A9&e=100%");
        assert_eq!(form.get("a"), Some("1"));
        assert_eq!(form.get("b"), Some("x  y"));
        assert_eq!(form.get("c"), Some(""));
        assert_eq!(form.get("d"), Some("é"));
        assert_eq!(form.get("e"), Some("100%"));
        assert_eq!(form.get("f"), None);
    }
}
