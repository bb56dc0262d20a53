//! FETCH and its kin.

use std::sync::Arc;

use weft_gts::{Columns, Metadata, Series};
use weft_wire::thrift::MetaSet;

use super::columns::{Kind, append_as_is, append_converted};
use super::{Collect, Collector, metaset, params, range, select};
use crate::error::{Fault, Result};
use crate::heap::{Encoder, Gts, Map};
use crate::machine::Machine;
use crate::parser::Source;
use crate::requests::{Chunk, Fetch, Find, FindPurpose, Request, Target};
use crate::value::{Handle, Value};

/// The attribute that shows a series' id.
const UUID: &str = ".uuid";

pub(super) fn fetch(vm: &mut Machine) -> Result {
    begin(vm, None)
}

pub(super) fn fetch_long(vm: &mut Machine) -> Result {
    begin(vm, Some(Kind::Long))
}

pub(super) fn fetch_double(vm: &mut Machine) -> Result {
    begin(vm, Some(Kind::Double))
}

pub(super) fn fetch_string(vm: &mut Machine) -> Result {
    begin(vm, Some(Kind::String))
}

pub(super) fn fetch_boolean(vm: &mut Machine) -> Result {
    begin(vm, Some(Kind::Boolean))
}

/// Reads the parameters, asks, and waits.
fn begin(vm: &mut Machine, forced: Option<Kind>) -> Result {
    let top = vm.pop()?;
    let map = match (top, top.as_list()) {
        (Value::Map(map), _) => map,
        (_, Some(list)) => {
            let list = vm.heap.list(list).clone();
            as_map(vm, &list)?
        }
        _ => return Err(vm.error("expects a map or a list as parameter.")),
    };
    let (fetch, mut shape) = read(vm, map)?;
    if let Some(forced) = forced {
        if shape.kind.is_some() {
            return Err(vm.error("type of fetched GTS cannot be changed."));
        }
        shape.kind = Some(forced);
    }
    let request = vm.request(Request::Fetch(Box::new(fetch)));
    vm.push_task(Collect { request, collector: Fetched::new(shape) })
}

/// The five parameters of the list form as a map.
fn as_map(vm: &mut Machine, list: &[Value]) -> Result<Handle<Map>> {
    let [token, class, labels, first, second] = *list else {
        return Err(vm.error("expects a list with 5 elements."));
    };
    let (a, b) = match (first, second) {
        (Value::Long(_), Value::Long(_)) => ("end", "timespan"),
        (Value::String(_), Value::String(_)) => ("start", "end"),
        _ => {
            return Err(vm.error(
                "expects 'start' and 'end' to be Strings or 'end' and 'timespan' to be Longs.",
            ));
        }
    };
    let mut map = Map::default();
    let entries = [("token", token), ("class", class), ("labels", labels), (a, first), (b, second)];
    for (name, value) in entries {
        map.entries.insert(vm.heap.text_key(name)?, value);
    }
    vm.heap.alloc_map(map)
}

/// What series are made of the answer.
#[derive(Debug, Default)]
struct Shape {
    kind: Option<Kind>,
    type_attribute: Option<Arc<str>>,
    as_encoders: bool,
    show_uuid: bool,
    keep_empty: bool,
    /// A count without boundaries.
    count_only: Option<u64>,
}

fn read(vm: &mut Machine, map: Handle<Map>) -> Result<(Fetch, Shape)> {
    let set = match params::get(vm, map, "metaset") {
        Some(value) => Some(metaset::decode(vm, value)?),
        None => None,
    };
    let token = match &set {
        Some(set) => set.token.as_deref().unwrap_or_default().into(),
        None => match params::get(vm, map, "token") {
            Some(value) => params::text(vm, value)?,
            None => return Err(vm.error("Missing 'token' parameter")),
        },
    };
    let target = target(vm, map, set.as_ref())?;
    let (bounds, count) = bounds(vm, map, set.as_ref())?;
    let shape = shape(vm, map)?;
    let extra = extra(vm, map, set.is_some())?;
    let active_after = params::moment_ms(vm, map, "active.after")?;
    let quiet_after = params::moment_ms(vm, map, "quiet.after")?;
    let boundary = params::long(vm, map, "boundary", i64::MIN)?;
    let pre_boundary = params::long(vm, map, "boundary.pre", i64::MIN)?.or(boundary);
    let post_boundary = params::long(vm, map, "boundary.post", i64::MIN)?.or(boundary);
    let skip = params::long(vm, map, "skip", 0)?.unwrap_or(0);
    let step = params::long(vm, map, "step", 1)?.unwrap_or(1);
    let timestep = params::long(vm, map, "timestep", 1)?.unwrap_or(1);
    let sample = sample(vm, map)?;
    params::check_priority(vm, map)?;
    let series_skip = params::long(vm, map, "gskip", 0)?.unwrap_or(0);
    let series_count = params::long(vm, map, "gcount", 0)?.unwrap_or(i64::MAX);
    let has_boundary = |boundary: Option<i64>| boundary.is_some_and(|n| n != 0);
    let count_only = count
        .filter(|_| !has_boundary(pre_boundary) && !has_boundary(post_boundary))
        .and_then(|count| u64::try_from(count).ok());
    let fetch = Fetch {
        find: Find {
            token,
            target,
            active_after,
            quiet_after,
            skip: u64::try_from(series_skip).unwrap_or(0),
            count: u64::try_from(series_count).unwrap_or(0),
            purpose: FindPurpose::Series,
        },
        extra,
        end: bounds.end,
        start: bounds.start,
        count,
        skip,
        step,
        timestep,
        sample,
        pre_boundary,
        post_boundary,
    };
    Ok((fetch, Shape { count_only, ..shape }))
}

