//! The table (HBase's role), behind the contract of [`weft_daemons::contract::table`].
//!
//! - [`embedded`]: a key-value store in a folder, for one process.

pub mod embedded;

pub use embedded::{EmbeddedTable, TableClient, TableOpenError};
