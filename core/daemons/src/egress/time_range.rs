//! Which ticks a fetch is about, and how tokens narrow that.

use weft_gts::text::parse_long;
use weft_gts::time::{Period, TimeError, begun_duration, instant_end, parse_instant};
use weft_gts::{Labels, TimeUnit};
use weft_wire::token::ReadToken;

use super::error::Refusal;

/// Ticks from `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// Why a range is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeRangeError {
    /// Neither end is given.
    #[error("Missing either 'start' or '{0}' parameter.")]
    Missing(&'static str),
    /// A start alone.
    #[error("Missing '{0}' or 'start' and 'timespan' parameter.")]
    MissingEnd(&'static str),
    /// An end alone, and no count.
    #[error(
        "Invalid time range specification: 'count' is mandatory if 'start' and 'timespan' are not \
         specified."
    )]
    MissingCount,
    /// Both ends and a timespan.
    #[error(
        "Invalid time range specification: 'start', '{0}' and 'timespan' cannot all be defined. \
         Only 2 out of those 3 parameters should be defined."
    )]
    TooMany(&'static str),
    /// Neither a number nor an instant.
    #[error("Invalid format for parameter '{0}'.")]
    Format(&'static str),
    /// A timespan that is neither a number nor a duration.
    #[error("Invalid format for parameter 'timespan'. ({0})")]
    Timespan(String),
    /// A timespan without a value.
    #[error("Parameter 'timespan' is empty.")]
    TimespanEmpty,
    /// A timespan below 0.
    #[error("'timespan' cannot be negative.")]
    TimespanNegative,
    /// An empty range at an end of time.
    #[error("Cannot set 'timespan' to 0 and '{0}' to {1}.")]
    Nothing(&'static str, &'static str),
}

/// The range that a request means. `end` has the name under which it was given; `now` is the
/// present, in time units.
pub(crate) fn compute(
    start: Option<&str>,
    end: (&'static str, Option<&str>),
    timespan: Option<&str>,
    has_count: bool,
    now: i64,
    unit: TimeUnit,
) -> Result<TimeRange, TimeRangeError> {
    let (end_name, end) = end;
    let start = start.map(|text| tick(text, "start", now, unit)).transpose()?;
    let end = end.map(|text| tick(text, end_name, now, unit)).transpose()?;
    if start.is_none() && end.is_none() {
        // The reference names the parameter by what it is, whatever it was called.
        return Err(TimeRangeError::Missing(end_name));
    }
    if timespan.is_some() && start.is_some() && end.is_some() {
        return Err(TimeRangeError::TooMany(end_name));
    }
    let timespan = timespan.map(|text| span(text, unit)).transpose()?;
    match (start, end, timespan) {
        (Some(start), Some(end), _) => Ok(TimeRange { start: start.min(end), end: start.max(end) }),
        (None, Some(i64::MAX), Some(0)) => Err(TimeRangeError::Nothing(end_name, "MAX_VALUE")),
        (None, Some(end), Some(span)) => {
            let start = end.checked_sub(span).map_or(i64::MIN, |before| before.saturating_add(1));
            Ok(TimeRange { start, end })
        }
        (None, Some(end), None) if has_count => Ok(TimeRange { start: i64::MIN, end }),
        (None, Some(_), None) => Err(TimeRangeError::MissingCount),
        (Some(i64::MIN), None, Some(0)) => Err(TimeRangeError::Nothing("start", "MIN_VALUE")),
        (Some(start), None, Some(span)) => {
            let end = start.checked_add(span).map_or(i64::MAX, |after| after.saturating_sub(1));
            Ok(TimeRange { start, end })
        }
        (_, None, None) => Err(TimeRangeError::MissingEnd(end_name)),
        (None, None, Some(_)) => Err(TimeRangeError::Missing(end_name)),
    }
}

/// `now`, a number or an instant.
fn tick(text: &str, name: &'static str, now: i64, unit: TimeUnit) -> Result<i64, TimeRangeError> {
    if text == "now" {
        return Ok(now);
    }
    parse_long(text.as_bytes())
        .or_else(|| parse_instant(text, unit).ok())
        .ok_or(TimeRangeError::Format(name))
}

/// A number of time units, or a duration in whole milliseconds.
fn span(text: &str, unit: TimeUnit) -> Result<i64, TimeRangeError> {
    let span = match text.as_bytes().first() {
        None => return Err(TimeRangeError::TimespanEmpty),
        Some(b'P') => {
            let duration = begun_duration(text, unit).map_err(|error| {
                let message = error.to_string();
                let message = match error {
                    TimeError::Ambiguous => message.replacen("no support", "No support", 1),
                    _ => message,
                };
                TimeRangeError::Timespan(message)
            })?;
            duration - duration % unit.per_ms()
        }
        Some(_) => parse_long(text.as_bytes())
            .ok_or_else(|| TimeRangeError::Timespan(format!("For input string: \"{text}\"")))?,
    };
    if span < 0 { Err(TimeRangeError::TimespanNegative) } else { Ok(span) }
}

/// A duration that always lasts the same, with everything down to the time unit.
pub(crate) fn exact_duration(text: &str, unit: TimeUnit) -> Result<i64, Refusal> {
    begun_duration(text, unit).map_err(|error| match error {
        TimeError::Ambiguous => Refusal::AmbiguousDuration,
        _ => Refusal::Duration,
    })
}

/// What a token allows at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenBounds {
    start: Option<i64>,
    end: Option<i64>,
    pub(crate) active_after: Option<i64>,
    pub(crate) quiet_after: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) pre_boundary: Option<i64>,
    pub(crate) post_boundary: Option<i64>,
}

