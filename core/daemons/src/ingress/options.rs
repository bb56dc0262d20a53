//! What the head of an update request and its token ask for.

use std::sync::Arc;

use weft_gts::Labels;
use weft_gts::time::begun_duration;

use super::IngressConfig;
use super::writer::Writer;
use crate::contract::RequestHead;
use crate::store::{ATTRIBUTE_TTL, ATTRIBUTE_USE_DATAPOINT_TS};
use crate::throttling::Tenant;
use crate::time::Wall;

/// How the lines of one update are read.
#[derive(Clone, Debug)]
pub(crate) struct UpdateOptions {
    /// The tick of lines without one; `None` is the time at which a line is read.
    pub(crate) now: Option<i64>,
    /// Ticks before this are refused.
    pub(crate) oldest: Option<i64>,
    /// Ticks after this are refused.
    pub(crate) newest: Option<i64>,
    /// Ticks out of range are left out instead.
    pub(crate) ignore_out_of_range: bool,
    /// Added to every tick.
    pub(crate) timeshift: i64,
    /// Attributes of a line change those before, one by one.
    pub(crate) delta_attributes: bool,
    /// Attributes are read at all.
    pub(crate) parse_attributes: bool,
    /// Empty lines and comments are refused like other lines without a datapoint.
    pub(crate) every_line_counts: bool,
    /// Bytes of a value.
    pub(crate) value_size_max: usize,
    /// Labels that every series gets.
    pub(crate) labels: Labels,
    /// Attributes of the data messages.
    pub(crate) message_attributes: Labels,
    /// Who writes.
    pub(crate) tenant: Arc<Tenant>,
}

/// A request that is refused: status and message.
pub(crate) type Refused = (u16, String);

const BAD_REQUEST: u16 = 400;
const SERVER_ERROR: u16 = 500;

impl UpdateOptions {
    /// From the request's head, in the order in which the reference checks it.
    pub(crate) fn new(
        config: &IngressConfig,
        head: &RequestHead,
        writer: &Writer,
        wall: Wall,
    ) -> Result<Self, Refused> {
        let delta_attributes = config.delta_asked(head);
        if delta_attributes && !config.allow_delta {
            return Err((BAD_REQUEST, DELTA_DISABLED.to_owned()));
        }
        let present = wall.in_units(config.unit);
        let limit = |ms: Option<i64>| ms.and_then(|ms| ms.checked_mul(config.unit.per_ms()));
        let attribute_max_past = limit_attribute(writer, ".maxpast")?;
        let attribute_max_future = limit_attribute(writer, ".maxfuture")?;
        let max_past = config.max_past_override_ms.or(attribute_max_past).or(config.max_past_ms);
        let max_future =
            config.max_future_override_ms.or(attribute_max_future).or(config.max_future_ms);
        let ignore = match writer.attribute(".ignoor").map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "t") => true,
            Some("false" | "f") => false,
            _ => config.ignore_out_of_range,
        };
        Ok(Self {
            now: base_tick(head.header(&config.headers.now), present),
            oldest: limit(max_past).and_then(|past| present.checked_sub(past)),
            newest: limit(max_future).and_then(|future| present.checked_add(future)),
            ignore_out_of_range: ignore,
            timeshift: timeshift(config, head)?,
            delta_attributes,
            parse_attributes: config.parse_attributes,
            every_line_counts: false,
            value_size_max: value_size_max(config, writer)?,
            labels: writer.labels.clone(),
            message_attributes: message_attributes(config, writer),
            tenant: Arc::new(writer.tenant()),
        })
    }
}

/// What an update or a meta with a delta is told where deltas are not allowed.
pub(crate) const DELTA_DISABLED: &str = "Delta update of attributes is disabled.";

fn limit_attribute(writer: &Writer, name: &str) -> Result<Option<i64>, Refused> {
    let Some(text) = writer.attribute(name) else { return Ok(None) };
    let limit = number(text)?;
    if limit < 0 {
        let message = format!("Invalid '{name}' token attribute, MUST be positive.");
        return Err((BAD_REQUEST, message));
    }
    Ok(Some(limit))
}

fn number(text: &str) -> Result<i64, Refused> {
    text.parse().map_err(|_| (SERVER_ERROR, format!("For input string: \"{text}\"")))
}

/// `X-Warp10-Now`: an absolute tick, a distance from the present, or `*`. Anything else leaves the
/// present: the reference takes no notice of the header, and senders of nonsense go on working.
fn base_tick(header: Option<&str>, present: i64) -> Option<i64> {
    let Some(text) = header else { return Some(present) };
    let parsed = match text.as_bytes().first() {
        Some(b'*') if text == "*" => return None,
        Some(b'+') => text[1..].parse().ok().map(|delta: i64| present.wrapping_add(delta)),
        Some(b'-') => text[1..].parse().ok().map(|delta: i64| present.wrapping_sub(delta)),
        _ => text.parse().ok(),
    };
    Some(parsed.unwrap_or(present))
}

/// `X-Warp10-Timeshift`: time units or what begins with an ISO 8601 duration.
fn timeshift(config: &IngressConfig, head: &RequestHead) -> Result<i64, Refused> {
    let Some(text) = head.header(&config.headers.timeshift) else { return Ok(0) };
    if text.starts_with('P') {
        return begun_duration(text, config.unit)
            .map_err(|error| (SERVER_ERROR, error.to_string()));
    }
    text.parse().map_err(|_| (BAD_REQUEST, "Invalid timeshift.".to_owned()))
}

/// A value must fit a message twice over, whatever the token says.
fn value_size_max(config: &IngressConfig, writer: &Writer) -> Result<usize, Refused> {
    let Some(text) = writer.attribute(".maxsize") else { return Ok(config.value_size_max) };
    let asked = usize::try_from(number(text)?).unwrap_or(0);
    Ok(asked.min((config.data_batch_bytes_max / 2).saturating_sub(64)))
}

fn message_attributes(config: &IngressConfig, writer: &Writer) -> Labels {
    let mut attributes = Labels::new();
    let configured_ttl = config.cell_ttl_ms.map(|ttl| ttl.to_string());
    if let Some(ttl) = writer.attribute(".ttl").map(str::to_owned).or(configured_ttl) {
        attributes.insert(ATTRIBUTE_TTL, ttl);
    }
    let configured = config.use_datapoint_ts.then_some("t");
    if let Some(flag) = writer.attribute(".dpts").or(configured) {
        attributes.insert(ATTRIBUTE_USE_DATAPOINT_TS, flag);
    }
    attributes
}
