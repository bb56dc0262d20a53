//! How often values occur, and functions of that.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::{Column, Columns, Value as PointValue, utf8};

use crate::error::{Fault, Kind, Result};
use crate::function::{Applied, Role};
use crate::heap::{Function, Gts, Key, Map};
use crate::java;
use crate::machine::Machine;
use crate::snapshot;
use crate::value::{Handle, Value};
use crate::words::manip::sort_by_value;
use crate::words::points;

type Counts = IndexMap<Key, i64, FxBuildHasher>;

/// How often each value of a column occurs.
fn count_values(vm: &mut Machine, column: &Column) -> Result<(Counts, Vec<Key>)> {
    vm.charge(column.len());
    vm.heap.claim(column.len().saturating_mul(64))?;
    let mut counts = Counts::default();
    let mut keys = Vec::with_capacity(column.len());
    for place in 0..column.len() {
        let value = match column.get(place) {
            PointValue::Bytes(bytes) => vm.heap.string(utf8::from_latin1(&bytes))?,
            value => points::from_point(vm, &value)?,
        };
        let key = vm.heap.key(value)?;
        *counts.entry(key.clone()).or_default() += 1;
        keys.push(key);
    }
    Ok((counts, keys))
}

pub(super) fn value_histogram(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    points::each(vm, |vm, value| {
        let (column, empty) = match value {
            Value::Gts(handle) => {
                let gts = vm.heap.gts(handle);
                let count = gts.series.points.len() as i64;
                let empty = points::bucket(gts).map_or(0, |b| b.count - count);
                (gts.series.points.values.clone(), empty)
            }
            Value::Encoder(handle) => (vm.heap.encoder(handle).points.values.clone(), 0),
            _ => {
                vm.push(top)?;
                return Err(vm.error("can only operate on Geo Time Series instances."));
            }
        };
        let (mut counts, _) = count_values(vm, &column)?;
        if empty != 0 {
            counts.insert(vm.heap.key(Value::Null)?, empty);
        }
        let mut map = Map::default();
        map.entries.extend(counts.into_iter().map(|(k, n)| (k, Value::Long(n))));
        Ok(Value::Map(vm.heap.alloc_map(map)?))
    })
}

/// A series with other values, all doubles.
fn with_doubles(vm: &mut Machine, handle: Handle<Gts>, values: Vec<f64>) -> Result<Value> {
    let gts = vm.heap.gts(handle);
    let mut copy = points::copy(gts);
    let points = gts.series.points.clone();
    copy.series.points = match values.is_empty() {
        true => Columns::default(),
        false => Columns { values: Column::Double(values.into()), ..points },
    };
    points::new_gts(vm, copy)
}

pub(super) fn prob(vm: &mut Machine) -> Result {
    points::each_gts(vm, frequencies)
}

fn frequencies(vm: &mut Machine, handle: Handle<Gts>) -> Result<Value> {
    points::claim_copy(vm, handle)?;
    let column = vm.heap.gts(handle).series.points.values.clone();
    let (counts, keys) = count_values(vm, &column)?;
    let total = column.len() as f64;
    let values = keys.iter().map(|k| counts.get(k).copied().unwrap_or(0) as f64 / total).collect();
    with_doubles(vm, handle, values)
}

pub(super) fn cprob(vm: &mut Machine) -> Result {
    let message = "expects null or a String separator on top of the stack.";
    let separator = match vm.pop()? {
        Value::Null => None,
        value => Some(vm.as_text(value).cloned().ok_or_else(|| vm.error(message))?),
    };
    points::each_gts(vm, |vm, handle| {
        let Some(separator) = &separator else {
            return frequencies(vm, handle);
        };
        sort_by_value(vm, handle, false)?;
        let column = vm.heap.gts(handle).series.points.values.clone();
        let texts = match &column {
            Column::Empty => return with_doubles(vm, handle, Vec::new()),
            Column::String(texts) => texts,
            _ => {
                return Err(Fault::text(
                    "Can only compute conditional probabilities for String Geo Time Series.",
                ));
            }
        };
        let mut pairs = Vec::with_capacity(texts.len());
        for text in texts.iter() {
            pairs.push(text.rsplit_once(&**separator).ok_or_else(|| {
                Fault::text("Separator not found, unable to isolate given events.")
            })?);
        }
        let mut values = Vec::with_capacity(pairs.len());
        for run in pairs.chunk_by(|a, b| a.0 == b.0) {
            let mut counts: IndexMap<&str, i64, FxBuildHasher> = IndexMap::default();
            for (_, event) in run {
                let event = event.trim_matches(|c: char| c <= ' ');
                *counts.entry(event).or_default() += 1;
            }
            for (_, event) in run {
                // Counted without blanks around it, looked up with them.
                let count = counts.get(event).ok_or_else(Fault::null)?;
                values.push(*count as f64 / run.len() as f64);
            }
        }
        with_doubles(vm, handle, values)
    })
}

