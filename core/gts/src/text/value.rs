//! The values of the text format.
//!
//! `1`, `3.14`, `1e3`, `T`, `'text%20'`, `"text"`, `HH:LAT:LON`, `Q:W:X:Y:Z`, `b64:…`, `hex:…` and
//! multivalues `[ … ]`.

use std::borrow::Cow;

use crate::geo::hhcode;
use crate::text::binary;
use crate::text::error::{Cause, Fault, FaultAt, ParseError, utf16_length};
use crate::text::multivalue;
use crate::text::number::{Number, parse_double, parse_number};
use crate::{Decimal, Value, ValueRef, percent, utf8};

/// A value as it was written; it borrows from the line what needs no decoding.
#[derive(Clone, Debug, PartialEq)]
pub enum TextValue<'a> {
    /// An integer, a position (`HH:`) or a quaternion (`Q:`).
    Long(i64),
    /// A number with an exponent or many digits, `NaN`, `Infinity`.
    Double(f64),
    /// A plain decimal of few digits, kept exactly and with the zeros it was written with.
    Decimal(Decimal),
    /// `T` or `F`.
    Boolean(bool),
    /// A quoted text.
    String(Cow<'a, str>),
    /// A binary, or a multivalue: the bytes of a `GTSWrapper` without metadata.
    Bytes(Vec<u8>),
}

impl TextValue<'_> {
    /// The value as encoders take it.
    #[inline]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Long(v) => ValueRef::Long(*v),
            Self::Double(v) => ValueRef::Double(*v),
            Self::Decimal(v) => ValueRef::Decimal(*v),
            Self::Boolean(v) => ValueRef::Boolean(*v),
            Self::String(v) => ValueRef::String(v),
            Self::Bytes(v) => ValueRef::Bytes(v),
        }
    }

    /// Whether a text has more UTF-16 units than `max`, or a binary more bytes.
    pub(crate) fn is_longer_than(&self, max: usize) -> bool {
        match self {
            Self::String(text) => text.len() > max && utf16_length(text.as_bytes()) > max,
            Self::Bytes(bytes) => bytes.len() > max,
            _ => false,
        }
    }
}

impl From<TextValue<'_>> for Value {
    fn from(value: TextValue<'_>) -> Self {
        Self::from(value.as_ref())
    }
}

/// Reads a value.
pub fn parse_value(text: &[u8]) -> Result<TextValue<'_>, ParseError> {
    value_at_depth(text, 0).map_err(|fault| fault.locate(text))
}

/// [`parse_value`] inside `depth` multivalues.
pub(crate) fn value_at_depth(text: &[u8], depth: usize) -> Result<TextValue<'_>, FaultAt> {
    let invalid = |cause| FaultAt::because(0, Fault::Value, cause);
    let Some(&first) = text.first() else {
        return Err(invalid(Cause::End(0)));
    };
    match first {
        b'0'..=b'9' | b'-' => {}
        b'\'' | b'"' if text.last() == Some(&first) => return parse_string(text),
        b't' | b'T' if text.len() == 1 || text.eq_ignore_ascii_case(b"true") => {
            return Ok(TextValue::Boolean(true));
        }
        b'f' | b'F' if text.len() == 1 || text.eq_ignore_ascii_case(b"false") => {
            return Ok(TextValue::Boolean(false));
        }
        b'H' if text.starts_with(b"HH:") => return parse_position(text),
        b'Q' if text.starts_with(b"Q:") => return parse_quaternion(text),
        b'[' => return multivalue::parse(text, depth).map(TextValue::Bytes),
        b'b' if text.starts_with(b"b64:") => {
            return Ok(TextValue::Bytes(binary::decode_base64(&text[4..])));
        }
        b'h' if text.starts_with(b"hex:") => {
            return binary::decode_hexadecimal(&text[4..]).map(TextValue::Bytes).map_err(invalid);
        }
        b':' => {
            let text = utf8::from_utf8_lossy(text).into_owned();
            return Err(FaultAt::new(0, Fault::CustomValue(text)));
        }
        _ => {}
    }
    match parse_number(text) {
        Ok(Number::Long(long)) => Ok(TextValue::Long(long)),
        Ok(Number::Decimal(decimal)) => Ok(TextValue::Decimal(decimal)),
        Ok(Number::Double(double)) => Ok(TextValue::Double(double)),
        Err(error) => Err(invalid(error.into())),
    }
}

/// A text between two quotes.
fn parse_string(text: &[u8]) -> Result<TextValue<'_>, FaultAt> {
    let invalid = |cause| FaultAt::because(0, Fault::Value, cause);
    let [_, quoted @ .., _] = text else {
        return Err(invalid(Cause::LoneQuote));
    };
    percent::decode_bytes(quoted).map(TextValue::String).map_err(|error| invalid(error.into()))
}

/// `HH:LAT:LON`: a position as a number.
fn parse_position(text: &[u8]) -> Result<TextValue<'_>, FaultAt> {
    const START: usize = "HH:".len();
    let Some(length) = memchr::memchr(b':', &text[START..]) else {
        return Err(FaultAt::new(0, Fault::HhCode));
    };
    let colon = START + length;
    let latitude = parse_double(&text[START..colon])
        .map_err(|error| FaultAt::because(START, Fault::Latitude, error))?;
    let longitude = parse_double(&text[colon + 1..])
        .map_err(|error| FaultAt::because(colon + 1, Fault::Longitude, error))?;
    Ok(TextValue::Long(hhcode::from_degrees(latitude, longitude)))
}

/// `Q:W:X:Y:Z`: a quaternion as a number.
fn parse_quaternion(text: &[u8]) -> Result<TextValue<'_>, FaultAt> {
    let mut components = [0.0; 4];
    let mut start = "Q:".len();
    for (index, component) in components.iter_mut().enumerate() {
        let rest = &text[start..];
        // The fourth reaches to the end, colons and all.
        let length = if index == 3 { Some(rest.len()) } else { memchr::memchr(b':', rest) };
        let Some(length) = length else {
            return Err(FaultAt::new(0, Fault::Quaternion));
        };
        *component = parse_double(&rest[..length])
            .map_err(|error| FaultAt::because(start, Fault::QuaternionComponent, error))?;
        start += length + 1;
    }
    if !components.iter().all(|component| component.is_finite()) {
        return Err(FaultAt::new(0, Fault::InfiniteQuaternion));
    }
    Ok(TextValue::Long(pack_quaternion(components)))
}

/// A quaternion `w x y z`, normalised, at 16 bits a component.
pub fn pack_quaternion(components: [f64; 4]) -> i64 {
    let [w, x, y, z] = components;
    let norm = (w * w + x * x + y * y + z * z).sqrt();
    let packed = components.into_iter().fold(0u64, |packed, component| {
        let unit = if norm == 0.0 { component } else { component / norm };
        let quantum = ((unit + 1.0) / 2.0 * 65_535.0).floor() as i32;
        packed << 16 | u64::from(quantum as u16)
    });
    packed as i64
}
