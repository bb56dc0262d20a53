//! Geo time series, without IO: what a series is and how it is written.
//!
//! - [`columns`], [`series`]: columnar datapoints and series.
//! - [`labels`], [`metadata`]: what names a series; [`id`]: the 128-bit id computed from it.
//! - [`selector`]: which series a request means.
//! - [`text`]: the text input and output format.
//! - [`encoder`], [`decoder`]: the compact `GTSEncoder` byte format; [`block`], [`mod@dedup`] and
//!   [`builder`] around it, [`varint`] and [`utf8`] below it.
//! - [`geo`]: positions as 64-bit HHCodes, cells, distances, shapes.
//! - [`time`]: time units, ISO 8601 instants and durations.
//! - [`decimal`]: exact decimals.
//! - [`double`]: doubles as text, in Java's layout.
//! - [`sip`], [`aeswrap`]: the hash and the cipher the formats above are built on.
//!
//! Bytes from outside are hostile: every decoder answers with a typed error, never a panic.

pub mod aeswrap;
pub mod block;
pub mod builder;
pub mod columns;
pub mod decimal;
pub mod decoder;
pub mod dedup;
pub mod double;
pub mod encoder;
pub mod geo;
pub mod id;
pub mod labels;
mod layout;
pub mod metadata;
pub mod percent;
pub mod selector;
pub mod series;
pub mod sip;
pub mod text;
pub mod time;
pub mod utf8;
pub mod value;
pub mod varint;

pub use aeswrap::{KeyLengthError, UnwrapError, WrapKey};
pub use block::{Block, BlockError};
pub use builder::SeriesBuilder;
pub use columns::{Column, Columns, PointRef};
pub use decimal::Decimal;
pub use decoder::{DecodeError, Decoder, PointError, PointView};
pub use dedup::dedup;
pub use double::{DoubleBuffer, JavaDouble, parse_double, write_double};
pub use encoder::Encoder;
pub use id::{IdKeys, SeriesId};
pub use labels::Labels;
pub use metadata::Metadata;
pub use selector::{Selector, SelectorError, SelectorText};
pub use series::{Bucket, Series};
pub use sip::SipKey;
pub use time::TimeUnit;
pub use value::{NO_ELEVATION, NO_LOCATION, Value, ValueRef};
