//! Loops over numbers and conditions.

use super::{as_macro, macro_and_flag};
use crate::error::{Fault, Kind, Result};
use crate::machine::{Count, Flow, Loop, Machine, Task};
use crate::macros::Macro;
use crate::value::{Handle, Value};

/// The deadline of a loop that starts now, on the monotonic clock.
fn loop_deadline(vm: &Machine) -> u64 {
    match u64::try_from(vm.limits.loop_ms) {
        Ok(ms) if ms > 0 => vm.clock.mono_ns.saturating_add(ms.saturating_mul(1_000_000)),
        _ => u64::MAX,
    }
}

/// Fails when a loop has run for too long.
#[inline]
fn check_deadline(vm: &Machine, deadline: u64) -> Result {
    if vm.clock.mono_ns > deadline {
        return Err(vm.overdue());
    }
    Ok(())
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

pub(super) fn for_(vm: &mut Machine) -> Result {
    let (body, push) = macro_and_flag(vm, true)?;
    let (to, from) = (vm.pop()?, vm.pop()?);
    let Some(body) = as_macro(body) else {
        return Err(vm.error("expects a macro on top of the stack."));
    };
    let deadline = loop_deadline(vm);
    if let (Value::Long(next), Value::Long(to)) = (from, to) {
        let done = false;
        return vm.push_count(body, Count { next, to, done, push, deadline });
    }
    match (from.as_f64(), to.as_f64()) {
        (Some(next), Some(to)) => vm.push_loop(body, CountDouble { next, to, push, deadline }),
        _ => Err(vm.error("expects numbers as its range.")),
    }
}

/// What a loop with two macros does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Check the bounds or run the condition.
    Check,
    /// The condition ran: look at what it left.
    Decide,
    /// The body ran: run the step or the condition.
    Advance,
    /// The step ran: take the next number.
    Stepped,
}

/// FORSTEP.
struct Step {
    next: Value,
    to: Value,
    ascending: bool,
    step: Handle<Macro>,
    body: Handle<Macro>,
    push: bool,
    phase: Phase,
    deadline: u64,
}

impl Step {
    fn is_over(&self) -> bool {
        match (self.next, self.to) {
            (Value::Long(next), Value::Long(to)) => {
                if self.ascending {
                    next > to
                } else {
                    next < to
                }
            }
            (next, to) => {
                let (next, to) = (next.as_f64(), to.as_f64());
                if self.ascending { next > to } else { next < to }
            }
        }
    }
}

impl Task for Step {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.phase == Phase::Stepped {
            let value = vm.pop()?;
            let next = match self.next {
                Value::Double(_) => value.as_f64().map(Value::Double),
                _ => value.as_i64().map(Value::Long),
            };
            let not_a_number = || Fault::kind(Kind::Cast, "A step must be a number.");
            self.next = next.ok_or_else(not_a_number)?;
            self.phase = Phase::Check;
        }
        if self.phase == Phase::Advance {
            self.phase = Phase::Stepped;
            vm.push(self.next)?;
            vm.exec(self.step)?;
            return Ok(Flow::Again);
        }
        check_deadline(vm, self.deadline)?;
        if self.is_over() {
            return Ok(Flow::Done);
        }
        if self.push {
            vm.push(self.next)?;
        }
        self.phase = Phase::Advance;
        vm.exec(self.body)?;
        Ok(Flow::Again)
    }

    fn catch(&mut self, _vm: &mut Machine, fault: Fault) -> Result<Flow> {
        match fault {
            Fault::Break if self.phase == Phase::Advance => Ok(Flow::Done),
            Fault::Continue if self.phase == Phase::Advance => Ok(Flow::Again),
            fault => Err(fault),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.step));
        visit(Value::Macro(self.body));
    }
}

pub(super) fn forstep(vm: &mut Machine) -> Result {
    let (body, push) = macro_and_flag(vm, true)?;
    let (step, to, from) = (vm.pop()?, vm.pop()?, vm.pop()?);
    let (Some(body), Some(step)) = (as_macro(body), as_macro(step)) else {
        return Err(vm.error("expects two macros on top of the stack."));
    };
    let (next, to, ascending) = match (from, to) {
        (Value::Long(a), Value::Long(b)) => (from, to, a <= b),
        _ => match (from.as_f64(), to.as_f64()) {
            // With a NaN the reference counts upwards.
            (Some(a), Some(b)) => {
                let up = a <= b || a.is_nan() || b.is_nan();
                (Value::Double(a), Value::Double(b), up)
            }
            _ => return Err(vm.error("expects numbers as its range.")),
        },
    };
    let deadline = loop_deadline(vm);
    let phase = Phase::Check;
    vm.push_task(Step { next, to, ascending, step, body, push, phase, deadline })
}

/// WHILE and UNTIL.
struct Conditional {
    condition: Handle<Macro>,
    body: Handle<Macro>,
    /// UNTIL: the body first, and true ends.
    until: bool,
    push: bool,
    count: i64,
    phase: Phase,
    deadline: u64,
}

impl Conditional {
    fn ask(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.phase = Phase::Decide;
        vm.exec(self.condition)?;
        Ok(Flow::Again)
    }

    fn round(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.phase = Phase::Advance;
        if self.push {
            vm.push(self.count)?;
            self.count += 1;
        }
        vm.exec(self.body)?;
        Ok(Flow::Again)
    }
}

impl Task for Conditional {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match self.phase {
            Phase::Advance if self.until => self.ask(vm),
            Phase::Check | Phase::Advance | Phase::Stepped => {
                check_deadline(vm, self.deadline)?;
                if self.until { self.round(vm) } else { self.ask(vm) }
            }
            Phase::Decide => {
                let name = vm.word.name;
                let message =
                    format!("expects its '{name}' macro to leave a boolean on top of the stack.");
                if vm.pop_boolean(&message)? == self.until {
                    return Ok(Flow::Done);
                }
                if self.until {
                    check_deadline(vm, self.deadline)?;
                }
                self.round(vm)
            }
        }
    }

    fn catch(&mut self, _vm: &mut Machine, fault: Fault) -> Result<Flow> {
        match fault {
            Fault::Break if self.phase == Phase::Advance => Ok(Flow::Done),
            Fault::Continue if self.phase == Phase::Advance => Ok(Flow::Again),
            fault => Err(fault),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.condition));
        visit(Value::Macro(self.body));
    }
}

fn conditional(vm: &mut Machine, until: bool) -> Result {
    let (top, push) = macro_and_flag(vm, false)?;
    let below = vm.pop()?;
    let (body, condition) = if until { (below, top) } else { (top, below) };
    let (Some(body), Some(condition)) = (as_macro(body), as_macro(condition)) else {
        return Err(vm.error("expects two macros on top of the stack."));
    };
    let deadline = loop_deadline(vm);
    let phase = Phase::Check;
    vm.push_task(Conditional { condition, body, until, push, count: 0, phase, deadline })
}

pub(super) fn while_(vm: &mut Machine) -> Result {
    conditional(vm, false)
}

pub(super) fn until(vm: &mut Machine) -> Result {
    conditional(vm, true)
}
