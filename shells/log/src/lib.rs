//! The log (Kafka's role), behind the contract of [`weft_daemons::contract::log`].
//!
//! - [`embedded`]: segment files in a folder, for one process;
//! - `kafka`: Kafka, behind the feature of that name.

pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;

pub use embedded::{EmbeddedLog, LogClient, LogOpenError, LogOptions};
