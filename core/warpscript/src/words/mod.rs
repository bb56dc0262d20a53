//! The words, by family.

mod aggregators;
mod capabilities;
mod control;
pub(crate) mod frameworks;
mod limits;
mod lists;
mod literals;
pub(crate) mod macros;
mod operators;
pub(crate) mod points;
mod series;
mod stack;
pub(crate) mod variables;

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;

/// All families. A new module is one line here.
#[rustfmt::skip]
pub(crate) const FAMILIES: &[&Family] = &[
    &aggregators::FAMILY,
    &capabilities::FAMILY,
    &control::FAMILY,
    &frameworks::FAMILY,
    &limits::FAMILY,
    &lists::FAMILY,
    &literals::FAMILY,
    &operators::ARITHMETIC,
    &operators::BITS,
    &operators::COMPARISON,
    &operators::CONSTANTS,
    &operators::LOGIC,
    &series::FAMILY,
    &stack::FAMILY,
    &variables::FAMILY,
];

/// What runs when no word does.
pub(crate) static NOTHING: Word = word("", |_| Ok(()), "", "", "", &[]);

/// The script that makes a series or encoder again: `'…' UNWRAP `.
pub(crate) fn wrapped(_vm: &Machine, value: Value) -> Result<String> {
    Err(Fault::text(format!("{value:?} cannot be written as a script.")))
}
