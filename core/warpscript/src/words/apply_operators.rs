//! Operators that APPLY is given: one value from those of several series at a tick.

use std::cmp::Ordering;

use weft_gts::{Value as PointValue, ValueRef};

use crate::error::{Fault, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, Word, function};
use crate::value::Value;
use crate::words::filters::value_text;

pub(super) static FAMILY: Family = Family { name: "operators of APPLY", words: WORDS };

macro_rules! operator {
    ($name:literal, $since:literal, $code:expr, $doc:literal, $a:literal, $b:literal, $answer:literal) => {
        function(
            $name,
            Role::Operator({
                static OPERATOR: Aggregator = Aggregator::operator($code);
                &OPERATOR
            }),
            $since,
            $name,
            $doc,
            &[(
                concat!(
                    "[ [ NEWGTS 1 NaN NaN NaN ",
                    $a,
                    " ADDVALUE ] [ NEWGTS 1 NaN NaN NaN ",
                    $b,
                    " ADDVALUE ] [] ",
                    $name,
                    " ] APPLY 0 GET VALUES"
                ),
                concat!("[[", $answer, "]]"),
            )],
        )
    };
}

const WORDS: &[Word] = &[
    operator!(
        "op.add",
        "1.0.11",
        add::<true>,
        "The sum of the values, from the first to the last: numbers add, booleans count as 0 and 1, texts are joined. A tick that is missing in any series is left out.",
        "1",
        "2.5",
        "3.5"
    ),
    operator!(
        "op.add.ignore-nulls",
        "1.2.4",
        add::<false>,
        "The sum of the values that are there, as op.add makes it.",
        "1",
        "2",
        "3"
    ),
    operator!(
        "op.sub",
        "1.0.11",
        subtract,
        "The difference of two numbers. Only pairs of series give results.",
        "1",
        "2",
        "-1"
    ),
    operator!(
        "op.mul",
        "1.0.11",
        multiply::<true>,
        "The product of the values: numbers multiply, booleans count as 0 and 1, texts are joined. A tick that is missing in any series is left out.",
        "3",
        "2",
        "6"
    ),
    operator!(
        "op.mul.ignore-nulls",
        "1.2.4",
        multiply::<false>,
        "The product of the values that are there, as op.mul makes it.",
        "3",
        "2",
        "6"
    ),
    operator!(
        "op.div",
        "1.0.11",
        divide,
        "The quotient of two numbers, a DOUBLE. Only pairs of series give results.",
        "3",
        "2",
        "1.5"
    ),
    operator!(
        "op.eq",
        "1.0.11",
        equal,
        "Whether all values are there and equal, type included.",
        "1",
        "1",
        "true"
    ),
    operator!(
        "op.ne",
        "1.0.11",
        different,
        "Whether all values are there and no two are equal.",
        "1",
        "1.0",
        "true"
    ),
    operator!(
        "op.lt",
        "1.0.11",
        ordered::<0>,
        "Whether each value is less than the next one. All must be there and of one type, numbers or texts.",
        "1",
        "2",
        "true"
    ),
    operator!(
        "op.le",
        "1.0.11",
        ordered::<1>,
        "Whether no value is greater than the next one. All must be there and of one type, numbers or texts.",
        "2",
        "2",
        "true"
    ),
    operator!(
        "op.gt",
        "1.0.11",
        ordered::<2>,
        "Whether each value is greater than the next one. All must be there and of one type, numbers or texts.",
        "1",
        "2",
        "false"
    ),
    operator!(
        "op.ge",
        "1.0.11",
        ordered::<3>,
        "Whether no value is less than the next one. All must be there and of one type, numbers or texts.",
        "1",
        "2",
        "false"
    ),
    operator!(
        "op.and",
        "1.0.11",
        logic::<false, true>,
        "False when any value is false, else true. A tick that is missing in a series before that is left out.",
        "true",
        "false",
        "false"
    ),
    operator!(
        "op.and.ignore-nulls",
        "1.0.11",
        logic::<false, false>,
        "False when any value is false, else true.",
        "true",
        "true",
        "true"
    ),
    operator!(
        "op.or",
        "1.0.11",
        logic::<true, true>,
        "True when any value is true, else false. A tick that is missing in a series before that is left out.",
        "true",
        "false",
        "true"
    ),
    operator!(
        "op.or.ignore-nulls",
        "1.0.11",
        logic::<true, false>,
        "True when any value is true, else false.",
        "false",
        "false",
        "false"
    ),
    operator!(
        "op.mask",
        "1.0.11",
        mask::<false>,
        "The value of the second series where the first one is true.",
        "true",
        "5",
        "5"
    ),
    operator!(
        "op.negmask",
        "1.0.11",
        mask::<true>,
        "The value of the second series where the first one is not true.",
        "false",
        "5",
        "5"
    ),
];

