//! Failing, catching, and running against the clock.

use crate::error::{Error, Fault, Kind, Result};
use crate::heap::Map;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::value::{Handle, Value};
use crate::words::capabilities;

pub(super) fn fail(vm: &mut Machine) -> Result {
    Err(vm.error("failed."))
}

pub(super) fn msgfail(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    if top.is_null() {
        return Err(Fault::null());
    }
    let message = crate::text::to_text(vm, top)?;
    Err(vm.error(&message))
}

pub(super) fn assert(vm: &mut Machine) -> Result {
    if vm.pop_boolean("expects a boolean on top of the stack.")? {
        return Ok(());
    }
    Err(vm.error("failed."))
}

pub(super) fn assertmsg(vm: &mut Machine) -> Result {
    let message = vm.pop_text("expects a STRING message.")?;
    if vm.pop_boolean("expects a boolean below the message.")? {
        return Ok(());
    }
    Err(vm.error(&format!("failed '{message}'")))
}

pub(super) fn rethrow(vm: &mut Machine) -> Result {
    match vm.last_error.clone() {
        Some(error) => Err(Fault::Error(Box::new(error))),
        None => Ok(()),
    }
}

pub(super) fn error(vm: &mut Machine) -> Result {
    let layers: Vec<_> = match &vm.last_error {
        Some(error) => error.layers().cloned().collect(),
        None => Vec::new(),
    };
    vm.charge(layers.len() * 16);
    let mut causes = Vec::with_capacity(layers.len());
    for layer in layers {
        let mut map = Map::default();
        let kind = vm.heap.string(layer.kind.class())?;
        map.entries.insert(vm.heap.text_key("type")?, kind);
        let message = match layer.message {
            Some(message) => vm.heap.string(&*message)?,
            None => Value::Null,
        };
        map.entries.insert(vm.heap.text_key("message")?, message);
        let trace = vm.heap.new_list(Vec::new())?;
        map.entries.insert(vm.heap.text_key("stacktrace")?, trace);
        causes.push(Value::Map(vm.heap.alloc_map(map)?));
    }
    vm.push_list(causes)
}

/// Which macro of TRY runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Try,
    Catch,
    Finally,
}

struct Try {
    attempt: Handle<Macro>,
    handler: Handle<Macro>,
    finally: Handle<Macro>,
    phase: Phase,
    pending: Option<Fault>,
}

pub(super) fn try_(vm: &mut Machine) -> Result {
    let finally = vm.pop_macro("expects a 'finally' macro on top of the stack.")?;
    let handler = vm.pop_macro("expects a 'catch' macro below the 'finally' macro.")?;
    let attempt = vm.pop_macro("expects a 'try' macro below the 'catch' macro.")?;
    let phase = Phase::Start;
    vm.push_task(Try { attempt, handler, finally, phase, pending: None })
}

impl Try {
    fn finish(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.phase = Phase::Finally;
        if vm.heap.macro_(self.finally).code.is_empty() {
            return self.end();
        }
        vm.exec(self.finally)?;
        Ok(Flow::Again)
    }

    fn end(&mut self) -> Result<Flow> {
        match self.pending.take() {
            Some(fault) => Err(fault),
            None => Ok(Flow::Done),
        }
    }
}

impl Task for Try {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match self.phase {
            Phase::Start => {
                self.phase = Phase::Try;
                vm.exec(self.attempt)?;
                Ok(Flow::Again)
            }
            Phase::Try | Phase::Catch => self.finish(vm),
            Phase::Finally => self.end(),
        }
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        match self.phase {
            Phase::Try => {
                vm.last_error = Some(fault.into_error());
                self.phase = Phase::Catch;
                vm.exec(self.handler)?;
                Ok(Flow::Again)
            }
            Phase::Catch => {
                self.pending = Some(fault);
                self.finish(vm)
            }
            Phase::Start | Phase::Finally => Err(fault),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        for body in [self.attempt, self.handler, self.finally] {
            visit(Value::Macro(body));
        }
    }
}

/// Runs a macro until a deadline.
struct Timebox {
    body: Handle<Macro>,
    started: bool,
    deadline: u64,
    limit: i64,
    /// Errors of the macro travel on as they are.
    quiet: bool,
}

pub(super) fn timebox(vm: &mut Machine) -> Result {
    let asked = vm.pop_long("expects a maximum execution time on top of the stack.")?.max(0);
    let body = vm.pop_macro("operates on a macro.")?;
    let per_ms = vm.config.time_unit.per_ms();
    let mut most = vm.config.timebox_ms.saturating_mul(per_ms);
    if let (true, Some(raised)) = (most > 0, capabilities::get(vm, "timebox.maxtime")) {
        let Some(raised) = capabilities::duration(vm, raised.trim()) else {
            return Err(vm.error("invalid value for capability 'timebox.maxtime'."));
        };
        // No limit at all when the capability says 0.
        most = if raised > 0 { most.max(raised) } else { 0 };
    }
    let limit = if most > 0 && asked > 0 { most.min(asked) } else { asked };
    begin_timebox(vm, body, limit, false)
}

/// Runs the macro that is the whole script, for at most `limit` time units.
///
/// # Errors
/// When memory is used up.
pub(crate) fn run_boxed(vm: &mut Machine, body: Handle<Macro>, limit: i64) -> Result {
    begin_timebox(vm, body, limit, true)
}

fn begin_timebox(vm: &mut Machine, body: Handle<Macro>, limit: i64, quiet: bool) -> Result {
    let per_unit = 1_000_000 / vm.config.time_unit.per_ms();
    let span = u64::try_from(limit.saturating_mul(per_unit)).unwrap_or(0);
    let deadline = vm.clock.mono_ns.saturating_add(span);
    vm.push_task(Timebox { body, started: false, deadline, limit, quiet })
}

impl Timebox {
    fn reached(&self, vm: &Machine) -> Error {
        let unit = match vm.config.time_unit {
            weft_gts::TimeUnit::Milliseconds => "MILLISECONDS",
            weft_gts::TimeUnit::Microseconds => "MICROSECONDS",
            weft_gts::TimeUnit::Nanoseconds => "NANOSECONDS",
        };
        let text = format!("TIMEBOX reached the execution time limit ({} {unit}).", self.limit);
        Error::new(Kind::Script, text)
    }
}

impl Task for Timebox {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if !self.started {
            self.started = true;
            vm.set_deadline(self.deadline, self.reached(vm));
            vm.exec(self.body)?;
            return Ok(Flow::Again);
        }
        vm.clear_deadline();
        Ok(Flow::Done)
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        vm.clear_deadline();
        match fault {
            Fault::Stop | Fault::Return(_) => Ok(Flow::Done),
            fault if self.quiet => Err(fault),
            fault => {
                let message = "TIMEBOX encountered an exception while executing macro";
                let error = fault.into_error().wrap(Kind::Script, message);
                Err(Fault::Error(Box::new(error)))
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.body));
    }
}
