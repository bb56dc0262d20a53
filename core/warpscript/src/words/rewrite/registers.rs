//! ASREGS.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::variables::is_null;
use super::{Name, Walk, check_open, is_mark, name_of, register_of, replace, word_of};
use crate::error::Result;
use crate::heap::Text;
use crate::machine::Machine;
use crate::macros::{Instruction, Macro, RegisterWord};
use crate::registry;
use crate::value::{Handle, Value};

pub(super) fn as_registers(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut asked = None;
    if let Some(list) = top.as_list() {
        asked = Some(vm.heap.list(list).clone());
        top = vm.pop()?;
    }
    let Value::Macro(body) = top else {
        return Err(vm.error("expects an optional list of variable names and a macro."));
    };
    let names = match asked {
        Some(values) => {
            let mut names = Vec::with_capacity(values.len());
            for value in values {
                names.push(name_of(vm, Instruction::Push(value)));
            }
            names
        }
        None => super::variables::names(vm, body, true)?.into_iter().map(Some).collect(),
    };
    let Some(mut used) = used_registers(vm, body)? else {
        return Err(unable(vm));
    };
    let mut registers = Registers::default();
    for name in names {
        if used.len() >= vm.registers.len() {
            break;
        }
        match name {
            Some(Name::Register(_)) => (),
            Some(Name::Variable(name)) if !registers.contains_key(&name) => {
                let free = (0..).find(|n| !used.contains(n)).unwrap_or_default();
                used.insert(free);
                registers.insert(name, free);
            }
            Some(Name::Variable(_)) => (),
            None => {
                let message = "expects a list of variable names on top of the stack.";
                return Err(vm.error(message));
            }
        }
    }
    let mut walk = Walk::new(body);
    while let Some((body, statements)) = walk.next(vm)? {
        let Some(converted) = convert(vm, &registers, statements)? else {
            return Err(unable(vm));
        };
        replace(vm, body, &converted)?;
    }
    vm.push(Value::Macro(body))
}

fn unable(vm: &Machine) -> crate::error::Fault {
    vm.error("was unable to convert variables to registers.")
}

/// Which register each variable gets.
type Registers = IndexMap<Text, i64, FxBuildHasher>;

/// The registers that a macro uses already; `None` when a name is not in its text.
fn used_registers(vm: &mut Machine, body: Handle<Macro>) -> Result<Option<BTreeSet<i64>>> {
    let mut used = BTreeSet::new();
    let mut walk = Walk::new(body);
    while let Some((body, statements)) = walk.next(vm)? {
        check_open(vm, body)?;
        for index in 0..statements.len() {
            if note_registers(vm, &mut used, &statements, index).is_none() {
                return Ok(None);
            }
        }
    }
    Ok(Some(used))
}

fn note_registers(
    vm: &Machine,
    used: &mut BTreeSet<i64>,
    statements: &[Instruction],
    index: usize,
) -> Option<()> {
    if let Some(
        RegisterWord::Pop(n)
        | RegisterWord::PopIfNull(n)
        | RegisterWord::Push(n)
        | RegisterWord::Run(n),
    ) = register_of(statements[index])
    {
        used.insert(n.into());
        return Some(());
    }
    let before = || index.checked_sub(1).map(|i| statements[i]);
    match word_of(statements[index]) {
        Some(word @ ("LOAD" | "CSTORE" | "RUN")) => match name_of(vm, before()?)? {
            Name::Register(n) => {
                used.insert(n);
            }
            Name::Variable(_) if word == "RUN" => return None,
            Name::Variable(_) => (),
        },
        Some("STORE") => {
            let before = before()?;
            match (name_of(vm, before), before) {
                (Some(Name::Register(n)), _) => {
                    used.insert(n);
                }
                (Some(Name::Variable(_)), _) => (),
                (None, Instruction::Push(Value::List(list) | Value::Vector(list))) => {
                    used.extend(vm.heap.list(list).iter().filter_map(|v| match v {
                        Value::Long(n) => Some(*n),
                        _ => None,
                    }));
                }
                (None, before) if word_of(before) == Some("]") => {
                    let rest = statements[..index - 1].iter().rev();
                    for statement in rest.take_while(|s| !is_mark(**s)) {
                        match name_of(vm, *statement) {
                            Some(Name::Register(n)) => {
                                used.insert(n);
                            }
                            Some(Name::Variable(_)) => (),
                            None if is_null(*statement) => (),
                            None => return None,
                        }
                    }
                }
                _ => return None,
            }
        }
        Some("LSTORE" | "MSTORE") => return None,
        _ => (),
    }
    Some(())
}