fn truth(window: &Window<'_>, value: bool) -> Point {
    Point::new(window.tick, PointValue::Boolean(value))
}

/// Folds the values; the tick is left out when one is missing and `FORBID`.
fn fold<const FORBID: bool>(
    window: &Window<'_>,
    mut join: impl FnMut(PointValue, ValueRef<'_>) -> Result<PointValue>,
) -> Result<Point> {
    let mut sum: Option<PointValue> = None;
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            if FORBID {
                return Ok(Point::none(window.tick));
            }
            continue;
        };
        sum = Some(match sum {
            None => PointValue::from(value),
            Some(sum) => join(sum, value)?,
        });
    }
    Ok(Point { value: sum, ..Point::none(window.tick) })
}

/// Two values as two numbers of one type, or nothing when the first is a text.
enum Pair {
    Longs(i64, i64),
    Doubles(f64, f64),
    Texts(String, String),
}

/// A value that counts: booleans are 0 and 1.
fn pair(verb: &str, a: &PointValue, b: ValueRef<'_>) -> Result<Pair> {
    enum Count {
        Long(i64),
        Double(f64),
        Text,
    }
    let count = |value: ValueRef<'_>| match value {
        ValueRef::Long(v) => Count::Long(v),
        ValueRef::Double(v) => Count::Double(v),
        ValueRef::Boolean(v) => Count::Long(i64::from(v)),
        _ => Count::Text,
    };
    Ok(match (count(a.into()), count(b)) {
        (Count::Long(a), Count::Long(b)) => Pair::Longs(a, b),
        (Count::Long(a), Count::Double(b)) => Pair::Doubles(a as f64, b),
        (Count::Double(a), Count::Long(b)) => Pair::Doubles(a, b as f64),
        (Count::Double(a), Count::Double(b)) => Pair::Doubles(a, b),
        (Count::Text, _) => Pair::Texts(value_text(a), value_text(&PointValue::from(b))),
        (_, Count::Text) => {
            return Err(Fault::text(format!("Cannot {verb} strings and other values.")));
        }
    })
}

fn add<const FORBID: bool>(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    fold::<FORBID>(window, |sum, value| {
        Ok(match pair("add", &sum, value)? {
            Pair::Longs(a, b) => PointValue::Long(a.wrapping_add(b)),
            Pair::Doubles(a, b) => PointValue::Double(a + b),
            Pair::Texts(a, b) => PointValue::String((a + &b).into()),
        })
    })
}

fn multiply<const FORBID: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    fold::<FORBID>(window, |product, value| {
        Ok(match pair("multiply", &product, value)? {
            Pair::Longs(a, b) => PointValue::Long(a.wrapping_mul(b)),
            Pair::Doubles(a, b) => PointValue::Double(a * b),
            Pair::Texts(a, b) => PointValue::String((a + &b).into()),
        })
    })
}

/// Two numbers; `None` when there are not two values.
fn two_numbers<'a>(
    vm: &Machine,
    window: &'a Window<'_>,
) -> Result<Option<(ValueRef<'a>, ValueRef<'a>)>> {
    if window.len() != 2 {
        return Ok(None);
    }
    let (Some(a), Some(b)) = (window.at(0), window.at(1)) else {
        return Ok(None);
    };
    let is_number = |v: ValueRef<'_>| matches!(v, ValueRef::Long(_) | ValueRef::Double(_));
    if !is_number(a) || !is_number(b) {
        return Err(vm.error("can only be applied to LONG or DOUBLE values."));
    }
    Ok(Some((a, b)))
}

