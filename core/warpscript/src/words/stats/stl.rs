//! Seasonal decomposition by local regression, and the tests for outliers that rest on it.

use rustc_hash::FxHashMap;
use weft_gts::{Bucket, Column, Columns};

use super::lowess::{self, Curve, Fit, Smoothing};
use super::moments::{center, median};
use super::outliers::{SIGNIFICANCE, generalized_esd, pop_optional_double, tick_list};
use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, Map};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// The most empty buckets.
const MISSING_MAX: i64 = 500_000;

/// One of the smoothings of a decomposition.
#[derive(Clone, Copy, Debug)]
struct Part {
    neighbours: i32,
    degree: i32,
    jump: i32,
}

/// How to decompose.
#[derive(Clone, Copy, Debug)]
struct Plan {
    period: i32,
    inner: i32,
    outer: i32,
    seasonal: Part,
    low_pass: Part,
    trend: Part,
    post: Part,
}

/// Parameters as they were given.
type Given = FxHashMap<String, i32>;

fn next_odd(a: i32) -> i32 {
    match a {
        ..=0 => 1,
        2 | 3 => a,
        _ => a.wrapping_add(1),
    }
}

impl Plan {
    fn new(vm: &Machine, given: &Given, robust: bool) -> Result<Self> {
        let get = |name: &str| given.get(name).copied();
        let Some(period) = get("PERIOD") else {
            return Err(vm.error("expects map of parameters to at least contains field PERIOD"));
        };
        let part = |suffix: &str, neighbours: i32, degree: i32| {
            let get = |name: &str| get(&format!("{name}_{suffix}"));
            let neighbours = get("BANDWIDTH").unwrap_or(neighbours);
            Part {
                neighbours,
                degree: get("DEGREE").unwrap_or(degree),
                jump: get("SPEED").unwrap_or(neighbours / 10),
            }
        };
        let seasonal = part("S", 7, 1);
        let width = 1.5 * f64::from(period) / (1.0 - 1.5 / f64::from(seasonal.neighbours));
        let plan = Self {
            period,
            inner: get("PRECISION").unwrap_or(if robust { 1 } else { 2 }),
            outer: get("ROBUSTNESS").unwrap_or(if robust { 15 } else { 0 }),
            seasonal,
            low_pass: part("L", next_odd(period), 1),
            trend: part("T", next_odd(width.ceil() as i32), 1),
            post: part("P", 0, 2),
        };
        plan.check(vm)?;
        Ok(plan)
    }

    fn check(&self, vm: &Machine) -> Result {
        let others = [self.low_pass, self.trend, self.post];
        let fits = self.period >= 2
            && self.inner >= 1
            && self.outer >= 0
            && self.seasonal.neighbours != 0
            && self.seasonal.degree >= 0
            && self.seasonal.jump >= 0
            && others.iter().all(|p| p.neighbours >= 0 && p.degree >= 0 && p.jump >= 0);
        match fits {
            true => Ok(()),
            false => Err(vm.error("expects its parameters to be positive, and PERIOD at least 2.")),
        }
    }
}

/// Points in the making, found by tick. The reference's arrays keep what was there before a series
/// shrank, so places count here, too.
#[derive(Clone, Debug, Default)]
struct Table {
    ticks: Vec<i64>,
    values: Vec<f64>,
}

impl Table {
    fn find(&self, tick: i64) -> Option<usize> {
        self.ticks.binary_search(&tick).ok()
    }

    fn get(&self, tick: i64) -> Option<f64> {
        self.find(tick).map(|place| self.values[place])
    }

    /// Sets values and puts everything in order again.
    fn set_all(&mut self, new: Vec<(i64, f64)>) {
        let mut added = Vec::new();
        for (tick, value) in new {
            match self.find(tick) {
                Some(place) => self.values[place] = value,
                None => added.push((tick, value)),
            }
        }
        if added.is_empty() {
            return;
        }
        let mut all: Vec<(i64, f64)> =
            self.ticks.iter().copied().zip(self.values.iter().copied()).chain(added).collect();
        all.sort_by_key(|(tick, _)| *tick);
        (self.ticks, self.values) = all.into_iter().unzip();
    }
}

/// What a decomposition gives: seasons and trend, at their ticks.
struct Parts {
    seasonal: (Vec<i64>, Vec<f64>),
    trend: (Vec<i64>, Vec<f64>),
}

