//! Running macros and scripts.

use crate::error::{Fault, Result};
use crate::heap::Text;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Symbol;
use crate::parser::Source;
use crate::requests::{Answer, Chunk, Library, Request, RequestId};
use crate::value::Value;
use crate::words::capabilities;

pub(super) fn eval(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::Macro(body) => vm.exec(body),
        Value::String(text) => {
            let text = Text::clone(vm.heap.text(text));
            vm.push_task(Source::evaluated(text, None))
        }
        Value::Word(word) if vm.is_callable(Value::Word(word)) => vm.call_word(word),
        Value::Function(function) if vm.is_callable(Value::Function(function)) => {
            vm.apply_function(function)
        }
        _ => Err(vm.error("expects a Macro, a function or a String.")),
    }
}

pub(super) fn xeval(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::String(text) => {
            let text = Text::clone(vm.heap.text(text));
            let before = std::mem::replace(&mut vm.settings.in_xeval, true);
            vm.push_task(Source::evaluated(text, Some(before)))
        }
        value if vm.is_callable(value) => Err(vm.error("can only be applied to a STRING.")),
        _ => Err(vm.error("expects a Macro, a function or a String.")),
    }
}

pub(super) fn run(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::String(name) => {
            let name = Text::clone(vm.heap.text(name));
            let symbol = vm.intern(&name)?;
            vm.run_named(symbol)
        }
        Value::Long(register) => match vm.register(register)? {
            Value::Macro(body) => vm.exec(body),
            _ => {
                let message = format!("expects register number {register} to contain a macro.");
                Err(vm.error(&message))
            }
        },
        _ => Err(vm.error("expects macro name to be a STRING or a register number (LONG).")),
    }
}

pub(super) fn nreturn(vm: &mut Machine) -> Result {
    let levels = vm.pop_long("expects a number of levels.")?;
    Err(Fault::Return(levels))
}

pub(super) fn every(vm: &mut Machine) -> Result {
    let delay = vm.pop_long("expects a repetition delay in ms on top of the stack.")?;
    vm.settings.every = Some(delay);
    let body = vm.pop_macro("expects a macro below the repetition delay.")?;
    vm.exec(body)
}

/// Asks the platform whether it knows a macro.
struct Lookup {
    request: RequestId,
    found: bool,
    name: Symbol,
    must: bool,
}

pub(super) fn defined_macro(vm: &mut Machine) -> Result {
    let name = vm.pop_text("expects a string on top of the stack.")?;
    let symbol = vm.intern(&name)?;
    let symbol = vm.rewrite(symbol)?;
    let must = vm.word.name == "CHECKMACRO";
    match vm.symbols().get(symbol) {
        None | Some(Value::Null) => {
            let name = Text::clone(vm.symbols().name(symbol));
            let request = vm.request(Request::Library(Library::Macro(name)));
            vm.push_task(Lookup { request, found: false, name: symbol, must })
        }
        Some(value) => say_defined(vm, matches!(value, Value::Macro(_)), symbol, must),
    }
}

fn say_defined(vm: &mut Machine, found: bool, name: Symbol, must: bool) -> Result {
    match (must, found) {
        (false, _) => vm.push(found),
        (true, true) => Ok(()),
        (true, false) => {
            let name = vm.symbols().name(name);
            Err(vm.error(&format!("macro '{name}' could not be loaded.")))
        }
    }
}

impl Task for Lookup {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Source(_)) => self.found = true,
                Answer::Chunk(_) => (),
                Answer::End | Answer::Err(_) => {
                    say_defined(vm, self.found, self.name, self.must)?;
                    return Ok(Flow::Done);
                }
            }
        }
        Ok(Flow::Wait)
    }
}

/// Waits until the platform wakes the script.
struct Sleep(RequestId);

impl Task for Sleep {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match vm.take_answer(self.0) {
            Some(Answer::Err(error)) => Err(Fault::Error(Box::new(error))),
            Some(_) => Ok(Flow::Done),
            None => Ok(Flow::Wait),
        }
    }
}

pub(super) fn sleep(vm: &mut Machine) -> Result {
    const NAME: &str = "sleep.maxtime";
    let Some(limit) = capabilities::get(vm, NAME) else {
        return Err(vm.error(&format!("requires capability {NAME}.")));
    };
    let Ok(limit) = limit.parse::<i64>() else {
        let text = format!("cannot parse capability {NAME}: '{limit}' is not a valid LONG");
        return Err(vm.error(&text));
    };
    if limit <= 0 {
        return Err(vm.error(&format!(
            "requires capability {NAME} to be set to a value strictly greater than 0 ms."
        )));
    }
    let ms = vm.pop_long("expects a LONG period as parameter.")? / vm.config.time_unit.per_ms();
    if ms > limit {
        return Err(vm.error(&format!(
            "cannot sleep during more than {limit} ms, as defined in {NAME} capability."
        )));
    }
    let Ok(ms) = u64::try_from(ms) else {
        return Err(Fault::text("timeout value is negative"));
    };
    let until = vm.clock.mono_ns.saturating_add(ms.saturating_mul(1_000_000));
    let request = vm.request(Request::Sleep(until));
    vm.push_task(Sleep(request))
}