/// The word over a register.
fn register_word(prefix: &str, register: i64) -> Option<Instruction> {
    registry::find(&format!("{prefix}{register}")).map(Instruction::Call)
}

/// The statements with registers for variables; `None` when that cannot be done.
fn convert(
    vm: &mut Machine,
    registers: &Registers,
    statements: Vec<Instruction>,
) -> Result<Option<Vec<Instruction>>> {
    // What was replaced by nothing is `None`.
    let mut out: Vec<Option<Instruction>> = statements.into_iter().map(Some).collect();
    for index in 1..out.len() {
        let (Some(statement), Some(before)) = (out[index], out[index - 1]) else { continue };
        let prefix = match word_of(statement) {
            Some("LOAD") => "PUSHR",
            Some("RUN") => "RUNR",
            Some("STORE") => "POPR",
            Some("CSTORE") => "CPOPR",
            _ => continue,
        };
        let register = match name_of(vm, before) {
            Some(Name::Register(register)) => register,
            Some(Name::Variable(_)) if prefix == "RUNR" => return Ok(None),
            Some(Name::Variable(name)) => match registers.get(&name) {
                Some(register) => *register,
                None => continue,
            },
            None if prefix != "POPR" => return Ok(None),
            None => {
                if let Instruction::Push(Value::List(list) | Value::Vector(list)) = before {
                    convert_list(vm, registers, list)?;
                } else if word_of(before) == Some("]") {
                    convert_literal(vm, registers, &mut out, index);
                } else {
                    return Ok(None);
                }
                continue;
            }
        };
        let Some(word) = register_word(prefix, register) else { return Ok(None) };
        out[index - 1] = None;
        out[index] = Some(word);
    }
    Ok(Some(out.into_iter().flatten().collect()))
}

/// Names in a list that is stored into become registers.
fn convert_list(
    vm: &mut Machine,
    registers: &Registers,
    list: Handle<crate::heap::List>,
) -> Result {
    for index in 0..vm.heap.list(list).len() {
        let element = vm.heap.list(list)[index];
        let register = vm.as_text(element).and_then(|name| registers.get(name)).copied();
        if let Some(register) = register {
            vm.heap.change_list(list)?[index] = Value::Long(register);
        }
    }
    Ok(())
}

/// `[ 'a' NULL 'b' ] STORE`: as words over registers if all names have one, else in place.
fn convert_literal(
    vm: &Machine,
    registers: &Registers,
    out: &mut [Option<Instruction>],
    store: usize,
) {
    let inside = |i: &usize| !out[*i].is_some_and(is_mark);
    let first = (0..store - 1).rev().take_while(inside).last().unwrap_or(store - 1);
    let mut settled = 0;
    for statement in &mut out[first..store - 1] {
        let Some(instruction) = *statement else { continue };
        match name_of(vm, instruction) {
            Some(Name::Register(_)) => settled += 1,
            Some(Name::Variable(name)) => {
                if let Some(register) = registers.get(&name) {
                    *statement = Some(Instruction::Push(Value::Long(*register)));
                    settled += 1;
                }
            }
            None if is_null(instruction) => settled += 1,
            None => (),
        }
    }
    if settled != store - 1 - first || first == 0 {
        return;
    }
    // The last name takes the top. Of a name that is there twice, the last one stores last.
    let mut taken = BTreeSet::new();
    let mut words = Vec::with_capacity(settled);
    for statement in out[first..store - 1].iter().rev() {
        let register = match statement.and_then(|s| name_of(vm, s)) {
            Some(Name::Register(register)) if taken.insert(register) => Some(register),
            _ => None,
        };
        words.push(match register {
            Some(register) => register_word("POPR", register),
            None => registry::find("DROP").map(Instruction::Call),
        });
    }
    out[first - 1] = None;
    out[first..store - 1].copy_from_slice(&words);
    out[store - 1] = None;
    out[store] = None;
}
