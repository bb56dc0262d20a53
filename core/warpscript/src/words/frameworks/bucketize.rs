//! BUCKETIZE: a function over the points of equal stretches of time.

use std::sync::Arc;

use weft_gts::{Bucket, Columns, Labels, Metadata};

use super::build::Building;
use super::callee::{Callee, Code, Use, push_lists, window_of};
use super::{output, sorted};
use crate::error::{Fault, Kind, Result};
use crate::function::Bulk;
use crate::heap::{Gts, List, Order};
use crate::machine::{Flow, Loop, Machine, Task};
use crate::value::{Handle, Value};
use crate::words::points;

/// Points in buckets that one slice handles.
const SLICE_POINTS: usize = 1 << 16;

/// BUCKETIZE at work.
struct Bucketizing {
    callee: Callee,
    asked: Bucket,
    inputs: Vec<Handle<Gts>>,
    next: usize,
    pass: Option<Pass>,
    results: List,
    waiting: bool,
}

/// BUCKETIZE over one series, from the newest point to the oldest.
pub(super) struct Pass {
    points: Columns,
    bucket: Bucket,
    /// The points before this index are still to be put into buckets.
    end: usize,
    made: Building,
    metadata: Metadata,
    renamed: bool,
    names: Vec<Arc<str>>,
    labels: Vec<Labels>,
    tick: i64,
    shown: Option<Handle<Gts>>,
}

#[cold]
fn by_zero() -> Fault {
    Fault::kind(Kind::Arithmetic, "/ by zero")
}

/// The remainder, or an error where Java fails.
fn remainder(a: i64, b: i64) -> Result<i64> {
    if b == 0 { Err(by_zero()) } else { Ok(a.wrapping_rem(b)) }
}

/// The buckets that are meant: what was left out comes from the points.
fn buckets(vm: &Machine, gts: &Gts, asked: Bucket) -> Result<Bucket> {
    let (newest, oldest) = (points::last_tick(gts), points::first_tick(gts));
    let Bucket { mut last, mut span, mut count } = asked;
    let (last_given, count_given) = (last != 0, count != 0);
    if !last_given {
        last = newest;
    }
    if span == 0 || span == -1 {
        if count == 0 {
            let text = "One of bucketspan or bucketcount must be different from zero.";
            return Err(Fault::text(text));
        }
        if last >= oldest {
            let whole = last.wrapping_sub(oldest);
            let (delta, parts) = if span == 0 {
                (whole.wrapping_add(1), count)
            } else {
                (whole, if count == 1 { 1 } else { count - 1 })
            };
            span = delta.checked_div(parts).unwrap_or(delta);
            if span == 0 || remainder(delta, span)? != 0 {
                span = span.wrapping_add(1);
            }
        }
    }
    span = span.max(0);
    if count == 0 && last >= oldest {
        let delta = last.wrapping_sub(oldest);
        count = if delta < span {
            1
        } else if span == 0 {
            return Err(by_zero());
        } else {
            i64::from(1i32.wrapping_add((delta / span) as i32))
        };
    }
    if !last_given && !count_given {
        let beyond = remainder(last, span)?;
        if beyond != 0 {
            last = last.wrapping_sub(beyond).wrapping_add(span);
            if last.wrapping_sub(count.wrapping_mul(span)) >= oldest {
                count = i64::from((count as i32).wrapping_add(1));
            }
        }
    }
    if count < 0 || count > vm.limits.buckets {
        let limit = vm.limits.buckets;
        return Err(Fault::text(format!(
            "Bucket count ({count}) would exceed maximum value of {limit}. Consider raising the \
             limit or using capabilities."
        )));
    }
    if span == 0 {
        return Err(Fault::text("Undefined bucket span, check your GTS timestamps."));
    }
    Ok(Bucket { last, span, count })
}

