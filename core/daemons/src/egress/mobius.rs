//! Mobius: scripts over a WebSocket, run again and again, each result pushed.
//!
//! ```text
//!   message ─▶ read ─▶ [] or an error ─▶ run ─▶ result ─┐
//!                                         ▲             │ EVERY
//!                                         └── delay ────┘
//! ```
//! A message is a script, which takes the place of the one before, or `ABORT`. It is answered with
//! what is on the stack once it is read, and then run. One that says so by `EVERY` is run again with
//! that delay, counted from when it began; what it leaves in the variable `context` is there again.
//!
//! It promises:
//! - A run is a request for a script like any other, with the same slices and bounds; its number is
//!   one that no client has.
//! - A session has one run at a time, and none while its client has not taken the last result.
//! - A result that is larger than a message may be is an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_warpscript::machine::Machine;
use weft_warpscript::snapshot;

use super::exec;
use super::json::write_json_string;
use crate::contract::http::{HttpAction, HttpEvent, Message, RequestHead, RequestId, close};
use crate::contract::{Effect, ResponseHead, Task};
use crate::cors;
use crate::time::{Mono, Now};

/// The path of the endpoint.
pub(super) const PATH: &str = "/api/v0/mobius";

/// Runs have numbers from here on.
const FIRST_RUN: u64 = 1 << 63;

/// The shortest delay between two runs.
const DELAY_MIN: Duration = Duration::from_millis(100);

/// Bytes of a result.
const RESULT_MAX: usize = 16 << 20;

/// Bytes of what a run leaves to the next one.
const CONTEXT_MAX: usize = 1 << 20;

/// Notes of a run on its response, which nobody but this module sees.
const EVERY: &str = "every";
const CONTEXT: &str = "context";

/// The variable that is carried over.
const CONTEXT_VARIABLE: &str = "context";

/// Sessions and their runs.
#[derive(Debug, Default)]
pub(super) struct Mobius {
    sessions: BTreeMap<RequestId, Session>,
    runs: BTreeMap<RequestId, RequestId>,
    last_run: u64,
}

/// A client.
#[derive(Debug, Default)]
struct Session {
    script: Option<Arc<str>>,
    /// It has not been read yet.
    is_new: bool,
    /// A script that makes what the last run left.
    context: String,
    /// How often it is run.
    every: Option<Duration>,
    /// When it is run next.
    due: Option<Mono>,
    run: Option<Run>,
    /// A result is on its way.
    is_sending: bool,
}

/// A script that is run.
#[derive(Debug)]
struct Run {
    id: RequestId,
    began: Mono,
    /// It is only read.
    reads: bool,
    status: u16,
    out: Vec<u8>,
}

/// Whether a request is a run.
pub(super) const fn is_run(request: RequestId) -> bool {
    request.0 >= FIRST_RUN
}

/// What a run that is over says to its session.
pub(super) fn note(head: &mut ResponseHead, machine: &Machine) {
    if let Some(ms) = machine.settings.every {
        head.headers.push((EVERY.to_owned(), ms.to_string()));
    }
    let symbols = machine.symbols();
    let value = symbols.find(CONTEXT_VARIABLE).and_then(|symbol| symbols.get(symbol));
    let script =
        value.and_then(|value| snapshot::value(machine, value, snapshot::Style::default()).ok());
    if let Some(script) = script.filter(|script| script.len() <= CONTEXT_MAX) {
        head.headers.push((CONTEXT.to_owned(), script));
    }
}

/// A JSON list with one text.
fn list_of(text: &str) -> Vec<u8> {
    let mut list = b"[".to_vec();
    write_json_string(&mut list, text);
    list.push(b']');
    list
}

/// What of an error is about the script itself: not its only line, nor what runs it.
fn own_words(text: &str) -> &str {
    let rest = text.strip_prefix("ERROR line #").and_then(|rest| rest.split_once(": "));
    let text = rest.map_or(text, |(_, rest)| rest);
    let inner = text.strip_prefix("Exception at '%> =>EVAL<=' in section [TOP] (");
    inner.and_then(|inner| inner.strip_suffix(')')).unwrap_or(text)
}

