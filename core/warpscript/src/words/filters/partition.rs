//! Classes of series that come from several collections.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use weft_gts::Labels;

use crate::error::Result;
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::Handle;
use crate::words::frameworks::partition::{self, ByLabels};

/// One class.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    /// The labels that all of its series have in common.
    pub(super) labels: Labels,
    /// Its series, by the collection that they come from.
    pub(super) collections: Vec<Vec<Handle<Gts>>>,
}

/// Divides the series of several collections into classes.
///
/// Collections of more than one series make the classes, or the first when there is no such
/// collection; a collection of one series belongs to every class.
///
/// # Errors
/// When the memory limit is reached.
pub(super) fn classes(
    vm: &mut Machine,
    collections: &[Vec<Handle<Gts>>],
    by: &ByLabels,
) -> Result<Vec<Class>> {
    type Members = IndexSet<Handle<Gts>, FxBuildHasher>;
    let mut all = Members::default();
    for collection in collections.iter().filter(|c| c.len() > 1) {
        all.extend(collection);
    }
    if all.is_empty() {
        all.extend(collections.first().into_iter().flatten());
    }
    let all: Vec<Handle<Gts>> = all.into_iter().collect();
    let sets: Vec<Members> = collections.iter().map(|c| c.iter().copied().collect()).collect();
    let class = |class: partition::Class| {
        let part = |(collection, set): (&Vec<Handle<Gts>>, &Members)| match &collection[..] {
            [single] => vec![*single],
            _ => class.members.iter().copied().filter(|gts| set.contains(gts)).collect(),
        };
        let parts = collections.iter().zip(&sets).map(part).collect();
        Class { labels: class.common, collections: parts }
    };
    Ok(partition::partition(vm, &all, by)?.into_iter().map(class).collect())
}
