//! Geo time series, without IO: what a series is and how it is written.
//!
//! - [`columns`], [`series`]: columnar datapoints and series.
//! - [`labels`], [`metadata`]: what names a series; [`id`]: the 128-bit id computed from it.
//! - [`selector`]: which series a request means.
//! - [`text`]: the text input and output format.
//! - [`encoder`], [`decoder`]: the compact `GTSEncoder` byte format.
//! - [`geo`]: positions as 64-bit HHCodes. [`time`]: time units, ISO 8601 instants and durations.
//! - [`decimal`]: exact decimals.
//! - [`double`]: doubles as text, in Java's layout.
//! - [`sip`], [`aeswrap`]: the hash and the cipher the formats above are built on.
//!
//! Bytes from outside are hostile: every decoder answers with a typed error, never a panic.

pub mod aeswrap;
pub mod columns;
pub mod decimal;
pub mod double;
pub mod id;
pub mod labels;
pub mod metadata;
pub mod series;
pub mod sip;
pub mod time;
pub mod value;

pub use aeswrap::{KeyLengthError, UnwrapError, WrapKey};
pub use columns::{Column, Columns, PointRef};
pub use decimal::Decimal;
pub use double::{DoubleBuffer, JavaDouble, write_double};
pub use id::{IdKeys, SeriesId};
pub use labels::Labels;
pub use metadata::Metadata;
pub use series::{Bucket, Series};
pub use sip::SipKey;
pub use time::TimeUnit;
pub use value::{NO_ELEVATION, NO_LOCATION, Value, ValueRef};
