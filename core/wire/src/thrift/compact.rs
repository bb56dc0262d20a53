//! Thrift's compact protocol: just what the messages need.
//!
//! Hand-written because exact bytes matter (field order, defaults left out, map order kept) and
//! because what comes in is hostile: lengths are checked against the bytes that are left before
//! anything is allocated, nesting is bounded, unknown fields are skipped.

use std::collections::BTreeMap;

use weft_gts::Labels;

/// How deep structs and containers may be nested.
const DEPTH_MAX: usize = 16;

/// Bytes of the longest varint.
const VARINT_LEN_MAX: usize = 10;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThriftError {
    /// It ends too early.
    #[error("the message ends in the middle of a value, at byte {0}")]
    Truncated(usize),
    /// A varint does not end, or a number is out of its range.
    #[error("a number is out of range, at byte {0}")]
    Number(usize),
    /// A type that the protocol does not know, or that the field does not have.
    #[error("type {kind} is not expected here, at byte {at}")]
    Kind {
        /// The type.
        kind: u8,
        /// Where.
        at: usize,
    },
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8, at byte {0}")]
    Utf8(usize),
    /// Too many structs in structs.
    #[error("the message is nested deeper than {DEPTH_MAX}")]
    Depth,
    /// A field that must be there is not.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// An enumerated field has a value that it cannot have.
    #[error("{value} is no value of field {field}")]
    Value {
        /// The field.
        field: &'static str,
        /// The value.
        value: i32,
    },
}

/// Types on the wire.
pub(crate) mod kind {
    pub(crate) const STOP: u8 = 0;
    pub(crate) const TRUE: u8 = 1;
    pub(crate) const FALSE: u8 = 2;
    pub(crate) const BYTE: u8 = 3;
    pub(crate) const I16: u8 = 4;
    pub(crate) const I32: u8 = 5;
    pub(crate) const I64: u8 = 6;
    pub(crate) const DOUBLE: u8 = 7;
    pub(crate) const BINARY: u8 = 8;
    pub(crate) const LIST: u8 = 9;
    pub(crate) const SET: u8 = 10;
    pub(crate) const MAP: u8 = 11;
    pub(crate) const STRUCT: u8 = 12;
}

/// Writes one message.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    /// Id of the latest field, of every struct that is open.
    fields: Vec<i16>,
}

impl Writer {
    /// A writer with the outermost struct open.
    pub(crate) fn new() -> Self {
        Self::behind(Vec::new())
    }

    /// The same; the message comes behind the bytes that are there.
    pub(crate) fn behind(out: Vec<u8>) -> Self {
        Self { out, fields: vec![0] }
    }

