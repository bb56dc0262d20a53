//! HBase's native protocol, without IO.
//!
//! [`Client`] is a state machine: operations and what servers send go in, what to send to them and
//! outcomes come out. Whoever drives it has sockets, a clock and, where HBase is found through
//! ZooKeeper, a client of that. It speaks to HBase 2.x, and to 1.4 as far as messages go: no
//! security (SASL, TLS), no compression of cell blocks, cells one mutation each.
//!
//! - [`client`]: the machine.
//! - [`keyvalue`]: cells as they are on the wire.
//! - [`region`]: what `hbase:meta` says.
//! - [`filter`]: filters, and requests of the endpoint for deletes.

pub mod client;
mod error;
pub mod filter;
pub mod keyvalue;
mod pb;
pub mod region;
mod rpc;

pub use client::{Client, Config, Effect, Event, Operation, Registry};
pub use error::{Error, RemoteError};
pub use keyvalue::{Cell, CellBlock, CellBlockBuilder, CellType};
pub use region::Address;
pub use rpc::{FRAME_LEN_MAX, FrameDecoder, FrameError};
