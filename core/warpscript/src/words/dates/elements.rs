//! Ticks as dates and times, and back.

use weft_gts::time::{civil_from_days, days_from_civil};

use crate::calendar::{Zone, month_days};
use crate::error::{Error, Fault, Kind, Result};
use crate::heap::List;
use crate::machine::Machine;
use crate::value::{Handle, Value};

const DAY_MS: i64 = 86_400_000;

/// The fields of a local date and time.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    days: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
}

impl Civil {
    fn of(local_ms: i64) -> Self {
        let days = local_ms.div_euclid(DAY_MS);
        let of_day = local_ms.rem_euclid(DAY_MS);
        let (year, month, day) = civil_from_days(days);
        Self {
            year,
            month,
            day,
            days,
            hour: of_day / 3_600_000,
            minute: of_day / 60_000 % 60,
            second: of_day / 1000 % 60,
            millisecond: of_day % 1000,
        }
    }

    fn day_of_year(&self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1) + 1
    }

    /// 1 is Monday.
    fn day_of_week(&self) -> i64 {
        (self.days + 3).rem_euclid(7) + 1
    }

    /// The week of ISO 8601: that of the Thursday in it.
    fn week(&self) -> i64 {
        let thursday = self.days + 4 - self.day_of_week();
        let (year, _, _) = civil_from_days(thursday);
        (thursday - days_from_civil(year, 1, 1)) / 7 + 1
    }
}

/// Takes a tick and, above it, perhaps a time zone.
fn pop_tick(vm: &mut Machine) -> Result<(i64, Zone)> {
    let message = "operates on a timestamp or a timestamp + timezone.";
    let (zone, tick) = match vm.pop()? {
        Value::String(name) => {
            let name = crate::heap::Text::clone(vm.heap.text(name));
            (Some(name), vm.pop()?)
        }
        tick => (None, tick),
    };
    let zone = zone.map_or_else(|| Ok(Zone::utc()), |name| Zone::find(&name));
    match tick {
        Value::Long(tick) => Ok((tick, zone?)),
        _ => Err(vm.error(message)),
    }
}

/// Milliseconds, rounded down, and the time units beyond.
const fn split(tick: i64, per_ms: i64) -> (i64, i64) {
    (tick.div_euclid(per_ms), tick.rem_euclid(per_ms))
}

pub(super) fn iso8601(vm: &mut Machine) -> Result {
    let (tick, zone) = pop_tick(vm)?;
    let per_ms = vm.config.time_unit.per_ms();
    let (ms, beyond) = split(tick, per_ms);
    let offset = zone.offset_ms(ms);
    let civil = Civil::of(ms.wrapping_add(offset));
    let Civil { year, month, day, hour, minute, second, millisecond, .. } = civil;
    let sign = if year < 0 { "-" } else { "" };
    let digits = per_ms.ilog10() as usize;
    let beyond = if digits > 0 { format!("{beyond:0digits$}") } else { String::new() };
    let year = year.abs();
    let offset = offset_text(offset);
    vm.push_string(format!(
        "{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}\
         {beyond}{offset}"
    ))
}

/// `Z`, `+01:00`, `+00:09:21`.
fn offset_text(milliseconds: i64) -> String {
    if milliseconds == 0 {
        return "Z".to_owned();
    }
    let sign = if milliseconds < 0 { '-' } else { '+' };
    let seconds = milliseconds.abs() / 1000;
    let mut text = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 {
        text.push_str(&format!(":{:02}", seconds % 60));
    }
    text
}

pub(super) fn to_elements(vm: &mut Machine) -> Result {
    let (tick, zone) = pop_tick(vm)?;
    let elements = elements(vm, tick, &zone);
    vm.push_list(elements)
}

/// The ten elements of a tick.
pub(super) fn elements(vm: &Machine, tick: i64, zone: &Zone) -> List {
    let per_ms = vm.config.time_unit.per_ms();
    let (ms, beyond) = split(tick, per_ms);
    let civil = Civil::of(ms.wrapping_add(zone.offset_ms(ms)));
    let elements = [
        civil.year,
        civil.month,
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        civil.millisecond * per_ms + beyond,
        civil.day_of_year(),
        civil.day_of_week(),
        civil.week(),
    ];
    elements.into_iter().map(Value::Long).collect()
}

pub(super) fn from_elements(vm: &mut Machine) -> Result {
    let message = "operates on a list of timestamp elements or a list of timestamp elements + \
                   timezone.";
    let (zone, elements) = match vm.pop()? {
        Value::String(name) => {
            let name = crate::heap::Text::clone(vm.heap.text(name));
            (Zone::find(&name)?, vm.pop()?)
        }
        elements => (Zone::utc(), elements),
    };
    let Some(list) = elements.as_list() else {
        return Err(vm.error(message));
    };
    let tick = tick_of(vm, list, &zone)?;
    vm.push(tick)
}

/// The elements of a list as Java's `intValue` has them.
pub(super) fn integers(vm: &Machine, list: Handle<List>) -> Result<Vec<i64>> {
    let integer = |value: &Value| match value {
        Value::Long(v) => Ok(i64::from(*v as i32)),
        Value::Double(v) => Ok(i64::from(*v as i32)),
        _ => Err(Fault::Error(Box::new(Error::bare(Kind::Cast)))),
    };
    vm.heap.list(list).iter().take(16).map(integer).collect()
}

/// The tick of elements.
pub(super) fn tick_of(vm: &Machine, list: Handle<List>, zone: &Zone) -> Result<i64> {
    let given = integers(vm, list)?;
    let mut fields = [1970, 1, 1, 0, 0, 0];
    for (field, value) in fields.iter_mut().zip(&given) {
        *field = *value;
    }
    let [year, month, day, hour, minute, second] = fields;
    let check = |name: &str, value: i64, range: std::ops::RangeInclusive<i64>| {
        if range.contains(&value) {
            return Ok(());
        }
        let (from, to) = (range.start(), range.end());
        let text = format!("Value {value} for {name} must be in the range [{from},{to}]");
        Err(Fault::kind(Kind::Argument, text))
    };
    check("year", year, -292_275_054..=292_278_993)?;
    check("monthOfYear", month, 1..=12)?;
    check("dayOfMonth", day, 1..=month_days(year, month))?;
    check("hourOfDay", hour, 0..=23)?;
    check("minuteOfHour", minute, 0..=59)?;
    check("secondOfMinute", second, 0..=59)?;
    let of_day = (hour * 60 + minute) * 60 + second;
    let local = days_from_civil(year, month, day) * DAY_MS + of_day * 1000;
    let ms = zone.utc_ms(local);
    if ms.wrapping_add(zone.offset_ms(ms)) != local {
        let text = format!(
            "Illegal instant due to time zone offset transition (daylight savings time 'gap'): \
             {year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02} ({})",
            zone.name
        );
        return Err(Fault::kind(Kind::Argument, text));
    }
    let per_second = vm.config.time_unit.per_second();
    let fraction = given.get(6).map_or(0, |units| units % per_second);
    Ok((ms / 1000).wrapping_mul(per_second).wrapping_add(fraction))
}
