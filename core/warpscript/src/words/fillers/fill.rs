//! The FILL word: which gaps there are, and one filler for all of them.

use weft_gts::{Bucket, Columns, Metadata, PointRef, Series, Value as PointValue};

use crate::error::{Fault, Result};
use crate::function::{Curve, Near, Point, Purpose, Role};
use crate::heap::{Gts, List, Map};
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::text::type_name;
use crate::value::{Handle, Value};
use crate::words::filters::function_value;
use crate::words::points;

/// How gaps are filled.
enum How {
    Near(Near, Vec<Value>),
    /// With the curve of each series.
    Whole,
    /// A macro that finds the neighbours of a gap: how many before and after it.
    MacroNear(Handle<Macro>, usize, usize),
    /// A macro that finds the series and the tick.
    Macro(Handle<Macro>),
}

/// A series that is filled.
struct Target {
    source: Handle<Gts>,
    /// Its points before anything is filled, oldest first.
    points: Columns,
    filled: Gts,
    curve: Option<Box<dyn Curve>>,
    prepared: bool,
}

/// A tick that a series lacks.
#[derive(Clone, Copy)]
struct Gap {
    target: usize,
    tick: i64,
}

struct Filling {
    how: How,
    targets: Vec<Target>,
    gaps: Vec<Gap>,
    next: usize,
    invalid: Option<PointValue>,
    /// Two series are filled from each other.
    crossed: bool,
    /// A macro was called for the gap before the next.
    called: bool,
    results: Vec<Value>,
}

/// A filler as it was given.
struct Given {
    role: Option<Role>,
    body: Option<Handle<Macro>>,
    parameters: Vec<Value>,
}

/// The filler or macro that a value is.
fn given(vm: &Machine, value: Value) -> Option<Given> {
    if let Value::Macro(body) = value {
        return Some(Given { role: None, body: Some(body), parameters: Vec::new() });
    }
    let (role, parameters) = function_value(vm, value)?;
    let fits = matches!(role, Role::Filler(_) | Role::Macro(_, Purpose::Filler(..)));
    fits.then_some(Given { role: Some(role), body: None, parameters })
}

pub(super) fn fill(vm: &mut Machine) -> Result {
    let top = vm.peek(0)?;
    if let Some(filler) = given(vm, top) {
        vm.pop()?;
        return cross(vm, filler);
    }
    match top {
        Value::Map(map) => {
            vm.pop()?;
            fill_map(vm, map)
        }
        Value::List(list) | Value::Vector(list) => {
            vm.pop()?;
            fill_list(vm, list)
        }
        _ => Err(Fault::text("FILL's argument types do not match the expected ones.")),
    }
}

fn pop_series(vm: &mut Machine) -> Result<Handle<Gts>> {
    let value = vm.pop()?;
    match value {
        Value::Gts(gts) => Ok(gts),
        _ => {
            let kind = type_name(&vm.heap, value);
            Err(vm.error(&format!("expected a GTS, but instead got a {kind}")))
        }
    }
}

/// Fills two series from each other.
fn cross(vm: &mut Machine, filler: Given) -> Result {
    let b = pop_series(vm)?;
    let a = pop_series(vm)?;
    let (left, right) = (target(vm, a)?, target(vm, b)?);
    let gaps = crossed_gaps(vm, &left.points.ticks, &right.points.ticks)?;
    let parameters = filler.parameters;
    let how = match (filler.role, filler.body) {
        (Some(Role::Filler(code)), _) => match (code.near, code.whole) {
            (Some(near), _) => How::Near(near, parameters.clone()),
            (None, Some(_)) => How::Whole,
            (None, None) => return Err(Fault::null()),
        },
        (Some(Role::Macro(body, Purpose::Filler(before, after))), _) => {
            How::MacroNear(body, before, after)
        }
        (_, Some(body)) => How::Macro(body),
        _ => return Err(Fault::null()),
    };
    let mut targets = vec![left, right];
    if let (How::Whole, Some(Role::Filler(code))) = (&how, filler.role) {
        for target in &mut targets {
            let whole = code.whole.ok_or_else(Fault::null)?;
            target.curve = Some(whole(vm, &target.points, &parameters)?);
        }
    }
    start(vm, how, targets, gaps, None, true)
}

