//! Unpacking.

use weft_gts::{Bucket, Columns, Decoder, Metadata, Series};
use weft_wire::opb64;
use weft_wire::thrift::GtsWrapper;

use crate::error::{Fault, Result};
use crate::heap::Encoder;
use crate::machine::Machine;
use crate::value::Value;
use crate::words::points::each;

const OPERANDS: &str = "operates on a string or byte array or a list thereof.";

/// Reads a wrapper from a STRING or BYTES; `None` for anything else.
pub(super) fn read(vm: &mut Machine, value: Value) -> Result<Option<GtsWrapper>> {
    let fail = |vm: &Machine, cause: &dyn std::fmt::Display| {
        Fault::text(cause.to_string()).wrap(format!("{} failed to unwrap.", vm.word.name))
    };
    let bytes = match value {
        Value::String(text) => {
            let text = vm.heap.text(text).clone();
            vm.heap.claim(text.len())?;
            opb64::decode(text.as_bytes()).map_err(|e| fail(vm, &e))?.into()
        }
        Value::Bytes(bytes) => vm.heap.bytes(bytes).clone(),
        _ => return Ok(None),
    };
    vm.charge(bytes.len() / 4);
    vm.heap.claim(bytes.len())?;
    let wrapper = GtsWrapper::decode(&bytes).map_err(|e| fail(vm, &e))?;
    Ok(Some(wrapper))
}

/// How many bytes of points may be unpacked. A point takes a byte or more there and up to 25 here.
fn length_max(vm: &Machine) -> usize {
    vm.heap.limit().saturating_sub(vm.heap.used()) / 32
}

/// Reads the points of a wrapper, with their types or as a series.
fn decode(vm: &mut Machine, wrapper: &GtsWrapper, as_series: bool) -> Result<Columns> {
    let fail = |vm: &Machine, cause: &dyn std::fmt::Display| {
        vm.error(&format!("failed to unwrap: {cause}."))
    };
    let bytes = wrapper.datapoints(length_max(vm)).map_err(|e| fail(vm, &e))?;
    let mut decoder = Decoder::new(wrapper.base.unwrap_or(0), &bytes, None);
    let points = if as_series { decoder.series_columns() } else { decoder.columns() };
    let points = points.map_err(|e| fail(vm, &e))?;
    vm.charge(points.len() * 2);
    Ok(points)
}

/// The points of a wrapper with their types.
pub(super) fn points(vm: &mut Machine, wrapper: &GtsWrapper) -> Result<Columns> {
    if wrapper.encoded.is_none() {
        return Err(Fault::null());
    }
    decode(vm, wrapper, false)
}

/// What is wrapped.
fn metadata(wrapper: &GtsWrapper) -> Metadata {
    wrapper.metadata.as_ref().map(|m| m.metadata.clone()).unwrap_or_default()
}

/// The bucket parameters, when any is set.
fn bucket(wrapper: &GtsWrapper) -> Option<Bucket> {
    wrapper.bucket_count.or(wrapper.bucket_span).or(wrapper.last_bucket)?;
    Some(Bucket {
        last: wrapper.last_bucket.unwrap_or(0),
        span: wrapper.bucket_span.unwrap_or(0),
        count: i64::from(wrapper.bucket_count.unwrap_or(0) as i32),
    })
}

/// Name and points of an encoder or wrapper.
///
/// # Errors
/// When the wrapper is malformed, or the value is something else.
pub(super) fn open(vm: &mut Machine, value: Value) -> Result<(Metadata, Columns)> {
    if let Value::Encoder(handle) = value {
        let encoder = vm.heap.encoder(handle);
        return Ok((encoder.metadata.clone(), encoder.points.clone()));
    }
    match read(vm, value)? {
        Some(wrapper) => {
            let points = points(vm, &wrapper)?;
            Ok((metadata(&wrapper), points))
        }
        None => Err(vm.error("operates on a string, byte array or encoder.")),
    }
}

/// Takes one wrapper or a list of them and pushes what `f` makes of it.
fn each_wrapper(
    vm: &mut Machine,
    mut f: impl FnMut(&mut Machine, &GtsWrapper) -> Result<Value>,
) -> Result {
    let top = vm.peek(0)?;
    let is_wrapper = |v: &Value| matches!(v, Value::String(_) | Value::Bytes(_));
    let fits = match top.as_list() {
        Some(list) => vm.heap.list(list).iter().all(is_wrapper),
        None => is_wrapper(&top),
    };
    if !fits {
        return Err(vm.error(OPERANDS));
    }
    each(vm, |vm, value| match read(vm, value)? {
        Some(wrapper) => f(vm, &wrapper),
        None => Err(vm.error(OPERANDS)),
    })
}

pub(super) fn unwrap(vm: &mut Machine) -> Result {
    each_wrapper(vm, |vm, wrapper| {
        let points = decode(vm, wrapper, true)?;
        let (metadata, bucket) = (metadata(wrapper), bucket(wrapper));
        vm.heap.new_gts(Series { metadata, bucket, points })
    })
}

pub(super) fn unwrap_empty(vm: &mut Machine) -> Result {
    each_wrapper(vm, |vm, wrapper| {
        let (metadata, bucket) = (metadata(wrapper), bucket(wrapper));
        vm.heap.new_gts(Series { metadata, bucket, ..Series::default() })
    })
}

pub(super) fn unwrap_size(vm: &mut Machine) -> Result {
    each_wrapper(vm, |_, wrapper| Ok(Value::Long(wrapper.count.unwrap_or(0))))
}

pub(super) fn unwrap_encoder(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    match read(vm, top)? {
        Some(wrapper) => {
            let encoder = encoder(vm, &wrapper)?;
            vm.push(encoder)
        }
        None => Err(vm.error("operates on a string or byte array.")),
    }
}

/// A wrapper as an encoder.
pub(super) fn encoder(vm: &mut Machine, wrapper: &GtsWrapper) -> Result<Value> {
    let points = points(vm, wrapper)?;
    let metadata = metadata(wrapper);
    let encoder = Encoder { metadata, points, ..Encoder::default() };
    Ok(Value::Encoder(vm.heap.alloc_encoder(encoder)?))
}
