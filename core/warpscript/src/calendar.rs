//! Calendar arithmetic in time zones, as the reference's date library does it.
//!
//! Durations of ISO 8601 are added field by field, years first. Years, months, weeks and days move
//! the local time; the rest is exact. A local time that a change of clocks skips becomes the one as
//! much later; of a time that comes twice the first is meant.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use weft_gts::TimeUnit;
use weft_gts::time::{civil_from_days, days_from_civil};

use crate::error::{Fault, Kind, Result};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// The years that the reference's calendar knows.
const YEARS: std::ops::RangeInclusive<i64> = -292_275_054..=292_278_993;

/// A time zone with the name under which it is known.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    /// Its name: `UTC`, `+02:00`, `Europe/Paris`.
    pub(crate) name: String,
    pub(crate) zone: TimeZone,
}

/// A duration of ISO 8601: `P1Y2M3W4DT5H6M7.8S`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Duration {
    pub(crate) years: i64,
    pub(crate) months: i64,
    pub(crate) weeks: i64,
    pub(crate) days: i64,
    pub(crate) hours: i64,
    pub(crate) minutes: i64,
    pub(crate) seconds: i64,
    /// The fraction of a second, in time units and without a sign.
    pub(crate) fraction: i64,
}

#[cold]
fn overflow() -> Fault {
    Fault::kind(Kind::Arithmetic, "Adding a duration leaves the range of time.")
}

impl Zone {
    /// Greenwich.
    pub(crate) fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// A fixed offset of milliseconds, less than a day.
    pub(crate) fn fixed(milliseconds: i64) -> Option<Self> {
        if milliseconds == 0 {
            return Some(Self::utc());
        }
        if milliseconds.abs() >= DAY_MS {
            return None;
        }
        let sign = if milliseconds < 0 { '-' } else { '+' };
        let seconds = milliseconds.abs() / 1000;
        let mut name = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
        if seconds % 60 != 0 {
            name.push_str(&format!(":{:02}", seconds % 60));
        }
        let offset = Offset::from_seconds(i32::try_from(milliseconds / 1000).ok()?).ok()?;
        Some(Self { name, zone: TimeZone::fixed(offset) })
    }

    /// The zone of a name: of the zone database, as it is written there, or an offset.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if let Some(milliseconds) = parse_offset(name) {
            return Self::fixed(milliseconds);
        }
        let zone = TimeZone::get(name).ok()?;
        let exact = name == "UTC" || zone.iana_name() == Some(name);
        exact.then(|| Self { name: name.to_owned(), zone })
    }

    /// The zone of a name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(name: &str) -> Result<Self> {
        Self::named(name).ok_or_else(|| {
            let text = format!("The datetime zone id '{name}' is not recognised");
            Fault::kind(Kind::Argument, text)
        })
    }

    /// What is added to milliseconds of Greenwich to have the local ones.
    pub(crate) fn offset_ms(&self, milliseconds: i64) -> i64 {
        // Beyond the years that zones know, the offsets of the last of those hold.
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let seconds = milliseconds.div_euclid(1000).clamp(first, last);
        let known = Timestamp::from_second(seconds).unwrap_or_default();
        i64::from(self.zone.to_offset(known).seconds()) * 1000
    }

    /// Local milliseconds as those of Greenwich.
    pub(crate) fn utc_ms(&self, local: i64) -> i64 {
        let ambiguous = civil(local.div_euclid(1000))
            .and_then(|time| self.zone.to_ambiguous_timestamp(time).compatible().ok());
        match ambiguous {
            Some(time) => time.as_second() * 1000 + local.rem_euclid(1000),
            None => local.wrapping_sub(self.offset_ms(local)),
        }
    }
}

/// Local seconds as date and time, within the years that zones know.
fn civil(seconds: i64) -> Option<DateTime> {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let year = i16::try_from(year).ok()?;
    let part = |v: i64| i8::try_from(v).ok();
    let (month, day) = (part(month)?, part(day)?);
    DateTime::new(year, month, day, part(hour)?, part(minute)?, part(second % 60)?, 0).ok()
}

