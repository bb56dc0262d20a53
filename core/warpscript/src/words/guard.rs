//! Running a macro without letting it leave traces.

use crate::error::{Fault, Kind, Result};
use crate::heap::{List, Object, Text};
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};
use crate::words::stack::{hide, show};
use crate::words::variables::{self, Context};

pub(super) static FAMILY: Family = Family {
    name: "guard",
    words: &[word(
        "GUARD",
        guard,
        "2.9.0",
        "macro<MACRO> GUARD results<ANY>\nmacro<MACRO> variables<LIST> GUARD results<ANY>\n\
         macro<MACRO> context<CONTEXT> GUARD results<ANY>\n\
         macro<MACRO> levels<LONG> GUARD results<ANY>\n\
         macro<MACRO> variables<LIST> levels<LONG> GUARD results<ANY>",
        "Runs a macro and takes its capabilities away afterwards. With a list the variables and \
         registers in it are forgotten, with an empty one all; with a context from SAVE, \
         everything is put back. With a number on top the macro does not see so many levels, with \
         NULL none at all. After an error the visible stack is cleared and nothing is told about it.",
        &[
            ("<% 1 'a' STORE 2 %> [ 'a' ] GUARD SYMBOLS", "[[],2]"),
            ("1 2 <% DEPTH %> NULL GUARD", "[0,2,1]"),
            ("<% 'secret' MSGFAIL %> GUARD", "!Exception in GUARDed macro."),
        ],
    )],
};

/// What is done to variables afterwards.
enum Cleanup {
    Nothing,
    Forget(Handle<List>),
    Restore(Handle<dyn Object>),
}

struct Guard {
    body: Handle<Macro>,
    cleanup: Cleanup,
    /// How many levels to hide; `None` when that was not asked, `Some(None)` for all.
    hides: Option<Option<i32>>,
    hidden: usize,
    started: bool,
    capabilities: Vec<(Text, Text)>,
    exported: Option<Vec<Option<Text>>>,
}

fn guard(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut hides = None;
    if let Value::Null | Value::Long(_) = top {
        hides = Some(top.as_i64().map(|count| count as i32));
        top = vm.pop()?;
    }
    let mut cleanup = Cleanup::Nothing;
    if let Some(list) = top.as_list() {
        cleanup = Cleanup::Forget(list);
        top = vm.pop()?;
    } else if let Value::Object(object) = top
        && vm.heap.object::<Context>(object).is_some()
    {
        cleanup = Cleanup::Restore(object);
        top = vm.pop()?;
    }
    let Value::Macro(body) = top else {
        return Err(vm.error("operates on a MACRO."));
    };
    let capabilities = Vec::new();
    vm.push_task(Guard {
        body,
        cleanup,
        hides,
        hidden: 0,
        started: false,
        capabilities,
        exported: None,
    })
}

impl Guard {
    fn finish(&mut self, vm: &mut Machine, failed: bool) -> Result {
        match self.cleanup {
            Cleanup::Nothing => (),
            Cleanup::Forget(list) => forget(vm, list)?,
            Cleanup::Restore(context) => {
                if let Some(context) = vm.heap.object::<Context>(context).cloned() {
                    variables::restore_context(vm, context);
                }
            }
        }
        if self.hides.is_some() {
            show(vm, Some(self.hidden as i32));
        }
        let exported = vm.settings.exported_capabilities.take().unwrap_or_default();
        let held = std::mem::take(&mut vm.settings.capabilities);
        vm.settings.capabilities = std::mem::take(&mut self.capabilities).into_iter().collect();
        let hands_on = self.exported.as_ref().is_some_and(|outer| outer.contains(&None));
        if !failed {
            for name in exported.into_iter().flatten() {
                if let Some(value) = held.get(&name) {
                    vm.settings.capabilities.insert(Text::clone(&name), Text::clone(value));
                }
                if let (true, Some(outer)) = (hands_on, &mut self.exported) {
                    outer.push(Some(name));
                }
            }
        }
        vm.settings.exported_capabilities = self.exported.take();
        Ok(())
    }
}

/// Forgets the variables and registers of a list; with an empty one all.
fn forget(vm: &mut Machine, list: Handle<List>) -> Result {
    let names = vm.heap.list(list).clone();
    if names.is_empty() {
        vm.registers.fill(Value::Null);
        vm.symbols.clear();
        return Ok(());
    }
    vm.charge(names.len());
    for name in names {
        match name {
            Value::String(text) => {
                if let Some(symbol) = vm.symbols.find(vm.heap.text(text)) {
                    vm.symbols.remove(symbol);
                }
            }
            Value::Long(register) => vm.set_register(register, Value::Null)?,
            _ => (),
        }
    }
    Ok(())
}

impl Task for Guard {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if self.started {
            self.finish(vm, false)?;
            return Ok(Flow::Done);
        }
        self.started = true;
        if let Some(count) = self.hides {
            self.hidden = hide(vm, count);
        }
        self.capabilities =
            vm.settings.capabilities.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        self.exported = vm.settings.exported_capabilities.replace(Vec::new());
        vm.exec(self.body)?;
        Ok(Flow::Again)
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        vm.truncate(0);
        self.finish(vm, true)?;
        match fault {
            Fault::Error(error) if error.kind() == Kind::Limit => Err(Fault::Error(error)),
            _ => Err(Fault::kind(Kind::Control, "Exception in GUARDed macro.")),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        visit(Value::Macro(self.body));
        match self.cleanup {
            Cleanup::Nothing => (),
            Cleanup::Forget(list) => visit(Value::List(list)),
            Cleanup::Restore(context) => visit(Value::Object(context)),
        }
    }
}
