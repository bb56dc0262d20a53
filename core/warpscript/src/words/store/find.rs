//! FIND, FINDSETS, FINDSTATS and METASET.

use std::collections::BTreeSet;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use weft_gts::{Labels, Metadata, Series, WrapKey};
use weft_wire::thrift::MetaSet;

use super::{Collect, Collector, metaset as sets, params};
use crate::error::{Fault, Result};
use crate::heap::Map;
use crate::java;
use crate::machine::Machine;
use crate::requests::{Chunk, Find, FindPurpose, Request, Stats, Target};
use crate::value::{Handle, Value};

/// The relative error of the estimates, as the reference tells it.
const ERROR_RATE: f64 = 0.008125;

pub(super) fn find(vm: &mut Machine) -> Result {
    let (find, show_uuid) = read(vm)?;
    let request = vm.request(Request::Find(Box::new(find)));
    let collector = FoundSeries { show_uuid, results: Vec::new() };
    vm.push_task(Collect { request, collector })
}

pub(super) fn find_sets(vm: &mut Machine) -> Result {
    let (find, _) = read(vm)?;
    let find = Find { purpose: FindPurpose::Sets, ..find };
    let request = vm.request(Request::Find(Box::new(find)));
    vm.push_task(Collect { request, collector: Sets::default() })
}

pub(super) fn find_stats(vm: &mut Machine) -> Result {
    if let Some(list) = vm.peek(0)?.as_list() {
        vm.pop()?;
        let items = vm.heap.list(list).clone();
        if items.len() != 3 {
            return Err(vm.error("expects 3 parameters."));
        }
        items.into_iter().try_for_each(|item| vm.push(item))?;
    }
    let top = vm.pop()?;
    if !matches!(top, Value::Map(_)) {
        return Err(vm.error("expects the label selectors to be a MAP."));
    }
    let labels = params::labels(vm, top)?;
    let class = vm.pop_text("expects the class selector to be a STRING.")?;
    let token = vm.pop_text("expects the token to be a STRING.")?;
    let find = one(token, class, labels);
    let request = vm.request(Request::Stats(Box::new(find)));
    vm.push_task(Collect { request, collector: Estimates::default() })
}

pub(super) fn metaset(vm: &mut Machine) -> Result {
    let Some(key) = sets::key(vm) else {
        return Err(vm.error("is disabled, as no key is set in 'warp.aes.metasets'."));
    };
    let top = vm.pop()?;
    let Some(list) = top.as_list() else {
        return Err(vm.error("expects a list of parameters."));
    };
    let [token, class, labels, not_before, not_after, duration, ttl] =
        *vm.heap.list(list).clone().as_slice()
    else {
        return Err(vm.error("expects 7 parameters."));
    };
    let Value::Long(ttl) = ttl else {
        return Err(vm.error("expects a metaset TTL (in time units) on top of the stack."));
    };
    let bound = |value: Value, message: &str| match value {
        Value::Long(bound) => Ok(Some(bound)),
        Value::Double(none) if none.is_nan() => Ok(None),
        _ => Err(vm.error(message)),
    };
    let now_ms = vm.clock.wall_ns.div_euclid(1_000_000);
    let set = MetaSet {
        expiry_ms: now_ms.saturating_add(ttl / vm.config.time_unit.per_ms()),
        max_duration: bound(duration, "expects a maximum duration or NaN below the expiration.")?,
        not_after: bound(not_after, "expects a 'notafter' parameter below the maximum duration.")?,
        not_before: bound(not_before, "expects a 'notbefore' parameter below 'notafter'.")?,
        ..MetaSet::default()
    };
    let find = Find { purpose: FindPurpose::MetaSet, ..triple(vm, token, class, labels)? };
    let set = MetaSet { token: Some(find.token.to_string()), ..set };
    let request = vm.request(Request::Find(Box::new(find)));
    vm.push_task(Collect { request, collector: Packed { key, set, found: Vec::new() } })
}