fn target(vm: &mut Machine, source: Handle<Gts>) -> Result<Target> {
    let mut gts = vm.heap.change_gts(source)?;
    points::order::sort(&mut gts, false);
    let filled = gts.clone();
    drop(gts);
    vm.charge(filled.series.points.len());
    let points = filled.series.points.clone();
    Ok(Target { source, points, filled, curve: None, prepared: false })
}

/// The ticks that either of two series lacks, in order.
fn crossed_gaps(vm: &mut Machine, a: &[i64], b: &[i64]) -> Result<Vec<Gap>> {
    vm.heap.claim((a.len() + b.len()).saturating_mul(size_of::<Gap>() + 32))?;
    let mut gaps = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        match (a.get(i), b.get(j)) {
            (None, None) => return Ok(gaps),
            (Some(x), Some(y)) if x == y => {
                if a.get(i + 1) == Some(x) || b.get(j + 1) == Some(y) {
                    return Err(Fault::text(
                        "Cannot fill Geo Time Series with duplicate timestamps.",
                    ));
                }
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), Some(y)) if x > y => {
                gaps.push(Gap { target: 0, tick: *y });
                j += 1;
            }
            (Some(x), _) => {
                gaps.push(Gap { target: 1, tick: *x });
                i += 1;
            }
            (None, Some(y)) => {
                gaps.push(Gap { target: 0, tick: *y });
                j += 1;
            }
        }
    }
}

/// What is asked of series that are filled one by one.
struct Order {
    filler: Given,
    ticks: Option<Vec<i64>>,
    verify: bool,
    invalid: Value,
    /// `force.old.filler`: neighbours rather than the whole.
    near: bool,
}

fn fill_list(vm: &mut Machine, params: Handle<List>) -> Result {
    let params = vm.heap.list(params).clone();
    let count = params.len();
    if count < 2 {
        return Err(vm.error(&format!(
            "expects an input LIST containing at least two parameters, but got only {count}"
        )));
    }
    if count > 3 {
        return Err(vm.error(&format!(
            "expects an input LIST containing at most three parameters, but got {count}"
        )));
    }
    let Some(filler) = given(vm, params[1]) else {
        let kind = type_name(&vm.heap, params[1]);
        return Err(vm.error(&format!(
            "expects the second parameter of the input LIST to be a filler or a macro, but \
             instead got a {kind}"
        )));
    };
    let what = "the last parameter of the input LIST";
    let ticks = ticks(vm, params.get(2).copied().unwrap_or_default(), what)?;
    let order = Order { filler, ticks, verify: true, invalid: Value::Null, near: false };
    fill_each(vm, params[0], order)
}

fn fill_map(vm: &mut Machine, params: Handle<Map>) -> Result {
    let get = |vm: &Machine, key| vm.heap.map(params).get_text(key).unwrap_or_default();
    let verify = match get(vm, "verify") {
        Value::Null => true,
        Value::Boolean(verify) => verify,
        other => {
            let kind = type_name(&vm.heap, other);
            return Err(vm.error(&format!(
                "expects parameter verify to be a BOOLEAN, but instead got a {kind}"
            )));
        }
    };
    let ticks = ticks(vm, get(vm, "ticks"), "parameter ticks")?;
    let filler = get(vm, "filler");
    let Some(filler) = given(vm, filler) else {
        let kind = type_name(&vm.heap, filler);
        return Err(vm.error(&format!(
            "expects parameter filler to be a filler or a macro, but instead got a {kind}"
        )));
    };
    let invalid = get(vm, "invalid.value");
    let near = matches!(get(vm, "force.old.filler"), Value::Boolean(true));
    let series = vm.pop()?;
    fill_each(vm, series, Order { filler, ticks, verify, invalid, near })
}

