//! JSON output, in pieces.
//!
//! As the reference writes it: non-ASCII as `\uXXXX`, bare `NaN` and `Infinity` unless strict,
//! doubles in Java's layout. A [`JsonWriter`] holds its place in nested values itself, so nothing
//! recurses, and a large result can be streamed: call [`JsonWriter::write`] again and again.

use std::ops::Range;

use weft_gts::double::write_double;
use weft_gts::text::NumberLine;
pub(crate) use weft_gts::text::write_long;
use weft_gts::{Column, Columns, Labels, Metadata, NO_ELEVATION, NO_LOCATION};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Encoder, Gts, List, Map, Set};
use crate::machine::Machine;
use crate::position;
use crate::snapshot::{self, Style};
use crate::value::{Handle, Value};

/// How deeply collections may be nested in JSON; the reference ends at some thousands, with its stack.
const NESTING_MAX: usize = 1 << 16;

/// How JSON is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// NaN and infinities as strings.
    pub strict: bool,
    /// For people.
    pub pretty: bool,
}

/// A collection that is being written, and how far.
#[derive(Clone, Copy, Debug)]
enum Open {
    List(Handle<List>, usize),
    Map(Handle<Map>, usize),
    Set(Handle<Set>, usize),
    Gts(Handle<Gts>, usize),
    Encoder(Handle<Encoder>, usize),
    /// The visible stack, from the top.
    Stack(usize),
}

/// Writes one value, or the whole stack.
#[derive(Debug)]
pub struct JsonWriter {
    format: Format,
    open: Vec<Open>,
    start: Option<Value>,
    /// How many objects are open, for indentation.
    objects: usize,
}

/// How many datapoints are written between two looks at the budget.
const POINTS_PER_STEP: usize = 1024;

impl JsonWriter {
    /// Will write one value.
    pub fn value(value: Value, format: Format) -> Self {
        Self { format, open: Vec::new(), start: Some(value), objects: 0 }
    }

    /// Will write the visible stack as the body of `/api/v0/exec`: a list, top first.
    pub fn stack(format: Format) -> Self {
        Self { format, open: vec![Open::Stack(0)], start: None, objects: 0 }
    }

