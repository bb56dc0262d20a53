//! HTTP requests to servers outside: where to connect is said by the machine that asks, which has
//! checked it.

#[cfg(all(feature = "tls", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tls;
#[cfg(not(all(feature = "tls", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "no_tls.rs"]
mod tls;

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weft_daemons::contract::peer::{ADDRESSES_MAX, WebCall, WebResponse};

pub(crate) use tls::Tls;

/// The addresses of a host, as the system knows them.
pub(crate) async fn resolve(host: String, time_max: Duration) -> Result<Vec<IpAddr>, String> {
    let found = timeout(time_max, tokio::net::lookup_host((host.as_str(), 0))).await;
    let found = found.map_err(|_| format!("{host}: no address in {time_max:?}"))?;
    let found = found.map_err(|error| format!("{host}: {error}"))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.len() > ADDRESSES_MAX {
        return Err(format!("{host} has more than {ADDRESSES_MAX} addresses"));
    }
    Ok(addresses)
}

/// Makes a request, on a connection of its own.
pub(crate) async fn web(call: WebCall, tls: &Tls) -> Result<Box<WebResponse>, String> {
    let (authority, time_max) = (call.authority.clone(), call.time_max);
    let answered = timeout(time_max, connected(call, tls)).await;
    let answered = answered.unwrap_or_else(|_| Err(format!("no answer in {time_max:?}")));
    answered.map_err(|error| format!("{authority}: {error}"))
}

async fn connected(call: WebCall, tls: &Tls) -> Result<Box<WebResponse>, String> {
    let stream = TcpStream::connect(call.address).await.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    match call.tls_name.clone() {
        Some(name) => answered(call, tls.connect(&name, stream).await?).await,
        None => answered(call, stream).await,
    }
}

async fn answered(
    call: WebCall,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Box<WebResponse>, String> {
    let failed = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut builder =
        Request::builder().method(&*call.method).uri(&*call.path).header("Host", &*call.authority);
    for (name, value) in &call.headers {
        builder = builder.header(name, value);
    }
    let request = builder.header("Connection", "close").body(Full::new(call.body));
    let request = request.map_err(|error| error.to_string())?;
    // It ends when nobody holds the sender and the body any more.
    tokio::spawn(async move {
        // How it ended shows in the answer.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(failed)?;
    let (head, mut body) = response.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(failed)?.into_data() else { continue };
        let room = call.answer_bytes_max - bytes.len();
        if piece.len() > room && !call.may_cut {
            let max = call.answer_bytes_max;
            return Err(format!("the answer is longer than {max} bytes"));
        }
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            break;
        }
    }
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Box::new(WebResponse {
        status: head.status.as_u16(),
        reason: head.status.canonical_reason().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: Bytes::from(bytes),
    }))
}
