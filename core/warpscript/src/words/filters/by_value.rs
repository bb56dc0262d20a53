//! Filters that compare values with a threshold.

use std::cmp::Ordering;

use weft_gts::{Column, Columns, Value as PointValue};

use super::{keep_if, push_filter};
use crate::error::{Fault, Kind, Result};
use crate::function::Selection;
use crate::heap::{Gts, Text};
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, Word, word};
use crate::value::Value;
use crate::words::points;

/// Which values of a series are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Last,
    Any,
    All,
}

/// What a value must be to the threshold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

#[derive(Clone)]
enum Threshold {
    Long(i64),
    Double(f64),
    Boolean(bool),
    String(Text),
}

macro_rules! filter_word {
    ($name:literal, $since:literal, $doc:literal, $yes:literal, $no:literal) => {
        word(
            $name,
            make,
            $since,
            concat!("threshold<ANY> ", $name, " filter<FILTER>"),
            $doc,
            &[
                (
                    concat!(
                        "[ [ NEWGTS 1 NaN NaN NaN 5 ADDVALUE ] [] ",
                        $yes,
                        " ",
                        $name,
                        " ] FILTER SIZE"
                    ),
                    "[1]",
                ),
                (
                    concat!(
                        "[ [ NEWGTS 1 NaN NaN NaN 5 ADDVALUE ] [] ",
                        $no,
                        " ",
                        $name,
                        " ] FILTER SIZE"
                    ),
                    "[0]",
                ),
            ],
        )
    };
}

pub(in crate::words) static FAMILY: Family = Family { name: "filters of values", words: WORDS };

const WORDS: &[Word] = &[
    filter_word!(
        "filter.last.eq",
        "1.0.0",
        "Keeps series whose latest value equals the threshold. The value is converted to the type of the threshold: a LONG threshold cuts doubles, a STRING is compared with the text of the value. Of a bucketised series the value of the last bucket counts; series without one are dropped.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.last.ge",
        "1.0.0",
        "Keeps series whose latest value is at least the threshold, compared as by filter.last.eq.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.last.gt",
        "1.0.0",
        "Keeps series whose latest value is greater than the threshold, compared as by filter.last.eq.",
        "4",
        "5"
    ),
    filter_word!(
        "filter.last.le",
        "1.0.0",
        "Keeps series whose latest value is at most the threshold, compared as by filter.last.eq.",
        "5",
        "4"
    ),
    filter_word!(
        "filter.last.lt",
        "1.0.0",
        "Keeps series whose latest value is less than the threshold, compared as by filter.last.eq.",
        "6",
        "5"
    ),
    filter_word!(
        "filter.last.ne",
        "1.0.0",
        "Keeps series whose latest value differs from the threshold, compared as by filter.last.eq.",
        "6",
        "5"
    ),
    filter_word!(
        "filter.any.eq",
        "2.4.0",
        "Keeps series of which any value equals the threshold. Values are converted to the type of the threshold.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.any.ge",
        "2.4.0",
        "Keeps series of which any value is at least the threshold. Values are converted to the type of the threshold.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.any.gt",
        "2.4.0",
        "Keeps series of which any value is greater than the threshold. Values are converted to the type of the threshold.",
        "4",
        "5"
    ),
    filter_word!(
        "filter.any.le",
        "2.4.0",
        "Keeps series of which any value is at most the threshold. Values are converted to the type of the threshold.",
        "5",
        "4"
    ),
    filter_word!(
        "filter.any.lt",
        "2.4.0",
        "Keeps series of which any value is less than the threshold. Values are converted to the type of the threshold.",
        "6",
        "5"
    ),
    filter_word!(
        "filter.any.ne",
        "2.4.0",
        "Keeps series of which any value differs from the threshold. Values are converted to the type of the threshold.",
        "6",
        "5"
    ),
    filter_word!(
        "filter.all.eq",
        "2.4.0",
        "Keeps series all values of which equal the threshold, empty series among them. Values are converted to the type of the threshold.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.all.ge",
        "2.4.0",
        "Keeps series all values of which are at least the threshold, empty series among them. Values are converted to the type of the threshold.",
        "5",
        "6"
    ),
    filter_word!(
        "filter.all.gt",
        "2.4.0",
        "Keeps series all values of which are greater than the threshold, empty series among them. Values are converted to the type of the threshold.",
        "4",
        "5"
    ),
    filter_word!(
        "filter.all.le",
        "2.4.0",
        "Keeps series all values of which are at most the threshold, empty series among them. Values are converted to the type of the threshold.",
        "5",
        "4"
    ),
    filter_word!(
        "filter.all.lt",
        "2.4.0",
        "Keeps series all values of which are less than the threshold, empty series among them. Values are converted to the type of the threshold.",
        "6",
        "5"
    ),
    filter_word!(
        "filter.all.ne",
        "2.4.0",
        "Keeps series all values of which differ from the threshold, empty series among them. Values are converted to the type of the threshold.",
        "6",
        "5"
    ),
];

/// What a word's name says.
fn read_name(name: &str) -> (Which, Test) {
    let which = match name.split('.').nth(1) {
        Some("last") => Which::Last,
        Some("any") => Which::Any,
        _ => Which::All,
    };
    let test = match name.rsplit('.').next() {
        Some("eq") => Test::Eq,
        Some("ne") => Test::Ne,
        Some("ge") => Test::Ge,
        Some("gt") => Test::Gt,
        Some("le") => Test::Le,
        _ => Test::Lt,
    };
    (which, test)
}

