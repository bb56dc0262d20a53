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

pub use self::point::PointError;
use self::point::{Kind, Last, Reader, TextAt};
use self::sources::Sources;
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
        let Last {
            tick,
            location,
            elevation,
            ..
        } = self.last;
        Ok(Some(PointView {
            tick,
            location,
            elevation,
            value: self.value(kind),
        }))
    }

    /// The datapoints that are left, each value as it was written.
    pub fn columns(&mut self) -> Result<Columns, DecodeError> {
        let mut columns = Columns::default();
        while let Some(point) = self.next_point()? {
            columns.push(
                point.tick,
                point.location,
                point.elevation,
                point.value.into(),
            );
        }
        Ok(columns)
    }

    /// The datapoints that are left as a series has them: all of the first one's type, delete
    /// markers left out ([`SeriesBuilder`]).
    pub fn series_columns(&mut self) -> Result<Columns, DecodeError> {
        // A datapoint takes a byte at least: a wrong count cannot allocate much.
        let left = self.sources.bytes().len() - self.position;
        let mut builder = SeriesBuilder::with_capacity(left.min(self.count as usize));
        while let Some(kind) = self.advance()? {
            let Last {
                tick,
                location,
                elevation,
                ..
            } = self.last;
            if matches!(kind, Kind::Text { repeated: true, .. })
                && builder.repeat_text(tick, location, elevation)
            {
                continue;
            }
            builder.push(tick, location, elevation, self.value(kind));
        }
        Ok(builder.finish())
    }

    /// An encoder with the datapoints that were not read yet, and base and key of this decoder.
    ///
    /// Its bytes may rest on datapoints read before: its own decoder knows them, another one does
    /// not. Its count is 0 when this decoder does not know how many there were.
    pub fn rest(&self) -> Encoder {
        let left = if self.finished {
            Vec::new()
        } else {
            self.sources.rest(self.position)
        };
        let text = self
            .last
            .text
            .map(|at| self.sources.text(at).to_vec())
            .unwrap_or_default();
        let count = if self.opened_any {
            0
        } else {
            self.count.saturating_sub(self.read)
        };
        let memory = Memory {
            last: self.last,
            text,
        };
        let mut encoder = Encoder::from_rest(self.base, &left, count, memory);
        encoder.set_key(self.key.clone());
        encoder
    }

    /// Reads the next datapoint into `last`.
    #[inline]
    fn advance(&mut self) -> Result<Option<Kind>, DecodeError> {
        if self.finished {
            return Ok(None);
        }
        loop {
            let bytes = self.sources.bytes();
            match bytes.get(self.position) {
                None => match self.sources.leave() {
                    Some(position) => self.position = position,
                    None => {
                        self.finished = true;
                        return Ok(None);
                    }
                },
                Some(&ENCRYPTED) => self.enter_chunk()?,
                Some(&flags) => {
                    let start = self.position;
                    let before = (!self.sources.is_at_root()).then_some(self.last);
                    let source = self.sources.current();
                    let mut reader = Reader {
                        bytes,
                        position: start,
                        source,
                    };
                    match reader.point(self.base, &mut self.last) {
                        Ok(kind) => {
                            self.position = reader.position;
                            self.read += 1;
                            return Ok(Some(kind));
                        }
                        Err(error) => {
                            let lone = flags & CONTINUATION != 0 && start + 1 == bytes.len();
                            self.recover(error, lone, before)?;
                        }
                    }
                }
            }
        }
    }

    /// Deals with a datapoint that cannot be read: it may go on behind the chunk it starts in.
    ///
    /// A lone flag byte at the very end is no datapoint, and no error either.
    #[cold]
    fn recover(
        &mut self,
        error: PointError,
        lone: bool,
        before: Option<Last>,
    ) -> Result<(), DecodeError> {
        if let Some(before) = before
            && matches!(error, PointError::Truncated | PointError::Text { .. })
            && self.sources.join(self.position)
        {
            self.last = before;
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
        DecodeError {
            offset: self.position,
            error,
        }
    }

    /// Opens the encrypted chunk at the position, or skips it.
    #[cold]
    fn enter_chunk(&mut self) -> Result<(), DecodeError> {
        let bytes = self.sources.bytes();
        let mut start = self.position + 1;
        let length = match varint::read_unsigned(bytes, &mut start) {
            Ok(length) => length,
            Err(error) => return self.recover(error.into(), false, Some(self.last)),
        };
        if length > (bytes.len() - start) as u64 {
            return self
                .recover(PointError::Text { length }, false, Some(self.last))
                .map_err(|error| DecodeError {
                    error: PointError::Chunk { length },
                    ..error
                });
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

    /// The value that was read last.
    #[inline]
    fn value(&mut self, kind: Kind) -> ValueRef<'_> {
        match kind {
            Kind::Long => ValueRef::Long(self.last.long),
            Kind::Double => ValueRef::Double(self.last.double),
            Kind::Decimal => self
                .last
                .decimal
                .map_or(ValueRef::Deleted, ValueRef::Decimal),
            Kind::Boolean(boolean) => ValueRef::Boolean(boolean),
            Kind::Text { binary, .. } => self.text(binary),
            Kind::Deleted => ValueRef::Deleted,
        }
    }

    /// The latest text, as text or as binary.
    fn text(&mut self, binary: bool) -> ValueRef<'_> {
        let Some(at) = self.last.text else {
            return ValueRef::Deleted;
        };
        let bytes = self.sources.text(at);
        match (at.binary, binary) {
            (true, true) => ValueRef::Bytes(bytes),
            (false, false) => match utf8::from_utf8_lossy(bytes) {
                std::borrow::Cow::Borrowed(text) => ValueRef::String(text),
                std::borrow::Cow::Owned(text) => {
                    self.repaired.text = text;
                    ValueRef::String(&self.repaired.text)
                }
            },
            (true, false) => {
                self.repaired.text = utf8::from_latin1(bytes);
                ValueRef::String(&self.repaired.text)
            }
            (false, true) => {
                self.repaired.bytes = utf8::to_latin1(&utf8::from_utf8_lossy(bytes));
                ValueRef::Bytes(&self.repaired.bytes)
            }
        }
    }
}

impl Iterator for Decoder<'_> {
    type Item = Result<PointRef, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let point = self.next_point().transpose()?;
        Some(point.map(
            |PointView {
                 tick,
                 location,
                 elevation,
                 value,
             }| PointRef {
                tick,
                location,
                elevation,
                value: value.into(),
            },
        ))
    }
}
