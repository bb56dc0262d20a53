//! `envelopes.jsonl` and `wrap-short.jsonl`: wrapping, MACs, order-preserving Base64, keys.

use serde_json::Value as Json;
use weft_gts::{SipKey, WrapKey};
use weft_wire::envelope::{Envelope, add_mac, remove_mac};
use weft_wire::keys::decode_key;
use weft_wire::opb64;

use crate::json::{hex, string, unhex};
use crate::{Checker, Outcome, all};

/// Checks `envelopes.jsonl` and `wrap-short.jsonl`.
pub(crate) struct EnvelopesChecker;

impl Checker for EnvelopesChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "wrap" => {
                let wrapped = aes(&line["key"]).wrap(&unhex(&line["data"]));
                Outcome::equal(&hex(&wrapped).as_str(), &string(&line["wrapped"]))
            }
            "unwrap" => {
                let opened = aes(&line["key"]).unwrap(&unhex(&line["wrapped"])).ok();
                equal_or_none(opened.as_deref(), &line["result"])
            }
            "mac" => {
                let mut data = unhex(&line["data"]);
                add_mac(sip(&line["key"]), &mut data);
                Outcome::equal(&hex(&data).as_str(), &string(&line["authenticated"]))
            }
            "removeMAC" => {
                let data = unhex(&line["data"]);
                equal_or_none(remove_mac(sip(&line["key"]), &data).ok(), &line["result"])
            }
            // The reference throws: an error here as well.
            "removeMAC-short" => {
                let data = unhex(&line["data"]);
                Outcome::equal(&remove_mac(sip(&line["key"]), &data).is_err(), &true)
            }
            "wrap+mac" => {
                let (mac, aes) = (sip(&line["mac_key"]), aes(&line["aes_key"]));
                let envelope = Envelope { mac: Some(mac), aes: Some(aes) };
                let sealed = envelope.seal(&unhex(&line["data"]));
                Outcome::equal(&hex(&sealed).as_str(), &string(&line["message"]))
            }
            "opb64" => opb64_both_ways(line),
            "opb64-decode" => opb64_decode(line),
            "decodeKey" => decode_one(line),
            "wrappedKey" => wrapped_key(line),
            "wrap-short" => wrap_short(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

pub(crate) fn aes(key: &Json) -> WrapKey {
    WrapKey::new(&unhex(key)).expect("the key of a vector is an AES key")
}

pub(crate) fn sip(key: &Json) -> SipKey {
    SipKey::from_bytes(unhex(key).try_into().expect("the key of a vector has 16 bytes"))
}

fn equal_or_none(got: Option<&[u8]>, asked: &Json) -> Outcome {
    Outcome::equal(&got.map(hex).as_deref(), &asked.as_str())
}

fn opb64_both_ways(line: &Json) -> Outcome {
    let (data, text) = (unhex(&line["data"]), string(&line["encoded"]));
    all([
        Outcome::equal(&opb64::encode(&data).as_str(), &text),
        Outcome::equal(&opb64::decode(text.as_bytes()), &Ok(data)),
    ])
}

/// The reference decodes foreign characters to something; here they are refused.
fn opb64_decode(line: &Json) -> Outcome {
    let text = string(&line["encoded"]);
    let is_foreign = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    match opb64::decode(text.as_bytes()) {
        Err(_) => Outcome::equal(&text.bytes().any(is_foreign), &true),
        Ok(data) => match line["result_string"].as_str() {
            Some(asked) => Outcome::equal(&hex(&data).as_str(), &asked),
            // It throws where the last group is a lone character; here that adds nothing.
            None => Outcome::equal(&(text.len() % 4), &1),
        },
    }
}

fn decode_one(line: &Json) -> Outcome {
    let master = line["oss_master_key"].as_str();
    let master = master.and_then(|spec| decode_key(spec, None).ok());
    let master = master.map(|bytes| WrapKey::new(&bytes).expect("an AES key"));
    let got = decode_key(string(&line["spec"]), master.as_ref()).ok();
    match line["oss"].as_str().or_else(|| line["unsecure"].as_str()) {
        Some(asked) => Outcome::equal(&got.as_deref().map(hex).as_deref(), &Some(asked)),
        None => Outcome::equal(&got, &None),
    }
}

fn wrapped_key(line: &Json) -> Outcome {
    let master = aes(&line["master_key"]);
    all(["spec_hex", "spec_base64"].map(|spec| {
        let got = decode_key(string(&line[spec]), Some(&master)).map(|key| hex(&key));
        Outcome::equal(&got.as_deref(), &Ok(string(&line["key"])))
    }))
}

fn wrap_short(line: &Json) -> Outcome {
    let (key, data) = (aes(&line["key"]), unhex(&line["data"]));
    let both = ["wrapped_2.11.1", "wrapped_3.5.0"].map(|by| {
        let opened = key.unwrap(&unhex(&line[by]));
        Outcome::equal(&opened.as_deref(), &Ok(data.as_slice()))
    });
    let wrapped = hex(&key.wrap(&data));
    all(both
        .into_iter()
        .chain([Outcome::equal(&wrapped.as_str(), &string(&line["wrapped_2.11.1"]))]))
}
