//! Coverage marks: what machines can be told and can want, each of their metrics, warnings and
//! refusals. A set of seeds that leaves one out has not tried everything.
//!
//! A mark is a component and a name. Tests compare the tables with the sources of the machines, so
//! none is forgotten; what no seed can reach is not listed, or says why (`UNREACHED`).

use std::collections::BTreeSet;

use crate::node::Component;
use crate::node::Component::{Backend, Directory, Egress, Frontend, Ingress, Store};
use crate::odd;

/// What machines want, and what they can be told of it, separated by `|`.
const KINDS: &[(Component, &str)] = &[
    (
        Directory,
        "answer|ask|ask cancel|ask ends|ask next|assigned|cancel|changed|commit|\
         commit failed|commit refused|committed|connected|create|delete meta|\
         disconnected|done|ends|ends failed|get|gone rows|has applied|next|no node|node|\
         not done|not ready|pause|put meta|ready|records|resume|revoked|rows|\
         save snapshot|scan meta|seek|snapshot|stop|stopped|stream broke|stream ended|subscribe|tick|\
         write failed|written",
    ),
    (
        Egress,
        "applied|ask ends|call|call failed|called|cancel|changed|children|\
         client gone|compute|computed|connected|disconnected|ends|ends failed|fetch|\
         find|find cancel|find ended|find failed|find next|found|get|list|next|\
         no children|no node|node|not ready|points|ready|request body|request broken|\
         request end|request head|response abort|response body|response drained|\
         response end|response head|script|switch|stop|stopped|stream broke|stream ended|tick|counted|\
         upgrade|message|send message|close|request pause|request resume",
    ),
    (
        Ingress,
        "append|append failed|append unknown|appended|applied|ask ends|ask limits|assigned|\
         changed|children|client gone|close|commit|commit failed|commit refused|committed|\
         compute|computed|connected|describe|describe failed|described|disconnected|\
         ends|ends failed|find|find cancel|find ended|find failed|find next|found|\
         get|limits|limits failed|list|message|no children|no node|node|pause|ready|records|request body|\
         request broken|request end|request head|request pause|request resume|\
         response abort|response body|response drained|response end|response head|\
         resume|revoked|seek|send message|stop|stopped|subscribe|tick|upgrade",
    ),
    (
        Store,
        "flush|flushed|flush failed|subscribe|assigned|revoked|records|pause|resume|seek|commit|committed|\
         commit failed|commit refused|put|written|write failed|delete|deleted|\
         delete failed|has applied|ready|tick|stop|stopped",
    ),
    (
        Backend,
        "append|append failed|append unknown|appended|assigned|changed|children|commit|\
         commit failed|commit refused|committed|connected|create|describe|describe failed|\
         described|disconnected|done|get|list|no children|no node|node|not done|not ready|\
         pause|ready|records|resume|revoked|seek|set|stop|stopped|subscribe|tick",
    ),
    (
        Frontend,
        "applied|ask ends|assigned|changed|children|client gone|close|commit|commit failed|\
         commit refused|committed|connected|create|disconnected|done|ends|ends failed|find|\
         find cancel|find ended|find failed|find next|found|get|list|message|no children|\
         no node|node|not done|not ready|pause|ready|records|remove|request body|\
         request broken|request end|request head|request pause|request resume|response body|\
         response drained|response end|response head|resume|revoked|seek|send message|set|\
         stop|stopped|subscribe|tick|upgrade",
    ),
];

