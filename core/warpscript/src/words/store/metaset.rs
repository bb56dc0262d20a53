//! Sets of series that can be fetched without their token.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use weft_gts::WrapKey;
use weft_wire::opb64;
use weft_wire::thrift::MetaSet;

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::value::Value;

/// The key of metasets.
pub(super) fn key(vm: &Machine) -> Option<WrapKey> {
    vm.config.keys.metasets_aes.as_deref().and_then(|bytes| WrapKey::new(bytes).ok())
}

/// The text of a metaset.
pub(super) fn encode(vm: &Machine, key: &WrapKey, set: &MetaSet) -> Result<String> {
    let plain = set.encode();
    vm.heap.claim(plain.len().saturating_mul(4))?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let packed = gzip.write_all(&plain).and_then(|()| gzip.finish());
    let packed = packed.map_err(|_| vm.error("unable to build MetaSet."))?;
    Ok(opb64::encode(&key.wrap(&packed)))
}

/// The metaset of a parameter, if it is good now.
pub(super) fn decode(vm: &Machine, value: Value) -> Result<MetaSet> {
    let Some(key) = key(vm) else {
        return Err(vm.error("MetaSet support not available."));
    };
    let invalid = || vm.error("encountered an invalid MetaSet.");
    let plain = match value {
        Value::Bytes(bytes) => vm.heap.bytes(bytes).to_vec(),
        Value::String(text) => {
            let wrapped = opb64::decode(vm.heap.text(text).as_bytes()).map_err(|_| invalid())?;
            let packed = key.unwrap(&wrapped).map_err(|_| invalid())?;
            let room = vm.heap.limit().saturating_sub(vm.heap.used()) / 4;
            let mut plain = Vec::new();
            let limit = u64::try_from(room).unwrap_or(u64::MAX);
            let read = GzDecoder::new(&packed[..]).take(limit).read_to_end(&mut plain);
            read.map_err(|_| invalid())?;
            plain
        }
        _ => return Err(invalid()),
    };
    let set = MetaSet::decode(&plain)
        .map_err(|_| vm.error("was unable to decode the provided MetaSet."))?;
    if set.expiry_ms < vm.clock.wall_ns.div_euclid(1_000_000) {
        return Err(vm.error("MetaSet has expired."));
    }
    if set.token.is_none() {
        return Err(Fault::text(format!("{} MetaSet token is not valid.", vm.word.name)));
    }
    Ok(set)
}
