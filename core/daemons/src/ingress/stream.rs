//! `streamupdate`: datapoints over a WebSocket, message by message.
//!
//! It promises, beside what `ingress` promises of every update:
//! - Messages are done one after the other, each answered once: `OK n …` counts from 0, `ERROR …`
//!   does not count. `OK n UPDATE …` means that every datapoint of the message was acknowledged.
//! - A continuation line at the start of a message belongs to the series of the last line before it,
//!   unless that message was refused or the token has changed since.
//! - An error closes the connection, or is a message (`ONERROR message`); the token stays as it was.
//! - What waits is bounded: of messages by bytes, of answers by number.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::Ingress;
use super::Request;
use super::config::IngressConfig;
use super::options::{DELTA_DISABLED, Refused, UpdateOptions};
use super::task::IngressTask;
use super::upload::Upload;
use super::writer::Writer;
use crate::contract::Effect;
use crate::contract::http::{HttpAction, Message, RequestHead, RequestId, close};
use crate::cors;
use crate::time::{Mono, Now};

/// Bytes of messages that wait at which the client is told to wait, too.
const WAITING_MAX: usize = 1 << 20;

/// Answers that have not gone out before the next message is looked at.
const UNSENT_MAX: usize = 64;

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    config: Arc<IngressConfig>,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    is_paused: bool,
    writer: Option<Writer>,
    /// What reads the messages of the writer.
    pub(super) upload: Option<Upload>,
    /// When the message began that is read now.
    begun: Option<Mono>,
    /// Errors are messages.
    tells_errors: bool,
    delta_attributes: bool,
    /// The number of the next answer.
    sequence: u64,
    unsent: usize,
}

