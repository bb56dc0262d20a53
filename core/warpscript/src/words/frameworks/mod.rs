//! The frameworks: BUCKETIZE, MAP, REDUCE, APPLY and what goes with them.
//!
//! - `callee`: what a framework runs; `output`: what macros leave; `build`: series in the making.
//! - `map`: one word, one module.

mod apply;
mod bucketize;
pub(crate) mod build;
mod calendar;
pub(crate) mod callee;
mod map;
mod merge;
pub(crate) mod output;
pub(crate) mod partition;
mod reduce;
pub(crate) mod seek;
mod table;
mod wrap;

use weft_gts::{Columns, Metadata};

use crate::error::Result;
use crate::heap::Gts;
use crate::machine::Machine;
use crate::value::{Handle, Value};
use crate::words::points;

pub(crate) use map::map_ticks;
pub(super) use table::FAMILY;

/// The series that macros are given, made when it is needed: one for all windows, whose name and
/// labels become those of the result.
fn shown(
    vm: &mut Machine,
    place: &mut Option<Handle<Gts>>,
    metadata: &Metadata,
    renamed: bool,
) -> Result<Handle<Gts>> {
    if let Some(shown) = *place {
        return Ok(shown);
    }
    let mut gts = Gts::default();
    gts.series.metadata = metadata.clone();
    gts.renamed = renamed;
    Ok(*place.insert(vm.heap.alloc_gts(gts)?))
}

/// What macros made of the metadata of the series that they were given.
fn shown_metadata(vm: &Machine, shown: Option<Handle<Gts>>) -> Option<(Metadata, bool)> {
    let gts = vm.heap.gts(shown?);
    Some((gts.series.metadata.clone(), gts.renamed))
}

/// Pushes the point that there is not.
fn no_point(vm: &mut Machine) -> Result {
    let nan = Value::Double(f64::NAN);
    vm.push_list(vec![nan, nan, nan, nan, Value::Null])
}

/// The points of a series, oldest first. The series itself is sorted, as the reference does it.
fn sorted(vm: &mut Machine, input: Handle<Gts>) -> Result<Columns> {
    // Sorting is no change in the sense of IMMUTABLE.
    points::sort_in_place(vm, Handle::new(input.index), false)?;
    Ok(vm.heap.gts(input).series.points.clone())
}
