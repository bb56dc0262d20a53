//! MAP over one series.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_gts::{Bucket, Columns, Labels, Metadata};

use super::super::build::Building;
use super::super::callee::{Code, push_lists, window_of};
use super::super::output::{self, Output};
use super::super::seek::{lower_bound, upper_bound};
use super::super::{shown, shown_metadata, sorted};
use super::{Plan, no_mapper, takes_series};
use crate::error::Result;
use crate::function::Bulk;
use crate::heap::{Gts, List, Order};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All outputs are made.
    Done,
    /// There is more to do, or a macro to run.
    More,
}

/// Points in windows that one slice handles.
const SLICE_POINTS: usize = 1 << 16;

/// MAP over one series: where it is, and what it made.
pub(super) struct Pass {
    /// The input, oldest first.
    points: Columns,
    metadata: Metadata,
    renamed: bool,
    bucket: Option<Bucket>,
    names: Vec<Arc<str>>,
    labels: Vec<Labels>,
    /// How many ticks there are to visit, and which is next.
    count: i64,
    index: i64,
    /// How many times the mapper may still run.
    left: i64,
    /// The input tick at the output tick or behind it, when output ticks were given.
    cursor: i64,
    /// Where the last window was.
    window: (usize, usize),
    last_tick: i64,
    duplicates: i64,
    made: Building,
    batch: Batch,
    /// What macros made by name.
    many: Option<BTreeMap<Arc<str>, Building>>,
    /// The series that macros are given, one for all windows.
    shown: Option<Handle<Gts>>,
    /// The tick of the window that a macro works on.
    tick: i64,
}

/// A window: the tick of its output and the points in it.
struct Place {
    tick: i64,
    range: (usize, usize),
}

/// Windows of one slice.
#[derive(Debug, Default)]
struct Batch {
    ticks: Vec<i64>,
    ranges: Vec<(usize, usize)>,
    duplicates: Vec<i64>,
    work: usize,
}

impl Batch {
    fn clear(&mut self) {
        self.ticks.clear();
        self.ranges.clear();
        self.duplicates.clear();
        self.work = 0;
    }

    #[inline]
    fn push(&mut self, tick: i64, range: (usize, usize), duplicates: i64, sliding: bool) {
        self.ticks.push(tick);
        self.ranges.push(range);
        self.duplicates.push(duplicates);
        self.work += if sliding { 4 } else { 4 + range.1 - range.0 };
    }

    /// Keeps the windows that `keep` says yes to; most often all.
    fn retain(&mut self, keep: impl Fn((usize, usize)) -> bool) {
        if self.ranges.iter().all(|range| keep(*range)) {
            return;
        }
        let mut kept = self.ranges.iter().map(|range| keep(*range));
        self.ticks.retain(|_| kept.next().unwrap_or(false));
        self.ranges.retain(|range| keep(*range));
    }
}

impl Pass {
    /// Starts, or answers with the copy that is the result when there is nothing to do.
    pub(super) fn start(
        vm: &mut Machine,
        plan: &Plan,
        input: Handle<Gts>,
    ) -> Result<std::result::Result<Self, Value>> {
        let gts = vm.heap.gts(input);
        let bucket = points::bucket(gts);
        if gts.series.points.is_empty() && bucket.is_none() && plan.output.is_none() {
            let copy = gts.clone();
            return Ok(Err(Value::Gts(vm.heap.alloc_gts(copy)?)));
        }
        let (metadata, renamed) = (gts.series.metadata.clone(), gts.renamed);
        let points = sorted(vm, input)?;
        let count = match (&plan.output, bucket) {
            (Some(ticks), _) => ticks.len() as i64,
            (None, Some(bucket)) => bucket.count,
            (None, None) => points.len() as i64,
        };
        let names = vec![Arc::from(metadata.class())];
        let labels = vec![metadata.labels.clone()];
        // As many results as there are points, or fewer.
        let most = (count / plan.step).min(points.len() as i64);
        let room = if plan.occurrences == 0 { most } else { most.min(plan.occurrences) };
        let room = usize::try_from(room).unwrap_or(0);
        vm.heap.claim(room * Building::POINT_BYTES)?;
        Ok(Ok(Self {
            points,
            metadata,
            renamed,
            bucket,
            names,
            labels,
            count,
            index: 0,
            left: if plan.occurrences == 0 { i64::MAX } else { plan.occurrences },
            cursor: 0,
            window: (0, 0),
            last_tick: 0,
            duplicates: 0,
            made: Building::with_room(room),
            batch: Batch::default(),
            many: None,
            shown: None,
            tick: 0,
        }))
    }

