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
use crate::machine::{Finding, Flow, Machine, Place, Task};
use crate::macros::{Instruction, Macro, Symbol};
use crate::registry::{self, Action};
use crate::value::Value;

const MULTILINE_START: &str = "<'";
const MULTILINE_END: &str = "'>";

/// What is open between two lines.
#[derive(Debug, Default)]
pub(crate) struct ParseState {
    /// Macros being read, outermost first.
    macros: Vec<Open>,
    in_comment: bool,
    multiline: Option<String>,
    secure: Option<String>,
    /// Where the statement being read stands.
    place: Place,
    /// Where the word stands that the script itself called last.
    running: Option<Place>,
    /// Mistakes are noted instead of failing, until the outermost macro is closed.
    pub(crate) auditing: bool,
}

/// A macro that is being read.
#[derive(Debug, Default)]
struct Open {
    code: Vec<Instruction>,
    /// Where each instruction stands, if that is to be kept.
    places: Vec<Place>,
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
    /// Errors read as those of the script, but its lines are not counted.
    unnumbered: bool,
    /// The whole script is read as one macro, to be run within a time limit.
    boxed: bool,
    /// XEVAL: the setting to restore.
    restore_xeval: Option<bool>,
    /// A file that INCLUDE reads.
    included: bool,
    /// When the line was started, nanoseconds.
    started: u64,
}

/// How many statements are read before the machine looks around.
const STATEMENTS_PER_STEP: usize = 256;

