//! One subscriber: a WebSocket of a few lines, for its cost counts where thousands of them share the
//! machine with what is measured.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Options, Seen, now_us};
use crate::Failure;

/// What is read at once, for all subscribers the same.
const READ_BYTES: usize = 64 << 10;

/// A subscriber that listens.
pub(crate) struct Subscriber {
    /// How many datapoints of each series have come; why it ended, if by itself.
    listens: JoinHandle<(Vec<u32>, Option<String>)>,
    stop: Option<oneshot::Sender<()>>,
}

impl Subscriber {
    /// Connects, from one of the loopback addresses if the server is on one, and subscribes.
    pub(crate) async fn begin(
        authority: &str,
        from: usize,
        group: usize,
        options: &Options,
        seen: Arc<Seen>,
    ) -> Result<Self, Failure> {
        let address: SocketAddr = tokio::net::lookup_host(authority)
            .await?
            .next()
            .ok_or_else(|| format!("{authority}: no such host"))?;
        let mut stream = connect(address, from).await?;
        let head = format!(
            "GET /api/v0/plasma HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut rest = Vec::new();
        let end = loop {
            if let Some(end) = memchr::memmem::find(&rest, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut rest).await? == 0 {
                return Err("the server ended the connection".into());
            }
        };
        if !rest.starts_with(b"HTTP/1.1 101") {
            return Err(String::from_utf8_lossy(&rest).into_owned().into());
        }
        rest.drain(..end);
        let subscribe = format!("SUBSCRIBE {} bench.live{{group={group}}}", options.read_token);
        for words in ["ACK", &subscribe] {
            stream.write_all(&frame(1, words.as_bytes())).await?;
        }
        let (stop, stopped) = oneshot::channel();
        let counts = vec![0; options.series];
        let listener = Listener { stream, rest, counts, series: None, seen };
        Ok(Self { listens: tokio::spawn(listener.run(stopped)), stop: Some(stop) })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.listens.is_finished()
    }

    /// Why it ended.
    pub(crate) async fn reason(&mut self) -> String {
        let ended = (&mut self.listens).await;
        ended.ok().and_then(|(_, reason)| reason).unwrap_or_default()
    }

    /// Ends it; how many datapoints it has missed.
    pub(crate) async fn end(mut self, sent: &[u32]) -> Result<u64, Failure> {
        if let Some(stop) = self.stop.take() {
            // Whoever has ended already says so below.
            let _ = stop.send(());
        }
        let (counts, reason) = self.listens.await?;
        if let Some(reason) = reason {
            println!("a subscriber ended: {reason}");
        }
        Ok(sent.iter().zip(counts).map(|(sent, got)| u64::from(sent.saturating_sub(got))).sum())
    }
}

async fn connect(address: SocketAddr, from: usize) -> Result<TcpStream, Failure> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) && from > 0 {
        let last = u8::try_from(from + 1).map_err(|_| "too many subscribers")?;
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0)))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A frame of a client; its mask is zeros, which change nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        small @ 0..126 => frame.push(0x80 | small as u8),
        large => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(large).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// What a subscriber hears.
struct Listener {
    stream: TcpStream,
    /// The beginning of a frame that has not come whole.
    rest: Vec<u8>,
    /// Datapoints of each series that have come in order.
    counts: Vec<u32>,
    /// The series of `=` lines.
    series: Option<usize>,
    seen: Arc<Seen>,
}

impl Listener {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> (Vec<u32>, Option<String>) {
        let reason = tokio::select! {
            reason = self.listen() => Some(reason),
            _ = &mut stopped => None,
        };
        (self.counts, reason)
    }

    async fn listen(&mut self) -> String {
        loop {
            if let Err(error) = self.stream.readable().await {
                return error.to_string();
            }
            // On the stack only while it is filled: thousands of them wait.
            let result = self.read();
            match result {
                Ok(replies) if replies.is_empty() => {}
                Ok(replies) => {
                    if let Err(error) = self.stream.write_all(&replies).await {
                        return error.to_string();
                    }
                }
                Err(reason) => return reason,
            }
        }
    }

    /// Takes in what has come; what is to be answered.
    fn read(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = [0; READ_BYTES];
        let count = match self.stream.try_read(&mut bytes) {
            Ok(0) => return Err("the server ended the connection".to_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        self.seen.reads.fetch_add(1, Ordering::Relaxed);
        let now = now_us();
        let mut replies = Vec::new();
        if self.rest.is_empty() {
            let taken = self.frames(&bytes[..count], now, &mut replies)?;
            self.rest.extend_from_slice(&bytes[taken..count]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(&bytes[..count]);
            let taken = self.frames(&all, now, &mut replies)?;
            self.rest = all[taken..].to_vec();
        }
        Ok(replies)
    }

    /// Takes in whole frames; their bytes.
    fn frames(&mut self, bytes: &[u8], now: i64, replies: &mut Vec<u8>) -> Result<usize, String> {
        let mut taken = 0;
        while let Some((opcode, payload, size)) = split_frame(&bytes[taken..]) {
            taken += size;
            match opcode {
                8 => {
                    let reason = payload.get(2..).unwrap_or_default();
                    return Err(format!("closed: {}", String::from_utf8_lossy(reason)));
                }
                9 => replies.extend_from_slice(&frame(10, payload)),
                10 => {}
                _ => self.message(payload, now)?,
            }
        }
        Ok(taken)
    }

    fn message(&mut self, text: &[u8], now: i64) -> Result<(), String> {
        self.seen.messages.fetch_add(1, Ordering::Relaxed);
        if text.starts_with(b"OK SUBSCRIBE") {
            self.seen.active.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if text == b"OK ACK" {
            return Ok(());
        }
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.line(line, now)
                .ok_or_else(|| format!("not understood: {}", String::from_utf8_lossy(line)))?;
        }
        Ok(())
    }

    /// `TICK// CLASS{LABELS} VALUE` or `=TICK// VALUE`.
    fn line(&mut self, line: &[u8], now: i64) -> Option<()> {
        let (line, goes_on) = match line.strip_prefix(b"=") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let tick = number(&line[..memchr::memchr(b'/', line)?])?;
        let value = number(&line[memchr::memrchr(b' ', line)? + 1..])?;
        if !goes_on {
            let from = memchr::memmem::find(line, b"series=")? + b"series=".len();
            let end = line[from..].iter().position(|byte| !byte.is_ascii_digit())?;
            self.series = usize::try_from(number(&line[from..from + end])?).ok();
        }
        // What made the series.
        if tick == 0 {
            return Some(());
        }
        let count = self.counts.get_mut(self.series?)?;
        if value < u64::from(*count) {
            self.seen.repeated.fetch_add(1, Ordering::Relaxed);
            return Some(());
        }
        if value > u64::from(*count) {
            self.seen.missed.fetch_add(1, Ordering::Relaxed);
            return Some(());
        }
        *count += 1;
        self.seen.points.fetch_add(1, Ordering::Relaxed);
        self.seen.latencies.push(u64::try_from(now).ok()?.saturating_sub(tick));
        Some(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The opcode, the payload and the size of the first frame, once it is whole. Servers send no masks.
fn split_frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (head, short) = (bytes.first()?, *bytes.get(1)? & 0x7f);
    let (length, from) = match short {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let end = from + usize::try_from(length).ok()?;
    Some((head & 0x0f, bytes.get(from..end)?, end))
}