/// Which series: those of a metaset, given ones, or those that match.
fn target(vm: &mut Machine, map: Handle<Map>, set: Option<&MetaSet>) -> Result<Target> {
    let given = match params::get(vm, map, "gts") {
        None => None,
        Some(value) => Some(given_series(vm, value)?),
    };
    let selections = params::selections(vm, map)?;
    if let Some(set) = set {
        let all = set.metadatas.iter().flatten();
        return Ok(Target::Series(all.map(|message| message.metadata.clone()).collect()));
    }
    match (given, selections) {
        (Some(given), _) => Ok(Target::Series(given)),
        (None, Some(selections)) if selections.is_empty() => {
            let cause = Fault::bounds();
            Err(cause.wrap(format!("{} failed.", vm.word.name)))
        }
        (None, Some(selections)) => Ok(Target::Selectors(selections)),
        (None, None) => Err(vm.error(
            "Missing 'metaset', 'gts', 'selector', 'selectors' or 'class' and 'labels' parameters.",
        )),
    }
}

fn given_series(vm: &Machine, value: Value) -> Result<Vec<Metadata>> {
    let refused =
        || vm.error("invalid 'gts' parameter, expected a list of Geo Time Series or GTS Encoders.");
    let list = value.as_list().ok_or_else(refused)?;
    let series = vm.heap.list(list).iter();
    series.map(|item| select::metadata(vm, *item).cloned().ok_or_else(refused)).collect()
}

/// The range of ticks and the count, within what a metaset allows.
fn bounds(
    vm: &Machine,
    map: Handle<Map>,
    set: Option<&MetaSet>,
) -> Result<(range::Range, Option<i64>)> {
    let value = |name: &str| params::get(vm, map, name).unwrap_or_default();
    let (mut count, mut timespan) = (params::get(vm, map, "count"), value("timespan"));
    if let Value::Long(span) = timespan
        && span < 0
    {
        if count.is_some() {
            return Err(vm.error("cannot be given both 'count' and negative 'timespan'."));
        }
        count = Some(Value::Long(span.checked_neg().unwrap_or(i64::MAX)));
        timespan = Value::Null;
    }
    let has_count = count.is_some_and(|count| !count.is_null());
    let range = range::compute(vm, value("start"), value("end"), timespan, has_count)
        .map_err(|fault| fault.wrap(format!("{} given invalid parameters.", vm.word.name)))?;
    let count = match count {
        None | Some(Value::Null) => None,
        Some(Value::Long(count)) => Some(count),
        Some(_) => return Err(vm.error("Invalid type for parameter 'count'.")),
    };
    match set {
        None => Ok((range, count)),
        Some(set) => narrow(vm, map, set, range, count),
    }
}

/// What a metaset allows of a range.
fn narrow(
    vm: &Machine,
    map: Handle<Map>,
    set: &MetaSet,
    mut range: range::Range,
    mut count: Option<i64>,
) -> Result<(range::Range, Option<i64>)> {
    let has = |name: &str| params::get(vm, map, name).is_some();
    if has("boundary.pre") || has("boundary.post") {
        return Err(vm.error("cannot support both MetaSet and pre/post boundary parameters."));
    }
    if let Some(most) = set.max_duration {
        if set.not_before.is_none() && set.not_after.is_none() {
            range.end = range::now(vm);
        }
        if most >= 0 {
            range.timespan = Some(range.timespan.map_or(most, |span| span.min(most)));
        } else {
            let most = most.checked_neg().unwrap_or(i64::MAX);
            count = Some(count.map_or(most, |count| count.min(most)));
        }
    }
    range.end = range.end.max(set.not_before.unwrap_or(i64::MIN));
    range.end = range.end.min(set.not_after.unwrap_or(i64::MAX));
    if let Some(span) = range.timespan {
        if span == 0 && range.end == i64::MAX {
            return Err(vm.error(
                "use of MetaSet restrictions make it so 'timespan' is 0 and 'start' is \
                 MIN_VALUE, which is not supported.",
            ));
        }
        range.start = range::before(range.end, span);
    }
    Ok((range, count))
}

