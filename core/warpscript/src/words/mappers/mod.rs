//! Mappers that look at one value, compare, smooth, or take a time apart.

mod calendar;
mod compare;
mod convert;
mod kernel;
mod numbers;
mod text;

use weft_gts::{Value as PointValue, ValueRef};

use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::machine::Machine;
use crate::registry::{Word, function, word};

pub(super) use calendar::FAMILY as CALENDAR;
pub(super) use compare::FAMILY as COMPARE;
pub(super) use convert::FAMILY as CONVERT;
pub(super) use kernel::FAMILY as KERNEL;
pub(super) use numbers::{FAMILY as NUMBERS, round};
pub(super) use text::FAMILY as TEXT;

/// A script and its answer.
type Example = &'static [(&'static str, &'static str)];

/// A mapper without parameters.
const fn mapper(
    name: &'static str,
    aggregator: &'static Aggregator,
    since: &'static str,
    doc: &'static str,
    examples: Example,
) -> Word {
    function(name, Role::Aggregator(aggregator), since, name, doc, examples)
}

/// A word that makes a mapper of its parameters.
const fn maker(
    name: &'static str,
    make: fn(&mut Machine) -> Result,
    since: &'static str,
    signatures: &'static str,
    doc: &'static str,
    examples: Example,
) -> Word {
    word(name, make, since, signatures, doc, examples)
}

/// The one value of a window; `None` when the window is empty.
///
/// # Errors
/// When there are several.
fn single<'a>(vm: &Machine, window: &'a Window<'_>) -> Result<Option<ValueRef<'a>>> {
    if window.len() > 1 {
        return Err(vm.error("can only be applied to a single value."));
    }
    Ok(window.at(0))
}

/// The point of a window of one, with another value.
fn with_value(window: &Window<'_>, value: impl Into<Option<PointValue>>) -> Point {
    Point {
        tick: window.tick,
        location: window.location(0),
        elevation: window.elevation(0),
        value: value.into(),
    }
}

/// A LONG or DOUBLE.
#[derive(Clone, Copy)]
enum Number {
    Long(i64),
    Double(f64),
}

impl Number {
    const fn double(self) -> f64 {
        match self {
            Self::Long(v) => v as f64,
            Self::Double(v) => v,
        }
    }

    const fn long(self) -> i64 {
        match self {
            Self::Long(v) => v,
            Self::Double(v) => v as i64,
        }
    }
}

/// The one number of a window; `None` when the window is empty.
///
/// # Errors
/// When there are several values, or another type.
fn single_number(vm: &Machine, window: &Window<'_>) -> Result<Option<Number>> {
    match single(vm, window)? {
        None => Ok(None),
        Some(ValueRef::Long(v)) => Ok(Some(Number::Long(v))),
        Some(ValueRef::Double(v)) => Ok(Some(Number::Double(v))),
        Some(_) => Err(vm.error("can only be applied to LONG or DOUBLE values.")),
    }
}

/// A value that Java would fail to cast.
fn bad_cast() -> Fault {
    Fault::kind(Kind::Cast, "A value has another type than is needed.")
}
