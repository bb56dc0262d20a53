//! ADDDAYS, ADDMONTHS, ADDYEARS and ADDDURATION.

use super::elements::{elements, integers, tick_of};
use crate::calendar::{Duration, Zone};
use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::value::Value;

const OPERAND: &str = "operates on a tselements list, timestamp, or timestamp and timezone.";

/// What is moved.
enum Target {
    Tick(i64, Zone),
    Elements(crate::value::Handle<crate::heap::List>),
}

/// Takes a tick, a tick and a time zone, or elements.
fn pop_target(vm: &mut Machine) -> Result<Target> {
    match vm.pop()? {
        Value::Long(tick) => Ok(Target::Tick(tick, Zone::utc())),
        Value::List(list) | Value::Vector(list) => Ok(Target::Elements(list)),
        Value::String(name) => {
            let name = crate::heap::Text::clone(vm.heap.text(name));
            let tick = vm.pop_long(OPERAND)?;
            Ok(Target::Tick(tick, Zone::find(&name)?))
        }
        _ => Err(vm.error(OPERAND)),
    }
}

pub(super) fn add(vm: &mut Machine) -> Result {
    let name = vm.word.name;
    let (what, duration) = match name {
        "ADDDAYS" => ("days", Duration { days: 1, ..Duration::default() }),
        "ADDMONTHS" => ("months", Duration { months: 1, ..Duration::default() }),
        _ => ("years", Duration { years: 1, ..Duration::default() }),
    };
    let message = format!("expects a number of {what} on top of the stack.");
    let count = i64::from(vm.pop_long(&message)? as i32);
    match pop_target(vm)? {
        Target::Tick(tick, zone) => {
            let moved = duration.add(tick, &zone, count, vm.config.time_unit)?;
            vm.push(moved)
        }
        Target::Elements(list) => {
            let given = integers(vm, list)?;
            let needed =
                if name == "ADDDAYS" { 3 } else { if name == "ADDMONTHS" { 2 } else { 1 } };
            if given.len() < needed {
                return Err(Fault::bounds());
            }
            let mut values = vm.heap.list(list).clone();
            let field = |index: usize| given.get(index).copied().unwrap_or(1);
            let date = (field(0), field(1), field(2));
            let (year, month, day) = match name {
                "ADDDAYS" => add_days(date, count),
                "ADDMONTHS" => add_months(date, count),
                _ => (date.0 + count, date.1, date.2),
            };
            let day = if name == "ADDDAYS" { day } else { clip(name, year, month, day) };
            for (value, field) in values.iter_mut().zip([year, month, day]) {
                *value = Value::Long(field);
            }
            if name == "ADDYEARS" {
                keep(&mut values, &vm.heap.list(list).clone(), 1);
            }
            vm.push_list(values)
        }
    }
}

/// Puts an element that was not meant to change back as it was.
fn keep(values: &mut [Value], before: &[Value], index: usize) {
    if let (Some(value), Some(before)) = (values.get_mut(index), before.get(index)) {
        *value = *before;
    }
}

/// Years divisible by 100 have no leap day here, as in the reference.
const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && year % 100 != 0
}

/// How many days a month has; any day is one of a month that there is not.
const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => i64::MAX,
    }
}

/// A day that the month does not have becomes its last one.
fn clip(name: &str, year: i64, month: i64, day: i64) -> i64 {
    match month {
        2 if day > 28 && !is_leap(year) => 28,
        2 if day > 29 && name == "ADDMONTHS" => 29,
        4 | 6 | 9 | 11 if day > 30 && name == "ADDMONTHS" => 30,
        _ => day,
    }
}

type Date = (i64, i64, i64);

/// Counts days, month by month.
fn add_days((mut year, mut month, mut day): Date, mut count: i64) -> Date {
    // A century of this calendar.
    const CENTURY: i64 = 36_524;
    if (1..=12).contains(&month) && (1..=28).contains(&day) {
        year += 100 * (count / CENTURY);
        count %= CENTURY;
    }
    while count > 0 {
        let last = days_in(year, month);
        if last == i64::MAX {
            // A month that there is not: the first step leaves it when it is too large.
            (day, count) = (day + 1, count - 1);
            if month <= 12 {
                return (year, month, day + count);
            }
            (month, year) = (1, year + 1);
            continue;
        }
        let left = (last - day).max(0);
        if count <= left {
            return (year, month, day + count);
        }
        count -= left + 1;
        (day, month) = (1, month + 1);
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
    while count < 0 {
        let left = (day - 1).max(0);
        if -count <= left {
            return (year, month, day + count);
        }
        count += left + 1;
        month -= 1;
        if month < 1 {
            (month, year) = (12, year - 1);
        }
        day = match days_in(year, month) {
            i64::MAX if is_leap(year) => 29,
            i64::MAX => 28,
            days => days,
        };
    }
    (year, month, day)
}

/// Counts months.
fn add_months((mut year, mut month, day): Date, mut count: i64) -> Date {
    if month > 12 && count > 0 {
        (month, year, count) = (1, year + 1, count - 1);
    } else if month < 1 && count < 0 {
        (month, year, count) = (12, year - 1, count + 1);
    }
    let total = month - 1 + count;
    // A month outside of a year stays there until a count passes the end of the year.
    if (count >= 0 && total < 0) || (count <= 0 && total > 11) {
        return (year, total + 1, day);
    }
    (year + total.div_euclid(12), total.rem_euclid(12) + 1, day)
}

pub(super) fn add_duration(vm: &mut Machine) -> Result {
    let (times, text) = match vm.pop()? {
        Value::Long(times) => {
            let message = "expects an ISO8601 duration (a string) in the second level of the \
                           stack (see http://en.wikipedia.org/wiki/ISO_8601#Durations).";
            (times, vm.pop_text(message)?)
        }
        Value::String(text) => (1, crate::heap::Text::clone(vm.heap.text(text))),
        _ => {
            return Err(vm.error(
                "expects an ISO8601 duration (a string) on top of the stack (see \
                 http://en.wikipedia.org/wiki/ISO_8601#Durations), or a number of durations (a \
                 Long).",
            ));
        }
    };
    let target = pop_target(vm)?;
    let unit = vm.config.time_unit;
    let duration = Duration::parse(&text, unit)
        .ok_or_else(|| vm.error("encountered an exception: invalid ISO8601 duration."))?;
    match target {
        Target::Tick(tick, zone) => {
            let moved = duration.add(tick, &zone, times, unit)?;
            vm.push(moved)
        }
        Target::Elements(list) => {
            let utc = Zone::utc();
            let tick = tick_of(vm, list, &utc)?;
            let moved = duration.add(tick, &utc, times, unit)?;
            let moved = elements(vm, moved, &utc);
            vm.push_list(moved)
        }
    }
}
