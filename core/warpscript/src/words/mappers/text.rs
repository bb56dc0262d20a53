//! Mappers of texts: regular expressions, and numbers as people of a language write them.

use std::any::Any;

use fancy_regex::Regex;
use weft_gts::selector::{Pattern, translate};
use weft_gts::{Value as PointValue, ValueRef};

use super::{bad_cast, maker, single, with_value};
use crate::error::{Fault, Kind, Result};
use crate::function::{Aggregator, Point, Role, Window};
use crate::heap::{Object, Text};
use crate::literal::url_encode;
use crate::machine::Machine;
use crate::registry::{Family, Word};
use crate::value::Value;
use crate::words::filters::push_function;

pub(in crate::words) static FAMILY: Family = Family { name: "mappers of texts", words: WORDS };

const WORDS: &[Word] = &[
    maker(
        "mapper.regexp.match",
        make_match,
        "2.10.0",
        "regexp<STRING> mapper.regexp.match mapper<AGGREGATOR>",
        "The first value of the window that a regular expression matches as a whole.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 'ab' ADDVALUE 'a.' mapper.regexp.match 0 0 0 ] MAP 0 GET VALUES",
            "[[\"ab\"]]",
        )],
    ),
    maker(
        "mapper.regexp.replace",
        make_replace,
        "2.10.0",
        "regexp<STRING> replacement<STRING> mapper.regexp.replace mapper<AGGREGATOR>",
        "Replaces what a regular expression matches in the value. The replacement refers to groups \
         as $1 or ${name}; a backslash takes the next character as it is.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN 'ab' ADDVALUE '(.)b' '$1c' mapper.regexp.replace 0 0 0 ] MAP \
             0 GET VALUES",
            "[[\"ac\"]]",
        )],
    ),
    maker(
        "mapper.parsedouble",
        make_parse,
        "1.2.5",
        "language<STRING> mapper.parsedouble mapper<AGGREGATOR>",
        "Reads a STRING as a number the way a language (a tag like 'fr' or 'de-CH') writes it. \
         What follows the number is ignored; texts that start otherwise are dropped.",
        &[(
            "[ NEWGTS 1 NaN NaN NaN '1.234,5' ADDVALUE 'de' mapper.parsedouble 0 0 0 ] MAP 0 GET \
             VALUES",
            "[[1234.5]]",
        )],
    ),
];

/// A compiled expression as a parameter.
#[derive(Debug)]
struct Expression {
    text: Text,
    whole: Pattern,
    search: Regex,
    names: Vec<(String, usize)>,
}

impl Expression {
    fn new(text: &Text) -> Result<Self> {
        let bad = |message: String| Fault::kind(Kind::Argument, message);
        let whole = Pattern::new(text).map_err(|error| bad(error.to_string()))?;
        let translation = translate(text).map_err(|error| bad(error.to_string()))?;
        let search = Regex::new(&translation.text).map_err(|error| bad(error.to_string()))?;
        Ok(Self { text: Text::clone(text), whole, search, names: translation.names })
    }
}

