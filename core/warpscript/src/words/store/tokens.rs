//! Tokens as values: TOKENINFO, TOKENGEN, TOKENDUMP.

use weft_gts::{Labels, SipKey, WrapKey};
use weft_wire::token::{ReadToken, Token, TokenKeys, WriteToken, parse_uuid, uuid};

use super::params;
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::Machine;
use crate::tokens;
use crate::value::{Handle, Value};

/// The keys of the platform.
fn platform_keys(vm: &Machine) -> Option<TokenKeys> {
    let keys = &vm.config.keys;
    Some(TokenKeys {
        sip: SipKey::from_bytes(keys.token?),
        app: SipKey::from_bytes(keys.app.unwrap_or_default()),
        aes: WrapKey::new(keys.token_aes.as_deref()?).ok()?,
    })
}

fn now_ms(vm: &Machine) -> i64 {
    vm.clock.wall_ns.div_euclid(1_000_000)
}

pub(super) fn info(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a string on top of the stack.")?;
    let (read, write) = (tokens::read(vm, &text), tokens::write(vm, &text));
    let shows_attributes = vm.capability("tokeninfo.attr").is_some();
    let mut entries = Entries::default();
    if let Ok(token) = &read {
        entries.text(vm, "type", "READ")?;
        entries.long(vm, "issuance", token.issuance_ms)?;
        entries.long(vm, "expiry", token.expiry_ms)?;
        entries.text(vm, "application", token.app_name.as_deref().unwrap_or_default())?;
        entries.texts(vm, "apps", &token.apps)?;
        entries.labels(vm, "labels", token.labels.as_ref())?;
        if shows_attributes {
            entries.labels(vm, "attributes", token.attributes.as_ref())?;
        }
    }
    if let Ok(token) = &write {
        entries.text(vm, "type", "WRITE")?;
        entries.long(vm, "issuance", token.issuance_ms)?;
        entries.long(vm, "expiry", token.expiry_ms)?;
        entries.text(vm, "application", &token.app_name)?;
        entries.labels(vm, "labels", token.labels.as_ref())?;
        if shows_attributes {
            entries.labels(vm, "attributes", token.attributes.as_ref())?;
        }
        // No throttling, no limits.
        let limits = Value::Map(vm.heap.alloc_map(Map::default())?);
        entries.value(vm, "limits", limits)?;
    }
    if let (Err(read), Err(write)) = (read, write) {
        entries.text(vm, "ReadTokenDecodeError", &read.to_string())?;
        entries.text(vm, "WriteTokenDecodeError", &write.to_string())?;
    }
    vm.push_map(entries.map)
}

/// The keys that a script gives on the stack, or those of the platform, which needs a capability.
/// Whether they are the platform's.
fn pop_keys(vm: &mut Machine, capability: &str) -> Result<(TokenKeys, bool)> {
    if let Value::Bytes(sip) = vm.peek(0)? {
        vm.pop()?;
        let Value::Bytes(aes) = vm.pop()? else {
            return Err(vm.error("expects a BYTES AES Key if a BYTES SipHash key is provided."));
        };
        let sip = <[u8; 16]>::try_from(&**vm.heap.bytes(sip));
        let aes = WrapKey::new(vm.heap.bytes(aes));
        return match (sip, aes) {
            (Ok(sip), Ok(aes)) => {
                let keys = TokenKeys {
                    sip: SipKey::from_bytes(sip),
                    app: SipKey::from_bytes([0; 16]),
                    aes,
                };
                Ok((keys, false))
            }
            _ => {
                Err(vm.error("expects keys of 128 bits (SipHash) and 128, 192 or 256 bits (AES)."))
            }
        };
    }
    if vm.capability(capability).is_none() {
        return Err(vm.error("missing capability."));
    }
    match platform_keys(vm) {
        Some(keys) => Ok((keys, true)),
        None => Err(vm.error("expects SipHash and AES keys to be explicitly defined.")),
    }
}

pub(super) fn generate(vm: &mut Machine) -> Result {
    let (keys, _) = pop_keys(vm, "tokengen")?;
    let params = vm.pop_map("expects a map on top of the stack.")?;
    let text = match from_map(vm, params, None)? {
        Token::Read(token) => keys.encode_read(&token),
        Token::Write(token) => keys.encode_write(&token),
    };
    let mut entries = Entries::default();
    entries.text(vm, "token", &text)?;
    entries.text(vm, "ident", &format!("{:016x}", keys.ident(&text)))?;
    if let Some(id) = params::get(vm, params, "id").filter(|id| !id.is_null()) {
        entries.value(vm, "id", id)?;
    }
    vm.push_map(entries.map)
}

