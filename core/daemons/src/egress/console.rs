//! `/console`: one page that runs scripts, draws what they answer and shows datapoints as they come.
//!
//! The page is static and asks nobody but this server. What it completes words with comes from the
//! registry ([`WORDS_PATH`]).

use std::sync::LazyLock;

use bytes::Bytes;
use weft_warpscript::registry::families;

use super::formats::json::write_json_string;
use crate::contract::ResponseHead;

/// Where the page is.
pub(super) const PATH: &str = "/console";

/// Where the words are that it knows.
pub(super) const WORDS_PATH: &str = "/console/words";

const PAGE: &[u8] = include_bytes!("console.html");

/// The page's own code and styles alone, and no server but this one.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

static WORDS: LazyLock<Bytes> = LazyLock::new(|| {
    let mut out = Vec::new();
    for word in families().iter().flat_map(|family| family.words) {
        out.push(if out.is_empty() { b'[' } else { b',' });
        out.extend_from_slice(b"{\"name\":");
        write_json_string(&mut out, word.name);
        out.extend_from_slice(b",\"signatures\":[");
        for (index, signature) in word.signatures.lines().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_json_string(&mut out, signature.trim());
        }
        out.extend_from_slice(b"],\"doc\":");
        write_json_string(&mut out, word.doc);
        out.push(b'}');
    }
    out.push(b']');
    out.into()
});

/// The answer to a request for the page, or for what it needs.
pub(super) fn response(path: &str) -> Option<(ResponseHead, Bytes)> {
    let (kind, body) = match path {
        PATH => ("text/html; charset=utf-8", Bytes::from_static(PAGE)),
        WORDS_PATH => ("application/json; charset=utf-8", WORDS.clone()),
        _ => return None,
    };
    let headers = [
        ("Content-Type", kind),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-cache"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Some((ResponseHead { status: 200, headers }, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nobody_else() {
        let (head, body) = response(PATH).expect("the page");
        let page = std::str::from_utf8(&body).expect("text");
        assert_eq!(head.status, 200);
        for elsewhere in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_registry() {
        let (_, body) = response(WORDS_PATH).expect("words");
        let words = std::str::from_utf8(&body).expect("text");
        assert!(words.starts_with("[{") && words.ends_with("}]"));
        assert!(words.contains("{\"name\":\"BUCKETIZE\",\"signatures\":[\""));
        assert!(response("/console/x").is_none());
    }
}
