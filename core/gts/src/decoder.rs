//! Bytes to datapoints: reads what [`crate::encoder`] writes.
//!
//! A [`Decoder`] borrows the bytes and allocates nothing for a datapoint unless its value is an
//! owned text. Read datapoints one by one ([`Decoder::next_point`], or as an iterator), or all into
//! columns: as they are ([`Decoder::columns`]) or as a series of one type
//! ([`Decoder::series_columns`]).
//!
//! Encrypted chunks are read when the key fits and skipped when it does not, as Warp 10 does.
//! Malformed bytes end the datapoints with an error that names the place; what was read before it
//! stands.

mod point;
mod sources;

use std::borrow::Cow;

pub use self::point::PointError;
use self::point::{Kind, Last, TextAt};
use self::sources::Sources;
use crate::builder::ColumnsBuilder;
use crate::layout::{CONTINUATION, ENCRYPTED};
use crate::{Columns, Encoder, PointRef, SeriesBuilder, ValueRef, WrapKey, utf8, varint};

/// Malformed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed encoder data, datapoint at byte {offset}: {error}")]
pub struct DecodeError {
    /// Where the datapoint starts, in its encrypted chunk if it is in one.
    pub offset: usize,
    /// What is wrong.
    pub error: PointError,
}

/// One datapoint, its text borrowed from the decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointView<'d> {
    /// Timestamp in time units.
    pub tick: i64,
    /// HHCode or [`crate::NO_LOCATION`].
    pub location: i64,
    /// Elevation or [`crate::NO_ELEVATION`].
    pub elevation: i64,
    /// The value.
    pub value: ValueRef<'d>,
}

/// What a decoder remembers of datapoints that are not in its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    last: Last,
    /// The latest text, which `last` points to.
    text: Vec<u8>,
}

/// Reads datapoints.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    base: i64,
    key: Option<WrapKey>,
    sources: Sources<'a>,
    position: usize,
    last: Last,
    /// How many datapoints the bytes are said to hold, and how many were read.
    count: u64,
    read: u64,
    opened_any: bool,
    finished: bool,
    /// Holds texts that are not UTF-8, or read as another kind than they were written.
    repaired: Repaired,
}

#[derive(Clone, Debug, Default)]
struct Repaired {
    text: String,
    bytes: Vec<u8>,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, ticks relative to `base`.
    pub fn new(base: i64, bytes: &'a [u8], key: Option<&WrapKey>) -> Self {
        Self::resume(base, bytes, key, 0, Memory::default())
    }

    /// Reads bytes of `count` datapoints (0 when that is not known) that rest on `memory`.
    pub(crate) fn resume(
        base: i64,
        bytes: &'a [u8],
        key: Option<&WrapKey>,
        count: u64,
        memory: Memory,
    ) -> Self {
        let mut sources = Sources::new(bytes);
        let mut last = memory.last;
        if let Some(text) = &mut last.text {
            *text = TextAt {
                source: sources.keep(memory.text),
                start: 0,
                end: text.end - text.start,
                binary: text.binary,
            };
        }
        Self {
            base,
            key: key.cloned(),
            sources,
            position: 0,
            last,
            count,
            read: 0,
            opened_any: false,
            finished: false,
            repaired: Repaired::default(),
        }
    }

    /// Says how many datapoints the bytes are said to hold.
    #[must_use]
    pub const fn with_count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// What ticks are relative to.
    pub const fn base(&self) -> i64 {
        self.base
    }

