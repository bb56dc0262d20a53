//! Code that reduces windows, shared by mappers, bucketizers and reducers.
//!
//! One piece of code serves all three; what differs is how it treats missing values, which only
//! REDUCE has.

/// A script that maps a series of two points.
macro_rules! on_map {
    ($mapper:literal) => {
        concat!(
            "[ [ 1 2 ] [ 0 1 ] [ 0 1 ] [ 5 7 ] [ 4 8 ] MAKEGTS ",
            $mapper,
            " 1 0 0 ] MAP VALUES"
        )
    };
}

/// A script that puts three points into two buckets.
macro_rules! on_buckets {
    ($bucketizer:literal) => {
        concat!(
            "[ [ 1 2 3 ] [ ] [ ] [ ] [ 4 8 3 ] MAKEGTS ",
            $bucketizer,
            " 4 2 2 ] BUCKETIZE VALUES"
        )
    };
}

mod basic;
pub(super) mod bucketizers;
mod bulk;
pub(super) mod legacy;
mod logic;
pub(super) mod mappers;
mod motion;
mod ranked;
pub(super) mod reducers;
mod spread;

use crate::error::Result;
use crate::function::{Aggregator, Role};
use crate::heap::Function;
use crate::machine::Machine;
use crate::value::Value;

static AND: Aggregator = Aggregator::shared(logic::and::<false>);
static AND_SKIP: Aggregator = Aggregator::shared(logic::and::<true>);
static ARGMAX: Aggregator = Aggregator::shared(logic::extreme_labels::<false>);
static ARGMIN: Aggregator = Aggregator::shared(logic::extreme_labels::<true>);
static CIRCULAR: Aggregator = Aggregator::shared(spread::circular::<true>);
static CIRCULAR_SKIP: Aggregator = Aggregator::shared(spread::circular::<false>);
static COUNT: Aggregator = Aggregator::shared(basic::count::<false>).with_bulk(bulk::COUNT);
static COUNT_SKIP: Aggregator = Aggregator::shared(basic::count::<true>).with_bulk(bulk::COUNT);
static COURSE: Aggregator = Aggregator::shared(motion::course);
static DELTA: Aggregator = Aggregator::shared(motion::delta);
static ENTROPY: Aggregator = Aggregator::shared(spread::entropy::<false>);
static ENTROPY_1: Aggregator = Aggregator::shared(spread::entropy::<true>);
static FIRST: Aggregator = Aggregator::shared(basic::first).with_bulk(bulk::FIRST);
static HDIST: Aggregator = Aggregator::shared(motion::hdist);
static HIGHEST: Aggregator = Aggregator::shared(ranked::elevated::<true>);
static HSPEED: Aggregator = Aggregator::shared(motion::hspeed);
static JOIN: Aggregator = Aggregator::shared(logic::joined::<true, false>);
static JOIN_ENCODED: Aggregator = Aggregator::shared(logic::joined::<false, true>);
static JOIN_FORBID: Aggregator = Aggregator::shared(logic::joined::<false, false>);
static LAST: Aggregator = Aggregator::shared(basic::last).with_bulk(bulk::LAST);
static LOWEST: Aggregator = Aggregator::shared(ranked::elevated::<false>);
static MAD: Aggregator = Aggregator::shared(ranked::deviation);
static MAX: Aggregator = Aggregator::shared(ranked::extreme::<true, true>).with_bulk(bulk::MAX);
static MAX_FORBID: Aggregator =
    Aggregator::shared(ranked::extreme::<true, false>).with_bulk(bulk::MAX);
static MEAN: Aggregator = Aggregator::shared(basic::mean::<false>).with_bulk(bulk::MEAN);
static MEAN_SKIP: Aggregator = Aggregator::shared(basic::mean::<true>).with_bulk(bulk::MEAN);
static MEDIAN: Aggregator = Aggregator::shared(ranked::median::<false>);
static MEDIAN_FORBID: Aggregator = Aggregator::shared(ranked::median::<true>);
static MIN: Aggregator = Aggregator::shared(ranked::extreme::<false, true>).with_bulk(bulk::MIN);
static MIN_FORBID: Aggregator =
    Aggregator::shared(ranked::extreme::<false, false>).with_bulk(bulk::MIN);
