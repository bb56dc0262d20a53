//! One script: received, run in slices, served what it asks for, answered.
//!
//! ```text
//!   body ─▶ setup ─▶ slice ─▶ slice ─▶ … ─▶ result, in steps ─▶ client
//!                      │  ▲
//!                requests  answers (directory, table, ingress, time)
//! ```

mod answer;
mod calls;
mod line;
mod reads;
mod running;
mod schedule;
mod script;
mod setup;
mod shared;
mod web;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use weft_warpscript::error::{Error, Kind};
use weft_warpscript::machine::{Clock, Machine};
use weft_warpscript::requests::{Answer, Chunk, Library, Request, RequestId as NeedId, Sight};

pub(super) use line::Shown;
pub(super) use running::Asked;
pub(super) use schedule::Schedule;
pub use script::{ExecDone, ExecTask};
use script::{Script, SetupError, State, too_large};
pub(super) use setup::PATH;
pub(super) use shared::SharedMemory;

use calls::Call;
use reads::Read;
pub(super) use web::Told;
use web::Web;
pub use web::WebConfig;

use super::config::EgressConfig;
use super::task::EgressTask;
use super::{UNSENT_MAX, Work};
use crate::applied::Progress;
use crate::contract::http::{HttpAction, RequestHead, RequestId};
use crate::contract::peer::{CallResult, PeerAction};
use crate::contract::{ActionId, Effect, Metric, TableEvent};
use crate::directory_client::FindEvent;
use crate::time::{Mono, Now};

/// A script that is served.
#[derive(Debug)]
pub(super) struct Exec {
    began: Now,
    place: Place,
    /// Answers for its next slice.
    inbox: Vec<(NeedId, Answer)>,
    /// What it asked for that is not served yet.
    needs: VecDeque<(NeedId, Request)>,
    /// What is being served.
    serving: Option<(NeedId, Serving)>,
    /// Why it must end at its next slice.
    abort: Option<String>,
    /// Whether it must end at its next slice with what it has.
    stop: bool,
    /// What others call it, and how far it was when it was seen last.
    uuid: String,
    sight: Sight,
    /// What an interactive session runs next, and when that began.
    line: Option<String>,
    line_began: Mono,
    /// Why an interactive session ends behind its line.
    ends: Option<String>,
    slices: u32,
    /// Whether it waits for the schedule.
    is_queued: bool,
    state: State,
    has_answered: bool,
    /// Pieces of the response that the client has not taken.
    unsent: usize,
}

/// Something that a script asked for, under way.
#[derive(Debug)]
enum Serving {
    Read(Box<Read>),
    Call(Call),
    Web(Web),
}

/// Where the script is.
#[derive(Debug)]
enum Place {
    /// On its way in.
    Receiving(RequestHead, Vec<u8>),
    Here(Script),
    /// In a slice.
    Away,
}

/// What becomes of a script after a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits.
    Wait,
    /// Its response is complete.
    Done,
    /// Its response broke off.
    Broken(String),
}

impl Exec {
    /// A script whose request begins, and what others call it.
    pub(super) fn new(head: RequestHead, now: Now, uuid: String, sight: Sight) -> Self {
        Self {
            began: now,
            stop: false,
            uuid,
            sight,
            place: Place::Receiving(head, Vec::new()),
            inbox: Vec::new(),
            needs: VecDeque::new(),
            serving: None,
            abort: None,
            line: None,
            line_began: now.mono,
            ends: None,
            slices: 0,
            is_queued: false,
            state: State::Running,
            has_answered: false,
            unsent: 0,
        }
    }

    /// A piece of the request's body.
    pub(super) fn receive(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        bytes: &Bytes,
    ) -> Step {
        let Place::Receiving(_, body) = &mut self.place else { return Step::Wait };
        if body.len() + bytes.len() > config.exec.body_max {
            return self.refuse(config, work, request, &too_large(config.exec.body_max));
        }
        body.extend_from_slice(bytes);
        let held = body.len();
        work.schedule.holds(request, held);
        if work.schedule.used() > config.exec.memory_max {
            let message = "All memory for scripts is in use; try again later.".to_owned();
            return self.refuse(config, work, request, &SetupError { status: 503, message });
        }
        Step::Wait
    }

