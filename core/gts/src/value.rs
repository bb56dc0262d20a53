//! One datapoint's value.

use std::sync::Arc;

use crate::Decimal;

/// The location of a point that has none: the HHCode `0x0145014501450145`.
pub const NO_LOCATION: i64 = 0x0145_0145_0145_0145;

/// The elevation of a point that has none.
pub const NO_ELEVATION: i64 = i64::MIN;

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
    /// No value: the marker of a deleted point. Such points carry a tick alone.
    Deleted,
}

/// A [`Value`] that borrows its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// See [`Value::Long`].
    Long(i64),
    /// See [`Value::Double`].
    Double(f64),
    /// See [`Value::Decimal`].
    Decimal(Decimal),
    /// See [`Value::Boolean`].
    Boolean(bool),
    /// See [`Value::String`].
    String(&'a str),
    /// See [`Value::Bytes`].
    Bytes(&'a [u8]),
    /// See [`Value::Deleted`].
    Deleted,
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Long(v) => Self::Long(*v),
            Value::Double(v) => Self::Double(*v),
            Value::Decimal(v) => Self::Decimal(*v),
            Value::Boolean(v) => Self::Boolean(*v),
            Value::String(v) => Self::String(v),
            Value::Bytes(v) => Self::Bytes(v),
            Value::Deleted => Self::Deleted,
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Long(v) => Self::Long(v),
            ValueRef::Double(v) => Self::Double(v),
            ValueRef::Decimal(v) => Self::Decimal(v),
            ValueRef::Boolean(v) => Self::Boolean(v),
            ValueRef::String(v) => Self::String(v.into()),
            ValueRef::Bytes(v) => Self::Bytes(v.into()),
            ValueRef::Deleted => Self::Deleted,
        }
    }
}