/// `+02:00`, `-0330` and the like, in milliseconds.
fn parse_offset(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if !text.starts_with(['+', '-']) || !plain || !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(Some(0), |d| d.parse::<i64>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    Some(if negative { -seconds * 1000 } else { seconds * 1000 })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(crate) const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Local milliseconds some months later; days that the month does not have become its last.
fn add_months(local: i64, months: i64) -> Result<i64> {
    let (year, month, day) = civil_from_days(local.div_euclid(DAY_MS));
    let months = (year * 12 + month - 1).checked_add(months).ok_or_else(overflow)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    if !YEARS.contains(&year) {
        return Err(overflow());
    }
    let days = days_from_civil(year, month, day.min(month_days(year, month)));
    days.checked_mul(DAY_MS)
        .and_then(|ms| ms.checked_add(local.rem_euclid(DAY_MS)))
        .ok_or_else(overflow)
}

impl Duration {
    /// Reads a duration. Letters may be small, numbers signed; what follows a whole duration is
    /// ignored, as the reference does.
    pub(crate) fn parse(text: &str, unit: TimeUnit) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            None => (text.to_owned(), None),
            Some((_, fraction)) if fraction.contains('.') => return None,
            Some((whole, fraction)) => {
                let mut digits = fraction.to_owned();
                digits.pop()?;
                (format!("{whole}S"), Some(digits))
            }
        };
        let mut duration = Self::default();
        if let Some(digits) = fraction {
            let value = weft_gts::parse_double(&format!("0.{digits}"))?;
            duration.fraction = (value * unit.per_second() as f64) as i64;
        }
        let rest = whole.strip_prefix(['P', 'p'])?;
        let (date, time) = match rest.find(['T', 't']) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        let Self { years, months, weeks, days, hours, minutes, seconds, .. } = &mut duration;
        let found =
            read_fields(date, &mut [('Y', years), ('M', months), ('W', weeks), ('D', days)])
                + read_fields(time, &mut [('H', hours), ('M', minutes), ('S', seconds)]);
        (found > 0).then_some(duration)
    }

    /// The instant `times` durations after `instant`, in time units.
    ///
    /// # Errors
    /// When that leaves the range of time.
    pub(crate) fn add(&self, instant: i64, zone: &Zone, times: i64, unit: TimeUnit) -> Result<i64> {
        let per_ms = unit.per_ms();
        let mut ms = instant / per_ms;
        let product = |v: i64, factor: i64| {
            v.checked_mul(times).and_then(|v| v.checked_mul(factor)).ok_or_else(overflow)
        };
        let months = [product(self.years, 12)?, product(self.months, 1)?];
        for months in months {
            if months != 0 {
                let local = ms.checked_add(zone.offset_ms(ms)).ok_or_else(overflow)?;
                ms = zone.utc_ms(add_months(local, months)?);
            }
        }
        let days = [product(self.weeks, 7 * DAY_MS)?, product(self.days, DAY_MS)?];
        for days in days {
            if days != 0 {
                let local = ms.checked_add(zone.offset_ms(ms)).ok_or_else(overflow)?;
                ms = zone.utc_ms(local.checked_add(days).ok_or_else(overflow)?);
            }
        }
        let exact = [
            product(self.hours, 3_600_000)?,
            product(self.minutes, 60_000)?,
            product(self.seconds, 1_000)?,
        ];
        for part in exact {
            ms = ms.checked_add(part).ok_or_else(overflow)?;
        }
        let fraction = if self.seconds < 0 { -self.fraction } else { self.fraction };
        Ok(ms
            .wrapping_mul(per_ms)
            .wrapping_add(instant % per_ms)
            .wrapping_add(fraction.wrapping_mul(times)))
    }
}

/// Reads numbers with their letters, in the order of the letters, until something else comes.
fn read_fields(mut text: &str, fields: &mut [(char, &mut i64)]) -> usize {
    let mut found = 0;
    for (letter, place) in fields {
        let sign = usize::from(text.starts_with(['-', '+']));
        let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let end = sign + digits;
        let follows = text[end..].chars().next();
        if digits == 0 || !follows.is_some_and(|c| c.eq_ignore_ascii_case(letter)) {
            continue;
        }
        let Ok(number) = text[..end].parse::<i32>() else {
            return found;
        };
        **place = i64::from(number);
        found += 1;
        text = &text[end + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Duration> {
        Duration::parse(text, TimeUnit::Microseconds)
    }

    #[test]
    fn durations_are_read() {
        let all = parse("P1Y2M3W4DT5H6M7.25S").unwrap();
        assert_eq!((all.years, all.months, all.weeks, all.days), (1, 2, 3, 4));
        assert_eq!((all.hours, all.minutes, all.seconds, all.fraction), (5, 6, 7, 250_000));
        assert_eq!(parse("P-1M").unwrap().months, -1);
        assert_eq!(parse("PT0.5S").unwrap().fraction, 500_000);
        assert_eq!(parse("P"), None);
        assert_eq!(parse("1M"), None);
        assert_eq!(parse("PT1.2.3S"), None);
    }

    #[test]
    fn offsets_are_read() {
        assert_eq!(parse_offset("-03:30"), Some(-12_600_000));
        assert_eq!(parse_offset("+25:00"), None);
    }

    #[test]
    fn months_end_and_clocks_change() {
        let unit = TimeUnit::Milliseconds;
        let day = |y, m, d| days_from_civil(y, m, d) * DAY_MS;
        let month = Duration { months: 1, ..Duration::default() };
        let utc = Zone::utc();
        assert_eq!(month.add(day(2024, 1, 31), &utc, 1, unit).unwrap(), day(2024, 2, 29));
        assert_eq!(month.add(day(2024, 4, 30), &utc, -3, unit).unwrap(), day(2024, 1, 30));
        // 02:30 of that day is skipped in Paris: 03:30 there, 01:30 in Greenwich.
        let paris = Zone::named("Europe/Paris").unwrap();
        let one_day = Duration { days: 1, ..Duration::default() };
        let before = day(2024, 3, 30) + 90 * 60_000;
        assert_eq!(one_day.add(before, &paris, 1, unit).unwrap(), day(2024, 3, 31) + 90 * 60_000);
        assert!(month.add(0, &utc, i64::MAX, unit).is_err());
    }
}
