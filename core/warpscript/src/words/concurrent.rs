//! Macros that run beside each other, each with a stack of its own.
//!
//! A script is one machine and deterministic, so they run one after the other. What they can see of
//! each other is the same: nothing.

use crate::error::{Fault, Result};
use crate::heap::List;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};
use crate::words::stack::{hide, show};
use crate::words::variables::{self, Context};

pub(super) static FAMILY: Family = Family {
    name: "concurrent",
    words: &[
        word(
            "CEVAL",
            ceval,
            "1.2.0",
            "macros<LIST> parallelism<NUMBER> CEVAL results<LIST>",
            "Runs macros beside each other and gives a list of what each left, top first. Each has \
             its own stack, with its number on it (from 1), and its own copy of variables, registers \
             and defined words.",
            &[
                ("[ <% 10 * %> <% 10 * %> ] 2 CEVAL", "[[[10],[20]]]"),
                ("[] 0 CEVAL", "!parallelism level cannot be less than 1."),
            ],
        ),
        word(
            "SYNC",
            |vm| {
                let body = vm.pop_macro("expects a macro on top of the stack.")?;
                vm.exec(body)
            },
            "1.2.0",
            "macro<MACRO> SYNC results<ANY>",
            "Runs a macro while no other macro of a CEVAL runs.",
            &[("<% 1 %> SYNC", "[1]"), ("1 SYNC", "!expects a macro")],
        ),
    ],
};

/// The macros of one CEVAL.
struct Concurrent {
    macros: Vec<Handle<Macro>>,
    next: usize,
    results: Vec<Value>,
    context: Context,
    hidden: Option<usize>,
}

fn ceval(vm: &mut Machine) -> Result {
    if vm.settings.concurrent {
        return Err(vm.error("cannot be called from within a concurrent execution."));
    }
    let level = vm.pop_number("expects a parallelism level on top of the stack.")?;
    if (level as i32) < 1 {
        return Err(vm.error("parallelism level cannot be less than 1."));
    }
    const MESSAGE: &str = "expects a list of macros below the parallelism level.";
    let list: Handle<List> = vm.pop_list(MESSAGE)?;
    let mut macros = Vec::new();
    for value in vm.heap.list(list) {
        let Value::Macro(body) = *value else { return Err(vm.error(MESSAGE)) };
        macros.push(body);
    }
    vm.heap.claim_values(macros.len().saturating_mul(2))?;
    let context = variables::save_context(vm);
    vm.settings.concurrent = true;
    vm.push_task(Concurrent { macros, next: 0, results: Vec::new(), context, hidden: None })
}

impl Concurrent {
    /// Goes back to the stack and variables of the script.
    fn leave(&mut self, vm: &mut Machine) {
        vm.truncate(0);
        if let Some(hidden) = self.hidden.take() {
            show(vm, Some(hidden as i32));
        }
        variables::restore_context(vm, self.context.clone());
    }
}

impl Task for Concurrent {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.hidden.is_some() {
            let mut left = vm.visible().to_vec();
            left.reverse();
            vm.charge(left.len());
            self.leave(vm);
            self.results.push(vm.heap.new_list(left)?);
        }
        let Some(body) = self.macros.get(self.next).copied() else {
            vm.settings.concurrent = false;
            vm.push_list(std::mem::take(&mut self.results))?;
            return Ok(Flow::Done);
        };
        self.next += 1;
        self.hidden = Some(hide(vm, None));
        vm.push(self.next as i64)?;
        vm.exec(body)?;
        Ok(Flow::Again)
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        self.leave(vm);
        vm.settings.concurrent = false;
        Err(fault)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.macros.iter().for_each(|body| visit(Value::Macro(*body)));
        self.results.iter().for_each(|value| visit(*value));
        crate::heap::Object::trace(&self.context, visit);
    }
}
