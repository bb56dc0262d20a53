//! Control flow.

use crate::error::{Fault, Result};
use crate::heap::Text;
use crate::machine::{Loop, Machine};
use crate::parser::Source;
use crate::registry::{Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "control",
    words: &[
        word(
            "EVAL",
            eval,
            "1.0.0",
            "macro<MACRO> EVAL results<ANY>\nfunction<FUNCTION> EVAL results<ANY>\n\
             script<STRING> EVAL results<ANY>",
            "Runs a macro, a function or the text of a script.",
            &[("1 <% 2 + %> EVAL", "[3]"), ("'1 2' EVAL", "[2,1]")],
        ),
        word(
            "FOR",
            for_,
            "1.0.0",
            "from<NUMBER> to<NUMBER> macro<MACRO> FOR\n\
             from<NUMBER> to<NUMBER> macro<MACRO> pushIndex<BOOLEAN> FOR",
            "Runs a macro for each number from `from` up to and including `to`, pushing the number \
             before each round.",
            &[("0 1 4 <% + %> FOR", "[10]"), ("1 0 <% %> FOR", "[]")],
        ),
    ],
};

fn eval(vm: &mut Machine) -> Result {
    match vm.pop()? {
        Value::Macro(body) => vm.exec(body),
        Value::String(text) => {
            let text = Text::clone(vm.heap.text(text));
            vm.push_task(Source::evaluated(text, None))
        }
        other => run_function(vm, other),
    }
}

/// Runs a function value.
fn run_function(vm: &mut Machine, value: Value) -> Result {
    match value {
        Value::Word(word) if vm.is_callable(value) => vm.call_word(word),
        Value::Function(function) if vm.is_callable(value) => vm.apply_function(function),
        _ => Err(vm.error("expects a Macro, a function or a String.")),
    }
}

/// The deadline of a loop that starts now, on the monotonic clock.
pub(super) fn loop_deadline(vm: &Machine) -> u64 {
    match u64::try_from(vm.limits.loop_ms) {
        Ok(ms) if ms > 0 => vm
            .clock
            .mono_ns
            .saturating_add(ms.saturating_mul(1_000_000)),
        _ => u64::MAX,
    }
}

/// Fails when a loop has run for too long.
#[inline]
pub(super) fn check_deadline(vm: &Machine, deadline: u64) -> Result {
    if vm.clock.mono_ns > deadline {
        return Err(overdue(vm));
    }
    Ok(())
}

#[cold]
fn overdue(vm: &Machine) -> Fault {
    vm.error(&format!(
        "executed for too long (> {} ms). Consider raising the limit or using capabilities.",
        vm.limits.loop_ms
    ))
}

/// FOR over integers.
struct Count {
    next: i64,
    to: i64,
    done: bool,
    push: bool,
    deadline: u64,
}

impl Loop for Count {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        check_deadline(vm, self.deadline)?;
        if self.done || self.next > self.to {
            return Ok(false);
        }
        if self.push {
            vm.push(self.next)?;
        }
        // The reference wraps around here and never ends; one round at the end is meant.
        (self.next, self.done) = self.next.overflowing_add(1);
        Ok(true)
    }

    fn breaks(&self) -> bool {
        true
    }
}

/// FOR when a bound is a double.
struct CountDouble {
    next: f64,
    to: f64,
    push: bool,
    deadline: u64,
}

impl Loop for CountDouble {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        check_deadline(vm, self.deadline)?;
        if self.next > self.to {
            return Ok(false);
        }
        if self.push {
            vm.push(self.next)?;
        }
        self.next += 1.0;
        Ok(true)
    }

    fn breaks(&self) -> bool {
        true
    }
}

fn for_(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut push = true;
    if let Value::Boolean(flag) = top {
        push = flag;
        top = vm.pop()?;
    }
    let (to, from) = (vm.pop()?, vm.pop()?);
    let Value::Macro(body) = top else {
        return Err(vm.error("expects a macro on top of the stack."));
    };
    let deadline = loop_deadline(vm);
    if let (Value::Long(next), Value::Long(to)) = (from, to) {
        let done = false;
        return vm.push_loop(
            body,
            Count {
                next,
                to,
                done,
                push,
                deadline,
            },
        );
    }
    match (from.as_f64(), to.as_f64()) {
        (Some(next), Some(to)) => vm.push_loop(
            body,
            CountDouble {
                next,
                to,
                push,
                deadline,
            },
        ),
        _ => Err(vm.error("expects numbers as its range.")),
    }
}
