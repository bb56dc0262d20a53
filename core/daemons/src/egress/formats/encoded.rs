//! `raw`, `wrapper` and `pack`: lines that hold encoders.

use std::collections::VecDeque;
use std::sync::Arc;

use weft_gts::text::{write_long, write_series};
use weft_gts::{Encoder, Metadata};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;
use weft_wire::wrapper::{SYSTEM_UNKNOWN, WrapOptions};

use super::{Format, FormatError, FormatOptions, Numbers, Point};

/// Collects datapoints into encoders, and writes a line for each.
#[derive(Debug)]
pub(super) struct EncodedSink {
    options: FormatOptions,
    metadata: Arc<Metadata>,
    /// `CLASS{LABELS}` of the current series.
    series: Vec<u8>,
    encoder: Encoder,
    /// Which span of time the encoder is about, for `pack`.
    chunk: i64,
}

impl EncodedSink {
    pub(super) fn new(options: FormatOptions) -> Self {
        Self {
            options,
            metadata: Arc::default(),
            series: Vec::new(),
            encoder: Encoder::new(0),
            chunk: 0,
        }
    }

    pub(super) fn begin(&mut self, metadata: Arc<Metadata>) {
        self.series.clear();
        if self.options.format == Format::Pack {
            let name = format!("{}{}", metadata.class(), self.options.pack.suffix);
            let packed = Metadata { name: Some(name), ..Metadata::clone(&metadata) };
            write_series(&mut self.series, &packed, self.options.expose);
        } else {
            write_series(&mut self.series, &metadata, self.options.expose);
        }
        self.metadata = metadata;
    }

    pub(super) fn add(&mut self, out: &mut Vec<u8>, point: Point<'_>) -> Result<(), FormatError> {
        let is_chunked = self.options.pack.chunk_span != i64::MAX;
        if self.options.format == Format::Pack && is_chunked {
            let chunk = point.tick.div_euclid(self.options.pack.chunk_span);
            if chunk != self.chunk {
                self.end(out)?;
            }
            self.chunk = chunk;
        }
        let size = self.encoder.add(point.tick, point.location, point.elevation, point.value);
        if size >= self.options.encoder_size_max {
            self.end(out)?;
        }
        Ok(())
    }

    /// Whether many numbers can be added at once: a value of `pack` has other ends than its size.
    pub(super) fn takes_numbers(&self) -> bool {
        self.options.format != Format::Pack
    }

    /// Adds datapoints without places, one for each tick.
    pub(super) fn add_numbers(&mut self, out: &mut Vec<u8>, ticks: &[i64], numbers: Numbers<'_>) {
        let size_max = self.options.encoder_size_max;
        let mut added = 0;
        while added < ticks.len() {
            let ticks = &ticks[added..];
            added += match numbers {
                Numbers::Long(longs) => self.encoder.add_longs(ticks, &longs[added..], size_max),
                Numbers::Double(doubles) => {
                    self.encoder.add_doubles(ticks, &doubles[added..], size_max)
                }
            };
            if self.encoder.size() >= size_max {
                self.write(out);
            }
        }
    }

    /// Writes what was collected, when there is anything.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.encoder.count() == 0 {
            return Ok(());
        }
        if self.options.format == Format::Pack {
            let encoder = std::mem::replace(&mut self.encoder, Encoder::new(0));
            return self.write_packed(out, encoder);
        }
        self.write(out);
        Ok(())
    }

    /// Writes a line of `raw` or `wrapper` and begins the next one.
    fn write(&mut self, out: &mut Vec<u8>) {
        match self.options.format {
            Format::Wrapper => self.write_wrapper(out, &self.encoder),
            _ => self.write_raw(out, &self.encoder),
        }
        self.encoder.reset(0);
    }

    fn write_raw(&self, out: &mut Vec<u8>, encoder: &Encoder) {
        write_long(out, encoder.base());
        self.write_count_and_series(out, encoder);
        opb64::encode_into(out, &encoder.bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn write_wrapper(&self, out: &mut Vec<u8>, encoder: &Encoder) {
        let wrapper = GtsWrapper {
            metadata: Some(Metadata::clone(&self.metadata).into()),
            ..wrapped(encoder)
        };
        let bytes = wrapper.encode();
        write_hexadecimal(out, &wrapper.id());
        out.push(b' ');
        match self.options.psk {
            Some(key) => write_hexadecimal(out, &key.hash(&bytes).to_be_bytes()),
            None => out.push(b'-'),
        }
        out.push(b' ');
        opb64::encode_into(out, &bytes);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes an encoder as one value, or as several when one would be too large.
    fn write_packed(&self, out: &mut Vec<u8>, encoder: Encoder) -> Result<(), FormatError> {
        // The wrapper must be smaller than three quarters of what its Base64 may take.
        let size_max = 0.75 * f64::from(self.options.pack.size_max);
        let mut encoders = VecDeque::from([encoder]);
        while let Some(encoder) = encoders.pop_front() {
            let wrapper = wrapped(&encoder).encode();
            let size = wrapper.len() as f64;
            if size >= size_max.floor() && encoder.count() > 2 {
                let parts = split(&encoder);
                // An encoder whose first datapoints are the large ones may not come apart.
                if parts.len() > 1 {
                    parts.into_iter().rev().for_each(|part| encoders.push_front(part));
                    continue;
                }
            }
            if size > size_max.ceil() {
                return Err(FormatError::ValueTooLarge(self.options.pack.size_max));
            }
            let first = encoder.decoder().next_point().ok().flatten().map_or(0, |p| p.tick);
            write_long(out, first);
            self.write_count_and_series(out, &encoder);
            out.push(b'\'');
            opb64::encode_into(out, &wrapper);
            out.extend_from_slice(b"'\r\n");
        }
        Ok(())
    }

    /// `//COUNT CLASS{LABELS} `
    fn write_count_and_series(&self, out: &mut Vec<u8>, encoder: &Encoder) {
        out.extend_from_slice(b"//");
        write_long(out, i64::try_from(encoder.count()).unwrap_or(i64::MAX));
        out.push(b' ');
        out.extend_from_slice(&self.series);
        out.push(b' ');
    }
}

fn wrapped(encoder: &Encoder) -> GtsWrapper {
    GtsWrapper::of_system(encoder, WrapOptions::default(), SYSTEM_UNKNOWN)
}

/// Encoders of about half the bytes.
fn split(encoder: &Encoder) -> Vec<Encoder> {
    let threshold = encoder.size() / 2;
    let mut parts = vec![Encoder::new(0)];
    // Bytes that this process wrote itself are read back.
    let _ = encoder.decoder().for_each_point(|point| {
        if let Some(part) = parts.last_mut() {
            let size = part.add(point.tick, point.location, point.elevation, point.value);
            if size > threshold {
                parts.push(Encoder::new(0));
            }
        }
    });
    parts.retain(|part| part.count() > 0);
    parts
}

fn write_hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}
