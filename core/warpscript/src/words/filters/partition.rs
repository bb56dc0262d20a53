//! Classes of series that have the same values of some labels.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use weft_gts::Labels;

use crate::error::Result;
use crate::heap::{Gts, Text};
use crate::java;
use crate::machine::Machine;
use crate::value::Handle;

/// One class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Class {
    /// The labels that all of its series have in common.
    pub(crate) labels: Labels,
    /// Its series, by the collection that they come from.
    pub(crate) collections: Vec<Vec<Handle<Gts>>>,
}

/// Labels sorted by name.
type Identity = Vec<(Arc<str>, Arc<str>)>;

/// A class while it is collected.
struct Members {
    /// The labels that make the class.
    key: Labels,
    /// The labels that its series have in common.
    common: Labels,
    series: Vec<Handle<Gts>>,
}

/// Divides the series of several collections into classes by the labels with these names, or by
/// all labels.
///
/// Collections of more than one series make the classes, or the first when there is no such
/// collection; a collection of one series belongs to every class. Classes come in the order of
/// Java's hash tables, which scripts see.
///
/// # Errors
/// When the memory limit is reached.
pub(crate) fn classes(
    vm: &mut Machine,
    collections: &[Vec<Handle<Gts>>],
    names: Option<&[Text]>,
) -> Result<Vec<Class>> {
    let mut all: IndexSet<Handle<Gts>, FxBuildHasher> = IndexSet::default();
    for collection in collections.iter().filter(|c| c.len() > 1) {
        all.extend(collection);
    }
    if all.is_empty() {
        all.extend(collections.first().into_iter().flatten());
    }
    vm.charge(all.len() * 4);
    vm.heap.claim(all.len() * 64)?;
    let partition = partition(vm, &all, names);
    let sets: Vec<IndexSet<Handle<Gts>, FxBuildHasher>> =
        collections.iter().map(|c| c.iter().copied().collect()).collect();
    let class = |members: Members| {
        let part = |(collection, set): (&Vec<Handle<Gts>>, &IndexSet<_, _>)| match &collection[..] {
            [single] => vec![*single],
            _ => members.series.iter().copied().filter(|gts| set.contains(gts)).collect(),
        };
        let collections = collections.iter().zip(&sets).map(part).collect();
        Class { labels: members.common, collections }
    };
    Ok(partition.into_iter().map(class).collect())
}

fn partition(
    vm: &Machine,
    series: &IndexSet<Handle<Gts>, FxBuildHasher>,
    names: Option<&[Text]>,
) -> Vec<Members> {
    let mut classes: IndexMap<Identity, Members, FxBuildHasher> = IndexMap::default();
    for &handle in series {
        let labels = &vm.heap.gts(handle).series.metadata.labels;
        let key: Labels = match names {
            None => labels.clone(),
            Some(names) => names
                .iter()
                .filter_map(|name| labels.get(name).map(|value| (&**name, value)))
                .collect(),
        };
        let sorted = key.sorted();
        let identity = sorted.iter().map(|(n, v)| (n.into(), v.into())).collect();
        let members = classes.entry(identity).or_insert_with(|| Members {
            key,
            common: labels.clone(),
            series: Vec::new(),
        });
        members.common.retain(|name, value| labels.get(name) == Some(value));
        members.series.push(handle);
    }
    let mut classes: Vec<Members> = classes.into_values().collect();
    java::hash_order(&mut classes, |members| hash(&members.key));
    table_order(&mut classes, |members| hash(&members.common));
    classes
}

/// `hashCode` of a map of texts.
fn hash(labels: &Labels) -> i32 {
    labels.iter().fold(0i32, |h, (name, value)| {
        h.wrapping_add(java::hash_text(name) ^ java::hash_text(value))
    })
}

/// As [`java::hash_order`], for a table that was made for as many entries as there are.
fn table_order<T>(items: &mut [T], hash: impl Fn(&T) -> i32) {
    let count = items.len();
    let mut capacity = count.next_power_of_two().max(2);
    while count > capacity / 4 * 3 && capacity > 2 || count > 1 && capacity == 2 {
        capacity *= 2;
    }
    items.sort_by_cached_key(|item| {
        let h = hash(item) as u32;
        ((h ^ (h >> 16)) as usize) & (capacity - 1)
    });
}
