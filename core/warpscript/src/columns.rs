//! Datapoints by column: order, choice, matching.

use std::sync::Arc;

use weft_gts::{Column, Columns};

use crate::error::Result;
use crate::heap::{Gts, Order};
use crate::machine::Machine;
use crate::value::Handle;

/// The points at `indexes`, in that order.
pub(crate) fn select(points: &Columns, indexes: &[usize]) -> Columns {
    fn pick<T: Clone>(column: &Arc<Vec<T>>, indexes: &[usize]) -> Arc<Vec<T>> {
        if column.is_empty() {
            return Arc::default();
        }
        Arc::new(indexes.iter().map(|i| column[*i].clone()).collect())
    }
    if indexes.is_empty() {
        return Columns::default();
    }
    Columns {
        ticks: pick(&points.ticks, indexes),
        locations: pick(&points.locations, indexes),
        elevations: pick(&points.elevations, indexes),
        values: match &points.values {
            Column::Empty => Column::Empty,
            Column::Long(v) => Column::Long(pick(v, indexes)),
            Column::Double(v) => Column::Double(pick(v, indexes)),
            Column::Boolean(v) => Column::Boolean(pick(v, indexes)),
            Column::String(v) => Column::String(pick(v, indexes)),
            Column::Mixed(v) => Column::Mixed(pick(v, indexes)),
        },
    }
}

/// How the ticks are ordered, as a series that was built point by point would know it.
pub(crate) fn order(ticks: &[i64]) -> Order {
    let [first, second, ..] = ticks else { return Order::Ascending };
    if first > second {
        if ticks.is_sorted_by(|a, b| a >= b) { Order::Descending } else { Order::Unknown }
    } else if ticks.is_sorted() {
        Order::Ascending
    } else {
        Order::Unknown
    }
}

/// Sorts a series by tick, in place for all who hold it, as the reference does: points with equal
/// ticks end up where its partitioning leaves them.
///
/// # Errors
/// When memory does not suffice for the order.
pub(crate) fn sort(vm: &mut Machine, handle: Handle<Gts>, reversed: bool) -> Result {
    let gts = vm.heap.gts(handle);
    let wanted = if reversed { Order::Descending } else { Order::Ascending };
    if gts.order == wanted {
        return Ok(());
    }
    let points = &gts.series.points;
    let count = points.len();
    let known = match gts.order {
        Order::Unknown => order(&points.ticks),
        known => known,
    };
    if known != wanted || count < 2 {
        vm.heap.claim(count.saturating_mul(40))?;
        let points = &vm.heap.gts(handle).series.points;
        let indexes: Vec<usize> = match known {
            Order::Unknown => sorted_indexes(&points.ticks, reversed),
            _ => (0..count).rev().collect(),
        };
        let sorted = select(points, &indexes);
        vm.charge(count * 4);
        vm.heap.change_gts(handle.thawed())?.series.points = sorted;
    }
    vm.heap.change_gts(handle.thawed())?.order = wanted;
    Ok(())
}

/// The indexes of `ticks` in sorted order, by exchanging around the middle tick of ever smaller
/// ranges. Ranges that refuse to get smaller are sorted otherwise.
fn sorted_indexes(ticks: &[i64], reversed: bool) -> Vec<usize> {
    let mut entries: Vec<(i64, usize)> =
        ticks.iter().enumerate().map(|(i, t)| (if reversed { !*t } else { *t }, i)).collect();
    // Twice the logarithm is far more than chance leads to.
    let deepest = 4 * (usize::BITS - ticks.len().leading_zeros());
    let mut ranges = vec![(0, ticks.len().saturating_sub(1), 0)];
    while let Some((low, high, depth)) = ranges.pop() {
        if low >= high {
            continue;
        }
        if depth > deepest {
            entries[low..=high].sort_by_key(|e| e.0);
            continue;
        }
        let pivot = entries[low + (high - low) / 2].0;
        let (mut i, mut j) = (low as isize, high as isize);
        while i <= j {
            while entries[i as usize].0 < pivot {
                i += 1;
            }
            while entries[j as usize].0 > pivot {
                j -= 1;
            }
            if i <= j {
                entries.swap(i as usize, j as usize);
                i += 1;
                j -= 1;
            }
        }
        if low as isize <= j {
            ranges.push((low, j as usize, depth + 1));
        }
        ranges.push((i as usize, high, depth + 1));
    }
    entries.into_iter().map(|e| e.1).collect()
}

/// The pairs of indexes with equal ticks in two ascending columns; the n-th point at a tick meets
/// the n-th point at it on the other side.
pub(crate) fn common(a: &[i64], b: &[i64]) -> Vec<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                pairs.push((i, j));
                i += 1;
                j += 1;
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_by_exchange() {
        assert_eq!(sorted_indexes(&[3, 1, 3, 2], false), [1, 3, 2, 0]);
        assert_eq!(sorted_indexes(&[1, 2, 3], true), [2, 1, 0]);
        assert_eq!(sorted_indexes(&[], false), Vec::<usize>::new());
        let ticks: Vec<i64> = (0..5000).map(|i| (i * 7919) % 4001).collect();
        let indexes = sorted_indexes(&ticks, false);
        assert!(indexes.iter().map(|i| ticks[*i]).is_sorted());
        let equal = vec![5; 3000];
        let mut indexes = sorted_indexes(&equal, true);
        indexes.sort_unstable();
        assert!(indexes.into_iter().eq(0..3000));
    }

    #[test]
    fn orders_and_pairs() {
        assert_eq!(order(&[]), Order::Ascending);
        assert_eq!(order(&[2, 1]), Order::Descending);
        assert_eq!(order(&[1, 1, 0]), Order::Unknown);
        assert_eq!(common(&[1, 2, 2, 3], &[2, 2, 2, 4]), [(1, 0), (2, 1)]);
    }
}
