//! The words, by family.

mod aggregators;
mod apply_operators;
mod bigdec;
mod capabilities;
mod control;
mod conversions;
mod fillers;
pub(crate) mod filters;
pub(crate) mod frameworks;
mod limits;
mod lists;
mod literals;
pub(crate) mod macros;
mod mappers;
mod operators;
pub(crate) mod points;
mod random;
mod series;
mod stack;
pub(crate) mod variables;
pub(crate) mod wrap;

use crate::registry::{Family, Word, word};

/// All families. A new module is one line here.
#[rustfmt::skip]
pub(crate) const FAMILIES: &[&Family] = &[
    &aggregators::bucketizers::FAMILY,
    &aggregators::mappers::FAMILY,
    &aggregators::reducers::FAMILY,
    &apply_operators::FAMILY,
    &bigdec::FAMILY,
    &capabilities::FAMILY,
    &control::FAMILY,
    &conversions::FAMILY,
    &fillers::FAMILY,
    &filters::BY_METADATA,
    &filters::BY_VALUE,
    &filters::FAMILY,
    &filters::LATENCIES,
    &frameworks::FAMILY,
    &limits::FAMILY,
    &lists::FAMILY,
    &literals::FAMILY,
    &mappers::CALENDAR,
    &mappers::COMPARE,
    &mappers::CONVERT,
    &mappers::KERNEL,
    &mappers::NUMBERS,
    &mappers::TEXT,
    &operators::ARITHMETIC,
    &operators::BITS,
    &operators::COMPARISON,
    &operators::CONSTANTS,
    &operators::LOGIC,
    &random::FAMILY,
    &series::FAMILY,
    &stack::FAMILY,
    &variables::FAMILY,
    &wrap::FAMILY,
];

/// What runs when no word does.
pub(crate) static NOTHING: Word = word("", |_| Ok(()), "", "", "", &[]);
