//! `ReadToken` and `WriteToken`: what a token allows.

use weft_gts::Labels;

use super::compact::{Reader, ThriftError, Writer, kind};

/// Type numbers of tokens.
const READ: i32 = 1;
const WRITE: i32 = 2;

/// What the holder may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadToken {
    /// When it was made, milliseconds since the epoch.
    pub issuance_ms: i64,
    /// When it ends, milliseconds since the epoch.
    pub expiry_ms: i64,
    /// Obsolete.
    pub lookup: Option<bool>,
    /// Obsolete.
    pub groovy: Option<bool>,
    /// Obsolete: bytes of a fetch.
    pub max_fetch_size: Option<i64>,
    /// The application that the token was made for.
    pub app_name: Option<String>,
    /// Applications whose series may be read.
    pub apps: Vec<String>,
    /// Owners whose series may be read: UUIDs.
    pub owners: Vec<Vec<u8>>,
    /// Producers whose series may be read: UUIDs.
    pub producers: Vec<Vec<u8>>,
    /// Who is billed: a UUID.
    pub billed_id: Vec<u8>,
    /// Scripts that run around those of the holder.
    pub hooks: Option<Labels>,
    /// Attributes: limits and capabilities.
    pub attributes: Option<Labels>,
    /// Label selectors that every selector gets.
    pub labels: Option<Labels>,
    /// Obsolete.
    pub dataviz: Option<bool>,
}

/// What the holder may write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteToken {
    /// When it was made, milliseconds since the epoch.
    pub issuance_ms: i64,
    /// When it ends, milliseconds since the epoch.
    pub expiry_ms: i64,
    /// Obsolete.
    pub lookup: Option<bool>,
    /// Who writes: a UUID.
    pub producer_id: Vec<u8>,
    /// Whose series they become: a UUID.
    pub owner_id: Vec<u8>,
    /// The application that the series belong to.
    pub app_name: String,
    /// Obsolete.
    pub indices: Option<Vec<i64>>,
    /// Labels that every series gets.
    pub labels: Option<Labels>,
    /// Attributes: limits and capabilities.
    pub attributes: Option<Labels>,
}

/// A token that is not of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenStructError {
    /// It is of the other kind.
    #[error("the token is of the other kind")]
    Kind,
    /// It is malformed.
    #[error(transparent)]
    Thrift(#[from] ThriftError),
}

impl ReadToken {
    /// Encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.i64(1, self.issuance_ms);
        writer.i64(2, self.expiry_ms);
        writer.i32(3, READ);
        optional(self.lookup, |value| writer.bool(4, value));
        optional(self.groovy, |value| writer.bool(5, value));
        optional(self.max_fetch_size, |value| writer.i64(6, value));
        optional(self.app_name.as_deref(), |value| writer.string(7, value));
        writer.list(8, kind::BINARY, &self.apps, |writer, app| writer.bytes(app.as_bytes()));
        writer.list(9, kind::BINARY, &self.owners, |writer, owner| writer.bytes(owner));
        writer.list(10, kind::BINARY, &self.producers, |writer, id| writer.bytes(id));
        writer.binary(11, &self.billed_id);
        optional(self.hooks.as_ref(), |value| writer.labels(12, value));
        optional(self.attributes.as_ref(), |value| writer.labels(13, value));
        optional(self.labels.as_ref(), |value| writer.labels(14, value));
        optional(self.dataviz, |value| writer.bool(100, value));
        writer.finish()
    }

    /// Decodes.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenStructError> {
        let mut token = Self::default();
        let mut required = Required::default();
        let mut token_type = 0;
        let mut reader = Reader::new(bytes);
        let list = |reader: &mut Reader<'_>, kind| {
            reader.list(kind, kind::BINARY, |reader| reader.bytes().map(<[u8]>::to_vec))
        };
        while let Some((id, kind)) = reader.field()? {
            required.saw(id, kind);
            // A field of another type is passed over, as Java does.
            match (id, kind) {
                (1, kind::I64) => token.issuance_ms = reader.i64(kind)?,
                (2, kind::I64) => token.expiry_ms = reader.i64(kind)?,
                (3, kind::I32) => token_type = reader.i32(kind)?,
                (4, kind::TRUE | kind::FALSE) => token.lookup = Some(reader.bool(kind)?),
                (5, kind::TRUE | kind::FALSE) => token.groovy = Some(reader.bool(kind)?),
                (6, kind::I64) => token.max_fetch_size = Some(reader.i64(kind)?),
                (7, kind::BINARY) => token.app_name = Some(reader.string(kind)?),
                (8, kind::LIST) => token.apps = reader.list(kind, kind::BINARY, Reader::text)?,
                (9, kind::LIST) => token.owners = list(&mut reader, kind)?,
                (10, kind::LIST) => token.producers = list(&mut reader, kind)?,
                (11, kind::BINARY) => token.billed_id = reader.binary(kind)?.to_vec(),
                (12, kind::MAP) => token.hooks = Some(reader.labels(kind)?),
                (13, kind::MAP) => token.attributes = Some(reader.labels(kind)?),
                (14, kind::MAP) => token.labels = Some(reader.labels(kind)?),
                (100, kind::TRUE | kind::FALSE) => token.dataviz = Some(reader.bool(kind)?),
                _ => reader.skip(kind)?,
            }
        }
        required.check(&[1, 2, 3, 8, 9, 10, 11])?;
        if token_type == READ { Ok(token) } else { Err(TokenStructError::Kind) }
    }
}

