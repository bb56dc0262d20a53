//! What BUCKETIZE, MAP, REDUCE and APPLY are given: library code, a macro, perhaps under conditions.

use std::sync::Arc;

use weft_gts::{Column, Columns, Labels, Value as PointValue};

use crate::error::Result;
use crate::function::{Aggregator, Applied, Condition, Point, Purpose, Role, Values, Window};
use crate::machine::Machine;
use crate::macros::Macro;
use crate::registry::{Action, Word};
use crate::value::{Handle, Value};
use crate::words::points;

/// Which framework asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Map,
    Bucketize,
    Reduce,
    Apply,
}

/// Code that reduces windows.
#[derive(Clone, Debug)]
pub(crate) enum Code {
    /// Of the library, with its parameters.
    Native(&'static Aggregator, Option<&'static Word>, Vec<Value>),
    /// A macro that takes the points as a list of eight (`MACROMAPPER`).
    Lists(Handle<Macro>),
    /// A bare macro: it takes the points as a series.
    Series(Handle<Macro>),
}

/// A condition with its bounds.
#[derive(Clone, Copy, Debug)]
enum Guard {
    Complete,
    Extent(i64, i64),
}

/// Code, and the conditions under which it runs.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    pub(crate) code: Code,
    guards: Vec<Guard>,
    value: Value,
}

impl Callee {
    /// What a value can do for a framework; `None` when it is nothing for it.
    pub(crate) fn find(vm: &Machine, value: Value, purpose: Use) -> Option<Self> {
        let mut guards = Vec::new();
        let mut inner = value;
        let code = loop {
            let (role, word, parameters) = match inner {
                // A bare macro only as it is: what is strict about it is part of the macro.
                Value::Macro(body) if guards.is_empty() => break Code::Series(body),
                Value::Word(word) => match word.action {
                    Action::Push(role) => (role, Some(word), &[][..]),
                    Action::Run(_) => return None,
                },
                Value::Function(h) => {
                    let function = vm.heap.function(h);
                    (function.role, function.word, &function.parameters[..])
                }
                _ => return None,
            };
            match role {
                Role::Aggregator(a) if fits(a, purpose) => {
                    break Code::Native(a, word, parameters.to_vec());
                }
                Role::Applied(Applied { mapper: Some(a), .. }) if fits(a, purpose) => {
                    break Code::Native(a, word, parameters.to_vec());
                }
                Role::Operator(a) if purpose == Use::Apply => {
                    break Code::Native(a, word, parameters.to_vec());
                }
                Role::Macro(body, Purpose::Aggregator) if purpose != Use::Apply => {
                    break Code::Lists(body);
                }
                Role::Strict(Condition::Complete) if purpose == Use::Reduce => {
                    guards.push(Guard::Complete);
                }
                Role::Strict(Condition::Extent) if purpose == Use::Map => {
                    let bound = |i: usize| parameters.get(i).and_then(|v| v.as_i64()).unwrap_or(0);
                    guards.push(Guard::Extent(bound(1), bound(2)));
                }
                _ => return None,
            }
            inner = *parameters.first()?;
        };
        Some(Self { code, guards, value })
    }

    /// The macro to run, if it is one.
    pub(crate) const fn body(&self) -> Option<Handle<Macro>> {
        match self.code {
            Code::Lists(body) | Code::Series(body) => Some(body),
            Code::Native(..) => None,
        }
    }

    /// Names what it holds.
    pub(crate) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        // The value it was made from holds everything.
        visit(self.value);
    }

    /// Whether there are conditions.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.guards.is_empty()
    }

    /// Whether the conditions let these ticks pass (all values are there).
    pub(crate) fn allows_ticks(&self, ticks: &[i64]) -> bool {
        self.guards.iter().all(|guard| match *guard {
            Guard::Complete => true,
            Guard::Extent(min, max) => extent_allows(ticks, min, max),
        })
    }

    /// Whether the conditions let a window pass.
    pub(crate) fn allows(&self, window: &Window<'_>) -> bool {
        let holes = match window.values {
            Values::Any(values) => values.iter().any(Option::is_none),
            _ => false,
        };
        let complete = !holes || !self.guards.iter().any(|g| matches!(g, Guard::Complete));
        complete && self.allows_ticks(window.ticks)
    }

    /// Runs library code on a window that the conditions let pass.
    pub(crate) fn run(&self, vm: &mut Machine, window: &Window<'_>) -> Result<Point> {
        let Code::Native(aggregator, word, parameters) = &self.code else {
            return Ok(Point::none(window.tick));
        };
        let framework = vm.word;
        vm.word = word.unwrap_or(framework);
        let point = (aggregator.run)(vm, window, parameters)?;
        vm.word = framework;
        Ok(point)
    }
}

