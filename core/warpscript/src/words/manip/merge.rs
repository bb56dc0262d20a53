//! Putting series together.

use weft_gts::{Bucket, Column, Columns, Labels, Metadata, PointRef, Series};

use crate::error::{Fault, Result};
use crate::heap::{Encoder, Gts, Order};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points::{self, order};

/// What MERGE was given: series and encoders, in their order.
#[derive(Default)]
struct Inputs {
    series: Vec<Handle<Gts>>,
    encoders: Vec<Handle<Encoder>>,
}

impl Inputs {
    fn add(&mut self, value: Value) -> bool {
        match value {
            Value::Gts(handle) => self.series.push(handle),
            Value::Encoder(handle) => self.encoders.push(handle),
            _ => return false,
        }
        true
    }
}

pub(super) fn merge(vm: &mut Machine) -> Result {
    let mut top = vm.pop()?;
    let mut reversed = None;
    if let Value::Boolean(flag) = top {
        reversed = Some(flag);
        top = vm.pop()?;
    }
    let Some(list) = top.as_list() else {
        return Err(vm.error("operates on a LIST containing GTS or ENCODERs."));
    };
    let mut inputs = Inputs::default();
    for value in vm.heap.list(list) {
        if let Some(inner) = value.as_list() {
            for value in vm.heap.list(inner) {
                if !inputs.add(*value) {
                    let message =
                        "expects a list of Geo Time Series or encoders as first parameter.";
                    return Err(vm.error(message));
                }
            }
        } else {
            inputs.add(*value);
        }
    }
    if let Some(reversed) = reversed {
        return sorted_merge(vm, &inputs, reversed);
    }
    if !inputs.series.is_empty() && !inputs.encoders.is_empty() {
        let message = "can only operate on homogeneous lists of Geo Time Series or encoders.";
        return Err(vm.error(message));
    }
    if inputs.encoders.is_empty() {
        let merged = merge_series(vm, &inputs.series)?;
        vm.push(merged)
    } else {
        merge_encoders(vm, &inputs.encoders)
    }
}

fn merge_series(vm: &mut Machine, series: &[Handle<Gts>]) -> Result<Value> {
    let metadata = series.first().map(|h| vm.heap.gts(*h).series.metadata.clone());
    let metadata = metadata.unwrap_or_default();
    let mut merged = Gts::new(Series { metadata, ..Series::default() });
    for handle in series {
        points::claim_copy(vm, *handle)?;
        vm.heap.claim(merged.series.points.len().saturating_mul(48))?;
        append_all(&mut merged, &vm.heap.gts(*handle).series.points);
    }
    points::new_gts(vm, merged)
}

/// Appends points by the rules of the first value; whole columns at once where types agree.
pub(super) fn append_all(to: &mut Gts, from: &Columns) {
    let plain = |c: &Columns| c.locations.is_empty() && c.elevations.is_empty();
    let points = &mut to.series.points;
    if plain(points)
        && plain(from)
        && !matches!(from.values, Column::Mixed(_))
        && !matches!(points.values, Column::Empty)
        && points.values.extend_alike(&from.values)
    {
        std::sync::Arc::make_mut(&mut points.ticks).extend_from_slice(&from.ticks);
        to.order = Order::Unknown;
        return;
    }
    for point in from.iter() {
        to.append(point.tick, point.location, point.elevation, point.value);
    }
}

fn merge_encoders(vm: &mut Machine, encoders: &[Handle<Encoder>]) -> Result {
    let mut merged = Encoder::default();
    for (index, handle) in encoders.iter().enumerate() {
        let encoder = vm.heap.encoder(*handle);
        if index == 0 {
            merged.metadata = encoder.metadata.clone();
        }
        let columns = encoder.points.clone();
        vm.charge(columns.len());
        vm.heap.claim((merged.points.len() + columns.len()).saturating_mul(48))?;
        for point in columns.iter() {
            merged.points.push(point.tick, point.location, point.elevation, point.value);
        }
    }
    let merged = vm.heap.alloc_encoder(merged)?;
    vm.push(Value::Encoder(merged))
}

/// The points of one input of an ordered merge.
struct Source {
    points: Columns,
    next: usize,
    /// Its order is only seen while it is read.
    checked: bool,
}

impl Source {
    fn tick(&self) -> Option<i64> {
        self.points.ticks.get(self.next).copied()
    }

    fn take(&mut self) -> PointRef {
        let point = self.points.get(self.next);
        self.next += 1;
        point
    }
}

