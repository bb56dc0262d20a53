//! Time units.

/// What one tick is worth (`warp.timeunits`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Milliseconds.
    Milliseconds,
    /// Microseconds, the usual choice.
    #[default]
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// Time units in a second (`X-Warp10-Timeunit`).
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// Time units in a millisecond.
    pub const fn per_ms(self) -> i64 {
        self.per_second() / 1_000
    }

    /// From the configuration's `ms`, `us` or `ns`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ms" => Some(Self::Milliseconds),
            "us" => Some(Self::Microseconds),
            "ns" => Some(Self::Nanoseconds),
            _ => None,
        }
    }
}

/// Why a text is no instant or no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not an ISO 8601 instant with an offset.
    #[error(
        "Can only parse an ISO8601 timestamp (YYYY-MM-DDThh:mm:ss.sssssssss) with a specified \
         time zone."
    )]
    Instant,
    /// Not an ISO 8601 duration.
    #[error("invalid ISO8601 duration.")]
    Duration,
    /// A duration with years or months, whose length is not fixed.
    #[error(
        "no support for ambiguous durations containing years or months, please convert those to \
         days."
    )]
    Ambiguous,
    /// The instant or duration lies beyond what a tick can hold.
    #[error("the time lies beyond what a tick can hold.")]
    Range,
}

const SECONDS_PER_DAY: i64 = 86_400;

/// The tick of an instant, `YYYY-MM-DDThh:mm[:ss[.f…]]` and `Z` or an offset. Digits beyond the time
/// unit are cut.
pub fn parse_instant(text: &str, unit: TimeUnit) -> Result<i64, TimeError> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let (seconds, nanos) = reader.instant().ok_or(TimeError::Instant)?;
    let fraction = nanos / (1_000_000_000 / unit.per_second());
    seconds
        .checked_mul(unit.per_second())
        .and_then(|ticks| ticks.checked_add(fraction))
        .ok_or(TimeError::Range)
}

/// The length of a duration, `P[nW][nD][T[nH][nM][n[.f…]S]]`, in time units. Every number may have a
/// sign.
pub fn parse_duration(text: &str, unit: TimeUnit) -> Result<i64, TimeError> {
    let period = Period::parse(text, unit)?;
    if period.years != 0 || period.months != 0 {
        return Err(TimeError::Ambiguous);
    }
    Ok(period.rest)
}

/// A duration that may have years and months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Years of the calendar.
    pub years: i64,
    /// Months of the calendar.
    pub months: i64,
    /// Everything else, in time units.
    pub rest: i64,
}

impl Period {
    /// Reads `P[nY][nM][nW][nD][T[nH][nM][n[.f…]S]]`. Every number may have a sign, and so may the
    /// whole.
    pub fn parse(text: &str, unit: TimeUnit) -> Result<Self, TimeError> {
        let (sign, text) = match text.strip_prefix('-') {
            Some(text) => (-1, text),
            None => (1, text),
        };
        let rest = text.strip_prefix(['P', 'p']).ok_or(TimeError::Duration)?;
        let (date, time) = match rest.split_once(['T', 't']) {
            Some((date, time)) if !time.is_empty() => (date, time),
            Some(_) => return Err(TimeError::Duration),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(TimeError::Duration);
        }
        let mut date = Parts { text: date };
        let whole = |part: Option<(i64, i64)>| part.map_or(0, |(whole, _)| whole);
        let (years, months) = (whole(date.take('Y', 1)?), whole(date.take('M', 1)?));
        let mut total = 0i64;
        let mut add = |part: Option<(i64, i64)>, seconds: i64| {
            let (whole, fraction) = part.unwrap_or_default();
            let ticks = whole.checked_mul(seconds).and_then(|s| s.checked_mul(unit.per_second()));
            total = ticks
                .and_then(|ticks| ticks.checked_add(fraction))
                .and_then(|ticks| total.checked_add(ticks))
                .ok_or(TimeError::Range)?;
            Ok::<(), TimeError>(())
        };
        add(date.take('W', 1)?, 7 * SECONDS_PER_DAY)?;
        add(date.take('D', 1)?, SECONDS_PER_DAY)?;
        date.end()?;
        let mut time = Parts { text: time };
        add(time.take('H', 1)?, 3_600)?;
        add(time.take('M', 1)?, 60)?;
        add(time.take('S', unit.per_second())?, 1)?;
        time.end()?;
        let signed = |number: i64| number.checked_mul(sign).ok_or(TimeError::Range);
        Ok(Self { years: signed(years)?, months: signed(months)?, rest: signed(total)? })
    }

