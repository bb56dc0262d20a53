//! TEMPLATE: Mustache.
//!
//! Variables, sections, inverted sections, comments, blocks and other delimiters; lines that hold
//! nothing but the tags of a section leave no line behind. Partials are refused.

use rustc_hash::FxHashSet;

use crate::error::{Fault, Result};
use crate::heap::{List, Map, Text};
use crate::machine::{Flow, Machine, Task};
use crate::text::to_text;
use crate::value::{Handle, Value};

/// One step of a compiled template.
#[derive(Debug)]
enum Code {
    Text(String),
    Value {
        name: String,
        escaped: bool,
    },
    /// The steps up to `end`, for each element of what is behind the name.
    Section {
        name: String,
        end: usize,
    },
    /// The steps up to `end`, if there is nothing behind the name.
    Inverted {
        name: String,
        end: usize,
    },
    /// The steps up to `end`, in any case.
    Block,
}

/// A section that is being compiled, or the whole template.
struct Level {
    tag: Option<String>,
    open: Vec<char>,
    close: Vec<char>,
    /// Nothing but blanks since the last line end.
    only_blanks: bool,
    /// A section started or ended on this line.
    has_section: bool,
    start_of_line: bool,
    out: String,
    /// Of the section that is open inside: its step, the text before it, and its line.
    inner: Option<(usize, usize, usize)>,
}

impl Level {
    fn new(tag: Option<String>, open: &[char], close: &[char], start_of_line: bool) -> Self {
        Self {
            has_section: tag.is_some(),
            tag,
            open: open.to_vec(),
            close: close.to_vec(),
            only_blanks: true,
            start_of_line,
            out: String::new(),
            inner: None,
        }
    }
}

struct Compiler {
    chars: Vec<char>,
    at: usize,
    line: usize,
    levels: Vec<Level>,
    codes: Vec<Code>,
}

fn compile(template: &str) -> Result<Vec<Code>> {
    let mut compiler = Compiler {
        chars: template.chars().collect(),
        at: 0,
        line: 1,
        levels: vec![Level::new(None, &['{', '{'], &['}', '}'], true)],
        codes: Vec::new(),
    };
    compiler.run()?;
    Ok(compiler.codes)
}

