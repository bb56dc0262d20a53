//! `ids.jsonl`: SipHash, and the ids that are computed with it.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use weft_gts::{IdKeys, SeriesId, SipKey};

use crate::json::{array, hex, labels, long, string, unhex};
use crate::{Checker, Outcome, all};

/// Checks `ids.jsonl`.
#[derive(Default)]
pub(crate) struct IdsChecker {
    /// Primary and secondary keys by number, as lines of kind `keys` give them.
    keysets: BTreeMap<i64, [IdKeys; 2]>,
}

impl Checker for IdsChecker {
    fn check(&mut self, kind: &str, line: &Json) -> Outcome {
        match kind {
            "siphash" | "siphash-offset" => siphash(line),
            "keys" => {
                self.keysets.insert(long(&line["keyset"]), keyset(line));
                Outcome::Pass
            }
            "classId" => self.by_keyset(line, |keys| keys.class_id(string(&line["name"]))),
            "labelsId" => self.by_keyset(line, |keys| keys.labels_id(&labels(&line["labels"]))),
            "gtsId" => self.gts_id(line),
            "tokenIdent" => {
                let ident = key(&line["key"]).hash_palindromic(string(&line["token"]).as_bytes());
                Outcome::equal(&format!("{ident:016x}").as_str(), &string(&line["ident_hex"]))
            }
            "appId" => app_id(line),
            _ => Outcome::Skip("unknown kind"),
        }
    }
}

impl IdsChecker {
    fn keys(&self, line: &Json) -> [IdKeys; 2] {
        let number = long(&line["keyset"]);
        let Some(keys) = self.keysets.get(&number) else { panic!("keyset {number} was not given") };
        *keys
    }

    /// Checks an id with the primary and with the secondary keys.
    fn by_keyset(&self, line: &Json, id: impl Fn(&IdKeys) -> i64) -> Outcome {
        let asked = [&line["id"], &line["id_secondary"]].map(long);
        Outcome::equal(&self.keys(line).each_ref().map(id), &asked)
    }

    fn gts_id(&self, line: &Json) -> Outcome {
        let [keys, _] = self.keys(line);
        let id = SeriesId { class_id: long(&line["classId"]), labels_id: long(&line["labelsId"]) };
        let units: Vec<u16> =
            array(&line["string_utf16_units"]).iter().map(|unit| long(unit) as u16).collect();
        let Ok(read) = units.as_slice().try_into().map(SeriesId::from_utf16) else {
            return Outcome::Fail(format!("not eight code units: {units:?}"));
        };
        let longs: Vec<i64> = array(&line["unpack_longs"]).iter().map(long).collect();
        let signed = (id.as_u128() as i128).to_string();
        all([
            Outcome::equal(&hex(&id.to_bytes()).as_str(), &string(&line["bytes16"])),
            Outcome::equal(&id.hash(keys.class), &long(&line["gtsId_class_key"])),
            Outcome::equal(&id.hash(keys.labels), &long(&line["gtsId_labels_key"])),
            Outcome::equal(&id.to_utf16().as_slice(), &units.as_slice()),
            Outcome::equal(&hex(&read.to_bytes()).as_str(), &string(&line["unpackGTSId_string"])),
            Outcome::equal(&vec![read.class_id, read.labels_id], &longs),
            Outcome::equal(&signed.as_str(), &string(&line["biginteger"])),
            Outcome::equal(&id.to_uuid().as_str(), &string(&line["uuid"])),
        ])
    }
}

fn siphash(line: &Json) -> Outcome {
    let key = key(&line["key"]);
    let data = unhex(&line["data"]);
    let data = match line.get("offset") {
        Some(offset) => &data[long(offset) as usize..][..long(&line["len"]) as usize],
        None => &data[..],
    };
    let (hash, reversed) = (key.hash(data), key.hash_reversed(data));
    let both = [hash.to_be_bytes(), reversed.to_be_bytes()].concat();
    all([
        Outcome::equal(&hash, &long(&line["hash24"])),
        Outcome::equal(&reversed, &long(&line["hash24_reversed"])),
        Outcome::equal(&key.hash_palindromic(data), &long(&line["palindromic"])),
        line.get("safe")
            .map_or(Outcome::Pass, |safe| Outcome::equal(&key.hash(&both), &long(safe))),
    ])
}

/// Applications are hashed plainly; none is 0.
fn app_id(line: &Json) -> Outcome {
    let app = string(&line["app"]);
    let id = if app.is_empty() { 0 } else { key(&line["key"]).hash(app.as_bytes()) };
    Outcome::equal(&id, &long(&line["hash24"]))
}

fn keyset(line: &Json) -> [IdKeys; 2] {
    [("class", "labels"), ("class_secondary", "labels_secondary")]
        .map(|(class, labels)| IdKeys { class: key(&line[class]), labels: key(&line[labels]) })
}

fn key(text: &Json) -> SipKey {
    match unhex(text).try_into() {
        Ok(bytes) => SipKey::from_bytes(bytes),
        Err(bytes) => panic!("a SipHash key has 16 bytes: {bytes:?}"),
    }
}
