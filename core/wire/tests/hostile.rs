//! What anybody may send: tokens and wrapped datapoints are read or refused, and nothing grows past
//! what the caller allows. `fuzz/` asks the same for longer.

use proptest::collection::vec;
use proptest::prelude::*;
use weft_gts::{Encoder, NO_ELEVATION, NO_LOCATION, SipKey, ValueRef, WrapKey};
use weft_wire::opb64;
use weft_wire::thrift::{GtsWrapper, ReadToken, WriteToken};
use weft_wire::token::{Revocations, TokenKeys};
use weft_wire::wrapper::WrapOptions;

/// Bytes that datapoints may take.
const DATAPOINTS_MAX: usize = 1 << 12;

fn keys() -> TokenKeys {
    TokenKeys {
        sip: SipKey::new(1, 2),
        app: SipKey::new(3, 4),
        aes: WrapKey::new(&[5; 32]).expect("32 bytes"),
    }
}

/// The text that a holder of the keys makes of any struct.
fn seal(keys: &TokenKeys, plain: &[u8]) -> String {
    let mut hashed = keys.sip.hash_palindromic(plain).to_be_bytes().to_vec();
    hashed.extend_from_slice(plain);
    opb64::encode(&keys.aes.wrap(&hashed))
}

fn token_structs() -> impl Strategy<Value = Vec<u8>> {
    let write = WriteToken {
        issuance_ms: 1,
        expiry_ms: i64::MAX,
        producer_id: vec![1; 16],
        owner_id: vec![2; 16],
        app_name: "app".to_owned(),
        ..WriteToken::default()
    };
    let read = ReadToken {
        issuance_ms: 1,
        expiry_ms: i64::MAX,
        owners: vec![vec![1; 16]],
        billed_id: vec![3; 16],
        ..ReadToken::default()
    };
    prop::sample::select(vec![write.encode(), read.encode()])
}

fn check(keys: &TokenKeys, text: &str) -> Result<(), TestCaseError> {
    let (read, write) = (keys.decode_read(text), keys.decode_write(text));
    prop_assert!(read.is_err() || write.is_err(), "a token of both kinds");
    if let Ok(token) = read {
        prop_assert_eq!(keys.decode_read(&keys.encode_read(&token)), Ok(token));
    }
    if let Ok(token) = write {
        prop_assert_eq!(keys.decode_write(&keys.encode_write(&token)), Ok(token));
    }
    Ok(())
}

/// A wrapper of as many datapoints as given, compressed.
fn wrapper(points: i64) -> GtsWrapper {
    let mut encoder = Encoder::new(0);
    for tick in 0..points {
        encoder.add(tick, NO_LOCATION, NO_ELEVATION, ValueRef::Long(0));
    }
    GtsWrapper::of(&encoder, WrapOptions::default())
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_none(text in prop_oneof![any::<String>(), "[.0-9A-Z_a-z]{0,80}"]) {
        check(&keys(), &text)?;
        let _ = Revocations::default().add_list(&keys(), &text);
    }

    #[test]
    fn any_sealed_bytes_are_a_token_or_none(plain in vec(any::<u8>(), 0..80)) {
        let keys = keys();
        check(&keys, &seal(&keys, &plain))?;
    }

    #[test]
    fn a_damaged_token_is_a_token_or_none(
        plain in token_structs(),
        damage in any::<(prop::sample::Index, u8)>(),
    ) {
        let keys = keys();
        let mut plain = plain;
        let index = damage.0.index(plain.len());
        plain[index] ^= damage.1;
        check(&keys, &seal(&keys, &plain))?;
    }

    #[test]
    fn wrapped_datapoints_keep_to_their_limit(
        points in 0i64..4_000,
        passes in prop::option::of(any::<i32>()),
        damage in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut wrapper = GtsWrapper { passes, ..wrapper(points) };
        if let Some(encoded) = wrapper.encoded.as_mut().filter(|encoded| !encoded.is_empty()) {
            let index = damage.0.index(encoded.len());
            encoded[index] ^= damage.1;
        }
        if let Ok(datapoints) = wrapper.datapoints(DATAPOINTS_MAX) {
            prop_assert!(datapoints.len() <= DATAPOINTS_MAX);
        }
    }
}

#[test]
fn the_limit_refuses_what_is_larger() {
    let wrapper = wrapper(4_000);
    let length = wrapper.datapoints(usize::MAX).expect("well formed").len();
    assert!(wrapper.datapoints(length).is_ok());
    assert!(wrapper.datapoints(length - 1).is_err());
}
