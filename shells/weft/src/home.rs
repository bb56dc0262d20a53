//! The folder that `weft start` makes when it is given no configuration.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use weft_gts::{SipKey, WrapKey};
use weft_wire::token::{ReadToken, TokenKeys, WriteToken};

/// Names of the files.
pub(crate) const CONFIGURATION: &str = "weft.conf";
pub(crate) const TOKENS: &str = "tokens.json";

/// The application of the first tokens.
const APPLICATION: &str = "weft";

/// The keys that a platform needs, and their bits.
const KEYS: [(&str, usize); 5] = [
    ("warp.hash.class", 128),
    ("warp.hash.labels", 128),
    ("warp.hash.token", 128),
    ("warp.hash.app", 128),
    ("warp.aes.token", 256),
];

/// Those that a cluster needs besides.
const CLUSTER_KEYS: [(&str, usize); 13] = [
    ("directory.psk", 128),
    ("ingress.kafka.data.mac", 128),
    ("ingress.kafka.data.aes", 256),
    ("ingress.kafka.metadata.mac", 128),
    ("ingress.kafka.metadata.aes", 256),
    ("directory.hbase.metadata.aes", 256),
    ("fetch.psk", 128),
    ("runner.psk", 256),
    ("runner.kafka.mac", 128),
    ("runner.kafka.aes", 256),
    ("webcall.kafka.mac", 128),
    ("webcall.kafka.aes", 256),
    ("weft.throttling.mac", 128),
];

/// Keys that read what those of another component wrote.
const SAME_KEYS: [(&str, &str); 10] = [
    ("store.kafka.data.mac", "ingress.kafka.data.mac"),
    ("store.kafka.data.aes", "ingress.kafka.data.aes"),
    ("directory.kafka.metadata.mac", "ingress.kafka.metadata.mac"),
    ("directory.kafka.metadata.aes", "ingress.kafka.metadata.aes"),
    // Records are copied to the topics of plasma's frontends as they are.
    ("plasma.backend.kafka.in.mac", "ingress.kafka.data.mac"),
    ("plasma.backend.kafka.in.aes", "ingress.kafka.data.aes"),
    ("plasma.backend.kafka.out.mac", "ingress.kafka.data.mac"),
    ("plasma.backend.kafka.out.aes", "ingress.kafka.data.aes"),
    ("plasma.frontend.kafka.mac", "ingress.kafka.data.mac"),
    ("plasma.frontend.kafka.aes", "ingress.kafka.data.aes"),
];

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes: {error}"))?;
    Ok(bytes)
}

/// Lines of a configuration with fresh keys, with those of a cluster if they are wanted.
pub(crate) fn fresh_keys(for_cluster: bool) -> Result<String, String> {
    let mut lines = String::new();
    let more = CLUSTER_KEYS.iter().filter(|_| for_cluster);
    for (key, bits) in KEYS.iter().chain(more) {
        let bytes: [u8; 32] = random()?;
        lines.push_str(&format!("{key} = hex:{}\n", hex(&bytes[..bits / 8])));
    }
    for (key, other) in SAME_KEYS.iter().filter(|_| for_cluster) {
        lines.push_str(&format!("{key} = ${{{other}}}\n"));
    }
    Ok(lines)
}

/// Makes the folder with a configuration and tokens, unless it has them, and returns the path of
/// the configuration.
pub(crate) fn prepare(home: &Path) -> Result<PathBuf, String> {
    let configuration = home.join(CONFIGURATION);
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(home).map_err(|error| failed(home, error))?;
    if !configuration.exists() {
        let text = format!(
            "# Made by weft start. Whoever has these keys can make tokens: keep them to yourself.\n\
             warp.timeunits = us\nstandalone.host = 127.0.0.1\nstandalone.port = 8080\n\
             weft.home = {}\n{}",
            weft_gts::percent::encode(&home.display().to_string()),
            fresh_keys(false)?
        );
        write_private(&configuration, &text).map_err(|error| failed(&configuration, error))?;
    }
    Ok(configuration)
}

/// Makes the first tokens, unless they are there. The read and the write token.
pub(crate) fn tokens(
    home: &Path,
    keys: &TokenKeys,
    now_ms: i64,
) -> Result<(String, String), String> {
    let path = home.join(TOKENS);
    if let Ok(text) = fs::read_to_string(&path) {
        return read_tokens(&text)
            .ok_or_else(|| format!("{}: not a file of tokens", path.display()));
    }
    let user = random::<16>()?.to_vec();
    let expiry_ms = now_ms + 10 * 365 * 24 * 3_600 * 1_000;
    let read = keys.encode_read(&ReadToken {
        issuance_ms: now_ms,
        expiry_ms,
        app_name: Some(APPLICATION.to_owned()),
        apps: vec![APPLICATION.to_owned()],
        owners: vec![user.clone()],
        billed_id: user.clone(),
        ..ReadToken::default()
    });
    let write = keys.encode_write(&WriteToken {
        issuance_ms: now_ms,
        expiry_ms,
        app_name: APPLICATION.to_owned(),
        producer_id: user.clone(),
        owner_id: user,
        ..WriteToken::default()
    });
    let text = format!("{:#}\n", json!({ "read": read, "write": write }));
    write_private(&path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((read, write))
}

/// The read and the write token of a tokens file.
pub(crate) fn read_tokens(text: &str) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some((value["read"].as_str()?.to_owned(), value["write"].as_str()?.to_owned()))
}

/// Keys for tokens.
pub(crate) fn token_keys(sip: SipKey, app: SipKey, aes: WrapKey) -> TokenKeys {
    TokenKeys { sip, app, aes }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
