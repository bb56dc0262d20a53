//! Time: now, units, ISO 8601, elements of dates, calendar arithmetic.

mod add;
mod duration;
mod elements;

use weft_gts::time::parse_instant;

use crate::decimal;
use crate::error::{Fault, Result};
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "dates",
    words: &[
        word(
            "NOW",
            |vm| {
                let now = now(vm);
                vm.push(now)
            },
            "1.0.0",
            "NOW tick<LONG>",
            "The time, in time units since the epoch.",
            &[("NOW TYPEOF", "[\"LONG\"]")],
        ),
        word(
            "AGO",
            ago,
            "1.2.0",
            "duration<NUMBER> AGO tick<LONG>",
            "The time so many time units ago.",
            &[("0 AGO NOW <=", "[true]")],
        ),
        word(
            "NOTBEFORE",
            not_before,
            "1.0.0",
            "tick<LONG> NOTBEFORE\ninstant<STRING> NOTBEFORE",
            "Fails before a time.",
            &[("MAXLONG NOTBEFORE", "!Current time is before")],
        ),
        word(
            "NOTAFTER",
            not_after,
            "1.0.0",
            "tick<LONG> NOTAFTER\ninstant<STRING> NOTAFTER",
            "Fails after a time.",
            &[("MAXLONG NOTAFTER 'in time'", "[\"in time\"]")],
        ),
        word(
            "w",
            unit,
            "1.0.0",
            "n<NUMBER> w duration<LONG>",
            "So many weeks.",
            &[("1 w", "[604800000000]")],
        ),
        word(
            "d",
            unit,
            "1.0.0",
            "n<NUMBER> d duration<LONG>",
            "So many days.",
            &[("1 d", "[86400000000]")],
        ),
        word(
            "h",
            unit,
            "1.0.0",
            "n<NUMBER> h duration<LONG>",
            "So many hours.",
            &[("1.5 h", "[5400000000]")],
        ),
        word(
            "m",
            unit,
            "1.0.0",
            "n<NUMBER> m duration<LONG>",
            "So many minutes.",
            &[("2 m", "[120000000]")],
        ),
        word(
            "s",
            unit,
            "1.0.0",
            "n<NUMBER> s duration<LONG>",
            "So many seconds.",
            &[("0.5 s", "[500000]")],
        ),
        word(
            "ms",
            unit,
            "1.0.0",
            "n<NUMBER> ms duration<LONG>",
            "So many milliseconds.",
            &[("1 ms", "[1000]")],
        ),
        word(
            "us",
            unit,
            "1.0.0",
            "n<NUMBER> us duration<LONG>",
            "So many microseconds.",
            &[("2.5 us", "[3]")],
        ),
        word(
            "ns",
            unit,
            "1.0.0",
            "n<NUMBER> ns duration<LONG>",
            "So many nanoseconds.",
            &[("499 ns", "[0]")],
        ),
        word(
            "ps",
            unit,
            "1.0.0",
            "n<NUMBER> ps duration<LONG>",
            "So many picoseconds.",
            &[("500000 ps", "[1]")],
        ),
        word(
            "ISO8601",
            elements::iso8601,
            "1.0.0",
            "tick<LONG> ISO8601 text<STRING>\ntick<LONG> timezone<STRING> ISO8601 text<STRING>",
            "A tick as a date and time of ISO 8601, in UTC or a time zone.",
            &[
                ("0 ISO8601", "[\"1970-01-01T00:00:00.000000Z\"]"),
                ("0 'Europe/Paris' ISO8601", "[\"1970-01-01T01:00:00.000000+01:00\"]"),
            ],
        ),
        word(
            "TOTIMESTAMP",
            to_timestamp,
            "1.0.0",
            "instant<STRING> TOTIMESTAMP tick<LONG>",
            "The tick of a date and time of ISO 8601 with an offset.",
            &[("'1970-01-01T00:00:01Z' TOTIMESTAMP", "[1000000]")],
        ),
        word(
            "->TSELEMENTS",
            elements::to_elements,
            "1.2.0",
            "tick<LONG> ->TSELEMENTS elements<LIST>\n\
             tick<LONG> timezone<STRING> ->TSELEMENTS elements<LIST>",
            "Year, month, day, hour, minute, second, fraction of the second in time units, day of \
             the year, day of the week (1 is Monday) and week of a tick.",
            &[("0 ->TSELEMENTS", "[[1970,1,1,0,0,0,0,1,4,1]]")],
        ),
        word(
            "TSELEMENTS",
            elements::to_elements,
            "1.0.0",
            "tick<LONG> TSELEMENTS elements<LIST>\n\
             tick<LONG> timezone<STRING> TSELEMENTS elements<LIST>",
            "The same as ->TSELEMENTS.",
            &[("0 TSELEMENTS", "[[1970,1,1,0,0,0,0,1,4,1]]")],
        ),
        word(
            "TSELEMENTS->",
            elements::from_elements,
            "1.2.0",
            "elements<LIST> TSELEMENTS-> tick<LONG>\n\
             elements<LIST> timezone<STRING> TSELEMENTS-> tick<LONG>",
            "The tick of elements as ->TSELEMENTS gives them; those that are missing at the end are \
             as early as can be.",
            &[
                ("[ 1970 1 2 ] TSELEMENTS->", "[86400000000]"),
                ("[ 2023 13 1 ] TSELEMENTS->", "!range"),
            ],
        ),
        word(
            "ADDDAYS",
            add::add,
            "1.2.0",
            "tick<LONG> n<LONG> ADDDAYS tick<LONG>\ntick<LONG> timezone<STRING> n<LONG> ADDDAYS tick<LONG>\n\
             elements<LIST> n<LONG> ADDDAYS elements<LIST>",
            "A tick or elements some days later, at the same time of day.",
            &[("0 1 ADDDAYS", "[86400000000]"), ("[ 2023 2 28 ] 1 ADDDAYS", "[[2023,3,1]]")],
        ),
        word(
            "ADDMONTHS",
            add::add,
            "1.2.0",
            "tick<LONG> n<LONG> ADDMONTHS tick<LONG>\n\
             tick<LONG> timezone<STRING> n<LONG> ADDMONTHS tick<LONG>\n\
             elements<LIST> n<LONG> ADDMONTHS elements<LIST>",
            "A tick or elements some months later; a day that the month does not have becomes its \
             last one.",
            &[("[ 2023 1 31 ] 1 ADDMONTHS", "[[2023,2,28]]")],
        ),
        word(
            "ADDYEARS",
            add::add,
            "1.2.0",
            "tick<LONG> n<LONG> ADDYEARS tick<LONG>\n\
             tick<LONG> timezone<STRING> n<LONG> ADDYEARS tick<LONG>\n\
             elements<LIST> n<LONG> ADDYEARS elements<LIST>",
            "A tick or elements some years later.",
            &[("[ 2024 2 29 ] 1 ADDYEARS", "[[2025,2,28]]")],
        ),
        word(
            "ADDDURATION",
            add::add_duration,
            "2.4.0",
            "tick<LONG> duration<STRING> ADDDURATION tick<LONG>\n\
             tick<LONG> duration<STRING> n<LONG> ADDDURATION tick<LONG>\n\
             tick<LONG> timezone<STRING> duration<STRING> ADDDURATION tick<LONG>\n\
             tick<LONG> timezone<STRING> duration<STRING> n<LONG> ADDDURATION tick<LONG>\n\
             elements<LIST> duration<STRING> ADDDURATION elements<LIST>",
            "A tick or elements one or n durations of ISO 8601 later.",
            &[
                ("0 'P1DT1H' ADDDURATION", "[90000000000]"),
                ("0 'P1M' 2 ADDDURATION", "[5097600000000]"),
            ],
        ),
        word(
            "DURATION",
            duration::duration,
            "1.0.0",
            "duration<STRING> DURATION length<LONG>",
            "The length of a duration of ISO 8601 without years and months, in time units.",
            &[("'PT1M' DURATION", "[60000000]"), ("'P1Y' DURATION", "!ambiguous")],
        ),
        word(
            "HUMANDURATION",
            duration::human_duration,
            "1.0.0",
            "length<LONG> HUMANDURATION text<STRING>",
            "A length of time for people.",
            &[("90061000000 HUMANDURATION", "[\"1d1h1m1.000000s\"]")],
        ),
        word(
            "ISODURATION",
            duration::iso_duration,
            "1.0.0",
            "length<LONG> ISODURATION duration<STRING>",
            "A length of time as a duration of ISO 8601, to the millisecond.",
            &[("61000000 ISODURATION", "[\"PT1M1S\"]")],
        ),
    ],
};

