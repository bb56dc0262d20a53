//! Scripts typed line by line over a WebSocket, on one stack that stays.
//!
//! ```text
//!   message ─▶ lines ─▶ open? ─▶ run ─▶ what it showed ─▶ prompt
//!                         └───────────── prompt ────────────┘
//! ```
//! A line that leaves a macro, a comment or a text open is run with the lines that close it. What
//! words show (`PSTACK`, `PEEK`, `ECHOON`, …), how a line failed and how long it took are messages
//! of their own, and then comes the prompt: `WS`, what is open, the depth of the stack.
//!
//! It promises:
//! - A session's lines are run one after the other, each once its client has taken what the one
//!   before showed; a client that says too much meanwhile is not read.
//! - What lines may do is bounded as for any script, over the whole session; what all sessions hold
//!   counts with the scripts.
//! - There are at most as many sessions as `warpscript.interactive.capacity` says.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use weft_gts::percent;
use weft_warpscript::interactive::Open;

use super::Request;
use super::exec::Shown;
use crate::contract::Effect;
use crate::contract::http::{HttpAction, Message, RequestHead, RequestId, close};
use crate::cors;
use crate::time::Now;

/// The path of the endpoint.
pub(super) const PATH: &str = "/api/v0/interactive";

/// Messages that wait to be run before their client is not read any more.
const SAID_MAX: usize = 64;

/// What a session begins with.
const BANNER: &str = "// WarpScript, line by line. What a line leaves stays for the next one.\n";

/// A client.
#[derive(Debug, Default)]
pub(super) struct Session {
    said: VecDeque<String>,
    said_bytes: usize,
    is_paused: bool,
    /// Lines that are not complete.
    open: String,
    /// How deep the stack is.
    depth: usize,
    /// A line runs, or the session begins.
    runs: bool,
    /// What was shown is on its way.
    is_sending: bool,
}

/// Sessions by their sockets.
pub(super) type Sessions = BTreeMap<RequestId, Session>;

/// What a client is to type behind.
fn prompt(open: &str, depth: usize) -> String {
    let open = Open::at_end_of(open);
    let mut prompt = "WS".to_owned();
    for (is_open, sign) in [(open.comment, '#'), (open.text, '\'')] {
        if is_open {
            prompt.push(sign);
        }
    }
    if open.macros > 0 {
        prompt.push_str(&format!("%{}", open.macros));
    }
    if depth > 0 {
        prompt.push_str(&format!("<{depth}"));
    }
    prompt + "> "
}

/// A failure, as the reference shows it.
fn encoded(message: &str) -> String {
    percent::encode(message).replace("%20", " ").replace("%27", "'")
}

impl super::Egress {
    /// A client asks for the endpoint.
    pub(super) fn begin_interactive(&mut self, now: Now, request: RequestId, head: &RequestHead) {
        if !head.is_websocket() {
            let (head, body) = cors::websocket_only_response();
            return self.work.answer(request, head, body);
        }
        if self.stopping {
            return self.work.refuse(request, 503, &"This egress is stopping.", &[]);
        }
        let mut exec = self.new_script(now, request, head.clone());
        if let Err((status, message)) = exec.make_interactive(&self.config, now) {
            return self.work.refuse(request, status, &message, &[]);
        }
        let message_bytes_max = self.config.exec.body_max;
        let upgrade = HttpAction::Upgrade { request, message_bytes_max };
        self.work.effects.push_back(Effect::Http(upgrade));
        let most = self.config.interactive.unwrap_or(0);
        let is_full = self.work.schedule.is_full(self.config.exec.scripts_max);
        if is_full || self.interactive.len() >= most {
            let message = format!("// Maximum server capacity is reached ({most}).");
            self.show(request, vec![message]);
            return self.end_interactive(request, close::POLICY, "Maximum capacity is reached.");
        }
        self.work.schedule.admit(request);
        self.requests.insert(request, Request::Exec(Box::new(exec)));
        let session = Session { runs: true, is_sending: true, ..Session::default() };
        self.interactive.insert(request, session);
        self.show(request, vec![BANNER.to_owned()]);
        self.begin_line(now, request, None);
    }

