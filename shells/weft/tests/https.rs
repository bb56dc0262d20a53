//! WEBCALL and HTTP of a node over TLS, against receivers on this machine with certificates of every
//! kind.

#![cfg(all(feature = "tls", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use common::http::Request;
use common::{Node, PATIENCE};
use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyIdMethod, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

/// A key that signs certificates.
struct Key {
    key: SigningKey<P256>,
    public: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let key = SigningKey::generate().expect("a key");
        let mut buffer = [0; 256];
        let whole = key.to_spki_der(&mut buffer).expect("its public half");
        // The point at the end, uncompressed.
        let public = whole[whole.len() - 65..].to_vec();
        Self { key, public }
    }

    fn to_der(&self) -> PrivateKeyDer<'static> {
        let mut buffer = [0; 512];
        let der = self.key.to_pkcs8_der(&mut buffer).expect("room for it").to_vec();
        PrivatePkcs8KeyDer::from(der).into()
    }
}

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        let signed = self.key.sign_asn1::<Sha256>(&[message], &mut buffer);
        signed.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A certificate for these names, but for its dates.
fn params<const N: usize>(names: [String; N]) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("names");
    params.serial_number = Some(1.into());
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
    params
}

/// An authority.
struct Authority {
    issuer: Issuer<'static, Key>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = params([]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = Key::new();
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server's side of TLS, with a certificate for a name, valid until a year.
    fn vouch(&self, name: &str, year: i32) -> ServerConfig {
        let key = Key::new();
        let mut params = params([name.to_owned()]);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let provider = Arc::new(rustls_graviola::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().expect("versions");
        config.with_no_client_auth().with_single_cert(chain, key.to_der()).expect("they match")
    }
}

/// What came: the name that was asked for, and the head of the request.
type Seen = Arc<Mutex<Vec<(Option<String>, String)>>>;

/// A server that answers each connection once.
struct Receiver {
    port: u16,
    seen: Seen,
}

impl Receiver {
    /// One at each loopback address that there is, in plain text without `tls`.
    fn start(tls: Option<ServerConfig>, answer: String) -> Self {
        let v4 = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = v4.local_addr().expect("an address").port();
        // Where names are looked up, this one may come first.
        let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
        let (tls, seen) = (tls.map(Arc::new), Seen::default());
        for listener in [Some(v4), v6.ok()].into_iter().flatten() {
            let (tls, seen, answer) = (tls.clone(), seen.clone(), answer.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    serve(stream, tls.clone(), &seen, &answer);
                }
            });
        }
        Self { port, seen }
    }

    fn seen(&self) -> Vec<(Option<String>, String)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers one request. A client that goes away is no mistake.
