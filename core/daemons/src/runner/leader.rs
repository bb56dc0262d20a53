//! Which of the schedulers schedules: the one whose node stands in coordination.
//!
//! Nobody can keep a process that stood still from sending what it had to send; workers do, for
//! they run no window of a script that is not newer than its last one in the order of the log. What
//! is done here is that there are few such requests: a leader without contact stops at once, and one that
//! nothing was heard of for a while looks at its node before it goes on.

use std::time::Duration;

use bytes::Bytes;

use super::RunnerConfig;
use super::out::Out;
use crate::contract::coord::{CoordAction, CoordError, CoordEvent};
use crate::contract::{ActionId, Effect, Metric};
use crate::time::{Mono, Now};

/// How long to wait before something is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// An election, as one of the candidates sees it.
#[derive(Debug)]
pub(super) struct Election {
    path: String,
    /// Who this is: data of its node.
    own: Bytes,
    is_connected: bool,
    state: State,
    retry_at: Option<Mono>,
    seen: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It asks for nothing.
    Out,
    /// It tries to make its node.
    Making(ActionId),
    /// It looks whose node is there.
    Looking(ActionId),
    /// Another one leads.
    Following,
    Leading,
}

impl Election {
    pub(super) fn new(root: &str, own: Bytes) -> Self {
        Self {
            path: format!("{root}/leader"),
            own,
            is_connected: false,
            state: State::Out,
            retry_at: None,
            seen: Mono(0),
        }
    }

    pub(super) fn leads(&self) -> bool {
        self.state == State::Leading
    }

    /// Time has passed, or something happened: the leader may have stood still.
    pub(super) fn tick(&mut self, config: &RunnerConfig, now: Now, out: &mut Out) {
        let stood = now.mono.since(self.seen);
        self.seen = now.mono;
        if self.state == State::Leading && stood > config.session_time / 2 {
            self.look(out);
        }
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            if self.is_connected && matches!(self.state, State::Out) {
                self.make(out);
            }
        }
    }

    pub(super) fn event(&mut self, now: Now, event: &CoordEvent, out: &mut Out) {
        match event {
            CoordEvent::Connected => {
                self.is_connected = true;
                self.make(out);
            }
            CoordEvent::Disconnected => {
                self.is_connected = false;
                self.set(State::Out, out);
            }
            CoordEvent::Changed { path } if *path == self.path && self.is_connected => {
                self.make(out);
            }
            CoordEvent::Done { id, result } if self.state == State::Making(*id) => match result {
                Ok(()) => self.set(State::Leading, out),
                Err(CoordError::Exists) => self.look(out),
                Err(_) => self.again(now, out),
            },
            CoordEvent::Data { id, result } if self.state == State::Looking(*id) => match result {
                Ok(data) if *data == self.own => self.set(State::Leading, out),
                Ok(_) => self.set(State::Following, out),
                // It went in between.
                Err(CoordError::Missing) => self.make(out),
                Err(_) => self.again(now, out),
            },
            _ => {}
        }
    }

    fn again(&mut self, now: Now, out: &mut Out) {
        self.set(State::Out, out);
        self.retry_at = Some(now.mono.after(RETRY));
    }

    fn make(&mut self, out: &mut Out) {
        let id = out.ids.next_id();
        self.set(State::Making(id), out);
        let (path, data) = (self.path.clone(), self.own.clone());
        let create = CoordAction::Create { id, path, data, ephemeral: true };
        out.effects.push_back(Effect::Coord(create));
    }

    fn look(&mut self, out: &mut Out) {
        let id = out.ids.next_id();
        self.set(State::Looking(id), out);
        let get = CoordAction::Get { id, path: self.path.clone(), watch: true };
        out.effects.push_back(Effect::Coord(get));
    }

    fn set(&mut self, state: State, out: &mut Out) {
        if (self.state == State::Leading) != (state == State::Leading) {
            let leads = f64::from(u8::from(state == State::Leading));
            out.metric(Metric::set("weft_runner_leader", leads));
        }
        self.state = state;
    }

    /// Lets another one lead.
    pub(super) fn leave(&mut self, out: &mut Out) {
        if self.leads() {
            let id = out.ids.next_id();
            let delete = CoordAction::Delete { id, path: self.path.clone() };
            out.effects.push_back(Effect::Coord(delete));
        }
        self.is_connected = false;
        self.set(State::Out, out);
    }

    pub(super) const fn deadline(&self) -> Option<Mono> {
        self.retry_at
    }
}
