//! What a request for a script says beside the script: variables, capabilities, time.

use std::sync::Arc;

use weft_gts::time::parse_duration;
use weft_warpscript::Config;
use weft_warpscript::machine::Identity;
use weft_warpscript::requests::Sight;
use weft_wire::opb64;

use super::super::config::EgressConfig;
use super::script::{Headers, Setup, SetupError};
use crate::contract::RequestHead;
use crate::time::Now;

/// The path of scripts.
pub(in crate::egress) const PATH: &str = "/api/v0/exec";

const TIMEBOX: &str = "X-Warp10-Timebox";
const LINES: &str = "X-Warp10-Lines";
const RUNNER_NONCE: &str = "X-Warp10-Runner-Nonce";

/// Attributes of tokens that grant capabilities begin so.
const CAPABILITY_PREFIX: &str = ".cap:";

/// The capability that raises how long a script may run.
const TIME_CAPABILITY: &str = "timebox.maxtime";

/// Bytes of the nonce that a wrapped blob begins with.
const BLOB_NONCE_LEN: usize = 8;

/// How a script begins.
pub(super) fn setup(
    config: &EgressConfig,
    head: &RequestHead,
    body: Vec<u8>,
    sight: &Sight,
    now: Now,
) -> Result<Setup, SetupError> {
    let names = &config.headers;
    let capabilities = capabilities(config, head.header(&names.capabilities), now)?;
    let headers = head.header(&names.expose_headers);
    Ok(Setup {
        config: Arc::<Config>::clone(&config.exec.machine),
        definitions: definitions(&head.path).to_owned(),
        has_bootstrap: config.exec.has_bootstrap,
        headers: headers.map(|name| (name.to_owned(), by_name(head))),
        time_limit: time_limit(config, head, &capabilities, now),
        capabilities,
        identity: Identity { name: sight.name.clone(), session: sight.session.clone() },
        line_sections: head.header(LINES).is_some(),
        authority: config.tokens.clone(),
        is_interactive: false,
        content_type: head.header("content-type").map(str::to_owned),
        body,
        body_max: config.exec.body_max,
    })
}

/// What stands behind the path and a character after it.
fn definitions(path: &str) -> &str {
    let rest = path.strip_prefix(PATH).unwrap_or_default();
    let mut characters = rest.chars();
    characters.next();
    characters.as_str()
}

/// The headers by their names, written as clients write them.
fn by_name(head: &RequestHead) -> Headers {
    let mut all = Headers::new();
    for (name, value) in &head.headers {
        let name = capitalised(name);
        match all.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value.clone()),
            None => all.push((name, vec![value.clone()])),
        }
    }
    all
}

/// `X-Warp10-Token`: what a name that came in lower case most likely was.
fn capitalised(name: &str) -> String {
    let mut is_first = true;
    let upper = |c: char| {
        let is_start = std::mem::replace(&mut is_first, c == '-');
        if is_start { c.to_ascii_uppercase() } else { c }
    };
    name.chars().map(upper).collect()
}

/// What the tokens of a header grant. The first token that grants a capability decides its value.
fn capabilities(
    config: &EgressConfig,
    tokens: Option<&str>,
    now: Now,
) -> Result<Vec<(String, String)>, SetupError> {
    let mut granted: Vec<(String, String)> = Vec::new();
    for token in tokens.into_iter().flat_map(|tokens| tokens.split(',')).map(str::trim) {
        let (authority, now_ms) = (&config.tokens, now.wall.as_ms());
        let attributes = match authority.read_token(Some(token), now_ms) {
            Ok(token) => token.attributes,
            Err(_) => match authority.write_token(Some(token), now_ms) {
                Ok(token) => token.attributes,
                Err(_) => {
                    let message = "invalid token.".to_owned();
                    return Err(SetupError { status: 500, message });
                }
            },
        };
        for (name, value) in attributes.iter().flat_map(|attributes| attributes.iter()) {
            let Some(name) = name.strip_prefix(CAPABILITY_PREFIX) else { continue };
            if !granted.iter().any(|(other, _)| other == name) {
                granted.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(granted)
}

/// How long the script may run: what the request asks for, at most what the platform or a
/// capability allows. A script of the runner may run on.
fn time_limit(
    config: &EgressConfig,
    head: &RequestHead,
    capabilities: &[(String, String)],
    now: Now,
) -> Option<i64> {
    if is_runner(config, head, now) {
        return None;
    }
    let mut most = config.exec.max_time_ms.saturating_mul(config.unit.per_ms()).max(0);
    let capability = capabilities.iter().find(|(name, _)| name == TIME_CAPABILITY);
    if let (true, Some((_, value))) = (most > 0, capability) {
        let raised = span(config, value.trim()).unwrap_or(most).max(0);
        // No limit at all when it says 0.
        most = if raised > 0 { most.max(raised) } else { 0 };
    }
    let asked = head.header(TIMEBOX).and_then(|text| span(config, text)).unwrap_or(0).max(0);
    match (asked, most) {
        (0, 0) => None,
        (0, most) => Some(most),
        (asked, 0) => Some(asked),
        (asked, most) => Some(asked.min(most)),
    }
}

/// A duration, or a number of milliseconds.
fn span(config: &EgressConfig, text: &str) -> Option<i64> {
    if text.starts_with('P') {
        return parse_duration(text, config.unit).ok();
    }
    let ms: i64 = text.parse().ok()?;
    Some(ms.saturating_mul(config.unit.per_ms()))
}

/// Whether the request carries a nonce that a runner made a moment ago.
fn is_runner(config: &EgressConfig, head: &RequestHead, now: Now) -> bool {
    let (Some(nonce), Some(key)) = (head.header(RUNNER_NONCE), &config.exec.runner_key) else {
        return false;
    };
    let blob = opb64::decode(nonce.as_bytes()).ok().and_then(|blob| key.unwrap(&blob).ok());
    let bytes = blob.as_deref().and_then(|blob| blob.get(BLOB_NONCE_LEN..));
    let Some(Ok(bytes)) = bytes.map(<[u8; 8]>::try_from) else { return false };
    let made_ms = i64::from_be_bytes(bytes) / 1_000_000;
    now.wall.as_ms().saturating_sub(made_ms) <= config.exec.nonce_validity_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_are_written_as_usual() {
        assert_eq!(capitalised("x-warp10-token"), "X-Warp10-Token");
        assert_eq!(capitalised("host"), "Host");
    }

    #[test]
    fn definitions_stand_behind_the_path() {
        assert_eq!(definitions("/api/v0/exec"), "");
        assert_eq!(definitions("/api/v0/exec/"), "");
        assert_eq!(definitions("/api/v0/exec/a=1/b=2"), "a=1/b=2");
    }
}