/// What a message asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// `TOKEN`: another writer.
    Token(&'a str),
    /// `CLEARTOKEN`: none.
    ClearToken,
    /// `NOOP`: an answer.
    Noop,
    /// `ONERROR`: what to do with errors.
    OnError(&'a str),
    /// `DELTAON`, `DELTAOFF`: whether attributes change those before, one by one.
    Delta(bool),
    /// Lines; with a token of their own when they begin with `UPDATE token`.
    Lines(Option<&'a str>, &'a str),
    /// A verb without what belongs to it.
    Lacks(&'static str),
}

impl<'a> Asked<'a> {
    /// Reads a message.
    pub(super) fn parse(text: &'a str) -> Self {
        let mut words = text.split_ascii_whitespace();
        // A verb stands at the start.
        let verb = words.next().filter(|verb| text.starts_with(verb)).unwrap_or_default();
        match verb {
            "TOKEN" => words.next().map_or(Self::Lacks("TOKEN needs a token."), Self::Token),
            "CLEARTOKEN" => Self::ClearToken,
            "NOOP" => Self::Noop,
            "ONERROR" => {
                let lacks = Self::Lacks("ONERROR needs 'message' or 'close'.");
                words.next().map_or(lacks, Self::OnError)
            }
            "DELTAON" => Self::Delta(true),
            "DELTAOFF" => Self::Delta(false),
            "UPDATE" => {
                let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
                match first.split_ascii_whitespace().nth(1) {
                    Some(token) => Self::Lines(Some(token), rest),
                    None => Self::Lacks("UPDATE needs a token."),
                }
            }
            _ => Self::Lines(None, text),
        }
    }
}

impl Stream {
    /// A connection without a token.
    pub(super) fn new(config: &Arc<IngressConfig>) -> Self {
        Self {
            config: config.clone(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            is_paused: false,
            writer: None,
            upload: None,
            begun: None,
            tells_errors: false,
            delta_attributes: false,
            sequence: 0,
            unsent: 0,
        }
    }

    /// The configuration has changed: tokens that come are checked by it.
    pub(super) fn configured(&mut self, config: &Arc<IngressConfig>) {
        self.config = config.clone();
    }

    /// A message came.
    pub(super) fn receive(
        &mut self,
        request: RequestId,
        message: &Message,
        effects: &mut VecDeque<Effect<IngressTask>>,
    ) {
        self.waiting_bytes += message.bytes().len();
        self.waiting.push_back(message.bytes().clone());
        let is_full = self.waiting_bytes > WAITING_MAX || self.waiting.len() > UNSENT_MAX;
        if is_full && !self.is_paused {
            self.is_paused = true;
            effects.push_back(Effect::Http(HttpAction::Pause { request }));
        }
    }

    /// The answers have gone out.
    pub(super) const fn drained(&mut self) {
        self.unsent = 0;
    }

    /// The next message, when the one before is answered and the client takes answers.
    pub(super) fn next(
        &mut self,
        request: RequestId,
        effects: &mut VecDeque<Effect<IngressTask>>,
    ) -> Option<Bytes> {
        if self.begun.is_some() || self.unsent >= UNSENT_MAX {
            return None;
        }
        let next = self.waiting.pop_front();
        self.waiting_bytes -= next.as_ref().map_or(0, Bytes::len);
        if next.is_none() && std::mem::take(&mut self.is_paused) {
            effects.push_back(Effect::Http(HttpAction::Resume { request }));
        }
        next
    }

    /// Whether no message is being read.
    pub(super) const fn is_idle(&self) -> bool {
        self.begun.is_none()
    }

    /// Another writer, if the token is good. What reads their messages is made by the caller out of
    /// the options.
    pub(super) fn set_token(&mut self, token: &str, now: Now) -> Result<UpdateOptions, String> {
        if let Some(reason) = &self.config.update_disabled {
            return Err(reason.clone());
        }
        let writer = Writer::new(&self.config, Some(token), now.wall.as_ms())
            .map_err(|error| error.to_string())?;
        if writer.attribute(".noupdate").is_some() {
            return Err("Token cannot be used for updating data.".to_owned());
        }
        let options = self.options(&writer, now).map_err(|(_, message)| message)?;
        self.writer = Some(writer);
        Ok(options)
    }

    /// No writer any more.
    pub(super) fn clear_token(&mut self) {
        self.writer = None;
    }

    /// What to do with errors; anything but the two words changes nothing.
    pub(super) fn on_error(&mut self, what: &str) {
        if what.eq_ignore_ascii_case("message") {
            self.tells_errors = true;
        } else if what.eq_ignore_ascii_case("close") {
            self.tells_errors = false;
        }
    }

    /// Whether attributes change those before, one by one.
    pub(super) fn set_delta(&mut self, is_on: bool) -> Result<(), String> {
        if is_on && !self.config.allow_delta {
            return Err(DELTA_DISABLED.to_owned());
        }
        self.delta_attributes = is_on;
        Ok(())
    }

    /// Begins to read lines.
    pub(super) fn begin(&mut self, lines: Bytes, now: Now) -> Result<(), String> {
        if let Some(reason) = &self.config.update_disabled {
            return Err(reason.clone());
        }
        let (Some(writer), Some(_)) = (&self.writer, &self.upload) else {
            // Nothing to read is nothing to refuse.
            return Err("Missing token.".to_owned());
        };
        let options = self.options(writer, now).map_err(|(_, message)| message)?;
        let activity_ms = self.config.update_activity_ms(now);
        if let Some(upload) = &mut self.upload {
            upload.next_message(lines, options, activity_ms);
        }
        self.begun = Some(now.mono);
        Ok(())
    }

    /// The lines were read; how long that took, in nanoseconds.
    pub(super) fn end(&mut self, now: Now) -> u64 {
        let begun = self.begun.take().unwrap_or(now.mono);
        now.mono.0.saturating_sub(begun.0)
    }

    /// Answers a message that was done.
    pub(super) fn done(&mut self, what: &str) -> Message {
        let answer = format!("OK {} {what}", self.sequence);
        self.sequence += 1;
        self.unsent += 1;
        Message::Text(answer.into())
    }

    /// Answers a message that was refused: with words, or by the end of the connection.
    pub(super) fn refused(&mut self, request: RequestId, reason: &str) -> HttpAction {
        if self.tells_errors {
            self.unsent += 1;
            let message = Message::Text(format!("ERROR {reason}").into());
            HttpAction::Message { request, message }
        } else {
            HttpAction::Close { request, code: close::POLICY, reason: reason.to_owned() }
        }
    }

    fn options(&self, writer: &Writer, now: Now) -> Result<UpdateOptions, Refused> {
        let options = UpdateOptions::new(&self.config, &RequestHead::default(), writer, now.wall)?;
        let delta_attributes = self.delta_attributes;
        Ok(UpdateOptions { delta_attributes, every_line_counts: true, ..options })
    }
}

impl Ingress {
    /// A client wants to send datapoints message by message.
    pub(super) fn begin_stream(&mut self, request: RequestId, head: &RequestHead) {
        if !head.is_websocket() {
            let (head, body) = cors::websocket_only_response();
            return self.answer(request, head, body);
        }
        self.count_request(101);
        let message_bytes_max = self.config.stream_message_bytes_max;
        let upgrade = HttpAction::Upgrade { request, message_bytes_max };
        self.effects.push_back(Effect::Http(upgrade));
        self.requests.insert(request, Request::Stream(Box::new(Stream::new(&self.config))));
    }

    /// Takes the messages of a stream on, as far as they need not wait for each other.
    pub(super) fn advance_stream(&mut self, now: Now, request: RequestId) {
        loop {
            let Some(Request::Stream(stream)) = self.requests.get_mut(&request) else { return };
            if self.stopping && stream.is_idle() {
                let reason = "This ingress is stopping.".to_owned();
                let close = HttpAction::Close { request, code: close::GOING_AWAY, reason };
                self.effects.push_back(Effect::Http(close));
                return self.forget(request);
            }
            let Some(message) = stream.next(request, &mut self.effects) else { return };
            let result = self.stream_message(now, request, &message);
            let Some(Request::Stream(stream)) = self.requests.get_mut(&request) else { return };
            let action = match result {
                Ok(Some(done)) => HttpAction::Message { request, message: stream.done(done) },
                // Its lines are read now.
                Ok(None) => return self.advance_upload(now, request),
                Err(reason) => stream.refused(request, &reason),
            };
            self.answer_stream(request, action);
        }
    }

    /// Begins what a message asks for: what was done at once, if it was.
    fn stream_message(
        &mut self,
        now: Now,
        request: RequestId,
        message: &Bytes,
    ) -> Result<Option<&'static str>, String> {
        let text = std::str::from_utf8(message).map_err(|_| "Not UTF-8.".to_owned())?;
        let Some(Request::Stream(stream)) = self.requests.get_mut(&request) else {
            return Ok(None);
        };
        match Asked::parse(text) {
            Asked::Noop => return Ok(Some("NOOP")),
            Asked::Lacks(what) => return Err(what.to_owned()),
            Asked::OnError(what) => {
                stream.on_error(what);
                return Ok(Some("ONERROR"));
            }
            Asked::Delta(is_on) => {
                stream.set_delta(is_on)?;
                return Ok(Some(if is_on { "DELTAON" } else { "DELTAOFF" }));
            }
            Asked::ClearToken => {
                stream.clear_token();
                self.change_writer(request, None);
                return Ok(Some("CLEARTOKEN"));
            }
            Asked::Token(token) => {
                let options = stream.set_token(token, now)?;
                self.change_writer(request, Some(options));
                return Ok(Some("TOKEN"));
            }
            Asked::Lines(None, _) => stream.begin(message.clone(), now)?,
            Asked::Lines(Some(token), lines) => {
                let options = stream.set_token(token, now)?;
                self.change_writer(request, Some(options));
                if let Some(Request::Stream(stream)) = self.requests.get_mut(&request) {
                    stream.begin(message.slice_ref(lines.as_bytes()), now)?;
                }
            }
        }
        Ok(None)
    }

    /// What reads the messages of a stream gives way to what reads those of another writer.
    fn change_writer(&mut self, request: RequestId, options: Option<UpdateOptions>) {
        let upload = options.map(|o| Upload::stream(&self.config, o, &mut self.tables));
        if let Some(Request::Stream(stream)) = self.requests.get_mut(&request)
            && let Some(before) = std::mem::replace(&mut stream.upload, upload)
        {
            self.kept -= before.memory();
            before.close(&mut self.tables);
        }
    }

    /// The lines of a message are done, if they are.
    pub(super) fn finish_message(&mut self, now: Now, request: RequestId) {
        let Some(Request::Stream(stream)) = self.requests.get_mut(&request) else { return };
        let outcome = stream.upload.as_ref().and_then(Upload::outcome);
        let Some(outcome) = outcome.filter(|_| !stream.is_idle()) else { return };
        let elapsed_ns = stream.end(now);
        let action = match outcome {
            Ok(points) => {
                let message = stream.done(&format!("UPDATE {points} {elapsed_ns}"));
                HttpAction::Message { request, message }
            }
            Err(reason) => stream.refused(request, &reason),
        };
        self.answer_stream(request, action);
        self.advance_stream(now, request);
    }

    fn answer_stream(&mut self, request: RequestId, action: HttpAction) {
        let is_over = matches!(action, HttpAction::Close { .. });
        self.effects.push_back(Effect::Http(action));
        if is_over {
            self.forget(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_stand_at_the_start_and_are_whole_words() {
        assert_eq!(Asked::parse("TOKEN abc"), Asked::Token("abc"));
        assert_eq!(Asked::parse("TOKEN\tabc\n"), Asked::Token("abc"));
        assert_eq!(Asked::parse("NOOP"), Asked::Noop);
        assert_eq!(Asked::parse("DELTAOFF"), Asked::Delta(false));
        for lines in [" TOKEN abc", "TOKENS abc", "token x", "1// a{} 1", "", "ONERRORS"] {
            assert_eq!(Asked::parse(lines), Asked::Lines(None, lines));
        }
    }

    #[test]
    fn lines_may_bring_their_token() {
        let asked = Asked::parse("UPDATE abc\n1// a{} 1\n");
        assert_eq!(asked, Asked::Lines(Some("abc"), "1// a{} 1\n"));
        assert_eq!(Asked::parse("UPDATE abc"), Asked::Lines(Some("abc"), ""));
        assert_eq!(Asked::parse("UPDATE"), Asked::Lacks("UPDATE needs a token."));
    }
}