    /// The request is complete.
    pub(super) fn ended(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
    ) -> Step {
        let Place::Receiving(head, body) = &mut self.place else { return Step::Wait };
        match setup::setup(config, head, std::mem::take(body), &self.sight, now) {
            Ok(setup) => {
                self.place = Place::Here(Script::New(Box::new(setup)));
                self.queue(work, request);
                Step::Wait
            }
            Err(error) => self.refuse(config, work, request, &error),
        }
    }

    /// The client has taken everything so far.
    pub(super) fn drained(&mut self, work: &mut Work, request: RequestId) {
        self.unsent = 0;
        if self.state == State::Writing {
            self.queue(work, request);
        }
    }

    /// It must end, and say why.
    pub(super) fn abort(&mut self, work: &mut Work, request: RequestId, reason: String) {
        // Of a session not only the line that runs may hold much.
        self.ends = Some(reason.clone());
        self.abort = Some(reason);
        self.queue(work, request);
    }

    /// Wants a slice.
    fn queue(&mut self, work: &mut Work, request: RequestId) {
        if !self.is_queued && matches!(self.place, Place::Here(_)) {
            self.is_queued = true;
            work.schedule.queue(request, self.slices);
        }
    }

    /// The schedule says that it may run: the slice.
    fn slice(&mut self, work: &mut Work, request: RequestId, now: Now) -> Option<ExecTask> {
        self.is_queued = false;
        match std::mem::replace(&mut self.place, Place::Away) {
            Place::Here(script) => {
                let clock = Clock { wall_ns: now.wall.0, mono_ns: now.mono.0 };
                let fuel = schedule::fuel(self.slices);
                self.slices = self.slices.saturating_add(1);
                let answers = std::mem::take(&mut self.inbox);
                let abort = self.abort.take();
                let stop = std::mem::take(&mut self.stop);
                if abort.is_some() || stop {
                    self.needs.clear();
                    self.stop_serving(work, request);
                    work.wakes.retain(|(_, sleeper, _)| *sleeper != request);
                }
                let entropy = work.entropy();
                let line = self.line.take();
                Some(ExecTask { script, answers, abort, stop, line, fuel, clock, entropy })
            }
            other => {
                self.place = other;
                None
            }
        }
    }

    /// A slice is over.
    fn sliced(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        done: ExecDone,
    ) -> Step {
        self.state = done.state;
        if let Script::Begun(machine, _) = &done.script {
            self.sight = machine.sight();
        }
        for id in done.cancelled {
            self.cancel_need(work, request, id);
        }
        self.needs.extend(done.needs);
        self.serve(config, work, request, now);
        if !matches!(self.state, State::Running | State::Waiting) {
            work.shared.forget(request);
        }
        if let Script::Refused(error) = &done.script {
            return self.refuse(config, work, request, error);
        }
        let step = match (&done.script, &self.state) {
            (Script::Begun(machine, _), State::Failed) => {
                self.answer_failure(config, work, request, now, machine);
                Step::Done
            }
            (Script::Begun(machine, _), State::Unwritable(message)) => {
                if self.has_answered {
                    Step::Broken(message.clone())
                } else {
                    let message = message.clone();
                    self.answer_unwritable(config, work, request, now, machine, &message);
                    Step::Done
                }
            }
            (Script::Begun(machine, _), State::Writing | State::Written) => {
                self.answer_piece(config, work, request, now, machine, done.out);
                if self.state == State::Written {
                    work.effects.push_back(Effect::Http(HttpAction::End { request }));
                    Step::Done
                } else {
                    Step::Wait
                }
            }
            _ => Step::Wait,
        };
        self.place = Place::Here(done.script);
        if step == Step::Wait {
            // Its inbox is empty now: more can be read.
            self.read(config, work, request, now);
            self.go_on(work, request);
        }
        step
    }

    /// Queues for another slice where one has something to do.
    fn go_on(&mut self, work: &mut Work, request: RequestId) {
        let has_work = match self.state {
            State::Running => true,
            State::Waiting => !self.inbox.is_empty() || self.abort.is_some() || self.stop,
            State::Writing => self.unsent < UNSENT_MAX,
            _ => false,
        };
        if has_work {
            self.queue(work, request);
        }
    }

