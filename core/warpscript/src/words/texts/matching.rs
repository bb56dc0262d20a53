//! MATCH, MATCHER, REPLACE and REPLACEALL.

use std::any::Any;

use crate::error::{Fault, Result};
use crate::heap::{List, Object, Text};
use crate::machine::Machine;
use crate::regex::Regex;
use crate::text::to_text;
use crate::value::Value;

/// A MATCHER.
#[derive(Clone, Debug)]
struct Matcher(Regex);

impl Object for Matcher {
    fn type_name(&self) -> &'static str {
        "MATCHER"
    }

    fn footprint(&self) -> usize {
        self.0.pattern.len() * 32 + 1024
    }

    fn snapshot(&self) -> Option<String> {
        let mut script = "'".to_owned();
        crate::literal::escape_readable(&mut script, &self.0.pattern);
        script.push_str("' MATCHER ");
        Some(script)
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

pub(super) fn match_(vm: &mut Machine) -> Result {
    let regex = match vm.pop()? {
        Value::String(pattern) => {
            let pattern = Text::clone(vm.heap.text(pattern));
            compile(vm, &pattern)?
        }
        Value::Object(object) => match vm.heap.object::<Matcher>(object) {
            Some(matcher) => matcher.0.clone(),
            None => return Err(no_pattern(vm)),
        },
        _ => return Err(no_pattern(vm)),
    };
    let text = vm.pop_text("can only be applied to a string.")?;
    vm.charge(text.len() / 4);
    let mut groups = List::new();
    if let Some(captures) = regex.match_whole(&text)? {
        for group in captures.iter() {
            groups.push(match group {
                Some(group) => vm.heap.string(group.as_str())?,
                None => Value::Null,
            });
        }
    }
    vm.push_list(groups)
}

fn no_pattern(vm: &Machine) -> Fault {
    vm.error("regular expression MUST be a string, a compiled pattern or a matcher.")
}

fn compile(vm: &mut Machine, pattern: &str) -> Result<Regex> {
    vm.charge(pattern.len() * 64);
    Regex::new(pattern)
}

pub(super) fn matcher(vm: &mut Machine) -> Result {
    let pattern = vm.pop_text("expects a STRING.")?;
    let regex = compile(vm, &pattern)?;
    let matcher = vm.heap.new_object(Matcher(regex))?;
    vm.push(matcher)
}

/// REPLACE and REPLACEALL: any values, as text.
pub(super) fn replace(vm: &mut Machine) -> Result {
    let all = vm.word.name == "REPLACEALL";
    let replacement = pop_as_text(vm)?;
    let pattern = pop_as_text(vm)?;
    let text = pop_as_text(vm)?;
    let regex = compile(vm, &pattern)?;
    vm.charge(text.len());
    let limit = vm.heap.limit().saturating_sub(vm.heap.used());
    let replaced = regex.replace(&text, &replacement, all, limit)?;
    vm.push_string(replaced)
}

fn pop_as_text(vm: &mut Machine) -> Result<Text> {
    match vm.pop()? {
        Value::Null => Err(Fault::null()),
        Value::String(text) => Ok(Text::clone(vm.heap.text(text))),
        other => Ok(to_text(vm, other)?.into()),
    }
}