    /// The period that a text begins with, as [`begun_duration`].
    ///
    /// # Errors
    /// One beyond what a tick can hold.
    pub fn begun(text: &str, unit: TimeUnit) -> Result<Self, TimeError> {
        let nothing = Self { years: 0, months: 0, rest: 0 };
        Ok(begun(text, |begun| Self::parse(begun, unit))?.unwrap_or(nothing))
    }

    /// The tick that lies this period before `tick`: years and months of the calendar (UTC), a day
    /// that its month does not have becoming the last one, then the rest.
    pub fn before(&self, tick: i64, unit: TimeUnit) -> Result<i64, TimeError> {
        let per_day = SECONDS_PER_DAY * unit.per_second();
        let (days, within) = (tick.div_euclid(per_day), tick.rem_euclid(per_day));
        let (mut year, mut month, mut day) = civil_from_days(days);
        if self.years != 0 || self.months != 0 {
            year = year.checked_sub(self.years).ok_or(TimeError::Range)?;
            day = day.min(days_in_month(year, month));
            let count = (year.checked_mul(12).ok_or(TimeError::Range)? + month - 1)
                .checked_sub(self.months)
                .ok_or(TimeError::Range)?;
            (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
            if year.abs() > YEAR_MAX {
                return Err(TimeError::Range);
            }
            day = day.min(days_in_month(year, month));
        }
        days_from_civil(year, month, day)
            .checked_mul(per_day)
            .and_then(|tick| tick.checked_add(within))
            .and_then(|tick| tick.checked_sub(self.rest))
            .ok_or(TimeError::Range)
    }
}

/// Years that calendar arithmetic goes to, in either direction.
const YEAR_MAX: i64 = 1_000_000_000;

/// Reads the parts of a duration from left to right.
struct Parts<'a> {
    text: &'a str,
}

impl Parts<'_> {
    /// The number before `letter` when that is the next one: whole, and its fraction in
    /// `per_unit`-ths (1: a fraction is an error).
    fn take(&mut self, letter: char, per_unit: i64) -> Result<Option<(i64, i64)>, TimeError> {
        let end = self.text.find(|c: char| c.is_ascii_alphabetic());
        let is_letter = |c: char| c.eq_ignore_ascii_case(&letter);
        let Some(end) = end.filter(|end| self.text[*end..].starts_with(is_letter)) else {
            return Ok(None);
        };
        let (number, rest) = (&self.text[..end], &self.text[end + 1..]);
        let (whole, fraction) = match number.split_once(['.', ',']) {
            Some(parts) if per_unit > 1 => parts,
            Some(_) => return Err(TimeError::Duration),
            None => (number, ""),
        };
        let is_negative = whole.starts_with('-');
        let whole: i64 = whole.parse().map_err(|_| TimeError::Duration)?;
        let fraction = fraction_of(fraction, per_unit).ok_or(TimeError::Duration)?;
        self.text = rest;
        Ok(Some((whole, if is_negative { -fraction } else { fraction })))
    }

    const fn end(&self) -> Result<(), TimeError> {
        if self.text.is_empty() { Ok(()) } else { Err(TimeError::Duration) }
    }
}

/// Digits behind a point, in units of one `per_second`-th; further digits are cut.
fn fraction_of(digits: &str, per_second: i64) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut fraction = 0;
    let mut weight = per_second / 10;
    for digit in digits.bytes() {
        fraction += i64::from(digit - b'0') * weight;
        weight /= 10;
    }
    Some(fraction)
}