    /// A piece of the result goes out, behind the head of the response.
    fn answer_piece(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        machine: &Machine,
        out: Vec<u8>,
    ) {
        if !std::mem::replace(&mut self.has_answered, true) {
            let mut head = answer::head(config, machine, now.mono.since(self.began.mono));
            if super::mobius::is_run(request) {
                super::mobius::note(&mut head, machine);
            }
            work.effects.push_back(Effect::Http(HttpAction::Head { request, head }));
        }
        self.unsent += 1;
        let bytes = Bytes::from(out);
        work.effects.push_back(Effect::Http(HttpAction::Body { request, bytes }));
    }

    fn answer_failure(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        machine: &Machine,
    ) {
        self.has_answered = true;
        let (head, body) = answer::failure(config, machine, now.mono.since(self.began.mono));
        work.answer(request, head, body);
    }

    fn answer_unwritable(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        machine: &Machine,
        message: &str,
    ) {
        self.has_answered = true;
        let elapsed = now.mono.since(self.began.mono);
        let (head, body) = answer::unwritable(config, machine, elapsed, message);
        work.answer(request, head, body);
    }

    /// The script never begins.
    fn refuse(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        error: &SetupError,
    ) -> Step {
        self.has_answered = true;
        let (head, body) = answer::refusal(config, error);
        work.answer(request, head, body);
        Step::Done
    }

    /// Serves what the script asked for: what takes time one after the other.
    fn serve(&mut self, config: &EgressConfig, work: &mut Work, request: RequestId, now: Now) {
        while self.serving.is_none() {
            let Some((id, need)) = self.needs.pop_front() else { return };
            let begun = match need {
                Request::Fetch(fetch) => Read::fetch(config, *fetch, now, work.draw()),
                Request::Find(find) => Read::find(config, &find, now),
                Request::Stats(find) => Read::stats(config, &find, now),
                Request::Update(write) => {
                    let call = Call::write(config, work, request, write, false);
                    self.serving = Some((id, Serving::Call(call)));
                    return;
                }
                Request::Meta(write) => {
                    let call = Call::write(config, work, request, write, true);
                    self.serving = Some((id, Serving::Call(call)));
                    return;
                }
                Request::Delete(delete) => {
                    let call = Call::delete(config, work, request, *delete);
                    self.serving = Some((id, Serving::Call(call)));
                    return;
                }
                Request::Sleep(until) => {
                    work.wakes.insert((Mono(until), request, id));
                    continue;
                }
                Request::Scripts(ask) => {
                    work.asked_scripts.push(Asked { request, need: id, ask });
                    continue;
                }
                Request::Shared(ask) => {
                    work.shared.ask(now.mono, (request, id), ask);
                    continue;
                }
                Request::Switch(switch) => {
                    work.effects.push_back(Effect::Peer(PeerAction::Switch(switch)));
                    self.inbox.push((id, Answer::End));
                    continue;
                }
                Request::Library(ask) => {
                    if !ask_library(config, work, (request, id), ask) {
                        self.inbox.push((id, Answer::End));
                    }
                    continue;
                }
                Request::Http(call) => match Web::begin(config, work, request, *call, now) {
                    Ok(web) => {
                        self.serving = Some((id, Serving::Web(web)));
                        return;
                    }
                    Err(error) => Err(error),
                },
            };
            match begun {
                Ok(read) => {
                    work.begin_waiting(now, request, true);
                    self.serving = Some((id, Serving::Read(Box::new(read))));
                    self.read(config, work, request, now);
                }
                Err(error) => self.inbox.push((id, Answer::Err(error))),
            }
        }
    }

    /// Goes on with what is being read, when consumers have applied what it must see.
    fn read(&mut self, config: &EgressConfig, work: &mut Work, request: RequestId, now: Now) {
        let Some((id, Serving::Read(read))) = &mut self.serving else { return };
        let id = *id;
        let answers = match work.progress(now, request) {
            Progress::Waiting => return,
            Progress::Failed(message) => {
                read.cancel(work);
                let error = Error::new(Kind::Script, message);
                vec![Answer::Err(error.wrap(Kind::Script, "failed."))]
            }
            Progress::Reached => read.advance(work, request, &self.inbox),
        };
        self.answered(config, work, request, now, id, answers);
    }

    /// Pieces of an answer; behind the last one the next request is served.
    fn answered(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        id: NeedId,
        answers: Vec<Answer>,
    ) {
        let is_over = answers.last().is_some_and(|last| !matches!(last, Answer::Chunk(_)));
        self.inbox.extend(answers.into_iter().map(|answer| (id, answer)));
        if is_over {
            self.serving = None;
            self.serve(config, work, request, now);
        }
    }

