//! The log (Kafka's role), behind the contract of [`weft_daemons::contract::log`].
//!
//! - [`embedded`]: segment files in a folder, for one process;
//! - `kafka`: Kafka, behind the feature of that name.

pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;

#[cfg(any(feature = "fuzzing", test))]
pub use embedded::fuzzing;
pub use embedded::{EmbeddedLog, LogClient, LogHold, LogOpenError, LogOptions};
