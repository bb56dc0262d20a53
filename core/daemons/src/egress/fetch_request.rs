//! What a fetch asks for.

use weft_gts::TimeUnit;
use weft_gts::selector::Selector;

use super::access::{self, Reader};
use super::config::EgressConfig;
use super::error::Refusal;
use super::formats::{Format, FormatOptions, PackOptions};
use super::time_range::{self, TimeRange};
use crate::contract::RequestHead;
use crate::contract::peer::FindRequest;
use crate::contract::table;
use crate::params::Params;
use crate::time::Now;

/// A fetch, checked.
#[derive(Clone, Debug)]
pub(crate) struct FetchPlan {
    /// Which series.
    pub(crate) find: FindRequest,
    /// Leave out so many series.
    pub(crate) series_skip: u64,
    /// Then take so many.
    pub(crate) series_count: u64,
    /// What the token's scope leaves of them.
    pub(crate) scope: Option<Selector>,
    /// Which datapoints; without series.
    pub(crate) points: table::FetchRequest,
    /// How to write them.
    pub(crate) format: FormatOptions,
    /// Whether an error ends the body of a response that has begun.
    pub(crate) show_errors: bool,
}

/// The characters of a packed value when the request does not say.
const PACK_SIZE_DEFAULT: i32 = 65_536;

/// The suffix of packed classes when the request does not say.
const PACK_SUFFIX_DEFAULT: &str = ":packed";

/// Numbers that decide which datapoints are taken.
#[derive(Clone, Copy, Debug)]
struct Picks {
    count: i64,
    skip: i64,
    step: i64,
    timestep: i64,
    sample: f64,
    pre_boundary: i64,
    post_boundary: i64,
    series_skip: i64,
    series_count: i64,
}

impl FetchPlan {
    /// Checks the parameters in the order in which the reference does: of several mistakes the
    /// same one is answered. `draw` gives random bits.
    pub(crate) fn new(
        config: &EgressConfig,
        head: &RequestHead,
        params: &Params,
        now: Now,
        mut draw: impl FnMut() -> u64,
    ) -> Result<Self, Refusal> {
        check_accelerator(params)?;
        let pack = pack_options(params)?;
        let count = merge_counts(params)?;
        let timespan = params.get("timespan").filter(|_| count.0 != CountOrigin::Timespan);
        let end = end_parameter(params)?;
        let present = now.wall.in_units(config.unit);
        let start = params.get("start");
        let mut range =
            time_range::compute(start, end, timespan, count.1.is_some(), present, config.unit)?;
        let mut picks = Picks::parse(params, count.1.as_deref(), config.unit)?;
        let token = head.header(&config.headers.token).or_else(|| params.get("token"));
        let signature = head.header(&config.headers.fetch_signature);
        let is_signed = access::check_signature(config, signature, token, now.wall.as_ms())?;
        let reader = Reader::for_fetch(config, token, now.wall.as_ms())?;
        let mut active_after = optional_number(params, "activeafter")?;
        let mut quiet_after = optional_number(params, "quietafter")?;
        let bounds = time_range::token_bounds(reader.token(), &range, present, config.unit)?;
        range.clamp(&bounds);
        picks.clamp(&bounds);
        active_after = bounds.active_after.or(active_after);
        quiet_after = bounds.quiet_after.or(quiet_after);
        let format = Format::named(params.get("format"));
        let selectors = reader.fetch_selectors(params.get("selector"))?;
        if format == Format::Wrapper && !is_signed {
            return Err(Refusal::Unsigned);
        }
        let scope = reader.scope_of_request(config.absent_labels)?;
        let expose = is_signed || config.expose_owner_producer || reader.exposes();
        Ok(Self {
            find: FindRequest {
                selectors,
                sorted: true,
                active_after,
                quiet_after,
                estimates: false,
            },
            scope,
            series_skip: non_negative(picks.series_skip),
            series_count: non_negative(picks.series_count),
            points: picks.request(range, draw()),
            format: FormatOptions {
                format,
                count: u64::try_from(picks.count).ok(),
                dedup: params.is_true("dedup"),
                expose,
                sort: params.is_true("sortmeta"),
                show_attributes: params.is_true("showattr"),
                unpack: params.has("unpack").then(|| pack.suffix.clone()),
                pack,
                encoder_size_max: config.encoder_size_max,
                json_mask: (draw() >> 1) as i64,
                psk: config.fetch_psk,
            },
            show_errors: params.has("showerrors"),
        })
    }
}

/// The in-memory accelerator is the reference's own; its switches are checked all the same.
fn check_accelerator(params: &Params) -> Result<(), Refusal> {
    for (off, on) in [("nocache", "cache"), ("nopersist", "persist")] {
        if params.has(off) && params.has(on) {
            return Err(Refusal::BothFlags(off, on));
        }
    }
    Ok(())
}