/// The series that is decomposed.
struct Work<'a> {
    curve: &'a Curve,
    bucket: Bucket,
    plan: Plan,
    trust: Vec<f64>,
}

impl Work<'_> {
    fn bucket_tick(&self, from_first: i64) -> i64 {
        let back = self.bucket.count.wrapping_sub(1).wrapping_sub(from_first);
        self.bucket.last.wrapping_sub(back.wrapping_mul(self.bucket.span))
    }

    fn run(mut self, vm: &mut Machine) -> Result<Parts> {
        let count = self.bucket.count as usize;
        let nonempty = self.curve.ticks.len();
        let mut seasonal = Table { ticks: self.curve.ticks.clone(), values: vec![0.0; nonempty] };
        let mut trend = Table { ticks: self.curve.ticks.clone(), values: vec![0.0; nonempty] };
        for round in 0..=self.plan.outer {
            for _ in 0..self.plan.inner {
                self.detrend(&mut seasonal, &trend)?;
                self.smooth_cycles(vm, &mut seasonal, round > 0)?;
                let low = self.low_pass(vm, &seasonal)?;
                seasonal = self.take_season(&seasonal, &low);
                trend = self.smooth_trend(vm, &seasonal, &low)?;
            }
            if round < self.plan.outer {
                self.distrust(&seasonal, &trend)?;
            }
        }
        let mut seasons = (seasonal.ticks, seasonal.values);
        if self.plan.post.neighbours > 0 {
            let Part { neighbours, degree, jump } = self.plan.post;
            let delta = i64::from(jump).wrapping_add(1).wrapping_mul(self.bucket.span);
            let smoothing = Smoothing { neighbours, robustness: 0, delta, degree };
            let (ticks, values) = seasons;
            let curve = Curve { ticks, values, bucket: Some(self.bucket) };
            seasons = curve.smooth(vm, smoothing, None)?;
        }
        debug_assert!(trend.ticks.len() == count || trend.ticks.is_empty());
        Ok(Parts { seasonal: seasons, trend: (trend.ticks, trend.values) })
    }

    /// What is left of the values without the trend.
    fn detrend(&self, seasonal: &mut Table, trend: &Table) -> Result {
        for (place, (tick, value)) in self.curve.ticks.iter().zip(&self.curve.values).enumerate() {
            let trend = trend.get(*tick).ok_or_else(Fault::bounds)?;
            *seasonal.values.get_mut(place).ok_or_else(Fault::bounds)? = value - trend;
        }
        Ok(())
    }

    /// Smooths each bucket of the period over all periods, one more at either end.
    fn smooth_cycles(&self, vm: &mut Machine, seasonal: &mut Table, robust: bool) -> Result {
        let period = i64::from(self.plan.period);
        let span = self.bucket.span.wrapping_mul(period);
        for phase in 0..period {
            let last = self.bucket.last.wrapping_sub(phase.wrapping_mul(self.bucket.span));
            let count = (self.bucket.count - phase - 1).wrapping_div(period) + 1;
            if last == 0 || count == 0 {
                continue;
            }
            let (mut ticks, mut values, mut trust) = (Vec::new(), Vec::new(), Vec::new());
            for back in 0..count {
                let tick = last.wrapping_sub(back.wrapping_mul(span));
                if let Some(place) = seasonal.find(tick) {
                    ticks.push(tick);
                    values.push(seasonal.values[place]);
                    // Newest first, as the reference keeps them.
                    trust.extend(self.trust.get(place));
                }
            }
            if ticks.is_empty() {
                continue;
            }
            ticks.reverse();
            values.reverse();
            let trust = if robust { &trust } else { &self.trust };
            let bucket = Bucket { last: last.wrapping_add(span), span, count: count + 2 };
            vm.charge((count as usize + 2) * self.plan.seasonal.neighbours.unsigned_abs() as usize);
            let smoothed = self.smooth_cycle(&ticks, &values, bucket, trust)?;
            seasonal.set_all(smoothed);
        }
        Ok(())
    }

    /// The values of one cycle at all its buckets.
    fn smooth_cycle(
        &self,
        ticks: &[i64],
        values: &[f64],
        bucket: Bucket,
        trust: &[f64],
    ) -> Result<Vec<(i64, f64)>> {
        let Part { neighbours, degree, jump } = self.plan.seasonal;
        if bucket.last == 0 {
            return Err(Fault::text("lowess_stl method works with bucketized gts only"));
        }
        let tick_at = |back: i64| bucket.last.wrapping_sub(back.wrapping_mul(bucket.span));
        if neighbours < 0 {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            return Ok((0..bucket.count).map(|back| (tick_at(back), mean)).collect());
        }
        let fit = Fit {
            neighbours: neighbours as usize,
            degree: degree as usize,
            trust: Some(trust),
            from_end: true,
        };
        let at = |back: i64| {
            let tick = tick_at(back);
            let start = ticks.partition_point(|t| *t <= tick) as i64 - 1;
            lowess::estimate(ticks, values, start, tick, fit)
        };
        let step = i64::from(jump) + 1;
        let rest = (bucket.count - 1) % step;
        // The buckets that are fitted, newest first; the others lie between two of them.
        let mut fitted: Vec<i64> = (rest..bucket.count).step_by(step as usize).collect();
        if rest != 0 {
            fitted.insert(0, 0);
        }
        let mut results = Vec::with_capacity(bucket.count as usize);
        let mut newer: Option<(i64, f64)> = None;
        for back in fitted {
            let value = at(back);
            if let Some((from, newer)) = newer {
                for middle in from + 1..back {
                    let alpha = (middle - from) as f64 / (back - from) as f64;
                    results.push((tick_at(middle), alpha * value + (1.0 - alpha) * newer));
                }
            }
            results.push((tick_at(back), value));
            newer = Some((back, value));
        }
        Ok(results)
    }

    /// The slow part of the seasons: two moving means over a period, one over three buckets, and a
    /// local regression.
    fn low_pass(&self, vm: &mut Machine, seasonal: &Table) -> Result<(Vec<i64>, Vec<f64>)> {
        let (count, period) = (self.bucket.count as usize, self.plan.period as usize);
        let extended = count + 2 * period;
        let tick = |index: usize| self.bucket_tick(index as i64 - period as i64);
        let cells: Vec<Option<f64>> = (0..extended).map(|i| seasonal.get(tick(i))).collect();
        let empty = || Fault::text("STL found no value, is GTS empty?");
        let known = |value: &Option<f64>| value.is_some();
        let mut number = cells[..period].iter().filter(|c| known(c)).count();
        let mut sum: f64 = cells[..period].iter().flatten().sum();
        if number == 0 {
            return Err(empty());
        }
        let mut means = vec![sum / number as f64];
        for index in 1..extended - period + 1 {
            let (leaves, enters) = (cells[index - 1], cells[index + period - 1]);
            if leaves.is_none() && enters.is_none() {
                means.push(means[index - 1]);
                continue;
            }
            match (leaves, enters) {
                (None, Some(enters)) => {
                    number += 1;
                    sum += enters;
                }
                (Some(leaves), None) => {
                    number -= 1;
                    sum -= leaves;
                }
                (Some(leaves), Some(enters)) => sum += enters - leaves,
                (None, None) => (),
            }
            if number == 0 {
                return Err(empty());
            }
            means.push(sum / number as f64);
        }
        let mut sum: f64 = means[..period].iter().sum();
        let mut again = vec![sum / period as f64];
        for index in 1..count + 2 {
            sum += means[index + period - 1] - means[index - 1];
            again.push(sum / period as f64);
        }
        let values = (0..count).map(|r| (again[r] + (again[r + 1] + again[r + 2])) / 3.0).collect();
        let ticks = (0..count).map(|r| self.bucket_tick(r as i64)).collect();
        self.regression(vm, self.plan.low_pass, ticks, values, None)
    }

    fn regression(
        &self,
        vm: &mut Machine,
        part: Part,
        ticks: Vec<i64>,
        values: Vec<f64>,
        trust: Option<&[f64]>,
    ) -> Result<(Vec<i64>, Vec<f64>)> {
        let delta = i64::from(part.jump).wrapping_add(1).wrapping_mul(self.bucket.span);
        let (neighbours, degree) = (part.neighbours, part.degree);
        let smoothing = Smoothing { neighbours, robustness: 0, delta, degree };
        Curve { ticks, values, bucket: Some(self.bucket) }.smooth(vm, smoothing, trust)
    }

    /// The seasons without their slow part.
    fn take_season(&self, seasonal: &Table, low: &(Vec<i64>, Vec<f64>)) -> Table {
        let pairs = low.0.iter().zip(&low.1);
        let found =
            pairs.filter_map(|(tick, low)| seasonal.get(*tick).map(|value| (*tick, value - low)));
        let (ticks, values) = found.unzip();
        Table { ticks, values }
    }

    fn smooth_trend(
        &self,
        vm: &mut Machine,
        seasonal: &Table,
        low: &(Vec<i64>, Vec<f64>),
    ) -> Result<Table> {
        let mut values = Vec::with_capacity(self.curve.ticks.len());
        for (tick, value) in self.curve.ticks.iter().zip(&self.curve.values) {
            values.push(value - seasonal.get(*tick).ok_or_else(Fault::bounds)?);
        }
        // The ticks are those of the first buckets, filled or not: so the reference has it.
        let ticks = low.0.iter().copied().take(values.len()).collect();
        let (ticks, values) =
            self.regression(vm, self.plan.trend, ticks, values, Some(&self.trust))?;
        Ok(Table { ticks, values })
    }

    /// Trusts values less that are far from seasons and trend.
    fn distrust(&mut self, seasonal: &Table, trend: &Table) -> Result {
        let mut residuals = self.trust.clone();
        let mut next = 0;
        for (tick, value) in self.curve.ticks.iter().zip(&self.curve.values) {
            if let Some(place) = seasonal.find(*tick) {
                let trend = trend.values.get(place).ok_or_else(Fault::bounds)?;
                residuals[next] = (value - seasonal.values[place] - trend).abs();
                next += 1;
            }
        }
        self.trust = lowess::trust_of(&residuals)?;
        Ok(())
    }
}

