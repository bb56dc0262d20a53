//! One datapoint of the encoder format, read from clear bytes.

use crate::layout::{
    BOOLEAN_FALSE, BOOLEAN_TRUE, CONTINUATION, DELETE_MARKER, DOUBLE_IEEE754, ELEVATION,
    ELEVATION_DELTA, ELEVATION_IDENTICAL, ELEVATION_VARINT, LOCATION, LOCATION_DELTA,
    LOCATION_IDENTICAL, LONG_DELTA, LONG_VARINT, STRING_BINARY, TICK_DELTA_BASE, TICK_EQUALS_BASE,
    TICK_MASK, TICK_RAW, TYPE_DOUBLE, TYPE_LONG, TYPE_MASK, TYPE_STRING, VALUE_IDENTICAL,
    VALUE_MASK,
};
use crate::varint::{self, VarintError};
use crate::{Decimal, NO_ELEVATION, NO_LOCATION};

/// Why a datapoint could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// The bytes end inside the datapoint.
    #[error("the bytes end inside a datapoint")]
    Truncated,
    /// A number has more than ten bytes.
    #[error("a number is longer than ten bytes")]
    Number,
    /// A text is longer than what is left.
    #[error("a text of {length} bytes is longer than what is left")]
    Text {
        /// The length that the bytes claim.
        length: u64,
    },
    /// The flags of a boolean are neither true nor false nor the delete marker.
    #[error("flags {flags:#04x} are no boolean")]
    Boolean {
        /// The flag byte.
        flags: u8,
    },
    /// An encrypted chunk is longer than what is left, or empty.
    #[error("an encrypted chunk claims {length} bytes")]
    Chunk {
        /// The length that the bytes claim.
        length: u64,
    },
}

impl From<VarintError> for PointError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::TooLong => Self::Number,
        }
    }
}

/// What a reader remembers from one datapoint to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) tick: i64,
    pub(crate) location: i64,
    pub(crate) elevation: i64,
    pub(crate) long: i64,
    pub(crate) double: f64,
    /// Set when the latest double was written as a decimal.
    pub(crate) decimal: Option<Decimal>,
    pub(crate) text: Option<TextAt>,
}

/// Where the latest text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextAt {
    /// Which buffer ([`super::sources::Sources`]).
    pub(crate) source: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Written as binary rather than as UTF-8.
    pub(crate) binary: bool,
}

/// The value of a datapoint: its type, the rest is in [`Last`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Long,
    Double,
    Decimal,
    Boolean(bool),
    /// A text, or a binary when `binary` is set; `repeated` when nothing was written.
    Text {
        binary: bool,
        repeated: bool,
    },
    Deleted,
}

impl Default for Last {
    /// What the format assumes before the first datapoint.
    fn default() -> Self {
        Self {
            tick: 0,
            location: NO_LOCATION,
            elevation: NO_ELEVATION,
            long: i64::MAX,
            double: f64::NAN,
            decimal: None,
            text: None,
        }
    }
}

/// A position in clear bytes.
pub(super) struct Reader<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) position: usize,
    /// Which buffer `bytes` is.
    pub(super) source: u32,
}