impl super::Egress {
    /// A client asks for the endpoint.
    pub(super) fn begin_mobius(&mut self, request: RequestId, head: &RequestHead) {
        if !head.is_websocket() {
            let (head, body) = cors::websocket_only_response();
            return self.work.answer(request, head, body);
        }
        if self.stopping {
            return self.work.refuse(request, 503, &"This egress is stopping.", &[]);
        }
        let message_bytes_max = self.config.exec.body_max;
        let upgrade = HttpAction::Upgrade { request, message_bytes_max };
        self.work.effects.push_back(Effect::Http(upgrade));
        self.mobius.sessions.insert(request, Session::default());
    }

    /// A client said something.
    pub(super) fn mobius_message(&mut self, now: Now, request: RequestId, message: &Message) {
        self.cancel_run(request);
        let Some(session) = self.mobius.sessions.get_mut(&request) else { return };
        *session = Session { is_sending: session.is_sending, ..Session::default() };
        let text = String::from_utf8_lossy(message.bytes());
        if text != "ABORT" {
            session.script = Some(text.into());
            (session.is_new, session.due) = (true, Some(now.mono));
            self.run_due(now);
        }
    }

    /// A client has taken what it was sent.
    pub(super) fn mobius_drained(&mut self, now: Now, request: RequestId) {
        if let Some(session) = self.mobius.sessions.get_mut(&request) {
            session.is_sending = false;
            self.run_due(now);
        }
    }

    /// A client is gone; whether it was one.
    pub(super) fn mobius_gone(&mut self, request: RequestId) -> bool {
        self.cancel_run(request);
        self.mobius.sessions.remove(&request).is_some()
    }

    /// Ends all sessions.
    pub(super) fn stop_mobius(&mut self) {
        let all: Vec<RequestId> = self.mobius.sessions.keys().copied().collect();
        for request in all {
            let reason = "This egress is stopping.".to_owned();
            let close = HttpAction::Close { request, code: close::GOING_AWAY, reason };
            self.work.effects.push_back(Effect::Http(close));
            self.mobius_gone(request);
        }
    }

    /// When the next run is due.
    pub(super) fn mobius_deadline(&self) -> Option<Mono> {
        let idle = self.mobius.sessions.values().filter(|session| !session.is_sending);
        idle.filter_map(|session| session.due).min()
    }

    /// Begins the runs that are due.
    pub(super) fn run_due(&mut self, now: Now) {
        let is_due = |session: &Session| {
            !session.is_sending && session.due.is_some_and(|due| due <= now.mono)
        };
        let due = self.mobius.sessions.iter().filter(|(_, session)| is_due(session));
        let due: Vec<RequestId> = due.map(|(request, _)| *request).collect();
        for request in due {
            self.run(now, request);
        }
    }

    /// Reads a session's script, or runs it.
    fn run(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.mobius.sessions.get_mut(&request) else { return };
        let Some(script) = session.script.clone() else { return };
        let reads = std::mem::take(&mut session.is_new);
        session.due = None;
        let body = match reads {
            true => format!("<% {script}\n%> DROP"),
            false if session.context.is_empty() => {
                format!("{} NDEBUGON <% {script}\n%> EVAL", i32::MAX)
            }
            false => format!(
                "{} NDEBUGON {} '{CONTEXT_VARIABLE}' STORE <% {script}\n%> EVAL",
                i32::MAX,
                session.context
            ),
        };
        self.mobius.last_run += 1;
        let id = RequestId(FIRST_RUN + self.mobius.last_run);
        session.run = Some(Run { id, began: now.mono, reads, status: 0, out: Vec::new() });
        self.mobius.runs.insert(id, request);
        let head = RequestHead {
            method: "POST".to_owned(),
            path: exec::PATH.to_owned(),
            query: String::new(),
            headers: Vec::new(),
        };
        self.http_event(now, HttpEvent::Head { request: id, head });
        self.http_event(now, HttpEvent::Body { request: id, bytes: Bytes::from(body) });
        self.http_event(now, HttpEvent::End { request: id });
    }

    /// Nobody waits for a session's run any more.
    fn cancel_run(&mut self, request: RequestId) {
        let session = self.mobius.sessions.get_mut(&request);
        let Some(run) = session.and_then(|session| session.run.take()) else { return };
        self.mobius.runs.remove(&run.id);
        self.forget(run.id);
    }

    /// Takes what runs were answered, so that it does not go out.
    pub(super) fn take_answers(&mut self, now: Now) {
        while !self.mobius.runs.is_empty()
            && let Some(place) = self.work.effects.iter().position(is_answer)
            && let Some(Effect::Http(action)) = self.work.effects.remove(place)
        {
            self.answered_run(now, action);
        }
        if self.mobius.runs.is_empty() {
            self.work.effects.retain(|effect| !is_answer(effect));
        }
    }