/// Decomposes a bucketised numeric series, which is sorted for that.
fn decompose(vm: &mut Machine, curve: &Curve, plan: Plan) -> Result<Parts> {
    let Some(bucket) = curve.bucket else {
        return Err(Fault::text("Can only be applied on bucketized Geo Time Series"));
    };
    if bucket.count - curve.ticks.len() as i64 > MISSING_MAX {
        return Err(Fault::text("More than 500000 missing values"));
    }
    if bucket.count < 0 || bucket.span < 0 {
        return Err(Fault::bounds());
    }
    let cells = (bucket.count as usize).saturating_add(2 * plan.period as usize);
    vm.heap.claim(cells.saturating_mul(128))?;
    let trust = vec![1.0; curve.ticks.len()];
    Work { curve, bucket, plan, trust }.run(vm)
}

/// A name for a part of a series.
fn part_name(gts: &Gts, part: &str) -> String {
    match gts.series.metadata.class() {
        "" => part.to_owned(),
        name => format!("{name}_{part}"),
    }
}

pub(super) fn stl(vm: &mut Machine) -> Result {
    let map = vm.pop_map("expects a map of parameters below input GTS")?;
    let (given, robust) = read_parameters(vm, vm.heap.map(map))?;
    points::each_gts(vm, |vm, handle| {
        let plan = Plan::new(vm, &given, robust)?;
        let (curve, columns) = lowess::curve_of(vm, handle)?;
        let parts = decompose(vm, &curve, plan)?;
        if !columns.locations.is_empty() || !columns.elevations.is_empty() {
            // The reference has no room for them.
            return Err(Fault::null());
        }
        let mut list = Vec::with_capacity(2);
        for (part, (ticks, values)) in [("seasonal", parts.seasonal), ("trend", parts.trend)] {
            let values = Column::Double(values.into());
            let points = Columns { ticks: ticks.into(), values, ..Columns::default() };
            let mut gts = points::with_points(vm.heap.gts(handle), points);
            gts.series.metadata.name = Some(part_name(&gts, part));
            list.push(points::new_gts(vm, gts)?);
        }
        vm.heap.new_list(list)
    })
}

