//! How a script is answered: headers, errors.

use std::time::Duration;

use bytes::Bytes;
use weft_warpscript::Machine;

use super::super::config::EgressConfig;
use super::script::{MESSAGE_MAX, SetupError, line_prefix};
use crate::contract::ResponseHead;
use crate::cors;

const EXPOSE: &str = "Access-Control-Expose-Headers";

/// The head of a result: of a script that ended well, or failed and shows the stack.
pub(super) fn head(config: &EgressConfig, machine: &Machine, elapsed: Duration) -> ResponseHead {
    let mut head = begin(config);
    add_own(&mut head, config, machine);
    add_counts(&mut head, config, elapsed, machine.ops(), machine.settings.fetched);
    if let Some(failure) = machine.failure() {
        head.status = 500;
        let message = failure.error.brief(MESSAGE_MAX);
        add_error(&mut head, config, failure.line, failure.position.as_deref(), &message);
    }
    head
}

/// The answer of a script that failed and shows no values.
pub(super) fn failure(
    config: &EgressConfig,
    machine: &Machine,
    elapsed: Duration,
) -> (ResponseHead, Bytes) {
    let mut head = head(config, machine, elapsed);
    let mut body = String::new();
    if let Some(failure) = machine.failure() {
        body = line_prefix(failure);
        body += &failure.error.brief(MESSAGE_MAX - body.len());
    }
    plain(&mut head);
    (head, body.into())
}

/// The answer of a script whose result cannot be written.
pub(super) fn unwritable(
    config: &EgressConfig,
    machine: &Machine,
    elapsed: Duration,
    message: &str,
) -> (ResponseHead, Bytes) {
    let mut head = head(config, machine, elapsed);
    head.status = 500;
    add_error(&mut head, config, machine.line(), None, message);
    plain(&mut head);
    let body = format!("ERROR line #{}: {message}", machine.line());
    (head, body.into())
}

/// The answer of a script that did not begin.
pub(super) fn refusal(config: &EgressConfig, error: &SetupError) -> (ResponseHead, Bytes) {
    let mut head = begin(config);
    head.status = error.status;
    // As the reference: one operation is the platform's own.
    add_counts(&mut head, config, Duration::ZERO, 1, 0);
    add_error(&mut head, config, 0, None, &error.message);
    plain(&mut head);
    (head, Bytes::from(error.message.clone()))
}

fn begin(config: &EgressConfig) -> ResponseHead {
    let mut head = cors::ok_response();
    let names = &config.headers;
    add(&mut head, &names.time_unit, config.unit.per_second().to_string());
    let exposed = format!("{},{},{},{}", names.elapsed, names.ops, names.fetched, names.time_unit);
    add(&mut head, EXPOSE, exposed);
    head
}

/// Headers that the script wants. Those of the platform are not its.
fn add_own(head: &mut ResponseHead, config: &EgressConfig, machine: &Machine) {
    let own = &machine.settings.headers;
    if own.is_empty() {
        return;
    }
    let names = &config.headers;
    let reserved = [
        &names.elapsed,
        &names.ops,
        &names.fetched,
        &names.time_unit,
        &names.error_line,
        &names.error_message,
        &names.error_position,
    ];
    for (name, value) in own {
        if !reserved.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            add(head, name, value.to_string());
        }
    }
    let exposed: Vec<&str> = own.iter().map(|(name, _)| &**name).collect();
    add(head, EXPOSE, exposed.join(","));
}

fn add_counts(
    head: &mut ResponseHead,
    config: &EgressConfig,
    elapsed: Duration,
    ops: i64,
    fetched: i64,
) {
    let names = &config.headers;
    add(head, &names.elapsed, elapsed.as_nanos().to_string());
    add(head, &names.ops, ops.to_string());
    add(head, &names.fetched, fetched.to_string());
}

fn add_error(
    head: &mut ResponseHead,
    config: &EgressConfig,
    line: usize,
    position: Option<&str>,
    message: &str,
) {
    let names = &config.headers;
    let exposed = format!("{},{},{}", names.error_line, names.error_position, names.error_message);
    add(head, EXPOSE, exposed);
    add(head, &names.error_line, line.to_string());
    if let Some(position) = position {
        add(head, &names.error_position, position.to_owned());
    }
    add(head, &names.error_message, message.to_owned());
}

fn plain(head: &mut ResponseHead) {
    add(head, "Content-Type", "text/plain; charset=utf-8".to_owned());
}

fn add(head: &mut ResponseHead, name: &str, value: String) {
    head.headers.push((name.to_owned(), value));
}