/// The time of this slice in time units.
pub(super) fn now(vm: &Machine) -> i64 {
    let per_second = i128::from(vm.config.time_unit.per_second());
    (i128::from(vm.clock.wall_ns) * per_second).div_euclid(1_000_000_000) as i64
}

fn ago(vm: &mut Machine) -> Result {
    let message = "expects an offset in time units on top of the stack.";
    let offset = match vm.pop()? {
        Value::Decimal(offset) => decimal::to_long(vm.heap.decimal(offset)),
        value => value.as_i64().ok_or_else(|| vm.error(message))?,
    };
    let now = now(vm);
    vm.push(now.wrapping_sub(offset))
}

/// Takes a tick, or an instant as text; and how it reads.
fn pop_instant(vm: &mut Machine) -> Result<(i64, String)> {
    match vm.pop()? {
        Value::Long(tick) => Ok((tick, tick.to_string())),
        Value::String(text) => {
            let text = vm.heap.text(text).to_string();
            Ok((instant(vm, &text)?, text))
        }
        _ => Err(vm.error("expects a timestamp or ISO8601 datetime string on top of the stack.")),
    }
}

fn instant(vm: &Machine, text: &str) -> Result<i64> {
    parse_instant(text, vm.config.time_unit).map_err(|error| Fault::text(error.to_string()))
}

fn not_before(vm: &mut Machine) -> Result {
    let (tick, text) = pop_instant(vm)?;
    if now(vm) < tick {
        return Err(Fault::text(format!("Current time is before '{text}'")));
    }
    Ok(())
}

fn not_after(vm: &mut Machine) -> Result {
    let (tick, text) = pop_instant(vm)?;
    if now(vm) > tick {
        let message = format!("failed because the current time is after '{text}'");
        return Err(vm.error(&message));
    }
    Ok(())
}

fn unit(vm: &mut Machine) -> Result {
    let number = match vm.pop()? {
        Value::Decimal(number) => decimal::to_double(vm.heap.decimal(number)),
        value => value.as_f64().ok_or_else(|| vm.error("can only operate on numeric values."))?,
    };
    let milliseconds = match vm.word.name {
        "w" => 604_800_000.0,
        "d" => 86_400_000.0,
        "h" => 3_600_000.0,
        "m" => 60_000.0,
        "s" => 1_000.0,
        "ms" => 1.0,
        "us" => 0.001,
        "ns" => 0.000_001,
        _ => 0.000_000_001,
    };
    let ticks = number * milliseconds * vm.config.time_unit.per_ms() as f64;
    vm.push(java::round(ticks))
}

fn to_timestamp(vm: &mut Machine) -> Result {
    let message = "expects an ISO8601 timestamp or a Date instance on top of the stack.";
    let text = vm.pop_text(message)?;
    let tick = instant(vm, &text)?;
    vm.push(tick)
}
