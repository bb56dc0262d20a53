//! APPLY and PAPPLY: an operation over the values that series of several collections have at one
//! tick.

use std::collections::BTreeSet;

use weft_gts::{Bucket, Labels, Metadata};

use super::build::Building;
use super::callee::{Callee, Use};
use super::merge::Merge;
use super::partition::{Class, label_names, partition};
use super::reduce::{push_results, series_in_lists};
use crate::error::Result;
use crate::heap::Gts;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::value::{Handle, Value};
use crate::words::points;

/// Values that one slice handles.
const SLICE_VALUES: usize = 1 << 16;

/// APPLY at work.
struct Applying {
    callee: Callee,
    flat: bool,
    collections: Vec<Vec<Handle<Gts>>>,
    /// Which series are in each collection.
    there: Vec<BTreeSet<u32>>,
    classes: std::vec::IntoIter<Class>,
    /// Says which classes are worked on.
    validator: Option<Handle<Macro>>,
    state: State,
    results: Vec<(Labels, Vec<Value>)>,
}

enum State {
    /// The next class is to be taken.
    Next,
    /// The validator runs for this class.
    Asking(Labels, Vec<Vec<Handle<Gts>>>),
    Walking(Box<Pass>),
}

/// APPLY over one class.
struct Pass {
    merge: Merge,
    members: Vec<Handle<Gts>>,
    common: Labels,
    bucket: Option<Bucket>,
    made: Building,
}

/// The buckets of what comes out: those of the first bucketised series, stretched over all others
/// as long as they are congruent.
fn bucket_of(vm: &Machine, members: &[Handle<Gts>]) -> Option<Bucket> {
    let (mut last, mut span, mut first) = (0i64, 0i64, i64::MAX);
    for member in members {
        let Some(bucket) = points::bucket(vm.heap.gts(*member)) else {
            if span > 0 {
                return None;
            }
            continue;
        };
        if span > 0 && bucket.span != span {
            return None;
        }
        if span == 0 {
            (span, last) = (bucket.span, bucket.last);
        }
        if span == 0 || bucket.last.wrapping_rem(span) != last.wrapping_rem(span) {
            return None;
        }
        last = last.max(bucket.last);
        first = first.min(bucket.last.wrapping_sub(bucket.count.wrapping_mul(span)));
    }
    if span == 0 {
        return None;
    }
    let count = i64::from(last.wrapping_sub(first).wrapping_div(span) as i32);
    Some(Bucket { last, span, count })
}

impl Pass {
    fn start(vm: &mut Machine, common: Labels, collections: Vec<Vec<Handle<Gts>>>) -> Result<Self> {
        let mut places = Vec::new();
        for (index, collection) in collections.iter().enumerate() {
            places.extend(collection.iter().map(|_| index as i64));
        }
        let members = collections.concat();
        let bucket = bucket_of(vm, &members);
        let merge = Merge::start(vm, &members, common.clone(), Some(places))?;
        Ok(Self { merge, members, common, bucket, made: Building::default() })
    }

    /// Goes on for one slice; whether all is done.
    fn run(&mut self, vm: &mut Machine, callee: &Callee) -> Result<bool> {
        let mut work = 0;
        let done = loop {
            if !self.merge.next() {
                break true;
            }
            work += 2 + self.merge.width();
            let point = callee.run(vm, &self.merge.window())?;
            if let Some(value) = point.value {
                let tick = self.merge.tick();
                self.made.push(tick, point.location, point.elevation, value);
            }
            if work >= SLICE_VALUES {
                break false;
            }
        };
        vm.heap.claim(self.made.len() * Building::POINT_BYTES)?;
        vm.charge(work);
        Ok(done)
    }

    fn finish(self, vm: &mut Machine) -> Result<(Labels, Vec<Value>)> {
        let name = self.merge.names().last().map(ToString::to_string).unwrap_or_default();
        let metadata = Metadata::new(name, self.common.clone());
        let gts = self.made.into_gts(metadata, self.bucket);
        let gts = Value::Gts(vm.heap.alloc_gts(gts)?);
        Ok((self.common, vec![gts]))
    }
}

impl Applying {
    /// The members of each collection that belong to a class. A collection of one series belongs
    /// to every class.
    fn choose(&self, vm: &mut Machine, class: &Class) -> Vec<Vec<Handle<Gts>>> {
        vm.charge(self.collections.len() * class.members.len());
        let choose = |(collection, there): (&Vec<Handle<Gts>>, &BTreeSet<u32>)| {
            if collection.len() == 1 {
                return collection.clone();
            }
            class.members.iter().copied().filter(|m| there.contains(&m.index)).collect()
        };
        self.collections.iter().zip(&self.there).map(choose).collect()
    }

