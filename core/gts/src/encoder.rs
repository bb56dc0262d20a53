//! Datapoints to bytes: the `GTSEncoder` format of Kafka messages, table cells and wrapped series.
//!
//! The format leaves choices open (deltas or raw numbers, repeated values). [`Encoder`] makes the
//! ones that Warp 10 2.x makes, so the same points added in the same order give the same bytes.
//! [`crate::decoder`] reads them; the flag bytes are described in `layout.rs`.

mod last;
mod output;

use std::borrow::Cow;

use self::last::Last;
use self::output::{Output, Window};
use crate::decoder::{DecodeError, Decoder, Memory};
use crate::layout::{
    BOOLEAN_FALSE, BOOLEAN_TRUE, CONTINUATION, DELETE_MARKER, ENCRYPTED, STRING_BINARY,
    TYPE_BOOLEAN, TYPE_DOUBLE, TYPE_LONG, TYPE_STRING, VALUE_IDENTICAL,
};
use crate::{Column, Columns, Decimal, NO_ELEVATION, NO_LOCATION, ValueRef, WrapKey, utf8, varint};

/// Collects datapoints as bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    base: i64,
    key: Option<WrapKey>,
    out: Output,
    count: u64,
    last: Last,
    text: Text,
    /// What a decoder of these bytes must remember before it starts: only encoders made from the
    /// rest of a decoder have it.
    memory: Option<Box<Memory>>,
}