/// Parameters as a list or a map; whether ids are to be shown.
fn read(vm: &mut Machine) -> Result<(Find, bool)> {
    let top = vm.pop()?;
    if let Some(list) = top.as_list() {
        return match *vm.heap.list(list).clone().as_slice() {
            [token, class, labels] => Ok((triple(vm, token, class, labels)?, false)),
            [token, class, labels, uuid] => {
                Ok((triple(vm, token, class, labels)?, matches!(uuid, Value::Boolean(true))))
            }
            _ => Err(vm.error("expects 3 or 4 parameters.")),
        };
    }
    let Value::Map(map) = top else {
        return Err(vm.error("expects a list or map of parameters."));
    };
    let has = |name: &str| params::get(vm, map, name).is_some();
    let is_params =
        has("token") && (has("selectors") || has("selector") || has("class") && has("labels"));
    if is_params {
        return Ok((from_map(vm, map)?, false));
    }
    // An old form: token, class and labels on the stack.
    let labels = params::labels(vm, top)?;
    let class = pop_plain_text(vm, "Class selector must be a string.")?;
    let token = pop_plain_text(vm, "Token must be a string.")?;
    Ok((one(token, class, labels), false))
}

fn pop_plain_text(vm: &mut Machine, message: &'static str) -> Result<std::sync::Arc<str>> {
    let top = vm.pop()?;
    vm.as_text(top).cloned().ok_or_else(|| Fault::text(message))
}

fn triple(vm: &Machine, token: Value, class: Value, labels: Value) -> Result<Find> {
    let labels = params::labels(vm, labels)?;
    let class = vm.as_text(class).ok_or_else(|| Fault::text("Class selector must be a string."))?;
    let token = vm.as_text(token).ok_or_else(|| Fault::text("Token must be a string."))?;
    Ok(one(token.clone(), class.clone(), labels))
}

const fn one_of(token: std::sync::Arc<str>, selections: Vec<params::Selection>) -> Find {
    Find {
        token,
        target: Target::Selectors(selections),
        active_after: None,
        quiet_after: None,
        skip: 0,
        count: u64::MAX,
        purpose: FindPurpose::Series,
    }
}

fn one(token: std::sync::Arc<str>, class: std::sync::Arc<str>, labels: Labels) -> Find {
    one_of(token, vec![(class, labels)])
}

fn from_map(vm: &mut Machine, map: Handle<Map>) -> Result<Find> {
    let token = params::get(vm, map, "token").unwrap_or_default();
    let token = params::text(vm, token)?;
    let selections = params::selections(vm, map)?.unwrap_or_default();
    if selections.is_empty() {
        return Err(Fault::bounds().wrap(format!("{} failed.", vm.word.name)));
    }
    let active_after = params::moment_ms(vm, map, "active.after")?;
    let quiet_after = params::moment_ms(vm, map, "quiet.after")?;
    params::check_priority(vm, map)?;
    let skip = params::long(vm, map, "gskip", 0)?.unwrap_or(0);
    let count = params::long(vm, map, "gcount", 0)?.unwrap_or(i64::MAX);
    Ok(Find {
        active_after,
        quiet_after,
        skip: u64::try_from(skip).unwrap_or(0),
        count: u64::try_from(count).unwrap_or(0),
        ..one_of(token, selections)
    })
}

/// One more series counts; an error when there are too many.
fn count_series(vm: &mut Machine) -> Result {
    vm.settings.fetched_series += 1;
    let (count, limit) = (vm.settings.fetched_series, vm.limits.gts);
    if count > limit {
        return Err(vm.error(&format!(
            "exceeded limit of {limit} Geo Time Series, current count is {count}. Consider \
             raising the limit or using capabilities."
        )));
    }
    Ok(())
}

/// Series without points.
struct FoundSeries {
    show_uuid: bool,
    results: Vec<Value>,
}

impl Collector for FoundSeries {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Metadata(found) = chunk else { return Ok(()) };
        vm.charge(found.len() * 16);
        for metadata in found {
            count_series(vm)?;
            // As the reference: what the directory gives cannot be added to.
            if self.show_uuid {
                return Err(Fault::unsupported());
            }
            let series = Series { metadata, ..Series::default() };
            self.results.push(vm.heap.new_gts(series)?);
        }
        Ok(())
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        vm.push_list(std::mem::take(&mut self.results))
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.results.iter().for_each(|value| visit(*value));
    }
}

type Values = IndexMap<String, BTreeSet<String>, FxBuildHasher>;

