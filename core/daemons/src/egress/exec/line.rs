//! Lines of an interactive session: a script that goes on with another text when one is over.

use super::script::{Script, Setup, State};
use super::{Exec, Place, setup};
use crate::contract::http::RequestId;
use crate::egress::Work;
use crate::egress::config::EgressConfig;
use crate::time::Now;

/// What a line of an interactive session has shown.
#[derive(Debug)]
pub(in crate::egress) struct Shown {
    pub(in crate::egress) messages: Vec<String>,
    /// How it failed.
    pub(in crate::egress) failure: Option<String>,
    /// How deep the stack is.
    pub(in crate::egress) depth: usize,
    /// How long it took, where that is to be shown.
    pub(in crate::egress) took_ns: Option<u128>,
    /// Why the session ends.
    pub(in crate::egress) ends: Option<String>,
}

impl Exec {
    /// Makes it an interactive session; its lines follow. Otherwise a status, and why.
    pub(in crate::egress) fn make_interactive(
        &mut self,
        config: &EgressConfig,
        now: Now,
    ) -> Result<(), (u16, String)> {
        let Place::Receiving(head, _) = &self.place else { return Ok(()) };
        let setup = setup::setup(config, head, Vec::new(), &self.sight, now);
        let setup = setup.map_err(|error| (error.status, error.message))?;
        let setup = Setup {
            is_interactive: true,
            has_bootstrap: false,
            definitions: String::new(),
            // It lasts as long as its client does.
            time_limit: None,
            ..setup
        };
        self.place = Place::Here(Script::New(Box::new(setup)));
        Ok(())
    }

    /// Runs a line of an interactive session; none makes the machine.
    pub(in crate::egress) fn run_line(
        &mut self,
        work: &mut Work,
        request: RequestId,
        now: Now,
        line: Option<String>,
    ) {
        (self.line, self.line_began, self.slices) = (line, now.mono, 0);
        self.state = State::Running;
        self.queue(work, request);
    }

    /// What a line of an interactive session has shown, once it is over.
    pub(in crate::egress) fn take_line(&mut self, now: Now) -> Option<Shown> {
        let State::Line(_) = self.state else { return None };
        let State::Line(messages) = std::mem::replace(&mut self.state, State::Written) else {
            return None;
        };
        let Place::Here(Script::Begun(machine, _)) = &self.place else { return None };
        let failure = machine.failure().map(|failure| failure.error.to_string());
        let times = machine.settings.interactive.as_ref().is_some_and(|session| session.times);
        let took = now.mono.since(self.line_began).as_nanos();
        let (took_ns, depth) = (times.then_some(took), machine.depth());
        Some(Shown { messages, failure, depth, took_ns, ends: self.ends.take() })
    }
}