fn serve(mut stream: TcpStream, tls: Option<Arc<ServerConfig>>, seen: &Seen, answer: &str) {
    let heard = |name: Option<String>, stream: &mut dyn ReadWrite| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if !stream.read(&mut byte).is_ok_and(|read| read > 0) {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((name, head));
        let _ = stream.write_all(answer.as_bytes());
    };
    let Some(config) = tls else { return heard(None, &mut stream) };
    let mut session = ServerConnection::new(config).expect("a session");
    while session.is_handshaking() {
        if session.complete_io(&mut stream).is_err() {
            return;
        }
    }
    let name = session.server_name().map(str::to_owned);
    heard(name, &mut rustls::Stream::new(&mut session, &mut stream));
    session.send_close_notify();
    let _ = session.write_tls(&mut stream);
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned()
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// A node that trusts an authority.
struct Trusting {
    node: Node,
    authority: Authority,
    _folder: TempDir,
}

impl Trusting {
    fn start() -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, &authority.pem).expect("a file");
        let node = Node::start_with(&format!(
            "weft.webcall.inside = 127.0.0.1,::1\nweft.webcall.ca = {}\nweft.webcall.attempts = 1\n",
            file.display()
        ));
        Self { node, authority, _folder: folder }
    }

    /// What a script says of a request.
    fn http(&self, url: &str) -> String {
        let script = format!("{{ 'url' '{url}' }} HTTP 'content' GET 'UTF-8' BYTES->");
        self.node.send(&Request::post("/api/v0/exec", script)).text()
    }

    /// Has a call made, and waits until it is done, failed or denied, as the node counts.
    fn webcall(&self, url: &str, outcome: &str) {
        let script = format!("'{}' 'GET' '{url}' {{}} '' WEBCALL", self.node.write);
        let text = self.node.send(&Request::post("/api/v0/exec", script)).text();
        assert!(text.starts_with("[\""), "{text}");
        let metric = format!("weft_webcall_calls_total{{outcome=\"{outcome}\"}}");
        let begun = Instant::now();
        while !self.node.send(&Request::get("/metrics")).text().contains(&metric) {
            assert!(begun.elapsed() < PATIENCE, "{url} is not {outcome}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_server_that_shows_who_it_is_is_reached() {
    let trusting = Trusting::start();
    let server = Receiver::start(Some(trusting.authority.vouch("localhost", 4096)), ok());
    let url = format!("https://localhost:{}/a?b", server.port);
    assert_eq!(trusting.http(&url).trim(), r#"["hi"]"#);
    trusting.webcall(&url, "done");
    for (name, head) in server.seen() {
        assert_eq!(name.as_deref(), Some("localhost"));
        assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("localhost:{}\r\n", server.port)), "{head}");
    }
    assert_eq!(server.seen().len(), 2);
    // By address, which has no name to ask for.
    let server = Receiver::start(Some(trusting.authority.vouch("127.0.0.1", 4096)), ok());
    assert_eq!(trusting.http(&format!("https://127.0.0.1:{}/", server.port)).trim(), r#"["hi"]"#);
    assert_eq!(server.seen()[0].0, None);
}

#[test]
fn nobody_else_is_told_anything() {
    let trusting = Trusting::start();
    let plain = Receiver::start(None, ok());
    let url = format!("https://localhost:{}/", plain.port);
    let text = trusting.http(&url);
    assert!(text.contains("encountered an error while making an HTTP request"), "{text}");
    let authority = &trusting.authority;
    for (tls, says) in [
        (authority.vouch("example.com", 4096), "not valid for name"),
        (authority.vouch("127.0.0.1", 4096), "not valid for name"),
        (authority.vouch("localhost", 2001), "expired"),
        (Authority::new().vouch("localhost", 4096), "invalid peer certificate"),
    ] {
        let server = Receiver::start(Some(tls), ok());
        let url = format!("https://localhost:{}/", server.port);
        let text = trusting.http(&url);
        assert!(text.contains(says), "{says}: {text}");
        trusting.webcall(&url, "failed");
        assert_eq!(server.seen(), [], "{says}");
    }
    // Who trusts nobody but the system.
    let node = Node::start_with("weft.webcall.inside = 127.0.0.1,::1\n");
    let server = Receiver::start(Some(authority.vouch("localhost", 4096)), ok());
    let script = format!("{{ 'url' 'https://localhost:{}/' }} HTTP", server.port);
    let text = node.send(&Request::post("/api/v0/exec", script)).text();
    let says = ["invalid peer certificate", "no certificate authority"];
    assert!(says.iter().any(|says| text.contains(says)), "{text}");
    assert_eq!(server.seen(), []);
}

#[test]
fn redirects_lead_to_encryption_and_not_away_from_it() {
    let trusting = Trusting::start();
    let authority = &trusting.authority;
    let tls = || Some(authority.vouch("localhost", 4096));
    let server = Receiver::start(tls(), ok());
    let plain = Receiver::start(None, to(&format!("https://localhost:{}/x", server.port)));
    let text = trusting.http(&format!("http://localhost:{}/", plain.port));
    assert_eq!(text.trim(), r#"["hi"]"#);
    let last = Receiver::start(None, ok());
    for (location, says) in [
        (format!("http://localhost:{}/", last.port), "from https to http"),
        (format!("https://127.0.0.2:{}/", last.port), "not allowed"),
        (format!("https://127.0.0.1:{}/", server.port), "not valid for name"),
    ] {
        let from = Receiver::start(tls(), to(&location));
        let text = trusting.http(&format!("https://localhost:{}/", from.port));
        assert!(text.contains(says), "{location}: {text}");
        assert_eq!(from.seen().len(), 1);
    }
    let from = Receiver::start(None, to(&format!("https://127.0.0.2:{}/", last.port)));
    trusting.webcall(&format!("http://localhost:{}/", from.port), "denied");
    assert_eq!((server.seen().len(), last.seen().len()), (1, 0));
}
