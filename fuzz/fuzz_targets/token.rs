//! Tokens: any text is a token of one kind or none. No fuzzer guesses a hash, so the bytes are also
//! sealed with the right keys: what a client that has them could show.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_gts::{SipKey, WrapKey};
use weft_wire::opb64;
use weft_wire::token::{Revocations, TokenKeys};

fn decode(keys: &TokenKeys, text: &str) {
    let read = keys.decode_read(text);
    let write = keys.decode_write(text);
    assert!(read.is_err() || write.is_err(), "a token of both kinds");
    if let Ok(token) = read {
        assert_eq!(keys.decode_read(&keys.encode_read(&token)), Ok(token));
    }
    if let Ok(token) = write {
        assert_eq!(keys.decode_write(&keys.encode_write(&token)), Ok(token));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let keys = TokenKeys {
        sip: SipKey::new(1, 2),
        app: SipKey::new(3, 4),
        aes: WrapKey::new(&[5; 32]).expect("32 bytes"),
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        decode(&keys, text);
        let _ = keys.ident(text);
        let _ = Revocations::default().add_list(&keys, text);
    }
    let mut sealed = keys.sip.hash_palindromic(bytes).to_be_bytes().to_vec();
    sealed.extend_from_slice(bytes);
    decode(&keys, &opb64::encode(&keys.aes.wrap(&sealed)));
});
