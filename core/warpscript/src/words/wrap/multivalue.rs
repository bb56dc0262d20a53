//! Values that hold several values: wrappers as the values of points.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::double::JavaDouble;
use weft_gts::text::binary::encode_base64url_into;
use weft_gts::{Columns, Metadata, NO_ELEVATION, NO_LOCATION, Value as PointValue, percent, utf8};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;

use super::unpack;
use crate::error::{Fault, Result};
use crate::heap::{Encoder, Map};
use crate::machine::Machine;
use crate::value::Value;
use crate::words::points;

/// How deeply multivalues may be nested.
const DEPTH_MAX: usize = 64;

fn too_deep(vm: &Machine) -> Fault {
    vm.error("was given multivalues that are nested too deeply.")
}

pub(super) fn to_mv_string(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let mut out = String::new();
    match top {
        Value::Gts(_) | Value::Encoder(_) => {
            let points = columns(vm, top);
            write_points(vm, &mut out, &points, false, 0)?;
        }
        Value::Bytes(bytes) => {
            let bytes = vm.heap.bytes(bytes).clone();
            write_bytes(vm, &mut out, &bytes, 0)?;
        }
        Value::String(text) => {
            let bytes = opb64::decode(vm.heap.text(text).as_bytes())
                .map_err(|e| vm.error(&e.to_string()))?;
            write_bytes(vm, &mut out, &bytes, 0)?;
        }
        _ => {
            return Err(vm.error("operates on a Geo Time Series, ENCODER, STRING or byte array."));
        }
    }
    vm.push_string(out)
}

/// The points of a series or encoder.
fn columns(vm: &Machine, value: Value) -> Columns {
    match value {
        Value::Gts(handle) => vm.heap.gts(handle).series.points.clone(),
        Value::Encoder(handle) => vm.heap.encoder(handle).points.clone(),
        _ => Columns::default(),
    }
}

fn write_bytes(vm: &mut Machine, out: &mut String, bytes: &[u8], depth: usize) -> Result {
    if depth >= DEPTH_MAX {
        return Err(too_deep(vm));
    }
    match GtsWrapper::decode(bytes) {
        Ok(wrapper) => {
            let points = unpack::points(vm, &wrapper)?;
            write_points(vm, out, &points, wrapper.compressed == Some(true), depth)
        }
        Err(_) => {
            let mut text = Vec::new();
            encode_base64url_into(&mut text, bytes);
            out.push_str("b64:");
            out.extend(text.into_iter().map(char::from));
            Ok(())
        }
    }
}

fn write_points(
    vm: &mut Machine,
    out: &mut String,
    points: &Columns,
    compressed: bool,
    depth: usize,
) -> Result {
    out.push_str(if compressed { "[ " } else { "[! " });
    vm.charge(points.len() * 2);
    for point in points.iter() {
        vm.heap.claim(out.len() * 2)?;
        let (has_place, has_height) =
            (point.location != NO_LOCATION, point.elevation != NO_ELEVATION);
        if point.tick != 0 || has_place || has_height {
            out.push_str(&format!("{}/", point.tick));
        }
        if has_place {
            let (lat, lon) = crate::position::from_location(point.location);
            out.push_str(&format!("{}:{}/", JavaDouble(lat), JavaDouble(lon)));
        } else if has_height {
            out.push('/');
        }
        if has_height {
            out.push_str(&format!("{}/", point.elevation));
        }
        match &point.value {
            PointValue::Bytes(bytes) => write_bytes(vm, out, bytes, depth + 1)?,
            PointValue::String(text) => out.push_str(&format!("'{}'", percent::encode(text))),
            PointValue::Boolean(v) => out.push(if *v { 'T' } else { 'F' }),
            PointValue::Long(v) => out.push_str(&v.to_string()),
            PointValue::Double(v) => out.push_str(&JavaDouble(*v).to_string()),
            PointValue::Decimal(v) => out.push_str(&v.to_java_string()),
            PointValue::Deleted => return Err(Fault::null()),
        }
        out.push(' ');
    }
    out.push(']');
    Ok(())
}

/// What MVVALUES and the like take of a point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Value,
    Tick,
    Position,
    Elevation,
    Code,
}

pub(super) fn mv_extract(vm: &mut Machine) -> Result {
    let part = match vm.word.name {
        "MVTICKS" => Part::Tick,
        "MVLOCATIONS" => Part::Position,
        "MVELEVATIONS" => Part::Elevation,
        "MVHHCODES" => Part::Code,
        _ => Part::Value,
    };
    points::each(vm, |vm, value| {
        if !matches!(value, Value::Gts(_) | Value::Encoder(_)) {
            return Err(vm.error("can only be applied on Geo Time Series or GTS Encoders."));
        }
        let points = columns(vm, value);
        extract(vm, &points, matches!(value, Value::Gts(_)), part, 0)
    })
}

/// The wrapper that a value is; texts of series may be one, in ISO-8859-1.
fn wrapper_in(value: &PointValue, texts: bool) -> Option<GtsWrapper> {
    match value {
        PointValue::Bytes(bytes) => GtsWrapper::decode(bytes).ok(),
        PointValue::String(text) if texts => GtsWrapper::decode(&utf8::to_latin1(text)).ok(),
        _ => None,
    }
}