/// Reads an instant from left to right.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Seconds since the epoch, and nanoseconds.
    fn instant(&mut self) -> Option<(i64, i64)> {
        let year = self.year()?;
        self.literal(b'-')?;
        let month = self.two(1, 12)?;
        self.literal(b'-')?;
        let day = self.two(1, days_in_month(year, month))?;
        self.literal(b'T').or_else(|| self.literal(b't'))?;
        let hour = self.two(0, 23)?;
        self.literal(b':')?;
        let minute = self.two(0, 59)?;
        let (mut second, mut nanos) = (0, 0);
        if self.literal(b':').is_some() {
            second = self.two(0, 59)?;
            if self.literal(b'.').is_some() {
                let digits = self.digits(9);
                nanos = fraction_of(std::str::from_utf8(digits).ok()?, 1_000_000_000)?;
            }
        }
        let offset = self.offset()?;
        self.region()?;
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
            + hour * 3_600
            + minute * 60
            + second
            - offset;
        (self.at == self.text.len()).then_some((seconds, nanos))
    }

    /// Four digits, or more behind a sign.
    fn year(&mut self) -> Option<i64> {
        let sign = match self.text.first()? {
            b'-' => -1,
            b'+' => 1,
            _ => 0,
        };
        self.at += usize::from(sign != 0);
        let digits = self.digits(9);
        let is_good = if sign == 1 { digits.len() > 4 } else { digits.len() >= 4 };
        let is_good = is_good && (sign != 0 || digits.len() == 4);
        let year: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        is_good.then_some(if sign < 0 { -year } else { year })
    }

    /// `Z`, or hours, perhaps minutes and seconds, east of Greenwich.
    fn offset(&mut self) -> Option<i64> {
        if self.literal(b'Z').or_else(|| self.literal(b'z')).is_some() {
            return Some(0);
        }
        let sign = if self.literal(b'+').is_some() {
            1
        } else {
            self.literal(b'-')?;
            -1
        };
        let hours = self.two(0, 18)?;
        let minutes = if self.literal(b':').is_some() { self.two(0, 59)? } else { 0 };
        let seconds = if self.literal(b':').is_some() { self.two(0, 59)? } else { 0 };
        let total = hours * 3_600 + minutes * 60 + seconds;
        (total <= 18 * 3_600).then_some(sign * total)
    }

    /// The name of a region behind the offset, which the offset decides already.
    fn region(&mut self) -> Option<()> {
        if self.literal(b'[').is_none() {
            return Some(());
        }
        let length = self.text[self.at..].iter().position(|byte| *byte == b']')?;
        self.at += length + 1;
        (length > 0).then_some(())
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        let is_there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there.then_some(())
    }

    fn two(&mut self, min: i64, max: i64) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + 2)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.at += 2;
        let number = i64::from(digits[0] - b'0') * 10 + i64::from(digits[1] - b'0');
        (min..=max).contains(&number).then_some(number)
    }

    fn digits(&mut self, max: usize) -> &[u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        &rest[..length]
    }
}

/// Bytes of a duration that are looked at.
const DURATION_MAX: usize = 128;

/// The duration that a text begins with; the rest does not count, as in the reference. `P` alone is
/// none, and lasts 0.
///
/// # Errors
/// One whose length is not fixed, or beyond what a tick can hold.
pub fn begun_duration(text: &str, unit: TimeUnit) -> Result<i64, TimeError> {
    Ok(begun(text, |begun| parse_duration(begun, unit))?.unwrap_or(0))
}

fn begun<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, TimeError>,
) -> Result<Option<T>, TimeError> {
    let ends = (1..=text.len().min(DURATION_MAX)).rev();
    for begun in ends.filter_map(|end| text.get(..end)) {
        match parse(begun) {
            Err(TimeError::Duration) => {}
            other => return other.map(Some),
        }
    }
    Ok(None)
}

/// Where a text stops being an instant: the start of the field that is none.
pub fn instant_end(text: &str) -> usize {
    const FIELDS: [(usize, u8); 6] =
        [(4, b'-'), (2, b'-'), (2, b'T'), (2, b':'), (2, b':'), (2, b'Z')];
    let bytes = text.as_bytes();
    let mut start = usize::from(text.starts_with(['+', '-']));
    for (digits, separator) in FIELDS {
        let end = start + digits;
        let field = bytes.get(start..end);
        if !field.is_some_and(|field| field.iter().all(u8::is_ascii_digit)) {
            return start;
        }
        match bytes.get(end) {
            Some(byte) if *byte == separator => start = end + 1,
            // More digits than a field takes make it none.
            Some(byte) if byte.is_ascii_digit() => return start,
            _ => return end,
        }
    }
    start
}

