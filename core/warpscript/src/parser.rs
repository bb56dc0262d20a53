//! Parsing and running a script, statement by statement.
//!
//! A script is run as it is read, as the language wants it: a word that a line defines is known on
//! the next, and a mistake at the end does not keep the beginning from running. Macros are
//! compiled once, when their text is read. What is open between lines (macros, comments, strings)
//! belongs to the machine, not to the text: an evaluated string may open a macro that the script
//! closes.

use crate::error::{Fault, Kind, Result};
use crate::heap::Text;
use crate::literal;
use crate::machine::{Flow, Machine, Task};
use crate::macros::{Instruction, Macro, Symbol};
use crate::registry::{self, Action};
use crate::value::Value;

const MULTILINE_START: &str = "<'";
const MULTILINE_END: &str = "'>";

/// What is open between two lines.
#[derive(Debug, Default)]
pub(crate) struct ParseState {
    /// Macros being read, outermost first.
    macros: Vec<Vec<Instruction>>,
    in_comment: bool,
    multiline: Option<String>,
    secure: Option<String>,
}

/// A text that runs: the script itself, or a string given to EVAL.
pub(crate) struct Source {
    text: Text,
    /// Where the next line starts.
    next_line: usize,
    /// The line being run: its range in `text`.
    line: Option<(usize, usize)>,
    number: usize,
    /// Where in the line reading goes on.
    position: usize,
    /// The statement that runs, for error messages: its range in the line.
    statement: (usize, usize),
    /// The script itself, as against an evaluated string.
    top: bool,
    /// XEVAL: the setting to restore.
    restore_xeval: Option<bool>,
}

/// How many statements are read before the machine looks around.
const STATEMENTS_PER_STEP: usize = 256;

impl ParseState {
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        for instruction in self.macros.iter().flatten() {
            match instruction {
                Instruction::Push(value) => visit(*value),
                Instruction::Apply(function) => visit(Value::Function(*function)),
                _ => (),
            }
        }
    }

    /// How many macros are open.
    pub(crate) fn depth(&self) -> usize {
        self.macros.len()
    }

    /// Fails when something is still open at the end of the script.
    fn check_balanced(&self) -> Result {
        let open = if self.multiline.is_some() {
            MULTILINE_START
        } else if self.in_comment {
            "/*"
        } else if self.secure.is_some() {
            "<S"
        } else if !self.macros.is_empty() {
            "<%"
        } else {
            return Ok(());
        };
        Err(Fault::text(format!("Unbalanced {open} construct.")))
    }
}

impl Source {
    /// The script of a machine.
    pub(crate) fn script(text: Text) -> Self {
        Self {
            text,
            next_line: 0,
            line: None,
            number: 0,
            position: 0,
            statement: (0, 0),
            top: true,
            restore_xeval: None,
        }
    }

    /// A string that EVAL or XEVAL runs.
    pub(crate) fn evaluated(text: Text, restore_xeval: Option<bool>) -> Self {
        Self { top: false, restore_xeval, ..Self::script(text) }
    }

    /// Moves to the next line; `false` at the end.
    fn advance(&mut self) -> bool {
        let rest = &self.text[self.next_line..];
        if rest.is_empty() {
            return false;
        }
        let start = self.next_line;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = start + length;
        self.next_line = match &rest.as_bytes()[length..] {
            [b'\r', b'\n', ..] => end + 2,
            [_, ..] => end + 1,
            [] => end,
        };
        self.line = Some((start, end));
        self.number += 1;
        self.position = 0;
        self.statement = (0, 0);
        true
    }

