//! Mappers that calculate with one number.

use weft_gts::{NO_ELEVATION, NO_LOCATION, Value as PointValue, ValueRef};

use super::{Number, maker, mapper, single, single_number, with_value};
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregate, Aggregator, Point, Role, Window};
use crate::machine::Machine;
use crate::position;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::push_function;
use crate::words::operators::numeric;

pub(in crate::words) static FAMILY: Family = Family { name: "mappers of numbers", words: WORDS };

macro_rules! example {
    ($value:literal, $mapper:literal, $answer:literal) => {
        &[(
            concat!(
                "[ NEWGTS 1 NaN NaN NaN ",
                $value,
                " ADDVALUE ",
                $mapper,
                " 0 0 0 ] MAP 0 GET VALUES"
            ),
            concat!("[[", $answer, "]]"),
        )]
    };
}

const WORDS: &[Word] = &[
    mapper("mapper.abs", &ABS, "1.0.11", "The absolute value.", example!("-5", "mapper.abs", "5")),
    mapper(
        "mapper.ceil",
        &CEIL,
        "1.0.11",
        "The smallest integer that is not less, as a DOUBLE.",
        example!("1.5", "mapper.ceil", "2.0"),
    ),
    mapper(
        "mapper.floor",
        &FLOOR,
        "1.0.11",
        "The greatest integer that is not greater, as a DOUBLE.",
        example!("1.5", "mapper.floor", "1.0"),
    ),
    mapper(
        "mapper.round",
        &ROUND,
        "1.0.11",
        "The nearest integer, as a LONG; halves go up. A LONG goes through 32 bits and loses what \
         does not fit.",
        example!("1.5", "mapper.round", "2"),
    ),
    mapper(
        "mapper.sigmoid",
        &SIGMOID,
        "1.0.11",
        "The logistic function, 1 / (1 + exp(-x)).",
        example!("0", "mapper.sigmoid", "0.5"),
    ),
    mapper(
        "mapper.tanh",
        &TANH,
        "1.0.11",
        "The hyperbolic tangent.",
        example!("0", "mapper.tanh", "0.0"),
    ),
    mapper("mapper.sqrt", &SQRT, "1.2.11", "The square root.", example!("9", "mapper.sqrt", "3.0")),
    mapper(
        "mapper.finite",
        &FINITE,
        "1.0.11",
        "The value, unless it is infinite or NaN.",
        example!("1.5", "mapper.finite", "1.5"),
    ),
    mapper(
        "mapper.tick",
        &TICK,
        "1.0.0",
        "The tick as the value.",
        example!("'a'", "mapper.tick", "1"),
    ),
    mapper(
        "mapper.lat",
        &LATITUDE,
        "3.0.0",
        "The latitude as the value. Points without a position are dropped.",
        &[("[ NEWGTS 1 0.0 10.0 NaN 5 ADDVALUE mapper.lat 0 0 0 ] MAP 0 GET VALUES", "[[0.0]]")],
    ),
    mapper(
        "mapper.lon",
        &LONGITUDE,
        "3.0.0",
        "The longitude as the value. Points without a position are dropped.",
        &[("[ NEWGTS 1 10.0 0.0 NaN 5 ADDVALUE mapper.lon 0 0 0 ] MAP 0 GET VALUES", "[[0.0]]")],
    ),
    mapper(
        "mapper.elev",
        &ELEVATION,
        "3.0.0",
        "The elevation as the value. Points without an elevation are dropped.",
        &[("[ NEWGTS 1 NaN NaN 7 5 ADDVALUE mapper.elev 0 0 0 ] MAP 0 GET VALUES", "[[7]]")],
    ),
    maker(
        "mapper.add",
        make_typed,
        "1.0.0",
        "n<NUMBER> mapper.add mapper<AGGREGATOR>",
        "Adds a number. A LONG cuts the values to LONG, a DOUBLE makes them DOUBLE.",
        example!("5.5", "7 mapper.add", "12"),
    ),
    maker(
        "mapper.mul",
        make_typed,
        "1.0.0",
        "n<NUMBER> mapper.mul mapper<AGGREGATOR>",
        "Multiplies by a number. A LONG cuts the values to LONG, a DOUBLE makes them DOUBLE.",
        example!("5", "2.0 mapper.mul", "10.0"),
    ),
    maker(
        "mapper.mod",
        make_typed,
        "1.2.3",
        "n<NUMBER> mapper.mod mapper<AGGREGATOR>",
        "The remainder of a division, with the sign of the value.",
        example!("-7", "4 mapper.mod", "-3"),
    ),
    maker(
        "mapper.max.x",
        make_typed,
        "1.0.0",
        "n<NUMBER> mapper.max.x mapper<AGGREGATOR>",
        "The greater one of the value and a number.",
        example!("5", "7 mapper.max.x", "7"),
    ),
    maker(
        "mapper.min.x",
        make_typed,
        "1.0.0",
        "n<NUMBER> mapper.min.x mapper<AGGREGATOR>",
        "The smaller one of the value and a number.",
        example!("5", "7.0 mapper.min.x", "5.0"),
    ),
    maker(
        "mapper.pow",
        make_double,
        "1.0.0",
        "exponent<NUMBER> mapper.pow mapper<AGGREGATOR>",
        "The value to the power of a number.",
        example!("3", "2 mapper.pow", "9.0"),
    ),
    maker(
        "mapper.exp",
        make_double,
        "1.0.0",
        "base<NUMBER> mapper.exp mapper<AGGREGATOR>",
        "A number to the power of the value.",
        example!("3", "2 mapper.exp", "8.0"),
    ),
    maker(
        "mapper.log",
        make_double,
        "1.0.0",
        "base<NUMBER> mapper.log mapper<AGGREGATOR>",
        "The logarithm to a base.",
        example!("1", "2 mapper.log", "0.0"),
    ),
    maker(
        "mapper.npdf",
        make_density,
        "1.0.0",
        "mean<NUMBER> deviation<NUMBER> mapper.npdf mapper<AGGREGATOR>",
        "The density of a normal distribution at the value.",
        example!("0", "0 1 mapper.npdf", "0.3989422804014327"),
    ),
];