impl Compiler {
    fn run(&mut self) -> Result {
        let mut saw_return = false;
        while let Some(c) = self.next() {
            match c {
                '\r' => saw_return = true,
                '\n' => {
                    self.end_of_line(saw_return);
                    saw_return = false;
                }
                _ => {
                    saw_return = false;
                    if self.opens(c) {
                        self.tag()?;
                        self.level().start_of_line = false;
                    } else {
                        let level = self.level();
                        level.only_blanks &= c == ' ' || c == '\t';
                        level.out.push(c);
                    }
                }
            }
        }
        self.flush();
        match self.levels.pop().and_then(|level| level.tag) {
            Some(tag) => Err(Fault::text(format!("Failed to close '{tag}' tag"))),
            None => Ok(()),
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn level(&mut self) -> &mut Level {
        // There is always the template itself.
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn end_of_line(&mut self, saw_return: bool) {
        self.line += 1;
        let level = self.level();
        if !level.has_section || !level.only_blanks {
            level.out.push_str(if saw_return { "\r\n" } else { "\n" });
        }
        self.flush();
        let level = self.level();
        level.has_section = false;
        level.only_blanks = true;
        level.start_of_line = true;
    }

    /// Writes the text so far.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.level().out);
        if !text.is_empty() {
            self.codes.push(Code::Text(text));
        }
    }

    /// Whether `c` and what follows open a tag; takes it if so.
    fn opens(&mut self, c: char) -> bool {
        let next = self.chars.get(self.at).copied();
        let open = &self.level().open;
        if open.first() != Some(&c) {
            return false;
        }
        let long = open.len() > 1;
        let matches = !long || open.get(1).copied() == next;
        self.at += usize::from(matches && long);
        matches
    }

    /// The contents of a tag, and whether it was closed.
    fn command(&mut self) -> (String, bool) {
        let close = self.level().close.clone();
        let mut command = String::new();
        while let Some(c) = self.next() {
            if close.first() == Some(&c) {
                let second = close.get(1).copied();
                if second.is_none() {
                    return (command, true);
                }
                if self.chars.get(self.at).copied() == second {
                    self.at += 1;
                    return (command, true);
                }
            }
            command.push(c);
        }
        (command, false)
    }

    fn tag(&mut self) -> Result {
        let (command, closed) = self.command();
        let mut chars = command.chars();
        let Some(kind) = chars.next() else {
            return Err(Fault::text("Empty mustache"));
        };
        let name = trim(chars.as_str()).to_owned();
        match kind {
            '#' | '^' | '$' => self.open_section(kind, name),
            '/' => self.close_section(&name)?,
            '<' | '>' => return Err(Fault::text("Template inclusion is disabled.")),
            '{' => self.raw(name)?,
            '&' => {
                self.flush();
                self.codes.push(Code::Value { name, escaped: false });
            }
            '!' | '%' => self.flush(),
            '=' => {
                self.flush();
                self.delimiters(&command)?;
            }
            _ if !closed => return Err(Fault::text("Improperly closed variable")),
            _ => {
                self.flush();
                self.codes.push(Code::Value { name: trim(&command).to_owned(), escaped: true });
            }
        }
        Ok(())
    }

    fn open_section(&mut self, kind: char, name: String) {
        let before = self.codes.len();
        let text = std::mem::take(&mut self.level().out);
        self.codes.push(Code::Text(text));
        self.codes.push(match kind {
            '#' => Code::Section { name: name.clone(), end: 0 },
            '^' => Code::Inverted { name: name.clone(), end: 0 },
            _ => Code::Block,
        });
        let line = self.line;
        let level = self.level();
        level.start_of_line &= level.only_blanks;
        level.inner = Some((before + 1, before, line));
        let inner = Level::new(Some(name), &level.open, &level.close, level.start_of_line);
        self.levels.push(inner);
    }

    fn close_section(&mut self, name: &str) -> Result {
        let level = self.level();
        if level.start_of_line && level.only_blanks {
            level.out.clear();
        }
        self.flush();
        let tag = self.levels.pop().and_then(|level| level.tag).unwrap_or_default();
        if self.levels.is_empty() || tag != name {
            return Err(Fault::text(format!("Mismatched start/end tags: {tag} != {name}")));
        }
        let (end, now) = (self.codes.len(), self.line);
        let level = self.level();
        let Some((section, before, line)) = level.inner.take() else {
            return Ok(());
        };
        level.has_section = now != line;
        let alone = level.only_blanks && now != line;
        match &mut self.codes[section] {
            Code::Section { end: place, .. } | Code::Inverted { end: place, .. } => *place = end,
            _ => (),
        }
        if alone {
            self.codes[before] = Code::Text(String::new());
        }
        Ok(())
    }

    fn raw(&mut self, name: String) -> Result {
        self.flush();
        let name = match self.level().close.get(1) {
            Some('}') => {
                if self.next() != Some('}') {
                    return Err(Fault::text("Improperly closed variable"));
                }
                name
            }
            Some(_) => {
                let mut name = name;
                name.pop();
                name
            }
            None => return Err(Fault::text("Invalid delimiter string")),
        };
        self.codes.push(Code::Value { name, escaped: false });
        Ok(())
    }

    fn delimiters(&mut self, command: &str) -> Result {
        let chars: Vec<char> = command.chars().filter(|c| !c.is_whitespace()).collect();
        let length = chars.len();
        if length > 6 || !length.is_multiple_of(2) || length < 4 {
            return Err(Fault::text("Invalid delimiter string"));
        }
        let level = self.level();
        level.open = chars[1..length / 2].to_vec();
        level.close = chars[length / 2..length - 1].to_vec();
        Ok(())
    }
}

/// `String.trim`.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// A run of steps, once or for each element of a list.
struct Run {
    from: usize,
    end: usize,
    at: usize,
    items: Option<(Handle<List>, usize)>,
    scoped: bool,
}

struct Render {
    codes: Vec<Code>,
    scopes: Vec<Value>,
    runs: Vec<Run>,
    out: String,
}

impl Render {
    fn run(&mut self, vm: &mut Machine) -> Result<Flow> {
        while let Some(run) = self.runs.last_mut() {
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
            vm.charge(4);
            if run.at == run.end {
                self.end_of_run(vm);
                continue;
            }
            let at = run.at;
            run.at += 1;
            let start = self.out.len();
            self.step(vm, at)?;
            let written = self.out.len() - start;
            vm.charge(written / 4);
            vm.heap.claim(self.out.len().saturating_mul(2))?;
        }
        let out = std::mem::take(&mut self.out);
        vm.push_string(out)?;
        Ok(Flow::Done)
    }

    /// Goes on with the next element, or ends the run.
    fn end_of_run(&mut self, vm: &Machine) {
        let Some(mut run) = self.runs.pop() else {
            return;
        };
        if run.scoped {
            self.scopes.pop();
        }
        if let Some((list, index)) = &mut run.items
            && let Some(item) = vm.heap.list(*list).get(*index)
        {
            *index += 1;
            run.at = run.from;
            run.scoped = true;
            self.scopes.push(*item);
            self.runs.push(run);
        }
    }

    fn step(&mut self, vm: &mut Machine, at: usize) -> Result {
        match &self.codes[at] {
            Code::Text(text) => self.out.push_str(text),
            Code::Block => (),
            Code::Value { name, escaped } => {
                let value = self.find(vm, name);
                if !value.is_null() {
                    let text = to_text(vm, value)?;
                    if *escaped {
                        escape(&mut self.out, &text);
                    } else {
                        self.out.push_str(&text);
                    }
                }
            }
            Code::Section { name, end } => {
                let (value, end) = (self.find(vm, name), *end);
                self.enter(vm, value, at + 1, end);
            }
            Code::Inverted { name, end } => {
                let (value, end) = (self.find(vm, name), *end);
                let run = Run { from: at + 1, end, at: at + 1, items: None, scoped: false };
                self.skip_to(end);
                if is_nothing(vm, value) {
                    self.runs.push(run);
                }
            }
        }
        Ok(())
    }

    fn skip_to(&mut self, end: usize) {
        if let Some(run) = self.runs.last_mut() {
            run.at = end;
        }
    }

    fn enter(&mut self, vm: &Machine, value: Value, from: usize, end: usize) {
        self.skip_to(end);
        match value.as_list() {
            Some(list) => {
                let items = Some((list, 0));
                self.runs.push(Run { from, end, at: end, items, scoped: false });
            }
            None if is_nothing(vm, value) => (),
            None => {
                self.scopes.push(value);
                self.runs.push(Run { from, end, at: from, items: None, scoped: true });
            }
        }
    }

    /// What a name stands for: looked up in the innermost scope that has it.
    fn find(&self, vm: &Machine, name: &str) -> Value {
        if name == "." {
            return self.scopes.last().copied().unwrap_or_default();
        }
        for scope in self.scopes.iter().rev() {
            let Value::Map(map) = *scope else {
                continue;
            };
            if let Some(value) = vm.heap.map(map).get_text(name) {
                return value;
            }
            if let Some(value) = dotted(vm, map, name) {
                return value;
            }
        }
        Value::Null
    }
}

/// What `a.b.c` stands for in a scope that has an `a`.
fn dotted(vm: &Machine, map: Handle<Map>, name: &str) -> Option<Value> {
    let mut parts = name.split('.');
    let first = parts.next()?;
    if first.len() == name.len() {
        return None;
    }
    let mut value = vm.heap.map(map).get_text(first)?;
    for part in parts {
        value = match value {
            Value::Map(map) => vm.heap.map(map).get_text(part).unwrap_or_default(),
            _ => Value::Null,
        };
    }
    Some(value)
}

/// What an inverted section is for.
fn is_nothing(vm: &Machine, value: Value) -> bool {
    match value {
        Value::Null | Value::Boolean(false) => true,
        Value::String(text) => vm.heap.text(text).is_empty(),
        Value::List(list) | Value::Vector(list) => vm.heap.list(list).is_empty(),
        _ => false,
    }
}

/// Appends a text as HTML shows it.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' | '=' | '`' | '\0'..='\r' => out.push_str(&format!("&#{};", c as u32)),
            _ => out.push(c),
        }
    }
}

