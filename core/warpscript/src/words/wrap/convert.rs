//! Between encoders, series, lists and text.

use weft_gts::text::value::{TextValue, parse_value as parse_text};
use weft_gts::{
    Column, Columns, Labels, Metadata, NO_ELEVATION, NO_LOCATION, Selector, Series,
    Value as PointValue,
};

use super::{pack, unpack};
use crate::error::Result;
use crate::heap::{Decimal, Encoder, Gts, List, Map};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

pub(super) fn to_encoder(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list on top of the stack.")?;
    let items = vm.heap.list(list).clone();
    vm.charge(items.len() * 4);
    let mut encoder = Encoder::default();
    for item in items {
        match item {
            Value::String(_) | Value::Bytes(_) => {
                let (metadata, points) = unpack::open(vm, item)?;
                if points.is_empty() {
                    return Err(vm.error("cannot get encoder from wrapper."));
                }
                // The first one gives its name.
                if encoder.points.is_empty() {
                    encoder.metadata = metadata;
                }
                extend(vm, &mut encoder.points, &points)?;
            }
            Value::Gts(handle) => {
                let points = vm.heap.gts(handle).series.points.clone();
                extend(vm, &mut encoder.points, &points)?;
            }
            Value::List(list) | Value::Vector(list) => add_item(vm, &mut encoder.points, list)?,
            _ => return Err(vm.error("encountered an invalid element.")),
        }
    }
    let encoder = vm.heap.alloc_encoder(encoder)?;
    vm.push(Value::Encoder(encoder))
}

/// Appends the points of one run to another.
fn extend(vm: &mut Machine, to: &mut Columns, from: &Columns) -> Result {
    vm.charge(from.len());
    vm.heap.claim((to.len() + from.len()).saturating_mul(48))?;
    if to.is_empty() {
        *to = from.clone();
        return Ok(());
    }
    for point in from.iter() {
        to.push(point.tick, point.location, point.elevation, point.value);
    }
    Ok(())
}

/// Appends a point that is a list.
fn add_item(vm: &Machine, points: &mut Columns, list: Handle<List>) -> Result {
    let invalid = || vm.error("encountered an invalid element.");
    let items = vm.heap.list(list).as_slice();
    let [Value::Long(tick), places @ .., value] = items else {
        return Err(match items.len() {
            2..=5 => vm.error("encountered an invalid timestamp."),
            _ => invalid(),
        });
    };
    let elevation = |v: Value| points::to_elevation(vm, v).ok_or_else(invalid);
    let location = |lat: Value, lon: Value| match (points::number(vm, lat), points::number(vm, lon))
    {
        (Some(lat), Some(lon)) => Ok(points::to_location(lat, lon)),
        _ => Err(invalid()),
    };
    let (location, elevation) = match *places {
        [] => (NO_LOCATION, NO_ELEVATION),
        [height] => (NO_LOCATION, elevation(height)?),
        [lat, lon] => (location(lat, lon)?, NO_ELEVATION),
        [lat, lon, height] => (location(lat, lon)?, elevation(height)?),
        _ => return Err(invalid()),
    };
    let value = match *value {
        Value::Null => PointValue::Deleted,
        value => points::to_point(vm, value).ok_or_else(invalid)?,
    };
    let (location, elevation) = match value {
        PointValue::Deleted => (NO_LOCATION, NO_ELEVATION),
        _ => (location, elevation),
    };
    points.push(*tick, location, elevation, value);
    Ok(())
}

pub(super) fn encoder_to(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let (metadata, columns) = unpack::open(vm, top)?;
    vm.charge(columns.len() * 2);
    vm.heap.claim(columns.len().saturating_mul(128))?;
    let mut list = Vec::with_capacity(columns.len());
    for point in columns.iter() {
        list.push(points::point_list(vm, &point)?);
    }
    match &metadata.name {
        Some(name) => vm.push_string(name.as_str())?,
        None => vm.push(Value::Null)?,
    }
    let labels = points::labels_map(vm, &metadata.labels)?;
    vm.push_map(labels)?;
    let attributes = points::labels_map(vm, &metadata.attributes)?;
    vm.push_map(attributes)?;
    vm.push_list(list)
}

/// The types of values, in the order in which `->GTS` gives them.
const TYPES: [&str; 5] = ["LONG", "DOUBLE", "BOOLEAN", "STRING", "BINARY"];

/// Which of [`TYPES`] a value has.
const fn type_index(value: &PointValue) -> Option<usize> {
    Some(match value {
        PointValue::Long(_) => 0,
        PointValue::Double(_) | PointValue::Decimal(_) => 1,
        PointValue::Boolean(_) => 2,
        PointValue::String(_) => 3,
        PointValue::Bytes(_) => 4,
        PointValue::Deleted => return None,
    })
}

