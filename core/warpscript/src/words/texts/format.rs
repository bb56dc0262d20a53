//! STRINGFORMAT: `java.util.Formatter`.

use std::fmt::Write;

use weft_gts::time::{civil_from_days, days_from_civil};

use super::format_number::{Decimals, Locale, Shape};
use crate::error::{Fault, Kind, Result};
use crate::heap::List;
use crate::java;
use crate::machine::Machine;
use crate::text::to_text;
use crate::value::Value;

/// The flags of a conversion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) left: bool,
    pub(super) alternate: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) group: bool,
    pub(super) parentheses: bool,
    previous: bool,
}

/// One `%…`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    index: Option<usize>,
    pub(super) flags: Flags,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    /// `t` or `T` came before the conversion.
    time: bool,
    pub(super) upper: bool,
    /// In lower case.
    pub(super) conversion: char,
}

fn bad(text: impl Into<String>) -> Fault {
    Fault::kind(Kind::Argument, text.into())
}

impl Flags {
    fn set(&mut self, flag: char) -> Result<bool> {
        let place = match flag {
            '-' => &mut self.left,
            '#' => &mut self.alternate,
            '+' => &mut self.plus,
            ' ' => &mut self.space,
            '0' => &mut self.zero,
            ',' => &mut self.group,
            '(' => &mut self.parentheses,
            '<' => &mut self.previous,
            _ => return Ok(false),
        };
        if std::mem::replace(place, true) {
            return Err(bad(format!("Flags = '{flag}'")));
        }
        Ok(true)
    }
}

impl Spec {
    /// Reads what follows a `%`; the specification and the text behind it.
    fn parse(text: &str) -> Result<(Self, &str)> {
        let number = |text: &str| -> (Option<usize>, usize) {
            let length = text.bytes().take_while(u8::is_ascii_digit).count();
            (text[..length].parse().ok(), length)
        };
        let mut rest = text;
        let mut index = None;
        if let (Some(n), length) = number(rest)
            && !rest.starts_with('0')
            && rest[length..].starts_with('$')
        {
            index = Some(n);
            rest = &rest[length + 1..];
        }
        let mut flags = Flags::default();
        while let Some(c) = rest.chars().next() {
            if !flags.set(c)? {
                break;
            }
            rest = &rest[1..];
        }
        let (width, length) = number(rest);
        if length > 0 && width.is_none_or(|w| w > i32::MAX as usize) {
            return Err(bad("IllegalFormatWidth"));
        }
        rest = &rest[length..];
        let mut precision = None;
        if let Some(digits) = rest.strip_prefix('.') {
            let (n, length) = number(digits);
            precision = Some(n.filter(|n| *n <= i32::MAX as usize).ok_or_else(|| bad("."))?);
            rest = &digits[length..];
        }
        let time = rest.starts_with(['t', 'T']);
        let upper_time = rest.starts_with('T');
        if time {
            rest = &rest[1..];
        }
        let Some(c) = rest.chars().next().filter(|c| c.is_ascii_alphabetic() || *c == '%') else {
            return Err(bad("Conversion = '%'"));
        };
        let upper = if time { upper_time } else { c.is_ascii_uppercase() };
        let conversion = if time { c } else { c.to_ascii_lowercase() };
        let known = if time {
            "HIklMSLNpzZsQBbhAaCYyjmdeRTrDFc".contains(c)
        } else {
            "bBhHsScCdoxXeEfgGaA%n".contains(c)
        };
        if !known {
            return Err(bad(format!("Conversion = '{c}'")));
        }
        let spec = Self { index, flags, width, precision, time, upper, conversion };
        spec.check()?;
        Ok((spec, &rest[1..]))
    }

