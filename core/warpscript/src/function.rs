//! Functions as values: what BUCKETIZE, MAP, REDUCE, APPLY, FILTER and FILL are given.

use std::sync::Arc;

use weft_gts::{
    Columns, Labels, NO_ELEVATION, NO_LOCATION, PointRef, Value as PointValue, ValueRef,
};

use crate::error::Result;
use crate::heap::Gts;
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
    /// Does what one of the above does by running a macro (`MACROMAPPER`).
    Macro(Handle<Macro>, Purpose),
    /// Runs with its parameters when it is evaluated (`POLYFUNC`).
    Applied(&'static Applied),
    /// Wraps the aggregator that is its first parameter and runs it under a condition
    /// (`STRICTMAPPER`, `STRICTREDUCER`).
    Strict(Condition),
}

/// What a macro is used for as a function value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `MACROMAPPER`, `MACROBUCKETIZER`, `MACROREDUCER`: one and the same.
    Aggregator,
    /// `MACROFILTER`.
    Filter,
    /// `MACROFILLER`, with how many points before and after a gap it wants.
    Filler(usize, usize),
}

/// When a strict aggregator lets the one it wraps run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The count of points, or for negative numbers the time they span, lies between two bounds:
    /// the parameters after the aggregator, 0 for no bound.
    Extent,
    /// No value is missing.
    Complete,
}

/// Writes the script that makes a function with these parameters.
pub type Snapshot = fn(&Machine, &[Value]) -> Result<String>;

/// What a function value that runs can do.
#[derive(Debug)]
pub struct Applied {
    /// The code; it takes the stack and the function's parameters.
    pub run: fn(&mut Machine, &[Value]) -> Result,
    /// What it does as a mapper or reducer, if it is one.
    pub mapper: Option<&'static Aggregator>,
    /// The script that makes it again, where that is not its parameters and its name.
    pub snapshot: Option<Snapshot>,
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
    pub run: Aggregate,
    /// The same for many windows of one series at once, faster.
    pub bulk: Option<Bulk>,
}

/// Reduces one window; the last argument holds the function's parameters.
pub type Aggregate = fn(&mut Machine, &Window<'_>, &[Value]) -> Result<Point>;

/// Reduces many windows of points: see [`Bulk`].
pub type ReduceMany = fn(&Columns, &[(usize, usize)]) -> Option<Columns>;

/// Code for many windows of one series.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Reduces windows `(first, end)` of indices into points in order of time, none of them empty,
    /// and answers with one value for each, with its position and elevation at the same index (or
    /// empty columns when there are none). What is said of empty windows, that they make no point,
    /// holds for such code.
    ///
    /// `None`: not for these points, whatever the windows; one window at a time then.
    pub run: ReduceMany,
    /// Whether overlapping windows of these points cost the same, however wide they are.
    pub is_sliding: fn(&Columns) -> bool,
}

impl Aggregator {
    /// For MAP alone.
    pub const fn mapper(run: Aggregate) -> Self {
        Self { mapper: true, bucketizer: false, reducer: false, run, bulk: None }
    }

    /// For REDUCE alone.
    pub const fn reducer(run: Aggregate) -> Self {
        Self { mapper: false, bucketizer: false, reducer: true, run, bulk: None }
    }

    /// For MAP and REDUCE.
    pub const fn mapper_reducer(run: Aggregate) -> Self {
        Self { mapper: true, bucketizer: false, reducer: true, run, bulk: None }
    }

    /// For MAP, BUCKETIZE and REDUCE.
    pub const fn shared(run: Aggregate) -> Self {
        Self { mapper: true, bucketizer: true, reducer: true, run, bulk: None }
    }

    /// For APPLY.
    pub const fn operator(run: Aggregate) -> Self {
        Self { mapper: false, bucketizer: false, reducer: false, run, bulk: None }
    }

    /// With code for many windows at once.
    #[must_use]
    pub const fn with_bulk(self, bulk: Bulk) -> Self {
        Self { bulk: Some(bulk), ..self }
    }
}

/// Prepares code that chooses among series, from the filter's parameters.
pub type Filter = fn(&mut Machine, &[Value]) -> Result<Selection>;

/// Code that chooses among series: takes those of one class of equivalence by the collection that
/// they come from, and the labels they have in common; answers with those to keep.
pub type Selection =
    Box<dyn FnMut(&mut Machine, &[Vec<Handle<Gts>>], &Labels) -> Result<Vec<Value>>>;

/// Code that fills gaps of a series, in one way or in both.
///
/// Where both would do, FILL takes `near` to fill two series from each other, else `whole`.
#[derive(Clone, Copy, Debug)]
pub struct Filler {
    /// Fills a gap from its neighbours.
    pub near: Option<Near>,
    /// Fills gaps from all that is known of the series.
    pub whole: Option<Whole>,
}