    fn ask(
        vm: &mut Machine,
        validator: Handle<Macro>,
        common: &Labels,
        chosen: &[Vec<Handle<Gts>>],
    ) -> Result {
        let mut lists = Vec::with_capacity(chosen.len());
        for series in chosen {
            lists.push(vm.heap.new_list(series.iter().map(|h| Value::Gts(*h)).collect())?);
        }
        vm.push_list(lists)?;
        let labels = points::labels_as_they_are(vm, common)?;
        vm.push_map(labels)?;
        vm.exec(validator)
    }
}

impl Task for Applying {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        loop {
            match std::mem::replace(&mut self.state, State::Next) {
                State::Next => {
                    let Some(class) = self.classes.next() else {
                        let results = std::mem::take(&mut self.results);
                        push_results(vm, results, self.flat)?;
                        return Ok(Flow::Done);
                    };
                    let chosen = self.choose(vm, &class);
                    if let Some(validator) = self.validator {
                        Self::ask(vm, validator, &class.common, &chosen)?;
                        self.state = State::Asking(class.common, chosen);
                        return Ok(Flow::Again);
                    }
                    let pass = Pass::start(vm, class.common, chosen)?;
                    self.state = State::Walking(Box::new(pass));
                }
                State::Asking(common, chosen) => {
                    if matches!(vm.pop()?, Value::Boolean(true)) {
                        let pass = Pass::start(vm, common, chosen)?;
                        self.state = State::Walking(Box::new(pass));
                    } else {
                        self.results.push((common, Vec::new()));
                    }
                }
                State::Walking(mut pass) => {
                    if pass.run(vm, &self.callee)? {
                        self.results.push(pass.finish(vm)?);
                    } else {
                        self.state = State::Walking(pass);
                    }
                }
            }
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.callee.trace(visit);
        self.collections.iter().flatten().for_each(|h| visit(Value::Gts(*h)));
        self.classes.as_slice().iter().flat_map(|c| &c.members).for_each(|h| visit(Value::Gts(*h)));
        self.results.iter().flat_map(|(_, r)| r).for_each(|v| visit(*v));
        if let Some(validator) = self.validator {
            visit(Value::Macro(validator));
        }
        if let State::Walking(pass) = &self.state {
            pass.members.iter().for_each(|h| visit(Value::Gts(*h)));
        }
    }
}

fn apply_word(vm: &mut Machine, flat: bool) -> Result {
    let list = vm.pop_list("expects a list as input.")?;
    let items = vm.heap.list(list).clone();
    if items.len() < 3 {
        return Err(vm.error("expects at least 3 parameters."));
    }
    let mut found = items.iter().enumerate();
    let found = found.find_map(|(i, v)| Callee::find(vm, *v, Use::Apply).map(|c| (i, c)));
    let found = found.filter(|(_, callee)| callee.body().is_none());
    let Some((place, callee)) = found else {
        return Err(vm.error("expects an operation in the parameter list."));
    };
    let text = "expects a list of label names under the operation.";
    if place < 2 {
        return Err(vm.error(text));
    }
    let by = label_names(vm, items[place - 1]).ok_or_else(|| vm.error(text))?;
    let text = "expects lists of Geo Time Series as first parameters.";
    let collections = series_in_lists(vm, &items[..place - 1], text)?;
    let validator = match items.get(place + 1) {
        Some(Value::Macro(body)) => Some(*body),
        _ => None,
    };
    let mut all = indexmap::IndexSet::<Handle<Gts>, rustc_hash::FxBuildHasher>::default();
    for collection in collections.iter().filter(|c| c.len() > 1) {
        all.extend(collection.iter().copied());
    }
    if collections.iter().all(|c| c.len() < 2) {
        all.extend(collections[0].iter().copied());
    }
    let all: Vec<Handle<Gts>> = all.into_iter().collect();
    let indices = |c: &Vec<Handle<Gts>>| c.iter().map(|h| h.index).collect();
    let there = collections.iter().map(indices).collect();
    let classes = partition(vm, &all, &by)?.into_iter();
    let results = Vec::new();
    let state = State::Next;
    vm.push_task(Applying { callee, flat, collections, there, classes, validator, state, results })
}

pub(super) fn apply(vm: &mut Machine) -> Result {
    apply_word(vm, true)
}

pub(super) fn papply(vm: &mut Machine) -> Result {
    apply_word(vm, false)
}