impl Object for Expression {
    fn type_name(&self) -> &'static str {
        "STRING"
    }

    fn footprint(&self) -> usize {
        self.text.len() + 4096
    }

    fn snapshot(&self) -> Option<String> {
        Some(format!("'{}' ", url_encode(&self.text)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The expression that is a function's first parameter.
fn expression<'a>(vm: &'a Machine, parameters: &[Value]) -> Result<&'a Expression> {
    let object = match parameters.first() {
        Some(Value::Object(object)) => vm.heap.object::<Expression>(*object),
        _ => None,
    };
    object.ok_or_else(Fault::null)
}

fn pop_expression(vm: &mut Machine) -> Result<Value> {
    let text = vm.pop_text("expects a regular expression STRING.")?;
    let expression = Expression::new(&text)?;
    vm.heap.new_object(expression)
}

fn make_match(vm: &mut Machine) -> Result {
    let expression = pop_expression(vm)?;
    static MATCH: Aggregator = Aggregator::mapper(first_match);
    push_function(vm, Role::Aggregator(&MATCH), vec![expression])
}

fn first_match(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let expression = expression(vm, parameters)?;
    let mut work = 0;
    let mut found = None;
    for index in 0..window.len() {
        let Some(ValueRef::String(text)) = window.at(index) else {
            return Err(bad_cast());
        };
        work += text.len() / 4 + 4;
        if expression.whole.is_match(text) {
            found = Some(index);
            break;
        }
    }
    vm.charge(work);
    Ok(match found {
        None => Point::none(window.tick),
        Some(index) => Point {
            tick: window.tick,
            location: window.location(index),
            elevation: window.elevation(index),
            value: window.value(index),
        },
    })
}

fn make_replace(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    vm.pop_text("expects a replacement STRING.")?;
    let expression = pop_expression(vm)?;
    static REPLACE: Aggregator = Aggregator::mapper(replace);
    push_function(vm, Role::Aggregator(&REPLACE), vec![expression, top])
}

fn replace(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let text = match single(vm, window)? {
        Some(ValueRef::String(text)) => text,
        Some(_) => return Err(bad_cast()),
        None => return Ok(Point::none(0)),
    };
    let expression = expression(vm, parameters)?;
    let replacement = parameters.get(1).and_then(|value| vm.as_text(*value));
    let replacement = replacement.map_or("", |text| text);
    let room = vm.heap.limit().saturating_sub(vm.heap.used());
    let replaced = replace_all(expression, text, replacement, room)?;
    vm.charge(text.len() + replaced.len());
    Ok(with_value(window, PointValue::String(replaced.into())))
}

/// `Matcher.replaceAll`, which also finds an empty match right behind another one.
fn replace_all(
    expression: &Expression,
    text: &str,
    replacement: &str,
    room: usize,
) -> Result<String> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while from <= text.len() {
        let found = expression.search.captures_from_pos(text, from);
        let found = found.map_err(|error| Fault::text(error.to_string()))?;
        let Some(captures) = found else { break };
        let Some(all) = captures.get(0) else { break };
        out.push_str(&text[copied..all.start()]);
        expand(&mut out, &captures, &expression.names, replacement)?;
        if out.len() > room {
            return Err(Fault::limit("Memory limit reached by a replacement."));
        }
        copied = all.end();
        from = all.end();
        if all.start() == all.end() {
            from += text[from..].chars().next().map_or(1, char::len_utf8);
        }
    }
    out.push_str(&text[copied..]);
    Ok(out)
}

/// Appends a replacement with its references to groups.
fn expand(
    out: &mut String,
    captures: &fancy_regex::Captures<'_, str>,
    names: &[(String, usize)],
    replacement: &str,
) -> Result {
    let bad = |message: &'static str| Fault::kind(Kind::Argument, message);
    let group = |number: usize| captures.get(number).map_or("", |found| found.as_str());
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push(rest.next().ok_or_else(|| bad("character to be escaped is missing"))?),
            '$' if rest.next_if_eq(&'{').is_some() => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(c) => name.push(c),
                        None => return Err(bad("named capturing group is missing trailing '}'")),
                    }
                }
                let known = names.iter().find(|(known, _)| *known == name);
                let (_, number) = known.ok_or_else(|| bad("No group with that name"))?;
                out.push_str(group(*number));
            }
            '$' => {
                let digit = rest.next().and_then(|c| c.to_digit(10));
                let mut number = digit.ok_or_else(|| bad("Illegal group reference"))? as usize;
                if number >= captures.len() {
                    return Err(Fault::kind(Kind::Bounds, format!("No group {number}")));
                }
                while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    number = longer;
                    rest.next();
                }
                out.push_str(group(number));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

fn make_parse(vm: &mut Machine) -> Result {
    let language = vm.peek(0)?;
    if vm.as_text(language).is_none() {
        return Err(Fault::text(format!(
            "Invalid parameter type for {}, expects a language tag (a string) on top of the stack.",
            vm.word.name
        )));
    }
    vm.pop()?;
    static PARSE: Aggregator = Aggregator::mapper(parse);
    push_function(vm, Role::Aggregator(&PARSE), vec![language])
}

