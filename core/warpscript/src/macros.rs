//! Compiled macros.

use std::sync::Arc;

use crate::heap::Function;
use crate::registry::Word;
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
}

impl Instruction {
    /// How many statements of the script this stands for.
    pub const fn statements(self) -> usize {
        match self {
            Self::Push(_) | Self::Call(_) | Self::Apply(_) => 1,
            Self::Load(_) | Self::Store(_) | Self::Run(_) => 2,
        }
    }
}

impl Macro {
    /// A macro of instructions.
    pub fn new(code: impl Into<Arc<[Instruction]>>) -> Self {
        Self {
            code: code.into(),
            name: None,
            secure: false,
        }
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