    /// The input tick at `index` in the order of the pass; `None` outside.
    fn input_tick(&self, plan: &Plan, index: i64) -> Option<i64> {
        let last = self.points.len() as i64 - 1;
        let index = if plan.reversed { last.checked_sub(index)? } else { index };
        self.points.ticks.get(usize::try_from(index).ok()?).copied()
    }

    /// The tick of the output whose turn it is.
    fn output_tick(&mut self, plan: &Plan) -> i64 {
        if let Some(output) = &plan.output {
            let tick = output[self.index as usize];
            if self.bucket.is_none() {
                let points = self.points.len() as i64;
                let hint = if plan.reversed { points - self.cursor } else { self.cursor };
                let hint = usize::try_from(hint).unwrap_or(0);
                // Counted from the end at which the pass starts.
                self.cursor = if plan.reversed {
                    points - upper_bound(&self.points.ticks, hint, tick) as i64
                } else {
                    lower_bound(&self.points.ticks, hint, tick) as i64
                };
            }
            return tick;
        }
        match self.bucket {
            Some(bucket) => {
                let back = if plan.reversed { self.index } else { bucket.count - 1 - self.index };
                bucket.last.wrapping_sub(back.wrapping_mul(bucket.span))
            }
            None => self.input_tick(plan, self.index).unwrap_or_default(),
        }
    }

    /// The limit of a window that lies `size` ticks away from the output: towards the start of the
    /// pass or away from it.
    fn count_limit(&self, plan: &Plan, tick: i64, size: i64, forward: bool) -> Option<i64> {
        let onward = forward != plan.reversed;
        let base = match &plan.output {
            None => self.index,
            // Between two input ticks the one before counts as the first of those onward.
            Some(_) if onward && self.input_tick(plan, self.cursor) != Some(tick) => {
                self.cursor - 1
            }
            Some(_) => self.cursor,
        };
        self.input_tick(plan, if onward { base + size } else { base - size })
    }

    /// Start and end of the window around `tick`.
    fn limits(&self, plan: &Plan, tick: i64) -> (i64, i64) {
        let start = match (plan.pre, self.bucket) {
            (0, _) => tick,
            (pre, _) if pre < 0 => tick.wrapping_add(pre),
            (pre, Some(bucket)) if pre <= bucket.count => {
                tick.wrapping_sub(pre.wrapping_mul(bucket.span))
            }
            (_, Some(_)) => i64::MIN,
            (pre, None) => self.count_limit(plan, tick, pre, false).unwrap_or(i64::MIN),
        };
        let stop = match (plan.post, self.bucket) {
            (0, _) => tick,
            (post, _) if post < 0 => tick.wrapping_sub(post),
            (post, Some(bucket)) if post <= bucket.count => {
                tick.wrapping_add(post.wrapping_mul(bucket.span))
            }
            (_, Some(_)) => i64::MAX,
            (post, None) => self.count_limit(plan, tick, post, true).unwrap_or(i64::MAX),
        };
        (start, stop)
    }

    /// The next window, or nothing after the last one.
    fn advance(&mut self, plan: &Plan) -> Option<Place> {
        if self.index >= self.count || self.left == 0 {
            return None;
        }
        let tick = self.output_tick(plan);
        let repeated = self.index != 0 && self.last_tick == tick;
        self.duplicates = if repeated { self.duplicates + 1 } else { 0 };
        self.last_tick = tick;
        let (start, stop) = self.limits(plan, tick);
        if start <= stop {
            let ticks = &self.points.ticks;
            let first = lower_bound(ticks, self.window.0, start);
            let end = upper_bound(ticks, self.window.1, stop);
            self.window = (first, end.max(first));
        }
        let range = if start <= stop { self.window } else { (0, 0) };
        self.index += plan.step;
        self.left -= 1;
        Some(Place { tick, range })
    }

