//! `GTSWrapper`: encoders with their metadata, compressed, as `WRAP`, `pack` and split fetches
//! carry them.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use weft_gts::Encoder;

use crate::thrift::GtsWrapper;

/// Compression goes on for another pass while a pass makes the bytes so many times fewer.
pub const RATIO_DEFAULT: f64 = 100.0;

/// No system: see [`GtsWrapper::of_system`].
pub const SYSTEM_UNKNOWN: u8 = 255;

/// Passes of compression that are undone at most: no data needs more.
const PASSES_MAX: i32 = 64;

/// How an encoder is wrapped.
#[derive(Clone, Copy, Debug)]
pub struct WrapOptions {
    /// See [`RATIO_DEFAULT`]; at least 1.
    pub ratio: f64,
    /// At most so many passes; 0 leaves the bytes as they are.
    pub passes_max: u32,
    /// Whether the number of datapoints is told.
    pub count: bool,
}

impl Default for WrapOptions {
    fn default() -> Self {
        Self { ratio: RATIO_DEFAULT, passes_max: u32::MAX, count: true }
    }
}

/// Why a wrapper's bytes cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum WrapperError {
    /// Not gzip, though it says so.
    #[error("malformed compressed datapoints: {0}")]
    Gzip(#[from] std::io::Error),
    /// More bytes than the caller wants to hold.
    #[error("the datapoints take more than {max} bytes")]
    Limit {
        /// What the caller allows.
        max: usize,
    },
    /// An absurd number of passes.
    #[error("{0} passes of compression, {PASSES_MAX} are allowed")]
    Passes(i32),
}

impl GtsWrapper {
    /// Wraps an encoder; what it is called is left to the caller.
    pub fn of(encoder: &Encoder, options: WrapOptions) -> Self {
        Self::of_system(encoder, options, 0)
    }

    /// [`GtsWrapper::of`], with the system that the header of compressed bytes names: newer Java
    /// writes [`SYSTEM_UNKNOWN`].
    pub fn of_system(encoder: &Encoder, options: WrapOptions, system: u8) -> Self {
        let clear = encoder.bytes();
        let (encoded, passes) = compress(&clear, options, system);
        Self {
            base: (encoder.base() != 0).then(|| encoder.base()),
            encoded: Some(encoded),
            count: options.count.then(|| i64::try_from(encoder.count()).unwrap_or(i64::MAX)),
            compressed: (passes > 0).then_some(true),
            passes: (passes > 1).then_some(passes),
            ..Self::default()
        }
    }

    /// The bytes of the encoder, at most `max` of them after each pass of decompression.
    pub fn datapoints(&self, max: usize) -> Result<Cow<'_, [u8]>, WrapperError> {
        let encoded = self.encoded.as_deref().unwrap_or_default();
        let passes = if self.compressed == Some(true) { self.passes.unwrap_or(1) } else { 0 };
        if passes > PASSES_MAX {
            return Err(WrapperError::Passes(passes));
        }
        let mut bytes = Cow::Borrowed(encoded);
        for _ in 0..passes {
            bytes = Cow::Owned(inflate(&bytes, max)?);
        }
        if bytes.len() > max {
            return Err(WrapperError::Limit { max });
        }
        Ok(bytes)
    }

    /// Class id and labels id, big endian; zeros when there is no metadata.
    pub fn id(&self) -> [u8; 16] {
        let id = self.metadata.as_ref().map(|message| message.metadata.id).unwrap_or_default();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.class_id.to_be_bytes());
        bytes[8..].copy_from_slice(&id.labels_id.to_be_bytes());
        bytes
    }
}

/// Compresses until a pass is not worth it; what it gives, and after how many passes.
fn compress(clear: &[u8], options: WrapOptions, system: u8) -> (Vec<u8>, i32) {
    let ratio_min = options.ratio.max(1.0);
    let mut encoded = clear.to_vec();
    let mut passes = 0;
    while passes < options.passes_max.min(PASSES_MAX as u32) {
        let header = GzBuilder::new().operating_system(system);
        let mut gzip = header.write(Vec::new(), Compression::default());
        // Writing to memory does not fail.
        let Ok(packed) = gzip.write_all(&encoded).and_then(|()| gzip.finish()) else { break };
        let ratio = encoded.len() as f64 / packed.len() as f64;
        if ratio <= 1.0 {
            break;
        }
        encoded = packed;
        passes += 1;
        if ratio <= ratio_min {
            break;
        }
    }
    (encoded, passes as i32)
}

fn inflate(packed: &[u8], max: usize) -> Result<Vec<u8>, WrapperError> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed).take(limit).read_to_end(&mut inflated)?;
    if inflated.len() > max {
        return Err(WrapperError::Limit { max });
    }
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use weft_gts::{NO_ELEVATION, NO_LOCATION, ValueRef};

    use super::*;

    fn encoder(count: i64) -> Encoder {
        let mut encoder = Encoder::new(0);
        for tick in 0..count {
            encoder.add(tick, NO_LOCATION, NO_ELEVATION, ValueRef::Long(7));
        }
        encoder
    }

    #[test]
    fn what_was_wrapped_is_unwrapped() {
        for (count, passes) in [(0, None), (1, None), (1_000, Some(1)), (1_000_000, Some(2))] {
            let encoder = encoder(count);
            let wrapper = GtsWrapper::of(&encoder, WrapOptions::default());
            assert_eq!(wrapper.compressed, passes.map(|_| true), "{count}");
            assert_eq!(wrapper.passes, passes.filter(|passes| *passes > 1), "{count}");
            assert_eq!(&*wrapper.datapoints(1 << 23).unwrap(), encoder.clear_bytes(), "{count}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let bomb = GtsWrapper::of(&encoder(1_000_000), WrapOptions::default());
        assert!(matches!(bomb.datapoints(1_000), Err(WrapperError::Limit { max: 1_000 })));
        let absurd = GtsWrapper { passes: Some(1_000), ..bomb.clone() };
        assert!(matches!(absurd.datapoints(1 << 23), Err(WrapperError::Passes(1_000))));
        let broken = GtsWrapper { encoded: Some(vec![1, 2, 3]), ..bomb };
        assert!(matches!(broken.datapoints(1 << 23), Err(WrapperError::Gzip(_))));
    }
}
