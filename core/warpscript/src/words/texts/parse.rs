//! PARSE and SMARTPARSE: series out of text.

use weft_gts::text::{ParseOptions, parse_line};
use weft_gts::{
    Labels, Metadata, NO_ELEVATION, NO_LOCATION, Series, SeriesBuilder, ValueRef, parse_double,
};

use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, List, Text};
use crate::machine::Machine;
use crate::position;
use crate::regex::{self, Regex};
use crate::value::{Handle, Value};

pub(super) fn parse(vm: &mut Machine) -> Result {
    let text = vm.pop_text("expects a String on top of the stack.")?;
    vm.charge(text.len());
    vm.heap.claim(text.len().saturating_mul(4))?;
    let nanoseconds = vm.clock.wall_ns;
    let unit = vm.config.time_unit.per_second();
    let now = (i128::from(nanoseconds) * i128::from(unit)).div_euclid(1_000_000_000) as i64;
    let options = ParseOptions { now, ..ParseOptions::default() };
    let mut series = Vec::new();
    let mut current: Option<(Metadata, SeriesBuilder)> = None;
    for line in text.split(['\n', '\r']) {
        let line = line.trim_matches(|c: char| c <= ' ');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        add_line(line, &options, &mut current, &mut series).map_err(|message| {
            Fault::text(message).wrap(format!("{} could not parse '{line}'", vm.word.name))
        })?;
    }
    series.extend(current);
    let mut list = List::with_capacity(series.len());
    for (metadata, points) in series {
        let series = Series { metadata, points: points.finish(), ..Series::default() };
        list.push(vm.heap.new_gts(series)?);
    }
    vm.push_list(list)
}

/// Adds the point of a line to the series of the line before, or starts another series.
fn add_line(
    line: &str,
    options: &ParseOptions,
    current: &mut Option<(Metadata, SeriesBuilder)>,
    done: &mut Vec<(Metadata, SeriesBuilder)>,
) -> std::result::Result<(), String> {
    let previous = current.as_ref().map(|(metadata, _)| metadata);
    let parsed = parse_line(line.as_bytes(), previous, options).map_err(|e| e.to_string())?;
    if let Some(text) = &parsed.series {
        let metadata = text.metadata(&Labels::new()).map_err(|e| e.to_string())?;
        let same = |(other, _): &(Metadata, SeriesBuilder)| {
            other.class() == metadata.class() && other.labels == metadata.labels
        };
        if !current.as_ref().is_some_and(same) {
            done.extend(current.take());
            *current = Some((metadata, SeriesBuilder::default()));
        }
        let attributes = text.attributes().map_err(|e| e.to_string())?;
        if let (Some(attributes), Some((metadata, _))) = (attributes, current.as_mut()) {
            metadata.attributes = attributes;
        }
    }
    if let Some((_, points)) = current {
        points.push(parsed.tick, parsed.location, parsed.elevation, parsed.value.as_ref());
    }
    Ok(())
}

/// A pattern of SMARTPARSE and what its groups mean.
struct Rules {
    regex: Regex,
    values: Vec<(String, usize)>,
    labels: Vec<(String, usize)>,
    ticks: Vec<(String, usize)>,
    latitude: Option<usize>,
    longitude: Option<usize>,
    elevation: Option<usize>,
}

impl Rules {
    fn new(pattern: &str) -> Result<Self> {
        let regex = Regex::new(pattern)?;
        let mut rules = Self {
            regex,
            values: Vec::new(),
            labels: Vec::new(),
            ticks: Vec::new(),
            latitude: None,
            longitude: None,
            elevation: None,
        };
        for (name, group) in rules.regex.named_groups() {
            match name.as_bytes() {
                b"lat" => rules.latitude = Some(group),
                b"lon" => rules.longitude = Some(group),
                b"elev" => rules.elevation = Some(group),
                [b'V', ..] => rules.values.push((name, group)),
                [b'L', ..] => rules.labels.push((name, group)),
                [b'T', ..] => rules.ticks.push((name, group)),
                _ => (),
            }
        }
        Ok(rules)
    }
}

/// The series that the matches in texts make, in order of appearance.
#[derive(Default)]
struct Found(Vec<(Metadata, SeriesBuilder)>);

