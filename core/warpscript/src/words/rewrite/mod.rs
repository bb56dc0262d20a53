//! Macros as data: what is in them, what variables they use, and changing them.
//!
//! These words see macros statement by statement, as the script wrote them, and put the joined
//! instructions back together afterwards. Macros inside macros are walked with a list, each once:
//! a macro may contain itself.

mod deref;
mod registers;
mod variables;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::error::Result;
use crate::heap::Text;
use crate::machine::Machine;
use crate::macros::{Instruction, Macro, RegisterWord};
use crate::registry::{Action, Family, word};
use crate::value::{Handle, Value};

pub(super) static FAMILY: Family = Family {
    name: "rewrite",
    words: &[
        word(
            "->MACRO",
            to_macro,
            "2.8.0",
            "statements<LIST> ->MACRO macro<MACRO>",
            "Makes a macro whose statements are the elements of a list. Functions run, everything \
             else is pushed.",
            &[("[ 1 2 '+' FUNCREF ] ->MACRO EVAL", "[3]")],
        ),
        word(
            "MACRO->",
            from_macro,
            "2.8.0",
            "macro<MACRO> MACRO-> statements<LIST>",
            "The statements of a macro.",
            &[("<% 1 'a' %> MACRO->", "[[1,\"a\"]]"), ("1 MACRO->", "!operates on a MACRO.")],
        ),
        word(
            "MSEC",
            secure,
            "2.11.0",
            "macro<MACRO> MSEC macro<MACRO>",
            "Hides the contents of a macro from snapshots and errors.",
            &[("<% 1 %> MSEC SNAPSHOT", "[\"<% /* Secure Macro */ %> \"]")],
        ),
        word(
            "MRSEC",
            secure_all,
            "2.11.0",
            "macro<MACRO> MRSEC macro<MACRO>",
            "MSEC for a macro and all macros in it.",
            &[("<% <% 1 %> %> MRSEC EVAL SNAPSHOT", "[\"<% /* Secure Macro */ %> \"]")],
        ),
        word(
            "VARS",
            variables::vars,
            "2.0.0",
            "macro<MACRO> VARS names<LIST>\nmacro<MACRO> stored<BOOLEAN> VARS names<LIST>",
            "The variables and registers that a macro uses, those that it uses most first; with \
             true, only those that it stores.",
            &[("<% $b $a $b 'c' STORE %> VARS", "[[\"b\",\"a\",\"c\"]]")],
        ),
        word(
            "ASREGS",
            registers::as_registers,
            "2.0.0",
            "macro<MACRO> ASREGS macro<MACRO>\nmacro<MACRO> names<LIST> ASREGS macro<MACRO>",
            "Makes a macro keep its variables in registers, which is faster: all that it stores, or \
             those of a list, as long as registers are left.",
            &[
                ("5 <% 'x' STORE $x %> ASREGS EVAL 'x' DEFINED", "[false,5]"),
                ("<% 'x' STORE $x %> ASREGS SNAPSHOT", "[\"<% POPR0 PUSHR0 %> \"]"),
            ],
        ),
        word(
            "DEREF",
            deref::deref,
            "2.3.0",
            "macro<MACRO> values<MAP> DEREF macro<MACRO>",
            "Replaces reading of variables and registers in a macro by the values of a map.",
            &[("<% $x 1 + %> { 'x' 5 } DEREF EVAL", "[6]")],
        ),
    ],
};

/// What a variable is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Variable(Text),
    Register(i64),
}

/// The name that a constant is.
fn name_of(vm: &Machine, statement: Instruction) -> Option<Name> {
    match statement {
        Instruction::Push(Value::String(text)) => Some(Name::Variable(vm.heap.text(text).clone())),
        Instruction::Push(Value::Long(register)) => Some(Name::Register(register)),
        _ => None,
    }
}

/// The word that a statement runs.
fn word_of(statement: Instruction) -> Option<&'static str> {
    match statement {
        Instruction::Call(word) => Some(word.name),
        _ => None,
    }
}

