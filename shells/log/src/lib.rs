//! The log (Kafka's role), behind the contract of [`weft_daemons::contract::log`].
//!
//! - [`embedded`]: segment files in a folder, for one process.

pub mod embedded;

pub use embedded::{EmbeddedLog, LogClient, LogOpenError, LogOptions};