    /// Fails for flags, widths and precisions that do not go together.
    fn check(&self) -> Result {
        let f = self.flags;
        let mismatch = |wrong: bool| {
            if wrong {
                Err(bad(format!("Conversion = {}, Flags", self.conversion)))
            } else {
                Ok(())
            }
        };
        if f.left && self.width.is_none() {
            return Err(bad(format!("%-{}", self.conversion)));
        }
        let numeric = f.plus || f.space || f.zero || f.group || f.parentheses;
        let no_precision = || match self.precision {
            Some(precision) => Err(bad(precision.to_string())),
            None => Ok(()),
        };
        if self.time {
            no_precision()?;
            return mismatch(numeric || f.alternate);
        }
        match self.conversion {
            'b' | 'h' => mismatch(numeric || f.alternate),
            's' => mismatch(numeric),
            'c' => {
                no_precision()?;
                mismatch(numeric || f.alternate)
            }
            '%' => {
                no_precision()?;
                mismatch(numeric || f.alternate)
            }
            'n' => {
                no_precision()?;
                mismatch(numeric || f.alternate || f.left || self.width.is_some())
            }
            conversion => {
                if f.zero && self.width.is_none() {
                    return Err(bad(format!("%0{conversion}")));
                }
                if (f.plus && f.space) || (f.left && f.zero) {
                    return Err(bad("Flags"));
                }
                match conversion {
                    'd' => {
                        no_precision()?;
                        mismatch(f.alternate)
                    }
                    'o' | 'x' => {
                        no_precision()?;
                        mismatch(f.group || f.plus || f.space || f.parentheses)
                    }
                    'e' => mismatch(f.group),
                    'g' => mismatch(f.alternate),
                    'a' => mismatch(f.group || f.parentheses),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Fills up to the width.
    fn justify(&self, out: &mut String, text: &str) {
        let text = if self.upper { text.to_uppercase() } else { text.to_owned() };
        let missing = self.width.unwrap_or(0).saturating_sub(crate::utf16::len(&text));
        if !self.flags.left {
            out.extend(std::iter::repeat_n(' ', missing));
        }
        out.push_str(&text);
        if self.flags.left {
            out.extend(std::iter::repeat_n(' ', missing));
        }
    }

    /// Text cut to the precision.
    fn cut(&self, out: &mut String, text: &str) {
        match self.precision {
            Some(precision) if precision < crate::utf16::len(text) => {
                self.justify(out, &crate::utf16::slice(text, 0, precision));
            }
            _ => self.justify(out, text),
        }
    }
}

pub(super) fn string_format(vm: &mut Machine) -> Result {
    let (locale, values) = match vm.pop()? {
        Value::List(list) | Value::Vector(list) => (Locale::default(), list),
        Value::String(name) => {
            let locale = Locale::find(vm.heap.text(name));
            let locale = locale.ok_or_else(|| vm.error("expects a valid locale."))?;
            (locale, vm.pop_list("expects list of Objects under the locale.")?)
        }
        _ => {
            return Err(
                vm.error("expects a locale name or a list of Objects as the first parameter.")
            );
        }
    };
    let format = vm.pop_text("expects format under the list of Objects.")?;
    let values = vm.heap.list(values).clone();
    vm.charge(format.len());
    let text = format_all(vm, &format, &values, &locale)
        .map_err(|fault| fault.wrap("STRINGFORMAT expects a valid format."))?;
    vm.charge(text.len() / 8);
    vm.push_string(text)
}

fn format_all(vm: &Machine, format: &str, values: &List, locale: &Locale) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    let (mut ordinary, mut previous) = (0, None);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, behind) = Spec::parse(&rest[at + 1..])?;
        rest = behind;
        let room = spec.width.unwrap_or(0).saturating_add(spec.precision.unwrap_or(0));
        vm.heap.claim(room.saturating_mul(4).saturating_add(out.len() * 2))?;
        match spec.conversion {
            'n' if !spec.time => out.push('\n'),
            '%' if !spec.time => Spec { upper: false, ..spec }.justify(&mut out, "%"),
            _ => {
                let index = if spec.flags.previous {
                    previous
                } else if let Some(index) = spec.index {
                    index.checked_sub(1)
                } else {
                    ordinary += 1;
                    Some(ordinary - 1)
                };
                previous = index;
                let value = index.and_then(|index| values.get(index)).copied();
                let missing = || bad(format!("Format specifier '%{}'", spec.conversion));
                one(vm, &mut out, &spec, value.ok_or_else(missing)?, locale)?;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Appends one value.
fn one(vm: &Machine, out: &mut String, spec: &Spec, value: Value, locale: &Locale) -> Result {
    let refuse = || {
        let kind = match value {
            Value::Long(_) => "java.lang.Long",
            Value::Double(_) => "java.lang.Double",
            other => crate::text::type_name(&vm.heap, other),
        };
        Err(bad(format!("{} != {kind}", spec.conversion)))
    };
    if value.is_null() && (spec.time || spec.conversion != 'b') {
        spec.cut(out, "null");
        return Ok(());
    }
    if spec.time {
        return match value {
            Value::Long(ms) => {
                spec.justify(out, &time(spec.conversion, ms));
                Ok(())
            }
            _ => refuse(),
        };
    }
    match (spec.conversion, value) {
        ('b', Value::Null) => spec.cut(out, "false"),
        ('b', Value::Boolean(v)) => spec.cut(out, &v.to_string()),
        ('b', _) => spec.cut(out, "true"),
        ('s', Value::String(_)) | ('s', _) if spec.flags.alternate => {
            return Err(bad("Conversion = s, Flags = #"));
        }
        ('s', _) => spec.cut(out, &to_text(vm, value)?),
        ('h', _) => spec.cut(out, &format!("{:x}", java::hash(&vm.heap, value))),
        ('d', Value::Long(v)) => {
            let digits = v.unsigned_abs().to_string();
            spec.justify(out, &Shape::new(spec, locale, v < 0).whole(&digits));
        }
        ('x', Value::Long(v)) => {
            let prefix = if spec.flags.alternate { "0x" } else { "" };
            spec.justify(out, &plain(spec, prefix, &format!("{v:x}")));
        }
        ('o', Value::Long(v)) => {
            let prefix = if spec.flags.alternate { "0" } else { "" };
            spec.justify(out, &plain(spec, prefix, &format!("{v:o}")));
        }
        ('e' | 'f' | 'g' | 'a', Value::Double(v)) if v.is_nan() => spec.justify(out, "NaN"),
        ('e' | 'f' | 'g' | 'a', Value::Double(v)) if v.is_infinite() => {
            spec.justify(out, &Shape::new(spec, locale, v < 0.0).signed("Infinity"));
        }
        ('a', Value::Double(v)) => {
            let shape = Shape::new(spec, locale, v.is_sign_negative());
            spec.justify(out, &shape.hexadecimal(v.abs()));
        }
        ('e' | 'f' | 'g', Value::Double(v)) => {
            let shape = Shape::new(spec, locale, v.is_sign_negative());
            spec.justify(out, &shape.decimal(Decimals::of_double(v.abs())));
        }
        ('e' | 'f' | 'g', Value::Decimal(decimal)) => {
            let decimal = vm.heap.decimal(decimal);
            let negative = decimal.unscaled.sign() == num_bigint::Sign::Minus;
            let digits = decimal.unscaled.magnitude().to_string();
            let shape = Shape::new(spec, locale, negative);
            spec.justify(out, &shape.decimal(Decimals::new(&digits, decimal.scale)));
        }
        _ => return refuse(),
    }
    Ok(())
}

/// Octal and hexadecimal numbers: zeros between prefix and digits.
fn plain(spec: &Spec, prefix: &str, digits: &str) -> String {
    let width = if spec.flags.zero { spec.width.unwrap_or(0) } else { 0 };
    let missing = width.saturating_sub(prefix.len() + digits.len());
    format!("{prefix}{}{digits}", "0".repeat(missing))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// One part of a time of day or date, in UTC.
fn time(part: char, ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (seconds, milli) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let half = (hour + 11) % 12 + 1;
    let of_year = days - days_from_civil(year, 1, 1) + 1;
    let month_name = MONTHS[(month - 1) as usize];
    let day_name = DAYS[days.rem_euclid(7) as usize];
    let noon = if hour < 12 { "am" } else { "pm" };
    match part {
        'H' => format!("{hour:02}"),
        'I' => format!("{half:02}"),
        'k' => hour.to_string(),
        'l' => half.to_string(),
        'M' => format!("{minute:02}"),
        'S' => format!("{second:02}"),
        'L' => format!("{milli:03}"),
        'N' => format!("{milli:03}000000"),
        'p' => noon.to_owned(),
        'z' => "+0000".to_owned(),
        'Z' => "UTC".to_owned(),
        's' => ms.div_euclid(1000).to_string(),
        'Q' => ms.to_string(),
        'B' => month_name.to_owned(),
        'b' | 'h' => month_name[..3].to_owned(),
        'A' => day_name.to_owned(),
        'a' => day_name[..3].to_owned(),
        'C' => format!("{:02}", year / 100),
        'Y' => format!("{year:04}"),
        'y' => format!("{:02}", year % 100),
        'j' => format!("{of_year:03}"),
        'm' => format!("{month:02}"),
        'd' => format!("{day:02}"),
        'e' => day.to_string(),
        'R' => format!("{hour:02}:{minute:02}"),
        'T' => format!("{hour:02}:{minute:02}:{second:02}"),
        'r' => format!("{half:02}:{minute:02}:{second:02} {}", noon.to_uppercase()),
        'D' => format!("{month:02}/{day:02}/{:02}", year % 100),
        'F' => format!("{year:04}-{month:02}-{day:02}"),
        _ => {
            let mut text = format!("{} {} {day:02} ", &day_name[..3], &month_name[..3]);
            // Writing to a string does not fail.
            let _ = write!(text, "{hour:02}:{minute:02}:{second:02} UTC {year:04}");
            text
        }
    }
}
