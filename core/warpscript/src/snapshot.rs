//! Values as the script that makes them again.

use weft_gts::double::JavaDouble;

use crate::decimal::to_plain;
use crate::error::{Fault, Result};
use crate::function::{Applied, Purpose, Role};
use crate::literal::{escape_readable, url_encode};
use crate::machine::Machine;
use crate::macros::Instruction;
use crate::value::{Handle, Value};

/// How deeply collections may be nested in a snapshot.
const NESTING_MAX: usize = 16;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// For people: literals of collections, few escapes.
    pub readable: bool,
    /// Secure macros show their contents.
    pub reveal: bool,
}

/// A collection that is being written, and how far.
enum Open {
    List(Handle<crate::heap::List>, usize, bool),
    Map(Handle<crate::heap::Map>, usize, bool),
    Set(Handle<crate::heap::Set>, usize),
    Macro(Handle<crate::macros::Macro>, usize),
}

/// The script that makes `value`, with a space behind it.
///
/// # Errors
/// When collections are nested too deeply, or the text is larger than memory allows.
pub fn value(vm: &Machine, value: Value, style: Style) -> Result<String> {
    nested(vm, value, style, 0)
}

/// As [`value`], inside of functions inside of functions.
fn nested(vm: &Machine, value: Value, style: Style, depth: usize) -> Result<String> {
    if depth >= NESTING_MAX {
        return Err(Fault::text(format!("Functions exceeded {NESTING_MAX} levels.")));
    }
    let mut out = String::new();
    Writer { vm, out: &mut out, style, open: Vec::new(), macros: 0, depth }.run(value)?;
    Ok(out)
}

struct Writer<'a> {
    vm: &'a Machine,
    out: &'a mut String,
    style: Style,
    open: Vec<Open>,
    /// How many of the open ones are macros: what is in a macro is not written for people.
    macros: usize,
    /// Functions around.
    depth: usize,
}

