//! Values as text: what TOSTRING, error messages and concatenation show.

use weft_gts::double::JavaDouble;

use crate::error::Result;
use crate::heap::{Function, Heap};
use crate::machine::Machine;
use crate::snapshot;
use crate::value::{Handle, Value};

/// How many bytes of a value an error message shows at most.
const DISPLAY_MAX: usize = 4096;

/// A value as error messages show it.
pub(crate) fn display(vm: &Machine, value: Value) -> String {
    let mut text = match to_text(vm, value) {
        Ok(text) => text,
        Err(_) => type_name(&vm.heap, value).to_owned(),
    };
    if text.len() > DISPLAY_MAX {
        text.truncate(text.floor_char_boundary(DISPLAY_MAX));
        text.push_str("...");
    }
    text
}

/// A value as Java's `toString` gives it: what concatenation and TOSTRING show.
///
/// # Errors
/// When the text is larger than memory allows, or collections are nested too deeply.
pub fn to_text(vm: &Machine, value: Value) -> Result<String> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(v) => v.to_string(),
        Value::Long(v) => v.to_string(),
        Value::Double(v) => JavaDouble(v).to_string(),
        Value::String(text) => vm.heap.text(text).to_string(),
        Value::Decimal(decimal) => crate::decimal::to_text(vm.heap.decimal(decimal)),
        Value::List(_) | Value::Vector(_) | Value::Map(_) | Value::Set(_) => nested(vm, value)?,
        other => {
            let mut text = snapshot::value(vm, other, snapshot::Style::default())?;
            text.truncate(text.trim_end().len());
            text
        }
    })
}

/// `[a, b]`, `{k=v}` of nested collections.
fn nested(vm: &Machine, value: Value) -> Result<String> {
    enum Item {
        Value(Value),
        Text(&'static str),
    }
    let mut out = String::new();
    let mut rest = vec![Item::Value(value)];
    while let Some(item) = rest.pop() {
        vm.heap.claim(out.len() + rest.len() * size_of::<Item>())?;
        let value = match item {
            Item::Text(text) => {
                out.push_str(text);
                continue;
            }
            Item::Value(value) => value,
        };
        match value {
            Value::List(list) | Value::Vector(list) => {
                out.push('[');
                rest.push(Item::Text("]"));
                for (index, value) in vm.heap.list(list).iter().enumerate().rev() {
                    rest.push(Item::Value(*value));
                    rest.extend((index > 0).then_some(Item::Text(", ")));
                }
            }
            Value::Set(set) => {
                out.push('[');
                rest.push(Item::Text("]"));
                for (index, key) in vm.heap.set(set).members.iter().enumerate().rev() {
                    rest.push(Item::Value(key.value()));
                    rest.extend((index > 0).then_some(Item::Text(", ")));
                }
            }
            Value::Map(map) => {
                out.push('{');
                rest.push(Item::Text("}"));
                for (index, (key, value)) in vm.heap.map(map).entries.iter().enumerate().rev() {
                    rest.push(Item::Value(*value));
                    rest.push(Item::Text("="));
                    rest.push(Item::Value(key.value()));
                    rest.extend((index > 0).then_some(Item::Text(", ")));
                }
            }
            simple => out.push_str(&to_text(vm, simple)?),
        }
    }
    Ok(out)
}

/// The name of a function value.
pub(crate) fn function_name(heap: &Heap, function: Handle<Function>) -> String {
    let function = heap.function(function);
    match (&function.name, function.word) {
        (Some(name), _) => name.to_string(),
        (None, Some(word)) => word.name.to_owned(),
        (None, None) => "?".to_owned(),
    }
}

/// The name that TYPEOF gives.
pub fn type_name(heap: &Heap, value: Value) -> &'static str {
    use crate::registry::Action;
    match value {
        Value::Null => "NULL",
        Value::Mark => "MARK",
        Value::Boolean(_) => "BOOLEAN",
        Value::Long(_) => "LONG",
        Value::Double(_) => "DOUBLE",
        Value::String(_) => "STRING",
        Value::Bytes(_) => "BYTES",
        Value::Decimal(_) => "BIGDECIMAL",
        Value::List(_) => "LIST",
        Value::Vector(_) => "VLIST",
        Value::Map(_) => "MAP",
        Value::Set(_) => "SET",
        Value::Gts(_) => "GTS",
        Value::Encoder(_) => "GTSENCODER",
        Value::Macro(_) => "MACRO",
        Value::Word(word) => match &word.action {
            Action::Run(_) => "FUNCTION",
            Action::Push(role) => role.type_name(),
        },
        Value::Function(h) => heap.function(h).role.type_name(),
        Value::Object(h) => heap.any_object(h).type_name(),
    }
}
