//! Choosing between macros.

use super::as_macro;
use crate::error::{Fault, Result};
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::value::{Handle, Value};

/// Waits for the condition of IFT or IFTE.
struct Condition {
    asked: bool,
    condition: Handle<Macro>,
    then: Handle<Macro>,
    otherwise: Option<Handle<Macro>>,
}

impl Task for Condition {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if !self.asked {
            self.asked = true;
            vm.exec(self.condition)?;
            return Ok(Flow::Again);
        }
        let message = "expects its 'IF' macro to leave a boolean on top of the stack.";
        let chosen = vm.pop_boolean(message)?;
        choose(vm, chosen, self.then, self.otherwise)?;
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.then));
        self.otherwise.iter().for_each(|m| visit(Value::Macro(*m)));
    }
}

fn choose(
    vm: &mut Machine,
    chosen: bool,
    then: Handle<Macro>,
    otherwise: Option<Handle<Macro>>,
) -> Result {
    match (chosen, otherwise) {
        (true, _) => vm.exec(then),
        (false, Some(otherwise)) => vm.exec(otherwise),
        (false, None) => Ok(()),
    }
}

pub(super) fn ift(vm: &mut Machine) -> Result {
    let (then, condition) = (vm.pop()?, vm.pop()?);
    let Some(then) = as_macro(then) else {
        return Err(vm.error("expects a *THEN* macro on top of the stack."));
    };
    match condition {
        Value::Boolean(chosen) => choose(vm, chosen, then, None),
        Value::Macro(condition) => {
            vm.push_task(Condition { asked: false, condition, then, otherwise: None })
        }
        _ => Err(vm.error("expects an *IF* macro or a boolean below the *THEN* macro.")),
    }
}

pub(super) fn ifte(vm: &mut Machine) -> Result {
    let (otherwise, then, condition) = (vm.pop()?, vm.pop()?, vm.pop()?);
    if let (Some(otherwise), Some(then)) = (as_macro(otherwise), as_macro(then)) {
        let otherwise = Some(otherwise);
        match condition {
            Value::Boolean(chosen) => return choose(vm, chosen, then, otherwise),
            Value::Macro(condition) => {
                return vm.push_task(Condition { asked: false, condition, then, otherwise });
            }
            _ => (),
        }
    }
    Err(vm.error("expects three macros or two macros and a boolean on top of the stack."))
}

/// Goes through the cases of SWITCH.
struct Switch {
    cases: Vec<(Handle<Macro>, Handle<Macro>)>,
    default: Handle<Macro>,
    index: usize,
}

impl Task for Switch {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.index > 0 && matches!(vm.pop()?, Value::Boolean(true)) {
            vm.exec(self.cases[self.index - 1].1)?;
            return Ok(Flow::Done);
        }
        match self.cases.get(self.index) {
            Some((condition, _)) => {
                self.index += 1;
                vm.exec(*condition)?;
                Ok(Flow::Again)
            }
            None => {
                vm.exec(self.default)?;
                Ok(Flow::Done)
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.default));
        for (condition, body) in &self.cases {
            visit(Value::Macro(*condition));
            visit(Value::Macro(*body));
        }
    }
}

pub(super) fn switch(vm: &mut Machine) -> Result {
    let count = vm.pop_long("expects a number of cases on top of the stack.")?;
    let default = vm.pop_macro("expects a default macro after the number of cases.")?;
    let count = usize::try_from(count).map_err(|_| Fault::bounds())?;
    let mut cases = Vec::new();
    for _ in 0..count {
        let (body, condition) = (vm.pop()?, vm.pop()?);
        match (as_macro(condition), as_macro(body)) {
            (Some(condition), Some(body)) => cases.push((condition, body)),
            _ => {
                return Err(vm.error(
                    "expects each case to be a set of two macros, a conditional macro with an \
                     'exec' macro on top of it.",
                ));
            }
        }
    }
    cases.reverse();
    vm.push_task(Switch { cases, default, index: 0 })
}
