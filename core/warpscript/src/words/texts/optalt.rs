//! REOPTALT: alternatives as one short regular expression.
//!
//! Strings are grouped by the longest prefixes that tell no more of them apart than first
//! characters do; what follows a prefix is treated the same way. Where what follows is of one
//! length, a common end is taken out. Alternatives of single characters become a class.

use std::collections::BTreeSet;

use crate::error::{Fault, Result};
use crate::heap::Text;
use crate::machine::Machine;
use crate::text::to_text;
use crate::value::Value;

/// How often alternatives may branch one after the other.
const DEPTH_MAX: usize = 200;

type Units = Vec<u16>;

pub(super) fn reoptalt(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list of strings on top of the stack.")?;
    let mut alternatives = Vec::new();
    let mut size = 0;
    for value in vm.heap.list(list).clone() {
        let text: Text = match value {
            Value::String(text) => Text::clone(vm.heap.text(text)),
            other => to_text(vm, other)?.into(),
        };
        size += text.len();
        vm.heap.claim(size.saturating_mul(16))?;
        alternatives.push(text.encode_utf16().collect());
    }
    vm.charge(size * 8);
    let pattern = join_alternatives(alternatives, 0)?;
    vm.push_string(String::from_utf16_lossy(&pattern))
}

fn join_alternatives(alternatives: Vec<Units>, depth: usize) -> Result<Units> {
    if depth > DEPTH_MAX {
        return Err(Fault::text("REOPTALT was given alternatives that branch too often."));
    }
    match &alternatives[..] {
        [] => return Ok(Units::new()),
        [only] => return Ok(escape(only)),
        _ => (),
    }
    let mut unique: BTreeSet<Units> = alternatives.into_iter().collect();
    let has_empty = unique.remove(&Units::new());
    let sorted: Vec<Units> = unique.into_iter().collect();
    if sorted.is_empty() {
        return Ok(Units::new());
    }
    let length = prefix_length(&sorted);
    let mut out: Units = "(".encode_utf16().collect();
    if has_empty {
        out.push(u16::from(b'|'));
    }
    for (index, group) in sorted.chunk_by(|a, b| a[..length] == b[..length]).enumerate() {
        if index > 0 {
            out.push(u16::from(b'|'));
        }
        out.extend(escape(&group[0][..length]));
        let mut rest: Vec<Units> = group.iter().map(|text| text[length..].to_vec()).collect();
        let end = take_common_end(&mut rest);
        out.extend(join_alternatives(rest, depth + 1)?);
        out.extend(escape(&end));
    }
    out.push(u16::from(b')'));
    Ok(as_class(&out).unwrap_or(out))
}

/// The longest length of prefixes that makes as few groups as first characters do.
fn prefix_length(sorted: &[Units]) -> usize {
    let shortest = sorted.iter().map(Vec::len).min().unwrap_or(0);
    let groups = |length: usize| sorted.chunk_by(|a, b| a[..length] == b[..length]).count();
    let fewest = groups(1.min(shortest));
    (1..=shortest).take_while(|length| groups(*length) == fewest).last().unwrap_or(shortest)
}

/// Takes the end away that texts of one length share; one unit at least stays.
fn take_common_end(texts: &mut [Units]) -> Units {
    let length = texts[0].len();
    if texts.len() < 2 || length == 0 || texts.iter().any(|text| text.len() != length) {
        return Units::new();
    }
    let first = &texts[0];
    let common = (1..length)
        .take_while(|back| texts.iter().all(|t| t[length - back] == first[length - back]))
        .last()
        .unwrap_or(0);
    let end = first[length - common..].to_vec();
    texts.iter_mut().for_each(|text| text.truncate(length - common));
    end
}

/// `(a|b|c)` as `[abc]`; `None` when the alternatives are not single units.
fn as_class(pattern: &[u16]) -> Option<Units> {
    let (bar, dash) = (u16::from(b'|'), u16::from(b'-'));
    let inner = &pattern[1..pattern.len() - 1];
    let bars = inner.iter().filter(|unit| **unit == bar).count();
    let at_odd_places = inner.iter().step_by(2).all(|unit| *unit != bar);
    let single = inner.len().saturating_sub(1) / 2 == bars;
    if !at_odd_places || !single || inner.contains(&dash) {
        return None;
    }
    let mut class = vec![u16::from(b'[')];
    class.extend(inner.iter().filter(|unit| **unit != bar));
    class.push(u16::from(b']'));
    Some(class)
}

fn escape(units: &[u16]) -> Units {
    let mut out = Units::with_capacity(units.len());
    for unit in units {
        if u8::try_from(*unit).is_ok_and(|byte| b"[]{}()|.?+*".contains(&byte)) {
            out.push(u16::from(b'\\'));
        }
        out.push(*unit);
    }
    out
}