fn read_parameters(vm: &Machine, map: &Map) -> Result<(Given, bool)> {
    const PARTS: [&str; 3] = ["BANDWIDTH", "DEGREE", "SPEED"];
    const SUFFIXES: [&str; 4] = ["_S", "_L", "_T", "_P"];
    let mut given = Given::default();
    let mut robust = false;
    for (key, value) in &map.entries {
        let Some(name) = key.as_text() else {
            return Err(Fault::kind(Kind::Cast, "Not a name."));
        };
        if &**name == "ROBUST" {
            let Value::Boolean(flag) = *value else {
                return Err(vm.error("expects argument ROBUST to be of type BOOLEAN."));
            };
            robust = flag;
            continue;
        }
        let is_part = |name: &str| PARTS.contains(&name);
        let has_suffix = SUFFIXES.iter().any(|s| name.strip_suffix(s).is_some_and(is_part));
        if !["PERIOD", "PRECISION", "ROBUSTNESS"].contains(&&**name)
            && !is_part(name)
            && !has_suffix
        {
            return Err(vm.error(&format!("does not expect argument {name}")));
        }
        let Value::Long(number) = *value else {
            return Err(vm.error(&format!("expects argument {name} to be of type LONG.")));
        };
        given.insert(name.to_string(), number as i32);
    }
    for part in PARTS {
        if let Some(&number) = given.get(part) {
            for suffix in SUFFIXES {
                given.entry(format!("{part}{suffix}")).or_insert(number);
            }
        }
    }
    Ok((given, robust))
}

