//! How fields of each type are written and read, and a macro for structs that are nothing but
//! fields.

use weft_gts::Labels;

use super::compact::{Reader, ThriftError, Writer, kind};
use super::metadata::MetadataMessage;

/// A type that a field can have.
pub(crate) trait Field: Sized + Default {
    /// Writes the field; nothing when it is not set.
    fn write(&self, writer: &mut Writer, id: i16);
    /// Reads it.
    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError>;
}

impl Field for bool {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.bool(id, *self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.bool(kind)
    }
}

impl Field for i8 {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.byte(id, *self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.byte(kind)
    }
}

impl Field for i32 {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.i32(id, *self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.i32(kind)
    }
}

impl Field for i64 {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.i64(id, *self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.i64(kind)
    }
}

impl Field for f64 {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.double(id, *self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.double(kind)
    }
}

impl Field for String {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.string(id, self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.string(kind)
    }
}

impl Field for Vec<u8> {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.binary(id, self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.binary(kind).map(<[u8]>::to_vec)
    }
}

impl Field for Labels {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.labels(id, self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.labels(kind)
    }
}

impl Field for Vec<String> {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.list(id, kind::BINARY, self, |writer, text| writer.bytes(text.as_bytes()));
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.list(kind, kind::BINARY, Reader::text)
    }
}

impl Field for Vec<Labels> {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.list(id, kind::MAP, self, |writer, labels| writer.labels_value(labels));
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.list(kind, kind::MAP, Reader::labels_value)
    }
}

impl Field for MetadataMessage {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.nested(id, |writer| self.write(writer));
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.expect_struct(kind)?;
        reader.nested(Self::read)
    }
}

impl Field for Vec<MetadataMessage> {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.list(id, kind::STRUCT, self, |writer, metadata| {
            writer.struct_value(|writer| metadata.write(writer));
        });
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.list(kind, kind::STRUCT, |reader| reader.nested(MetadataMessage::read))
    }
}

/// Maps of binaries, their names in order.
impl Field for std::collections::BTreeMap<String, Vec<u8>> {
    fn write(&self, writer: &mut Writer, id: i16) {
        writer.binaries(id, self);
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        reader.binaries(kind)
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, writer: &mut Writer, id: i16) {
        if let Some(value) = self {
            value.write(writer, id);
        }
    }

    fn read(reader: &mut Reader<'_>, kind: u8) -> Result<Self, ThriftError> {
        T::read(reader, kind).map(Some)
    }
}

/// A struct of fields with ids, which encodes and decodes itself. Fields that are not in a message
/// have their type's default.
macro_rules! thrift_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $id:literal $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $name {
            /// Encodes.
            pub fn encode(&self) -> Vec<u8> {
                let mut writer = $crate::thrift::compact::Writer::new();
                self.write(&mut writer);
                writer.finish()
            }

            /// Decodes.
            pub fn decode(bytes: &[u8]) -> Result<Self, $crate::thrift::ThriftError> {
                Self::read(&mut $crate::thrift::compact::Reader::new(bytes))
            }

            /// Writes the fields into a struct that is open.
            pub(crate) fn write(&self, writer: &mut $crate::thrift::compact::Writer) {
                $($crate::thrift::field::Field::write(&self.$field, writer, $id);)*
            }

            /// Reads the fields, up to and with the end of the struct.
            pub(crate) fn read(
                reader: &mut $crate::thrift::compact::Reader<'_>,
            ) -> Result<Self, $crate::thrift::ThriftError> {
                let mut read = Self::default();
                while let Some((id, kind)) = reader.field()? {
                    match id {
                        $($id => {
                            read.$field = $crate::thrift::field::Field::read(reader, kind)?;
                        })*
                        _ => reader.skip(kind)?,
                    }
                }
                Ok(read)
            }
        }
    };
}

pub(crate) use thrift_struct;
