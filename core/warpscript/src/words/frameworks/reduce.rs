//! REDUCE and PREDUCE: a function over the values that series of one class have at one tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_gts::{Bucket, Labels, Metadata};

use super::build::Building;
use super::callee::{Callee, Code, Use, push_lists};
use super::merge::{Merge, common_bucket};
use super::output::{self, Output};
use super::partition::{Class, label_names, partition, push_classes};
use crate::error::Result;
use crate::function::Bulk;
use crate::heap::Gts;
use crate::machine::{Flow, Loop, Machine, Task};
use crate::value::{Handle, Value};
use crate::words::points;

/// Values that one slice handles.
const SLICE_VALUES: usize = 1 << 16;

/// REDUCE at work.
struct Reducing {
    callee: Callee,
    own_ticks: bool,
    /// One list for all classes, not a map of lists.
    flat: bool,
    classes: std::vec::IntoIter<Class>,
    pass: Option<Pass>,
    results: Vec<(Labels, Vec<Value>)>,
    waiting: bool,
}

/// REDUCE over one class.
struct Pass {
    merge: Merge,
    /// For aligned series.
    bulk: Option<Bulk>,
    members: Vec<Handle<Gts>>,
    metadata: Metadata,
    bucket: Option<Bucket>,
    /// Names and labels as values, for macros.
    named: Option<(Vec<Value>, Vec<Value>)>,
    /// A result that is one series, even an empty one.
    single: bool,
    made: Building,
    many: BTreeMap<Arc<str>, Building>,
}

/// The attributes that all series have in common.
fn common_attributes(vm: &Machine, members: &[Handle<Gts>]) -> Labels {
    let attributes = |m: &Handle<Gts>| &vm.heap.gts(*m).series.metadata.attributes;
    let Some(first) = members.first() else {
        return Labels::new();
    };
    let mut common = attributes(first).clone();
    for member in &members[1..] {
        if common.is_empty() {
            break;
        }
        let other = attributes(member);
        common.retain(|name, value| other.get(name) == Some(value));
    }
    common
}

impl Pass {
    fn start(vm: &mut Machine, class: Class, callee: &Callee, own_ticks: bool) -> Result<Self> {
        let Class { common, members } = class;
        let bucket = common_bucket(vm, &members);
        let merge = Merge::start(vm, &members, common.clone(), None)?;
        let name = match merge.names() {
            [first, rest @ ..] if rest.iter().all(|n| n == first) => first.to_string(),
            _ => String::new(),
        };
        let mut metadata = Metadata::new(name, common);
        metadata.attributes = common_attributes(vm, &members);
        // Windows of equal ticks: the code for sliding windows over time does for them, too. There
        // are no holes, so conditions hold.
        let bulk = match &callee.code {
            Code::Native(aggregator, ..) if !own_ticks && merge.is_aligned() => aggregator.bulk,
            _ => None,
        };
        Ok(Self {
            bulk,
            merge,
            members,
            metadata,
            bucket,
            named: None,
            single: false,
            made: Building::default(),
            many: BTreeMap::new(),
        })
    }

    /// Goes on with library code for one slice; whether all is done.
    fn run(&mut self, vm: &mut Machine, callee: &Callee, own_ticks: bool) -> Result<bool> {
        if let Some(bulk) = self.bulk {
            return self.run_bulk(vm, bulk);
        }
        let mut work = 0;
        let done = loop {
            if !self.merge.next() {
                break true;
            }
            work += 2 + self.merge.width();
            self.single = true;
            let window = self.merge.window();
            if !callee.is_guarded() || callee.allows(&window) {
                let point = callee.run(vm, &window)?;
                if let Some(value) = point.value {
                    let tick = if own_ticks { point.tick } else { self.merge.tick() };
                    self.made.push(tick, point.location, point.elevation, value);
                }
            }
            if work >= SLICE_VALUES {
                break false;
            }
        };
        vm.heap.claim(self.made.len() * Building::POINT_BYTES)?;
        vm.charge(work);
        Ok(done)
    }

