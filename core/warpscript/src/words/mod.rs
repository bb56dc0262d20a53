//! The words, by family.

pub(crate) mod control;
pub(crate) mod macros;
mod stack;

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;

/// All families. A new module is one line here.
pub(crate) const FAMILIES: &[&Family] = &[&stack::FAMILY, &control::FAMILY];

/// What runs when no word does.
pub(crate) static NOTHING: Word = word("", |_| Ok(()), "", "", "", &[]);

/// The script that makes a series or encoder again: `'…' UNWRAP `.
pub(crate) fn wrapped(_vm: &Machine, value: Value) -> Result<String> {
    Err(Fault::text(format!(
        "{value:?} cannot be written as a script."
    )))
}