/// A heap of sources by their next tick, which gives equal ones in the order that Java's does.
struct Queue {
    sources: Vec<Source>,
    heap: Vec<usize>,
    reversed: bool,
}

impl Queue {
    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.sources[a].tick(), self.sources[b].tick());
        if self.reversed { a > b } else { a < b }
    }

    fn add(&mut self, source: usize) {
        let mut place = self.heap.len();
        self.heap.push(source);
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.before(source, self.heap[parent]) {
                break;
            }
            self.heap.swap(place, parent);
            place = parent;
        }
    }

    fn remove(&mut self) -> Option<usize> {
        let last = self.heap.pop()?;
        let Some(first) = self.heap.first_mut() else {
            return Some(last);
        };
        let first = std::mem::replace(first, last);
        let mut place = 0;
        while place * 2 + 1 < self.heap.len() {
            let (left, right) = (place * 2 + 1, place * 2 + 2);
            let child = match self.heap.get(right) {
                Some(right_source) if self.before(*right_source, self.heap[left]) => right,
                _ => left,
            };
            if !self.before(self.heap[child], last) {
                break;
            }
            self.heap.swap(place, child);
            place = child;
        }
        Some(first)
    }
}

fn sorted_merge(vm: &mut Machine, inputs: &Inputs, reversed: bool) -> Result {
    let wanted = if reversed { Order::Descending } else { Order::Ascending };
    let mut sources = Vec::new();
    let mut metadata: Option<Metadata> = None;
    for handle in &inputs.encoders {
        let encoder = vm.heap.encoder(*handle);
        metadata.get_or_insert_with(|| encoder.metadata.clone());
        sources.push(Source { points: encoder.points.clone(), next: 0, checked: false });
    }
    for handle in &inputs.series {
        let gts = vm.heap.gts(*handle);
        if gts.series.points.len() > 1 && order::order(gts) != wanted {
            return Err(vm.error("was given a GTS that is not sorted in the expected order."));
        }
        metadata.get_or_insert_with(|| gts.series.metadata.clone());
        sources.push(Source { points: gts.series.points.clone(), next: 0, checked: true });
    }
    let count: usize = sources.iter().map(|s| s.points.len()).sum();
    vm.charge(count * 4);
    vm.heap.claim(count.saturating_mul(64))?;
    let mut queue = Queue { sources, heap: Vec::new(), reversed };
    for index in 0..queue.sources.len() {
        if queue.sources[index].tick().is_some() {
            queue.add(index);
        }
    }
    let points = drain(vm, &mut queue)?;
    let metadata = metadata.unwrap_or_default();
    let merged = Encoder { metadata, points, ..Encoder::default() };
    let merged = vm.heap.alloc_encoder(merged)?;
    vm.push(Value::Encoder(merged))
}

/// All points in order: at each tick those of the source that comes first, then the next one's.
fn drain(vm: &Machine, queue: &mut Queue) -> Result<Columns> {
    let mut merged = Columns::default();
    while let Some(tick) = queue.heap.first().and_then(|s| queue.sources[*s].tick()) {
        while let Some(index) = queue.remove() {
            if queue.sources[index].tick() != Some(tick) {
                queue.add(index);
                break;
            }
            let source = &mut queue.sources[index];
            while source.tick() == Some(tick) {
                let point = source.take();
                merged.push(point.tick, point.location, point.elevation, point.value);
            }
            let Some(next) = source.tick() else { continue };
            if !source.checked && (if queue.reversed { next > tick } else { next < tick }) {
                let message = "was given an ENCODER that is not sorted in expected order.";
                return Err(vm.error(message));
            }
            queue.add(index);
        }
    }
    Ok(merged)
}

pub(super) fn fuse(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let chunks = points::gts_list(vm, top, "expects a list of GTS as input.")?;
    let mut kind: Option<Column> = None;
    for handle in &chunks {
        points::claim_copy(vm, *handle)?;
        let values = &vm.heap.gts(*handle).series.points.values;
        match &kind {
            None if matches!(values, Column::Empty) => (),
            None => kind = Some(values.clone()),
            Some(kind) => {
                let alike = std::mem::discriminant(kind) == std::mem::discriminant(values);
                if !values.is_empty() && !alike {
                    return Err(Fault::text("Inconsistent types for chunks to fuse."));
                }
            }
        }
    }
    let mut fused = Gts::default();
    let mut name: Option<String> = None;
    let mut one_name = false;
    let mut labels: Option<Labels> = None;
    let count: usize = chunks.iter().map(|h| vm.heap.gts(*h).series.points.len()).sum();
    vm.heap.claim(count.saturating_mul(48))?;
    for handle in &chunks {
        let Series { metadata, points, .. } = &vm.heap.gts(*handle).series;
        match &name {
            None => {
                name = metadata.name.clone();
                one_name = true;
            }
            Some(name) if Some(name) != metadata.name.as_ref() => one_name = false,
            Some(_) => (),
        }
        match &mut labels {
            None => labels = Some(metadata.labels.clone()),
            Some(labels) => labels.retain(|n, v| metadata.labels.get(n).is_none_or(|w| w == v)),
        }
        append_all(&mut fused, points);
    }
    fused.series.bucket = fused_bucket(vm, &chunks);
    fused.series.metadata.name = name.filter(|_| one_name);
    fused.series.metadata.labels = labels.unwrap_or_default();
    let fused = points::new_gts(vm, fused)?;
    vm.push(fused)
}