/// The token that a map says; `ttl_ms` is for those that do not say when they end.
pub(crate) fn from_map(vm: &mut Machine, map: Handle<Map>, ttl_ms: Option<i64>) -> Result<Token> {
    let kind = params::get(vm, map, "type").and_then(|kind| vm.as_text(kind).cloned());
    let kind = kind.as_deref().unwrap_or_default();
    if !matches!(kind, "READ" | "WRITE") {
        return Err(vm.error("expects a key 'type' with value READ or WRITE in the parameter map."));
    }
    let owner = id(vm, map, "owner");
    let read_owner = if kind == "READ" { Some(owner.clone()?) } else { None };
    let application = required_text(vm, map, "application")?;
    let issuance_ms = number(vm, map, "issuance")?.unwrap_or_else(|| now_ms(vm));
    let expiry_ms = match (number(vm, map, "ttl")?, number(vm, map, "expiry")?) {
        (Some(ttl), _) => issuance_ms.saturating_add(ttl),
        (None, Some(expiry)) => expiry,
        (None, None) => match ttl_ms {
            Some(ttl) => issuance_ms.saturating_add(ttl),
            None => return Err(vm.error("missing 'ttl' or 'expiry'.")),
        },
    };
    if let Some(billed_id) = read_owner {
        return Ok(Token::Read(ReadToken {
            issuance_ms,
            expiry_ms,
            app_name: Some(application),
            billed_id,
            owners: ids(vm, map, "owners")?,
            producers: ids(vm, map, "producers")?,
            apps: list(vm, map, "applications", "a list of application names")?,
            attributes: labels(vm, map, "attributes")?,
            labels: labels(vm, map, "labels")?,
            ..ReadToken::default()
        }));
    }
    Ok(Token::Write(WriteToken {
        issuance_ms,
        expiry_ms,
        app_name: application,
        owner_id: owner?,
        producer_id: id(vm, map, "producer")?,
        attributes: labels(vm, map, "attributes")?,
        labels: labels(vm, map, "labels")?,
        ..WriteToken::default()
    }))
}

fn present(vm: &Machine, map: Handle<Map>, key: &str) -> Option<Value> {
    params::get(vm, map, key).filter(|value| !value.is_null())
}

pub(crate) fn required_text(vm: &mut Machine, map: Handle<Map>, key: &str) -> Result<String> {
    match present(vm, map, key) {
        Some(value) => Ok(params::text(vm, value)?.to_string()),
        None => Err(vm.error(&format!("missing '{key}'."))),
    }
}

fn number(vm: &Machine, map: Handle<Map>, key: &str) -> Result<Option<i64>> {
    match present(vm, map, key) {
        None => Ok(None),
        Some(Value::Long(number)) => Ok(Some(number)),
        Some(Value::Double(number)) => Ok(Some(number as i64)),
        Some(_) => Err(vm.error(&format!("expects '{key}' to be a number."))),
    }
}

fn id(vm: &mut Machine, map: Handle<Map>, key: &str) -> Result<Vec<u8>> {
    let text = required_text(vm, map, key)?;
    uuid_bytes(&text)
}

fn uuid_bytes(text: &str) -> Result<Vec<u8>> {
    let bytes = parse_uuid(text).map(|bytes| bytes.to_vec());
    bytes.ok_or_else(|| Fault::text(format!("Invalid UUID string: {text}")))
}

fn ids(vm: &mut Machine, map: Handle<Map>, key: &str) -> Result<Vec<Vec<u8>>> {
    let texts = list(vm, map, key, "a list of UUIDs")?;
    texts.iter().map(|text| uuid_bytes(text)).collect()
}

fn list(vm: &mut Machine, map: Handle<Map>, key: &str, what: &str) -> Result<Vec<String>> {
    let Some(value) = present(vm, map, key) else { return Ok(Vec::new()) };
    let Some(list) = value.as_list() else {
        return Err(vm.error(&format!("expects '{key}' to be {what}.")));
    };
    let values = vm.heap.list(list).clone();
    values.into_iter().map(|value| Ok(params::text(vm, value)?.to_string())).collect()
}

