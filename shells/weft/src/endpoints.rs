//! Where what scripts write goes when no ingress is in the process: `warpscript.update.endpoint`,
//! `warpscript.meta.endpoint` and `warpscript.delete.endpoint`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Uri;
use weft_daemons::contract::peer::{CALL_BODY_MAX, CallResponse, CallResult};
use weft_daemons::contract::{PeerError, RequestHead};
use weft_http::{Client, ClientError, Patience};

use crate::config::{ConfigError, Settings};

/// How long an ingress may take. A script that waits has limits of its own.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(300),
    body: Duration::from_secs(60),
};

/// The path that a call has, and the key that says where it goes.
const KEYS: [(&str, &str); 3] = [
    ("/api/v0/update", "warpscript.update.endpoint"),
    ("/api/v0/meta", "warpscript.meta.endpoint"),
    ("/api/v0/delete", "warpscript.delete.endpoint"),
];

/// An ingress of another process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    /// `host:port`.
    address: String,
    path: String,
}

/// The endpoints that the configuration names. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    client: Client,
    named: [Option<Endpoint>; 3],
}

impl Endpoints {
    /// Reads the keys.
    ///
    /// # Errors
    /// When one is not the URL of a server without encryption.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let mut named = [const { None }; 3];
        for (named, (_, key)) in named.iter_mut().zip(KEYS) {
            if let Some(url) = settings.get(key) {
                let endpoint = Endpoint::parse(url).map_err(|what| settings.error(key, &what))?;
                *named = Some(endpoint);
            }
        }
        Ok(Self { client: Client::new(PATIENCE), named })
    }

    /// Makes a request of a script; `None` when it is none that writes.
    pub(crate) fn call(
        &self,
        mut head: RequestHead,
        body: Bytes,
    ) -> Option<impl Future<Output = CallResult> + Send + use<>> {
        let index = KEYS.iter().position(|(path, _)| *path == head.path)?;
        let (client, endpoint) = (self.client.clone(), self.named[index].clone());
        Some(async move {
            let Some(endpoint) = endpoint else {
                let key = KEYS[index].1;
                let message = format!(
                    "No ingress is in this process, and configuration parameter '{key}' not set."
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
