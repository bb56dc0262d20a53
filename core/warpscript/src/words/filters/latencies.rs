//! How long messages take from one place to others.

use weft_gts::{Column, NO_ELEVATION, NO_LOCATION, Value as PointValue};

use super::by_value::not_a_number;
use super::push_filter;
use crate::error::Result;
use crate::function::Selection;
use crate::heap::Gts;
use crate::java;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::{Handle, Value};
use crate::words::points;

pub(in crate::words) static FAMILY: Family = Family {
    name: "latencies",
    words: &[word(
        "filter.latencies",
        make,
        "1.0.0",
        "min<LONG> max<LONG> options<LIST<STRING>> filter.latencies filter<FILTER>",
        "Finds the values of one series (the only one of the first list) again in the other series, \
         at least `min` and at most `max` time units later, and makes series of what it finds. \
         Values are numbers that identify messages; the series end sorted by value. \
         Options name the results: `uplink.latency.min`, `uplink.latency.max`, \
         `downlink.latency.min`, `downlink.latency.max`, `downlink.matches`, `downlinks.bitset`, \
         `downlinks.totalmatches`, `downlinks.withmatches`. A latency of -1 stands for no match.",
        &[(
            "[ [ NEWGTS 1 NaN NaN NaN 7 ADDVALUE ] [ NEWGTS 4 NaN NaN NaN 7 ADDVALUE ] [] 0 9 \
             [ 'uplink.latency.min' ] filter.latencies ] FILTER 0 GET VALUES",
            "[[3]]",
        )],
    )],
};

fn make(vm: &mut Machine) -> Result {
    let options = vm.pop_list("expects a list of options on top of the stack.")?;
    let max = vm.pop_long("expects a maximum latency under the list of options.")?;
    let min = vm.pop_long("expects a minimum latency under the list of options.")?;
    let options = vm.heap.list(options).clone();
    let options = vm.heap.new_list(options)?;
    push_filter(vm, select, vec![Value::Long(min), Value::Long(max), options])
}

/// The results that can be asked for, in their order.
const OPTIONS: [&str; 8] = [
    "uplink.latency.min",
    "uplink.latency.max",
    "downlink.latency.min",
    "downlink.latency.max",
    "downlink.matches",
    "downlinks.bitset",
    "downlinks.totalmatches",
    "downlinks.withmatches",
];

fn select(vm: &mut Machine, parameters: &[Value]) -> Result<Selection> {
    let bound = |index: usize| parameters.get(index).and_then(|v| v.as_i64()).unwrap_or(0);
    let (min, max) = (bound(0), bound(1));
    let list = parameters.get(2).and_then(|v| v.as_list());
    let given: Vec<Value> = list.map(|list| vm.heap.list(list).clone()).unwrap_or_default();
    let wanted = OPTIONS.map(|o| given.iter().any(|v| vm.as_text(*v).is_some_and(|t| **t == *o)));
    Ok(Box::new(move |vm, collections, _| {
        if collections.first().is_none_or(|first| first.len() != 1) {
            return Ok(Vec::new());
        }
        let series: Vec<Handle<Gts>> = collections.iter().flatten().copied().collect();
        Search { min, max, wanted }.run(vm, &series)
    }))
}

/// A series as the search reads it: ticks and values, sorted by value.
struct Track {
    ticks: Vec<i64>,
    values: Column,
    next: usize,
}

impl Track {
    fn value(&self, index: usize) -> Result<i64> {
        match &self.values {
            Column::Long(values) => Ok(values[index]),
            Column::Double(values) => Ok(values[index] as i64),
            _ => Err(not_a_number()),
        }
    }
}

/// Sorts points by value, those of the same value by tick.
fn sort_by_value(gts: &mut Gts) {
    let points = &gts.series.points;
    let ticks = &points.ticks;
    let compare = |a: u32, b: u32| {
        let (a, b) = (a as usize, b as usize);
        let values = match &points.values {
            Column::Long(values) => values[a].cmp(&values[b]),
            Column::Double(values) => java::compare_doubles(values[a], values[b]),
            Column::Boolean(values) => values[a].cmp(&values[b]),
            Column::String(values) => java::compare_texts(&values[a], &values[b]),
            Column::Empty | Column::Mixed(_) => std::cmp::Ordering::Equal,
        };
        values.then(ticks[a].cmp(&ticks[b]))
    };
    let places = points::order::quicksort(points.len(), compare);
    gts.series.points = points.gather(&places);
    gts.order = crate::heap::Order::Unknown;
}

