//! The table (HBase's role), behind the contract of [`weft_daemons::contract::table`].
//!
//! - [`embedded`] is a key-value store in a folder, for one process.
//! - [`hbase`] is a real HBase, over its native protocol.

pub mod embedded;
pub mod hbase;

#[cfg(any(feature = "fuzzing", test))]
pub use embedded::fuzzing;
pub use embedded::{EmbeddedTable, TableClient, TableOpenError, TableOptions};