    /// Starts a line: what is open from the lines before comes first.
    fn start_line(&mut self, vm: &mut Machine) -> Result {
        let (start, end) = self.line.unwrap_or_default();
        let line = &self.text[start..end];
        if self.top {
            vm.line = self.number;
        }
        vm.recurse_in()?;
        if let Some(text) = &mut vm.parse.multiline {
            if line.trim_matches(|c| c <= ' ') == MULTILINE_END {
                let text = vm.parse.multiline.take().unwrap_or_default();
                self.position = line.len();
                return vm.literal_text(&text);
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
            self.position = line.len();
            vm.heap.claim(line.len())?;
        } else if vm.parse.in_comment {
            self.position = line.find("*/").unwrap_or(line.len());
        }
        Ok(())
    }

    /// Reads and runs the next statement; `false` at the end of the line.
    fn statement(&mut self, vm: &mut Machine) -> Result<bool> {
        let (start, end) = self.line.unwrap_or_default();
        let text = Text::clone(&self.text);
        let line = &text[start..end];
        let Some(position) = self.skip(vm, line)? else {
            self.position = line.len();
            return Ok(false);
        };
        // Until the statement's end is known an error shows its place alone.
        self.statement = (position, self.statement.1.max(position));
        vm.ops += 1;
        vm.fuel -= 1;
        vm.check_ops()?;
        let bytes = line.as_bytes();
        if matches!(bytes[position], b'"' | b'\'') {
            let close = string_end(line, position).ok_or_else(|| {
                self.statement = (position, position);
                Fault::text("Cannot find end of string")
            })?;
            self.statement = (position, close);
            self.position = close + 2;
            let content = literal::url_decode(&line[position + 1..close])?;
            return vm.literal_string(&content).map(|()| true);
        }
        let length = bytes[position..].iter().position(|b| *b <= b' ');
        let close = length.map_or(line.len(), |l| position + l);
        self.statement = (position, close);
        self.position = close + 1;
        let statement = &line[position..close];
        if statement == MULTILINE_START {
            if line.trim_matches(|c| c <= ' ') != MULTILINE_START {
                return Err(Fault::text(
                    "Can only start multiline strings by using <' on a line by itself.",
                ));
            }
            vm.parse.multiline = Some(String::new());
            self.position = line.len();
            return Ok(false);
        }
        vm.statement(statement)?;
        Ok(true)
    }

    /// Skips blanks and comments; the place of the next statement, or `None` at the line's end.
    fn skip(&mut self, vm: &mut Machine, line: &str) -> Result<Option<usize>> {
        let bytes = line.as_bytes();
        let mut position = self.position;
        while position < bytes.len() {
            let rest = &bytes[position..];
            if rest[0] <= b' ' {
                position += 1;
                continue;
            }
            if rest.starts_with(b"/*") {
                vm.parse.in_comment = true;
                match line[position + 2..].find("*/") {
                    Some(offset) => position += 2 + offset,
                    None => return Ok(None),
                }
            }
            let rest = &bytes[position..];
            if rest.starts_with(b"*/") {
                if !vm.parse.in_comment {
                    self.statement = (position, self.statement.1.max(position));
                    return Err(Fault::text("Not inside a comment."));
                }
                if rest.len() == 2 || rest[2] == b' ' {
                    vm.parse.in_comment = false;
                    position += 3;
                    continue;
                }
                match line[position + 2..].find("*/") {
                    Some(offset) => position += 2 + offset,
                    None => return Ok(None),
                }
                continue;
            }
            if vm.parse.in_comment {
                position += 1;
                continue;
            }
            if rest[0] == b'#' || rest.starts_with(b"//") {
                return Ok(None);
            }
            return Ok(Some(position));
        }
        Ok(None)
    }

    /// Puts the place in the line around an error. Jumps pass, except out of an evaluated string.
    fn describe(&self, vm: &mut Machine, fault: Fault) -> Fault {
        let plain = matches!(&fault, Fault::Error(error) if error.kind() != Kind::Control);
        let fault = if plain && self.line.is_some() { fault.wrap(self.place(vm)) } else { fault };
        if self.line.is_some() {
            vm.level -= 1;
        }
        match fault {
            stop @ (Fault::Stop | Fault::Return(_)) => stop,
            fault if self.top => fault,
            fault => {
                let error = fault.into_error();
                let line = format!("Line #{}", self.number);
                Fault::Error(Box::new(error.wrap(Kind::Script, line)))
            }
        }
    }

    /// `Exception at 'before=>statement<=after' in section [TOP]`.
    fn place(&self, vm: &Machine) -> String {
        const CONTEXT: usize = 30;
        let (start, end) = self.line.unwrap_or_default();
        let line = &self.text[start..end];
        let from = self.statement.0.min(line.len().saturating_sub(1));
        let to = self.statement.1.clamp(from, line.len());
        let (from, to) = (line.floor_char_boundary(from), line.ceil_char_boundary(to));
        let before: Vec<char> = line[..from].chars().rev().take(CONTEXT).collect();
        let before: String = before.into_iter().rev().collect();
        let after: String = line[to..].chars().take(CONTEXT).collect();
        let section = vm.symbols.name(vm.section);
        let statement = &line[from..to];
        format!("Exception at '{before}=>{statement}<={after}' in section {section}")
    }

    fn finish(&self, vm: &mut Machine) -> Result<Flow> {
        if let Some(before) = self.restore_xeval {
            vm.settings.in_xeval = before;
        }
        if self.top {
            vm.parse.check_balanced()?;
        }
        Ok(Flow::Done)
    }

    fn go_on(&mut self, vm: &mut Machine) -> Result<Flow> {
        let frames = vm.frames.len();
        for _ in 0..STATEMENTS_PER_STEP {
            if self.line.is_none() {
                if !self.advance() {
                    return self.finish(vm);
                }
                if let Err(fault) = self.start_line(vm) {
                    return Err(self.describe(vm, fault));
                }
                if self.top && vm.settings.line_sections && vm.parse.multiline.is_none() {
                    self.line_section(vm)?;
                }
            }
            match self.statement(vm) {
                Ok(true) => (),
                Ok(false) => {
                    self.line = None;
                    vm.level -= 1;
                }
                // A macro that could not be entered tells where itself: its frame is above.
                Err(fault) if vm.frames.len() > frames => return Err(fault),
                Err(fault) => return Err(self.describe(vm, fault)),
            }
            if vm.frames.len() > frames || vm.should_yield() || vm.heap.is_due() {
                return Ok(Flow::Again);
            }
        }
        Ok(Flow::Again)
    }

    /// `LINEON`: every line is a section of its own.
    fn line_section(&self, vm: &mut Machine) -> Result {
        vm.ops += 2;
        let name = format!("[Line #{}]", self.number);
        vm.literal_string(&name)?;
        vm.statement("SECTION")
    }
}

impl Task for Source {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.go_on(vm)
    }

