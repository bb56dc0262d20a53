//! Macros that do not come from variables: the platform's library of scripts.
//!
//! A macro of the library is the one value that its source leaves when it runs apart, on a stack of
//! its own without limits. It is loaded at its first call and kept while the script runs; one that
//! cannot be loaded fails with the reason whenever it is called.

use crate::error::{Error, Fault, Kind, Result};
use crate::heap::{Function, Text};
use crate::machine::{Flow, Machine, Task};
use crate::macros::{Instruction, Macro, Symbol};
use crate::parser::Source;
use crate::registry::{self, Word, word};
use crate::requests::{Answer, Chunk, Library, Request, RequestId};
use crate::value::{Handle, Value};

/// Characters of the reason why a macro cannot be loaded.
const REASON_MAX: usize = 1024;

/// The word that sources have while they are loaded.
static INCLUDE: Word = word("INCLUDE", include, "2.0.0", "path<STRING> INCLUDE", "", &[]);

/// A source on its way.
struct Incoming {
    request: RequestId,
    text: Option<Text>,
}

/// How far a task that runs a source is.
enum Stage {
    Waiting(Incoming),
    Running,
}

/// Waits for the source of a macro, runs it apart, runs the macro.
struct Load {
    name: Symbol,
    stage: Stage,
}

/// Waits for the bootstrap, runs it apart, takes what it defined.
struct Bootstrap(Stage);

/// Waits for a file, runs it.
struct Include(Stage);

impl Incoming {
    fn ask(vm: &mut Machine, library: Library) -> Stage {
        let request = vm.request(Request::Library(library));
        Stage::Waiting(Self { request, text: None })
    }

    /// Takes what there is of the answer; `None` before its end.
    fn take(&mut self, vm: &mut Machine) -> Option<std::result::Result<Option<Text>, Error>> {
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Source(text)) => self.text = Some(text),
                Answer::Chunk(_) => (),
                Answer::Err(error) => return Some(Err(error)),
                Answer::End => return Some(Ok(self.text.take())),
            }
        }
        None
    }
}

/// Runs `@name` when no variable has that name: the platform may know it.
///
/// # Errors
/// When nested too deeply.
pub(crate) fn run_from_library(vm: &mut Machine, name: Symbol) -> Result {
    if let Some(body) = vm.library.get(&name) {
        return vm.exec(*body);
    }
    let path = Text::clone(vm.symbols().name(name));
    if vm.loading().any(|other| other == name) {
        let names = vm.loading().map(|name| format!("@{}", vm.symbols().name(name)));
        let sequence = names.collect::<Vec<_>>().join(" >>> ");
        let reason = format!("Invalid recursive macro loading ({sequence})");
        let body = failing(vm, name, &Error::new(Kind::Script, reason))?;
        return vm.exec(body);
    }
    let stage = Incoming::ask(vm, Library::Macro(path));
    vm.push_task(Load { name, stage })
}

/// The task that runs the bootstrap.
pub(crate) fn bootstrap(vm: &mut Machine) -> Box<dyn Task> {
    Box::new(Bootstrap(Incoming::ask(vm, Library::Bootstrap)))
}

/// What `error` is told about.
fn tell(vm: &mut Machine, name: Option<Symbol>, ttl_ms: Option<i64>, failure: Option<String>) {
    let name = name.map(|name| Text::clone(vm.symbols().name(name)));
    vm.tell(Request::Library(Library::Loaded { name, ttl_ms, failure }));
}

/// Whether a macro may stand for the fault: what ends the script ends it here, too.
fn is_reason(fault: &Fault) -> bool {
    !matches!(fault, Fault::Error(error) if error.kind() == Kind::Limit)
}

/// A macro that fails because it could not be loaded.
fn failing(vm: &mut Machine, name: Symbol, error: &Error) -> Result<Handle<Macro>> {
    let at = vm.clock.wall_ns.div_euclid(1_000_000);
    let path = vm.symbols().name(name);
    let reason = error.brief(REASON_MAX);
    let text = vm.heap.string(format!("[{at}] Error while loading macro '{path}': {reason}"))?;
    let fail = registry::find("MSGFAIL").map(Instruction::Call);
    let code: Vec<Instruction> = [Instruction::Push(text)].into_iter().chain(fail).collect();
    vm.heap.alloc_macro(Macro::new(code))
}

impl Load {
    /// Starts to run the source.
    fn begin(&mut self, vm: &mut Machine, source: Text) -> Result {
        vm.heap.claim(source.len())?;
        self.stage = Stage::Running;
        vm.enter(Some(self.name))?;
        let begun = define_include(vm).and_then(|()| vm.push_task(Source::evaluated(source, None)));
        if begun.is_err() {
            vm.leave();
        }
        begun
    }

    /// The source ran: what it left is the macro.
    fn end(&self, vm: &mut Machine) -> Result<Handle<Macro>> {
        if vm.depth() != 1 {
            return Err(Fault::text("Stack depth was not 1 after the code execution."));
        }
        let Value::Macro(body) = vm.pop()? else {
            return Err(Fault::text("No macro was found on top of the stack."));
        };
        name_recursively(vm, body, self.name)?;
        vm.heap.change_macro(body)?.secure = true;
        Ok(body)
    }

