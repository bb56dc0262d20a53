//! The frameworks: BUCKETIZE, MAP, REDUCE, APPLY and what goes with them.
//!
//! - `callee`: what a framework runs; `output`: what macros leave; `build`: series in the making.
//! - `map`: one word, one module.

pub(crate) mod build;
pub(crate) mod callee;
mod map;
pub(crate) mod output;
pub(crate) mod seek;

use weft_gts::Columns;

use crate::error::Result;
use crate::heap::Gts;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Handle;
use crate::words::points;

pub(super) static FAMILY: Family = Family {
    name: "frameworks",
    words: &[word(
        "MAP",
        map::map,
        "1.0.0",
        "[ series<GTS> mapper<AGGREGATOR> pre<LONG> post<LONG> occurrences<LONG> step<LONG> \
             override<BOOLEAN> ] MAP result<LIST>\n\
             series<GTS> parameters<MAP> MAP result<LIST>\n\
             series<LIST> parameters<MAP> MAP result<LIST>",
        "Runs a mapper or a macro over a window that slides along each series, tick by tick or, \
             in bucketised series, bucket by bucket, and makes a series of what it answers.\n\
             The window reaches `pre` points before the tick and `post` points after it; negative \
             numbers are time units. `occurrences` limits how many ticks are visited; a negative \
             number starts at the newest. A sorted list of ticks in its place gives the ticks of \
             the result. `step` leaves ticks out; with `override` results stand at the tick that \
             the mapper says.\n\
             A macro gets the window as a series and leaves tick, latitude, longitude, elevation \
             and value, the same as a list, or a map of such lists by name, which makes several \
             series.",
        &[
            (
                "[ NEWGTS 1 NaN NaN NaN 10 ADDVALUE 2 NaN NaN NaN 20 ADDVALUE mapper.sum 1 0 0 ] \
                 MAP 0 GET VALUES",
                "[[10,30]]",
            ),
            (
                "NEWGTS 1 NaN NaN NaN 10 ADDVALUE 2 NaN NaN NaN 20 ADDVALUE \
                 { 'mapper' <% SIZE 1 ->LIST %> 'post' 1 } MAP 0 GET VALUES",
                "[[2,1]]",
            ),
            ("[ NEWGTS 5 0 0 ] MAP", "!expects a mapper function or a macro"),
        ],
    )],
};

/// The points of a series, oldest first. The series itself is sorted, as the reference does it.
fn sorted(vm: &mut Machine, input: Handle<Gts>) -> Result<Columns> {
    // Sorting is no change in the sense of IMMUTABLE.
    points::sort_in_place(vm, Handle::new(input.index), false)?;
    Ok(vm.heap.gts(input).series.points.clone())
}