impl Task for Render {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        self.run(vm).map_err(|f| f.wrap("TEMPLATE failed."))
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.scopes.iter().for_each(|v| visit(*v));
        for (list, _) in self.runs.iter().filter_map(|run| run.items) {
            visit(Value::List(list));
        }
    }
}

/// Fails unless everything in a map is text, number, boolean, list or map.
fn check_types(vm: &mut Machine, map: Handle<Map>) -> Result {
    let (mut lists, mut maps) = (FxHashSet::default(), FxHashSet::default());
    let mut rest = vec![Value::Map(map)];
    let mut seen = 0;
    while let Some(value) = rest.pop() {
        seen += 1;
        match value {
            Value::String(_)
            | Value::Long(_)
            | Value::Double(_)
            | Value::Decimal(_)
            | Value::Boolean(_) => (),
            Value::List(list) | Value::Vector(list) => {
                if lists.insert(list) {
                    rest.extend(vm.heap.list(list));
                }
            }
            Value::Map(map) => {
                if maps.insert(map) {
                    for (key, value) in &vm.heap.map(map).entries {
                        rest.extend([key.value(), *value]);
                    }
                }
            }
            _ => return Err(Fault::text("Invalid type for template substitution.")),
        }
    }
    vm.charge(seen);
    Ok(())
}

pub(super) fn template(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a map on top of the stack.")?;
    let template: Text = vm.pop_text("operates on a string.")?;
    let codes = check_types(vm, map).and_then(|()| {
        vm.heap.claim(template.len().saturating_mul(8))?;
        vm.charge(template.len());
        compile(&template)
    });
    let codes = codes.map_err(|f| f.wrap("TEMPLATE failed."))?;
    let whole = Run { from: 0, end: codes.len(), at: 0, items: None, scoped: false };
    let scopes = vec![Value::Map(map)];
    vm.push_task(Render { codes, scopes, runs: vec![whole], out: String::new() })
}
