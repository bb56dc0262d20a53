//! Compiled macros.

use std::sync::Arc;

use crate::error::Result;
use crate::heap::{Function, Text};
use crate::machine::{Machine, Place};
use crate::registry::{self, Word};
use crate::value::{Handle, Value};

/// An interned name: of a variable, a section or a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u32);

/// One instruction. Words are resolved when the macro is parsed, as the language wants it.
#[derive(Clone, Copy, Debug)]
pub enum Instruction {
    /// Pushes a constant.
    Push(Value),
    /// Runs a word.
    Call(&'static Word),
    /// Runs a function that the script defined (`DEF`).
    Apply(Handle<Function>),
    /// `$name`: two statements, a constant and `LOAD`.
    Load(Symbol),
    /// `'name' STORE`: two statements.
    Store(Symbol),
    /// `@name`: two statements, a constant and `RUN`.
    Run(Symbol),
    /// `PUSHRn`.
    PushRegister(u16),
    /// `POPRn`.
    PopRegister(u16),
}

/// A word over a register, with the register's number: `PUSHR3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterWord {
    Push(u16),
    Pop(u16),
    PopIfNull(u16),
    Run(u16),
}

impl RegisterWord {
    /// Reads a word's name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        type Make = fn(u16) -> RegisterWord;
        const MAKE: [(&str, Make); 4] = [
            ("PUSHR", RegisterWord::Push),
            ("POPR", RegisterWord::Pop),
            ("CPOPR", RegisterWord::PopIfNull),
            ("RUNR", RegisterWord::Run),
        ];
        let (prefix, make) = MAKE.iter().find(|(p, _)| name.starts_with(p))?;
        let digits = &name[prefix.len()..];
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(make)).flatten()
    }
}

impl Machine {
    /// Adds an instruction to code, joining it with the one before where one instruction stands
    /// for both.
    pub(crate) fn append(&mut self, code: &mut Vec<Instruction>, next: Instruction) -> Result<()> {
        if let Instruction::Call(word) = next {
            if let Some(Instruction::Push(Value::String(name))) = code.last() {
                let make: Option<fn(Symbol) -> Instruction> = match word.name {
                    "STORE" => Some(Instruction::Store),
                    "LOAD" => Some(Instruction::Load),
                    "RUN" => Some(Instruction::Run),
                    _ => None,
                };
                if let Some(make) = make {
                    let name = Text::clone(self.heap.text(*name));
                    code.pop();
                    code.push(make(self.intern(&name)?));
                    return Ok(());
                }
            }
            let in_range = |n: &u16| usize::from(*n) < self.config.registers;
            match RegisterWord::parse(word.name) {
                Some(RegisterWord::Push(n)) if in_range(&n) => {
                    code.push(Instruction::PushRegister(n));
                    return Ok(());
                }
                Some(RegisterWord::Pop(n)) if in_range(&n) => {
                    code.push(Instruction::PopRegister(n));
                    return Ok(());
                }
                _ => (),
            }
        }
        code.push(next);
        Ok(())
    }

    /// The statements of a macro one by one, as the script wrote them: constants, words, functions.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub(crate) fn statements(&mut self, body: Handle<Macro>) -> Result<Vec<Instruction>> {
        let code = Arc::clone(&self.heap.macro_(body).code);
        self.charge(code.len());
        self.heap.claim(code.len() * 2 * size_of::<Instruction>())?;
        let mut statements = Vec::with_capacity(code.len());
        for instruction in &*code {
            let (symbol, name) = match *instruction {
                Instruction::Load(symbol) => (symbol, "LOAD"),
                Instruction::Store(symbol) => (symbol, "STORE"),
                Instruction::Run(symbol) => (symbol, "RUN"),
                Instruction::PushRegister(n) => {
                    statements.extend(registry::find(&format!("PUSHR{n}")).map(Instruction::Call));
                    continue;
                }
                Instruction::PopRegister(n) => {
                    statements.extend(registry::find(&format!("POPR{n}")).map(Instruction::Call));
                    continue;
                }
                other => {
                    statements.push(other);
                    continue;
                }
            };
            let name_value = Text::clone(self.symbols().name(symbol));
            statements.push(Instruction::Push(self.heap.string(name_value)?));
            statements.extend(registry::find(name).map(Instruction::Call));
        }
        Ok(statements)
    }

    /// Code made of statements.
    ///
    /// # Errors
    /// When the memory limit is reached.
    pub(crate) fn compile(&mut self, statements: &[Instruction]) -> Result<Vec<Instruction>> {
        let mut code = Vec::with_capacity(statements.len());
        for statement in statements {
            self.append(&mut code, *statement)?;
        }
        Ok(code)
    }
}

/// The contents of a MACRO.
#[derive(Clone, Debug)]
pub struct Macro {
    /// The instructions. Replaced as a whole when a word rewrites the macro (`ASREGS`).
    pub code: Arc<[Instruction]>,
    /// The name under which it is known, for error messages.
    pub name: Option<Symbol>,
    /// Whether its contents are hidden from snapshots and errors.
    pub secure: bool,
    /// Where each instruction stands in the script, if `STMTPOS` was on.
    pub positions: Option<Arc<[Place]>>,
}

impl Instruction {
    /// How many statements of the script this stands for.
    pub const fn statements(self) -> usize {
        match self {
            Self::Push(_)
            | Self::Call(_)
            | Self::Apply(_)
            | Self::PushRegister(_)
            | Self::PopRegister(_) => 1,
            Self::Load(_) | Self::Store(_) | Self::Run(_) => 2,
        }
    }
}

impl Macro {
    /// A macro of instructions.
    pub fn new(code: impl Into<Arc<[Instruction]>>) -> Self {
        Self { code: code.into(), name: None, secure: false, positions: None }
    }

    /// How many statements there are.
    pub fn statements(&self) -> usize {
        self.code.iter().map(|i| i.statements()).sum()
    }

    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        for instruction in &*self.code {
            match instruction {
                Instruction::Push(value) => visit(*value),
                Instruction::Apply(function) => visit(Value::Function(*function)),
                _ => (),
            }
        }
    }
}

impl crate::heap::Footprint for Macro {
    fn footprint(&self) -> usize {
        self.code.len() * size_of::<Instruction>() + 16
    }
}