const fn double(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Long(v) => v as f64,
        ValueRef::Double(v) => v,
        _ => f64::NAN,
    }
}

fn subtract(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    Ok(match two_numbers(vm, window)? {
        None => Point::none(window.tick),
        Some((ValueRef::Long(a), ValueRef::Long(b))) => {
            Point::new(window.tick, PointValue::Long(a.wrapping_sub(b)))
        }
        Some((a, b)) => Point::new(window.tick, PointValue::Double(double(a) - double(b))),
    })
}

fn divide(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    Ok(match two_numbers(vm, window)? {
        None => Point::none(window.tick),
        Some((a, b)) => Point::new(window.tick, PointValue::Double(double(a) / double(b))),
    })
}

/// Java's `equals`: types differ, NaN equals NaN, zeros differ.
fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Long(a), ValueRef::Long(b)) => a == b,
        (ValueRef::Double(a), ValueRef::Double(b)) => {
            java::compare_doubles(a, b) == Ordering::Equal
        }
        (ValueRef::Boolean(a), ValueRef::Boolean(b)) => a == b,
        (ValueRef::String(a), ValueRef::String(b)) => a == b,
        _ => false,
    }
}

fn equal(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    let first = window.at(0);
    let all = (0..window.len()).all(|index| match (first, window.at(index)) {
        (Some(first), Some(value)) => same(first, value),
        _ => false,
    });
    Ok(truth(window, all))
}

fn different(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    for index in 0..window.len() {
        let Some(value) = window.at(index) else {
            return Ok(truth(window, false));
        };
        vm.charge(index);
        if (0..index).any(|before| window.at(before).is_some_and(|b| same(b, value))) {
            return Ok(truth(window, false));
        }
    }
    Ok(truth(window, true))
}

fn ordered<const TEST: u8>(vm: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    let Some(mut before) = window.at(0) else {
        return Ok(truth(window, false));
    };
    for index in 1..window.len() {
        let Some(value) = window.at(index) else {
            return Ok(truth(window, false));
        };
        let order = match (before, value) {
            (ValueRef::Long(a), ValueRef::Long(b)) => Some(a.cmp(&b)),
            (ValueRef::Double(a), ValueRef::Double(b)) => a.partial_cmp(&b),
            (ValueRef::String(a), ValueRef::String(b)) => Some(java::compare_texts(a, b)),
            _ => {
                return Err(vm.error("can only be applied to Geo Time Series of the same type."));
            }
        };
        // Without an order no pair is out of order.
        let fits = order.is_none_or(|order| match TEST {
            0 => order.is_lt(),
            1 => order.is_le(),
            2 => order.is_gt(),
            _ => order.is_ge(),
        });
        if !fits {
            return Ok(truth(window, false));
        }
        before = value;
    }
    Ok(truth(window, true))
}

fn logic<const OR: bool, const FORBID: bool>(
    _: &mut Machine,
    window: &Window<'_>,
    _: &[Value],
) -> Result<Point> {
    for index in 0..window.len() {
        match window.at(index) {
            None if FORBID => return Ok(Point::none(window.tick)),
            Some(ValueRef::Boolean(value)) if value == OR => return Ok(truth(window, OR)),
            _ => (),
        }
    }
    Ok(truth(window, !OR))
}

fn mask<const NEGATED: bool>(_: &mut Machine, window: &Window<'_>, _: &[Value]) -> Result<Point> {
    // The "ticks" that APPLY hands out are the numbers of the collections.
    if window.len() != 2 || window.ticks[0] == window.ticks[1] {
        return Err(Fault::text(
            "op.mask can only be applied to pairs of Geo Time Series, the first one being boolean.",
        ));
    }
    let is_true = matches!(window.at(0), Some(ValueRef::Boolean(true)));
    if is_true == NEGATED {
        return Ok(Point::none(window.tick));
    }
    Ok(Point {
        tick: window.tick,
        location: window.location(1),
        elevation: window.elevation(1),
        value: window.value(1),
    })
}
