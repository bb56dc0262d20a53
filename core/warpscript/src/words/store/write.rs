//! UPDATE, META, METADIFF and DELETE.

use std::sync::Arc;

use weft_gts::text::{write_labels, write_point, write_series};
use weft_gts::{Columns, Metadata, Series};

use super::{Collect, Collector, select};
use crate::error::Result;
use crate::machine::{Flow, Machine, Task};
use crate::requests::{Chunk, Delete, Request, Write};
use crate::value::Value;

pub(super) fn update(vm: &mut Machine) -> Result {
    const REFUSED: &str = "can only operate on Geo Time Series, encoders or a list thereof.";
    let token = vm.pop_text("expects a token on top of the stack.")?;
    let inputs = pop_inputs(vm, REFUSED)?;
    let inputs: Vec<Value> = inputs.into_iter().filter(|v| !points(vm, *v).is_empty()).collect();
    for input in &inputs {
        check_updatable(vm, *input)?;
    }
    if inputs.is_empty() {
        return Ok(());
    }
    vm.push_task(Lines { token, inputs, next: 0, from: 0, lines: Vec::new() })
}

fn check_updatable(vm: &Machine, input: Value) -> Result {
    let is_unnamed = select::metadata(vm, input).is_none_or(|m| m.class().is_empty());
    match input {
        Value::Gts(_) if is_unnamed => {
            Err(vm.error("can only update Geo Time Series which have a non empty name."))
        }
        Value::Gts(gts) if !vm.heap.gts(gts).renamed => {
            Err(vm.error("can only update Geo Time Series which have been renamed."))
        }
        _ if is_unnamed => Err(vm.error("can only update encoders which have a non empty name.")),
        _ => Ok(()),
    }
}

/// A series or encoder, or a list of those.
fn pop_inputs(vm: &mut Machine, refused: &str) -> Result<Vec<Value>> {
    let top = vm.pop()?;
    let inputs = match top.as_list() {
        Some(list) => vm.heap.list(list).clone(),
        None => vec![top],
    };
    if inputs.iter().any(|input| select::metadata(vm, *input).is_none()) {
        return Err(vm.error(refused));
    }
    Ok(inputs)
}

/// The points of a series or an encoder: shared, not copied.
fn points(vm: &Machine, value: Value) -> Columns {
    match value {
        Value::Gts(gts) => vm.heap.gts(gts).series.points.clone(),
        Value::Encoder(encoder) => vm.heap.encoder(encoder).points.clone(),
        _ => Columns::default(),
    }
}

/// Writes datapoints as lines, then sends them.
struct Lines {
    token: Arc<str>,
    inputs: Vec<Value>,
    next: usize,
    /// The point of the input to go on with.
    from: usize,
    lines: Vec<u8>,
}

impl Task for Lines {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        /// Points between two looks at the budget.
        const STEP: usize = 1024;
        while let Some(input) = self.inputs.get(self.next).copied() {
            let points = points(vm, input);
            let name = match select::metadata(vm, input) {
                Some(metadata) if self.from == 0 => {
                    let mut name = Vec::new();
                    write_series(&mut name, metadata, true);
                    write_labels(&mut name, &metadata.attributes, true);
                    name
                }
                _ => Vec::new(),
            };
            let to = points.len().min(self.from + STEP);
            for index in self.from..to {
                let point = points.get(index);
                let series: &[u8] = if index == 0 { &name } else { &[] };
                if index > 0 {
                    self.lines.push(b'=');
                }
                let place = (point.tick, point.location, point.elevation);
                write_point(&mut self.lines, series, place, (&point.value).into());
                self.lines.push(b'\n');
            }
            vm.charge((to - self.from) * 8);
            vm.heap.claim(self.lines.len())?;
            self.from = to;
            if to == points.len() {
                self.next += 1;
                self.from = 0;
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        let (token, lines) = (Arc::clone(&self.token), std::mem::take(&mut self.lines));
        let request = vm.request(Request::Update(Write { token, lines, delta: false }));
        vm.push_task(Collect { request, collector: Nothing })?;
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.inputs.iter().for_each(|value| visit(*value));
    }
}

/// An answer without a content.
struct Nothing;

impl Collector for Nothing {
    fn take(&mut self, _vm: &mut Machine, _chunk: Chunk) -> Result {
        Ok(())
    }