/// Metrics, by the file that changes them.
const METRICS: &[(&str, Component, &str)] = &[
    ("store.rs", Store, "weft_store_datapoints_total"),
    ("store.rs", Store, "weft_store_table_errors_total"),
    ("store.rs", Store, "weft_store_hung_total"),
    ("store.rs", Store, "weft_store_dropped_records_total"),
    ("directory/finds.rs", Directory, "weft_directory_finds_total"),
    ("directory/mod.rs", Directory, "weft_directory_series"),
    ("directory/mod.rs", Directory, "weft_directory_classes"),
    ("directory/mod.rs", Directory, "weft_directory_dropped_records_total"),
    ("directory/snapshots.rs", Directory, "weft_directory_snapshots_total"),
    ("ingress/mod.rs", Ingress, "weft_ingress_datapoints_total"),
    ("ingress/again.rs", Ingress, "weft_ingress_metadata_republished_total"),
    ("ingress/mod.rs", Ingress, "weft_ingress_metadata_cache_entries"),
    ("ingress/mod.rs", Ingress, "weft_ingress_requests_total"),
    ("ingress/throttle.rs", Ingress, "weft_ingress_accounted_datapoints_total"),
    ("ingress/throttle.rs", Ingress, "weft_throttling_refusals_total"),
    ("ingress/throttle.rs", Ingress, "weft_throttling_waits_total"),
    ("throttling/mod.rs", Ingress, "weft_throttling_series"),
    ("throttling/mod.rs", Ingress, "weft_throttling_estimators"),
    ("throttling/mod.rs", Ingress, "weft_throttling_sent_total"),
    ("throttling/mod.rs", Ingress, "weft_throttling_fusions_total"),
    ("throttling/mod.rs", Ingress, "weft_throttling_dropped_records_total"),
    ("egress/fetch.rs", Egress, "weft_egress_fetched_datapoints_total"),
    ("egress/exec/mod.rs", Egress, "weft_egress_scripts_total"),
    ("plasma/backend.rs", Backend, "weft_plasma_copied_records_total"),
    ("plasma/frontend/mod.rs", Frontend, "weft_plasma_clients"),
    ("plasma/frontend/deliveries.rs", Frontend, "weft_plasma_waiting_bytes"),
    ("plasma/frontend/mod.rs", Frontend, "weft_plasma_slow_clients_total"),
    ("plasma/frontend/mod.rs", Frontend, "weft_plasma_lapsed_clients_total"),
    ("plasma/frontend/deliveries.rs", Frontend, "weft_plasma_dropped_records_total"),
];

/// Warnings, by the file that has them, as their format strings are written.
const WARNINGS: &[(&str, Component, &str)] = &[
    ("store.rs", Store, "store: partition {number} of {}: {error}; trying again in {wait:?}"),
    ("store.rs", Store, "store: partition {number} of {}: no answer within {:?} "),
    ("store.rs", Store, "store: the table does not flush: {error}; trying again in {wait:?}"),
    ("store.rs", Store, "store: the table did not flush within {:?} "),
    ("store.rs", Store, "store: record {offset} of partition {number} of {} is passed over: "),
    ("directory/loading.rs", Directory, "directory: cannot read what is stored: {reason}; "),
    ("directory/mod.rs", Directory, "directory: {error}; trying again"),
    ("directory/mod.rs", Directory, "directory: cannot register: {error}"),
    ("directory/snapshots.rs", Directory, "directory: no snapshot of the index is kept, "),
    ("directory/mod.rs", Directory, "directory: {what} is passed over: {reason}"),
    ("ingress/again.rs", Ingress, "ingress: metadata of series "),
    ("ingress/mod.rs", Ingress, "ingress: a topic ({} or {}) cannot be used: {reason}; "),
    ("ingress/deletes.rs", Ingress, "ingress: a delete failed: {message}"),
    ("throttling/mod.rs", Ingress, "ingress: the folder of throttling: {error}; "),
    ("throttling/mod.rs", Ingress, "ingress: of throttling {what} is passed over: {reason}"),
    ("throttling/mod.rs", Ingress, "ingress: others are not told what was counted: {error}; "),
    (
        "throttling/mod.rs",
        Ingress,
        "ingress: the topic of throttling ({}) cannot be used: {reason}; ",
    ),
    ("egress/mod.rs", Egress, "egress: an answer broke off: {refusal}"),
    ("egress/exec/mod.rs", Egress, "egress: a script's result broke off: {message}"),
    ("plasma/backend.rs", Backend, "plasmaBE: node {name} is passed over: its hash is not its own"),
    ("plasma/backend.rs", Backend, "plasmaBE: records for {topic} are lost: {reason}"),
    (
        "plasma/frontend/deliveries.rs",
        Frontend,
        "plasmaFE: a record of {topic} is passed over: {reason}",
    ),
];

