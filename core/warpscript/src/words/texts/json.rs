//! ->JSON and JSON->, in slices.

use std::any::Any;

use num_bigint::BigInt;

use crate::error::{Fault, Kind, Result};
use crate::heap::{Key, List, Map, Object, Text};
use crate::json::JsonWriter;
use crate::machine::{Flow, Machine, Task};
use crate::value::Value;

/// How many bytes are written between two looks at the budget.
const PIECE: usize = 16 << 10;

struct Write {
    writer: JsonWriter,
    out: Vec<u8>,
}

impl Task for Write {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        loop {
            let before = self.out.len();
            let done = self.writer.write(vm, &mut self.out, PIECE)?;
            vm.charge((self.out.len() - before) / 4);
            vm.heap.claim(self.out.len().saturating_mul(2))?;
            if self.out.len() as u64 > u64::try_from(vm.limits.json).unwrap_or(u64::MAX) {
                let cause = Fault::text("Resulting JSON is too big.");
                return Err(cause.wrap("->JSON failed with to convert to JSON."));
            }
            if done {
                let out = std::mem::take(&mut self.out);
                let text = String::from_utf8(out).map_err(|_| vm.error("made no UTF-8."))?;
                vm.push_string(text)?;
                return Ok(Flow::Done);
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.writer.trace(visit);
    }
}

pub(super) fn to_json(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let writer = JsonWriter::value(value, vm.json_format());
    vm.push_task(Write { writer, out: Vec::new() })
}

/// A LONG beyond 64 bits: JSON-> makes them, and they can be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LargeLong(BigInt);

impl Object for LargeLong {
    fn type_name(&self) -> &'static str {
        "LONG"
    }

    fn footprint(&self) -> usize {
        self.0.bits() as usize / 8 + 8
    }

