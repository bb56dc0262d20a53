//! Datapoints to bytes: the `GTSEncoder` format of Kafka messages, table cells and wrapped series.
//!
//! The format leaves choices open (deltas or raw numbers, repeated values). [`Encoder`] makes the
//! ones that Warp 10 2.x makes, so the same points added in the same order give the same bytes.
//! [`crate::decoder`] reads them; the flag bytes are described in `layout.rs`.

mod output;

use std::borrow::Cow;

use self::output::{Output, is_short};
use crate::decoder::{DecodeError, Decoder, Memory};
use crate::layout::{
    BOOLEAN_FALSE, BOOLEAN_TRUE, CONTINUATION, DELETE_MARKER, DOUBLE_IEEE754, ELEVATION,
    ELEVATION_DELTA, ELEVATION_IDENTICAL, ELEVATION_VARINT, ENCRYPTED, LOCATION, LOCATION_DELTA,
    LOCATION_IDENTICAL, LONG_DELTA, LONG_VARINT, STRING_BINARY, TICK_DELTA_BASE,
    TICK_DELTA_PREVIOUS, TICK_EQUALS_BASE, TICK_RAW, TYPE_BOOLEAN, TYPE_DOUBLE, TYPE_LONG,
    TYPE_STRING, VALUE_IDENTICAL, VARINT_LIMIT,
};
use crate::{Columns, Decimal, NO_ELEVATION, NO_LOCATION, ValueRef, WrapKey, utf8, varint};

/// What a datapoint takes at most, text and binaries aside: two flag bytes and four numbers, of
/// which one may be a decimal.
const NUMBERS_LENGTH_MAX: usize = 2 + 4 * varint::VARINT_LENGTH_MAX + 1;

/// Collects datapoints as bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    base: i64,
    key: Option<WrapKey>,
    out: Output,
    count: u64,
    /// Tick of the latest point; 0 before the first one.
    tick: i64,
    /// The next tick is written raw: the one before it is unknown to a reader.
    tick_raw: bool,
    location: Option<i64>,
    elevation: Option<i64>,
    long: Option<i64>,
    float: Float,
    text: Text,
    /// What a decoder of these bytes must remember before it starts: only encoders made from the
    /// rest of a decoder have it.
    memory: Option<Box<Memory>>,
}

/// The latest double: the way it was written decides what can repeat it.
#[derive(Clone, Copy, Debug, Default)]
enum Float {
    #[default]
    Unknown,
    Double(f64),
    Decimal(Decimal),
}

/// The latest text or binary.
#[derive(Clone, Debug, Default)]
enum Text {
    #[default]
    Unknown,
    /// Where it is among the bytes.
    Written {
        start: usize,
        end: usize,
        binary: bool,
    },
    /// A copy, when the bytes that hold it are encrypted.
    Copied { bytes: Vec<u8>, binary: bool },
}

impl Encoder {
    /// An empty encoder; ticks near `base` take few bytes.
    pub fn new(base: i64) -> Self {
        Self::with_capacity(base, 0)
    }

    /// An empty encoder with room for `capacity` bytes.
    pub fn with_capacity(base: i64, capacity: usize) -> Self {
        Self {
            base,
            key: None,
            out: Output::with_capacity(capacity),
            count: 0,
            tick: 0,
            tick_raw: false,
            location: None,
            elevation: None,
            long: None,
            float: Float::Unknown,
            text: Text::Unknown,
            memory: None,
        }
    }

    /// An encoder that starts with the bytes of `count` datapoints and appends to them.
    pub fn from_bytes(base: i64, bytes: &[u8], count: u64) -> Self {
        let out = Output::from_bytes(bytes);
        Self {
            out,
            count,
            tick_raw: true,
            ..Self::new(base)
        }
    }

    /// The same, for bytes that only a decoder with `memory` can read.
    pub(crate) fn from_rest(base: i64, bytes: &[u8], count: u64, memory: Memory) -> Self {
        Self {
            memory: Some(Box::new(memory)),
            ..Self::from_bytes(base, bytes, count)
        }
    }