    /// Series were found, or there are no more.
    pub(super) fn find_event(&mut self, event: FindEvent) {
        if let Some((_, Serving::Read(read))) = &mut self.serving {
            read.find_event(event);
        }
    }

    /// Datapoints were read, or there are no more.
    pub(super) fn table_event(&mut self, event: TableEvent) {
        if let Some((_, Serving::Read(read))) = &mut self.serving {
            read.table_event(event);
        }
    }

    /// Another component answered.
    fn called(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        (call_id, result): (ActionId, CallResult),
    ) {
        let Some((id, Serving::Call(call))) = &mut self.serving else { return };
        let id = *id;
        if let Some(answers) = call.answered(config, work, request, call_id, result) {
            self.answered(config, work, request, now, id, answers);
        }
    }

    /// What a call to the outside waits for is there.
    fn outside(
        &mut self,
        config: &EgressConfig,
        work: &mut Work,
        request: RequestId,
        now: Now,
        (action, told): (ActionId, Told),
    ) {
        let Some((id, Serving::Web(web))) = &mut self.serving else { return };
        let id = *id;
        if let Some(answers) = web.told(config, work, request, action, told) {
            self.answered(config, work, request, now, id, answers);
        }
    }

    /// Nobody waits for what is being served.
    fn stop_serving(&mut self, work: &mut Work, request: RequestId) {
        match self.serving.take() {
            Some((_, Serving::Read(mut read))) => {
                work.stop_waiting(request);
                read.cancel(work);
            }
            Some((_, Serving::Call(call))) => call.cancel(work),
            Some((_, Serving::Web(web))) => web.cancel(work),
            None => {}
        }
    }

    /// A sleep is over.
    pub(super) fn woken(&mut self, work: &mut Work, request: RequestId, id: NeedId) {
        self.inbox.push((id, Answer::End));
        self.go_on(work, request);
    }

    fn cancel_need(&mut self, work: &mut Work, request: RequestId, id: NeedId) {
        self.needs.retain(|(other, _)| *other != id);
        self.inbox.retain(|(other, _)| *other != id);
        if self.serving.as_ref().is_some_and(|(other, _)| *other == id) {
            self.stop_serving(work, request);
        }
        work.wakes.retain(|(_, sleeper, other)| (*sleeper, *other) != (request, id));
        work.shared.cancel((request, id));
    }

    /// Nobody wants the rest. A script that runs is dropped when its slice is over.
    pub(super) fn cancel(mut self, work: &mut Work, request: RequestId) {
        self.stop_serving(work, request);
        work.wakes.retain(|(_, sleeper, _)| *sleeper != request);
        work.shared.forget(request);
        work.schedule.forget(request);
        if let Place::Here(script) = self.place {
            work.discard(script);
        }
    }
}

/// Asks the shell's library of scripts; `false` when there is none.
fn ask_library(
    config: &EgressConfig,
    work: &mut Work,
    asker: (RequestId, NeedId),
    ask: Library,
) -> bool {
    if !config.exec.has_library && !config.exec.has_bootstrap {
        return false;
    }
    let id = work.ids.next_id();
    if !matches!(ask, Library::Loaded { .. }) {
        work.asked.insert(id, asker);
    }
    work.effects.push_back(Effect::Peer(PeerAction::Script { id, ask }));
    true
}

/// Bytes that a script holds.
fn held(script: &Script) -> usize {
    /// What a machine takes without anything in its heap.
    const MACHINE_LEN: usize = 16 << 10;
    match script {
        Script::Begun(machine, _) => MACHINE_LEN + machine.heap.used(),
        _ => 0,
    }
}

impl Work {
    /// Throws a script away; a large one on the pool.
    fn discard(&mut self, script: Script) {
        const LARGE: usize = 1 << 20;
        if held(&script) > LARGE {
            let id = self.ids.next_id();
            self.effects.push_back(Effect::Compute(id, EgressTask::Discard(Discarded(script))));
        }
    }
}

