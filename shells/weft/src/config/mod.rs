//! Configuration: files in Warp 10's syntax, checked, and read by those who need them.
//!
//! `KEY = VALUE` a line; blank lines and lines that begin with `#`, `//` or `--` are comments.
//! Values are percent-decoded, `${KEY}` stands for another value, and of several files the later
//! one wins. Every key of the reference is known ([`keys`]); `weft.*` keys are Weft's own
//! ([`WEFT_KEYS`]).

mod choice;
mod idle;
mod keys;
mod value;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use weft_gts::{SipKey, WrapKey};
use weft_wire::keys::decode_key;

pub(crate) use choice::{Backend, Choice, choose};
pub(crate) use value::Kind;

/// Weft's own keys: kind, default, what it does.
pub(crate) const WEFT_KEYS: &[(&str, Kind, &str, &str)] = &[
    (
        "weft.backend",
        Kind::Text,
        "auto",
        "embedded, cluster, or auto: each of log, table and coordination as the configuration names \
         Kafka, HBase or ZooKeeper",
    ),
    ("weft.log", Kind::Text, "as weft.backend", "the log alone: embedded or kafka"),
    ("weft.table", Kind::Text, "as weft.backend", "the table alone: embedded or hbase"),
    ("weft.coord", Kind::Text, "as weft.backend", "coordination alone: embedded or zookeeper"),
    (
        "weft.hbase.bulkdelete",
        Kind::Bool,
        "true",
        "whether store deletes by HBase's BulkDeleteEndpoint, where that is deployed",
    ),
    (
        "weft.hbase.user",
        Kind::Text,
        "weft",
        "as whom HBase is spoken to, which must not ask for more",
    ),
    (
        "weft.hbase.masters",
        Kind::Text,
        "none",
        "masters of HBase, host:port,host:port: asked where it is in the place of ZooKeeper",
    ),
    ("weft.zookeeper.timeout", Kind::Long, "10000", "milliseconds that a session outlives contact"),
    (
        "weft.directory.address",
        Kind::Host,
        "as directory.host",
        "where a directory tells others to reach it, when it listens elsewhere",
    ),
    ("weft.home", Kind::Text, "./weft-data", "the folder of the embedded log and table"),
    ("weft.partitions", Kind::Long, "4", "partitions of topics that the embedded log makes"),
    (
        "weft.retention",
        Kind::Long,
        "3600000",
        "milliseconds that the embedded log keeps records after every group has done with them",
    ),
    ("weft.segment", Kind::Long, "67108864", "bytes of a file of the embedded log, about"),
    (
        "weft.memtable",
        Kind::Long,
        "25165824",
        "bytes of datapoints that the embedded table holds in memory before it writes a file",
    ),
    (
        "weft.directory.snapshot",
        Kind::Long,
        "10000",
        "rows of metadata that have changed at least before the directory saves its index beside \
         the embedded table, for a faster start; 0 for never",
    ),
    (
        "weft.throttling.mac",
        Kind::Key,
        "none",
        "the key that signs what ingresses tell each other on ingress.kafka.throttling.topic",
    ),
    ("weft.line.maxsize", Kind::Long, "16777216", "bytes of a line of update or meta"),
    ("weft.exec.script.maxsize", Kind::Long, "16777216", "bytes of a script, inflated"),
    ("weft.exec.script.memory", Kind::Long, "1073741824", "bytes that one script may hold"),
    (
        "weft.exec.memory",
        Kind::Long,
        "4294967296",
        "bytes that all scripts together may hold; beyond that the one that holds most ends",
    ),
    (
        "weft.http.connections",
        Kind::Long,
        "32768",
        "connections at a time; more wait, and files leave room",
    ),
    (
        "weft.plasma.buffer",
        Kind::Long,
        "8388608",
        "bytes that wait for one subscriber of plasma before it is cut off",
    ),
    (
        "weft.webcall.inside",
        Kind::Text,
        "none",
        "addresses inside (loopback, private, …) that WEBCALL and HTTP may reach: 127.0.0.1,10.0.0.0/8",
    ),
    (
        "weft.webcall.ca",
        Kind::Text,
        "none",
        "a file of certificates (PEM): authorities that WEBCALL and HTTP trust beside the system's",
    ),
    (
        "weft.webcall.timeout",
        Kind::Long,
        "10000",
        "milliseconds that a call to the outside may take",
    ),
    ("weft.webcall.attempts", Kind::Long, "5", "how often a WEBCALL that is not answered is made"),
    ("weft.webcall.host.max", Kind::Long, "4", "WEBCALLs to one host at a time"),
    ("weft.warpscript.legacy", Kind::Bool, "false", "whether words are there that 3.0 dropped"),
    ("weft.exec.max", Kind::Long, "20000", "scripts at a time; those beyond are refused (503)"),
];