    fn answered_run(&mut self, now: Now, action: HttpAction) {
        let Some(id) = request_of(&action) else { return };
        let Some(request) = self.mobius.runs.get(&id).copied() else { return };
        let Some(session) = self.mobius.sessions.get_mut(&request) else { return };
        let Some(run) = session.run.as_mut().filter(|run| run.id == id) else { return };
        match action {
            HttpAction::Head { head, .. } => {
                run.status = head.status;
                if !run.reads {
                    take_notes(session, &head);
                }
            }
            HttpAction::Body { bytes, .. } => {
                run.out.extend_from_slice(&bytes);
                if run.out.len() > RESULT_MAX {
                    run.out = list_of(&format!("The result is larger than {RESULT_MAX} bytes."));
                    self.forget(id);
                    return self.ended_run(now, request);
                }
                self.http_event(now, HttpEvent::Drained { request: id });
            }
            HttpAction::End { .. } => self.ended_run(now, request),
            HttpAction::Abort { .. } => {
                run.out = list_of("The result broke off.");
                self.ended_run(now, request);
            }
            _ => {}
        }
    }

    /// A run is over: its result goes out, and the next one is set.
    fn ended_run(&mut self, now: Now, request: RequestId) {
        let Some(session) = self.mobius.sessions.get_mut(&request) else { return };
        let Some(run) = session.run.take() else { return };
        self.mobius.runs.remove(&run.id);
        let is_good = run.status == 200;
        if run.reads && is_good {
            session.due = Some(now.mono);
        } else if !run.reads {
            let again = session.every.map(|every| run.began.after(every.max(DELAY_MIN)));
            session.due = again;
        }
        let message = message_of(&run.out, is_good);
        session.is_sending = true;
        let message = Message::Text(Bytes::from(message));
        self.work.effects.push_back(Effect::Http(HttpAction::Message { request, message }));
    }
}

/// What a run leaves to the next one.
fn take_notes(session: &mut Session, head: &ResponseHead) {
    let noted = |name: &str| head.headers.iter().find(|(other, _)| other == name);
    let every = noted(EVERY).and_then(|(_, ms)| ms.parse::<i64>().ok());
    session.every = every.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    session.context = noted(CONTEXT).map(|(_, script)| script.clone()).unwrap_or_default();
}

/// A result as it is pushed: a failure without values is a list with its message, one with values
/// has it first.
fn message_of(out: &[u8], is_good: bool) -> Vec<u8> {
    if is_good {
        return out.to_vec();
    }
    let text = String::from_utf8_lossy(out);
    let Some(rest) = text.strip_prefix("[\"") else {
        return match text.starts_with('[') {
            true => out.to_vec(),
            false => list_of(own_words(&text)),
        };
    };
    let mut is_escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    let (message, values) = rest.split_at(end.unwrap_or(rest.len()));
    format!("[\"{}{values}", own_words(message)).into_bytes()
}

/// Whose a part of a response is.
const fn request_of(action: &HttpAction) -> Option<RequestId> {
    match action {
        HttpAction::Head { request, .. }
        | HttpAction::Body { request, .. }
        | HttpAction::End { request }
        | HttpAction::Abort { request } => Some(*request),
        _ => None,
    }
}

fn is_answer<T: Task>(effect: &Effect<T>) -> bool {
    matches!(effect, Effect::Http(action) if request_of(action).is_some_and(is_run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_lists_with_their_message() {
        let text = |out: &str, is_good| String::from_utf8(message_of(out.as_bytes(), is_good));
        assert_eq!(text("[3]", true).as_deref(), Ok("[3]"));
        assert_eq!(text("ERROR line #1: no \"x\"", false).as_deref(), Ok(r#"["no \"x\""]"#));
        assert_eq!(text(r#"["ERROR line #2: no",5]"#, false).as_deref(), Ok(r#"["no",5]"#));
        let run = r#"["ERROR line #1: Exception at '%> =>EVAL<=' in section [TOP] (a \" (b))",5]"#;
        assert_eq!(text(run, false).as_deref(), Ok(r#"["a \" (b)",5]"#));
        assert_eq!(text("All is full.", false).as_deref(), Ok(r#"["All is full."]"#));
    }
}