/// A mapper of numbers from a function of one number.
macro_rules! of_number {
    ($name:ident, $code:expr) => {
        static $name: Aggregator = Aggregator::mapper(|vm, window, _| {
            let code: fn(Number) -> PointValue = $code;
            Ok(match single_number(vm, window)? {
                Some(number) => with_value(window, code(number)),
                None => Point::none(0),
            })
        });
    };
}

of_number!(ABS, |number| match number {
    Number::Long(v) => PointValue::Long(v.wrapping_abs()),
    Number::Double(v) => PointValue::Double(v.abs()),
});
of_number!(CEIL, |number| PointValue::Double(number.double().ceil()));
of_number!(FLOOR, |number| PointValue::Double(number.double().floor()));
of_number!(ROUND, |number| PointValue::Long(match number {
    // Java's round of a float, which is an int.
    Number::Long(v) => i64::from((f64::from(v as f32) + 0.5).floor() as i32),
    Number::Double(v) => round(v),
}));
of_number!(SIGMOID, |number| PointValue::Double(1.0 / (1.0 + libm::exp(-number.double()))));
of_number!(TANH, |number| PointValue::Double(libm::tanh(number.double())));
of_number!(SQRT, |number| PointValue::Double(numeric::pow(number.double(), 0.5)));

/// `Math.round`: halves go up, and what does not fit ends at the limits.
pub(in crate::words) fn round(value: f64) -> i64 {
    let floor = value.floor();
    let rounded = if value - floor >= 0.5 { floor + 1.0 } else { floor };
    rounded as i64
}

static FINITE: Aggregator = Aggregator::mapper(|vm, window, _| {
    Ok(match single(vm, window)? {
        Some(ValueRef::Double(v)) if !v.is_finite() => with_value(window, None),
        Some(value) => with_value(window, PointValue::from(value)),
        None => Point::none(0),
    })
});

static TICK: Aggregator = Aggregator::mapper(|vm, window, _| {
    Ok(match single(vm, window)? {
        Some(_) => with_value(window, PointValue::Long(window.tick)),
        None => Point::none(0),
    })
});