/// Code that fills one gap from its neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    /// How many points before and after the gap it wants.
    pub window: (usize, usize),
    /// The code.
    pub run: Fill,
}

/// Makes the point at a tick from the points before it and after it, both oldest first and `None`
/// where there are not as many as wanted, and the parameters.
pub type Fill =
    fn(&mut Machine, i64, &[Option<PointRef>], &[Option<PointRef>], &[Value]) -> Result<Point>;

/// Prepares a curve through the points of a series, oldest first, from the filler's parameters.
pub type Whole = fn(&mut Machine, &Columns, &[Value]) -> Result<Box<dyn Curve>>;

/// A curve through the points of a series.
pub trait Curve: Send {
    /// Does a part of what must be done before the curve can be asked; `true` when all is done.
    ///
    /// # Errors
    /// When memory is used up.
    fn prepare(&mut self, _vm: &mut Machine) -> Result<bool> {
        Ok(true)
    }

    /// The point at a tick; one without a value where the curve has none; `None` where nothing
    /// may be filled in.
    fn at(&mut self, vm: &mut Machine, tick: i64) -> Option<Point>;
}

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
    /// In MAP the index of the point at the tick of the output, -1 when there is none; of
    /// duplicates the one whose turn it is.
    pub index: Option<i64>,
}

impl Window<'_> {
    /// How many points there are.
    pub const fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The position at `index`, [`weft_gts::NO_LOCATION`] when it has none.
    pub fn location(&self, index: usize) -> i64 {
        self.locations.get(index).copied().unwrap_or(NO_LOCATION)
    }

    /// The elevation at `index`, [`weft_gts::NO_ELEVATION`] when it has none.
    pub fn elevation(&self, index: usize) -> i64 {
        self.elevations.get(index).copied().unwrap_or(NO_ELEVATION)
    }

    /// The value at `index`, borrowed; `None` where it is missing.
    #[inline]
    pub fn at(&self, index: usize) -> Option<ValueRef<'_>> {
        self.values.at(index)
    }

    /// The value at `index`; `None` where it is missing.
    pub fn value(&self, index: usize) -> Option<PointValue> {
        self.values.get(index)
    }
}

impl Values<'_> {
    /// The value at `index`, borrowed; `None` where it is missing.
    #[inline]
    pub fn at(&self, index: usize) -> Option<ValueRef<'_>> {
        match self {
            Self::Long(v) => v.get(index).map(|v| ValueRef::Long(*v)),
            Self::Double(v) => v.get(index).map(|v| ValueRef::Double(*v)),
            Self::Boolean(v) => v.get(index).map(|v| ValueRef::Boolean(*v)),
            Self::String(v) => v.get(index).map(|v| ValueRef::String(v)),
            Self::Any(v) => v.get(index)?.as_ref().map(ValueRef::from),
        }
    }

    /// The value at `index`; `None` where it is missing.
    pub fn get(&self, index: usize) -> Option<PointValue> {
        match self {
            Self::Long(v) => v.get(index).map(|v| PointValue::Long(*v)),
            Self::Double(v) => v.get(index).map(|v| PointValue::Double(*v)),
            Self::Boolean(v) => v.get(index).map(|v| PointValue::Boolean(*v)),
            Self::String(v) => v.get(index).map(|v| PointValue::String(v.clone())),
            Self::Any(v) => v.get(index).cloned().flatten(),
        }
    }
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

impl Point {
    /// A point with a value and nothing else.
    pub const fn new(tick: i64, value: PointValue) -> Self {
        Self { tick, location: NO_LOCATION, elevation: NO_ELEVATION, value: Some(value) }
    }

    /// No point, said of a tick.
    pub const fn none(tick: i64) -> Self {
        Self { tick, location: NO_LOCATION, elevation: NO_ELEVATION, value: None }
    }
}

impl Role {
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        if let Self::Defined(body) | Self::Macro(body, _) = self {
            visit(Value::Macro(*body));
        }
    }

    /// The name that TYPEOF gives.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Defined(_) | Self::Undefined | Self::Applied(Applied { mapper: None, .. }) => {
                "FUNCTION"
            }
            // An operator is an aggregator to the reference, whatever it answers for one.
            Self::Aggregator(_)
            | Self::Applied(_)
            | Self::Operator(_)
            | Self::Strict(_)
            | Self::Macro(_, Purpose::Aggregator) => "AGGREGATOR",
            Self::Filter(_) | Self::Macro(_, Purpose::Filter) => "FILTER",
            Self::Filler(_) | Self::Macro(_, Purpose::Filler(..)) => "FILLER",
        }
    }
}
