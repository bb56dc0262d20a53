//! `kafka.jsonl`: messages of the topics, their partitions, and the structs inside.

use serde_json::Value as Json;
use weft_gts::{Labels, Metadata, SeriesId};
use weft_wire::envelope::{Envelope, add_mac};
use weft_wire::kafka::partition;
use weft_wire::opb64;
use weft_wire::thrift::{
    DatalogRequest, DirectoryRequest, DirectoryStatsRequest, GtsSplit, HyperLogLogPlusParameters,
    KafkaDataMessage, KafkaDataMessageType, MetaSet, MetadataMessage, RunRequest, WebCallRequest,
};

use crate::envelopes::{aes, sip};
use crate::json::{array, hex, labels, long, string, unhex};
use crate::{Checker, Outcome, all};

/// Checks `kafka.jsonl`.
#[derive(Default)]
pub(crate) struct KafkaChecker {
    keys: Option<Json>,
}

impl Checker for KafkaChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "keys" => {
                self.keys = Some(line.clone());
                Outcome::Pass
            }
            "partition" => partitions(&unhex(&line["key"]), &line["partition"]),
            "constants" => Outcome::Skip("names of sources: checked by the messages of ingress"),
            "metadata" => self.metadata(line),
            "data" => self.data(line),
            "run" => self.run(line),
            "webcall" => self.sealed(line, &webcall(&line["fields"]).encode()),
            "throttling" => self.throttling(line),
            "struct" => structure(line),
            "java-hashmap-order" => {
                Outcome::Skip("the order of Java's maps is not part of the contract")
            }
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

impl KafkaChecker {
    fn envelope(&self, mac: bool, wrap: bool) -> Envelope {
        let keys = self.keys.as_ref().expect("keys come first");
        Envelope { mac: mac.then(|| sip(&keys["mac"])), aes: wrap.then(|| aes(&keys["aes"])) }
    }

    /// The payload in all envelopes, and behind the key where the topic asks for that.
    fn sealed(&self, line: &Json, plain: &[u8]) -> Outcome {
        let forms = [
            ("value_plain", false, false),
            ("value_mac", true, false),
            ("value_aes", false, true),
            ("value_aes_mac", true, true),
        ];
        let outcomes = forms.into_iter().filter_map(|(name, mac, wrap)| {
            let asked = line[name].as_str()?;
            let envelope = self.envelope(mac, wrap);
            let sealed = envelope.seal(plain);
            let opened = envelope.open(&sealed).map(std::borrow::Cow::into_owned);
            Some(all([
                Outcome::equal(&hex(&sealed).as_str(), &asked),
                Outcome::equal(&opened, &Ok(plain.to_vec())),
            ]))
        });
        all(outcomes)
    }

    fn metadata(&self, line: &Json) -> Outcome {
        let message = metadata_message(&line["fields"]);
        let (bytes, asked) = (message.encode(), unhex(&line["thrift"]));
        let key = message.metadata.id.to_bytes();
        let plain = [&key[..], &bytes].concat();
        all([
            Outcome::equal(&hex(&bytes), &hex(&asked)),
            Outcome::equal(&MetadataMessage::decode(&asked), &Ok(message)),
            Outcome::equal(&hex(&key).as_str(), &string(&line["key"])),
            partitions(&key, &line["partition"]),
            self.sealed(line, &plain),
        ])
    }

    fn data(&self, line: &Json) -> Outcome {
        let message = data_message(&line["fields"]);
        let (bytes, asked) = (message.encode(), unhex(&line["thrift"]));
        let id = SeriesId { class_id: message.class_id, labels_id: message.labels_id };
        all([
            Outcome::equal(&hex(&bytes), &hex(&asked)),
            Outcome::equal(&KafkaDataMessage::decode(&asked), &Ok(message)),
            Outcome::equal(&hex(&id.to_bytes()).as_str(), &string(&line["key"])),
            partitions(&id.to_bytes(), &line["partition"]),
            self.sealed(line, &bytes),
        ])
    }

    fn run(&self, line: &Json) -> Outcome {
        let fields = &line["fields"];
        let request = RunRequest {
            scheduled_at_ms: long(&fields["scheduledAt"]),
            period_ms: long(&fields["periodicity"]),
            path: text(&fields["path"]),
            content: Some(unhex(&fields["content"])),
            compressed: fields["compressed"] == true,
            scheduler: text(&fields["scheduler"]),
        };
        let bytes = request.encode();
        all([
            Outcome::equal(&hex(&bytes).as_str(), &string(&line["thrift"])),
            Outcome::equal(&RunRequest::decode(&bytes), &Ok(request)),
            partitions(&unhex(&line["key"]), &line["partition"]),
            self.sealed(line, &bytes),
        ])
    }

    fn throttling(&self, line: &Json) -> Outcome {
        let fields = &line["fields"];
        let bytes = unhex(&line["thrift"]);
        let read = match HyperLogLogPlusParameters::decode(&bytes) {
            Ok(read) => read,
            Err(error) => return Outcome::Fail(error.to_string()),
        };
        let mut sealed = bytes.clone();
        add_mac(self.envelope(true, false).mac.expect("a key"), &mut sealed);
        all([
            Outcome::equal(&hex(&read.encode()), &hex(&bytes)),
            Outcome::equal(&read.init_ms, &long(&fields["initTime"])),
            Outcome::equal(&i64::from(read.p), &long(&fields["p"])),
            Outcome::equal(&Some(read.sparse), &fields["sparse"].as_bool()),
            Outcome::equal(&read.key.as_deref(), &fields["key"].as_str()),
            Outcome::equal(&hex(&sealed).as_str(), &string(&line["value_mac"])),
        ])
    }
}