fn make(vm: &mut Machine) -> Result {
    let threshold = vm.pop()?;
    let (which, test) = read_name(vm.word.name);
    let fits = match threshold {
        Value::Long(_) | Value::Double(_) | Value::String(_) => true,
        // Booleans only have the order of equality, except where a filter negates another.
        Value::Boolean(_) => matches!(test, Test::Eq | Test::Ne),
        _ => false,
    };
    if !fits {
        return Err(match which {
            Which::Last => Fault::text("Invalid threshold type."),
            Which::Any | Which::All => vm.error("threshold type is invalid."),
        });
    }
    let filter = match which {
        Which::Last => last,
        Which::Any => any,
        Which::All => all,
    };
    push_filter(vm, filter(test), vec![threshold])
}

macro_rules! chooser {
    ($which:expr, $test:ident) => {
        match $test {
            Test::Eq => |vm, p| select(vm, p, $which, Test::Eq),
            Test::Ne => |vm, p| select(vm, p, $which, Test::Ne),
            Test::Ge => |vm, p| select(vm, p, $which, Test::Ge),
            Test::Gt => |vm, p| select(vm, p, $which, Test::Gt),
            Test::Le => |vm, p| select(vm, p, $which, Test::Le),
            Test::Lt => |vm, p| select(vm, p, $which, Test::Lt),
        }
    };
}

fn last(test: Test) -> crate::function::Filter {
    chooser!(Which::Last, test)
}

fn any(test: Test) -> crate::function::Filter {
    chooser!(Which::Any, test)
}

fn all(test: Test) -> crate::function::Filter {
    chooser!(Which::All, test)
}

fn select(vm: &mut Machine, parameters: &[Value], which: Which, test: Test) -> Result<Selection> {
    let threshold = match parameters.first() {
        Some(Value::Long(v)) => Threshold::Long(*v),
        Some(Value::Double(v)) => Threshold::Double(*v),
        Some(Value::Boolean(v)) => Threshold::Boolean(*v),
        Some(Value::String(text)) => Threshold::String(Text::clone(vm.heap.text(*text))),
        _ => return Err(vm.error("threshold type is invalid.")),
    };
    Ok(keep_if(move |vm, handle| {
        let gts = vm.heap.gts(handle);
        let points = &gts.series.points;
        match which {
            Which::Last => match last_index(gts) {
                Some(index) => threshold.passes(points, index, test),
                None => Ok(false),
            },
            Which::Any => search(&threshold, points, test, true),
            Which::All => search(&threshold, points, test, false).map(|found| !found),
        }
    }))
}

/// Whether a value passes the test (`wanted`), or fails it.
fn search(threshold: &Threshold, points: &Columns, test: Test, wanted: bool) -> Result<bool> {
    for index in 0..points.len() {
        if threshold.passes(points, index, test)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the latest value of a series is: that of the last bucket, or the first of the newest tick.
fn last_index(gts: &Gts) -> Option<usize> {
    let ticks = &gts.series.points.ticks;
    if let Some(bucket) = points::bucket(gts) {
        return ticks.iter().position(|tick| *tick == bucket.last);
    }
    let newest = ticks.iter().max().filter(|tick| **tick > i64::MIN)?;
    ticks.iter().position(|tick| tick == newest)
}

impl Threshold {
    /// Whether the value at `index` is to the threshold what the test says.
    fn passes(&self, points: &Columns, index: usize, test: Test) -> Result<bool> {
        let order = match self {
            Self::Long(threshold) => {
                let value = match &points.values {
                    Column::Long(values) => values[index],
                    Column::Double(values) => values[index] as i64,
                    _ => return Err(not_a_number()),
                };
                value.cmp(threshold)
            }
            Self::Double(threshold) => {
                let value = match &points.values {
                    Column::Long(values) => values[index] as f64,
                    Column::Double(values) => values[index],
                    _ => return Err(not_a_number()),
                };
                java::compare_doubles(value, *threshold)
            }
            Self::String(threshold) => match &points.values {
                Column::String(values) => java::compare_texts(&values[index], threshold),
                values => java::compare_texts(&value_text(&values.get(index)), threshold),
            },
            Self::Boolean(threshold) => {
                let equal = matches!(&points.values, Column::Boolean(values) if values[index] == *threshold);
                return Ok(equal == (test == Test::Eq));
            }
        };
        Ok(match test {
            Test::Eq => order == Ordering::Equal,
            Test::Ne => order != Ordering::Equal,
            Test::Ge => order != Ordering::Less,
            Test::Gt => order == Ordering::Greater,
            Test::Le => order != Ordering::Greater,
            Test::Lt => order == Ordering::Less,
        })
    }
}

/// A value as Java's `toString` has it.
pub(in crate::words) fn value_text(value: &PointValue) -> String {
    match value {
        PointValue::Long(v) => v.to_string(),
        PointValue::Double(v) => weft_gts::double::JavaDouble(*v).to_string(),
        PointValue::Decimal(v) => weft_gts::double::JavaDouble(v.to_f64()).to_string(),
        PointValue::Boolean(v) => v.to_string(),
        PointValue::String(v) => v.to_string(),
        PointValue::Bytes(v) => weft_gts::utf8::from_latin1(v),
        PointValue::Deleted => String::new(),
    }
}

/// What Java says of a value that is no number.
pub(in crate::words) fn not_a_number() -> Fault {
    Fault::kind(Kind::Cast, "Not a number.")
}