/// The register that a statement touches, and how.
fn register_of(statement: Instruction) -> Option<RegisterWord> {
    word_of(statement).and_then(RegisterWord::parse)
}

/// Whether a statement opens a collection.
fn is_mark(statement: Instruction) -> bool {
    matches!(statement, Instruction::Push(Value::Mark))
        || matches!(word_of(statement), Some("MARK" | "[" | "{" | "(" | "[["))
}

/// Macros to walk, each once, outer ones first.
struct Walk {
    waiting: VecDeque<Handle<Macro>>,
    seen: BTreeSet<u32>,
}

impl Walk {
    fn new(body: Handle<Macro>) -> Self {
        Self { waiting: VecDeque::from([body]), seen: BTreeSet::from([body.index]) }
    }

    /// The next macro and its statements; macros among those come later.
    fn next(&mut self, vm: &mut Machine) -> Result<Option<(Handle<Macro>, Vec<Instruction>)>> {
        let Some(body) = self.waiting.pop_front() else { return Ok(None) };
        let statements = vm.statements(body)?;
        vm.charge(statements.len() * 4);
        for statement in &statements {
            if let Instruction::Push(Value::Macro(inner)) = *statement
                && self.seen.insert(inner.index)
            {
                self.waiting.push_back(inner);
            }
        }
        Ok(Some((body, statements)))
    }
}

/// Replaces the statements of a macro.
fn replace(vm: &mut Machine, body: Handle<Macro>, statements: &[Instruction]) -> Result {
    let code: Arc<[Instruction]> = vm.compile(statements)?.into();
    let mut body = vm.heap.change_macro(body)?;
    body.code = code;
    body.positions = None;
    Ok(())
}

fn to_macro(vm: &mut Machine) -> Result {
    let list = vm.pop_list("operates on a LIST.")?;
    let elements = vm.heap.list(list).clone();
    vm.charge(elements.len() * 2);
    vm.heap.claim(elements.len().saturating_mul(size_of::<Instruction>()))?;
    let statements: Vec<Instruction> = elements.into_iter().map(as_statement).collect();
    let code = vm.compile(&statements)?;
    let body = vm.heap.alloc_macro(Macro::new(code))?;
    vm.push(Value::Macro(body))
}

/// A value as a statement: functions run.
fn as_statement(value: Value) -> Instruction {
    match value {
        Value::Word(word) if matches!(word.action, Action::Run(_)) => Instruction::Call(word),
        Value::Function(function) => Instruction::Apply(function),
        other => Instruction::Push(other),
    }
}

fn from_macro(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("operates on a MACRO.")?;
    if vm.heap.macro_(body).secure {
        return Err(vm.error("cannot operate on a secure MACRO."));
    }
    let statements = vm.statements(body)?;
    let values = statements.into_iter().map(|statement| match statement {
        Instruction::Push(value) => value,
        Instruction::Call(word) => Value::Word(word),
        Instruction::Apply(function) => Value::Function(function),
        _ => Value::Null,
    });
    let values = values.collect();
    vm.push_list(values)
}

fn secure(vm: &mut Machine) -> Result {
    let body = vm.pop_macro("operates on a Macro.")?;
    vm.heap.change_macro(body)?.secure = true;
    vm.push(Value::Macro(body))
}

fn secure_all(vm: &mut Machine) -> Result {
    let outer = vm.pop_macro("operates on a Macro.")?;
    let mut walk = Walk::new(outer);
    while let Some((body, _)) = walk.next(vm)? {
        vm.heap.change_macro(body)?.secure = true;
    }
    vm.push(Value::Macro(outer))
}

/// Fails when a macro is secure.
fn check_open(vm: &Machine, body: Handle<Macro>) -> Result {
    if vm.heap.macro_(body).secure {
        return Err(vm.error("cannot operate on a secure Macro."));
    }
    Ok(())
}
