//! Coordination (ZooKeeper's role), behind the contract of [`weft_daemons::contract::coord`].
//!
//! - [`embedded`]: a tree in memory, for one process.
//! - [`zookeeper`]: a ZooKeeper.

pub mod embedded;
pub mod zookeeper;

pub use embedded::{CoordClient, EmbeddedCoord};
pub use zookeeper::{ZookeeperClient, ZookeeperConfig};
