//! Aggregators that keep the oldest point that compares as asked with a threshold.

use std::cmp::Ordering;

use weft_gts::{Value as PointValue, ValueRef};

use super::maker;
use crate::error::{Fault, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::java;
use crate::machine::Machine;
use crate::position;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::{push_function, value_text};

pub(in crate::words) static FAMILY: Family = Family { name: "comparing mappers", words: WORDS };

/// What is compared, as words name it.
const SUBJECTS: [&str; 6] = ["value", "tick", "lat", "lon", "elev", "hhcode"];
const VALUE: usize = 0;
const TICK: usize = 1;
const LATITUDE: usize = 2;
const LONGITUDE: usize = 3;
const ELEVATION: usize = 4;

/// How, as words name it.
const TESTS: [&str; 6] = ["eq", "ne", "ge", "gt", "le", "lt"];
const EQ: usize = 0;
const NE: usize = 1;
const GE: usize = 2;
const GT: usize = 3;
const LE: usize = 4;

macro_rules! compare_word {
    ($name:literal, $since:literal, $what:literal, $threshold:literal, $answer:literal) => {
        maker(
            $name,
            make,
            $since,
            concat!("threshold<ANY> ", $name, " mapper<AGGREGATOR>"),
            concat!(
                "The oldest point of a window whose ",
                $what,
                " the threshold. MAP, BUCKETIZE and \
                 REDUCE take it."
            ),
            &[(
                concat!(
                    "[ NEWGTS 1 0.0 0.0 5 5 ADDVALUE 2 60.0 60.0 9 9 ADDVALUE ",
                    $threshold,
                    " ",
                    $name,
                    " 0 0 0 ] MAP 0 GET VALUES"
                ),
                $answer,
            )],
        )
    };
}

const WORDS: &[Word] = &[
    compare_word!(
        "mapper.eq",
        "1.0.0",
        "value, converted to the type of the threshold, equals",
        "5",
        "[[5]]"
    ),
    compare_word!(
        "mapper.ne",
        "1.0.0",
        "value, converted to the type of the threshold, differs from",
        "5",
        "[[9]]"
    ),
    compare_word!(
        "mapper.ge",
        "1.0.0",
        "value, converted to the type of the threshold, is at least",
        "6",
        "[[9]]"
    ),
    compare_word!(
        "mapper.gt",
        "1.0.0",
        "value, converted to the type of the threshold, is greater than",
        "5",
        "[[9]]"
    ),
    compare_word!(
        "mapper.le",
        "1.0.0",
        "value, converted to the type of the threshold, is at most",
        "5",
        "[[5]]"
    ),
    compare_word!(
        "mapper.lt",
        "1.0.0",
        "value, converted to the type of the threshold, is less than",
        "9",
        "[[5]]"
    ),
    compare_word!("mapper.eq.tick", "2.2.0", "tick equals", "1", "[[5]]"),
    compare_word!("mapper.ne.tick", "2.2.0", "tick differs from", "1", "[[9]]"),
    compare_word!("mapper.ge.tick", "2.2.0", "tick is at least", "2", "[[9]]"),
    compare_word!("mapper.gt.tick", "2.2.0", "tick is greater than", "1", "[[9]]"),
    compare_word!("mapper.le.tick", "2.2.0", "tick is at most", "1", "[[5]]"),
    compare_word!("mapper.lt.tick", "2.2.0", "tick is less than", "2", "[[5]]"),
    compare_word!("mapper.eq.lat", "2.2.0", "latitude equals", "0", "[[5]]"),
    compare_word!("mapper.ne.lat", "2.2.0", "latitude differs from", "0", "[[9]]"),
    compare_word!("mapper.ge.lat", "2.2.0", "latitude is at least", "1", "[[9]]"),
    compare_word!("mapper.gt.lat", "2.2.0", "latitude is greater than", "0", "[[9]]"),
    compare_word!("mapper.le.lat", "2.2.0", "latitude is at most", "0", "[[5]]"),
    compare_word!("mapper.lt.lat", "2.2.0", "latitude is less than", "1", "[[5]]"),
    compare_word!("mapper.eq.lon", "2.2.0", "longitude equals", "0", "[[5]]"),
    compare_word!("mapper.ne.lon", "2.2.0", "longitude differs from", "0", "[[9]]"),
    compare_word!("mapper.ge.lon", "2.2.0", "longitude is at least", "1", "[[9]]"),
    compare_word!("mapper.gt.lon", "2.2.0", "longitude is greater than", "0", "[[9]]"),
    compare_word!("mapper.le.lon", "2.2.0", "longitude is at most", "0", "[[5]]"),
    compare_word!("mapper.lt.lon", "2.2.0", "longitude is less than", "1", "[[5]]"),
    compare_word!("mapper.eq.elev", "2.2.0", "elevation equals", "5", "[[5]]"),
    compare_word!("mapper.ne.elev", "2.2.0", "elevation differs from", "5", "[[9]]"),
    compare_word!("mapper.ge.elev", "2.2.0", "elevation is at least", "9", "[[9]]"),
    compare_word!("mapper.gt.elev", "2.2.0", "elevation is greater than", "5", "[[9]]"),
    compare_word!("mapper.le.elev", "2.2.0", "elevation is at most", "5", "[[5]]"),
    compare_word!("mapper.lt.elev", "2.2.0", "elevation is less than", "9", "[[5]]"),
    compare_word!(
        "mapper.eq.hhcode",
        "2.2.0",
        "HHCode, a signed number, equals",
        "-4611686018427387904",
        "[[5]]"
    ),
    compare_word!(
        "mapper.ne.hhcode",
        "2.2.0",
        "HHCode, a signed number, differs from",
        "-4611686018427387904",
        "[[9]]"
    ),
    compare_word!("mapper.ge.hhcode", "2.2.0", "HHCode, a signed number, is at least", "0", "[[]]"),
    compare_word!(
        "mapper.gt.hhcode",
        "2.2.0",
        "HHCode, a signed number, is greater than",
        "-4611686018427387904",
        "[[9]]"
    ),
    compare_word!(
        "mapper.le.hhcode",
        "2.2.0",
        "HHCode, a signed number, is at most",
        "-4611686018427387904",
        "[[5]]"
    ),
    compare_word!(
        "mapper.lt.hhcode",
        "2.2.0",
        "HHCode, a signed number, is less than",
        "0",
        "[[5,9]]"
    ),
];

macro_rules! row {
    ($subject:literal) => {
        [
            Aggregator::shared(run::<$subject, 0>),
            Aggregator::shared(run::<$subject, 1>),
            Aggregator::shared(run::<$subject, 2>),
            Aggregator::shared(run::<$subject, 3>),
            Aggregator::shared(run::<$subject, 4>),
            Aggregator::shared(run::<$subject, 5>),
        ]
    };
}

/// By what is compared, and how.
static AGGREGATORS: [[Aggregator; 6]; 6] = [row!(0), row!(1), row!(2), row!(3), row!(4), row!(5)];

fn make(vm: &mut Machine) -> Result {
    let mut parts = vm.word.name.split('.').skip(1);
    let place = |part: Option<&str>, names: &[&str]| {
        part.and_then(|part| names.iter().position(|name| *name == part)).unwrap_or(0)
    };
    let test = place(parts.next(), &TESTS);
    let subject = place(parts.next(), &SUBJECTS);
    let threshold = vm.pop()?;
    if matches!(threshold, Value::Boolean(_)) && test != EQ && test != NE {
        return Err(vm.error("cannot compare with a BOOLEAN."));
    }
    let (fits, message) = match subject {
        VALUE => (
            matches!(
                threshold,
                Value::Long(_) | Value::Double(_) | Value::String(_) | Value::Boolean(_)
            ),
            "can only compare with a STRING, a DOUBLE, a LONG or a BOOLEAN.",
        ),
        LATITUDE | LONGITUDE => (
            matches!(threshold, Value::Long(_) | Value::Double(_)),
            "can only compare with a DOUBLE or a LONG.",
        ),
        _ => (matches!(threshold, Value::Long(_)), "can only compare with a LONG."),
    };
    if !fits {
        return Err(vm.error(message));
    }
    push_function(vm, Role::Aggregator(&AGGREGATORS[subject][test]), vec![threshold])
}

/// Whether an order is what a test asks for.
const fn passes(order: Ordering, test: usize) -> bool {
    match test {
        EQ => order.is_eq(),
        NE => order.is_ne(),
        GE => order.is_ge(),
        GT => order.is_gt(),
        LE => order.is_le(),
        _ => order.is_lt(),
    }
}

fn run<const SUBJECT: usize, const TEST: usize>(
    vm: &mut Machine,
    window: &Window<'_>,
    parameters: &[Value],
) -> Result<Point> {
    let threshold = parameters.first().copied().unwrap_or_default();
    let mut found: Option<usize> = None;
    for (index, tick) in window.ticks.iter().enumerate() {
        if found.is_some_and(|found| *tick >= window.ticks[found]) {
            continue;
        }
        let order = match SUBJECT {
            VALUE => order_of_value(vm, window.at(index), threshold)?,
            TICK => threshold.as_i64().map(|t| tick.cmp(&t)),
            LATITUDE | LONGITUDE => {
                let degrees = position::from_location(window.location(index));
                let degrees = if SUBJECT == LATITUDE { degrees.0 } else { degrees.1 };
                threshold.as_f64().map(|t| java::compare_doubles(degrees, t))
            }
            ELEVATION => threshold.as_i64().map(|t| window.elevation(index).cmp(&t)),
            _ => threshold.as_i64().map(|t| window.location(index).cmp(&t)),
        };
        if order.is_some_and(|order| passes(order, TEST)) {
            found = Some(index);
        }
    }
    Ok(match found {
        None => Point::none(window.tick),
        Some(index) => Point {
            tick: window.ticks[index],
            location: window.location(index),
            elevation: window.elevation(index),
            value: window.value(index),
        },
    })
}

/// The order of a value and the threshold; `None` when there is none.
fn order_of_value(
    vm: &Machine,
    value: Option<ValueRef<'_>>,
    threshold: Value,
) -> Result<Option<Ordering>> {
    Ok(match (threshold, value) {
        (Value::Long(t), Some(ValueRef::Long(v))) => Some(v.cmp(&t)),
        (Value::Long(t), Some(ValueRef::Double(v))) => Some((v as i64).cmp(&t)),
        (Value::Double(t), Some(ValueRef::Long(v))) => Some(java::compare_doubles(v as f64, t)),
        (Value::Double(t), Some(ValueRef::Double(v))) => Some(java::compare_doubles(v, t)),
        (Value::Boolean(t), Some(ValueRef::Boolean(v))) => Some(v.cmp(&t)),
        (Value::String(_), None) => return Err(Fault::null()),
        (Value::String(t), Some(ValueRef::String(v))) => {
            Some(java::compare_texts(v, vm.heap.text(t)))
        }
        (Value::String(t), Some(value)) => {
            let text = value_text(&PointValue::from(value));
            Some(java::compare_texts(&text, vm.heap.text(t)))
        }
        _ => None,
    })
}
