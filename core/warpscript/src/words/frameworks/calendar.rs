//! BUCKETIZE.CALENDAR and UNBUCKETIZE.CALENDAR: buckets of days, months, years.
//!
//! Ticks of the result count durations: bucket 0 ends with the first duration of 1970, shifted so
//! that a bucket ends where the last one shall. Attributes tell how to come back from there.

use std::sync::Arc;

use weft_gts::{Bucket, Columns, Labels, Metadata};

use super::bucketize::series_of;
use super::build::Building;
use super::callee::{Callee, Code, Use, push_lists, window_of};
use super::{output, sorted};
use crate::calendar::{Duration, Zone};
use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, List, Order};
use crate::machine::{Flow, Machine, Task};
use crate::value::{Handle, Value};
use crate::words::points;

const DURATION: &str = ".bucketduration";
const OFFSET: &str = ".bucketoffset";
const ZONE: &str = ".buckettimezone";

/// Points and buckets that one slice handles.
const SLICE_WORK: usize = 1 << 14;

/// Steps towards the last bucket before giving up: the estimate is never far away.
const STEPS_MAX: usize = 1_000_000;

/// The calendar of the buckets.
#[derive(Clone, Debug)]
struct Calendar {
    duration: Duration,
    zone: Zone,
    /// The end of the last bucket, and which it is.
    last: i64,
    last_index: i64,
    /// How many buckets there are; 0 for as many as it takes.
    count: i64,
}

/// The instant some durations away, which must lie in that direction.
fn step(vm: &Machine, from: i64, duration: &Duration, zone: &Zone, times: i64) -> Result<i64> {
    let to = duration.add(from, zone, times, vm.config.time_unit)?;
    if times == 0 {
        return Ok(from);
    }
    if (to > from) != (times > 0) {
        return Err(Fault::text(format!("Period is negative from timestamp {from}.")));
    }
    Ok(to)
}

/// Which duration since 1970 holds `last`, and by how much the end of that one is later.
fn locate(vm: &Machine, duration: &Duration, average: i64, last: i64) -> Result<(i64, i64)> {
    let utc = Zone::utc();
    let at = |times: i64| step(vm, 0, duration, &utc, times);
    let hint = last / average;
    // `flag` is the first instant behind the bucket `index`, as long as nothing is shifted.
    let (mut flag, mut index) =
        if last > 0 { (at(hint.saturating_add(1))?, hint) } else { (at(hint)?, hint - 1) };
    let mut steps = 0..STEPS_MAX;
    let mut next = || steps.next().ok_or_else(|| Fault::text("The last bucket was not found."));
    while flag > last {
        next()?;
        let back = -(flag.wrapping_sub(last) / average - 1);
        if back >= -1 {
            break;
        }
        flag = at(index.saturating_add(back).saturating_add(1))?;
        index = index.saturating_add(back);
    }
    while flag <= last {
        next()?;
        let on = last.wrapping_sub(flag) / average - 1;
        if on <= 1 {
            break;
        }
        flag = at(index.saturating_add(on).saturating_add(1))?;
        index = index.saturating_add(on);
    }
    while flag > last {
        next()?;
        flag = at(index)?;
        index -= 1;
    }
    while flag <= last {
        next()?;
        flag = at(index.saturating_add(2))?;
        index += 1;
    }
    Ok((index, flag.wrapping_sub(last).wrapping_sub(1)))
}