/// The probabilities that a histogram means.
fn probabilities(vm: &mut Machine) -> Result<Vec<(Key, f64)>> {
    let map = vm.pop_map("expects a value histogram on top of the stack.")?;
    let mut counts = Vec::new();
    for (key, value) in &vm.heap.map(map).entries {
        let count = points::number(vm, *value).ok_or_else(super::not_a_number)?;
        counts.push((key.clone(), count));
    }
    let total: f64 = counts.iter().map(|(_, n)| n).sum();
    Ok(counts.into_iter().map(|(k, n)| (k, n / total)).collect())
}

/// Pushes a function whose parameter is a map of probabilities.
fn push_function(vm: &mut Machine, pairs: Vec<(Key, f64)>, applied: &'static Applied) -> Result {
    let mut map = Map::default();
    map.entries.extend(pairs.into_iter().map(|(k, p)| (k, Value::Double(p))));
    let map = Value::Map(vm.heap.alloc_map(map)?);
    let function = Function {
        word: Some(vm.word),
        name: None,
        role: Role::Applied(applied),
        parameters: vec![map],
    };
    let function = vm.heap.alloc_function(function)?;
    vm.push(Value::Function(function))
}

static PROBABILITY: Applied = Applied {
    run: probability_of,
    mapper: None,
    snapshot: Some(|vm, p| text(vm, p, "PROBABILITY")),
};
static RANDPDF: Applied =
    Applied { run: random_value, mapper: None, snapshot: Some(|vm, p| text(vm, p, "RANDPDF")) };
static SRANDPDF: Applied =
    Applied { run: random_value, mapper: None, snapshot: Some(|vm, p| text(vm, p, "SRANDPDF")) };

pub(super) fn probability(vm: &mut Machine) -> Result {
    let mut pairs = probabilities(vm)?;
    let heap = &vm.heap;
    java::hash_order(&mut pairs, |(key, _)| java::hash(heap, key.value()));
    push_function(vm, pairs, &PROBABILITY)
}

pub(super) fn rand_pdf(vm: &mut Machine) -> Result {
    let seeded = vm.word.name == "SRANDPDF";
    let mut pairs = probabilities(vm)?;
    // A tree: keys need an order.
    let mut failed = None;
    let heap = &vm.heap;
    pairs.sort_by(|(a, _), (b, _)| {
        java::compare(heap, a.value(), b.value()).unwrap_or_else(|fault| {
            failed = Some(fault);
            std::cmp::Ordering::Equal
        })
    });
    if let Some(fault) = failed {
        return Err(fault);
    }
    push_function(vm, pairs, if seeded { &SRANDPDF } else { &RANDPDF })
}

/// The map of probabilities of a function.
fn table<'vm>(vm: &'vm Machine, parameters: &[Value]) -> Result<&'vm Map> {
    match parameters {
        [Value::Map(map)] => Ok(vm.heap.map(*map)),
        _ => Err(Fault::kind(Kind::Null, "No probabilities.")),
    }
}

fn text(vm: &Machine, parameters: &[Value], name: &str) -> Result<String> {
    let mut out = String::from("{ ");
    for (key, value) in &table(vm, parameters)?.entries {
        let style = snapshot::Style::default();
        out.push_str(snapshot::value(vm, key.value(), style)?.trim_end());
        out.push(' ');
        out.push_str(snapshot::value(vm, *value, style)?.trim_end());
        out.push(' ');
    }
    out.push_str(&format!(" }} {name} "));
    Ok(out)
}

fn probability_of(vm: &mut Machine, parameters: &[Value]) -> Result {
    let value = vm.pop()?;
    let key = vm.heap.key(value)?;
    let probability = table(vm, parameters)?.entries.get(&key).copied();
    vm.push(probability.unwrap_or(Value::Double(0.0)))
}

fn random_value(vm: &mut Machine, parameters: &[Value]) -> Result {
    let chance = if vm.word.name == "SRANDPDF" {
        let Some(prng) = &mut vm.settings.prng else {
            return Err(vm.error("seeded PRNG was not initialized."));
        };
        prng.next_double()
    } else {
        vm.entropy.next_f64()
    };
    let mut sum = 0.0;
    let mut chosen = None;
    for (key, probability) in &table(vm, parameters)?.entries {
        sum += probability.as_f64().unwrap_or(0.0);
        chosen = Some(key.value());
        if sum >= chance {
            break;
        }
    }
    match chosen {
        Some(value) => vm.push(value),
        None => Err(Fault::bounds()),
    }
}