/// What is wrong with a configuration. All of it is reported at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

/// A value and where it stands.
#[derive(Clone, Debug)]
struct Entry {
    value: String,
    place: String,
}

/// A configuration.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    entries: BTreeMap<String, Entry>,
    /// Keys that somebody asked for.
    used: RefCell<BTreeSet<String>>,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads files, the later ones over the earlier ones.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        let mut errors = Vec::new();
        for path in files {
            match std::fs::read_to_string(path) {
                Ok(text) => settings.add(path, &text, &mut errors),
                Err(error) => errors.push(format!("{}: {error}", path.display())),
            }
        }
        settings.expand(&mut errors);
        settings.check(&mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(ConfigError(errors)) }
    }

    /// Reads the text of one file.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        let mut errors = Vec::new();
        settings.add(Path::new("test.conf"), text, &mut errors);
        settings.expand(&mut errors);
        settings.check(&mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(ConfigError(errors)) }
    }

    /// What the operator should know, errors aside.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Keys that are set and that nobody asked for: a line for each that has a reason, and one for
    /// all others.
    pub(crate) fn without_effect(&self) -> Vec<String> {
        let used = self.used.borrow();
        let unused = self.entries.keys().map(String::as_str).filter(|key| !used.contains(*key));
        let (mut lines, mut others) = (Vec::new(), String::new());
        for key in unused {
            match idle::reason(key) {
                Some(reason) => lines.push(format!("without effect: {key} ({reason})")),
                None => others.push_str(&format!(" {key}")),
            }
        }
        lines.extend((!others.is_empty()).then(|| format!("without effect (yet):{others}")));
        lines
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.used.borrow_mut().insert(key.to_owned());
        self.entries.get(key).map(|entry| entry.value.as_str())
    }

    /// Whether any key that `is_one` picks is set, and which.
    pub(crate) fn any(&self, is_one: impl Fn(&str) -> bool) -> Option<&str> {
        self.entries.keys().map(String::as_str).find(|key| is_one(key))
    }

    /// All keys that begin so, and their values.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<(&str, &str)> {
        let found = self.entries.range(prefix.to_owned()..);
        let found: Vec<(&str, &str)> = found
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, entry)| (key.as_str(), entry.value.as_str()))
            .collect();
        self.used.borrow_mut().extend(found.iter().map(|(key, _)| (*key).to_owned()));
        found
    }

    /// The values that scripts of the runner use: `name@/place`.
    pub(crate) fn placed(&self) -> BTreeMap<String, String> {
        let placed = self.entries.iter().filter(|(key, _)| key.contains("@/"));
        let placed: BTreeMap<String, String> =
            placed.map(|(key, entry)| (key.clone(), entry.value.clone())).collect();
        self.used.borrow_mut().extend(placed.keys().cloned());
        placed
    }

    /// Whether a key is `true`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    /// The integer of a key. Values were checked when they were read.
    pub(crate) fn long(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    /// The size of a key: an integer that is not negative.
    pub(crate) fn size(&self, key: &str, default: usize) -> usize {
        self.long(key).and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
    }

    /// The 128-bit SipHash key of a key.
    pub(crate) fn sip_key(&self, key: &str) -> Result<Option<SipKey>, ConfigError> {
        let Some(bytes) = self.key_bytes(key)? else { return Ok(None) };
        match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(Some(SipKey::from_bytes(bytes))),
            Err(_) => Err(self.error(key, "its key must be 128 bits long")),
        }
    }

    /// The AES key of a key.
    pub(crate) fn aes_key(&self, key: &str) -> Result<Option<WrapKey>, ConfigError> {
        let Some(bytes) = self.key_bytes(key)? else { return Ok(None) };
        match WrapKey::new(&bytes) {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(self.error(key, "its key must be 128, 192 or 256 bits long")),
        }
    }

    /// What machines of WarpScript are configured with: limits, keys, time unit.
    pub(crate) fn machine_config(&self) -> Result<weft_warpscript::Config, ConfigError> {
        let mut config = weft_warpscript::Config::default();
        let mut errors = Vec::new();
        for (key, entry) in &self.entries {
            // Keys that are wrapped are known here only.
            let unwrapped = entry.value.starts_with("wrapped:").then(|| self.key_bytes(key));
            let value = match unwrapped.transpose().map(Option::flatten) {
                Ok(None) => entry.value.clone(),
                Ok(Some(bytes)) => {
                    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("hex:{digits}")
                }
                Err(error) => {
                    errors.extend(error.0);
                    continue;
                }
            };
            if config.set(key, &value) {
                self.used.borrow_mut().insert(key.clone());
            }
        }
        if errors.is_empty() { Ok(config) } else { Err(ConfigError(errors)) }
    }

    /// An error about a key.
    pub(crate) fn error(&self, key: &str, message: &str) -> ConfigError {
        let place = self.entries.get(key).map(|entry| format!("{}: ", entry.place));
        ConfigError(vec![format!("{}{key}: {message}", place.unwrap_or_default())])
    }

    fn key_bytes(&self, key: &str) -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(spec) = self.get(key) else { return Ok(None) };
        let master = match self.get("oss.master.key").or_else(|| self.get("warp.master.key")) {
            Some(spec) => {
                let bytes = decode_key(spec, None);
                bytes.ok().and_then(|bytes| WrapKey::new(&bytes).ok())
            }
            None => None,
        };
        decode_key(spec, master.as_ref())
            .map(Some)
            .map_err(|error| self.error(key, &error.to_string()))
    }

    fn add(&mut self, path: &Path, text: &str, errors: &mut Vec<String>) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let is_comment = ["#", "//", "--"].iter().any(|sign| line.starts_with(sign));
            if line.is_empty() || is_comment {
                continue;
            }
            let place = format!("{}, line {}", path.display(), index + 1);
            let Some((key, value)) = line.split_once('=') else {
                self.warnings.push(format!("{place}: no '=', left out: {line}"));
                continue;
            };
            let decoded = |text: &str| weft_gts::percent::decode(text).map(|t| t.trim().to_owned());
            match (decoded(key), decoded(value)) {
                (Ok(key), Ok(value)) if value.is_empty() => {
                    self.warnings.push(format!("{place}: {key} has no value, left out"));
                }
                (Ok(key), Ok(value)) => {
                    self.entries.insert(key, Entry { value, place });
                }
                _ => {
                    errors.push(format!("{place}: '%' must be followed by two hexadecimal digits"))
                }
            }
        }
    }

    /// Replaces `${KEY}`.
    fn expand(&mut self, errors: &mut Vec<String>) {
        let keys: Vec<String> = self.entries.keys().cloned().collect();
        for key in keys {
            let mut entry = self.entries[&key].clone();
            // A value that needs more is one that contains itself.
            for _ in 0..64 {
                let Some(start) = entry.value.find("${") else { break };
                let Some(length) = entry.value[start..].find('}') else { break };
                let name = entry.value[start + 2..start + length].to_owned();
                match self.entries.get(&name) {
                    Some(other) if name != key => {
                        entry.value.replace_range(start..=start + length, &other.value);
                    }
                    _ => {
                        let place = &entry.place;
                        errors
                            .push(format!("{place}: {key}: ${{{name}}} is not a key that is set"));
                        break;
                    }
                }
            }
            self.entries.insert(key, entry);
        }
    }

    fn check(&mut self, errors: &mut Vec<String>) {
        for (key, entry) in &self.entries {
            // A value of scripts of the runner may have any name.
            if key.contains("@/") {
                continue;
            }
            let Some(kind) = kind_of(key) else {
                let nearest = nearest(key).map(|near| format!("; did you mean {near}?"));
                self.warnings.push(format!(
                    "{}: {key} is not known{}",
                    entry.place,
                    nearest.unwrap_or_default()
                ));
                continue;
            };
            if let Some(allowed) = kind.complaint(&entry.value) {
                errors.push(format!(
                    "{}: {key} = {}: {allowed} is allowed",
                    entry.place, entry.value
                ));
            }
        }
    }
}