    /// Appends a datapoint; [`NO_LOCATION`] and [`NO_ELEVATION`] stand for none. Location and
    /// elevation of a delete marker are left out.
    ///
    /// Returns the size in bytes, before encryption.
    pub fn add<'v>(
        &mut self,
        tick: i64,
        location: i64,
        elevation: i64,
        value: impl Into<ValueRef<'v>>,
    ) -> usize {
        let value = value.into();
        self.out.reserve(NUMBERS_LENGTH_MAX + text_length(value));
        let start = self.out.len();
        let deleted = matches!(value, ValueRef::Deleted);
        let location = if deleted { NO_LOCATION } else { location };
        let elevation = if deleted { NO_ELEVATION } else { elevation };
        if location == NO_LOCATION && elevation == NO_ELEVATION {
            (self.location, self.elevation) = (None, None);
            self.out.skip(1);
            let flags = self.add_tick(tick) | self.add_value(value);
            self.out.set(start, flags);
        } else {
            self.out.skip(2);
            let flags = CONTINUATION | self.add_tick(tick);
            let place = self.add_location(location) | self.add_elevation(elevation);
            let flags = flags | self.add_value(value);
            self.out.set(start, flags);
            self.out.set(start + 1, place);
        }
        self.count += 1;
        self.out.len()
    }

    /// Appends every datapoint of `columns`.
    pub fn add_columns(&mut self, columns: &Columns) {
        for index in 0..columns.len() {
            let (location, elevation) = (columns.location(index), columns.elevation(index));
            self.add(
                columns.ticks[index],
                location,
                elevation,
                &columns.values.get(index),
            );
        }
    }

    /// Appends every datapoint of `columns`, doubles as decimals where these are exact: smaller
    /// when values have few digits (`WRAPOPT`). Negative zeros lose their sign.
    pub fn add_columns_optimized(&mut self, columns: &Columns) {
        for index in 0..columns.len() {
            let value = columns.values.get(index);
            let decimal = match value {
                crate::Value::Double(double) => Decimal::from_double(double),
                _ => None,
            };
            let value = decimal.map_or_else(|| ValueRef::from(&value), ValueRef::Decimal);
            let (location, elevation) = (columns.location(index), columns.elevation(index));
            self.add(columns.ticks[index], location, elevation, value);
        }
    }

    /// The bytes as they go out: encrypted when a key is set.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.key {
            None => Cow::Borrowed(self.out.as_slice()),
            Some(key) => Cow::Owned(encrypt(key, self.out.as_slice())),
        }
    }

    /// [`Encoder::bytes`] without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        match &self.key {
            None => self.out.into_vec(),
            Some(key) => encrypt(key, self.out.as_slice()),
        }
    }

    /// The bytes before encryption.
    pub fn clear_bytes(&self) -> &[u8] {
        self.out.as_slice()
    }

    /// How many bytes there are, before encryption.
    pub fn size(&self) -> usize {
        self.out.len()
    }

    /// How many datapoints there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Corrects the number of datapoints, where the bytes came from elsewhere.
    pub const fn set_count(&mut self, count: u64) {
        self.count = count;
    }

    /// What ticks are relative to.
    pub const fn base(&self) -> i64 {
        self.base
    }

    /// The tick of the latest datapoint, 0 before the first one.
    pub const fn last_tick(&self) -> i64 {
        self.tick
    }

    /// The key the bytes are encrypted with.
    pub const fn key(&self) -> Option<&WrapKey> {
        self.key.as_ref()
    }

    /// Sets the key the bytes are encrypted with.
    pub fn set_key(&mut self, key: Option<WrapKey>) {
        self.key = key;
    }

    /// Starts again, empty, with another base. The key and the room stay.
    pub fn reset(&mut self, base: i64) {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        *self = Self {
            out,
            key: self.key.take(),
            ..Self::new(base)
        };
    }

    /// Drops the bytes. Datapoints added later do not rest on the dropped ones; `count` goes on
    /// from where it was, as in Warp 10.
    pub fn flush(&mut self) {
        self.out = Output::default();
        self.safe_delta();
    }

    /// Makes the next datapoint readable without the ones before it.
    pub fn safe_delta(&mut self) {
        self.tick_raw = true;
        (self.location, self.elevation) = (None, None);
        self.long = None;
        self.float = Float::Unknown;
        self.text = Text::Unknown;
    }

    /// Appends the datapoints of `other`: its bytes as they are when base and key agree.
    ///
    /// Fails, with some datapoints added, when the bytes of `other` came from elsewhere and are
    /// malformed.
    pub fn merge(&mut self, other: &Self) -> Result<(), DecodeError> {
        let alike = self.base == other.base && self.key == other.key;
        if alike && self.size() == 0 {
            self.clone_from(other);
        } else if alike && other.memory.is_none() {
            self.append(other);
        } else {
            let mut points = other.decoder();
            while let Some(point) = points.next_point()? {
                self.add(point.tick, point.location, point.elevation, point.value);
            }
        }
        Ok(())
    }

    /// Reads what was encoded.
    pub fn decoder(&self) -> Decoder<'_> {
        let memory = self.memory.as_deref().cloned().unwrap_or_default();
        Decoder::resume(
            self.base,
            self.out.as_slice(),
            self.key.as_ref(),
            self.count,
            memory,
        )
    }

    /// Appends the bytes of an encoder with the same base and key.
    fn append(&mut self, other: &Self) {
        let bytes = other.bytes();
        let offset = self.out.len();
        self.out.reserve(bytes.len());
        self.out.put_slice(&bytes);
        self.tick = other.tick;
        self.tick_raw = true;
        self.location = other.location;
        self.elevation = other.elevation;
        self.long = other.long;
        self.float = other.float;
        self.text = match (&other.text, other.last_text()) {
            (&Text::Written { start, end, binary }, _) if self.key.is_none() => Text::Written {
                start: offset + start,
                end: offset + end,
                binary,
            },
            (_, Some((bytes, binary))) => Text::Copied {
                bytes: bytes.to_vec(),
                binary,
            },
            (_, None) => Text::Unknown,
        };
        self.count += other.count;
    }

    #[inline]
    fn add_tick(&mut self, tick: i64) -> u8 {
        let last = std::mem::replace(&mut self.tick, tick);
        if std::mem::take(&mut self.tick_raw) {
            self.out.put_raw(tick as u64);
            return TICK_RAW;
        }
        if tick == self.base {
            return TICK_EQUALS_BASE;
        }
        let from_base = tick.wrapping_sub(self.base);
        let from_last = tick.wrapping_sub(last);
        let by_base = last == 0 || from_base.wrapping_abs() < from_last.wrapping_abs();
        let delta = if by_base { from_base } else { from_last };
        if is_short(delta) {
            self.out.put_signed(delta);
            if by_base {
                TICK_DELTA_BASE
            } else {
                TICK_DELTA_PREVIOUS
            }
        } else {
            self.out.put_raw(tick as u64);
            TICK_RAW
        }
    }

    #[inline]
    fn add_location(&mut self, location: i64) -> u8 {
        if location == NO_LOCATION {
            self.location = None;
            return 0;
        }
        match self.location.replace(location) {
            Some(last) if last == location => LOCATION | LOCATION_IDENTICAL,
            Some(last) if is_short(location.wrapping_sub(last)) => {
                self.out.put_signed(location.wrapping_sub(last));
                LOCATION | LOCATION_DELTA
            }
            _ => {
                self.out.put_raw(location as u64);
                LOCATION
            }
        }
    }

    #[inline]
    fn add_elevation(&mut self, elevation: i64) -> u8 {
        if elevation == NO_ELEVATION {
            self.elevation = None;
            return 0;
        }
        match self.elevation.replace(elevation) {
            Some(last) if last == elevation => ELEVATION | ELEVATION_IDENTICAL,
            Some(last) if is_short(elevation.wrapping_sub(last)) => {
                self.out.put_signed(elevation.wrapping_sub(last));
                ELEVATION | ELEVATION_DELTA | ELEVATION_VARINT
            }
            _ if is_short(elevation) => {
                self.out.put_signed(elevation);
                ELEVATION | ELEVATION_VARINT
            }
            _ => {
                self.out.put_raw(elevation as u64);
                ELEVATION
            }
        }
    }

    #[inline]
    fn add_value(&mut self, value: ValueRef<'_>) -> u8 {
        match value {
            ValueRef::Long(long) => TYPE_LONG | self.add_long(long),
            ValueRef::Double(double) => TYPE_DOUBLE | self.add_double(double),
            ValueRef::Decimal(decimal) => TYPE_DOUBLE | self.add_decimal(decimal),
            ValueRef::Boolean(true) => TYPE_BOOLEAN | BOOLEAN_TRUE,
            ValueRef::Boolean(false) => TYPE_BOOLEAN | BOOLEAN_FALSE,
            ValueRef::String(text) => TYPE_STRING | self.add_text(text.as_bytes(), false),
            ValueRef::Bytes(bytes) => TYPE_STRING | self.add_text(bytes, true),
            ValueRef::Deleted => TYPE_BOOLEAN | DELETE_MARKER,
        }
    }

    #[inline]
    fn add_long(&mut self, long: i64) -> u8 {
        if let Some(last) = self.long.replace(long) {
            if last == long {
                return VALUE_IDENTICAL;
            }
            let delta = long.wrapping_sub(last);
            let magnitude = delta.wrapping_abs();
            if magnitude < long.wrapping_abs() && magnitude < VARINT_LIMIT {
                self.out.put_signed(delta);
                return LONG_VARINT | LONG_DELTA;
            }
        }
        if is_short(long) {
            self.out.put_signed(long);
            LONG_VARINT
        } else {
            self.out.put_raw(long as u64);
            0
        }
    }

    #[inline]
    fn add_double(&mut self, double: f64) -> u8 {
        if let Float::Double(last) = self.float
            && (last == double || last.is_nan() && double.is_nan())
        {
            return VALUE_IDENTICAL;
        }
        self.put_double(double)
    }

    #[inline]
    fn put_double(&mut self, double: f64) -> u8 {
        self.float = Float::Double(double);
        self.out.put_raw(double.to_bits());
        DOUBLE_IEEE754
    }

    #[inline]
    fn add_decimal(&mut self, decimal: Decimal) -> u8 {
        let decimal = decimal.normalized();
        if let Float::Decimal(last) = self.float
            && last == decimal
        {
            return VALUE_IDENTICAL;
        }
        let Some(scale) = decimal.compact() else {
            // Never identical to the double before it, not even if that was this decimal.
            return self.put_double(decimal.to_f64());
        };
        self.float = Float::Decimal(decimal);
        self.out.put_byte(scale as u8);
        self.out.put_signed(decimal.unscaled);
        0
    }

    fn add_text(&mut self, bytes: &[u8], binary: bool) -> u8 {
        let flags = if binary { STRING_BINARY } else { 0 };
        if self
            .last_text()
            .is_some_and(|last| is_same_text(last, (bytes, binary)))
        {
            return flags | VALUE_IDENTICAL;
        }
        self.out.put_unsigned(bytes.len() as u64);
        let start = self.out.len();
        self.out.put_slice(bytes);
        self.text = Text::Written {
            start,
            end: self.out.len(),
            binary,
        };
        flags
    }

    fn last_text(&self) -> Option<(&[u8], bool)> {
        match &self.text {
            Text::Unknown => None,
            Text::Written { start, end, binary } => {
                Some((&self.out.as_slice()[*start..*end], *binary))
            }
            Text::Copied { bytes, binary } => Some((bytes, *binary)),
        }
    }
}

/// An encrypted chunk that holds `bytes`.
fn encrypt(key: &WrapKey, bytes: &[u8]) -> Vec<u8> {
    let wrapped = key.wrap(bytes);
    let mut chunk = Vec::with_capacity(1 + varint::VARINT_LENGTH_MAX + wrapped.len());
    chunk.push(ENCRYPTED);
    varint::write_unsigned(&mut chunk, wrapped.len() as u64);
    chunk.extend_from_slice(&wrapped);
    chunk
}

/// Room for text and the number that may be written raw.
fn text_length(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::String(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Whether two texts are equal; a binary is the text that it is in ISO-8859-1.
fn is_same_text(a: (&[u8], bool), b: (&[u8], bool)) -> bool {
    match (a.1, b.1) {
        (false, true) => utf8::is_latin1(&utf8::from_utf8_lossy(a.0), b.0),
        (true, false) => utf8::is_latin1(&utf8::from_utf8_lossy(b.0), a.0),
        _ => a.0 == b.0,
    }
}
