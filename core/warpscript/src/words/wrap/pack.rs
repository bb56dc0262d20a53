//! Packing.

use weft_gts::{
    Bucket, Columns, Decimal, Labels, Metadata, Series, SeriesId, Value as PointValue, utf8,
};
use weft_wire::opb64;
use weft_wire::thrift::{GtsWrapper, MetadataMessage};
use weft_wire::wrapper::{RATIO_DEFAULT, WrapOptions};

use super::unpack;
use crate::error::{Fault, Result};
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

/// How to pack.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// Doubles as exact decimals where that is smaller.
    optimized: bool,
    /// Compress again as long as a pass reaches this ratio; `None`: never compress.
    compress: Option<f64>,
    /// Whether to say what the series is called.
    with_metadata: bool,
    /// Whether to say how many points there are.
    with_count: bool,
    /// Labels are in order already.
    labels_sorted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            optimized: false,
            compress: Some(RATIO_DEFAULT),
            with_metadata: true,
            with_count: true,
            labels_sorted: false,
        }
    }
}

fn pack_points(
    metadata: &Metadata,
    bucket: Option<Bucket>,
    points: &Columns,
    options: Options,
) -> Vec<u8> {
    let mut encoder = weft_gts::Encoder::new(0);
    match options.optimized {
        true => encoder.add_columns_optimized(points),
        false => encoder.add_columns(points),
    }
    let wrap_options = WrapOptions {
        ratio: options.compress.unwrap_or(RATIO_DEFAULT),
        passes_max: options.compress.map_or(0, |_| u32::MAX),
        count: options.with_count,
    };
    let mut wrapper = GtsWrapper::of(&encoder, wrap_options);
    if options.with_metadata && is_named(metadata) {
        let mut metadata = metadata.clone();
        if !options.labels_sorted {
            metadata.labels = in_hash_order(&metadata.labels);
            metadata.attributes = in_hash_order(&metadata.attributes);
        }
        wrapper.metadata = Some(MetadataMessage { metadata, has_attributes: true });
    }
    wrapper.last_bucket = bucket.map(|b| b.last);
    wrapper.bucket_span = bucket.map(|b| b.span);
    wrapper.bucket_count = bucket.map(|b| b.count);
    wrapper.encode()
}

/// Labels in the order in which the reference writes them: that of a hash table.
fn in_hash_order(labels: &Labels) -> Labels {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    crate::java::hash_order(&mut pairs, |(name, _)| crate::java::hash_text(name));
    pairs.into_iter().collect()
}

/// Whether there is anything that metadata would say.
fn is_named(metadata: &Metadata) -> bool {
    !metadata.class().is_empty()
        || !metadata.labels.is_empty()
        || !metadata.attributes.is_empty()
        || metadata.id != SeriesId::default()
        || metadata.source.is_some()
        || metadata.last_activity.is_some()
}

/// What a series or encoder packs to.
fn pack(vm: &Machine, value: Value, options: Options) -> Option<Vec<u8>> {
    match value {
        Value::Gts(handle) => {
            let gts = vm.heap.gts(handle);
            let Series { metadata, points, .. } = &gts.series;
            Some(pack_points(metadata, points::bucket(gts), points, options))
        }
        Value::Encoder(handle) => {
            let encoder = vm.heap.encoder(handle);
            // Decimals are written as such, doubles as what they are.
            let options = Options { optimized: false, ..options };
            Some(pack_points(&encoder.metadata, None, &encoder.points, options))
        }
        _ => None,
    }
}

/// Pays for packing or unpacking.
fn charge(vm: &mut Machine, value: Value) -> Result {
    let count = match value {
        Value::Gts(handle) => vm.heap.gts(handle).series.points.len(),
        Value::Encoder(handle) => vm.heap.encoder(handle).points.len(),
        _ => 0,
    };
    vm.charge(count * 4);
    vm.heap.claim(count.saturating_mul(24))
}

/// A series or encoder as the value of a point.
pub(crate) fn embedded(vm: &mut Machine, value: Value) -> Result<Option<PointValue>> {
    charge(vm, value)?;
    let options = Options { with_count: false, ..Options::default() };
    Ok(pack(vm, value, options).map(|bytes| PointValue::Bytes(bytes.into())))
}

/// The script that makes a series or encoder again.
pub(crate) fn wrapped(vm: &Machine, value: Value) -> Result<String> {
    let Some(bytes) = pack(vm, value, Options::default()) else {
        return Err(Fault::text("Only series and encoders can be wrapped."));
    };
    let word = if matches!(value, Value::Gts(_)) { "UNWRAP" } else { "UNWRAPENCODER" };
    Ok(format!("'{}' {word} ", opb64::encode(&bytes)))
}

