//! `tokens.jsonl`: tokens, what is wrong with them, and the selectors they restrict reads to.

use serde_json::Value as Json;
use weft_gts::Labels;
use weft_wire::token::{ReadToken, Revocations, TokenAuthority, TokenError, TokenKeys, WriteToken};

use crate::envelopes::{aes, sip};
use crate::json::{array, hex, labels, long, string, unhex};
use crate::{Checker, Outcome, all};

/// A moment at which the tokens that are not meant to be expired are good.
const NOW_MS: i64 = 1_700_000_000_000;

/// Checks `tokens.jsonl`.
#[derive(Default)]
pub(crate) struct TokensChecker {
    authority: Option<TokenAuthority>,
    app: Option<Json>,
}

impl Checker for TokensChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "keys" => self.keys(line),
            "token" => self.token(line),
            "bad-token" => self.decoded(line, line["token"].as_str()),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

impl TokensChecker {
    fn keys(&mut self, line: &Json) -> Outcome {
        let keys = TokenKeys {
            sip: sip(&line["siphash_token"]),
            app: sip(&line["siphash_app"]),
            aes: aes(&line["aes_token"]),
        };
        let mut revocations = Revocations::default();
        let added = revocations.add_list(&keys, string(&line["trl_content"]));
        self.app = Some(line["siphash_app"].clone());
        self.authority = Some(TokenAuthority::new(keys).with_revocations(revocations));
        Outcome::equal(&added, &Ok(()))
    }

    fn token(&self, line: &Json) -> Outcome {
        let keys = TokenKeys {
            sip: sip(&line["siphash_key"]),
            app: sip(self.app.as_ref().expect("keys come first")),
            aes: aes(&line["aes_key"]),
        };
        let text = string(&line["token"]);
        let (struct_bytes, made) = if line["type"] == "READ" {
            let token = read_token(&line["fields"]);
            (token.encode(), keys.encode_read(&token))
        } else {
            let token = write_token(&line["fields"]);
            (token.encode(), keys.encode_write(&token))
        };
        let mut outcomes = vec![self.decoded(line, Some(text))];
        // A struct of one kind that says it is of the other is not what an encoder makes.
        if line["fields"]["tokenType"] == line["type"] {
            outcomes.push(Outcome::equal(&hex(&struct_bytes).as_str(), &string(&line["thrift"])));
            outcomes.push(Outcome::equal(&made.as_str(), &text));
        }
        if let Some(ident) = line["ident"].as_str() {
            outcomes.push(Outcome::equal(&format!("{:016x}", keys.ident(text)).as_str(), &ident));
        }
        if line["selectors"].is_object() && line["type"] == "READ" {
            let got = read_token(&line["fields"]).label_selectors();
            outcomes.push(Outcome::equal(&got, &labels(&line["selectors"])));
        }
        all(outcomes)
    }

    /// What comes of a text when a read token, and when a write token, is expected.
    fn decoded(&self, line: &Json, text: Option<&str>) -> Outcome {
        let authority = self.authority.as_ref().expect("keys come first");
        let read = authority.read_token(text, NOW_MS);
        let write = authority.write_token(text, NOW_MS);
        let read_asked = &line["decode_as_read"];
        let write_asked = &line["decode_as_write"];
        all([
            judged(read.as_ref().err(), read_asked),
            judged(write.as_ref().err(), write_asked),
            match read {
                Ok(token) => Outcome::equal(&token, &read_token(read_asked)),
                Err(_) => Outcome::Pass,
            },
            match write {
                Ok(token) => Outcome::equal(&token, &write_token(write_asked)),
                Err(_) => Outcome::Pass,
            },
        ])
    }
}

fn judged(error: Option<&TokenError>, asked: &Json) -> Outcome {
    // Where the reference ran out of memory, any error will do.
    if asked.get("artefact").is_some() || asked["class"] == "java.lang.OutOfMemoryError" {
        return Outcome::equal(&error.is_some(), &true);
    }
    let got = error.map(ToString::to_string);
    Outcome::equal(&got.as_deref(), &asked["error"].as_str())
}

fn optional_labels(map: &Json) -> Option<Labels> {
    map.is_object().then(|| labels(map))
}

fn ids(list: &Json) -> Vec<Vec<u8>> {
    array(list).iter().map(unhex).collect()
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn read_token(fields: &Json) -> ReadToken {
    ReadToken {
        issuance_ms: long(&fields["issuanceTimestamp"]),
        expiry_ms: long(&fields["expiryTimestamp"]),
        lookup: fields["lookup"].as_bool(),
        groovy: fields["groovy"].as_bool(),
        max_fetch_size: fields["maxFetchSize"].as_i64(),
        app_name: text(&fields["appName"]),
        apps: array(&fields["apps"]).iter().map(|app| string(app).to_owned()).collect(),
        owners: ids(&fields["owners"]),
        producers: ids(&fields["producers"]),
        billed_id: unhex(&fields["billedId"]),
        hooks: optional_labels(&fields["hooks"]),
        attributes: optional_labels(&fields["attributes"]),
        labels: optional_labels(&fields["labels"]),
        dataviz: fields["dataviz"].as_bool(),
    }
}

fn write_token(fields: &Json) -> WriteToken {
    let indices = fields["indices"].as_array();
    WriteToken {
        issuance_ms: long(&fields["issuanceTimestamp"]),
        expiry_ms: long(&fields["expiryTimestamp"]),
        lookup: fields["lookup"].as_bool(),
        producer_id: unhex(&fields["producerId"]),
        owner_id: unhex(&fields["ownerId"]),
        app_name: string(&fields["appName"]).to_owned(),
        indices: indices.map(|indices| indices.iter().map(long).collect()),
        labels: optional_labels(&fields["labels"]),
        attributes: optional_labels(&fields["attributes"]),
    }
}
