//! Runs something apart: on its own stack, with its own variables, settings and limits.

use super::{Machine, Settings, TOP_SECTION};
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::heap::{Function, Text};
use crate::macros::Symbol;
use crate::parser::ParseState;
use crate::value::{Handle, Value};

/// What a machine had before it ran something apart.
pub(super) struct Context {
    /// The task that runs it. When its frame is gone, this comes back.
    frame: usize,
    /// The name under which it runs.
    name: Option<Symbol>,
    stack: Vec<Value>,
    hidden: usize,
    variables: Vec<(Symbol, Value)>,
    registers: Vec<Value>,
    defined: Vec<(Text, Handle<Function>)>,
    parse: ParseState,
    settings: Settings,
    limits: Limits,
    last_error: Option<Error>,
    ops: i64,
    line: usize,
    level: i64,
    in_secure: bool,
    macro_name: Option<Symbol>,
    section: Symbol,
}

/// Variables, registers and words.
pub(crate) type Definitions = (Vec<(Symbol, Value)>, Vec<Value>, Vec<(Text, Handle<Function>)>);

impl Context {
    /// Names the values that it holds.
    pub(super) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.stack.iter().chain(&self.registers).for_each(|value| visit(*value));
        self.variables.iter().for_each(|(_, value)| visit(*value));
        self.defined.iter().for_each(|(_, function)| visit(Value::Function(*function)));
        self.parse.trace(visit);
    }
}

impl Machine {
    /// The task whose frame is on top goes on apart, under `name`: with an empty stack, no
    /// variables and the highest limits. What was comes back with [`Machine::leave`], or when a
    /// fault or a time limit takes the task away.
    ///
    /// # Errors
    /// When memory is used up.
    pub(crate) fn enter(&mut self, name: Option<Symbol>) -> Result {
        let values = self.registers.len() + self.symbols.len() + self.stack.len();
        self.charge(values * 2);
        self.heap.claim(values * 2 * size_of::<Value>() + size_of::<Context>())?;
        let (section, _) = self.symbols.intern(TOP_SECTION);
        let settings = Settings {
            // Configuration belongs to the platform, not to a stack.
            macro_config: self.settings.macro_config.clone(),
            urlfetch: self.config.urlfetch[0],
            ..Settings::default()
        };
        let registers = vec![Value::Null; self.registers.len()];
        let context = Context {
            frame: self.frames.len().saturating_sub(1),
            name,
            stack: std::mem::take(&mut self.stack),
            hidden: std::mem::take(&mut self.hidden),
            variables: self.symbols.iter().collect(),
            registers: std::mem::replace(&mut self.registers, registers),
            defined: std::mem::take(&mut self.defined).into_iter().collect(),
            parse: std::mem::take(&mut self.parse),
            settings: std::mem::replace(&mut self.settings, settings),
            limits: std::mem::replace(&mut self.limits, Limits::MAX),
            last_error: self.last_error.take(),
            ops: self.ops,
            line: self.line,
            level: std::mem::take(&mut self.level),
            in_secure: std::mem::take(&mut self.in_secure),
            macro_name: std::mem::replace(&mut self.macro_name, name),
            section: std::mem::replace(&mut self.section, section),
        };
        self.symbols.clear();
        self.contexts.push(context);
        Ok(())
    }

    /// Goes back to what was before the last [`Machine::enter`].
    pub(crate) fn leave(&mut self) {
        let Some(context) = self.contexts.pop() else { return };
        self.stack = context.stack;
        self.hidden = context.hidden;
        self.symbols.clear();
        for (symbol, value) in context.variables {
            self.symbols.set(symbol, value);
        }
        self.registers = context.registers;
        self.defined = context.defined.into_iter().collect();
        self.parse = context.parse;
        self.settings = context.settings;
        self.limits = context.limits;
        self.last_error = context.last_error;
        self.ops = context.ops;
        self.line = context.line;
        self.level = context.level;
        self.in_secure = context.in_secure;
        self.macro_name = context.macro_name;
        self.section = context.section;
    }

    /// Takes variables, registers and words that scripts defined away.
    pub(crate) fn take_definitions(&mut self) -> Definitions {
        let variables = self.symbols.iter().collect();
        self.symbols.clear();
        let defined = std::mem::take(&mut self.defined).into_iter().collect();
        let registers = vec![Value::Null; self.registers.len()];
        (variables, std::mem::replace(&mut self.registers, registers), defined)
    }

    /// Adds what [`Machine::take_definitions`] took. Variables that there are stay.
    pub(crate) fn add_definitions(&mut self, (variables, registers, defined): Definitions) {
        for (symbol, value) in variables {
            if self.symbols.get(symbol).is_none() {
                self.symbols.set(symbol, value);
            }
        }
        self.registers = registers;
        self.defined.extend(defined);
    }

    /// The frames from `frame` on are gone, and what ran apart in them.
    pub(super) fn leave_from(&mut self, frame: usize) {
        while self.contexts.last().is_some_and(|context| context.frame >= frame) {
            self.leave();
        }
        if self.section_shared.as_ref().is_some_and(|section| section.frame >= frame) {
            self.give_up_section();
        }
    }

    /// The names under which something runs apart, outermost first: macros being loaded.
    pub(crate) fn loading(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.contexts.iter().filter_map(|context| context.name)
    }
}