/// Classes, and values of labels and attributes.
#[derive(Default)]
struct Sets {
    classes: IndexSet<String, FxBuildHasher>,
    labels: Values,
    attributes: Values,
    bytes: usize,
}

impl Sets {
    fn add(&mut self, metadata: &Metadata) {
        self.bytes += add(&mut self.labels, &metadata.labels);
        self.bytes += add(&mut self.attributes, &metadata.attributes);
        if !self.classes.contains(metadata.class()) {
            self.bytes += metadata.class().len() + 64;
            self.classes.insert(metadata.class().to_owned());
        }
    }
}

/// Adds values; the bytes that they take.
fn add(values: &mut Values, labels: &Labels) -> usize {
    let mut bytes = 0;
    for (name, value) in labels.iter() {
        let known = values.entry(name.to_owned()).or_default();
        if !known.contains(value) {
            bytes += value.len() + name.len() + 128;
            known.insert(value.to_owned());
        }
    }
    bytes
}

impl Collector for Sets {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Metadata(found) = chunk else { return Ok(()) };
        vm.charge(found.len() * 32);
        found.iter().for_each(|metadata| self.add(metadata));
        vm.heap.claim(self.bytes)
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        let classes = hash_list(vm, self.classes.iter().map(String::as_str).collect())?;
        vm.push(classes)?;
        push_values(vm, &self.labels)?;
        push_values(vm, &self.attributes)
    }
}

fn push_values(vm: &mut Machine, values: &Values) -> Result {
    let mut map = Map::default();
    for (name, values) in values {
        let list = hash_list(vm, values.iter().map(String::as_str).collect())?;
        map.entries.insert(vm.heap.text_key(name)?, list);
    }
    vm.push_map(map)
}

/// Texts in the order in which Java's hash sets give them.
fn hash_list(vm: &mut Machine, mut texts: Vec<&str>) -> Result<Value> {
    java::hash_order(&mut texts, |text| java::hash_text(text));
    let values: Result<Vec<Value>> = texts.into_iter().map(|text| vm.heap.string(text)).collect();
    vm.heap.new_list(values?)
}

/// Estimates of cardinalities.
#[derive(Default)]
struct Estimates(Stats);

impl Collector for Estimates {
    fn take(&mut self, _vm: &mut Machine, chunk: Chunk) -> Result {
        if let Chunk::Stats(stats) = chunk {
            self.0 = *stats;
        }
        Ok(())
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        let stats = &self.0;
        let detail = |vm: &mut Machine, counts: &[(String, i64)]| {
            let mut map = Map::default();
            for (name, count) in counts {
                map.entries.insert(vm.heap.text_key(name)?, Value::Long(*count));
            }
            Ok::<_, Fault>(Value::Map(vm.heap.alloc_map(map)?))
        };
        let (by_class, by_label) = (detail(vm, &stats.by_class)?, detail(vm, &stats.by_label)?);
        let entries = [
            ("gts.estimate", Value::Long(stats.series)),
            ("classes.estimate", Value::Long(stats.classes)),
            ("labelnames.estimate", Value::Long(stats.label_names)),
            ("labelvalues.estimate", Value::Long(stats.label_values)),
            ("per.class.estimate", by_class),
            ("per.label.value.estimate", by_label),
            ("error.rate", Value::Double(ERROR_RATE)),
        ];
        let mut map = Map::default();
        for (name, value) in entries {
            map.entries.insert(vm.heap.text_key(name)?, value);
        }
        vm.push_map(map)
    }
}

/// A metaset that is being filled.
struct Packed {
    key: WrapKey,
    set: MetaSet,
    found: Vec<Metadata>,
}

impl Collector for Packed {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        const SERIES: usize = 512;
        let Chunk::Metadata(found) = chunk else { return Ok(()) };
        vm.charge(found.len() * 16);
        for metadata in found {
            count_series(vm)?;
            self.found.push(metadata);
        }
        vm.heap.claim(self.found.len() * SERIES)
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        if self.found.is_empty() {
            return Err(vm.error(
                "couldn't find any metadata matching the given class and label selectors.",
            ));
        }
        let found = std::mem::take(&mut self.found);
        self.set.metadatas = Some(found.into_iter().map(Into::into).collect());
        let text = sets::encode(vm, &self.key, &self.set)?;
        vm.push_string(text)
    }
}