/// Ticks as they were given; nothing for empty buckets.
fn ticks(vm: &mut Machine, value: Value, what: &str) -> Result<Option<Vec<i64>>> {
    if value.is_null() {
        return Ok(None);
    }
    let Some(list) = value.as_list() else {
        let kind = type_name(&vm.heap, value);
        return Err(vm.error(&format!("expects {what} to be a LIST, but instead got a {kind}")));
    };
    let items = vm.heap.list(list);
    if items.is_empty() {
        return Ok(None);
    }
    vm.heap.claim(items.len() * 8)?;
    let mut ticks = Vec::with_capacity(items.len());
    for item in items {
        let Value::Long(tick) = item else {
            let kind = type_name(&vm.heap, *item);
            return Err(
                vm.error(&format!("expects {what} to be a LIST of LONG, but it contains a {kind}"))
            );
        };
        ticks.push(*tick);
    }
    vm.charge(ticks.len());
    Ok(Some(ticks))
}

fn fill_each(vm: &mut Machine, series: Value, mut order: Order) -> Result {
    let series = match series {
        Value::Gts(gts) => vec![gts],
        Value::List(_) | Value::Vector(_) => points::gts_list(vm, series, "expects a LIST of GTS")?,
        _ => return Err(vm.error("expects a GTS or a LIST of GTS")),
    };
    if order.verify
        && let Some(ticks) = &mut order.ticks
    {
        ticks.sort_unstable();
        // As the reference has it, the first tick that comes twice is lost.
        if let Some(twice) = ticks.windows(2).position(|pair| pair[0] == pair[1]) {
            let lost = ticks[twice];
            ticks.dedup();
            ticks.retain(|tick| *tick != lost);
        }
    }
    let Given { role, body, parameters } = order.filler;
    let (how, whole) = match (role, body) {
        (Some(Role::Filler(code)), _) => match (code.near, code.whole) {
            (_, Some(whole)) if !order.near => (How::Whole, Some(whole)),
            (Some(near), _) => (How::Near(near, parameters.clone()), None),
            _ => {
                return Err(
                    vm.error("expects parameter filler to be a filler, but instead got a FILLER")
                );
            }
        },
        (Some(Role::Macro(body, Purpose::Filler(before, after))), _) => {
            (How::MacroNear(body, before, after), None)
        }
        (_, Some(body)) if !order.near => (How::Macro(body), None),
        _ => {
            return Err(
                vm.error("expects parameter filler to be a filler, but instead got a FILLER")
            );
        }
    };
    let invalid = points::to_point(vm, order.invalid);
    let (mut targets, mut gaps) = (Vec::with_capacity(series.len()), Vec::new());
    for handle in series {
        let mut target = target(vm, handle)?;
        let bucket = points::bucket(&target.filled);
        let index = targets.len();
        let known = &target.points.ticks;
        let add = match (&order.ticks, bucket) {
            (None, None) => None,
            (Some(ticks), _) => {
                vm.charge(ticks.len() * 2);
                let missing = |tick: &&i64| !order.verify || known.binary_search(tick).is_err();
                target.filled.series.bucket = None;
                Some(ticks.iter().filter(missing).copied().collect())
            }
            (None, Some(bucket)) => Some(empty_buckets(vm, bucket, known)?),
        };
        if let Some(ticks) = add {
            let ticks: Vec<i64> = ticks;
            vm.heap.claim((gaps.len() + ticks.len()).saturating_mul(2 * size_of::<Gap>()))?;
            gaps.extend(ticks.into_iter().map(|tick| Gap { target: index, tick }));
            if let Some(whole) = whole {
                target.curve = Some(whole(vm, &target.points, &parameters)?);
            }
        }
        targets.push(target);
    }
    start(vm, how, targets, gaps, invalid, false)
}

/// The ticks of buckets without a point.
fn empty_buckets(vm: &mut Machine, bucket: Bucket, known: &[i64]) -> Result<Vec<i64>> {
    let Bucket { last, span, count } = bucket;
    if span <= 0 {
        return Err(Fault::text("FILL expects buckets of a positive span."));
    }
    let buckets = usize::try_from(count).unwrap_or(0);
    vm.heap.claim(buckets.saturating_mul(8))?;
    vm.charge(buckets);
    let first = last.wrapping_sub(count.wrapping_sub(1).wrapping_mul(span));
    let mut known = known.iter().copied().peekable();
    let mut empty = Vec::new();
    let mut tick = Some(first);
    while let Some(bucket) = tick.filter(|tick| *tick <= last) {
        while known.next_if(|k| *k < bucket).is_some() {}
        if known.peek() != Some(&bucket) {
            empty.push(bucket);
        }
        tick = bucket.checked_add(span);
    }
    Ok(empty)
}