/// Marks that no seed reaches, and why.
const UNREACHED: &[(Component, &str, &str)] = &[
    (Egress, "script", "no node has a library of scripts"),
    (Egress, "switch", "no script may switch services"),
    (Directory, "seek", "only a store begins a partition again"),
    (Ingress, "seek", "only a store begins a partition again"),
    (Ingress, "ingress: metadata of series ", "the log refuses no record that it took once"),
    (Egress, "upgrade", NO_SESSION),
    (Egress, "message", NO_SESSION),
    (Egress, "send message", NO_SESSION),
    (Egress, "close", NO_SESSION),
    (Egress, "request pause", NO_SESSION),
    (Egress, "request resume", NO_SESSION),
    (Ingress, "upgrade", NO_WEBSOCKET),
    (Ingress, "message", NO_WEBSOCKET),
    (Ingress, "send message", NO_WEBSOCKET),
    (Ingress, "close", NO_WEBSOCKET),
    (Ingress, "commit", STANDS_ALONE),
    (Ingress, "committed", STANDS_ALONE),
    (Ingress, "commit failed", STANDS_ALONE),
    (Ingress, "commit refused", STANDS_ALONE),
    (Ingress, "revoked", KEEPS_ALL),
    (Frontend, "commit", STANDS_ALONE),
    (Frontend, "committed", STANDS_ALONE),
    (Frontend, "commit failed", STANDS_ALONE),
    (Frontend, "commit refused", STANDS_ALONE),
    (Frontend, "revoked", KEEPS_ALL),
    (Frontend, "seek", "only a store begins a partition again"),
    (Frontend, "request body", ONLY_WEBSOCKETS),
    (Frontend, "request broken", ONLY_WEBSOCKETS),
    (Frontend, "request end", ONLY_WEBSOCKETS),
    (Frontend, "response head", ONLY_WEBSOCKETS),
    (Frontend, "response body", ONLY_WEBSOCKETS),
    (Frontend, "response end", ONLY_WEBSOCKETS),
    (Frontend, "request pause", "no subscriber says so much at once"),
    (Frontend, "request resume", "no subscriber says so much at once"),
    (Backend, "seek", "only a store begins a partition again"),
    (
        Backend,
        "plasmaBE: node {name} is passed over: its hash is not its own",
        "nobody else writes nodes",
    ),
    (
        Backend,
        "plasmaBE: records for {topic} are lost: {reason}",
        "the log refuses no record that it took once",
    ),
];

const KEEPS_ALL: &str = "a member that stands alone keeps every partition";

const ONLY_WEBSOCKETS: &str = "subscribers ask for WebSockets alone, where they are to be had";

const NO_SESSION: &str = "no node has Mobius or interactive sessions";

const NO_WEBSOCKET: &str = "no client streams updates";

const STANDS_ALONE: &str = "a member that stands alone commits nothing";

/// All marks that seeds must hit.
pub fn expected() -> BTreeSet<String> {
    let kinds = KINDS.iter().flat_map(|(of, names)| names.split('|').map(|name| (*of, name)));
    let texts = METRICS.iter().chain(WARNINGS).map(|(_, component, name)| (*component, *name));
    let refusals = odd::refusals().map(|refusal| (refusal.component, refusal.message));
    let all = kinds.chain(texts).chain(refusals);
    all.filter(|mark| !UNREACHED.iter().any(|(component, name, _)| *mark == (*component, *name)))
        .map(|(component, name)| name_of(component, name))
        .collect()
}

/// How a mark is printed.
pub fn name_of(component: Component, name: &str) -> String {
    format!("{component:?} {name}")
}

/// The mark of a warning; of one that no table knows, [`UNKNOWN`].
pub fn warning(text: &str) -> &'static str {
    let known = WARNINGS.iter().find(|(_, _, pattern)| fits(pattern, text));
    known.map_or(UNKNOWN, |(_, _, pattern)| pattern)
}

