//! What browsers ask for, and answers that every endpoint gives alike: pre-flight requests, errors
//! as plain text, unknown paths.

use bytes::Bytes;

use crate::contract::ResponseHead;
use crate::headers::HeaderNames;

/// What pre-flight requests are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsConfig {
    /// The value of `Access-Control-Allow-Headers`.
    allowed_headers: String,
}

/// What is said of a request whose body broke off.
pub(crate) const BROKEN_OFF: &str = "The body of the request broke off.";

/// How long a browser may remember the answer to a pre-flight request: 30 days, in seconds.
const MAX_AGE: &str = "2592000";

/// The header that names a script's session.
const SESSION_HEADER: &str = "X-Warp10-WarpScriptSession";

/// Lets pages of any origin read the response.
const ALLOW_ORIGIN: (&str, &str) = ("Access-Control-Allow-Origin", "*");

impl CorsConfig {
    /// From the name of the token's header and the value of `cors.headers`, a comma-separated
    /// list.
    pub fn new(names: &HeaderNames, extra: Option<&str>) -> Self {
        let mut allowed_headers =
            format!("{},{SESSION_HEADER},Access-Control-Request-Private-Network", names.token);
        for name in extra.into_iter().flat_map(|list| list.split(',')) {
            allowed_headers.push(',');
            allowed_headers.push_str(name.trim());
        }
        Self { allowed_headers }
    }
}

/// The answer to `OPTIONS`, whatever the path.
pub fn options_response(config: &CorsConfig) -> ResponseHead {
    response(
        200,
        &[
            ALLOW_ORIGIN,
            ("Access-Control-Allow-Private-Network", "true"),
            ("Access-Control-Allow-Methods", "OPTIONS,POST,GET"),
            ("Access-Control-Allow-Headers", &config.allowed_headers),
            ("Access-Control-Max-Age", MAX_AGE),
        ],
    )
}

/// A 200 that any page may read.
pub fn ok_response() -> ResponseHead {
    response(200, &[ALLOW_ORIGIN])
}

/// A 200 with lines of text that any page may read.
pub fn text_response() -> ResponseHead {
    response(200, &[ALLOW_ORIGIN, ("Content-Type", "text/plain;charset=utf-8")])
}

/// The answer of `/api/v0/check`: that somebody is there.
pub fn check_response() -> ResponseHead {
    response(200, &[])
}

/// An error that any page may read: the message is the whole body.
pub fn error_response(status: u16, message: &str) -> (ResponseHead, Bytes) {
    let (mut head, body) = plain_error_response(status, message);
    head.headers.insert(0, (ALLOW_ORIGIN.0.to_owned(), ALLOW_ORIGIN.1.to_owned()));
    (head, body)
}

/// The answer on a path that nobody serves.
pub fn not_found_response() -> (ResponseHead, Bytes) {
    plain_error_response(404, "Not Found")
}

/// The answer to a plain request on the path of a WebSocket.
pub(crate) fn websocket_only_response() -> (ResponseHead, Bytes) {
    let (mut head, body) = plain_error_response(426, "Only WebSockets are served here.");
    head.headers.push(("Upgrade".to_owned(), "websocket".to_owned()));
    (head, body)
}

/// An error without `Access-Control` headers.
pub(crate) fn plain_error_response(status: u16, message: &str) -> (ResponseHead, Bytes) {
    let head = response(status, &[("Content-Type", "text/plain; charset=utf-8")]);
    (head, Bytes::copy_from_slice(message.as_bytes()))
}

fn response(status: u16, headers: &[(&str, &str)]) -> ResponseHead {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ResponseHead { status, headers: headers.iter().map(own).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preflight_names_the_headers_that_may_be_sent() {
        let config = CorsConfig::new(&HeaderNames::default(), Some("X-A, X-B"));
        let head = options_response(&config);
        assert_eq!(head.status, 200);
        let allowed = head.headers.iter().find(|(n, _)| n == "Access-Control-Allow-Headers");
        let expected = "X-Warp10-Token,X-Warp10-WarpScriptSession,\
                        Access-Control-Request-Private-Network,X-A,X-B";
        assert_eq!(allowed.unwrap().1, expected);
    }

    #[test]
    fn errors_carry_their_message_as_text() {
        let (head, body) = error_response(403, "Missing token.");
        assert_eq!((head.status, &body[..]), (403, &b"Missing token."[..]));
        assert_eq!(head.headers[0].0, "Access-Control-Allow-Origin");
        assert_eq!(not_found_response().0.headers.len(), 1);
    }
}
