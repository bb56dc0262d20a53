//! Where what scripts write goes when no ingress is in the process, and what the runner runs when no
//! egress is: `warpscript.update.endpoint`, `warpscript.meta.endpoint`, `warpscript.delete.endpoint`
//! and `runner.endpoint`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Uri;
use weft_daemons::contract::peer::{CALL_BODY_MAX, CallResponse, CallResult};
use weft_daemons::contract::{PeerError, RequestHead};
use weft_http::{Client, ClientError, Patience};

use crate::config::{ConfigError, Settings};

/// How long an ingress may take.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(300),
    body: Duration::from_secs(60),
};

/// How long an egress may take: scripts of the runner may run for long.
const SCRIPT_PATIENCE: Patience = Patience { head: Duration::from_secs(24 * 3_600), ..PATIENCE };

/// The path that a call has, the component that serves it, and the key that says where it is.
const KEYS: [(&str, &str, &str); 4] = [
    ("/api/v0/update", "ingress", "warpscript.update.endpoint"),
    ("/api/v0/meta", "ingress", "warpscript.meta.endpoint"),
    ("/api/v0/delete", "ingress", "warpscript.delete.endpoint"),
    ("/api/v0/exec", "egress", "runner.endpoint"),
];

/// A component of another process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    /// `host:port`.
    address: String,
    path: String,
}

/// The endpoints that the configuration names. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    writes: Client,
    scripts: Client,
    /// For each of [`KEYS`]; `None` when the component is in this process.
    apart: [Option<Option<Endpoint>>; KEYS.len()],
}

impl Endpoints {
    /// Reads the keys of components that are not in this process.
    ///
    /// # Errors
    /// When one is not the URL of a server without encryption.
    pub(crate) fn new(
        settings: &Settings,
        is_here: impl Fn(&str) -> bool,
    ) -> Result<Self, ConfigError> {
        let mut apart = [const { None }; KEYS.len()];
        for (apart, (_, component, key)) in apart.iter_mut().zip(KEYS) {
            if is_here(component) {
                continue;
            }
            let parse = |url| Endpoint::parse(url).map_err(|what| settings.error(key, &what));
            *apart = Some(settings.get(key).map(parse).transpose()?);
        }
        Ok(Self { writes: Client::new(PATIENCE), scripts: Client::new(SCRIPT_PATIENCE), apart })
    }

    /// Makes a request of a component; `None` when it goes to one of this process.
    pub(crate) fn call(
        &self,
        mut head: RequestHead,
        body: Bytes,
    ) -> Option<impl Future<Output = CallResult> + Send + use<>> {
        let index = KEYS.iter().position(|(path, ..)| *path == head.path)?;
        let endpoint = self.apart[index].clone()?;
        let client = if KEYS[index].1 == "egress" { &self.scripts } else { &self.writes }.clone();
        Some(async move {
            let Some(endpoint) = endpoint else {
                let (_, component, key) = KEYS[index];
                let message = format!(
                    "No {component} is in this process, and configuration parameter '{key}' not \
                     set."
                );
                return Err(PeerError::Refused(message));
            };
            head.path = endpoint.path;
            let answered = answered(&client, &endpoint.address, &head, body).await;
            answered.unwrap_or_else(|error| Err(PeerError::Refused(error.to_string())))
        })
    }
}

/// The whole answer.
async fn answered(
    client: &Client,
    address: &str,
    head: &RequestHead,
    body: Bytes,
) -> Result<CallResult, ClientError> {
    let mut response = client.call(address, head, body).await?;
    let mut whole = BytesMut::new();
    while let Some(piece) = response.piece().await? {
        if whole.len() + piece.len() > CALL_BODY_MAX {
            let message = format!("{address}: the answer is longer than {CALL_BODY_MAX} bytes");
            return Ok(Err(PeerError::Refused(message)));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Ok(CallResponse { status: response.status, body: whole.freeze() }))
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, String> {
        let expected = || format!("{url}: http://HOST[:PORT]/PATH is allowed");
        let uri: Uri = url.trim().parse().map_err(|_| expected())?;
        if uri.scheme_str() == Some("https") {
            return Err(format!("{url}: Weft makes no encrypted calls; use http://"));
        }
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(expected)?;
        if uri.query().is_some() {
            return Err(expected());
        }
        let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self { address, path: uri.path().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_servers_and_paths() {
        let parse = |url: &str| Endpoint::parse(url).map(|e| (e.address, e.path));
        let of = |address: &str, path: &str| Ok((address.to_owned(), path.to_owned()));
        assert_eq!(parse("http://h:8882/api/v0/update"), of("h:8882", "/api/v0/update"));
        assert_eq!(parse("http://[::1]/u"), of("[::1]:80", "/u"));
        assert!(parse("https://h/u").is_err_and(|what| what.contains("encrypted")));
        for wrong in ["", "h:8882", "/api/v0/update", "ftp://h/u", "http://h/u?a=b"] {
            assert!(parse(wrong).is_err_and(|what| what.contains("is allowed")), "{wrong}");
        }
    }
}