pub(super) fn to_encoders(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let (metadata, columns) = unpack::open(vm, top)?;
    vm.charge(columns.len());
    vm.heap.claim(columns.len().saturating_mul(48))?;
    let mut encoders: [Columns; TYPES.len()] = Default::default();
    let mut met = Vec::new();
    for point in columns.iter() {
        // Deleted points count as doubles.
        let index = type_index(&point.value).unwrap_or(1);
        if encoders[index].is_empty() {
            met.push(index);
        }
        encoders[index].push(point.tick, point.location, point.elevation, point.value);
    }
    let mut map = Map::default();
    for index in met {
        let points = std::mem::take(&mut encoders[index]);
        let encoder = Encoder { metadata: metadata.clone(), points, ..Encoder::default() };
        let encoder = vm.heap.alloc_encoder(encoder)?;
        map.entries.insert(vm.heap.text_key(TYPES[index])?, Value::Encoder(encoder));
    }
    vm.push_map(map)
}

pub(super) fn to_gts(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let types = match top {
        Value::Map(map) => {
            let types = Types::read(vm, vm.heap.map(map))?;
            top = vm.pop()?;
            Some(types)
        }
        _ => None,
    };
    let inputs = match top.as_list() {
        Some(list) => vm.heap.list(list).clone(),
        None => vec![top],
    };
    let fits = |v: &Value| matches!(v, Value::String(_) | Value::Bytes(_) | Value::Encoder(_));
    if !inputs.iter().all(fits) {
        let message = "operates on a string, a byte array, an encoder, or list thereof.";
        return Err(vm.error(message));
    }
    let is_list = top.as_list().is_some();
    match types {
        Some(types) => convert_all(vm, &inputs, &types, is_list),
        None => split_all(vm, &inputs, is_list),
    }
}

/// One series for each type that is met.
fn split_all(vm: &mut Machine, inputs: &[Value], is_list: bool) -> Result {
    let mut map = Map::default();
    for input in inputs {
        let (metadata, columns) = unpack::open(vm, *input)?;
        vm.charge(columns.len());
        vm.heap.claim(columns.len().saturating_mul(48))?;
        let mut series: [Gts; TYPES.len()] = Default::default();
        for point in columns.iter() {
            if let Some(index) = type_index(&point.value) {
                series[index].append(point.tick, point.location, point.elevation, point.value);
            }
        }
        for (name, mut gts) in TYPES.into_iter().zip(series) {
            if gts.series.points.is_empty() {
                continue;
            }
            gts.series.metadata = metadata.clone();
            let gts = Value::Gts(vm.heap.alloc_gts(gts)?);
            let key = vm.heap.text_key(name)?;
            if !is_list {
                map.entries.insert(key, gts);
            } else if let Some(Value::List(list)) = map.entries.get(&key) {
                vm.heap.change_list(*list)?.push(gts);
            } else {
                let list = vm.heap.new_list(vec![gts])?;
                map.entries.insert(key, list);
            }
        }
    }
    vm.push_map(map)
}

/// One series for each input, of the type that its selector asks for.
fn convert_all(vm: &mut Machine, inputs: &[Value], types: &Types, is_list: bool) -> Result {
    let mut results = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (metadata, columns) = unpack::open(vm, *input)?;
        vm.charge(columns.len());
        vm.heap.claim(columns.len().saturating_mul(48))?;
        let forced = types.of(&metadata);
        let first = (!columns.is_empty()).then(|| type_index(&columns.values.get(0))).flatten();
        let kind = forced.or(first);
        let mut gts = Gts::new(Series { metadata, ..Series::default() });
        if let Some(kind) = forced {
            gts.series.points.values = empty_column(kind);
        }
        for point in columns.iter() {
            gts.append(point.tick, point.location, point.elevation, point.value);
        }
        if let Some(label) = &types.label {
            let labels: &mut Labels = &mut gts.series.metadata.labels;
            if labels.contains(label) {
                return Err(vm.error(&format!("the input already has label {label}")));
            }
            labels.insert(label.as_str(), kind.map_or("UNDEFINED", |kind| TYPES[kind]));
        }
        results.push(Value::Gts(vm.heap.alloc_gts(gts)?));
    }
    match results.first() {
        Some(result) if !is_list => vm.push(*result),
        _ => vm.push_list(results),
    }
}

fn empty_column(kind: usize) -> Column {
    match kind {
        0 => Column::Long(Default::default()),
        1 => Column::Double(Default::default()),
        2 => Column::Boolean(Default::default()),
        _ => Column::String(Default::default()),
    }
}