fn partitions(key: &[u8], by_count: &Json) -> Outcome {
    let Some(by_count) = by_count.as_object() else { return Outcome::Pass };
    all(by_count.iter().map(|(count, asked)| {
        let count = count.parse().expect("a number of partitions");
        Outcome::equal(&i64::from(partition(key, count)), &long(asked))
    }))
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn optional_labels(map: &Json) -> Option<Labels> {
    map.is_object().then(|| labels(map))
}

/// Metadata as the vectors write it.
pub(crate) fn metadata_message(fields: &Json) -> MetadataMessage {
    let metadata = Metadata {
        name: text(&fields["name"]),
        labels: optional_labels(&fields["labels"]).unwrap_or_default(),
        id: SeriesId {
            class_id: fields["classId"].as_i64().unwrap_or(0),
            labels_id: fields["labelsId"].as_i64().unwrap_or(0),
        },
        attributes: optional_labels(&fields["attributes"]).unwrap_or_default(),
        source: text(&fields["source"]),
        last_activity: fields["lastActivity"].as_i64(),
    };
    MetadataMessage { metadata, has_attributes: fields["attributes"].is_object() }
}

fn data_message(fields: &Json) -> KafkaDataMessage {
    let kind = match string(&fields["type"]) {
        "STORE" => KafkaDataMessageType::Store,
        "ARCHIVE" => KafkaDataMessageType::Archive,
        _ => KafkaDataMessageType::Delete,
    };
    let indices = fields["indices"].as_array();
    KafkaDataMessage {
        class_id: long(&fields["classId"]),
        labels_id: long(&fields["labelsId"]),
        data: fields["data"].is_string().then(|| unhex(&fields["data"])),
        indices: indices.map(|indices| indices.iter().map(long).collect()),
        deletion_start: fields["deletionStartTimestamp"].as_i64(),
        deletion_end: fields["deletionEndTimestamp"].as_i64(),
        kind,
        deletion_min_age: fields["deletionMinAge"].as_i64(),
        metadata: fields["metadata"].is_object().then(|| metadata_message(&fields["metadata"])),
        attributes: optional_labels(&fields["attributes"]),
    }
}

fn webcall(fields: &Json) -> WebCallRequest {
    WebCallRequest {
        timestamp_ms: long(&fields["timestamp"]),
        stack_uuid: text(&fields["stackUUID"]),
        webcall_uuid: text(&fields["webCallUUID"]),
        token: text(&fields["token"]),
        url: text(&fields["url"]),
        method: if fields["method"] == "POST" { 2 } else { 1 },
        headers: optional_labels(&fields["headers"]),
        body: text(&fields["body"]),
    }
}

fn texts(list: &Json) -> Option<Vec<String>> {
    let list = list.as_array()?;
    Some(list.iter().map(|text| string(text).to_owned()).collect())
}

fn label_lists(list: &Json) -> Option<Vec<Labels>> {
    Some(list.as_array()?.iter().map(labels).collect())
}

fn metadatas(list: &Json) -> Option<Vec<MetadataMessage>> {
    Some(list.as_array()?.iter().map(metadata_message).collect())
}

fn structure(line: &Json) -> Outcome {
    let fields = &line["fields"];
    let asked = unhex(&line["thrift"]);
    let bytes = match string(&line["name"]) {
        "DirectoryRequest" => DirectoryRequest {
            class_selectors: texts(&fields["classSelectors"]),
            labels_selectors: label_lists(&fields["labelsSelectors"]),
            active_after: fields["activeAfter"].as_i64(),
            quiet_after: fields["quietAfter"].as_i64(),
            sorted: fields["sorted"].as_bool(),
        }
        .encode(),
        "DirectoryStatsRequest" => DirectoryStatsRequest {
            class_selectors: texts(&fields["classSelector"]),
            labels_selectors: label_lists(&fields["labelsSelectors"]),
            timestamp_ms: long(&fields["timestamp"]),
            hash: long(&fields["hash"]),
        }
        .encode(),
        "DatalogRequest" => return datalog(line, &asked),
        "MetaSet" => MetaSet {
            expiry_ms: long(&fields["expiry"]),
            token: text(&fields["token"]),
            metadatas: metadatas(&fields["metadatas"]),
            max_duration: fields["maxduration"].as_i64(),
            not_before: fields["notbefore"].as_i64(),
            not_after: fields["notafter"].as_i64(),
        }
        .encode(),
        "GTSSplit" => {
            let parts = array(fields);
            let split = GtsSplit {
                timestamp_ms: long(&parts[0]),
                expiry_ms: long(&parts[1]),
                metadatas: metadatas(&parts[2]),
            };
            split.encode()
        }
        _ => return Outcome::Skip("unknown struct"),
    };
    Outcome::equal(&hex(&bytes), &hex(&asked))
}

fn datalog(line: &Json, asked: &[u8]) -> Outcome {
    let fields = &line["fields"];
    let request = DatalogRequest {
        timestamp_ns: long(&fields["timestamp"]),
        id: text(&fields["id"]),
        kind: text(&fields["type"]),
        token: text(&fields["token"]),
        now: text(&fields["now"]),
        delete_query: text(&fields["deleteQueryString"]),
        delta_attributes: fields["deltaAttributes"].as_bool(),
        attributes: optional_labels(&fields["attributes"]),
    };
    let bytes = request.encode();
    let wrapped = opb64::encode(&aes(&line["datalog_psk"]).wrap(&bytes));
    all([
        Outcome::equal(&hex(&bytes), &hex(asked)),
        Outcome::equal(&wrapped.as_str(), &string(&line["header_value_wrapped_opb64"])),
    ])
}