/// The latest text or binary.
#[derive(Clone, Debug, Default)]
enum Text {
    #[default]
    Unknown,
    /// Where it is among the bytes.
    Written { start: usize, end: usize, binary: bool },
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
            last: Last::default(),
            text: Text::Unknown,
            memory: None,
        }
    }

    /// An encoder that starts with the bytes of `count` datapoints and appends to them.
    pub fn from_bytes(base: i64, bytes: &[u8], count: u64) -> Self {
        let mut encoder = Self { out: Output::from_bytes(bytes), count, ..Self::new(base) };
        encoder.safe_delta();
        encoder
    }

    /// The same, for bytes that only a decoder with `memory` can read.
    pub(crate) fn from_rest(base: i64, bytes: &[u8], count: u64, memory: Memory) -> Self {
        Self { memory: Some(Box::new(memory)), ..Self::from_bytes(base, bytes, count) }
    }

    /// Appends a datapoint; [`NO_LOCATION`] and [`NO_ELEVATION`] stand for none. Location and
    /// elevation of a delete marker are left out.
    ///
    /// Returns the size in bytes, before encryption.
    #[inline]
    pub fn add<'v>(
        &mut self,
        tick: i64,
        location: i64,
        elevation: i64,
        value: impl Into<ValueRef<'v>>,
    ) -> usize {
        let value = value.into();
        let text = match value {
            ValueRef::String(text) => Some((text.as_bytes(), false)),
            ValueRef::Bytes(bytes) => Some((bytes, true)),
            _ => None,
        };
        let text = text.filter(|text| !self.ends_in(*text));
        let mut window = self.out.window(text.map_or(0, |(bytes, _)| bytes.len()));
        let last = &mut self.last;
        let deleted = matches!(value, ValueRef::Deleted);
        if deleted || location == NO_LOCATION && elevation == NO_ELEVATION {
            last.put_no_place();
            window.skip(1);
            let flags = last.put_tick(&mut window, self.base, tick);
            let flags = flags | put_value(last, &mut window, value, text.is_none());
            window.set(0, flags);
        } else {
            window.skip(2);
            let flags = CONTINUATION | last.put_tick(&mut window, self.base, tick);
            let place = last.put_location(&mut window, location)
                | last.put_elevation(&mut window, elevation);
            let flags = flags | put_value(last, &mut window, value, text.is_none());
            window.set(0, flags);
            window.set(1, place);
        }
        let length = window.len();
        self.out.advance(length);
        if let Some((bytes, binary)) = text {
            self.put_text(bytes, binary);
        }
        self.count += 1;
        self.out.len()
    }

    /// Appends integers without a place, one for each tick, until there are `size_max` bytes.
    ///
    /// Returns how many were appended.
    pub fn add_longs(&mut self, ticks: &[i64], longs: &[i64], size_max: usize) -> usize {
        self.add_numbers(ticks, longs, size_max, |last, window, long| {
            TYPE_LONG | last.put_long(window, long)
        })
    }

    /// [`Encoder::add_longs`] for doubles.
    pub fn add_doubles(&mut self, ticks: &[i64], doubles: &[f64], size_max: usize) -> usize {
        self.add_numbers(ticks, doubles, size_max, |last, window, double| {
            TYPE_DOUBLE | last.put_double(window, double)
        })
    }

    #[inline(always)]
    fn add_numbers<N: Copy>(
        &mut self,
        ticks: &[i64],
        numbers: &[N],
        size_max: usize,
        put: impl Fn(&mut Last, &mut Window<'_>, N) -> u8,
    ) -> usize {
        // A copy stays in registers.
        let mut last = self.last;
        last.put_no_place();
        let mut added = 0;
        for (tick, number) in ticks.iter().zip(numbers) {
            let mut window = self.out.window(0);
            window.skip(1);
            let flags = last.put_tick(&mut window, self.base, *tick);
            let flags = flags | put(&mut last, &mut window, *number);
            window.set(0, flags);
            let length = window.len();
            self.out.advance(length);
            added += 1;
            if self.out.len() >= size_max {
                break;
            }
        }
        if added > 0 {
            self.last = last;
            self.count += added as u64;
        }
        added
    }

    /// Appends every datapoint of `columns`.
    pub fn add_columns(&mut self, columns: &Columns) {
        let has_places = !columns.locations.is_empty() || !columns.elevations.is_empty();
        match &columns.values {
            Column::Long(longs) if !has_places => {
                self.add_longs(&columns.ticks, longs, usize::MAX);
                return;
            }
            Column::Double(doubles) if !has_places => {
                self.add_doubles(&columns.ticks, doubles, usize::MAX);
                return;
            }
            _ => {}
        }
        for index in 0..columns.len() {
            let (location, elevation) = (columns.location(index), columns.elevation(index));
            self.add(columns.ticks[index], location, elevation, &columns.values.get(index));
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
    #[inline]
    pub fn clear_bytes(&self) -> &[u8] {
        self.out.as_slice()
    }

    /// How many bytes there are, before encryption.
    #[inline]
    pub fn size(&self) -> usize {
        self.out.len()
    }

    /// How many datapoints there are.
    #[inline]
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
        self.last.tick
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
        *self = Self { out, key: self.key.take(), ..Self::new(base) };
    }

    /// Drops the bytes. Datapoints added later do not rest on the dropped ones; `count` goes on
    /// from where it was, as in Warp 10.
    pub fn flush(&mut self) {
        self.out = Output::default();
        self.safe_delta();
    }

    /// Makes the next datapoint readable without the ones before it.
    pub fn safe_delta(&mut self) {
        self.last = self.last.unknown();
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
        Decoder::resume(self.base, self.out.as_slice(), self.key.as_ref(), self.count, memory)
    }

    /// Appends the bytes of an encoder with the same base and key.
    fn append(&mut self, other: &Self) {
        let bytes = other.bytes();
        let offset = self.out.len();
        self.out.put(&bytes);
        self.last = other.last;
        self.last.tick_raw = true;
        self.text = match (&other.text, other.last_text()) {
            (&Text::Written { start, end, binary }, _) if self.key.is_none() => {
                Text::Written { start: offset + start, end: offset + end, binary }
            }
            (_, Some((bytes, binary))) => Text::Copied { bytes: bytes.to_vec(), binary },
            (_, None) => Text::Unknown,
        };
        self.count += other.count;
    }

    /// Appends a text whose length is written already.
    fn put_text(&mut self, bytes: &[u8], binary: bool) {
        let start = self.out.len();
        self.out.put(bytes);
        self.text = Text::Written { start, end: self.out.len(), binary };
    }

    /// Whether the latest text is this one. A binary is the text that it is in ISO-8859-1.
    fn ends_in(&self, (bytes, binary): (&[u8], bool)) -> bool {
        let Some((last, last_binary)) = self.last_text() else { return false };
        match (last_binary, binary) {
            (false, true) => utf8::is_latin1(&utf8::from_utf8_lossy(last), bytes),
            (true, false) => utf8::is_latin1(&utf8::from_utf8_lossy(bytes), last),
            _ => last == bytes,
        }
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

/// Appends a value, texts as their length alone, and returns its flags. `repeated` says that a
/// text is the one before it.
#[inline(always)]
fn put_value(last: &mut Last, window: &mut Window<'_>, value: ValueRef<'_>, repeated: bool) -> u8 {
    match value {
        ValueRef::Long(long) => TYPE_LONG | last.put_long(window, long),
        ValueRef::Double(double) => TYPE_DOUBLE | last.put_double(window, double),
        ValueRef::Decimal(decimal) => TYPE_DOUBLE | last.put_decimal(window, decimal),
        ValueRef::Boolean(true) => TYPE_BOOLEAN | BOOLEAN_TRUE,
        ValueRef::Boolean(false) => TYPE_BOOLEAN | BOOLEAN_FALSE,
        ValueRef::String(text) => TYPE_STRING | put_length(window, text.len(), repeated),
        ValueRef::Bytes(bytes) => {
            TYPE_STRING | STRING_BINARY | put_length(window, bytes.len(), repeated)
        }
        ValueRef::Deleted => TYPE_BOOLEAN | DELETE_MARKER,
    }
}

#[inline(always)]
fn put_length(window: &mut Window<'_>, length: usize, repeated: bool) -> u8 {
    if repeated {
        return VALUE_IDENTICAL;
    }
    window.put_unsigned(length as u64);
    0
}