    /// The same, many rows at once.
    fn run_bulk(&mut self, vm: &mut Machine, bulk: Bulk) -> Result<bool> {
        let width = self.merge.width();
        let count = (SLICE_VALUES / width).max(1);
        vm.heap.claim(count * width * 32 + self.made.len() * Building::POINT_BYTES)?;
        let (ticks, columns) = self.merge.block(count);
        let done = ticks.len() < count;
        vm.charge(ticks.len() * width);
        self.single |= !ticks.is_empty();
        let ranges: Vec<(usize, usize)> =
            (0..ticks.len()).map(|row| (row * width, (row + 1) * width)).collect();
        if let Some(columns) = (bulk.run)(&columns, &ranges) {
            self.made.extend(ticks, &columns);
        }
        Ok(done)
    }

    /// Pushes what a macro takes for the next tick that the conditions let pass; `false` at the
    /// end.
    fn call(&mut self, vm: &mut Machine, callee: &Callee) -> Result<bool> {
        while self.merge.next() {
            vm.charge(self.merge.width());
            if !callee.allows(&self.merge.window()) {
                self.single = true;
                continue;
            }
            let (names, labels) = match &self.named {
                Some(named) => named.clone(),
                None => {
                    let named = self.name_values(vm)?;
                    self.named.insert(named).clone()
                }
            };
            push_lists(vm, &self.merge.window(), names, labels)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn name_values(&self, vm: &mut Machine) -> Result<(Vec<Value>, Vec<Value>)> {
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        for name in self.merge.names() {
            names.push(vm.heap.string(name.clone())?);
        }
        for map in self.merge.labels() {
            let map = points::labels_map(vm, map)?;
            labels.push(Value::Map(vm.heap.alloc_map(map)?));
        }
        Ok((names, labels))
    }

    /// Takes what a macro left.
    fn take_output(&mut self, vm: &mut Machine, own_ticks: bool) -> Result {
        let tick = self.merge.tick();
        match output::take(vm)? {
            Output::One(left) => {
                self.single = true;
                let tick = left.tick(own_ticks, tick);
                if let Some(value) = left.value {
                    self.made.push(tick?, left.location, left.elevation, value);
                }
            }
            Output::Many(entries) => {
                for (name, left) in entries {
                    let made = self.many.entry(name).or_default();
                    let tick = left.tick(own_ticks, tick);
                    if let Some(value) = left.value {
                        made.push(tick?, left.location, left.elevation, value);
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(self, vm: &mut Machine) -> Result<(Labels, Vec<Value>)> {
        let common = self.metadata.labels.clone();
        let mut results = Vec::new();
        if self.single {
            let gts = self.made.into_gts(self.metadata, self.bucket);
            results.push(Value::Gts(vm.heap.alloc_gts(gts)?));
        }
        for (name, made) in self.many {
            let metadata = Metadata::new(name.to_string(), common.clone());
            let gts = made.into_gts(metadata, self.bucket);
            results.push(Value::Gts(vm.heap.alloc_gts(gts)?));
        }
        Ok((common, results))
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.members.iter().for_each(|m| visit(Value::Gts(*m)));
        if let Some((names, labels)) = &self.named {
            names.iter().chain(labels).for_each(|v| visit(*v));
        }
    }
}

impl Reducing {
    /// Makes sure that there is a pass; `false` after the last class.
    fn prepare(&mut self, vm: &mut Machine) -> Result<bool> {
        if self.pass.is_none() {
            let Some(class) = self.classes.next() else {
                return Ok(false);
            };
            self.pass = Some(Pass::start(vm, class, &self.callee, self.own_ticks)?);
        }
        Ok(true)
    }

    fn finish_pass(&mut self, vm: &mut Machine) -> Result {
        if let Some(pass) = self.pass.take() {
            self.results.push(pass.finish(vm)?);
        }
        Ok(())
    }

    fn leave(&mut self, vm: &mut Machine) -> Result {
        let results = std::mem::take(&mut self.results);
        push_results(vm, results, self.flat)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.callee.trace(visit);
        let waiting = self.classes.as_slice().iter().flat_map(|c| &c.members);
        waiting.for_each(|m| visit(Value::Gts(*m)));
        self.results.iter().flat_map(|(_, r)| r).for_each(|v| visit(*v));
        if let Some(pass) = &self.pass {
            pass.trace(visit);
        }
    }
}

/// Pushes the series of all classes as a list, or as lists by common labels.
pub(super) fn push_results(
    vm: &mut Machine,
    results: Vec<(Labels, Vec<Value>)>,
    flat: bool,
) -> Result {
    if flat {
        return vm.push_list(results.into_iter().flat_map(|(_, r)| r).collect());
    }
    push_classes(vm, results)
}

/// With library code.
struct Native(Reducing);

impl Task for Native {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        while self.0.prepare(vm)? {
            let Reducing { callee, own_ticks, pass: Some(pass), .. } = &mut self.0 else {
                continue;
            };
            if pass.run(vm, callee, *own_ticks)? {
                self.0.finish_pass(vm)?;
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        self.0.leave(vm)?;
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// With a macro.
struct WithMacro(Reducing);

impl Loop for WithMacro {
    fn next(&mut self, vm: &mut Machine) -> Result<bool> {
        let mut waiting = std::mem::take(&mut self.0.waiting);
        while self.0.prepare(vm)? {
            let Reducing { callee, own_ticks, pass: Some(pass), .. } = &mut self.0 else {
                continue;
            };
            if std::mem::take(&mut waiting) {
                pass.take_output(vm, *own_ticks)?;
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
        self.0.leave(vm)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.0.trace(visit);
    }
}

/// The series of lists.
pub(super) fn series_in_lists(
    vm: &Machine,
    lists: &[Value],
    text: &str,
) -> Result<Vec<Vec<Handle<Gts>>>> {
    let mut all = Vec::with_capacity(lists.len());
    for list in lists {
        let list = list.as_list().ok_or_else(|| vm.error(text))?;
        let series = vm.heap.list(list).iter().map(|v| match v {
            Value::Gts(gts) => Ok(*gts),
            _ => Err(vm.error(text)),
        });
        all.push(series.collect::<Result<Vec<_>>>()?);
    }
    Ok(all)
}

fn reduce_word(vm: &mut Machine, flat: bool) -> Result {
    let list = vm.pop_list("expects a list as input.")?;
    let items = vm.heap.list(list).clone();
    let count = items.len();
    if count < 3 {
        return Err(vm.error("expects at least 3 parameters."));
    }
    let text = "expects lists of Geo Time Series as first parameter.";
    if items[..count - 2].iter().any(|v| v.as_list().is_none()) {
        return Err(vm.error(text));
    }
    let (own_ticks, reducer) = match items[count - 1] {
        Value::Boolean(flag) => (flag, count - 2),
        _ => (false, count - 1),
    };
    let labels = reducer - 1;
    let Some(by) = label_names(vm, items[labels]) else {
        return Err(vm.error("expects a list of label names or null under the reducer."));
    };
    let callee = Callee::find(vm, items[reducer], Use::Reduce);
    // A bare macro is no reducer.
    let Some(callee) = callee.filter(|_| !matches!(items[reducer], Value::Macro(_))) else {
        return Err(vm.error("expects a function under the labels."));
    };
    let series = series_in_lists(vm, &items[..labels], text)?.concat();
    let classes = partition(vm, &series, &by)?.into_iter();
    let body = callee.body();
    let results = Vec::new();
    let work = Reducing { callee, own_ticks, flat, classes, pass: None, results, waiting: false };
    match body {
        Some(body) => vm.push_loop(body, WithMacro(work)),
        None => vm.push_task(Native(work)),
    }
}

pub(super) fn reduce(vm: &mut Machine) -> Result {
    reduce_word(vm, true)
}

pub(super) fn preduce(vm: &mut Machine) -> Result {
    reduce_word(vm, false)
}
