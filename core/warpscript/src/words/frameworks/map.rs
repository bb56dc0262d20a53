//! MAP: a function over a window that slides along each series.

mod arguments;
mod pass;

use super::callee::{Callee, Code};
use crate::error::{Fault, Result};
use crate::heap::{Gts, List};
use crate::machine::{Flow, Loop, Machine, Task};
use crate::value::{Handle, Value};
use pass::{Pass, Step};

/// What MAP is to do, whatever form asked for it.
#[derive(Clone, Debug)]
struct Plan {
    /// `None`: no mapper; an error as soon as one is needed.
    callee: Option<Callee>,
    /// Ticks before the one of the output, or for negative numbers time units.
    pre: i64,
    /// The same after it.
    post: i64,
    /// How many times the mapper runs at most; 0 for no limit.
    occurrences: i64,
    /// Newest first.
    reversed: bool,
    /// How many ticks one step takes.
    step: i64,
    /// Outputs are at the ticks that the mapper says.
    own_ticks: bool,
    /// Ticks of the outputs, when they are not those of the input.
    output: Option<Vec<i64>>,
}

/// MAP at work.
struct Mapping {
    plan: Plan,
    inputs: Vec<Handle<Gts>>,
    next: usize,
    pass: Option<Pass>,
    results: List,
    /// A macro runs: what it leaves is to be taken.
    waiting: bool,
}

impl Mapping {
    /// The pass over the series whose turn it is; `None` after the last one.
    fn pass(&mut self, vm: &mut Machine) -> Result<Option<&mut Pass>> {
        while self.pass.is_none() {
            let Some(input) = self.inputs.get(self.next) else {
                return Ok(None);
            };
            self.next += 1;
            match Pass::start(vm, &self.plan, *input)? {
                Ok(pass) => self.pass = Some(pass),
                Err(copy) => self.results.push(copy),
            }
        }
        Ok(self.pass.as_mut())
    }

    fn finish_pass(&mut self, vm: &mut Machine) -> Result {
        let Some(pass) = self.pass.take() else {
            return Ok(());
        };
        let mut made = pass.finish(vm, &self.plan)?;
        if made.len() < 2 {
            self.results.append(&mut made);
        } else {
            self.results.push(vm.heap.new_list(made)?);
        }
        Ok(())
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        if let Some(callee) = &self.plan.callee {
            callee.trace(visit);
        }
        self.inputs.iter().for_each(|h| visit(Value::Gts(*h)));
        self.results.iter().for_each(|v| visit(*v));
        if let Some(pass) = &self.pass {
            pass.trace(visit);
        }
    }
}

/// With library code.
struct Native(Mapping);

impl Task for Native {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let mapping = &mut self.0;
        loop {
            let Some(_) = mapping.pass(vm)? else {
                let results = std::mem::take(&mut mapping.results);
                vm.push_list(results)?;
                return Ok(Flow::Done);
            };
            let Mapping { plan, pass: Some(pass), .. } = mapping else {
                continue;
            };
            if pass.run(vm, plan)? == Step::Done {
                mapping.finish_pass(vm)?;
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// With a macro.
struct WithMacro(Mapping);

impl Loop for WithMacro {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        let mapping = &mut self.0;
        loop {
            let waiting = std::mem::take(&mut mapping.waiting);
            if mapping.pass(vm)?.is_none() {
                return Ok(false);
            }
            let Mapping { plan, pass: Some(pass), .. } = mapping else {
                continue;
            };
            if waiting {
                pass.take_output(vm, plan)?;
            }
            if pass.call(vm, plan)? == Step::Done {
                mapping.finish_pass(vm)?;
            } else {
                mapping.waiting = true;
                return Ok(true);
            }
        }
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        let results = std::mem::take(&mut self.0.results);
        vm.push_list(results)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// Runs a mapper once for each of the given ticks of a series, on the points at that tick. Leaves a
/// list with what MAP makes of the series.
///
/// # Errors
/// When memory is used up.
pub(crate) fn map_ticks(
    vm: &mut Machine,
    callee: Callee,
    input: Handle<Gts>,
    ticks: Vec<i64>,
) -> Result {
    let plan = Plan {
        callee: Some(callee),
        pre: 0,
        post: 0,
        occurrences: 0,
        reversed: false,
        step: 1,
        own_ticks: false,
        output: Some(ticks),
    };
    start(vm, plan, vec![input])
}

pub(super) fn map(vm: &mut Machine) -> Result {
    let (plan, inputs) = arguments::take(vm)?;
    start(vm, plan, inputs)
}

fn start(vm: &mut Machine, plan: Plan, inputs: Vec<Handle<Gts>>) -> Result {
    let body = plan.callee.as_ref().and_then(Callee::body);
    let results = Vec::with_capacity(inputs.len());
    let mapping = Mapping { plan, inputs, next: 0, pass: None, results, waiting: false };
    match body {
        Some(body) => vm.push_loop(body, WithMacro(mapping)),
        None => vm.push_task(Native(mapping)),
    }
}

/// The fault when there is nothing to run.
fn no_mapper() -> Fault {
    Fault::text("Expected a mapper function.")
}

/// Whether a macro takes the points as a series.
fn takes_series(plan: &Plan) -> bool {
    matches!(&plan.callee, Some(Callee { code: Code::Series(_), .. }))
}