    /// A client said something; whether it is one.
    pub(super) fn interactive_message(
        &mut self,
        now: Now,
        request: RequestId,
        message: &Message,
    ) -> bool {
        let bytes_max = self.config.exec.body_max;
        let Some(session) = self.interactive.get_mut(&request) else { return false };
        let text = String::from_utf8_lossy(message.bytes());
        session.said.extend(text.split('\n').map(|line| line.trim_end_matches('\r').to_owned()));
        session.said_bytes += text.len() + 1;
        let is_much = session.said.len() > SAID_MAX || session.said_bytes > bytes_max;
        if is_much && !std::mem::replace(&mut session.is_paused, true) {
            self.work.effects.push_back(Effect::Http(HttpAction::Pause { request }));
        }
        self.next_line(now, request);
        true
    }

    /// A client has taken what it was sent; whether it is one.
    pub(super) fn interactive_drained(&mut self, now: Now, request: RequestId) -> bool {
        let Some(session) = self.interactive.get_mut(&request) else { return false };
        session.is_sending = false;
        self.next_line(now, request);
        true
    }

    /// A client is gone; what it ran ends.
    pub(super) fn interactive_gone(&mut self, request: RequestId) -> bool {
        let was_there = self.interactive.remove(&request).is_some();
        if was_there {
            self.forget(request);
        }
        was_there
    }

    /// Ends all sessions.
    pub(super) fn stop_interactive(&mut self) {
        let all: Vec<RequestId> = self.interactive.keys().copied().collect();
        for request in all {
            self.end_interactive(request, close::GOING_AWAY, "This egress is stopping.");
        }
    }

    fn end_interactive(&mut self, request: RequestId, code: u16, reason: &str) {
        let close = HttpAction::Close { request, code, reason: reason.to_owned() };
        self.work.effects.push_back(Effect::Http(close));
        self.interactive_gone(request);
    }

    fn show(&mut self, request: RequestId, shown: Vec<String>) {
        for message in shown {
            let message = Message::Text(Bytes::from(message));
            self.work.effects.push_back(Effect::Http(HttpAction::Message { request, message }));
        }
        if let Some(session) = self.interactive.get_mut(&request) {
            session.is_sending = true;
        }
    }

    /// Takes the next line, when the one before is over and was taken.
    fn next_line(&mut self, now: Now, request: RequestId) {
        let bytes_max = self.config.exec.body_max;
        let Some(session) = self.interactive.get_mut(&request) else { return };
        if session.runs || session.is_sending {
            return;
        }
        let Some(line) = session.said.pop_front() else {
            if std::mem::take(&mut session.is_paused) {
                self.work.effects.push_back(Effect::Http(HttpAction::Resume { request }));
            }
            return;
        };
        session.said_bytes = session.said_bytes.saturating_sub(line.len() + 1);
        session.open.push_str(&line);
        session.open.push('\n');
        if session.open.len() > bytes_max {
            session.open.clear();
            let prompt = prompt("", session.depth);
            let message = format!("More than {bytes_max} bytes are open.\n");
            return self.show(request, vec!["// ERROR ".to_owned(), message, prompt]);
        }
        if Open::at_end_of(&session.open).goes_on() {
            let prompt = prompt(&session.open, session.depth);
            return self.show(request, vec![prompt]);
        }
        session.runs = true;
        let script = std::mem::take(&mut session.open);
        self.begin_line(now, request, Some(script));
    }

    fn begin_line(&mut self, now: Now, request: RequestId, line: Option<String>) {
        if let Some(Request::Exec(exec)) = self.requests.get_mut(&request) {
            exec.run_line(&mut self.work, request, now, line);
        }
        self.dispatch(now);
    }

    /// A line may be over: shows what came of it.
    pub(super) fn line_ran(&mut self, now: Now, request: RequestId) {
        let Some(Request::Exec(exec)) = self.requests.get_mut(&request) else { return };
        let Some(Shown { messages, failure, depth, took_ns, ends }) = exec.take_line(now) else {
            return;
        };
        let Some(session) = self.interactive.get_mut(&request) else { return };
        (session.runs, session.depth) = (false, depth);
        let mut shown = messages;
        if let Some(failure) = failure {
            shown.extend(["// ERROR ".to_owned(), encoded(&failure) + "\n"]);
        }
        if let Some(took) = took_ns {
            shown.extend(["// TIME ".to_owned(), format!("{took} ns\n")]);
        }
        shown.push(prompt("", depth));
        self.show(request, shown);
        if let Some(reason) = ends {
            self.end_interactive(request, close::POLICY, &reason);
        }
    }
}