impl WriteToken {
    /// Encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.i64(1, self.issuance_ms);
        writer.i64(2, self.expiry_ms);
        writer.i32(3, WRITE);
        optional(self.lookup, |value| writer.bool(4, value));
        writer.binary(5, &self.producer_id);
        writer.binary(6, &self.owner_id);
        writer.string(7, &self.app_name);
        optional(self.indices.as_ref(), |value| {
            writer.list(8, kind::I64, value, |writer, index| writer.zigzag(*index));
        });
        optional(self.labels.as_ref(), |value| writer.labels(9, value));
        optional(self.attributes.as_ref(), |value| writer.labels(10, value));
        writer.finish()
    }

    /// Decodes.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenStructError> {
        let mut token = Self::default();
        let mut required = Required::default();
        let mut token_type = 0;
        let mut reader = Reader::new(bytes);
        while let Some((id, kind)) = reader.field()? {
            required.saw(id, kind);
            // A field of another type is passed over, as Java does.
            match (id, kind) {
                (1, kind::I64) => token.issuance_ms = reader.i64(kind)?,
                (2, kind::I64) => token.expiry_ms = reader.i64(kind)?,
                (3, kind::I32) => token_type = reader.i32(kind)?,
                (4, kind::TRUE | kind::FALSE) => token.lookup = Some(reader.bool(kind)?),
                (5, kind::BINARY) => token.producer_id = reader.binary(kind)?.to_vec(),
                (6, kind::BINARY) => token.owner_id = reader.binary(kind)?.to_vec(),
                (7, kind::BINARY) => token.app_name = reader.string(kind)?,
                (8, kind::LIST) => {
                    token.indices = Some(reader.list(kind, kind::I64, Reader::zigzag)?)
                }
                (9, kind::MAP) => token.labels = Some(reader.labels(kind)?),
                (10, kind::MAP) => token.attributes = Some(reader.labels(kind)?),
                _ => reader.skip(kind)?,
            }
        }
        required.check(&[1, 2, 3, 5, 6, 7])?;
        if token_type == WRITE { Ok(token) } else { Err(TokenStructError::Kind) }
    }
}

/// Which fields were seen.
#[derive(Debug, Default)]
struct Required {
    seen: u64,
}

impl Required {
    fn saw(&mut self, id: i16, kind: u8) {
        // No required field is boolean: read as the other kind of token, field 5 is.
        if (0..64).contains(&id) && !matches!(kind, kind::TRUE | kind::FALSE) {
            self.seen |= 1 << id;
        }
    }

    fn check(&self, ids: &[i16]) -> Result<(), ThriftError> {
        if ids.iter().all(|id| self.seen >> id & 1 == 1) {
            Ok(())
        } else {
            Err(ThriftError::Missing("required of a token"))
        }
    }
}

fn optional<T>(value: Option<T>, write: impl FnOnce(T)) {
    if let Some(value) = value {
        write(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn read_tokens_round_trip(
            issuance_ms: i64,
            expiry_ms: i64,
            app_name in prop::option::of(".{0,8}"),
            apps in prop::collection::vec(".{0,8}", 0..20),
            owners in prop::collection::vec(prop::collection::vec(any::<u8>(), 16), 0..3),
            dataviz: Option<bool>,
        ) {
            let token = ReadToken {
                issuance_ms, expiry_ms, app_name, apps, owners, dataviz, ..ReadToken::default()
            };
            prop_assert_eq!(ReadToken::decode(&token.encode()), Ok(token.clone()));
            prop_assert!(WriteToken::decode(&token.encode()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ReadToken::decode(&bytes);
            let _ = WriteToken::decode(&bytes);
        }
    }
}
