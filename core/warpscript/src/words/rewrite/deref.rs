//! DEREF.

use super::{Name, Walk, check_open, name_of, register_of, replace, word_of};
use crate::error::Result;
use crate::heap::Map;
use crate::machine::Machine;
use crate::macros::{Instruction, RegisterWord};
use crate::registry;
use crate::value::{Handle, Value};

pub(super) fn deref(vm: &mut Machine) -> Result {
    let message = "expects a map of variable names or register id to values on top of the stack.";
    let values = vm.pop_map(message)?;
    let body = vm.pop_macro("operates on a Macro.")?;
    let mut walk = Walk::new(body);
    while let Some((body, statements)) = walk.next(vm)? {
        check_open(vm, body)?;
        let statements = substitute(vm, values, &statements)?;
        replace(vm, body, &statements)?;
    }
    vm.push(Value::Macro(body))
}

/// The value that a map has for a name.
fn value_for(vm: &mut Machine, values: Handle<Map>, name: Name) -> Result<Option<Value>> {
    let name = match name {
        Name::Variable(text) => vm.heap.string(text)?,
        Name::Register(register) => Value::Long(register),
    };
    let key = vm.heap.key(name)?;
    Ok(vm.heap.map(values).entries.get(&key).copied())
}

fn substitute(
    vm: &mut Machine,
    values: Handle<Map>,
    statements: &[Instruction],
) -> Result<Vec<Instruction>> {
    let mut out: Vec<Instruction> = Vec::with_capacity(statements.len());
    for (index, statement) in statements.iter().enumerate() {
        if let Some(RegisterWord::Push(register)) = register_of(*statement) {
            match value_for(vm, values, Name::Register(register.into()))? {
                Some(value) => {
                    out.push(Instruction::Push(value));
                    if matches!(value, Value::Macro(_)) {
                        out.extend(registry::find("EVAL").map(Instruction::Call));
                    }
                }
                None => out.push(*statement),
            }
            continue;
        }
        if index > 0 && word_of(*statement) == Some("LOAD") {
            let name = name_of(vm, statements[index - 1]);
            if let Some(name @ Name::Variable(_)) = name
                && let Some(value) = value_for(vm, values, name)?
            {
                // The name goes, too.
                out.pop();
                add_value(vm, &mut out, value)?;
                continue;
            }
        }
        if word_of(*statement) != Some("NOOP") {
            out.push(*statement);
        }
    }
    Ok(out)
}

/// A value in place of a variable: a macro runs, one of a single statement is that statement.
fn add_value(vm: &mut Machine, out: &mut Vec<Instruction>, value: Value) -> Result {
    let Value::Macro(body) = value else {
        out.push(Instruction::Push(value));
        return Ok(());
    };
    match vm.statements(body)?.as_slice() {
        [single] => out.push(*single),
        _ => {
            out.push(Instruction::Push(value));
            out.extend(registry::find("EVAL").map(Instruction::Call));
        }
    }
    Ok(())
}
