//! Tokens that scripts show: read with the keys of the configuration.
//!
//! Revocations are the platform's business: requests that carry a token are checked where they are
//! served.

use weft_gts::{SipKey, WrapKey};
use weft_wire::token::{ReadToken, TokenAuthority, TokenError, TokenKeys, WriteToken};

use crate::machine::Machine;

/// Who decides, with the keys that are configured.
fn authority(vm: &Machine) -> Result<TokenAuthority, TokenError> {
    let keys = &vm.config.keys;
    let (Some(sip), Some(aes)) = (keys.token, &keys.token_aes) else {
        return Err(TokenError::Invalid);
    };
    let aes = WrapKey::new(aes).map_err(|_| TokenError::Invalid)?;
    let app = SipKey::from_bytes(keys.app.unwrap_or_default());
    Ok(TokenAuthority::new(TokenKeys { sip: SipKey::from_bytes(sip), app, aes }))
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