/// What the value of a key must be; `None` for keys that nobody knows.
fn kind_of(key: &str) -> Option<Kind> {
    // A key of one script or one extension: `name@path`.
    if key.contains('@') {
        return Some(Kind::Text);
    }
    let exact = keys::KEYS.iter().map(|(known, kind, _)| (*known, *kind));
    let own = WEFT_KEYS.iter().map(|(known, kind, ..)| (*known, *kind));
    exact
        .chain(own)
        .find(|(known, _)| *known == key)
        .or_else(|| {
            keys::KEYS
                .iter()
                .map(|(k, _, _)| (*k, Kind::Text))
                .find(|(known, _)| known.ends_with('.') && key.starts_with(known))
        })
        .map(|(_, kind)| kind)
        .or_else(|| {
            // Properties handed on to client libraries, and extensions' own keys.
            let prefixes = ["warpscript.extension.", "warp10.plugin.", "kafka.", "http.header."];
            prefixes.iter().any(|prefix| key.starts_with(prefix)).then_some(Kind::Text)
        })
}

/// The known key that is spelled most alike, when one is near enough.
fn nearest(key: &str) -> Option<&'static str> {
    let own = WEFT_KEYS.iter().map(|(known, ..)| *known);
    keys::KEYS
        .iter()
        .map(|(known, ..)| *known)
        .chain(own)
        .map(|known| (distance(key, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, known)| known)
}

