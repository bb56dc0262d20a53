//! What the scripts of a process share: mutexes, and values that they guard.
//!
//! A script has its own heap, so a shared value is the script that makes it. Whoever loads one has
//! it until the end of its section; what it changed in it is stored again before the mutex is free,
//! so that the next one sees it. A section that a time limit cuts off changes nothing.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::{Error, Fault, Result};
use crate::heap::Text;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::parser::Source;
use crate::regex::Regex;
use crate::registry::{Extension, Family, word};
use crate::requests::{Answer, Chunk, Request, RequestId, Shared};
use crate::snapshot::{self, Style};
use crate::value::{Handle, Value};
use crate::words::capabilities;

const MUTEX: &str = "mutex";
const MUTEX_WAIT: &str = "mutex.maxwait";
const LOAD: &str = "shmload";
const STORE: &str = "shmstore";

pub(super) static FAMILY: Family = Family {
    name: "shared",
    words: &[
        word(
            "MUTEX",
            mutex,
            "2.0.0",
            "macro<MACRO> name<STRING> MUTEX\nmacro<MACRO> name<STRING> wait<LONG> MUTEX",
            "Runs a macro while no other script of the process runs one under the same mutex. Waits \
             so many time units for it, or as long as `mutex.maxwait` or the capability of that name \
             says, in milliseconds (0 is for ever). Needs the capability `mutex`, an expression that \
             the name must match; an empty one allows all.",
            &[("<% 1 %> 'm' MUTEX", "!MUTEX expected capability 'mutex' to be set to regular")],
        )
        .of(Extension::SharedMemory),
        word(
            "SHMSTORE",
            store,
            "2.0.0",
            "value<ANY> symbol<STRING> SHMSTORE",
            "Shares a value under a symbol, unless there is one; NULL takes it away. Only in the \
             macro of a MUTEX, which guards the value from then on. Needs the capability `shmstore`, \
             an expression that the symbol must match.",
            &[("1 's' SHMSTORE", "!SHMSTORE expected capability 'shmstore' to be set.")],
        )
        .of(Extension::SharedMemory),
        word(
            "SHMLOAD",
            load,
            "2.0.0",
            "symbol<STRING> SHMLOAD value<ANY>",
            "The value that is shared under a symbol, in the macro of the MUTEX that guards it. What \
             is changed in it before the end of the macro is shared, too. Needs the capability \
             `shmload`, an expression that the symbol must match.",
            &[("'s' SHMLOAD", "!SHMLOAD expected capability 'shmload' to be set.")],
        )
        .of(Extension::SharedMemory),
        word(
            "SHMDEFINED",
            defined,
            "2.7.2",
            "symbol<STRING> SHMDEFINED defined<BOOLEAN>",
            "Whether a value is shared under a symbol. Needs the capability `shmload`.",
            &[("'s' SHMDEFINED", "!SHMDEFINED expected capability 'shmload' to be set.")],
        )
        .of(Extension::SharedMemory),
    ],
};

/// The mutex that a script holds, and the shared values that it has.
#[derive(Debug)]
pub(crate) struct Section {
    mutex: Text,
    /// The frame of the task that holds it.
    pub(crate) frame: usize,
    /// Values by symbol, with the scripts that they were stored as.
    values: IndexMap<Text, (Value, Text), FxBuildHasher>,
}

impl Section {
    /// Names the values that it holds.
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.values.values().for_each(|(value, _)| visit(*value));
    }
}

/// The value of a capability that an expression is.
fn capability(vm: &Machine, name: &str, rest: &str) -> Result<Text> {
    let missing = || vm.error(&format!("expected capability '{name}' to be set{rest}."));
    capabilities::get(vm, name).ok_or_else(missing)
}

/// Whether the value of a capability allows a name.
fn check(vm: &Machine, capability: &str, what: &str, name: &str) -> Result {
    if capability.is_empty() || Regex::new(capability)?.match_whole(name)?.is_some() {
        return Ok(());
    }
    Err(vm.error(&format!("capability does not grant access to {what} '{name}'.")))
}

/// How long to wait for a mutex, milliseconds; takes it from the stack where it is there.
fn pop_wait(vm: &mut Machine) -> Result<u64> {
    let mut most = vm.config.mutex_wait_ms;
    if let Some(text) = capabilities::get(vm, MUTEX_WAIT) {
        most = text.parse().ok().filter(|most| *most >= 0).ok_or_else(|| {
            vm.error(&format!("invalid '{MUTEX_WAIT}' capability value, expected a value >= 0."))
        })?;
    }
    let Some(Value::Long(span)) = vm.visible().last().copied() else { return Ok(most as u64) };
    vm.pop()?;
    let wait = span / vm.config.time_unit.per_ms();
    if wait < 0 {
        return Err(vm.error("invalid timeout, MUST be >= 0."));
    }
    if most == 0 || (wait > 0 && wait <= most) {
        return Ok(wait as u64);
    }
    Err(vm.error(&format!("invalid timeout, may not exceed {most} ms.")))
}

