//! Mappers that take a tick apart as a time of the calendar.

use std::any::Any;

use weft_gts::Value as PointValue;
use weft_gts::time::civil_from_days;

use super::{maker, single, with_value};
use crate::calendar::Zone;
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::heap::Object;
use crate::literal::url_encode;
use crate::machine::Machine;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::push_function;

pub(in crate::words) static FAMILY: Family = Family { name: "calendar mappers", words: WORDS };

macro_rules! calendar_word {
    ($name:literal, $what:literal, $answer:literal) => {
        maker(
            $name,
            make,
            "1.0.0",
            concat!(
                "zone<STRING> ",
                $name,
                " mapper<AGGREGATOR>\noffset<LONG> ",
                $name,
                " mapper<AGGREGATOR>"
            ),
            concat!($what, " of the tick in a time zone, given by its name or as milliseconds."),
            &[(
                concat!(
                    "[ NEWGTS 0 NaN NaN NaN 5 ADDVALUE 'UTC' ",
                    $name,
                    " 0 0 0 ] MAP 0 GET VALUES"
                ),
                $answer,
            )],
        )
    };
}

const WORDS: &[Word] = &[
    calendar_word!("mapper.year", "The year", "[[1970]]"),
    calendar_word!("mapper.month", "The month, from 1,", "[[1]]"),
    calendar_word!("mapper.day", "The day of the month", "[[1]]"),
    calendar_word!("mapper.weekday", "The day of the week, 1 for Monday,", "[[4]]"),
    calendar_word!("mapper.hour", "The hour", "[[0]]"),
    calendar_word!("mapper.minute", "The minute", "[[0]]"),
    calendar_word!("mapper.second", "The second with its fraction, a DOUBLE,", "[[0.0]]"),
];

impl Object for Zone {
    fn type_name(&self) -> &'static str {
        "STRING"
    }

    fn footprint(&self) -> usize {
        self.name.len() + size_of::<Self>()
    }

    fn snapshot(&self) -> Option<String> {
        Some(format!("'{}' ", url_encode(&self.name)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn make(vm: &mut Machine) -> Result {
    let zone = match vm.pop()? {
        Value::String(text) => Zone::find(vm.heap.text(text))?,
        number @ (Value::Long(_) | Value::Double(_)) => {
            let offset = number.as_i64().unwrap_or(0) as i32;
            let bad = || Fault::kind(Kind::Argument, format!("Millis out of range: {offset}"));
            Zone::fixed(i64::from(offset)).ok_or_else(bad)?
        }
        _ => {
            return Err(vm.error("expects a STRING timezone or a NUMBER millisecond offset."));
        }
    };
    let zone = vm.heap.new_object(zone)?;
    static CALENDAR: Aggregator = Aggregator::mapper(run);
    push_function(vm, Role::Aggregator(&CALENDAR), vec![zone])
}

fn run(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    if single(vm, window)?.is_none() {
        return Ok(Point::none(0));
    }
    let Some(Value::Object(object)) = parameters.first() else {
        return Ok(Point::none(0));
    };
    let Some(zone) = vm.heap.object::<Zone>(*object) else {
        return Ok(Point::none(0));
    };
    let unit = vm.config.time_unit;
    let second = unit.per_second();
    let milliseconds = window.tick / unit.per_ms();
    let local = Local::new(milliseconds, zone);
    let value = match vm.word.name {
        "mapper.year" => local.year,
        "mapper.month" => local.month,
        "mapper.day" => local.day,
        "mapper.weekday" => local.weekday,
        "mapper.hour" => local.second / 3600,
        "mapper.minute" => local.second / 60 % 60,
        _ => {
            let fraction = (window.tick % second) as f64 / second as f64;
            let value = (local.second % 60) as f64 + fraction;
            return Ok(with_value(window, PointValue::Double(value)));
        }
    };
    vm.charge(4);
    Ok(with_value(window, PointValue::Long(value)))
}

/// A time of the Gregorian calendar, which goes on without end in both directions.
struct Local {
    year: i64,
    month: i64,
    day: i64,
    weekday: i64,
    /// Of the day.
    second: i64,
}

impl Local {
    fn new(milliseconds: i64, zone: &Zone) -> Self {
        let seconds = (milliseconds + zone.offset_ms(milliseconds)).div_euclid(1000);
        let days = seconds.div_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        Self {
            year,
            month,
            day,
            weekday: (days + 3).rem_euclid(7) + 1,
            second: seconds.rem_euclid(86_400),
        }
    }
}
