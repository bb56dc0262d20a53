//! The words, by family.

mod aggregators;
mod apply_operators;
mod bigdec;
mod call;
mod capabilities;
mod chronos;
mod concurrent;
pub(crate) mod control;
mod conversions;
pub(crate) mod counters;
mod crypto;
mod dates;
mod drawing;
mod fillers;
pub(crate) mod filters;
pub(crate) mod frameworks;
mod geo;
mod guard;
mod housekeeping;
mod interpolators;
mod kv;
mod legacy;
mod limits;
mod lists;
mod literals;
pub(crate) mod macros;
mod manip;
mod mappers;
mod maths;
mod misc;
mod operators;
mod pickle;
mod platform;
pub(crate) mod points;
mod random;
mod rewrite;
mod scripts;
mod secure;
mod series;
mod session;
pub(crate) mod shared;
mod snapshot;
mod stack;
mod stats;
pub(crate) mod store;
mod subsequences;
mod switches;
mod texts;
pub(crate) mod variables;
mod wavelets;
pub(crate) mod wrap;

use crate::registry::{Family, Word, word};

/// All families. A new module is one line here.
#[rustfmt::skip]
pub(crate) const FAMILIES: &[&Family] = &[
    &aggregators::bucketizers::FAMILY,
    &aggregators::legacy::FAMILY,
    &aggregators::mappers::FAMILY,
    &aggregators::reducers::FAMILY,
    &apply_operators::FAMILY,
    &bigdec::FAMILY,
    &capabilities::FAMILY,
    &chronos::FAMILY,
    &concurrent::FAMILY,
    &control::FAMILY,
    &conversions::FAMILY,
    &counters::FAMILY,
    &crypto::DIGESTS,
    &crypto::FAMILY,
    &dates::FAMILY,
    &drawing::COLORS,
    &drawing::PICTURES,
    &drawing::SHAPES,
    &drawing::STATE,
    &fillers::FAMILY,
    &filters::BY_METADATA,
    &filters::BY_VALUE,
    &filters::FAMILY,
    &filters::LATENCIES,
    &frameworks::FAMILY,
    &geo::BUFFER,
    &geo::CELLS,
    &geo::CODES,
    &geo::COVER,
    &geo::MAPPERS,
    &geo::PACK,
    &geo::SHAPES,
    &geo::TRANSLATE,
    &guard::FAMILY,
    &housekeeping::FAMILY,
    &interpolators::FAMILY,
    &kv::FAMILY,
    &legacy::FAMILY,
    &limits::FAMILY,
    &lists::FAMILY,
    &literals::FAMILY,
    &manip::FAMILY,
    &mappers::CALENDAR,
    &mappers::COMPARE,
    &mappers::CONVERT,
    &mappers::KERNEL,
    &mappers::NUMBERS,
    &mappers::TEXT,
    &maths::FAMILY,
    &misc::FAMILY,
    &operators::ARITHMETIC,
    &operators::BITS,
    &operators::COMPARISON,
    &operators::CONSTANTS,
    &operators::LOGIC,
    &pickle::FAMILY,
    &platform::FAMILY,
    &random::FAMILY,
    &rewrite::FAMILY,
    &scripts::FAMILY,
    &secure::FAMILY,
    &series::FAMILY,
    &session::FAMILY,
    &shared::FAMILY,
    &snapshot::FAMILY,
    &stack::FAMILY,
    &stats::FAMILY,
    &store::FAMILY,
    &subsequences::FAMILY,
    &switches::FAMILY,
    &texts::FAMILY,
    &variables::FAMILY,
    &wavelets::FAMILY,
    &wrap::FAMILY,
];

pub(crate) use capabilities::add as add_capability;

/// What runs when no word does.
pub(crate) static NOTHING: Word = word("", |_| Ok(()), "", "", "", &[]);
