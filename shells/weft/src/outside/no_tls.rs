//! The TLS of a build without it: none.

use std::path::Path;

use tokio::net::TcpStream;

/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Tls;

impl Tls {
    /// Whether calls can be encrypted here.
    pub(crate) const fn is_there() -> bool {
        false
    }

    /// What has no effect is told.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, String> {
        match ca {
            Some(_) => Err("this build has no TLS".to_owned()),
            None => Ok(Self),
        }
    }

    /// Nobody is reached.
    pub(crate) async fn connect(&self, _: &str, _: TcpStream) -> Result<TcpStream, String> {
        Err("this build has no TLS".to_owned())
    }
}
