//! `weft token`: tokens made and read with the keys of a configuration.

mod file;
mod revoke;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use weft_gts::Labels;
use weft_wire::token::{ReadToken, TokenKeys, WriteToken, parse_uuid, uuid};

pub(crate) use file::TokenFile;

use crate::config::Settings;
use crate::home;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a read token.
    #[command(after_help = "Example:\n  weft token read --app my.app --owner \
                            01234567-89ab-cdef-0123-456789abcdef --days 365")]
    Read(ReadFields),
    /// Make a write token.
    #[command(after_help = "Example:\n  weft token write --app my.app --owner \
                            01234567-89ab-cdef-0123-456789abcdef --days 365")]
    Write(Fields),
    /// Show what a token holds.
    Decode {
        #[command(flatten)]
        keys: Keys,
        /// The token.
        token: String,
    },
    /// Print what identifies a token in revocation lists.
    Ident {
        #[command(flatten)]
        keys: Keys,
        /// The token.
        token: String,
    },
    /// Revoke tokens and applications: adds to the revocation list in warp.trl.dir.
    #[command(after_help = "Example:\n  weft token revoke --app my.app\n\nServers see it within \
                            warp.trl.scan.period.")]
    Revoke {
        #[command(flatten)]
        keys: Keys,
        /// The folder of lists; warp.trl.dir of the configuration when it is not named.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// An application: all of its tokens.
        #[arg(long)]
        app: Vec<String>,
        /// What identifies a token (`weft token ident`).
        #[arg(long)]
        ident: Vec<String>,
        /// Tokens.
        #[arg(required_unless_present_any = ["app", "ident"])]
        tokens: Vec<String>,
    },
}

/// Where the keys are.
#[derive(Args, Debug)]
pub(crate) struct Keys {
    /// Configuration files with the keys; ./weft-data/weft.conf when none is named.
    #[arg(long)]
    conf: Vec<PathBuf>,
}

/// What a new read token holds beside what every token does.
#[derive(Args, Debug)]
pub(crate) struct ReadFields {
    #[command(flatten)]
    fields: Fields,
    /// Hooks, NAME=SCRIPT: `postfetch` runs behind FETCH, GETHOOK gives others.
    #[arg(long)]
    hook: Vec<String>,
}

/// What a new token holds.
#[derive(Args, Debug)]
pub(crate) struct Fields {
    #[command(flatten)]
    keys: Keys,
    /// The application.
    #[arg(long)]
    app: String,
    /// The owner, a UUID.
    #[arg(long)]
    owner: String,
    /// The producer, a UUID; the owner when it is not named.
    #[arg(long)]
    producer: Option<String>,
    /// How long it is good.
    #[arg(long, default_value_t = 365)]
    days: i64,
    /// Labels, NAME=VALUE: forced on what is written, or selectors of what is read.
    #[arg(long)]
    label: Vec<String>,
    /// Attributes, NAME=VALUE, .maxsize=1024 say.
    #[arg(long)]
    attribute: Vec<String>,
}

/// Does it.
pub(crate) fn run(command: &Command) -> Result<(), String> {
    match command {
        Command::Read(fields) => println!("{}", read_token(fields)?),
        Command::Write(fields) => println!("{}", write_token(fields)?),
        Command::Decode { keys, token } => println!("{:#}", decode(&keys.load()?, token)?),
        Command::Ident { keys, token } => println!("{:016x}", keys.load()?.ident(token)),
        Command::Revoke { keys, dir, app, ident, tokens } => {
            let settings = keys.settings()?;
            let token_keys = keys.load()?;
            let folder = dir.as_deref().or_else(|| settings.get("warp.trl.dir").map(Path::new));
            let folder =
                folder.ok_or("no folder of lists: set warp.trl.dir, or name it by --dir")?;
            let lines = revoked_lines(&token_keys, app, ident, tokens)?;
            println!("{}", revoke::revoke(&token_keys, folder, &lines, now_ms())?.display());
        }
    }
    Ok(())
}

impl Keys {
    fn settings(&self) -> Result<Settings, String> {
        let default = PathBuf::from("weft-data").join(home::CONFIGURATION);
        let files = if self.conf.is_empty() { vec![default] } else { self.conf.clone() };
        Settings::read(&files).map_err(|error| error.to_string())
    }

    fn load(&self) -> Result<TokenKeys, String> {
        crate::plan::token_keys(&self.settings()?).map_err(|error| error.to_string())
    }
}

