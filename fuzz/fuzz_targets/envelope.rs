//! Envelopes: payloads of the log and the table, sealed by whoever has the keys, and not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_gts::{SipKey, WrapKey};
use weft_wire::envelope::{Envelope, add_mac};
use weft_wire::thrift::KafkaDataMessage;

fuzz_target!(|bytes: &[u8]| {
    let (mac, aes) = (SipKey::new(1, 2), WrapKey::new(&[5; 32]).expect("32 bytes"));
    for (mac, aes) in
        [(None, None), (Some(mac), None), (None, Some(aes.clone())), (Some(mac), Some(aes))]
    {
        let envelope = Envelope { mac, aes };
        let _ = envelope.open(bytes);
        // No fuzzer guesses a MAC.
        let mut authentic = bytes.to_vec();
        add_mac(SipKey::new(1, 2), &mut authentic);
        if let Ok(plain) = envelope.open(&authentic) {
            let _ = KafkaDataMessage::decode(&plain);
        }
        let sealed = envelope.seal(bytes);
        assert_eq!(envelope.open(&sealed).as_deref(), Ok(bytes));
    }
});