/// What a test on seasons takes: period, periods a piece (0: all), how many outliers at most.
struct Test {
    period: i32,
    pieces: i32,
    most: i32,
    alpha: f64,
    given: Given,
    robust: bool,
}

impl Test {
    /// Takes the arguments from the stack; `in_pieces` for the tests that cut.
    fn pop(vm: &mut Machine, in_pieces: bool, with_map: bool) -> Result<Self> {
        let (mut given, mut robust) = (Given::default(), false);
        if with_map && let Value::Map(map) = vm.peek(0)? {
            vm.pop()?;
            for (key, value) in &vm.heap.map(map).entries {
                let name = key.as_text().map_or_else(String::new, ToString::to_string);
                match *value {
                    Value::Boolean(flag) if name == "ROBUST" => robust = flag,
                    Value::Null => (),
                    // The reference takes a period of its own making only.
                    _ if name == "PERIOD" => {
                        return Err(Fault::kind(Kind::Cast, "Not an integer."));
                    }
                    value => {
                        let number = points::integer(vm, value).ok_or_else(super::not_a_number)?;
                        given.insert(name, number as i32);
                    }
                }
            }
        }
        let alpha = pop_optional_double(vm)?.unwrap_or(SIGNIFICANCE);
        let message = "expects an upper bound of the number of outliers (a LONG).";
        let most = vm.pop_long(message)? as i32;
        let pieces = match in_pieces {
            true => vm.pop_long("expects a number of periods per piece (a LONG).")? as i32,
            false => 0,
        };
        let period = vm.pop_long("expects a number of buckets per period (a LONG).")? as i32;
        given.insert("PERIOD".to_owned(), period);
        given.entry("BANDWIDTH_S".to_owned()).or_insert(-1);
        Ok(Self { period, pieces, most, alpha, given, robust })
    }

    /// The series as a curve of doubles with buckets.
    fn curve(vm: &mut Machine, handle: Handle<Gts>) -> Result<Curve> {
        super::double_values(vm, handle)?;
        if points::bucket(vm.heap.gts(handle)).is_none() {
            return Err(Fault::text("GTS must be bucketized"));
        }
        Ok(lowess::curve_of(vm, handle)?.0)
    }
}

pub(super) fn stl_esd_test(vm: &mut Machine) -> Result {
    let test = Test::pop(vm, false, true)?;
    points::each_gts(vm, |vm, handle| {
        let curve = Test::curve(vm, handle)?;
        let plan = Plan::new(vm, &test.given, test.robust)?;
        let parts = decompose(vm, &curve, plan)?;
        let (ticks, seasons) = parts.seasonal;
        let mut rest = seasons.clone();
        for (place, tick) in curve.ticks.iter().enumerate() {
            let found = ticks.binary_search(tick).map_err(|_| Fault::bounds())?;
            // The reference looks the value up at the place that the season has.
            let value = curve.values.get(found).ok_or_else(Fault::bounds)?;
            let trend = parts.trend.1.get(found).ok_or_else(Fault::bounds)?;
            rest[place] = value - (rest[found] + trend);
        }
        rest.truncate(curve.ticks.len());
        let ticks = ticks.into_iter().take(rest.len()).collect();
        let found = generalized_esd(vm, rest, ticks, test.most, true, test.alpha)?;
        tick_list(vm, found)
    })
}