/// A mapper of one point's place, without the place.
macro_rules! of_place {
    ($name:ident, $code:expr) => {
        static $name: Aggregator = Aggregator::mapper(|vm, window, _| {
            let code: fn(&Window<'_>) -> Option<PointValue> = $code;
            let value = single(vm, window)?.and_then(|_| code(window));
            Ok(Point { value, ..Point::none(window.tick) })
        });
    };
}

fn degrees(window: &Window<'_>) -> Option<(f64, f64)> {
    let location = window.location(0);
    (location != NO_LOCATION).then(|| position::from_location(location))
}

of_place!(LATITUDE, |window| degrees(window).map(|(lat, _)| PointValue::Double(lat)));
of_place!(LONGITUDE, |window| degrees(window).map(|(_, lon)| PointValue::Double(lon)));
of_place!(ELEVATION, |window| {
    let elevation = window.elevation(0);
    (elevation != NO_ELEVATION).then_some(PointValue::Long(elevation))
});

/// A mapper of a number and a parameter.
macro_rules! with_number {
    ($name:ident, $code:expr) => {
        fn $name(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
            let code: fn(Number, Number) -> Result<PointValue> = $code;
            let Some(number) = single_number(vm, window)? else {
                return Ok(Point::none(0));
            };
            Ok(with_value(window, code(number, parameter(parameters, 0))?))
        }
    };
}

/// A parameter that was checked when the function was made.
fn parameter(parameters: &[Value], index: usize) -> Number {
    match parameters.get(index) {
        Some(Value::Long(v)) => Number::Long(*v),
        Some(Value::Double(v)) => Number::Double(*v),
        _ => Number::Double(f64::NAN),
    }
}

with_number!(add, |value, n| Ok(match n {
    Number::Long(n) => PointValue::Long(n.wrapping_add(value.long())),
    Number::Double(n) => PointValue::Double(n + value.double()),
}));
with_number!(multiply, |value, n| Ok(match n {
    Number::Long(n) => PointValue::Long(n.wrapping_mul(value.long())),
    Number::Double(n) => PointValue::Double(n * value.double()),
}));
with_number!(remainder, |value, n| Ok(match (value, n) {
    (Number::Long(_), Number::Long(0)) => {
        return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
    }
    (Number::Long(v), Number::Long(n)) => PointValue::Long(v.wrapping_rem(n)),
    (value, n) => PointValue::Double(value.double() % n.double()),
}));
with_number!(greater, |value, n| Ok(match (value, n) {
    (Number::Long(v), Number::Long(n)) => PointValue::Long(v.max(n)),
    (value, n) => PointValue::Double(max(value.double(), n.double())),
}));
with_number!(smaller, |value, n| Ok(match (value, n) {
    (Number::Long(v), Number::Long(n)) => PointValue::Long(v.min(n)),
    (value, n) => PointValue::Double(-max(-value.double(), -n.double())),
}));
with_number!(power, |value, n| Ok(PointValue::Double(numeric::pow(value.double(), n.double()))));
with_number!(exponential, |value, n| {
    Ok(PointValue::Double(numeric::pow(n.double(), value.double())))
});
with_number!(logarithm, |value, n| {
    Ok(PointValue::Double(libm::log(value.double()) / n.double()))
});

/// `Math.max`.
fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a.total_cmp(&b).is_ge() {
        a
    } else {
        b
    }
}

fn density(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let Some(number) = single_number(vm, window)? else {
        return Ok(Point::none(0));
    };
    let (mean, deviation) = (parameter(parameters, 0).double(), parameter(parameters, 1).double());
    let distance = number.double() - mean;
    let height = 1.0 / (deviation * (2.0 * std::f64::consts::PI).sqrt());
    let value = height * libm::exp(-distance * distance / (2.0 * deviation * deviation));
    Ok(with_value(window, PointValue::Double(value)))
}

/// The aggregators of words that take a parameter.
static WITH_NUMBER: [(&str, Aggregator); 8] = {
    const fn of(run: Aggregate) -> Aggregator {
        Aggregator::mapper(run)
    }
    [
        ("mapper.add", of(add)),
        ("mapper.mul", of(multiply)),
        ("mapper.mod", of(remainder)),
        ("mapper.max.x", of(greater)),
        ("mapper.min.x", of(smaller)),
        ("mapper.pow", of(power)),
        ("mapper.exp", of(exponential)),
        ("mapper.log", of(logarithm)),
    ]
};

fn push(vm: &mut Machine, parameter: Value) -> Result {
    let name = vm.word.name;
    match WITH_NUMBER.iter().find(|(word, _)| *word == name) {
        Some((_, aggregator)) => push_function(vm, Role::Aggregator(aggregator), vec![parameter]),
        None => Ok(()),
    }
}

fn pop_parameter(vm: &mut Machine) -> Result<Value> {
    match vm.pop()? {
        value @ (Value::Long(_) | Value::Double(_)) => Ok(value),
        _ => Err(Fault::text(format!("Invalid parameter for {}", vm.word.name))),
    }
}

fn make_typed(vm: &mut Machine) -> Result {
    let parameter = pop_parameter(vm)?;
    push(vm, parameter)
}

fn make_double(vm: &mut Machine) -> Result {
    let parameter = pop_parameter(vm)?.as_f64().unwrap_or(f64::NAN);
    // The logarithm of a base is what divides; the reference's snapshots show it.
    let is_base = vm.word.name == "mapper.log";
    push(vm, Value::Double(if is_base { libm::log(parameter) } else { parameter }))
}

fn make_density(vm: &mut Machine) -> Result {
    let message = "expects a standard deviation (sigma) on top of the stack.";
    let deviation = vm.pop_number(message)?;
    if deviation <= 0.0 {
        return Err(vm.error("expects a positive standard deviation (sigma) on top of the stack."));
    }
    let mean = vm.pop_number("expects a mean (mu) below the standard deviation.")?;
    static DENSITY: Aggregator = Aggregator::mapper(density);
    let parameters = vec![Value::Double(mean), Value::Double(deviation)];
    push_function(vm, Role::Aggregator(&DENSITY), parameters)
}
