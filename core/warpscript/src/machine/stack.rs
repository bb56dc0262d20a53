//! The stack, and how words take typed arguments from it.

use std::sync::Arc;

use super::Machine;
use crate::error::{Fault, Kind, Result};
use crate::heap::{Bytes, Encoder, Gts, List, Map, Set, Text};
use crate::macros::Macro;
use crate::value::{Handle, Value};

impl Machine {
    /// How many values are visible.
    #[inline]
    pub fn depth(&self) -> usize {
        self.stack.len() - self.hidden
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// When the stack is as deep as the limit allows.
    #[inline]
    pub fn push(&mut self, value: impl Into<Value>) -> Result {
        if self.stack.len() as i64 >= self.limits.depth {
            return Err(self.too_deep());
        }
        self.stack.push(value.into());
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> Fault {
        Fault::text(format!(
            "Stack depth would exceed set limit of {}. Consider raising the limit or using \
             capabilities.",
            self.limits.depth
        ))
    }

    /// Pushes a STRING.
    ///
    /// # Errors
    /// When memory or the stack's depth is used up.
    pub fn push_string(&mut self, text: impl Into<Text>) -> Result {
        let value = self.heap.string(text)?;
        self.push(value)
    }

    /// Pushes a LIST.
    ///
    /// # Errors
    /// When memory or the stack's depth is used up.
    pub fn push_list(&mut self, values: List) -> Result {
        let value = self.heap.new_list(values)?;
        self.push(value)
    }

    /// Pushes a MAP.
    ///
    /// # Errors
    /// When memory or the stack's depth is used up.
    pub fn push_map(&mut self, map: Map) -> Result {
        let map = self.heap.alloc_map(map)?;
        self.push(Value::Map(map))
    }

    /// Takes the top.
    ///
    /// # Errors
    /// When there is nothing visible.
    #[inline]
    pub fn pop(&mut self) -> Result<Value> {
        if self.stack.len() <= self.hidden {
            return Err(Fault::empty_stack());
        }
        self.stack.pop().ok_or_else(Fault::empty_stack)
    }

    /// Looks at the value `level` below the top (0 is the top).
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn peek(&self, level: usize) -> Result<Value> {
        if level >= self.depth() {
            return Err(if self.depth() == 0 { Fault::empty_stack() } else { Fault::bounds() });
        }
        Ok(self.stack[self.stack.len() - 1 - level])
    }

    /// Takes `count` values, bottom first.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn pop_many(&mut self, count: usize) -> Result<Vec<Value>> {
        if count > self.depth() {
            return Err(Fault::bounds());
        }
        self.heap.claim_values(count)?;
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// The visible values, bottom first.
    pub fn visible(&self) -> &[Value] {
        &self.stack[self.hidden..]
    }

    /// The visible values, bottom first, to move them about.
    pub fn visible_mut(&mut self) -> &mut [Value] {
        &mut self.stack[self.hidden..]
    }

    /// Cuts the visible stack to `depth` values.
    pub fn truncate(&mut self, depth: usize) {
        self.stack.truncate(self.hidden + depth);
    }

    /// Takes a LONG; otherwise fails with `NAME message`, as all of these do.
    ///
    /// # Errors
    /// When the top is something else, or missing.
    #[inline]
    pub fn pop_long(&mut self, message: &str) -> Result<i64> {
        match self.pop()? {
            Value::Long(v) => Ok(v),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a DOUBLE.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_double(&mut self, message: &str) -> Result<f64> {
        match self.pop()? {
            Value::Double(v) => Ok(v),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a LONG or DOUBLE, as a double.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_number(&mut self, message: &str) -> Result<f64> {
        self.pop()?.as_f64().ok_or_else(|| self.error(message))
    }

    /// Takes a BOOLEAN.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_boolean(&mut self, message: &str) -> Result<bool> {
        match self.pop()? {
            Value::Boolean(v) => Ok(v),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a STRING.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_text(&mut self, message: &str) -> Result<Text> {
        match self.pop()? {
            Value::String(text) => Ok(Arc::clone(self.heap.text(text))),
            _ => Err(self.error(message)),
        }
    }

    /// Takes BYTES.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_bytes(&mut self, message: &str) -> Result<Bytes> {
        match self.pop()? {
            Value::Bytes(bytes) => Ok(Arc::clone(self.heap.bytes(bytes))),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a LIST or VLIST.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_list(&mut self, message: &str) -> Result<Handle<List>> {
        self.pop()?.as_list().ok_or_else(|| self.error(message))
    }

    /// Takes a MAP.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_map(&mut self, message: &str) -> Result<Handle<Map>> {
        match self.pop()? {
            Value::Map(map) => Ok(map),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a SET.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_set(&mut self, message: &str) -> Result<Handle<Set>> {
        match self.pop()? {
            Value::Set(set) => Ok(set),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a MACRO.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_macro(&mut self, message: &str) -> Result<Handle<Macro>> {
        match self.pop()? {
            Value::Macro(body) => Ok(body),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a GTS.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_gts(&mut self, message: &str) -> Result<Handle<Gts>> {
        match self.pop()? {
            Value::Gts(gts) => Ok(gts),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a GTSENCODER.
    ///
    /// # Errors
    /// As [`Machine::pop_long`].
    pub fn pop_encoder(&mut self, message: &str) -> Result<Handle<Encoder>> {
        match self.pop()? {
            Value::Encoder(encoder) => Ok(encoder),
            _ => Err(self.error(message)),
        }
    }

    /// Takes a count of levels as the stack words do: a number that Java would cast to an int.
    ///
    /// # Errors
    /// When the top is no number.
    pub fn pop_count(&mut self) -> Result<i32> {
        match self.pop()? {
            Value::Long(v) => Ok(v as i32),
            Value::Double(v) => Ok(v as i32),
            _ => Err(Fault::kind(Kind::Cast, "Not a number.")),
        }
    }

    /// The text of a value that is a STRING.
    pub fn as_text(&self, value: Value) -> Option<&Text> {
        match value {
            Value::String(text) => Some(self.heap.text(text)),
            _ => None,
        }
    }
}
