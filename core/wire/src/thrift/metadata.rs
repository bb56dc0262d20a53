//! `Metadata`: what a series is called.

use weft_gts::{Metadata, SeriesId};

use super::compact::{Reader, ThriftError, Writer};

/// Metadata as a message carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataMessage {
    /// The metadata.
    pub metadata: Metadata,
    /// Whether the message has attributes, which may be empty all the same.
    pub has_attributes: bool,
}

impl From<Metadata> for MetadataMessage {
    /// Attributes are in the message when there are any.
    fn from(metadata: Metadata) -> Self {
        let has_attributes = !metadata.attributes.is_empty();
        Self { metadata, has_attributes }
    }
}

/// Encodes metadata; attributes are left out when there are none.
pub fn encode_metadata(metadata: &Metadata) -> Vec<u8> {
    let mut writer = Writer::new();
    write_fields(&mut writer, metadata, !metadata.attributes.is_empty());
    writer.finish()
}

/// Decodes metadata.
pub fn decode_metadata(bytes: &[u8]) -> Result<Metadata, ThriftError> {
    MetadataMessage::decode(bytes).map(|message| message.metadata)
}

impl MetadataMessage {
    /// Encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Decodes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ThriftError> {
        Self::read(&mut Reader::new(bytes))
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        write_fields(writer, &self.metadata, self.has_attributes);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ThriftError> {
        let mut message = Self::default();
        let metadata = &mut message.metadata;
        while let Some((id, kind)) = reader.field()? {
            match id {
                1 => metadata.name = Some(reader.string(kind)?),
                2 => metadata.labels = reader.labels(kind)?,
                3 => metadata.id.class_id = reader.i64(kind)?,
                4 => metadata.id.labels_id = reader.i64(kind)?,
                5 => {
                    metadata.attributes = reader.labels(kind)?;
                    message.has_attributes = true;
                }
                6 => metadata.source = Some(reader.string(kind)?),
                7 => metadata.last_activity = Some(reader.i64(kind)?),
                _ => reader.skip(kind)?,
            }
        }
        Ok(message)
    }
}

fn write_fields(writer: &mut Writer, metadata: &Metadata, has_attributes: bool) {
    if let Some(name) = &metadata.name {
        writer.string(1, name);
    }
    writer.labels(2, &metadata.labels);
    let SeriesId { class_id, labels_id } = metadata.id;
    writer.i64(3, class_id);
    writer.i64(4, labels_id);
    if has_attributes {
        writer.labels(5, &metadata.attributes);
    }
    if let Some(source) = &metadata.source {
        writer.string(6, source);
    }
    if let Some(last_activity) = metadata.last_activity {
        writer.i64(7, last_activity);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_gts::Labels;

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        prop::collection::vec((".{0,5}", ".{0,5}"), 0..20)
            .prop_map(|pairs| pairs.into_iter().collect())
    }

    proptest! {
        #[test]
        fn round_trip(
            name in prop::option::of(".*"),
            labels in labels(),
            attributes in labels(),
            class_id: i64,
            labels_id: i64,
            source in prop::option::of(".*"),
            last_activity: Option<i64>,
        ) {
            let id = SeriesId { class_id, labels_id };
            let metadata = Metadata { name, labels, id, attributes, source, last_activity };
            let decoded = decode_metadata(&encode_metadata(&metadata));
            prop_assert_eq!(decoded, Ok(metadata));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = MetadataMessage::decode(&bytes);
        }
    }

    #[test]
    fn a_count_beyond_the_message_allocates_nothing() {
        // Field 2, a map of 2^40 entries.
        let bytes = [0x2b, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0x88];
        assert!(matches!(MetadataMessage::decode(&bytes), Err(ThriftError::Truncated(_))));
    }
}