static OR: Aggregator = Aggregator::shared(logic::or::<false>);
static OR_SKIP: Aggregator = Aggregator::shared(logic::or::<true>);
static PERCENTILE: Aggregator = Aggregator::shared(ranked::percentile::<false>);
static PERCENTILE_FORBID: Aggregator = Aggregator::shared(ranked::percentile::<true>);
static PRODUCT: Aggregator = Aggregator::mapper_reducer(logic::product);
static RATE: Aggregator = Aggregator::shared(motion::rate);
static RMS: Aggregator = Aggregator::shared(spread::rms::<false>);
static RMS_SKIP: Aggregator = Aggregator::shared(spread::rms::<true>);
static SD: Aggregator = Aggregator::shared(spread::sd::<false, false>);
static SD_FORBID: Aggregator = Aggregator::shared(spread::sd::<true, false>);
static SD_WELFORD: Aggregator = Aggregator::shared(spread::sd::<false, true>);
static SD_WELFORD_FORBID: Aggregator = Aggregator::shared(spread::sd::<true, true>);
static SUM: Aggregator = Aggregator::shared(basic::sum::<true>).with_bulk(bulk::SUM);
static SUM_FORBID: Aggregator = Aggregator::shared(basic::sum::<false>).with_bulk(bulk::SUM);
static VAR: Aggregator = Aggregator::shared(spread::var::<false, false>);
static VAR_FORBID: Aggregator = Aggregator::shared(spread::var::<true, false>);
static VAR_WELFORD: Aggregator = Aggregator::shared(spread::var::<false, true>);
static VAR_WELFORD_FORBID: Aggregator = Aggregator::shared(spread::var::<true, true>);
static VDIST: Aggregator = Aggregator::shared(motion::vdist);
static VSPEED: Aggregator = Aggregator::shared(motion::vspeed);

/// Pushes an aggregator with parameters, under the name of the running word.
fn push(vm: &mut Machine, aggregator: &'static Aggregator, parameters: Vec<Value>) -> Result {
    let role = Role::Aggregator(aggregator);
    let function = Function { word: Some(vm.word), name: None, role, parameters };
    let function = vm.heap.alloc_function(function)?;
    vm.push(Value::Function(function))
}

/// With the text that joins others.
fn separator(vm: &mut Machine, aggregator: &'static Aggregator) -> Result {
    match vm.pop()? {
        value @ Value::String(_) => push(vm, aggregator, vec![value]),
        _ => Err(vm.error("expects a STRING seperator.")),
    }
}

/// With a percentile and perhaps its definition.
fn percentile(vm: &mut Machine, aggregator: &'static Aggregator) -> Result {
    let parameters = ranked::percentile_parameters(vm)?;
    push(vm, aggregator, parameters)
}

/// With the circumference of a circle.
fn period(vm: &mut Machine, aggregator: &'static Aggregator) -> Result {
    let period = vm.pop()?;
    match period.as_f64() {
        Some(v) if v.is_finite() && v > 0.0 => push(vm, aggregator, vec![Value::Double(v)]),
        _ => Err(vm.error("expects a finite, strictly positive, numeric 'period' parameter.")),
    }
}

/// With or without Bessel's correction.
fn bessel(vm: &mut Machine, aggregator: &'static Aggregator) -> Result {
    match vm.pop()? {
        value @ Value::Boolean(_) => push(vm, aggregator, vec![value]),
        _ => Err(vm.error("expects a boolean: whether to apply Bessel's correction.")),
    }
}

/// With a label and how many of its values to give.
fn label(vm: &mut Machine, aggregator: &'static Aggregator) -> Result {
    let count = vm.pop_long("expects how many values to report, 0 for all.")?;
    match vm.pop()? {
        value @ Value::String(_) => push(vm, aggregator, vec![value, Value::Long(count)]),
        _ => Err(vm.error("expects the name of a label under the count.")),
    }
}
