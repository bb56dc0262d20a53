//! One segment file: records one after the other, each with a checksum.
//!
//! ```text
//! u32 length of what follows the checksum | u32 CRC-32 of it |
//!     u64 offset | i64 timestamp, ms | u32 key length | key | value        (all little endian)
//! ```

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use weft_daemons::contract::Record;
use weft_files::{Appendable, Files, Reader};

use super::LogOpenError;

/// Bytes before the checked part.
const FRAME_LEN: usize = 8;

/// Bytes of the checked part before the key.
const HEAD_LEN: usize = 20;

/// A record is never longer than this: a longer length is damage.
const RECORD_LEN_MAX: usize = 1 << 30;

/// What is known of a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Offset of its first record.
    pub(crate) first: u64,
    /// Bytes of whole records.
    pub(crate) len: u64,
    /// Timestamp of its last record.
    pub(crate) last_ms: i64,
}

/// How a scan of a segment ended.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The segment, up to its last whole record.
    pub(crate) segment: Segment,
    /// The offset after its last record.
    pub(crate) next: u64,
    /// Whether bytes that are no whole record follow.
    pub(crate) is_torn: bool,
}

impl Segment {
    /// The name of the file whose first record has that offset.
    pub(crate) fn name(first: u64) -> String {
        format!("{first:020}.log")
    }

    /// The first offset, from the file's name.
    pub(crate) fn first_of(path: &Path) -> Option<u64> {
        (path.extension()? == "log").then_some(())?;
        path.file_stem()?.to_str()?.parse().ok()
    }

    /// Reads every record and checks it.
    pub(crate) fn scan(files: &dyn Files, path: &Path, first: u64) -> Result<Scan, LogOpenError> {
        let io = LogOpenError::io(path);
        let read = || -> io::Result<Scan> {
            let mut reader = BufReader::with_capacity(1 << 20, Reader::new(files.open(path)?, 0));
            let segment = Self { path: path.to_owned(), first, len: 0, last_ms: i64::MIN };
            let mut scan = Scan { segment, next: first, is_torn: false };
            let mut buffer = Vec::new();
            loop {
                match read_frame(&mut reader, &mut buffer)? {
                    Frame::Whole if number(&buffer, 0) == scan.next => {}
                    Frame::End => return Ok(scan),
                    Frame::Whole | Frame::Torn => {
                        scan.is_torn = true;
                        return Ok(scan);
                    }
                }
                scan.segment.len += (FRAME_LEN + buffer.len()) as u64;
                scan.next += 1;
                scan.segment.last_ms = number(&buffer, 8) as i64;
            }
        };
        read().map_err(io)
    }

    /// Whether whole records follow a torn one at the end of the scan: then a crash did not tear
    /// it.
    pub(crate) fn has_records_after(files: &dyn Files, scan: &Scan) -> Result<bool, LogOpenError> {
        let Self { path, len, .. } = &scan.segment;
        let read = || -> io::Result<bool> {
            let mut rest = Vec::new();
            Reader::new(files.open(path)?, *len).read_to_end(&mut rest)?;
            let mut buffer = Vec::new();
            // A record has an offset that one there can have, which few other bytes look like, and
            // a checksum that fits.
            let offsets = scan.next..scan.next + (rest.len() / (FRAME_LEN + HEAD_LEN)) as u64 + 1;
            Ok((0..rest.len().saturating_sub(FRAME_LEN + HEAD_LEN - 1)).any(|start| {
                let length = length_at(&rest, start);
                (HEAD_LEN..=rest.len() - start - FRAME_LEN).contains(&length)
                    && offsets.contains(&number(&rest, start + FRAME_LEN))
                    && matches!(read_frame(&mut &rest[start..], &mut buffer), Ok(Frame::Whole))
            }))
        };
        read().map_err(LogOpenError::io(path))
    }

    /// Opens the file for appending behind its last whole record.
    pub(crate) fn append_to(&self, files: &dyn Files) -> io::Result<Box<dyn Appendable>> {
        files.append(&self.path, self.len)
    }

