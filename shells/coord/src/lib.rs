//! Coordination (ZooKeeper's role), behind the contract of [`weft_daemons::contract::coord`].
//!
//! - [`embedded`]: a tree in memory, for one process.

pub mod embedded;

pub use embedded::{CoordClient, EmbeddedCoord};
