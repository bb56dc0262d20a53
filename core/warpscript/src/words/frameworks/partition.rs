//! Classes of series that have labels in common: PARTITION, and what REDUCE and APPLY start with.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use weft_gts::Labels;

use super::bucketize;
use crate::error::{Fault, Kind, Result};
use crate::heap::{Gts, Map};
use crate::java::{hash_order, hash_text};
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

/// Series with the same values of the labels that count.
#[derive(Debug, Default)]
pub(crate) struct Class {
    /// The labels that all of them have in common.
    pub(crate) common: Labels,
    /// The series, in their order.
    pub(crate) members: Vec<Handle<Gts>>,
}

/// Which labels count; `None` for all.
pub(crate) type ByLabels = Option<Vec<String>>;

/// `hashCode` of a map of texts.
fn hash_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> i32 {
    labels.fold(0i32, |h, (name, value)| h.wrapping_add(hash_text(name) ^ hash_text(value)))
}

/// Classes of series, in the order in which the reference's hash tables give them.
pub(crate) fn partition(
    vm: &mut Machine,
    series: &[Handle<Gts>],
    by: &ByLabels,
) -> Result<Vec<Class>> {
    type Key = Vec<(String, String)>;
    let mut classes: IndexMap<Key, Class, FxBuildHasher> = IndexMap::default();
    vm.charge(series.len() * 8);
    vm.heap.claim(series.len() * 256)?;
    for member in series {
        let labels = &vm.heap.gts(*member).series.metadata.labels;
        let owned = |(n, v): (&str, &str)| (n.to_owned(), v.to_owned());
        let mut key: Key = match by {
            None => labels.iter().map(owned).collect(),
            Some(by) => by.iter().filter_map(|n| labels.get(n).map(|v| owned((n, v)))).collect(),
        };
        key.sort_unstable();
        key.dedup();
        match classes.get_mut(&key) {
            Some(class) => {
                class.common.retain(|name, value| labels.get(name) == Some(value));
                class.members.push(*member);
            }
            None => {
                let class = Class { common: labels.clone(), members: vec![*member] };
                classes.insert(key, class);
            }
        }
    }
    let mut ordered: Vec<(Key, Class)> = classes.into_iter().collect();
    hash_order(&mut ordered, |(key, _)| {
        hash_labels(key.iter().map(|(n, v)| (n.as_str(), v.as_str())))
    });
    // They move into a second table, sized for them and keyed by their common labels.
    let mut classes: Vec<Class> = ordered.into_iter().map(|(_, class)| class).collect();
    for class in &mut classes {
        let first = class.members.first().map(|first| &vm.heap.gts(*first).series.metadata);
        let count = first.map_or(0, |metadata| metadata.labels.len());
        class.common = points::labels_like(&class.common, count);
    }
    let mut capacity = classes.len().max(1).next_power_of_two();
    while classes.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    classes.sort_by_cached_key(|class| {
        let hash = hash_labels(class.common.iter()) as u32;
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    });
    Ok(classes)
}

/// The names of labels in a list or set; `None` for NULL.
pub(super) fn label_names(vm: &Machine, value: Value) -> Option<ByLabels> {
    let items: Vec<Value> = match value {
        Value::Null => return Some(None),
        Value::List(list) | Value::Vector(list) => vm.heap.list(list).clone(),
        Value::Set(set) => vm.heap.set(set).members.iter().map(|k| k.value()).collect(),
        _ => return None,
    };
    let names = items.iter().map(|v| vm.as_text(*v).map(|t| t.to_string()));
    names.collect::<Option<Vec<_>>>().map(Some)
}

/// Lists of values by their labels, as a map.
pub(super) fn push_classes(vm: &mut Machine, classes: Vec<(Labels, Vec<Value>)>) -> Result {
    let mut map = Map::default();
    for (labels, values) in classes {
        let labels = points::labels_as_they_are(vm, &labels)?;
        let labels = Value::Map(vm.heap.alloc_map(labels)?);
        let key = vm.heap.key(labels)?;
        let values = vm.heap.new_list(values)?;
        map.entries.insert(key, values);
    }
    vm.push_map(map)
}

fn partition_word(vm: &mut Machine, strict: bool) -> Result {
    let by = vm.pop()?;
    let names = match by {
        Value::Null => Ok(None),
        Value::List(list) | Value::Vector(list) => {
            // Names are looked at when the first series needs them.
            let names = vm.heap.list(list).iter().map(|v| vm.as_text(*v).map(|t| t.to_string()));
            names.collect::<Option<Vec<_>>>().map(Some).ok_or(())
        }
        _ => return Err(vm.error("expects a list of labels or null on the top of the stack.")),
    };
    let text = "expects a list of Geo Time Series instances under the top of the stack.";
    let list = vm.pop_list(text)?;
    let is_series = |v: &Value| matches!(v, Value::Gts(_)) || v.as_list().is_some();
    let items: Vec<Value> = vm.heap.list(list).iter().copied().filter(is_series).collect();
    let series = bucketize::series_of(vm, &items)?;
    let names = match names {
        Ok(names) => names,
        Err(()) if series.is_empty() => None,
        Err(()) => return Err(Fault::kind(Kind::Cast, "A label's name is a STRING.")),
    };
    let classes = partition(vm, &series, &names)?;
    let classes = classes.into_iter().map(|class| {
        let mut labels = class.common;
        if let (true, Some(names)) = (strict, &names) {
            labels.retain(|name, _| names.iter().any(|n| n == name));
        }
        (labels, class.members.into_iter().map(Value::Gts).collect())
    });
    let classes = classes.collect();
    push_classes(vm, classes)
}

pub(super) fn partition_by(vm: &mut Machine) -> Result {
    partition_word(vm, false)
}

pub(super) fn strict_partition(vm: &mut Machine) -> Result {
    partition_word(vm, true)
}
