//! Multivalues: `[ 1 2/3 4/48.0:-4.5/5 6//7/'text' [ 8 ] ]`.
//!
//! A multivalue is a small series that is stored as one binary value: its elements, at tick 0 when
//! they have none, go through an encoder with base 0, and the bytes of that into a `GTSWrapper`
//! that holds nothing else. `[!` asks for bytes that are never compressed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::geo::hhcode;
use crate::text::error::{Cause, Fault, FaultAt};
use crate::text::number::{malformed, parse_double, parse_long};
use crate::text::value::value_at_depth;
use crate::{Encoder, NO_ELEVATION, NO_LOCATION, varint};

/// Multivalues in multivalues: each level looks at the text again, so there is a limit.
const DEPTH_MAX: usize = 64;

/// Above this ratio gzip's window was too small for the repetitions, and a second pass pays.
const RATIO_FOR_ANOTHER_PASS: f64 = 100.0;

/// Reads a multivalue that is inside `depth` others: the bytes of its wrapper.
pub(crate) fn parse(text: &[u8], depth: usize) -> Result<Vec<u8>, FaultAt> {
    if depth >= DEPTH_MAX {
        return Err(FaultAt::new(0, Fault::TooDeep(DEPTH_MAX)));
    }
    let (start, compressed) = match text {
        [_, b'!', ..] => (2, false),
        [_, _, ..] => (1, true),
        _ => return Err(FaultAt::because(0, Fault::Value, Cause::End(1))),
    };
    let end = text.iter().rposition(|&byte| byte != b' ').unwrap_or(0);
    if end < start || text[end] != b']' {
        return Err(FaultAt::new(0, Fault::OpenBracket));
    }
    let mut reader = Reader { text, end, next: start, depth: depth + 1, encoder: Encoder::new(0) };
    while reader.add_element()? {}
    let encoded = reader.encoder.into_bytes();
    Ok(if compressed { wrap_compressed(encoded) } else { wrap(&encoded, 0) })
}

/// Reads the elements of a multivalue into an encoder.
struct Reader<'a> {
    text: &'a [u8],
    /// The closing bracket.
    end: usize,
    /// Where the next element is looked for.
    next: usize,
    depth: usize,
    encoder: Encoder,
}

impl Reader<'_> {
    /// Reads `VALUE`, `TICK/VALUE`, `TICK/PLACE/VALUE` or `TICK/PLACE/ELEVATION/VALUE`; `false`
    /// when there are no more.
    fn add_element(&mut self) -> Result<bool, FaultAt> {
        let blanks = self.text[self.next..self.end].iter().position(|&byte| byte != b' ');
        let Some(blanks) = blanks else { return Ok(false) };
        let start = self.next + blanks;
        let end = self.find(b' ', start + 1, self.end);
        let (mut tick, mut location, mut elevation) = (0, NO_LOCATION, NO_ELEVATION);
        let mut value = start;
        let mut skipped = 0;

        // A slash in the first place is part of what should be a tick.
        let first = self.find(b'/', start + 1, end);
        if first < end {
            tick = self.long(start, first)?;
            value = first + 1;
            let second = self.find(b'/', value, end);
            if second < end {
                location = self.location(value, second)?;
                value = second + 1;
                let third = self.find(b'/', value, end);
                if third < end {
                    if third > value {
                        elevation = self.long(value, third)?;
                    }
                    value = third + 1;
                    // Only behind an elevation the character after the element is not looked at.
                    skipped = 1;
                }
            }
        }
        let end = if self.text[value] == b'[' { self.matching(value) } else { end };
        let parsed = value_at_depth(&self.text[value..end], self.depth)
            .map_err(|fault| fault.shifted(value))?;
        self.encoder.add(tick, location, elevation, parsed.as_ref());
        self.next = (end + skipped).min(self.end);
        Ok(true)
    }

    fn find(&self, byte: u8, from: usize, to: usize) -> usize {
        match self.text.get(from..to) {
            Some(text) => memchr::memchr(byte, text).map_or(to, |index| from + index),
            None => to,
        }
    }

    /// Behind the bracket that closes the one at `open`, or the end of the text: its value is then
    /// refused for lack of one.
    fn matching(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (index, byte) in self.text[open..self.end].iter().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return open + index + 1;
            }
        }
        self.end
    }

    fn long(&self, start: usize, end: usize) -> Result<i64, FaultAt> {
        let text = &self.text[start..end];
        parse_long(text).ok_or_else(|| FaultAt::because(0, Fault::Value, malformed(text)))
    }

    /// `LAT:LON`, an HHCode, or nothing.
    fn location(&self, start: usize, end: usize) -> Result<i64, FaultAt> {
        let colon = self.find(b':', start, end);
        if colon == end {
            return if start == end { Ok(NO_LOCATION) } else { self.long(start, end) };
        }
        let invalid = |error| FaultAt::because(0, Fault::Value, Cause::Number(error));
        let latitude = parse_double(&self.text[start..colon]).map_err(invalid)?;
        let longitude = parse_double(&self.text[colon + 1..end]).map_err(invalid)?;
        Ok(hhcode::from_degrees(latitude, longitude))
    }
}

/// Wraps encoder bytes, compressed as often as that makes them smaller.
fn wrap_compressed(encoded: Vec<u8>) -> Vec<u8> {
    let mut best = encoded;
    let mut passes = 0;
    loop {
        let compressed = gzip(&best);
        let ratio = best.len() as f64 / compressed.len() as f64;
        if ratio > 1.0 {
            best = compressed;
            passes += 1;
        }
        if ratio <= RATIO_FOR_ANOTHER_PASS {
            return wrap(&best, passes);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    debug_assert!(written.is_ok(), "gzip to memory failed");
    written.unwrap_or_default()
}

/// A `GTSWrapper` in Thrift's compact protocol that holds encoder bytes and how often they were
/// compressed.
fn wrap(encoded: &[u8], passes: u32) -> Vec<u8> {
    /// Field 7, `encoded`, binary.
    const ENCODED: u8 = 0x78;
    /// Two fields further, `compressed`: true.
    const COMPRESSED: u8 = 0x21;
    /// The field behind it, `compressionPasses`, a number.
    const PASSES: u8 = 0x15;
    const STOP: u8 = 0;
    let mut out = Vec::with_capacity(encoded.len() + 16);
    out.push(ENCODED);
    varint::write_unsigned(&mut out, encoded.len() as u64);
    out.extend_from_slice(encoded);
    if passes > 0 {
        out.push(COMPRESSED);
    }
    if passes > 1 {
        out.push(PASSES);
        varint::write_signed(&mut out, i64::from(passes));
    }
    out.push(STOP);
    out
}