impl Pass {
    fn start(vm: &mut Machine, input: Handle<Gts>, asked: Bucket) -> Result<Self> {
        let gts = vm.heap.gts(input);
        let bucket = buckets(vm, gts, asked)?;
        let (newest, oldest) = (points::last_tick(gts), points::first_tick(gts));
        let (metadata, renamed) = (gts.series.metadata.clone(), gts.renamed);
        let start = bucket.last.wrapping_sub(bucket.span.wrapping_mul(bucket.count));
        let empty = gts.series.points.is_empty();
        let missed = empty || oldest > bucket.last || newest < start.wrapping_add(1);
        let points = if missed { Columns::default() } else { sorted(vm, input)? };
        let end = points.ticks.partition_point(|t| *t <= bucket.last);
        Ok(Self {
            end,
            made: Building::default(),
            names: vec![Arc::from(metadata.class())],
            labels: vec![metadata.labels.clone()],
            metadata,
            renamed,
            points,
            bucket,
            tick: 0,
            shown: None,
        })
    }

    /// The next bucket with points: its end and the points.
    fn advance(&mut self) -> Option<(i64, (usize, usize))> {
        let Bucket { last, span, count } = self.bucket;
        let ticks = &self.points.ticks;
        let newest = *ticks[..self.end].last()?;
        if newest <= last.wrapping_sub(span.wrapping_mul(count)) {
            return None;
        }
        let tick = newest.wrapping_add(last.wrapping_sub(newest).wrapping_rem(span));
        let start = tick.wrapping_sub(span);
        let mut first = self.end;
        while first > 0 && ticks[first - 1] > start {
            first -= 1;
        }
        // Arithmetic may wrap around at the ends of time: every step takes one point at least.
        let range = (first.min(self.end - 1), self.end);
        self.end = range.0;
        Some((tick, range))
    }

    /// Goes on with library code for one slice; whether all is done.
    fn run(&mut self, vm: &mut Machine, callee: &Callee) -> Result<bool> {
        if let Code::Native(aggregator, _, _) = &callee.code {
            let bulk = aggregator.bulk.filter(|b| (b.run)(&self.points, &[]).is_some());
            if let Some(bulk) = bulk {
                return self.run_bulk(vm, bulk);
            }
        }
        let mut work = 0;
        let names = std::mem::take(&mut self.names);
        let labels = std::mem::take(&mut self.labels);
        let done = loop {
            let Some((tick, range)) = self.advance() else {
                break true;
            };
            work += 4 + range.1 - range.0;
            let window = window_of(&self.points, range, tick, &names, &labels);
            let point = callee.run(vm, &window)?;
            if let Some(value) = point.value {
                self.made.push(tick, point.location, point.elevation, value);
            }
            if work >= SLICE_POINTS {
                break false;
            }
        };
        (self.names, self.labels) = (names, labels);
        vm.heap.claim(self.made.len() * Building::POINT_BYTES)?;
        vm.charge(work);
        Ok(done)
    }

    fn run_bulk(&mut self, vm: &mut Machine, bulk: Bulk) -> Result<bool> {
        let (mut ticks, mut ranges, mut work) = (Vec::new(), Vec::new(), 0);
        let done = loop {
            let Some((tick, range)) = self.advance() else {
                break true;
            };
            work += 2 + range.1 - range.0;
            ticks.push(tick);
            ranges.push(range);
            if work >= SLICE_POINTS {
                break false;
            }
        };
        vm.heap.claim((self.made.len() + ticks.len()) * Building::POINT_BYTES)?;
        vm.charge(work);
        if let Some(columns) = (bulk.run)(&self.points, &ranges) {
            self.made.extend(&ticks, &columns);
        }
        Ok(done)
    }