/// BUCKETIZE.CALENDAR at work.
struct Bucketizing {
    callee: Callee,
    calendar: Calendar,
    attributes: [(&'static str, String); 3],
    inputs: Vec<Handle<Gts>>,
    next: usize,
    pass: Option<Pass>,
    results: List,
    /// A macro runs for the bucket of this index.
    waiting: Option<i64>,
}

/// BUCKETIZE.CALENDAR over one series.
struct Pass {
    /// Newest first.
    points: Columns,
    metadata: Metadata,
    names: Vec<Arc<str>>,
    labels: Vec<Labels>,
    /// The next point, and where the present bucket's points start.
    place: usize,
    first: usize,
    /// The present bucket and its oldest instant.
    index: i64,
    start: i64,
    /// No more points are to be looked at.
    ended: bool,
    made: Building,
    shown: Option<Handle<Gts>>,
}

/// What comes next.
enum Next {
    /// Points for a bucket: its index and the points.
    Bucket(i64, (usize, usize)),
    /// The slice is used up.
    Pause,
    End,
}

impl Pass {
    fn start(vm: &mut Machine, input: Handle<Gts>, calendar: &Calendar) -> Result<Self> {
        let Calendar { duration, zone, last, last_index, .. } = calendar;
        let mut points = sorted(vm, input)?;
        points.reverse();
        let start = step(vm, *last, duration, zone, -1)?.wrapping_add(1);
        let metadata = vm.heap.gts(input).series.metadata.clone();
        // Points behind the last bucket belong to none.
        let place = points.ticks.partition_point(|t| t > last);
        Ok(Self {
            names: vec![Arc::from(metadata.class())],
            labels: vec![metadata.labels.clone()],
            points,
            metadata,
            place,
            first: place,
            index: *last_index,
            start,
            ended: calendar.count == 1,
            made: Building::default(),
            shown: None,
        })
    }

    fn too_many(count: i64, limit: i64) -> Fault {
        Fault::text(format!(
            "Bucket count ({count}) is exceeding maximum value of {limit}. Consider raising the \
             limit or using capabilities."
        ))
    }

    fn advance(&mut self, vm: &mut Machine, calendar: &Calendar) -> Result<Next> {
        let mut work = 0;
        while !self.ended {
            let Some(tick) = self.points.ticks.get(self.place).copied() else {
                break;
            };
            if tick >= self.start {
                self.place += 1;
                work += 1;
                continue;
            }
            if self.first < self.place {
                vm.charge(work);
                let range = (self.first, self.place);
                self.first = self.place;
                return Ok(Next::Bucket(self.index, range));
            }
            self.index -= 1;
            let times = self.index - calendar.last_index - 1;
            let Calendar { duration, zone, last, .. } = calendar;
            self.start = step(vm, *last, duration, zone, times)?.wrapping_add(1);
            let count = calendar.last_index - self.index + 1;
            self.ended = calendar.count != 0 && count >= calendar.count;
            if calendar.count == 0 && count > vm.limits.buckets {
                return Err(Self::too_many(count, vm.limits.buckets));
            }
            work += 16;
            if work > SLICE_WORK {
                vm.charge(work);
                return Ok(Next::Pause);
            }
        }
        vm.charge(work);
        let range = (self.first, self.place);
        self.first = self.place;
        self.ended = true;
        Ok(if range.0 < range.1 { Next::Bucket(self.index, range) } else { Next::End })
    }

    /// Runs library code for a bucket.
    fn run(
        &mut self,
        vm: &mut Machine,
        callee: &Callee,
        index: i64,
        range: (usize, usize),
    ) -> Result {
        vm.charge(range.1 - range.0);
        let window = window_of(&self.points, range, index, &self.names, &self.labels);
        let point = callee.run(vm, &window)?;
        if let Some(value) = point.value {
            self.made.push(index, point.location, point.elevation, value);
        }
        Ok(())
    }

    /// Pushes what a macro takes for a bucket.
    fn call(
        &mut self,
        vm: &mut Machine,
        callee: &Callee,
        index: i64,
        range: (usize, usize),
    ) -> Result {
        if matches!(callee.code, Code::Series(_)) {
            vm.heap.claim((range.1 - range.0) * Building::POINT_BYTES)?;
            let points = self.points.slice(range.0..range.1);
            let shown = super::shown(vm, &mut self.shown, &self.metadata, false)?;
            let mut gts = vm.heap.change_gts(shown)?;
            gts.series.points = points;
            gts.order = if range.1 - range.0 > 1 { Order::Unknown } else { Order::Ascending };
            drop(gts);
            return vm.push(Value::Gts(shown));
        }
        let name = vm.heap.string(self.names[0].clone())?;
        let labels = points::labels_map(vm, &self.labels[0])?;
        let labels = Value::Map(vm.heap.alloc_map(labels)?);
        let window = window_of(&self.points, range, index, &[], &[]);
        push_lists(vm, &window, vec![name], vec![labels])
    }

    fn take_output(&mut self, vm: &mut Machine, index: i64) -> Result {
        let left = match vm.peek(0)?.as_list() {
            Some(_) => {
                let list = vm.pop()?;
                output::from_list(vm, list)?
            }
            None => output::from_stack(vm)?,
        };
        if let Some(value) = left.value {
            self.made.push(index, left.location, left.elevation, value);
        }
        Ok(())
    }

    fn finish(
        self,
        vm: &mut Machine,
        calendar: &Calendar,
        attributes: &[(&'static str, String)],
    ) -> Result<Value> {
        let found = calendar.last_index - self.index + 1;
        let count = if calendar.count == 0 { found } else { calendar.count };
        let bucket = Bucket { last: calendar.last_index, span: 1, count };
        let mut metadata = self.metadata;
        for (name, value) in attributes {
            metadata.attributes.insert(*name, value.clone());
        }
        let mut gts = self.made.into_gts(metadata, Some(bucket));
        points::order::sort(&mut gts, false);
        Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
    }
}

impl Task for Bucketizing {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        loop {
            if self.pass.is_none() {
                let Some(input) = self.inputs.get(self.next) else {
                    vm.push_list(std::mem::take(&mut self.results))?;
                    return Ok(Flow::Done);
                };
                self.next += 1;
                self.pass = Some(Pass::start(vm, *input, &self.calendar)?);
            }
            let Some(pass) = &mut self.pass else {
                continue;
            };
            if let Some(index) = self.waiting.take() {
                pass.take_output(vm, index)?;
            }
            match pass.advance(vm, &self.calendar)? {
                Next::Bucket(index, range) => match self.callee.body() {
                    None => pass.run(vm, &self.callee, index, range)?,
                    Some(body) => {
                        pass.call(vm, &self.callee, index, range)?;
                        self.waiting = Some(index);
                        vm.exec(body)?;
                        return Ok(Flow::Again);
                    }
                },
                Next::Pause => (),
                Next::End => {
                    if let Some(pass) = self.pass.take() {
                        let made = pass.finish(vm, &self.calendar, &self.attributes)?;
                        self.results.push(made);
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
        self.inputs.iter().for_each(|h| visit(Value::Gts(*h)));
        self.results.iter().for_each(|v| visit(*v));
        if let Some(shown) = self.pass.as_ref().and_then(|p| p.shown) {
            visit(Value::Gts(shown));
        }
    }
}

fn is_marked(attributes: &Labels) -> bool {
    [DURATION, OFFSET, ZONE].iter().any(|name| attributes.contains(name))
}

/// The duration between two buckets, on average.
fn average_of(vm: &Machine, duration: &Duration) -> Result<i64> {
    let unit = vm.config.time_unit;
    let whole = Duration { fraction: 0, ..*duration };
    let average = whole.add(0, &Zone::utc(), 1, unit)?.wrapping_add(duration.fraction);
    if average < 0 {
        let text = "expects the bucketduration parameter to be a positive ISO8601 duration.";
        return Err(vm.error(text));
    }
    if average == 0 {
        return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
    }
    Ok(average)
}

pub(super) fn bucketize_calendar(vm: &mut Machine) -> Result {
    let list = vm.pop_list("expects a list as input.")?;
    let mut items = vm.heap.list(list).clone();
    if items.len() < 5 {
        return Err(vm.error("needs a list of at least 5 parameters as input."));
    }
    let zone = match items.last().and_then(|v| vm.as_text(*v)) {
        Some(name) => {
            let zone = Zone::find(name)?;
            items.pop();
            zone
        }
        None => Zone::utc(),
    };
    let (series, parameters) = items.split_at(items.len() - 4);
    let inputs = series_of(vm, series)?;
    let callee = Callee::find(vm, parameters[0], Use::Bucketize);
    if callee.is_none() && !parameters[0].is_null() {
        let text = "expects a bucketizer function or a macro as fourth to last parameter.";
        return Err(vm.error(text));
    }
    let (Value::Long(last), Some(text), Value::Long(count)) =
        (parameters[1], vm.as_text(parameters[2]).cloned(), parameters[3])
    else {
        let text = "expects lastbucket, bucketduration, bucketcount (and optionally timezone) as \
                    last parameters.";
        return Err(vm.error(text));
    };
    if last == 0 {
        return Err(vm.error("does not allow lastbucket to be 0. It must be specified."));
    }
    if count < 0 {
        return Err(vm.error("expects a positive bucketcount."));
    }
    if count > vm.limits.buckets {
        return Err(Pass::too_many(count, vm.limits.buckets));
    }
    if inputs.iter().any(|h| is_marked(&vm.heap.gts(*h).series.metadata.attributes)) {
        return Err(vm.error("expects GTS that are not duration-bucketized already."));
    }
    let callee = callee.ok_or_else(|| vm.error("expects a non null bucketizer."))?;
    let duration = Some(&text).filter(|t| t.starts_with('P'));
    let duration = duration.and_then(|t| Duration::parse(t, vm.config.time_unit));
    let Some(duration) = duration else {
        let text = "expects that the bucketduration is in ISO8601 duration format.";
        return Err(vm.error(text));
    };
    let average = average_of(vm, &duration)?;
    let (last_index, offset) = locate(vm, &duration, average, last)?;
    let attributes =
        [(DURATION, text.to_string()), (OFFSET, offset.to_string()), (ZONE, zone.name.clone())];
    let calendar = Calendar { duration, zone, last, last_index, count };
    vm.push_task(Bucketizing {
        callee,
        calendar,
        attributes,
        results: Vec::with_capacity(inputs.len()),
        inputs,
        next: 0,
        pass: None,
        waiting: None,
    })
}

/// What the attributes of a series say of its buckets.
fn marks(vm: &Machine, attributes: &Labels) -> Result<(Duration, i64, Zone)> {
    let marks = [DURATION, OFFSET, ZONE].map(|name| attributes.get(name));
    let [Some(duration), Some(offset), Some(zone)] = marks else {
        let text = "expects input GTS to be duration-bucketized. This information is stored in \
                    attributes.";
        return Err(vm.error(text));
    };
    let duration = Duration::parse(duration, vm.config.time_unit);
    let duration = duration.ok_or_else(|| vm.error("finds an invalid duration."))?;
    let offset = offset.parse().map_err(|_| vm.error("finds an invalid offset."))?;
    Ok((duration, offset, Zone::find(zone)?))
}

pub(super) fn unbucketize_calendar(vm: &mut Machine) -> Result {
    points::each_gts(vm, |vm, input| {
        let gts = vm.heap.gts(input);
        let mut metadata = gts.series.metadata.clone();
        let complete = [DURATION, OFFSET, ZONE].iter().all(|n| metadata.attributes.contains(n));
        let mut made = Building::default();
        if !gts.series.points.is_empty() || !complete {
            let (duration, offset, zone) = marks(vm, &metadata.attributes)?;
            let bucket = points::bucket(gts);
            let bucket = bucket.ok_or_else(|| vm.error("expects input GTS to be bucketized."))?;
            let columns = gts.series.points.clone();
            let end = step(vm, 0, &duration, &Zone::utc(), bucket.last.wrapping_add(1))?;
            let last = end.wrapping_sub(1).wrapping_sub(offset);
            vm.charge(columns.len() * 16);
            vm.heap.claim(columns.len() * Building::POINT_BYTES)?;
            for point in columns.iter() {
                let times = point.tick.wrapping_sub(bucket.last);
                let tick = step(vm, last, &duration, &zone, times)?;
                made.push(tick, point.location, point.elevation, point.value);
            }
        }
        for name in [DURATION, OFFSET, ZONE] {
            metadata.attributes.remove(name);
        }
        let renamed = vm.heap.gts(input).renamed;
        let mut gts = made.into_gts(metadata, None);
        gts.renamed = renamed;
        Ok(Value::Gts(vm.heap.alloc_gts(gts)?))
    })
}
