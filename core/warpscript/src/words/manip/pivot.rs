//! PIVOT: labels from the values of other series.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::{Column, Columns, Labels, Metadata, Series};

use crate::error::Result;
use crate::heap::{Encoder, Gts};
use crate::java;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

/// A series of either side, sorted, and how far it was read.
struct Input {
    metadata: Metadata,
    points: Columns,
    next: usize,
}

impl Input {
    /// The tick at the next place; the smallest one behind the end.
    fn tick(&self) -> i64 {
        self.points.ticks.get(self.next).copied().unwrap_or(i64::MIN)
    }

    fn is_done(&self) -> bool {
        self.next >= self.points.len()
    }
}

/// What a result is known by: its name and its labels in order.
type Class = (Option<String>, Vec<(String, String)>);

type Results = IndexMap<Class, Gts, FxBuildHasher>;

pub(super) fn pivot(vm: &mut Machine) -> Result {
    let strict = vm.word.name == "PIVOTSTRICT";
    let message = "expects a non empty list of labeling Geo Time Series.";
    let mut labeling = pop_inputs(vm, message)?;
    let mut names: Vec<&str> = labeling.iter().map(|i| i.metadata.class()).collect();
    names.sort_unstable();
    if labeling.iter().any(|i| i.points.is_empty()) {
        return Err(vm.error("expects labeling Geo Time Series to be non empty."));
    }
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "labeling Geo Time Series must all have different class names.";
        return Err(vm.error(message));
    }
    let message = "operates on a non empty list of Geo Time Series or GTS Encoders.";
    let mut inputs = pop_inputs(vm, message)?;
    for input in &inputs {
        if input.points.is_empty() {
            return Err(vm.error("operates on non empty Geo Time Series or GTS Encoders."));
        }
        let mut labels = input.metadata.labels.iter();
        if let Some((name, _)) =
            labels.find(|(n, _)| labeling.iter().any(|l| l.metadata.class() == *n))
        {
            return Err(vm.error(&format!(
                "labeling class '{name}' is already a label of a Geo Time Series or GTS Encoder \
                 to label."
            )));
        }
    }
    let mut results = Results::default();
    if strict {
        pivot_strict(&mut labeling, &mut inputs, &mut results);
    } else {
        pivot_loose(&mut labeling, &mut inputs, &mut results);
    }
    let mut results: Vec<(Class, Gts)> = results.into_iter().collect();
    java::hash_order(&mut results, |(class, _)| class_hash(class));
    let mut list = Vec::with_capacity(results.len());
    for (_, gts) in results {
        list.push(points::new_gts(vm, gts)?);
    }
    vm.push_list(list)
}

/// The hash of the map that the reference keeps results by.
fn class_hash((name, labels): &Class) -> i32 {
    let pairs = labels.iter().map(|(n, v)| java::hash_text(n) ^ java::hash_text(v));
    pairs.fold(name.as_deref().map_or(0, java::hash_text), i32::wrapping_add)
}

/// Takes a list of series and encoders, sorts the series.
fn pop_inputs(vm: &mut Machine, message: &str) -> Result<Vec<Input>> {
    let list = vm.pop_list(message)?;
    let values = vm.heap.list(list).clone();
    if values.is_empty() {
        return Err(vm.error(message));
    }
    let mut inputs = Vec::with_capacity(values.len());
    for value in values {
        inputs.push(match value {
            Value::Gts(handle) => read_series(vm, handle)?,
            Value::Encoder(handle) => read_encoder(vm, handle)?,
            _ => return Err(vm.error(message)),
        });
    }
    let count: usize = inputs.iter().map(|i| i.points.len()).sum();
    vm.charge(count * 8);
    vm.heap.claim(count.saturating_mul(128))?;
    Ok(inputs)
}