fn shape(vm: &mut Machine, map: Handle<Map>) -> Result<Shape> {
    let mut shape = Shape::default();
    if let Some(value) = params::get(vm, map, "type") {
        let name = params::text(vm, value)?;
        let Some(kind) = Kind::parse(&name) else {
            return Err(vm.error("Invalid value for parameter 'type'."));
        };
        shape.kind = Some(kind);
    }
    if let Some(value) = params::get(vm, map, "typeattr") {
        if params::get(vm, map, "type").is_some() {
            return Err(vm.error("Incompatible parameters 'type' and 'typeattr'."));
        }
        shape.type_attribute = Some(params::text(vm, value)?);
    }
    // Neither has an effect since 3.0, but not both can be asked for.
    if params::is_true(vm, map, "ttl") && params::is_true(vm, map, "wtimestamp") {
        return Err(vm.error("Only one of 'wtimestamp' and 'ttl' can be set to true."));
    }
    shape.show_uuid = params::is_true(vm, map, "showuuid");
    shape.as_encoders = params::is_true(vm, map, "encoders");
    shape.keep_empty = params::is_true(vm, map, "keepempty");
    Ok(shape)
}

fn extra(vm: &Machine, map: Handle<Map>, has_set: bool) -> Result<Vec<Arc<str>>> {
    let Some(value) = params::get(vm, map, "extra") else { return Ok(Vec::new()) };
    let other = if has_set { Some("metaset") } else { params::get(vm, map, "gts").map(|_| "gts") };
    if let Some(other) = other {
        return Err(vm.error(&format!("Cannot specify 'extra' when '{other}' is used.")));
    }
    let refused = || vm.error("Invalid type for parameter 'extra'.");
    let list = value.as_list().ok_or_else(refused)?;
    let mut classes: Vec<Arc<str>> = Vec::new();
    for value in vm.heap.list(list) {
        let class = vm.as_text(*value).ok_or_else(refused)?;
        if !classes.contains(class) {
            classes.push(Arc::clone(class));
        }
    }
    Ok(classes)
}

fn sample(vm: &Machine, map: Handle<Map>) -> Result<f64> {
    match params::get(vm, map, "sample") {
        None => Ok(1.0),
        Some(Value::Double(sample)) if sample > 0.0 && sample <= 1.0 => Ok(sample),
        Some(Value::Double(_)) => {
            Err(vm.error("Parameter 'sample' must be in the range ( 0.0, 1.0 ]."))
        }
        Some(_) => Err(vm.error("Invalid type for parameter 'sample'.")),
    }
}

/// Makes series of the answer.
struct Fetched {
    shape: Shape,
    /// The series that were found.
    found: Vec<Arc<Metadata>>,
    /// The one whose points come in.
    current: Option<Current>,
    /// Series before this one are made, or have no points.
    next: usize,
    results: Vec<Value>,
    hook: Option<Arc<str>>,
}

/// A series whose points come in.
struct Current {
    index: usize,
    points: Columns,
    /// With `typeattr`: a series for each type, in order of appearance.
    by_type: Vec<(&'static str, Columns)>,
    /// How many points came.
    count: u64,
}

impl Fetched {
    const fn new(shape: Shape) -> Self {
        Self { shape, found: Vec::new(), current: None, next: 0, results: Vec::new(), hook: None }
    }

    fn found(&mut self, vm: &mut Machine, metadata: Vec<Metadata>) -> Result {
        for mut metadata in metadata {
            vm.settings.fetched_series += 1;
            let (count, limit) = (vm.settings.fetched_series, vm.limits.gts);
            if count > limit {
                return Err(vm.error(&format!(
                    "exceeded limit of {limit} Geo Time Series, current count is {count}. \
                     Consider raising the limit or using capabilities."
                )));
            }
            if self.shape.show_uuid {
                metadata.attributes.insert(UUID, metadata.id.to_uuid());
            }
            self.found.push(Arc::new(metadata));
        }
        Ok(())
    }