/// How many characters must change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_expanded() {
        let settings = Settings::parse(
            "# c\n// c\n-- c\nwarp.timeunits = us\nwarp.token.file = /a%20b\n\
             weft.home = ${warp.token.file}/c\nno equals\n",
        )
        .expect("a configuration");
        assert_eq!(settings.get("warp.timeunits"), Some("us"));
        assert_eq!(settings.get("weft.home"), Some("/a b/c"));
        assert_eq!(settings.warnings().len(), 1);
        assert_eq!(settings.without_effect(), ["without effect (yet): warp.token.file"]);
    }

    #[test]
    fn keys_without_effect_say_why() {
        let settings = Settings::parse(
            "ingress.kafka.data.poolsize = 4\nstore.nthreads = 2\negress.selectors = 8\n\
             egress.hbase.parallelscanners.poolsize = 2\nwebcall.nthreads = 1\n",
        )
        .expect("a configuration");
        settings.get("store.nthreads");
        let [selectors, pool, others] = &settings.without_effect()[..] else { panic!("three") };
        assert!(selectors.starts_with("without effect: egress.selectors (an event"), "{selectors}");
        assert!(pool.starts_with("without effect: ingress.kafka.data.poolsize (one"), "{pool}");
        let asked = "without effect (yet): egress.hbase.parallelscanners.poolsize webcall.nthreads";
        assert_eq!(others, asked);
    }

    #[test]
    fn errors_name_file_line_key_and_what_is_allowed() {
        let error = Settings::parse("\nstandalone.port = x\nwarp.hash.class = 12\n");
        let text = error.expect_err("two errors").to_string();
        assert_eq!(
            text,
            "test.conf, line 2: standalone.port = x: a port, 0 to 65535 is allowed\n\
             test.conf, line 3: warp.hash.class = 12: hex: and hexadecimal digits, base64: and \
             Base64, or wrapped: and a wrapped key is allowed"
        );
    }

    #[test]
    fn unknown_keys_are_told_with_the_nearest_one() {
        let settings = Settings::parse("standalone.prot = 1\n").expect("a configuration");
        let [warning] = settings.warnings() else { panic!("one warning") };
        assert!(warning.contains("did you mean standalone.port?"), "{warning}");
    }

    #[test]
    fn a_reference_to_nothing_is_an_error() {
        let error = Settings::parse("weft.home = ${nothing}\n").expect_err("not set");
        assert!(error.to_string().contains("${nothing}"));
        assert!(Settings::parse("weft.home = ${weft.home}\n").is_err());
    }
}