    /// Pushes what a macro takes for the next bucket; `false` when there is none.
    fn call(&mut self, vm: &mut Machine, callee: &Callee) -> Result<bool> {
        let Some((tick, (first, end))) = self.advance() else {
            return Ok(false);
        };
        self.tick = tick;
        if matches!(callee.code, Code::Series(_)) {
            self.show(vm, first, end)?;
            return Ok(true);
        }
        let name = vm.heap.string(self.names[0].clone())?;
        let labels = points::labels_map(vm, &self.labels[0])?;
        let labels = Value::Map(vm.heap.alloc_map(labels)?);
        let window = window_of(&self.points, (first, end), tick, &[], &[]);
        push_lists(vm, &window, vec![name], vec![labels])?;
        Ok(true)
    }

    fn show(&mut self, vm: &mut Machine, first: usize, end: usize) -> Result {
        vm.charge((end - first) * 2);
        vm.heap.claim((end - first) * Building::POINT_BYTES)?;
        let points = self.points.slice(first..end);
        let shown = super::shown(vm, &mut self.shown, &self.metadata, self.renamed)?;
        let mut gts = vm.heap.change_gts(shown)?;
        gts.series.points = points;
        gts.order = Order::Ascending;
        drop(gts);
        vm.push(Value::Gts(shown))
    }

    /// Takes what a macro left.
    fn take_output(&mut self, vm: &mut Machine, callee: &Callee) -> Result {
        // A bare macro that leaves no value leaves everything on the stack.
        let top = vm.peek(0)?;
        let left = if matches!(callee.code, Code::Series(_)) {
            let value = match top.as_list() {
                Some(list) => *vm.heap.list(list).last().ok_or_else(Fault::bounds)?,
                None => top,
            };
            if value.is_null() {
                return Ok(());
            }
            match top.as_list() {
                Some(_) => {
                    vm.pop()?;
                    output::from_list(vm, top)?
                }
                None => output::from_stack(vm)?,
            }
        } else {
            match output::take(vm)? {
                output::Output::One(left) => left,
                output::Output::Many(_) => {
                    return Err(Fault::kind(Kind::Cast, "A bucketizer makes one series."));
                }
            }
        };
        if let Some(value) = left.value {
            self.made.push(self.tick, left.location, left.elevation, value);
        }
        Ok(())
    }

    fn finish(self, vm: &mut Machine) -> Result<Value> {
        let (metadata, renamed) =
            super::shown_metadata(vm, self.shown).unwrap_or((self.metadata, self.renamed));
        let mut gts = self.made.into_gts(metadata, Some(self.bucket));
        gts.renamed = renamed;
        if !gts.series.points.is_empty() {
            gts.order = Order::Descending;
        }
        Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
    }
}

impl Bucketizing {
    /// Makes sure that there is a pass; `false` after the last series.
    fn prepare(&mut self, vm: &mut Machine) -> Result<bool> {
        if self.pass.is_none() {
            let Some(input) = self.inputs.get(self.next) else {
                return Ok(false);
            };
            self.next += 1;
            self.pass = Some(Pass::start(vm, *input, self.asked)?);
        }
        Ok(true)
    }

    fn finish_pass(&mut self, vm: &mut Machine) -> Result {
        if let Some(pass) = self.pass.take() {
            self.results.push(pass.finish(vm)?);
        }
        Ok(())
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.callee.trace(visit);
        self.inputs.iter().for_each(|h| visit(Value::Gts(*h)));
        self.results.iter().for_each(|v| visit(*v));
        if let Some(shown) = self.pass.as_ref().and_then(|p| p.shown) {
            visit(Value::Gts(shown));
        }
    }
}

/// With library code.
struct Native(Bucketizing);

