//! GZIP, UNGZIP, DEFLATE and INFLATE, in slices.

use std::io::{Cursor, Read, Write};

use flate2::bufread::{GzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, ZlibEncoder};
use flate2::{Compression, Crc};

use super::{pop_data, push_bytes};
use crate::error::{Fault, Kind, Result};
use crate::heap::Bytes;
use crate::machine::{Flow, Machine, Task};

/// How many bytes go through between two looks at the budget.
const PIECE: usize = 64 << 10;

/// The ten bytes in front of gzip data: no name, no time, an unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

fn failed(vm: &Machine, what: &str, error: &std::io::Error) -> Fault {
    let cause = Fault::kind(Kind::Argument, error.to_string());
    cause.wrap(format!("{} encountered an error while {what}.", vm.word.name))
}

enum Encoder {
    Gzip(DeflateEncoder<Vec<u8>>, Crc),
    Zlib(ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Gzip(encoder, crc) => {
                crc.update(piece);
                encoder.write_all(piece)
            }
            Self::Zlib(encoder) => encoder.write_all(piece),
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Zlib(encoder) => encoder.finish(),
            Self::Gzip(encoder, crc) => {
                let mut out = encoder.finish()?;
                out.extend(crc.sum().to_le_bytes());
                out.extend(crc.amount().to_le_bytes());
                Ok(out)
            }
        }
    }
}

struct Compress {
    data: Bytes,
    at: usize,
    encoder: Option<Encoder>,
}

impl Task for Compress {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(Flow::Done);
        };
        while self.at < self.data.len() {
            let piece = &self.data[self.at..self.data.len().min(self.at + PIECE)];
            encoder.write(piece).map_err(|e| failed(vm, "compressing", &e))?;
            self.at += piece.len();
            vm.charge(piece.len() * 2);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        if let Some(encoder) = self.encoder.take() {
            let out = encoder.finish().map_err(|e| failed(vm, "compressing", &e))?;
            push_bytes(vm, out)?;
        }
        Ok(Flow::Done)
    }
}

/// GZIP and DEFLATE.
pub(super) fn compress(vm: &mut Machine) -> Result {
    let data = pop_data(vm, "operates on a byte array or a String.")?;
    vm.heap.claim(data.len().saturating_mul(2))?;
    let encoder = if vm.word.name == "GZIP" {
        let out = GZIP_HEADER.to_vec();
        Encoder::Gzip(DeflateEncoder::new(out, Compression::default()), Crc::new())
    } else {
        Encoder::Zlib(ZlibEncoder::new(Vec::new(), Compression::default()))
    };
    vm.push_task(Compress { data, at: 0, encoder: Some(encoder) })
}

enum Decoder {
    Gzip(GzDecoder<Cursor<Bytes>>),
    Zlib(ZlibDecoder<Cursor<Bytes>>),
}

struct Decompress {
    decoder: Option<Decoder>,
    /// How many parts of gzip data were read to their ends.
    members: usize,
    out: Vec<u8>,
}

impl Decompress {
    /// Reads a piece; `None` at the end.
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<Option<usize>> {
        match &mut self.decoder {
            None => Ok(None),
            Some(Decoder::Zlib(decoder)) => Ok(Some(decoder.read(piece)?).filter(|n| *n > 0)),
            Some(Decoder::Gzip(decoder)) => match decoder.read(piece) {
                Ok(0) => {
                    self.next_member();
                    Ok(self.decoder.as_ref().map(|_| 0))
                }
                // What follows a whole part need not be one.
                Err(_) if self.members > 0 && decoder.header().is_none() => Ok(None),
                other => other.map(Some),
            },
        }
    }

    fn next_member(&mut self) {
        self.members += 1;
        if let Some(Decoder::Gzip(decoder)) = self.decoder.take() {
            let rest = decoder.into_inner();
            if (rest.position() as usize) < rest.get_ref().len() {
                self.decoder = Some(Decoder::Gzip(GzDecoder::new(rest)));
            }
        }
    }
}

impl Task for Decompress {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = self.read(&mut piece).map_err(|e| failed(vm, "decompressing", &e))?;
            let Some(count) = read else {
                let out = std::mem::take(&mut self.out);
                push_bytes(vm, out)?;
                return Ok(Flow::Done);
            };
            vm.heap.claim(self.out.len().saturating_mul(2).saturating_add(PIECE))?;
            self.out.extend_from_slice(&piece[..count]);
            vm.charge(count / 2);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
    }
}

/// UNGZIP and INFLATE.
pub(super) fn decompress(vm: &mut Machine) -> Result {
    let data = Cursor::new(vm.pop_bytes("operates on a byte array.")?);
    let decoder = if vm.word.name == "UNGZIP" {
        Decoder::Gzip(GzDecoder::new(data))
    } else {
        Decoder::Zlib(ZlibDecoder::new(data))
    };
    vm.push_task(Decompress { decoder: Some(decoder), members: 0, out: Vec::new() })
}
