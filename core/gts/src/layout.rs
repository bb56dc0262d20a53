//! The flag bytes of the encoder format.
//!
//! A datapoint is `flags1 [flags2] tick [location] [elevation] [value]`.
//!
//! - `flags1`: bit 7 says that `flags2` follows, bits 6–5 how the tick is written, bits 4–3 the
//!   type of the value and bits 2–0 how it is written.
//! - `flags2`: high nibble location, low nibble elevation.
//! - The whole byte 0 in place of `flags1` starts an encrypted chunk: its length as an unsigned
//!   varint, then AES-wrapped datapoints.

/// In place of `flags1`: an encrypted chunk.
pub(crate) const ENCRYPTED: u8 = 0x00;

/// `flags2` follows.
pub(crate) const CONTINUATION: u8 = 0x80;

pub(crate) const TICK_MASK: u8 = 0x60;
pub(crate) const TICK_DELTA_PREVIOUS: u8 = 0x00;
/// Nothing is written. The bit tells both deltas, without it, from what are none, with it.
pub(crate) const TICK_EQUALS_BASE: u8 = 0x20;
pub(crate) const TICK_DELTA_BASE: u8 = 0x40;
/// Eight bytes.
pub(crate) const TICK_RAW: u8 = 0x60;

pub(crate) const TYPE_MASK: u8 = 0x18;
pub(crate) const TYPE_BOOLEAN: u8 = 0x00;
pub(crate) const TYPE_LONG: u8 = 0x08;
pub(crate) const TYPE_DOUBLE: u8 = 0x10;
pub(crate) const TYPE_STRING: u8 = 0x18;

/// What is left of `flags1` for the way a value is written.
pub(crate) const VALUE_MASK: u8 = 0x07;
/// Of every type but booleans: the same value as before, nothing is written.
pub(crate) const VALUE_IDENTICAL: u8 = 0x01;
// Neither boolean is 0: the byte would start an encrypted chunk.
pub(crate) const BOOLEAN_TRUE: u8 = 0x04;
pub(crate) const BOOLEAN_FALSE: u8 = 0x02;
/// A boolean that is none: the point was deleted.
pub(crate) const DELETE_MARKER: u8 = 0x07;
/// A varint; else eight bytes.
pub(crate) const LONG_VARINT: u8 = 0x04;
pub(crate) const LONG_DELTA: u8 = 0x02;
/// Eight bytes; else a scale and an unscaled varint.
pub(crate) const DOUBLE_IEEE754: u8 = 0x04;
pub(crate) const STRING_BINARY: u8 = 0x02;

pub(crate) const LOCATION: u8 = 0x40;
/// A varint delta; else eight bytes.
pub(crate) const LOCATION_DELTA: u8 = 0x20;
pub(crate) const LOCATION_IDENTICAL: u8 = 0x10;

pub(crate) const ELEVATION: u8 = 0x08;
/// A varint; else eight bytes.
pub(crate) const ELEVATION_VARINT: u8 = 0x04;
pub(crate) const ELEVATION_DELTA: u8 = 0x02;
pub(crate) const ELEVATION_IDENTICAL: u8 = 0x01;

/// Magnitudes from here on take eight bytes or more as varints, so they are written raw.
pub(crate) const VARINT_LIMIT: i64 = 1 << 48;