    fn points(&mut self, vm: &mut Machine, index: usize, points: &Columns) -> Result {
        const POINT: usize = 48;
        vm.charge(points.len());
        let pending = self.current.as_ref().map_or(0, |current| current.count as usize);
        vm.heap.claim((pending + points.len()).saturating_mul(POINT))?;
        let count = points.len() as i64;
        vm.settings.fetched = vm.settings.fetched.saturating_add(count);
        if self.current.as_ref().is_some_and(|current| current.index != index) {
            self.finish(vm)?;
        }
        let current = self.current.get_or_insert_with(|| Current {
            index,
            points: self.shape.kind.map_or_else(Columns::default, Kind::columns),
            by_type: Vec::new(),
            count: 0,
        });
        if self.shape.type_attribute.is_some() {
            current.ventilate(points, self.shape.count_only);
        } else if self.shape.as_encoders {
            append_as_is(&mut current.points, points);
        } else {
            append_converted(&mut current.points, points);
        }
        current.count += points.len() as u64;
        let (fetched, limit) = (vm.settings.fetched, vm.limits.fetch);
        if fetched > limit {
            return Err(vm.error(&format!(
                "exceeded limit of {limit} datapoints, current count is {fetched}. Consider \
                 raising the limit or using capabilities."
            )));
        }
        Ok(())
    }

    /// The series whose points came in is complete.
    fn finish(&mut self, vm: &mut Machine) -> Result {
        let Some(current) = self.current.take() else { return Ok(()) };
        let Some(metadata) = self.found.get(current.index).cloned() else { return Ok(()) };
        self.empty_before(vm, current.index)?;
        self.next = current.index + 1;
        if let Some(attribute) = self.shape.type_attribute.clone() {
            for (kind, points) in current.by_type {
                let mut metadata = (*metadata).clone();
                metadata.attributes.insert(&*attribute, kind);
                let gts = vm.heap.new_gts(Series { metadata, bucket: None, points })?;
                self.results.push(gts);
            }
            return Ok(());
        }
        self.push(vm, &metadata, current.points)
    }

    /// Series without points, up to one that has some.
    fn empty_before(&mut self, vm: &mut Machine, index: usize) -> Result {
        if self.shape.keep_empty {
            for empty in self.next..index.min(self.found.len()) {
                let metadata = Arc::clone(&self.found[empty]);
                self.push(vm, &metadata, Columns::default())?;
            }
        }
        Ok(())
    }

    fn push(&mut self, vm: &mut Machine, metadata: &Metadata, points: Columns) -> Result {
        let metadata = metadata.clone();
        let value = if self.shape.as_encoders {
            let encoder = Encoder { metadata, points, ..Encoder::default() };
            Value::Encoder(vm.heap.alloc_encoder(encoder)?)
        } else {
            let series = Series { metadata, bucket: None, points };
            Value::Gts(vm.heap.alloc_gts(Gts::new(series))?)
        };
        self.results.push(value);
        Ok(())
    }
}

impl Current {
    /// Sorts points by the types of their values.
    fn ventilate(&mut self, points: &Columns, count_only: Option<u64>) {
        for (number, point) in points.iter().enumerate() {
            // As the reference: the last point of a count is not taken.
            if count_only.is_some_and(|count| self.count + number as u64 + 1 >= count) {
                break;
            }
            let kind = match point.value {
                weft_gts::Value::Long(_) => "LONG",
                weft_gts::Value::Boolean(_) => "BOOLEAN",
                weft_gts::Value::String(_) => "STRING",
                weft_gts::Value::Bytes(_) => "BINARY",
                _ => "DOUBLE",
            };
            let place = self.by_type.iter().position(|(known, _)| *known == kind);
            let place = place.unwrap_or_else(|| {
                self.by_type.push((kind, Columns::default()));
                self.by_type.len() - 1
            });
            let columns = &mut self.by_type[place].1;
            columns.append(point.tick, point.location, point.elevation, point.value);
        }
    }
}

impl Collector for Fetched {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        match chunk {
            Chunk::Metadata(metadata) => self.found(vm, metadata),
            Chunk::Points { series, points } => self.points(vm, series, &points),
            Chunk::Hook(hook) => {
                self.hook = Some(hook);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        self.finish(vm)?;
        self.empty_before(vm, self.found.len())?;
        vm.push_list(std::mem::take(&mut self.results))?;
        match self.hook.take() {
            Some(hook) => vm.push_task(Source::evaluated(hook, None)),
            None => Ok(()),
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.results.iter().for_each(|value| visit(*value));
    }
}
