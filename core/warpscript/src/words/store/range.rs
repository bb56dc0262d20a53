//! Which ticks a fetch is about.

use weft_gts::text::parse_long;
use weft_gts::time::{TimeError, parse_duration, parse_instant};

use crate::error::{Fault, Result};
use crate::machine::Machine;
use crate::value::Value;

/// Ticks from `start` to `end`, and the timespan where that made one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) timespan: Option<i64>,
}

/// The range of two of three parameters, or of an end and a count.
pub(super) fn compute(
    vm: &Machine,
    start: Value,
    end: Value,
    timespan: Value,
    has_count: bool,
) -> Result<Range> {
    let start = tick(vm, start, "start")?;
    let end = tick(vm, end, "end")?;
    let (start, end) = match (start, end) {
        (None, None) => return Err(Fault::text("Missing either 'start' or 'end' parameter.")),
        (Some(start), Some(end)) => (Some(start.min(end)), Some(start.max(end))),
        ends => ends,
    };
    if timespan.is_null() {
        return match (start, end) {
            (Some(start), Some(end)) => Ok(Range { start, end, timespan: None }),
            (None, Some(end)) if has_count => Ok(Range { start: i64::MIN, end, timespan: None }),
            (None, Some(_)) => Err(Fault::text(
                "Invalid time range specification: 'count' is mandatory if 'start' and \
                 'timespan' are not specified.",
            )),
            _ => Err(Fault::text("Missing 'end' or 'start' and 'timespan' parameter.")),
        };
    }
    if start.is_some() && end.is_some() {
        return Err(Fault::text(
            "Invalid time range specification: 'start', 'end' and 'timespan' cannot all be \
             defined. Only 2 out of those 3 parameters should be defined.",
        ));
    }
    let span = span(vm, timespan)?;
    if span < 0 {
        return Err(Fault::text("'timespan' cannot be negative."));
    }
    let nothing = |name: &str, value: &str| {
        Fault::text(format!("Cannot set 'timespan' to 0 and '{name}' to {value}."))
    };
    match (start, end) {
        (None, Some(i64::MAX)) if span == 0 => Err(nothing("end", "MAX_VALUE")),
        (Some(i64::MIN), None) if span == 0 => Err(nothing("start", "MIN_VALUE")),
        (None, Some(end)) => Ok(Range { start: before(end, span), end, timespan: Some(span) }),
        (start, _) => {
            let start = start.unwrap_or_default();
            let end = start.checked_add(span).map_or(i64::MAX, |end| end.saturating_sub(1));
            Ok(Range { start, end, timespan: Some(span) })
        }
    }
}

/// The first tick of a span that ends with `end`.
pub(super) fn before(end: i64, span: i64) -> i64 {
    end.checked_sub(span).map_or(i64::MIN, |start| start.saturating_add(1))
}

/// A number, `now`, the text of a number, or an instant.
fn tick(vm: &Machine, value: Value, name: &str) -> Result<Option<i64>> {
    let refused = || Fault::text(format!("Invalid format for parameter '{name}'."));
    match value {
        Value::Null => Ok(None),
        Value::Long(tick) => Ok(Some(tick)),
        Value::String(text) => {
            let text = vm.heap.text(text);
            if &**text == "now" {
                return Ok(Some(now(vm)));
            }
            let parsed = parse_long(text.as_bytes());
            let tick = parsed.or_else(|| parse_instant(text, vm.config.time_unit).ok());
            tick.map(Some).ok_or_else(refused)
        }
        _ => Err(refused()),
    }
}

/// The present, in time units.
pub(super) fn now(vm: &Machine) -> i64 {
    vm.clock.wall_ns.div_euclid(1_000_000_000 / vm.config.time_unit.per_second())
}

/// A number, its text, or a duration in whole milliseconds.
fn span(vm: &Machine, value: Value) -> Result<i64> {
    const REFUSED: &str = "Invalid format for parameter 'timespan'.";
    let text = match value {
        Value::Long(span) => return Ok(span),
        Value::String(text) => vm.heap.text(text),
        _ => return Err(Fault::text(REFUSED)),
    };
    let unit = vm.config.time_unit;
    let parsed =
        match text.as_bytes().first() {
            None => return Err(Fault::text("Parameter 'timespan' is empty.")),
            Some(b'P') => parse_duration(text, unit)
                .map(|span| span - span % unit.per_ms())
                .map_err(|error| match error {
                    TimeError::Ambiguous => {
                        error.to_string().replacen("no support", "No support", 1)
                    }
                    error => error.to_string(),
                }),
            Some(_) => {
                parse_long(text.as_bytes()).ok_or_else(|| format!("For input string: \"{text}\""))
            }
        };
    parsed.map_err(|reason| Fault::text(reason).wrap(REFUSED))
}