    fn catch(&mut self, vm: &mut Machine, fault: Fault) -> Result<Flow> {
        if let Some(before) = self.restore_xeval {
            vm.settings.in_xeval = before;
        }
        Err(self.describe(vm, fault))
    }
}

impl Machine {
    /// A string literal: pushed, or part of the macro being read.
    fn literal_string(&mut self, content: &str) -> Result {
        if let Some(script) = &mut self.parse.secure {
            script.push_str(" '");
            literal::escape_readable(script, content);
            script.push('\'');
            return Ok(());
        }
        let value = self.heap.string(content)?;
        self.literal(value)
    }

    /// A multi-line string.
    fn literal_text(&mut self, content: &str) -> Result {
        if let Some(script) = &mut self.parse.secure {
            script.push_str(" '");
            script.push_str(&literal::url_encode(content));
            script.push('\'');
            return Ok(());
        }
        let value = self.heap.string(content)?;
        self.literal(value)
    }

    fn literal(&mut self, value: Value) -> Result {
        match self.parse.macros.last_mut() {
            Some(code) => {
                code.push(Instruction::Push(value));
                Ok(())
            }
            None => self.push(value),
        }
    }

    /// One statement that is no quoted string.
    fn statement(&mut self, statement: &str) -> Result {
        match statement {
            "S>" => return self.close_secure(),
            "<S" => {
                if self.parse.secure.is_some() {
                    return Err(Fault::text("Already inside a secure script definition."));
                }
                self.parse.secure = Some(String::new());
                return Ok(());
            }
            _ => (),
        }
        if let Some(script) = &mut self.parse.secure {
            script.push(' ');
            script.push_str(statement);
            return Ok(());
        }
        match statement {
            "%>" => return self.close_macro(),
            "<%" => {
                self.heap.book(size_of::<Vec<Instruction>>())?;
                self.parse.macros.push(Vec::new());
                return Ok(());
            }
            _ => (),
        }
        if let Some(value) = literal::number(statement)? {
            return self.literal(value);
        }
        if let Some(name) = statement.strip_prefix('$') {
            return self.load_statement(name);
        }
        if let Some(name) = statement.strip_prefix("!$") {
            return self.early_binding(name);
        }
        if let Some(name) = statement.strip_prefix('@') {
            let symbol = self.intern(name)?;
            return self.instruction(Instruction::Run(symbol));
        }
        let instruction = self.resolve(statement)?;
        self.instruction(instruction)
    }