    /// Keeps the macro, or one that fails, and runs it.
    fn keep(&self, vm: &mut Machine, loaded: Result<Handle<Macro>>) -> Result<Flow> {
        let body = match loaded {
            Ok(body) => body,
            Err(fault) if is_reason(&fault) => {
                let error = fault.into_error();
                tell(vm, Some(self.name), None, Some(error.brief(REASON_MAX)));
                failing(vm, self.name, &error)?
            }
            Err(fault) => return Err(fault),
        };
        vm.heap.book(size_of::<(Symbol, Handle<Macro>)>() * 2)?;
        vm.library.insert(self.name, body);
        vm.exec(body)?;
        Ok(Flow::Done)
    }
}

impl Task for Load {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match &mut self.stage {
            Stage::Waiting(incoming) => match incoming.take(vm) {
                None => Ok(Flow::Wait),
                Some(Ok(None)) => {
                    let name = vm.symbols().name(self.name);
                    Err(Fault::text(format!("Unknown macro '{name}'")))
                }
                Some(Ok(Some(source))) => self.begin(vm, source).map(|()| Flow::Again),
                Some(Err(error)) => self.keep(vm, Err(Fault::Error(Box::new(error)))),
            },
            Stage::Running => {
                let loaded = self.end(vm);
                let ttl_ms = vm.settings.macro_ttl;
                vm.leave();
                if loaded.is_ok() && ttl_ms.is_some() {
                    tell(vm, Some(self.name), ttl_ms, None);
                }
                self.keep(vm, loaded)
            }
        }
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        vm.leave();
        self.keep(vm, Err(fault))
    }
}

impl Task for Bootstrap {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match &mut self.0 {
            Stage::Waiting(incoming) => match incoming.take(vm) {
                None => Ok(Flow::Wait),
                Some(Ok(Some(source))) => {
                    vm.heap.claim(source.len())?;
                    self.0 = Stage::Running;
                    vm.enter(None)?;
                    let begun = vm.push_task(Source::evaluated(source, None));
                    if begun.is_err() {
                        vm.leave();
                    }
                    begun.map(|()| Flow::Again)
                }
                // The platform knows that it cannot be read.
                Some(_) => Ok(Flow::Done),
            },
            Stage::Running => {
                let definitions = vm.take_definitions();
                vm.leave();
                vm.add_definitions(definitions);
                Ok(Flow::Done)
            }
        }
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        vm.leave();
        if !is_reason(&fault) {
            return Err(fault);
        }
        // As in the reference, scripts run without it then; the operator is told.
        tell(vm, None, None, Some(fault.into_error().brief(REASON_MAX)));
        Ok(Flow::Done)
    }
}

/// Gives a macro and those in its code a name.
fn name_recursively(vm: &mut Machine, body: Handle<Macro>, name: Symbol) -> Result {
    let mut rest = vec![body];
    while let Some(body) = rest.pop() {
        if vm.heap.macro_(body).name == Some(name) {
            continue;
        }
        vm.heap.change_macro(body)?.name = Some(name);
        let code = std::sync::Arc::clone(&vm.heap.macro_(body).code);
        vm.charge(code.len());
        rest.extend(code.iter().filter_map(|instruction| match instruction {
            Instruction::Push(Value::Macro(inner)) => Some(*inner),
            _ => None,
        }));
    }
    Ok(())
}

/// Makes INCLUDE a word of the source that is loaded.
fn define_include(vm: &mut Machine) -> Result {
    let mut body = Macro::new([Instruction::Call(&INCLUDE)]);
    body.secure = true;
    let body = vm.heap.alloc_macro(body)?;
    let function = Function {
        word: None,
        name: Some(INCLUDE.name.into()),
        role: crate::function::Role::Defined(body),
        parameters: Vec::new(),
    };
    let function = vm.heap.alloc_function(function)?;
    vm.defined.insert(INCLUDE.name.into(), function);
    Ok(())
}

fn include(vm: &mut Machine) -> Result {
    let Some(name) = vm.loading().last() else {
        return Err(vm.error("can only be used when loading macros, not when using them."));
    };
    let path = vm.pop_text("expects a macro path on top of the stack.")?;
    let name = Text::clone(vm.symbols().name(name));
    let stage = Incoming::ask(vm, Library::Include { name, path });
    vm.push_task(Include(stage))
}

impl Task for Include {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let Stage::Waiting(incoming) = &mut self.0 else { return Ok(Flow::Done) };
        let failed = |fault: Fault| Err(fault.wrap("INCLUDE encountered an error line 0."));
        match incoming.take(vm) {
            None => Ok(Flow::Wait),
            Some(Ok(Some(source))) => {
                vm.heap.claim(source.len())?;
                self.0 = Stage::Running;
                vm.push_task(Source::included(source))?;
                Ok(Flow::Again)
            }
            Some(Ok(None)) => failed(Fault::text("INCLUDE was unable to load the file.")),
            Some(Err(error)) => failed(Fault::Error(Box::new(error))),
        }
    }
}
