//! TLS of calls to the outside: whom a certificate must name, and who vouches for it.
//!
//! Trusted are the authorities that the system trusts, and those of `weft.webcall.ca`. There is no way
//! to go on without a good certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Authorities of `weft.webcall.ca`.
const AUTHORITIES_MAX: usize = 10_000;

/// The client's side of TLS.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    own: Vec<CertificateDer<'static>>,
    /// Made when the first call needs it: most nodes make none, and the system's authorities are many.
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// Whether calls can be encrypted here: the cryptography asks for more than every processor of its
    /// architecture has, and panics without.
    pub(crate) fn is_there() -> bool {
        #[cfg(target_arch = "x86_64")]
        return is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("adx")
            && is_x86_feature_detected!("avx2");
        #[cfg(target_arch = "aarch64")]
        return std::arch::is_aarch64_feature_detected!("neon")
            && std::arch::is_aarch64_feature_detected!("aes")
            && std::arch::is_aarch64_feature_detected!("pmull")
            && std::arch::is_aarch64_feature_detected!("sha2");
    }

    /// With authorities of a file of certificates (PEM) beside those of the system.
    ///
    /// # Errors
    /// The file cannot be read, or says of none, or of one that is damaged.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, String> {
        let Some(path) = ca else { return Ok(Self::default()) };
        let found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        let found = found.take(AUTHORITIES_MAX).collect::<Result<Vec<_>, _>>();
        let own = found.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        for certificate in &own {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        match own.is_empty() {
            true => Err("no certificate is in it".to_owned()),
            false => Ok(Self { own, config: OnceCell::new() }),
        }
    }

    /// Encrypts a connection to whoever has a certificate for `name`, a host's name or an address.
    ///
    /// # Errors
    /// It has none, or nobody trusted vouches for it, or it is not valid now.
    pub(crate) async fn connect(
        &self,
        name: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        if !Self::is_there() {
            return Err("this processor has no TLS".to_owned());
        }
        let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let config = self.config.get_or_try_init(|| async {
            let own = self.own.clone();
            let made = tokio::task::spawn_blocking(move || client(own)).await;
            made.map_err(|error| error.to_string())?
        });
        let connector = TlsConnector::from(config.await?.clone());
        connector.connect(name, stream).await.map_err(|error| error.to_string())
    }
}

/// Reads the system's authorities.
fn client(own: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Those that are not understood are left out: they vouch for nobody.
    roots.add_parsable_certificates(found.certs);
    roots.add_parsable_certificates(own);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!(
            "no certificate authority is trusted here{why}: install the system's package of them, or \
             name a file by weft.webcall.ca"
        ));
    }
    let provider: Arc<CryptoProvider> = Arc::new(rustls_graviola::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_is_whole_or_an_error() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let of = |text: &str| {
            let path = folder.path().join("ca.pem");
            std::fs::write(&path, text).expect("a file");
            Tls::new(Some(&path)).map(|tls| tls.own.len())
        };
        assert_eq!(of(""), Err("no certificate is in it".to_owned()));
        assert!(of("-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
        assert!(of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
        assert!(Tls::new(Some(&folder.path().join("none"))).is_err());
        assert!(Tls::new(None).is_ok_and(|tls| tls.own.is_empty()));
    }
}