impl Task for Native {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while self.0.prepare(vm)? {
            let Bucketizing { callee, pass: Some(pass), .. } = &mut self.0 else {
                continue;
            };
            if pass.run(vm, callee)? {
                self.0.finish_pass(vm)?;
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        let results = std::mem::take(&mut self.0.results);
        vm.push_list(results)?;
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// With a macro.
struct WithMacro(Bucketizing);

impl Loop for WithMacro {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        let mut waiting = std::mem::take(&mut self.0.waiting);
        while self.0.prepare(vm)? {
            let Bucketizing { callee, pass: Some(pass), .. } = &mut self.0 else {
                continue;
            };
            if std::mem::take(&mut waiting) {
                pass.take_output(vm, callee)?;
            }
            if pass.call(vm, callee)? {
                self.0.waiting = true;
                return Ok(true);
            }
            self.0.finish_pass(vm)?;
        }
        Ok(false)
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        let results = std::mem::take(&mut self.0.results);
        vm.push_list(results)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// The series among the first parameters: series and lists of series.
pub(super) fn series_of(vm: &Machine, items: &[Value]) -> Result<Vec<Handle<Gts>>> {
    let mut series = Vec::with_capacity(items.len());
    let text = "expects a list of Geo Time Series as first parameter.";
    for item in items {
        match *item {
            Value::Gts(gts) => series.push(gts),
            Value::List(list) | Value::Vector(list) => {
                for item in vm.heap.list(list) {
                    match item {
                        Value::Gts(gts) => series.push(*gts),
                        _ => return Err(vm.error(text)),
                    }
                }
            }
            _ => return Err(vm.error(text)),
        }
    }
    Ok(series)
}

pub(super) fn bucketize(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list as input.")?;
    let items = vm.heap.list(list).clone();
    if items.len() < 5 {
        return Err(vm.error("needs a list of at least 5 parameters as input."));
    }
    let (series, parameters) = items.split_at(items.len() - 4);
    let inputs = series_of(vm, series)?;
    let callee = Callee::find(vm, parameters[0], Use::Bucketize);
    if callee.is_none() && !parameters[0].is_null() {
        let text = "expects a bucketizer function, a macro, or NULL as fourth to last parameter.";
        return Err(vm.error(text));
    }
    let (Value::Long(last), Value::Long(span), Value::Long(count)) =
        (parameters[1], parameters[2], parameters[3])
    else {
        let text = "expects lastbucket, bucketspan and bucketcount as last 3 parameters.";
        return Err(vm.error(text));
    };
    let asked = Bucket { last, span, count: i64::from(count as i32) };
    let Some(callee) = callee else {
        let mut results = Vec::with_capacity(inputs.len());
        for input in inputs {
            let bucket = buckets(vm, vm.heap.gts(input), asked)?;
            vm.heap.change_gts(input)?.series.bucket = Some(bucket);
            results.push(Value::Gts(input));
        }
        return vm.push_list(results);
    };
    let body = callee.body();
    let results = Vec::with_capacity(inputs.len());
    let work = Bucketizing { callee, asked, inputs, next: 0, pass: None, results, waiting: false };
    match body {
        Some(body) => vm.push_loop(body, WithMacro(work)),
        None => vm.push_task(Native(work)),
    }
}

pub(super) fn unbucketize(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, gts| {
        vm.heap.change_gts(gts)?.series.bucket = None;
        Ok(Value::Gts(gts))
    })
}

pub(super) fn at_bucket(vm: &mut Machine) -> Result {
    let index = vm.pop()?;
    let index = points::integer(vm, index)
        .ok_or_else(|| vm.error("expects an index on top of the stack."))? as i32;
    let input = vm.pop_gts("expects a Geo Time Series instance on top of the stack.")?;
    let Some(bucket) = points::bucket(vm.heap.gts(input)) else {
        let text = "expects the Geo Time Series on top of the stack to be bucketized.";
        return Err(vm.error(text));
    };
    let (index, count) = (i64::from(index), bucket.count);
    if index >= count {
        let text = format!("cannot retrieve bucket {index} of a GTS with {count} buckets.");
        return Err(vm.error(&text));
    }
    let columns = sorted(vm, input)?;
    let back = (count - 1 - index).wrapping_mul(bucket.span);
    let tick = bucket.last.wrapping_sub(back);
    let place = points::order::binary_search(&columns.ticks, tick);
    match place {
        Some(place) => points::push_point(vm, &columns.get(place)),
        None => super::no_point(vm),
    }
}