/// HYBRIDTEST and HYBRIDTEST2.
pub(super) fn hybrid_test(vm: &mut Machine) -> Result {
    let by_entropy = vm.word.name == "HYBRIDTEST2";
    let test = Test::pop(vm, true, !by_entropy)?;
    points::each_gts(vm, |vm, handle| {
        if by_entropy {
            let gts = vm.heap.gts(handle);
            let count = gts.series.points.len() as i64;
            if points::bucket(gts).is_none_or(|b| b.count != count) {
                let message = "operates on bucketized, filled Geo Time Series.";
                return Err(vm.error(message));
            }
        }
        let curve = Test::curve(vm, handle)?;
        let Some(bucket) = curve.bucket else { return Err(Fault::null()) };
        let pieces = piece_count(&test, bucket)?;
        let width = i64::from(test.pieces).wrapping_mul(i64::from(test.period));
        let mut found = Vec::new();
        for piece in 0..pieces {
            let newer = (pieces - piece - 1).wrapping_mul(width);
            let last = bucket.last.wrapping_sub(bucket.span.wrapping_mul(newer));
            let first = last.wrapping_sub(bucket.span.wrapping_mul(width - 1));
            let from = curve.ticks.partition_point(|t| *t < first);
            let to = curve.ticks.partition_point(|t| *t <= last).max(from);
            let part = Curve {
                ticks: curve.ticks[from..to].to_vec(),
                values: curve.values[from..to].to_vec(),
                bucket: Some(Bucket { last, span: bucket.span, count: width }),
            };
            let (ticks, seasons) = match by_entropy {
                true => entropy_seasons(&part, last, bucket.span, test.period)?,
                false => {
                    let plan = Plan::new(vm, &test.given, test.robust)?;
                    decompose(vm, &part, plan)?.seasonal
                }
            };
            let middle = median(&part.values)?;
            let mut rest = part.values.clone();
            for (tick, value) in part.ticks.iter().zip(&mut rest) {
                let place = ticks.binary_search(tick).map_err(|_| Fault::bounds())?;
                *value -= seasons[place] + middle;
            }
            found.extend(generalized_esd(vm, rest, part.ticks, test.most, true, test.alpha)?);
        }
        tick_list(vm, found)
    })
}

/// How many pieces there are.
fn piece_count(test: &Test, bucket: Bucket) -> Result<i64> {
    let width = test.pieces.wrapping_mul(test.period);
    if test.most >= width / 2 {
        return Err(Fault::text(
            "Upper bound of number of outliers must be less than half of the number of \
             observations per piece",
        ));
    }
    if test.period == 0 || test.pieces == 0 {
        return Err(Fault::kind(Kind::Arithmetic, "/ by zero"));
    }
    let periods = bucket.count / i64::from(test.period);
    if periods < 1 {
        return Err(Fault::text("Not enough buckets to make up at least one seasonal period."));
    }
    match periods / i64::from(test.pieces) {
        0 => Err(Fault::text("Not enough seasonal periods to make up at least one piece.")),
        pieces => Ok(pieces),
    }
}

/// Seasons from the mean of each bucket of the period, weighted by how evenly its values deviate.
fn entropy_seasons(
    part: &Curve,
    last: i64,
    span: i64,
    period: i32,
) -> Result<(Vec<i64>, Vec<f64>)> {
    let mut seasons = Table::default();
    let count = part.bucket.map_or(0, |b| b.count);
    let period = i64::from(period);
    for phase in 0..period {
        let mut cycle = Vec::new();
        let cycles = (count - phase - 1).wrapping_div(period) + 1;
        for back in 0..cycles {
            let steps = phase + back * period;
            let tick = last.wrapping_sub(steps.wrapping_mul(span));
            if let Ok(place) = part.ticks.binary_search(&tick) {
                cycle.push((tick, part.values[place]));
            }
        }
        let values: Vec<f64> = cycle.iter().map(|(_, v)| *v).collect();
        let (mean, deviation) = center(&values, false)?;
        let weights: Vec<f64> = values
            .iter()
            .map(|v| if deviation == 0.0 { 1.0 } else { ((v - mean) / deviation).abs() })
            .map(|z: f64| z.sqrt().exp())
            .collect();
        let total: f64 = weights.iter().sum();
        let shares = weights.iter().map(|w| w / total).filter(|p| *p != 0.0);
        let entropy: f64 = -shares.map(|p| p * p.ln()).sum::<f64>();
        let entropy = if entropy == 0.0 { 1.0 } else { entropy / (values.len() as f64).ln() };
        seasons.set_all(cycle.into_iter().map(|(tick, _)| (tick, entropy * mean)).collect());
    }
    Ok((seasons.ticks, seasons.values))
}