/// The buckets that hold all chunks, when all are bucketised alike.
fn fused_bucket(vm: &Machine, chunks: &[Handle<Gts>]) -> Option<Bucket> {
    let mut fused: Option<(i64, i64, i64)> = None;
    for handle in chunks {
        let gts = vm.heap.gts(*handle);
        let bucket = points::bucket(gts)?;
        let first = points::first_tick(gts);
        fused = Some(match fused {
            None => (first, bucket.last, bucket.span),
            Some((oldest, last, span)) => {
                let phase = |tick: i64| tick.wrapping_rem(span);
                if span != bucket.span || phase(last) != phase(bucket.last) {
                    return None;
                }
                (oldest.min(first), last.max(bucket.last), span)
            }
        });
    }
    let (first, last, span) = fused?;
    let count = 1i64.wrapping_add(last.wrapping_sub(first).wrapping_div(span)) as i32;
    Some(Bucket { last, span, count: i64::from(count) })
}

/// EMPTY and NONEMPTY.
pub(super) fn choose_empty(vm: &mut Machine) -> Result {
    let wanted = vm.word.name == "EMPTY";
    let list = vm.pop_list("operates on a list of Geo Time Series.")?;
    let mut series = points::flat_gts(vm, list, "expects a list of Geo Time Series.")?;
    series.retain(|h| vm.heap.gts(*h).series.points.is_empty() == wanted);
    vm.push_list(series.into_iter().map(Value::Gts).collect())
}

pub(super) fn common_ticks(vm: &mut Machine) -> Result {
    let top = vm.pop()?;
    let series = points::gts_list(vm, top, "operates on a list of GTS.")?;
    if series.is_empty() {
        return Err(Fault::bounds());
    }
    for handle in &series {
        points::claim_copy(vm, *handle)?;
    }
    let places = if let [only] = series.as_slice() {
        vec![(0..vm.heap.gts(*only).series.points.len() as u32).collect()]
    } else {
        for handle in &series {
            points::sort_in_place(vm, *handle, false)?;
        }
        let ticks: Vec<_> =
            series.iter().map(|h| vm.heap.gts(*h).series.points.ticks.clone()).collect();
        common_places(&ticks)
    };
    let mut results = Vec::with_capacity(series.len());
    for (handle, places) in series.into_iter().zip(places) {
        results.push(super::dedup::keep(vm, handle, &places)?);
    }
    vm.push_list(results)
}

/// The places of the ticks that all have, each tick once for every one in the shortest series.
fn common_places(ticks: &[std::sync::Arc<Vec<i64>>]) -> Vec<Vec<u32>> {
    let mut places = vec![Vec::new(); ticks.len()];
    let mut next = vec![0usize; ticks.len()];
    let Some(leader) = (0..ticks.len()).min_by_key(|i| ticks[*i].len()) else {
        return places;
    };
    'ticks: while let Some(&target) = ticks[leader].get(next[leader]) {
        for index in (0..ticks.len()).filter(|i| *i != leader) {
            let own = &ticks[index];
            while own.get(next[index]).is_some_and(|t| *t < target) {
                next[index] += 1;
            }
            let Some(&tick) = own.get(next[index]) else {
                return places;
            };
            if tick > target {
                while ticks[leader].get(next[leader]).is_some_and(|t| *t < tick) {
                    next[leader] += 1;
                }
                continue 'ticks;
            }
        }
        for (index, own) in ticks.iter().enumerate() {
            let mut place = next[index];
            while own.get(place) == Some(&target) {
                places[index].push(place as u32);
                place += 1;
            }
            if place < own.len() {
                place -= 1;
            }
            next[index] = place;
        }
        next[leader] += 1;
    }
    places
}