    /// Closes the outermost struct.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        debug_assert_eq!(self.fields.len(), 1, "every struct is closed");
        self.out.push(kind::STOP);
        self.out
    }

    pub(crate) fn bool(&mut self, id: i16, value: bool) {
        self.header(id, if value { kind::TRUE } else { kind::FALSE });
    }

    pub(crate) fn byte(&mut self, id: i16, value: i8) {
        self.header(id, kind::BYTE);
        self.out.push(value as u8);
    }

    pub(crate) fn double(&mut self, id: i16, value: f64) {
        self.header(id, kind::DOUBLE);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A map of binaries.
    pub(crate) fn binaries(&mut self, id: i16, values: &BTreeMap<String, Vec<u8>>) {
        self.header(id, kind::MAP);
        self.varint(values.len() as u64);
        if !values.is_empty() {
            self.out.push(kind::BINARY << 4 | kind::BINARY);
        }
        for (name, value) in values {
            self.bytes(name.as_bytes());
            self.bytes(value);
        }
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.header(id, kind::I32);
        self.zigzag(i64::from(value));
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.header(id, kind::I64);
        self.zigzag(value);
    }

    pub(crate) fn binary(&mut self, id: i16, value: &[u8]) {
        self.header(id, kind::BINARY);
        self.bytes(value);
    }

    pub(crate) fn string(&mut self, id: i16, value: &str) {
        self.binary(id, value.as_bytes());
    }

    pub(crate) fn labels(&mut self, id: i16, value: &Labels) {
        self.header(id, kind::MAP);
        self.labels_value(value);
    }

    /// A list, its elements written by `element`.
    pub(crate) fn list<T>(
        &mut self,
        id: i16,
        element_kind: u8,
        elements: &[T],
        mut element: impl FnMut(&mut Self, &T),
    ) {
        self.header(id, kind::LIST);
        if elements.len() < 15 {
            self.out.push((elements.len() as u8) << 4 | element_kind);
        } else {
            self.out.push(0xf0 | element_kind);
            self.varint(elements.len() as u64);
        }
        for value in elements {
            element(self, value);
        }
    }

    /// A struct as a field, its fields written by `fields`.
    pub(crate) fn nested(&mut self, id: i16, fields: impl FnOnce(&mut Self)) {
        self.header(id, kind::STRUCT);
        self.struct_value(fields);
    }

    /// A struct as an element of a list.
    pub(crate) fn struct_value(&mut self, fields: impl FnOnce(&mut Self)) {
        self.fields.push(0);
        fields(self);
        self.fields.pop();
        self.out.push(kind::STOP);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    pub(crate) fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A map of texts as an element of a list.
    pub(crate) fn labels_value(&mut self, labels: &Labels) {
        self.varint(labels.len() as u64);
        if labels.is_empty() {
            return;
        }
        self.out.push(kind::BINARY << 4 | kind::BINARY);
        for (name, value) in labels.iter() {
            self.bytes(name.as_bytes());
            self.bytes(value.as_bytes());
        }
    }

    fn header(&mut self, id: i16, kind: u8) {
        let last = self.fields.last_mut().map_or(0, |last| std::mem::replace(last, id));
        match id - last {
            delta @ 1..=15 => self.out.push((delta as u8) << 4 | kind),
            _ => {
                self.out.push(kind);
                self.zigzag(i64::from(id));
            }
        }
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}

/// Reads one message.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: Vec<i16>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of the outermost struct.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, fields: vec![0] }
    }

    /// The next field of the innermost struct: id and type; `None` at its end.
    pub(crate) fn field(&mut self) -> Result<Option<(i16, u8)>, ThriftError> {
        let header = self.u8()?;
        if header == kind::STOP {
            return Ok(None);
        }
        let kind = header & 0x0f;
        let last = self.fields.last().copied().unwrap_or(0);
        let id = match header >> 4 {
            0 => i16::try_from(self.zigzag()?).map_err(|_| ThriftError::Number(self.at))?,
            delta => last.wrapping_add(i16::from(delta)),
        };
        if kind == kind::STOP {
            // With an id, but a stop.
            return Ok(None);
        }
        if let Some(last) = self.fields.last_mut() {
            *last = id;
        }
        Ok(Some((id, kind)))
    }

    /// A struct: its fields are read by `fields`, up to and with its end.
    pub(crate) fn nested<T>(
        &mut self,
        fields: impl FnOnce(&mut Self) -> Result<T, ThriftError>,
    ) -> Result<T, ThriftError> {
        if self.fields.len() >= DEPTH_MAX {
            return Err(ThriftError::Depth);
        }
        self.fields.push(0);
        let read = fields(self)?;
        self.fields.pop();
        Ok(read)
    }

    /// The value of a boolean field: it is in the type.
    pub(crate) const fn bool(&self, kind: u8) -> Result<bool, ThriftError> {
        match kind {
            kind::TRUE => Ok(true),
            kind::FALSE => Ok(false),
            kind => Err(ThriftError::Kind { kind, at: self.at }),
        }
    }

    pub(crate) fn byte(&mut self, kind: u8) -> Result<i8, ThriftError> {
        self.expect(kind, kind::BYTE)?;
        Ok(self.u8()? as i8)
    }

    pub(crate) fn double(&mut self, kind: u8) -> Result<f64, ThriftError> {
        self.expect(kind, kind::DOUBLE)?;
        let bytes = self.take(8)?;
        Ok(f64::from_le_bytes(bytes.try_into().map_err(|_| ThriftError::Truncated(self.at))?))
    }

    /// A map of binaries.
    pub(crate) fn binaries(&mut self, kind: u8) -> Result<BTreeMap<String, Vec<u8>>, ThriftError> {
        self.expect(kind, kind::MAP)?;
        let count = self.count(2)?;
        if count > 0 {
            let kinds = self.u8()?;
            self.expect(kinds >> 4, kind::BINARY)?;
            self.expect(kinds & 0x0f, kind::BINARY)?;
        }
        (0..count).map(|_| Ok((self.text()?, self.bytes()?.to_vec()))).collect()
    }

    pub(crate) fn i32(&mut self, kind: u8) -> Result<i32, ThriftError> {
        self.expect(kind, kind::I32)?;
        i32::try_from(self.zigzag()?).map_err(|_| ThriftError::Number(self.at))
    }

    pub(crate) fn i64(&mut self, kind: u8) -> Result<i64, ThriftError> {
        self.expect(kind, kind::I64)?;
        self.zigzag()
    }

    pub(crate) fn binary(&mut self, kind: u8) -> Result<&'a [u8], ThriftError> {
        self.expect(kind, kind::BINARY)?;
        self.bytes()
    }

    pub(crate) fn string(&mut self, kind: u8) -> Result<String, ThriftError> {
        self.expect(kind, kind::BINARY)?;
        self.text()
    }

    pub(crate) fn labels(&mut self, kind: u8) -> Result<Labels, ThriftError> {
        self.expect(kind, kind::MAP)?;
        self.labels_value()
    }

    /// A map of texts, as an element of a list.
    pub(crate) fn labels_value(&mut self) -> Result<Labels, ThriftError> {
        let count = self.count(2)?;
        if count == 0 {
            return Ok(Labels::new());
        }
        let kinds = self.u8()?;
        self.expect(kinds >> 4, kind::BINARY)?;
        self.expect(kinds & 0x0f, kind::BINARY)?;
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect()
    }

    /// A list whose elements are read by `element`.
    pub(crate) fn list<T>(
        &mut self,
        kind: u8,
        element_kind: u8,
        mut element: impl FnMut(&mut Self) -> Result<T, ThriftError>,
    ) -> Result<Vec<T>, ThriftError> {
        self.expect(kind, kind::LIST)?;
        let (count, found) = self.list_head()?;
        if count > 0 {
            self.expect(found, element_kind)?;
        }
        (0..count).map(|_| element(self)).collect()
    }

    /// Checks that a field is a struct; [`Reader::nested`] reads it.
    pub(crate) const fn expect_struct(&self, kind: u8) -> Result<(), ThriftError> {
        self.expect(kind, kind::STRUCT)
    }

    /// Passes over a value that nobody wants.
    pub(crate) fn skip(&mut self, kind: u8) -> Result<(), ThriftError> {
        self.skip_at(kind, self.fields.len())
    }

    pub(crate) fn text(&mut self) -> Result<String, ThriftError> {
        let at = self.at;
        let bytes = self.bytes()?;
        let text = std::str::from_utf8(bytes).map_err(|_| ThriftError::Utf8(at))?;
        Ok(text.to_owned())
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ThriftError> {
        let len = usize::try_from(self.varint()?).map_err(|_| ThriftError::Number(self.at))?;
        self.take(len)
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, ThriftError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip_at(&mut self, kind: u8, depth: usize) -> Result<(), ThriftError> {
        if depth > DEPTH_MAX {
            return Err(ThriftError::Depth);
        }
        match kind {
            kind::TRUE | kind::FALSE => {}
            kind::BYTE => {
                self.u8()?;
            }
            kind::I16 | kind::I32 | kind::I64 => {
                self.varint()?;
            }
            kind::DOUBLE => {
                self.take(8)?;
            }
            kind::BINARY => {
                self.bytes()?;
            }
            kind::LIST | kind::SET => {
                let (count, element) = self.list_head()?;
                for _ in 0..count {
                    self.skip_element(element, depth + 1)?;
                }
            }
            kind::MAP => {
                let count = self.count(1)?;
                let kinds = if count > 0 { self.u8()? } else { 0 };
                for _ in 0..count {
                    self.skip_element(kinds >> 4, depth + 1)?;
                    self.skip_element(kinds & 0x0f, depth + 1)?;
                }
            }
            kind::STRUCT => {
                self.fields.push(0);
                while let Some((_, kind)) = self.field()? {
                    self.skip_at(kind, depth + 1)?;
                }
                self.fields.pop();
            }
            kind => return Err(ThriftError::Kind { kind, at: self.at }),
        }
        Ok(())
    }

    /// Booleans take a byte in containers, and none as fields.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Result<(), ThriftError> {
        match kind {
            kind::TRUE | kind::FALSE => self.u8().map(|_| ()),
            kind => self.skip_at(kind, depth),
        }
    }

    fn list_head(&mut self) -> Result<(usize, u8), ThriftError> {
        let head = self.u8()?;
        let count = match head >> 4 {
            15 => self.count(1)?,
            count => self.fits(usize::from(count), 1)?,
        };
        Ok((count, head & 0x0f))
    }

    /// A number of elements, each of which takes so many bytes at least.
    fn count(&mut self, element_len_min: usize) -> Result<usize, ThriftError> {
        let count = usize::try_from(self.varint()?).map_err(|_| ThriftError::Number(self.at))?;
        self.fits(count, element_len_min)
    }

    const fn fits(&self, count: usize, element_len_min: usize) -> Result<usize, ThriftError> {
        if count.saturating_mul(element_len_min) > self.bytes.len() - self.at {
            return Err(ThriftError::Truncated(self.at));
        }
        Ok(count)
    }

    const fn expect(&self, found: u8, wanted: u8) -> Result<(), ThriftError> {
        if found == wanted { Ok(()) } else { Err(ThriftError::Kind { kind: found, at: self.at }) }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, ThriftError> {
        let mut value = 0u64;
        for index in 0..VARINT_LEN_MAX {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ThriftError::Number(self.at))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ThriftError> {
        let byte = *self.bytes.get(self.at).ok_or(ThriftError::Truncated(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ThriftError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len).ok_or(ThriftError::Truncated(self.at))?;
        self.at += len;
        Ok(taken)
    }
}
