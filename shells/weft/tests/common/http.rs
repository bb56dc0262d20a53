//! A plain HTTP client, which can also do what a good one would not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::PATIENCE;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub(crate) is_complete: bool,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", body: body.into(), ..Self::get(path) }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Compresses the body.
    #[must_use]
    pub(crate) fn gzipped(mut self) -> Self {
        self.body = gzip(&self.body);
        self.header("Content-Type", "application/gzip")
    }

    /// The head, with the length that the body is said to have.
    fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Connection: close\r\nContent-Length: {length}\r\n\r\n"));
        head.into_bytes()
    }

    pub(crate) fn send(&self, address: SocketAddr) -> Reply {
        let mut stream = self.begin(address, self.body.len());
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(&self.body);
        read_reply(stream)
    }

    /// Sends it to somebody who may go away meanwhile.
    pub(crate) fn try_send(&self, address: SocketAddr) -> std::io::Result<Reply> {
        self.send_within(address, PATIENCE)
    }

    /// Sends it to somebody who may go away meanwhile, or be silent for so long.
    pub(crate) fn send_within(
        &self,
        address: SocketAddr,
        time: Duration,
    ) -> std::io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&address, time)?;
        stream.set_read_timeout(Some(time))?;
        stream.set_write_timeout(Some(time))?;
        stream.write_all(&self.head(self.body.len()))?;
        stream.write_all(&self.body)?;
        try_read_reply(stream)
    }

    /// Sends the head and no body, which is said to have `length` bytes.
    pub(crate) fn begin(&self, address: SocketAddr, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(&self.head(length)).expect("it reads");
        stream
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    pub(crate) fn inflated(&self) -> Vec<u8> {
        let mut inflated = Vec::new();
        GzDecoder::new(&*self.body).read_to_end(&mut inflated).expect("gzip");
        inflated
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// Reads a response to its end, proper or not.
pub(crate) fn read_reply(stream: TcpStream) -> Reply {
    try_read_reply(stream).expect("an answer")
}

fn try_read_reply(stream: TcpStream) -> std::io::Result<Reply> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let no_status = || std::io::Error::other(format!("no status: {line:?}"));
    let status = status.ok_or_else(no_status)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, headers, body: Vec::new(), is_complete: false };
    if reply.header("transfer-encoding") == Some("chunked") {
        reply.is_complete = read_chunks(&mut reader, &mut reply.body).is_ok();
    } else if let Some(length) = reply.header("content-length") {
        let length: usize = length.parse().map_err(std::io::Error::other)?;
        reply.body.resize(length, 0);
        reply.is_complete = reader.read_exact(&mut reply.body).is_ok();
    } else {
        reply.is_complete = reader.read_to_end(&mut reply.body).is_ok();
    }
    Ok(reply)
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        reader.read_exact(&mut [0; 2])?;
        if size == 0 {
            return Ok(());
        }
    }
}