    /// Names the values that are being written.
    pub fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.start.iter().for_each(|v| visit(*v));
        for open in &self.open {
            match *open {
                Open::List(h, _) => visit(Value::List(h)),
                Open::Map(h, _) => visit(Value::Map(h)),
                Open::Set(h, _) => visit(Value::Set(h)),
                Open::Gts(h, _) => visit(Value::Gts(h)),
                Open::Encoder(h, _) => visit(Value::Encoder(h)),
                Open::Stack(_) => (),
            }
        }
    }

    /// Appends about `budget` bytes to `out`; `true` when all is written.
    ///
    /// # Errors
    /// When a value cannot be written.
    pub fn write(&mut self, vm: &Machine, out: &mut Vec<u8>, budget: usize) -> Result<bool> {
        let end = out.len().saturating_add(budget);
        if let Some(value) = self.start.take() {
            self.element(vm, out, value)?;
        }
        while out.len() < end {
            let Some(open) = self.open.pop() else {
                return Ok(true);
            };
            if self.open.len() >= NESTING_MAX {
                // A collection that holds itself has no end.
                return Err(Fault::text(format!(
                    "Recursive data structures exceeded {NESTING_MAX} levels."
                )));
            }
            match open {
                Open::List(list, index) => self.list(vm, out, list, index)?,
                Open::Set(set, index) => self.set(vm, out, set, index)?,
                Open::Map(map, index) => self.map(vm, out, map, index)?,
                Open::Stack(index) => self.level(vm, out, index)?,
                Open::Gts(gts, index) => {
                    let next = self.points(&vm.heap.gts(gts).series.points, out, index);
                    self.open.extend(next.map(|i| Open::Gts(gts, i)));
                }
                Open::Encoder(encoder, index) => {
                    let next = self.points(&vm.heap.encoder(encoder).points, out, index);
                    self.open.extend(next.map(|i| Open::Encoder(encoder, i)));
                }
            }
        }
        Ok(self.open.is_empty())
    }

    /// Writes a simple value, or opens a collection.
    fn element(&mut self, vm: &Machine, out: &mut Vec<u8>, value: Value) -> Result {
        match value {
            Value::Null | Value::Mark => out.extend(b"null"),
            Value::Boolean(v) => out.extend(boolean(v)),
            Value::Long(v) => write_long(out, v),
            Value::Double(v) => self.double(out, v),
            Value::String(text) => write_string(out, vm.heap.text(text)),
            Value::Bytes(bytes) => write_latin1(out, vm.heap.bytes(bytes)),
            Value::Decimal(d) => out.extend(crate::decimal::to_text(vm.heap.decimal(d)).bytes()),
            Value::List(list) | Value::Vector(list) => self.open.push(Open::List(list, 0)),
            Value::Set(set) => self.open.push(Open::Set(set, 0)),
            Value::Map(map) => {
                out.push(b'{');
                self.objects += 1;
                self.open.push(Open::Map(map, 0));
            }
            Value::Gts(gts) => {
                self.metadata(out, &vm.heap.gts(gts).series.metadata);
                self.open.push(Open::Gts(gts, 0));
            }
            Value::Encoder(encoder) => {
                self.metadata(out, &vm.heap.encoder(encoder).metadata);
                self.open.push(Open::Encoder(encoder, 0));
            }
            Value::Macro(_) | Value::Word(_) | Value::Function(_) => {
                let text = snapshot::value(vm, value, Style::default())?;
                write_string(out, text.trim_end());
            }
            Value::Object(object) => match vm.heap.any_object(object).json() {
                Some(text) => out.extend(text.bytes()),
                None => out.extend(b"null"),
            },
        }
        Ok(())
    }

    fn list(
        &mut self,
        vm: &Machine,
        out: &mut Vec<u8>,
        list: Handle<List>,
        mut index: usize,
    ) -> Result {
        // Numbers in a row need no frame each.
        loop {
            let Some(value) = vm.heap.list(list).get(index) else {
                self.end_array(out, index);
                return Ok(());
            };
            self.before_item(out, index);
            index += 1;
            match *value {
                Value::Long(v) => write_long(out, v),
                Value::Double(v) => self.double(out, v),
                other => {
                    self.open.push(Open::List(list, index));
                    return self.element(vm, out, other);
                }
            }
            if index.is_multiple_of(POINTS_PER_STEP) {
                self.open.push(Open::List(list, index));
                return Ok(());
            }
        }
    }

    fn set(&mut self, vm: &Machine, out: &mut Vec<u8>, set: Handle<Set>, index: usize) -> Result {
        match vm.heap.set(set).members.get_index(index) {
            Some(key) => {
                self.before_item(out, index);
                self.open.push(Open::Set(set, index + 1));
                self.element(vm, out, key.value())
            }
            None => {
                self.end_array(out, index);
                Ok(())
            }
        }
    }

    fn level(&mut self, vm: &Machine, out: &mut Vec<u8>, index: usize) -> Result {
        // The outer list is not pretty-printed.
        if index == 0 {
            out.push(b'[');
        }
        match vm.peek(index) {
            Ok(value) => {
                if index > 0 {
                    out.push(b',');
                }
                self.open.push(Open::Stack(index + 1));
                self.element(vm, out, value)
            }
            Err(_) => {
                out.push(b']');
                Ok(())
            }
        }
    }

    fn map(&mut self, vm: &Machine, out: &mut Vec<u8>, map: Handle<Map>, index: usize) -> Result {
        match vm.heap.map(map).entries.get_index(index) {
            Some((key, value)) => {
                self.before_field(out, index);
                match key.as_text() {
                    Some(text) => write_string(out, text),
                    None => write_string(out, &crate::text::to_text(vm, key.value())?),
                }
                self.colon(out);
                self.open.push(Open::Map(map, index + 1));
                self.element(vm, out, *value)
            }
            None => {
                self.end_object(out, index);
                Ok(())
            }
        }
    }

    /// `{"c":…,"l":…,"a":…,"la":…,"v":` of a series.
    fn metadata(&mut self, out: &mut Vec<u8>, metadata: &Metadata) {
        out.push(b'{');
        self.objects += 1;
        self.field(out, 0, "c");
        write_string(out, metadata.class());
        self.field(out, 1, "l");
        self.labels(out, &metadata.labels);
        self.field(out, 2, "a");
        self.labels(out, &metadata.attributes);
        self.field(out, 3, "la");
        write_long(out, metadata.last_activity.unwrap_or(0));
        self.field(out, 4, "v");
    }

    fn labels(&mut self, out: &mut Vec<u8>, labels: &Labels) {
        out.push(b'{');
        self.objects += 1;
        let ordered = crate::words::points::labels_like(labels, labels.len());
        for (index, (name, value)) in ordered.iter().enumerate() {
            self.field(out, index, name);
            write_string(out, value);
        }
        self.end_object(out, labels.len());
    }

    /// Writes some points; the index to go on at, or `None` at the end.
    fn points(&mut self, points: &Columns, out: &mut Vec<u8>, from: usize) -> Option<usize> {
        let to = points.len().min(from + POINTS_PER_STEP);
        if !self.numbers(points, out, from..to) {
            for index in from..to {
                self.before_item(out, index);
                self.point(points, out, index);
            }
        }
        if to < points.len() {
            return Some(to);
        }
        self.end_array(out, points.len());
        self.end_object(out, 1);
        None
    }

    /// Writes points that are numbers without places, each in one go. `false`: they are others, and
    /// nothing is written.
    fn numbers(&self, points: &Columns, out: &mut Vec<u8>, range: Range<usize>) -> bool {
        if self.format != Format::default()
            || !points.locations.is_empty()
            || !points.elevations.is_empty()
        {
            return false;
        }
        let ticks = &points.ticks[range.clone()];
        match &points.values {
            Column::Long(values) => {
                write_numbers(out, range.start, ticks, &values[range], NumberLine::put_long);
            }
            Column::Double(values) => {
                write_numbers(out, range.start, ticks, &values[range], NumberLine::put_double);
            }
            _ => return false,
        }
        true
    }

    fn point(&self, points: &Columns, out: &mut Vec<u8>, index: usize) {
        self.before_item(out, 0);
        write_long(out, points.ticks[index]);
        let location = points.location(index);
        if location != NO_LOCATION {
            let (lat, lon) = position::from_location(location);
            self.comma(out);
            self.double(out, lat);
            self.comma(out);
            self.double(out, lon);
        }
        let elevation = points.elevation(index);
        if elevation != NO_ELEVATION {
            self.comma(out);
            write_long(out, elevation);
        }
        self.comma(out);
        match &points.values {
            Column::Empty => out.extend(b"null"),
            Column::Long(v) => write_long(out, v[index]),
            Column::Double(v) => self.double(out, v[index]),
            Column::Boolean(v) => out.extend(boolean(v[index])),
            Column::String(v) => write_string(out, &v[index]),
            Column::Mixed(v) => self.point_value(out, &v[index]),
        }
        self.end_array(out, 1);
    }

    fn point_value(&self, out: &mut Vec<u8>, value: &weft_gts::Value) {
        match value {
            weft_gts::Value::Long(v) => write_long(out, *v),
            weft_gts::Value::Double(v) => self.double(out, *v),
            weft_gts::Value::Decimal(v) => self.double(out, v.to_f64()),
            weft_gts::Value::Boolean(v) => out.extend(boolean(*v)),
            weft_gts::Value::String(v) => write_string(out, v),
            weft_gts::Value::Bytes(v) => write_latin1(out, v),
            weft_gts::Value::Deleted => out.extend(b"null"),
        }
    }

    fn double(&self, out: &mut Vec<u8>, value: f64) {
        if self.format.strict && !value.is_finite() {
            out.push(b'"');
            write_double(out, value);
            out.push(b'"');
        } else {
            write_double(out, value);
        }
    }

    /// Before an item of a list: opens the list or separates the items.
    fn before_item(&self, out: &mut Vec<u8>, index: usize) {
        out.push(if index == 0 { b'[' } else { b',' });
        if self.format.pretty {
            out.push(b' ');
        }
    }

    /// Closes a list of `count` items.
    fn end_array(&self, out: &mut Vec<u8>, count: usize) {
        if count == 0 {
            out.push(b'[');
        }
        if self.format.pretty {
            out.push(b' ');
        }
        out.push(b']');
    }

    fn comma(&self, out: &mut Vec<u8>) {
        self.before_item(out, 1);
    }

    fn field(&self, out: &mut Vec<u8>, index: usize, name: &str) {
        self.before_field(out, index);
        write_string(out, name);
        self.colon(out);
    }

    fn colon(&self, out: &mut Vec<u8>) {
        let colon: &[u8] = if self.format.pretty { b" : " } else { b":" };
        out.extend(colon);
    }

    fn before_field(&self, out: &mut Vec<u8>, index: usize) {
        if index > 0 {
            out.push(b',');
        }
        self.indent(out, self.objects);
    }

    fn end_object(&mut self, out: &mut Vec<u8>, count: usize) {
        self.objects -= 1;
        if count > 0 {
            self.indent(out, self.objects);
        } else if self.format.pretty {
            out.push(b' ');
        }
        out.push(b'}');
    }

    fn indent(&self, out: &mut Vec<u8>, depth: usize) {
        if self.format.pretty {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', 2 * depth));
        }
    }
}

