//! VARS.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Name, Walk, is_mark, name_of, register_of, word_of};
use crate::error::{Fault, Result};
use crate::java;
use crate::machine::Machine;
use crate::macros::{Instruction, Macro, RegisterWord};
use crate::value::{Handle, Value};

pub(super) fn vars(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut stored_only = false;
    if let Value::Boolean(flag) = top {
        stored_only = flag;
        top = vm.pop()?;
    }
    let Value::Macro(body) = top else {
        return Err(vm.error("operates on a macro."));
    };
    let names = names(vm, body, stored_only)?;
    let mut list = Vec::with_capacity(names.len());
    for name in names {
        list.push(match name {
            Name::Variable(text) => vm.heap.string(text)?,
            Name::Register(register) => Value::Long(register),
        });
    }
    vm.push_list(list)
}

/// How often a name is used, and whether it is a variable of the macro.
#[derive(Clone, Copy, Default)]
struct Usage {
    count: usize,
    listed: bool,
}

type Usages = IndexMap<Name, Usage, FxBuildHasher>;

/// The variables and registers of a macro, the most used first.
pub(super) fn names(vm: &mut Machine, body: Handle<Macro>, stored_only: bool) -> Result<Vec<Name>> {
    let mut usages = Usages::default();
    let mut walk = Walk::new(body);
    while let Some((_, statements)) = walk.next(vm)? {
        for index in 0..statements.len() {
            if count(vm, &mut usages, &statements, index, stored_only).is_none() {
                let message = "Encountered a LOAD/STORE or CSTORE operation with a non explicit \
                               symbol name.";
                let failed = format!("{} failed.", vm.word.name);
                return Err(Fault::text(message).wrap(failed));
            }
        }
    }
    let mut names: Vec<(Name, usize)> = usages
        .into_iter()
        .filter(|(_, usage)| usage.listed)
        .map(|(name, usage)| (name, usage.count))
        .collect();
    let text = |name: &Name| match name {
        Name::Variable(text) => text.to_string(),
        Name::Register(register) => register.to_string(),
    };
    names.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| java::compare_texts(&text(a), &text(b))));
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// Counts what one statement uses; `None` when a name is not in the macro's text.
fn count(
    vm: &Machine,
    usages: &mut Usages,
    statements: &[Instruction],
    index: usize,
    stored_only: bool,
) -> Option<()> {
    let mut add = |name: Name, listed: bool| {
        let usage = usages.entry(name).or_default();
        usage.count += 1;
        usage.listed |= listed;
    };
    match register_of(statements[index]) {
        Some(RegisterWord::Pop(n) | RegisterWord::PopIfNull(n)) => {
            add(Name::Register(n.into()), true);
            return Some(());
        }
        Some(RegisterWord::Push(n) | RegisterWord::Run(n)) => {
            add(Name::Register(n.into()), !stored_only);
            return Some(());
        }
        None => (),
    }
    let word = word_of(statements[index]);
    let before = || index.checked_sub(1).map(|i| statements[i]);
    match word {
        Some("LOAD" | "CSTORE" | "RUN") => {
            let name = name_of(vm, before()?)?;
            add(name, word == Some("CSTORE") || (word == Some("LOAD") && !stored_only));
        }
        Some("STORE") => {
            let before = before()?;
            if let Some(name) = name_of(vm, before) {
                add(name, true);
            } else if let Instruction::Push(Value::List(list) | Value::Vector(list)) = before {
                for element in vm.heap.list(list) {
                    match name_of(vm, Instruction::Push(*element)) {
                        Some(name) => add(name, true),
                        None if element.is_null() => (),
                        None => return None,
                    }
                }
            } else if word_of(before) == Some("]") {
                let rest = statements[..index - 1].iter().rev();
                for statement in rest.take_while(|s| !is_mark(**s)) {
                    match name_of(vm, *statement) {
                        Some(name) => add(name, true),
                        None if is_null(*statement) => (),
                        None => return None,
                    }
                }
            } else {
                return None;
            }
        }
        _ => (),
    }
    Some(())
}

/// Whether a statement leaves NULL.
pub(super) fn is_null(statement: Instruction) -> bool {
    matches!(statement, Instruction::Push(Value::Null)) || word_of(statement) == Some("NULL")
}