    /// The next windows, until they hold as many points as a slice handles; those of sliding code
    /// count one each.
    fn fill(&mut self, plan: &Plan, batch: &mut Batch, sliding: bool) -> Step {
        batch.clear();
        if self.bucket.is_none() && plan.output.is_none() && !plan.reversed && !self.overflows(plan)
        {
            return self.fill_forward(plan, batch, sliding);
        }
        while batch.work < SLICE_POINTS {
            let Some(place) = self.advance(plan) else {
                return Step::Done;
            };
            batch.push(place.tick, place.range, self.duplicates, sliding);
        }
        Step::More
    }

    /// Whether a window by time reaches beyond the ends of time.
    fn overflows(&self, plan: &Plan) -> bool {
        let (Some(first), Some(last)) = (self.points.ticks.first(), self.points.ticks.last())
        else {
            return true;
        };
        first.checked_add(plan.pre.min(0)).is_none() || last.checked_sub(plan.post.min(0)).is_none()
    }

    /// The same for windows at the points themselves, oldest first: both ends only move forward.
    fn fill_forward(&mut self, plan: &Plan, batch: &mut Batch, sliding: bool) -> Step {
        let ticks = &**self.points.ticks;
        let (mut first, mut end) = self.window;
        let (pre, post) = (plan.pre, plan.post);
        let mut step = Step::More;
        while batch.work < SLICE_POINTS {
            let place = self.index as usize;
            if place >= ticks.len() || self.left == 0 {
                step = Step::Done;
                break;
            }
            let tick = ticks[place];
            let repeated = place != 0 && self.last_tick == tick;
            self.duplicates = if repeated { self.duplicates + 1 } else { 0 };
            self.last_tick = tick;
            let start = match pre {
                0 => tick,
                pre if pre < 0 => tick + pre,
                pre => place.checked_sub(pre as usize).map_or(i64::MIN, |p| ticks[p]),
            };
            let stop = match post {
                0 => tick,
                post if post < 0 => tick - post,
                post => ticks.get(place + post as usize).copied().unwrap_or(i64::MAX),
            };
            while first < ticks.len() && ticks[first] < start {
                first += 1;
            }
            end = end.max(first);
            while end < ticks.len() && ticks[end] <= stop {
                end += 1;
            }
            batch.push(tick, (first, end), self.duplicates, sliding);
            self.index += plan.step;
            self.left -= 1;
        }
        self.window = (first, end);
        step
    }

    /// The index in a window of the point at its tick: of duplicates the one whose turn it is.
    fn index_at(&self, plan: &Plan, tick: i64, range: (usize, usize), duplicates: i64) -> i64 {
        let ticks = &self.points.ticks[range.0..range.1];
        let at = |index: usize| ticks.get(index) == Some(&tick);
        if plan.reversed {
            let last = ticks.partition_point(|t| *t <= tick).wrapping_sub(1);
            (if at(last) { last as i64 } else { -1 }) - duplicates
        } else {
            let first = ticks.partition_point(|t| *t < tick);
            (if at(first) { first as i64 } else { -1 }) + duplicates
        }
    }

    /// Goes on with library code for one slice.
    pub(super) fn run(&mut self, vm: &mut Machine, plan: &Plan) -> Result<Step> {
        let Some(callee) = &plan.callee else {
            return if self.advance(plan).is_some() { Err(no_mapper()) } else { Ok(Step::Done) };
        };
        let Code::Native(aggregator, word, parameters) = &callee.code else {
            return Ok(Step::Done);
        };
        let usable = |b: &Bulk| !plan.own_ticks && (b.run)(&self.points, &[]).is_some();
        let bulk = aggregator.bulk.filter(usable);
        let sliding = bulk.is_some_and(|b| (b.is_sliding)(&self.points));
        let mut batch = std::mem::take(&mut self.batch);
        let step = self.fill(plan, &mut batch, sliding);
        let room = (self.made.len() + batch.ticks.len()) * Building::POINT_BYTES;
        vm.heap.claim(room)?;
        vm.charge(batch.work);
        if let Some(bulk) = bulk {
            batch.retain(|range| {
                // What there is such code for gives nothing for no points.
                range.0 < range.1
                    && (!callee.is_guarded()
                        || callee.allows_ticks(&self.points.ticks[range.0..range.1]))
            });
            if let Some(columns) = (bulk.run)(&self.points, &batch.ranges) {
                self.made.extend(&batch.ticks, &columns);
            }
        } else {
            let framework = vm.word;
            vm.word = word.unwrap_or(framework);
            for (index, tick) in batch.ticks.iter().enumerate() {
                let range = batch.ranges[index];
                let mut window = window_of(&self.points, range, *tick, &self.names, &self.labels);
                let duplicates = batch.duplicates[index];
                window.index = Some(self.index_at(plan, *tick, range, duplicates));
                if callee.is_guarded() && !callee.allows(&window) {
                    continue;
                }
                let point = (aggregator.run)(vm, &window, parameters)?;
                if let Some(value) = point.value {
                    let tick = if plan.own_ticks { point.tick } else { *tick };
                    self.made.push(tick, point.location, point.elevation, value);
                }
            }
            vm.word = framework;
        }
        self.batch = batch;
        Ok(step)
    }

