//! Selectors as values: PARSESELECTOR, METAMATCH.

use weft_gts::Metadata;
use weft_gts::selector::Selector;

use super::params;
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::machine::Machine;
use crate::value::Value;

pub(super) fn parse_selector(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a String on top of the stack.")?;
    let (class, labels) = params::parse_selector(&text)
        .map_err(|fault| fault.wrap(format!("{} could not parse input.", vm.word.name)))?;
    let mut map = Map::default();
    for (name, selector) in labels.iter() {
        let value = vm.heap.string(selector)?;
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.push_string(class)?;
    vm.push_map(map)
}

pub(super) fn meta_match(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a STRING selector.")?;
    let selector = Selector::parse(&text, vm.config.absent_labels)
        .map_err(|error| Fault::text(error.to_string().trim_start().to_owned()))?;
    let top = vm.pop()?;
    if let Some(metadata) = metadata(vm, top) {
        return vm.push(selector.matches(metadata));
    }
    let Some(list) = top.as_list() else {
        return Err(vm.error("operates on a GTS or ENCODER or a list thereof."));
    };
    let inputs = vm.heap.list(list).clone();
    vm.charge(inputs.len() * 16);
    let mut results = Vec::with_capacity(inputs.len());
    for input in inputs {
        let Some(metadata) = metadata(vm, input) else {
            return Err(
                vm.error("can only be applied to a LIST containing GTS or ENCODER elements.")
            );
        };
        results.push(Value::Boolean(selector.matches(metadata)));
    }
    vm.push_list(results)
}

/// The metadata of a series or an encoder.
pub(super) fn metadata(vm: &Machine, value: Value) -> Option<&Metadata> {
    match value {
        Value::Gts(gts) => Some(&vm.heap.gts(gts).series.metadata),
        Value::Encoder(encoder) => Some(&vm.heap.encoder(encoder).metadata),
        _ => None,
    }
}