/// The mark of a text that no table knows.
pub const UNKNOWN: &str = "says what no table knows";

/// Whether a text begins as a format string does, with anything for what stands in braces.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split(['{', '}']).step_by(2);
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    pieces.all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A source of the machines as it is compiled: without its tests, and with the strings that
    /// go over several lines in one.
    fn source(file: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/daemons/src");
        let text = std::fs::read_to_string(root.join(file)).expect("a file of the machines");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut joined = String::new();
        for line in code.lines() {
            let line = line.trim_start();
            match line.strip_suffix('\\') {
                Some(begun) => joined.push_str(begun),
                None => {
                    joined.push_str(line);
                    joined.push('\n');
                }
            }
        }
        joined
    }

    fn files() -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/daemons/src");
        let (mut folders, mut files) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder of the machines") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(file) = path.strip_prefix(&root)
                    && path.extension().is_some_and(|extension| extension == "rs")
                    && !file.starts_with("contract")
                    // What a directory says over the network: here it is asked directly.
                    && !file.ends_with("directory/service.rs")
                    // Those have worlds of their own.
                    && !file.starts_with("runner")
                    && !file.starts_with("webcall")
                    && !file.ends_with("egress/exec/web.rs")
                    && path.file_name().is_some_and(|name| name != "tests.rs")
                {
                    files.push(file.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// What a source says when its machine wants something, and the marks of that and of
    /// everything that it can be told of it.
    const WANTED: &[(&str, &[&str])] = &[
        ("LogAction::Describe {", &["describe", "described", "describe failed"]),
        ("LogAction::Append {", &["append", "appended", "append failed", "append unknown"]),
        ("LogAction::Subscribe {", &["subscribe", "assigned", "revoked", "records"]),
        ("LogAction::Pause {", &["pause"]),
        ("LogAction::Resume {", &["resume"]),
        ("LogAction::Seek {", &["seek"]),
        ("LogAction::Commit {", &["commit", "committed", "commit failed", "commit refused"]),
        ("LogAction::Ends {", &["ask ends", "ends", "ends failed"]),
        ("TableAction::Put {", &["put", "written", "write failed"]),
        ("TableAction::Delete {", &["delete", "deleted", "delete failed"]),
        ("TableAction::Flush {", &["flush", "flushed", "flush failed"]),
        ("TableAction::PutMeta {", &["put meta", "written", "write failed"]),
        ("TableAction::DeleteMeta {", &["delete meta", "written", "write failed"]),
        ("TableAction::Fetch {", &["fetch", "points", "stream ended", "stream broke"]),
        ("TableAction::ScanMeta {", &["scan meta", "rows", "stream ended", "stream broke"]),
        ("TableAction::SaveSnapshot {", &["save snapshot", "snapshot", "gone rows"]),
        ("TableAction::Next {", &["next"]),
        ("TableAction::Cancel {", &["cancel"]),
        ("CoordAction::Create {", &["create", "done", "not done"]),
        ("CoordAction::Set {", &["set", "done", "not done"]),
        ("CoordAction::Delete {", &["remove", "done", "not done"]),
        ("CoordAction::Get {", &["get", "node", "no node", "connected", "disconnected"]),
        ("CoordAction::Children {", &["list", "children", "no children"]),
        ("watch: true", &["changed"]),
        ("PeerAction::Find {", &["find", "found", "find ended", "find failed"]),
        ("find.estimates = ", &["counted"]),
        ("PeerAction::Next {", &["find next"]),
        ("PeerAction::Cancel {", &["find cancel"]),
        ("PeerAction::Answer {", &["answer", "ask", "ask next", "ask cancel"]),
        ("PeerAction::Script {", &["script"]),
        ("PeerAction::Switch(", &["switch"]),
        ("PeerAction::Scan {", &["scan"]),
        ("PeerAction::Read {", &["read"]),
        ("PeerAction::Resolve {", &["resolve", "resolved"]),
        ("PeerAction::Web {", &["web"]),
        ("PeerAction::Throttle {", &["ask limits", "limits", "limits failed"]),
        ("PeerAction::Call {", &["call", "called", "call failed"]),
        ("PeerAction::Applied {", &["has applied"]),
        ("PeerEvent::Applied { topic", &["applied"]),
        ("HttpAction::Head {", &["response head", "request head", "request end", "client gone"]),
        ("HttpAction::Body {", &["response body", "response drained"]),
        ("HttpAction::End {", &["response end"]),
        ("HttpAction::Abort {", &["response abort"]),
        ("HttpAction::Pause {", &["request pause"]),
        ("HttpAction::Resume {", &["request resume"]),
        ("HttpAction::Upgrade {", &["upgrade", "message"]),
        ("HttpAction::Message {", &["send message"]),
        ("HttpAction::Close {", &["close"]),
        ("HttpEvent::Body {", &["request body", "request broken"]),
        ("Effect::Compute(", &["compute", "computed"]),
        ("Effect::Ready(true)", &["ready"]),
        ("Effect::Ready(false)", &["not ready"]),
        ("Effect::Ready(self.", &["ready", "not ready"]),
        ("Effect::Ready(is_", &["ready", "not ready"]),
        ("Effect::Stopped", &["stop", "stopped"]),
        ("fn deadline(", &["tick"]),
    ];

    /// Files whose code a machine runs.
    fn sources_of(component: Component) -> String {
        let (own, shared): (&str, &[&str]) = match component {
            Directory => ("directory/", &["consumer.rs", "table_reads.rs"]),
            Egress => ("egress/", &["directory_client.rs", "applied.rs", "table_reads.rs"]),
            Ingress => (
                "ingress/",
                &["consumer.rs", "directory_client.rs", "applied.rs", "throttling/mod.rs"],
            ),
            Store => ("store.rs", &["consumer.rs"]),
            Backend => ("plasma/backend.rs", &["consumer.rs"]),
            Frontend => (
                "plasma/frontend/",
                &[
                    "plasma/publisher.rs",
                    "plasma/session.rs",
                    "consumer.rs",
                    "directory_client.rs",
                    "applied.rs",
                ],
            ),
        };
        let is_its = |file: &String| file.starts_with(own) || shared.contains(&file.as_str());
        files().iter().filter(|file| is_its(file)).map(|file| source(file)).collect()
    }

    #[test]
    fn everything_that_a_machine_wants_or_can_be_told_is_a_mark() {
        let mut wrong = Vec::new();
        for (component, names) in KINDS {
            let text = sources_of(*component);
            let wanted = WANTED.iter().filter(|(said, _)| text.contains(said));
            let wanted: BTreeSet<&str> = wanted.flat_map(|(_, marks)| *marks).copied().collect();
            let known: BTreeSet<&str> = names.split('|').collect();
            let missing: Vec<_> = wanted.difference(&known).collect();
            let idle: Vec<_> = known.difference(&wanted).collect();
            let differs = !(missing.is_empty() && idle.is_empty());
            wrong.extend(differs.then(|| format!("{component:?} {missing:?} {idle:?}")));
        }
        assert!(wrong.is_empty(), "KINDS, what lacks and what is too much: {wrong:#?}");
    }

    #[test]
    fn every_action_is_known_to_the_test_above() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/daemons/src/contract");
        for file in ["log.rs", "table.rs", "coord.rs", "peer.rs", "http.rs"] {
            let text = std::fs::read_to_string(root.join(file)).expect("a contract");
            let action = text.split("pub enum ").find(|piece| {
                piece.split_once(' ').is_some_and(|(name, _)| name.ends_with("Action"))
            });
            let (name, body) = action.and_then(|piece| piece.split_once(' ')).expect("actions");
            let body = body.split("\n}").next().unwrap_or_default();
            for line in body.lines().filter(|line| line.starts_with("    ") && line.ends_with('{'))
            {
                let variant = line.trim().trim_end_matches(" {");
                let said = format!("{name}::{variant} {{");
                assert!(WANTED.iter().any(|(known, _)| *known == said), "WANTED lacks {said}");
            }
        }
    }

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    #[test]
    fn every_metric_is_a_mark() {
        for file in files() {
            let text = source(&file);
            let named: BTreeSet<&str> = text
                .split('"')
                .filter(|piece| piece.starts_with("weft_") && !piece.contains(' '))
                .collect();
            let known: BTreeSet<&str> =
                METRICS.iter().filter(|(of, ..)| *of == file).map(|(.., name)| *name).collect();
            assert_eq!(named, known, "METRICS for {file}");
        }
    }

    #[test]
    fn every_warning_is_a_mark() {
        for file in files() {
            let text = source(&file);
            let known: Vec<&str> =
                WARNINGS.iter().filter(|(of, ..)| *of == file).map(|(.., text)| *text).collect();
            assert_eq!(count(&text, "Effect::Warn("), known.len(), "WARNINGS for {file}");
            for pattern in known {
                assert!(text.contains(&format!("\"{pattern}")), "{file} does not say {pattern}");
            }
        }
    }

    #[test]
    fn every_refusal_is_a_mark() {
        for (file, begin) in [
            ("egress/error.rs", "#[error(\""),
            ("egress/error.rs", "#[error(\n\""),
            ("egress/time_range.rs", "#[error(\""),
            ("egress/time_range.rs", "#[error(\n\""),
            ("egress/formats/mod.rs", "#[error(\""),
            ("egress/unpack.rs", "#[error(\""),
            ("egress/mod.rs", "503, &\""),
            ("egress/exec/mod.rs", "message = \""),
            ("egress/exec/script.rs", "failed(\""),
            ("egress/exec/script.rs", "message: \""),
            ("egress/exec/script.rs", "message: format!(\""),
            ("applied.rs", "Failed(format!(\""),
            ("applied.rs", "Failed(format!(\n\""),
            ("directory_client.rs", "return \""),
            ("ingress/delete.rs", "plain(\""),
            ("ingress/delete.rs", "plain(\n\""),
            ("ingress/upload.rs", "refuse(\""),
            ("ingress/upload.rs", "refuse(403, \""),
            ("ingress/mod.rs", "503, \""),
            ("ingress/mod.rs", "STOPPING: &str = \""),
            ("throttling/mod.rs", "=> format!(\n\""),
        ] {
            let text = source(file);
            for rest in text.split(begin).skip(1) {
                let message = rest.replace("\\\"", "'");
                let message = message.split('"').next().unwrap_or_default();
                if ["{0}", "{message}", "{}/{name}"].contains(&message) {
                    continue;
                }
                let known = odd::refusals().any(|refusal| {
                    refusal.message.replace('"', "'").contains(message)
                        || fits(message, &refusal.message.replace('"', "'"))
                        || fits(&refusal.message.replace('"', "'"), message)
                });
                let excused = odd::EXCUSED.iter().any(|(of, _)| of.replace('"', "'") == message);
                assert!(known || excused, "odd.rs does not know what {file} says: {message}");
            }
        }
    }

    #[test]
    fn format_strings_fit_what_they_give() {
        assert!(fits("a {x} of {}: {error}", "a 7 of b: c"));
        assert!(fits("a {x}, ", "a 7, and more"));
        assert!(!fits("a {x} of {}", "a 7 in b"));
        assert!(!fits("a", "ba"));
    }

    #[test]
    fn what_is_not_reached_is_a_mark_otherwise() {
        let texts = METRICS.iter().chain(WARNINGS).map(|(_, component, name)| (*component, *name));
        let kinds = KINDS.iter().flat_map(|(of, names)| names.split('|').map(|name| (*of, name)));
        let refusals = odd::refusals().map(|refusal| (refusal.component, refusal.message));
        let all: Vec<_> = texts.chain(kinds).chain(refusals).collect();
        for (component, name, why) in UNREACHED {
            assert!(all.contains(&(*component, *name)) && !why.is_empty(), "{name}");
        }
    }
}
