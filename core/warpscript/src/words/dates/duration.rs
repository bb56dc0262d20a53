//! DURATION, HUMANDURATION and ISODURATION.

use weft_gts::parse_double;

use crate::error::{Fault, Kind, Result};
use crate::machine::Machine;

pub(super) fn duration(vm: &mut Machine) -> Result {
    let message = "expects an ISO8601 duration (a string) on top of the stack. See \
                   http://en.wikipedia.org/wiki/ISO_8601#Durations";
    let text = vm.pop_text(message)?;
    let unit = vm.config.time_unit;
    let length = length(&text, unit.per_second(), unit.per_ms())
        .map_err(|f| f.wrap("DURATION encountered an error while parsing duration."))?;
    vm.push(length)
}

/// The length of a duration. What is no duration has none, from where it goes wrong.
fn length(text: &str, per_second: i64, per_ms: i64) -> Result<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let mut parts = text.split('.');
    let whole = parts.next().unwrap_or_default();
    let mut fraction = 0i64;
    let mut fields = Fields::default();
    match (parts.next(), parts.next()) {
        (None, _) => fields.read(whole)?,
        (Some(digits), None) => {
            let mut digits = digits.to_owned();
            digits.pop().ok_or_else(Fault::bounds)?;
            let value = parse_double(&format!("0.{digits}")).ok_or_else(|| {
                Fault::kind(Kind::Argument, format!("For input string: \"0.{digits}\""))
            })?;
            fraction = (value * per_second as f64) as i64;
            fields.read(&format!("{whole}S"))?;
        }
        _ => return Err(Fault::text("invalid ISO8601 duration.")),
    }
    if fields.years != 0 || fields.months != 0 {
        return Err(Fault::text(
            "no support for ambiguous durations containing years or months, please convert those \
             to days.",
        ));
    }
    let zeros = whole.trim_end_matches('0');
    let minus_zero = fields.seconds == 0 && zeros.len() < whole.len() && zeros.ends_with('-');
    if fields.seconds < 0 || minus_zero {
        fraction = -fraction;
    }
    let ms = fields.milliseconds();
    Ok(ms.wrapping_mul(per_ms).wrapping_add(fraction).wrapping_mul(sign))
}

/// The numbers of a duration.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    years: i64,
    months: i64,
    weeks: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    milliseconds: i64,
}

impl Fields {
    /// Reads as far as the text is a duration.
    fn read(&mut self, text: &str) -> Result {
        let Some(rest) = text.strip_prefix(['P', 'p']) else {
            return Ok(());
        };
        let mut rest = rest;
        let date = [
            ('Y', &mut self.years),
            ('M', &mut self.months),
            ('W', &mut self.weeks),
            ('D', &mut self.days),
        ];
        for (letter, place) in date {
            rest = take(rest, letter, place)?;
        }
        let Some(mut rest) = rest.strip_prefix(['T', 't']) else {
            return Ok(());
        };
        rest = take(rest, 'H', &mut self.hours)?;
        rest = take(rest, 'M', &mut self.minutes)?;
        // A comma is not cut off above, and milliseconds are all that is kept of what follows it.
        match rest.split_once(',') {
            None => take(rest, 'S', &mut self.seconds).map(|_| ()),
            Some((whole, digits)) => {
                let count = digits.bytes().take_while(u8::is_ascii_digit).count();
                if digits[count..].starts_with(['S', 's']) {
                    take(&format!("{whole}S"), 'S', &mut self.seconds)?;
                    let digits = format!("{:0<3}", &digits[..count.min(3)]);
                    let fraction = digits.parse().unwrap_or(0);
                    self.milliseconds = if whole.starts_with('-') { -fraction } else { fraction };
                }
                Ok(())
            }
        }
    }

    fn milliseconds(&self) -> i64 {
        let days = self.weeks * 7 + self.days;
        let minutes = (days * 24 + self.hours) * 60 + self.minutes;
        (minutes * 60 + self.seconds) * 1000 + self.milliseconds
    }
}

/// Takes a number that ends in `letter`; the text behind it.
fn take<'t>(text: &'t str, letter: char, place: &mut i64) -> Result<&'t str> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let end = sign + digits;
    let found = text[end..].chars().next().is_some_and(|c| c.eq_ignore_ascii_case(&letter));
    if digits == 0 || !found {
        return Ok(text);
    }
    let number: i32 = text[..end].parse().map_err(|_| {
        Fault::kind(Kind::Argument, format!("For input string: \"{}\"", &text[..end]))
    })?;
    *place = i64::from(number);
    Ok(&text[end + 1..])
}

pub(super) fn human_duration(vm: &mut Machine) -> Result {
    let message = "expects a number of time units (LONG) on top of the stack.";
    let length = vm.pop_long(message)?;
    let per_second = vm.config.time_unit.per_second();
    let mut text = String::from(if length < 0 { "-" } else { "" });
    let mut rest = length;
    for (seconds, letter) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        let units = seconds * per_second;
        let count = rest / units;
        // Smaller parts are shown below larger ones, and below a minus sign.
        if count != 0 || (letter != 'd' && !text.is_empty()) {
            text.push_str(&format!("{}{letter}", count.abs()));
            rest -= count * units;
        }
    }
    let seconds = rest / per_second;
    let fraction = (rest - seconds * per_second).abs();
    let digits = per_second.ilog10() as usize;
    vm.push_string(format!("{text}{}.{fraction:0digits$}s", seconds.abs()))
}

pub(super) fn iso_duration(vm: &mut Machine) -> Result {
    let message = "expects a number of time units (LONG) on top of the stack.";
    let ms = vm.pop_long(message)? / vm.config.time_unit.per_ms();
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, millis) = (ms / 1000 % 60, (ms % 1000).abs());
    if i32::try_from(hours).is_err() {
        let text = format!("Value cannot fit in an int: {hours}");
        return Err(Fault::kind(Kind::Arithmetic, text));
    }
    let mut text = "PT".to_owned();
    for (count, letter) in [(hours, 'H'), (minutes, 'M')] {
        if count != 0 {
            text.push_str(&format!("{count}{letter}"));
        }
    }
    if millis != 0 {
        let sign = if ms < 0 { "-" } else { "" };
        text.push_str(&format!("{sign}{}.{millis:03}S", seconds.abs()));
    } else if seconds != 0 || text == "PT" {
        text.push_str(&format!("{seconds}S"));
    }
    vm.push_string(text)
}
