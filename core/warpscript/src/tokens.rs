//! Tokens that scripts show: read with the keys of the configuration. Tokens and attributes that a
//! configuration says by a script.
//!
//! What is revoked, named or given by default the platform says ([`Machine::authority`]).

use std::sync::Arc;

use weft_gts::{Labels, SipKey, WrapKey};
use weft_wire::token::{ReadToken, Token, TokenAuthority, TokenError, TokenKeys, WriteToken};

use crate::heap::Map;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::store::tokens::{from_map, required_text};

/// How long a token is good that a script of the configuration says without an end, milliseconds: for
/// ever.
const TTL_MS: i64 = i64::MAX >> 4;

/// The token that a script has left, as TOKENGEN takes it, and its `id`. The script has ended.
///
/// # Errors
/// The script failed, or left something else.
pub fn specified(vm: &mut Machine) -> Result<(String, Token), String> {
    let map = left(vm)?;
    let id = required_text(vm, map, "id");
    let token = id.and_then(|id| Ok((id, from_map(vm, map, Some(TTL_MS))?)));
    token.map_err(|fault| fault.into_error().to_string().trim_start().to_owned())
}

/// The attributes that a script has left: a map of STRING keys and values. The script has ended.
///
/// # Errors
/// The script failed, or left something else.
pub fn attributes(vm: &mut Machine) -> Result<Labels, String> {
    let map = left(vm)?;
    let entries = vm.heap.map(map).entries.iter();
    let pair = entries.map(|(name, value)| {
        let (name, value) = (name.as_text()?, vm.as_text(*value)?);
        Some((name.to_string(), value.to_string()))
    });
    let pairs: Option<Vec<_>> = pair.collect();
    let pairs = pairs.ok_or_else(|| "a map of STRING keys and values is expected".to_owned())?;
    Ok(pairs.into_iter().collect())
}

/// The one map that a script has left.
fn left(vm: &Machine) -> Result<Handle<Map>, String> {
    if let Some(failure) = vm.failure() {
        return Err(failure.error.to_string());
    }
    match vm.visible() {
        [Value::Map(map)] => Ok(*map),
        _ => Err("one map is expected".to_owned()),
    }
}

/// Who decides.
pub(crate) fn authority(vm: &Machine) -> Result<Arc<TokenAuthority>, TokenError> {
    if let Some(authority) = &vm.authority {
        return Ok(authority.clone());
    }
    let keys = &vm.config.keys;
    let (Some(sip), Some(aes)) = (keys.token, &keys.token_aes) else {
        return Err(TokenError::Invalid);
    };
    let aes = WrapKey::new(aes).map_err(|_| TokenError::Invalid)?;
    let app = SipKey::from_bytes(keys.app.unwrap_or_default());
    Ok(Arc::new(TokenAuthority::new(TokenKeys { sip: SipKey::from_bytes(sip), app, aes })))
}

fn now_ms(vm: &Machine) -> i64 {
    vm.clock.wall_ns.div_euclid(1_000_000)
}

/// A read token that is good now.
///
/// # Errors
/// When it is none, or has ended.
pub(crate) fn read(vm: &Machine, token: &str) -> Result<ReadToken, TokenError> {
    authority(vm)?.read_token(Some(token), now_ms(vm))
}

/// A write token that is good now.
///
/// # Errors
/// When it is none, or has ended.
pub(crate) fn write(vm: &Machine, token: &str) -> Result<WriteToken, TokenError> {
    authority(vm)?.write_token(Some(token), now_ms(vm))
}