const fn fits(aggregator: &Aggregator, purpose: Use) -> bool {
    match purpose {
        Use::Map => aggregator.mapper,
        Use::Bucketize => aggregator.bucketizer,
        Use::Reduce => aggregator.reducer,
        Use::Apply => false,
    }
}

/// Whether a count of points, or the time they span, lies between two bounds.
pub(crate) fn extent_allows(ticks: &[i64], min: i64, max: i64) -> bool {
    let count = ticks.len() as i64;
    let span = match (ticks.first(), ticks.last()) {
        (Some(first), Some(last)) => last.wrapping_sub(*first).wrapping_add(1),
        _ => 0,
    };
    let low = (min > 0 && count < min) || (min < 0 && span < min.saturating_neg());
    let high = (max > 0 && count > max) || (max < 0 && span > max.saturating_neg());
    !low && !high
}

/// The values of points as a window sees them.
pub(crate) fn values_of(column: &Column, first: usize, end: usize) -> Values<'_> {
    match column {
        Column::Long(v) => Values::Long(&v[first..end]),
        Column::Double(v) => Values::Double(&v[first..end]),
        Column::Boolean(v) => Values::Boolean(&v[first..end]),
        Column::String(v) => Values::String(&v[first..end]),
        Column::Empty | Column::Mixed(_) => Values::Any(&[]),
    }
}

/// A stretch of an optional column.
pub(crate) fn stretch(column: &[i64], first: usize, end: usize) -> &[i64] {
    if column.is_empty() { &[] } else { &column[first..end] }
}

/// The window over the points from `first` to before `end` of one series.
pub(crate) fn window_of<'a>(
    points: &'a Columns,
    (first, end): (usize, usize),
    tick: i64,
    names: &'a [Arc<str>],
    labels: &'a [Labels],
) -> Window<'a> {
    Window {
        tick,
        ticks: &points.ticks[first..end],
        locations: stretch(&points.locations, first, end),
        elevations: stretch(&points.elevations, first, end),
        values: values_of(&points.values, first, end),
        names,
        labels,
        index: None,
    }
}

/// Pushes a window as the list of eight that a `MACROMAPPER` macro takes. `names` and `labels` are
/// values already: one for each, or one to be repeated `repeat` times.
pub(crate) fn push_lists(
    vm: &mut Machine,
    window: &Window<'_>,
    names: Vec<Value>,
    labels: Vec<Value>,
) -> Result {
    let count = window.len();
    vm.charge(count * 6);
    vm.heap.claim_values(count * 6)?;
    let names = vm.heap.new_list(names)?;
    let labels = vm.heap.new_list(labels)?;
    let ticks = window.ticks.iter().map(|t| Value::Long(*t)).collect();
    let ticks = vm.heap.new_list(ticks)?;
    let (mut latitudes, mut longitudes) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut elevations = Vec::with_capacity(count);
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        let (latitude, longitude) = points::location_values(window.location(index));
        latitudes.push(latitude);
        longitudes.push(longitude);
        elevations.push(points::elevation_value(window.elevation(index)));
        values.push(match window.value(index) {
            Some(value) => points::from_point(vm, &value)?,
            None => Value::Null,
        });
    }
    let latitudes = vm.heap.new_list(latitudes)?;
    let longitudes = vm.heap.new_list(longitudes)?;
    let elevations = vm.heap.new_list(elevations)?;
    let values = vm.heap.new_list(values)?;
    let tick = Value::Long(window.tick);
    vm.push_list(vec![tick, names, labels, ticks, latitudes, longitudes, elevations, values])
}

/// A value of the language as a value of a series: `None` for NULL, [`PointValue::Deleted`] for
/// what no series holds.
pub(crate) fn point_value(vm: &Machine, value: Value) -> Option<PointValue> {
    match value {
        Value::Null => None,
        value => Some(points::to_point(vm, value).unwrap_or(PointValue::Deleted)),
    }
}