fn read_series(vm: &mut Machine, handle: Handle<Gts>) -> Result<Input> {
    points::sort_in_place(vm, handle, false)?;
    let Series { metadata, points, .. } = &vm.heap.gts(handle).series;
    Ok(Input { metadata: metadata.clone(), points: points.clone(), next: 0 })
}

fn read_encoder(vm: &mut Machine, handle: Handle<Encoder>) -> Result<Input> {
    let encoder = vm.heap.encoder(handle);
    let mut gts = Gts::default();
    for point in encoder.points.iter() {
        let value = gts.series.points.values.convert(point.value.clone());
        let own = Column::Empty.convert(point.value);
        if std::mem::discriminant(&value) != std::mem::discriminant(&own) {
            return Err(vm.error("encountered an error while decoding encoder."));
        }
        gts.append(point.tick, point.location, point.elevation, value);
    }
    order::sort(&mut gts, false);
    Ok(Input { metadata: encoder.metadata.clone(), points: gts.series.points, next: 0 })
}

/// The labels that the labeling series give at a tick.
fn labels_at(labeling: &[Input], tick: i64) -> Labels {
    let mut labels = Labels::new();
    for input in labeling.iter().filter(|i| i.tick() == tick && !i.is_done()) {
        let value = points::point_text(&input.points.values.get(input.next));
        labels.insert(input.metadata.class(), value);
    }
    labels
}

/// Moves the point at the next place of an input to the result with its labels and `labels`.
fn move_point(input: &mut Input, labels: &Labels, results: &mut Results) {
    let mut all = input.metadata.labels.clone();
    for (name, value) in labels.iter() {
        all.insert(name, value);
    }
    let pairs = all.sorted().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let class = (input.metadata.name.clone(), pairs);
    let gts = results.entry(class).or_insert_with(|| {
        let attributes = input.metadata.attributes.clone();
        let name = input.metadata.name.clone();
        let metadata = Metadata { name, labels: all, attributes, ..Metadata::default() };
        Gts::new(Series { metadata, ..Series::default() })
    });
    let point = input.points.get(input.next);
    gts.append(point.tick, point.location, point.elevation, point.value);
    input.next += 1;
}

/// Only points at ticks that all labeling series have.
fn pivot_strict(labeling: &mut [Input], inputs: &mut [Input], results: &mut Results) {
    let mut tick = labeling[0].tick();
    'ticks: loop {
        for label in labeling.iter_mut() {
            while !label.is_done() && label.tick() < tick {
                label.next += 1;
            }
            if label.is_done() {
                return;
            }
            if label.tick() > tick {
                tick = label.tick();
                continue 'ticks;
            }
        }
        let labels = labels_at(labeling, tick);
        for input in inputs.iter_mut() {
            while !input.is_done() && input.tick() < tick {
                input.next += 1;
            }
            while !input.is_done() && input.tick() == tick {
                move_point(input, &labels, results);
            }
        }
        labeling[0].next += 1;
        if labeling[0].is_done() {
            return;
        }
        tick = labeling[0].tick();
    }
}

/// All points, with the labels that there are at their tick.
fn pivot_loose(labeling: &mut [Input], inputs: &mut [Input], results: &mut Results) {
    let mut tick = labeling.iter().map(Input::tick).min().unwrap_or(i64::MAX);
    loop {
        let labels = labels_at(labeling, tick);
        for input in inputs.iter_mut() {
            while !input.is_done() && input.tick() < tick {
                move_point(input, &Labels::new(), results);
            }
            while !input.is_done() && input.tick() == tick {
                move_point(input, &labels, results);
            }
        }
        let mut next = i64::MAX;
        let mut done = true;
        for label in labeling.iter_mut().filter(|l| !l.is_done()) {
            if label.tick() == tick {
                label.next += 1;
            }
            // A series that was just read to its end is asked once more.
            next = next.min(label.tick());
            done = false;
        }
        if done && inputs.iter().all(Input::is_done) {
            return;
        }
        tick = next;
    }
}