    /// The next datapoint; `None` at the end, and after an error.
    #[inline]
    pub fn next_point(&mut self) -> Result<Option<PointView<'_>>, DecodeError> {
        let Some(kind) = self.advance()? else {
            return Ok(None);
        };
        let Last { tick, location, elevation, .. } = self.last;
        let value = value(kind, &self.last, &self.sources, &mut self.repaired);
        Ok(Some(PointView { tick, location, elevation, value }))
    }

    /// Hands every datapoint that is left to `each`: faster than one [`Decoder::next_point`] after
    /// the other.
    #[inline]
    pub fn for_each_point(
        &mut self,
        mut each: impl FnMut(PointView<'_>),
    ) -> Result<(), DecodeError> {
        self.drive(|_, point| each(point))
    }

    /// The datapoints that are left, each value as it was written.
    pub fn columns(&mut self) -> Result<Columns, DecodeError> {
        let (columns, error) = self.columns_before_error();
        error.map_or(Ok(columns), Err)
    }

    /// [`Decoder::columns`], and what stands before an error when there is one.
    pub fn columns_before_error(&mut self) -> (Columns, Option<DecodeError>) {
        // Most datapoints take two bytes and more; a guess too low costs a copy or two.
        let left = self.sources.bytes().len() - self.position;
        let mut builder = ColumnsBuilder::with_capacity(left / 4);
        let result = self.drive(|_, PointView { tick, location, elevation, value }| {
            builder.push(tick, location, elevation, value);
        });
        (builder.finish(), result.err())
    }

    /// The datapoints that are left as a series has them: all of the first one's type, delete
    /// markers left out ([`SeriesBuilder`]).
    pub fn series_columns(&mut self) -> Result<Columns, DecodeError> {
        // A datapoint takes a byte at least: a wrong count cannot allocate much.
        let left = self.sources.bytes().len() - self.position;
        let mut builder = SeriesBuilder::with_capacity(left.min(self.count as usize));
        self.drive(|kind, PointView { tick, location, elevation, value }| {
            let repeated = matches!(kind, Kind::Text { repeated: true, .. });
            if !repeated || !builder.repeat_text(tick, location, elevation) {
                builder.push(tick, location, elevation, value);
            }
        })?;
        Ok(builder.finish())
    }

    /// An encoder with the datapoints that were not read yet, and base and key of this decoder.
    ///
    /// Its bytes may rest on datapoints read before: its own decoder knows them, another one does
    /// not. Its count is 0 when this decoder does not know how many there were.
    pub fn rest(&self) -> Encoder {
        let left = if self.finished { Vec::new() } else { self.sources.rest(self.position) };
        let text = self.last.text.map(|at| self.sources.text(at).to_vec()).unwrap_or_default();
        let count = if self.opened_any { 0 } else { self.count.saturating_sub(self.read) };
        let memory = Memory { last: self.last, text };
        let mut encoder = Encoder::from_rest(self.base, &left, count, memory);
        encoder.set_key(self.key.clone());
        encoder
    }

    /// Reads the next datapoint into `last`.
    #[inline]
    fn advance(&mut self) -> Result<Option<Kind>, DecodeError> {
        loop {
            let mut reader = self.sources.reader(self.position);
            match reader.point(self.base, &mut self.last) {
                Ok(kind) => {
                    self.position = reader.position;
                    self.read += 1;
                    return Ok(Some(kind));
                }
                Err(error) => {
                    if !self.resolve(error)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads every datapoint that is left.
    #[inline]
    fn drive(&mut self, mut each: impl FnMut(Kind, PointView<'_>)) -> Result<(), DecodeError> {
        loop {
            let mut last = self.last;
            let mut reader = self.sources.reader(self.position);
            let error = loop {
                let kind = match reader.point(self.base, &mut last) {
                    Ok(kind) => kind,
                    Err(error) => break error,
                };
                self.read += 1;
                let value = value(kind, &last, &self.sources, &mut self.repaired);
                let Last { tick, location, elevation, .. } = last;
                each(kind, PointView { tick, location, elevation, value });
            };
            self.position = reader.position;
            self.last = last;
            if !self.resolve(error)? {
                return Ok(());
            }
        }
    }

    /// Deals with bytes at the position that are no datapoint to be read from one buffer: its end,
    /// an encrypted chunk, a datapoint that goes on behind the chunk it starts in. `false` at the
    /// end of everything.
    #[cold]
    fn resolve(&mut self, error: PointError) -> Result<bool, DecodeError> {
        let bytes = self.sources.bytes();
        match bytes.get(self.position) {
            _ if self.finished => Ok(false),
            None => {
                match self.sources.leave() {
                    Some(position) => self.position = position,
                    None => self.finished = true,
                }
                Ok(!self.finished)
            }
            Some(&ENCRYPTED) => self.enter_chunk().map(|()| true),
            Some(&flags) => {
                let lone = flags & CONTINUATION != 0 && self.position + 1 == bytes.len();
                self.recover(error, lone).map(|()| true)
            }
        }
    }

    /// Deals with what cannot be read: it may go on behind the chunk it starts in.
    ///
    /// A lone flag byte at the very end is no datapoint, and no error either.
    fn recover(&mut self, error: PointError, lone: bool) -> Result<(), DecodeError> {
        let cut = matches!(error, PointError::Truncated | PointError::Text { .. });
        if cut && self.sources.join(self.position) {
            self.position = 0;
            return Ok(());
        }
        if lone {
            self.position += 1;
            return Ok(());
        }
        Err(self.fail(error))
    }

    fn fail(&mut self, error: PointError) -> DecodeError {
        self.finished = true;
        DecodeError { offset: self.position, error }
    }

    /// Opens the encrypted chunk at the position, or skips it.
    fn enter_chunk(&mut self) -> Result<(), DecodeError> {
        let bytes = self.sources.bytes();
        let mut start = self.position + 1;
        let length = match varint::read_unsigned(bytes, &mut start) {
            Ok(length) => length,
            Err(error) => return self.recover(error.into(), false),
        };
        if length > (bytes.len() - start) as u64 {
            if self.sources.join(self.position) {
                self.position = 0;
                return Ok(());
            }
            return Err(self.fail(PointError::Chunk { length }));
        }
        let end = start + length as usize;
        if let Some(key) = &self.key {
            if length == 0 {
                return Err(self.fail(PointError::Chunk { length }));
            }
            if let Ok(opened) = key.unwrap(&bytes[start..end]) {
                self.sources.enter(opened, end);
                self.opened_any = true;
                self.position = 0;
                return Ok(());
            }
        }
        self.position = end;
        Ok(())
    }
}

/// The value of the datapoint that was read last.
#[inline]
fn value<'d>(
    kind: Kind,
    last: &Last,
    sources: &'d Sources<'_>,
    repaired: &'d mut Repaired,
) -> ValueRef<'d> {
    match kind {
        Kind::Long => ValueRef::Long(last.long),
        Kind::Double => ValueRef::Double(last.double),
        Kind::Decimal => last.decimal.map_or(ValueRef::Deleted, ValueRef::Decimal),
        Kind::Boolean(boolean) => ValueRef::Boolean(boolean),
        Kind::Text { binary, .. } => match last.text {
            Some(at) => text(sources.text(at), at.binary, binary, repaired),
            None => ValueRef::Deleted,
        },
        Kind::Deleted => ValueRef::Deleted,
    }
}

/// A text, or a binary when `binary` is set, that was `written` as text or as binary.
fn text<'d>(
    bytes: &'d [u8],
    written_binary: bool,
    binary: bool,
    repaired: &'d mut Repaired,
) -> ValueRef<'d> {
    match (written_binary, binary) {
        (true, true) => ValueRef::Bytes(bytes),
        (false, false) => match utf8::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) => ValueRef::String(text),
            Cow::Owned(text) => {
                repaired.text = text;
                ValueRef::String(&repaired.text)
            }
        },
        (true, false) => {
            repaired.text = utf8::from_latin1(bytes);
            ValueRef::String(&repaired.text)
        }
        (false, true) => {
            repaired.bytes = utf8::to_latin1(&utf8::from_utf8_lossy(bytes));
            ValueRef::Bytes(&repaired.bytes)
        }
    }
}

impl Iterator for Decoder<'_> {
    type Item = Result<PointRef, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let point = self.next_point().transpose()?;
        Some(point.map(|PointView { tick, location, elevation, value }| PointRef {
            tick,
            location,
            elevation,
            value: value.into(),
        }))
    }
}
