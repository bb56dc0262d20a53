//! What Warp 10's daemons write to each other, byte for byte, without IO.
//!
//! - [`opb64`]: the Base64 of tokens and wrapped values. [`envelope`]: AES and MAC around payloads.
//! - [`thrift`]: the structs inside. [`kafka`]: where messages go.
//! - [`keys`]: keys as configurations write them. [`token`], [`token_file`]: read and write tokens. [`sign`]:
//!   signatures between daemons.
//! - [`rows`]: what is written to HBase.
//! - [`znode`]: what is written to ZooKeeper. [`wrapper`]: wrapped encoders.
//!
//! Bytes from outside are hostile: every decoder answers with a typed error, never a panic, and
//! allocates no more than what it was given justifies.

pub mod envelope;
pub mod hyperloglog;
pub mod kafka;
pub mod keys;
pub mod opb64;
pub mod revocations;
pub mod rows;
pub mod sign;
pub mod streaming;
pub mod thrift;
pub mod token;
pub mod token_file;
pub mod wrapper;
pub mod znode;