impl Writer<'_> {
    fn run(&mut self, value: Value) -> Result {
        self.element(value)?;
        while let Some(open) = self.open.pop() {
            self.vm.heap.claim(self.out.len())?;
            match open {
                Open::List(list, index, vector) => self.list(list, index, vector)?,
                Open::Map(map, index, value_next) => self.map(map, index, value_next)?,
                Open::Set(set, index) => self.set(set, index)?,
                Open::Macro(body, index) => {
                    self.macros -= 1;
                    self.body(body, index)?;
                }
            }
        }
        Ok(())
    }

    const fn readable(&self) -> bool {
        self.style.readable && self.macros == 0
    }

    /// Writes a simple value, or opens a collection.
    fn element(&mut self, value: Value) -> Result {
        let nesting = self.open.len() - self.macros;
        if nesting >= NESTING_MAX {
            return Err(Fault::text(format!(
                "Recursive data structures exceeded {NESTING_MAX} levels."
            )));
        }
        let readable = self.readable();
        match value {
            Value::Null => self.out.push_str("NULL "),
            Value::Mark => self.out.push_str("MARK "),
            Value::Boolean(v) => self.out.push_str(if v { "true " } else { "false " }),
            Value::Long(v) => self.out.push_str(&format!("{v} ")),
            Value::Double(v) => self.out.push_str(&format!("{} ", JavaDouble(v))),
            Value::String(text) => self.string(self.vm.heap.text(text)),
            Value::Bytes(bytes) => {
                let text = opb64(self.vm.heap.bytes(bytes));
                self.out.push_str(&format!("'{text}' OPB64-> "));
            }
            Value::Decimal(decimal) => {
                let text = to_plain(self.vm.heap.decimal(decimal));
                self.out.push_str(&format!("'{text}' ->BD "));
            }
            Value::List(list) => {
                self.out.push_str(if readable { "[ " } else { "[] " });
                self.open.push(Open::List(list, 0, false));
            }
            Value::Vector(list) => {
                self.out.push_str(if readable { "[[ " } else { "[[]] " });
                self.open.push(Open::List(list, 0, true));
            }
            Value::Map(map) => {
                self.out.push_str(if readable { "{\n" } else { "{} " });
                self.open.push(Open::Map(map, 0, false));
            }
            Value::Set(set) => {
                self.out.push_str(if readable { "( " } else { "() " });
                self.open.push(Open::Set(set, 0));
            }
            Value::Macro(body) => self.open_macro(body),
            Value::Word(word) => self.reference(word.name),
            Value::Function(function) => self.function(function)?,
            Value::Gts(_) | Value::Encoder(_) => {
                let text = crate::words::wrap::wrapped(self.vm, value)?;
                self.out.push_str(&text);
            }
            Value::Object(object) => {
                let object = self.vm.heap.any_object(object);
                let text = if self.style.readable {
                    object.snapshot_readable()
                } else {
                    object.snapshot()
                };
                match text {
                    Some(text) => self.out.push_str(&text),
                    None => self.out.push_str(&format!("'UNSUPPORTED:{}' ", object.type_name())),
                }
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('\'');
        if self.readable() {
            escape_readable(self.out, text);
        } else {
            self.out.push_str(&url_encode(text));
        }
        self.out.push_str("' ");
    }

    /// `'name' FUNCREF `.
    fn reference(&mut self, name: &str) {
        let name = url_encode(name);
        self.out.push_str(&format!("'{name}' FUNCREF "));
    }

    /// A function value: its parameters, then the word that makes it.
    fn function(&mut self, handle: Handle<crate::heap::Function>) -> Result {
        let function = self.vm.heap.function(handle);
        if let Some(name) = &function.name {
            self.reference(name);
            return Ok(());
        }
        let wrapped = match function.role {
            Role::Applied(Applied { snapshot: Some(snapshot), .. }) => {
                let text = snapshot(self.vm, &function.parameters)?;
                self.out.push_str(&text);
                return Ok(());
            }
            Role::Macro(body, purpose) => {
                self.out.push_str("<% ");
                if function.parameters.is_empty() {
                    self.parameter(Value::Macro(body))?;
                }
                if let Purpose::Filler(before, after) = purpose {
                    self.out.push_str(&format!("{before} {after} "));
                }
                true
            }
            Role::Strict(_) => {
                self.out.push_str("<% ");
                true
            }
            _ => false,
        };
        for parameter in &function.parameters {
            self.parameter(*parameter)?;
        }
        if let Some(word) = function.word {
            // The reference writes a space more here.
            if word.name.ends_with("lowess") {
                self.out.push(' ');
            }
            self.out.push_str(word.name);
            self.out.push(' ');
        }
        if wrapped {
            self.out.push_str("%> EVAL ");
        }
        Ok(())
    }

    /// A parameter of a function: simple, a macro, or a list or map of such, which is written as a
    /// literal.
    fn parameter(&mut self, parameter: Value) -> Result {
        let simple = |value: Value| nested(self.vm, value, self.style, self.depth + 1);
        let text = match parameter {
            Value::List(list) | Value::Vector(list) => {
                let items = self.vm.heap.list(list).iter().map(|item| simple(*item));
                format!("[ {}] ", items.collect::<Result<String>>()?)
            }
            Value::Map(map) => {
                let mut text = String::from("{ ");
                for (key, value) in &self.vm.heap.map(map).entries {
                    // As the reference has it: no space behind the value.
                    text.push_str(&simple(key.value())?);
                    text.push_str(simple(*value)?.trim_end());
                }
                text + "} "
            }
            other => simple(other)?,
        };
        self.out.push_str(&text);
        Ok(())
    }

    fn open_macro(&mut self, body: Handle<crate::macros::Macro>) {
        if self.vm.heap.macro_(body).secure && !self.style.reveal {
            self.out.push_str("<% /* Secure Macro */ %> ");
            return;
        }
        self.out.push_str("<% ");
        self.macros += 1;
        self.open.push(Open::Macro(body, 0));
    }

    fn list(&mut self, list: Handle<crate::heap::List>, index: usize, vector: bool) -> Result {
        let readable = self.readable();
        if index > 0 && !readable {
            self.out.push_str("+! ");
        }
        match self.vm.heap.list(list).get(index) {
            Some(value) => {
                self.open.push(Open::List(list, index + 1, vector));
                self.element(*value)
            }
            None => {
                if readable {
                    self.out.push_str(if vector { "]] " } else { "] " });
                }
                Ok(())
            }
        }
    }

    fn set(&mut self, set: Handle<crate::heap::Set>, index: usize) -> Result {
        let readable = self.readable();
        if index > 0 && !readable {
            self.out.push_str("+! ");
        }
        match self.vm.heap.set(set).members.get_index(index) {
            Some(key) => {
                self.open.push(Open::Set(set, index + 1));
                self.element(key.value())
            }
            None => {
                if readable {
                    self.out.push_str(") ");
                }
                Ok(())
            }
        }
    }

    /// Entries are `key value` for people, `value key PUT` otherwise. `second`: the first of the
    /// two is written.
    fn map(&mut self, map: Handle<crate::heap::Map>, index: usize, second: bool) -> Result {
        let readable = self.readable();
        if index > 0 && !second {
            self.out.push_str(if readable { "\n" } else { "PUT " });
        }
        match self.vm.heap.map(map).entries.get_index(index) {
            Some((key, value)) => {
                let next = if second { index + 1 } else { index };
                self.open.push(Open::Map(map, next, !second));
                self.element(if readable == second { *value } else { key.value() })
            }
            None => {
                if readable {
                    self.out.push_str("} ");
                }
                Ok(())
            }
        }
    }

    fn body(&mut self, body: Handle<crate::macros::Macro>, index: usize) -> Result {
        let Some(instruction) = self.vm.heap.macro_(body).code.get(index) else {
            self.out.push_str("%> ");
            return Ok(());
        };
        self.macros += 1;
        self.open.push(Open::Macro(body, index + 1));
        let symbols = self.vm.symbols();
        match *instruction {
            Instruction::Push(Value::Word(word)) => self.reference(word.name),
            Instruction::Push(value) => return self.element(value),
            Instruction::Call(word) => self.word(word.name),
            Instruction::Apply(function) => {
                let name = crate::text::function_name(&self.vm.heap, function);
                self.word(&name);
            }
            Instruction::Load(symbol) => {
                self.string(symbols.name(symbol));
                self.out.push_str("LOAD ");
            }
            Instruction::Store(symbol) => {
                self.string(symbols.name(symbol));
                self.out.push_str("STORE ");
            }
            Instruction::Run(symbol) => {
                self.string(symbols.name(symbol));
                self.out.push_str("RUN ");
            }
            Instruction::PushRegister(n) => self.out.push_str(&format!("PUSHR{n} ")),
            Instruction::PopRegister(n) => self.out.push_str(&format!("POPR{n} ")),
        }
        Ok(())
    }

    /// A word inside a macro: by name, or by reference when the name cannot be written.
    fn word(&mut self, name: &str) {
        if name.contains(|c| c == '%' || c == '\'' || c < ' ') {
            self.reference(name);
            self.out.push_str("EVAL ");
        } else {
            self.out.push_str(name);
            self.out.push(' ');
        }
    }
}

/// Order preserving base 64.
fn opb64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        for place in 0..=chunk.len() {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(char::from(DIGITS[digit as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_preserving_base_64() {
        assert_eq!(opb64(b"abc"), "NL8Y");
        assert_eq!(opb64(b"a"), "NF");
        assert_eq!(opb64(b""), "");
    }
}