impl ParseState {
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        for instruction in self.macros.iter().flat_map(|open| &open.code) {
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
            unnumbered: false,
            boxed: false,
            restore_xeval: None,
            included: false,
            started: 0,
        }
    }

    /// An expression that the platform runs before the script.
    pub(crate) fn definition(text: Text) -> Self {
        Self { unnumbered: true, ..Self::script(text) }
    }

    /// A string that EVAL or XEVAL runs.
    pub(crate) fn evaluated(text: Text, restore_xeval: Option<bool>) -> Self {
        Self { top: false, restore_xeval, ..Self::script(text) }
    }

    /// A file that INCLUDE runs.
    pub(crate) fn included(text: Text) -> Self {
        Self { included: true, ..Self::evaluated(text, None) }
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
        self.started = vm.clock.mono_ns;
        if self.top && !self.unnumbered {
            vm.line = self.number;
        }
        vm.recurse_in()?;
        if let Some(text) = &mut vm.parse.multiline {
            if line.trim_matches(|c| c <= ' ') == MULTILINE_END {
                let text = vm.parse.multiline.take().unwrap_or_default();
                self.position = line.len();
                vm.parse.place = (0, line.len().saturating_sub(1) as u32);
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
            return self.string(vm, line, position);
        }
        let length = bytes[position..].iter().position(|b| *b <= b' ');
        let close = length.map_or(line.len(), |l| position + l);
        self.statement = (position, close);
        self.position = close + 1;
        let statement = &line[position..close];
        if statement == MULTILINE_START {
            if line.trim_matches(|c| c <= ' ') == MULTILINE_START {
                vm.parse.multiline = Some(String::new());
            } else {
                let message = "Can only start multiline strings by using <' on a line by itself.";
                vm.mistake(message, position, position + message.len())?;
            }
            self.position = line.len();
            return Ok(false);
        }
        vm.parse.place = (position as u32, (close - 1) as u32);
        vm.statement(statement)?;
        Ok(true)
    }

    /// A quoted string; `false` when nothing more on the line can be read.
    fn string(&mut self, vm: &mut Machine, line: &str, position: usize) -> Result<bool> {
        let Some(close) = string_end(line, position) else {
            self.statement = (position, position);
            vm.mistake("Cannot find end of string", position, line.len().saturating_sub(1))?;
            self.position = line.len();
            return Ok(false);
        };
        self.statement = (position, close);
        self.position = close + 2;
        vm.parse.place = (position as u32, close as u32);
        let quoted = &line[position + 1..close];
        if vm.parse.auditing && quoted.contains(&line[position..=position]) {
            let text = "Separator found inside the string".to_owned();
            vm.note(Finding { kind: "WS_WARNING", start: position, end: close + 1, text })?;
        }
        match literal::url_decode(quoted) {
            Ok(content) => vm.literal_string(&content)?,
            Err(fault) => {
                if !vm.is_auditing() {
                    return Err(fault);
                }
                vm.mistake(fault.into_error().message(), position, close + 1)?;
            }
        }
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
                    vm.mistake("Not inside a comment.", position, position + 1)?;
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
                let line = match self.included {
                    false => format!("Line #{}", self.number),
                    true => format!("INCLUDE encountered an error line {}.", self.number),
                };
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

    fn finish(&mut self, vm: &mut Machine) -> Result<Flow> {
        if let Some(before) = self.restore_xeval {
            vm.settings.in_xeval = before;
        }
        if !self.top {
            return Ok(Flow::Done);
        }
        if !std::mem::take(&mut self.boxed) {
            vm.parse.check_balanced()?;
            return Ok(Flow::Done);
        }
        vm.close_macro()?;
        vm.parse.check_balanced()?;
        let body = vm.pop_macro("operates on a macro.")?;
        let limit = vm.time_limit.take().unwrap_or(i64::MAX);
        crate::words::control::run_boxed(vm, body, limit)?;
        Ok(Flow::Again)
    }

    /// With a time limit the script is read as one macro.
    fn begin_box(&mut self, vm: &mut Machine) {
        if self.top && !self.unnumbered && self.number == 0 && vm.time_limit.is_some() {
            self.boxed = true;
            vm.parse.macros.push(Open::default());
        }
    }

    fn go_on(&mut self, vm: &mut Machine) -> Result<Flow> {
        let frames = vm.frames.len();
        for _ in 0..STATEMENTS_PER_STEP {
            if self.line.is_none() {
                self.begin_box(vm);
                if !self.advance() {
                    return self.finish(vm);
                }
                if let Err(fault) = self.start_line(vm) {
                    return Err(self.describe(vm, fault));
                }
                let sections = vm.settings.line_sections && !self.unnumbered;
                if self.top && sections && vm.parse.multiline.is_none() {
                    self.line_section(vm)?;
                }
            }
            match self.statement(vm) {
                Ok(true) => (),
                Ok(false) => {
                    self.line = None;
                    vm.level -= 1;
                    if self.top && vm.settings.timings {
                        vm.heap.book(size_of::<i64>())?;
                        let elapsed = vm.clock.mono_ns.saturating_sub(self.started);
                        vm.settings.elapsed.push(elapsed as i64);
                    }
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
        if self.parse.macros.is_empty() {
            return self.push(value);
        }
        self.add_to_macro(Instruction::Push(value))
    }

    /// Adds an instruction to the macro being read.
    fn add_to_macro(&mut self, instruction: Instruction) -> Result {
        let Some(mut open) = self.parse.macros.pop() else { return Ok(()) };
        let added = if self.settings.positions {
            // One place an instruction: none may be joined.
            open.places.resize(open.code.len(), (0, 0));
            open.places.push(self.parse.place);
            open.code.push(instruction);
            Ok(())
        } else {
            self.append(&mut open.code, instruction)
        };
        self.parse.macros.push(open);
        added
    }

    /// Whether mistakes are noted instead of failing.
    fn is_auditing(&self) -> bool {
        self.parse.auditing && !self.parse.macros.is_empty()
    }

    /// Notes what an audit found.
    fn note(&mut self, finding: Finding) -> Result {
        self.heap.book(finding.text.len() + size_of::<Finding>())?;
        self.settings.audit.get_or_insert_default().push(finding);
        Ok(())
    }

    /// A mistake of the script: fails, or in an audit is noted and fails when the macro runs.
    fn mistake(&mut self, message: &str, start: usize, end: usize) -> Result {
        if !self.is_auditing() {
            return Err(Fault::text(message.to_owned()));
        }
        let text = message.to_owned();
        self.note(Finding { kind: "WS_EXCEPTION", start, end, text })?;
        self.fail_later(&format!("Exception ({message}) (line -1, position {start})."))
    }

    /// Adds a failure to the macro being read.
    fn fail_later(&mut self, message: &str) -> Result {
        let value = self.heap.string(message)?;
        self.add_to_macro(Instruction::Push(value))?;
        match registry::find("MSGFAIL") {
            Some(word) => self.add_to_macro(Instruction::Call(word)),
            None => Ok(()),
        }
    }

    /// One statement that is no quoted string.
    fn statement(&mut self, statement: &str) -> Result {
        match statement {
            "S>" => return self.close_secure(),
            "<S" => {
                if self.parse.secure.is_some() {
                    return self.misplaced("Already inside a secure script definition.");
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
                self.heap.book(size_of::<Open>())?;
                self.parse.macros.push(Open::default());
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
            if self.is_auditing() {
                // The reference leaves the name on the stack, too.
                self.literal_string(name)?;
            }
            return self.named(symbol, Instruction::Run(symbol), "RUN");
        }
        match self.resolve(statement) {
            Ok(instruction) => self.instruction(instruction),
            Err(_) if self.is_auditing() => {
                let start = self.parse.place.0 as usize;
                let (text, end) = (statement.to_owned(), start + statement.len());
                self.note(Finding { kind: "UNKNOWN", start, end, text })?;
                let place = format!("(line -1, position {start})");
                self.fail_later(&format!("Unknown function ({statement}) {place}."))
            }
            Err(fault) => Err(fault),
        }
    }

    /// A mistake in the place of the statement being read.
    fn misplaced(&mut self, message: &str) -> Result {
        let start = self.parse.place.0 as usize;
        self.mistake(message, start, start + message.len())
    }

    /// A constant and a word in one instruction; in two where places are kept.
    fn named(&mut self, symbol: Symbol, joined: Instruction, word: &str) -> Result {
        if !self.settings.positions || self.parse.macros.is_empty() {
            return self.instruction(joined);
        }
        let name = Text::clone(self.symbols.name(symbol));
        let name = self.heap.string(name)?;
        self.add_to_macro(Instruction::Push(name))?;
        match registry::find(word) {
            Some(word) => self.add_to_macro(Instruction::Call(word)),
            None => Ok(()),
        }
    }

    /// Runs an instruction, or adds it to the macro being read.
    fn instruction(&mut self, instruction: Instruction) -> Result {
        if self.parse.macros.is_empty() {
            if self.settings.positions {
                // The one before has ended: only then it is the last.
                let place = Some(self.parse.place);
                self.settings.last_position = std::mem::replace(&mut self.parse.running, place);
            }
            return match instruction {
                Instruction::Push(value) => self.push(value),
                Instruction::Call(word) => self.call_word(word),
                Instruction::Apply(function) => self.apply_function(function),
                Instruction::Run(symbol) => self.run_named(symbol),
                _ => Ok(()),
            };
        }
        self.add_to_macro(instruction)
    }

    fn load_statement(&mut self, name: &str) -> Result {
        let symbol = self.intern(name)?;
        if self.parse.depth() > 0 {
            return self.named(symbol, Instruction::Load(symbol), "LOAD");
        }
        let value = self.variable(symbol, name)?;
        self.push(value)
    }

    fn early_binding(&mut self, name: &str) -> Result {
        if self.is_auditing() {
            let start = self.parse.place.0;
            let place = format!("(line -1, position {start})");
            return self.fail_later(&format!(
                "WSAUDITMODE does not support early binding. ({name}) {place}."
            ));
        }
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
        let Some(Open { code, places }) = self.parse.macros.pop() else {
            return Err(Fault::text("Not inside a macro definition."));
        };
        self.parse.auditing &= !self.parse.macros.is_empty();
        let mut body = Macro::new(code);
        if !places.is_empty() {
            body.positions = Some(places.into());
        }
        if !self.settings.in_xeval {
            body.secure = self.in_secure;
        }
        let value = Value::Macro(self.heap.alloc_macro(body)?);
        self.literal(value)
    }

    /// `S>`: what was read becomes a secure script.
    fn close_secure(&mut self) -> Result {
        let Some(script) = self.parse.secure.take() else {
            return self.misplaced("Not inside a secure script definition.");
        };
        if self.parse.auditing {
            return Ok(());
        }
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
