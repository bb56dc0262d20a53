//! `KafkaDataMessage`: datapoints of a series, or their deletion.

use weft_gts::{Labels, SeriesId};

use super::compact::{Reader, ThriftError, Writer, kind};
use super::metadata::MetadataMessage;

/// What a data message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaDataMessageType {
    /// Datapoints to store.
    Store,
    /// Datapoints to archive (1.x).
    Archive,
    /// Datapoints to delete.
    Delete,
}

/// A message of the data topic.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaDataMessage {
    /// Class id of the series.
    pub class_id: i64,
    /// Labels id of the series.
    pub labels_id: i64,
    /// Encoder bytes, base 0.
    pub data: Option<Vec<u8>>,
    /// Indices of the request (1.x).
    pub indices: Option<Vec<i64>>,
    /// Oldest tick to delete.
    pub deletion_start: Option<i64>,
    /// Newest tick to delete.
    pub deletion_end: Option<i64>,
    /// What to do.
    pub kind: KafkaDataMessageType,
    /// Age that cells must have to be deleted, milliseconds.
    pub deletion_min_age: Option<i64>,
    /// Metadata of the series, where the configuration asks for it.
    pub metadata: Option<MetadataMessage>,
    /// Attributes of the message: `ttl`, `dpts`.
    pub attributes: Option<Labels>,
}

impl KafkaDataMessage {
    /// A message of that kind with nothing else set.
    pub const fn new(kind: KafkaDataMessageType) -> Self {
        Self {
            class_id: 0,
            labels_id: 0,
            data: None,
            indices: None,
            deletion_start: None,
            deletion_end: None,
            kind,
            deletion_min_age: None,
            metadata: None,
            attributes: None,
        }
    }

    /// Appends a message of datapoints; [`KafkaDataMessage::encode`] without the message.
    pub fn encode_store_into(
        out: &mut Vec<u8>,
        series: SeriesId,
        data: &[u8],
        metadata: Option<&MetadataMessage>,
        attributes: Option<&Labels>,
    ) {
        let mut writer = Writer::behind(std::mem::take(out));
        writer.i64(1, series.class_id);
        writer.i64(2, series.labels_id);
        writer.binary(3, data);
        writer.i32(7, KafkaDataMessageType::Store.number());
        if let Some(metadata) = metadata {
            writer.nested(9, |writer| metadata.write(writer));
        }
        if let Some(attributes) = attributes {
            writer.labels(10, attributes);
        }
        *out = writer.finish();
    }

    /// Encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.i64(1, self.class_id);
        writer.i64(2, self.labels_id);
        if let Some(data) = &self.data {
            writer.binary(3, data);
        }
        if let Some(indices) = &self.indices {
            writer.list(4, kind::I64, indices, |writer, index| writer.zigzag(*index));
        }
        if let Some(start) = self.deletion_start {
            writer.i64(5, start);
        }
        if let Some(end) = self.deletion_end {
            writer.i64(6, end);
        }
        writer.i32(7, self.kind.number());
        if let Some(age) = self.deletion_min_age {
            writer.i64(8, age);
        }
        if let Some(metadata) = &self.metadata {
            writer.nested(9, |writer| metadata.write(writer));
        }
        if let Some(attributes) = &self.attributes {
            writer.labels(10, attributes);
        }
        writer.finish()
    }

    /// Decodes. A message without a type is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, ThriftError> {
        let mut message = Self::new(KafkaDataMessageType::Store);
        let mut has_kind = false;
        let mut reader = Reader::new(bytes);
        while let Some((id, kind)) = reader.field()? {
            match id {
                1 => message.class_id = reader.i64(kind)?,
                2 => message.labels_id = reader.i64(kind)?,
                3 => message.data = Some(reader.binary(kind)?.to_vec()),
                4 => message.indices = Some(reader.list(kind, kind::I64, Reader::zigzag)?),
                5 => message.deletion_start = Some(reader.i64(kind)?),
                6 => message.deletion_end = Some(reader.i64(kind)?),
                7 => {
                    message.kind = KafkaDataMessageType::from_number(reader.i32(kind)?)?;
                    has_kind = true;
                }
                8 => message.deletion_min_age = Some(reader.i64(kind)?),
                9 => {
                    reader.expect_struct(kind)?;
                    message.metadata = Some(reader.nested(MetadataMessage::read)?);
                }
                10 => message.attributes = Some(reader.labels(kind)?),
                _ => reader.skip(kind)?,
            }
        }
        if has_kind { Ok(message) } else { Err(ThriftError::Missing("type")) }
    }
}

impl KafkaDataMessageType {
    const fn number(self) -> i32 {
        match self {
            Self::Store => 1,
            Self::Archive => 2,
            Self::Delete => 3,
        }
    }

    const fn from_number(number: i32) -> Result<Self, ThriftError> {
        match number {
            1 => Ok(Self::Store),
            2 => Ok(Self::Archive),
            3 => Ok(Self::Delete),
            value => Err(ThriftError::Value { field: "type", value }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_gts::Metadata;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(
            class_id: i64,
            labels_id: i64,
            data in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
            deletion in prop::option::of(any::<(i64, i64, i64)>()),
            indices in prop::option::of(prop::collection::vec(any::<i64>(), 0..20)),
            named: bool,
        ) {
            let message = KafkaDataMessage {
                class_id,
                labels_id,
                data,
                indices,
                deletion_start: deletion.map(|(start, _, _)| start),
                deletion_end: deletion.map(|(_, end, _)| end),
                deletion_min_age: deletion.map(|(_, _, age)| age),
                metadata: named.then(|| Metadata::new("c", Labels::new()).into()),
                attributes: named.then(|| [("ttl", "1")].into_iter().collect()),
                ..KafkaDataMessage::new(KafkaDataMessageType::Delete)
            };
            prop_assert_eq!(KafkaDataMessage::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn datapoints_are_encoded_alike_without_a_message(
            class_id: i64,
            labels_id: i64,
            data in prop::collection::vec(any::<u8>(), 0..50),
            named: bool,
        ) {
            let metadata: MetadataMessage = Metadata::new("c", Labels::new()).into();
            let attributes: Labels = [("ttl", "1")].into_iter().collect();
            let message = KafkaDataMessage {
                class_id,
                labels_id,
                data: Some(data.clone()),
                metadata: named.then(|| metadata.clone()),
                attributes: named.then(|| attributes.clone()),
                ..KafkaDataMessage::new(KafkaDataMessageType::Store)
            };
            let mut out = b"before".to_vec();
            KafkaDataMessage::encode_store_into(
                &mut out,
                SeriesId { class_id, labels_id },
                &data,
                named.then_some(&metadata),
                named.then_some(&attributes),
            );
            prop_assert_eq!(&out[6..], message.encode());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = KafkaDataMessage::decode(&bytes);
        }
    }
}
