//! The encoder's byte format: datapoints or an error, no more datapoints than bytes. The bytes are
//! read as they are and once more inside an encrypted chunk, where they are just as hostile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_gts::{Decoder, WrapKey, dedup, varint};

/// What the first byte of an encrypted chunk is.
const ENCRYPTED: u8 = 0;

fn read(bytes: &[u8], key: &WrapKey) {
    let decoder = || Decoder::new(0, bytes, Some(key)).with_count(u64::MAX);
    let read = decoder().count();
    assert!(read <= bytes.len() + 1, "{read} of {} bytes", bytes.len());
    let _ = decoder().columns();
    let _ = decoder().series_columns();
    let _ = dedup(decoder());

    let mut half = decoder();
    for _ in 0..read / 2 {
        let _ = half.next_point();
    }
    assert!(half.rest().decoder().count() <= bytes.len() + 1);

    let mut ended = decoder();
    while let Ok(Some(_)) = ended.next_point() {}
    assert_eq!(ended.next_point(), Ok(None));
}

fuzz_target!(|bytes: &[u8]| {
    let key = WrapKey::new(&[7; 32]).expect("32 bytes");
    read(bytes, &key);
    let wrapped = key.wrap(bytes);
    let mut chunk = vec![ENCRYPTED];
    varint::write_unsigned(&mut chunk, wrapped.len() as u64);
    chunk.extend(wrapped);
    chunk.extend(bytes);
    read(&chunk, &key);
});