    /// Whole records from `position` on, as many as fit `bytes_max`, one at least. The bytes they
    /// take, and the records, whose contents share one buffer.
    pub(crate) fn read(
        &self,
        files: &dyn Files,
        position: u64,
        bytes_max: usize,
        track: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> io::Result<(u64, Vec<Record>)> {
        let mut file = Reader::new(files.open(&self.path)?, position);
        let available = (self.len - position) as usize;
        let mut buffer = vec![0; available.min(bytes_max)];
        file.read_exact(&mut buffer)?;
        if available > buffer.len() {
            let first = if buffer.len() < FRAME_LEN {
                FRAME_LEN + HEAD_LEN
            } else {
                FRAME_LEN + length_at(&buffer, 0)
            };
            let missing = first.saturating_sub(buffer.len());
            if missing > 0 {
                let start = buffer.len();
                buffer.resize(first.min(available), 0);
                file.read_exact(&mut buffer[start..])?;
            }
        }
        let whole = whole_records(&buffer)?;
        buffer.truncate(whole);
        Ok((whole as u64, split(&track(buffer))))
    }
}

/// Appends the encoding of a record.
pub(crate) fn write_record(
    out: &mut Vec<u8>,
    offset: u64,
    timestamp_ms: i64,
    key: &[u8],
    value: &[u8],
) {
    let length = HEAD_LEN + key.len() + value.len();
    out.reserve(FRAME_LEN + length);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&timestamp_ms.to_le_bytes());
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let crc = crc32fast::hash(&out[start..]);
    out[start - 4..start].copy_from_slice(&crc.to_le_bytes());
}

/// What stands at a place of a file.
enum Frame {
    Whole,
    End,
    Torn,
}

/// Reads the checked part of the next record.
fn read_frame(reader: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Frame> {
    let mut frame = [0; FRAME_LEN];
    let got = read_up_to(reader, &mut frame)?;
    if got == 0 {
        return Ok(Frame::End);
    }
    let length = length_at(&frame, 0);
    if got < FRAME_LEN || !(HEAD_LEN..=RECORD_LEN_MAX).contains(&length) {
        return Ok(Frame::Torn);
    }
    buffer.clear();
    let got = reader.take(length as u64).read_to_end(buffer)?;
    let crc = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]);
    if got < length || crc32fast::hash(buffer) != crc || key_len(buffer) > length - HEAD_LEN {
        return Ok(Frame::Torn);
    }
    Ok(Frame::Whole)
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// How many bytes of `buffer` are whole records, their checksums checked.
fn whole_records(buffer: &[u8]) -> io::Result<usize> {
    let mut at = 0;
    while buffer.len() - at >= FRAME_LEN {
        let length = length_at(buffer, at);
        if buffer.len() - at - FRAME_LEN < length {
            break;
        }
        let body = &buffer[at + FRAME_LEN..][..length];
        let crc =
            u32::from_le_bytes([buffer[at + 4], buffer[at + 5], buffer[at + 6], buffer[at + 7]]);
        if length < HEAD_LEN || crc32fast::hash(body) != crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record's checksum is wrong"));
        }
        at += FRAME_LEN + length;
    }
    Ok(at)
}

fn split(buffer: &Bytes) -> Vec<Record> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < buffer.len() {
        let length = length_at(buffer, at);
        let body = buffer.slice(at + FRAME_LEN..at + FRAME_LEN + length);
        let key_end = HEAD_LEN + key_len(&body);
        records.push(Record {
            offset: number(&body, 0),
            timestamp_ms: number(&body, 8) as i64,
            key: body.slice(HEAD_LEN..key_end),
            value: body.slice(key_end..),
        });
        at += FRAME_LEN + length;
    }
    records
}

fn length_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

fn number(body: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&body[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn key_len(body: &[u8]) -> usize {
    length_at(body, 16)
}

/// Writes everything and makes it durable.
pub(crate) fn write_synced(file: &mut dyn Appendable, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync()
}