    fn json(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn same(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A collection that is being read.
enum Open {
    List(List),
    /// Entries so far, and the key whose value comes next.
    Map(Map, Option<Key>),
}

/// Reads JSON. Missing values of lists and maps are NULL, `NaN` and `Infinity` are numbers, and
/// what follows the first value is of no interest.
struct Reader {
    text: Text,
    at: usize,
    open: Vec<Open>,
}

/// What was found where a value may stand.
enum Found {
    Value(Value),
    Opened,
}

impl Reader {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault(&self, what: &str) -> Fault {
        let before = &self.bytes()[..self.at.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
        Fault::kind(Kind::Argument, format!("{what} at line: {line}, column: {column}"))
    }

    fn unexpected(&self) -> Fault {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => self.fault(&format!("Unexpected character ('{c}' (code {}))", c as u32)),
            None => self.fault("Unexpected end-of-input"),
        }
    }

    /// Reads until the outermost value is complete; `None` when out of fuel before.
    fn run(&mut self, vm: &mut Machine) -> Result<Option<Value>> {
        loop {
            if vm.should_yield() {
                return Ok(None);
            }
            let start = self.at;
            let mut done = match self.open.last() {
                Some(Open::Map(_, None)) => self.key(vm)?,
                _ => match self.value(vm)? {
                    Found::Value(value) => Some(value),
                    Found::Opened => self.end_if_empty(vm)?,
                },
            };
            vm.charge((self.at - start) / 4 + 4);
            while let Some(value) = done.take() {
                match self.open.last_mut() {
                    None => return Ok(Some(value)),
                    Some(Open::List(list)) => {
                        if list.len() == list.capacity() {
                            vm.heap.claim_values(list.len())?;
                        }
                        list.push(value);
                    }
                    Some(Open::Map(map, key)) => {
                        if let Some(key) = key.take() {
                            map.entries.insert(key, value);
                        }
                    }
                }
                done = self.separator(vm)?;
            }
        }
    }

    /// A key and the colon behind it, or the end of the map.
    fn key(&mut self, vm: &mut Machine) -> Result<Option<Value>> {
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let name = self.string()?;
        let name = vm.heap.text_key(&name)?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        if let Some(Open::Map(_, key)) = self.open.last_mut() {
            *key = Some(name);
        }
        Ok(None)
    }

    /// What follows a value inside of a collection: another one, or the end.
    fn separator(&mut self, vm: &mut Machine) -> Result<Option<Value>> {
        if self.open.is_empty() {
            return Ok(None);
        }
        self.skip_blanks();
        let end = if matches!(self.open.last(), Some(Open::List(_))) { b']' } else { b'}' };
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(None)
            }
            Some(c) if c == end => self.close(vm).map(Some),
            _ => Err(self.unexpected()),
        }
    }

    /// Closes a collection that was just opened, if it is empty.
    fn end_if_empty(&mut self, vm: &mut Machine) -> Result<Option<Value>> {
        self.skip_blanks();
        match (self.open.last(), self.peek()) {
            (Some(Open::List(_)), Some(b']')) | (Some(Open::Map(..)), Some(b'}')) => {
                self.close(vm).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn close(&mut self, vm: &mut Machine) -> Result<Value> {
        self.at += 1;
        match self.open.pop() {
            Some(Open::List(list)) => vm.heap.new_list(list),
            Some(Open::Map(map, _)) => Ok(Value::Map(vm.heap.alloc_map(map)?)),
            None => Ok(Value::Null),
        }
    }

    fn value(&mut self, vm: &mut Machine) -> Result<Found> {
        self.skip_blanks();
        let Some(byte) = self.peek() else {
            let what = if self.open.is_empty() {
                "No content to map due to end-of-input"
            } else {
                "Unexpected end-of-input"
            };
            return Err(self.fault(what));
        };
        let value = match byte {
            b'[' | b'{' => {
                self.at += 1;
                vm.heap.claim((self.open.len() + 1).saturating_mul(size_of::<Open>()))?;
                self.open.push(match byte {
                    b'[' => Open::List(List::new()),
                    _ => Open::Map(Map::default(), None),
                });
                return Ok(Found::Opened);
            }
            b'"' => {
                let text = self.string()?;
                vm.heap.string(text)?
            }
            b'0'..=b'9' | b'-' => self.number(vm)?,
            b',' if !self.open.is_empty() => Value::Null,
            b']' if matches!(self.open.last(), Some(Open::List(_))) => Value::Null,
            _ => self.word()?,
        };
        Ok(Found::Value(value))
    }

    /// `true`, `null`, `NaN` and the like.
    fn word(&mut self) -> Result<Value> {
        const WORDS: [(&str, Value); 8] = [
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
            ("null", Value::Null),
            ("NaN", Value::Double(f64::NAN)),
            ("Infinity", Value::Double(f64::INFINITY)),
            ("INF", Value::Double(f64::INFINITY)),
            ("+INF", Value::Double(f64::INFINITY)),
            ("+Infinity", Value::Double(f64::INFINITY)),
        ];
        let rest = &self.bytes()[self.at..];
        let found = WORDS.iter().find(|(word, _)| rest.starts_with(word.as_bytes()));
        let (word, value) = found.ok_or_else(|| self.unexpected())?;
        let behind = rest.get(word.len()).copied().unwrap_or(b' ');
        if behind.is_ascii_alphanumeric() || behind == b'_' || behind == b'$' || behind >= 0x80 {
            return Err(self.fault("Unrecognized token"));
        }
        let value = *value;
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self, vm: &mut Machine) -> Result<Value> {
        let text = Text::clone(&self.text);
        let start = self.at;
        let rest = &text[start..];
        if rest.starts_with("-INF") || rest.starts_with("-Infinity") {
            self.at += if rest.starts_with("-INF") { 4 } else { 9 };
            return Ok(Value::Double(f64::NEG_INFINITY));
        }
        self.at += usize::from(rest.starts_with('-'));
        let first = self.peek();
        if self.digits() == 0 {
            return Err(self.unexpected());
        }
        if first == Some(b'0') && self.at - start > 1 + usize::from(rest.starts_with('-')) {
            return Err(self.fault("Invalid numeric value: Leading zeroes not allowed"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.fault("Decimal point not followed by a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(self.fault("Exponent indicator not followed by a digit"));
            }
        }
        let outermost = self.open.is_empty();
        if outermost && !matches!(self.peek(), None | Some(b' ' | b'\t' | b'\n' | b'\r')) {
            return Err(self.fault("Expected space separating root-level values"));
        }
        let digits = &text[start..self.at];
        if !whole {
            return Ok(Value::Double(digits.parse().unwrap_or(f64::NAN)));
        }
        match digits.parse() {
            Ok(number) => Ok(Value::Long(number)),
            Err(_) => large(vm, digits),
        }
    }

    /// Skips digits; how many there were.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < b' ');
            let Some(plain) = plain else {
                self.at = self.text.len();
                return Err(self.fault("Unexpected end-of-input: was expecting closing quote"));
            };
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                _ => return Err(self.fault("Illegal unquoted character")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result {
        let Some(byte) = self.peek() else {
            return Err(self.fault("Unexpected end-of-input in an escape sequence"));
        };
        self.at += 1;
        out.push(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => {
                self.at -= 1;
                return Err(self.fault("Unrecognized character escape"));
            }
        });
        Ok(())
    }

    /// The character of `\uXXXX`, or of a pair of them; half a pair is U+FFFD.
    fn unicode(&mut self) -> Result<char> {
        let unit = self.unit(self.at)?;
        self.at += 4;
        if (0xd800..0xdc00).contains(&unit) && self.bytes()[self.at..].starts_with(b"\\u") {
            let low = self.unit(self.at + 2)?;
            if (0xdc00..0xe000).contains(&low) {
                self.at += 6;
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
        }
        Ok(char::from_u32(unit).unwrap_or('\u{fffd}'))
    }

    fn unit(&self, at: usize) -> Result<u32> {
        let digits = self.bytes().get(at..at + 4).unwrap_or_default();
        let valid = digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| valid);
        let unit = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        unit.ok_or_else(|| self.fault("expected a hex-digit for character escape sequence"))
    }
}

/// An integer of more than 64 bits. Reading one takes time in the square of its length.
fn large(vm: &mut Machine, digits: &str) -> Result<Value> {
    const DIGITS_MAX: usize = 100_000;
    if digits.len() > DIGITS_MAX {
        return Err(Fault::text("A number of JSON has too many digits."));
    }
    vm.charge(digits.len() * digits.len() / 512);
    match BigInt::parse_bytes(digits.as_bytes(), 10) {
        Some(number) => vm.heap.new_object(LargeLong(number)),
        None => Ok(Value::Null),
    }
}

impl Task for Reader {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        match self.run(vm).map_err(|f| f.wrap("JSON-> failed to parse JSON"))? {
            Some(value) => {
                vm.push(value)?;
                Ok(Flow::Done)
            }
            None => Ok(Flow::Again),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        for open in &self.open {
            match open {
                Open::List(list) => list.iter().for_each(|v| visit(*v)),
                Open::Map(map, key) => {
                    key.iter().for_each(|k| visit(k.value()));
                    for (key, value) in &map.entries {
                        visit(key.value());
                        visit(*value);
                    }
                }
            }
        }
    }
}

pub(super) fn from_json(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a string on top of the stack.")?;
    vm.push_task(Reader { text, at: 0, open: Vec::new() })
}