/// What the map of `->GTS` asks for.
struct Types {
    selectors: Vec<(usize, Selector)>,
    label: Option<String>,
}

impl Types {
    fn read(vm: &Machine, map: &Map) -> Result<Self> {
        let mut types = Self { selectors: Vec::new(), label: Some(".type".to_owned()) };
        for (key, value) in &map.entries {
            let name = key.as_text().map_or("", |text| text);
            if name == "label.type" {
                types.label = match *value {
                    Value::Null => None,
                    value => match vm.as_text(value) {
                        Some(text) => Some(text.to_string()),
                        None => {
                            return Err(vm.error(
                                "extra 'label' input in the MAP must be either null or a string.",
                            ));
                        }
                    },
                };
                continue;
            }
            let Some(kind) = TYPES.iter().position(|t| *t == name) else {
                return Err(vm.error(
                    "type MAP input must contains valid types as key (LONG, DOUBLE, BOOLEAN, \
                     STRING or BINARY) or 'label.type' to override '.type' label.",
                ));
            };
            let selectors = match value.as_list() {
                Some(list) => vm.heap.list(list).clone(),
                None => vec![*value],
            };
            for selector in selectors {
                types.selectors.push((kind, Self::selector(vm, selector)?));
            }
        }
        Ok(types)
    }

    fn selector(vm: &Machine, value: Value) -> Result<Selector> {
        let Some(text) = vm.as_text(value) else {
            let message = "type MAP input must contains selector or list of thereof for each type.";
            return Err(vm.error(message));
        };
        Selector::parse(text, false).map_err(|e| vm.error(&e.to_string()))
    }

    fn of(&self, metadata: &Metadata) -> Option<usize> {
        self.selectors.iter().find(|(_, s)| s.matches(metadata)).map(|(kind, _)| *kind)
    }
}

pub(super) fn as_encoders(vm: &mut Machine) -> Result {
    points::each(vm, |vm, value| match value {
        Value::Encoder(_) => Ok(value),
        Value::String(_) | Value::Bytes(_) => match unpack::read(vm, value)? {
            Some(wrapper) => unpack::encoder(vm, &wrapper),
            None => Ok(value),
        },
        Value::Gts(handle) => {
            let Series { metadata, points, .. } = &vm.heap.gts(handle).series;
            let (metadata, points) = (metadata.clone(), points.clone());
            let points = optimized(vm, points)?;
            let encoder = Encoder { metadata, points, ..Encoder::default() };
            Ok(Value::Encoder(vm.heap.alloc_encoder(encoder)?))
        }
        _ => Err(vm.error("expects a Geo Time Series or a list thereof on top on the stack.")),
    })
}

/// The same points, doubles as exact decimals.
fn optimized(vm: &mut Machine, points: Columns) -> Result<Columns> {
    let Column::Double(values) = &points.values else {
        return Ok(points);
    };
    vm.charge(values.len() * 2);
    vm.heap.claim(values.len().saturating_mul(size_of::<PointValue>()))?;
    let values = values.iter().map(|v| pack::optimized(PointValue::Double(*v))).collect::<Vec<_>>();
    Ok(Columns { values: Column::Mixed(values.into()), ..points })
}

pub(super) fn optimize(vm: &mut Machine) -> Result {
    let ratio = vm.pop()?;
    if points::number(vm, ratio).is_none() {
        return Err(vm.error("expects a ratio on top of the stack."));
    }
    points::each(vm, |vm, value| match value {
        Value::Gts(_) | Value::Encoder(_) => Ok(value),
        _ => Err(vm.error("operates on a Geo Time Series or encoder instance or a list thereof.")),
    })
}

pub(super) fn parse_value(vm: &mut Machine) -> Result {
    let text = vm.pop_text("operates on a STRING.")?;
    let text = text.trim_matches(|c: char| c <= ' ');
    vm.charge(text.len() / 8);
    let value = match parse_text(text.as_bytes()) {
        Ok(value) => value,
        Err(error) => {
            return Err(vm.error(&format!("encountered a parse error for '{text}': {error}")));
        }
    };
    let value = match value {
        TextValue::Long(v) => Value::Long(v),
        TextValue::Double(v) => Value::Double(v),
        TextValue::Boolean(v) => Value::Boolean(v),
        TextValue::String(v) => vm.heap.string(&*v)?,
        TextValue::Bytes(v) => Value::Bytes(vm.heap.alloc_bytes(v.into())?),
        TextValue::Decimal(v) => {
            let decimal = Decimal { unscaled: v.unscaled.into(), scale: v.scale };
            Value::Decimal(vm.heap.alloc_decimal(decimal)?)
        }
    };
    vm.push(value)
}