fn start(
    vm: &mut Machine,
    how: How,
    targets: Vec<Target>,
    gaps: Vec<Gap>,
    invalid: Option<PointValue>,
    crossed: bool,
) -> Result {
    let mut filling = Filling {
        how,
        targets,
        gaps,
        next: 0,
        invalid,
        crossed,
        called: false,
        results: Vec::new(),
    };
    if matches!(filling.how, How::MacroNear(..) | How::Macro(_)) {
        return vm.push_task(filling);
    }
    // Short work is done at once: a task costs a frame.
    match filling.resume(vm)? {
        Flow::Done => Ok(()),
        _ => vm.push_task(filling),
    }
}

impl Filling {
    /// Prepares curves; `false` when there is more to do.
    fn prepare(&mut self, vm: &mut Machine) -> Result<bool> {
        for target in self.targets.iter_mut().filter(|t| !t.prepared) {
            if let Some(curve) = &mut target.curve
                && !curve.prepare(vm)?
            {
                return Ok(false);
            }
            target.prepared = true;
        }
        Ok(true)
    }

    /// Adds what a filler made of a gap.
    fn add(&mut self, gap: Gap, point: Point) {
        let Point { tick, location, elevation, value } = point;
        if let Some(value) = value.or_else(|| self.invalid.clone()) {
            let filled = &mut self.targets[gap.target].filled;
            points::append(filled, tick, location, elevation, value);
        }
    }

    /// The neighbours of a gap: before it, at its tick, after it.
    fn neighbours(&self, gap: Gap, window: (usize, usize)) -> Neighbours {
        let points = &self.targets[gap.target].points;
        let index = points.ticks.partition_point(|tick| *tick < gap.tick);
        let at = points.ticks.get(index).is_some_and(|tick| *tick == gap.tick);
        let first_after = index + usize::from(at);
        let get = |index: usize| (index < points.len()).then(|| points.get(index));
        let before = (0..window.0).map(|i| (index + i).checked_sub(window.0).and_then(get));
        let after = (0..window.1).map(|i| get(first_after + i));
        Neighbours {
            before: before.collect(),
            at: if at { get(index) } else { None },
            after: after.collect(),
        }
    }

    /// Fills a gap, or calls the macro that does.
    fn fill(&mut self, vm: &mut Machine, gap: Gap) -> Result {
        match &self.how {
            How::Whole => {
                let curve = self.targets[gap.target].curve.as_mut();
                if let Some(point) = curve.and_then(|curve| curve.at(vm, gap.tick)) {
                    self.add(gap, point);
                }
            }
            How::Near(near, parameters) => {
                vm.charge(4 + near.window.0 + near.window.1);
                let found = self.neighbours(gap, near.window);
                let point = (near.run)(vm, gap.tick, &found.before, &found.after, parameters)?;
                self.add(gap, point);
            }
            How::MacroNear(body, before, after) => {
                let (body, window) = (*body, (*before, *after));
                let wanted = window.0.saturating_add(window.1);
                vm.heap.claim(wanted.saturating_mul(size_of::<Option<PointRef>>() + 200))?;
                self.push_neighbours(vm, gap, window)?;
                self.called = true;
                vm.exec(body)?;
            }
            How::Macro(body) => {
                let body = *body;
                vm.push(Value::Gts(self.targets[gap.target].source))?;
                vm.push(gap.tick)?;
                self.called = true;
                vm.exec(body)?;
            }
        }
        Ok(())
    }