impl Machine {
    /// How JSON is to be written, as words of the script chose.
    pub const fn json_format(&self) -> Format {
        Format { strict: self.settings.json_strict, pretty: self.settings.json_pretty }
    }

    /// The visible stack as the body of `/api/v0/exec`, at once. Servers stream with
    /// [`JsonWriter`] instead.
    ///
    /// # Errors
    /// When a value cannot be written.
    pub fn stack_json(&self) -> Result<String> {
        let mut out = Vec::new();
        JsonWriter::stack(self.json_format()).write(self, &mut out, usize::MAX)?;
        String::from_utf8(out).map_err(|_| Fault::kind(Kind::Script, "Output is no UTF-8."))
    }
}

/// Writes points from place `first` of a series on.
fn write_numbers<T: Copy>(
    out: &mut Vec<u8>,
    first: usize,
    ticks: &[i64],
    values: &[T],
    put: impl Fn(&mut NumberLine, T),
) {
    let mut line = NumberLine::default();
    for (place, (tick, value)) in (first..).zip(ticks.iter().zip(values)) {
        line.put(if place == 0 { b"[[" } else { b",[" });
        line.put_tick(*tick);
        line.put(b",");
        put(&mut line, *value);
        line.put(b"]");
        line.move_to(out);
    }
}