pub(super) fn wrap(vm: &mut Machine) -> Result {
    let name = vm.word.name;
    let smallest = Some(1.0);
    let (options, as_text) = match name {
        "WRAPOPT" | "WRAPRAWOPT" => {
            let options = Options { optimized: true, compress: smallest, ..Options::default() };
            (options, name == "WRAPOPT")
        }
        "WRAPMV" | "WRAPMV!" => {
            let compress = if name == "WRAPMV" { smallest } else { None };
            let options = Options {
                optimized: true,
                compress,
                with_metadata: false,
                with_count: false,
                ..Options::default()
            };
            (options, false)
        }
        "WRAPFAST" => (Options { compress: None, ..Options::default() }, false),
        _ => (Options::default(), name == "WRAP"),
    };
    points::each(vm, |vm, value| {
        charge(vm, value)?;
        let Some(bytes) = pack(vm, value, options) else {
            return Err(vm.error("expects a Geo Time Series, a GTSEncoder or a list thereof."));
        };
        if as_text {
            vm.heap.string(opb64::encode(&bytes))
        } else {
            Ok(Value::Bytes(vm.heap.alloc_bytes(bytes.into())?))
        }
    })
}

pub(super) fn gold_wrap(vm: &mut Machine) -> Result {
    let reversed = match vm.peek(0)? {
        Value::Boolean(reversed) => {
            vm.pop()?;
            reversed
        }
        _ => false,
    };
    points::each_nested(vm, |vm, value| {
        let (metadata, points) = match value {
            Value::Gts(handle) => sorted_series(vm, handle, reversed)?,
            Value::Encoder(_) | Value::String(_) | Value::Bytes(_) => {
                let (metadata, points) = unpack::open(vm, value)?;
                vm.charge(points.len() * 8);
                vm.heap.claim(points.len().saturating_mul(96))?;
                (metadata, sorted_encoder(&points, reversed))
            }
            _ => {
                return Err(vm.error("can only handle GTS, ENCODERs and list thereof."));
            }
        };
        let sorted = Metadata {
            name: metadata.name,
            labels: metadata.labels.sorted(),
            attributes: metadata.attributes.sorted(),
            ..Metadata::default()
        };
        let options = Options {
            optimized: true,
            compress: Some(1.0),
            labels_sorted: true,
            ..Options::default()
        };
        let bytes = pack_points(&sorted, None, &points, options);
        Ok(Value::Bytes(vm.heap.alloc_bytes(bytes.into())?))
    })
}

/// Sorts a series in place.
fn sorted_series(
    vm: &mut Machine,
    handle: Handle<Gts>,
    reversed: bool,
) -> Result<(Metadata, Columns)> {
    charge(vm, Value::Gts(handle))?;
    let mut gts = vm.heap.change_gts(handle)?;
    order::full_sort(&mut gts, reversed);
    Ok((gts.series.metadata.clone(), gts.series.points.clone()))
}

/// The kinds of value in the order in which they come at one tick.
const KINDS: usize = 5;

/// The points of an encoder in order. Runs of one type at one tick stay together; the oldest tick
/// comes first whatever the order inside a type is.
fn sorted_encoder(points: &Columns, reversed: bool) -> Columns {
    let mut series: [Gts; KINDS] = Default::default();
    for point in points.iter() {
        let kind = match point.value {
            PointValue::Long(_) => 0,
            PointValue::Double(_) | PointValue::Decimal(_) => 1,
            PointValue::Boolean(_) => 2,
            PointValue::String(_) => 3,
            PointValue::Bytes(_) => 4,
            PointValue::Deleted => continue,
        };
        series[kind].append(point.tick, point.location, point.elevation, point.value);
    }
    series.iter_mut().for_each(|gts| order::full_sort(gts, reversed));
    let mut next = [0usize; KINDS];
    let mut sorted = Columns::default();
    loop {
        let heads = (0..KINDS).filter_map(|kind| {
            series[kind].series.points.ticks.get(next[kind]).map(|tick| (*tick, kind))
        });
        let Some((tick, kind)) = heads.min() else {
            return sorted;
        };
        let points = &series[kind].series.points;
        while points.ticks.get(next[kind]) == Some(&tick) {
            let point = points.get(next[kind]);
            let value = match point.value {
                PointValue::String(text) if kind == 4 => {
                    PointValue::Bytes(utf8::to_latin1(&text).into())
                }
                value => value,
            };
            sorted.push(tick, point.location, point.elevation, value);
            next[kind] += 1;
        }
    }
}

/// Doubles as exact decimals where they are.
pub(super) fn optimized(value: PointValue) -> PointValue {
    match value {
        PointValue::Double(v) => Decimal::from_double(v).map_or(value, PointValue::Decimal),
        value => value,
    }
}