fn mutex(vm: &mut Machine) -> Result {
    let allowed = capability(vm, MUTEX, " to regular expression")?;
    let wait_ms = pop_wait(vm)?;
    let mutex = vm.pop_text("expects the mutex name.")?;
    let held = vm.section_shared.as_ref().map(|section| section.mutex == mutex);
    if held == Some(false) {
        return Err(vm.error("calls can only be nested with the same mutex."));
    }
    let body = vm.pop_macro("expects the macro to run below the mutex name.")?;
    check(vm, &allowed, "mutex", &mutex)?;
    if held == Some(true) {
        return vm.exec(body);
    }
    let ask = Shared::Lock { mutex: Text::clone(&mutex), wait_ms };
    let stage = Stage::Locking(vm.request(Request::Shared(ask)));
    vm.push_task(Hold { mutex, body, stage })
}

/// Holds a mutex while a macro runs.
struct Hold {
    mutex: Text,
    body: Handle<Macro>,
    stage: Stage,
}

/// How far it is.
enum Stage {
    Locking(RequestId),
    Running,
    Unlocking(RequestId),
}

impl Task for Hold {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match self.stage {
            Stage::Locking(request) => match vm.take_answer(request) {
                None => return Ok(Flow::Wait),
                Some(Answer::Err(error)) => return Err(named(vm, error)),
                Some(_) => {
                    let (mutex, frame) = (Text::clone(&self.mutex), vm.frames.len() - 1);
                    let values = IndexMap::default();
                    vm.section_shared = Some(Section { mutex, frame, values });
                    self.stage = Stage::Running;
                    if let Err(fault) = vm.exec(self.body) {
                        vm.give_up_section();
                        return Err(fault);
                    }
                }
            },
            Stage::Running => {
                let Some(section) = vm.section_shared.take() else { return Ok(Flow::Done) };
                let changed = match changed(vm, &section) {
                    Ok(changed) => changed,
                    Err(fault) => {
                        unlock(vm, section.mutex, Vec::new());
                        return Err(fault);
                    }
                };
                let ask = Shared::Unlock { mutex: section.mutex, changed };
                self.stage = Stage::Unlocking(vm.request(Request::Shared(ask)));
            }
            Stage::Unlocking(request) => match vm.take_answer(request) {
                None => return Ok(Flow::Wait),
                Some(Answer::Err(error)) => return Err(named(vm, error)),
                Some(_) => return Ok(Flow::Done),
            },
        }
        Ok(Flow::Again)
    }

    /// What was changed before the fault is shared all the same.
    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        if let Stage::Locking(request) = self.stage {
            vm.cancel(request);
            unlock(vm, Text::clone(&self.mutex), Vec::new());
        } else if let Some(section) = vm.section_shared.take() {
            let changed = changed(vm, &section).unwrap_or_default();
            unlock(vm, section.mutex, changed);
        }
        Err(fault)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.body));
    }
}

fn unlock(vm: &mut Machine, mutex: Text, changed: Vec<(Text, Text)>) {
    vm.tell(Request::Shared(Shared::Unlock { mutex, changed }));
}

impl Machine {
    /// What held the mutex is gone.
    pub(crate) fn give_up_section(&mut self) {
        if let Some(section) = self.section_shared.take() {
            unlock(self, section.mutex, Vec::new());
        }
    }
}

/// Values that are not what they were when they were loaded.
fn changed(vm: &mut Machine, section: &Section) -> Result<Vec<(Text, Text)>> {
    let mut changed = Vec::new();
    for (symbol, (value, before)) in &section.values {
        let now = as_script(vm, *value)?;
        if now != *before {
            changed.push((Text::clone(symbol), now));
        }
    }
    Ok(changed)
}

/// The script that makes a value elsewhere.
fn as_script(vm: &mut Machine, value: Value) -> Result<Text> {
    /// What snapshots have where a value is not told. Texts that say so are written otherwise.
    const UNTOLD: [&str; 2] = ["'UNSUPPORTED:", "<% /* Secure Macro */ %>"];
    let text = snapshot::value(vm, value, Style::default())?;
    vm.charge(text.len() / 16);
    if UNTOLD.iter().any(|untold| text.contains(untold)) {
        return Err(vm.error("cannot share such a value."));
    }
    Ok(text.into())
}

