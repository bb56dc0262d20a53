//! Which tokens are good, by the reference's keys.

use std::sync::Arc;
use std::time::Duration;

use weft_gts::Labels;
use weft_warpscript::{Config, Limits, tokens::attributes};
use weft_wire::token::{AttributeDefaults, NamedTokens, Revocations, TokenAuthority, TokenKeys};

use super::millis;
use crate::config::{ConfigError, Settings};
use crate::revocations::RevocationFolder;
use crate::script::evaluate;
use crate::token::TokenFile;

/// Who decides, with nothing revoked and no names.
pub(super) fn authority(
    settings: &Settings,
    tokens: &TokenKeys,
) -> Result<TokenAuthority, ConfigError> {
    let banned = settings.get("warp.token.banned.attributes").unwrap_or_default();
    let banned = banned.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(TokenAuthority::new(tokens.clone())
        .with_banned_attributes(banned.map(str::to_owned).collect())
        .with_attribute_defaults(AttributeDefaults {
            read: defaults(settings, "warp.token.read.attributes.default")?,
            write: defaults(settings, "warp.token.write.attributes.default")?,
        }))
}

/// Attributes that a script says.
fn defaults(settings: &Settings, key: &str) -> Result<Labels, ConfigError> {
    let Some(script) = settings.get(key) else { return Ok(Labels::new()) };
    let config = of_scripts(settings)?;
    let said = evaluate(&config, script).and_then(|mut machine| attributes(&mut machine));
    said.map_err(|error| settings.error(key, &error))
}

/// What scripts of the configuration run by.
fn of_scripts(settings: &Settings) -> Result<Arc<Config>, ConfigError> {
    Ok(Arc::new(Config { soft: Limits::MAX, ..settings.machine_config()? }))
}

/// The file of tokens with plain names, and what it says, if the configuration names one.
pub(super) fn file(settings: &Settings) -> Result<Option<(TokenFile, NamedTokens)>, ConfigError> {
    let key = "warp.token.file";
    let Some(path) = settings.get(key) else { return Ok(None) };
    let file = TokenFile { path: path.into(), config: of_scripts(settings)? };
    let now = file.load().map_err(|error| settings.error(key, &error))?;
    Ok(Some((file, now)))
}

/// The lists of what is revoked, if the configuration says where they are.
pub(super) fn revocations(
    settings: &Settings,
    tokens: &TokenKeys,
) -> Result<Option<(RevocationFolder, Revocations)>, ConfigError> {
    let key = "warp.trl.dir";
    let Some(root) = settings.get(key) else { return Ok(None) };
    let period = millis(settings, "warp.trl.scan.period", 60_000).max(Duration::from_millis(10));
    let folder = RevocationFolder { root: root.into(), period, keys: tokens.clone() };
    let now = folder.load().map_err(|error| settings.error(key, &error))?;
    Ok(Some((folder, now)))
}
