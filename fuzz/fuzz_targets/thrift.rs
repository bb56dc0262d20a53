//! Messages: what decodes is encoded to bytes that decode to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_wire::thrift::{
    DirectoryFindResponse, DirectoryStatsResponse, GtsWrapper, KafkaDataMessage, MetaSet,
    MetadataMessage, ReadToken, WriteToken, decode_metadata, encode_metadata,
};

/// Bytes that a wrapper's datapoints may take.
const DATAPOINTS_MAX: usize = 1 << 20;

macro_rules! round_trip {
    ($bytes:expr, $($message:ty),+ $(,)?) => {
        $(if let Ok(message) = <$message>::decode($bytes) {
            assert_eq!(<$message>::decode(&message.encode()), Ok(message));
        })+
    };
}

fuzz_target!(|bytes: &[u8]| {
    round_trip!(
        bytes,
        DirectoryFindResponse,
        DirectoryStatsResponse,
        GtsWrapper,
        KafkaDataMessage,
        MetadataMessage,
        MetaSet,
        ReadToken,
        WriteToken,
    );
    if let Ok(metadata) = decode_metadata(bytes) {
        assert_eq!(decode_metadata(&encode_metadata(&metadata)), Ok(metadata));
    }
    if let Ok(wrapper) = GtsWrapper::decode(bytes) {
        let _ = wrapper.id();
        if let Ok(datapoints) = wrapper.datapoints(DATAPOINTS_MAX) {
            assert!(datapoints.len() <= DATAPOINTS_MAX);
        }
    }
});