const fn boolean(v: bool) -> &'static [u8] {
    if v { b"true" } else { b"false" }
}

/// Appends a string literal, ASCII only.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        write_char(out, c);
    }
    out.push(b'"');
}

/// Appends bytes as the string whose characters they are.
fn write_latin1(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        write_char(out, char::from(*byte));
    }
    out.push(b'"');
}

fn write_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend(b"\\\""),
        '\\' => out.extend(b"\\\\"),
        '\u{8}' => out.extend(b"\\b"),
        '\u{c}' => out.extend(b"\\f"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        ' '..='\u{7f}' => out.push(c as u8),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend(format!("\\u{unit:04X}").bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Config;
    use crate::machine::{Clock, Run};

    #[test]
    fn a_collection_that_holds_itself_is_an_error() {
        for script in ["[ 1 ] DUP +!", "{} DUP 'self' PUT"] {
            let mut machine = Machine::new(Arc::new(Config::default()), script);
            assert!(matches!(machine.run(1_000, Clock::default(), [0; 32]), Run::Done));
            let error = machine.stack_json().map_err(|fault| format!("{fault:?}"));
            assert!(error.is_err_and(|fault| fault.contains("Recursive data")), "{script}");
        }
    }

    #[test]
    fn integers() {
        for value in [0, 7, -7, 10, 99, 100, 12345, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_long(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    #[test]
    fn strings_are_ascii() {
        let mut out = Vec::new();
        write_string(&mut out, "a\"é😀\u{1}\u{7f}");
        assert_eq!(out, b"\"a\\\"\\u00E9\\uD83D\\uDE00\\u0001\x7f\"");
    }
}