    fn end(&mut self, _vm: &mut Machine) -> Result {
        Ok(())
    }
}

pub(super) fn meta(vm: &mut Machine) -> Result {
    write_attributes(vm, false)
}

pub(super) fn metadiff(vm: &mut Machine) -> Result {
    write_attributes(vm, true)
}

fn write_attributes(vm: &mut Machine, delta: bool) -> Result {
    const REFUSED: &str = "can only operate on Geo Time Series, GTS Encoders or a list thereof.";
    let token = vm.pop_text("expects a token.")?;
    let inputs = pop_inputs(vm, REFUSED)?;
    let mut lines = Vec::new();
    for input in &inputs {
        let Some(metadata) = select::metadata(vm, *input) else { continue };
        if metadata.class().is_empty() {
            return Err(vm.error(
                "can only set attributes of Geo Time Series or GTS Encoders which have a non \
                 empty name.",
            ));
        }
        write_series(&mut lines, metadata, true);
        write_labels(&mut lines, &metadata.attributes, true);
        lines.push(b'\n');
        vm.heap.claim(lines.len())?;
    }
    vm.charge(lines.len() / 16);
    if inputs.is_empty() {
        return Ok(());
    }
    let request = vm.request(Request::Meta(Write { token, lines, delta }));
    vm.push_task(Collect { request, collector: Nothing })
}

pub(super) fn delete(vm: &mut Machine) -> Result {
    let expected = match vm.pop()? {
        Value::Long(expected) => Some(expected),
        Value::Null => None,
        _ => {
            return Err(
                vm.error("expects a LONG count on top of the stack or NULL to indicate a dry run.")
            );
        }
    };
    let end = pop_tick(vm, "expects the end timestamp to be a Long, a String or NULL.")?;
    let start = pop_tick(vm, "expects the start timestamp to be a Long, a String or NULL.")?;
    let range = match (start, end) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        _ => {
            return Err(
                vm.error("expects both start and end timestamps MUST be NULL if one of them is.")
            );
        }
    };
    let selector = vm.pop_text("expects a Geo Time Series selector below the time parameters.")?;
    let token = vm.pop_text("expects a token below the selector.")?;
    let delete = Delete { token, selector, range, expected };
    let request = vm.request(Request::Delete(Box::new(delete)));
    let collector = Deleted { is_dry_run: expected.is_none(), count: 0, series: Vec::new() };
    vm.push_task(Collect { request, collector })
}

fn pop_tick(vm: &mut Machine, refused: &str) -> Result<Option<Arc<str>>> {
    match vm.pop()? {
        Value::Null => Ok(None),
        Value::Long(tick) => Ok(Some(tick.to_string().into())),
        Value::String(text) => Ok(Some(Arc::clone(vm.heap.text(text)))),
        _ => Err(vm.error(refused)),
    }
}

/// How many series were deleted, or which would be.
struct Deleted {
    is_dry_run: bool,
    count: u64,
    series: Vec<Value>,
}

impl Deleted {
    fn push(&mut self, vm: &mut Machine, metadata: Metadata) -> Result {
        vm.settings.fetched_series += 1;
        let (count, limit) = (vm.settings.fetched_series, vm.limits.gts);
        if count > limit {
            return Err(vm.error(&format!(
                "exceeded limit of {limit} Geo Time Series, current count is {count}. Consider \
                 raising the limit or using capabilities."
            )));
        }
        let series = Series { metadata, ..Series::default() };
        self.series.push(vm.heap.new_gts(series)?);
        Ok(())
    }
}

impl Collector for Deleted {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        match chunk {
            Chunk::Metadata(all) => all.into_iter().try_for_each(|one| self.push(vm, one)),
            Chunk::Count(count) => {
                self.count = count;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        if self.is_dry_run {
            return vm.push_list(std::mem::take(&mut self.series));
        }
        vm.push(i64::try_from(self.count).unwrap_or(i64::MAX))
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.series.iter().for_each(|value| visit(*value));
    }
}