fn parse(vm: &mut Machine, window: &Window<'_>, parameters: &[Value]) -> Result<Point> {
    let text = match single(vm, window)? {
        Some(ValueRef::String(text)) => text,
        Some(_) => return Ok(with_value(window, None)),
        None => return Ok(Point::none(0)),
    };
    let language = parameters.first().and_then(|value| vm.as_text(*value));
    let value = parse_number(text, Signs::of(language.map_or("", |text| text)));
    vm.charge(text.len() / 4 + 4);
    Ok(with_value(window, value.map(PointValue::Double)))
}

/// How a language writes numbers.
#[derive(Clone, Copy)]
struct Signs {
    decimal: char,
    grouping: char,
    minus: char,
}

impl Signs {
    /// Of a language tag: the language, and the region where it makes a difference.
    fn of(tag: &str) -> Self {
        const NO_BREAK: char = '\u{a0}';
        const NARROW: char = '\u{202f}';
        let mut parts = tag.split('-');
        let language = parts.next().unwrap_or_default().to_ascii_lowercase();
        let region = parts.next_back().unwrap_or_default().to_ascii_uppercase();
        let (decimal, grouping) = match (language.as_str(), region.as_str()) {
            ("de", "CH" | "LI") | ("it" | "rm" | "gsw", "CH") | ("gsw" | "rm", _) => ('.', '’'),
            ("de", "AT") | ("es", "CR") | ("pt", "PT") | ("en", "ZA" | "FI" | "SE") => {
                (',', NO_BREAK)
            }
            ("fr", "CA") => (',', NO_BREAK),
            ("fr", "LU" | "MA") => (',', '.'),
            ("fr", _) => (',', NARROW),
            ("es", "MX" | "US" | "GT" | "HN" | "NI" | "PA" | "PE" | "PR" | "SV" | "DO") => {
                ('.', ',')
            }
            (
                "de" | "es" | "it" | "nl" | "pt" | "da" | "el" | "tr" | "id" | "in" | "ro" | "hr"
                | "sl" | "sr" | "bs" | "mk" | "is" | "ca" | "gl" | "eu" | "vi" | "az" | "lb" | "fo",
                _,
            ) => (',', '.'),
            (
                "ru" | "uk" | "be" | "bg" | "cs" | "sk" | "pl" | "fi" | "sv" | "nb" | "nn" | "no"
                | "hu" | "lt" | "lv" | "et" | "kk" | "ky" | "hy" | "ka" | "sq" | "uz" | "tk",
                _,
            ) => (',', NO_BREAK),
            _ => ('.', ','),
        };
        let minus = match language.as_str() {
            "sv" | "fi" | "nb" | "nn" | "no" | "lt" | "et" | "sl" | "hr" | "fo" | "eu" | "gsw"
            | "rm" => '\u{2212}',
            _ => '-',
        };
        Self { decimal, grouping, minus }
    }
}

/// The number that a text starts with.
fn parse_number(text: &str, signs: Signs) -> Option<f64> {
    let (negative, rest) = match text.strip_prefix(signs.minus) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    if rest.starts_with('∞') {
        return Some(sign * f64::INFINITY);
    }
    if text.starts_with("NaN") {
        return Some(f64::NAN);
    }
    let mut digits = String::new();
    let (mut found, mut fraction) = (false, false);
    let mut rest = rest.chars().peekable();
    while let Some(c) = rest.peek().copied() {
        if let Some(digit) = c.to_digit(10) {
            found = true;
            digits.push(char::from(b'0' + digit as u8));
        } else if c == signs.decimal && !fraction {
            fraction = true;
            digits.push('.');
        } else if c == signs.grouping && !fraction {
            // Counts only in front of a digit.
            let mut ahead = rest.clone();
            ahead.next();
            if !ahead.peek().is_some_and(char::is_ascii_digit) {
                break;
            }
        } else if c == 'E' && found {
            digits.push_str(&exponent(rest.clone().skip(1)));
            break;
        } else {
            break;
        }
        rest.next();
    }
    if !found {
        return None;
    }
    weft_gts::parse_double(&digits).map(|value| sign * value)
}

/// `E` and the digits of an exponent; nothing when there is none.
fn exponent(rest: impl Iterator<Item = char>) -> String {
    let mut rest = rest.peekable();
    let mut text = String::from("E");
    if rest.next_if_eq(&'-').is_some() {
        text.push('-');
    }
    let start = text.len();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        text.push(digit);
    }
    if text.len() == start { String::new() } else { text }
}
