//! Functions as values: what BUCKETIZE, MAP, REDUCE, APPLY, FILTER and FILL are given.

use std::sync::Arc;

use weft_gts::{Labels, Value as PointValue};

use crate::error::Result;
use crate::machine::Machine;
use crate::macros::Macro;
use crate::value::{Handle, Value};

/// What a function value can do. Parameters given on the stack (`5 mapper.gt`) are kept in
/// [`Function::parameters`](crate::heap::Function) and handed to the code.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Runs a macro under a name that `DEF` gave it.
    Defined(Handle<Macro>),
    /// Fails with "NAME is undefined.": a word that `NULL … DEF` took away.
    Undefined,
    /// Reduces a window to one point: mappers, bucketizers, reducers.
    Aggregator(&'static Aggregator),
    /// Chooses among series.
    Filter(Filter),
    /// Makes the values of missing points.
    Filler(&'static Filler),
    /// Combines the values of several series at one tick (`op.add`).
    Operator(&'static Aggregator),
}

/// Code that reduces a window of points to one.
#[derive(Debug)]
pub struct Aggregator {
    /// MAP takes it.
    pub mapper: bool,
    /// BUCKETIZE takes it.
    pub bucketizer: bool,
    /// REDUCE takes it.
    pub reducer: bool,
    /// The code; its second argument holds the function's parameters.
    pub run: fn(&mut Machine, &Window<'_>, &[Value]) -> Result<Point>,
}

/// Code that chooses among series: takes the series of one class of equivalence, answers with
/// those to keep. The second argument holds the parameters, the third the labels.
pub type Filter = fn(&mut Machine, &[Value], &Labels, &[Value]) -> Result<Vec<Value>>;

/// Code that fills one missing point from its neighbours.
#[derive(Debug)]
pub struct Filler {
    /// How many points before and after the gap it wants.
    pub window: (usize, usize),
    /// The code.
    pub run: Fill,
}

/// Makes the point at a tick from the points before it and after it (nearest first) and the
/// parameters.
pub type Fill = fn(&mut Machine, i64, &[Point], &[Point], &[Value]) -> Result<Point>;

/// The points that an aggregator sees.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// The tick of the output.
    pub tick: i64,
    /// Ticks of the input.
    pub ticks: &'a [i64],
    /// Positions, or nothing when none has one.
    pub locations: &'a [i64],
    /// Elevations, or nothing when none has one.
    pub elevations: &'a [i64],
    /// Values.
    pub values: Values<'a>,
    /// The series of each point (REDUCE, APPLY) or of all of them (MAP, BUCKETIZE).
    pub names: &'a [Arc<str>],
    /// Their labels, likewise.
    pub labels: &'a [Labels],
}

/// Values of a window, by type.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// All LONG.
    Long(&'a [i64]),
    /// All DOUBLE.
    Double(&'a [f64]),
    /// All BOOLEAN.
    Boolean(&'a [bool]),
    /// All STRING.
    String(&'a [Arc<str>]),
    /// Of any type, with holes where a series has no value at the tick.
    Any(&'a [Option<PointValue>]),
}

/// One point, as an aggregator answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its tick.
    pub tick: i64,
    /// HHCode, or [`weft_gts::NO_LOCATION`].
    pub location: i64,
    /// Elevation, or [`weft_gts::NO_ELEVATION`].
    pub elevation: i64,
    /// The value; `None` makes no point.
    pub value: Option<PointValue>,
}

impl Role {
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        if let Self::Defined(body) = self {
            visit(Value::Macro(*body));
        }
    }

    /// The name that TYPEOF gives.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Defined(_) | Self::Undefined => "FUNCTION",
            Self::Aggregator(_) => "AGGREGATOR",
            Self::Filter(_) => "FILTER",
            Self::Filler(_) => "FILLER",
            Self::Operator(_) => "OPERATOR",
        }
    }
}