fn pack_options(params: &Params) -> Result<PackOptions, Refusal> {
    let size_max = match params.get("maxsize") {
        None => PACK_SIZE_DEFAULT,
        Some(text) => i32::try_from(number(text)?).map_err(|_| Refusal::Number(text.to_owned()))?,
    };
    let suffix = params.get("suffix").unwrap_or(PACK_SUFFIX_DEFAULT).to_owned();
    let chunk_span = optional_number(params, "chunksize")?.unwrap_or(i64::MAX);
    if chunk_span <= 0 {
        return Err(Refusal::ChunkSize);
    }
    Ok(PackOptions { suffix, size_max, chunk_span })
}

/// Where a count comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountOrigin {
    Count,
    Timespan,
}

/// A negative timespan is a count.
fn merge_counts(params: &Params) -> Result<(CountOrigin, Option<String>), Refusal> {
    let count = params.get("count");
    let timespan = params.get("timespan").and_then(|text| number(text).ok());
    match timespan.filter(|span| *span < 0) {
        None => Ok((CountOrigin::Count, count.map(str::to_owned))),
        Some(_) if count.is_some() => Err(Refusal::BothCounts),
        Some(span) => Ok((CountOrigin::Timespan, Some(span.wrapping_neg().to_string()))),
    }
}

/// `end`, `stop` and `now` are one; which of them it is goes into messages.
fn end_parameter(params: &Params) -> Result<(&'static str, Option<&str>), Refusal> {
    let mut end = ("end", params.get("end"));
    for alias in ["stop", "now"] {
        let value = params.get(alias);
        if value.is_some() {
            if end.1.is_some() {
                return Err(Refusal::Both("end", alias));
            }
            end = (alias, value);
        }
    }
    Ok(end)
}

impl Picks {
    fn parse(params: &Params, count: Option<&str>, unit: TimeUnit) -> Result<Self, Refusal> {
        let or =
            |name, default| Ok::<_, Refusal>(optional_number(params, name)?.unwrap_or(default));
        let count = count.map_or(Ok(-1), number)?;
        let skip = or("skip", 0)?;
        let series_count = or("gcount", i64::MAX)?;
        let series_skip = or("gskip", 0)?;
        let step = or("step", 1)?;
        if step < 1 {
            return Err(Refusal::TooSmall("step"));
        }
        let timestep = match params.get("timestep") {
            Some(text) if text.starts_with('P') => time_range::exact_duration(text, unit)?,
            Some(text) => number(text)?,
            None => 1,
        };
        if timestep < 1 {
            return Err(Refusal::TooSmall("timestep"));
        }
        let sample = match params.get("sample") {
            Some(text) => weft_gts::text::parse_double(text.as_bytes())?,
            None => 1.0,
        };
        Ok(Self {
            count,
            skip,
            step,
            timestep,
            sample,
            pre_boundary: or("boundary.pre", 0)?,
            post_boundary: or("boundary.post", 0)?,
            series_skip,
            series_count,
        })
    }

    /// Takes no more than the token allows.
    fn clamp(&mut self, bounds: &time_range::TokenBounds) {
        let at_most = |value: i64, max: Option<i64>| max.map_or(value, |max| value.min(max));
        // No count at all is -1, and stays it: the reference does not limit that one.
        self.count = at_most(self.count, bounds.count);
        self.pre_boundary = at_most(self.pre_boundary, bounds.pre_boundary);
        self.post_boundary = at_most(self.post_boundary, bounds.post_boundary);
    }

    fn request(&self, range: TimeRange, sample_seed: u64) -> table::FetchRequest {
        let sample = if self.sample > 0.0 && self.sample <= 1.0 { self.sample } else { 1.0 };
        // There is nothing beyond the ends of time.
        let pre = if range.start == i64::MIN { 0 } else { self.pre_boundary };
        let post = if range.end == i64::MAX { 0 } else { self.post_boundary };
        table::FetchRequest {
            count: u64::try_from(self.count).ok(),
            skip: non_negative(self.skip),
            step: non_negative(self.step),
            timestep: self.timestep,
            sample,
            sample_seed,
            pre_boundary: non_negative(pre),
            post_boundary: non_negative(post),
            ..table::FetchRequest::range(Vec::new(), range.start, range.end)
        }
    }
}

fn non_negative(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn optional_number(params: &Params, name: &str) -> Result<Option<i64>, Refusal> {
    params.get(name).map(number).transpose()
}

/// A number as Java reads it.
pub(crate) fn number(text: &str) -> Result<i64, Refusal> {
    weft_gts::text::parse_long(text.as_bytes()).ok_or_else(|| Refusal::Number(text.to_owned()))
}
