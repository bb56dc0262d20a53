//! Values that are wrapped encoders, read as the datapoints they hold.

use std::sync::Arc;

use weft_gts::{DecodeError, Decoder, Encoder, Metadata, ValueRef};
use weft_wire::opb64::{self, Opb64Error};
use weft_wire::thrift::{GtsWrapper, ThriftError};
use weft_wire::wrapper::WrapperError;

/// Bytes of the datapoints of one value once they are decompressed.
const UNPACKED_BYTES_MAX: usize = 16 << 20;

/// Why a series or a value cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The series is not called like one that was packed.
    #[error("Class does not end in '{0}'")]
    Class(String),
    /// A number or a boolean.
    #[error("Invalid value, expected String or byte array.")]
    Kind,
    /// Text that is no Base64.
    #[error("Invalid packed value: {0}")]
    Base64(#[from] Opb64Error),
    /// Bytes that are no wrapper.
    #[error("Invalid packed value: {0}")]
    Wrapper(#[from] ThriftError),
    /// Datapoints that cannot be decompressed.
    #[error("Invalid packed value: {0}")]
    Compressed(String),
    /// Datapoints that cannot be read.
    #[error("Invalid packed value: {0}")]
    Points(#[from] DecodeError),
}

impl From<WrapperError> for UnpackError {
    fn from(error: WrapperError) -> Self {
        Self::Compressed(error.to_string())
    }
}

/// Unpacks value after value, each in as many steps as the caller likes.
#[derive(Debug)]
pub(crate) struct Unpacker {
    suffix: String,
    /// What is left of the current value.
    rest: Option<Encoder>,
}

impl Unpacker {
    /// An unpacker of classes that end in `suffix`.
    pub(crate) const fn new(suffix: String) -> Self {
        Self { suffix, rest: None }
    }

    /// What the series is called unpacked.
    pub(crate) fn unpacked(&self, packed: &Arc<Metadata>) -> Result<Arc<Metadata>, UnpackError> {
        let class = packed.class().strip_suffix(&self.suffix);
        let class = class.ok_or_else(|| UnpackError::Class(self.suffix.clone()))?;
        Ok(Arc::new(Metadata { name: Some(class.to_owned()), ..Metadata::clone(packed) }))
    }

    /// Hands datapoints of `packed` to `each` until that says no, or there are none left: true.
    /// The next call goes on where this one stopped.
    pub(crate) fn unpack<E: From<UnpackError>>(
        &mut self,
        packed: ValueRef<'_>,
        mut each: impl FnMut(i64, i64, i64, ValueRef<'_>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let encoder = match self.rest.take() {
            Some(rest) => rest,
            None => open(packed)?,
        };
        let mut decoder: Decoder<'_> = encoder.decoder();
        while let Some(point) = decoder.next_point().map_err(UnpackError::from)? {
            if !each(point.tick, point.location, point.elevation, point.value)? {
                self.rest = Some(decoder.rest());
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn open(packed: ValueRef<'_>) -> Result<Encoder, UnpackError> {
    let wrapper = match packed {
        ValueRef::Bytes(bytes) => GtsWrapper::decode(bytes)?,
        ValueRef::String(text) => GtsWrapper::decode(&opb64::decode(text.as_bytes())?)?,
        _ => return Err(UnpackError::Kind),
    };
    let count = u64::try_from(wrapper.count.unwrap_or_default()).unwrap_or_default();
    let bytes = wrapper.datapoints(UNPACKED_BYTES_MAX)?;
    Ok(Encoder::from_bytes(wrapper.base.unwrap_or_default(), &bytes, count))
}
