//! Mappers that make values of another type.

use weft_gts::{Value as PointValue, ValueRef, parse_double};

use super::{maker, mapper, single, with_value};
use crate::error::{Fault, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::machine::Machine;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::{push_function, value_text};
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family { name: "mappers that convert", words: WORDS };

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
    mapper(
        "mapper.toboolean",
        &TO_BOOLEAN,
        "1.0.11",
        "The value as a BOOLEAN: false for 0 and the empty STRING, else true.",
        example!("5", "mapper.toboolean", "true"),
    ),
    mapper(
        "mapper.todouble",
        &TO_DOUBLE,
        "1.0.11",
        "The value as a DOUBLE. Texts that are no numbers are dropped.",
        example!("'1.5'", "mapper.todouble", "1.5"),
    ),
    mapper(
        "mapper.tolong",
        &TO_LONG,
        "1.0.11",
        "The value as a LONG, fractions cut. Texts that are no integers are dropped.",
        example!("1.5", "mapper.tolong", "1"),
    ),
    mapper(
        "mapper.tostring",
        &TO_STRING,
        "1.0.11",
        "The value as a STRING.",
        example!("1.5", "mapper.tostring", "\"1.5\""),
    ),
    maker(
        "mapper.replace",
        make_replace,
        "1.0.0",
        "value<ANY> mapper.replace mapper<AGGREGATOR>",
        "Gives one value to every tick that has values in its window.",
        example!("5", "'x' mapper.replace", "\"x\""),
    ),
];

macro_rules! conversion {
    ($name:ident, $code:expr) => {
        static $name: Aggregator = Aggregator::mapper(|vm, window, _| {
            let code: fn(ValueRef<'_>) -> Option<PointValue> = $code;
            Ok(match single(vm, window)? {
                Some(value) => with_value(window, code(value)),
                None => Point::none(0),
            })
        });
    };
}

conversion!(TO_BOOLEAN, |value| Some(PointValue::Boolean(match value {
    ValueRef::Long(v) => v != 0,
    ValueRef::Double(v) => v != 0.0,
    ValueRef::Boolean(v) => v,
    ValueRef::String(v) => !v.is_empty(),
    _ => return None,
})));
conversion!(TO_DOUBLE, |value| Some(PointValue::Double(match value {
    ValueRef::Long(v) => v as f64,
    ValueRef::Double(v) => v,
    ValueRef::Boolean(v) => f64::from(u8::from(v)),
    ValueRef::String(v) => return parse_double(v).map(PointValue::Double),
    _ => return None,
})));
conversion!(TO_LONG, |value| Some(PointValue::Long(match value {
    ValueRef::Long(v) => v,
    ValueRef::Double(v) => v as i64,
    ValueRef::Boolean(v) => i64::from(v),
    ValueRef::String(v) => return v.parse().ok().map(PointValue::Long),
    _ => return None,
})));
conversion!(TO_STRING, |value| {
    let text = value_text(&PointValue::from(value));
    Some(PointValue::String(text.into()))
});

fn make_replace(vm: &mut Machine) -> Result {
    let value = match vm.pop()? {
        value @ (Value::Long(_) | Value::Double(_) | Value::Boolean(_) | Value::String(_)) => value,
        Value::Decimal(decimal) => match points::to_point(vm, Value::Decimal(decimal)) {
            Some(PointValue::Decimal(v)) => Value::Double(v.to_f64()),
            Some(PointValue::Double(v)) => Value::Double(v),
            _ => return Err(Fault::text("Invalid value type.")),
        },
        _ => return Err(Fault::text("Invalid value type.")),
    };
    static REPLACE: Aggregator = Aggregator::mapper(replace);
    push_function(vm, Role::Aggregator(&REPLACE), vec![value])
}

fn replace(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    if window.is_empty() {
        return Ok(Point::none(window.tick));
    }
    let value = parameters.first().and_then(|value| points::to_point(vm, *value));
    Ok(with_value(window, value))
}