fn labels(vm: &Machine, map: Handle<Map>, key: &str) -> Result<Option<Labels>> {
    let Some(value) = present(vm, map, key) else { return Ok(None) };
    let Value::Map(map) = value else {
        return Err(vm.error(&format!("expects '{key}' to be a map.")));
    };
    let mut labels = Labels::new();
    for (name, value) in &vm.heap.map(map).entries {
        let (Some(name), Some(value)) = (name.as_text(), vm.as_text(*value)) else {
            let message = format!("expects '{key}' to be a map of STRING keys and values.");
            return Err(vm.error(&message));
        };
        labels.insert(&**name, &**value);
    }
    Ok((!labels.is_empty()).then_some(labels))
}

pub(super) fn dump(vm: &mut Machine) -> Result {
    let (keys, is_platforms) = pop_keys(vm, "tokendump")?;
    let text = vm.pop_text("expects a STRING token.")?;
    let token = if is_platforms {
        let read = tokens::read(vm, &text).map(Token::Read);
        read.or_else(|_| tokens::write(vm, &text).map(Token::Write))
    } else {
        let read = keys.decode_read(&text).map(Token::Read);
        read.or_else(|_| keys.decode_write(&text).map(Token::Write))
    };
    let token = token.map_err(|error| {
        Fault::text(error.to_string()).wrap(format!("{} invalid token.", vm.word.name))
    })?;
    let params = to_map(vm, &token)?;
    let params = Value::Map(vm.heap.alloc_map(params)?);
    let mut entries = Entries::default();
    entries.text(vm, "token", &text)?;
    entries.text(vm, "ident", &format!("{:016x}", keys.ident(&text)))?;
    entries.value(vm, "params", params)?;
    vm.push_map(entries.map)
}

/// What TOKENGEN makes the token of.
fn to_map(vm: &mut Machine, token: &Token) -> Result<Map> {
    let uuids = |ids: &[Vec<u8>]| ids.iter().map(|id| uuid(id)).collect::<Vec<_>>();
    let mut entries = Entries::default();
    match token {
        Token::Read(token) => {
            entries.text(vm, "type", "READ")?;
            entries.text(vm, "owner", &uuid(&token.billed_id))?;
            entries.text(vm, "application", token.app_name.as_deref().unwrap_or_default())?;
            entries.long(vm, "issuance", token.issuance_ms)?;
            entries.long(vm, "expiry", token.expiry_ms)?;
            entries.texts(vm, "owners", &uuids(&token.owners))?;
            entries.texts(vm, "producers", &uuids(&token.producers))?;
            entries.texts(vm, "applications", &token.apps)?;
            entries.labels(vm, "attributes", token.attributes.as_ref())?;
            entries.labels(vm, "labels", token.labels.as_ref())?;
        }
        Token::Write(token) => {
            entries.text(vm, "type", "WRITE")?;
            entries.text(vm, "owner", &token.owner())?;
            entries.text(vm, "producer", &token.producer())?;
            entries.text(vm, "application", &token.app_name)?;
            entries.long(vm, "issuance", token.issuance_ms)?;
            entries.long(vm, "expiry", token.expiry_ms)?;
            entries.labels(vm, "attributes", token.attributes.as_ref())?;
            entries.labels(vm, "labels", token.labels.as_ref())?;
        }
    }
    Ok(entries.map)
}

/// A map that is being made.
#[derive(Default)]
struct Entries {
    map: Map,
}

impl Entries {
    fn value(&mut self, vm: &mut Machine, name: &str, value: Value) -> Result {
        self.map.entries.insert(vm.heap.text_key(name)?, value);
        Ok(())
    }

    fn text(&mut self, vm: &mut Machine, name: &str, text: &str) -> Result {
        let value = vm.heap.string(text)?;
        self.value(vm, name, value)
    }

    fn long(&mut self, vm: &mut Machine, name: &str, long: i64) -> Result {
        self.value(vm, name, Value::Long(long))
    }

    /// A list, unless it is empty.
    fn texts(&mut self, vm: &mut Machine, name: &str, texts: &[String]) -> Result {
        if texts.is_empty() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            values.push(vm.heap.string(text.as_str())?);
        }
        let list = vm.heap.new_list(values)?;
        self.value(vm, name, list)
    }

    /// A map, unless it is empty.
    fn labels(&mut self, vm: &mut Machine, name: &str, labels: Option<&Labels>) -> Result {
        let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return Ok(()) };
        let mut inner = Self::default();
        for (name, value) in labels.iter() {
            inner.text(vm, name, value)?;
        }
        let map = Value::Map(vm.heap.alloc_map(inner.map)?);
        self.value(vm, name, map)
    }
}
