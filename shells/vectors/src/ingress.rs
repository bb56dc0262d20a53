//! `ingress.jsonl`: what lines of update and meta put into the log.
//!
//! Two freedoms: maps may come in another order, and where a line is bad the data of the lines
//! before it goes out as well (the reference loses what its last encoder holds).

use std::sync::Arc;

use serde_json::Value as Json;
use weft_daemons::ingress::IngressConfig;
use weft_daemons::ingress::preview::{self, Lines, PreviewRecord};
use weft_gts::{IdKeys, Labels, SipKey, WrapKey};
use weft_wire::thrift::{KafkaDataMessage, MetadataMessage};
use weft_wire::token::{TokenAuthority, TokenKeys};

use crate::envelopes::sip;
use crate::json::{array, hex, labels, long, string, unhex};
use crate::{Checker, Outcome};

/// Checks `ingress.jsonl`.
#[derive(Default)]
pub(crate) struct IngressChecker {
    ids: Option<IdKeys>,
}

impl Checker for IngressChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "keys" => {
                let (class, labels) = (sip(&line["hash_class"]), sip(&line["hash_labels"]));
                self.ids = Some(IdKeys { class, labels });
                Outcome::Pass
            }
            "ingress-update" => self.update(line),
            "ingress-meta" => self.meta(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

impl IngressChecker {
    fn config(&self) -> IngressConfig {
        let keys = TokenKeys {
            sip: SipKey::new(0, 0),
            app: SipKey::new(0, 0),
            aes: WrapKey::new(&[0; 16]).expect("16 bytes"),
        };
        IngressConfig::minimal(self.ids.expect("keys come first"), TokenAuthority::new(keys))
    }

    fn update(&self, line: &Json) -> Outcome {
        let mut config = self.config();
        config.parse_attributes = line["parse_attributes"] == true;
        config.data_batch_bytes_max = usize::try_from(long(&line["data_maxsize"])).expect("a size");
        let attributes = &line["message_attributes"];
        let (got, error) = preview::update(&Lines {
            config: Arc::new(config),
            labels: token_labels(line),
            message_attributes: if attributes.is_object() {
                labels(attributes)
            } else {
                Labels::new()
            },
            delta_attributes: line["delta_attributes"] == true,
            now: long(&line["now"]),
            lines: array(&line["lines"]).iter().map(string).collect(),
        });
        let asked = array(&line["messages"]);
        if error.is_some() != line["error"].is_string() {
            return Outcome::Fail(format!("error {error:?}, asked {}", line["error"]));
        }
        // What the reference loses at an error comes behind what it sends.
        let got = if error.is_some() { &got[..asked.len().min(got.len())] } else { &got[..] };
        same(got, asked)
    }

    fn meta(&self, line: &Json) -> Outcome {
        let (got, error) = preview::meta(&Lines {
            config: Arc::new(self.config()),
            labels: token_labels(line),
            message_attributes: Labels::new(),
            delta_attributes: line["delta"] == true,
            now: 0,
            lines: vec![string(&line["line"])],
        });
        let asked = line["messages"].as_array().map_or(&[][..], Vec::as_slice);
        if let (Some(error), false) = (&error, asked.is_empty()) {
            return Outcome::Fail(format!("refused: {error}"));
        }
        same(&got, asked)
    }
}

/// Labels of the token, then producer, owner and application.
fn token_labels(line: &Json) -> Labels {
    let mut forced = if line["token_labels"].is_object() {
        labels(&line["token_labels"])
    } else {
        Labels::new()
    };
    for name in [".producer", ".owner"] {
        forced.insert(name, string(&line["producer_owner"]));
    }
    if let Some(app) = line["app"].as_str() {
        forced.insert(".app", app);
    }
    forced
}

fn same(got: &[PreviewRecord], asked: &[Json]) -> Outcome {
    let got: Vec<String> = got
        .iter()
        .map(|record| show(&record.topic, &record.id.to_bytes(), &record.value))
        .collect();
    let asked: Vec<String> = asked
        .iter()
        .map(|message| {
            show(
                string(&message["topic"]),
                &unhex(&message["key"]),
                &unhex(&message["value_plain"]),
            )
        })
        .collect();
    Outcome::equal(&got, &asked)
}

/// A message as text in which the order of maps does not show. What cannot be decoded shows its
/// bytes.
fn show(topic: &str, key: &[u8], value: &[u8]) -> String {
    let inside = match topic {
        "data" => KafkaDataMessage::decode(value).ok().map(|mut message| {
            message.attributes = message.attributes.map(|attributes| attributes.sorted());
            hex(&message.encode())
        }),
        _ => value.get(16..).and_then(|body| MetadataMessage::decode(body).ok()).map(|message| {
            let mut sorted = message;
            sorted.metadata.labels.sort();
            sorted.metadata.attributes.sort();
            format!("{} {}", hex(&value[..16]), hex(&sorted.encode()))
        }),
    };
    format!("{topic} {} {}", hex(key), inside.unwrap_or_else(|| hex(value)))
}
