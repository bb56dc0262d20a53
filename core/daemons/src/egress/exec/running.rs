//! What scripts ask about each other: which run, and that others end.

use std::sync::Arc;

use weft_warpscript::error::{Error, Kind};
use weft_warpscript::registry::Extension;
use weft_warpscript::requests::{
    Answer, Chunk, RequestId as NeedId, RunningScript, Scripts, Sight, Signal,
};

use super::super::{Egress, Request, Work, mobius};
use super::Exec;
use super::web::draw_uuid;
use crate::contract::http::{RequestHead, RequestId};
use crate::time::Now;

/// The header that names a script's session.
const SESSION: &str = "X-Warp10-WarpScriptSession";

/// A question of a script.
#[derive(Debug)]
pub(in crate::egress) struct Asked {
    pub(super) request: RequestId,
    pub(super) need: NeedId,
    pub(super) ask: Scripts,
}

impl Work {
    /// Whether a script says the secret, where it has to.
    fn knows_secret(&self, said: Option<&Arc<str>>) -> Result<(), Error> {
        if said.is_none() || said == self.scripts_secret.as_ref() {
            return Ok(());
        }
        Err(Error::new(Kind::Script, "invalid secret."))
    }
}

impl Exec {
    /// It must end.
    fn signal(&mut self, work: &mut Work, request: RequestId, signal: Signal) {
        match signal {
            Signal::Stop => {
                self.stop = true;
                self.queue(work, request);
            }
            Signal::Kill => {
                self.abort(work, request, "Execution received KILL signal.".to_owned());
            }
        }
    }

    /// How it is told to others.
    fn as_running(&self) -> RunningScript {
        RunningScript {
            uuid: self.uuid.clone(),
            created_ms: self.began.wall.as_ms(),
            sight: self.sight.clone(),
        }
    }
}

impl Egress {
    /// A script that comes in, with a name for others where those can ask.
    pub(in crate::egress) fn new_script(
        &mut self,
        now: Now,
        request: RequestId,
        head: RequestHead,
    ) -> Exec {
        if !self.config.exec.machine.loads(Extension::StackPs) {
            return Exec::new(head, now, String::new(), Sight::default());
        }
        let handler = if mobius::is_run(request) { "Mobius" } else { "Exec" };
        let sight = Sight {
            section: Some("[TOP]".into()),
            name: Some(format!("[Egress{handler}Handler {}]", request.0).into()),
            session: head.header(SESSION).map(Arc::from),
            ..Sight::default()
        };
        let uuid = draw_uuid(&mut self.work);
        Exec::new(head, now, uuid, sight)
    }

    /// Answers what scripts ask about each other and about what they share.
    pub(in crate::egress) fn answer_scripts(&mut self, now: Now) {
        loop {
            let asked = std::mem::take(&mut self.work.asked_scripts);
            let shared = self.work.shared.take_answers();
            if asked.is_empty() && shared.is_empty() {
                return;
            }
            for Asked { request, need, ask } in asked {
                let answers = match self.answer_asked(ask) {
                    Ok(chunk) => {
                        chunk.into_iter().map(Answer::Chunk).chain([Answer::End]).collect()
                    }
                    Err(error) => vec![Answer::Err(error)],
                };
                self.hand_over(request, need, answers);
            }
            for ((request, need), answers) in shared {
                self.hand_over(request, need, answers);
            }
            self.dispatch(now);
        }
    }

    fn hand_over(&mut self, request: RequestId, need: NeedId, answers: Vec<Answer>) {
        if let Some(Request::Exec(exec)) = self.requests.get_mut(&request) {
            exec.inbox.extend(answers.into_iter().map(|answer| (need, answer)));
            exec.go_on(&mut self.work, request);
        }
    }

    fn answer_asked(&mut self, ask: Scripts) -> Result<Option<Chunk>, Error> {
        Ok(Some(match ask {
            Scripts::List { session, secret } => {
                self.work.knows_secret(secret.as_ref())?;
                let scripts = self.requests.values().filter_map(|request| match request {
                    Request::Exec(exec) => Some(exec.as_running()),
                    _ => None,
                });
                let is_meant =
                    |script: &RunningScript| session.is_none() || script.sight.session == session;
                Chunk::Scripts(scripts.filter(is_meant).collect())
            }
            Scripts::Signal { uuid, signal, secret } => {
                self.work.knows_secret(secret.as_ref())?;
                Chunk::Count(self.signal_those(signal, |exec| *exec.uuid == *uuid))
            }
            Scripts::SignalSession { session, signal } => {
                let is_meant = |exec: &Exec| exec.sight.session.as_ref() == Some(&session);
                Chunk::Count(self.signal_those(signal, is_meant))
            }
            Scripts::Secret { old, new } => {
                self.work.knows_secret(Some(&old))?;
                self.work.scripts_secret = Some(new);
                return Ok(None);
            }
        }))
    }

    /// Ends scripts; how many.
    fn signal_those(&mut self, signal: Signal, is_meant: impl Fn(&Exec) -> bool) -> u64 {
        let mut count = 0;
        for (request, other) in &mut self.requests {
            if let Request::Exec(exec) = other
                && is_meant(exec)
            {
                exec.signal(&mut self.work, *request, signal);
                count += 1;
            }
        }
        count
    }
}