    /// Runs an instruction, or adds it to the macro being read.
    fn instruction(&mut self, instruction: Instruction) -> Result {
        if self.parse.macros.is_empty() {
            return match instruction {
                Instruction::Push(value) => self.push(value),
                Instruction::Call(word) => self.call_word(word),
                Instruction::Apply(function) => self.apply_function(function),
                Instruction::Run(symbol) => self.run_named(symbol),
                _ => Ok(()),
            };
        }
        let Some(mut code) = self.parse.macros.pop() else { return Ok(()) };
        let added = self.append(&mut code, instruction);
        self.parse.macros.push(code);
        added
    }

    fn load_statement(&mut self, name: &str) -> Result {
        let symbol = self.intern(name)?;
        if self.parse.depth() > 0 {
            return self.instruction(Instruction::Load(symbol));
        }
        let value = self.variable(symbol, name)?;
        self.push(value)
    }

    fn early_binding(&mut self, name: &str) -> Result {
        let symbol = self.intern(name)?;
        if self.symbols.get(symbol).is_none() && self.parse.depth() > 1 {
            return Err(Fault::text("Early binding is not possible inside a macro."));
        }
        let value = self.variable(symbol, name)?;
        self.literal(value)
    }

    fn variable(&self, symbol: Symbol, name: &str) -> Result<Value> {
        let value = self.symbols.get(symbol);
        value.ok_or_else(|| Fault::text(format!("Unknown symbol '{name}'")))
    }

    fn close_macro(&mut self) -> Result {
        let Some(code) = self.parse.macros.pop() else {
            return Err(Fault::text("Not inside a macro definition."));
        };
        let mut body = Macro::new(code);
        if !self.settings.in_xeval {
            body.secure = self.in_secure;
        }
        let value = Value::Macro(self.heap.alloc_macro(body)?);
        self.literal(value)
    }

    /// `S>`: what was read becomes a secure script.
    fn close_secure(&mut self) -> Result {
        let Some(script) = self.parse.secure.take() else {
            return Err(Fault::text("Not inside a secure script definition."));
        };
        self.push_string(script)?;
        match registry::find("SECURE").map(|w| w.action) {
            Some(Action::Run(run)) => run(self),
            _ => Err(Fault::text("Missing secure script encryption key.")),
        }
    }
}

/// The closing quote of the string that opens at `open`: one before a space or the line's end.
fn string_end(line: &str, open: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let trimmed = line.trim_end_matches(|c| c <= ' ').len();
    let quote = bytes[open];
    let inside = open + 1..trimmed;
    inside.into_iter().find(|i| bytes[*i] == quote && (*i == trimmed - 1 || bytes[*i + 1] == b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_before_a_space() {
        assert_eq!(string_end("'a' 'b'", 0), Some(2));
        assert_eq!(string_end("'a'\t'b'  ", 0), Some(6));
        assert_eq!(string_end("'it's'", 0), Some(5));
        assert_eq!(string_end("1 '", 2), None);
    }
}
