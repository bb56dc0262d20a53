//! `live/`: what the reference's own daemons wrote to Kafka and HBase, with fixed keys. It opens,
//! decodes, and encodes to the same bytes again.

use serde_json::Value as Json;
use weft_gts::{Decoder, SipKey, WrapKey};
use weft_wire::envelope::Envelope;
use weft_wire::kafka::partition;
use weft_wire::rows;
use weft_wire::thrift::{KafkaDataMessage, MetadataMessage, RunRequest};

use crate::json::{hex, string, unhex};
use crate::{Checker, Outcome, all};

/// Which capture a checker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    Data,
    Plasma,
    Metadata,
    Run,
    DataRows,
    MetadataRows,
}

/// Checks the files of `live/`.
pub(crate) struct LiveChecker(pub(crate) Capture);

/// A key of `live/keys.conf`: bytes that count up or down from `first`.
fn bytes<const N: usize>(first: u8, step: i8) -> [u8; N] {
    std::array::from_fn(|index| first.wrapping_add_signed(step.wrapping_mul(index as i8)))
}

impl Capture {
    /// The envelope of `live/keys.conf`.
    fn envelope(self) -> Envelope {
        let mac = |first| Some(SipKey::from_bytes(bytes(first, -1)));
        let aes = |key: &[u8]| Some(WrapKey::new(key).expect("an AES key"));
        match self {
            Self::Data => Envelope { mac: mac(0x0f), aes: None },
            Self::Plasma => Envelope { mac: mac(0x2f), aes: None },
            Self::Metadata => Envelope {
                mac: Some(SipKey::from_bytes(bytes(0xd0, 1))),
                aes: aes(&bytes::<32>(0xe0, 1)),
            },
            // The daemon that wrote this did not use its AES key.
            Self::Run => Envelope { mac: mac(0x4f), aes: None },
            Self::MetadataRows => {
                let key = [bytes::<16>(0xf0, 1), bytes::<16>(0xe0, 1)].concat();
                Envelope { mac: None, aes: aes(&key) }
            }
            Self::DataRows => Envelope::default(),
        }
    }
}

impl Checker for LiveChecker {
    fn check(&mut self, _kind: &str, line: &Json) -> Outcome {
        let envelope = self.0.envelope();
        let value = unhex(&line[if line["value"].is_string() { "value" } else { "v" }]);
        let plain = match envelope.open(&value) {
            Ok(plain) => plain.into_owned(),
            Err(error) => return Outcome::Fail(error.to_string()),
        };
        let sealed = Outcome::equal(&hex(&envelope.seal(&plain)), &hex(&value));
        all([sealed, self.inside(line, &plain)])
    }
}

impl LiveChecker {
    fn inside(&self, line: &Json, plain: &[u8]) -> Outcome {
        match self.0 {
            Capture::Data | Capture::Plasma => data(line, plain),
            Capture::Metadata => metadata(line, plain),
            Capture::Run => match RunRequest::decode(plain) {
                Ok(request) => Outcome::equal(&hex(&request.encode()), &hex(plain)),
                Err(error) => Outcome::Fail(error.to_string()),
            },
            Capture::MetadataRows => match MetadataMessage::decode(plain) {
                Ok(message) => all([
                    Outcome::equal(&hex(&message.encode()), &hex(plain)),
                    Outcome::equal(
                        &rows::read_metadata_key(&row(line)).map(|id| id.to_bytes().len()),
                        &Some(16),
                    ),
                ]),
                Err(error) => Outcome::Fail(error.to_string()),
            },
            Capture::DataRows => cell(line, plain),
        }
    }
}

fn row(line: &Json) -> Vec<u8> {
    unhex(&line["row"])
}

fn data(line: &Json, plain: &[u8]) -> Outcome {
    let message = match KafkaDataMessage::decode(plain) {
        Ok(message) => message,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let mut decoder = Decoder::new(0, message.data.as_deref().unwrap_or_default(), None);
    let key = unhex(&line["key"]);
    all([
        Outcome::equal(&hex(&message.encode()), &hex(plain)),
        Outcome::equal(&decoder.columns().is_ok(), &true),
        Outcome::equal(&key.len(), &16),
        Outcome::equal(&(partition(&key, u32::MAX) > 0 || !key.is_empty()), &true),
    ])
}

fn metadata(line: &Json, plain: &[u8]) -> Outcome {
    let Some((id, body)) = plain.split_first_chunk::<16>() else {
        return Outcome::Fail("shorter than its ids".to_owned());
    };
    match MetadataMessage::decode(body) {
        Ok(message) => all([
            Outcome::equal(&hex(id).as_str(), &string(&line["key"])),
            Outcome::equal(&hex(&message.encode()), &hex(body)),
        ]),
        Err(error) => Outcome::Fail(error.to_string()),
    }
}

/// The datapoint of a cell makes the same cell again.
fn cell(line: &Json, plain: &[u8]) -> Outcome {
    let Some((series, tick)) = rows::read_data_key(&row(line)) else {
        return Outcome::Fail("not the key of a datapoint".to_owned());
    };
    let mut decoder = Decoder::new(tick, plain, None);
    let point = match decoder.next_point() {
        Ok(Some(point)) => point,
        other => return Outcome::Fail(format!("{other:?}")),
    };
    let again = rows::cell(point.tick, point.location, point.elevation, point.value, None);
    all([
        Outcome::equal(&point.tick, &tick),
        Outcome::equal(&hex(&again), &hex(plain)),
        Outcome::equal(&rows::data_key(series, tick).to_vec(), &row(line)),
    ])
}
