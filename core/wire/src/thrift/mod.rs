//! The reference's Thrift structs, in the compact protocol, byte for byte.
//!
//! Decoders skip fields that they do not know and check every length against what is left of the
//! message. Encoders write fields in the order of their ids and leave out what is not set, as
//! Java's generated code does; maps keep the order they were given.

pub(crate) mod compact;
mod data;
pub(crate) mod field;
mod metadata;
mod service;
mod structs;
mod token;

pub use compact::ThriftError;
pub use data::{KafkaDataMessage, KafkaDataMessageType};
pub use metadata::{MetadataMessage, decode_metadata, encode_metadata};
pub use service::{CallError, DirectoryCall, Method, ServiceCall};
pub use structs::{
    DatalogRequest, DirectoryFindRequest, DirectoryFindResponse, DirectoryGetRequest,
    DirectoryGetResponse, DirectoryRequest, DirectoryStatsResponse, GtsSplit, GtsWrapper,
    HyperLogLogPlusParameters, LoggingEvent, MetaSet, RunRequest, SecureScript, WebCallRequest,
};
pub use token::{ReadToken, TokenStructError, WriteToken};

/// A signed request for estimates: the same fields as a find.
pub type DirectoryStatsRequest = DirectoryFindRequest;