/// Lines of a revocation list.
fn revoked_lines(
    keys: &TokenKeys,
    apps: &[String],
    idents: &[String],
    tokens: &[String],
) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for app in apps {
        if app.is_empty() || app.trim() != app || app.contains(['\n', '\r']) {
            return Err(format!("{app:?}: no list can name this application"));
        }
        lines.push(format!("+{app}"));
    }
    lines.extend(idents.iter().map(|ident| ident.to_ascii_lowercase()));
    for token in tokens {
        if keys.decode_read(token).is_err() && keys.decode_write(token).is_err() {
            return Err(format!(
                "{token}: not a token of these keys; by --ident it is revoked all the same"
            ));
        }
        lines.push(format!("{:016x}", keys.ident(token)));
    }
    Ok(lines)
}

fn read_token(ReadFields { fields, hook }: &ReadFields) -> Result<String, String> {
    let owner = id(&fields.owner)?;
    let now_ms = now_ms();
    let producers = fields.producer.as_deref().map(id).transpose()?;
    let token = ReadToken {
        issuance_ms: now_ms,
        expiry_ms: expiry_ms(now_ms, fields.days)?,
        app_name: Some(fields.app.clone()),
        apps: vec![fields.app.clone()],
        owners: vec![owner.clone()],
        producers: producers.into_iter().collect(),
        billed_id: owner,
        hooks: pairs(hook)?,
        labels: pairs(&fields.label)?,
        attributes: pairs(&fields.attribute)?,
        ..ReadToken::default()
    };
    Ok(fields.keys.load()?.encode_read(&token))
}

fn write_token(fields: &Fields) -> Result<String, String> {
    let owner = id(&fields.owner)?;
    let now_ms = now_ms();
    let token = WriteToken {
        issuance_ms: now_ms,
        expiry_ms: expiry_ms(now_ms, fields.days)?,
        producer_id: fields
            .producer
            .as_deref()
            .map(id)
            .transpose()?
            .unwrap_or_else(|| owner.clone()),
        owner_id: owner,
        app_name: fields.app.clone(),
        labels: pairs(&fields.label)?,
        attributes: pairs(&fields.attribute)?,
        ..WriteToken::default()
    };
    Ok(fields.keys.load()?.encode_write(&token))
}

fn decode(keys: &TokenKeys, text: &str) -> Result<Value, String> {
    if let Ok(token) = keys.decode_read(text) {
        let ids = |ids: &[Vec<u8>]| ids.iter().map(|id| uuid(id)).collect::<Vec<_>>();
        return Ok(json!({
            "type": "READ",
            "issuance": token.issuance_ms,
            "expiry": token.expiry_ms,
            "application": token.app_name,
            "applications": token.apps,
            "owners": ids(&token.owners),
            "producers": ids(&token.producers),
            "hooks": map(token.hooks.as_ref()),
            "labels": map(token.labels.as_ref()),
            "attributes": map(token.attributes.as_ref()),
        }));
    }
    let token = keys.decode_write(text).map_err(|error| error.to_string())?;
    Ok(json!({
        "type": "WRITE",
        "issuance": token.issuance_ms,
        "expiry": token.expiry_ms,
        "application": token.app_name,
        "owner": token.owner(),
        "producer": token.producer(),
        "labels": map(token.labels.as_ref()),
        "attributes": map(token.attributes.as_ref()),
    }))
}

fn map(labels: Option<&Labels>) -> Value {
    let pairs = labels.into_iter().flat_map(Labels::iter);
    Value::Object(pairs.map(|(name, value)| (name.to_owned(), value.into())).collect())
}

fn id(text: &str) -> Result<Vec<u8>, String> {
    parse_uuid(text).map(|id| id.to_vec()).ok_or_else(|| format!("{text}: not a UUID"))
}

fn pairs(texts: &[String]) -> Result<Option<Labels>, String> {
    let pair = |text: &String| {
        let pair = text.split_once('=').ok_or_else(|| format!("{text}: not NAME=VALUE"))?;
        Ok((pair.0.to_owned(), pair.1.to_owned()))
    };
    let labels: Labels =
        texts.iter().map(pair).collect::<Result<Vec<_>, String>>()?.into_iter().collect();
    Ok((!labels.is_empty()).then_some(labels))
}

fn expiry_ms(now_ms: i64, days: i64) -> Result<i64, String> {
    let ttl_ms = days.checked_mul(24 * 3_600 * 1_000).filter(|ttl| *ttl > 0);
    ttl_ms
        .and_then(|ttl| now_ms.checked_add(ttl))
        .ok_or_else(|| format!("{days} days: too few or too many"))
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