/// A script that nobody wants any more.
#[derive(Debug)]
pub struct Discarded(#[allow(dead_code, reason = "it is dropped, and that is all")] Script);

impl super::Egress {
    /// Starts slices while there are threads and scripts that want them.
    pub(super) fn dispatch(&mut self, now: Now) {
        while let Some(request) = self.work.schedule.start() {
            let exec = match self.requests.get_mut(&request) {
                Some(super::Request::Exec(exec)) => exec,
                _ => {
                    self.work.schedule.stop();
                    continue;
                }
            };
            match exec.slice(&mut self.work, request, now) {
                Some(task) => {
                    let id = self.work.ids.next_id();
                    self.work.computing.insert(id, request);
                    let task = EgressTask::Exec(Box::new(task));
                    self.work.effects.push_back(Effect::Compute(id, task));
                }
                None => self.work.schedule.stop(),
            }
        }
    }

    /// A slice is over.
    pub(super) fn script_ran(&mut self, now: Now, request: RequestId, done: ExecDone) {
        self.work.schedule.stop();
        let config = Arc::clone(&self.config);
        match self.requests.get_mut(&request) {
            Some(super::Request::Exec(exec)) => {
                let largest = self.work.schedule.holds(request, held(&done.script));
                let step = exec.sliced(&config, &mut self.work, request, now, done);
                if let (Some(largest), Step::Wait) = (largest, &step) {
                    self.free_memory(largest);
                }
                self.stepped(request, step);
                self.line_ran(now, request);
            }
            _ => self.work.discard(done.script),
        }
        self.dispatch(now);
    }

    /// What a script waits for may have come.
    pub(super) fn advance_script(&mut self, now: Now, request: RequestId) {
        let config = Arc::clone(&self.config);
        if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&request) {
            exec.read(&config, &mut self.work, request, now);
            exec.go_on(&mut self.work, request);
        }
        self.dispatch(now);
    }

    /// Another component answered a script.
    pub(super) fn called(
        &mut self,
        now: Now,
        request: RequestId,
        id: ActionId,
        result: CallResult,
    ) {
        let config = Arc::clone(&self.config);
        if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&request) {
            exec.called(&config, &mut self.work, request, now, (id, result));
            exec.go_on(&mut self.work, request);
        }
        self.dispatch(now);
    }

    /// What a script asked of the outside, or of the log, has an outcome.
    pub(super) fn outside(&mut self, now: Now, id: ActionId, told: Told) {
        let Some(request) = self.work.outside.remove(&id) else { return };
        let config = Arc::clone(&self.config);
        if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&request) {
            exec.outside(&config, &mut self.work, request, now, (id, told));
            exec.go_on(&mut self.work, request);
        }
        self.dispatch(now);
    }

    /// The library answered a script.
    pub(super) fn answered_script(
        &mut self,
        now: Now,
        (request, need): (RequestId, NeedId),
        result: Result<Option<Arc<str>>, String>,
    ) {
        if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&request) {
            let answers = match result {
                Ok(Some(source)) => vec![Answer::Chunk(Chunk::Source(source)), Answer::End],
                Ok(None) => vec![Answer::End],
                Err(message) => vec![Answer::Err(Error::new(Kind::Script, message))],
            };
            exec.inbox.extend(answers.into_iter().map(|answer| (need, answer)));
            exec.go_on(&mut self.work, request);
        }
        self.dispatch(now);
    }

    /// Scripts hold too much together: the one that holds most ends.
    fn free_memory(&mut self, largest: RequestId) {
        let max = self.config.exec.memory_max;
        if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&largest) {
            let reason = format!(
                "All scripts together hold more than {max} bytes, and this one most of it."
            );
            exec.abort(&mut self.work, largest, reason);
        }
    }

    /// Ends the request of a script where its step says so.
    pub(super) fn stepped(&mut self, request: RequestId, step: Step) {
        match step {
            Step::Wait => return,
            Step::Done => {
                let name = "weft_egress_scripts_total";
                self.work.effects.push_back(Effect::Metric(Metric::add(name, 1)));
            }
            Step::Broken(message) => {
                let warning = format!("egress: a script's result broke off: {message}");
                self.work.effects.push_back(Effect::Warn(warning));
                self.work.effects.push_back(Effect::Http(HttpAction::Abort { request }));
            }
        }
        self.forget(request);
    }

    /// Scripts whose sleep is over go on.
    pub(super) fn wake(&mut self, now: Now) {
        while let Some(first) = self.work.wakes.first().copied() {
            let (at, request, id) = first;
            if at > now.mono {
                break;
            }
            self.work.wakes.remove(&first);
            if let Some(super::Request::Exec(exec)) = self.requests.get_mut(&request) {
                exec.woken(&mut self.work, request, id);
            }
        }
    }
}