fn extract(
    vm: &mut Machine,
    columns: &Columns,
    texts: bool,
    part: Part,
    depth: usize,
) -> Result<Value> {
    if depth >= DEPTH_MAX {
        return Err(too_deep(vm));
    }
    vm.charge(columns.len());
    vm.heap.claim_values(columns.len())?;
    let mut list = Vec::with_capacity(columns.len());
    for point in columns.iter() {
        let inner = match wrapper_in(&point.value, texts) {
            Some(wrapper) => {
                let points = unpack::points(vm, &wrapper)?;
                Some(extract(vm, &points, false, part, depth + 1)?)
            }
            None if point.value == PointValue::Deleted => continue,
            None => None,
        };
        let own = match part {
            Part::Value if inner.is_some() => Value::Null,
            Part::Value => points::from_point(vm, &point.value)?,
            Part::Tick => Value::Long(point.tick),
            Part::Elevation => Value::Long(point.elevation),
            Part::Code => Value::Long(point.location),
            Part::Position => {
                let (lat, lon) = points::location_values(point.location);
                vm.heap.new_list(vec![lat, lon])?
            }
        };
        list.push(match inner {
            Some(inner) if part == Part::Value => inner,
            Some(inner) => vm.heap.new_list(vec![own, inner])?,
            None => own,
        });
    }
    vm.heap.new_list(list)
}

/// Which elements of multivalues are wanted.
#[derive(Default)]
struct Choice {
    single: Vec<i64>,
    ranges: Vec<(i64, i64)>,
    /// Whether anything was chosen: else all are wanted.
    any: bool,
    /// Plain values are wanted.
    plain: bool,
}

impl Choice {
    fn read(vm: &Machine, list: &[Value]) -> Result<Self> {
        let message = "expects ticks or ranges of ticks (LONGs).";
        let mut choice = Self { any: true, ..Self::default() };
        for item in list {
            match (*item, item.as_list().map(|list| vm.heap.list(list).as_slice())) {
                (Value::Long(tick), _) => {
                    choice.single.push(tick);
                    choice.plain |= tick == 0;
                }
                (_, Some([Value::Long(a), Value::Long(b)])) => {
                    choice.ranges.push((*a.min(b), *a.max(b)));
                }
                _ => return Err(vm.error(message)),
            }
        }
        choice.single.sort_unstable();
        Ok(choice)
    }

    fn wants(&self, index: i64) -> bool {
        !self.any
            || self.single.binary_search(&index).is_ok()
            || self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&index))
    }
}

pub(super) fn mv_split(vm: &mut Machine) -> Result {
    let by_tick = vm.word.name == "MVTICKSPLIT";
    let mut top = vm.pop()?;
    let mut names = None;
    if let Value::Map(map) = top {
        names = Some(map);
        top = vm.pop()?;
    }
    let is_series = |v: &Value| matches!(v, Value::Gts(_) | Value::Encoder(_));
    let mut choice = Choice::default();
    if let Some(list) = top.as_list() {
        let list = vm.heap.list(list);
        if !list.iter().all(is_series) {
            choice = Choice::read(vm, list)?;
            top = vm.pop()?;
        }
    } else {
        choice.plain = true;
    }
    let names = names.map(|map| vm.heap.map(map).clone()).unwrap_or_default();
    vm.push(top)?;
    points::each(vm, |vm, value| {
        let metadata = match value {
            Value::Gts(handle) => vm.heap.gts(handle).series.metadata.clone(),
            Value::Encoder(handle) => vm.heap.encoder(handle).metadata.clone(),
            _ => {
                let message = "operates on Geo Time Series or ENCODER or a list thereof.";
                return Err(vm.error(message));
            }
        };
        let parts = split(vm, &columns(vm, value), &choice, by_tick)?;
        name_parts(vm, parts, &metadata, &names)
    })
}

type Parts = IndexMap<i64, Columns, FxBuildHasher>;

fn split(vm: &mut Machine, points: &Columns, choice: &Choice, by_tick: bool) -> Result<Parts> {
    let mut parts = Parts::default();
    vm.charge(points.len() * 2);
    for point in points.iter() {
        let Some(wrapper) = wrapper_in(&point.value, true) else {
            if choice.plain {
                let part = parts.entry(0).or_default();
                part.push(point.tick, point.location, point.elevation, point.value);
            }
            continue;
        };
        let elements = unpack::points(vm, &wrapper)?;
        for (index, element) in elements.iter().enumerate() {
            let index = if by_tick { element.tick } else { index as i64 };
            if !choice.wants(index) {
                continue;
            }
            let place = |own: i64, outer: i64, none: i64| if own == none { outer } else { own };
            let location = place(element.location, point.location, NO_LOCATION);
            let elevation = place(element.elevation, point.elevation, NO_ELEVATION);
            let part = parts.entry(index).or_default();
            part.push(point.tick, location, elevation, element.value);
        }
    }
    Ok(parts)
}

/// The encoders of one input, in the order of a Java hash table.
fn name_parts(vm: &mut Machine, parts: Parts, metadata: &Metadata, names: &Map) -> Result<Value> {
    let mut parts: Vec<(i64, Columns)> = parts.into_iter().collect();
    crate::java::hash_order(&mut parts, |(index, _)| {
        (*index as u64 ^ (*index as u64 >> 32)) as i32
    });
    let mut list = Vec::with_capacity(parts.len());
    for (index, points) in parts {
        let key = vm.heap.key(Value::Long(index))?;
        let text_key = vm.heap.text_key(&index.to_string())?;
        let given = [key, text_key]
            .iter()
            .find_map(|key| names.entries.get(key).copied().filter(|name| !name.is_null()));
        let class = metadata.class();
        let name = match given {
            Some(given) => {
                let given = crate::text::to_text(vm, given)?;
                match given.strip_prefix('+') {
                    Some(suffix) => format!("{class}{suffix}"),
                    None => given,
                }
            }
            None => format!("{class}:{index}"),
        };
        let metadata = Metadata { name: Some(name), ..metadata.clone() };
        let encoder = Encoder { metadata, points, ..Encoder::default() };
        list.push(Value::Encoder(vm.heap.alloc_encoder(encoder)?));
    }
    vm.heap.new_list(list)
}