impl Found {
    fn series(&mut self, metadata: Metadata) -> &mut SeriesBuilder {
        let same = |(other, _): &(Metadata, SeriesBuilder)| {
            other.class() == metadata.class() && other.labels == metadata.labels
        };
        let place = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push((metadata, SeriesBuilder::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    fn into_list(self, vm: &mut Machine) -> Result<Value> {
        let mut list = List::with_capacity(self.0.len());
        for (metadata, points) in self.0 {
            let series = Series { metadata, points: points.finish(), ..Series::default() };
            list.push(vm.heap.new_gts(series)?);
        }
        vm.heap.new_list(list)
    }
}

fn number(text: &str) -> Result<f64> {
    let bad = || Fault::kind(Kind::Argument, format!("For input string: \"{text}\""));
    parse_double(text).ok_or_else(bad)
}

/// Adds the points of all matches in `text`.
fn scan(rules: &Rules, unit: i64, text: &str, mut tick: i64, found: &mut Found) -> Result {
    let mut from = 0;
    while let Some(captures) = rules.regex.find_at(text, from)? {
        let group = |group: usize| captures.get(group).map(|m| m.as_str());
        let mut labels = Labels::new();
        for (name, place) in &rules.labels {
            if let Some(value) = group(*place) {
                labels.insert(&name[1..], value);
            }
        }
        labels.sort();
        let mut location = NO_LOCATION;
        let places = rules.latitude.and_then(group).zip(rules.longitude.and_then(group));
        if let Some((latitude, longitude)) = places {
            location = position::to_location(number(latitude)?, number(longitude)?);
        }
        let elevation = match rules.elevation.and_then(group) {
            Some(text) => (number(text)? + 0.5).floor() as i64,
            None => NO_ELEVATION,
        };
        for (name, place) in &rules.ticks {
            if let Some(text) = group(*place)
                && let Some(time) = time(name, text, unit as f64)?
            {
                tick = time;
                break;
            }
        }
        for (name, place) in &rules.values {
            let (Some(text), Some(class)) = (group(*place), name.get(2..)) else {
                continue;
            };
            let value = match name.as_bytes()[1] {
                b'L' => ValueRef::Long(text.parse().map_err(|_| {
                    Fault::kind(Kind::Argument, format!("For input string: \"{text}\""))
                })?),
                b'D' => ValueRef::Double(number(text)?),
                b'B' => ValueRef::Boolean(text.eq_ignore_ascii_case("true")),
                b'S' => ValueRef::String(text),
                _ => continue,
            };
            let metadata = Metadata::new(class.to_owned(), labels.clone());
            found.series(metadata).push(tick, location, elevation, value);
        }
        let (start, end) = regex::span(&captures);
        from = regex::next_start(text, start, end);
    }
    Ok(())
}

/// A tick in time units of what a `T…` group matched.
fn time(name: &str, text: &str, per_second: f64) -> Result<Option<i64>> {
    let units = if name.starts_with("Ts") {
        number(text)? * per_second
    } else if name.starts_with("Tms") {
        number(text)? * (per_second / 1e3)
    } else if name.starts_with("Tus") {
        number(text)? / (1e6 / per_second)
    } else if name.starts_with("Tns") {
        number(text)? / (1e9 / per_second)
    } else {
        return Ok(None);
    };
    Ok(Some(units as i64))
}

fn scan_series(vm: &mut Machine, rules: &Rules, gts: Handle<Gts>) -> Result<Value> {
    let unit = vm.config.time_unit.per_second();
    let points = vm.heap.gts(gts).series.points.clone();
    let mut found = Found::default();
    for point in points.iter() {
        let text: Text = match &point.value {
            weft_gts::Value::String(text) => Text::clone(text),
            weft_gts::Value::Long(v) => v.to_string().into(),
            weft_gts::Value::Double(v) => weft_gts::JavaDouble(*v).to_string().into(),
            weft_gts::Value::Boolean(v) => v.to_string().into(),
            _ => continue,
        };
        vm.charge(text.len());
        scan(rules, unit, &text, point.tick, &mut found)?;
    }
    found.into_list(vm)
}

pub(super) fn smart_parse(vm: &mut Machine) -> Result {
    let pattern = vm.pop_text("expects a STRING regexp.")?;
    vm.charge(pattern.len() * 64);
    let rules = Rules::new(&pattern)?;
    let result = match vm.pop()? {
        Value::String(text) => {
            let text = Text::clone(vm.heap.text(text));
            let unit = vm.config.time_unit.per_second();
            vm.charge(text.len());
            let mut found = Found::default();
            scan(&rules, unit, &text, 0, &mut found)?;
            found.into_list(vm)?
        }
        Value::Gts(gts) => scan_series(vm, &rules, gts)?,
        Value::List(list) | Value::Vector(list) => {
            let mut results = List::new();
            for value in vm.heap.list(list).clone() {
                let Value::Gts(gts) = value else {
                    return Err(vm.error("can only operate on Geo Time Series instances."));
                };
                results.push(scan_series(vm, &rules, gts)?);
            }
            vm.heap.new_list(results)?
        }
        _ => return Err(vm.error("can only operate on Geo Time Series instances.")),
    };
    vm.push(result)
}