fn named(vm: &Machine, error: Error) -> Fault {
    Fault::Error(Box::new(error.named(vm.word.name)))
}

fn store(vm: &mut Machine) -> Result {
    let allowed = capability(vm, STORE, "")?;
    let Some(section) = &vm.section_shared else {
        return Err(vm.error("can only be called when in a MUTEX section."));
    };
    let mutex = Text::clone(&section.mutex);
    let symbol = vm.pop_text("expects a symbol name.")?;
    let value = vm.pop()?;
    check(vm, &allowed, "symbol", &symbol)?;
    let script = if value.is_null() { None } else { Some(as_script(vm, value)?) };
    let ask = Shared::Store { symbol: Text::clone(&symbol), mutex, value: script.clone() };
    let request = vm.request(Request::Shared(ask));
    vm.push_task(Store { request, symbol, value, script })
}

/// Waits until a value is stored.
struct Store {
    request: RequestId,
    symbol: Text,
    value: Value,
    script: Option<Text>,
}

impl Task for Store {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Count(count)) => self.stored(vm, count > 0)?,
                Answer::Chunk(_) => (),
                Answer::Err(error) => return Err(named(vm, error)),
                Answer::End => return Ok(Flow::Done),
            }
        }
        Ok(Flow::Wait)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(self.value);
    }
}

impl Store {
    /// The script goes on with the value itself.
    fn stored(&mut self, vm: &mut Machine, is_new: bool) -> Result {
        match self.script.take() {
            Some(script) if is_new => keep(vm, &self.symbol, self.value, script),
            Some(_) => Ok(()),
            None => {
                if let Some(section) = &mut vm.section_shared {
                    section.values.shift_remove(&self.symbol);
                }
                Ok(())
            }
        }
    }
}

/// Keeps a value until the end of the section.
fn keep(vm: &mut Machine, symbol: &Text, value: Value, script: Text) -> Result {
    let Some(section) = &mut vm.section_shared else { return Ok(()) };
    vm.heap.book(symbol.len() + script.len() + size_of::<(Text, (Value, Text))>())?;
    section.values.insert(Text::clone(symbol), (value, script));
    Ok(())
}

fn load(vm: &mut Machine) -> Result {
    let allowed = capability(vm, LOAD, "")?;
    let symbol = vm.pop_text("expects a symbol name.")?;
    check(vm, &allowed, "symbol", &symbol)?;
    let known = vm.section_shared.as_ref().and_then(|section| section.values.get(&symbol));
    if let Some((value, _)) = known {
        return vm.push(*value);
    }
    let request = vm.request(Request::Shared(Shared::Load(Text::clone(&symbol))));
    vm.push_task(Load { request, symbol, script: None, runs: false })
}

/// Waits for the script that makes a value, and runs it apart.
struct Load {
    request: RequestId,
    symbol: Text,
    script: Option<Text>,
    runs: bool,
}

impl Task for Load {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.runs {
            let value = vm.pop()?;
            vm.leave();
            vm.push(value)?;
            if let Some(script) = self.script.take() {
                keep(vm, &self.symbol, value, script)?;
            }
            return Ok(Flow::Done);
        }
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Source(script)) => self.script = Some(script),
                Answer::Chunk(_) => (),
                Answer::Err(error) => return Err(Fault::Error(Box::new(error))),
                Answer::End => {
                    let Some(script) = self.script.clone() else { return Ok(Flow::Done) };
                    vm.heap.claim(script.len())?;
                    vm.enter(None)?;
                    self.runs = true;
                    if let Err(fault) = vm.push_task(Source::evaluated(script, None)) {
                        vm.leave();
                        return Err(fault);
                    }
                    return Ok(Flow::Again);
                }
            }
        }
        Ok(Flow::Wait)
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        if self.runs {
            vm.leave();
        }
        Err(fault)
    }
}

fn defined(vm: &mut Machine) -> Result {
    let allowed = capability(vm, LOAD, "")?;
    let symbol = vm.pop_text("expects a symbol name.")?;
    check(vm, &allowed, "symbol", &symbol)?;
    let request = vm.request(Request::Shared(Shared::Defined(symbol)));
    vm.push_task(Defined(request))
}

/// Waits for whether a symbol is defined.
struct Defined(RequestId);

impl Task for Defined {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.0) {
            match answer {
                Answer::Chunk(Chunk::Count(count)) => vm.push(count > 0)?,
                Answer::Chunk(_) => (),
                Answer::Err(error) => return Err(named(vm, error)),
                Answer::End => return Ok(Flow::Done),
            }
        }
        Ok(Flow::Wait)
    }
}
