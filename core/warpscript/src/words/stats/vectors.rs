//! The stack as others describe it.

use crate::error::Result;
use crate::machine::Machine;
use crate::value::Value;

pub(super) fn pig_schema(vm: &mut Machine) -> Result {
    let mut schema = String::from("(");
    vm.charge(vm.depth());
    for (index, value) in vm.visible().iter().rev().enumerate() {
        let kind = match value {
            Value::Long(_) => "long",
            Value::Double(_) => "double",
            Value::Decimal(_) => "bigdecimal",
            Value::String(_) => "chararray",
            Value::Boolean(_) => "boolean",
            Value::Vector(_) | Value::Set(_) => "bag{}",
            Value::List(_) => "tuple:()",
            Value::Map(_) => "map:[]",
            _ => "bytearray",
        };
        match index {
            0 => schema.push_str("top"),
            _ => schema.push_str(&format!(", l{}", index + 1)),
        }
        schema.push_str(": ");
        schema.push_str(kind);
    }
    schema.push(')');
    vm.push_string(schema)
}