/// What is found in one series for one message.
struct Found {
    min: i64,
    max: i64,
    matches: i64,
    /// The first candidate matched.
    at_once: bool,
}

struct Search {
    min: i64,
    max: i64,
    wanted: [bool; 8],
}

impl Search {
    fn run(&self, vm: &mut Machine, series: &[Handle<Gts>]) -> Result<Vec<Value>> {
        let mut tracks = Vec::with_capacity(series.len());
        for handle in series {
            let mut gts = vm.heap.change_gts(*handle)?;
            sort_by_value(&mut gts);
            let points = &gts.series.points;
            let track =
                Track { ticks: points.ticks.to_vec(), values: points.values.clone(), next: 0 };
            drop(gts);
            vm.charge(track.ticks.len() * 8);
            tracks.push(track);
        }
        let mut results = self.results(vm, series);
        let count = tracks[0].ticks.len();
        vm.heap.claim(count.saturating_mul(24 * results.iter().flatten().count()))?;
        for index in 0..count {
            let tick = tracks[0].ticks[index];
            let message = tracks[0].value(index)?;
            let mut found = Vec::with_capacity(tracks.len() - 1);
            for track in &mut tracks[1..] {
                found.push(self.find(track, tick, message)?);
            }
            self.add(&mut results, tick, &found);
        }
        let mut values = Vec::new();
        for gts in results.into_iter().flatten() {
            values.push(Value::Gts(vm.heap.alloc_gts(gts)?));
        }
        Ok(values)
    }

    /// Empty series for the results, by option.
    fn results(&self, vm: &Machine, series: &[Handle<Gts>]) -> Vec<Vec<Gts>> {
        let make = |(option, name): (usize, &&str)| {
            let sources = match option {
                _ if !self.wanted[option] => &[][..],
                2..=4 => &series[1..],
                _ => &series[..1],
            };
            let empty = |handle: &Handle<Gts>| {
                let mut gts = points::empty_like(vm.heap.gts(*handle));
                let metadata = &mut gts.series.metadata;
                metadata.name = Some(format!("{}:{name}", metadata.class()));
                gts.renamed = true;
                gts
            };
            sources.iter().map(empty).collect()
        };
        OPTIONS.iter().enumerate().map(make).collect()
    }

    /// Looks for a message in a series, from where the last search ended.
    fn find(&self, track: &mut Track, sent: i64, message: i64) -> Result<Found> {
        let mut found = Found { min: i64::MAX, max: i64::MIN, matches: 0, at_once: false };
        let mut start = track.next;
        while track.next < track.ticks.len() {
            let value = track.value(track.next)?;
            let tick = track.ticks[track.next];
            if value > message {
                break;
            }
            if value < message || tick < sent.wrapping_add(self.min) {
                track.next += 1;
                start = track.next;
                continue;
            }
            let latency = tick.wrapping_sub(sent);
            if latency > self.max {
                break;
            }
            found.min = found.min.min(latency);
            found.max = found.max.max(latency);
            found.matches += 1;
            found.at_once |= start == track.next;
            track.next += 1;
        }
        Ok(found)
    }

    fn add(&self, results: &mut [Vec<Gts>], tick: i64, found: &[Found]) {
        let or_none = |latency: i64, none: i64| if latency == none { -1 } else { latency };
        let min = found.iter().map(|f| f.min).min().unwrap_or(i64::MAX);
        let max = found.iter().map(|f| f.max).max().unwrap_or(i64::MIN);
        let bits = (0u32..).zip(found).filter(|(_, f)| f.at_once);
        let bitset = bits.fold(0i64, |bits, (index, _)| bits | 1i64.wrapping_shl(index));
        let values: [Vec<i64>; 8] = [
            vec![or_none(min, i64::MAX)],
            vec![or_none(max, i64::MIN)],
            found.iter().map(|f| or_none(f.min, i64::MAX)).collect(),
            found.iter().map(|f| or_none(f.max, i64::MIN)).collect(),
            found.iter().map(|f| f.matches).collect(),
            vec![bitset],
            vec![found.iter().map(|f| f.matches).sum()],
            vec![found.iter().filter(|f| f.at_once).count() as i64],
        ];
        for (series, values) in results.iter_mut().zip(values) {
            for (gts, value) in series.iter_mut().zip(values) {
                points::append(gts, tick, NO_LOCATION, NO_ELEVATION, PointValue::Long(value));
            }
        }
    }
}
