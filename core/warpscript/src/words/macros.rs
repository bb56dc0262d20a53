//! Macros that do not come from variables: repositories of the platform.

use std::sync::Arc;

use crate::error::{Fault, Result};
use crate::heap::Text;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Symbol;
use crate::parser::Source;
use crate::requests::{Answer, Chunk, Request, RequestId};
use crate::value::Value;

/// Waits for the source of a macro, compiles it, runs it.
struct Load {
    name: Symbol,
    request: RequestId,
    source: Option<String>,
    compiling: bool,
}

/// Runs `@name` when no variable has that name: the platform may know it.
///
/// # Errors
/// When nested too deeply.
pub(crate) fn run_from_library(vm: &mut Machine, name: Symbol) -> Result {
    let path: Text = Arc::clone(vm.symbols().name(name));
    let request = vm.request(Request::Macro(path));
    vm.push_task(Load { name, request, source: None, compiling: false })
}

impl Task for Load {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.compiling {
            let value = vm.pop()?;
            let Value::Macro(body) = value else {
                let name = vm.symbols().name(self.name);
                return Err(Fault::text(format!("'{name}' is not a macro.")));
            };
            vm.heap.change_macro(body)?.name = Some(self.name);
            vm.exec(body)?;
            return Ok(Flow::Done);
        }
        while let Some(answer) = vm.take_answer(self.request) {
            match answer {
                Answer::Chunk(Chunk::Macro(text)) => {
                    self.source.get_or_insert_default().push_str(&text);
                }
                Answer::Chunk(_) => (),
                Answer::Err(error) => return Err(Fault::Error(Box::new(error))),
                Answer::End => {
                    let Some(source) = self.source.take() else {
                        let name = vm.symbols().name(self.name);
                        return Err(Fault::text(format!("Unknown macro '{name}'")));
                    };
                    self.compiling = true;
                    vm.push_task(Source::evaluated(source.into(), None))?;
                    return Ok(Flow::Again);
                }
            }
        }
        Ok(Flow::Wait)
    }
}