    fn push_neighbours(&self, vm: &mut Machine, gap: Gap, window: (usize, usize)) -> Result {
        let bare = |target: &Target| {
            let Metadata { name, labels, attributes, .. } = target.filled.series.metadata.clone();
            let metadata = Metadata { name, labels, attributes, ..Metadata::default() };
            Series { metadata, ..Series::default() }
        };
        let ours = vm.heap.new_gts(bare(&self.targets[gap.target]))?;
        vm.push(ours)?;
        let mut found = self.neighbours(gap, window);
        if self.crossed {
            let other = &self.targets[1 - gap.target];
            let value = vm.heap.new_gts(bare(other))?;
            vm.push(value)?;
            let points = &other.points;
            let index = points.ticks.partition_point(|tick| *tick < gap.tick);
            found.at = (index < points.len()).then(|| points.get(index));
        } else {
            vm.push(Value::Null)?;
        }
        let before = point_lists(vm, &found.before)?;
        vm.push_list(before)?;
        let at = point_lists(vm, &[found.at])?;
        at.into_iter().try_for_each(|list| vm.push(list))?;
        let after = point_lists(vm, &found.after)?;
        vm.push_list(after)?;
        vm.push(gap.tick)
    }

    /// Takes what a macro made of a gap.
    fn take(&mut self, vm: &mut Machine, gap: Gap) -> Result {
        if let How::Macro(_) = self.how {
            let value = vm.pop()?;
            let value = match value {
                Value::Null => self.invalid.clone(),
                value => points::to_point(vm, value),
            };
            if let Some(value) = value {
                let mut gts = vm.heap.change_gts(self.targets[gap.target].source)?;
                let none = Point::none(gap.tick);
                points::append(&mut gts, gap.tick, none.location, none.elevation, value);
            }
            return Ok(());
        }
        let message = "Expected a [ ts lat lon elev value ] list as result of filler.";
        let list = vm.pop()?.as_list().ok_or_else(|| Fault::text(message))?;
        let items = vm.heap.list(list).clone();
        let (tick, location, elevation, value) = points::read_list(vm, &items)?;
        let tick = if items.len() == 1 { gap.tick } else { tick };
        let point = Point { tick, location, elevation, value: points::to_point(vm, value) };
        if value.is_null() || point.value.is_some() {
            self.add(gap, point);
        }
        Ok(())
    }

    /// Leaves the filled series.
    fn leave(&mut self, vm: &mut Machine) -> Result {
        for target in self.targets.drain(..) {
            self.results.push(Value::Gts(vm.heap.alloc_gts(target.filled)?));
        }
        let results = std::mem::take(&mut self.results);
        if self.crossed {
            return results.into_iter().try_for_each(|value| vm.push(value));
        }
        vm.push_list(results)
    }
}

struct Neighbours {
    before: Vec<Option<PointRef>>,
    at: Option<PointRef>,
    after: Vec<Option<PointRef>>,
}

/// Points as lists; `[ NULL NaN NaN NaN NULL ]` where there is none.
fn point_lists(vm: &mut Machine, points: &[Option<PointRef>]) -> Result<Vec<Value>> {
    let mut lists = Vec::with_capacity(points.len());
    for point in points {
        lists.push(match point {
            Some(point) => points::point_list(vm, point)?,
            None => {
                let nan = Value::Double(f64::NAN);
                vm.heap.new_list(vec![Value::Null, nan, nan, nan, Value::Null])?
            }
        });
    }
    Ok(lists)
}

impl Task for Filling {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        if std::mem::take(&mut self.called) {
            let gap = self.gaps[self.next - 1];
            self.take(vm, gap)?;
        }
        if !self.prepare(vm)? {
            return Ok(Flow::Again);
        }
        vm.heap.claim((self.gaps.len() - self.next).saturating_mul(16))?;
        while let Some(gap) = self.gaps.get(self.next).copied() {
            self.next += 1;
            self.fill(vm, gap)?;
            if self.called || vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        self.leave(vm)?;
        Ok(Flow::Done)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        match &self.how {
            How::Near(_, parameters) => parameters.iter().for_each(|v| visit(*v)),
            How::MacroNear(body, ..) | How::Macro(body) => visit(Value::Macro(*body)),
            How::Whole => (),
        }
        self.targets.iter().for_each(|target| visit(Value::Gts(target.source)));
        self.results.iter().for_each(|v| visit(*v));
    }
}
