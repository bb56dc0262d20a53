//! One datapoint's value.

use std::sync::Arc;

/// The location of a point that has none: the HHCode `0x0145014501450145`.
pub const NO_LOCATION: i64 = 0x0145_0145_0145_0145;

/// The elevation of a point that has none.
pub const NO_ELEVATION: i64 = i64::MIN;

/// An exact decimal, `unscaled × 10^-scale`, as plain decimals of the text format are kept.
///
/// Decimals whose unscaled value does not fit 46 bits are written as doubles, so a text decimal
/// that does not fit an `i64` becomes a [`Value::Double`] at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits as one integer.
    pub unscaled: i64,
    /// How many of the digits stand behind the point; negative scales multiply.
    pub scale: i32,
}

/// A value as the encoder format knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 64-bit integer.
    Long(i64),
    /// IEEE 754 double.
    Double(f64),
    /// A double that is written as an exact decimal.
    Decimal(Decimal),
    /// Boolean.
    Boolean(bool),
    /// Text.
    String(Arc<str>),
    /// Binary (2.x and later).
    Bytes(Arc<[u8]>),
}