impl Reader<'_> {
    #[inline(always)]
    fn byte(&mut self) -> Result<u8, PointError> {
        let &byte = self.bytes.get(self.position).ok_or(PointError::Truncated)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline(always)]
    fn raw(&mut self) -> Result<u64, PointError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let &raw = rest.first_chunk().ok_or(PointError::Truncated)?;
        self.position += 8;
        Ok(u64::from_be_bytes(raw))
    }

    #[inline(always)]
    fn signed(&mut self) -> Result<i64, PointError> {
        Ok(varint::read_signed(self.bytes, &mut self.position)?)
    }

    #[inline(always)]
    fn signed_or_raw(&mut self, signed: bool) -> Result<i64, PointError> {
        if signed { self.signed() } else { self.raw().map(|raw| raw as i64) }
    }

    /// Reads the datapoint after `last`, and moves on; an error changes nothing.
    ///
    /// Inlined into loops that hold `last` as a local variable, all of this stays in registers.
    #[inline(always)]
    pub(super) fn point(&mut self, base: i64, last: &mut Last) -> Result<Kind, PointError> {
        let mut next = *last;
        let mut reader = Reader { ..*self };
        let kind = reader.point_parts(base, &mut next)?;
        *last = next;
        self.position = reader.position;
        Ok(kind)
    }

    #[inline(always)]
    fn point_parts(&mut self, base: i64, last: &mut Last) -> Result<Kind, PointError> {
        let flags = self.byte()?;
        let place = if flags & CONTINUATION == 0 { 0 } else { self.byte()? };
        self.tick(flags, base, last)?;
        if place == 0 {
            (last.location, last.elevation) = (NO_LOCATION, NO_ELEVATION);
        } else {
            self.location(place, last)?;
            self.elevation(place, last)?;
        }
        match flags & TYPE_MASK {
            TYPE_LONG => self.long(flags, last),
            TYPE_DOUBLE => self.double(flags, last),
            TYPE_STRING => self.text(flags, last),
            _ => boolean(flags),
        }
    }

    #[inline(always)]
    fn tick(&mut self, flags: u8, base: i64, last: &mut Last) -> Result<(), PointError> {
        last.tick = if flags & TICK_EQUALS_BASE == 0 {
            let from = if flags & TICK_DELTA_BASE == 0 { last.tick } else { base };
            from.wrapping_add(self.signed()?)
        } else if flags & TICK_MASK == TICK_RAW {
            self.raw()? as i64
        } else {
            base
        };
        Ok(())
    }

    #[inline(always)]
    fn location(&mut self, place: u8, last: &mut Last) -> Result<(), PointError> {
        if place & LOCATION == 0 {
            last.location = NO_LOCATION;
        } else if place & LOCATION_IDENTICAL == 0 {
            last.location = if place & LOCATION_DELTA == 0 {
                self.raw()? as i64
            } else {
                last.location.wrapping_add(self.signed()?)
            };
        }
        Ok(())
    }

    #[inline(always)]
    fn elevation(&mut self, place: u8, last: &mut Last) -> Result<(), PointError> {
        if place & ELEVATION == 0 {
            last.elevation = NO_ELEVATION;
        } else if place & ELEVATION_IDENTICAL == 0 {
            let written = self.signed_or_raw(place & ELEVATION_VARINT != 0)?;
            let delta = place & ELEVATION_DELTA != 0;
            last.elevation = if delta { last.elevation.wrapping_add(written) } else { written };
        }
        Ok(())
    }

    #[inline(always)]
    fn long(&mut self, flags: u8, last: &mut Last) -> Result<Kind, PointError> {
        if flags & VALUE_IDENTICAL == 0 {
            let written = self.signed_or_raw(flags & LONG_VARINT != 0)?;
            let delta = flags & LONG_DELTA != 0;
            last.long = if delta { last.long.wrapping_add(written) } else { written };
        }
        Ok(Kind::Long)
    }

    #[inline(always)]
    fn double(&mut self, flags: u8, last: &mut Last) -> Result<Kind, PointError> {
        if flags & VALUE_IDENTICAL == 0 {
            if flags & DOUBLE_IEEE754 == 0 {
                let scale = i32::from(self.byte()? as i8);
                last.decimal = Some(Decimal { unscaled: self.signed()?, scale });
            } else {
                last.double = f64::from_bits(self.raw()?);
                last.decimal = None;
            }
        }
        Ok(if last.decimal.is_some() { Kind::Decimal } else { Kind::Double })
    }

    #[inline(always)]
    fn text(&mut self, flags: u8, last: &mut Last) -> Result<Kind, PointError> {
        let binary = flags & STRING_BINARY != 0;
        if flags & VALUE_IDENTICAL != 0 {
            // Before the first text, the previous one is null: so is this value.
            return Ok(match last.text {
                Some(_) => Kind::Text { binary, repeated: true },
                None => Kind::Deleted,
            });
        }
        let length = varint::read_unsigned(self.bytes, &mut self.position)?;
        let start = self.position;
        if length > (self.bytes.len() - start) as u64 {
            return Err(PointError::Text { length });
        }
        let end = start + length as usize;
        self.position = end;
        last.text = Some(TextAt { source: self.source, start, end, binary });
        Ok(Kind::Text { binary, repeated: false })
    }
}

#[inline(always)]
fn boolean(flags: u8) -> Result<Kind, PointError> {
    match flags & VALUE_MASK {
        BOOLEAN_TRUE => Ok(Kind::Boolean(true)),
        BOOLEAN_FALSE => Ok(Kind::Boolean(false)),
        DELETE_MARKER => Ok(Kind::Deleted),
        _ => Err(PointError::Boolean { flags }),
    }
}