/// Days since the epoch of a date of the Gregorian calendar, before its beginning too.
pub const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day since the epoch.
pub const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const US: TimeUnit = TimeUnit::Microseconds;

    #[test]
    fn instants_are_read() {
        for (text, tick) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2015-08-19T16:00:05.000001Z", 1_440_000_005_000_001),
            ("2015-08-19T18:00:05+02:00", 1_440_000_005_000_000),
            ("2015-08-19T18:00:05+02:00[Europe/Paris]", 1_440_000_005_000_000),
            ("2015-08-19T18:00:05+02", 1_440_000_005_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2015-08-19T16:00Z", 1_440_000_000_000_000),
            ("-0001-01-01T00:00:00Z", -62_198_755_200_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ] {
            assert_eq!(parse_instant(text, US), Ok(tick), "{text}");
        }
        for text in [
            "",
            "now",
            "2015-08-19",
            "2015-08-19T16:00:05",
            "2015-13-01T00:00:00Z",
            "2015-02-29T00:00:00Z",
            "2015-08-19T18:00:05+0200",
            "2015-08-19T24:00:00Z",
            "2015-08-19T16:00:05Zx",
            "15-08-19T16:00:05Z",
            "2015-08-19T16:00:05+19:00",
        ] {
            assert_eq!(parse_instant(text, US), Err(TimeError::Instant), "{text}");
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, length) in [
            ("PT1S", 1_000_000),
            ("P1D", 86_400_000_000),
            ("P1W", 7 * 86_400_000_000),
            ("PT1H30M", 5_400_000_000),
            ("PT0.5S", 500_000),
            ("PT-0.5S", -500_000),
            ("-PT1.25S", -1_250_000),
            ("P1DT-1H", 82_800_000_000),
        ] {
            assert_eq!(parse_duration(text, US), Ok(length), "{text}");
        }
        assert_eq!(parse_duration("P1M", US), Err(TimeError::Ambiguous));
        assert_eq!(parse_duration("P1Y", US), Err(TimeError::Ambiguous));
        for text in ["", "P", "PT", "1D", "P1", "PT1D", "P1.5D", "PTxS", "PT1S1H"] {
            assert_eq!(parse_duration(text, US), Err(TimeError::Duration), "{text}");
        }
        assert_eq!(parse_duration("P999999999999D", US), Err(TimeError::Range));
    }

    #[test]
    fn a_duration_only_has_to_begin() {
        for (text, length) in [
            ("PT5SX", 5_000_000),
            ("P1D2H", 86_400_000_000),
            ("P1DT", 86_400_000_000),
            ("PT1.5M", 0),
            ("Pé", 0),
            ("", 0),
        ] {
            assert_eq!(begun_duration(text, US), Ok(length), "{text}");
        }
        assert_eq!(begun_duration("P1Mx", US), Err(TimeError::Ambiguous));
        assert_eq!(begun_duration("P999999999999Dx", US), Err(TimeError::Range));
        let period = Period { years: 1, months: 0, rest: 0 };
        assert_eq!(Period::begun("P1Y?", US), Ok(period));
    }

    #[test]
    fn it_is_said_where_a_text_is_no_instant() {
        for (text, at) in [("T", 0), ("-PT1S", 1), ("1970-01-01T00:00:00", 19), ("1970-1", 5)] {
            assert_eq!(instant_end(text), at, "{text}");
        }
    }

    #[test]
    fn periods_go_back_in_the_calendar() {
        let at = |text: &str| parse_instant(text, US).unwrap();
        for (period, from, to) in [
            ("P1M", "2015-03-31T12:00:00Z", "2015-02-28T12:00:00Z"),
            ("P1Y", "2016-02-29T00:00:00Z", "2015-02-28T00:00:00Z"),
            ("P1Y2M3DT4H", "2015-08-19T16:00:00Z", "2014-06-16T12:00:00Z"),
            ("-P1M", "2015-12-15T00:00:00Z", "2016-01-15T00:00:00Z"),
            ("PT0.5S", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z"),
        ] {
            let parsed = Period::parse(period, US).unwrap();
            assert_eq!(parsed.before(at(from), US), Ok(at(to)), "{period}");
        }
        let far = Period { years: i64::MAX, months: 0, rest: 0 };
        assert_eq!(far.before(0, US), Err(TimeError::Range));
    }

    proptest! {
        #[test]
        fn days_and_dates_are_each_others_inverse(days in -800_000_000i64..800_000_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
            prop_assert!((1..=days_in_month(year, month)).contains(&day));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,30}", shaped in "-?P?[0-9.TDHMSWY-]{0,12}") {
            let _ = parse_instant(&text, US);
            let _ = parse_duration(&text, US);
            let _ = parse_duration(&shaped, US);
        }
    }
}