    /// Pushes what a macro takes for the next window that the conditions let pass.
    pub(super) fn call(&mut self, vm: &mut Machine, plan: &Plan) -> Result<Step> {
        loop {
            let Some(place) = self.advance(plan) else {
                return Ok(Step::Done);
            };
            self.tick = place.tick;
            vm.charge(1);
            let (first, end) = place.range;
            if takes_series(plan) {
                self.show(vm, first, end)?;
                return Ok(Step::More);
            }
            let ticks = &self.points.ticks[first..end];
            if plan.callee.as_ref().is_some_and(|c| !c.allows_ticks(ticks)) {
                continue;
            }
            let count = end - first;
            vm.heap.claim_values(count * 2)?;
            let name = vm.heap.string(self.names[0].clone())?;
            let labels = points::labels_map(vm, &self.labels[0])?;
            let labels = Value::Map(vm.heap.alloc_map(labels)?);
            let window = window_of(&self.points, place.range, place.tick, &[], &[]);
            push_lists(vm, &window, vec![name; count], vec![labels; count])?;
            return Ok(Step::More);
        }
    }

    /// Pushes the points of a window as a series: the same one for all windows, as its name and
    /// labels are those of the result.
    fn show(&mut self, vm: &mut Machine, first: usize, end: usize) -> Result {
        vm.charge((end - first) * 2);
        vm.heap.claim((end - first) * Building::POINT_BYTES)?;
        let points = self.points.slice(first..end);
        let shown = shown(vm, &mut self.shown, &self.metadata, self.renamed)?;
        let mut gts = vm.heap.change_gts(shown)?;
        gts.series.points = points;
        gts.series.bucket = None;
        gts.order = Order::Ascending;
        drop(gts);
        vm.push(Value::Gts(shown))
    }

    /// Takes what a macro left.
    pub(super) fn take_output(&mut self, vm: &mut Machine, plan: &Plan) -> Result {
        match output::take(vm)? {
            Output::One(left) => {
                let tick = left.tick(plan.own_ticks, self.tick);
                if let Some(value) = left.value {
                    self.made.push(tick?, left.location, left.elevation, value);
                }
            }
            Output::Many(entries) => {
                let many = self.many.get_or_insert_default();
                for (name, left) in entries {
                    let made = many.entry(name).or_default();
                    let tick = left.tick(plan.own_ticks, self.tick);
                    if let Some(value) = left.value {
                        made.push(tick?, left.location, left.elevation, value);
                    }
                }
            }
        }
        Ok(())
    }

    /// The series that were made.
    pub(super) fn finish(self, vm: &mut Machine, plan: &Plan) -> Result<List> {
        let bucket = if plan.output.is_some() { None } else { self.bucket };
        let (metadata, renamed) =
            shown_metadata(vm, self.shown).unwrap_or((self.metadata, self.renamed));
        let mut results = Vec::new();
        let Some(many) = self.many else {
            let mut gts = self.made.into_gts(metadata, bucket);
            gts.renamed = renamed;
            results.push(Value::Gts(vm.heap.alloc_gts(gts)?));
            return Ok(results);
        };
        for (name, made) in many {
            let mut metadata = metadata.clone();
            metadata.name = Some(name.to_string());
            let mut gts = made.into_gts(metadata, bucket);
            gts.renamed = true;
            results.push(Value::Gts(vm.heap.alloc_gts(gts)?));
        }
        Ok(results)
    }

    pub(super) fn trace(&self, visit: &mut dyn FnMut(Value)) {
        if let Some(shown) = self.shown {
            visit(Value::Gts(shown));
        }
    }
}