/// Why an attribute of a token is no bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AttributeError {
    /// Neither an instant nor a duration: what is wrong, the text, and where it stops being one.
    #[error("{0} (Text '{1}' could not be parsed at index {2})")]
    Instant(TimeError, String, usize),
    /// A time that no tick can hold, or a bad duration.
    #[error(transparent)]
    Time(TimeError),
    /// No number, or one below 0.
    #[error("Invalid {0} specification.")]
    Number(&'static str),
}

/// The bounds that the attributes of a token set. Durations go back from the end of the token's
/// range, or else of the request's.
pub(crate) fn token_bounds(
    token: &ReadToken,
    range: &TimeRange,
    now: i64,
    unit: TimeUnit,
) -> Result<TokenBounds, AttributeError> {
    let Some(attributes) = token.attributes.as_ref().filter(|all| !all.is_empty()) else {
        return Ok(TokenBounds::default());
    };
    let moment = |name: &str, from: i64| {
        let text = attributes.get(name).map(str::trim);
        let moment = text.map(|text| {
            instant_or_before(text, from, unit).map_err(|error| match error {
                TimeError::Instant => {
                    AttributeError::Instant(error, text.to_owned(), instant_end(text))
                }
                error => AttributeError::Time(error),
            })
        });
        moment.transpose()
    };
    let end = moment(".end", now)?;
    let from = end.unwrap_or(range.end);
    let active_after = match attributes.get(".activeafter").map(str::trim) {
        Some("0") => Some(range.start),
        _ => moment(".activeafter", from)?,
    };
    Ok(TokenBounds {
        start: moment(".start", from)?,
        end,
        quiet_after: moment(".quietafter", from)?,
        active_after,
        count: at_most(attributes, ".count", "count")?,
        pre_boundary: at_most(attributes, ".pre", "pre boundary")?,
        post_boundary: at_most(attributes, ".post", "post boundary")?,
    })
}

fn instant_or_before(text: &str, from: i64, unit: TimeUnit) -> Result<i64, TimeError> {
    if text.starts_with('P') {
        return Period::begun(text, unit)?.before(from, unit);
    }
    parse_instant(text, unit)
}

fn at_most(
    attributes: &Labels,
    name: &str,
    what: &'static str,
) -> Result<Option<i64>, AttributeError> {
    let number = |text: &str| {
        let number = parse_long(text.trim().as_bytes()).filter(|number| *number >= 0);
        number.ok_or(AttributeError::Number(what))
    };
    attributes.get(name).map(number).transpose()
}

impl TimeRange {
    /// Leaves out what the token does not allow.
    pub(crate) fn clamp(&mut self, bounds: &TokenBounds) {
        self.start = self.start.max(bounds.start.unwrap_or(i64::MIN));
        self.end = self.end.min(bounds.end.unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: TimeUnit = TimeUnit::Microseconds;

    fn range(
        start: Option<&str>,
        end: Option<&str>,
        timespan: Option<&str>,
        has_count: bool,
    ) -> Result<(i64, i64), TimeRangeError> {
        compute(start, ("end", end), timespan, has_count, 1_000, US)
            .map(|range| (range.start, range.end))
    }

    #[test]
    fn two_of_three_make_a_range() {
        assert_eq!(range(Some("5"), Some("9"), None, false), Ok((5, 9)));
        assert_eq!(range(Some("9"), Some("5"), None, false), Ok((5, 9)));
        assert_eq!(range(None, Some("now"), Some("10"), false), Ok((991, 1_000)));
        assert_eq!(range(Some("5"), None, Some("10"), false), Ok((5, 14)));
        assert_eq!(range(None, Some("9"), None, true), Ok((i64::MIN, 9)));
        assert_eq!(range(None, Some("0"), Some("PT0.0015S"), false), Ok((-999, 0)));
        let max = i64::MAX.to_string();
        assert_eq!(range(None, Some(&max), Some(&max), false), Ok((1, i64::MAX)));
    }

    #[test]
    fn anything_else_is_an_error() {
        use TimeRangeError as E;
        for (asked, error) in [
            (range(None, None, Some("1"), true), E::Missing("end")),
            (range(Some("1"), None, None, true), E::MissingEnd("end")),
            (range(None, Some("1"), None, false), E::MissingCount),
            (range(Some("1"), Some("1"), Some("1"), false), E::TooMany("end")),
            (range(Some("x"), None, None, false), E::Format("start")),
            (range(None, Some("1"), Some("-1"), false), E::TimespanNegative),
            (range(None, Some("1"), Some(""), false), E::TimespanEmpty),
        ] {
            assert_eq!(asked, Err(error));
        }
    }

    #[test]
    fn tokens_narrow_the_range() {
        let mut attributes = Labels::new();
        attributes.insert(".end", "1970-01-01T00:00:10Z");
        attributes.insert(".start", " PT5S");
        attributes.insert(".count", "7");
        let token = ReadToken { attributes: Some(attributes), ..ReadToken::default() };
        let mut asked = TimeRange { start: 0, end: i64::MAX };
        let bounds = token_bounds(&token, &asked, 0, US).expect("bounds");
        asked.clamp(&bounds);
        assert_eq!(asked, TimeRange { start: 5_000_000, end: 10_000_000 });
        assert_eq!(bounds.count, Some(7));
    }
}
